"""What nobody judged: how far it could move the verdict, and which of it to judge first."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from anglewise.compare.result import Comparison
from anglewise.compare.standing import standing
from anglewise.errors import SpellingError
from anglewise.metrics.evaluate import metric
from anglewise.metrics.metrics import NDCG
from anglewise.metrics.pools import Open, Pool, lead_bounds

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
    """

    pairs: int
    judged: int
    best: str
    bounds: tuple[LeadBounds, ...]
    chance_best: dict[str, float]
    to_judge: tuple[ToJudge, ...]

    @property
    def safe(self) -> bool:
        """Whether no judgement of the rest can take the lead away."""
        return all(one.low > 0 for one in self.bounds)

    def __str__(self) -> str:
        if self.safe:
            return f"whatever the rest says, {self.best} stays ahead on these queries"
        chance = self.chance_best[self.best]
        return (
            f"{self.judged:,} of {self.pairs:,} pairs are judged; the rest could turn the order "
            f"round, and {self.best} stays ahead on these queries with a chance of {chance:.0%}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys."""
        return {
            "pairs": self.pairs,
            "judged": self.judged,
            "best": self.best,
            "safe": self.safe,
            "bounds": [asdict(one) for one in self.bounds],
            "chance_best": self.chance_best,
            "to_judge": [asdict(one) for one in self.to_judge],
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
    >>> from anglewise.compare.conduct import compare
    >>> from anglewise.core.embeddings import Embeddings, Space
    >>> from anglewise.core.judgements import Judgements
    >>> from anglewise.core.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = Embeddings(x * rng.uniform(0.2, 5, (60, 1)))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = compare(Space(queries=Embeddings(x + 0.3), items=items), Judgements(own))
    >>> rest = unjudged(result)
    >>> rest.safe, len(rest.to_judge)
    (False, 20)
    """
    of = metric(result.metric)
    if type(of) is not NDCG or result.spaces:
        raise SpellingError(
            f"how far the rest could move a verdict is known for nDCG in one space, not for "
            f"{result.metric}{' of several' if result.spaces else ''}: compare by nDCG@10"
        )
    of_all = standing(result)
    rows, judgements, asked = of_all.measures, of_all.judgements, of_all.asked
    pool = Pool.of(of_all.found, judgements, asked, of.depth)
    state = Open.of(pool, judgements, asked, of.depth)
    means = np.array([row.metrics[result.metric].mean for row in rows])
    leader = int(means.argmax())
    bounds = lead_bounds(pool, judgements, asked, of.depth)[leader]
    asking, ranked = of_all.space.sides(judgements.direction)
    told = state.most_informative(pairs)
    return Unjudged(
        pairs=len(pool.items),
        judged=int(np.count_nonzero(pool.judged)),
        best=rows[leader].measure,
        bounds=tuple(
            LeadBounds(row.measure, float(means[leader] - means[i]), *map(float, bounds[i]))
            for i, row in enumerate(rows)
            if i != leader
        ),
        chance_best=dict(zip(pool.measures, state.chance_best.tolist(), strict=True)),
        to_judge=tuple(
            ToJudge(
                str(asking.ids[asked[pool.lists[at]]]),
                str(ranked.ids[pool.items[at]]),
                pool.ranks(at),
                float(state.worth[at]),
            )
            for at in told.tolist()
        ),
    )
