"""Words with numbers behind them, such as ``norm(0,0.5)``: read into what they name."""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from anglewise.errors import SpellingError
from anglewise.numbers import read_number, shown

T = TypeVar("T")
_WORD = re.compile(r"\s*(?P<name>[a-z][a-z0-9-]*)\s*(?:\((?P<numbers>[^()]*)\)\s*)?", re.ASCII)


def named(word: str, known: Mapping[str, Callable[..., T]], *, kind: str, example: str) -> T:
    """Make what a word names from the numbers behind it.

    Capitals do not matter, nor blanks around the word and its numbers. ``kind`` and ``example``
    are for the messages. Raises ``SpellingError`` with the nearest known word, or with the example
    for numbers that the word does not take.

    >>> named("Range(1, 7, 2)", {"range": range}, kind="row", example="range(3)")
    range(1, 7, 2)
    >>> named("rang(3)", {"range": range}, kind="row", example="range(3)")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no row is called 'rang(3)': did you mean 'range'? ...
    >>> named("range(1_0)", {"range": range}, kind="row", example="range(3)")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: 'range(1_0)': '1_0' is no number that can be used: write ...
    """
    word = word.strip()
    match = _WORD.fullmatch(word.lower()) if word.isascii() else None
    if match is None or match["name"] not in known:
        name = match["name"] if match else word.lower().partition("(")[0].strip()
        near = difflib.get_close_matches(name[:100], known, n=1)
        brackets = f"; numbers stand in brackets, as in {example}" if near and "(" in word else ""
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SpellingError(
            f"no {kind} is called {shown(word)!r}: {hint}known are {', '.join(known)}{brackets}"
        )
    texts = [] if match["numbers"] is None else match["numbers"].split(",")
    numbers = [_number(text.strip(), word, example) for text in texts]
    try:
        return known[match["name"]](*numbers)
    except (TypeError, ValueError) as error:
        if isinstance(error, SpellingError):
            raise
        raise SpellingError(
            f"{shown(word)!r} does not take these numbers: write {example}"
        ) from None


def parted(text: str) -> list[str]:
    """The words between the commas of a text, those inside brackets left alone.

    Raises ``SpellingError`` where there is no word, or a bracket is not closed.

    >>> parted("dot, norm(0,0.5)")
    ['dot', ' norm(0,0.5)']
    >>> parted("dot,,cosine")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: 'dot,,cosine': a word is missing between the commas
    """
    words, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            break
        if letter == "," and not depth:
            words.append("")
        else:
            words[-1] += letter
    if depth:
        raise SpellingError(f"{shown(text)!r}: brackets come in pairs, as in norm(0,0.5)")
    if not all(word.strip() for word in words):
        missing = "a word is missing between the commas" if text.strip() else "names nothing"
        raise SpellingError(f"{shown(text)!r}: {missing}")
    return words


def _number(text: str, word: str, example: str) -> float:
    number = read_number(text)
    if number is None:
        came = f"{shown(text)!r} is no number that can be used" if text else "a number is missing"
        raise SpellingError(
            f"{shown(word)!r}: {came}: write {example}, in plain digits, from 1e-100 to 1e100"
        )
    return number
