"""Damage to stores of judgements: cells of other kinds, tables gone, other versions."""

import sqlite3
from random import Random
from typing import Any

from fuzz.strange import number, word

COLUMNS = ("uuid", "takes_back", "direction", "query_id", "item_id", "grade", "judge", "time")
COLUMNS += ("source", "context", "probability", "note", "number")
DEEDS = (
    *(
        "DROP TABLE judgements",
        "ALTER TABLE judgements ADD COLUMN more TEXT",
        "PRAGMA user_version=0",
    ),
    *("PRAGMA user_version=2", "PRAGMA user_version=-1", "PRAGMA application_id=7", "VACUUM"),
    *("DELETE FROM judgements", "CREATE VIEW more AS SELECT 1", "PRAGMA journal_mode=WAL"),
    "ALTER TABLE judgements RENAME COLUMN note TO remark",
    "ALTER TABLE judgements RENAME TO old",
    "INSERT INTO judgements SELECT * FROM judgements",
)


def sqlite_file(data: bytes, rng: Random) -> bytes:
    """What another program may have done to it."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.deserialize(data)
        for name in ("never_changed", "never_removed"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        connection.execute("PRAGMA ignore_check_constraints=1")
        for _ in range(rng.choice((1, 1, 2))):
            if rng.random() < 0.25:
                connection.execute(rng.choice(DEEDS))
            else:
                # The name is one of ours.
                column = rng.choice(COLUMNS)
                where = "" if rng.random() < 0.2 else f" WHERE number % 5 = {rng.randrange(5)}"
                sql = f"UPDATE OR REPLACE judgements SET {column} = ?{where}"  # noqa: S608
                connection.execute(sql, [_cell(column, rng)])
        return connection.serialize()
    finally:
        connection.close()


def _cell(column: str, rng: Random) -> Any:
    if column == "context" and rng.random() < 0.5:
        return rng.choice(("[]", "null", "{", "1", '{"a":' * 2000, '{"depth": "x"}', "{}"))
    text = word(rng) if rng.random() < 0.5 else number(rng)
    text = text.encode("utf-8", "replace").decode()
    return rng.choice((None, text, 0, -1, 1.5, 1e308, float("inf"), 2**63 - 1, b"\xff\x00", text))
