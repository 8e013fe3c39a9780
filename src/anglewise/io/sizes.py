"""How much a file may hold once it is unpacked; JSON that nests too deep, or is mostly gaps."""

import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from anglewise.data_types.memory import VARIABLE, machine_memory, memory_setting, words
from anglewise.errors import FileError

Contents: TypeAlias = bytes | mmap.mmap

FLOOR = 1 << 30
"""Bytes that any file may hold once unpacked, where the machine has twice as much memory."""
RATIO = 100
"""How many times its own size a file may hold: tables of text shrink to a twentieth."""


def check_holds(path: Path, content_size: int, file_size: int | None = None) -> None:
    """Refuse a file whose unpacked content would not fit, before it is read.

    ``file_size`` is for a folder: what the files in it weigh together. Raises ``FileError`` saying
    how much came, how much is allowed and how to allow more.
    """
    file_size = weight(path) if file_size is None else file_size
    limit = allowed(file_size)
    if content_size > limit:
        raise FileError(
            f"{path} weighs {words(file_size)} and holds {words(content_size)} or more once it is "
            f"unpacked, {words(limit)} are allowed: it is damaged or made to fill the memory; if "
            f"it is right, allow more: {VARIABLE}={words(2 * content_size).replace(' ', '')}"
        )


def allowed(file_size: int) -> int:
    """The most bytes that a file of this size may hold once unpacked.

    What ``ANGLEWISE_MEMORY`` says; else what the file weighs itself, or, if that is more, the
    smaller of half of the memory and of a hundred times its weight (but 1 GiB at least).
    """
    setting = os.environ.get(VARIABLE)
    if setting is not None:
        return memory_setting(setting)
    return max(file_size, min(machine_memory() // 2, max(FLOOR, RATIO * file_size)))


def check_streamed(path: Path, content_size: int) -> None:
    """Refuse a file whose content is kept on a disk where memory is short, if it is too much.

    It may hold what any file may (``check_holds``), or a hundred times what it weighs itself.
    """
    if content_size > RATIO * weight(path):
        check_holds(path, content_size)


def weight(path: Path) -> int:
    """The bytes of a file; none of one that is gone meanwhile."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


DEEPEST = 64
"""Lists in lists that are still read: parsers recurse, and some end the program when too deep."""

KEY_END = re.compile(rb'"[ \t\r]*:')
STRING = re.compile(rb'"[^"\n]*"?')
BRACKETS = bytes.maketrans(b"{}", b"[]")
OTHERS = bytes(sorted(set(range(256)) - set(b'"[]{}\n')))
NULL_ROW = re.compile(rb"^(?:\xef\xbb\xbf)?[ \t\r]*null", re.MULTILINE)
"""A row that Arrow takes for one of nothing, and that ends the program where it comes first."""
OTHERS_AND_QUOTES = OTHERS + b'"'
PIECE = 1 << 24
CELL = 8
"""Bytes of a cell of a table, even of one in which nothing stands."""
VALUE = 150
"""Bytes of a number, a text, a list or an object of JSON as Python holds it, the letters aside."""
LETTER = 4
"""Bytes of each letter of a text that holds one beyond the first 65,536 of Unicode."""


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
    if (empty := NULL_ROW.search(data)) is not None:
        line = data[: empty.start()].count(b"\n") + 1
        raise FileError(
            f"{path}, line {line}: null stands where an object is due, one to a line: write the "
            "file again"
        )
    rows, keys = 1, set[bytes]()
    for _, piece in _pieces(data):
        rows += piece.count(b"\n")
        keys.update(_keys(piece))
    check_holds(path, CELL * rows * len(keys))


def check_json_document(path: Path, data: bytes, value_bytes: int = VALUE) -> None:
    """Refuse a document that nests too deeply, or whose values would not fit into the memory.

    Two bytes of text are a list of nothing, and as a list take fifty. ``value_bytes`` is what each
    value takes with all that is made of it.
    """
    letters = len(data) * (1 if data.isascii() and b"\\u" not in data else LETTER)
    size = letters + value_bytes * _values(data)
    if size > allowed(weight(path)):  # perhaps commas and brackets stand in texts
        size = letters + value_bytes * sum(map(_values, _outside_texts(data)))
    check_holds(path, size)
    check_json(path, data.replace(b"\n", b" "))


def _values(text: bytes) -> int:
    """How many values stand in JSON, about and from above: each ends by a comma or a bracket."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _outside_texts(data: bytes) -> Iterator[bytes]:
    """JSON without its texts, a little at a time: thousands of texts take far more than letters."""
    data, is_open = _without_escapes(data), False
    for start in range(0, len(data), PIECE >> 4):
        piece = (b'"' if is_open else b"") + data[start : start + (PIECE >> 4)]
        is_open = piece.count(b'"') % 2 == 1
        yield STRING.sub(b"", piece)


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
