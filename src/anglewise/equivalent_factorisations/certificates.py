"""The effect of maps of a given condition number on angles: intervals, certificates, a witness.

Under a map whose largest singular value is at most ``s`` times its smallest, an angle ``a``
between two vectors that both go through it becomes ``b`` with

    tan(a/2) / s  <=  tan(b/2)  <=  s tan(a/2)

(Wielandt's inequality; Horn and Johnson, Matrix Analysis, 7.4.12). Both ends are attained. One
``s`` holds for queries and items, since ``G`` and ``G^-T`` have one condition number. This is the
worst case: in many dimensions random maps move angles far less, so show their effect beside it.

A certificate says that no map of a condition can take a neighbour out of a list, or change the
list at all; a witness is one map of that condition after which an item has other neighbours. Our
search descends on a smooth surrogate of the number of old neighbours still in the list, over the
metrics ``M = H H'`` whose eigenvalues stay within a ratio of ``s^2``, so that the condition of
``H`` never exceeds ``s``. It finds a map, not the worst one, and is deterministic.
"""

from dataclasses import dataclass, replace

import numpy as np

from anglewise.data_types.numbers import CONDITION
from anglewise.data_types.typing import Array, Float, Float64, Int64
from anglewise.equivalent_factorisations.maps import ROWS, Map, MapPair, NearIdentity
from anglewise.errors import ShapeError, TooFewError, ValuesError

ROUNDING = 1e-5
"""Cosines may leave [-1, 1] by this much, from sums in float32."""


def cosine_interval(
    cosines: Float[Array, "*pairs"], condition: float
) -> tuple[Float64[Array, "*pairs"], Float64[Array, "*pairs"]]:
    """The least and the greatest cosine of two items, or two queries, under maps of a condition.

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
    """The least and the greatest cosine of a query and an item under maps that keep their product.

    ``G`` maps the query, ``G^-T`` the item. For an angle ``a`` up to 90 degrees and ``h = ln s``,
    with our own proof in the plane and tests in more dimensions,

        low = cos a / (cosh h + sinh h sin a),
        high = 1 if sin a <= tanh h else cos a / (cosh h - sinh h sin a);

    an obtuse angle mirrors them. The sign, that of the product, never changes.

    >>> low, high = user_item_interval(np.array([0.6, 0.0, -0.6]), 2.0)
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.3243, 0.0, -0.9231], [0.9231, 0.0, -0.3243])
    """
    c, h = _checked(cosines), np.log(_at_least_one(condition))
    size, sine = np.abs(c), np.sqrt((1 - c) * (1 + c))
    low = size / (np.cosh(h) + np.sinh(h) * sine)
    room = np.exp(-h) + np.sinh(h) * (size**2 / (1 + sine))  # cosh - sinh sine, without its loss
    high = np.where(size * np.cosh(h) >= 1, 1.0, size / room)  # sin a <= tanh h, for the smallest c
    return np.where(c < 0, -high, low), np.where(c < 0, -low, high)


def order_certificate(
    nearer: Float[Array, "*pairs"], farther: Float[Array, "*pairs"]
) -> Float64[Array, "*pairs"]:
    """The condition below which no map can rank the farther of two items before the nearer.

    ``s* = sqrt(tan(far/2) / tan(near/2))`` from the cosines of both with one query, where one map
    moves all three. Sufficient, not tight. 1 where they tie; infinite where the nearer one has
    angle 0, or the farther one 180 degrees. Raises ``ValuesError`` where "nearer" has the smaller
    cosine.

    >>> order_certificate(np.array([0.6, 0.5]), np.array([-0.6, 0.5])).round(6).tolist()
    [2.0, 1.0]
    """
    near, far = _checked(nearer), _checked(farther)
    if np.any(far > near):
        raise ValuesError("a farther item has the larger cosine: give the nearer ones first")
    top, bottom = (1 - far) * (1 + near), (1 + far) * (1 - near)
    squared = np.divide(top, bottom, out=np.full_like(top, np.inf), where=bottom > 0)
    return np.where(near == far, 1.0, np.sqrt(np.sqrt(squared)))


def member_certificates(
    inside: Float[Array, "q k"], first_outside: Float[Array, " q"]
) -> Float64[Array, "q k"]:
    """For each member of each list the condition below which it stays among the k nearest.

    From the cosines of the k members and of the nearest item outside, in ``items-items`` or
    ``queries-queries``, in float64 where it matters. Of the other items only the k - 1 other
    members can then be nearer than this one: one outside would have to pass it, and by
    Wielandt's inequality none does below ``sqrt(tan(out/2) / tan(in/2))``, the nearest outside
    being the first that could. So at most k - 1 stand before it, whatever becomes of their order.
    Sufficient, not tight. ``-inf`` outside means that there is no further item.

    >>> inside, outside = np.array([[0.9, 0.6]]), np.array([-0.6])
    >>> member_certificates(inside, outside).round(3).tolist()
    [[2.953, 2.0]]
    """
    complete = np.isneginf(first_outside)[:, None]
    outside = np.minimum(first_outside[:, None], inside)
    limits = order_certificate(inside, np.where(complete, inside, outside))
    return np.where(complete, np.inf, limits)


def top_k_certificates(
    last_inside: Float[Array, " q"], first_outside: Float[Array, " q"]
) -> Float64[Array, " q"]:
    """For each list the condition below which its k members stay the same.

    From the cosines of the k-th and of the (k+1)-th neighbour in ``items-items`` or
    ``queries-queries``, in float64 where it matters: another item must pass the last one inside to
    enter. ``-inf`` outside means that there is no further item. The order within the list may
    change.

    >>> inside, outside = np.array([0.6, 0.6]), np.array([-0.6, -np.inf])
    >>> top_k_certificates(inside, outside).round(6).tolist()
    [2.0, inf]
    """
    complete = np.isneginf(first_outside)
    limits = order_certificate(last_inside, np.where(complete, last_inside, first_outside))
    return np.where(complete, np.inf, limits)


def certified_share(certificates: Float64[Array, "*lists"], condition: float) -> float:
    """The share of lists, or of their members, that no map of this condition can change.

    >>> certified_share(np.array([1.2, 1.5, 3.0]), 2.0)
    0.3333333333333333
    """
    return float(np.mean(certificates > _at_least_one(condition)))


def half_lost(certificates: Float64[Array, "*lists"]) -> float:
    """The condition at which half of the lists, or members, have lost theirs: the median.

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
    return CONDITION.check("a condition number", condition)


