"""Vectors prepared for a store: how large they are, whether they are all there is to a measure."""

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.typing import Direction
from anglewise.measures.formulas import Measure, fitted
from anglewise.measures.frames import fit_frames
from anglewise.measures.measure import Prepared, prepare
from anglewise.measures.measure import measure as read_measure


def size(space: Space, measure: Measure, direction: Direction) -> tuple[int, bool]:
    """The columns of prepared vectors, and whether their inner product ranks as the measure does.

    >>> from anglewise.core.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0, 2], [0, 2, 1], [1, 1, 0], [2, 0, 1]]))
    >>> names = ("dot", "cosine@without-top(1)", "euclidean", "manhattan")
    >>> [size(space, read_measure(name), "items-items") for name in names]
    [(3, True), (2, True), (4, True), (3, False)]
    """
    maps = fit_frames(measure.frames, space, direction)
    columns = space.items.dimension
    if maps is not None and maps.ranked.matrix is not None:
        columns = maps.ranked.matrix.shape[1]
    if not fitted(measure, space, direction).formula.inner:
        return columns, False
    return columns + prepare(measure, space, direction).bias, True


def prepared(space: Space, measure: Measure, direction: Direction) -> tuple[Space, Measure]:
    """A space in which a simpler measure ranks as this one does here, and that measure.

    Where the measure is an inner product, what it does to the vectors is done, and ``dot`` is
    left. Where one set of vectors would have to be two, as for ``csls`` between items, or where no
    inner product ranks alike, the vectors stay and the measure with them.
    """
    about = {**space.about, "prepared_for": str(measure)}
    ready = _ready(space, measure, direction)
    if ready is None:
        left, items, queries = measure, space.items, None if space.one_sided else space.queries
    else:
        asking, ranked = space.sides(direction)
        left, items = read_measure("dot"), ranked.with_vectors(np.concatenate([*ready.items()]))
        queries = None
        if asking is not ranked:
            queries = asking.with_vectors(ready.queries(asking.vectors))
    made = Space(
        items=items,
        queries=queries,
        seen=space.seen if queries is not None else None,
        about={**about, "index": {"measure": str(left)}},
    )
    return made, left


def _ready(space: Space, measure: Measure, direction: Direction) -> Prepared | None:
    if not fitted(measure, space, direction).formula.inner:
        return None
    ready = prepare(measure, space, direction)
    if direction == "queries-items" and not space.one_sided:
        return ready
    one, other = ready.maps.asking, ready.maps.ranked
    alike = np.array_equal(one.offset, other.offset) and (
        one.matrix is other.matrix
        or (
            one.matrix is not None
            and other.matrix is not None
            and np.array_equal(one.matrix, other.matrix)
        )
    )
    return ready if alike and not ready.bias else None
