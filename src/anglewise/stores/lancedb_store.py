"""``lancedb:///folder/table``: a table of LanceDB in a folder.

The column of vectors is ``vector``, or the one named by ``?vector=``; ids are in ``id`` or in
``?id=``. Without an index LanceDB scans by the distance that the question names, and by squared
euclidean distance where it names none: here it is ``?metric=``, or that of a manifest. With an
index it is the distance of the index.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import CollectionExistsError, NoCollectionError, StoreError
from anglewise.stores.address import Address
from anglewise.stores.folders import take_folder
from anglewise.stores.known_rows import rows_table
from anglewise.stores.lance_files import check_goes_whole, check_table
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
    content_of,
    exported_for,
    rows_of_metadata,
    saying,
)

VECTOR, ID, MANIFEST = "vector", "id", "anglewise"
WORDS: dict[Metric, str] = {"dot": "dot", "cosine": "cosine", "squared-euclidean": "l2"}
METADATA = "metadata"
"""The column with everything else that is known of an item, as JSON."""
M, EF_CONSTRUCTION = 20, 300
PAGE = 20_000
"""So many rows are read before the next are asked for."""
FILTERED = 500
"""So many ids are asked for at once."""


class LanceStore(VectorStore):
    """A table of LanceDB."""

    options = frozenset({"vector", "id", "metric"})
    supported: ClassVar[Mapping[Metric, str]] = WORDS
    effort_names = ("nprobes", "refine_factor", "ef")
    ladder: ClassVar[Sequence[Mapping[str, int]]] = (
        {"ef": 128},
        {"ef": 512},
        {"ef": 1024, "refine_factor": 10},
    )
    build_parameters: Mapping[str, Sequence[int]] = {
        "m": (10, 20, 40),
        "ef_construction": (150, 300),
        "bits": (32, 8),
    }
    batch = 20_000

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        library = _library()
        if not address.folder.is_dir():
            raise NoCollectionError(f"{address}: there is no folder {address.folder}")
        names = self.tables()
        if address.name not in names:
            raise NoCollectionError(
                f"{address}: there is no table {address.name!r}; there are "
                f"{', '.join(names) or 'none'}"
            )
        check_table(self._folder(address), address.folder)
        with _saying(address):
            self.database = library.connect(str(address.folder))
            self.table = self.database.open_table(address.name)
        self.column = address.option("vector", VECTOR)
        self.id = address.option("id", ID)
        self.metric = address.option("metric", "")
        if self.metric and self.metric not in WORDS.values():
            raise StoreError(f"{address}: LanceDB's metrics are {', '.join(WORDS.values())}")
        for column in (self.column, self.id):
            if column not in self.table.schema.names:
                raise StoreError(
                    f"{address}: the table has no column {column!r}; it has "
                    f"{', '.join(self.table.schema.names)} (?vector=COLUMN&id=COLUMN)"
                )
        if self.column == self.id:
            raise StoreError(f"{address}: ids and vectors are both to be {self.id!r}: name two")
        self.metric = self.metric or WORDS.get(cast("Metric", exported_for(self.manifest())), "")
        self.layout: Layout | None = None

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "LanceStore":
        """A table with the columns id, vector and metadata; the index is built at the end."""
        library = _library()
        if layout.metric not in WORDS:
            raise StoreError(f"LanceDB has no metric {layout.metric!r}")
        schema: Any = pa.schema(  # pyright: ignore[reportUnknownVariableType]
            [
                (ID, pa.string()),
                (VECTOR, pa.list_(pa.float32(), layout.dimension)),
                (METADATA, pa.string()),
            ]
        )
        address.folder.mkdir(parents=True, exist_ok=True)
        if (address.folder / f"{address.name}.lance").exists():
            raise CollectionExistsError(f"{address}: there is a table of this name")
        with _saying(address):
            database = library.connect(str(address.folder))
            database.create_table(address.name, schema=schema, mode="create")
        return cls.reopen(address, layout)

    @classmethod
    def reopen(cls, address: Address, layout: Layout) -> "LanceStore":
        """With the layout in mind: the index is built at the end."""
        store = cls(replace(address, options={"metric": WORDS[layout.metric]}))
        store.layout = layout
        return store

    def tables(self) -> list[str]:
        """The names of all tables in the folder."""
        return sorted(
            path.name.removesuffix(".lance")
            for path in self.address.folder.iterdir()
            if path.name.endswith(".lance")
        )

    def _indices(self) -> list[Any]:
        with _saying(self.address):
            return [i for i in self.table.list_indices() if self.column in i.columns]

    def described(self) -> Described:
        """As LanceDB says it."""
        kind, size = self.table.schema.field(self.column).type, 0
        if not pa.types.is_fixed_size_list(kind):
            raise StoreError(f"{self.address}: the column {self.column!r} holds no vectors: {kind}")
        size = kind.list_size
        metric, index = self.metric, "scan"
        for found in self._indices():
            with _saying(self.address):
                about = self.table.index_stats(found.name)
            index = f"{about.index_type}, {about.num_indexed_rows:,} rows in it"
            metric = about.distance_type
        with _saying(self.address):
            rows = self.table.count_rows()
        return Described(f"LanceDB {_version()}", size, rows, metric, index)

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """One question after the other: a batch of them is cut to another order by LanceDB."""
        return [self._listed(row, k, effort or {}) for row in as_batch(queries)]

    def _listed(
        self, query: Float32[Array, " d"], k: int, effort: Mapping[str, int]
    ) -> list[tuple[str, float]]:
        with _saying(self.address):
            asked = self.table.search(query, vector_column_name=self.column)
            if self.metric and not self._indices():
                asked = asked.distance_type(self.metric)
            for name, value in effort.items():
                asked = getattr(asked, name)(value)
            answer = asked.select([self.id, "_distance"]).limit(k).to_arrow()
        ids, distances = answer[self.id].to_pylist(), answer["_distance"].to_pylist()
        return [(str(name), d) for name, d in zip(ids, distances, strict=True)]

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """By batches, a page of the table after the other: a whole scan would read far ahead."""
        about = self.described()
        for start in range(0, about.count, PAGE):
            with _saying(self.address):
                asked = self.table.search().offset(start).limit(min(PAGE, about.count - start))
                parts = iter(asked.to_batches(batch_size=batch))
            while (part := self._next(parts)) is not None:
                yield self._rows_of(part, about.dimension)

    def _rows_of(self, part: Any, size: int) -> StoredRows:
        columns = {name: part.column(name) for name in part.schema.names}
        vectors = columns.pop(self.column)
        ids = [str(name) for name in columns.pop(self.id).to_pylist()]
        if vectors.null_count:
            raise StoreError(f"{self.address}: rows without a vector stand in {self.column!r}")
        flat = vectors.flatten().to_numpy(zero_copy_only=False)
        return StoredRows(ids, as_batch(flat.reshape(-1, size)), _metadata(columns, len(ids)))

    def _next(self, parts: Iterator[Any]) -> Any:
        """A batch as it is read from the disk; None behind the last."""
        with _saying(self.address):
            return next(parts, None)

    def twin(self, name: str) -> "LanceStore":
        """A table with a scan by the same distance; an index needs more rows than a test has."""
        described = self.described()
        words: dict[str, Metric] = {word: metric for metric, word in WORDS.items()}
        metric = words.get(described.metric, "squared-euclidean")
        layout = Layout(described.dimension, metric, "scan")
        store = LanceStore.create(self.address.called(name), layout)
        store.metric = described.metric
        return store

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """All rows of a call or none of them."""
        about = rows_of_metadata(metadata, len(ids))
        rows = rows_table(ids, as_batch(vectors), about, (ID, VECTOR, METADATA))
        with _saying(self.address):
            self.table.add(rows)

    def finish(self) -> None:
        """Build the graph, where one is asked for."""
        if self.layout is None or self.layout.index == "scan":
            return
        kinds = library("lancedb.index", "lancedb", needed_by="store")
        parameters = {"m": M, "ef_construction": EF_CONSTRUCTION, **self.layout.parameters}
        config = kinds.HnswSq if parameters.pop("bits", 32) == 8 else kinds.HnswFlat
        with _saying(self.address):
            self.table.create_index(
                VECTOR, config=config(distance_type=WORDS[self.layout.metric], **parameters)
            )

    def check_replaceable(self) -> None:
        """Refuse to remove what somebody keeps in the folder of the table."""
        check_goes_whole(self._folder(self.address))

    def take_place(self, address: Address) -> None:
        """The folder of the table is exchanged with the one that has the name, at once."""
        place = self._folder(address)
        if place.exists():
            check_goes_whole(place)
        take_folder(self._folder(self.address), place)
        self.__init__(replace(address, options=self.address.options))

    def _folder(self, address: Address) -> Path:
        return address.folder / f"{address.name}.lance"

    def drop(self) -> None:
        """Remove the table."""
        with _saying(self.address):
            self.database.drop_table(self.address.name)

    def efforts(self) -> list[Mapping[str, int]]:
        """Those that the kind of index knows."""
        kind = self.described().index.partition(",")[0].upper()
        known = {
            "ef": "HNSW" in kind,
            "nprobes": "IVF" in kind and "HNSW" not in kind,
            "refine_factor": "SQ" in kind or "PQ" in kind or "RQ" in kind,
        }
        return [effort for effort in super().efforts() if any(known[name] for name in effort)]

    def stored_bytes(self) -> int:
        """All files in the folder of the table, older versions of it included."""
        folder = self._folder(self.address)
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    def scratches(self) -> list[str]:
        """By the beginning of their names."""
        return [name for name in self.tables() if name.startswith(SCRATCH)]

    def clear(self, name: str) -> None:
        """Remove another table."""
        with _saying(self.address):
            self.database.drop_table(name)

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By a filter of the table."""
        found: dict[str, Array] = {}
        for start in range(0, len(ids), FILTERED):
            listed = ", ".join(_quoted(name) for name in ids[start : start + FILTERED])
            with _saying(self.address):
                column = self.id.replace("`", "``")
                asked = self.table.search().where(f"cast(`{column}` as string) in ({listed})")
                part = asked.select([self.id, self.column]).limit(FILTERED).to_arrow()
            for name, vector in zip(part[self.id].to_pylist(), part[self.column], strict=True):
                found[str(name)] = np.array(vector.as_py(), np.float32)
        return found

    def manifest(self) -> str | None:
        """From what is said of the column of vectors."""
        metadata: dict[bytes, bytes] = self.table.schema.field(self.column).metadata or {}
        text = metadata.get(MANIFEST.encode())
        return None if text is None else text.decode()

    def write_manifest(self, text: str) -> None:
        """Into what is said of the column of vectors."""
        with _saying(self.address):
            self.table.update_field_metadata({"path": VECTOR, "metadata": {MANIFEST: text}})


def _quoted(name: str) -> str:
    """A text in SQL."""
    doubled = name.replace("'", "''")
    return f"'{doubled}'"


def _metadata(columns: Mapping[str, Any], rows: int) -> list[dict[str, Any]]:
    lists = {name: column.to_pylist() for name, column in columns.items()}
    out = [{name: values[i] for name, values in lists.items()} for i in range(rows)]
    if set(lists) != {METADATA}:
        return out
    return [_object(row[METADATA]) or row for row in out]


def _object(cell: Any) -> dict[str, Any] | None:
    """What export wrote into a cell; None where the column is somebody else's."""
    if not cell:
        return {}
    return content_of(cell) if isinstance(cell, str) else None


def _library() -> Any:
    return library("lancedb", "lancedb", needed_by="store")


def _version() -> str:
    return str(_library().__version__)


def _saying(address: Address) -> AbstractContextManager[None]:
    return saying(address, "LanceDB")
