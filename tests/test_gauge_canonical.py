"""Gauges: the same predictions, a geometry that depends on nothing but them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anglewise as aw
from anglewise import Embeddings, Space, gauge
from anglewise.equivalent_factorisations.canonical import (
    BALANCED,
    ITEM_ORTHONORMAL,
    USER_ORTHONORMAL,
    PowerGauge,
)
from anglewise.equivalent_factorisations.gauge import RandomMap, random_pair
from anglewise.equivalent_factorisations.maps import (
    NearIdentity,
    predictions_moved,
    root,
    side_by_side,
    whole_map,
)
from anglewise.errors import ShapeError, SpellingError, ValuesError
from gauge_laws import factors, geometry, relative_change

NAMED = [
    "given",
    "item-orthonormal",
    "power(0.3)",
    "balanced",
    "power(0.8)",
    "user-orthonormal",
    "random(65,3)",
]
CANONICAL = [name for name in NAMED if name != "given" and "random" not in name]
anything = st.integers(0, 10_000)


def pair_of(name, P, Q):
    return gauge(name).pair(root(P), root(Q))


@pytest.mark.parametrize("name", NAMED)
@given(seed=anything, width=st.integers(2, 12), decay=st.floats(0, 0.5))
@settings(max_examples=15, deadline=None)
def test_predictions_stay_in_every_gauge(name, seed, width, decay):
    P, Q = factors(seed, width=width, decay=decay)
    pair = pair_of(name, P, Q)
    assert relative_change(P, Q, pair) <= 1e-12
    assert predictions_moved(root(P), root(Q), pair) <= 1e-12


@pytest.mark.parametrize("name", CANONICAL)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_scrambled_factorisation_shows_the_same_geometry(name, seed):
    P, Q = factors(seed, rows=(400, 300), width=50, decay=0.1)
    scramble = random_pair(50, 65.0, np.random.default_rng(seed + 100))
    plain = pair_of(name, P, Q)
    S, T = P @ scramble.queries, Q @ scramble.items
    again = pair_of(name, S, T)
    assert np.abs(geometry(Q @ plain.items) - geometry(T @ again.items)).max() <= 1e-9
    assert np.abs(geometry(P @ plain.queries) - geometry(S @ again.queries)).max() <= 1e-9
    assert np.abs(Q @ plain.items - T @ again.items).max() <= 1e-8 * np.abs(Q @ plain.items).max()


@given(seed=anything, t=st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_powers_share_the_spectrum_out(seed, t):
    P, Q = factors(seed)
    pair = PowerGauge(t).pair(root(P), root(Q))
    spectrum = np.linalg.svd(P @ Q.T, compute_uv=False)[:6] ** 2
    users, items = P @ pair.queries, Q @ pair.items
    assert np.allclose(users.T @ users, np.diag(spectrum ** (1 - t)), atol=1e-9 * spectrum[0])
    assert np.allclose(items.T @ items, np.diag(spectrum**t), atol=1e-9 * spectrum[0])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_ends_of_the_path_and_its_middle_bear_their_names(seed):
    P, Q = factors(seed)
    low, middle, high = (PowerGauge(t).pair(root(P), root(Q)) for t in (0, 0.5, 1))
    one = np.eye(6)
    assert np.allclose((Q @ low.items).T @ (Q @ low.items), one, atol=1e-10)
    assert np.allclose((P @ high.queries).T @ (P @ high.queries), one, atol=1e-10)
    grams = [x.T @ x for x in (P @ middle.queries, Q @ middle.items)]
    assert np.abs(grams[0] - grams[1]).max() <= 1e-11 * np.abs(grams[0]).max()
    assert [str(PowerGauge(t)) for t in (0, 0.5, 1)] == [
        "item-orthonormal",
        "balanced",
        "user-orthonormal",
    ]


def test_data_space_is_the_item_geometry_of_user_orthonormal():
    P, Q = factors(5)
    predictions = P @ Q.T
    items = Q @ USER_ORTHONORMAL.pair(root(P), root(Q)).items
    users = P @ ITEM_ORTHONORMAL.pair(root(P), root(Q)).queries
    assert np.abs(geometry(items) - geometry(predictions.T)).max() <= 1e-12
    assert np.abs(geometry(users) - geometry(predictions)).max() <= 1e-12


@pytest.mark.parametrize("rows", [(60, 45), (4, 45), (60, 3), (3, 2)])
@pytest.mark.parametrize("name", CANONICAL)
def test_directions_without_predictions_are_dropped(rows, name):
    P, Q = factors(7, rows=rows, width=8, rank=5)
    pair = pair_of(name, P, Q)
    assert pair.queries.shape == pair.items.shape == (8, min(5, *rows))
    assert relative_change(P, Q, pair) <= 1e-12


def test_a_direction_that_only_one_side_has_is_no_prediction():
    P, Q = factors(8, width=3)
    wide_p = np.column_stack([P, np.zeros(len(P))])
    wide_q = np.column_stack([Q, np.arange(len(Q), dtype=float)])
    pair = BALANCED.pair(root(wide_p), root(wide_q))
    narrow = BALANCED.pair(root(P), root(Q))
    assert np.allclose(wide_q @ pair.items, Q @ narrow.items, atol=1e-10)


def test_zero_columns_zero_rows_and_duplicates_are_no_trouble():
    P, Q = factors(9)
    P, Q = np.insert(P, 2, 0.0, axis=1), np.insert(Q, 2, 0.0, axis=1)
    Q[3], Q[5] = 0.0, Q[4]
    moved = Q @ BALANCED.pair(root(P), root(Q)).items
    assert moved.shape[1] == 6
    assert not moved[3].any()
    assert np.array_equal(moved[4], moved[5])


@pytest.mark.parametrize("where", ["gauge", "spectrum"])
def test_a_condition_of_ten_million_survives(where):
    P, Q = factors(11, rows=(300, 200), width=20)
    plain = BALANCED.pair(root(P), root(Q))
    if where == "gauge":
        hard = random_pair(20, 1e7, np.random.default_rng(0))
        S, T = P @ hard.queries, Q @ hard.items
        again = BALANCED.pair(root(S), root(T))
        assert np.abs(geometry(T @ again.items) - geometry(Q @ plain.items)).max() <= 1e-6
        assert predictions_moved(root(S), root(T), again) <= 1e-8
    else:
        u, _, v = np.linalg.svd(P, full_matrices=False)
        S = u * np.logspace(0, -7, 20) @ v
        again = BALANCED.pair(root(S), root(Q))
        assert again.queries.shape == (20, 20)
        assert relative_change(S, Q, again) <= 1e-12


@given(seed=anything, exponent=st.floats(0, 12))
@settings(max_examples=30, deadline=None)
def test_a_root_keeps_small_directions_as_well_as_a_qr(seed, exponent):
    rng = np.random.default_rng(seed)
    u, _ = np.linalg.qr(rng.normal(size=(200, 8)))
    v, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    spectrum = np.logspace(0, -exponent, 8)
    found = np.linalg.svd(root(u * spectrum @ v.T).matrix, compute_uv=False)
    assert np.abs(found - spectrum).max() <= 1e-14
    assert np.abs(found / spectrum - 1).max() <= 1e-13 * 10**exponent


def test_a_root_side_by_side_is_that_of_the_whole():
    P, _ = factors(1, rows=(50, 50))
    both = np.column_stack([P[:, :2].astype(np.float32), P]).astype(np.float64)
    found = side_by_side(P[:, :2].astype(np.float32), P).matrix
    assert np.allclose(found.T @ found, both.T @ both, rtol=1e-12)


def test_the_same_factors_give_the_same_maps_and_signs_do_not_wander():
    P, Q = factors(12)
    one, two = (BALANCED.pair(root(P), root(Q)) for _ in range(2))
    assert np.array_equal(one.queries, two.queries)
    assert np.array_equal(one.items, two.items)
    flipped = BALANCED.pair(root(-P), root(-Q))
    assert np.allclose(Q @ one.items, -Q @ flipped.items)


@given(condition=st.floats(1, 1e4), seed=anything, width=st.integers(2, 30))
@settings(max_examples=30, deadline=None)
def test_a_random_map_has_exactly_its_condition(condition, seed, width):
    pair = random_pair(width, condition, np.random.default_rng(seed))
    assert pair.condition == pytest.approx(condition, rel=1e-9)
    assert np.allclose(pair.queries @ pair.items.T, np.eye(width), atol=1e-9)
    assert np.linalg.cond(pair.queries) == pytest.approx(condition, rel=1e-9)


@pytest.mark.parametrize("name", NAMED)
def test_spelling_goes_both_ways(name):
    assert str(gauge(name)) == name
    assert gauge(gauge(name)) is gauge(name) or gauge(gauge(name)) == gauge(name)


@pytest.mark.parametrize(
    "wrong", ["balance", "power", "power(2)", "power(a)", "random(0.5,1)", "random(3,1.5)", "("]
)
def test_what_is_no_gauge_is_said(wrong):
    with pytest.raises(SpellingError):
        gauge(wrong)


def a_space(bias=False, trained_for="dot"):
    P, Q = factors(20, rows=(30, 20), width=4)
    if bias:
        P, Q = np.column_stack([P, np.ones(30)]), np.column_stack([Q, np.arange(20) / 10])
    return Space(
        queries=Embeddings(P, ids=[f"u{i}" for i in range(30)]),
        items=Embeddings(Q, metadata={"title": list(range(20))}),
        trained_for=trained_for,
        about={"model": "test"},
    )


@pytest.mark.parametrize("name", NAMED)
def test_a_space_moves_with_its_names_and_keeps_its_predictions(name):
    space = a_space()
    moved = aw.gauge(name).apply(space)
    before = space.queries.vectors.astype(float) @ space.items.vectors.T.astype(float)
    after = moved.queries.vectors.astype(float) @ moved.items.vectors.T.astype(float)
    sizes = np.outer(moved.queries.norms, moved.items.norms)
    assert np.all(np.abs(after - before) <= 3e-7 * sizes)
    assert moved.queries.ids[0] == "u0"
    assert moved.items.metadata is space.items.metadata
    assert moved.about == {"model": "test", "gauge": name}
    assert moved.trained_for == "dot"


def test_a_bias_column_is_not_mixed_without_a_word():
    space = a_space(bias=True)
    with pytest.raises(ValuesError, match=r"column 4 .*keep="):
        gauge("balanced").apply(space)
    kept = gauge("balanced").apply(space, keep=(4,))
    assert np.array_equal(kept.queries.vectors[:, 4], np.ones(30))
    assert np.array_equal(kept.items.vectors[:, 4], space.items.vectors[:, 4])
    plain = gauge("balanced").apply(a_space())
    assert np.allclose(kept.items.vectors[:, :4], plain.items.vectors, atol=1e-6)
    mixed = gauge("balanced").apply(space, keep=())
    assert not np.any(np.ptp(mixed.queries.vectors, axis=0) == 0)


def test_a_gauge_that_mixes_nothing_needs_no_word_about_biases():
    space = a_space(bias=True)
    assert np.array_equal(gauge("given").apply(space).items.vectors, space.items.vectors)


@pytest.mark.parametrize(
    ("space", "error", "says"),
    [
        (Space(items=Embeddings(np.eye(3))), ShapeError, "one side"),
        (a_space(trained_for="cosine"), ValuesError, "only rotations"),
        (
            Space(queries=Embeddings(np.zeros((2, 2))), items=Embeddings(np.eye(2))),
            ValuesError,
            "every prediction is 0",
        ),
        (
            Space(queries=Embeddings([[1.0, 0.0]]), items=Embeddings([[0.0, 1.0]])),
            ValuesError,
            "every prediction is 0",
        ),
        (
            Space(queries=Embeddings([[1e30]]), items=Embeddings([[1e30]])),
            ValuesError,
            "float32",
        ),
        (
            Space(queries=Embeddings([[1e-30]]), items=Embeddings([[1e-30]])),
            ValuesError,
            "float32",
        ),
    ],
)
def test_what_has_no_gauge_is_refused_with_the_reason(space, error, says):
    with pytest.raises(error, match=says):
        gauge("item-orthonormal").apply(space)


def test_a_column_that_is_not_there_cannot_be_kept():
    with pytest.raises(ShapeError, match="column 9 of 4"):
        gauge("balanced").apply(a_space(), keep=(9,))


def test_random_gauges_differ_by_seed_and_not_by_call():
    one, two = RandomMap(30, 1), RandomMap(30, 2)
    P, Q = root(np.eye(4)), root(np.eye(4))
    assert np.array_equal(one.pair(P, Q).items, one.pair(P, Q).items)
    assert not np.allclose(one.pair(P, Q).items, two.pair(P, Q).items)


def test_the_face_shows_the_function_even_after_the_room_was_imported():
    assert aw.gauge is gauge


def test_a_map_of_a_few_directions_moves_rows_as_the_whole_of_it_does():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((7, 3)))[0]
    some = NearIdentity(basis, rng.standard_normal((3, 3)))
    x = rng.standard_normal((5, 7))
    assert np.allclose(x @ some, x @ some.whole(), atol=1e-12)
    assert np.allclose(x @ some, x @ whole_map(some), atol=1e-12)
    values = np.linalg.svd(some.whole(), compute_uv=False)
    assert some.singular_values[0] == pytest.approx(values[0], abs=1e-12)
    assert some.singular_values[-1] == pytest.approx(values[-1], abs=1e-12)
    assert some.shape == some.whole().shape
