"""Judgements constructed from interactions: held-out ones, and items that were used together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import shown
from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.data_types.typing import Array, Bool, Float64
from anglewise.errors import SpellingError, TooFewError, ValuesError

HOWS = ("random", "time", "last")


@dataclass(frozen=True, eq=False)
class HoldOut:
    """Interactions that a model may see, and judgements from the rest.

    Users and items keep the rows that they have in the interactions.

    Attributes
    ----------
    visible
        All interactions of training users, and those of held-out users that are folded in.
    held_out
        Which users are held out of the training.
    judgements
        ``queries-items``: the interactions of held-out users that are not folded in.
    unjudged
        How many held-out users have fewer than two items, so that none can be hidden.
    """

    visible: Interactions
    held_out: Bool[Array, " users"]
    judgements: Judgements
    unjudged: int

    def training(self) -> SparseRows:
        """The interactions of training users; the rows of held-out users are empty."""
        in_training = ~self.held_out[self.visible.users]
        return _some(self.visible, in_training).rows()


def hold_out(
    interactions: Interactions,
    *,
    share: float = 0.2,
    how: str = "random",
    fold_in: float | None = None,
    graded: bool = False,
    seed: int = 0,
) -> HoldOut:
    """Hold out a share of the users, fold in a part of each one's items, and judge by the rest.

    Of ``n`` items of a held-out user ``ceil(fold_in * n)`` are folded in (at least one, at most
    ``n - 1``): drawn at random, or with ``how="time"`` the earliest; with ``how="last"`` all but
    the last one. Where a user used an item repeatedly, the first time counts: what was used before
    others were is not asked for after them. Equal times are ordered at random. The others are
    relevant with gain 1, or, ``graded``, with their weight. A held-out user's only item is folded
    in, and not judged.

    What weighs 0 or less is no like: it is neither counted among the ``n`` nor relevant. The same
    share of it is judged, with gain 0; by time, what is as late as a judged item.

    Parameters
    ----------
    share
        The share of users held out, between 0 and 1; rounded, at least one user and not all.
    how
        ``"random"``, ``"time"`` or ``"last"``; the latter two need times.
    fold_in
        The share folded in, between 0 and 1; by default a half. Not with ``how="last"``.
    seed
        Draws the users and the items that are folded in.

    Raises
    ------
    SpellingError
        Another ``how``, or ``fold_in`` with ``how="last"``.
    ValuesError
        Shares outside (0, 1), no times where they are needed.
    TooFewError
        Fewer than two users, or no held-out user has two items.

    Examples
    --------
    >>> interactions = Interactions(
    ...     users=np.array([0, 0, 1, 1, 1]), items=np.array([0, 1, 0, 1, 2]), weights=np.ones(5),
    ...     user_ids=np.array(["a", "b"]), item_ids=np.array(["x", "y", "z"]),
    ...     times=np.array([1.0, 2.0, 5.0, 3.0, 4.0]),
    ... )
    >>> split = hold_out(interactions, share=0.5, how="last", seed=0)
    >>> split.held_out.tolist(), split.judgements.gains.row(1).tolist()
    ([False, True], [0])
    """
    part = _shown_part(how, fold_in)
    if not 0 < share < 1:
        raise ValuesError(f"share is {share}: a part of the users between 0 and 1 is due")
    if how != "random" and interactions.times is None:
        raise ValuesError(f"how={how!r} needs times, none came: add a time column, or use random")
    rng = np.random.default_rng(seed)
    held_out = _draw_users(interactions.shape[0], share, rng)
    hidden = hidden_entries(interactions, held_out, how, part, rng)
    liked = interactions.liked
    if not (hidden & liked).any():
        items = "two items" if liked.all() else "two items that weigh more than 0"
        raise TooFewError(
            f"none of the {held_out.sum()} held-out users has {items}, so nothing can be hidden: "
            "hold out a larger share, or bring users who did more"
        )
    weights = interactions.weights[hidden]
    gains = np.maximum(weights, 0.0) if graded else (weights > 0).astype(np.float64)
    users, items = interactions.users[hidden], interactions.items[hidden]
    judged = len(np.unique(users[gains > 0]))
    unjudged = int(held_out.sum()) - judged
    return HoldOut(
        visible=_some(interactions, ~hidden),
        held_out=held_out,
        judgements=Judgements(
            gains=SparseRows.from_pairs(users, items, gains, shape=interactions.shape),
            direction="queries-items",
            source=_sentence(
                held_out=held_out,
                how=how,
                part=part,
                graded=graded,
                unjudged=unjudged,
                dislikes=int((gains == 0).sum()),
                seed=seed,
            ),
        ),
        unjudged=unjudged,
    )


def _shown_part(how: str, fold_in: float | None) -> float:
    if how not in HOWS:
        raise SpellingError(f"how={shown(how)!r} is unknown: take one of {', '.join(HOWS)}")
    if how == "last":
        if fold_in is not None:
            raise SpellingError('how="last" hides one item each: drop fold_in, or use how="time"')
        return 1.0
    part = 0.5 if fold_in is None else fold_in
    if not 0 < part < 1:
        raise ValuesError(f"fold_in is {part}: a part of each user's items between 0 and 1 is due")
    return part


def _draw_users(users: int, share: float, rng: np.random.Generator) -> Bool[Array, " users"]:
    if users < 2:
        raise TooFewError(f"{users} user came: two are due, one to learn from and one to judge")
    number = min(max(round(share * users), 1), users - 1)
    held_out = np.zeros(users, dtype=bool)
    held_out[rng.choice(users, number, replace=False)] = True
    return held_out


def hidden_entries(
    interactions: Interactions,
    held_out: Bool[Array, " users"],
    how: str,
    part: float,
    rng: np.random.Generator,
) -> Bool[Array, " entries"]:
    """Which entries are judged: of each held-out user the last ones, by time or at random.

    Of what is no like it is the same share, and by time what is as late as the first of these.
    """
    entries = np.flatnonzero(held_out[interactions.users])
    users = interactions.users[entries]
    liked = interactions.liked[entries]
    times = np.zeros(len(users))
    first_times = None if how == "random" else interactions.first_times()
    if first_times is not None:
        times = first_times[entries]
    at_random = rng.random(len(users))
    order = np.lexsort((at_random, times, users))
    order = order[liked[order]]
    _, starts, counts = np.unique(users[order], return_index=True, return_counts=True)
    position = np.arange(len(order)) - np.repeat(starts, counts)
    shown_counts = np.clip(np.ceil(part * counts), 1, np.maximum(counts - 1, 1))
    judged = order[position >= np.repeat(shown_counts, counts)]
    # from when on a user is judged; never, where no like of the user is
    begins = np.full(interactions.shape[0], np.inf)
    np.minimum.at(begins, users[judged], times[judged])
    late = times >= begins[users] if how != "random" else at_random >= part
    disliked = ~liked & late & np.isfinite(begins[users])
    hidden = np.zeros(len(interactions.users), dtype=bool)
    hidden[entries[judged]] = True
    hidden[entries[disliked]] = True
    return hidden


def _some(interactions: Interactions, entries: Bool[Array, " entries"]) -> Interactions:
    times = interactions.times
    return replace(
        interactions,
        users=interactions.users[entries],
        items=interactions.items[entries],
        weights=interactions.weights[entries],
        times=None if times is None else times[entries],
    )


def _sentence(
    *,
    held_out: Bool[Array, " users"],
    how: str,
    part: float,
    graded: bool,
    unjudged: int,
    dislikes: int,
    seed: int,
) -> str:
    shown_part = {
        "random": f"a random {part:.0%} of each one's items folded in",
        "time": f"the earliest {part:.0%} of each one's items folded in",
        "last": "all but the last item of each folded in",
    }[how]
    gain_words = "its weight" if graded else "1"
    unjudged_words = f"; {unjudged} with fewer than two items not judged" if unjudged else ""
    disliked = f"; {dislikes:,} that weigh 0 or less judged and not relevant" if dislikes else ""
    return (
        f"{held_out.sum()} of {len(held_out)} users held out, {shown_part}, "
        f"the rest relevant with gain {gain_words} (seed {seed}){disliked}{unjudged_words}"
    )


Counts: TypeAlias = Float64[Array, " pairs"]

BLOCK_ENTRIES = 1 << 22
"""Pairs of items in one block, at most: this bounds the memory."""

FEW_PAIRS = 2_000_000
"""Pairs on lists that are no burden, however long the lists are."""
LONGEST = 10
"""Beyond these, lists hold on average so many times the largest depth at most, ties included."""


def _jaccard(both: Counts, first: Counts, second: Counts, users: int) -> Counts:
    del users
    return both / (first + second - both)


def _lift(both: Counts, first: Counts, second: Counts, users: int) -> Counts:
    return both * users / (first * second)


OVERLAPS: dict[str, Callable[[Counts, Counts, Counts, int], Counts]] = {
    "jaccard": _jaccard,
    "lift": _lift,
}


def co_consumption(
    interactions: Interactions,
    users: Bool[Array, " users"],
    *,
    by: str = "jaccard",
    min_support: int = 5,
    depths: tuple[int, ...] = (5, 10, 20),
) -> Judgements:
    """Grade pairs of items by how much the sets of their users overlap, among the given users.

    Of ``n`` given users, let ``c_i`` have used item ``i``, and ``c_ij`` both ``i`` and ``j``.
    Pairs with ``c_ij < min_support`` stay unjudged. The others are ranked, for each item, by

    * ``"jaccard"``: ``c_ij / (c_i + c_j - c_ij)``, or
    * ``"lift"``: ``n c_ij / (c_i c_j)``, which favours rare items.

    The gain of ``j`` for ``i`` is the number of ``depths`` whose list of nearest partners holds
    it: with (5, 10, 20), 3 among the first 5, 2 among the first 10, 1 among the first 20. Equal
    overlaps at the end of a list are all in. A pair takes the larger of its two gains, so the
    table is symmetric; an item is never judged against itself, and pairs on no list stay
    unjudged. Weights are ignored.

    The counts are a product of sparse matrices, taken block by block: the memory does not grow
    with the square of the items. Nor do ties make it grow so: where all items are used alike, each
    would be on the list of each, and none is judged.

    Parameters
    ----------
    users
        Whose interactions count: take users from whom the items' vectors were not learned.

    Raises
    ------
    SpellingError
        Another ``by``.
    ValuesError
        ``min_support`` or a depth below 1.
    TooFewError
        No pair of items reaches ``min_support``; or overlaps tell too few items apart: more than
        2,000,000 pairs on lists that hold more than ten times the largest depth on average.

    Examples
    --------
    >>> bought = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]])
    >>> rows, items = np.nonzero(bought)
    >>> interactions = Interactions(rows, items, np.ones(len(rows)), np.arange(4), np.arange(3))
    >>> judged = co_consumption(interactions, np.ones(4, dtype=bool), min_support=2, depths=(1,))
    >>> [judged.gains.row(i).tolist() for i in range(3)]
    [[1], [0], []]
    """
    if by not in OVERLAPS:
        raise SpellingError(f"by={shown(by)!r} is unknown: take one of {', '.join(OVERLAPS)}")
    if min_support < 1 or not depths or min(depths) < 1:
        raise ValuesError(f"min_support {min_support}, depths {depths}: numbers from 1 are due")
    rows = np.flatnonzero(users).astype(np.int64)
    use: Any = interactions.rows().take(rows).ones()
    items = interactions.shape[1]
    length = max(1, BLOCK_ENTRIES // items)
    blocks, pairs = list[Float64[Array, "3 pairs"]](), 0
    for start in range(0, items, length):
        block = range(start, min(start + length, items))
        blocks.append(_graded(use, block, OVERLAPS[by], min_support, depths))
        pairs += blocks[-1].shape[1]
        _check_told_apart(pairs, items, max(depths), by)
    gains = _larger_of_both(np.concatenate(blocks, axis=1), items)
    if not len(gains.indices):
        raise TooFewError(
            f"no two items were used together by {min_support} of the {use.shape[0]} held-out "
            "users: lower min_support, or hold out more users"
        )
    grades = ", ".join(str(grade) for grade in range(len(depths), 0, -1))
    nearest = ", ".join(str(depth) for depth in sorted(depths))
    return Judgements(
        gains=gains,
        direction="items-items",
        source=(
            f"items used together by at least {min_support} of {use.shape[0]} held-out users, "
            f"gain {grades} for the {nearest} nearest of either item by {by}"
        ),
    )


def _graded(
    use: Any,
    block: range,
    overlap: Callable[[Counts, Counts, Counts, int], Counts],
    min_support: int,
    depths: tuple[int, ...],
) -> Float64[Array, "3 pairs"]:
    """Item, partner and gain of the pairs on some list, for the items of the block."""
    sizes: Array = use.sum(axis=0)
    pairs = (use[:, block.start : block.stop].T.tocsr() @ use).tocoo()
    first, second, both = pairs.row + block.start, pairs.col, pairs.data
    supported = (both >= min_support) & (first != second)
    first, second, both = first[supported], second[supported], both[supported]
    overlaps = overlap(both, sizes[first], sizes[second], use.shape[0])
    ends = np.searchsorted(first, np.arange(block.start, block.stop + 1))
    last_inside = np.array([_last_inside(overlaps[i:j], depths) for i, j in pairwise(ends)])
    gains = (overlaps[:, None] >= last_inside[first - block.start]).sum(axis=1)
    is_listed = gains > 0
    return np.stack([first[is_listed], second[is_listed], gains[is_listed]]).astype(np.float64)


def _check_told_apart(pairs: int, items: int, depth: int, by: str) -> None:
    """Refuse lists that are long through ties alone, before the last of them is made."""
    most = max(FEW_PAIRS, LONGEST * depth * items)
    if pairs > most:
        raise TooFewError(
            f"{by} tells too few items apart: so many are used alike, and tie with the last of the "
            f"{depth} nearest of an item, that the lists of {items:,} items hold more than "
            f"{most:,} pairs: leave out items that everybody used, or hold out more users"
        )


def _last_inside(near: Counts, depths: tuple[int, ...]) -> list[float]:
    """For each depth, the overlap of the last partner on a list of that depth."""
    short = [max(len(near) - depth, 0) for depth in depths]
    return np.partition(near, short)[short].tolist() if len(near) else [0.0] * len(depths)


def _larger_of_both(graded: Float64[Array, "3 pairs"], items: int) -> SparseRows:
    from scipy.sparse import csr_array

    first, second = graded[:2].astype(np.int64)
    gains: Any = csr_array((graded[2], (first, second)), shape=(items, items))
    larger = gains.maximum(gains.T).tocoo()
    return SparseRows.from_pairs(larger.row, larger.col, larger.data, shape=(items, items))
