"""Rows in pieces, and the vectors of some of them."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.mapped import forget, mapped_by
from anglewise.data_types.typing import Array, Float32, Int64


def spans(items: int, length: int) -> Iterator[range]:
    """Cut so many rows into pieces of this length; no piece but the only one is of one row."""
    edges = [*range(0, items, length), items]
    if len(edges) > 2 and edges[-1] - edges[-2] == 1:
        del edges[-2]
    return (range(*pair) for pair in pairwise(edges))


GATHERED = 1 << 8
"""Scattered rows of a mapped matrix that are read at once: the system maps much around each."""


def _gathered(x: Float32[Array, "n d"], rows: Int64[Array, " some"]) -> Float32[Array, "some d"]:
    """Scattered rows of a mapped matrix, of which little is in memory at any time."""
    out = np.empty((len(rows), x.shape[1]), dtype=x.dtype)
    for start in range(0, len(rows), GATHERED):
        out[start : start + GATHERED] = x[rows[start : start + GATHERED]]
        forget(x)
    return out


def row_numbers(rows: range | Int64[Array, " some"]) -> Int64[Array, " some"]:
    """The same rows as an array."""
    return np.arange(rows.start, rows.stop, rows.step) if isinstance(rows, range) else rows


def vectors_at(ranked: Embeddings, rows: range | Int64[Array, " some"]) -> Float32[Array, "some d"]:
    """The vectors of these rows; of a range without a copy."""
    is_range = isinstance(rows, range)
    if not (is_range and rows.step == 1) and mapped_by(ranked.vectors) is not None:
        return _gathered(ranked.vectors, row_numbers(rows))
    return ranked.vectors[slice(rows.start, rows.stop, rows.step) if is_range else rows]
