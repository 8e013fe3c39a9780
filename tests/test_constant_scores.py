"""A measure that scores everything the same has no figure: ids alone order its lists."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.gates import check
from anglewise.comparison.stopping import sequential
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.judgements.co_use import co_use
from anglewise.report.comparison_document import comparison_document
from anglewise.report.html_page import page
from anglewise.report.plain_text import markdown

WHY = "is undefined on these data, as every item scores the same for every query"


def asked(items, queries=12):
    """The first items ask for themselves, so that ids alone give a figure above chance."""
    own = SparseRows.from_pairs(np.arange(queries), np.arange(queries), shape=(queries, len(items)))
    rng = np.random.default_rng(0)
    vectors = aw.Embeddings(rng.normal(size=(queries, items.shape[1])))
    return aw.Space(queries=vectors, items=aw.Embeddings(items)), aw.Judgements(own)


@pytest.mark.parametrize("count", [50, 8])
def test_constant_scores_reach_no_verdict_and_fail_gates(count):
    space, judged = asked(np.ones((count, 4)), queries=min(count, 12))
    result = aw.compare(space, judged, "dot,cosine", metrics="R@5")
    assert result.verdict.decision == "cannot-tell"
    assert WHY in result.verdict.reason
    checked = check(result, "cosine>=0.01")
    assert not checked.passed
    assert "undefined" in checked.sentence
    for row in result.measures:
        assert all(np.isnan(estimate.mean) for estimate in row.metrics.values())
    now = sequential(result)
    assert now.decision == "keep-judging"
    assert "is undefined, so that nothing is decided" in now.reason
    assert "0.379" not in markdown(comparison_document(result))
    assert WHY in page(comparison_document(result))


def test_one_measure_that_tells_nothing_does_not_stand_beside_one_that_does():
    rng = np.random.default_rng(1)
    items = np.outer(rng.uniform(0.5, 2, 50), np.ones(4))  # one direction, many lengths
    space, judged = asked(items)
    result = aw.compare(space, judged, "dot,cosine")
    means = {row.measure: row.metrics["nDCG@10"].mean for row in result.measures}
    assert np.isnan(means["cosine"])
    assert np.isfinite(means["dot"])
    assert result.verdict.decision == "cannot-tell"
    assert "nDCG@10 of cosine is undefined" in result.verdict.reason


def test_so_it_is_within_strata_of_use():
    rng = np.random.default_rng(0)
    sets = SparseRows.from_pairs(*np.nonzero(rng.random((60, 250)) < 0.08), shape=(60, 250))
    space = aw.Space(items=aw.Embeddings(np.ones((250, 4))))
    result = aw.compare(space, co_use(UsedTogether(sets)), "dot,cosine")
    assert (result.verdict.decision, result.within != "") == ("cannot-tell", True)
    assert WHY in result.verdict.reason
    assert all(way.verdict.decision == "cannot-tell" for way in result.ways)


def test_a_query_that_tells_nothing_among_others_is_a_query_like_others():
    rng = np.random.default_rng(2)
    space, judged = asked(rng.normal(size=(50, 4)))
    vectors = space.queries.vectors.copy()
    vectors[3] = 0
    with_zero = aw.Space(queries=aw.Embeddings(vectors), items=space.items)
    result = aw.compare(with_zero, judged, "dot,cosine")
    assert all(np.isfinite(row.metrics["nDCG@10"].mean) for row in result.measures)


def test_few_levels_are_not_one_level():
    """Signs of one number: half of all items tie, and are told from the other half."""
    rng = np.random.default_rng(3)
    space, judged = asked(np.sign(rng.normal(size=(80, 1))))
    result = aw.compare(space, judged, "dot")
    assert np.isfinite(result.measures[0].metrics["nDCG@10"].mean)
