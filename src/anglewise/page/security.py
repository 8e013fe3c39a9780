"""Who may talk to the page, how much at once, and the headers of every answer.

The page shows data of its owner, so other web sites must not read it or write through the
owner's browser, other people on the machine must not enter, and other machines must not reach
it unless told.
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
from anglewise.page.account import is_another_account

SEARCHES_AT_ONCE, PATIENCE = 4, 10.0
"""Searches that run together, and seconds that a further one waits."""


class BusyError(AnglewiseError, RuntimeError):
    """More is asked than can be searched at once."""


class SearchLimiter:
    """A gate through which a few at a time pass; the others wait a little, then are told.

    >>> busy = SearchLimiter(at_once=1, patience=0.0)
    >>> with busy.working(): "searched"
    'searched'
    """

    def __init__(self, at_once: int = SEARCHES_AT_ONCE, patience: float = PATIENCE) -> None:
        self._free = BoundedSemaphore(at_once)
        self._patience = patience

    @contextmanager
    def working(self) -> Generator[None]:
        """Hold a place; ``BusyError`` if none becomes free in time."""
        if not self._free.acquire(timeout=self._patience):
            raise BusyError("several searches are running: try again in a moment")
        try:
            yield
        finally:
            self._free.release()


REQUEST_SECONDS = 10.0
"""How long a request may take to arrive, its body included, and an answer to be taken."""

MOST_CONNECTIONS = 128
"""Beyond these the one that has kept us waiting longest makes room."""


class Connection(H11Protocol):
    """A connection of uvicorn's that is closed when a request does not arrive in time."""

    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request; make room where many are waiting."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > MOST_CONNECTIONS:
            others: Any = self.connections
            waiting = [one for one in others if one.idle_since is not None]
            min(waiting, key=lambda one: one.idle_since).give_up()

    @property
    def idle_since(self) -> float | None:
        """Since when we wait for the other end; nothing while it waits for us.

        It may owe a request, the next one after an answer, or to take what was answered.
        """
        if self.deadline is not None:
            return self.deadline.when() - REQUEST_SECONDS
        rest = self.timeout_keep_alive_task
        return None if rest is None else rest.when() - self.timeout_keep_alive

    def pause_writing(self) -> None:
        """Wait no longer for an answer to be taken than for a request."""
        super().pause_writing()
        if self.deadline is None:
            self._await_request()

    def resume_writing(self) -> None:
        """It is being taken."""
        super().resume_writing()
        self._arrived()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes; the time counts from the first of a request to the last."""
        super().data_received(data)
        cycle: Any = self.cycle  # none before the first request
        whole = cycle is not None and not cycle.more_body
        answered = cycle is not None and cycle.response_complete
        resting = self.timeout_keep_alive_task is not None
        if whole and (resting or not answered):
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
        """Close without a word, and wait no more."""
        self._arrived()
        self.transport.abort()


Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_BYTES = 64 * 1024
"""The largest body that is read: a judgement with a note needs less than 5 KB."""

MOST_HEADER_BYTES = 32 * 1024
"""The longest headers that are looked at: browsers send a few hundred bytes."""

AT_ONCE = 64
"""Requests that are answered at the same time; connections that ask nothing do not count."""

HERE = ("127.0.0.1", "localhost", "[::1]")
ELSEWHERE = {"cross-site", "same-site"}
"""What a browser says in ``Sec-Fetch-Site`` of what another site, or another port, asks for."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)
LEADS_ON = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>anglewise</title>'
    '<meta http-equiv="refresh" content="0; url={to}">'
    '<p><a href="{to}">Open the page</a></p></html>'
)
"""A page that opens another."""

ANY_NOTEBOOK = "http://localhost:* http://127.0.0.1:*"
"""Who may show the page inside itself where the notebook does not say which port it has."""


