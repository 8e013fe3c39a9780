"""Metadata of rows: their titles, texts, other columns and pictures."""

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from io import FileIO
from pathlib import Path
from typing import Any, TypeAlias, cast
from weakref import finalize

from anglewise.data_types.columns import TITLES
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.data_types.numbers import shown
from anglewise.errors import FileError
from anglewise.io.arrow_files import Columns, parquet_columns
from anglewise.io.destinations import is_of_store, space_around
from anglewise.io.files import (
    WITHOUT_WAITING,
    Stamp,
    arrow,
    check_unchanged,
    reading,
    stamp,
)

TITLE, CELL = 200, 2000
"""How many characters of a title, and of any other cell, are shown."""

PICTURES = ("image", "picture", "thumbnail", "image_path", "photo")
"""Columns that hold pictures, as bytes, as paths, or as ``{"bytes": …, "path": …}``."""


Held: TypeAlias = dict[tuple[int, str], Any]
"""The columns that were read, by the side (its ``id``) and name; both sides share one memory."""


def bytes_of(columns: Iterable[Any]) -> int:
    """The bytes of columns of Arrow; a list was in memory before. Others may be read meanwhile."""
    return sum(int(getattr(column, "nbytes", 0)) for column in list(columns))


@dataclass(frozen=True, eq=False)
class Metadata:
    """The columns of one side, kept as Arrow arrays, without a Python object for each row.

    ``held`` is given where several sides are shown: what they hold together is bounded.

    >>> films = Embeddings([[1.0], [2.0]], ids=["7", "9"], metadata={"title": ["Alien", ""]})
    >>> metadata = Metadata(films)
    >>> metadata.titles([1, 0]), metadata.find("ali"), metadata.find("9")
    (['9', 'Alien'], [0], [1])
    """

    side: Embeddings
    held: Held = field(default_factory=dict[tuple[int, str], Any])

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns."""
        return self.side.metadata_columns

    @cached_property
    def picture_column(self) -> str | None:
        """The name of the column of pictures, if there is one."""
        lower = {name.lower(): name for name in self.names}
        return next((lower[name] for name in PICTURES if name in lower), None)

    def column(self, name: str) -> Any:
        """A whole column: an Arrow array, or a list where Arrow has no type for its cells.

        Raises ``FileError`` where it holds more, together with those read before, than is allowed.
        """
        key = (id(self.side), name)
        if key not in self.held:
            values = _arrow_of(cast("Any", self.side.metadata)[name])
            self._check_room(name, bytes_of([values]))
            self.held[key] = values
        return self.held[key]

    def _check_room(self, name: str, more: int) -> None:
        together, most = bytes_of(self.held.values()) + more, room()
        if together > most:
            raise FileError(
                f"column {shown(name)} holds {words(more)}, and {words(together)} with the columns "
                f"that were read before it: {words(most)} are allowed in all; leave columns out of "
                f"the table, or allow more: {VARIABLE}={words(2 * together).replace(' ', '')}"
            )

    def cells(self, name: str, rows: Sequence[int]) -> list[Any]:
        """Some cells of a column as Python values."""
        values = self.column(name)
        if isinstance(values, list):
            return [cast("Any", values)[row] for row in rows]
        return [_value(values[row]) for row in rows]

    def titles(self, rows: Sequence[int]) -> list[str]:
        """A title for each row: its title, else the start of its text, else its id."""
        texts = [""] * len(rows)
        for name in self.title_columns:
            if all(texts):
                break
            cells = self.cells(name, rows)
            texts = [
                earlier or plain(cell, TITLE) for earlier, cell in zip(texts, cells, strict=True)
            ]
        ids = self.side.ids
        return [text or plain(ids[row], TITLE) for text, row in zip(texts, rows, strict=True)]

    def about(self, row: int, without: Collection[str] = ()) -> list[tuple[str, str]]:
        """The columns of a row with their cells as text; without pictures, blanks and the title."""
        title = self.titles([row])[0]
        cells = ((name, self.cells(name, [row])[0]) for name in self.names if name not in without)
        return [
            (plain(name, TITLE), text)
            for name, cell in cells
            if name != self.picture_column and not isinstance(cell, bytes | dict)
            for text in (plain(cell, CELL),)
            if text and text != title
        ]

    def find(self, text: str, most: int = 30) -> list[int]:
        """The row with this id, then rows whose title, then rows whose id holds the text."""
        exact = self.side.row_of.get(text.strip())
        rows = [] if exact is None else [exact]
        needle = text.strip()
        for name in self.title_columns:
            if not needle or len(rows) >= most:
                break
            rows += [row for row in self._holding(name, needle, most) if row not in rows]
        if len(rows) < most and needle:
            known = set(rows)
            rows += [row for row in self._with_id(needle, most) if row not in known]
        return rows[:most]

    @property
    def titled(self) -> bool:
        """Whether there is a column of titles or texts."""
        return bool(self.title_columns)

    @cached_property
    def title_columns(self) -> list[str]:
        """The columns that name a row to a person, best first."""
        lower = {name.lower(): name for name in self.names}
        return [lower[name] for name in TITLES if name in lower]

    def _holding(self, name: str, text: str, most: int) -> list[int]:
        values = self.column(name)
        if isinstance(values, list):
            cells = enumerate(cast("list[Any]", values))
            return _first((i for i, cell in cells if text.lower() in str(cell).lower()), most)
        compute = arrow("compute")
        try:
            texts = values.cast(arrow().string())
        except arrow().ArrowException:  # lists, dates beyond the calendar
            cells = ((i, _value(cell)) for i, cell in enumerate(values))
            return _first((i for i, cell in cells if text.lower() in str(cell).lower()), most)
        matches = compute.match_substring(texts, text, ignore_case=True)
        return [int(row) for row in compute.indices_nonzero(matches)[:most].to_pylist()]

    def _with_id(self, text: str, most: int) -> list[int]:
        lower = text.lower()
        return _first((i for i, name in enumerate(self.side.ids) if lower in name.lower()), most)


def plain(cell: object, most: int) -> str:
    r"""A cell as text to show: cut, and without characters that could control the page.

    >>> plain("a\x00b", 10), plain(None, 10), plain("abcdef", 4)
    ('a�b', '', 'abc…')
    """
    if cell is None:
        return ""
    text = str(cell)
    text = text if len(text) <= most else text[: most - 1] + "…"
    return harmless(text)


def harmless(text: str) -> str:
    r"""Text without control characters, and without those that reverse the text around them.

    >>> harmless("a\x9bb\u202ec\ud800")
    'a�b�c�'
    """
    return _CONTROLS.sub("\ufffd", text)


_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb]"
)
"""All but tab and newline. Marks such as U+200F, which right-to-left text needs, stay."""


def _value(cell: Any) -> Any:
    """A cell of Arrow as a Python value; as text where Python has none, as for the year 12000."""
    try:
        return cell.as_py()
    except (ValueError, OverflowError, LookupError, ImportError, OSError):
        pass
    pa = arrow()
    try:
        return cell.cast(pa.string()).as_py()
    except (pa.ArrowException, ValueError):
        return f"a {cell.type} that cannot be shown"


def _first(rows: Iterator[int], most: int) -> list[int]:
    return [row for row, _ in zip(rows, range(most), strict=False)]


def _arrow_of(values: Any) -> Any:
    pa = arrow()
    if isinstance(values, pa.ChunkedArray | pa.Array):
        return values
    try:
        return pa.array(list(values))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return list(values)


LARGEST = 8 * 1024 * 1024
"""Bytes that a picture may have to be shown."""

KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
"""How files of each type begin. SVG is left out, as it may hold scripts."""


def picture(metadata: Metadata, row: int, folder: Path | None) -> tuple[bytes, str]:
    """The bytes of a row's picture and their type; ``FileError`` where there is none to show.

    The column holds bytes, ``{"bytes": …}``, or a path; a path counts from the folder of the
    space and must stay inside it. What a client sends never becomes a path: it names a row.
    """
    cell = _picture_cell(metadata, row)
    data = cell if isinstance(cell, bytes) else _read(cell, folder)
    kind = kind_of(data)
    if kind is None or len(data) > LARGEST:
        raise FileError("this cell holds no PNG, JPEG, GIF or WebP of at most 8 MB")
    return data, kind


def picture_version(metadata: Metadata, row: int, folder: Path | None) -> str:
    """A digest that changes with a row's picture, be it in the cell or in the file of its path.

    Empty where there is no column of pictures. Of a file only the stamp counts.
    """
    if metadata.picture_column is None:
        return ""
    cell = _picture_cell(metadata, row)
    try:
        file = () if isinstance(cell, bytes) else stamp(_path_of(cell, folder))
    except FileError:  # there is nothing to show
        file = ()
    return blake2b(repr((cell, file)).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _picture_cell(metadata: Metadata, row: int) -> object:
    column = metadata.picture_column
    if column is None:
        raise FileError("this space has no column of pictures")
    cell: Any = metadata.cells(column, [row])[0]
    if isinstance(cell, dict):
        value = cast("dict[str, Any]", cell)
        cell = value.get("bytes") or value.get("path")
    return cell


def kind_of(data: bytes) -> str | None:
    """The type of a picture by its first bytes.

    >>> kind_of(b"GIF89a..."), kind_of(b"<svg onload=alert(1)>")
    ('image/gif', None)
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in KINDS if data.startswith(start)), None)


