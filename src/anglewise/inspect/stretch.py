"""A family of geometries that differ by how far some directions are stretched.

In the right coordinates moving along the path of gauges, or along a witness's map, multiplies
each coordinate of the items by a power of one number and that of the queries by its inverse. So
the vectors are brought into those coordinates once; after that a list at any place of the path
costs two products of the vectors with one vector, and nothing is prepared anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from anglewise.core.typing import Array, Float32, Float64, Int64
from anglewise.gauges.maps import ROWS
from anglewise.measures.formulas import Formula

SPARE = 32
"""How many more than asked are scored again in float64."""

REMEMBERED, REMEMBERED_BYTES = 128, 1 << 26
"""Places of the path whose lengths are kept, and how much memory they may take together."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """One side: its rows, and the logarithm of what each coordinate is stretched by at 1.

    Rows are float32; ``log_stretch`` is 0 where a coordinate stays.
    """

    rows: Float32[Array, "n r"]
    log_stretch: Float64[Array, " r"]
    _lengths: dict[float, Array] = field(default_factory=dict[float, Array], repr=False)

    def weights(self, at: float) -> Float64[Array, " r"]:
        """What each coordinate is multiplied by."""
        return np.exp(at * self.log_stretch)

    def lengths(self, at: float) -> Float32[Array, " n"]:
        """The lengths of all rows at a place, remembered for the places seen last."""
        if at not in self._lengths:
            if len(self._lengths) >= min(REMEMBERED, REMEMBERED_BYTES // (4 * len(self.rows)) + 1):
                self._lengths.clear()
            self._lengths[at] = self._measured(self.weights(at).astype(np.float32) ** 2)
        return self._lengths[at]

    def _measured(self, squares: Float32[Array, " r"]) -> Float32[Array, " n"]:
        out = np.empty(len(self.rows), dtype=np.float32)
        for start in range(0, len(out), ROWS):
            block = self.rows[start : start + ROWS]
            out[start : start + ROWS] = (block * block) @ squares
        return np.sqrt(out, out=out)


@dataclass(frozen=True, eq=False)
class Stretch:
    """Who asks and who is ranked, on one path.

    Attributes
    ----------
    asking, ranked
        Their coordinates; the same thing where a side asks itself.
    order
        The place of each ranked row by its id, for equal scores.
    """

    asking: Coordinates
    ranked: Coordinates
    order: Int64[Array, " n"]

    def nearest(
        self, row: int, at: float, formula: Formula, k: int, hidden: Sequence[int] = ()
    ) -> tuple[list[int], list[float]]:
        """The rows nearest to one that asks at a place of the path, and their scores.

        All rows are scored in float32, the best of them again in float64; equal ones by id.

        >>> from anglewise.measures.formulas import Cosine
        >>> side = Coordinates(np.eye(3, 2, dtype=np.float32) + 1, np.log([2.0, 1.0]))
        >>> Stretch(side, side, np.arange(3)).nearest(0, 0.0, Cosine(), 1, hidden=[0])[0]
        [2]
        """
        query = self.asking.rows[row] * self.asking.weights(at)
        weights = self.ranked.weights(at)
        through = (query * weights).astype(np.float32)
        rough = self._scores(formula, self.ranked.rows @ through, query, self.ranked.lengths(at))
        rough[list(hidden)] = -np.inf
        best = _largest(rough, k + SPARE)
        exact_rows = self.ranked.rows[best] * weights
        scores = self._scores(
            formula, exact_rows @ query, query, np.linalg.norm(exact_rows, axis=1)
        )
        shown = np.lexsort((self.order[best], -scores.astype(np.float32)))[:k]
        return best[shown].tolist(), scores[shown].tolist()

    def _scores(self, formula: Formula, product: Array, query: Array, lengths: Array) -> Array:
        product, lengths = product.astype(np.float64), lengths.astype(np.float64)
        size = np.broadcast_to(np.linalg.norm(query), product.shape)
        if formula.product == "squared-distance":
            product = np.maximum(size**2 + lengths**2 - 2 * product, 0)
        return np.array(formula.score(product, size, lengths))


def _largest(scores: Array, count: int) -> Int64[Array, " some"]:
    """Rows of the largest finite scores, in no order."""
    count = min(count, len(scores))
    best = np.argpartition(-scores, count - 1)[:count]
    return best[np.isfinite(scores[best])].astype(np.int64)


@dataclass(frozen=True, eq=False)
class Predictions:
    """A sample of what the model predicts, to see that it stays.

    Attributes
    ----------
    queries, items
        Some of either side in the coordinates of the path, float64.
    log_stretch
        As the items are stretched; queries are stretched the other way.
    before
        The predictions from the vectors as they were given.
    """

    queries: Float64[Array, "a r"]
    items: Float64[Array, "b r"]
    log_stretch: Float64[Array, " r"]
    before: Float64[Array, "a b"]

    def change(self, at: float) -> float:
        """The largest change of a prediction, over the largest prediction."""
        weights = np.exp(at * self.log_stretch)
        after = (self.queries / weights) @ (self.items * weights).T
        return float(np.abs(after - self.before).max() / self.largest)

    @property
    def largest(self) -> float:
        """The largest prediction of the sample."""
        return float(np.abs(self.before).max()) or 1.0

    @property
    def count(self) -> int:
        """How many predictions are watched."""
        return self.before.size
