"""The float32 scan of a tile, in C and in NumPy, and the choice between them."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

import numpy as np

from anglewise.data_types.numbers import check_threads
from anglewise.data_types.typing import Array, Float, Float32, Float64, Int, Int64, Map
from anglewise.nearest_neighbours.passes import Move, Pass, Reach, moved
from anglewise.nearest_neighbours.ranking import KERNEL, Candidates, Exclusions

Ranges: TypeAlias = tuple[Float32[Array, "m blocks"], Float32[Array, "m blocks"]]
"""The least and the largest value of each block of columns."""
Moved: TypeAlias = tuple[Float64[Array, "n r"], float]
"""Rows in a frame, and how far they may lie from the exact ones."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Some items, ready for a float32 scan; the last block of columns is padded.

    ``rows`` says which row of the ranked side stands in each column (-1: padding, whose bias is
    minus infinity); ``vectors`` are theirs, laid out for the scan. For each block of neighbouring
    columns there are its largest bias, and one over its largest and over its least weight.
    ``reach`` is the table of ``passes.reach_of``.
    """

    rows: Int[Array, " p"]
    vectors: Float32[Array, "..."]
    weights: Float32[Array, "m p"]
    biases: Float32[Array, "m p"]
    block_bias: Float32[Array, "m blocks"]
    least_step: Float32[Array, "m blocks"]
    most_step: Float32[Array, "m blocks"]
    reach: Reach


@dataclass(frozen=True, eq=False)
class ScanBlock:
    """Queries laid out for the scan, what they must not be shown, and their candidates so far."""

    shared: Pass
    queries: Float32[Array, "..."]
    exclusions: Exclusions
    candidates: Candidates


class Scanner(ABC):
    """Finds candidates. An interface: whichever finds them, the exact scores decide."""

    kind: str
    block: int
    tile_rows: int
    keeps_sample: bool = True
    """Whether what a sample holds need not be looked at again."""

    @abstractmethod
    def moved(self, x: Float32[Array, "n d"], move: Move | None) -> Moved:
        """Rows in a frame, and how far they may lie from the exact ones."""

    @abstractmethod
    def packed(self, x: Float[Array, "n r"], order: Int64[Array, " p"]) -> Float32[Array, "..."]:
        """Items in this order, laid out for the scan."""

    @abstractmethod
    def ranges(self, values: Float32[Array, "m p"]) -> Ranges:
        """The least and the largest value of each block of columns."""

    @abstractmethod
    def queries(self, queries: Float32[Array, "q r"]) -> Float32[Array, "..."]:
        """Queries, laid out for the scan."""

    @abstractmethod
    def scan(self, tile: Tile, block: ScanBlock) -> None:
        """Add to the candidates whatever in the tile exceeds their cut."""

    @abstractmethod
    def finish(self, candidates: Candidates) -> None:
        """Leave each query its best candidates, no more than are to be kept."""

    def sample(self, tile: Tile, block: ScanBlock) -> None:
        """Find the best of a sample, and let the cut rise to the last of them.

        The first cut is likely to lie below it.
        """
        self.scan(tile, block)
        self.finish(block.candidates)
        block.candidates.raise_cut()


QUERIES = 256
"""Queries whose products with a tile are formed at once."""


class NumpyScanner(Scanner):
    """BLAS for the inner products, one comparison a block, then only the blocks of interest."""

    kind = "numpy"
    block = 16
    tile_rows = 4096
    keeps_sample = False

    def moved(self, x: Float32[Array, "n d"], move: Move | None) -> Moved:
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

    def ranges(self, values: Float32[Array, "m p"]) -> Ranges:
        """By reduction."""
        blocks = values.reshape(len(values), -1, self.block)
        return blocks.min(axis=2), blocks.max(axis=2)

    def queries(self, queries: Float32[Array, "q r"]) -> Float32[Array, "q r"]:
        """As they are."""
        return queries

    def scan(self, tile: Tile, block: ScanBlock) -> None:
        """One product for all measures; blocks without any score of interest are passed over."""
        for start in range(0, len(block.queries), QUERIES):
            queries = block.queries[start : start + QUERIES]
            with np.errstate(invalid="ignore", over="ignore"):
                limit = _limits(tile, block.candidates.cut[start : start + QUERIES])
                table = items_by_queries(block.shared, tile, queries)
                table = table.reshape(-1, self.block, len(queries))
                at = np.flatnonzero(~(table.max(axis=1) <= limit))
                blocks, numbers = np.divmod(at, len(queries))
                products = table[blocks, :, numbers]
                inside = np.flatnonzero(~(products <= limit.ravel()[at][:, None]))
                hit, column = np.divmod(inside, self.block)
                columns = blocks[hit] * self.block + column
                _add(tile, block, columns, numbers[hit] + start, products.ravel()[inside])

    def finish(self, candidates: Candidates) -> None:
        """By partition."""
        candidates.finish()

    def sample(self, tile: Tile, block: ScanBlock) -> None:
        """Only a cut: from the best of each of many groups, so never above the true one."""
        cuts, rank = block.candidates.cut, block.candidates.keep
        groups, queries = len(tile.rows) // self.block, len(block.queries)
        cuts[:] = -np.inf
        if rank > groups:
            return
        products = items_by_queries(block.shared, tile, block.queries)
        excluded = _excluded(tile, block.exclusions)
        with np.errstate(invalid="ignore", over="ignore"):
            for j in range(len(tile.weights)):
                value = products * tile.weights[j][:, None] + tile.biases[j][:, None]
                value[excluded] = -np.inf
                # strided groups: neighbouring columns are of one length, and alike
                best = value.reshape(self.block, groups, queries).max(axis=0)
                cut = np.partition(best, groups - rank, axis=0)[groups - rank]
                cuts[:, j] = np.nan_to_num(cut, nan=-np.inf, posinf=-np.inf)


def _add(
    tile: Tile,
    block: ScanBlock,
    columns: Int64[Array, " hits"],
    queries: Int64[Array, " hits"],
    products: Float32[Array, " hits"],
) -> None:
    """Add pairs of a tile's column and a query to the candidates, given their products."""
    rows = tile.rows[columns].astype(np.int64)
    shown = (rows >= 0) & block.exclusions.allows(queries, rows)
    columns, queries, products, rows = (part[shown] for part in (columns, queries, products, rows))
    candidates = block.candidates
    for j in range(len(tile.weights)):
        value = products * tile.weights[j][columns] + tile.biases[j][columns]
        above = np.flatnonzero(~(value <= candidates.cut[queries, j]))
        candidates.add(j, queries[above], value[above], rows[above])


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


