"""Formulas: what a measure does with two vectors, once they are in its frame.

Each says three things. *Products*: which of three sums over coordinates it reads (``dot``,
``squared-distance``, ``manhattan``). *Score*: the exact value of a pair from that sum and the
two norms, in float64, larger is nearer. *Terms*, if the score ranks as an inner product: the
weight and the bias of each item, such that for one query the *ranking value*
``g * weight + bias`` orders items as the score does (``g`` the inner product), and what the query
adds to make it the score again. Terms are what makes five measures cost one.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from anglewise.core.numbers import EXPONENT, written
from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import SpellingError

Product: TypeAlias = Literal["dot", "squared-distance", "manhattan", "block"]
PerPair: TypeAlias = Float64[Array, "*pairs"]
"""One number for each pair of a query and an item, in any arrangement."""


@dataclass(frozen=True, eq=False)
class Terms:
    """Prepares items for an inner product: ``[weight * x, bias]``; queries become ``[q, 1]``."""

    weight: Float64[Array, " n"] | None = None
    bias: Float64[Array, " n"] | None = None


class Formula(ABC):
    """How near two vectors are. An interface: the classes below are finished."""

    product: ClassVar[Product]
    meaning: ClassVar[str]
    unit_queries: ClassVar[bool] = False
    """Whether queries are brought to length one before the product is taken."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling."""

    @abstractmethod
    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """The exact score of each pair, larger is nearer."""

    def terms(self, item_norms: Float64[Array, " n"]) -> Terms | None:
        """Weight and bias of each item, or None where no inner product ranks alike.

        Weights are at least 0; both are smooth in the norm (powers up to the eighth).
        """
        del item_norms
        return None

    @property
    def inner(self) -> bool:
        """Whether items rank as by an inner product."""
        return self.terms(np.ones(1)) is not None

    def score_at(
        self,
        rows: Int64[Array, "*pairs"],
        product: PerPair,
        query_norms: PerPair,
        item_norms: PerPair,
    ) -> PerPair:
        """The score of each pair, told which row of the ranked side the item is."""
        del rows
        return self.score(product, query_norms, item_norms)

    def terms_at(self, rows: Int64[Array, " n"], item_norms: Float64[Array, " n"]) -> Terms | None:
        """The terms, told which rows of the ranked side the items are."""
        del rows
        return self.terms(item_norms)

    def from_ranking(self, ranking: PerPair, query_norms: PerPair) -> PerPair:
        """The score whose ranking value this is: what the query's own length adds to it."""
        del query_norms
        return ranking


@dataclass(frozen=True)
class Dot(Formula):
    """The inner product ``q . x``: angle and both lengths.

    >>> str(Dot())
    'dot'
    """

    product = "dot"
    meaning = "inner product, unbounded"

    def __str__(self) -> str:
        return "dot"

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """``q . x``."""
        del query_norms, item_norms
        return product

    def terms(self, item_norms: Float64[Array, " n"]) -> Terms:
        """Nothing to prepare."""
        del item_norms
        return Terms()


@dataclass(frozen=True)
class Norm(Formula):
    """``q . x / (|q|^query |x|^item)``: keep part of the length (arXiv 2602.09229, 2308.11288).

    A zero vector scores 0.

    >>> str(Norm(0, 0.5))
    'norm(0,0.5)'
    """

    query: float
    item: float

    product = "dot"
    meaning = "inner product with part of the lengths divided out, unbounded"

    def __post_init__(self) -> None:
        for exponent in (self.query, self.item):
            EXPONENT.check("an exponent of norm(0,0.5)", exponent, SpellingError)

    def __str__(self) -> str:
        return f"norm({written(self.query)},{written(self.item)})"

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """``q . x / (|q|^query |x|^item)``."""
        return product * (_power(query_norms, -self.query) * _power(item_norms, -self.item))

    def terms(self, item_norms: Float64[Array, " n"]) -> Terms:
        """Items divided by ``|x|^item``."""
        return Terms(weight=_power(item_norms, -self.item))

    def from_ranking(self, ranking: PerPair, query_norms: PerPair) -> PerPair:
        """Divided by ``|q|^query``."""
        return ranking * _power(query_norms, -self.query)


