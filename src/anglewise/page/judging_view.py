"""Judging by keyboard: cards go out ahead, answers come in behind."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias, cast
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from anglewise.core.typing import Direction
from anglewise.errors import AnglewiseError, FileError, IdsError, SpellingError
from anglewise.judgements.records import Judged
from anglewise.page.metadata import Metadata
from anglewise.page.open_space import (
    CHANGED,
    GRADES,
    Inspected,
    judge_name,
    judged,
    short_name,
    shown,
)
from anglewise.page.queue import JudgingQueue, agreement, current_judgements, draw_queue
from anglewise.page.security import BusyError, cookies
from anglewise.page.state import BODY, AppState, ViewState, as_json, in_words, parse_measures

Page: TypeAlias = Callable[[AppState, Request], Response]

AHEAD = 20
"""Cards that a judge is given at a time."""

COOKIE = "anglewise-judge"
DEPTHS = (5, 10)
ORDERS = {"query by query": "", "most informative first": "informative"}
LEADING = {"popularity", "split", "count", "rank", "score"}
"""Columns that would lead a judge."""

YEAR = 365 * 24 * 3600


def judging(app: AppState, request: Request) -> Response:
    """The page; the first card is fetched by its script."""
    view, notes = _judged_view(app, request)
    return app.page(
        "judge.html",
        view=view,
        notes=notes,
        judge=_judge(request),
        grades=GRADES,
        depth=_depth(request),
        depths=DEPTHS,
        order=request.query_params.get("order", ""),
        chosen=_chosen(app.inspected, view, request),
        orders=ORDERS,
        blind=_blind(request),
        can=app.inspected.store is not None,
        query=request.url.query,
    )


def name(app: AppState, request: Request) -> Response:
    """Remember who judges."""
    del app
    body = request.scope[BODY].decode("utf-8", "replace")
    fields = dict(pair.partition("=")[::2] for pair in body.replace("+", " ").split("&"))
    judge = judge_name(unquote(fields.get("name", "")))
    back = unquote(fields.get("back", ""))
    answer = RedirectResponse("/judge" + (f"?{back}" if back.isprintable() and back else ""), 303)
    answer.set_cookie(COOKIE, quote(judge), max_age=YEAR, samesite="lax", httponly=True)
    return answer


def for_script(page: Page) -> Page:
    """A page whose answers a script reads: what cannot be done is told it as JSON."""

    def answered(app: AppState, request: Request) -> Response:
        try:
            return page(app, request)
        except AnglewiseError as error:
            status = 503 if isinstance(error, BusyError) else 400
            return as_json({"error": in_words(error)}, status)

    return answered


@for_script
def cards(app: AppState, request: Request) -> Response:
    """The next cards of this judge: no scores, no names of measures, unless asked for."""
    judge, queue = _needed(request), _queue(app, request)
    rows = app.store.standing(queue.direction)
    done = {(row.query_id, row.item_id) for row in rows if row.judge == judge}
    known = set(request.query_params.get("have", "").split(",")[:200])
    order = _order(app, request, queue, judge, rows)
    asking, ranked = app.inspected.space.sides(queue.direction)
    made: list[dict[str, Any]] = []
    for place in order:
        asks, item = queue.pairs[place]
        if (str(asking.ids[asks]), str(ranked.ids[item])) in done or str(place) in known:
            continue
        made.append(_card(app.inspected, queue, place, blind=_blind(request)))
        if len(made) >= AHEAD:
            break
    return as_json({"cards": made, "done": _done(app, queue, done), "size": queue.size})


@for_script
def state(app: AppState, request: Request) -> Response:
    """How far this judge is, how judges agree, and where the decision stands."""
    judge, queue = _needed(request), _queue(app, request)
    rows = app.store.standing(queue.direction)
    judges: dict[str, int] = {}
    for row in rows:
        who = short_name(row.judge)
        judges[who] = judges.get(who, 0) + 1
    return as_json(
        {
            "done": _done(
                app, queue, {(row.query_id, row.item_id) for row in rows if row.judge == judge}
            ),
            "size": queue.size,
            "judges": judges,
            "agreement": agreement(rows, judge),
            "decision": queue.live.decision(app.inspected, queue, rows),
            "late": queue.live.late(rows),
            "changed": CHANGED if app.fresh.changed else "",
        }
    )


def answer(app: AppState, request: Request) -> Response:
    """Take one answer into the store; only then say that it is there."""

    def save(sent: dict[str, Any], judge: str) -> None:
        if app.fresh.changed:
            raise IdsError(f"{CHANGED} Read it again before you judge on.")
        direction = _direction(app, sent)
        app.store.opened().add(judged(app.inspected, sent, judge, direction))

    return _written(request, save)


def undo(app: AppState, request: Request) -> Response:
    """Take one answer back: a row is added, none is removed."""

    def take_back(sent: dict[str, Any], judge: str) -> None:
        app.store.opened().retract(str(sent.get("uuid", ""))[:100], judge=judge, own=True)

    return _written(request, take_back)


def _written(request: Request, write: Callable[[dict[str, Any], str], None]) -> Response:
    """A write and what is said of it: 503 may be tried again, 4xx never."""
    try:
        body: Any = json.loads(request.scope[BODY])
        if not isinstance(body, dict):
            raise SpellingError("an object is due")
        sent = cast("dict[str, Any]", body)
        write(sent, _author(request, sent))
    except (ValueError, RecursionError) as error:  # ours are among them
        status = 409 if isinstance(error, IdsError) else 422
        return as_json({"error": in_words(error)}, status)
    except FileError as error:
        return as_json({"error": in_words(error)}, 503)
    return as_json({"saved": sent.get("uuid")})


def _done(app: AppState, queue: JudgingQueue, pairs: set[tuple[str, str]]) -> int:
    """How many pairs of the deck are among these."""
    asking, ranked = app.inspected.space.sides(queue.direction)
    return sum((str(asking.ids[a]), str(ranked.ids[b])) in pairs for a, b in queue.pairs)


def _card(inspected: Inspected, queue: JudgingQueue, place: int, *, blind: bool) -> dict[str, Any]:
    asks, item = queue.pairs[place]
    asking, ranked = inspected.asking(queue.direction), inspected.ranked(queue.direction)
    card: dict[str, Any] = {
        "card": place,
        "direction": queue.direction,
        "query": asking.name(asks),
        "item": ranked.name(item),
        "query_title": asking.metadata.titles([asks])[0],
        "item_title": ranked.metadata.titles([item])[0],
        "query_about": _about(asking.metadata, asks, blind=blind),
        "item_about": _about(ranked.metadata, item, blind=blind),
        "query_picture": _picture(
            queue.direction.split("-")[0], asking.metadata.picture_column, asks
        ),
        "item_picture": _picture(
            queue.direction.split("-")[1], ranked.metadata.picture_column, item
        ),
        "shown": shown(inspected, queue.direction, asks, item),
        # What found the pair is kept with the judgement, but the page does not show it.
        "context": {"depth": queue.depth, "ranks": queue.ranks(place), "blind": blind},
    }
    if not blind:
        card["found"] = [f"{name} {rank}" for name, rank in queue.ranks(place).items()]
    return card


def _about(known: Metadata, row: int, *, blind: bool) -> list[tuple[str, str]]:
    """What a judge may know: not how popular a thing is, nor in which split it stood."""
    return [pair for pair in known.about(row) if not (blind and pair[0].lower() in LEADING)]


def _picture(side: str, column: str | None, row: int) -> str | None:
    return None if column is None else f"/picture/{side}/{row}"


def _order(
    app: AppState, request: Request, queue: JudgingQueue, judge: str, rows: list[Judged]
) -> list[int]:
    usual = queue.order(judge)
    if request.query_params.get("order") != "informative":
        return usual
    known = current_judgements(app.inspected, queue, rows)
    if known is None:
        return usual
    first = queue.informative(known)
    there = set(first)
    return [*first, *(place for place in usual if place not in there)]


def _chosen(inspected: Inspected, view: ViewState, request: Request) -> bool:
    """Whether pairs come first for what they tell: then no decision on them is guaranteed."""
    given = (
        inspected.queue if inspected.queue and inspected.queue.direction == view.direction else None
    )
    asked = request.query_params.get("order") == "informative"
    return asked or (given is not None and given.chosen)


def _judged_view(app: AppState, request: Request) -> tuple[ViewState, list[str]]:
    view, notes = app.read_view(request)
    if "direction" in request.query_params:
        return view, notes
    if app.inspected.queue is not None:
        return view.towards(app.inspected.queue.direction), notes
    if not app.inspected.queries.metadata.titled:
        view = view.towards("items-items")  # ids alone are nobody that a person could judge for
    return view, notes


def _queue(app: AppState, request: Request) -> JudgingQueue:
    view, _ = _judged_view(app, request)
    measures = parse_measures(view.spelled).valid
    inspected, depth = app.inspected, _depth(request)
    key = ("deck", *_key(app, request))
    return app.needed(key, lambda: draw_queue(inspected, view.direction, measures, depth))


def _key(app: AppState, request: Request) -> tuple[object, ...]:
    view, _ = _judged_view(app, request)
    return view.direction, tuple(map(str, parse_measures(view.spelled).valid)), _depth(request)


def _direction(app: AppState, sent: dict[str, Any]) -> Direction:
    for one in app.inspected.directions:
        if one == sent.get("direction"):
            return one
    raise SpellingError(f"direction is one of {', '.join(app.inspected.directions)}")


def _depth(request: Request) -> int:
    text = request.query_params.get("depth", "")
    return int(text) if text in {str(one) for one in DEPTHS} else DEPTHS[0]


def _blind(request: Request) -> bool:
    return request.query_params.get("blind", "1") != "0"


def _judge(request: Request) -> str | None:
    sent = cookies(request.headers.get("cookie", ""), COOKIE)
    try:
        return judge_name(unquote(sent[-1] if sent else ""))
    except AnglewiseError:
        return None


def _author(request: Request, sent: dict[str, Any]) -> str:
    """Who gave an answer: the name that its page showed.

    The cookie may be another judge's by now, as all tabs share it and answers wait to be sent.
    """
    named: Any = sent.get("judge")
    return judge_name(named) if isinstance(named, str) else _needed(request)


def _needed(request: Request) -> str:
    named = request.query_params.get("judge")  # whose cards the page shows
    judge = _judge(request) if named is None else judge_name(named)
    if judge is None:
        raise SpellingError("who judges? give a name first")
    return judge
