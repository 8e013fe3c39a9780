"""Folders may hold pipes, to which nobody writes: no command waits for one that nobody typed."""

import ast
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

import anglewise as package
from anglewise import Embeddings, Judgements, Space, write_space
from anglewise.cli.path_checks import PIPE
from anglewise.data_types.sparse import SparseRows
from cli_run import anglewise, refused

__all__ = ["anglewise"]

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")


@pytest.fixture(autouse=True)
def _no_waiting():
    """A command that waits for a pipe fails instead of never ending."""

    def fail(*_):
        raise AssertionError("waited for a pipe")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vectors = np.random.default_rng(0).normal(size=(6, 3))
    judged = Judgements(SparseRows.from_pairs(np.arange(6), np.arange(6), shape=(6, 6)))
    both = Space(queries=Embeddings(vectors), items=Embeddings(vectors[::-1].copy()))
    write_space(both, tmp_path / "space", judgements={"queries-items": judged})
    return tmp_path


def pipe(path):
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)


MARKS = {
    "demo.json": (["demo"], "demo", "no demo.json that says"),
    "study.json": (["study", "--small", "-o", "st"], "st", "no study.json that says"),
    "copy.json": (["inspect", "space", "--export", "ex"], "ex", "holds no copy"),
}


@pytest.mark.parametrize("name", MARKS)
def test_a_mark_that_is_a_pipe_is_none(name, folder, anglewise):
    words, where, says = MARKS[name]
    pipe(folder / where / name)
    assert refused(anglewise(*words), PIPE if name != "copy.json" else says)
    (folder / where / name).unlink()
    (folder / where / "films.csv").write_text("mine")
    (folder / where / "study.svg").write_text("mine")
    assert refused(anglewise(*words), says)


WRITTEN = {
    "demo/films.csv": (["demo"], '{"command": "demo"}'),
    "demo/films": (["demo"], '{"command": "demo"}'),
    "st/study.png": (["study", "--small", "-o", "st"], '{"command": "study"}'),
    "runs/dot.run": (["compare", "space", "--run-out", "runs"], ""),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_is_written_to_a_pipe_that_nobody_named(name, folder, anglewise):
    words, mark = WRITTEN[name]
    pipe(folder / name)
    (folder / name).with_name(f"{words[0]}.json").write_text(mark)
    assert refused(anglewise(*words), f"holds {Path(name).name} as {PIPE}")


def test_a_pipe_beside_the_names_that_are_written_is_nobodys(folder, anglewise):
    pipe(folder / "runs" / "notes.txt")
    assert anglewise("compare", "space", "--run-out", "runs", "--quiet").code == 0


def test_a_store_in_a_pipe_is_refused(folder, anglewise):
    pipe(folder / "pipe")
    (folder / "in.csv").write_text("query_id,item_id,grade\n0,1,1\n")
    assert refused(anglewise("judge", "import", "pipe/of.sqlite", "in.csv"), "pipe")


OPENED = {
    "cli/console.py",  # the null device
    "cli/demo.py",  # what it has just written
    "cli/judge_files.py",  # a file, as was asked before
    "cli/program.py",  # a file, as was asked before
    "data_types/memory.py",  # limits of the system
    "encoders/batches.py",  # made anew
    "encoders/json_requests.py",  # an address
    "encoders/pixels.py",  # bytes
    "io/answer_log.py",  # added to; looked at before
    "io/archives.py",  # a file in an archive; made anew
    "io/arrays.py",  # looked at before; a file in an archive
    "io/destinations.py",  # what the system mounts; without waiting
    "io/files.py",  # where ``opened`` is
    "io/outputs.py",  # what is made; the output that was typed
    "io/ownership.py",  # what was asked before; without waiting
    "io/pairs_to_judge.py",  # a file, as was asked before
    "io/runs.py",  # a lock, looked at before
    "io/temporary_files.py",  # what is made, and folders; without waiting
    "judgements/connection.py",  # a file, as was asked before
    "judgements/folder_lock.py",  # a folder
    "judgements/lock_holders.py",  # tables of the system
    "judgements/store_checks.py",  # made anew
    "judgements/store_files.py",  # a file, as was asked before
    "integrations/sentence_transformers.py",  # a table that it writes itself
    "labelling/grading_prompt.py",  # of this package
    "labelling/known_items.py",  # what was read before; of this package
    "report/check_documents.py",  # bytes
    "report/html_page.py",  # of this package
    "stores/bounded_sql.py",  # tables of the system
    "web_page/account.py",  # tables of the system
    "web_page/app.py",  # of this package; made anew
    "web_page/metadata.py",  # without waiting
}
"""The files that open something else than by ``opened``, which refuses what is no file."""


def openings(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "open" or re.search(r"\.(open|read_text|read_bytes)$", name):
                yield name


STORE = {"JudgementStore.open", "cls.open", "self.zvec.open"}


def test_what_is_opened_is_a_file_but_where_it_is_known():
    root = Path(package.__file__).parent
    opening = {
        file.relative_to(root).as_posix()
        for file in root.rglob("*.py")
        if any(name not in STORE for name in openings(file))
    }
    assert opening <= OPENED, "read a file by opened() or first_bytes() of io/files.py"
