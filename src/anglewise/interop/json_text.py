"""JSON as others write it: how deep and how wide it is, known before a parser meets it."""

import re
from collections.abc import Iterator
from pathlib import Path

from anglewise.errors import FileError
from anglewise.interop.files import Contents
from anglewise.interop.limits import check_holds

DEEPEST = 64
"""Lists in lists that are still read: parsers recurse, and some end the program when too deep."""

KEY = re.compile(rb'(?<!\\)"([^"\n]*)(?<!\\)"[ \t\r]*:')
STRING = re.compile(rb'"[^"\n]*"?')
BRACKETS = bytes.maketrans(b"{}", b"[]")
OTHERS = bytes(sorted(set(range(256)) - set(b'"[]{}\n')))
PIECE = 1 << 24
CELL = 8
"""Bytes of a cell of a table, even of one in which nothing stands."""


def check_json(path: Path, data: Contents) -> None:
    """Refuse a document, or lines of documents, that nests too deeply."""
    for number, piece in _pieces(data):
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
        keys.update(found[1] for found in KEY.finditer(piece))
    check_holds(path, CELL * rows * len(keys))


def is_deep(text: str) -> bool:
    """Whether lists or objects stand in one another deeper than is read.

    >>> is_deep("[" * 10), is_deep("[" * 100), is_deep('"' + "[" * 100 + '"')
    (False, True, False)
    """
    brackets = _brackets(text.encode("utf-8", "surrogatepass")).replace(b"\n", b"")
    return brackets.count(b"[") > DEEPEST and _depth(brackets) > DEEPEST


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
    text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return STRING.sub(b"", text.translate(BRACKETS, OTHERS))


def _depth(brackets: bytes) -> int:
    deepest = depth = 0
    for bracket in brackets:
        depth += 1 if bracket == 0x5B else -1
        deepest = max(deepest, depth)
    return deepest
