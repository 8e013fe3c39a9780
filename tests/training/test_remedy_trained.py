"""Trainings among the remedies: the best epoch so far when time ends."""

import numpy as np
import pytest

from anglewise.remedies.builders import TrainedBuilder
from anglewise.remedies.training_data import Budget, training_of
from remedy_space import Clock, fitted


@pytest.fixture(scope="module")
def training():
    return training_of(fitted(holdout=0.1).space)


def test_what_is_trained_for_cosine_has_unit_length(training):
    space = TrainedBuilder("cosine").make(training, Budget(1e9))
    assert space.items.is_unit()
    assert space.trained_for == "cosine"
    assert len(space.queries) == len(training.space.queries)


def test_training_ends_with_the_budget_and_keeps_what_it_has(training):
    clock = Clock(look=3.0)
    space = TrainedBuilder("dot").make(training, Budget(60.0, clock=clock))
    assert clock.now - 100 < 80
    assert np.isfinite(space.items.vectors).all()
