"""What is known about rows: texts, columns, pictures."""

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from anglewise.core.embeddings import Embeddings, Space
from anglewise.errors import FileError
from anglewise.io.arrow_files import Columns
from anglewise.io.files import Stamp, arrow, check_unchanged, reading, stamp
from anglewise.io.texts import TITLES, columns_of

TITLE, CELL = 200, 2000
"""How many characters of a title, and of any other text, are shown."""

PICTURES = ("image", "picture", "thumbnail", "image_path", "photo")
"""Columns that hold pictures, as bytes, as paths, or as ``{"bytes": …, "path": …}``."""


@dataclass(frozen=True, eq=False)
class Metadata:
    """The columns about one side. Each stays as Arrow holds it: no object a row.

    >>> films = Embeddings([[1.0], [2.0]], ids=["7", "9"], metadata={"title": ["Alien", ""]})
    >>> known = Metadata(films)
    >>> known.titles([1, 0]), known.find("ali"), known.find("9")
    (['9', 'Alien'], [0], [1])
    """

    side: Embeddings

    @cached_property
    def names(self) -> list[str]:
        """The columns that there are."""
        return columns_of(self.side)

    @cached_property
    def picture_column(self) -> str | None:
        """The column of pictures, if there is one."""
        lower = {name.lower(): name for name in self.names}
        return next((lower[name] for name in PICTURES if name in lower), None)

    @cached_property
    def _held(self) -> dict[str, Any]:
        return {}

    def column(self, name: str) -> Any:
        """A whole column: an Arrow array, or a list where Arrow has no kind for its cells."""
        if name not in self._held:
            values: Any = cast("Any", self.side.metadata)[name]
            self._held[name] = _arrow_of(values)
        return self._held[name]

    @property
    def held_bytes(self) -> int:
        """Memory that the columns read so far take."""
        return sum(int(getattr(column, "nbytes", 0)) for column in self._held.values())

    def cells(self, name: str, rows: Sequence[int]) -> list[Any]:
        """Some cells of a column as Python values."""
        held = self.column(name)
        if isinstance(held, list):
            return [cast("Any", held)[row] for row in rows]
        return [_value(held[row]) for row in rows]

    def titles(self, rows: Sequence[int]) -> list[str]:
        """What a person knows some rows by: a title, else the start of a text, else the id."""
        best = [""] * len(rows)
        for name in self._title_columns:
            if all(best):
                break
            cells = self.cells(name, rows)
            best = [had or plain(cell, TITLE) for had, cell in zip(best, cells, strict=True)]
        ids = self.side.ids
        return [text or plain(ids[row], TITLE) for text, row in zip(best, rows, strict=True)]

    def about(self, row: int) -> list[tuple[str, str]]:
        """Every column with its cell as text, without pictures, nothings and the title shown."""
        title = self.titles([row])[0]
        cells = ((name, self.cells(name, [row])[0]) for name in self.names)
        return [
            (plain(name, TITLE), text)
            for name, cell in cells
            if name != self.picture_column and not isinstance(cell, bytes | dict)
            for text in (plain(cell, CELL),)
            if text and text != title
        ]

    def find(self, text: str, most: int = 30) -> list[int]:
        """Rows with this id, then those whose title holds the text, in the order of the rows."""
        exact = self.side.row_of.get(text.strip())
        found = [] if exact is None else [exact]
        wanted = text.strip()
        for name in self._title_columns:
            if not wanted or len(found) >= most:
                break
            found += [row for row in self._holding(name, wanted, most) if row not in found]
        if len(found) < most and wanted:
            known = set(found)
            found += [row for row in self._with_id(wanted, most) if row not in known]
        return found[:most]

    @property
    def titled(self) -> bool:
        """Whether rows have more than an id that a person could know them by."""
        return bool(self._title_columns)

    @cached_property
    def _title_columns(self) -> list[str]:
        lower = {name.lower(): name for name in self.names}
        return [lower[name] for name in TITLES if name in lower]

    def _holding(self, name: str, text: str, most: int) -> list[int]:
        held = self.column(name)
        if isinstance(held, list):
            cells = enumerate(cast("list[Any]", held))
            return _first((i for i, cell in cells if text.lower() in str(cell).lower()), most)
        compute = arrow("compute")
        try:
            texts = held.cast(arrow().string())
        except arrow().ArrowException:  # lists, dates beyond the calendar
            cells = ((i, _value(cell)) for i, cell in enumerate(held))
            return _first((i for i, cell in cells if text.lower() in str(cell).lower()), most)
        there = compute.match_substring(texts, text, ignore_case=True)
        return [int(row) for row in compute.indices_nonzero(there)[:most].to_pylist()]

    def _with_id(self, text: str, most: int) -> list[int]:
        wanted = text.lower()
        return _first((i for i, name in enumerate(self.side.ids) if wanted in name.lower()), most)


