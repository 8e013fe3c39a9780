"""Lint a set of judgements: its pool, what it covers, and all findings together."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.numbers import shown
from anglewise.core.typing import Array, Float64, Int64
from anglewise.diagnostics.duplicates import ROUNDING
from anglewise.diagnostics.hubness import clusters
from anglewise.diagnostics.norms import popularity
from anglewise.engine.search import search
from anglewise.io.judgement_rows import Reject
from anglewise.judgements.records import Judged
from anglewise.judging.lint_checks import (
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
from anglewise.measures.formulas import Measure

SKEWED = 0.2
"""A distance between two distributions that is worth a warning."""
CURVE = 41
"""Points at which both distributions are told, for a picture."""
CORNER = 0.02
"""A cluster that holds less of the catalogue than this is not missed."""


def popularity_skew(subject: LintSubject) -> list[Finding]:
    """How far the popularity of relevant items is from that of the catalogue.

    The distance of Kolmogorov and Smirnov, ``max |F(x) - G(x)|`` of both distributions, each
    relevant judgement counting once; a finding where it exceeds 0.2 and what chance explains at
    95%, ``1.36 sqrt((n + m) / (n m))``.
    """
    side = "queries" if subject.judgements.direction == "queries-queries" else "items"
    known = popularity(subject.space, side)
    table = subject.judgements.gains
    if known is None:
        return []
    whole = known.values[np.isfinite(known.values)]
    mine = known.values[table.indices[table.values > 0]]
    mine = mine[np.isfinite(mine)]
    if len(whole) < 2 or not len(mine) or whole.min() == whole.max():
        return []
    distance, curve = ks_distance(mine, whole)
    chance = 1.36 * float(np.sqrt((len(mine) + len(whole)) / (len(mine) * len(whole))))
    if distance <= max(SKEWED, chance):
        return []
    more = "more" if np.median(mine) > np.median(whole) else "less"
    word = "length of text" if known.what == "text length" else "popularity"
    fitting = "longer" if more == "more" else "shorter"
    which = fitting if known.what == "text length" else f"{more} popular"
    return [
        Finding(
            "warning",
            "popularity",
            f"relevant items are {which} than the catalogue: Kolmogorov-Smirnov distance "
            f"{distance:.2f} (by chance up to {chance:.2f}), median {word} {np.median(mine):g} "
            f"against {np.median(whole):g}",
            "a win may rest on it: see what norm(0,*) says, and judge rarer items too",
            {"distance": distance, "by_chance": chance, "what": known.what, "curve": curve},
        )
    ]


def ks_distance(
    some: Float64[Array, " n"], whole: Float64[Array, " m"]
) -> tuple[float, dict[str, Any]]:
    """The largest gap between two distribution functions, and both at quantiles of the whole.

    >>> ks_distance(np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0]))[0]
    0.5
    """
    some, whole = np.sort(some), np.sort(whole)
    at = np.unique(np.concatenate([some, whole]))
    gap = np.abs(_share(some, at) - _share(whole, at)).max()
    points = np.unique(np.quantile(whole, np.linspace(0, 1, CURVE)))
    return float(gap), {
        "at": points.tolist(),
        "judged": _share(some, points).tolist(),
        "catalogue": _share(whole, points).tolist(),
    }


def empty_clusters(subject: LintSubject, *, seed: int = 0) -> list[Finding]:
    """Clusters of items that no judgement touches, and of queries of which none is judged."""
    findings: list[Finding] = []
    table = subject.judgements.gains
    asked = subject.judgements.judged_rows
    whole_items = subject.judgements.judged_items
    touched = np.unique(table.indices) if whole_items is None else np.flatnonzero(whole_items)
    sides = [("items", subject.ranked, touched), ("queries", subject.asking, asked)]
    for name, side, judged in sides:
        count = min(20, len(side) // 25)
        if count < 2 or len(judged) == len(side) or (name == "queries" and len(judged) < count):
            continue
        of = clusters(side.vectors, count, seed=seed)
        missed = _missed(of, judged, count)
        if len(missed):
            share = float(np.isin(of, missed).mean())
            findings.append(
                Finding(
                    "warning" if share > 0.1 else "note",
                    f"clusters of {name}",
                    f"{len(missed)} of {count} clusters of {name} ({share:.0%} of them) hold no "
                    f"judged one, such as that around {_middle(side.ids, of, int(missed[0]))}",
                    f"judge some {name} there: the numbers say nothing about them",
                    {"clusters": count, "missed": len(missed), "share": share},
                )
            )
    return findings


def _missed(of: Int64[Array, " n"], judged: Int64[Array, " some"], count: int) -> Array:
    sizes = np.bincount(of, minlength=count)
    held = np.bincount(of[judged], minlength=count)
    return np.flatnonzero((held == 0) & (sizes >= CORNER * len(of)))


def _middle(names: Array, of: Int64[Array, " n"], cluster: int) -> str:
    return repr(shown(names[np.flatnonzero(of == cluster)[0]]))


def _share(
    values: Float64[Array, " n"], at: Float64[Array, " points"]
) -> Float64[Array, " points"]:
    return np.searchsorted(values, at, side="right") / len(values)


LOOKED_AT = 1_000
"""Queries that are searched, drawn by the seed where there are more."""
APART = 0.2
"""A share of unjudged items that is so much higher than another's betrays the pool."""

