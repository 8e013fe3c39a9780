"""The two training objectives of arXiv 2403.05440 and what each leaves of the spectrum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.errors import SpellingError

Shrink = Callable[[Float64[Array, " k"], float], Float64[Array, " k"]]


@dataclass(frozen=True)
class Objective:
    """A loss on ``X ~ X A B'`` whose optimum is ``A B' = V diag(s) V'``.

    Attributes
    ----------
    name
        As it is written in options.
    formula
        What is minimised.
    shrink
        ``s``, between 0 and 1, from the singular values of ``X`` and the penalty.
    pins_gauge
        Whether the loss also fixes how ``s`` is shared between ``A`` and ``B``.
    """

    name: str
    formula: str
    shrink: Shrink
    pins_gauge: bool


def _product(sigma: Float64[Array, " k"], penalty: float) -> Float64[Array, " k"]:
    return 1 / (1 + penalty / sigma**2)


def _factors(sigma: Float64[Array, " k"], penalty: float) -> Float64[Array, " k"]:
    return np.maximum(1 - penalty / sigma, 0)


OBJECTIVES = {
    each.name: each
    for each in (
        Objective("product", "|X - XAB'|^2 + penalty |AB'|^2", _product, pins_gauge=False),
        Objective("factors", "|X - XAB'|^2 + penalty (|XA|^2 + |B|^2)", _factors, pins_gauge=True),
    )
}


def objective(name: str) -> Objective:
    """Look an objective up by its name.

    >>> objective("product").shrink(np.array([10.0]), 100.0).tolist()
    [0.5]
    >>> objective("factors").shrink(np.array([10.0, 2.0]), 5.0).tolist()
    [0.5, 0.0]
    """
    if name not in OBJECTIVES:
        raise SpellingError(f"objective {name!r} is unknown: take one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]
