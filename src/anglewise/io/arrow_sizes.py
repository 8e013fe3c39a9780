"""How much parquet, Feather and Arrow hold once unpacked, checked before they are read."""

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
from anglewise.io.files import arrow, contents, is_packed, opened, reading
from anglewise.io.sizes import (
    DEEPEST,
    Contents,
    allowed,
    check_holds,
    check_streamed,
    weight,
)

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


def check_parquet(
    path: Path, schema: Any, names: Sequence[str], *, streamed: bool = False
) -> TextReading:
    """Refuse a parquet file some of whose columns hold too much; say how to read their texts.

    Of what is ``streamed`` no more is in memory than some rows, and what is kept goes to a disk.

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
    (check_streamed if streamed else check_holds)(path, size)
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
        due = 8 if kind == DOUBLE else _whole(thrift, signed=False)
        data = bytes(islice(thrift, due))
        if len(data) < due:  # or a list of a billion numbers would be made of no bytes
            next(thrift)
        return data
    return _whole(thrift) if kind in WHOLE else next(thrift)


def _whole(thrift: Iterator[int], *, signed: bool = True) -> int:
    value = 0
    for position in range(10):
        byte = next(thrift)
        value |= (byte & 127) << (7 * position)
        if byte < 128:
            return (value >> 1) ^ -(value & 1) if signed else value
    raise ValueError("a whole number of too many bytes")


BATCHES = {2, 3}
"""The kinds of message that hold a dictionary, or rows."""
DICTIONARY = 2


def check_ipc(path: Path, data: Contents) -> int:
    """Refuse an Arrow file or stream whose packed buffers say that they hold too much; the bytes.

    Buffers of zstd and lz4 begin with the length that they will have, for which room is made.
    """
    size = 0
    with reading(path, "an Arrow table"):
        for batch in _messages(data):
            for offset, length in batch.buffers:
                if batch.packed and length >= 8:
                    (declared,) = struct.unpack_from("<q", data, batch.body + offset)
                    size += length if declared == -1 else max(0, declared)
    check_holds(path, size)
    return size


def written_out(path: Path, column: Any) -> Any:
    """A column without dictionaries: each value stands in its row, if that is not too much.

    In lists and structs dictionaries stay, if their values would not take too much either.
    """
    pa = arrow()
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    check_holds(path, sum(_expanded(chunk) for chunk in chunks))
    if not pa.types.is_dictionary(column.type):
        return column
    return arrow("compute").cast(column, column.type.value_type)


def _expanded(chunk: Any) -> int:
    """What the dictionaries of a chunk weigh when they are written out."""
    pc, types = arrow("compute"), arrow("types")
    if "dictionary<" not in str(chunk.type):  # at any depth
        return 0
    chunk = getattr(chunk, "storage", chunk)
    if types.is_nested(chunk.type):
        return sum(_expanded(inner) for inner in _inner_arrays(chunk))
    values = chunk.dictionary
    try:
        lengths = pc.binary_length(values)
    except (arrow().ArrowNotImplementedError, NotImplementedError):  # not text
        return len(chunk) * -(-values.nbytes // max(1, len(values)))
    return 4 * len(chunk) + (pc.sum(pc.cast(lengths, "int64").take(chunk.indices)).as_py() or 0)


def _inner_arrays(chunk: Any) -> list[Any]:
    """The arrays of which a chunk of lists, maps or structs is made."""
    types = arrow("types")
    if types.is_struct(chunk.type):
        return list(chunk.flatten())
    if types.is_map(chunk.type):
        return [chunk.keys, chunk.items]
    return [chunk.flatten()] if hasattr(chunk, "flatten") else []


@dataclass(frozen=True)
class _Batch:
    """A message with buffers: where its body begins, and where they lie in there."""

    packed: bool
    body: int
    buffers: list[tuple[int, int]]


def _messages(data: Contents) -> Iterator[_Batch]:
    """The batches of a file, as its end lists them, or of a stream, one after the other."""
    if data[:6] == b"ARROW1":
        (length,) = struct.unpack_from("<i", data, len(data) - 10)
        footer = _Table.root(data, len(data) - 10 - length)
        for field in (2, 3):  # dictionaries, rows
            for position in footer.structs(field, "<qiq", 24, pad=4):
                offset, size, _ = position
                message, _ = _start(data, offset)
                yield from _batch(data, message, offset + size)
        return
    position = 0
    while position + 8 <= len(data):
        message, length = _start(data, position)
        if length <= 0:
            return
        body = message + length
        yield from _batch(data, message, body)
        position = body + _Table.root(data, message).number(3, "<q")
        if position < body:
            raise ValueError("a message of negative length")


def _start(data: Contents, position: int) -> tuple[int, int]:
    """Where the metadata of a message begins, and its length."""
    first, second = struct.unpack_from("<Ii", data, position)
    if first == 0xFFFFFFFF:
        return position + 8, second
    return position + 4, first  # as written before 2019


def _batch(data: Contents, position: int, body: int) -> Iterator[_Batch]:
    message = _Table.root(data, position)
    kind = message.number(1, "<B")
    if kind not in BATCHES:
        return
    rows = message.table(2)
    if kind == DICTIONARY:
        rows = None if rows is None else rows.table(1)
    if rows is not None:
        buffers = [(o, n) for o, n in rows.structs(2, "<qq", 16)]
        yield _Batch(rows.table(3) is not None, body, buffers)


@dataclass(frozen=True)
class _Table:
    """A table of a flatbuffer, which is how Arrow writes what it says about its bytes."""

    data: Contents
    position: int

    @classmethod
    def root(cls, data: Contents, position: int) -> "_Table":
        return cls(data, position + struct.unpack_from("<I", data, position)[0])

    def _position(self, field: int) -> int | None:
        fields = self.position - struct.unpack_from("<i", self.data, self.position)[0]
        (size,) = struct.unpack_from("<H", self.data, fields)
        if 4 + 2 * field >= size:
            return None
        (offset,) = struct.unpack_from("<H", self.data, fields + 4 + 2 * field)
        return self.position + offset if offset else None

    def number(self, field: int, kind: str) -> int:
        position = self._position(field)
        return 0 if position is None else int(struct.unpack_from(kind, self.data, position)[0])

    def table(self, field: int) -> "_Table | None":
        position = self._position(field)
        return None if position is None else _Table.root(self.data, position)

    def structs(self, field: int, kinds: str, size: int, pad: int = 0) -> Iterator[tuple[int, ...]]:
        position = self._position(field)
        if position is None:
            return
        position += struct.unpack_from("<I", self.data, position)[0]
        (count,) = struct.unpack_from("<I", self.data, position)
        if count * size > len(self.data):
            raise ValueError("a list longer than the file")
        layout = kinds if not pad else f"{kinds[:-1]}{pad}x{kinds[-1]}"
        for i in range(count):
            yield struct.unpack_from(layout, self.data, position + 4 + i * size)
