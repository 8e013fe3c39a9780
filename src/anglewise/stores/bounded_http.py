"""Answers of stores' servers that end in time and room: a transport of httpx for their clients.

These clients wait for each byte anew, or for ever, and keep whatever comes: a server that drips or
never ends would hold a command, or fill the memory.
"""

import socket
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Lock, Timer
from typing import Any
from urllib.parse import urlsplit

from anglewise.data_types.libraries import library
from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.encoders.deadline import MOST, json_size
from anglewise.errors import StoreError

LONGEST = 10
"""Times the patience for a byte, from the question until an answer must be there whole."""
LOCAL = ("localhost", "127.0.0.1")


def transport(url: str, patience: float, *, needed_by: str, verify: Any = True) -> Any:
    """A transport for ``httpx.Client(transport=...)`` whose answers end in time and room.

    It asks for answers that are not packed, waits ``patience`` seconds for a byte and ten times as
    long for the whole, and goes by the proxy that the environment names for ``url``.

    Raises ``StoreError``, when it is used, for an answer without end, one that is packed all the
    same, and one in JSON that would take more memory than is allowed.
    """
    httpx = library("httpx", needed_by, needed_by="store")
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = None if urllib.request.proxy_bypass(host) else _proxies().get(parts.scheme)
    # kept connections to this machine cost more than they save
    limits = httpx.Limits(max_keepalive_connections=0 if host in LOCAL else 20)
    inner = httpx.HTTPTransport(verify=verify, limits=limits, proxy=proxy)
    streams: list[Any] = []

    class BoundedTransport(httpx.BaseTransport):  # type: ignore[name-defined, misc]
        def handle_request(self, request: Any) -> Any:
            request.headers["Accept-Encoding"] = "identity"
            request.extensions = {
                **request.extensions,
                "timeout": dict.fromkeys(("connect", "read", "write", "pool"), patience),
                "trace": partial(_note, streams),
            }
            late = f"an answer that had not come whole after {LONGEST * patience:g} seconds"
            with _cut_after(LONGEST * patience, streams) as over:
                try:
                    answer = inner.handle_request(request)
                    body = _whole(answer, url)
                except httpx.TransportError as error:
                    raise httpx.ReadTimeout(late) if over else error from error
                if over:
                    raise httpx.ReadTimeout(late)
            _check_plain(answer.headers.get("Content-Encoding", "identity"), url)
            _check_fits(url, body)
            headers = [(name, value) for name, value in answer.headers.items() if name not in SIZED]
            return httpx.Response(answer.status_code, headers=headers, content=body)

        def close(self) -> None:
            inner.close()

    return BoundedTransport()


SIZED = ("content-length", "transfer-encoding")
"""Headers that say how long the answer is that came, which is read by now."""


def _proxies() -> dict[str, str]:
    proxies = urllib.request.getproxies()
    every = proxies.get("all")
    return {"http": every, "https": every, **proxies} if every else proxies


def _note(streams: list[Any], name: str, about: dict[str, Any]) -> None:
    """Keep each connection that is made, in place of those that are closed by now."""
    if name.endswith(("connect_tcp.complete", "start_tls.complete")):
        streams[:] = [known for known in streams if _handle(known) is not None]
        streams.append(about["return_value"])


def _handle(stream: Any) -> socket.socket | None:
    handle: Any = stream.get_extra_info("socket")
    return handle if handle is not None and handle.fileno() != -1 else None


@contextmanager
def _cut_after(seconds: float, streams: list[Any]) -> Generator[list[bool]]:
    """Shut connections down once the time is over, and say so in the list that is given."""
    over: list[bool] = []

    def cut() -> None:
        over.append(True)
        for stream in list(streams):
            handle = _handle(stream)
            if handle is not None:
                with suppress(OSError):  # ended meanwhile
                    handle.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


def _whole(answer: Any, url: str) -> bytes:
    body = bytearray()
    try:
        for part in answer.stream:
            body += part
            if len(body) > MOST:
                raise StoreError(
                    f"{url} answered with more than {MOST:,} bytes, and was not listened to any "
                    "longer: is this the address of a store?"
                )
    finally:
        answer.stream.close()
    return bytes(body)


def _check_plain(encoding: str, url: str) -> None:
    """Refuse what is packed, though nobody asked for it: it may unpack to any size."""
    if encoding.strip().lower() not in {"", "identity"}:
        raise StoreError(f"{url} packs its answers ({encoding[:40]}), which were asked for plain")


def _check_fits(url: str, body: bytes) -> None:
    size = json_size(body)
    if size > room():
        raise StoreError(
            f"{url} answered with {words(len(body))} that take {words(size)} or so once they are "
            f"read, {words(room())} are allowed: allow more if it is right, "
            f"{VARIABLE}={words(2 * size).replace(' ', '')}"
        )


_one_at_a_time = Lock()


@contextmanager
def bounding(module: Any, url: str, patience: float, *, needed_by: str) -> Generator[None]:
    """Let a module that makes its clients as ``httpx.Client(...)`` make them bounded for a while.

    For libraries that take no transport. What else it uses of httpx stays as it is.
    """
    httpx = module.httpx

    class Stand:
        def __getattr__(self, name: str) -> Any:
            return getattr(httpx, name)

        def Client(self, **settings: Any) -> Any:  # noqa: N802 httpx calls it so
            verify = settings.pop("verify", True)
            made = transport(url, patience, needed_by=needed_by, verify=verify)
            return httpx.Client(**settings, transport=made)

    with _one_at_a_time:
        module.httpx = Stand()
        try:
            yield
        finally:
            module.httpx = httpx
