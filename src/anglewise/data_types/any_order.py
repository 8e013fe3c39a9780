"""Sums and means that are the same, to the last digit, in whatever order the numbers stand."""

from typing import Any

import numpy as np

from anglewise.data_types.typing import Array, Float64, Int64, Shaped


def total(values: Shaped[Array, "*rows q"]) -> Any:
    """The sum along the last axis: of the numbers in their order, smallest first.

    One number for each row; of one row a scalar of NumPy.

    >>> total(np.array([1.0, 1e16, -1e16])) == total(np.array([1e16, 1.0, -1e16]))
    np.True_
    """
    return np.sort(values, axis=-1).sum(axis=-1)


def mean(values: Shaped[Array, "*rows q"], weights: Shaped[Array, " q"] | None = None) -> Any:
    """The mean along the last axis, by weights where these are given.

    >>> mean(np.array([[1.0, 3.0]])).tolist(), mean(np.array([1.0, 3.0]), np.array([3, 1])).tolist()
    ([2.0], 1.5)
    """
    if weights is None:
        return total(values) / values.shape[-1]
    return total(values * weights) / total(np.asarray(weights, dtype=np.float64))


def totals_of(
    of: Int64[Array, " q"], values: Float64[Array, " q"], groups: int
) -> Float64[Array, " groups"]:
    """The sum of each group's values; ``of`` is the group of each.

    >>> totals_of(np.array([1, 0, 1]), np.array([1.0, 5.0, 2.0]), 3).tolist()
    [5.0, 3.0, 0.0]
    """
    in_order = np.lexsort((values, of))
    return np.bincount(of[in_order], weights=values[in_order], minlength=groups)
