"""Errors of SQLite, as messages that say what to do."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from anglewise.errors import AnglewiseError, FileError
from anglewise.judgements.lock_holders import writers_of


@contextmanager
def store_errors(path: Path) -> Generator[None, None, None]:
    """Turn errors of SQLite into a ``FileError`` that says what to do."""
    try:
        yield
    except AnglewiseError:
        raise
    except sqlite3.Error as error:
        raise FileError(f"{path}: {_words(path, error)}") from error
    except UnicodeDecodeError as error:  # SQLite quotes what is damaged
        raise FileError(f"{path}: {DAMAGED.format(error)}") from error


def sqlite_code(error: sqlite3.Error) -> int:
    """The primary result code of an error, without its extended bits."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


SAFE = "nothing of this was recorded, what was recorded before is safe"

DAMAGED = (
    "it is damaged ({}): take a copy of it and of what lies beside it under its name (-wal, -shm), "
    "remove all of them, and restore from your backup; where it is such a backup already, it is "
    "enough to move away what lies beside it"
)

LOG_OF_ANOTHER = (
    "what lies beside it under its name (-wal, -shm) belongs to another store, or to one that was "
    "there before: a program left it there that was killed, and it would hide judgements of this "
    "file; keep it with the store to which it belongs, or move it away, and nothing of this file "
    "is missing any more"
)

LOG_OF_REPLACED = (
    "what lies beside it under its name (-wal, -shm) belongs to another store, in the place of "
    "which this file was put: a program left it there that was killed, and it may hold the last "
    "judgements of that store; put that store back, or move what lies beside this one away and "
    "keep it: then this file opens as it is; nothing was changed"
)

WRITTEN_OVER = (
    "was written over since it was opened: this judgement is not in it; end every program that has "
    "it open, remove what lies beside it under its name (-wal, -shm), and restore your copy again"
)

REMEDIES = {
    sqlite3.SQLITE_FULL: f"the disk is full; {SAFE}: free some space and try again",
    sqlite3.SQLITE_IOERR: f"the disk refuses ({{}}); {SAFE}: look at the disk and try again",
    sqlite3.SQLITE_BUSY: (
        f"another program holds the file locked{{holders}}; {SAFE}: close that program and try "
        "again"
    ),
    sqlite3.SQLITE_LOCKED: f"the file is locked; {SAFE}: try again",
    sqlite3.SQLITE_READONLY: f"the file may only be read; {SAFE}: mend its rights, or copy "
    "it, with what is beside it under the same name (-wal), to a folder of your own",
    sqlite3.SQLITE_PERM: "it may not be opened: mend its rights",
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened, or its folder may not be written to: copy it, with what is beside "
        "it under the same name (-wal), to a folder of your own"
    ),
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: "it is not an SQLite file ({}): take another one",
}


def _words(path: Path, error: sqlite3.Error) -> str:
    reason, code = " ".join(str(error).split()), sqlite_code(error)
    holders = writers_of(path) if code == sqlite3.SQLITE_BUSY else ""
    return REMEDIES.get(code, "the store refuses ({})").format(reason, holders=holders)
