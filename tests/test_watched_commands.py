"""Commands that open an index of a library in C++ run in a child, which may break."""

import signal
import subprocess
import sys

import pytest

from anglewise.cli import program
from anglewise.cli.watched import may_break

linux = pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="only Linux can be told so")


def ended(work):
    """A process that watches some work, and writes which signal broke it."""
    code = (
        "import os, sys; from anglewise.cli.watched import watched; "
        f"sys.exit(watched(lambda: {work} or 0, lambda name: print(name) or 2))"
    )
    return subprocess.run(
        [sys.executable, "-c", code], check=False, timeout=60, capture_output=True, text=True
    )


@linux
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"])
def test_a_signal_of_a_library_is_told_in_words(name):
    run = ended(f"os.kill(os.getpid(), {int(getattr(signal, name))})")
    assert (run.returncode, run.stdout) == (2, f"{name}\n")


@linux
@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_an_exit_code_is_that_of_the_child(code):
    assert ended(code).returncode == code


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_another_signal_ends_both(number):
    run = ended(f"os.kill(os.getpid(), {int(number)})")
    assert (run.returncode, run.stdout) == (-number, "")


@linux
def test_only_what_such_a_library_reads_is_watched(tmp_path):
    (tmp_path / "index").write_bytes(b"IxF2")
    (tmp_path / "items.npy").write_bytes(b"")
    (tmp_path / "films.lance").mkdir()
    for words in (
        ["probe", "faiss:///films.index"],
        ["audit", "--items=faiss:///films.index"],
        ["audit", str(tmp_path / "index")],
        ["audit", f"--items={tmp_path / 'index'}"],
        ["audit", str(tmp_path / "films.lance")],
    ):
        assert may_break(words), words
    for words in (
        ["audit", str(tmp_path)],
        ["audit", str(tmp_path / "items.npy")],
        ["probe", "http://127.0.0.1/search"],
        ["audit", "\0", "x" * 5_000],
        [],
    ):
        assert not may_break(words), words


@linux
def test_a_collection_that_is_named_elsewhere_is_watched_too(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["anglewise", "audit"])
    monkeypatch.setattr(program, "_main", lambda _: pytest.fail("it was not watched"))
    monkeypatch.setattr(program, "watched", lambda work, broken: (work, broken) and 7)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("ANGLEWISE_AUDIT_ITEMS", "faiss:///films.index")
        assert program.main() == 7
    (tmp_path / "anglewise").mkdir()
    (tmp_path / "anglewise" / "config.toml").write_text('[audit]\nitems = "faiss:///a/b"\n')
    assert program.main() == 7


@linux
def test_what_names_no_collection_elsewhere_is_not_watched(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["anglewise", "audit"])
    monkeypatch.setattr(program, "_main", lambda _: 5)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("ANGLEWISE_AUDIT_MEASURES", "dot,cosine")
    (tmp_path / "anglewise").mkdir()
    (tmp_path / "anglewise" / "config.toml").write_text('[encode]\nurl = "http://127.0.0.1/v1"\n')
    assert program.main() == 5
