"""A space as a folder: ``space.json`` beside parquet tables."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from anglewise.data_types.conversion import Vectors
from anglewise.data_types.embeddings import Embeddings, Space, as_space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import check_kind
from anglewise.data_types.parts import documents_of, parts_of
from anglewise.data_types.typing import DIRECTIONS, Direction
from anglewise.errors import FileError, ShapeError
from anglewise.io.arrow_files import parquet_columns
from anglewise.io.destinations import check_only
from anglewise.io.files import (
    PathLike,
    existing_file,
    existing_folder,
    opened,
    reading,
)
from anglewise.io.judged_queries import with_queries, write_queries
from anglewise.io.outputs import check_new_folder, new_folder
from anglewise.io.ownership import check_inside
from anglewise.io.side_files import read_side, write_side
from anglewise.io.space_files import (
    check_about,
    describe,
    is_space_folder,
    judgements_as_described,
    read_description,
    read_some,
    read_sparse,
    write_description,
    write_some,
    write_sparse,
)
from anglewise.io.stored_sets import described_with_sets, stored_gains, with_sets, write_sets

T = TypeVar("T")

KINDS = ("", "-judged-items", "-missing", "-queries", "-sets")
"""What the names of files of judgements end in, behind their direction."""
OURS = {"space.json", "items.parquet", "queries.parquet", "seen.parquet", "judgements"} | {
    f"judgements/{direction}{kind}.parquet" for direction in DIRECTIONS for kind in KINDS
}
"""All that lies in the folder of a space."""
ATTEMPTS = 20
"""To read a space that is being replaced."""


def write_space(
    space: Space | Vectors,
    path: PathLike,
    *,
    judgements: Mapping[Direction, Judgements] | None = None,
) -> None:
    """Write a space, and what it is judged by, as a folder; whole or not at all.

    Lists of token vectors and sparse vectors are written alike, in tables of their own columns.
    ``space.json`` says what the space is and holds a checksum of every other file:
    ``items.parquet`` and, unless the items ask, ``queries.parquet``; ``seen.parquet``;
    ``judgements/<direction>.parquet``, and beside it ``<direction>-judged-items.parquet`` where
    judgements speak of whole items, ``<direction>-missing.parquet`` where items were judged that
    the space lacks, ``<direction>-sets.parquet`` where they were made of who used what,
    ``<direction>-queries.parquet`` where it is known when queries were judged or how they were
    drawn. The same space gives the same bytes. A space that is there is replaced, unless it holds
    judgements or items seen in training that the new one lacks; any other folder is left alone.

    Raises
    ------
    FileError
        No such parent folder, no permission, a full disk, or a folder that is not ours to replace
        or holds what would be lost.
    ValuesError, ShapeError
        ``about`` or metadata that cannot be stored; judgements of another space.

    Examples
    --------
    >>> import tempfile
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> folder = Path(tempfile.mkdtemp()) / "shapes"
    >>> write_space(Space(items=Embeddings([[1.0, 0.0]], ids=["a"]), trained_for="cosine"), folder)
    >>> sorted(file.name for file in folder.iterdir())
    ['items.parquet', 'space.json']
    >>> read_space_folder(folder).trained_for
    'cosine'
    """
    space, judgements = as_space(space), {} if judgements is None else judgements
    _check_shapes(space, judgements)
    description = described_with_sets(describe(space, judgements, {}), judgements)
    replaceable = _replaced_by(judgements, seen=space.seen is not None)
    with new_folder(path, may_replace=replaceable) as folder:
        write_side(folder / "items.parquet", space.items)
        if not space.one_sided:
            write_side(folder / "queries.parquet", space.queries)
        if space.seen is not None:
            sides = (space.queries, space.items)
            write_sparse(folder / "seen.parquet", sides, {"weight": space.seen})
        for direction, judged in judgements.items():
            _write_judgements(folder, space, direction, judged)
        files = sorted(folder.rglob("*.parquet"))
        sha256 = {file.relative_to(folder).as_posix(): _sha256(file) for file in files}
        write_description(folder, {**description, "sha256": sha256})


def check_destination(
    path: PathLike, *, judgements: Iterable[Direction] = (), seen: bool = False
) -> None:
    """Check, before the work, that ``write_space`` could write here after it.

    ``judgements`` and ``seen`` say what the space will bring of what an older one may hold.
    Raises ``FileError`` as it would; a disk that fills up meanwhile is seen only then.
    """
    check_new_folder(path, may_replace=_replaced_by(judgements, seen=seen))


def read_space_folder(path: PathLike) -> Space:
    """Read a folder that ``write_space`` wrote; metadata is read when asked for.

    Raises ``FileError`` when a file is missing, damaged or newer than this program.
    """
    folder = existing_folder(path)
    return _steadily(folder, _read_space)


def _read_space(folder: Path) -> Space:
    description = read_description(folder)
    names = ["items.parquet", "queries.parquet"]
    with ThreadPoolExecutor(2) as hands:
        read = [
            hands.submit(_side, folder, description, name)
            for name in names[: 1 if description["queries"] is None else 2]
        ]
    items, queries = read[0].result(), read[-1].result()
    check_about(folder, description["about"], items.dimension)
    seen = None
    if description["seen"] is not None:
        file = _verified_file(folder, description, "seen.parquet")
        seen = read_sparse(file, (queries, items), ("weight",))["weight"]
    return Space(
        items=items,
        queries=queries,
        trained_for=description["trained_for"],
        seen=seen,
        about=description["about"],
    )


def judgements_of(path: PathLike, direction: Direction, space: Space | None = None) -> Judgements:
    """Read the judgements that lie in a space folder, aligned with its rows.

    ``space``, where it is read already, saves reading it again. Raises ``FileError`` if the folder
    holds none for this direction.
    """
    folder = existing_folder(path)
    return _steadily(folder, partial(_read_judgements, direction=direction, space=space))


def _read_judgements(folder: Path, direction: Direction, space: Space | None) -> Judgements:
    description = read_description(folder)
    described = description["judgements"]
    if direction not in described:
        stored = [name for name in DIRECTIONS if name in described]
        hint = f"only for {', '.join(stored)}: choose that direction, or" if stored else "of any:"
        raise FileError(f"{folder} holds no judgements for {direction}, {hint} give a file of them")
    space = read_space_folder(folder) if space is None else space
    asking, ranked = space.sides(direction)
    parts = parts_of(ranked) if _is_of_documents(described[direction]) else None
    if parts is not None:
        ranked = documents_of(ranked, parts)
    elif _is_of_documents(described[direction]):
        raise FileError(f"{folder} has judgements of documents, and no passages: write it again")
    file = _verified_file(folder, description, f"judgements/{direction}.parquet")
    tables = read_sparse(file, (asking, ranked), ("gain", "left_out", "chance"))
    chances = tables["chance"]
    judged = judgements_as_described(
        folder, direction, described[direction], (tables["gain"], tables["left_out"]), parts
    )
    file = _optional_file(folder, description, f"judgements/{direction}-sets.parquet")
    if file is not None:
        judged = with_sets(file, ranked, judged, described[direction])
    file = _optional_file(folder, description, f"judgements/{direction}-missing.parquet")
    if file is not None:
        with reading(file, "a table of query_id, item_id and gain"):
            ids = parquet_columns(file, ["item_id"], "a table of item_id")["item_id"].unique()
        lacking = Embeddings(np.zeros((len(ids), 1), np.float32), ids=ids.to_pylist())
        missing = read_sparse(file, (asking, lacking), ("gain", "chance"))
        ids_lacking = tuple(lacking.ids.tolist())
        judged = replace(judged, missing=missing["gain"], missing_ids=ids_lacking)
        chances = chances.beside(missing["chance"])
    if len(chances.indices):
        with reading(folder / f"judgements/{direction}.parquet", "a table of judgements"):
            judged = replace(judged, chances=chances)
    file = _optional_file(folder, description, f"judgements/{direction}-queries.parquet")
    if file is not None:
        judged = with_queries(file, asking, judged, described[direction])
    file = _optional_file(folder, description, f"judgements/{direction}-judged-items.parquet")
    return judged if file is None else replace(judged, judged_items=read_some(file, ranked))


def _is_of_documents(description: Any) -> bool:
    """Whether judgements are described as those of documents that the items are passages of."""
    return isinstance(description, dict) and description.get("of_documents") is True


def _optional_file(folder: Path, description: Mapping[str, Any], name: str) -> Path | None:
    """A verified file that a folder need not have."""
    if not (folder / name).exists() and name not in description["sha256"]:
        return None
    return _verified_file(folder, description, name)


def stored_directions(path: PathLike) -> tuple[Direction, ...]:
    """The directions for which a space folder holds judgements."""
    described = read_description(existing_folder(path))["judgements"]
    return tuple(direction for direction in DIRECTIONS if direction in described)


def _write_judgements(
    folder: Path, space: Space, direction: Direction, judgements: Judgements
) -> None:
    into = folder / "judgements"
    into.mkdir(exist_ok=True)
    chances, width = judgements.chances, judgements.gains.shape[1]
    asking, ranked = space.sides(direction)
    if judgements.parts is not None:
        ranked = documents_of(ranked, judgements.parts)
    tables = {"gain": stored_gains(judgements), "left_out": judgements.seen}
    if judgements.made_of is not None:
        write_sets(into / f"{direction}-sets.parquet", ranked, judgements.made_of)
    if chances is not None:
        tables |= {"chance": chances.columns(0, width)}
    write_sparse(into / f"{direction}.parquet", (asking, ranked), tables)
    if judgements.missing is not None:
        lacking = Embeddings(
            np.zeros((len(judgements.missing_ids), 1), np.float32), ids=judgements.missing_ids
        )
        sides = (asking, lacking)
        tables = {"gain": judgements.missing}
        if chances is not None:
            tables |= {"chance": chances.columns(width, chances.shape[1])}
        write_sparse(into / f"{direction}-missing.parquet", sides, tables)
    write_queries(into / f"{direction}-queries.parquet", asking, judgements)
    if judgements.judged_items is not None:
        write_some(into / f"{direction}-judged-items.parquet", ranked, judgements.judged_items)


def _side(folder: Path, description: Mapping[str, Any], name: str) -> Embeddings:
    width = description.get("dimension")
    return read_side(
        _verified_file(folder, description, name), width if type(width) is int else None
    )


def _steadily(folder: Path, read: Callable[[Path], T]) -> T:
    """Read again where another run replaced the folder meanwhile, so that no two are mixed."""
    for attempt in range(ATTEMPTS):
        time.sleep(0.005 * attempt)  # who replaces it comes to an end
        earlier_stamp = _stamp(folder)
        try:
            content = read(folder)
        except FileError:
            if _stamp(folder) == earlier_stamp:
                raise
        else:
            if _stamp(folder) == earlier_stamp:
                return content
    raise FileError(f"{folder} is replaced again and again while it is read: try again later")


def _stamp(folder: Path) -> tuple[int, int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_ctime_ns


def _verified_file(folder: Path, description: Mapping[str, Any], name: str) -> Path:
    """A file of the folder whose bytes are those that were written, where that can be known."""
    path = existing_file(folder / name)
    check_inside(path, folder)
    with reading(path, "a file"):
        checksum = _sha256(path)
    if checksum != description["sha256"].get(name, checksum):
        raise FileError(
            f"{path} is not the file that was written: its checksum differs from the one in "
            "space.json; copy the folder again, or write it anew"
        )
    return path


def _sha256(path: Path) -> str:
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_shapes(space: Space, judgements: Mapping[Direction, Judgements]) -> None:
    check_kind(judgements, Mapping, "judgements", "a dict from directions to Judgements")
    for direction, judged in judgements.items():
        asking, ranked = space.sides(direction)
        check_kind(judged, Judgements, f"what is judged in {direction}", "Judgements")
        parts, of_items = judged.parts, parts_of(ranked)
        known = () if of_items is None else of_items.documents
        if parts is not None and (parts.documents != known or judged.seen is not None):
            raise ShapeError(
                f"judgements of {len(parts):,} documents are stored with a space of "
                f"{len(known):,}: take judgements of this space, which leave nothing out"
            )
        shape = (len(asking), len(ranked if parts is None else parts))
        for table in (judged.gains, judged.seen):
            if judged.direction != direction or (table is not None and table.shape != shape):
                raise ShapeError(
                    f"judgements for {judged.direction} of shape {judged.gains.shape} are stored "
                    f"as {direction}, where the space is {shape}: take judgements of this space"
                )


def _replaced_by(judgements: Iterable[Direction], *, seen: bool) -> Callable[[Path], None]:
    """Refuse to replace a folder that holds anything but a space, or what the new one lacks."""
    brought = set(judgements)

    def check(folder: Path) -> None:
        if not is_space_folder(folder):
            raise FileError(f"{folder} is not empty and is no space: choose another name")
        check_only(folder, OURS.__contains__)
        lost = [
            f"judgements for {direction}"
            for direction in DIRECTIONS
            if direction not in brought and (folder / f"judgements/{direction}.parquet").exists()
        ]
        if not seen and (folder / "seen.parquet").exists():
            lost.append("what training saw")
        if lost:
            raise FileError(
                f"{folder} holds {' and '.join(lost)}, which would be deleted and not written "
                "again: choose another name, or hand them on (write_space takes judgements)"
            )

    return check
