"""The columns of a space that is open: those of the file that was read, whatever lies there now."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anglewise.core.embeddings import Embeddings, Space
from anglewise.errors import FileError
from anglewise.io.arrow_files import Columns
from anglewise.io.files import arrow, reading

Stamp = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class OwnColumns(Mapping[str, Any]):
    """Columns that are read late and still belong to the vectors that were read early.

    Where a system allows a file to be replaced while it is open, the file stays open; elsewhere a
    file that has been replaced is refused.
    """

    columns: Columns
    stamp: Stamp
    file: Any

    def __getitem__(self, name: str) -> Any:
        if name not in self.columns.names:
            raise KeyError(name)
        if self.file is not None:
            with reading(self.columns.path, "the table that it was before"):
                table = self.file.read(columns=[name])
                table.validate(full=True)
                return table[name]
        found = self.columns[name]
        if stamp(self.columns.path) != self.stamp:
            raise FileError(
                f"{self.columns.path} has been written anew since the page was opened: "
                "start the page again"
            )
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def stamp(path: Path) -> Stamp:
    """What tells a file from another one in its place; nothing where there is none."""
    try:
        about = path.stat()
    except OSError:
        return ()
    return about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size


def with_own_columns(space: Space, before: Mapping[Path, Stamp]) -> Space:
    """The same space, whose columns stay those of the files as they were ``before`` reading.

    Raises ``FileError`` if a file was replaced while the space was read.
    """
    items = _own(space.items, before)
    return Space(
        items=items,
        queries=None if space.one_sided else _own(space.queries, before),
        trained_for=space.trained_for,
        seen=space.seen,
        about=space.about,
    )


def _own(side: Embeddings, before: Mapping[Path, Stamp]) -> Embeddings:
    columns = side.metadata
    if not isinstance(columns, Columns):
        return side
    keeps_open = os.name == "posix" and columns.path.suffix == ".parquet"
    file = None
    if keeps_open:
        with reading(columns.path, "parquet"):
            source = arrow().OSFile(str(columns.path))
            file = arrow("parquet").ParquetFile(source)
    now = stamp(columns.path)
    if before.get(columns.path, now) != now:
        raise FileError(f"{columns.path} was written anew while it was read: start again")
    own = side.with_vectors(side.vectors)
    own.metadata = OwnColumns(columns, now, file)
    return own
