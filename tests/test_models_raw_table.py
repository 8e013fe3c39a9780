"""Raw data as a space: cosines of columns, and what a user used."""

import numpy as np
import pytest
from scipy import sparse

from anglewise import search
from anglewise.errors import ShapeError, SpellingError
from anglewise.recommender_models.model import raw_table
from anglewise.recommender_models.normalisation import normalisation

RULES = ["none", "standardised", "l2", "tf-idf", "bm25", "propensity", "exponents(0,0.6)"]


@pytest.fixture(scope="module", name="X")
def _table():
    rng = np.random.default_rng(0)
    table = (rng.random((90, 20)) < rng.beta(1, 3, 20)).astype(float)
    table[:, 5] = 0
    return sparse.csr_array(table)


def cosines(columns):
    lengths = np.linalg.norm(columns, axis=0)
    unit = columns / np.where(lengths > 0, lengths, 1)
    return unit.T @ unit


@pytest.mark.parametrize("rule", RULES)
def test_products_of_items_are_the_cosines_of_their_columns(X, rule):
    space = (raw := raw_table(X, normalise=rule)).space(raw.fold_in(X))
    expected = cosines(normalisation(rule).learn(X).apply(X).toarray())
    assert np.allclose(space.items.vectors @ space.items.vectors.T, expected, atol=1e-6)
    found = search(space, "cosine", k=19, direction="items-items")["cosine"]
    for item in set(range(20)) - {5}:
        others = np.delete(expected[item], item)
        assert np.allclose(found.scores[item], np.sort(others)[::-1], atol=1e-5)


def test_standardised_columns_have_their_correlation_for_a_cosine(X):
    items = raw_table(X, normalise="standardised").item_vectors
    used = np.flatnonzero(X.toarray().std(axis=0))
    expected = np.corrcoef(X.toarray()[:, used].T)
    assert np.allclose((items @ items.T)[np.ix_(used, used)], expected, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_a_user_and_an_item_have_the_sum_of_the_cosines_with_what_was_used(X, rule):
    raw = raw_table(X, normalise=rule)
    space = raw.space(raw.fold_in(X[:30]))
    expected = X[:30] @ cosines(normalisation(rule).learn(X).apply(X).toarray())
    assert np.allclose(space.queries.vectors @ space.items.vectors.T, expected, atol=1e-5)


def test_too_large_a_table_is_refused_with_the_memory_it_needs():
    with pytest.raises(ShapeError, match=r"need 4\.0 GB"):
        raw_table(sparse.csr_array((100_000, 10_000)))


def test_what_does_not_fit_is_refused(X):
    with pytest.raises(ShapeError, match="19 columns came"):
        raw_table(X).fold_in(X[:, :19])
    with pytest.raises(SpellingError, match="raw data predict nothing"):
        raw_table(X, normalise="exponents(0.5,0)")
