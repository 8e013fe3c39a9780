"""How much a parquet file holds once unpacked, checked before it is read."""

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from itertools import islice
from operator import length_hint
from pathlib import Path
from typing import Any

from anglewise.errors import FileError
from anglewise.io.files import (
    Contents,
    allowed,
    check_holds,
    contents,
    is_packed,
    opened,
    reading,
    weight,
)
from anglewise.io.sizes import DEEPEST

TEXT = "BYTE_ARRAY"
WIDTHS = {
    "BOOLEAN": 0.125,
    "INT32": 4,
    "INT64": 8,
    "INT96": 8,
    "FLOAT": 4,
    "DOUBLE": 8,
    TEXT: 4,
}
"""Bytes that a value of parquet takes at least, by its kind; the others say their length."""
BOOLEANS, WHOLE = {1, 2}, {4, 5, 6}
DOUBLE, WORDS, LIST, SET, MAP, STRUCT = range(7, 13)
NESTED = {LIST, SET, MAP, STRUCT}
"""Kinds of Thrift's compact protocol, in which the end of a parquet file is written."""
PLAIN_OR_DICTIONARY = {0, 2, 8}
"""Encodings of parquet in which each text stands whole, once or for every value."""
DICTIONARY_PAGE = 2
DATA_PAGES = {0: (5, 2), 3: (8, 4)}
"""For each kind of page with values the field that tells of it, and therein that of its encoding;
the number of values is always the first."""
HEADER, LONGEST_HEADER = 1 << 12, 1 << 24
"""Bytes of what stands before a page: usually at most, and the most that Arrow reads."""


@dataclass
class _Column:
    """What the pages of one column of a parquet file say, the groups of rows together.

    ``longest`` is the most that one of its texts may take beyond what stands in the pages for it:
    the size of the largest dictionary, or of any page where ``continued`` says that texts may be
    continued from one another.
    """

    name: str
    path: str
    is_text: bool
    values: int = 0
    dictionary: int = 0
    page: int = 0
    continued: bool = False

    @property
    def longest(self) -> int:
        """Bytes."""
        return max(self.dictionary, self.page if self.continued else 0)

    @property
    def is_inner(self) -> bool:
        """Whether it stands in lists or structs."""
        return self.path != self.name

    def add(self, header: Mapping[int, Any]) -> int:
        """Take in what stands before a page; give the number of its values."""
        kind, size = header[1], header[2]
        if kind == DICTIONARY_PAGE:
            self.dictionary = max(self.dictionary, size)
        if kind not in DATA_PAGES:
            return 0
        details, encoding = DATA_PAGES[kind]
        values: int = header[details][1]
        if min(size, header[3], values) < 0:
            raise ValueError("a page of negative length")
        self.values += values
        self.page = max(self.page, size)
        self.continued |= header[details][encoding] not in PLAIN_OR_DICTIONARY
        return values


@dataclass(frozen=True)
class TextReading:
    """How the texts of a parquet file are read, so that no more is unpacked than is allowed.

    ``dictionaries`` are columns, as paths, whose values may be read once each and then counted.
    ``at_once`` tells of columns for which that cannot be done how many rows are read at once.
    """

    dictionaries: Sequence[str]
    at_once: Mapping[str, int]


def check_parquet(path: Path, schema: Any, names: Sequence[str]) -> TextReading:
    """Refuse a parquet file some of whose columns hold too much; say how to read their texts.

    Runs and dictionaries shrink a column without bound, so its values count, not its bytes. The
    end of the file may say too little: room is made by what stands before each page, so those
    numbers count too. Texts may be continued from the one before, or repeat one that is long: how
    much they hold is known only when they are read.
    """
    selected, size = set(names), 0
    columns: dict[int, _Column] = {}
    with reading(path, "parquet"), _source(path) as file:
        for position, rows, metadata in _column_chunks(_end(file)):
            name = metadata[3][0].decode()
            if name not in selected:
                continue
            described = schema.column(position)
            is_text = described.physical_type == TEXT and described.converted_type != "DECIMAL"
            column = columns.setdefault(position, _Column(name, described.path, is_text))
            width = WIDTHS.get(described.physical_type) or described.length
            values, unpacked = _count_pages(file, metadata, column)
            size += max(unpacked, int(max(values, metadata[5], rows) * width), metadata[6])
    check_holds(path, size)
    return _text_reading(path, [column for column in columns.values() if column.is_text])


