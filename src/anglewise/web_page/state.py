"""The state of the application, its templates, and its answers."""

import json
import math
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from anglewise.data_types.text import counted, percent
from anglewise.io.files import Stamp, stamp
from anglewise.report.words import number
from anglewise.web_page.answers import Store
from anglewise.web_page.attention import Attention, NobodyAsksError
from anglewise.web_page.limits import BusyError, SearchLimiter
from anglewise.web_page.metadata import CELL, harmless, plain
from anglewise.web_page.open_space import CHANGED, Freshness, Inspected
from anglewise.web_page.rankings import usual_rankings
from anglewise.web_page.view_state import MOST_MEASURES, ViewState, read_view

SECONDS = 30.0
"""How long a request waits for its result; work that takes longer goes on in the background."""

MOST_SLOW = 16
"""Results of slow searches that are kept until they are asked for again."""

T = TypeVar("T")

BODY = "anglewise.body"
"""The key of the scope under which a page finds the body of its request."""

MOST_RESULTS, MOST_PATHS = 16, 2
"""Results that are kept; of paths, which are as large as the vectors, only a few."""


@dataclass
class AppState:
    """The open space, which :meth:`reload` reads anew, and the results computed about it."""

    read: Callable[[], Inspected]
    busy: SearchLimiter = field(default_factory=SearchLimiter)
    inspected: Inspected = field(init=False)
    fresh: Freshness = field(init=False)
    store: Store = field(init=False, default_factory=lambda: Store(None))
    attention: Attention = field(init=False, default_factory=Attention)
    _results: dict[Hashable, Future[Any]] = field(init=False, default_factory=dict[Hashable, Any])
    _lock: Lock = field(init=False, default_factory=Lock)
    _slow: dict[Hashable, Future[Any]] = field(init=False, default_factory=dict[Hashable, Any])
    _searching: dict[Hashable, Future[Any]] = field(init=False, default_factory=dict[Hashable, Any])
    _workers: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="anglewise-inspect")
        self.reload()

    def reload(self) -> None:
        """Read the space again, and drop the results about the old one."""
        inspected = self.read()
        fresh, store = Freshness(_files_to_watch(inspected)), self.store.at(inspected.store)
        with self._lock:
            self.inspected, self.fresh, self.store = inspected, fresh, store
            self._results, self._slow, self._searching = {}, {}, {}

    def snapshot(self) -> "AppState":
        """A copy that keeps the space, even if it is read anew: an answer is about one space."""
        with self._lock:
            return copy(self)

    def once(self, key: Hashable, work: Callable[[], Any]) -> Future[Any]:
        """Compute something about the open space in the background, once for each key.

        The last few results are kept.
        """
        with self._lock:
            if key in self._results:
                self._results[key] = self._results.pop(key)  # the last one used is dropped last
            else:
                paths = [other_key for other_key in self._results if _is_path(other_key)]
                if _is_path(key) and len(paths) >= MOST_PATHS:
                    self._results.pop(paths[0])
                elif len(self._results) >= MOST_RESULTS:
                    self._results.pop(next(iter(self._results)))
                self._results[key] = self._workers.submit(work)
            return self._results[key]

    def lookup(self, key: Hashable) -> Future[Any] | None:
        """The result of this key, computed or in work; None where :meth:`once` was not called."""
        with self._lock:
            return self._results.get(key)

    def while_asked(self, key: Hashable, work: Callable[[Callable[[], None]], Any]) -> Future[Any]:
        """As :meth:`once`, for work that ends where nobody has called this for a few seconds.

        The work gets a function to call at its steps, which raises then. It is started anew when
        somebody asks again.
        """
        self.attention.asked(key)
        future = self.lookup(key)
        if future is not None and future.done():
            if not isinstance(future.exception(), NobodyAsksError):
                return future
            self.forget(key)
        return self.once(key, lambda: work(self.attention.alive(key)))

    def forget(self, key: Hashable) -> None:
        """Drop a result, so that it is computed anew."""
        with self._lock:
            self._results.pop(key, None)

    def needed(self, key: Hashable, work: Callable[[], T]) -> T:
        """As :meth:`once`, but wait for the result; ``BusyError`` where that takes too long."""
        return in_time(self.once(key, work))

    def searched(self, key: Hashable, work: Callable[[], T]) -> T:
        """Search, with few others at a time; ``BusyError`` where it takes too long.

        A search cannot be stopped. So a slow one goes on, as one of the few, and a later request
        for the same waits for it instead of starting another, as do those that ask meanwhile.
        """

        def among_few() -> T:
            with self.busy.working():
                return work()

        with self._lock:
            future = self._slow.get(key) or self._searching.get(key)
            if future is None:
                future = self._searching[key] = in_background(among_few)
        try:
            return in_time(future)
        finally:
            with self._lock:
                for known in (self._slow, self._searching):
                    if known.get(key) is future:
                        known.pop(key)
                if not future.done():
                    self._slow[key] = future
                    if len(self._slow) > MOST_SLOW:
                        self._slow.pop(next(iter(self._slow)))

    def read_view(self, request: Request) -> tuple[ViewState, list[str]]:
        """The view that the address names, and what is wrong with the address, as sentences."""
        view, notes = read_view(parameters(request), self.inspected.directions)
        if self.inspected.others and not any(parameters(request).get("measure", ())):
            view = replace(view, spelled=usual_rankings(self.inspected, MOST_MEASURES))
        return view, notes

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A template filled in, as an answer."""
        return HTMLResponse(self.text(template, **values), status)

    def text(self, template: str, **values: Any) -> str:
        """A template filled in; all values are escaped."""
        inspected = self.inspected
        return TEMPLATES.get_template(template).render(
            inspected=inspected,
            changed=CHANGED if self.fresh.changed else "",
            static=values.pop("static", "/static/"),
            **values,
        )


def _files_to_watch(inspected: Inspected) -> Mapping[Path, Stamp]:
    """The files of a space with their stamps; of a folder without any, that of ``space.json``."""
    if inspected.files or inspected.folder is None:
        return inspected.files
    return {inspected.folder / "space.json": stamp(inspected.folder / "space.json")}


def in_background(work: Callable[[], T]) -> "Future[T]":
    """Start some work on a thread that does not keep the program from ending."""
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
    anglewise.web_page.limits.BusyError: this takes longer than 0.01 seconds and goes on: ...
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
    """The message of an error, cut to what a page shows."""
    return plain(str(error), CELL)


def as_json(content: dict[str, Any], status: int = 200) -> Response:
    """An answer to a script as JSON, which has no NaN and no infinity: they become null.

    Characters outside ASCII are escaped: UTF-8 has no lone surrogates, which ids of some files and
    requests may hold.
    """
    text = json.dumps(_finite(content), allow_nan=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in cast("dict[str, Any]", content).items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in cast("list[Any]", content)]
    return content


def _is_path(key: Hashable) -> bool:
    return isinstance(key, tuple) and key[:1] == ("path",)


def parameters(request: Request) -> dict[str, Sequence[str]]:
    """The parameters of an address, each name with all its values."""
    values: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        values.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in values.items()}


def _score(value: float) -> str:
    """A score in as many digits as tell neighbours apart.

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
    """A value that a form sends back: escaped, but with all its control characters."""
    return escape(value.encode("utf-8", "replace").decode())


def _finished(value: object) -> object:
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value


TEMPLATES = Environment(
    loader=PackageLoader("anglewise.web_page"),
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
    "probability": percent,
}
TEMPLATES.filters.update(_FILTERS)
