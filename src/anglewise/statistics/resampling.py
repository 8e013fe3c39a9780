"""Bootstrap: shared draws, exact sums, clusters, BCa intervals, paired differences.

Where queries come in groups, chance is over whole groups, never over their queries.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import exp, factorial, frexp, sqrt
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from anglewise.data_types.any_order import mean, totals_of
from anglewise.data_types.typing import Array, Float64, Int, Int64, Map, Shaped, UInt8

UNIT = 16
"""Draws that share one seed. Blocks are whole units, so that their size changes nothing."""
CELLS = 1 << 20
"""Numbers that one block may hold."""

_RESAMPLES, _SIGNS = 0, 1


def blocks(draws: int, queries: int) -> Iterator[range]:
    """The units needed for some draws, in blocks that fit into a few megabytes.

    >>> [len(block) for block in blocks(100_000, 1000)][:3]
    [65, 65, 65]
    """
    units = -(-draws // UNIT)
    at_once = max(1, CELLS // (UNIT * queries))
    return (range(i, min(i + at_once, units)) for i in range(0, units, at_once))


def resample_counts(seed: int, units: range, queries: int) -> Int[Array, "draws q"]:
    """How often each query comes in each resample of as many queries, drawn with replacement.

    Rows are multinomial. Most of a row is made of independent Poisson counts, looked up from 16
    random bits each (so their odds are exact to 1 in 65,536), a little too few of them on
    purpose; the rest is drawn query by query. A Poisson row given its total is multinomial, so
    the two parts make the whole, four times as fast as drawing every query.

    >>> resample_counts(0, range(2), 50).sum(axis=1)[:3]
    array([50, 50, 50])
    """
    return np.concatenate([_unit_counts(_source(seed, _RESAMPLES, u), queries) for u in units])


def random_flips(seed: int, units: range, queries: int) -> UInt8[Array, "draws q"]:
    """Which signs are flipped, of each query in each draw: 1 where they are, by a fair coin.

    >>> sorted(set(random_flips(0, range(1), 50).ravel().tolist()))
    [0, 1]
    """
    flips = list[Array]()
    for unit in units:
        words = _source(seed, _SIGNS, unit).bit_generator.random_raw(-(-UNIT * queries // 64))
        flips.append(np.unpackbits(words.view(np.uint8), count=UNIT * queries))
    return np.concatenate(flips).reshape(-1, queries)


def all_flips(queries: int) -> UInt8[Array, "draws q"]:
    """Every pattern of flips that leaves the first sign; the others are their opposites.

    >>> all_flips(3).tolist()
    [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]]
    """
    patterns = np.arange(1 << (queries - 1))[:, None] >> np.arange(queries - 1, -1, -1)
    return (patterns & 1).astype(np.uint8)


def _source(seed: int, kind: int, unit: int) -> np.random.Generator:
    # The same as the unit-th child that SeedSequence.spawn would make, without making the others.
    child = np.random.SeedSequence(seed, spawn_key=(kind, unit))
    return np.random.Generator(np.random.SFC64(child))


def _unit_counts(rng: np.random.Generator, queries: int) -> Array:
    counts = _poisson_counts(rng, queries)
    totals = counts.sum(axis=1, dtype=np.int64)
    over = totals > queries
    counts[over] = 0  # about one row in 30,000 came out too full: it is drawn query by query
    short = np.where(over, queries, queries - totals)
    first = np.repeat(np.arange(UNIT) * queries, short)
    np.add.at(counts.reshape(-1), first + rng.integers(queries, size=len(first)), np.int8(1))
    return counts


def _poisson_counts(rng: np.random.Generator, queries: int) -> Array:
    rate = 1 - 4 / sqrt(queries)
    if rate <= 0:
        return np.zeros((UNIT, queries), dtype=np.int8)
    words = rng.bit_generator.random_raw(-(-UNIT * queries // 4))
    cells = words.view(np.uint16)[: UNIT * queries]
    return _poisson_table(rate).take(cells, mode="clip").reshape(UNIT, queries)


@lru_cache(maxsize=1)
def _poisson_table(rate: float) -> Array:
    odds = np.cumsum([exp(-rate) * rate**k / factorial(k) for k in range(16)])
    return np.searchsorted(odds, (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.int8)


BITS = 52
TILE = 1 << 18
"""Products in one call of BLAS: few enough that it starts no threads of its own, which cost more
than they bring for tables this narrow, and most where others work at the same time."""
ROWS = 32


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

    def __call__(self, weights: Shaped[Array, "draws q"]) -> Float64[Array, "draws m"]:
        """The sum of each measure in each draw, weighted by whole numbers, in units."""
        queries, columns = self.whole.shape
        sums = np.zeros((len(weights), columns))
        length = max(64, TILE // (ROWS * columns))
        tile = np.empty(ROWS * min(length, queries))  # taken anew, it would cost as much again
        for top in range(0, len(weights), ROWS):
            rows = slice(top, top + ROWS)
            for start in range(0, queries, length):
                part = slice(start, start + length)
                wide = tile[: weights[rows, part].size].reshape(weights[rows, part].shape)
                wide[...] = weights[rows, part]
                sums[rows] += wide @ self.whole[part]
        return sums


Statistic: TypeAlias = Callable[[Array], Array]
"""From resample counts, ``draws x queries``, to its values, ``draws x columns``."""


@dataclass(frozen=True, eq=False)
class Means:
    """The mean of each column over the queries of a resample.

    >>> Means(np.array([[1.0, 3.0]]))(np.array([[2, 0], [1, 1]])).tolist()
    [[1.0], [2.0]]
    """

    values: Float64[Array, "m q"]

    def __call__(self, counts: Int[Array, "draws q"]) -> Float64[Array, "draws m"]:
        """The same to the last bit, whatever the block."""
        return self.sums(counts) * (self.sums.unit / self.values.shape[1])

    @cached_property
    def sums(self) -> ExactSums:
        """The values, made ready."""
        return ExactSums.of(self.values)


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which columns stand and fall together, and what each of them weighs.

    Where every column is a cluster of its own and weighs 1, everything here gives its values back,
    to the bit.

    Attributes
    ----------
    of
        The number of each column's cluster, from 0.
    weights
        What each column counts in a mean; 1 each if not given.
    unseen
        The most that a cluster may weigh that is not among them; that of the heaviest if not given.

    Examples
    --------
    >>> clusters = Clusters(np.array([0, 0, 1]))
    >>> len(clusters), clusters.sizes.tolist(), clusters.largest
    (2, [2, 1], 2.0)
    >>> clusters.scaled(np.array([[1.0, 2.0, 4.0]])).round(2).tolist()
    [[2.0, 2.67]]
    >>> Clusters(np.arange(2), np.array([0.5, 1.5])).mean(np.array([[1.0, 0.0]])).tolist()
    [0.25]
    """

    of: Int64[Array, " q"]
    weights: Float64[Array, " q"] | None = None
    unseen: float | None = None

    @classmethod
    def each(cls, columns: int, order: Int64[Array, " q"] | None = None) -> "Clusters":
        """Every column for itself, numbered by its place in an ``order``, or where it stands.

        What is drawn belongs to a number: with the order of the ids to an id, wherever it stands.

        >>> Clusters.each(3).of.tolist(), Clusters.each(2, np.array([1, 0])).of.tolist()
        ([0, 1, 2], [1, 0])
        """
        return cls(np.arange(columns, dtype=np.int64) if order is None else order)

    @classmethod
    def named(cls, names: Array) -> "Clusters":
        """Columns of one name together, numbered as they first come.

        >>> Clusters.named(np.array(["b", "a", "b"])).of.tolist()
        [0, 1, 0]
        """
        _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
        numbers = np.empty(len(first), dtype=np.int64)
        numbers[np.argsort(first)] = np.arange(len(first))
        return cls(numbers[inverse.ravel()])

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def sizes(self) -> Int64[Array, " clusters"] | Float64[Array, " clusters"]:
        """How many columns each cluster has, or what they weigh together."""
        if self.weights is None:
            return np.bincount(self.of)
        return totals_of(self.of, self.weights, 1 + int(self.of.max()))

    @cached_property
    def of_one(self) -> bool:
        """Whether each cluster is one column."""
        return bool((np.bincount(self.of) == 1).all())

    @property
    def largest(self) -> float:
        """The size that a cluster which is not among them may have."""
        return float(self.sizes.max()) if self.unseen is None else self.unseen

    @property
    def relative_largest(self) -> float:
        """The same over the mean size."""
        return self.largest * len(self) / float(self.sizes.sum())

    def take(self, columns: Int64[Array, " some"]) -> "Clusters":
        """The clusters of some columns, in their order; others may still be as large as before."""
        weights = None if self.weights is None else self.weights[columns]
        of = np.unique(self.of[columns], return_inverse=True)[1].ravel()
        return Clusters(of, weights, self.largest)

    def sums(self, values: Float64[Array, "m q"]) -> Float64[Array, "m clusters"]:
        """The sum of each cluster's values, each times its weight."""
        values = values if self.weights is None else values * self.weights
        if self.of_one:
            return values[:, np.argsort(self.of)]
        return np.array([totals_of(self.of, row, len(self)) for row in values])

    def mean(self, values: Float64[Array, "m q"]) -> Float64[Array, " m"]:
        """The mean of each row over columns, by their weights."""
        if self.weights is None:
            return mean(values)
        return mean(values, self.weights)

    def scaled(self, values: Float64[Array, "m q"]) -> Float64[Array, "m clusters"]:
        """The sums, scaled so that their mean over clusters is the mean over columns, by weight.

        They are what sign flips turn: if two measures are interchangeable, so are the signs of
        their differences' sums, whatever goes on within a cluster.
        """
        return self.sums(values) * (len(self) / float(self.sizes.sum()))

    def influence(self, values: Float64[Array, "m q"]) -> Float64[Array, "m clusters"]:
        """What each cluster adds to the mean over columns, which is also their mean.

        The mean is a ratio, ``sum s_u / sum n_u`` of sums and sizes, and this is its linear part,
        ``(s_u - n_u R) U / n + R`` with ``R`` the mean and ``U`` clusters: large ones with an
        ordinary mean add nothing unusual (Cochran, Sampling Techniques, 1977, section 6.4).
        """
        more = self.sizes * (len(self) / float(self.sizes.sum())) - 1
        return self.scaled(values) - self.mean(values)[:, None] * more

    def means(self, values: Float64[Array, "m q"]) -> Statistic:
        """The means over columns, as a statistic of how often each cluster was drawn."""
        if self.of_one and self.weights is None:
            return Means(self.sums(values))
        return _ClusterMeans(self.sums(values), self.sizes)


