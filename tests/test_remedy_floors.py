"""Beneath what remedies reach stands what lists without a model reach, on the same queries."""

import json

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, compare, remedy, write_space
from anglewise.data_types.sparse import SparseRows
from anglewise.remedies.training_data import judged_by
from cli_run import anglewise  # noqa: F401 a fixture
from remedy_space import fitted

ROWS = np.arange(30)
OWN = Judgements(SparseRows.from_pairs(ROWS, ROWS, shape=(30, 30)))


@pytest.fixture(scope="module")
def made():
    return fitted()


def test_floors_are_those_of_compare_on_the_same_queries(made):
    judged = made.judgements["queries-items"]
    every = remedy(made.space, judged, "euclidean").comparison
    plain = compare(made.space, judged, "cosine,dot,euclidean", baseline="cosine")
    assert [floor.name for floor in every.floors] == ["random", "most used items", "item-kNN"]
    assert (every.floors, every.floor_notes) == (plain.floors, plain.floor_notes)
    many = "cosine@centred, norm(0,0.5), norm(0,0.25)"
    screened = remedy(made.space, judged, many, finalists=1)
    rows = screened.comparison.evidence.rows
    assert 0 < screened.screening_queries == len(judged.judged_rows) - len(rows)
    same = compare(made.space, judged_by(judged, rows), "cosine")
    means = [floor.mean for floor in screened.comparison.floors]
    assert means == [floor.mean for floor in same.floors]
    assert screened.to_dict()["floors"][0]["name"] == "random"


def test_words_are_a_floor_where_texts_are_known():
    rng = np.random.default_rng(0)
    sides = [
        Embeddings(
            rng.standard_normal((30, 4)), metadata={"text": [f"word{row} {what}" for row in ROWS]}
        )
        for what in ("asked", "told")
    ]
    space = Space(queries=sides[0], items=sides[1])
    result = remedy(space, OWN, "euclidean")
    by_words = result.comparison.floors[-1]
    assert (by_words.name, by_words.mean, by_words.beaten) == ("bm25", 1.0, False)
    assert "nothing is shown to beat" in result.advice.sentence
    assert "bm25 (nDCG@10 1.000)" in result.advice.sentence


def test_every_output_says_where_nothing_beats_chance(anglewise, tmp_path):  # noqa: F811
    """Vectors that are all the same rank by id: their lists have learnt nothing."""
    ones = Space(queries=Embeddings(np.ones((30, 4))), items=Embeddings(np.ones((30, 4))))
    write_space(ones, tmp_path / "ones", judgements={"queries-items": OWN})
    page, table = tmp_path / "page.html", tmp_path / "table.md"
    words = ["remedy", tmp_path / "ones", "--candidates", "euclidean", "--no-keep", "--quiet"]
    content = json.loads(anglewise(*words, "--json", "-").out)
    assert [floor["name"] for floor in content["floors"]] == ["random"]
    assert not content["floors"][0]["beaten"]
    for said in (content["advice"]["sentence"], content["verdict"]["reason"]):
        assert "nothing is shown to beat random (nDCG@10 0." in said
    shown = anglewise(*words, "--html", page, "--markdown", table)
    outputs = (shown.out, page.read_text(), table.read_text())
    for text in (" ".join(output.split()) for output in outputs):
        assert "Without a model: random 0." in text
        assert "nothing is shown to beat random (nDCG@10 0." in text
        assert "Stay with cosine" in text
