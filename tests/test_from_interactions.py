"""Holding users out: nothing leaks, nothing is lost, and the draw is what it says."""

from dataclasses import replace

import numpy as np
import pytest

from anglewise import read_interactions
from anglewise.data_types.sparse import Interactions
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.judgements.constructed import hold_out

HOWS = ["random", "time", "last"]


def made(users=80, items=30, seed=0, density=0.3):
    rng = np.random.default_rng(seed)
    who, what = np.nonzero(rng.random((users, items)) < density)
    return Interactions(
        users=who,
        items=what,
        weights=rng.integers(1, 6, len(who)).astype(float),
        user_ids=np.array([f"u{i}" for i in range(users)], dtype=object),
        item_ids=np.array([f"i{i}" for i in range(items)], dtype=object),
        times=rng.integers(0, 15, len(who)).astype(float),
    )


def pairs(users, items):
    return set(zip(users.tolist(), items.tolist(), strict=True))


def judged_pairs(held):
    return pairs(held.judgements.gains.rows, held.judgements.gains.indices)


@pytest.mark.parametrize("how", HOWS)
def test_what_is_visible_and_what_is_judged_are_all_there_was_and_never_meet(how):
    did = made()
    held = hold_out(did, how=how)
    visible = pairs(held.visible.users, held.visible.items)
    assert visible | judged_pairs(held) == pairs(did.users, did.items)
    assert not visible & judged_pairs(held)


@pytest.mark.parametrize("how", HOWS)
def test_users_that_train_keep_everything_and_are_not_judged(how):
    did = made()
    held = hold_out(did, how=how)
    assert not (held.judgements.gains.counts[~held.held_out]).any()
    assert np.array_equal(held.judgements.judged_rows, np.flatnonzero(held.held_out))
    training = held.training()
    assert not training.counts[held.held_out].any()
    theirs = ~held.held_out[did.users]
    assert pairs(training.rows, training.indices) == pairs(did.users[theirs], did.items[theirs])


@pytest.mark.parametrize(("fold_in", "due"), [(None, 0.5), (0.5, 0.5), (0.8, 0.8), (0.01, 0.01)])
@pytest.mark.parametrize("how", ["random", "time"])
def test_each_held_out_user_shows_the_part_asked_for_rounded_up(how, fold_in, due):
    held = hold_out(made(), how=how, fold_in=fold_in)
    hidden = held.judgements.gains.counts[held.held_out]
    shown = np.bincount(held.visible.users, minlength=80)[held.held_out]
    expected = np.clip(np.ceil(due * (shown + hidden)), 1, shown + hidden - 1)
    assert np.array_equal(shown, expected)
    assert hidden.min() >= 1


def times_of(did, rows, columns):
    at = {(u, i): t for u, i, t in zip(did.users, did.items, did.times, strict=True)}
    return np.array([at[pair] for pair in zip(rows, columns, strict=True)])


@pytest.mark.parametrize("least", [None, 3.0])
@pytest.mark.parametrize("how", ["time", "last"])
def test_what_was_used_before_and_again_after_was_used_before(how, least, tmp_path):
    """As a replay has it: repeats are merged for what they weigh, and not for when they were."""
    rng = np.random.default_rng(1)
    uses = [
        (f"u{user}", f"i{item}", float(weight), int(time))
        for user in range(30)
        for item, weight, time in rng.integers([0, 1, 0], [12, 6, 1000], (25, 3))
    ]
    file = tmp_path / "uses.csv"
    lines = ["user,item,weight,time", *(",".join(map(str, use)) for use in uses)]
    file.write_text("\n".join(lines))
    did = read_interactions(file, min_weight=least)
    held = hold_out(did, how=how, share=0.9)
    first = {}
    for user, item, weight, time in uses:
        if weight >= (least or 0):
            first[user, item] = min(time, first.get((user, item), time))
    for row in np.flatnonzero(held.judgements.gains.counts).tolist():
        user = did.user_ids[row]
        hidden = [first[user, did.item_ids[i]] for i in held.judgements.gains.row(row).tolist()]
        items = held.visible.items[held.visible.users == row].tolist()
        shown = [first[user, did.item_ids[i]] for i in items]
        assert max(shown) <= min(hidden)


