"""The application and the server of the page: addresses, static files, start and stop."""

import asyncio
import logging
import os
import re
import secrets
import shutil
import socket
import tempfile
import threading
import warnings
import webbrowser
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from anglewise.data_types.numbers import SEED, check_kind, whole
from anglewise.data_types.pairs import check_by_direction
from anglewise.data_types.text import as_path
from anglewise.errors import MissingExtraError

try:
    import jinja2  # noqa: F401 # pyright: ignore[reportUnusedImport] the templates need it
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import PlainTextResponse, RedirectResponse, Response
    from starlette.routing import Route
except ImportError as missing:
    raise MissingExtraError(
        f"the page needs {missing.name}: pip install 'anglewise[inspect]'"
    ) from missing

from anglewise.data_types.conversion import Vectors
from anglewise.data_types.embeddings import Space, as_space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.run import Run
from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError, FileError
from anglewise.io.files import check_mapped
from anglewise.web_page import gauge_view, judging_view, neighbours_view, overview, reports_view
from anglewise.web_page.allowed_origin import AllowedOrigin, notebook_origins
from anglewise.web_page.answers import with_stored
from anglewise.web_page.ending_signals import Server, ending_in_order
from anglewise.web_page.judging_view import Page
from anglewise.web_page.limits import BusyError, Connection
from anglewise.web_page.metadata import picture
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.rankings import fitting, named_runs, with_others
from anglewise.web_page.security import FORWARDING_PAGE, App, SecurityMiddleware
from anglewise.web_page.state import BODY, AppState, in_words

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """The content and media type of each static file, by its name.

    >>> "page.css" in static_files(), static_files()["report.css"][1]
    (True, 'text/css')
    """
    folder = files("anglewise.web_page").joinpath("static")
    contents = {
        file.name: (file.read_bytes(), KINDS[suffix])
        for file in folder.iterdir()
        for suffix in (file.name[file.name.rfind(".") :],)
        if suffix in KINDS
    }
    report = files("anglewise.report").joinpath("page.css").read_bytes()
    return {**contents, "report.css": (report, "text/css")}


LOG = logging.getLogger("anglewise.inspect")


def application(app: AppState, origin: AllowedOrigin) -> App:
    """The whole site, behind the checks of access."""
    pages: list[tuple[str, Page, str]] = [
        ("/", overview.first_page, "GET"),
        ("/overview/{part}", overview.part, "GET"),
        ("/find", neighbours_view.find, "GET"),
        ("/pick/{how}", neighbours_view.picked, "GET"),
        ("/gauge", gauge_view.slider, "GET"),
        ("/gauge/find", neighbours_view.find, "GET"),
        ("/gauge/pick/{how}", neighbours_view.picked, "GET"),
        ("/gauge/at", gauge_view.at, "GET"),
        ("/gauge/path", gauge_view.path, "GET"),
        ("/gauge/quality", gauge_view.quality, "GET"),
        ("/judge", judging_view.judging, "GET"),
        ("/judge/cards", judging_view.cards, "GET"),
        ("/judge/state", judging_view.state, "GET"),
        ("/judge/name", judging_view.name, "POST"),
        ("/judge/answers", judging_view.answer, "POST"),
        ("/judge/undo", judging_view.undo, "POST"),
        ("/reports", reports_view.reports, "GET"),
        ("/reports/{kind}.html", reports_view.report, "GET"),
        ("/reports/{kind}", reports_view.make, "POST"),
        ("/picture/{side}/{row}", _picture, "GET"),
        ("/static/{name}", _static, "GET"),
        ("/reload", _reload, "POST"),
    ]
    routes = [Route(path, _answering(app, page), methods=[how]) for path, page, how in pages]
    site = Starlette(routes=routes, exception_handlers={404: _missing(app), 500: _failed(app)})
    site.state.app = app
    return SecurityMiddleware(site, origin)


_quick = ThreadPoolExecutor(8, thread_name_prefix="anglewise-answers")
"""Threads for pages that need no search."""


def _answering(app: AppState, page: Page) -> Callable[[Request], object]:
    """Answer with a page, on a worker thread, so that a search does not block the server."""
    # judgements are taken while all other threads wait for searches
    never_slow = page in {judging_view.name, judging_view.answer, judging_view.undo, _static}

    async def answer(request: Request) -> Response:
        if request.method == "POST":
            try:
                request.scope[BODY] = await request.body()
            except ClientDisconnect:
                return PlainTextResponse("the request was cut off\n", 400)
        try:
            if page is _reload:
                return await run_in_threadpool(page, app, request)
            work = partial(_from_unchanged_files, page, app.snapshot(), request)
            if never_slow:
                return await asyncio.get_running_loop().run_in_executor(_quick, work)
            return await run_in_threadpool(work)
        except BusyError as error:
            return app.page("message.html", 503, title="Busy", message=in_words(error))
        except AnglewiseError as error:
            title = "This cannot be shown"
            return app.page("message.html", 400, title=title, message=in_words(error))

    return answer


