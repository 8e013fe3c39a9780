"""Paired randomisation tests by sign flips, and Holm's correction.

Would the differences look like this if their signs were chance?
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, nan, sqrt

import numpy as np

from anglewise.data_types.typing import Array, Bool, Float64, Int64, Map, UInt8
from anglewise.statistics.differences import Differences
from anglewise.statistics.resampling import CELLS, UNIT, ExactSums, all_flips, blocks, random_flips

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
        """The measures that are not ruled out; the best is among them in 95 sets of 100.

        As long as differences of equally good measures might as well have the other sign.
        """
        return self.p_best > LEVEL


def sign_flips(
    values: Float64[Array, "m q"], *, flips: int = 0, seed: int = 0, map_: Map = map
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
        ``measures x queries``. A measure with a value that is not finite is not tested: its
        p-values are NaN, and it rules out none of the others.
    flips
        Random patterns; by default 10,000, more when there are so many pairs of measures that
        no p-value could stay small after Holm.

    Examples
    --------
    >>> sign_flips(np.array([[0.5, 0.4, 0.6], [0.1, 0.2, 0.5]])).p.tolist()
    [[1.0, 0.25], [0.25, 1.0]]
    """
    defined = np.isfinite(values).all(axis=1)
    if 0 < np.count_nonzero(defined) < len(values):
        tested = sign_flips(values[defined], flips=flips, seed=seed, map_=map_)
        return _with_untested(tested, np.flatnonzero(defined), len(values))
    measures, queries = values.shape
    exact = queries <= EXACT_UP_TO
    due = flips or max(10_000, 100 * measures * (measures - 1))
    test = _Test.of(values)

    def drawn(units: range) -> _Reached:
        return test(random_flips(seed, units, queries))

    parts: Iterator[_Reached] = (
        map(test, _all(queries, measures))
        if exact
        else iter(map_(drawn, blocks(due, max(queries, measures**2))))
    )
    patterns = 1 << (queries - 1) if exact else UNIT * -(-due // UNIT)
    itself = 0 if exact else 1  # all patterns hold the observed one, random ones do not
    tried = patterns + itself
    allowed = int(LEVEL * tried)
    reached, beaten = np.zeros((measures, measures), np.int64), np.zeros(measures, np.int64)
    highest = _Highest(allowed, measures)
    for part in parts:  # not kept: of 100 measures all of them together weigh 80 GB
        reached += part.reached
        beaten += (part.largest >= test.worst).sum(axis=0)
        highest.add(part.largest)
    return SignFlips(
        p=(reached + itself) / tried,
        p_best=(beaten + itself) / tried,
        critical=_critical(highest.last(), measures, queries),
        patterns=patterns,
        exact=exact,
    )


def _with_untested(tested: SignFlips, rows: Int64[Array, " some"], measures: int) -> SignFlips:
    """The tests of some measures, as rows of a table of all."""
    p, p_best = np.full((measures, measures), nan), np.full(measures, nan)
    critical = np.full(measures, inf)
    p[np.ix_(rows, rows)], p_best[rows], critical[rows] = tested.p, tested.p_best, tested.critical
    return replace(tested, p=p, p_best=p_best, critical=critical)


class _Highest:
    """The highest ``count`` numbers of each column of a table that comes in parts."""

    def __init__(self, count: int, columns: int) -> None:
        self.count, self.rows = count, 0
        self.parts: list[Array] = [np.empty((0, columns))]

    def add(self, part: Float64[Array, "rows m"]) -> None:
        """Take some more rows in; what cannot be among the highest any more is dropped."""
        self.parts.append(part)
        self.rows += len(part)
        if self.rows > 2 * self.count + CELLS // part.shape[1]:
            self._drop()

    def last(self) -> Float64[Array, " m"] | None:
        """The lowest of the highest; None where none were to be kept."""
        if not self.count:
            return None
        self._drop()
        return self.parts[0].min(axis=0)

    def _drop(self) -> None:
        both = np.concatenate(self.parts)
        self.parts.clear()
        if len(both) > self.count:
            both.partition(len(both) - self.count - 1, axis=0)
            both = both[len(both) - self.count :].copy()
        self.parts, self.rows = [both], len(both)


@dataclass(frozen=True, eq=False)
class _Reached:
    """How many patterns reached each pair's difference; each measure's largest, by pattern."""

    reached: Int64[Array, "m m"]
    largest: Float64[Array, "draws m"]


@dataclass(frozen=True, eq=False)
class _Test:
    """The observed differences, in whole units; called with flips, what these make of them."""

    sums: ExactSums
    total: Float64[Array, " m"]
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
        return cls(sums, sums.whole.sum(axis=0), np.abs(observed.total) - slack, scale, worst)

    def __call__(self, flips: UInt8[Array, "draws q"]) -> _Reached:
        # to flip the signs of some takes twice their sum away: whole numbers, and so exact
        sums = self.total - 2 * self.sums(flips)
        lead = np.abs(sums[:, :, None] - sums[:, None, :])
        reached = (lead >= self.reach).sum(axis=0)
        lead *= self.scale
        return _Reached(reached, lead.max(axis=2))


def _all(queries: int, measures: int) -> Iterator[Array]:
    patterns = all_flips(queries)
    at_once = max(1, CELLS // max(queries, measures**2))
    return (patterns[i : i + at_once] for i in range(0, len(patterns), at_once))


def _critical(
    largest: Float64[Array, " m"] | None, measures: int, queries: int
) -> Float64[Array, " m"]:
    """From sums over their root sum of squares to Student's t, a growing function of them."""
    if largest is None:
        return np.full(measures, inf)
    ends = np.minimum(largest, sqrt(queries))
    with np.errstate(divide="ignore"):
        scale = np.sqrt((queries - 1) / (queries - ends**2))
    return np.asarray(ends * scale, dtype=np.float64)


def holm(p: Float64[Array, " tests"]) -> Float64[Array, " tests"]:
    """Adjust p-values so that the chance of any false alarm among them is at most the level.

    Step-down: the ``i``-th smallest of ``n`` is multiplied by ``n - i + 1``, and none is smaller
    than one before it (Holm 1979). NaN is no test and stays.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = np.count_nonzero(~np.isnan(p)) - np.arange(len(p))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return adjusted
