"""What measures against hubs learn is found by a search, and is what all pairs in float64 say."""

from unittest import mock

import numpy as np
import pytest

from anglewise import Embeddings, Space, search
from anglewise.nearest_neighbours import nearest_cosines as by_search
from anglewise.nearest_neighbours import passes
from anglewise.similarity_measures import hubs
from anglewise.similarity_measures.formulas import fitted
from anglewise.similarity_measures.measure import measure

NAMES = ["csls(10)", "local-scaling(5)", "csls(3)@centred", "csls(2)@whitened"]


def spaces(kind):
    rng = np.random.default_rng(0)
    x, q = rng.normal(size=(300, 6)), rng.normal(size=(120, 6))
    if kind == "ties":
        x, q = x.round(0), q.round(0)
    if kind == "zeros and copies":
        x[:40], q[:9], x[50:90] = 0, 0, x[50]
    return Space(queries=Embeddings(q), items=Embeddings(x))


@pytest.mark.parametrize("direction", ["queries-items", "items-items"])
@pytest.mark.parametrize("kind", ["normal", "ties", "zeros and copies"])
@pytest.mark.parametrize("name", NAMES)
def test_a_search_learns_what_all_pairs_say(monkeypatch, name, kind, direction):
    monkeypatch.setattr(by_search, "WORTH", 0)
    monkeypatch.setattr(by_search, "ROWS", 64)
    pairs = fitted(measure(name), spaces(kind), direction).formula
    found = fitted(
        measure(name), spaces(kind), direction, nearest=by_search.nearest_cosines
    ).formula
    np.testing.assert_allclose(found.bias, pairs.bias, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.weight, pairs.weight, rtol=1e-11, atol=1e-12)
    lists = search(spaces(kind), name, k=7, direction=direction)[name]
    with mock.patch.object(passes, "_nearest_by_search", return_value=None):
        assert np.array_equal(
            search(spaces(kind), name, k=7, direction=direction)[name].indices, lists.indices
        )


def test_the_engine_is_asked_and_no_pairs_are_formed(monkeypatch):
    monkeypatch.setattr(by_search, "WORTH", 0)
    asked = mock.Mock(wraps=by_search.nearest_cosines)
    monkeypatch.setattr(passes, "_nearest_by_search", lambda: asked)
    monkeypatch.setattr(hubs, "unit", mock.Mock(side_effect=AssertionError))
    search(spaces("normal"), "csls(10)", k=3)
    assert asked.call_count == 1


@pytest.mark.parametrize("k", [1, 119, 120, 500])
def test_as_many_as_there_are_and_more(monkeypatch, k):
    monkeypatch.setattr(by_search, "WORTH", 0)
    name = f"csls({k})"
    found = fitted(measure(name), spaces("normal"), nearest=by_search.nearest_cosines).formula
    pairs = fitted(measure(name), spaces("normal")).formula
    np.testing.assert_allclose(found.bias, pairs.bias, rtol=1e-11)
