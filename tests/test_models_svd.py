"""The spectrum: exact, the same at every run, and honest about rank."""

import numpy as np
import pytest
from scipy import sparse

from anglewise.errors import ValuesError
from anglewise.recommender_models.svd import truncated_svd


def table(rows, columns, density=0.2, seed=0):
    x = sparse.random_array((rows, columns), density=density, rng=np.random.default_rng(seed))
    return (x > 0).astype(np.float64).tocsr()


@pytest.fixture(params=[0, 4096], ids=["gram never formed", "gram formed if cheaper"])
def _gram(request, monkeypatch):
    monkeypatch.setattr("anglewise.recommender_models.svd.GRAM_COLUMNS", request.param)


SHAPES = [(300, 200, 10), (200, 300, 10), (400, 20, 5), (20, 400, 5), (150, 140, 60), (60, 90, 60)]


@pytest.mark.parametrize(("rows", "columns", "k"), SHAPES)
@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.usefixtures("_gram")
def test_the_spectrum_is_that_of_a_full_decomposition(rows, columns, k, dense):
    X = table(rows, columns)
    given = X.toarray() if dense else X
    found = truncated_svd(given, k)
    _, values, right = np.linalg.svd(X.toarray(), full_matrices=False)
    assert np.allclose(found.values, values[:k], rtol=1e-12, atol=0)
    assert np.allclose(np.abs(np.sum(found.right * right[:k].T, axis=0)), 1, atol=1e-10)
    assert np.allclose(found.right.T @ found.right, np.eye(k), atol=1e-12)


@pytest.mark.parametrize(("columns", "k"), [(30, 30), (200, 10)])
def test_long_tables_are_decomposed_block_by_block(columns, k, monkeypatch):
    X = table(500, columns)
    whole = truncated_svd(X, k)
    monkeypatch.setattr("anglewise.recommender_models.svd.BLOCK_ENTRIES", columns * 64)
    in_blocks = truncated_svd(X, k)
    assert np.allclose(in_blocks.values, whole.values, rtol=1e-13)
    assert np.allclose(in_blocks.right, whole.right, atol=1e-10)


@pytest.mark.parametrize(("rows", "columns", "k"), SHAPES)
def test_the_same_seed_gives_the_same_bytes(rows, columns, k):
    one, other = (truncated_svd(table(rows, columns), k, seed=3) for _ in range(2))
    assert one.right.tobytes() == other.right.tobytes()


@pytest.mark.parametrize(("rows", "columns", "k"), SHAPES)
def test_the_seed_and_the_sign_do_not_matter(rows, columns, k):
    X = table(rows, columns)
    one, other = truncated_svd(X, k, seed=0), truncated_svd(-X, k, seed=1)
    assert np.allclose(one.right, other.right, atol=1e-9)
    largest = np.abs(one.right).argmax(axis=0)
    assert (one.right[largest, np.arange(k)] > 0).all()


@pytest.mark.parametrize(("rows", "columns"), [(400, 300), (300, 400), (30, 20), (20, 30)])
def test_directions_of_rounding_noise_are_left_out(rows, columns):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, 3)) @ rng.standard_normal((3, columns))
    assert truncated_svd(X, 8).right.shape == (columns, 3)


@pytest.mark.parametrize("shape", [(5, 4), (300, 200)])
def test_a_table_of_zeros_has_no_spectrum(shape):
    with pytest.raises(ValuesError, match="zeros only"):
        truncated_svd(sparse.csr_array(shape), 2)


def test_whole_numbers_are_taken_as_they_are():
    X = table(300, 200)
    assert np.array_equal(truncated_svd(X.astype(np.int8), 4).values, truncated_svd(X, 4).values)
