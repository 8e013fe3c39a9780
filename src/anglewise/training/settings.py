"""What a training is told; checked once, here."""

from dataclasses import dataclass, fields
from typing import Any

from anglewise.core.numbers import COUNT, KEPT_ASIDE, POSITIVE, SEED, SHARE, WEIGHT
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
        for name, bounds in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None:
                bounds.check(name, value)

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


_BOUNDS = {
    "components": COUNT,
    "temperature": POSITIVE,
    "epochs": COUNT,
    "batch": COUNT,
    "learning_rate": POSITIVE,
    "shown": SHARE,
    "negatives": COUNT,
    "popularity": WEIGHT,
    "validation": KEPT_ASIDE,
    "patience": COUNT,
    "seed": SEED,
}
