"""Who used what: tables and matrices read, and lined up with a space as what it was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.conversion import is_frame, offers
from anglewise.data_types.embeddings import Seen, Space, seen_rows
from anglewise.data_types.numbers import FINITE, check_columns, check_kind
from anglewise.data_types.sparse import Interactions, SparseRows, as_sparse_rows
from anglewise.data_types.text import Say, counted, quiet
from anglewise.errors import FileError, ShapeError, SpellingError, TooFewError
from anglewise.io.archives import unpacked
from anglewise.io.arrow_files import FRAME
from anglewise.io.delimited import open_sheet
from anglewise.io.event_kinds import parse_events, said_of_repeats, strongest_of_each
from anglewise.io.files import PathLike, existing_file, suffix
from anglewise.io.interaction_formats import (
    READERS,
    WIDE,
    check_no_roles,
    column_order,
    format_of,
)
from anglewise.io.interaction_matrices import parse_absent, read_wide
from anglewise.io.interaction_tables import TableOptions, read_uses
from anglewise.io.odd_ids import say_odd_ids
from anglewise.io.sparse_files import interactions_of, read_sparse_npz
from anglewise.io.tables import EVENT, ID, ITEM, TIME, USER, WEIGHT, find, listed
from anglewise.io.texts import read_texts


def read_interactions(
    path: PathLike | Any,
    *,
    user: str | None = None,
    item: str | None = None,
    weight: str | None = None,
    time: str | None = None,
    event: Mapping[str, float] | str | None = None,
    event_column: str | None = None,
    format: str | None = None,  # noqa: A002 as the option is called
    absent: Sequence[float] | str | None = None,
    min_weight: float | None = None,
    item_table: PathLike | None = None,
    say: Say = quiet,
) -> Interactions:
    r"""Read who used what from a table, with names of columns guessed where they are conventional.

    Reads CSV, TSV, parquet, feather, RecBole's ``.inter``, MovieLens' ``ratings.dat`` and
    ``u.data``, and scipy's sparse ``.npz``, each also as ``.gz``; MatrixMarket, MATLAB's ``.mat``,
    libsvm, the blocks of Netflix and the lines of MSWeb, which are told by what they hold; and by
    ``format`` baskets, adjacency lists and wide tables. Of a zip archive the only file, or the one
    that is named (``films.zip/ml/ratings.csv``). Entries are sorted by user and
    item, whose ids are sorted too, so that the order of the lines does not matter.

    Parameters
    ----------
    path
        A file; or a table in memory: a pandas or Polars frame, an Arrow table, or a sparse matrix
        of SciPy (users x items, whose rows and columns are named by their numbers).
    user, item, weight, time
        Names of columns that are not conventional. Without weights each pair weighs 1. What weighs
        0 or less is kept and no like: models do not learn from it, and held out it is judged and
        not relevant.
    event
        What events are worth by their kind, ``{"view": 1, "cart": 3, "purchase": 5}`` or as text,
        where a column (``event_column``) tells kinds; 0 leaves a kind out. Of a repeated pair the
        event that weighs most counts. Asked for where there are several kinds.
    format
        What cannot be told for sure: ``"baskets"`` (a line is a basket of items), ``"adjacency"``
        (a user, then items), ``"wide"`` (a row a user, a column an item); also
        ``"matrix-market"``, ``"mat"``, ``"libsvm"``, ``"netflix"`` and ``"msweb"``; or the columns
        of a table without a header in their order, such as ``"user,time,item,-"``.
    absent
        For wide tables: numbers that say that nothing was rated, such as ``[99]`` or ``"99,-1"``.
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
    check_columns(user=user, item=item, weight=weight, time=time, event_column=event_column)
    if min_weight is not None:
        FINITE.check("min_weight", min_weight)
    if format is not None:
        check_kind(format, str, "format", "the name of a form, or an order of columns")
    in_memory = FRAME if is_frame(path) else MATRIX if offers(path, "tocsr") else None
    options = TableOptions(
        {USER: user, ITEM: item, WEIGHT: weight, TIME: time, EVENT: event_column},
        column_order(in_memory or path, format),
        parse_events(event) if isinstance(event, str) else event,
        format,
        parse_absent(absent) if isinstance(absent, str) else absent,
    )
    if in_memory is not None:
        interactions = _merged(path, in_memory, options, min_weight, say)
    else:
        with unpacked(path, say) as file:
            interactions = _merged(file, existing_file(file), options, min_weight, say)
    if item_table is not None:
        metadata = read_texts(item_table, interactions.item_ids, id_roles=(ITEM, ID), say=say)
        interactions = replace(interactions, item_metadata=metadata)
    return interactions


