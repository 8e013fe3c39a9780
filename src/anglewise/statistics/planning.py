"""Plan a validation set: detectable differences, queries needed, chances of being drawn."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, log, sqrt
from statistics import NormalDist

import numpy as np

from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.errors import TooFewError
from anglewise.statistics.resampling import CELLS, Differences

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

    ``c`` is the critical value, in standard errors (infinite where nothing can be seen),
    ``z = 0.84``, ``s`` the standard deviation of the differences over queries, ``n`` the number
    of queries.

    >>> smallest_detectable(np.array([0.2]), np.array([1.96]), 400).round(3).tolist()
    [0.028]
    """
    possible = np.isfinite(critical)
    reach = np.where(possible, critical, 0) + _REACH
    return np.where(possible, reach * (spread / sqrt(queries)), np.inf)


@dataclass(frozen=True, eq=False)
class Design:
    """What a set of judged queries taught about some measures, to plan a larger set with.

    ``means`` are the observed means, ``drawn`` the same over resamples, ``critical`` how many
    standard errors another measure must be better by to rule one out.
    """

    means: Float64[Array, " m"]
    drawn: Float64[Array, "draws m"]
    differences: Differences
    critical: Float64[Array, " m"]

    def settles(
        self, queries: float, tolerance: float, trials: int = TRIALS
    ) -> Bool[Array, " trials"]:
        """Whether so many fresh queries would settle the question, trial by trial.

        Each trial takes the truth from one resample (shrunk, for differences that are still open
        look larger than they are), the fresh set's error from another, and a spread of the
        differences as far from the observed one as chance may put it; and asks as the verdict
        does: is one measure left, or could a difference of ``tolerance`` among those left have
        been seen?
        """
        held = self.differences.queries
        gaps = self._true_gaps[:trials]
        error = (self.drawn[-len(gaps) :] - self.means) * sqrt(held / queries)
        means = error[::-1] - gaps
        off = self.differences.doubt * sqrt(1 / held + 1 / queries)
        shocks = _shocks(len(gaps))
        at_once = max(1, CELLS // max(1, self.differences.spread.size))

        def settled(means: Array, shocks: Array) -> Array:
            spread = self.differences.spread * np.exp(shocks[:, None, None] * off / 2)
            lead = (means[:, None, :] - means[:, :, None]) * sqrt(queries)
            left = (lead <= self.critical[:, None] * spread).all(axis=2)
            to_best = spread[np.arange(len(means)), means.argmax(axis=1)]
            seen = smallest_detectable(to_best, self.critical, queries) <= tolerance
            return (left.sum(axis=1) == 1) | (seen | ~left).all(axis=1)

        starts = range(0, len(gaps), at_once)
        return np.concatenate(
            [settled(means[i : i + at_once], shocks[i : i + at_once]) for i in starts]
        )

    @cached_property
    def _true_gaps(self) -> Float64[Array, "draws m"]:
        """How far each measure may truly be behind the best.

        The observed gap, ``t`` standard errors wide, keeps the share ``1 - 1/t^2`` of itself
        and of its variance, or nothing (James and Stein 1961).
        """
        best = int(self.means.argmax())
        gaps = self.means[best] - self.means
        error = self.differences.spread[best] / sqrt(self.differences.queries)
        apart = np.divide(error, gaps, out=np.ones_like(gaps), where=gaps > 0)
        kept = np.maximum(1 - apart**2, 0)
        drawn = self.drawn[:, [best]] - self.drawn
        return kept * gaps + np.sqrt(kept) * (drawn - gaps)

    def needed(self, tolerance: float) -> int | None:
        """How many queries in all would settle the question in 80 sets of 100; None above a cap.

        >>> rng = np.random.default_rng(0)
        >>> values = rng.random(200) + np.array([[0.02], [0.0]]) * rng.standard_normal((2, 200))
        >>> drawn = values.mean(axis=1) + 0.002 * rng.standard_normal((4000, 2))
        >>> differences = Differences.of(values)
        >>> design = Design(values.mean(axis=1), drawn, differences, np.array([2.0, 2.0]))
        >>> 400 < design.needed(tolerance=0.001) < 4000
        True
        """
        if not self.differences.spread.any():
            return None
        fewest = self.differences.queries + 1
        first, last = 0, ceil(log(CAP / fewest) / log(STEP))
        while first < last:
            middle = (first + last) // 2
            if self.settles(fewest * STEP**middle, tolerance).mean() >= POWER:
                last = middle
            else:
                first = middle + 1
        needed = round(fewest * STEP**first)
        return needed if needed <= CAP else None


def _shocks(trials: int) -> Float64[Array, " trials"]:
    """Standard normal numbers, evenly spread, in a fixed order that follows nothing else."""
    normal = NormalDist()
    even = [normal.inv_cdf((i + 0.5) / trials) for i in range(trials)]
    return np.random.default_rng(0).permutation(even)


def planning_critical(critical: Float64[Array, " m"]) -> Float64[Array, " m"]:
    """Critical values for a larger set: at most Bonferroni's normal one.

    Those of a small set are larger, or infinite, for want of queries alone.
    """
    others = max(len(critical) - 1, 1)
    return np.minimum(critical, NormalDist().inv_cdf(1 - 0.05 / (2 * others)))


LEAST = 0.02
"""No chance is smaller: a rare pair that is drawn would stand for too many."""


def inclusion_chances(
    size: Float64[Array, " n"], count: int, *, least: float = LEAST
) -> Float64[Array, " n"]:
    """Give chances proportional to size that sum to ``count``, none above 1, none below ``least``.

    Sizes in proportion to what each adds to a sum make the estimate of that sum steady (Hansen
    and Hurwitz 1943). What would exceed 1 is certain, and the rest share what is left.

    Raises ``TooFewError`` if there are fewer than ``count``, or ``count`` cannot hold the least
    chances.

    >>> inclusion_chances(np.array([8.0, 1.0, 1.0, 0.0]), 2).round(2).tolist()
    [1.0, 0.49, 0.49, 0.02]
    """
    n = len(size)
    if not least * n <= count <= n:
        raise TooFewError(
            f"{count} of {n} cannot be drawn with a chance of at least {least:g} each: ask for "
            f"{int(np.ceil(least * n))} to {n}"
        )
    chances = np.full(n, least)
    free = np.ones(n, dtype=bool)
    size = np.where(size.any(), size, 1.0)
    while True:
        left = count - np.where(free, 0.0, chances).sum()
        total = size[free].sum()
        share = size[free] * left / total if total > 0 else np.full(free.sum(), left / free.sum())
        off = (share > 1) | (share < least)
        chances[free] = np.clip(share, least, 1)
        if not off.any():
            return chances
        # Settle the side that is further off first, so that the other may still move.
        too_large = np.maximum(share - 1, 0).sum() >= np.maximum(least - share, 0).sum()
        settled = np.flatnonzero(free)[(share > 1) if too_large else (share < least)]
        chances[settled] = 1.0 if too_large else least
        free[settled] = False
        if not free.any():
            return chances


def systematic(chances: Float64[Array, " n"], rng: np.random.Generator) -> Int64[Array, " drawn"]:
    """Draw with exactly these chances, and one more or less than their sum at most.

    Along a line on which each takes as much room as its chance, every whole step from a random
    start draws what it falls on (Madow 1949). Neighbours on the line keep each other out, so that
    every stretch of it gets its share: put what is alike side by side, and what has no order in a
    random one.

    >>> systematic(np.array([1.0, 0.5, 0.5]), np.random.default_rng(0)).tolist()
    [0, 2]
    """
    ends = np.cumsum(chances)
    total = round(float(ends[-1]), 9) if len(ends) else 0.0
    steps = np.arange(rng.random(), total, 1.0)
    return np.searchsorted(ends, steps, side="right").clip(max=len(ends) - 1).astype(np.int64)
