"""Lint a set of judgements: popularity, clusters, pool and twins; and all checks in one call."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import shown
from anglewise.data_types.pairs import check_of_space
from anglewise.data_types.text import at_most, counted, counted_are, percent
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.evaluation_metrics.pools import POOL_GAP, ZEROS
from anglewise.geometry.crowding import ROUNDING, clusters
from anglewise.geometry.norms import popularity, popularity_note, ranked_side
from anglewise.io.judgement_rows import Reject, count_refused
from anglewise.judgements.records import Judged
from anglewise.labelling.lint_checks import (
    SEVERITIES,
    Finding,
    Lint,
    LintSubject,
    generated_judgements,
    leaked_words,
    odd_grades,
    repetitions,
    trained_on,
    unknown_ids,
)
from anglewise.nearest_neighbours.search import search
from anglewise.similarity_measures.formulas import Measure

SKEWED = 0.2
"""The distance of Kolmogorov and Smirnov above which there is a warning."""
CURVE = 41
"""Points at which both distribution functions are given, for a plot."""
SMALLEST_CLUSTER = 0.02
"""A cluster with less than this share of the items may be without judgements."""


def popularity_skew(subject: LintSubject) -> list[Finding]:
    """A finding where relevant items are more or less popular than the catalogue.

    By the distance of Kolmogorov and Smirnov, ``max |F(x) - G(x)|`` of both distributions, each
    relevant judgement counting once: it must exceed 0.2 and its critical value at 5%,
    ``1.36 sqrt((n + m) / (n m))``.
    """
    side = ranked_side(subject.judgements.direction)
    popularities = popularity(subject.space, side)
    table = subject.judgements.gains
    if popularities is None:
        return []
    whole = popularities.values[np.isfinite(popularities.values)]
    relevant = popularities.values[table.indices[table.values > 0]]
    relevant = relevant[np.isfinite(relevant)]
    if len(whole) < 2 or not len(relevant) or whole.min() == whole.max():
        return []
    distance, curve = ks_distance(relevant, whole)
    chance = 1.36 * float(np.sqrt((len(relevant) + len(whole)) / (len(relevant) * len(whole))))
    if distance <= max(SKEWED, chance):
        return []
    # np.median takes the mean of two, and their sum may be infinite
    middle, usual = (float(np.quantile(values, 0.5)) for values in (relevant, whole))
    above = middle > usual
    if popularities.what == "text length":
        unit, comparative = "length of text", "longer" if above else "shorter"
    else:
        unit, comparative = "popularity", "more popular" if above else "less popular"
    return [
        Finding(
            "warning",
            "popularity",
            f"relevant items are {comparative} than the catalogue: Kolmogorov-Smirnov distance "
            f"{distance:.2f} (by chance up to {at_most(chance)} in 19 sets of 20, were these "
            f"independent), median {unit} {middle:g} against {usual:g}",
            "a win may rest on it: see what norm(0,*) says, and judge rarer items too",
            {"distance": distance, "by_chance": chance, "what": popularities.what, "curve": curve},
        )
    ]


def unread_popularity(subject: LintSubject) -> list[Finding]:
    """A note where cells of the column ``popularity`` are no numbers of use."""
    note = popularity_note(subject.space, ranked_side(subject.judgements.direction))
    if note is None:
        return []
    remedy = "write how often each was used, as numbers without separators, or leave cells empty"
    return [Finding("note", "popularity", note, remedy)]


def ks_distance(
    some: Float64[Array, " n"], whole: Float64[Array, " m"]
) -> tuple[float, dict[str, Any]]:
    """The largest gap between two distribution functions, and both at 41 quantiles of the whole.

    >>> ks_distance(np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0]))[0]
    0.5
    """
    some, whole = np.sort(some), np.sort(whole)
    values = np.unique(np.concatenate([some, whole]))
    gap = np.abs(_share(some, values) - _share(whole, values)).max()
    points = np.unique(np.quantile(whole, np.linspace(0, 1, CURVE)))
    return float(gap), {
        "at": points.tolist(),
        "judged": _share(some, points).tolist(),
        "catalogue": _share(whole, points).tolist(),
    }


def empty_clusters(subject: LintSubject, *, seed: int = 0) -> list[Finding]:
    """Clusters of items, and of queries, in which nothing is judged."""
    findings: list[Finding] = []
    table = subject.judgements.gains
    judged_queries = subject.judgements.judged_rows
    judged_everywhere = subject.judgements.judged_items
    judged_items = (
        np.unique(table.indices) if judged_everywhere is None else np.flatnonzero(judged_everywhere)
    )
    sides = [("items", subject.ranked, judged_items), ("queries", subject.asking, judged_queries)]
    for name, side, judged in sides:
        count = min(20, len(side) // 25)
        if count < 2 or len(judged) == len(side) or (name == "queries" and len(judged) < count):
            continue
        cluster_of = clusters(side.vectors, count, seed=seed)
        empty = _missed(cluster_of, judged, count)
        if len(empty):
            share = float(np.isin(cluster_of, empty).mean())
            example = _example(side.ids, cluster_of, int(empty[0]))
            findings.append(
                Finding(
                    "warning" if share > 0.1 else "note",
                    f"clusters of {name}",
                    f"{len(empty)} of {count} clusters of {name}, with {percent(share)} of the "
                    f"{name}, {'holds' if len(empty) == 1 else 'hold'} no judged one, such as that "
                    f"around {example}",
                    f"judge some {name} there: the numbers say nothing about them",
                    {"clusters": count, "missed": len(empty), "share": share},
                )
            )
    return findings


def _missed(cluster_of: Int64[Array, " n"], judged: Int64[Array, " some"], count: int) -> Array:
    sizes = np.bincount(cluster_of, minlength=count)
    judged_counts = np.bincount(cluster_of[judged], minlength=count)
    return np.flatnonzero((judged_counts == 0) & (sizes >= SMALLEST_CLUSTER * len(cluster_of)))


def _example(names: Array, cluster_of: Int64[Array, " n"], cluster: int) -> str:
    return repr(shown(names[np.flatnonzero(cluster_of == cluster)[0]]))


def _share(
    values: Float64[Array, " n"], points: Float64[Array, " points"]
) -> Float64[Array, " points"]:
    return np.searchsorted(values, points, side="right") / len(values)


MOST_SEARCHED = 1_000
"""Queries or items that are searched at most; a sample is drawn where there are more."""


def unjudged_pool(
    subject: LintSubject, measures: Sequence[str | Measure] | str, k: int, *, seed: int = 0
) -> list[Finding]:
    """Which share of each measure's first ``k`` is unjudged, and which measures were not pooled.

    Where only relevant items are recorded, as from clicks, the judged share is the precision and
    tells nothing about the pool.
    """
    judgements = subject.judgements
    if judgements.judged_items is not None:
        return []
    rows = _some(judgements.judged_rows, seed)
    k = min(k, len(subject.ranked) - (subject.asking is subject.ranked))
    neighbours = search(
        subject.space,
        measures,
        k=k,
        direction=judgements.direction,
        rows=rows,
        exclude=judgements.seen,
    )
    width = judgements.gains.shape[1]
    keys = judgements.gains.rows * width + judgements.gains.indices
    unjudged: dict[str, float] = {}
    for name, lists in neighbours.items():
        listed = lists.indices >= 0
        judged = np.isin(rows[:, None] * width + np.maximum(lists.indices, 0), keys)
        unjudged[name] = float((listed & ~judged).sum() / max(listed.sum(), 1))
    findings = _outside(subject, list(neighbours))
    has_zeros = bool((judgements.gains.values <= 0).mean() >= ZEROS)
    findings += _biased(unjudged, k) if has_zeros else []
    if findings or max(unjudged.values()) < POOL_GAP:
        return findings
    words = ", ".join(f"{name} {percent(share)}" for name, share in unjudged.items())
    caveat = "" if has_zeros else "; without zeros nobody can tell a bad list from an unjudged one"
    return [
        Finding(
            "note",
            "unjudged",
            f"nobody judged a part of the first {k}: {words}{caveat}",
            (
                "pairs were drawn by lot, for which metrics in (sampled) allow; to others unjudged "
                "counts as not relevant"
                if judgements.by_lot
                else "unjudged counts as not relevant; judge what the measures find"
            ),
            {"unjudged": unjudged},
        )
    ]


def _biased(unjudged: dict[str, float], k: int) -> list[Finding]:
    best = min(unjudged, key=lambda name: unjudged[name])
    unpooled = [name for name, share in unjudged.items() if share > unjudged[best] + POOL_GAP]
    if not unpooled:
        return []
    shares = ", ".join(f"{name} {percent(unjudged[name])}" for name in (best, *unpooled))
    return [
        Finding(
            "warning",
            "pool",
            f"the pool may favour {best}: of the first {k} nobody judged {shares}; "
            f"{' and '.join(unpooled)} did not contribute, it seems",
            f"judge what {' and '.join(unpooled)} finds too, or the pool may make the verdict",
            {"unjudged": unjudged, "favoured": best, "outside": unpooled},
        )
    ]


def _outside(subject: LintSubject, measures: Sequence[str]) -> list[Finding]:
    """Measures that no context of a judgement names, where contexts name some of them."""
    pooled = {name for row in subject.rows for name in row.context}
    if not pooled & set(measures):
        return []
    unpooled = [name for name in measures if name not in pooled]
    if not unpooled:
        return []
    return [
        Finding(
            "warning",
            "pool",
            f"no judgement says that it came from {' or '.join(unpooled)}; some say that they came "
            f"from {', '.join(sorted(pooled & set(measures)))}",
            f"judge what {' and '.join(unpooled)} finds too",
            {"outside": unpooled},
        )
    ]


def twins(subject: LintSubject, *, seed: int = 0) -> list[Finding]:
    """Relevant items whose vector another item has too; judgements that grade the two unlike."""
    if len(subject.ranked) < 3:
        return []
    table = subject.judgements.gains
    relevant = table.values > 0
    items = _some(np.unique(table.indices[relevant]), seed)
    if not len(items):
        return []
    between_queries = subject.judgements.direction == "queries-queries"
    direction = "queries-queries" if between_queries else "items-items"
    k = min(3, len(subject.ranked) - 1)
    lists = search(subject.space, "cosine", k=k, direction=direction, rows=items)["cosine"]
    list_index, column = np.nonzero((lists.indices >= 0) & (lists.scores >= np.float64(ROUNDING)))
    if not len(list_index):
        return []
    pairs: list[tuple[int, int]] = list(
        zip(items[list_index].tolist(), lists.indices[list_index, column].tolist(), strict=True)
    )
    disputed, twins = _disputed(subject, pairs), len({item for item, _ in pairs})
    stand = "stands" if twins == 1 else "stand"
    item, twin = (shown(subject.ranked.ids[row]) for row in pairs[0])
    lengths = subject.ranked.norms[np.array(pairs)]
    alike = bool((lengths.min(axis=1) >= ROUNDING * lengths.max(axis=1)).all())
    vectors = "the same vector" if alike else "vectors of one direction"
    by = "no measure of vectors" if alike else "no measure that drops their lengths"
    return [
        Finding(
            "warning" if disputed else "note",
            "twins",
            f"{twins:,} of {len(items):,} relevant items {stand} more than once under different "
            f"ids with {vectors}, such as {item!r} and {twin!r}; for "
            f"{counted(disputed, 'judgement')} the twin has another grade or none",
            f"{by} can tell them apart: give twins one grade, or keep one of them",
            {"pairs": len(pairs), "disputed": disputed},
        )
    ]


def _disputed(subject: LintSubject, pairs: Sequence[tuple[int, int]]) -> int:
    table = subject.judgements.gains
    twins_of: dict[int, list[int]] = {}
    for item, twin in pairs:
        twins_of.setdefault(item, []).append(twin)
    pairs_judged = zip(table.rows.tolist(), table.indices.tolist(), strict=True)
    grade_of = dict(zip(pairs_judged, table.values.tolist(), strict=True))
    same = subject.asking is subject.ranked
    return sum(
        grade_of.get((query, twin)) != gain
        for (query, item), gain in grade_of.items()
        if gain > 0
        for twin in twins_of.get(item, [])
        if not (same and query == twin)
    )


def _some(rows: Int64[Array, " rows"], seed: int) -> Int64[Array, " some"]:
    if len(rows) <= MOST_SEARCHED:
        return rows.astype(np.int64)
    drawn: Float64[Array, " rows"] = np.random.default_rng(seed).permutation(rows)[:MOST_SEARCHED]
    return np.sort(drawn).astype(np.int64)


def lint(
    space: Space,
    judgements: Judgements,
    *,
    measures: Sequence[str | Measure] | str = "dot,cosine,euclidean",
    k: int = 10,
    rows: Iterable[Judged] = (),
    rejects: Sequence[Reject] = (),
    seed: int = 0,
) -> Lint:
    """Find what would make a comparison on these judgements wrong or misleading.

    Checked are: refused rows, unknown ids, pairs that come twice or on which judges differ, sets
    of one grade, queries without relevant items, generated judgements; queries in the words of
    their answer, training interactions among the judged; relevant items more or less popular than
    the catalogue, clusters without judgements; the unjudged share of each measure's first ``k``,
    measures that were not pooled; items of the same vector with different grades.

    Parameters
    ----------
    measures
        Their lists are checked for unjudged items.
    rows
        The rows behind the judgements, where they are known.
    rejects
        Rows of the file that are no judgements.
    seed
        Draws a sample where there are many queries or items, and starts the clusters.

    Raises
    ------
    ShapeError
        Judgements of another space.

    Examples
    --------
    >>> import numpy as np
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.data_types.sparse import SparseRows
    >>> space = Space(items=Embeddings(np.eye(4)), queries=Embeddings(np.eye(2, 4)))
    >>> judged = Judgements(SparseRows.from_pairs([0], [1], [0.0], shape=(2, 4)))
    >>> result = lint(space, judged, k=2)
    >>> [(finding.severity, finding.check) for finding in result.findings]
    [('error', 'grades'), ('note', 'unjudged')]
    """
    check_of_space(judgements, space)
    subject = LintSubject(space, judgements, tuple(rows))
    checks: dict[str, Callable[[], list[Finding]]] = {
        "refused rows": lambda: _refused(rejects),
        "unknown ids": lambda: unknown_ids(subject),
        "repetitions": lambda: repetitions(subject),
        "grades": lambda: odd_grades(subject),
        "generated judgements": lambda: generated_judgements(subject),
        "leaked words": lambda: leaked_words(subject),
        "training among the judged": lambda: trained_on(subject),
        "popularity": lambda: [*unread_popularity(subject), *popularity_skew(subject)],
        "clusters": lambda: empty_clusters(subject, seed=seed),
        "pool": lambda: unjudged_pool(subject, measures, k, seed=seed),
        "twins": lambda: twins(subject, seed=seed),
    }
    findings = [finding for check in checks.values() for finding in check()]
    return Lint(
        judgements.direction,
        judgements.source,
        len(judgements.judged_rows),
        len(judgements.graded.indices),
        tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
        tuple(checks),
    )


def _refused(rejects: Sequence[Reject]) -> list[Finding]:
    if not rejects:
        return []
    first = rejects[0]
    return [
        Finding(
            "error",
            "refused rows",
            f"{counted_are(count_refused(rejects), 'row')} no "
            f"{'judgement' if count_refused(rejects) == 1 else 'judgements'}, the first at "
            f"{first.row}: {first.reason}",
            first.remedy,
            {"rows": count_refused(rejects)},
        )
    ]
