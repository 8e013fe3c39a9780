"""A space as a folder: what it is in ``space.json``, its numbers in parquet beside it."""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.typing import DIRECTIONS, Direction
from anglewise.errors import FileError, ShapeError
from anglewise.interop.atomic import check_new_folder, new_folder
from anglewise.interop.files import existing_file, existing_folder, opened, reading
from anglewise.interop.say import PathLike
from anglewise.interop.space_json import (
    describe,
    is_space_folder,
    judgements_as_described,
    read_description,
    write_description,
)
from anglewise.interop.space_tables import (
    read_side,
    read_some,
    read_sparse,
    write_side,
    write_some,
    write_sparse,
)

T = TypeVar("T")

ATTEMPTS = 20
"""To read a space that is being replaced."""


def write_space(
    space: Space, path: PathLike, *, judgements: Mapping[Direction, Judgements] | None = None
) -> None:
    """Write a space, and what it is judged by, as a folder; whole or not at all.

    ``space.json`` says what the space is and holds a checksum of every other file:
    ``items.parquet`` and, unless the items ask, ``queries.parquet``; ``seen.parquet``;
    ``judgements/<direction>.parquet``, and beside it ``<direction>-judged-items.parquet`` where
    judgements speak of whole items. The same space gives the same bytes. A space that is there
    is replaced, any other folder is left alone.

    Raises
    ------
    FileError
        No such parent folder, no permission, a full disk, or a folder that is not ours to replace.
    ValuesError, ShapeError
        ``about`` or metadata that cannot be stored; judgements of another space.

    Examples
    --------
    >>> import tempfile
    >>> from anglewise.core.embeddings import Embeddings
    >>> folder = Path(tempfile.mkdtemp()) / "shapes"
    >>> write_space(Space(items=Embeddings([[1.0, 0.0]], ids=["a"]), trained_for="cosine"), folder)
    >>> sorted(file.name for file in folder.iterdir())
    ['items.parquet', 'space.json']
    >>> read_space_folder(folder).trained_for
    'cosine'
    """
    judgements = judgements or {}
    _check_shapes(space, judgements)
    description = describe(space, judgements, {})
    with new_folder(path, may_replace=_is_ours) as folder:
        write_side(folder / "items.parquet", space.items)
        if not space.one_sided:
            write_side(folder / "queries.parquet", space.queries)
        if space.seen is not None:
            sides = (space.queries, space.items)
            write_sparse(folder / "seen.parquet", sides, {"weight": space.seen})
        for direction, one in judgements.items():
            _write_judgements(folder, space, direction, one)
        files = sorted(folder.rglob("*.parquet"))
        sha256 = {file.relative_to(folder).as_posix(): _sha256(file) for file in files}
        write_description(folder, {**description, "sha256": sha256})


def check_destination(path: PathLike) -> None:
    """Say before hours of training where ``write_space`` could not write after them.

    Raises ``FileError`` as it would; a disk that fills up meanwhile is seen only then.
    """
    check_new_folder(path, may_replace=_is_ours)


def read_space_folder(path: PathLike) -> Space:
    """Read a folder that ``write_space`` wrote; metadata is read when asked for.

    Raises ``FileError`` when a file is missing, damaged or newer than this program.
    """
    folder = existing_folder(path)
    return _steadily(folder, lambda: _read_space(folder))


def _read_space(folder: Path) -> Space:
    description = read_description(folder)
    names = ["items.parquet", "queries.parquet"]
    with ThreadPoolExecutor(2) as hands:
        read = [
            hands.submit(_side, folder, description, name)
            for name in names[: 1 if description["queries"] is None else 2]
        ]
    items, queries = read[0].result(), read[-1].result()
    seen = None
    if description["seen"] is not None:
        file = _whole(folder, description, "seen.parquet")
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
    return _steadily(folder, lambda: _read_judgements(folder, direction, space))


