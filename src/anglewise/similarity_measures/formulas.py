"""Formulas: what a measure does with two vectors. A measure is a formula in a frame.

A formula has three parts. *Product*: which of three sums over coordinates it reads (``dot``,
``squared-distance``, ``manhattan``). *Score*: the exact value of a pair from that sum and the
two norms, in float64, larger is nearer. *Terms*, if items rank as by an inner product ``g``: the
weight and the bias of each item, such that for one query the *ranking value* ``g * weight + bias``
orders items as the score does; ``from_ranking`` turns it back into the score. Because of the terms
five measures cost hardly more than one.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.numbers import EXPONENT, written
from anglewise.data_types.typing import Array, Direction, Float, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.similarity_measures.affine import NearestCosines
from anglewise.similarity_measures.biases import WithoutBiases, biases_left_out
from anglewise.similarity_measures.frames import (
    Frame,
    Maps,
    Sides,
    SpaceCache,
    View,
    fit_frames,
)

Product: TypeAlias = Literal["dot", "squared-distance", "manhattan", "block"]
PerPair: TypeAlias = Float64[Array, "*#pairs"]
"""One number for each pair of a query and an item, in any arrangement, or what broadcasts to it."""
LANES = 8
"""Sums over coordinates run in so many lanes, coordinate ``c`` in lane ``c % 8``."""
Term: TypeAlias = Callable[[Array, Array], Array]
TERMS: dict[Product, Term] = {
    "dot": lambda q, x: q * x,
    "squared-distance": lambda q, x: (q - x) * (q - x),
    "manhattan": lambda q, x: np.abs(q - x),
}
"""What each coordinate adds to a product."""


def in_lanes(rows: Float[Array, "n d"]) -> Float64[Array, "steps lanes n"]:
    """The coordinates, eight at a time, padded with zeros."""
    n, d = rows.shape
    out = np.zeros((-(-d // LANES) * LANES, n))
    out[:d] = rows.T
    return out.reshape(-1, LANES, n)


def summed(terms: Float64[Array, "steps lanes n"]) -> Float64[Array, " n"]:
    """The sum over coordinates in a fixed order: step after step, then lanes, half onto half.

    So a pair scores the same to the last bit on every machine, whatever stands beside it.
    """
    total = np.zeros(terms.shape[1:])
    for step in terms:
        total += step
    while len(total) > 1:
        half = len(total) // 2
        total = total[:half] + total[half:]
    return total[0]


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
    angle: ClassVar[bool] = False
    """Whether it reads the angle alone, so that a column of biases would count as a direction."""
    axes: ClassVar[bool] = False
    """Whether it reads single coordinates, so that a rotation of all vectors changes it."""

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
        rows: Int64[Array, "*#pairs"],
        product: PerPair,
        query_norms: PerPair,
        item_norms: PerPair,
    ) -> PerPair:
        """The score of each pair, given the item's row of the ranked side too."""
        del rows
        return self.score(product, query_norms, item_norms)

    def terms_at(self, rows: Int64[Array, " n"], item_norms: Float64[Array, " n"]) -> Terms | None:
        """The terms, given the items' rows of the ranked side too."""
        del rows
        return self.terms(item_norms)

    def of_rows(self, rows: Int64[Array, " some"]) -> "Formula":
        """The formula for some rows of the ranked side, which are numbered anew.

        Raises ``SpellingError`` for one that reads the numbers of rows and does not say how.
        """
        del rows
        reads = type(self).score_at, type(self).terms_at
        if reads != (Formula.score_at, Formula.terms_at):
            raise SpellingError(f"{self} has numbers for each row: write its of_rows(rows) too")
        return self

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
    angle = True

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
    axes = True
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
    the block (the last bits of a matrix product do: round it); a pair of zeros must not give NaN.

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
    axes = True

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
    positive = norms > 0
    whole, quarters = divmod(4 * abs(exponent), 4)
    base = np.where(positive, norms, 1.0)
    if quarters % 1 == 0:
        value = base**whole
        if quarters >= 2:
            value = value * np.sqrt(base)
        if quarters % 2:
            value = value * np.sqrt(np.sqrt(base))
    else:
        value = base ** abs(exponent)
    return np.where(positive, 1 / value if exponent < 0 else value, 0.0)


