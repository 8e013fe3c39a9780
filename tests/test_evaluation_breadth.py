"""What is found of the popular and of the rest, and how much of a catalogue is shown."""

import numpy as np
import pytest

from anglewise import Judgements, Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ShapeError, TooFewError
from anglewise.evaluation_metrics.breadth import (
    STRATA,
    by_stratum,
    coverage,
    disagreement,
    strata_of,
)
from anglewise.evaluation_metrics.evaluate import evaluate

ITEMS, QUERIES, K = 40, 25, 10


@pytest.fixture
def made():
    """Judgements of a made-up catalogue, the lists of two measures, and how much is used."""
    rng = np.random.default_rng(0)
    uses = np.sort(rng.pareto(2.0, ITEMS))[::-1].round(1) + 0.1
    rows = np.repeat(np.arange(QUERIES), 6)
    columns = np.concatenate([rng.choice(ITEMS, 6, replace=False) for _ in range(QUERIES)])
    gains = SparseRows.from_pairs(
        rows, columns, rng.integers(0, 3, len(rows)).astype(float), shape=(QUERIES, ITEMS)
    )
    found = {name: lists(name, rng) for name in ("dot", "cosine")}
    return found, Judgements(gains), uses


def lists(name, rng, queries=QUERIES):
    indices = np.array([rng.permutation(ITEMS)[:K] for _ in range(queries)])
    return Neighbours(name, indices, np.ones((queries, K), np.float32), np.zeros(queries, np.int64))


def test_a_stratum_is_the_metric_with_its_items_alone_relevant(made):
    found, judgements, uses = made
    parts = strata_of(uses)
    for place, part in enumerate(
        by_stratum(found, judgements, np.arange(QUERIES), "nDCG@10", uses)
    ):
        gains = judgements.gains
        kept = parts[gains.indices] == place
        alone = SparseRows.from_pairs(
            gains.rows[kept], gains.indices[kept], gains.values[kept], shape=gains.shape
        )
        some = np.flatnonzero(np.bincount(alone.rows, alone.values, minlength=QUERIES) > 0)
        values = evaluate(found, Judgements(alone), np.arange(QUERIES), "nDCG@10")["nDCG@10"]
        assert part.queries == len(some)
        assert list(part.means.values()) == pytest.approx(values[:, some].mean(axis=1))


def test_strata_make_up_the_mean_where_each_query_lies_in_one(made):
    found, _, uses = made
    parts = strata_of(uses)
    rng = np.random.default_rng(1)
    of = rng.integers(0, 3, QUERIES)
    pairs = [
        (q, i) for q in range(QUERIES) for i in rng.permutation(np.flatnonzero(parts == of[q]))[:3]
    ]
    rows, columns = np.array(pairs).T
    judgements = Judgements(SparseRows.from_pairs(rows, columns, shape=(QUERIES, ITEMS)))
    every = np.arange(QUERIES)
    strata = by_stratum(found, judgements, every, "nDCG@10", uses)
    overall = evaluate(found, judgements, every, "nDCG@10")["nDCG@10"].mean(axis=1)
    for name, mean in zip(found, overall, strict=True):
        weighted = sum(one.queries * one.means[name] for one in strata if one.queries)
        assert weighted / QUERIES == pytest.approx(mean)


def test_strata_are_thirds_of_use_and_equals_stay_together():
    uses = np.array([5.0, 5, 5, 1, 1, 1, 1, 1, 10, 0])
    parts = strata_of(uses)
    assert parts.tolist() == [1, 1, 1, 2, 2, 2, 2, 2, 0, 2]
    assert parts[np.argsort(-uses, kind="stable")].tolist() == sorted(parts)
    assert STRATA == ("head", "middle", "tail")


def test_shares_and_items_of_the_strata_add_up(made):
    found, judgements, uses = made
    strata = by_stratum(found, judgements, np.arange(QUERIES), "R@10", uses)
    assert sum(one.items for one in strata) == ITEMS
    assert sum(one.use for one in strata) == pytest.approx(1)


def test_a_stratum_without_relevant_items_says_nothing():
    gains = SparseRows.from_pairs([0], [0], shape=(1, ITEMS))
    found = {"dot": lists("dot", np.random.default_rng(0), 1)}
    uses = np.arange(ITEMS, 0, -1.0)
    head, middle, tail = by_stratum(found, Judgements(gains), np.array([0]), "R@10", uses)
    assert (head.queries, middle.queries, tail.queries) == (1, 0, 0)
    assert np.isnan(tail.means["dot"])


def test_strata_want_use_and_one_number_an_item(made):
    found, judgements, uses = made
    with pytest.raises(TooFewError, match="nothing was used"):
        by_stratum(found, judgements, np.arange(QUERIES), "R@10", np.zeros(ITEMS))
    with pytest.raises(ShapeError, match="one number an item"):
        by_stratum(found, judgements, np.arange(QUERIES), "R@10", uses[1:])


def test_coverage_is_what_counting_by_hand_finds():
    rng = np.random.default_rng(3)
    table = rng.integers(-1, 30, (12, 5))
    among = rng.random(30) < 0.7
    counts = np.array([sum(int((row == i).sum()) for row in table) for i in range(30)])[among]
    seen = coverage(table, 30, among)
    assert seen.share == pytest.approx((counts > 0).mean())
    apart = np.abs(counts[:, None] - counts[None]).mean()
    assert seen.gini == pytest.approx(apart / (2 * counts.mean()))


def test_even_lists_have_no_gini_and_one_item_has_nearly_all():
    assert coverage(np.arange(20).reshape(2, 10), 20).gini == pytest.approx(0)
    alone = coverage(np.full((50, 1), 7), 20)
    assert (alone.share, alone.gini) == (0.05, pytest.approx(0.95))
    assert np.isnan(coverage(np.full((3, 2), -1), 20).gini)


@pytest.mark.parametrize("measures", [2, 3, 5])
def test_disagreement_is_the_mean_share_that_two_lists_lack_of_each_other(measures):
    rng = np.random.default_rng(measures)
    drawn = [np.array([rng.permutation(9)[:6] for _ in range(7)]) for _ in range(measures)]
    drawn[0][2, 3:], drawn[1][2, 4:] = -1, -1  # lists that end early share nothing there
    lists = [
        Neighbours("dot", one, np.zeros(one.shape, np.float32), np.zeros(7, np.int64))
        for one in drawn
    ]
    for k in (1, 4, 6, 10):
        depth = min(k, 6)
        due = [
            np.mean(
                [
                    1 - len(({*a[q, :depth]} & {*b[q, :depth]}) - {-1}) / depth
                    for at, a in enumerate(drawn)
                    for b in drawn[:at]
                ]
            )
            for q in range(7)
        ]
        assert disagreement(lists, k) == pytest.approx(due)


def test_one_measure_disagrees_with_none():
    with pytest.raises(TooFewError, match="two or more"):
        disagreement([Neighbours("dot", np.array([[0]]), np.zeros((1, 1)), np.array([0]))], 1)
