"""What training with unit vectors leaves free: rotations, and nothing else."""

import numpy as np
import pytest
import torch

from anglewise import AnglewiseError, audit, gauge
from anglewise.auditing.subject import read_freedom
from anglewise.equivalent_factorisations.gap import gauge_gap
from anglewise.equivalent_factorisations.gauge import haar, random_pair
from anglewise.geometry.dimensions import rank_condition
from anglewise.recommender_models.training import train
from anglewise.recommender_models.training_state import Settings
from anglewise.recommender_models.training_steps import loss_of, make_step, measured, sampler
from taste import tastes

TASTES = tastes()
SETTINGS = {"components": 6, "epochs": 15, "validation": 0}


@pytest.fixture(scope="module")
def spaces():
    found = {}
    for measure in ("cosine", "dot"):
        model = train(TASTES.ones(), Settings(measure, **SETTINGS))
        found[measure] = model.space(model.fold_in(TASTES.ones()), seen=TASTES)
    return found


def loss(measure, items):
    """Of all users at once, from a table of items."""
    able = TASTES.take(np.flatnonzero(TASTES.counts > 1))
    drawing = sampler(np.bincount(TASTES.indices, minlength=60), 60, 0, log_q=True)
    step = make_step(able, drawing, 0.5, np.random.default_rng(0))
    rows = torch.tensor(items.astype(np.float64))
    one = torch.zeros(1, dtype=torch.float64)
    return loss_of(torch, measured(measure), step, rows, one).item()


@pytest.mark.parametrize("measure", ["cosine", "dot", "euclidean"])
def test_a_rotation_moves_no_loss(spaces, measure):
    items = spaces["dot"].items.vectors
    turned = items.astype(np.float64) @ haar(6, np.random.default_rng(0))
    assert loss(measure, turned) == pytest.approx(loss(measure, items), rel=1e-9)


@pytest.mark.parametrize("condition", [1.2, 2.0])
def test_any_other_map_moves_the_loss_under_cosine(spaces, condition):
    space = spaces["cosine"]
    for seed in range(5):
        pair = random_pair(6, condition, np.random.default_rng(seed))
        moved = space.items.vectors.astype(np.float64) @ pair.items
        assert abs(loss("cosine", moved) - loss("cosine", space.items.vectors)) > 1e-4


def test_no_map_but_a_rotation_keeps_every_item_at_length_one(spaces):
    found = rank_condition(spaces["cosine"].items, np.random.default_rng(0))
    assert found.satisfied
    for seed in range(5):
        pair = random_pair(6, 1.2, np.random.default_rng(seed))
        assert not pair.apply(spaces["cosine"]).items.is_unit()


def test_the_audit_reads_what_each_training_left_free(spaces):
    readings = {measure: read_freedom(space, gauge_gap(space)) for measure, space in spaces.items()}
    assert (readings["cosine"].freedom, readings["cosine"].basis) == ("rotation", "declared")
    assert readings["dot"].freedom == "gauge"
    assert audit(spaces["cosine"]).verdict.cosine == "determined"
    with pytest.raises(AnglewiseError, match="trained for cosine"):
        gauge("item-orthonormal").apply(spaces["cosine"])