STEPS = 50
POOL = 4000
"""The number of nearest items in the search; the lists at its end are of all items."""
WINDOW = 4
"""The number of items around the cut that have weights, in units of k."""
WIDEST = 96
"""In more dimensions the map moves only the span of the item and its nearest neighbours."""
SOFTNESS = (0.1, 0.02)
"""The width of the soft cut at the first and the last step, in units of 1 - cosine at the cut."""


@dataclass(frozen=True, eq=False)
class Witness:
    """A map, and the neighbours of one item before and after it.

    Attributes
    ----------
    query
        The row of the item.
    pair
        The maps; ``pair.items``, that of the items, is symmetric.
    before, after
        Rows of the k nearest items by cosine, nearest first, equal ones by row.
    limits
        For each of those before, the condition below which no map takes it out of the k nearest.
    """

    query: int
    pair: MapPair
    before: Int64[Array, " k"]
    after: Int64[Array, " k"]
    limits: Float64[Array, " k"]

    @property
    def overlap(self) -> float:
        """The share of the old neighbours among the new ones."""
        return len(np.intersect1d(self.before, self.after)) / len(self.before)


def witness(
    items: Float[Array, "n d"],
    query: int,
    *,
    k: int = 10,
    condition: float = 2.0,
    keep: tuple[int, ...] = (),
    left_out: tuple[int, ...] = (),
) -> Witness:
    """Look for a map of at most this condition that changes the k nearest items of one item most.

    ``keep`` names bias columns, which the map leaves alone; the condition is that of the whole
    map, in which they count as stretched by 1. ``left_out`` names bias columns instead that no
    cosine here reads. For neighbours of a query give the queries and exchange the two maps.
    Deterministic. Raises ``ValuesError`` for a zero vector or a condition below 1, ``ShapeError``
    for a row out of bounds, ``TooFewError`` for no more than k other items.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [0.9, 0.3], [0.9, -0.4], [0.1, 1.0]])
    >>> found = witness(x, 0, k=1, condition=1.5)
    >>> found.before.tolist(), found.after.tolist(), found.overlap, found.pair.condition <= 1.5
    ([1], [2], 0.0, True)
    """
    _check(items, query, k, condition)
    dimension = items.shape[1]
    if left_out:
        others = np.ascontiguousarray(np.delete(items, left_out, axis=1))
        found = witness(others, query, k=k, condition=condition)
        return replace(found, pair=found.pair.extended(left_out, dimension))
    free = [column for column in range(dimension) if column not in keep]
    cosines = _cosines(items, query, None)
    before = _nearest(cosines, query, k)
    pool = _nearest(cosines, query, min(POOL, len(items) - 1))
    limits = member_certificates(cosines[before][None], cosines[pool[k : k + 1]])[0]
    pool = pool[np.any(items[pool] != 0, axis=1) | np.isin(pool, before)]
    x, neighbours = items[query].astype(np.float64), items[pool].astype(np.float64)
    basis = _basis(x[free], neighbours[:, free])
    coordinates = [_coordinates(rows, free, basis) for rows in (x[None], neighbours)]
    duel = _Duel(coordinates[0][0], coordinates[1], k, list(range(basis.shape[1])))
    stretch = _search(duel, np.log(condition) * (1 - 1e-9))
    if len(items) < dimension:
        inverse = NearIdentity(basis, np.linalg.inv(stretch))
        pair = MapPair(inverse, NearIdentity(basis, stretch)).extended(keep, dimension)
    else:
        map_of_free = np.eye(len(free)) + basis @ (stretch - np.eye(len(stretch))) @ basis.T
        pair = MapPair(np.linalg.inv(map_of_free), map_of_free).extended(keep, dimension)
    after = _nearest(_cosines(items, query, pair.items), query, k)
    return Witness(query, pair, before, after, limits)


