"""How fast the page answers: the first view, four measures, the slider, a judgement.

Run with ``python benchmarks/page.py [--items N] [--dimension D]``. Times are those of requests
over a real socket to a server in a process of its own; the budget of the slider is asserted.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.io.space_folder import write_space

SLIDER_BUDGET = 0.100
SLIDER_ITEMS, SLIDER_DIMENSION = 100_000, 64
REPEATS = 30


def made(folder: Path, items: int, dimension: int) -> Path:
    """A space of two sides with titles."""
    rng = np.random.default_rng(0)
    spread = np.linspace(3, 0.1, dimension)
    space = Space(
        queries=Embeddings(rng.normal(size=(items // 2, dimension)) * spread),
        items=Embeddings(
            rng.normal(size=(items, dimension)),
            metadata={"title": [f"Item number {i}" for i in range(items)]},
        ),
        trained_for="dot",
    )
    write_space(space, folder)
    return folder


class Client:
    """One connection that is kept open, as a browser's is."""

    def __init__(self, port: int) -> None:
        self.wire = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.wire.connect()
        self.wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as browsers do
        self.headers = {"Origin": f"http://127.0.0.1:{port}"}
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, body: str | None = None) -> tuple[float, bytes, int]:
        """Seconds, what came and the status."""
        begun = time.perf_counter()
        self.wire.request("GET" if body is None else "POST", path, body, self.headers)
        answer = self.wire.getresponse()
        data = answer.read()
        cookie = answer.getheader("set-cookie")
        if cookie:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
            self.headers["Cookie"] = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
        return time.perf_counter() - begun, data, answer.status


def told(name: str, seconds: list[float]) -> float:
    """Print the middle and the 95th percentile; give the latter."""
    late = float(np.quantile(seconds, 0.95))
    print(f"{name:44} {1000 * statistics.median(seconds):9.1f} {1000 * late:9.1f}")
    return late


def processor(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int, which: str = "VmRSS") -> int:
    """Resident megabytes, now or (``VmHWM``) at most so far; pages of mapped files count."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(which)).split()[1]) // 1024


def run(items: int, dimension: int) -> bool:
    """Measure one size; whether the budgets held where they apply."""
    with tempfile.TemporaryDirectory() as folder:
        space = made(Path(folder) / "space", items, dimension)
        begun = time.perf_counter()
        command = [str(Path(sys.executable).with_name("anglewise")), "inspect", str(space)]
        server = subprocess.Popen(  # noqa: S603 our own command
            [*command, "--no-open", "--quiet"], stdout=subprocess.PIPE, text=True
        )
        try:
            address = server.stdout.readline() if server.stdout else ""
            started, spent = time.perf_counter() - begun, processor(server.pid)
            entrance = urlsplit(address.strip())
            client = Client(entrance.port or 0)
            client.ask(f"/?{entrance.query}")  # the token gives the cookie
            first = client.ask("/?direction=items-items")[0]
            print(f"\n{items:,} items x {dimension}: address after {started:.2f} s ", end="")
            print(f"({spent:.2f} s of the processors), ", end="")
            print(f"first view {first:.2f} s, {memory(server.pid)} MB\n")
            print(f"{'milliseconds':44} {'median':>9} {'p95':>9}")
            slider = _slider(client, items)
            four = "&".join(f"measure={m}" for m in ("dot", "cosine", "euclidean", "norm(0,0.5)"))
            told("a query under four measures", _over(client, items, f"&{four}"))
            found = "/find?direction=items-items&text=number%20"
            told("search by title", [client.ask(f"{found}{i}7")[0] for i in range(5)])
            _judging(client)
            most = memory(server.pid, "VmHWM")
            print(f"memory at the end: {memory(server.pid)} MB, at most {most} MB")
        finally:
            server.terminate()
            server.wait(10)
    on_size = (items, dimension) == (SLIDER_ITEMS, SLIDER_DIMENSION)
    return not on_size or slider <= SLIDER_BUDGET


def _slider(client: Client, items: int) -> float:
    client.ask("/gauge/at?query=0&t=0.5")
    rng = np.random.default_rng(0)
    places = rng.permutation(101)[:REPEATS] / 100
    asked = f"/gauge/at?direction=items-items&query={items // 3}"
    return told("the slider, a new position", [client.ask(f"{asked}&t={t:g}")[0] for t in places])


def _over(client: Client, items: int, tail: str) -> list[float]:
    asked = (f"/?direction=items-items&query={i * items // 10}{tail}" for i in range(5))
    return [client.ask(path)[0] for path in asked]


def _judging(client: Client) -> None:
    client.ask("/judge/name", "name=bench")
    begun, data, _ = client.ask("/judge/cards")
    told("the first cards (the queue is searched)", [begun])
    cards = json.loads(data)["cards"]
    taken: list[float] = []
    for card in cards:
        sent = {name: card[name] for name in ("direction", "query", "item", "context")}
        body = json.dumps({**sent, "uuid": str(uuid.uuid4()), "grade": 2, "note": ""})
        seconds, _, status = client.ask("/judge/answers", body)
        if status != http.HTTPStatus.OK:
            raise RuntimeError(f"an answer was refused: {status}")
        taken.append(seconds)
    told("a judgement, on the disk", taken)


def main() -> int:
    """The sizes of the promises, or the one that is named."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--items", type=int)
    options.add_argument("--dimension", type=int, default=SLIDER_DIMENSION)
    asked = options.parse_args()
    sizes = [(SLIDER_ITEMS, SLIDER_DIMENSION), (100_000, 384), (1_000_000, 64)]
    if asked.items:
        sizes = [(asked.items, asked.dimension)]
    held = [run(*size) for size in sizes]
    if not all(held):
        print(f"the slider is slower than {1000 * SLIDER_BUDGET:.0f} ms")
    return 0 if all(held) else 1


if __name__ == "__main__":
    raise SystemExit(main())