@dataclass(frozen=True, eq=False)
class _ClusterMeans:
    """Sums over the clusters of a resample, by the sizes of these."""

    totals: Float64[Array, "m clusters"]
    sizes: Int64[Array, " clusters"] | Float64[Array, " clusters"]

    def __call__(self, counts: Int[Array, "draws clusters"]) -> Float64[Array, "draws m"]:
        sums, sizes = self.ready
        return sums(counts) * (sums.unit / (sizes(counts)[:, 0] * sizes.unit))[:, None]

    @cached_property
    def ready(self) -> tuple[ExactSums, ExactSums]:
        """Sums and sizes, made ready."""
        return ExactSums.of(self.totals), ExactSums.of(self.sizes[None].astype(np.float64))


def bootstrap(
    statistic: Statistic,
    queries: int,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    map_: Map = map,
) -> Float64[Array, "draws m"]:
    """Give the values of a statistic over resamples of the queries (Efron 1979).

    Every column sees the same resamples, so differences of columns are paired. The same seed
    gives the same bytes whatever ``map_`` spreads the work.

    >>> values = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 1.0]])
    >>> drawn = bootstrap(Means(values), 4, resamples=1000)
    >>> drawn.shape, bool((drawn[:, 0] <= drawn[:, 1]).all())
    ((1000, 2), True)
    """
    drawn = map_(
        lambda units: statistic(resample_counts(seed, units, queries)), blocks(resamples, queries)
    )
    return np.concatenate(list(drawn))[:resamples]


