"""Probabilities learned from scores: monotone, calibrated, and as other people compute them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from anglewise.statistics.calibration import (
    error_intervals,
    isotonic,
    logistic,
    proportion,
    proportion_in_clusters,
    reliability,
)

FITS = pytest.mark.parametrize("fit", [isotonic, logistic])


def drawn(seed, n=4000, slope=6.0):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0, 1, n)
    truth = expit(slope * scores - 4)
    return scores, truth, rng.random(n) < truth


@FITS
@given(st.integers(0, 10_000), st.integers(2, 60))
@settings(max_examples=40)
def test_probability_never_falls_as_the_score_rises(fit, seed, n):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-5, 6, n) / 2
    fitted = fit(scores, rng.random(n) < rng.random())
    p = fitted(np.linspace(-9, 9, 500))
    assert np.all(np.diff(p) >= -1e-15)
    assert np.all((p > 0) & (p < 1))


@given(st.integers(0, 10_000), st.integers(2, 80))
@settings(max_examples=40)
def test_pools_are_those_of_another_implementation(seed, n):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 20, n).astype(float)
    outcomes = rng.random(n) < scores / 25
    fitted = isotonic(scores, outcomes)
    theirs = IsotonicRegression().fit(scores, outcomes).predict(np.unique(scores))
    margin = 0.5 / (n + 1)
    ours = np.unique(fitted.probabilities)
    assert np.allclose(ours, np.unique(np.clip(theirs, margin, 1 - margin).round(12)), atol=1e-9)


def test_curve_is_that_of_another_implementation():
    scores, _, outcomes = drawn(0)
    fitted = logistic(scores, outcomes)
    good = outcomes.sum()
    due = np.where(outcomes, (good + 1) / (good + 2), 1 / (len(scores) - good + 2))
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(
        np.tile(scores, 2)[:, None], np.repeat([1, 0], len(scores)), np.r_[due, 1 - due]
    )
    assert fitted.slope == pytest.approx(theirs.coef_[0, 0], rel=1e-3)
    assert fitted.intercept == pytest.approx(theirs.intercept_[0], rel=1e-3)


@FITS
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_the_unit_of_the_score_does_not_matter(fit, scale):
    scores, _, outcomes = drawn(1, n=500)
    plain, scaled = fit(scores, outcomes), fit(scores * scale, outcomes)
    assert np.allclose(plain(scores), scaled(scores * scale), atol=1e-6)


@FITS
def test_the_truth_is_found(fit):
    scores, truth, outcomes = drawn(2, n=20_000)
    assert np.abs(fit(scores, outcomes)(scores) - truth).mean() < 0.02


@FITS
def test_what_separates_stays_finite(fit):
    scores = np.r_[np.zeros(5), np.ones(5)]
    low, high = fit(scores, scores > 0)(np.array([0.0, 1.0]))
    assert 0 < low < 0.2
    assert 0.8 < high < 1


@FITS
def test_a_score_that_misleads_says_nothing(fit):
    scores, _, outcomes = drawn(3)
    p = fit(-scores, outcomes)(np.linspace(-1, 0, 9))
    assert np.ptp(p) < 0.2
    assert p.mean() == pytest.approx(outcomes.mean(), abs=0.05)


def test_error_is_small_for_the_truth_and_what_is_off_for_others():
    _, truth, outcomes = drawn(4, n=50_000)
    assert reliability(truth, outcomes).expected_error < 0.01
    off = reliability(np.clip(truth + 0.1, 0, 1), outcomes)
    assert off.expected_error == pytest.approx(0.1, abs=0.01)


def test_bins_hold_everybody_once():
    _, truth, outcomes = drawn(5)
    found = reliability(np.r_[truth, 0.0, 1.0], np.r_[outcomes, False, True])
    assert sum(one.observed.of for one in found.bins) == len(truth) + 2
    assert sum(one.observed.count for one in found.bins) == outcomes.sum() + 1
    assert [b.predicted for b in found.bins] == sorted(b.predicted for b in found.bins)


@pytest.mark.parametrize(("count", "of"), [(0, 7), (3, 7), (7, 7), (1, 1000)])
def test_interval_of_a_share_holds_where_the_score_test_does_not_reject(count, of):
    found = proportion(count, of)
    assert 0 <= found.low <= found.value <= found.high <= 1
    for end in {found.low, found.high} - {0.0, 1.0}:
        distance = abs(found.value - end) / np.sqrt(end * (1 - end) / of)
        assert distance == pytest.approx(1.95996, abs=1e-4)


def in_questions(rng, questions=30, mean=0.05):
    """Passages of questions, each with a share of relevant ones of its own."""
    sizes = rng.integers(1, 20, questions)
    of = np.repeat(np.arange(questions), sizes)
    return rng.random(len(of)) < rng.beta(mean, 1 - mean, questions)[of], of


@pytest.mark.slow
def test_interval_of_a_share_among_passages_of_few_questions_covers_it():
    rng = np.random.default_rng(0)
    plain, clustered = [], []
    for _ in range(300):
        outcomes, of = in_questions(rng)
        alone = proportion(int(outcomes.sum()), len(outcomes))
        plain.append(alone.low <= 0.05 <= alone.high)
        found = proportion_in_clusters(outcomes, of)
        clustered.append(found.low <= 0.05 <= found.high)
    assert np.mean(plain) < 0.7
    assert np.mean(clustered) > 0.95


def test_bins_take_passages_of_one_question_together():
    rng = np.random.default_rng(1)
    outcomes, of = in_questions(rng, questions=200, mean=0.3)
    predicted = np.full(len(of), 0.3)
    (alone,) = reliability(predicted, outcomes).bins
    (together,) = reliability(predicted, outcomes, clusters=of).bins
    assert together.observed.value == alone.observed.value
    assert (together.observed.count, together.observed.of) == (outcomes.sum(), len(of))
    widths = [one.observed.high - one.observed.low for one in (together, alone)]
    assert widths[0] > 1.5 * widths[1]


def questions_of_one_kind(rng, questions, off):
    """Predictions of five kinds that are off by so much, and outcomes that questions share."""
    of = np.repeat(np.arange(questions), rng.integers(1, 20, questions))
    kinds = np.array([0.05, 0.1, 0.3, 0.6, 0.9])
    kind = rng.integers(0, 5, len(of))
    level = ndtr(np.sqrt(0.5) * (rng.standard_normal(questions)[of] + rng.standard_normal(len(of))))
    return kinds[kind], level < kinds[kind] + off, kind, of


@pytest.mark.parametrize("off", [0.0, 0.05])
def test_intervals_of_both_errors_hold_them(off):
    """The calibration error found is above the true one by chance alone; its interval knows."""
    rng, held, above = np.random.default_rng(2), [], []
    kinds = np.array([0.05, 0.1, 0.3, 0.6, 0.9])
    true = kinds + off
    brier = np.mean(true * (1 - kinds) ** 2 + (1 - true) * kinds**2)
    for _ in range(40):
        predicted, outcomes, kind, of = questions_of_one_kind(rng, 60, off)
        (low, high), (least, most) = error_intervals(predicted, outcomes, kind, of)
        found = reliability(predicted, outcomes, clusters=of)
        assert found.expected_error_interval == (low, high)
        assert found.brier_interval == (least, most)
        assert low <= found.expected_error <= high
        assert least < found.brier < most
        held.append((low <= off <= high, least <= brier <= most))
        above.append(found.expected_error - off)
    assert np.mean(above) > 0.01
    assert np.mean(held, axis=0).min() >= 0.9


def test_intervals_of_errors_take_passages_of_one_question_together():
    rng = np.random.default_rng(1)
    outcomes, of = in_questions(rng, questions=200, mean=0.3)
    predicted = np.full(len(of), 0.3)
    alone, together = (
        reliability(predicted, outcomes),
        reliability(predicted, outcomes, clusters=of),
    )
    for name in ("expected_error_interval", "brier_interval"):
        widths = [np.ptp(getattr(one, name)) for one in (together, alone)]
        assert widths[0] > 1.5 * widths[1] > 0


def test_errors_of_predictions_that_never_fail_have_intervals_with_width():
    found = reliability(np.r_[np.zeros(20), np.ones(20)], np.arange(40) >= 20)
    assert (found.expected_error, found.brier) == (0.0, 0.0)
    assert 0.05 < found.expected_error_interval[1] < 0.2
    assert 0.05 < found.brier_interval[1] < 0.2


@given(seed=st.integers(0, 10_000), n=st.integers(2, 60))
def test_a_curve_rises_from_pool_to_pool_and_pools_of_one_share_are_one(seed, n):
    rng = np.random.default_rng(seed)
    found = isotonic(rng.integers(0, 12, n).astype(float), rng.random(n) < 0.5)
    assert (np.diff(found.probabilities) > 0).all()
    assert (np.diff(found.scores) > 0).all()
