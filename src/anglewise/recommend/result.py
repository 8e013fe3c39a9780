"""What was recommended to whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Float32, Shaped
from anglewise.io.texts import titles


@dataclass(frozen=True)
class Item:
    """One place of a list: an id, its score (larger is nearer) and its title, where one is known.

    >>> Item("7", 0.5).title is None
    True
    """

    id: str
    score: float
    title: str | None = None


@dataclass(frozen=True, eq=False)
class Recommended:
    """Lists for those who asked, nearest first.

    Attributes
    ----------
    asked
        The ids of those who asked; ``"new"`` for a new user.
    found
        Rows of the ranked side and scores, ``asked x k``; ``-1`` and ``-inf`` where a list is
        shorter: fewer were left after the filters, or nothing is known about who asked.
    ranked
        The side whose rows these are.
    meaning
        What a score means.
    silent
        Ids of those whose vector is zero, so that every order would be as good: their lists are
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
    def scores(self) -> Float32[Array, "asked k"]:
        """Larger is nearer; ``-inf`` where a list is shorter."""
        return self.found.scores

    @property
    def ids(self) -> Shaped[Array, "asked k"]:
        """The ids of what is recommended; ``None`` where a list is shorter."""
        rows = self.found.indices
        names = self.ranked.ids[np.maximum(rows, 0)]
        names[rows < 0] = None
        return names

    def lists(self) -> list[list[Item]]:
        """One list for each who asked, without gaps, with titles where they are known."""
        ids = self.ranked.ids
        known: Sequence[str | None] = titles(self.ranked) or [None] * len(self.ranked)
        return [
            [
                Item(str(ids[row]), float(score), known[int(row)])
                for row, score in zip(rows, scores, strict=True)
                if row >= 0
            ]
            for rows, scores in zip(
                self.found.indices.tolist(), self.found.scores.tolist(), strict=True
            )
        ]
