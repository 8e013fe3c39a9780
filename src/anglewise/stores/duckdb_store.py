"""``duckdb:///file.duckdb/table``: a table of DuckDB with a column of vectors (``FLOAT[n]``).

The column is ``vector`` or ``?vector=``, ids are in ``id`` or ``?id=``. In DuckDB the question
names the function, and thus the distance: here it is the one that an index answers, as the plan of
a query says, or that of a manifest which our export left, or ``?metric=`` (``l2sq``, ``cosine``,
``ip``). Any other function sorts all rows, without a word.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from anglewise.data_types.typing import Array, Float32
from anglewise.errors import (
    AnglewiseError,
    CollectionExistsError,
    NoCollectionError,
    SpellingError,
    StoreError,
)
from anglewise.stores.address import Address
from anglewise.stores.duckdb_connection import (
    FILE,
    MEMORY,
    attach,
    connection_to,
    duckdb_library,
    duckdb_version,
    saying_duckdb,
)
from anglewise.stores.known_rows import rows_table
from anglewise.stores.sql_rows import known_of, quoted
from anglewise.stores.vector_store import (
    BATCH,
    GRAPH,
    Described,
    Layout,
    Listed,
    Metric,
    StoredRows,
    VectorStore,
    as_batch,
    exported_for,
    rows_of_metadata,
)

WORDS: dict[Metric, str] = {"dot": "ip", "cosine": "cosine", "euclidean": "l2sq"}
FUNCTIONS = {
    "ip": "array_negative_inner_product",
    "cosine": "array_cosine_distance",
    "l2sq": "array_distance",
}
"""What a question calls under each metric of an index; of ``l2sq`` it shows the root."""
M, EF_CONSTRUCTION = 32, 200


class DuckdbStore(VectorStore):
    """A table of DuckDB with vectors."""

    supported: ClassVar[Mapping[Metric, str]] = WORDS
    options = frozenset({"vector", "id", "metric"})
    effort_names = ("ef",)
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 128}, {"ef": 512}, {"ef": 1024})
    build_parameters = GRAPH
    batch = 20_000

    def __init__(self, address: Address, connection: Any = None, *, database: str = FILE) -> None:
        super().__init__(address)
        self.database, self._owned = database, connection is None
        self.connection = connection_to(address) if connection is None else connection
        self.column, self.id = address.option("vector", "vector"), address.option("id", "id")
        self.layout: Layout | None = None
        self.is_new_file = False
        try:
            self.dimension = self._dimension()
            self.metric, self.is_indexed = self._metric()
        except AnglewiseError:
            self.close()
            raise

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "DuckdbStore":
        """A table with the columns id, vector and metadata; the index is built at the end."""
        if layout.metric not in cls.supported:
            raise StoreError(f"DuckDB has no metric {layout.metric!r}")
        is_new = not address.folder.exists()
        connection = connection_to(address, writes=True)
        try:
            _made(connection, address, layout.dimension, FILE)
        except BaseException:
            connection.close()
            raise
        store = cls._reopened(address, layout, connection)
        store.is_new_file = is_new
        return store

    @classmethod
    def reopen(cls, address: Address, layout: Layout) -> "DuckdbStore":
        """With the layout in mind: the index is built at the end."""
        return cls._reopened(address, layout, connection_to(address, writes=True))

    @classmethod
    def _reopened(cls, address: Address, layout: Layout, connection: Any) -> "DuckdbStore":
        plain = replace(address, options={"metric": WORDS[layout.metric]})
        store = cls(plain, connection)
        store.layout, store._owned = layout, True
        return store

    def _sql(self, text: str, word: str = "", **names: str) -> str:
        """A statement with the names of the table and its columns, and the function of a metric."""
        own = {"vector": self.column, "id": self.id, **names}
        return text.format(
            table=f"{quoted(self.database)}.{quoted(self.address.name)}",
            function=FUNCTIONS.get(word, ""),
            size=self.dimension,
            **{key: quoted(name) for key, name in own.items()},
        )

    def _execute(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with saying_duckdb(self.address):
            return self.connection.execute(query, list(values)).fetchall()

    def _dimension(self) -> int:
        columns = dict(
            self._execute(
                "SELECT column_name, data_type FROM duckdb_columns() "
                "WHERE database_name = ? AND schema_name = 'main' AND lower(table_name) = lower(?)",
                [self.database, self.address.name],
            )
        )
        self._check_is_stored()
        if not columns:
            names = self._tables()
            raise NoCollectionError(
                f"{self.address}: there is no table {self.address.name!r}; there are "
                f"{', '.join(names) or 'none'}"
            )
        for column in (self.column, self.id):
            if column not in columns:
                raise StoreError(
                    f"{self.address}: the table has no column {column!r}; it has "
                    f"{', '.join(columns)} (?vector=COLUMN&id=COLUMN)"
                )
        kind = columns[self.column]
        size = kind.removeprefix("FLOAT[").removesuffix("]")
        if not kind.startswith("FLOAT[") or not size.isdecimal():
            raise StoreError(
                f"{self.address}: the column {self.column!r} holds {kind}, and FLOAT[n] is due"
            )
        return int(size)

    def _check_is_stored(self) -> None:
        """Raise ``StoreError`` for a view, or a column that is computed: it may never end."""
        values = [self.database, self.address.name]
        views = (
            "SELECT view_name FROM duckdb_views() "
            "WHERE database_name = ? AND schema_name = 'main' AND lower(view_name) = lower(?)"
        )
        if self._execute(views, values):
            raise StoreError(
                f"{self.address}: {self.address.name!r} is a view, which may read anything and "
                "take for ever: make a table of it (CREATE TABLE ... AS)"
            )
        tables = (
            "SELECT sql FROM duckdb_tables() "
            "WHERE database_name = ? AND schema_name = 'main' AND lower(table_name) = lower(?)"
        )
        if any("GENERATED ALWAYS" in str(sql).upper() for (sql,) in self._execute(tables, values)):
            raise StoreError(
                f"{self.address}: a column of it is computed (GENERATED ALWAYS), which may take "
                "for ever: make a table of it (CREATE TABLE ... AS)"
            )

    def _tables(self) -> list[str]:
        query = "SELECT DISTINCT table_name FROM duckdb_columns() WHERE database_name = ?"
        return sorted(name for (name,) in self._execute(query, [self.database]))

    def _metric(self) -> tuple[str, bool]:
        """The metric that is named, that which an index answers, or that of a manifest."""
        fitting = [word for word in FUNCTIONS if self._answers(word)]
        named = self.address.option("metric", "")
        if named and named not in FUNCTIONS:
            raise SpellingError(f"{self.address}: DuckDB's metrics are {', '.join(FUNCTIONS)}")
        if not named and len(fitting) != 1:
            due = exported_for(self.manifest())
            named = next((word for metric, word in WORDS.items() if metric == due), "")
        word = named or (fitting[0] if len(fitting) == 1 else "")
        return word, word in fitting

    def _answers(self, word: str) -> bool:
        """Whether an index answers a question of a metric, by its plan."""
        plan = self._execute(f"EXPLAIN {self._question(word)}", [[1.0] * self.dimension, 10])
        return any("HNSW_INDEX_SCAN" in text for _, text in plan)

    def _question(self, word: str) -> str:
        """How a program asks by the function of a metric."""
        return self._sql(
            "SELECT {id}::VARCHAR, {function}({vector}, ?::FLOAT[{size}]) AS far FROM {table} "
            "ORDER BY far LIMIT ?",
            word,
        )

    def _by(self) -> str:
        if not self.metric:
            raise StoreError(
                f"{self.address}: in DuckDB the question names the function, and neither one index "
                "nor a manifest does: say which your program uses (?metric=l2sq is array_distance, "
                "cosine array_cosine_distance, ip array_negative_inner_product)"
            )
        return self._question(self.metric)

    def described(self) -> Described:
        """As the catalogue and the plan of a query say it."""
        count = self._execute(self._sql("SELECT count(*) FROM {table}"))[0][0]
        index = "graph (hnsw)" if self.is_indexed else "scan"
        return Described(
            f"DuckDB {duckdb_version()}",
            self.dimension,
            count,
            self.metric,
            index if self.metric else "unknown",
        )

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """``ORDER BY function(vector, query) LIMIT k``, with the number that the function gives."""
        query = self._by()
        for name, value in (effort or {}).items():
            if name != "ef" or not self.is_indexed:
                raise StoreError(f"{self.address}: a search of it has no {name}")
            self._execute(f"SET hnsw_ef_search = {int(value)}")
        try:
            return [
                [
                    (name, float(far))
                    for name, far in self._execute(query, [row.tolist(), k])
                    if far is not None  # a row without a vector
                ]
                for row in as_batch(queries)
            ]
        finally:
            if effort:
                self._execute("RESET hnsw_ef_search")

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """As Arrow gives them, all other columns as metadata."""
        query = self._sql("SELECT * FROM {table} WHERE {vector} IS NOT NULL")
        with saying_duckdb(self.address):
            cursor = self.connection.cursor()  # others are asked meanwhile
            reader = cursor.execute(query).to_arrow_reader(batch)
        for part in reader:
            lists = {name: part.column(name) for name in part.schema.names}
            flat = lists.pop(self.column).flatten().to_numpy(zero_copy_only=False)
            ids = [str(name) for name in lists.pop(self.id).to_pylist()]
            others = {name: column.to_pylist() for name, column in lists.items()}
            cells = [{name: c[i] for name, c in others.items()} for i in range(len(ids))]
            vectors = as_batch(flat.reshape(-1, self.dimension))
            yield StoredRows(ids, vectors, [known_of(row) for row in cells])

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By their ids."""
        query = self._sql(
            "SELECT {id}::VARCHAR, {vector} FROM {table} "
            "WHERE list_contains(?::VARCHAR[], {id}::VARCHAR) AND {vector} IS NOT NULL"
        )
        return {
            name: np.array(vector, np.float32) for name, vector in self._execute(query, [list(ids)])
        }

    def twin(self, name: str) -> "DuckdbStore":
        """An empty table like it, with an index where there is one."""
        self._by()
        kind = "graph" if self.is_indexed else "scan"
        return self.of_layout(name, Layout(self.dimension, _metric_of(self.metric), kind))

    def of_layout(self, name: str, layout: Layout) -> "DuckdbStore":
        """A table in memory, so that the file stays as it is; the index is built at the end."""
        address = replace(self.address, name=name, options={"metric": WORDS[layout.metric]})
        _made(self.connection, address, layout.dimension, MEMORY)
        store = DuckdbStore(address, self.connection, database=MEMORY)
        store.layout = layout
        return store

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """All rows of a call or none of them."""
        rows = rows_table(ids, as_batch(vectors), rows_of_metadata(metadata, len(ids)))
        self._write()
        with saying_duckdb(self.address):
            self.connection.register("anglewise_rows", rows)
            try:
                query = "INSERT INTO {table} (id, vector, metadata) SELECT * FROM anglewise_rows"
                self.connection.execute(self._sql(query))
            finally:
                self.connection.unregister("anglewise_rows")

    def _write(self) -> None:
        """Open the file for writing, where it was opened to be read."""
        if self.database != FILE:
            return
        query = "SELECT readonly FROM duckdb_databases() WHERE database_name = ?"
        if self._execute(query, [FILE])[0][0]:
            self._execute(f"DETACH {FILE}")
            with saying_duckdb(self.address):
                attach(self.connection, self.address.folder, writes=True)

    def finish(self) -> None:
        """Build the graph, where one is asked for."""
        if self.layout is not None and self.layout.index == "graph":
            self._index(self.layout)

    def _index(self, layout: Layout) -> None:
        """Build the graph, by one thread: so it is the same when it is built again."""
        parameters = {"m": M, "ef_construction": EF_CONSTRUCTION, **layout.parameters}
        words = {"M": parameters["m"], "ef_construction": parameters["ef_construction"]}
        given = ", ".join(f"{name} = {int(value)}" for name, value in words.items())
        self._execute("SET threads = 1")
        try:
            self._execute(
                self._sql(
                    "CREATE INDEX {name} ON {table} USING HNSW ({vector}) "
                    f"WITH (metric = '{self.metric}', {given})",
                    name=f"{self.address.name}_hnsw",
                )
            )
        finally:
            self._execute("RESET threads")
        self.is_indexed = self._answers(self.metric)

    def take_place(self, address: Address) -> None:
        """In one transaction: the old table goes, the new one takes its name, and an index anew.

        DuckDB renames no table that has an index; the one that is built is the one that was proven.
        """
        layout, name = self.layout, self.address.name
        with self._transaction():
            if self.is_indexed:
                index = quoted(f"{name}_hnsw")
                self._execute(f"DROP INDEX {FILE}.{index}")
            self._execute(f"DROP TABLE IF EXISTS {FILE}.{quoted(address.name)}")
            self._execute(self._sql("ALTER TABLE {table} RENAME TO {new}", new=address.name))
            self.address = self.address.called(address.name)
            if self.is_indexed and layout is not None:
                self._index(layout)
        self._execute(f"CHECKPOINT {FILE}")  # an index is not safe in what DuckDB writes ahead

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._execute("BEGIN")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")

    def drop(self) -> None:
        """Drop the table, and the file where it was made for it and holds nothing else."""
        self._write()
        self._execute(self._sql("DROP TABLE {table}"))
        if self.is_new_file and not self._tables():
            self.close()
            self.address.folder.unlink(missing_ok=True)

    def scratches(self) -> list[str]:
        """None: tests are made in memory."""
        return []

    def manifest(self) -> str | None:
        """The comment of the table."""
        found = self._execute(
            "SELECT comment FROM duckdb_tables() "
            "WHERE database_name = ? AND schema_name = 'main' AND lower(table_name) = lower(?)",
            [self.database, self.address.name],
        )
        return found[0][0] if found else None

    def write_manifest(self, text: str) -> None:
        """Into the comment of the table."""
        doubled = text.replace("'", "''").replace("{", "{{").replace("}", "}}")
        self._write()
        self._execute(self._sql(f"COMMENT ON TABLE {{table}} IS '{doubled}'"))

    def close(self) -> None:
        """Close the file, but for a connection that another one owns."""
        if self._owned:
            self.connection.close()


def _made(connection: Any, address: Address, dimension: int, database: str) -> None:
    """Make a table; ``CollectionExistsError`` where there is one of the name."""
    duckdb = duckdb_library()
    table = f"{quoted(database)}.{quoted(address.name)}"
    columns = f"(id VARCHAR PRIMARY KEY, vector FLOAT[{dimension}], metadata VARCHAR)"
    with saying_duckdb(address):
        try:
            connection.execute(f"CREATE TABLE {table} {columns}")
        except duckdb.CatalogException as error:
            if "already exists" not in str(error):
                raise
            raise CollectionExistsError(f"{address}: there is a table of this name") from error


def _metric_of(word: str) -> Metric:
    return next(metric for metric, own in WORDS.items() if own == word)
