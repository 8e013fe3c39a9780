"""Who may enter the page: the address and token of the server, and who shows it in a frame."""

import ipaddress
import json
import os
import re
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from anglewise.io.files import file_text
from anglewise.web_page.account import is_loopback

HERE = ("127.0.0.1", "localhost", "[::1]")

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


@dataclass(frozen=True)
class AllowedOrigin:
    """The address and token of the server, and who may show the page in a frame.

    Attributes
    ----------
    host, port
        Where the server listens, as it was asked for.
    bound
        The address at which it listens, where ``host`` may be a name.
    token
        What the first address must hold, on this machine too: other people may work on it.
    framed_by
        The addresses of the notebook that may show the page in a frame; empty for none.
    """

    token: str
    host: str = "127.0.0.1"
    port: int = 0
    framed_by: str = ""
    bound: str = ""

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
        if self.only_here:
            ours = {self.host.lower(), self.bound or self.host}
            return name in HERE or name.lower().strip("[]") in ours
        return name in HERE or _is_ours(name, self.host)

    @property
    def only_here(self) -> bool:
        """Whether only this machine can reach the server, by whatever address or name.

        >>> here = AllowedOrigin("a-random-token", host="my-computer", bound="127.0.1.1")
        >>> here.only_here, AllowedOrigin("a-random-token", host="192.0.2.7").only_here
        (True, False)
        """
        return self.host == "localhost" or bool(is_loopback(self.bound or self.host))

    @property
    def cookie(self) -> str:
        """The name of the cookie with the token, which holds the port: all ports share cookies."""
        return f"anglewise-{self.port}"


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
