"""The verdict: use, tie, better or cannot tell, from values alone."""

import re

import numpy as np
import pytest

from anglewise import Embeddings, Pairs, Space, compare
from anglewise.comparison.conclusion import read_tolerance
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.split import QuerySplit
from anglewise.comparison.verdict import verdict_of
from anglewise.data_types.text import at_least
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import read_metrics
from anglewise.similarity_measures.measure import measures
from anglewise.statistics.decision import Tolerance
from anglewise.statistics.resampling import Clusters


def scores(
    values, names="dot,cosine,euclidean,manhattan", kinds=None, metric="nDCG@10", split=None
):
    asked = tuple(measures(names))[: len(values)]
    return Scores(
        measures=asked,
        values={metric: values},
        keys=tuple(range(len(asked)) if kinds is None else kinds),
        resamples=2000,
        rows=np.arange(values.shape[1]),
        judged=1,
        **({} if split is None else {"split": split}),
    )


def verdict(values, tolerance=0.01, *, seed=0, baseline=None, largest=1.0, **settings):
    of = infer(scores(values, **settings), seed=seed)
    return verdict_of(of, Tolerance.read(tolerance), baseline=baseline, largest=largest)


def judged(queries, leads, noise=0.1, seed=0):
    """nDCG-like values; measures differ on a third of the queries."""
    rng = np.random.default_rng(seed)
    base = np.where(rng.random(queries) < 0.4, 0.1, rng.beta(1.2, 2, queries))
    leads = np.asarray(leads)[:, None]
    moved = rng.random((len(leads), queries)) < 1 / 3
    values = base + moved * (3 * leads + noise * rng.standard_normal((len(leads), queries)))
    return values.clip(0, 1)


def test_a_clearly_better_measure_is_to_be_used():
    said = verdict(judged(400, [0, 0.1, 0]))
    assert (said.decision, said.measure, said.tied_with) == ("use", "cosine", ())
    assert said.keep == "dot"
    assert said.needed_queries is None
    assert said.at_least > 0.01
    assert f"better than dot (the simplest) by at least {at_least(said.at_least)}" in said.reason
    assert "where 0.01 matters" in said.reason
    assert str(said).startswith("Use cosine: nDCG@10 0.")


def test_of_several_better_ones_that_with_the_highest_mean_is_named_and_the_others_as_good():
    values = judged(600, [0, 0.1, 0.12])
    said = verdict(values)
    assert (said.decision, said.measure, said.tied_with) == ("use", "euclidean", ("cosine",))
    assert "cosine is better than dot by more than matters too; which of these is the best" in (
        said.reason
    )


def test_of_several_that_are_better_at_all_the_others_are_named():
    values = judged(600, [0, 0.055, 0.057], noise=0.02)
    said = verdict(values, 0.06)
    (other,) = {"cosine", "euclidean"} - {said.measure}
    assert said.decision == "better"
    assert f"{other} is better than dot too, at 95% for all together" in said.reason


def test_the_largest_of_several_leads_has_an_interval_that_knows_it_was_chosen():
    """Among equals it held the true lead, none, in 80 of 100 verdicts only."""
    leads = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        base = rng.uniform(0.2, 0.8, 300)
        values = (base + 0.2 * rng.standard_normal((8, 300))).clip(0, 1)
        names = "dot,cosine,euclidean,manhattan,norm(0,0.1),norm(0,0.2),norm(0,0.3),norm(0,0.4)"
        said = verdict(values, 0.001, seed=seed, names=names)
        found = re.search(r"ahead by [.0-9]+ \[([-+.0-9]+), .*\] at 95%(.*), where", said.reason)
        if found:
            leads += 1
            assert float(found[1]) <= 0
            assert "corrected for the choice" in found[2]
    assert leads > 5


NAMES = {2: "dot,cosine", 3: "dot,cosine,euclidean"}


@pytest.mark.parametrize(("measures", "chosen"), [(2, False), (3, True)])
def test_the_larger_of_two_leads_was_chosen_and_a_single_one_was_not(measures, chosen):
    told = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        base = rng.uniform(0.2, 0.8, 200)
        values = (base + 0.2 * rng.standard_normal((measures, 200))).clip(0, 1)
        said = verdict(values, 0.001, seed=seed, names=NAMES[measures])
        told += re.findall(r"ahead by .* at 95%(.*), where", said.reason)
    assert told
    assert all(("corrected for the choice" in one) == chosen for one in told)


