"""Which queries, and which of their items, to put before a judge."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Direction, Float64, Int64
from anglewise.engine.search import search
from anglewise.errors import SpellingError, TooFewError
from anglewise.judge.strata import line, numbers
from anglewise.measures.formulas import Measure
from anglewise.metrics.pools import Pool
from anglewise.statistics.planning import LEAST, inclusion_chances, systematic

By: TypeAlias = Literal["pool", "disagreement"]
LOOKED_AT = 400
"""Queries that are searched to see how large pools are."""
WIDER = 3
"""By disagreement so many times as many queries are asked about, each about fewer of its items."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs to judge, in the order in which to judge them.

    Attributes
    ----------
    rows, items
        The query and the item of each pair, as rows of the direction's sides.
    chances
        With which chance each pair of a drawn query was drawn; 1 where whole pools are judged.
    ranks
        ``pairs x measures``: where each measure ranks the item, 0 for beyond the depth.
    strata
        For each pair the stratum of its query, in words.
    asked
        The rows of the queries that were drawn, in order.
    """

    direction: Direction
    by: By
    depth: int
    measures: tuple[str, ...]
    rows: Int64[Array, " pairs"]
    items: Int64[Array, " pairs"]
    chances: Float64[Array, " pairs"]
    ranks: Int64[Array, "pairs m"]
    strata: tuple[str, ...]
    asked: Int64[Array, " queries"]

    def __len__(self) -> int:
        return len(self.rows)


def sample(
    space: Space,
    measures: Iterable[str | Measure] | str = "dot,cosine,euclidean",
    *,
    direction: Direction = "queries-items",
    budget: int = 200,
    by: By = "pool",
    depth: int = 10,
    strata: Sequence[str] = (),
    traffic: str | None = None,
    judged: Judgements | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Sample:
    """Choose pairs to judge so that what is estimated from them holds for all queries.

    Queries are drawn along a line on which those of one stratum stand side by side (systematic
    sampling), so that every stratum gets its share and every query has the same chance, or one in
    proportion to its traffic: plain means over the judged queries are without bias. Of each,
    either the whole pool of all measures is judged (``pool``: the first ``depth`` places of each),
    or pairs are drawn, the likelier the more they tell the measures apart (``disagreement``), with
    chances that metrics ending in ``(sampled)`` weigh by.

    Parameters
    ----------
    space
        The vectors.
    measures
        All that will be compared: one that is not in the pool is at a disadvantage later.
    budget
        How many pairs at most.
    strata
        What queries are spread over: ``clusters(8)``, ``length`` of their text, or a column of
        their metadata, words or numbers (in quarters).
    traffic
        A column with how often each query is asked.
    judged
        What was judged before: these pairs are left out.

    Raises
    ------
    SpellingError
        An unknown way, stratum or column.
    TooFewError
        A budget that does not do for one query.

    Examples
    --------
    >>> from anglewise.core.embeddings import Embeddings
    >>> rng = np.random.default_rng(0)
    >>> x = Embeddings(rng.normal(size=(80, 6)) * rng.lognormal(size=(80, 1)))
    >>> drawn = sample(Space(queries=x, items=x), "dot,cosine", budget=60, strata=["clusters(4)"])
    >>> len(drawn) <= 60, sorted(set(drawn.strata))[:2]
    (True, ['cluster 0', 'cluster 1'])
    """
    if by not in ("pool", "disagreement"):
        raise SpellingError(f"pairs are drawn by 'pool' or by 'disagreement', not by {by!r}")
    rng = np.random.default_rng(seed)
    asking, ranked = space.sides(direction)
    may_ask = np.flatnonzero(asking.norms > 0).astype(np.int64)
    places, words = line(asking, may_ask, strata, rng)
    share = _traffic(asking, places, traffic)

    def pooled(rows: Int64[Array, " q"]) -> Pool:
        found = search(
            space,
            measures,
            k=min(depth, len(ranked) - (direction != "queries-items")),
            direction=direction,
            rows=rows,
            exclude=None if judged is None else judged.seen,
            threads=threads,
        )
        shape = (len(asking), len(ranked))
        known = judged or Judgements(SparseRows.from_pairs([], [], shape=shape), direction)
        return Pool.of(found, known, rows, depth)

    few = np.sort(rng.permutation(may_ask)[:LOOKED_AT])
    if not len(few):
        raise TooFewError("no query has a vector that is not zero: none of them can ask")
    look = pooled(few)
    wanted = _queries(budget, np.count_nonzero(~look.judged) / len(few), by, len(places))
    drawn = places[systematic(inclusion_chances(share, wanted, least=0.0), rng)]
    asked = rng.permutation(drawn)
    pool = pooled(asked)
    at, chances = _pairs(pool, budget, by, rng)
    depths = pool.discounts[at]
    ranks = np.where(depths > 0, np.round(2 ** (1 / np.where(depths > 0, depths, 1))) - 1, 0)
    return Sample(
        direction=direction,
        by=by,
        depth=depth,
        measures=pool.measures,
        rows=asked[pool.lists[at]],
        items=pool.items[at],
        chances=chances,
        ranks=ranks.astype(np.int64),
        strata=tuple(words[row] for row in asked[pool.lists[at]].tolist()),
        asked=asked[: int(pool.lists[at].max()) + 1],
    )


def _queries(budget: int, pairs_a_query: float, by: By, possible: int) -> int:
    wanted = int(budget / max(pairs_a_query, 1) * (WIDER if by == "disagreement" else 1))
    if wanted < 1:
        raise TooFewError(
            f"a budget of {budget} does not do for one query, which takes {pairs_a_query:.0f} "
            "pairs: raise it, or lower the depth"
        )
    return min(wanted, possible)


def _traffic(asking: Embeddings, places: Array, column: str | None) -> Float64[Array, " n"]:
    if column is None:
        return np.ones(len(places))
    return numbers(asking, column)[places]


def _pairs(
    pool: Pool, budget: int, by: By, rng: np.random.Generator
) -> tuple[Int64[Array, " pairs"], Float64[Array, " pairs"]]:
    """Places in the pool, query after query and by chance within each, and their chances."""
    shuffled = rng.permutation(len(pool.lists))
    order = shuffled[np.argsort(pool.lists[shuffled], kind="stable")]
    order = order[~pool.judged[order]]
    if by == "pool":
        whole = np.searchsorted(pool.lists[order], np.arange(1, pool.queries + 1))
        fits = int(whole[whole <= budget].max(initial=0))
        return order[:fits], np.ones(fits)
    discounts = pool.discounts[order]
    apart = discounts.max(axis=1) - discounts.min(axis=1)
    count = min(budget, len(order))
    chances = inclusion_chances(apart, count, least=min(LEAST, count / len(order)))
    drawn = systematic(chances, rng)
    return order[drawn], chances[drawn]
