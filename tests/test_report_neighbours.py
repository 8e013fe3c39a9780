"""The neighbours of one query, side by side in the terminal."""

import numpy as np
import pytest

from anglewise import Embeddings, Space, search
from anglewise.report.retrieval_documents import QueryNeighbours, neighbours_document
from anglewise.similarity_measures.measure import measures
from rendered import printed

WORDS = ["a film about a lighthouse that nobody keeps and everybody needs", "b", "c", "d", "e"]


def asked(names="dot,cosine,euclidean", title=True, k=3):
    x = np.array([[1.0, 0], [9, 1], [0, 2], [0, 2], [0, 2]])
    space = Space(
        items=Embeddings(x, ids=list("vwxyz"), metadata={"title": WORDS} if title else None)
    )
    wanted = measures(names)
    found = search(space, wanted, k=k, direction="items-items", rows=np.array([1]))
    return QueryNeighbours(space, "items-items", 1, wanted, found)


def shown(one, width=100):
    return printed(neighbours_document(one), width)


def test_lists_stand_beside_each_other_with_titles_and_scores():
    text = shown(asked("dot,euclidean"))
    assert text.startswith("item w: b\n")
    first = next(line for line in text.splitlines() if line.startswith("1 "))
    assert "9.000 a film" in first
    assert "-8.062 a film" in first


def test_what_a_score_means_and_what_ties_at_the_cut_is_said():
    text = shown(asked("cosine,dot"))
    tied = "; tied with the last one: 1 more item"
    assert f"cosine: cosine in [-1, 1]; above 30% to 60% of all 20 pairs{tied}" in text
    assert f"dot: inner product, unbounded; above 30% to 90% of all 20 pairs{tied}" in text


def test_without_titles_ids_are_shown():
    line = next(line for line in shown(asked(title=False)).splitlines() if line.startswith("2 "))
    assert line.split()[2::2] == ["x", "x", "x"]


@pytest.mark.parametrize("names", ["dot", "dot,cosine", "dot,cosine,euclidean,manhattan,norm(0,1)"])
@pytest.mark.parametrize("width", [60, 100, 300])
def test_no_line_is_longer_than_the_terminal_or_100_and_every_measure_stands(names, width):
    text = shown(asked(names), width)
    assert max(map(len, text.splitlines())) <= min(width, 100)
    assert all(str(one) in text for one in measures(names))


def test_places_that_nobody_fills_are_left_out_of_the_list():
    lists = asked("dot", k=5).lists
    assert [one["id"] for one in lists[0]["neighbours"]] == ["v", "x", "y", "z"]
    assert lists[0]["neighbours"][0] == {
        "rank": 1,
        "id": "v",
        "title": WORDS[0],
        "score": 9.0,
        "above_random": 0.9,
    }
