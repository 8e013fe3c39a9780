"""The state of the application, and the state of one view as its address spells it."""

import json
import math
import re
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from anglewise.core.numbers import shown
from anglewise.core.typing import DIRECTIONS, Direction
from anglewise.errors import SpellingError
from anglewise.io.files import Stamp, stamp
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import DEFAULT_MEASURES, measure
from anglewise.page.metadata import CELL, harmless, plain
from anglewise.page.open_space import CHANGED, Freshness, Inspected, Store
from anglewise.page.security import BusyError, SearchLimiter
from anglewise.report.words import counted, number

MOST_MEASURES, MOST_SHOWN, DEEPEST = 4, 100, 10_000
"""Columns on a page, neighbours in a column, and how far down paging goes."""

LONGEST = 200
"""Characters of a measure's spelling: longer ones are a mistake or an attack."""

LARGEST, MOST_FRAMES = 1000, 4
"""The largest number in a spelling, and how many frames; memory grows with both."""


@dataclass(frozen=True)
class ViewState:
    """Who asks (an id), in which direction, under which measures, and which places are shown.

    >>> here = ViewState("items-items", "1", ("dot", "cosine"))
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
        pairs: list[tuple[str, str]] = [("direction", self.direction)]
        if self.query is not None:
            pairs.append(("query", self.query))
        pairs += [("measure", one) for one in self.spelled]
        if self.k != 10:
            pairs.append(("k", str(self.k)))
        if self.start:
            pairs.append(("from", str(self.start)))
        pairs += [(name, str(value)) for name, value in other.items()]
        # Half a character, which some files hold, has no place in an address.
        return "?" + urlencode(pairs, errors="replace")

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What a form on the page sends along, who asks left out."""
        pairs = [("direction", str(self.direction)), *(("measure", one) for one in self.spelled)]
        return pairs if self.k == 10 else [*pairs, ("k", str(self.k))]

    def asking(self, query: str) -> "ViewState":
        """The same page with somebody else who asks."""
        return replace(self, query=query, start=0)

    def towards(self, direction: Direction, query: str | None = None) -> "ViewState":
        """The same measures in another direction."""
        return replace(self, direction=direction, query=query, start=0)

    def at(self, start: int) -> "ViewState":
        """Other places of the same lists."""
        return replace(self, start=max(0, start))


@dataclass(frozen=True)
class ParsedMeasures:
    """The measures as they were typed: what each is, or why it is none."""

    spelled: tuple[str, ...]
    measures: tuple[Measure | None, ...]
    errors: tuple[str, ...]

    @property
    def known(self) -> list[Measure]:
        """Those that parse, each once."""
        return list(dict.fromkeys(one for one in self.measures if one is not None))


def looking(
    parameters: Mapping[str, Sequence[str]], directions: Sequence[Direction]
) -> tuple[ViewState, list[str]]:
    """Read an address; what cannot be done comes back as sentences, never as a failure.

    >>> looking({"k": ["10000"], "direction": ["items-items"]}, ["items-items"])[1]
    ['10000 neighbours asked: a page shows 100 at most, further ones are on the next pages']
    """
    notes: list[str] = []
    named = _one(parameters, "direction")
    direction = directions[0]
    if named in directions:
        direction = cast("Direction", named)
    elif named:
        known = named in DIRECTIONS
        why = "this space has one side" if known else f"directions are {', '.join(directions)}"
        notes.append(f"no direction {shown(named)!r} here: {why}")
    words = (one.strip()[: LONGEST + 1] for one in parameters.get("measure", ()))
    spelled = tuple(word for word in words if word)
    if len(spelled) > MOST_MEASURES:
        notes.append(f"{len(spelled)} measures asked: the first {MOST_MEASURES} are shown")
    k = _whole(parameters, "k", 10, notes)
    if k > MOST_SHOWN:
        notes.append(
            f"{k} neighbours asked: a page shows {MOST_SHOWN} at most, further ones are on the "
            "next pages"
        )
    start = _whole(parameters, "from", 0, notes)
    if start > DEEPEST:
        notes.append(f"place {start} asked: pages go down to {DEEPEST:,}")
    found = ViewState(
        direction,
        _one(parameters, "query") or None,
        spelled[:MOST_MEASURES] or DEFAULT_MEASURES,
        max(1, min(k, MOST_SHOWN)),
        min(start, DEEPEST),
    )
    return found, notes


