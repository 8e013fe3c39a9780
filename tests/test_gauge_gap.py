"""The gauge gap: one where weight decay ends, and the condition of the map elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Embeddings, Space
from anglewise.equivalent_factorisations.canonical import BALANCED
from anglewise.equivalent_factorisations.gap import gap_of_roots, gauge_gap
from anglewise.equivalent_factorisations.gauge import random_pair
from anglewise.equivalent_factorisations.maps import root
from anglewise.errors import ShapeError
from gauge_laws import factors


def balanced(seed, width=6):
    P, Q = factors(seed, width=width)
    pair = BALANCED.pair(root(P), root(Q))
    return P @ pair.queries, Q @ pair.items


@given(seed=st.integers(0, 9999), scale=st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_balanced_factors_of_any_scale_are_pinned(seed, scale):
    P, Q = balanced(seed)
    found = gap_of_roots(root(P * scale), root(Q))
    assert found.gap == pytest.approx(1.0, abs=1e-9)
    assert found.scale == pytest.approx(scale**2)
    assert found.residual <= 1e-10
    assert found.pinned


@given(seed=st.integers(0, 9999), condition=st.floats(1.2, 100))
@settings(max_examples=20, deadline=None)
def test_the_gap_is_the_condition_of_the_map_that_scrambled_them(seed, condition):
    P, Q = balanced(seed)
    scramble = random_pair(6, condition, np.random.default_rng(seed))
    found = gap_of_roots(root(P @ scramble.queries), root(Q @ scramble.items))
    assert found.gap == pytest.approx(condition, rel=1e-9)
    assert not found.pinned


def test_gradient_descent_with_weight_decay_ends_where_the_gap_is_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 15))
    P, Q = rng.normal(size=(20, 3)), rng.normal(size=(15, 3)) * 0.3
    start = gap_of_roots(root(P), root(Q)).gap
    for _ in range(20_000):
        error = P @ Q.T - X
        P, Q = P - 0.01 * (error @ Q + 0.5 * P), Q - 0.01 * (error.T @ P + 0.5 * Q)
    found = gap_of_roots(root(P), root(Q))
    assert start > 1.5
    assert found.pinned
    assert found.gap == pytest.approx(1.0, abs=1e-6)


def test_uneven_weight_decay_leaves_a_scale_and_no_gap():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 15))
    P, Q = rng.normal(size=(20, 3)), rng.normal(size=(15, 3))
    for _ in range(20_000):
        error = P @ Q.T - X
        P, Q = P - 0.005 * (error @ Q + 0.2 * P), Q - 0.005 * (error.T @ P + 0.8 * Q)
    found = gap_of_roots(root(P), root(Q))
    assert found.gap == pytest.approx(1.0, abs=1e-5)
    assert found.scale == pytest.approx(4.0, rel=1e-4)


def test_items_that_no_query_tells_apart_are_as_free_as_can_be():
    P, Q = factors(3, width=4)
    found = gap_of_roots(root(np.insert(P, 4, 0.0, axis=1)), root(np.insert(Q, 4, Q[:, 0] ** 2, 1)))
    assert found.unseen == 1
    assert found.gap == np.inf
    dead = gap_of_roots(root(np.insert(P, 4, 0.0, axis=1)), root(np.insert(Q, 4, 0.0, axis=1)))
    assert dead.unseen == 0
    assert dead.gap == pytest.approx(gap_of_roots(root(P), root(Q)).gap, rel=1e-9)


def test_a_bias_column_takes_no_part():
    P, Q = balanced(5, width=4)
    space = Space(
        queries=Embeddings(np.insert(P, 4, 1.0, axis=1)),
        items=Embeddings(np.insert(Q, 4, 9 * Q[:, 0] ** 2, axis=1)),
    )
    assert gauge_gap(space).pinned
    assert not gauge_gap(space, keep=()).pinned


def test_directions_under_float32_rounding_are_counted():
    P, Q = factors(6, rows=(300, 200), width=10)
    assert gap_of_roots(root(P), root(Q)).below_float32 == 0
    hard = random_pair(10, 3e8, np.random.default_rng(0))
    assert gap_of_roots(root(P @ hard.queries), root(Q @ hard.items)).below_float32 > 0


def test_one_side_has_no_gap():
    with pytest.raises(ShapeError, match="one side"):
        gauge_gap(Space(items=Embeddings(np.eye(2))))
