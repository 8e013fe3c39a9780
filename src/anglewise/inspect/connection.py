"""Connections that send nothing, or a little at a time, do not keep others out."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10.0
"""How long a request may take to arrive, its body included."""

MOST_CONNECTIONS = 128
"""Beyond these the one that has waited longest without a request makes room."""


class Connection(H11Protocol):
    """A connection of uvicorn's that is closed when a request does not arrive in time."""

    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request; make room where many are waiting."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > MOST_CONNECTIONS:
            others: Any = self.connections
            waiting = [one for one in others if one.deadline is not None]
            min(waiting, key=lambda one: one.deadline.when()).give_up()

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
