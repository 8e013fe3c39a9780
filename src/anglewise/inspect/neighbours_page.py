"""The page of lists side by side, and the ways to somebody who asks."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from anglewise.errors import AnglewiseError
from anglewise.inspect.columns import Item, asker, columns
from anglewise.inspect.desk import Desk
from anglewise.inspect.looking import Looking, Typed, typed
from anglewise.inspect.picks import WAYS, pick

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


def neighbours(desk: Desk, request: Request) -> Response:
    """The lists of who is named in the address."""
    here, told = desk.looking(request)
    read = typed(here.spelled)
    row = _row(desk, here, read, told)
    lists, who = [], None
    if row is not None:
        who = asker(desk.seen, here.direction, row)
        here = here if here.query is not None else here.asking(who.id)
        with desk.busy.working():
            lists = columns(desk.seen, here, row, read.known)

    def link(item: Item) -> str:
        return "/" + _next(here, item.id).address()

    return desk.page(
        "neighbours.html",
        here=here,
        told=told,
        typed=read,
        who=who,
        columns=lists,
        link=link,
        ways=_ways(desk, here, read),
        suggested=(*SUGGESTED, *(GAUGED if desk.seen.gauged else ())),
        status=200 if not (row is None and here.query is not None) else 404,
    )


def find(desk: Desk, request: Request) -> Response:
    """Who may be meant by a text: straight there if it is an id, else a list to choose from."""
    here, told = desk.looking(request)
    text = request.query_params.get("text", "")[:500].strip()
    side = desk.seen.asking(here.direction)
    row = side.embeddings.row_of.get(text)
    if row is not None:
        return RedirectResponse(_home(request) + here.asking(text).address(), 303)
    with desk.busy.working():
        rows = side.known.find(text) if text else []
    titles = side.known.titles(rows)
    found = [
        (str(side.embeddings.ids[row]), title) for row, title in zip(rows, titles, strict=True)
    ]
    return desk.page(
        "found.html", here=here, told=told, text=text, found=found, home=_home(request)
    )


def picked(desk: Desk, request: Request) -> Response:
    """Somewhere else: at random, or where measures disagree, and so on."""
    here, _ = desk.looking(request)
    how = request.path_params["how"]
    if how not in WAYS:
        return desk.page("message.html", 404, title="No such way", message=", ".join(WAYS))
    after = desk.seen.asking(here.direction).embeddings.row_of.get(here.query or "")
    try:
        with desk.busy.working():
            row = pick(desk.seen, how, here.direction, typed(here.spelled).known, after)
    except AnglewiseError as error:
        return desk.page("message.html", 200, title="Nothing to pick", message=str(error))
    name = str(desk.seen.asking(here.direction).embeddings.ids[row])
    return RedirectResponse(_home(request) + here.asking(name).address(), 303)


def _home(request: Request) -> str:
    """The page from which somebody is sought, and to which who is found comes."""
    return "/gauge" if request.url.path.startswith("/gauge/") else "/"


def _next(here: Looking, name: str) -> Looking:
    """The page on which a neighbour asks."""
    asks_itself = here.direction != "queries-items"
    return here.asking(name) if asks_itself else here.towards("items-items", name)


def _row(desk: Desk, here: Looking, read: Typed, told: list[str]) -> int | None:
    side = desk.seen.asking(here.direction).embeddings
    if here.query is None:
        return pick(desk.seen, PICKED_AT, here.direction, read.known, None)
    row = side.row_of.get(here.query)
    if row is None:
        told.append(
            f"nobody here has the id {here.query[:60]!r}: search above, or pick somebody at random"
        )
    return row


def _ways(desk: Desk, here: Looking, read: Typed) -> list[tuple[str, str]]:
    """The ways that lead somewhere from here."""
    shut = {
        "disagree": len(read.known) < 2,
        "worst": here.direction not in desk.seen.judgements,
    }
    return [(name, words) for name, words in WAYS.items() if not shut.get(name, False)]
