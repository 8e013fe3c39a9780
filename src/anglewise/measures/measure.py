"""A measure: a formula in a frame."""

from dataclasses import dataclass

from anglewise.measures.formula import Formula
from anglewise.measures.frame import Frame

SIMPLEST_FIRST = ("dot", "cosine", "euclidean")
"""The order in which a tie is broken: what every vector store offers comes first."""


@dataclass(frozen=True)
class Measure:
    """How near two vectors are: a formula, taken after the frames, the first frame first.

    >>> from anglewise.measures.formula import Cosine
    >>> str(Measure(Cosine()))
    'cosine'
    """

    formula: Formula
    frames: tuple[Frame, ...] = ()

    def __str__(self) -> str:
        return "@".join([str(self.formula), *(str(frame) for frame in self.frames)])

    def at(self, frame: Frame) -> "Measure":
        """The same formula after one more frame."""
        return Measure(self.formula, (*self.frames, frame))

    @property
    def simplicity(self) -> tuple[int, int, str]:
        """Sorts the simplest measure first: dot, cosine, euclidean, then the others."""
        name = str(self.formula)
        rank = SIMPLEST_FIRST.index(name) if name in SIMPLEST_FIRST else len(SIMPLEST_FIRST)
        return (rank if not self.frames else len(SIMPLEST_FIRST) + 1, len(self.frames), str(self))
