"""What two rankings have in common."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anglewise import Neighbours
from anglewise.errors import ShapeError
from anglewise.evaluation_metrics.breadth import agreements, overlap


def rank_biased_overlap(first, second, k, persistence=0.9):
    return agreements(first, second, k, persistence)[1]


def listed(indices):
    indices = np.asarray(indices, dtype=np.int64)
    scores = np.zeros(indices.shape, dtype=np.float32)
    return Neighbours("dot", indices, scores, np.zeros(len(indices), dtype=np.int64))


@st.composite
def rankings(draw):
    k = draw(st.integers(1, 8))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    lists = [np.stack([rng.permutation(12)[:k] for _ in range(3)]) for _ in range(2)]
    return k, listed(lists[0]), listed(lists[1])


def plain_rbo(one, other, k, p):
    agreed = [len({*one[:d]} & {*other[:d]}) / d for d in range(1, k + 1)]
    ahead = sum(a * p**d for d, a in enumerate(agreed, start=1))
    return agreed[-1] * p**k + (1 - p) / p * ahead


@given(rankings(), st.floats(0.1, 0.95))
def test_both_follow_their_definition(case, p):
    k, one, other = case
    rows = list(zip(one.indices.tolist(), other.indices.tolist(), strict=True))
    plain = [len({*a} & {*b}) / k for a, b in rows]
    assert overlap(one, other, k).tolist() == plain
    biased = [plain_rbo(a, b, k, p) for a, b in rows]
    np.testing.assert_allclose(rank_biased_overlap(one, other, k, p), biased, atol=1e-12)


@given(rankings())
def test_both_are_symmetric_and_one_only_for_equal_lists(case):
    k, one, other = case
    for of in (overlap, rank_biased_overlap):
        assert of(one, other, k).tolist() == of(other, one, k).tolist()
        np.testing.assert_allclose(of(one, one, k), 1.0, atol=1e-12)
        assert np.all(of(one, other, k) <= 1 + 1e-12)


def test_the_front_counts_more():
    same_front, same_end = listed([[1, 2, 8, 9]]), listed([[8, 9, 3, 4]])
    base = listed([[1, 2, 3, 4]])
    assert overlap(base, same_front, 4) == overlap(base, same_end, 4)
    assert rank_biased_overlap(base, same_front, 4) > rank_biased_overlap(base, same_end, 4)


def test_places_that_could_not_be_filled_do_not_count():
    one, other = listed([[1, 2, -1], [-1, -1, -1]]), listed([[2, 1, -1], [-1, -1, -1]])
    assert overlap(one, other, 3).tolist() == [1.0, 1.0]
    assert rank_biased_overlap(one, other, 3)[1] == 1.0


def test_lists_of_different_queries_are_refused():
    with pytest.raises(ShapeError, match="same queries"):
        overlap(listed([[1]]), listed([[1], [2]]), 1)


def test_long_lists_take_memory_by_their_length_and_not_its_square():
    """A table of places by places would take 50 times a million bytes."""
    rng = np.random.default_rng(5)
    first, second = (
        Neighbours("dot", rng.permuted(np.tile(np.arange(1500), (50, 1)), axis=1)[:, :1000],
                   np.zeros((50, 1000), np.float32), np.arange(50))
        for _ in range(2)
    )  # fmt: skip
    tracemalloc.start()
    shares = overlap(first, second, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    due = [
        len(set(a) & set(b)) / 1000
        for a, b in zip(first.indices.tolist(), second.indices.tolist(), strict=True)
    ]
    assert shares.tolist() == due
    assert peak < 12e6
