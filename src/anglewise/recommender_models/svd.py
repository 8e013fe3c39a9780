"""Sparse tables, their truncated SVD, exact to rounding, and their Gram matrices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from anglewise.data_types.sparse import check_table
from anglewise.data_types.typing import Array, Float32, Float64, Int64
from anglewise.errors import ShapeError, ValuesError


@dataclass(frozen=True, eq=False)
class ShiftedTable:
    """``table - left right'``, a dense matrix stored as a sparse table and two vectors.

    Standardised columns are of this form: ``left`` is 1 for every row, ``right`` the mean of every
    column. Products, transposes, rows and Gram matrices follow from the sparse part and one
    correction of rank one. Callers make only blocks of rows dense (``toarray``).

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

    __array_ufunc__ = None  # NumPy arrays on the left leave operators to this class

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
        """The number of stored entries."""
        return int(self.table.nnz)

    @property
    def T(self) -> "ShiftedTable":  # noqa: N802 as arrays call it
        """The transpose."""
        return ShiftedTable(self.table.T, self.right, self.left)

    def __matmul__(self, other: Array) -> Array:
        """``table @ other - left (right' other)``."""
        projection = self.right @ other
        correction = np.outer(self.left, projection) if other.ndim > 1 else self.left * projection
        return np.asarray(self.table @ other) - correction

    def __getitem__(self, rows: slice | Int64[Array, " some"]) -> "ShiftedTable":
        """Some rows."""
        return ShiftedTable(self.table.tocsr()[rows], self.left[rows], self.right)

    def tocsr(self) -> "ShiftedTable":
        """The same table with its sparse part in CSR, where slices of rows are cheap."""
        return ShiftedTable(self.table.tocsr(), self.left, self.right)

    def toarray(self) -> Float64[Array, "rows columns"]:
        """All numbers as a dense array, for a block of rows."""
        dense = np.asarray(self.table.toarray())
        dense -= np.outer(self.left, self.right)
        return dense

    def nonzero(self) -> tuple[Int64[Array, " entries"], Int64[Array, " entries"]]:
        """Rows and columns of the stored entries, which are what was used."""
        cells = self.table.tocoo()
        return cells.row.astype(np.int64), cells.col.astype(np.int64)


def scaled(X: Any, *, rows: Any = None, columns: Any = None) -> Any:
    """A sparse table (CSR, float64) with its rows and columns multiplied by numbers.

    Entries that become 0 stay stored.

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
    """A table of the same stored positions with other values."""
    return type(table)((values, table.indices, table.indptr), shape=table.shape)


def as_rows(X: Any) -> Any:
    """A table, sparse or dense, as scipy's CSR of float64."""
    from scipy.sparse import csr_array

    check_table(X)
    return csr_array(X, dtype=np.float64)


def _numbers(values: Any) -> Float64[Array, " n"]:
    return np.asarray(values, dtype=np.float64)


