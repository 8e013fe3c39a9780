"""Measures in coordinates learnt from judgements: ``cosine@adapted``."""

from collections.abc import Callable
from dataclasses import dataclass

from anglewise.core.numbers import COUNT
from anglewise.errors import SpellingError
from anglewise.measures.formula import Formula
from anglewise.measures.frame import Frame, Maps, Sides
from anglewise.measures.measure import Measure


@dataclass(frozen=True)
class Adapted:
    """A formula after some frames and a map that is yet to be learnt.

    ``adapted`` learns every entry of the map, ``adapted(32)`` a correction of rank 32 to the
    identity, ``adapted-diagonal`` a weight for each column.

    >>> from anglewise.measures.formula import Cosine
    >>> str(Adapted(Cosine(), rank=32)), str(Adapted(Cosine(), diagonal=True))
    ('cosine@adapted(32)', 'cosine@adapted-diagonal')
    """

    formula: Formula
    frames: tuple[Frame, ...] = ()
    rank: int | None = None
    diagonal: bool = False

    @property
    def word(self) -> str:
        """How the learnt frame is written."""
        if self.diagonal:
            return "adapted-diagonal"
        return "adapted" if self.rank is None else f"adapted({self.rank})"

    def __str__(self) -> str:
        return "@".join([str(self.formula), *map(str, self.frames), self.word])

    @property
    def simplicity(self) -> tuple[int, int, str]:
        """Sorts behind the measures that learn nothing."""
        rank, frames, _ = Measure(self.formula, self.frames).simplicity
        return rank + 2, frames + 1, str(self)

    def learnt(self, maps: Maps) -> Measure:
        """The measure, once the maps are known."""
        return Measure(self.formula, (*self.frames, Learnt(self.word, maps)))


@dataclass(frozen=True, eq=False)
class Learnt(Frame):
    """Maps that were learnt elsewhere: every space is moved by the same."""

    name: str
    maps: Maps

    def __str__(self) -> str:
        return self.name

    def fit(self, sides: Sides) -> Maps:
        """Nothing is left to learn."""
        del sides
        return self.maps


def _ranked(*numbers: float) -> tuple[int | None, bool]:
    if not numbers:
        return None, False
    (rank,) = numbers
    return int(COUNT.check("the rank of adapted(32)", rank, SpellingError)), False


def _diagonal() -> tuple[int | None, bool]:
    return None, True


ADAPTED: dict[str, Callable[..., tuple[int | None, bool]]] = {
    "adapted": _ranked,
    "adapted-diagonal": _diagonal,
}
"""How the learnt frame is written: its rank, and whether it is diagonal."""
