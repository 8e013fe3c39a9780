"""Gauges with a name, and their spellings: ``balanced``, ``power(0.3)``, ``random(30,1)``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from anglewise.data_types.numbers import UNIT, shown, written
from anglewise.data_types.text import named
from anglewise.data_types.typing import Array, Float64
from anglewise.equivalent_factorisations.gauge import Gauge, RandomMap
from anglewise.equivalent_factorisations.maps import MapPair, Root, identity
from anglewise.errors import SpellingError, ValuesError

NAMES = {0.0: "item-orthonormal", 0.5: "balanced", 1.0: "user-orthonormal"}


@dataclass(frozen=True)
class Given(Gauge):
    """The vectors as they came: an arbitrary gauge, unless training pinned it.

    >>> str(Given())
    'given'
    """

    def __str__(self) -> str:
        return "given"

    def pair(self, queries: Root, items: Root) -> MapPair:
        """The identity on both sides."""
        del items
        return identity(queries.dimension)


@dataclass(frozen=True)
class PowerGauge(Gauge):
    """``P'P = L^(1-t)`` and ``Q'Q = L^t``, L the squared spectrum of the predictions ``PQ'``.

    The path from item-orthonormal (t = 0, ``Q'Q = I``) through balanced (1/2, ``P'P = Q'Q``,
    where uniform weight decay ends) to user-orthonormal (1, ``P'P = I``). With roots ``K'K =
    P'P``, ``L'L = Q'Q`` and the singular value decomposition ``K L' = W S Z'`` the maps are

        G = L' Z S^-t,    H = G^-T = K' W S^(t-1),

    so only the spectrum is inverted, and the result does not depend on the gauge in which the
    factors came. Directions whose singular value is rounding noise of float64 carry no prediction
    and are dropped, so that rank-deficient factors, and those wider than they are long, lose
    columns. Directions of equal singular value are determined up to a rotation, which changes no
    similarity.

    Raises ``ValuesError`` when every prediction is 0.

    >>> str(PowerGauge(0.3)), str(PowerGauge(0.5))
    ('power(0.3)', 'balanced')
    """

    t: float

    def __post_init__(self) -> None:
        if not UNIT.holds(self.t):
            raise SpellingError(
                f"power({shown(self.t)}): the path runs from 0 (item-orthonormal) to 1 "
                "(user-orthonormal)"
            )

    def __str__(self) -> str:
        return NAMES.get(float(self.t), f"power({written(self.t)})")

    def pair(self, queries: Root, items: Root) -> MapPair:
        """The maps ``G`` and ``H`` above, with signs that make ``items.probe @ H`` positive."""
        if self.t > 0.5:
            item_map, query_map = _graded(items, queries).maps(1 - self.t)
        else:
            query_map, item_map = _graded(queries, items).maps(self.t)
        signs = np.where(items.probe @ item_map < 0, -1.0, 1.0)
        return MapPair(query_map * signs, item_map * signs)


ITEM_ORTHONORMAL, BALANCED, USER_ORTHONORMAL = PowerGauge(0), PowerGauge(0.5), PowerGauge(1)


def predicted(
    queries: Float64[Array, "a d"], items: Float64[Array, "b d"]
) -> tuple[Float64[Array, "a r"], Float64[Array, " r"], Float64[Array, "b r"]]:
    """The singular value decomposition ``W, S, Z`` of the predictions, from the roots.

    Singular values below ``d eps |P| |Q|`` come from rounding alone and are dropped.
    """
    query_vectors, spectrum, item_vectors = np.linalg.svd(queries @ items.T)
    sizes = np.linalg.norm(queries, 2) * np.linalg.norm(items, 2) if spectrum.size else 0.0
    floor = queries.shape[1] * np.finfo(np.float64).eps * float(sizes)
    rank = int(np.count_nonzero(spectrum > floor))
    if rank == 0:
        raise ValuesError(
            "every prediction is 0, but for rounding: one side is all zeros, or the two sides "
            "share no direction, so there is nothing that a gauge could leave alone"
        )
    return query_vectors[:, :rank], spectrum[:rank], item_vectors[:rank].T


@dataclass(frozen=True, eq=False)
class _Graded:
    """The maps to every power gauge, by two decompositions, the second in the balanced gauge.

    One decomposition gives faint directions an error of ``eps`` times the largest one. In the
    balanced gauge ``K L'`` is graded, nearly diagonal with falling entries, and its decomposition
    resolves faint directions. The side with the smaller power of the spectrum is the delicate one;
    it comes first, so that ``t`` is at most one half.
    """

    first: tuple[Array, Array]
    second: "_Decomposed"

    def maps(self, t: float) -> tuple[Array, Array]:
        """The maps of the first side and of the other one."""
        G, H = self.second.maps(t)
        return self.first[0] @ G, self.first[1] @ H


@dataclass(frozen=True, eq=False)
class _Decomposed:
    """Two roots and the singular value decomposition of their product."""

    K: Float64[Array, "a d"]
    L: Float64[Array, "b d"]
    left: Float64[Array, "a r"]
    spectrum: Float64[Array, " r"]
    right: Float64[Array, "b r"]

    def maps(self, t: float) -> tuple[Array, Array]:
        G = self.L.T @ self.right * self.spectrum**-t
        return G, self.K.T @ self.left * self.spectrum ** (t - 1)


@lru_cache(maxsize=4)
def _graded(delicate: Root, opposite: Root) -> _Graded:
    """Decompose two roots, once for all powers, which differ in the exponent of the spectrum."""
    decomposed = _Decomposed(
        delicate.matrix, opposite.matrix, *predicted(delicate.matrix, opposite.matrix)
    )
    first = decomposed.maps(0.5)
    sides = [
        _triangle(x.matrix @ balancing)
        for x, balancing in zip((delicate, opposite), first, strict=True)
    ]
    return _Graded(first, _Decomposed(sides[0], sides[1], *predicted(sides[0], sides[1])))


def _triangle(x: Float64[Array, "rows r"]) -> Float64[Array, "_ r"]:
    return np.asarray(np.linalg.qr(x, mode="r"))


GAUGES: dict[str, Callable[..., Gauge]] = {
    "given": Given,
    "item-orthonormal": lambda: ITEM_ORTHONORMAL,
    "balanced": lambda: BALANCED,
    "user-orthonormal": lambda: USER_ORTHONORMAL,
    "power": PowerGauge,
    "random": RandomMap,
}


def gauge(spelling: str | Gauge) -> Gauge:
    """Read a gauge from its spelling; a gauge passes through.

    Spellings are ``given``, ``item-orthonormal``, ``balanced``, ``user-orthonormal``, ``power(t)``
    with t from 0 to 1, and ``random(condition,seed)``. Raises ``SpellingError`` with the most
    similar one for any other.

    Examples
    --------
    >>> from anglewise.data_types.embeddings import Embeddings, Space
    >>> space = Space(queries=Embeddings([[8.0]]), items=Embeddings([[0.5], [0.0]]))
    >>> moved = gauge("balanced").apply(space)
    >>> moved.queries.vectors.tolist(), moved.items.vectors.tolist()
    ([[2.0]], [[2.0], [0.0]])
    >>> gauge("balance")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no gauge is called 'balance': did you mean 'balanced'? ...
    """
    if isinstance(spelling, Gauge):
        return spelling
    return named(spelling, GAUGES, kind="gauge", example="power(0.3) or random(30,1)")
