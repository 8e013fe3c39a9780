"""Interactions: who used what, from tables of any format, frames and sparse matrices."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.conversion import as_sparse_rows, is_frame
from anglewise.core.sparse import Interactions
from anglewise.core.typing import Array, Int64
from anglewise.errors import FileError, SpellingError, TooFewError
from anglewise.io.arrays import numbered_names, read_sparse_npz
from anglewise.io.arrow_files import FRAME
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, Say, existing_file, quiet, suffix
from anglewise.io.ids import numbered
from anglewise.io.tables import (
    ID,
    ITEM,
    TIME,
    USER,
    WEIGHT,
    Role,
    Sheet,
    check_apart,
    find,
    names_of,
    need,
    numbers_of,
    times_of,
)
from anglewise.io.texts import read_texts


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
    source = FRAME if is_frame(path) else MATRIX if hasattr(path, "tocsr") else existing_file(path)
    if source is MATRIX or suffix(source) == ".npz":
        if user or item or weight or time:
            raise SpellingError(f"{source} is a sparse matrix, it has no columns to name")
        interactions = _from_matrix(path) if source is MATRIX else read_sparse_npz(source)
    else:
        roles = {USER: user, ITEM: item, WEIGHT: weight, TIME: time}
        interactions = _from_sheet(open_sheet(path), roles, say)
    interactions = _last_of_each(source, interactions, say)
    if min_weight is not None:
        interactions = _at_least(source, interactions, min_weight)
    if item_table is not None:
        about = read_texts(item_table, interactions.item_ids, id_roles=(ITEM, ID), say=say)
        interactions = replace(interactions, item_metadata=about)
    return interactions


MATRIX = Path("the matrix")
"""What a sparse matrix that came from no file is called in messages."""


def _from_matrix(matrix: Any) -> Interactions:
    table = as_sparse_rows(matrix, "the matrix")
    users, items = map(numbered_names, table.shape)
    return Interactions(table.rows, table.indices, table.values, users, items)


def _from_sheet(sheet: Sheet, roles: Mapping[Role, str | None], say: Say) -> Interactions:
    where = _positions(sheet, roles)
    say(
        f"{sheet.path.name}: "
        + ", ".join(
            f"{role.meaning} from {sheet.name(position)}" for role, position in where.items()
        )
    )
    columns = dict(zip(where, sheet.columns(list(where.values())), strict=True))
    users, user_ids = numbered(names_of(sheet, columns[USER], where[USER]))
    items, item_ids = numbered(names_of(sheet, columns[ITEM], where[ITEM]))
    weights = np.ones(len(users))
    if WEIGHT in columns:
        weights = numbers_of(sheet, columns[WEIGHT], where[WEIGHT])
    times = None
    if TIME in columns:
        try:
            times = times_of(sheet, columns[TIME], where[TIME])
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
    where: dict[Role, int] = {
        role: need(sheet.names, role, roles[role], sheet.path) for role in (USER, ITEM)
    }
    for role in (WEIGHT, TIME):
        position = find(sheet.names, role, roles[role], sheet.path)
        if position is not None and (roles[role] is not None or position not in where.values()):
            where[role] = position
    asked = {role for role, name in roles.items() if name is not None}
    check_apart(sheet.names, where, asked, sheet.path)
    return where


def _last_of_each(path: Path, found: Interactions, say: Say) -> Interactions:
    """Sort by user and item, and keep the last of each pair."""
    key = found.users * len(found.item_ids) + found.items
    order = np.argsort(key, kind="stable")
    repeated = key[order[1:]] == key[order[:-1]]
    if repeated.any():
        if found.times is not None:
            several = np.append(repeated, False) | np.append(False, repeated)
            some = order[several]
            order[several] = some[np.lexsort((found.times[some], key[some]))]
        count = int(repeated.sum())
        say(
            f"{path.name}: {count:,} repeated pair{'s' * (count > 1)}: the last "
            f"{'in the file' if found.times is None else 'by time'} is kept"
        )
    return _some(found, order[np.append(~repeated, True)])


def _at_least(path: Path, found: Interactions, weight: float) -> Interactions:
    """Keep what weighs enough, and the users and items that still have any."""
    kept = np.flatnonzero(found.weights >= weight)
    if not len(kept):
        raise TooFewError(
            f"{path}: no weight reaches {weight:g}, the largest is {found.weights.max():g}: "
            "lower the threshold"
        )
    found = _some(found, kept)
    users, items = np.unique(found.users), np.unique(found.items)
    return replace(
        found,
        users=np.searchsorted(users, found.users),
        items=np.searchsorted(items, found.items),
        user_ids=found.user_ids[users],
        item_ids=found.item_ids[items],
    )


def _some(found: Interactions, entries: Int64[Array, " some"]) -> Interactions:
    return replace(
        found,
        users=found.users[entries],
        items=found.items[entries],
        weights=found.weights[entries],
        times=None if found.times is None else found.times[entries],
    )
