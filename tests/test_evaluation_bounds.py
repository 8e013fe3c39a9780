"""How far unjudged documents could move a difference: against every possible outcome."""

from itertools import product

import numpy as np
import pytest

from anglewise import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.pools import Pool, lead_bounds
from test_evaluation_oracles import as_neighbours, random_lists


def lead(found, judgements):
    values = evaluate(found, judgements, np.array([0]), "nDCG@3")["nDCG@3"][:, 0]
    return values[:, None] - values[None, :]


@pytest.mark.parametrize("seed", range(8))
def test_no_outcome_leads_out_of_the_bounds_and_some_reach_them(seed):
    rng = np.random.default_rng(seed)
    found = {name: as_neighbours(random_lists(rng, 1, 7, 3)) for name in "ab"}
    said = rng.permutation(7)[:3]
    gains = rng.integers(0, 2, 3).astype(float)
    gains[0] = 1.0  # something is relevant
    judged = Judgements(SparseRows.from_pairs(np.zeros(3, int), said, gains, shape=(1, 7)))
    pool = Pool.of(found, judged, np.array([0]), depth=3)
    bounds = lead_bounds(pool, judged, np.array([0]), depth=3)
    unknown = pool.items[~pool.judged]
    outcomes = []
    for answer in product([0.0, 1.0], repeat=len(unknown)):
        items = np.concatenate([said, unknown])
        values = np.concatenate([gains, answer])
        full = SparseRows.from_pairs(np.zeros(len(items), int), items, values, shape=(1, 7))
        outcomes.append(lead(found, Judgements(full)))
    np.testing.assert_allclose(bounds[:, :, 0], np.min(outcomes, axis=0), atol=1e-12)
    np.testing.assert_allclose(bounds[:, :, 1], np.max(outcomes, axis=0), atol=1e-12)


def outcomes_of(found, judged, pool, grades, depth):
    """The leads under every grade of every unjudged pair of one query."""
    unknown = pool.items[~pool.judged]
    said, gains = judged.gains.row(0), judged.gains.values
    outcomes = []
    for answer in product(grades, repeat=len(unknown)):
        items = np.concatenate([said, unknown])
        full = SparseRows.from_pairs(
            np.zeros(len(items), int), items, np.concatenate([gains, answer]), shape=(1, 8)
        )
        values = evaluate(found, Judgements(full), np.array([0]), f"nDCG@{depth}")
        row = values[f"nDCG@{depth}"][:, 0]
        outcomes.append(row[:, None] - row[None, :])
    return outcomes


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(("grades", "depth"), [((0, 1, 2, 3), 2), ((0, 1, 2), 3), ((0, 1, 5), 3)])
def test_no_grade_of_any_pair_leads_out_of_the_bounds_and_some_reach_them(seed, grades, depth):
    """With 1 and 2 the nearest gains of a query decide, and grades between them can be worst."""
    rng = np.random.default_rng(seed)
    found = {name: as_neighbours(random_lists(rng, 1, 8, depth)) for name in "ab"}
    said = np.sort(rng.permutation(8)[:3])
    gains = rng.choice(grades, 3).astype(float)
    gains[rng.integers(3)] = max(grades)  # the highest grade is known
    judged = Judgements(SparseRows.from_pairs(np.zeros(3, int), said, gains, shape=(1, 8)))
    pool = Pool.of(found, judged, np.array([0]), depth=depth)
    bounds = lead_bounds(pool, judged, np.array([0]), depth=depth)
    outcomes = outcomes_of(found, judged, pool, np.array(grades, dtype=float), depth)
    np.testing.assert_allclose(bounds[:, :, 0], np.min(outcomes, axis=0), atol=1e-12)
    np.testing.assert_allclose(bounds[:, :, 1], np.max(outcomes, axis=0), atol=1e-12)
    between = outcomes_of(found, judged, pool, rng.random(2) * max(grades), depth)
    assert np.all(np.min(between, axis=0) >= bounds[:, :, 0] - 1e-12)
    assert np.all(np.max(between, axis=0) <= bounds[:, :, 1] + 1e-12)


def test_with_everything_judged_both_bounds_are_the_lead():
    rng = np.random.default_rng(0)
    found = {name: as_neighbours(random_lists(rng, 1, 7, 3)) for name in "abc"}
    every = SparseRows.from_pairs(
        np.zeros(7, int), np.arange(7), rng.integers(0, 3, 7).astype(float), shape=(1, 7)
    )
    judged, rows = Judgements(every), np.array([0])
    bounds = lead_bounds(Pool.of(found, judged, rows, depth=3), judged, rows, depth=3)
    np.testing.assert_allclose(bounds[:, :, 0], lead(found, judged), atol=1e-12)
    np.testing.assert_allclose(bounds[:, :, 1], lead(found, judged), atol=1e-12)


def test_bounds_of_queries_that_weigh_are_their_weighted_mean():
    rng = np.random.default_rng(0)
    found = {
        name: as_neighbours(np.stack([rng.permutation(8)[:3] for _ in range(4)]))
        for name in ("dot", "cosine")
    }
    shape = (4, 8)
    judged = Judgements(
        SparseRows.from_pairs([0, 1, 1, 3], [2, 3, 5, 1], [1, 2, 0, 1], shape=shape)
    )
    weights = np.array([0.2, 1.8, 1.5, 0.5])
    whole = lead_bounds(
        Pool.of(found, judged, np.arange(4), depth=3), judged, np.arange(4), 3, weights
    )
    due = np.zeros_like(whole)
    for row, weight in enumerate(weights):
        at = np.array([row])
        one = {name: as_neighbours(lists.indices[at]) for name, lists in found.items()}
        due += weight * lead_bounds(Pool.of(one, judged, at, depth=3), judged, at, 3) / 4
    assert whole == pytest.approx(due)
