"""What each candidate took to search and takes to keep, and nothing that was not measured."""

import json
import re
import time

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison import lists
from cli_run import anglewise  # noqa: F401 (a fixture)
from planted import table

QUERIES, ITEMS, WIDTH = 60, 70, 12


def space(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ITEMS, WIDTH))
    asked = x[:QUERIES] + rng.standard_normal((QUERIES, WIDTH))
    return aw.Space(queries=aw.Embeddings(asked), items=aw.Embeddings(x))


def labels(rows=QUERIES):
    own = np.arange(rows)
    return aw.Judgements(table(own, own, shape=(QUERIES, ITEMS)))


def test_a_pass_is_timed_as_a_whole_and_not_shared_out(monkeypatch):
    real = lists.by_frames

    def slow(*arguments, **more):
        time.sleep(0.2)
        return real(*arguments, **more)

    monkeypatch.setattr(lists, "by_frames", slow)
    result = aw.compare(space(), labels(40), "dot,cosine,norm(0,*)")
    costs = {row.measure: row.search for row in result.measures}
    assert len({cost.seconds["pass"] for cost in costs.values()}) == 1
    for cost in costs.values():
        assert cost.seconds["pass"] >= 0.2
        assert cost.seconds["a_query"] == cost.seconds["pass"] / 40
        assert cost.queries == 40
        assert cost.bytes_a_vector == 4 * WIDTH
    tried = {cost.together for cost in costs.values()}
    assert len(tried) == 1
    assert tried.pop() > 3  # the settings that were tried are in the same pass


def test_every_space_and_variant_has_a_pass_and_bytes_of_its_own():
    result = aw.compare_spaces(
        {"old": space(), "new": space(1)}, labels(), "cosine", variants=":4,int8,binary,:4+int8"
    )
    sizes = {row.measure: row.search.bytes_a_vector for row in result.measures}
    of_each = {"": 48, "[:4]": 16, "·int8": 16, "·binary": 2, "[:4]·int8": 8}
    assert sizes == {
        f"{name}{variant}: cosine": size
        for name in ("old", "new")
        for variant, size in of_each.items()
    }
    assert {row.search.together for row in result.measures} == {1}
    assert len({row.search.seconds["pass"] for row in result.measures}) == 10


def test_what_is_learnt_is_timed_over_its_folds():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 6))
    big = aw.Space(queries=aw.Embeddings(x + 0.1), items=aw.Embeddings(x))
    rows = np.repeat(np.arange(300), 5)
    gains = table(rows, (rows + np.tile(np.arange(5), 300)) % 300, shape=(300, 300))
    result = aw.compare(big, aw.Judgements(gains), "cosine,cosine@adapted")
    costs = {row.measure: row.search for row in result.measures}
    assert costs["cosine@adapted"].together == costs["cosine"].together == 1
    assert costs["cosine@adapted"].queries == 300
    assert costs["cosine@adapted"].seconds != costs["cosine"].seconds


def test_pairs_are_not_searched_for():
    pairs = aw.Pairs(np.arange(9), np.arange(9)[::-1].copy(), np.arange(9.0))
    result = aw.compare(aw.Space(items=space().items), pairs, "dot,cosine")
    assert [row.search for row in result.measures] == [None, None]


def test_seconds_stand_in_json_where_they_are_asked_for_alone():
    result = aw.compare(space(), labels(), "dot,cosine")
    again = aw.compare(space(), labels(), "dot,cosine")
    assert json.dumps(result.to_dict()) == json.dumps(again.to_dict())
    first = result.to_dict()["measures"][0]["search"]
    assert first == {"bytes_a_vector": 48, "queries": QUERIES, "together": 2}
    timed = result.to_dict(timed=True)["measures"][0]["search"]
    assert {**timed, "seconds": None} == {**first, "seconds": None}
    assert set(timed["seconds"]) == {"pass", "a_query"}
    assert result.measures == again.measures


@pytest.fixture
def folders(tmp_path):
    for name, seed in (("old", 0), ("new", 1)):
        aw.write_space(space(seed), tmp_path / name, judgements={"queries-items": labels()})
    return tmp_path


def test_the_command_says_what_was_measured(anglewise, folders):  # noqa: F811
    page, text = folders / "page.html", folders / "page.md"
    run = anglewise("compare", folders / "old", "--breadth", "--html", page, "--markdown", text)
    assert run.code == 0, run.err
    for shown in (run.out, page.read_text(), text.read_text()):
        told = " ".join(shown.split())
        spent = r"[0-9.]+ m?s"
        assert re.search(
            f"for {QUERIES} queries in {spent}, in one pass for 3 measures, {spent} a query", told
        )
        assert "A vector takes 48 bytes." in told
        assert "What one measure of a pass takes alone, or a store takes, was not measured." in told
    told = json.loads(anglewise("compare", folders / "old", "--breadth", "--json", "-").out)
    assert told["measures"][0]["search"]["seconds"]["pass"] > 0
    quiet = json.loads(anglewise("compare", folders / "old", "--json", "-").out)
    assert "seconds" not in quiet["measures"][0]["search"]


def test_bytes_stand_in_the_table_where_candidates_differ_in_them(anglewise, folders):  # noqa: F811
    words = ("--spaces", folders / "old", folders / "new", "--breadth", "--measures", "cosine")
    plain = anglewise("compare", *words)
    assert "A vector takes 48 bytes." in " ".join(plain.out.split())
    assert "bytes a vector" not in plain.out
    run = anglewise("compare", *words, "--variants", "int8")
    assert run.code == 0, run.err
    lines = [line.split() for line in run.out.splitlines()]
    (head,) = [line for line in lines if line[:2] == ["measure", "coverage"]]
    assert head[-3:] == ["bytes", "a", "vector"]
    assert [line[-1] for line in lines if line[:2] == ["old·int8:", "cosine"]] == ["16"]
    assert run.out.count("searched for 60 queries in") == 4
