"""The first places of a list in the order of a reranker, and what that costs."""

import json
import threading

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.lists import cut
from anglewise.comparison.rankers import DEPTHS
from anglewise.comparison.reranking import reranked
from anglewise.encoders.reranker import Reranker
from anglewise.encoders.scored_pairs import ScoredPairs
from anglewise.errors import EncoderError, FileError, SpellingError
from cli_run import anglewise
from test_rankers import ITEMS, QUERIES, judged, lists_of, made_space

__all__ = ["anglewise"]


class Truth:
    """Scores a text by the words that it shares with a query, and counts what it is asked."""

    def __init__(self):
        self.pairs = []
        self.calls = 0

    def __call__(self, query, texts):
        self.calls += 1
        self.pairs += [(query, text) for text in texts]
        words = set(query.split())
        return [float(len(words & set(text.split()))) for text in texts]


def by_hand(first, scores, depth):
    """The first places by their score, the highest first and equal ones as they came; the rest."""
    head = sorted(range(min(depth, len(first))), key=lambda place: (-scores[place], place))
    return [first[place] for place in head] + first[depth:]


@pytest.mark.parametrize("depth", [1, 7, 50, 1000])
@pytest.mark.parametrize("part", ["dot", "bm25", "fusion(bm25,dot)"])
def test_the_first_places_follow_the_reranker_and_the_rest_stay(depth, part):
    space = made_space()
    name = f"rerank({part},{depth})"
    result = aw.compare(
        space, judged(space), [part, name], "R@60", reranker=Truth(), metrics="nDCG@10"
    )
    asked, texts = (side.metadata["text"] for side in (space.queries, space.items))
    first, new = lists_of(result, part).indices, lists_of(result, name)
    whole = aw.compare(space, judged(space), [part], f"R@{ITEMS}").evidence.found[part].indices
    assert (whole[:, :60] == first).all()
    for row in range(QUERIES):
        every = [item for item in whole[row].tolist() if item >= 0]
        if part == "fusion(bm25,dot)" and depth < 100:
            assert len(every) == ITEMS
        scores = Truth()(asked[row], [texts[item] for item in every])
        expected = by_hand(every, scores, depth)[:60]
        assert [item for item in new.indices[row].tolist() if item >= 0] == expected
    there = new.indices >= 0
    assert np.isneginf(new.scores[~there]).all()
    steps = np.diff(np.where(there, new.scores, -1e300), axis=1)
    assert (steps <= 0).all()
    assert np.isfinite(new.scores[there]).all()


def test_a_reranker_that_knows_the_answers_wins_and_its_cost_stands_beside_its_row():
    space = made_space(noise=3.0)
    truth = Truth()
    result = aw.compare(space, judged(space), "dot,rerank(dot,80)", reranker=truth)
    assert result.verdict.measure == "rerank(dot,80)"
    assert result.verdict.decision == "use"
    row = result.measures[0].reranking
    assert (row.queries, row.pairs, row.calls) == (QUERIES, 80 * QUERIES, QUERIES)
    assert len(truth.pairs) == row.pairs
    assert truth.calls == row.calls
    assert row.seconds["reranker"] > 0
    plain, timed = (result.to_dict(timed=timed)["measures"] for timed in (False, True))
    assert plain[0]["reranking"] == {
        "reranker": "python:?", "identity": "", "queries": 60, "pairs": 4800, "calls": 60,
    }  # fmt: skip
    assert "reranking" not in plain[1]
    assert set(timed[0]["reranking"]["seconds"]) == {"reranker", "a_query", "a_pair"}
    assert "|reranker:" in result.signature


