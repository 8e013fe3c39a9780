"""``qdrant://host:6333/name`` or ``qdrant:///folder/name``: a collection of Qdrant.

A server is asked over HTTP, with the key in the variable QDRANT_API_KEY where there is one. A
folder is that of qdrant-client's local mode, which always scans. Points are numbered by Qdrant; the
id of an item stands in the payload under ``id``, and a point without one bears its own number.
"""

import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, cast
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import (
    AnglewiseError,
    CollectionExistsError,
    NoCollectionError,
    SpellingError,
    StoreError,
)
from anglewise.stores.address import Address
from anglewise.stores.bounded_http import transport
from anglewise.stores.qdrant_edge_store import is_shard
from anglewise.stores.qdrant_files import check_local_folder, is_local_folder
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
    rows_of_metadata,
    saying,
)

KEY = "QDRANT_API_KEY"
ID, MANIFEST = "id", "anglewise"
"""Where an item's id stands in the payload, and the manifest in the metadata of a collection."""
PATIENCE = 10
"""Seconds that a server may take to answer."""


class QdrantStore(VectorStore):
    """A collection of Qdrant, of a server or in a folder."""

    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "Dot",
        "cosine": "Cosine",
        "euclidean": "Euclid",
        "manhattan": "Manhattan",
    }
    options = frozenset({"vector", "https"})
    effort_names = ("ef",)
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 256}, {"ef": 1024})

    def __init__(self, address: Address, client: Any = None, *, owned: bool = True) -> None:
        super().__init__(address)
        self._owned = owned
        self.library = _library()
        self.models = self.library.models
        self._asked: tuple[str | None] | None = None
        if client is None and address.is_local and not is_local_folder(address.folder):
            _check_no_shard(address)
            raise NoCollectionError(f"{address}: {address.folder} is no folder of Qdrant's")
        self.client = _client(address) if client is None else client
        try:
            with _saying(address):
                if not self.client.collection_exists(address.name):
                    raise NoCollectionError(
                        f"{address}: there is no collection {address.name!r}; there are "
                        f"{', '.join(self._collections()) or 'none'}"
                    )
        except AnglewiseError:
            if client is None:
                self.client.close()
            raise

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "QdrantStore":
        """A new collection; the graph is built by the server while points come."""
        models = _library().models
        if layout.metric not in cls.supported:
            raise StoreError(f"Qdrant has no metric {layout.metric!r}")
        client = _client(address)
        with _saying(address):
            if client.collection_exists(address.name):
                client.close()
                raise CollectionExistsError(f"{address}: there is a collection of this name")
            client.create_collection(
                address.name,
                vectors_config=models.VectorParams(
                    size=layout.dimension,
                    distance=models.Distance(cls.supported[layout.metric]),
                ),
                hnsw_config=_hnsw(models, layout),
            )
        return cls(address, client)

    @property
    def _settings(self) -> Any:
        with _saying(self.address):
            return self.client.get_collection(self.address.name)

    def _vector(self, settings: Any) -> tuple[str | None, Any]:
        """The name and settings of the vectors that are asked; None for those without a name."""
        vectors: Any = settings.config.params.vectors
        if not isinstance(vectors, dict):
            return None, vectors
        vectors = cast("dict[str, Any]", vectors)
        name = self.address.option("vector", "")
        if name not in vectors:
            raise StoreError(
                f"{self.address}: points have several vectors, {', '.join(sorted(vectors))}: say "
                "which (?vector=NAME)"
            )
        return name, vectors[name]

    def described(self) -> Described:
        """As Qdrant says it."""
        settings = self._settings
        _, vectors = self._vector(settings)
        return Described(
            f"Qdrant, by qdrant-client {_version()}",
            vectors.size,
            settings.points_count or 0,
            vectors.distance.value,
            self._index(settings, vectors),
        )

    def _index(self, settings: Any, vectors: Any) -> str:
        if self.address.is_local:
            return "scan"
        indexed = settings.indexed_vectors_count
        if indexed is None:
            return "unknown"
        if not indexed:
            return "scan"
        graph = vectors.hnsw_config or settings.config.hnsw_config
        kind = f"graph (m {graph.m}), {indexed:,} of {settings.points_count or 0:,} vectors in it"
        quantised = vectors.quantization_config or settings.config.quantization_config
        return kind if quantised is None else f"{kind}, quantised"

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """All queries in one call."""
        if self._asked is None:  # once: else each search would cost another question
            self._asked = (self._vector(self._settings)[0],)
        (name,) = self._asked
        parameters = None
        if effort:
            parameters = self.models.SearchParams(hnsw_ef=effort["ef"])
        asked = [
            self.models.QueryRequest(
                query=row, using=name, limit=k, params=parameters, with_payload=[ID]
            )
            for row in as_batch(queries).tolist()
        ]
        with _saying(self.address):
            answers = self.client.query_batch_points(self.address.name, requests=asked)
        return [[(_id(point), float(point.score)) for point in a.points] for a in answers]

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """As they come by scrolling."""
        name, vectors = self._vector(self._settings)
        start: Any = None
        while True:
            with _saying(self.address):
                points, start = self.client.scroll(
                    self.address.name,
                    limit=batch,
                    offset=start,
                    with_vectors=True if name is None else [name],
                )
            found: list[Any] = [
                p.vector if name is None else dict(p.vector or {}).get(name) for p in points
            ]
            there = [i for i, vector in enumerate(found) if vector is not None]
            yield StoredRows(
                [_id(points[i]) for i in there],
                np.array([found[i] for i in there], np.float32).reshape(-1, vectors.size),
                [_about(points[i]) for i in there],
            )
            if start is None:
                return

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """Of points that export wrote by their numbers; of others as they stand among all."""
        name, _ = self._vector(self._settings)
        with _saying(self.address):
            points = self.client.retrieve(
                self.address.name,
                ids=[_number(one) for one in ids],
                with_vectors=True if name is None else [name],
            )
        vectors = {_id(p): p.vector if name is None else dict(p.vector)[name] for p in points}
        found = {i: np.array(v, np.float32) for i, v in vectors.items() if v is not None}
        rest = [one for one in ids if one not in found]
        return {**found, **super().vectors_of(rest)} if rest else found

    def twin(self, name: str) -> "QdrantStore":
        """A collection with the same settings of its vectors."""
        settings = self._settings
        _, vectors = self._vector(settings)
        with _saying(self.address):
            self.client.create_collection(
                name,
                vectors_config=vectors,
                quantization_config=settings.config.quantization_config,
            )
        address = replace(self.address, name=name, options={})
        return QdrantStore(address, self.client, owned=False)

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Points numbered by a digest of their ids, so that the same ids are written anew."""
        payloads = [
            {**about, ID: name}
            for name, about in zip(ids, rows_of_metadata(metadata, len(ids)), strict=True)
        ]
        points = self.models.Batch(
            ids=[_number(name) for name in ids],
            vectors=as_batch(vectors).tolist(),
            payloads=payloads,
        )
        with _saying(self.address):
            self.client.upsert(self.address.name, points=points, wait=True)

    def finish(self) -> None:
        """The server builds its graph by itself."""

    def check_replaceable(self) -> None:
        """An alias is moved at once; a collection itself cannot be."""
        self._check_alias(self.address)

    def _check_alias(self, address: Address) -> None:
        if address.name in self._collections():
            raise StoreError(
                f"{address}: {address.name!r} is a collection and no alias, which Qdrant cannot "
                "exchange at once: take another name, and let your program ask that"
            )

    def take_place(self, address: Address) -> None:
        """An alias of the name, moved at once from the collection that it meant before."""
        models, name = self.models, address.name
        with _saying(address):
            aliases = {a.alias_name: a.collection_name for a in self.client.get_aliases().aliases}
            self._check_alias(address)
            steps: list[Any] = []
            if name in aliases:
                old = models.DeleteAlias(alias_name=name)
                steps.append(models.DeleteAliasOperation(delete_alias=old))
            before = aliases.pop(name, "")
            new = models.CreateAlias(collection_name=self.address.name, alias_name=name)
            steps.append(models.CreateAliasOperation(create_alias=new))
            self.client.update_collection_aliases(change_aliases_operations=steps)
            is_ours = re.fullmatch(re.escape(f"{name}__") + "[0-9a-f]{12}", before)
            if is_ours and before not in {self.address.name, *aliases.values()}:
                self.client.delete_collection(before)  # an earlier export, which nobody names now

    def drop(self) -> None:
        """Delete the collection."""
        with _saying(self.address):
            self.client.delete_collection(self.address.name)

    def clear(self, name: str) -> None:
        """Delete another one."""
        with _saying(self.address):
            self.client.delete_collection(name)

    def efforts(self) -> list[Mapping[str, int]]:
        """None of a folder, which is scanned."""
        return [] if self.address.is_local else super().efforts()

    def stored_bytes(self) -> int | None:
        """The files in the folder of the collection; a server does not say it."""
        if not self.address.is_local:
            return None
        with _saying(self.address):
            aliases = {a.alias_name: a.collection_name for a in self.client.get_aliases().aliases}
        name = aliases.get(self.address.name, self.address.name)
        folder = self.address.folder / "collection" / name
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    def scratches(self) -> list[str]:
        """By the beginning of their names."""
        return [name for name in self._collections() if name.startswith(SCRATCH)]

    def _collections(self) -> list[str]:
        return [entry.name for entry in self.client.get_collections().collections]

    def manifest(self) -> str | None:
        """From what the collection says of itself."""
        metadata: dict[str, Any] = self._settings.config.metadata or {}
        text = metadata.get(MANIFEST)
        return text if isinstance(text, str) else None

    def write_manifest(self, text: str) -> None:
        """Into what the collection says of itself."""
        with _saying(self.address):
            self.client.update_collection(self.address.name, metadata={MANIFEST: text})

    def close(self) -> None:
        """Let go of the folder or the connection, but for a client that another one owns."""
        if self._owned:
            self.client.close()


def _hnsw(models: Any, layout: Layout) -> Any:
    if layout.index == "scan":
        return models.HnswConfigDiff(m=0)
    names = {"m": "m", "ef_construction": "ef_construct"}
    return models.HnswConfigDiff(**{names[k]: v for k, v in layout.parameters.items()})


def _number(name: str) -> str:
    """What the point of an item is called in Qdrant."""
    return str(uuid5(NAMESPACE_URL, name))


def _payload(point: Any) -> dict[str, Any]:
    return point.payload or {}


def _id(point: Any) -> str:
    own = _payload(point).get(ID)
    return str(point.id if own is None else own)


def _about(point: Any) -> dict[str, Any]:
    return {name: value for name, value in _payload(point).items() if name != ID}


def _library() -> Any:
    return library("qdrant_client", "qdrant", needed_by="store")


def _version() -> str:
    from importlib.metadata import version

    return version("qdrant-client")


def _check_no_shard(address: Address) -> None:
    if is_shard(address.folder / address.name):
        raise StoreError(
            f"{address}: this is a shard of Qdrant Edge, not of the client's local mode: "
            f"qdrant-edge://{address.path}/{address.name}"
        )


def _client(address: Address) -> Any:
    client = _library()
    if address.is_local:
        if not address.folder.is_dir():
            raise NoCollectionError(f"{address}: there is no folder {address.folder}")
        _check_no_shard(address)
        check_local_folder(address.folder)
        with _saying(address):
            return client.QdrantClient(path=str(address.folder))
    https = address.option("https", "no")
    if https not in {"yes", "no"}:
        raise SpellingError(f"{address}: https is {https!r}: yes or no is due")
    port = address.port or 6333
    url = f"{'https' if https == 'yes' else 'http'}://{address.host}:{port}"
    with _saying(address):
        return client.QdrantClient(
            host=address.host,
            port=port,
            https=https == "yes",
            api_key=os.environ.get(KEY) or None,
            timeout=PATIENCE,
            check_compatibility=False,
            transport=transport(url, PATIENCE, needed_by="qdrant"),
        )


@contextmanager
def _saying(address: Address) -> Generator[None]:
    """Turn what the client raises into one sentence."""
    try:
        with saying(address, "Qdrant", os.environ.get(KEY, "")):
            yield
    except StoreError as error:
        if "already accessed" not in str(error):
            raise
        raise StoreError(
            f"{address}: another program has the folder open, and Qdrant's local mode lets in one "
            "at a time: close it there, or run a server"
        ) from error
