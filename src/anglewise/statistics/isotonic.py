"""A probability that never falls as a score rises, learned from outcomes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Bool, Float, Float64


@dataclass(frozen=True, eq=False)
class Isotonic:
    """Straight lines between knots, level outside: ``scores`` rise, ``probabilities`` never fall.

    >>> Isotonic(np.array([0.0, 1.0]), np.array([0.1, 0.5]))(np.array([-3.0, 0.5, 9.0]))
    array([0.1, 0.3, 0.5])
    """

    scores: Float64[Array, " knots"]
    probabilities: Float64[Array, " knots"]

    def __call__(self, scores: Float[Array, "*shape"]) -> Float64[Array, "*shape"]:
        """The probability at each score."""
        return np.interp(scores.astype(np.float64), self.scores, self.probabilities)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"scores": self.scores.tolist(), "probabilities": self.probabilities.tolist()}


def isotonic(scores: Float[Array, " n"], outcomes: Bool[Array, " n"]) -> Isotonic:
    """Fit by pooling adjacent violators (Ayer et al. 1955; Zadrozny and Elkan 2002).

    Neighbouring scores are pooled until the shares of successes rise; a pool speaks at its mean
    score, and between pools the probability rises in a straight line, so that a threshold can
    stand anywhere. Shares of 0 and 1 are drawn in to ``1 / (2n + 2)``: nothing is certain.

    >>> fitted = isotonic(np.arange(4.0), np.array([False, True, False, True]))
    >>> fitted.scores.tolist(), fitted.probabilities.tolist()
    ([0.0, 1.5, 3.0], [0.1, 0.5, 0.9])
    """
    levels, where = np.unique(scores.astype(np.float64), return_inverse=True)
    counts = np.bincount(where).astype(np.float64)
    successes = np.bincount(where, weights=outcomes.astype(np.float64))
    many, good, total = _pooled(counts, successes, counts * levels)
    margin = 0.5 / (len(scores) + 1)
    return Isotonic(total / many, np.clip(good / many, margin, 1 - margin))


def _pooled(
    counts: Float64[Array, " n"], successes: Float64[Array, " n"], sums: Float64[Array, " n"]
) -> Float64[Array, "3 pools"]:
    """Neighbours put together until the share of successes rises from pool to pool."""
    pools: list[tuple[float, float, float]] = []
    for many, good, total in zip(counts.tolist(), successes.tolist(), sums.tolist(), strict=True):
        n, s, t = many, good, total
        while pools and pools[-1][1] * n >= s * pools[-1][0]:
            before = pools.pop()
            n, s, t = n + before[0], s + before[1], t + before[2]
        pools.append((n, s, t))
    return np.array(pools, dtype=np.float64).T