def test_how_many_places_is_chosen_on_the_other_half():
    space = made_space(noise=3.0)
    truth = Truth()
    result = aw.compare(space, judged(space), "dot,rerank(dot,*)", reranker=truth)
    row = next(row for row in result.measures if row.measure == "rerank(dot,*)")
    names = {f"rerank(dot,{depth})" for depth in DEPTHS}
    assert len(row.settings) == 2
    assert set(row.settings) <= names
    assert row.settings == ("rerank(dot,100)",) * 2  # of what knows the answers more is better
    assert any("was tuned on one half of the queries" in note for note in result.notes)
    assert len(truth.pairs) == len(set(truth.pairs)) == ITEMS * QUERIES
    # the choice never sees the half that it is reported on
    fixed = aw.compare(
        space, judged(space), [f"rerank(dot,{depth})" for depth in DEPTHS], reranker=Truth()
    )
    assert row.metrics["nDCG@10"].mean == pytest.approx(
        max(each.metrics["nDCG@10"].mean for each in fixed.measures)
    )


def test_weights_are_chosen_before_what_they_rank_is_reranked():
    space = made_space(noise=3.0)
    name = "rerank(weighted(bm25,dot),20)"
    result = aw.compare(space, judged(space), ["dot", name], reranker=Truth())
    row = next(row for row in result.measures if row.measure == name)
    assert all("bm25 + " in words for words in row.settings)
    assert row.reranking.pairs == 20 * QUERIES
    with pytest.raises(SpellingError, match=r"on top of weights.*give the number"):
        aw.compare(space, judged(space), "rerank(weighted(bm25,dot),*)", reranker=Truth())


def test_of_a_split_by_time_the_reported_queries_alone_are_reranked():
    space = made_space()
    about = space.queries.metadata | {"day": np.arange(QUERIES)}
    queries = aw.Embeddings(space.queries.vectors, ids=space.queries.ids, metadata=about)
    space = aw.Space(queries=queries, items=space.items)
    for name, asked in (("rerank(dot,5)", 30), ("rerank(weighted(bm25,dot),5)", 30)):
        result = aw.compare(
            space, judged(space), ["dot", name], split="time(day)", reranker=Truth()
        )
        row = next(row for row in result.measures if row.measure == name)
        assert (row.reranking.queries, row.reranking.pairs) == (asked, 5 * asked)
        assert len(lists_of(result, name).indices) == 30
    result = aw.compare(
        space, judged(space), "dot,rerank(dot,*)", split="time(day)", reranker=Truth()
    )
    assert result.measures[0].reranking.queries == QUERIES  # the earlier ones choose


def test_equal_scores_keep_the_first_order():
    space = made_space()
    result = aw.compare(
        space, judged(space), "dot,rerank(dot,30)", reranker=lambda _query, texts: [1] * len(texts)
    )
    assert (lists_of(result, "dot").indices == lists_of(result, "rerank(dot,30)").indices).all()
    assert any("rank alike here" in note for note in result.notes)
    assert not any("ties decide" in note for note in result.notes)


def test_equal_scores_tie_where_they_tied_in_the_first_list():
    scores = np.array([[9.0, 8.0, 8.0, 7.0, 6.0, 6.0]])
    first = aw.Neighbours("a", np.arange(6)[None], scores, np.array([2]))
    lists = reranked("b", first, np.array([[0.0, 0.0, 0.0, 5.0, 0.0, 0.0]]))
    assert lists.indices.tolist() == [[3, 0, 1, 2, 4, 5]]
    five, zero, *others = lists.scores[0].tolist()
    assert (five, zero) == (5.0, 0.0)
    assert 0 > others[0] == others[1] > others[2] == others[3] > -1e-300
    assert [cut(lists, depth).tied_at_cut.tolist()[0] for depth in (2, 3, 5)] == [0, 1, 1]
    huge = reranked("b", first, np.full((1, 4), -1e90))
    assert (np.diff(huge.scores[0]) <= 0).all()
    assert huge.scores[0, 3] > huge.scores[0, 4] > -np.inf


def test_what_ties_with_the_end_is_counted_as_in_the_first_list():
    first = aw.Neighbours(
        "a", np.array([[4, 2, 7, 1]]), np.array([[4.0, 3.0, 1.0, 1.0]]), np.array([5])
    )
    lists = reranked("b", first, np.array([[0.1, 0.9]]))
    assert lists.indices.tolist() == [[2, 4, 7, 1]]
    assert lists.scores[0, 2] == lists.scores[0, 3] < 0.1
    assert lists.tied_at_cut.tolist() == [5]
    assert reranked("b", first, np.array([[4.0, 3.0, 2.0, 1.0]])).tied_at_cut.tolist() == [0]