def notebook_origins() -> str:
    """The addresses of the Jupyter server whose notebook runs this program.

    A server tells its kernels the number of its process, and writes a file that tells its port
    into the folder where kernels find their connections. Where either is missing, as in a console
    or in the notebooks of an editor, this is any port of this machine.
    """
    connect: Any = sys.modules.get("ipykernel.connect")
    server = os.environ.get("JPY_PARENT_PID", "")
    if connect is None or not re.fullmatch("[0-9]{1,10}", server):
        return ANY_NOTEBOOK
    try:
        folder = Path(connect.get_connection_file()).parent
        about: Any = json.loads(file_text(folder / f"jpserver-{server}.json"))
        port, secure = about["port"], about.get("secure", False)
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
    """Where the server listens, and whom it lets in.

    Attributes
    ----------
    host, port
        Where it listens.
    token
        What the address must hold. On this machine too: other people may work on it.
    framed_by
        The addresses of the notebook that may show the page inside itself; nothing for none.
    """

    token: str
    host: str = "127.0.0.1"
    port: int = 0
    framed_by: str = ""

    @property
    def address(self) -> str:
        """What is typed into a browser."""
        wide = self.host in {"0.0.0.0", "::"}  # noqa: S104 asked for by --host, with a token
        name = socket.gethostname() if wide else self.host
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{self.port}/?{urlencode({'token': self.token})}"

    def knows(self, host: str) -> bool:
        """Whether a request may name the server so.

        A web site that lets its own name point at this machine (DNS rebinding) sends that name.

        >>> door = AllowedOrigin("a-random-token", port=8000)
        >>> door.knows("127.0.0.1:8000"), door.knows("evil.example:8000"), door.knows("localhost")
        (True, False, False)
        """
        name, _, port = host.rpartition(":")
        if port != str(self.port):
            return False
        return name in HERE or (not self.only_here and _is_ours(name, self.host))

    @property
    def only_here(self) -> bool:
        """Whether no other machine can come."""
        return self.host in {"127.0.0.1", "localhost", "::1"}

    @property
    def cookie(self) -> str:
        """The cookie that keeps the token; cookies do not tell ports apart, so its name does."""
        return f"anglewise-{self.port}"


