"""The ranking: exact scores in float64, order, ties at the cut, and float32 candidates.

Sums over coordinates run in eight lanes, coordinate ``c`` in lane ``c % 8``, which are then
halved; each product is rounded before it is added. So a pair scores the same to the last bit
whatever stands beside it, however many threads work, and whether the compiled part is there. A
measure's score is then rounded to float32, and that number is ranked.

A score and the place of an item in the order of ids make one whole number, the smaller the
better, so that one sort does both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Bool, Float, Float32, Float64, Int, Int64, Shaped
from anglewise.measures.formulas import Formula, Product


def _compiled() -> ModuleType | None:
    try:
        from anglewise.engine import _kernel
    except ImportError:
        return None
    return _kernel


KERNEL = _compiled()


TOGETHER = 8192
"""Pairs whose coordinates NumPy gathers at once."""
LANES = 8
KINDS: tuple[Product, ...] = ("dot", "squared-distance", "manhattan")

kernel: ModuleType | None = KERNEL
_TERMS: tuple[Callable[[Array, Array], Array], ...] = (
    lambda q, x: q * x,
    lambda q, x: (q - x) * (q - x),
    lambda q, x: np.abs(q - x),
)


def norms(x: Float[Array, "n d"]) -> Float64[Array, " n"]:
    """Euclidean lengths."""
    total = np.zeros(len(x))
    if kernel is not None:
        kernel.squares(x, x.dtype == np.float64, x.shape[1], total)
        return np.sqrt(total)
    for start in range(0, len(x), TOGETHER):
        part = _lanes(x[start : start + TOGETHER])
        total[start : start + TOGETHER] = _halved(part * part)
    return np.sqrt(total)


@dataclass(frozen=True, eq=False)
class Lists:
    """Queries, and for each a list of rows (-1: none) whose products with it are wanted.

    A query may have several lists; ``kinds`` are numbers in ``KINDS``.
    """

    asking: Int64[Array, " lists"]
    kinds: Int[Array, " lists"]
    rows: Int[Array, "lists listed"]


def products(
    wanted: Lists,
    queries: Float64[Array, "q d"],
    items: Float[Array, "n d"],
    product: Float64[Array, "lists listed"],
    squares: Float64[Array, "lists listed"],
) -> None:
    """Write down the product of each pair, and the squared length of its item."""
    asking, kinds, rows = wanted.asking, wanted.kinds, wanted.rows
    if kernel is not None:
        wide, (d, listed) = items.dtype == np.float64, (items.shape[1], rows.shape[1])
        lists = asking, kinds.astype(np.int8), np.ascontiguousarray(rows, dtype=np.int32)
        kernel.products(wide, d, listed, queries, items, *lists, product, squares)
        return
    for kind, terms in enumerate(_TERMS):
        pairs = np.nonzero((rows >= 0) & (kinds == kind)[:, None])
        for start in range(0, len(pairs[0]), TOGETHER):
            at = pairs[0][start : start + TOGETHER], pairs[1][start : start + TOGETHER]
            q, x = _lanes(queries[asking[at[0]]]), _lanes(items[rows[at]])
            product[at] = _halved(terms(q, x))
            squares[at] = _halved(x * x)


def scores(
    formula: Formula,
    rows: Int[Array, "*pairs"],
    product: Float64[Array, "*pairs"],
    query_norms: Float64[Array, "*pairs"],
    item_norms: Float64[Array, "*pairs"],
) -> Float32[Array, "*pairs"]:
    """The score that is ranked: computed in float64, rounded once, without a negative zero."""
    with np.errstate(over="ignore"):
        there = rows.astype(np.int64, copy=False)
        score = formula.score_at(there, product, query_norms, item_norms)
        return score.astype(np.float32) + np.float32(0)


def _lanes(rows: Float[Array, "n d"]) -> Float64[Array, "steps lanes n"]:
    """The coordinates, eight at a time, padded with zeros."""
    n, d = rows.shape
    out = np.zeros((-(-d // LANES) * LANES, n))
    out[:d] = rows.T
    return out.reshape(-1, LANES, n)


def _halved(terms: Float64[Array, "steps lanes n"]) -> Float64[Array, " n"]:
    """The sum over steps, one after the other, then over lanes, half onto half."""
    total = np.zeros(terms.shape[1:])
    for step in terms:
        total += step
    while len(total) > 1:
        half = len(total) // 2
        total = total[:half] + total[half:]
    return total[0]


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
class TopK:
    """The best ``k`` so far of each query, exact, and how many tie with the last of them."""

    key: Shaped[Array, "q k"]
    tied: Int64[Array, " q"]

    @classmethod
    def empty(cls, queries: int, k: int) -> "TopK":
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


@dataclass(eq=False)
class Candidates:
    """For each query and measure a few items, and a cut that all other items do not exceed.

    ``entries`` are sortable numbers made of the float32 value and the row, the smaller the
    better, ``queries x measures x room``; the first ``counts`` of them hold. An item whose value
    exceeds ``cut`` is among them. When there is no more room the best ``keep`` stay and the cut
    rises to the last of them.
    """

    keep: int
    entries: Shaped[Array, "q m room"]
    counts: Int[Array, "q m"]
    cut: Float32[Array, "q m"]

    @classmethod
    def none(cls, queries: int, measures: int, keep: int) -> "Candidates":
        """Nobody yet, and nothing to exceed."""
        return cls(
            keep,
            np.full((queries, measures, 2 * keep), NOBODY),
            np.zeros((queries, measures), dtype=np.int32),
            np.full((queries, measures), -np.inf, dtype=np.float32),
        )

    @property
    def rows(self) -> Int64[Array, "q m keep"]:
        """The rows that are kept, in no order; -1 where there are fewer."""
        return places_of(self.entries[:, :, : self.keep])

    def raise_cut(self) -> None:
        """Let the cut rise to the last of those kept, where there are enough of them."""
        last = scores_of(self.entries[:, :, : self.keep].max(axis=2))
        risen = (self.counts == self.keep) & (last > self.cut) & (last < np.inf)
        self.cut[risen] = last[risen]

    def adopt(self, others: "Candidates") -> None:
        """Start from the candidates of some of the items, and from their cut."""
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
        """Take in items that exceed the cut, in any order; none may come twice."""
        entries = keys(np.where(np.isnan(values), np.float32(np.inf), values), rows)
        order = np.argsort(queries.astype(np.uint16), kind="stable")
        queries, entries = queries[order], entries[order]
        many = np.bincount(queries, minlength=len(self.counts))
        if many.max(initial=0) > self.keep:
            queries, entries = self._foremost(measure, queries, entries)
            many = np.bincount(queries, minlength=len(self.counts))
        full = self.counts[:, measure] + many > self.entries.shape[2]
        self._compact(measure, np.flatnonzero(full))
        within = np.arange(len(queries)) - (np.cumsum(many) - many)[queries]
        self.entries[queries, measure, self.counts[queries, measure] + within] = entries
        self.counts[:, measure] += many.astype(np.int32)

    def finish(self) -> None:
        """Leave no more than ``keep`` with each query."""
        for measure in range(self.counts.shape[1]):
            self._compact(measure, np.flatnonzero(self.counts[:, measure] > self.keep))

    def _foremost(
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
        self.cut[queries, measure] = np.maximum(self.cut[queries, measure], scores_of(to))
