"""Shapes of a learnt linear map: full, diagonal, or the identity and a correction of low rank."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float, Float64


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
