"""How the closed form shares its spectrum between users and items: gauges with ``X`` at hand.

The optimum fixes ``A B' = V diag(s) V'`` only. Here ``A = V diag(s / b)`` and ``B = V diag(b)``
for any positive ``b``; users are the rows of ``XA``, so their Gram matrix is
``diag(sigma s / b)^2`` and that of the items ``diag(b)^2``.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.errors import SpellingError


class Split(ABC):
    """A rule for the items' share ``b``. An interface: the classes below are finished."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling."""

    @abstractmethod
    def items(
        self, sigma: Float64[Array, " k"], kept: Float64[Array, " k"]
    ) -> Float64[Array, " k"]:
        """``b`` from the singular values ``sigma`` of ``X`` and what the penalty left, ``s``."""


@dataclass(frozen=True)
class Power(Split):
    """``b = (sigma s)^t``: all lengths on the users at 0, on the items at 1.

    ``sigma s`` is the spectrum of the predictions, so ``P'P`` is its ``2 (1 - t)``-th power and
    ``Q'Q`` its ``2 t``-th: ``t = 0`` gives orthonormal items (``B = V``), ``t = 1`` orthonormal
    users, ``t = 1/2`` the balanced factors ``P'P = Q'Q``, the ``D = diag(sigma^-1/2)`` of
    arXiv 2403.05440. Any real ``t`` is allowed.

    >>> Power(0.5).items(np.array([8.0]), np.array([0.5])).tolist()
    [2.0]
    >>> str(Power(0.5)), str(Power(0.25))
    ('balanced', 'power(0.25)')
    """

    t: float

    def __str__(self) -> str:
        names = [name for name, split in NAMED.items() if split == self]
        return names[0] if names else f"power({self.t:g})"

    def items(
        self, sigma: Float64[Array, " k"], kept: Float64[Array, " k"]
    ) -> Float64[Array, " k"]:
        """``(sigma s)^t``."""
        return (sigma * kept) ** self.t


@dataclass(frozen=True)
class TiedWeights(Split):
    """``A = B``, one matrix for both layers: ``D = I``, equation (5) of arXiv 2403.05440.

    Gradient descent from a small start ends here.
    """

    def __str__(self) -> str:
        return "tied-weights"

    def items(
        self, sigma: Float64[Array, " k"], kept: Float64[Array, " k"]
    ) -> Float64[Array, " k"]:
        """``s^1/2``."""
        del sigma
        return np.sqrt(kept)


@dataclass(frozen=True)
class RawUsers(Split):
    """``A = V``: users keep the geometry of the data (at full rank, the cosine of raw rows)."""

    def __str__(self) -> str:
        return "raw-users"

    def items(
        self, sigma: Float64[Array, " k"], kept: Float64[Array, " k"]
    ) -> Float64[Array, " k"]:
        """``s``."""
        del sigma
        return kept


NAMED: dict[str, Split] = {
    "item-orthonormal": Power(0.0),
    "balanced": Power(0.5),
    "user-orthonormal": Power(1.0),
    "tied-weights": TiedWeights(),
    "raw-users": RawUsers(),
}


def split(spelling: str) -> Split:
    """Read a gauge of the closed form as it is written in options.

    >>> split("balanced")
    Power(t=0.5)
    >>> split("power(0.25)")
    Power(t=0.25)
    """
    if spelling in NAMED:
        return NAMED[spelling]
    found = re.fullmatch(r"power\(\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*\)", spelling)
    try:
        return Power(float(found[1])) if found else NAMED[spelling]
    except (KeyError, ValueError):
        raise SpellingError(
            f"gauge {spelling!r} is unknown: take one of {', '.join(NAMED)} or power(t)"
        ) from None
