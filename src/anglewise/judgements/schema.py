"""The tables of a store of judgements, and the way from every older version to this one."""

import sqlite3

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
        connection.execute("ROLLBACK")
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
