"""The two roads that the gauge page walks: the named gauges, and a witness's map."""

from dataclasses import dataclass, field

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.typing import Array, Direction, Float64
from anglewise.gauges.canonical import BALANCED
from anglewise.gauges.gauge import bias_columns, two_roots
from anglewise.gauges.maps import moved
from anglewise.gauges.witness import Witness, witness
from anglewise.inspect.stretch import Coordinates, Predictions, Stretch

WATCHED_QUERIES, WATCHED_ITEMS = 200, 1000
"""How many predictions are watched: 200,000."""


@dataclass(frozen=True, eq=False)
class Road:
    """A path of equally good factorisations.

    Attributes
    ----------
    queries, items
        Both sides in the coordinates of the path.
    predictions
        Those that are watched.
    start
        What is taken off the position of the slider: on the road of gauges 0.5, where the balanced
        gauge lies.
    """

    space: Space
    queries: Coordinates
    items: Coordinates
    predictions: Predictions
    start: float
    _made: dict[Direction, Stretch] = field(default_factory=dict[Direction, Stretch], repr=False)

    def stretch(self, direction: Direction) -> Stretch:
        """Who asks and who is ranked in a direction."""
        if direction in self._made:
            return self._made[direction]
        by = {"queries": self.queries, "items": self.items}
        asks, ranked = direction.split("-")
        side = self.space.sides(direction)[1]
        return self._made.setdefault(direction, Stretch(by[asks], by[ranked], _places(side)))


def road_of_gauges(space: Space, seed: int = 0) -> Road:
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
    log_stretch = np.concatenate([np.log(spectrum), np.zeros(len(kept))])
    return Road(
        space,
        Coordinates(moved(space.queries.vectors, pair.queries), -log_stretch),
        Coordinates(items, log_stretch),
        _watched(space, pair.queries, pair.items, log_stretch, seed),
        0.5,
    )


def road_of_witness(
    space: Space, row: int, condition: float, k: int, seed: int = 0
) -> tuple[Road, Witness]:
    """The way from the given vectors to a map that changes one item's neighbours most.

    The map is symmetric; along the eigenvectors it stretches, by the power of the position. Raises
    as :func:`anglewise.gauges.witness.witness` does.
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
    log_stretch = np.concatenate([np.log(values), np.zeros(len(kept))])
    road = Road(
        space,
        Coordinates(moved(space.queries.vectors, turn), -log_stretch),
        Coordinates(moved(space.items.vectors, turn), log_stretch),
        _watched(space, turn, turn, log_stretch, seed),
        0.0,
    )
    return road, found


def _watched(
    space: Space,
    of_queries: Float64[Array, "d r"],
    of_items: Float64[Array, "d r"],
    log_stretch: Float64[Array, " r"],
    seed: int,
) -> Predictions:
    rng = np.random.default_rng(seed)
    queries = _some(space.queries, WATCHED_QUERIES, rng)
    items = _some(space.items, WATCHED_ITEMS, rng)
    before = queries @ items.T
    return Predictions(queries @ of_queries, items @ of_items, log_stretch, before)


def _some(side: Embeddings, most: int, rng: np.random.Generator) -> Float64[Array, "some d"]:
    rows = np.sort(rng.permutation(len(side))[:most])
    return side.vectors[rows].astype(np.float64)


def _places(side: Embeddings) -> Array:
    places = np.empty(len(side), dtype=np.int64)
    places[side.id_order] = np.arange(len(side))
    return places