def _from_unchanged_files(page: Page, app: AppState, request: Request) -> Response:
    """The answer of a page; ``FileError`` where mapped vectors changed while it was made."""
    check_mapped()
    answer = page(app, request)
    check_mapped()
    return answer


def _static(app: AppState, request: Request) -> Response:
    del app
    file = static_files().get(request.path_params["name"])
    if file is None:
        return PlainTextResponse("no such file\n", 404)
    return Response(file[0], media_type=file[1], headers={"cache-control": "max-age=60"})


def _picture(app: AppState, request: Request) -> Response:
    side = {"items": app.inspected.items, "queries": app.inspected.queries}.get(
        request.path_params["side"]
    )
    digits = request.path_params["row"]  # as digits; Python refuses to read very many
    row = int(digits) if re.fullmatch("[0-9]{1,12}", digits) else -1
    way = "queries-queries" if request.path_params["side"] == "queries" else "items-items"
    if side is not None and row >= len(side.embeddings) and app.inspected.has_number(way, row):
        side, row = app.inspected.item_at(way, row)
    if side is None or not 0 <= row < len(side.embeddings):
        return PlainTextResponse("no such picture\n", 404)
    try:
        data, kind = picture(side.metadata, row, app.inspected.pictures_of(side))
    except FileError as error:
        return PlainTextResponse(f"{error}\n", 404)
    return Response(data, media_type=kind, headers={"cache-control": "private, max-age=600"})


def _reload(app: AppState, request: Request) -> Response:
    del request
    app.reload()
    return RedirectResponse("/", 303)


def _missing(app: AppState) -> Callable[[Request, Exception], Response]:
    def missing(request: Request, error: Exception) -> Response:
        del request, error
        return app.page("message.html", 404, title="No such page", message="Start at the top.")

    return missing


def _failed(app: AppState) -> Callable[[Request, Exception], Response]:
    def failed(request: Request, error: Exception) -> Response:
        # The address may hold a token and ids, so the path alone is logged.
        LOG.error("fault at %s", request.url.path, exc_info=error)
        message = "This is a fault of anglewise, not yours: the terminal shows where."
        try:
            return app.page("message.html", 500, title="A fault", message=message)
        except Exception:  # noqa: BLE001 the page that shows the fault may fail too
            return PlainTextResponse(f"{message}\n", 500)

    return failed


A_PORT = whole(0, 65535, example="8000")
FIRST_PORT, PORTS = 8765, 100
"""The first port that is tried, and how many, unless a port is named."""


