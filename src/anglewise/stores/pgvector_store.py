"""``postgresql://host/database/table``: a table with a column of pgvector.

The column of vectors is ``vector`` or ``?vector=``, ids are in ``id`` or ``?id=``. In PostgreSQL
the question names the operator, and thus the distance: here it is the one that an index is made
for, or ``?operator=`` (``<->``, ``<=>``, ``<#>``, ``<+>``). Passwords come from the address or, as
psql takes them, from PGPASSWORD and ~/.pgpass; what else stands behind ``?`` is given to libpq.
"""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import (
    AnglewiseError,
    CollectionExistsError,
    NoCollectionError,
    StoreError,
)
from anglewise.stores.address import Address
from anglewise.stores.bounded_sql import bounded_connection
from anglewise.stores.vector_store import (
    BATCH,
    SCRATCH,
    Described,
    Layout,
    Listed,
    Metric,
    StoredRows,
    VectorStore,
    as_batch,
    exported_for,
    rows_of_metadata,
    saying,
)

OPERATORS: dict[str, tuple[Metric, str]] = {
    "<->": ("euclidean", "vector_l2_ops"),
    "<=>": ("cosine", "vector_cosine_ops"),
    "<#>": ("dot", "vector_ip_ops"),
    "<+>": ("manhattan", "vector_l1_ops"),
}
"""What each operator computes (of ``<#>`` the negative), and the class of an index for it."""
SINCE: dict[Metric, tuple[int, ...]] = {"manhattan": (0, 7, 0)}
"""The versions of pgvector with which metrics came that the first had not."""
OWN = {"vector", "id", "operator"}
"""Options of an address that are ours, and not libpq's."""
INDICES = """
    SELECT am.amname, oc.opcname, pg_get_indexdef(i.indexrelid)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am am ON am.oid = c.relam
    JOIN pg_opclass oc ON oc.oid = i.indclass[0]
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = to_regclass(%s) AND a.attname = %s AND am.amname IN ('hnsw', 'ivfflat')
"""
LONGEST_NAME = 63
MOST_EFFORT = 1000
"""Of hnsw.ef_search."""
PATIENCE, LONGEST = 10, 300
"""Seconds that a server may take to let us in, and to answer one question."""


