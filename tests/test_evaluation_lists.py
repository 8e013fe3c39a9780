"""What ranking metrics read from lists, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Judgements, Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ShapeError, SpellingError, TooFewError
from anglewise.evaluation_metrics import interface
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.interface import Hits, Qrels


def lists(*rows):
    indices = np.array(rows, dtype=np.int64)
    zeros = np.zeros(len(indices), dtype=np.int64)
    return Neighbours("dot", indices, np.zeros(indices.shape, np.float32), zeros)


def judged(entries, shape):
    rows, columns, gains = zip(*entries, strict=True)
    return Judgements(SparseRows.from_pairs(list(rows), list(columns), list(gains), shape=shape))


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    queries=st.integers(1, 30),
    items=st.integers(1, 60),
    judged_share=st.floats(0, 1),
)
def test_hits_are_what_a_dense_table_says(seed, queries, items, judged_share):
    rng = np.random.default_rng(seed)
    stored = rng.random((queries, items)) < judged_share
    gains = np.where(stored, rng.integers(-1, 4, stored.shape), 0).astype(float)
    table = SparseRows.from_pairs(*np.nonzero(stored), gains[stored], shape=stored.shape)
    indices = np.stack([rng.permutation(items) for _ in range(queries)])
    indices[rng.random(indices.shape) < 0.1] = -1
    at_list, at_rank = np.nonzero((indices >= 0) & stored[np.arange(queries)[:, None], indices])

    places = Hits(indices, Qrels(table)).judged

    assert np.array_equal(places.lists, at_list)
    assert np.array_equal(places.ranks, at_rank)
    assert np.array_equal(places.gains, gains[at_list, indices[at_list, at_rank]])


def test_hits_do_not_depend_on_how_many_lists_are_looked_up_together(monkeypatch):
    rng = np.random.default_rng(0)
    stored = rng.random((50, 40)) < 0.3
    table = SparseRows.from_pairs(*np.nonzero(stored), rng.random(stored.sum()), shape=(50, 40))
    qrels = Qrels(table)
    indices = np.stack([rng.permutation(40)[:9] for _ in range(50)])
    whole = Hits(indices, qrels).judged
    monkeypatch.setattr(interface, "LISTS", 7)
    parts = Hits(indices, qrels).judged
    assert np.array_equal(whole.ranks, parts.ranks)
    assert np.array_equal(whole.gains, parts.gains)


def test_one_item_wanted_by_all_is_found_in_every_list():
    """All keys share their column, as popular items do."""
    queries = 5000
    table = SparseRows.from_pairs(
        np.arange(queries), np.full(queries, 3), np.ones(queries), shape=(queries, 2**20 - 1)
    )
    found = {"dot": lists(*[[3, 4]] * queries)}
    assert evaluate(found, Judgements(table), np.arange(queries), "RR@2")["RR@2"].all()


def test_rows_say_which_query_a_list_belongs_to():
    judgements = judged([(0, 0, 1.0), (1, 1, 1.0)], (2, 3))
    found = {"dot": lists([1, 2], [1, 2])}
    values = evaluate(found, judgements, np.array([1, 0]), "P@1")["P@1"]
    assert values.tolist() == [[1.0, 0.0]]


def test_measures_come_in_the_order_they_were_found():
    judgements = judged([(0, 0, 1.0)], (1, 3))
    found = {"worse": lists([1, 0]), "better": lists([0, 1])}
    assert evaluate(found, judgements, np.array([0]), "RR@2")["RR@2"].tolist() == [[0.5], [1.0]]


def test_unjudged_items_count_as_not_relevant_and_their_share_shows():
    judgements = judged([(0, 0, 0.0), (0, 1, 2.0)], (1, 4))
    found = {"dot": lists([3, 0, 1, 2])}
    values = evaluate(found, judgements, np.array([0]), "P@4,Judged@4,RR@4")
    assert [one.item() for one in values.values()] == [1 / 4, 2 / 4, 1 / 3]


def test_a_query_without_relevant_items_gets_zero():
    judgements = judged([(0, 0, 0.0), (0, 1, -1.0)], (1, 2))
    asked = "nDCG@2,nDCG(exp)@2,R@2,P@2,RR@2,AP@2"
    values = evaluate({"dot": lists([0, 1])}, judgements, np.array([0]), asked)
    assert not np.any(list(values.values()))


def test_linear_and_exponential_gain_differ_only_in_how_grades_weigh():
    judgements = judged([(0, 0, 1.0), (0, 1, 3.0)], (1, 2))
    discount = 1 / np.log2(3)
    values = evaluate({"dot": lists([0, 1])}, judgements, np.array([0]), "nDCG@2,nDCG(exp)@2")
    linear, exponential = (one.item() for one in values.values())
    assert linear == pytest.approx((1 + 3 * discount) / (3 + discount), abs=1e-15)
    assert exponential == pytest.approx((1 + 7 * discount) / (7 + discount), abs=1e-15)


def test_the_ideal_list_is_cut_at_the_depth_and_never_exceeded():
    judgements = judged([(0, item, 1.0) for item in range(5)], (1, 9))
    assert evaluate({"dot": lists([4, 2])}, judgements, np.array([0]), "nDCG@2")["nDCG@2"] == 1


def test_empty_lists_and_empty_judgements_give_zeros():
    none = Judgements(SparseRows.from_pairs([], [], shape=(1, 5)))
    asked = "nDCG@2,R@2,P@2,RR@2,AP@2,Judged@2"
    for judgements in (none, judged([(0, 0, 1.0)], (1, 5))):
        values = evaluate({"dot": lists([-1, -1])}, judgements, np.array([0]), asked)
        assert not np.any(list(values.values()))
    no_rows = np.empty((0, 5), dtype=np.int64)
    found = Neighbours("dot", no_rows, no_rows.astype(np.float32), no_rows[:, 0])
    assert evaluate({"dot": found}, none, no_rows[:, 0], "nDCG@2")["nDCG@2"].shape == (1, 0)


def test_lists_shorter_than_a_metric_reads_are_refused_unless_nothing_more_was_there():
    judgements = judged([(0, 0, 1.0)], (1, 50))
    with pytest.raises(TooFewError, match="search with k = 10"):
        evaluate({"dot": lists([0, 1])}, judgements, np.array([0]), "RR@1,R@10")
    few = judged([(0, 0, 1.0)], (1, 2))
    assert evaluate({"dot": lists([0, 1])}, few, np.array([0]), "R@10")["R@10"] == 1


def test_lists_of_another_space_or_another_length_are_refused():
    judgements = judged([(0, 0, 1.0)], (1, 3))
    with pytest.raises(ShapeError, match="row 7"):
        evaluate({"dot": lists([7, 0])}, judgements, np.array([0]), "P@2")
    with pytest.raises(ShapeError, match="2 lists for 1"):
        evaluate({"dot": lists([0, 1], [1, 2])}, judgements, np.array([0]), "P@2")


def test_metrics_of_pairs_are_refused_for_lists():
    judgements = judged([(0, 0, 1.0)], (1, 3))
    with pytest.raises(SpellingError, match="does not read ranked lists"):
        evaluate({"dot": lists([0, 1])}, judgements, np.array([0]), "spearman")