def _read_judgements(folder: Path, direction: Direction, space: Space | None) -> Judgements:
    description = read_description(folder)
    there = stored_directions(folder)
    if direction not in there:
        known = f"only for {', '.join(there)}: choose that direction, or" if there else "of any:"
        raise FileError(
            f"{folder} holds no judgements for {direction}, {known} give a file of them"
        )
    space = read_space_folder(folder) if space is None else space
    file = _whole(folder, description, f"judgements/{direction}.parquet")
    found = read_sparse(file, space.sides(direction), ("gain", "left_out"))
    judged = judgements_as_described(folder, direction, found["gain"], found["left_out"])
    whole_items = f"judgements/{direction}-judged-items.parquet"
    if not (folder / whole_items).exists() and whole_items not in description["sha256"]:
        return judged
    file = _whole(folder, description, whole_items)
    return replace(judged, judged_items=read_some(file, space.sides(direction)[1]))


def stored_directions(path: PathLike) -> tuple[Direction, ...]:
    """The directions for which a space folder holds judgements."""
    described = read_description(existing_folder(path))["judgements"]
    return tuple(direction for direction in DIRECTIONS if direction in described)


def _write_judgements(
    folder: Path, space: Space, direction: Direction, judgements: Judgements
) -> None:
    into = folder / "judgements"
    into.mkdir(exist_ok=True)
    tables = {"gain": judgements.gains, "left_out": judgements.seen}
    write_sparse(into / f"{direction}.parquet", space.sides(direction), tables)
    if judgements.judged_items is not None:
        ranked = space.sides(direction)[1]
        write_some(into / f"{direction}-judged-items.parquet", ranked, judgements.judged_items)


def _side(folder: Path, description: Mapping[str, Any], name: str) -> Embeddings:
    return read_side(_whole(folder, description, name))


def _steadily(folder: Path, read: Callable[[], T]) -> T:
    """Read again where another run replaced the folder meanwhile, so that no two are mixed."""
    for _ in range(ATTEMPTS):
        before = _stamp(folder)
        try:
            found = read()
        except FileError:
            if _stamp(folder) == before:
                raise
        else:
            if _stamp(folder) == before:
                return found
    raise FileError(f"{folder} is replaced again and again while it is read: try again later")


def _stamp(folder: Path) -> tuple[int, int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _whole(folder: Path, description: Mapping[str, Any], name: str) -> Path:
    """A file of the folder whose bytes are those that were written, where that can be known."""
    path = existing_file(folder / name)
    with reading(path, "a file"):
        found = _sha256(path)
    if found != description["sha256"].get(name, found):
        raise FileError(
            f"{path} is not the file that was written: its checksum differs from the one in "
            "space.json; copy the folder again, or write it anew"
        )
    return path


def _sha256(path: Path) -> str:
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_shapes(space: Space, judgements: Mapping[Direction, Judgements]) -> None:
    for direction, one in judgements.items():
        asking, ranked = space.sides(direction)
        due = (len(asking), len(ranked))
        for table in (one.gains, one.seen):
            if one.direction != direction or (table is not None and table.shape != due):
                raise ShapeError(
                    f"judgements for {one.direction} of shape {one.gains.shape} are stored as "
                    f"{direction}, where the space is {due}: take judgements of this space"
                    + ("" if one.parts is None else ", of passages and not of documents")
                )


def _is_ours(folder: Path) -> None:
    """Refuse to replace a folder that holds anything but a space."""
    if not is_space_folder(folder):
        raise FileError(f"{folder} is not empty and is no space: choose another name")
    ours = {"space.json", "items.parquet", "queries.parquet", "seen.parquet", "judgements"}
    for direction in DIRECTIONS:
        ours |= {f"judgements/{direction}{kind}.parquet" for kind in ("", "-judged-items")}
    others = sorted({f.relative_to(folder).as_posix() for f in folder.rglob("*")} - ours)
    if others:
        raise FileError(
            f"{folder} also holds {', '.join(others[:3])}, which replacing it would delete: "
            "move that elsewhere, or choose another name"
        )
