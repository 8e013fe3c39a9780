"""Progress over work of several parts."""

from dataclasses import dataclass

from anglewise.core.typing import Progress

PARTS = 1000


@dataclass
class Stages:
    """So many parts, each of which tells how far it is.

    >>> told = []
    >>> stages = Stages(lambda done, total: told.append((done, total)), 2)
    >>> first, second = stages.next(), stages.next()
    >>> first(1, 2), second(2, 2), told
    (None, None, [(500, 2000), (2000, 2000)])
    """

    progress: Progress | None
    total: int
    begun: int = 0

    def next(self) -> Progress:
        """What the next part calls."""
        start, self.begun = self.begun * PARTS, self.begun + 1

        def step(done: int, of: int) -> None:
            if self.progress is not None:
                self.progress(start + PARTS * done // of, self.total * PARTS)

        return step
