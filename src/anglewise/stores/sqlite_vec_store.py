"""``sqlite-vec:///file.sqlite/table``: a virtual table of sqlite-vec in a file of SQLite.

The column of vectors is the one that there is, or ``?vector=``; ids are the primary key, or the
numbers of the rows. sqlite-vec always scans, by the metric that its column was made with: l2 where
none was named. It has no inner product.

Python's own sqlite3 often cannot load extensions; then that of pysqlite3-binary is taken.
"""

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, ClassVar
from urllib.parse import quote

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import (
    AnglewiseError,
    CollectionExistsError,
    MissingExtraError,
    NoCollectionError,
    StoreError,
)
from anglewise.io.destinations import is_of_store
from anglewise.stores.address import KINDS, Address
from anglewise.stores.foreign_files import check_beside_sqlite
from anglewise.stores.sql_rows import known_of, quoted
from anglewise.stores.vector_store import (
    BATCH,
    Described,
    Layout,
    Listed,
    Metric,
    StoredRows,
    VectorStore,
    as_batch,
    rows_of_metadata,
    saying,
)

COLUMN = re.compile(
    r"""["'`\[]?(?P<name>\w+)["'`\]]?\s+(?P<kind>[a-z]\w*)\s*\[\s*(?P<size>\d+)\s*\](?P<rest>[^,]*)""",
    re.IGNORECASE,
)
"""A column of vectors, as the statement that made the table has it."""
METRIC = re.compile(r"distance_metric\s*=\s*(\w+)", re.IGNORECASE)
KNOWN = {"l2": "l2", "l1": "l1", "cosine": "cosine"}
MANIFESTS = (
    "CREATE TABLE IF NOT EXISTS anglewise_manifests "
    "(name TEXT PRIMARY KEY COLLATE NOCASE, text TEXT)"
)
KEEP = "INSERT OR REPLACE INTO anglewise_manifests VALUES (?, ?)"
RECALL = "SELECT text FROM anglewise_manifests WHERE name = ?"
RENAME = "UPDATE anglewise_manifests SET name = ? WHERE name = ?"
FORGET = "DELETE FROM anglewise_manifests WHERE name = ?"
"""The table with the texts that travel with tables, and what is asked of it."""
PARTS = re.compile(r"(info|chunks|rowids|auxiliary|vector_chunks\d\d)")
"""How the names of the plain tables end in which a virtual one lies that we made."""
PATIENCE = 10
"""Seconds that another program may hold the file."""


