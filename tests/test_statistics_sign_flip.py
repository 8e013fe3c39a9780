"""Paired tests, Holm's correction and the set of measures that may be the best."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from anglewise.statistics import resampling as draws
from anglewise.statistics.differences import Differences
from anglewise.statistics.sign_flip import EXACT_UP_TO, holm, sign_flips


def brute_force(one, other):
    """The share of all sign patterns whose mean difference is as far from 0 as the observed."""
    apart = np.asarray(one) - np.asarray(other)
    sums = [abs(np.dot(signs, apart)) for signs in product([1, -1], repeat=len(apart))]
    return np.mean(np.array(sums) >= abs(apart.sum()) - 1e-12)


@pytest.mark.parametrize("queries", [1, 2, 5, 9, 12])
def test_few_queries_are_tested_exactly(queries):
    values = np.random.default_rng(queries).random((3, queries)).round(1)  # sums that tie
    found = sign_flips(values)
    assert found.exact
    for i, j in product(range(3), repeat=2):
        assert found.p[i, j] == pytest.approx(brute_force(values[i], values[j]), abs=1e-12)


def test_exact_and_random_tests_agree(monkeypatch):
    values = np.random.default_rng(0).random((2, EXACT_UP_TO)) + np.array([[0.2], [0.0]])
    exact = sign_flips(values)
    monkeypatch.setattr("anglewise.statistics.sign_flip.EXACT_UP_TO", 0)
    drawn = sign_flips(values, flips=40_000)
    assert not drawn.exact
    assert drawn.p == pytest.approx(exact.p, abs=0.01)
    assert drawn.p_best == pytest.approx(exact.p_best, abs=0.01)
    assert drawn.critical == pytest.approx(exact.critical, rel=0.1)


def test_no_random_p_is_smaller_than_one_in_all_patterns_and_the_observed():
    values = np.stack([np.ones(50), np.zeros(50)])
    found = sign_flips(values, flips=1600)
    assert found.patterns == 1600
    assert found.p[0, 1] == pytest.approx(1 / 1601)


def test_the_test_is_symmetric_and_blind_to_a_common_shift():
    rng = np.random.default_rng(0)
    values = rng.random((4, 40))
    found = sign_flips(values)
    assert np.array_equal(found.p, found.p.T)
    assert np.diag(found.p).tolist() == [1.0] * 4
    shifted = sign_flips(values + rng.random(40))
    assert shifted.p == pytest.approx(found.p, abs=1e-3)
    assert shifted.p_best == pytest.approx(found.p_best, abs=1e-3)


def test_identical_measures_are_never_told_apart():
    values = np.random.default_rng(0).random(100)
    found = sign_flips(np.stack([values, values, values + 1]))
    assert found.p[0, 1] == 1
    assert found.p[0, 2] < 0.001
    assert found.may_be_best.tolist() == [False, False, True]


def test_of_two_measures_being_the_best_is_the_pair_test():
    values = np.random.default_rng(3).random((2, 60)) + np.array([[0.1], [0.0]])
    found = sign_flips(values)
    assert found.p_best == pytest.approx([1.0, found.p[0, 1]])


def test_the_critical_value_decides_as_the_p_value_does():
    rng = np.random.default_rng(0)
    for lift in np.linspace(0, 0.2, 30):
        values = rng.random((4, 80)) + lift * np.array([[1], [0], [0], [0]])
        found = sign_flips(values, flips=2000)
        apart = Differences.of(values)
        error = apart.spread / np.sqrt(80) + np.eye(4)
        behind = (apart.mean / error).max(axis=0)
        assert ((behind > found.critical) == ~found.may_be_best).all()


def test_five_queries_can_rule_out_nothing():
    values = np.stack([np.arange(5) + 10.0, np.zeros(5)])
    found = sign_flips(values)
    assert found.may_be_best.all()
    assert np.isinf(found.critical).all()
    assert not sign_flips(np.stack([np.arange(6) + 10.0, np.zeros(6)])).may_be_best.all()


@pytest.mark.parametrize("queries", [10, 40])
def test_a_measure_with_undefined_values_is_not_tested_and_leaves_the_others_alone(queries):
    values = np.random.default_rng(0).random((4, queries))
    values[1, 3] = np.nan
    some = [0, 2, 3]
    flips, alone = sign_flips(values), sign_flips(values[some])
    assert (flips.p[np.ix_(some, some)] == alone.p).all()
    assert (flips.p_best[some] == alone.p_best).all()
    assert (flips.critical[some] == alone.critical).all()
    assert np.isnan(flips.p[1]).all()
    assert np.isnan(flips.p[:, 1]).all()
    assert np.isnan(flips.p_best[1])
    assert not flips.may_be_best[1]


def test_one_measure_is_the_best():
    found = sign_flips(np.random.default_rng(0).random((1, 30)))
    assert found.p_best.tolist() == [1.0]


@pytest.mark.parametrize("cells", [1, 1 << 12])
def test_blocks_and_threads_change_no_byte(cells, monkeypatch):
    values = np.random.default_rng(0).random((4, 90))
    whole = sign_flips(values, flips=1600, seed=3)
    monkeypatch.setattr(draws, "CELLS", cells)
    with ThreadPoolExecutor(3) as pool:
        apart = sign_flips(values, flips=1600, seed=3, map_=pool.map)
    for name in ("p", "p_best", "critical"):
        assert getattr(whole, name).tobytes() == getattr(apart, name).tobytes()


def test_holm_follows_its_definition():
    # Four tests at 5%: .01 against .05/4, .015 against .05/3, .03 against .05/2: stop there.
    p = np.array([0.03, 0.01, 0.9, 0.015])
    adjusted = holm(p)
    assert adjusted == pytest.approx([0.06, 0.04, 0.9, 0.045])
    assert (adjusted <= 0.05).tolist() == [False, True, False, True]


def test_holm_counts_no_test_that_is_undefined():
    p = np.array([0.01, np.nan, 0.04, 0.03, np.nan])
    adjusted = holm(p)
    assert adjusted[[0, 2, 3]].tolist() == holm(p[[0, 2, 3]]).tolist()
    assert np.isnan(adjusted[[1, 4]]).all()


def test_holm_never_reorders_and_stays_between_the_p_and_bonferroni():
    p = np.random.default_rng(0).random(30) ** 3
    adjusted = holm(p)
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(30 * p, 1) + 1e-12).all()
    assert holm(np.array([])).tolist() == []


def equally_good(rng, queries, measures=6):
    """Correlated nDCG-like values of measures that differ by chance alone."""
    base = rng.beta(1, 1.3, queries)
    values = np.clip(base + 0.25 * rng.standard_normal((measures, queries)), 0, 1)
    return np.where(rng.random((measures, queries)) < 0.3, 0, values)


def false_alarms(queries, sets, flips=999):
    """The shares of sets with any pair told apart by Holm, and of measures ruled out."""
    pairs = np.triu_indices(6, k=1)
    alarms = out = 0
    for seed in range(sets):
        found = sign_flips(equally_good(np.random.default_rng(seed), queries), flips=flips)
        alarms += (holm(found.p[pairs]) <= 0.05).any()
        out += (~found.may_be_best).mean()
    return alarms / sets, out / sets


def test_equal_measures_are_rarely_told_apart():
    alarms, out = false_alarms(60, sets=150)
    assert alarms <= 0.055 + 2 * np.sqrt(0.055 * 0.945 / 150)
    assert out <= 0.06


@pytest.mark.slow
@pytest.mark.parametrize("queries", [12, 60])
def test_six_equal_measures_are_told_apart_at_most_5_times_of_100(queries):
    alarms, out = false_alarms(queries, sets=1500)
    assert alarms <= 0.055
    assert out <= 0.06


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [0.005, 0.03])
def test_the_best_stays_in_the_set(ahead):
    kept = 0
    lift = np.array([[ahead], [0], [0], [-0.01], [-0.05], [-0.2]])
    for seed in range(600):
        rng = np.random.default_rng(seed)
        found = sign_flips(equally_good(rng, 120) + lift, flips=999)
        kept += found.may_be_best[0]
    assert kept / 600 >= 0.94
