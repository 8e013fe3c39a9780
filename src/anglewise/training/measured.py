"""The measures that a loss can be written in: how users are placed, and how they are scored.

All functions work on NumPy arrays and on PyTorch tensors alike.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from anglewise.core.embeddings import TrainedFor
from anglewise.errors import SpellingError

TINY = 1e-12
"""Added to squared lengths, so that a vector without length has a gradient."""


class Measured(ABC):
    """A measure inside the loss. An interface: the classes below are finished."""

    name: ClassVar[TrainedFor]
    temperature: ClassVar[float]

    @abstractmethod
    def items(self, raw: Any) -> Any:
        """Item vectors from the table that is learned."""

    @abstractmethod
    def users(self, sums: Any, counts: Any) -> Any:
        """User vectors from the sum of the vectors of the items used, and how many these are."""

    @abstractmethod
    def scores(self, users: Any, items: Any) -> Any:
        """Every user with every item."""

    @abstractmethod
    def pairs(self, users: Any, items: Any) -> Any:
        """Row with row."""


@dataclass(frozen=True)
class Dot(Measured):
    """Inner products; a user is the sum of the items used over the root of their number.

    >>> import numpy as np
    >>> Dot().users(np.array([[2.0, 4.0]]), np.array([4.0])).tolist()
    [[1.0, 2.0]]
    """

    name: ClassVar[TrainedFor] = "dot"
    temperature: ClassVar[float] = 1.0

    def items(self, raw: Any) -> Any:
        """As they are."""
        return raw

    def users(self, sums: Any, counts: Any) -> Any:
        """The sum over the root of the number: who used more reaches further."""
        return sums / _at_least_one(counts)[:, None] ** 0.5

    def scores(self, users: Any, items: Any) -> Any:
        """``u . q``."""
        return users @ items.T

    def pairs(self, users: Any, items: Any) -> Any:
        """``u . q``."""
        return (users * items).sum(1)


@dataclass(frozen=True)
class Cosine(Measured):
    """Inner products of vectors of length one; a user is the direction of the sum.

    >>> import numpy as np
    >>> Cosine().items(np.array([[3.0, 4.0]])).round(3).tolist()
    [[0.6, 0.8]]
    """

    name: ClassVar[TrainedFor] = "cosine"
    temperature: ClassVar[float] = 0.1

    def items(self, raw: Any) -> Any:
        """Brought to length one."""
        return raw / ((raw * raw).sum(1) + TINY)[:, None] ** 0.5

    def users(self, sums: Any, counts: Any) -> Any:
        """Brought to length one; the count does not matter."""
        del counts
        return self.items(sums)

    def scores(self, users: Any, items: Any) -> Any:
        """``u . q``, which is the cosine."""
        return users @ items.T

    def pairs(self, users: Any, items: Any) -> Any:
        """``u . q``."""
        return (users * items).sum(1)


@dataclass(frozen=True)
class Euclidean(Measured):
    """Minus the squared distance; a user is the mean of the items used.

    >>> import numpy as np
    >>> Euclidean().scores(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 2.0]])).tolist()
    [[-1.0, -4.0]]
    """

    name: ClassVar[TrainedFor] = "euclidean"
    temperature: ClassVar[float] = 1.0

    def items(self, raw: Any) -> Any:
        """As they are."""
        return raw

    def users(self, sums: Any, counts: Any) -> Any:
        """The mean."""
        return sums / _at_least_one(counts)[:, None]

    def scores(self, users: Any, items: Any) -> Any:
        """``-|u - q|^2``."""
        lengths = (users * users).sum(1)[:, None] + (items * items).sum(1)[None]
        return 2 * (users @ items.T) - lengths

    def pairs(self, users: Any, items: Any) -> Any:
        """``-|u - q|^2``."""
        return -((users - items) ** 2).sum(1)


MEASURED: dict[str, Measured] = {one.name: one for one in (Cosine(), Dot(), Euclidean())}


def measured(name: str) -> Measured:
    """Look a measure up.

    >>> measured("cosine")
    Cosine()
    """
    if name not in MEASURED:
        known = ", ".join(MEASURED)
        raise SpellingError(f"a loss in the measure {name!r} is not known: take one of {known}")
    return MEASURED[name]


def _at_least_one(counts: Any) -> Any:
    return counts + (counts == 0)
