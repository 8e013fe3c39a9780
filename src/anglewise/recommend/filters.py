"""Which items may be shown at all."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Bool
from anglewise.recommend.who import Who, rows_of


@dataclass(frozen=True, eq=False)
class Filters:
    """Ids or rows that alone may be shown, and those that may not; ``None`` filters nothing."""

    allowed: Who | None = None
    forbidden: Who | None = None

    def shown(self, side: Embeddings, kind: str) -> Bool[Array, " rows"] | None:
        """Which rows of a side may be shown; ``None`` where all may.

        Raises ``IdsError`` for an unknown id.

        >>> films = Embeddings([[1.0], [2.0], [3.0]], ids=["heat", "dune", "tron"])
        >>> Filters(allowed=["heat", "tron"], forbidden="tron").shown(films, "item").tolist()
        [True, False, False]
        """
        if self.allowed is None and self.forbidden is None:
            return None
        mask = np.full(len(side), self.allowed is None)
        if self.allowed is not None:
            mask[rows_of(self.allowed, side, kind)] = True
        if self.forbidden is not None:
            mask[rows_of(self.forbidden, side, kind)] = False
        return mask
