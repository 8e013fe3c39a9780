"""The truth: what a pair of vectors scores, in float64, summed coordinate by coordinate.

Sums run over the coordinates in order, each product rounded before it is added. So a pair scores
the same to the last bit whatever stands beside it, however many threads work, and whether the
compiled part is there. A measure's score is then rounded to float32, and that number is ranked.
"""

import numpy as np

from anglewise.measures.formula import Formula, Product
from anglewise.measures.frame import Affine
from anglewise.typing import Array, Float, Float32, Float64, Int64

TOGETHER = 8192
"""Pairs whose coordinates are gathered at once."""


def moved(x: Float32[Array, "n d"], by: Affine | None) -> Float64[Array, "n r"]:
    """Rows taken into a frame."""
    rows = x.astype(np.float64)
    if by is None:
        return rows
    rows -= by.offset
    if by.matrix is None:
        return rows
    out = np.zeros((len(rows), by.matrix.shape[1]))
    for start in range(0, len(rows), 64):  # 64 rows of the result stay in the cache
        part = out[start : start + 64]
        for column, along in zip(rows[start : start + 64].T, by.matrix, strict=True):
            part += column[:, None] * along
    return out


def norms(x: Float[Array, "n d"]) -> Float64[Array, " n"]:
    """Euclidean lengths."""
    total = np.zeros(len(x))
    for start in range(0, len(x), TOGETHER):
        for column in np.ascontiguousarray(x[start : start + TOGETHER].T, dtype=np.float64):
            total[start : start + TOGETHER] += column * column
    return np.sqrt(total)


def products(
    kind: Product,
    queries: Float64[Array, "q d"],
    items: Float[Array, "n d"],
    asking: Int64[Array, " pairs"],
    ranked: Int64[Array, " pairs"],
) -> tuple[Float64[Array, " pairs"], Float64[Array, " pairs"]]:
    """The product of each pair of rows, and the norm of its item."""
    total, squares = np.zeros(len(asking)), np.zeros(len(asking))
    for start in range(0, len(asking), TOGETHER):
        part = slice(start, start + TOGETHER)
        q = np.ascontiguousarray(queries[asking[part]].T)
        x = np.ascontiguousarray(items[ranked[part]].T, dtype=np.float64)
        for a, b in zip(q, x, strict=True):
            squares[part] += b * b
            if kind == "dot":
                total[part] += a * b
            elif kind == "manhattan":
                total[part] += np.abs(a - b)
            else:
                total[part] += (a - b) * (a - b)
    return total, np.sqrt(squares)


def scores(
    formula: Formula,
    product: Float64[Array, "*pairs"],
    query_norms: Float64[Array, "*pairs"],
    item_norms: Float64[Array, "*pairs"],
) -> Float32[Array, "*pairs"]:
    """The score that is ranked: computed in float64, rounded once, without a negative zero."""
    with np.errstate(over="ignore"):
        return formula.score(product, query_norms, item_norms).astype(np.float32) + np.float32(0)
