"""Equal rows, and rows equal but for rounding."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Embeddings, Neighbours, Space, search
from anglewise.errors import ShapeError
from anglewise.geometry import crowding as module
from anglewise.geometry.crowding import ROUNDING, exact_duplicates, near_duplicates
from real_data import real_data


def near(x, **settings):
    space = Space(items=Embeddings(x))
    found = search(space, "cosine", k=5, direction="items-items")["cosine"]
    return near_duplicates(found, **settings)


@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(-1, 1)), min_size=1, max_size=60))
def test_equal_rows_are_those_that_a_dict_finds(rows):
    groups = {}
    for number, row in enumerate(rows):
        if row != (0, 0):
            groups.setdefault(row, []).append(number)
    sizes = [len(group) for group in groups.values() if len(group) > 1]
    found = exact_duplicates(Embeddings(np.array(rows, dtype=float)))
    assert (found.groups, found.surplus) == (len(sizes), sum(sizes) - len(sizes))
    assert found.largest == max(sizes, default=0)
    assert found.rows == sum(len(group) for group in groups.values())
    for example in found.examples:
        group = groups[rows[example[0]]]
        assert list(example) == group[:5]
    assert json.loads(json.dumps(asdict(found)))["groups"] == found.groups


def test_rows_of_equal_hash_are_still_compared(monkeypatch):
    monkeypatch.setattr(module, "_hashes", lambda vectors: np.zeros(len(vectors), dtype=np.uint64))
    found = exact_duplicates(Embeddings([[1.0, 2], [2, 1], [1, 2], [-1, 2]]))
    assert found.examples == ((0, 2),)


def test_minus_zero_is_zero_and_one_bit_is_a_difference():
    assert exact_duplicates(Embeddings([[1.0, 0.0], [1.0, -0.0]])).groups == 1
    one = np.float32(1)
    assert exact_duplicates(Embeddings([[one], [np.nextafter(one, one + 1)]])).groups == 0


@given(seed=st.integers(0, 999))
@settings(max_examples=20)
def test_copies_that_were_rounded_to_half_precision_are_found(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 16))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    copies = np.vstack([x, x[:7].astype(np.float16) * rng.choice([1, 3], size=(7, 1))])
    found = near(copies)
    assert (found.pairs, found.rows) == (7, 14)
    assert {example[:2] for example in found.examples} <= {(i, i + 30) for i in range(7)}
    assert all(example[2] >= ROUNDING for example in found.examples)


@given(seed=st.integers(0, 999))
def test_rounding_moves_no_cosine_below_the_threshold(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, rng.integers(2, 30))) * rng.lognormal(sigma=3, size=(200, 1))
    x = x[np.abs(x).min(axis=1) > 1e-4].astype(
        np.float32
    )  # half precision has no relative rounding below
    x = x[np.abs(x).max(axis=1) < 6e4]
    a, b = x.astype(np.float16).astype(float), np.nextafter(x.astype(np.float16), np.inf)
    b = b.astype(float)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    assert np.all(np.einsum("ij,ij->i", a, b) / lengths >= ROUNDING)


def test_a_lower_threshold_finds_more_and_full_lists_are_said():
    x = np.eye(8) + 10
    assert near(x).pairs == 0
    found = near(x, threshold=0.9)
    assert (found.rows, found.full_lists) == (8, 8)
    assert found.pairs > 20


def test_pairs_of_a_sample_are_named_by_row():
    x = np.vstack([np.eye(9), np.eye(9)[4:5] * 2])
    found = search(
        Space(items=Embeddings(x)), "cosine", k=2, direction="items-items", rows=np.array([9, 2])
    )
    assert near_duplicates(found["cosine"], np.array([9, 2])).examples == ((4, 9, 1.0),)
    with pytest.raises(ShapeError, match="one row for each"):
        near_duplicates(found["cosine"], np.array([9]))


def test_lists_by_another_measure_are_refused():
    lists = Neighbours(
        "dot", np.array([[1]]), np.ones((1, 1), np.float32), np.zeros(1, dtype=np.int64)
    )
    with pytest.raises(ShapeError, match="by cosine"):
        near_duplicates(lists)


@pytest.mark.real
def test_equal_vectors_of_cranfield_are_near_ones_too():
    x = np.load(real_data("cranfield") / "vectors" / "glove50-sum" / "items.npy")
    assert exact_duplicates(Embeddings(x)).rows == 1398
    exact, close = exact_duplicates(Embeddings(x)), near(x)
    assert close.pairs >= exact.surplus
