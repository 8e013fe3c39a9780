"""Exact scores in float64, the order of scores and ids, exclusions, and float32 candidates.

Sums over coordinates run in eight lanes, coordinate ``c`` in lane ``c % 8``, which are then
halved; each product is rounded before it is added. So a pair scores the same to the last bit
whatever stands beside it, however many threads work, and whether the compiled part is there. A
measure's score is then rounded to twelve significant digits, and that number is ranked; equal ones
in the order of ids.

A candidate's float32 value and its row make one whole number, its key, the smaller the better.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.neighbours import LIMITS, NEAR_HALF, SCALES, rounded, with_decimals
from anglewise.data_types.typing import Array, Bool, Float, Float32, Float64, Int, Int64, Shaped
from anglewise.similarity_measures.formulas import TERMS, Formula, Product, in_lanes, summed


def _compiled() -> ModuleType | None:
    try:
        from anglewise.nearest_neighbours import _kernel
    except ImportError:
        return None
    return _kernel


KERNEL = _compiled()
kernel: ModuleType | None = KERNEL

TOGETHER = 8192
"""Pairs whose coordinates NumPy gathers at once."""
KINDS: tuple[Product, ...] = ("dot", "squared-distance", "manhattan")


def norms(x: Float[Array, "n d"]) -> Float64[Array, " n"]:
    """Euclidean lengths."""
    total = np.zeros(len(x))
    if kernel is not None:
        kernel.squares(x, x.dtype == np.float64, x.shape[1], total)
        return np.sqrt(total)
    for start in range(0, len(x), TOGETHER):
        part = in_lanes(x[start : start + TOGETHER])
        total[start : start + TOGETHER] = summed(part * part)
    return np.sqrt(total)


def products(
    queries: Float64[Array, "q d"],
    items: Float[Array, "n d"],
    asking: Int64[Array, " lists"],
    kinds: Int[Array, " lists"],
    rows: Int[Array, "lists listed"],
    *,
    product: Float64[Array, "lists listed"],
    squares: Float64[Array, "lists listed"],
) -> None:
    """Fill in the products of queries with listed items, and the squared lengths of these items.

    List ``i`` holds rows of the items (-1: none) for query ``asking[i]``, whose product is of the
    kind at ``kinds[i]`` in ``KINDS``. A query may have several lists.
    """
    if kernel is not None:
        wide, (d, listed) = items.dtype == np.float64, (items.shape[1], rows.shape[1])
        lists = asking, kinds.astype(np.int8), np.ascontiguousarray(rows, dtype=np.int32)
        kernel.products(wide, d, listed, queries, items, *lists, product, squares)
        return
    for kind, product_name in enumerate(KINDS):
        pairs = np.nonzero((rows >= 0) & (kinds == kind)[:, None])
        for start in range(0, len(pairs[0]), TOGETHER):
            at = pairs[0][start : start + TOGETHER], pairs[1][start : start + TOGETHER]
            q, x = in_lanes(queries[asking[at[0]]]), in_lanes(items[rows[at]])
            product[at] = summed(TERMS[product_name](q, x))
            squares[at] = summed(x * x)


def scores(
    formula: Formula,
    rows: Int[Array, "*pairs"],
    product: Float64[Array, "*pairs"],
    query_norms: Float64[Array, "*pairs"],
    item_norms: Float64[Array, "*pairs"],
) -> Float64[Array, "*pairs"]:
    """The score that is ranked: computed in float64 and rounded once, without a negative zero."""
    with np.errstate(over="ignore"):
        rows = rows.astype(np.int64, copy=False)
        score = formula.score_at(rows, product, query_norms, item_norms)
    if kernel is None:
        return rounded(score)
    score = np.ascontiguousarray(score)
    whole = np.empty(score.shape)
    kernel.rounded(score, LIMITS, SCALES, NEAR_HALF, whole)
    return with_decimals(score, whole)


NO_ITEM = np.uint64(2**64 - 1)
"""The key of an empty entry: it sorts after every candidate."""


def keys(values: Float32[Array, "*shape"], rows: Int64[Array, "*shape"]) -> Shaped[Array, "*shape"]:
    """The key of a candidate, from its value and its row."""
    bits = values.view(np.int32)
    rising = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))  # ordered as the scores are
    falling = (~rising).view(np.uint32) ^ np.uint32(0x80000000)
    return (falling.astype(np.uint64) << np.uint64(32)) | rows.astype(np.uint64)


def values_of(key: Shaped[Array, "*shape"]) -> Float32[Array, "*shape"]:
    """The value in a key; minus infinity where there is no candidate."""
    falling = (key >> np.uint64(32)).astype(np.uint32) ^ np.uint32(0x80000000)
    rising = ~falling.view(np.int32)
    bits = rising ^ ((rising >> 31) & np.int32(0x7FFFFFFF))
    return np.where(key == NO_ITEM, np.float32(-np.inf), bits.view(np.float32))


def rows_of(key: Shaped[Array, "*shape"]) -> Int64[Array, "*shape"]:
    """The row in a key; -1 where there is no candidate."""
    rows = (key & np.uint64(2**32 - 1)).astype(np.int64)
    return np.where(key == NO_ITEM, np.int64(-1), rows)


@dataclass(frozen=True, eq=False)
class IdOrder:
    """The order of ids, in which equal scores fall; None where ids are row numbers."""

    row_at: Int64[Array, " n"] | None = None
    position_of: Shaped[Array, " n"] | None = None

    @classmethod
    def of(cls, ranked: Embeddings) -> "IdOrder":
        """The order of the ids of these rows."""
        if not ranked.named:
            return cls()
        order = ranked.id_order
        position = np.empty(len(order), dtype=np.uint32)
        position[order] = np.arange(len(order), dtype=np.uint32)
        return cls(order, position)

    def of_rows(self, rows: Int64[Array, " some"]) -> "IdOrder":
        """The order of some rows, ascending, which are numbered anew."""
        if self.position_of is None:
            return self
        row_at = np.argsort(self.position_of[rows], kind="stable").astype(np.int64)
        position_of = np.empty(len(rows), dtype=np.uint32)
        position_of[row_at] = np.arange(len(rows), dtype=np.uint32)
        return IdOrder(row_at, position_of)

    def positions(self, rows: Int[Array, "*shape"]) -> Int64[Array, "*shape"]:
        """The positions of rows."""
        positions = rows if self.position_of is None else self.position_of[rows]
        return positions.astype(np.int64, copy=False)

    def rows(self, positions: Int64[Array, "*shape"]) -> Int64[Array, "*shape"]:
        """The rows at positions; -1 stays -1."""
        if self.row_at is None:
            return positions
        return np.where(positions < 0, np.int64(-1), self.row_at[positions])


@dataclass(frozen=True, eq=False)
class Exclusions:
    """For each query the rows that it must not be shown, ascending.

    Query ``i`` is not shown ``indices[indptr[i]:indptr[i + 1]]`` of the ``width`` items.
    """

    indptr: Int64[Array, " queries_and_one"]
    indices: Int64[Array, " entries"]
    width: int

    def block(self, queries: range) -> "Exclusions":
        """The exclusions of neighbouring queries."""
        indptr = self.indptr[queries.start : queries.stop + 1]
        return Exclusions(indptr - indptr[0], self.indices[indptr[0] : indptr[-1]], self.width)

    def take(self, queries: Int64[Array, " some"]) -> "Exclusions":
        """The exclusions of some queries, in the order given."""
        rows = [self.indices[self.indptr[i] : self.indptr[i + 1]] for i in queries]
        indptr = np.concatenate([[0], np.cumsum([len(some) for some in rows])]).astype(np.int64)
        indices = np.concatenate([*rows, np.zeros(0, dtype=np.int64)])
        return Exclusions(indptr, indices, self.width)

    def of_rows(self, rows: Int64[Array, " some"]) -> "Exclusions":
        """The exclusions among some rows, ascending, which are numbered anew."""
        numbers = np.minimum(np.searchsorted(rows, self.indices), len(rows) - 1)
        among = rows[numbers] == self.indices
        before = np.concatenate([[0], np.cumsum(among)])
        return Exclusions(before[self.indptr], numbers[among], len(rows))

    @cached_property
    def counts(self) -> Int64[Array, " queries"]:
        """How many rows each query is not shown."""
        return np.diff(self.indptr)

    @cached_property
    def pairs(self) -> Int64[Array, " entries"]:
        """One ascending number for each (query, row)."""
        queries = np.repeat(np.arange(len(self.counts), dtype=np.int64), self.counts)
        return queries * self.width + self.indices

    def allows(
        self, queries: Int64[Array, " pairs"], rows: Int64[Array, " pairs"]
    ) -> Bool[Array, " pairs"]:
        """Whether each query may be shown each row."""
        if not len(self.pairs):
            return np.ones(len(rows), dtype=bool)
        sought = queries * self.width + rows
        at = np.minimum(np.searchsorted(self.pairs, sought), len(self.pairs) - 1)
        return self.pairs[at] != sought


NOWHERE = np.int64(2**62)
"""The position where there is no item: behind every item of the same score."""


@dataclass(eq=False)
class TopK:
    """The best ``k`` items so far of each query, nearest first, and how many tie with the last.

    ``score`` is minus infinity and ``position``, in the order of ids, ``NOWHERE`` where fewer items
    were allowed.
    """

    score: Float64[Array, "q k"]
    position: Int64[Array, "q k"]
    tied: Int64[Array, " q"]

    @classmethod
    def empty(cls, queries: int, k: int) -> "TopK":
        """No items yet."""
        nothing = np.full((queries, k), -np.inf), np.full((queries, k), NOWHERE)
        return cls(*nothing, np.zeros(queries, dtype=np.int64))

    @classmethod
    def of(cls, score: Float64[Array, "q any"], position: Int64[Array, "q any"], k: int) -> "TopK":
        """The ``k`` best of each row of items, in order."""
        start = np.arange(len(score), dtype=np.int64)[:, None] * score.shape[1]
        order = np.argsort(-score, axis=1) + start
        score, position = score.take(order), position.take(order)
        equal = (score[:, 1:] == score[:, :-1]) & (position[:, 1:] < NOWHERE)
        tied_rows = np.flatnonzero(equal.any(axis=1))
        if len(tied_rows):
            by_id = np.lexsort((position[tied_rows], -score[tied_rows]), axis=1)
            score[tied_rows] = np.take_along_axis(score[tied_rows], by_id, axis=1)
            position[tied_rows] = np.take_along_axis(position[tied_rows], by_id, axis=1)
        same = (score[:, k:] == score[:, k - 1 : k]) & (position[:, k:] < NOWHERE)
        return cls(score[:, :k], position[:, :k], same.sum(axis=1))

    @classmethod
    def joined(cls, parts: Sequence["TopK"]) -> "TopK":
        """The answers of several blocks of queries, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.score for part in parts]),
            np.concatenate([part.position for part in parts]),
            np.concatenate([part.tied for part in parts]),
        )

    @property
    def last(self) -> Float64[Array, " q"]:
        """The score to beat; minus infinity while there is room."""
        return self.score[:, -1]

    def put(self, queries: Int64[Array, " some"], others: "TopK") -> None:
        """Answer some queries anew."""
        self.score[queries], self.position[queries] = others.score, others.position
        self.tied[queries] = others.tied

    def take_in(
        self,
        queries: Int64[Array, " pairs"],
        score: Float64[Array, " pairs"],
        position: Int64[Array, " pairs"],
    ) -> None:
        """Let more items of these queries compete; none may come twice."""
        last, behind = self.score[queries, -1], self.position[queries, -1]
        enters = (score > last) | ((score == last) & (position < behind))
        same = ~enters & (score == last)
        self.tied += np.bincount(queries[same], minlength=len(self.tied))
        queries, score, position = queries[enters], score[enters], position[enters]
        order = np.argsort(queries, kind="stable")
        queries, score, position = queries[order], score[order], position[order]
        changed, first, many = np.unique(queries, return_index=True, return_counts=True)
        if not len(changed):
            return
        k = self.score.shape[1]
        room = TopK.empty(len(changed), k + int(many.max()))
        room.score[:, :k], room.position[:, :k] = self.score[changed], self.position[changed]
        within = np.arange(len(queries)) - np.repeat(first, many)
        at = np.repeat(np.arange(len(changed)), many), k + within
        room.score[at], room.position[at] = score, position
        top, before = TopK.of(room.score, room.position, k), self.last[changed]
        top.tied += np.where(top.last == before, self.tied[changed], 0)
        self.put(changed, top)

    def add_tied(
        self,
        queries: Int64[Array, " pairs"],
        score: Float64[Array, " pairs"],
        many: Int64[Array, " pairs"],
    ) -> None:
        """Count so many more items behind ``k`` of the same score that have competed already."""
        same = score == self.last[queries]
        np.add.at(self.tied, queries[same], many[same])


