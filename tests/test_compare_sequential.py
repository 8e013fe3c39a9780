"""Judge until decided."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Pairs, Space, compare, search
from anglewise.comparison.inference import FEWEST_RESAMPLED
from anglewise.comparison.stopping import (
    POSITIVE_ALONE,
    UNORDERED,
    forecast,
    sequential,
)
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError
from anglewise.report.comparison_document import comparison_document
from anglewise.statistics.confidence_sequences import Race


def made(queries, noise=0.3, lengths=4.0, seed=0):
    """Every query looks for the item that it is a noisy copy of; lengths of items disturb dot."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((queries, 8))
    items = Embeddings(x * rng.uniform(1, 1 + lengths, (queries, 1)))
    asked = Embeddings(x + noise * rng.standard_normal(x.shape))
    own = SparseRows.from_pairs(np.arange(queries), np.arange(queries), shape=(queries, queries))
    return Space(queries=asked, items=items), Judgements(own)


def test_a_clear_winner_is_told_with_how_few_queries_would_have_done():
    now = sequential(compare(*made(200), "dot,cosine"))
    assert (now.decision, now.measure, now.left) == ("decided", "cosine", ("cosine",))
    assert now.decided_after < 200
    assert f"{now.decided_after} queries of 200 would have done" in now.reason


def test_a_decision_names_its_test_and_says_what_that_assumes():
    now = sequential(compare(*made(200), "dot,cosine"))
    assert "by the sequential sign-flip test" in now.reason
    assert len(now.notes) == 3  # no order is known, and not who looked at what
    assert "e-process" in now.notes[0]
    assert "symmetric about 0" in now.notes[0]
    assert "wins rarely, but then by much, is easily ruled out" in now.notes[0]
    assert now.to_dict()["notes"] == list(now.notes)


@pytest.mark.parametrize(
    ("decision", "measure", "headline"),
    [
        ("use", "dot", "Use dot"),
        ("tie", "dot", "Tie, keep dot"),
        ("better", "cosine", "cosine is better"),
        ("cannot-tell", "dot", "Cannot tell"),
    ],
)
def test_where_the_verdict_is_another_both_are_said(decision, measure, headline):
    result = compare(*made(200), "dot,cosine")
    verdict = replace(result.verdict, decision=decision, measure=measure, at_least=None)
    now = sequential(replace(result, verdict=verdict))
    assert now.measure == "cosine"
    assert now.notes[-1] == (
        f'The verdict of the comparison is another, "{headline}": it asks by how much others are '
        "better than dot, assumes no symmetry and holds for a number of queries fixed beforehand; "
        "this one asks which is the best, and holds however often one looks"
    )


@pytest.mark.parametrize("decision", ["use", "tie"])
def test_where_the_verdict_names_the_same_measure_nothing_is_added(decision):
    result = compare(*made(200), "dot,cosine")
    verdict = replace(result.verdict, decision=decision, measure="cosine")
    assert "another" not in sequential(replace(result, verdict=verdict)).notes[-1]


def test_while_undecided_a_verdict_is_said_to_be_another():
    result = compare(*made(60, noise=1.2, lengths=0.1), "dot,cosine")
    cannot_tell = replace(result.verdict, decision="cannot-tell", measure="dot")
    assert sequential(replace(result, verdict=cannot_tell)).notes == (UNORDERED, POSITIVE_ALONE)
    use = replace(result.verdict, decision="use", measure="cosine")
    assert 'another, "Use cosine": it asks' in sequential(replace(result, verdict=use)).notes[-1]


def test_notes_stand_below_the_answer():
    result = compare(*made(200), "dot,cosine")
    now = sequential(result)
    lines = [line.text for line in comparison_document(result, sequential=now).afterwards[0]]
    assert lines == [f"Sequentially, {now}", *(f"{note}." for note in now.notes)]


def test_stopping_then_gives_the_same_answer():
    space, judgements = made(200)
    at = np.random.default_rng(0).permutation(200).astype(float)
    timed = replace(judgements, judged_at=at)
    after = sequential(compare(space, timed, "dot,cosine")).decided_after
    first = np.flatnonzero(at < after)
    few = SparseRows.from_pairs(first, first, shape=(200, 200))
    now = sequential(compare(space, Judgements(few, judged_at=at), "dot,cosine"))
    assert (now.decision, now.measure, now.decided_after) == ("decided", "cosine", after)


