"""Passages for a prompt: within the budget, in their order, none twice, none when none fits."""

import json
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import AnglewiseError, Embeddings, Encoder, Index
from anglewise.errors import EncoderError, ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.nearest_neighbours.index import Answering, Hit
from anglewise.rag.context import Context, diverse
from anglewise.rag.prompt import INSTRUCTIONS
from anglewise.rag.relevance import relevance_of
from anglewise.rag.thresholds import ScoredQuestions

WORDS = [
    "wing",
    "flow",
    "heat",
    "plate",
    "shock",
    "drag",
    "nose",
    "cone",
    "wake",
    "tube",
    "jet",
    "blade",
]


def encode(texts):
    """How often each word stands in a text, and a little of everything."""
    return [[text.lower().split().count(word) + 0.01 for word in WORDS] for text in texts]


def text_of(rng, length):
    return " ".join(rng.choice(WORDS, length)) + f" number {rng.integers(1 << 30)}"


def index_of(texts, **about):
    ids = [f"d{i}" for i in range(len(texts))]
    return Index(Embeddings(encode(texts), ids=ids, metadata={"text": texts, **about}), "cosine")


def corpus(seed=0, rows=40, longest=60):
    rng = np.random.default_rng(seed)
    return index_of([text_of(rng, int(rng.integers(1, longest))) for _ in range(rows)])


