"""The page of the gauge slider: the same predictions, other neighbours."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from anglewise.data_types.numbers import read_number
from anglewise.data_types.text import listed as listed_words
from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError, SpellingError
from anglewise.report.words import at_most
from anglewise.similarity_measures.formulas import Formula
from anglewise.similarity_measures.measure import measure
from anglewise.web_page.gauge_paths import (
    DiagonalScaling,
    SliderPath,
    path_of_gauges,
    path_of_witness,
)
from anglewise.web_page.neighbours_view import describe_query, gains_of, listed
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.picks import pick, picks
from anglewise.web_page.state import AppState, as_json, in_words
from anglewise.web_page.view_state import ViewState

STOPS = tuple(round(0.05 * stop, 2) for stop in range(21))
K = 10
FORMULAS = ("cosine", "euclidean", "dot")
CONDITIONS = (1.5, 2.0, 4.0, 10.0)
SHOWN_FIRST: tuple[Direction, ...] = ("items-items", "queries-items", "queries-queries")


@dataclass(frozen=True, eq=False)
class _GaugeView:
    """What the address asks for: the query, the formula, and the path."""

    inspected: Inspected
    view: ViewState
    row: int
    name: str
    formula: Formula
    condition: float | None
    path: SliderPath
    notes: list[str]

    @property
    def scaling(self) -> DiagonalScaling:
        return self.path.scaling(self.view.direction)

    @property
    def start(self) -> float:
        return self.path.start

    @property
    def k(self) -> int:
        return max(1, min(K, len(self.scaling.ranked.rows) - 1))

    def hidden(self) -> list[int]:
        """Rows that the list leaves out: the query itself, or the items that a user has used."""
        if self.view.direction != "queries-items":
            return [self.row]
        seen_items = self.inspected.space.seen
        return [] if seen_items is None else [int(item) for item in seen_items.row(self.row)]

    def rows(self, position: float) -> tuple[list[int], list[float]]:
        power = position - self.start
        return self.scaling.nearest(self.row, power, self.formula, self.k, self.hidden())


def slider(app: AppState, request: Request) -> Response:
    """The page, with the list at the position of the slider."""
    gauge = _gauge_view(app, request)
    position = _position(request, gauge.start)
    view = gauge.view
    return app.page(
        "gauge.html",
        view=view,
        notes=gauge.notes,
        shown_query=describe_query(app.inspected, view.direction, gauge.row),
        formula=gauge.name,
        formulas=FORMULAS,
        condition=gauge.condition,
        conditions=CONDITIONS,
        directions=SHOWN_FIRST,
        position=position,
        shown_list=_shown_list(app, gauge, position),
        unjudged=_unjudged(app.inspected, view.direction),
        picks=[
            (name, words)
            for name, words in picks(gauge.inspected, gauge.view.direction).items()
            if name not in {"disagree", "worst"}
        ],
        k=gauge.k,
    )


def at(app: AppState, request: Request) -> Response:
    """The list at a position as JSON, while the slider is dragged."""
    gauge = _gauge_view(app, request)
    shown_list = _shown_list(app, gauge, _position(request, gauge.start))
    return as_json({**shown_list, "notes": gauge.notes})


def path(app: AppState, request: Request) -> Response:
    """The lists at all stops as JSON, for the plot."""
    gauge = _gauge_view(app, request)
    with app.busy.working():
        lists = [gauge.rows(stop)[0] for stop in STOPS]
    rows = sorted({row for items in lists for row in items})
    titles = app.inspected.ranked(gauge.view.direction).metadata.titles(rows)
    named = dict(zip(map(str, rows), titles, strict=True))
    return as_json({"stops": STOPS, "lists": lists, "titles": named, "notes": gauge.notes})


def quality(app: AppState, request: Request) -> Response:
    """The nDCG of the lists shown along the path as JSON; computed once, in the background."""
    view, notes = _view(app, request)
    judgements = app.inspected.judgements.get(view.direction)
    if judgements is None:
        why = _unjudged(app.inspected, view.direction)
        return as_json({"state": "none", "why": why, "notes": notes})

    def work() -> dict[str, Any]:
        from anglewise.auditing.gauge_overlap import gauge_path
        from anglewise.auditing.subject import subject

        inspected = app.inspected
        audited = subject(inspected.space, K, 500, inspected.seed, None)
        along_path = gauge_path(audited, view.direction, judgements)
        return {**asdict(along_path), "state": "done"}

    future: Future[dict[str, Any]] = app.once(("quality", view.direction), work)
    if not future.done():
        return as_json({"state": "working", "notes": notes})
    error = future.exception()
    result = {"state": "none", "why": in_words(error)} if error else future.result()
    return as_json({**result, "notes": notes})


def _unjudged(inspected: Inspected, direction: Direction) -> str:
    """Why no quality is drawn for the lists of a direction; empty where they were judged."""
    if direction in inspected.judgements:
        return ""
    others = [name.replace("-", " → ") for name in inspected.judgements]
    instead = f"; what was judged is {listed_words(others)}, of other lists" if others else ""
    return f"no curve: nothing was judged for {direction.replace('-', ' → ')}{instead}"


def _shown_list(app: AppState, gauge: _GaugeView, position: float) -> dict[str, Any]:
    """The list at one position, how much of it stays, and how far predictions change."""
    view, inspected = gauge.view, app.inspected
    with app.busy.working():
        rows, scores = gauge.rows(position)
        start_rows = set(gauge.rows(gauge.start)[0])
    gains = gains_of(inspected.judgements.get(view.direction), gauge.row)
    items = listed(inspected.ranked(view.direction), rows, scores, gains=gains)
    predictions = gauge.path.predictions
    return {
        "position": position,
        "stay": len(start_rows & set(rows)),
        "of": len(rows),
        "change": at_most(predictions.change(position - gauge.start)),
        "watched": predictions.count,
        "items": [
            {
                "row": item.row,
                "id": item.id,
                "title": item.title,
                "score": round(item.score, 3),
                "grade": item.grade,
                "new": item.row not in start_rows,
            }
            for item in items
        ],
    }


def _gauge_view(app: AppState, request: Request) -> _GaugeView:
    inspected = app.inspected
    if not inspected.gauged:
        raise SpellingError(
            "this space has no gauge: it has one side, or its training read lengths or angles"
        )
    view, notes = _view(app, request)
    row = _row(inspected, view)
    view = view.asking(inspected.asking(view.direction).name(row))
    name = request.query_params.get("formula", FORMULAS[0])
    if name not in FORMULAS:
        raise SpellingError(f"no formula {name[:40]!r} here: {', '.join(FORMULAS)}")
    condition = _condition(request)
    if condition is not None and view.direction != "items-items":
        notes.append(f"worst={condition:g} is of items-items: {view.direction} is shown without it")
        condition = None
    return _GaugeView(
        inspected,
        view,
        row,
        name,
        measure(name).formula,
        condition,
        _gauge_path(app, row, condition),
        notes,
    )


def _view(app: AppState, request: Request) -> tuple[ViewState, list[str]]:
    """What the address asks for, and what is wrong with it; by default items beside items."""
    view, notes = app.read_view(request)
    if request.query_params.get("direction") == view.direction:
        return view, notes
    return view.towards(SHOWN_FIRST[0], view.query), notes


def _row(inspected: Inspected, view: ViewState) -> int:
    if view.query is None:
        return pick(inspected, "popular", view.direction, [], None)
    row = inspected.asking(view.direction).row(view.query)
    if row is None:
        raise SpellingError(f"nobody here has the id {view.query[:60]!r}: pick somebody else")
    return row


def _gauge_path(app: AppState, row: int, condition: float | None) -> SliderPath:
    space, seed = app.inspected.space, app.inspected.seed
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
    if text not in {f"{condition:g}" for condition in CONDITIONS}:
        choices = ", ".join(f"{condition:g}" for condition in CONDITIONS)
        raise AnglewiseError(f"no condition {text[:20]!r} here: {choices}")
    return float(text)
