"""Options that are numbers: all are read by ``anglewise.core.numbers``, whoever wrote them."""

from collections.abc import Sequence
from typing import Any

from cyclopts import Parameter, Token

from anglewise.core.numbers import COUNT, SEED, Bounds, shown
from anglewise.errors import SpellingError


def number(bounds: Bounds, **more: Any) -> Parameter:
    """An option that is one number within bounds; words of the type alone pass as they are."""
    return Parameter(converter=_Reader(bounds), **more)


class _Reader:
    """Reads what was typed, or stands in the settings; the message says what is due."""

    def __init__(self, bounds: Bounds, words: Sequence[str] = ()) -> None:
        self.bounds = bounds
        self.words = tuple(words)

    def __call__(self, type_: Any, tokens: Sequence[Token]) -> Any:
        """One token becomes one number."""
        del type_
        text = tokens[0].value
        if text in self.words:
            return text
        try:
            return self.bounds.read(text.strip())
        except SpellingError as error:
            words = f"{', '.join(self.words)} or " if self.words else ""
            raise ValueError(f"{shown(text)!r} came, {words}{error}") from None


def number_or(words: Sequence[str], bounds: Bounds) -> Parameter:
    """An option that is one of some words, or one number within bounds."""
    return Parameter(converter=_Reader(bounds, words))


A_COUNT = number(COUNT)
A_SEED = number(SEED)
