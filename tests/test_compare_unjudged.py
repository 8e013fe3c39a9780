"""What a set can detect, and what nobody judged could change."""

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, compare
from anglewise.comparison.next_judgements import unjudged
from anglewise.comparison.power import power
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError, ValuesError
from anglewise.statistics.decision import WeightedMeans, decide
from anglewise.statistics.planning import Lead

QUERIES, ITEMS = 80, 150


def made(share=1.0, seed=0, lengths=0.6):
    """A space in which angles mean more than lengths, and a share of all pairs judged."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ITEMS, 8))
    q = rng.standard_normal((QUERIES, 8))
    near = q @ x.T / np.linalg.norm(x, axis=1) / np.linalg.norm(q, axis=1)[:, None]
    relevant = rng.random(near.shape) < 1 / (1 + np.exp(-9 * (near - 0.6)))
    rows, items = np.nonzero(rng.random(near.shape) < share)
    gains = SparseRows.from_pairs(
        rows, items, relevant[rows, items].astype(float), shape=(QUERIES, ITEMS)
    )
    lengthened = x * rng.lognormal(0, lengths, (ITEMS, 1))
    return Space(queries=Embeddings(q), items=Embeddings(lengthened)), Judgements(gains)


def test_with_everything_judged_nothing_can_move():
    rest = unjudged(compare(*made(), "dot,cosine"))
    assert rest.judged == rest.pairs
    assert rest.to_judge == ()
    (bound,) = rest.bounds
    assert bound.low == pytest.approx(bound.lead)
    assert bound.high == pytest.approx(bound.lead)
    assert rest.chance_best[rest.best] == 1
    assert rest.safe
    assert str(rest) == (
        f"all {rest.pairs:,} pairs in the lists are judged; cosine is ahead of all others on these "
        "queries"
    )


def test_what_is_safe_is_said_of_the_grades_that_it_was_tried_with():
    space, judged = made(0.95)
    graded = Judgements(
        SparseRows.from_pairs(
            judged.gains.rows, judged.gains.indices, judged.gains.values * 2, shape=(QUERIES, ITEMS)
        )
    )
    rest = unjudged(compare(space, graded, "dot,cosine"))
    assert rest.highest_gain == 2
    assert rest.judged < rest.pairs
    assert rest.safe
    assert "on these queries, whatever the rest of them says in grades up to 2" in str(rest)
    assert rest.to_dict()["highest_gain"] == 2


def test_the_lead_lies_between_its_bounds_and_more_judgements_bring_them_nearer():
    spans = []
    for share in (0.3, 0.9):
        rest = unjudged(compare(*made(share), "dot,cosine"))
        (bound,) = rest.bounds
        assert bound.low <= bound.lead <= bound.high
        spans.append(bound.high - bound.low)
    assert spans[1] < spans[0] / 2


def test_named_pairs_are_open_and_come_with_their_ranks():
    space, judgements = made(0.5)
    result = compare(space, judgements, "dot,cosine")
    rest = unjudged(result, pairs=5)
    assert len(rest.to_judge) == 5
    assert [one.worth for one in rest.to_judge] == sorted(
        (one.worth for one in rest.to_judge), reverse=True
    )
    for one in rest.to_judge:
        row, item = int(one.query_id), int(one.item_id)
        assert item not in judgements.gains.row(row)
        for name, rank in one.ranks.items():
            assert result.evidence.found[name].indices[row, rank - 1] == item


def test_other_metrics_are_refused():
    with pytest.raises(SpellingError, match="known for nDCG in one space, not for RR@10"):
        unjudged(compare(*made(), "dot,cosine", metric="RR@10"))


def test_more_queries_show_smaller_leads():
    plan = power(compare(*made(), "dot,cosine"))
    by_queries = {one.queries: one.detectable for one in plan.curve}
    assert by_queries[320] < by_queries[80] / 1.9  # the query not seen weighs less, too


def test_as_many_queries_as_are_said_to_be_needed_show_the_wanted_lead():
    result = compare(*made(), "dot,cosine")
    for wanted in (0.01, 0.05):
        plan = power(result, wanted)
        shown = [point for point in plan.curve if point.queries >= plan.needed]
        hidden = [point for point in plan.curve if point.queries < plan.needed]
        assert all(point.detectable <= wanted for point in shown)
        assert all(point.detectable > wanted for point in hidden)


@pytest.mark.slow
def test_a_lead_that_is_said_to_be_detectable_is_shown_in_four_sets_of_five():
    """Sets are drawn from one world in which the measures differ by just that much."""
    rng = np.random.default_rng(0)
    hard, noise = rng.uniform(0.3, 0.7, 200_000), 0.1 * rng.standard_normal(200_000)
    lead = Lead.of(noise[:200]).detectable(200)
    shown = 0
    for start in range(200, 60_200, 200):
        some = slice(start, start + 200)
        values = np.stack([hard[some], hard[some] + noise[some] - noise.mean() + lead]).clip(0, 1)
        drawn = WeightedMeans.of(values, draws=1000, seed=start)
        shown += decide(drawn, values.mean(axis=1), 0).above[1] > 0
    assert 0.72 <= shown / 300 <= 0.88


def test_a_difference_of_nothing_is_refused():
    with pytest.raises(ValuesError, match="a number above 0 and at most 1 is due"):
        power(compare(*made(), "dot,cosine"), 0)


def test_measures_that_rank_alike_leave_nothing_to_detect():
    space, judgements = made()
    unit = Embeddings(space.items.vectors / space.items.norms[:, None])
    with pytest.raises(ValuesError, match="rank alike"):
        power(compare(Space(queries=space.queries, items=unit), judgements, "dot,cosine"))


def test_what_a_set_would_show_says_how_often_and_what_that_supposes():
    told = str(power(compare(*made(), "dot,cosine"), 0.0123456))
    assert " would show a lead of " in told
    assert "0.0123" in told
    assert "0.01234" not in told
    assert told.endswith(" (in about four sets of five, where others vary as these do)")


@pytest.mark.parametrize("queries", [1, 2, 4, 5])
def test_of_very_few_queries_nothing_is_planned_and_of_few_no_size_twice(queries):
    space, judged = made()
    some = np.arange(queries)
    few = Space(items=space.items, queries=space.queries.take(some))
    result = compare(few, Judgements(judged.gains.take(some)), "dot,cosine")
    if queries < 5:
        assert result.verdict.plans is None
        with pytest.raises(ValuesError, match=f"not known from {queries} quer.*judge 5 or more"):
            power(result)
    else:
        assert [point.queries for point in power(result).curve] == [1, 2, 5, 10, 20, 40, 80]
