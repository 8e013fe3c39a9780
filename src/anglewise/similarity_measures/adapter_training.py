"""How an adapter is learnt: shapes of its maps, training batches, the contrastive loss."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float, Float32, Float64, Int64

Free: TypeAlias = Float64[Array, " free"]
"""The free numbers of a map."""
Rows: TypeAlias = Float[Array, "n d"]

FREE_COPIES = 48
"""So often the free numbers are held while L-BFGS goes down."""
SLOPES, DIRECTIONS = 4, 6
"""Square matrices: of each map at the start and the end, and of the first directions."""


class Shape(ABC):
    """``x -> x W`` with ``W`` made of some free numbers. An interface: shapes are finished.

    All numbers 0 is the identity, up to those that ``start`` gives.
    """

    @abstractmethod
    def start(self, slope: Float[Array, "d d"]) -> Free:
        """Numbers that make the identity, given the slope of the loss there."""

    @abstractmethod
    def matrix(self, free: Free) -> Float64[Array, "d d"]:
        """The map."""

    @abstractmethod
    def size(self, maps: int) -> int:
        """The bytes that learning so many maps takes at once, vectors aside, as measured."""

    @abstractmethod
    def apply(self, free: Free, x: Rows) -> Rows:
        """Rows moved by the map."""

    @abstractmethod
    def pull(self, free: Free, x: Rows, slope: Rows) -> Free:
        """The slope of a loss in the free numbers, from that in the moved rows."""

    def ridge(self, free: Free) -> tuple[float, Free]:
        """``|W - I|^2`` over all entries, and its slope: the sum of squares of the free numbers."""
        return float(free @ free), 2 * free


@dataclass(frozen=True)
class Full(Shape):
    """Every entry is free."""

    dimension: int

    def start(self, slope: Float[Array, "d d"]) -> Free:
        """Zeros."""
        return np.zeros(slope.size)

    def matrix(self, free: Free) -> Float64[Array, "d d"]:
        """``I + free``."""
        return np.eye(self.dimension) + free.reshape(self.dimension, -1)

    def size(self, maps: int) -> int:
        """Of every entry L-BFGS keeps its history; the maps, slopes and steps come on top."""
        return 8 * FREE_COPIES * maps * self.dimension**2

    def apply(self, free: Free, x: Rows) -> Rows:
        """``x + x free``."""
        return x + x @ free.reshape(self.dimension, -1).astype(x.dtype)

    def pull(self, free: Free, x: Rows, slope: Rows) -> Free:
        """``x' slope``."""
        del free
        return (x.T @ slope).ravel().astype(np.float64)


@dataclass(frozen=True)
class Diagonal(Shape):
    """Every column has a weight."""

    dimension: int

    def start(self, slope: Float[Array, "d d"]) -> Free:
        """Zeros."""
        return np.zeros(len(slope))

    def matrix(self, free: Free) -> Float64[Array, "d d"]:
        """``diag(1 + free)``."""
        return np.diag(1 + free)

    def size(self, maps: int) -> int:
        """Few numbers are free, but the slope and the maps are square."""
        return 8 * SLOPES * maps * self.dimension**2

    def apply(self, free: Free, x: Rows) -> Rows:
        """Column by column."""
        return x * (1 + free).astype(x.dtype)

    def pull(self, free: Free, x: Rows, slope: Rows) -> Free:
        """Column by column."""
        del free
        return np.einsum("ij,ij->j", x, slope).astype(np.float64)


