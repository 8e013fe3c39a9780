"""``@without-biases``: the columns that only add are no directions."""

import numpy as np
import pytest

from anglewise import Embeddings, Space, gauge, search
from anglewise.equivalent_factorisations.gauge import without_biases
from anglewise.errors import ShapeError, SpellingError

RNG = np.random.default_rng(0)
USERS = np.column_stack([RNG.standard_normal((30, 5)), np.ones(30)])
ITEMS = np.column_stack([RNG.standard_normal((40, 5)), 3 * RNG.standard_normal(40)])
BIASED = Space(queries=Embeddings(USERS), items=Embeddings(ITEMS), trained_for="dot")


def rows(space, measure, direction="items-items"):
    return search(space, measure, k=6, direction=direction)[measure].indices


@pytest.mark.parametrize("direction", ["items-items", "queries-queries", "queries-items"])
@pytest.mark.parametrize("formula", ["dot", "cosine", "euclidean", "manhattan"])
def test_it_is_the_measure_on_vectors_without_these_columns(formula, direction):
    ours = rows(BIASED, f"{formula}@without-biases", direction)
    assert np.array_equal(ours, rows(without_biases(BIASED), formula, direction))


def test_other_frames_follow_it():
    ours = rows(BIASED, "cosine@without-biases@centred")
    assert np.array_equal(ours, rows(without_biases(BIASED), "cosine@centred"))


@pytest.mark.parametrize("after", ["balanced", "item-orthonormal", "balanced@centred"])
def test_a_gauge_after_it_is_that_of_vectors_without_these_columns(after):
    for direction in ("items-items", "queries-items"):
        ours = rows(BIASED, f"cosine@without-biases@{after}", direction)
        assert np.array_equal(ours, rows(without_biases(BIASED), f"cosine@{after}", direction))


def test_a_cosine_between_items_hears_no_bias():
    louder = np.column_stack([ITEMS[:, :5], 50 * ITEMS[:, 5]])
    loud = Space(queries=BIASED.queries, items=Embeddings(louder))
    assert np.array_equal(
        rows(loud, "cosine@without-biases"), rows(BIASED, "cosine@without-biases")
    )
    assert not np.array_equal(rows(loud, "cosine"), rows(BIASED, "cosine"))


def test_vectors_without_biases_stay_as_they_are():
    plain = Space(queries=Embeddings(USERS[:, :5]), items=Embeddings(ITEMS[:, :5]))
    assert np.array_equal(rows(plain, "cosine@without-biases"), rows(plain, "cosine"))


@pytest.mark.parametrize("first", [False, True])
def test_a_gauge_leaves_named_biases_alone_and_tells_where_they_are(first):
    """Wherever the column stands, as the library that trained it put it."""
    order = [5, *range(5)] if first else [*range(6)]
    users, items = Embeddings(USERS[:, order]), Embeddings(ITEMS[:, order])
    about = {"bias_columns": [order.index(5)]}
    space = Space(queries=users, items=items, trained_for="dot", about=about)
    moved = gauge("balanced").apply(space)
    (column,) = moved.about["bias_columns"]
    assert np.array_equal(moved.queries.vectors[:, column], np.ones(30))
    assert np.array_equal(rows(moved, "dot", "queries-items"), rows(space, "dot", "queries-items"))
    same = rows(without_biases(space), "cosine@balanced")
    assert np.array_equal(rows(moved, "cosine@without-biases"), same)


def test_biases_that_a_gauge_mixed_are_named_no_more():
    space = Space(
        queries=BIASED.queries, items=BIASED.items, trained_for="dot", about={"bias_columns": [5]}
    )
    assert gauge("balanced").apply(space, keep=()).about["bias_columns"] == []


def test_it_comes_first_and_leaves_something():
    with pytest.raises(SpellingError, match="must be the first frame"):
        rows(BIASED, "cosine@centred@without-biases")
    nothing = Space(items=BIASED.items, about={"bias_columns": list(range(6))})
    with pytest.raises(ShapeError, match="all 6 columns"):
        rows(nothing, "cosine@without-biases")
