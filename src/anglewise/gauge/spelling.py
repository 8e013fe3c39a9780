"""How gauges are written, and read back: ``balanced``, ``power(0.3)``, ``random(30,1)``."""

from collections.abc import Callable

from anglewise.core.text import named
from anglewise.gauge.canonical import BALANCED, ITEM_ORTHONORMAL, USER_ORTHONORMAL, Given, Power
from anglewise.gauge.gauge import Gauge
from anglewise.gauge.random_maps import RandomMap

GAUGES: dict[str, Callable[..., Gauge]] = {
    "given": Given,
    "item-orthonormal": lambda: ITEM_ORTHONORMAL,
    "balanced": lambda: BALANCED,
    "user-orthonormal": lambda: USER_ORTHONORMAL,
    "power": Power,
    "random": RandomMap,
}


def gauge(spelling: str | Gauge) -> Gauge:
    """Read a gauge from its spelling; a gauge passes through.

    Known are ``given``, ``item-orthonormal``, ``balanced``, ``user-orthonormal``, ``power(t)``
    with t from 0 to 1, and ``random(condition,seed)``. Raises ``SpellingError`` with the nearest
    known word.

    Examples
    --------
    >>> from anglewise.core.embeddings import Embeddings, Space
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
