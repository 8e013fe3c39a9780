"""``anglewise replay``: the command says what ``aw.replay`` finds."""

import csv
import json
from functools import partial

import numpy as np
import pytest

from anglewise import read_interactions, replay
from anglewise.experiment.catalogue import simulate
from anglewise.recommendation.replay import linear
from cli_run import anglewise, refused

__all__ = ["anglewise"]

MODEL = ["--components", 8, "--penalty", 20, "-k", 5]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A simulated catalogue in which every use has a time."""
    did = simulate(n_users=200, n_items=60, seed=4).interactions
    times = np.random.default_rng(0).integers(1000, 2000, len(did.users))
    path = tmp_path_factory.mktemp("past") / "ratings.csv"
    with path.open("w", newline="") as file:
        rows = zip(did.users.tolist(), did.items.tolist(), times.tolist(), strict=True)
        csv.writer(file).writerows([("user_id", "item_id", "timestamp"), *rows])
    return path


def test_the_command_says_what_the_function_finds(anglewise, table):
    words = ["--measures", "dot,norm(0,0.5)", "--at", 1700, "--seed", 3, "--json", "-"]
    run = anglewise("replay", table, *MODEL, *words)
    assert run.code == 0, run
    told = json.loads(run.out)
    train = partial(linear, components=8, penalty=20.0)
    due = replay(read_interactions(table), train, at=1700, measures="dot,norm(0,0.5)", k=5, seed=3)
    assert {name: told[name] for name in due.to_dict()} == json.loads(json.dumps(due.to_dict()))


def test_people_are_shown_the_best_first_and_the_floor(anglewise, table):
    run = anglewise("replay", table, *MODEL)
    assert run.code == 0, run
    lines = run.out.splitlines()
    assert "users judged" in lines[0]
    shown = [line for line in lines if line.startswith(("dot", "cosine", "most used"))]
    assert len(shown) == 3
    values = [float(line.replace("most used", "most").split()[1]) for line in shown]
    assert values == sorted(values, reverse=True)
    assert anglewise("replay", table, *MODEL, "--quiet").err == ""


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--share", 2], ["--share", "below 1"]),
        (["--at", 1], ["nothing happened before 1"]),
        (["--measures", "cosin"], ["did you mean 'cosine'"]),
        (["--shar", 0.2], ["--shar"]),
        (["-k", 0], ["-k"]),
    ],
)
def test_bad_use_is_said_in_one_line(anglewise, table, words, parts):
    assert refused(anglewise("replay", table, *words), *parts)


def test_a_file_that_is_missing_or_has_no_times_is_said(anglewise, table, tmp_path):
    assert refused(anglewise("replay", tmp_path / "no.csv"), "no.csv", "does not exist")
    rows = [line.rsplit(",", 1)[0] for line in table.read_text().splitlines()]
    (tmp_path / "timeless.csv").write_text("\n".join(rows) + "\n")
    assert refused(anglewise("replay", tmp_path / "timeless.csv"), "times")
