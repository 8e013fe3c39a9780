"""What each linear frame promises about the ranked side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anglewise import Embeddings, Space, measure, search
from anglewise.errors import SpellingError
from anglewise.similarity_measures.affine import Affine
from anglewise.similarity_measures.frames import fit_frames


def a_space(seed=0, items=80, d=6):
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((d, d))
    scales = rng.lognormal(0, 1, d)
    items = rng.standard_normal((items, d)) @ mixed * scales + 10 * rng.standard_normal(d)
    queries = rng.standard_normal((9, d)) @ mixed * scales
    return Space(queries=Embeddings(queries), items=Embeddings(items))


def seen_through(frame, space):
    maps = fit_frames(measure(f"dot@{frame}").frames, space, "queries-items")
    return maps.ranked(space.items.vectors)


@given(seed=st.integers(0, 10_000))
def test_standardised_columns_have_mean_zero_and_variance_one(seed):
    x = seen_through("standardised", a_space(seed))
    assert np.allclose(x.mean(axis=0), 0, atol=1e-9)
    assert np.allclose(x.var(axis=0), 1, rtol=1e-9)


def test_standardising_does_not_feel_the_units_of_the_columns():
    space = a_space()
    units = 2.0 ** np.arange(-4, 8, 2)
    other = Space(
        queries=Embeddings(space.queries.vectors * units),
        items=Embeddings(space.items.vectors * units),
    )
    found = [search(one, "cosine@standardised", k=8) for one in (space, other)]
    first, second = (one["cosine@standardised"] for one in found)
    assert np.array_equal(first.indices, second.indices)


def test_a_column_of_one_value_counts_for_nothing():
    space = a_space()
    wide = np.insert(space.items.vectors, 2, np.float32(0.1), axis=1)
    x = seen_through("standardised", Space(items=Embeddings(wide)))
    assert not x[:, 2].any()
    assert np.allclose(np.delete(x, 2, axis=1), seen_through("standardised", space))


def test_small_units_are_no_reason_to_drop_a_column():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 2)) * [1e-12, 1e6]
    assert seen_through("standardised", Space(items=Embeddings(x))).shape == (50, 2)


@given(seed=st.integers(0, 10_000))
def test_whitened_items_have_the_identity_for_a_covariance(seed):
    x = seen_through("whitened", a_space(seed))
    assert np.allclose(np.cov(x.T, bias=True), np.eye(6), atol=1e-6)


@given(seed=st.integers(0, 10_000), shrinkage=st.sampled_from([0.05, 0.3, 0.7]))
def test_shrinkage_whitens_the_shrunk_covariance(seed, shrinkage):
    space = a_space(seed)
    maps = fit_frames(measure(f"dot@whitened({shrinkage})").frames, space, "queries-items")
    matrix = maps.ranked.matrix
    covariance = np.cov(space.items.vectors.astype(float).T, bias=True)
    round_one = np.trace(covariance) / 6 * np.eye(6)
    shrunk = (1 - shrinkage) * covariance + shrinkage * round_one
    assert np.allclose(matrix.T @ shrunk @ matrix, np.eye(6), atol=1e-6)


@pytest.mark.parametrize("formula", ["dot", "cosine", "euclidean", "norm(0,0.5)"])
def test_full_shrinkage_leaves_centring_alone(formula):
    space = a_space()
    found = search(space, [f"{formula}@whitened(1)", f"{formula}@centred"], k=10)
    whitened, centred = found.values()
    assert np.array_equal(whitened.indices, centred.indices)


def test_shrinkage_of_nothing_is_plain_whitening():
    assert measure("dot@whitened(0)") == measure("dot@whitened")


@pytest.mark.parametrize("word", ["whitened(-0.1)", "whitened(1.1)", "whitened(nan)"])
def test_shrinkage_goes_from_nothing_to_all(word):
    with pytest.raises(SpellingError, match=r"shrinkage|no number"):
        measure(f"dot@{word}")


def some_maps(d=4):
    """One of each kind: moved or not, with a matrix, with scales of which one drops a column."""
    rng = np.random.default_rng(1)
    square, narrow = rng.standard_normal((d, d)), rng.standard_normal((d, 3))
    for offset in (np.zeros(d), rng.standard_normal(d), np.eye(d)[1]):
        yield Affine(offset)
        yield Affine(offset, scale=np.array([2.0, 0.5, 3.0, 1.0]))
        yield Affine(offset, square)
        yield Affine(offset, narrow)


def test_one_map_and_then_another_are_one_map():
    x = np.random.default_rng(2).standard_normal((5, 4))
    for first in some_maps():
        for second in some_maps(first(x).shape[1]) if first(x).shape[1] == 4 else [Affine(X3)]:
            assert np.allclose(first.then(second)(x), second(first(x)), atol=1e-12)


X3 = np.array([1.0, -2.0, 0.5])


def test_columns_that_were_dropped_stay_dropped():
    dropped = Affine(np.zeros(2), scale=np.array([0.0, 2.0]))
    moved = dropped.then(Affine(np.array([0.0, 1.0])))
    assert moved(np.array([[7.0, 3.0]])).tolist() == [[0.0, 5.0]]


def test_only_a_map_that_moves_nothing_is_called_still():
    x = np.random.default_rng(3).standard_normal((5, 4))
    for one in some_maps():
        moves_nothing = one(x).shape == x.shape and np.array_equal(one(x), x)
        assert one.is_still == moves_nothing


def test_a_map_has_as_many_columns_as_what_it_moves():
    x = np.ones((2, 4))
    assert all(one.columns == one(x).shape[1] for one in some_maps())
    assert Affine(np.zeros(4), np.eye(4)[:, :2], whole=3).columns == 3
