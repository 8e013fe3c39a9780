"""Sparse rows behave as a table in which a stored zero differs from nothing stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from anglewise.core.sparse import SparseRows
from anglewise.errors import ShapeError


@st.composite
def tables(draw):
    n, p = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    cells = draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, p - 1))))
    values = draw(st.lists(st.integers(0, 3), min_size=len(cells), max_size=len(cells)))
    return n, p, sorted(cells, key=lambda c: hash(c) % 7), values


@given(tables())
def test_rows_agree_with_scipy(table):
    n, p, cells, values = table
    r, c = [x for x, _ in cells], [y for _, y in cells]
    ours = SparseRows.from_pairs(r, c, values, shape=(n, p))
    theirs = sparse.csr_array((np.array(values, float), (r, c)), shape=(n, p))
    dense = sparse.csr_array((ours.values, ours.indices, ours.indptr), shape=(n, p)).toarray()
    assert np.array_equal(dense, theirs.toarray())


@given(tables(), st.data())
def test_taking_rows_is_taking_rows_of_the_dense_table(table, data):
    n, p, cells, values = table
    ours = SparseRows.from_pairs([x for x, _ in cells], [y for _, y in cells], values, shape=(n, p))
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=8)), dtype=np.int64)
    taken = ours.take(rows)
    assert taken.shape == (len(rows), p)
    for place, row in enumerate(rows):
        assert taken.row(place).tolist() == ours.row(row).tolist()


def test_a_stored_zero_stays_stored():
    judged = SparseRows.from_pairs([0], [1], [0.0], shape=(1, 2))
    assert judged.counts.tolist() == [1]


def test_a_pair_comes_once_and_inside_the_table():
    with pytest.raises(ShapeError, match="twice"):
        SparseRows.from_pairs([0, 0], [1, 1], shape=(1, 2))
    with pytest.raises(ShapeError, match="outside"):
        SparseRows.from_pairs([0], [2], shape=(1, 2))
    with pytest.raises(ShapeError, match="row ends"):
        SparseRows(np.zeros(2, np.int64), np.zeros(0, np.int64), np.zeros(0), (5, 1))
