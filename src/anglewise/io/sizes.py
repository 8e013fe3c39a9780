"""How much Arrow tables and JSON hold once unpacked, checked before they are read."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anglewise.errors import FileError
from anglewise.io.files import (
    Contents,
    arrow,
    check_holds,
    reading,
)

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


DEEPEST = 64
"""Lists in lists that are still read: parsers recurse, and some end the program when too deep."""

KEY_END = re.compile(rb'"[ \t\r]*:')
STRING = re.compile(rb'"[^"\n]*"?')
BRACKETS = bytes.maketrans(b"{}", b"[]")
OTHERS = bytes(sorted(set(range(256)) - set(b'"[]{}\n')))
OTHERS_AND_QUOTES = OTHERS + b'"'
PIECE = 1 << 24
CELL = 8
"""Bytes of a cell of a table, even of one in which nothing stands."""


def check_json(path: Path, data: Contents) -> None:
    """Refuse a document, or lines of documents, that nests too deeply."""
    for number, piece in _pieces(data):
        raw = piece.translate(BRACKETS, OTHERS_AND_QUOTES).split(b"\n")
        if all(brackets.count(b"[") <= DEEPEST for brackets in raw):
            continue
        for line, brackets in enumerate(_brackets(piece).split(b"\n"), start=number):
            if brackets.count(b"[") > DEEPEST and _depth(brackets) > DEEPEST:
                raise FileError(
                    f"{path}, line {line}: lists or objects stand in one another more than "
                    f"{DEEPEST} deep, so deep no table is: it is damaged or made to break readers"
                )


def check_json_table(path: Path, data: Contents) -> None:
    """Refuse lines of JSON that nest too deeply, or would become a table mostly of gaps.

    A table has a cell for every row and key: a thousand lines with a key each make a million.
    """
    check_json(path, data)
    rows, keys = 1, set[bytes]()
    for _, piece in _pieces(data):
        rows += piece.count(b"\n")
        keys.update(_keys(piece))
    check_holds(path, CELL * rows * len(keys))


def is_deep(text: str) -> bool:
    """Whether lists or objects stand in one another deeper than is read.

    >>> is_deep("[" * 10), is_deep("[" * 100), is_deep('"' + "[" * 100 + '"')
    (False, True, False)
    """
    brackets = _brackets(text.encode("utf-8", "surrogatepass")).replace(b"\n", b"")
    return brackets.count(b"[") > DEEPEST and _depth(brackets) > DEEPEST


def _keys(piece: bytes) -> Iterator[bytes]:
    """The names of objects' parts, where quotes are escaped perhaps more than there are."""
    *parts, _ = KEY_END.split(piece)
    for part in parts:
        backslashes = len(part) - len(part.rstrip(b"\\"))
        if backslashes % 2 == 0:  # else the quote stands in a text
            start = part.rfind(b'"')
            escaped = part[start - 1 : start] == b"\\"
            yield part if escaped else part[start + 1 :]


def _pieces(data: Contents) -> Iterator[tuple[int, bytes]]:
    """Some lines at a time, with the number of the first one."""
    start, number = 0, 1
    while start < len(data):
        end = data.find(b"\n", min(start + PIECE, len(data)) - 1) + 1 or len(data)
        piece = data[start:end]
        yield number, piece
        start, number = end, number + piece.count(b"\n")


def _brackets(text: bytes) -> bytes:
    """The brackets outside of strings, and the ends of lines."""
    return STRING.sub(b"", _without_escapes(text).translate(BRACKETS, OTHERS))


def _without_escapes(text: bytes) -> bytes:
    """Other letters for escaped backslashes and quotes, so that every quote left is a real one."""
    return text.replace(b"\\\\", b"\0\0").replace(b'\\"', b"\1\1")


def _depth(brackets: bytes) -> int:
    deepest = depth = 0
    for bracket in brackets:
        depth += 1 if bracket == 0x5B else -1
        deepest = max(deepest, depth)
    return deepest
