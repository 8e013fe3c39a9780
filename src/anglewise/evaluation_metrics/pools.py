"""Pools of pairs to judge: which are worth most, and how far unjudged ones could move a lead."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.evaluation_metrics.incomplete import ideal
from anglewise.statistics.calibration import logistic

POOL_GAP = 0.2
"""A measure whose share of unjudged items is so much above another's was not in the pool."""
ZEROS = 0.1
"""With a smaller share of zeros, nearly all that was recorded is relevant."""


POOL_DEPTH = 10
"""Whether a list was judged is seen in its first places: pools are seldom deeper."""


def tells_bad(gains: SparseRows, rows: Int64[Array, " q"]) -> bool:
    """Whether enough of what was judged for some queries was found not to be relevant.

    Where only what is relevant was recorded, a list that nobody judged and a bad one look alike.
    """
    values = gains.values[np.isin(gains.rows, rows)]
    return len(values) > 0 and bool((values <= 0).mean() >= ZEROS)


@dataclass(frozen=True, eq=False)
class Pool:
    """Every pair of a query and an item among the first places of some measure.

    Pooling to a depth is TREC's way (Spärck Jones and van Rijsbergen 1975).

    Attributes
    ----------
    lists, items
        The query of each pair, as the number of its list, and the item; ascending.
    discounts
        ``pairs x measures``: ``1 / log2(rank + 1)``, 0 where the measure ranks it further away.
    gains, judged
        The gain of each pair, 0 where nobody judged it; and whether somebody did.
    """

    lists: Int64[Array, " pairs"]
    items: Int64[Array, " pairs"]
    discounts: Float64[Array, "pairs m"]
    gains: Float64[Array, " pairs"]
    judged: Bool[Array, " pairs"]
    measures: tuple[str, ...]
    queries: int

    def ranks(self, pair: int) -> dict[str, int]:
        """The rank of a pair under each measure that has it in the pool."""
        return {
            name: round(2 ** (1 / weight)) - 1
            for name, weight in zip(self.measures, self.discounts[pair].tolist(), strict=True)
            if weight > 0
        }

    @staticmethod
    def of(
        neighbours: Mapping[str, Neighbours],
        judgements: Judgements,
        rows: Int64[Array, " q"],
        depth: int = 10,
    ) -> "Pool":
        """Pool the first ``depth`` ranks of all lists; ``rows`` are the rows of the queries.

        >>> from anglewise.data_types.sparse import SparseRows
        >>> none = SparseRows.from_pairs([], [], shape=(1, 9))
        >>> scores, ties = np.zeros((1, 2), np.float32), np.array([0])
        >>> found = {
        ...     "dot": Neighbours("dot", np.array([[4, 7]]), scores, ties),
        ...     "cosine": Neighbours("cosine", np.array([[7, 2]]), scores, ties),
        ... }
        >>> pool = Pool.of(found, Judgements(none), np.array([0]), depth=2)
        >>> pool.items.tolist(), pool.discounts.round(2).tolist()
        ([2, 4, 7], [[0.0, 0.63], [1.0, 0.0], [0.63, 1.0]])
        >>> pool.ranks(2)
        {'dot': 2, 'cosine': 1}
        """
        width = judgements.gains.shape[1]
        near = {name: lists.indices[:, :depth] for name, lists in neighbours.items()}
        keys = {name: np.arange(len(rows))[:, None] * width + at for name, at in near.items()}
        shown = [key[near[name] >= 0] for name, key in keys.items()]
        pairs = np.unique(np.concatenate(shown)).astype(np.int64)
        discounts = np.zeros((len(pairs), len(neighbours)))
        for column, name in enumerate(neighbours):
            ranks = np.nonzero(near[name] >= 0)[1]
            discounts[np.searchsorted(pairs, shown[column]), column] = 1 / np.log2(ranks + 2)
        lists, items = pairs // width, pairs % width
        gains, judged = _judged(judgements, rows[lists], items)
        return Pool(lists, items, discounts, gains, judged, tuple(neighbours), len(rows))