LEVEL = 0.95
ROUNDING = 1e-9
"""Of a figure's size; resamples that differ by less are said to be equal."""


def bca(
    drawn: Float64[Array, "draws m"],
    estimate: Float64[Array, " m"],
    influence: Float64[Array, "m q"],
) -> Float64[Array, "m 2"]:
    """Bias-corrected and accelerated 95% intervals, one a column (Efron 1987).

    The nominal tails are those of ``sqrt(n / (n - 1)) t`` with ``t`` Student's quantile for ``n``
    queries, not the normal ones: resamples of few queries spread too little (Hesterberg 2015).
    Both ends are NaN where resamples differ by no more than rounding, or the ends do: how far a
    figure may be off cannot be learnt from what never varies.

    Parameters
    ----------
    drawn
        The statistic over resamples.
    estimate
        The statistic over the queries as they are.
    influence
        What each query adds to the statistic, up to a constant: for a mean the values themselves.
        Its skewness is the acceleration, ``sum u^3 / (6 (sum u^2)^1.5)`` with ``u`` centred.

    Examples
    --------
    >>> values = np.array([[0.0, 0.0, 0.0, 1.0] * 25])
    >>> bca(bootstrap(Means(values), 100), values.mean(axis=1), values).round(2)
    array([[0.17, 0.34]])
    >>> bca(np.ones((9, 1)), np.ones(1), np.ones((1, 100)))
    array([[nan, nan]])
    """
    from scipy.special import stdtrit

    centred = influence - influence.mean(axis=1, keepdims=True)
    spread = (centred**2).sum(axis=1)
    skew = np.divide(
        (centred**3).sum(axis=1), 6 * spread**1.5, out=np.zeros(len(spread)), where=spread > 0
    )
    below = (drawn < estimate).mean(axis=0) + 0.5 * (drawn == estimate).mean(axis=0)
    queries = influence.shape[1]
    freedom = max(queries - 1, 1)
    tail = float(stdtrit(freedom, (1 + LEVEL) / 2)) * sqrt(queries / freedom)
    ends = np.array(
        [
            np.quantile(column, _levels(float(share), float(acceleration), tail, len(column)))
            for column, share, acceleration in zip(drawn.T, below, skew, strict=True)
        ]
    )
    noise = rounding_of(drawn)
    varies = (np.ptp(drawn, axis=0) > noise) & (ends[:, 1] - ends[:, 0] > noise)
    return np.where(varies[:, None], ends, np.nan)


