"""What to look at and judge next: queues of pairs, and the decision so far."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Any
from zlib import crc32

import numpy as np

from anglewise.data_types.drawn import QueryDraw, QueryWeights, query_draw
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.run import FORBIDDEN, Run
from anglewise.data_types.text import counted, listed
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.errors import AnglewiseError, TooFewError
from anglewise.evaluation_metrics.pools import Pool, PoolState
from anglewise.judgements.combine import combined, placed_pairs
from anglewise.judgements.records import Judged
from anglewise.web_page.limits import BusyError
from anglewise.web_page.open_space import Inspected, Queue
from anglewise.web_page.picks import rows_that_ask
from anglewise.web_page.rankings import Ranking, empty_places, nearest, nothing_judged
from anglewise.web_page.state import in_background, in_time

EVERY = 3.0
"""Seconds between two comparisons at least."""


@dataclass
class LiveDecision:
    """The decision so far: made anew when more was judged, at most every few seconds.

    It is made in the background, as it may take long. A request waits a while for it, and then
    gets the last one.
    """

    _at: float = -EVERY
    _judged: frozenset[str] | None = None
    _said: dict[str, Any] = field(default_factory=dict[str, Any])
    _working: Lock = field(default_factory=Lock)

    def late(self, rows: Sequence[Judged]) -> bool:
        """Whether the last decision was made with other judgements."""
        return _uuids(rows) != self._judged

    def decision(
        self, inspected: Inspected, queue: "JudgingQueue", rows: Sequence[Judged]
    ) -> dict[str, Any]:
        """The decision by these judgements, or the last one while a new one is not due or done."""
        if not self.late(rows) or time.monotonic() - self._at < EVERY:
            return self._said
        if self._working.acquire(blocking=False):
            with suppress(BusyError):
                in_time(in_background(lambda: self._decide(inspected, queue, rows)))
        return self._said

    def _decide(self, inspected: Inspected, queue: "JudgingQueue", rows: Sequence[Judged]) -> None:
        try:
            self._said = decide(inspected, queue, rows)
            self._judged = _uuids(rows)
        finally:
            self._at = time.monotonic()
            self._working.release()


def _uuids(rows: Iterable[Judged]) -> frozenset[str]:
    return frozenset(row.uuid for row in rows)


QUERIES = 200
"""How many queries are drawn for judging."""

INFORMATIVE = 200
"""How many of the most informative pairs are put in front at a time."""


@dataclass(frozen=True, eq=False)
class JudgingQueue:
    """The pairs to judge: those of a queue, else a pool for queries drawn at random.

    Attributes
    ----------
    rows
        The queries in the order in which they are judged: the same for all judges, so that judges
        can be compared.
    pool
        The pairs among the first ``depth`` of any measure; ``pool.lists`` are positions in
        ``rows``.
    lists
        The lists that were pooled.
    queued
        Positions of the pairs in the order of a queue, where they come from one; all judges follow
        it.
    by_lot
        Whether only some pairs of each query are here, drawn at random.
    drawn
        How the queries of a queue were drawn, where that was not with equal chances.
    live
        The decision among the measures so far.
    """

    direction: Direction
    measures: tuple[str, ...]
    depth: int
    seed: int
    rows: Int64[Array, " q"]
    lists: Mapping[str, Neighbours]
    pool: Pool
    queued: tuple[int, ...] | None = None
    by_lot: bool = False
    drawn: QueryDraw | None = None
    live: LiveDecision = field(default_factory=LiveDecision)

    @property
    def size(self) -> int:
        """How many pairs there are."""
        return len(self.pool.items)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """The row of the query and of the item of each pair."""
        asking: list[int] = self.rows[self.pool.lists].tolist()
        return list(zip(asking, self.pool.items.tolist(), strict=True))

    @property
    def weights(self) -> QueryWeights | None:
        """What the queries count in means; None where each counts alike."""
        return None if self.drawn is None else self.drawn.weights(self.rows)

    def order(self, judge: str) -> list[int]:
        """Positions of the pairs: as queued, else query by query, items shuffled for this judge."""
        if self.queued is not None:
            return list(self.queued)
        rng = np.random.default_rng([self.seed, crc32(judge.encode())])
        by_chance = rng.permutation(self.size)
        return by_chance[np.argsort(self.pool.lists[by_chance], kind="stable")].tolist()

    def informative(self, judged: Judgements) -> list[int]:
        """Positions of the pairs whose judgement would help the decision most, best first.

        Pairs that are in the lists but not in the queue are left out.
        """
        pool = Pool.of(self.lists, judged, self.rows, self.depth)
        weights = None if self.weights is None else self.weights.values
        state = PoolState.of(pool, judged, self.rows, self.depth, weights)
        ranking = state.most_informative(len(pool.items))
        asking, items = (
            self.rows[pool.lists[ranking]].tolist(),
            pool.items[ranking].tolist(),
        )
        position_of = {pair: position for position, pair in enumerate(self.pairs)}
        positions = [
            position_of[pair] for pair in zip(asking, items, strict=True) if pair in position_of
        ]
        return positions[:INFORMATIVE]

    def ranks(self, position: int) -> dict[str, int]:
        """The rank of a pair's item under each measure: stored with a judgement, and not shown."""
        return self.pool.ranks(position)

    def complete(self, judged: Collection[tuple[int, int]]) -> list[int]:
        """The queries of which every pair is judged: only these are fair to all measures."""
        incomplete = {query for query, item in self.pairs if (query, item) not in judged}
        return [int(row) for row in self.rows if int(row) not in incomplete]


