"""The verdict for each group of queries, or of items."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from anglewise.comparison.comparison_result import Verdict
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.lists import EvaluationSettings, SearchedSpace
from anglewise.comparison.scoring import unjudged_in_pool
from anglewise.comparison.split import QuerySplit, as_words, places
from anglewise.comparison.verdict import verdict_of
from anglewise.data_types.columns import column as column_of
from anglewise.data_types.columns import filled_cells, is_empty
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import counted, listed
from anglewise.data_types.typing import Array, Bool, Direction, Float64, Int64, Shaped
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.breadth import of_items, relevant_entries
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.evaluation_metrics.pools import POOL_DEPTH
from anglewise.statistics.decision import LEVEL

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN = 3
MOST = 50
"""Groups of one column; more would be decided by chance or not at all."""


@dataclass(frozen=True)
class Slice:
    """The queries, or the items, with one value in a column, and what they say by themselves.

    The verdicts of one column hold together at 95%: each is made at 95% over their number.

    Attributes
    ----------
    queries
        How many have the value; of a group of items how many have a relevant item in it.
    means
        The metric of each measure over these queries; of a group of items as if its items alone
        were judged.
    side
        Of which the column is: ``queries`` or ``items``.
    items
        How many items the group holds, where it is one of items.
    """

    column: str
    value: str
    queries: int
    means: "Mapping[str, float]"
    verdict: Verdict
    side: Literal["queries", "items"] = "queries"
    items: int | None = None


def slices(
    words: Iterable[str],
    searched: SearchedSpace,
    scores: Scores,
    settings: EvaluationSettings,
    *,
    baseline: int | None,
    evaluated: Judgements | None = None,
    over_all: Scores | None = None,
) -> tuple[tuple[Slice, ...], tuple[str, ...]]:
    """Decide anew for each value of each column of what is known about queries, or about items.

    A word is a column, with ``queries:`` or ``items:`` before it where both sides have one of that
    name; one that comes twice is taken once. Lists may hold items that only runs name, which
    ``evaluated`` judges too, and which belong to no group. Where ``scores`` are of other lists,
    ``over_all`` are those over all items, by which groups of items are judged. Returns the
    verdicts, and sentences about groups of items.

    Raises ``SpellingError`` for a column that is not there or that both sides have,
    ``ValuesError`` for empty cells, ``TooFewError`` for a column of one value, or of more than 50.
    """
    results: list[Slice] = []
    remarks: list[str] = []
    direction = searched.judgements.direction
    evaluated = searched.judgements if evaluated is None else evaluated
    unknown_items = evaluated.gains.shape[1] - searched.judgements.gains.shape[1]
    sides = (side_of(word, searched.space, direction) for word in words)
    for side, column in dict.fromkeys(sides):
        if side == "queries":
            groups = _query_groups(column, searched, scores)
        else:
            groups, others = _item_groups(column, searched, over_all or scores, unknown_items)
            if over_all is not None:
                remarks.append(
                    f"groups of items by {column}: judged over all items, not within strata of "
                    "similar use, so that their verdicts may be about use alone"
                )
            if others:
                remarks.append(
                    f"items whose {column} is {_some(others)}: no judged query has a relevant one, "
                    "so nothing is said of them"
                )
        for value, (own, items) in groups.items():
            part = replace(own, outside_pool=_outside_pool(own, scores, evaluated))
            inference = infer(part, seed=settings.seed, threads=settings.threads)
            verdict = verdict_of(
                inference,
                settings.tolerance,
                baseline=baseline,
                largest=settings.largest_difference,
                level=LEVEL / len(groups),
            )
            means = dict(zip(scores.names, inference.means.tolist(), strict=True))
            results.append(Slice(column, value, len(part.rows), means, verdict, side, items))
    return tuple(results), tuple(remarks)


def side_of(
    word: str, space: Space, direction: Direction
) -> tuple[Literal["queries", "items"], str]:
    """Of which side a column is, and its name; of one table without a prefix, of those who ask."""
    asking, ranked = space.sides(direction)
    columns = {"queries": asking.metadata_columns, "items": ranked.metadata_columns}
    prefix, colon, rest = word.partition(":")
    if colon and prefix in columns and word not in {*columns["queries"], *columns["items"]}:
        return ("items" if prefix == "items" else "queries"), rest
    with_column = [side for side, names in columns.items() if word in names]
    if len(with_column) == 2 and asking is not ranked:
        raise SpellingError(
            f"queries and items both have a column {word!r}: write queries:{word} or items:{word}"
        )
    if not with_column:
        words = (f"of {side} {', '.join(names) or 'nothing'}" for side, names in columns.items())
        raise SpellingError(f"there is no column {word!r}: known are {' and '.join(words)}")
    return ("queries" if "queries" in with_column else "items"), word


Groups: TypeAlias = dict[str, tuple[Scores, int | None]]
"""From a value to the scores of its queries, and of items how many have it."""


def _query_groups(column: str, searched: SearchedSpace, scores: Scores) -> Groups:
    asking, _ = searched.space.sides(searched.judgements.direction)
    values = as_words(filled_cells(column, asking, scores.rows, "judged query"))
    names = _names(column, values, "judged queries")
    return {name: (_part(scores, np.flatnonzero(_is(name, values))), None) for name in names}


def _item_groups(
    column: str, searched: SearchedSpace, scores: Scores, unknown_items: int
) -> tuple[Groups, list[str]]:
    """For each value the scores as if its items alone were judged, and the values without any.

    Every list stays as it is: an item of another group before one of this counts against it.
    Judged items that the space lacks are in no group.
    """
    if searched.judgements.by_lot:
        raise SpellingError(
            f"a slice by {column} of items: of pairs that were drawn by lot only those of an item "
            "that was drawn tell which queries have a relevant one, so that groups of items would "
            "be chosen by the draw: judge whole pools, or leave the slice out"
        )
    judgements, metric = searched.judgements.without_missing(), read_metric(scores.metric)
    relevant = relevant_entries(judgements, metric) & np.isin(judgements.gains.rows, scores.rows)
    values = _item_values(column, searched, np.unique(judgements.gains.indices[relevant]))
    group_names = np.unique(values[values != ""])
    names = _names(column, values[judgements.gains.indices[relevant]], "relevant items")
    groups: Groups = {}
    for name in names:
        inside = _is(name, values)
        only, queries = of_items(judgements, scores.rows, metric, inside)
        only = _wider(only, unknown_items)
        part = _part(scores, queries)
        lists = {measure: found.take(queries) for measure, found in scores.found.items()}
        part = replace(part, values=evaluate(lists, only, part.rows, [metric]))
        groups[name] = part, int(inside.sum())
    return groups, [name for name in group_names.tolist() if name not in groups]


def _wider(judgements: Judgements, more: int) -> Judgements:
    """The same with columns behind the others, of items that nobody judged."""
    if not more:
        return judgements
    shape = (judgements.gains.shape[0], judgements.gains.shape[1] + more)
    labelled, chances = judgements.judged_items, judgements.chances
    return replace(
        judgements,
        gains=replace(judgements.gains, shape=shape),
        chances=None if chances is None else replace(chances, shape=shape),
        judged_items=None if labelled is None else np.append(labelled, np.zeros(more, dtype=bool)),
        seen=None,
        parts=None,
        made_of=None,
    )


def _item_values(
    name: str, searched: SearchedSpace, relevant: Int64[Array, " some"]
) -> Shaped[Array, " items"]:
    """The value of every item as text, ``""`` where there is none; of documents by passages.

    Raises ``ValuesError`` for a relevant item without a value, or for one whose passages have
    several.
    """
    ranked, parts = searched.ranked, searched.judgements.parts
    rows = relevant if parts is None else np.flatnonzero(np.isin(parts.of, relevant))
    filled_cells(name, ranked, rows, "relevant item")
    values = as_words("" if is_empty(cell) else cell for cell in column_of(ranked, name))
    if parts is None:
        return values
    of_document = values[parts.first]
    mixed = np.unique(parts.of[rows[values[rows] != of_document[parts.of[rows]]]])
    if len(mixed):
        raise ValuesError(
            f"column {name!r} has several values among the passages of "
            f"{counted(len(mixed), 'relevant document')}, such as "
            f"{parts.documents[mixed[0]]!r}: groups are of documents, so give each one value"
        )
    return of_document


def _is(name: str, values: Shaped[Array, " rows"]) -> Bool[Array, " rows"]:
    """Which values are this one; NumPy's own comparison drops what is NUL at the end."""
    return np.fromiter((value == name for value in values.tolist()), bool, len(values))