@pytest.mark.parametrize("batch", [1, 50])
def test_what_was_decided_stays_decided_as_batches_are_added(batch):
    """A look finds the same order of the queries before as the look before it."""
    space, _ = made(200)
    at = np.random.default_rng(0).permutation(200).astype(float) // batch
    first = []
    for so_far in (100, 150, 200):
        rows = np.flatnonzero(at < so_far / batch)
        some = SparseRows.from_pairs(rows, rows, shape=(200, 200))
        known = Judgements(some, judged_at=np.where(at < so_far / batch, at, np.nan))
        first.append(sequential(compare(space, known, "dot,cosine")).decided_after)
    assert first[0] == first[1] == first[2] is not None


def test_a_small_lead_asks_for_more_and_says_how_much():
    now = sequential(compare(*made(60, noise=1.2, lengths=0.1), "dot,cosine"))
    assert now.decision == "keep-judging"
    assert set(now.left) == {"dot", "cosine"}
    assert now.about_left is None or now.about_left > 0
    assert now.reason.startswith("dot or cosine may be the best, ")
    assert "; in half of the futures drawn from these queries " in now.reason


def test_measures_that_rank_alike_are_one():
    space, judgements = made(100)
    unit = Embeddings(space.items.vectors / space.items.norms[:, None])
    now = sequential(compare(Space(queries=space.queries, items=unit), judgements))
    assert now.decision == "decided"
    assert now.left == ("dot",)
    assert now.reason == "keep dot; dot, cosine and euclidean rank alike here"
    assert now.notes == ()


def test_measures_within_the_tolerance_of_each_other_decide_too():
    space, judgements = made(150, noise=0.05, lengths=0.01)
    measures = "dot,cosine@centred,cosine"
    result = compare(space, judgements, measures, tolerance=0.2, baseline="cosine")
    now = sequential(result)
    assert now.decision == "decided"
    assert now.left == ("cosine@centred", "cosine")
    assert now.measure == "cosine"  # the one to keep, though another comes first
    assert "0.2 would matter" in now.reason
    assert any("confidence sequences, which hold at 95%" in note for note in now.notes)
    assert any("and assume no symmetry" in note for note in now.notes)


def test_an_order_by_chance_is_the_same_for_the_same_seed():
    result = compare(*made(200), "dot,cosine")
    assert sequential(result, seed=1) == sequential(result, seed=1)
    assert sequential(result, seed=1).decided_after != sequential(result, seed=3).decided_after


def test_the_forecast_is_about_right():
    """In the middle of many worlds, what was forecast halfway is what it then took."""
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(12):
        hard = rng.random(3000)
        values = np.clip(hard + rng.normal([[0.06], [0.0]], 0.2, (2, 3000)), 0, 1)
        told = forecast(values[:, :80])
        from_there = next(n for n in range(90, 3000, 30) if sequential_decides(values[:, :n]))
        ratios.append((80 + (told or 7 * 80)) / from_there)
    assert 0.5 < np.median(ratios) < 2


def sequential_decides(values):
    return Race.of(values).decided_after is not None


def pooled(space, gains, whole, half, k=10):
    """Judgements of the first places under both measures: of some queries all, of others a half."""
    lists = search(space, "dot,cosine", k=k)
    rows, items = [], []
    for row in [*whole, *half]:
        pool = sorted({int(i) for found in lists.values() for i in found.indices[row]})
        pool = pool if row in whole else pool[: k - 1]
        rows += [row] * len(pool)
        items += pool
    table = SparseRows.from_pairs(rows, items, gains[rows, items], shape=gains.shape)
    return Judgements(table, judged_at=np.arange(float(len(gains))))


def graded(queries=60):
    space, _ = made(queries, noise=0.8)
    near = space.queries.vectors @ (space.items.vectors / space.items.norms[:, None]).T
    rng = np.random.default_rng(5)
    return space, (rng.random(near.shape) < 1 / (1 + np.exp(1.5 - near))).astype(float)