def _judged(
    judgements: Judgements, rows: Int64[Array, " pairs"], items: Int64[Array, " pairs"]
) -> tuple[Float64[Array, " pairs"], Bool[Array, " pairs"]]:
    stored = judgements.gains
    keys = stored.rows * stored.shape[1] + stored.indices
    sought = rows * stored.shape[1] + items
    at = np.minimum(np.searchsorted(keys, sought), max(len(keys) - 1, 0))
    judged = keys[at] == sought if len(keys) else np.zeros(len(rows), dtype=bool)
    gains = np.zeros(len(rows))
    gains[judged] = stored.values[at[judged]]
    if judgements.judged_items is not None:
        judged = judged | judgements.judged_items[items]
    return gains, judged


def lead_bounds(
    pool: Pool,
    judgements: Judgements,
    rows: Int64[Array, " q"],
    depth: int = 10,
    weights: Float64[Array, " q"] | None = None,
) -> Float64[Array, "m m 2"]:
    """Give the least and the largest mean lead in nDCG that judging the rest could leave.

    ``[i, j]`` bounds how much measure ``i`` is better than ``j``: in the worst case every pair of
    the pool that nobody judged gets the gain, from 0 to the highest that was given to any pair,
    that suits ``j``, query by query; in the best case the one that suits ``i``. The best list
    grows with what turns out relevant. No judgement of these pairs with such gains, whole grades or
    not, leads out of the bounds, and some lead to them.

    Parameters
    ----------
    pool
        The first places of all measures, to the same depth.
    judgements, rows
        What was judged, and the rows of the pool's lists.
    weights
        What each query counts in the mean, 1 on average; 1 each if not given.

    Examples
    --------
    >>> from anglewise.data_types.neighbours import Neighbours
    >>> from anglewise.data_types.sparse import SparseRows
    >>> qrels = SparseRows.from_pairs([0], [4], shape=(1, 9))
    >>> scores, ties = np.zeros((1, 1), np.float32), np.array([0])
    >>> found = {name: Neighbours(name, np.array([[at]]), scores, ties) for name, at in
    ...          {"dot": 4, "cosine": 7}.items()}
    >>> judged, rows = Judgements(qrels), np.array([0])
    >>> pool = Pool.of(found, judged, rows, depth=1)
    >>> lead_bounds(pool, judged, rows, depth=1)[0, 1].tolist()
    [0.0, 1.0]
    """
    top = highest_gain(judgements)
    qrels = judgements.graded.take(rows)
    measures = len(pool.measures)
    bounds = np.zeros((measures, measures, 2))
    ends = np.searchsorted(pool.lists, np.arange(pool.queries + 1))
    for query, (first, last) in enumerate(pairwise(ends)):
        gains = np.maximum(qrels.values[qrels.indptr[query] : qrels.indptr[query + 1]], 0)
        own, judged = pool.discounts[first:last], pool.judged[first:last]
        reached = np.maximum(pool.gains[first:last][judged], 0) @ own[judged]
        lead = own[:, :, None] - own[:, None, :]
        best = -np.sort(-lead[~judged], axis=0)
        won = np.concatenate([np.zeros((1, measures, measures)), np.cumsum(best, axis=0)])
        most = _largest(reached[:, None] - reached[None, :], won, gains, top, depth)
        bounds[:, :, 1] += most if weights is None else weights[query] * most
    bounds[:, :, 0] = 0.0 - bounds[:, :, 1].T
    return bounds / max(pool.queries, 1)


def highest_gain(judgements: Judgements) -> float:
    """The highest gain that was given to any pair; 1 where none is above 0."""
    return max(float(judgements.graded.values.max(initial=0.0)), 0.0) or 1.0


STEPS = 100
"""More steps than Dinkelbach's method takes: each leaves about the square of the error."""


