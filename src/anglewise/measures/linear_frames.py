"""Frames from the mean and the spread of the ranked side: centred, whitened, without its top."""

from dataclasses import dataclass

import numpy as np

from anglewise.errors import SpellingError
from anglewise.measures.frame import Affine, Frame, Maps, Sides

RANK_TOLERANCE = 1e-10
"""Directions whose variance is below this share of the largest hold rounding noise only."""


@dataclass(frozen=True)
class Centred(Frame):
    """The mean of the ranked side is taken off both sides.

    >>> str(Centred())
    'centred'
    """

    def __str__(self) -> str:
        return "centred"

    def fit(self, sides: Sides) -> Maps:
        """One translation for both sides."""
        move = Affine(sides.ranked.mean)
        return Maps(move, move)


@dataclass(frozen=True)
class Whitened(Frame):
    """Centred, then every direction of the ranked side scaled to variance one (arXiv 2103.15316).

    Directions without variance are dropped.

    >>> str(Whitened())
    'whitened'
    """

    def __str__(self) -> str:
        return "whitened"

    def fit(self, sides: Sides) -> Maps:
        """``W = V diag(variance)^-1/2`` from the covariance of the ranked side."""
        variance, directions = np.linalg.eigh(sides.ranked.covariance)
        kept = variance > RANK_TOLERANCE * max(variance[-1], np.finfo(float).tiny)
        scaled = directions[:, kept] / np.sqrt(variance[kept])
        move = Affine(sides.ranked.mean, scaled)
        return Maps(move, move)


@dataclass(frozen=True)
class WithoutTop(Frame):
    """Centred, then without the strongest directions of the ranked side (arXiv 1702.01417).

    >>> str(WithoutTop(3))
    'without-top(3)'
    """

    directions: int

    def __post_init__(self) -> None:
        if self.directions < 1:
            raise SpellingError(f"without-top({self.directions}): at least one direction is due")

    def __str__(self) -> str:
        return f"without-top({self.directions})"

    def fit(self, sides: Sides) -> Maps:
        """The projection onto what is left."""
        _, directions = np.linalg.eigh(sides.ranked.covariance)
        if self.directions >= len(directions):
            raise SpellingError(
                f"{self} leaves nothing of {len(directions)} dimensions: take fewer directions"
            )
        kept = directions[:, : -self.directions]
        move = Affine(sides.ranked.mean, kept)
        return Maps(move, move)
