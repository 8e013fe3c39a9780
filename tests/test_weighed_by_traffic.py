"""Queries that were drawn by traffic weigh by it, in everything that is said of them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, compare, compare_spaces
from anglewise.comparison.gates import check
from anglewise.comparison.history import History, rows_of
from anglewise.comparison.next_judgements import unjudged
from anglewise.comparison.power import power
from anglewise.comparison.stopping import sequential
from anglewise.data_types.drawn import (
    UNNAMED,
    QueryDraw,
    QueryWeights,
    drawn_context,
    query_draw,
)
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError, ValuesError
from anglewise.io.runs import append_history, read_history
from anglewise.labelling.sample import column_numbers, sample
from anglewise.report.comparison_document import comparison_document, facts
from anglewise.report.plain_text import markdown
from anglewise.statistics.decision import WeightedMeans
from anglewise.statistics.resampling import Clusters

SIZE = 60
ROWS = np.arange(SIZE)


def space(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((SIZE, 8))
    kinds = [f"kind {row % 3}" for row in range(SIZE)]
    queries = Embeddings(
        x + 0.8 * rng.standard_normal(x.shape),
        metadata={"kind": kinds, "user": (ROWS // 4).tolist()},
    )
    return Space(queries=queries, items=Embeddings(x * rng.uniform(0.3, 3, (SIZE, 1))))


def draw(*, chances=None, queries=SIZE, heaviest=None, left=0.5, draws=("one",)):
    """Later queries are asked more often; all but the first were as likely as they are asked."""
    traffic = 1.0 + ROWS
    chances = np.full(SIZE, 0.5) if chances is None else chances
    most = float((traffic / chances).max()) if heaviest is None else heaviest
    return QueryDraw(chances, traffic, frozenset(draws), queries, most, left)


def judged(drawn):
    own = SparseRows.from_pairs(ROWS, ROWS, shape=(SIZE, SIZE))
    return Judgements(own, drawn=drawn)


def weighed(**settings):
    return compare(space(), judged(draw()), "dot,cosine", metrics="R@5", **settings)


def mean(result, name, columns=slice(None)):
    weights = (1.0 + ROWS)[columns]
    values = result.evidence.values[result.metric][result.evidence.measures.index(name), columns]
    return float(values @ weights / weights.sum())


def test_means_differences_gates_and_rows_of_a_history_are_weighed():
    result = weighed(baseline="dot")
    table = {row.measure: row for row in result.measures}
    for name, row in table.items():
        estimate = row.metrics["nDCG@10"]
        assert estimate.mean == pytest.approx(mean(result, name), abs=1e-12)
        assert estimate.low < estimate.mean < estimate.high
    lead = mean(result, "cosine") - mean(result, "dot")
    assert table["cosine"].vs_baseline.difference == pytest.approx(lead)
    plain = compare(space(), judged(None), "dot,cosine")
    assert abs(plain.measures[0].metrics["nDCG@10"].mean - mean(result, "cosine")) > 0.002
    assert check(result, "cosine>=dot").figure.mean == pytest.approx(lead)
    figure = check(result, "cosine>=dot").figure
    assert figure.low == pytest.approx(table["cosine"].vs_baseline.low, abs=1e-9)
    rows = [row for row in rows_of(result) if row["metric"] == "nDCG@10"]
    means = {row["measure"]: row["mean"] for row in rows}
    assert means["dot"] == pytest.approx(mean(result, "dot"))
    assert "weights:traffic" in result.signature
    assert "weights" not in plain.signature


def test_a_run_is_held_against_an_earlier_one_by_the_weights_of_now(tmp_path):
    file = tmp_path / "history.parquet"
    before = compare(space(1), judged(draw()), "dot,cosine")
    append_history(file, rows_of(before))
    now = weighed()
    held = check(now, "cosine>=last-1", History(read_history(file)))
    assert held.figure.mean == pytest.approx(mean(now, "cosine") - mean(before, "cosine"))
    assert held.figure.low < held.figure.mean < held.figure.high


def test_every_surface_says_that_it_is_weighed():
    result = weighed()
    assert ", weighed by traffic" in result.verdict.reason
    assert any("weighed by traffic (as 45 alike)" in fact for fact in facts(result))
    told = result.to_dict()["weights"]
    assert told["by"] == "traffic"
    assert told["effective_queries"] == pytest.approx(SIZE * 61 * 3 / (2 * 121))
    assert told["highest"] == pytest.approx(60 / 30.5)
    shown = markdown(comparison_document(result))
    assert "95%, each by itself, over queries, weighed by traffic." in shown
    [note] = [note for note in result.notes if "weighed by traffic" in note]
    assert "holds for questions as they are asked" in note
    assert "Over all queries, each once, nDCG@10 is" in note
    assert "weights" not in compare(space(), judged(None), "dot,cosine").to_dict()


def test_weights_that_are_all_alike_change_nothing():
    even = QueryDraw(np.full(SIZE, 0.5), np.ones(SIZE), frozenset({""}), SIZE, 2.0, 2.0)
    for settings in ({}, {"split": "group(user)"}, {"slices": "kind"}):
        with_weights = compare(space(), judged(even), "dot,cosine,euclidean", **settings)
        without = compare(space(), judged(None), "dot,cosine,euclidean", **settings)
        assert with_weights.measures == without.measures
        assert with_weights.verdict.estimate == without.verdict.estimate
        assert with_weights.verdict.plans == without.verdict.plans
        assert with_weights.floors == without.floors


def test_slices_strata_floors_and_what_is_unjudged_are_weighed():
    result = weighed(slices="kind")
    for part in result.slices:
        columns = int(part.value[-1]) == ROWS % 3
        assert part.means["dot"] == pytest.approx(mean(result, "dot", columns))
    rest = unjudged(result)
    (bound,) = rest.bounds
    lead = mean(result, rest.best) - mean(result, bound.measure)
    assert bound.lead == pytest.approx(lead)
    assert bound.low <= lead <= bound.high
    plan = power(result, wanted=0.2)
    assert plan.needed != power(compare(space(), judged(None), "dot,cosine"), wanted=0.2).needed
    (floor,) = result.floors
    assert floor.low < floor.mean < floor.high


def test_groups_are_weighed_too():
    result = weighed(split="group(user)")
    table = {row.measure: row.metrics["nDCG@10"].mean for row in result.measures}
    assert table["dot"] == pytest.approx(mean(result, "dot"))
    assert "no group weighs more than" in result.verdict.reason
    assert result.groups == SIZE // 4


def test_several_spaces_are_weighed():
    spaces = {"old": space(1), "new": space(0)}
    result = compare_spaces(spaces, judged(draw()), "cosine")
    alone = compare(space(0), judged(draw()), "cosine")
    table = {row.measure: row.metrics["nDCG@10"].mean for row in result.measures}
    assert table["new: cosine"] == pytest.approx(alone.measures[0].metrics["nDCG@10"].mean)
    assert ", weighed by traffic" in result.verdict.reason


def test_judging_until_decided_is_refused():
    with pytest.raises(SpellingError, match="drawn by traffic and weigh unequally"):
        sequential(weighed())


@pytest.mark.parametrize(
    "drawn", [draw(draws=("one", "other")), draw(chances=np.where(ROWS, 0.5, np.nan))]
)
def test_chances_that_are_not_known_weigh_nothing(drawn):
    result = compare(space(), judged(drawn), "dot,cosine")
    assert result.measures == compare(space(), judged(None), "dot,cosine").measures
    assert any("each query counts alike" in note for note in result.notes)
    assert result.weights is None


def test_a_query_not_seen_weighs_as_much_as_the_draw_tells():
    rows = ROWS
    weights = draw(left=3.0).as_asked(rows)
    average = (2 * (1.0 + ROWS)).mean()
    assert (weights.heaviest, weights.known) == (pytest.approx(3 / average), True)
    some = draw(left=3.0).as_asked(rows[:-5])  # not all are judged: the heaviest may be missing
    assert some.heaviest == pytest.approx(120 / (2 * (1.0 + ROWS[:-5])).mean())
    assert draw(left=0.0).as_asked(rows).heaviest == pytest.approx(120 / average)
    for heaviest in (np.nan, 50.0):  # not told, or less than what was seen
        untold = draw(heaviest=heaviest).as_asked(rows)
        assert (untold.heaviest, untold.known) == (pytest.approx(120 / average), False)
    result = compare(space(), judged(draw(heaviest=np.nan)), "dot,cosine")
    assert (
        "if no query weighs more than 1.97 times as much as the mean one" in result.verdict.reason
    )
    assert "if no query" not in weighed().verdict.reason


def test_a_lead_on_every_query_is_shown_from_as_many_as_the_heaviest_allows():
    values = np.stack([np.full(50, 0.5), np.full(50, 0.6)])
    for unseen, shown in ((1.0, True), (3.0, False)):
        clusters = Clusters(np.arange(50), np.ones(50), unseen)
        drawn = WeightedMeans.of(clusters.sums(values), clusters.sizes, largest=clusters.largest)
        low, _ = drawn.difference(1, 0)
        assert (low > 0) == shown


def test_queries_left_out_of_a_history_may_be_those_not_seen():
    weights = QueryWeights(np.array([1.0, 5.0, 2.0]), 3.0)
    assert weights.take(np.array([0, 2])).heaviest == 5.0
    assert weights.take(np.array([0, 1])).heaviest == 3.0


def test_the_draw_tells_what_was_not_drawn_and_how_much_there_was():
    rng = np.random.default_rng(0)
    asked = rng.lognormal(0, 2, 300)
    x = rng.standard_normal((300, 6))
    held = Space(queries=Embeddings(x, metadata={"asked": asked.tolist()}), items=Embeddings(x))
    drawn = sample(held, "dot,cosine", budget=400, traffic="asked")
    contexts = [drawn.context(pair) for pair in range(len(drawn))]
    told = query_draw(zip(drawn.rows.tolist(), json.loads(json.dumps(contexts)), strict=True), 300)
    rows = np.unique(drawn.rows)
    weights = told.traffic[rows] / told.chances[rows]
    assert told.queries == len(rows)
    assert told.heaviest >= weights.max() * (1 - 1e-12)
    assert 0 < told.heaviest_left <= told.heaviest
    assert told.as_asked(rows).heaviest == pytest.approx(told.heaviest_left / weights.mean())
    equal = sample(held, "dot,cosine", budget=400)
    assert equal.context(0) is None


@pytest.mark.parametrize("name", [None, ""])
def test_queries_of_draws_without_a_name_have_no_known_chances(name):
    """There may be two of them, and chances hold within one."""
    context = drawn_context(0.5, 2.0, "one", queries=2, heaviest=4.0, heaviest_left=1.0)
    context["drawn"]["draw"] = name
    drawn = query_draw([(0, context), (1, context)], 2)
    assert drawn.weights(np.arange(2)) is None
    assert drawn.unknown(np.arange(2)) == UNNAMED


@pytest.mark.parametrize(
    "damaged", [{"queries": "9"}, {"heaviest": -1.0}, {"heaviest_left": 9.0}, {"queries": None}]
)
def test_a_draw_that_is_damaged_tells_nothing_of_what_was_not_drawn(damaged):
    good = drawn_context(0.5, 2.0, "one", queries=2, heaviest=4.0, heaviest_left=1.0)
    assert query_draw([(0, good), (1, good)], 2).heaviest_left == 1.0
    bad = {"drawn": {**good["drawn"], **damaged}}
    told = query_draw([(0, bad), (1, bad)], 2)
    assert not told.as_asked(np.arange(2)).known
    mixed = query_draw([(0, good), (1, bad)], 2)
    assert not mixed.as_asked(np.arange(2)).known


def test_per_query_values_and_weights_give_the_table():
    result = weighed()
    assert result.weights.values.mean() == pytest.approx(1)
    for row in result.measures:
        values = result.values()[row.measure]
        expected = row.metrics["nDCG@10"].mean
        assert np.average(values, weights=result.weights.values) == pytest.approx(expected)
    assert replace(result, evidence=None).weights is None


@pytest.mark.parametrize("asked", [1e308, 1e-320, 10**400, 1e16, 1e-13])
def test_traffic_that_sums_would_lose_is_refused_and_not_known_where_it_is_stored(asked):
    column = [asked] + [1.0] * 3
    asking = Embeddings(np.eye(4), metadata={"traffic": [str(cell) for cell in column]})
    with pytest.raises(ValuesError, match="1e-12 to 1e"):
        column_numbers(asking, "traffic")
    told = {"draw": "d", "chance": 0.5, "traffic": asked}
    stored = query_draw([(0, {"drawn": told}), (1, {"drawn": {**told, "traffic": 2.0}})], 2)
    assert np.isnan(stored.traffic[0])
    assert stored.traffic[1] == 2
    tiny = query_draw([(0, {"drawn": {**told, "traffic": 1.0, "chance": 1e-320}})], 1)
    assert np.isnan(tiny.chances[0])
