"""Sparse vectors rank as the dense ones that they are."""

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array

import anglewise as aw
from anglewise.errors import IdsError, ShapeError, SpellingError, ValuesError, WrongTypeError
from search_oracle import same


def table(rng, rows, columns=60, share=0.1):
    return np.where(rng.random((rows, columns)) < share, rng.integers(1, 9, (rows, columns)), 0)


def test_sparse_vectors_rank_as_dense_ones():
    rng = np.random.default_rng(0)
    q, x = table(rng, 15), table(rng, 200)
    sparse = aw.Space(queries=aw.SparseVectors(csr_array(q)), items=aw.SparseVectors(csr_array(x)))
    dense = aw.search(aw.Space(queries=q, items=x), "dot,cosine", k=12)
    for threads in (1, 3):
        found = aw.search(sparse, "dot,cosine", k=12, threads=threads)
        for name in ("dot", "cosine"):
            assert same(found[name], dense[name])


def test_real_numbers_rank_as_their_products_in_float64():
    rng = np.random.default_rng(1)
    q, x = (table(rng, rows) * rng.lognormal(size=(rows, 60)) for rows in (15, 300))
    sparse = aw.Space(queries=aw.SparseVectors(csr_array(q)), items=aw.SparseVectors(csr_array(x)))
    found = aw.search(sparse, "dot", k=9)["dot"]
    best = np.argsort(-(q @ x.T), axis=1, kind="stable")[:, :9]
    np.testing.assert_array_equal(found.indices, best)
    np.testing.assert_allclose(found.scores, np.take_along_axis(q @ x.T, best, 1), rtol=1e-11)


def test_an_empty_row_scores_0_and_ties_are_counted_in_the_order_of_ids():
    items = aw.SparseVectors(csr_array([[0, 0], [0, 0], [-1, 0], [2, 0]]), ids=list("dcba"))
    queries = aw.SparseVectors(csr_array([[1, 0], [0, 0]]))
    found = aw.search(aw.Space(items=items, queries=queries), "dot,cosine", k=2)
    for name, best in (("dot", 2.0), ("cosine", 1.0)):
        assert items.ids[found[name].indices].tolist() == [["a", "c"], ["a", "b"]]
        assert found[name].scores.tolist() == [[best, 0.0], [0.0, 0.0]]
        assert found[name].tied_at_cut.tolist() == [1, 2]


def test_little_memory_gives_the_same_lists_or_says_what_is_due(monkeypatch):
    rng = np.random.default_rng(2)
    items = aw.SparseVectors(csr_array(table(rng, 100)))
    whole = aw.search(items, "dot", k=5, direction="items-items")["dot"]
    monkeypatch.setenv("ANGLEWISE_MEMORY", "40kB")
    assert same(aw.search(items, "dot", k=5, direction="items-items")["dot"], whole)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "5kB")
    with pytest.raises(ValuesError, match="ANGLEWISE_MEMORY"):
        aw.search(items, "dot", k=5, direction="items-items")


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (np.eye(2), WrongTypeError, "a sparse matrix is due"),
        (csr_array((0, 3)), ShapeError, "at least one row"),
        (csr_array([[np.nan]]), ValuesError, "NaN or infinity"),
        (csr_array([[1e200]]), ValuesError, "products do not fit float64"),
        (csr_array(([1.0], [7], [0, 1]), shape=(1, 3)), ShapeError, "holds no such table"),
    ],
)
def test_what_is_no_sparse_table_is_refused(rows, error, words):
    with pytest.raises(error, match=words):
        aw.SparseVectors(rows)


def test_entries_that_repeat_are_added_and_ids_checked():
    rows = coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2))
    assert aw.SparseVectors(rows).rows.values.tolist() == [3.0]
    with pytest.raises(IdsError):
        aw.SparseVectors(csr_array(np.eye(2)), ids=["a", "a"])


def test_other_measures_are_refused_with_those_that_rank():
    items = aw.SparseVectors(csr_array(np.eye(3)))
    for name in ("euclidean", "maxsim", "cosine@centred"):
        with pytest.raises(SpellingError, match="ranked by dot and cosine"):
            aw.search(items, name, k=1, direction="items-items")
