"""The closed forms of arXiv 2403.05440: optimal, and free exactly as far as they should be."""

import numpy as np
import pytest

from anglewise.errors import ShapeError, SpellingError, ValuesError
from anglewise.recommender_models.closed_form import NAMED, find_split, fit_linear

K = 50
GAUGES = [*NAMED, "power(0.25)", "power(-0.5)"]


@pytest.fixture(scope="module", name="X")
def _table():
    """A binary table with popular and rare columns."""
    rng = np.random.default_rng(0)
    taste = rng.gamma(1.0, size=(600, 8)) @ rng.gamma(0.5, size=(8, 120))
    return (rng.random((600, 120)) < taste / (taste + 15)).astype(float)


def parts(model):
    return model.encoder, model.item_factors


def loss(X, A, B, penalty, objective):
    P = X @ A
    sizes = {"product": np.sum((A @ B.T) ** 2), "factors": np.sum(P**2) + np.sum(B**2)}
    return np.sum((X - P @ B.T) ** 2) + penalty * sizes[objective]


def relative_gradient(X, A, B, penalty, objective):
    """Each partial derivative over the size of its largest term."""
    P = X @ A
    gram = X.T @ X
    pull_a, pull_b = gram @ B, X.T @ P
    push_a, push_b = gram @ A @ (B.T @ B), B @ (P.T @ P)
    if objective == "product":
        decay_a, decay_b = A @ (B.T @ B), B @ (A.T @ A)
    else:
        decay_a, decay_b = gram @ A, B
    a, b = push_a + penalty * decay_a - pull_a, push_b + penalty * decay_b - pull_b
    return max(
        np.linalg.norm(a) / np.linalg.norm(pull_a), np.linalg.norm(b) / np.linalg.norm(pull_b)
    )


def cosines(x):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


def scrambled(model, seed):
    """The factors moved by a random map of GL(k)."""
    A, B = parts(model)
    G = np.random.default_rng(seed).standard_normal((len(A.T), len(A.T)))
    return A @ G, B @ np.linalg.inv(G).T


@pytest.mark.parametrize("gauge", GAUGES)
def test_no_gauge_changes_a_prediction_or_the_loss(X, gauge):
    A0, B0 = parts(fit_linear(X, K, penalty=40.0))
    A, B = parts(fit_linear(X, K, penalty=40.0, gauge=gauge))
    assert np.abs(A @ B.T - A0 @ B0.T).max() <= 1e-12
    expected = loss(X, A0, B0, 40.0, "product")
    assert abs(loss(X, A, B, 40.0, "product") / expected - 1) <= 1e-12


def test_no_random_map_changes_a_prediction_or_the_loss(X):
    model = fit_linear(X, K, penalty=40.0)
    (A0, B0), (A, B) = parts(model), scrambled(model, 1)
    assert np.abs(A @ B.T - A0 @ B0.T).max() <= 1e-12
    expected = loss(X, A0, B0, 40.0, "product")
    assert abs(loss(X, A, B, 40.0, "product") / expected - 1) <= 1e-12


@pytest.mark.parametrize("gauge", GAUGES)
@pytest.mark.parametrize("k", [5, K])
def test_the_product_solution_is_stationary_in_every_gauge(X, gauge, k):
    A, B = parts(fit_linear(X, k, penalty=40.0, gauge=gauge))
    assert relative_gradient(X, A, B, 40.0, "product") <= 1e-12


@pytest.mark.parametrize("k", [5, K])
def test_the_factors_solution_is_stationary(X, k):
    A, B = parts(fit_linear(X, k, objective="factors", penalty=6.0))
    assert relative_gradient(X, A, B, 6.0, "factors") <= 1e-12


@pytest.mark.parametrize("objective", ["product", "factors"])
def test_no_neighbour_has_a_smaller_loss(X, objective):
    A, B = parts(fit_linear(X, 5, objective=objective, penalty=6.0))
    best = loss(X, A, B, 6.0, objective)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        a, b = rng.standard_normal(A.shape), rng.standard_normal(B.shape)
        assert loss(X, A + size * a * A.std(), B + size * b * B.std(), 6.0, objective) > best


