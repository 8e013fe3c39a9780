"""Rows taken into a frame, in float64 and in a fixed order."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.core.typing import Array, Float32, Float64, Int64
from anglewise.measures.frames import Affine, Maps
from anglewise.search import exact


@dataclass(frozen=True, eq=False)
class Move:
    """``(x - offset) @ matrix``, coordinate after coordinate of ``x``, each product rounded.

    Leading zeros of the columns cost nothing.
    """

    by: Affine

    def __call__(self, x: Float32[Array, "n d"]) -> Float64[Array, "n r"]:
        """Move some rows."""
        matrix = self.by.matrix
        if matrix is None:
            return x - self.by.offset
        out = np.zeros((len(x), matrix.shape[1]))
        if exact.kernel is not None:
            panels = self._panels, self._starts
            exact.kernel.moved(x, x.shape[1], self.by.offset, *panels, matrix.shape[1], out)
            return out
        rows = x - self.by.offset
        for start in range(0, len(rows), 64):  # 64 rows of the result stay in the cache
            part = out[start : start + 64]
            for column, along in zip(rows[start : start + 64].T, matrix, strict=True):
                there = np.flatnonzero(along)
                if len(there):
                    some = slice(there[0], there[-1] + 1)
                    part[:, some] += column[:, None] * along[some]
        return out

    @cached_property
    def _panels(self) -> Float64[Array, "panels d lanes"]:
        """Columns eight at a time, padded with zeros."""
        matrix = np.zeros((0, 0)) if self.by.matrix is None else self.by.matrix
        d, r = matrix.shape
        padded = np.zeros((d, -(-r // exact.LANES) * exact.LANES))
        padded[:, :r] = matrix
        return np.ascontiguousarray(padded.reshape(d, -1, exact.LANES).transpose(1, 0, 2))

    @cached_property
    def _starts(self) -> Int64[Array, " panels"]:
        """The first coordinate that a panel needs."""
        return (self._panels != 0).any(axis=2).argmax(axis=1).astype(np.int64)


def moved(x: Float32[Array, "n d"], move: Move | None) -> Float64[Array, "n r"]:
    """Rows in a frame, or as they are."""
    return x.astype(np.float64) if move is None else move(x)


def triangular(maps: Maps) -> Maps:
    """The same frame turned so that the matrix of the ranked side is triangular.

    Inner products and lengths do not feel a rotation of both sides, and half the work is saved.
    """
    matrix = maps.ranked.matrix
    if matrix is None or matrix.shape[0] < matrix.shape[1]:
        return maps
    turn, upper = np.linalg.qr(matrix.T)
    ranked = Affine(maps.ranked.offset, np.ascontiguousarray(upper.T))
    asking = turn if maps.asking.matrix is None else maps.asking.matrix @ turn
    return Maps(Affine(maps.asking.offset, asking), ranked)
