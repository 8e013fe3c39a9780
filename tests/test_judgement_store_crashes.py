"""The store of judgements among processes that die, crowd and run out of disk."""

import json
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from anglewise import Judged, JudgementStore

PROCESSES = Path(__file__).with_name("judging_processes.py")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "judgements.sqlite"


def deed(*words):
    command = [sys.executable, PROCESSES, *(str(word) for word in words)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def is_whole(path):
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return found == ("ok",)


def test_two_hundred_deaths_lose_nothing_acknowledged(path):
    acknowledged = deed("kill", path, 200)
    with JudgementStore.open(path) as store:
        there = {row.uuid for row in store.rows()}
        assert set(acknowledged) <= there
        # a death between the commit and the word about it may leave one more, never two
        assert len(there) - len(acknowledged) <= 200
        store.add(Judged("q", "after", 1, judge="anna"))
    assert len(acknowledged) > 200, "too few were written for the law to mean anything"
    assert is_whole(path)


@pytest.mark.parametrize("_again", range(5))
def test_processes_write_at_once(path, _again):
    """Also while one of them is just making the file."""
    found = deed("at-once", path, 3, 60)
    assert found["codes"] == [0, 0, 0]
    with JudgementStore.open(path) as store:
        assert {row.uuid for row in store.rows()} == set(found["said"])
        assert store.counts().by_judge == Counter({f"judge {i}": 60 for i in range(3)})


@pytest.mark.parametrize("most", [16_384, 100_000, 400_000])
def test_a_disk_that_refuses_leaves_the_file_whole(path, most):
    with JudgementStore.open(path) as store:
        first = Judged("q", "first", 1, judge="anna")
        store.add(first)
    *acknowledged, why = deed("full", path, most)
    assert "what was recorded before is safe" in why
    assert "try again" in why
    assert is_whole(path)
    with JudgementStore.open(path) as store:
        there = {row.uuid for row in store.rows()}
        assert there == {first.uuid, *acknowledged}
        store.add(Judged("q", "after", 1, judge="anna"))


def test_a_file_and_folder_that_may_only_be_read_are_read():
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "judgements.sqlite")
        with JudgementStore.open(path) as store:
            store.add_many(Judged("q", str(item), 1, judge="anna") for item in range(3))
        path.chmod(0o444)
        path.parent.chmod(0o555)
        count, why = deed("read-only", path, 0)
        path.parent.chmod(0o755)
    assert count == "3"
    assert "may only be read" in why or "may not be written to" in why
