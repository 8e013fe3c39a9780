"""Sparse rows without scipy: what a user has seen, what a person has judged."""

import operator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, SupportsIndex

import numpy as np

from anglewise.errors import ShapeError
from anglewise.typing import Array, Float64, Int64, Shaped


@dataclass(frozen=True, eq=False)
class SparseRows:
    """For each row, the columns it holds, ascending, each with a value; a stored zero stays stored.

    ``indptr`` has one entry more than there are rows: row ``i`` holds
    ``indices[indptr[i]:indptr[i + 1]]``, as in scipy's CSR.

    >>> seen = SparseRows.from_pairs([0, 0, 2], [3, 1, 0], shape=(3, 4))
    >>> seen.row(0).tolist(), seen.row(1).tolist()
    ([1, 3], [])
    """

    indptr: Int64[Array, " rows_and_one"]
    indices: Int64[Array, " entries"]
    values: Float64[Array, " entries"]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        if len(self.indptr) != self.shape[0] + 1:
            raise ShapeError(
                f"{len(self.indptr)} row ends for {self.shape[0]} rows: one more is due"
            )

    @classmethod
    def from_pairs(
        cls,
        rows: Shaped[Array, " entries"] | list[int],
        columns: Shaped[Array, " entries"] | list[int],
        values: Shaped[Array, " entries"] | list[float] | None = None,
        *,
        shape: tuple[int, int],
    ) -> "SparseRows":
        """Build from (row, column, value) triples in any order; each pair may come once.

        Values default to 1. Raises ``ShapeError`` if a pair repeats or lies outside ``shape``.
        """
        r = np.asarray(rows, dtype=np.int64)
        c = np.asarray(columns, dtype=np.int64)
        v = np.ones(len(r)) if values is None else np.asarray(values, dtype=np.float64)
        if len(r) and (min(r.min(), c.min()) < 0 or r.max() >= shape[0] or c.max() >= shape[1]):
            raise ShapeError(f"an entry lies outside the {shape[0]} x {shape[1]} table")
        order = np.lexsort((c, r))
        r, c, v = r[order], c[order], v[order]
        if np.any((r[1:] == r[:-1]) & (c[1:] == c[:-1])):
            raise ShapeError("the same row and column came twice: merge them first")
        indptr = np.zeros(shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(r, minlength=shape[0]), out=indptr[1:])
        return cls(indptr, c, v, shape)

    @cached_property
    def rows(self) -> Int64[Array, " entries"]:
        """The row of every entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    @cached_property
    def counts(self) -> Int64[Array, " rows"]:
        """How many entries each row holds."""
        return np.diff(self.indptr)

    def row(self, i: SupportsIndex) -> Int64[Array, " columns"]:
        """The columns that row ``i`` holds, ascending."""
        at = operator.index(i)
        return self.indices[self.indptr[at] : self.indptr[at + 1]]

    def take(self, rows: Int64[Array, " some"]) -> "SparseRows":
        """Some rows, in the order asked for."""
        counts = self.counts[rows]
        ends = np.cumsum(counts)
        indptr = np.concatenate([[0], ends]).astype(np.int64)
        where = np.arange(int(indptr[-1])) + np.repeat(self.indptr[rows] - indptr[:-1], counts)
        return SparseRows(
            indptr, self.indices[where], self.values[where], (len(rows), self.shape[1])
        )

    def transposed(self) -> "SparseRows":
        """Columns become rows."""
        n, p = self.shape
        return SparseRows.from_pairs(self.indices, self.rows, self.values, shape=(p, n))

    def ones(self) -> Any:
        """What is stored, as scipy's CSR array with 1 for every value.

        >>> SparseRows.from_pairs([0, 1], [1, 0], [5.0, 3.0], shape=(2, 2)).ones().toarray()
        array([[0., 1.],
               [1., 0.]])
        """
        from scipy.sparse import csr_array

        return csr_array((np.ones(len(self.indices)), self.indices, self.indptr), shape=self.shape)