def _basis(query: Float64[Array, " r"], others: Float64[Array, "pool r"]) -> Float64[Array, "r m"]:
    """An orthonormal basis of the moved space: all of it, or the span of the nearest items."""
    if len(query) <= WIDEST:
        return np.eye(len(query))
    return np.linalg.qr(np.concatenate([query[None], others[: WIDEST - 1]]).T)[0]


def _coordinates(
    rows: Float64[Array, "n d"], free: list[int], basis: Float64[Array, "r m"]
) -> Float64[Array, "n _"]:
    """Coordinates in the basis, the length of the part outside it, and the kept columns.

    The query lies in the basis, so that of the others only the length outside matters.
    """
    inside = rows[:, free] @ basis
    outside = np.linalg.norm(rows[:, free] - inside @ basis.T, axis=1, keepdims=True)
    return np.concatenate([inside, outside, np.delete(rows, free, axis=1)], axis=1)


@dataclass(frozen=True, eq=False)
class _Duel:
    """One item and its candidate neighbours, of which the first k are its neighbours now."""

    query: Float64[Array, " d"]
    others: Float64[Array, "pool d"]
    k: int
    free: list[int]

    def moved(self, stretch: Float64[Array, "r r"]) -> tuple[Array, Array]:
        """The unit vectors of the item and the others after the map."""
        query, others = self.query.copy(), self.others.copy()
        query[self.free] = query[self.free] @ stretch
        others[:, self.free] = others[:, self.free] @ stretch
        lengths = np.linalg.norm(others, axis=1, keepdims=True)
        return query / np.linalg.norm(query), others / np.where(lengths > 0, lengths, 1.0)


def _search(duel: _Duel, reach: float) -> Float64[Array, "r r"]:
    """The best map on the descent; the first step goes to the bound of the condition."""
    stretch = np.eye(len(duel.free))
    best, best_stretch = (duel.k + 1, 0.0), stretch
    if reach == 0:
        return stretch
    for step in range(STEPS + 1):
        query, others = duel.moved(stretch)
        cosines = others @ query
        score = _score(cosines, duel.k)
        if score < best:
            best, best_stretch = score, stretch
        weights = _weights(cosines, duel.k, step / STEPS)
        slope = _slope(query, others, weights)[np.ix_(duel.free, duel.free)]
        values, directions = np.linalg.eigh(slope)
        size = float(np.abs(values).max())
        if size == 0:
            break
        rate = 1e6 if step == 0 else 0.5 * (1 - step / (STEPS + 1))
        stretch = _stepped(stretch, directions, values * (rate * reach / size), reach)
    return best_stretch


