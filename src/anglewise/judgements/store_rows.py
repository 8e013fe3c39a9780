"""The rows of a store: how one is recorded, and how they are saved where the store cannot be."""

import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from anglewise.data_types.numbers import as_list, check_kind, shown
from anglewise.errors import AnglewiseError, FileError, IdsError
from anglewise.judgements.connection import connect, migrate
from anglewise.judgements.records import SPAN, Judged, as_text, check_judgements_fit
from anglewise.judgements.store_errors import store_errors

NAMES = (
    *("uuid", "direction", "query_id", "item_id", "grade", "judge", "time", "source", "context"),
    *("probability", "note", *SPAN),
)
COLUMNS = ", ".join(f'"{name}"' for name in NAMES)  # END is a word of SQL

GONE = "uuid IN (SELECT takes_back FROM judgements WHERE takes_back IS NOT NULL)"
CHOSEN = "takes_back IS NULL AND (?1 IS NULL OR direction = ?1) AND (?2 IS NULL OR judge = ?2)"
# Beside a lone max() SQLite gives the other columns of the row that holds it.
CURRENT = f"""
    SELECT {COLUMNS}, max(number) AS latest FROM judgements WHERE NOT {GONE} AND {CHOSEN}
    GROUP BY direction, query_id, coalesce(document, item_id), start, "end", judge
    ORDER BY latest"""  # noqa: S608 constants
TAKEN_BACK = f"""
    SELECT {COLUMNS}, number FROM judgements WHERE {GONE} AND {CHOSEN} ORDER BY number"""  # noqa: S608


def several(judgements: Iterable[Judged]) -> list[Any]:
    """A list of what is to be recorded."""
    return as_list(judgements, "judgements", "a list of Judged is due")


def within_room(rows: sqlite3.Cursor) -> Iterator[Any]:
    """The rows of a query, as long as the memory allowed holds what is read of them."""
    with closing(rows):
        for count, row in enumerate(rows, start=1):
            check_judgements_fit(count)
            yield row


def row_of(judgement: Judged) -> list[Any]:
    """The cells of a judgement, in the order of ``NAMES``."""
    check_kind(judgement, Judged, "a judgement", "a Judged")
    values = [getattr(judgement, name) for name in NAMES]
    values[NAMES.index("context")] = as_text(judgement.context)
    return values


def add_rows(path: Path, connection: sqlite3.Connection, rows: Iterable[list[Any]]) -> None:
    """Add rows whose uuid is not there yet.

    Raises ``IdsError`` for a uuid that has other content, and where the store took judgements back
    before they came to it: they would count for nothing, and could not be taken back again.
    """
    ineffective = [row[0] for row in rows if _add(connection, row) and _is_gone(connection, row[0])]
    if ineffective:
        raise IdsError(
            f"{path} takes back {len(ineffective):,} of these judgements (such as "
            f"{shown(ineffective[0])}), which it does not hold: they would count for nothing, and "
            "nothing was recorded; take another store, or give them new uuids if you trust this one"
        )


def _add(connection: sqlite3.Connection, row: list[Any]) -> bool:
    """Add a row, and say whether it is new."""
    placeholders = ", ".join("?" * len(row))
    inserted = connection.execute(
        f"INSERT INTO judgements ({COLUMNS}) VALUES ({placeholders}) ON CONFLICT (uuid) DO NOTHING",  # noqa: S608
        row,
    )
    if inserted.rowcount:
        return True
    recorded = connection.execute(
        f"SELECT {COLUMNS} FROM judgements WHERE uuid = ?",  # noqa: S608 constants
        row[:1],
    ).fetchone()
    differ = [
        name
        for name, old, new in zip(NAMES, recorded, row, strict=True)
        if old != new and name != "time"
    ]
    if differ:
        raise IdsError(
            f"judgement {row[0]} is recorded already with another {' and '.join(differ)}: give "
            "a new judgement a uuid of its own"
        )
    return False


def _is_gone(connection: sqlite3.Connection, uuid: str) -> bool:
    rows = connection.execute("SELECT 1 FROM judgements WHERE takes_back = ?", [uuid])
    return rows.fetchone() is not None


LACKS = "lacks judgements that were recorded, since it or its -wal was removed or replaced"

ALL_COLUMNS = f"number, takes_back, {COLUMNS}"


def readable_rows(connection: sqlite3.Connection) -> list[Sequence[Any]]:
    """All rows that can still be read, with number and what they take back, oldest first."""
    rows: list[Sequence[Any]] = []
    with suppress(sqlite3.Error, UnicodeDecodeError):
        for row in connection.execute(f"SELECT {ALL_COLUMNS} FROM judgements ORDER BY number"):  # noqa: S608
            rows.append(row)  # noqa: PERF402 those before an error are kept
    return rows


def check_none_lost(path: Path, rows: Sequence[Sequence[Any]], latest: str | None) -> None:
    """Raise ``FileError`` where a closed store lacks rows that could be read before.

    They are saved in a store beside it, or where that cannot be, among the temporary files.
    ``latest`` is the uuid of the row that was recorded last.
    """
    there, readable = _uuids_in(path), {row[2] for row in rows}
    lost = len(readable - there)
    unreadable = latest is not None and latest not in there | readable
    if not lost and not unreadable:
        return
    words = [f"{path} {LACKS}"]
    words += ["what was recorded last could not even be read"] if unreadable else []
    if rows:
        saved = _saved(path, rows)
        words.append(
            f"all {len(rows):,} rows that could be read, {lost:,} of which it lacks, are in "
            f"{saved}: read them with anglewise judge import {path} {saved} (into a new store, "
            "where this one is called damaged)"
        )
    raise FileError("; ".join(words))


def _uuids_in(path: Path) -> set[Any]:
    try:
        connection, files = connect(path, read_only=True, patience=1.0)
        try:
            with store_errors(path):
                return {uuid for (uuid,) in connection.execute("SELECT uuid FROM judgements")}
        finally:
            files.close(connection)
    except AnglewiseError:
        return set[Any]()


def _saved(path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    """Write a store of these rows under a new name; it comes into its folder whole."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as store:
        migrate(store)
        placeholders = ", ".join("?" * len(rows[0]))
        store.executemany(
            f"INSERT OR IGNORE INTO judgements ({ALL_COLUMNS}) VALUES ({placeholders})",  # noqa: S608
            rows,
        )
        content = store.serialize()
    real = Path(os.path.realpath(path))
    for folder in (real.parent, None):
        try:
            handle, name = tempfile.mkstemp(".sqlite", f"{real.stem}.rescued.", folder)
        except OSError:
            continue
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # a full disk
            Path(name).unlink()
            continue
        return Path(name)
    raise FileError(
        f"{path} {LACKS}; the {len(rows):,} rows that could be read could be saved nowhere (is "
        "every disk full?) and are lost"
    )
