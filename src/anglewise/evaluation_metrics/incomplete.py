"""Metrics where much of what is ranked was not judged, or was judged by lot.

Condensed nDCG, bpref and infAP pass over items that nobody judged instead of counting them as not
relevant. That is fair between measures whose lists were judged unequally far, and has a price: a
measure is graded by what it shares with the pool.

A pair drawn by lot counts for as many pairs as it stands for, one over its chance (Horvitz and
Thompson 1952), so that sums over all pairs, judged or not, are estimated without bias.
"""

from dataclasses import dataclass

import numpy as np

from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.evaluation_metrics.interface import Hits, ListPositions, RankingMetric
from anglewise.evaluation_metrics.metrics import NDCG, shares


@dataclass(frozen=True)
class CondensedNDCG(NDCG):
    """nDCG of what is left of the first places when what nobody judged is taken out.

    Ranks are counted among the judged (Sakai 2007). Read deeper than nDCG: of ten places few may
    be judged.

    >>> str(CondensedNDCG(100))
    'nDCG(condensed)@100'
    """

    name = "nDCG(condensed)"
    unjudged = "passed over"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.relevant(self.depth)
        ranks = _judged_above(hits, near) - _above(_undrawn(hits), near)
        reached = hits.sums(near, self.gain(near.gains) / self.discounts[ranks])
        return shares(reached, self.ideal(hits.qrels))


@dataclass(frozen=True)
class Bpref(RankingMetric):
    """How seldom an item judged not relevant stands above a relevant one (trec_eval: bpref).

    The mean over the ``R`` relevant items of ``1 - min(n, R) / min(R, N)``, ``n`` the judged and
    not relevant items above it, ``N`` all of them (Buckley and Voorhees 2004); relevant items
    beyond the depth add 0.

    >>> str(Bpref(100))
    'bpref@100'
    """

    name = "bpref"
    unjudged = "passed over"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.relevant(self.depth)
        wrong = _refused_above(hits, near)
        most = hits.qrels.relevant_counts[near.lists]
        bound = np.minimum(most, hits.qrels.not_relevant_counts[near.lists])
        lost = np.divide(
            np.minimum(wrong, most),
            bound,
            out=np.zeros(len(wrong)),
            where=(wrong > 0) & (bound > 0),
        )
        return shares(hits.sums(near, 1 - lost), hits.qrels.relevant_counts)


@dataclass(frozen=True)
class InferredAP(RankingMetric):
    """Average precision as far as an evenly drawn part of the pool tells (trec_eval: infAP).

    Grades below 0 mark what was in the pool and not drawn, as in TREC's files. At a relevant
    item of rank ``r`` the precision is expected to be ``1/r + (r-1)/r · pooled/(r-1) ·
    relevant/judged``, each counted above it (Yilmaz and Aslam 2006); with the whole pool judged
    that is the precision among what was pooled.

    >>> str(InferredAP(100))
    'infAP@100'
    """

    name = "infAP"
    unjudged = "passed over"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.relevant(self.depth)
        pooled = _judged_above(hits, near)
        right = _above(near, near)
        wrong = _refused_above(hits, near)
        likely = (right + TINY) / (right + wrong + 2 * TINY)
        precision = (1 + pooled * likely) / (near.ranks + 1)
        return shares(hits.sums(near, precision), hits.qrels.relevant_counts)


TINY = 1e-5
"""What trec_eval adds to both counts, so that none judged above means one half."""


def _judged_above(hits: Hits, near: ListPositions) -> Int64[Array, " positions"]:
    """How many judged items stand above each place in its list."""
    deepest = int(near.ranks.max(initial=-1)) + 1
    counted = np.cumsum(hits.judged_ranks(deepest), axis=1)
    return (counted[near.lists, near.ranks] - 1).astype(np.int64)


def _refused_above(hits: Hits, near: ListPositions) -> Int64[Array, " positions"]:
    """How many items above each place were judged and found not relevant (not: left undrawn)."""
    return _judged_above(hits, near) - _above(near, near) - _above(_undrawn(hits), near)


def _undrawn(hits: Hits) -> ListPositions:
    return hits.judged.where(hits.judged.gains < 0)


def _above(some: ListPositions, near: ListPositions) -> Int64[Array, " positions"]:
    """How many of some places stand above each of these in the same list."""
    stride = int(max(some.ranks.max(initial=0), near.ranks.max(initial=0))) + 1
    keys = some.lists * stride + some.ranks
    here = np.searchsorted(keys, near.lists * stride + near.ranks)
    return (here - np.searchsorted(keys, near.lists * stride)).astype(np.int64)


@dataclass(frozen=True)
class SampledDCG(NDCG):
    """The discounted gain of the first places, not divided by the best list's.

    ``sum gain_r / (chance_r log2(r + 1))``. Differences between measures that had a
    part in the draw are without bias; without chances it is the plain sum.

    >>> str(SampledDCG(10))
    'DCG(sampled)@10'
    """

    name = "DCG(sampled)"
    unjudged = "stood for"
    bounded = bounded_if_all_judged = False

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """At least 0."""
        near = hits.relevant(self.depth)
        each = self.gain(near.gains) * hits.qrels.weights[near.entries]
        return hits.sums(near, each / self.discounts[near.ranks])


@dataclass(frozen=True)
class SampledNDCG(SampledDCG):
    """The same over the best list's, which is estimated too: consistent, and not without bias.

    The best list holds as many items of each grade as those that were drawn stand for; a part of
    an item fills that part of a place. With no chances it is nDCG.

    >>> str(SampledNDCG(10))
    'nDCG(sampled)@10'
    """

    name = "nDCG(sampled)"
    bounded_if_all_judged = True

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """At least 0; above 1 where chance overrates what was drawn."""
        qrels, relevant = hits.qrels, hits.qrels.relevant
        best = ideal(
            qrels.gains.rows[relevant],
            self.gain(qrels.gains.values[relevant]),
            qrels.weights[relevant],
            depth=self.depth,
            queries=len(qrels),
        )
        return shares(super().per_query(hits), best)


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
    unjudged = "stood for"
    bounded = False

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """At least 0."""
        near = hits.relevant(self.depth)
        weights = hits.qrels.weights[near.entries]
        ends = np.cumsum(weights)
        first = np.searchsorted(near.lists, near.lists)
        above = ends - weights - (ends - weights)[first]
        reached = hits.sums(near, weights * (1 + above) / (near.ranks + 1))
        qrels, relevant = hits.qrels, hits.qrels.relevant
        weights = qrels.weights[relevant]
        total = np.bincount(qrels.gains.rows[relevant], weights, minlength=len(qrels))
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
