"""Access to the page: who is let in, how much at a time, and the headers of every answer.

The page shows its owner's data. So other web sites must not read it or write through the owner's
browser, other people on the machine must not enter, and other machines must not reach it unless
the owner wants them to.
"""

import asyncio
import ipaddress
import json
import os
import re
import socket
import sys
from collections.abc import Awaitable, Callable, Generator, Iterable, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from secrets import compare_digest
from threading import BoundedSemaphore
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from anglewise.errors import AnglewiseError
from anglewise.io.files import file_text
from anglewise.web_page.account import is_another_account

SEARCHES_AT_ONCE, PATIENCE = 4, 10.0
"""Searches that run at the same time, and seconds that a further one waits."""


class BusyError(AnglewiseError, RuntimeError):
    """Too many searches are running."""


class SearchLimiter:
    """Lets a few searches run at a time; others wait a little, then are refused.

    >>> busy = SearchLimiter(at_once=1, patience=0.0)
    >>> with busy.working(): "searched"
    'searched'
    """

    def __init__(self, at_once: int = SEARCHES_AT_ONCE, patience: float = PATIENCE) -> None:
        self._free = BoundedSemaphore(at_once)
        self._patience = patience

    @contextmanager
    def working(self) -> Generator[None]:
        """Run as one of the few; ``BusyError`` if no place becomes free in time."""
        if not self._free.acquire(timeout=self._patience):
            raise BusyError("several searches are running: try again in a moment")
        try:
            yield
        finally:
            self._free.release()


REQUEST_SECONDS = 10.0
"""How long a request, its body included, may take to arrive, and an answer to be received."""

MOST_CONNECTIONS = 128
"""With more connections than this, the one that has been idle longest is closed."""


