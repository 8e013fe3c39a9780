"""What rows are called, so that people can judge an example by what they know of it."""

from dataclasses import dataclass
from functools import cached_property

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Int64
from anglewise.errors import IdsError
from anglewise.io.texts import titles


@dataclass(frozen=True)
class Named:
    """A row as people know it.

    >>> str(Named("m1", "Alien")), str(Named("m2", None))
    ('Alien', 'm2')
    """

    id: str
    title: str | None

    def __str__(self) -> str:
        return self.title or self.id


@dataclass(frozen=True, eq=False)
class Names:
    """The names of one side; titles are read once, when the first is asked for.

    >>> import numpy as np
    >>> names = Names(Embeddings([[1.0], [2.0]], metadata={"title": ["Alien", "Heat"]}))
    >>> names.of(1), [str(one) for one in names.all(np.array([1, -1, 0]))]
    (Named(id='1', title='Heat'), ['Heat', 'Alien'])
    """

    side: Embeddings

    @cached_property
    def titles(self) -> list[str] | None:
        """One for each row, if there are any."""
        return titles(self.side)

    def row(self, name: str) -> int:
        """The row with this id; ``IdsError`` with known ones if there is none."""
        if name not in self.side.row_of:
            raise IdsError(
                f"no item has the id {name!r}: ids are such as "
                f"{', '.join(repr(str(i)) for i in self.side.ids[:3])}"
            )
        return self.side.row_of[name]

    def of(self, row: int) -> Named:
        """One row."""
        known = self.titles
        return Named(str(self.side.ids[row]), None if known is None else known[row])

    def all(self, rows: Int64[Array, " some"]) -> tuple[Named, ...]:
        """Several, without the places that nobody fills."""
        return tuple(self.of(int(row)) for row in rows if row >= 0)
