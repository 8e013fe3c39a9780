"""Metrics for sets in which much of what is ranked was never judged.

They pass over what nobody judged instead of counting it as not relevant. That is fair between
measures of which the judges saw unequally much, and has a price: a measure is graded by what it
shares with the pool.
"""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float64, Int64
from anglewise.evaluation.hits import Hits, Places
from anglewise.evaluation.kinds import RankingMetric
from anglewise.evaluation.ranking import NDCG, shares, sums


@dataclass(frozen=True)
class CondensedNDCG(NDCG):
    """nDCG of what is left of the first places when what nobody judged is taken out.

    Ranks are counted among the judged (Sakai 2007). Read deeper than nDCG: of ten places few may
    be judged.

    >>> str(CondensedNDCG(100))
    'nDCG(condensed)@100'
    """

    name = "nDCG(condensed)"

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.places.relevant.within(self.depth)
        ranks = _judged_above(hits, near) - _above(_undrawn(hits), near)
        reached = sums(near, self.gain(near.gains) / self.discounts[ranks], len(hits.wanted))
        return shares(reached, self.ideal(hits.wanted))


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

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.places.relevant.within(self.depth)
        wrong = _refused_above(hits, near)
        most = hits.wanted.relevant[near.lists]
        bound = np.minimum(most, hits.wanted.not_relevant[near.lists])
        lost = np.divide(
            np.minimum(wrong, most),
            bound,
            out=np.zeros(len(wrong)),
            where=(wrong > 0) & (bound > 0),
        )
        return shares(sums(near, 1 - lost, len(hits.wanted)), hits.wanted.relevant)


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

    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """In [0, 1]."""
        near = hits.places.relevant.within(self.depth)
        pooled = _judged_above(hits, near)
        right = _above(near, near)
        wrong = _refused_above(hits, near)
        likely = (right + TINY) / (right + wrong + 2 * TINY)
        precision = (1 + pooled * likely) / (near.ranks + 1)
        return shares(sums(near, precision, len(hits.wanted)), hits.wanted.relevant)


TINY = 1e-5
"""What trec_eval adds to both counts, so that none judged above means one half."""


def _judged_above(hits: Hits, near: Places) -> Int64[Array, " places"]:
    """How many judged items stand above each place in its list."""
    deepest = int(near.ranks.max(initial=-1)) + 1
    counted = np.cumsum(hits.judged_places(deepest), axis=1)
    return (counted[near.lists, near.ranks] - 1).astype(np.int64)


def _refused_above(hits: Hits, near: Places) -> Int64[Array, " places"]:
    """How many items above each place were judged and found not relevant (not: left undrawn)."""
    return _judged_above(hits, near) - _above(near, near) - _above(_undrawn(hits), near)


def _undrawn(hits: Hits) -> Places:
    return hits.places.where(hits.places.gains < 0)


def _above(some: Places, near: Places) -> Int64[Array, " places"]:
    """How many of some places stand above each of these in the same list."""
    stride = int(max(some.ranks.max(initial=0), near.ranks.max(initial=0))) + 1
    keys = some.lists * stride + some.ranks
    here = np.searchsorted(keys, near.lists * stride + near.ranks)
    return (here - np.searchsorted(keys, near.lists * stride)).astype(np.int64)
