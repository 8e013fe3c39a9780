"""How an adapter is learnt: shapes of its map, examples, contrastive loss."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float, Float32, Float64, Int64


class Shape(ABC):
    """``x -> x W`` with ``W`` made of some free numbers. An interface: shapes are finished.

    All numbers 0 is the identity, up to those that ``start`` gives.
    """

    @abstractmethod
    def start(self, slope: Float[Array, "d d"]) -> Float64[Array, " free"]:
        """Numbers that make the identity, given the slope of the loss there."""

    @abstractmethod
    def matrix(self, free: Float64[Array, " free"]) -> Float64[Array, "d d"]:
        """The map."""

    @abstractmethod
    def apply(self, free: Float64[Array, " free"], x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        """Rows moved by the map."""

    @abstractmethod
    def pull(
        self,
        free: Float64[Array, " free"],
        x: Float[Array, "n d"],
        slope: Float[Array, "n d"],
    ) -> Float64[Array, " free"]:
        """The slope of a loss in the free numbers, from that in the moved rows."""

    @abstractmethod
    def ridge(self, free: Float64[Array, " free"]) -> tuple[float, Float64[Array, " free"]]:
        """``|W - I|^2`` over all entries, and its slope."""


@dataclass(frozen=True)
class Full(Shape):
    """Every entry is free."""

    dimension: int

    def start(self, slope: Float[Array, "d d"]) -> Float64[Array, " free"]:
        """Zeros."""
        return np.zeros(slope.size)

    def matrix(self, free: Float64[Array, " free"]) -> Float64[Array, "d d"]:
        """``I + free``."""
        return np.eye(self.dimension) + self._table(free)

    def apply(self, free: Float64[Array, " free"], x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        """``x + x free``."""
        return x + x @ self._table(free).astype(x.dtype)

    def pull(
        self,
        free: Float64[Array, " free"],
        x: Float[Array, "n d"],
        slope: Float[Array, "n d"],
    ) -> Float64[Array, " free"]:
        """``x' slope``."""
        del free
        return (x.T @ slope).ravel().astype(np.float64)

    def ridge(self, free: Float64[Array, " free"]) -> tuple[float, Float64[Array, " free"]]:
        """The sum of squares."""
        return float(free @ free), 2 * free

    def _table(self, free: Array) -> Array:
        return free.reshape(self.dimension, self.dimension)


