"""How small a difference can be seen, and how many queries an open question needs."""

from dataclasses import dataclass
from math import ceil, log, sqrt
from statistics import NormalDist

import numpy as np

from anglewise.typing import Array, Bool, Float64

POWER = 0.8
CAP = 1_000_000
"""Nobody judges more queries than this."""
STEP = 1.05
TRIALS = 2_000

_REACH = NormalDist().inv_cdf(POWER)


def smallest_detectable(
    spread: Float64[Array, "..."], critical: Float64[Array, "..."], queries: float
) -> Float64[Array, "..."]:
    """Give the true difference that would be seen with 80% power: ``(c + z) s / sqrt(n)``.

    ``c`` is the critical value, in standard errors, ``z = 0.84``, ``s`` the standard deviation
    of the differences over queries, ``n`` the number of queries.

    >>> smallest_detectable(np.array([0.2]), np.array([1.96]), 400).round(3).tolist()
    [0.028]
    """
    return (critical + _REACH) * (spread / sqrt(queries))


@dataclass(frozen=True, eq=False)
class Design:
    """What a set of judged queries taught about some measures, to plan a larger set with.

    ``drawn`` are resampled means, ``means`` the observed ones, ``spread[i, j]`` the standard
    deviation of the differences of two measures, ``critical`` how many standard errors another
    measure must be better by to rule one out.
    """

    means: Float64[Array, " m"]
    drawn: Float64[Array, "draws m"]
    spread: Float64[Array, "m m"]
    critical: Float64[Array, " m"]
    queries: int

    def settles(
        self, queries: float, tolerance: float, trials: int = TRIALS
    ) -> Bool[Array, " trials"]:
        """Whether so many fresh queries would settle the question, trial by trial.

        Each trial takes the truth from one resample and the fresh set's error from another, and
        asks as the verdict does: is one measure left, or could a difference of ``tolerance``
        among those left have been seen?
        """
        truth = self.drawn[:trials]
        error = (self.drawn[-len(truth) :] - self.means) * sqrt(self.queries / queries)
        means = truth + error[::-1]
        lead = (means[:, None, :] - means[:, :, None]) * sqrt(queries)
        left = (lead <= self.critical[:, None] * self.spread).all(axis=2)
        best = means.argmax(axis=1)
        seen = smallest_detectable(self.spread, self.critical[None, :], queries)[best]
        return (left.sum(axis=1) == 1) | np.where(left, seen <= tolerance, True).all(axis=1)

    def needed(self, tolerance: float) -> int | None:
        """How many queries in all would settle the question in 80 sets of 100; None above a cap.

        >>> rng = np.random.default_rng(0)
        >>> drawn = np.array([0.30, 0.28]) + 0.02 * rng.standard_normal((4000, 2))
        >>> spread = np.array([[0.0, 0.4], [0.4, 0.0]])
        >>> design = Design(np.array([0.30, 0.28]), drawn, spread, np.array([2.0, 2.0]), 200)
        >>> 1000 < design.needed(0.01) < 15000
        True
        """
        if not self.spread.any():
            return None
        fewest = self.queries + 1
        first, last = 0, ceil(log(CAP / fewest) / log(STEP))
        while first < last:
            middle = (first + last) // 2
            if self.settles(fewest * STEP**middle, tolerance).mean() >= POWER:
                last = middle
            else:
                first = middle + 1
        needed = round(fewest * STEP**first)
        return needed if needed <= CAP else None


def planning_critical(critical: Float64[Array, " m"]) -> Float64[Array, " m"]:
    """Critical values for a larger set: at most Bonferroni's normal one.

    Those of a small set are larger, or infinite, for want of queries alone.
    """
    others = max(len(critical) - 1, 1)
    return np.minimum(critical, NormalDist().inv_cdf(1 - 0.05 / (2 * others)))
