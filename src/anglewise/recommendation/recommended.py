"""The lists that a recommender returns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.columns import titles
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Float, Shaped


@dataclass(frozen=True)
class RecommendedItem:
    """One item of a list: its id, its score (larger is nearer) and its title, if there is one.

    >>> RecommendedItem("7", 0.5).title is None
    True
    """

    id: str
    score: float
    title: str | None = None


@dataclass(frozen=True, eq=False)
class Recommended:
    """Lists of recommendations, nearest first.

    Attributes
    ----------
    asked
        The id of the user or item of each list; ``"new"`` for a new user.
    found
        Rows of the ranked side and scores, ``asked x k``; ``-1`` and ``-inf`` where a list is
        shorter: fewer rows were left after the filters, or the vector is zero.
    ranked
        The side that is ranked.
    meaning
        What a score means.
    silent
        Ids with a zero vector, for which no order would be better than another: their lists are
        empty.
    """

    asked: Shaped[Array, " asked"]
    found: Neighbours
    ranked: Embeddings
    meaning: str
    silent: tuple[str, ...] = ()

    @property
    def measure(self) -> str:
        """The spelling of the measure that ranked."""
        return self.found.measure

    @property
    def scores(self) -> Float[Array, "asked k"]:
        """The scores, larger is nearer; ``-inf`` where a list is shorter."""
        return self.found.scores

    @property
    def ids(self) -> Shaped[Array, "asked k"]:
        """The recommended ids; ``None`` where a list is shorter."""
        rows = self.found.indices
        names = self.ranked.ids[np.maximum(rows, 0)]
        names[rows < 0] = None
        return names

    def lists(self) -> list[list[RecommendedItem]]:
        """One list for each of ``asked``, without gaps, with titles if there are any."""
        ids = self.ranked.ids
        title_of_row: Sequence[str | None] = titles(self.ranked) or [None] * len(self.ranked)
        return [
            [
                RecommendedItem(str(ids[row]), float(score), title_of_row[int(row)])
                for row, score in zip(rows, scores, strict=True)
                if row >= 0
            ]
            for rows, scores in zip(
                self.found.indices.tolist(), self.found.scores.tolist(), strict=True
            )
        ]