def test_a_gauge_changes_the_cosines(X):
    by_gauge = [cosines(fit_linear(X, K, penalty=40.0, gauge=g).item_factors) for g in GAUGES]
    for i, one in enumerate(by_gauge):
        for other in by_gauge[:i]:
            assert np.abs(one - other).max() > 0.02


def test_a_rotation_changes_no_cosine(X):
    model = fit_linear(X, K, objective="factors", penalty=4.0)
    square = np.random.default_rng(0).standard_normal(2 * (len(model.kept),))
    rotation = np.linalg.qr(square)[0]
    moved = cosines(model.item_factors @ rotation)
    assert np.allclose(moved, cosines(model.item_factors), atol=1e-12)


@pytest.mark.parametrize("t", [0.0, 0.25, 0.5, 1.0])
def test_powers_share_the_squared_spectrum_of_the_predictions(X, t):
    model = fit_linear(X, K, penalty=40.0, gauge=f"power({t})")
    P, Q = model.fold_in(X), model.item_factors
    spectrum = np.linalg.svd(P @ Q.T, compute_uv=False)[:K] ** 2
    assert np.allclose(P.T @ P, np.diag(spectrum ** (1 - t)), atol=1e-9 * spectrum[0])
    assert np.allclose(Q.T @ Q, np.diag(spectrum**t), atol=1e-9 * spectrum[0])


def test_named_gauges_are_what_their_names_say(X):
    def sides(gauge):
        model = fit_linear(X, K, penalty=40.0, gauge=gauge)
        return model.fold_in(X), model.item_factors, model

    P, Q, model = sides("item-orthonormal")
    assert np.allclose(Q, model.components)
    P, Q, _ = sides("user-orthonormal")
    assert np.allclose(P.T @ P, np.eye(K), atol=1e-10)
    P, Q, _ = sides("balanced")
    assert np.allclose(P.T @ P, Q.T @ Q, atol=1e-9)
    _, Q, model = sides("tied-weights")
    assert np.allclose(Q, model.encoder, atol=1e-14)
    _, _, model = sides("raw-users")
    assert np.allclose(model.encoder, model.components, atol=1e-14)


def test_at_full_rank_orthonormal_items_are_alike_to_themselves_only(X):
    model = fit_linear(X, X.shape[1], penalty=40.0, gauge="item-orthonormal")
    assert np.allclose(cosines(model.item_factors), np.eye(X.shape[1]), atol=1e-10)


def test_at_full_rank_cosine_to_orthonormal_items_ranks_as_the_dot_product(X):
    model = fit_linear(X, X.shape[1], penalty=40.0, gauge="item-orthonormal")
    P, Q = model.fold_in(X), model.item_factors
    lengths = np.linalg.norm(P, axis=1, keepdims=True) * np.linalg.norm(Q, axis=1)
    assert np.allclose(P @ Q.T / lengths * np.linalg.norm(P, axis=1, keepdims=True), P @ Q.T)


def test_at_full_rank_raw_users_keep_the_cosines_of_the_data(X):
    model = fit_linear(X, X.shape[1], penalty=40.0, gauge="raw-users")
    known = X[X.sum(axis=1) > 0]
    assert np.allclose(cosines(model.fold_in(known)), cosines(known), atol=1e-10)