@dataclass(frozen=True)
class Diagonal(Shape):
    """Every column has a weight."""

    dimension: int

    def start(self, slope: Float[Array, "d d"]) -> Float64[Array, " free"]:
        """Zeros."""
        return np.zeros(len(slope))

    def matrix(self, free: Float64[Array, " free"]) -> Float64[Array, "d d"]:
        """``diag(1 + free)``."""
        return np.diag(1 + free)

    def apply(self, free: Float64[Array, " free"], x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        """Column by column."""
        return x * (1 + free).astype(x.dtype)

    def pull(
        self,
        free: Float64[Array, " free"],
        x: Float[Array, "n d"],
        slope: Float[Array, "n d"],
    ) -> Float64[Array, " free"]:
        """Column by column."""
        del free
        return np.einsum("ij,ij->j", x, slope).astype(np.float64)

    def ridge(self, free: Float64[Array, " free"]) -> tuple[float, Float64[Array, " free"]]:
        """The sum of squares."""
        return float(free @ free), 2 * free


@dataclass(frozen=True)
class LowRank(Shape):
    """The identity and ``U V'``, with ``rank`` columns each."""

    dimension: int
    rank: int

    def start(self, slope: Float[Array, "d d"]) -> Float64[Array, " free"]:
        """``U`` where the loss falls most steeply, ``V`` nothing."""
        steepest = np.linalg.svd(slope.astype(np.float64))[0][:, : self.rank]
        return np.concatenate([steepest.ravel(), np.zeros(steepest.size)])

    def matrix(self, free: Float64[Array, " free"]) -> Float64[Array, "d d"]:
        """``I + U V'``."""
        u, v = self._parts(free)
        return np.eye(self.dimension) + u @ v.T

    def apply(self, free: Float64[Array, " free"], x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        """``x + (x U) V'``."""
        u, v = self._parts(free.astype(x.dtype))
        return x + (x @ u) @ v.T

    def pull(
        self,
        free: Float64[Array, " free"],
        x: Float[Array, "n d"],
        slope: Float[Array, "n d"],
    ) -> Float64[Array, " free"]:
        """``x' (slope V)`` and ``slope' (x U)``."""
        u, v = self._parts(free.astype(x.dtype))
        slopes = [(x.T @ (slope @ v)).ravel(), (slope.T @ (x @ u)).ravel()]
        return np.concatenate(slopes).astype(np.float64)

    def ridge(self, free: Float64[Array, " free"]) -> tuple[float, Float64[Array, " free"]]:
        """``|U V'|^2``, from the small products."""
        u, v = self._parts(free)
        of_u, of_v = u.T @ u, v.T @ v
        slope = np.concatenate([(2 * u @ of_v).ravel(), (2 * v @ of_u).ravel()])
        return float((of_u * of_v).sum()), slope

    def _parts(self, free: Array) -> tuple[Array, Array]:
        u, v = free.reshape(2, self.dimension, self.rank)
        return u, v


QUERIES = 1024
"""Queries learnt from at once, at most; of more a random part."""
POOL = 1024
"""Items that a query chooses among: those judged relevant to any, and random others."""


@dataclass(frozen=True, eq=False)
class KnownPairs:
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
    known: KnownPairs,
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
    known: KnownPairs, rows: Int64[Array, " pairs"], columns: Int64[Array, " pairs"]
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


SHARPNESS = 20.0
"""The inverse temperature at the start; it is learnt with the maps."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """``-mean_q sum_x t_qx log softmax_x(b cos(q W, x V)) + ridge (|W - I|^2 + |V - I|^2)``.

    ``t`` are the shares due, ``b`` the inverse temperature. With ``shared`` both sides go through
    one map. The free numbers are ``[log b, of the queries' map, of the items' map]``.
    """

    lesson: Lesson
    shape: Shape
    shared: bool
    ridge: float = 0.0

    def start(self) -> Float64[Array, " free"]:
        """The identity."""
        _, of_queries, of_items = self._slopes(
            self.lesson.queries, self.lesson.items, np.log(SHARPNESS)
        )[1:]
        slopes = (
            self.lesson.queries.T @ of_queries,
            self.lesson.items.T @ of_items,
        )
        if self.shared:
            slopes = (slopes[0] + slopes[1],)
        return np.concatenate([[np.log(SHARPNESS)], *(self.shape.start(one) for one in slopes)])

    def __call__(self, free: Float64[Array, " free"]) -> tuple[float, Float64[Array, " free"]]:
        """The loss and its slope."""
        of_q, of_x = self.parts(free)
        q = self.shape.apply(of_q, self.lesson.queries)
        x = self.shape.apply(of_x, self.lesson.items)
        loss, of_b, slope_q, slope_x = self._slopes(q, x, free[0])
        slope_q = self.shape.pull(of_q, self.lesson.queries, slope_q)
        slope_x = self.shape.pull(of_x, self.lesson.items, slope_x)
        held = [(of_q, slope_q + slope_x)] if self.shared else [(of_q, slope_q), (of_x, slope_x)]
        out = [np.array([of_b])]
        for part, slope in held:
            square, of_square = self.shape.ridge(part)
            loss += self.ridge * square
            out.append(slope + self.ridge * of_square)
        return loss, np.concatenate(out)

    def parts(self, free: Float64[Array, " free"]) -> tuple[Array, Array]:
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
        score = np.where(self.lesson.hidden, -np.inf, b * cosine)
        score -= score.max(axis=1, keepdims=True)
        chosen = np.exp(score)
        total = chosen.sum(axis=1, keepdims=True)
        target = self.lesson.target
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
