"""A sparse table from which one product of two vectors is taken off, never formed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import ShapeError


@dataclass(frozen=True, eq=False)
class ShiftedTable:
    """``table - left right'``: dense by its meaning, sparse in memory.

    Standardised columns are of this form: ``left`` is 1 for every row, ``right`` the mean of every
    column. Products, transposes, rows and Gram matrices follow from the sparse part and one
    correction of rank one. Only blocks of rows are ever made dense (``toarray``), by the caller.

    Attributes
    ----------
    table
        A scipy sparse array of float64, rows x columns.
    left, right
        One number a row, one a column.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> table = ShiftedTable(csr_array(np.eye(2)), np.ones(2), np.array([0.5, 0.5]))
    >>> (table @ np.array([[1.0], [0.0]])).tolist()
    [[0.5], [-0.5]]
    >>> table.T.toarray().tolist()
    [[0.5, -0.5], [-0.5, 0.5]]
    """

    table: Any
    left: Float64[Array, " rows"]
    right: Float64[Array, " columns"]

    __array_ufunc__ = None  # an array on the left does not try to take this apart

    def __post_init__(self) -> None:
        if self.table.shape != (len(self.left), len(self.right)):
            raise ShapeError(
                f"a table of {self.table.shape[0]} x {self.table.shape[1]} with {len(self.left)} "
                f"and {len(self.right)} numbers to take off: one a row and one a column are due"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return len(self.left), len(self.right)

    @property
    def nnz(self) -> int:
        """The entries that are stored."""
        return int(self.table.nnz)

    @property
    def T(self) -> "ShiftedTable":  # noqa: N802 as arrays call it
        """Columns become rows."""
        return ShiftedTable(self.table.T, self.right, self.left)

    def __matmul__(self, other: Array) -> Array:
        """``table @ other - left (right' other)``."""
        taken = self.right @ other
        off = np.outer(self.left, taken) if other.ndim > 1 else self.left * taken
        return np.asarray(self.table @ other) - off

    def __getitem__(self, rows: slice | Int64[Array, " some"]) -> "ShiftedTable":
        """Some rows."""
        return ShiftedTable(self.table.tocsr()[rows], self.left[rows], self.right)

    def tocsr(self) -> "ShiftedTable":
        """The same with the sparse part in rows, where slices are cheap."""
        return ShiftedTable(self.table.tocsr(), self.left, self.right)

    def toarray(self) -> Float64[Array, "rows columns"]:
        """Every number, dense: for a block of rows."""
        dense = np.asarray(self.table.toarray())
        dense -= np.outer(self.left, self.right)
        return dense

    def nonzero(self) -> tuple[Int64[Array, " entries"], Int64[Array, " entries"]]:
        """Rows and columns of what is stored: what was used."""
        cells = self.table.tocoo()
        return cells.row.astype(np.int64), cells.col.astype(np.int64)


def scaled(X: Any, *, rows: Any = None, columns: Any = None) -> Any:
    """A sparse table (CSR, float64) whose rows and columns are multiplied by numbers.

    What is stored stays stored, even where it becomes 0.

    >>> from scipy.sparse import csr_array
    >>> scaled(csr_array(np.ones((2, 2))), rows=[1, 2], columns=[3, 0]).toarray().tolist()
    [[3.0, 0.0], [6.0, 0.0]]
    """
    table = as_rows(X)
    values = table.data
    if rows is not None:
        values = values * np.repeat(_numbers(rows), np.diff(table.indptr))
    if columns is not None:
        values = values * _numbers(columns)[table.indices]
    return with_values(table, values)


def with_values(table: Any, values: Float64[Array, " entries"]) -> Any:
    """Other numbers in the same places."""
    return type(table)((values, table.indices, table.indptr), shape=table.shape)


def as_rows(X: Any) -> Any:
    """A table, sparse or dense, as scipy's CSR of float64."""
    from scipy.sparse import csr_array

    return csr_array(X, dtype=np.float64)


def _numbers(values: Iterable[float]) -> Float64[Array, " n"]:
    return np.asarray(values, dtype=np.float64)