class SqliteVecStore(VectorStore):
    """A virtual table of sqlite-vec."""

    supported: ClassVar[Mapping[Metric, str]] = {
        "cosine": "cosine",
        "euclidean": "l2",
        "manhattan": "l1",
    }
    options = frozenset({"vector"})
    batch = 5_000

    def __init__(self, address: Address, connection: Any = None) -> None:
        super().__init__(address)
        self.is_new_file = False
        self.connection = _connection(address) if connection is None else connection
        try:
            self._read_table()
        except AnglewiseError:
            self.connection.close()
            raise

    def _read_table(self) -> None:
        """What the table is made of."""
        address = self.address
        found = self._execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE",
            [address.name],
        )
        if not found:
            others = [name for name, sql in self._tables() if _is_vec(sql)]
            raise NoCollectionError(
                f"{address}: there is no table {address.name!r}; of sqlite-vec there are "
                f"{', '.join(others) or 'none'}"
            )
        sql: str = found[0][0] or ""
        if not _is_vec(sql):
            raise StoreError(f"{address}: the table {address.name!r} is none of sqlite-vec (vec0)")
        columns = {one["name"]: one for one in COLUMN.finditer(sql.partition("(")[2])}
        self.column = address.option("vector", next(iter(columns), ""))
        if self.column not in columns:
            raise StoreError(
                f"{address}: the table has no vectors {self.column!r}; it has "
                f"{', '.join(columns) or 'none'} (?vector=COLUMN)"
            )
        if len(columns) > 1 and "vector" not in address.options:
            raise StoreError(
                f"{address}: rows have several vectors, {', '.join(columns)}: say which "
                "(?vector=COLUMN)"
            )
        self.kind, self.dimension = columns[self.column]["kind"], int(columns[self.column]["size"])
        if self.kind.lower() not in {"float", "f32", "float32"}:
            raise StoreError(f"{address}: {self.column!r} holds {self.kind}, and float is due")
        rest = columns[self.column]["rest"]
        named = METRIC.search(rest)
        self.metric = named[1].lower() if named else "l2"
        self.is_plain = not METRIC.sub("", rest).strip(" \n\t)")
        about = self._execute(f"PRAGMA table_xinfo({quoted(address.name)})")
        visible = [(name, key) for _, name, _, _, _, key, hidden in about if not hidden]
        self.id = next((name for name, key in visible if key), "rowid")
        self.others = [name for name, _ in visible if name not in {self.id, self.column, *columns}]

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "SqliteVecStore":
        """A table with the columns id, vector and metadata, in a new file or one that is there."""
        if layout.metric not in cls.supported:
            raise StoreError(f"sqlite-vec has no metric {layout.metric!r}")
        if "judgements" in is_of_store(address.folder):
            raise StoreError(f"{address}: this is where judgements are kept: name another file")
        is_new = not address.folder.exists()
        connection = _connection(address, may_make=True)
        try:
            if mark := connection.execute("PRAGMA application_id").fetchone()[0]:
                raise StoreError(
                    f"{address}: the file is that of another program (its application_id is "
                    f"{mark}), as a store of judgements is: name another file"
                )
            _made(connection, address, layout.dimension, cls.supported[layout.metric])
        finally:
            connection.close()
        store = cls(address)
        store.is_new_file = is_new
        return store

    def _sql(self, text: str, **names: str) -> str:
        """A statement with the names of the table and its columns in it."""
        own = {"table": self.address.name, "vector": self.column, "id": self.id, **names}
        return text.format_map({key: quoted(name) for key, name in own.items()})

    def _execute(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with _saying(self.address):
            return self.connection.execute(query, values).fetchall()

    def _tables(self) -> list[tuple[str, str]]:
        query = "SELECT name, coalesce(sql, '') FROM sqlite_master WHERE type = 'table'"
        return sorted(self._execute(query))

    @contextmanager
    def _writing(self) -> Generator[Any]:
        """One transaction."""
        with _saying(self.address), _transaction(self.connection):
            yield self.connection

    def described(self) -> Described:
        """From the statement that made the table."""
        version = self._execute("SELECT vec_version()")[0][0]
        count = self._execute(self._sql("SELECT count(*) FROM {table}"))[0][0]
        index = "scan" if self.is_plain else "unknown"
        return Described(f"sqlite-vec {version}", self.dimension, count, self.metric, index)

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """``WHERE vector MATCH query AND k = k``; where SQLite shows NULL, the number is nan."""
        if effort:
            raise StoreError(f"{self.address}: a scan has no {', '.join(effort)}")
        query = self._sql(
            "SELECT {id}, distance FROM {table} WHERE {vector} MATCH ? AND k = ? ORDER BY distance"
        )
        return [
            [
                (str(name), np.nan if far is None else float(far))
                for name, far in self._execute(query, [row.tobytes(), k])
            ]
            for row in as_batch(queries)
        ]

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """By a cursor, all other columns as metadata."""
        others = {f"other{i}": name for i, name in enumerate(self.others)}
        names = ", ".join(f"{{{key}}}" for key in ("id", "vector", *others))
        query = self._sql(f"SELECT {names} FROM {{table}}", **others)  # noqa: S608 quoted names
        with _saying(self.address):
            cursor = self.connection.execute(query)
        while True:
            with _saying(self.address):
                found = cursor.fetchmany(batch)
            if not found:
                return
            vectors = np.frombuffer(b"".join(row[1] for row in found), np.float32)
            yield StoredRows(
                [str(row[0]) for row in found],
                as_batch(vectors.reshape(-1, self.dimension)),
                [known_of(dict(zip(self.others, row[2:], strict=True))) for row in found],
            )

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By their ids, one after the other."""
        query = self._sql("SELECT {vector} FROM {table} WHERE {id} = ?")
        out: dict[str, Array] = {}
        for name in ids:
            key: Any = int(name) if self.id == "rowid" else name
            if found := self._execute(query, [key]):
                out[name] = np.frombuffer(found[0][0], np.float32)
        return out

    def twin(self, name: str) -> "SqliteVecStore":
        """An empty table like it in memory: nothing is written for a test."""
        address = self.address.called(name)
        connection = _loaded(address, ":memory:")
        _made(connection, address, self.dimension, self.metric)
        return SqliteVecStore(address, connection)

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """All rows of a call or none of them."""
        if self.others not in ([], ["metadata"]):
            raise StoreError(f"{self.address}: rows are added to what export wrote, not to others")
        rows = zip(ids, as_batch(vectors), rows_of_metadata(metadata, len(ids)), strict=True)
        with self._writing() as connection:
            connection.executemany(
                self._sql("INSERT INTO {table} (id, vector, metadata) VALUES (?, ?, ?)"),
                (
                    (name, vector.tobytes(), json.dumps(dict(about), default=str))
                    for name, vector, about in rows
                ),
            )

    def finish(self) -> None:
        """Nothing to do: there is no index."""

    def take_place(self, address: Address) -> None:
        """In one transaction the old table goes, and the new one and its parts take its name.

        A virtual table lies in several plain ones, which SQLite does not rename with it.
        """
        new, old = address.name, self.address.name
        with self._writing() as connection:
            connection.execute(f"DROP TABLE IF EXISTS {quoted(new)}")
            start = f"{old}_"
            names = [name for name, _ in self._tables() if name.startswith(start)]
            parts = [name for name in names if PARTS.fullmatch(name.removeprefix(start))]
            for name in (old, *parts):
                renamed = new + name.removeprefix(old)
                connection.execute(f"ALTER TABLE {quoted(name)} RENAME TO {quoted(renamed)}")
            if self._has_manifests():
                connection.execute(FORGET, [new])
                connection.execute(RENAME, [new, old])
        self.connection.close()  # what it has prepared is for the old name
        self.__init__(self.address.called(new))

    def drop(self) -> None:
        """Drop the table, and the file where it was made for it and holds nothing else."""
        with self._writing() as connection:
            connection.execute(self._sql("DROP TABLE {table}"))
            if self._has_manifests():
                connection.execute(FORGET, [self.address.name])
        if self.is_new_file and not any(_is_vec(sql) for _, sql in self._tables()):
            self.close()
            self.address.folder.unlink(missing_ok=True)

    def scratches(self) -> list[str]:
        """None: tests are made in memory."""
        return []

    def _has_manifests(self) -> bool:
        return any(name == "anglewise_manifests" for name, _ in self._tables())

    def manifest(self) -> str | None:
        """From a table beside it."""
        if not self._has_manifests():
            return None
        found = self._execute(RECALL, [self.address.name])
        return found[0][0] if found and isinstance(found[0][0], str) else None

    def write_manifest(self, text: str) -> None:
        """Into a table beside it."""
        with self._writing() as connection:
            connection.execute(MANIFESTS)
            connection.execute(KEEP, [self.address.name, text])

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def _made(connection: Any, address: Address, dimension: int, metric: str) -> None:
    """Make a table; ``CollectionExistsError`` where there is one of the name."""
    word = KNOWN[metric]
    statement = (
        f"CREATE VIRTUAL TABLE {quoted(address.name)} USING vec0(id TEXT PRIMARY KEY, "
        f"vector float[{dimension}] distance_metric={word}, +metadata TEXT)"
    )
    try:
        with _transaction(connection):
            connection.execute(statement)
    except Exception as error:
        if "already exists" in str(error):
            raise CollectionExistsError(f"{address}: there is a table of this name") from error
        with _saying(address):
            raise


@contextmanager
def _transaction(connection: Any) -> Generator[None]:
    connection.execute("PRAGMA query_only = 0")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    else:
        connection.execute("COMMIT")
    finally:
        connection.execute("PRAGMA query_only = 1")


def _is_vec(sql: str) -> bool:
    return re.search(r"\busing\s+vec0\b", sql, re.IGNORECASE) is not None


def _sqlite() -> Any:
    """The first module of SQLite that can load an extension."""
    for name in ("sqlite3", "pysqlite3"):
        try:
            module = import_module(name)
        except ImportError:
            continue
        if hasattr(module.Connection, "enable_load_extension"):
            return module
    raise MissingExtraError(
        "this Python's sqlite3 loads no extensions, and pysqlite3 is not there: "
        "pip install 'anglewise[sqlite-vec]' (its wheel is for Linux on x86-64; elsewhere take a "
        "Python whose sqlite3 loads extensions, as those of Debian and Homebrew do)"
    )


def _loaded(address: Address, place: str) -> Any:
    extension, sqlite = library("sqlite_vec", "sqlite-vec", needed_by="store"), _sqlite()
    with _saying(address):
        connection = sqlite.connect(
            place, isolation_level=None, uri=place.startswith("file:"), timeout=PATIENCE
        )
        try:
            connection.enable_load_extension(True)
            extension.load(connection)
            connection.enable_load_extension(False)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except BaseException:
            connection.close()
            raise
    return connection


def _connection(address: Address, *, may_make: bool = False) -> Any:
    """The file, open for writing so that SQLite can undo what a killed program left half-done."""
    path = address.folder
    if not may_make and not path.is_file():
        example = KINDS[address.kind].example
        raise NoCollectionError(f"{address}: there is no file {path} (write {example})")
    check_beside_sqlite(path)
    connection = _loaded(address, f"file:{quote(str(path))}?mode={'rwc' if may_make else 'rw'}")
    connection.execute("PRAGMA query_only = 1")
    return connection


def _saying(address: Address) -> AbstractContextManager[None]:
    return saying(address, "SQLite")
