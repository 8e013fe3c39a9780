"""What each loss and each last layer leaves free: two trainings to the same optimum, aligned.

The targets are made of planted vectors, so that the optimum is known and both trainings reach it;
what differs between them is then what the loss does not see. Told in docs/how-to/train.md.
"""

import numpy as np
import pytest
import torch

from anglewise import Embeddings, Space, audit
from anglewise.equivalent_factorisations.gap import align

USERS, ITEMS, WIDTH = 40, 30, 3
OFF = 1 - torch.eye(ITEMS, dtype=torch.float64)


def scores_of(seed=0):
    """Planted scores: of users and items, with an offset of the items so that a shift matters."""
    rng = np.random.default_rng(seed)
    users, items = rng.normal(size=(USERS, WIDTH)), rng.normal(1, 1, size=(ITEMS, WIDTH))
    return torch.tensor(users @ items.T)


def squared(scores, target):
    return ((scores - target) ** 2).mean()


def logistic(scores, target):
    return torch.nn.functional.binary_cross_entropy_with_logits(scores, torch.sigmoid(target))


def softmax(scores, target):
    return -(torch.softmax(target, 1) * torch.log_softmax(scores, 1)).sum(1).mean()


def bpr(scores, target):
    ahead, planted = (s[:, :, None] - s[:, None, :] for s in (scores, target))
    return -(torch.sigmoid(planted) * torch.nn.functional.logsigmoid(ahead) * OFF).mean()


LOSSES = {"squared": squared, "logistic": logistic, "softmax": softmax, "bpr": bpr}


def table(rows, width, generator):
    values = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    return values.requires_grad_()


