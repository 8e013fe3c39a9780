"""The tables of a judgement store: every version of them, and how one becomes the next."""

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
    """
    ALTER TABLE judgements ADD COLUMN document TEXT;
    ALTER TABLE judgements ADD COLUMN start INTEGER;
    ALTER TABLE judgements ADD COLUMN "end" INTEGER;
    ALTER TABLE judgements ADD COLUMN digest TEXT;
    """,
)
"""Script n turns version n of the tables into version n + 1; a released one is never changed."""

VERSION = len(MIGRATIONS)

AS_NOW = {
    1: """
    CREATE TEMP VIEW judgements AS
    SELECT *, NULL AS document, NULL AS start, NULL AS "end", NULL AS digest FROM main.judgements
    """
}
"""How an older version is read, where it cannot be brought up to date, as if it were this one."""
