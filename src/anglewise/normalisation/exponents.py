"""Popularity and activity to a power: the two exponents of arXiv 2504.05805."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.numbers import UNIT, written
from anglewise.core.typing import Array, Float64
from anglewise.errors import SpellingError
from anglewise.normalisation.frequency import users_of
from anglewise.normalisation.normalisation import Learned, Normalisation, check_counts
from anglewise.normalisation.plain import sums
from anglewise.normalisation.shifted_table import scaled


@dataclass(frozen=True)
class Exponents(Normalisation):
    """Users weigh ``n_u^-beta`` in the loss, and a prediction is divided by ``n_i^alpha``.

    The model learns from ``X_u = D_U^(-beta/2) X``, whose Gram matrix is ``X' D_U^-beta X``, and
    its weights ``B`` become ``D_I^alpha B D_I^-alpha``: what was used speaks louder the more
    popular it is, and what is predicted loses popularity. ``D_U`` and ``D_I`` hold the sums of
    rows and the numbers of users of items. At ``alpha = 1/2, beta = 1`` with ``B`` of full rank
    this is the symmetric normalisation of graphs, at ``alpha = beta = 0`` nothing.

    Source: Park, Yoon, Kim and Lee, SIGIR 2025, arXiv 2504.05805, in the form of the authors'
    code. They fit both exponents to the data set; so choose them on judgements. Items that nobody
    used count as used once.

    >>> learned = Exponents(0.5, 1).learn(np.array([[1.0, 1, 1, 1], [1, 0, 0, 0]]))
    >>> learned.balance.round(3).tolist()
    [1.414, 1.0, 1.0, 1.0]
    >>> learned.apply(np.array([[1.0, 1, 1, 1]])).toarray().tolist()
    [[0.5, 0.5, 0.5, 0.5]]
    """

    alpha: float
    beta: float

    def __post_init__(self) -> None:
        if not (UNIT.holds(self.alpha) and UNIT.holds(self.beta)):
            raise SpellingError(
                f"{self} does not weigh: both exponents are from 0 to 1, as in exponents(0.2,0.5)"
            )

    def __str__(self) -> str:
        return f"exponents({written(self.alpha)},{written(self.beta)})"

    def _learned(self, X: Any) -> Learned:
        check_counts(X, self)
        return Powers(self, np.maximum(users_of(X), 1.0) ** self.alpha)


@dataclass(frozen=True, eq=False)
class Powers(Learned):
    """The rule with the popularity of the training users, to the power ``alpha``."""

    rule: Exponents
    powers: Float64[Array, " items"]

    @property
    def items(self) -> int:
        """How many columns there are."""
        return len(self.powers)

    @property
    def balance(self) -> Float64[Array, " items"] | None:
        """``n_i^alpha``."""
        return self.powers

    def _applied(self, X: Any) -> Any:
        check_counts(X, self.rule)
        lengths = sums(X, X.data, axis=1)
        weights = np.ones_like(lengths)
        weights[lengths > 0] = lengths[lengths > 0] ** (-self.rule.beta / 2)
        return scaled(X, rows=weights)
