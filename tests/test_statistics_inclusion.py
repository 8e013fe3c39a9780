"""Drawing by lot with known chances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise.errors import TooFewError
from anglewise.statistics.planning import inclusion_chances, systematic


@given(st.integers(0, 10_000), st.integers(5, 60), st.floats(0.1, 1))
@settings(max_examples=200, deadline=None)
def test_chances_sum_to_what_is_asked_for_and_keep_their_bounds(seed, n, share):
    rng = np.random.default_rng(seed)
    count = int(np.ceil(share * n))
    size = rng.lognormal(0, 2, n) * (rng.random(n) < 0.8)
    chances = inclusion_chances(size, count)
    assert chances.sum() == pytest.approx(count)
    assert chances.min() >= 0.02 - 1e-12
    assert chances.max() <= 1 + 1e-12
    between = (chances > 0.02 + 1e-9) & (chances < 1 - 1e-9) & (size > 0)
    if between.any():
        ratio = chances[between] / size[between]
        assert ratio.max() == pytest.approx(ratio.min())


def test_more_than_there_are_is_refused_with_what_is_possible():
    with pytest.raises(TooFewError, match="ask for 1 to 3"):
        inclusion_chances(np.ones(3), 4)


def test_each_is_drawn_as_often_as_its_chance_says():
    rng = np.random.default_rng(0)
    chances = inclusion_chances(rng.lognormal(0, 1, 30), 8)
    drawn = np.zeros(30)
    rounds = 6000
    for _ in range(rounds):
        some = systematic(chances, rng)
        assert len(some) == 8
        assert len(set(some.tolist())) == 8
        drawn[some] += 1
    error = np.sqrt(chances * (1 - chances) / rounds)
    assert np.all(np.abs(drawn / rounds - chances) <= 5 * error + 1e-9)


def test_every_stretch_of_the_line_gets_its_share():
    rng = np.random.default_rng(1)
    chances = np.full(100, 0.3)
    for _ in range(50):
        drawn = systematic(chances, rng)
        for first in range(0, 100, 20):
            held = np.count_nonzero((drawn >= first) & (drawn < first + 20))
            assert abs(held - 6) < 1.5
