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


def python(*words):
    """A process of its own, as it is watched and its memory limited."""
    path = os.pathsep.join([str(HERE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@ON_LINUX
def test_no_input_that_was_kept_breaks_a_promise():
    run = python("-m", "fuzz", *CORPUS)
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
    assert f"{len(CORPUS)} inputs, 0 findings" in run.stdout


@ON_LINUX
def test_a_broken_promise_is_found(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text(as_text(Case("reader", ("vectors", "a\0b.npy")), "made for this test"))
    worse = tmp_path / "worse.json"
    worse.write_text(as_text(Case("reader", ("no such reader", "a")), "likewise"))
    run = python("-m", "fuzz", bad, worse)
    assert run.returncode == 1
    assert "KeyError at outside" in run.stdout
    assert "2 inputs, 1 findings" in run.stdout


DEEDS = """
import sys, subprocess, tempfile, time, warnings
from pathlib import Path
from fuzz.case import Case
from fuzz.watch import Watch

def hang(_): time.sleep(60)
def memory(_): bytearray(b"x") * (500 << 20)
def write(_): open("../outside", "w")
def remove(_): Path(sys.argv[1]).unlink()
def run(_): subprocess.run(["true"])
def stranger(_): import canary
def warn(_): warnings.warn("look")
def fine(_): Path("inside").write_text("x")

home = Path(sys.argv[1]) / "home"
home.mkdir()
watch = Watch(home)
watch.observe(Case("deed"), fine, 5)  # what the first input imports is no input's
for deed in (fine, hang, memory, write, remove, run, stranger, warn, fine):
    found = watch.observe(Case("deed"), deed, 0.05 if deed is hang else 5).finding
    print(deed.__name__, found and found.kind, flush=True)
    if (home / "outside").exists():
        (home / "outside").unlink()
"""


@ON_LINUX
def test_what_no_input_may_cause_is_seen(tmp_path):
    run = python("-c", DEEDS, tmp_path)
    assert run.stdout.splitlines() == [
        "fine None",
        "hang hang",
        "memory memory",
        "write wrote outside",
        "remove IsADirectoryError",
        "run subprocess.Popen",
        "stranger ModuleNotFoundError",
        "warn UserWarning",
        "fine None",
    ], run.stderr


def test_a_case_comes_back_as_it_was_kept(tmp_path):
    case = Case(
        "reader", ("vectors", "lone \udcff"), {"a/b.npy": b"\x93NUMPY\x00", "t.csv": b"a,b\n"}
    )
    (tmp_path / "case.json").write_text(as_text(case, "a reason"), encoding="utf-8")
    assert read_case(tmp_path / "case.json") == case
