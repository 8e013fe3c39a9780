"""The command of the study: what it prints, writes, refuses, and how it exits."""

import json
import os
import subprocess
import sys
from importlib import import_module

import pytest

from anglewise import Embeddings, Space, write_space
from anglewise.experiment import study as experiment
from anglewise.experiment.claims import Check
from anglewise.experiment.setup import Size
from cli_run import anglewise, refused

__all__ = ["anglewise"]

TINY = Size(600, 60, 6, 300.0, 20.0)


@pytest.fixture
def tiny(monkeypatch):
    """A smaller small one; its clusters are not held to bounds made for larger ones."""
    # Once the face has shown its function of this name, a dotted path ends there.
    monkeypatch.setattr(import_module("anglewise.experiment.setup"), "SMALL", TINY)
    monkeypatch.setattr(experiment, "cluster_checks", lambda *_: [])


@pytest.mark.usefixtures("tiny")
def test_the_study_shows_its_claims_and_writes_what_was_asked_for(anglewise, tmp_path):
    run = anglewise("study", "--small", "-o", tmp_path / "new" / "place")
    assert run.code == 0
    assert "max |change of AB'|" in run.out
    assert "figures held" in run.out
    assert "FAILED" not in run.out
    written = {path.name for path in (tmp_path / "new" / "place").iterdir()}
    assert written == {"study.json", "study.png", "study.svg"}
    assert max(len(line) for line in run.out.splitlines()) <= 100
    assert len(run.out.splitlines()) <= 40


@pytest.mark.usefixtures("tiny")
def test_json_is_all_that_is_written_where_it_was_asked_for(anglewise):
    run = anglewise("study", "--small", "--json", "-")
    content = json.loads(run.out)
    assert content["command"] == "study"
    assert content["held"] is True
    assert {"name", "value", "bound", "held"} <= content["acceptance"][0].keys()


@pytest.mark.usefixtures("tiny")
def test_a_claim_that_fails_is_shown_and_ends_with_1(anglewise, monkeypatch):
    wrong = Check(4, "cluster AUC of nothing", 0.2, ">=", 0.97)
    monkeypatch.setattr(experiment, "cluster_checks", lambda *_: [wrong])
    run = anglewise("study", "--small")
    assert run.code == 1
    line = next(line for line in run.out.splitlines() if "of nothing" in line)
    assert line.split()[-1] == "FAILED"
    assert "1 FAILED" in run.out
    content = json.loads(anglewise("study", "--small", "--json", "-").out)
    assert content["held"] is False


@pytest.mark.parametrize(("typed", "due"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_one_thread_is_asked_for_before_numpy_is_there_to_hear_it(typed, due):
    code = """
import os, sys
from anglewise.cli import main
main(["study", "--small", "--on", "x.csv"])
assert "numpy" not in sys.modules
print(os.environ["OPENBLAS_NUM_THREADS"])
"""
    bare = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=bare | typed, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == due


@pytest.fixture
def ratings(tmp_path):
    path = tmp_path / "ratings.csv"
    rows = (f"u{u},i{(u * u + step * 7) % 31}" for u in range(90) for step in range(2 + u % 9))
    path.write_text("user_id,item_id\n" + "\n".join(dict.fromkeys(rows)) + "\n")
    return path


def test_own_interactions_are_moved_through_the_gauges(anglewise, ratings):
    run = anglewise("study", "--on", ratings, "--components", 6, "--penalty", 5)
    assert run.code == 0
    for word in ("queries-items", "items-items", "queries-queries", "random(30,0)", "nDCG@10"):
        assert word in run.out
    content = json.loads(anglewise("study", "--on", ratings, "--components", 6, "--json", "-").out)
    assert content["held"] is True
    assert {"overlap@10", "nDCG@10"} <= content["lists"][0].keys()


def test_small_and_own_interactions_exclude_each_other(anglewise, ratings):
    assert refused(anglewise("study", "--small", "--on", ratings), "--small", "--on")


def test_a_missing_table_is_refused(anglewise, tmp_path):
    assert refused(anglewise("study", "--on", tmp_path / "none.csv"), "none.csv")


def test_a_study_that_cannot_begin_leaves_no_folder(anglewise, tmp_path):
    words = ["study", "--on", tmp_path / "nowhere.csv", "-o", tmp_path / "out"]
    assert refused(anglewise(*words), "nowhere.csv does not exist")
    assert not (tmp_path / "out").exists()


def test_a_study_fills_no_space_and_writes_over_nothing_but_a_study(tmp_path, anglewise):
    write_space(Space(items=Embeddings([[1.0, 0.0], [0.0, 1.0]])), tmp_path / "s")
    assert refused(anglewise("study", "--small", "-o", tmp_path / "s"), "is a space")
    (tmp_path / "study.svg").write_text("mine")
    assert refused(anglewise("study", "--small", "-o", tmp_path), "study.svg", "no study.json")
    (tmp_path / "study.json").write_text('{"command": "compare"}')
    assert refused(anglewise("study", "--small", "-o", tmp_path), "no study.json")
    assert (tmp_path / "study.svg").read_text() == "mine"
