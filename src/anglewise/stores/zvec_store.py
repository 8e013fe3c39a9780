"""``zvec:///folder/name``: a collection of zvec, which is a folder.

Many programs may read one at a time, or a single one write: so it is opened for reading, and for
writing only where something is written. (The engine stamps the file of a graph with the time at
which it is opened, for reading too.) The vectors are the only field of vectors or ``?vector=``.
zvec takes neither an empty id nor one with a tab or a line break; an item of such an id is kept
under a digest of it, and its own id stands in a field. A manifest lies in the folder as
``anglewise.json``, which the engine leaves alone. What is written since the last optimising is
scanned; a quantised index ranks by coarse vectors and gives the whole ones back.
"""

import json
import shutil
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import CollectionExistsError, NoCollectionError, StoreError
from anglewise.stores.address import Address
from anglewise.stores.collection_folder import CollectionFolder, folder_of
from anglewise.stores.foreign_files import check_in_folder
from anglewise.stores.vector_store import (
    BATCH,
    GRAPH,
    Described,
    Layout,
    Listed,
    Metric,
    StoredRows,
    as_batch,
    content_of,
    rows_of_metadata,
    saying,
)

ID, VECTOR, METADATA = "anglewise_id", "vector", "metadata"
LOCK = "LOCK"
M, EF_CONSTRUCTION = 32, 200
EFFORTS = {"HNSW": ("ef", "HnswQueryParam"), "IVF": ("nprobe", "IVFQueryParam")}
"""What a search of an index takes, and zvec's class for it."""


