"""What to judge next: queries worth a look, pairs in blind order, the decision so far."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Any
from zlib import crc32

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Direction, Int64
from anglewise.engine.search import search
from anglewise.errors import AnglewiseError, TooFewError
from anglewise.judgements.combine import combined
from anglewise.judgements.records import Judged
from anglewise.measures.formulas import Measure
from anglewise.metrics.breadth import disagreement
from anglewise.metrics.evaluate import evaluate
from anglewise.metrics.pools import Pool, PoolState
from anglewise.page.open_space import Inspected, Queue
from anglewise.page.security import BusyError
from anglewise.page.state import in_background, in_time
from anglewise.report.words import counted

ASKED = 500
"""How many queries are searched to find those on which measures disagree."""

DEPTH = 10

PICKS = {
    "random": "At random",
    "disagree": "Measures disagree most",
    "worst": "Worst nDCG",
    "popular": "Popular",
    "rare": "Rare",
}
"""How a query may be picked, and what a person reads."""


def pick(
    inspected: Inspected,
    how: str,
    direction: Direction,
    measures: Sequence[Measure],
    after: int | None,
) -> int:
    """The row of the next query of this kind; ``after`` is the one that is shown now.

    Raises ``TooFewError`` where there is none: no judgements, a single measure.
    """
    if how == "random":
        return _random(inspected, direction, after)
    order = _ORDERS[how](inspected, direction, measures)
    if not len(order):
        raise TooFewError("there is no such query here: pick one in another way")
    places = np.flatnonzero(order == (-1 if after is None else after))
    return int(order[(int(places[0]) + 1) % len(order) if len(places) else 0])


def rows_that_ask(inspected: Inspected, direction: Direction) -> Int64[Array, " rows"]:
    """Rows that can ask: those whose vector is not zero, or all if every one is."""
    norms = inspected.asking(direction).embeddings.norms
    there = np.flatnonzero(norms > 0).astype(np.int64)
    return there if len(there) else np.arange(len(norms), dtype=np.int64)


def _random(inspected: Inspected, direction: Direction, after: int | None) -> int:
    """From the seed and from who is shown now: the same address goes to the same place."""
    rows = rows_that_ask(inspected, direction)
    rng = np.random.default_rng([inspected.seed, crc32(f"{direction}{after}".encode())])
    return int(rows[rng.integers(len(rows))])


def _disagree(
    inspected: Inspected, direction: Direction, measures: Sequence[Measure]
) -> Int64[Array, " rows"]:
    if len(measures) < 2:
        raise TooFewError("one measure cannot disagree: show two or more")
    rng = np.random.default_rng(inspected.seed)
    rows = np.sort(rng.permutation(rows_that_ask(inspected, direction))[:ASKED])
    found = search(
        inspected.space, measures, k=_depth(inspected, direction), direction=direction, rows=rows
    )
    apart = disagreement(list(found.values()), DEPTH)
    return rows[np.argsort(-apart, kind="stable")]


def _worst(
    inspected: Inspected, direction: Direction, measures: Sequence[Measure]
) -> Int64[Array, " rows"]:
    """By the nDCG of the first measure, among queries that have something relevant."""
    judgements = inspected.judgements.get(direction)
    if judgements is None:
        raise TooFewError(f"nothing was judged for {direction}: judge some pairs first")
    if not measures:
        raise TooFewError("no measure here can be read: mend one, then its worst lists are known")
    relevant = np.unique(judgements.gains.rows[judgements.gains.values > 0])
    rng = np.random.default_rng(inspected.seed)
    rows = np.sort(rng.permutation(relevant)[:ASKED]).astype(np.int64)
    depth = _depth(inspected, direction)
    found = search(
        inspected.space,
        measures[:1],
        k=depth,
        direction=direction,
        rows=rows,
        exclude=judgements.seen,
    )
    name = f"nDCG@{depth}"
    values = evaluate(found, judgements, rows, name)[name][0]
    return rows[np.argsort(values, kind="stable")]


def _popular(
    inspected: Inspected, direction: Direction, measures: Sequence[Measure]
) -> Int64[Array, " rows"]:
    del measures
    rows = rows_that_ask(inspected, direction)
    return rows[np.argsort(-inspected.asking(direction).prominence[rows], kind="stable")]


def _rare(
    inspected: Inspected, direction: Direction, measures: Sequence[Measure]
) -> Int64[Array, " rows"]:
    return _popular(inspected, direction, measures)[::-1]


def _depth(inspected: Inspected, direction: Direction) -> int:
    ranked = len(inspected.ranked(direction).embeddings)
    return max(1, min(DEPTH, ranked - (direction != "queries-items")))


_ORDERS: dict[str, Callable[[Inspected, Direction, Sequence[Measure]], Int64[Array, " rows"]]] = {
    "disagree": _disagree,
    "worst": _worst,
    "popular": _popular,
    "rare": _rare,
}


EVERY = 3.0
"""Seconds between two comparisons."""


@dataclass
class LiveDecision:
    """The decision as it stands: made anew when more was judged, at most every few seconds.

    It is made in the background, for it may take long; who asks waits a while for it and is told
    what was said last where that does not do.
    """

    _at: float = -EVERY
    _count: int = -1
    _said: dict[str, Any] = field(default_factory=dict[str, Any])
    _working: Lock = field(default_factory=Lock)

    def late(self, rows: Sequence[Judged]) -> bool:
        """Whether more was judged than the last decision knew."""
        return len(rows) != self._count

    def decision(
        self, inspected: Inspected, queue: "JudgingQueue", rows: Sequence[Judged]
    ) -> dict[str, Any]:
        """What can be said now; what was said last while it is not yet time."""
        if not self.late(rows) or time.monotonic() - self._at < EVERY:
            return self._said
        if self._working.acquire(blocking=False):
            with suppress(BusyError):
                in_time(in_background(lambda: self._decide(inspected, queue, rows)))
        return self._said

    def _decide(self, inspected: Inspected, queue: "JudgingQueue", rows: Sequence[Judged]) -> None:
        try:
            self._said = decide(inspected, queue, rows)
            self._count = len(rows)
        finally:
            self._at = time.monotonic()
            self._working.release()


QUERIES = 200
"""How many queries are drawn for judging."""

INFORMATIVE = 200
"""How many of the most informative pairs are put in front at a time."""


@dataclass(frozen=True, eq=False)
class JudgingQueue:
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
    live
        The decision among the measures, as far as these pairs were judged.
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
    live: LiveDecision = field(default_factory=LiveDecision)

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
        best = PoolState.of(pool, judged, self.rows, self.depth).most_informative(len(pool.items))
        asking, items = (
            self.rows[pool.lists[best]].tolist(),
            pool.items[best].tolist(),
        )
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


def draw_queue(
    inspected: Inspected, direction: Direction, measures: Sequence[Measure], depth: int
) -> JudgingQueue:
    """Draw queries, search them under each measure, and pool what is found.

    Raises ``TooFewError`` where nothing can be ranked.
    """
    given = (
        None
        if inspected.queue is None or inspected.queue.direction != direction
        else inspected.queue
    )
    rows = _drawn(inspected, direction) if given is None else _asking(inspected, given)
    ranked = len(inspected.ranked(direction).embeddings) - (direction != "queries-items")
    if not measures or ranked < 1:
        raise TooFewError("there is nothing to judge: no measure parses, or there is one item")
    judged = inspected.judgements.get(direction)
    found = search(
        inspected.space,
        measures,
        k=min(depth, ranked),
        direction=direction,
        rows=rows,
        exclude=None if judged is None else judged.seen,
    )
    pool = Pool.of(found, nothing_judged(inspected, direction), rows, depth)
    queue = JudgingQueue(direction, tuple(found), depth, inspected.seed, rows, found, pool)
    return queue if given is None else _in_order(queue, inspected, given)


def _drawn(inspected: Inspected, direction: Direction) -> Int64[Array, " q"]:
    rng = np.random.default_rng(inspected.seed)
    return rng.permutation(rows_that_ask(inspected, direction))[:QUERIES].astype(np.int64)


def _asking(inspected: Inspected, given: Queue) -> Int64[Array, " q"]:
    """The queries of a queue in its order."""
    row_of = inspected.asking(given.direction).embeddings.row_of
    return np.array(
        list(dict.fromkeys(row_of[one.query_id] for one in given.pairs)), dtype=np.int64
    )


def _in_order(queue: JudgingQueue, inspected: Inspected, given: Queue) -> JudgingQueue:
    """The pairs of the queue instead of the pool, which knows at which ranks they were found."""
    asking, ranked = inspected.space.sides(given.direction)
    place_of = {int(row): place for place, row in enumerate(queue.rows)}
    wanted = [
        (place_of[asking.row_of[one.query_id]], ranked.row_of[one.item_id]) for one in given.pairs
    ]
    pairs = sorted(wanted)
    where = {pair: at for at, pair in enumerate(pairs)}
    pool, discounts = queue.pool, np.zeros((len(pairs), len(queue.measures)))
    near = zip(pool.lists.tolist(), pool.items.tolist(), pool.discounts, strict=True)
    for asks, item, weights in near:
        if (asks, item) in where:
            discounts[where[asks, item]] = weights
    lists, items = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    nothing = np.zeros(len(pairs))
    chosen = Pool(lists, items, discounts, nothing, nothing > 0, pool.measures, pool.queries)
    order = tuple(where[pair] for pair in wanted)
    return replace(queue, pool=chosen, queued=order, by_lot=given.by_lot)


def nothing_judged(inspected: Inspected, direction: Direction) -> Judgements:
    """Judgements before the first one."""
    asking, ranked = inspected.space.sides(direction)
    empty = np.empty(0, dtype=np.int64)
    none = SparseRows.from_pairs(empty, empty, shape=(len(asking), len(ranked)))
    return Judgements(none, direction)


FEWEST = 5
"""Completely judged queries before anything is said."""


def decide(inspected: Inspected, queue: JudgingQueue, rows: Sequence[Judged]) -> dict[str, Any]:
    """The state of the decision among the measures of a deck, from completely judged queries.

    The statistics hold however often one looks.
    """
    from anglewise.comparison.compare import compare
    from anglewise.comparison.next_judgements import sequential

    if len(queue.measures) < 2:
        return {"state": "alone", "text": "one measure: there is nothing to decide"}
    if queue.by_lot:
        how = f"anglewise compare --metric 'nDCG(sampled)@{queue.depth}' weighs them rightly"
        return {"state": "by lot", "text": f"These pairs were drawn by lot: {how}."}
    judged = current_judgements(inspected, queue, rows)
    if judged is None:
        return _waiting(0)
    complete = queue.complete(_pairs(judged))
    if len(complete) < FEWEST:
        return _waiting(len(complete))
    part = _only(judged, complete)
    metric = f"nDCG@{queue.depth}"
    try:
        result = compare(inspected.space, part, queue.measures, metric, seed=queue.seed)
        now = sequential(result, seed=queue.seed)
    except AnglewiseError as error:
        return {"state": "waiting", "text": str(error)}
    means = {one.measure: round(one.metrics[metric].mean, 3) for one in result.measures}
    a_query = queue.size / len(queue.rows)
    more = None if not now.about_left else round(now.about_left * a_query)
    if now.decision == "decided":
        text = f"Decided: {now.reason}."
    elif more is None:
        text = f"{now.measure} is ahead; far more judgements would be needed to settle it."
    else:
        text = f"{now.measure} is ahead; about {more:,} more judgements settle it."
    return {
        "state": now.decision,
        "text": text,
        "metric": metric,
        "means": means,
        "queries": len(complete),
    }


def current_judgements(
    inspected: Inspected, queue: JudgingQueue, rows: Sequence[Judged]
) -> Judgements | None:
    """What was judged in the deck's direction, several judges made one."""
    try:
        return combined(rows, inspected.space, queue.direction)
    except AnglewiseError:
        return None