def test_a_lead_smaller_than_what_matters_is_no_reason_to_change():
    """However sure it is: version 0.1 said use."""
    row = judged(3000, [0])[0] * 0.9
    said = verdict(np.stack([row, row + 0.004]))
    assert (said.decision, said.measure, said.keep) == ("tie", "dot", "dot")
    assert "no other is better by 0.01, which would matter" in said.reason


def test_a_tie_holds_no_measure_that_may_matter():
    """Version 0.1 said tie with an interval that held minus .0107."""
    values = judged(300, [0, 0.004], noise=0.2)
    said = verdict(values)
    assert said.decision == "cannot-tell"


def test_identical_values_are_a_tie_and_the_simplest_is_kept():
    values = judged(1000, [0])[0]
    said = verdict(np.stack([values] * 3), names="manhattan,euclidean,cosine")
    assert (said.decision, said.measure) == ("tie", "cosine")
    assert said.tied_with == ("euclidean", "manhattan")


def test_the_baseline_is_kept_in_a_tie():
    values = judged(1000, [0])[0]
    said = verdict(np.stack([values] * 3), baseline=2)
    assert (said.decision, said.measure, said.keep) == ("tie", "euclidean", "euclidean")
    worse = verdict(judged(600, [0, 0.1, 0.2]), baseline=1)
    assert (worse.decision, worse.measure) == ("use", "euclidean")
    assert "cosine (the baseline)" in worse.reason


def test_measures_that_rank_alike_are_one():
    values = judged(500, [0.1, 0, 0])
    said = verdict(values[[1, 0, 0]], kinds=[0, 1, 1])
    assert (said.decision, said.measure, said.tied_with) == ("use", "cosine", ("euclidean",))
    assert "cosine and euclidean rank alike" in said.reason


def test_only_measures_that_rank_alike_are_a_tie():
    said = verdict(judged(50, [0, 0, 0])[[0, 0, 0]], kinds=[0, 0, 0])
    assert (said.decision, said.measure) == ("tie", "dot")
    assert "dot, cosine and euclidean rank alike" in said.reason


def test_the_one_to_keep_may_be_better_than_all_others():
    said = verdict(judged(600, [0.2, 0, 0.05]))
    assert (said.decision, said.measure) == ("tie", "dot")
    assert said.at_least > 0.05
    assert str(said).startswith("Keep dot: nDCG@10 0.")
    assert f"better than every other by at least {at_least(said.at_least)}" in said.reason


def test_a_tie_is_against_all_others():
    values = judged(4000, [0, 0, -0.1])
    said = verdict(values)
    assert (said.decision, said.measure, said.tied_with) == ("tie", "dot", ("cosine",))
    assert said.needed_queries is said.plans is None


def test_the_tolerance_parts_a_tie_from_not_knowing():
    values = judged(1000, [0, 0])
    assert verdict(values, tolerance=0.05).decision == "tie"
    assert verdict(values, tolerance=0.001).decision == "cannot-tell"


def test_a_lead_that_is_shown_but_may_not_matter_is_better():
    rng = np.random.default_rng(3)
    row = rng.uniform(0.2, 0.8, 3000)
    said = verdict(np.stack([row, row + 0.0102 + 0.02 * rng.standard_normal(3000)]))
    assert (said.decision, said.measure, said.keep) == ("better", "cosine", "dot")
    assert 0 < said.at_least < 0.0102
    assert str(said).startswith("cosine is better: nDCG@10 0.")
    assert "whether by 0.01, which would matter, is open" in said.reason


def test_few_queries_cannot_tell_and_say_how_many_would():
    said = verdict(judged(25, [0, 0.05]))
    assert (said.decision, said.measure) == ("cannot-tell", "dot")
    assert "cosine" in said.tied_with
    plans = said.plans
    assert 0 < plans.to_show_the_lead < plans.to_show_that_nothing_matters
    assert said.needed_queries == plans.smaller == plans.to_show_the_lead
    assert "more show it if that lead is real" in said.reason
    assert "more show a tie if all are equal" in said.reason
    assert "until then keep dot" in said.reason
    assert str(said).startswith("Cannot tell: 25 queries do not show whether cosine is better")


def test_a_plan_is_for_no_lead_that_would_not_matter():
    rng = np.random.default_rng(0)
    row = rng.uniform(0.2, 0.8, 60)
    said = verdict(np.stack([row, row + 0.002 + 0.02 * rng.standard_normal(60)]))
    assert said.decision == "cannot-tell"
    assert "more show it if it is as large as what matters" in said.reason


def test_where_the_one_to_keep_is_ahead_there_is_no_lead_to_show():
    said = verdict(judged(40, [0.05, 0]))
    assert (said.decision, said.plans.to_show_the_lead) == ("cannot-tell", None)
    assert "do not show a better one than dot" in said.reason