def _largest(
    had: Float64[Array, "m m"],
    won: Float64[Array, "counts m m"],
    gains: Float64[Array, " judged"],
    top: float,
    depth: int,
) -> Float64[Array, "m m"]:
    """The largest lead in the nDCG of one query, over all gains of its unjudged pairs.

    ``had`` is the lead in DCG by what was judged, ``won[n]`` by the ``n`` best unjudged pairs at a
    gain of 1. A vector of gains is cut at the gains that were given, into slices: in each, a pair
    counts with the whole width of the slice or not at all, as lead and best list are linear
    between two neighbouring gains in one order. Without a slice too many, the lead in DCG less
    ``ratio`` times the best list is largest when every slice takes the ``n`` pairs that suit it
    best, and higher slices, where fewer judged pairs stand, take no more than lower ones. The
    ratio that makes it 0 is the largest (Dinkelbach 1967). Where no ratio reaches 0 the function is
    convex, and all pairs that count do so with the highest gain.
    """
    near = -np.sort(-gains)[:depth]
    cuts = np.unique(np.concatenate([[0.0, top], near]))
    widths, above = np.diff(cuts), (near > cuts[:-1, None]).sum(axis=1)
    worth = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, depth + 2)))])
    counts = np.minimum(above[:, None] + np.arange(len(won)), depth)
    ideals = worth[counts]  # slices x counts
    whole = np.maximum(widths @ ideals, np.finfo(float).tiny)
    ratio: Float64[Array, "m m"] = ((had + top * won) / whole[:, None, None]).max(axis=0)
    for _ in range(STEPS if len(widths) > 1 else 0):
        lead, best = had.copy(), np.zeros_like(had)
        for width, ideal_of in zip(widths.tolist(), ideals, strict=True):
            chosen = (won - ratio * ideal_of[:, None, None]).argmax(axis=0)
            lead += width * np.take_along_axis(won, chosen[None], axis=0)[0]
            best += width * ideal_of[chosen]
        better = (ratio >= 0) & (lead > ratio * best * (1 + 1e-15)) & (best > 0)
        if not better.any():
            break
        ratio[better] = np.maximum(lead[better] / best[better], ratio[better])
    return ratio


ENOUGH = 30
"""Judged pairs from which on the chance of relevance follows the ranks."""
DRAWS = 4_000


