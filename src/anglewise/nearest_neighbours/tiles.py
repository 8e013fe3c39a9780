"""Both sides in the frame of a pass: items in tiles, ordered by length, and queries in blocks.

Neighbouring columns of a tile have nearly the same length, so their weights and biases are
nearly the same too, and one number can say for a whole block of columns which inner product
would be of interest under any measure: the test that lets five measures cost one.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.typing import Array, Bool, Direction, Float32, Float64, Int, Int64, Shaped
from anglewise.errors import ValuesError
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


def row_numbers(rows: range | Int64[Array, " some"]) -> Int64[Array, " some"]:
    """The same rows as an array."""
    return np.arange(rows.start, rows.stop, rows.step) if isinstance(rows, range) else rows


def vectors_at(ranked: Embeddings, rows: range | Int64[Array, " some"]) -> Float32[Array, "some d"]:
    """The vectors of these rows; of a range without a copy."""
    is_range = isinstance(rows, range)
    return ranked.vectors[slice(rows.start, rows.stop, rows.step) if is_range else rows]


def _check_range(lengths: Float64[Array, " n"]) -> None:
    """Refuse lengths that a frame took out of float32, in which candidates are looked for."""
    positive = lengths[lengths > 0]
    limits = np.finfo(np.float32)
    if len(positive) and not (limits.tiny <= positive.min() and positive.max() <= limits.max):
        raise ValuesError(
            f"in these coordinates lengths go from {positive.min():.2g} to {positive.max():.2g}, "
            "beyond what float32 holds: scale the vectors, or take another frame"
        )


def spans(items: int, length: int) -> Iterator[range]:
    """Cut so many rows into pieces of this length; no piece but the only one is of one row."""
    edges = [*range(0, items, length), items]
    if len(edges) > 2 and edges[-1] - edges[-2] == 1:
        del edges[-2]
    return (range(*pair) for pair in pairwise(edges))


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


HASHED_ROWS = 1 << 12
"""Rows that are hashed or compared at once."""


@dataclass(frozen=True, eq=False)
class EqualRows:
    """Ranked rows in groups: those of a group have one vector, and so one score for any query.

    ``first`` holds the first row of each group. The rows of group ``g`` stand at ``starts[g]`` to
    ``starts[g + 1]`` of ``members``, in the order of ids. So do the groups, by their first rows,
    unless each row is a group.
    """

    first: Int64[Array, " groups"]
    group_of: Int64[Array, " n"]
    members: Int64[Array, " n"]
    starts: Int64[Array, " groups_and_one"]

    @classmethod
    def alone(cls, count: int) -> "EqualRows":
        """Each row is a group, in the order of rows."""
        rows = np.arange(count + 1, dtype=np.int64)
        return cls(rows[:-1], rows[:-1], rows[:-1], rows)

    @classmethod
    def of(
        cls, ranked: Embeddings, columns: Sequence[Float64[Array, " n"]], id_order: IdOrder
    ) -> "EqualRows":
        """Rows that agree in their vector and in these columns.

        To the bit, but for the sign of zeros. Rows of one hash are compared, and those that
        differ stand alone, which costs time and changes no result.
        """
        hashes = _hashes(ranked, columns)
        _, first, group_of = np.unique(hashes, return_index=True, return_inverse=True)
        alone = _different(ranked, columns, first[group_of])
        group_of[alone] = len(first) + np.arange(len(alone))
        positions = id_order.positions(np.arange(len(group_of), dtype=np.int64))
        lowest = np.full(int(group_of.max()) + 1, len(positions))
        np.minimum.at(lowest, group_of, positions)
        _, group_of = np.unique(lowest[group_of], return_inverse=True)
        members = np.lexsort((positions, group_of))
        starts = np.concatenate([[0], np.cumsum(np.bincount(group_of))]).astype(np.int64)
        return cls(members[starts[:-1]], group_of.astype(np.int64), members, starts)

    def rows(self, groups: range) -> range | Int64[Array, " some"]:
        """The first row of some groups; a range where they are neighbours, to save a copy."""
        first = self.first[groups.start : groups.stop]
        adjacent = bool((np.diff(first) == 1).all())
        return range(int(first[0]), int(first[0]) + len(first)) if adjacent else first

    def hidden(
        self, exclusions: Exclusions
    ) -> tuple[Int64[Array, " pairs"], Int64[Array, " pairs"]]:
        """How many rows of a group a query is not shown: (query, group) ascending, the number."""
        queries = np.repeat(np.arange(len(exclusions.counts)), exclusions.counts)
        pairs = queries * len(self.first) + self.group_of[exclusions.indices]
        return np.unique(pairs, return_counts=True)

    def shown(
        self,
        queries: Int64[Array, " pairs"],
        rows: Int64[Array, " pairs"],
        exclusions: Exclusions,
        hidden: tuple[Int64[Array, " some"], Int64[Array, " some"]],
        k: int,
    ) -> tuple[Int64[Array, " shown"], Int64[Array, " shown"], Int64[Array, " pairs"]]:
        """The first ``k`` or more rows that each query may be shown of the group that a row begins.

        Returned are the pair that each row belongs to, the row, and how many more there are of
        each pair.
        """
        if len(self.first) == len(self.group_of):
            pair = np.flatnonzero(exclusions.allows(queries, rows))
            return pair, rows[pair], np.zeros(len(rows), dtype=np.int64)
        groups = self.group_of[rows]
        hidden_pairs, hidden_counts = hidden
        less = np.zeros(len(rows), dtype=np.int64)
        if len(hidden_pairs):
            sought = queries * len(self.first) + groups
            at = np.minimum(np.searchsorted(hidden_pairs, sought), len(hidden_pairs) - 1)
            less = np.where(hidden_pairs[at] == sought, hidden_counts[at], 0)
        size = self.starts[groups + 1] - self.starts[groups]
        many = np.minimum(size, k + less)
        pair = np.repeat(np.arange(len(rows)), many)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(many) - many, many)
        row = self.members[self.starts[groups][pair] + within]
        allowed = exclusions.allows(queries[pair], row)
        pair, row = pair[allowed], row[allowed]
        return pair, row, size - less - np.bincount(pair, minlength=len(rows))


def _hashes(ranked: Embeddings, columns: Sequence[Float64[Array, " n"]]) -> Shaped[Array, " n"]:
    """One number for each row, the same for rows that agree."""
    rng = np.random.default_rng(0)
    factors = rng.integers(2**63, size=ranked.dimension + len(columns), dtype=np.uint64) * 2 + 1
    out = np.zeros(len(ranked), dtype=np.uint64)
    for span in spans(len(ranked), HASHED_ROWS):
        words = _words(ranked, columns, span)
        out[span.start : span.stop] = (words * factors).sum(axis=1, dtype=np.uint64)
    return out


def _words(
    ranked: Embeddings,
    columns: Sequence[Float64[Array, " n"]],
    rows: range | Int64[Array, " some"],
) -> Shaped[Array, "some words"]:
    """The bits of the vectors and columns of these rows, all zeros of one sign."""
    vectors = np.ascontiguousarray(vectors_at(ranked, rows), dtype=np.float32) + np.float32(0)
    at = slice(rows.start, rows.stop) if isinstance(rows, range) else rows
    beside = [np.ascontiguousarray(column[at]).view(np.uint64)[:, None] for column in columns]
    return np.concatenate([vectors.view(np.uint32).astype(np.uint64), *beside], axis=1)


def _different(
    ranked: Embeddings,
    columns: Sequence[Float64[Array, " n"]],
    first: Int64[Array, " n"],
) -> Int64[Array, " some"]:
    """Rows that differ from the first of their hash."""
    others = np.flatnonzero(first != np.arange(len(first)))
    parts = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(others), HASHED_ROWS):
        some = others[start : start + HASHED_ROWS]
        differs = _words(ranked, columns, some) != _words(ranked, columns, first[some])
        parts.append(some[differs.any(axis=1)])
    return np.concatenate(parts)


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
            products(self.exact, ranked, queries, kinds, rows, product=product, squares=squares)
            return product, np.sqrt(squares)
        distinct, at = np.unique(rows, return_inverse=True)
        at = np.where(rows < 0, -1, at.reshape(rows.shape))
        length = max(64, MOVED_BYTES // (8 * self.exact.shape[1]))
        for start in range(0, len(distinct), length):
            x = moved(ranked[distinct[start : start + length]], move)
            here = (at >= start) & (at < start + length)
            local = np.where(here, at - start, -1)
            products(self.exact, x, queries, kinds, local, product=product, squares=squares)
        return product, np.sqrt(squares)
