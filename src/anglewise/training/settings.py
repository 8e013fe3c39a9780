"""What a training is told; checked once, here."""

from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

from anglewise.errors import ValuesError
from anglewise.training.measured import MEASURED, measured


@dataclass(frozen=True)
class Settings:
    """How item vectors are learned.

    Attributes
    ----------
    measure
        What compares users with items inside the loss: ``"cosine"``, ``"dot"`` or
        ``"euclidean"``.
    components
        Dimensions.
    temperature
        Scores are divided by it. If None 0.1 for cosine; 1 for the others, whose vectors may take
        any length.
    learn_temperature
        Whether it is only where the temperature starts.
    epochs
        How often every training user is visited, at most.
    batch
        Users of one step; if None a sixteenth of the training users, but 16 to 256.
    learning_rate
        Of Adam.
    shown
        The chance of each item that a user used to speak for the user in a step; the others are
        what is to be found.
    negatives
        How many items are drawn for a step, to stand for all; as many as there are, or more, is
        all of them.
    popularity
        ``beta``: an item that ``n`` users used is drawn in proportion to ``n^beta``.
    log_q
        Whether the draws are corrected for, so that the loss is that of the whole catalogue
        whatever ``beta``. Without it popular items, drawn more often, are pushed down more.
    validation
        The share of the training users kept aside to see when to stop; 0 trains for all epochs.
    patience
        After so many epochs without a better nDCG@10 of these users training stops.
    device
        ``"cpu"``, ``"cuda"`` or ``"auto"``.
    seed
        Of every draw.

    Raises
    ------
    SpellingError, ValuesError
        Another measure; numbers out of range.

    Examples
    --------
    >>> Settings("cosine").start, Settings("dot", temperature=0.5).start
    (0.1, 0.5)
    """

    measure: str = "cosine"
    components: int = 64
    temperature: float | None = None
    learn_temperature: bool = False
    epochs: int = 50
    batch: int | None = None
    learning_rate: float = 0.01
    shown: float = 0.5
    negatives: int = 5000
    popularity: float = 0.75
    log_q: bool = True
    validation: float = 0.1
    patience: int = 5
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        measured(self.measure)
        for name in ("components", "epochs", "batch", "negatives", "patience"):
            value = getattr(self, name)
            _check(name, value, "at least 1", value is None or value >= 1)
        positive = {"learning_rate": self.learning_rate, "temperature": self.temperature}
        for name, value in positive.items():
            if value is not None:
                _check(name, value, "a positive number", isfinite(value) and value > 0)
        _check("shown", self.shown, "a share between 0 and 1", 0 < self.shown < 1)
        share = "a share of the users from 0 to below 1"
        _check("validation", self.validation, share, 0 <= self.validation < 1)
        beta = "an exponent of 0 or more, such as 0, 0.75 or 1"
        _check(
            "popularity", self.popularity, beta, isfinite(self.popularity) and self.popularity >= 0
        )

    @property
    def start(self) -> float:
        """The temperature at the start."""
        return MEASURED[self.measure].temperature if self.temperature is None else self.temperature

    def batch_of(self, users: int) -> int:
        """Users of one step, out of so many.

        >>> [Settings().batch_of(users) for users in (100, 800, 10_000)]
        [16, 50, 256]
        """
        return min(max(users // 16, 16), 256) if self.batch is None else self.batch

    def to_dict(self) -> dict[str, Any]:
        """Plain types, in order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _check(name: str, value: object, due: str, holds: bool) -> None:
    if not holds:
        raise ValuesError(f"{name} is {value}: {due} is due")
