"""How much two rankings of the same items have in common, query by query."""

import numpy as np

from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.errors import ShapeError

PERSISTENCE = 0.9
"""Chance of looking one place further: a reader who looks at ten places on average."""

BLOCK = 4096
"""Queries taken together, so that their k x k comparisons stay small."""


def overlap(first: Neighbours, second: Neighbours, k: int) -> Float64[Array, " q"]:
    """The share of the nearest ``k`` that both lists hold, in whatever order.

    Where fewer than ``k`` items were allowed, the share of those; 1 where there are none.

    >>> def listed(*items):
    ...     return Neighbours("dot", np.array([items]), np.zeros((1, 2), np.float32), np.array([0]))
    >>> overlap(listed(1, 2), listed(2, 3), k=2).tolist()
    [0.5]
    """
    return agreements(first, second, k)[0]


def rank_biased_overlap(
    first: Neighbours, second: Neighbours, k: int, persistence: float = PERSISTENCE
) -> Float64[Array, " q"]:
    """How far two rankings agree when the front counts more, in [0, 1].

    With ``X_d`` items in common among the first ``d`` and persistence ``p`` it is

        X_k / k p^k + (1 - p) / p sum_{d=1}^k X_d / d p^d,

    the extrapolated form, which takes the agreement at depth ``k`` to go on (Webber, Moffat and
    Zobel, ACM TOIS 28(4), 2010, equation 32 for lists of one length).

    >>> def listed(*items):
    ...     return Neighbours("dot", np.array([items]), np.zeros((1, 2), np.float32), np.array([0]))
    >>> rank_biased_overlap(listed(1, 2), listed(2, 1), k=2, persistence=0.5).tolist()
    [0.5]
    """
    return agreements(first, second, k, persistence)[1]


def agreements(
    first: Neighbours, second: Neighbours, k: int, persistence: float = PERSISTENCE
) -> tuple[Float64[Array, " q"], Float64[Array, " q"]]:
    """Both at once, overlap and rank-biased overlap: the lists are gone through only once.

    >>> lists = [Neighbours("dot", np.array([[1, 2]]), np.zeros((1, 2), np.float32), np.array([0]))]
    >>> [one.tolist() for one in agreements(*lists, *lists, k=2)]
    [[1.0], [1.0]]
    """
    shared, places = _shared(first, second, k)
    overlaps = np.divide(shared[:, -1], places, out=np.ones(len(places)), where=places > 0)
    depths = np.arange(1, shared.shape[1] + 1, dtype=np.float64)
    weights = persistence**depths
    agreed = shared / np.minimum(depths, np.maximum(places, 1)[:, None])
    ahead = (agreed * weights).sum(axis=1) * (1 - persistence) / persistence
    biased = agreed[:, -1] * weights[-1] + ahead
    return overlaps, np.where(places > 0, biased, 1.0)


def _shared(
    first: Neighbours, second: Neighbours, k: int
) -> tuple[Int64[Array, "q k"], Int64[Array, " q"]]:
    """For each depth the items that both hold so far; and how many places are filled."""
    if len(first.indices) != len(second.indices):
        raise ShapeError(
            f"lists of {len(first.indices)} queries came beside lists of {len(second.indices)}: "
            "search both for the same queries"
        )
    k = min(k, first.k, second.k)
    one, other = first.indices[:, :k], second.indices[:, :k]
    shared = np.empty(one.shape, dtype=np.int64)
    for start in range(0, len(one), BLOCK):
        block = slice(start, start + BLOCK)
        shared[block] = _up_to(one[block], other[block])
    return shared, np.maximum((one >= 0).sum(axis=1), (other >= 0).sum(axis=1))


def _up_to(one: Int64[Array, "q k"], other: Int64[Array, "q k"]) -> Int64[Array, "q k"]:
    """An item at place i of one and j of the other is shared from depth ``max(i, j)`` on."""
    equal: Bool[Array, "q k k"] = (one[:, :, None] == other[:, None, :]) & (one >= 0)[:, :, None]
    shared = np.empty(one.shape, dtype=np.int64)
    for depth in range(one.shape[1]):
        in_row = np.count_nonzero(equal[:, depth, : depth + 1], axis=1)
        shared[:, depth] = in_row + np.count_nonzero(equal[:, :depth, depth], axis=1)
    return np.cumsum(shared, axis=1)
