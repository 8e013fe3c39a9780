"""One pass over the items for a block of queries: tiles in turn, all threads on a few of them."""

import math
from collections.abc import Callable, Iterator
from functools import reduce

import numpy as np

from anglewise.measures.formulas import BlockFormula
from anglewise.search.asked import Asked
from anglewise.search.bound import Reach
from anglewise.search.candidates import Candidates
from anglewise.search.machine import Machine
from anglewise.search.own_formula import scored
from anglewise.search.ranking import Standing
from anglewise.search.sampling import Block, sampled
from anglewise.search.scanner import Scanner, Tile
from anglewise.search.settle import settled
from anglewise.search.tiles import spans

STATE_BYTES = 1 << 25
TILE_BYTES = 1 << 26


def to_keep(k: int) -> int:
    """How many candidates are kept: some more than asked, so that the proof has room."""
    return k + 8 + k // 16


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

    def settle(block: Block) -> list[Standing]:
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


def _joined(parts: list[Standing]) -> Standing:
    return Standing(
        np.concatenate([part.key for part in parts]), np.concatenate([part.tied for part in parts])
    )
