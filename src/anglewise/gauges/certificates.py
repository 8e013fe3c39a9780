"""What maps of a given condition number can do to angles: intervals and orders.

Under a map whose largest singular value is at most ``s`` times its smallest, an angle ``a``
between two vectors that both go through it becomes ``b`` with

    tan(a/2) / s  <=  tan(b/2)  <=  s tan(a/2)

(Wielandt's inequality; Horn and Johnson, Matrix Analysis, 7.4.12). Both ends are attained. The
same ``s`` serves queries and items, since ``G`` and ``G^-T`` have one condition number. It is the
worst case: random maps move angles far less in many dimensions, so show what they do beside it.
"""

import numpy as np

from anglewise.core.typing import Array, Float, Float64
from anglewise.errors import ValuesError

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
