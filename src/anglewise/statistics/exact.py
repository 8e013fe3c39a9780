"""Sums that are exact, so that their order, and hence blocks and threads, cannot show."""

from dataclasses import dataclass
from math import frexp

import numpy as np

from anglewise.core.typing import Array, Float64, Int

BITS = 52
TILE = 1 << 18
"""Products in one call of BLAS: few enough that it starts no threads of its own, which cost more
than they bring for tables this narrow, and most where others work at the same time."""
ROWS = 16


@dataclass(frozen=True, eq=False)
class ExactSums:
    """Columns of values as whole numbers of a tiny unit, for sums with small whole weights.

    The unit is a power of two such that no sum of ``queries`` of them, in any order, leaves the
    whole numbers that float64 holds exactly. It is about ``1e-16 * queries`` of the largest
    value. Values that are equal stay equal, so ties between measures stay ties.

    >>> sums = ExactSums.of(np.array([[0.5, 0.25, 0.0]]))
    >>> (sums(np.array([[1, 1, 1], [0, 3, 0]])) * sums.unit).tolist()
    [[0.75], [0.75]]
    """

    whole: Float64[Array, "q m"]
    unit: float

    @classmethod
    def of(cls, values: Float64[Array, "m q"]) -> "ExactSums":
        """Round the values of some measures to whole units."""
        largest = float(np.abs(values).max(initial=0.0)) * values.shape[1]
        unit = 2.0 ** (frexp(largest)[1] - BITS) if largest else 1.0
        return cls(np.ascontiguousarray(np.rint(values / unit).T), unit)

    def __call__(self, weights: Int[Array, "draws q"]) -> Float64[Array, "draws m"]:
        """The weighted sum of each measure in each draw, in units."""
        queries, columns = self.whole.shape
        sums = np.zeros((len(weights), columns))
        length = max(64, TILE // (ROWS * columns))
        for top in range(0, len(weights), ROWS):
            rows = slice(top, top + ROWS)
            for start in range(0, queries, length):
                part = slice(start, start + length)
                sums[rows] += weights[rows, part].astype(np.float64) @ self.whole[part]
        return sums