@dataclass(frozen=True)
class LowRank(Shape):
    """The identity and ``U V'``, with ``rank`` columns each."""

    dimension: int
    rank: int

    def start(self, slope: Float[Array, "d d"]) -> Free:
        """``U`` where the loss falls most steeply, ``V`` zero."""
        steepest = np.linalg.svd(slope.astype(np.float64))[0][:, : self.rank]
        return np.concatenate([steepest.ravel(), np.zeros(steepest.size)])

    def matrix(self, free: Free) -> Float64[Array, "d d"]:
        """``I + U V'``."""
        u, v = self._parts(free)
        return np.eye(self.dimension) + u @ v.T

    def size(self, maps: int) -> int:
        """The slope and its directions are square, and ``U`` and ``V`` are free."""
        square = (SLOPES * maps + DIRECTIONS) * self.dimension**2
        return 8 * (square + FREE_COPIES * maps * 2 * self.dimension * self.rank)

    def apply(self, free: Free, x: Rows) -> Rows:
        """``x + (x U) V'``."""
        u, v = self._parts(free.astype(x.dtype))
        return x + (x @ u) @ v.T

    def pull(self, free: Free, x: Rows, slope: Rows) -> Free:
        """``x' (slope V)`` and ``slope' (x U)``."""
        u, v = self._parts(free.astype(x.dtype))
        slopes = [(x.T @ (slope @ v)).ravel(), (slope.T @ (x @ u)).ravel()]
        return np.concatenate(slopes).astype(np.float64)

    def ridge(self, free: Free) -> tuple[float, Free]:
        """``|U V'|^2``, from the small products."""
        u, v = self._parts(free)
        of_u, of_v = u.T @ u, v.T @ v
        slope = np.concatenate([(2 * u @ of_v).ravel(), (2 * v @ of_u).ravel()])
        return float((of_u * of_v).sum()), slope

    def _parts(self, free: Array) -> tuple[Array, Array]:
        u, v = free.reshape(2, self.dimension, self.rank)
        return u, v


QUERIES = 1024
"""Queries in a batch, at most; of more a random part."""
POOL = 1024
"""Items that a query chooses among: those relevant to any query, and random others."""


@dataclass(frozen=True, eq=False)
class TrainingPairs:
    """Vectors of the asking and the ranked side, and what was judged between them.

    ``hidden`` are pairs that no ranking shows; ``itself`` says that one side asks about itself.
    """

    asking: Float64[Array, "n d"]
    ranked: Float64[Array, "m d"]
    gains: SparseRows
    hidden: tuple[SparseRows, ...]
    itself: bool

    def judged(self, asking: Bool[Array, " n"], ranked: Bool[Array, " m"]) -> SparseRows:
        """What was judged between some rows of the asking and some of the ranked side."""
        gains = self.gains
        some = asking[gains.rows] & ranked[gains.indices]
        return SparseRows.from_pairs(
            gains.rows[some], gains.indices[some], gains.values[some], shape=gains.shape
        )


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """Queries, the pool of items that each chooses from, and what each should choose.

    ``target`` are shares that sum to 1 for every query, in proportion to gains; ``hidden`` pairs
    take no part. Vectors have length one, and all is in float32: a loss needs no more digits.
    """

    queries: Float32[Array, "q d"]
    items: Float32[Array, "p d"]
    target: Float32[Array, "q p"]
    hidden: Bool[Array, "q p"]


def training_batch(
    pairs: TrainingPairs,
    asking: Bool[Array, " n"],
    ranked: Bool[Array, " m"],
    rng: np.random.Generator,
) -> TrainingBatch | None:
    """A batch of some rows of the asking and the ranked side; None if nothing is relevant."""
    gains = pairs.judged(asking, ranked)
    good = (gains.values > 0) & ~_pairs_in(pairs, gains.rows, gains.indices)
    rows, columns, values = gains.rows[good], gains.indices[good], gains.values[good]
    queries = _some(np.unique(rows), QUERIES, rng)
    pool = _some(np.unique(columns[np.isin(rows, queries)]), POOL, rng)
    others = np.setdiff1d(np.flatnonzero(ranked), pool)
    pool = np.union1d(pool, _some(others, POOL - len(pool), rng))
    drawn = np.isin(rows, queries) & np.isin(columns, pool)
    queries = np.unique(rows[drawn])
    if not len(queries):
        return None
    target = np.zeros((len(queries), len(pool)))
    at = np.searchsorted(queries, rows[drawn]), np.searchsorted(pool, columns[drawn])
    target[at] = values[drawn]
    target /= target.sum(axis=1, keepdims=True)
    hidden = _pairs_in(pairs, *(side.ravel() for side in np.meshgrid(queries, pool, indexing="ij")))
    return TrainingBatch(
        _unit(pairs.asking[queries]),
        _unit(pairs.ranked[pool]),
        target.astype(np.float32),
        hidden.reshape(target.shape) & (target == 0),
    )


def _pairs_in(
    pairs: TrainingPairs, rows: Int64[Array, " pairs"], columns: Int64[Array, " pairs"]
) -> Bool[Array, " pairs"]:
    """Whether a pair is shown by no ranking."""
    width = pairs.gains.shape[1]
    out = (rows == columns) if pairs.itself else np.zeros(len(rows), dtype=bool)
    for table in pairs.hidden:
        out |= np.isin(rows * width + columns, table.rows * width + table.indices)
    return out


