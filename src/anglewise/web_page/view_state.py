"""The state of a view, as its address spells it."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import urlencode

from anglewise.data_types.numbers import shown
from anglewise.data_types.typing import DIRECTIONS, Direction
from anglewise.errors import SpellingError
from anglewise.similarity_measures.measure import DEFAULT_MEASURES
from anglewise.web_page.rankings import Ranking, read_ranking

MOST_MEASURES, MOST_SHOWN, DEEPEST = 4, 100, 10_000
"""The most columns on a page and neighbours in a column, and the last rank that pages reach."""

LONGEST = 200
"""Characters of a measure's spelling at most: longer ones are a mistake or an attack."""

LARGEST, MOST_FRAMES = 1000, 4
"""The largest number and the most frames in a spelling; memory grows with both."""


@dataclass(frozen=True)
class ViewState:
    """The id of the query, the direction, the measures, and which ranks are shown.

    >>> view = ViewState("items-items", "1", ("dot", "cosine"))
    >>> view.address()
    '?direction=items-items&query=1&measure=dot&measure=cosine'
    """

    direction: Direction
    query: str | None = None
    spelled: tuple[str, ...] = DEFAULT_MEASURES
    k: int = 10
    start: int = 0

    def address(self, **other: object) -> str:
        """The part of the address after ``/`` that spells this view."""
        pairs: list[tuple[str, str]] = [("direction", self.direction)]
        if self.query is not None:
            pairs.append(("query", self.query))
        pairs += [("measure", spelling) for spelling in self.spelled]
        if self.k != 10:
            pairs.append(("k", str(self.k)))
        if self.start:
            pairs.append(("from", str(self.start)))
        pairs += [(name, str(value)) for name, value in other.items()]
        # A lone surrogate, which some files hold, cannot be part of an address.
        return "?" + urlencode(pairs, errors="replace")

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The names and values that a form on the page sends along, without the query."""
        pairs = [
            ("direction", str(self.direction)),
            *(("measure", spelling) for spelling in self.spelled),
        ]
        return pairs if self.k == 10 else [*pairs, ("k", str(self.k))]

    def asking(self, query: str) -> "ViewState":
        """The same view of another query."""
        return replace(self, query=query, start=0)

    def towards(self, direction: Direction, query: str | None = None) -> "ViewState":
        """The same measures in another direction, for a query there."""
        return replace(self, direction=direction, query=query, start=0)

    def at(self, start: int) -> "ViewState":
        """The same lists from rank ``start + 1`` on."""
        return replace(self, start=max(0, start))


@dataclass(frozen=True)
class ParsedMeasures:
    """Measures, rankers and names of runs as they were typed: each parsed, or the error."""

    spelled: tuple[str, ...]
    measures: tuple[Ranking | None, ...]
    errors: tuple[str, ...]

    @property
    def valid(self) -> list[Ranking]:
        """Those that parse, each once."""
        return list(dict.fromkeys(measure for measure in self.measures if measure is not None))


def read_view(
    parameters: Mapping[str, Sequence[str]], directions: Sequence[Direction]
) -> tuple[ViewState, list[str]]:
    """Read the parameters of an address; what is wrong is returned as sentences, never raised.

    >>> read_view({"k": ["10000"], "direction": ["items-items"]}, ["items-items"])[1]
    ['10000 neighbours asked: a page shows 100 at most, further ones are on the next pages']
    """
    notes: list[str] = []
    named = _first_value(parameters, "direction")
    direction = directions[0]
    if named in directions:
        direction = cast("Direction", named)
    elif named:
        known = named in DIRECTIONS
        reason = "this space has one side" if known else f"directions are {', '.join(directions)}"
        notes.append(f"no direction {shown(named)!r} here: {reason}")
    words = (word.strip()[: LONGEST + 1] for word in parameters.get("measure", ()))
    spelled = tuple(word for word in words if word)
    if len(spelled) > MOST_MEASURES:
        notes.append(f"{len(spelled)} measures asked: the first {MOST_MEASURES} are shown")
    notes += [
        f"{shown(name)} is given {len(values)} times: one of them is taken"
        for name, values in parameters.items()
        if name != "measure" and len(values) > 1
    ]
    k = _whole_number(parameters, "k", 10, notes)
    if k == 0:
        notes.append("0 neighbours asked: a page shows 1 at least")
    if k > MOST_SHOWN:
        notes.append(
            f"{k} neighbours asked: a page shows {MOST_SHOWN} at most, further ones are on the "
            "next pages"
        )
    start = _whole_number(parameters, "from", 0, notes)
    if start > DEEPEST:
        notes.append(f"place {start} asked: pages go down to {DEEPEST:,}")
    view = ViewState(
        direction,
        _first_value(parameters, "query") or None,
        spelled[:MOST_MEASURES] or DEFAULT_MEASURES,
        max(1, min(k, MOST_SHOWN)),
        min(start, DEEPEST),
    )
    return view, notes


def parse_measures(
    spelled: Sequence[str], runs: Iterable[str] = (), spaces: Container[str] = ()
) -> ParsedMeasures:
    """Parse each spelling by itself, so that one mistake does not hide the other columns.

    ``runs`` are the names of the runs that may be meant, ``spaces`` those of several spaces.
    """
    names = list(runs)
    measures: list[Ranking | None] = []
    errors: list[str] = []
    for spelling in spelled:
        try:
            measures.append(_bounded(spelling, names, spaces))
            errors.append("")
        except SpellingError as error:
            measures.append(None)
            errors.append(str(error))
    return ParsedMeasures(tuple(spelled), tuple(measures), tuple(errors))


def _bounded(spelling: str, runs: Sequence[str], spaces: Container[str]) -> Ranking:
    """Parse a measure; ``SpellingError`` where it might take much memory."""
    if spelling.strip() in runs:
        return read_ranking(spelling, runs)
    if len(spelling) > LONGEST:
        raise SpellingError(f"more characters than {LONGEST} asked: a measure has at most so many")
    name, of_space, rest = spelling.rpartition(":")
    measured = rest if of_space and name.strip() in spaces else spelling
    numbers = re.findall(r"[0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?", measured, re.IGNORECASE)
    if any(float(number) > LARGEST for number in numbers):
        raise SpellingError(
            f"numbers in a measure go up to {LARGEST:,} on this page: "
            "anglewise search takes larger ones"
        )
    if spelling.count("@") > MOST_FRAMES:
        raise SpellingError(
            f"{spelling.count('@')} frames asked: this page takes {MOST_FRAMES} at most"
        )
    return read_ranking(spelling, runs, spaces)


def _first_value(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(parameters.get(name, ())), "")


def _whole_number(
    parameters: Mapping[str, Sequence[str]], name: str, default: int, notes: list[str]
) -> int:
    text = _first_value(parameters, name)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        notes.append(f"{name}={text[:20]} is no whole number: {default} is taken")
        return default
    return int(text)
