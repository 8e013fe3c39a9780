"""Where a path leads, and files that no output may replace."""

import os
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from anglewise.errors import FileError
from anglewise.judgements.connection import HEAD, STORE_NAME

Identity: TypeAlias = tuple[int, int, str]
"""Device and number of what is there; of what is not, those of the folder around, and the rest."""


@dataclass(frozen=True)
class Place:
    """What a path leads to, with whatever links, dots or letters of either case it is written.

    >>> Place(Path("/tmp/a/../b.json")).is_same(Place(Path("/tmp/b.json")))
    True
    >>> Place(Path("/tmp/new/b.json")).is_inside(Place(Path("/tmp/new")))
    True
    """

    path: Path

    @cached_property
    def resolved(self) -> Path:
        """The path without links and dots; links in a circle stay."""
        return Path(os.path.realpath(self.path))

    @cached_property
    def identity(self) -> Identity:
        """What is the same for every way to write this path."""
        return _identity(self.resolved)

    @cached_property
    def around(self) -> tuple[Identity, ...]:
        """The folders in which it lies, the nearest first."""
        return tuple(_identity(folder) for folder in self.resolved.parents)

    def is_same(self, other: "Place") -> bool:
        """Whether both lead to one file or folder."""
        return self.identity == other.identity

    def is_inside(self, folder: "Place") -> bool:
        """Whether it lies in a folder, however deep."""
        return folder.identity in self.around


def is_elsewhere(path: str) -> bool:
    """Whether a path leads to a shared folder of another machine, where Windows signs in.

    >>> is_elsewhere("//host/share/a.png"), is_elsewhere("a.png")
    (True, False)
    """
    return path.replace("\\", "/").startswith("//")


def _identity(path: Path) -> Identity:
    missing: list[str] = []
    for ancestor in (path, *path.parents):
        try:
            status = ancestor.stat()
        except OSError:
            missing.append(ancestor.name)
            continue
        names = "/".join(reversed(missing))
        if missing and _folds_case(ancestor):
            names = unicodedata.normalize("NFC", names).casefold()
        return status.st_dev, status.st_ino, names
    return 0, 0, str(path)  # a disk that is gone, as Windows has them


def _folds_case(folder: Path) -> bool:
    """Whether the file system takes Movies and movies for one name."""
    for ancestor in (folder, *folder.parents):
        swapped = ancestor.with_name(ancestor.name.swapcase()) if ancestor.name else ancestor
        if swapped.name != ancestor.name:
            try:
                return os.path.samestat(ancestor.stat(), swapped.stat())
            except OSError:
                return False
    return False


BESIDE_STORE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file, under its name; a part of what was recorded lies there."""

SPACE = frozenset({"space.json", "items.parquet", "queries.parquet", "seen.parquet", "judgements"})
"""What the folder of a space holds; another file there does no harm to it."""


def check_replaceable(target: Path) -> None:
    """Raise ``FileError`` where writing this file would end a store of judgements or a space.

    The path has no links in it. What is not there yet may be refused too: a report called
    ``judgements.sqlite`` would be in the way of the next judge.
    """
    store = is_of_store(target)
    if store:
        raise FileError(f"{target} {store}, and writing there would end it: choose another name")
    space = space_around(target)
    if space is not None:
        raise FileError(
            f"{target} is a part of the space {space}, which writing there would destroy: choose "
            "another name"
        )


def is_of_store(path: Path) -> str:
    """Why no output may replace a file of SQLite, in words; empty for any other file."""
    name = path.name
    for end in BESIDE_STORE:
        name = name.removesuffix(end)
    if name.lower() == STORE_NAME:
        return "is where judgements are kept"
    if is_sqlite(path.parent / name):
        return "is an SQLite file" if name == path.name else "is a part of an SQLite file"
    return ""


def is_sqlite(path: Path) -> bool:
    """Whether a file is SQLite, whatever it is called.

    >>> is_sqlite(Path("/nowhere/judgements.sqlite"))
    False
    """
    try:
        if not path.is_file():
            return False
    except OSError:  # a name too long: whoever opens it says so
        return False
    with path.open("rb") as file:
        return file.read(len(HEAD)) == HEAD


def space_around(path: Path) -> Path | None:
    """The space of which this file is a part, by its name and place."""
    for folder in path.parents:
        inside = path.relative_to(folder).parts
        if inside[0] in SPACE and (folder / "space.json").is_file():
            return folder
    return None