def test_a_lean_is_a_hint_with_what_would_undo_it():
    row = np.random.default_rng(0).uniform(0.2, 0.7, 15)
    lead = 0.05 + 0.01 * np.random.default_rng(1).standard_normal(15)
    said = verdict(np.stack([row, row + lead]))
    assert (said.decision, said.leans_to) == ("cannot-tell", "cosine")
    assert said.undone_by == pytest.approx(lead.mean() / (1 + lead.mean()))
    assert "it leans to cosine (p < .001 by sign flips of all leads together" in said.reason
    assert "of queries of a kind not seen could undo" in said.reason
    assert verdict(judged(15, [0, 0])).leans_to is None


def test_what_is_assumed_of_queries_not_seen_stands_in_the_sentence():
    row = np.random.default_rng(0).uniform(0.2, 0.7, 60)
    lead = 0.05 + 0.01 * np.random.default_rng(1).standard_normal(60)
    values = np.stack([row, row + lead])
    assert verdict(values).decision == "better"
    said = verdict(values, largest=0.1)
    assert (said.decision, said.largest_difference) == ("use", 0.1)
    assert "if no query of a kind not seen differs by more than 0.1" in said.reason


def test_rare_wins_under_equal_means_are_no_reason():
    """One query in forty is won by far, the others are lost by a little."""
    row = np.full(40, 0.5)
    rare = row - 0.001
    rare[0] = 1.0
    assert verdict(np.stack([row, row + 0.0005])).decision != "use"
    assert verdict(np.stack([row, rare])).decision == "cannot-tell"


@pytest.mark.parametrize("queries", [1, 2, 5])
@pytest.mark.parametrize("same", [True, False])
def test_a_handful_of_queries_cannot_tell_and_says_so(queries, same):
    values = np.full((2, queries), 0.5) if same else judged(queries, [0, 0.3], seed=1)
    said = verdict(values)
    assert said.decision == "cannot-tell"
    assert "judge more" in said.reason
    assert "nan" not in said.reason
    assert "inf" not in said.reason


def test_one_measure_has_no_rival():
    said = verdict(judged(30, [0]))
    assert (said.decision, said.measure, said.smallest_detectable) == ("tie", "dot", None)
    assert "no other" in said.reason


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_no_interval_has_no_width(value):
    of = infer(scores(np.full((2, 40), value)), seed=0)
    for row in of.rows(0):
        estimate = row.metrics["nDCG@10"]
        assert estimate.high - estimate.low > 0.05
        assert estimate.low <= value <= estimate.high
    assert of.rows(0)[1].vs_best.high > 0.01


def test_the_figure_of_one_that_was_chosen_is_corrected_for_it():
    rng = np.random.default_rng(2)
    values = (rng.random((4, 400)) + np.array([[0], [0.2], [0.2], [0.2]])).clip(0, 1)
    said = verdict(values)
    of = infer(scores(values), seed=0)
    plain = of.interval(0, of.order[0])
    assert (said.decision, said.measure) == ("use", of.scores.names[of.order[0]])
    assert said.estimate.low < plain.low
    assert said.estimate.mean < plain.mean
    assert said.estimate.high == plain.high
    assert "corrected for the choice" in said.reason


@pytest.mark.parametrize("undefined", [0, 1])
def test_undefined_figures_reach_no_verdict(undefined):
    values = judged(50, [0, 0.1, 0])
    values[undefined] = np.nan
    said = verdict(values)
    assert said.decision == "cannot-tell"
    name = ("dot", "cosine")[undefined]
    assert f"nDCG@10 of {name} is undefined on these data" in said.reason
    assert said.estimate is None


