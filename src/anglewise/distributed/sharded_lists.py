"""The nearest items of one shard, and how lists of two shards become those of both.

Joining is associative and commutative: in whatever order shards come, the lists are those of a
search over all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Float64, Int64, Shaped
from anglewise.distributed.shards import Shard, ShardFolder, ordered
from anglewise.nearest_neighbours.search import search_vectors

NO_ITEM = ""
"""What stands where a list is shorter."""


@dataclass(frozen=True, eq=False)
class ShardedLists:
    """The nearest items of each query under one measure, among those of some shards.

    Attributes
    ----------
    measure
        The spelling of the measure.
    ids
        Ids, ``queries x k``, nearest first; an empty text where fewer than ``k`` items are there.
    scores
        Larger is nearer, float64 rounded to twelve digits, as in ``Neighbours``; ``-inf`` where
        there is no item.
    tied_at_cut
        For each query, how many items outside the list score the same as the last one inside.
    """

    measure: str
    ids: Shaped[Array, "q k"]
    scores: Float64[Array, "q k"]
    tied_at_cut: Int64[Array, " q"]

    @property
    def k(self) -> int:
        """The number of items that each list has room for."""
        return self.ids.shape[1]

    def joined(self, other: "ShardedLists", *, by_number: bool) -> "ShardedLists":
        """The lists over the items of both, which share none.

        >>> one = ShardedLists("dot", np.array([["a"]], object), np.array([[2.0]]), np.array([1]))
        >>> two = ShardedLists("dot", np.array([["b"]], object), np.array([[2.0]]), np.array([0]))
        >>> both = two.joined(one, by_number=False)
        >>> both.ids.tolist(), both.tied_at_cut.tolist()
        ([['a']], [2])
        """
        ids = np.concatenate([self.ids, other.ids], axis=1)
        scores = np.concatenate([self.scores, other.scores], axis=1)
        names, at = np.unique(ids, return_inverse=True)
        named = names != NO_ITEM
        rank = np.zeros(len(names), dtype=np.int64)
        rank[named] = _places(names[named].tolist(), by_number=by_number)
        absent = ids == NO_ITEM
        order = np.lexsort((rank[at.reshape(ids.shape)], -scores, absent), axis=1)
        ids, scores = np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1)
        k = self.k
        cut, full = scores[:, k - 1 : k], ids[:, k - 1] != NO_ITEM
        outside = ((scores[:, k:] == cut) & (ids[:, k:] != NO_ITEM)).sum(axis=1)
        for lists in (self, other):
            outside = outside + lists.tied_at_cut * (lists.scores[:, -1] == cut[:, 0])
        tied = np.where(full, outside, 0).astype(np.int64)
        return ShardedLists(self.measure, ids[:, :k], scores[:, :k], tied)


def as_neighbours(
    lists: Sequence[ShardedLists],
) -> tuple[list[Neighbours], Shaped[Array, " listed"]]:
    """Lists as ``Neighbours``, whose rows are those of the ids that stand in any of them.

    >>> ids = np.array([["b", ""]], object)
    >>> lists = ShardedLists("dot", ids, np.zeros((1, 2)), np.zeros(1, int))
    >>> found, names = as_neighbours([lists])
    >>> found[0].indices.tolist(), names.tolist()
    ([[0, -1]], ['b'])
    """
    names = np.unique(np.concatenate([own.ids[own.ids != NO_ITEM] for own in lists]))
    found = list[Neighbours]()
    for own in lists:
        rows = np.searchsorted(names, own.ids)
        rows[own.ids == NO_ITEM] = -1
        found.append(Neighbours(own.measure, rows, own.scores, own.tied_at_cut))
    return found, names


def _places(names: Sequence[str], *, by_number: bool) -> Int64[Array, " names"]:
    places = np.empty(len(names), dtype=np.int64)
    places[ordered(names, by_number=by_number)] = np.arange(len(names))
    return places


@dataclass(frozen=True, eq=False)
class ShardSearch:
    """The search of one shard, to be handed to a worker.

    Attributes
    ----------
    files
        All shards.
    queries
        Who ask.
    measures
        Spellings of measures that are fitted on no items.
    k
        Items of each list.
    by_number
        Whether ids are ordered by number.
    """

    files: ShardFolder
    queries: Embeddings
    measures: tuple[str, ...]
    k: int
    by_number: bool

    def __call__(self, shard: Shard) -> tuple[ShardedLists, ...]:
        """The lists among the items of one shard, one for each measure."""
        items, ids = self.files.read(shard, by_number=self.by_number)
        k = min(self.k, len(items))
        found = search_vectors(
            Space(items=items), self.queries, list(self.measures), k=k, threads=1
        )
        return tuple(self._padded(found[name], ids) for name in self.measures)

    def joined(
        self, one: tuple[ShardedLists, ...], other: tuple[ShardedLists, ...]
    ) -> tuple[ShardedLists, ...]:
        """The lists among the items of both, one for each measure."""
        pairs = zip(one, other, strict=True)
        return tuple(first.joined(second, by_number=self.by_number) for first, second in pairs)

    def _padded(self, found: Any, ids: Shaped[Array, " rows"]) -> ShardedLists:
        names = np.full((len(self.queries), self.k), NO_ITEM, dtype=object)
        scores = np.full(names.shape, -np.inf)
        names[:, : found.k], scores[:, : found.k] = ids[found.indices], found.scores
        return ShardedLists(found.measure, names, scores, found.tied_at_cut)
