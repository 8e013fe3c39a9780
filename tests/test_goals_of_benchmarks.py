"""Ratios of benchmarks stand beside their goals, and beside the last on the same processor."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def goals(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import goals

    monkeypatch.setattr(goals, "MEASURED", tmp_path / "build" / "bench.json")
    monkeypatch.setattr(goals, "RECORDED", tmp_path / "ratios.json")
    return goals


QUERY = "one query, 1e5 x 384, over faiss flat"
BATCH = "lists of all users, MovieLens-1M, times as fast as implicit"


def lines_of(goals, capsys, monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["goals.py", *arguments])
    goals.main()
    return {
        name: line
        for line in capsys.readouterr().out.splitlines()
        for name in goals.GOALS
        if line.startswith(name)
    }


def test_what_was_not_measured_is_said_so(goals, capsys, monkeypatch):
    lines = lines_of(goals, capsys, monkeypatch)
    assert set(lines) == set(goals.GOALS)
    assert all("not measured" in line and "reached" not in line for line in lines.values())


def test_a_goal_is_reached_on_its_own_side(goals, capsys, monkeypatch):
    goals.note({QUERY: 1.3, BATCH: 0.99})
    lines = lines_of(goals, capsys, monkeypatch)
    assert lines[QUERY].split()[-1] == "reached"
    assert "not reached" not in lines[QUERY]
    assert lines[BATCH].endswith("not reached")


def test_what_differs_from_the_last_of_this_processor_is_shown(goals, capsys, monkeypatch):
    goals.note({QUERY: 1.0, BATCH: 2.0})
    lines_of(goals, capsys, monkeypatch, "--record")
    goals.note({QUERY: 1.2, BATCH: 2.2})
    lines = lines_of(goals, capsys, monkeypatch)
    assert lines[QUERY].endswith("<- +20%")
    assert "<-" not in lines[BATCH]
    monkeypatch.setattr(goals, "machine", lambda: "another; numpy")
    goals.note({QUERY: 5.0})
    assert "<-" not in lines_of(goals, capsys, monkeypatch)[QUERY]
    lines_of(goals, capsys, monkeypatch, "--record")
    assert len(json.loads(goals.RECORDED.read_text())) == 2


def test_a_ratio_without_a_goal_is_refused(goals):
    with pytest.raises(KeyError, match="no goal is called 'speed'"):
        goals.note({"speed": 1.0})
    assert not goals.MEASURED.exists()


def test_what_is_recorded_has_goals(goals):
    recorded = Path(__file__).parents[1] / "benchmarks" / "ratios.json"
    for ratios in json.loads(recorded.read_text()).values():
        assert set(ratios) <= set(goals.GOALS)
