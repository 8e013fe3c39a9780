"""A browser, and servers that can be killed: the page as people meet it."""

import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from anglewise import write_space
from anglewise.experiment.catalogue import simulate
from anglewise.recommender_models.fit import fit

# A shell lets what it starts in the background ignore Ctrl-C, and so would the page that a test
# starts and interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
IMAGES = Path(__file__).parents[2] / "docs" / "images"
ANGLEWISE = Path(sys.executable).with_name("anglewise")
PATIENCE = 30_000
"""Milliseconds: a loaded machine is slow, and this is no test of speed."""


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """The simulated films of the demo, with what held-out viewers used as judgements."""
    folder = tmp_path_factory.mktemp("spaces") / "films"
    made = fit(simulate(1500, 400, seed=0).interactions, components=32)
    write_space(made.space, folder, judgements=made.judgements)
    return folder


@dataclass
class Server:
    """``anglewise inspect`` in a process of its own."""

    folder: Path
    store: Path
    port: int | None = None
    address: str = ""
    entrance: str = ""
    token: str = ""
    windows: list = field(default_factory=list)
    process: subprocess.Popen = field(init=False)

    def start(self, *, let_in=True):
        command = [str(ANGLEWISE), "inspect", str(self.folder), "--no-open"]
        command += ["--store", str(self.store), "--quiet"]
        command += [] if self.port is None else ["--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.entrance = self.process.stdout.readline().strip()
        self.address, _, self.token = self.entrance.partition("/?token=")
        self.port = int(self.address.rpartition(":")[2])
        for window in self.windows if let_in else ():
            window.add_cookies([self.cookie])
        return self

    @property
    def cookie(self):
        """What the printed address gives a browser."""
        return {
            "name": f"anglewise-{self.port}",
            "value": self.token,
            "url": self.address,
            "httpOnly": True,
            "sameSite": "Strict",
        }

    def let_in(self, window):
        """Let a window in, also after the server has started anew."""
        self.windows.append(window)
        window.add_cookies([self.cookie])

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(15)
        self.process.stdout.close()
        return code


@pytest.fixture
def server(films, tmp_path):
    there = Server(films, tmp_path / "judgements.sqlite").start()
    yield there
    if there.process.poll() is None:
        there.kill()


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, request):
    """Open windows that must stay silent and speak to no other host."""
    windows, faults = [], []

    def opened(width=1280, height=860, *, scheme="light", forgiven=()):
        window = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        windows.append(window)
        if "server" in request.fixturenames:
            request.getfixturevalue("server").let_in(window)
        page = window.new_page()
        page.set_default_timeout(PATIENCE)

        def fault(text):
            if not any(word in text for word in forgiven):
                faults.append(text)

        def watch(request):
            if not request.url.startswith(("http://127.0.0.1:", "file://", "data:")):
                faults.append(f"asked {request.url}")

        page.on(
            "console", lambda said: fault(said.text) if said.type in {"error", "warning"} else 0
        )
        page.on("pageerror", lambda error: fault(str(error)))
        page.on("request", watch)
        return page

    yield opened
    for window in windows:
        window.close()
    assert faults == []


@pytest.fixture(scope="session")
def picture():
    """Keep a picture of a page for the guide."""

    def keep(page, name):
        IMAGES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=IMAGES / f"{name}.png")
        assert (IMAGES / f"{name}.png").stat().st_size < 200_000

    return keep
