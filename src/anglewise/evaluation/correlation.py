"""Metrics of graded pairs: how the scores of a measure go with the grades that people gave."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float64, Int64
from anglewise.evaluation.kinds import PairMetric


@dataclass(frozen=True)
class Pearson(PairMetric):
    """The linear correlation of scores and grades; 0 where either does not vary.

    >>> Pearson().of(np.array([[1.0, 2.0, 3.0]]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0]
    """

    name = "pearson"

    def resampled(
        self,
        scores: Float64[Array, "m pairs"],
        gold: Float64[Array, " pairs"],
        counts: Float64[Array, "b pairs"],
    ) -> Float64[Array, "b m"]:
        """In [-1, 1]: three matrix products for all samples and measures."""
        x, y = _centred(scores), _centred(gold)
        total = counts.sum(axis=1, keepdims=True)
        mean_x, mean_y = counts @ x.T / total, (counts @ y)[:, None] / total
        together = counts @ (x * y).T / total - mean_x * mean_y
        spread_x = counts @ (x * x).T / total - mean_x**2
        spread_y = (counts @ (y * y))[:, None] / total - mean_y**2
        return _over(together, spread_x, spread_y)

    def per_pair(
        self, scores: Float64[Array, "m pairs"], gold: Float64[Array, " pairs"]
    ) -> Float64[Array, "m pairs"]:
        """``r + uv - r (u^2 + v^2) / 2`` for standard scores ``u``, ``v`` (Devlin et al. 1975)."""
        u, v = _standard(scores), _standard(gold)
        r = (u * v).mean(axis=1, keepdims=True)
        return r + u * v - r * (u**2 + v**2) / 2


@dataclass(frozen=True)
class Spearman(PairMetric):
    """The correlation of the ranks of scores and grades; equal ones share their mean rank.

    Scores are rounded to float32 first, as everywhere before they are ordered.

    >>> Spearman().of(np.array([[1.0, 20.0, 300.0]]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0]
    """

    name = "spearman"

    def resampled(
        self,
        scores: Float64[Array, "m pairs"],
        gold: Float64[Array, " pairs"],
        counts: Float64[Array, "b pairs"],
    ) -> Float64[Array, "b m"]:
        """In [-1, 1]: nothing is sorted again, ranks follow from the counts."""
        y = _Steps.of(gold).ranks(counts)
        spread_y = (counts * y * y).sum(axis=1)
        columns: list[Array] = []
        for row in scores:
            x = _Steps.of(_rounded(row)).ranks(counts)
            together, spread_x = (counts * x * y).sum(axis=1), (counts * x * x).sum(axis=1)
            columns.append(_over(together, spread_x, spread_y))
        return np.stack(columns, axis=1)

    def per_pair(
        self, scores: Float64[Array, "m pairs"], gold: Float64[Array, " pairs"]
    ) -> Float64[Array, "m pairs"]:
        """The influence takes in that one pair moves the ranks of all others (Borkowf 2000)."""
        by_grade = _Steps.of(gold)
        return np.stack([_rank_influence(_Steps.of(_rounded(row)), by_grade) for row in scores])


@dataclass(frozen=True, eq=False)
class _Steps:
    """Numbers in order: which one stands on which step, equal ones on the same."""

    step: Int64[Array, " n"]
    steps: int

    @classmethod
    def of(cls, values: Array) -> "_Steps":
        distinct, step = np.unique(values, return_inverse=True)
        return cls(step, len(distinct))

    def ranks(self, counts: Array) -> Array:
        """Mean ranks in samples that hold entry ``i`` ``counts[:, i]`` times, about their mean."""
        order = np.argsort(self.step, kind="stable")
        starts = np.searchsorted(self.step[order], np.arange(self.steps))
        on_step = np.add.reduceat(counts[:, order], starts, axis=1)
        up_to = np.cumsum(on_step, axis=1)
        return (up_to - on_step / 2 - up_to[:, -1:] / 2)[:, self.step]

    def above(self, worth: Array) -> Array:
        """For each entry, the mean over all of ``worth`` where higher, and of half where equal."""
        on_step = np.bincount(self.step, worth, minlength=self.steps)
        higher = on_step.sum() - np.cumsum(on_step)
        return ((higher + on_step / 2) / len(worth))[self.step]


def _rank_influence(x: _Steps, y: _Steps) -> Array:
    """``r`` plus its influence function, from that of the covariance of the ranks and theirs."""
    n = len(x.step)
    once = np.ones((1, n))
    u, v = x.ranks(once)[0] / n, y.ranks(once)[0] / n
    together, spread_x, spread_y = (u * v).mean(), (u * u).mean(), (v * v).mean()
    if not spread_x * spread_y:
        return np.zeros(n)
    moved = u * v + x.above(v) + y.above(u) - 3 * together
    moved_x = u * u + 2 * x.above(u) - 3 * spread_x
    moved_y = v * v + 2 * y.above(v) - 3 * spread_y
    scale = np.sqrt(spread_x * spread_y)
    r = together / scale
    return r + moved / scale - r / 2 * (moved_x / spread_x + moved_y / spread_y)


def _rounded(scores: Array) -> Array:
    return scores.astype(np.float32)


def _centred(x: Array) -> Array:
    return x - x.mean(axis=-1, keepdims=True)


def _standard(x: Array) -> Array:
    centred = _centred(x)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True))
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)


def _over(together: Array, spread_x: Array, spread_y: Array) -> Array:
    scale = np.sqrt(np.maximum(spread_x, 0) * np.maximum(spread_y, 0))
    return np.divide(together, scale, out=np.zeros_like(together), where=scale > 0)
