"""Gauges found from two factors are those that the closed form takes with the data at hand."""

import numpy as np
import pytest

from anglewise import gauge, read_interactions
from anglewise.equivalent_factorisations.canonical import BALANCED
from anglewise.equivalent_factorisations.certificates import cosine_interval, witness
from anglewise.equivalent_factorisations.gap import gap_of_roots
from anglewise.equivalent_factorisations.gauge import random_pair, row_cosines
from anglewise.equivalent_factorisations.maps import root
from anglewise.recommender_models.closed_form import fit_linear
from gauge_laws import cosine, geometry
from real_data import real_data


@pytest.fixture(scope="module")
def ratings():
    file = real_data("ml-100k") / "interactions.csv.gz"
    used = read_interactions(file, min_weight=4.0).rows()
    dense = np.zeros(used.shape)
    dense[used.rows, used.indices] = 1.0
    return dense


def factors(ratings, **settings):
    model = fit_linear(ratings, 40, penalty=settings.pop("penalty", 100.0), **settings)
    return model.fold_in(ratings), model.item_factors


@pytest.mark.real
@pytest.mark.parametrize("name", ["item-orthonormal", "balanced", "power(0.3)", "user-orthonormal"])
def test_a_named_split_of_the_closed_form_is_the_gauge_of_that_name(ratings, name):
    P, Q = factors(ratings, gauge="tied-weights")
    scramble = random_pair(40, 65.0, np.random.default_rng(0))
    P, Q = P @ scramble.queries, Q @ scramble.items
    pair = gauge(name).pair(root(P), root(Q))
    users, items = factors(ratings, gauge=name)
    assert np.abs(geometry(Q @ pair.items) - geometry(items)).max() <= 1e-9
    assert np.abs(geometry(P @ pair.queries) - geometry(users)).max() <= 1e-9


@pytest.mark.real
def test_weight_decay_has_no_gap_and_dropout_has_what_its_split_gives(ratings):
    P, Q = factors(ratings, objective="factors", penalty=5.0)
    assert gap_of_roots(root(P), root(Q)).gap == pytest.approx(1.0, abs=1e-9)
    P, Q = factors(ratings, gauge="item-orthonormal")
    spectrum = np.linalg.svd(P, compute_uv=False)
    found = gap_of_roots(root(P), root(Q)).gap
    assert found == pytest.approx(np.sqrt(spectrum[0] / spectrum[-1]), rel=1e-9)


@pytest.mark.real
def test_cosines_of_films_move_within_the_interval_of_the_gap(ratings):
    P, Q = factors(ratings, gauge="item-orthonormal")
    gap = gap_of_roots(root(P), root(Q)).gap
    low, high = cosine_interval(row_cosines(Q[:500], Q[500:1000]), gap)
    moved = Q @ BALANCED.pair(root(P), root(Q)).items
    found = row_cosines(moved[:500], moved[500:1000])
    assert np.all((low - 1e-9 <= found) & (found <= high + 1e-9))


@pytest.mark.real
def test_a_film_can_be_given_other_neighbours_by_a_map_of_condition_two(ratings):
    _, Q = factors(ratings, gauge="balanced")
    watched = np.argsort(-ratings.sum(axis=0))[:5]
    found = [witness(Q, int(film), k=10, condition=2.0) for film in watched]
    assert all(one.pair.condition <= 2 for one in found)
    assert np.mean([one.overlap for one in found]) <= 0.2
    for one in found:
        outsider = int(np.setdiff1d(one.after, one.before)[0])
        film, other = Q[one.query], Q[outsider]
        low, high = cosine_interval(np.array([cosine(film, other)]), 2.0)
        after = cosine(film @ one.pair.items, other @ one.pair.items)
        assert low[0] <= after <= high[0]
