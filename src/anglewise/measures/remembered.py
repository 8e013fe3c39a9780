"""What was learnt from a space, kept as long as the space lives, and never more than so much."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, is_dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.typing import Array

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REMEMBERED_BYTES = 1 << 28
"""What all that was learnt from one space may weigh; the least recently used goes first."""
ENTRY_BYTES = 1 << 12
"""What an entry weighs beside its arrays, so that small ones are bounded in number too."""


@dataclass(eq=False)
class Remembered(Generic[K, V]):
    """Values by space and key; safe among threads, of which two may learn the same, harmlessly.

    The last value is kept whatever it weighs.
    """

    room: int = REMEMBERED_BYTES
    spaces: WeakKeyDictionary[Space, OrderedDict[K, tuple[V, int]]] = field(
        default_factory=WeakKeyDictionary[Space, OrderedDict[K, tuple[V, int]]]
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, space: Space, key: K, learn: Callable[[], V]) -> V:
        """The value, learnt now or before."""
        with self.lock:
            known = self.spaces.setdefault(space, OrderedDict())
            if key in known:
                known.move_to_end(key)
                return known[key][0]
        value = learn()
        with self.lock:
            kept, _ = known.setdefault(key, (value, weight(value)))
            while len(known) > 1 and sum(size for _, size in known.values()) > self.room:
                known.popitem(last=False)
        return kept


def weight(value: object) -> int:
    """What the arrays of a value weigh, each counted once.

    >>> from anglewise.measures.frames import Maps
    >>> weight(Maps.still(4)) - ENTRY_BYTES
    64
    """
    return ENTRY_BYTES + sum({id(array): array.nbytes for array in _arrays(value)}.values())


def _arrays(value: Any) -> Iterator[Array]:
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        for part in vars(value).values():
            yield from _arrays(part)
