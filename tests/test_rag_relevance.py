"""Probabilities of relevance: calibrated for questions they have not seen, and for real ones."""

import csv
import json
import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from scipy.special import expit
from scipy.stats import beta

from anglewise import (
    Embeddings,
    Encoder,
    Index,
    Judgements,
    Space,
    encode,
    encoder,
    read_judgements,
    read_space,
)
from anglewise.cli.context import unsaid
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import FileError, ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.rag import scored_questions
from anglewise.rag.context import Context
from anglewise.rag.origin import Origin
from anglewise.rag.relevance import (
    Relevance,
    false_contexts,
    gather,
    learn_relevance,
    relevance_of,
    with_false_contexts,
)
from anglewise.rag.thresholds import (
    RECALLS,
    CrossFit,
    ScoredQuestions,
    questions_for,
    rank_for,
    share_given,
    sure_share,
)
from anglewise.report.plain_text import markdown
from anglewise.report.retrieval_documents import relevance_document
from anglewise.report.terminal import print_document
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
    rank = max(rank_for(recall, len(best) * 4 // 5), 1)
    due = 1 - rank / (len(best) * 4 // 5 + 1)  # the mean over all draws of those learned from
    assert found.held_out_recall.value == pytest.approx(due, abs=0.03)
    assert found.held_out_recall.of == found.questions == len(best)


@pytest.mark.parametrize("recall", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("questions", [5, 29, 60, 200, 453])
def test_the_rank_is_the_largest_that_keeps_the_recall_with_confidence(questions, recall):
    """Of ``n`` uniform scores the ``k``-th smallest leaves a Beta(n + 1 - k, k) share above it."""
    ranks = np.arange(1, questions + 1)
    sure = beta.ppf(0.05, questions + 1 - ranks, ranks)
    assert rank_for(recall, questions) == np.count_nonzero(sure >= recall)
    for rank in (1, (questions + 1) // 2, questions):
        assert sure_share(rank, questions) == pytest.approx(sure[rank - 1], rel=1e-9)


def test_so_many_questions_are_asked_for_as_the_confidence_takes():
    for recall in (0.01, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999):
        due = questions_for(recall)
        assert rank_for(recall, due) > 0
        assert due == 1 or not rank_for(recall, due - 1)
    assert questions_for(1.0) is None


@pytest.mark.slow
@KINDS
@pytest.mark.parametrize(("questions", "recall"), [(40, 0.9), (150, 0.8)])
def test_a_threshold_keeps_its_recall_of_all_questions_in_19_of_20_calibrations(
    kind, questions, recall
):
    """The best relevant scores are uniform, so what a threshold keeps is known without error."""
    missed = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        scores = np.stack([rng.random(questions), -rng.random(questions)], axis=1)
        relevant = np.tile([True, False], questions)
        asking = np.repeat(np.arange(questions), 2)
        evidence = ScoredQuestions(asking, scores.ravel(), relevant)
        found = relevance_of(evidence, "cosine", kind=kind, recall=recall)
        grid = np.linspace(0, 1, 4001)
        kept = np.mean(found(grid) >= found.threshold)
        missed += kept < recall - 1 / 4000
    assert missed / 300 < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 300)


def test_too_few_questions_say_what_they_allow():
    found = relevance_of(simulated(3, questions=40), "cosine", recall=0.99)
    assert found.questions < 299
    assert found.at_least == pytest.approx(0.05 ** (1 / found.questions))
    assert relevance_of(simulated(3, questions=900), "cosine", recall=0.9).at_least == 0.9
    words = shown(found)
    said = f"keep one; {found.questions} questions show no more, and it takes 299 to show the 99%"
    assert said in words
    assert "no number shows the 100% asked for" in shown(
        relevance_of(simulated(3, questions=40), "cosine", recall=1.0)
    )


def test_a_relevance_learned_from_a_machines_grades_says_so_wherever_it_goes():
    found = relevance_of(simulated(3, questions=40), "cosine")
    assert found.machine_words == ""
    graded = replace(found, by_machine=30, of_sources=50)
    again = Relevance.from_dict(json.loads(json.dumps(graded.to_dict())))
    assert (again.by_machine, again.of_sources) == (30, 50)
    said = "machine alone graded 30 of 50 judged pairs, and no person: threshold, shares and"
    assert said in shown(again)
    assert any(said in sentence for sentence in unsaid(again))


def shown(found, depth=40):
    """What a terminal shows of a relevance, on one line."""
    stream = StringIO()
    console = Console(file=stream, width=200)
    print_document(relevance_document(found, None, depth), console)
    return " ".join(stream.getvalue().split())


def test_questions_lose_their_passage_in_two_ways_and_both_are_counted():
    """Counted by hand: each fold under the curve and the threshold of the others."""
    evidence = simulated(5, questions=120)
    found = relevance_of(evidence, "cosine", recall=0.6)
    fitted = CrossFit.of(evidence, "isotonic", 5, 0)
    shares = np.zeros(3, dtype=int)
    for number, curve in enumerate(fitted.curves):
        others = evidence.take(fitted.fold != number)
        rank = rank_for(0.6, len(others.best_relevant()))
        threshold = curve(others.best_relevant()[[rank - 1]])[0]
        for question in np.unique(evidence.questions[(fitted.fold == number) & evidence.relevant]):
            own = evidence.questions == question
            given = own & (curve(evidence.scores) >= threshold)
            shares[0 if (given & evidence.relevant).any() else 1 if given.any() else 2] += 1
    counted = (found.held_out_recall, found.only_irrelevant, found.turned_away)
    assert [share.count for share in counted] == shares.tolist()
    assert shares.sum() == found.questions
    assert shares.min() > 0
    for share, words in zip(
        counted, ("keep a relevant", "only irrelevant", "nothing"), strict=True
    ):
        assert f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}]" in shown(found)
        assert words in shown(found)


def test_a_higher_recall_turns_fewer_away_and_lets_more_in():
    prices = relevance_of(simulated(2), "cosine").prices
    assert [price.recall for price in prices] == list(RECALLS)
    assert [price.turned_away.value for price in prices] == sorted(
        (price.turned_away.value for price in prices), reverse=True
    )
    assert [price.passages for price in prices] == sorted(price.passages for price in prices)
    everything = relevance_of(simulated(2), "cosine", recall=0.97).prices
    assert 0.97 in [price.recall for price in everything]


def test_a_threshold_that_keeps_nothing_out_is_called_so():
    rng = np.random.default_rng(0)
    asking, lucky = np.repeat(np.arange(40), 5), rng.random(200) < 0.5
    found = relevance_of(ScoredQuestions(asking, np.zeros(200), lucky), "cosine")
    assert found.lets_all_in
    assert "it keeps nothing out" in shown(found)
    assert "it keeps nothing out" not in shown(relevance_of(simulated(0), "cosine", recall=0.8))


def test_questions_that_find_nothing_are_given_nothing():
    flat = relevance_of(simulated(0), "cosine").curve
    assert share_given(flat, np.array([-np.inf, 9.0]), 0.0).count == 1


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
    assert 0.95 <= relevance.held_out_recall.value < 0.98
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
    assert everything.recall is None  # nobody measured it at this threshold
    assert false_contexts(index, foreign, relevance).recall == relevance.held_out_recall


def test_the_price_list_holds_the_false_contexts_of_each_threshold(learned):
    index, relevance = learned
    foreign = np.random.default_rng(2).standard_normal((300, 24))
    priced, own = with_false_contexts(index, foreign, relevance)
    assert own == false_contexts(index, foreign, relevance)
    for price in priced.prices:
        alone = false_contexts(index, foreign, relevance, threshold=price.threshold)
        assert price.false_contexts == alone.rate


def test_questions_out_of_reach_are_counted():
    space, judgements = made()
    evidence = gather(Index(space, "cosine"), space, judgements, 1)
    near = {hits[0].id for hits in Index(space, "cosine").search(space.queries.vectors, 1)}
    found = sum(f"i{n}" in near for n in range(40) if n != 7)
    assert evidence.out_of_reach == 39 - found == 0
    far = SparseRows.from_pairs(list(range(40)), [59 - n for n in range(40)], shape=(40, 60))
    beyond = gather(Index(space, "cosine"), space, Judgements(far), 1)
    assert beyond.out_of_reach == 40 - len(np.unique(beyond.questions[beyond.relevant])) > 30
    assert "38 questions more found none of their relevant passages among the nearest 40" in shown(
        replace(relevance_of(simulated(0), "cosine"), out_of_reach=38)
    )


def lengths(texts):
    return [[len(text), 1.0] for text in texts]


def letters(texts):
    return [[text.count("a"), 1.0] for text in texts]


def learned_of(space):
    rows = list(range(len(space.queries)))
    own = SparseRows.from_pairs(rows, rows, shape=(len(space.queries), len(space.items)))
    return learn_relevance(Index(space, "cosine"), space, Judgements(own), name="films")


def test_relevance_is_refused_for_another_space_or_encoder():
    texts = {f"t{n}": "a" * n + "b" for n in range(30)}
    asks = {f"q{n}": "a" * n for n in range(20)}
    space = encode(texts, lengths, queries=asks)
    relevance = learned_of(space)
    again = Relevance.from_dict(json.loads(json.dumps(relevance.to_dict())))
    assert again.origin == relevance.origin
    Context(Index(space, "cosine"), lengths, relevance=again)
    with pytest.raises(SpellingError, match=r"films encoded by python:\S*:lengths"):
        Context(Index(space, "cosine"), letters, relevance=again)
    other = Index(space, "cosine")
    other.remove(["t3"])
    with pytest.raises(SpellingError, match=r"films .*another space \(29 x 2"):
        Context(other, lengths, relevance=again)
    old = {name: value for name, value in relevance.to_dict().items() if name in EARLIER}
    assert Relevance.from_dict(old).origin is None
    Context(other, letters, relevance=Relevance.from_dict(old))


def test_weights_tell_encoders_of_one_spelling_apart():
    origin = Origin.of(
        Space(
            items=Embeddings([[1.0]]),
            about={"encoder": "words:a.npy", "encoding": {"identity": "words 1"}},
        )
    )
    same = Encoder(spec="words:elsewhere/a.npy", documents=lengths, identity="words 1")
    origin.check_encoder(same)
    with pytest.raises(SpellingError, match="of other weights"):
        origin.check_encoder(Encoder(spec="words:a.npy", documents=lengths, identity="words 2"))
    origin.check_encoder(Encoder(spec="words:a.npy", documents=lengths))
    with pytest.raises(SpellingError, match=r"words:b\.npy is to encode"):
        origin.check_encoder(Encoder(spec="words:b.npy", documents=lengths))


WHOLE = Origin("62d7", 3, 2).to_dict()


@pytest.mark.parametrize(
    "broken",
    [
        {"origin": "films"},
        {"origin": {}},
        {"origin": [1]},
        {"origin": {**WHOLE, "fingerprint": 1}},
        {"origin": {**WHOLE, "items": 0}},
        {"at_least": 2},
        {"turned_away": [1]},
    ],
)
def test_a_damaged_origin_is_refused(broken):
    with pytest.raises(FileError, match="no learned relevance"):
        Relevance.from_dict(relevance_of(simulated(0), "cosine").to_dict() | broken)


EARLIER = ("kind", "curve", "measure", "threshold", "recall", "held_out_recall", "reliability",
           "questions", "pairs", "relevant")  # fmt: skip
"""The keys that files of earlier versions hold."""


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
    assert relevance.at_least == 0.95
    assert 0.95 <= relevance.held_out_recall.value < 0.99


@pytest.mark.real
def test_on_cranfield_questions_to_a_bank_are_given_nothing(cranfield):
    index, relevance = cranfield
    with (real_data("banking77") / "texts.csv").open(newline="", encoding="utf-8") as file:
        foreign = [row["text"] for row in csv.DictReader(file)][::43][:300]
    found = false_contexts(index, np.asarray(encoder("use")(foreign)), relevance)
    assert found.rate.of == 300
    assert found.rate.value < 0.04
    everything = false_contexts(index, np.eye(512)[:20], relevance, threshold=0.0)
    assert everything.rate.value == 1.0


@pytest.fixture(scope="module")
def relevance_as_text():
    return json.dumps(relevance_of(simulated(0), "cosine").to_dict())


@pytest.mark.parametrize("wrong", ["x", "0.5", None, [], {}, True, -1, 1e999, "y" * 100_000, 0.5])
@pytest.mark.parametrize(
    "path",
    [
        "measure",
        "threshold",
        "recall",
        "questions",
        "pairs",
        "relevant",
        *(f"held_out_recall.{name}" for name in ("count", "of", "value", "low", "high")),
        "reliability.expected_error",
        "reliability.brier",
        "reliability.bins",
        "reliability.bins.0.predicted",
        "reliability.bins.0.observed.count",
        "reliability.bins.0.observed.low",
    ],
)
def test_every_field_of_a_relevance_is_of_its_kind(path, wrong, relevance_as_text):
    content = json.loads(relevance_as_text)
    *steps, last = path.split(".")
    place = content
    for step in steps:
        place = place[int(step) if step.isdecimal() else step]
    right = place[last]
    place[last] = wrong
    fits = isinstance(wrong, str) if isinstance(right, str) else wrong == 0.5
    if (fits and isinstance(right, str | float)) or (wrong == [] and isinstance(right, list)):
        Relevance.from_dict(content)
        return
    with pytest.raises(FileError, match="no learned relevance") as raised:
        Relevance.from_dict(content)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("wrong", [[0.5], [0.3, 0.1], [0.1, 1.5], "ab", 0.5, [0.1, True], {}])
@pytest.mark.parametrize("name", ["expected_error_interval", "brier_interval"])
def test_intervals_of_errors_are_kept_and_may_be_missing_and_nothing_else(name, wrong):
    learned = relevance_of(simulated(0), "cosine")
    content = json.loads(json.dumps(learned.to_dict()))
    assert Relevance.from_dict(content).reliability == learned.reliability
    content["reliability"][name] = wrong
    with pytest.raises(FileError, match="no learned relevance"):
        Relevance.from_dict(content)
    del content["reliability"][name]
    assert getattr(Relevance.from_dict(content).reliability, name) is None


def test_both_errors_stand_with_their_intervals():
    shown = markdown(relevance_document(relevance_of(simulated(0), "cosine"), None, 50))
    assert re.search(
        r"Expected calibration error \d\.\d{3} \[.*\], Brier score \d\.\d{3} \[.*\]", shown
    )


def test_a_depth_that_would_fill_the_memory_is_refused_before_it_is_searched(monkeypatch):
    space, judgements = made()
    index = Index(space, "cosine")
    monkeypatch.setattr(scored_questions, "HITS_AT_ONCE", 12)
    in_parts = learn_relevance(index, space, judgements, depth=5)
    monkeypatch.undo()
    assert in_parts.to_dict() == learn_relevance(index, space, judgements, depth=5).to_dict()
    monkeypatch.setenv("ANGLEWISE_MEMORY", "100kB")
    monkeypatch.setattr(Index, "search", lambda *_: pytest.fail("searched"))
    with pytest.raises(ValuesError, match=r"60 passages of each of 40 questions.*depth of 10,.*MB"):
        learn_relevance(index, space, judgements, depth=1000)
