"""A witness changes a list and nothing else, with a map as gentle as it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise.equivalent_factorisations.canonical import BALANCED
from anglewise.equivalent_factorisations.certificates import (
    _Duel,
    _score,
    _search,
    top_k_certificates,
    witness,
)
from anglewise.equivalent_factorisations.gauge import random_pair
from anglewise.equivalent_factorisations.maps import root
from anglewise.errors import ShapeError, TooFewError, ValuesError
from gauge_laws import cosine, factors, relative_change


def items(seed, rows=400, width=20):
    P, Q = factors(seed, rows=(500, rows), width=width, decay=0.05)
    pair = BALANCED.pair(root(P), root(Q))
    return P @ pair.queries, Q @ pair.items


def nearest(x, query, k):
    scores = np.array([cosine(x[query], row) if row.any() else 0.0 for row in x])
    scores[query] = -2
    return np.argsort(-scores, kind="stable")[:k]


@given(seed=st.integers(0, 999), condition=st.floats(1, 100), k=st.integers(1, 12))
@settings(max_examples=15, deadline=None)
def test_the_map_is_never_wilder_than_asked_and_predictions_stay(seed, condition, k):
    P, Q = items(seed, rows=60, width=6)
    found = witness(Q, seed % 60, k=k, condition=condition)
    assert found.pair.condition <= condition
    assert relative_change(P, Q, found.pair) <= 1e-12


@pytest.mark.parametrize("condition", [1.1, 1.5, 2.0])
def test_the_lists_are_those_that_anybody_finds_before_and_after(condition):
    _, Q = items(3)
    found = witness(Q, 7, k=10, condition=condition)
    assert found.before.tolist() == nearest(Q, 7, 10).tolist()
    assert found.after.tolist() == nearest(Q @ found.pair.items, 7, 10).tolist()
    kept = set(found.before.tolist()) & set(found.after.tolist())
    assert found.overlap == len(kept) / 10


@pytest.mark.parametrize("condition", [1.2, 1.5])
def test_a_witness_does_more_harm_than_two_hundred_random_maps(condition):
    _, Q = items(4)
    rng = np.random.default_rng(0)
    for query in (0, 50, 100):
        found = witness(Q, query, k=10, condition=condition)
        before = set(found.before.tolist())
        overlaps = []
        for _ in range(200):
            moved = Q @ random_pair(20, condition, rng).items
            unit = moved / np.linalg.norm(moved, axis=1, keepdims=True)
            order = np.argsort(-(unit @ unit[query]))
            overlaps.append(len(before & set(order[order != query][:10].tolist())) / 10)
        assert found.overlap < min(overlaps)


def test_a_wild_enough_map_replaces_every_neighbour():
    _, Q = items(5)
    assert all(witness(Q, query, k=10, condition=4.0).overlap == 0 for query in range(0, 400, 80))


def test_below_its_certificate_a_list_has_no_witness():
    _, Q = items(6)
    for query in range(0, 400, 40):
        scores = np.array([cosine(Q[query], row) for row in Q])
        scores = np.sort(np.delete(scores, query))[::-1]
        limit = float(top_k_certificates(scores[9:10], scores[10:11])[0])
        assert witness(Q, query, k=10, condition=limit).overlap == 1.0


def test_the_same_question_has_the_same_witness_and_scale_does_not_matter():
    _, Q = items(7)
    one, two, big = (witness(x, 3, condition=1.5) for x in (Q, Q, 1000 * Q))
    assert np.array_equal(one.pair.items, two.pair.items)
    assert one.after.tolist() == two.after.tolist()
    assert one.overlap == big.overlap


def test_kept_columns_are_left_alone():
    _, Q = items(8, width=5)
    biased = np.insert(Q, 5, 1.0, axis=1)
    found = witness(biased, 3, condition=3.0, keep=(5,))
    assert np.array_equal(found.pair.items[5], np.eye(6)[5])
    assert np.array_equal((biased @ found.pair.items)[:, 5], biased[:, 5])
    inner = np.linalg.cond(found.pair.items[:5, :5])
    assert inner <= 3.0
    assert found.overlap < 1


def test_zero_rows_and_duplicates_are_no_trouble():
    _, Q = items(9)
    Q[10:15], Q[20] = 0.0, Q[3]
    found = witness(Q, 3, condition=2.0)
    assert found.before[0] == found.after[0] == 20


def test_float32_and_condition_one_change_nothing():
    _, Q = items(10)
    found = witness(Q.astype(np.float32), 3, condition=1.0)
    assert found.overlap == 1.0
    assert np.array_equal(found.pair.items, np.eye(20))


def test_what_cannot_have_a_witness_is_said():
    _, Q = items(11, rows=20)
    Q[4] = 0.0
    with pytest.raises(ShapeError, match="row 20 of 20"):
        witness(Q, 20)
    with pytest.raises(ValuesError, match="zero vector"):
        witness(Q, 4)
    with pytest.raises(TooFewError, match="19 neighbours of 19"):
        witness(Q, 0, k=19)
    with pytest.raises(ValuesError, match="a number from 1"):
        witness(Q, 0, condition=0.5)


@given(seed=st.integers(0, 999), k=st.integers(1, 5))
def test_a_list_is_scored_by_who_is_left_and_then_by_their_lead_over_the_first_others(seed, k):
    cosines = np.random.default_rng(seed).uniform(-1, 1, 20)
    ranked = sorted(range(20), key=lambda row: -cosines[row])
    left = sum(row < k for row in ranked[:k])
    others = [row for row in ranked if row >= k][:k]
    lead = np.mean(cosines[:k]) - np.mean(cosines[others])
    assert _score(cosines, k) == (left, pytest.approx(lead))


@pytest.mark.parametrize("reach", [0.01, 0.05, 0.5])
def test_a_descent_lowers_the_lead_of_the_neighbours_where_it_replaces_none(reach):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 8))
    order = np.argsort(-np.array([cosine(x[0], row) for row in x]), kind="stable")[1:]
    duel = _Duel(x[0], x[order], 4, list(range(8)))

    def score(stretch):
        query, others = duel.moved(stretch)
        return _score(others @ query, 4)

    found = _search(duel, reach)
    assert score(found) < score(np.eye(8))
    values = np.linalg.svd(found, compute_uv=False)
    assert values[0] / values[-1] <= np.exp(reach) * (1 + 1e-9)


def test_without_any_reach_nothing_is_moved():
    x = np.random.default_rng(0).standard_normal((9, 3))
    assert np.array_equal(_search(_Duel(x[0], x[1:], 2, [0, 1, 2]), 0.0), np.eye(3))