ZEROS = 0.1
"""With a smaller share of zeros, what was judged is little but what is relevant."""


def unjudged_pool(
    subject: LintSubject, measures: Sequence[str | Measure] | str, k: int, *, seed: int = 0
) -> list[Finding]:
    """Which share of each measure's first ``k`` nobody judged, and who was not in the pool.

    Where only relevant items are recorded, as from clicks, the judged share is the precision, and
    says nothing about a pool.
    """
    judgements = subject.judgements
    if judgements.judged_items is not None:
        return []
    rows = _some(judgements.judged_rows, seed)
    found = search(
        subject.space,
        measures,
        k=min(k, len(subject.ranked) - (subject.asking is subject.ranked)),
        direction=judgements.direction,
        rows=rows,
        exclude=judgements.seen,
    )
    wide = judgements.gains.shape[1]
    keys = judgements.gains.rows * wide + judgements.gains.indices
    unjudged: dict[str, float] = {}
    for name, lists in found.items():
        there = lists.indices >= 0
        judged = np.isin(rows[:, None] * wide + np.maximum(lists.indices, 0), keys)
        unjudged[name] = float((there & ~judged).sum() / max(there.sum(), 1))
    findings = _outside(subject, list(found))
    has_zeros = bool((judgements.gains.values <= 0).mean() >= ZEROS)
    findings += _biased(unjudged, k) if has_zeros else []
    if findings or max(unjudged.values()) < APART:
        return findings
    words = ", ".join(f"{name} {share:.0%}" for name, share in unjudged.items())
    blind = "" if has_zeros else "; without zeros nobody can tell a bad list from an unjudged one"
    return [
        Finding(
            "note",
            "unjudged",
            f"nobody judged a part of the first {k}: {words}{blind}",
            "unjudged counts as not relevant; judge what the measures find",
            {"unjudged": unjudged},
        )
    ]


def _biased(unjudged: dict[str, float], k: int) -> list[Finding]:
    best = min(unjudged, key=lambda name: unjudged[name])
    outside = [name for name, share in unjudged.items() if share > unjudged[best] + APART]
    if not outside:
        return []
    shares = ", ".join(f"{name} {unjudged[name]:.0%}" for name in (best, *outside))
    return [
        Finding(
            "warning",
            "pool",
            f"the pool favours {best}: of the first {k} nobody judged {shares}; "
            f"{' and '.join(outside)} did not contribute, it seems",
            f"judge what {' and '.join(outside)} finds too, or the verdict is made by the pool",
            {"unjudged": unjudged, "favoured": best, "outside": outside},
        )
    ]


def _outside(subject: LintSubject, measures: Sequence[str]) -> list[Finding]:
    """Measures that no recorded context names, where contexts name measures at all."""
    named = {name for row in subject.rows for name in row.context}
    if not named & set(measures):
        return []
    outside = [name for name in measures if name not in named]
    if not outside:
        return []
    return [
        Finding(
            "warning",
            "pool",
            f"{' and '.join(outside)} did not contribute to the pool: the judged pairs came from "
            f"{', '.join(sorted(named & set(measures)))}",
            f"judge what {' and '.join(outside)} finds too",
            {"outside": outside},
        )
    ]


