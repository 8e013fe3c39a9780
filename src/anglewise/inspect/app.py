"""The application: which address is answered by whom."""

import logging
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from anglewise.errors import AnglewiseError, FileError
from anglewise.inspect import gauge_page, judge_page, neighbours_page, reports_page
from anglewise.inspect.busy import BusyError
from anglewise.inspect.desk import BODY, Desk
from anglewise.inspect.guard import App, Door, Guard
from anglewise.inspect.pictures import picture
from anglewise.inspect.static_files import static_files

Page = Callable[[Desk, Request], Response]
LOG = logging.getLogger("anglewise.inspect")


def application(desk: Desk, door: Door) -> App:
    """The whole site behind its guard."""
    pages: list[tuple[str, Page, str]] = [
        ("/", neighbours_page.neighbours, "GET"),
        ("/find", neighbours_page.find, "GET"),
        ("/pick/{how}", neighbours_page.picked, "GET"),
        ("/gauge", gauge_page.slider, "GET"),
        ("/gauge/find", neighbours_page.find, "GET"),
        ("/gauge/pick/{how}", neighbours_page.picked, "GET"),
        ("/gauge/at", gauge_page.at, "GET"),
        ("/gauge/path", gauge_page.path, "GET"),
        ("/gauge/quality", gauge_page.quality, "GET"),
        ("/judge", judge_page.judging, "GET"),
        ("/judge/cards", judge_page.cards, "GET"),
        ("/judge/state", judge_page.state, "GET"),
        ("/judge/name", judge_page.name, "POST"),
        ("/judge/answers", judge_page.answer, "POST"),
        ("/judge/undo", judge_page.undo, "POST"),
        ("/reports", reports_page.reports, "GET"),
        ("/reports/{kind}.html", reports_page.report, "GET"),
        ("/reports/{kind}", reports_page.make, "POST"),
        ("/picture/{side}/{row:int}", _picture, "GET"),
        ("/static/{name}", _static, "GET"),
        ("/reload", _reload, "POST"),
    ]
    routes = [Route(path, _answering(desk, page), methods=[how]) for path, page, how in pages]
    site = Starlette(routes=routes, exception_handlers={404: _missing(desk), 500: _failed(desk)})
    site.state.desk = desk
    return Guard(site, door)


def _answering(desk: Desk, page: Page) -> Callable[[Request], object]:
    """Pages run on worker threads, so that a search does not stop the server."""

    async def answer(request: Request) -> Response:
        if request.method == "POST":
            try:
                request.scope[BODY] = await request.body()
            except ClientDisconnect:
                return PlainTextResponse("the request was cut off\n", 400)
        try:
            return await run_in_threadpool(page, desk, request)
        except BusyError as error:
            return desk.page("message.html", 503, title="Busy", message=str(error))
        except AnglewiseError as error:
            return desk.page("message.html", 400, title="This cannot be shown", message=str(error))

    return answer


def _static(desk: Desk, request: Request) -> Response:
    del desk
    found = static_files().get(request.path_params["name"])
    if found is None:
        return PlainTextResponse("no such file\n", 404)
    return Response(found[0], media_type=found[1], headers={"cache-control": "max-age=60"})


def _picture(desk: Desk, request: Request) -> Response:
    side = {"items": desk.seen.items, "queries": desk.seen.queries}.get(request.path_params["side"])
    row = request.path_params["row"]
    if side is None or not 0 <= row < len(side.embeddings):
        return PlainTextResponse("no such picture\n", 404)
    try:
        data, kind = picture(side.known, row, desk.seen.folder)
    except FileError as error:
        return PlainTextResponse(f"{error}\n", 404)
    return Response(data, media_type=kind, headers={"cache-control": "private, max-age=600"})


def _reload(desk: Desk, request: Request) -> Response:
    del request
    desk.reload()
    return RedirectResponse("/", 303)


def _missing(desk: Desk) -> Callable[[Request, Exception], Response]:
    def missing(request: Request, error: Exception) -> Response:
        del request, error
        return desk.page("message.html", 404, title="No such page", message="Start at the top.")

    return missing


def _failed(desk: Desk) -> Callable[[Request, Exception], Response]:
    def failed(request: Request, error: Exception) -> Response:
        # The address may hold a token and ids, so the path alone is logged.
        LOG.error("fault at %s", request.url.path, exc_info=error)
        message = "This is a fault of anglewise, not yours: the terminal shows where."
        try:
            return desk.page("message.html", 500, title="A fault", message=message)
        except Exception:  # noqa: BLE001 what shows the fault may have one too
            return PlainTextResponse(f"{message}\n", 500)

    return failed
