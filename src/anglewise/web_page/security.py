"""The guard of the page: which requests are let in, and the headers of every answer.

The page shows its owner's data. So other web sites must not read it or write through the owner's
browser, other people on the machine must not enter, and other machines must not reach it unless
the owner wants them to.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from html import escape
from secrets import compare_digest
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from anglewise.web_page.account import is_another_account
from anglewise.web_page.allowed_origin import AllowedOrigin

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

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


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
