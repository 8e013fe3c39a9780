"""``chroma:///folder/name`` or ``chroma://host:8000/name``: a collection of Chroma.

A folder is that of a PersistentClient. A server is asked over HTTP, with the key in the variable
CHROMA_API_KEY where there is one. Chroma's only index is a graph: it has no scan. Its metric is
that of the collection, squared euclidean distance where nobody said another when it was made, and
so is ``ef``: a question cannot ask for more, ``collection.modify`` can.
"""

import json
import math
import os
import re
import shutil
import socket
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

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
from anglewise.stores.bounded_http import bounding
from anglewise.stores.foreign_files import check_chroma_folder
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
    saying,
)

KEY = "CHROMA_API_KEY"
SHORTEST = 3
NAME = re.compile(rf"(?=.{{{SHORTEST}}})[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]")
"""Names that Chroma gives to a collection; how long one may be has changed with its versions."""
MANIFEST, REST = "anglewise", "anglewise_json"
"""Where the manifest stands in the metadata of a collection; and, in that of an item, as JSON what
Chroma does not keep: what is missing, lists, whole numbers beyond 64 bits."""
REPLACED = "__replaced_by_anglewise"
"""How the name ends of a collection while another takes its place."""
M, EF_CONSTRUCTION = 32, 200
PORT, PATIENCE, SILENCE = 8000, 10, 60
"""Of a server; seconds that it may take to let us in, and to go on with an answer."""