def _excluded(tile: Tile, exclusions: Exclusions) -> tuple[Int64[Array, " h"], Int64[Array, " h"]]:
    """Columns and queries of the pairs that must not be shown."""
    order = np.argsort(tile.rows, kind="stable")
    ascending = tile.rows[order]
    at = np.minimum(np.searchsorted(ascending, exclusions.indices), len(order) - 1)
    hits = ascending[at] == exclusions.indices
    queries = (exclusions.pairs // exclusions.width)[hits]
    return order[at[hits]], queries


class CompiledScanner(Scanner):
    """Blocks of items meet a few queries in registers."""

    tile_rows = 8192

    def __init__(self, kernel: ModuleType, unit: str | None = None) -> None:
        self.kernel = kernel
        self.unit, self.rows = kernel.choose(unit)
        self.kind = f"compiled ({self.unit})"
        self.block = kernel.COLUMNS

    def moved(self, x: Float32[Array, "n d"], move: Move | None) -> Moved:
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

    def ranges(self, values: Float32[Array, "m p"]) -> Ranges:
        """In one reading."""
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

    def scan(self, tile: Tile, block: ScanBlock) -> None:
        """Everything in one call, without the interpreter's lock."""
        candidates = block.candidates
        self.kernel.scan(
            block.queries.shape[1],
            *candidates.counts.shape,
            candidates.keep,
            candidates.entries.shape[2],
            not block.shared.inner,
            tile.vectors,
            block.queries,
            tile.rows,
            tile.weights,
            tile.biases,
            tile.block_bias,
            tile.least_step,
            tile.most_step,
            block.exclusions.indptr,
            block.exclusions.indices,
            candidates.entries,
            candidates.counts,
            candidates.cut,
        )

    def finish(self, candidates: Candidates) -> None:
        """By quickselect."""
        buffers = candidates.entries, candidates.counts, candidates.cut
        sizes = *candidates.counts.shape, candidates.keep, candidates.entries.shape[2]
        self.kernel.finish(*sizes, *buffers)


def scanner() -> Scanner:
    """The fastest scanner that this machine has."""
    return NumpyScanner() if KERNEL is None else CompiledScanner(KERNEL)


@dataclass(frozen=True, eq=False)
class Workers:
    """A scanner, and a map over pieces of work, some of which are done at once."""

    scanner: Scanner
    threads: int
    map_: Map


WORTH_A_THREAD = 1 << 24
"""Multiplications that take longer than to start a thread."""


def one_thread(threads: int | None, work: float) -> bool:
    """Whether :func:`workers` would take no more than one."""
    if type(threads) is int and threads == 1:
        return True
    check_threads(threads)
    return work < 2 * WORTH_A_THREAD


@contextmanager
def workers(threads: int | None, work: float = math.inf) -> Generator[Workers, None, None]:
    """So many threads, or one for each core, for the time of one search.

    No more than so many multiplications are worth: the answer is the same.
    """
    check_threads(threads)
    threads = int(min(threads or os.cpu_count() or 1, max(1.0, work // WORTH_A_THREAD)))
    if threads == 1:
        yield Workers(scanner(), 1, map)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield Workers(scanner(), threads, pool.map)
