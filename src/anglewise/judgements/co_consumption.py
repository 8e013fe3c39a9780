"""Which items are alike, said by users that the training never saw: they used both."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.numbers import shown
from anglewise.core.sparse import Interactions, SparseRows
from anglewise.core.typing import Array, Bool, Float64
from anglewise.errors import SpellingError, TooFewError, ValuesError

Counts: TypeAlias = Float64[Array, " pairs"]

BLOCK_ENTRIES = 1 << 22
"""Pairs of items looked at together, at most: what bounds the memory."""


def _jaccard(both: Counts, first: Counts, second: Counts, users: int) -> Counts:
    del users
    return both / (first + second - both)


def _lift(both: Counts, first: Counts, second: Counts, users: int) -> Counts:
    return both * users / (first * second)


OVERLAPS: dict[str, Callable[[Counts, Counts, Counts, int], Counts]] = {
    "jaccard": _jaccard,
    "lift": _lift,
}


def co_consumption(
    interactions: Interactions,
    users: Bool[Array, " users"],
    *,
    by: str = "jaccard",
    min_support: int = 5,
    depths: tuple[int, ...] = (5, 10, 20),
) -> Judgements:
    """Grade pairs of items by how much the sets of their users overlap, among some users only.

    Let ``c_i`` of the ``n`` chosen users have used item ``i`` and ``c_ij`` both ``i`` and ``j``.
    Pairs with ``c_ij < min_support`` are too few to tell and stay unjudged. The others are ranked,
    for each item, by

    * ``"jaccard"``: ``c_ij / (c_i + c_j - c_ij)``, or
    * ``"lift"``: ``n c_ij / (c_i c_j)``, which favours rare items.

    The gain of ``j`` for ``i`` is the number of ``depths`` whose list of nearest partners holds
    it: with (5, 10, 20), 3 among the first 5, 2 among the first 10, 1 among the first 20. Equal
    overlaps at the end of a list are all in. A pair takes the larger of its two gains, so the
    table is symmetric; an item is never judged against itself, and what is on no list stays
    unjudged. Weights are not looked at.

    The counts are a product of sparse matrices, taken block by block: the memory does not grow
    with the square of the items.

    Parameters
    ----------
    users
        Whose interactions count: those that the items' vectors were not learned from.

    Raises
    ------
    SpellingError
        Another ``by``.
    ValuesError
        ``min_support`` or a depth below 1.
    TooFewError
        No pair of items reaches ``min_support``.

    Examples
    --------
    >>> bought = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]])
    >>> who, what = np.nonzero(bought)
    >>> did = Interactions(who, what, np.ones(len(who)), np.arange(4), np.arange(3))
    >>> alike = co_consumption(did, np.ones(4, dtype=bool), min_support=2, depths=(1,))
    >>> [alike.gains.row(i).tolist() for i in range(3)]
    [[1], [0], []]
    """
    if by not in OVERLAPS:
        raise SpellingError(f"by={shown(by)!r} is unknown: take one of {', '.join(OVERLAPS)}")
    if min_support < 1 or not depths or min(depths) < 1:
        raise ValuesError(f"min_support {min_support}, depths {depths}: numbers from 1 are due")
    rows = np.flatnonzero(users).astype(np.int64)
    used: Any = interactions.rows().take(rows).ones()
    items = interactions.shape[1]
    length = max(1, BLOCK_ENTRIES // items)
    blocks = [
        _graded(used, range(i, min(i + length, items)), OVERLAPS[by], min_support, depths)
        for i in range(0, items, length)
    ]
    gains = _larger_of_both(np.concatenate(blocks, axis=1), items)
    if not len(gains.indices):
        raise TooFewError(
            f"no two items were used together by {min_support} of the {used.shape[0]} held-out "
            "users: lower min_support, or hold out more users"
        )
    grades = ", ".join(str(grade) for grade in range(len(depths), 0, -1))
    nearest = ", ".join(str(depth) for depth in sorted(depths))
    return Judgements(
        gains=gains,
        direction="items-items",
        source=(
            f"items used together by at least {min_support} of {used.shape[0]} held-out users, "
            f"gain {grades} for the {nearest} nearest of either item by {by}"
        ),
    )


def _graded(
    used: Any,
    block: range,
    overlap: Callable[[Counts, Counts, Counts, int], Counts],
    min_support: int,
    depths: tuple[int, ...],
) -> Float64[Array, "3 pairs"]:
    """Item, partner and gain of what is near the items of the block."""
    sizes: Array = used.sum(axis=0)
    pairs = (used[:, block.start : block.stop].T.tocsr() @ used).tocoo()
    first, second, both = pairs.row + block.start, pairs.col, pairs.data
    enough = (both >= min_support) & (first != second)
    first, second, both = first[enough], second[enough], both[enough]
    near = overlap(both, sizes[first], sizes[second], used.shape[0])
    ends = np.searchsorted(first, np.arange(block.start, block.stop + 1))
    last_inside = np.array([_last_inside(near[i:j], depths) for i, j in pairwise(ends)])
    gains = (near[:, None] >= last_inside[first - block.start]).sum(axis=1)
    listed = gains > 0
    return np.stack([first[listed], second[listed], gains[listed]]).astype(np.float64)


def _last_inside(near: Counts, depths: tuple[int, ...]) -> list[float]:
    """The overlap of the last partner on a list of each depth."""
    short = [max(len(near) - depth, 0) for depth in depths]
    return np.partition(near, short)[short].tolist() if len(near) else [0.0] * len(depths)


def _larger_of_both(graded: Float64[Array, "3 pairs"], items: int) -> SparseRows:
    from scipy.sparse import csr_array

    first, second = graded[:2].astype(np.int64)
    one: Any = csr_array((graded[2], (first, second)), shape=(items, items))
    both = one.maximum(one.T).tocoo()
    return SparseRows.from_pairs(both.row, both.col, both.data, shape=(items, items))
