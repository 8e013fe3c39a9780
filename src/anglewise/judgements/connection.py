"""The SQLite file of a judgement store: its tables, their versions, and connections to it."""

import os
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from anglewise.errors import FileError
from anglewise.judgements.folder_lock import set_aside
from anglewise.judgements.store_checks import (
    bounded,
    check_counts_on,
    check_holds,
    check_none_beside,
    check_sound,
    tables_of,
)
from anglewise.judgements.store_errors import LOG_OF_ANOTHER, sqlite_code, store_errors
from anglewise.judgements.store_files import StoreFiles, hold
from anglewise.judgements.store_tables import AS_NOW, MIGRATIONS, VERSION

APPLICATION = 0x616E_676C
"""The mark in the head of our files ("angl"): SQLite files of other programs are refused."""


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables, 0 where there are none yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def application_of(connection: sqlite3.Connection) -> int:
    """The mark of the program that made the file, 0 where there is none."""
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


SQLITES_OWN = re.compile(r"table sqlite_(sequence|stat[1-4])|index sqlite_autoindex_\w+_[0-9]+")
"""Kinds and names; whoever writes into the file by other means may give such names to anything."""
PLAIN = {
    "table": re.compile("CREATE TABLE ", re.IGNORECASE),
    "index": re.compile(r"CREATE INDEX \w+ ON \w+ ?\( ?\w+( ?, ?\w+)* ?\)$", re.IGNORECASE),
}
"""What may stand in a store beside ours."""


def definitions_of(connection: sqlite3.Connection) -> list[tuple[str, str, str, str]]:
    """Name, type, table and SQL of all that is in the file, but for what SQLite itself keeps there.

    A name may stand there twice: SQLite keeps the names of triggers apart from those of tables.
    """
    rows = connection.execute("SELECT name, type, tbl_name, sql FROM sqlite_master")
    return [
        (str(name), str(kind), str(table), " ".join(str(words or "").split()))
        for name, kind, table, words in rows
        if not (SQLITES_OWN.fullmatch(f"{kind} {name}") and (words is None or kind == "table"))
    ]


def migrate(connection: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring the tables to the latest version in one transaction; several programs may try at once.

    >>> connection = sqlite3.connect(":memory:", isolation_level=None)
    >>> migrate(connection)
    >>> version_of(connection) == VERSION
    True
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection)
        for script in migrations[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        if version < len(migrations):
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def _statements(script: str) -> list[str]:
    """The statements of a script; a semicolon within a trigger ends none."""
    statements: list[str] = []
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement) and piece.strip():
            statements.append(statement)
            statement = ""
    return statements


LATEST = "SELECT number, uuid FROM judgements ORDER BY number DESC LIMIT 1"
"""The row that was added last."""

LONGEST_ROW = 1 << 24
"""More bytes than any row of judgements has: a longer one is damaged."""

PAUSE = 0.02
"""Seconds between two attempts at a lock for which SQLite itself does not wait."""

PAGES_IN_LOG = 100
"""Pages in the ``-wal`` from which on SQLite copies them into the store; an answer takes some five.

With SQLite's own 1,000 the store itself would hold nothing of the first two hundred answers. With
50, adding one after another takes a quarter longer; with 100 a sixth.
"""


def connect(
    path: Path, *, read_only: bool, patience: float
) -> tuple[sqlite3.Connection, StoreFiles]:
    """Open a store; for writing, make a missing one and bring its tables up to date.

    Its files, which come with it, are to be closed together with the connection.
    """
    _check_file(path, read_only=read_only)
    with store_errors(path):
        if not read_only:
            check_none_beside(path)
            _make_missing(path)
        try:
            files = hold(path, empty=not read_only)
        except PermissionError as error:
            raise FileError(
                f"{path} may not be read ({error.strerror}): mend its rights"
            ) from error
        try:
            connection = _patiently(
                lambda: (
                    _open_for_reading(path, patience, files)
                    if read_only
                    else _open_for_writing(path, patience, files)
                ),
                patience,
            )
            try:
                if not read_only:
                    files.mark_log()
                files.settle(None if read_only else connection.execute(LATEST).fetchone())
            except BaseException:
                files.keep_log()
                connection.close()
                raise
        except BaseException:
            files.close()
            raise
        return connection, files


