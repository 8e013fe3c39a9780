"""Queries that are asked and judged exactly as others are may be copies: no further evidence."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.stopping import sequential
from anglewise.data_types.sparse import SparseRows
from anglewise.rag.relevance import Relevance, learn_relevance
from anglewise.report.plain_text import markdown
from anglewise.report.retrieval_documents import relevance_document

KINDS, ITEMS = 12, 100
WORDS = "have the same lists, scores and judgements as another: unless such questions were drawn"


def asked(times, *, judged_alike=True, groups=False):
    """So many copies of each of twelve queries, judged by the item that they look for."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ITEMS, 8))
    vectors = np.repeat(x[:KINDS] + 0.3 * rng.standard_normal((KINDS, 8)), times, axis=0)
    count = KINDS * times
    near = np.repeat(np.arange(KINDS), times)
    if not judged_alike:
        near = np.arange(count) % ITEMS
    columns = {"kind": np.repeat(np.arange(KINDS), times).tolist()} if groups else None
    space = aw.Space(
        queries=aw.Embeddings(vectors, metadata=columns),
        items=aw.Embeddings(x * rng.uniform(0.2, 5, (ITEMS, 1))),
    )
    return space, aw.Judgements(SparseRows.from_pairs(np.arange(count), near, shape=(count, ITEMS)))


def copies(result):
    return [note for note in result.notes if WORDS in note]


def test_copies_of_queries_are_said_to_claim_too_much():
    result = aw.compare(*asked(8), "dot,cosine")
    (note,) = copies(result)
    assert note.startswith("96 of 96 queries have")
    assert "intervals and tests take each query as independent" in note
    assert note in sequential(result).notes  # it lasts for whatever is made of it


@pytest.mark.parametrize(
    "settings", [{"times": 1}, {"times": 8, "judged_alike": False}], ids=["alone", "judged anew"]
)
def test_queries_that_differ_in_what_is_asked_or_judged_are_no_copies(settings):
    assert not copies(aw.compare(*asked(**settings), "dot,cosine"))


def test_copies_within_a_group_count_together_and_need_no_word():
    space, judged = asked(8, groups=True)
    assert not copies(aw.compare(space, judged, "dot,cosine", split="group(kind)"))


def test_several_spaces_and_runs_alone_say_it_too():
    space, judged = asked(3)
    assert copies(aw.compare_spaces({"a": space, "b": space}, judged, "dot,cosine"))
    gains = {f"q{q}": {f"d{q // 3}": 1} for q in range(30)}
    lists = {f"q{q}": [f"d{q // 3}", "d99"] for q in range(30)}
    assert copies(aw.compare_runs(aw.Run.from_dict(lists, "one"), gains))
    empty = {query: ["d99"] for query in lists} | {"q0": ["d0"]}
    assert not copies(
        aw.compare_runs(aw.Run.from_dict(empty, "one"), {q: {f"d{q}": 1, "d0": 1} for q in lists})
    )


def calibrated(times, **settings):
    space, judged = asked(times, **settings)
    learned = learn_relevance(aw.Index(space, "cosine"), space, judged, depth=20)
    return learned, markdown(relevance_document(learned, None, 20))


def test_a_calibration_says_that_its_questions_are_copies():
    learned, words = calibrated(8)
    assert learned.copies == learned.questions == 96
    assert "96 questions have the same passages, scores and judgements as another" in words
    assert "those held out have copies among those that taught" in words
    assert Relevance.from_dict(learned.to_dict()).copies == 96


@pytest.mark.parametrize(
    "settings", [{"times": 1}, {"times": 8, "judged_alike": False}], ids=["alone", "judged anew"]
)
def test_a_calibration_of_questions_that_differ_says_nothing_of_copies(settings):
    learned, words = calibrated(**settings)
    assert not learned.copies
    assert "as another" not in words
