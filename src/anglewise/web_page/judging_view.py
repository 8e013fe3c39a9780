"""The page for judging by keyboard: it sends cards ahead, and takes answers as they come."""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from anglewise.data_types.numbers import shown as quoted
from anglewise.data_types.text import listed
from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError, FileError, IdsError, SpellingError, ValuesError
from anglewise.judgements.records import Judged
from anglewise.web_page.answers import GRADES, judge_name, judged, shown
from anglewise.web_page.limits import BusyError
from anglewise.web_page.metadata import picture, picture_version
from anglewise.web_page.open_space import CHANGED, Inspected, InspectedSide, short_name
from anglewise.web_page.queue import (
    JudgingQueue,
    agreement,
    current_judgements,
    draw_queue,
    judged_pairs,
)
from anglewise.web_page.read_passages import ReadPassage, read_passage
from anglewise.web_page.security import cookies
from anglewise.web_page.state import BODY, AppState, as_json, in_words
from anglewise.web_page.view_state import ViewState, parse_measures

Page: TypeAlias = Callable[[AppState, Request], Response]

AHEAD = 20
"""Cards that the page is sent at a time."""

MOST_KNOWN = 2000
"""Cards that a page may say it has: their numbers stand in an address of at most 32 KB."""

ANOTHER = (
    "another space, store or queue is open here now: open the one for which this was judged at "
    "this address again, and it is saved"
)
"""Why an answer is refused that was given on another page at this address."""

COOKIE = "anglewise-judge"
DEPTHS = (5, 10)
ORDERS = {"query by query": "", "most informative first": "informative"}
LEADING = {"popularity", "split", "count", "rank", "score"}
"""Columns that would bias a judge."""

YEAR = 365 * 24 * 3600


def judging(app: AppState, request: Request) -> Response:
    """The page, whose script fetches the first cards."""
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
    """Remember the judge's name in a cookie."""
    del app
    body = request.scope[BODY].decode("utf-8", "replace")
    fields = dict(pair.partition("=")[::2] for pair in body.replace("+", " ").split("&"))
    judge = judge_name(unquote(fields.get("name", "")))
    back = unquote(fields.get("back", ""))
    answer = RedirectResponse("/judge" + (f"?{back}" if back.isprintable() and back else ""), 303)
    answer.set_cookie(COOKIE, quote(judge), max_age=YEAR, samesite="lax", httponly=True)
    return answer


def for_script(page: Page) -> Page:
    """A page whose answers a script reads: errors are answered as JSON."""

    def with_json_errors(app: AppState, request: Request) -> Response:
        try:
            return page(app, request)
        except AnglewiseError as error:
            status = 503 if isinstance(error, BusyError) else 400
            return as_json({"error": in_words(error)}, status)

    return with_json_errors


@for_script
def cards(app: AppState, request: Request) -> Response:
    """The next cards of this judge; with ranks under the measures only where that was chosen."""
    _check_mark(app, request)
    judge, queue, notes = _needed(request), _queue(app, request), _judged_view(app, request)[1]
    rows = app.store.standing(queue.direction)
    judged = judged_pairs(app.inspected, queue, rows, judge)
    known_cards = _known_cards(request)
    order, note = _order(app, request, queue, judge, rows)
    asking = app.inspected.space.sides(queue.direction)[0]
    next_cards: list[dict[str, Any]] = []
    for position in order:
        query, item = queue.pairs[position]
        ids = (str(asking.ids[query]), app.inspected.item_id(queue.direction, item))
        if ids in judged or str(position) in known_cards:
            continue
        next_cards.append(_card(app.inspected, queue, position, blind=_blind(request)))
        if len(next_cards) >= AHEAD:
            break
    done = _done(app, queue, judged)
    return as_json(
        {"cards": next_cards, "done": done, "size": queue.size, "notes": [*notes, *note]}
    )


@for_script
def state(app: AppState, request: Request) -> Response:
    """The judge's progress, the agreement with other judges, and the decision so far."""
    _check_mark(app, request)
    judge, queue = _needed(request), _queue(app, request)
    rows = app.store.standing(queue.direction)
    judges: dict[str, int] = {}
    for row in rows:
        name = short_name(row.judge)
        judges[name] = judges.get(name, 0) + 1
    return as_json(
        {
            "done": _done(app, queue, judged_pairs(app.inspected, queue, rows, judge)),
            "size": queue.size,
            "judges": judges,
            "agreement": agreement(rows, judge),
            "decision": queue.live.decision(app.inspected, queue, rows),
            "late": queue.live.late(rows),
            "changed": CHANGED if app.fresh.changed else "",
            "notes": _judged_view(app, request)[1],
        }
    )


