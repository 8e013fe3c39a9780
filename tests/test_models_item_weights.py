"""Item-item weights: the optimum by its conditions, the path of penalties, the space."""

import numpy as np
import pytest
from scipy import sparse

from anglewise import fit_ease, search
from anglewise.errors import ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.recommender_models import svd as gram_room
from anglewise.recommender_models.ease import MOST_ITEMS, penalty_path
from anglewise.recommender_models.fit import learn
from anglewise.recommender_models.normalisation import normalisation
from anglewise.recommender_models.svd import fill_upper, lower_gram

RULES = ["none", "standardised", "l2", "tf-idf", "bm25", "propensity", "exponents(0.3,0.6)"]


@pytest.fixture(scope="module", name="X")
def _table():
    rng = np.random.default_rng(0)
    taste = rng.gamma(0.5, size=(400, 4)) @ rng.gamma(0.5, size=(4, 25))
    return sparse.csr_array((rng.random((400, 25)) < taste / (taste + 1)).astype(float))


def by_inverse(gram, penalty):
    P = np.linalg.inv(gram + penalty * np.eye(len(gram)))
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    return B


@pytest.mark.parametrize("penalty", [0.5, 20.0, 3000.0])
def test_the_weights_are_the_constrained_optimum(X, penalty):
    """Off the diagonal the gradient is zero; on it a multiplier holds the weights at zero."""
    B = fit_ease(X, penalty).weights.astype(float)
    G = (X.T @ X).toarray()
    gradient = -2 * (G - G @ B) + 2 * penalty * B
    off = gradient - np.diag(np.diag(gradient))
    assert not np.diag(B).any()
    assert np.abs(off).max() <= 1e-5 * np.abs(G).max()
    assert (np.diag(gradient) < 0).all()


def test_each_column_is_the_ridge_regression_of_the_other_items(X):
    penalty, j = 7.0, 3
    others = np.delete(np.arange(25), j)
    A, b = X.toarray()[:, others], X.toarray()[:, j]
    expected = np.linalg.solve(A.T @ A + penalty * np.eye(24), A.T @ b)
    assert np.allclose(fit_ease(X, penalty).weights[others, j], expected, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_a_normalised_table_has_the_weights_of_its_own_gram(X, rule):
    learned = normalisation(rule).learn(X)
    dense = learned.apply(X).toarray()
    expected = by_inverse(dense.T @ dense, 5.0)
    if learned.balance is not None:
        expected = expected * learned.balance[:, None] / learned.balance
    model = fit_ease(X, 5.0, normalise=rule)
    assert np.allclose(model.weights, expected, atol=2e-5)
    assert np.allclose(model.predict(X[:9]), dense[:9] @ expected, atol=1e-4)


@pytest.mark.parametrize("way", ["blocks", "pairs"])
@pytest.mark.parametrize("rule", ["none", "standardised"])
def test_the_gram_matrix_is_the_same_by_blocks_and_by_pairs(X, way, rule, monkeypatch):
    monkeypatch.setattr(gram_room, "DENSE_SPEED", 0 if way == "pairs" else 1e9)
    monkeypatch.setattr(gram_room, "GRAM_BLOCK_ENTRIES", 25 * 7)
    table = normalisation(rule).learn(X).apply(X)
    found = fill_upper(lower_gram(table))
    dense = table.toarray()
    assert np.allclose(found, dense.T @ dense, rtol=1e-5, atol=1e-3 if rule != "none" else 0)


def test_a_triangle_is_mirrored_whatever_stands_above_it():
    rng = np.random.default_rng(0)
    half = rng.standard_normal((2500, 2500)).astype(np.float32)
    expected = np.tril(half) + np.tril(half, -1).T
    assert np.array_equal(fill_upper(half.copy(order="F")), expected)


@pytest.mark.parametrize("rule", ["none", "standardised", "exponents(0.3,0.6)"])
def test_the_path_of_penalties_is_that_of_one_inverse_each(X, rule):
    """The same users, the same split, but weights by direct inversion."""
    from anglewise.recommender_models.ease import mean_ndcg, split_users

    penalties = (2.0, 30.0, 900.0)
    path = penalty_path(X, normalisation(rule), penalties, seed=4)
    shown, hidden, others = split_users(X, np.random.default_rng(4))
    assert len(others) + shown.shape[0] == 400
    assert path.users == shown.shape[0]
    assert not (shown.toarray() * hidden.toarray()).any()
    for penalty, score in zip(path.penalties, path.scores, strict=True):
        predicted = fit_ease(X[others], penalty, normalise=rule).predict(shown)
        predicted[shown.toarray() > 0] = -np.inf
        assert score == pytest.approx(mean_ndcg(predicted, hidden.toarray() > 0), abs=2e-3)


def test_the_penalty_that_is_taken_is_the_best_of_the_path(X):
    model = fit_ease(X, seed=1)
    assert model.penalty == model.path.best
    assert max(model.path.scores) == model.path.scores[model.path.penalties.index(model.penalty)]
    assert str(model.path).startswith(f"penalty {model.penalty:g}")
    assert np.array_equal(model.weights, fit_ease(X, seed=1).weights)
    assert np.array_equal(model.weights, fit_ease(X, model.penalty).weights)


def test_noise_asks_for_a_larger_penalty_than_structure():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 600)
    structure = rng.random((600, 20)) < np.where(np.arange(20) % 2 == group[:, None], 0.9, 0.05)
    noise = rng.random((600, 20)) < 0.3 + 0.2 * (np.arange(20) % 2)
    best = [fit_ease(table.astype(float)).penalty for table in (structure, noise)]
    assert best[0] < best[1]


