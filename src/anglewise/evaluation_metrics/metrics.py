"""The metrics of ranked lists as trec_eval defines them, and those of pairs and triplets.

An item is relevant if its gain is above 0; to binary metrics, if it reaches ``relevant_from`` of
the judgements. One that is not judged counts as not relevant, and so does one with a negative gain.
A query without any relevant item gets 0. Judged items that the space lacks are never found: they
are in the best list, and in the number of relevant items.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anglewise.data_types.neighbours import rounded
from anglewise.data_types.numbers import LARGEST
from anglewise.data_types.typing import Array, Bool, Float64, Int64, Shaped
from anglewise.evaluation_metrics.interface import (
    Counts,
    Grades,
    Hits,
    PairMetric,
    Qrels,
    RankingMetric,
    Scores,
    TripletMetric,
)


@dataclass(frozen=True)
class NDCG(RankingMetric):
    """Discounted gain of the first places over that of the best list (trec_eval: ndcg_cut).

    ``sum gain_r / log2(r + 1)`` over ranks ``r = 1 .. depth``, divided by the same sum for the
    judged items in the best order, cut at ``depth`` as well (Järvelin and Kekäläinen 2002).

    >>> str(NDCG(10))
    'nDCG@10'
    """

    name = "nDCG"
    graded = True
    highest: ClassVar[float] = LARGEST
    """The highest grade whose gains can be added up."""

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.relevant(self.depth)
        worth = self.gain(near.gains) / self.discounts[near.ranks]
        return shares(hits.sums(near, worth), self.ideal(hits.qrels))

    def gain(self, gains: Float64[Array, "*positions"]) -> Float64[Array, "*positions"]:
        """What an item is worth: its grade."""
        return gains

    @property
    def discounts(self) -> Float64[Array, " depth"]:
        """What the gain at each place is divided by."""
        return np.log2(np.arange(2, self.depth + 2))

    def ideal(self, qrels: Qrels) -> Float64[Array, " q"]:
        """The discounted gain of each query's best list."""
        sums = np.zeros(len(qrels))
        for queries, gains in qrels.best:
            near = self.gain(gains[:, : self.depth])
            worth = near / self.discounts[: near.shape[1]]
            # One after the other, as reached gains are summed, so that no share exceeds 1.
            sums[queries] = worth.cumsum(axis=1)[:, -1:].sum(axis=1)
        return sums


@dataclass(frozen=True)
class ExponentialNDCG(NDCG):
    """nDCG with gain ``2^grade - 1``, which lets high grades weigh more (Burges et al. 2005).

    >>> str(ExponentialNDCG(10))
    'nDCG(exp)@10'
    """

    name = "nDCG(exp)"
    highest = 1000.0

    def gain(self, gains: Float64[Array, "*positions"]) -> Float64[Array, "*positions"]:
        """``2^grade - 1``."""
        return np.exp2(gains) - 1


@dataclass(frozen=True)
class Recall(RankingMetric):
    """The share of all relevant items that stand in the first places (trec_eval: recall).

    >>> str(Recall(100))
    'R@100'
    """

    name = "R"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        return shares(hits.counts(hits.relevant(self.depth)), hits.qrels.relevant_counts)


@dataclass(frozen=True)
class Precision(RankingMetric):
    """The share of the first places that hold a relevant item (trec_eval: P).

    A list shorter than the depth is divided by the depth all the same.

    >>> str(Precision(10))
    'P@10'
    """

    name = "P"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        return hits.counts(hits.relevant(self.depth)) / self.depth


@dataclass(frozen=True)
class ReciprocalRank(RankingMetric):
    """One over the rank of the first relevant item, 0 if none is near enough.

    trec_eval: recip_rank, of lists cut at the depth.

    >>> str(ReciprocalRank(10))
    'RR@10'
    """

    name = "RR"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.relevant(self.depth)
        counts = hits.counts(near)
        first = (np.cumsum(counts) - counts)[counts > 0]
        values = np.zeros(len(hits.qrels))
        values[counts > 0] = 1 / (near.ranks[first] + 1)
        return values


@dataclass(frozen=True)
class AveragePrecision(RankingMetric):
    """The mean, over all relevant items, of the precision where each stands (trec_eval: map_cut).

    Relevant items beyond the depth add 0 and still count in the mean.

    >>> str(AveragePrecision(100))
    'AP@100'
    """

    name = "AP"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.relevant(self.depth)
        counts = hits.counts(near)
        before = np.arange(len(near.lists)) - np.repeat(np.cumsum(counts) - counts, counts)
        precision = (before + 1) / (near.ranks + 1)
        return shares(hits.sums(near, precision), hits.qrels.relevant_counts)


