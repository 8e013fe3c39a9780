"""The cosines of rows with their nearest of the other side, for measures against hubs."""

import numpy as np

from anglewise.data_types.typing import Array, Float64
from anglewise.errors import ValuesError
from anglewise.nearest_neighbours.exclusions import exclusions_from
from anglewise.nearest_neighbours.passes import Pass
from anglewise.nearest_neighbours.ranking import IdOrder
from anglewise.nearest_neighbours.scanners import workers
from anglewise.nearest_neighbours.search import answer_rows, no_answers
from anglewise.nearest_neighbours.tiles import CACHE_BYTES, PreparedItems
from anglewise.similarity_measures.affine import Maps, Sides
from anglewise.similarity_measures.formulas import Cosine, Measure

WORTH = 1 << 22
"""So many pairs of rows take less time by a product than by a search."""
ROWS = 1 << 14
"""Rows that are answered together."""


def nearest_cosines(sides: Sides, k: int) -> Float64[Array, "n k"] | None:
    """The cosines of each ranked row with its nearest ``k`` of the asking side, from high to low.

    A search in which the ranked side asks: exact, each rounded to twelve digits. Itself does not
    count. None where all pairs in float64 are the better way.
    """
    listed, asking = sides.asking.embeddings, sides.ranked.embeddings
    itself = listed is asking
    if k > len(listed) - itself or len(listed) * len(asking) < WORTH:
        return None
    still = sides.ranked.through.is_still and sides.asking.through.is_still
    maps = None if still else Maps(sides.ranked.through, sides.asking.through)
    measure = Measure(Cosine())
    passes = (Pass((measure,), maps),)
    items = PreparedItems(listed, (str(measure),), passes, IdOrder(), room=CACHE_BYTES)
    out = np.empty((len(asking), k))
    try:
        with workers(None, listed.vectors.size * len(asking)) as pool:
            for start in range(0, len(asking), ROWS):
                rows = np.arange(start, min(start + ROWS, len(asking)), dtype=np.int64)
                hidden = exclusions_from([], rows if itself else None, len(rows), len(listed))
                lists = no_answers(items.measures, len(rows), k)
                answer_rows(lists, items, asking.vectors, rows, hidden, pool=pool, progress=None)
                out[rows] = lists[str(measure)].scores
    except ValuesError:  # a frame that takes rows out of float32
        return None
    return out
