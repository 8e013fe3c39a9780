"""Starting and stopping the server: a free port, an address, a browser, a clean end."""

import os
import secrets
import shutil
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import uvicorn

from anglewise.errors import FileError
from anglewise.inspect.app import application
from anglewise.inspect.connection import Connection
from anglewise.inspect.desk import Desk
from anglewise.inspect.guard import LEADS_ON, Door
from anglewise.inspect.inspected import Inspected

FIRST_PORT, PORTS = 8765, 100
"""Where a free port is looked for, unless one is named."""


@dataclass(frozen=True, eq=False)
class Served:
    """A server whose port is taken and which is not running yet."""

    door: Door
    listening: socket.socket
    server: uvicorn.Server
    _notes: list[str] = field(default_factory=list[str], repr=False)

    @property
    def address(self) -> str:
        """What is typed into a browser."""
        return self.door.address

    def run(self) -> None:
        """Answer until Ctrl-C."""
        try:
            self.server.run(sockets=[self.listening])
        finally:
            self.listening.close()
            for folder in self._notes:
                shutil.rmtree(folder, ignore_errors=True)

    def start(self) -> threading.Thread:
        """Answer on a thread of its own, until :meth:`stop`."""
        thread = threading.Thread(target=self.run, name="anglewise-inspect", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Finish what is being answered, then end."""
        self.server.should_exit = True

    def open_browser(self) -> None:
        """Open the page, a moment later, when the server answers.

        Everybody on a machine sees with which words a program was started, so the browser is given
        a file that leads on, which nobody else may read, and not the address with its token.
        """
        folder = tempfile.mkdtemp(prefix="anglewise-")  # for its owner alone
        self._notes.append(folder)
        note = Path(folder) / "open.html"
        opened = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(LEADS_ON.format(to=escape(self.address)))
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
    """Take a port and prepare the site, for who has the random token in its address.

    Raises ``FileError`` where the port or the address cannot be had.
    """
    desk = Desk(read)
    listening = _listen(host, port)
    door = Door(
        host=host,
        port=listening.getsockname()[1],
        token=secrets.token_urlsafe(24),
        framed=framed,
    )
    config: Any = uvicorn.Config(
        application(desk, door),
        log_level="warning",
        access_log=False,  # addresses hold ids, and the token
        http=Connection,
        ws="none",
        timeout_graceful_shutdown=2,
        server_header=False,
        h11_max_incomplete_event_size=32 * 1024,
    )
    return Served(door, listening, uvicorn.Server(config))


def _listen(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,)
    why: OSError | None = None
    for one in ports:
        # With its protocol named, what it accepts sends at once instead of gathering for 40 ms.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, one))
            listening.listen(64)
        except OSError as error:
            listening.close()
            why = error
            continue
        return listening
    wanted = f"port {port}" if port is not None else f"a port from {FIRST_PORT} on"
    raise FileError(
        f"{wanted} of {host} cannot be had ({why.strerror if why else 'none is free'}): "
        "name another --port or --host"
    )
