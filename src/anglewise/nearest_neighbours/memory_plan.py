"""How much memory a search takes, told before it begins."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.mapped import mapped_by
from anglewise.data_types.memory import NAMED, words
from anglewise.data_types.representation import Representation
from anglewise.data_types.typing import Direction
from anglewise.errors import ValuesError
from anglewise.nearest_neighbours.blocks import STATE_BYTES, TILE_BYTES

PROGRAM = 220_000_000
"""Bytes of Python and of the libraries that a command loads."""
NUMBERED = 24
"""Bytes of a row without a name: its length, and which rows are equal to it."""
LISTED = 100
"""Bytes of a place in a list that is written: the row, the score, and the table of them."""
COPIES = 4
"""A tile as it is read, moved and packed, and the weights of its rows."""
MOST_TILES = 8
"""Tiles that share their room, one for each thread."""


@dataclass(frozen=True)
class MemoryPlan:
    """What a search takes, part by part, in bytes.

    >>> MemoryPlan({"the program": 250_000_000, "ids": 100}).total
    250000100
    """

    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All together."""
        return sum(self.parts.values())

    def check(self, most: int) -> None:
        """Raise ``ValuesError`` where it is more than may be taken in all.

        >>> MemoryPlan({"the program": 250_000_000, "ids": 10**9}).check(10**9)
        Traceback (most recent call last):
        ...
        anglewise.errors.ValuesError: this takes about 1.2 GB, and --memory allows 1.0 GB: ids ...
        """
        if self.total <= most:
            return
        parts = sorted(self.parts.items(), key=lambda part: -part[1])
        shown = ", ".join(f"{name} {words(size)}" for name, size in parts if size)
        raise ValuesError(
            f"this takes about {words(self.total)}, and --memory allows {words(most)}: {shown}; "
            f"allow more (--memory {words(-(-self.total // 10**8) * 10**8).replace(' ', '')}), or "
            "ask for fewer lists or shorter ones"
        )


def plan_search(
    space: Space,
    direction: Direction,
    *,
    measures: int,
    k: int,
    asking: int | None = None,
) -> MemoryPlan:
    """What lists of length ``k`` take under so many measures, those of ``asking`` at a time.

    Without ``asking`` all ask at once.
    """
    asks, ranked = space.sides(direction)
    sides = [ranked] if asks is ranked else [ranked, asks]
    lists = (len(asks) if asking is None else asking) * k * measures
    tiles = TILE_BYTES * min(MOST_TILES, os.cpu_count() or 1) // MOST_TILES
    return MemoryPlan(
        {
            "the program": PROGRAM,
            "vectors in memory": sum(map(_held, sides)),
            "ids": sum((NAMED if side.named else NUMBERED) * len(side) for side in sides),
            "the search": COPIES * tiles + 2 * STATE_BYTES,
            "lists": LISTED * lists,
        }
    )


def _held(side: Embeddings) -> int:
    if not isinstance(side, Representation) and mapped_by(side.vectors) is not None:
        return 0
    return side.nbytes
