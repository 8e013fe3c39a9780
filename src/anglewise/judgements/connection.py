"""The SQLite file of a judgement store: its tables, their versions, and connections to it."""

import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from anglewise.errors import AnglewiseError, FileError

APPLICATION = 0x616E_676C
"""Stands in the head of the file ("angl"), so that another program's SQLite file is not taken."""

MIGRATIONS = (
    """
    CREATE TABLE judgements (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        uuid TEXT NOT NULL UNIQUE,
        takes_back TEXT UNIQUE,
        direction TEXT,
        query_id TEXT,
        item_id TEXT,
        grade REAL,
        judge TEXT NOT NULL,
        time REAL NOT NULL,
        source TEXT,
        context TEXT NOT NULL DEFAULT '{}',
        probability REAL,
        note TEXT NOT NULL DEFAULT '',
        CHECK ((takes_back IS NULL) = (grade IS NOT NULL))
    );
    CREATE INDEX of_pair ON judgements (direction, query_id, item_id, judge);
    CREATE TRIGGER never_changed BEFORE UPDATE ON judgements
    BEGIN SELECT RAISE(ABORT, 'judgements are never changed: add a row'); END;
    CREATE TRIGGER never_removed BEFORE DELETE ON judgements
    BEGIN SELECT RAISE(ABORT, 'judgements are never removed: add a retraction'); END;
    """,
)
"""Statement by statement what makes version n + 1 of version n; released ones are never changed."""

VERSION = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables, 0 where there are none yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def application_of(connection: sqlite3.Connection) -> int:
    """The mark of the program that made the file, 0 where it made none."""
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """The names of the tables that are there."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [str(name) for (name,) in rows]


def definitions_of(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """What each name in the file stands for, and the words that made it; SQLite's own left out."""
    rows = connection.execute("SELECT name, type, sql FROM sqlite_master")
    return {
        str(name): (str(kind), " ".join(str(words or "").split()))
        for name, kind, words in rows
        if not str(name).startswith("sqlite_")
    }


