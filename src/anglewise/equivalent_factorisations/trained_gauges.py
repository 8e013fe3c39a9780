"""Where a training ended among the equally good factorisations, and where others would have.

With ``U L V'`` the singular value decomposition of the predictions, any two factors of it are
``P = U L^1/2 S R`` and ``Q = V L^1/2 S^-1 R`` for one symmetric positive ``S`` and one rotation
``R``, which no cosine sees. ``S = I`` is the balanced gauge. Gradient flow conserves
``P'P - Q'Q``, which is ``S L S - S^-1 L S^-1`` up to that rotation (Arora, Cohen and Hazan, ICML
2018), so that a start of small numbers ends near ``S = I``, and a start of other numbers elsewhere.

Two ways to draw another end of the same training:

* from what was *measured*. To turn the start by signs of the singular vectors changes neither its
  law nor the loss, so an entry of ``log S`` off the diagonal is as likely with the other sign; and
  entries on the diagonal vary as those off it do, in units of ``P'P - Q'Q``. So it is for gradient
  flow and ALS. Adam and sampled losses do not treat all directions alike, and vary less.
* from the *start*: normal numbers of scale ``a`` for ``n`` queries and ``b`` for ``m`` items have
  ``P'P - Q'Q`` of mean ``n a^2 - m b^2`` on the diagonal and variance ``n a^4 + m b^4`` off it,
  twice as much on it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.data_types.typing import Array, Float64
from anglewise.equivalent_factorisations.canonical import predicted
from anglewise.equivalent_factorisations.maps import MapPair, Root

MISSED = 1e-6
"""Factors of which a larger share carries no prediction have no such ``S``."""


@dataclass(frozen=True, eq=False)
class TrainedGauge:
    """The place of two factors among the equally good ones.

    Attributes
    ----------
    spectrum
        The singular values of the predictions, ``L``.
    stretch
        The logarithm of ``S``; zeros for the balanced gauge.
    queries, items
        ``r x d``: the factors are ``U L^1/2`` and ``V L^1/2`` times these.
    """

    spectrum: Float64[Array, " r"]
    stretch: Float64[Array, "r r"]
    queries: Float64[Array, "r d"]
    items: Float64[Array, "r d"]

    @cached_property
    def imbalance(self) -> Float64[Array, "r r"]:
        """``P'P - Q'Q`` in the axes of the singular vectors: what gradient flow conserves."""
        stretched, shrunk = _exponential(self.stretch), _exponential(-self.stretch)
        return (stretched * self.spectrum) @ stretched - (shrunk * self.spectrum) @ shrunk

    @property
    def mean_imbalance(self) -> float:
        """Its mean on the diagonal."""
        return float(np.trace(self.imbalance)) / len(self.spectrum)

    @property
    def spread(self) -> float:
        """The root of the mean square of its entries off the diagonal; 0 of one direction."""
        off = self.imbalance[np.triu_indices(len(self.spectrum), 1)]
        return float(np.sqrt(np.mean(off**2))) if off.size else 0.0

    def pair(self, stretch: Float64[Array, "r r"]) -> MapPair:
        """The maps from the given factors to those of another ``S``, by its logarithm."""
        return MapPair(
            queries=self.items.T @ _exponential(stretch),
            items=self.queries.T @ _exponential(-stretch),
        )

    def balanced_items(self) -> Float64[Array, "d r"]:
        """The map from the given items to the balanced ones, ``V L^1/2``."""
        return self.queries.T


def trained_gauge(queries: Root, items: Root) -> TrainedGauge | None:
    """The place of two factors, from their roots; None where some directions predict nothing.

    >>> from anglewise.equivalent_factorisations.maps import root
    >>> side = root(np.array([[3.0, 1.0], [1.0, 2.0]]))
    >>> bool(np.allclose(trained_gauge(side, side).stretch, 0))
    True
    """
    left, spectrum, right = predicted(queries.matrix, items.matrix)
    roots = np.sqrt(spectrum)[:, None]
    maps = left.T @ queries.matrix / roots, right.T @ items.matrix / roots
    for side, axes, through in ((queries, left, maps[0]), (items, right, maps[1])):
        missed = np.linalg.norm(side.matrix - axes @ (roots * through))
        if missed > MISSED * np.linalg.norm(side.matrix):
            return None
    axes, values, _ = np.linalg.svd(maps[0], full_matrices=False)
    return TrainedGauge(spectrum, (axes * np.log(values)) @ axes.T, *maps)


def redrawn(gauge: TrainedGauge, rng: np.random.Generator) -> Float64[Array, "r r"]:
    """Another end of a training whose end was measured, as the logarithm of its ``S``.

    >>> from anglewise.equivalent_factorisations.maps import root
    >>> P, Q = (root(np.array(x)) for x in ([[3.0, 1], [1, 2]], [[1.0, 1], [0, 2]]))
    >>> found = trained_gauge(P, Q)
    >>> other = redrawn(found, np.random.default_rng(0))
    >>> bool(np.isclose(abs(other[0, 1]), abs(found.stretch[0, 1])))
    True
    """
    size = len(gauge.spectrum)
    coins = np.triu(rng.choice([-1.0, 1.0], size=(size, size)), 1)
    units = _units(gauge.spectrum, np.exp(np.diag(gauge.stretch)))
    off = gauge.stretch * units
    np.fill_diagonal(off, 0.0)
    variance = (off**2).sum(axis=1) / max(size - 1, 1)
    # both ends vary on the diagonal, each by twice the variance off it
    moves = 2 * np.sqrt(variance) / np.diag(units) * rng.standard_normal(size)
    return gauge.stretch * (coins + coins.T) + np.diag(np.diag(gauge.stretch) + moves)


@dataclass(frozen=True)
class Start:
    """``P'P - Q'Q`` at a start of normal numbers: its mean on, its spread off the diagonal.

    >>> Start.of((500, 400), (0.3, 0.3))
    Start(mean=9.0, spread=2.7)
    """

    mean: float
    spread: float

    @classmethod
    def of(cls, rows: tuple[int, int], scales: tuple[float, float]) -> "Start":
        """Of so many queries and items, and of numbers of these standard deviations."""
        (n, m), (a, b) = rows, scales
        return cls(round(n * a**2 - m * b**2, 12), round(float(np.sqrt(n * a**4 + m * b**4)), 12))

    def end(
        self, spectrum: Float64[Array, " r"], rng: np.random.Generator
    ) -> Float64[Array, "r r"]:
        """An end of gradient flow from such a start, as the logarithm of its ``S``."""
        x = np.sqrt((self.mean + np.sqrt(self.mean**2 + 4 * spectrum**2)) / (2 * spectrum))
        noise = rng.standard_normal((len(spectrum), len(spectrum)))
        symmetric = self.spread * (noise + noise.T) / np.sqrt(2)
        return np.diag(np.log(x)) + symmetric / _units(spectrum, x)


def carried(other: TrainedGauge, joint: Float64[Array, "o r"]) -> Float64[Array, "r r"]:
    """The ``S`` of another training in the axes of this one, as its logarithm.

    ``joint`` is the product of the balanced items of the other, transposed, and of this one, over
    the ids that both have: the best rotation between them is taken.
    """
    left, _, right = np.linalg.svd(joint, full_matrices=False)
    turn = left @ right
    return turn.T @ other.stretch @ turn


def _units(spectrum: Float64[Array, " r"], x: Float64[Array, " r"]) -> Float64[Array, "r r"]:
    """How much ``P'P - Q'Q`` changes with each entry of ``log S``, about ``S = diag(x)``."""
    stretched, shrunk = spectrum * x, spectrum / x
    both = np.outer(x, x)
    plus, minus = np.add.outer(stretched, stretched), np.add.outer(shrunk, shrunk)
    return (plus + minus / both) * np.sqrt(both)


def _exponential(symmetric: Float64[Array, "r r"]) -> Float64[Array, "r r"]:
    values, axes = np.linalg.eigh(symmetric)
    return (axes * np.exp(values)) @ axes.T
