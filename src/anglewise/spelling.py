"""Words with numbers behind them, such as ``norm(0,0.5)``: read into what they name."""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from anglewise.errors import SpellingError

T = TypeVar("T")
_WORD = re.compile(r"(?P<name>[a-z][a-z0-9-]*)(?:\((?P<numbers>[^()]*)\))?")
_BETWEEN_COMMAS = re.compile(r"(?:[^,(]|\([^)]*\))+")


def named(word: str, known: Mapping[str, Callable[..., T]], *, kind: str, example: str) -> T:
    """Make what a word names from the numbers behind it; capitals and blanks do not matter.

    ``kind`` and ``example`` are for the messages. Raises ``SpellingError`` with the nearest known
    word, or with the example for numbers that the word does not take.

    >>> named("Range(1, 7, 2)", {"range": range}, kind="row", example="range(3)")
    range(1, 7, 2)
    >>> named("rang(3)", {"range": range}, kind="row", example="range(3)")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no row is called 'rang(3)': did you mean 'range'? ...
    """
    word = "".join(word.lower().split())
    match = _WORD.fullmatch(word)
    if match is None or match["name"] not in known:
        near = difflib.get_close_matches(match["name"] if match else word, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SpellingError(f"no {kind} is called {word!r}: {hint}known are {', '.join(known)}")
    numbers = [] if match["numbers"] is None else match["numbers"].split(",")
    try:
        return known[match["name"]](*(_number(number) for number in numbers))
    except (TypeError, ValueError) as error:
        if isinstance(error, SpellingError):
            raise
        raise SpellingError(f"{word!r} does not take these numbers: write {example}") from None


def parted(text: str) -> list[str]:
    """The words between the commas of a text, those inside brackets left alone.

    >>> parted("dot, norm(0,0.5)")
    ['dot', ' norm(0,0.5)']
    """
    return _BETWEEN_COMMAS.findall(text)


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value
