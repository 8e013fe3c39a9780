"""A probability as a logistic curve of a score: two numbers, for where outcomes are few."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Bool, Float, Float64

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
        share = due.mean()
        return Logistic(0.0, float(np.log(share / (1 - share))))
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
