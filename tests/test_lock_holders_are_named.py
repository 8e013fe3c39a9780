"""Who waits for a lock learns which process holds it, and of which account it is."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from anglewise.errors import FileError
from anglewise.judgements import lock_holders
from anglewise.judgements.folder_lock import check_nobody_judges, judging_in
from anglewise.judgements.store import JudgementStore

if sys.platform != "linux" or not lock_holders.LOCKS.exists():
    pytest.skip("only Linux lists the locks of others", allow_module_level=True)

import fcntl

HOLDS = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(handle, {mode})
print("held", flush=True)
sys.stdin.read()
"""

HOLDS_STORE = """
import sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""

THEIRS = 12345


class Other:
    """Another process that holds something until it is left."""

    def __init__(self, program, path, **options):
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            **options,
        )

    def __enter__(self):
        assert self.process.stdout.readline() == b"held\n"
        return self.process.pid

    def __exit__(self, *_):
        self.process.kill()  # which may itself wait for a lock
        self.process.communicate()


@pytest.fixture
def folder():
    """A folder that other accounts can reach."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_who_replaces_a_folder_is_named(folder):
    with (
        Other(HOLDS.format(mode="fcntl.LOCK_EX"), folder) as process,
        pytest.raises(FileError, match=rf"another run \(process {process}, python[^,]*\): try"),
    ):
        judging_in(folder, patience=0.05)


def test_all_who_judge_in_a_folder_are_named_and_those_of_others_not(folder):
    beside = folder / "beside"
    beside.mkdir()
    shared = HOLDS.format(mode="fcntl.LOCK_SH")
    with (
        Other(shared, folder) as first,
        Other(shared, folder) as second,
        Other(shared, beside) as third,
        pytest.raises(FileError, match="open for judging") as error,
    ):
        check_nobody_judges(folder)
    words = str(error.value)
    assert f"process {first}, " in words
    assert f"process {second}, " in words
    assert f"process {third}, " not in words


def test_this_process_is_called_so(folder):
    lock = judging_in(folder)
    with pytest.raises(FileError, match=r"another run \(this process\): close"):
        check_nobody_judges(folder)
    lock.close()
    check_nobody_judges(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may play another account")
def test_the_account_of_who_holds_a_lock_is_named(folder):
    held, ends = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.setgid(THEIRS)
        os.setuid(THEIRS)
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
        os.write(held[1], b"1")
        os.close(ends[1])
        os.read(ends[0], 1)
        os._exit(0)
    os.read(held[0], 1)
    with pytest.raises(FileError, match=rf"{child}, \w+, of account number {THEIRS}\): try again"):
        JudgementStore.open(folder / "judgements.sqlite", patience=0.05)
    for handle in (*held, *ends):
        os.close(handle)
    os.waitpid(child, 0)


def test_who_writes_to_a_store_is_named_and_who_only_has_it_open_is_not(folder):
    path = folder / "judgements.sqlite"
    reads = HOLDS_STORE.replace("BEGIN IMMEDIATE", "SELECT * FROM judgements")
    with (
        JudgementStore.open(path, patience=0.05) as store,
        Other(reads, path) as reader,
        Other(HOLDS_STORE, path) as writer,
        pytest.raises(FileError, match="another program holds the file locked") as error,
    ):
        store.retract("nothing", judge="anna")
    assert f"locked (process {writer}, python" in str(error.value)
    assert f"process {reader}, " not in str(error.value)


@pytest.mark.parametrize("content", ["", "1: FLOCK\n", "no line of locks \x00\n", None])
def test_where_nobody_can_be_named_nobody_is(content, folder, monkeypatch, tmp_path):
    locks = tmp_path / "locks"
    if content is not None:
        locks.write_text(content)
    monkeypatch.setattr(lock_holders, "LOCKS", locks)
    lock = judging_in(folder)
    with pytest.raises(FileError, match="by another run: close that first"):
        check_nobody_judges(folder)
    lock.close()


def test_a_process_names_itself_in_one_short_line(folder):
    program = "open('/proc/self/comm', 'w').write('a\\x1b[31m\\nb')\n"
    with (
        Other(program + HOLDS.format(mode="fcntl.LOCK_EX"), folder) as process,
        pytest.raises(FileError) as error,
    ):
        judging_in(folder, patience=0.05)
    assert f"(process {process}, " in str(error.value)
    assert "\n" not in str(error.value)


def test_a_lock_that_others_wait_for_is_not_theirs(folder):
    waits = HOLDS.replace('print("held", flush=True)', "").format(mode="fcntl.LOCK_EX")
    waits = waits.replace("fcntl.flock", 'print("held", flush=True); fcntl.flock')
    with (
        Other(HOLDS.format(mode="fcntl.LOCK_EX"), folder) as holder,
        Other(waits, folder) as waiter,
    ):
        with pytest.raises(FileError) as error:
            judging_in(folder, patience=0.05)
        assert f"process {holder}, " in str(error.value)
        assert f"process {waiter}, " not in str(error.value)
