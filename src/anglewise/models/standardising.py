"""Tables standardised or weighted by powers of popularity and activity; rules by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.numbers import UNIT, written
from anglewise.core.text import named
from anglewise.core.typing import Array, Float64
from anglewise.errors import SpellingError, TooFewError
from anglewise.models.weighting import (
    AsIs,
    Bm25,
    Learned,
    Normalisation,
    Propensity,
    ShiftedTable,
    TfIdf,
    UnitRows,
    check_counts,
    inverse,
    scaled,
    sums,
    users_of,
)

NOISE = 1e-12
"""A column that varies by less than this share of its mean has one value."""


@dataclass(frozen=True)
class StandardisedColumns(Normalisation):
    """``(x_ui - mean_i) / deviation_i``: every item weighs the same, popular or not.

    Proposed before training by arXiv 2403.05440 (section 4). Deviations are those of the whole
    training table (divided by n), zeros included. An item with one value, used by nobody or by
    everybody alike, is 0 for every user. The result is a ``ShiftedTable``: sparse entries divided
    by the deviations, and one correction of rank one.

    >>> learned = StandardisedColumns().learn(np.array([[1.0, 1.0], [0.0, 1.0]]))
    >>> learned.apply(np.array([[1.0, 0.0]])).toarray().tolist()
    [[1.0, 0.0]]
    """

    def __str__(self) -> str:
        return "standardised"

    def _learned(self, X: Any) -> Learned:
        rows, columns = X.shape
        if not rows:
            raise TooFewError("no users came: at least one is due to take means of")
        means = sums(X, X.data, axis=0) / rows
        absent = rows - np.bincount(X.indices, minlength=columns)
        around = sums(X, (X.data - means[X.indices]) ** 2, axis=0) + absent * means**2
        deviations = np.sqrt(around / rows)
        deviations[deviations <= NOISE * np.abs(means)] = 0
        flat = int(((deviations == 0) & (means != 0)).sum())
        return ColumnScales(inverse(deviations), means * inverse(deviations), flat)


@dataclass(frozen=True, eq=False)
class ColumnScales(Learned):
    """``x_ui scale_i - shift_i``."""

    scale: Float64[Array, " items"]
    shift: Float64[Array, " items"]
    levelled: int = 0

    @property
    def items(self) -> int:
        """How many columns there are."""
        return len(self.scale)

    @property
    def flat(self) -> int:
        """Columns with one value."""
        return self.levelled

    def _applied(self, X: Any) -> ShiftedTable:
        rows: int = X.shape[0]
        return ShiftedTable(scaled(X, columns=self.scale), np.ones(rows), self.shift)


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


NORMALISATIONS: dict[str, Callable[..., Normalisation]] = {
    "none": AsIs,
    "standardised": StandardisedColumns,
    "l2": UnitRows,
    "tf-idf": TfIdf,
    "bm25": Bm25,
    "propensity": Propensity,
    "exponents": Exponents,
}


def normalisation(word: str | Normalisation) -> Normalisation:
    """Read a rule as it is written in options.

    Raises ``SpellingError`` for an unknown word or numbers that the rule does not take.

    >>> str(normalisation("BM25(2, 0.5)")), str(normalisation("bm25"))
    ('bm25(2,0.5)', 'bm25')
    """
    if isinstance(word, Normalisation):
        return word
    return named(word, NORMALISATIONS, kind="normalisation", example="bm25(1.2,0.75)")
