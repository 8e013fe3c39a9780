"""A server on this machine that speaks the protocol of ``/embeddings``, well or badly."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from local_server import serving


def vector(text: str) -> list[float]:
    """What a text becomes: nothing that anybody trained, but its own for each text."""
    return [float(len(text)), float(sum(map(ord, text)) % 97), 1.0]


def good(texts: list[str]) -> dict[str, Any]:
    """The answer of a server in good health."""
    rows = [
        {"object": "embedding", "index": i, "embedding": vector(t)} for i, t in enumerate(texts)
    ]
    return {"object": "list", "data": rows, "usage": {"total_tokens": len(texts)}}


@dataclass
class Answer:
    """One answer: JSON or bytes, and what stands around them."""

    content: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        return (
            self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()
        )


@dataclass
class Stub:
    """The server: what it was asked, and what it answers next instead of the right thing."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    script: list[Answer | Callable[[list[str]], Any]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def answer(self, texts: list[str]) -> Answer:
        turn = self.script.pop(0) if self.script else good
        return turn if isinstance(turn, Answer) else Answer(turn(texts))


@pytest.fixture
def stub():
    here = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            here.asked.append(asked)
            here.headers.append(dict(self.headers))
            here.paths.append(self.path)
            answer = here.answer(asked["input"])
            body = answer.body()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Quietly."""

    with serving(Handler) as here.port:
        yield here
