"""Plans: the smallest difference that can be seen, and how many queries a question needs."""

import numpy as np
import pytest

from anglewise.statistics.planning import CAP, Design, planning_critical, smallest_detectable
from anglewise.statistics.resampling import Differences, Means, bootstrap
from anglewise.statistics.sign_flip import sign_flips


def design(values):
    return Design(
        means=values.mean(axis=1),
        drawn=bootstrap(Means(values), values.shape[1], resamples=2000),
        differences=Differences.of(values),
        critical=planning_critical(sign_flips(values, flips=999).critical),
    )


def noisy(queries, lead, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    return rng.random(queries) + noise * rng.standard_normal((2, queries)) + [[lead], [0]]


def test_differences_are_those_of_every_query():
    values = np.random.default_rng(0).random((3, 50))
    lead = values[2] - values[0]
    of = Differences.of(values)
    assert of.mean[2, 0] == pytest.approx(lead.mean())
    assert of.spread[2, 0] == pytest.approx(lead.std(ddof=1))
    kurtosis = 50 * (lead**4).sum() / (lead**2).sum() ** 2
    assert of.doubt[2, 0] == pytest.approx(np.sqrt(max(kurtosis, 3) - 1))
    assert np.diag(of.spread).tolist() == [0.0] * 3


def test_the_smallest_detectable_difference_is_seen_four_times_of_five():
    queries, spread = 100, 0.1 * np.sqrt(2)
    lead = float(smallest_detectable(np.array(spread), np.array(1.984), queries))
    seen = [
        sign_flips(noisy(queries, lead, seed), flips=399).p[0, 1] <= 0.05 for seed in range(200)
    ]
    assert np.mean(seen) == pytest.approx(0.8, abs=3 * np.sqrt(0.16 / 200))


def test_nothing_can_be_seen_where_nothing_can_be_ruled_out():
    assert smallest_detectable(np.array([0.0, 0.1]), np.array([np.inf, np.inf]), 4).tolist() == [
        np.inf,
        np.inf,
    ]


def test_more_queries_settle_more():
    plan = design(noisy(40, 0.02))
    shares = [plan.settles(queries, tolerance=0.01).mean() for queries in (41, 400, 4000, 40_000)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.95


def test_a_clear_lead_needs_fewer_queries_than_a_faint_one():
    clear, faint = (design(noisy(40, lead)).needed(0.001) for lead in (0.04, 0.015))
    assert 40 < clear < faint


def test_a_wide_tolerance_needs_fewer_queries():
    plan = design(noisy(40, 0.0))
    assert plan.needed(0.05) < plan.needed(0.01) < plan.needed(0.003)


def test_what_does_not_vary_needs_nothing():
    values = np.random.default_rng(0).random(40)
    assert design(np.stack([values, values])).needed(0.01) is None


def test_nobody_judges_more_than_the_cap():
    values = noisy(40, 0.0)
    values[0] += values[1].mean() - values[0].mean()
    assert design(values).needed(1e-6) is None
    assert (design(values).needed(0.001) or 0) <= CAP


def test_a_plan_does_not_want_more_than_a_large_set_would():
    assert planning_critical(np.array([np.inf, 2.6]))[0] == pytest.approx(1.96, abs=0.001)
    assert planning_critical(np.array([1.9, 2.6])).tolist() == pytest.approx([1.9, 1.96], abs=0.01)
