"""Types of arrays, with kind and shape, for signatures.

Kinds and shapes are checked whenever the tests run. Letters in shapes: ``d`` the dimension of an
embedding, ``n`` items, ``q`` queries, ``k`` neighbours, ``m`` measures.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Int64, Shaped, UInt8

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Ids: TypeAlias = str | SupportsIndex | Iterable[str | SupportsIndex]
    Rows: TypeAlias = Sequence[int] | NDArray[Any]
else:  # what is no id and no row is refused with our own messages, in the tests too
    Array = np.ndarray
    Ids = Rows = Any

__all__ = [
    "DIRECTIONS",
    "Array",
    "Bool",
    "Direction",
    "Float",
    "Float32",
    "Float64",
    "Ids",
    "Int",
    "Int64",
    "Map",
    "Progress",
    "Rows",
    "Shaped",
    "UInt8",
]

Direction: TypeAlias = Literal["queries-items", "items-items", "queries-queries"]
DIRECTIONS: tuple[Direction, ...] = ("queries-items", "items-items", "queries-queries")

Map: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
"""Applies a function to many values: the built-in ``map``, or the ``map`` of a pool."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of steps done and the number of all steps."""
