"""Rules that look at each row alone, or at nothing."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.normalisation.normalisation import Learned, Normalisation
from anglewise.normalisation.shifted_table import with_values


@dataclass(frozen=True)
class AsIs(Normalisation):
    """The table as it came.

    >>> AsIs().learn(np.eye(2)).apply(np.array([[3.0, 0.0]])).toarray().tolist()
    [[3.0, 0.0]]
    """

    def __str__(self) -> str:
        return "none"

    def _learned(self, X: Any) -> Learned:
        return Unchanged(X.shape[1])


@dataclass(frozen=True)
class Unchanged(Learned):
    """Nothing is done."""

    columns: int

    @property
    def items(self) -> int:
        """How many columns there are."""
        return self.columns

    def _applied(self, X: Any) -> Any:
        return X


@dataclass(frozen=True)
class UnitRows(Normalisation):
    """Every user weighs the same: ``x_u / |x_u|``; empty rows stay empty.

    >>> UnitRows().learn(np.eye(2)).apply(np.array([[3.0, 4.0], [0, 0]])).toarray().tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """

    def __str__(self) -> str:
        return "l2"

    def _learned(self, X: Any) -> Learned:
        return ToUnitRows(X.shape[1])


@dataclass(frozen=True)
class ToUnitRows(Learned):
    """Rows are divided by their lengths."""

    columns: int

    @property
    def items(self) -> int:
        """How many columns there are."""
        return self.columns

    def _applied(self, X: Any) -> Any:
        return unit_rows(X)


def unit_rows(X: Any) -> Any:
    """Rows of length one; those of length zero stay."""
    lengths = np.repeat(np.sqrt(sums(X, X.data**2, axis=1)), np.diff(X.indptr))
    values: Array = np.divide(X.data, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return with_values(X, values)


def sums(X: Any, values: Float64[Array, " entries"], *, axis: int) -> Float64[Array, " n"]:
    """The sums over rows (1) or columns (0) of what stands in the places of a CSR table."""
    rows, columns = X.shape
    if axis == 0:
        return np.bincount(X.indices, values, minlength=columns).astype(np.float64)
    of: Array = np.repeat(np.arange(int(rows)), np.diff(X.indptr))
    return np.bincount(of, values, minlength=rows).astype(np.float64)


def inverse(x: Float64[Array, " n"]) -> Float64[Array, " n"]:
    """``1 / x``, and 0 for 0."""
    return np.divide(1.0, x, out=np.zeros_like(x), where=x > 0)
