"""The one folder that may be read on behalf of somebody else, and nothing outside of it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from itertools import islice
from pathlib import Path

from anglewise.errors import FileError
from anglewise.io.files import PathLike, checked_path, existing_folder

MOST_ENTRIES = 100_000
"""Files and folders that are looked through for links that lead out."""


@dataclass(frozen=True)
class ReadableFolder:
    """A folder; paths are taken from it, and refused where they or links in them lead out.

    >>> import tempfile
    >>> folder = ReadableFolder.at(tempfile.mkdtemp())
    >>> folder.path("../secret")
    Traceback (most recent call last):
    ...
    anglewise.errors.FileError: '../secret' lies outside of the folder that may be read (...
    """

    root: Path

    @classmethod
    def at(cls, path: PathLike) -> "ReadableFolder":
        """The folder of a path, links followed once; ``FileError`` for what is none."""
        return cls(existing_folder(path).resolve())

    def path(self, given: str) -> Path:
        """The place that a path names, counted from this folder.

        Raises ``FileError`` for one that lies outside, by its letters or by a link, for a folder
        that holds a link which does, and for a file beside which such a link bears its name (the
        log of a store). Whether anything is there is for its reader to say.
        """
        place = self._inside(self.root / checked_path(given), given)
        for link in _links(place):
            self._inside(link, given)
        return place

    def _inside(self, path: Path, given: str) -> Path:
        try:
            place = path.resolve()
        except (OSError, RuntimeError) as error:  # links in a circle
            raise FileError(f"{given!r} leads nowhere ({error}): mend its links") from error
        if not place.is_relative_to(self.root):
            what = "lies" if path == self.root / given else f"holds {path.name!r}, a link that lies"
            raise FileError(
                f"{given!r} {what} outside of the folder that may be read ({self.root}): name a "
                "path in it"
            )
        return place


def _links(place: Path) -> Iterator[Path]:
    """The links in a folder, and in folders to which they lead; of a file those named after it."""
    if place.is_file():
        yield from (
            path for path in place.parent.glob(f"{escape(place.name)}?*") if path.is_symlink()
        )
    waiting, known = [place], {place}
    entries = 0
    while waiting:
        folder = waiting.pop()
        if not folder.is_dir():
            continue
        with os.scandir(folder) as inside:
            within = list(islice(inside, MOST_ENTRIES - entries + 1))
        entries += len(within)
        if entries > MOST_ENTRIES:
            raise FileError(
                f"{place} holds more than {MOST_ENTRIES:,} files: name a smaller folder"
            )
        for entry in within:
            if entry.is_symlink():
                yield Path(entry.path)
            if entry.is_dir() and (inner := Path(entry.path).resolve()) not in known:
                known.add(inner)
                waiting.append(inner)