def unit_rows(X: Any) -> Any:
    """Rows of length one; rows of zeros stay zeros."""
    lengths = np.repeat(np.sqrt(sums(X, X.data**2, axis=1)), np.diff(X.indptr))
    values: Array = np.divide(X.data, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return with_values(X, values)


def sums(X: Any, values: Float64[Array, " entries"], *, axis: int) -> Float64[Array, " n"]:
    """The sums of ``values``, one for each stored entry of ``X``, by row (1) or column (0)."""
    rows, columns = X.shape
    if axis == 0:
        return np.bincount(X.indices, values, minlength=columns).astype(np.float64)
    row_of: Array = np.repeat(np.arange(int(rows)), np.diff(X.indptr))
    return np.bincount(row_of, values, minlength=rows).astype(np.float64)


def inverse(x: Float64[Array, " n"]) -> Float64[Array, " n"]:
    """``1 / x``, and 0 for 0."""
    return np.divide(1.0, x, out=np.zeros_like(x), where=x > 0)


DENSE_BELOW = 128
"""Tables with no more rows or columns than this are decomposed by LAPACK."""

DENSE_SHARE = 4
"""So are tables of which more than one in this many singular vectors is needed."""

BLOCK_ENTRIES = 1 << 23
"""Numbers of a long table made dense at a time."""

GRAM_COLUMNS = 4096
"""Wider Gram matrices are not formed, to stay below 128 MB."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """``S`` and ``V`` of the singular value decomposition ``X = U S V'``.

    ``values`` fall; each column of ``right`` has length one and its largest entry positive.
    """

    values: Float64[Array, " k"]
    right: Float64[Array, "p k"]


def truncated_svd(X: Any, k: int, *, seed: int = 0) -> Spectrum:
    """The ``k`` largest singular values of ``X`` and their vectors.

    ``X`` is n x p, sparse, dense or a ``ShiftedTable``, of which only blocks are made dense.

    There are fewer than ``k`` if the rank of ``X`` is lower: directions whose singular value is
    rounding noise are dropped. Large tables go to ARPACK's Lanczos iteration (scipy), run to
    machine precision from a start drawn with ``seed``; small ones, and whole spectra, to LAPACK.
    Vectors of equal singular values are any basis of their span.

    Raises
    ------
    ValuesError
        ``X`` holds zeros only.

    Examples
    --------
    >>> truncated_svd(np.diag([3.0, 0.0, 4.0]), 3).values.tolist()
    [4.0, 3.0]
    """
    check_table(X)
    smaller = min(X.shape)
    if smaller <= max(DENSE_BELOW, DENSE_SHARE * k):
        values, right = _dense_svd(X)
    else:
        values, right = _lanczos(X, k, seed)
    noise = values[0] * max(X.shape) * np.finfo(np.float64).eps
    rank = min(k, int((values > noise).sum()))
    if rank == 0:
        raise ValuesError("the table holds zeros only: there is nothing to learn from")
    return Spectrum(values[:rank], with_signs(right[:, :rank]))


def with_signs(right: Float64[Array, "p k"]) -> Float64[Array, "p k"]:
    """Singular vectors, the largest entry of each made positive.

    >>> with_signs(np.array([[-2.0], [1.0]])).tolist()
    [[2.0], [-1.0]]
    """
    largest = np.abs(right).argmax(axis=0)
    signs = np.sign(right[largest, np.arange(right.shape[1])])
    return np.ascontiguousarray(right * signs)


def check_fits(shape: Sequence[int], numbers: int) -> None:
    """Refuse a table for which more numbers are due than the memory allowed holds.

    The shape of a sparse table says nothing of what stands in it: three entries may have an index
    of two thousand millions. Raises ``ShapeError``.
    """
    from anglewise.data_types.memory import VARIABLE, room, words

    if 8 * numbers > room():
        raise ShapeError(
            f"a table of {shape[0]:,} by {shape[1]:,} takes {words(8 * numbers)} or more to learn "
            f"from, {words(room())} are allowed: leave out rows and columns in which nothing "
            f"stands, or allow more: {VARIABLE}={words(16 * numbers).replace(' ', '')}"
        )


def _dense_svd(X: Any) -> tuple[Array, Array]:
    rows, columns = X.shape
    check_fits(X.shape, columns * min(rows, columns))
    # the triangle R of X = QR has the same V and S, and needs no long U
    table = _triangle(X) if rows > columns else _dense(X)
    _, values, right = np.linalg.svd(table, full_matrices=False)
    return values, right.T


def _triangle(X: Any) -> Array:
    """``R`` of ``X = Q R``, block by block of rows, so that a long sparse table stays sparse."""
    rows, columns = X.shape
    length = max(BLOCK_ENTRIES // columns, columns)
    triangle: Array = np.zeros((0, columns))
    for i in range(0, rows, length):
        stacked = np.concatenate([triangle, _dense(X[i : i + length])])
        triangle = np.asarray(np.linalg.qr(stacked, mode="r"))
    return triangle


def _gram_is_cheaper(long: Any, k: int) -> bool:
    """Whether forming ``X'X`` costs less than an iteration that multiplies by ``X`` and ``X'``.

    The iteration multiplies by both about ``4 k`` times, at the speed of memory; forming runs at
    the speed of the processor, some 20 times as many multiplications a second.
    """
    rows, columns = long.shape
    stored = long.nnz if hasattr(long, "nnz") else long.size
    return columns <= GRAM_COLUMNS and rows * columns**2 <= 20 * 8 * k * stored


def _gram(long: Any) -> Array:
    rows, columns = long.shape
    length = max(BLOCK_ENTRIES // columns, 1)
    blocks = long.tocsr() if hasattr(long, "tocsr") else long
    gram: Array = np.zeros((columns, columns))
    for i in range(0, rows, length):
        block = _dense(blocks[i : i + length])
        gram += block.T @ block
    return gram


def _gram_unformed(long: Any) -> Any:
    from scipy.sparse import linalg

    solvers: Any = linalg
    transpose = long.T

    def multiply(v: Array) -> Array:
        return transpose @ (long @ v)

    return solvers.LinearOperator(2 * (long.shape[1],), matvec=multiply, dtype=np.float64)


def _dense(X: Any) -> Array:
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)


def _is_zero(table: Any) -> bool:
    if isinstance(table, ShiftedTable):
        return not table.right.any() and _is_zero(table.table)
    return not abs(table).max()


def _lanczos(X: Any, k: int, seed: int) -> tuple[Array, Array]:
    """The top of the spectrum of ``X'X`` or ``XX'``, whichever is smaller."""
    from scipy.sparse import linalg

    solvers: Any = linalg  # scipy ships no types
    table = X if isinstance(X, ShiftedTable) else X.astype(np.float64)
    if _is_zero(table):  # ARPACK cannot start on such a table
        return np.zeros(1), np.zeros((table.shape[1], 1))
    tall = table.shape[0] >= table.shape[1]
    long = table if tall else table.T
    square = _gram(long) if _gram_is_cheaper(long, k) else _gram_unformed(long)
    smaller: int = min(table.shape)
    start = np.random.default_rng(seed).standard_normal(smaller)
    vectors: Array = solvers.eigsh(square, k=k, v0=start)[1]
    images: Array = long @ vectors
    values = np.linalg.norm(images, axis=0)  # more accurate than the roots of the eigenvalues
    falling = np.argsort(-values, kind="stable")
    if tall:
        return values[falling], vectors[:, falling]
    return values[falling], np.linalg.qr(images[:, falling])[0]


GRAM_BLOCK_ENTRIES = 1 << 23
"""Numbers of a table made dense at a time."""

DENSE_SPEED = 300
"""That many dense multiplications take as long as one of a sparse product."""


def lower_gram(X: Any) -> Float32[Array, "items items"]:
    """The lower triangle of ``X'X`` in column order; the entries above it are not defined.

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
    length = max(GRAM_BLOCK_ENTRIES // columns, 1)
    for i in range(0, rows, length):
        block = table[i : i + length].toarray().astype(np.float32)
        gram = product(1.0, block.T, beta=1.0, c=gram, overwrite_c=1, lower=1)
    return gram


def _by_pairs(table: Any, stored: Any) -> Float32[Array, "items items"]:
    columns: int = table.shape[1]
    gram = np.empty((columns, columns), dtype=np.float32, order="F")
    transpose = stored.T.tocsr()
    length = max(GRAM_BLOCK_ENTRIES // columns, 1)
    for i in range(0, columns, length):
        gram[:, i : i + length] = (transpose[i : i + length] @ stored).toarray().T
        if isinstance(table, ShiftedTable):
            gram[:, i : i + length] -= _rank_one_part(table, stored, slice(i, i + length))
    return gram


def _rank_one_part(table: ShiftedTable, stored: Any, part: slice) -> Array:
    """Columns of ``S'S - X'X = S'u v' + v u'S - (u'u) v v'``, for the table ``X = S - u v'``."""
    u, v = table.left, table.right
    projection = stored.T @ u
    return np.outer(projection, v[part]) + np.outer(v, projection[part] - (u @ u) * v[part])


def fill_upper(half: Float32[Array, "items items"]) -> Float32[Array, "items items"]:
    """Copy the lower triangle to the upper one, in place."""
    size, length = len(half), 1024
    for i in range(0, size, length):
        j = min(i + length, size)
        corner = np.tril(half[i:j, i:j])
        half[i:j, i:j] = corner + np.tril(corner, -1).T
        half[i:j, j:] = half[j:, i:j].T
    return half