def plain(cell: object, most: int) -> str:
    r"""A cell as text that can be shown: cut, and without characters that no page may hold.

    >>> plain("a\x00b", 10), plain(None, 10), plain("abcdef", 4)
    ('a�b', '', 'abc…')
    """
    if cell is None:
        return ""
    text = str(cell)
    text = text if len(text) <= most else text[: most - 1] + "…"
    return harmless(text)


def harmless(text: str) -> str:
    r"""Text without what controls a page: control characters, and those that turn other text round.

    >>> harmless("a\x9bb\u202ec\ud800")
    'a�b�c�'
    """
    return _CONTROLS.sub("\ufffd", text)


_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb]"
)
"""All but tabulator and new line. Marks such as U+200F, which sort out right-to-left text, stay."""


def _value(cell: Any) -> Any:
    """A cell of Arrow as Python has it; as text what Python has not, such as a date in 12000."""
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
"""Bytes of a picture that is shown."""

KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
"""How the files begin. SVG is no picture here: it may hold scripts."""


def picture(known: Metadata, row: int, folder: Path | None) -> tuple[bytes, str]:
    """The bytes of a row's picture and their type; ``FileError`` where there is none to show.

    The column holds bytes, ``{"bytes": …}``, or a path; a path counts from the folder of the
    space and must stay inside it. What a client sends never becomes a path: it names a row.
    """
    column = known.picture_column
    if column is None:
        raise FileError("this space has no column of pictures")
    cell: Any = known.cells(column, [row])[0]
    if isinstance(cell, dict):
        held = cast("dict[str, Any]", cell)
        cell = held.get("bytes") or held.get("path")
    data = cell if isinstance(cell, bytes) else _read(cell, folder)
    kind = kind_of(data)
    if kind is None or len(data) > LARGEST:
        raise FileError("this cell holds no PNG, JPEG, GIF or WebP of at most 8 MB")
    return data, kind


def kind_of(data: bytes) -> str | None:
    """The type of a picture by its first bytes.

    >>> kind_of(b"GIF89a..."), kind_of(b"<svg onload=alert(1)>")
    ('image/gif', None)
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in KINDS if data.startswith(start)), None)


def _read(cell: object, folder: Path | None) -> bytes:
    if not isinstance(cell, str) or folder is None or "\0" in cell:
        raise FileError("this row has no picture")
    try:
        path = (folder / cell).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise FileError("the picture lies outside the folder of the space")
        return _bytes_of_file(path)
    except OSError as error:
        if isinstance(error, FileError):  # says what it is already
            raise
        raise FileError(f"the picture cannot be read: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:  # links in a circle; a name that no disk takes
        raise FileError("the picture's path cannot be followed") from error


def _bytes_of_file(path: Path) -> bytes:
    """The bytes of a regular file of a bounded size: a pipe would never end, nor would a device."""
    # Opening a pipe waits for its other end, and a link may have taken the place of the file.
    careful = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    opened = os.open(path, os.O_RDONLY | careful | getattr(os, "O_BINARY", 0))
    with os.fdopen(opened, "rb") as file:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode):
            raise FileError("the picture is no regular file")
        if about.st_size > LARGEST:
            raise FileError("the picture has more than 8 MB")
        return file.read(LARGEST + 1)


@dataclass(frozen=True, eq=False)
class OwnColumns(Mapping[str, Any]):
    """Columns that are read late and still belong to the vectors that were read early.

    Where a system allows a file to be replaced while it is open, the file stays open; elsewhere a
    file that has been replaced is refused.
    """

    columns: Columns
    stamp: Stamp
    source: Any
    file: Any

    def __getitem__(self, name: str) -> Any:
        if name not in self.columns.names:
            raise KeyError(name)
        if self.file is not None:
            with reading(self.columns.path, "the table that it was before"):
                table = self.file.read(columns=[name])
                table.validate(full=True)
                found = table[name]
            self._check(stamp(self.source.fileno()))  # others may write into it while it is open
            return found
        found = self.columns[name]
        self._check(stamp(self.columns.path))
        return found

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
    file = source = None
    if keeps_open:
        with reading(columns.path, "parquet"):
            source = arrow().OSFile(str(columns.path))
            file = arrow("parquet").ParquetFile(source)
    now = stamp(columns.path if source is None else source.fileno())
    check_unchanged(columns.path, before.get(columns.path, now), now)
    own = side.with_vectors(side.vectors)
    own.metadata = OwnColumns(columns, now, source, file)
    return own