@dataclass
class SecurityMiddleware:
    """Stands before the application; see :class:`AllowedOrigin`."""

    app: App
    door: AllowedOrigin
    answering: int = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request in, or say why not."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        answer = self._refusal(scope)
        if answer is not None:
            if answer.status_code >= 400:
                # Who may not enter must not keep connections, of which there are only so many.
                answer.headers["connection"] = "close"
            await answer(scope, receive, self._dressed(send))
            return
        if self.answering >= AT_ONCE:
            busy = _said("too many requests at once: try again in a moment", 503)
            await busy(scope, receive, self._dressed(send))
            return
        self.answering += 1
        try:
            await self.app(scope, _measured(receive), self._dressed(send))
        finally:
            self.answering -= 1

    def _refusal(self, scope: Message) -> Response | None:
        if sum(len(key) + len(value) for key, value in scope["headers"]) > MOST_HEADER_BYTES:
            return _said(f"at most {MOST_HEADER_BYTES} bytes of headers are read", 431)
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        host = headers.get("host", "")
        if not self.door.knows(host):
            return _said("this server does not answer to that name", 421)
        client: Any = scope.get("client")
        server: Any = scope.get("server")
        local = self.door.only_here and client and server
        if local and is_another_account((client[0], client[1]), (server[0], server[1])):
            return _said("only the account that opened this page may enter", 403)
        if not self._asked_rightly(scope, headers):
            return _said("another site cannot ask for this: open the printed address", 403)
        answer = self._without_cookie(scope, headers)
        if answer is not None:
            return answer
        return _refused_body(scope["method"], headers, host)

    def _asked_rightly(self, scope: Message, headers: dict[str, str]) -> bool:
        """Whether no other site asks, or all it does is to open the page.

        What another site embeds or fetches could start a search, even if it never sees the answer;
        another port of this machine is sent our cookie. A link to the printed address must open.
        """
        if headers.get("sec-fetch-site") not in ELSEWHERE:
            return True
        places = {"document", "iframe"} if self.door.framed_by else {"document"}
        opens = headers.get("sec-fetch-mode") == "navigate"
        opens = opens and headers.get("sec-fetch-dest") in places and scope["method"] == "GET"
        starts = scope["path"] == "/" and not scope["query_string"]
        return opens and (starts or self._has_token(scope))

    def _has_token(self, scope: Message) -> bool:
        return _same(dict(_query(scope)).get("token", ""), self.door.token)

    def _without_cookie(self, scope: Message, headers: dict[str, str]) -> Response | None:
        """Nothing for who has the cookie; the cookie for who has the address; else no entry."""
        if self._has_token(scope):
            return self._entry(scope, headers)
        sent = cookies(headers.get("cookie", ""), self.door.cookie)
        # Another port of this machine can set a second one of this name: that locks nobody out.
        if any(_same(one, self.door.token) for one in sent):
            return None
        return _said("open the address that was printed, with its token", 403)

    def _entry(self, scope: Message, headers: dict[str, str]) -> Response:
        """The cookie, and on to the same address without the token."""
        rest = urlencode([pair for pair in _query(scope) if pair[0] != "token"])
        # The path comes from a client, so it must not name another server ("//evil").
        to = "/" + scope["path"].lstrip("/\\") + (f"?{rest}" if rest else "")
        crossed = headers.get("sec-fetch-site") == "cross-site"
        within = crossed and headers.get("sec-fetch-dest") == "iframe"
        if crossed and not within:
            # A browser sends no strict cookie along a redirection that began on another site, as
            # in a chat; it does when this page itself leads on.
            answer: Response = HTMLResponse(LEADS_ON.format(to=escape(to)))
        else:
            answer = RedirectResponse(to, 303)
        # In a notebook of another name (localhost) the cookie holds inside that notebook alone.
        scope_of_cookie = "SameSite=None; Secure; Partitioned" if within else "SameSite=Strict"
        cookie = f"{self.door.cookie}={self.door.token}; Path=/; HttpOnly; {scope_of_cookie}"
        answer.headers.append("set-cookie", cookie)
        return answer

    def _dressed(self, send: Send) -> Send:
        ancestors = self.door.framed_by or "'none'"
        ours = {**HEADERS, "content-security-policy": POLICY.format(ancestors=ancestors)}

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {key.lower() for key, _ in message["headers"]}
                more = [
                    (k.encode(), v.encode()) for k, v in ours.items() if k.encode() not in given
                ]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        return dressed


def cookies(header: str, name: str) -> list[str]:
    """What a browser sends under this name, as it stands there: ours hold nothing to decode.

    Usual parsers undo backslashes in a time that grows with the square of their number.

    >>> cookies("a=1; b=2; a=3", "a")
    ['1', '3']
    """
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value for key, _, value in pairs if key == name]


def _refused_body(method: str, headers: dict[str, str], host: str) -> Response | None:
    if method not in {"GET", "HEAD", "POST"}:
        return _said("only GET and POST are answered", 405)
    if method == "POST" and headers.get("origin") != f"http://{host}":
        return _said("a page of another site cannot write here", 403)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > MOST_BYTES:
        return _said(f"at most {MOST_BYTES} bytes are read", 413)
    return None


def _measured(receive: Receive) -> Receive:
    came = 0

    async def measured() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > MOST_BYTES:
            raise HTTPException(413, f"at most {MOST_BYTES} bytes are read")
        return message

    return measured


def _query(scope: Message) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _same(given: str, token: str) -> bool:
    return compare_digest(given.encode("utf-8", "replace"), token.encode())


def _said(sentence: str, status: int) -> Response:
    return PlainTextResponse(sentence + "\n", status)


def _is_ours(name: str, host: str) -> bool:
    """Addresses in numbers cannot be rebound; beside them only names that this machine has."""
    if name.lower() in _names(host):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _names(host: str) -> Iterable[str]:
    return {host.lower(), socket.gethostname().lower()}
