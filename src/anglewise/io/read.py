"""Read spaces and interactions; all readers of the package's face."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from anglewise.core.conversion import as_sparse_rows, is_frame
from anglewise.core.embeddings import Embeddings, Space, TrainedFor
from anglewise.core.sparse import Interactions
from anglewise.core.text import Say, quiet
from anglewise.core.typing import Array, Int64, offers
from anglewise.errors import FileError, ShapeError, SpellingError, TooFewError
from anglewise.io.arrays import Keyed, Side, numbered_names, read_sparse_npz, with_biases
from anglewise.io.arrow_files import FRAME
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, existing, existing_file, suffix
from anglewise.io.ids import numbered
from anglewise.io.judgement_files import (
    judgement_kind,
    read_judgements,
    read_labels,
    read_pairs,
    read_triplets,
)
from anglewise.io.model_readers import is_spark_folder, read_spark_model
from anglewise.io.space_folder import judgements_of, read_space_folder, stored_directions
from anglewise.io.space_json import is_space_folder
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
    names_of,
    need,
    numbers_of,
    times_of,
)
from anglewise.io.texts import read_texts
from anglewise.io.vectors import SideFiles, both_sides, opened, read_vectors, texts_of


def read_space(
    path: PathLike | None = None,
    *,
    queries: PathLike | None = None,
    items: PathLike | None = None,
    query_ids: PathLike | None = None,
    item_ids: PathLike | None = None,
    query_texts: PathLike | None = None,
    item_texts: PathLike | None = None,
    trained_for: TrainedFor | None = None,
    vector_column: str | None = None,
    id_column: str | None = None,
    say: Say = quiet,
) -> Space:
    """Read queries and items that live together, or items alone.

    Reads a folder that ``write_space`` wrote; a folder of ``items.*`` and ``queries.*`` with ids
    in ``items.txt`` and ``queries.txt`` or in BEIR's ``corpus.jsonl`` and ``queries.jsonl``;
    a model that Spark's ALS saved; single files: npy, npz (implicit's ``user_factors`` and
    ``item_factors`` too, and arrays of biases beside the vectors), parquet,
    feather and Arrow with a column of lists, JSON lines, safetensors, word2vec's text and binary;
    a data set of Hugging Face saved to disk. All of them also as ``.gz``. Npy and Arrow
    files beyond a quarter of the memory are memory-mapped: do not write into them meanwhile.

    Parameters
    ----------
    path
        A folder, or a file that holds both sides or items alone.
    queries, items
        Instead of ``path``, a file for each side.
    query_ids, item_ids
        Where the ids stand, one for each vector, if not in the file of the vectors.
    query_texts, item_texts
        Titles and texts by id (JSON lines, CSV, parquet, or the BEIR folder that holds them).
    trained_for
        The measure inside the training loss; a factor model of implicit is known to use ``dot``.
    vector_column, id_column
        Names of columns (or arrays) that are not conventional.
    say
        Told what was guessed.

    Raises
    ------
    AnglewiseError
        With the file, the row where there is one, and what to do.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "als.npz"
    >>> np.savez(file, user_factors=np.eye(2), item_factors=np.ones((3, 2)))
    >>> space = read_space(file)
    >>> space.queries, space.items, space.trained_for
    (Embeddings(2 x 2), Embeddings(3 x 2), 'dot')
    """
    if trained_for is not None and trained_for not in get_args(TrainedFor):
        raise SpellingError(
            f"trained_for is {trained_for!r}: known are {', '.join(get_args(TrainedFor))}"
        )
    arguments = {
        "queries": (queries, query_ids, query_texts),
        "items": (items, item_ids, item_texts),
    }
    if path is not None and is_space_folder(existing(path)):
        if any(arguments["queries"]) or any(arguments["items"]):
            raise SpellingError(f"{path} is a space with ids and texts of its own: give no others")
        return _trained_for(read_space_folder(path), trained_for)
    if path is not None and is_spark_folder(Path(path)):
        if any(arguments["queries"]) or any(arguments["items"]):
            raise SpellingError(f"{path} is a model with ids of its own: give no others")
        return _trained_for(read_spark_model(Path(path), say), trained_for)
    files = _files(path, arguments)
    sides: dict[Side, Embeddings] = {}
    for side, side_files in files.items():
        if side_files.vectors is not None:
            sides[side] = read_vectors(
                side_files.vectors,
                side,
                ids=side_files.ids,
                texts=None if side_files.texts is None else texts_of(side_files.texts, side),
                vector_column=vector_column,
                id_column=id_column,
                say=say,
            )
    if trained_for is None and all(_is_factor_model(files[side]) for side in sides):
        say("user_factors and item_factors: taken as trained for dot")
        trained_for = "dot"
    space = _together(sides, files, trained_for or "unknown")
    item_vectors = files["items"].vectors
    if isinstance(item_vectors, Keyed) and item_vectors is files["queries"].vectors:
        return with_biases(space, item_vectors, say)
    return space


def _files(
    path: PathLike | None,
    arguments: dict[str, tuple[PathLike | None, PathLike | None, PathLike | None]],
) -> dict[Side, SideFiles]:
    """What to read for either side: what was found, overruled by what was given."""
    if path is not None and (arguments["queries"][0] or arguments["items"][0]):
        raise SpellingError(f"give either {path}, or items and queries, not both")
    if path is None and arguments["items"][0] is None:
        raise SpellingError("no items: give a folder, or items=... (--items), and queries if any")
    discovered = both_sides(path) if path is not None else None
    files: dict[Side, SideFiles] = {}
    for side in ("queries", "items"):
        vectors, ids, texts = arguments[side]
        side_files = discovered[side] if discovered else SideFiles()
        if vectors is not None:
            vectors = Path(vectors)
            side_files = SideFiles(opened(vectors if vectors.is_dir() else existing_file(vectors)))
        if side_files.vectors is None and (ids or texts):
            raise SpellingError(f"ids or texts of {side} are given, and no {side}")
        files[side] = SideFiles(
            side_files.vectors, ids or side_files.ids, texts or side_files.texts
        )
    return files


def _together(
    sides: dict[Side, Embeddings], files: dict[Side, SideFiles], trained_for: TrainedFor
) -> Space:
    paths = {side: files[side].path for side in sides}
    try:
        return Space(
            items=sides["items"],
            queries=sides.get("queries"),
            trained_for=trained_for,
            about={"read_from": paths},
        )
    except ShapeError as error:
        raise ShapeError(f"{' and '.join(paths.values())}: {error}") from error


def _is_factor_model(files: SideFiles) -> bool:
    return isinstance(files.vectors, Keyed) and files.vectors.is_factor_model


def _trained_for(space: Space, trained_for: TrainedFor | None) -> Space:
    if trained_for is None:
        return space
    return Space(
        items=space.items,
        queries=None if space.one_sided else space.queries,
        trained_for=trained_for,
        seen=space.seen,
        about=space.about,
    )


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
    source = FRAME if is_frame(path) else MATRIX if offers(path, "tocsr") else existing_file(path)
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
        metadata = read_texts(item_table, interactions.item_ids, id_roles=(ITEM, ID), say=say)
        interactions = replace(interactions, item_metadata=metadata)
    return interactions


MATRIX = Path("the matrix")
"""What a sparse matrix that came from no file is called in messages."""


def _from_matrix(matrix: Any) -> Interactions:
    table = as_sparse_rows(matrix, "the matrix")
    users, items = map(numbered_names, table.shape)
    return Interactions(table.rows, table.indices, table.values, users, items)


def _from_sheet(sheet: Sheet, roles: Mapping[Role, str | None], say: Say) -> Interactions:
    positions = _positions(sheet, roles)
    say(
        f"{sheet.path.name}: "
        + ", ".join(
            f"{role.meaning} from {sheet.name(position)}" for role, position in positions.items()
        )
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
    key = interactions.users * len(interactions.item_ids) + interactions.items
    order = np.argsort(key, kind="stable")
    repeated = key[order[1:]] == key[order[:-1]]
    if repeated.any():
        if interactions.times is not None:
            is_repeated = np.append(repeated, False) | np.append(False, repeated)
            repeats = order[is_repeated]
            order[is_repeated] = repeats[np.lexsort((interactions.times[repeats], key[repeats]))]
        count = int(repeated.sum())
        say(
            f"{path.name}: {count:,} repeated pair{'s' * (count > 1)}: the last "
            f"{'in the file' if interactions.times is None else 'by time'} is kept"
        )
    return _some(interactions, order[np.append(~repeated, True)])


def _at_least(path: Path, interactions: Interactions, weight: float) -> Interactions:
    """Keep what weighs enough, and the users and items that still have any."""
    entries = np.flatnonzero(interactions.weights >= weight)
    if not len(entries):
        raise TooFewError(
            f"{path}: no weight reaches {weight:g}, the largest is {interactions.weights.max():g}: "
            "lower the threshold"
        )
    interactions = _some(interactions, entries)
    users, items = np.unique(interactions.users), np.unique(interactions.items)
    return replace(
        interactions,
        users=np.searchsorted(users, interactions.users),
        items=np.searchsorted(items, interactions.items),
        user_ids=interactions.user_ids[users],
        item_ids=interactions.item_ids[items],
    )


def _some(interactions: Interactions, entries: Int64[Array, " some"]) -> Interactions:
    return replace(
        interactions,
        users=interactions.users[entries],
        items=interactions.items[entries],
        weights=interactions.weights[entries],
        times=None if interactions.times is None else interactions.times[entries],
    )


__all__ = [
    "judgement_kind",
    "judgements_of",
    "read_interactions",
    "read_judgements",
    "read_labels",
    "read_pairs",
    "read_space",
    "read_texts",
    "read_triplets",
    "stored_directions",
]
