"""Metrics are values: written, read back, compared."""

import pytest

from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import EXAMPLES, metric, read_metrics
from anglewise.evaluation_metrics.metrics import NDCG, ExponentialNDCG


@pytest.mark.parametrize("spelling", EXAMPLES)
def test_every_spelling_reads_back_as_itself_in_any_capitals(spelling):
    assert str(metric(spelling)) == spelling
    assert metric(spelling.upper()) == metric(spelling.lower()) == metric(spelling)
    assert hash(metric(spelling)) == hash(metric(spelling.lower()))


def test_a_metric_passes_through_and_knows_its_depth():
    assert metric(NDCG(7)) == NDCG(7)
    assert metric("R@100").depth == 100
    assert metric("spearman").depth is None


def test_different_metrics_differ():
    assert len({metric(one) for one in EXAMPLES}) == len(EXAMPLES)
    assert NDCG(10) != ExponentialNDCG(10)
    assert NDCG(10) != NDCG(11)


def test_each_metric_of_a_list_is_kept_once_in_order():
    assert [str(one) for one in read_metrics("rr@10,ndcg@5,MRR@10")] == ["RR@10", "nDCG@5"]
    assert read_metrics([NDCG(5), "ndcg@5"]) == [NDCG(5)]


@pytest.mark.parametrize(
    ("spelling", "hint"),
    [
        ("ncdg@10", "nDCG@10"),
        ("ndcg", "nDCG@10"),
        ("ndcg@", "known are"),
        ("spearmann", "spearman"),
        ("spearman@10", "spearman"),
        ("tripletaccuracy", "triplet-accuracy"),
        ("judge@5", "Judged@5"),
        ("", "known are"),
        ("@10", "known are"),
        ("nDCG@x", "known are"),
    ],
)
def test_an_unknown_spelling_is_answered_with_the_nearest_known(spelling, hint):
    with pytest.raises(SpellingError, match=r"no metric is called") as said:
        metric(spelling)
    assert hint in str(said.value)


@pytest.mark.parametrize("spelling", ["nDCG@1000001", "P@999999999"])
def test_a_depth_that_nobody_reads_is_refused(spelling):
    with pytest.raises(SpellingError, match="from 1 to 1000000 is due"):
        metric(spelling)


def test_a_depth_of_zero_is_refused():
    with pytest.raises(SpellingError, match="is 0: a whole number from 1 to"):
        metric("R@0")
