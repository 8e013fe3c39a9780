"""Neighbours under several measures, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.numbers import shown
from anglewise.core.typing import Direction
from anglewise.engine.search import search
from anglewise.errors import AnglewiseError
from anglewise.measures.formulas import Measure
from anglewise.page.open_space import Inspected, SideSeen, short_name
from anglewise.page.queue import WAYS, pick
from anglewise.page.security import BusyError
from anglewise.page.state import AppState, ParsedMeasures, ViewState, in_words, parse_measures

BAR = 56
"""Width of the bar of a length, in pixels."""


@dataclass(frozen=True)
class ShownItem:
    """A row of the ranked side as it stands in a list."""

    row: int
    id: str
    title: str
    rank: int
    score: float
    grade: float | None
    use: float | None
    norm: float
    bar: float
    only_here: bool
    picture: bool


@dataclass(frozen=True)
class Column:
    """One measure's list, or why there is none."""

    measure: str
    meaning: str
    items: tuple[ShownItem, ...] = ()
    tied: int = 0
    error: str = ""


@dataclass(frozen=True)
class Asker:
    """Who asks: its name and what is known about it."""

    row: int
    id: str
    title: str
    norm: float
    use: float | None
    use_word: str
    about: tuple[tuple[str, str], ...]
    picture: bool
    judged: int
    relevant: int


def asker(seen: Inspected, direction: Direction, row: int) -> Asker:
    """Who asks."""
    side = seen.asking(direction)
    gains = gains_of(seen.judgements.get(direction), row)
    return Asker(
        row=row,
        id=side.name(row),
        title=side.known.titles([row])[0],
        norm=float(side.embeddings.norms[row]),
        use=_use(side, row),
        use_word=side.use_word,
        about=tuple(side.known.about(row)),
        picture=side.known.picture_column is not None,
        judged=len(gains),
        relevant=sum(gain > 0 for gain in gains.values()),
    )


def columns(
    seen: Inspected, here: ViewState, row: int, measures: Sequence[Measure]
) -> list[Column]:
    """The lists of one query under each measure, from place ``here.start`` on.

    A measure that cannot be taken here (a gauge in a space of one side) says why in its column.
    """
    lists = {str(one): _searched(seen, here, row, one) for one in measures}
    found = {name: one for name, one in lists.items() if isinstance(one, Neighbours)}
    shown = {name: _rows(one, here) for name, one in found.items()}
    ranked = seen.ranked(here.direction)
    gains = gains_of(seen.judgements.get(here.direction), row)
    made: list[Column] = []
    for measure in measures:
        name, answer = str(measure), lists[str(measure)]
        if isinstance(answer, str):
            made.append(Column(name, meaning_of(measure), error=answer))
            continue
        elsewhere = {r for other, rows in shown.items() if other != name for r in rows}
        items = listed(
            ranked,
            shown[name],
            answer.scores[0, here.start :].tolist(),
            gains=gains,
            elsewhere=elsewhere if len(found) > 1 else None,
            start=here.start,
        )
        made.append(Column(name, meaning_of(measure), items, int(answer.tied_at_cut[0])))
    return made


def listed(
    ranked: SideSeen,
    rows: Sequence[int],
    scores: Sequence[float],
    *,
    gains: Mapping[int, float],
    elsewhere: set[int] | None = None,
    start: int = 0,
) -> tuple[ShownItem, ...]:
    """Rows of the ranked side with their scores, as items of a list."""
    titles, norms = ranked.known.titles(rows), ranked.embeddings.norms
    picture = ranked.known.picture_column is not None
    return tuple(
        ShownItem(
            row=row,
            id=ranked.name(row),
            title=title,
            rank=start + place + 1,
            score=float(score),
            grade=gains.get(row),
            use=_use(ranked, row),
            norm=float(norms[row]),
            bar=round(BAR * float(norms[row]) / (ranked.longest or 1.0), 1),
            only_here=elsewhere is not None and row not in elsewhere,
            picture=picture,
        )
        for place, (row, title, score) in enumerate(zip(rows, titles, scores, strict=False))
    )


def gains_of(judgements: Judgements | None, row: int) -> dict[int, float]:
    """What was judged for one query: item row to gain."""
    if judgements is None:
        return {}
    table = judgements.gains
    place = slice(table.indptr[row], table.indptr[row + 1])
    pairs = zip(table.indices[place].tolist(), table.values[place].tolist(), strict=True)
    return {int(item): float(gain) for item, gain in pairs}


def meaning_of(measure: Measure) -> str:
    """What a score means, in words."""
    frames = ", ".join(map(str, measure.frames))
    return measure.formula.meaning + (f" (after: {frames})" if frames else "")


