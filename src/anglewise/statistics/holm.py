"""Holm's correction."""

import numpy as np

from anglewise.core.typing import Array, Float64


def holm(p: Float64[Array, " tests"]) -> Float64[Array, " tests"]:
    """Adjust p-values so that the chance of any false alarm among them is at most the level.

    Step-down: the ``i``-th smallest of ``n`` is multiplied by ``n - i + 1``, and none is smaller
    than one before it (Holm 1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return adjusted
