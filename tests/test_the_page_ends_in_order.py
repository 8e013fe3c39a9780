"""However the page is ended, what was answered lies in the store's own file."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anglewise import JudgementStore

CODE = """
import sys, threading, time
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
    print("ready", flush=True)

threading.Thread(target=ready, daemon=True).start()
page.run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_page_that_is_ended_closes_its_store(name, tmp_path):
    path = tmp_path / "judgements.sqlite"
    command = [sys.executable, "-c", CODE, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
        assert page.stdout.readline() == "ready\n"
        page.send_signal(getattr(signal, name))
        page.wait(30)
    assert [file.name for file in Path(tmp_path).iterdir()] == [path.name]
    with JudgementStore.open(path, read_only=True) as store:
        assert store.counts().standing == 5
