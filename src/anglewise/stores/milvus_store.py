"""``milvus://host:19530/name`` or ``milvus:///path/file.db/name``: a collection of Milvus.

A server is asked with the token in the variable MILVUS_TOKEN where there is one; what stands
between host and name is a database. A file that ends in ``.db`` is one of Milvus Lite, which lets
in one program at a time and builds its graph while it loads a collection. Ids are the primary key;
the vectors are the only field of vectors, or ``?vector=``. A question here never names a metric, so
that the index decides; where a collection has no index, Milvus Lite takes the cosine.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np

from anglewise.data_types.typing import Array, Float32
from anglewise.errors import (
    CollectionExistsError,
    NoCollectionError,
    StoreError,
)
from anglewise.stores.address import Address
from anglewise.stores.milvus_connection import (
    MilvusConnection,
    load_graph,
    milvus_library,
    milvus_saying,
)
from anglewise.stores.vector_store import (
    BATCH,
    GRAPH,
    SCRATCH,
    Described,
    Layout,
    Listed,
    Metric,
    StoredRows,
    VectorStore,
    as_batch,
    rows_of_metadata,
)

ID, VECTOR, METADATA, MANIFEST = "id", "vector", "metadata", "anglewise"
LONGEST_ID = 65_535
M, EF_CONSTRUCTION = 32, 200
FILTERED = 500
"""So many ids are asked for at once."""
EFFORTS = {"HNSW": "ef", "IVF": "nprobe"}
"""What a search of an index takes, by the beginning of the index's name."""
STRONG: Mapping[str, Any] = {"consistency_level": "Strong"}
"""Reads see what was written before them, whatever the collection does by default."""


