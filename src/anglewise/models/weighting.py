"""Weighting a table of interactions: unit rows, TF-IDF, BM25, inverse propensities."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from anglewise.core.numbers import UNIT, WEIGHT, Bounds, written
from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import ShapeError, SpellingError, ValuesError


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


class Learned(ABC):
    """A rule with the numbers that it took from the training users. An interface."""

    @property
    @abstractmethod
    def items(self) -> int:
        """How many columns it knows."""

    @property
    def balance(self) -> Float64[Array, " items"] | None:
        """One number an item, where the rule also changes what a model gives, else None.

        The model then takes its inputs times these and gives its outputs divided by them (see
        ``Exponents``).
        """
        return None

    @property
    def flat(self) -> int:
        """How many used columns it had to make 0, because they have one value only."""
        return 0

    def apply(self, X: Any) -> Any:
        """The table normalised: scipy CSR, or a ``ShiftedTable`` where zeros do not stay zeros.

        Raises ``ShapeError`` for other items than in training, ``ValuesError`` for values that
        the rule cannot take.
        """
        if X.shape[1] != self.items:
            raise ShapeError(
                f"{X.shape[1]} columns came, the training table had {self.items}: give one "
                "column an item, in the order of training"
            )
        return self._applied(as_rows(X))

    @abstractmethod
    def _applied(self, X: Any) -> Any:
        """The same for a CSR table of the right width."""


class Normalisation(ABC):
    """A way to weigh who used what before training. An interface; the rules are finished."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling."""

    def learn(self, X: Any) -> Learned:
        """Take from the training users (users x items, sparse or dense) what the rule needs.

        Raises ``ValuesError`` for values that the rule cannot take.
        """
        return self._learned(as_rows(X))

    @abstractmethod
    def _learned(self, X: Any) -> Learned:
        """The same from a CSR table."""


def check_counts(X: Any, rule: object) -> None:
    """Refuse negative numbers where numbers stand for how often."""
    if len(X.data) and X.data.min() < 0:
        raise ValuesError(
            f"Negative values in data passed to {rule}, such as {X.data.min():g}, where each says "
            "how often something was used: drop negative weights, or shift them"
        )


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


MODERATE = Bounds(least=0, most=1e6, example="1.5")


@dataclass(frozen=True)
class TfIdf(Normalisation):
    """``x_ui (1 + ln((1 + n) / (1 + n_i)))``, then rows of length one: rare items speak louder.

    ``n`` users, ``n_i`` of whom used item ``i``; the formula, its smoothing and the unit rows are
    those of scikit-learn's ``TfidfTransformer``.

    >>> learned = TfIdf().learn(np.array([[1.0, 1.0], [1.0, 0.0]]))
    >>> learned.apply(np.array([[1.0, 1.0]])).toarray().round(3).tolist()
    [[0.58, 0.815]]
    """

    def __str__(self) -> str:
        return "tf-idf"

    def _learned(self, X: Any) -> Learned:
        check_counts(X, self)
        return Weighted(self, 1 + np.log((1 + X.shape[0]) / (1 + users_of(X))), unit=True)


@dataclass(frozen=True)
class Propensity(Normalisation):
    """``x_ui / p_i`` with ``p_i = 1 / (1 + C (n_i + b)^-a)``, ``C = (ln n - 1) (b + 1)^a``.

    Where a user who likes item ``i`` is seen to use it with probability ``p_i``, dividing by
    ``p_i`` makes the table right on average. The propensity by popularity, and ``a = 0.55``,
    ``b = 1.5``, are those of Jain, Prabhu and Varma (KDD 2016, doi 10.1145/2939672.2939756).
    ``C`` is taken as 0 for fewer than three users.

    >>> learned = Propensity().learn(np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]))
    >>> learned.apply(np.array([[1.0, 1.0]])).toarray().round(3).tolist()
    [[1.25, 1.386]]
    """

    a: float = 0.55
    b: float = 1.5

    def __post_init__(self) -> None:
        WEIGHT.check("the first number of propensity(0.55,1.5)", self.a, SpellingError)
        MODERATE.check("the second number of propensity(0.55,1.5)", self.b, SpellingError)

    def __str__(self) -> str:
        return spelled("propensity", (self.a, self.b), (0.55, 1.5))

    def _learned(self, X: Any) -> Learned:
        check_counts(X, self)
        rows = X.shape[0]
        c = max(log(rows) - 1, 0) * (self.b + 1) ** self.a if rows else 0.0
        base = np.maximum(users_of(X) + self.b, 1.0)  # an item that nobody used, at b = 0
        return Weighted(self, 1 + c * base**-self.a)