def _score(cosines: Float64[Array, " pool"], k: int) -> tuple[int, float]:
    """The number of old neighbours still in the list, then their mean lead; smaller is better."""
    order = np.argsort(-cosines, kind="stable")
    newcomers = order[order >= k][:k]
    lead = float(cosines[:k].mean() - cosines[newcomers].mean())
    return int((order[:k] < k).sum()), lead


def _weights(cosines: Float64[Array, " pool"], k: int, progress: float) -> Float64[Array, " pool"]:
    """Weights of the cosines: old neighbours near the cut sum to 1, newcomers near it to -1."""
    order = np.argsort(-cosines, kind="stable")
    cut = cosines[order[k - 1]]
    soft = SOFTNESS[0] * (SOFTNESS[1] / SOFTNESS[0]) ** progress * max(1 - cut, 1e-12)
    near: Array = 1 / np.cosh(np.clip((cosines - cut) / soft / 2, -15, 15)) ** 2
    old = np.arange(len(cosines)) < k
    taking_part = old.copy()
    taking_part[order[: WINDOW * k]] = True
    near *= taking_part
    near[old] /= near[old].sum()
    near[~old] /= -max(float(near[~old].sum()), np.finfo(np.float64).tiny)
    return near


def _slope(
    query: Float64[Array, " d"], others: Float64[Array, "pool d"], weights: Float64[Array, " pool"]
) -> Float64[Array, "d d"]:
    """The gradient in ``E`` of the weighted sum of cosines under ``M -> H (I + E) H'``.

    For unit vectors ``x, y`` that of their cosine ``c`` is ``sym(x y') - c (xx' + yy')/2``.
    """
    active = np.flatnonzero(weights)
    y, w = others[active], weights[active]
    c, pull = y @ query, w @ y
    lengths = (w @ c) * np.outer(query, query) + (y.T * (w * c)) @ y
    return (np.outer(query, pull) + np.outer(pull, query) - lengths) / 2


def _stepped(
    stretch: Float64[Array, "r r"],
    directions: Float64[Array, "r r"],
    values: Float64[Array, " r"],
    reach: float,
) -> Float64[Array, "r r"]:
    """The root of ``H exp(-change) H'``, its logarithm clipped to ``[-reach, reach]``.

    ``change`` is given by its eigenvectors (``directions``) and eigenvalues (``values``).
    """
    root = stretch @ (directions * np.exp(-np.clip(values, -reach, reach) / 2))
    squares, axes = np.linalg.eigh(root @ root.T)
    half = np.clip(
        np.log(np.maximum(squares, np.finfo(np.float64).tiny)) / 2, -reach / 2, reach / 2
    )
    return (axes * np.exp(half)) @ axes.T


def _cosines(items: Float[Array, "n d"], query: int, through: Map | None) -> Float64[Array, " n"]:
    target = items[query].astype(np.float64)
    target = target if through is None else target @ through
    target /= np.linalg.norm(target)
    out = np.zeros(len(items))
    for i in range(0, len(items), ROWS):
        block = items[i : i + ROWS].astype(np.float64)
        block = block if through is None else block @ through
        lengths = np.linalg.norm(block, axis=1)
        out[i : i + ROWS] = (block @ target) / np.where(lengths > 0, lengths, 1.0)
    return out


def _nearest(cosines: Float64[Array, " n"], query: int, k: int) -> Int64[Array, " k"]:
    """The rows of the k largest cosines, without the query; ties by row."""
    order = np.argsort(-cosines, kind="stable")
    return order[order != query][:k].astype(np.int64)


def _check(items: Float[Array, "n d"], query: int, k: int, condition: float) -> None:
    if not 0 <= query < len(items):
        raise ShapeError(f"row {query} of {len(items)} items: count from 0")
    if not np.any(items[query]):
        raise ValuesError(f"item {query} is a zero vector: it has no neighbours by cosine")
    if not 1 <= k < len(items) - 1:
        raise TooFewError(f"{k} neighbours of {len(items) - 1} other items: ask for fewer")
    _at_least_one(condition)