def test_groups_decide_by_their_own_number():
    row = np.random.default_rng(0).uniform(0.2, 0.7, 600)
    values = np.stack([row, row + 0.05])
    alone = verdict(values)
    five = verdict(
        values, split=QuerySplit("group(author)", clusters=Clusters(np.arange(600) // 120))
    )
    assert (alone.decision, five.decision) == ("use", "cannot-tell")
    assert "5 groups do not show" in five.reason


def test_values_that_need_not_lie_below_1_go_by_the_bootstrap_and_say_so():
    values = 3 * judged(400, [0, 0.1])
    said = verdict(values, metric="DCG(sampled)@10")
    assert (said.decision, said.measure, said.plans) == ("use", "cosine", None)
    assert "by bootstrap, which knows nothing of kinds of queries" in said.reason
    few = verdict(values[:, :19], metric="DCG(sampled)@10")
    assert few.decision == "cannot-tell"
    assert "says nothing of 19 queries: 20 are due" in few.reason
    same = verdict(np.ones((2, 40)), metric="DCG(sampled)@10")
    assert same.decision == "cannot-tell"
    assert "how much better cosine may be is not known" in same.reason
    assert np.isnan([same.estimate.low, same.estimate.high]).all()
    assert "1.000 (no interval: no resample differs)" in str(
        verdict(np.ones((1, 40)), metric="DCG(sampled)@10")
    )


@pytest.mark.parametrize(("others", "decided"), [(39, False), (40, True)])
def test_of_few_pairs_with_another_grade_than_most_nothing_is_said(others, decided):
    """Simulated, ties would be false in a tenth to a fifth of the sets."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1000, 6))
    grades = np.where(np.arange(1000) < others, 1.0, 0.0)
    near = np.where(grades[:, None] > 0, x, rng.standard_normal(x.shape))
    space = Space(
        queries=Embeddings(x), items=Embeddings(near + 0.1 * rng.standard_normal(x.shape))
    )
    rows = np.arange(1000)
    said = compare(space, Pairs(rows, rows, grades), "dot,cosine").verdict
    few = f"too little where all but {others} pairs have one grade: 40 with others are due"
    assert (few in said.reason) != decided
    assert decided or said.decision == "cannot-tell"


def test_without_a_lot_a_sampled_metric_is_decided_as_the_plain_one():
    values = judged(60, [0, 0.05])
    plain, sampled = (verdict(values, metric=name) for name in ("nDCG@10", "nDCG(sampled)@10"))
    assert sampled.reason == plain.reason.replace("nDCG@10", "nDCG(sampled)@10")


def test_what_matters_over_a_measure_is_a_share_of_the_one_that_leads():
    row = np.random.default_rng(0).uniform(0.2, 0.4, 3000)
    said = verdict(np.stack([row, row + 0.05]), tolerance="20%")
    assert said.decision == "tie"
    least = 0.25 * row.mean()
    assert f"no other is better by {least:.3f} (20%), which would matter" in said.reason


def test_what_was_seen_beside_what_was_assumed():
    row = np.random.default_rng(0).uniform(0.2, 0.7, 60)
    lead = np.where(np.arange(60) % 20, 0.05, 0.25)
    said = verdict(np.stack([row, row + lead]), largest=0.1)
    assert "differs by more than 0.1 (3 of the 60 seen do, by up to 0.250)" in said.reason
    lead = np.where(np.arange(60) % 60, 0.05, 0.25)
    said = verdict(np.stack([row, row + lead]), largest=0.1)
    assert "differs by more than 0.1 (1 of the 60 seen does, by up to 0.250)" in said.reason


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


def shown(leads, queries, sets):
    """Of the sets that could not tell, the share in which as many as they asked for show it."""
    asked = done = 0
    for seed in range(sets):
        said = verdict(judged(queries, leads, seed=seed))
        if said.decision == "cannot-tell" and said.plans.to_show_the_lead:
            asked += 1
            more = judged(queries + said.plans.to_show_the_lead, leads, seed=10_000 + seed)
            done += verdict(more).decision != "cannot-tell"
    return done / asked, asked


def test_the_queries_asked_for_show_the_lead():
    share, asked = shown([0, 0.04], 40, sets=9)
    assert asked >= 5
    assert share >= 0.7


@pytest.mark.slow
@pytest.mark.parametrize("leads", [[0, 0.03], [0, 0.03, 0.02], [0, 0.02, 0.02, -0.05]])
def test_the_queries_asked_for_show_most_leads(leads):
    share, asked = shown(leads, 60, sets=40)
    assert asked >= 10
    assert share >= 0.7


@pytest.mark.slow
def test_of_equal_measures_hardly_one_is_said_to_be_better():
    said = [verdict(judged(80, [0, 0], seed=seed)).decision for seed in range(300)]
    assert np.mean([decision in {"use", "better"} for decision in said]) <= 0.05


def test_a_tolerance_is_a_share_of_what_cannot_be_negative_and_a_number_of_anything():
    ndcg, spearman = read_metrics("nDCG@10,spearman")
    assert str(read_tolerance("5%", ndcg)) == "5%"
    assert str(read_tolerance("0.03", ndcg)) == str(read_tolerance(0.03, spearman)) == "0.03"
    assert str(read_tolerance("0.99", spearman)) == "0.99"
    with pytest.raises(SpellingError, match="can be negative"):
        read_tolerance("5%", spearman)
    for metric in (ndcg, spearman):
        with pytest.raises(SpellingError, match="is no lead in"):
            read_tolerance(1.0, metric)
