"""Candidates that need a new space: closed forms, training inside a measure, EASE, raw data.

Spaces of EASE have a dimension an item, those of the raw data one a training user, so that only
those who ask get a vector there.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.typing import Array, Direction
from anglewise.errors import SpellingError
from anglewise.recommender_models.closed_form import fit_spectrum
from anglewise.recommender_models.ease import fit_ease
from anglewise.recommender_models.model import raw_table
from anglewise.recommender_models.normalisation import AsIs, Learned, Normalisation
from anglewise.recommender_models.svd import truncated_svd
from anglewise.recommender_models.training import train
from anglewise.recommender_models.training_state import Epoch, Settings
from anglewise.remedies.training_data import Budget, Training

PASSES = 6
"""Products with the table that Lanczos' iteration takes for each dimension, about."""


def weighed(training: Training, before: Normalisation) -> tuple[Learned, Any]:
    """A rule with what it took from the training users, and their table as it makes it."""

    def learn() -> tuple[Learned, Any]:
        learned = before.learn(training.table)
        return learned, learned.apply(training.table)

    return training.shared.get(("weighed", before), learn)


def prefixed(before: Normalisation, name: str) -> str:
    """The spelling of what is made of a weighed table: ``bm25·product(1000)``."""
    return name if isinstance(before, AsIs) else f"{before}·{name}"


@dataclass(frozen=True)
class ClosedForm:
    """``fit_linear`` on the interactions, held-out users folded in; balanced factors.

    The objective is ``product``, which penalises predictions, or ``factors``, which penalises
    vectors. All penalties share one decomposition; the first of them pays for it.

    >>> str(ClosedForm("product", 1000)), str(ClosedForm("factors", 10))
    ('product(1000)', 'factors(10)')
    """

    objective: Literal["product", "factors"]
    penalty: float
    before: Normalisation = field(default=AsIs(), kw_only=True)

    def __post_init__(self) -> None:
        if not self.penalty >= 0:
            raise SpellingError(f"{self}: the penalty is zero or a positive number")

    def __str__(self) -> str:
        return prefixed(self.before, f"{self.objective}({self.penalty:g})")

    @property
    def place(self) -> int:
        """First: no other model is simpler, without weights still more so."""
        return 0 if isinstance(self.before, AsIs) else 1

    def operations(self, training: Training) -> float:
        """Products with the table, each dimension some times, or a decomposition of its Gram."""
        entries, (users, items) = len(training.learned.indices), training.learned.shape
        if self._key(training) in training.shared.made:
            return 2.0 * entries * training.components
        small = min(users, items)
        iterated = 2.0 * PASSES * training.components * (entries + small * training.components)
        return min(iterated, 10.0 * small**3)

    def columns(self, training: Training) -> int:
        """As long as those that came."""
        return training.components

    def make(self, training: Training, budget: Budget) -> Space:
        """The closed form at this penalty."""
        learned, table = weighed(training, self.before)
        spectrum = training.shared.get(
            self._key(training),
            lambda: truncated_svd(table, training.components, seed=training.seed),
        )
        budget.check()
        model = fit_spectrum(spectrum, objective=self.objective, penalty=self.penalty)
        about = {**model.about, "normalise": str(self.before)}
        if not isinstance(self.before, AsIs):
            model = replace(model, before=learned)
        users = model.fold_in(training.visible.ones())
        return training.space_of(users, model.item_factors, about=about, trained_for="dot")

    def measures(self, direction: Direction) -> tuple[str, ...]:
        """``dot``, which it is trained for, and cosine."""
        if direction == "queries-items":
            return "dot", "cosine"
        return "cosine@data-space", "cosine", "dot"

    def _key(self, training: Training) -> object:
        return "spectrum", self.before, training.components


EPOCHS = 20
"""How many are expected before training stops by itself."""


class _EnoughError(Exception):
    """The next epoch would not end in time."""


