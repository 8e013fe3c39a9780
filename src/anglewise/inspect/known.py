"""What is known about the rows of one side, read when it is shown and no sooner."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from anglewise.core.embeddings import Embeddings
from anglewise.io.files import arrow
from anglewise.io.texts import TITLES, columns_of

TITLE, CELL = 200, 2000
"""How many characters of a title, and of any other text, are shown."""

PICTURES = ("image", "picture", "thumbnail", "image_path", "photo")
"""Columns that hold pictures, as bytes, as paths, or as ``{"bytes": …, "path": …}``."""


@dataclass(frozen=True, eq=False)
class Known:
    """The columns about one side. Each stays as Arrow holds it: no object a row.

    >>> films = Embeddings([[1.0], [2.0]], ids=["7", "9"], metadata={"title": ["Alien", ""]})
    >>> known = Known(films)
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
        told = ((name, self.cells(name, [row])[0]) for name in self.names)
        return [
            (name, text)
            for name, cell in told
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
