"""Generate judgements from interactions or classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.columns import filled_cells
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.memory import check_room, room
from anglewise.data_types.numbers import shown
from anglewise.data_types.row_ids import as_ids
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.text import other_form
from anglewise.data_types.typing import Array, Direction, Int64
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import IdsError, TooFewError, ValuesError
from anglewise.judgements.co_use import co_use
from anglewise.judgements.records import Judged, check_levels

MOST_ROWS = 2_000_000
"""Judgements that labels make at most, whatever memory there is."""
ROW_BYTES = 1_100
"""The memory that a judgement takes until it is recorded, as measured."""
STORED_BYTES, STORED_LETTER = 200, 2.2
"""What a judgement takes in a store, and what each letter of its two ids does, as measured."""


@dataclass(frozen=True)
class Generated:
    """Judgements that were made, and remarks such as what was left out."""

    judged: tuple[Judged, ...]
    remarks: tuple[str, ...]

    @property
    def stored_bytes(self) -> int:
        """About how many bytes a store takes for them."""
        letters = sum(len(row.query_id) + len(row.item_id) for row in self.judged)
        return int(STORED_BYTES * len(self.judged) + STORED_LETTER * letters)


def from_interactions(
    space: Space,
    interactions: Interactions,
    *,
    direction: Direction = "queries-items",
    graded: bool = False,
    min_support: int = 1,
    judge: str = "interactions",
    now: float,
) -> Generated:
    """Make judgements of what users did.

    ``queries-items``: the items of a user, who is a query of the space, are relevant with gain 1,
    or, ``graded``, with the weight of the interaction; what weighs 0 or less is judged and not
    relevant, with gain 0. Those used in training (``space.seen``) are
    left out, as they are out of the ranking. ``items-items``: items used together by at least
    ``min_support`` users, graded by ``co_use``; take users who were not trained on.

    Raises
    ------
    IdsError
        No interaction is of a user and an item of the space.
    TooFewError
        All were used in training, or no two items were used together.
    ValuesError
        ``queries-queries``; more judgements than the
        memory allowed holds.
    """
    if direction == "queries-queries":
        raise ValuesError("interactions judge queries-items and items-items, not queries-queries")
    if direction == "items-items":
        return _used_together(space, interactions, min_support, judge, now)
    users, items = interactions.rows_in(space.queries.row_of, space.items.row_of)
    in_space = (users >= 0) & (items >= 0)
    if not in_space.any():
        raise IdsError(
            f"not one of {len(users):,} interactions is of a user and an item of the space, such "
            f"as {shown(interactions.user_ids[0])!r} and {shown(interactions.item_ids[0])!r}: take "
            "its data"
        )
    width = len(space.items)
    seen_keys = np.array([], dtype=np.int64)
    if space.seen is not None:
        seen_keys = space.seen.rows * width + space.seen.indices
    unseen = in_space & ~np.isin(users * width + items, seen_keys)
    if not unseen.any():
        raise TooFewError(
            "training saw every one of these interactions: bring what users did afterwards, or "
            "hold some out (anglewise fit --holdout)"
        )
    _check_fits(int(unseen.sum()))
    judged = tuple(
        Judged(
            str(space.queries.ids[user]),
            str(space.items.ids[item]),
            max(float(weight), 0.0) if graded else float(weight > 0),
            judge=judge,
            source="interaction",
            time=now,
        )
        for user, item, weight in zip(
            users[unseen].tolist(),
            items[unseen].tolist(),
            interactions.weights[unseen],
            strict=True,
        )
    )
    left_out = {
        "are of users or items that the space does not hold": int((~in_space).sum()),
        "were seen in training": int((in_space & ~unseen).sum()),
    }
    return Generated(
        judged,
        tuple(f"{count:,} interactions {reason}" for reason, count in left_out.items() if count),
    )


def _check_fits(rows: int) -> None:
    check_room(
        f"making {rows:,} judgements at once", ROW_BYTES * rows, "take interactions of fewer users"
    )


def _used_together(
    space: Space, interactions: Interactions, min_support: int, judge: str, now: float
) -> Generated:
    made_of = UsedTogether(interactions.rows(), min_support=min_support)
    table = co_use(made_of, noun="user").gains
    rows = _rows(interactions.item_ids, space.items.row_of)
    first, second = rows[table.rows], rows[table.indices]
    in_space = (first >= 0) & (second >= 0)
    if not in_space.any():
        raise IdsError("no two items that were used together are items of the space")
    _check_fits(int(in_space.sum()))
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
            first[in_space].tolist(),
            second[in_space].tolist(),
            table.values[in_space].tolist(),
            strict=True,
        )
    )
    dropped = int((~in_space).sum())
    return Generated(
        judged, (f"{dropped:,} pairs hold items that the space does not",) if dropped else ()
    )


def classes_of(items: Embeddings, levels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The classes of each item by columns of metadata, the coarsest first.

    Raises ``SpellingError`` for a column that is not there, ``ValuesError`` for one that is empty
    for an item, ``IdsError`` for what names no class: truth values, lists, and floats whose last
    digits are lost.

    >>> classes_of(Embeddings([[1.0], [2.0]], metadata={"kind": ["cap", 7.0]}), ["kind"])
    {'0': ('cap',), '1': ('7',)}
    """
    check_levels(levels, items.metadata_columns)
    rows = np.arange(len(items))
    remedy = "fill it in, or give a table of the items that have a class"
    columns = [
        as_ids(filled_cells(level, items, rows, "item", remedy), f"classes in {level!r}")
        for level in levels
    ]
    return dict(zip(items.ids.tolist(), zip(*columns, strict=True), strict=True))


