"""Sparse vectors, of learned weights of words (SPLADE) or of counts, as queries and items."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from anglewise.data_types.conversion import as_rows
from anglewise.data_types.representation import Representation
from anglewise.data_types.sparse import Sparse, SparseRows, as_sparse_rows
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import ShapeError, ValuesError

LARGEST = 1e150
"""Above this the products of two numbers may not fit float64."""


class SparseVectors(Representation):
    """For each row a vector of which few numbers are not 0, over a vocabulary of any size.

    They stand in a space where :class:`Embeddings` stand and are ranked by ``dot`` and ``cosine``,
    in float64. A row without any number is a zero vector: both score it 0.

    Parameters
    ----------
    rows
        A sparse matrix of SciPy in any format, or :class:`SparseRows`; entries that repeat are
        added up.
    ids, metadata
        As in :class:`Embeddings`.

    Raises
    ------
    WrongTypeError
        What is no sparse matrix.
    ShapeError
        No rows, no columns, or an entry outside of the matrix; columns of :class:`SparseRows` that
        do not ascend in a row.
    ValuesError
        NaN, infinity, or numbers whose products do not fit float64.
    IdsError
        An id that comes twice or is missing.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> SparseVectors(csr_array([[0, 2.5, 0], [1, 0, 0]]), ids=["a", "b"])
    SparseVectors(2 x 3, 2 entries)
    """

    noun = "sparse vectors"
    measures = usual_measures = ("dot", "cosine")

    def __init__(
        self, rows: Sparse, ids: Iterable[Any] | None = None, metadata: Any = None
    ) -> None:
        self.rows: SparseRows = as_sparse_rows(rows, "the sparse vectors")
        if 0 in self.rows.shape:
            raise ShapeError(
                f"sparse vectors have shape {self.rows.shape}: at least one row and one column are "
                "due"
            )
        _check_rows(self.rows)
        largest = np.abs(self.rows.values).max(initial=0.0)
        if largest > LARGEST:
            raise ValuesError(
                f"sparse vectors hold numbers up to {largest:.3g}, whose products do not fit "
                "float64: divide all by one number"
            )
        self._named(self.rows.shape[0], ids, metadata)

    def __len__(self) -> int:
        return self.rows.shape[0]

    def __repr__(self) -> str:
        entries = len(self.rows.indices)
        return f"SparseVectors({len(self)} x {self.dimension}, {entries} entries)"

    @property
    def dimension(self) -> int:
        """The size of the vocabulary."""
        return self.rows.shape[1]

    @property
    def nbytes(self) -> int:
        """What the entries and the ends of rows weigh."""
        rows = self.rows
        return rows.indptr.nbytes + rows.indices.nbytes + rows.values.nbytes

    @cached_property
    def norms(self) -> Float64[Array, " rows"]:
        """The euclidean length of every row."""
        sums = np.zeros(len(self))
        np.add.at(sums, self.rows.rows, self.rows.values**2)  # entry after entry
        return np.sqrt(sums)

    @cached_property
    def matrix(self) -> Any:
        """The rows as SciPy's CSR array of float64."""
        from scipy.sparse import csr_array

        rows = self.rows
        return csr_array((rows.values, rows.indices, rows.indptr), shape=rows.shape)

    @cached_property
    def by_columns(self) -> Any:
        """The transposed matrix, ``columns x rows``, as SciPy's CSR array."""
        return self.matrix.T.tocsr()

    def take(self, rows: Int64[Array, " some"]) -> "SparseVectors":
        """Some rows, in the order given, with their ids and without metadata."""
        rows = as_rows(rows, len(self), "row")
        return SparseVectors(self.rows.take(rows), self.ids[rows])

    def of_kind(self, value: Any) -> "SparseVectors":
        """Further rows."""
        return value if isinstance(value, SparseVectors) else SparseVectors(value)

    def joined(
        self, other: Representation, ids: Iterable[Any] | None = None, metadata: Any = None
    ) -> "SparseVectors":
        """These rows and behind them others, of the same vocabulary."""
        more, own = self.of_kind(other).rows, self.rows
        if more.shape[1] != own.shape[1]:
            raise ShapeError(f"sparse rows of {more.shape[1]} and of {own.shape[1]} columns")
        together = SparseRows(
            np.concatenate([own.indptr, more.indptr[1:] + own.indptr[-1]]),
            np.concatenate([own.indices, more.indices]),
            np.concatenate([own.values, more.values]),
            (own.shape[0] + more.shape[0], own.shape[1]),
        )
        return SparseVectors(together, ids, metadata)

    def called(self, ids: Iterable[Any] | None, metadata: Any = None) -> "SparseVectors":
        """The same entries under other ids and metadata."""
        return SparseVectors(self.rows, ids, metadata)


def _check_rows(rows: SparseRows) -> None:
    """Refuse rows that name a column twice or not in its order, which nobody looked at yet."""
    falls = np.flatnonzero((np.diff(rows.indices) <= 0) & (np.diff(rows.rows) == 0))
    if len(falls):
        row, column = int(rows.rows[falls[0]]), int(rows.indices[falls[0]])
        raise ShapeError(
            f"row {row} of the sparse vectors goes on behind column {column} with one that does "
            "not come later: each column is due once, in ascending order"
        )
