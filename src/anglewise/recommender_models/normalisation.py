"""Normalisations of a table of interactions before a model learns from it, by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import log
from typing import Any

import numpy as np

from anglewise.data_types.numbers import UNIT, WEIGHT, Bounds, check_kind, written
from anglewise.data_types.sparse import check_table
from anglewise.data_types.text import named
from anglewise.data_types.typing import Array, Float64
from anglewise.errors import ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.recommender_models.svd import (
    ShiftedTable,
    as_rows,
    check_fits,
    inverse,
    scaled,
    sums,
    unit_rows,
    with_values,
)

NOISE = 1e-12
"""A column that varies by less than this share of its mean counts as constant."""

MODERATE = Bounds(least=0, most=1e6, example="1.5")


def check_columns(X: Any, items: int, expected: str) -> None:
    """Raise ``ShapeError`` for a table with another number of items than in training."""
    check_table(X)
    if X.shape[1] != items:
        raise ShapeError(
            f"{X.shape[1]} columns came, {expected}: give one column an item, in the order of "
            "training"
        )


@dataclass(frozen=True, eq=False)
class Learned:
    """A normalisation with the numbers that it learned from the training users.

    Attributes
    ----------
    items
        The number of columns.
    weigh
        Normalises a CSR table of that many columns.
    balance
        One number an item, where the rule also changes predictions, else None. The model then
        multiplies its inputs by them and divides its predictions by them (``Exponents``).
    """

    items: int
    weigh: Callable[[Any], Any]
    balance: Float64[Array, " items"] | None = None

    def apply(self, X: Any) -> Any:
        """The table normalised: scipy CSR, or a ``ShiftedTable`` where zeros do not stay zeros.

        Raises ``ShapeError`` for other items than in training, ``ValuesError`` for values that
        the rule cannot take.
        """
        check_columns(X, self.items, f"the training table had {self.items}")
        return self.weigh(as_rows(X))

    @property
    def balances(self) -> bool:
        """Whether it changes predictions too, so that it must be part of the model."""
        return self.balance is not None and bool(np.ptp(self.balance) > 0)


class Normalisation(ABC):
    """A rule to weigh interactions before training. An interface; the rules are finished."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling."""

    def learn(self, X: Any) -> Learned:
        """Learn the numbers of the rule from the training users (users x items, sparse or dense).

        Raises ``ValuesError`` for values that the rule cannot take.
        """
        table = as_rows(X)
        check_fits(table.shape, sum(table.shape))
        return self._learned(table)

    @abstractmethod
    def _learned(self, X: Any) -> Learned:
        """Learn the numbers of the rule from a CSR table."""

    def _counts(self, X: Any) -> Any:
        """The table, if its numbers can be counts; ``ValuesError`` for negative ones."""
        if len(X.data) and X.data.min() < 0:
            raise ValuesError(
                f"Negative values in data passed to {self}, such as {X.data.min():g}, where each "
                "says how often something was used: drop negative weights, or shift them"
            )
        return X


def _unchanged(X: Any) -> Any:
    return X


@dataclass(frozen=True)
class AsIs(Normalisation):
    """The table unchanged.

    >>> AsIs().learn(np.eye(2)).apply(np.array([[3.0, 0.0]])).toarray().tolist()
    [[3.0, 0.0]]
    """

    def __str__(self) -> str:
        return "none"

    def _learned(self, X: Any) -> Learned:
        return Learned(X.shape[1], _unchanged)


@dataclass(frozen=True)
class UnitRows(Normalisation):
    """Rows of length one, ``x_u / |x_u|``, so that users weigh the same; empty rows stay empty.

    >>> UnitRows().learn(np.eye(2)).apply(np.array([[3.0, 4.0], [0, 0]])).toarray().tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """

    def __str__(self) -> str:
        return "l2"

    def _learned(self, X: Any) -> Learned:
        return Learned(X.shape[1], unit_rows)


