"""Sparse rows behave as a table in which a stored zero differs from nothing stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import anglewise as aw
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ShapeError
from anglewise.recommender_models.closed_form import fit_linear
from anglewise.recommender_models.model import raw_table
from anglewise.recommender_models.svd import truncated_svd
from anglewise.recommender_models.training import used_cells


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
    for ends, columns in (
        ([0, 1], [2]),
        ([0, 1], [-1]),
        ([0, 2], [0]),
        ([1, 1], [0]),
    ):
        with pytest.raises(ShapeError, match=r"row ends|outside of a table"):
            SparseRows(np.array(ends), np.array(columns), np.ones(1), (1, 2))
    with pytest.raises(ShapeError, match="row ends"):
        SparseRows(np.zeros(2, np.int64), np.zeros(0, np.int64), np.zeros(0), (5, 1))


def lies(kind, place):
    """A matrix of 30 x 30 with an entry that stands at a place where there is none."""
    table = sparse.csr_array(np.eye(30)).asformat(kind)
    if kind == "coo":
        table.col[3] = place
    elif kind == "lil":
        table.rows[3] = [place]
    else:
        table.indices[3] = place
    return table


TAKERS = {
    "seen": lambda table: aw.Space(items=np.eye(30), queries=np.eye(30), seen=table),
    "judgements": aw.Judgements,
    "exclude": lambda table: aw.search(np.eye(30), "dot", k=1, exclude=table),
    "read_interactions": aw.read_interactions,
    "fit_ease": lambda table: aw.fit_ease(table, 1.0),
    "fit_linear": lambda table: fit_linear(table, 2, penalty=1.0),
    "raw_table": raw_table,
    "truncated_svd": lambda table: truncated_svd(table, 2),
    "used_cells": used_cells,
    "LinearEmbedding": lambda table: aw.LinearEmbedding(2).fit(table),
    "TableNormaliser": lambda table: aw.TableNormaliser("tf-idf").fit(table),
    "transform": lambda table: aw.LinearEmbedding(2, penalty=1.0).fit(np.eye(30)).transform(table),
    "fold_in": lambda table: fit_linear(np.eye(30), 2, penalty=1.0).fold_in(table),
    "ease.fold_in": lambda table: aw.fit_ease(np.eye(30), 1.0).fold_in(table),
}


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo", "lil"])
@pytest.mark.parametrize("taker", TAKERS)
def test_an_entry_outside_of_its_matrix_is_refused_before_it_is_read(taker, kind):
    for place in (30, 2_000_000_000, -5):
        with pytest.raises(ShapeError, match=r"outside of a table|holds no such table"):
            TAKERS[taker](lies(kind, place))
