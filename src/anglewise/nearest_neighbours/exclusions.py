"""What queries must not be shown: themselves, what was used in training, what the caller says."""

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Direction, Int64
from anglewise.errors import ShapeError
from anglewise.nearest_neighbours.ranking import Exclusions


def exclusions_of(
    space: Space,
    direction: Direction,
    rows: Int64[Array, " q"],
    exclude: SparseRows | None,
    *,
    use_seen: bool = True,
) -> Exclusions:
    """What some rows of the asking side must not be shown: see :func:`search`."""
    asking, ranked = space.sides(direction)
    tables = [exclude, space.seen if use_seen and direction == "queries-items" else None]
    due = (len(asking), len(ranked))
    if exclude is not None and exclude.shape != due:
        raise ShapeError(
            f"exclude is {exclude.shape}, the space asks for {due} in direction {direction}: "
            "one row for each of those who ask, one column for each that is ranked"
        )
    itself = None if direction == "queries-items" else rows
    taken = [table.take(rows) for table in tables if table is not None]
    return exclusions_from(taken, itself, len(rows), due[1])


def vector_exclusions(
    vectors: Embeddings, ranked: Embeddings, exclude: SparseRows | None
) -> Exclusions:
    """What vectors that are not in the space must not be shown, once both fit the ranked side."""
    due = (len(vectors), len(ranked))
    if vectors.dimension != ranked.dimension:
        raise ShapeError(
            f"the vectors have {vectors.dimension} columns, the space {ranked.dimension}: "
            "take both from one model"
        )
    if exclude is not None and exclude.shape != due:
        raise ShapeError(f"exclude is {exclude.shape}: {due} is due")
    return exclusions_from([] if exclude is None else [exclude], None, *due)


def exclusions_from(
    tables: list[SparseRows], itself: Int64[Array, " q"] | None, queries: int, width: int
) -> Exclusions:
    """Join tables of exclusions, and the row that each query is itself; each entry once.

    Not by ``np.unique``, whose hashing takes several times as long as the whole search of a million
    entries; a table that stands alone is in order already.
    """
    parts = [table.rows * width + table.indices for table in tables]
    if itself is not None:
        parts.append(np.arange(queries, dtype=np.int64) * width + itself)
    pairs = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    if not (pairs[1:] > pairs[:-1]).all():
        pairs = np.sort(pairs)
        pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])]
    indptr = np.searchsorted(pairs, np.arange(queries + 1, dtype=np.int64) * width)
    return Exclusions(indptr.astype(np.int64), pairs % width, width)
