"""How evenly vectors are spread: closed cases, published steps, the level of the null."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planted
from anglewise import Embeddings
from anglewise.equivalent_factorisations.gauge import haar
from anglewise.geometry.isotropy import effective_rank, isoscore, isotropy, mean_cosine
from real_data import real_data


def of(x, **settings):
    return isotropy(Embeddings(x), np.random.default_rng(0), **settings)


def published_isoscore(variances):
    """The steps of arXiv 2108.07344, one by one."""
    n = len(variances)
    scaled = variances * np.sqrt(n) / np.linalg.norm(variances)
    defect = np.linalg.norm(scaled - 1) / np.sqrt(2 * (n - np.sqrt(n)))
    dimensions = (n - defect**2 * (n - np.sqrt(n))) ** 2 / n
    return (dimensions - 1) / (n - 1)


@given(st.lists(st.floats(0.001, 1000), min_size=2, max_size=40))
def test_isoscore_is_what_the_published_steps_give(variances):
    v = np.array(variances)
    assert isoscore(v) == pytest.approx(published_isoscore(v), abs=1e-9)


@pytest.mark.parametrize("used", [1, 2, 7, 12])
def test_isoscore_counts_the_dimensions_that_are_used_alike(used):
    v = np.zeros(12)
    v[:used] = 3.0
    assert isoscore(v) == pytest.approx((used - 1) / 11, abs=1e-12)
    assert effective_rank(np.sqrt(v)) == pytest.approx(used)


def test_a_round_cloud_is_isotropic_and_a_line_is_not():
    rng = np.random.default_rng(1)
    cloud = of(rng.normal(size=(20_000, 16)))
    assert cloud.isoscore > 0.99
    assert cloud.effective_rank > 15.9
    assert abs(cloud.mean_cosine) <= 3 * cloud.chance_cosine
    line = of(rng.normal(size=(5000, 1)) * rng.normal(size=(1, 16)) + 100)
    assert line.isoscore < 1e-6
    assert line.effective_rank < 1.001
    assert line.top_share == pytest.approx(1)
    assert line.offset_share > 0.99
    assert line.mean_cosine > 0.99


def test_an_offset_moves_the_cosine_and_not_the_variance():
    x = np.random.default_rng(2).normal(size=(5000, 8))
    here, there = of(x), of(x + 3)
    assert there.isoscore == pytest.approx(here.isoscore, abs=1e-5)
    assert there.effective_rank == pytest.approx(here.effective_rank, abs=1e-4)
    assert there.mean_cosine > 0.8
    assert abs(here.mean_cosine) < 0.001
    assert there.permuted_cosine == pytest.approx(there.mean_cosine, abs=0.01)


@given(seed=st.integers(0, 999), scale=st.floats(0.01, 100))
@settings(max_examples=15)
def test_rotation_and_scale_leave_all_but_the_permutations_alone(seed, scale):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 5)) * [3, 1, 1, 0.5, 0.1] + 0.4
    names = ("mean_cosine", "offset_share", "effective_rank", "top_share", "isoscore")
    before, after = asdict(of(x, draws=2)), asdict(of(x @ haar(5, rng) * scale, draws=2))
    for name in (*names, "chance_cosine"):
        assert after[name] == pytest.approx(before[name], abs=1e-5), name


@given(seed=st.integers(0, 999))
@settings(max_examples=20)
def test_the_mean_cosine_is_that_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rng.integers(2, 40), 3)) + 0.5
    x = np.vstack([x, np.zeros((2, 3))])
    u = x[:-2] / np.linalg.norm(x[:-2], axis=1, keepdims=True)
    pairs = (u @ u.T)[np.triu_indices(len(u), 1)]
    assert mean_cosine(x) == pytest.approx(pairs.mean(), abs=1e-12)


def test_the_chance_of_the_mean_cosine_is_that_of_tossed_signs():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 6)) * [5, 1, 1, 1, 1, 1]
    tossed = [mean_cosine(x * rng.choice([-1.0, 1.0], size=(40, 1))) for _ in range(2000)]
    assert np.std(tossed) == pytest.approx(of(x).chance_cosine, rel=0.1)
    assert abs(np.mean(tossed)) < 3 * np.std(tossed) / np.sqrt(2000)


def test_the_permutation_null_calls_wolf_no_more_often_than_it_says():
    rng = np.random.default_rng(4)

    def p():
        x = rng.exponential(size=(60, 4)) * [1, 2, 3, 9] - 0.2  # independent columns, skew, offset
        return isotropy(Embeddings(x), rng, draws=19).permuted_p

    found = np.array([p() for _ in range(400)])
    for level in (0.05, 0.2, 0.5):
        assert (found <= level).mean() == pytest.approx(level, abs=0.07)


def test_the_permutation_null_sees_columns_that_rise_together():
    rng = np.random.default_rng(5)
    strength = rng.lognormal(sigma=1, size=(2000, 1))  # rows differ in length, not in direction
    found = of(np.abs(rng.normal(size=(2000, 8))) * strength)
    assert found.permuted_p == pytest.approx(0.01)
    assert found.mean_cosine > found.permuted_cosine + 10 * found.permuted_deviation


def test_the_same_seed_gives_the_same_numbers_and_a_sample_is_said():
    x = np.random.default_rng(6).normal(size=(3000, 4))
    assert of(x, sample=500) == of(x, sample=500)
    assert of(x, sample=500).sampled == 500


@pytest.mark.parametrize(
    "x", [np.zeros((3, 2)), np.ones((1, 2)), np.full((50, 3), 0.1), np.eye(2), np.ones((4, 1))]
)
def test_what_is_not_defined_is_none_and_never_nan(x):
    found = asdict(of(x))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    if len(x) != 2 or x.shape[1] != 2:
        assert found["isoscore"] is None


def test_vectors_that_share_a_direction_lean_to_one_side():
    leaning = isotropy(planted.one_sided_lean().items, np.random.default_rng(0), draws=9)
    assert leaning.mean_cosine == pytest.approx(0.5, abs=0.01)  # 1 of 1 + 1 in every column
    assert leaning.mean_cosine > 100 * leaning.chance_cosine
    assert leaning.offset_share > 0.3
    assert 40 < leaning.effective_rank < 50
    even = planted.angles_matter()[0].items
    assert abs(isotropy(even, np.random.default_rng(0), draws=9).mean_cosine) < 0.02


@pytest.mark.real
def test_vectors_of_cranfield_lean_to_one_side_as_far_as_they_do():
    found = {
        name: of(np.load(real_data("cranfield") / "vectors" / name / "items.npy"), draws=9)
        for name in ("use", "paraphrase-L3", "glove50-sum")
    }
    assert found["glove50-sum"].mean_cosine > 0.9  # sums of word vectors share one direction
    assert found["glove50-sum"].offset_share > 0.5
    for one in found.values():
        assert one.mean_cosine > 10 * one.chance_cosine
        assert 0 < one.isoscore < 0.3
        assert 1 < one.effective_rank < 512
