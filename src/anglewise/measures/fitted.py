"""Formulas that must see a space before they can score: what they learn is kept with the space."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.typing import Array, Direction, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.measures.formula import Formula, PerPair, Terms
from anglewise.measures.frame import Frame, Maps, Sides, View, fit_frames
from anglewise.measures.measure import Measure
from anglewise.measures.remembered import Remembered


class FittedFormula(Formula):
    """A formula that learns from who asks and who is ranked. An interface.

    Until it is fitted it scores nothing; ``fitted`` does that for a measure, once for a space.
    """

    product = "dot"

    @abstractmethod
    def fit(self, sides: Sides) -> Formula:
        """The formula as it scores on this space, in this direction and in these coordinates."""

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """Not before it is fitted."""
        del product, query_norms, item_norms
        raise SpellingError(f"{self} is learnt from a space: take fitted(measure, space).formula")


@dataclass(frozen=True, eq=False)
class PerItem(Formula):
    """``(q . x / |q|) * weight_x + bias_x``: two numbers for each ranked row, learnt from a space.

    An inner product of ``[q / |q|, 1]`` and ``[weight_x x, bias_x]``, one coordinate more than
    there were. Weights are at least 0.
    """

    name: str
    meaning: str  # type: ignore[misc]  # said by the formula that was fitted
    weight: Float64[Array, " n"]
    bias: Float64[Array, " n"]

    product = "dot"
    unit_queries = True

    def __str__(self) -> str:
        return self.name

    @property
    def inner(self) -> bool:
        """Always."""
        return True

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """Not without knowing which rows."""
        del product, query_norms, item_norms
        raise SpellingError(f"{self} has numbers for each row: say which, score_at(rows, …)")

    def score_at(
        self,
        rows: Int64[Array, "*pairs"],
        product: PerPair,
        query_norms: PerPair,
        item_norms: PerPair,
    ) -> PerPair:
        """``product * weight + bias``, the product taken with a query of length one."""
        del query_norms, item_norms
        return product * self.weight[rows] + self.bias[rows]

    def terms_at(self, rows: Int64[Array, " n"], item_norms: Float64[Array, " n"]) -> Terms:
        """The numbers of these rows."""
        del item_norms
        return Terms(self.weight[rows], self.bias[rows])


def fitted(measure: Measure, space: Space, direction: Direction = "queries-items") -> Measure:
    """The measure with its formula fitted on a space; most need nothing and come back as they are.

    What was learnt lately is remembered as long as the space lives.

    >>> from anglewise.measures.formula import Dot
    >>> from anglewise.core.embeddings import Embeddings
    >>> str(fitted(Measure(Dot()), Space(items=Embeddings([[1.0]]))))
    'dot'
    """
    formula = measure.formula
    if not isinstance(formula, FittedFormula):
        return measure

    def learn() -> Formula:
        asking, ranked = space.sides(direction)
        maps = fit_frames(measure.frames, space, direction) or Maps.still(ranked.dimension)
        views = View(asking, maps.asking), View(ranked, maps.ranked)
        return formula.fit(Sides(space, direction, *views))

    key = formula, measure.frames, direction
    return Measure(_FITTED.get(space, key, learn), measure.frames)


_FITTED: Remembered[tuple[FittedFormula, tuple[Frame, ...], Direction], Formula] = Remembered()


def unit(x: Float64[Array, "rows d"]) -> Float64[Array, "rows d"]:
    """Rows of length one; a zero row stays as it is."""
    length = np.sqrt(np.square(x).sum(axis=1))
    return x / np.where(length > 0, length, 1.0)[:, None]
