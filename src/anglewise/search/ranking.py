"""The order of the ranking: score down, then id; and who ties at the cut.

A score and the place of an item in the order of ids make one whole number, the smaller the
better, so that one sort does both.
"""

from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Bool, Float32, Int, Int64, Shaped

NOBODY = np.uint64(2**64 - 1)
"""Sorts after every item."""


def keys(
    scores: Float32[Array, "*shape"], places: Int64[Array, "*shape"]
) -> Shaped[Array, "*shape"]:
    """The sortable number of an item that scores this and stands there in the order of ids."""
    bits = scores.view(np.int32)
    rising = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))  # ordered as the scores are
    falling = (~rising).view(np.uint32) ^ np.uint32(0x80000000)
    return (falling.astype(np.uint64) << np.uint64(32)) | places.astype(np.uint64)


def scores_of(key: Shaped[Array, "*shape"]) -> Float32[Array, "*shape"]:
    """Back from a sortable number to the score; minus infinity for nobody."""
    falling = (key >> np.uint64(32)).astype(np.uint32) ^ np.uint32(0x80000000)
    rising = ~falling.view(np.int32)
    bits = rising ^ ((rising >> 31) & np.int32(0x7FFFFFFF))
    return np.where(key == NOBODY, np.float32(-np.inf), bits.view(np.float32))


def places_of(key: Shaped[Array, "*shape"]) -> Int64[Array, "*shape"]:
    """Back from a sortable number to the place in the order of ids; -1 for nobody."""
    places = (key & np.uint64(2**32 - 1)).astype(np.int64)
    return np.where(key == NOBODY, np.int64(-1), places)


def best(key: Shaped[Array, "q any"], k: int) -> tuple[Shaped[Array, "q k"], Int64[Array, " q"]]:
    """The ``k`` best of each row, in order, and how many more score the same as the last."""
    ordered = np.sort(key, axis=1)
    top = ordered[:, :k]
    last = top[:, -1]
    same = (ordered[:, k:] >> np.uint64(32)) == (last >> np.uint64(32))[:, None]
    tied = (same & (ordered[:, k:] != NOBODY)).sum(axis=1)
    return top, np.where(last == NOBODY, 0, tied).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Places:
    """The order of ids, both ways; of rows without names nothing needs to be kept."""

    row_at: Int64[Array, " n"] | None = None
    place_of: Shaped[Array, " n"] | None = None

    @classmethod
    def of(cls, ranked: Embeddings) -> "Places":
        """The order in which equal scores of these rows fall."""
        if not ranked.named:
            return cls()
        order = ranked.id_order
        place = np.empty(len(order), dtype=np.uint32)
        place[order] = np.arange(len(order), dtype=np.uint32)
        return cls(order, place)

    def places(self, rows: Int[Array, "*shape"]) -> Int64[Array, "*shape"]:
        """Where rows stand."""
        return (rows if self.place_of is None else self.place_of[rows]).astype(np.int64)

    def rows(self, places: Int64[Array, "*shape"]) -> Int64[Array, "*shape"]:
        """Which rows stand there; -1 for nobody."""
        if self.row_at is None:
            return places
        return np.where(places < 0, np.int64(-1), self.row_at[places])


@dataclass(eq=False)
class Standing:
    """The best ``k`` so far of each query, exact, and how many tie with the last of them."""

    key: Shaped[Array, "q k"]
    tied: Int64[Array, " q"]

    @classmethod
    def empty(cls, queries: int, k: int) -> "Standing":
        """Nobody yet."""
        return cls(np.full((queries, k), NOBODY), np.zeros(queries, dtype=np.int64))

    @property
    def last(self) -> Float32[Array, " q"]:
        """The score to beat; minus infinity while there is room."""
        return scores_of(self.key[:, -1])

    def take_in(self, asking: Int64[Array, " pairs"], key: Shaped[Array, " pairs"]) -> None:
        """Let more items of these queries stand for a place; none may come twice."""
        worst = self.key[asking, -1]
        enters = key < worst
        self._count_ties(asking, key, worst, ~enters)
        asking, key = asking[enters], key[enters]
        order = np.lexsort((key, asking))
        asking, key = asking[order], key[order]
        changed, first, many = np.unique(asking, return_index=True, return_counts=True)
        if not len(changed):
            return
        k = self.key.shape[1]
        table = np.full((len(changed), k + int(many.max())), NOBODY)
        table[:, :k] = self.key[changed]
        within = np.arange(len(asking)) - np.repeat(first, many)
        table[np.repeat(np.arange(len(changed)), many), k + within] = key
        before = self.key[changed, -1] >> np.uint64(32)
        self.key[changed], tied = best(table, k)
        still = before == self.key[changed, -1] >> np.uint64(32)
        self.tied[changed] = tied + np.where(still, self.tied[changed], 0)

    def _count_ties(
        self,
        asking: Int64[Array, " pairs"],
        key: Shaped[Array, " pairs"],
        worst: Shaped[Array, " pairs"],
        outside: Bool[Array, " pairs"],
    ) -> None:
        same = outside & (key >> np.uint64(32) == worst >> np.uint64(32))
        self.tied += np.bincount(asking[same], minlength=len(self.tied))
