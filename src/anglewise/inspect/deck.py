"""The queue of pairs to judge: what several measures rank near, in an order that leads nobody."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from zlib import crc32

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Direction, Int64
from anglewise.engine.search import search
from anglewise.errors import TooFewError
from anglewise.inspect.inspected import Inspected
from anglewise.inspect.picks import awake
from anglewise.inspect.queue import Queue
from anglewise.measures.formulas import Measure
from anglewise.metrics.pools import Open, Pool

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
    queued
        The places of the pairs in the order of a queue, where they come from one; then each judge
        follows it.
    by_lot
        Whether only some pairs of each query are here, drawn by lot.
    """

    direction: Direction
    measures: tuple[str, ...]
    depth: int
    seed: int
    rows: Int64[Array, " q"]
    found: Mapping[str, Neighbours]
    pool: Pool
    queued: tuple[int, ...] | None = None
    by_lot: bool = False

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
        """Query after query, the items of each shuffled for this judge; a queue as it is."""
        if self.queued is not None:
            return list(self.queued)
        rng = np.random.default_rng([self.seed, crc32(judge.encode())])
        by_chance = rng.permutation(self.size)
        return by_chance[np.argsort(self.pool.lists[by_chance], kind="stable")].tolist()

    def informative(self, judged: Judgements) -> list[int]:
        """The pairs that would do most for the decision, as things stand, best first.

        Of a queue those that it holds: the lists hold others.
        """
        pool = Pool.of(self.found, judged, self.rows, self.depth)
        told = Open.of(pool, judged, self.rows, self.depth).most_informative(len(pool.items))
        asking, items = self.rows[pool.lists[told]].tolist(), pool.items[told].tolist()
        place_of = {pair: place for place, pair in enumerate(self.pairs)}
        wanted = [place_of[pair] for pair in zip(asking, items, strict=True) if pair in place_of]
        return wanted[:INFORMATIVE]

    def ranks(self, place: int) -> dict[str, int]:
        """At which rank each measure has a pair: what is stored with a judgement, and not shown."""
        return self.pool.ranks(place)

    def complete(self, judged: Collection[tuple[int, int]]) -> list[int]:
        """Who asks and has every pair judged: only these are fair to all measures."""
        missing = {asks for asks, item in self.pairs if (asks, item) not in judged}
        return [int(row) for row in self.rows if int(row) not in missing]


def deal(seen: Inspected, direction: Direction, measures: Sequence[Measure], depth: int) -> Deck:
    """Draw queries, search them under each measure, and pool what is found.

    Raises ``TooFewError`` where nothing can be ranked.
    """
    queue = None if seen.queue is None or seen.queue.direction != direction else seen.queue
    rows = _drawn(seen, direction) if queue is None else _asking(seen, queue)
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
    pool = Pool.of(found, nothing_judged(seen, direction), rows, depth)
    deck = Deck(direction, tuple(found), depth, seen.seed, rows, found, pool)
    return deck if queue is None else _in_order(deck, seen, queue)


def _drawn(seen: Inspected, direction: Direction) -> Int64[Array, " q"]:
    rng = np.random.default_rng(seen.seed)
    return rng.permutation(awake(seen, direction))[:QUERIES].astype(np.int64)


def _asking(seen: Inspected, queue: Queue) -> Int64[Array, " q"]:
    """The queries of a queue in its order."""
    row_of = seen.asking(queue.direction).embeddings.row_of
    return np.array(
        list(dict.fromkeys(row_of[one.query_id] for one in queue.pairs)), dtype=np.int64
    )


def _in_order(deck: Deck, seen: Inspected, queue: Queue) -> Deck:
    """The pairs of the queue instead of the pool, which knows at which ranks they were found."""
    asking, ranked = seen.space.sides(queue.direction)
    place_of = {int(row): place for place, row in enumerate(deck.rows)}
    wanted = [
        (place_of[asking.row_of[one.query_id]], ranked.row_of[one.item_id]) for one in queue.pairs
    ]
    pairs = sorted(wanted)
    where = {pair: at for at, pair in enumerate(pairs)}
    pool, discounts = deck.pool, np.zeros((len(pairs), len(deck.measures)))
    near = zip(pool.lists.tolist(), pool.items.tolist(), pool.discounts, strict=True)
    for asks, item, weights in near:
        if (asks, item) in where:
            discounts[where[asks, item]] = weights
    lists, items = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    nothing = np.zeros(len(pairs))
    chosen = Pool(lists, items, discounts, nothing, nothing > 0, pool.measures, pool.queries)
    order = tuple(where[pair] for pair in wanted)
    return replace(deck, pool=chosen, queued=order, by_lot=queue.by_lot)


def nothing_judged(seen: Inspected, direction: Direction) -> Judgements:
    """Judgements before the first one."""
    asking, ranked = seen.space.sides(direction)
    empty = np.empty(0, dtype=np.int64)
    none = SparseRows.from_pairs(empty, empty, shape=(len(asking), len(ranked)))
    return Judgements(none, direction)