@pytest.fixture(scope="module")
def learned():
    """Scores of 30 questions: what is above .7 is mostly relevant, what is below mostly not."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 1, 1500)
    relevant = rng.random(1500) < np.where(scores > 0.7, 0.8, 0.02)
    return relevance_of(ScoredQuestions(np.repeat(np.arange(30), 50), scores, relevant), "cosine")


def by_words(text):
    return len(text.split())


def superadditive(text):
    """A tokenizer that likes long texts less than their parts."""
    return int(len(text.split()) ** 1.5) // 4


@pytest.mark.parametrize("tokens", [by_words, superadditive, len])
@given(
    seed=st.integers(0, 100), budget=st.integers(60, 2000), diversity=st.sampled_from([0.0, 0.5])
)
@settings(max_examples=12)
def test_the_budget_is_never_exceeded(seed, budget, tokens, diversity):
    context = Context(
        corpus(seed, 12), encode, budget_tokens=budget, tokens=tokens, diversity=diversity
    )
    if max(tokens(f"{what}\n\nQuestion: shock wing") for what in INSTRUCTIONS) > budget:
        with pytest.raises(ValuesError, match="shorten the prompt or raise the budget"):
            context("shock wing")
        return
    found = context("shock wing")
    assert found.tokens == tokens(found.text()) <= budget
    assert found.text() == "\n\n".join(one["content"] for one in found.messages())


def test_passages_stand_in_the_order_of_the_index_with_their_ids_and_scores():
    index = corpus()
    found = Context(index, encode, budget_tokens=100_000)("shock wing")
    hits = index.nearest(encode(["shock wing"])[0], 40)
    assert [(p.id, p.score, p.text) for p in found.passages] == [
        (hit.id, hit.score, hit.metadata["text"]) for hit in hits
    ]
    assert found.meaning == "cosine in [-1, 1]"


def test_a_passage_that_is_too_long_is_passed_over_and_counted():
    index = index_of(["wing " * 400 + "one", "wing flow two", "wing heat three"])
    found = Context(index, encode, budget_tokens=150)("wing")
    assert [p.id for p in found.passages] == ["d1", "d2"]
    assert found.left_out.too_long == 1


def test_where_none_fits_it_says_so_and_not_that_nothing_is_relevant():
    found = Context(index_of(["wing " * 400]), encode, budget_tokens=150)("wing")
    assert not found.passages
    assert not found.nothing_relevant
    assert "longer than the room" in found.text()


def test_what_was_said_before_is_left_out():
    said = "the wing is thin and the flow around it is laminar until the shock"
    texts = [said, said.upper() + "!", "also " + said, said + " wing" + " flow heat plate nose" * 9]
    found = Context(index_of(texts), encode, budget_tokens=5000)("wing flow shock")
    assert found.left_out.repeated == 2
    assert {"d0", "d1", "d2"} & {p.id for p in found.passages} == {found.passages[0].id}
    assert "d3" in {p.id for p in found.passages}, "a longer text that adds something stays"
    everything = Context(index_of(texts), encode, budget_tokens=5000, repeated=1.1)
    assert len(everything("wing flow shock")) == 4


def test_most_is_the_most():
    found = Context(corpus(), encode, budget_tokens=100_000)("shock wing", most=3)
    assert len(found) == 3
    assert found.left_out.beyond == 37


def test_only_items_that_a_filter_lets_through_are_given():
    index = index_of(["wing a", "wing b", "flow c"], year=[1950, 1960, 1950])
    found = Context(index, encode)("wing", where={"year": 1950})
    assert [p.id for p in found.passages] == ["d0", "d2"]


def test_nothing_is_given_where_nothing_is_relevant(learned):
    index = index_of(["wing flow", "heat plate"])
    context = Context(index, encode, relevance=learned)
    found = context("cone")
    assert found.nothing_relevant
    assert found.left_out.irrelevant == 2
    assert found.best.probability < found.threshold == learned.threshold
    assert "No passage was found that seems relevant enough" in found.text()
    assert "heat plate" not in found.text()
    assert [p.id for p in context("heat plate").passages] == ["d1"]


@given(low=st.floats(0, 1), high=st.floats(0, 1))
@settings(max_examples=6)
def test_a_higher_threshold_gives_no_passage_more(learned, low, high):
    low, high = sorted((low, high))
    ids = [
        {p.id for p in Context(
            corpus(), encode, 100_000, relevance=learned, threshold=t, repeated=2
        )("shock wing").passages}
        for t in (low, high)
    ]  # fmt: skip
    assert ids[1] <= ids[0]


def test_every_passage_is_as_likely_as_the_threshold_demands(learned):
    found = Context(corpus(), encode, 100_000, relevance=learned, threshold=0.5)(
        "wing flow heat plate shock drag nose cone"
    )
    assert found.passages
    assert all(p.probability >= 0.5 for p in found.passages)
    likely = [p.probability for p in found.passages]
    assert likely == sorted(likely, reverse=True)


def test_diversity_of_nothing_keeps_the_order_and_of_all_spreads():
    vectors = np.array([[1.0, 0.0], [1.0, 0.01], [1.0, 0.02], [0.0, 1.0]])
    worth = np.array([1.0, 0.9, 0.8, 0.1])
    assert diverse(worth, vectors, 0.0).tolist() == [0, 1, 2, 3]
    assert diverse(worth, vectors, 1.0).tolist()[:2] == [0, 3]


@given(st.integers(0, 1000), st.floats(0, 1))
@settings(max_examples=30)
def test_marginal_relevance_is_greedy(seed, weight):
    rng = np.random.default_rng(seed)
    worth, vectors = rng.random(8), rng.standard_normal((8, 3))
    unit = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    order = diverse(worth, vectors, weight).tolist()
    assert sorted(order) == list(range(8))
    for place in range(1, 8):
        like = (unit @ unit[order[:place]].T).max(axis=1)
        value = (1 - weight) * worth - weight * like
        assert value[order[place]] >= max(value[order[place:]]) - 1e-12


def test_prompts_are_encoded_as_questions():
    asked = []

    def ask(texts):
        asked.extend(texts)
        return encode(texts)

    Context(corpus(), Encoder(spec="two", documents=encode, queries=ask))("wing")
    assert asked == ["wing"]


def test_what_is_known_of_a_passage_is_told_in_json():
    index = index_of(["wing"], seen=[date(1958, 1, 1)], year=[1958])
    told = Context(index, encode)("wing").to_dict()
    assert json.loads(json.dumps(told))["passages"][0]["metadata"] == {
        "seen": "1958-01-01",
        "year": 1958,
    }


def test_what_no_reader_sees_does_no_harm():
    index = index_of(["wing \x00flow\ud800", "heat"])
    found = Context(index, encode)("wing\x07 \x7f flow")
    assert found.prompt == "wing    flow"
    assert found.passages[0].text == "wing  flow "
    found.text().encode()


def test_letters_of_another_encoding_are_no_prompt():
    with pytest.raises(ValuesError, match="no text in UTF-8"):
        Context(index_of(["wing flow", "heat"]), encode)("wing \udcff flow")


class Store:
    """Stands for a vector store: it answers, and that is all it does."""

    measure, dimension = "cosine", len(WORDS)

    def __len__(self):
        return 1

    def search(self, vectors, k=10, *, where=None):
        del k, where
        return [[Hit("far", 0.5, "cosine of the store", {"text": "wing"})] for _ in vectors[:1]]

    def vectors(self, ids):
        return np.ones((len(list(ids)), len(WORDS)), dtype=np.float32)


def test_whatever_answers_as_an_index_may_stand_in_its_place():
    assert isinstance(Store(), Answering)
    assert [p.id for p in Context(Store(), encode)("wing").passages] == ["far"]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda i, _: Context(i, encode)("  "), TooFewError, "prompt is empty"),
        (lambda i, _: Context(i, encode, 90)("wing " * 99), ValuesError, "budget is 90"),
        (lambda i, _: Context(i, lambda t: [[1.0]] * len(t))("wing"), ShapeError, "gives 1 num"),
        (lambda i, _: Context(i, lambda _: 0)("wing"), EncoderError, "shape"),
        (lambda i, _: Context(i, encode, text_column="body")("wing"), ValuesError, "no text in"),
        (lambda i, _: Context(i, encode, threshold=0.5), SpellingError, "give relevance"),
        (lambda i, r: Context(i, encode, relevance=r, threshold=7), ValuesError, "from 0 to 1"),
        (lambda i, _: Context(i, encode, 0), ValuesError, "at least 1"),
        (lambda i, _: Context(i, encode, diversity=2), ValuesError, "from 0 to 1"),
        (
            lambda i, r: Context(Index(i.space, "dot"), encode, relevance=r),
            SpellingError,
            "scores of cosine",
        ),
    ],
)
def test_what_makes_no_sense_is_said(make, error, words, learned):
    with pytest.raises(error, match=words) as caught:
        make(corpus(), learned)
    assert isinstance(caught.value, AnglewiseError)


def test_an_empty_store_is_said():
    class Empty(Store):
        def __len__(self):
            return 0

    with pytest.raises(TooFewError, match="index is empty"):
        Context(Empty(), encode)("wing")
