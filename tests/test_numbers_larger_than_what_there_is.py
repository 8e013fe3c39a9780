"""A number larger than what there is, and a column that does not matter, are said or refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, write_space
from anglewise.data_types.sparse import SparseRows
from cli_run import anglewise, refused

__all__ = ["anglewise"]
pytestmark = pytest.mark.usefixtures("given")


@pytest.fixture
def given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    who, what = np.nonzero(rng.random((30, 12)) < 0.4)
    lines = [f"u{u},m{i},{n},{n % 5}" for n, (u, i) in enumerate(zip(who, what, strict=True))]
    (tmp_path / "did.csv").write_text("user,item,time,w2\n" + "\n".join(lines) + "\n")
    items = Embeddings(rng.normal(size=(20, 4)), ids=[f"i{row}" for row in range(20)])
    queries = Embeddings(rng.normal(size=(8, 4)), ids=[f"q{row}" for row in range(8)])
    rows = np.repeat(np.arange(8), 3)
    columns = (rows * 3 + np.tile([0, 1, 2], 8)) % 20
    gains = SparseRows.from_pairs(rows, columns, np.tile([1.0, 1, 0], 8), shape=(8, 20))
    space = Space(queries=queries, items=items)
    write_space(space, tmp_path / "space", judgements={"queries-items": Judgements(gains)})
    return tmp_path


def test_replay_says_how_many_dimensions_are_left(anglewise):
    run = anglewise("replay", "did.csv", "--components", "1000000", "--json", "r.json")
    assert "12 of 1,000,000 dimensions are left" in run.out + run.err
    assert json.loads(Path("r.json").read_text())["components"] == 12


def test_replay_refuses_a_weight_that_nothing_reads(anglewise):
    refused(anglewise("replay", "did.csv", "--weight", "w2"), "--weight", "--min-weight")
    assert not anglewise("replay", "did.csv", "--weight", "w2", "--min-weight", "1").code


@pytest.mark.parametrize(
    ("command", "option"), [("judge lint space", "--k"), ("judge sample space -o o.csv", "--depth")]
)
def test_judging_says_how_many_there_are(anglewise, command, option):
    run = anglewise(*command.split(), option, "100000", "--json", "r.json")
    assert "20 of 100,000" in run.out + run.err
    assert "100000" not in Path("r.json").read_text() + run.out