def test_the_factors_solution_is_balanced_and_cut_where_the_penalty_reaches(X):
    penalty = 12.0
    sigma = np.linalg.svd(X, compute_uv=False)
    model = fit_linear(X, K, objective="factors", penalty=penalty)
    A, B = parts(model)
    P = X @ A
    assert 1 <= len(model.kept) == (sigma[:K] > penalty).sum() < K
    assert np.allclose(P.T @ P, B.T @ B, atol=1e-9)
    V = model.components
    assert np.allclose(A @ B.T, V @ np.diag(1 - penalty / model.singular_values) @ V.T, atol=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_alternating_least_squares_finds_the_same_cosines_from_any_start(seed):
    """Objective (2) by another way: its minimum is unique up to rotations."""
    rng = np.random.default_rng(5)
    X = (rng.random((60, 14)) < rng.beta(0.6, 1.2, 14)).astype(float)
    penalty, k = 2.0, 3
    Q = np.random.default_rng(seed).standard_normal((14, k))
    for _ in range(4000):
        P = X @ Q @ np.linalg.inv(Q.T @ Q + penalty * np.eye(k))
        Q = X.T @ P @ np.linalg.inv(P.T @ P + penalty * np.eye(k))
    model = fit_linear(X, k, objective="factors", penalty=penalty)
    assert np.allclose(cosines(Q), cosines(model.item_factors), atol=1e-8)
    assert np.allclose(P @ Q.T, model.fold_in(X) @ model.item_factors.T, atol=1e-8)


def descended(X, k, penalty, start, seed):
    """Objective (1) by plain gradient descent."""
    rng = np.random.default_rng(seed)
    A, B = (start * rng.standard_normal((X.shape[1], k)) for _ in range(2))
    gram = X.T @ X
    step = 0.2 / np.linalg.norm(gram, 2)
    for _ in range(30_000):
        pull = penalty * A @ B.T + gram @ A @ B.T - gram
        A, B = A - step * pull @ B, B - step * pull.T @ A
    return A, B


def test_the_optimiser_picks_the_gauge():
    """From a small start descent ends at tied weights, from large ones anywhere else."""
    rng = np.random.default_rng(2)
    X = (rng.random((40, 8)) < np.linspace(0.1, 0.9, 8)).astype(float)
    best = fit_linear(X, 3, penalty=3.0, gauge="tied-weights")
    product = best.encoder @ best.item_factors.T
    runs = [descended(X, 3, 3.0, start, seed) for start, seed in [(1e-6, 0), (0.5, 1), (0.5, 2)]]
    for A, B in runs:
        assert np.allclose(A @ B.T, product, atol=1e-6)
    small, *large = [cosines(B) for _, B in runs]
    assert np.allclose(small, cosines(best.item_factors), atol=1e-4)
    for other in large:
        assert np.abs(other - small).max() >= 0.1


def test_fold_in_puts_known_users_where_they_stood(X):
    model = fit_linear(X, K)
    assert np.allclose(model.fold_in(X[[7]]), model.fold_in(X)[[7]])
    with pytest.raises(ShapeError, match="3 columns came, the model knows 120 items"):
        model.fold_in(np.ones((1, 3)))


def test_the_space_says_how_it_was_made(X):
    model = fit_linear(X, 4, penalty=7.0, gauge="power(0.5)")
    space = model.space(model.fold_in(X), about={"holdout": 0.2})
    assert space.trained_for == "dot"
    assert space.freedom == "gauge"
    assert {
        "objective": "product",
        "penalty": 7.0,
        "gauge": "balanced",
        "components": 4,
        "holdout": 0.2,
    }.items() <= space.about.items()


def test_gauges_are_read_as_they_are_written():
    for name in GAUGES:
        assert str(find_split(name)) == name
    for wrong in ("power", "power()", "power(x)", "power(1.2.3)", "Balanced", "data-space"):
        with pytest.raises(SpellingError, match="is unknown: take one of item-orthonormal"):
            find_split(wrong)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"objective": "als"}, SpellingError, "objective is 'als': known are product"),
        ({"gauge": "square"}, SpellingError, "gauge 'square' is unknown"),
        ({"objective": "factors", "gauge": "raw-users"}, SpellingError, "leaves the gauge no"),
        ({"penalty": -1.0}, ValuesError, "penalty is -1"),
        ({"penalty": float("nan")}, ValuesError, "penalty is nan"),
        ({"n_components": 0}, ValuesError, "at least 1"),
        ({"objective": "factors", "penalty": 1e6}, ValuesError, "largest singular value"),
    ],
)
def test_what_cannot_be_fitted_is_named(X, options, error, says):
    with pytest.raises(error, match=says):
        fit_linear(X, **options)