class PostgresStore(VectorStore):
    """A table of PostgreSQL with vectors."""

    supported: ClassVar[Mapping[Metric, str]] = {
        metric: operator for operator, (metric, _) in OPERATORS.items()
    }
    options, passes_options_on = frozenset(OWN), True
    effort_names = ("probes", "ef")
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 100}, {"ef": 400}, {"ef": 1000})
    build_parameters: Mapping[str, Sequence[int]] = {
        "m": (8, 16, 32),
        "ef_construction": (64, 200),
    }

    def __init__(self, address: Address, connection: Any = None, operator: str = "") -> None:
        super().__init__(address)
        self.psycopg = _library()
        self.connection = _connection(address) if connection is None else connection
        self.column = address.option("vector", "vector")
        self.id = address.option("id", "id")
        try:
            self.dimension = self._dimension()
            self.indices = self._execute(INDICES, [self._literal(address.name), self.column])
            self.operator = self._operator(operator or address.option("operator", ""))
        except AnglewiseError:
            if connection is None:
                self.connection.close()
            raise
        self.layout: Layout | None = None

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "PostgresStore":
        """A table with the columns id, vector and metadata; the index is built at the end."""
        if layout.metric not in cls.supported:
            raise StoreError(f"pgvector has no metric {layout.metric!r}")
        if len(address.name.split(".")[-1].encode()) > LONGEST_NAME:
            raise StoreError(
                f"{address}: PostgreSQL cuts names off after {LONGEST_NAME} bytes: take a shorter"
            )
        connection, psycopg = _connection(address), _library()
        sql = psycopg.sql
        with _saying(address), _told_apart(address, connection, psycopg):
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            _check_version(address, connection, layout.metric)
            connection.execute(
                sql.SQL(
                    "CREATE TABLE {} (id text PRIMARY KEY, vector vector({}), metadata jsonb)"
                ).format(sql.Identifier(*address.name.split(".")), sql.Literal(layout.dimension))
            )
        return cls._reopened(address, layout, connection)

    @classmethod
    def reopen(cls, address: Address, layout: Layout) -> "PostgresStore":
        """With the layout in mind: the index is built at the end."""
        return cls._reopened(address, layout, _connection(address))

    @classmethod
    def _reopened(cls, address: Address, layout: Layout, connection: Any) -> "PostgresStore":
        plain = replace(address, options=_for_libpq(address))
        store = cls(plain, connection, cls.supported[layout.metric])
        store.layout = layout
        return store

    def _execute(self, query: Any, values: Sequence[Any] = ()) -> list[Any]:
        with _saying(self.address):
            cursor = self.connection.execute(query, values or None)
            return [] if cursor.description is None else cursor.fetchall()

    def _literal(self, name: str) -> str:
        """A table's name as to_regclass reads it."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))

    def _table(self) -> Any:
        return self.psycopg.sql.Identifier(*self.address.name.split("."))

    def _format(self, text: str, **names: Any) -> Any:
        sql = self.psycopg.sql
        return sql.SQL(text).format(
            table=self._table(),
            vector=sql.Identifier(self.column),
            id=sql.Identifier(self.id),
            **names,
        )

    def _dimension(self) -> int:
        columns = dict(
            self._execute(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
                "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
                [self._literal(self.address.name)],
            )
        )
        if not columns:
            raise NoCollectionError(f"{self.address}: there is no table {self.address.name!r}")
        for column in (self.column, self.id):
            if column not in columns:
                raise StoreError(
                    f"{self.address}: the table has no column {column!r}; it has "
                    f"{', '.join(columns)} (?vector=COLUMN&id=COLUMN)"
                )
        kind = columns[self.column]
        if not kind.startswith(("vector", "halfvec")):
            raise StoreError(f"{self.address}: the column {self.column!r} holds {kind}, no vectors")
        if "(" in kind:
            return int(kind.split("(")[1].rstrip(")"))
        found = self._execute(
            self._format(
                "SELECT vector_dims({vector}) FROM {table} WHERE {vector} IS NOT NULL LIMIT 1"
            )
        )
        if not found:
            raise StoreError(f"{self.address}: the table is empty and names no dimension")
        return int(found[0][0])

    def _operator(self, named: str) -> str:
        if named:
            if named not in OPERATORS:
                raise StoreError(f"{self.address}: operators are {' '.join(OPERATORS)}")
            return named
        classes = {name for _, name, _ in self.indices}
        fitting = [operator for operator, (_, name) in OPERATORS.items() if name in classes]
        if len(fitting) == 1:
            return fitting[0]
        metric = exported_for(self.manifest())
        return next((o for o, (name, _) in OPERATORS.items() if name == metric), "")

    def _by(self) -> Any:
        """The operator, in SQL."""
        if not self.operator:
            raise StoreError(
                f"{self.address}: in PostgreSQL the question names the operator, and neither one "
                "index nor a manifest does: say which your program uses (?operator=%3C%3D%3E is "
                "<=>, %3C-%3E <->, %3C%23%3E <#>)"
            )
        return self.psycopg.sql.SQL(self.operator)

    def described(self) -> Described:
        """As the catalogue and the plan of a query say it."""
        version = self._execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        count = self._execute(self._format("SELECT count(*) FROM {table}"))[0][0]
        return Described(
            f"pgvector {version[0][0]}" if version else "pgvector",
            self.dimension,
            count,
            self.operator,
            self._plan() if self.operator else "unknown",
        )

    def _plan(self) -> str:
        zero = _written(np.ones(self.dimension, dtype=np.float32))
        lines = self._execute(
            self._format(
                "EXPLAIN SELECT {id} FROM {table} ORDER BY {vector} {by} {query}::vector LIMIT 10",
                by=self._by(),
                query=self.psycopg.sql.Literal(zero),
            )
        )
        plan = "\n".join(line for (line,) in lines)
        if "Index Scan using" in plan:
            definition = next((d for _, _, d in self.indices), "")
            return f"graph ({definition.partition(' USING ')[2]})" if definition else "index"
        return "scan" if "Seq Scan" in plan else "unknown"

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """``ORDER BY vector OPERATOR query LIMIT k``, with the number that the operator gives."""
        query = self._format(
            "SELECT {id}::text, {vector} {by} %(q)s::vector FROM {table} "
            "ORDER BY {vector} {by} %(q)s::vector LIMIT %(k)s",
            by=self._by(),
        )
        out: Listed = []
        with _saying(self.address), self.connection.transaction():
            for name, value in (effort or {}).items():
                setting = {"ef": "hnsw.ef_search", "probes": "ivfflat.probes"}[name]
                self.connection.execute(f"SET LOCAL {setting} = {int(value)}")
            for row in as_batch(queries):
                values = {"q": _written(row), "k": k}
                found = self.connection.execute(query, values).fetchall()
                out.append([(name, float(d)) for name, d in found if d is not None])
        return out

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """By a cursor of the server, all other columns as metadata."""
        query = self._format("SELECT {id}::text, {vector}::text, to_jsonb(t) FROM {table} t")
        with (
            _saying(self.address),
            self.connection.transaction(),
            self.connection.cursor(name="anglewise_rows") as cursor,
        ):
            cursor.execute(query)
            while found := cursor.fetchmany(batch):
                there = [row for row in found if row[1] is not None]
                vectors = [np.array(json.loads(v), np.float32) for _, v, _ in there]
                yield StoredRows(
                    [name for name, _, _ in there],
                    np.array(vectors, np.float32).reshape(-1, self.dimension),
                    [self._about(row) for _, _, row in there],
                )

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By their ids."""
        query = self._format(
            "SELECT {id}::text, {vector}::text FROM {table} WHERE {id}::text = ANY(%s)"
        )
        found = self._execute(query, [list(ids)])
        return {n: np.array(json.loads(v), np.float32) for n, v in found if v is not None}

    def _about(self, row: dict[str, Any]) -> dict[str, Any]:
        rest = {name: v for name, v in row.items() if name not in {self.id, self.column}}
        return rest["metadata"] or {} if set(rest) == {"metadata"} else rest

    def twin(self, name: str) -> "PostgresStore":
        """A table with the same kind of index."""
        self._by()
        metric = OPERATORS[self.operator][0]
        layout = Layout(self.dimension, metric, "graph" if self.indices else "scan")
        store = PostgresStore.create(self.address.called(name), layout)
        store.finish()
        if self.indices:  # of a few rows PostgreSQL would rather scan
            store.connection.execute("SET enable_seqscan = off")
        return store

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """By COPY: all rows of a call or none of them."""
        rows = zip(ids, as_batch(vectors), rows_of_metadata(metadata, len(ids)), strict=True)
        copy = self._format("COPY {table} (id, vector, metadata) FROM STDIN")
        with (
            _saying(self.address),
            self.connection.transaction(),
            self.connection.cursor() as cursor,
            cursor.copy(copy) as target,
        ):
            for name, vector, about in rows:
                target.write_row((name, _written(vector), json.dumps(dict(about), default=str)))

    def finish(self) -> None:
        """Build the graph, where one is asked for."""
        if self.layout is None or self.layout.index == "scan":
            return
        sql, parameters = self.psycopg.sql, self.layout.parameters
        settings = {"m": "m", "ef_construction": "ef_construction"}
        self.connection.longest = None  # it takes as long as it takes
        given = ", ".join(f"{settings[name]} = {int(v)}" for name, v in parameters.items())
        self._execute(
            self._format(
                "CREATE INDEX ON {table} USING hnsw ({vector} {kind})"
                + (f" WITH ({given})" if given else ""),
                kind=sql.SQL(OPERATORS[self.operator][1]),
            )
        )
        self._execute(self._format("ANALYZE {table}"))
        self.connection.longest = LONGEST
        self.indices = self._execute(INDICES, [self._literal(self.address.name), self.column])

    def take_place(self, address: Address) -> None:
        """Both tables change their names in one transaction; the old one is dropped in it."""
        name = self.psycopg.sql.Identifier(address.name.split(".")[-1])
        with _saying(address), self.connection.transaction():
            old = self.psycopg.sql.Identifier(*address.name.split("."))
            self.connection.execute(self.psycopg.sql.SQL("DROP TABLE IF EXISTS {}").format(old))
            self.connection.execute(self._format("ALTER TABLE {table} RENAME TO {new}", new=name))
        self.address = self.address.called(address.name)

    def drop(self) -> None:
        """Drop the table."""
        self._execute(self._format("DROP TABLE {table}"))

    def clear(self, name: str) -> None:
        """Drop another one."""
        sql = self.psycopg.sql
        self._execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))

    def efforts(self) -> list[Mapping[str, int]]:
        """Those that the kind of index knows, up to what PostgreSQL lets be set."""
        kinds = {kind for kind, _, _ in self.indices}
        known = {"ef": "hnsw" in kinds, "probes": "ivfflat" in kinds}
        return [
            effort
            for effort in super().efforts()
            if all(known[name] and value <= MOST_EFFORT for name, value in effort.items())
        ]

    def stored_bytes(self) -> int:
        """The table with its indices and what PostgreSQL keeps beside them."""
        query = "SELECT pg_total_relation_size(to_regclass(%s))"
        return int(self._execute(query, [self._literal(self.address.name)])[0][0])

    def scratches(self) -> list[str]:
        """By the beginning of their names."""
        query = (
            "SELECT tablename FROM pg_tables WHERE tablename LIKE %s AND tableowner = current_user"
        )
        return [name for (name,) in self._execute(query, [SCRATCH.replace("_", r"\_") + "%"])]

    def manifest(self) -> str | None:
        """The comment of the table."""
        query = "SELECT obj_description(to_regclass(%s), 'pg_class')"
        found = self._execute(query, [self._literal(self.address.name)])
        return found[0][0] if found else None

    def write_manifest(self, text: str) -> None:
        """Into the comment of the table."""
        literal = self.psycopg.sql.Literal(text)
        self._execute(self._format("COMMENT ON TABLE {table} IS {words}", words=literal))

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


