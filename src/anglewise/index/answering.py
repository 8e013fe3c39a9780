"""What an index must answer, so that a vector store can stand in its place."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

from numpy.typing import ArrayLike

from anglewise.core.typing import Array, Float32

Where: TypeAlias = Mapping[str, Any] | Callable[[Mapping[str, Any]], bool]
"""Which items may answer: values (or lists of values) of their metadata, or a question to it."""


@dataclass(frozen=True)
class Hit:
    """One item that an index found.

    Attributes
    ----------
    id
        Its name.
    score
        How near it is, larger is nearer, in the unit of the measure.
    meaning
        What the score means, in words.
    metadata
        What is known about the item: its title, its text, …

    Examples
    --------
    >>> Hit("7", 0.5, "cosine in [-1, 1]").score
    0.5
    """

    id: str
    score: float
    meaning: str
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


@runtime_checkable
class Answering(Protocol):
    """What answers with the nearest items: :class:`anglewise.Index`, or the adapter of a store.

    An interface. Scores are of ``measure``, larger is nearer; lists run from near to far, equal
    scores in the order of ids, and are shorter than ``k`` where fewer items are there or allowed.
    """

    @property
    def measure(self) -> str:
        """The spelling of the measure of the scores."""
        ...

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        ...

    def __len__(self) -> int:
        """How many items there are."""
        ...

    def search(
        self, vectors: ArrayLike, k: int = 10, *, where: Where | None = None
    ) -> list[list[Hit]]:
        """One list for each vector; a single vector is given one list."""
        ...

    def vectors(self, ids: Iterable[str]) -> Float32[Array, "ids d"]:
        """The vectors of some items, in the order asked for; ``IdsError`` for unknown ids."""
        ...
