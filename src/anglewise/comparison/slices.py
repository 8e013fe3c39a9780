"""Beyond one number: the verdict for each group of queries, and what the measures show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from anglewise.comparison.comparison_result import MeasureResult, Verdict
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.lists import EvaluationSettings, SearchedSpace
from anglewise.comparison.split import QuerySplit, cells
from anglewise.comparison.verdict import verdict_of
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.text import counted
from anglewise.errors import TooFewError
from anglewise.evaluation_metrics.breadth import by_stratum, coverage
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.geometry.norms import known_uses
from anglewise.statistics.decision import LEVEL

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 50
"""Groups of one column; more would be decided by chance or not at all."""


@dataclass(frozen=True)
class Slice:
    """The queries with one value in a column, and what they say by themselves.

    The verdicts of one column hold together at 95%: each is made at 95% over their number.
    """

    column: str
    value: str
    queries: int
    means: "Mapping[str, float]"
    verdict: Verdict


def slices(
    columns: Iterable[str],
    asking: Embeddings,
    scores: Scores,
    settings: EvaluationSettings,
    *,
    baseline: int | None,
) -> tuple[Slice, ...]:
    """Decide anew for each value of each column of what is known about those who ask.

    Raises ``SpellingError`` for a column that is not there, ``ValuesError`` for empty cells,
    ``TooFewError`` for a column of one value, or of more than 50.
    """
    found: list[Slice] = []
    for column in columns:
        values = np.array([str(cell) for cell in cells(column, asking, scores.rows)])
        names = np.unique(values)
        if not 1 < len(names) <= MOST:
            raise TooFewError(
                f"column {column!r} has {counted(len(names), 'value')} among the judged queries: "
                f"2 to {MOST} can be told from each other"
            )
        for name in names.tolist():
            some = np.flatnonzero(values == name)
            part = _part(scores, some)
            inference = infer(part, seed=settings.seed, threads=settings.threads)
            verdict = verdict_of(
                inference,
                settings.tolerance,
                baseline=baseline,
                largest=settings.largest_difference,
                level=LEVEL / len(names),
            )
            means = dict(zip(scores.names, inference.means.tolist(), strict=True))
            found.append(Slice(column, name, len(some), means, verdict))
    return tuple(found)


def _part(scores: Scores, columns: Any) -> Scores:
    """The same scores on some of the columns."""
    clusters = scores.split.clusters
    return replace(
        scores,
        values={name: values[:, columns] for name, values in scores.values.items()},
        rows=scores.rows[columns],
        found={},
        unjudged=None,
        split=QuerySplit(scores.split.split, None if clusters is None else clusters.take(columns)),
    )


def agreement(parts: Sequence[Slice]) -> str:
    """Whether the groups of a column agree, in a sentence.

    >>> def part(value, decision, measure):
    ...     return Slice("topic", value, 9, {}, Verdict(decision, measure, (), None, None, ""))
    >>> agreement([part("a", "use", "dot"), part("b", "use", "cosine"), part("c", "tie", "dot")])
    'the groups disagree: a says dot, b says cosine'
    >>> agreement([part("a", "use", "cosine"), part("b", "tie", "dot")])
    'no two groups are shown to disagree'
    """
    shown = [part for part in parts if part.verdict.at_least is not None or _is_better(part)]
    if len({part.verdict.measure for part in shown}) > 1:
        says = ", ".join(f"{part.value} says {part.verdict.measure}" for part in shown)
        return f"the groups disagree: {says}"
    return "no two groups are shown to disagree"


def _is_better(part: Slice) -> bool:
    """Whether a group shows a measure to be better than the one to keep."""
    return part.verdict.decision in {"use", "better"}


def with_breadth(
    rows: tuple[MeasureResult, ...], searched: SearchedSpace, scores: Scores
) -> tuple[MeasureResult, ...]:
    """Say of each measure how much of what is ranked it shows, and how it does head to tail.

    Strata are there where it is known how much is used, for items.
    """
    if not scores.found or searched.judgements.parts is not None:
        return rows
    items, metric = len(searched.ranked), read_metric(scores.metric)
    uses = known_uses(searched.space, searched.judgements.direction)
    parts = (
        ()
        if uses is None
        else by_stratum(scores.found, searched.judgements, scores.rows, metric, uses)
    )
    return tuple(
        replace(
            row,
            coverage=coverage(scores.found[row.measure].indices, items),
            strata={part.name: part.means[row.measure] for part in parts},
        )
        for row in rows
    )
