"""Leaving the embedding space: weights from item to item, and the raw data themselves.

Their spaces have a dimension an item or a training user, so only those who ask get a vector.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.typing import Array, Direction
from anglewise.models.ease import fit_ease
from anglewise.models.raw_table import raw_table
from anglewise.models.weighting import AsIs, Normalisation
from anglewise.remedy.budget import Budget
from anglewise.remedy.closed_forms import prefixed
from anglewise.remedy.training import Training

QUICK = 0.1
"""Operations of products and decompositions of dense matrices, which run faster than others."""


@dataclass(frozen=True)
class Ease:
    """EASE's weights from item to item; without a penalty the best for users kept aside.

    >>> str(Ease()), str(Ease(500))
    ('ease(*)', 'ease(500)')
    """

    penalty: float | None = None
    before: Normalisation = AsIs()  # noqa: RUF009 it holds nothing

    def __str__(self) -> str:
        said = "*" if self.penalty is None else f"{self.penalty:g}"
        return prefixed(self.before, f"ease({said})")

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

    before: Normalisation = AsIs()  # noqa: RUF009 it holds nothing

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
