"""Paired differences between measures, query by query."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float64


@dataclass(frozen=True, eq=False)
class Differences:
    """Sums of powers, over queries, of each measure's values minus each other's.

    >>> of = Differences.of(np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]]))
    >>> of.mean[0].tolist(), of.spread[0].tolist()
    ([0.0, 1.0], [0.0, 1.0])
    """

    total: Float64[Array, "m m"]
    squares: Float64[Array, "m m"]
    fourths: Float64[Array, "m m"]
    queries: int

    @classmethod
    def of(cls, values: Float64[Array, "m q"]) -> "Differences":
        """Take ``values[i] - values[j]`` over all queries; exactly 0 where measures agree."""
        total, squares, fourths = np.zeros((3, len(values), len(values)))
        for i, row in enumerate(values):  # one measure at a time: m x m x q would not fit
            lead = row - values
            total[i] = lead.sum(axis=1)
            lead *= lead
            squares[i] = lead.sum(axis=1)
            fourths[i] = np.einsum("mq,mq->m", lead, lead)
        return cls(total, squares, fourths, values.shape[1])

    @property
    def mean(self) -> Float64[Array, "m m"]:
        """The mean differences."""
        return self.total / self.queries

    @property
    def spread(self) -> Float64[Array, "m m"]:
        """The standard deviations of the differences over queries; 0 for a single query."""
        left = np.maximum(self.squares - self.total**2 / self.queries, 0)
        return np.sqrt(left / max(self.queries - 1, 1))

    @property
    def doubt(self) -> Float64[Array, "m m"]:
        """How far the variance of a difference may be off, as a share of it, at one query.

        ``sqrt(kurtosis - 1)``, at least the normal distribution's: over the square root of the
        number of queries it is the relative standard error of the variance.
        """
        square = self.squares**2
        kurtosis = np.divide(
            self.queries * self.fourths, square, out=np.full_like(square, 3.0), where=square > 0
        )
        return np.sqrt(np.maximum(kurtosis, 3) - 1)