@dataclass(frozen=True, eq=False)
class Weighted(Learned):
    """``x_ui weight_i``, with rows of length one or as they are."""

    rule: Normalisation
    weights: Float64[Array, " items"]
    unit: bool = False

    @property
    def items(self) -> int:
        """How many columns there are."""
        return len(self.weights)

    def _applied(self, X: Any) -> Any:
        check_counts(X, self.rule)
        weighed = scaled(X, columns=self.weights)
        return unit_rows(weighed) if self.unit else weighed


@dataclass(frozen=True)
class Bm25(Normalisation):
    """Okapi BM25 with users for documents: weights fade, long rows count less, rare items more.

    ``idf_i x (k1 + 1) / (x + k1 (1 - b + b l_u / l))`` with ``l_u`` the sum of the user's row,
    ``l`` its mean over the training users that used anything, and
    ``idf_i = ln(1 + (n - n_i + 1/2) / (n_i + 1/2))``, which is never negative (Robertson and
    Zaragoza, 2009, doi 10.1561/1500000019; the idf as in Lucene).

    >>> learned = Bm25().learn(np.array([[1.0, 1.0], [1.0, 0.0]]))
    >>> learned.apply(np.array([[1.0, 1.0]])).toarray().round(3).tolist()
    [[0.16, 0.61]]
    """

    k1: float = 1.2
    b: float = 0.75

    def __post_init__(self) -> None:
        if not (MODERATE.holds(self.k1) and UNIT.holds(self.b)):
            raise SpellingError(
                f"{self} is no BM25: k1 is from 0 to 1000000 and b from 0 to 1, as in "
                "bm25(1.2,0.75)"
            )

    def __str__(self) -> str:
        return spelled("bm25", (self.k1, self.b), (1.2, 0.75))

    def _learned(self, X: Any) -> Learned:
        check_counts(X, self)
        used = users_of(X)
        lengths = sums(X, X.data, axis=1)
        some = lengths[lengths > 0]
        idf = np.log1p((X.shape[0] - used + 0.5) / (used + 0.5))
        return Bm25Weights(self, idf, float(some.mean()) if len(some) else 1.0)


@dataclass(frozen=True, eq=False)
class Bm25Weights(Learned):
    """BM25 with the idf of the training users and their mean length."""

    rule: Bm25
    idf: Float64[Array, " items"]
    mean_length: float

    @property
    def items(self) -> int:
        """How many columns there are."""
        return len(self.idf)

    def _applied(self, X: Any) -> Any:
        check_counts(X, self.rule)
        k1, b = self.rule.k1, self.rule.b
        fade = k1 * (1 - b + b * sums(X, X.data, axis=1) / self.mean_length)
        within = X.data + np.repeat(fade, np.diff(X.indptr))
        kept = np.divide(X.data * (k1 + 1), within, out=np.zeros_like(X.data), where=X.data > 0)
        return scaled(with_values(X, kept), columns=self.idf)


def users_of(X: Any) -> Float64[Array, " items"]:
    """How many users used each item."""
    return np.bincount(X.indices[X.data != 0], minlength=X.shape[1]).astype(np.float64)


def spelled(name: str, numbers: tuple[float, ...], usual: tuple[float, ...]) -> str:
    """The name, with its numbers where they are not the usual ones."""
    return name if numbers == usual else f"{name}({','.join(map(written, numbers))})"
