"""What unit-norm training leaves free, and how far the shortest direction is from rounding."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Embeddings, read_interactions, search
from anglewise.equivalent_factorisations.gauge import random_pair
from anglewise.equivalent_factorisations.maps import root
from anglewise.geometry.crowding import hubness
from anglewise.geometry.dimensions import _gram_of_products, rank_condition
from anglewise.geometry.isotropy import conditioning, isotropy
from anglewise.geometry.norms import norms, popularity, spearman
from anglewise.recommender_models.closed_form import fit_linear
from real_data import real_data


def of(x):
    return rank_condition(Embeddings(x), np.random.default_rng(0))


def products(x):
    above, below = np.triu_indices(x.shape[1])
    return x[:, above] * x[:, below]


def on_a_cone(rng, rows, d):
    """Rows with ``x_0^2 = x_1^2``, a quadratic equation that all of them satisfy."""
    x = rng.normal(size=(rows, d))
    x[:, 1] = x[:, 0] * rng.choice([-1, 1], size=rows)
    return x


@given(seed=st.integers(0, 999), d=st.integers(1, 7), rows=st.integers(1, 60))
@settings(max_examples=60)
def test_the_rank_is_that_of_the_table_of_products(seed, d, rows):
    x = np.random.default_rng(seed).integers(-2, 3, size=(rows, d)).astype(float)
    found = of(x)
    true = np.linalg.matrix_rank(products(x))
    assert found.due == d * (d + 1) // 2
    if found.satisfied is None:
        assert found.rank < found.due  # of a sample
    else:
        assert found.satisfied == (true == found.due)
    if found.rank is not None and found.rows == np.count_nonzero(x.any(axis=1)):
        assert found.rank == true


@pytest.mark.parametrize("d", [2, 8, 20])
def test_enough_generic_items_pin_all_but_rotations_and_too_few_do_not(d):
    due = d * (d + 1) // 2
    x = np.random.default_rng(d).normal(size=(due + 5, d))
    assert of(x).satisfied is True
    assert of(x[: due - 1]).satisfied is False
    assert "cannot span" in of(x[: due - 1]).reason


@pytest.mark.parametrize("seed", range(5))
def test_where_the_rank_falls_short_a_map_that_is_no_rotation_keeps_every_length(seed):
    rng = np.random.default_rng(seed)
    x = on_a_cone(rng, 25, 5)
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32).astype(float)
    found = of(x)
    assert (found.satisfied, found.rank, found.rows) == (False, 14, 25)
    free = np.diag([1.0, -1, 0, 0, 0])
    stretch = np.linalg.cholesky(np.eye(5) + 0.5 * free)
    moved = np.linalg.norm(x @ stretch, axis=1)
    assert np.abs(moved - np.linalg.norm(x, axis=1)).max() < 1e-6
    assert np.linalg.cond(stretch) > 1.5


@pytest.mark.parametrize("seed", range(5))
def test_rounding_to_float32_is_not_taken_for_a_direction(seed):
    rng = np.random.default_rng(seed)
    x = on_a_cone(rng, 25, 5) @ random_pair(5, 2000.0, rng).items
    found = of(x)  # Embeddings rounds, which takes the rows off the cone
    assert np.linalg.matrix_rank(products(x.astype(np.float32).astype(float))) == 15
    assert (found.satisfied, found.rank) == (False, 14)


def test_the_table_of_products_has_the_norms_that_its_bound_supposes():
    w = np.random.default_rng(0).normal(size=(1500, 4))
    gram = _gram_of_products(w)
    assert np.trace(gram) == pytest.approx((np.linalg.norm(w, axis=1) ** 4).sum())


@given(seed=st.integers(0, 999), condition=st.floats(1.1, 100))
@settings(max_examples=20)
def test_an_invertible_map_changes_no_answer(seed, condition):
    rng = np.random.default_rng(seed)
    through = random_pair(6, condition, rng).items
    for x in (rng.normal(size=(40, 6)), on_a_cone(rng, 40, 6)):
        assert of(x @ through).satisfied == of(x).satisfied == (of(x).rank == 21)


def test_a_sample_proves_but_never_refutes():
    rng = np.random.default_rng(1)
    assert of(rng.normal(size=(500, 5))).satisfied is True
    assert of(rng.normal(size=(500, 5))).rows == 30
    found = of(on_a_cone(rng, 500, 5))
    assert (found.satisfied, found.rank) == (None, 14)
    assert "the other 470 may add to it" in found.reason


def test_a_missing_direction_refutes_at_any_size_and_many_dimensions_are_not_checked():
    x = np.random.default_rng(2).normal(size=(6000, 100))
    assert of(x).satisfied is None
    assert of(x).reason.startswith("not checked")
    x[:, 3] = x[:, 4]
    assert of(x).satisfied is False
    assert "span 99 of 100 dimensions" in of(x).reason


@given(seed=st.integers(0, 999), condition=st.floats(1, 1e6))
@settings(max_examples=25)
def test_the_condition_is_that_of_the_map_behind_round_vectors(seed, condition):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(50, 4)))[0]
    x = q @ random_pair(4, condition, rng).items
    for matrix in (x, root(x).matrix):
        assert conditioning(matrix).condition == pytest.approx(condition, rel=1e-6)
        assert conditioning(matrix * 7).condition_of_span == pytest.approx(condition, rel=1e-6)


def test_directions_below_float32_are_counted_and_missing_ones_are_not_divided_by():
    x = np.diag([1.0, 1e-3, 1e-8, 0.0])
    found = conditioning(x)
    assert (found.rank, found.below_float32, found.condition) == (3, 2, None)
    assert found.condition_of_span == pytest.approx(1e8)
    nothing = conditioning(np.zeros((2, 3)))
    assert (nothing.rank, nothing.condition_of_span, nothing.below_float32) == (0, None, 3)
    for one in (found, nothing, conditioning(np.ones((1, 2)))):
        json.dumps(asdict(one), allow_nan=False)


@pytest.mark.real
def test_cranfields_documents_pin_fifty_dimensions_and_no_hundreds():
    for name, d in (("use", 512), ("paraphrase-L3", 384)):
        found = of(np.load(real_data("cranfield") / "vectors" / name / "items.npy"))
        assert found.satisfied is False
        assert found.due == d * (d + 1) // 2
    found = of(np.load(real_data("cranfield") / "vectors" / "glove50-sum" / "items.npy"))
    assert (found.satisfied, found.rank, found.rows) == (True, 1275, 1398)  # without 2 zero rows


@pytest.fixture(scope="module")
def films():
    used = read_interactions(real_data("ml-1m") / "interactions.csv.gz", min_weight=4.0).rows()
    model = fit_linear(used.ones(), 32, penalty=1000.0, gauge="item-orthonormal")
    return model.space(model.fold_in(used.ones()), seen=used)


@pytest.mark.real
def test_films_of_movielens_are_long_where_they_are_popular(films):
    known = popularity(films, "items")
    assert known.what == "seen"
    assert spearman(films.items.norms, known.values) > 0.8
    assert norms(films.items).spread is None or norms(films.items).spread > 10


@pytest.mark.real
def test_item_orthonormal_films_have_condition_one_and_their_users_have_not(films):
    assert conditioning(films.items.vectors).condition == pytest.approx(1, abs=1e-4)
    assert conditioning(films.queries.vectors).condition > 10
    found = isotropy(films.items, np.random.default_rng(0), draws=9)
    assert found.effective_rank == pytest.approx(32, abs=0.5)
    assert rank_condition(films.items, np.random.default_rng(0)).satisfied is True


@pytest.mark.real
def test_popular_films_are_hubs_of_the_inner_product(films):
    found = search(films, "dot,cosine", k=10, direction="items-items")
    dot, cosine = (hubness(found[name], len(films.items)) for name in ("dot", "cosine"))
    assert dot.skewness > 2 * cosine.skewness
    assert dot.anti_hubs > 2 * cosine.anti_hubs
