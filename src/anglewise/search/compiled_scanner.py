"""The float32 pass in C: products and tests in one go, the products never written down."""

from types import ModuleType

import numpy as np

from anglewise.core.typing import Array, Float, Float32, Float64, Int64
from anglewise.search.candidates import Candidates
from anglewise.search.left_out import LeftOut
from anglewise.search.move import Move, moved
from anglewise.search.plan import Pass
from anglewise.search.scanner import Scanner, Tile


class CompiledScanner(Scanner):
    """Blocks of items meet a few queries in registers."""

    tile_rows = 8192

    def __init__(self, kernel: ModuleType, unit: str | None = None) -> None:
        self.kernel = kernel
        self.unit, self.rows = kernel.choose(unit)
        self.kind = f"compiled ({self.unit})"
        self.block = kernel.COLUMNS

    def moved(
        self, x: Float32[Array, "n d"], move: Move | None
    ) -> tuple[Float64[Array, "n r"], float]:
        """Exactly."""
        return moved(x, move), 0.0

    def packed(
        self, x: Float[Array, "n r"], order: Int64[Array, " p"]
    ) -> Float32[Array, "blocks r columns"]:
        """Blocks of items, coordinate after coordinate."""
        d = x.shape[1]
        out = np.empty((len(order) // self.block, d, self.block), dtype=np.float32)
        self.kernel.pack(x, x.dtype == np.float64, d, order, out)
        return out

    def ranges(
        self, values: Float32[Array, "m p"]
    ) -> tuple[Float32[Array, "m blocks"], Float32[Array, "m blocks"]]:
        """In one go."""
        shape = (len(values), values.shape[1] // self.block)
        least, most = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
        self.kernel.ranges(values, least, most)
        return least, most

    def queries(self, queries: Float32[Array, "q r"]) -> Float32[Array, "panels r rows"]:
        """A few queries side by side, coordinate after coordinate."""
        q, d = queries.shape
        out = np.zeros((-(-q // self.rows), self.rows, d), dtype=np.float32)
        out.reshape(-1, d)[:q] = queries
        return np.ascontiguousarray(out.transpose(0, 2, 1))

    def scan(
        self,
        shared: Pass,
        tile: Tile,
        queries: Float32[Array, "panels r rows"],
        left_out: LeftOut,
        found: Candidates,
    ) -> None:
        """Everything in one call, without the interpreter's lock."""
        self.kernel.scan(
            queries.shape[1],
            *found.counts.shape,
            found.keep,
            found.entries.shape[2],
            not shared.inner,
            tile.vectors,
            queries,
            tile.rows,
            tile.weights,
            tile.biases,
            tile.block_bias,
            tile.least_step,
            tile.most_step,
            left_out.indptr,
            left_out.indices,
            found.entries,
            found.counts,
            found.cut,
        )

    def finish(self, found: Candidates) -> None:
        """By quickselect."""
        room = found.entries.shape[2]
        self.kernel.finish(
            *found.counts.shape,
            found.keep,
            room,
            found.entries,
            found.counts,
            found.cut,
        )
