"""The verdict: use, tie or cannot tell, from values alone."""

import numpy as np
import pytest

from anglewise.comparison.inference import Scores, decide, infer
from anglewise.measures.measure import measures


def scores(values, names="dot,cosine,euclidean,manhattan", kinds=None):
    asked = tuple(measures(names))[: len(values)]
    return Scores(
        measures=asked,
        values={"nDCG@10": values},
        keys=tuple(range(len(asked)) if kinds is None else kinds),
        resamples=2000,
        rows=np.arange(values.shape[1]),
        judged=1,
    )


def verdict(values, tolerance=0.01, seed=0, **settings):
    return decide(infer(scores(values, **settings), seed=seed), tolerance)


def judged(queries, leads, noise=0.1, seed=0):
    """nDCG-like values; measures differ on a third of the queries."""
    rng = np.random.default_rng(seed)
    base = np.where(rng.random(queries) < 0.4, 0, rng.beta(1.2, 2, queries))
    leads = np.asarray(leads)[:, None]
    moved = rng.random((len(leads), queries)) < 1 / 3
    return base + moved * (3 * leads + noise * rng.standard_normal((len(leads), queries)))


def test_a_clearly_better_measure_is_to_be_used():
    said = verdict(judged(200, [0, 0.1, 0]))
    assert (said.decision, said.measure, said.tied_with) == ("use", "cosine", ())
    assert said.needed_queries is None
    assert "better than" in said.reason
    assert "(p < .001)" in said.reason
    assert str(said).startswith("use cosine: nDCG@10 0.")


def test_identical_values_are_a_tie_and_the_simplest_is_named():
    values = judged(100, [0])[0]
    said = verdict(np.stack([values] * 3), names="manhattan,euclidean,cosine")
    assert (said.decision, said.measure) == ("tie", "cosine")
    assert said.tied_with == ("euclidean", "manhattan")
    assert said.smallest_detectable == 0


def test_measures_that_rank_alike_are_one():
    values = judged(200, [0.1, 0.1, 0])
    said = verdict(values[[0, 0, 2]], kinds=[0, 0, 1])
    assert (said.decision, said.measure, said.tied_with) == ("use", "dot", ("cosine",))
    assert "dot and cosine rank alike" in said.reason


def test_only_measures_that_rank_alike():
    said = verdict(judged(50, [0, 0, 0])[[0, 0, 0]], kinds=[0, 0, 0])
    assert (said.decision, said.measure) == ("use", "dot")
    assert "dot, cosine and euclidean rank alike" in said.reason


def test_many_queries_and_no_difference_are_a_tie():
    said = verdict(judged(4000, [0, 0, -0.1]))
    assert said.decision == "tie"
    assert (said.measure, said.tied_with) == ("dot", ("cosine",))
    assert said.smallest_detectable <= 0.01
    assert said.needed_queries is None


def test_the_tolerance_parts_a_tie_from_not_knowing():
    values = judged(300, [0, 0])
    assert verdict(values, tolerance=0.05).decision == "tie"
    assert verdict(values, tolerance=0.001).decision == "cannot-tell"


def test_few_queries_cannot_tell():
    said = verdict(judged(25, [0.02, 0]))
    assert said.decision == "cannot-tell"
    assert {said.measure, *said.tied_with} == {"dot", "cosine"}
    assert said.needed_queries > 0
    assert f"judge about {said.needed_queries:,} more queries" in said.reason
    assert str(said).startswith("cannot tell: judge about ")


@pytest.mark.parametrize("queries", [1, 2, 5])
@pytest.mark.parametrize("same", [True, False])
def test_a_handful_of_queries_cannot_tell_and_says_so(queries, same):
    values = np.full((2, queries), 0.5) if same else judged(queries, [0.3, 0], seed=1) + 0.1
    said = verdict(values)
    assert said.decision == "cannot-tell"
    assert said.smallest_detectable is None
    assert "judge" in said.reason
    assert "nan" not in said.reason


def test_one_measure_has_no_rival():
    said = verdict(judged(30, [0]))
    assert (said.decision, said.measure, said.smallest_detectable) == ("use", "dot", None)
    assert "no other" in said.reason


def test_all_zero_is_a_tie():
    said = verdict(np.zeros((3, 40)))
    assert (said.decision, said.measure) == ("tie", "dot")


def test_the_table_is_told_best_first_and_never_lies_about_the_best():
    of = infer(scores(judged(120, [0, 0.05, -0.1, 0])), seed=0)
    rows = of.rows(baseline=0)
    means = [row.metrics["nDCG@10"].mean for row in rows]
    assert means == sorted(means, reverse=True)
    assert rows[0].vs_best is None
    assert all(row.vs_best.difference <= 0 for row in rows[1:])
    assert sum(row.best_probability for row in rows) == pytest.approx(1)
    assert rows[0].may_be_best
    for row in rows:
        estimate = row.metrics["nDCG@10"]
        assert estimate.low <= estimate.mean <= estimate.high
        assert (row.vs_baseline is None) == (row.measure == "dot")
    assert "manhattan" not in rows[0].alike


def test_beating_is_one_way():
    of = infer(scores(judged(400, [0, 0.1, -0.1])), seed=0)
    beats = {row.measure: row.beats for row in of.rows(None)}
    assert beats == {"cosine": ("dot", "euclidean"), "dot": ("euclidean",), "euclidean": ()}


def test_a_lead_by_chance_beats_nobody():
    of = infer(scores(judged(60, [0, 0, 0])), seed=0)
    assert [row.beats for row in of.rows(None)] == [(), (), ()]
    assert all(row.vs_best.p_adjusted >= row.vs_best.p > 0.05 for row in of.rows(None)[1:])


def settled(leads, queries, sets):
    """Of the sets that could not tell, the share settled by as many queries as they asked for."""
    asked = done = 0
    for seed in range(sets):
        said = verdict(judged(queries, leads, seed=seed))
        if said.decision == "cannot-tell":
            asked += 1
            more = judged(queries + said.needed_queries, leads, seed=10_000 + seed)
            done += verdict(more).decision != "cannot-tell"
    return done / asked, asked


def test_the_queries_asked_for_settle_the_question():
    share, asked = settled([0.015, 0], 40, sets=9)
    assert asked >= 5
    assert share >= 0.7


@pytest.mark.slow
@pytest.mark.parametrize("leads", [[0, 0], [0.02, 0], [0.03, 0.02, 0], [0.02, 0.02, 0, -0.05]])
def test_the_queries_asked_for_settle_most_questions(leads):
    share, asked = settled(leads, 60, sets=40)
    assert asked >= 10
    assert share >= 0.7


@pytest.mark.slow
def test_of_equal_measures_hardly_one_is_said_to_be_the_best():
    said = [verdict(judged(80, [0, 0], seed=seed)).decision for seed in range(300)]
    assert np.mean([decision == "use" for decision in said]) <= 0.07
