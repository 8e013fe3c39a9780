"""Maximal marginal relevance: passages that are relevant and unlike those before them."""

import numpy as np

from anglewise.core.typing import Array, Float, Float64, Int64


def diverse(
    relevance: Float64[Array, " n"], vectors: Float[Array, "n d"], weight: float
) -> Int64[Array, " n"]:
    """Order by ``(1 - weight) * relevance - weight * max cosine`` to what stands before.

    After Carbonell and Goldstein (1998). ``relevance`` lies in [0, 1]; of equal ones the earlier
    comes first. A weight of 0 keeps the order of relevance.

    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> diverse(np.array([0.9, 0.8, 0.5]), vectors, 0.5).tolist()
    [0, 2, 1]
    """
    x = vectors.astype(np.float64)
    lengths = np.sqrt(np.square(x).sum(axis=1))
    x = x / np.where(lengths > 0, lengths, 1.0)[:, None]
    worth = (1 - weight) * relevance
    nearest = np.zeros(len(x))
    order = np.zeros(len(x), dtype=np.int64)
    for place in range(len(x)):
        chosen = int((worth - weight * nearest).argmax())
        order[place] = chosen
        worth[chosen] = -np.inf
        like = x @ x[chosen]  # row by row: a product this small is slower on several threads
        nearest = np.maximum(nearest, like) if place else like
    return order
