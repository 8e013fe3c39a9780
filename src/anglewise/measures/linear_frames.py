"""Frames from the mean and the spread of the ranked side: centred, scaled, whitened, cut."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.numbers import COUNT, UNIT, shown, written
from anglewise.errors import SpellingError
from anglewise.measures.frame import Affine, Frame, Maps, Sides

RANK_TOLERANCE = 1e-10
"""Directions whose variance is below this share of the largest hold rounding noise only."""
CONSTANT_TOLERANCE = 1e-13
"""A column whose variance is below this share of its mean square is constant, but for rounding."""


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
class Standardised(Frame):
    """Centred, then every column divided by its standard deviation on the ranked side.

    Columns that hold one number for the whole ranked side tell nobody apart and are dropped.

    >>> from anglewise.core.embeddings import Embeddings, Space
    >>> from anglewise.measures.frame import fit_frames
    >>> space = Space(items=Embeddings([[1.0, 5.0, 10.0], [3.0, 5.0, 30.0]]))
    >>> fit_frames((Standardised(),), space, "items-items").ranked(space.items.vectors).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """

    def __str__(self) -> str:
        return "standardised"

    def fit(self, sides: Sides) -> Maps:
        """``(x - mean) / deviation``, column by column."""
        mean, variance = sides.ranked.mean, sides.ranked.variance
        kept = variance > CONSTANT_TOLERANCE * (mean**2 + variance)
        scales = np.eye(len(mean))[:, kept] / np.sqrt(variance[kept])
        move = Affine(mean, scales)
        return Maps(move, move)


@dataclass(frozen=True)
class Whitened(Frame):
    """Centred, then every direction of the ranked side scaled to variance one (arXiv 2103.15316).

    Directions without variance are dropped. With a ``shrinkage`` above 0 the covariance ``S`` is
    drawn towards a round one, ``(1 - shrinkage) S + shrinkage trace(S) / d I`` (Ledoit and Wolf,
    2004), so that directions of little but noise are lifted less; with 1 only the mean is taken
    off, up to one scale for all.

    >>> str(Whitened()), str(Whitened(0.1))
    ('whitened', 'whitened(0.1)')
    """

    shrinkage: float = 0

    def __post_init__(self) -> None:
        if not UNIT.holds(self.shrinkage):
            raise SpellingError(
                f"whitened({shown(self.shrinkage)}): the shrinkage goes from 0, none, to 1, which "
                "leaves centring alone; write whitened(0.1)"
            )

    def __str__(self) -> str:
        return f"whitened({written(self.shrinkage)})" if self.shrinkage else "whitened"

    def fit(self, sides: Sides) -> Maps:
        """``W = V diag(variance)^-1/2`` from the covariance of the ranked side."""
        variance, directions = np.linalg.eigh(sides.ranked.covariance)
        variance = (1 - self.shrinkage) * variance + self.shrinkage * variance.mean()
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
        COUNT.check("the number of directions in without-top(3)", self.directions, SpellingError)

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
