"""One query alone, in one call of the compiled part: what many queries share is dear for one.

The call finds candidates in float32, scores them in float64 and proves the list, all as
:mod:`anglewise.nearest_neighbours.blocks` does. A list that it cannot prove (equal scores at the
cut, vectors that float32 does not tell apart) is left to that.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.neighbours import LIMITS, NEAR_HALF, SCALES, Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Float32, Float64, Int64
from anglewise.nearest_neighbours import scanners
from anglewise.nearest_neighbours.blocks import rows_of_tiles, sample_for_few, to_keep
from anglewise.nearest_neighbours.passes import Move, Pass, bounds, moved
from anglewise.nearest_neighbours.ranking import KINDS, norms
from anglewise.nearest_neighbours.row_spans import spans
from anglewise.nearest_neighbours.scanners import CompiledScanner, Scanner, Tile, one_thread
from anglewise.nearest_neighbours.tiles import PreparedItems
from anglewise.similarity_measures.formulas import (
    Cosine,
    Dot,
    Euclidean,
    Formula,
    Norm,
)
from anglewise.similarity_measures.hubs import PerItem

Answer: TypeAlias = tuple[Int64[Array, " k"], Float64[Array, " k"], int]
"""Rows, scores and how many tie with the last, as in ``Neighbours``."""
KNOWN = (Dot, Cosine, Norm, Euclidean, PerItem)
"""Formulas that the compiled part knows; those that somebody else wrote are not among them."""
NONE_HIDDEN = np.zeros(0, dtype=np.int64)
FACTOR_BLOCK = 1 << 13
"""Rows whose lengths in a frame are taken together."""


def search_single(
    items: PreparedItems,
    vectors: Embeddings,
    exclude: SparseRows | None,
    *,
    k: int,
    threads: int | None = None,
) -> Neighbours | None:
    """The nearest neighbours of one vector, if one call can find and prove them.

    None also where something is wrong with what was asked: the search of many says what.
    """
    due = (1, len(items.ranked))
    if exclude is not None and exclude.shape != due:
        return None
    hidden = NONE_HIDDEN if exclude is None else exclude.row(0)
    found = single_list(items, vectors.vectors[0], hidden, k=k, threads=threads)
    if found is None:
        return None
    rows, scores, tied = found
    return Neighbours(items.measures[0], rows[None], scores[None], np.array([tied]))


def single_list(
    items: PreparedItems,
    vector: Float32[Array, " d"],
    hidden: Int64[Array, " hidden"],
    *,
    k: int,
    threads: int | None = None,
) -> Answer | None:
    """The same as rows and scores alone; the hidden rows ascend."""
    ranked = items.ranked
    if type(k) is not int or not 1 <= k <= len(ranked):
        return None
    if len(vector) != ranked.dimension or not one_thread(threads, ranked.vectors.size):
        return None
    single = single_query(items, scanners.scanner())
    return None if single is None else single.answer(vector, hidden, k)


@dataclass(frozen=True, eq=False)
class SingleQuery:
    """Items prepared for one query at a time, under one measure that ranks as an inner product."""

    kernel: Any
    held: Any
    shared: Pass

    @classmethod
    def of(
        cls, prepared: PreparedItems, tiles: list[Tile], scanner: CompiledScanner
    ) -> "SingleQuery":
        """The items with tiles that hold every row once."""
        shared, vectors = prepared.passes[0], prepared.ranked.vectors
        d, plain = tiles[0].vectors.shape[1], shared.maps is None and shared.shift is None
        reach = np.maximum.reduce([tile.reach for tile in tiles])
        bound = bounds(reach, shared.formulas, np.zeros(1), d, plain)[0]
        quantities = bound.norm, bound.stray, bound.lever, bound.weight, bound.bias, bound.bias_size
        of_items = (
            vectors,
            *_frame(shared.ranked),
            *_per_item(shared.formulas[0], prepared),
            prepared.id_order.position_of,
            np.stack(quantities),
            LIMITS,
            SCALES,
        )
        of_tiles = [
            (
                tile.vectors,
                tile.rows,
                tile.weights,
                tile.biases,
                tile.block_bias,
                tile.least_step,
                tile.most_step,
            )
            for tile in tiles
        ]
        kind = KINDS.index(shared.formulas[0].product)
        sizes = vectors.shape[1], d, len(vectors), len(bound.norm), kind, NEAR_HALF
        held = scanner.kernel.prepare(*sizes, of_items, of_tiles)
        return cls(scanner.kernel, held, shared)

    def answer(
        self, vector: Float32[Array, " d"], hidden: Int64[Array, " hidden"], k: int
    ) -> Answer | None:
        """The ``k`` nearest of one vector, without the hidden rows, which ascend.

        None where the list could not be proven here.
        """
        shared, formula = self.shared, self.shared.formulas[0]
        exact: Array = vector
        if shared.maps is not None or formula.unit_queries:
            exact = moved(vector[None], shared.asking)[0]
            if formula.unit_queries:
                length = norms(exact[None])[0]
                exact = exact / (length if length > 0 else 1.0)
        shifted = exact if shared.shift is None else exact - shared.shift
        if shared.shift is not None:
            exact = exact.astype(np.float64)
        rows, scores = np.empty(k, dtype=np.int64), np.empty(k)
        tied = self.kernel.single(
            self.held,
            exact.dtype == np.float64,
            exact,
            shifted,
            _query_factor(formula, exact),
            k,
            to_keep(k),
            hidden,
            rows,
            scores,
        )
        return None if tied is None else (rows, scores, tied)


def single_query(items: PreparedItems, scanner: Scanner) -> SingleQuery | None:
    """What answers one query at once, made when it is first asked for; None where nothing can.

    The compiled part must be there, the formula one that it knows, and all tiles must be cached.
    """
    if not isinstance(scanner, CompiledScanner) or len(items.passes) > 1:
        return None
    if scanner.kind not in items.alone:
        items.alone[scanner.kind] = _made(items, scanner)
    return items.alone[scanner.kind]


def _made(items: PreparedItems, scanner: CompiledScanner) -> SingleQuery | None:
    shared, count = items.passes[0], len(items.ranked)
    if len(shared.formulas) != 1 or type(shared.formulas[0]) not in KNOWN or items.room <= 0:
        return None
    sampled = sample_for_few(count)
    matrix = None if shared.ranked is None else shared.ranked.by.matrix
    dimension = items.ranked.dimension if matrix is None else matrix.shape[1]
    spread = rows_of_tiles(count, dimension, scanner, 1)
    tiles = [] if sampled is None else [items.tile(shared, sampled, scanner)]
    tiles += [items.tile(shared, rows, scanner, sampled) for rows in spread]
    if sum(1 for tile in items.tiles.values() if any(tile is one for one in tiles)) < len(tiles):
        return None
    return SingleQuery.of(items, tiles, scanner)


def _frame(move: Move | None) -> tuple[Array | None, Array | None, Array | None, Array | None]:
    """Offset, scale and matrix of what moves the items; None for what there is not."""
    if move is None:
        return None, None, None, None
    scale = None if move.by.scale is None else np.ascontiguousarray(move.by.scale, np.float64)
    offset = np.ascontiguousarray(move.by.offset, np.float64)
    if move.by.matrix is None:
        return offset, scale, None, None
    return offset, scale, move.panels, move.starts


def _query_factor(formula: Formula, exact: Array) -> float:
    """What the query's own length multiplies scores by; NaN for one over it."""
    if isinstance(formula, Cosine):
        return math.nan
    if not isinstance(formula, Norm) or formula.query == 0:
        return 1.0
    return float(formula.from_ranking(np.ones(1), norms(exact[None]))[0])


def _per_item(
    formula: Formula, prepared: PreparedItems
) -> tuple[Float64[Array, " n"] | None, Float64[Array, " n"] | None]:
    """What each item multiplies a product by, and what it adds; None for nothing."""
    if isinstance(formula, Dot | Euclidean):
        return None, None
    vectors, move = prepared.ranked.vectors, prepared.passes[0].ranked
    rows, lengths = np.arange(len(vectors), dtype=np.int64), np.empty(len(vectors))
    if not isinstance(formula, PerItem):
        for span in spans(len(vectors), FACTOR_BLOCK):
            part = vectors[span.start : span.stop]
            lengths[span.start : span.stop] = norms(part if move is None else moved(part, move))
    terms = formula.terms_at(rows, lengths)
    weight, bias = (None, None) if terms is None else (terms.weight, terms.bias)
    return weight, bias
