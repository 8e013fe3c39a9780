"""What is wrong with a set of judgements, before any number rests on it."""

from collections.abc import Callable, Iterable, Sequence

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.io.judgement_rows import Reject
from anglewise.judge.finding import SEVERITIES, Finding, Lint, Looked
from anglewise.judge.lint_cover import corners as empty_clusters
from anglewise.judge.lint_cover import skew as popularity_skew
from anglewise.judge.lint_leaks import same_words as leaked_words
from anglewise.judge.lint_leaks import seen_in_training as trained_on
from anglewise.judge.lint_pool import pool as unjudged_pool
from anglewise.judge.lint_pool import twins
from anglewise.judge.lint_set import grades as odd_grades
from anglewise.judge.lint_set import ids as unknown_ids
from anglewise.judge.lint_set import repetitions
from anglewise.judge.lint_set import sources as generated_judgements
from anglewise.judgements.records import Judged
from anglewise.measures.formulas import Measure


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
    looked = Looked(space, judgements, tuple(rows))
    looks: dict[str, Callable[[], list[Finding]]] = {
        "refused rows": lambda: _refused(rejects),
        "unknown ids": lambda: unknown_ids(looked),
        "repetitions": lambda: repetitions(looked),
        "grades": lambda: odd_grades(looked),
        "generated judgements": lambda: generated_judgements(looked),
        "leaked words": lambda: leaked_words(looked),
        "training among the judged": lambda: trained_on(looked),
        "popularity": lambda: popularity_skew(looked),
        "clusters": lambda: empty_clusters(looked, seed=seed),
        "pool": lambda: unjudged_pool(looked, measures, k, seed=seed),
        "twins": lambda: twins(looked, seed=seed),
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
