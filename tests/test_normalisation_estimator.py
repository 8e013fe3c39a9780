"""TableNormaliser among scikit-learn's transformers, alone and before LinearEmbedding."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.pipeline import make_pipeline

from anglewise import LinearEmbedding, TableNormaliser
from anglewise.errors import ShapeError, SpellingError
from anglewise.recommender_models.closed_form import fit_linear
from anglewise.recommender_models.svd import ShiftedTable

RULES = ["none", "standardised", "l2", "tf-idf", "bm25", "propensity", "exponents(0,0.6)"]


@pytest.fixture(scope="module", name="X")
def _table():
    rng = np.random.default_rng(0)
    return sparse.csr_array((rng.random((150, 40)) < rng.beta(1, 4, 40)).astype(float))


def run(code):
    """In an interpreter of its own, where annotations are not checked: as a person has it."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_scikit_learn_finds_no_fault():
    found = run("""
from sklearn.utils.estimator_checks import check_estimator
from anglewise import TableNormaliser
for rule in ("standardised", "l2", "tf-idf", "bm25", "propensity", "exponents(0,0.5)"):
    for each in check_estimator(TableNormaliser(rule), on_skip=None, on_fail=None):
        print(each["status"], each["check_name"], rule, repr(each["exception"] or ""))
""")
    lines = found.stdout.splitlines()
    assert len(lines) > 240, found.stderr
    others = [line for line in lines if not line.startswith("passed")]
    assert {line.split()[1] for line in others} <= {"check_array_api_input"}, others


@pytest.mark.parametrize("rule", RULES)
def test_a_pipeline_is_what_one_does_by_hand(X, rule):
    steps = make_pipeline(TableNormaliser(rule), LinearEmbedding(4, penalty=0.5))
    users = steps.fit_transform(X)
    model = fit_linear(X, 4, penalty=0.5, normalise=rule)
    assert np.allclose(users, model.fold_in(X), atol=1e-10)
    assert np.allclose(steps[-1].item_factors_, model.item_factors, atol=1e-10)
    new = X[:7].toarray()[:, ::-1].copy()
    assert np.allclose(steps.transform(sparse.csr_array(new)), model.fold_in(new), atol=1e-10)
    assert np.allclose(steps[-1].space().queries.vectors, users, atol=1e-5)


def test_sparse_stays_sparse_and_dense_stays_dense(X):
    for rule in RULES:
        steps = TableNormaliser(rule).fit(X)
        expected = ShiftedTable if rule == "standardised" else sparse.csr_array
        assert isinstance(steps.transform(X), expected)
        assert np.allclose(steps.transform(X.toarray()), steps.transform(X).toarray())


def test_a_shifted_table_recommends_what_was_not_used(X):
    steps = make_pipeline(TableNormaliser("standardised"), LinearEmbedding(4, penalty=0.5)).fit(X)
    found = steps[-1].recommend(steps[0].transform(X), k=5)
    assert not np.take_along_axis(X.toarray(), found.indices, axis=1).any()


def test_columns_keep_their_names_and_pandas_comes_out(X):
    steps = TableNormaliser("bm25").set_output(transform="pandas").fit(X.toarray())
    frame = steps.transform(X.toarray())
    assert frame.columns.tolist() == [f"x{i}" for i in range(40)]


def test_an_embedding_says_when_the_shifted_table_has_other_items(X):
    steps = make_pipeline(TableNormaliser("standardised"), LinearEmbedding(4, penalty=0.5)).fit(X)
    other = TableNormaliser("standardised").fit(X[:, :30]).transform(X[:, :30])
    with pytest.raises(ShapeError, match="30 columns came"):
        steps[-1].transform(other)


def test_what_changes_the_outputs_is_no_step_before_the_model(X):
    with pytest.raises(SpellingError, match="fit_linear"):
        TableNormaliser("exponents(0.5,0)").fit(X)


def test_without_scikit_learn_the_extra_is_named():
    found = run(
        "import sys; sys.modules['sklearn'] = None; import anglewise.recommender_models.estimators"
    )
    assert "MissingExtraError" in found.stderr
    assert "pip install 'anglewise[sklearn]'" in found.stderr
