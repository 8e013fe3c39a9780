"""Tables weighed before training: what each rule promises, sparse all the way."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from anglewise.errors import ShapeError, SpellingError, ValuesError
from anglewise.recommender_models.closed_form import fit_linear
from anglewise.recommender_models.normalisation import NORMALISATIONS, normalisation
from anglewise.recommender_models.svd import ShiftedTable, truncated_svd

RULES = ["none", "standardised", "l2", "tf-idf", "bm25", "propensity", "exponents(0.3,0.6)"]


@pytest.fixture(scope="module", name="X")
def _table():
    """200 users, 30 items; a fixed seed, counts from 1 to 4, two empty users."""
    rng = np.random.default_rng(0)
    used = rng.random((200, 30)) < rng.beta(1, 4, 30)
    used[[3, 7]] = False
    return sparse.csr_array(used * rng.integers(1, 5, (200, 30)).astype(float))


def shifted(rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    table = sparse.random_array((rows, columns), density=0.1, rng=rng).tocsr()
    return ShiftedTable(table, rng.standard_normal(rows), rng.standard_normal(columns))


def test_standardised_columns_have_mean_zero_and_variance_one(X):
    found = normalisation("standardised").learn(X).apply(X).toarray()
    assert np.allclose(found.mean(axis=0), 0, atol=1e-13)
    assert np.allclose(found.var(axis=0), 1, atol=1e-13)
    assert np.allclose(found, StandardScaler().fit_transform(X.toarray()), atol=1e-12)


def test_means_and_variances_are_known_without_a_dense_table():
    """50,000 x 4,000 would be 1.6 GB; mean and variance follow from products."""
    rows, columns = 50_000, 4_000
    rng = np.random.default_rng(0)
    X = sparse.random_array((rows, columns), density=1e-3, rng=rng).tocsr()
    tracemalloc.start()
    found = normalisation("standardised").learn(X).apply(X)
    sums = found.T @ np.ones(rows)
    squares = found.table.multiply(found.table).sum(axis=0) - 2 * found.right * (
        found.table.sum(axis=0)
    )
    squares = squares + rows * found.right**2
    image = found @ rng.standard_normal((columns, 3))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.allclose(sums / rows, 0, atol=1e-12)
    assert np.allclose(squares / rows, 1, atol=1e-10)
    assert image.shape == (rows, 3)
    assert peak < 50 * X.nnz * 8 / 10  # five copies of what is stored, far from 1.6 GB


def test_a_standardised_table_is_decomposed_without_a_dense_one(monkeypatch):
    biggest = []
    dense = ShiftedTable.toarray

    def watched(self):
        biggest.append(self.shape[0] * self.shape[1])
        return dense(self)

    monkeypatch.setattr(ShiftedTable, "toarray", watched)
    monkeypatch.setattr("anglewise.recommender_models.svd.BLOCK_ENTRIES", 300 * 20)
    rng = np.random.default_rng(0)
    X = sparse.random_array((2000, 300), density=0.02, rng=rng).tocsr()
    truncated_svd(normalisation("standardised").learn(X).apply(X), 8)
    assert max(biggest, default=0) <= 300 * 20
    monkeypatch.setattr("anglewise.recommender_models.svd.GRAM_COLUMNS", 0)
    biggest.clear()
    truncated_svd(normalisation("standardised").learn(X).apply(X), 8)
    assert not biggest


@pytest.mark.parametrize("shape", [(40, 25), (25, 40)])
def test_a_shifted_table_is_the_dense_one_in_all_it_does(shape):
    table = shifted(*shape)
    dense = table.table.toarray() - np.outer(table.left, table.right)
    V = np.random.default_rng(1).standard_normal((shape[1], 3))
    assert np.allclose(table.toarray(), dense)
    assert np.allclose(table @ V, dense @ V, atol=1e-12)
    assert np.allclose(table @ V[:, 0], dense @ V[:, 0], atol=1e-12)
    assert np.allclose(table.T @ (dense @ V), dense.T @ dense @ V, atol=1e-10)
    assert np.allclose(table[5:9].toarray(), dense[5:9])
    assert np.allclose(table.T[5:9].toarray(), dense.T[5:9])
    with pytest.raises(ShapeError, match="one a row and one a column"):
        ShiftedTable(table.table, table.right, table.left)


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (400, 20), (20, 400)])
@pytest.mark.parametrize("gram", [0, 4096])
def test_the_spectrum_of_a_standardised_table_is_that_of_the_dense_one(shape, gram, monkeypatch):
    monkeypatch.setattr("anglewise.recommender_models.svd.GRAM_COLUMNS", gram)
    rng = np.random.default_rng(0)
    X = sparse.random_array(shape, density=0.2, rng=rng).tocsr()
    table = normalisation("standardised").learn(X).apply(X)
    found = truncated_svd(table, 6)
    _, values, right = np.linalg.svd(StandardScaler().fit_transform(X.toarray()))
    assert np.allclose(found.values, values[:6], rtol=1e-11)
    assert np.allclose(np.abs(np.sum(found.right * right[:6].T, axis=0)), 1, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_a_column_with_one_value_becomes_zero_for_everybody(value):
    X = np.array([[1.0, value], [0.0, value], [2.0, value]])
    learned = normalisation("standardised").learn(X)
    assert not learned.apply(np.array([[1.0, 5.0]])).toarray()[:, 1].any()
    assert np.isfinite(learned.apply(X).toarray()).all()


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_table_without_any_variation_has_no_spectrum(value):
    X = np.full((300, 200), value)
    with pytest.raises(ValuesError, match="zeros only"):
        truncated_svd(normalisation("standardised").learn(X).apply(X), 3)


def test_tf_idf_is_that_of_scikit_learn(X):
    found = normalisation("tf-idf").learn(X).apply(X)
    assert np.allclose(found.toarray(), TfidfTransformer().fit_transform(X).toarray())


def test_bm25_is_its_formula_cell_by_cell(X):
    k1, b, n = 1.5, 0.6, X.shape[0]
    table = X.toarray()
    lengths = table.sum(axis=1)
    mean = lengths[lengths > 0].mean()
    expected = np.zeros(table.shape)
    for u, i in zip(*table.nonzero(), strict=True):
        n_i = (table[:, i] > 0).sum()
        idf = np.log(1 + (n - n_i + 0.5) / (n_i + 0.5))
        x = table[u, i]
        expected[u, i] = idf * x * (k1 + 1) / (x + k1 * (1 - b + b * lengths[u] / mean))
    found = normalisation(f"bm25({k1},{b})").learn(X).apply(X)
    assert np.allclose(found.toarray(), expected, rtol=1e-13)


def test_inverse_propensities_undo_what_chance_took_away():
    """Items seen with the probability of the model, divided by it: right on average."""
    rng = np.random.default_rng(0)
    n, a, b = 4000, 0.55, 1.5
    counts = np.array([5.0, 50, 500, 2000])
    p = 1 / (1 + (np.log(n) - 1) * (b + 1) ** a * (counts + b) ** -a)
    seen = np.zeros((n, 4))
    for item, count in enumerate(counts.astype(int)):
        seen[:count, item] = 1
    learned = normalisation("propensity").learn(seen)
    liked = rng.random((200_000, 4)) < 0.3
    drawn = liked & (rng.random(liked.shape) < p)
    mean = learned.apply(drawn.astype(float)).toarray().mean(axis=0)
    assert np.allclose(mean, 0.3, atol=0.01)


def test_exponents_of_zero_change_nothing_and_the_user_side_weighs_the_gram(X):
    assert (normalisation("exponents(0,0)").learn(X).apply(X) != X).nnz == 0
    beta = 0.7
    found = normalisation(f"exponents(0,{beta})").learn(X).apply(X)
    lengths = X.sum(axis=1)
    weights = np.where(lengths > 0, np.maximum(lengths, 1), 1) ** -beta
    assert np.allclose((found.T @ found).toarray(), X.toarray().T * weights @ X.toarray())


def test_exponents_take_popularity_off_what_is_predicted(X):
    alpha = 0.4
    plain = fit_linear(X, 5, penalty=3.0)
    model = fit_linear(X, 5, penalty=3.0, normalise=f"exponents({alpha},0)")
    popularity = (X.toarray() > 0).sum(axis=0) ** alpha
    weights = plain.encoder @ plain.item_factors.T
    expected = X @ (popularity[:, None] * weights / popularity)
    assert np.allclose(model.fold_in(X) @ model.item_factors.T, expected, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_new_users_are_weighed_by_what_training_taught(X, rule):
    learned = normalisation(rule).learn(X)
    together = learned.apply(X).toarray()
    alone = np.concatenate([learned.apply(X[[u]]).toarray() for u in range(20)])
    assert np.allclose(alone, together[:20], atol=1e-14)


@pytest.mark.parametrize("rule", RULES)
def test_empty_users_stay_finite(X, rule):
    learned = normalisation(rule).learn(X)
    empty = learned.apply(np.zeros((1, 30))).toarray()
    assert np.isfinite(empty).all()
    assert rule == "standardised" or not empty.any()


@pytest.mark.parametrize("rule", RULES)
def test_dense_and_sparse_tables_are_weighed_alike(X, rule):
    learned = normalisation(rule).learn(X.toarray())
    expected = normalisation(rule).learn(X).apply(X).toarray()
    assert np.allclose(learned.apply(X.toarray()).toarray(), expected, atol=1e-14)


@pytest.mark.parametrize("rule", RULES)
def test_the_model_normalises_those_whom_it_folds_in(X, rule):
    model = fit_linear(X, 4, penalty=1.0, normalise=rule)
    learned = normalisation(rule).learn(X)
    by_hand = fit_linear(learned.apply(X), 4, penalty=1.0)
    users, items = by_hand.fold_in(learned.apply(X)), by_hand.item_factors
    if learned.balance is not None:
        encoder = by_hand.encoder * learned.balance[:, None]
        users, items = learned.apply(X) @ encoder, items / learned.balance[:, None]
    assert np.allclose(model.fold_in(X), users, atol=1e-12)
    assert np.allclose(model.item_factors, items, atol=1e-12)
    assert model.about.get("normalise", "none") == rule


@pytest.mark.parametrize("rule", ["tf-idf", "bm25", "propensity", "exponents(0,1)"])
def test_negative_weights_are_refused_where_numbers_are_counts(X, rule):
    with pytest.raises(ValuesError, match=r"such as -3, .* drop negative weights"):
        normalisation(rule).learn(np.array([[1.0, -3.0]]))
    with pytest.raises(ValuesError, match="negative weights"):
        normalisation(rule).learn(X).apply(-X)


@pytest.mark.parametrize("rule", RULES)
def test_other_items_than_in_training_are_refused(X, rule):
    with pytest.raises(ShapeError, match="29 columns came, the training table had 30"):
        normalisation(rule).learn(X).apply(X[:, :29])


@pytest.mark.parametrize(
    "word",
    [
        *("bm52", "bm25(1,2)", "bm25(-1,0)", "bm25(nan,0)", "exponents(0.1)", "exponents", "l2(3)"),
        *("exponents(2,0)", "exponents(nan,0)", "propensity(-1,0)", "tf-idf(2)", ""),
    ],
)
def test_words_that_are_no_rule_are_refused(word):
    with pytest.raises(SpellingError):
        normalisation(word)


@pytest.mark.parametrize("word", [*RULES, "bm25(2,0.5)", "propensity(0.5,2)"])
def test_rules_are_read_as_they_are_written(word):
    assert str(normalisation(word)) == word
    assert word.partition("(")[0] in NORMALISATIONS
