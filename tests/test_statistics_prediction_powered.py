"""Grades by a machine, corrected by people's: without bias whatever the machine says."""

from itertools import product

import numpy as np
import pytest

from anglewise.statistics.prediction_powered import (
    DoublyGraded,
    corrected,
    draw_variance,
    freedom,
    mean_interval,
    predictions,
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


def test_degrees_of_freedom_are_no_more_than_those_of_so_many_values():
    assert freedom(np.full(30, 0.25)) == 29
    assert freedom(np.tile([0.0, 1.0], 10)) == 19
