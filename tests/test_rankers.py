"""BM25 and fusions stand in a comparison as measures do."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.candidates import canonical
from anglewise.comparison.fusion import CONSTANT, fused
from anglewise.comparison.gates import check
from anglewise.comparison.lists import cut
from anglewise.comparison.rankers import read_ranker
from anglewise.errors import SpellingError
from anglewise.nearest_neighbours.bm25 import Bm25Index
from cli_run import anglewise, refused

__all__ = ["anglewise"]

QUERIES, ITEMS = 60, 90


def made_space(seed=0, *, texts=True, noise=1.0):
    rng = np.random.default_rng(seed)
    words = [f"w{i}" for i in range(150)]
    documents = [" ".join(rng.choice(words, 12)) for _ in range(ITEMS)]
    asked = [" ".join(rng.permutation(text.split())[:3]) for text in documents[:QUERIES]]
    x = rng.standard_normal((ITEMS, 8))
    q = x[:QUERIES] + noise * rng.standard_normal((QUERIES, 8))
    about = ({"text": asked}, {"text": documents}) if texts else (None, None)
    return aw.Space(
        queries=aw.Embeddings(q, ids=[f"q{i}" for i in range(QUERIES)], metadata=about[0]),
        items=aw.Embeddings(x, ids=[f"d{i}" for i in range(ITEMS)], metadata=about[1]),
    )


def judged(space):
    return aw.Judgements.from_dict({f"q{i}": {f"d{i}": 1} for i in range(QUERIES)}, space)


def lists_of(result, name):
    return result.evidence.found[name]


def by_hand(lists, weigh):
    """Ids of each query, best first, from what its places are worth."""
    answer = []
    for row in range(len(lists[0])):
        worth = {}
        for number, own in enumerate(lists):
            for rank, item in enumerate(own[row]):
                worth[item] = worth.get(item, 0.0) + weigh(number, row, rank)
        # equal ones by id: d10 stands before d2
        answer.append(sorted(worth, key=lambda item: (-round(worth[item], 12), f"d{item}")))
    return answer


def test_fusion_adds_reciprocal_ranks():
    space = made_space()
    result = aw.compare(space, judged(space), "dot,bm25,fusion(bm25,dot)", "nDCG@10")
    dot = aw.search(space, "dot", k=ITEMS)["dot"].indices.tolist()
    from anglewise.nearest_neighbours.bm25 import Bm25Index

    asked, texts = (side.metadata["text"] for side in (space.queries, space.items))
    words = [
        [item for item in row if item >= 0]
        for row in Bm25Index.of(texts, space.items.id_order).nearest(asked, ITEMS).indices.tolist()
    ]
    expected = by_hand([words, dot], lambda _number, _row, rank: 1 / (CONSTANT + 1 + rank))
    found = lists_of(result, "fusion(bm25,dot)").indices.tolist()
    assert found == [row[:10] for row in expected]


def test_weights_are_chosen_on_the_other_half():
    space = made_space()
    result = aw.compare(space, judged(space), "dot,weighted(bm25,dot)")
    row = next(row for row in result.measures if row.measure == "weighted(bm25,dot)")
    assert len(row.settings) == 2
    assert any("was tuned on one half of the queries" in note for note in result.notes)


def test_a_weight_of_nothing_leaves_a_list_out():
    left = aw.Neighbours("a", np.array([[0, 1]]), np.array([[2.0, 1.0]]), np.array([0]))
    right = aw.Neighbours("b", np.array([[2, 3]]), np.array([[5.0, 4.0]]), np.array([0]))
    alone = fused("a", [left, right], lambda lists: np.ones(lists.indices.shape), [1.0, 0.0], 4)
    assert alone.indices.tolist() == [[0, 1, -1, -1]]


def test_what_is_cut_among_equal_scores_is_counted():
    lists = aw.Neighbours(
        "a", np.array([[0, 1, 2, -1]]), np.array([[2.0, 1.0, 1.0, -np.inf]]), np.array([0])
    )
    assert cut(lists, 2).tied_at_cut.tolist() == [1]
    assert cut(lists, 1).tied_at_cut.tolist() == [0]
    assert cut(lists, 6).indices.tolist() == [[0, 1, 2, -1, -1, -1]]


def test_a_row_of_the_table_needs_no_floor_beneath_it():
    space = made_space()
    alone = aw.compare(space, judged(space), "dot")
    beside = aw.compare(space, judged(space), "dot,bm25")
    assert "bm25" in [floor.name for floor in alone.floors]
    assert "bm25" not in [floor.name for floor in beside.floors]
    mean = next(row.metrics["nDCG@10"].mean for row in beside.measures if row.measure == "bm25")
    floor = next(floor.mean for floor in alone.floors if floor.name == "bm25")
    assert mean == pytest.approx(floor, abs=1e-12)


def test_rankers_stand_beside_runs():
    space = made_space()
    run = aw.Run.from_dict({f"q{i}": ["elsewhere", f"d{i}"] for i in range(QUERIES)}, "shop")
    result = aw.compare(space, judged(space), "dot,fusion(bm25,dot)", "RR@10", runs=run)
    assert {row.measure for row in result.measures} == {"dot", "fusion(bm25,dot)", "shop"}
    alone = aw.compare(space, judged(space), "dot,fusion(bm25,dot)", "RR@10")
    for name in ("dot", "fusion(bm25,dot)"):
        mean = [
            next(row.metrics["RR@10"].mean for row in each.measures if row.measure == name)
            for each in (result, alone)
        ]
        assert mean[0] == mean[1]


def test_what_is_hidden_stands_in_no_list():
    space = made_space()
    seen = {f"q{i}": [f"d{i + 1}"] for i in range(QUERIES)}
    pairs = aw.Judgements.from_dict({q: dict.fromkeys(row, 1) for q, row in seen.items()}, space)
    space = aw.Space(queries=space.queries, items=space.items, seen=pairs.gains)
    result = aw.compare(space, judged(space), "bm25,fusion(bm25,dot)")
    for name in ("bm25", "fusion(bm25,dot)"):
        lists = lists_of(result, name).indices
        assert not (lists == (np.arange(QUERIES) + 1)[:, None]).any()


def test_gates_and_baselines_spell_rankers_as_they_like():
    space = made_space()
    result = aw.compare(
        space, judged(space), "dot,bm25,fusion(bm25,dot)", baseline="Fusion( BM25 , dot )"
    )
    assert result.baseline == "fusion(bm25,dot)"
    assert check(result, "Fusion(bm25, dot)>=bm25-1").passed
    assert canonical("BM25") == "bm25"


@pytest.mark.parametrize(
    ("spelling", "words"),
    [
        ("fusion(bm25)", "two or 3 different lists"),
        ("fusion(bm25,bm25)", "two or 3 different lists"),
        ("fusion(dot,cosine,euclidean,bm25)", "two or 3 different lists"),
        ("fusion(bm25,cosin)", "did you mean"),
        ("fusion(bm25,norm(0,*))", "norm"),
        ("weighted()", "names nothing"),
        ("fusion(bm25,cosine", "fusion"),
    ],
)
def test_what_is_no_ranker_is_refused(spelling, words):
    space = made_space()
    with pytest.raises(SpellingError, match=words):
        aw.compare(space, judged(space), ["dot", spelling])


def test_other_words_are_no_rankers():
    assert read_ranker("cosine") is None
    assert read_ranker("fusion") is None


def test_bm25_needs_texts_and_one_space():
    space = made_space(texts=False)
    with pytest.raises(SpellingError, match="bm25 ranks texts, and queries or items have none"):
        aw.compare(space, judged(space), "dot,bm25")
    assert aw.compare(space, judged(space), "dot,cosine,fusion(dot,cosine)").queries == QUERIES
    with pytest.raises(SpellingError, match="several are compared"):
        aw.compare_spaces({"a": space, "b": space}, judged(space), "dot,bm25")


def test_the_command_takes_rankers(anglewise, tmp_path):
    aw.write_space(made_space(), tmp_path / "space")
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("".join(f"q{i} 0 d{i} 1\n" for i in range(QUERIES)))
    base = ["compare", tmp_path / "space", "--qrels", qrels]
    done = anglewise(
        *base, "--measures", "dot, bm25, weighted(bm25,dot)", "--gate", "bm25>=dot",
        "--run-out", tmp_path / "lists",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert {file.name for file in (tmp_path / "lists").iterdir()} == {
        "dot.run", "bm25.run", "weighted_bm25_dot.run",
    }  # fmt: skip
    assert refused(anglewise(*base, "--measures", "bm26"), "bm26")


@dataclass
class Recording:
    """An index of the library that remembers which words were looked up."""

    index: Any
    looked_up: list[int] = field(default_factory=list)

    @property
    def scores(self):
        return self.index.scores

    def get_scores_from_ids(self, numbers):
        self.looked_up += numbers
        return self.index.get_scores_from_ids(numbers)


def test_a_word_that_a_query_repeats_is_looked_up_once_and_counts_as_often():
    rng = np.random.default_rng(3)
    words = [f"w{i}" for i in range(60)]
    texts = [" ".join(rng.choice(words, rng.integers(1, 30))) for _ in range(400)]
    made = Bm25Index.of(texts)
    for _ in range(20):
        query = rng.choice(words, 40)  # many of them twice, some more often
        recording = Recording(made.index)
        index = replace(made, index=recording)
        scores = index.scores(" ".join(query))
        known = [made.numbers[word] for word in query]
        expected = made.index.get_scores_from_ids(known)
        assert sorted(recording.looked_up) == sorted(set(known))
        assert np.abs(scores - np.round(expected, 10)).max() <= 1e-12
        assert np.array_equal(np.argsort(-scores), np.argsort(-np.round(expected, 10)))
        assert index.work([" ".join(query)]) == index.work([" ".join(sorted(set(query)))])
    once = " ".join(words[:20])
    known = [made.numbers[word] for word in words[:20]]
    assert np.array_equal(made.scores(once), np.round(made.index.get_scores_from_ids(known), 10))