def rounding_of(drawn: Float64[Array, "draws m"]) -> Float64[Array, " m"]:
    """By how much figures may differ over resamples from rounding alone.

    >>> rounding_of(np.array([[0.5, 20.0]])).tolist()
    [1e-09, 2e-08]
    """
    return ROUNDING * np.maximum(np.abs(drawn).max(axis=0), 1.0)


def _levels(below: float, acceleration: float, tail: float, draws: int) -> list[float]:
    normal = NormalDist()
    shift = normal.inv_cdf(min(max(below, 1 / (draws + 1)), draws / (draws + 1)))
    # Beyond the pole of the formula, which only a handful of very skewed queries reach, the end
    # is the outermost resample.
    low, high = (z / max(1 - acceleration * z, 1e-3) for z in (shift - tail, shift + tail))
    return [normal.cdf(shift + low), normal.cdf(shift + high)]


def best_probability(drawn: Float64[Array, "draws m"]) -> Float64[Array, " m"]:
    """Give the share of resamples in which each measure has the largest value; ties are split.

    What is undefined (NaN) is never the largest, and has no share where it always is.

    >>> import numpy as np
    >>> best_probability(np.array([[1.0, 1.0], [0.0, 2.0]])).tolist()
    [0.25, 0.75]
    """
    defined = ~np.isnan(drawn)
    top = drawn == np.where(defined, drawn, -np.inf).max(axis=1, keepdims=True)
    share = (top / np.maximum(top.sum(axis=1, keepdims=True), 1)).mean(axis=0)
    return np.where(defined.any(axis=0), share, np.nan)
