"""Plans: the lead that so many queries show, and how many a question needs."""

import numpy as np
import pytest

from anglewise.statistics.decision import WeightedMeans, decide
from anglewise.statistics.differences import Differences
from anglewise.statistics.planning import CAP, POWER_OF_TIE, Lead, low_end


def differences(queries, lead, seed=0, noise=0.1):
    return lead + noise * np.random.default_rng(seed).standard_normal(queries)


def test_differences_are_those_of_every_query():
    values = np.random.default_rng(0).random((3, 50))
    lead = values[2] - values[0]
    of = Differences.of(values)
    assert of.mean[2, 0] == pytest.approx(lead.mean())
    assert of.spread[2, 0] == pytest.approx(lead.std(ddof=1))
    assert np.diag(of.spread).tolist() == [0.0] * 3


@pytest.mark.parametrize("queries", [60, 400])
def test_the_detectable_lead_is_shown_four_times_of_five(queries):
    lead = Lead.of(differences(4000, 0.0)).detectable(queries)
    shown = 0
    for seed in range(100):
        row = np.full(queries, 0.3)
        values = np.stack([row, row + differences(queries, lead, seed)]).clip(0, 1)
        drawn = WeightedMeans.of(values, draws=1000, seed=seed)
        shown += decide(drawn, values.mean(axis=1), 0).above[1] > 0
    assert shown / 100 == pytest.approx(0.8, abs=3 * np.sqrt(0.16 / 100))


def test_more_queries_show_less_and_nothing_is_shown_by_a_few():
    lead = Lead.of(differences(100, 0.02))
    ends = [lead.detectable(queries) for queries in (20, 200, 2000, 20_000)]
    assert ends == sorted(ends, reverse=True)
    assert Lead.of(differences(100, 0.02), largest=0.3).detectable(200) < ends[1]
    # nobody claims a lead under b u / (1 - u), u = 1 - .05^(1/n), from values that never vary
    still = Lead.of(np.full(50, 0.1))
    assert still.detectable(50) == pytest.approx(0.062, abs=0.006)


def test_a_clear_lead_needs_fewer_queries_than_a_faint_one():
    lead = Lead.of(differences(40, 0.0))
    clear, faint = (lead.to_show(true) for true in (0.04, 0.015))
    assert 0 < clear < faint
    assert lead.to_show(0.9) == 0


def test_the_queries_asked_for_are_the_fewest():
    lead = Lead.of(differences(40, 0.0))
    needed = 40 + lead.to_show(0.02)
    assert lead.detectable(needed) <= 0.02 < lead.detectable(needed - 2)


def test_a_wide_tolerance_needs_fewer_queries_and_more_rivals_need_more():
    lead = Lead.of(differences(40, 0.0))
    assert lead.to_show_tie(0.05) < lead.to_show_tie(0.01) < lead.to_show_tie(0.003)
    assert lead.to_show_tie(0.01) < lead.to_show_tie(0.01, rivals=5)
    assert POWER_OF_TIE == 0.85


def test_a_tie_needs_three_queries_for_each_difference_that_matters():
    """About 3 b / t, of measures that never differ."""
    assert 40 + Lead.of(np.zeros(40)).to_show_tie(0.01) == pytest.approx(300, rel=0.1)


def test_nobody_judges_more_than_the_cap():
    lead = Lead.of(differences(40, 0.0))
    assert lead.to_show(1e-9) is None
    assert lead.to_show(1e-4) < CAP


def test_a_lead_that_is_still_open_is_planned_for_as_less_than_it_looks():
    lead = Lead.of(differences(100, 0.02))
    assert lead.shrunk == pytest.approx(lead.mean - lead.spread / 20)


def test_the_chance_to_show_a_lead_is_that_of_the_power():
    lead = Lead.of(differences(100, 0.0))
    assert lead.chance(500, lead.detectable(500)) == pytest.approx(0.8, abs=0.01)
    assert lead.chance(500, 0.0) < 0.05


@pytest.mark.parametrize(("queries", "largest"), [(40, 1.0), (300, 1.0), (300, 3.0)])
@pytest.mark.parametrize("shape", [lambda u: u, lambda u: u**6, lambda u: -(u**6)])
def test_the_planned_bound_is_about_the_quantile_under_random_weights(shape, queries, largest):
    """Dirichlet weights of all queries and of one more at the worst, by the moments alone."""
    rng = np.random.default_rng(0)
    values = shape(rng.random(queries)) * 0.6
    spread, skew = values.std(), ((values - values.mean()) ** 3).mean()
    weights = rng.dirichlet(np.ones(queries + 1), 20_000)
    sums = weights @ np.append(values, -largest)
    for level in (0.05, 0.01):
        found = low_end(spread, skew, queries, values.mean(), largest=largest, level=level)
        assert found == pytest.approx(np.quantile(sums, level), abs=0.12 * sums.std())


def test_a_tie_is_planned_as_a_lead_of_the_other_measure():
    values = np.random.default_rng(0).uniform(-0.2, 0.5, 60) ** 3
    there, back = Lead.of(values), Lead.of(-values)
    assert (back.mean, back.spread, back.skew) == (-there.mean, there.spread, -there.skew)
    for rivals, power in ((1, 0.85), (3, 0.95)):
        assert there.to_show_tie(0.02, rivals) == back.to_show(0.02, power=power)


def test_more_than_the_whole_range_is_no_lead_that_can_be_detected():
    wide = Lead(0.0, 0.5, 0.0, 30)
    found = [wide.detectable(queries) for queries in range(1, 40)]
    assert all(one <= 1 or one == float("inf") for one in found)
    assert found[0] == float("inf")
    assert found[-1] < 1
    assert wide._shows(30, wide.detectable(30), 0.8, 0.05)
    assert not wide._shows(30, wide.detectable(30) - 1e-6, 0.8, 0.05)


def test_differences_that_never_vary_are_shown_for_sure_or_not_at_all():
    sure = Lead(0.1, 0.0, 0.0, 50)
    limit = sure.detectable(50)
    assert sure.chance(50, limit) == 1
    assert sure.chance(50, limit - 1e-9) == 0