def draw_queue(
    inspected: Inspected, direction: Direction, measures: Sequence[Ranking], depth: int
) -> JudgingQueue:
    """Make the queue of a direction: the pairs of a given queue, else a pool of drawn queries.

    Raises ``TooFewError`` where nothing can be ranked.
    """
    queue_given = (
        None
        if inspected.queue is None or inspected.queue.direction != direction
        else inspected.queue
    )
    rows = _drawn(inspected, direction) if queue_given is None else _asking(inspected, queue_given)
    ranked = len(inspected.ranked(direction).embeddings) - (direction != "queries-items")
    if not measures or ranked < 1:
        raise TooFewError("there is nothing to judge: no measure parses, or there is one item")
    lists = nearest(inspected, measures, k=min(depth, ranked), direction=direction, rows=rows)
    pool = Pool.of(lists, nothing_judged(inspected, direction), rows, depth)
    queue = JudgingQueue(direction, tuple(lists), depth, inspected.seed, rows, lists, pool)
    return queue if queue_given is None else _in_order(queue, inspected, queue_given)


def _drawn(inspected: Inspected, direction: Direction) -> Int64[Array, " q"]:
    rng = np.random.default_rng(inspected.seed)
    return rng.permutation(rows_that_ask(inspected, direction))[:QUERIES].astype(np.int64)


def _asking(inspected: Inspected, queue: Queue) -> Int64[Array, " q"]:
    """The queries of a queue, each once, in its order."""
    row_of = inspected.asking(queue.direction).embeddings.row_of
    return np.array(
        list(dict.fromkeys(row_of[pair.query_id] for pair in queue.pairs)), dtype=np.int64
    )


def _in_order(queue: JudgingQueue, inspected: Inspected, queue_given: Queue) -> JudgingQueue:
    """The same queue with the given pairs in place of the pool, whose ranks they take over."""
    direction = queue_given.direction
    asking = inspected.space.sides(direction)[0]
    number_of = {int(row): number for number, row in enumerate(queue.rows)}
    numbers = [inspected.item_number(direction, pair.item_id) for pair in queue_given.pairs]
    queued = [
        (number_of[asking.row_of[pair.query_id]], number)
        for pair, number in zip(queue_given.pairs, numbers, strict=True)
        if number is not None  # which no pair of a queue that was read is
    ]
    pairs = sorted(queued)
    position_of = {pair: position for position, pair in enumerate(pairs)}
    pool, discounts = queue.pool, np.zeros((len(pairs), len(queue.measures)))
    pooled = zip(pool.lists.tolist(), pool.items.tolist(), pool.discounts, strict=True)
    for query, item, weights in pooled:
        if (query, item) in position_of:
            discounts[position_of[query, item]] = weights
    lists, items = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    zeros = np.zeros(len(pairs))
    pool_of_queue = Pool(lists, items, discounts, zeros, zeros > 0, pool.measures, pool.queries)
    order = tuple(position_of[pair] for pair in queued)
    contexts = ((asking.row_of[pair.query_id], pair.context) for pair in queue_given.pairs)
    drawn = query_draw(contexts, len(asking))
    return replace(queue, pool=pool_of_queue, queued=order, by_lot=queue_given.by_lot, drawn=drawn)


