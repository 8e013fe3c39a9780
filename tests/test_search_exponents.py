"""Many exponents at once: exactly the lists, scores and ties of a search for each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Embeddings, Space, search
from anglewise.data_types.sparse import SparseRows
from search_oracle import same

GRID = [f"norm(0,{b:g})" for b in np.linspace(0, 1, 41)]


def a_space(seed=0, *, items=300, d=5, ties=False):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((items, d)) * rng.lognormal(0, 1, (items, 1))
    if ties:
        x = np.round(x)
        x[::7] = x[0]
    x[3] = 0
    q = rng.standard_normal((30, d))
    q[4] = 0
    return Space(queries=Embeddings(q), items=Embeddings(x))


def assert_alike(space, names, **how):
    together = search(space, names, **how)
    assert list(together) == names
    assert all(same(together[name], search(space, name, **how)[name]) for name in names)


@given(seed=st.integers(0, 1000), ties=st.booleans())
@settings(max_examples=4)
def test_many_exponents_are_what_separate_searches_find(seed, ties):
    assert_alike(a_space(seed, ties=ties), GRID, k=6)


@pytest.mark.parametrize("k", [1, 40, 59])
def test_long_lists_of_few_items(k):
    assert_alike(a_space(items=60), GRID, k=k, direction="items-items")


@pytest.mark.parametrize(
    "names",
    [
        [f"norm(0.5,{b:g})" for b in np.linspace(-1, 2.5, 30)],
        [f"norm(0,{b:g})@centred" for b in np.linspace(0, 1, 24)],
        ["cosine", *GRID, "euclidean", *(f"norm(1,{b:g})" for b in np.linspace(0, 1, 25))],
    ],
    ids=["wide", "framed", "among others"],
)
def test_exponents_in_any_company(names):
    assert_alike(a_space(), names, k=6)


def test_what_is_left_out_stays_out():
    space = a_space()
    rng = np.random.default_rng(0)
    rows, columns = np.nonzero(rng.random((30, 300)) < 0.3)
    exclude = SparseRows.from_pairs(rows, columns, shape=(30, 300))
    assert_alike(space, GRID, k=8, exclude=exclude, rows=np.array([7, 2, 20]))


def test_an_unusual_spread_of_lengths_changes_nothing():
    assert_alike(a_space(items=2000), GRID, k=6)
