"""What makes another space of the same users and items, from the interactions in it."""

from typing import Literal, Protocol, TypeAlias, runtime_checkable

from anglewise.core.embeddings import Space
from anglewise.core.typing import Direction
from anglewise.remedy.budget import Budget
from anglewise.remedy.training import Training

Needs: TypeAlias = Literal["nothing", "judgements", "interactions"]


@runtime_checkable
class Maker(Protocol):
    """A way to make a space again; its spelling names it, so it is a frozen thing with a ``str``.

    Built in are closed forms; any object of this shape may stand in ``candidates`` too.
    """

    @property
    def place(self) -> int:
        """Sorts what is simpler to make and to keep first."""
        ...

    def operations(self, training: Training) -> float:
        """Roughly how many floating-point operations it takes: what the first guess rests on."""
        ...

    def columns(self, training: Training) -> int:
        """How long its vectors will be."""
        ...

    def make(self, training: Training, budget: Budget) -> Space:
        """The space, with users and items in the order they came.

        What takes long asks the budget between its steps, and gives what it has when time ends.
        """
        ...

    def measures(self, direction: Direction) -> tuple[str, ...]:
        """The measures that are worth a look in a direction, the one it is made for first."""
        ...
