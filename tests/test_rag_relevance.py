"""Probabilities of relevance: calibrated for questions they have not seen, and for real ones."""

import csv
import json

import numpy as np
import pytest
from scipy.special import expit

from anglewise import Embeddings, Index, Judgements, Space, encoder, read_judgements, read_space
from anglewise.core.sparse import SparseRows
from anglewise.errors import FileError, ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.rag.relevance import (
    Relevance,
    ScoredQuestions,
    false_contexts,
    gather,
    learn_relevance,
    relevance_of,
)
from real_data import real_data

KINDS = pytest.mark.parametrize("kind", ["isotonic", "logistic"])


def simulated(seed, questions=300, depth=40):
    """Questions that differ: each shifts all of its scores."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.3, 0.15, (questions, depth)) + rng.normal(0, 0.05, (questions, 1))
    relevant = rng.random(scores.shape) < expit(12 * (scores - 0.6))
    asking = np.repeat(np.arange(questions), depth)
    return ScoredQuestions(asking, scores.ravel(), relevant.ravel())


@KINDS
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_probabilities_hold_for_questions_that_had_no_part(kind, seed):
    found = relevance_of(simulated(seed, questions=900), "cosine", kind=kind)
    assert found.reliability.expected_error < 0.01
    later = simulated(seed + 100, questions=900)
    p = found(later.scores)
    for low, high in ((0.1, 0.3), (0.3, 0.6), (0.6, 1.0)):
        here = (p >= low) & (p < high)
        assert p[here].mean() == pytest.approx(later.relevant[here].mean(), abs=0.06)


@KINDS
def test_probability_is_monotone_in_the_score(kind):
    found = relevance_of(simulated(0), "cosine", kind=kind)
    assert np.all(np.diff(found(np.linspace(-1, 2, 1000))) >= 0)


@KINDS
@pytest.mark.parametrize("recall", [0.5, 0.9, 0.95, 1.0])
def test_the_threshold_keeps_the_recall_it_names(kind, recall):
    evidence = simulated(0)
    found = relevance_of(evidence, "cosine", kind=kind, recall=recall)
    best = evidence.best_relevant()
    assert np.mean(found(best) >= found.threshold) >= recall
    assert found.held_out_recall.value == pytest.approx(recall, abs=0.03)
    assert found.held_out_recall.of == found.questions == len(best)


def test_a_higher_recall_never_means_a_higher_threshold():
    thresholds = [
        relevance_of(simulated(1), "dot", recall=r).threshold for r in (0.5, 0.8, 0.9, 0.99, 1)
    ]
    assert thresholds == sorted(thresholds, reverse=True)


def test_no_question_helps_to_predict_itself():
    """On noise who looked would do better than the base rate, who did not does worse."""
    gains = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        lucky = rng.permutation(np.arange(20) < 10)
        asking = np.repeat(np.arange(20), 5)
        evidence = ScoredQuestions(asking, np.repeat(rng.random(20), 5), np.repeat(lucky, 5))
        gains.append(relevance_of(evidence, "cosine").reliability.brier - 0.25)
    assert np.mean(gains) > 0.02


def test_the_same_seed_gives_the_same():
    one, two = (relevance_of(simulated(0), "cosine", rng=5).to_dict() for _ in range(2))
    assert one == two


@KINDS
def test_what_is_written_is_read_again(kind):
    found = relevance_of(simulated(0), "cosine", kind=kind)
    again = Relevance.from_dict(json.loads(json.dumps(found.to_dict())))
    scores = np.linspace(-1, 1, 99)
    assert np.array_equal(again(scores), found(scores))
    assert again.to_dict() == found.to_dict()


@pytest.mark.parametrize(
    "broken", [{}, {"kind": "magic"}, {"curve": {}}, {"threshold": None}, {"reliability": []}]
)
def test_what_is_no_relevance_is_refused(broken):
    said = relevance_of(simulated(0), "cosine").to_dict() | broken if broken else {}
    with pytest.raises(FileError, match="no learned relevance"):
        Relevance.from_dict(said)


def made(questions=40, items=60, d=4):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((items, d))
    asks = x[:questions] + 0.1 * rng.standard_normal((questions, d))
    space = Space(
        items=Embeddings(x, ids=[f"i{n}" for n in range(items)]), queries=Embeddings(asks)
    )
    rows = list(range(questions))
    values = [0.0 if row == 7 else 1.0 for row in rows]  # the eighth was judged not relevant
    gains = SparseRows.from_pairs(rows, rows, values, shape=(questions, items))
    return space, Judgements(gains)


def test_evidence_says_what_was_found_and_whether_it_is_judged_relevant():
    space, judgements = made()
    evidence = gather(Index(space, "cosine"), space, judgements, 5)
    assert len(evidence.scores) == 200
    hits = Index(space, "cosine").search(space.queries.vectors, 5)
    expected = [(h.score, h.id == f"i{n}" != "i7") for n, some in enumerate(hits) for h in some]
    assert list(zip(evidence.scores.tolist(), evidence.relevant.tolist(), strict=True)) == expected


def test_an_index_of_fewer_items_learns_from_those():
    space, judgements = made()
    index = Index(space, "cosine")
    index.remove(["i0", "i1"])
    assert learn_relevance(index, space, judgements, depth=5).questions <= 38


def test_what_cannot_be_learned_is_said():
    space, judgements = made()
    index = Index(space, "cosine")
    with pytest.raises(ValuesError, match="recall is 0"):
        learn_relevance(index, space, judgements, recall=0)
    with pytest.raises(SpellingError, match="items-items"):
        learn_relevance(
            index, space,
            Judgements(SparseRows.from_pairs([], [], shape=(60, 60)), direction="items-items"),
        )  # fmt: skip
    with pytest.raises(ShapeError, match="the space"):
        learn_relevance(index, space, Judgements(SparseRows.from_pairs([0], [0], shape=(1, 60))))
    with pytest.raises(TooFewError, match="no question was judged"):
        learn_relevance(index, space, Judgements(SparseRows.from_pairs([], [], shape=(40, 60))))
    few = Judgements(SparseRows.from_pairs([0, 1], [0, 1], shape=(40, 60)))
    with pytest.raises(TooFewError, match="2 questions found"):
        learn_relevance(index, space, few)


def questions_and_passages(questions=400, passages=900, d=24, seed=0):
    """Each question is a noisy copy of its own passage, some far noisier than others."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((passages, d))
    noise = rng.uniform(0.2, 1.2, (questions, 1))
    asks = x[:questions] + noise * rng.standard_normal((questions, d))
    rows = np.arange(questions)
    gains = SparseRows.from_pairs(rows, rows, shape=(questions, passages))
    return Space(queries=Embeddings(asks), items=Embeddings(x)), Judgements(gains)