@dataclass(frozen=True, eq=False)
class PoolState:
    """What the judged pairs of a pool say about the measures' mean nDCG on some queries.

    A pair that nobody judged is relevant with a chance that grows with its ranks, as learned from
    judged pairs. So each mean has an expectation, and each difference a variance to which
    every unjudged pair adds its part: the square of the difference of the two measures' discounts,
    times the variance of its gain (Carterette, Allan and Sitaraman 2006). The variance between
    queries is not in it: more judgements on these queries cannot make it smaller.

    Attributes
    ----------
    pool
        The pairs.
    expected, variance
        Of the gain of each pair, where gains are divided by the power of two that brings the
        highest below 1, so that their squares fit float64; a judged one has no variance.
    weights
        ``pairs x measures``: what a gain of one adds to each mean.
    """

    pool: Pool
    expected: Float64[Array, " pairs"]
    variance: Float64[Array, " pairs"]
    weights: Float64[Array, "pairs m"]

    @staticmethod
    def of(
        pool: Pool,
        judgements: Judgements,
        rows: Int64[Array, " q"],
        depth: int = 10,
        query_weights: Float64[Array, " q"] | None = None,
    ) -> "PoolState":
        """The state of a pool; ``rows`` are the rows of the pool's queries.

        ``query_weights`` are what these count in means, 1 on average; 1 each if not given.
        """
        likely = np.where(pool.judged, 0.0, _chance_of_relevance(pool))
        power = int(np.frexp(highest_gain(judgements))[1])
        graded = np.ldexp(judgements.gains.values, -power)
        good = graded[graded > 0]
        gain, spread = (good.mean(), good.var()) if len(good) else (1.0, 0.0)
        expected = np.where(pool.judged, np.ldexp(np.maximum(pool.gains, 0), -power), likely * gain)
        variance = likely * (1 - likely) * gain**2 + likely * spread
        usual = float(np.ldexp(gain, power))
        best = _expected_ideal(pool, judgements.graded.take(rows), likely, usual, depth)
        best = np.ldexp(best, -power)
        best = np.where(best > 0, best, 1.0)  # no list has a gain then: expected is 0 in all of it
        weights = pool.discounts / best[pool.lists, None] / max(pool.queries, 1)
        if query_weights is not None:
            weights *= query_weights[pool.lists, None]
        return PoolState(pool, expected, variance, weights)

    @cached_property
    def means(self) -> Float64[Array, " m"]:
        """The expected mean nDCG of each measure."""
        return self.weights.T @ self.expected

    @cached_property
    def chance_best(self) -> Float64[Array, " m"]:
        """The chance that each measure is the best on these queries once all is judged."""
        difference = self.weights - self.weights.mean(axis=1, keepdims=True)
        covariance = (difference * self.variance[:, None]).T @ difference
        values, vectors = np.linalg.eigh(covariance)
        noise = np.random.default_rng(0).standard_normal((DRAWS, len(values)))
        drawn = self.means + noise @ (vectors * np.sqrt(np.maximum(values, 0))).T
        best = drawn >= drawn.max(axis=1, keepdims=True) - 1e-12
        return (best / best.sum(axis=1, keepdims=True)).mean(axis=0)

    @cached_property
    def worth(self) -> Float64[Array, " pairs"]:
        """How much each pair's judgement would tell about which measure is the best; 0 if judged.

        The share of the variance of the leader's lead that it would remove, averaged over rivals
        weighted by how near each is, in standard deviations.
        """
        leader = int(self.means.argmax())
        rivals = np.arange(len(self.means)) != leader
        difference = self.weights[:, [leader]] - self.weights[:, rivals]
        parts = difference**2 * self.variance[:, None]
        total = parts.sum(axis=0)
        uncertain = total > 0
        if not uncertain.any():
            return np.zeros(len(self.variance))
        spread = np.sqrt(total[uncertain])
        distance = (self.means[leader] - self.means[rivals][uncertain]) / spread
        nearness = np.exp((distance.min() ** 2 - distance**2) / 2) / spread
        return parts[:, uncertain] @ (nearness / nearness.sum() / total[uncertain])

    def most_informative(self, count: int = 20) -> Int64[Array, " some"]:
        """The numbers of the pairs to judge next, those of the most worth first."""
        order = np.lexsort((self.pool.items, self.pool.lists, -self.worth))
        return order[: min(count, int(np.count_nonzero(self.worth > 0)))]


def _chance_of_relevance(pool: Pool) -> Float64[Array, " pairs"]:
    nearness = pool.discounts.mean(axis=1)
    relevant = pool.gains[pool.judged] > 0
    if len(relevant) < ENOUGH or relevant.all() or not relevant.any():
        return np.full(len(nearness), (relevant.sum() + 1) / (len(relevant) + 5))
    return logistic(nearness[pool.judged], relevant)(nearness)


def _expected_ideal(
    pool: Pool, qrels: SparseRows, likely: Float64[Array, " pairs"], gain: float, depth: int
) -> Float64[Array, " q"]:
    """The discounted gain of each query's best list of what is relevant and of what may be."""
    good = qrels.values > 0
    return ideal(
        np.concatenate([qrels.rows[good], pool.lists]),
        np.concatenate([qrels.values[good], np.full(len(pool.lists), gain)]),
        np.concatenate([np.ones(np.count_nonzero(good)), likely]),
        depth=depth,
        queries=pool.queries,
    )
