"""Statements that may be looked at after every query."""

import numpy as np
import pytest

from anglewise.errors import ValuesError
from anglewise.statistics.confidence_sequences import Race, confidence_sequence, wealth


def looks_like_ndcg(rng, queries, leads=(0.0, 0.0)):
    """Two measures that share what is hard about a query."""
    hard = rng.beta(1, 1.5, queries)
    noise = rng.normal(0, 0.15, (len(leads), queries))
    return np.clip(hard + noise + np.array(leads)[:, None], 0, 1)


def test_wealth_is_the_mean_of_the_stakes_own_products():
    x = np.array([0.2, 0.9, 0.6])
    stakes = 0.95 * 0.5 ** np.arange(9)
    won = np.mean([np.prod(1 + c * (x - 0.4) / 0.4) for c in stakes])
    assert np.exp(wealth(x, 0.4)[-1]) == pytest.approx(won)


def test_nobody_can_expect_to_win_against_what_is_true():
    """Over every sequence of two outcomes with the mean bet against, wealth averages one."""
    outcomes = np.array(np.meshgrid(*[[0.1, 0.9]] * 8)).reshape(8, -1).T
    assert np.exp(wealth(outcomes, 0.5)[:, -1]).mean() == pytest.approx(1)


def test_less_is_won_against_a_larger_mean():
    x = np.random.default_rng(0).random(50)
    won = [wealth(x, m).max() for m in np.linspace(0.05, 0.95, 19)]
    assert np.all(np.diff(won) <= 0)


def test_an_interval_only_narrows_and_holds_its_mean():
    x = np.random.default_rng(1).uniform(-0.3, 0.5, 800)
    bounds = np.array([confidence_sequence(x[None, :n])[0] for n in (10, 50, 200, 800)])
    assert np.all(np.diff(bounds[:, 0]) >= 0)
    assert np.all(np.diff(bounds[:, 1]) <= 0)
    assert bounds[-1, 0] < 0.1 < bounds[-1, 1]


def test_an_interval_turns_over_with_its_values():
    x = np.random.default_rng(2).uniform(-0.3, 0.5, (1, 100))
    below, above = confidence_sequence(x)[0]
    turned = confidence_sequence(-x)[0]
    assert turned == pytest.approx([-above, -below], abs=1e-9)


def test_values_beyond_the_bounds_are_refused():
    with pytest.raises(ValuesError, match=r"from 0 to 1.5 for bets between -1 and 1"):
        confidence_sequence(np.array([[0.0, 1.5]]))


def test_a_race_of_one_is_decided_at_once():
    assert Race.of(np.full((1, 5), 0.5)).decided_after == 0


def test_a_race_between_equals_stays_open():
    values = np.random.default_rng(0).random(200)
    race = Race.of(np.stack([values, values]))
    assert race.decided_after is None
    assert race.may_be_best.all()


def test_more_queries_never_bring_a_loser_back():
    values = looks_like_ndcg(np.random.default_rng(3), 1500, (0.05, 0.0))
    after = Race.of(values).decided_after
    assert after is not None
    assert Race.of(values[:, :after]).decided_after == after
    assert Race.of(values[:, : after - 1]).decided_after is None


@pytest.mark.slow
@pytest.mark.parametrize("measures", [2, 4])
def test_looking_after_every_query_rules_the_best_out_in_at_most_a_twentieth(measures):
    """All are equal, so each is a best one; ruling out the first is the error."""
    rng = np.random.default_rng(measures)
    worlds = 1000
    wrong = sum(
        not Race.of(looks_like_ndcg(rng, 800, (0.0,) * measures)).may_be_best[0]
        for _ in range(worlds)
    )
    assert wrong / worlds <= 0.05


@pytest.mark.slow
def test_an_interval_looked_at_all_the_time_leaves_out_the_mean_in_at_most_a_twentieth():
    rng = np.random.default_rng(5)
    differences = np.diff(looks_like_ndcg(rng, 500 * 1000), axis=0).reshape(500, 1000)
    bounds = confidence_sequence(differences)
    assert np.mean((bounds[:, 0] > 0) | (bounds[:, 1] < 0)) <= 0.05


@pytest.mark.slow
def test_a_fixed_test_looked_at_all_the_time_would_be_wrong_far_more_often():
    rng = np.random.default_rng(6)
    differences = np.diff(looks_like_ndcg(rng, 500 * 800), axis=0).reshape(500, 800)
    n = np.arange(1, 801)
    mean = np.cumsum(differences, axis=1) / n
    spread = np.sqrt(np.cumsum(differences**2, axis=1) / n - mean**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / (spread / np.sqrt(n))
    assert np.mean((t[:, 20:] > 1.96).any(axis=1)) > 0.2
