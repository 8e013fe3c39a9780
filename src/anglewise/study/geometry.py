"""Numbers about cosines: who is near whom, how well that shows the clusters, how it moves."""

import numpy as np

from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.metrics.metrics import Spearman


def unit_rows(x: Float64[Array, "rows d"]) -> Float64[Array, "rows d"]:
    """Rows of length one; zero rows stay zero.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(lengths > 0, lengths, 1.0)


def cosines(x: Float64[Array, "rows d"]) -> Float64[Array, "rows rows"]:
    """The cosine of every two rows.

    >>> cosines(np.array([[3.0, 0.0], [1.0, 1.0]])).round(3).tolist()
    [[1.0, 0.707], [0.707, 1.0]]
    """
    unit = unit_rows(x)
    return unit @ unit.T


def cosines_of_gram(gram: Float64[Array, "p p"]) -> Float64[Array, "p p"]:
    """The cosine of every two vectors from their inner products.

    >>> cosines_of_gram(np.array([[4.0, 1.0], [1.0, 1.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    lengths = np.sqrt(np.diag(gram))
    return gram / np.outer(lengths, lengths)


def pairs(square: Array) -> Array:
    """Every pair once: what stands above the diagonal.

    >>> pairs(np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]])).tolist()
    [1, 2, 3]
    """
    return np.asarray(square[np.triu(np.ones(square.shape, dtype=bool), 1)])


def auc(values: Float64[Array, " pairs"], positive: Bool[Array, " pairs"]) -> float:
    """The chance that a positive pair has the larger value than another one; half where equal.

    >>> auc(np.array([0.9, 0.5, 0.1]), np.array([True, True, False]))
    1.0
    """
    inside, outside = values[positive], np.sort(values[~positive])
    below = np.searchsorted(outside, inside, side="left")
    up_to = np.searchsorted(outside, inside, side="right")
    return float((below + up_to).sum() / (2 * len(inside) * len(outside)))


def spearman(one: Float64[Array, " pairs"], other: Float64[Array, " pairs"]) -> float:
    """The rank correlation of two lists of numbers.

    >>> round(spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0])), 9)
    1.0
    """
    return float(Spearman().of(one[None], other)[0])


def nearest(cosine: Float64[Array, "p p"], k: int = 10) -> Int64[Array, "p k"]:
    """For each row the ``k`` others with the largest cosine; equal ones by row.

    >>> nearest(np.array([[1.0, 0.2, 0.9], [0.2, 1.0, 0.3], [0.9, 0.3, 1.0]]), 1).tolist()
    [[2], [2], [0]]
    """
    others = cosine.copy()
    np.fill_diagonal(others, -np.inf)
    return np.argsort(-others, axis=1, kind="stable")[:, :k].astype(np.int64)


def overlap(one: Int64[Array, "p k"], other: Int64[Array, "p k"]) -> float:
    """The mean share of each list that the other one holds too.

    >>> overlap(np.array([[1, 2]]), np.array([[2, 3]]))
    0.5
    """
    return float((one[:, :, None] == other[:, None, :]).any(axis=2).mean())
