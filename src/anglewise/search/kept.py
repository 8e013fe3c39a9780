"""Tiles that are kept from one search to the next, for those who ask one query at a time."""

import threading
from dataclasses import dataclass, field

from anglewise.core.embeddings import Embeddings
from anglewise.search.plan import Pass
from anglewise.search.scanner import Scanner, Tile
from anglewise.search.tiles import tile

KEPT_BYTES = 1 << 30
"""What tiles may weigh together: those that find no room are made again for every search."""


@dataclass(eq=False)
class Kept:
    """Tiles by the pass, the rows and the scanner that they were made for; safe among threads.

    The items may not change while they are kept: whoever changes them takes another ``Kept``.
    """

    room: int = KEPT_BYTES
    tiles: dict[tuple[int, range, range | None, str], Tile] = field(
        default_factory=dict[tuple[int, range, range | None, str], Tile]
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tile(
        self,
        shared: Pass,
        ranked: Embeddings,
        rows: range,
        scanner: Scanner,
        known: range | None = None,
    ) -> Tile:
        """The tile, made now or before; two threads may make the same one, which does no harm."""
        key = id(shared), rows, known, scanner.kind
        found = self.tiles.get(key)
        if found is not None:
            return found
        made = tile(shared, ranked, rows, scanner, known)
        size = made.vectors.nbytes + made.weights.nbytes + made.biases.nbytes + made.rows.nbytes
        with self.lock:
            if size <= self.room and key not in self.tiles:
                self.room -= size
                self.tiles[key] = made
        return made
