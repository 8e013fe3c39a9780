"""LinearEmbedding among scikit-learn's estimators, and as a recommender."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from anglewise import LinearEmbedding, TableNormaliser
from anglewise.errors import ShapeError, SpellingError
from anglewise.recommender_models.svd import truncated_svd

GAUGES = ["balanced", "item-orthonormal", "user-orthonormal", "tied-weights", "raw-users"]


@pytest.fixture(scope="module", name="X")
def _table():
    rng = np.random.default_rng(0)
    taste = rng.gamma(0.5, size=(150, 4)) @ rng.gamma(0.5, size=(4, 40))
    return sparse.csr_array((rng.random((150, 40)) < taste / (taste + 1)).astype(float))


def run(code):
    """In an interpreter of its own, where annotations are not checked: as a person has it."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_scikit_learn_finds_no_fault():
    found = run("""
from sklearn.utils.estimator_checks import check_estimator
from anglewise import LinearEmbedding
for objective in ("product", "factors"):
    embedding = LinearEmbedding(n_components=2, objective=objective, penalty=0.5)
    for each in check_estimator(embedding, on_skip=None, on_fail=None):
        print(each["status"], each["check_name"], each["exception"] or "")
""")
    lines = found.stdout.splitlines()
    assert len(lines) > 80, found.stderr
    # The array API check runs only where SCIPY_ARRAY_API is set; we are for NumPy and scipy.sparse.
    others = [line for line in lines if not line.startswith("passed")]
    assert {line.split()[1] for line in others} <= {"check_array_api_input"}, others


def test_sparse_and_dense_tables_of_any_kind_give_the_same(X):
    expected = LinearEmbedding(n_components=5).fit(X).item_factors_
    for other in (X.toarray(), X.tocsc(), X.tocoo(), sparse.csr_matrix(X), X.astype(np.int64)):
        found = LinearEmbedding(n_components=5).fit(other).item_factors_
        assert np.allclose(found, expected, atol=1e-12)


def test_transform_folds_in_and_the_way_back_predicts(X):
    embedding = LinearEmbedding(n_components=5, penalty=10.0).fit(X)
    assert np.allclose(embedding.transform(X), embedding.user_factors_)
    predicted = embedding.inverse_transform(embedding.transform(X[:3]))
    assert np.allclose(predicted, embedding.user_factors_[:3] @ embedding.item_factors_.T)
    assert embedding.components_.shape == (5, 40)


def test_it_takes_its_place_in_a_pipeline(X):
    steps = make_pipeline(Normalizer(), LinearEmbedding(n_components=3, penalty=0.1))
    assert steps.fit_transform(X).shape == (150, 3)


@pytest.mark.parametrize("gauge", GAUGES)
def test_recommendations_are_the_same_in_every_gauge(X, gauge):
    expected = LinearEmbedding(n_components=5, penalty=10.0).fit(X).recommend(X, k=4)
    found = LinearEmbedding(n_components=5, penalty=10.0, gauge=gauge).fit(X).recommend(X, k=4)
    assert np.allclose(found.scores, expected.scores, rtol=1e-4, atol=1e-6)
    assert (found.indices == expected.indices).mean() > 0.99  # float32 may swap equal ones


def test_recommendations_leave_out_what_was_seen_unless_asked(X):
    embedding = LinearEmbedding(n_components=5, penalty=10.0).fit(X)
    table = X.toarray()
    found = embedding.recommend(X, k=5)
    assert not np.take_along_axis(table, found.indices, axis=1).any()
    scores = np.where(table > 0, -np.inf, embedding.inverse_transform(embedding.transform(X)))
    assert np.array_equal(found.indices[:, 0], scores.argmax(axis=1))
    assert np.take_along_axis(table, embedding.recommend(X, 5, include_seen=True).indices, 1).any()


def test_a_cell_that_comes_twice_is_left_out_once(X):
    embedding = LinearEmbedding(n_components=5, penalty=10.0).fit(X)
    twice = sparse.csr_array((np.ones(3), np.array([3, 3, 1]), np.array([0, 3])), shape=(1, 40))
    assert not {1, 3} & set(embedding.recommend(twice, k=38).indices[0].tolist())


def test_similar_items_do_not_hang_on_the_gauge_by_default(X):
    a, b = (
        LinearEmbedding(n_components=5, penalty=10.0, gauge=gauge).fit(X)
        for gauge in ("item-orthonormal", "user-orthonormal")
    )
    default = [m.similar_items(range(40), k=3).scores for m in (a, b)]
    plain = [m.similar_items(range(40), k=3, measure="cosine").scores for m in (a, b)]
    assert np.allclose(*default, atol=1e-5)
    assert np.abs(plain[0] - plain[1]).max() > 0.1
    assert not (a.similar_items([4, 7], k=39).indices == [[4], [7]]).any()


def test_other_seeds_and_kinds_of_seeds_are_taken(X):
    for state in (None, 5, np.random.RandomState(3), np.int64(4)):
        found = LinearEmbedding(n_components=3, random_state=state).fit(X)
        assert np.allclose(found.singular_values_[0], np.linalg.norm(X.toarray(), 2))


def test_a_wrong_option_is_a_value_error_for_scikit_learn(X):
    with pytest.raises(SpellingError, match="objective"):
        LinearEmbedding(objective="als").fit(X)


def test_without_scikit_learn_the_extra_is_named():
    found = run(
        "import sys; sys.modules['sklearn'] = None; import anglewise.recommender_models.estimators"
    )
    assert "MissingExtraError" in found.stderr
    assert "pip install 'anglewise[sklearn]'" in found.stderr


def test_fitting_needs_no_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import numpy as np\n"
        "from anglewise.recommender_models.fit import fit\n"
        "from anglewise.data_types.sparse import Interactions\n"
        "u, i = np.nonzero(np.random.default_rng(0).random((40, 9)) < .6)\n"
        "fit(Interactions(u, i, np.ones(len(u)), np.arange(40), np.arange(9)), penalty=1.0)\n"
    )
    assert run(code).returncode == 0


@pytest.mark.parametrize("learner", [LinearEmbedding, TableNormaliser])
def test_a_table_of_a_few_entries_and_huge_indices_is_refused_in_a_sentence(learner, monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1GB")
    cells = ([1.0, 1.0, 1.0], ([0, 1, 2], [0, 5, 2**31 - 2]))
    table = sparse.csr_array(cells, shape=(3, 2**31 - 1))
    with pytest.raises(ShapeError, match=r"3 by 2,147,483,647 takes .* GB or more.*1\.0 GB are"):
        learner().fit(table)


def test_a_table_that_does_not_fit_when_it_is_dense_is_refused(monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    table = sparse.csr_array(([1.0] * 300, (range(300), range(300))), shape=(300, 90_000))
    with pytest.raises(ShapeError, match=r"300 by 90,000 takes 216 MB or more.*MEMORY=432MB"):
        truncated_svd(table, 290)
