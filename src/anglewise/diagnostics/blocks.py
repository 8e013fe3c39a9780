"""Rows in turn, in float64, so that a million of them need no copy."""

from collections.abc import Iterator

import numpy as np

from anglewise.core.typing import Array, Float64, Shaped

ROWS = 2048
"""Rows taken together: at common widths a block of them stays in the cache."""


def blocks(vectors: Shaped[Array, "rows d"]) -> Iterator[Float64[Array, "_ d"]]:
    """All rows, some at a time, each block a fresh array.

    >>> [block.tolist() for block in blocks(np.ones((2, 1), dtype=np.float32))]
    [[[1.0], [1.0]]]
    """
    for start in range(0, len(vectors), ROWS):
        yield vectors[start : start + ROWS].astype(np.float64)


def column_means(vectors: Shaped[Array, "rows d"]) -> Float64[Array, " d"]:
    """The mean of each column.

    >>> column_means(np.array([[1.0, 2.0], [3.0, 6.0]])).tolist()
    [2.0, 4.0]
    """
    total = np.zeros(vectors.shape[1])
    for block in blocks(vectors):
        total += block.sum(axis=0)
    return total / len(vectors)


def scatter(vectors: Shaped[Array, "rows d"]) -> Float64[Array, "d d"]:
    """``(X - mean)' (X - mean)``: taken about the mean, so that a large offset costs no digits.

    >>> scatter(np.array([[1.0, 2.0], [3.0, 6.0]])).tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """
    mean = column_means(vectors)
    total = np.zeros((len(mean), len(mean)))
    for block in blocks(vectors):
        about_mean = block - mean
        total += about_mean.T @ about_mean
    return total


def unit(block: Float64[Array, "rows d"]) -> Float64[Array, "_ d"]:
    """The rows that have a direction, each brought to length one; zero rows are dropped.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8]]
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", block, block))
    there = lengths > 0
    return block[there] / lengths[there, None]
