"""One pass over the items for a block of queries: tiles in turn, all threads on a few of them."""

import math
from collections.abc import Callable, Iterator
from functools import reduce

import numpy as np

from anglewise.measures.formula import BlockFormula
from anglewise.search.asked import Asked
from anglewise.search.bound import Reach
from anglewise.search.candidates import Candidates
from anglewise.search.machine import Machine
from anglewise.search.own_formula import scored
from anglewise.search.ranking import Standing
from anglewise.search.scanner import Scanner, Tile
from anglewise.search.settle import settled
from anglewise.search.tiles import spans, tile
from anglewise.typing import Array

SAMPLE = 4096
"""Items looked at first, to learn what a score must exceed to be of interest."""
SMALL = 1 / 16
"""The share of them that is looked at before."""
STATE_BYTES = 1 << 25
TILE_BYTES = 1 << 26


def to_keep(k: int) -> int:
    """How many candidates are kept: some more than asked, so that the proof has room."""
    return k + 8 + k // 8


def block_length(k: int, measures: int, dimension: int) -> int:
    """How many queries are answered together, for as many share the cost of making a tile."""
    each = max(16 * to_keep(k) * measures, 16 * dimension)
    return max(64, min(8192, STATE_BYTES // each))


def answered(asked: Asked, machine: Machine, step: Callable[[int], None]) -> list[Standing]:
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


def _swept(asked: Asked, machine: Machine, step: Callable[[int], None]) -> list[Standing]:
    scanner, shared, ranked = machine.scanner, asked.shared, asked.ranked
    parts = [asked.part(which) for which in _parts(len(asked), machine.threads)]
    queries = [scanner.queries(part.reduced) for part in parts]
    found = [Candidates.none(len(part), len(shared.measures), to_keep(asked.k)) for part in parts]
    _seed(parts, queries, found, machine)
    length = _tile_length(scanner, asked.exact.shape[1], machine.threads)
    reaches: list[Reach] = []
    for some in _batches(spans(len(ranked), length), machine.threads):
        tiles = machine.each(lambda span: tile(shared, ranked, span, scanner), some)
        reaches = [reduce(Reach.join, [*reaches, *(one.reach for one in tiles)])]

        def scan(i: int, tiles: list[Tile] = tiles) -> None:
            for one in tiles:
                scanner.scan(shared, one, queries[i], parts[i].left_out, found[i])

        machine.each(scan, range(len(parts)))
        step(some[-1].stop)

    def settle(i: int) -> list[Standing]:
        scanner.finish(found[i])
        return settled(parts[i], found[i], reaches[0])

    answers = machine.each(settle, range(len(parts)))
    return [_joined([answer[j] for answer in answers]) for j in range(len(shared.measures))]


def _seed(
    parts: list[Asked], queries: list[Array], found: list[Candidates], machine: Machine
) -> None:
    """Start with cuts that samples of the items suggest; the proof notices if they mislead.

    A small sample tells what is of interest in a larger one.
    """
    asked, scanner = parts[0], machine.scanner
    items = len(asked.ranked)
    if items < 4 * SAMPLE:
        return
    ranks = [_rank(found[0].keep, SAMPLE / items)]
    ranks.insert(0, _rank(ranks[0], SMALL))
    for size, rank in zip((int(SAMPLE * SMALL), SAMPLE), ranks, strict=True):
        rows = np.arange(size, dtype=np.int64) * (items // size)
        sample = tile(asked.shared, asked.ranked, rows, scanner)

        def seed(i: int, sample: Tile = sample, rank: int = rank) -> None:
            seen = Candidates.none(len(parts[i]), len(asked.shared.measures), rank)
            seen.cut[:] = found[i].cut
            found[i].cut[:] = scanner.sample(
                asked.shared, sample, queries[i], parts[i].left_out, seen
            )

        machine.each(seed, range(len(parts)))


def _rank(wanted: int, share: float) -> int:
    """A rank in a sample that surely lies below the wanted rank in the whole."""
    expected = wanted * share
    return math.ceil(expected + 4 * math.sqrt(expected) + 3)


def _tile_length(scanner: Scanner, dimension: int, threads: int) -> int:
    room = TILE_BYTES // (4 * dimension * max(8, threads))
    return max(64, min(scanner.tile_rows, room))


def _parts(queries: int, threads: int) -> Iterator[slice]:
    length = min(1024, max(32, math.ceil(queries / threads)))
    return spans(queries, length)


def _batches(all_spans: Iterator[slice], size: int) -> Iterator[list[slice]]:
    batch: list[slice] = []
    for span in all_spans:
        batch.append(span)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _joined(parts: list[Standing]) -> Standing:
    return Standing(
        np.concatenate([part.key for part in parts]), np.concatenate([part.tied for part in parts])
    )
