"""Estimate what people would say of all pairs from a machine's grades and some of people's.

A machine graded every pair of some queries, people those that were drawn with known chances. For
each query the estimator is the difference estimator of survey sampling (Särndal, Swensson and
Wretman 1992, chapter 6), which is that of prediction-powered inference (Angelopoulos and others
2023) for pairs drawn with unequal chances::

    D_q = sum_i w_i m_i  +  sum_(i drawn) w_i (y_i - m_i) / chance_i

over its pairs ``i``: ``w`` is what a grade of one adds to the figure, ``y`` the grade by people,
``m = a + l (f - mean f)`` what the machine's grade ``f`` predicts. The mean of the second sum is
that of the errors of the prediction, whatever they are, so that ``D_q`` is without bias for every
``m`` that was chosen without the draw of this query's pairs. Hence ``a`` and ``l`` are fitted on
the pairs of other queries (cross-fitting); ``l`` is the power tuning of PPI++ (Angelopoulos, Duchi
and Zrnic 2023), here so that the variance by the draw is least, and shrunk towards 0, where the
machine has no part, as far as chance might have brought it about.
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from anglewise.data_types.typing import Array, Bool, Float64, Int64

FOLDS = 5
"""Parts of the queries, each of which is predicted from the others."""
PRIOR = 4.0
"""As many pairs of mean weight say that the grade is 0 and the machine of no use."""

FEWEST_QUERIES = 20
"""Intervals of fewer queries were not held to anything."""
FEWEST_RELEVANT = 5
"""Queries in which people found something relevant on which the measures differ: with fewer,
intervals of any kind are too narrow."""


@dataclass(frozen=True, eq=False)
class DoublyGraded:
    """The pairs of some queries, graded by a machine and, where they were drawn, by people.

    Attributes
    ----------
    lists
        The number of each pair's query, from 0 to ``queries - 1``.
    weights
        What a grade of one adds to the figure of the query.
    machine, people
        Grades; those of people count only where the pair was drawn.
    drawn, chances
        Whether people graded a pair, and how likely it was to be drawn: above 0 wherever the
        weight is not 0, and independent of what happened to pairs of other queries.
    """

    lists: Int64[Array, " pairs"]
    weights: Float64[Array, " pairs"]
    machine: Float64[Array, " pairs"]
    people: Float64[Array, " pairs"]
    drawn: Bool[Array, " pairs"]
    chances: Float64[Array, " pairs"]
    queries: int

    def without_machine(self) -> "DoublyGraded":
        """The same draw, as if no machine had graded."""
        return replace(self, machine=np.zeros(len(self.machine)))

    def sums(self, values: Float64[Array, " pairs"]) -> Float64[Array, " queries"]:
        """Of each query the sum over its pairs."""
        sums = np.bincount(self.lists, values, minlength=self.queries)
        return sums.astype(np.float64, copy=False)

    def drawn_sums(self, values: Float64[Array, " pairs"]) -> Float64[Array, " queries"]:
        """Of each query the sum over all its pairs, estimated from those that were drawn."""
        return self.sums(
            np.divide(values, self.chances, out=np.zeros(len(values)), where=self.drawn)
        )


def predictions(graded: DoublyGraded, folds: Int64[Array, " queries"]) -> Float64[Array, " pairs"]:
    """What the machine's grade of each pair predicts, as fitted on the other folds of queries.

    Least squares, each drawn pair weighed by ``w^2 (1 - chance) / chance^2``: its part in the
    estimated variance by the draw, over its chance.
    """
    of_pair = folds[graded.lists]
    likely = np.where(graded.drawn, graded.chances, 1.0)
    parts = graded.weights**2 * (1 - likely) / likely**2
    spread = float(graded.machine.var())
    predicted = np.zeros(len(graded.lists))
    for fold in np.unique(folds):
        known = graded.drawn & (of_pair != fold) & (parts > 0)
        if known.any():
            here = of_pair == fold
            mean, slope, centre = _line(
                parts[known], graded.machine[known], graded.people[known], spread
            )
            predicted[here] = mean + slope * (graded.machine[here] - centre)
    return predicted


def _line(
    parts: Float64[Array, " known"],
    machine: Float64[Array, " known"],
    people: Float64[Array, " known"],
    spread: float,
) -> tuple[float, float, float]:
    """A line by weighted least squares, drawn towards none: its height, slope and centre."""
    parts = parts / parts.mean()
    total = parts.sum()
    centre, mean = parts @ machine / total, parts @ people / total
    height = float(mean * total / (total + PRIOR / 2))
    off = machine - centre
    square = float(parts @ off**2)
    if square <= 0 or spread <= 0:
        return height, 0.0, float(centre)
    slope = float(parts @ (off * (people - mean))) / square
    rest = people - mean - slope * off
    noise = float(((parts * off * rest) ** 2).sum()) / square**2
    shrunk = max(0.0, 1 - noise / slope**2) if slope else 0.0
    return height, slope * shrunk * square / (square + PRIOR * spread), float(centre)


def corrected(
    graded: DoublyGraded, predicted: Float64[Array, " pairs"]
) -> Float64[Array, " queries"]:
    """Of each query the figure that people would give it, without bias.

    >>> lists, one = np.array([0, 0]), np.ones(2)
    >>> halves = DoublyGraded(lists, one, one, 2 * one, np.array([True, False]), one / 2, 1)
    >>> corrected(halves, np.zeros(2)), corrected(halves, 2 * one)
    (array([4.]), array([4.]))
    """
    return graded.sums(graded.weights * predicted) + graded.drawn_sums(
        graded.weights * (graded.people - predicted)
    )


def draw_variance(graded: DoublyGraded, predicted: Float64[Array, " pairs"]) -> float:
    """The mean over queries of the variance that the draw of pairs adds to a corrected figure.

    Estimated as if pairs were drawn one apart from the other: a draw of a fixed number from each
    query adds less, if anything.
    """
    errors = (graded.weights * (graded.people - predicted)) ** 2
    likely = np.where(graded.drawn, graded.chances, 1.0)
    return float(graded.drawn_sums(errors * (1 - likely) / likely).mean())


def query_variance(
    graded: DoublyGraded,
    values: Float64[Array, " queries"],
    predicted: Float64[Array, " pairs"],
) -> float:
    """The variance over queries that figures have where people grade every pair; may be below 0."""
    return float(values.var(ddof=1)) - draw_variance(graded, predicted)


def too_few(pairs: DoublyGraded) -> str:
    """Why no interval is given, in words; empty where one is."""
    if pairs.queries < FEWEST_QUERIES:
        return f"{pairs.queries} queries are too few for an interval: {FEWEST_QUERIES} are due"
    good = pairs.drawn & (pairs.people > 0) & (pairs.weights != 0)
    found = len(np.unique(pairs.lists[good]))
    if found < FEWEST_RELEVANT:
        return (
            f"people found something relevant on which they differ in {found} of "
            f"{pairs.queries:,} queries: too few for an interval, {FEWEST_RELEVANT} are due, so "
            "draw more pairs of more queries"
        )
    return ""


def random_folds(
    queries: int, rng: np.random.Generator, folds: int = FOLDS
) -> Int64[Array, " queries"]:
    """Parts of nearly one size, at random.

    >>> np.bincount(random_folds(11, np.random.default_rng(0))).tolist()
    [3, 2, 2, 2, 2]
    """
    return (rng.permutation(queries) % folds).astype(np.int64)


@dataclass(frozen=True)
class MeanInterval:
    """A mean over queries with its interval; NaN ends where nothing varies."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """How far an end is from the mean."""
        return (self.high - self.low) / 2


def freedom(values: Float64[Array, " queries"]) -> float:
    """The degrees of freedom of the variance of some values, less where few stand out.

    ``2 n / (k - 1 + 2 / (n - 1))``, ``k`` their kurtosis, at most ``n - 1``: those of the
    chi-square distribution whose mean and variance are those of the estimated variance
    (Satterthwaite 1946).

    >>> round(freedom(np.tile([-1.0, 1.0], 15)), 1), round(freedom(np.eye(30)[0]), 1)
    (29.0, 2.2)
    """
    queries = len(values)
    centred = values - values.mean()
    square = float((centred**2).mean())
    if square <= 0:
        return float(queries - 1)
    kurtosis = float((centred**4).mean()) / square**2
    return float(min(queries - 1, 2 * queries / max(kurtosis - 1 + 2 / (queries - 1), 1e-9)))


def mean_interval(values: Float64[Array, " queries"], level: float = 0.95) -> MeanInterval:
    """The mean over queries drawn at random, with Student's interval by ``freedom``.

    Queries are the units, and what the draw of pairs adds is in their values.

    >>> estimate = mean_interval(np.tile([0.0, 1.0], 15))
    >>> round(estimate.low, 2), round(estimate.high, 2)
    (0.31, 0.69)
    """
    from scipy.special import stdtrit

    queries, mean = len(values), float(values.mean())
    deviation = float(values.std(ddof=1)) if queries > 1 else 0.0
    if deviation <= 0:
        return MeanInterval(mean, np.nan, np.nan)
    reach = float(stdtrit(freedom(values), (1 + level) / 2)) * deviation / sqrt(queries)
    return MeanInterval(mean, mean - reach, mean + reach)