def _read(cell: object, folder: Path | None) -> bytes:
    path = _path_of(cell, folder)
    try:
        return _bytes_of_file(path)
    except OSError as error:
        if isinstance(error, FileError):  # ours, whose message is complete
            raise
        raise FileError(f"the picture cannot be read: {error.strerror}") from error


def _path_of(cell: object, folder: Path | None) -> Path:
    """The path that a cell names, if what is there may be read as a picture.

    What belongs to a space or a store is not even opened: as soon as it were closed again, the
    system would drop the locks of a store that this process has open.
    """
    if not isinstance(cell, str) or folder is None or "\0" in cell:
        raise FileError("this row has no picture")
    try:
        path = (folder / cell).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise FileError("the picture lies outside the folder of the space")
        if is_of_store(path) or space_around(path) is not None:
            raise FileError("the picture is a file of the space itself, or of a store")
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"the picture cannot be read: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:  # links in a circle; a name that no disk takes
        raise FileError("the picture's path cannot be followed") from error
    return path


def _bytes_of_file(path: Path) -> bytes:
    """The bytes of a regular file of a bounded size: a pipe or a device might never end."""
    # a link may have replaced the file meanwhile
    handle = os.open(path, WITHOUT_WAITING | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as file:
        file_stat = os.fstat(handle)
        if not stat.S_ISREG(file_stat.st_mode):
            raise FileError("the picture is no regular file")
        if file_stat.st_size > LARGEST:
            raise FileError("the picture has more than 8 MB")
        return file.read(LARGEST + 1)


@dataclass(frozen=True, eq=False)
class OwnColumns(Mapping[str, Any]):
    """Columns that are read when they are needed, from the same file as when the space was read.

    Where a system lets an open file be replaced, the file stays open; elsewhere a file that has
    been replaced is refused.
    """

    columns: Columns
    stamp: Stamp
    source: Any

    def __getitem__(self, name: str) -> Any:
        if name not in self.columns.names:
            raise KeyError(name)
        if self.source is not None:
            values = self._read(name)
            self._check(stamp(self.source.fileno()))  # others may write into it while it is open
            return values
        values = self.columns[name]
        self._check(stamp(self.columns.path))
        return values

    def _read(self, name: str) -> Any:
        """A column of the open file, whatever has its name by now, if it does not hold too much."""
        opened = Path(f"/dev/fd/{self.source.fileno()}")
        try:
            return parquet_columns(opened, [name], "the table that it was before")[name]
        except FileError as error:
            raise FileError(str(error).replace(str(opened), str(self.columns.path))) from error

    def _check(self, now: Stamp) -> None:
        if now != self.stamp:
            raise FileError(
                f"{self.columns.path} has been written anew since the page was opened: "
                "start the page again"
            )

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def with_own_columns(space: Space, stamps: Mapping[Path, Stamp]) -> Space:
    """The same space, whose columns stay those of the files that had these stamps before reading.

    Raises ``FileError`` if a file was replaced while the space was read.
    """
    items = _own(space.items, stamps)
    return Space(
        items=items,
        queries=None if space.one_sided else _own(space.queries, stamps),
        trained_for=space.trained_for,
        seen=space.seen,
        about=space.about,
    )


def _own(side: Embeddings, stamps: Mapping[Path, Stamp]) -> Embeddings:
    columns = side.metadata
    if not isinstance(columns, Columns):
        return side
    keeps_open = os.name == "posix" and columns.path.suffix == ".parquet"
    source = None
    with ExitStack() as opened:
        if keeps_open:
            with reading(columns.path, "parquet"):
                # not by Arrow's own file, which expands ~ and in some versions has no number
                source = FileIO(os.open(columns.path, WITHOUT_WAITING), closefd=False)
                opened.callback(os.close, source.fileno())
                arrow("parquet").ParquetFile(source)  # what is damaged is refused at once
        now = stamp(columns.path if source is None else source.fileno())
        check_unchanged(columns.path, stamps.get(columns.path, now), now)
        opened.pop_all()
    with_columns = side.with_vectors(side.vectors)
    with_columns.metadata = own = OwnColumns(columns, now, source)
    if source is not None:
        finalize(own, os.close, source.fileno())
    return with_columns