def migrate(connection: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring the tables up to the latest version in one transaction, whoever else does the same.

    >>> connection = sqlite3.connect(":memory:", isolation_level=None)
    >>> migrate(connection)
    >>> version_of(connection) == VERSION
    True
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        there = version_of(connection)
        for script in migrations[there:]:
            for statement in _statements(script):
                connection.execute(statement)
        if there < len(migrations):
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def _statements(script: str) -> list[str]:
    """A script in its statements: a trigger holds semicolons of its own."""
    found: list[str] = []
    sofar = ""
    for piece in script.split(";"):
        sofar += piece + ";"
        if sqlite3.complete_statement(sofar) and piece.strip():
            found.append(sofar)
            sofar = ""
    return found


STORE_NAME = "judgements.sqlite"
"""What the store in the folder of a space is called."""

HEAD = b"SQLite format 3\0"

LONGEST_ROW = 1 << 24
"""More bytes than any row of judgements has: what claims to be longer is damaged."""

STEPS = 1 << 20
"""Steps of SQLite between two looks at whether a question is still within its bounds."""
STEPS_A_BYTE = 200
"""Steps that a question may take for each byte of the file; the dearest of ours take some ten."""

PAUSE = 0.02
"""Seconds between two looks at a lock for which SQLite itself does not wait."""


def connect(path: Path, *, read_only: bool, patience: float) -> sqlite3.Connection:
    """Open a store, make it if it is not there, and bring its tables up to date."""
    _check_file(path, read_only=read_only)
    with saying(path):
        opened = _for_reading if read_only else _for_writing
        return _patiently(lambda: opened(path, patience), patience)


@contextmanager
def saying(path: Path) -> Generator[None, None, None]:
    """Turn what SQLite raises into one ``FileError`` that says what to do."""
    try:
        yield
    except AnglewiseError:
        raise
    except sqlite3.Error as error:
        raise FileError(f"{path}: {_words(error)}") from error
    except UnicodeDecodeError as error:  # SQLite quotes what is damaged
        raise FileError(f"{path}: {DAMAGED.format(error)}") from error


def _check_file(path: Path, *, read_only: bool) -> None:
    try:
        path.exists()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise FileError(f"{path} cannot be looked up ({error.strerror}): mend the path") from error
    if path.is_dir():
        raise FileError(f"{path} is a folder where a file of judgements is due")
    if path.exists() and not path.is_file():
        raise FileError(f"{path} is a pipe or a device where a file of judgements is due")
    if not path.exists():
        if read_only:
            raise FileError(f"{path} does not exist: nothing was judged there yet")
        if not path.parent.is_dir():
            raise FileError(f"{path} cannot be made: the folder {path.parent} does not exist")
        return
    try:
        with path.open("rb") as file:
            head = file.read(len(HEAD))
    except OSError as error:
        raise FileError(f"{path} may not be read ({error.strerror}): mend its rights") from error
    if head != HEAD and (head or read_only):
        raise FileError(
            f"{path} is not a store of judgements (no SQLite file): take another file, or read "
            "this one with anglewise judge import"
        )


def _for_writing(path: Path, patience: float) -> sqlite3.Connection:
    connection = _opened(f"{path.absolute().as_uri()}?mode=rwc", patience)
    try:
        _check_ours(path, connection)
        # the mode stands in the file, and asking for it anew would wait for readers
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if version_of(connection) < VERSION:
            migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _for_reading(path: Path, patience: float) -> sqlite3.Connection:
    """Open for reading; where not even a lock may be written, as what never changes.

    SQLite leaves ``-shm`` and an empty ``-wal`` beside the file, for only who may write removes
    them; to read without would miss what somebody writes meanwhile.
    """
    connection = _opened(f"{path.absolute().as_uri()}?mode=ro", patience)
    try:
        try:
            tables_of(connection)
        except sqlite3.OperationalError as error:
            beside = path.with_name(path.name + "-wal")
            refused = _code(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
            if not refused or beside.exists():
                raise
            connection.close()
            connection = _opened(f"{path.absolute().as_uri()}?mode=ro&immutable=1", patience)
        _check_ours(path, connection)
        _check_up_to_date(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(uri: str, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_ROW)
    return connection


def _check_ours(path: Path, connection: sqlite3.Connection) -> None:
    there = version_of(connection)
    ours = application_of(connection) == APPLICATION
    if not ours and (there or tables_of(connection)):
        raise FileError(
            f"{path} is an SQLite file of another program: take another name for the judgements"
        )
    if ours and there > VERSION:
        raise FileError(
            f"{path} was written by a newer anglewise (format {there}; this one knows up to "
            f"{VERSION}): upgrade anglewise; nothing was changed"
        )
    if ours and there:
        _check_tables(path, connection, there)


def _check_tables(path: Path, connection: sqlite3.Connection, version: int) -> None:
    """Only our table under our name: a view there could compute anything, and without end."""
    there = definitions_of(connection)
    made = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(made, MIGRATIONS[:version])
        due = definitions_of(made)
    finally:
        made.close()
    wrong = [name for name, definition in due.items() if there.get(name) != definition]
    plain = {"table", "index"}
    wrong += [
        name
        for name, (kind, words) in there.items()
        if name not in due and (kind not in plain or words.upper().startswith("CREATE VIRTUAL"))
    ]
    if wrong:
        raise FileError(
            f"{path} is no store of judgements as anglewise makes them: {', '.join(wrong[:3])} is "
            "missing, changed or added; restore a copy of it"
        )


@contextmanager
def bounded(path: Path, connection: sqlite3.Connection) -> Generator[None, None, None]:
    """Break off a question that takes more steps than a file of this size can need.

    In a damaged file pages can point at one another, and be read again and again.
    """
    left = 100 + STEPS_A_BYTE * _bytes_of(path) // STEPS

    def over() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    connection.set_progress_handler(over, STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if left >= 0:
            raise
        raise FileError(f"{path}: {DAMAGED.format('no question about it ends')}") from error
    finally:
        connection.set_progress_handler(None, 0)


def _bytes_of(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _check_up_to_date(path: Path, connection: sqlite3.Connection) -> None:
    there = version_of(connection)
    if there < VERSION:
        raise FileError(
            f"{path} was written by an older version (format {there}): open it once for writing, "
            "which brings it up to date"
        )


def _patiently(work: Callable[[], Any], patience: float) -> Any:
    """Wait, too, for those locks that SQLite reports at once: a change to WAL, a recovery."""
    end = time.monotonic() + patience
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(PAUSE)


def roll_back(connection: sqlite3.Connection) -> None:
    """Undo what a failed transaction left, if SQLite did not do so itself."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _code(error: sqlite3.Error) -> int:
    """The primary code of an error, without the details in the higher bits."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


SAFE = "nothing of this was recorded, what was recorded before is safe"

DAMAGED = "it is damaged ({}): take a copy of it and restore from your backup"

REMEDIES = {
    sqlite3.SQLITE_FULL: f"the disk is full; {SAFE}: free some space and try again",
    sqlite3.SQLITE_IOERR: f"the disk refuses ({{}}); {SAFE}: look at the disk and try again",
    sqlite3.SQLITE_BUSY: (
        f"another program holds the file locked; {SAFE}: close that program and try again"
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


def _words(error: sqlite3.Error) -> str:
    why = " ".join(str(error).split())
    return REMEDIES.get(_code(error), "the store refuses ({})").format(why)