def _searched(seen: Inspected, here: ViewState, row: int, measure: Measure) -> Neighbours | str:
    ranked = len(seen.ranked(here.direction).embeddings)
    depth = min(here.start + here.k, ranked)
    judged = seen.judgements.get(here.direction)
    try:
        found = search(
            seen.space,
            [measure],
            k=depth,
            direction=here.direction,
            rows=np.array([row], dtype=np.int64),
            exclude=None if judged is None else judged.seen,
        )
    except AnglewiseError as error:
        return in_words(error)
    return found[str(measure)]


def _rows(found: Neighbours, here: ViewState) -> list[int]:
    return [int(row) for row in found.indices[0, here.start :] if row >= 0]


def _use(side: SideSeen, row: int) -> float | None:
    if side.use is None or np.isnan(side.use[row]):
        return None
    return float(side.use[row])


SUGGESTED = (
    "dot",
    "cosine",
    "euclidean",
    "norm(0,0.5)",
    "cosine@centred",
    "cosine@without-top(3)",
    "manhattan",
)
GAUGED = ("cosine@balanced", "cosine@item-orthonormal", "cosine@data-space")
PICKED_AT = "popular"
"""Who asks when nobody was named: somebody that people know."""


def neighbours(app: AppState, request: Request) -> Response:
    """The lists of who is named in the address."""
    here, notes = app.looking(request)
    read = parse_measures(here.spelled)
    row = _row(app, here, read, notes)
    lists, who = [], None
    if row is None:
        here = replace(here, query=short_name(here.query or ""))
    else:
        who = asker(app.seen, here.direction, row)
        here = replace(here, query=who.id)
        lists = app.searched(("lists", here, row), lambda: columns(app.seen, here, row, read.known))

    def link(item: ShownItem) -> str:
        return "/" + _next(here, item.id).address()

    return app.page(
        "neighbours.html",
        here=here,
        notes=notes,
        typed=read,
        who=who,
        columns=lists,
        link=link,
        ways=_ways(app, here, read),
        suggested=(*SUGGESTED, *(GAUGED if app.seen.gauged else ())),
        status=200 if not (row is None and here.query is not None) else 404,
    )


def find(app: AppState, request: Request) -> Response:
    """Who may be meant by a text: straight there if it is an id, else a list to choose from."""
    here, notes = app.looking(request)
    text = request.query_params.get("text", "")[:500].strip()
    side = app.seen.asking(here.direction)
    row = side.row(text)
    if row is not None:
        return RedirectResponse(_home(request) + here.asking(side.name(row)).address(), 303)
    with app.busy.working():
        rows = side.known.find(text) if text else []
    titles = side.known.titles(rows)
    found = [(side.name(row), title) for row, title in zip(rows, titles, strict=True)]
    return app.page(
        "found.html", here=here, notes=notes, text=text, found=found, home=_home(request)
    )


def picked(app: AppState, request: Request) -> Response:
    """Somewhere else: at random, or where measures disagree, and so on."""
    here, _ = app.looking(request)
    how = request.path_params["how"]
    if how not in WAYS:
        return app.page("message.html", 404, title="No such way", message=", ".join(WAYS))
    side = app.seen.asking(here.direction)
    after = side.row(here.query or "")
    known, way = parse_measures(here.spelled).known, here.direction
    try:
        row = app.searched(
            ("pick", how, way, here.spelled, after),
            lambda: pick(app.seen, how, way, known, after),
        )
    except BusyError:
        raise
    except AnglewiseError as error:
        return app.page("message.html", 200, title="Nothing to pick", message=in_words(error))
    return RedirectResponse(_home(request) + here.asking(side.name(row)).address(), 303)


def _home(request: Request) -> str:
    """The page from which somebody is sought, and to which who is found comes."""
    return "/gauge" if request.url.path.startswith("/gauge/") else "/"


def _next(here: ViewState, name: str) -> ViewState:
    """The page on which a neighbour asks."""
    asks_itself = here.direction != "queries-items"
    return here.asking(name) if asks_itself else here.towards("items-items", name)


def _row(app: AppState, here: ViewState, read: ParsedMeasures, notes: list[str]) -> int | None:
    if here.query is None:
        return pick(app.seen, PICKED_AT, here.direction, read.known, None)
    row = app.seen.asking(here.direction).row(here.query)
    if row is None:
        notes.append(
            f"nobody here has the id {shown(here.query)!r}: search above, or pick somebody at "
            "random"
        )
    return row


def _ways(app: AppState, here: ViewState, read: ParsedMeasures) -> list[tuple[str, str]]:
    """The ways that lead somewhere from here."""
    shut = {
        "disagree": len(read.known) < 2,
        "worst": here.direction not in app.seen.judgements or not read.known,
    }
    return [(name, words) for name, words in WAYS.items() if not shut.get(name, False)]
