"""Metrics of ranked lists, each defined as trec_eval defines it.

Relevant is a gain above 0. What is not judged counts as not relevant, and so does what has a
negative gain. A query without any relevant item gets 0.
"""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float64, Shaped
from anglewise.evaluation.hits import Hits, Places, Wanted
from anglewise.evaluation.kinds import RankingMetric


@dataclass(frozen=True)
class NDCG(RankingMetric):
    """Discounted gain of the first places over that of the best list (trec_eval: ndcg_cut).

    ``sum gain_r / log2(r + 1)`` over ranks ``r = 1 .. depth``, divided by the same sum for the
    judged items in the best order, cut at ``depth`` as well (Järvelin and Kekäläinen 2002).

    >>> str(NDCG(10))
    'nDCG@10'
    """

    name = "nDCG"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.places.relevant.within(self.depth)
        worth = self.gain(near.gains) / self.discounts[near.ranks]
        return shares(sums(near, worth, len(hits.wanted)), self.ideal(hits.wanted))

    def gain(self, gains: Float64[Array, "*places"]) -> Float64[Array, "*places"]:
        """What an item is worth: its grade."""
        return gains

    @property
    def discounts(self) -> Float64[Array, " depth"]:
        """What the gain at each place is divided by."""
        return np.log2(np.arange(2, self.depth + 2))

    def ideal(self, wanted: Wanted) -> Float64[Array, " q"]:
        """The discounted gain of each query's best list."""
        sums = np.zeros(len(wanted))
        for queries, gains in wanted.best:
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

    def gain(self, gains: Float64[Array, "*places"]) -> Float64[Array, "*places"]:
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
        return shares(_count(hits.places.relevant.within(self.depth), hits), hits.wanted.relevant)


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
        return _count(hits.places.relevant.within(self.depth), hits) / self.depth


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
        near = hits.places.relevant.within(self.depth)
        counts = _count(near, hits)
        first = (np.cumsum(counts) - counts)[counts > 0]
        values = np.zeros(len(hits.wanted))
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
        near = hits.places.relevant.within(self.depth)
        counts = _count(near, hits)
        before = np.arange(len(near.lists)) - np.repeat(np.cumsum(counts) - counts, counts)
        precision = (before + 1) / (near.ranks + 1)
        return shares(sums(near, precision, len(hits.wanted)), hits.wanted.relevant)


@dataclass(frozen=True)
class Judged(RankingMetric):
    """The share of the first places whose item was judged at all (ir_measures: Judged).

    A list shorter than the depth is divided by its own length; an empty one gets 0.

    >>> str(Judged(10))
    'Judged@10'
    """

    name = "Judged"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        return shares(hits.judged(self.depth), np.minimum(hits.lengths, self.depth))


def sums(places: Places, worth: Float64[Array, " places"], queries: int) -> Float64[Array, " q"]:
    """What the places of each list are worth together."""
    summed = np.bincount(places.lists, worth, minlength=queries)
    return summed.astype(np.float64, copy=False)  # NumPy counts in whole numbers if none is there


def shares(part: Shaped[Array, " q"], whole: Shaped[Array, " q"]) -> Float64[Array, " q"]:
    """One over the other, 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _count(places: Places, hits: Hits) -> Array:
    return np.bincount(places.lists, minlength=len(hits.wanted))
