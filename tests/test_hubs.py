"""Remedies against hubs: what is searched is the definition, computed pair by pair."""

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from anglewise import Embeddings, Space, measure, search
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import score_pairs
from anglewise.geometry.crowding import hubness
from anglewise.nearest_neighbours.search import search_vectors
from anglewise.similarity_measures import hubs
from anglewise.similarity_measures.formulas import fitted
from anglewise.similarity_measures.measure import measures_and_families, prepare
from search_oracle import scanners, using

K = 4
NAMES = (f"csls({K})", f"local-scaling({K})", "mutual-proximity")
WAYS = ("queries-items", "items-items", "queries-queries")


def a_space(seed=0, queries=30, items=70, d=6):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((items, d)) * rng.lognormal(0, 1, (items, 1)) + 0.4
    x[3], x[7] = 0, x[8]
    q = rng.standard_normal((queries, d)) + 0.3
    q[2] = 0
    return Space(queries=Embeddings(q), items=Embeddings(x))


def directions_of(x):
    x = x.astype(float)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, length, out=np.zeros_like(x), where=length > 0)


def by_definition(name, asking, ranked, *, itself):
    """Every score, from the formula in the paper, without what is the same for a whole query."""
    q, x = directions_of(asking), directions_of(ranked)
    cosine = q @ x.T
    if name == "mutual-proximity":
        by_item = norm.logcdf((cosine - cosine.mean(0)) / np.maximum(cosine.std(0), 1e-12))
        by_query = (cosine - cosine.mean(1)[:, None]) / np.maximum(cosine.std(1), 1e-12)[:, None]
        return by_item + norm.logcdf(by_query)
    out = np.empty(cosine.shape)
    for row in range(len(x)):
        others = [i for i in range(len(q)) if not (itself and i == row)]
        nearest = np.sort(cosine[others, row])[::-1][:K]
        if name.startswith("csls"):
            out[:, row] = 2 * cosine[:, row] - nearest.mean()
        else:
            scale = np.mean([np.sqrt(max(2 - 2 * c, 0)) for c in nearest])
            out[:, row] = (2 * cosine[:, row] - 2) / scale
    return out


