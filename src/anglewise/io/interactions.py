"""Who used what: tables and matrices read, and lined up with a space as what it was trained on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.conversion import is_frame, offers
from anglewise.data_types.embeddings import Seen, Space, seen_rows
from anglewise.data_types.numbers import FINITE, check_columns
from anglewise.data_types.sparse import Interactions, SparseRows, as_sparse_rows
from anglewise.data_types.text import Say, counted, quiet
from anglewise.errors import FileError, ShapeError, SpellingError, TooFewError
from anglewise.io.arrow_files import FRAME
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, existing_file, suffix
from anglewise.io.nameless_tables import check_plain_table
from anglewise.io.sparse_files import interactions_of, read_sparse_npz
from anglewise.io.tables import (
    ID,
    ITEM,
    TIME,
    USER,
    WEIGHT,
    Role,
    Sheet,
    check_distinct_columns,
    find,
    listed,
    names_of,
    need,
    numbered,
    numbers_of,
    times_of,
)
from anglewise.io.texts import read_texts
from anglewise.io.unread_columns import check_no_grade, remark


def read_interactions(
    path: PathLike | Any,
    *,
    user: str | None = None,
    item: str | None = None,
    weight: str | None = None,
    time: str | None = None,
    min_weight: float | None = None,
    item_table: PathLike | None = None,
    say: Say = quiet,
) -> Interactions:
    r"""Read who used what from a table, with names of columns guessed where they are conventional.

    Reads CSV, TSV, parquet, feather, RecBole's ``.inter``, MovieLens' ``ratings.dat`` and
    ``u.data``, and scipy's sparse ``.npz``, each also as ``.gz``. Entries are sorted by user and
    item, whose ids are sorted too, so that the order of the lines does not matter.

    Parameters
    ----------
    path
        A file; or a table in memory: a pandas or Polars frame, an Arrow table, or a sparse matrix
        of SciPy (users x items, whose rows and columns are named by their numbers).
    user, item, weight, time
        Names of columns that are not conventional. Without weights each pair weighs 1.
    min_weight
        Keep pairs that weigh at least this: ratings of 4 and 5 as signs of liking, say.
    item_table
        A table about the items (``item_id,title,…``), kept as their metadata.
    say
        Told what was guessed, and how many repeated pairs were merged: the last one is kept,
        by time if there are times, else by place in the file.

    Raises
    ------
    FileError, ValuesError, SpellingError, TooFewError
        Unreadable or damaged; a cell that is empty or no number, by line; a column that is not
        there; nothing left.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "ratings.csv"
    >>> _ = file.write_text("user_id,item_id,rating\nann,up,5\nbob,up,2\nann,up,4\n")
    >>> x = read_interactions(file, say=print)
    ratings.csv: users from 'user_id', items from 'item_id', weights from 'rating'
    ratings.csv: 1 repeated pair: the last in the file is kept
    >>> x.user_ids.tolist(), x.item_ids.tolist(), x.weights.tolist()
    (['ann', 'bob'], ['up'], [4.0, 2.0])
    """
    check_columns(user=user, item=item, weight=weight, time=time)
    if min_weight is not None:
        FINITE.check("min_weight", min_weight)
    source = FRAME if is_frame(path) else MATRIX if offers(path, "tocsr") else existing_file(path)
    if source is MATRIX or suffix(source) == ".npz":
        if any(name is not None for name in (user, item, weight, time)):
            raise SpellingError(f"{source} is a sparse matrix, it has no columns to name")
        interactions = _from_matrix(path) if source is MATRIX else read_sparse_npz(source)
    else:
        roles = {USER: user, ITEM: item, WEIGHT: weight, TIME: time}
        interactions = _from_sheet(open_sheet(path), roles, say)
    interactions = _last_of_each(source, interactions, say)
    if min_weight is not None:
        interactions = _at_least(source, interactions, min_weight)
    if item_table is not None:
        metadata = read_texts(item_table, interactions.item_ids, id_roles=(ITEM, ID), say=say)
        interactions = replace(interactions, item_metadata=metadata)
    return interactions


MATRIX = Path("the matrix")
"""What a sparse matrix that came from no file is called in messages."""


def _from_matrix(matrix: Any) -> Interactions:
    return interactions_of(as_sparse_rows(matrix, "the matrix"))


def _from_sheet(sheet: Sheet, roles: Mapping[Role, str | None], say: Say) -> Interactions:
    positions = _positions(sheet, roles)
    if sheet.names is None:
        check_plain_table(sheet)
    elif WEIGHT not in positions:
        check_no_grade(sheet, WEIGHT, positions.values())
    say(
        f"{sheet.path.name}: "
        + ", ".join(
            f"{role.meaning} from {sheet.name(position)}" for role, position in positions.items()
        )
        + (" (no header: in this order)" if sheet.names is None else "")
        + ("; every row counts 1" if WEIGHT not in positions else "")
        + remark(sheet, positions)
    )
    columns = dict(zip(positions, sheet.columns(list(positions.values())), strict=True))
    users, user_ids = numbered(names_of(sheet, columns[USER], positions[USER]))
    items, item_ids = numbered(names_of(sheet, columns[ITEM], positions[ITEM]))
    weights = np.ones(len(users))
    if WEIGHT in columns:
        weights = numbers_of(sheet, columns[WEIGHT], positions[WEIGHT])
    times = None
    if TIME in columns:
        try:
            times = times_of(sheet, columns[TIME], positions[TIME])
        except FileError as error:
            if roles[TIME] is not None:
                raise
            say(f"{error}; left out, since nobody asked for it")
    return Interactions(users, items, weights, user_ids, item_ids, times)


def _positions(sheet: Sheet, roles: Mapping[Role, str | None]) -> dict[Role, int]:
    """Where each role stands; without a header in the order user, item, weight, time."""
    if sheet.names is None:
        if any(roles.values()):
            raise SpellingError(f"{sheet.path} has no header: add one, then name its columns")
        if not 2 <= sheet.width <= len(roles):
            raise FileError(
                f"{sheet.path} has no header and {sheet.width} columns: user, item and, if "
                "you like, weight and time are due in this order; or add a header"
            )
        return dict(zip(roles, range(sheet.width), strict=False))
    positions: dict[Role, int] = {
        role: need(sheet.names, role, roles[role], sheet.path) for role in (USER, ITEM)
    }
    for role in (WEIGHT, TIME):
        position = find(sheet.names, role, roles[role], sheet.path)
        if position is not None and (roles[role] is not None or position not in positions.values()):
            positions[role] = position
    named_roles = {role for role, name in roles.items() if name is not None}
    check_distinct_columns(sheet.names, positions, named_roles, sheet.path)
    return positions


def _last_of_each(path: Path, interactions: Interactions, say: Say) -> Interactions:
    """Sort by user and item, and keep the last of each pair."""
    last, others = interactions.last_of_each()
    kept = interactions.take(last)
    count, timed = len(others), interactions.times is not None
    if count:
        say(
            f"{path.name}: {count:,} repeated pair{'s' * (count > 1)}: the last "
            f"{'by time' if timed else 'in the file'} is kept"
        )
    return replace(kept, other_uses=interactions.take(others)) if count and timed else kept


def _at_least(path: Path, interactions: Interactions, weight: float) -> Interactions:
    """Keep what weighs enough, and the users and items that still have any."""
    enough = interactions.weights >= weight
    if not enough.any():
        raise TooFewError(
            f"{path}: no weight reaches {weight:g}, the largest is {interactions.weights.max():g}: "
            "lower the threshold"
        )
    uses = interactions.every_use()
    kept = np.append(np.zeros(len(uses.users) - len(enough), dtype=bool), enough)
    users, items = np.unique(uses.users[kept]), np.unique(uses.items[kept])
    known = np.isin(uses.users, users) & np.isin(uses.items, items)
    uses = replace(
        uses,
        users=np.where(known, np.searchsorted(users, uses.users), 0),
        items=np.where(known, np.searchsorted(items, uses.items), 0),
        user_ids=uses.user_ids[users],
        item_ids=uses.item_ids[items],
    )
    others = np.flatnonzero(known & ~kept)
    if interactions.other_uses is None or not len(others):
        return uses.take(np.flatnonzero(kept))
    kept_entries = uses.take(np.flatnonzero(kept))
    return replace(kept_entries, other_uses=uses.take(others), least_weight=weight)


def with_seen(space: Space, seen: PathLike | Seen, say: Say = quiet) -> Space:
    r"""The space with other interactions as those that it was trained on.

    Raises ``ShapeError`` for a space without users, else as :func:`read_interactions` and
    ``Space(seen=...)`` do.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> import tempfile
    >>> users, films = Embeddings([[1.0]], ids=["ann"]), Embeddings([[1], [2]], ids=["up", "it"])
    >>> file = Path(tempfile.mkdtemp()) / "used.csv"
    >>> _ = file.write_text("user_id,item_id\nann,it\nbob,it\n")
    >>> with_seen(Space(queries=users, items=films), file, say=print).seen.row(0).tolist()
    used.csv: users from 'user_id', items from 'item_id'
    used.csv: 1 of 2 pairs name a user and an item of this space, and count as used in training
    [1]
    """
    if space.one_sided:
        raise ShapeError(
            "seen (--seen) says which items users were trained on, and this space has no users: "
            "give queries, or leave it out"
        )
    table, name = _seen_table(seen, say)
    brought = 0 if space.seen is None else len(space.seen.indices)
    if brought:
        say(f"{name}: taken in place of the {counted(brought, 'pair')} that the space brings")
    return Space(
        items=space.items,
        queries=space.queries,
        trained_for=space.trained_for,
        seen=seen_rows(table, space.queries, space.items, name=name, say=say),
        about=space.about,
    )


def _seen_table(seen: PathLike | Seen, say: Say) -> tuple[Seen, str]:
    """Interactions or a matrix, and what to call them."""
    if isinstance(seen, Interactions | SparseRows) or offers(seen, "tocsr"):
        return seen, "seen"
    path = FRAME if is_frame(seen) else existing_file(seen)
    if suffix(path) == ".npz":  # a matrix names no users: row for row
        return read_interactions(path, say=say).rows(), path.name
    names = open_sheet(seen).names
    if names is not None and any(find(names, role, None, path) is None for role in (USER, ITEM)):
        raise FileError(
            f"{path}: cannot tell which columns hold the users and the items among "
            f"{listed(names)}: call them user_id and item_id (in Python: "
            "seen=read_interactions(FILE, user=..., item=...))"
        )
    return read_interactions(seen, say=say), path.name
