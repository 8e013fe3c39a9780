"""What all requests share: the space that is open, the gate before searches, the templates."""

import math
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from anglewise.inspect.answers import Store
from anglewise.inspect.busy import Busy
from anglewise.inspect.freshness import CHANGED, Freshness
from anglewise.inspect.inspected import Inspected
from anglewise.inspect.known import harmless
from anglewise.inspect.looking import Looking, looking
from anglewise.report.words import counted, number

BODY = "anglewise.body"
"""Where a page finds the body of a request, read before it runs on a thread."""

KEPT, KEPT_ROADS = 16, 2
"""Results about a space that are kept; a road is as large as the vectors, so few of them are."""


@dataclass
class Desk:
    """The open space, which :meth:`reload` reads anew; everything else asks it for the space."""

    read: Callable[[], Inspected]
    busy: Busy = field(default_factory=Busy)
    seen: Inspected = field(init=False)
    fresh: Freshness = field(init=False)
    store: Store = field(init=False)
    _kept: dict[Hashable, Future[Any]] = field(init=False, default_factory=dict[Hashable, Any])
    _keeping: Lock = field(init=False, default_factory=Lock)
    _workers: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="anglewise-inspect")
        self.reload()

    def reload(self) -> None:
        """Read the space again, and forget what was computed about the old one."""
        self.seen = self.read()
        self.fresh = Freshness(self.seen.folder)
        self.store = Store(self.seen.store)
        self._kept = {}

    def once(self, key: Hashable, work: Callable[[], Any]) -> Future[Any]:
        """What was, or is being, computed about the open space under this key, in the background.

        The last few are kept.
        """
        with self._keeping:
            if key in self._kept:
                self._kept[key] = self._kept.pop(key)  # the last one used is the last to go
            else:
                roads = [one for one in self._kept if _is_road(one)]
                if _is_road(key) and len(roads) >= KEPT_ROADS:
                    self._kept.pop(roads[0])
                elif len(self._kept) >= KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[key] = self._workers.submit(work)
            return self._kept[key]

    def known(self, key: Hashable) -> Future[Any] | None:
        """What is, or is being, computed under this key; nothing begins."""
        with self._keeping:
            return self._kept.get(key)

    def looking(self, request: Request) -> tuple[Looking, list[str]]:
        """The state that the address names, and what about it cannot be done."""
        return looking(asked(request), self.seen.directions)

    def page(self, template: str, status: int = 200, **told: Any) -> HTMLResponse:
        """A page of the site."""
        return HTMLResponse(self.text(template, **told), status)

    def text(self, template: str, **told: Any) -> str:
        """A template filled in; whatever is put into it is escaped."""
        seen = self.seen
        return TEMPLATES.get_template(template).render(
            seen=seen,
            changed=CHANGED if self.fresh.changed else "",
            static=told.pop("static", "/static/"),
            **told,
        )


def as_json(content: dict[str, Any], status: int = 200) -> Response:
    """An answer to a script. JSON knows no NaN and no infinity: they go out as null."""
    return JSONResponse(_finite(content), status)


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {name: _finite(one) for name, one in cast("dict[str, Any]", content).items()}
    if isinstance(content, list | tuple):
        return [_finite(one) for one in cast("list[Any]", content)]
    return content


def _is_road(key: Hashable) -> bool:
    return isinstance(key, tuple) and key[:1] == ("road",)


def asked(request: Request) -> dict[str, Sequence[str]]:
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
    loader=PackageLoader("anglewise.inspect"),
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