# --- what has no text


def test_what_has_no_text_is_not_asked_for_and_is_said():
    space = made_space()
    texts = list(space.items.metadata["text"])
    asked = list(space.queries.metadata["text"])
    texts[3], asked[5] = " ", ""
    space = aw.Space(
        queries=aw.Embeddings(
            space.queries.vectors, ids=space.queries.ids, metadata={"text": asked}
        ),
        items=aw.Embeddings(space.items.vectors, ids=space.items.ids, metadata={"text": texts}),
    )
    truth = Truth()
    result = aw.compare(space, judged(space), f"dot,rerank(dot,{ITEMS})", f"R@{ITEMS}",
                        reranker=truth)  # fmt: skip
    new = lists_of(result, f"rerank(dot,{ITEMS})").indices
    assert (new[5] == lists_of(result, "dot").indices[5]).all()
    assert all((np.delete(new, 5, axis=0)[:, -1] == 3).tolist())
    assert all(query and text.strip() for query, text in truth.pairs)
    name = f"rerank(dot,{ITEMS})"
    assert f"{name} knows no text of 1 judged query: their lists keep their order" in result.notes
    assert any(
        note.startswith(f"{name} knows no text of 1 item in the lists") for note in result.notes
    )


def test_a_space_without_texts_is_refused():
    space = made_space(texts=False)
    with pytest.raises(SpellingError, match=r"a reranker ranks texts.*--query-texts"):
        aw.compare(space, judged(space), "rerank(dot,10)", reranker=Truth())


def test_more_places_than_items_are_said():
    space = made_space()
    result = aw.compare(space, judged(space), "dot,rerank(dot,500)", reranker=Truth())
    assert f"rerank(dot,500) reranks all of {ITEMS} items: there are no more" in result.notes


@pytest.mark.parametrize(
    ("spelling", "words"),
    [
        ("rerank(dot)", "how many of its first places"),
        ("rerank(dot,0)", "1 to 1,000"),
        ("rerank(dot,1001)", "1 to 1,000"),
        ("rerank(dot,ten)", "how many of its first places"),
        ("rerank(dot,bm25,10)", "one list is due"),
        ("rerank(dott,10)", "did you mean"),
        ("rerank(norm(0,*),10)", "norm"),
        ("rerank(rerank(dot,10),5)", "reranks what is reranked"),
        ("rerank(fusion(dot),5)", "two or 3 different lists"),
        ("rerank(" * 5000 + "dot" + ",1)" * 5000, "reranks what is reranked"),
    ],
)
def test_what_is_no_reranking_is_refused(spelling, words):
    space = made_space()
    with pytest.raises(SpellingError, match=words):
        aw.compare(space, judged(space), ["dot", spelling], reranker=Truth())


def test_a_reranker_and_what_it_reranks_come_together(tmp_path):
    space = made_space()
    with pytest.raises(SpellingError, match=r"rerank\(dot,10\) needs a reranker"):
        aw.compare(space, judged(space), "rerank(dot,10)")
    with pytest.raises(SpellingError, match="nothing that it is to rerank"):
        aw.compare(space, judged(space), "dot", reranker=Truth())
    with pytest.raises(SpellingError, match="and no reranker"):
        aw.compare(space, judged(space), "dot", reranker_cache=tmp_path / "x")
    with pytest.raises(SpellingError, match="several are compared"):
        aw.compare_spaces({"a": space, "b": space}, judged(space), "rerank(dot,10)")


