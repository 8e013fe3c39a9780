"""Metrics for sets that judge only a part of what is ranked."""

from itertools import product

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.evaluation_metrics.evaluate import evaluate
from test_evaluation_oracles import as_neighbours, as_qrels, as_run, random_lists

TREC = {"bpref@30": "bpref", "infAP@30": "infAP"}


def value(metric, lists, judgements):
    rows = np.arange(judgements.gains.shape[0])
    return evaluate({"dot": as_neighbours(lists)}, judgements, rows, metric)[metric][0]


def judged(rng, queries, items, grades, share=0.4):
    drawn = np.argwhere(rng.random((queries, items)) < share)
    values = rng.choice(grades, len(drawn)).astype(float)
    return SparseRows.from_pairs(*drawn.T, values, shape=(queries, items))


@given(st.integers(0, 10_000), st.sampled_from([(0, 1), (0, 1, 3), (-1, 0, 0, 1), (-1, 1), (1,)]))
@settings(max_examples=60, deadline=None)
def test_bpref_and_infap_are_those_of_trec_eval(seed, grades):
    rng = np.random.default_rng(seed)
    gains = judged(rng, 5, 30, grades)
    lists = random_lists(rng, 5, 30, 30)
    theirs = pytrec_eval.RelevanceEvaluator(as_qrels(gains), set(TREC.values())).evaluate(
        as_run(lists, range(5))
    )
    for ours, name in TREC.items():
        got = value(ours, lists, Judgements(gains))
        due = [theirs.get(str(row), {}).get(name, 0.0) for row in range(5)]
        np.testing.assert_allclose(got, due, rtol=0, atol=1e-12, err_msg=ours)


def test_condensed_is_plain_ndcg_of_lists_without_what_nobody_judged():
    rng = np.random.default_rng(0)
    gains = judged(rng, 6, 40, (0, 1, 2))
    lists = random_lists(rng, 6, 40, 20)
    condensed = np.full_like(lists, -1)
    for row, items in enumerate(lists):
        kept = [item for item in items if item in gains.row(row)]
        condensed[row, : len(kept)] = kept
    due = value("nDCG@20", condensed, Judgements(gains))
    np.testing.assert_allclose(value("nDCG(condensed)@20", lists, Judgements(gains)), due)


def test_where_whole_items_were_judged_nothing_that_they_hold_is_left_out():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 20)
    same = np.argwhere(labels[:, None] == labels)
    gains = SparseRows.from_pairs(*same.T, shape=(20, 20))
    lists = random_lists(rng, 20, 20, 20)
    every = Judgements(gains, judged_items=np.ones(20, dtype=bool))
    np.testing.assert_allclose(
        value("nDCG(condensed)@20", lists, every), value("nDCG@20", lists, every)
    )
    full = np.zeros((20, 20))
    full[tuple(same.T)] = 1
    stored = SparseRows.from_pairs(
        *np.indices((20, 20)).reshape(2, -1), full.ravel(), shape=(20, 20)
    )
    np.testing.assert_allclose(
        value("bpref@20", lists, every), value("bpref@20", lists, Judgements(stored))
    )


@pytest.mark.parametrize(
    ("sampled", "plain"), [("nDCG(sampled)@10", "nDCG@10"), ("AP(sampled)@30", "AP@30")]
)
def test_with_nothing_left_to_chance_the_sampled_metrics_are_the_plain_ones(sampled, plain):
    rng = np.random.default_rng(2)
    gains = judged(rng, 8, 40, (0, 1, 2, 4))
    lists = random_lists(rng, 8, 40, 30)
    np.testing.assert_allclose(
        value(sampled, lists, Judgements(gains)), value(plain, lists, Judgements(gains))
    )


def every_draw(gains, chances):
    """All sets of judgements that the lot could have drawn, with the chance of each."""
    entries = len(gains.values)
    for drawn in product([False, True], repeat=entries):
        kept = np.array(drawn)
        share = np.prod(np.where(kept, chances, 1 - chances))
        part = [a[kept] for a in (gains.rows, gains.indices, gains.values, chances)]
        shape = gains.shape
        yield (
            share,
            Judgements(
                SparseRows.from_pairs(*part[:3], shape=shape),
                chances=SparseRows.from_pairs(*part[:2], part[3], shape=shape),
            ),
        )


def test_a_difference_of_discounted_gains_is_without_bias_over_all_draws():
    rng = np.random.default_rng(3)
    gains = judged(rng, 2, 6, (0, 1, 3), share=0.5)
    chances = rng.uniform(0.2, 1, len(gains.values))
    one, other = (random_lists(rng, 2, 6, 5) for _ in range(2))

    def difference(judgements):
        name = "DCG(sampled)@5"
        return value(name, one, judgements) - value(name, other, judgements)

    expected = sum(share * difference(drawn) for share, drawn in every_draw(gains, chances))
    np.testing.assert_allclose(expected, difference(Judgements(gains)), atol=1e-12)


def test_the_sampled_ratios_come_near_the_truth_where_much_is_drawn():
    rng = np.random.default_rng(4)
    gains = judged(rng, 300, 60, (0, 1, 2), share=0.8)
    lists = random_lists(rng, 300, 60, 40)
    chances = rng.uniform(0.4, 1, len(gains.values))
    drawn = rng.random(len(chances)) < chances
    part = [a[drawn] for a in (gains.rows, gains.indices, gains.values, chances)]
    sample = Judgements(
        SparseRows.from_pairs(*part[:3], shape=gains.shape),
        chances=SparseRows.from_pairs(*part[:2], part[3], shape=gains.shape),
    )
    for sampled, plain in (("nDCG(sampled)@10", "nDCG@10"), ("AP(sampled)@40", "AP@40")):
        truth = value(plain, lists, Judgements(gains)).mean()
        naive = value(plain, lists, Judgements(sample.gains)).mean()
        estimate = value(sampled, lists, sample).mean()
        assert abs(estimate - truth) < 0.03
        assert abs(estimate - truth) < abs(naive - truth)


@pytest.mark.parametrize("metric", ["bpref@3", "infAP@3", "bpref@2", "infAP@2"])
def test_lists_of_which_no_item_is_relevant_are_worth_nothing(metric):
    judged = Judgements(SparseRows.from_pairs([0, 0, 1], [5, 1, 4], [1, 0, 2], shape=(2, 6)))
    lists = {"a": as_neighbours(np.array([[0, 1, 2], [3, 1, 0]]))}
    assert evaluate(lists, judged, np.arange(2), metric)[metric].tolist() == [[0.0, 0.0]]
