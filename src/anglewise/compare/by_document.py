"""Passages searched, documents ranked: each by the best of its passages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Parts
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Direction, Int64, Progress
from anglewise.engine.search import search
from anglewise.io.texts import documents_of
from anglewise.measures.formulas import Measure

PLACES = 1 << 23
"""Deep lists are searched for as many queries at once as have this many places together."""

NOBODY = -1


def judged_space(space: Space, parts: Parts | None) -> Space:
    """Who asks and what is ranked and judged, where these are documents without their vectors."""
    if parts is None:
        return space
    asking = space.queries.with_vectors(np.zeros((len(space.queries), 1), np.float32))
    return Space(queries=asking, items=documents_of(space.items, parts))


def search_judged(
    space: Space,
    measures: Sequence[Measure],
    rows: Int64[Array, " q"],
    *,
    direction: Direction,
    parts: Parts | None,
    k: int,
    exclude: SparseRows | None,
    threads: int | None,
    progress: Progress | None,
) -> dict[str, Neighbours]:
    """Find the nearest of what was judged: items, or documents by the best of their passages."""

    def nearest(
        some: Int64[Array, " some"], depth: int, progress: Progress | None = None
    ) -> dict[str, Neighbours]:
        return search(
            space,
            measures,
            k=depth,
            direction=direction,
            rows=some,
            exclude=exclude,
            threads=threads,
            progress=progress,
        )

    ranked = len(space.sides(direction)[1])
    if parts is None:
        return nearest(rows, min(k, ranked), progress)
    depth = min(ranked, k * -(-ranked // len(parts)))
    first = nearest(rows, depth, progress)
    return deepened(nearest, first, parts, rows, min(k, len(parts)))


def deepened(
    nearest: Callable[[Int64[Array, " some"], int], Mapping[str, Neighbours]],
    found: Mapping[str, Neighbours],
    parts: Parts,
    rows: Int64[Array, " q"],
    k: int,
) -> dict[str, Neighbours]:
    """Roll passages up to documents, and look twice as deep where these do not settle ``k``.

    ``nearest`` finds the passages of some rows to some depth, ``found`` is what it found first.
    A list is settled when it holds ``k`` documents and went on to a lower score than the last of
    them has, or when no passage is left: then no deeper list changes it.
    """
    lists = {name: rolled_up(one, parts, k) for name, one in found.items()}
    answer = {name: documents for name, (documents, _) in lists.items()}
    depth = next(iter(found.values())).k
    todo = np.flatnonzero(~np.all([settled for _, settled in lists.values()], axis=0))
    while len(todo) and depth < len(parts.of):
        depth = min(2 * depth, len(parts.of))
        left = [np.zeros(0, dtype=np.int64)]
        for start in range(0, len(todo), max(1, PLACES // depth)):
            some = todo[start : start + max(1, PLACES // depth)]
            unsettled = np.zeros(len(some), dtype=bool)
            for name, one in nearest(rows[some], depth).items():
                documents, settled = rolled_up(one, parts, k)
                _put(answer[name], some, documents)
                unsettled |= ~settled
            left.append(some[unsettled])
        todo = np.concatenate(left)
    return answer


def rolled_up(found: Neighbours, parts: Parts, k: int) -> tuple[Neighbours, Bool[Array, " q"]]:
    """The first ``k`` documents, each where its first passage stands, and which lists are settled.

    >>> passages = np.array([[0, 2, 1, 3]])
    >>> found = Neighbours("dot", passages, np.array([[4, 3, 2, 1]], np.float32), np.array([0]))
    >>> documents, settled = rolled_up(found, Parts.named(["a", "b", "a", "c"]), 2)
    >>> documents.indices.tolist(), documents.scores.tolist(), settled.tolist()
    ([[0, 1]], [[4.0, 2.0]], [True])
    """
    there = found.indices != NOBODY
    of = np.where(there, parts.of[found.indices], NOBODY)
    new = _first_of_each(of) & there
    place = np.cumsum(new, axis=1) - 1
    q = len(of)
    indices = np.full((q, k), NOBODY, dtype=np.int64)
    scores = np.full((q, k), -np.inf, dtype=np.float32)
    row, column = np.nonzero(new & (place < k))
    indices[row, place[row, column]] = of[row, column]
    scores[row, place[row, column]] = found.scores[row, column]
    last = scores[:, -1]
    tied = new & (place >= k) & (found.scores == last[:, None])
    beyond = (indices[:, -1] != NOBODY) & (found.scores[:, -1] < last)
    settled = beyond | ~there[:, -1] | (found.k == len(parts.of))
    return replace(
        found, indices=indices, scores=scores, tied_at_cut=tied.sum(axis=1).astype(np.int64)
    ), settled


def _first_of_each(of: Int64[Array, "q m"]) -> Bool[Array, "q m"]:
    """Where a number stands for the first time in its row."""
    order = np.argsort(of, axis=1, kind="stable")
    along = np.take_along_axis(of, order, axis=1)
    first = np.ones(of.shape, dtype=bool)
    first[:, 1:] = along[:, 1:] != along[:, :-1]
    new = np.zeros(of.shape, dtype=bool)
    np.put_along_axis(new, order, first, axis=1)
    return new


def _put(answer: Neighbours, rows: Int64[Array, " some"], found: Neighbours) -> None:
    answer.indices[rows] = found.indices
    answer.scores[rows] = found.scores
    answer.tied_at_cut[rows] = found.tied_at_cut