@dataclass(frozen=True)
class JudgedShare(RankingMetric):
    """The share of the first places whose item was judged at all (ir_measures: Judged).

    A list shorter than the depth is divided by its own length; an empty one gets 0.

    >>> str(JudgedShare(10))
    'Judged@10'
    """

    name = "Judged"
    unjudged = ""

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        return shares(
            np.count_nonzero(hits.judged_ranks(self.depth), axis=1),
            np.minimum(hits.lengths, self.depth),
        )


def shares(part: Shaped[Array, " q"], whole: Shaped[Array, " q"]) -> Float64[Array, " q"]:
    """One over the other, 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


@dataclass(frozen=True)
class Pearson(PairMetric):
    """The linear correlation of scores and grades; not defined, and 0, where either is constant.

    >>> Pearson().of(np.array([[1.0, 2.0, 3.0]]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0]
    """

    name = "pearson"

    def varies(self, scores: Scores) -> Bool[Array, " m"]:
        """Whether they differ by more than the rounding of what they were computed from."""
        return np.ptp(scores, axis=1) > NOISE * np.abs(scores).max(axis=1)

    def resampled(self, scores: Scores, gold: Grades, counts: Counts) -> Float64[Array, "b m"]:
        """In [-1, 1]: three matrix products for all samples and measures."""
        x, y = _centred(scores), _centred(gold)
        total = counts.sum(axis=1, keepdims=True)
        mean_x, mean_y = counts @ x.T / total, (counts @ y)[:, None] / total
        together = counts @ (x * y).T / total - mean_x * mean_y
        spread_x = counts @ (x * x).T / total - mean_x**2
        spread_y = (counts @ (y * y))[:, None] / total - mean_y**2
        return _over(together, spread_x, spread_y)

    def per_pair(self, scores: Scores, gold: Grades) -> Scores:
        """``r + uv - r (u^2 + v^2) / 2`` for standard scores ``u``, ``v`` (Devlin et al. 1975)."""
        u, v = _standard(scores), _standard(gold)
        r = (u * v).mean(axis=1, keepdims=True)
        return r + u * v - r * (u**2 + v**2) / 2


@dataclass(frozen=True)
class Spearman(PairMetric):
    """The correlation of the ranks of scores and grades; equal ones share their mean rank.

    Scores are rounded to twelve significant digits first, as everywhere before they are ordered.
    Where either is constant it is not defined, and 0.

    >>> Spearman().of(np.array([[1.0, 20.0, 300.0]]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0]
    """

    name = "spearman"

    def varies(self, scores: Scores) -> Bool[Array, " m"]:
        """Whether there is more than one step."""
        return np.ptp(rounded(scores), axis=1) > 0

    def resampled(self, scores: Scores, gold: Grades, counts: Counts) -> Float64[Array, "b m"]:
        """In [-1, 1]: nothing is sorted again, ranks follow from the counts."""
        y = _Steps.of(gold).ranks(counts)
        spread_y = (counts * y * y).sum(axis=1)
        columns: list[Array] = []
        for row in scores:
            x = _Steps.of(rounded(row)).ranks(counts)
            together, spread_x = (counts * x * y).sum(axis=1), (counts * x * x).sum(axis=1)
            columns.append(_over(together, spread_x, spread_y))
        return np.stack(columns, axis=1)

    def per_pair(self, scores: Scores, gold: Grades) -> Scores:
        """The influence takes in that one pair moves the ranks of all others (Borkowf 2000)."""
        by_grade = _Steps.of(gold)
        return np.stack([_rank_influence(_Steps.of(rounded(row)), by_grade) for row in scores])


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


NOISE = 1e-12
"""Scores that differ less, relative to the largest, differ by rounding."""


def _centred(x: Array) -> Array:
    """Numbers about their mean, brought near 1 by a power of two, so that squares fit float64."""
    x = np.ldexp(x, -np.frexp(np.abs(x).max(axis=-1, keepdims=True))[1])
    return x - x.mean(axis=-1, keepdims=True)


def _standard(x: Array) -> Array:
    centred = _centred(x)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True))
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)


def _over(together: Array, spread_x: Array, spread_y: Array) -> Array:
    scale = np.sqrt(np.maximum(spread_x, 0) * np.maximum(spread_y, 0))
    return np.divide(together, scale, out=np.zeros_like(together), where=scale > 0)


@dataclass(frozen=True)
class TripletAccuracy(TripletMetric):
    """Whether the near one scores above the far one; a tie counts half.

    Scores are rounded to twelve significant digits first, as everywhere before they are ordered.

    >>> near, far = np.array([[2.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 1.0]])
    >>> TripletAccuracy().per_triplet(near, far).tolist()
    [[1.0, 0.5, 0.0]]
    """

    name = "triplet-accuracy"

    def per_triplet(
        self, near: Float64[Array, "m triplets"], far: Float64[Array, "m triplets"]
    ) -> Float64[Array, "m triplets"]:
        """1, ½ or 0; the mean is the accuracy."""
        near, far = rounded(near), rounded(far)
        return (near > far) + 0.5 * (near == far)
