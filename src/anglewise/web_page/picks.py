"""The ways to pick the next query to look at."""

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np

from anglewise.data_types.typing import Array, Direction, Int64
from anglewise.errors import TooFewError
from anglewise.evaluation_metrics.breadth import disagreement
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.web_page.open_space import TEXT_LENGTH, Inspected
from anglewise.web_page.rankings import Ranking, nearest

MOST_SEARCHED = 500
"""How many queries are searched to find those with the most disagreement or the worst nDCG."""

DEPTH = 10

PICKS = {
    "random": "At random",
    "disagree": "Measures disagree most",
    "worst": "Worst nDCG",
    "popular": "Popular",
    "rare": "Rare",
}
"""The ways to pick a query, each with its words on the page."""

BY_LENGTH = {"popular": "Longest", "rare": "Shortest"}
"""What two of them pick by where nobody knows what is used."""

BY_TEXT = {"popular": "Longest text", "rare": "Shortest text"}
"""What they pick by where nobody knows what is used, and texts are there."""


def picks(inspected: Inspected, direction: Direction) -> dict[str, str]:
    """The ways to pick a query of a direction, each with words that are true of it."""
    side = inspected.asking(direction)
    words = dict(PICKS)
    if side.use is None:
        words |= BY_LENGTH
    elif side.use_word == TEXT_LENGTH:
        words |= BY_TEXT
    judged = inspected.judgements.get(direction)
    among = {
        "disagree": len(inspected.asking(direction).embeddings),
        "worst": 0 if judged is None else len(judged.judged_rows),
    }
    for name, rows in among.items():
        if rows > MOST_SEARCHED:
            words[name] += f" (of {MOST_SEARCHED})"
    return words


def pick(
    inspected: Inspected,
    how: str,
    direction: Direction,
    measures: Sequence[Ranking],
    current: int | None,
) -> int:
    """The row of the query that follows ``current`` in the order of this way to pick.

    Raises ``TooFewError`` where there is none: no judgements, a single measure.
    """
    if how == "random":
        return _random(inspected, direction, current)
    order = _ORDERS[how](inspected, direction, measures)
    if not len(order):
        raise TooFewError("there is no such query here: pick one in another way")
    positions = np.flatnonzero(order == (-1 if current is None else current))
    return int(order[(int(positions[0]) + 1) % len(order) if len(positions) else 0])


def rows_that_ask(inspected: Inspected, direction: Direction) -> Int64[Array, " rows"]:
    """The rows whose vector is not zero; all rows if every vector is."""
    norms = inspected.asking(direction).embeddings.norms
    rows = np.flatnonzero(norms > 0).astype(np.int64)
    return rows if len(rows) else np.arange(len(norms), dtype=np.int64)


def _random(inspected: Inspected, direction: Direction, current: int | None) -> int:
    """A random row that depends on the seed and on the current one alone."""
    rows = rows_that_ask(inspected, direction)
    rng = np.random.default_rng([inspected.seed, crc32(f"{direction}{current}".encode())])
    return int(rows[rng.integers(len(rows))])


def _disagree(
    inspected: Inspected, direction: Direction, measures: Sequence[Ranking]
) -> Int64[Array, " rows"]:
    if len(measures) < 2:
        raise TooFewError("one measure cannot disagree: show two or more")
    rng = np.random.default_rng(inspected.seed)
    rows = np.sort(rng.permutation(rows_that_ask(inspected, direction))[:MOST_SEARCHED])
    depth = depth_of(inspected, direction)
    lists = nearest(inspected, measures, k=depth, direction=direction, rows=rows)
    disagreements = disagreement(list(lists.values()), DEPTH)
    return rows[np.argsort(-disagreements, kind="stable")]


def _worst(
    inspected: Inspected, direction: Direction, measures: Sequence[Ranking]
) -> Int64[Array, " rows"]:
    """By the nDCG of the first measure, among queries with a relevant item."""
    judgements = inspected.judgements.get(direction)
    if judgements is None:
        raise TooFewError(f"nothing was judged for {direction}: judge some pairs first")
    if not measures:
        raise TooFewError("no measure here can be read: mend one, then its worst lists are known")
    relevant = np.unique(judgements.gains.rows[judgements.gains.values > 0])
    rng = np.random.default_rng(inspected.seed)
    rows = np.sort(rng.permutation(relevant)[:MOST_SEARCHED]).astype(np.int64)
    depth = depth_of(inspected, direction)
    lists = nearest(inspected, measures[:1], k=depth, direction=direction, rows=rows)
    name = f"nDCG@{depth}"
    values = evaluate(lists, judgements, rows, name)[name][0]
    return rows[np.argsort(values, kind="stable")]


def _popular(
    inspected: Inspected, direction: Direction, measures: Sequence[Ranking]
) -> Int64[Array, " rows"]:
    del measures
    rows = rows_that_ask(inspected, direction)
    return rows[np.argsort(-inspected.asking(direction).prominence[rows], kind="stable")]


def _rare(
    inspected: Inspected, direction: Direction, measures: Sequence[Ranking]
) -> Int64[Array, " rows"]:
    return _popular(inspected, direction, measures)[::-1]


def depth_of(inspected: Inspected, direction: Direction) -> int:
    """How far down lists are compared: 10, or all that there is."""
    ranked = len(inspected.ranked(direction).embeddings)
    return max(1, min(DEPTH, ranked - (direction != "queries-items")))


_ORDERS: dict[str, Callable[[Inspected, Direction, Sequence[Ranking]], Int64[Array, " rows"]]] = {
    "disagree": _disagree,
    "worst": _worst,
    "popular": _popular,
    "rare": _rare,
}
