"""What a prompt, a context, learned relevance and adapters are given is what it should be."""

from fractions import Fraction

import numpy as np
import pytest

from anglewise import Embeddings, Index, Judgements, Recommender, Space
from anglewise.errors import (
    AnglewiseError,
    FileError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
)
from anglewise.rag.context import Context
from anglewise.rag.relevance import Relevance, false_contexts, learn_relevance
from anglewise.recommendation.adapters import LikeImplicit, RectoolsRanker

pytestmark = pytest.mark.wrong_kinds

VECTORS = np.random.default_rng(0).normal(size=(20, 3))
ITEMS = Embeddings(
    VECTORS,
    ids=[f"i{row}" for row in range(20)],
    metadata={"text": [f"text number {row} of {row % 7}" for row in range(20)]},
)
SPACE = Space(items=ITEMS, queries=Embeddings(VECTORS[:10] + 0.1, ids=[f"q{r}" for r in range(10)]))
PAIRS = [(f"q{q}", f"i{i}", float((q + i) % 3 == 0)) for q in range(10) for i in range(20)]
JUDGED = Judgements.from_pairs(PAIRS, SPACE)
INDEX = Index(ITEMS, "cosine")
LEARNED = learn_relevance(INDEX, SPACE, JUDGED)
RECOMMENDER = Recommender(SPACE)


def encode(texts):
    return [[len(text) % 7, len(text) % 5, 1.0] for text in texts]


NO_ROWS = [2.5, "1", True, 1j, Fraction(1, 2), None, [1.9], ["1"], [True], np.ma.masked, 1 << 70]


@pytest.mark.parametrize("rows", NO_ROWS, ids=repr)
def test_adapters_guess_no_user(rows):
    implicit = LikeImplicit(RECOMMENDER)
    with pytest.raises((WrongTypeError, ValuesError, SpellingError)):
        implicit.recommend(rows, None, 3, filter_already_liked_items=False)
    with pytest.raises((WrongTypeError, ValuesError, SpellingError)):
        RectoolsRanker(RECOMMENDER).rank(rows, 3)


def test_adapters_are_asked_about_users_that_are_there():
    implicit = LikeImplicit(RECOMMENDER)
    for rows, error in ((10, ShapeError), ([-1], ShapeError), ([], TooFewError)):
        with pytest.raises(error):
            implicit.recommend(rows, None, 3, filter_already_liked_items=False)
        with pytest.raises(error):
            RectoolsRanker(RECOMMENDER).rank(rows, 3)
    for rows in (1, np.int64(1), [1], np.array([1]), range(1, 2)):
        assert RectoolsRanker(RECOMMENDER).rank(rows, 3)[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("most", [0, -1, 2.5, float("nan"), float("inf"), True, "3", [1]], ids=repr)
def test_most_is_a_count(most):
    with pytest.raises(ValuesError, match="most is"):
        Context(INDEX, encode)("text", most=most)


@pytest.mark.parametrize("prompt", [None, 5, b"x", ["x"]], ids=repr)
def test_a_prompt_is_a_text(prompt):
    with pytest.raises(WrongTypeError, match="the prompt is"):
        Context(INDEX, encode)(prompt)


@pytest.mark.parametrize(
    "given",
    [
        {"index": "x"},
        {"index": None},
        {"relevance": 5},
        {"tokens": "x"},
        {"text_column": 5},
        {"title_column": 5},
    ],
    ids=repr,
)
def test_a_context_is_made_of_what_it_should_be(given):
    with pytest.raises(WrongTypeError, match=f"{next(iter(given))} is"):
        Context(**{"index": INDEX, "encoder": encode, **given})


def test_a_column_of_titles_that_was_named_is_there():
    with pytest.raises(ValuesError, match=r"no title in 'nosuch' \(it has text\)"):
        Context(INDEX, encode, title_column="nosuch")("text")
    passages = Context(INDEX, encode, title_column="text")("text").passages
    assert passages[0].title == passages[0].text


@pytest.mark.parametrize("tokens", [-5, float("nan"), "x", None], ids=repr)
def test_tokens_are_counted(tokens):
    with pytest.raises(ValuesError, match="the number of tokens is"):
        Context(INDEX, encode, tokens=lambda _: tokens)("text")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"kind": "x"}, SpellingError, "known are isotonic, logistic"),
        ({"kind": ["isotonic"]}, SpellingError, "known are"),
        ({"seed": None}, ValuesError, "seed is"),
        ({"seed": True}, ValuesError, "seed is"),
        ({"seed": []}, ValuesError, "seed is"),
        ({"depth": 2.5}, ValuesError, "depth is"),
        ({"folds": "x"}, ValuesError, "folds is"),
        ({"name": 5}, WrongTypeError, "name is"),
        ({"index": 5}, WrongTypeError, "the index is"),
        ({"space": ITEMS}, WrongTypeError, "the space is"),
        ({"judgements": 5}, WrongTypeError, "what was judged is"),
    ],
    ids=str,
)
def test_relevance_is_learned_from_what_it_should_be(given, error, message):
    with pytest.raises(error, match=message):
        learn_relevance(**{"index": INDEX, "space": SPACE, "judgements": JUDGED, **given})


@pytest.mark.parametrize(
    "content",
    [np.arange(3), [], "x", None, {**LEARNED.to_dict(), "reliability": np.arange(3)}],
    ids=["array", "list", "text", "none", "array within"],
)
def test_what_is_no_learned_relevance_is_refused(content):
    with pytest.raises(FileError, match="no learned relevance"):
        Relevance.from_dict(content)


def test_false_contexts_are_counted_of_what_they_should_be():
    vectors = SPACE.queries.vectors
    for index, learned, threshold in ((5, LEARNED, 0.5), (INDEX, 5, 0.5), (INDEX, LEARNED, "x")):
        with pytest.raises(AnglewiseError, match="is"):
            false_contexts(index, vectors, learned, threshold)
