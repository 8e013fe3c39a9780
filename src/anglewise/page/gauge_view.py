"""The gauge slider: the same predictions, other neighbours."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from anglewise.core.numbers import read_number
from anglewise.core.typing import Direction
from anglewise.errors import AnglewiseError, SpellingError
from anglewise.measures.formulas import Formula
from anglewise.measures.measure import measure
from anglewise.page.gauge_paths import DiagonalScaling, SliderPath, path_of_gauges, path_of_witness
from anglewise.page.neighbours_view import asker, gains_of, listed
from anglewise.page.open_space import Inspected
from anglewise.page.queue import WAYS, pick
from anglewise.page.state import AppState, ViewState, as_json, in_words
from anglewise.report.words import at_most

STOPS = tuple(round(0.05 * stop, 2) for stop in range(21))
K = 10
FORMULAS = ("cosine", "euclidean", "dot")
CONDITIONS = (1.5, 2.0, 4.0, 10.0)
SHOWN_FIRST: tuple[Direction, ...] = ("items-items", "queries-items", "queries-queries")


@dataclass(frozen=True, eq=False)
class _GaugeView:
    """What the address asks: who, how, and along which path."""

    seen: Inspected
    here: ViewState
    row: int
    name: str
    formula: Formula
    condition: float | None
    path: SliderPath

    @property
    def scaling(self) -> DiagonalScaling:
        return self.path.scaling(self.here.direction)

    @property
    def start(self) -> float:
        return self.path.start

    @property
    def k(self) -> int:
        return max(1, min(K, len(self.scaling.ranked.rows) - 1))

    def hidden(self) -> list[int]:
        """Whom the list leaves out: who asks, or what a user has used."""
        if self.here.direction != "queries-items":
            return [self.row]
        seen = self.seen.space.seen
        return [] if seen is None else [int(item) for item in seen.row(self.row)]

    def rows(self, position: float) -> tuple[list[int], list[float]]:
        at = position - self.start
        return self.scaling.nearest(self.row, at, self.formula, self.k, self.hidden())


def slider(app: AppState, request: Request) -> Response:
    """The page; it shows the list where the slider stands."""
    view = _gauge_view(app, request)
    position = _position(request, view.start)
    here = view.here
    return app.page(
        "gauge.html",
        here=here,
        notes=[],
        who=asker(app.seen, here.direction, view.row),
        formula=view.name,
        formulas=FORMULAS,
        condition=view.condition,
        conditions=CONDITIONS,
        directions=SHOWN_FIRST,
        position=position,
        place=_place(app, view, position),
        judged=here.direction in app.seen.judgements,
        ways=[(name, words) for name, words in WAYS.items() if name not in {"disagree", "worst"}],
        k=view.k,
    )


def at(app: AppState, request: Request) -> Response:
    """The list at a position, while the slider is dragged."""
    view = _gauge_view(app, request)
    return as_json(_place(app, view, _position(request, view.start)))


def path(app: AppState, request: Request) -> Response:
    """The lists at every stop, for the picture."""
    view = _gauge_view(app, request)
    with app.busy.working():
        lists = [view.rows(stop)[0] for stop in STOPS]
    rows = sorted({row for one in lists for row in one})
    titles = app.seen.ranked(view.here.direction).known.titles(rows)
    return as_json(
        {"stops": STOPS, "lists": lists, "titles": dict(zip(map(str, rows), titles, strict=True))}
    )


def quality(app: AppState, request: Request) -> Response:
    """How nDCG moves along the gauges; computed once, in the background."""
    here, _ = app.looking(request)
    judged = app.seen.judgements.get(here.direction)
    if judged is None:
        return as_json({"state": "none"})

    def work() -> dict[str, Any]:
        from anglewise.auditing.gauge_overlap import gauge_path
        from anglewise.auditing.subject import subject

        seen = app.seen
        about = subject(seen.space, K, 500, seen.seed, None)
        found = gauge_path(about, here.direction, judged)
        return {**asdict(found), "state": "done"}

    future: Future[dict[str, Any]] = app.once(("quality", here.direction), work)
    if not future.done():
        return as_json({"state": "working"})
    error = future.exception()
    return as_json({"state": "none", "why": in_words(error)} if error else future.result())


def _place(app: AppState, view: _GaugeView, position: float) -> dict[str, Any]:
    """What is seen at one position, in plain types."""
    here, seen = view.here, app.seen
    with app.busy.working():
        rows, scores = view.rows(position)
        home = set(view.rows(view.start)[0])
    gains = gains_of(seen.judgements.get(here.direction), view.row)
    items = listed(seen.ranked(here.direction), rows, scores, gains=gains)
    predictions = view.path.predictions
    return {
        "position": position,
        "stay": len(home & set(rows)),
        "of": len(rows),
        "change": at_most(predictions.change(position - view.start)),
        "watched": predictions.count,
        "items": [
            {
                "row": one.row,
                "id": one.id,
                "title": one.title,
                "score": round(one.score, 3),
                "grade": one.grade,
                "new": one.row not in home,
            }
            for one in items
        ],
    }


def _gauge_view(app: AppState, request: Request) -> _GaugeView:
    seen = app.seen
    if not seen.gauged:
        raise SpellingError(
            "this space has no gauge: it has one side, or its training read lengths or angles"
        )
    here, _ = app.looking(request)
    if "direction" not in request.query_params:
        here = here.towards(SHOWN_FIRST[0], here.query)
    row = _row(seen, here)
    here = here.asking(seen.asking(here.direction).name(row))
    name = request.query_params.get("formula", FORMULAS[0])
    if name not in FORMULAS:
        raise SpellingError(f"no formula {name[:40]!r} here: {', '.join(FORMULAS)}")
    condition = _condition(request)
    if condition is not None and here.direction != "items-items":
        condition = None
    return _GaugeView(
        seen, here, row, name, measure(name).formula, condition, _gauge_path(app, row, condition)
    )


def _row(seen: Inspected, here: ViewState) -> int:
    if here.query is None:
        return pick(seen, "popular", here.direction, [], None)
    row = seen.asking(here.direction).row(here.query)
    if row is None:
        raise SpellingError(f"nobody here has the id {here.query[:60]!r}: pick somebody else")
    return row


def _gauge_path(app: AppState, row: int, condition: float | None) -> SliderPath:
    space, seed = app.seen.space, app.seen.seed
    key: tuple[object, ...] = ("path",)
    make: Callable[[], SliderPath] = lambda: path_of_gauges(space, seed)  # noqa: E731
    if condition is not None:
        key = ("path", row, condition)
        depth = max(1, min(K, len(space.items) - 2))
        make = lambda: path_of_witness(space, row, condition, depth, seed)[0]  # noqa: E731
    return app.needed(key, make)


def _position(request: Request, start: float) -> float:
    typed = request.query_params.get("t")
    position = start if typed is None else read_number(typed)
    if position is None or not 0 <= position <= 1:
        raise SpellingError("t is a number from 0 to 1")
    return round(float(position), 3)


def _condition(request: Request) -> float | None:
    text = request.query_params.get("worst", "")
    if not text:
        return None
    if text not in {f"{one:g}" for one in CONDITIONS}:
        known = ", ".join(f"{one:g}" for one in CONDITIONS)
        raise AnglewiseError(f"no condition {text[:20]!r} here: {known}")
    return float(text)
