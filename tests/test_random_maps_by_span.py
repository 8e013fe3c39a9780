"""Random maps drawn for the span of few rows: what they keep, how wild they are, what they cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anglewise import Embeddings, Space, search
from anglewise.equivalent_factorisations.gauge import (
    RandomMap,
    haar,
    haar_frame,
    in_their_span,
    log_uniform_spectrum,
    moved_cosines,
    random_pair,
    random_pair_beyond_span,
    random_pair_in_span,
    row_cosines,
)
from anglewise.errors import ValuesError
from gauge_laws import cosine

SHAPES = [(2, 9), (3, 12), (5, 7), (1, 4), (3, 5)]
conditions = st.sampled_from([1.0, 3.0, 30.0, 99.0, 101.0, 1e4])


def rng(seed=0):
    return np.random.default_rng(seed)


def basis_of(rank, dimension, seed=0):
    return np.linalg.qr(rng(seed).standard_normal((dimension, rank)))[0]


@pytest.mark.parametrize("shape", SHAPES)
@given(condition=conditions, seed=st.integers(0, 99))
def test_a_map_beyond_the_span_is_a_whole_one_of_exactly_its_condition(shape, condition, seed):
    rank, dimension = shape
    pair = random_pair_beyond_span(basis_of(rank, dimension), condition, rng(seed))
    assert np.allclose(pair.queries @ pair.items.T, np.eye(dimension), atol=1e-9 * condition)
    assert np.linalg.cond(pair.items) == pytest.approx(condition, rel=1e-6)
    assert np.linalg.cond(pair.queries) == pytest.approx(condition, rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@given(condition=conditions, seed=st.integers(0, 99))
def test_within_the_span_both_maps_give_the_same_products_on_either_side(shape, condition, seed):
    rank, dimension = shape
    basis = basis_of(rank, dimension)
    rows = rng(1).standard_normal((6, rank)) @ basis.T
    within = random_pair_in_span(basis, condition, rng(seed))
    whole = random_pair_beyond_span(basis, condition, rng(seed))
    for one, other in ((within.queries, whole.queries), (within.items, whole.items)):
        assert np.allclose((rows @ one) @ (rows @ one).T, (rows @ other) @ (rows @ other).T)
    assert np.allclose((rows @ within.queries) @ (rows @ within.items).T, rows @ rows.T)


def test_only_with_new_vectors_are_rows_outside_the_span_moved_as_by_a_whole_map():
    basis, outside = basis_of(2, 8), np.linalg.qr(rng(5).standard_normal((8, 8)))[0][:3]
    for new_vectors in (False, True):
        pair = RandomMap(20, 1).pair_by_span(basis, (), 8, new_vectors=new_vectors)
        kept = np.allclose((outside @ pair.queries) @ (outside @ pair.items).T, np.eye(3))
        assert kept == new_vectors


def test_columns_that_are_kept_are_moved_by_nothing():
    pair = RandomMap(20, 1).pair_by_span(basis_of(2, 6), (7, 3, 3), 8, new_vectors=True)
    for side in (pair.queries, pair.items):  # they follow, in their order
        assert np.array_equal(side[[3, 7]], np.eye(8)[[6, 7]])
        assert np.array_equal(side[:, [6, 7]], np.eye(8)[:, [3, 7]])


@pytest.mark.parametrize("draw", [random_pair, random_pair_beyond_span])
def test_a_whole_map_that_would_fill_the_memory_is_refused(monkeypatch, draw):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    given_to = 500 if draw is random_pair else basis_of(2, 500)
    with pytest.raises(ValuesError, match="500 dimensions"):
        draw(given_to, 3.0, rng())
    assert random_pair_in_span(basis_of(2, 500), 3.0, rng()).items.shape[0] == 500


@pytest.mark.parametrize(("rows", "dimension"), [(1, 4), (2, 8), (2, 7), (3, 12), (4, 4), (5, 6)])
def test_a_frame_is_orthonormal_and_leans_no_way(rows, dimension):
    frames = np.array([haar_frame(rows, dimension, rng(seed)) for seed in range(400)])
    assert np.allclose(frames[0] @ frames[0].T, np.eye(rows), atol=1e-9)
    assert np.abs(frames.mean(axis=0)).max() < 5 / np.sqrt(400 * dimension)
    assert frames.var() == pytest.approx(1 / dimension, rel=0.1)


def test_a_rotation_is_uniform_also_in_the_signs_of_its_diagonal():
    diagonals = np.array([np.diag(haar(3, rng(seed))) for seed in range(600)])
    assert (np.abs((diagonals > 0).mean(axis=0) - 0.5) < 0.1).all()


@given(condition=st.floats(1, 1e6), dimension=st.integers(2, 9), seed=st.integers(0, 99))
def test_a_spectrum_falls_from_the_root_of_the_condition_to_its_inverse(condition, dimension, seed):
    found = log_uniform_spectrum(dimension, condition, rng(seed))
    assert found[0] == pytest.approx(np.sqrt(condition))
    assert found[-1] == pytest.approx(1 / np.sqrt(condition))
    assert (np.diff(found) <= 0).all()


def test_one_dimension_has_no_map_to_draw_but_that_of_condition_one():
    assert log_uniform_spectrum(1, 1.0, rng()).tolist() == [1.0]
    with pytest.raises(ValuesError, match="one dimension"):
        log_uniform_spectrum(1, 1.5, rng())


def test_rows_in_their_span_keep_all_products_and_many_rows_are_left_alone():
    few, many = rng().standard_normal((2, 3, 9)), rng().standard_normal((2, 5, 9))
    left, right = in_their_span(few[0], few[1])
    assert left.shape == (3, 6)
    assert np.allclose(left @ right.T, few[0] @ few[1].T)
    assert np.array_equal(in_their_span(many[0], many[1]), many)
    edge = rng().standard_normal((9, 9))
    assert in_their_span(edge[:4], edge[4:])[0].shape == (4, 9)
    assert in_their_span(edge[:4], edge[5:])[0].shape == (4, 8)


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("pairs", [2, 30])
def test_cosines_after_random_maps_are_those_of_moved_rows(opposite, pairs):
    """Their mean and spread are those of maps that are drawn whole."""
    x, y = rng(2).standard_normal((2, pairs, 6))
    found = moved_cosines(x, y, 8.0, rng(3), draws=400, opposite=opposite)
    due = np.empty_like(found)
    for draw in range(400):
        pair = random_pair(6, 8.0, rng(1000 + draw))
        due[draw] = row_cosines(x @ pair.items, y @ (pair.queries if opposite else pair.items))
    assert found.mean(axis=0) == pytest.approx(due.mean(axis=0), abs=0.09)
    assert found.std(axis=0) == pytest.approx(due.std(axis=0), abs=0.06)


def test_a_cosine_with_a_zero_row_is_0():
    x = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 2.0]])
    found = row_cosines(x, x[::-1])
    assert found.tolist() == [cosine(x[0], x[2]), 0.0, cosine(x[2], x[0])]


@pytest.mark.parametrize("word", ["random(1)", "random(1.0001)", "random(1.9)", "random(2)"])
def test_a_gentle_random_gauge_of_few_rows_keeps_their_products_and_nearly_their_cosines(word):
    x = rng(4).standard_normal((5, 40))
    space = Space(queries=Embeddings(x[:2]), items=Embeddings(x[2:]), trained_for="dot")
    found = search(space, ["dot", f"dot@{word}", "cosine", f"cosine@{word}"], k=3)
    dot, moved, cosines, turned = (one.scores for one in found.values())
    assert dot == pytest.approx(moved, abs=1e-5)
    if word == "random(1)":
        assert cosines == pytest.approx(turned, abs=1e-6)
