"""Several lists as one: by reciprocal ranks, or by scores with weights."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product

import numpy as np

from anglewise.comparison.lists import NOBODY
from anglewise.data_types.neighbours import Neighbours, rounded
from anglewise.data_types.typing import Array, Float64, Int64

CONSTANT = 60
"""Of reciprocal rank fusion: how little first places count for more than later ones."""
FUSED = 100
"""How deep the lists are that are fused."""
STEPS = 10
"""Weights are tried in tenths."""

Worth = Callable[[Neighbours], Float64[Array, "q k"]]


def weightings(parts: Sequence[str]) -> Iterator[tuple[str, list[float]]]:
    """Weights in tenths that add up to 1, with their spelling.

    >>> len(list(weightings(["a", "b"]))), next(weightings(["a", "b"]))
    (11, ('0 a + 1 b', [0.0, 1.0]))
    """
    for tenths in product(range(STEPS + 1), repeat=len(parts)):
        if sum(tenths) == STEPS:
            weights = [tenth / STEPS for tenth in tenths]
            words = (f"{weight:g} {part}" for weight, part in zip(weights, parts, strict=True))
            yield " + ".join(words), weights


def by_rank(lists: Neighbours) -> Float64[Array, "q k"]:
    """What each place is worth in reciprocal rank fusion."""
    return np.broadcast_to(1 / (CONSTANT + 1 + np.arange(lists.k)), lists.indices.shape)


def by_score(lists: Neighbours) -> Float64[Array, "q k"]:
    """Scores from 0, the last of the list, to 1, the first; 1 where all are equal.

    >>> lists = Neighbours("a", np.array([[4, 2, 7]]), np.array([[5.0, 4.0, 1.0]]), np.array([0]))
    >>> by_score(lists).tolist()
    [[1.0, 0.75, 0.0]]
    """
    there = lists.indices != NOBODY
    scores = np.where(there, lists.scores, 0.0).astype(np.float64)
    low = scores.min(axis=1, keepdims=True, initial=np.inf, where=there)
    width = scores.max(axis=1, keepdims=True, initial=-np.inf, where=there) - low
    return np.divide(scores - low, width, out=np.ones_like(scores), where=there & (width > 0))


def fused(
    name: str,
    lists: Sequence[Neighbours],
    worth: Worth,
    weights: Sequence[float],
    depth: int,
    *,
    position: Int64[Array, " items"] | None = None,
) -> Neighbours:
    """One list of several: each item worth the sum of what its places are worth, by weights.

    Items that stand in no list with a weight are left out; equal ones stand by their position,
    such as that of their ids, or by row. What ties with the last place is counted among all items
    of the lists, and beyond the end of a list as far as it was cut among equal scores.

    >>> left = Neighbours("a", np.array([[0, 1]]), np.array([[2.0, 1.0]]), np.array([0]))
    >>> right = Neighbours("b", np.array([[1, 2]]), np.array([[5.0, 4.0]]), np.array([0]))
    >>> fused("both", [left, right], by_rank, [1, 1], 4).indices.tolist()
    [[1, 0, 2, -1]]
    """
    parts = [
        (its, weight * worth(its)) for its, weight in zip(lists, weights, strict=True) if weight > 0
    ]
    queries = len(lists[0].indices)
    items = np.concatenate([its.indices for its, _ in parts], axis=1)
    worths = np.concatenate([own for _, own in parts], axis=1)
    row, place = np.nonzero(items != NOBODY)
    width = int(items.max(initial=0)) + 1
    keys, back = np.unique(row * width + items[row, place], return_inverse=True)
    totals = rounded(np.bincount(back, worths[row, place], minlength=len(keys)))
    of = keys // width
    items_of = keys % width
    order = np.lexsort((items_of if position is None else position[items_of], -totals, of))
    of, keys, totals = of[order], keys[order], totals[order]
    rank = np.arange(len(of)) - np.searchsorted(of, np.arange(queries))[of]
    inside = rank < depth
    indices = np.full((queries, depth), NOBODY, dtype=np.int64)
    scores = np.full((queries, depth), -np.inf)
    indices[of[inside], rank[inside]] = keys[inside] % width
    scores[of[inside], rank[inside]] = totals[inside]
    last = scores[:, -1]
    beyond = of[~inside & (totals == last[of])]
    tied = np.bincount(beyond, minlength=queries).astype(np.int64)
    return Neighbours(name, indices, scores, tied + _tied_beyond(parts, last))


def fused_by_rank(
    name: str,
    lists: Sequence[Neighbours],
    depth: int,
    position: Int64[Array, " items"] | None = None,
) -> Neighbours:
    """Reciprocal rank fusion of some lists, each counting alike."""
    return fused(name, lists, by_rank, [1.0] * len(lists), depth, position=position)


def _tied_beyond(
    parts: Sequence[tuple[Neighbours, Float64[Array, "q k"]]], last: Float64[Array, " q"]
) -> Int64[Array, " q"]:
    """How many items that no list holds would be worth as much as the last place, at least.

    An item that scores like the last one of some lists, and was cut off, might as well stand in
    the last place of these.
    """
    tied = np.zeros(len(last), dtype=np.int64)
    for number in range(1, len(parts) + 1):
        for some in combinations(parts, number):
            worth = rounded(np.sum([own[:, -1] for _, own in some], axis=0))
            count = np.min([its.tied_at_cut for its, _ in some], axis=0)
            tied = np.where(worth == last, np.maximum(tied, count), tied)
    return tied