SIMPLEST_FIRST = ("dot", "cosine", "euclidean")
"""The order in which a tie is broken: what every vector store offers comes first."""


@dataclass(frozen=True)
class Measure:
    """How near two vectors are: a formula, taken after the frames, the first frame first.

    >>> str(Measure(Cosine()))
    'cosine'
    """

    formula: Formula
    frames: tuple[Frame, ...] = ()

    def __str__(self) -> str:
        return "@".join([str(self.formula), *(str(frame) for frame in self.frames)])

    def at(self, frame: Frame) -> "Measure":
        """The same formula after one more frame."""
        return Measure(self.formula, (*self.frames, frame))

    @property
    def simplicity(self) -> tuple[int, int, str]:
        """Sorts the simplest measure first: dot, cosine, euclidean, then the others."""
        name = str(self.formula)
        rank = SIMPLEST_FIRST.index(name) if name in SIMPLEST_FIRST else len(SIMPLEST_FIRST)
        return (rank if not self.frames else len(SIMPLEST_FIRST) + 1, len(self.frames), str(self))


def frames_in(measure: Any, space: Space, direction: Direction) -> tuple[Frame, ...]:
    """The frames of a measure, and before them the one that leaves biases out where it does."""
    if space.named_biases and biases_left_out(measure, space, direction):
        return (WithoutBiases(), *measure.frames)
    return measure.frames


def maps_in(
    measure: Any, space: Space, direction: Direction, *, new_vectors: bool = True
) -> Maps | None:
    """The fitted frames of a measure in a space; None where the vectors stay as they are."""
    frames = frames_in(measure, space, direction)
    whole = new_vectors or measure.formula.axes
    return fit_frames(frames, space, direction, new_vectors=whole)


class FittedFormula(Formula):
    """A formula that learns from the asking and the ranked side. An interface.

    Until it is fitted it scores nothing; ``fitted`` fits it for a measure, once for a space.
    """

    product = "dot"

    @abstractmethod
    def fit(self, sides: Sides) -> Formula:
        """The formula as it scores on this space, in this direction and in these coordinates."""

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """Not before it is fitted."""
        del product, query_norms, item_norms
        raise SpellingError(f"{self} is learnt from a space: take fitted(measure, space).formula")


def fitted(
    measure: Measure,
    space: Space,
    direction: Direction = "queries-items",
    *,
    new_vectors: bool = True,
    nearest: NearestCosines | None = None,
) -> Measure:
    """The measure with its formula fitted on a space; one that learns nothing is returned as it is.

    Without ``new_vectors`` in the maps of :func:`fit_frames` for rows of the space alone.
    ``nearest`` finds nearest rows faster than by all pairs (:class:`Sides`). Formulas fitted lately
    are cached as long as the space lives.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> str(fitted(Measure(Dot()), Space(items=Embeddings([[1.0]]))))
    'dot'
    """
    formula = measure.formula
    if not isinstance(formula, FittedFormula):
        return measure

    def fit() -> Formula:
        asking, ranked = space.sides(direction)
        maps = maps_in(measure, space, direction, new_vectors=new_vectors)
        maps = maps or Maps.still(ranked.dimension)
        views = View(asking, maps.asking), View(ranked, maps.ranked)
        return formula.fit(Sides(space, direction, *views, new_vectors, nearest))

    key = formula, frames_in(measure, space, direction), direction, new_vectors
    return Measure(_FITTED.get(space, key, fit), measure.frames)


_FITTED: SpaceCache[tuple[FittedFormula, tuple[Frame, ...], Direction, bool], Formula] = (
    SpaceCache()
)


def unit(x: Float64[Array, "rows d"]) -> Float64[Array, "rows d"]:
    """Rows of length one; a zero row stays as it is."""
    length = np.sqrt(np.square(x).sum(axis=1))
    return x / np.where(length > 0, length, 1.0)[:, None]