def test_half_judged_queries_do_not_count():
    """What was judged of them first may speak for one measure."""
    space, gains = graded()
    whole, half = range(30), range(30, 60)
    now = sequential(compare(space, pooled(space, gains, whole, half), "dot,cosine"))
    alone = sequential(compare(space, pooled(space, gains, whole, ()), "dot,cosine"))
    assert now.queries == alone.queries == 30
    assert (now.decision, now.measure, now.left, now.decided_after, now.about_left) == (
        alone.decision, alone.measure, alone.left, alone.decided_after, alone.about_left,
    )  # fmt: skip
    assert any("30 of 60 queries are half judged" in note for note in now.notes)
    assert not any("half judged" in note for note in alone.notes)


def test_of_half_judged_queries_alone_nothing_is_said():
    space, gains = graded()
    now = sequential(compare(space, pooled(space, gains, (), range(60)), "dot,cosine"))
    assert (now.decision, now.queries, now.about_left) == ("keep-judging", 0, None)
    assert now.reason == "dot or cosine may be the best: 0 queries of 60 are judged whole"


def test_a_metric_of_fewer_places_takes_what_was_pooled_to_these():
    space, gains = graded()
    judged = pooled(space, gains, range(60), (), k=5)
    assert sequential(compare(space, judged, "dot,cosine")).queries == 0
    assert sequential(compare(space, judged, "dot,cosine", "nDCG@5")).queries == 60


def test_where_nothing_is_judged_as_not_relevant_all_count_and_that_is_said():
    now = sequential(compare(*made(60), "dot,cosine"))
    assert now.queries == 60
    assert POSITIVE_ALONE in now.notes


@pytest.mark.parametrize("queries", [2, FEWEST_RESAMPLED - 1])
def test_from_few_queries_nothing_is_forecast(queries):
    space, gains = graded()
    judged = pooled(space, gains, range(queries), ())
    now = sequential(compare(space, judged, "dot,cosine"))
    if now.decision == "keep-judging":
        assert now.about_left is None
        assert f"is not known from {queries} queries: 20 are due" in now.reason
    assert "futures" not in now.reason


def test_pairs_are_refused():
    space, _ = made(20)
    some = np.arange(10)
    result = compare(space, Pairs(some, some, np.linspace(0, 1, 10)), "dot,cosine")
    with pytest.raises(SpellingError, match="query by query"):
        sequential(result)


@pytest.mark.slow
@pytest.mark.parametrize(("sd", "mean", "queries"), [(0.2, 0.05, 60), (0.05, 0.02, 20)])
def test_about_half_of_the_undecided_worlds_take_no_more_than_was_forecast(
    sd, mean, queries, monkeypatch
):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    from sequential import forecasts

    told, took, no_more = forecasts(sd, mean, queries, worlds=100)
    assert 0.5 < told / took < 2
    assert 0.35 < no_more < 0.75


def test_without_times_the_answer_is_said_to_hold_for_one_look():
    space, judged = made(60)
    at = np.arange(60.0)
    assert UNORDERED in sequential(compare(space, judged, "dot,cosine")).notes
    timed = compare(space, replace(judged, judged_at=at), "dot,cosine")
    assert UNORDERED not in sequential(timed).notes


def test_what_is_tuned_by_all_queries_is_decided_for_one_look_alone():
    """At the next look the queries judged by then tune it otherwise: nothing holds at all looks."""
    space, judgements = made(200)
    timed = replace(judgements, judged_at=np.arange(200.0))
    fixed = sequential(compare(space, timed, "dot,norm(0,0.9)"))
    assert fixed.decided_after is not None
    now = sequential(compare(space, timed, "dot,norm(0,*)"))
    assert (now.decision, now.measure, now.decided_after) == ("decided", "norm(0,*)", None)
    assert "would have done" not in now.reason
    (note,) = [note for note in now.notes if note.startswith("norm(0,*) is chosen or learnt anew")]
    assert "the answer holds for one look" in note
    assert not any("however often one looks" in note for note in now.notes)


def test_a_decision_names_what_ranks_like_the_measure_to_use():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 8))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    own = SparseRows.from_pairs(np.arange(200), np.arange(200), shape=(200, 200))
    space = Space(queries=Embeddings(unit + 0.05), items=Embeddings(unit))
    measures = "dot,cosine,cosine@without-top(6)"
    now = sequential(compare(space, Judgements(own), measures))
    assert now.decision == "decided"
    assert "; dot and cosine rank alike here; in this order" in now.reason
