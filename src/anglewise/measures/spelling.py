"""How measures are written, and read back: ``cosine@centred``, ``norm(0,0.5)``."""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from anglewise.errors import SpellingError
from anglewise.measures.formula import Cosine, Dot, Euclidean, Formula, Manhattan, Norm
from anglewise.measures.frame import Frame
from anglewise.measures.gauge_frames import GAUGE_FRAMES
from anglewise.measures.linear_frames import Centred, Whitened, WithoutTop
from anglewise.measures.measure import Measure

FORMULAS: dict[str, Callable[..., Formula]] = {
    "dot": Dot,
    "cosine": Cosine,
    "euclidean": Euclidean,
    "manhattan": Manhattan,
    "norm": Norm,
}
FRAMES: dict[str, Callable[..., Frame]] = {
    "centred": Centred,
    "whitened": Whitened,
    "without-top": WithoutTop,
    **GAUGE_FRAMES,
}
DEFAULT_MEASURES = ("dot", "cosine", "euclidean")

T = TypeVar("T")
_WORD = re.compile(r"(?P<name>[a-z-]+)(?:\((?P<numbers>[^()]*)\))?")


def measure(spelling: "str | Measure") -> Measure:
    """Read a measure from its spelling; a measure passes through.

    Raises ``SpellingError`` with the nearest known word.

    >>> str(measure("cosine @ without-top(3)"))
    'cosine@without-top(3)'
    >>> measure("cosin")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no measure is called 'cosin': did you mean 'cosine'? ...
    """
    if isinstance(spelling, Measure):
        return spelling
    formula, *frames = ("".join(spelling.lower().split())).split("@")
    return Measure(
        _build(formula, FORMULAS, "measure"),
        tuple(_build(frame, FRAMES, "frame") for frame in frames),
    )


def measures(spellings: "Iterable[str | Measure] | str") -> list[Measure]:
    """Several, from a list or from one comma-separated text, each kept once.

    >>> [str(m) for m in measures("dot,norm(0,0.5),dot")]
    ['dot', 'norm(0,0.5)']
    """
    if isinstance(spellings, str):
        spellings = re.findall(r"(?:[^,(]|\([^)]*\))+", spellings)
    return list(dict.fromkeys(measure(one) for one in spellings))


def _build(word: str, known: dict[str, Callable[..., T]], kind: str) -> T:
    match = _WORD.fullmatch(word)
    if match is None or match["name"] not in known:
        name = match["name"] if match else word
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SpellingError(f"no {kind} is called {word!r}: {hint}known are {', '.join(known)}")
    numbers = [] if match["numbers"] is None else match["numbers"].split(",")
    try:
        return known[match["name"]](*(_number(number) for number in numbers))
    except (TypeError, ValueError) as error:
        if isinstance(error, SpellingError):
            raise
        raise SpellingError(
            f"{word!r} does not take these numbers: write norm(0,0.5) or without-top(3)"
        ) from None


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value
