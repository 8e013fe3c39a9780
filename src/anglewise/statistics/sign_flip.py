"""Paired randomisation tests by sign flips, and Holm's correction.

Would the differences look like this if their signs were chance?
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from anglewise.core.typing import Array, Bool, Float64, Int, Int64, Map, serial
from anglewise.statistics.resampling import (
    CELLS,
    Differences,
    ExactSums,
    all_signs,
    blocks,
    random_signs,
)

EXACT_UP_TO = 14
"""Queries up to which every pattern of signs is tried."""
LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class SignFlips:
    """What the sign-flip tests of some measures on the same queries found.

    Attributes
    ----------
    p
        ``m x m``: two-sided p-value of each pair of measures, 1 on the diagonal.
    p_best
        For each measure, the p-value of "this one is the best": small where some other beats it
        by more than chance would let the largest of all its differences be.
    critical
        For each measure, how many standard errors another must be better by to rule it out at
        95%; infinite where so few queries cannot rule out anything.
    patterns
        How many patterns of signs were tried.
    exact
        Whether these were all there are.
    """

    p: Float64[Array, "m m"]
    p_best: Float64[Array, " m"]
    critical: Float64[Array, " m"]
    patterns: int
    exact: bool

    @property
    def may_be_best(self) -> Bool[Array, " m"]:
        """The measures that are not ruled out; the best is among them in 95 sets of 100."""
        return self.p_best > LEVEL


def sign_flips(
    values: Float64[Array, "m q"], *, flips: int = 0, seed: int = 0, map_: Map = serial
) -> SignFlips:
    """Test every pair of measures, and of each measure whether it may be the best.

    If two measures were equally good, each query's difference could as well have had the other
    sign. Patterns of signs, shared by all measures, tell how large a mean difference that gives;
    ``p = (r + 1) / (n + 1)`` when ``r`` of ``n`` random patterns reach the observed one (Phipson
    and Smyth 2010), or the plain share of all ``2^q`` patterns for up to 14 queries.

    Whether a measure may be the best is judged by the largest of its differences to all others,
    each over its standard error, against what patterns of signs make of that largest one:
    multiple comparisons with the best (Hsu 1984) by joint randomisation. Two-sided, so that of
    two equal measures one is ruled out in one set of twenty, not in two.

    Parameters
    ----------
    values
        ``measures x queries``.
    flips
        Random patterns; by default 10,000, more when there are so many pairs of measures that
        no p-value could stay small after Holm.

    Examples
    --------
    >>> sign_flips(np.array([[0.5, 0.4, 0.6], [0.1, 0.2, 0.5]])).p.tolist()
    [[1.0, 0.25], [0.25, 1.0]]
    """
    measures, queries = values.shape
    exact = queries <= EXACT_UP_TO
    due = flips or max(10_000, 100 * measures * (measures - 1))
    test = _Test.of(values)

    def drawn(units: range) -> _Reached:
        return test(random_signs(seed, units, queries))

    parts: list[_Reached] = (
        [test(signs) for signs in _all(queries, measures)]
        if exact
        else list(map_(drawn, blocks(due, max(queries, measures**2))))
    )
    spread = np.sort(np.concatenate([part.largest for part in parts]), axis=0)
    itself = 0 if exact else 1  # all patterns hold the observed one, random ones do not
    tried = len(spread) + itself
    beaten = (spread >= test.worst).sum(axis=0)
    return SignFlips(
        p=(np.sum([part.reached for part in parts], axis=0) + itself) / tried,
        p_best=(beaten + itself) / tried,
        critical=_critical(spread, int(LEVEL * tried), queries),
        patterns=len(spread),
        exact=exact,
    )


@dataclass(frozen=True, eq=False)
class _Reached:
    """How many patterns reached each pair's difference; each measure's largest, by pattern."""

    reached: Int64[Array, "m m"]
    largest: Float64[Array, "draws m"]


@dataclass(frozen=True, eq=False)
class _Test:
    """The observed differences, in whole units; called with signs, what these make of them."""

    sums: ExactSums
    reach: Float64[Array, "m m"]
    scale: Float64[Array, "m m"]
    worst: Float64[Array, " m"]

    @classmethod
    def of(cls, values: Float64[Array, "m q"]) -> "_Test":
        sums = ExactSums.of(values)
        observed = Differences.of(np.ascontiguousarray(sums.whole.T))
        # Rounding to whole units may part sums that are equal: up to one unit a query and side.
        slack = 2 * observed.queries
        root = np.sqrt(observed.squares)
        scale = np.divide(1, root, out=np.zeros_like(root), where=root > 0)
        worst = ((observed.total - slack) * scale).max(axis=0)
        return cls(sums, np.abs(observed.total) - slack, scale, worst)

    def __call__(self, signs: Int[Array, "draws q"]) -> _Reached:
        sums = self.sums(signs)
        lead = np.abs(sums[:, :, None] - sums[:, None, :])
        reached = (lead >= self.reach).sum(axis=0)
        lead *= self.scale
        return _Reached(reached, lead.max(axis=2))


def _all(queries: int, measures: int) -> Iterator[Array]:
    patterns = all_signs(queries)
    at_once = max(1, CELLS // max(queries, measures**2))
    return (patterns[i : i + at_once] for i in range(0, len(patterns), at_once))


def _critical(spread: Array, allowed: int, queries: int) -> Float64[Array, " m"]:
    """From sums over their root sum of squares to Student's t, a growing function of them."""
    if not allowed:
        return np.full_like(spread[0], inf)
    ends = np.minimum(spread[-allowed], sqrt(queries))
    with np.errstate(divide="ignore"):
        scale = np.sqrt((queries - 1) / (queries - ends**2))
    return np.asarray(ends * scale, dtype=np.float64)


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
