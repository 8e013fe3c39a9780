"""The decision rule: its bounds against Clopper and Pearson, and its laws on planted values."""

import math

import numpy as np
import pytest
from scipy.stats import beta

from anglewise.errors import SpellingError, ValuesError
from anglewise.statistics import decision
from anglewise.statistics.decision import (
    Tolerance,
    WeightedMeans,
    _exponentials,
    _joint_ends,
    _whole,
    decide,
    decide_by_resamples,
    joint_level,
    winners_mean,
)
from anglewise.statistics.planning import low_end


def decided(values, reference=0, tolerance=None, largest=1.0):
    drawn, means = WeightedMeans.of(values), values.mean(axis=1)
    return decide(drawn, means, reference, tolerance, largest=largest)


def binary(hits, queries):
    return np.repeat([1.0, 0.0], [hits, queries - hits])[None]


@pytest.mark.parametrize(("hits", "queries"), [(0, 15), (1, 20), (7, 20), (20, 20), (30, 225)])
def test_of_binary_values_the_interval_is_that_of_clopper_and_pearson(hits, queries):
    low, high = WeightedMeans.of(binary(hits, queries), draws=100_000).interval(0)
    exact_low = beta.ppf(0.025, hits, queries - hits + 1) if hits else 0.0
    exact_high = beta.ppf(0.975, hits + 1, queries - hits) if hits < queries else 1.0
    assert low == pytest.approx(exact_low, abs=0.004)
    assert high == pytest.approx(exact_high, abs=0.004)


def test_no_interval_has_no_width():
    for values in (np.zeros((1, 30)), np.ones((1, 30)), np.full((1, 30), 0.4)):
        low, high = WeightedMeans.of(values).interval(0)
        assert high - low > 0.03


def test_the_winners_interval_reaches_lower_than_that_of_one_named_beforehand():
    values = np.random.default_rng(0).random((20, 100))
    drawn = WeightedMeans.of(values)
    best = int(values.mean(axis=1).argmax())
    low, high = drawn.winners_interval(best, range(20))
    assert low < drawn.interval(best)[0]
    assert high == drawn.interval(best)[1]
    assert drawn.winners_interval(best, [best]) == drawn.interval(best)
    assert winners_mean(drawn.means, values.mean(axis=1), range(20)) < values.mean(axis=1).max()


def test_one_column_needs_no_correction_and_many_need_bonferronis_at_most():
    drawn = np.random.default_rng(0).random((10_000, 20))
    assert joint_level(drawn[:, :1], 0.05) == pytest.approx(0.05, abs=1e-3)
    assert 0.05 / 20 * 0.8 < joint_level(drawn, 0.05) < 0.05 / 20 * 1.3


@pytest.mark.parametrize("columns", [1, 2, 20, 99])
def test_in_no_more_draws_than_the_level_any_column_is_at_or_below_its_joint_end(columns):
    drawn = np.random.default_rng(1).random((2000, columns))
    ends = _joint_ends(drawn, joint_level(drawn, 0.05))
    below = (drawn <= ends).any(axis=1).mean()
    assert 0.6 * 0.05 < below <= 0.05


