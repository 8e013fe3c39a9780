"""Answer a block of queries: propose candidates in float32, verify them in float64.

The exact scores of the candidates are computed. If the bound on all other items lies below the k-th
of them, the list and its ties are complete. Where it does not (many equal scores, hardly different
vectors), the items are gone through again, and every one that may reach the k-th score is scored
exactly.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from anglewise.data_types.mapped import forget
from anglewise.data_types.neighbours import rounded_from
from anglewise.data_types.typing import Array, Bool, Float32, Float64, Int64
from anglewise.errors import ShapeError, ValuesError
from anglewise.nearest_neighbours.equal_rows import EqualRows
from anglewise.nearest_neighbours.passes import ROUNDING, SIZES, Bound, Reach, bounds, moved
from anglewise.nearest_neighbours.ranking import (
    Candidates,
    TopK,
    norms,
    scores,
)
from anglewise.nearest_neighbours.row_spans import row_numbers, spans, vectors_at
from anglewise.nearest_neighbours.scanners import (
    NumpyScanner,
    ScanBlock,
    Scanner,
    Tile,
    Workers,
    items_by_queries,
)
from anglewise.nearest_neighbours.tiles import PreparedItems, QueryBlock, tile
from anglewise.similarity_measures.formulas import BlockFormula

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
    forget(queries.items.ranked.vectors)
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
    dimension = parts[0].exact.shape[1]
    all_rows = rows_of_tiles(len(items.ranked), dimension, scanner, workers.threads)
    for start in range(0, len(all_rows), workers.threads):
        batch = all_rows[start : start + workers.threads]
        tiles = list(workers.map_(lambda rows: items.tile(shared, rows, scanner, sampled), batch))
        for made in tiles:
            reach = np.maximum(reach, made.reach)

        def scan(block: ScanBlock, tiles: list[Tile] = tiles) -> None:
            for made in tiles:
                scanner.scan(made, block)

        list(workers.map_(scan, blocks))
        for rows in batch:
            forget(items.ranked.vectors[rows.start : rows.stop])
        step(batch[-1].stop)
    return blocks, reach


def rows_of_tiles(count: int, dimension: int, scanner: Scanner, threads: int) -> list[range]:
    """The rows of each tile."""
    room = TILE_BYTES // (4 * dimension * max(8, threads))
    return list(spans(count, max(64, min(scanner.tile_rows, room))))


SAMPLE = 4096
"""Items looked at first."""
ALONE = 4
"""So few queries find their first cuts as they go: to look for them takes longer."""
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
    count, measures = items.ranked.vectors.shape[0], len(shared.measures)
    reach, sampled = np.full((2 + 4 * measures, SIZES), -np.inf), None
    if count < 4 * SAMPLE:
        return reach, sampled
    if scanner.keeps_sample and sum(len(block.candidates.counts) for block in blocks) <= ALONE:
        rows = _every(count, SAMPLE)
        sample = items.tile(shared, rows, scanner)
        list(workers.map_(lambda block: scanner.scan(sample, block), blocks))
        return sample.reach, rows
    rank = min(2 * keep, _rank(keep, SAMPLE / count))
    for size, depth in ((int(SAMPLE * SMALL), _rank(rank, SMALL)), (SAMPLE, rank)):
        rows = _every(count, size)
        sample = items.tile(shared, rows, scanner)
        forget(items.ranked.vectors)
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


def sample_for_few(count: int) -> range | None:
    """The rows that few queries look at first; None where there are not so many items."""
    return None if count < 4 * SAMPLE else _every(count, SAMPLE)


def _every(count: int, size: int) -> range:
    """So many rows, spread over all."""
    return range(0, size * (count // size), count // size)


def _rank(wanted: int, share: float) -> int:
    """A rank in a sample that surely lies below the wanted rank in the whole."""
    expected = wanted * share
    return math.ceil(expected + 4 * math.sqrt(expected) + 3)


AGAIN_QUERIES = 128
AGAIN_BYTES = 1 << 21
LEAST_AGAIN = 256
"""Rows that are gone through again at once, at the least."""
OFTEN = 64
"""After so many spans of rows what was read of a mapped matrix is given up."""
FEW = 16
"""For so many queries it is not worth to look which rows are equal."""
CROWD = 1 / 16
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
        if not len(unproven):
            continue
        groups = EqualRows.alone(len(queries.items.ranked))
        if len(unproven) > FEW:
            groups = queries.items.equal_rows(shared.formulas[j])
        for start in range(0, len(unproven), AGAIN_QUERIES):
            some = unproven[start : start + AGAIN_QUERIES]
            near, score = cut[some], top.last[some]
            again = _rescan(queries.take(some), j, bound.take(some), near, score, groups=groups)
            top.put(some, again)
    return answers


def _rescan(
    queries: QueryBlock,
    j: int,
    bound: Bound,
    near: Float32[Array, " q"],
    score: Float64[Array, " q"],
    *,
    groups: EqualRows,
) -> TopK:
    """Score exactly whatever may reach a score that is reached by ``k`` items.

    The score, and with it the cut, rises with what is found. Of equal rows one is scored, and none
    that surely has the score that is to be reached.
    """
    top, count = TopK.empty(len(queries), queries.k), len(groups.first)
    # all pairs may reach it, so that their number bounds the memory too
    length = max(LEAST_AGAIN, AGAIN_BYTES // (4 * max(8 * len(queries), queries.exact.shape[1])))
    length = max(16, length // min(queries.k, len(groups.members) // count))
    hidden = groups.hidden(queries.exclusions)
    cut = bound.cut(near, score)
    crowded = False
    for number, span in enumerate(spans(count, length), 1):
        if number % OFTEN == 0:
            forget(queries.items.ranked.vectors)
        may, tie = _may_reach(queries, j, groups, span, cut=cut, score=score, crowded=crowded)
        crowded = tie is not None and int(np.count_nonzero(tie)) > tie.size // 2
        group, numbers = np.nonzero(may)
        reaching = groups.first[span.start + group]
        reached = queries.pair_scores(j, numbers, reaching)
        enough = reached >= score[numbers]
        numbers, reaching, reached = numbers[enough], reaching[enough], reached[enough]
        pair, shown, more = groups.shown(numbers, reaching, queries.exclusions, hidden, queries.k)
        position = queries.items.id_order.positions(shown)
        top.take_in(numbers[pair], reached[pair], position)
        top.add_tied(numbers, reached, more)
        if tie is not None:
            _take_in_ties(top, queries, groups, hidden, span=span, tie=tie, score=score)
        higher = np.flatnonzero(top.last > score)
        if len(higher):
            score[higher] = top.last[higher]
            cut[higher] = bound.take(higher).cut(near[higher], score[higher])
    return top


def _take_in_ties(
    top: TopK,
    queries: QueryBlock,
    groups: EqualRows,
    hidden: tuple[Int64[Array, " some"], Int64[Array, " some"]],
    *,
    span: range,
    tie: Bool[Array, "groups q"],
    score: Float64[Array, " q"],
) -> None:
    """Let groups of exactly these scores compete; those too far back in the order are counted."""
    k, size = queries.k, np.diff(groups.starts[span.start : span.stop + 1])
    numbers, group = np.divmod(hidden[0], len(groups.first))
    here = (group >= span.start) & (group < span.stop)
    numbers, group, less = numbers[here], group[here] - span.start, hidden[1][here]
    many = (size.astype(np.float64) @ tie).astype(np.int64)
    np.subtract.at(many, numbers, less * tie[group, numbers])
    position = queries.items.id_order.positions(groups.first[span.start : span.stop])
    open_ = (top.last < score) | ((top.last == score) & (top.position[:, -1] > position.min()))
    waiting = np.flatnonzero((many > 0) & open_)
    if len(waiting):
        # of groups that are wholly shown the first k fill a list
        partly = np.zeros(tie.shape, dtype=bool)
        partly[group, numbers] = True
        order = np.argsort(position)
        at = np.ix_(order, waiting)
        tied, partly = tie[at], partly[at]
        tied &= partly | (np.cumsum(tied & ~partly, axis=0, dtype=np.int32) <= k)
        group, numbers = np.nonzero(tied)
        numbers, rows = waiting[numbers], groups.first[span.start + order[group]]
        pair, shown, _ = groups.shown(numbers, rows, queries.exclusions, hidden, k)
        shown = queries.items.id_order.positions(shown)
        top.take_in(numbers[pair], score[numbers[pair]], shown)
        many -= np.bincount(numbers[pair], minlength=len(many))
    top.add_tied(np.arange(len(many)), score, many)


def _may_reach(
    queries: QueryBlock,
    j: int,
    groups: EqualRows,
    span: range,
    *,
    cut: Float32[Array, " q"],
    score: Float64[Array, " q"],
    crowded: bool,
) -> tuple[Bool[Array, "groups q"], Bool[Array, "groups q"] | None]:
    """Which groups may reach the score: those that exceed the cut in float32, unless ``crowded``.

    Where these are many, their product in float64 must allow the score too, and those that surely
    have this score are told apart from those that are to be scored.
    """
    may = np.ones((len(span), len(queries)), dtype=bool)
    if not crowded:
        may = _exceeds_in_float32(queries, j, groups, span, cut)
    if not queries.shared.inner or np.count_nonzero(may) <= CROWD * may.size:
        return may, None
    low, high = _scores_in_float64(queries, j, groups.rows(span))
    within = rounded_from(score)
    may &= high >= score - ROUNDING * np.abs(score)
    tie = may & (low >= score - within) & (high <= score + within)
    return may & ~tie, tie


def _exceeds_in_float32(
    queries: QueryBlock, j: int, groups: EqualRows, span: range, cut: Float32[Array, " q"]
) -> Bool[Array, "groups q"]:
    """Which groups exceed the cut in float32, or have no cut to exceed."""
    items = tile(queries.shared, queries.items.ranked, groups.rows(span), NumpyScanner())
    product = items_by_queries(queries.shared, items, queries.reduced)
    with np.errstate(invalid="ignore", over="ignore"):
        value = product * items.weights[j][:, None] + items.biases[j][:, None]
        reaches = ~(value <= cut) | np.isneginf(cut)
    real = items.rows >= 0
    may = np.empty((len(span), len(queries)), dtype=bool)
    may[groups.group_of[items.rows[real]] - span.start] = reaches[real]
    return may


def _scores_in_float64(
    queries: QueryBlock, j: int, rows: range | Int64[Array, " rows"]
) -> tuple[Float64[Array, "rows q"], Float64[Array, "rows q"]]:
    """Bounds on the scores of some rows, before they are rounded, by a product in float64.

    Where float32 cannot tell many items apart (they lie in a narrow cone, or are very short or
    very long), this leaves few of them to be summed in order.
    """
    formula, exact = queries.shared.formulas[j], queries.exact
    x = moved(vectors_at(queries.items.ranked, rows), queries.shared.ranked)
    lengths, rounding = norms(x)[:, None], (exact.shape[1] + 16) * 2.0**-52
    numbers, q_norms, x_norms = row_numbers(rows)[:, None], queries.norms[None], lengths
    with np.errstate(invalid="ignore", over="ignore"):
        if formula.product == "squared-distance":
            middle = x.mean(axis=0)
            q, x = exact - middle, x - middle
            q_norms, x_norms = norms(q)[None], norms(x)[:, None]
            product = q_norms**2 + x_norms**2 - 2 * (x @ q.T)
            error = -rounding * (q_norms + x_norms) ** 2
            sides = np.maximum(product - error, 0), np.maximum(product + error, 0)
        else:
            product, error = x @ exact.T, rounding * x_norms * q_norms
            sides = product - error, product + error
        low, high = (
            formula.score_at(numbers, side, queries.norms[None], lengths) for side in sides
        )
    return low, high


CUSTOM_TILE_BYTES = 1 << 21
QUERIES = 64


def _score_all(queries: QueryBlock, formula: BlockFormula) -> TopK:
    """The best of each query under a formula that scores whole blocks."""
    top, ranked = TopK.empty(len(queries), queries.k), queries.items.ranked
    length = max(256, CUSTOM_TILE_BYTES // (8 * queries.exact.shape[1]))
    for span in spans(len(ranked), length):
        x = moved(ranked.vectors[span.start : span.stop], queries.shared.ranked)
        forget(ranked.vectors[span.start : span.stop])
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