def _some(names: Sequence[str]) -> str:
    """The first three names, and how many more there are.

    >>> _some(["a", "b"]), _some("abcde")
    ("'a' or 'b'", "'a', 'b', 'c' or 2 more")
    """
    more = [f"{len(names) - SHOWN:,} more"] if len(names) > SHOWN else []
    return listed([*map(repr, names[:SHOWN]), *more], "or")


def _names(column: str, values: Shaped[Array, " rows"], noun: str) -> list[str]:
    """The different values of a column; ``TooFewError`` unless there are 2 to 50."""
    names = np.unique(values).tolist()
    if not 1 < len(names) <= MOST:
        raise TooFewError(
            f"column {column!r} has {counted(len(names), 'value')} among the {noun}: 2 to {MOST} "
            "can be told from each other"
        )
    return names


def _part(scores: Scores, columns: Int64[Array, " some"]) -> Scores:
    """The same scores on some of the columns."""
    clusters, weights = scores.split.clusters, scores.weights
    order = scores.split.reported_order
    if weights is not None:  # the queries of other values are no queries that were not seen here
        weights = replace(weights, values=weights.values[columns])
    return replace(
        scores,
        values={name: values[:, columns] for name, values in scores.values.items()},
        rows=scores.rows[columns],
        found={},
        unjudged=None,
        outside_pool=None,
        split=QuerySplit(
            scores.split.split,
            # of a group the queries of other values are not queries that were not seen here
            None if clusters is None else replace(clusters.take(columns), unseen=None),
            order=None if order is None else places(order[columns]),
        ),
        weights=weights,
    )


