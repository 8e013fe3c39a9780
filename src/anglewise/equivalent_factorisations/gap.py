"""The gauge gap, and the alignment of several trainings by the best linear map."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.typing import Array, Float32, Float64
from anglewise.equivalent_factorisations.canonical import BALANCED, predicted
from anglewise.equivalent_factorisations.gauge import (
    bias_columns,
    columns_left,
    in_their_span,
    two_roots,
)
from anglewise.equivalent_factorisations.maps import Root, moved, side_by_side
from anglewise.errors import ShapeError, TooFewError, ValuesError

PINNED = 1.05
"""A gap below this moves no item-item cosine by more than ``tanh(ln 1.05) = 0.049``."""

ROUNDING = 1e-12
"""Runs whose vectors differ by less than this share, after scaling, differ only by rounding."""


@dataclass(frozen=True)
class GaugeGap:
    """How far the two factors are from the balanced gauge, where weight decay would put them.

    Attributes
    ----------
    gap
        The condition number of the map from the given to the balanced item vectors, on the span of
        the given ones; 1 when ``P'P = c Q'Q``, infinite when items differ in directions in which
        no query has a component.
    scale
        ``c = |P|^2 / |Q|^2`` (Frobenius): the squared size of the queries over that of the items.
    residual
        ``|P'P / |P|^2 - Q'Q / |Q|^2|``: the difference that is left after scaling.
    unseen
        The number of directions of the items that carry no prediction.
    below_float32
        The number of directions of the predictions that are fainter than float32 rounding of the
        factors: float64 resolves them, but a space stored in float32 does not determine them.
    """

    gap: float
    scale: float
    residual: float
    unseen: int
    below_float32: int

    @property
    def pinned(self) -> bool:
        """Whether ``P'P = c Q'Q`` within tolerance, as after training with uniform weight decay.

        This does not prove weight decay: the factors may have been balanced afterwards.
        """
        return self.gap <= PINNED


def gauge_gap(space: Space, keep: tuple[int, ...] | None = None) -> GaugeGap:
    """The gauge gap of a two-sided space.

    A stationary point of ``L(PQ') + a|P|^2 + b|Q|^2``, for any differentiable loss and weights
    ``a, b > 0``, has ``a P'P = b Q'Q``: weight decay pins the gauge. ``keep`` names bias columns,
    which are left out; by default those of ``bias_columns``. Raises ``ShapeError`` for a one-sided
    space and ``ValuesError`` if all predictions are 0.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> queries = Embeddings([[9.0, 0.0], [0.0, 1.0]])
    >>> space = Space(queries=queries, items=Embeddings([[1.0, 0.0], [0.0, 1.0]]))
    >>> round(gauge_gap(space).gap, 6), gauge_gap(space).pinned
    (3.0, False)
    """
    queries, items = two_roots(space)
    biases = bias_columns(space) if keep is None else keep
    if biases:
        free = columns_left(biases, queries.dimension)
        queries, items = queries.columns(free), items.columns(free)
    return gap_of_roots(queries, items)


def gap_of_roots(queries: Root, items: Root) -> GaugeGap:
    """The gauge gap from the roots of both sides.

    >>> from anglewise.equivalent_factorisations.maps import root
    >>> side = root(np.array([[3.0, 1.0], [1.0, 2.0]]))
    >>> round(gap_of_roots(side, side).gap, 9)
    1.0
    """
    pair = BALANCED.pair(queries, items)
    _, spectrum, _ = predicted(queries.matrix, items.matrix)
    _, lengths, span = np.linalg.svd(items.matrix, full_matrices=False)
    in_span = lengths > items.dimension * np.finfo(np.float64).eps * lengths[0]
    stretch = np.linalg.svd(span[in_span] @ pair.items, compute_uv=False)
    unseen = int(in_span.sum()) - len(spectrum)
    sizes = [float(np.linalg.norm(side.matrix)) ** 2 for side in (queries, items)]
    shapes = [matrix.T @ matrix for matrix in in_their_span(queries.matrix, items.matrix)]
    faint = float(np.finfo(np.float32).eps) * queries.size * items.size
    return GaugeGap(
        gap=float("inf") if unseen > 0 else float(stretch[0] / stretch[-1]),
        scale=sizes[0] / sizes[1],
        residual=float(np.linalg.norm(shapes[0] / sizes[0] - shapes[1] / sizes[1])),
        unseen=max(unseen, 0),
        below_float32=int((spectrum < faint).sum()),
    )


@dataclass(frozen=True, eq=False)
class Fit:
    """The best map of one kind from the vectors of one run to those of another.

    Attributes
    ----------
    map
        ``a x b``: row vectors of the first run times this approximate those of the second.
    residual
        ``|X map - Y| / |Y|`` (Frobenius): 0 when the map explains everything, at most 1.
    condition
        The largest over the smallest singular value of ``map``.
    """

    map: Float64[Array, "a b"]
    residual: float
    condition: float


@dataclass(frozen=True, eq=False)
class SideAlignment:
    """How well maps align one side of two runs.

    Attributes
    ----------
    given
        ``|c X - Y| / |Y|`` with the best scale ``c``, before any map; 1 where widths differ.
    rotation
        The best rotation and scale, which changes no cosine.
    linear
        The best linear map; the difference that it leaves is not one of gauge.
    shared
        The number of ids that both runs have.
    means
        What was taken off the rows of the first and of the second before all; 0 where no shift is
        free.
    """

    given: float
    rotation: Fit
    linear: Fit
    shared: int
    means: tuple[Float64[Array, " a"], Float64[Array, " b"]]

    def carried(self, rows: Float32[Array, "n a"]) -> Float32[Array, "n b"]:
        """Rows of the first where the best linear map, and the shift, take them."""
        off, on = self.means
        return moved(rows, self.linear.map) + (on - off @ self.linear.map).astype(np.float32)

    @property
    def shares(self) -> dict[str, float]:
        """The shares of the squared difference: ``rotation``, ``gauge`` and ``real`` sum to 1.

        Each kind of map contains the one before it, so each lowers the residual. For two runs that
        differ only by rounding all three are 0.
        """
        if self.given <= ROUNDING:
            return dict.fromkeys(("rotation", "gauge", "real"), 0.0)
        steps = [self.given**2, self.rotation.residual**2, self.linear.residual**2, 0.0]
        parts = [max(a - b, 0.0) for a, b in pairwise(steps)]
        total = sum(parts)
        return dict(zip(("rotation", "gauge", "real"), (p / total for p in parts), strict=True))


@dataclass(frozen=True, eq=False)
class Alignment:
    """The alignment of two runs.

    Attributes
    ----------
    queries, items
        The alignment of each side.
    predictions
        ``|P1 Q1' - P2 Q2'| / |P2 Q2'|`` over the shared ids: the difference that no map explains.
        Of two runs whose ``loss`` reads only differences of one query's scores, as BPR's, a
        constant for each query does not count.
    """

    queries: SideAlignment
    items: SideAlignment
    predictions: float


SHIFT_FREE = {"softmax", "sampled-softmax", "bpr", "warp", "warp-kos"}
"""Losses that read only differences of one query's scores."""


def shift_is_free(space: Space) -> bool:
    """Whether its loss, as declared, sees no shift of all items.

    A softmax over items, BPR and WARP read differences of one query's scores, and ``p . (q + v)``
    adds the same ``p . v`` to all of them.

    >>> shift_is_free(Space(items=Embeddings([[1.0]]), about={"loss": "bpr"}))
    True
    """
    return space.about.get("loss") in SHIFT_FREE


def align(first: Space, second: Space) -> Alignment:
    """Compare two runs of one model by the ids that they share.

    The best linear map is that of least squares, the best rotation that of Procrustes
    (Schoenemann, Psychometrika 31, 1966) with a scale. All are computed from a root of the two
    factors side by side; predictions are never formed. Reads the shared vectors twice. Raises
    ``TooFewError`` when the runs share no more rows of a side than it has columns, so that a linear
    map would explain anything, ``ShapeError`` for one-sided spaces, ``ValuesError`` for a side of
    zeros. Where the second declares a loss that sees no shift of all items, they are compared about
    their means.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> P, Q, G = rng.normal(size=(9, 2)), rng.normal(size=(8, 2)), np.array([[2.0, 1], [0, 1]])
    >>> one = Space(queries=Embeddings(P), items=Embeddings(Q))
    >>> two = Space(queries=Embeddings(P @ G), items=Embeddings(Q @ np.linalg.inv(G).T))
    >>> found = align(one, two)
    >>> found.predictions < 1e-6, round(found.items.shares["real"], 6)
    (True, 0.0)
    """
    if first.one_sided or second.one_sided:
        raise ShapeError("a run has one side: predictions are compared between two-sided spaces")
    width = first.items.dimension
    shift = shift_is_free(second)
    queries, of_queries = _joint(first.queries, second.queries, "queries")
    items, of_items = _joint(first.items, second.items, "items", about_means=shift)
    return Alignment(
        queries=side_alignment(queries, width, *of_queries),
        items=side_alignment(items, width, *of_items),
        predictions=_predictions(queries, items, width),
    )


def side_alignment(
    joint: Root, width: int, shared: int, means: tuple[Array, Array]
) -> SideAlignment:
    """The best maps from the first ``width`` columns of a joint root to the others."""
    x, y = joint.matrix[:, :width], joint.matrix[:, width:]
    if not (x.any() and y.any()):
        raise ValuesError("a run has zeros only on one side: there is nothing to align")
    given = _residual(x, y, np.eye(width)) if x.shape == y.shape else 1.0
    left, _, right = np.linalg.svd(x.T @ y, full_matrices=False)
    linear = np.linalg.lstsq(x, y, rcond=None)[0]
    return SideAlignment(
        given=given,
        rotation=Fit(left @ right, _residual(x, y, left @ right), 1.0),
        linear=Fit(linear, _residual(x, y, linear), _condition(x, y, linear)),
        shared=shared,
        means=means,
    )


def _joint(
    first: Embeddings, second: Embeddings, name: str, *, about_means: bool = False
) -> tuple[Root, tuple[int, tuple[Array, Array]]]:
    """A root of the shared rows side by side, how many they are, and what was taken off them."""
    ids = [i for i in first.ids if i in second.row_of]
    if len(ids) <= max(first.dimension, second.dimension):
        raise TooFewError(
            f"the runs share {len(ids)} {name} of {max(first.dimension, second.dimension)} "
            "columns: a linear map would explain anything; give runs over the same ids"
        )
    sides = [_rows(one, ids) for one in (first, second)]
    means = [rows.mean(axis=0, dtype=np.float64) * about_means for rows in sides]
    if about_means:
        sides = [(rows - mean).astype(np.float32) for rows, mean in zip(sides, means, strict=True)]
    return side_by_side(*sides), (len(ids), (means[0], means[1]))


def _rows(embeddings: Embeddings, ids: list[str]) -> Float32[Array, "shared d"]:
    rows = np.array([embeddings.row_of[i] for i in ids])
    unchanged = len(rows) == len(embeddings) and bool(np.all(rows[:-1] < rows[1:]))
    return embeddings.vectors if unchanged else embeddings.vectors[rows]


def _residual(
    x: Float64[Array, "r a"], y: Float64[Array, "r b"], through: Float64[Array, "a b"]
) -> float:
    """``|c X M - Y| / |Y|`` with the best scale ``c``."""
    moved = x @ through
    size = float((moved * moved).sum())
    scale = float((moved * y).sum()) / size if size else 0.0
    return float(np.linalg.norm(scale * moved - y) / np.linalg.norm(y))


def _condition(
    x: Float64[Array, "r a"], y: Float64[Array, "r b"], through: Float64[Array, "a b"]
) -> float:
    """The condition of the map from ``x`` to ``y``; infinite if it or either side lacks rank."""
    directions = min(through.shape)
    if min(_rank(x), _rank(y)) < directions:
        return float("inf")
    values = np.linalg.svd(through, compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] else float("inf")


def _rank(x: Float64[Array, "r d"]) -> int:
    values = np.linalg.svd(x, compute_uv=False)
    return int((values > x.shape[1] * np.finfo(np.float64).eps * values[0]).sum())


def _predictions(queries: Root, items: Root, width: int) -> float:
    p, q = queries.matrix, items.matrix
    first, second = p[:, :width] @ q[:, :width].T, p[:, width:] @ q[:, width:].T
    return float(np.linalg.norm(first - second) / np.linalg.norm(second))