@dataclass(frozen=True)
class StandardisedColumns(Normalisation):
    """``(x_ui - mean_i) / deviation_i``, so that popular and rare items weigh the same.

    Proposed before training by arXiv 2403.05440 (section 4). Deviations are those of the whole
    training table (divided by n), zeros included. A constant column becomes 0. The result is a
    ``ShiftedTable``: sparse entries divided by the deviations, and one correction of rank one.

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
        squares = sums(X, (X.data - means[X.indices]) ** 2, axis=0) + absent * means**2
        deviations = np.sqrt(squares / rows)
        deviations[deviations <= NOISE * np.abs(means)] = 0
        scale = inverse(deviations)
        return Learned(columns, partial(_standardised, scale=scale, shift=means * scale))


def _standardised(
    X: Any, scale: Float64[Array, " items"], shift: Float64[Array, " items"]
) -> ShiftedTable:
    rows: int = X.shape[0]
    return ShiftedTable(scaled(X, columns=scale), np.ones(rows), shift)


@dataclass(frozen=True)
class TfIdf(Normalisation):
    """``x_ui (1 + ln((1 + n) / (1 + n_i)))``, then rows of length one: rare items weigh more.

    ``n`` users, ``n_i`` of whom used item ``i``; the formula, its smoothing and the unit rows are
    those of scikit-learn's ``TfidfTransformer``.

    >>> learned = TfIdf().learn(np.array([[1.0, 1.0], [1.0, 0.0]]))
    >>> learned.apply(np.array([[1.0, 1.0]])).toarray().round(3).tolist()
    [[0.58, 0.815]]
    """

    def __str__(self) -> str:
        return "tf-idf"

    def _learned(self, X: Any) -> Learned:
        weights = 1 + np.log((1 + X.shape[0]) / (1 + users_of(self._counts(X))))
        return Learned(len(weights), partial(self._weighed, weights=weights))

    def _weighed(self, X: Any, weights: Float64[Array, " items"]) -> Any:
        return unit_rows(scaled(self._counts(X), columns=weights))


@dataclass(frozen=True)
class Propensity(Normalisation):
    """``x_ui / p_i`` with ``p_i = 1 / (1 + C (n_i + b)^-a)``, ``C = (ln n - 1) (b + 1)^a``.

    If the use of item ``i`` by a user who likes it is observed with probability ``p_i``, dividing
    by ``p_i`` makes the table unbiased. The propensity by popularity, and ``a = 0.55``,
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
        rows = self._counts(X).shape[0]
        c = max(log(rows) - 1, 0) * (self.b + 1) ** self.a if rows else 0.0
        base = np.maximum(users_of(X) + self.b, 1.0)  # at b = 0 an unused item would give 0
        return Learned(len(base), partial(self._weighed, weights=1 + c * base**-self.a))

    def _weighed(self, X: Any, weights: Float64[Array, " items"]) -> Any:
        return scaled(self._counts(X), columns=weights)


@dataclass(frozen=True)
class Bm25(Normalisation):
    """Okapi BM25 with users as documents: counts saturate, long rows weigh less, rare items more.

    ``idf_i x (k1 + 1) / (x + k1 (1 - b + b l_u / l))`` with ``l_u`` the sum of the user's row,
    ``l`` its mean over the training users with any use, and
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
        users = users_of(self._counts(X))
        lengths = sums(X, X.data, axis=1)
        used_lengths = lengths[lengths > 0]
        idf = np.log1p((X.shape[0] - users + 0.5) / (users + 0.5))
        mean_length = float(used_lengths.mean()) if len(used_lengths) else 1.0
        return Learned(len(idf), partial(self._weighed, idf=idf, mean_length=mean_length))

    def _weighed(self, X: Any, idf: Float64[Array, " items"], mean_length: float) -> Any:
        counts, k1, b = self._counts(X).data, self.k1, self.b
        fade = k1 * (1 - b + b * sums(X, counts, axis=1) / mean_length)
        saturation = counts + np.repeat(fade, np.diff(X.indptr))
        faded = np.divide(
            counts * (k1 + 1), saturation, out=np.zeros_like(counts), where=counts > 0
        )
        return scaled(with_values(X, faded), columns=idf)


@dataclass(frozen=True)
class Exponents(Normalisation):
    """Users weigh ``n_u^-beta`` in the loss, and a prediction is divided by ``n_i^alpha``.

    The model learns from ``X_u = D_U^(-beta/2) X``, whose Gram matrix is ``X' D_U^-beta X``, and
    its weights ``B`` become ``D_I^alpha B D_I^-alpha``: popular items count more as evidence, and
    less as predictions. ``D_U`` and ``D_I`` hold the sums of rows and the numbers of users of
    items. At ``alpha = 1/2, beta = 1`` with ``B`` of full rank this is the symmetric normalisation
    of graphs; at ``alpha = beta = 0`` nothing changes.

    Source: Park, Yoon, Kim and Lee, SIGIR 2025, arXiv 2504.05805, in the form of the authors'
    code. They tune both exponents for each data set, so choose them on judgements. Items that
    nobody used count as used once.

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
        balance = np.maximum(users_of(self._counts(X)), 1.0) ** self.alpha
        return Learned(len(balance), self._weighed, balance)

    def _weighed(self, X: Any) -> Any:
        lengths = sums(self._counts(X), X.data, axis=1)
        weights = np.ones_like(lengths)
        weights[lengths > 0] = lengths[lengths > 0] ** (-self.beta / 2)
        return scaled(X, rows=weights)


def users_of(X: Any) -> Float64[Array, " items"]:
    """The number of users of each item."""
    return np.bincount(X.indices[X.data != 0], minlength=X.shape[1]).astype(np.float64)


def spelled(name: str, numbers: tuple[float, ...], usual: tuple[float, ...]) -> str:
    """The spelling of a rule: its name, with its numbers unless they are the usual ones."""
    return name if numbers == usual else f"{name}({','.join(map(written, numbers))})"


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
    """Read the spelling of a rule.

    Raises ``SpellingError`` for an unknown word or numbers that the rule does not take.

    >>> str(normalisation("BM25(2, 0.5)")), str(normalisation("bm25"))
    ('bm25(2,0.5)', 'bm25')
    """
    if isinstance(word, Normalisation):
        return word
    check_kind(word, str, "a normalisation", "a rule such as standardised or bm25(1.2,0.75)")
    return named(word, NORMALISATIONS, kind="normalisation", example="bm25(1.2,0.75)")