def _some(numbers: Int64[Array, " all"], most: int, rng: np.random.Generator) -> Array:
    if len(numbers) <= max(most, 0):
        return numbers
    return np.sort(rng.permutation(numbers)[: max(most, 0)])


def _unit(x: Float64[Array, "n d"]) -> Float32[Array, "n d"]:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return (x / np.where(length > 0, length, 1.0)).astype(np.float32)


SHARPNESS = 20.0
"""The inverse temperature at the start; it is learnt with the maps."""


@dataclass(frozen=True, eq=False)
class ContrastiveLoss:
    """``-mean_q sum_x t_qx log softmax_x(b cos(q W, x V)) + ridge (|W - I|^2 + |V - I|^2)``.

    ``t`` are the shares due, ``b`` the inverse temperature. With ``shared`` both sides go through
    one map. The free numbers are ``[log b, of the queries' map, of the items' map]``.
    """

    batch: TrainingBatch
    shape: Shape
    shared: bool
    ridge: float = 0.0

    def start(self) -> Free:
        """The identity."""
        _, of_queries, of_items = self._slopes(
            self.batch.queries, self.batch.items, np.log(SHARPNESS)
        )[1:]
        slopes = (
            self.batch.queries.T @ of_queries,
            self.batch.items.T @ of_items,
        )
        if self.shared:
            slopes = (slopes[0] + slopes[1],)
        return np.concatenate([[np.log(SHARPNESS)], *(self.shape.start(slope) for slope in slopes)])

    def __call__(self, free: Free) -> tuple[float, Free]:
        """The loss and its slope."""
        of_q, of_x = self.parts(free)
        q = self.shape.apply(of_q, self.batch.queries)
        x = self.shape.apply(of_x, self.batch.items)
        loss, of_b, slope_q, slope_x = self._slopes(q, x, free[0])
        slope_q = self.shape.pull(of_q, self.batch.queries, slope_q)
        slope_x = self.shape.pull(of_x, self.batch.items, slope_x)
        parts = [(of_q, slope_q + slope_x)] if self.shared else [(of_q, slope_q), (of_x, slope_x)]
        out = [np.array([of_b])]
        for part, slope in parts:
            square, of_square = self.shape.ridge(part)
            loss += self.ridge * square
            out.append(slope + self.ridge * of_square)
        return loss, np.concatenate(out)

    def parts(self, free: Free) -> tuple[Array, Array]:
        """The numbers of the map of the queries and of that of the items."""
        if self.shared:
            return free[1:], free[1:]
        of_q, of_x = free[1:].reshape(2, -1)
        return of_q, of_x

    def _slopes(
        self, q: Float[Array, "q d"], x: Float[Array, "p d"], log_b: float
    ) -> tuple[float, float, Float[Array, "q d"], Float[Array, "p d"]]:
        """The loss without the ridge; its slopes in ``log b`` and in the moved rows."""
        b = float(np.exp(log_b))
        (u, long_q), (v, long_x) = _split(q), _split(x)
        cosine = u @ v.T
        score = np.where(self.batch.hidden, -np.inf, b * cosine)
        score -= score.max(axis=1, keepdims=True)
        chosen = np.exp(score)
        total = chosen.sum(axis=1, keepdims=True)
        target = self.batch.target
        with np.errstate(invalid="ignore"):
            due = np.where(target > 0, target * (score - np.log(total)), 0.0)
        off = b / len(q) * (chosen / total - target)
        of_u, of_v = off @ v, off.T @ u
        return (
            float(-due.sum(dtype=np.float64) / len(q)),
            float((off * cosine).sum(dtype=np.float64)),
            (of_u - (of_u * u).sum(axis=1, keepdims=True) * u) / long_q,
            (of_v - (of_v * v).sum(axis=1, keepdims=True) * v) / long_x,
        )


def _split(x: Float[Array, "n d"]) -> tuple[Array, Array]:
    """Directions and lengths; a zero row stays, as if it were long."""
    length: Array = np.linalg.norm(x, axis=1, keepdims=True)
    length = np.where(length > 0, length, np.ones_like(length))
    return x / length, length
