"""Inputs that once broke a promise are run again; `make fuzz` (tests/fuzz) looks for more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.case import Case, as_text, read_case

HERE = Path(__file__).parent
CORPUS = sorted((HERE / "fuzz" / "corpus").glob("*.json"))
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memory is watched on Linux alone")


def replayed(*files):
    """In a process of its own, which is watched and whose memory is limited."""
    path = os.pathsep.join([str(HERE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "fuzz", *map(str, files)]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


@ON_LINUX
def test_no_input_that_was_kept_breaks_a_promise():
    run = replayed(*CORPUS)
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
    assert f"{len(CORPUS)} inputs, 0 findings" in run.stdout


@ON_LINUX
def test_a_broken_promise_is_found(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text(as_text(Case("reader", ("vectors", "a\0b.npy")), "made for this test"))
    worse = tmp_path / "worse.json"
    worse.write_text(as_text(Case("reader", ("no such reader", "a")), "likewise"))
    run = replayed(bad, worse)
    assert run.returncode == 1
    assert "KeyError at outside" in run.stdout
    assert "2 inputs, 1 findings" in run.stdout


def test_a_case_comes_back_as_it_was_kept(tmp_path):
    case = Case(
        "reader", ("vectors", "lone \udcff"), {"a/b.npy": b"\x93NUMPY\x00", "t.csv": b"a,b\n"}
    )
    (tmp_path / "case.json").write_text(as_text(case, "a reason"), encoding="utf-8")
    assert read_case(tmp_path / "case.json") == case
