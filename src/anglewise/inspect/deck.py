"""The queue of pairs to judge: what several measures rank near, in an order that leads nobody."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np

from anglewise.errors import TooFewError
from anglewise.evaluation.informative import Open
from anglewise.evaluation.pool import Pool
from anglewise.inspect.inspected import Inspected
from anglewise.inspect.picks import awake
from anglewise.judgements.judgements import Judgements
from anglewise.measures.measure import Measure
from anglewise.neighbours import Neighbours
from anglewise.search.engine import search
from anglewise.sparse import SparseRows
from anglewise.typing import Array, Direction, Int64

QUERIES = 200
"""How many queries are drawn for judging."""

INFORMATIVE = 200
"""How many of the most informative pairs are put in front at a time."""


@dataclass(frozen=True, eq=False)
class Deck:
    """Every pair among the first ``depth`` places of any measure, for queries drawn at random.

    Attributes
    ----------
    rows
        Who asks, in the order in which they are judged: the same for all judges, so that judges
        can be compared.
    pool
        The pairs; ``pool.lists`` counts in ``rows``.
    found
        The lists that were pooled.
    """

    direction: Direction
    measures: tuple[str, ...]
    depth: int
    seed: int
    rows: Int64[Array, " q"]
    found: Mapping[str, Neighbours]
    pool: Pool

    @property
    def size(self) -> int:
        """How many pairs there are."""
        return len(self.pool.items)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """Rows of the asking and of the ranked side."""
        asking: list[int] = self.rows[self.pool.lists].tolist()
        return list(zip(asking, self.pool.items.tolist(), strict=True))

    def order(self, judge: str) -> list[int]:
        """Query after query, the items of each shuffled for this judge."""
        rng = np.random.default_rng([self.seed, crc32(judge.encode())])
        by_chance = rng.permutation(self.size)
        return by_chance[np.argsort(self.pool.lists[by_chance], kind="stable")].tolist()

    def informative(self, judged: Judgements) -> list[int]:
        """The pairs that would do most for the decision, as things stand, best first."""
        pool = Pool.of(self.found, judged, self.rows, self.depth)
        return Open.of(pool, judged, self.rows, self.depth).most_informative(INFORMATIVE).tolist()

    def ranks(self, place: int) -> dict[str, int]:
        """At which rank each measure has a pair: what is stored with a judgement, and not shown."""
        discounts = self.pool.discounts[place]
        return {
            name: round(2 ** (1 / weight)) - 1
            for name, weight in zip(self.measures, discounts.tolist(), strict=True)
            if weight > 0
        }

    def complete(self, judged: Collection[tuple[int, int]]) -> list[int]:
        """Who asks and has every pair judged: only these are fair to all measures."""
        missing = {asks for asks, item in self.pairs if (asks, item) not in judged}
        return [int(row) for row in self.rows if int(row) not in missing]


def deal(seen: Inspected, direction: Direction, measures: Sequence[Measure], depth: int) -> Deck:
    """Draw queries, search them under each measure, and pool what is found.

    Raises ``TooFewError`` where nothing can be ranked.
    """
    rng = np.random.default_rng(seen.seed)
    rows = rng.permutation(awake(seen, direction))[:QUERIES].astype(np.int64)
    ranked = len(seen.ranked(direction).embeddings) - (direction != "queries-items")
    if not measures or ranked < 1:
        raise TooFewError("there is nothing to judge: no measure parses, or there is one item")
    judged = seen.judgements.get(direction)
    found = search(
        seen.space,
        measures,
        k=min(depth, ranked),
        direction=direction,
        rows=rows,
        exclude=None if judged is None else judged.seen,
    )
    names = tuple(found)
    return Deck(
        direction,
        names,
        depth,
        seen.seed,
        rows,
        found,
        Pool.of(found, nothing_judged(seen, direction), rows, depth),
    )


def nothing_judged(seen: Inspected, direction: Direction) -> Judgements:
    """Judgements before the first one."""
    asking, ranked = seen.space.sides(direction)
    empty = np.empty(0, dtype=np.int64)
    none = SparseRows.from_pairs(empty, empty, shape=(len(asking), len(ranked)))
    return Judgements(none, direction)
