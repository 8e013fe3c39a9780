"""Paths of equally good factorisations for the slider: of named gauges, and to a witness's map.

In the right coordinates, moving along such a path multiplies each coordinate of the items by a
power of its own scale, and that of the queries by the inverse. So the vectors are brought into
these coordinates once; then a list anywhere on the path costs two products of the vectors with
one vector. Where a function takes ``power``, it is that exponent: the position of the slider less
the start of the path.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.neighbours import rounded
from anglewise.data_types.typing import Array, Direction, Float32, Float64, Int64
from anglewise.equivalent_factorisations.canonical import BALANCED
from anglewise.equivalent_factorisations.certificates import Witness, witness
from anglewise.equivalent_factorisations.gauge import bias_columns, two_roots
from anglewise.equivalent_factorisations.maps import ROWS, Map, NearIdentity, moved
from anglewise.similarity_measures.formulas import Formula

ERROR = 2.0**-22
"""Twice the rounding of products and lengths in float32, for each coordinate that is added."""

LEAST = 2.0**-149
"""What a product in float32 may lose where it is too small to be held."""

REMEMBERED, REMEMBERED_BYTES = 128, 1 << 26
"""Powers for which the lengths of all rows are kept, and the bytes that these may take."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """One side in the coordinates of the path, and the logarithm of each coordinate's scale.

    ``log_scale`` is 0 for a coordinate that does not change along the path.
    """

    rows: Float32[Array, "n r"]
    log_scale: Float64[Array, " r"]
    _lengths: dict[float, Array] = field(default_factory=dict[float, Array], repr=False)

    def weights(self, power: float) -> Float64[Array, " r"]:
        """The factor of each coordinate."""
        return np.exp(power * self.log_scale)

    @cached_property
    def largest(self) -> float:
        """The largest absolute coordinate; 0 where there is none."""
        return float(max(self.rows.max(initial=0), -self.rows.min(initial=0)))

    def lengths(self, power: float) -> Float64[Array, " n"]:
        """The lengths of all rows, kept for the powers that were used last."""
        if power not in self._lengths:
            if len(self._lengths) >= min(REMEMBERED, REMEMBERED_BYTES // (8 * len(self.rows)) + 1):
                self._lengths.clear()
            self._lengths[power] = self._measured(self.weights(power) ** 2)
        return self._lengths[power]

    def without_last(self, columns: int) -> "Coordinates":
        """The coordinates before the last ones."""
        return Coordinates(np.ascontiguousarray(self.rows[:, :-columns]), self.log_scale[:-columns])

    def _measured(self, squares: Float64[Array, " r"]) -> Float64[Array, " n"]:
        """In float64: float32 holds no squares of numbers beyond 1e19, or below 1e-19."""
        lengths = np.empty(len(self.rows))
        for start in range(0, len(lengths), ROWS):
            block = self.rows[start : start + ROWS].astype(np.float64)
            lengths[start : start + ROWS] = (block * block) @ squares
        return np.sqrt(lengths, out=lengths)


@dataclass(frozen=True, eq=False)
class DiagonalScaling:
    """The side that asks and the side that is ranked, along one path.

    Attributes
    ----------
    asking, ranked
        Their coordinates; the same object where a side asks itself.
    order
        The position of each ranked row when sorted by id: it decides between equal scores.
    without_biases
        The same without the bias columns that a cosine leaves out here, where there are any.
    """

    asking: Coordinates
    ranked: Coordinates
    order: Int64[Array, " n"]
    without_biases: "DiagonalScaling | None" = None

    def nearest(
        self, row: int, power: float, formula: Formula, k: int, hidden: Sequence[int] = ()
    ) -> tuple[list[int], list[float]]:
        """The rows nearest to a row of the asking side, and their scores; equal ones by id.

        All rows but the ``hidden`` are scored in float32, and those that may be among the best by
        the error of these sums again in float64.

        >>> from anglewise.similarity_measures.formulas import Cosine
        >>> side = Coordinates(np.eye(3, 2, dtype=np.float32) + 1, np.log([2.0, 1.0]))
        >>> DiagonalScaling(side, side, np.arange(3)).nearest(0, 0.0, Cosine(), 1, hidden=[0])[0]
        [2]
        """
        if formula.angle and self.without_biases is not None:
            return self.without_biases.nearest(row, power, formula, k, hidden)
        query = self.asking.rows[row] * self.asking.weights(power)
        weights = self.ranked.weights(power)
        weighted_query, lengths = query * weights, self.ranked.lengths(power)
        scale = float(np.abs(weighted_query).sum()) or 1.0  # no sum leaves float32 then
        product = self.ranked.rows @ (weighted_query / scale).astype(np.float32)
        product = product.astype(np.float64) * scale
        rough_scores = self._scores(formula, product, query, lengths)
        rough_scores[list(hidden)] = -np.inf
        best = _largest(rough_scores, k)
        least = self._exact(formula, best, query, weights).min(initial=np.inf)
        size = np.linalg.norm(query) + lengths * (formula.product == "squared-distance")
        error = ERROR * (len(query) + 16) * size * lengths
        error += LEAST * (len(query) + 16) * scale * (1 + self.ranked.largest)
        highest = self._scores(formula, product + error, query, lengths)
        highest[list(hidden)] = -np.inf
        best = np.flatnonzero(np.isfinite(highest) & (highest >= least - ERROR * abs(least)))
        scores = self._exact(formula, best, query, weights)
        order = np.lexsort((self.order[best], -scores))[:k]
        return best[order].tolist(), scores[order].tolist()

    def _exact(
        self, formula: Formula, rows: Int64[Array, " some"], query: Array, weights: Array
    ) -> Float64[Array, " some"]:
        """The scores of some rows in float64, as they are ordered."""
        moved_rows = self.ranked.rows[rows] * weights
        lengths = np.linalg.norm(moved_rows, axis=1)
        return rounded(self._scores(formula, moved_rows @ query, query, lengths))

    def _scores(self, formula: Formula, product: Array, query: Array, lengths: Array) -> Array:
        size = np.broadcast_to(np.linalg.norm(query), product.shape)
        if formula.product == "squared-distance":
            product = np.maximum(size**2 + lengths**2 - 2 * product, 0)
        return np.array(formula.score(product, size, lengths))


def _largest(scores: Array, count: int) -> Int64[Array, " some"]:
    """The rows of the largest finite scores, in any order."""
    count = min(count, len(scores))
    best = np.argpartition(-scores, count - 1)[:count]
    return best[np.isfinite(scores[best])].astype(np.int64)


@dataclass(frozen=True, eq=False)
class Predictions:
    """A sample of the model's predictions, to show that they stay the same along the path.

    Attributes
    ----------
    queries, items
        Some rows of either side in the coordinates of the path, float64.
    log_scale
        The logarithm of the items' scales; queries have the inverse.
    before
        The predictions from the vectors as they were given.
    """

    queries: Float64[Array, "a r"]
    items: Float64[Array, "b r"]
    log_scale: Float64[Array, " r"]
    before: Float64[Array, "a b"]

    def change(self, power: float) -> float:
        """The largest absolute change of a prediction, over the largest absolute prediction."""
        weights = np.exp(power * self.log_scale)
        after = (self.queries / weights) @ (self.items * weights).T
        return float(np.abs(after - self.before).max() / self.largest)

    @property
    def largest(self) -> float:
        """The largest absolute prediction of the sample; 1 where all are 0."""
        return float(np.abs(self.before).max()) or 1.0

    @property
    def count(self) -> int:
        """How many predictions the sample has."""
        return self.before.size


WATCHED_QUERIES, WATCHED_ITEMS = 200, 1000
"""The most queries and items in the sample of predictions: 200,000 pairs."""


@dataclass(frozen=True, eq=False)
class SliderPath:
    """A path of equally good factorisations.

    Attributes
    ----------
    queries, items
        Both sides in the coordinates of the path.
    predictions
        A sample of the model's predictions.
    start
        The position of the slider at which the power is 0: on the path of gauges 0.5, where the
        balanced gauge lies.
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
        """Both sides of a direction along this path."""
        if direction in self._made:
            return self._made[direction]
        sides = {"queries": self.queries, "items": self.items}
        query_side, ranked_side = direction.split("-")
        order = self.space.sides(direction)[1].id_position
        left_out, within = len(self.space.named_biases), None
        if left_out and query_side == ranked_side:  # paths have biases behind the other columns
            alone = sides[query_side].without_last(left_out)
            within = DiagonalScaling(alone, alone, order)
        scaling = DiagonalScaling(sides[query_side], sides[ranked_side], order, within)
        return self._made.setdefault(direction, scaling)


