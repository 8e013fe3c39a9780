"""Connections to PostgreSQL whose answers end in time and room.

libpq waits for ever, and keeps all rows of an answer before anybody sees one.
"""

import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from anglewise.data_types.libraries import library
from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.errors import StoreError

LOOK = 0.2
"""Seconds between looks at the time and the memory."""
STATM = Path("/proc/self/statm")


def bounded_connection(address: str, longest: float) -> Any:
    """A class of connections that give up what takes more than ``longest`` seconds, or the memory.

    Its attribute ``longest`` is None for what may take any time, such as building an index.
    """
    psycopg = library("psycopg", "pgvector", needed_by="store")

    class BoundedConnection(psycopg.Connection):  # type: ignore[name-defined, misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.longest: float | None = longest

        def wait(self, *arguments: Any, **options: Any) -> Any:
            plain: Any = super()
            with _watched(self.fileno(), self.longest) as reasons:
                try:
                    return plain.wait(*arguments, **options)
                except psycopg.OperationalError as error:
                    if reasons:
                        raise StoreError(f"{address}: the server {reasons[0]}") from error
                    raise

    return BoundedConnection


@contextmanager
def _watched(handle: int, longest: float | None) -> Generator[list[str]]:
    """Shut a socket down once the time or the memory is over, and say which in the list."""
    reasons: list[str] = []
    done = Event()
    watching = Thread(target=_watch, args=(os.dup(handle), longest, done, reasons), daemon=True)
    watching.start()
    try:
        yield reasons
    finally:
        done.set()


def _watch(handle: int, longest: float | None, done: Event, reasons: list[str]) -> None:
    end = time.monotonic() + (float("inf") if longest is None else longest)
    most = _resident() + room()
    with socket.socket(fileno=handle) as connection:
        while not done.wait(LOOK):
            if time.monotonic() > end:
                reasons.append(f"had not answered after {longest:g} seconds, and was given up")
            elif _resident() > most:
                reasons.append(
                    f"sent what takes more than the {words(room())} that are allowed, and was given"
                    f" up: ask for less, or allow more: {VARIABLE}={words(2 * room())}"
                )
            if reasons:
                with suppress(OSError):  # ended meanwhile
                    connection.shutdown(socket.SHUT_RDWR)
                return


def _resident() -> int:
    """Bytes of memory that this process takes now; 0 where the system does not say."""
    try:
        return int(STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
