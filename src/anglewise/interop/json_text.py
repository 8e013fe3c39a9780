"""JSON as others write it: how deep and how wide it is, known before a parser meets it."""

import re
from collections.abc import Iterator
from pathlib import Path

from anglewise.errors import FileError
from anglewise.interop.files import Contents
from anglewise.interop.limits import check_holds

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
