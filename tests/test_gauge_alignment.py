"""Two runs: rotation, gauge and real disagreement are told apart."""

import numpy as np
import pytest

from anglewise import Embeddings, Space
from anglewise.equivalent_factorisations.gap import align
from anglewise.equivalent_factorisations.gauge import haar, random_pair
from anglewise.errors import ShapeError, TooFewError, ValuesError
from gauge_laws import factors


def space(P, Q, order=None):
    ids = [f"i{i}" for i in range(len(Q))]
    if order is not None:
        Q, ids = Q[order], [ids[i] for i in order]
    return Space(queries=Embeddings(P), items=Embeddings(Q, ids=ids))


def test_a_run_agrees_with_itself():
    one = space(*factors(0))
    found = align(one, one)
    assert found.predictions <= 1e-12
    assert found.items.given <= 1e-12
    assert found.items.linear.condition == pytest.approx(1.0, abs=1e-6)


def test_a_rotated_and_rescaled_run_differs_by_rotation_alone():
    P, Q = factors(1)
    turn = haar(6, np.random.default_rng(0))
    found = align(space(P, Q), space(P @ turn * 3, Q @ turn / 3))
    assert found.predictions <= 1e-6
    for side in (found.queries, found.items):
        assert side.rotation.residual <= 1e-6
        assert side.shares["rotation"] == pytest.approx(1.0)
    assert np.allclose(found.items.rotation.map, turn, atol=1e-5)


def test_a_run_in_another_gauge_differs_by_a_linear_map_of_its_condition():
    P, Q = factors(2)
    moved = random_pair(6, 20.0, np.random.default_rng(1))
    found = align(space(P, Q), space(P @ moved.queries, Q @ moved.items))
    assert found.predictions <= 1e-5
    assert found.items.linear.residual <= 1e-5
    assert found.items.linear.condition == pytest.approx(20.0, rel=1e-4)
    assert found.items.rotation.residual > 0.2
    assert found.items.shares["gauge"] > 0.1
    assert found.items.shares["real"] <= 1e-6
    assert np.allclose(found.queries.linear.map, moved.queries, rtol=1e-3, atol=1e-4)


def test_other_predictions_are_called_real():
    P, Q = factors(3)
    R, S = factors(4)
    found = align(space(P, Q), space(R, S))
    exact = np.linalg.norm(P @ Q.T - R @ S.T) / np.linalg.norm(R @ S.T)
    assert found.predictions == pytest.approx(exact, rel=1e-5)
    assert found.items.shares["real"] > 0.5
    assert sum(found.items.shares.values()) == pytest.approx(1.0)


def test_half_gauge_and_half_noise_is_split_between_them():
    P, Q = factors(5)
    rng = np.random.default_rng(2)
    moved = random_pair(6, 5.0, rng)
    noise = 0.05 * np.linalg.norm(Q) / np.sqrt(Q.size) * rng.normal(size=Q.shape)
    found = align(space(P, Q), space(P @ moved.queries, (Q + noise) @ moved.items))
    assert 0.02 < found.predictions < 0.3
    assert 0 < found.items.shares["real"] < found.items.shares["gauge"]


def test_predictions_differ_by_what_float32_differs_and_no_less():
    P, Q = factors(6, width=4)
    P, Q = P.astype(np.float32), Q.astype(np.float32)
    other = Q.copy()
    other[0, 0] = np.nextafter(other[0, 0], np.float32(np.inf))
    found = align(space(P, Q), space(P, other))
    exact = np.linalg.norm(P.astype(float) @ (other.astype(float) - Q).T)
    exact /= np.linalg.norm(P.astype(float) @ other.T.astype(float))
    assert found.predictions == pytest.approx(exact, rel=1e-4)
    assert found.predictions < 1e-8


def test_rows_are_matched_by_their_ids():
    P, Q = factors(7)
    order = np.random.default_rng(0).permutation(len(Q))
    found = align(space(P, Q), space(P, Q, order[:40]))
    assert found.items.shared == 40
    assert found.predictions <= 1e-7


def test_runs_of_different_width_are_compared_too():
    P, Q = factors(8)
    found = align(space(P, Q), space(P[:, :4], Q[:, :4]))
    assert found.items.linear.map.shape == (6, 4)
    assert found.items.linear.residual <= 1e-6
    assert found.predictions > 0.1
    assert found.items.given == 1.0


def test_what_cannot_be_aligned_is_refused():
    P, Q = factors(9)
    with pytest.raises(TooFewError, match="share 5 items"):
        align(space(P, Q), space(P, Q, np.arange(5)))
    with pytest.raises(ShapeError, match="one side"):
        align(space(P, Q), Space(items=Embeddings(Q)))
    with pytest.raises(ValuesError, match="zeros only"):
        align(space(P, Q), space(P, 0 * Q))


@pytest.mark.parametrize(
    ("shared", "width", "enough"), [(4, 3, False), (5, 4, True), (6, 6, False)]
)
def test_runs_must_share_more_rows_than_they_have_columns(shared, width, enough):
    rng = np.random.default_rng(0)
    ids = [f"a{row}" for row in range(20)]

    def run(other, width=4):
        names = [*ids[:shared], *(f"{other}{row}" for row in range(20 - shared))]
        sides = (Embeddings(rng.standard_normal((20, width)), names) for _ in range(2))
        return Space(queries=next(sides), items=next(sides))

    def aligned():
        return align(run("b"), run("c", width))

    if enough:
        assert aligned().items.shared == shared
    else:
        with pytest.raises(TooFewError, match=f"share {shared} "):
            aligned()


def test_shares_are_what_each_kind_of_map_takes_off_the_squared_difference():
    P, Q = factors(4)
    noise = 0.1 * np.random.default_rng(0).standard_normal(Q.shape)
    scramble = random_pair(Q.shape[1], 4.0, np.random.default_rng(1))
    found = align(space(P, Q), space(P @ scramble.queries, Q @ scramble.items + noise)).items
    given, turned, mapped = found.given, found.rotation.residual, found.linear.residual
    assert given > turned > mapped > 0
    assert found.shares == pytest.approx(
        {
            "rotation": (given**2 - turned**2) / given**2,
            "gauge": (turned**2 - mapped**2) / given**2,
            "real": mapped**2 / given**2,
        }
    )
