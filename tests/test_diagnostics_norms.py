"""Lengths, and ranks that go with them."""

import json
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from anglewise import Embeddings, Space
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ShapeError
from anglewise.geometry.norms import norms, popularity, spearman
from real_data import real_data

few = st.lists(st.integers(0, 5), min_size=2, max_size=30)


@given(x=few, seed=st.integers(0, 99))
def test_ranks_correlate_as_scipy_says(x, seed):
    y = np.random.default_rng(seed).integers(0, 4, size=len(x)).astype(float)
    found = spearman(np.array(x, dtype=float), y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_ranks_ignore_what_is_not_known_and_any_growing_change():
    x = np.array([1.0, 5, np.nan, 3, 9])
    y = np.array([2.0, 3, 100, np.inf, 4])
    assert spearman(x, y) == 1
    assert spearman(x, -np.exp(y)) == -1
    assert spearman(x[:1], y[:1]) is None


def test_ranks_of_different_lengths_are_refused():
    with pytest.raises(ShapeError, match="one each"):
        spearman(np.ones(3), np.ones(2))


@given(scale=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_variation_and_spread_survive_rescaling(scale, seed):
    x = np.random.default_rng(seed).normal(size=(50, 4))
    before, after = norms(Embeddings(x)), norms(Embeddings(x * scale))
    assert after.variation == pytest.approx(before.variation, rel=1e-5)
    assert after.spread == pytest.approx(before.spread, rel=1e-5)
    assert after.median == pytest.approx(before.median * scale, rel=1e-5)


def test_nothing_but_zeros_has_no_variation_and_is_still_json():
    found = norms(Embeddings(np.zeros((3, 2))))
    assert (found.variation, found.spread, found.zero_rows, found.unit) == (None, None, 3, False)
    assert json.loads(json.dumps(asdict(found), allow_nan=False)) == asdict(found)


def test_what_was_seen_is_counted_before_anything_that_is_stated():
    items = Embeddings(np.eye(3), metadata={"popularity": [1, 2, 3], "text": ["a", "bb", ""]})
    seen = SparseRows.from_pairs([0, 1, 1], [2, 2, 0], [5.0, 1, 1], shape=(2, 3))
    space = Space(queries=Embeddings(np.eye(3)[:2]), items=items, seen=seen)
    found = popularity(space, "items")
    assert (found.what, found.values.tolist()) == ("seen", [1, 0, 2])
    assert popularity(space, "queries").values.tolist() == [1, 2]
    stated = popularity(Space(items=items), "items")
    assert (stated.what, stated.values.tolist()) == ("popularity", [1, 2, 3])


def test_without_numbers_the_length_of_a_text_stands_in():
    table = pa.table({"popularity": ["many", None], "text": ["four", None]})
    found = popularity(Space(items=Embeddings(np.eye(2), metadata=table)), "items")
    assert found.what == "text length"
    assert np.array_equal(found.values, [4, np.nan], equal_nan=True)
    assert popularity(Space(items=Embeddings(np.eye(2))), "items") is None


@pytest.mark.real
@pytest.mark.parametrize(
    ("encoder", "unit", "zero_rows"),
    [("use", True, 0), ("paraphrase-L3", False, 0), ("glove50-sum", False, 2)],
)
def test_lengths_of_cranfields_encoders(encoder, unit, zero_rows):
    found = norms(Embeddings(np.load(real_data("cranfield") / "vectors" / encoder / "items.npy")))
    assert (found.unit, found.zero_rows, found.rows) == (unit, zero_rows, 1400)