class ChromaStore(VectorStore):
    """A collection of Chroma, in a folder or of a server."""

    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "ip",
        "cosine": "cosine",
        "squared-euclidean": "l2",
    }
    options = frozenset({"https", "tenant", "database"})
    effort_names = ("ef",)
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 256}, {"ef": 1024})
    build_parameters = GRAPH
    batch = 5_000

    def __init__(self, address: Address, client: Any = None, *, owned: bool = True) -> None:
        super().__init__(address)
        self._owned = owned
        self.client = _client(address) if client is None else client
        self.ours = False
        try:
            self.collection = self._opened(address.name)
        except AnglewiseError:
            if client is None:
                self.client.close()
            raise

    def _opened(self, name: str) -> Any:
        missing = library("chromadb.errors", "chroma", needed_by="store").NotFoundError
        with _saying(self.address):
            try:
                return self.client.get_collection(name, embedding_function=None)
            except missing:
                names = self._names()
        left = (
            f"; {name}{REPLACED} is what {name} was before an export was ended in the middle"
            if f"{name}{REPLACED}" in names
            else ""
        )
        raise NoCollectionError(
            f"{self.address}: there is no collection {name!r}; there are "
            f"{', '.join(names) or 'none'}{left}"
        )

    @classmethod
    def check_name(cls, address: Address) -> None:
        """As Chroma has it, which says so itself only when a collection is made or renamed."""
        if not NAME.fullmatch(address.name):
            raise SpellingError(
                f"{address}: Chroma takes names of {SHORTEST} characters or more out of "
                "a-z, A-Z, 0-9, '.', '_' and '-' that begin and end with a letter or a digit: take "
                "another name"
            )

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "ChromaStore":
        """A new collection; its graph is built while rows come."""
        if layout.metric not in cls.supported:
            raise StoreError(f"Chroma has no metric {layout.metric!r}")
        if layout.index == "scan":
            raise StoreError("Chroma has no scan: its only index is a graph (--index graph)")
        if not address.host:
            with _saying(address):
                address.folder.mkdir(parents=True, exist_ok=True)
        client = _client(address, may_make=True)
        about = {
            "space": cls.supported[layout.metric],
            "max_neighbors": layout.parameters.get("m", M),
            "ef_construction": layout.parameters.get("ef_construction", EF_CONSTRUCTION),
        }
        try:
            with _saying(address):
                _made(client, address, about)
        except AnglewiseError:
            client.close()
            raise
        store = cls(address, client)
        store.ours = True
        return store

    @classmethod
    def reopen(cls, address: Address, layout: Layout) -> "ChromaStore":
        """To go on with it, so that its ``ef`` may be moved."""
        del layout
        store = cls(address)
        store.ours = True
        return store

    def _names(self) -> list[str]:
        return sorted(one.name for one in self.client.list_collections())

    @property
    def _settings(self) -> dict[str, Any]:
        """Of the index: metric, ``ef_search`` and their kin."""
        return self._configuration.get("hnsw") or self._configuration.get("spann") or {}

    @property
    def _configuration(self) -> dict[str, Any]:
        """As it is stored: Chroma's own ``configuration`` makes the encoder that it names.

        That loads a model, and may run its code; who sent the collection chose it.
        """
        return self.collection.configuration_json

    def described(self) -> Described:
        """As Chroma says it."""
        with _saying(self.address):
            settings, count = self._settings, self.collection.count()
            some = self.collection.get(limit=1, include=["embeddings"])["embeddings"]
            kind = "graph" if self._configuration.get("hnsw") else "index"
        ef = settings.get("ef_search", "unknown")
        index = f"{kind} (m {settings.get('max_neighbors', 'unknown')}, ef {ef})"
        return Described(
            f"Chroma, by chromadb {_version()}",
            len(some[0]) if len(some) else 0,
            count,
            settings.get("space", ""),
            index if settings else "unknown",
        )

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """All queries in one call."""
        self._with_effort(effort or {})
        with _saying(self.address):
            found = self.collection.query(
                query_embeddings=as_batch(queries), n_results=k, include=["distances"]
            )
        return [
            [(name, float(far)) for name, far in zip(ids, numbers, strict=True)]
            for ids, numbers in zip(found["ids"], found["distances"], strict=True)
        ]

    def _with_effort(self, effort: Mapping[str, int]) -> None:
        """Let the collection have an ``ef``, if it is one that we are making."""
        with _saying(self.address):
            now = self._settings.get("ef_search")
            if not effort or effort["ef"] == now:
                return
            if self.ours:
                self.collection.modify(configuration={"hnsw": {"ef_search": effort["ef"]}})
                return
        raise StoreError(
            f"{self.address}: its ef_search is {now}, and {effort['ef']} is asked for, which "
            "Chroma takes from the collection alone: collection.modify(configuration="
            f"{{'hnsw': {{'ef_search': {effort['ef']}}}}})"
        )

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """As they come by their places."""
        start = 0
        while True:
            with _saying(self.address):
                part = self.collection.get(
                    limit=batch, offset=start, include=["embeddings", "metadatas"]
                )
            ids: list[str] = part["ids"]
            if not ids:
                return
            vectors = as_batch(part["embeddings"])
            yield StoredRows(ids, vectors, [_about(one) for one in part["metadatas"]])
            start += len(ids)

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By their ids."""
        out: dict[str, Array] = {}
        for start in range(0, len(ids), BATCH):
            with _saying(self.address):
                some = self.collection.get(
                    ids=list(ids[start : start + BATCH]), include=["embeddings"]
                )
            vectors = zip(some["ids"], some["embeddings"], strict=True)
            out |= {name: np.asarray(vector, np.float32) for name, vector in vectors}
        return out

    def twin(self, name: str) -> "ChromaStore":
        """A collection with the same settings of its index."""
        names = ("space", "max_neighbors", "ef_construction", "ef_search")
        about = {key: value for key, value in self._settings.items() if key in names}
        address = self.address.called(name)
        with _saying(self.address):
            _made(self.client, address, about)
        return ChromaStore(address, self.client, owned=False)

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Under their ids; what is there is written anew, where Chroma's own ``add`` is silent."""
        batch, rows = as_batch(vectors), rows_of_metadata(metadata, len(ids))
        with _saying(self.address):
            most = self.client.get_max_batch_size()
            for start in range(0, len(ids), most):
                part = slice(start, start + most)
                about = [_packed(row) for row in rows[part]]
                self.collection.upsert(ids=list(ids[part]), embeddings=batch[part], metadatas=about)

    def finish(self) -> None:
        """Chroma builds its graph by itself."""

    def take_place(self, address: Address) -> None:
        """Two renamings: Chroma has no exchange, so for a moment nobody bears the name."""
        name, before = address.name, f"{address.name}{REPLACED}"
        with _saying(address):
            names = self._names()
            if name in names and before in names:  # left by an export that was ended at the end
                self._delete(before)
            if name in names:
                self.client.get_collection(name, embedding_function=None).modify(name=before)
            try:
                self.collection.modify(name=name)
            except BaseException:
                if name in names:
                    self.client.get_collection(before, embedding_function=None).modify(name=name)
                raise
            if before in self._names():
                self._delete(before)
        self.address, self.ours = self.address.called(name), False

    def drop(self) -> None:
        """Delete the collection."""
        self.clear(self.address.name)

    def clear(self, name: str) -> None:
        """Delete another one."""
        with _saying(self.address):
            self._delete(name)

    def _delete(self, name: str) -> None:
        """Delete a collection, and the folders of its index, which Chroma leaves behind."""
        folders = self._folders(name)
        self.client.delete_collection(name)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _folders(self, name: str) -> list[Path]:
        """Where the index of a collection lies; none where that is not known, or of a server."""
        if self.address.host:
            return []
        made = self.client.get_collection(name, embedding_function=None).id
        file = self.address.folder / "chroma.sqlite3"
        place = f"{file.absolute().as_uri()}?mode=ro"
        query = "SELECT id FROM segments WHERE collection = ?"
        with suppress(sqlite3.Error), closing(sqlite3.connect(place, uri=True)) as connection:
            segments = [str(UUID(one)) for (one,) in connection.execute(query, [str(made)])]
            folders = [self.address.folder / segment for segment in segments]
            return [folder for folder in folders if (folder / "header.bin").is_file()]
        return []

    def efforts(self) -> list[Mapping[str, int]]:
        """None: Chroma takes the effort from the collection alone, which tune does not change."""
        return []

    def scratches(self) -> list[str]:
        """By the beginning of their names."""
        with _saying(self.address):
            return [name for name in self._names() if name.startswith(SCRATCH)]

    def manifest(self) -> str | None:
        """From the metadata of the collection."""
        about: dict[str, Any] = self.collection.metadata or {}
        text = about.get(MANIFEST)
        return text if isinstance(text, str) else None

    def write_manifest(self, text: str) -> None:
        """Into the metadata of the collection, beside what is there."""
        about: dict[str, Any] = self.collection.metadata or {}
        kept = {key: value for key, value in about.items() if not key.startswith("hnsw:")}
        with _saying(self.address):
            self.collection.modify(metadata={**kept, MANIFEST: text})

    def close(self) -> None:
        """Let go of the folder or the connection, but for a client that another one owns."""
        if self._owned:
            self.client.close()