@pytest.mark.parametrize("how", ["time", "last"])
def test_by_time_nothing_hidden_is_older_than_what_is_shown(how):
    did = made()
    held = hold_out(did, how=how)
    gains, visible = held.judgements.gains, held.visible
    hidden_at = times_of(did, gains.rows, gains.indices)
    for user in np.flatnonzero(held.held_out):
        shown = visible.times[visible.users == user]
        assert shown.max() <= hidden_at[gains.rows == user].min()


def test_the_last_item_alone_is_hidden():
    held = hold_out(made(), how="last")
    assert (held.judgements.gains.counts[held.held_out] == 1).all()


def test_equal_times_are_drawn_not_taken_in_order():
    did = replace(made(), times=np.zeros(len(made().users)))
    hidden = [judged_pairs(hold_out(did, how="last", share=0.9, seed=seed)) for seed in range(2)]
    places = [item / 29 for pair in hidden for _, item in [*pair]]
    assert 0.35 < np.mean(places) < 0.65


@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.999])
def test_the_share_is_of_the_users_and_leaves_at_least_one_on_each_side(share):
    held = hold_out(made(), share=share)
    assert held.held_out.sum() == min(max(round(share * 80), 1), 79)


def test_every_user_is_as_likely_to_be_held_out_as_any_other():
    did = made()
    times = np.sum([hold_out(did, seed=seed).held_out for seed in range(200)], axis=0)
    assert abs(times.mean() / 200 - 0.2) < 1e-12
    assert times.max() < 40 + 5 * np.sqrt(32)
    assert times.min() > 40 - 5 * np.sqrt(32)


@pytest.mark.parametrize("how", HOWS)
def test_the_seed_decides(how):
    one, same, other = (hold_out(made(), how=how, seed=seed) for seed in (4, 4, 5))
    assert judged_pairs(one) == judged_pairs(same)
    assert judged_pairs(one) != judged_pairs(other)


def test_gains_are_one_or_the_weight():
    did = made()
    assert set(hold_out(did).judgements.gains.values) == {1.0}
    gains = hold_out(did, graded=True).judgements.gains
    weight = {(u, i): w for u, i, w in zip(did.users, did.items, did.weights, strict=True)}
    cells = zip(gains.rows, gains.indices, gains.values, strict=True)
    assert all(weight[u, i] == gain for u, i, gain in cells)


@pytest.mark.parametrize("how", ["random", "time", "last"])
@pytest.mark.parametrize("graded", [False, True])
def test_dislikes_are_judged_and_not_relevant(how, graded):
    did = made()
    rng = np.random.default_rng(0)
    liked = rng.random(len(did.weights)) < 0.6
    did = replace(did, weights=np.where(liked, did.weights, -rng.integers(0, 2, len(liked))))
    split = hold_out(did, how=how, graded=graded)
    gains = split.judgements.gains
    weight = {(u, i): w for u, i, w in zip(did.users, did.items, did.weights, strict=True)}
    own = np.array([weight[pair] for pair in zip(gains.rows, gains.indices, strict=True)])
    assert (own <= 0).any()
    assert np.array_equal(gains.values > 0, own > 0)
    assert not gains.values[own <= 0].any()
    if graded:
        assert np.array_equal(gains.values, np.maximum(own, 0))
    # every user who is judged has a like to be found, and another one that is shown
    for user in np.unique(gains.rows):
        assert (gains.values[gains.rows == user] > 0).any()
        assert (split.visible.weights[split.visible.users == user] > 0).any()
    assert f"{(own <= 0).sum()} that weigh 0 or less judged" in split.judgements.source


