"""The files of a table of LanceDB, which may come from a stranger: what its manifests may name.

A version of a table may say that its data lie elsewhere, in another folder or on a server, and
LanceDB would read them there. What a table names beyond its folder is refused before it is opened.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from anglewise.errors import StoreError, reason
from anglewise.io.destinations import check_only
from anglewise.io.files import opened

PARTS = {
    *("data", "_versions", "_transactions", "_indices", "_deletions", "_refs", "tree"),
    *("_latest.manifest", "_latest_version_hint.json", "_mem_wal", "_blobs", "_stats"),
}
"""What a table is made of."""
FOOTER, MAGIC = 16, b"LANC"
BASES, BASE_PATH = 18, 4
"""Numbers of fields of Lance's format: where data lie beside the table, and the place of one."""
VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
"""Kinds of fields in a message of Protocol Buffers."""


def check_table(table: Path, folder: Path) -> None:
    """Raise ``StoreError`` for a table that names data outside of its folder, by link or by name.

    The folder is that of the database, in which tables may share data.
    """
    home = folder.resolve()
    _check_link(table, folder, home)
    for inner, folders, files in os.walk(table):
        for name in (*folders, *files):
            path = Path(inner, name)
            _check_link(path, folder, home)
        for path in (Path(inner, name) for name in files if name.endswith(".manifest")):
            try:
                _check_manifest(path, home)
            except (OSError, ValueError) as error:  # a pipe, a null character in a name
                raise StoreError(
                    f"{path} cannot be read ({reason(error)}): copy it again"
                ) from error


def check_goes_whole(table: Path) -> None:
    """Raise ``FileError`` where a table that is to be replaced holds what LanceDB did not write."""
    check_only(table, lambda name: name.split("/")[0] in PARTS)


def _check_link(path: Path, folder: Path, home: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(home):
        raise StoreError(
            f"{path} is a link that leads out of {folder}, to {path.resolve()}: copy the table as "
            "a whole, or take the link away"
        )


def _check_manifest(path: Path, home: Path) -> None:
    for place in _bases(path):
        words = os.fsdecode(place)
        local = words.removeprefix("file://")
        if "://" in local or not Path(local).resolve().is_relative_to(home):
            raise StoreError(
                f"{path.parent.parent} says that its data lie elsewhere, at {words}, and nothing "
                "outside of its folder is read or asked for it: copy the table as a whole"
            )


def _bases(path: Path) -> Iterator[bytes]:
    """The places beside the table where a version of it has data."""
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size < FOOTER:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[-len(MAGIC) :] != MAGIC:
                return
            start = int.from_bytes(data[-FOOTER : -FOOTER + 8], "little")
            length = int.from_bytes(data[start : start + 4], "little")
            for number, first, last in _fields(data, start + 4, start + 4 + length):
                if number == BASES:
                    for inner, begin, end in _fields(data, first, last):
                        if inner == BASE_PATH:
                            yield data[begin:end]


def _fields(data: mmap.mmap, place: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message that hold bytes: their numbers, and from where to where they go."""
    end = min(end, len(data))
    while place < end:
        tag, place = _varint(data, place, end)
        kind = tag & 7
        if kind == BYTES:
            length, place = _varint(data, place, end)
            yield tag >> 3, place, min(place + length, end)
            place += length
        elif kind == VARINT:
            _, place = _varint(data, place, end)
        elif kind in {EIGHT, FOUR}:
            place += 8 if kind == EIGHT else 4
        else:  # no message: nothing that Lance would read
            return


def _varint(data: mmap.mmap, place: int, end: int) -> tuple[int, int]:
    """A number, and the place behind it; ends with the message."""
    number = shift = 0
    while place < end and shift < 70:
        byte = data[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            break
    return number, place
