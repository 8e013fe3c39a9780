"""Intervals of correlations over graded pairs."""

import numpy as np
import pytest

from anglewise.comparison.scoring import Correlations, Layer
from anglewise.evaluation_metrics.metrics import Pearson, Spearman
from anglewise.statistics.resampling import bca, bootstrap


def correlations(scores, gold, metrics):
    everywhere = np.ones(len(gold), dtype=bool)
    return Correlations(metrics, [Layer(np.arange(len(scores)), everywhere, scores)], gold)


def test_metrics_come_one_after_the_other():
    rng = np.random.default_rng(0)
    scores, gold = rng.random((3, 50)), rng.random(50)
    both = correlations(scores, gold, [Spearman(), Pearson()])(np.ones((1, 50), dtype=np.int8))
    each = [metric.of(scores, gold) for metric in (Spearman(), Pearson())]
    assert both[0] == pytest.approx(np.concatenate(each))


def covered(metric, true, rho, *, sets, resamples=400, pairs=150):
    """How often the interval of one pair of normal variables holds the true correlation."""
    held = 0
    for seed in range(sets):
        x, z = np.random.default_rng(seed).standard_normal((2, pairs))
        y = rho * x + np.sqrt(1 - rho**2) * z
        of = correlations(x[None], np.exp(y) if metric.name == "spearman" else y, [metric])
        drawn = bootstrap(of, pairs, resamples=resamples, seed=seed)
        estimate = of(np.ones((1, pairs), dtype=np.int8))[0]
        low, high = bca(drawn, estimate, of.per_pair(metric))[0]
        held += low <= true <= high
    return held / sets


def test_intervals_of_correlations_cover_the_truth():
    true = 6 / np.pi * np.arcsin(0.7 / 2)
    assert covered(Spearman(), true, 0.7, sets=80, resamples=300) >= 0.88


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.3, 0.9])
def test_intervals_of_correlations_cover_the_truth_95_times_of_100(rho):
    spearman = 6 / np.pi * np.arcsin(rho / 2)
    assert covered(Spearman(), spearman, rho, sets=400) == pytest.approx(0.95, abs=0.025)
    assert covered(Pearson(), rho, rho, sets=400) == pytest.approx(0.95, abs=0.025)