def from_classes(
    space: Space,
    classes: Mapping[str, Sequence[str]],
    *,
    queries: int = 200,
    judge: str = "labels",
    seed: int = 0,
    now: float,
) -> Generated:
    """Grade pairs of items by the classes they share.

    Each item has a path of classes from the coarsest to the finest; the grade of a pair is how
    many classes from the start of their paths are the same: with (sport, shoes), another shoe has
    grade 2, any other sports article 1. Pairs that share none are not recorded.

    Parameters
    ----------
    classes
        The path of each item, all of one length.
    queries
        How many items are queries at most, drawn by ``seed``.

    Raises
    ------
    IdsError
        No labelled id is an item of the space.
    TooFewError
        No two items share a class.
    ValuesError
        More than 2,000,000 pairs, or than the memory allowed holds: draw fewer queries.
    """
    labelled = [name for name in space.items.ids.tolist() if name in classes]
    if not labelled:
        raise IdsError(
            f"none of the {len(classes):,} labelled ids is an item of the space: take the labels "
            f"that belong to it{other_form(classes, space.items.row_of)}"
        )
    members: dict[str, list[str]] = {}
    for name in labelled:
        members.setdefault(classes[name][0], []).append(name)
    asking = [name for name in labelled if len(members[classes[name][0]]) > 1]
    if not asking:
        raise TooFewError("no two items share a class: labels that repeat are due")
    drawn = np.random.default_rng(seed).permutation(len(asking))[: max(queries, 1)]
    chosen = [asking[index] for index in np.sort(drawn).tolist()]
    rows = sum(len(members[classes[name][0]]) - 1 for name in chosen)
    most = min(MOST_ROWS, room() // ROW_BYTES)
    if rows > most:
        fitting = max(1, len(chosen) * most // rows)
        raise ValuesError(
            f"{rows:,} pairs share a class, {most:,} fit: let about {fitting:,} ask (--queries)"
        )
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
    remarks = [f"{len(chosen):,} of {len(asking):,} items ask (seed {seed})"]
    unknown = [name for name in classes if name not in space.items.row_of]
    if unknown:
        hint = other_form(unknown, space.items.row_of)
        remarks.append(f"{len(unknown):,} labelled ids are not in the space{hint}")
    if len(labelled) < len(space.items):
        without = len(space.items) - len(labelled)
        remarks.append(f"{without:,} of {len(space.items):,} items have no label: left out")
    return Generated(judged, tuple(remarks))


def _common(path: Sequence[str], other_path: Sequence[str]) -> int:
    """How many classes from the start two paths share."""
    same = [a == b for a, b in zip(path, other_path, strict=True)]
    return same.index(False) if False in same else len(same)


def _rows(names: Array, row_of: Mapping[str, int]) -> Int64[Array, " names"]:
    return np.array([row_of.get(str(name), -1) for name in names], dtype=np.int64)
