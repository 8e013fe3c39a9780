"""The lists of nearest items that a search returns and every evaluation reads."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from anglewise.core.conversion import check_kind
from anglewise.core.embeddings import Space
from anglewise.core.typing import Array, Bool, Direction, Float32, Int64
from anglewise.errors import MissingExtraError, ShapeError, SpellingError


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest items of each query under one measure, nearest first.

    Attributes
    ----------
    measure
        The spelling of the measure, such as ``"cosine@centred"``.
    indices
        Rows of the ranked side, ``queries x k``; ``-1`` where fewer than ``k`` items were allowed.
    scores
        Larger is nearer (a distance is negated), in the measure's own unit, rounded to float32
        before ordering; ``-inf`` where ``indices`` is ``-1``. Equal scores are ordered by id.
    tied_at_cut
        For each query, how many items outside the list score the same as the last one inside.
    direction
        Which side asked and which is ranked; ``None`` where it was not given.
    rows
        The row of the query of each list; ``None`` for vectors that are not in the space.
    """

    measure: str
    indices: Int64[Array, "q k"]
    scores: Float32[Array, "q k"]
    tied_at_cut: Int64[Array, " q"]
    direction: Direction | None = None
    rows: Int64[Array, " q"] | None = None

    @property
    def k(self) -> int:
        """The number of neighbours that each list has room for."""
        return self.indices.shape[1]

    def take(self, lists: Int64[Array, " some"] | Bool[Array, " q"]) -> "Neighbours":
        """Some of the lists, in the order of their numbers, or where a mask is true.

        >>> import numpy as np
        >>> scores = np.zeros((2, 1), np.float32)
        >>> found = Neighbours("dot", np.array([[4], [7]]), scores, np.zeros(2, np.int64))
        >>> found.take(np.array([1])).indices.tolist()
        [[7]]
        """
        return replace(
            self,
            indices=self.indices[lists],
            scores=self.scores[lists],
            tied_at_cut=self.tied_at_cut[lists],
            rows=None if self.rows is None else self.rows[lists],
        )

    def to_frame(self, space: Space, *, direction: Direction | None = None) -> Any:
        """One row a neighbour as a pandas DataFrame: measure, query, rank from 1, item, score.

        Queries and items appear with their ids in ``space``; vectors that are not in the space with
        their numbers. ``direction`` is needed where the lists do not record it.

        Raises ``MissingExtraError`` without pandas, ``ShapeError`` for lists of another space.
        """
        try:
            import pandas as pd
        except ImportError as missing:
            raise MissingExtraError(
                "to_frame needs pandas: pip install 'anglewise[pandas]', or read indices and scores"
            ) from missing
        check_kind(space, Space, "the space of these lists", "a Space")
        direction = direction or self.direction
        if direction is None:
            raise SpellingError("these lists do not say who asked whom: name direction=...")
        asking, ranked = space.sides(direction)
        highest = int(self.indices.max(initial=-1)), -1 if self.rows is None else self.rows.max()
        if highest[0] >= len(ranked) or highest[1] >= len(asking):
            raise ShapeError(
                f"these lists are of another space: they name row {max(highest)}, this one has "
                f"{len(asking)} x {len(ranked)} ({direction})"
            )
        filled = self.indices >= 0
        lists, ranks = np.nonzero(filled)
        queries = lists.astype(str) if self.rows is None else asking.ids[self.rows[lists]]
        return pd.DataFrame(
            {
                "measure": self.measure,
                "query": queries,
                "rank": ranks + 1,
                "item": ranked.ids[self.indices[filled]],
                "score": self.scores[filled],
            }
        )
