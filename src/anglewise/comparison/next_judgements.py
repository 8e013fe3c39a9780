"""What is not judged: how far it could move a comparison, and which pairs to judge next."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.evidence import group_results
from anglewise.data_types.text import counted, listed
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import metric
from anglewise.evaluation_metrics.metrics import NDCG

PAIRS = 20
LEVEL = 1e-12
"""Leads up to this are rounding."""
SURE = 0.99
"""Chances beyond this are not told more exactly: what they suppose is not known so well."""


@dataclass(frozen=True)
class LeadBounds:
    """How much the best measure is ahead of a rival on these queries, whatever the rest says."""

    measure: str
    lead: float
    low: float
    high: float


@dataclass(frozen=True)
class ToJudge:
    """A pair that nobody judged, and what the measures make of it.

    ``worth`` is the share of the doubt about who is the best that its judgement would take away,
    by the same supposition as the chances.
    """

    query_id: str
    item_id: str
    ranks: dict[str, int]
    worth: float


@dataclass(frozen=True)
class Unjudged:
    """What is not judged among the first places of the measures.

    Attributes
    ----------
    pairs, judged
        Pairs among the first places of any measure, and how many of them were judged.
    best
        The measure that is ahead.
    bounds
        Its lead over each other one, in the worst and in the best case.
    chance_best
        How likely each measure is the best on these queries once all is judged, if pairs that
        nobody judged are relevant as often as those that somebody did, each by itself.
    to_judge
        The pairs whose judgement would do most for the decision, first the most telling.
    highest_gain
        The highest gain that was given: bounds hold for any from 0 to it, of the pairs of the pool.
    relevant
        How many of the judged pairs are relevant, from which the chances are taken; None where
        that is not said.
    tuned
        Measures that were tuned or learnt by what is judged: bounds, chances and pairs are of their
        lists as they are now, and judging more may make others of them.
    """

    pairs: int
    judged: int
    best: str
    bounds: tuple[LeadBounds, ...]
    chance_best: dict[str, float]
    to_judge: tuple[ToJudge, ...]
    highest_gain: float = 1.0
    relevant: int | None = None
    tuned: tuple[str, ...] = ()

    @property
    def safe(self) -> bool:
        """Whether there is a lead that no judgement of the rest, up to the highest gain, can take.

        Not where no other measure ranks otherwise: there is nothing to be ahead of; nor where one
        is tuned by what is judged, and so may list others then.
        """
        if self.tuned and self.judged < self.pairs:
            return False
        return bool(self.bounds) and all(bound.low > 0 for bound in self.bounds)

    @property
    def level(self) -> tuple[str, ...]:
        """The others that are as good as the best so far."""
        return tuple(bound.measure for bound in self.bounds if bound.lead <= LEVEL)

    def __str__(self) -> str:
        pairs = counted(self.pairs, "pair")
        known = (
            f"all {pairs} in the lists are judged"
            if self.judged == self.pairs
            else f"{self.judged:,} of {pairs} in the lists are judged"
        )
        words = [known, self._standing()]
        if self.tuned and self.bounds and self.judged < self.pairs:
            words.append(
                f"all this is of {listed(self.tuned)} as tuned now: tuned by more judgements, "
                f"{'they' if len(self.tuned) > 1 else 'it'} may rank otherwise"
            )
        return "; ".join(words)

    def _standing(self) -> str:
        """Who is ahead, and what the rest of the pairs could do to that."""
        if not self.bounds:
            return f"no other that was compared ranks otherwise than {self.best}"
        if self.level:
            so_far = f"{listed([self.best, *self.level])} are level on these queries"
        elif self.judged == self.pairs or self.safe:
            so_far = f"{self.best} is ahead of all others on these queries"
        else:
            so_far = f"{self.best} is ahead on these queries"
        if self.judged == self.pairs:
            return so_far
        if self.safe:
            return f"{so_far}, whatever the rest of them says in grades up to {self.highest_gain:g}"
        return f"{so_far}, and the rest of them could turn the order round: {self._likely()}"

    def _likely(self) -> str:
        """How likely the best stays so, and what that supposes of pairs that are not judged."""
        if self.relevant is not None and self.relevant == self.judged:
            return "how likely is not known, as none was judged and found not relevant"
        chance = self.chance_best[self.best]
        share = f"{chance:.0%}"
        if not 1 - SURE <= chance <= SURE:
            share = "over 99%" if chance > SURE else "under 1%"
        seen = "" if self.relevant is None else f" ({self.relevant:,} of {self.judged:,})"
        return (
            f"{self.best} comes out best with a chance of {share} if those not judged are relevant "
            f"as often as the judged ones{seen}, each by itself"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys."""
        return {
            "pairs": self.pairs,
            "judged": self.judged,
            "best": self.best,
            "safe": self.safe,
            "bounds": [asdict(bound) for bound in self.bounds],
            "chance_best": self.chance_best,
            "to_judge": [asdict(pair) for pair in self.to_judge],
            "highest_gain": self.highest_gain,
            "relevant": self.relevant,
            "tuned": list(self.tuned),
            "reason": str(self),
        }


