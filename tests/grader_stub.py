"""A server on this machine that grades by ``/chat/completions``, well or badly."""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from local_server import serving


def said(words: Any, **usage: int) -> bytes:
    """An answer as the protocol has it."""
    content = {"choices": [{"index": 0, "message": {"role": "assistant", "content": words}}]}
    return json.dumps(content | ({"usage": usage} if usage else {})).encode()


def pair_in(prompt: str) -> str:
    """The id that the answer is to repeat."""
    [pair] = re.findall(r'\{"id": "([0-9a-f]{8})", "grade": GRADE\}', prompt)
    return pair


@dataclass
class Turn:
    """One answer and all that may be wrong with it."""

    body: bytes | Callable[[str], bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    closes: bool = False


def graded(grade: Any) -> Turn:
    """An answer with a grade for the pair that was asked about."""
    return Turn(lambda prompt: said(json.dumps({"id": pair_in(prompt), "grade": grade})))


@dataclass
class Grader:
    """The server: what it was asked, and what it does before it grades well.

    ``grade`` gives the grade of a prompt; ``script`` holds turns that come first, whoever asks.
    """

    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    script: list[Turn] = field(default_factory=list)
    grade: Callable[[str], Any] = lambda prompt: len(prompt) % 4
    port: int = 0
    lock: Any = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def prompts(self) -> list[str]:
        return [asked["messages"][0]["content"] for asked in self.asked]


@pytest.fixture
def grader():
    here = Grader()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = asked["messages"][0]["content"]
            with here.lock:
                here.asked.append(asked)
                here.headers.append(dict(self.headers))
                turn = here.script.pop(0) if here.script else graded(here.grade(prompt))
            time.sleep(turn.wait)
            if turn.closes:
                self.close_connection = True
                self.connection.close()
                return
            body = turn.body(prompt) if callable(turn.body) else turn.body
            self.send_response(turn.status)
            names = {"Content-Type": "application/json", "Content-Length": str(len(body))}
            for name, value in {**names, **turn.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def handle(self):
            try:
                super().handle()
            except (OSError, ValueError):
                """Who asked has gone, or was left."""

        def log_message(self, *_):
            """Quietly."""

    with serving(Handler) as here.port:
        yield here