def _made(client: Any, address: Address, settings: Mapping[str, Any]) -> None:
    """Make a collection; ``CollectionExistsError`` where there is one of the name."""
    try:
        client.create_collection(
            address.name, configuration={"hnsw": dict(settings)}, embedding_function=None
        )
    except Exception as error:
        if "already exists" not in str(error):
            raise
        raise CollectionExistsError(f"{address}: there is a collection of this name") from error


def _packed(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is known of an item as Chroma keeps it: plain values, and JSON for the rest."""
    plain = {key: value for key, value in about.items() if _is_kept(key, value)}
    rest = {key: value for key, value in about.items() if key not in plain}
    return {**plain, **({REST: json.dumps(rest, default=str)} if rest else {})} or None


def _is_kept(key: str, value: Any) -> bool:
    if not key or key == REST or key.startswith(("chroma:", "$", "#")):
        return False
    if isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return abs(value) < 1 << 63
    return isinstance(value, float) and math.isfinite(value)


def _about(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is known of an item, as it was given."""
    about = dict(metadata or {})
    rest = about.pop(REST, None)
    with suppress(ValueError, TypeError, RecursionError):
        content: dict[str, Any] = json.loads(rest) if isinstance(rest, str) else {}
        return {**about, **content}
    return {**about, REST: rest}  # what another program wrote there


def _library() -> Any:
    return library("chromadb", "chroma", needed_by="store")


def _version() -> str:
    return str(_library().__version__)


def _client(address: Address, *, may_make: bool = False) -> Any:
    chroma = _library()
    settings = library("chromadb.config", "chroma", needed_by="store").Settings
    chosen = {name: v for name, v in address.options.items() if name != "https"}
    if not address.host:
        if not may_make and not (address.folder / "chroma.sqlite3").is_file():
            raise NoCollectionError(f"{address}: {address.folder} is no folder of Chroma")
        check_chroma_folder(address.folder)
        with _saying(address):
            quiet = settings(_env_file=None, anonymized_telemetry=False)
            try:
                return chroma.PersistentClient(str(address.folder), quiet, **chosen)
            except ValueError as error:
                if "different settings" not in str(error):
                    raise
                return chroma.PersistentClient(
                    str(address.folder), **chosen
                )  # as this program has it
    https = address.option("https", "no")
    if https not in {"yes", "no"}:
        raise SpellingError(f"{address}: https is {https!r}: yes or no is due")
    place = address.host, address.port or PORT
    url = f"{'https' if https == 'yes' else 'http'}://{place[0]}:{place[1]}"
    asking = library("chromadb.api.fastapi", "chroma", needed_by="store")
    with _saying(address), bounding(asking, url, SILENCE, needed_by="chroma"):
        socket.create_connection(place, PATIENCE).close()
        key = os.environ.get(KEY)
        return chroma.HttpClient(
            *place,
            ssl=https == "yes",
            headers={"x-chroma-token": key} if key else None,
            settings=settings(_env_file=None, anonymized_telemetry=False),
            **chosen,
        )


def _saying(address: Address) -> AbstractContextManager[None]:
    return saying(address, "Chroma", os.environ.get(KEY, ""))
