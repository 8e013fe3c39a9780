"""Pools, and which of their pairs to judge next."""

import numpy as np
import pytest

from anglewise import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.evaluation_metrics.differing_pairs import DifferingPairs
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.pools import Pool, PoolState
from test_evaluation_oracles import as_neighbours

QUERIES, ITEMS = 40, 60


def world(seed=0, qualities=(2.0, 1.0, 0.9)):
    """Lists of measures that find relevant items more or less well, and what is relevant."""
    rng = np.random.default_rng(seed)
    relevant = rng.random((QUERIES, ITEMS)) < 0.1
    noise = rng.normal(size=(len(qualities), QUERIES, ITEMS))
    found = {
        f"m{i}": as_neighbours(np.argsort(-(quality * relevant + noise[i]), axis=1)[:, :10])
        for i, quality in enumerate(qualities)
    }
    return found, relevant


def judgements(relevant, pairs):
    rows, items = pairs
    return Judgements(
        SparseRows.from_pairs(
            rows, items, relevant[rows, items].astype(float), shape=relevant.shape
        )
    )


def stock(found, judged):
    rows = np.arange(QUERIES)
    return PoolState.of(Pool.of(found, judged, rows), judged, rows)


NOTHING = (np.empty(0, np.int64), np.empty(0, np.int64))


def test_a_pool_holds_every_first_place_once():
    found, relevant = world()
    pool = Pool.of(found, judgements(relevant, NOTHING), np.arange(QUERIES), depth=5)
    due = {
        (q, item) for one in found.values() for q in range(QUERIES) for item in one.indices[q, :5]
    }
    assert set(zip(pool.lists.tolist(), pool.items.tolist(), strict=True)) == due
    assert len(pool.lists) == len(due)
    assert not pool.judged.any()


def test_with_the_whole_pool_judged_the_means_are_ndcg_and_nothing_is_open():
    found, relevant = world()
    pool = Pool.of(found, judgements(relevant, NOTHING), np.arange(QUERIES))
    judged = judgements(relevant, (pool.lists, pool.items))
    now = stock(found, judged)
    due = evaluate(found, judged, np.arange(QUERIES), "nDCG@10")["nDCG@10"].mean(axis=1)
    np.testing.assert_allclose(now.means, due, atol=1e-12)
    assert now.chance_best.tolist() == [1.0, 0.0, 0.0]
    assert len(now.most_informative()) == 0


def test_nothing_is_learned_where_the_measures_agree():
    found, relevant = world()
    same = {"a": found["m0"], "b": found["m0"]}
    now = stock(same, judgements(relevant, NOTHING))
    assert not now.worth.any()
    assert now.chance_best.tolist() == [0.5, 0.5]


def test_the_most_telling_pair_is_where_the_leader_and_its_rival_differ_most():
    found, relevant = world(qualities=(1.5, 1.0))
    now = stock(found, judgements(relevant, NOTHING))
    told = now.most_informative(QUERIES)
    apart = np.abs(now.pool.discounts[:, 0] - now.pool.discounts[:, 1])
    assert apart[told].min() > np.median(apart)
    assert apart[told[0]] == pytest.approx(1.0, abs=0.4)


def until_decided(found, relevant, choose, batch=10, sure=0.95):
    pairs = NOTHING
    while True:
        now = stock(found, judgements(relevant, pairs))
        if now.chance_best.max() >= sure or now.pool.judged.all():
            return len(pairs[0]), int(now.means.argmax())
        at = choose(now)[:batch]
        pairs = tuple(
            np.concatenate([old, new[at]])
            for old, new in zip(pairs, (now.pool.lists, now.pool.items), strict=True)
        )


def by_chance(rng):
    return lambda now: rng.permutation(np.flatnonzero(~now.pool.judged))


@pytest.mark.slow
def test_telling_pairs_decide_rightly_with_at_most_a_third_of_the_judgements():
    spent, right = [], []
    for seed in range(24):
        found, relevant = world(seed, qualities=(1.6, 1.3, 1.1))
        rows = np.arange(QUERIES)
        pool = Pool.of(found, judgements(relevant, NOTHING), rows)
        judged = judgements(relevant, (pool.lists, pool.items))
        truth = evaluate(found, judged, rows, "nDCG@10")["nDCG@10"].mean(axis=1)
        telling, best = until_decided(found, relevant, PoolState.most_informative)
        random, _ = until_decided(found, relevant, by_chance(np.random.default_rng(seed)))
        spent.append((telling, random))
        right.append(best == truth.argmax())
    telling, random = np.median(spent, axis=0)
    assert telling <= random / 3
    assert np.mean(right) >= 0.9


def test_pairs_differ_by_the_largest_difference_of_their_discounts():
    lists = {
        "a": as_neighbours(np.array([[0, 1, 2], [3, 4, 5]])),
        "b": as_neighbours(np.array([[0, 2, 1], [3, 4, 5]])),
        "c": as_neighbours(np.array([[0, 2, 6], [3, 4, 5]])),
    }
    ids = [f"d{i}" for i in range(7)]
    found = DifferingPairs.of(lists, np.arange(2), 3, ["q0", "q1"], ids)
    at = 1 / np.log2(np.arange(2, 5))
    due = {("q0", "d1"): at[1], ("q0", "d2"): at[1] - at[2], ("q0", "d6"): at[2]}
    assert len(found) == 7
    for name, spread, differs in zip(found.names, found.spread, found.differ, strict=True):
        assert spread == pytest.approx(due.get(name, 0.0), abs=1e-9)
        assert differs == (name in due)


def test_differing_pairs_are_told_apart_from_those_of_other_lists():
    def digest(*lists):
        found = {f"m{at}": as_neighbours(np.array([one])) for at, one in enumerate(lists)}
        return DifferingPairs.of(found, np.arange(1), 2, ["q"], list("abc")).digest

    assert digest([0, 1], [1, 0]) == digest([1, 0], [0, 1])
    assert digest([0, 1], [1, 0]) != digest([0, 1], [0, 2])