def trained(loss, target, vectors, seed, tolerance=1e-9):
    """Both sides after a training from these initial values; at the optimum, or it fails."""
    generator = torch.Generator().manual_seed(seed)
    weights, sides = vectors(generator)
    optimiser = torch.optim.LBFGS(
        weights,
        max_iter=4000,
        tolerance_grad=1e-12,
        tolerance_change=1e-16,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def step():
        optimiser.zero_grad()
        users, items = sides()
        value = loss(users @ items.T, target)
        value.backward()
        return value

    optimiser.step(step)
    with torch.no_grad():
        users, items = (side.numpy() for side in sides())
        reached = loss(torch.tensor(users @ items.T), target).item()
    assert reached - loss(target, target).item() < tolerance, "not at the optimum"
    return users, items


def free(generator):
    """Free vectors of both sides."""
    users, items = table(USERS, WIDTH, generator), table(ITEMS, WIDTH, generator)
    return [users, items], lambda: (users, items)


def with_temperature(generator):
    users, items = table(USERS, WIDTH, generator), table(ITEMS, WIDTH, generator)
    heat = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    return [users, items, heat], lambda: (users * heat.exp(), items)


def with_item_biases(generator):
    users, items = table(USERS, WIDTH, generator), table(ITEMS, WIDTH + 1, generator)
    ones = torch.ones(USERS, 1, dtype=torch.float64)
    return [users, items], lambda: (torch.cat([users, ones], 1), items)


def with_shared_layer(generator):
    """One last linear map for both sides, over tables that are free on each."""
    users, items = table(USERS, 5, generator), table(ITEMS, 5, generator)
    last = table(5, WIDTH, generator)
    return [users, items, last], lambda: (users @ last, items @ last)


def normed(z):
    return torch.nn.functional.layer_norm(z, z.shape[1:], eps=1e-12)


def layer_norm_target():
    generator = torch.Generator().manual_seed(7)
    return (normed(table(USERS, 4, generator)) @ normed(table(ITEMS, 4, generator)).T).detach()


def with_layer_norm(generator):
    users, items = table(USERS, 4, generator), table(ITEMS, 4, generator)
    return [users, items], lambda: (normed(users), normed(items))


def with_gains(generator):
    users, items = table(USERS, 4, generator), table(ITEMS, 4, generator)
    gains = [table(1, 4, generator) for _ in range(2)]
    both = [users, items, *gains]
    return both, lambda: (normed(users) * gains[0], normed(items) * gains[1])


def pair_of_trainings(loss, target, vectors, named=None):
    """Spaces of two trainings that reached the optimum, of several that began elsewhere."""
    found = []
    for seed in range(30):
        try:
            users, items = trained(loss, target, vectors, seed)
        except AssertionError:
            continue
        found.append(
            Space(
                queries=Embeddings(users),
                items=Embeddings(items),
                trained_for="dot",
                about={} if named is None else {"loss": named},
            )
        )
        if len(found) == 2:
            return found
    pytest.fail("fewer than two of thirty trainings reached the optimum")


@pytest.mark.parametrize("name", ["squared", "logistic"])
def test_losses_of_scores_leave_a_linear_map_and_no_shift(name):
    first, second = pair_of_trainings(LOSSES[name], scores_of(), free, name)
    found = align(first, second)
    assert found.items.rotation.residual > 0.05
    assert found.items.linear.residual < 1e-3
    assert found.predictions < 1e-3


@pytest.mark.parametrize("name", ["softmax", "bpr"])
def test_losses_of_differences_leave_a_shift_of_all_items_too(name):
    first, second = pair_of_trainings(LOSSES[name], scores_of(), free)
    found = align(first, second)
    assert found.items.linear.residual > 0.05  # what is called real, where nothing is declared
    assert found.queries.linear.residual < 1e-3
    first, second = (
        Space(queries=s.queries, items=s.items, trained_for="dot", about={"loss": name})
        for s in (first, second)
    )
    found = align(first, second)
    assert found.items.rotation.residual > 0.05
    assert found.items.linear.residual < 1e-3
    assert found.predictions < 1e-3
    [run] = audit(second, trainings={"other": first}, k=5).runs
    assert run.shifted
    assert run.items.real < 1e-4
    assert run.items.gauge > 0.01
    assert run.overlap["linear"] > 0.99


def test_a_temperature_that_is_learned_adds_nothing_to_the_map():
    first, second = pair_of_trainings(softmax, scores_of(), with_temperature, "softmax")
    assert align(first, second).items.linear.residual < 1e-3


def test_item_biases_let_users_shift():
    first, second = pair_of_trainings(squared, scores_of(), with_item_biases, "squared")
    found = align(first, second)
    assert found.items.linear.residual < 1e-3  # a map of all columns, the biases' among them
    bare = [
        Space(queries=s.queries.vectors[:, :3], items=s.items.vectors[:, :3], trained_for="dot")
        for s in (first, second)
    ]
    assert align(*bare).queries.linear.residual > 0.05
    assert align(*bare).items.linear.residual < 1e-3


def test_a_shared_last_layer_over_free_tables_pins_nothing():
    first, second = pair_of_trainings(squared, scores_of(), with_shared_layer)
    found = align(first, second)
    assert found.items.rotation.residual > 0.05
    assert found.items.linear.residual < 1e-3


def test_one_tower_for_both_sides_leaves_rotations():
    rng = np.random.default_rng(0)
    planted = torch.tensor(rng.normal(size=(ITEMS, WIDTH)))

    def one_tower(generator):
        both = table(ITEMS, WIDTH, generator)
        return [both], lambda: (both, both)

    first, second = pair_of_trainings(squared, planted @ planted.T, one_tower)
    assert align(first, second).items.given > 0.05
    assert align(first, second).items.rotation.residual < 1e-3


def test_layer_norm_on_both_sides_leaves_rotations_and_its_gains_a_diagonal():
    target = layer_norm_target()
    first, second = pair_of_trainings(squared, target, with_layer_norm)
    assert align(first, second).items.given > 0.05
    assert align(first, second).items.rotation.residual < 1e-3
    first, second = pair_of_trainings(squared, target, with_gains)
    found = align(first, second)
    assert found.items.rotation.residual > 0.05
    assert found.items.linear.residual < 1e-3


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_sees_what_it_is_said_to_see(name):
    target, loss = scores_of(), LOSSES[name]
    scores = target + 0.1 * torch.tensor(np.random.default_rng(1).normal(size=target.shape))
    a_user = torch.tensor(np.random.default_rng(2).normal(size=(USERS, 1)))
    an_item = torch.tensor(np.random.default_rng(3).normal(size=(1, ITEMS)))
    unmoved = loss(scores, target).item()
    by_user = abs(loss(scores + a_user, target).item() - unmoved)
    assert (by_user < 1e-12) == (name in {"softmax", "bpr"})
    assert abs(loss(scores + an_item, target).item() - unmoved) > 1e-3
