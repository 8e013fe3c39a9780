"""Embeddings that hold given relevance sets: some built, some trained, each one verified.

A table of signs is as in ``dimension_bounds``. Every embedding here has items of one length, so
that it ranks alike by dot and by cosine, and by distance where queries are long enough.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from anglewise.data_types.typing import Array, Bool, Float32, Float64, Int64, Shaped
from anglewise.geometry.dimension_bounds import Signs

How: TypeAlias = Literal["circle", "simplex", "a column a query", "trained"]

STEPS, RATE = 400, 0.1
"""Steps of the training, and how far one goes."""
EVERY = 20
"""Steps between two looks at whether the embedding holds the table."""
PRODUCTS = 2e10
"""Multiplications of one training: with more, steps get fewer."""
FAINT = 1e-6
"""Margins below this are none: float32 rounds a vector of length one by about a tenth of it."""


@dataclass(frozen=True, eq=False)
class FoundEmbedding:
    """Vectors that hold a table of signs.

    Attributes
    ----------
    queries, items
        Float32; items of length one.
    margin
        The least difference between the last relevant and the first other cosine, over the rows.
    how
        Built from arcs of a circle, from a simplex, with a column for each query, or trained.
    """

    queries: Shaped[Array, "rows d"]
    items: Shaped[Array, "columns d"]
    margin: float
    how: How

    @property
    def dimension(self) -> int:
        """The number of columns."""
        return self.items.shape[1]


def verified(
    queries: Float64[Array, "rows d"], items: Float64[Array, "columns d"], signs: Signs, how: How
) -> FoundEmbedding | None:
    """The embedding, rounded to float32, if it holds every row of the table; else None.

    Both sides are brought to length one, rounded to float32, and then multiplied in float64, by
    dot and by cosine; the margin must be at least 1e-6, and the error of such a product of ``d``
    terms is below ``d`` times 2e-16.

    >>> signs = np.array([[1, -1], [-1, 1]], dtype=np.int8)
    >>> verified(np.eye(2), np.eye(2), signs, "simplex").margin
    1.0
    >>> verified(np.eye(2), np.ones((2, 2)), signs, "simplex") is None
    True
    """
    asking, ranked = (_unit(side).astype(np.float32) for side in (queries, items))
    margins: list[float] = []
    for side in (ranked.astype(np.float64), _unit(ranked.astype(np.float64))):
        scores = _unit(asking.astype(np.float64)) @ side.T
        least = np.where(signs == 1, scores, np.inf).min(axis=1)
        most = np.where(signs == -1, scores, -np.inf).max(axis=1)
        margins.append(float((least - most).min(initial=np.inf)))
    margin = min(margins)
    return FoundEmbedding(asking, ranked, margin, how) if margin >= FAINT else None


def _unit(vectors: Float64[Array, "rows d"]) -> Float64[Array, "rows d"]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def built(signs: Signs) -> list[FoundEmbedding]:
    """The embeddings that need no search, of few dimensions first.

    Items at the corners of a simplex (one dimension fewer than there are items), a dimension for
    each query, and items on a circle, see ``on_a_circle``.

    >>> table = 2 * np.eye(50, dtype=np.int8) - 1
    >>> [(found.how, found.dimension) for found in built(table)]
    [('circle', 2), ('simplex', 49), ('a column a query', 50)]
    """
    rows, columns = signs.shape
    relevant = (signs == 1).astype(np.float64)
    found = [on_a_circle(signs)]
    if columns <= rows + 1:
        corners = _simplex(columns)
        found.append(verified(relevant @ corners, corners, signs, "simplex"))
    one_each = np.where(signs == 1, 1.0, -1.0).T
    if rows <= columns + 1:
        found.append(verified(np.eye(rows), one_each, signs, "a column a query"))
    return sorted((one for one in found if one is not None), key=lambda one: one.dimension)


def _simplex(corners: int) -> Float64[Array, "corners d"]:
    """Vectors whose inner products are those of unit vectors less their mean."""
    rng = np.random.default_rng(0)
    centred = np.column_stack([np.ones(corners), rng.normal(size=(corners, corners - 1))])
    return np.linalg.qr(centred)[0][:, 1:]


def on_a_circle(signs: Signs) -> FoundEmbedding | None:
    """Items on the trigonometric moment curve, in an order that keeps what is relevant together.

    Items have angles ``t_j`` and the vectors ``(cos k t, sin k t)`` for ``k = 1 .. r``. A product
    with such a vector is a trigonometric polynomial of degree ``r`` without its constant, and one
    of degree ``r`` can change its sign at any ``2 r`` angles: ``prod_l sin((t - b_l) / 2)``. So
    ``2 r`` dimensions hold every table whose rows are relevant on at most ``r`` arcs; with the
    items of one query apart, that is twice the most relevant items of a query (the moment curve,
    whose polytopes are neighbourly). None where the margin is lost in rounding.
    """
    order = circular_order(signs)
    arcs = most_arcs(signs, order)
    rows, columns = signs.shape
    if 2 * arcs > min(rows, columns):
        return None
    angles = np.empty(columns)
    angles[order] = 2 * np.pi * np.arange(columns) / columns
    waves = np.arange(1, arcs + 1)
    items = np.concatenate([np.cos(np.outer(angles, waves)), np.sin(np.outer(angles, waves))], 1)
    grid = 2 * np.pi * np.arange(2 * arcs + 2) / (2 * arcs + 2)
    queries = np.empty((rows, 2 * arcs))
    for row in range(rows):
        ends, sign = _ends(signs[row][order])
        values: Float64[Array, " grid"] = sign * np.sin((grid[:, None] - ends) / 2).prod(axis=1)
        parts = np.asarray(np.fft.rfft(values), dtype=np.complex128)[1 : arcs + 1]
        queries[row] = np.concatenate([parts.real, -parts.imag])
    return verified(queries, items, signs, "circle")


def _ends(ordered: Shaped[Array, " columns"]) -> tuple[Float64[Array, " ends"], float]:
    """Where a row changes its sign on the circle, and the sign of the product that does so."""
    places = np.flatnonzero(ordered)
    compared = ordered[places]
    changes = np.flatnonzero(compared != np.roll(compared, -1))
    steps = places + (np.roll(places, -1) - places) % len(ordered) / 2
    ends = 2 * np.pi * steps[changes] / len(ordered)
    if not len(ends):
        return ends, 1.0
    here = 2 * np.pi * places[0] / len(ordered)
    below: Bool[Array, " ends"] = here < ends  # where the sine of half the difference is negative
    return ends, float(compared[0]) * (-1.0) ** int(below.sum())


def circular_order(signs: Signs) -> Int64[Array, " columns"]:
    """The better of two orders of the columns: as they stand, and by their first two directions.

    The second goes by the angle in the two leading singular directions of the centred columns.
    """
    given = np.arange(signs.shape[1], dtype=np.int64)
    if min(signs.shape) < 3:
        return given
    plane = _leading((signs == 1).astype(np.float64), 2)[1]
    angles = np.argsort(np.arctan2(plane[:, 1], plane[:, 0]), kind="stable").astype(np.int64)
    return min(given, angles, key=lambda order: most_arcs(signs, order))


def most_arcs(signs: Signs, order: Int64[Array, " columns"]) -> int:
    """On how many arcs of the circle the items of a row are, at most over the rows.

    >>> most_arcs(np.array([[1, -1, 1, -1, -1, 1]], dtype=np.int8), np.arange(6))
    2
    """
    ordered = signs[:, order]
    last = np.zeros(len(ordered), dtype=np.int8)
    first, starts = np.zeros_like(last), np.zeros(len(ordered), dtype=np.int64)
    for column in ordered.T:
        starts += (column == 1) & (last == -1)
        first = np.where((first == 0) & (column != 0), column, first)
        last = np.where(column != 0, column, last)
    starts += (first == 1) & (last == -1)
    return int(np.maximum(starts, 1).max(initial=1))


def _leading(table: Array, number: int) -> tuple[Array, Array]:
    """The leading singular directions of a table less its means, scaled: of rows, of columns."""
    centred = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    gram = centred @ centred.T if len(table) <= table.shape[1] else centred.T @ centred
    values, vectors = np.linalg.eigh(gram)
    leading = vectors[:, ::-1][:, :number]
    lengths = np.sqrt(np.maximum(values[::-1][:number], 1e-12))
    other = (centred.T if len(table) <= table.shape[1] else centred) @ leading / np.sqrt(lengths)
    own = leading * np.sqrt(lengths)
    return (own, other) if len(table) <= table.shape[1] else (other, own)


def trained(signs: Signs, dimension: int, rng: np.random.Generator) -> FoundEmbedding | None:
    """Free vectors of queries and items, trained on the table itself; None where that failed.

    Minimised is ``sum_i softplus(logsumexp_k s_ik + logsumexp_j -s_ij)`` over the relevant ``j``
    and the others ``k`` of each row, ``s = Q X'`` with items of length one, by Adam from the
    leading singular directions with a little noise. Failing proves nothing.

    >>> signs = 2 * np.eye(12, dtype=np.int8) - 1
    >>> trained(signs, 4, np.random.default_rng(0)).dimension
    4
    """
    rows, columns = signs.shape
    steps = int(np.clip(PRODUCTS / (6 * rows * columns * dimension), EVERY, STEPS))
    vectors = _start(signs, dimension, rng)
    mean, square = np.zeros_like(vectors), np.zeros_like(vectors)
    for step in range(1, steps + 1):
        slope = _slope(vectors[:rows], vectors[rows:], signs)
        mean += 0.1 * (slope - mean)
        square += 0.001 * (slope**2 - square)
        scaled = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        vectors -= np.float32(RATE * (1 - step / (steps + 1))) * scaled
        if step % EVERY == 0 or step == steps:
            sides = vectors.astype(np.float64)
            found = verified(sides[:rows], sides[rows:], signs, "trained")
            if found is not None:
                return found
    return None


def _start(signs: Signs, dimension: int, rng: np.random.Generator) -> Float32[Array, "both d"]:
    """The leading singular directions of both sides, queries longer, with noise."""
    sides = _leading((signs == 1).astype(np.float64), min(dimension, *signs.shape))
    padded = [np.pad(_unit(side), ((0, 0), (0, dimension - side.shape[1]))) for side in sides]
    noisy = [side + 0.3 * rng.normal(size=side.shape) / np.sqrt(dimension) for side in padded]
    return np.concatenate([3 * noisy[0], noisy[1]]).astype(np.float32)


def _slope(queries: Array, items: Array, signs: Signs) -> Float32[Array, "both d"]:
    """The gradient of the loss by queries, and behind them by items."""
    lengths = np.linalg.norm(items, axis=1, keepdims=True)
    unit = items / np.maximum(lengths, 1e-12)
    scores = queries @ unit.T
    above, others = _softmax(-scores, signs == 1), _softmax(scores, signs == -1)
    weight = 1 / (1 + np.exp(np.clip(-(above[1] + others[1]), -60, 60)))
    by_score = weight[:, None] * (others[0] - above[0])
    by_unit = by_score.T @ queries
    along = (by_unit * unit).sum(axis=1, keepdims=True)
    by_item = (by_unit - along * unit) / np.maximum(lengths, 1e-12)
    return np.concatenate([by_score @ unit, by_item])


def _softmax(scores: Array, chosen: Shaped[Array, "rows columns"]) -> tuple[Array, Array]:
    """Of the chosen entries of each row: their softmax, and the logarithm of its sum."""
    masked = np.where(chosen, scores, -np.inf)
    most = masked.max(axis=1, keepdims=True)
    weights = np.exp(masked - most)
    total = weights.sum(axis=1, keepdims=True)
    return weights / total, (most + np.log(total))[:, 0]