def twins(subject: LintSubject, *, seed: int = 0) -> list[Finding]:
    """Items that are one vector twice, of which one is relevant and the other not, or unjudged."""
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
    place, where = np.nonzero((lists.indices >= 0) & (lists.scores >= np.float64(ROUNDING)))
    if not len(place):
        return []
    pairs: list[tuple[int, int]] = list(
        zip(items[place].tolist(), lists.indices[place, where].tolist(), strict=True)
    )
    disputed = _disputed(subject, pairs)
    one, other = (shown(subject.ranked.ids[item]) for item in pairs[0])
    return [
        Finding(
            "warning" if disputed else "note",
            "twins",
            f"{len({item for item, _ in pairs}):,} of {len(items):,} relevant items stand twice "
            f"under different ids with the same vector, such as {one!r} and {other!r}; for "
            f"{disputed:,} judgements the twin has "
            "another grade or none",
            "no measure can tell them apart: give twins one grade, or keep one of them",
            {"pairs": len(pairs), "disputed": disputed},
        )
    ]


def _disputed(subject: LintSubject, pairs: Sequence[tuple[int, int]]) -> int:
    table = subject.judgements.gains
    twins_of: dict[int, list[int]] = {}
    for item, twin in pairs:
        twins_of.setdefault(item, []).append(twin)
    pairs_judged = zip(table.rows.tolist(), table.indices.tolist(), strict=True)
    grade = dict(zip(pairs_judged, table.values.tolist(), strict=True))
    same = subject.asking is subject.ranked
    return sum(
        grade.get((query, twin)) != gain
        for (query, item), gain in grade.items()
        if gain > 0
        for twin in twins_of.get(item, [])
        if not (same and query == twin)
    )


def _some(rows: Int64[Array, " rows"], seed: int) -> Int64[Array, " some"]:
    if len(rows) <= LOOKED_AT:
        return rows.astype(np.int64)
    drawn: Float64[Array, " rows"] = np.random.default_rng(seed).permutation(rows)[:LOOKED_AT]
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
    """Look for what would make a comparison on these judgements wrong or misleading.

    Refused rows, unknown ids, pairs that come twice or on which judges differ, one-grade sets,
    queries without relevant items, generated judgements; queries in the words of their answer,
    training interactions among the judged; relevant items more popular than the catalogue,
    clusters that no judgement touches; the share of each measure's first ``k`` that nobody
    judged, measures that did not contribute to the pool; twins with one vector and two grades.

    Parameters
    ----------
    measures
        Whose lists are looked at for unjudged items.
    rows
        Who judged what, where that is known.
    rejects
        Rows of the file that are no judgements.
    seed
        Draws queries and items where there are more than are looked at, and starts the clusters.

    Examples
    --------
    >>> import numpy as np
    >>> from anglewise.core.embeddings import Embeddings
    >>> from anglewise.core.sparse import SparseRows
    >>> space = Space(items=Embeddings(np.eye(4)), queries=Embeddings(np.eye(2, 4)))
    >>> judged = Judgements(SparseRows.from_pairs([0], [1], [0.0], shape=(2, 4)))
    >>> found = lint(space, judged, k=2)
    >>> [(one.severity, one.check) for one in found.findings]
    [('error', 'grades'), ('note', 'unjudged')]
    """
    subject = LintSubject(space, judgements, tuple(rows))
    checks: dict[str, Callable[[], list[Finding]]] = {
        "refused rows": lambda: _refused(rejects),
        "unknown ids": lambda: unknown_ids(subject),
        "repetitions": lambda: repetitions(subject),
        "grades": lambda: odd_grades(subject),
        "generated judgements": lambda: generated_judgements(subject),
        "leaked words": lambda: leaked_words(subject),
        "training among the judged": lambda: trained_on(subject),
        "popularity": lambda: popularity_skew(subject),
        "clusters": lambda: empty_clusters(subject, seed=seed),
        "pool": lambda: unjudged_pool(subject, measures, k, seed=seed),
        "twins": lambda: twins(subject, seed=seed),
    }
    findings = [one for check in checks.values() for one in check()]
    return Lint(
        judgements.direction,
        judgements.source,
        len(judgements.judged_rows),
        len(judgements.gains.indices),
        tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity))),
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
            f"{len(rejects):,} rows are no judgements, the first at {first.row}: {first.reason}",
            first.remedy,
            {"rows": len(rejects)},
        )
    ]
