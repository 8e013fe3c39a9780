"""Some of the items of a search, in the frame of all: copied, or the others excluded."""

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.memory import check_room
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Int64
from anglewise.nearest_neighbours.tiles import PreparedItems

ALWAYS_FITS = 1 << 26
"""A copy of so many bytes needs no look at the memory allowed."""


def some_items(items: PreparedItems, rows: Int64[Array, " some"]) -> PreparedItems:
    """Some of the items, ascending, in the frame of all: their vectors are copied.

    Raises ``ValuesError`` where the copy would fill the memory.
    """
    if len(rows) == len(items.ranked):
        return items
    size = 4 * len(rows) * items.ranked.dimension
    if size > ALWAYS_FITS:
        check_room(f"a copy of the {len(rows):,} items that pass", size, "let fewer pass")
    return PreparedItems(
        Embeddings(items.ranked.vectors[rows]),
        items.measures,
        tuple(shared.of_rows(rows) for shared in items.passes),
        items.id_order.of_rows(rows),
        room=0,
    )


def for_every(rows: Int64[Array, " excluded"], queries: int, items: int) -> SparseRows | None:
    """The same excluded rows for every query."""
    if not len(rows):
        return None
    indptr = np.arange(queries + 1, dtype=np.int64) * len(rows)
    entries = np.tile(rows, queries)
    return SparseRows(indptr, entries, np.ones(len(entries)), (queries, items))