def parse_measures(spelled: Sequence[str]) -> ParsedMeasures:
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
    return ParsedMeasures(tuple(spelled), tuple(read), tuple(errors))


def _bounded(spelled: str) -> Measure:
    """A measure, if what it may take of memory is bounded."""
    if len(spelled) > LONGEST:
        raise SpellingError(f"more characters than {LONGEST} asked: a measure has at most so many")
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


def _one(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(parameters.get(name, ())), "")


def _whole(parameters: Mapping[str, Sequence[str]], name: str, usual: int, notes: list[str]) -> int:
    text = _one(parameters, name)
    if not text:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        notes.append(f"{name}={text[:20]} is no whole number: {usual} is taken")
        return usual
    return int(text)


SECONDS = 30.0
"""How long an answer is waited for; what takes longer goes on, for who asks again."""

MOST_LATE = 16
"""Answers that took longer and are kept until somebody asks again."""

T = TypeVar("T")

BODY = "anglewise.body"
"""Where a page finds the body of a request, read before it runs on a thread."""

KEPT, KEPT_PATHS = 16, 2
"""Results about a space that are kept; a path is as large as the vectors, so few of them are."""


@dataclass
class AppState:
    """The open space, which :meth:`reload` reads anew; everything else asks it for the space."""

    read: Callable[[], Inspected]
    busy: SearchLimiter = field(default_factory=SearchLimiter)
    seen: Inspected = field(init=False)
    fresh: Freshness = field(init=False)
    store: Store = field(init=False)
    _kept: dict[Hashable, Future[Any]] = field(init=False, default_factory=dict[Hashable, Any])
    _keeping: Lock = field(init=False, default_factory=Lock)
    _late: dict[Hashable, Future[Any]] = field(init=False, default_factory=dict[Hashable, Any])
    _workers: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="anglewise-inspect")
        self.reload()

    def reload(self) -> None:
        """Read the space again, and forget what was computed about the old one."""
        seen = self.read()
        fresh, store = Freshness(_watched(seen)), Store(seen.store)
        with self._keeping:
            self.seen, self.fresh, self.store = seen, fresh, store
            self._kept, self._late = {}, {}

    def as_it_is(self) -> "AppState":
        """The same, but for a space that is read meanwhile: one answer is about one space."""
        with self._keeping:
            return copy(self)

    def once(self, key: Hashable, work: Callable[[], Any]) -> Future[Any]:
        """What was, or is being, computed about the open space under this key, in the background.

        The last few are kept.
        """
        with self._keeping:
            if key in self._kept:
                self._kept[key] = self._kept.pop(key)  # the last one used is the last to go
            else:
                paths = [one for one in self._kept if _is_path(one)]
                if _is_path(key) and len(paths) >= KEPT_PATHS:
                    self._kept.pop(paths[0])
                elif len(self._kept) >= KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[key] = self._workers.submit(work)
            return self._kept[key]

    def known(self, key: Hashable) -> Future[Any] | None:
        """What is, or is being, computed under this key; nothing begins."""
        with self._keeping:
            return self._kept.get(key)

    def needed(self, key: Hashable, work: Callable[[], T]) -> T:
        """As :meth:`once`, but waits for it; ``BusyError`` where that takes too long."""
        return in_time(self.once(key, work))

    def searched(self, key: Hashable, work: Callable[[], T]) -> T:
        """What a search finds, a few at a time; ``BusyError`` where it takes too long.

        A search cannot be broken off. So a slow one goes on, holding its place among the few, and
        who asks for the same again waits for it instead of beginning another.
        """

        def among_few() -> T:
            with self.busy.working():
                return work()

        with self._keeping:
            future = self._late.get(key)
        if future is None:
            future = in_background(among_few)
        try:
            return in_time(future)
        finally:
            with self._keeping:
                self._late.pop(key, None)
                if not future.done():
                    self._late[key] = future
                    if len(self._late) > MOST_LATE:
                        self._late.pop(next(iter(self._late)))

    def looking(self, request: Request) -> tuple[ViewState, list[str]]:
        """The state that the address names, and what about it cannot be done."""
        return looking(parameters(request), self.seen.directions)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page of the site."""
        return HTMLResponse(self.text(template, **values), status)

    def text(self, template: str, **values: Any) -> str:
        """A template filled in; whatever is put into it is escaped."""
        seen = self.seen
        return TEMPLATES.get_template(template).render(
            seen=seen,
            changed=CHANGED if self.fresh.changed else "",
            static=values.pop("static", "/static/"),
            **values,
        )


def _watched(seen: Inspected) -> Mapping[Path, Stamp]:
    """The files that a space was read from; of a folder that was read before, what describes it."""
    if seen.files or seen.folder is None:
        return seen.files
    return {seen.folder / "space.json": stamp(seen.folder / "space.json")}


def in_background(work: Callable[[], T]) -> "Future[T]":
    """Begin some work on a thread that keeps nobody from ending the program."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name="anglewise-search", daemon=True).start()
    return future


