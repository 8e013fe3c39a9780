"""Metrics of graded pairs and of triplets."""

from dataclasses import dataclass

import numpy as np

from anglewise.evaluation.kinds import PairMetric, TripletMetric
from anglewise.typing import Array, Float64


@dataclass(frozen=True)
class Pearson(PairMetric):
    """The linear correlation of scores and grades; 0 where either does not vary.

    >>> Pearson().of(np.array([[1.0, 2.0, 3.0]]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0]
    """

    name = "pearson"

    def of(
        self, scores: Float64[Array, "m pairs"], gold: Float64[Array, " pairs"]
    ) -> Float64[Array, " m"]:
        """In [-1, 1]."""
        return _correlation(scores, gold)


@dataclass(frozen=True)
class Spearman(PairMetric):
    """The correlation of the ranks of scores and grades; equal ones share their mean rank.

    >>> Spearman().of(np.array([[1.0, 20.0, 300.0]]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0]
    """

    name = "spearman"

    def of(
        self, scores: Float64[Array, "m pairs"], gold: Float64[Array, " pairs"]
    ) -> Float64[Array, " m"]:
        """In [-1, 1]."""
        return _correlation(np.stack([mean_ranks(row) for row in scores]), mean_ranks(gold))


@dataclass(frozen=True)
class TripletAccuracy(TripletMetric):
    """Whether the near one scores above the far one; a tie counts half.

    >>> near, far = np.array([[2.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 1.0]])
    >>> TripletAccuracy().per_triplet(near, far).tolist()
    [[1.0, 0.5, 0.0]]
    """

    name = "triplet-accuracy"

    def per_triplet(
        self, near: Float64[Array, "m triplets"], far: Float64[Array, "m triplets"]
    ) -> Float64[Array, "m triplets"]:
        """1, ½ or 0."""
        return (near > far) + 0.5 * (near == far)


def mean_ranks(values: Float64[Array, " n"]) -> Float64[Array, " n"]:
    """The rank of each value, 1 for the smallest; equal values share the mean of their ranks.

    >>> mean_ranks(np.array([10.0, 5.0, 10.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[group]


def _correlation(x: Array, y: Array) -> Array:
    x = x - x.mean(axis=-1, keepdims=True)
    y = y - y.mean(axis=-1, keepdims=True)
    spread = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    return np.divide((x * y).sum(axis=-1), spread, out=np.zeros(len(x)), where=spread > 0)
