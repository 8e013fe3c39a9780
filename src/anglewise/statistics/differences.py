"""Differences of measures over the same queries, as sums of powers."""

from dataclasses import dataclass

import numpy as np

from anglewise.data_types.typing import Array, Float64


@dataclass(frozen=True, eq=False)
class Differences:
    """Sums of powers, over queries, of each measure's values minus each other's.

    >>> of = Differences.of(np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]]))
    >>> of.mean[0].tolist(), of.spread[0].tolist()
    ([0.0, 1.0], [0.0, 1.0])
    """

    total: Float64[Array, "m m"]
    squares: Float64[Array, "m m"]
    queries: int

    @classmethod
    def of(cls, values: Float64[Array, "m q"]) -> "Differences":
        """Take ``values[i] - values[j]`` over all queries; exactly 0 where measures agree."""
        total, squares = np.zeros((2, len(values), len(values)))
        for i, row in enumerate(values):  # one measure at a time: m x m x q would not fit
            lead = row - values
            total[i] = lead.sum(axis=1)
            lead *= lead
            squares[i] = lead.sum(axis=1)
        return cls(total, squares, values.shape[1])

    @property
    def mean(self) -> Float64[Array, "m m"]:
        """The mean differences."""
        return self.total / self.queries

    @property
    def spread(self) -> Float64[Array, "m m"]:
        """The standard deviations of the differences over queries; 0 for a single query."""
        left = np.maximum(self.squares - self.total**2 / self.queries, 0)
        return np.sqrt(left / max(self.queries - 1, 1))