@dataclass(frozen=True)
class TrainedBuilder:
    """``train`` for a measure, with its usual settings; when time ends, the best epoch so far.

    >>> str(TrainedBuilder("cosine"))
    'trained-cosine'
    """

    measure: Literal["cosine", "dot", "euclidean"]

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
        settings = Settings(self.measure, components=training.components, seed=training.seed)
        epochs, until = 0, budget.spent

        def look(epoch: Epoch, _most: int) -> None:
            nonlocal epochs, until
            seconds = budget.spent - until
            epochs, until = epoch.number, budget.spent
            if budget.left < 2 * seconds:
                raise _EnoughError

        with TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "training"
            try:
                model = train(training.table, settings, checkpoint=checkpoint, report=look)
            except _EnoughError:  # what it had is read back, and nothing is trained any more
                model = train(
                    training.table, replace(settings, epochs=epochs), checkpoint=checkpoint
                )
        users = model.fold_in(training.visible.ones())
        return training.space_of(
            users, model.item_factors, about=dict(model.about), trained_for=model.trained_for
        )

    def measures(self, direction: Direction) -> tuple[str, ...]:
        """What it was trained for, and the others, which it was not."""
        del direction
        others = (name for name in ("dot", "cosine", "euclidean") if name != self.measure)
        return self.measure, *others


QUICK = 0.1
"""Operations of products and decompositions of dense matrices, which run faster than others."""


@dataclass(frozen=True)
class Ease:
    """EASE's weights from item to item; without a penalty the best for users kept aside.

    >>> str(Ease()), str(Ease(500))
    ('ease(*)', 'ease(500)')
    """

    penalty: float | None = None
    before: Normalisation = field(default=AsIs(), kw_only=True)

    def __str__(self) -> str:
        penalty = "*" if self.penalty is None else f"{self.penalty:g}"
        return prefixed(self.before, f"ease({penalty})")

    @property
    def place(self) -> int:
        """Behind what keeps vectors short."""
        return 2

    def operations(self, training: Training) -> float:
        """An inversion, and to choose the penalty a decomposition and many products."""
        items = float(training.learned.shape[1])
        return QUICK * items**3 * (2 if self.penalty is not None else 20)

    def columns(self, training: Training) -> int:
        """One an item."""
        return training.learned.shape[1]

    def make(self, training: Training, budget: Budget) -> Space:
        """The weights, asked by the rows of users."""
        model = fit_ease(training.table, self.penalty, normalise=self.before, seed=training.seed)
        budget.check()
        users = _asking(training, model)
        return training.space_of(users, model.weights.T, about=dict(model.about), trained_for="dot")

    def measures(self, direction: Direction) -> tuple[str, ...]:
        """``dot`` predicts; items are alike by cosine where the same items speak for both."""
        return ("dot",) if direction == "queries-items" else ("cosine",)


@dataclass(frozen=True)
class RawData:
    """No model: items as their columns of who used what.

    >>> str(RawData())
    'raw-data'
    """

    before: Normalisation = field(default=AsIs(), kw_only=True)

    def __str__(self) -> str:
        return prefixed(self.before, "raw-data")

    @property
    def place(self) -> int:
        """Behind the models: nothing is simpler to make, nothing is larger to keep."""
        return 3

    def operations(self, training: Training) -> float:
        """The sums of columns for those who ask."""
        users = len(training.asking)
        per_user = len(training.visible.indices) / max(training.visible.shape[0], 1)
        return 2.0 * users * per_user * training.table.shape[0] + 2.0 * len(
            training.learned.indices
        )

    def columns(self, training: Training) -> int:
        """One a training user."""
        return training.table.shape[0]

    def make(self, training: Training, budget: Budget) -> Space:
        """The columns, and users as sums of what they used."""
        model = raw_table(training.table, normalise=self.before)
        budget.check()
        return training.space_of(
            _asking(training, model),
            model.item_vectors,
            about=dict(model.about),
            trained_for="cosine",
        )

    def measures(self, direction: Direction) -> tuple[str, ...]:
        """The sum of cosines with what was used; between items the raw cosine."""
        return ("dot",) if direction == "queries-items" else ("cosine",)


def _asking(training: Training, model: Any) -> Array:
    """The vectors of users who ask, in their rows; the others stay zeros, which take no memory."""
    rows = training.asking
    vectors = model.fold_in(training.visible.take(rows).ones())
    every = np.zeros((training.visible.shape[0], vectors.shape[1]), dtype=np.float32)
    every[rows] = vectors
    return every
