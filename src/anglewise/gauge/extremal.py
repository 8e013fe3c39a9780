"""The maps that move one named pair as far as its certificate allows."""

from typing import Literal

import numpy as np

from anglewise.core.typing import Array, Float, Float64
from anglewise.errors import ShapeError, ValuesError
from anglewise.gauge.map_pair import MapPair


def extremal_pair(
    one: Float[Array, " d"],
    other: Float[Array, " d"],
    condition: float,
    end: Literal["low", "high"],
) -> MapPair:
    """A map of this condition that takes the cosine of two items to the end of its interval.

    In the plane of the two, stretch what separates them by ``s`` (``low``) or what they have in
    common (``high``); everything across that plane stays. ``pair.items`` is the map; for two
    queries use it on them. Raises ``ValuesError`` for a zero vector, ``ShapeError`` below two
    dimensions.

    >>> x, y = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    >>> pair = extremal_pair(x, y, 2.0, "low")
    >>> a, b = x @ pair.items, y @ pair.items
    >>> round(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), 12)
    -0.6
    """
    plane, angle = _plane(one, other)
    towards = angle / 2 + (np.pi / 2 if end == "low" else 0.0)
    return _stretched(plane, towards, condition, 1.0)


def extremal_user_item(
    user: Float[Array, " d"],
    item: Float[Array, " d"],
    condition: float,
    end: Literal["low", "high"],
) -> MapPair:
    """A map of this condition that takes the cosine of a query and an item to its end.

    In their plane queries are stretched by ``sqrt(s)`` along an axis at angle ``v`` from this one
    and shrunk across it, items the other way round.
    The squared lengths then multiply to ``1 + S^2 (m^2 + sin^2 a) + 2 C S m sin a`` with ``C, S``
    the hyperbolic functions of ``ln s``, ``a`` the angle and ``m = sin(a - 2v)``: largest at
    ``m = 1``, smallest at ``m = -min(1, C sin a / S)``; the product of the two does not change.

    >>> p, q = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    >>> pair = extremal_user_item(p, q, 2.0, "low")
    >>> a, b = p @ pair.queries, q @ pair.items
    >>> round(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), 4)
    0.3243
    """
    plane, angle = _plane(user, item)
    if angle > np.pi / 2:
        flipped = "high" if end == "low" else "low"
        return extremal_user_item(user, -item, condition, flipped)
    least = np.sin(angle) / max(np.tanh(np.log(condition)), np.finfo(float).tiny)
    across = np.pi / 2 if end == "low" else -np.arcsin(min(1.0, least))
    return _stretched(plane, (angle - across) / 2, 1 / np.sqrt(condition), np.sqrt(condition))


def _plane(
    one: Float[Array, " d"], other: Float[Array, " d"]
) -> tuple[Float64[Array, "2 d"], float]:
    """An orthonormal basis whose first vector is ``one``, and the angle to ``other`` in it."""
    if len(one) < 2:
        raise ShapeError("in one dimension a map only scales: two dimensions are due")
    x, y = one.astype(np.float64), other.astype(np.float64)
    sizes = np.linalg.norm(x), np.linalg.norm(y)
    if min(sizes) == 0:
        raise ValuesError("a zero vector has no angle: name a pair of which both have a length")
    x, y = x / sizes[0], y / sizes[1]
    across = y - (x @ y) * x
    across -= (x @ across) * x
    angle = float(np.arctan2(np.linalg.norm(across), x @ y))
    if np.linalg.norm(across) < np.finfo(float).eps:
        across = np.eye(len(x))[np.argmin(np.abs(x))]
        across = across - (x @ across) * x
    return np.stack([x, across / np.linalg.norm(across)]), angle


def _stretched(
    plane: Float64[Array, "2 d"], towards: float, along: float, across: float
) -> MapPair:
    """Queries and items scaled by inverse factors along two directions of a plane."""
    cosine, sine = np.cos(towards), np.sin(towards)
    axes = np.array([[cosine, sine], [-sine, cosine]]) @ plane
    scales = np.array([along, across])
    still = np.eye(plane.shape[1])
    return MapPair(
        queries=still + (axes.T * (1 / scales - 1)) @ axes,
        items=still + (axes.T * (scales - 1)) @ axes,
    )
