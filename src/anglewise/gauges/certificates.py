"""What maps of a given condition number can do to angles: intervals, orders, extremes.

Under a map whose largest singular value is at most ``s`` times its smallest, an angle ``a``
between two vectors that both go through it becomes ``b`` with

    tan(a/2) / s  <=  tan(b/2)  <=  s tan(a/2)

(Wielandt's inequality; Horn and Johnson, Matrix Analysis, 7.4.12). Both ends are attained. The
same ``s`` serves queries and items, since ``G`` and ``G^-T`` have one condition number. It is the
worst case: random maps move angles far less in many dimensions, so show what they do beside it.
"""

from typing import Literal

import numpy as np

from anglewise.core.typing import Array, Float, Float64
from anglewise.errors import ShapeError, ValuesError
from anglewise.gauges.maps import MapPair

ROUNDING = 1e-5
"""A cosine may leave [-1, 1] by this much, as sums of float32 do."""


def cosine_interval(
    cosines: Float[Array, "*pairs"], condition: float
) -> tuple[Float64[Array, "*pairs"], Float64[Array, "*pairs"]]:
    """The least and the greatest cosine that two items, or two queries, can be given.

    With ``u = tan^2(a/2) = (1 - c) / (1 + c)`` the ends are ``(1 - s^2 u) / (1 + s^2 u)`` and
    the same with ``1/s``. Raises ``ValuesError`` for a condition below 1 or no cosines.

    >>> low, high = cosine_interval(np.array([0.0, 1.0]), 2.0)
    >>> low.round(6).tolist(), high.round(6).tolist()
    ([-0.6, 1.0], [0.6, 1.0])
    """
    c, s = _checked(cosines), _at_least_one(condition)
    far, near = 1 - c, 1 + c
    return (near - s**2 * far) / (near + s**2 * far), (s**2 * near - far) / (s**2 * near + far)


def user_item_interval(
    cosines: Float[Array, "*pairs"], condition: float
) -> tuple[Float64[Array, "*pairs"], Float64[Array, "*pairs"]]:
    """The least and the greatest cosine of a query and an item, whose product stays.

    The query goes through ``G``, the item through ``G^-T``. For an angle ``a`` up to 90 degrees
    and ``h = ln s``, with our own proof in the plane and tests beyond it,

        low = cos a / (cosh h + sinh h sin a),
        high = 1 if sin a <= tanh h else cos a / (cosh h - sinh h sin a);

    an obtuse angle mirrors them. The sign never changes: it is the sign of the product.

    >>> low, high = user_item_interval(np.array([0.6, 0.0, -0.6]), 2.0)
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.3243, 0.0, -0.9231], [0.9231, 0.0, -0.3243])
    """
    c, h = _checked(cosines), np.log(_at_least_one(condition))
    size, sine = np.abs(c), np.sqrt((1 - c) * (1 + c))
    low = size / (np.cosh(h) + np.sinh(h) * sine)
    room = np.cosh(h) - np.sinh(h) * sine
    reached = (sine <= np.tanh(h)) & (size > 0)
    high = np.where(reached, 1.0, size / room)
    return np.where(c < 0, -high, low), np.where(c < 0, -low, high)


def order_certificate(
    nearer: Float[Array, "*pairs"], farther: Float[Array, "*pairs"]
) -> Float64[Array, "*pairs"]:
    """The condition below which no map can bring the farther of two items before the nearer.

    ``s* = sqrt(tan(far/2) / tan(near/2))`` from the cosines of both with one query, all three
    moved alike. Sufficient, not tight. 1 where they tie; infinite where the nearer one has angle
    0, or the farther one 180 degrees. Raises ``ValuesError`` where "nearer" is not.

    >>> order_certificate(np.array([0.6, 0.5]), np.array([-0.6, 0.5])).round(6).tolist()
    [2.0, 1.0]
    """
    near, far = _checked(nearer), _checked(farther)
    if np.any(far > near):
        raise ValuesError("a farther item has the larger cosine: give the nearer ones first")
    top, bottom = (1 - far) * (1 + near), (1 + far) * (1 - near)
    squared = np.divide(top, bottom, out=np.full_like(top, np.inf), where=bottom > 0)
    return np.where(near == far, 1.0, np.sqrt(np.sqrt(squared)))


def top_k_certificates(
    last_inside: Float[Array, " q"], first_outside: Float[Array, " q"]
) -> Float64[Array, " q"]:
    """For each list the condition below which its k members stay the same.

    From the cosines of the k-th and of the (k+1)-th neighbour in ``items-items`` or
    ``queries-queries``, in float64 where it matters: an outsider can only come in by passing the
    last one inside. ``-inf`` outside means that there is no further item. The order within the
    list may change.

    >>> inside, outside = np.array([0.6, 0.6]), np.array([-0.6, -np.inf])
    >>> top_k_certificates(inside, outside).round(6).tolist()
    [2.0, inf]
    """
    alone = np.isneginf(first_outside)
    limits = order_certificate(last_inside, np.where(alone, last_inside, first_outside))
    return np.where(alone, np.inf, limits)


def certified_share(certificates: Float64[Array, " q"], condition: float) -> float:
    """The share of lists that no map of this condition can change.

    >>> certified_share(np.array([1.2, 1.5, 3.0]), 2.0)
    0.3333333333333333
    """
    return float(np.mean(certificates > _at_least_one(condition)))


def half_lost(certificates: Float64[Array, " q"]) -> float:
    """The condition at which half of the lists have lost their certificate: the median.

    >>> half_lost(np.array([1.2, 1.5, 3.0]))
    1.5
    """
    return float(np.quantile(certificates, 0.5, method="inverted_cdf"))


def _checked(cosines: Float[Array, "*pairs"]) -> Float64[Array, "*pairs"]:
    c = np.asarray(cosines, dtype=np.float64)
    if not np.all(np.abs(c) <= 1 + ROUNDING):
        raise ValuesError("a number outside [-1, 1] came where cosines are due")
    return np.clip(c, -1.0, 1.0)


def _at_least_one(condition: float) -> float:
    if not 1 <= condition < np.inf:
        raise ValuesError(f"a condition number is 1 or more and finite, {condition} came")
    return condition


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