class Connection(H11Protocol):
    """A connection of uvicorn that is closed when a request does not arrive in time."""

    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for a request; close the longest idle connection where there are many."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > MOST_CONNECTIONS:
            connections: Any = self.connections
            waiting = [
                connection for connection in connections if connection.idle_since is not None
            ]
            min(waiting, key=lambda connection: connection.idle_since).give_up()

    @property
    def idle_since(self) -> float | None:
        """Since when we wait for the client; None while the client waits for us.

        We wait for a request, for the next one after an answer, or for an answer to be received.
        """
        if self.deadline is not None:
            return self.deadline.when() - REQUEST_SECONDS
        keep_alive = self.timeout_keep_alive_task
        return None if keep_alive is None else keep_alive.when() - self.timeout_keep_alive

    def pause_writing(self) -> None:
        """Start to wait for the client to receive an answer, as long as for a request."""
        super().pause_writing()
        if self.deadline is None:
            self._await_request()

    def resume_writing(self) -> None:
        """Stop waiting: the client receives the answer."""
        super().resume_writing()
        self._arrived()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting: the connection is closed."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive some bytes; the deadline holds from the first of a request to the last."""
        super().data_received(data)
        cycle: Any = self.cycle  # none before the first request
        complete = cycle is not None and not cycle.more_body
        answered = cycle is not None and cycle.response_complete
        keeps_alive = self.timeout_keep_alive_task is not None
        if complete and (keeps_alive or not answered):
            self._arrived()
        elif self.deadline is None:
            self._await_request()

    def _await_request(self) -> None:
        self.deadline = self.loop.call_later(REQUEST_SECONDS, self.give_up)

    def _arrived(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def give_up(self) -> None:
        """Close the connection without an answer."""
        self._arrived()
        self.transport.abort()


Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_BYTES = 64 * 1024
"""The largest body that is read: a judgement with a note needs less than 5 KB."""

MOST_HEADER_BYTES = 32 * 1024
"""The longest headers that are read: browsers send a few hundred bytes."""

AT_ONCE = 64
"""Requests that are answered at the same time; idle connections do not count."""

HERE = ("127.0.0.1", "localhost", "[::1]")
ELSEWHERE = {"cross-site", "same-site"}
"""The ``Sec-Fetch-Site`` of requests from another site or another port."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)
FORWARDING_PAGE = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>anglewise</title>'
    '<meta http-equiv="refresh" content="0; url={to}">'
    '<p><a href="{to}">Open the page</a></p></html>'
)
"""A page that leads on to another address."""

ANY_NOTEBOOK = "http://localhost:* http://127.0.0.1:*"
"""Who may show the page in a frame where the port of the notebook is not known."""


def notebook_origins() -> str:
    """The addresses of the Jupyter server whose notebook runs this program.

    A server gives its kernels the number of its process, and writes its port into a file in the
    folder of their connection files. Where either is missing, as in a console or in the notebooks
    of an editor, this is any port of this machine.
    """
    connect: Any = sys.modules.get("ipykernel.connect")
    process = os.environ.get("JPY_PARENT_PID", "")
    if connect is None or not re.fullmatch("[0-9]{1,10}", process):
        return ANY_NOTEBOOK
    try:
        folder = Path(connect.get_connection_file()).parent
        settings: Any = json.loads(file_text(folder / f"jpserver-{process}.json"))
        port, secure = settings["port"], settings.get("secure", False)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError):
        return ANY_NOTEBOOK
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 1 << 16:
        return ANY_NOTEBOOK
    scheme = "https" if secure else "http"
    return f"{scheme}://localhost:{port} {scheme}://127.0.0.1:{port}"


HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class AllowedOrigin:
    """The address and token of the server, and who may show the page in a frame.

    Attributes
    ----------
    host, port
        Where the server listens.
    token
        What the first address must hold, on this machine too: other people may work on it.
    framed_by
        The addresses of the notebook that may show the page in a frame; empty for none.
    """

    token: str
    host: str = "127.0.0.1"
    port: int = 0
    framed_by: str = ""

    @property
    def address(self) -> str:
        """The address to open in a browser, with the token."""
        on_all_networks = self.host in {"0.0.0.0", "::"}  # noqa: S104 asked for by --host, with a token
        name = socket.gethostname() if on_all_networks else self.host
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{self.port}/?{urlencode({'token': self.token})}"

    def knows(self, host: str) -> bool:
        """Whether a request's ``Host`` header names this server.

        A web site whose own name points at this machine (DNS rebinding) sends that name.

        >>> origin = AllowedOrigin("a-random-token", port=8000)
        >>> origin.knows("127.0.0.1:8000"), origin.knows("evil.example:8000")
        (True, False)
        >>> origin.knows("localhost")  # without the port
        False
        """
        name, _, port = host.rpartition(":")
        if port != str(self.port):
            return False
        return name in HERE or (not self.only_here and _is_ours(name, self.host))

    @property
    def only_here(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in {"127.0.0.1", "localhost", "::1"}

    @property
    def cookie(self) -> str:
        """The name of the cookie with the token, which holds the port: all ports share cookies."""
        return f"anglewise-{self.port}"


@dataclass
class SecurityMiddleware:
    """Lets requests through to the application, or refuses them; see :class:`AllowedOrigin`."""

    app: App
    origin: AllowedOrigin
    answering: int = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on to the application, or answer why it is refused."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            if refusal.status_code >= 400:
                # The number of connections is limited: refused clients must not keep any.
                refusal.headers["connection"] = "close"
            await refusal(scope, receive, self._with_headers(send))
            return
        if self.answering >= AT_ONCE:
            too_many = _refusal_text("too many requests at once: try again in a moment", 503)
            await too_many(scope, receive, self._with_headers(send))
            return
        self.answering += 1
        try:
            await self.app(scope, _bounded(receive), self._with_headers(send))
        finally:
            self.answering -= 1

    def _refusal(self, scope: Message) -> Response | None:
        if sum(len(key) + len(value) for key, value in scope["headers"]) > MOST_HEADER_BYTES:
            return _refusal_text(f"at most {MOST_HEADER_BYTES} bytes of headers are read", 431)
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        host = headers.get("host", "")
        if not self.origin.knows(host):
            return _refusal_text("this server does not answer to that name", 421)
        client: Any = scope.get("client")
        server: Any = scope.get("server")
        local = self.origin.only_here and client and server
        if local and is_another_account((client[0], client[1]), (server[0], server[1])):
            return _refusal_text("only the account that opened this page may enter", 403)
        if not self._asked_rightly(scope, headers):
            return _refusal_text("another site cannot ask for this: open the printed address", 403)
        response = self._without_cookie(scope, headers)
        if response is not None:
            return response
        return _refused_body(scope["method"], headers, host)

    def _asked_rightly(self, scope: Message, headers: dict[str, str]) -> bool:
        """Whether a request comes from this page or the user, or from a link that opens the page.

        A request that another site embeds or fetches could start a search, even if that site never
        sees the answer; and browsers send our cookie to any port of this machine. But a link to
        the printed address must open.
        """
        if headers.get("sec-fetch-site") not in ELSEWHERE:
            return True
        destinations = {"document", "iframe"} if self.origin.framed_by else {"document"}
        navigates = (
            headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") in destinations
            and scope["method"] == "GET"
        )
        is_start = scope["path"] == "/" and not scope["query_string"]
        return navigates and (is_start or self._has_token(scope))

    def _has_token(self, scope: Message) -> bool:
        return _same(dict(_query(scope)).get("token", ""), self.origin.token)

    def _without_cookie(self, scope: Message, headers: dict[str, str]) -> Response | None:
        """None with the cookie; with the token, the answer that sets the cookie; else a refusal."""
        if self._has_token(scope):
            return self._entry(scope, headers)
        tokens = cookies(headers.get("cookie", ""), self.origin.cookie)
        # Another port of this machine can set a second cookie of this name: any of them may match.
        if any(_same(token, self.origin.token) for token in tokens):
            return None
        return _refusal_text("open the address that was printed, with its token", 403)

    def _entry(self, scope: Message, headers: dict[str, str]) -> Response:
        """Set the cookie, and lead on to the same address without the token."""
        query = urlencode([pair for pair in _query(scope) if pair[0] != "token"])
        # The path comes from a client, so it must not name another server ("//evil").
        address = "/" + scope["path"].lstrip("/\\") + (f"?{query}" if query else "")
        cross_site = headers.get("sec-fetch-site") == "cross-site"
        in_frame = cross_site and headers.get("sec-fetch-dest") == "iframe"
        if cross_site and not in_frame:
            # A browser sends no strict cookie along a redirection that began on another site, such
            # as a chat; it does along a link of our own page.
            response: Response = HTMLResponse(FORWARDING_PAGE.format(to=escape(address)))
        else:
            response = RedirectResponse(address, 303)
        # In a notebook of another name (localhost) the cookie counts inside that notebook only.
        cookie_scope = "SameSite=None; Secure; Partitioned" if in_frame else "SameSite=Strict"
        cookie = f"{self.origin.cookie}={self.origin.token}; Path=/; HttpOnly; {cookie_scope}"
        response.headers.append("set-cookie", cookie)
        return response

    def _with_headers(self, send: Send) -> Send:
        ancestors = self.origin.framed_by or "'none'"
        headers = {**HEADERS, "content-security-policy": POLICY.format(ancestors=ancestors)}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {key.lower() for key, _ in message["headers"]}
                missing = [
                    (name.encode(), value.encode())
                    for name, value in headers.items()
                    if name.encode() not in present
                ]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        return with_headers


def cookies(header: str, name: str) -> list[str]:
    """The values of all cookies of this name, as they were sent: ours need no decoding.

    The usual parsers take time that grows with the square of the number of backslashes.

    >>> cookies("a=1; b=2; a=3", "a")
    ['1', '3']
    """
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value for key, _, value in pairs if key == name]


def _refused_body(method: str, headers: dict[str, str], host: str) -> Response | None:
    if method not in {"GET", "HEAD", "POST"}:
        return _refusal_text("only GET and POST are answered", 405)
    if method == "POST" and headers.get("origin") != f"http://{host}":
        return _refusal_text("a page of another site cannot write here", 403)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > MOST_BYTES:
        return _refusal_text(f"at most {MOST_BYTES} bytes are read", 413)
    return None


def _bounded(receive: Receive) -> Receive:
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_BYTES:
            raise HTTPException(413, f"at most {MOST_BYTES} bytes are read")
        return message

    return bounded


def _query(scope: Message) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _same(given: str, token: str) -> bool:
    return compare_digest(given.encode("utf-8", "replace"), token.encode())


def _refusal_text(sentence: str, status: int) -> Response:
    return PlainTextResponse(sentence + "\n", status)


def _is_ours(name: str, host: str) -> bool:
    """Whether a name is an IP address, which cannot be rebound, or a name of this machine."""
    if name.lower() in _names(host):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _names(host: str) -> Iterable[str]:
    return {host.lower(), socket.gethostname().lower()}