def test_dot_products_of_the_space_are_the_predictions(X):
    model = fit_ease(X, 5.0)
    space = model.space(model.fold_in(X))
    assert np.allclose(space.queries.vectors @ space.items.vectors.T, model.predict(X), atol=1e-5)
    assert (space.items.dimension, space.trained_for) == (25, "dot")
    found = search(model.item_to_item(), "dot", k=24)["dot"]
    for item in range(25):
        weights = model.weights[item].copy()
        weights[item] = -np.inf
        assert np.allclose(found.scores[item], np.sort(weights)[::-1][:24], atol=1e-6)
        assert item not in found.indices[item]


def test_an_item_that_nobody_used_neither_speaks_nor_is_spoken_for(X):
    table = X.toarray()
    table[:, 4] = 0
    weights = fit_ease(table, 5.0).weights
    assert not weights[4].any()
    assert not weights[:, 4].any()


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan"), float("inf")])
def test_penalties_that_are_none_are_refused(X, penalty):
    with pytest.raises(ValuesError, match="a positive number is due"):
        fit_ease(X, penalty)


@pytest.mark.parametrize("penalties", [[], [0.0], [1.0, -1.0], [float("nan")]])
def test_a_path_has_positive_penalties(X, penalties):
    with pytest.raises(ValuesError, match="positive numbers are due"):
        penalty_path(X, normalisation("none"), penalties)


def test_too_many_items_are_refused_with_the_memory_they_need():
    wide = sparse.csr_array((3, MOST_ITEMS + 1))
    with pytest.raises(ShapeError, match=r"30,001 items need weights of 3\.6 GB"):
        fit_ease(wide, 1.0)
    with pytest.raises(ShapeError, match=r"up to 12,000: give a penalty"):
        fit_ease(sparse.csr_array((3, 12_001)))


def test_too_few_users_cannot_choose_a_penalty(X):
    with pytest.raises(TooFewError, match="give a penalty"):
        fit_ease(X[:50])
    with pytest.raises(TooFewError, match="a user and two items"):
        fit_ease(X[:, :1], 1.0)


def test_a_penalty_too_small_for_single_precision_is_said():
    copies = np.ones((3000, 5))
    with pytest.raises(ValuesError, match="too small to invert"):
        fit_ease(copies, 1e-6)


def test_other_items_than_in_training_are_refused(X):
    with pytest.raises(ShapeError, match="24 columns came"):
        fit_ease(X, 5.0).fold_in(X[:, :24])


@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("ease", {"components": 3}),
        ("ease", {"gauge": "balanced"}),
        ("raw-data", {"penalty": 1.0}),
        ("raw-data", {"components": 3}),
        ("als", {}),
    ],
)
def test_options_that_an_objective_does_not_have_are_refused(X, objective, options):
    with pytest.raises(SpellingError, match=r"has no|is unknown"):
        learn(X, objective=objective, **options)
