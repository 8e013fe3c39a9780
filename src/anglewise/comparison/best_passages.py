"""From lists of passages to lists of documents, each where its best passage stands."""

from dataclasses import replace

import numpy as np

from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.parts import Parts
from anglewise.data_types.typing import Array, Bool, Int64

NOBODY = -1
"""Stands in a list where no further item could be ranked."""


def rolled_up(passages: Neighbours, parts: Parts, k: int) -> tuple[Neighbours, Bool[Array, " q"]]:
    """The first ``k`` documents, each where its first passage stands, and which lists are settled.

    >>> nearest = np.array([[0, 2, 1, 3]])
    >>> passages = Neighbours("dot", nearest, np.array([[4, 3, 2, 1]], np.float32), np.array([0]))
    >>> documents, settled = rolled_up(passages, Parts.named(["a", "b", "a", "c"]), 2)
    >>> documents.indices.tolist(), documents.scores.tolist(), settled.tolist()
    ([[0, 1]], [[4.0, 2.0]], [True])
    """
    ranked = passages.indices != NOBODY
    document = np.where(ranked, parts.of[passages.indices], NOBODY)
    new = _first_of_each(document) & ranked
    rank = np.cumsum(new, axis=1) - 1
    q = len(document)
    indices = np.full((q, k), NOBODY, dtype=np.int64)
    scores = np.full((q, k), -np.inf)
    row, column = np.nonzero(new & (rank < k))
    indices[row, rank[row, column]] = document[row, column]
    scores[row, rank[row, column]] = passages.scores[row, column]
    last = scores[:, -1]
    tied = new & (rank >= k) & (passages.scores == last[:, None])
    beyond = (indices[:, -1] != NOBODY) & (passages.scores[:, -1] < last)
    settled = beyond | ~ranked[:, -1] | (passages.k == len(parts.of))
    tied_at_cut = tied.sum(axis=1).astype(np.int64)
    return replace(passages, indices=indices, scores=scores, tied_at_cut=tied_at_cut), settled


def _first_of_each(numbers: Int64[Array, "q m"]) -> Bool[Array, "q m"]:
    """Where a number stands for the first time in its row."""
    order = np.argsort(numbers, axis=1, kind="stable")
    ascending = np.take_along_axis(numbers, order, axis=1)
    first = np.ones(numbers.shape, dtype=bool)
    first[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    new = np.zeros(numbers.shape, dtype=bool)
    np.put_along_axis(new, order, first, axis=1)
    return new
