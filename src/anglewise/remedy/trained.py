"""Items trained inside the measure that will compare them; needs PyTorch."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from anglewise.core.embeddings import Space
from anglewise.core.typing import Direction
from anglewise.models.training import train
from anglewise.models.training_state import Epoch, Settings, TrainedFactors
from anglewise.remedy.budget import Budget
from anglewise.remedy.training import Training

EPOCHS = 20
"""How many are expected before training stops by itself."""


class _EnoughError(Exception):
    """The next epoch would not end in time."""


@dataclass(frozen=True)
class Trained:
    """``train`` with its usual settings; when time ends, the best epoch so far."""

    measure: ClassVar[str]

    def __str__(self) -> str:
        return f"trained-{self.measure}"

    @property
    def place(self) -> int:
        """Behind the closed forms, before what has long vectors."""
        return 1

    def columns(self, training: Training) -> int:
        """As long as those that came."""
        return training.components

    def operations(self, training: Training) -> float:
        """Three products of users with drawn items in each epoch."""
        users, items = training.table.shape
        drawn = min(items, Settings().negatives)
        return 6.0 * EPOCHS * users * drawn * training.components

    def make(self, training: Training, budget: Budget) -> Space:
        """Item vectors, and users from what they used."""
        model = self._trained(training, budget)
        users = model.fold_in(training.visible.ones())
        return training.space_of(
            users, model.item_factors, about=dict(model.about), trained_for=model.trained_for
        )

    def measures(self, direction: Direction) -> tuple[str, ...]:
        """What it was trained for, and the others, which it was not."""
        del direction
        others = (name for name in ("dot", "cosine", "euclidean") if name != self.measure)
        return self.measure, *others

    def _trained(self, training: Training, budget: Budget) -> TrainedFactors:
        settings = Settings(self.measure, components=training.components, seed=training.seed)
        done, last = [0], [budget.spent]

        def look(epoch: Epoch, _most: int) -> None:
            took = budget.spent - last[0]
            done[0], last[0] = epoch.number, budget.spent
            if budget.left < 2 * took:
                raise _EnoughError

        with TemporaryDirectory() as folder:
            kept = Path(folder) / "training"
            try:
                return train(training.table, settings, checkpoint=kept, report=look)
            except _EnoughError:  # what it had is read back, and nothing is trained any more
                return train(training.table, replace(settings, epochs=done[0]), checkpoint=kept)


class TrainedCosine(Trained):
    """Directions alone count, in training as in use.

    >>> str(TrainedCosine())
    'trained-cosine'
    """

    measure = "cosine"


class TrainedDot(Trained):
    """Inner products."""

    measure = "dot"


class TrainedEuclidean(Trained):
    """Distances."""

    measure = "euclidean"
