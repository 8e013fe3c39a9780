"""Answer a block of queries: propose candidates in float32, verify them in float64.

The exact scores of the candidates are computed. If the bound on all others lies below the k-th of
them, the list and its ties are complete. Where it does not (many equal scores, hardly different
vectors), the items are gone through again, and every one that may reach the k-th score is scored
exactly.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Float32, Float64, Int, Int64, Shaped
from anglewise.engine.exclusions import Exclusions
from anglewise.engine.passes import Bound, Pass, Reach, bounds, moved
from anglewise.engine.ranking import (
    KINDS,
    NOBODY,
    Candidates,
    Lists,
    Places,
    TopK,
    best,
    keys,
    norms,
    products,
    scores,
    scores_of,
)
from anglewise.engine.scanners import Machine, NumpyScanner, Scanner, Tile, items_by_queries
from anglewise.engine.tiles import TileCache, spans, tile
from anglewise.errors import ShapeError, ValuesError
from anglewise.measures.formulas import BlockFormula

MOVED_BYTES = 1 << 23
"""Rows of the ranked side are moved again, exactly, in pieces of this size."""


@dataclass(frozen=True, eq=False)
class QueryBlock:
    """Queries in the frame of a pass, exact and in float32, and whom they may be shown.

    ``norms`` are the exact norms, ``reduced`` and ``reduced_norms`` what the float32 pass works
    with, after the shift. ``kept`` holds or makes the tiles.
    """

    shared: Pass
    ranked: Embeddings
    places: Places
    left_out: Exclusions
    k: int
    kept: TileCache
    exact: Float64[Array, "q r"]
    norms: Float64[Array, " q"]
    reduced: Float32[Array, "q r"]
    reduced_norms: Float64[Array, " q"]

    def __len__(self) -> int:
        return len(self.exact)

    def part(self, which: range) -> "QueryBlock":
        """Some neighbouring queries."""
        left_out = self.left_out.block(which.start, which.stop)
        return self._some(slice(which.start, which.stop), left_out)

    def take(self, which: Int64[Array, " some"]) -> "QueryBlock":
        """Some queries, in the order asked for."""
        return self._some(which, self.left_out.take(which))

    def _some(self, which: Int64[Array, " some"] | slice, left_out: Exclusions) -> "QueryBlock":
        return replace(
            self,
            left_out=left_out,
            exact=self.exact[which],
            norms=self.norms[which],
            reduced=self.reduced[which],
            reduced_norms=self.reduced_norms[which],
        )

    def keys(self, rows: Int[Array, "q m listed"]) -> Shaped[Array, "q m listed"]:
        """The exact sortable numbers of rows listed for each query and measure; -1 is nobody."""
        q, m, listed = rows.shape
        kinds = np.array([KINDS.index(formula.product) for formula in self.shared.formulas])
        asking = np.repeat(np.arange(q, dtype=np.int64), m)
        lists = Lists(asking, np.tile(kinds, q), rows.reshape(q * m, listed))
        product, lengths = self.products(lists)
        out = np.full(rows.shape, NOBODY)
        for j, formula in enumerate(self.shared.formulas):
            shape = (q, listed)
            score = scores(
                formula,
                rows[:, j],
                product.reshape(rows.shape)[:, j],
                np.broadcast_to(self.norms[:, None], shape),
                lengths.reshape(rows.shape)[:, j],
            )
            out[:, j] = np.where(
                rows[:, j] < 0, NOBODY, keys(score, self.places.places(rows[:, j]))
            )
        return out

    def pair_keys(
        self, measure: int, asking: Int64[Array, " pairs"], rows: Int64[Array, " pairs"]
    ) -> Shaped[Array, " pairs"]:
        """The exact sortable numbers of pairs of a query and a row."""
        formula = self.shared.formulas[measure]
        kinds = np.full(len(rows), KINDS.index(formula.product))
        product, lengths = self.products(Lists(np.ascontiguousarray(asking), kinds, rows[:, None]))
        score = scores(formula, rows, product[:, 0], self.norms[asking], lengths[:, 0])
        return keys(score, self.places.places(rows))

    def products(
        self, lists: Lists
    ) -> tuple[Float64[Array, "lists listed"], Float64[Array, "lists listed"]]:
        """The products of lists of rows, and the norms of the rows; each row is moved once."""
        rows = lists.rows
        product, squares = np.zeros(rows.shape), np.zeros(rows.shape)
        if self.shared.ranked is None:
            products(lists, self.exact, self.ranked.vectors, product, squares)
            return product, np.sqrt(squares)
        due, at = np.unique(rows, return_inverse=True)
        place = np.where(rows < 0, -1, at.reshape(rows.shape))
        length = max(64, MOVED_BYTES // (8 * self.exact.shape[1]))
        for start in range(0, len(due), length):
            x = moved(self.ranked.vectors[due[start : start + length]], self.shared.ranked)
            here = (place >= start) & (place < start + length)
            local = replace(lists, rows=np.where(here, place - start, -1))
            products(local, self.exact, x, product, squares)
        return product, np.sqrt(squares)


def asked(
    shared: Pass,
    ranked: Embeddings,
    *,
    places: Places,
    left_out: Exclusions,
    k: int,
    kept: TileCache,
    vectors: Float32[Array, "q d"],
) -> QueryBlock:
    """Take queries into the frame of a pass."""
    exact = moved(vectors, shared.asking)
    if shared.unit_queries:
        lengths = norms(exact)
        exact = exact / np.where(lengths > 0, lengths, 1.0)[:, None]
    shifted = exact if shared.shift is None else exact - shared.shift
    with np.errstate(over="ignore"):
        reduced = shifted.astype(np.float32)
    return QueryBlock(
        shared, ranked, places, left_out, k, kept, exact, norms(exact), reduced, norms(shifted)
    )


SAMPLE = 4096
"""Items looked at first."""
SMALL = 1 / 16
"""The share of them that is looked at before."""


@dataclass(frozen=True, eq=False)
class Block:
    """Queries that one thread answers: as asked, laid out for the scan, and what was found."""

    asked: QueryBlock
    queries: Float32[Array, "..."]
    found: Candidates


def sampled(blocks: list[Block], machine: Machine) -> tuple[Reach, range | None]:
    """Let the first cuts be those that a sample suggests; the proof notices if they mislead.

    A small sample tells what is of interest in a larger one. Returned are the reach and the rows
    of what need not be looked at again.
    """
    asked, keep = blocks[0].asked, blocks[0].found.keep
    items, nothing = len(asked.ranked), Reach.of_nothing(len(asked.shared.measures))
    if items < 4 * SAMPLE:
        return nothing, None
    rank = min(2 * keep, _rank(keep, SAMPLE / items))
    _sample(blocks, _every(items, int(SAMPLE * SMALL)), _rank(rank, SMALL), machine, adopt=False)
    rows = _every(items, SAMPLE)
    keeps = machine.scanner.keeps_sample
    sample = _sample(blocks, rows, rank, machine, adopt=keeps)
    return (sample.reach, rows) if keeps else (nothing, None)


def _every(items: int, wanted: int) -> range:
    step = items // wanted
    return range(0, wanted * step, step)


def _rank(wanted: int, share: float) -> int:
    """A rank in a sample that surely lies below the wanted rank in the whole."""
    expected = wanted * share
    return math.ceil(expected + 4 * math.sqrt(expected) + 3)


def _sample(blocks: list[Block], rows: range, rank: int, machine: Machine, *, adopt: bool) -> Tile:
    asked, scanner = blocks[0].asked, machine.scanner
    sample = asked.kept.tile(asked.shared, asked.ranked, rows, scanner)

    def look(block: Block) -> None:
        seen = Candidates.none(len(block.asked), len(asked.shared.measures), rank)
        seen.cut[:] = block.found.cut
        scanner.sample(asked.shared, sample, block.queries, block.asked.left_out, seen)
        block.found.cut[:] = seen.cut
        if adopt:
            block.found.adopt(seen)

    machine.each(look, blocks)
    return sample


AGAIN_QUERIES = 128
AGAIN_BYTES = 1 << 21


def settled(asked: QueryBlock, found: Candidates, reach: Reach) -> list[TopK]:
    """The exact answer for each measure of the pass."""
    allowed = len(asked.ranked) - asked.left_out.counts
    shared = asked.shared
    plain = shared.ranked is None and shared.shift is None
    known = bounds(reach, shared.formulas, asked.reduced_norms, asked.exact.shape[1], plain)
    out: list[TopK] = []
    key = asked.keys(found.rows)
    for j in range(len(known)):
        standing = TopK(*best(key[:, j], asked.k))
        complete = found.counts[:, j] >= allowed
        proven = complete | known[j].below(found.cut[:, j], standing.last)
        unproven = np.flatnonzero(~proven)
        for start in range(0, len(unproven), AGAIN_QUERIES):
            some = unproven[start : start + AGAIN_QUERIES]
            bound, cut = known[j].take(some), found.cut[some, j]
            sure = _again(asked.take(some), j, bound, cut, standing.last[some])
            standing.key[some], standing.tied[some] = sure.key, sure.tied
        out.append(standing)
    return out


def _again(
    asked: QueryBlock, j: int, bound: Bound, near: Float32[Array, " q"], score: Float32[Array, " q"]
) -> TopK:
    """Score exactly whatever may reach a score known to be reached by ``k`` items.

    The score, and with it the cut, rises with what is found.
    """
    standing = TopK.empty(len(asked), asked.k)
    length = max(256, AGAIN_BYTES // (4 * asked.exact.shape[1]))
    cut = bound.cut(near, score)
    for span in spans(len(asked.ranked), length):
        who, rows = _may_reach(asked, j, span, cut)
        key = asked.pair_keys(j, who, rows)
        reaches = scores_of(key) >= score[who]
        standing.take_in(who[reaches], key[reaches])
        higher = np.flatnonzero(standing.last > score)
        if len(higher):
            score[higher] = standing.last[higher]
            cut[higher] = bound.take(higher).cut(near[higher], score[higher])
    return standing


def _may_reach(
    asked: QueryBlock, j: int, span: range, cut: Float32[Array, " q"]
) -> tuple[Int64[Array, " pairs"], Int64[Array, " pairs"]]:
    """The queries and the items of a tile whose float32 value exceeds the cut, if there is one."""
    these = tile(asked.shared, asked.ranked, span, NumpyScanner())
    product = items_by_queries(asked.shared, these, asked.reduced)
    with np.errstate(invalid="ignore", over="ignore"):
        value = product * these.weights[j][:, None] + these.biases[j][:, None]
        may = ~(value <= cut) | np.isneginf(cut)
    column, who = np.nonzero(may & (these.rows >= 0)[:, None])
    rows = these.rows[column].astype(np.int64)
    good = asked.left_out.allows(who, rows)
    return who[good], rows[good]


CUSTOM_TILE_BYTES = 1 << 21
QUERIES = 64


def scored(asked: QueryBlock, formula: BlockFormula) -> TopK:
    """The best of each query under a formula that scores whole blocks."""
    total = TopK.empty(len(asked), asked.k)
    length = max(256, CUSTOM_TILE_BYTES // (8 * asked.exact.shape[1]))
    for span in spans(len(asked.ranked), length):
        x = moved(asked.ranked.vectors[span.start : span.stop], asked.shared.ranked)
        rows = np.arange(span.start, span.stop, dtype=np.int64)
        places = asked.places.places(rows)
        for start in range(0, len(asked), QUERIES):
            score = _block(formula, asked.exact[start : start + QUERIES], x)
            last = total.last[start : start + QUERIES]
            who, column = np.nonzero(score >= last[:, None])
            good = asked.left_out.allows(start + who, rows[column])
            who, column = who[good], column[good]
            total.take_in(start + who, keys(score[who, column], places[column]))
    return total


def _block(formula: BlockFormula, queries: Array, items: Array) -> Float32[Array, "q n"]:
    score = formula.block(queries, items)
    if score.shape != (len(queries), len(items)):
        raise ShapeError(
            f"{formula} gave scores of shape {score.shape} for {len(queries)} queries and "
            f"{len(items)} items: one for each pair is due"
        )
    if np.isnan(score).any():
        raise ValuesError(f"{formula} scored a pair as NaN: say what such a pair is worth")
    ones = np.ones(score.shape)
    nowhere = np.zeros(score.shape, dtype=np.int64)
    return scores(formula, nowhere, score.astype(np.float64), ones, ones)


STATE_BYTES = 1 << 25
TILE_BYTES = 1 << 26


def to_keep(k: int) -> int:
    """How many candidates are kept: some more than asked, so that the proof has room."""
    return k + 8 + k // 16


def block_length(k: int, measures: int, dimension: int) -> int:
    """How many queries are answered together, for as many share the cost of making a tile."""
    each = max(16 * to_keep(k) * measures, 16 * dimension)
    return max(64, min(8192, STATE_BYTES // each))


def answered(asked: QueryBlock, machine: Machine, step: Callable[[int], None]) -> list[TopK]:
    """The exact answer of a block of queries for each measure of a pass.

    ``step`` is told how many items have been gone through.
    """
    formula = asked.shared.formulas[0]
    if isinstance(formula, BlockFormula):
        parts = [asked.part(which) for which in _parts(len(asked), machine.threads)]
        standing = _joined(machine.each(lambda part: scored(part, formula), parts))
        step(len(asked.ranked))
        return [standing]
    return _swept(asked, machine, step)


def _swept(asked: QueryBlock, machine: Machine, step: Callable[[int], None]) -> list[TopK]:
    scanner, shared, ranked = machine.scanner, asked.shared, asked.ranked
    blocks = [
        Block(
            part,
            scanner.queries(part.reduced),
            Candidates.none(len(part), len(shared.measures), to_keep(asked.k)),
        )
        for part in (asked.part(which) for which in _parts(len(asked), machine.threads))
    ]
    reach, known = sampled(blocks, machine)
    length = _tile_length(scanner, asked.exact.shape[1], machine.threads)
    for some in _batches(spans(len(ranked), length), machine.threads):
        tiles = machine.each(
            lambda rows: asked.kept.tile(shared, ranked, rows, scanner, known), some
        )
        reach = reduce(Reach.join, [reach, *(one.reach for one in tiles)])

        def scan(block: Block, tiles: list[Tile] = tiles) -> None:
            for one in tiles:
                scanner.scan(shared, one, block.queries, block.asked.left_out, block.found)

        machine.each(scan, blocks)
        step(some[-1].stop)
    whole = reach

    def settle(block: Block) -> list[TopK]:
        scanner.finish(block.found)
        return settled(block.asked, block.found, whole)

    answers = machine.each(settle, blocks)
    return [_joined([answer[j] for answer in answers]) for j in range(len(shared.measures))]


def _tile_length(scanner: Scanner, dimension: int, threads: int) -> int:
    room = TILE_BYTES // (4 * dimension * max(8, threads))
    return max(64, min(scanner.tile_rows, room))


def _parts(queries: int, threads: int) -> Iterator[range]:
    length = min(1024, max(32, math.ceil(queries / threads)))
    return spans(queries, length)


def _batches(all_spans: Iterator[range], size: int) -> Iterator[list[range]]:
    batch: list[range] = []
    for span in all_spans:
        batch.append(span)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _joined(parts: list[TopK]) -> TopK:
    return TopK(
        np.concatenate([part.key for part in parts]), np.concatenate([part.tied for part in parts])
    )
