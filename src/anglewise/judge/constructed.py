"""Judgements that nobody made: from what users did, and from classes of items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.sparse import Interactions
from anglewise.core.typing import Array, Direction, Int64
from anglewise.errors import IdsError, TooFewError, ValuesError
from anglewise.judgements.co_consumption import co_consumption
from anglewise.judgements.records import Judged

MOST_ROWS = 2_000_000
"""Judgements that are made at most at once."""


@dataclass(frozen=True)
class Made:
    """Judgements that were made, and what was left out of them, in words."""

    judged: tuple[Judged, ...]
    remarks: tuple[str, ...]


def from_interactions(
    space: Space,
    interactions: Interactions,
    *,
    direction: Direction = "queries-items",
    graded: bool = False,
    min_support: int = 5,
    judge: str = "interactions",
    now: float,
) -> Made:
    """Let what users did say what is relevant.

    ``queries-items``: what a user did who is a query of the space is relevant with gain 1, or,
    ``graded``, its weight; what training saw (``space.seen``) is left out, since nobody is shown
    it again. ``items-items``: items used together by at least ``min_support`` users, graded 3 to
    1 as ``co_consumption`` says; the users should be others than those of the training.

    Raises
    ------
    IdsError
        No interaction is of a user and an item of the space.
    TooFewError
        All were seen in training, or no two items are used together.
    ValuesError
        ``graded`` and a weight is not above 0; ``queries-queries``.
    """
    if direction == "queries-queries":
        raise ValuesError("interactions judge queries-items and items-items, not queries-queries")
    if direction == "items-items":
        return _used_together(space, interactions, min_support, judge, now)
    if graded and not (interactions.weights > 0).all():
        raise ValuesError("weights <= 0 cannot be grades: shift them, or leave out --graded")
    users = _rows(interactions.user_ids, space.queries.row_of)[interactions.users]
    items = _rows(interactions.item_ids, space.items.row_of)[interactions.items]
    known = (users >= 0) & (items >= 0)
    if not known.any():
        raise IdsError(
            f"not one of {len(users):,} interactions is of a user and an item of the space, such "
            f"as {interactions.user_ids[0]!r} and {interactions.item_ids[0]!r}: take its data"
        )
    wide = len(space.items)
    seen = np.array([], dtype=np.int64)
    if space.seen is not None:
        seen = space.seen.rows * wide + space.seen.indices
    fresh = known & ~np.isin(users * wide + items, seen)
    if not fresh.any():
        raise TooFewError(
            "training saw every one of these interactions: bring what users did afterwards, or "
            "hold some out (anglewise fit --holdout)"
        )
    judged = tuple(
        Judged(
            str(space.queries.ids[user]),
            str(space.items.ids[item]),
            float(weight) if graded else 1.0,
            judge=judge,
            source="interaction",
            time=now,
        )
        for user, item, weight in zip(
            users[fresh].tolist(), items[fresh].tolist(), interactions.weights[fresh], strict=True
        )
    )
    left = {
        "are of users or items that the space does not hold": int((~known).sum()),
        "were seen in training": int((known & ~fresh).sum()),
    }
    return Made(judged, tuple(f"{n:,} interactions {why}" for why, n in left.items() if n))


def _used_together(
    space: Space, interactions: Interactions, min_support: int, judge: str, now: float
) -> Made:
    everybody = np.ones(len(interactions.user_ids), dtype=bool)
    table = co_consumption(interactions, everybody, min_support=min_support).gains
    rows = _rows(interactions.item_ids, space.items.row_of)
    first, second = rows[table.rows], rows[table.indices]
    known = (first >= 0) & (second >= 0)
    if not known.any():
        raise IdsError("no two items that were used together are items of the space")
    ids = space.items.ids
    judged = tuple(
        Judged(
            str(ids[a]),
            str(ids[b]),
            gain,
            judge=judge,
            direction="items-items",
            source="interaction",
            time=now,
        )
        for a, b, gain in zip(
            first[known].tolist(), second[known].tolist(), table.values[known].tolist(), strict=True
        )
    )
    missing = int((~known).sum())
    return Made(
        judged, (f"{missing:,} pairs hold items that the space does not",) if missing else ()
    )


def from_classes(
    space: Space,
    classes: Mapping[str, Sequence[str]],
    *,
    queries: int = 200,
    judge: str = "labels",
    seed: int = 0,
    now: float,
) -> Made:
    """Let items of one class be relevant to each other, the more the finer the class they share.

    Each item has a path of classes from the coarsest to the finest; the grade of a pair is how
    many classes from the start of their paths are the same: with (sport, shoes), another shoe has
    grade 2, any other sports article 1. Pairs that share none are not recorded.

    Parameters
    ----------
    classes
        The path of each item, all of one length.
    queries
        So many items ask, drawn by ``seed``.

    Raises
    ------
    IdsError
        No id is an item of the space.
    TooFewError
        No two items share a class.
    ValuesError
        More than 2,000,000 pairs: let fewer ask.
    """
    known = [name for name in space.items.ids.tolist() if name in classes]
    if not known:
        raise IdsError(
            f"none of the {len(classes):,} labelled ids is an item of the space: take the labels "
            "that belong to it"
        )
    members: dict[str, list[str]] = {}
    for name in known:
        members.setdefault(classes[name][0], []).append(name)
    asking = [name for name in known if len(members[classes[name][0]]) > 1]
    if not asking:
        raise TooFewError("no two items share a class: labels that repeat are due")
    drawn = np.random.default_rng(seed).permutation(len(asking))[: max(queries, 1)]
    chosen = [asking[place] for place in np.sort(drawn).tolist()]
    rows = sum(len(members[classes[name][0]]) - 1 for name in chosen)
    if rows > MOST_ROWS:
        fitting = max(1, len(chosen) * MOST_ROWS // rows)
        raise ValuesError(f"{rows:,} pairs share a class: let about {fitting:,} ask (--queries)")
    judged = tuple(
        Judged(
            name,
            other,
            float(_common(classes[name], classes[other])),
            judge=judge,
            direction="items-items",
            source="label",
            time=now,
        )
        for name in chosen
        for other in members[classes[name][0]]
        if other != name
    )
    missing = len(classes) - len(known)
    remarks = [f"{len(chosen):,} of {len(asking):,} items ask (seed {seed})"]
    remarks += [f"{missing:,} labelled ids are not in the space"] if missing else []
    return Made(judged, tuple(remarks))


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many classes two paths share from the start."""
    same = [a == b for a, b in zip(one, other, strict=True)]
    return same.index(False) if False in same else len(same)


def _rows(names: Array, row_of: Mapping[str, int]) -> Int64[Array, " names"]:
    return np.array([row_of.get(str(name), -1) for name in names], dtype=np.int64)