def spread(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return np.clip(0.5 + 0.2 * rng.standard_normal(n), 0.05, 0.9), 0.02 * rng.standard_normal(n)


def test_a_lead_that_matters_is_used():
    one, noise = spread(2000)
    outcome = decided(np.stack([one, one + 0.05 + noise, one + 0.04 - noise]).clip(0, 1))
    assert (outcome.decision, outcome.measure, outcome.as_good) == ("use", 1, (2,))
    assert outcome.matters[1] > 0


def test_a_lead_below_the_tolerance_is_a_tie_and_the_reference_is_kept():
    one, noise = spread(2000)
    outcome = decided(
        np.stack([one, one + 0.002 + noise]).clip(0, 1), tolerance=Tolerance(0.0, 0.01)
    )
    assert (outcome.decision, outcome.measure) == ("tie", 0)
    assert outcome.at_most[1] < 0


def test_a_lead_that_is_there_but_may_not_matter_is_better():
    one, noise = spread(3000)
    outcome = decided(
        np.stack([one, one + 0.0102 + noise]).clip(0, 1), tolerance=Tolerance(0.0, 0.01)
    )
    assert (outcome.decision, outcome.measure) == ("better", 1)
    assert outcome.above[1] > 0 > outcome.matters[1]
    assert outcome.at_most[1] > 0


def test_few_queries_tell_nothing_however_clear_they_look():
    one, noise = spread(15)
    outcome = decided(np.stack([one, one + 0.05 + noise / 10]).clip(0, 1))
    assert outcome.decision == "cannot-tell"


def test_a_declared_largest_difference_tells_more():
    one, noise = spread(60)
    values = np.stack([one, one + 0.05 + noise]).clip(0, 1)
    assert decided(values).decision == "cannot-tell"
    assert decided(values, largest=0.1).decision in {"use", "better"}


def test_nobody_claims_a_lead_from_fewer_queries_than_can_show_it():
    for n, least in ((15, 0.22), (50, 0.062), (225, 0.013)):  # b u / (1 - u), u = 1 - .05^(1/n)
        one = np.full(n, 0.3)
        assert (
            decided(np.stack([one, one + 0.9 * least]), tolerance=Tolerance(0.0, 0.0)).above[1] <= 0
        )
        assert (
            decided(np.stack([one, one + 1.15 * least]), tolerance=Tolerance(0.0, 0.0)).above[1] > 0
        )


def test_equal_measures_have_bounds_that_are_equal_to_the_last_bit():
    one = np.random.default_rng(1).random(321)
    outcome = decided(np.stack([one, one, one]))
    assert outcome.above[1] == outcome.above[2] < 0
    drawn = WeightedMeans.of(np.stack([one, one]))
    assert np.array_equal(drawn.means[:, 0], drawn.means[:, 1])


def test_the_same_seed_gives_the_same_bytes_however_the_work_is_spread():
    from concurrent.futures import ThreadPoolExecutor

    values = np.random.default_rng(2).random((3, 5000))
    alone = WeightedMeans.of(values, draws=2000, seed=5)
    with ThreadPoolExecutor(2) as pool:
        spread_out = WeightedMeans.of(values, draws=2000, seed=5, map_=pool.map)
    assert alone.means.tobytes() == spread_out.means.tobytes()
    assert alone.unseen.tobytes() == spread_out.unseen.tobytes()
    other = WeightedMeans.of(values, draws=2000, seed=6)
    assert alone.means.tobytes() != other.means.tobytes()


def test_a_hundred_thousand_queries_are_put_together_in_blocks():
    values = np.random.default_rng(3).random((2, 100_003))
    drawn = WeightedMeans.of(values, draws=1000)
    low, high = drawn.interval(0)
    naive = 1.96 * values[0].std() / np.sqrt(values.shape[1])
    assert high - low == pytest.approx(2 * naive, rel=0.15)


def test_the_closed_form_is_near_the_bound_it_stands_for():
    rng = np.random.default_rng(4)
    for n in (100, 400, 2000):
        one = rng.random(n) * 0.6
        values = np.stack([one, one + 0.1 + 0.2 * rng.random(n)])
        difference = values[1] - values[0]
        centred = difference - difference.mean()
        closed = low_end(centred.std(), (centred**3).mean(), n, difference.mean())
        assert decided(values).above[1] == pytest.approx(closed, abs=0.3 / n)


def test_groups_of_one_size_are_queries_of_their_means():
    rng = np.random.default_rng(5)
    means = rng.random((2, 40)).round(3)
    alone = WeightedMeans.of(means, draws=500)
    groups = WeightedMeans.of(4 * means, np.full(40, 4), draws=500)
    assert groups.means == pytest.approx(alone.means, abs=1e-9)
    assert groups.unseen == pytest.approx(alone.unseen, abs=1e-12)


def test_a_group_not_seen_may_be_as_large_as_the_largest():
    sums = np.array([[0.0, 0.0, 0.0, 0.0]])
    even = WeightedMeans.of(sums, np.array([3, 3, 3, 3])).interval(0)
    uneven = WeightedMeans.of(sums, np.array([1, 1, 1, 9])).interval(0)
    assert uneven[1] > even[1] + 0.05


def test_of_correlations_what_never_varies_says_nothing():
    means = np.array([0.5, 0.5])
    drawn = np.tile(means, (100, 1))
    assert decide_by_resamples(drawn, means, 0, Tolerance(0.0, 0.01)).decision == "cannot-tell"
    rng = np.random.default_rng(6)
    noise = means + 1e-13 * rng.standard_normal((2000, 2))
    rounding = decide_by_resamples(noise, means, 0, Tolerance(0.0, 0.01))
    assert rounding.decision == "cannot-tell"
    near = means + 0.001 * rng.standard_normal((2000, 2))
    assert decide_by_resamples(near, means, 0, Tolerance(0.0, 0.01)).decision == "tie"
    far = np.array([0.5, 0.506]) + 0.001 * rng.standard_normal((2000, 2))
    assert (
        decide_by_resamples(far, np.array([0.5, 0.506]), 0, Tolerance(0.0, 0.01)).decision == "tie"
    )
    above = np.array([0.5, 0.5102]) + 0.001 * rng.standard_normal((2000, 2))
    assert (
        decide_by_resamples(above, np.array([0.5, 0.5102]), 0, Tolerance(0.0, 0.01)).decision
        == "better"
    )


def test_a_tolerance_is_a_share_or_a_number():
    assert str(Tolerance.read(" 2 % ")) == "2%"
    assert Tolerance.read("0.01") == Tolerance.read(0.01) == Tolerance(0.0, 0.01)
    assert str(Tolerance.read(0.01)) == "0.01"
    assert Tolerance.read("2%").against(0.1) == 0.005
    for wrong in ("two", "-1%", "%", "100%", "51%", "0%", "nan"):
        with pytest.raises(SpellingError, match="neither a share of the mean"):
            Tolerance.read(wrong)
    for wrong in (-0.1, float("nan"), True):
        with pytest.raises(ValuesError, match="tolerance"):
            Tolerance.read(wrong)


def test_a_share_is_of_the_measure_that_leads():
    row, noise = spread(3000)
    below = np.stack([row, row * 1.015 + noise / 9]).clip(0, 1)
    assert decided(below, tolerance=Tolerance(0.02, 0.0)).decision == "tie"
    assert decided(below, tolerance=Tolerance(0.0, 0.0)).decision == "use"


@pytest.mark.parametrize(
    ("relative", "floor"), [(-1, 0), (1, 0), (math.nan, 0), (0, -1), (0, math.nan), (0, math.inf)]
)
def test_a_tolerance_that_is_none_is_refused(relative, floor):
    with pytest.raises(ValuesError, match="tolerance is"):
        Tolerance(relative, floor)


@pytest.mark.parametrize("heaviest", [1.0, 50.0, 1e6])
def test_weighted_sums_are_whole_numbers_that_float64_holds(monkeypatch, heaviest):
    """So they are the same in whatever order they are added, on whatever machine."""
    kept = []

    def whole(sums, largest):
        kept.append(_whole(sums, largest))
        return kept[-1]

    monkeypatch.setattr(decision, "_whole", whole)
    sizes = np.geomspace(1, heaviest, 200)
    values = sizes * np.random.default_rng(0).random((3, 200))
    WeightedMeans.of(values, sizes, draws=160)
    ((table, unit),) = kept
    assert np.log2(unit) == round(np.log2(unit))
    assert np.array_equal(table, np.rint(table))
    for number in range(10):
        weights = _exponentials(0, number, 201)[:, :-1].astype(np.float64)
        assert np.array_equal(weights, np.rint(weights))
        assert (weights @ table).max() < 2.0**53
