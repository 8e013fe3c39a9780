"""Metrics for judged pairs that were drawn by lot with known chances.

Each counts for as many as it stands for, one over its chance (Horvitz and Thompson 1952), so that
sums over all pairs, judged or not, are estimated without bias.
"""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float64, Int64
from anglewise.evaluation.hits import Hits, Wanted
from anglewise.evaluation.kinds import RankingMetric
from anglewise.evaluation.ranking import NDCG, shares, sums


@dataclass(frozen=True)
class SampledDCG(NDCG):
    """The discounted gain of the first places, not divided by the best list's.

    ``sum gain_r / (chance_r log2(r + 1))``. Differences between measures are without bias,
    whatever was drawn; without chances it is the plain sum.

    >>> str(SampledDCG(10))
    'DCG(sampled)@10'
    """

    name = "DCG(sampled)"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """At least 0."""
        near = hits.places.relevant.within(self.depth)
        each = self.gain(near.gains) * hits.wanted.weights[near.entries]
        return sums(near, each / self.discounts[near.ranks], len(hits.wanted))


@dataclass(frozen=True)
class SampledNDCG(SampledDCG):
    """The same over the best list's, which is estimated too: consistent, and not without bias.

    The best list holds as many items of each grade as those that were drawn stand for; a part of
    an item fills that part of a place. With no chances it is nDCG.

    >>> str(SampledNDCG(10))
    'nDCG(sampled)@10'
    """

    name = "nDCG(sampled)"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """At least 0; above 1 where chance overrates what was drawn."""
        return shares(super().per_query(hits), self._estimated_ideal(hits.wanted))

    def _estimated_ideal(self, wanted: Wanted) -> Float64[Array, " q"]:
        relevant = wanted.gains.values > 0
        rows, gains = wanted.gains.rows[relevant], wanted.gains.values[relevant]
        weights = wanted.weights[relevant]
        return ideal(rows, self.gain(gains), weights, depth=self.depth, queries=len(wanted))


@dataclass(frozen=True)
class SampledAP(RankingMetric):
    """Average precision as far as pairs drawn with known chances tell (statAP).

    ``1/R · sum_i w_i / r_i · (1 + sum_j w_j)`` over the relevant items that were drawn, ``j``
    those above ``i``, ``R`` the sum of all weights (Aslam and Pavlu 2007, for pairs that are drawn
    one apart from the other). With no chances it is AP.

    >>> str(SampledAP(100))
    'AP(sampled)@100'
    """

    name = "AP(sampled)"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """At least 0."""
        near = hits.places.relevant.within(self.depth)
        weights = hits.wanted.weights[near.entries]
        ends = np.cumsum(weights)
        first = np.searchsorted(near.lists, near.lists)
        above = ends - weights - (ends - weights)[first]
        reached = sums(near, weights * (1 + above) / (near.ranks + 1), len(hits.wanted))
        relevant = hits.wanted.gains.values > 0
        total = np.bincount(
            hits.wanted.gains.rows[relevant],
            hits.wanted.weights[relevant],
            minlength=len(hits.wanted),
        )
        return shares(reached, total)


def ideal(
    rows: Int64[Array, " entries"],
    gains: Float64[Array, " entries"],
    weights: Float64[Array, " entries"],
    *,
    depth: int,
    queries: int,
) -> Float64[Array, " q"]:
    """Give the discounted gain of each query's best list of items that count ``weights`` times.

    A part of an item fills that part of a place.

    >>> two = np.array([0, 0]), np.array([3.0, 1.0]), np.array([1.0, 0.5])
    >>> ideal(*two, depth=10, queries=1).round(3)
    array([3.315])
    """
    order = np.lexsort((-gains, rows))
    rows, gains, weights = rows[order], gains[order], weights[order]
    ends = np.cumsum(weights)
    before = (ends - weights)[np.searchsorted(rows, rows)]
    worth = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, depth + 2)))])

    def filled(places: Array) -> Array:
        return np.interp(places, np.arange(depth + 1), worth)

    each = filled(ends - before) - filled(ends - weights - before)
    return np.bincount(rows, gains * each, minlength=queries).astype(np.float64, copy=False)
