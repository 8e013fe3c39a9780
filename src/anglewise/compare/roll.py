"""Rows of several spaces that mean the same thing, found by their ids."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.typing import Array, Direction, Int64
from anglewise.io.texts import titles

MISSING = -1


@dataclass(frozen=True, eq=False)
class Roll:
    """Every id that one of the spaces holds on one side, and where each space has it.

    Attributes
    ----------
    names
        The ids in their order, as embeddings without numbers: zeros stand for the vectors.
    rows
        Of each space, the row of every id; -1 where it has none.
    """

    names: Embeddings
    rows: Mapping[str, Int64[Array, " ids"]]

    @classmethod
    def of(cls, sides: Mapping[str, Embeddings]) -> "Roll":
        """Call the roll of one side of each space.

        >>> sides = {"old": Embeddings([[1.0], [2.0]], ["b", "a"]), "new": Embeddings([[3.0]], "c")}
        >>> roll = Roll.of(sides)
        >>> roll.names.ids.tolist(), roll.rows["old"].tolist(), roll.rows["new"].tolist()
        (['a', 'b', 'c'], [1, 0, -1], [-1, -1, 0])
        """
        every = list(dict.fromkeys(name for side in sides.values() for name in side.ids))
        order = _blank(every).id_order
        names = [every[i] for i in order]
        rows = {
            space: np.array([side.row_of.get(name, MISSING) for name in names], dtype=np.int64)
            for space, side in sides.items()
        }
        return cls(_blank(names, _Titles(tuple(sides.values()), names)), rows)

    @cached_property
    def places(self) -> Mapping[str, Int64[Array, " rows"]]:
        """Of each space, the place in the roll of every row."""
        there = {space: np.flatnonzero(rows != MISSING) for space, rows in self.rows.items()}
        return {space: on[np.argsort(self.rows[space][on])] for space, on in there.items()}

    @property
    def everywhere(self) -> Array:
        """Whether all spaces have it, for each id."""
        return np.all([rows != MISSING for rows in self.rows.values()], axis=0)

    def lacking(self, space: str) -> list[str]:
        """The ids that one space has not."""
        return self.names.ids[self.rows[space] == MISSING].tolist()


def call(spaces: Mapping[str, Space], direction: Direction) -> tuple[Roll, Roll]:
    """The rolls of those who ask and of those who are ranked; one and the same where they are."""
    sides = {name: space.sides(direction) for name, space in spaces.items()}
    ranked = Roll.of({name: side for name, (_, side) in sides.items()})
    if all(asking is side for asking, side in sides.values()):
        return ranked, ranked
    return Roll.of({name: asking for name, (asking, _) in sides.items()}), ranked


@dataclass(frozen=True, eq=False)
class _Titles(Mapping[str, Any]):
    """What a person knows each id by, looked up when it is asked for."""

    sides: tuple[Embeddings, ...]
    names: Sequence[str]

    def __getitem__(self, column: str) -> list[str]:
        if column != "title":
            raise KeyError(column)
        known: dict[str, str] = {}
        for side in self.sides:
            for name, title in zip(side.ids, titles(side) or (), strict=False):
                known.setdefault(str(name), title)
        return [known.get(name, name) for name in self.names]

    def __iter__(self) -> Iterator[str]:
        return iter(["title"])

    def __len__(self) -> int:
        return 1


def _blank(names: Sequence[str], about: Mapping[str, Any] | None = None) -> Embeddings:
    return Embeddings(np.zeros((len(names), 1), np.float32), ids=names, metadata=about)