def _check_file(path: Path, *, read_only: bool) -> None:
    try:
        path.exists()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise FileError(f"{path} cannot be looked up ({error.strerror}): mend the path") from error
    if path.is_dir():
        raise FileError(f"{path} is a folder where a file of judgements is due")
    if path.exists() and not path.is_file():
        raise FileError(f"{path} is a pipe or a device where a file of judgements is due")
    aside = None if path.exists() else set_aside(path)
    if not path.exists():
        if aside:
            raise FileError(aside)
        if read_only:
            raise FileError(f"{path} does not exist: nothing was judged there yet")
        if not path.parent.is_dir():
            raise FileError(f"{path} cannot be made: the folder {path.parent} does not exist")


def _uri(path: Path, mode: str) -> str:
    return f"{path.absolute().as_uri()}?mode={mode}"


def _make_missing(path: Path) -> None:
    """Make an empty file where there is none; another process may do so at the same moment."""
    if path.exists():
        return
    real = os.path.realpath(path)  # a link may lead to what is not there yet
    try:
        os.close(os.open(real, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        return
    except OSError as error:
        raise FileError(
            f"{path} cannot be made ({error.strerror}): take a folder to which you may write"
        ) from error


def _open_for_writing(path: Path, patience: float, files: StoreFiles) -> sqlite3.Connection:
    if not files.is_write_ahead:
        _write_ahead(path, files)
    connection = _connected(_uri(path, "rw"), patience)
    try:
        _look_first(path, connection, files)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_IN_LOG}")
        if version_of(connection) < VERSION:
            migrate(connection)
            copy_log(connection)
            files.remember(files.latest)
        check_counts_on(path, connection)
    except BaseException:
        files.keep_log()
        connection.close()
        raise
    return connection


def _look_first(path: Path, connection: sqlite3.Connection, files: StoreFiles) -> None:
    """Read a store for the first time, to write to it, and check what is in it."""
    has_log = files.has_log
    with files.no_journal(read_only=False):
        _check_ours(path, connection)
    if not files.is_checked:
        if has_log:
            check_own_log(path, connection)
        check_sound(path, connection, whole=has_log)
        files.mark_checked()


def _write_ahead(path: Path, files: StoreFiles) -> None:
    """Have SQLite write into a ``-wal`` first from now on.

    That changes some bytes at the start of the file, which are written at once: a ``-journal`` for
    them, which SQLite would leave behind where the program is killed, is not needed. SQLite keeps
    its lock meanwhile, so that it looks for journals of others once, at first.
    """
    connection = _connected(_uri(path, "rw"), 0)  # while one waits, others would wait for its lock
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _look_first(path, connection, files)
        connection.execute("PRAGMA journal_mode = OFF")
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise FileError(f"{path} lies where SQLite keeps no -wal: take a local disk")
    finally:
        connection.close()


def copy_log(connection: sqlite3.Connection) -> None:
    """Copy what lies in the ``-wal`` into the store, as far as nobody is in the way.

    Nothing is lost where that fails, as on a full disk: it stays in the ``-wal``.
    """
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _open_for_reading(path: Path, patience: float, files: StoreFiles) -> sqlite3.Connection:
    """Open without writing; as an immutable file where not even a lock may be written.

    SQLite leaves ``-shm`` and an empty ``-wal`` beside the file, which only a writer may remove;
    reading without them would miss what is being written. A ``-wal`` may be left of a program that
    was killed, and the store another since: half of each would be read.
    """
    has_log = files.has_log
    connection = _connected(_uri(path, "ro"), patience)
    try:
        with files.no_journal(read_only=True):
            try:
                tables_of(connection)
            except sqlite3.OperationalError as error:
                wal = path.with_name(path.name + "-wal")
                refused = sqlite_code(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
                if not refused or wal.exists():
                    raise
                connection.close()
                connection = _connected(_uri(path, "ro&immutable=1"), patience)
            _check_ours(path, connection)
        _read_as_now(path, connection)
        if has_log and not files.is_checked:
            check_own_log(path, connection)
            check_sound(path, connection, whole=True)
            files.mark_checked()
    except BaseException:
        connection.close()
        raise
    return connection


ROWS = "SELECT number, uuid FROM judgements ORDER BY number"


def check_own_log(path: Path, connection: sqlite3.Connection) -> None:
    """Raise ``FileError`` where the ``-wal`` beside a store is that of another.

    Rows are never changed or removed. So each row of the file itself stands as it is where the
    ``-wal`` counts too, unless the file was put in the place of the one to which the ``-wal``
    belongs, which a program left there that was killed. What a file holds into which a ``-wal`` was
    copied in part may not be readable without it.
    """
    alone = _connected(_uri(path, "ro&immutable=1"), 0)
    with (
        closing(alone),
        bounded(path, connection),
        bounded(path, alone),
        closing(connection.cursor()) as together,  # an open one keeps SQLite from closing the file
        closing(alone.cursor()) as rows,
    ):
        if version_of(connection):
            together.execute(ROWS)
        number, uuid = 0, ""
        for row in _readable(path, alone, rows):
            while number < row[0]:
                number, uuid = together.fetchone() or (1 << 63, "")  # above every number
            if (number, uuid) != row:
                raise FileError(f"{path}: {LOG_OF_ANOTHER}")


def _readable(
    path: Path, connection: sqlite3.Connection, rows: sqlite3.Cursor
) -> Generator[tuple[int, str]]:
    """Number and uuid of each row that can be read."""
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        if version := version_of(connection):
            check_tables(path, connection, version)
            yield from rows.execute(ROWS)


def check_content(
    path: Path, connection: sqlite3.Connection, latest: tuple[int, str] | None
) -> None:
    """Raise ``FileError`` where an open store is not sound, or lacks the row added last."""
    check_sound(path, connection, whole=True)
    check_tables(path, connection)
    check_own_log(path, connection)
    check_holds(path, connection, latest)


def _connected(uri: str, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_ROW)
    return connection


def _check_ours(path: Path, connection: sqlite3.Connection) -> None:
    # at one moment, or else what another process makes meanwhile looks half like our own
    connection.execute("BEGIN")
    try:
        version = version_of(connection)
        ours = application_of(connection) == APPLICATION
        foreign = not ours and (version or tables_of(connection))
    finally:
        roll_back(connection)
    if foreign:
        raise FileError(
            f"{path} is an SQLite file of another program: take another name for the judgements"
        )
    if ours and version > VERSION:
        raise FileError(
            f"{path} was written by a newer anglewise (format {version}; this one knows up to "
            f"{VERSION}): upgrade anglewise; nothing was changed"
        )
    if ours and version:
        check_tables(path, connection, version)


def check_tables(path: Path, connection: sqlite3.Connection, version: int = VERSION) -> None:
    """Refuse a file with other definitions than ours: a view could compute without end.

    Other tables may stand in it, and indexes of columns alone: one of what is computed, or of
    what may come but once, would slow or refuse the answers that are kept.
    """
    reference = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(reference, MIGRATIONS[:version])
        ours = Counter(definitions_of(reference))
    finally:
        reference.close()
    definitions = Counter(definitions_of(connection))
    names = {name for name, *_ in ours}
    wrong = [name for name, *_ in (ours - definitions).elements()]
    wrong += [
        name
        for name, kind, _, sql in (definitions - ours).elements()
        if name in names or not (kind in PLAIN and PLAIN[kind].match(sql))
    ]
    wrong = list(dict.fromkeys(wrong))
    if wrong:
        raise FileError(
            f"{path} is no store of judgements as anglewise makes them: {', '.join(wrong[:3])} is "
            "missing, changed or added; restore a copy of it"
        )


def _read_as_now(path: Path, connection: sqlite3.Connection) -> None:
    """Have the tables of an older version read as those of this one; nothing is written."""
    version = version_of(connection)
    if version in AS_NOW:
        connection.execute(AS_NOW[version])
    elif version < VERSION:
        raise FileError(
            f"{path} was written by an older version (format {version}): open it once for writing, "
            "which brings it up to date"
        )


def _patiently(work: Callable[[], Any], patience: float) -> Any:
    """Wait also for locks that SQLite reports at once: during a change to WAL, or a recovery."""
    end = time.monotonic() + patience
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if sqlite_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(PAUSE * (1 + os.getpid() % 7 / 7))  # or else several stay in step


def roll_back(connection: sqlite3.Connection) -> None:
    """Roll back a failed transaction, if SQLite did not do so itself."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
