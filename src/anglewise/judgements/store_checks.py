"""What is refused of a store: what others laid beside it, and what SQLite finds damaged in it."""

import os
import sqlite3
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from anglewise.data_types.numbers import shown
from anglewise.errors import FileError
from anglewise.judgements.store_errors import DAMAGED

WAL, SHM, JOURNAL = "-wal", "-shm", "-journal"
"""What SQLite lays beside a file, under its name."""

NONBLOCK = getattr(os, "O_NONBLOCK", 0)
"""For a pipe that somebody puts in the place of a file after it was looked at."""

STEPS = 1 << 20
"""Steps of SQLite between two checks whether a query is still within its bounds."""
STEPS_A_BYTE = 200
"""Steps that a query may take for each byte of the file; the most costly of ours take some ten."""


def check_none_beside(path: Path) -> None:
    """Raise ``FileError`` where a store is to be made beside the ``-wal`` of another.

    SQLite would remove it, or take it for its own.
    """
    real = Path(os.path.realpath(path))
    names = [real.with_name(real.name + end) for end in (WAL, SHM, JOURNAL)]
    left = [name.name for name in names if os.path.lexists(name)]
    # looked at afterwards: another process may be making this store
    if left and not (real.exists() and real.stat().st_size):
        belong = "belongs" if len(left) == 1 else "belong"
        raise FileError(
            f"{path} cannot be made: {' and '.join(left)} beside it {belong} to a store that was "
            "here, and may hold its last judgements: put that store back, or move this along to "
            "it; remove it only where that store is gone for good"
        )


def check_no_journal(real: Path) -> None:
    """Raise ``FileError`` for a journal, which SQLite would carry out."""
    journal = real.with_name(real.name + JOURNAL)
    if os.path.lexists(journal):
        raise FileError(
            f"{journal} lies beside the store, where anglewise leaves none, and opening the store "
            "would carry out what it says, which may remove other files: move it away if the "
            "store is from others; if it is yours, open it once with the program that wrote it"
        )


def check_folder_is_ours(real: Path) -> None:
    """Raise ``FileError`` where another account may lay files beside a store (not on Windows)."""
    if sys.platform == "win32":
        return
    folder = real.parent.stat()
    theirs = folder.st_uid not in {os.geteuid(), 0}
    if theirs or folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise FileError(
            f"{real} lies in a folder to which other accounts may write, and what they lay beside "
            "it would be carried out on this system: move it to a folder of your own (chmod 755)"
        )


def check_owner(name: Path, status: os.stat_result, store: os.stat_result) -> None:
    """Raise ``FileError`` for what another account laid beside a store of this one."""
    if sys.platform == "win32":
        return
    ours = os.geteuid()
    if store.st_uid == ours and status.st_uid not in {ours, 0}:
        raise FileError(
            f"{name} belongs to another account (number {status.st_uid}), and the store would hold "
            "what that says: if that account judges there, let it close the store first; else "
            "move it away"
        )


LOG_HEADS = {b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", bytes(4)}
"""The first bytes of a ``-wal``; zeros where the power failed as it was begun."""


def check_log(name: Path) -> None:
    """Raise ``FileError`` for a file called ``-wal`` that is none: SQLite would write over it."""
    with open(name, "rb", opener=lambda file, flags: os.open(file, flags | NONBLOCK)) as file:
        head = file.read(4)
    if head and head not in LOG_HEADS:
        raise FileError(
            f"{name} is not what SQLite writes beside a store under such a name, and would be "
            "written over: move it away"
        )


def lay_as_root(real: Path) -> None:
    """Lay an empty ``-wal`` and ``-shm`` beside a store of root, as SQLite would do next.

    Run by root, SQLite takes over what another account lays there in the last moment, and gives
    it to root, so that its owner could not be asked for afterwards.
    """
    if sys.platform == "win32" or os.geteuid() != 0 or real.stat().st_uid != 0:
        return
    for end in (WAL, SHM):
        name = real.with_name(real.name + end)
        with suppress(OSError):  # it is there, or nothing may be written there
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, real.stat().st_mode & 0o777))


def check_one_name(name: Path, status: os.stat_result) -> None:
    """Raise ``FileError`` for what is no plain file, or has a second name."""
    if not stat.S_ISREG(status.st_mode):
        raise FileError(f"{name} is no plain file: remove it, or take another store")
    if status.st_nlink > 1:
        raise FileError(
            f"{name} has {status.st_nlink} names (hard links), and what is recorded under one is "
            "missing under the others: make a copy of its own (cp), and open that"
        )


def check_sound(path: Path, connection: sqlite3.Connection, *, whole: bool = False) -> None:
    """Raise ``FileError`` where SQLite finds a store damaged: it would write over what it holds.

    ``whole`` also holds indexes against the rows, which takes several times as long.
    """
    check = "integrity_check" if whole else "quick_check"
    with bounded(path, connection):
        connection.execute("PRAGMA ignore_check_constraints = ON")  # whoever reads rows checks them
        try:
            words = str(connection.execute(f"PRAGMA {check}(1)").fetchone()[0])
        finally:
            connection.execute("PRAGMA ignore_check_constraints = OFF")
    if words != "ok":
        raise FileError(f"{path}: {DAMAGED.format(shown(' '.join(words.split())))}")


def check_holds(path: Path, connection: sqlite3.Connection, latest: tuple[int, str] | None) -> None:
    """Raise ``FileError`` where a row that was there, by number and uuid, is another now."""
    if latest is None:
        return
    number, uuid = latest
    rows = connection.execute("SELECT uuid FROM judgements WHERE number = ?", [number])
    if rows.fetchone() != (uuid,):
        raise FileError(f"{path} does not hold judgement {uuid} any more")


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """The names of the tables that are there."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [str(name) for (name,) in rows]


LAST_NUMBER = 1 << 62
"""Far above the number of any judgement; at twice that SQLite says that the disk is full."""


def check_counts_on(path: Path, connection: sqlite3.Connection) -> None:
    """Raise ``FileError`` where no number is left for another judgement."""
    counters = {"judgements": "SELECT max(number) FROM judgements"}
    counters["sqlite_sequence"] = "SELECT max(CAST(seq AS INTEGER)) FROM sqlite_sequence"
    for table in set(tables_of(connection)) & counters.keys():
        number = connection.execute(counters[table]).fetchone()[0]
        if isinstance(number, int) and number > LAST_NUMBER:
            why = f"its judgements are counted to {number:,}"
            raise FileError(f"{path}: {DAMAGED.format(why)}")


@contextmanager
def bounded(path: Path, connection: sqlite3.Connection) -> Generator[None, None, None]:
    """Stop a query that takes more steps than a file of this size can need.

    In a damaged file, pages may point at one another and be read without end.
    """
    steps_left = 100 + STEPS_A_BYTE * _bytes_of(path) // STEPS

    def is_over() -> bool:
        nonlocal steps_left
        steps_left -= 1
        return steps_left < 0

    connection.set_progress_handler(is_over, STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if steps_left >= 0:
            raise
        raise FileError(f"{path}: {DAMAGED.format('no question about it ends')}") from error
    finally:
        connection.set_progress_handler(None, 0)


def _bytes_of(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
