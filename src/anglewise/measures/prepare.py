"""A measure as an inner product: how to prepare queries and items for a store that knows no other.

``score(q, x)`` ranks the items as ``prepared query . prepared item`` does. Prepared vectors have
one coordinate more where the measure needs one: half the squared length for ``euclidean``, what
``csls`` takes off each item.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.typing import Array, Direction, Float, Float64
from anglewise.errors import SpellingError
from anglewise.measures.fitted import fitted, unit
from anglewise.measures.formula import Formula
from anglewise.measures.frame import BLOCK_BYTES, Maps, fit_frames
from anglewise.measures.measure import Measure


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a measure does to those who ask and to those who are ranked, as :func:`prepare` fits it.

    Attributes
    ----------
    formula
        As fitted; ``from_ranking(inner product, query norms)`` of it is the score.
    maps
        The frame.
    bias
        Whether a coordinate is added.
    """

    space: Space
    direction: Direction
    formula: Formula
    maps: Maps
    bias: bool

    def queries(self, vectors: Float[Array, "q d"]) -> Float64[Array, "q _"]:
        """Vectors of those who ask, new ones too."""
        q = self.maps.asking(vectors)
        q = unit(q) if self.formula.unit_queries else q
        return np.concatenate([q, np.ones((len(q), 1))], axis=1) if self.bias else q

    def items(self) -> Iterator[Float64[Array, "rows _"]]:
        """All that are ranked, a few rows at a time."""
        ranked = self.space.sides(self.direction)[1].vectors
        length = max(64, BLOCK_BYTES // (8 * ranked.shape[1]))
        for start in range(0, len(ranked), length):
            x = self.maps.ranked(ranked[start : start + length])
            rows = np.arange(start, start + len(x), dtype=np.int64)
            terms = self.formula.terms_at(rows, np.sqrt(np.square(x).sum(axis=1)))
            if terms is not None and terms.weight is not None:
                x *= terms.weight[:, None]
            if terms is not None and terms.bias is not None:
                x = np.concatenate([x, terms.bias[:, None]], axis=1)
            yield x


def prepare(measure: Measure, space: Space, direction: Direction = "queries-items") -> Prepared:
    """Fit a measure on a space, to be used as an inner product.

    Raises ``SpellingError`` where no inner product ranks alike.

    >>> from anglewise.core.embeddings import Embeddings
    >>> from anglewise.measures.spelling import measure
    >>> space = Space(items=Embeddings([[3.0, 4.0]]))
    >>> ready = prepare(measure("euclidean"), space)
    >>> next(ready.items()).tolist(), ready.queries(np.array([[1.0, 2.0]])).tolist()
    ([[3.0, 4.0, -12.5]], [[1.0, 2.0, 1.0]])
    """
    formula = fitted(measure, space, direction).formula
    if not formula.inner:
        raise SpellingError(
            f"no inner product ranks as {measure} does: search with it here, or export another "
            "measure, such as cosine or csls(10)"
        )
    ranked = space.sides(direction)[1]
    maps = fit_frames(measure.frames, space, direction) or Maps.still(ranked.dimension)
    first = formula.terms_at(np.zeros(1, dtype=np.int64), np.ones(1))
    return Prepared(space, direction, formula, maps, first is not None and first.bias is not None)
