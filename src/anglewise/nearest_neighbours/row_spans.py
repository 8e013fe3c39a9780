"""Rows in pieces, and the vectors of some of them."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.typing import Array, Float32, Int64


def spans(items: int, length: int) -> Iterator[range]:
    """Cut so many rows into pieces of this length; no piece but the only one is of one row."""
    edges = [*range(0, items, length), items]
    if len(edges) > 2 and edges[-1] - edges[-2] == 1:
        del edges[-2]
    return (range(*pair) for pair in pairwise(edges))


def row_numbers(rows: range | Int64[Array, " some"]) -> Int64[Array, " some"]:
    """The same rows as an array."""
    return np.arange(rows.start, rows.stop, rows.step) if isinstance(rows, range) else rows


def vectors_at(ranked: Embeddings, rows: range | Int64[Array, " some"]) -> Float32[Array, "some d"]:
    """The vectors of these rows; of a range without a copy."""
    is_range = isinstance(rows, range)
    return ranked.vectors[slice(rows.start, rows.stop, rows.step) if is_range else rows]
