"""How much at a time: searches that run, connections that are open, and how long each may wait."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from anglewise.errors import AnglewiseError

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
