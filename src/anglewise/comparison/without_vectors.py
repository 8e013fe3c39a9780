"""What is known of a comparison without any vector: use and texts, and the breadth of lists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

import numpy as np

from anglewise.comparison.alignment import AlignedSpaces
from anglewise.comparison.comparison_result import MeasureResult
from anglewise.comparison.inference import Scores
from anglewise.comparison.ranked_runs import RankedRuns, RunCandidate
from anglewise.data_types.columns import has_texts
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.parts import Parts, documents_of
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.evaluation_metrics.breadth import by_stratum, coverage
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.geometry.norms import counted_uses, known_likes, known_uses
from anglewise.io.texts import texts_of


@dataclass(frozen=True, eq=False)
class WithoutVectors:
    """What is known without vectors of those who ask and of what is ranked.

    Attributes
    ----------
    judgements
        By which lists are judged: of documents, where passages stand for these. What they hide
        stands in no list.
    items
        How many are ranked.
    uses
        How often each of these was used, where that is known.
    seen
        Who used what, where that is known: users by what is ranked, without what weighs 0 or less,
        which is no like.
    texts
        Reads the texts of those who ask and of what is ranked; None where either side has none.
    all_uses
        How many uses are counted beside what is ranked, be it known by whom or not; of users who
        ask for items.
    order
        The rows of what is ranked in the order of their ids, in which equal scores stand; by
        rows if not given.
    """

    judgements: Judgements
    items: int
    uses: Float64[Array, " items"] | None = None
    seen: SparseRows | None = None
    texts: Callable[[], tuple[list[str], list[str]]] | None = None
    order: Int64[Array, " items"] | None = None
    all_uses: float = 0.0

    def use_remarks(self) -> list[str]:
        """That lists by use know fewer uses than are counted, and so perhaps than training did."""
        if self.seen is None or not 0 < len(self.seen.indices) < self.all_uses:
            return []
        users = counted(int(np.count_nonzero(self.seen.counts)), "user")
        remark = (
            f"lists by use know the {len(self.seen.indices):,} uses of {users} that stand in the "
            f"space, and its column popularity counts {self.all_uses:,.0f}: by all of these they "
            "might stand higher"
        )
        return [remark]

    @cached_property
    def position(self) -> Int64[Array, " items"]:
        """The place of each row among equal scores."""
        position = np.arange(self.items)
        if self.order is not None:
            position[self.order] = np.arange(len(self.order))
        return position


def of_space(space: Space, judgements: Judgements) -> WithoutVectors:
    """What one space knows; documents of which all passages are hidden are hidden."""
    direction, parts = judgements.direction, judgements.parts
    asking, ranked = space.sides(direction)
    if direction == "queries-items" and space.seen is not None:
        own = judgements.seen
        seen = space.seen if own is None or own is space.seen else _either(own, space.seen)
        judgements = replace(judgements, seen=seen)
    texts = None
    if asking.metadata is not None and has_texts(asking) and has_texts(ranked):
        texts = lambda: (texts_of(asking), texts_of(ranked, parts))  # noqa: E731
    if parts is not None:
        hidden = None if judgements.seen is None else _whole(judgements.seen, parts)
        allowed = judgements.allowed
        allowed = None if allowed is None else allowed.of_documents(parts)
        own = replace(judgements, parts=None, seen=hidden, allowed=allowed)
        order = documents_of(ranked, parts).id_order
        return WithoutVectors(own, len(parts), texts=texts, order=order)
    return WithoutVectors(
        judgements,
        len(ranked),
        known_uses(space, direction),
        known_likes(space, direction),
        texts,
        ranked.id_order,
        _all_uses(space, direction),
    )


def _all_uses(space: Space, direction: Direction) -> float:
    """The uses that are counted, where users ask: between items those of training alone count."""
    return counted_uses(space, direction) if direction == "queries-items" else 0.0


@dataclass(frozen=True, eq=False)
class HiddenRows(Sequence[Array]):
    """The items that stand in no list, query by query: what is seen, oneself, what fails a filter.

    They are made when they are asked for: under a filter they may be nearly all items.
    """

    judgements: Judgements
    rows: Int64[Array, " q"]
    items: int

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Array: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Array]: ...
    def __getitem__(self, place: int | slice) -> Array | Sequence[Array]:
        if isinstance(place, slice):
            return HiddenRows(self.judgements, self.rows[place], self.items)
        allowed, out = self.judgements.allowed, self.seen(place)
        if allowed is None:
            return out
        failing = np.ones(self.items, dtype=bool)
        failing[allowed.items(self.group(place))] = False
        return np.append(out, np.flatnonzero(failing))

    def seen(self, place: int) -> Int64[Array, " hidden"]:
        """What a query must not be shown, whatever passes the filter."""
        row, seen = int(self.rows[place]), self.judgements.seen
        out = np.empty(0, np.int64) if seen is None else seen.row(row).astype(np.int64)
        one_sided = self.judgements.direction != "queries-items"
        return np.append(out, row) if one_sided and row < self.items else out

    def group(self, place: int) -> int:
        """The same number for queries for which the same items pass."""
        allowed = self.judgements.allowed
        return 0 if allowed is None else int(allowed.group_of[self.rows[place]])

    def passing(self, place: int, order: Int64[Array, " items"]) -> Int64[Array, " some"]:
        """Where the items that pass stand in an order of all."""
        allowed = self.judgements.allowed
        if allowed is None:
            return np.arange(len(order))
        passes = np.zeros(self.items, dtype=bool)
        passes[allowed.items(self.group(place))] = True
        return np.flatnonzero(passes[order])


def _either(table: SparseRows, other: SparseRows) -> SparseRows:
    """The entries of either table."""
    width = table.shape[1]
    pairs = np.union1d(table.rows * width + table.indices, other.rows * width + other.indices)
    return SparseRows.from_pairs(pairs // width, pairs % width, shape=table.shape)


def _whole(hidden: SparseRows, parts: Parts) -> SparseRows:
    """The documents that are hidden with all their passages."""
    pairs, counts = np.unique(
        hidden.rows * len(parts) + parts.of[hidden.indices], return_counts=True
    )
    pairs = pairs[counts == np.bincount(parts.of)[pairs % len(parts)]]
    shape = (hidden.shape[0], len(parts))
    return SparseRows.from_pairs(pairs // len(parts), pairs % len(parts), shape=shape)


def of_spaces(aligned: AlignedSpaces) -> WithoutVectors:
    """What several spaces know, in their common order.

    A text is that of the first space that holds it, and use that of the first that knows it.
    """
    judgements, items = aligned.judgements, len(aligned.ranked.names)
    direction = judgements.direction
    sides = {name: space.sides(direction) for name, space in aligned.spaces.items()}
    texts = None
    if all(any(map(has_texts, side)) for side in zip(*sides.values(), strict=True)):
        asking = {name: (side, None) for name, (side, _) in sides.items()}
        ranked = {name: (side, aligned.parts.get(name)) for name, (_, side) in sides.items()}
        texts = lambda: (  # noqa: E731
            _common_texts(asking, aligned.asking.names),
            _common_texts(ranked, aligned.ranked.names),
        )
    for name, space in aligned.spaces.items():
        own = None if name in aligned.parts else known_uses(space, direction)
        if own is None:
            continue
        columns = aligned.ranked.places[name]
        uses = np.zeros(items)
        uses[columns] = own
        seen = known_likes(space, direction)
        if seen is not None:
            rows, users = seen.rows, seen.shape[0]
            if direction == "queries-items":
                rows, users = aligned.asking.places[name][rows], len(aligned.asking.names)
            shape = (users, items)
            seen = SparseRows.from_pairs(rows, columns[seen.indices], seen.values, shape=shape)
        return WithoutVectors(
            judgements, items, uses, seen, texts, all_uses=_all_uses(space, direction)
        )
    return WithoutVectors(judgements, items, texts=texts)


def known_use(aligned: AlignedSpaces) -> Float64[Array, " items"] | None:
    """How often each item was used, by the first space that knows it; None unless all are known."""
    uses = np.full(len(aligned.ranked.names), np.nan)
    for name, space in aligned.spaces.items():
        own = None if name in aligned.parts else known_uses(space, aligned.judgements.direction)
        if own is not None:
            places = aligned.ranked.places[name]
            uses[places] = np.where(np.isnan(uses[places]), own, uses[places])
    return None if np.isnan(uses).any() else uses


def _of_known_use(lists: Mapping[str, Neighbours], items: int) -> dict[str, Neighbours]:
    """The lists without what only runs name, of which no use is known; its places stay empty."""
    return {
        name: replace(its, indices=np.where(its.indices < items, its.indices, -1))
        for name, its in lists.items()
    }


def _common_texts(
    sides: Mapping[str, tuple[Embeddings, Parts | None]], names: Embeddings
) -> list[str]:
    """The text of each id, of the first space that has one."""
    by_id: dict[str, str] = {}
    for side, parts in sides.values():
        if has_texts(side):
            ids = side.ids.tolist() if parts is None else parts.documents
            for name, text in zip(ids, texts_of(side, parts), strict=True):
                by_id[name] = by_id.get(name) or text
    return [by_id.get(name, "") for name in names.ids.tolist()]


def with_breadth(
    rows: tuple[MeasureResult, ...],
    context: WithoutVectors,
    scores: Scores,
    runs: RankedRuns | None = None,
) -> tuple[MeasureResult, ...]:
    """Say of each measure how much of what is ranked it shows, and how it does head to tail.

    A measure ranks what its space holds, a run what any run names as well. Strata are there where
    it is known how much is used, for items.
    """
    if not scores.found:
        return rows
    of_runs = {str(c) for c in scores.measures if isinstance(c, RunCandidate)}
    every = context.items if runs is None else runs.judgements.gains.shape[1]
    metric = read_metric(scores.metric)
    among = None
    if context.judgements.allowed is not None:
        among = np.zeros(every, dtype=bool)
        among[context.judgements.allowed.any_group] = True
    weights = None if scores.weights is None else scores.weights.values
    parts = (
        ()
        if context.uses is None or context.judgements.by_lot  # which chose the queries of each
        else by_stratum(
            _of_known_use(scores.found, context.items),
            context.judgements,
            scores.rows,
            metric,
            context.uses,
            weights=weights,
        )
    )
    return tuple(
        replace(
            row,
            coverage=coverage(
                scores.found[row.measure].indices,
                every if row.measure in of_runs or among is not None else context.items,
                among,
            ),
            strata={part.name: part.means[row.measure] for part in parts},
        )
        for row in rows
    )
