"""The door of the server: who may knock, what may come in, what goes out with every answer.

The page shows data of its owner, so other web sites must not read it or write through the
owner's browser, and other machines must not reach it unless told.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from secrets import compare_digest
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_BYTES = 64 * 1024
"""The largest body that is read: a judgement with a note needs less than 5 KB."""

HERE = ("127.0.0.1", "localhost", "[::1]")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)
NOTEBOOKS = "http://localhost:* http://127.0.0.1:*"

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Door:
    """Where the server listens, and whom it lets in.

    Attributes
    ----------
    host, port
        Where it listens.
    token
        What the address must hold; ``None`` where only this machine can come.
    framed
        Whether a notebook on this machine may show the page inside itself.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str | None = None
    framed: bool = False

    @property
    def address(self) -> str:
        """What is typed into a browser."""
        wide = self.host in {"0.0.0.0", "::"}  # noqa: S104 asked for by --host, with a token
        name = socket.gethostname() if wide else self.host
        name = f"[{name}]" if ":" in name else name
        tail = "" if self.token is None else "?" + urlencode({"token": self.token})
        return f"http://{name}:{self.port}/{tail}"

    def knows(self, host: str) -> bool:
        """Whether a request may name the server so.

        A web site that lets its own name point at this machine (DNS rebinding) sends that name.

        >>> door = Door(port=8000)
        >>> door.knows("127.0.0.1:8000"), door.knows("evil.example:8000"), door.knows("localhost")
        (True, False, False)
        """
        name, _, port = host.rpartition(":")
        if not port.isdecimal() or int(port) != self.port:
            return False
        return name in HERE or (self.token is not None and _is_ours(name, self.host))

    @property
    def cookie(self) -> str:
        """The cookie that keeps the token; cookies do not tell ports apart, so its name does."""
        return f"anglewise-{self.port}"


@dataclass(frozen=True)
class Guard:
    """Stands before the application; see :class:`Door`."""

    app: App
    door: Door

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
            await answer(scope, receive, self._dressed(send))
            return
        await self.app(scope, _measured(receive), self._dressed(send))

    def _refusal(self, scope: Message) -> Response | None:
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        host = headers.get("host", "")
        if not self.door.knows(host):
            return _said("this server does not answer to that name", 421)
        if self.door.token is not None:
            answer = self._without_token(scope, headers)
            if answer is not None:
                return answer
        if scope["method"] not in {"GET", "HEAD", "POST"}:
            return _said("only GET and POST are answered", 405)
        if scope["method"] == "POST" and headers.get("origin") != f"http://{host}":
            return _said("a page of another site cannot write here", 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return _said(f"at most {MOST_BYTES} bytes are read", 413)
        return None

    def _without_token(self, scope: Message, headers: dict[str, str]) -> Response | None:
        """Nothing for who has the cookie; the cookie for who has the address; else no entry."""
        token = self.door.token or ""
        cookies = cookie_parser(headers.get("cookie", ""))
        if compare_digest(cookies.get(self.door.cookie, "").encode(), token.encode()):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        given = dict(query).get("token", "")
        if not compare_digest(given.encode(), token.encode()):
            return _said("open the address that was printed, with its token", 403)
        rest = urlencode([pair for pair in query if pair[0] != "token"])
        # The path comes from a client, so it must not name another server ("//evil").
        to = "/" + scope["path"].lstrip("/\\") + (f"?{rest}" if rest else "")
        answer = RedirectResponse(to, 303)
        answer.set_cookie(self.door.cookie, token, httponly=True, samesite="strict")
        return answer

    def _dressed(self, send: Send) -> Send:
        ancestors = NOTEBOOKS if self.door.framed else "'none'"
        ours = {**HEADERS, "content-security-policy": POLICY.format(ancestors=ancestors)}

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = {key.lower() for key, _ in message["headers"]}
                more = [(k.encode(), v.encode()) for k, v in ours.items() if k.encode() not in told]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        return dressed


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
