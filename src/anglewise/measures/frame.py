"""Frames: the coordinates in which a measure is taken. Each is an affine map of the vectors.

A frame is fitted once on a space and is then a pair of maps, one for those who ask and one for
those who are ranked. Unless said otherwise a frame learns from the ranked side and moves both
sides alike, so that a single new query can be moved too.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.typing import Array, Direction, Float, Float64
from anglewise.errors import ValuesError
from anglewise.measures.remembered import Remembered

BLOCK_BYTES = 1 << 22
"""Rows are looked at in blocks of this size, which stay in the cache."""


@dataclass(frozen=True, eq=False)
class Affine:
    """``x -> (x - offset) @ matrix``, in float64; ``matrix=None`` leaves directions alone."""

    offset: Float64[Array, " d"]
    matrix: Float64[Array, "d r"] | None = None

    def __call__(self, x: Float[Array, "rows d"]) -> Float64[Array, "rows _"]:
        """Move some rows."""
        moved = np.subtract(x, self.offset, dtype=np.float64)
        return moved if self.matrix is None else moved @ self.matrix

    def then(self, other: "Affine") -> "Affine":
        """First this map, then the other, as one map."""
        if self.matrix is None:
            return Affine(self.offset + other.offset, other.matrix)
        lifted = np.linalg.lstsq(self.matrix.T, other.offset, rcond=None)[0]
        matrix = self.matrix if other.matrix is None else self.matrix @ other.matrix
        return Affine(self.offset + lifted, matrix)


@dataclass(frozen=True, eq=False)
class View:
    """Embeddings as they look through a map, read block by block and never formed whole."""

    embeddings: Embeddings
    through: Affine

    def blocks(self) -> Iterator[Float64[Array, "rows _"]]:
        """The mapped rows, a few at a time."""
        x = self.embeddings.vectors
        length = max(64, BLOCK_BYTES // (8 * x.shape[1]))
        return (self.through(x[i : i + length]) for i in range(0, len(x), length))

    @cached_property
    def mean(self) -> Float64[Array, " _"]:
        """The mean row."""
        return sum(block.sum(axis=0) for block in self.blocks()) / len(self.embeddings)  # type: ignore[return-value]

    @cached_property
    def variance(self) -> Float64[Array, " _"]:
        """The variance of each column."""
        total = sum(np.square(block - self.mean).sum(axis=0) for block in self.blocks())
        return total / len(self.embeddings)  # type: ignore[return-value]

    @cached_property
    def covariance(self) -> Float64[Array, "_ _"]:
        """The covariance of the rows about their mean, divided by their number."""
        total: Array = np.zeros(2 * self.mean.shape)
        for block in self.blocks():
            centred = np.subtract(block, self.mean, out=block)
            total += centred.T @ centred
        return total / len(self.embeddings)


@dataclass(frozen=True, eq=False)
class Sides:
    """A space looked at in one direction, through what earlier frames did to it."""

    space: Space
    direction: Direction
    asking: View
    ranked: View


@dataclass(frozen=True, eq=False)
class Maps:
    """A fitted frame: what it does to those who ask and to those who are ranked."""

    asking: Affine
    ranked: Affine

    @classmethod
    def still(cls, dimension: int) -> "Maps":
        """The maps that leave everything where it is."""
        return cls(Affine(np.zeros(dimension)), Affine(np.zeros(dimension)))


class Frame(ABC):
    """Coordinates for a measure. An interface: frames are finished."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling, as it stands after ``@``."""

    @abstractmethod
    def fit(self, sides: Sides) -> Maps:
        """The maps for this space and direction."""


def fit_frames(frames: tuple[Frame, ...], space: Space, direction: Direction) -> Maps | None:
    """Fit one frame after the other, the first one first; None when there are none.

    A space does not change, so what was fitted lately is remembered as long as the space lives.
    """
    if not frames:
        return None
    return _FITTED.get(space, (frames, direction), lambda: _fitted(frames, space, direction))


_FITTED: Remembered[tuple[tuple[Frame, ...], Direction], Maps] = Remembered()


def _fitted(frames: tuple[Frame, ...], space: Space, direction: Direction) -> Maps:
    asking, ranked = space.sides(direction)
    maps = Maps.still(ranked.dimension)
    for frame in frames:
        sides = Sides(space, direction, View(asking, maps.asking), View(ranked, maps.ranked))
        step = frame.fit(sides)
        maps = Maps(maps.asking.then(step.asking), maps.ranked.then(step.ranked))
        if maps.ranked.matrix is not None and not maps.ranked.matrix.shape[1]:
            raise ValuesError(
                f"@{frame} leaves no coordinate: the {len(ranked):,} ranked vectors are all alike "
                "there, and nothing tells them apart; take another frame, or mend the vectors"
            )
    return maps
