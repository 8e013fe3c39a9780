"""What a score must exceed to be of interest, learnt from a few of the items."""

import math
from dataclasses import dataclass

from anglewise.core.typing import Array, Float32
from anglewise.search.asked import Asked
from anglewise.search.bound import Reach
from anglewise.search.candidates import Candidates
from anglewise.search.machine import Machine
from anglewise.search.scanner import Tile

SAMPLE = 4096
"""Items looked at first."""
SMALL = 1 / 16
"""The share of them that is looked at before."""


@dataclass(frozen=True, eq=False)
class Block:
    """Queries that one thread answers: as asked, laid out for the scan, and what was found."""

    asked: Asked
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