@dataclass(frozen=True, eq=False)
class Served:
    """A server that has its port and does not run yet."""

    origin: AllowedOrigin
    listening: socket.socket
    server: uvicorn.Server
    app: AppState
    _notes: list[str] = field(default_factory=list[str], repr=False)

    @property
    def address(self) -> str:
        """What is typed into a browser."""
        return self.origin.address

    def run(self) -> str | None:
        """Answer requests until Ctrl-C or another signal that ends programs; return its name.

        None where :meth:`stop` ended it. Raises ``FileError`` where the store of judgements cannot
        be closed without losing some.
        """
        with ending_in_order(self.server) as signals:
            try:
                self.server.run(sockets=[self.listening])
            finally:
                self.listening.close()
                for folder in self._notes:
                    shutil.rmtree(folder, ignore_errors=True)
                self.app.store.close()
        return signals[0] if signals else None

    def start(self) -> threading.Thread:
        """Answer requests on a thread, until :meth:`stop`."""
        thread = threading.Thread(target=self.run, name="anglewise-inspect", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Finish the requests that are being answered, then end."""
        self.server.should_exit = True

    def open_browser(self) -> None:
        """Open the page in a browser, after a moment in which the server starts.

        Everybody on a machine can see the arguments of a program. So the browser gets the path of
        a file that leads on, which nobody else may read, and not the address with its token.
        """
        folder = tempfile.mkdtemp(prefix="anglewise-")  # for its owner alone
        self._notes.append(folder)
        note = Path(folder) / "open.html"
        opened = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(FORWARDING_PAGE.format(to=escape(self.address)))
        timer = threading.Timer(0.3, webbrowser.open, [note.as_uri()])
        timer.daemon = True
        timer.start()


def served(
    read: Callable[[], Inspected],
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    framed: bool = False,
) -> Served:
    """Take a port and prepare the site, with a new random token.

    Raises ``FileError`` where the port or the address cannot be used.
    """
    if host.strip().lower() == "localhost":
        host = "127.0.0.1"  # a browser would try ::1 first, where others may listen
    app = AppState(read)
    listening = _listen(host, port)
    origin = AllowedOrigin(
        host=host,
        port=listening.getsockname()[1],
        token=secrets.token_urlsafe(24),
        framed_by=notebook_origins() if framed else "",
        bound=listening.getsockname()[0],
    )
    config: Any = uvicorn.Config(
        application(app, origin),
        log_level="warning",
        access_log=False,  # addresses hold ids, and the token
        http=Connection,
        ws="none",
        timeout_graceful_shutdown=2,
        server_header=False,
        proxy_headers=False,  # a client could claim another address
        h11_max_incomplete_event_size=32 * 1024,
    )
    return Served(origin, listening, Server(config), app)


def _listen(host: str, port: int | None) -> socket.socket:
    if not host.strip():  # which would mean every network of this machine
        raise FileError(
            "--host is empty: 127.0.0.1 is this machine alone, 0.0.0.0 all its networks"
        )
    if port is not None:
        A_PORT.check("port", port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,)
    why = "none is free"
    for number in ports:
        # With the protocol named, accepted connections send at once instead of waiting for 40 ms.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, number))
            listening.listen(64)
        except OSError as error:
            listening.close()
            why = error.strerror or str(error)
            continue
        except (TypeError, ValueError) as error:  # letters that no name of a machine may have
            listening.close()
            why = str(error)
            break
        return listening
    ports_tried = f"port {port}" if port is not None else f"a port from {FIRST_PORT} on"
    raise FileError(f"{ports_tried} of {host} cannot be had ({why}): name another --port or --host")


HEIGHT = 820


class Inspection:
    """A page that is being served; a notebook shows it as the value of a cell.

    Attributes
    ----------
    address
        Its address on this machine.
    """

    def __init__(self, served: "Served") -> None:
        self._served = served
        self._thread = served.start()

    @property
    def address(self) -> str:
        """The address of the page, with its token."""
        return self._served.address

    def stop(self) -> None:
        """End the server; judgements are in the store already."""
        self._served.stop()
        self._thread.join(timeout=5)

    def __repr__(self) -> str:
        return f"Inspection({self.address})"

    def _repr_html_(self) -> str:
        address = escape(self.address)
        return (
            f'<iframe src="{address}" width="100%" height="{HEIGHT}" '
            'title="neighbours under several measures"></iframe>'
            f'<p><a href="{address}" target="_blank" rel="noopener">in a tab of its own</a></p>'
        )


def inspect(
    space: Space | Vectors,
    *,
    judgements: Mapping[Direction, Judgements] | None = None,
    port: int | None = None,
    name: str = "space",
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
    runs: Iterable[Run] | Run = (),
    others: Mapping[str, Space | Vectors] | None = None,
) -> Inspection:
    """Open a page on this machine with the neighbours of a space under several measures.

    The server runs on a thread beside the program, until it ends or :meth:`Inspection.stop`.
    In a notebook the result shows itself. Needs the extra ``inspect``.

    Parameters
    ----------
    space
        The vectors.
    judgements
        By direction; judged items are marked, and the gauge shows its nDCG. What the store holds of
        a direction stands in their place.
    port
        Where to listen; by default the next free port.
    name
        What the page calls the space.
    seed
        For all that is drawn at random.
    store
        The file for judgements, made if it is missing; without it nothing can be judged.
    runs
        Ranked lists of other systems: each may stand in a column, by its name.
    others
        Further spaces of the same items, by name: side by side with the first, and judged together
        with it.

    Raises
    ------
    MissingExtraError
        Without starlette, jinja2 and uvicorn.
    FileError
        The port cannot be used.
    IdsError, SpellingError
        A run that asks for none of the space or lists none; two of one name, or one of a measure's;
        spaces without anything in common.
    ValuesError
        Spaces in which one id bears two texts.

    Examples
    --------
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> page = inspect(Space(items=Embeddings([[1.0, 0.0], [0.0, 1.0]])))
    >>> page.address.startswith("http://127.0.0.1:")
    True
    >>> page.stop()
    """
    space = as_space(space)
    judged = check_by_direction(judgements, space)
    check_kind(name, str, "the name of the space", "a text")
    SEED.check("seed", seed)
    path = None if store is None else as_path(store, "a store of judgements")
    opened = Inspected(space, judged, name, None, seed, path, runs=named_runs(runs))
    if others is not None:
        check_kind(others, Mapping, "the other spaces", "a dict of names and spaces")
        opened = with_others(opened, {n: as_space(one) for n, one in others.items()})
    inspected = with_stored(fitting(opened), warnings.warn)
    return Inspection(served(lambda: inspected, port=port, framed=True))
