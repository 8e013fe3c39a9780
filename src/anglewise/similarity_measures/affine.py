"""Affine maps of the two sides of a space, and the sides as a frame sees them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.typing import Array, Direction, Float, Float64

BLOCK_BYTES = 1 << 22
"""Rows are looked at in blocks of this size, which stay in the cache."""


@dataclass(frozen=True, eq=False)
class Affine:
    """``x -> (x - offset) @ matrix``, in float64; ``matrix=None`` leaves directions alone.

    Attributes
    ----------
    scale
        Without a matrix: what each column is multiplied by, 0 for one that is dropped.
    whole
        The columns that the map would have if it kept the directions outside the span of few rows
        too: None for a map that is whole.
    """

    offset: Float64[Array, " d"]
    matrix: Float64[Array, "d r"] | None = None
    scale: Float64[Array, " d"] | None = None
    whole: int | None = None

    @property
    def columns(self) -> int:
        """The columns of the moved rows, with those that are 0 in all rows there are."""
        if self.whole is not None:
            return self.whole
        return len(self.offset) if self.matrix is None else self.matrix.shape[1]

    @property
    def is_still(self) -> bool:
        """Whether it leaves everything where it is."""
        return self.matrix is None and self.scale is None and not self.offset.any()

    def __call__(self, x: Float[Array, "rows d"]) -> Float64[Array, "rows _"]:
        """Move some rows."""
        moved = np.subtract(x, self.offset, dtype=np.float64)
        if self.scale is not None:
            moved *= self.scale
        return moved if self.matrix is None else moved @ self.matrix

    def then(self, other: "Affine") -> "Affine":
        """First this map, then the other, as one map."""
        unmoved = other.matrix is None and other.scale is None
        whole = self.whole if unmoved else other.whole
        if self.matrix is None:
            return self._scaled_then(other, whole)
        lifted = np.linalg.lstsq(self.matrix.T, other.offset, rcond=None)[0]
        matrix = self.matrix if other.scale is None else self.matrix * other.scale
        matrix = matrix if other.matrix is None else matrix @ other.matrix
        return Affine(self.offset + lifted, matrix, whole=whole)

    def _scaled_then(self, other: "Affine", whole: int | None) -> "Affine":
        if self.scale is None:
            return Affine(self.offset + other.offset, other.matrix, other.scale, whole)
        nonzero = self.scale > 0
        lifted = np.divide(other.offset, self.scale, out=np.zeros_like(self.scale), where=nonzero)
        scale = self.scale if other.scale is None else self.scale * other.scale
        offset = self.offset + lifted
        if other.matrix is None:
            return Affine(offset, None, scale, whole)
        return Affine(offset, scale[:, None] * other.matrix, whole=whole)


@dataclass(frozen=True, eq=False)
class View:
    """Embeddings moved by a map, block by block and never formed whole."""

    embeddings: Embeddings
    through: Affine

    def blocks(self) -> Iterator[Float64[Array, "rows _"]]:
        """The mapped rows, a few at a time."""
        x = self.embeddings.vectors
        length = max(64, BLOCK_BYTES // (8 * x.shape[1]))
        return (self.through(x[i : i + length]) for i in range(0, len(x), length))

    @property
    def columns(self) -> int:
        """The columns of the mapped rows."""
        matrix = self.through.matrix
        return self.embeddings.dimension if matrix is None else matrix.shape[1]

    def inside(self, basis: Float64[Array, "_ r"]) -> "View":
        """The mapped rows in a basis of some of their directions."""
        return View(self.embeddings, self.through.then(Affine(np.zeros(len(basis)), basis)))

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
    """The two sides of a space in one direction, each through the earlier frames.

    ``new_vectors`` says that rows will be moved that are not in the space. ``nearest`` finds the
    cosines of each ranked row with its nearest ``k`` of the asking side, or None.
    """

    space: Space
    direction: Direction
    asking: View
    ranked: View
    new_vectors: bool = True
    nearest: "NearestCosines | None" = None

    def span(self) -> Float64[Array, "d r"] | None:
        """A basis of all rows that will be moved, where they are fewer than their columns."""
        if self.new_vectors:
            return None
        alike = self.asking.embeddings is self.ranked.embeddings
        return span_of(*([self.ranked] if alike else [self.ranked, self.asking]))

    @property
    def dimension(self) -> int:
        """The columns of the ranked side, as if no earlier frame had left any out."""
        whole = self.ranked.through.whole
        return self.ranked.columns if whole is None else whole


NearestCosines: TypeAlias = Callable[[Sides, int], Float64[Array, "n k"] | None]
"""See :class:`Sides`."""


def span_of(*views: View) -> Float64[Array, "d r"] | None:
    """An orthonormal basis of the rows of some views, if these are fewer than their columns."""
    if sum(len(view.embeddings) for view in views) >= views[0].columns:
        return None
    rows = np.concatenate([block for view in views for block in view.blocks()])
    return np.linalg.qr(rows.T)[0]


@dataclass(frozen=True, eq=False)
class Maps:
    """A fitted frame: what it does to the asking side and to the ranked side."""

    asking: Affine
    ranked: Affine

    @classmethod
    def both(cls, affine: Affine) -> "Maps":
        """One map for both sides."""
        return cls(affine, affine)

    @classmethod
    def still(cls, dimension: int) -> "Maps":
        """The maps that leave everything where it is."""
        return cls.both(Affine(np.zeros(dimension)))
