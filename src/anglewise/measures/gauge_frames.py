"""Frames from the two factors of a model: the gauges, and the space of the predictions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from anglewise.errors import ShapeError, SpellingError
from anglewise.gauges.canonical import BALANCED, ITEM_ORTHONORMAL, USER_ORTHONORMAL, Power
from anglewise.gauges.gauge import Gauge, RandomMap, bias_columns, two_roots
from anglewise.gauges.maps import Root
from anglewise.measures.frame import Affine, Frame, Maps, Sides


@dataclass(frozen=True)
class AtGauge(Frame):
    """The vectors as they are in another, equally good factorisation.

    Queries and items go through different maps, so the direction decides: for ``items-items``
    both sides are items. Columns that hold one number for a whole side are biases and stay as
    they are; the others change gauge among themselves. Stands before every other frame: once
    vectors are centred or cut, their products are no predictions any more.

    >>> str(AtGauge(BALANCED))
    'balanced'
    """

    gauge: Gauge

    def __str__(self) -> str:
        return str(self.gauge)

    def fit(self, sides: Sides) -> Maps:
        """The maps ``G`` of the queries and ``G^-T`` of the items."""
        queries, items = _roots(sides, str(self))
        pair = self.gauge.pair_keeping(queries, items, bias_columns(sides.space))
        still = np.zeros(queries.dimension)
        asks, ranked = sides.direction.split("-")
        maps = {"queries": Affine(still, pair.queries), "items": Affine(still, pair.items)}
        return Maps(maps[asks], maps[ranked])


@dataclass(frozen=True)
class DataSpace(Frame):
    """Items as columns of the predictions ``PQ'``, or queries as its rows: leave the embedding.

    Between items ``q_i (P'P) q_j``, so a root ``K`` with ``K'K = P'P`` is the map, and no
    prediction is formed; it is the geometry of the user-orthonormal gauge, and between queries
    that of the item-orthonormal one. Not a gauge: it has no coordinates that queries and items
    share. Biases count, as they do in the predictions.

    >>> str(DataSpace())
    'data-space'
    """

    def __str__(self) -> str:
        return "data-space"

    def fit(self, sides: Sides) -> Maps:
        """``q -> q K'`` with the root of the other side."""
        if sides.direction == "queries-items":
            raise SpellingError(
                "data-space compares columns of the predictions with columns, or rows with rows: "
                "a query and an item have no coordinates in common there; take @balanced, or dot"
            )
        queries, items = _roots(sides, str(self))
        other = queries if sides.direction == "items-items" else items
        move = Affine(np.zeros(other.dimension), other.matrix.T)
        return Maps(move, move)


def at_power(t: float) -> AtGauge:
    """The frame ``power(t)``, from item-orthonormal (0) to user-orthonormal (1).

    >>> str(at_power(0.3)), str(at_power(1))
    ('power(0.3)', 'user-orthonormal')
    """
    return AtGauge(Power(t))


def at_random(condition: float, seed: int = 0) -> AtGauge:
    """The frame ``random(condition,seed)``: an arbitrary gauge, to see what moves.

    >>> str(at_random(30, 1))
    'random(30,1)'
    """
    return AtGauge(RandomMap(condition, seed))


GAUGE_FRAMES: dict[str, Callable[..., Frame]] = {
    "balanced": partial(AtGauge, BALANCED),
    "item-orthonormal": partial(AtGauge, ITEM_ORTHONORMAL),
    "user-orthonormal": partial(AtGauge, USER_ORTHONORMAL),
    "power": at_power,
    "random": at_random,
    "data-space": DataSpace,
}


def _roots(sides: Sides, name: str) -> tuple[Root, Root]:
    through = (sides.asking.through, sides.ranked.through)
    if any(affine.matrix is not None or affine.offset.any() for affine in through):
        raise SpellingError(
            f"{name} must be the first frame: after another one the products of queries and "
            f"items are no predictions any more; write cosine@{name}@centred"
        )
    if sides.space.one_sided:
        raise ShapeError(
            f"{name} needs the two factors of a model, users and items: this space has one side"
        )
    return two_roots(sides.space)
