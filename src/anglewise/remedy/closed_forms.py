"""Linear models in closed form, made again with other penalties, on tables weighed first or not."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from anglewise.core.embeddings import Space
from anglewise.core.typing import Direction
from anglewise.errors import SpellingError
from anglewise.models.closed_form import fit_spectrum
from anglewise.models.svd import truncated_svd
from anglewise.models.weighting import AsIs, Learned, Normalisation
from anglewise.remedy.budget import Budget
from anglewise.remedy.training import Training

PASSES = 6
"""Products with the table that Lanczos' iteration takes for each dimension, about."""


def weighed(training: Training, before: Normalisation) -> tuple[Learned, Any]:
    """A rule with what it took from the training users, and their table as it makes it."""

    def learn() -> tuple[Learned, Any]:
        learned = before.learn(training.table)
        return learned, learned.apply(training.table)

    return training.common.get(("weighed", before), learn)


def prefixed(before: Normalisation, name: str) -> str:
    """The spelling of what is made of a weighed table: ``bm25·product(1000)``."""
    return name if isinstance(before, AsIs) else f"{before}·{name}"


@dataclass(frozen=True)
class ClosedForm:
    """``fit_linear`` on the interactions, held-out users folded in; balanced factors.

    All penalties share one decomposition; the first of them pays for it.
    """

    penalty: float
    before: Normalisation = AsIs()  # noqa: RUF009 it holds nothing
    objective: ClassVar[str]

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
        if self._key(training) in training.common.known:
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
        spectrum = training.common.get(
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


class Product(ClosedForm):
    """The objective that penalises predictions.

    >>> str(Product(1000))
    'product(1000)'
    """

    objective = "product"


class Factors(ClosedForm):
    """The objective that penalises vectors.

    >>> str(Factors(10))
    'factors(10)'
    """

    objective = "factors"
