"""Grades by a machine, corrected by people's: without bias whatever the machine says."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from anglewise.statistics.prediction_powered import (
    DoublyGraded,
    _line,
    corrected,
    draw_variance,
    freedom,
    mean_interval,
    predictions,
    query_variance,
    random_folds,
    too_few,
)

RNG = np.random.default_rng(0)


def graded(queries=40, pool=12, machine=None, chances=None, seed=0):
    rng = np.random.default_rng(seed)
    size = queries * pool
    lists = np.repeat(np.arange(queries), pool)
    people = (rng.random(size) < 0.3) * rng.integers(1, 4, size).astype(float)
    said = people if machine is None else machine(people, rng)
    likely = rng.uniform(0.1, 0.5, size) if chances is None else np.full(size, chances)
    return DoublyGraded(
        lists, rng.normal(size=size), said, people, rng.random(size) < likely, likely, queries
    )


def drawn_again(pairs, drawn):
    return DoublyGraded(
        pairs.lists,
        pairs.weights,
        pairs.machine,
        np.where(drawn, pairs.people, 0.0),
        drawn,
        pairs.chances,
        pairs.queries,
    )


@pytest.mark.parametrize(
    "machine",
    [
        lambda people, rng: rng.integers(0, 4, len(people)).astype(float),
        lambda people, _: 3 - people,
        lambda people, _: people,
        lambda people, _: np.full(len(people), 1e6),
    ],
    ids=["random", "reversed", "right", "absurd"],
)
def test_over_all_draws_the_mean_is_exactly_what_people_would_say(machine):
    """Of two queries with three pairs each, every draw by its chance; each from the other."""
    people = np.array([2.0, 0.0, 1.0, 0.0, 3.0, 1.0])
    pairs = DoublyGraded(
        np.array([0, 0, 0, 1, 1, 1]),
        np.array([0.4, -0.3, 0.2, 0.5, -0.1, 0.3]),
        machine(people, np.random.default_rng(3)),
        people,
        np.zeros(6, bool),
        np.array([0.3, 0.6, 0.5, 0.2, 0.9, 0.4]),
        2,
    )
    mean = np.zeros(2)
    for drawn in product([False, True], repeat=6):
        here = drawn_again(pairs, np.array(drawn))
        chance = np.prod(np.where(drawn, pairs.chances, 1 - pairs.chances))
        mean += chance * corrected(here, predictions(here, np.array([0, 1])))
    scale = max(1.0, pairs.machine.max())
    assert mean == pytest.approx(pairs.sums(pairs.weights * people), abs=1e-9 * scale)


def test_no_prediction_is_made_from_grades_of_its_own_queries():
    pairs, folds = graded(), random_folds(40, np.random.default_rng(1))
    before = predictions(pairs, folds)
    here = folds[pairs.lists] == 2
    changed = DoublyGraded(
        pairs.lists,
        pairs.weights,
        pairs.machine,
        np.where(here, 99.0, pairs.people),
        pairs.drawn,
        pairs.chances,
        pairs.queries,
    )
    after = predictions(changed, folds)
    assert np.array_equal(after[here], before[here])
    assert not np.array_equal(after[~here], before[~here])


def test_a_machine_that_is_always_right_leaves_little_of_the_draws_variance():
    pairs, folds = graded(), random_folds(40, np.random.default_rng(1))
    alone = pairs.without_machine()
    assert draw_variance(pairs, predictions(pairs, folds)) < 0.1 * draw_variance(
        alone, predictions(alone, folds)
    )


def test_grades_without_information_change_next_to_nothing():
    """Over 100 sets a few hundredths of the variance at most: the slope is drawn to 0."""
    ratios = []
    for seed in range(100):
        pairs = graded(machine=lambda p, rng: rng.integers(0, 4, len(p)).astype(float), seed=seed)
        folds = random_folds(40, np.random.default_rng(seed))
        alone = pairs.without_machine()
        ratios.append(
            draw_variance(pairs, predictions(pairs, folds))
            / draw_variance(alone, predictions(alone, folds))
        )
    assert np.mean(ratios) < 1.04


def test_a_reversed_scale_and_other_units_predict_as_well():
    pairs, folds = graded(), random_folds(40, np.random.default_rng(1))
    turned = DoublyGraded(
        pairs.lists,
        pairs.weights,
        100 - 7 * pairs.machine,
        pairs.people,
        pairs.drawn,
        pairs.chances,
        pairs.queries,
    )
    assert predictions(turned, folds) == pytest.approx(predictions(pairs, folds))


def test_where_people_grade_everything_the_machine_has_no_part():
    pairs = graded(chances=1.0, machine=lambda people, _: 3 - people)
    values = corrected(pairs, predictions(pairs, random_folds(40, RNG)))
    assert values == pytest.approx(pairs.sums(pairs.weights * pairs.people))
    assert draw_variance(pairs, np.zeros(len(pairs.lists))) == 0


def test_the_variance_by_the_draw_is_that_of_many_draws():
    pairs = graded()
    predicted = np.full(len(pairs.lists), 0.5)
    rng = np.random.default_rng(5)
    values, told = [], []
    full = np.where(True, pairs.people, 0.0)
    for _ in range(3000):
        drawn = rng.random(len(pairs.lists)) < pairs.chances
        here = DoublyGraded(
            pairs.lists,
            pairs.weights,
            pairs.machine,
            np.where(drawn, full, 0.0),
            drawn,
            pairs.chances,
            40,
        )
        values.append(corrected(here, predicted))
        told.append(draw_variance(here, predicted))
    assert np.mean(told) == pytest.approx(np.var(values, axis=0).mean(), rel=0.05)


def test_few_that_stand_out_leave_few_degrees_of_freedom():
    assert freedom(RNG.normal(size=4000)) == pytest.approx(4000, rel=0.1)
    assert freedom(np.eye(50)[0]) < 3
    assert freedom(np.tile([0.0, 1.0], 20)) == 39


def test_values_that_do_not_vary_have_no_interval():
    assert np.isnan(mean_interval(np.ones(30)).low)


def test_with_few_queries_or_little_that_is_relevant_there_is_said_to_be_too_little():
    assert "19 queries are too few" in too_few(graded(queries=19))
    pairs = graded()
    assert too_few(pairs) == ""
    nothing = drawn_again(pairs, pairs.drawn & (pairs.lists < 4))
    assert "relevant" in too_few(nothing)


@pytest.mark.parametrize("queries", [8, 30, 200])
def test_degrees_of_freedom_are_those_that_the_variance_of_a_variance_tells(queries):
    """Twice the squared mean of an estimated variance over its own variance."""
    values = np.random.default_rng(queries).exponential(size=queries) ** 2
    second, fourth = (((values - values.mean()) ** power).mean() for power in (2, 4))
    variance = (fourth - second**2 * (queries - 3) / (queries - 1)) / queries
    assert freedom(values) == pytest.approx(min(queries - 1, 2 * second**2 / variance))


def test_degrees_of_freedom_are_no_more_than_those_of_so_many_values():
    assert freedom(np.full(30, 0.25)) == 29
    assert freedom(np.tile([0.0, 1.0], 10)) == 19


def fitted(parts, machine, people, spread):
    """The line as least squares with more rows, and what its variance leaves of the slope.

    Two pairs more that people graded 0 draw the height down, four more at the usual distance from
    the centre, graded 0 there, draw the slope; what noise makes of the slope by HC0 is taken off.
    """
    parts = parts / parts.mean()
    centre = np.average(machine, weights=parts)
    height = (parts @ people) / (parts.sum() + 2)
    x = np.stack([np.ones(len(machine)), machine - centre], axis=1)
    bread = np.linalg.inv(x.T @ (parts[:, None] * x))
    plain = bread @ x.T @ (parts * people)
    rest = people - x @ plain
    variance = (bread @ x.T @ np.diag((parts * rest) ** 2) @ x @ bread)[1, 1]
    more = np.append(np.sqrt(parts) * (machine - centre), np.sqrt(4 * spread))
    ridge = more @ np.append(np.sqrt(parts) * (people - plain[0]), 0) / (more @ more)
    return height, ridge * max(0, 1 - variance / plain[1] ** 2), centre


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("noise", [0.0, 0.3, 3.0])
def test_a_line_is_least_squares_with_a_few_pairs_more_and_less_what_is_noise(seed, noise):
    rng = np.random.default_rng(seed)
    machine = rng.integers(0, 4, 30).astype(float)
    people = 0.5 * machine + noise * rng.standard_normal(30) + 0.2
    parts = rng.uniform(0.1, 5, 30)
    assert _line(parts, machine, people, 1.3) == pytest.approx(fitted(parts, machine, people, 1.3))


def test_grades_that_never_differ_predict_one_height():
    people, one = np.array([1.0, 0.0, 2.0, 1.0]), np.ones(4)
    assert _line(one, one, people, 0.0) == pytest.approx((4 / 6, 0.0, 1.0))
    assert _line(one, one, people, 1.0) == pytest.approx((4 / 6, 0.0, 1.0))
    assert _line(one, people, people, 0.0)[1] == 0


def test_a_prediction_weighs_pairs_of_other_folds_by_their_part_in_the_variance():
    pairs = graded(queries=12, machine=lambda people, rng: people + rng.integers(0, 2, len(people)))
    sure = np.random.default_rng(9).random(len(pairs.lists)) < 0.2
    pairs = replace(pairs, chances=np.where(sure, 1.0, pairs.chances), drawn=pairs.drawn | sure)
    folds = np.arange(12) % 3
    found = predictions(pairs, folds)
    for fold in range(3):
        here = folds[pairs.lists] == fold
        known = pairs.drawn & ~here & ~sure
        parts = pairs.weights**2 * (1 - pairs.chances) / pairs.chances**2
        height, slope, centre = _line(
            parts[known], pairs.machine[known], pairs.people[known], pairs.machine.var()
        )
        assert found[here] == pytest.approx(height + slope * (pairs.machine[here] - centre))
    other = replace(pairs, people=np.where(sure, 50.0, pairs.people))
    assert np.array_equal(predictions(other, folds), found)


def test_nothing_is_predicted_where_people_graded_nothing_else():
    pairs = graded()
    none = replace(pairs, drawn=np.zeros(len(pairs.lists), bool))
    assert not predictions(none, np.arange(40) % 2).any()


def test_what_queries_vary_by_is_what_is_left_of_the_variance_of_figures_by_the_draw():
    pairs = graded()
    predicted = predictions(pairs, np.arange(40) % 5)
    values = corrected(pairs, predicted)
    due = np.var(values, ddof=1) - draw_variance(pairs, predicted)
    assert query_variance(pairs, values, predicted) == pytest.approx(due)


@pytest.mark.parametrize(("queries", "relevant", "enough"), [(19, 9, 0), (20, 5, 1), (20, 4, 0)])
def test_twenty_queries_of_which_five_have_something_relevant_are_enough(queries, relevant, enough):
    lists = np.repeat(np.arange(queries), 2)
    people = ((lists < relevant) & (np.arange(2 * queries) % 2 == 0)).astype(float)
    ones = np.ones(2 * queries)
    pairs = DoublyGraded(lists, ones, people, people, ones > 0, ones / 2, queries)
    assert (not too_few(pairs)) == bool(enough)
    for other in (
        replace(pairs, weights=0 * ones),  # where measures do not differ
        replace(pairs, drawn=ones < 0),
        replace(pairs, people=-people),
    ):
        assert too_few(other)


def test_half_the_width_of_an_interval_is_how_far_its_ends_are_from_the_mean():
    found = mean_interval(RNG.normal(size=50), level=0.9)
    assert found.half_width == pytest.approx(found.high - found.mean)
    assert found.half_width == pytest.approx(found.mean - found.low)
    values = RNG.normal(size=4000)
    wide, narrow = mean_interval(values, 0.95), mean_interval(values, 0.5)
    error = values.std(ddof=1) / np.sqrt(4000)
    assert wide.half_width == pytest.approx(1.96 * error, rel=0.01)
    assert narrow.half_width == pytest.approx(0.6745 * error, rel=0.01)
