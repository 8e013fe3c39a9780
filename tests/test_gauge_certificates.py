"""What no map of a given condition can do: nothing found does it, and the worst maps just do."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise.equivalent_factorisations.certificates import (
    certified_share,
    cosine_interval,
    half_lost,
    order_certificate,
    top_k_certificates,
    user_item_interval,
)
from anglewise.equivalent_factorisations.gauge import moved_cosines, random_pair, row_cosines
from anglewise.errors import ValuesError
from gauge_laws import cosine, extremal_pair, extremal_user_item

SLACK = 1e-12
anything = st.integers(0, 10_000)
conditions = st.floats(1, 50)


def vectors(rng, dimension, count=2):
    """Some near each other, some opposite, some anywhere."""
    x = rng.normal(size=(count, dimension))
    x[1:] = x[1:] * 10.0 ** rng.uniform(-3, 1, size=(count - 1, 1)) + x[0] * rng.integers(-1, 2)
    return x


def nearby(pair, rng, size):
    """A map near this one whose condition is no larger than its own."""
    noise = np.linalg.qr(np.eye(len(pair.items)) + size * rng.normal(size=pair.items.shape))[0]
    u, s, v = np.linalg.svd(pair.items)
    items = u @ noise * s @ v
    return np.linalg.inv(items).T, items


def hostile_maps(x, y, condition, rng):
    """Extremal maps of this pair, maps near them, and maps with spectra at both ends only."""
    for end in ("low", "high"):
        for build in (extremal_pair, extremal_user_item):
            pair = build(x, y, condition, end)
            yield pair.queries, pair.items
            yield nearby(pair, rng, 0.1)
    pair = random_pair(len(x), condition, rng)
    u, _, v = np.linalg.svd(pair.items)
    two = np.where(rng.random(len(x)) < 0.5, 1.0, condition)
    yield u / two @ v, u * two @ v
    yield pair.queries, pair.items


@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_hostile_maps_stay_inside_the_intervals(seed):
    rng = np.random.default_rng(seed)
    for _ in range(100):
        x, y = vectors(rng, int(rng.integers(2, 21)))
        condition = float(np.exp(rng.uniform(0, 4)))
        angle = row_cosines(x[None], y[None])
        low, high = cosine_interval(angle, condition)
        below, above = user_item_interval(angle, condition)
        for queries, items in hostile_maps(x, y, condition, rng):
            alike, opposite = cosine(x @ items, y @ items), cosine(x @ queries, y @ items)
            assert low[0] - 1e-9 <= alike <= high[0] + 1e-9
            assert below[0] - 1e-9 <= opposite <= above[0] + 1e-9
            assert np.sign(opposite) == np.sign(angle[0])


@given(seed=anything, condition=conditions)
@settings(max_examples=150, deadline=None)
def test_the_extremal_maps_attain_both_ends(seed, condition):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, int(rng.integers(2, 12))))
    angle = row_cosines(x[None], y[None])
    ends = zip(
        ("low", "high"),
        cosine_interval(angle, condition),
        user_item_interval(angle, condition),
        strict=True,
    )
    for end, alike, opposite in ends:
        pair = extremal_pair(x, y, condition, end)
        assert pair.condition == pytest.approx(condition, rel=1e-12)
        assert abs(cosine(x @ pair.items, y @ pair.items) - alike[0]) <= SLACK
        pair = extremal_user_item(x, y, condition, end)
        assert pair.condition == pytest.approx(condition, rel=1e-12)
        assert np.abs(pair.queries @ pair.items.T - np.eye(len(x))).max() <= SLACK
        assert abs(cosine(x @ pair.queries, y @ pair.items) - opposite[0]) <= 10 * SLACK


@pytest.mark.parametrize("interval", [cosine_interval, user_item_interval])
@given(angle=st.floats(-1, 1), one=conditions, other=conditions)
@settings(max_examples=200, deadline=None)
def test_a_wilder_map_certifies_less(interval, angle, one, other):
    gentle, wild = sorted((one, other))
    (low, high), (lower, higher) = (interval(np.array([angle]), s) for s in (gentle, wild))
    assert lower[0] - SLACK <= low[0] <= angle + SLACK
    assert angle - SLACK <= high[0] <= higher[0] + SLACK
    assert -1 <= lower[0] <= higher[0] <= 1


@given(angle=st.floats(-1, 1), condition=conditions)
def test_the_sign_of_a_user_item_cosine_never_changes(angle, condition):
    low, high = user_item_interval(np.array([angle]), condition)
    assert np.sign(low[0]) == np.sign(high[0]) == np.sign(angle)


@pytest.mark.parametrize("interval", [cosine_interval, user_item_interval])
def test_without_any_freedom_a_cosine_is_itself(interval):
    c = np.linspace(-1, 1, 21)
    for end in interval(c, 1.0):
        assert np.abs(end - c).max() <= 1e-15


@pytest.mark.parametrize("seed", range(4))
def test_no_map_below_the_certificate_swaps_two_neighbours(seed):
    rng = np.random.default_rng(seed)
    for _ in range(150):
        query, *pair = vectors(rng, int(rng.integers(2, 10)), count=3)
        near, far = sorted(pair, key=lambda v: -cosine(query, v))
        limit = order_certificate(*(row_cosines(query[None], v[None]) for v in (near, far)))[0]
        condition = min(float(limit), 1e4) * (1 - 1e-6)
        if condition <= 1:
            continue
        for target, end in ((near, "low"), (far, "high")):
            items = extremal_pair(query, target, condition, end).items
            q, a, b = query @ items, near @ items, far @ items
            assert cosine(q, a) > cosine(q, b) - 1e-9
        for _ in range(5):
            items = random_pair(len(query), condition, rng).items
            assert cosine(query @ items, near @ items) > cosine(query @ items, far @ items) - 1e-9


def test_a_certified_list_keeps_its_members_under_every_map_below_the_limit():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 8))
    cosines = np.sort(row_cosines(np.repeat(x[:1], 199, axis=0), x[1:]))[::-1]
    certificates = top_k_certificates(cosines[9:10], cosines[10:11])
    limit = float(certificates[0])
    assert limit > 1
    for seed in range(200):
        items = random_pair(8, limit, np.random.default_rng(seed)).items
        moved = row_cosines(np.repeat(x[:1] @ items, 199, axis=0), x[1:] @ items)
        before = row_cosines(np.repeat(x[:1], 199, axis=0), x[1:])
        assert set(np.argsort(-moved)[:10]) == set(np.argsort(-before)[:10])


def test_an_order_is_certified_up_to_the_root_of_the_ratio_of_half_tangents():
    near, far = np.array([0.2, 0.7]), np.array([0.9, 1.1])
    found = order_certificate(np.cos(near), np.cos(far))
    assert np.allclose(found, np.sqrt(np.tan(far / 2) / np.tan(near / 2)), rtol=1e-12)


def test_a_list_of_everything_cannot_change_and_ties_are_never_certified():
    found = top_k_certificates(np.array([0.5, 0.5, 1.0, 1.0]), np.array([-np.inf, 0.5, 0.2, 1.0]))
    assert found.tolist() == [np.inf, 1.0, np.inf, 1.0]
    assert certified_share(found, 1.0) == 0.5


def test_the_certified_share_falls_and_half_is_lost_at_the_median():
    certificates = np.array([1.0, 1.2, 1.4, 1.6, np.inf])
    shares = [certified_share(certificates, s) for s in (1.0, 1.3, 1.5, 2.0, 1e9)]
    assert shares == [0.8, 0.6, 0.4, 0.2, 0.2]
    assert half_lost(certificates) == 1.4


def test_random_maps_move_less_than_the_certificate_allows():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 40, 30))
    moved = moved_cosines(x, y, 30.0, rng, draws=200)
    low, high = cosine_interval(row_cosines(x, y), 30.0)
    assert np.all((low <= moved) & (moved <= high))
    half = np.sqrt((1 - moved) / (1 + moved)) / np.tan(np.arccos(row_cosines(x, y)) / 2)
    assert half.min() > 0.2
    assert half.max() < 5


def test_random_maps_keep_the_sign_between_a_user_and_an_item():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 50, 10))
    moved = moved_cosines(x, y, 20.0, rng, draws=50, opposite=True)
    assert np.all(np.sign(moved) == np.sign(row_cosines(x, y)))


def test_what_is_no_cosine_or_no_condition_is_refused():
    with pytest.raises(ValuesError, match="outside"):
        cosine_interval(np.array([1.1]), 2.0)
    with pytest.raises(ValuesError, match="outside"):
        cosine_interval(np.array([np.nan]), 2.0)
    with pytest.raises(ValuesError, match="a number from 1"):
        cosine_interval(np.array([0.5]), 0.9)
    with pytest.raises(ValuesError, match="larger cosine"):
        order_certificate(np.array([0.1]), np.array([0.2]))
    with pytest.raises(ValuesError, match="one dimension"):
        random_pair(1, 2.0, np.random.default_rng(0))


@pytest.mark.parametrize("condition", [1.0, 7.0, 1e12])
def test_a_user_at_right_angles_to_an_item_stays_there(condition):
    low, high = user_item_interval(np.array([0.0]), condition)
    assert (low[0], high[0]) == (0, 0)


@pytest.mark.parametrize("condition", [1.0, 1.5, 30.0, 1e6, 1e9, 1e12, 1e15])
@pytest.mark.parametrize("size", [1e-15, 1e-12, 1e-9, 1e-4, 0.02, 0.3, 0.999])
def test_an_interval_of_a_user_and_an_item_keeps_its_digits_at_any_condition(condition, size):
    """By the formula, in sixty digits."""
    with localcontext() as digits:
        digits.prec = 60
        c, s = Decimal(size), Decimal(condition)
        cosh, sinh, sine = (s + 1 / s) / 2, (s - 1 / s) / 2, (1 - c * c).sqrt()
        low = c / (cosh + sinh * sine)
        high = Decimal(1) if sine <= sinh / cosh else c / (cosh - sinh * sine)
    found = user_item_interval(np.array([size, -size]), condition)
    assert found[0] == pytest.approx([float(low), -float(high)], rel=1e-9)
    assert found[1] == pytest.approx([float(high), -float(low)], rel=1e-9)
