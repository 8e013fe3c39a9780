"""What an adapter learns from: vectors, and which of them people found to belong together."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float32, Float64, Int64

QUERIES = 1024
"""Queries learnt from at once, at most; of more a random part."""
POOL = 1024
"""Items that a query chooses among: those judged relevant to any, and random others."""


@dataclass(frozen=True, eq=False)
class Known:
    """Two sides of vectors, who may not see whom, and what was judged.

    ``hidden`` are pairs that no ranking shows; ``itself`` says that one side asks about itself.
    """

    asking: Float64[Array, "n d"]
    ranked: Float64[Array, "m d"]
    gains: SparseRows
    hidden: tuple[SparseRows, ...]
    itself: bool

    def of(self, asking: Bool[Array, " n"], ranked: Bool[Array, " m"]) -> SparseRows:
        """What was judged between some of those who ask and some of those who are ranked."""
        gains = self.gains
        kept = asking[gains.rows] & ranked[gains.indices]
        return SparseRows.from_pairs(
            gains.rows[kept], gains.indices[kept], gains.values[kept], shape=gains.shape
        )


@dataclass(frozen=True, eq=False)
class Lesson:
    """Queries, the pool that each chooses from, and what each should choose.

    ``target`` are shares that sum to 1 for every query, in proportion to gains; ``hidden`` pairs
    take no part. Vectors have length one, and all is in float32: a loss needs no more digits.
    """

    queries: Float32[Array, "q d"]
    items: Float32[Array, "p d"]
    target: Float32[Array, "q p"]
    hidden: Bool[Array, "q p"]


def lesson(
    known: Known,
    asking: Bool[Array, " n"],
    ranked: Bool[Array, " m"],
    rng: np.random.Generator,
) -> Lesson | None:
    """A lesson from what some judged of some; None if nothing was found relevant."""
    gains = known.of(asking, ranked)
    good = (gains.values > 0) & ~_pairs_in(known, gains.rows, gains.indices)
    rows, columns, values = gains.rows[good], gains.indices[good], gains.values[good]
    queries = _some(np.unique(rows), QUERIES, rng)
    pool = _some(np.unique(columns[np.isin(rows, queries)]), POOL, rng)
    others = np.setdiff1d(np.flatnonzero(ranked), pool)
    pool = np.union1d(pool, _some(others, POOL - len(pool), rng))
    kept = np.isin(rows, queries) & np.isin(columns, pool)
    queries = np.unique(rows[kept])
    if not len(queries):
        return None
    target = np.zeros((len(queries), len(pool)))
    at = np.searchsorted(queries, rows[kept]), np.searchsorted(pool, columns[kept])
    target[at] = values[kept]
    target /= target.sum(axis=1, keepdims=True)
    hidden = _pairs_in(known, *(side.ravel() for side in np.meshgrid(queries, pool, indexing="ij")))
    return Lesson(
        _unit(known.asking[queries]),
        _unit(known.ranked[pool]),
        target.astype(np.float32),
        hidden.reshape(target.shape) & (target == 0),
    )


def _pairs_in(
    known: Known, rows: Int64[Array, " pairs"], columns: Int64[Array, " pairs"]
) -> Bool[Array, " pairs"]:
    """Whether a pair is shown by no ranking."""
    width = known.gains.shape[1]
    out = (rows == columns) if known.itself else np.zeros(len(rows), dtype=bool)
    for table in known.hidden:
        out |= np.isin(rows * width + columns, table.rows * width + table.indices)
    return out


def _some(numbers: Int64[Array, " all"], most: int, rng: np.random.Generator) -> Array:
    if len(numbers) <= max(most, 0):
        return numbers
    return np.sort(rng.permutation(numbers)[: max(most, 0)])


def _unit(x: Float64[Array, "n d"]) -> Float32[Array, "n d"]:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return (x / np.where(length > 0, length, 1.0)).astype(np.float32)
