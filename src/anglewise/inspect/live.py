"""The decision as it stands while people judge, and how far judges agree."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.sparse import SparseRows
from anglewise.errors import AnglewiseError
from anglewise.inspect.deck import Deck
from anglewise.inspect.inspected import Inspected
from anglewise.judgements.combine import combined
from anglewise.judgements.records import Judged
from anglewise.report.words import counted

EVERY = 3.0
"""Seconds between two comparisons."""

FEWEST = 5
"""Completely judged queries before anything is said."""


@dataclass
class Live:
    """Compares again when more was judged, at most every few seconds."""

    _at: float = -EVERY
    _count: int = -1
    _said: dict[str, Any] = field(default_factory=dict[str, Any])
    _working: Lock = field(default_factory=Lock)

    def late(self, rows: Sequence[Judged]) -> bool:
        """Whether more was judged than the last decision knew."""
        return len(rows) != self._count

    def decision(self, seen: Inspected, deck: Deck, rows: Sequence[Judged]) -> dict[str, Any]:
        """What can be said now; what was said last while it is not yet time."""
        if len(rows) == self._count or time.monotonic() - self._at < EVERY:
            return self._said
        if not self._working.acquire(blocking=False):
            return self._said
        try:
            self._count, self._at = len(rows), time.monotonic()
            self._said = decide(seen, deck, rows)
            self._at = time.monotonic()
        finally:
            self._working.release()
        return self._said


def decide(seen: Inspected, deck: Deck, rows: Sequence[Judged]) -> dict[str, Any]:
    """The state of the decision among the measures of a deck, from completely judged queries.

    The statistics hold however often one looks.
    """
    from anglewise.comparison.compare import compare
    from anglewise.comparison.unjudged import sequential

    if len(deck.measures) < 2:
        return {"state": "alone", "text": "one measure: there is nothing to decide"}
    if deck.by_lot:
        how = f"anglewise compare --metric 'nDCG(sampled)@{deck.depth}' weighs them rightly"
        return {"state": "by lot", "text": f"These pairs were drawn by lot: {how}."}
    judged = standing(seen, deck, rows)
    if judged is None:
        return _waiting(0)
    complete = deck.complete(_pairs(judged))
    if len(complete) < FEWEST:
        return _waiting(len(complete))
    part = _only(judged, complete)
    metric = f"nDCG@{deck.depth}"
    try:
        result = compare(seen.space, part, deck.measures, metric, seed=deck.seed)
        now = sequential(result, seed=deck.seed)
    except AnglewiseError as error:
        return {"state": "waiting", "text": str(error)}
    means = {one.measure: round(one.metrics[metric].mean, 3) for one in result.measures}
    a_query = deck.size / len(deck.rows)
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


def standing(seen: Inspected, deck: Deck, rows: Sequence[Judged]) -> Judgements | None:
    """What was judged in the deck's direction, several judges made one."""
    try:
        return combined(rows, seen.space, deck.direction)
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