@dataclass(eq=False)
class Candidates:
    """For each query and measure some items, and a cut that no other item exceeds.

    ``entries`` are keys made of the float32 value and the row, ``queries x measures x room``; the
    first ``counts`` of them count. An item whose value exceeds ``cut`` is among them. When the room
    is full the best ``keep`` stay and the cut rises to the last of them.
    """

    keep: int
    entries: Shaped[Array, "q m room"]
    counts: Int[Array, "q m"]
    cut: Float32[Array, "q m"]

    @classmethod
    def none(cls, queries: int, measures: int, keep: int) -> "Candidates":
        """No candidates yet, and a cut that every item exceeds."""
        return cls(
            keep,
            np.full((queries, measures, 2 * keep), NO_ITEM),
            np.zeros((queries, measures), dtype=np.int32),
            np.full((queries, measures), -np.inf, dtype=np.float32),
        )

    @property
    def rows(self) -> Int64[Array, "q m keep"]:
        """The rows of the first ``keep``, in no order; -1 where there are fewer."""
        return rows_of(self.entries[:, :, : self.keep])

    def raise_cut(self) -> None:
        """Let the cut rise to the last of ``keep`` candidates, where there are so many."""
        last = values_of(self.entries[:, :, : self.keep].max(axis=2))
        risen = (self.counts == self.keep) & (last > self.cut) & (last < np.inf)
        self.cut[risen] = last[risen]

    def adopt(self, others: "Candidates") -> None:
        """Start from the candidates found among some of the items, and from their cut."""
        self.entries[:, :, : others.keep] = others.entries[:, :, : others.keep]
        self.counts[:] = others.counts
        self.cut[:] = others.cut

    def add(
        self,
        measure: int,
        queries: Int64[Array, " found"],
        values: Float32[Array, " found"],
        rows: Int64[Array, " found"],
    ) -> None:
        """Add items that exceed the cut, in any order; none may come twice."""
        entries = keys(np.where(np.isnan(values), np.float32(np.inf), values), rows)
        order = np.argsort(queries.astype(np.uint16), kind="stable")
        queries, entries = queries[order], entries[order]
        many = np.bincount(queries, minlength=len(self.counts))
        if many.max(initial=0) > self.keep:
            queries, entries = self._best(measure, queries, entries)
            many = np.bincount(queries, minlength=len(self.counts))
        full = self.counts[:, measure] + many > self.entries.shape[2]
        self._compact(measure, np.flatnonzero(full))
        within = np.arange(len(queries)) - (np.cumsum(many) - many)[queries]
        self.entries[queries, measure, self.counts[queries, measure] + within] = entries
        self.counts[:, measure] += many.astype(np.int32)

    def finish(self) -> None:
        """Leave each query its best ``keep`` candidates."""
        for measure in range(self.counts.shape[1]):
            self._compact(measure, np.flatnonzero(self.counts[:, measure] > self.keep))

    def _best(
        self, measure: int, queries: Int64[Array, " found"], entries: Shaped[Array, " found"]
    ) -> tuple[Int64[Array, " _"], Shaped[Array, " _"]]:
        """The best ``keep`` of each query; the cut rises to the best of the others."""
        order = np.lexsort((entries, queries))
        queries, entries = queries[order], entries[order]
        many = np.bincount(queries, minlength=len(self.counts))
        within = np.arange(len(queries)) - (np.cumsum(many) - many)[queries]
        first, stay = within == self.keep, within < self.keep
        self._raise(measure, queries[first], entries[first])
        return queries[stay], entries[stay]

    def _compact(self, measure: int, queries: Int64[Array, " full"]) -> None:
        best = np.partition(self.entries[queries, measure], self.keep - 1, axis=1)
        self.entries[queries, measure] = best
        self.counts[queries, measure] = self.keep
        self._raise(measure, queries, best[:, self.keep - 1])

    def _raise(
        self, measure: int, queries: Int64[Array, " some"], to: Shaped[Array, " some"]
    ) -> None:
        self.cut[queries, measure] = np.maximum(self.cut[queries, measure], values_of(to))
