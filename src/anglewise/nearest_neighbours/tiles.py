"""Both sides in the frame of a pass: items in tiles, ordered by length, and queries in blocks.

Neighbouring columns of a tile have nearly the same length, so their weights and biases are
nearly the same too, and one number can say for a whole block of columns which inner product
would be of interest under any measure: the test that lets five measures cost one.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.mapped import forget, mapped_by
from anglewise.data_types.typing import Array, Bool, Direction, Float32, Float64, Int, Int64
from anglewise.errors import ValuesError
from anglewise.nearest_neighbours.equal_rows import EqualRows
from anglewise.nearest_neighbours.passes import Pass, moved, passes, reach_of
from anglewise.nearest_neighbours.ranking import (
    KINDS,
    NOWHERE,
    Exclusions,
    IdOrder,
    TopK,
    norms,
    products,
    scores,
)
from anglewise.nearest_neighbours.row_spans import GATHERED, row_numbers, vectors_at
from anglewise.nearest_neighbours.scanners import Scanner, Tile
from anglewise.similarity_measures.formulas import Formula, Measure
from anglewise.similarity_measures.hubs import PerItem

LARGE = np.float32(1e38)
"""Stands for the inverse of a weight of zero."""


def tile(
    shared: Pass,
    ranked: Embeddings,
    rows: range | Int64[Array, " some"],
    scanner: Scanner,
    sampled: range | None = None,
) -> Tile:
    """The tile of these rows, without those that were looked at in a sample."""
    x, stray = np.ascontiguousarray(vectors_at(ranked, rows)), 0.0
    if shared.maps is not None or shared.shift is not None:
        x, stray = scanner.moved(x, shared.ranked)
        x = x if shared.shift is None else x - shared.shift
    numbers, fresh = row_numbers(rows), np.arange(len(rows))
    if sampled is not None:
        fresh = np.flatnonzero((numbers % sampled.step != 0) | (numbers >= sampled.stop))
    lengths = norms(x)
    if shared.maps is not None:
        _check_range(lengths)
    order, padding = _blocks_of_one_length(lengths, fresh, scanner.block)
    lengths = lengths[order]
    numbers = numbers[order]
    weights, biases = _terms(shared, numbers, lengths)
    least_bias, most_bias = scanner.ranges(biases)
    least_weight, most_weight = scanner.ranges(weights)
    numbers = numbers.astype(np.int32)
    numbers[padding] = -1
    biases[:, padding] = -np.inf
    with np.errstate(divide="ignore", over="ignore"):
        least_step, most_step = np.minimum(1 / most_weight, LARGE), 1 / least_weight
        levers = weights * lengths.astype(np.float32)
    longest = lengths.reshape(-1, scanner.block).max(axis=1)
    lever = scanner.ranges(levers)[1]
    reach = reach_of(
        longest, stray, lever=lever, weight=most_weight, bias=most_bias, least_bias=least_bias
    )
    vectors = scanner.packed(x, order)
    return Tile(numbers, vectors, weights, biases, most_bias, least_step, most_step, reach)


def _check_range(lengths: Float64[Array, " n"]) -> None:
    """Refuse lengths that a frame took out of float32, in which candidates are looked for."""
    positive = lengths[lengths > 0]
    limits = np.finfo(np.float32)
    if len(positive) and not (limits.tiny <= positive.min() and positive.max() <= limits.max):
        raise ValuesError(
            f"in these coordinates lengths go from {positive.min():.2g} to {positive.max():.2g}, "
            "beyond what float32 holds: scale the vectors, or take another frame"
        )


def _blocks_of_one_length(
    lengths: Float64[Array, " n"], fresh: Int64[Array, " some"], block: int
) -> tuple[Int64[Array, " p"], Bool[Array, " p"]]:
    """The order of the columns, and which of them only fill the last block.

    Rows of a block have one length, to within one in a hundred; blocks come in an order that
    favours no length, for a measure may like long rows best, or short ones.
    """
    with np.errstate(over="ignore"):
        coarse = (lengths.astype(np.float32).view(np.uint32) >> np.uint32(16)).astype(np.uint16)
    order = fresh[np.argsort(coarse[fresh], kind="stable")]
    padding = -len(order) % block
    order = np.concatenate([order, np.repeat(order[-1:], padding)]).reshape(-1, block)
    blocks = len(order)
    stride = int(0.618 * blocks) + 1
    while math.gcd(stride, blocks) > 1:
        stride += 1
    mixed = np.arange(blocks) * stride % blocks
    fills = np.zeros(order.shape, dtype=bool)
    fills[-1, block - padding :] = True
    return order[mixed].ravel(), fills[mixed].ravel()


def _terms(
    shared: Pass, rows: Int64[Array, " p"], lengths: Float64[Array, " p"]
) -> tuple[Float32[Array, "m p"], Float32[Array, "m p"]]:
    weights = np.ones((len(shared.formulas), len(lengths)), dtype=np.float32)
    biases = np.zeros((len(shared.formulas), len(lengths)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for j, formula in enumerate(shared.formulas):
            terms = formula.terms_at(rows, lengths)
            if terms is not None and terms.weight is not None:
                weights[j] = terms.weight
            if terms is not None and terms.bias is not None:
                biases[j] = terms.bias
    return weights, biases


CACHE_BYTES = 1 << 30
"""What the cached tiles may weigh together; those beyond are made again for every search."""


@dataclass(eq=False)
class PreparedItems:
    """Items prepared for measures in one frame, to be searched many times and by many threads.

    Tiles are made when they are first needed, and cached as long as there is ``room`` for them, in
    bytes. So a single query costs about one reading of the items; the tiles are a second copy.
    """

    ranked: Embeddings
    measures: tuple[str, ...]
    passes: tuple[Pass, ...]
    id_order: IdOrder
    room: int
    tiles: dict[tuple[int, range, range | None, str], Tile] = field(
        default_factory=dict[tuple[int, range, range | None, str], Tile]
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    equal: dict[int, EqualRows] = field(default_factory=dict[int, EqualRows])
    alone: dict[str, Any] = field(default_factory=dict[str, Any])  # see single_query.py

    @classmethod
    def of(
        cls,
        space: Space,
        measures: Sequence[Measure],
        *,
        direction: Direction = "queries-items",
        room: int = CACHE_BYTES,
    ) -> "PreparedItems":
        """Fit the frame and the formulas on a space, one side of which is to be searched."""
        fitted_passes = tuple(passes(measures, space, direction))
        ranked, names = space.sides(direction)[1], tuple(map(str, measures))
        return cls(ranked, names, fitted_passes, IdOrder.of(ranked), room)

    def tile(
        self, shared: Pass, rows: range, scanner: Scanner, sampled: range | None = None
    ) -> Tile:
        """The tile, made now or before; two threads may make the same one, which does no harm."""
        key = id(shared), rows, sampled, scanner.kind
        cached = self.tiles.get(key)
        if cached is not None:
            return cached
        made = tile(shared, self.ranked, rows, scanner, sampled)
        size = made.vectors.nbytes + made.weights.nbytes + made.biases.nbytes + made.rows.nbytes
        with self.lock:
            if size <= self.room and key not in self.tiles:
                self.room -= size
                self.tiles[key] = made
        return made

    def equal_rows(self, formula: Formula) -> EqualRows:
        """Rows that a formula cannot tell apart; made when they are first asked for."""
        if isinstance(formula, PerItem):
            key, columns = id(formula), (formula.weight, formula.bias)
        elif type(formula).score_at is Formula.score_at:
            key, columns = 0, ()
        else:  # it may know rows by their number
            return EqualRows.alone(len(self.ranked))
        if key not in self.equal:
            self.equal[key] = EqualRows.of(self.ranked, columns, self.id_order)
        return self.equal[key]


MOVED_BYTES = 1 << 23
"""Rows of the ranked side are moved again, exactly, in pieces of this size."""


@dataclass(frozen=True, eq=False)
class QueryBlock:
    """Queries in the frame of a pass, exact and in float32, and what they must not be shown.

    ``norms`` are the exact norms, ``reduced`` and ``reduced_norms`` what the float32 pass works
    with, after the shift.
    """

    items: PreparedItems
    shared: Pass
    exclusions: Exclusions
    k: int
    exact: Float64[Array, "q r"]
    norms: Float64[Array, " q"]
    reduced: Float32[Array, "q r"]
    reduced_norms: Float64[Array, " q"]

    @classmethod
    def of(
        cls,
        items: PreparedItems,
        shared: Pass,
        vectors: Float32[Array, "q d"],
        exclusions: Exclusions,
        k: int,
    ) -> "QueryBlock":
        """Take queries into the frame of a pass."""
        exact = moved(vectors, shared.asking)
        if shared.formulas[0].unit_queries:
            lengths = norms(exact)
            exact = exact / np.where(lengths > 0, lengths, 1.0)[:, None]
        shifted = exact if shared.shift is None else exact - shared.shift
        with np.errstate(over="ignore"):
            reduced = shifted.astype(np.float32)
        return cls(items, shared, exclusions, k, exact, norms(exact), reduced, norms(shifted))

    def __len__(self) -> int:
        return len(self.exact)

    def take(self, which: Int64[Array, " some"] | range) -> "QueryBlock":
        """Some queries, in the order given."""
        adjacent = isinstance(which, range)
        at = slice(which.start, which.stop) if adjacent else which
        return replace(
            self,
            exclusions=self.exclusions.block(which) if adjacent else self.exclusions.take(which),
            exact=self.exact[at],
            norms=self.norms[at],
            reduced=self.reduced[at],
            reduced_norms=self.reduced_norms[at],
        )

    def top(self, rows: Int[Array, "q m listed"]) -> list[TopK]:
        """The best of the rows listed for each query and measure by exact scores; -1 is no item."""
        q, m, listed = rows.shape
        kinds = np.array([KINDS.index(formula.product) for formula in self.shared.formulas])
        numbers = np.repeat(np.arange(q, dtype=np.int64), m)
        product, lengths = self.products(numbers, np.tile(kinds, q), rows.reshape(q * m, listed))
        product, lengths = product.reshape(rows.shape), lengths.reshape(rows.shape)
        query_norms = np.broadcast_to(self.norms[:, None], (q, listed))
        answers: list[TopK] = []
        for j, formula in enumerate(self.shared.formulas):
            of_measure = rows[:, j]
            score = scores(formula, of_measure, product[:, j], query_norms, lengths[:, j])
            position = self.items.id_order.positions(of_measure)
            none = of_measure < 0
            if none.any():
                score, position = np.where(none, -np.inf, score), np.where(none, NOWHERE, position)
            answers.append(TopK.of(score, position, self.k))
        return answers

    def pair_scores(
        self, measure: int, queries: Int64[Array, " pairs"], rows: Int64[Array, " pairs"]
    ) -> Float64[Array, " pairs"]:
        """The exact scores of pairs of a query and a row."""
        formula = self.shared.formulas[measure]
        kinds = np.full(len(rows), KINDS.index(formula.product))
        product, lengths = self.products(np.ascontiguousarray(queries), kinds, rows[:, None])
        return scores(formula, rows, product[:, 0], self.norms[queries], lengths[:, 0])

    def products(
        self,
        queries: Int64[Array, " lists"],
        kinds: Int[Array, " lists"],
        rows: Int[Array, "lists listed"],
    ) -> tuple[Float64[Array, "lists listed"], Float64[Array, "lists listed"]]:
        """The products of lists of rows, and the norms of the rows; each row is moved once."""
        ranked, move = self.items.ranked.vectors, self.shared.ranked
        product, squares = np.zeros(rows.shape), np.zeros(rows.shape)
        if move is None:
            together = len(rows) if mapped_by(ranked) is None else -(-GATHERED // rows.shape[1])
            for start in range(0, len(rows), max(1, together)):
                some = slice(start, start + together)
                of_lists = queries[some], kinds[some], rows[some]
                out = {"product": product[some], "squares": squares[some]}
                products(self.exact, ranked, *of_lists, **out)
                forget(ranked)
            return product, np.sqrt(squares)
        distinct, at = np.unique(rows, return_inverse=True)
        at = np.where(rows < 0, -1, at.reshape(rows.shape))
        length = max(64, MOVED_BYTES // (8 * self.exact.shape[1]))
        for start in range(0, len(distinct), length):
            x = moved(ranked[distinct[start : start + length]], move)
            forget(ranked)
            here = (at >= start) & (at < start + length)
            local = np.where(here, at - start, -1)
            products(self.exact, x, queries, kinds, local, product=product, squares=squares)
        return product, np.sqrt(squares)
