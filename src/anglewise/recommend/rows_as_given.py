"""scipy's sparse rows, as other libraries hand them over, as ours."""

from typing import Any

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.errors import ShapeError


def sparse_rows(table: Any, rows: int, columns: int, name: str) -> SparseRows:
    """Which cells a CSR table stores, each once; ``ShapeError`` if it is not ``rows x columns``.

    >>> from scipy.sparse import csr_matrix
    >>> sparse_rows(csr_matrix([[0, 2, 1]]), 1, 3, "user_items").row(0).tolist()
    [1, 2]
    """
    if getattr(table, "format", None) != "csr" or table.shape != (rows, columns):
        came = f"{getattr(table, 'format', type(table).__name__)} {getattr(table, 'shape', '')}"
        raise ShapeError(
            f"{name} is {came.strip()}: a CSR matrix of {rows} x {columns}, one row for each of "
            "those who ask, is due"
        )
    cells = np.repeat(np.arange(rows), np.diff(table.indptr)) * columns + table.indices
    cells = np.asarray(cells, dtype=np.int64)
    if np.any(cells[1:] <= cells[:-1]):
        cells = np.unique(cells)
    indptr = np.searchsorted(cells, np.arange(rows + 1, dtype=np.int64) * columns)
    indices = cells % columns
    return SparseRows(indptr.astype(np.int64), indices, np.ones(len(cells)), (rows, columns))