def _text_reading(path: Path, columns: Sequence[_Column]) -> TextReading:
    limit = allowed(weight(path))
    doubtful = [column for column in columns if column.values * column.longest > limit]
    for column in doubtful:
        if column.continued and column.is_inner:
            raise FileError(
                f"{path}: the texts in the lists or structs of {column.name!r} may be continued "
                "from one another (DELTA_BYTE_ARRAY), and how much they hold is not known before "
                "they are read: write them with dictionaries or plainly"
            )
    return TextReading(
        [column.path for column in doubtful if not column.continued],
        {
            column.name: max(1, limit // (4 * max(1, column.longest)))
            for column in columns
            if column.continued and not column.is_inner
        },
    )


def _count_pages(
    file: BufferedIOBase, metadata: Mapping[int, Any], column: _Column
) -> tuple[int, int]:
    """The values and the unpacked bytes of a piece of a column, by the pages that Arrow reads."""
    start = metadata[9]
    if 0 < metadata.get(11, 0) < start:  # a dictionary stands before the values
        start = metadata[11]
    values = unpacked = 0
    end = start + metadata[7]
    while start < end and values < metadata[5]:
        header, length = _page_header(file, start)
        values += column.add(header)
        unpacked += max(0, header[2])
        start += length + max(0, header[3])
    return values, unpacked


def _page_header(file: BufferedIOBase, start: int) -> tuple[dict[int, Any], int]:
    """What stands before a page, and how many bytes it takes."""
    length = HEADER
    while True:
        file.seek(start)
        data = file.read(length)
        thrift = iter(data)
        try:
            header = _thrift_struct(thrift)
        except (StopIteration, RuntimeError):
            if len(data) < length or length > LONGEST_HEADER:
                raise ValueError("a page without a whole header") from None
            length *= 16
        else:
            return header, len(data) - length_hint(thrift)


def _source(path: Path) -> AbstractContextManager[BufferedIOBase]:
    return BytesIO(contents(path)) if is_packed(path) else opened(path)


def _end(file: BufferedIOBase) -> bytes:
    """The end of a parquet file, which describes the rest."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    (length,) = struct.unpack_from("<I", file.read(8))
    file.seek(max(0, size - 8 - length))
    return file.read()


def pieces(data: Contents) -> Iterator[tuple[str, int, int, int, int]]:
    """Of each column of each group of rows: name, position, rows, values, bytes once unpacked.

    Read without Arrow, which ends the whole process when it is asked about a piece whose
    description is damaged. Raises whatever damaged bytes lead to: call it inside of ``reading``.
    """
    for position, rows, metadata in _column_chunks(data):
        yield metadata[3][0].decode(), position, rows, metadata[5], metadata[6]


def _column_chunks(data: Contents) -> Iterator[tuple[int, int, dict[int, Any]]]:
    """Of each column of each group of rows: position, rows, and all that is said of it."""
    (length,) = struct.unpack_from("<I", data, len(data) - 8)
    footer = _thrift_struct(iter(data[max(0, len(data) - 8 - length) : -8]))
    for group in footer[4].values():
        for position, column in group[1].items():
            yield position, group[3], column[3]


def _thrift_struct(thrift: Iterator[int]) -> dict[int, Any]:
    """A struct of Thrift's compact protocol: values by the numbers of its fields.

    Lists are given by position. A stack stands in for recursion, and is refused beyond
    ``DEEPEST``: Arrow, which reads the same bytes afterwards, recurses.
    """
    root: dict[int, Any] = {}
    unfinished = [(_inner_kinds(thrift, STRUCT), root)]
    while unfinished:
        kinds, values = unfinished[-1]
        for number, kind in kinds:
            if kind in NESTED:
                values[number] = inner = dict[int, Any]()
                unfinished.append((_inner_kinds(thrift, kind), inner))
                break
            values[number] = _plain_value(thrift, kind)
        else:
            unfinished.pop()
        if len(unfinished) > DEEPEST:
            raise ValueError("structs stand in one another too deep")
    return root


def _inner_kinds(thrift: Iterator[int], kind: int) -> Iterator[tuple[int, int]]:
    """The number and kind of each value in a struct, list or map; its bytes come next."""
    if kind == STRUCT:
        field = 0
        while head := next(thrift):
            field = field + (head >> 4) if head >> 4 else _whole(thrift)
            if head & 15 not in BOOLEANS:  # which have no bytes of their own
                yield field, head & 15
    elif kind == MAP:
        count = _whole(thrift, signed=False)
        kinds = next(thrift) if count else 0
        for position in range(2 * count):
            yield position, kinds & 15 if position % 2 else kinds >> 4
    else:
        head = next(thrift)
        count = head >> 4 if head >> 4 < 15 else _whole(thrift, signed=False)
        for position in range(count):
            yield position, head & 15


def _plain_value(thrift: Iterator[int], kind: int) -> int | bytes:
    if kind in {DOUBLE, WORDS}:
        return bytes(islice(thrift, 8 if kind == DOUBLE else _whole(thrift, signed=False)))
    return _whole(thrift) if kind in WHOLE else next(thrift)


def _whole(thrift: Iterator[int], *, signed: bool = True) -> int:
    value = 0
    for position in range(10):
        byte = next(thrift)
        value |= (byte & 127) << (7 * position)
        if byte < 128:
            return (value >> 1) ^ -(value & 1) if signed else value
    raise ValueError("a whole number of too many bytes")
