"""The laws of the recipe by which the catalogue is simulated."""

import itertools

import numpy as np
import pytest

from anglewise import AnglewiseError
from anglewise.errors import TooFewError, ValuesError
from anglewise.experiment import catalogue
from anglewise.experiment.catalogue import GENRES, simulate, titles


@pytest.fixture(scope="module")
def full():
    return simulate(seed=3)


@pytest.fixture(scope="module")
def activity(full):
    return full.interactions.rows().counts  # raises if a pair comes twice


def test_full_size_is_the_papers(full):
    assert full.interactions.shape == (20_000, 1_000)
    assert full.tastes.shape == (20_000, 5)


def test_popularity_follows_the_power_law_of_its_cluster(full, activity):
    """Light users hardly feel that items run out: their choices show the exponents."""
    light = activity[full.interactions.users] <= 5
    taken = np.bincount(full.interactions.items[light], minlength=1_000)
    for cluster, exponent in enumerate(full.exponents):
        members = full.clusters == cluster
        order = np.argsort(-full.popularity[members])
        assert fitted_exponent(taken[members][order]) == pytest.approx(exponent, abs=0.15)
        assert full.popularity[members].sum() == pytest.approx(1)


def test_exponents_fill_the_papers_range():
    found = np.concatenate([simulate(5, 40, seed=seed).exponents for seed in range(60)])
    assert found.min() > 0.25
    assert found.max() < 1.5
    assert np.quantile(found, [0.1, 0.9]) == pytest.approx([0.375, 1.375], abs=0.1)


def fitted_exponent(counts):
    """The exponent of the power law over ranks under which these counts are likeliest."""
    logs = np.log(np.arange(1, len(counts) + 1))
    grid = np.linspace(0, 2.5, 501)
    likelihood = [-b * counts @ logs - counts.sum() * np.log(np.exp(-b * logs).sum()) for b in grid]
    return grid[int(np.argmax(likelihood))]


def test_users_take_from_clusters_as_they_like_them(full, activity):
    light = np.flatnonzero(activity <= 10)
    rows = full.interactions.rows().take(light)
    shares = np.zeros((len(light), 5))
    np.add.at(shares, (rows.rows, full.clusters[rows.indices]), 1 / rows.counts[rows.rows])
    taste = full.tastes[light]
    slope = ((taste - 0.2) * (shares - 0.2)).sum() / ((taste - 0.2) ** 2).sum()
    assert slope == pytest.approx(1, abs=0.04)


def test_activity_follows_its_density(activity):
    law = np.cumsum(np.arange(1, 501) ** -0.5)
    seen = np.cumsum(np.bincount(activity, minlength=501)[1:])
    assert activity.min() == 1
    assert activity.max() == 500
    assert np.abs(seen / len(activity) - law / law[-1]).max() < 1.63 / np.sqrt(len(activity))


def test_draws_are_without_replacement_one_by_one():
    """Exact inclusion probabilities of two sequential draws from four items."""
    rate, users = np.array([0.5, 0.3, 0.15, 0.05]), 40_000
    exact = np.zeros(4)
    for first, second in itertools.permutations(range(4), 2):
        exact[[first, second]] += rate[first] * rate[second] / (1 - rate[first])
    taken = catalogue._draw_interactions(
        np.ones((users, 1)),
        np.zeros(4, dtype=np.int64),
        rate,
        np.full(users, 2),
        np.random.default_rng(0),
    )
    share = np.bincount(taken[1], minlength=4) / users
    assert len(taken[0]) == 2 * users
    assert share == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(users))


def test_users_of_one_cluster_look_alike(full):
    """What the paper's figure starts from: raw co-consumption shows the clusters."""
    rows = full.interactions.rows()
    dense = np.zeros(rows.shape, dtype=np.float32)
    dense[rows.rows, rows.indices] = 1
    gram = dense.T @ dense
    cosine = gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    same = full.clusters[:, None] == full.clusters
    within = cosine[same & ~np.eye(1_000, dtype=bool)].mean()
    assert 0.25 < within < 0.45
    assert within - cosine[~same].mean() > 0.05


def test_the_same_seed_gives_the_same_bytes():
    one, two, other = (simulate(300, 80, seed=seed) for seed in (5, 5, 6))
    assert bytes_of(one) == bytes_of(two)
    assert bytes_of(one) != bytes_of(other)


def test_blocks_do_not_show(monkeypatch):
    whole = bytes_of(simulate(300, 80))
    monkeypatch.setattr(catalogue, "USERS_AT_ONCE", 7)
    assert bytes_of(simulate(300, 80)) == whole


def bytes_of(made):
    parts = [made.interactions.users, made.interactions.items, made.popularity, made.tastes]
    named = "\n".join(made.interactions.item_metadata["title"]).encode()
    return b"".join(part.tobytes() for part in parts) + named


def test_every_film_has_a_title_of_its_own_and_its_genre(full):
    about = full.interactions.item_metadata
    assert len(set(about["title"])) == 1_000
    assert [GENRES[c].name for c in full.clusters] == list(about["genre"])


def test_ids_sort_as_they_count(full):
    for ids in (full.interactions.user_ids, full.interactions.item_ids):
        assert sorted(ids) == list(ids)


def test_sequels_carry_their_number():
    named, _ = titles(np.zeros(6_000, dtype=np.int64), np.random.default_rng(0))
    assert len(set(named)) == 6_000
    assert sum(title.endswith(", Part 2") for title in named) == 6_000 - 24 * 12 * 20


@pytest.mark.parametrize(
    ("size", "error"),
    [
        ({"n_users": 0}, TooFewError),
        ({"n_items": 1}, TooFewError),
        ({"clusters": 0}, TooFewError),
        ({"n_items": 200, "n_users": 5, "clusters": 99}, ValuesError),
    ],
)
def test_impossible_sizes_say_what_is_due(size, error):
    with pytest.raises(error) as caught:
        simulate(**size)
    assert isinstance(caught.value, AnglewiseError)
    assert "due" in str(caught.value) or "at most" in str(caught.value)
