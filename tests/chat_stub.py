"""A server on this machine that speaks the protocol of ``/chat/completions``, in a stream."""

import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from local_server import serving


def event(content: str) -> bytes:
    """One piece of an answer, as it stands on the wire."""
    said = {"choices": [{"index": 0, "delta": {"content": content}}]}
    return f"data: {json.dumps(said, ensure_ascii=False)}\n\n".encode()


DONE = b"data: [DONE]\n\n"


@dataclass
class Chat:
    """The server: what it was asked, and the bytes that it answers with, piece by piece."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=lambda: [event("Yes"), event(" [1]."), DONE])
    status: int = 200
    port: int = 0
    wait: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@pytest.fixture
def chat():
    here = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            here.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            here.headers.append(dict(self.headers))
            here.paths.append(self.path)
            self.send_response(here.status)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            with suppress(ConnectionError):  # who asked may have heard enough
                for number, piece in enumerate(here.pieces):
                    if number and here.wait is not None:
                        here.wait.wait(10)
                    self.wfile.write(piece)
                    self.wfile.flush()

        def log_message(self, *_):
            """Quietly."""

    with serving(Handler) as here.port:
        yield here