class ZvecStore(CollectionFolder):
    """A collection of zvec, in a folder."""

    engine = "zvec"
    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "IP",
        "cosine": "COSINE",
        "squared-euclidean": "L2",
    }
    options = frozenset({"vector"})
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 600}, {"ef": 1500})
    build_parameters = GRAPH
    batch = 1_000

    def __init__(self, address: Address, collection: Any = None) -> None:
        super().__init__(address)
        self.zvec = _library()
        self.folder = folder_of(address)
        if collection is None and not is_collection(self.folder):
            raise NoCollectionError(
                f"{address}: there is no collection {address.name!r}; there are "
                f"{', '.join(self.collections()) or 'none'}"
            )
        self._writes = collection is not None
        if collection is None:
            check_in_folder(self.folder, address.folder, self.engine)
        with self._saying():
            self.collection = self._opened() if collection is None else collection
            schema = self.collection.schema
        self.vector = self._vector(list(schema.vectors))
        self.fields = [field.name for field in schema.fields]
        self.settings: dict[str, Any] = self.vector.index_param.to_dict()
        self.kind = _kind(self.zvec, self.vector.index_param)
        self.effort_names = tuple(name for k, (name, _) in EFFORTS.items() if self.kind == k)

    def _opened(self) -> Any:
        option = self.zvec.CollectionOption(read_only=not self._writes)
        return self.zvec.open(str(self.folder), option)

    def _vector(self, vectors: Sequence[Any]) -> Any:
        named = self.address.option("vector", "")
        found = [v for v in vectors if v.name == named or (not named and len(vectors) == 1)]
        if not found or not found[0].data_type.name.startswith("VECTOR_FP"):
            there = ", ".join(f"{v.name} ({v.data_type.name})" for v in vectors)
            self.close()
            raise StoreError(
                f"{self.address}: one field of floating-point vectors is due, and there are "
                f"{there}: say which (?vector=FIELD)"
            )
        return found[0]

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "ZvecStore":
        """A new folder; the graph is built at the end."""
        zvec = _library()
        if layout.metric not in cls.supported:
            raise StoreError(f"zvec has no metric {layout.metric!r}")
        metric = getattr(zvec.MetricType, cls.supported[layout.metric])
        if layout.index == "scan":
            index = zvec.FlatIndexParam(metric_type=metric)
        else:
            parameters = {"m": M, "ef_construction": EF_CONSTRUCTION, **layout.parameters}
            index = zvec.HnswIndexParam(metric_type=metric, **parameters)
        return cls._made(address, index, layout.dimension, zvec.DataType.VECTOR_FP32)

    @classmethod
    def _made(cls, address: Address, index: Any, dimension: int, kind: Any) -> "ZvecStore":
        zvec, folder = _library(), folder_of(address)
        texts = zvec.DataType.STRING
        schema = zvec.CollectionSchema(
            name="items",
            fields=[zvec.FieldSchema(name, texts, nullable=True) for name in (ID, METADATA)],
            vectors=zvec.VectorSchema(VECTOR, kind, dimension=dimension, index_param=index),
        )
        if folder.exists():
            raise CollectionExistsError(f"{address}: {folder} is there")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with saying(address, "zvec"):
            collection = zvec.create_and_open(str(folder), schema)
        return cls(address.plain(), collection)

    @classmethod
    def reopen(cls, address: Address, layout: Layout) -> "ZvecStore":
        """One that was made before; where it was ended before it was whole, made anew."""
        folder = folder_of(address)
        if folder.is_dir() and not is_collection(folder):
            shutil.rmtree(folder)
            return cls.create(address, layout)
        return cls(address.plain())

    def collections(self) -> list[str]:
        """The names of all collections in the folder."""
        if not self.address.folder.is_dir():
            return []
        return sorted(p.name for p in self.address.folder.iterdir() if is_collection(p))

    def described(self) -> Described:
        """As zvec says it."""
        with self._saying():
            about = self.collection.stats
            count = int(about.doc_count)
            share = float(about.index_completeness.get(self.vector.name, 0.0))
        metric = str(self.settings["metric_type"])
        version = str(self.zvec.__version__)
        index = self._index(share, count)
        return Described(f"zvec {version}", self.vector.dimension, count, metric, index)

    def _index(self, share: float, count: int) -> str:
        quantised = str(self.settings.get("quantize_type", "UNDEFINED"))
        coarse = "" if quantised == "UNDEFINED" else f", quantised ({quantised})"
        if self.kind == "FLAT" or not share:
            return f"scan{coarse}"
        given = ", ".join(f"{k} {self.settings[k]}" for k in ("m", "n_list") if k in self.settings)
        kind = f"{self.kind} ({given})" if given else self.kind
        return f"{kind}, {round(share * count):,} of {count:,} vectors in it{coarse}"

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """One question after the other."""
        parameters = None
        if effort:
            if set(effort) != set(self.effort_names):
                raise StoreError(f"{self.address}: a search of {self.kind} has no {[*effort]}")
            parameters = getattr(self.zvec, EFFORTS[self.kind][1])(**effort)
        fields = [ID] if ID in self.fields else []
        with self._saying():
            answers = [
                self.collection.query(
                    self.zvec.Query(self.vector.name, vector=row, param=parameters),
                    topk=k,
                    output_fields=fields,
                )
                for row in as_batch(queries)
            ]
        return [[(_id(doc), float(doc.score)) for doc in docs] for docs in answers]

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """As they stand, all other fields as metadata."""
        with self._saying(), self.collection.iter_docs() as docs:
            for part in _parts(docs, batch):
                yield self._stored([d for d in part if d.vector(self.vector.name) is not None])

    def _stored(self, docs: Sequence[Any]) -> StoredRows:
        vectors = [doc.vector(self.vector.name) for doc in docs]
        return StoredRows(
            [_id(doc) for doc in docs],
            as_batch(vectors).reshape(-1, self.vector.dimension),
            [_about(doc) for doc in docs],
        )

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By their ids."""
        wanted = {_kept_as(name): name for name in ids}
        with self._saying():
            docs = [
                doc
                for part in _parts(wanted, self.batch)
                for doc in self.collection.fetch(part).values()
            ]
        return {wanted[d.id]: np.array(d.vector(self.vector.name), np.float32) for d in docs}

    def twin(self, name: str) -> "ZvecStore":
        """A collection with the same index and the same kind of vectors."""
        vector, address = self.vector, self.address.plain().called(name)
        return ZvecStore._made(address, vector.index_param, vector.dimension, vector.data_type)

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Written anew where an id is there; what is refused of a call is said."""
        own = ID in self.fields
        docs = [
            self.zvec.Doc(
                id=_kept_as(name),
                vectors={self.vector.name: vector},
                fields={ID: name, METADATA: json.dumps(dict(about), default=str)} if own else {},
            )
            for name, vector, about in zip(
                ids, as_batch(vectors), rows_of_metadata(metadata, len(ids)), strict=True
            )
        ]
        with self._saying():
            self._open_to_write()
            for part in _parts(docs, self.batch):
                for name, status in zip(part, self.collection.upsert(part), strict=True):
                    if not status.ok():
                        raise StoreError(f"{self.address}: zvec refuses {name.id!r}: {status}")

    def _open_to_write(self) -> None:
        if not self._writes:
            self.collection.close()
            self._writes = True
            self.collection = self._opened()

    def finish(self) -> None:
        """Build the graph, write everything down, and go on as a reader."""
        with self._saying():
            self._open_to_write()
            self.collection.optimize()
            self.collection.flush()
            self.collection.close()
            self._writes = False
            self.collection = self._opened()

    def close(self) -> None:
        """Let go of the folder."""
        with suppress(Exception):
            self.collection.close()

    @contextmanager
    def _saying(self) -> Generator[None]:
        try:
            with saying(self.address, "zvec"):
                yield
        except StoreError as error:
            if "Can't lock" not in str(error):
                raise
            raise StoreError(
                f"{self.address}: another program has it open, and zvec lets in many that read or "
                "one that writes: close it there"
            ) from error


def is_collection(folder: Path) -> bool:
    """Whether a folder looks like a collection of zvec."""
    return (folder / LOCK).is_file() and any(folder.glob("manifest.*"))


def _kind(zvec: Any, index: Any) -> str:
    """The kind of an index; FLAT where a collection names none."""
    return "FLAT" if type(index) is zvec.FlatIndexParam else str(index.to_dict().get("type"))


def _parts(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(things)
    while part := list(islice(left, size)):
        yield part


def _kept_as(name: str) -> str:
    """What an item is called in zvec."""
    return name if name and name.isprintable() else str(uuid5(NAMESPACE_URL, name))


def _id(doc: Any) -> str:
    own = doc.field(ID)
    return str(doc.id) if own is None else str(own)


def _about(doc: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {name: doc.field(name) for name in doc.field_names() if name != ID}
    if set(fields) != {METADATA} or doc.field(ID) is None:
        return fields
    text = fields[METADATA]
    content = content_of(text) if isinstance(text, str) else None
    return fields if content is None else content


def _library() -> Any:
    return library("zvec", "zvec", needed_by="store")