FEWEST = 5
"""Completely judged queries that a decision needs at least."""


def decide(inspected: Inspected, queue: JudgingQueue, rows: Sequence[Judged]) -> dict[str, Any]:
    """The decision so far among the measures of a queue, from its completely judged queries.

    The statistics hold however often one looks, if the differences of equally good measures are
    symmetric about 0: they take queries in the order in which the last pair of each was judged, so
    that what was seen at one look comes first at the next.
    """
    from anglewise.comparison.compare import compare
    from anglewise.comparison.dependence import UNEQUAL
    from anglewise.comparison.stopping import sequential

    judgements = current_judgements(inspected, queue, rows)
    refused = _refused(inspected, queue, judgements)
    if refused is not None:
        return refused
    if judgements is None:
        return _waiting(0)
    complete = queue.complete(_pairs(judgements))
    if len(complete) < FEWEST:
        return _waiting(len(complete))
    completed_at = _completed_at(inspected, queue, rows)
    of_complete = judgements.where(np.isin(judgements.graded.rows, complete))
    complete_judgements = replace(of_complete, judged_at=completed_at)
    metric = f"nDCG@{queue.depth}"
    try:
        of_spaces = {name: _as_run(inspected, queue, name) for name in _of_spaces(inspected, queue)}
        runs = [run for name, run in inspected.runs.items() if name in queue.measures]
        result = compare(
            inspected.space,
            complete_judgements,
            [n for n in queue.measures if n not in inspected.runs and n not in of_spaces],
            metric,
            runs=[*runs, *of_spaces.values()],
            seed=queue.seed,
        )
        state = sequential(result, seed=queue.seed)
    except AnglewiseError as error:
        return {"state": "waiting", "text": str(error)}
    means = {row.measure: round(row.metrics[metric].mean, 3) for row in result.measures}
    pairs_a_query = queue.size / len(queue.rows)
    judgements_left = None if not state.about_left else round(state.about_left * pairs_a_query)
    if state.decision == "decided":
        sentences = [f"Decided: {state.reason}", *state.notes]
    elif judgements_left is None:
        sentences = [f"Not decided: {state.reason}"]
    else:
        left = f"that is about {judgements_left:,} more judgements"
        sentences = [f"Not decided: {state.reason}, {left}"]
    sentences += [note for note in result.notes if note.startswith(UNEQUAL)]
    return {
        "state": state.decision,
        "text": " ".join(map(_sentence, sentences)),
        "metric": metric,
        "means": means,
        "queries": len(complete),
    }


def _of_spaces(inspected: Inspected, queue: JudgingQueue) -> list[str]:
    """Which of the measures are measures in one of several spaces."""
    names = (name.rpartition(":") for name in queue.measures)
    return [
        f"{space}:{rest}" for space, colon, rest in names if colon and space in inspected.spaces
    ]


def _as_run(inspected: Inspected, queue: JudgingQueue, name: str) -> Run:
    """The lists of a measure in one of several spaces, which are not searched once more."""
    asking, ranked = inspected.space.sides(queue.direction)
    space, _, spelled = name.rpartition(": ")
    words = f"{spelled} in {space}"
    called = "".join(" " if sign in FORBIDDEN else sign for sign in words)
    lists = queue.lists[name]
    return Run.from_dict(
        {
            str(asking.ids[row]): [str(ranked.ids[item]) for item in items if item >= 0]
            for row, items in zip(queue.rows.tolist(), lists.indices.tolist(), strict=True)
        },
        " ".join(called.split()),
    )


