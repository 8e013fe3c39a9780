"""Answer a block of queries: propose candidates in float32, verify them in float64.

The exact scores of the candidates are computed. If the bound on all other items lies below the k-th
of them, the list and its ties are complete. Where it does not (many equal scores, hardly different
vectors), the items are gone through again, and every one that may reach the k-th score is scored
exactly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from anglewise.data_types.typing import Array, Bool, Float32, Float64, Int, Int64
from anglewise.errors import ShapeError, ValuesError
from anglewise.nearest_neighbours.passes import ROUNDING, SIZES, Bound, Pass, Reach, bounds, moved
from anglewise.nearest_neighbours.ranking import (
    KINDS,
    NOWHERE,
    Candidates,
    Exclusions,
    TopK,
    norms,
    products,
    scores,
)
from anglewise.nearest_neighbours.scanners import (
    NumpyScanner,
    ScanBlock,
    Tile,
    Workers,
    items_by_queries,
)
from anglewise.nearest_neighbours.tiles import (
    EqualRows,
    PreparedItems,
    row_numbers,
    spans,
    tile,
    vectors_at,
)
from anglewise.similarity_measures.formulas import BlockFormula

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


STATE_BYTES = 1 << 25
TILE_BYTES = 1 << 26


def to_keep(k: int) -> int:
    """How many candidates are kept: some more than ``k``, so that the proof has room."""
    return k + 8 + k // 16


def block_length(k: int, measures: int, dimension: int) -> int:
    """How many queries are answered together, for as many share the cost of making a tile."""
    each = max(16 * to_keep(k) * measures, 16 * dimension)
    return max(64, min(8192, STATE_BYTES // each))


def answer(queries: QueryBlock, workers: Workers, step: Callable[[int], None]) -> list[TopK]:
    """The exact answer of a block of queries for each measure of its pass.

    ``step`` is told how many items have been gone through.
    """
    length = min(1024, max(32, math.ceil(len(queries) / workers.threads)))
    parts = [queries.take(which) for which in spans(len(queries), length)]
    formula = queries.shared.formulas[0]
    if isinstance(formula, BlockFormula):
        answers = list(workers.map_(lambda part: [_score_all(part, formula)], parts))
        step(len(queries.items.ranked))
    else:
        blocks, reach = _propose(parts, workers, step)

        def verified(pair: tuple[QueryBlock, ScanBlock]) -> list[TopK]:
            part, block = pair
            workers.scanner.finish(block.candidates)
            return _verify(part, block.candidates, reach)

        answers = list(workers.map_(verified, zip(parts, blocks, strict=True)))
    return [TopK.joined(tops) for tops in zip(*answers, strict=True)]


def _propose(
    parts: list[QueryBlock], workers: Workers, step: Callable[[int], None]
) -> tuple[list[ScanBlock], Reach]:
    """Candidates for each part of the queries, and the reach of all items."""
    items, shared, scanner = parts[0].items, parts[0].shared, workers.scanner
    keep = to_keep(parts[0].k)
    blocks = [
        ScanBlock(
            shared,
            scanner.queries(part.reduced),
            part.exclusions,
            Candidates.none(len(part), len(shared.measures), keep),
        )
        for part in parts
    ]
    reach, sampled = _sample(items, blocks, workers)
    room = TILE_BYTES // (4 * parts[0].exact.shape[1] * max(8, workers.threads))
    length = max(64, min(scanner.tile_rows, room))
    all_rows = list(spans(len(items.ranked), length))
    for start in range(0, len(all_rows), workers.threads):
        some = all_rows[start : start + workers.threads]
        tiles = list(workers.map_(lambda rows: items.tile(shared, rows, scanner, sampled), some))
        for made in tiles:
            reach = np.maximum(reach, made.reach)

        def scan(block: ScanBlock, tiles: list[Tile] = tiles) -> None:
            for made in tiles:
                scanner.scan(made, block)

        list(workers.map_(scan, blocks))
        step(some[-1].stop)
    return blocks, reach


SAMPLE = 4096
"""Items looked at first."""
SMALL = 1 / 16
"""The share of them that is looked at before."""


def _sample(
    items: PreparedItems, blocks: list[ScanBlock], workers: Workers
) -> tuple[Reach, range | None]:
    """Let the first cuts be those that a sample suggests; the proof notices if they mislead.

    A small sample tells what is of interest in a larger one. Returned are the reach and the rows
    of what need not be looked at again.
    """
    shared, keep, scanner = blocks[0].shared, blocks[0].candidates.keep, workers.scanner
    count, measures = len(items.ranked), len(shared.measures)
    reach, sampled = np.full((2 + 4 * measures, SIZES), -np.inf), None
    if count < 4 * SAMPLE:
        return reach, sampled
    rank = min(2 * keep, _rank(keep, SAMPLE / count))
    for size, depth in ((int(SAMPLE * SMALL), _rank(rank, SMALL)), (SAMPLE, rank)):
        rows = range(0, size * (count // size), count // size)
        sample = items.tile(shared, rows, scanner)
        adopt = size == SAMPLE and scanner.keeps_sample
        if adopt:
            reach, sampled = sample.reach, rows

        def look(
            block: ScanBlock, sample: Tile = sample, depth: int = depth, adopt: bool = adopt
        ) -> None:
            best = Candidates.none(len(block.candidates.counts), measures, depth)
            best.cut[:] = block.candidates.cut
            scanner.sample(sample, replace(block, candidates=best))
            block.candidates.cut[:] = best.cut
            if adopt:
                block.candidates.adopt(best)

        list(workers.map_(look, blocks))
    return reach, sampled


def _rank(wanted: int, share: float) -> int:
    """A rank in a sample that surely lies below the wanted rank in the whole."""
    expected = wanted * share
    return math.ceil(expected + 4 * math.sqrt(expected) + 3)


AGAIN_QUERIES = 128
AGAIN_BYTES = 1 << 21
FEW = 16
"""For so many queries it is not worth to look which rows are equal."""
CROWD = 1 / 8
"""If more than this share of pairs may reach a score, a product in float64 tells them apart."""


def _verify(queries: QueryBlock, candidates: Candidates, reach: Reach) -> list[TopK]:
    """The exact answer for each measure of the pass."""
    shared = queries.shared
    plain = shared.maps is None and shared.shift is None
    dimension = queries.exact.shape[1]
    allowed = len(queries.items.ranked) - queries.exclusions.counts
    answers = queries.top(candidates.rows)
    each = bounds(reach, shared.formulas, queries.reduced_norms, dimension, plain)
    for j, (bound, top) in enumerate(zip(each, answers, strict=True)):
        cut = candidates.cut[:, j]
        complete = candidates.counts[:, j] >= allowed
        unproven = np.flatnonzero(~(complete | bound.below(cut, top.last)))
        equal = None
        if len(unproven) > FEW:
            equal = queries.items.equal_rows(shared.formulas[j])
        for start in range(0, len(unproven), AGAIN_QUERIES):
            some = unproven[start : start + AGAIN_QUERIES]
            near, score = cut[some], top.last[some]
            again = _rescan(queries.take(some), j, bound.take(some), near, score, equal=equal)
            top.put(some, again)
    return answers


def _rescan(
    queries: QueryBlock,
    j: int,
    bound: Bound,
    near: Float32[Array, " q"],
    score: Float64[Array, " q"],
    *,
    equal: EqualRows | None,
) -> TopK:
    """Score exactly whatever may reach a score that is reached by ``k`` items.

    The score, and with it the cut, rises with what is found. Of ``equal`` rows one is scored.
    """
    top, count = TopK.empty(len(queries), queries.k), len(queries.items.ranked)
    # all pairs may reach it, so that their number bounds the memory too
    length = max(256, AGAIN_BYTES // (4 * max(len(queries), queries.exact.shape[1])))
    hidden = None
    if equal is not None:
        groups = len(equal.first)
        length, count = max(16, length // min(queries.k, count // groups)), groups
        hidden = equal.hidden(queries.exclusions)
    cut = bound.cut(near, score)
    for span in spans(count, length):
        rows = span if equal is None else equal.first[span.start : span.stop]
        numbers, reaching = _may_reach(queries, j, rows, cut, score)
        if equal is None:
            allowed = queries.exclusions.allows(numbers, reaching)
            numbers, reaching = numbers[allowed], reaching[allowed]
        reached = queries.pair_scores(j, numbers, reaching)
        enough = reached >= score[numbers]
        numbers, reaching, reached = numbers[enough], reaching[enough], reached[enough]
        if equal is None or hidden is None:
            top.take_in(numbers, reached, queries.items.id_order.positions(reaching))
        else:
            pair, shown, more = equal.shown(
                numbers, reaching, queries.exclusions, hidden, queries.k
            )
            position = queries.items.id_order.positions(shown)
            top.take_in(numbers[pair], reached[pair], position)
            top.add_tied(numbers, reached, more)
        higher = np.flatnonzero(top.last > score)
        if len(higher):
            score[higher] = top.last[higher]
            cut[higher] = bound.take(higher).cut(near[higher], score[higher])
    return top


def _may_reach(
    queries: QueryBlock,
    j: int,
    rows: range | Int64[Array, " some"],
    cut: Float32[Array, " q"],
    score: Float64[Array, " q"],
) -> tuple[Int64[Array, " pairs"], Int64[Array, " pairs"]]:
    """Queries and some rows whose float32 value exceeds the cut, or has no cut to exceed.

    Where these are many, their product in float64 must allow the score too. The rows ascend.
    """
    items = tile(queries.shared, queries.items.ranked, rows, NumpyScanner())
    product = items_by_queries(queries.shared, items, queries.reduced)
    with np.errstate(invalid="ignore", over="ignore"):
        value = product * items.weights[j][:, None] + items.biases[j][:, None]
        may = ~(value <= cut) | np.isneginf(cut)
    may &= (items.rows >= 0)[:, None]
    if queries.shared.inner and np.count_nonzero(may) > CROWD * may.size:
        at = np.searchsorted(row_numbers(rows), items.rows)
        may &= _reaches_in_float64(queries, j, rows, score)[at]
    column, numbers = np.nonzero(may)
    return numbers, items.rows[column].astype(np.int64)


def _reaches_in_float64(
    queries: QueryBlock,
    j: int,
    rows: range | Int64[Array, " rows"],
    score: Float64[Array, " q"],
) -> Bool[Array, "rows q"]:
    """Which of some rows may reach the scores of queries, by a product in float64.

    Where float32 cannot tell many items apart (they lie in a narrow cone, or are very short or
    very long), this leaves few of them to be summed in order.
    """
    formula, exact = queries.shared.formulas[j], queries.exact
    x = moved(vectors_at(queries.items.ranked, rows), queries.shared.ranked)
    lengths, rounding = norms(x), (exact.shape[1] + 16) * 2.0**-52
    with np.errstate(invalid="ignore", over="ignore"):
        if formula.product == "squared-distance":
            middle = x.mean(axis=0)
            q, x = exact - middle, x - middle
            q_norms, x_norms = norms(q), norms(x)[:, None]
            product = q_norms**2 + x_norms**2 - 2 * (x @ q.T)
            product = np.maximum(product - rounding * (q_norms + x_norms) ** 2, 0)
        else:
            product = x @ exact.T + rounding * lengths[:, None] * queries.norms
        shape = product.shape
        highest = formula.score_at(
            np.broadcast_to(row_numbers(rows)[:, None], shape),
            product,
            np.broadcast_to(queries.norms, shape),
            np.broadcast_to(lengths[:, None], shape),
        )
        return ~(highest + ROUNDING * np.abs(highest) < score)


CUSTOM_TILE_BYTES = 1 << 21
QUERIES = 64


def _score_all(queries: QueryBlock, formula: BlockFormula) -> TopK:
    """The best of each query under a formula that scores whole blocks."""
    top, ranked = TopK.empty(len(queries), queries.k), queries.items.ranked
    length = max(256, CUSTOM_TILE_BYTES // (8 * queries.exact.shape[1]))
    for span in spans(len(ranked), length):
        x = moved(ranked.vectors[span.start : span.stop], queries.shared.ranked)
        rows = np.arange(span.start, span.stop, dtype=np.int64)
        positions = queries.items.id_order.positions(rows)
        for start in range(0, len(queries), QUERIES):
            score = _score_block(formula, queries.exact[start : start + QUERIES], x)
            last = top.last[start : start + QUERIES]
            numbers, column = np.nonzero(score >= last[:, None])
            allowed = queries.exclusions.allows(start + numbers, rows[column])
            numbers, column = numbers[allowed], column[allowed]
            top.take_in(start + numbers, score[numbers, column], positions[column])
    return top


def _score_block(formula: BlockFormula, queries: Array, items: Array) -> Float64[Array, "q n"]:
    score = formula.block(queries, items)
    if score.shape != (len(queries), len(items)):
        raise ShapeError(
            f"{formula} gave scores of shape {score.shape} for {len(queries)} queries and "
            f"{len(items)} items: one for each pair is due"
        )
    if np.isnan(score).any():
        raise ValuesError(f"{formula} scored a pair as NaN: say what such a pair is worth")
    ones = np.ones(score.shape)
    rows = np.zeros(score.shape, dtype=np.int64)
    return scores(formula, rows, score.astype(np.float64), ones, ones)
