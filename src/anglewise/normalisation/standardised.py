"""Columns of mean zero and variance one, without filling the zeros."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.errors import TooFewError
from anglewise.normalisation.normalisation import Learned, Normalisation
from anglewise.normalisation.plain import inverse, sums
from anglewise.normalisation.shifted_table import ShiftedTable, scaled

NOISE = 1e-12
"""A column that varies by less than this share of its mean has one value."""


@dataclass(frozen=True)
class Standardised(Normalisation):
    """``(x_ui - mean_i) / deviation_i``: every item weighs the same, popular or not.

    Proposed before training by arXiv 2403.05440 (section 4). Deviations are those of the whole
    training table (divided by n), zeros included. An item with one value, used by nobody or by
    everybody alike, is 0 for every user. The result is a ``ShiftedTable``: sparse entries divided
    by the deviations, and one correction of rank one.

    >>> learned = Standardised().learn(np.array([[1.0, 1.0], [0.0, 1.0]]))
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
        return Columns(inverse(deviations), means * inverse(deviations), flat)


@dataclass(frozen=True, eq=False)
class Columns(Learned):
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