def answer(app: AppState, request: Request) -> Response:
    """Record one answer; it is confirmed once it is in the store."""

    def save(sent: dict[str, Any], judge: str) -> None:
        if app.fresh.changed:
            raise IdsError(f"{CHANGED} Read it again before you judge on.")
        direction = _direction(app, sent)
        app.store.opened().add(judged(app.inspected, sent, judge, direction))

    return _written(app, request, save)


def undo(app: AppState, request: Request) -> Response:
    """Take one answer back; that adds a row to the store and removes none."""

    def take_back(sent: dict[str, Any], judge: str) -> None:
        app.store.opened().retract(str(sent.get("uuid", ""))[:100], judge=judge, own=True)

    return _written(app, request, take_back)


def _written(
    app: AppState, request: Request, write: Callable[[dict[str, Any], str], None]
) -> Response:
    """Write to the store, and answer how it went: a 503 may be tried again, a 4xx not.

    What belongs to another space, store or queue is refused with the mark of this one: the browser
    keeps it.
    """
    try:
        body: Any = json.loads(request.scope[BODY])
        if not isinstance(body, dict):
            raise SpellingError("an object is due")
        sent = cast("dict[str, Any]", body)
        judge, mark = _author(request, sent), sent.get("mark")
        if not isinstance(mark, str):
            raise SpellingError("the mark of the page on which this was judged is due")
        if mark != app.inspected.mark:
            return as_json({"error": ANOTHER, "mark": app.inspected.mark}, 409)
        write(sent, judge)
    except (ValueError, RecursionError) as error:  # ours are among them
        status = 409 if isinstance(error, IdsError) else 422
        return as_json({"error": in_words(error)}, status)
    except FileError as error:
        return as_json({"error": in_words(error)}, 503)
    return as_json({"saved": sent.get("uuid")})


def _check_mark(app: AppState, request: Request) -> None:
    """Raise ``IdsError`` where the page that asks was opened on another space, store or queue."""
    if request.query_params.get("mark", app.inspected.mark) != app.inspected.mark:
        raise IdsError(
            "another space, store or queue is open here now: load this page again to judge that, "
            "or open the former one at this address"
        )


def _known_cards(request: Request) -> set[str]:
    """The numbers of the cards that the page has; ``ValuesError`` for very many."""
    numbers = request.query_params.get("have", "").split(",")
    if len(numbers) > MOST_KNOWN:
        raise ValuesError(
            f"{len(numbers):,} cards lie ready or wait to be saved, and {MOST_KNOWN:,} are the "
            "most: further ones come when those that wait are saved"
        )
    return set(numbers)


def _done(app: AppState, queue: JudgingQueue, pairs: set[tuple[str, str]]) -> int:
    """How many pairs of the queue are among these."""
    asking = app.inspected.space.sides(queue.direction)[0]
    return sum(
        (str(asking.ids[query]), app.inspected.item_id(queue.direction, item)) in pairs
        for query, item in queue.pairs
    )


def _card(
    inspected: Inspected, queue: JudgingQueue, position: int, *, blind: bool
) -> dict[str, Any]:
    query, number = queue.pairs[position]
    asking = inspected.asking(queue.direction)
    ranked, item = inspected.item_at(queue.direction, number)
    asked, answers = (
        read_passage(asking.metadata, query),
        read_passage(ranked.metadata, item),
    )
    card: dict[str, Any] = {
        "card": position,
        "direction": queue.direction,
        "query": asking.name(query),
        "item": ranked.name(item),
        "query_title": asked.heading,
        "item_title": answers.heading,
        "query_text": asked.text,
        "item_text": answers.text,
        "query_about": _about(asked, blind=blind),
        "item_about": _about(answers, blind=blind),
        "query_picture": _picture(inspected, asking, queue.direction.split("-")[0], query),
        "item_picture": _item_picture(inspected, queue.direction, number),
        "shown": shown(inspected, queue.direction, query, number),
        "mark": inspected.mark,
        # The ranks are stored with the judgement, but the page does not show them.
        "context": {"depth": queue.depth, "ranks": queue.ranks(position), "blind": blind},
    }
    if not blind:
        card["found"] = [f"{name} {rank}" for name, rank in queue.ranks(position).items()]
    return card


def _about(read: ReadPassage, *, blind: bool) -> list[tuple[str, str]]:
    """The columns that a judge sees: blind, none that tells popularity or split."""
    return [pair for pair in read.about if not (blind and pair[0].lower() in LEADING)]


def _picture(inspected: Inspected, side: InspectedSide, name: str, row: int) -> str | None:
    """The address of a picture; another one when the picture changes, for a browser keeps it."""
    version = picture_version(side.metadata, row, inspected.folder)
    return f"/picture/{name}/{row}?version={version}" if version else None


