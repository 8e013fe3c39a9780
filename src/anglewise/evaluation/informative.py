"""Which judgement would do most for the decision between measures."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Float64, Int64
from anglewise.evaluation.pool import Pool
from anglewise.evaluation.sampled import ideal
from anglewise.statistics.calibration import logistic

ENOUGH = 30
"""Judged pairs from which on the chance of relevance follows the ranks."""
DRAWS = 4_000


@dataclass(frozen=True, eq=False)
class Open:
    """What is known and what is open about the measures' mean nDCG on some queries.

    A pair that nobody judged is relevant with a chance that grows with its ranks, as learned from
    those that were. So each mean has an expectation, and each difference a variance to which
    every open pair adds its part: the square of what the two measures' discounts differ by, times
    the variance of its gain (Carterette, Allan and Sitaraman 2006). The variance between queries
    is not in it: more judgements on these queries cannot make it smaller.

    Attributes
    ----------
    pool
        The pairs.
    expected, variance
        Of the gain of each pair; a judged one has no variance.
    weights
        ``pairs x measures``: what a gain of one adds to each mean.
    """

    pool: Pool
    expected: Float64[Array, " pairs"]
    variance: Float64[Array, " pairs"]
    weights: Float64[Array, "pairs m"]

    @staticmethod
    def of(pool: Pool, judgements: Judgements, rows: Int64[Array, " q"], depth: int = 10) -> "Open":
        """Take stock of a pool; ``rows`` are those of the pool's lists."""
        likely = np.where(pool.judged, 0.0, _chance_of_relevance(pool))
        good = judgements.gains.values[judgements.gains.values > 0]
        gain, spread = (good.mean(), good.var()) if len(good) else (1.0, 0.0)
        expected = np.where(pool.judged, np.maximum(pool.gains, 0), likely * gain)
        variance = likely * (1 - likely) * gain**2 + likely * spread
        known = judgements.gains.take(rows)
        best = _expected_ideal(pool, known, likely, float(gain), depth)
        weights = pool.discounts / np.maximum(best, 1e-9)[pool.lists, None] / max(pool.queries, 1)
        return Open(pool, expected, variance, weights)

    @cached_property
    def means(self) -> Float64[Array, " m"]:
        """The expected mean nDCG of each measure."""
        return self.weights.T @ self.expected

    @cached_property
    def chance_best(self) -> Float64[Array, " m"]:
        """The chance that each measure is the best on these queries once all is judged."""
        apart = self.weights - self.weights.mean(axis=1, keepdims=True)
        covariance = (apart * self.variance[:, None]).T @ apart
        values, vectors = np.linalg.eigh(covariance)
        noise = np.random.default_rng(0).standard_normal((DRAWS, len(values)))
        drawn = self.means + noise @ (vectors * np.sqrt(np.maximum(values, 0))).T
        best = drawn >= drawn.max(axis=1, keepdims=True) - 1e-12
        return (best / best.sum(axis=1, keepdims=True)).mean(axis=0)

    @cached_property
    def worth(self) -> Float64[Array, " pairs"]:
        """How much each pair's judgement would tell about who is the best; 0 for judged ones.

        The share of the variance of the leader's lead that it would take away, over rivals by how
        near each is, in standard deviations.
        """
        leader = int(self.means.argmax())
        rivals = np.arange(len(self.means)) != leader
        apart = self.weights[:, [leader]] - self.weights[:, rivals]
        parts = apart**2 * self.variance[:, None]
        total = parts.sum(axis=0)
        open_still = total > 0
        if not open_still.any():
            return np.zeros(len(self.variance))
        spread = np.sqrt(total[open_still])
        away = (self.means[leader] - self.means[rivals][open_still]) / spread
        near = np.exp((away.min() ** 2 - away**2) / 2) / spread
        return parts[:, open_still] @ (near / near.sum() / total[open_still])

    def most_informative(self, count: int = 20) -> Int64[Array, " some"]:
        """The places in the pool of the pairs to judge next, the most telling first."""
        order = np.lexsort((self.pool.items, self.pool.lists, -self.worth))
        return order[: min(count, int(np.count_nonzero(self.worth > 0)))]


def _chance_of_relevance(pool: Pool) -> Float64[Array, " pairs"]:
    nearness = pool.discounts.mean(axis=1)
    seen, right = nearness[pool.judged], pool.gains[pool.judged] > 0
    if len(right) < ENOUGH or right.all() or not right.any():
        return np.full(len(nearness), (right.sum() + 1) / (len(right) + 5))
    return logistic(seen, right)(nearness)


def _expected_ideal(
    pool: Pool, known: SparseRows, likely: Float64[Array, " pairs"], gain: float, depth: int
) -> Float64[Array, " q"]:
    """The best list of what is known to be relevant and of what may be."""
    good = known.values > 0
    return ideal(
        np.concatenate([known.rows[good], pool.lists]),
        np.concatenate([known.values[good], np.full(len(pool.lists), gain)]),
        np.concatenate([np.ones(np.count_nonzero(good)), likely]),
        depth=depth,
        queries=pool.queries,
    )
