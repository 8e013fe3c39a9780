"""What weighs 0 or less is no like: no floor, no judgement of similar items counts it as a use."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.without_vectors import of_space
from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.geometry.norms import known_uses, popularity
from anglewise.judgements.co_use import co_use, support_of
from anglewise.recommender_models.fit import fit
from anglewise.remedies.training_data import training_of

RNG = np.random.default_rng(3)
USERS, ITEMS = 60, 30
USED = RNG.random((USERS, ITEMS)) < 0.3
DISLIKED = (RNG.random((USERS, ITEMS)) < 0.15) & ~USED


def _seen(*, dislikes):
    weights = np.where(USED, 1.0, np.where(DISLIKED & dislikes, -1.0, 0.0))
    rows, columns = np.nonzero(weights)
    return SparseRows.from_pairs(rows, columns, weights[rows, columns], shape=USED.shape)


def _space(seen):
    rng = np.random.default_rng(0)
    users, items = rng.standard_normal((USERS, 5)), rng.standard_normal((ITEMS, 5))
    return aw.Space(queries=aw.Embeddings(users), items=aw.Embeddings(items), seen=seen)


def test_popularity_counts_likes():
    space = _space(_seen(dislikes=True))
    assert np.array_equal(popularity(space, "items").values, USED.sum(axis=0))
    assert np.array_equal(popularity(space, "queries").values, USED.sum(axis=1))
    assert np.array_equal(known_uses(space, "queries-items"), USED.sum(axis=0))


def test_without_any_like_use_is_not_known():
    rows, columns = np.nonzero(DISLIKED)
    seen = SparseRows.from_pairs(rows, columns, -np.ones(len(rows)), shape=USED.shape)
    assert popularity(_space(seen), "items") is None
    assert training_of(_space(seen)) is None


@pytest.mark.parametrize("direction", ["queries-items", "items-items"])
def test_floors_hang_on_likes_alone(direction):
    """Dislikes are left out of the lists, as before, and out of what floors learn from."""
    shape = (USERS if direction == "queries-items" else ITEMS, ITEMS)
    wanted = RNG.random(shape) < 0.2
    if direction == "queries-items":
        wanted &= ~USED & ~DISLIKED
    gains = SparseRows.from_pairs(*np.nonzero(wanted), shape=shape)
    hides = _seen(dislikes=True) if direction == "queries-items" else None
    judged = aw.Judgements(gains, direction=direction, seen=hides)
    with_them, without = (
        aw.compare(_space(_seen(dislikes=dislikes)), judged, "dot,cosine").floors
        for dislikes in (True, False)
    )
    assert {"most used items", "item-kNN"} <= {floor.name for floor in with_them}
    assert with_them == without
    context = of_space(_space(_seen(dislikes=True)), judged)
    assert (context.seen.values > 0).all()


def test_similar_items_are_those_that_are_liked_together():
    of_both = UsedTogether(_seen(dislikes=True), min_support=2)
    of_likes = UsedTogether(_seen(dislikes=False), min_support=2)
    one, other = co_use(of_both), co_use(of_likes)
    assert np.array_equal(of_both.uses, USED.sum(axis=0))
    assert np.array_equal(one.gains.values, other.gains.values)
    assert np.array_equal(one.gains.indices, other.gains.indices)
    assert np.array_equal(support_of(one, of_both), support_of(other, of_likes))


def test_fit_judges_similar_items_by_likes():
    def fitted(dislikes):
        seen = _seen(dislikes=dislikes)
        used = Interactions(
            seen.rows, seen.indices, seen.values, np.arange(USERS), np.arange(ITEMS)
        )
        return fit(used, components=4, holdout=0.5, seed=1).judgements["items-items"].gains

    one, other = fitted(True), fitted(False)
    assert np.array_equal(one.indices, other.indices)
    assert np.array_equal(one.values, other.values)
