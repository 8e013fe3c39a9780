"""The float32 pass in NumPy, for machines on which the compiled part was not built."""

from dataclasses import dataclass, replace

import numpy as np

from anglewise.core.typing import Array, Float, Float32, Float64, Int64
from anglewise.search.candidates import Candidates
from anglewise.search.left_out import LeftOut
from anglewise.search.move import Move, moved
from anglewise.search.plan import Pass
from anglewise.search.scanner import Scanner, Tile

QUERIES = 256
"""Queries whose products with a tile are formed at once."""


class NumpyScanner(Scanner):
    """BLAS for the inner products, one comparison a block, then only the blocks of interest."""

    kind = "numpy"
    block = 16
    tile_rows = 4096
    keeps_sample = False

    def moved(
        self, x: Float32[Array, "n d"], move: Move | None
    ) -> tuple[Float64[Array, "n r"], float]:
        """By BLAS, which sums in an order of its own."""
        if move is None or move.by.matrix is None:
            return moved(x, move), 0.0
        largest = np.abs(x).max() + np.abs(move.by.offset).max()
        size = float(largest) * np.sqrt(x.shape[1]) * float(np.linalg.norm(move.by.matrix))
        return move.by(x), size * x.shape[1] * 2.0**-51

    def packed(self, x: Float[Array, "n r"], order: Int64[Array, " p"]) -> Float32[Array, "p r"]:
        """One row an item."""
        with np.errstate(over="ignore"):
            return x[order].astype(np.float32, copy=False)

    def ranges(
        self, values: Float32[Array, "m p"]
    ) -> tuple[Float32[Array, "m blocks"], Float32[Array, "m blocks"]]:
        """By reduction."""
        blocks = values.reshape(len(values), -1, self.block)
        return blocks.min(axis=2), blocks.max(axis=2)

    def queries(self, queries: Float32[Array, "q r"]) -> Float32[Array, "q r"]:
        """As they are."""
        return queries

    def scan(
        self,
        shared: Pass,
        tile: Tile,
        queries: Float32[Array, "q r"],
        left_out: LeftOut,
        found: Candidates,
    ) -> None:
        """One product for all measures; blocks without any score of interest are passed over."""
        for start in range(0, len(queries), QUERIES):
            some = slice(start, start + QUERIES)
            with np.errstate(invalid="ignore", over="ignore"):
                hits = self._of_interest(shared, tile, queries[some], found.cut[some])
                hits = replace(hits, queries=hits.queries + start)
                _add(tile, hits, left_out, found)

    def _of_interest(
        self,
        shared: Pass,
        tile: Tile,
        queries: Float32[Array, "q r"],
        cut: Float32[Array, "q m"],
    ) -> "_Hits":
        limit = _limits(tile, cut)
        table = items_by_queries(shared, tile, queries).reshape(-1, self.block, len(queries))
        at = np.flatnonzero(~(table.max(axis=1) <= limit))
        blocks, who = np.divmod(at, len(queries))
        products = table[blocks, :, who]
        inside = np.flatnonzero(~(products <= limit.ravel()[at][:, None]))
        hit, column = np.divmod(inside, self.block)
        return _Hits(blocks[hit] * self.block + column, who[hit], products.ravel()[inside])

    def finish(self, found: Candidates) -> None:
        """By partition."""
        found.finish()

    def sample(
        self,
        shared: Pass,
        tile: Tile,
        queries: Float32[Array, "q r"],
        left_out: LeftOut,
        found: Candidates,
    ) -> None:
        """Only a cut: from the best of each of many groups, so never above the true one."""
        groups, rank = len(tile.rows) // self.block, found.keep
        found.cut[:] = -np.inf
        if rank > groups:
            return
        products = items_by_queries(shared, tile, queries)
        hidden = _hidden(tile, left_out)
        with np.errstate(invalid="ignore", over="ignore"):
            for j in range(len(tile.weights)):
                value = products * tile.weights[j][:, None] + tile.biases[j][:, None]
                value[hidden] = -np.inf
                # strided groups: neighbouring columns are of one length, and alike
                best = value.reshape(self.block, groups, len(queries)).max(axis=0)
                cut = np.partition(best, groups - rank, axis=0)[groups - rank]
                found.cut[:, j] = np.nan_to_num(cut, nan=-np.inf, posinf=-np.inf)


@dataclass(frozen=True, eq=False)
class _Hits:
    """Columns of a tile and queries for which they are of interest, with their products."""

    columns: Int64[Array, " hits"]
    queries: Int64[Array, " hits"]
    products: Float32[Array, " hits"]


def _add(tile: Tile, hits: _Hits, left_out: LeftOut, found: Candidates) -> None:
    rows = tile.rows[hits.columns].astype(np.int64)
    shown = (rows >= 0) & left_out.allows(hits.queries, rows)
    columns, asking, products = (
        part[shown] for part in (hits.columns, hits.queries, hits.products)
    )
    rows = rows[shown]
    for j in range(len(tile.weights)):
        value = products * tile.weights[j][columns] + tile.biases[j][columns]
        above = np.flatnonzero(~(value <= found.cut[asking, j]))
        found.add(j, asking[above], value[above], rows[above])


def items_by_queries(
    shared: Pass, tile: Tile, queries: Float32[Array, "q r"]
) -> Float32[Array, "p q"]:
    """The product that the pass reads, of every item of the tile with every query."""
    with np.errstate(invalid="ignore", over="ignore"):
        if shared.inner:
            return tile.vectors @ queries.T
        total = np.zeros((len(tile.vectors), len(queries)), dtype=np.float32)
        step: Array = np.empty_like(total)
        columns = np.ascontiguousarray(queries.T)
        for a, b in zip(np.ascontiguousarray(tile.vectors.T), columns, strict=True):
            np.subtract(a[:, None], b, out=step)
            np.abs(step, out=step)
            total -= step
        return total


def _limits(tile: Tile, cut: Float32[Array, "q m"]) -> Float32[Array, "blocks q"]:
    """For each block and query, the least product that could exceed a cut of any measure."""
    least = np.full((tile.block_bias.shape[1], len(cut)), np.inf, dtype=np.float32)
    for j in range(cut.shape[1]):
        due = cut[:, j] - tile.block_bias[j][:, None]
        up, down = due * tile.least_step[j][:, None], due * tile.most_step[j][:, None]
        np.minimum(least, np.minimum(up, down), out=least)
    return least


def _hidden(tile: Tile, left_out: LeftOut) -> tuple[Int64[Array, " h"], Int64[Array, " h"]]:
    """Columns and queries of the pairs that are left out."""
    order = np.argsort(tile.rows, kind="stable")
    ascending = tile.rows[order]
    at = np.minimum(np.searchsorted(ascending, left_out.indices), len(order) - 1)
    there = ascending[at] == left_out.indices
    queries = (left_out.pairs // left_out.width)[there]
    return order[at[there]], queries