@pytest.mark.parametrize("fold_in", [0.2, 0.5, 0.8])
def test_the_same_share_of_dislikes_is_judged(fold_in):
    did = made(users=1_600)
    liked = np.random.default_rng(0).random(len(did.weights)) < 0.6
    did = replace(did, weights=np.where(liked, did.weights, -1.0))
    split = hold_out(did, share=0.9, fold_in=fold_in)
    disliked = (did.weights <= 0) & split.held_out[did.users]
    judged = (split.judgements.gains.values == 0).sum()
    # of 4,000 dislikes: six standard errors are below 0.05
    assert disliked.sum() > 4_000
    assert abs(judged / disliked.sum() - (1 - fold_in)) < 0.05


def test_dislikes_of_users_without_a_judged_like_are_not_judged():
    """A query of dislikes alone would count as one in which nothing is found."""
    who = np.repeat(np.arange(40), 6)
    did = Interactions(who, np.tile(np.arange(6), 40), np.ones(240), np.arange(40), np.arange(6))
    did = replace(did, weights=np.where((who % 2 == 0) & (did.items > 0), -1.0, 1.0))
    split = hold_out(did, share=0.9)
    assert split.unjudged
    assert (np.unique(split.judgements.gains.rows) % 2 == 1).all()


def test_dislikes_move_no_like_across_the_split():
    did = made()
    did = replace(did, times=np.random.default_rng(1).permutation(len(did.users)).astype(float))
    liked = np.random.default_rng(0).random(len(did.weights)) < 0.6
    for how in ("time", "last"):
        alone = hold_out(did.take(np.flatnonzero(liked)), how=how).judgements
        among = hold_out(replace(did, weights=np.where(liked, did.weights, -1.0)), how=how)
        gains = among.judgements.gains
        assert [
            gains.row(u)[gains.values[gains.indptr[u] : gains.indptr[u + 1]] > 0].tolist()
            for u in range(did.shape[0])
        ] == [alone.gains.row(u).tolist() for u in range(did.shape[0])]


def test_users_with_fewer_than_two_items_show_them_and_are_counted():
    who = np.array([0, 1, 1, 2, 3, 3, 3])
    did = Interactions(who, np.arange(7), np.ones(7), np.arange(5), np.arange(7))
    held = hold_out(did, share=0.9)
    alone = [user for user in np.flatnonzero(held.held_out) if (who == user).sum() < 2]
    assert held.unjudged == len(alone) >= 2
    assert f"{len(alone)} with fewer than two items not judged" in held.judgements.source
    assert {0, 2} & set(alone) <= set(held.visible.users.tolist())


def test_the_source_says_how_it_was_made():
    held = hold_out(made(), how="time", fold_in=0.75, seed=3)
    assert held.judgements.source == (
        "16 of 80 users held out, the earliest 75% of each one's items folded in, "
        "the rest relevant with gain 1 (seed 3)"
    )
    assert "all but the last item of each" in hold_out(made(), how="last").judgements.source


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"how": "newest"}, SpellingError, "take one of random, time, last"),
        ({"how": "last", "fold_in": 0.5}, SpellingError, "drop fold_in"),
        ({"fold_in": 1.0}, ValuesError, "fold_in is 1.0"),
        ({"share": 0.0}, ValuesError, "share is 0.0"),
        ({"share": 1.0}, ValuesError, "share is 1.0"),
    ],
)
def test_what_cannot_be_drawn_is_named(options, error, says):
    did = made()
    with pytest.raises(error, match=says):
        hold_out(did, **options)


@pytest.mark.parametrize("how", ["time", "last"])
def test_order_in_time_needs_times(how):
    with pytest.raises(ValuesError, match="needs times, none came"):
        hold_out(replace(made(), times=None), how=how)


def test_too_little_to_hide_is_said():
    one = Interactions(np.array([0]), np.array([0]), np.ones(1), np.arange(1), np.arange(1))
    with pytest.raises(TooFewError, match="two are due"):
        hold_out(one)
    single = Interactions(np.arange(9), np.arange(9), np.ones(9), np.arange(9), np.arange(9))
    with pytest.raises(TooFewError, match="none of the 2 held-out users has two items"):
        hold_out(single)
