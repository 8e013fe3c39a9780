"""On which queries measures give different neighbours."""

from collections.abc import Sequence

import numpy as np

from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Float64
from anglewise.errors import TooFewError


def disagreement(found: Sequence[Neighbours], k: int) -> Float64[Array, " q"]:
    """For each query, the share of the nearest ``k`` that two measures do not have in common.

    The mean over all pairs of measures of ``1 - |A & B| / k``: 0 when every list holds the same
    items, in whatever order, 1 when no two lists share one. Raises ``TooFewError`` below two
    measures.

    >>> def listed(*items):
    ...     return Neighbours("dot", np.array([items]), np.zeros((1, 2), np.float32), np.array([0]))
    >>> disagreement([listed(1, 2), listed(2, 3), listed(2, 1)], k=2).round(3)
    array([0.333])
    """
    if len(found) < 2:
        raise TooFewError("one measure cannot disagree: give two or more")
    k = min([k, *(one.k for one in found)])
    lists: Array = np.concatenate([one.indices[:, :k] for one in found], axis=1)
    empty = -1 - np.arange(k * len(found))  # empty places are items of nobody
    lists = np.sort(np.where(lists < 0, empty, lists), axis=1)
    # An item stands at most once in each list, so equal entries lie less than len(found) apart.
    shared = sum(
        np.count_nonzero(lists[:, apart:] == lists[:, :-apart], axis=1)
        for apart in range(1, len(found))
    )
    pairs = len(found) * (len(found) - 1) / 2
    return np.asarray(1 - shared / (pairs * k), dtype=np.float64)