def in_time(future: "Future[T]", seconds: float | None = None) -> T:
    """The result of some work; ``BusyError`` where it takes longer than ``SECONDS``.

    >>> in_time(in_background(lambda: "found"))
    'found'
    >>> in_time(Future(), 0.01)
    Traceback (most recent call last):
    ...
    anglewise.page.security.BusyError: this takes longer than 0.01 seconds and goes on: ...
    """
    seconds = SECONDS if seconds is None else seconds
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # raised by the work itself
            raise
        raise BusyError(
            f"this takes longer than {seconds:g} seconds and goes on: load the page again in a "
            "while, or take measures that need no look at all vectors first (dot, cosine, "
            "euclidean)"
        ) from None


def in_words(error: BaseException) -> str:
    """The message of an error, as much of it as a page shows."""
    return plain(str(error), CELL)


def as_json(content: dict[str, Any], status: int = 200) -> Response:
    """An answer to a script. JSON knows no NaN and no infinity: they go out as null.

    Other letters than ASCII go out as escapes: no encoding has half a character, which ids of some
    files and what a script sent may hold.
    """
    text = json.dumps(_finite(content), allow_nan=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {name: _finite(one) for name, one in cast("dict[str, Any]", content).items()}
    if isinstance(content, list | tuple):
        return [_finite(one) for one in cast("list[Any]", content)]
    return content


def _is_path(key: Hashable) -> bool:
    return isinstance(key, tuple) and key[:1] == ("path",)


def parameters(request: Request) -> dict[str, Sequence[str]]:
    """The parameters of an address, each with all its values."""
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def _score(value: float) -> str:
    """Enough digits to tell neighbours apart, no more.

    >>> _score(0.82444), _score(-12345.678)
    ('0.824', '-12,346')
    """
    return number(value) if abs(value) < 1000 else f"{value:,.0f}"


def _bytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} KB"


def _count(number_of: float) -> str:
    return f"{number_of:,.0f}"


def _grade(gain: float) -> str:
    return f"{gain:.3g}"


def _exact(value: str) -> Markup:
    """A value that a form sends back: escaped, but with every character that it has."""
    return escape(value.encode("utf-8", "replace").decode())


def _finished(value: object) -> object:
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value


TEMPLATES = Environment(
    loader=PackageLoader("anglewise.page"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_finished,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FILTERS: dict[str, Any] = {
    "score": _score,
    "size": _bytes,
    "grade": _grade,
    "count": _count,
    "counted": counted,
    "exact": _exact,
}
TEMPLATES.filters.update(_FILTERS)