def path_of_gauges(space: Space, seed: int = 0) -> SliderPath:
    """The path ``power(t)``: the balanced gauge, times the spectrum to the power ``t - 1/2``.

    In the balanced gauge ``P'P = Q'Q = S``, so ``Q S^(t-1/2)`` has the Gram matrix ``S^(2t)`` that
    the gauge at ``t`` needs, and ``P S^(1/2-t)`` that of the other side. Bias columns stay as they
    are. Raises as a gauge does.
    """
    bias = bias_columns(space)
    pair = BALANCED.pair_keeping(*two_roots(space), bias)
    free = pair.items.shape[1] - len(bias)
    items = moved(space.items.vectors, pair.items)
    spectrum = np.einsum("ij,ij->j", items[:, :free], items[:, :free], dtype=np.float64)
    log_scale = np.concatenate([np.log(spectrum), np.zeros(len(bias))])
    return SliderPath(
        space,
        Coordinates(moved(space.queries.vectors, pair.queries), -log_scale),
        Coordinates(items, log_scale),
        _sampled_predictions(space, pair.queries, pair.items, log_scale, seed),
        0.5,
    )


def path_of_witness(
    space: Space, row: int, condition: float, k: int, seed: int = 0
) -> tuple[SliderPath, Witness]:
    """The path from the given vectors to a map that changes one item's neighbours most.

    The map is symmetric: its eigenvectors are the coordinates of the path, its eigenvalues their
    scales. Raises as :func:`anglewise.equivalent_factorisations.certificates.witness` does.
    """
    bias = bias_columns(space)
    named = space.named_biases
    result = witness(
        space.items.vectors,
        row,
        k=k,
        condition=condition,
        keep=() if named else bias,
        left_out=named,
    )
    rotation, log_scale = _stretched_directions(space, result.pair.items, bias)
    path = SliderPath(
        space,
        Coordinates(moved(space.queries.vectors, rotation), -log_scale),
        Coordinates(moved(space.items.vectors, rotation), log_scale),
        _sampled_predictions(space, rotation, rotation, log_scale, seed),
        0.0,
    )
    return path, result


