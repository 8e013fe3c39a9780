"""Paths of gauges for the slider: named gauges, and the map of a witness.

In the right coordinates moving along the path of gauges, or along a witness's map, multiplies
each coordinate of the items by a power of one number and that of the queries by its inverse. So
the vectors are brought into those coordinates once; after that a list at any place of the path
costs two products of the vectors with one vector, and nothing is prepared anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.typing import Array, Direction, Float32, Float64, Int64
from anglewise.gauges.canonical import BALANCED
from anglewise.gauges.certificates import Witness, witness
from anglewise.gauges.gauge import bias_columns, two_roots
from anglewise.gauges.maps import ROWS, moved
from anglewise.measures.formulas import Formula

SPARE = 32
"""How many more than asked are scored again in float64."""

REMEMBERED, REMEMBERED_BYTES = 128, 1 << 26
"""Places of the path whose lengths are kept, and how much memory they may take together."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """One side: its rows, and the logarithm of what each coordinate is stretched by at 1.

    Rows are float32; ``log_scale`` is 0 where a coordinate stays.
    """

    rows: Float32[Array, "n r"]
    log_scale: Float64[Array, " r"]
    _lengths: dict[float, Array] = field(default_factory=dict[float, Array], repr=False)

    def weights(self, at: float) -> Float64[Array, " r"]:
        """What each coordinate is multiplied by."""
        return np.exp(at * self.log_scale)

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
class DiagonalScaling:
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
        >>> DiagonalScaling(side, side, np.arange(3)).nearest(0, 0.0, Cosine(), 1, hidden=[0])[0]
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
    log_scale
        As the items are stretched; queries are stretched the other way.
    before
        The predictions from the vectors as they were given.
    """

    queries: Float64[Array, "a r"]
    items: Float64[Array, "b r"]
    log_scale: Float64[Array, " r"]
    before: Float64[Array, "a b"]

    def change(self, at: float) -> float:
        """The largest change of a prediction, over the largest prediction."""
        weights = np.exp(at * self.log_scale)
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


WATCHED_QUERIES, WATCHED_ITEMS = 200, 1000
"""How many predictions are watched: 200,000."""


@dataclass(frozen=True, eq=False)
class SliderPath:
    """A path of equally good factorisations.

    Attributes
    ----------
    queries, items
        Both sides in the coordinates of the path.
    predictions
        Those that are watched.
    start
        What is taken off the position of the slider: on the path of gauges 0.5, where the balanced
        gauge lies.
    """

    space: Space
    queries: Coordinates
    items: Coordinates
    predictions: Predictions
    start: float
    _made: dict[Direction, DiagonalScaling] = field(
        default_factory=dict[Direction, DiagonalScaling], repr=False
    )

    def scaling(self, direction: Direction) -> DiagonalScaling:
        """Who asks and who is ranked in a direction."""
        if direction in self._made:
            return self._made[direction]
        by = {"queries": self.queries, "items": self.items}
        asks, ranked = direction.split("-")
        side = self.space.sides(direction)[1]
        return self._made.setdefault(
            direction, DiagonalScaling(by[asks], by[ranked], _places(side))
        )


def path_of_gauges(space: Space, seed: int = 0) -> SliderPath:
    """The path ``power(t)``: the balanced gauge, stretched by the spectrum to the ``t - 1/2``.

    In the balanced gauge ``P'P = Q'Q = S``, so ``Q S^(t-1/2)`` has the Gram matrix ``S^(2t)`` that
    the gauge at ``t`` asks for, and ``P S^(1/2-t)`` the one of the other side. Bias columns stay.
    Raises as a gauge does.
    """
    kept = bias_columns(space)
    pair = BALANCED.pair_keeping(*two_roots(space), kept)
    free = pair.items.shape[1] - len(kept)
    items = moved(space.items.vectors, pair.items)
    spectrum = np.einsum("ij,ij->j", items[:, :free], items[:, :free], dtype=np.float64)
    log_scale = np.concatenate([np.log(spectrum), np.zeros(len(kept))])
    return SliderPath(
        space,
        Coordinates(moved(space.queries.vectors, pair.queries), -log_scale),
        Coordinates(items, log_scale),
        _watched(space, pair.queries, pair.items, log_scale, seed),
        0.5,
    )


def path_of_witness(
    space: Space, row: int, condition: float, k: int, seed: int = 0
) -> tuple[SliderPath, Witness]:
    """The way from the given vectors to a map that changes one item's neighbours most.

    The map is symmetric; along the eigenvectors it stretches, by the power of the position. Raises
    as :func:`anglewise.gauges.certificates.witness` does.
    """
    kept = bias_columns(space)
    found = witness(space.items.vectors, row, k=k, condition=condition, keep=kept)
    dimension = space.items.dimension
    rest = [column for column in range(dimension) if column not in kept]
    values, directions = np.linalg.eigh(found.pair.items[rest, : len(rest)])
    turn = np.zeros((dimension, dimension))
    turn[np.ix_(rest, range(len(rest)))] = directions
    for place, column in enumerate(kept):
        turn[column, len(rest) + place] = 1.0
    log_scale = np.concatenate([np.log(values), np.zeros(len(kept))])
    path = SliderPath(
        space,
        Coordinates(moved(space.queries.vectors, turn), -log_scale),
        Coordinates(moved(space.items.vectors, turn), log_scale),
        _watched(space, turn, turn, log_scale, seed),
        0.0,
    )
    return path, found


def _watched(
    space: Space,
    of_queries: Float64[Array, "d r"],
    of_items: Float64[Array, "d r"],
    log_scale: Float64[Array, " r"],
    seed: int,
) -> Predictions:
    rng = np.random.default_rng(seed)
    queries = _some(space.queries, WATCHED_QUERIES, rng)
    items = _some(space.items, WATCHED_ITEMS, rng)
    before = queries @ items.T
    return Predictions(queries @ of_queries, items @ of_items, log_scale, before)


def _some(side: Embeddings, most: int, rng: np.random.Generator) -> Float64[Array, "some d"]:
    rows = np.sort(rng.permutation(len(side))[:most])
    return side.vectors[rows].astype(np.float64)


def _places(side: Embeddings) -> Array:
    places = np.empty(len(side), dtype=np.int64)
    places[side.id_order] = np.arange(len(side))
    return places
