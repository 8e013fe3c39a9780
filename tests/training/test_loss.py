"""The loss is the softmax that it is written as, and so is its gradient."""

import itertools

import numpy as np
import pytest
import torch

from anglewise.data_types.sparse import SparseRows
from anglewise.recommender_models.training_steps import (
    MEASURED,
    Adam,
    loss_of,
    make_step,
    measured,
    sampler,
)

USED = SparseRows.from_pairs([0, 0, 0, 1, 1, 2, 2], [0, 1, 4, 1, 2, 3, 5], shape=(3, 7))
POPULARITY = np.bincount(USED.indices, minlength=7)


def step_of(negatives=7, beta=0.75, seed=0, log_q=True):
    drawing = sampler(POPULARITY, negatives, beta, log_q=log_q)
    return make_step(USED, drawing, 0.5, np.random.default_rng(seed))


def table(d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((7, d))


def told(name, step, rows, log_scale):
    tensors = [torch.tensor(x, dtype=torch.float64) for x in (rows, [log_scale])]
    return loss_of(torch, measured(name), step, *tensors)


def score(name, user, item):
    if name == "euclidean":
        return -((user - item) ** 2).sum()
    if name == "cosine":
        return user @ item / np.linalg.norm(user) / np.linalg.norm(item)
    return user @ item


def place(name, vectors):
    if name == "cosine":
        return (vectors / np.linalg.norm(vectors, axis=1)[:, None]).sum(axis=0)
    if name == "dot":
        return vectors.sum(axis=0) / len(vectors) ** 0.5
    return vectors.mean(axis=0)


def by_hand(name, step, rows, log_scale):
    """The formula of ``loss_of``, one user and one item after the other."""
    x, scale, total = rows[step.items] if len(rows) == 7 else rows, np.exp(log_scale), 0.0
    for user in range(3):
        shown = step.shown_items[step.shown_users == user]
        found = step.found_items[step.found_users == user]
        vector = place(name, x[shown])
        weights = np.exp(step.log_weights.astype(np.float64))
        against = sum(
            weight * np.exp(scale * score(name, vector, x[j]))
            for weight, j in zip(weights, step.drawn, strict=True)
            if j not in {*shown, *found}
        )
        each = [np.exp(scale * score(name, vector, x[i])) for i in found]
        total += np.mean([-np.log(one / (one + against)) for one in each]) / 3
    return total


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("negatives", [7, 4])
def test_the_loss_is_a_softmax_over_what_was_not_used(name, negatives):
    step = step_of(negatives)
    rows = table()[step.items]
    assert told(name, step, rows, 0.7).item() == pytest.approx(by_hand(name, step, rows, 0.7))


@pytest.mark.parametrize("name", MEASURED)
def test_the_gradient_is_that_of_finite_differences(name):
    step, rows = step_of(4), table()[step_of(4).items]
    learned = torch.tensor(rows, requires_grad=True)
    log_scale = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    loss_of(torch, measured(name), step, learned, log_scale).backward()
    for at in itertools.product(range(len(rows)), range(3)):
        change = np.zeros_like(rows)
        change[at] = 1e-5
        sides = [by_hand(name, step, rows + sign * change, 0.7) for sign in (1, -1)]
        assert learned.grad[at].item() == pytest.approx((sides[0] - sides[1]) / 2e-5, abs=1e-7)
    sides = [by_hand(name, step, rows, 0.7 + change) for change in (1e-5, -1e-5)]
    assert log_scale.grad.item() == pytest.approx((sides[0] - sides[1]) / 2e-5, abs=1e-7)


def test_a_user_of_everything_has_nothing_against_it():
    used = SparseRows.from_pairs([0, 0], [0, 1], shape=(1, 2))
    step = make_step(used, sampler(np.ones(2, int), 2, 0, log_q=True), 0.5, np.random.default_rng())
    rows = torch.tensor(table()[:2], requires_grad=True)
    loss = loss_of(torch, measured("cosine"), step, rows, torch.zeros(1, dtype=torch.float64))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert torch.isfinite(rows.grad).all()


def test_cosine_feels_no_length_and_distance_no_shift():
    rng = np.random.default_rng(0)
    step, rows = step_of(), table()
    longer = rows * rng.uniform(0.2, 5, (7, 1))
    assert told("cosine", step, longer, 1.0).item() == pytest.approx(
        told("cosine", step, rows, 1.0).item()
    )
    assert told("euclidean", step, rows + 3.0, 1.0).item() == pytest.approx(
        told("euclidean", step, rows, 1.0).item()
    )


def test_adam_of_all_rows_is_the_adam_of_pytorch():
    start, rng = table(), np.random.default_rng(1)
    theirs = torch.nn.Parameter(torch.tensor(start))
    reference = torch.optim.Adam([theirs], lr=0.05, betas=(0.9, 0.99), eps=1e-8)
    values = torch.tensor(start)
    ours = Adam(values, torch.zeros_like(values), torch.zeros_like(values))
    for _ in range(5):
        gradient = torch.tensor(rng.standard_normal(start.shape))
        theirs.grad = gradient.clone()
        reference.step()
        ours.step(gradient, 0.05, slice(None))
    assert torch.allclose(ours.values, theirs.detach(), atol=1e-12)


def test_rows_that_a_step_does_not_touch_stay():
    values = torch.tensor(table())
    adam = Adam(values.clone(), torch.zeros_like(values), torch.zeros_like(values))
    adam.step(torch.ones((2, 3), dtype=torch.float64), 0.1, torch.tensor([1, 4]))
    moved = (adam.values != values).any(dim=1).tolist()
    assert moved == [False, True, False, False, True, False, False]