def _stretched_directions(
    space: Space, of_items: Map, bias: tuple[int, ...]
) -> tuple[Float64[Array, "d r"], Float64[Array, " r"]]:
    """The directions that a symmetric map stretches and the logarithms of by how much.

    Bias columns come last. Of a map of few directions, these and the others in which rows lie.
    """
    if isinstance(of_items, NearIdentity):
        values, inside = np.linalg.eigh(of_items.core)
        basis = of_items.basis
        rows = np.concatenate([space.queries.vectors, space.items.vectors]).astype(np.float64)
        outside, lengths, _ = np.linalg.svd(
            (rows - (rows @ basis) @ basis.T).T, full_matrices=False
        )
        outside = outside[:, lengths > len(basis) * np.finfo(np.float64).eps * np.linalg.norm(rows)]
        directions = np.concatenate([basis @ inside, outside], axis=1)
        return directions, np.concatenate([np.log(values), np.zeros(outside.shape[1])])
    dimension = space.items.dimension
    others = [column for column in range(dimension) if column not in bias]
    values, directions = np.linalg.eigh(of_items[others, : len(others)])
    rotation = np.zeros((dimension, dimension))
    rotation[np.ix_(others, range(len(others)))] = directions
    for position, column in enumerate(bias):
        rotation[column, len(others) + position] = 1.0
    return rotation, np.concatenate([np.log(values), np.zeros(len(bias))])


def _sampled_predictions(
    space: Space,
    query_map: Map,
    item_map: Map,
    log_scale: Float64[Array, " r"],
    seed: int,
) -> Predictions:
    rng = np.random.default_rng(seed)
    queries = _sampled_rows(space.queries, WATCHED_QUERIES, rng)
    items = _sampled_rows(space.items, WATCHED_ITEMS, rng)
    before = queries @ items.T
    return Predictions(queries @ query_map, items @ item_map, log_scale, before)


def _sampled_rows(
    side: Embeddings, size: int, rng: np.random.Generator
) -> Float64[Array, "some d"]:
    rows = np.sort(rng.permutation(len(side))[:size])
    return side.vectors[rows].astype(np.float64)