def agreement(rows: Iterable[Judged], judge: str) -> dict[str, Any]:
    """On how many pairs others judged too, and how often they gave the same grade."""
    mine: dict[tuple[str, str], float] = {}
    others: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        pair = (row.query_id, row.item_id)
        if row.judge == judge:
            mine[pair] = row.grade
        elif row.source == "human":
            others.setdefault(pair, []).append(row.grade)
    shared = [(mine[pair], grade) for pair in mine for grade in others.get(pair, ())]
    return {
        "pairs": len(shared),
        "same": sum(a == b for a, b in shared),
        "near": sum(abs(a - b) <= 1 for a, b in shared),
    }


def _waiting(complete: int) -> dict[str, Any]:
    left = counted(FEWEST - complete, "query", "queries")
    return {"state": "waiting", "text": f"{left} more to judge completely before anything is said"}


def _pairs(judged: Judgements) -> set[tuple[int, int]]:
    table = judged.gains
    return set(zip(table.rows.tolist(), table.indices.tolist(), strict=True))


def _only(judged: Judgements, rows: Sequence[int]) -> Judgements:
    table = judged.gains
    kept = np.isin(table.rows, rows)
    gains = SparseRows.from_pairs(
        table.rows[kept], table.indices[kept], table.values[kept], shape=table.shape
    )
    return Judgements(gains, judged.direction, judged.source)
