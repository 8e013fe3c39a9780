"""Resamples and the intervals from them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from anglewise.statistics import resampling as draws
from anglewise.statistics.resampling import (
    UNIT,
    ExactSums,
    Means,
    bca,
    best_probability,
    blocks,
    bootstrap,
    random_flips,
    resample_counts,
)


def zero_inflated(rng, shape, zeros=0.6):
    """Like nDCG per query: many zeros, the rest skewed over (0, 1)."""
    return np.where(rng.random(shape) < zeros, 0.0, rng.beta(1.2, 2, shape))


@pytest.mark.parametrize("queries", [1, 2, 17, 300, 5000])
def test_a_resample_holds_as_many_queries_as_there_are(queries):
    counts = resample_counts(3, range(4), queries)
    assert counts.shape == (4 * UNIT, queries)
    assert counts.min() >= 0
    assert (counts.sum(axis=1, dtype=int) == queries).all()


@pytest.mark.parametrize("queries", [30, 400])
def test_resample_counts_are_multinomial(queries):
    counts = resample_counts(0, range(4000 // UNIT), queries).astype(float)
    n = counts.size
    # Binomial(q, 1/q): mean 1, variance 1 - 1/q, covariance -1/q.
    assert counts.var() == pytest.approx(1 - 1 / queries, abs=5 * np.sqrt(2 / n))
    assert np.corrcoef(counts[:, :2].T)[0, 1] == pytest.approx(-1 / queries, abs=0.06)
    for k, share in enumerate([(1 - 1 / queries) ** queries, (1 - 1 / queries) ** (queries - 1)]):
        assert (counts == k).mean() == pytest.approx(share, abs=5 * np.sqrt(0.25 / n))
    assert np.abs(counts.mean(axis=0) - 1).max() < 5 / np.sqrt(len(counts))


def test_an_overfull_row_is_drawn_query_by_query(monkeypatch):
    full = np.full((UNIT, 40), 2, dtype=np.int8)
    monkeypatch.setattr(draws, "_poisson_counts", lambda *_: full.copy())
    counts = resample_counts(0, range(1), 40)
    assert (counts.sum(axis=1) == 40).all()
    assert counts.min() == 0


def test_signs_are_fair():
    signs = 1.0 - 2 * random_flips(1, range(200), 50)
    assert set(np.unique(signs)) == {-1, 1}
    assert abs(signs.mean()) < 5 / np.sqrt(signs.size)


@pytest.mark.parametrize("cells", [1, 1 << 12, 1 << 20])
def test_blocks_and_threads_change_no_byte(cells, monkeypatch):
    values = np.random.default_rng(0).random((3, 150))
    whole = bootstrap(Means(values), 150, resamples=1000, seed=5)
    monkeypatch.setattr(draws, "CELLS", cells)
    with ThreadPoolExecutor(3) as pool:
        apart = bootstrap(Means(values), 150, resamples=1000, seed=5, map_=pool.map)
    assert whole.tobytes() == apart.tobytes()
    assert len(list(blocks(1000, 150))) == {1: 63, 1 << 12: 63, 1 << 20: 1}[cells]


def test_fewer_resamples_are_the_first_of_more():
    values = np.random.default_rng(0).random((2, 40))
    many = bootstrap(Means(values), 40, resamples=500, seed=1)
    assert (bootstrap(Means(values), 40, resamples=100, seed=1) == many[:100]).all()


def test_another_seed_draws_others():
    values = np.random.default_rng(0).random((1, 40))
    one, other = (bootstrap(Means(values), 40, resamples=50, seed=s) for s in (0, 1))
    assert not np.array_equal(one, other)


def test_sums_do_not_depend_on_order():
    rng = np.random.default_rng(0)
    values, counts = rng.standard_normal((2, 9000)), resample_counts(0, range(1), 9000)
    there, order = ExactSums.of(values), rng.permutation(9000)
    back = ExactSums.of(values[:, order])
    assert there(counts).tobytes() == back(counts[:, order]).tobytes()
    assert there(counts) * there.unit == pytest.approx(counts.astype(float) @ values.T, abs=1e-8)


def test_equal_columns_stay_equal_in_every_resample():
    values = np.random.default_rng(0).random(70)
    drawn = bootstrap(Means(np.stack([values, values])), 70, resamples=2000)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert best_probability(drawn).tolist() == [0.5, 0.5]


def test_the_interval_is_that_of_scipy():
    from scipy import stats

    values = zero_inflated(np.random.default_rng(4), 150)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, rng=np.random.default_rng(0)
    ).confidence_interval
    drawn = bootstrap(Means(values[None]), 150, resamples=20_000)
    ours = bca(drawn, values[None].mean(axis=1), values[None])[0]
    width = theirs.high - theirs.low
    # Ours reads Student's tails instead of the normal ones: (150/149)^0.5 * 1.976 / 1.960.
    assert np.ptp(ours) / width == pytest.approx(1.011, abs=0.02)
    assert ours == pytest.approx([theirs.low, theirs.high], abs=0.02 * width)


def test_equal_values_have_no_interval():
    values = np.full((1, 20), 0.3)
    drawn = bootstrap(Means(values), 20, resamples=100)
    assert np.isnan(bca(drawn, values.mean(axis=1), values)).all()


@pytest.mark.parametrize("queries", [1, 2, 3, 5])
def test_few_queries_give_intervals_in_range_or_none_where_all_are_equal(queries):
    values = zero_inflated(np.random.default_rng(queries), (20, queries))
    drawn = bootstrap(Means(values), queries, resamples=500)
    low, high = bca(drawn, values.mean(axis=1), values).T
    differ = np.ptp(values, axis=1) > 0
    assert (np.isfinite([low, high]) == differ).all()
    assert (low[differ] >= 0).all()
    assert (high[differ] <= 1).all()
    assert (low[differ] < high[differ]).all()


def covered(queries, sets, seed, zeros=0.6):
    """How often the interval holds the true mean, over many data sets with shared resamples."""
    rng = np.random.default_rng(seed)
    values = zero_inflated(rng, (sets, queries), zeros)
    drawn = bootstrap(Means(values), queries, resamples=2000, seed=seed)
    low, high = bca(drawn, values.mean(axis=1), values).T
    true = (1 - zeros) * 1.2 / 3.2
    return ((low <= true) & (true <= high)).mean()


def test_intervals_cover_the_truth():
    assert covered(150, sets=2000, seed=1) == pytest.approx(0.95, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("zeros", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("queries", [100, 200, 300])
def test_intervals_cover_the_truth_95_times_of_100(queries, zeros):
    share = np.mean([covered(queries, 1500, seed, zeros) for seed in range(2)])
    assert share == pytest.approx(0.95, abs=0.02)
