"""Similar items by co-consumption: what it counts, and that it grades both ways alike."""

import numpy as np
import pytest

from anglewise.data_types.sparse import Interactions
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.judgements import constructed as room
from anglewise.judgements.constructed import co_consumption


@pytest.fixture(scope="module")
def did():
    rng = np.random.default_rng(0)
    popularity = np.linspace(0.05, 0.7, 25)
    who, what = np.nonzero(rng.random((120, 25)) < popularity)
    return Interactions(who, what, np.ones(len(who)), np.arange(120), np.arange(25))


@pytest.fixture(scope="module")
def half():
    return np.arange(120) % 2 == 0


def by_hand(did, users, by, min_support, depths):
    """The definition, pair by pair."""
    sets = [set(did.users[(did.items == i) & users[did.users]].tolist()) for i in range(25)]
    near = np.full((25, 25), -np.inf)
    for i, one in enumerate(sets):
        for j, other in enumerate(sets):
            both = len(one & other)
            if i != j and both >= min_support:
                near[i, j] = (
                    both / len(one | other)
                    if by == "jaccard"
                    else both * int(users.sum()) / (len(one) * len(other))
                )
    gains = np.zeros((25, 25))
    for i in range(25):
        ranked = np.sort(near[i][np.isfinite(near[i])])[::-1]
        for depth in depths:
            if len(ranked):
                gains[i] += near[i] >= ranked[:depth][-1]
    return np.maximum(gains, gains.T)


def dense(judgements):
    table = np.zeros(judgements.gains.shape)
    table[judgements.gains.rows, judgements.gains.indices] = judgements.gains.values
    return table


@pytest.mark.parametrize("by", ["jaccard", "lift"])
@pytest.mark.parametrize("min_support", [1, 4, 12])
@pytest.mark.parametrize("depths", [(5, 10, 20), (2,), (30, 1)])
def test_gains_are_those_of_the_definition(did, half, by, min_support, depths):
    found = co_consumption(did, half, by=by, min_support=min_support, depths=depths)
    assert np.array_equal(dense(found), by_hand(did, half, by, min_support, depths))


def test_both_items_of_a_pair_get_one_gain_and_none_judges_itself(did, half):
    table = dense(co_consumption(did, half))
    assert np.array_equal(table, table.T)
    assert not np.diag(table).any()
    assert set(table.ravel()) == {0.0, 1.0, 2.0, 3.0}


def test_others_than_the_chosen_users_have_no_say(did, half):
    kept = half[did.users]
    alone = Interactions(
        did.users[kept], did.items[kept], did.weights[kept], did.user_ids, did.item_ids
    )
    assert np.array_equal(dense(co_consumption(did, half)), dense(co_consumption(alone, half)))


def test_weights_have_no_say(did, half):
    heavy = Interactions(did.users, did.items, 7 * did.weights, did.user_ids, did.item_ids)
    assert np.array_equal(dense(co_consumption(did, half)), dense(co_consumption(heavy, half)))


def test_blocks_do_not_matter(did, half, monkeypatch):
    whole = dense(co_consumption(did, half))
    monkeypatch.setattr(room, "BLOCK_ENTRIES", 25 * 4)
    assert np.array_equal(dense(co_consumption(did, half)), whole)


def test_equal_overlaps_at_the_end_of_a_list_are_all_in():
    """Items 1, 2 and 3 have the same users: none of them is nearer to 0 than another."""
    who, what = np.nonzero(np.ones((6, 4)))
    did = Interactions(who, what, np.ones(24), np.arange(6), np.arange(4))
    found = co_consumption(did, np.ones(6, dtype=bool), depths=(1,))
    assert found.gains.row(0).tolist() == [1, 2, 3]


def test_the_source_says_how_it_was_made(did, half):
    assert co_consumption(did, half, by="lift", min_support=3).source == (
        "items used together by at least 3 of 60 held-out users, "
        "gain 3, 2, 1 for the 5, 10, 20 nearest of either item by lift"
    )


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"by": "cosine"}, SpellingError, "take one of jaccard, lift"),
        ({"min_support": 0}, ValuesError, "numbers from 1"),
        ({"depths": (0, 5)}, ValuesError, "numbers from 1"),
        ({"depths": ()}, ValuesError, "numbers from 1"),
        ({"min_support": 1000}, TooFewError, "by 1000 of the 60 held-out users"),
    ],
)
def test_what_cannot_be_counted_is_named(did, half, options, error, says):
    with pytest.raises(error, match=says):
        co_consumption(did, half, **options)
