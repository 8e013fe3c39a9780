"""The float32 scan of a tile, in C and in NumPy, and the choice between them."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from anglewise.core.typing import Array, Float, Float32, Float64, Int, Int64, Map, serial
from anglewise.engine.exclusions import Exclusions
from anglewise.engine.passes import Move, Pass, Reach, moved
from anglewise.engine.ranking import KERNEL, Candidates


@dataclass(frozen=True, eq=False)
class Tile:
    """Some items, ready for a float32 pass; columns beyond the items are padded.

    ``rows`` says which row of the ranked side stands in each column (-1: padding, whose bias is
    minus infinity); ``vectors`` are theirs, laid out as the scanner likes them. For each block of
    neighbouring columns there is its largest bias, and one over its largest and least weight.
    """

    rows: Int[Array, " p"]
    vectors: Float32[Array, "..."]
    weights: Float32[Array, "m p"]
    biases: Float32[Array, "m p"]
    block_bias: Float32[Array, "m blocks"]
    least_step: Float32[Array, "m blocks"]
    most_step: Float32[Array, "m blocks"]
    reach: Reach


class Scanner(ABC):
    """Finds candidates. An interface: whichever finds them, the exact scores decide."""

    kind: str
    block: int
    tile_rows: int
    keeps_sample: bool = True
    """Whether what a sample holds need not be looked at again."""

    @abstractmethod
    def moved(
        self, x: Float32[Array, "n d"], move: Move | None
    ) -> tuple[Float64[Array, "n r"], float]:
        """Rows in a frame, and how far they may lie from the exact ones."""

    @abstractmethod
    def packed(self, x: Float[Array, "n r"], order: Int64[Array, " p"]) -> Float32[Array, "..."]:
        """Items in this order, laid out for the scan."""

    @abstractmethod
    def ranges(
        self, values: Float32[Array, "m p"]
    ) -> tuple[Float32[Array, "m blocks"], Float32[Array, "m blocks"]]:
        """The least and the most of each block."""

    @abstractmethod
    def queries(self, queries: Float32[Array, "q r"]) -> Float32[Array, "..."]:
        """Queries, laid out for the scan."""

    @abstractmethod
    def scan(
        self,
        shared: Pass,
        tile: Tile,
        queries: Float32[Array, "..."],
        left_out: Exclusions,
        found: Candidates,
    ) -> None:
        """Add to the candidates whatever in the tile exceeds their cut."""

    @abstractmethod
    def finish(self, found: Candidates) -> None:
        """Leave no more candidates than are to be kept."""

    def sample(
        self,
        shared: Pass,
        tile: Tile,
        queries: Float32[Array, "..."],
        left_out: Exclusions,
        found: Candidates,
    ) -> None:
        """Find the best of a sample, and let the cut rise to the last of them.

        The first cut is likely to lie below it.
        """
        self.scan(shared, tile, queries, left_out, found)
        self.finish(found)
        found.raise_cut()


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
        left_out: Exclusions,
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
        left_out: Exclusions,
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


def _add(tile: Tile, hits: _Hits, left_out: Exclusions, found: Candidates) -> None:
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


def _hidden(tile: Tile, left_out: Exclusions) -> tuple[Int64[Array, " h"], Int64[Array, " h"]]:
    """Columns and queries of the pairs that are left out."""
    order = np.argsort(tile.rows, kind="stable")
    ascending = tile.rows[order]
    at = np.minimum(np.searchsorted(ascending, left_out.indices), len(order) - 1)
    there = ascending[at] == left_out.indices
    queries = (left_out.pairs // left_out.width)[there]
    return order[at[there]], queries


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
        left_out: Exclusions,
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


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Machine:
    """A scanner, and a map over pieces of work that run at once."""

    scanner: Scanner
    threads: int
    map_: Map

    def each(self, work: Callable[[Any], T], over: Iterable[Any]) -> list[T]:
        """Do every piece; return when all are done."""
        return list(self.map_(work, over))


def scanner() -> Scanner:
    """The fastest scanner that this machine has."""
    return NumpyScanner() if KERNEL is None else CompiledScanner(KERNEL)


@contextmanager
def machine(threads: int | None, using: Scanner | None = None) -> Generator[Machine, None, None]:
    """A machine for the time of one search."""
    threads = threads or os.cpu_count() or 1
    using = using or scanner()
    if threads == 1:
        yield Machine(using, 1, serial)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield Machine(using, threads, pool.map)
