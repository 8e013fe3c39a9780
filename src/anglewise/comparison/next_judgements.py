"""What is not judged: how far it could move a comparison, and which pairs to judge next."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from anglewise.comparison.comparison_result import (
    Comparison,
    group_results,
)
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import metric
from anglewise.evaluation_metrics.metrics import NDCG

PAIRS = 20


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

    ``worth`` is the share of the doubt about who is the best that its judgement would take away.
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
        How likely each measure is the best on these queries once all is judged.
    to_judge
        The pairs whose judgement would do most for the decision, first the most telling.
    highest_gain
        The highest gain that was given: bounds hold for any from 0 to it, of the pairs of the pool.
    """

    pairs: int
    judged: int
    best: str
    bounds: tuple[LeadBounds, ...]
    chance_best: dict[str, float]
    to_judge: tuple[ToJudge, ...]
    highest_gain: float = 1.0

    @property
    def safe(self) -> bool:
        """Whether no judgement of the rest, up to the highest gain, can take the lead away."""
        return all(bound.low > 0 for bound in self.bounds)

    def __str__(self) -> str:
        if self.judged == self.pairs:
            ahead = "is ahead of all others" if self.safe else "is not ahead of all others"
            return f"all {self.pairs:,} pairs are judged; {self.best} {ahead} on these queries"
        rest = "the rest could turn the order round, and"
        chance = f" with a chance of {self.chance_best[self.best]:.0%}"
        if self.safe:
            rest, chance = f"whatever the rest says in grades up to {self.highest_gain:g},", ""
        pairs = f"{self.judged:,} of {self.pairs:,} pairs are judged"
        return f"{pairs}; {rest} {self.best} stays ahead on these queries{chance}"

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
        Another metric, or graded pairs or triplets.

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
    groups = group_results(result)
    judgements, queries, leader = groups.judgements, groups.rows, groups.leader
    pool = Pool.of(groups.found, judgements, queries, ndcg.depth)
    state = PoolState.of(pool, judgements, queries, ndcg.depth)
    bounds = lead_bounds(pool, judgements, queries, ndcg.depth)[leader]
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
    )