@pytest.fixture(scope="module")
def learned():
    space, judged = questions_and_passages()
    index = Index(space, "cosine")
    return index, learn_relevance(index, space, judged)


def test_learned_probabilities_hold_and_recall_is_kept(learned):
    _, relevance = learned
    assert relevance.questions > 350
    assert relevance.reliability.expected_error < 0.02
    assert relevance.held_out_recall.value == pytest.approx(0.95, abs=0.02)
    space, judged = questions_and_passages(seed=1)  # other passages, other questions
    later = gather(Index(space, "cosine"), space, judged, 50)
    p = relevance(later.scores)
    assert p[p > 0.5].mean() == pytest.approx(later.relevant[p > 0.5].mean(), abs=0.05)
    assert np.mean(relevance(later.best_relevant()) >= relevance.threshold) > 0.9


def test_questions_from_elsewhere_are_given_fewer_contexts_than_a_threshold_of_nothing(learned):
    index, relevance = learned
    foreign = np.random.default_rng(2).standard_normal((300, 24))
    strict = false_contexts(index, foreign, relevance, threshold=0.5)
    assert strict.rate.of == 300
    assert strict.rate.value < 0.1
    assert strict.rate.value <= false_contexts(index, foreign, relevance).rate.value
    everything = false_contexts(index, foreign[:20], relevance, threshold=0.0)
    assert everything.rate.value == 1.0


@pytest.fixture(scope="module")
def cranfield():
    vectors = real_data("cranfield") / "vectors" / "use"
    space = read_space(
        queries=vectors / "queries.npy",
        items=vectors / "items.npy",
        query_ids=vectors / "queries.txt",
        item_ids=vectors / "items.txt",
    )
    judged = read_judgements(real_data("cranfield") / "qrels.tsv", space)
    index = Index(space, "cosine")
    return index, learn_relevance(index, space, judged)


@pytest.mark.real
def test_on_cranfield_probabilities_hold_and_recall_is_kept(cranfield):
    _, relevance = cranfield
    assert relevance.questions == 199
    assert relevance.reliability.expected_error < 0.01
    assert relevance.held_out_recall.value == pytest.approx(0.95, abs=0.02)


@pytest.mark.real
def test_on_cranfield_questions_to_a_bank_are_given_nothing(cranfield):
    """False contexts at 95% recall: 9 of 600 here."""
    index, relevance = cranfield
    with (real_data("banking77") / "texts.csv").open(newline="", encoding="utf-8") as file:
        foreign = [row["text"] for row in csv.DictReader(file)][::43][:300]
    found = false_contexts(index, np.asarray(encoder("use")(foreign)), relevance)
    assert found.rate.of == 300
    assert found.rate.value < 0.04
    everything = false_contexts(index, np.eye(512)[:20], relevance, threshold=0.0)
    assert everything.rate.value == 1.0
