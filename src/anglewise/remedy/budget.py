"""How much time there is, asked between steps and inside them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeAlias

from anglewise.core.typing import Progress

Clock: TypeAlias = Callable[[], float]


class OutOfTimeError(Exception):
    """The budget is spent; caught by whoever conducts, never shown."""


@dataclass(eq=False)
class Budget:
    """Seconds to spend, counted by a clock from the moment this is made.

    ``kept`` seconds are set aside for what comes last.

    >>> now = iter([0.0, 4.0, 11.0])
    >>> budget = Budget(10.0, clock=lambda: next(now))
    >>> budget.left
    6.0
    >>> budget.check()
    Traceback (most recent call last):
    ...
    anglewise.remedy.budget.OutOfTimeError: the time is spent
    """

    seconds: float
    clock: Clock = monotonic
    kept: float = 0.0
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def spent(self) -> float:
        """Seconds gone so far."""
        return self.clock() - self.started

    @property
    def left(self) -> float:
        """Seconds that may still be worked; below zero when they are gone."""
        return self.seconds - self.kept - self.spent

    def check(self) -> None:
        """Raise ``OutOfTimeError`` when nothing is left."""
        if self.left < 0:
            raise OutOfTimeError("the time is spent")

    def stepping(self, progress: Progress | None = None) -> Progress:
        """Progress that looks at the clock at every step, so that a long one ends in time."""

        def step(done: int, total: int) -> None:
            self.check()
            if progress is not None:
                progress(done, total)

        return step
