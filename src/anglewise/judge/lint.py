"""What is wrong with a set of judgements, before any number rests on it."""

from collections.abc import Callable, Iterable, Sequence

from anglewise.embeddings import Space
from anglewise.interop.judged_cells import Reject
from anglewise.judge import lint_cover, lint_leaks, lint_pool, lint_set
from anglewise.judge.finding import SEVERITIES, Finding, Lint, Looked
from anglewise.judgements.judged import Judged
from anglewise.judgements.judgements import Judgements
from anglewise.measures.measure import Measure


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
    >>> from anglewise.embeddings import Embeddings
    >>> from anglewise.sparse import SparseRows
    >>> space = Space(items=Embeddings(np.eye(4)), queries=Embeddings(np.eye(2, 4)))
    >>> judged = Judgements(SparseRows.from_pairs([0], [1], [0.0], shape=(2, 4)))
    >>> found = lint(space, judged, k=2)
    >>> [(one.severity, one.check) for one in found.findings]
    [('error', 'grades'), ('note', 'unjudged')]
    """
    looked = Looked(space, judgements, tuple(rows))
    looks: dict[str, Callable[[], list[Finding]]] = {
        "refused rows": lambda: _refused(rejects),
        "unknown ids": lambda: lint_set.ids(looked),
        "repetitions": lambda: lint_set.repetitions(looked),
        "grades": lambda: lint_set.grades(looked),
        "generated judgements": lambda: lint_set.sources(looked),
        "leaked words": lambda: lint_leaks.same_words(looked),
        "training among the judged": lambda: lint_leaks.seen_in_training(looked),
        "popularity": lambda: lint_cover.skew(looked),
        "clusters": lambda: lint_cover.corners(looked, seed=seed),
        "pool": lambda: lint_pool.pool(looked, measures, k, seed=seed),
        "twins": lambda: lint_pool.twins(looked, seed=seed),
    }
    findings = [one for look in looks.values() for one in look()]
    return Lint(
        judgements.direction,
        judgements.source,
        len(judgements.judged_rows),
        len(judgements.gains.indices),
        tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity))),
        tuple(looks),
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