def unjudged(result: Comparison, pairs: int = PAIRS) -> Unjudged:
    """Say how far documents that nobody judged could move a comparison, and which to judge next.

    Parameters
    ----------
    result
        Of ``compare``, with nDCG as its metric.
    pairs
        How many pairs to name.

    Raises
    ------
    SpellingError
        Another metric, graded pairs or triplets, several truths, or lists within strata of
        similar use.

    Examples
    --------
    >>> from anglewise.comparison.compare import compare
    >>> from anglewise.data_types.embeddings import Embeddings, Space
    >>> from anglewise.data_types.judgements import Judgements
    >>> from anglewise.data_types.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = Embeddings(x * rng.uniform(0.2, 5, (60, 1)))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = compare(Space(queries=Embeddings(x + 0.3), items=items), Judgements(own))
    >>> rest = unjudged(result)
    >>> rest.safe, len(rest.to_judge)
    (False, 20)
    """
    from anglewise.evaluation_metrics.pools import Pool, PoolState, highest_gain, lead_bounds

    ndcg = metric(result.metric)
    if type(ndcg) is not NDCG or result.spaces:
        raise SpellingError(
            f"how far the rest could move a verdict is known for nDCG in one space, not for "
            f"{result.metric}{' of several' if result.spaces else ''}: compare by nDCG@10"
        )
    if result.within and len(result.truths) < 2:
        raise SpellingError(
            f"what to judge next is known of lists over all items, and these are within "
            f"{result.within}, by judgements that use made: leave it out"
        )
    groups = group_results(result)
    judgements, queries, leader = groups.judgements, groups.rows, groups.leader
    pool = Pool.of(groups.found, judgements, queries, ndcg.depth)
    weights = None if result.weights is None else result.weights.values
    state = PoolState.of(pool, judgements, queries, ndcg.depth, weights)
    bounds = lead_bounds(pool, judgements, queries, ndcg.depth, weights)[leader]
    means = [row.metrics[result.metric].mean for row in groups.measures]
    asking, ranked = groups.space.sides(judgements.direction)
    return Unjudged(
        pairs=len(pool.items),
        judged=int(np.count_nonzero(pool.judged)),
        best=groups.measures[leader].measure,
        bounds=tuple(
            LeadBounds(row.measure, means[leader] - means[i], *map(float, bounds[i]))
            for i, row in enumerate(groups.measures)
            if i != leader
        ),
        chance_best=dict(zip(pool.measures, state.chance_best.tolist(), strict=True)),
        to_judge=tuple(
            ToJudge(
                str(asking.ids[queries[pool.lists[pair]]]),
                str(ranked.ids[pool.items[pair]]),
                pool.ranks(pair),
                float(state.worth[pair]),
            )
            for pair in state.most_informative(pairs).tolist()
        ),
        highest_gain=highest_gain(judgements),
        relevant=int(np.count_nonzero(pool.gains[pool.judged] > 0)),
        tuned=tuple(row.measure for row in groups.measures if row.settings),
    )
