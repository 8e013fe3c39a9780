"""Hubs: closed cases, invariance, what chance does, and what a sample of queries does."""

import json
from dataclasses import asdict
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, skew

import planted
from anglewise import Embeddings, Neighbours, Space, search
from anglewise.errors import ShapeError, TooFewError
from anglewise.geometry.crowding import _factorial_moments, _scaled, hubness
from real_data import real_data


def lists(indices):
    indices = np.asarray(indices, dtype=np.int64)
    scores = np.where(indices < 0, -np.inf, 0).astype(np.float32)
    return Neighbours("cosine", indices, scores, np.zeros(len(indices), dtype=np.int64))


def random_lists(rng, asked, items, k, weights=None):
    """k different items a list, each by its weight."""
    keys = rng.gumbel(size=(asked, items)) + (0 if weights is None else np.log(weights))
    return lists(np.argsort(-keys, axis=1)[:, :k])


@given(seed=st.integers(0, 999))
def test_hubness_survives_a_permutation_of_items_and_of_queries(seed):
    rng = np.random.default_rng(seed)
    before = random_lists(rng, 30, 20, 4, rng.lognormal(size=20))
    order = rng.permutation(20)
    after = lists(order[before.indices][rng.permutation(30)])
    one, other = asdict(hubness(before, 20)), asdict(hubness(after, 20))
    moved = other.pop("largest_row")
    assert (before.indices == order.argsort()[moved]).sum() == other["largest"]
    del one["largest_row"]
    assert one == pytest.approx(other)


@given(seed=st.integers(0, 999))
def test_skewness_is_that_of_the_counts(seed):
    rng = np.random.default_rng(seed)
    found = random_lists(rng, 25, 15, 3, rng.lognormal(size=15))
    counts = np.bincount(found.indices.ravel(), minlength=15)
    assert hubness(found, 15).skewness == pytest.approx(skew(counts), abs=1e-9)
    assert hubness(found, 15).skewness_of_all == hubness(found, 15).skewness


def test_one_item_that_everybody_lists_holds_it_all():
    found = hubness(lists([[7]] * 50), items=300)
    assert (found.largest, found.largest_row, found.top_share) == (50, 7, 1)
    assert found.anti_hubs == pytest.approx(299 / 300)
    assert found.skewness == pytest.approx(skew(np.eye(300)[7]))


def test_lists_that_share_alike_have_no_hubs():
    ring = lists([[(i + 1) % 200, (i + 2) % 200] for i in range(200)])
    found = hubness(ring, 200)
    assert (found.skewness, found.anti_hubs, found.top_share) == (None, 0, 0.01)


def test_empty_places_and_tails_beyond_k_are_not_counted():
    found = hubness(lists([[0, 1, -1], [0, -1, -1]]), items=3)
    assert (found.largest, found.anti_hubs) == (2, pytest.approx(1 / 3))
    assert hubness(lists([[0, 1], [0, 2]]), items=3, k=1).anti_hubs == pytest.approx(2 / 3)
    nothing = hubness(lists([[-1], [-1]]), items=3)
    assert (nothing.top_share, nothing.anti_hubs, nothing.skewness) == (None, 1, None)
    assert json.loads(json.dumps(asdict(nothing), allow_nan=False)) == asdict(nothing)


def test_random_lists_have_what_chance_has():
    found = hubness(random_lists(np.random.default_rng(0), 400, 2000, 5), 2000)
    assert found.anti_hubs == pytest.approx(found.anti_hubs_by_chance, abs=0.03)
    assert found.skewness == pytest.approx(found.skewness_by_chance, abs=0.2)
    assert found.skewness_by_chance == pytest.approx(binom(400, 5 / 2000).stats("s"))


def test_a_sample_of_queries_tells_the_skewness_of_all_of_them():
    rng = np.random.default_rng(1)
    items, everybody = 400, 3000
    full = random_lists(rng, everybody, items, 10, rng.lognormal(sigma=0.5, size=items))
    truth = hubness(full, items).skewness
    counted, told = [], []
    for _ in range(60):
        rows = rng.choice(everybody, size=150, replace=False)
        found = hubness(lists(full.indices[rows]), items, queries=everybody)
        counted.append(found.skewness)
        told.append(found.skewness_of_all)
    assert np.mean(told) == pytest.approx(truth, rel=0.1)
    assert abs(np.mean(told) - truth) < abs(np.mean(counted) - truth) / 2


def test_the_moments_of_all_samples_average_to_those_of_everybody():
    full = random_lists(np.random.default_rng(3), 7, 6, 3)

    def moments(rows):
        return _factorial_moments(np.bincount(full.indices[list(rows)].ravel(), minlength=6))

    everybody = moments(range(7))
    told = [_scaled(moments(rows), 4, 7) for rows in combinations(range(7), 4)]
    assert np.mean(told, axis=0) == pytest.approx(everybody)


def test_too_small_a_sample_says_nothing_of_all():
    found = hubness(lists([[0, 1], [2, 3]]), items=50, queries=1000)
    assert found.skewness is not None
    assert found.skewness_of_all is None


def test_what_does_not_fit_is_refused():
    with pytest.raises(TooFewError, match="1 to 2"):
        hubness(lists([[0, 1]]), items=2, k=3)
    with pytest.raises(ShapeError, match="row 5 of 3 items"):
        hubness(lists([[0, 5]]), items=3)
    with pytest.raises(ShapeError, match="2 lists of 1"):
        hubness(lists([[0], [1]]), items=3, queries=1)


def test_hubs_grow_with_the_dimension():
    rng = np.random.default_rng(2)

    def skewness(d):
        space = Space(items=Embeddings(rng.normal(size=(1500, d))))
        found = search(space, "euclidean", k=10, direction="items-items")["euclidean"]
        return hubness(found, 1500).skewness

    assert skewness(100) > skewness(5) + 1


def test_long_vectors_that_lean_to_one_side_are_hubs_of_the_inner_product():
    space = planted.one_sided_lean()
    found = search(space, "dot,cosine", k=10, direction="items-items")
    dot, cosine = (hubness(found[name], 1000) for name in ("dot", "cosine"))
    assert (dot.largest > 900, cosine.largest < 200) == (True, True)
    assert (dot.anti_hubs > 0.9, cosine.anti_hubs < 0.2) == (True, True)
    assert (dot.top_share > 0.7, cosine.top_share < 0.2) == (True, True)


@pytest.mark.real
def test_cranfields_long_vectors_are_hubs_of_the_inner_product():
    vectors = np.load(real_data("cranfield") / "vectors" / "glove50-sum" / "items.npy")
    found = search(Space(items=Embeddings(vectors)), "dot,cosine", k=10, direction="items-items")
    dot, cosine = (hubness(found[name], 1400) for name in ("dot", "cosine"))
    assert dot.largest > 1000
    assert dot.anti_hubs > 0.9 > cosine.anti_hubs
    assert dot.top_share > 0.8 > cosine.top_share
