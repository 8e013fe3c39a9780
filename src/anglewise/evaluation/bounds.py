"""How far documents that nobody judged could move a difference."""

from itertools import pairwise

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.typing import Array, Float64, Int64
from anglewise.evaluation.pool import Pool


def lead_bounds(
    pool: Pool, judgements: Judgements, rows: Int64[Array, " q"], depth: int = 10
) -> Float64[Array, "m m 2"]:
    """Give the least and the largest mean lead in nDCG that judging the rest could leave.

    ``[i, j]`` bounds how much measure ``i`` is better than ``j``: in the worst case every pair of
    the pool that nobody judged turns out not relevant, or relevant with the highest grade there
    is, whichever suits ``j``, query by query; in the best case whichever suits ``i``. The best
    list grows with what turns out relevant. With binary grades no judgement of these pairs leads
    out of the bounds, and some lead to them.

    Parameters
    ----------
    pool
        The first places of all measures, to the same depth.
    judgements, rows
        What was judged, and the rows of the pool's lists.

    Examples
    --------
    >>> from anglewise.core.neighbours import Neighbours
    >>> from anglewise.core.sparse import SparseRows
    >>> one = SparseRows.from_pairs([0], [4], shape=(1, 9))
    >>> scores, ties = np.zeros((1, 1), np.float32), np.array([0])
    >>> found = {name: Neighbours(name, np.array([[at]]), scores, ties) for name, at in
    ...          {"dot": 4, "cosine": 7}.items()}
    >>> judged, rows = Judgements(one), np.array([0])
    >>> pool = Pool.of(found, judged, rows, depth=1)
    >>> lead_bounds(pool, judged, rows, depth=1)[0, 1].tolist()
    [0.0, 1.0]
    """
    top = max(float(judgements.gains.values.max(initial=0.0)), 0.0) or 1.0
    known = judgements.gains.take(rows)
    measures = len(pool.measures)
    bounds = np.zeros((measures, measures, 2))
    ends = np.searchsorted(pool.lists, np.arange(pool.queries + 1))
    for query, (first, last) in enumerate(pairwise(ends)):
        gains = known.values[known.indptr[query] : known.indptr[query + 1]]
        own, judged = pool.discounts[first:last], pool.judged[first:last]
        reached = np.maximum(pool.gains[first:last][judged], 0) @ own[judged]
        ideals = _ideals(np.maximum(gains, 0), top, int(np.count_nonzero(~judged)), depth)
        lead = own[:, :, None] - own[:, None, :]
        best = -np.sort(-lead[~judged], axis=0)
        won = np.concatenate([np.zeros((1, measures, measures)), np.cumsum(best, axis=0)])
        had = reached[:, None] - reached[None, :]
        bounds[:, :, 1] += ((had + top * won) / ideals[:, None, None]).max(axis=0)
    bounds[:, :, 0] = 0.0 - bounds[:, :, 1].T
    return bounds / max(pool.queries, 1)


def _ideals(
    gains: Float64[Array, " judged"], top: float, more: int, depth: int
) -> Float64[Array, " counts"]:
    """The best list's worth with none, one, two, … further items of the highest grade."""
    own = -np.sort(-gains)[:depth]
    discounts = np.log2(np.arange(2, depth + 2))
    worth = np.empty(more + 1)
    for extra in range(more + 1):
        best = np.concatenate([np.full(min(extra, depth), top), own])[:depth]
        worth[extra] = (best / discounts[: len(best)]).sum()
    return np.maximum(worth, np.finfo(float).tiny)