@contextmanager
def _told_apart(address: Address, connection: Any, psycopg: Any) -> Generator[None]:
    """Close the connection where a table cannot be made, and say if that is since it is there."""
    try:
        yield
    except psycopg.errors.DuplicateTable as error:
        connection.close()
        raise CollectionExistsError(f"{address}: there is a table of this name") from error
    except BaseException:
        connection.close()
        raise


def _check_version(address: Address, connection: Any, metric: Metric) -> None:
    """Raise ``StoreError`` for a metric that came with a later version of pgvector."""
    found = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    text = str(found.fetchone()[0])
    version = tuple(int(part) for part in text.split(".") if part.isdigit())
    needed = SINCE.get(metric, (0,))
    if version < needed:
        since = ".".join(map(str, needed))
        raise StoreError(
            f"{address}: pgvector {text} has no {metric}, which came with {since}: update the "
            "server's and ALTER EXTENSION vector UPDATE, or take another measure"
        )


def _written(vector: Float32[Array, " d"]) -> str:
    """A vector as pgvector reads it, to the last bit of float32."""
    return "[" + ",".join(map(repr, vector.astype(float).tolist())) + "]"


def _library() -> Any:
    return library("psycopg", "pgvector", needed_by="store")


def _for_libpq(address: Address) -> dict[str, str]:
    return {name: value for name, value in address.options.items() if name not in OWN}


def _connection(address: Address) -> Any:
    given = {
        "host": address.host,
        "port": None if address.port is None else str(address.port),
        "user": address.user,
        "password": address.password,
        "dbname": address.path,
        "connect_timeout": str(PATIENCE),
        **_for_libpq(address),
    }
    with _saying(address):
        known = {name: value for name, value in given.items() if value}
        return bounded_connection(str(address), LONGEST).connect(autocommit=True, **known)


def _saying(address: Address) -> AbstractContextManager[None]:
    return saying(address, "PostgreSQL")
