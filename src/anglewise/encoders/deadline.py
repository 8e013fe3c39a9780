"""Questions to a server that end in time and room, however slowly or endlessly it answers."""

import http.client
import socket
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event, Timer
from typing import Any

from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.errors import EncoderError


class _Handles:
    """Second handles of the sockets of an exchange, by which they are shut down from outside."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.over = Event()

    def add(self, handle: socket.socket) -> None:
        self.sockets.append(handle)
        if self.over.is_set():  # while it was connected
            self.cut()

    def cut(self) -> None:
        self.over.set()
        for handle in self.sockets:
            with suppress(OSError):  # ended meanwhile
                handle.shutdown(socket.SHUT_RDWR)


class _Noted(http.client.HTTPConnection):
    """A connection that leaves a second handle of its socket where it is told to."""

    handles: _Handles

    def connect(self) -> None:
        super().connect()
        self.handles.add(self.sock.dup())  # before TLS, whose handshake may take for ever too


class _NotedSecure(http.client.HTTPSConnection, _Noted):
    """Likewise with TLS."""


def _noted(kind: type[_Noted], handles: _Handles) -> Callable[..., http.client.HTTPConnection]:
    def make(*arguments: Any, **options: Any) -> http.client.HTTPConnection:
        connection = kind(*arguments, **options)
        connection.handles = handles
        return connection

    return make


class _Handler(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Opens connections whose sockets are noted."""

    def __init__(self, handles: _Handles) -> None:
        super().__init__()
        self.handles = handles

    def http_open(self, req: urllib.request.Request) -> Any:
        opener: Any = self.do_open
        return opener(_noted(_Noted, self.handles), req)

    def https_open(self, req: urllib.request.Request) -> Any:
        opener: Any = self.do_open
        return opener(_noted(_NotedSecure, self.handles), req)


class StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the key is for this address alone."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """No other question is asked."""


@contextmanager
def opener_until(
    seconds: float,
) -> Generator[tuple[urllib.request.OpenerDirector, Event], None, None]:
    """What opens addresses, and whether the time is over, after which its connections are cut."""
    handles = _Handles()
    timer = Timer(seconds, handles.cut)
    timer.daemon = True
    timer.start()
    try:
        yield urllib.request.build_opener(StayHere, _Handler(handles)), handles.over
    finally:
        timer.cancel()
        for handle in handles.sockets:
            handle.close()


JSON_BYTES = {b"{": 256, b"[": 72, b",": 40, b'"': 32}
"""About how much memory Python takes for what each of these signs begins or parts."""


def json_size(body: bytes) -> int:
    """About how much memory Python takes for what a text in JSON holds.

    >>> json_size(b"[1, 2]")
    112
    """
    return sum(each * body.count(sign) for sign, each in JSON_BYTES.items())


def check_fits(url: str, body: bytes) -> None:
    """Raise ``EncoderError`` for an answer in JSON that would take more memory than is allowed."""
    size = json_size(body)
    if size > room():
        raise EncoderError(
            f"{url} answered with {words(len(body))} that take {words(size)} or so once they are "
            f"read, {words(room())} are allowed: ask for fewer texts at once (batch=16), or allow "
            f"more: {VARIABLE}={words(2 * size).replace(' ', '')}"
        )


MOST = 1 << 28
"""Bytes of an answer: many times what vectors for one batch of texts take."""
AT_ONCE = 1 << 16


def whole(answer: http.client.HTTPResponse, url: str) -> bytes:
    """All of an answer; ``EncoderError`` for one without end."""
    body = bytearray()
    while part := answer.read1(AT_ONCE):
        body += part
        if len(body) > MOST:
            raise EncoderError(
                f"{url} answered with more than {MOST:,} bytes, and was not listened to any "
                "longer: is this the address of an API?"
            )
    if answer.length:  # fewer bytes came than were announced
        raise http.client.IncompleteRead(bytes(body), answer.length)
    return bytes(body)


def retry_after(header: str | None) -> float | None:
    """Seconds to wait, from a ``Retry-After`` header of seconds or a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(header)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, or an impossible one
        return None
