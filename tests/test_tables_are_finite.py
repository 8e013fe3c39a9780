"""Tables of interactions, and ids, that name or count nothing are refused at every door."""

import warnings

import numpy as np
import pytest
from scipy import sparse

from anglewise import Embeddings, LinearEmbedding, fit_ease
from anglewise.data_types.sparse import Interactions
from anglewise.errors import IdsError, ShapeError, ValuesError
from anglewise.recommender_models.closed_form import fit_linear
from anglewise.recommender_models.ease import penalty_path
from anglewise.recommender_models.estimators import TableNormaliser
from anglewise.recommender_models.model import raw_table
from anglewise.recommender_models.normalisation import AsIs, normalisation
from anglewise.recommender_models.training import used_cells

GOOD = (np.random.default_rng(0).random((40, 6)) < 0.5).astype(float)
GOOD[0] = 1


def with_cell(value):
    table = GOOD.astype(np.result_type(GOOD, type(value)))
    table[0, 0] = value
    return table


BAD = {
    "NaN": with_cell(np.nan),
    "infinity": with_cell(np.inf),
    "complex": with_cell(1j),
    "huge": GOOD * 1e300,
    "products": GOOD * 1e20,
    "text": GOOD.astype(str),
}
NUMBERS = [kind for kind in BAD if kind != "text"]
DOORS = {
    "fit_ease": lambda X: fit_ease(X, penalty=10.0),
    "penalty_path": lambda X: penalty_path(X, AsIs()),
    "fit_linear": lambda X: fit_linear(X, 2, penalty=1.0),
    "fit_linear, l2": lambda X: fit_linear(X, 2, penalty=1.0, normalise="l2"),
    "raw_table": raw_table,
    "normalisation": lambda X: normalisation("tf-idf").learn(X),
    "cells of a training": used_cells,
    "fold into ease": lambda X: fit_ease(GOOD, penalty=10.0).fold_in(X),
    "fold into linear": lambda X: fit_linear(GOOD, 2, penalty=1.0).fold_in(X),
    "fold into raw": lambda X: raw_table(GOOD).fold_in(X),
}


SPARSE = ["csr_array", "lil_array", "coo_array"]


@pytest.mark.parametrize(
    ("kind", "form"),
    [*((kind, "dense") for kind in BAD), *((kind, one) for kind in NUMBERS for one in SPARSE)],
)
@pytest.mark.parametrize("door", DOORS)
def test_a_table_without_finite_numbers_is_refused_at_every_door(door, kind, form):
    table = BAD[kind] if form == "dense" else getattr(sparse, form)(BAD[kind])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValuesError, match="the table holds"):
            DOORS[door](table)


@pytest.mark.parametrize("estimator", [LinearEmbedding(2, penalty=1.0), TableNormaliser("l2")])
@pytest.mark.parametrize("kind", ["huge", "products"])
def test_an_estimator_refuses_numbers_whose_products_do_not_fit(estimator, kind):
    for table in (BAD[kind], sparse.csr_array(BAD[kind])):
        with pytest.raises(ValuesError, match="do not fit float32"):
            estimator.fit(table)


@pytest.mark.parametrize("table", [GOOD * 1e6, GOOD > 0, GOOD.astype(np.int8), -GOOD])
def test_other_tables_are_taken(table):
    for form in (table, sparse.csr_array(table), sparse.lil_array(table)):
        assert np.isfinite(fit_ease(form, penalty=1e4).weights).all()


def interactions(**changed):
    parts = {
        "users": np.array([0, 1]),
        "items": np.array([0, 1]),
        "weights": np.ones(2),
        "user_ids": np.array(["u", "v"]),
        "item_ids": np.array(["a", "b"]),
    }
    return Interactions(**parts | changed)


def test_interactions_have_finite_numbers_and_rows_that_are_there():
    assert interactions().shape == (2, 2)
    for bad in (np.nan, np.inf):
        for name in ("weights", "times"):
            with pytest.raises(ValuesError, match=name):
                interactions(**{name: np.array([1.0, bad])})
    for row in (-1, 2):
        for name in ("users", "items"):
            with pytest.raises(ShapeError, match=name):
                interactions(**{name: np.array([0, row])})


class Named:
    def __str__(self):
        return f"named {self.number}"

    def __init__(self, number):
        self.number = number


def test_an_object_without_a_text_is_no_id():
    for ids in ([object(), object()], np.array([object(), object()])):
        with pytest.raises(IdsError, match="names nothing"):
            Embeddings(np.eye(2), ids=ids)
    assert Embeddings(np.eye(2), ids=[Named(1), Named(2)]).ids.tolist() == ["named 1", "named 2"]
