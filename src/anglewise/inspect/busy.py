"""How many searches run at once."""

from collections.abc import Generator
from contextlib import contextmanager
from threading import BoundedSemaphore

from anglewise.errors import AnglewiseError

AT_ONCE, PATIENCE = 4, 10.0
"""Searches that run together, and seconds that a further one waits."""


class BusyError(AnglewiseError, RuntimeError):
    """More is asked than can be searched at once."""


class Busy:
    """A gate through which a few at a time pass; the others wait a little, then are told.

    >>> busy = Busy(at_once=1, patience=0.0)
    >>> with busy.working(): "searched"
    'searched'
    """

    def __init__(self, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self._free = BoundedSemaphore(at_once)
        self._patience = patience

    @contextmanager
    def working(self) -> Generator[None]:
        """Hold a place; ``BusyError`` if none becomes free in time."""
        if not self._free.acquire(timeout=self._patience):
            raise BusyError("several searches are running: try again in a moment")
        try:
            yield
        finally:
            self._free.release()