def _item_picture(inspected: Inspected, direction: Direction, number: int) -> str | None:
    """The address of an item's picture; of another space those that lie in its table alone."""
    side, row = inspected.item_at(direction, number)
    name = direction.split("-")[1]
    if number == row and side is inspected.ranked(direction):
        return _picture(inspected, side, name, row)
    try:
        picture(side.metadata, row, None)
    except FileError:
        return None
    return f"/picture/{name}/{number}?version={picture_version(side.metadata, row, None)}"


def _order(
    app: AppState, request: Request, queue: JudgingQueue, judge: str, rows: list[Judged]
) -> tuple[list[int], list[str]]:
    """Positions of the pairs in the order that was asked for; a note where it cannot be had."""
    usual = queue.order(judge)
    if request.query_params.get("order") != "informative":
        return usual, []
    judgements = current_judgements(app.inspected, queue, rows)
    if judgements is None:
        note = "nothing is judged yet that tells which pairs are informative: query by query"
        return usual, [note]
    informative = queue.informative(judgements)
    in_front = set(informative)
    return [*informative, *(position for position in usual if position not in in_front)], []


def _chosen(inspected: Inspected, view: ViewState, request: Request) -> bool:
    """Whether pairs are chosen as informative: then no decision on them is guaranteed."""
    queue = (
        inspected.queue if inspected.queue and inspected.queue.direction == view.direction else None
    )
    informative = request.query_params.get("order") == "informative"
    return informative or (queue is not None and queue.chosen)


def _judged_view(app: AppState, request: Request) -> tuple[ViewState, list[str]]:
    view, notes = app.read_view(request)
    notes += _unread(request)
    parsed = parse_measures(view.spelled, app.inspected.runs, app.inspected.spaces)
    notes += [
        f"measure {quoted(spelled)!r} is left out: {error}"
        for spelled, error in zip(parsed.spelled, parsed.errors, strict=True)
        if error
    ]
    if request.query_params.get("direction") == view.direction:
        return view, notes
    if app.inspected.queue is not None:
        return view.towards(app.inspected.queue.direction), notes
    if not app.inspected.queries.metadata.titled:
        view = view.towards("items-items")  # nobody can judge for a query that is only an id
    return view, notes


def _queue(app: AppState, request: Request) -> JudgingQueue:
    view, _ = _judged_view(app, request)
    measures = parse_measures(view.spelled, app.inspected.runs, app.inspected.spaces).valid
    inspected, depth = app.inspected, _depth(request)
    key = ("deck", *_key(app, request))
    return app.needed(key, lambda: draw_queue(inspected, view.direction, measures, depth))


def _key(app: AppState, request: Request) -> tuple[object, ...]:
    view, _ = _judged_view(app, request)
    return (
        view.direction,
        tuple(
            map(str, parse_measures(view.spelled, app.inspected.runs, app.inspected.spaces).valid)
        ),
        _depth(request),
    )


def _direction(app: AppState, sent: dict[str, Any]) -> Direction:
    for direction in app.inspected.directions:
        if direction == sent.get("direction"):
            return direction
    raise SpellingError(f"direction is one of {', '.join(app.inspected.directions)}")


def _depth(request: Request) -> int:
    text = request.query_params.get("depth", "")
    return int(text) if text in {str(depth) for depth in DEPTHS} else DEPTHS[0]


def _blind(request: Request) -> bool:
    return request.query_params.get("blind", "1") != "0"


def _unread(request: Request) -> Iterator[str]:
    """What the address says of the queue that means nothing here, as sentences."""
    known = {
        "depth": [str(depth) for depth in DEPTHS],
        "order": [*ORDERS.values()],
        "blind": ["0", "1"],
    }
    for name, words in known.items():
        word = request.query_params.get(name, words[0])
        if word not in words:
            taken = {"depth": words[0], "order": "query by query", "blind": "1"}[name]
            due = listed([word for word in words if word], "or")
            yield f"no {name} {quoted(word)!r} here ({due}): {taken} is taken"


def _judge(request: Request) -> str | None:
    values = cookies(request.headers.get("cookie", ""), COOKIE)
    try:
        return judge_name(unquote(values[-1] if values else ""))
    except AnglewiseError:
        return None


def _author(request: Request, sent: dict[str, Any]) -> str:
    """The judge of an answer: the name that its page showed.

    All tabs share the cookie, so it may hold another judge's name by the time an answer is sent.
    """
    judge: Any = sent.get("judge")
    return judge_name(judge) if isinstance(judge, str) else _needed(request)


def _needed(request: Request) -> str:
    shown_judge = request.query_params.get("judge")  # whose cards the page shows
    judge = _judge(request) if shown_judge is None else judge_name(shown_judge)
    if judge is None:
        raise SpellingError("who judges? give a name first")
    return judge
