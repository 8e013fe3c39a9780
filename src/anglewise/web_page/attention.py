"""Whether anybody still waits for what is being computed: a page that was closed asks no more."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from anglewise.errors import AnglewiseError

PATIENCE = 5.0
"""Seconds after which nobody waits any more; a page asks every second."""
MOST_KEYS = 64
"""Of so many results it is known when they were asked for; the oldest are forgotten."""


class NobodyAsksError(AnglewiseError, RuntimeError):
    """The page that asked has gone, so the work ends."""


@dataclass(eq=False)
class Attention:
    """When each result was last asked for.

    >>> attention = Attention(patience=0.0)
    >>> attention.asked("lights")
    >>> attention.alive("lights")()
    Traceback (most recent call last):
    ...
    anglewise.web_page.attention.NobodyAsksError: nobody waits for this any more
    """

    patience: float = PATIENCE
    _last: dict[Hashable, float] = field(default_factory=dict[Hashable, float])

    def asked(self, key: Hashable) -> None:
        """Somebody asks now."""
        self._last.pop(key, None)
        self._last[key] = time.monotonic()
        while len(self._last) > MOST_KEYS:
            self._last.pop(next(iter(self._last)))

    def alive(self, key: Hashable) -> Callable[[], None]:
        """A function for the steps of some work: it raises where nobody has asked for a while."""

        def check() -> None:
            if time.monotonic() - self._last.get(key, 0.0) >= self.patience:
                raise NobodyAsksError("nobody waits for this any more")

        return check