@dataclass(frozen=True)
class Cosine(Formula):
    """The angle between two vectors; their length is thrown away. A zero vector scores 0.

    >>> str(Cosine())
    'cosine'
    """

    product = "dot"
    meaning = "cosine in [-1, 1]"

    def __str__(self) -> str:
        return "cosine"

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """``q . x / (|q| |x|)``."""
        return product * (_power(query_norms, -1) * _power(item_norms, -1))

    def terms(self, item_norms: Float64[Array, " n"]) -> Terms:
        """Items of length one."""
        return Terms(weight=_power(item_norms, -1))

    def from_ranking(self, ranking: PerPair, query_norms: PerPair) -> PerPair:
        """Divided by ``|q|``."""
        return ranking * _power(query_norms, -1)


@dataclass(frozen=True)
class Euclidean(Formula):
    """The distance ``|q - x|``, negated so that larger is nearer.

    Ranks as ``q . x - |x|^2 / 2``.

    >>> str(Euclidean())
    'euclidean'
    """

    product = "squared-distance"
    meaning = "negated distance, at most 0"

    def __str__(self) -> str:
        return "euclidean"

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """``-|q - x|``."""
        del query_norms, item_norms
        return -np.sqrt(product)

    def terms(self, item_norms: Float64[Array, " n"]) -> Terms:
        """Half the squared length is taken off."""
        return Terms(bias=-0.5 * item_norms**2)

    def from_ranking(self, ranking: PerPair, query_norms: PerPair) -> PerPair:
        """``-sqrt(|q|^2 - 2 ranking)``."""
        return -np.sqrt(np.maximum(query_norms**2 - 2 * ranking, 0))


@dataclass(frozen=True)
class Manhattan(Formula):
    """The city-block distance ``sum |q_i - x_i|``, negated. No inner product ranks alike.

    >>> str(Manhattan())
    'manhattan'
    """

    product = "manhattan"
    meaning = "negated city-block distance, at most 0"

    def __str__(self) -> str:
        return "manhattan"

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """``-sum |q_i - x_i|``."""
        del query_norms, item_norms
        return -product


class BlockFormula(Formula):
    """A score of your own: override ``block``, and say how it is spelled.

    It is computed in float64 for every pair, a block of queries against a block of items, so it
    costs what your function costs. What it returns for a pair should not depend on the rest of
    the block; a pair of zeros must not give NaN.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Chebyshev(BlockFormula):
    ...     meaning = "negated largest difference"
    ...     def __str__(self):
    ...         return "chebyshev"
    ...     def block(self, queries, items):
    ...         return -np.abs(queries[:, None] - items[None]).max(axis=2)
    >>> Chebyshev().block(np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]]))
    array([[-3.]])
    """

    product = "block"

    @abstractmethod
    def block(
        self, queries: Float64[Array, "q d"], items: Float64[Array, "n d"]
    ) -> Float64[Array, "q n"]:
        """The score of every query with every item, larger is nearer."""

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """What ``block`` returned is the score."""
        del query_norms, item_norms
        return product


def _power(norms: Array, exponent: float) -> Array:
    """``norms ** exponent``, and 0 for a zero vector, so that its score is 0 and never NaN.

    Quarters are made of square roots: these are the same on every machine, powers are not.
    """
    if exponent == 0:
        return np.ones_like(norms)
    there = norms > 0
    whole, quarters = divmod(4 * abs(exponent), 4)
    base = np.where(there, norms, 1.0)
    if quarters % 1 == 0:
        value = base**whole
        if quarters >= 2:
            value = value * np.sqrt(base)
        if quarters % 2:
            value = value * np.sqrt(np.sqrt(base))
    else:
        value = base ** abs(exponent)
    return np.where(there, 1 / value if exponent < 0 else value, 0.0)