def current_judgements(
    inspected: Inspected, queue: JudgingQueue, rows: Sequence[Judged]
) -> Judgements | None:
    """The judgements in the queue's direction, judges combined; None where there are none.

    As with ``compare``, what the judgements of the space leave out of the ranking stays left out.
    """
    try:
        judged = combined(rows, inspected.space, queue.direction)
    except AnglewiseError:
        return None
    stored = inspected.judgements.get(queue.direction)
    return judged if stored is None else replace(judged, seen=stored.seen)


def judged_pairs(
    inspected: Inspected, queue: JudgingQueue, rows: Iterable[Judged], judge: str
) -> set[tuple[str, str]]:
    """The pairs of ids that a judge need not judge again: also where the text was cut otherwise."""
    own = [row for row in rows if row.judge == judge]
    placed = placed_pairs(own, inspected.space.sides(queue.direction)[1])
    return {(pair.query_id, pair.item_id) for pair in placed.pairs}


def agreement(rows: Iterable[Judged], judge: str) -> dict[str, Any]:
    """How many grades of other people are on this judge's pairs, and how many are equal or near."""
    own: dict[tuple[Any, ...], float] = {}
    others: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        if row.judge == judge:
            own[row.pair] = row.grade
        elif row.source == "human":
            others.setdefault(row.pair, []).append(row.grade)
    shared = [(own[pair], grade) for pair in own for grade in others.get(pair, ())]
    return {
        "pairs": len(shared),
        "same": sum(a == b for a, b in shared),
        "near": sum(abs(a - b) <= 1 for a, b in shared),
    }


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _refused(
    inspected: Inspected, queue: JudgingQueue, judgements: Judgements | None
) -> dict[str, Any] | None:
    """Why nothing can be decided here however much is judged; None where it can."""
    from anglewise.comparison.stopping import WEIGHED

    if len(queue.measures) < 2:
        return {"state": "alone", "text": "one measure: there is nothing to decide"}
    incomplete = empty_places(queue.lists, queue.depth)
    if incomplete:
        reason = (
            f"{listed(incomplete)} lists items that this space does not hold, which count in no "
            "decision here: judge sample pools them, compare --spaces and --runs count them"
        )
        return {"state": "unknown items", "text": _sentence(reason)}
    if queue.by_lot:
        command = f"anglewise compare --metric 'nDCG(sampled)@{queue.depth}' weighs them rightly"
        if inspected.queue is not None and inspected.queue.beside_machine:
            command = "anglewise compare --assisted corrects a machine's grades by them"
        return {"state": "by lot", "text": f"These pairs were drawn by lot: {command}."}
    judged = judgements and judgements.weights(judgements.judged_rows)
    if queue.weights is not None or judged is not None:
        return {"state": "by traffic", "text": _sentence(WEIGHED)}
    return None


def _waiting(complete: int) -> dict[str, Any]:
    missing = counted(FEWEST - complete, "query")
    return {
        "state": "waiting",
        "text": f"{missing} more to judge completely before anything is said",
    }


def _pairs(judged: Judgements) -> set[tuple[int, int]]:
    table = judged.gains
    return set(zip(table.rows.tolist(), table.indices.tolist(), strict=True))


def _completed_at(
    inspected: Inspected, queue: JudgingQueue, rows: Sequence[Judged]
) -> Float64[Array, " rows"]:
    """When the last of its pairs in the queue was first judged, for each row that asks, else NaN.

    As in ``current_judgements``, of a pair only the judgements that are most trusted count.
    """
    asking, ranked = inspected.space.sides(queue.direction)
    pairs = set(queue.pairs)
    times = np.full(len(asking), np.nan)
    for pair in placed_pairs(rows, ranked).pairs:
        row, item = asking.row_of.get(pair.query_id), ranked.row_of.get(pair.item_id)
        if row is not None and (row, item) in pairs:
            times[row] = np.fmax(times[row], min(judged.time for judged in pair.rows))
    return times