def test_documents_are_reranked_by_the_texts_of_their_passages(tmp_path):
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(80)]
    pieces = [" ".join(rng.choice(words, 4)) for _ in range(90)]
    documents = [f"d{i // 3}" for i in range(90)]
    asked = [" ".join(pieces[3 * i + 1].split()[:2]) for i in range(30)]
    space = aw.Space(
        queries=aw.Embeddings(
            rng.standard_normal((30, 4)), ids=[f"q{i}" for i in range(30)], metadata={"text": asked}
        ),
        items=aw.Embeddings(
            rng.standard_normal((90, 4)),
            ids=[f"{name}#{i % 3}" for i, name in enumerate(documents)],
            metadata={"text": pieces, "document": documents},
        ),
    )
    path = tmp_path / "qrels.txt"
    path.write_text("".join(f"q{i} 0 d{i} 1\n" for i in range(30)))
    truth = Truth()
    result = aw.compare(
        space, aw.read_judgements(path, space), "dot,rerank(dot,25)", "R@30", reranker=truth
    )
    whole = [" ".join(pieces[3 * i : 3 * i + 3]) for i in range(30)]
    for row in range(30):
        first = lists_of(result, "dot").indices[row].tolist()
        scores = truth(asked[row], [whole[document] for document in first])
        new = lists_of(result, "rerank(dot,25)").indices[row].tolist()
        assert new == by_hand(first, scores, 25)


def test_items_that_ask_each_other_are_reranked_and_none_finds_itself():
    space = made_space()
    space = aw.Space(items=space.items)
    pairs = {f"d{i}": {f"d{(i + 1) % ITEMS}": 1} for i in range(ITEMS)}
    judgements = aw.Judgements.from_dict(pairs, space, direction="items-items")
    truth = Truth()
    result = aw.compare(space, judgements, f"dot,rerank(dot,{ITEMS})", reranker=truth)
    lists = lists_of(result, f"rerank(dot,{ITEMS})").indices
    assert not (lists == np.arange(ITEMS)[:, None]).any()
    assert len(truth.pairs) == ITEMS * (ITEMS - 1)


# --- kept and resumed


def known(function, batch=100):
    return Reranker(spec="known", scores=function, identity="known 1", batch=batch)


def test_no_pair_is_asked_twice(tmp_path):
    space, truth, log = made_space(), Truth(), tmp_path / "scores.jsonl"
    measures = "rerank(dot,40),rerank(dot,*),rerank(bm25,20),rerank(dot,15)"
    first = aw.compare(space, judged(space), measures, reranker=known(truth, 7), reranker_cache=log)
    assert len(truth.pairs) == len(set(truth.pairs))
    asked = len(truth.pairs)
    again = aw.compare(space, judged(space), measures, reranker=known(truth, 7), reranker_cache=log)
    assert len(truth.pairs) == asked
    assert again.to_dict(timed=False) == first.to_dict(timed=False)
    cost, later = (
        {row.measure: row.reranking.seconds for row in result.measures} for result in (first, again)
    )
    assert later == {name: pytest.approx(seconds) for name, seconds in cost.items()}
    other = Reranker(spec="known", scores=truth, identity="known 2")
    aw.compare(space, judged(space), "rerank(dot,5)", reranker=other, reranker_cache=log)
    assert len(truth.pairs) == asked + 5 * QUERIES


def test_a_text_that_stands_twice_is_scored_once():
    truth = Truth()
    taken = ScoredPairs(known(truth)).of("q", "a b", ["a", "b a", "a"], "")
    assert taken.scores.tolist() == [1.0, 2.0, 1.0]
    assert (taken.pairs, truth.calls) == (2, 1)


class Failing(Truth):
    """Fails at a call, then goes on."""

    def __init__(self, at, what):
        super().__init__()
        self.at, self.what = at, what

    def __call__(self, query, texts):
        if self.calls == self.at:
            self.at = -1
            return self.what(texts)
        return super().__call__(query, texts)


