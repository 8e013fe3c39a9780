"""Probabilities from scores: proportions, isotonic and logistic curves, reliability."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from anglewise.data_types.typing import Array, Bool, Float, Float64, Int64
from anglewise.statistics.decision import LEVEL, WeightedMeans
from anglewise.statistics.resampling import Clusters

Z = 1.959963984540054
"""The 97.5% point of the normal distribution."""
DRAWS = 2_000


@dataclass(frozen=True)
class Proportion:
    """``value = count / of``, and its 95% interval."""

    count: int
    of: int
    value: float
    low: float
    high: float


def proportion(count: int, total: int) -> Proportion:
    """A proportion with Wilson's interval (1927), which holds for few and for rare ones too.

    >>> none = proportion(0, 20)
    >>> none.value, none.low, round(none.high, 3)
    (0.0, 0.0, 0.161)
    """
    p, z2 = count / total, Z * Z
    middle = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = Z / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total))
    low = 0.0 if count == 0 else middle - half
    high = 1.0 if count == total else middle + half
    return Proportion(count, total, p, low, high)


def proportion_in_clusters(outcomes: Bool[Array, " n"], clusters: Int64[Array, " n"]) -> Proportion:
    """A proportion of outcomes that are alike within clusters, such as a question's passages.

    Its interval is that of a mean over clusters by random weights, with one cluster that was not
    seen, as large as the mean one. (As large as the largest it would always cover, and say little
    where one question has many passages.)

    >>> outcomes, clusters = np.tile([True, True, False, False], 25), np.repeat(np.arange(50), 2)
    >>> alike = proportion_in_clusters(outcomes, clusters)
    >>> alike.of, alike.value, alike.high > proportion(50, 100).high + 0.04
    (100, 0.5, True)
    """
    total, count, questions = len(outcomes), int(outcomes.sum()), Clusters.named(clusters)
    sums = questions.sums(outcomes[None].astype(np.float64))
    largest = float(questions.sizes.mean())
    drawn = WeightedMeans.of(sums, questions.sizes, largest=largest, draws=DRAWS)
    low, high = drawn.interval(0)
    return Proportion(
        count, total, count / total, min(low, count / total), max(high, count / total)
    )


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


STEPS = 100
TOLERANCE = 1e-10


@dataclass(frozen=True)
class Logistic:
    """``1 / (1 + exp(-(intercept + slope * score)))``, with a slope of at least 0.

    >>> Logistic(2.0, -1.0)(np.array([0.5]))
    array([0.5])
    """

    slope: float
    intercept: float

    def __call__(self, scores: Float[Array, "*shape"]) -> Float64[Array, "*shape"]:
        """The probability at each score."""
        return _sigmoid(self.intercept + self.slope * scores.astype(np.float64))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"slope": self.slope, "intercept": self.intercept}


def logistic(scores: Float[Array, " n"], outcomes: Bool[Array, " n"]) -> Logistic:
    """Fit by maximum likelihood, with outcomes drawn in as Platt (1999) does.

    A success counts ``(s + 1) / (s + 2)`` of ``s`` successes, a failure ``1 / (f + 2)``, so that
    separable outcomes have a finite slope. Newton's method, halved where it would not improve.
    Where the best slope is negative it is 0: a higher score never means a lower probability.

    >>> fitted = logistic(np.array([0.0, 1.0, 2.0, 3.0]), np.array([False, True, False, True]))
    >>> round(fitted.slope, 2), round(fitted.intercept, 2)
    (0.41, -0.62)
    """
    x = scores.astype(np.float64)
    middle, width = x.mean(), x.std() or 1.0
    design = np.stack([np.ones(len(x)), (x - middle) / width], axis=1)
    good = int(outcomes.sum())
    bad = len(x) - good
    due = np.where(outcomes, (good + 1) / (good + 2), 1 / (bad + 2))
    start = np.log((good + 1) / (bad + 1))
    weights = _newton(design, due, np.array([start, 0.0]))
    if weights[1] <= 0:
        mean = due.mean()
        return Logistic(0.0, float(np.log(mean / (1 - mean))))
    slope = float(weights[1] / width)
    return Logistic(slope, float(weights[0] - slope * middle))


def _newton(
    design: Float64[Array, "n 2"], due: Float64[Array, " n"], weights: Float64[Array, " 2"]
) -> Float64[Array, " 2"]:
    loss = _loss(design @ weights, due)
    for _ in range(STEPS):
        p = _sigmoid(design @ weights)
        gradient = design.T @ (p - due)
        curvature = (design.T * (p * (1 - p))) @ design + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (lower := _loss(design @ (weights - size * step), due)) > loss and size > 1e-8:
            size /= 2
        weights = weights - size * step
        if loss - lower <= TOLERANCE * loss:
            break
        loss = lower
    return weights


def _loss(values: Float64[Array, " n"], due: Float64[Array, " n"]) -> float:
    return float(np.sum(np.logaddexp(0, values) - due * values))


def _sigmoid(values: Float64[Array, "*shape"]) -> Float64[Array, "*shape"]:
    return np.exp(-np.logaddexp(0, -values))


@dataclass(frozen=True)
class Bin:
    """Alike probabilities: their mean, and how often what they foretell came true."""

    predicted: float
    observed: Proportion


@dataclass(frozen=True)
class Reliability:
    """The bins from low to high, and how far they are off.

    Attributes
    ----------
    expected_error
        The expected calibration error (Naeini et al. 2015): ``sum n_b / n |observed_b -
        predicted_b|``. Chance alone makes it larger than 0.
    brier
        The mean of ``(probability - outcome)^2``, which also rewards probabilities that differ.
    expected_error_interval, brier_interval
        Both ends of their 95% intervals, see :func:`error_intervals`; None where a file of an
        earlier version does not say them.
    """

    bins: tuple[Bin, ...]
    expected_error: float
    brier: float
    expected_error_interval: tuple[float, float] | None = None
    brier_interval: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)


def reliability(
    probabilities: Float64[Array, " n"],
    outcomes: Bool[Array, " n"],
    bins: int = 10,
    *,
    clusters: Int64[Array, " n"] | None = None,
) -> Reliability:
    """Sort probabilities into bins of about equal number; equal ones share a bin.

    Outcomes of one cluster, such as the passages of one question, may be alike: intervals allow for
    that where ``clusters`` are given, and else take each outcome for itself.

    Bins of equal width would put nearly all passages into one where most are irrelevant (Nixon
    et al. 2019).

    >>> sorted_in = reliability(np.array([0.1, 0.1, 0.9, 0.9]), np.array([0, 0, 1, 1]) > 0, bins=2)
    >>> [(round(b.predicted, 3), b.observed.value) for b in sorted_in.bins]
    [(0.1, 0.0), (0.9, 1.0)]
    >>> round(sorted_in.expected_error, 3)
    0.1
    """
    inner = np.quantile(probabilities, np.arange(1, bins) / bins, method="higher")
    which = np.searchsorted(np.unique(inner), probabilities, side="right")
    filled: list[Bin] = []
    error = 0.0
    for number in np.unique(which):
        inside = which == number
        predicted = float(probabilities[inside].mean())
        observed = (
            proportion(int(outcomes[inside].sum()), int(inside.sum()))
            if clusters is None
            else proportion_in_clusters(outcomes[inside], clusters[inside])
        )
        filled.append(Bin(predicted, observed))
        error += inside.mean() * abs(predicted - observed.value)
    brier = float(np.mean(np.square(probabilities - outcomes)))
    of_error, of_brier = error_intervals(probabilities, outcomes, which, clusters)
    return Reliability(tuple(filled), float(error), brier, of_error, of_brier)


def error_intervals(
    probabilities: Float64[Array, " n"],
    outcomes: Bool[Array, " n"],
    bins: Int64[Array, " n"],
    clusters: Int64[Array, " n"] | None = None,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The 95% intervals of the expected calibration error and of the Brier score.

    By random weights of whole clusters and of one that was not seen, as large as the mean one. The
    Brier score is a mean of values from 0 to 1, and so is its interval. The calibration error is
    a sum of distances, one for each bin, and chance alone makes it larger: weights would make it
    larger once more. So its interval reaches as far to both sides as the weights move all bins
    together, in 95% of the draws: the true error is no farther from the one found than the true
    distances are from those found, taken together (the triangle inequality). It holds the true one
    more often than 95%, of these bins and predictions.

    >>> right = np.tile([True, False], 50)
    >>> of_error, of_brier = error_intervals(np.full(100, 0.5), right, np.zeros(100, np.int64))
    >>> [round(end, 2) for end in (*of_error, *of_brier)]
    [0.0, 0.11, 0.24, 0.28]
    """
    units = Clusters.each(len(outcomes)) if clusters is None else Clusters.named(clusters)
    lead = outcomes - probabilities
    inside = bins == np.unique(bins)[:, None]
    values = np.vstack([np.square(lead)[None], lead * inside])
    largest = float(units.sizes.mean())
    drawn = WeightedMeans.of(units.sums(values), units.sizes, largest=largest, draws=DRAWS)
    brier, *distances = values.mean(axis=1)
    moved = np.abs(drawn.means[:, 1:] - np.array(distances)).sum(axis=1) + drawn.unseen
    reach = float(np.quantile(moved, 1 - LEVEL))
    error = float(np.abs(distances).sum())
    low, high = drawn.interval(0)
    return (
        (max(error - reach, 0.0), min(error + reach, 1.0)),
        (min(low, float(brier)), max(high, float(brier))),
    )
