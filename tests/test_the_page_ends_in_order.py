"""However the page is ended, what was answered lies in the store's own file."""

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from anglewise import Embeddings, JudgementStore, Space, write_space

CODE = """
import signal, sys, threading, time
from pathlib import Path
import numpy as np
from anglewise import Embeddings, Judged, Space
from anglewise.web_page.app import served
from anglewise.web_page.open_space import Inspected

space = Space(items=Embeddings(np.eye(3)))
page = served(lambda: Inspected(space, {}, "space", None, 0, Path(sys.argv[1])))
store = page.app.store.opened()
for item in range(5):
    store.add(Judged("q", str(item), 1, judge="anna"))

def ready():
    while not page.server.started:
        time.sleep(0.01)
    print("ready", page.origin.port, flush=True)

threading.Thread(target=ready, daemon=True).start()
"""

RUN = """
print(page.run())
"""

HIT_AMID_A_REQUEST = """
site = page.server.config.app

async def hit(scope, receive, send):
    if scope["type"] == "http":
        signal.raise_signal(signal.SIGHUP)
    await site(scope, receive, send)

page.server.config.app = hit
"""

SLOW_TO_CLOSE = """
close = page.app.store.close

def closing():
    print("closing", flush=True)
    time.sleep(0.5)
    close()

page.app.store.close = closing
"""

IGNORING = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")


@contextmanager
def running(path, code):
    """A page that has its port; with the port."""
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as page:
        try:
            yield page, int(page.stdout.readline().split()[1])
        finally:
            page.kill()


def status_of(port):
    """Of an answer to somebody without the token."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def check_all_in_the_store(path):
    assert [file.name for file in Path(path).parent.iterdir()] == [path.name]
    with JudgementStore.open(path, read_only=True) as store:
        assert store.counts().standing == 5


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_page_that_is_ended_closes_its_store(name, tmp_path):
    path = tmp_path / "judgements.sqlite"
    with running(path, CODE + RUN) as (page, _):
        page.send_signal(getattr(signal, name))
        assert page.communicate(timeout=30) == (f"{name}\n", "")
        assert page.returncode == 0
    check_all_in_the_store(path)


def test_a_signal_amid_a_request_ends_the_page_and_not_the_request(tmp_path):
    path = tmp_path / "judgements.sqlite"
    with running(path, CODE + HIT_AMID_A_REQUEST + RUN) as (page, port):
        assert status_of(port) == 403
        assert page.communicate(timeout=30) == ("SIGHUP\n", "")
    check_all_in_the_store(path)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_further_signals_do_not_break_off_the_closing(name, tmp_path):
    path, number = tmp_path / "judgements.sqlite", getattr(signal, name)
    with running(path, CODE + SLOW_TO_CLOSE + RUN) as (page, _):
        page.send_signal(number)
        assert page.stdout.readline() == "closing\n"
        for _ in range(10):
            page.send_signal(number)
            time.sleep(0.02)
        assert page.communicate(timeout=30) == (f"{name}\n", "")
    check_all_in_the_store(path)


def test_signals_that_are_ignored_stay_so(tmp_path):
    path = tmp_path / "judgements.sqlite"
    with running(path, IGNORING + CODE + RUN) as (page, port):
        for name in ("SIGHUP", "SIGINT"):
            page.send_signal(getattr(signal, name))
            time.sleep(0.5)
            assert status_of(port) == 403
        page.send_signal(signal.SIGTERM)
        assert page.communicate(timeout=30) == ("SIGTERM\n", "")
    check_all_in_the_store(path)


@pytest.mark.parametrize(
    ("name", "said"), [("SIGTERM", "stopped by SIGTERM"), ("SIGINT", "stopped")]
)
def test_the_command_says_what_ended_it(name, said, tmp_path):
    write_space(Space(items=Embeddings(np.eye(3))), tmp_path / "space")
    command = [Path(sys.executable).with_name("anglewise"), "inspect", "space", "--no-open"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as page:
        port = re.search(r":(\d+)/", page.stdout.readline())[1]
        while True:
            try:
                assert status_of(port) == 403
                break
            except urllib.error.URLError:
                time.sleep(0.05)
        page.send_signal(getattr(signal, name))
        assert page.communicate(timeout=30)[1].splitlines()[-1] == said
        assert page.returncode == 0
