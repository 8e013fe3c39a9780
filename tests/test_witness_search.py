"""The descent that looks for a witness: its weights, its slope, its steps, and what it reports."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anglewise.equivalent_factorisations.certificates import (
    _coordinates,
    _cosines,
    _nearest,
    _slope,
    _stepped,
    _weights,
    certified_share,
    half_lost,
    order_certificate,
    witness,
)
from anglewise.errors import TooFewError
from gauge_laws import cosine


def unit_rows(seed, rows=30, width=5):
    x = np.random.default_rng(seed).standard_normal((rows, width))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@given(seed=st.integers(0, 999), k=st.integers(1, 6), progress=st.floats(0, 1))
def test_old_neighbours_weigh_one_together_and_newcomers_near_the_cut_minus_one(seed, k, progress):
    cosines = np.random.default_rng(seed).uniform(-0.9, 0.9, 40)
    found = _weights(cosines, k, progress)
    old, others = found[:k], found[k:]
    assert old.sum() == pytest.approx(1)
    assert (old >= 0).all()
    assert (others <= 0).all()
    assert others.sum() == pytest.approx(-1) or not others.any()
    beyond = np.argsort(-cosines, kind="stable")[4 * k :]
    assert not found[beyond[beyond >= k]].any()


def test_weights_are_largest_at_the_cut_and_the_cut_hardens():
    cosines = np.linspace(0.9, 0.1, 40)
    soft, hard = (_weights(cosines, 5, progress) for progress in (0.0, 1.0))
    assert soft[:5].argmax() == hard[:5].argmax() == 4
    assert soft[5:].argmin() == hard[5:].argmin() == 0
    assert (np.diff(soft[5:20]) >= 0).all()
    assert hard[4] > soft[4]
    near = 1 / np.cosh(np.clip((cosines - cosines[4]) / (0.1 * (1 - cosines[4])) / 2, -15, 15)) ** 2
    assert soft[:5] == pytest.approx(near[:5] / near[:5].sum())
    near = (
        1 / np.cosh(np.clip((cosines - cosines[4]) / (0.02 * (1 - cosines[4])) / 2, -15, 15)) ** 2
    )
    assert hard[:5] == pytest.approx(near[:5] / near[:5].sum())


@pytest.mark.parametrize("seed", range(5))
def test_the_slope_is_that_of_the_weighed_sum_of_cosines(seed):
    rng = np.random.default_rng(seed)
    rows, weights = unit_rows(seed), rng.standard_normal(29) * (rng.random(29) < 0.6)

    def value(squared):
        """Cosines after the map, whose square is this."""
        x, others = rows[0], rows[1:]
        norms = np.sqrt(np.einsum("ij,jk,ik->i", others, squared, others))
        return weights @ ((others @ squared @ x) / norms) / np.sqrt(x @ squared @ x)

    found = _slope(rows[0], rows[1:], weights)
    for _ in range(4):
        step = rng.standard_normal((5, 5))
        step = (step + step.T) * 1e-6
        due = (value(np.eye(5) + step) - value(np.eye(5) - step)) / 2
        assert (found * step).sum() == pytest.approx(due, rel=1e-5, abs=1e-12)


@given(seed=st.integers(0, 99), reach=st.floats(0.1, 3), size=st.floats(0.01, 20))
def test_a_step_stays_within_reach_and_a_small_one_is_what_was_asked(seed, reach, size):
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    values = size * rng.uniform(-1, 1, 4)
    found = _stepped(np.eye(4), axes, values, reach)
    logs = np.log(np.linalg.eigvalsh(found))
    assert np.allclose(found, found.T)
    assert np.abs(logs).max() <= reach / 2 + 1e-9
    asked = axes * np.exp(-np.clip(values, -reach, reach) / 2) @ axes.T
    assert np.allclose(found, asked)


@pytest.mark.parametrize("rows", [5, 3000])
def test_cosines_with_one_row_are_those_of_any_pair(rows):
    x = np.random.default_rng(0).standard_normal((rows, 4))
    x[2] = 0
    through = np.diag([1.0, 2.0, 3.0, 4.0])
    some = [0, 1, 3, rows - 1]
    for one in (None, through):
        moved = x if one is None else x @ one
        found = _cosines(x, 1, one)
        assert found[some] == pytest.approx([cosine(moved[1], moved[row]) for row in some])
        assert found[2] == 0


def test_of_equal_cosines_the_earlier_row_is_nearer_and_none_is_its_own_neighbour():
    assert _nearest(np.array([0.5, 1.0, 0.5, 0.9, 0.5]), 1, 3).tolist() == [3, 0, 2]


def test_what_lies_outside_a_basis_keeps_its_length_and_kept_columns_follow():
    rows = np.random.default_rng(0).standard_normal((6, 5))
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 2)))[0]
    found = _coordinates(rows, [0, 1, 2, 4], basis)
    free = rows[:, [0, 1, 2, 4]]
    assert found.shape == (6, 4)
    assert np.allclose(found[:, :2], free @ basis)
    assert np.allclose(np.linalg.norm(found, axis=1), np.linalg.norm(rows, axis=1))
    assert np.array_equal(found[:, 3], rows[:, 3])


@pytest.mark.parametrize(("k", "enough"), [(7, True), (8, False)])
def test_a_list_needs_an_item_outside_of_it(k, enough):
    x = unit_rows(0, rows=9)
    if enough:
        assert len(witness(x, 0, k=k).before) == k
    else:
        with pytest.raises(TooFewError, match="8 neighbours of 8 other items"):
            witness(x, 0, k=k)


def test_the_last_row_has_a_witness_too():
    assert witness(unit_rows(0), 29, k=2).query == 29


def test_a_share_is_certified_beyond_its_condition_and_not_at_it():
    limits = np.array([1.5, 2.0, 2.5, 4.0])
    assert certified_share(limits, 2.0) == 0.5
    assert certified_share(limits, 1.0) == 1
    assert half_lost(limits) == 2.0


def test_the_limits_of_a_witness_are_those_of_its_neighbours_against_the_first_outside():
    x = unit_rows(3)
    found = witness(x, 0, k=4, condition=3.0)
    cosines = np.array([cosine(x[0], row) for row in x])
    cosines[0] = -2
    ranked = np.sort(cosines)[::-1]
    assert found.limits == pytest.approx(
        order_certificate(cosines[found.before], np.full(4, ranked[4]))
    )
    assert found.overlap == len({*found.before.tolist()} & {*found.after.tolist()}) / 4
