"""How often each measure comes out best."""

from anglewise.core.typing import Array, Float64


def best_probability(drawn: Float64[Array, "draws m"]) -> Float64[Array, " m"]:
    """Give the share of resamples in which each measure has the largest value; ties are split.

    >>> import numpy as np
    >>> best_probability(np.array([[1.0, 1.0], [0.0, 2.0]])).tolist()
    [0.25, 0.75]
    """
    top = drawn == drawn.max(axis=1, keepdims=True)
    return (top / top.sum(axis=1, keepdims=True)).mean(axis=0)
