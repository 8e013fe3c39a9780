"""Ways to come upon a query that is worth a look."""

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np

from anglewise.core.typing import Array, Direction, Int64
from anglewise.engine.search import search
from anglewise.errors import TooFewError
from anglewise.inspect.inspected import Inspected
from anglewise.measures.formulas import Measure
from anglewise.metrics.breadth import disagreement
from anglewise.metrics.evaluate import evaluate

ASKED = 500
"""How many queries are searched to find those on which measures disagree."""

DEPTH = 10

WAYS = {
    "random": "At random",
    "disagree": "Measures disagree most",
    "worst": "Worst nDCG",
    "popular": "Popular",
    "rare": "Rare",
}
"""How a query may be picked, and what a person reads."""


def pick(
    seen: Inspected,
    how: str,
    direction: Direction,
    measures: Sequence[Measure],
    after: int | None,
) -> int:
    """The row of the next query of this kind; ``after`` is the one that is shown now.

    Raises ``TooFewError`` where there is none: no judgements, a single measure.
    """
    if how == "random":
        return _random(seen, direction, after)
    order = _ORDERS[how](seen, direction, measures)
    if not len(order):
        raise TooFewError("there is no such query here: pick one in another way")
    places = np.flatnonzero(order == (-1 if after is None else after))
    return int(order[(int(places[0]) + 1) % len(order) if len(places) else 0])


def awake(seen: Inspected, direction: Direction) -> Int64[Array, " rows"]:
    """Rows that can ask: those whose vector is not zero, or all if every one is."""
    norms = seen.asking(direction).embeddings.norms
    there = np.flatnonzero(norms > 0).astype(np.int64)
    return there if len(there) else np.arange(len(norms), dtype=np.int64)


def _random(seen: Inspected, direction: Direction, after: int | None) -> int:
    """From the seed and from who is shown now: the same address goes to the same place."""
    rows = awake(seen, direction)
    rng = np.random.default_rng([seen.seed, crc32(f"{direction}{after}".encode())])
    return int(rows[rng.integers(len(rows))])


def _disagree(
    seen: Inspected, direction: Direction, measures: Sequence[Measure]
) -> Int64[Array, " rows"]:
    if len(measures) < 2:
        raise TooFewError("one measure cannot disagree: show two or more")
    rng = np.random.default_rng(seen.seed)
    rows = np.sort(rng.permutation(awake(seen, direction))[:ASKED])
    found = search(seen.space, measures, k=_depth(seen, direction), direction=direction, rows=rows)
    apart = disagreement(list(found.values()), DEPTH)
    return rows[np.argsort(-apart, kind="stable")]


def _worst(
    seen: Inspected, direction: Direction, measures: Sequence[Measure]
) -> Int64[Array, " rows"]:
    """By the nDCG of the first measure, among queries that have something relevant."""
    judgements = seen.judgements.get(direction)
    if judgements is None:
        raise TooFewError(f"nothing was judged for {direction}: judge some pairs first")
    relevant = np.unique(judgements.gains.rows[judgements.gains.values > 0])
    rng = np.random.default_rng(seen.seed)
    rows = np.sort(rng.permutation(relevant)[:ASKED]).astype(np.int64)
    depth = _depth(seen, direction)
    found = search(
        seen.space,
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
    seen: Inspected, direction: Direction, measures: Sequence[Measure]
) -> Int64[Array, " rows"]:
    del measures
    rows = awake(seen, direction)
    return rows[np.argsort(-seen.asking(direction).fame[rows], kind="stable")]


def _rare(
    seen: Inspected, direction: Direction, measures: Sequence[Measure]
) -> Int64[Array, " rows"]:
    return _popular(seen, direction, measures)[::-1]


def _depth(seen: Inspected, direction: Direction) -> int:
    ranked = len(seen.ranked(direction).embeddings)
    return max(1, min(DEPTH, ranked - (direction != "queries-items")))


_ORDERS: dict[str, Callable[[Inspected, Direction, Sequence[Measure]], Int64[Array, " rows"]]] = {
    "disagree": _disagree,
    "worst": _worst,
    "popular": _popular,
    "rare": _rare,
}
