"""What the verdict and the plan promise, on made spaces whose truth is planted."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import anglewise as aw
import planted
from anglewise.comparison.gates import check
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.next_judgements import unjudged
from anglewise.comparison.power import power
from anglewise.comparison.stopping import _widest_difference, sequential
from anglewise.comparison.verdict import verdict_of
from anglewise.data_types.drawn import LOT
from anglewise.data_types.sparse import SparseRows
from anglewise.geometry.norms import norms
from anglewise.judgements.combine import combined
from anglewise.similarity_measures.measure import measures
from anglewise.statistics.confidence_sequences import LEVEL, confidence_sequence
from anglewise.statistics.decision import Tolerance
from anglewise.statistics.differences import Differences
from anglewise.statistics.sign_flip import SignFlips, sign_flips

THREE = "dot,cosine,euclidean"


def decide(of, tolerance):
    return verdict_of(of, Tolerance.read(tolerance))


def inference(values, kinds=None):
    asked = tuple(measures("dot,cosine,euclidean,manhattan"))[: len(values)]
    scores = Scores(
        measures=asked,
        values={"nDCG@10": values},
        keys=tuple(range(len(asked)) if kinds is None else kinds),
        resamples=2000,
        rows=np.arange(values.shape[1]),
        judged=1,
    )
    return infer(scores, seed=0)


@pytest.mark.parametrize(
    ("made", "decision", "measure"),
    [
        (planted.angles_matter, "use", "cosine"),
        (planted.lengths_matter, "tie", "dot"),
        (planted.recommender, "tie", "dot"),
        (planted.unit_lengths, "tie", "dot"),
        (partial(planted.nothing_differs, 200), "tie", "dot"),
        (planted.too_few, "cannot-tell", "dot"),
        (planted.graded, "use", "cosine"),
        (planted.scored_pairs, "use", "cosine"),
        (planted.triplets, "use", "cosine"),
        (planted.with_duplicates, "use", "cosine"),
        (planted.with_zeros, "use", "cosine"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_verdict_is_the_planted_truth(made, decision, measure):
    said = aw.compare(*made(), THREE).verdict
    assert said.decision == decision
    assert measure in {said.measure, None}


def test_only_an_open_question_asks_for_more_judgements():
    few, many = (aw.compare(*planted.angles_matter(n), THREE).verdict for n in (5, 120))
    assert many.needed_queries is many.plans is None
    assert few.needed_queries == few.plans.smaller > 0
    assert "judge more queries: about" in few.reason


def test_a_gauge_moves_no_verdict_of_dot():
    plain = aw.compare(*planted.recommender(gauge=np.ones(8)), "dot")
    scaled = aw.compare(*planted.recommender(), "dot")
    assert plain.verdict.measure == scaled.verdict.measure == "dot"
    assert plain.measures[0].metrics["nDCG@10"].mean == pytest.approx(
        scaled.measures[0].metrics["nDCG@10"].mean
    )


def test_vectors_of_length_one_are_known_as_such_and_rank_alike():
    space, judged = planted.unit_lengths()
    assert norms(space.items).unit
    said = aw.compare(space, judged, THREE).verdict
    assert said.tied_with == ("cosine", "euclidean")
    assert "dot, cosine and euclidean rank alike" in said.reason
    longer, _ = planted.angles_matter()
    assert not norms(longer.items).unit


def test_lengths_of_one_to_16_bits_rank_alike_only_if_the_lists_are_the_same():
    """Stored in 16 bits, lists of dot and cosine differ where scores all but tie."""
    space, judged = planted.unit_lengths()
    stored = [
        aw.Embeddings(side.vectors.astype(np.float16).astype(np.float32))
        for side in (space.queries, space.items)
    ]
    result = aw.compare(aw.Space(queries=stored[0], items=stored[1]), judged, "dot,cosine")
    found = result.evidence.found
    same = (found["dot"].indices == found["cosine"].indices).all(axis=1)
    assert 0 < same.sum() < len(same)
    said = f"{same.sum()} of {len(same)} lists of dot and cosine are the same"
    assert result.notes[0].endswith(said)
    assert all(row.alike == () for row in result.measures)
    assert result.verdict.measure == "dot"


def test_lengths_of_one_do_not_hide_what_close_vectors_tell_apart():
    """Lengths of one to within 0.001, and angles much smaller: dot reads the lengths alone."""
    rng = np.random.default_rng(0)
    near = planted.unit(1 + 1e-4 * rng.standard_normal((400, 8)))
    items = near * rng.uniform(0.9995, 1.0005, (400, 1))
    queries = near[:30]
    space = aw.Space(queries=aw.Embeddings(queries), items=aw.Embeddings(items))
    held = space.queries.vectors.astype(float) @ space.items.vectors.astype(float).T
    result = aw.compare(space, planted.nearest(held), "dot,cosine,euclidean", "P@5")
    means = {row.measure: row.metrics["P@5"].mean for row in result.measures}
    assert means["dot"] == 1
    assert means["cosine"] < 0.5
    assert all(row.alike == () for row in result.measures)
    assert result.verdict.measure == "dot"
    assert not any("alike" in note for note in result.notes)


def test_pairs_of_vectors_of_length_one_rank_alike_only_if_their_ranks_are_the_same():
    space, pairs = planted.scored_pairs()
    turned = space.items.vectors / np.linalg.norm(space.items.vectors, axis=1, keepdims=True)
    unit = aw.Space(items=aw.Embeddings(turned.astype(np.float16).astype(np.float32)))
    result = aw.compare(unit, pairs, "dot,cosine")
    dot, cosine = (result.evidence.values["spearman"][i] for i in (0, 1))
    assert not np.array_equal(dot, cosine)
    assert result.verdict.measure == "dot"
    assert result.verdict.tied_with == ("cosine",)


def test_a_tie_counts_the_rival_that_is_hardest_to_tell():
    rng = np.random.default_rng(5)
    row = rng.uniform(0.3, 0.7, 1500)
    near, far = row + 0.001 * rng.standard_normal(1500), row + 0.2 * rng.standard_normal(1500)
    far += row.mean() - far.mean()
    values = np.stack([row, near, far]).clip(0, 1)
    assert decide(inference(values[:2]), 0.01).decision == "tie"
    assert decide(inference(values), 0.01).decision == "cannot-tell"


def test_the_plan_is_for_the_rival_that_is_hardest_to_tell():
    plan = power(aw.compare(*planted.angles_matter(), THREE))
    alone = {
        rival: power(aw.compare(*planted.angles_matter(), f"dot,{rival}")).needed
        for rival in ("cosine", "euclidean")
    }
    assert plan.rival == "dot"
    assert alone[plan.best] == max(alone.values()) > min(alone.values())
    ends = [point.detectable for point in plan.curve]
    assert ends == sorted(ends, reverse=True)


@pytest.mark.parametrize("lead", [0.005, 0.02])
def test_a_tie_begins_where_the_upper_end_of_every_lead_is_below_what_matters(lead):
    row = np.random.default_rng(0).uniform(0.3, 0.7, 2000)
    of = inference(np.stack([row, row + lead]))
    for tolerance in np.linspace(lead, lead + 0.01, 30):
        said = decide(of, float(tolerance))
        upper = np.quantile(of.drawn[:, 0, 1] - of.drawn[:, 0, 0] + of.unseen, 0.95)
        assert (said.decision == "tie") == (upper < tolerance)


def test_use_begins_where_the_lower_end_is_above_what_matters():
    row = np.random.default_rng(0).uniform(0.3, 0.7, 2000)
    of = inference(np.stack([row, row + 0.02]))
    lower = np.quantile(of.drawn[:, 0, 1] - of.drawn[:, 0, 0] - of.unseen, 0.05)
    for tolerance in np.linspace(0.01, 0.03, 30):
        said = decide(of, float(tolerance))
        assert (said.decision == "use") == (lower > tolerance)
        assert said.decision in {"use", "better", "tie"}


def test_p_of_exactly_5_percent_rules_out():
    p = np.array([0.05, np.nextafter(0.05, 1), 1.0])
    flips = SignFlips(np.ones((3, 3)), p, np.ones(3), 9999, exact=False)
    assert flips.may_be_best.tolist() == [False, True, True]


@pytest.mark.parametrize("queries", [12, 40])
def test_what_rules_a_measure_out_is_a_lead_above_its_critical_value(queries):
    rng = np.random.default_rng(queries)
    both = set()
    for lead in np.linspace(0.0, 0.15, 60):
        values = rng.random(queries) + 0.1 * rng.standard_normal((2, queries)) + [[lead], [0]]
        flips, of = sign_flips(values, flips=999), Differences.of(values)
        standard = of.mean[0, 1] / (of.spread[0, 1] / np.sqrt(queries))
        out = not flips.may_be_best[1]
        both.add(out)
        if abs(standard - flips.critical[1]) > 1e-6:
            assert out == (standard > flips.critical[1])
    assert both == {True, False}


def test_a_measure_that_is_ruled_out_is_not_in_the_tie():
    rng = np.random.default_rng(0)
    row = rng.uniform(0.3, 0.7, 1200)
    values = row + 0.03 * rng.standard_normal((3, 1200)) - [[0.0], [0.0], [0.2]]
    said = decide(inference(values), 0.01)
    assert said.decision == "tie"
    assert {said.measure, *said.tied_with} == {"dot", "cosine"}


def test_of_a_tie_the_simplest_is_kept_though_another_is_ahead():
    rng = np.random.default_rng(0)
    row = rng.uniform(0.3, 0.7, 1200)
    values = row + 0.02 * rng.standard_normal((2, 1200)) + [[0.0], [0.001]]
    of = inference(values)
    assert of.means[1] > of.means[0]
    said = decide(of, 0.01)
    assert (said.decision, said.measure, said.tied_with) == ("tie", "dot", ("cosine",))


def test_the_lead_of_the_one_to_use_is_that_over_the_one_to_keep():
    said = aw.compare(*planted.angles_matter(), THREE).verdict
    assert f"better than {said.keep} (the simplest) by at least" in said.reason
    kept = aw.compare(*planted.angles_matter(), THREE, baseline="euclidean").verdict
    assert kept.keep == "euclidean"
    assert "better than euclidean (the baseline)" in kept.reason


def test_what_beats_what_counts_all_pairs_that_were_looked_at():
    """A p-value of 4% for one pair of six is no win."""
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(12):
        values = rng.random(60) + 0.1 * rng.standard_normal((4, 60)) + [[0.04], [0], [0], [0]]
        of = inference(values)
        apart = of.difference(0, 1)
        if apart.difference > 0 and apart.p <= 0.05 < apart.p_adjusted:
            seen += 1
            assert "cosine" not in of.beaten_by(0)
    assert seen


def test_a_query_was_first_judged_when_its_first_pair_was():
    space = aw.Space(
        queries=aw.Embeddings(np.eye(2), ids=["q", "r"]),
        items=aw.Embeddings(np.eye(2), ids=["a", "b"]),
    )
    said = [
        aw.Judged("q", "a", 1, judge="anna", time=20.0),
        aw.Judged("q", "a", 0, judge="ben", time=10.0),
        aw.Judged("q", "b", 1, judge="anna", time=30.0),
    ]
    for rows in (said, said[::-1]):
        at = combined(rows, space, "queries-items").judged_at
        assert np.array_equal(at, [10.0, np.nan], equal_nan=True)


def test_a_store_tells_the_order_in_which_queries_were_judged(tmp_path):
    space = aw.Space(
        queries=aw.Embeddings(np.eye(3), ids=["p", "q", "r"]),
        items=aw.Embeddings(np.eye(3), ids=["a", "b", "c"]),
    )
    with aw.JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        for at, query, item in [(3.0, "r", "a"), (1.0, "p", "a"), (2.0, "q", "b"), (9.0, "p", "c")]:
            store.add(aw.Judged(query, item, 1, judge="anna", time=at))
        assert store.judgements(space).judged_at.tolist() == [1.0, 2.0, 3.0]


def test_judging_until_decided_takes_queries_in_the_order_of_their_times():
    """Only the queries judged first disagree with the rest; a decision waits for the rest."""
    space, judged = planted.angles_matter()
    good = aw.compare(space, judged, "dot,cosine")
    values = good.evidence.values["nDCG@10"]
    lead = (
        values[list(good.evidence.measures).index("cosine")]
        - values[list(good.evidence.measures).index("dot")]
    )
    first, last = (
        sequential(aw.compare(space, replace(judged, judged_at=at), "dot,cosine")).decided_after
        for at in (lead.argsort()[::-1].argsort() * 1.0, lead.argsort().argsort() * 1.0)
    )
    assert first < last


def test_judging_until_decided_names_the_best_of_those_left():
    result = aw.compare(*planted.angles_matter(8, noise=0.9), "dot,cosine")
    now = sequential(result)
    assert now.decision == "keep-judging"
    assert now.measure == result.measures[0].measure
    assert f"{now.measure} is ahead" in now.reason


def test_how_far_apart_three_may_be_holds_for_all_pairs_together():
    values = np.random.default_rng(0).random((3, 60))
    pairs = np.stack([values[0] - values[1], values[0] - values[2], values[1] - values[2]])
    widest = np.abs(confidence_sequence(pairs, level=LEVEL / 3)).max()
    assert LEVEL == 0.05
    assert _widest_difference(values, np.ones(3, dtype=bool)) == pytest.approx(widest)
    of_two = np.abs(confidence_sequence(pairs[:1], level=LEVEL / 3)).max()
    assert _widest_difference(values, np.array([True, True, False])) == pytest.approx(of_two)


def test_where_an_item_was_judged_for_every_query_nothing_of_it_is_left_to_judge():
    space, judged = planted.angles_matter(noise=0.9)
    open_still = unjudged(aw.compare(space, judged, "dot,cosine"))
    assert open_still.judged < open_still.pairs
    assert open_still.to_judge
    every = replace(judged, judged_items=np.ones(planted.ITEMS, dtype=bool))
    rest = unjudged(aw.compare(space, every, "dot,cosine"))
    assert rest.judged == rest.pairs == open_still.pairs
    assert rest.to_judge == ()
    assert rest.bounds[0].low == pytest.approx(rest.bounds[0].high)


def test_a_query_judged_to_the_last_item_keeps_its_judgements():
    space, judged = planted.angles_matter(30)
    gains = np.zeros((30, planted.ITEMS))
    gains[np.arange(30), np.arange(30)] = 1
    rows, items = np.indices(gains.shape).reshape(2, -1)
    whole = aw.Judgements(SparseRows.from_pairs(rows, items, gains.ravel(), shape=gains.shape))
    sparse, full = (aw.compare(space, one, "dot,cosine") for one in (judged, whole))
    assert full.queries == sparse.queries == 30
    assert [one.metrics["nDCG@10"] for one in full.measures] == [
        one.metrics["nDCG@10"] for one in sparse.measures
    ]
    assert {one.unjudged_share for one in full.measures} == {0.0}
    assert unjudged(full).to_judge == ()


@pytest.mark.parametrize("relation", [">=", "<="])
def test_a_gate_at_its_limit_holds_and_beyond_it_fails(relation):
    result = aw.compare(*planted.angles_matter(), "dot,cosine")
    mean = {one.measure: one.metrics["nDCG@10"].mean for one in result.measures}
    step = 1e-6 if relation == ">=" else -1e-6
    assert check(result, f"dot{relation}{mean['dot']:.17f}").passed
    assert not check(result, f"dot{relation}{mean['dot'] + step:.17f}").passed


def test_what_people_said_counts_before_what_was_generated():
    space = aw.Space(items=aw.Embeddings(np.eye(2), ids=["a", "b"]))
    said = [
        aw.Judged("a", "b", 2, judge="anna", direction="items-items"),
        aw.Judged("a", "b", 0, judge="model", direction="items-items", source="generated"),
    ]
    for rows in (said, said[::-1]):
        assert combined(rows, space, "items-items").gains.values.tolist() == [2.0]


def test_a_grade_below_zero_stays_what_it_is():
    space = aw.Space(items=aw.Embeddings(np.eye(3), ids=["a", "b", "c"]))
    said = [
        aw.Judged("a", "b", -2, judge="anna", direction="items-items"),
        aw.Judged("a", "c", 1, judge="anna", direction="items-items"),
    ]
    gains = combined(said, space, "items-items").gains
    assert (gains.row(0).tolist(), gains.values.tolist()) == ([1, 2], [-2.0, 1.0])


def test_who_judges_a_pair_once_more_leaves_it_the_chance_with_which_it_was_drawn():
    space = aw.Space(items=aw.Embeddings(np.eye(3), ids=["a", "b", "c"]))
    lot = {"probability": 0.1, "context": {LOT: "one"}}
    said = [
        aw.Judged("a", "b", 1, judge="anna", direction="items-items", **lot),
        aw.Judged("a", "b", 1, judge="ben", direction="items-items"),
        aw.Judged("a", "c", 1, judge="anna", direction="items-items", **lot),
    ]
    assert combined(said, space, "items-items").chances.values.tolist() == [0.1, 0.1]


def test_who_used_what_and_when_survives_as_made():
    made = planted.interactions()
    assert made.shape == (60, 40)
    assert sorted(made.times) == list(range(480))
    assert made.rows().counts.tolist() == [8] * 60
