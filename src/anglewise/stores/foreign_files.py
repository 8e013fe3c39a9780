"""Folders and files of stores that may come from a stranger: looked at before an engine opens them.

An engine follows links, writes where they lead, and waits for pipes; SQLite carries out the journal
that it finds beside a file, which may remove another one.
"""

import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from anglewise.data_types.numbers import shown
from anglewise.errors import StoreError
from anglewise.io.files import opened
from anglewise.judgements.store_checks import JOURNAL, SHM, WAL, bounded

CHROMA = "chroma.sqlite3"
SEGMENT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""How the folder of an index of Chroma is called."""
ENDS_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""With this ends a journal of SQLite that names a further one, which is removed after it."""


def check_folder(folder: Path, engine: str) -> None:
    """Raise ``StoreError`` for anything in a folder but plain files and folders.

    The folder itself is what somebody named, and may be a link.
    """
    for entry in _entries(folder):
        _check_entry(entry.path, entry.stat(follow_symlinks=False).st_mode, engine)


def _check_entry(path: str, mode: int, engine: str) -> None:
    if stat.S_ISLNK(mode):
        raise StoreError(
            f"{shown(path)} is a link, and {engine} leaves none: take it away, or copy what it "
            "leads to into its place"
        )
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise StoreError(
            f"{shown(path)} is neither a file nor a folder, and {engine} would wait for it: take "
            "it away"
        )


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    left = [str(folder)]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)


def check_in_folder(collection: Path, folder: Path, engine: str) -> None:
    """Raise ``StoreError`` for a collection that leads out of its folder, or holds what it cannot.

    What nobody made yet passes.
    """
    if not collection.is_dir():
        return
    if collection.is_symlink() and not collection.resolve().is_relative_to(folder.resolve()):
        raise StoreError(
            f"{collection} is a link that leads out of {folder}, to {collection.resolve()}: name "
            "that place, or copy the collection as a whole"
        )
    check_folder(collection, engine)


def check_beside_sqlite(path: Path) -> None:
    """Raise ``StoreError`` for what lies beside a file of SQLite and would do something elsewhere.

    A journal of a write that was killed is carried out as ever, but none that removes another file.
    """
    real = Path(os.path.realpath(path))
    check_beside(path, *(real.with_name(real.name + end) for end in (WAL, SHM, JOURNAL)))
    journal = real.with_name(real.name + JOURNAL)
    if journal.exists() and _removes_others(journal):
        raise StoreError(
            f"{journal} would remove other files, if it were carried out: move it away"
        )


def check_beside(path: Path, *names: Path) -> None:
    """Raise ``StoreError`` where what lies beside a file is no plain file."""
    for name in names:
        if os.path.lexists(name) and not stat.S_ISREG(name.lstat().st_mode):
            raise StoreError(
                f"{name} lies beside {path} and is no plain file: it would be waited for, or "
                "lead elsewhere: move it away"
            )


def _removes_others(journal: Path) -> bool:
    with opened(journal) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - len(ENDS_SUPER_JOURNAL)))
        return file.read() == ENDS_SUPER_JOURNAL


def check_chroma_folder(folder: Path) -> None:
    """Raise ``StoreError`` for a folder of Chroma that leads elsewhere, or whose file computes.

    Only what Chroma itself would open is looked at: the folder may be that of a whole program.
    """
    path = folder / CHROMA
    if os.path.lexists(path):
        _check_entry(str(path), path.lstat().st_mode, "Chroma")
        check_plain_tables(path, "Chroma")
    for inner in sorted(folder.iterdir()) if folder.is_dir() else []:
        if SEGMENT.fullmatch(inner.name):
            _check_entry(str(inner), inner.lstat().st_mode, "Chroma")
            if inner.is_dir():
                check_folder(inner, "Chroma")


def check_plain_tables(path: Path, engine: str) -> None:
    """Raise ``StoreError`` for a file of SQLite with views, triggers or columns that are computed.

    Of those a question may take for ever; an engine that makes none is not asked with them.
    """
    check_beside_sqlite(path)
    was_killed = os.path.lexists(f"{os.path.realpath(path)}{JOURNAL}")
    address = f"file:{quote(str(path))}?mode={'rw' if was_killed else 'ro'}"
    query = "SELECT type, name, coalesce(sql, '') FROM sqlite_master"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection, bounded(path, connection):
            found = connection.execute(query).fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read as {engine}'s ({error})") from error
    for kind, name, sql in found:
        if kind in {"view", "trigger"} or "GENERATED ALWAYS" in str(sql).upper():
            raise StoreError(
                f"{path} holds {shown(name)!r}, which is computed ({kind}), and {engine} makes no "
                "such thing: do not open it"
            )
