"""The gauge gap: how far the given vectors stand from where weight decay would have put them."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.gauge.biases import bias_columns
from anglewise.gauge.canonical import BALANCED, predicted
from anglewise.gauge.gauge import two_roots
from anglewise.gauge.root import Root

PINNED = 1.05
"""A gap below this moves no item-item cosine by more than ``tanh(ln 1.05) = 0.049``."""


@dataclass(frozen=True)
class GaugeGap:
    """Whether training chose the gauge, read off the two factors.

    Attributes
    ----------
    gap
        Condition number of the map from the given to the balanced item vectors, on the span of
        those; 1 when ``P'P = c Q'Q``, infinite when items differ in directions of which no query
        knows anything.
    scale
        ``c = |P|^2 / |Q|^2`` (Frobenius): by how much queries are the larger side.
    residual
        ``|P'P / |P|^2 - Q'Q / |Q|^2|``: what is left of the difference once the scale is out.
    unseen
        How many directions of the items carry no prediction.
    below_float32
        How many directions of the predictions are fainter than float32 rounding of the factors:
        they are told apart in float64, but a space stored in float32 does not determine them.
    """

    gap: float
    scale: float
    residual: float
    unseen: int
    below_float32: int

    @property
    def pinned(self) -> bool:
        """Whether ``P'P = c Q'Q`` within tolerance, as after training with uniform weight decay.

        The converse does not hold: somebody may have balanced the factors afterwards.
        """
        return self.gap <= PINNED


def gauge_gap(space: Space, keep: tuple[int, ...] | None = None) -> GaugeGap:
    """The gauge gap of a two-sided space.

    A stationary point of ``L(PQ') + a|P|^2 + b|Q|^2``, for any differentiable loss and weights
    ``a, b > 0``, has ``a P'P = b Q'Q``: weight decay pins the gauge. ``keep`` names bias columns,
    which take no part; by default those of ``bias_columns``. Raises
    ``ShapeError`` for a one-sided space and ``ValuesError`` if all predictions are 0.

    >>> from anglewise.core.embeddings import Embeddings
    >>> queries = Embeddings([[9.0, 0.0], [0.0, 1.0]])
    >>> space = Space(queries=queries, items=Embeddings([[1.0, 0.0], [0.0, 1.0]]))
    >>> round(gauge_gap(space).gap, 6), gauge_gap(space).pinned
    (3.0, False)
    """
    queries, items = two_roots(space)
    kept = bias_columns(space) if keep is None else keep
    if kept:
        rest = [column for column in range(queries.dimension) if column not in kept]
        queries, items = queries.columns(rest), items.columns(rest)
    return gap_of_roots(queries, items)


def gap_of_roots(queries: Root, items: Root) -> GaugeGap:
    """The gauge gap from the roots of both sides.

    >>> from anglewise.gauge.root import root
    >>> side = root(np.array([[3.0, 1.0], [1.0, 2.0]]))
    >>> round(gap_of_roots(side, side).gap, 9)
    1.0
    """
    pair = BALANCED.pair(queries, items)
    _, spectrum, _ = predicted(queries.matrix, items.matrix)
    _, lengths, span = np.linalg.svd(items.matrix, full_matrices=False)
    held = lengths > items.dimension * np.finfo(np.float64).eps * lengths[0]
    stretch = np.linalg.svd(span[held] @ pair.items, compute_uv=False)
    unseen = int(held.sum()) - len(spectrum)
    sizes = [float(np.linalg.norm(side.matrix)) ** 2 for side in (queries, items)]
    shapes = [side.matrix.T @ side.matrix for side in (queries, items)]
    faint = float(np.finfo(np.float32).eps) * queries.size * items.size
    return GaugeGap(
        gap=float("inf") if unseen > 0 else float(stretch[0] / stretch[-1]),
        scale=sizes[0] / sizes[1],
        residual=float(np.linalg.norm(shapes[0] / sizes[0] - shapes[1] / sizes[1])),
        unseen=max(unseen, 0),
        below_float32=int((spectrum < faint).sum()),
    )
