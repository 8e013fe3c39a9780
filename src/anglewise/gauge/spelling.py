"""How gauges are written, and read back: ``balanced``, ``power(0.3)``, ``random(30,1)``."""

import difflib
import re
from collections.abc import Callable

from anglewise.errors import SpellingError
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

_WORD = re.compile(r"(?P<name>[a-z-]+)(?:\((?P<numbers>[^()]*)\))?")


def gauge(spelling: str | Gauge) -> Gauge:
    """Read a gauge from its spelling; a gauge passes through.

    Known are ``given``, ``item-orthonormal``, ``balanced``, ``user-orthonormal``, ``power(t)``
    with t from 0 to 1, and ``random(condition,seed)``. Raises ``SpellingError`` with the nearest
    known word.

    Examples
    --------
    >>> from anglewise.embeddings import Embeddings, Space
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
    word = "".join(spelling.lower().split())
    match = _WORD.fullmatch(word)
    if match is None or match["name"] not in GAUGES:
        near = difflib.get_close_matches(match["name"] if match else word, GAUGES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SpellingError(f"no gauge is called {word!r}: {hint}known are {', '.join(GAUGES)}")
    numbers = [] if match["numbers"] is None else match["numbers"].split(",")
    try:
        return GAUGES[match["name"]](*(_number(number) for number in numbers))
    except (TypeError, ValueError) as error:
        if isinstance(error, SpellingError):
            raise
        raise SpellingError(
            f"{word!r} does not take these numbers: write power(0.3) or random(30,1)"
        ) from None


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value
