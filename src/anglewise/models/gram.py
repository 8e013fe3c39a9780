"""``X'X``, dense and in float32, by whichever way is cheaper; and the whole from its half."""

from typing import Any, cast

import numpy as np

from anglewise.core.typing import Array, Float32
from anglewise.normalisation.shifted_table import ShiftedTable, as_rows

BLOCK_ENTRIES = 1 << 23
"""Numbers of a table made dense at a time."""

DENSE_SPEED = 300
"""So many dense multiplications take as long as one of a sparse product."""


def lower_gram(X: Any) -> Float32[Array, "items items"]:
    """The lower triangle of ``X'X`` in column order; what stands above it is not defined.

    ``X`` is n x p, sparse, dense or a ``ShiftedTable``: dense blocks where rows are long (``n p^2``
    multiplications at the speed of the processor), else a sparse product. Counts are exact up to
    2^24. Memory: ``4 p^2`` bytes and one block.

    >>> np.tril(lower_gram(np.array([[1.0, 1.0], [0.0, 1.0]]))).tolist()
    [[1.0, 0.0], [1.0, 2.0]]
    """
    table = X.tocsr() if isinstance(X, ShiftedTable) else as_rows(X)
    rows, columns = table.shape
    stored: Any = table.table if isinstance(table, ShiftedTable) else table
    pairs = float((np.diff(stored.indptr).astype(np.float64) ** 2).sum())
    if pairs * DENSE_SPEED < rows * float(columns) ** 2:
        return _by_pairs(table, stored)
    return _by_blocks(table)


def _by_blocks(table: Any) -> Float32[Array, "items items"]:
    from scipy.linalg import blas

    product: Any = cast("Any", blas).ssyrk
    rows, columns = table.shape
    gram = np.zeros((columns, columns), dtype=np.float32, order="F")
    length = max(BLOCK_ENTRIES // columns, 1)
    for i in range(0, rows, length):
        block = table[i : i + length].toarray().astype(np.float32)
        gram = product(1.0, block.T, beta=1.0, c=gram, overwrite_c=1, lower=1)
    return gram


def _by_pairs(table: Any, stored: Any) -> Float32[Array, "items items"]:
    columns: int = table.shape[1]
    gram = np.empty((columns, columns), dtype=np.float32, order="F")
    back = stored.T.tocsr()
    length = max(BLOCK_ENTRIES // columns, 1)
    for i in range(0, columns, length):
        gram[:, i : i + length] = (back[i : i + length] @ stored).toarray().T
        if isinstance(table, ShiftedTable):
            gram[:, i : i + length] -= _taken_off(table, stored, slice(i, i + length))
    return gram


def _taken_off(table: ShiftedTable, stored: Any, part: slice) -> Array:
    """Some columns of ``S'u v' + v u'S - (u'u) v v'``, where the table is ``S - u v'``."""
    u, v = table.left, table.right
    along = stored.T @ u
    return np.outer(along, v[part]) + np.outer(v, along[part] - (u @ u) * v[part])


def fill_upper(half: Float32[Array, "items items"]) -> Float32[Array, "items items"]:
    """Copy the lower triangle to the upper one, in place."""
    size, length = len(half), 1024
    for i in range(0, size, length):
        j = min(i + length, size)
        corner = np.tril(half[i:j, i:j])
        half[i:j, i:j] = corner + np.tril(corner, -1).T
        half[i:j, j:] = half[j:, i:j].T
    return half
