"""One state of the page: who asks, under which measures; all of it stands in the address."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import urlencode

from anglewise.core.typing import DIRECTIONS, Direction
from anglewise.errors import SpellingError
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import DEFAULT_MEASURES, measure

MOST_MEASURES, MOST_SHOWN, DEEPEST = 4, 100, 10_000
"""Columns on a page, neighbours in a column, and how far down paging goes."""

LONGEST = 200
"""Characters of a measure's spelling: longer ones are a mistake or an attack."""

LARGEST, MOST_FRAMES = 1000, 4
"""The largest number in a spelling, and how many frames; memory grows with both."""


@dataclass(frozen=True)
class Looking:
    """Who asks (an id), in which direction, under which measures, and which places are shown.

    >>> here = Looking("items-items", "1", ("dot", "cosine"))
    >>> here.address()
    '?direction=items-items&query=1&measure=dot&measure=cosine'
    """

    direction: Direction
    query: str | None = None
    spelled: tuple[str, ...] = DEFAULT_MEASURES
    k: int = 10
    start: int = 0

    def address(self, **other: object) -> str:
        """The part of the address after ``/`` that brings back this state."""
        told: list[tuple[str, str]] = [("direction", self.direction)]
        if self.query is not None:
            told.append(("query", self.query))
        told += [("measure", one) for one in self.spelled]
        if self.k != 10:
            told.append(("k", str(self.k)))
        if self.start:
            told.append(("from", str(self.start)))
        told += [(name, str(value)) for name, value in other.items()]
        # Half a character, which some files hold, has no place in an address.
        return "?" + urlencode(told, errors="replace")

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What a form on the page sends along, who asks left out."""
        told = [("direction", str(self.direction)), *(("measure", one) for one in self.spelled)]
        return told if self.k == 10 else [*told, ("k", str(self.k))]

    def asking(self, query: str) -> "Looking":
        """The same page with somebody else who asks."""
        return replace(self, query=query, start=0)

    def towards(self, direction: Direction, query: str | None = None) -> "Looking":
        """The same measures in another direction."""
        return replace(self, direction=direction, query=query, start=0)

    def at(self, start: int) -> "Looking":
        """Other places of the same lists."""
        return replace(self, start=max(0, start))


@dataclass(frozen=True)
class Typed:
    """The measures as they were typed: what each is, or why it is none."""

    spelled: tuple[str, ...]
    measures: tuple[Measure | None, ...]
    errors: tuple[str, ...]

    @property
    def known(self) -> list[Measure]:
        """Those that parse, each once."""
        return list(dict.fromkeys(one for one in self.measures if one is not None))


def looking(
    asked: Mapping[str, Sequence[str]], directions: Sequence[Direction]
) -> tuple[Looking, list[str]]:
    """Read an address; what cannot be done comes back as sentences, never as a failure.

    >>> looking({"k": ["10000"], "direction": ["items-items"]}, ["items-items"])[1]
    ['10000 neighbours asked: a page shows 100 at most, further ones are on the next pages']
    """
    told: list[str] = []
    named = _one(asked, "direction")
    direction = directions[0]
    if named in directions:
        direction = cast("Direction", named)
    elif named:
        known = named in DIRECTIONS
        why = "this space has one side" if known else f"directions are {', '.join(directions)}"
        told.append(f"no direction {named[:40]!r} here: {why}")
    spelled = tuple(one.strip() for one in asked.get("measure", ()) if one.strip())
    if len(spelled) > MOST_MEASURES:
        told.append(f"{len(spelled)} measures asked: the first {MOST_MEASURES} are shown")
    k = _whole(asked, "k", 10, told)
    if k > MOST_SHOWN:
        told.append(
            f"{k} neighbours asked: a page shows {MOST_SHOWN} at most, further ones are on the "
            "next pages"
        )
    start = _whole(asked, "from", 0, told)
    if start > DEEPEST:
        told.append(f"place {start} asked: pages go down to {DEEPEST:,}")
    found = Looking(
        direction,
        _one(asked, "query") or None,
        spelled[:MOST_MEASURES] or DEFAULT_MEASURES,
        max(1, min(k, MOST_SHOWN)),
        min(start, DEEPEST),
    )
    return found, told


def typed(spelled: Sequence[str]) -> Typed:
    """Parse each spelling by itself, so that one mistake does not hide the others' columns."""
    read: list[Measure | None] = []
    errors: list[str] = []
    for one in spelled:
        try:
            read.append(_bounded(one))
            errors.append("")
        except SpellingError as error:
            read.append(None)
            errors.append(str(error))
    return Typed(tuple(spelled), tuple(read), tuple(errors))


def _bounded(spelled: str) -> Measure:
    """A measure, if what it may take of memory is bounded."""
    if len(spelled) > LONGEST:
        raise SpellingError(f"{len(spelled)} characters asked: a measure has at most {LONGEST}")
    numbers = re.findall(r"[0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?", spelled, re.IGNORECASE)
    if any(float(one) > LARGEST for one in numbers):
        raise SpellingError(
            f"numbers in a measure go up to {LARGEST:,} on this page: "
            "anglewise neighbours takes larger ones"
        )
    if spelled.count("@") > MOST_FRAMES:
        raise SpellingError(
            f"{spelled.count('@')} frames asked: this page takes {MOST_FRAMES} at most"
        )
    return measure(spelled)


def _one(asked: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(asked.get(name, ())), "")


def _whole(asked: Mapping[str, Sequence[str]], name: str, usual: int, told: list[str]) -> int:
    text = _one(asked, name)
    if not text:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        told.append(f"{name}={text[:20]} is no whole number: {usual} is taken")
        return usual
    return int(text)