def _outside_pool(
    part: Scores, scores: Scores, judgements: Judgements
) -> Float64[Array, " m"] | None:
    """The shares of first places of some of the queries that nobody judged, where these tell."""
    if scores.outside_pool is None:
        return None
    columns = np.flatnonzero(np.isin(scores.rows, part.rows))
    lists = {measure: found.take(columns) for measure, found in scores.found.items()}
    depth = read_metric(scores.metric).depth or POOL_DEPTH
    weights = None if part.weights is None else part.weights.values
    return unjudged_in_pool(lists, judgements, part.rows, depth, weights)


def agreement(parts: Sequence[Slice]) -> str:
    """Whether the groups of a column agree, in a sentence.

    >>> def part(value, decision, measure):
    ...     return Slice("topic", value, 9, {}, Verdict(decision, measure, (), None, None, ""))
    >>> agreement([part("a", "use", "norm(0,1)"), part("b", "use", "cosine")])
    'a says norm(0,1), b says cosine; which of these is the better in a group was not tested'
    >>> agreement([part("a", "use", "cosine"), part("b", "tie", "dot")])
    'no two groups are shown to disagree'
    """
    better = [part for part in parts if _is_better(part)]
    unclear = [part for part in parts if not _is_better(part) and part.verdict.at_least is not None]
    shown = [part for part in parts if part in better or part in unclear]
    says = ", ".join(f"{part.value} says {part.verdict.measure}" for part in shown)
    if better and unclear:  # better than every other here, and another better than it there
        return f"the groups disagree: {says}"
    if len({part.verdict.measure for part in better}) > 1:
        return f"{says}; which of these is the better in a group was not tested"
    return "no two groups are shown to disagree"


def _is_better(part: Slice) -> bool:
    """Whether a group shows a measure to be better than the one to keep."""
    return part.verdict.decision in {"use", "better"}