class MilvusStore(VectorStore):
    """A collection of Milvus, of a server or in a file of Milvus Lite."""

    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "IP",
        "cosine": "COSINE",
        "squared-euclidean": "L2",
    }
    options = frozenset({"vector", "https"})
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 64}, {"ef": 256}, {"ef": 1024})
    build_parameters = GRAPH

    def __init__(self, address: Address, client: "MilvusConnection | None" = None) -> None:
        super().__init__(address)
        self._owned = client is None
        self.client = MilvusConnection(address) if client is None else client
        try:
            with self._saying():  # a server may describe anything
                self.fields = self._fields()
                self.id = self._primary()
                self.column, self.dimension = self._vectors()
                self.named: Mapping[str, Any] = self._index_settings()
            kind = str(self.named.get("index_type", ""))
            self.effort_names = tuple(e for k, e in EFFORTS.items() if kind.startswith(k))
            self._loaded()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "MilvusStore":
        """A collection with the fields id, vector and metadata, and its index."""
        if layout.metric not in cls.supported:
            raise StoreError(f"Milvus has no metric {layout.metric!r}")
        client = MilvusConnection(address, make=True)
        try:
            _create(client, address, layout)
        except BaseException:
            client.close()
            raise
        store = cls(replace(address, options=_for_client(address)), client)
        store._owned = True
        return store

    def _fields(self) -> list[dict[str, Any]]:
        with self._saying():
            if self.client.milvus.has_collection(self.address.name):
                return self.client.milvus.describe_collection(self.address.name)["fields"]
        aliases = self._aliases()
        there = sorted({*aliases, *self.collections()} - {*aliases.values()})
        raise NoCollectionError(
            f"{self.address}: there is no collection {self.address.name!r}; there are "
            f"{', '.join(there) or 'none'}"
        )

    def _primary(self) -> str:
        for field in self.fields:
            if field.get("is_primary"):
                return field["name"]
        raise StoreError(f"{self.address} is a collection without a field of ids, as none is")

    def collections(self) -> list[str]:
        """The names of all collections, without aliases."""
        with self._saying():
            return sorted(self.client.milvus.list_collections())

    def _vectors(self) -> tuple[str, int]:
        kind = milvus_library().DataType.FLOAT_VECTOR
        sizes = {f["name"]: int(f["params"]["dim"]) for f in self.fields if f["type"] == kind}
        named = self.address.option("vector", "")
        if named in sizes or (len(sizes) == 1 and not named):
            name = named or next(iter(sizes))
            return name, sizes[name]
        there = ", ".join(f"{f['name']} ({f['type'].name})" for f in self.fields)
        raise StoreError(
            f"{self.address}: one field of float32 vectors is due, and its fields are {there}: say "
            "which (?vector=FIELD)"
        )

    def _index_settings(self) -> Mapping[str, Any]:
        with self._saying():
            names = self.client.milvus.list_indexes(self.address.name, field_name=self.column)
            if not names:
                return {}
            return self.client.milvus.describe_index(self.address.name, names[0]) or {}

    def _loaded(self) -> None:
        """Load what lies in a file; a server's collection is for its owner to load."""
        with self._saying():
            state = self.client.milvus.get_load_state(self.address.name)["state"]
            if state.name in {"Loaded", "Loading"}:
                return
            if not self.address.is_local:
                raise StoreError(
                    f"{self.address}: the collection is not loaded, so that nobody can ask it: "
                    "load it (load_collection)"
                )
            self.client.milvus.load_collection(self.address.name)

    @property
    def _is_graph(self) -> bool:
        return str(self.named.get("index_type", "FLAT")) not in {"FLAT", "BRUTE_FORCE"}

    def described(self) -> Described:
        """As Milvus says it; whether a file holds a graph is seen in its folder."""
        with self._saying():
            version = self.client.milvus.get_server_version()
            counted = self.client.milvus.query(
                self.address.name, filter="", output_fields=["count(*)"], **STRONG
            )
        metric = str(self.named.get("metric_type", ""))
        name = "Milvus Lite" if self.address.is_local else "Milvus"
        version = str(version).removeprefix("milvus_lite-")
        count = int(counted[0]["count(*)"])
        return Described(f"{name} {version}", self.dimension, count, metric, self._index(count))

    def _index(self, count: int) -> str:
        if not self._is_graph:
            return "scan"
        known = {"index_type", "metric_type", "field_name", "index_name", "state"}
        known |= {"total_rows", "indexed_rows", "pending_index_rows"}
        kind = self.named["index_type"]
        given = ", ".join(f"{k} {v}" for k, v in self.named.items() if k not in known)
        words = f"{kind} ({given})" if given else str(kind)
        if not self.address.is_local:
            now = self._index_settings()
            return f"{words}, {int(now.get('indexed_rows', 0)):,} of {count:,} vectors in it"
        built = list(self.address.folder.glob(f"collections/{self._own_name()}/**/indexes/*"))
        return words if built else "scan"

    def _own_name(self) -> str:
        """The collection that an alias means; the name itself where it is none."""
        return self._aliases().get(self.address.name, self.address.name)

    def _aliases(self) -> dict[str, str]:
        with self._saying():
            return {
                alias: name
                for name in self.client.milvus.list_collections()
                for alias in self.client.milvus.list_aliases(name)["aliases"]
            }

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """All queries in one call, by the metric of the index."""
        unknown = sorted(set(effort or {}) - set(self.effort_names))
        if unknown:
            raise StoreError(f"{self.address}: a search of this index has no {', '.join(unknown)}")
        with self._saying():
            answers = self.client.milvus.search(
                self.address.name,
                data=list(as_batch(queries)),
                anns_field=self.column,
                limit=k,
                output_fields=[self.id],
                search_params={"params": dict(effort or {})},
                **STRONG,
            )
        return [[(str(hit[self.id]), float(hit["distance"])) for hit in a] for a in answers]

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """In the order of the primary key, from one page to the next."""
        after = ""
        while True:
            with self._saying():  # as pymilvus pages itself, but for ids with quotes in them
                found = self.client.milvus.query(
                    self.address.name, filter=after, limit=batch, iterator="True", **STRONG
                )
            if not found:
                return
            yield self._stored(found)
            after = f"{self.id} > {_literal(found[-1][self.id])}"

    def _stored(self, found: Sequence[Mapping[str, Any]]) -> StoredRows:
        there = [row for row in found if row[self.column] is not None]
        others = {f["name"] for f in self.fields if "VECTOR" in f["type"].name} | {self.id}
        about = [{n: v for n, v in row.items() if n not in others} for row in there]
        return StoredRows(
            [str(row[self.id]) for row in there],
            as_batch([row[self.column] for row in there]).reshape(-1, self.dimension),
            [row[METADATA] or {} if set(row) == {METADATA} else row for row in about],
        )

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By their ids."""
        kinds = {f["name"]: f["type"].name for f in self.fields}
        as_number = kinds[self.id] != "VARCHAR"
        if as_number and not all(name.lstrip("-").isdigit() for name in ids):
            return super().vectors_of(ids)
        wanted = [int(name) if as_number else name for name in ids]
        found: dict[str, Array] = {}
        for start in range(0, len(wanted), FILTERED):
            listed = ", ".join(map(_literal, wanted[start : start + FILTERED]))
            with self._saying():
                rows = self.client.milvus.query(
                    self.address.name,
                    filter=f"{self.id} in [{listed}]",
                    output_fields=[self.id, self.column],
                    **STRONG,
                )
            found |= {str(row[self.id]): np.array(row[self.column], np.float32) for row in rows}
        return found

    def twin(self, name: str) -> "MilvusStore":
        """A collection with the same index."""
        words: dict[str, Metric] = {word: metric for metric, word in self.supported.items()}
        metric = words.get(str(self.named.get("metric_type", "COSINE")))
        if metric is None:
            raise StoreError(f"{self.address}: {self.named['metric_type']} is none of our metrics")
        address = replace(self.address, name=name, options=_for_client(self.address))
        layout = Layout(self.dimension, metric, "graph" if self._is_graph else "scan")
        _create(self.client, address, layout, kind=str(self.named.get("index_type", "")))
        return MilvusStore(address, self.client)

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """All rows of a call or none of them; upserted, as a server keeps an id twice else."""
        rows = [
            {ID: name, VECTOR: vector, METADATA: dict(about)}
            for name, vector, about in zip(
                ids, as_batch(vectors), rows_of_metadata(metadata, len(ids)), strict=True
            )
        ]
        with self._saying():
            self.client.milvus.upsert(self.address.name, rows)

    def finish(self) -> None:
        """Write everything down, and load anew what lies in a file: the graph is built then."""
        name, milvus = self.address.name, self.client.milvus
        with self._saying():
            milvus.flush(name)
            if self.address.is_local and self._is_graph:
                milvus.release_collection(name)
                load_graph(milvus, name)

    def check_replaceable(self) -> None:
        """An alias is moved at once; a collection itself cannot be."""
        self._check_alias(self.address)

    def _check_alias(self, address: Address) -> None:
        if address.name in self.collections():
            raise StoreError(
                f"{address}: {address.name!r} is a collection and no alias, which Milvus cannot "
                "exchange at once: take another name, and let your program ask that"
            )

    def take_place(self, address: Address) -> None:
        """An alias of the name, moved at once from the collection that it meant before."""
        name, milvus = address.name, self.client.milvus
        aliases = self._aliases()
        self._check_alias(address)
        with self._saying():
            if name not in aliases:
                milvus.create_alias(self.address.name, name)
                return
            milvus.alter_alias(self.address.name, name)
            before = aliases[name]
            if before.startswith(f"{name}__") and before != self.address.name:
                milvus.drop_collection(before)  # an earlier export, which nobody names now

    def drop(self) -> None:
        """Drop the collection; Milvus wants its aliases dropped before."""
        own = self._own_name()
        with self._saying():
            for alias in self.client.milvus.list_aliases(own)["aliases"]:
                self.client.milvus.drop_alias(alias)
            self.client.milvus.drop_collection(own)

    def clear(self, name: str) -> None:
        """Drop another one."""
        with self._saying():
            self.client.milvus.drop_collection(name)

    def scratches(self) -> list[str]:
        """By the beginning of their names."""
        return [name for name in self.collections() if name.startswith(SCRATCH)]

    def manifest(self) -> str | None:
        """From the properties of the collection."""
        with self._saying():
            about = self.client.milvus.describe_collection(self.address.name)
        text = about.get("properties", {}).get(MANIFEST)
        return text if isinstance(text, str) else None

    def write_manifest(self, text: str) -> None:
        """Into the properties of the collection."""
        with self._saying():
            self.client.milvus.alter_collection_properties(self.address.name, {MANIFEST: text})

    def close(self) -> None:
        """Let go of the file or the connection, but for a client that another one owns."""
        if self._owned:
            self.client.close()

    def _saying(self) -> Any:
        return milvus_saying(self.address)


def _create(client: MilvusConnection, address: Address, layout: Layout, kind: str = "") -> None:
    milvus, library_ = client.milvus, milvus_library()
    schema = milvus.create_schema(auto_id=False, enable_dynamic_field=False)
    types = library_.DataType
    schema.add_field(ID, types.VARCHAR, is_primary=True, max_length=LONGEST_ID)
    schema.add_field(VECTOR, types.FLOAT_VECTOR, dim=layout.dimension)
    schema.add_field(METADATA, types.JSON)
    usual = "FLAT" if layout.index == "scan" else "HNSW"
    parameters: dict[str, int] = {}
    if usual == "HNSW" and kind in {"", "HNSW"}:
        names = {"m": "M", "ef_construction": "efConstruction"}
        own = {"m": M, "ef_construction": EF_CONSTRUCTION, **layout.parameters}
        parameters = {names[name]: value for name, value in own.items()}
    index = milvus.prepare_index_params()
    index.add_index(
        VECTOR,
        index_type=kind or usual,
        metric_type=MilvusStore.supported[layout.metric],
        params=parameters,
    )
    with milvus_saying(address):
        if milvus.has_collection(address.name):
            raise CollectionExistsError(f"{address}: there is a collection of this name")
        milvus.create_collection(address.name, schema=schema, index_params=index)


def _for_client(address: Address) -> dict[str, str]:
    """Options that say how a server is reached."""
    return {name: value for name, value in address.options.items() if name == "https"}


def _literal(value: object) -> str:
    """An id in an expression of Milvus."""
    if isinstance(value, int):
        return str(value)
    text = cast("str", value)
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(plain, escaped)
    return f'"{text}"'
