"""Where a path leads, so that two ways of writing it are known to be one."""

import os
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

Identity: TypeAlias = tuple[int, int, str]
"""Device and number of what is there; of what is not, those of the folder around, and the rest."""


@dataclass(frozen=True)
class Place:
    """What a path leads to: through links, hard links, dots, and letters of either case.

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


def _identity(path: Path) -> Identity:
    rest: list[str] = []
    for there in (path, *path.parents):
        try:
            found = there.stat()
        except OSError:
            rest.append(there.name)
            continue
        names = "/".join(reversed(rest))
        if rest and _folds_case(there):
            names = unicodedata.normalize("NFC", names).casefold()
        return found.st_dev, found.st_ino, names
    return 0, 0, str(path)  # a disk that is gone, as Windows has them


def _folds_case(folder: Path) -> bool:
    """Whether the file system takes Movies and movies for one name."""
    for there in (folder, *folder.parents):
        other = there.with_name(there.name.swapcase()) if there.name else there
        if other.name != there.name:
            try:
                return os.path.samestat(there.stat(), other.stat())
            except OSError:
                return False
    return False
