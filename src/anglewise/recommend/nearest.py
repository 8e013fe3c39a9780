"""One search for whoever asks: what each may not be shown, and what nobody may."""

from collections.abc import Iterator

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.numbers import COUNT
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Direction, Int64
from anglewise.engine.search import search_vectors
from anglewise.errors import TooFewError
from anglewise.measures.formulas import Measure

HIDDEN_AT_ONCE = 1 << 23
"""Where a frame needs all items, what a filter hides is listed for so many pairs at once."""


def nearest(
    space: Space,
    measure: Measure,
    asking: Embeddings,
    *,
    direction: Direction,
    k: int,
    left_out: SparseRows | None = None,
    shown: Bool[Array, " ranked"] | None = None,
    threads: int | None = None,
) -> Neighbours:
    """The ``k`` nearest of those shown for each vector, fewer where fewer are there.

    Raises ``TooFewError`` when nothing may be shown, or ``k`` is below one.

    >>> from anglewise.measures.measure import measure
    >>> space = Space(items=Embeddings([[1.0], [3.0], [2.0]]))
    >>> only = np.array([True, False, True])
    >>> asks = Embeddings([[1.0]])
    >>> nearest(space, measure("dot"), asks, direction="items-items", k=9, shown=only).indices
    array([[2, 0]])
    """
    ranked = space.sides(direction)[1]
    due = len(ranked) if shown is None else int(shown.sum())
    COUNT.check("k", k, TooFewError)
    if due == 0:
        raise TooFewError(f"the filters leave none of {len(ranked):,}: allow more, or forbid less")
    count = min(k, due)
    if shown is None or due == len(ranked):
        return _searched(
            space, measure, asking, direction=direction, k=count, left_out=left_out, threads=threads
        )
    if not measure.frames:
        kept = np.flatnonzero(shown)
        return _among(
            ranked, measure, asking, kept=kept, k=count, left_out=left_out, threads=threads
        )
    # a frame is fitted on all items: the hidden ones stay and are excluded
    parts = [
        _searched(
            space, measure, some, direction=direction, k=count, left_out=hidden, threads=threads
        )
        for some, hidden in _blocks(asking, np.flatnonzero(~shown), left_out, len(ranked))
    ]
    return Neighbours(
        str(measure),
        np.concatenate([one.indices for one in parts]),
        np.concatenate([one.scores for one in parts]),
        np.concatenate([one.tied_at_cut for one in parts]),
    )


def _searched(
    space: Space,
    measure: Measure,
    asking: Embeddings,
    *,
    direction: Direction,
    k: int,
    left_out: SparseRows | None,
    threads: int | None,
) -> Neighbours:
    found = search_vectors(
        space, asking, [measure], k=k, direction=direction, exclude=left_out, threads=threads
    )
    return found[str(measure)]


def _among(
    ranked: Embeddings,
    measure: Measure,
    asking: Embeddings,
    *,
    kept: Int64[Array, " kept"],
    k: int,
    left_out: SparseRows | None,
    threads: int | None,
) -> Neighbours:
    """Search the rows that may be shown alone, and give their rows in the whole."""
    place = np.full(len(ranked), -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    hidden = None
    if left_out is not None:
        columns = place[left_out.indices]
        there = columns >= 0
        rows, shape = left_out.rows[there], (len(asking), len(kept))
        hidden = SparseRows.from_pairs(rows, columns[there], shape=shape)
    some = Space(items=ranked.take(kept))
    found = _searched(
        some, measure, asking, direction="items-items", k=k, left_out=hidden, threads=threads
    )
    indices = np.where(found.indices < 0, -1, kept[found.indices])
    return Neighbours(found.measure, indices, found.scores, found.tied_at_cut)


def _blocks(
    asking: Embeddings,
    hidden: Int64[Array, " hidden"],
    left_out: SparseRows | None,
    width: int,
) -> Iterator[tuple[Embeddings, SparseRows]]:
    length = max(1, HIDDEN_AT_ONCE // len(hidden))
    for start in range(0, len(asking), length):
        rows = np.arange(start, min(start + length, len(asking)), dtype=np.int64)
        pairs = np.repeat(np.arange(len(rows)), len(hidden)) * width + np.tile(hidden, len(rows))
        if left_out is not None:
            own = left_out.take(rows)
            pairs = np.union1d(pairs, own.rows * width + own.indices)
        some = Embeddings(asking.vectors[rows])
        yield some, SparseRows.from_pairs(*np.divmod(pairs, width), shape=(len(rows), width))
