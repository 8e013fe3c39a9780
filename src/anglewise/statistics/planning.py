"""Plan a validation set: how many queries would show a lead, chances of being drawn."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import TooFewError
from anglewise.statistics.decision import LEVEL

POWER = 0.80
POWER_OF_TIE = 0.85
CAP = 1_000_000_000
"""Nobody judges more queries than this."""
_HALVINGS = 40


@dataclass(frozen=True)
class Lead:
    """What some queries taught about the lead of one measure over another, to plan more with.

    The bound of the decision rule is taken from moments alone, as ``low_end`` does.

    Attributes
    ----------
    mean, spread, skew
        Of the differences over queries: mean, standard deviation, third central moment.
    queries
        How many there are.
    largest
        The largest difference that a query of a kind not seen may have.
    """

    mean: float
    spread: float
    skew: float
    queries: int
    largest: float = 1.0

    @classmethod
    def of(cls, differences: Float64[Array, " q"], *, largest: float = 1.0) -> "Lead":
        """Take it from the difference on each query.

        >>> Lead.of(np.array([0.0, 0.2]))
        Lead(mean=0.1, spread=0.1, skew=0.0, queries=2, largest=1.0)
        """
        mean = float(differences.mean())
        centred = differences - mean
        skew = float((centred**3).mean())
        return cls(mean, float(centred.std()), skew, len(differences), largest)

    @property
    def shrunk(self) -> float:
        """The lead less half a standard error, as leads that are still open look too large."""
        return self.mean - self.spread / (2 * sqrt(self.queries))

    def to_show(self, true: float, *, power: float = POWER, level: float = LEVEL) -> int | None:
        """Give how many more queries show a lead of ``true``; None beyond a thousand million.

        >>> Lead.of(np.tile([0.0, 0.1], 50)).to_show(0.05)
        0
        >>> Lead.of(np.tile([-0.4, 0.5], 50)).to_show(0.05)
        444
        """
        low, high = self.queries, self.queries
        while not self._shows(high, true, power, level):
            low, high = high, 2 * high
            if high > CAP:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            shown = self._shows(middle, true, power, level)
            low, high = (low, middle) if shown else (middle, high)
        return high - self.queries

    def to_show_tie(self, least: float, rivals: int = 1) -> int | None:
        """Give how many more queries show that no lead matters, if all of ``rivals`` are equal."""
        mirrored = Lead(-self.mean, self.spread, -self.skew, self.queries, self.largest)
        return mirrored.to_show(least, power=1 - (1 - POWER_OF_TIE) / rivals)

    def detectable(self, queries: int, *, power: float = POWER, level: float = LEVEL) -> float:
        """Give the true lead that so many queries show; infinite where they can show none.

        >>> lead = Lead.of(np.tile([-0.4, 0.5], 50))
        >>> round(lead.detectable(2116), 3), round(lead.detectable(100), 2)
        (0.025, 0.12)
        """
        low, high = 0.0, 2 * self.largest
        if not self._shows(queries, high, power, level):
            return float("inf")
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            shown = self._shows(queries, middle, power, level)
            low, high = (low, middle) if shown else (middle, high)
        return high if high <= 1 else float("inf")  # no mean in [0, 1] leads by more

    def chance(self, queries: int, true: float, *, level: float = LEVEL) -> float:
        """Give the chance that so many queries show a lead of ``true``.

        >>> lead = Lead.of(np.tile([-0.4, 0.5], 50))
        >>> round(lead.chance(2116, 0.05), 2), lead.chance(100, 0.0) < 0.05
        (1.0, True)
        """
        observed = self.detectable(queries, power=0.5, level=level)
        error = self.spread / sqrt(queries)
        if not error:
            return float(true >= observed)
        return NormalDist().cdf((true - observed) / error)

    def _shows(self, queries: int, true: float, power: float, level: float) -> bool:
        expected = true - NormalDist().inv_cdf(power) * self.spread / sqrt(queries)
        end = low_end(self.spread, self.skew, queries, expected, largest=self.largest, level=level)
        return end > 0


def low_end(
    spread: float,
    skew: float,
    queries: int,
    mean: float,
    *,
    largest: float = 1.0,
    level: float = LEVEL,
) -> float:
    """Give about the lower bound of a mean difference, from moments alone.

    ``spread`` and ``skew`` are the standard deviation and the third central moment of the
    differences, ``mean`` what is observed. The bound is a quantile of a sum
    under Dirichlet weights, here by the first terms of Cornish and Fisher.

    >>> round(low_end(0.2, 0.0, 400, 0.05), 3)
    0.03
    """
    centre = (queries * mean - largest) / (queries + 1)
    from_worst = largest + centre
    variance = (queries * spread**2 + from_worst**2) / (queries + 1) ** 2
    third = 2 * (queries * skew - from_worst**3) / (queries + 1) ** 3 / variance**1.5
    z = NormalDist().inv_cdf(level)
    return centre + sqrt(variance) * (z + (z * z - 1) / 6 * third)


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