def brute(name, space, way):
    asking, ranked = space.sides(way)
    return by_definition(name, asking.vectors, ranked.vectors, itself=asking is ranked)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_searched_is_the_definition(name, way):
    space = a_space()
    truth = brute(name, space, way)
    found = search(space, name, k=12, direction=way)[name]
    if way != "queries-items":
        np.fill_diagonal(truth, -np.inf)
    assert np.allclose(
        np.take_along_axis(truth, found.indices, 1), found.scores, rtol=1e-5, atol=1e-6
    )
    assert np.allclose(-np.sort(-truth, axis=1)[:, :12], found.scores, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scanner", scanners(), ids=lambda one: one.kind)
@given(seed=st.integers(0, 100))
@settings(max_examples=3)
def test_a_sample_and_tiles_change_nothing(scanner, seed):
    space = a_space(seed, items=900)
    with using(scanner, tile_rows=128, sample=100):
        found = search(space, list(NAMES[:2]), k=12)
    for name in NAMES[:2]:
        truth = brute(name, space, "queries-items")
        assert np.allclose(
            -np.sort(-truth, axis=1)[:, :12], found[name].scores, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("name", NAMES)
def test_pairs_are_scored_as_in_lists(name):
    space = a_space()
    rows = np.arange(30)
    scores = score_pairs(space, [measure(name)], rows, rows + 20)[0]
    truth = brute(name, space, "queries-items")[rows, rows + 20]
    assert np.allclose(scores, truth, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_new_query_is_answered_as_if_it_were_in_the_space(name):
    space = a_space()
    whole = search(space, name, k=9)[name]
    alone = search_vectors(space, Embeddings(space.queries.vectors[[11]]), name, k=9)[name]
    assert np.array_equal(alone.indices[0], whole.indices[11])
    assert np.array_equal(alone.scores[0], whole.scores[11])


@pytest.mark.parametrize("name", NAMES)
def test_the_length_of_a_vector_does_not_matter(name):
    space = a_space()
    longer = Space(
        queries=Embeddings(4 * space.queries.vectors), items=Embeddings(8 * space.items.vectors)
    )
    before, after = (search(one, name, k=9)[name] for one in (space, longer))
    assert np.array_equal(before.indices, after.indices)
    assert np.allclose(before.scores, after.scores, rtol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["dot", "cosine", "euclidean", "norm(0,0.5)", *NAMES[:2], "cosine@whitened", "csls(4)@centred"],
)
@pytest.mark.parametrize("way", WAYS)
def test_prepared_vectors_rank_by_their_inner_product(name, way):
    space = a_space()
    ready = prepare(measure(name), space, way)
    items = np.concatenate(list(ready.items()))
    queries = ready.queries(space.sides(way)[0].vectors)
    ranking = queries @ items.T
    truth = search(space, name, k=len(items) - 1, direction=way)[name]
    for row, (indices, scores) in enumerate(zip(truth.indices, truth.scores, strict=True)):
        values = ranking[row, indices]
        assert (np.diff(values) <= 1e-6 * np.abs(values).max()).all()
        if name in NAMES:
            assert np.allclose(values, scores, rtol=1e-5, atol=1e-6)
    added = name in {"euclidean", "csls(4)", "local-scaling(4)", "csls(4)@centred"}
    assert items.shape[1] == space.items.dimension + added


@pytest.mark.parametrize("name", ["manhattan", "mutual-proximity"])
def test_what_is_no_inner_product_is_not_prepared(name):
    with pytest.raises(SpellingError, match="no inner product ranks as"):
        prepare(measure(name), a_space())


def test_items_near_to_all_stand_in_fewer_lists():
    rng = np.random.default_rng(0)
    length = rng.lognormal(0, 0.5, (800, 1))
    space = Space(items=Embeddings(rng.standard_normal((800, 40)) * length + 0.6))
    found = search(space, ["cosine", *NAMES], k=10, direction="items-items")
    skewness = {name: hubness(one, 800).skewness for name, one in found.items()}
    assert all(skewness[name] < 0.6 * skewness["cosine"] for name in NAMES)


def test_more_neighbours_than_there_are_queries_are_all_of_them():
    space = a_space(queries=3)
    few, many = (search(space, f"csls({k})", k=9)[f"csls({k})"] for k in (3, 50))
    assert np.array_equal(few.scores, many.scores)
    alone = Space(items=Embeddings([[1.0, 2.0]]))
    assert search(alone, "csls(2)", k=1)["csls(2)"].scores.tolist() == [[2.0]]


def test_copies_have_a_scale():
    space = Space(items=Embeddings(np.ones((6, 3))))
    found = search(space, "local-scaling(2)", k=3, direction="items-items")["local-scaling(2)"]
    assert np.allclose(found.scores, 0, atol=1e-6)


@pytest.mark.parametrize("word", ["csls", "csls(0)", "csls(1.5)", "local-scaling(-1)"])
def test_neighbours_are_counted_in_whole_numbers(word):
    with pytest.raises(SpellingError):
        measure(word)


@pytest.mark.parametrize("spelling", ["csls(10)", "local-scaling(10)", "csls(1000000000)"])
def test_neighbourhoods_are_learnt_in_bounded_memory(spelling):
    """All cosines at once would weigh 288 MB here, and as much again to sort them."""
    space = Space(items=Embeddings(np.random.default_rng(0).standard_normal((6000, 4))))
    tracemalloc.start()
    try:
        fitted(measure(spelling), space)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100e6


def test_more_neighbours_than_there_are_means_all_of_them():
    space = a_space()
    few, many = (fitted(measure(f"csls({k})"), space).formula for k in (30, 10**9))
    assert np.array_equal(few.bias, many.bias)


@pytest.mark.parametrize("way", WAYS)
def test_blocks_do_not_change_what_is_learnt(way, monkeypatch):
    once = fitted(measure("csls(4)"), a_space(), way).formula.bias
    monkeypatch.setattr(hubs, "COSINES_BYTES", 8 * 12 * 7)
    monkeypatch.setattr(hubs, "WIDTH", 8)
    np.testing.assert_allclose(
        fitted(measure("csls(4)"), a_space(), way).formula.bias, once, rtol=0, atol=2e-7
    )


@pytest.mark.parametrize(
    ("spelling", "said"),
    [
        ("csls", "'csls' lacks its numbers: write csls(k)"),
        ("csls()", "'csls()': a number is missing: write csls(k)"),
        ("csls(10,2)", "'csls(10,2)' does not take these numbers: write csls(k)"),
        ("csls(*)", "'csls(*)' leaves open what cannot be tuned: write norm(0,*)"),
        ("csls(0)", "the number of neighbours of csls is 0: a whole number of at least 1"),
        ("local-scaling(-1)", "the number of neighbours of local-scaling is -1: a whole number"),
        ("dot(3)", "'dot(3)' does not take these numbers: write dot"),
    ],
)
def test_a_measure_that_lacks_its_number_is_told_how_it_is_written(spelling, said):
    with pytest.raises(SpellingError, match=re.escape(said)):
        measures_and_families(spelling)