def broken(_texts):
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (broken, "it fails: out of memory"),
        (lambda texts: [1.0] * (len(texts) - 1), "it gave 9 scores, where one for each of 10"),
        (lambda texts: [float("nan")] + [1.0] * (len(texts) - 1), "it gave nan for text 0"),
        (lambda texts: [1.0, float("inf")] + [1.0] * (len(texts) - 2), "it gave inf for text 1"),
        (lambda texts: ["good"] * len(texts), "something else than numbers"),
        (lambda texts: [True] * len(texts), "something else than numbers"),
        (lambda texts: [[1.0, 2.0]] * len(texts), r"it gave shape \(10, 2\)"),
        (lambda _texts: None, "something else than numbers"),
        (lambda _texts: 1.0, r"it gave shape \(\)"),
        (lambda _texts: np.ma.masked_array([1.0] * 10, [True] * 10), "masked"),
    ],
)
def test_a_bad_answer_names_the_query_and_loses_nothing(what, words, tmp_path):
    space, log = made_space(), tmp_path / "scores.jsonl"
    failing = Failing(7, what)
    settings = {"reranker": known(failing), "reranker_cache": log}
    with pytest.raises(EncoderError, match=words) as caught:
        aw.compare(space, judged(space), "dot,rerank(dot,10)", **settings)
    assert "known at query 'q7', after 7 of 60 queries" in str(caught.value)
    assert str(caught.value).endswith("what was scored before is kept: run it again to go on")
    assert "\n" not in str(caught.value)
    result = aw.compare(space, judged(space), "dot,rerank(dot,10)", **settings)
    assert len(failing.pairs) == len(set(failing.pairs)) == 10 * QUERIES
    plain = aw.compare(space, judged(space), "dot,rerank(dot,10)", reranker=known(Truth()))
    assert result.to_dict() == plain.to_dict()


def test_a_reranker_that_hangs_is_left():
    waiting = threading.Event()

    def hangs(query, texts):
        if query == made_space().queries.metadata["text"][2]:
            waiting.wait(30)
        return Truth()(query, texts)

    space = made_space()
    slow = Reranker(spec="slow", scores=hangs, patience=0.2)
    with pytest.raises(EncoderError, match=r"slow at query 'q2', after 2 .*no answer for 0.2 sec"):
        aw.compare(space, judged(space), "rerank(dot,10)", reranker=slow)
    waiting.set()


def test_what_cannot_be_kept_is_said(tmp_path):
    space = made_space()
    with pytest.raises(SpellingError, match=r"has no identity.*Reranker\(…, identity"):
        aw.compare(space, judged(space), "rerank(dot,3)", reranker=Truth(), reranker_cache=tmp_path)
    with pytest.raises(EncoderError, match="is not kept, as nobody can tell"):
        aw.compare(space, judged(space), "rerank(dot,3)", reranker=Failing(2, broken))
    with pytest.raises(EncoderError, match=r"is not kept: name a file for it \(reranker_cache="):
        aw.compare(space, judged(space), "rerank(dot,3)", reranker=known(Failing(2, broken)))


def test_a_function_that_counts_no_tokens_is_named():
    made = Reranker(spec="long", scores=Truth(), window=3, tokens=lambda _query, _texts: ["many"])
    space = made_space()
    with pytest.raises(EncoderError, match="long counts no tokens but fails"):
        aw.compare(space, judged(space), "rerank(dot,3)", reranker=made)


@pytest.mark.parametrize(
    "content",
    ["hello\n", '{"a": 1}\n', "[1]\n", '{"key": 1, "seconds": "x", "scores": {}}\n',
     '{"key": "00", "seconds": 1, "scores": {"a": NaN}}\n'],
)  # fmt: skip
def test_no_score_is_added_to_a_file_of_something_else(content, tmp_path):
    space, log = made_space(), tmp_path / "notes.txt"
    log.write_text(content)
    with pytest.raises(FileError, match=r"line 1, is no answer of a reranker"):
        aw.compare(space, judged(space), "rerank(dot,3)", reranker=known(Truth()),
                   reranker_cache=log)  # fmt: skip
    assert log.read_text() == content


def test_a_line_that_was_cut_off_is_asked_again(tmp_path):
    space, log, truth = made_space(), tmp_path / "scores.jsonl", Truth()
    settings = {"reranker": known(truth), "reranker_cache": log}
    aw.compare(space, judged(space), "rerank(dot,3)", **settings)
    whole = log.read_bytes()
    log.write_bytes(whole[:-40])
    asked = len(truth.pairs)
    aw.compare(space, judged(space), "rerank(dot,3)", **settings)
    assert len(truth.pairs) == asked + 3
    assert all(json.loads(line) for line in log.read_bytes().splitlines()[-1:])
