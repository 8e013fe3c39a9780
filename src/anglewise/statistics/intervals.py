"""Intervals from resamples."""

from math import sqrt
from statistics import NormalDist

import numpy as np

from anglewise.core.typing import Array, Float64

LEVEL = 0.95


def bca(
    drawn: Float64[Array, "draws m"],
    estimate: Float64[Array, " m"],
    influence: Float64[Array, "m q"],
) -> Float64[Array, "m 2"]:
    """Bias-corrected and accelerated 95% intervals, one a column (Efron 1987).

    The nominal tails are those of ``sqrt(n / (n - 1)) t`` with ``t`` Student's quantile for ``n``
    queries, not the normal ones: resamples of few queries spread too little (Hesterberg 2015).

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
    >>> from anglewise.statistics.bootstrap import Means, bootstrap
    >>> bca(bootstrap(Means(values), 100), values.mean(axis=1), values).round(2)
    array([[0.17, 0.34]])
    """
    centred = influence - influence.mean(axis=1, keepdims=True)
    spread = (centred**2).sum(axis=1)
    skew = np.divide(
        (centred**3).sum(axis=1), 6 * spread**1.5, out=np.zeros(len(spread)), where=spread > 0
    )
    below = (drawn < estimate).mean(axis=0) + 0.5 * (drawn == estimate).mean(axis=0)
    tail = _tail(influence.shape[1])
    return np.array(
        [
            np.quantile(column, _levels(float(share), float(acceleration), tail, len(column)))
            for column, share, acceleration in zip(drawn.T, below, skew, strict=True)
        ]
    )


def _tail(queries: int) -> float:
    from scipy.special import stdtrit

    freedom = max(queries - 1, 1)
    return float(stdtrit(freedom, (1 + LEVEL) / 2)) * sqrt(queries / freedom)


def _levels(below: float, acceleration: float, tail: float, draws: int) -> list[float]:
    normal = NormalDist()
    shift = normal.inv_cdf(min(max(below, 1 / (draws + 1)), draws / (draws + 1)))
    # Beyond the pole of the formula, which only a handful of very skewed queries reach, the end
    # is the outermost resample.
    low, high = (z / max(1 - acceleration * z, 1e-3) for z in (shift - tail, shift + tail))
    return [normal.cdf(shift + low), normal.cdf(shift + high)]