def _merged(
    path: PathLike | Any, source: Path, options: TableOptions, min_weight: float | None, say: Say
) -> Interactions:
    """The entries of a source, each pair once, those that weigh enough."""
    uses = _uses(path, source, options, say)
    say_odd_ids(source, uses, say)
    merged = _last_of_each if options.worth is None else _strongest_of_each
    interactions = merged(source, uses, say)
    return interactions if min_weight is None else _at_least(source, interactions, min_weight)


MATRIX = Path("the matrix")
"""What a sparse matrix that came from no file is called in messages."""


def _uses(path: PathLike | Any, source: Path, options: TableOptions, say: Say) -> Interactions:
    """The entries of a source as it has them; pairs may repeat."""
    named: dict[str, object] = {role.option: name for role, name in options.roles.items()}
    named["event"] = options.worth
    kind, absent = options.form, options.absent
    if source is MATRIX or suffix(source) == ".npz":
        check_no_roles(source, "a sparse matrix", {**named, "format": kind, "absent": absent})
        in_memory = source is MATRIX
        return (
            interactions_of(as_sparse_rows(path, "the matrix"))
            if in_memory
            else read_sparse_npz(source)
        )
    if kind is None and source is not FRAME:
        kind = format_of(source)
    if kind == WIDE:
        check_no_roles(source, "a wide table", {k: v for k, v in named.items() if k != "user"})
        return read_wide(path, options.roles[USER], absent, say)
    if absent is not None:
        raise SpellingError("absent (--absent) is of wide tables: give format='wide' too")
    if kind in READERS:
        check_no_roles(source, f"read as {kind}", named)
        if source is FRAME:
            raise SpellingError(f"format={kind!r} is of files, and a frame came: leave it out")
        return READERS[kind](source, say)
    return read_uses(open_sheet(path, headless=options.order is not None), options, say)


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


def _strongest_of_each(path: Path, interactions: Interactions, say: Say) -> Interactions:
    """Sort by user and item, each pair with its strongest event; those of weight 0 go."""
    counted_uses = np.flatnonzero(interactions.weights != 0)
    if len(counted_uses) < len(interactions.weights):
        interactions = without_idle(interactions.take(counted_uses))
    kept, others = strongest_of_each(interactions)
    if not len(others):
        return kept
    say(said_of_repeats(path.name, len(others)))
    timed = interactions.times is not None
    return replace(kept, other_uses=interactions.take(others)) if timed else kept


def without_idle(interactions: Interactions) -> Interactions:
    """The same without the ids of users and items that have no entry.

    >>> one = np.zeros(1, dtype=np.int64)
    >>> used = Interactions(one, one, one + 1.0, np.array(["u", "v"]), np.array(["i"]))
    >>> without_idle(used).user_ids.tolist()
    ['u']
    """
    users, user_rows = np.unique(interactions.users, return_inverse=True)
    items, item_rows = np.unique(interactions.items, return_inverse=True)
    return replace(
        interactions,
        users=user_rows.reshape(-1),
        items=item_rows.reshape(-1),
        user_ids=interactions.user_ids[users],
        item_ids=interactions.item_ids[items],
    )


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
    used.csv: users from 'user_id', items from 'item_id'; every row counts 1
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
    if is_frame(seen):
        return _seen_of(seen, FRAME, say)
    with unpacked(seen, say) as file:
        return _seen_of(file, existing_file(file), say)


def _seen_of(seen: PathLike | Any, path: Path, say: Say) -> tuple[Seen, str]:
    options = TableOptions(dict.fromkeys((USER, ITEM, WEIGHT, TIME, EVENT)), weighed=False)
    if suffix(path) in {".npz", ".mtx", ".mat"}:  # a matrix names no users: row for row
        return read_interactions(path, say=say).rows(), path.name
    names = open_sheet(seen).names
    if names is not None and any(find(names, role, None, path) is None for role in (USER, ITEM)):
        raise FileError(
            f"{path}: cannot tell which columns hold the users and the items among "
            f"{listed(names)}: call them user_id and item_id (in Python: "
            "seen=read_interactions(FILE, user=..., item=...))"
        )
    return _last_of_each(path, _uses(seen, path, options, say), say), path.name
