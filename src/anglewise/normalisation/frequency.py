"""Weights from how often items are used: TF-IDF, BM25, inverse propensities."""

from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from anglewise.core.numbers import UNIT, WEIGHT, Bounds, written
from anglewise.core.typing import Array, Float64
from anglewise.errors import SpellingError
from anglewise.normalisation.normalisation import Learned, Normalisation, check_counts
from anglewise.normalisation.plain import sums, unit_rows
from anglewise.normalisation.shifted_table import scaled, with_values

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
