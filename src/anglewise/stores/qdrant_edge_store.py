"""``qdrant-edge:///folder/name``: a shard of Qdrant Edge, Qdrant's own engine in this process.

Each collection is a folder, which one program opens at a time. As in a server, points are numbered
by Qdrant and the id of an item stands in the payload under ``id``; a point without one bears its
own number. A manifest lies in the folder as ``anglewise.json``, which the engine leaves alone.

Qdrant counts a vector as indexed as soon as its segment is optimised, and builds a graph only of
segments above ``full_scan_threshold`` (10 MB): a smaller one is scanned. So what export makes with
a graph has a threshold of next to nothing, and what answers elsewhere is told from the sizes.
"""

import json
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import AnglewiseError, CollectionExistsError, NoCollectionError, StoreError
from anglewise.io.files import opened
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
    rows_of_metadata,
    saying,
)

ID, CONFIG = "id", "edge_config.json"
M, EF_CONSTRUCTION = 16, 100
THRESHOLD, OURS = 10_000, 10
"""Kilobytes of a segment from which on a graph is built: Qdrant's own, and that of a graph here."""
NEVER = 1 << 40
"""A threshold, in kilobytes, that nothing reaches: no index is built."""


class QdrantEdgeStore(CollectionFolder):
    """A shard of Qdrant Edge, in a folder."""

    engine = "Qdrant Edge"
    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "Dot",
        "cosine": "Cosine",
        "euclidean": "Euclid",
        "manhattan": "Manhattan",
    }
    options = frozenset({"vector"})
    effort_names = ("ef",)
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 256}, {"ef": 1024})
    build_parameters = GRAPH

    def __init__(self, address: Address, shard: Any = None) -> None:
        super().__init__(address)
        self.edge = _library()
        self.folder = folder_of(address)
        if not (self.folder / CONFIG).is_file():
            raise NoCollectionError(
                f"{address}: there is no shard {address.name!r}; there are "
                f"{', '.join(self.collections()) or 'none'}"
            )
        if shard is None:
            check_in_folder(self.folder, address.folder, self.engine)
        with _saying(address):
            with opened(self.folder / CONFIG) as file:
                self.config: dict[str, Any] = json.loads(file.read())
            self.vector, self.settings = self._vector()
            self.shard = self.edge.EdgeShard.load(str(self.folder)) if shard is None else shard

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "QdrantEdgeStore":
        """A new folder; the graph is built at the end."""
        if layout.metric not in cls.supported:
            raise StoreError(f"Qdrant has no metric {layout.metric!r}")
        return cls._made(address, _config(layout))

    @classmethod
    def _made(cls, address: Address, config: Any) -> "QdrantEdgeStore":
        folder, edge = folder_of(address), _library()
        with _saying(address):
            try:
                folder.mkdir(parents=True)
            except FileExistsError as error:
                raise CollectionExistsError(f"{address}: {folder} is there") from error
            shard = edge.EdgeShard.create(str(folder), config)
        return cls(address.plain(), shard)

    @classmethod
    def reopen(cls, address: Address, layout: Layout) -> "QdrantEdgeStore":
        """One that was made before; where it was ended before the first vector, made anew."""
        folder = folder_of(address)
        if not (folder / CONFIG).is_file() and folder.is_dir():
            shutil.rmtree(folder)
            return cls.create(address, layout)
        return cls(address.plain())

    def collections(self) -> list[str]:
        """The names of all shards in the folder."""
        if not self.address.folder.is_dir():
            return []
        return sorted(p.parent.name for p in self.address.folder.glob(f"*/{CONFIG}"))

    def _vector(self) -> tuple[str | None, dict[str, Any]]:
        """The name and settings of the vectors that are asked; None for those without a name."""
        vectors: dict[str, Any] = self.config.get("vectors", {})
        named = self.address.option("vector", "")
        if named not in vectors:
            raise StoreError(
                f"{self.address}: points have the vectors {', '.join(sorted(vectors)) or 'none'}: "
                "say which (?vector=NAME)"
            )
        return named or None, vectors[named]

    def described(self) -> Described:
        """As the shard says it; what answers follows from its sizes."""
        with _saying(self.address):
            about = self.shard.info()
        count, indexed = about.points_count, about.indexed_vectors_count
        return Described(
            f"Qdrant Edge {version('qdrant-edge-py')}",
            self.settings["size"],
            count,
            self.settings["distance"],
            self._index(count, indexed, about.segments_count),
        )

    def _index(self, count: int, indexed: int, segments: int) -> str:
        graph: dict[str, Any] = (
            self.settings.get("hnsw_config") or self.config.get("hnsw_config") or {}
        )
        threshold = graph.get("full_scan_threshold", THRESHOLD)
        size = count * self.settings["size"] * 4 / 1024
        m = graph.get("m", M)
        if not indexed or not m or size < threshold:
            return "scan"
        if size < threshold * segments:
            return "unknown"
        kind = f"graph (m {m}), {indexed:,} of {count:,} vectors in it"
        quantised = self.settings.get("quantization_config") or self.config.get(
            "quantization_config"
        )
        return f"{kind}, quantised" if quantised else kind

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """All queries in one call."""
        edge = self.edge
        parameters = edge.SearchParams(hnsw_ef=effort["ef"]) if effort else None
        asked = [
            edge.QueryRequest(
                limit=k,
                query=edge.Query.Nearest(row, using=self.vector),
                with_payload=[ID],
                params=parameters,
            )
            for row in as_batch(queries).tolist()
        ]
        with _saying(self.address):
            answers = self.shard.query_batch(edge.QueryBatchRequest(asked))
        return [[(_id(point), float(point.score)) for point in a] for a in answers]

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """As they come by scrolling."""
        start: Any = None
        while True:
            request = self.edge.ScrollRequest(
                offset=start, limit=batch, with_payload=True, with_vector=self._wanted
            )
            with _saying(self.address):
                points, start = self.shard.scroll(request)
            there = [(p, v) for p in points if (v := self._of(p)) is not None]
            yield StoredRows(
                [_id(p) for p, _ in there],
                np.array([v for _, v in there], np.float32).reshape(-1, self.settings["size"]),
                [{n: v for n, v in _payload(p).items() if n != ID} for p, _ in there],
            )
            if start is None:
                return

    @property
    def _wanted(self) -> bool | list[str]:
        return True if self.vector is None else [self.vector]

    def _of(self, point: Any) -> Any:
        if self.vector is None:
            return point.vector
        named: dict[str, Any] = point.vector or {}
        return named.get(self.vector)

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """Of points that export wrote by their numbers; of others as they stand among all."""
        with _saying(self.address):
            points = self.shard.retrieve([_number(one) for one in ids], [ID], self._wanted)
        vectors = {_id(p): v for p in points if (v := self._of(p)) is not None}
        found = {name: np.array(v, np.float32) for name, v in vectors.items() if name in {*ids}}
        rest = [one for one in ids if one not in found]
        return {**found, **super().vectors_of(rest)} if rest else found

    def twin(self, name: str) -> "QdrantEdgeStore":
        """A shard with the same settings, but for the threshold: a test has few vectors."""
        words: dict[str, Metric] = {word: metric for metric, word in self.supported.items()}
        is_graph = self.described().index != "scan"
        metric = words[self.settings["distance"]]
        layout = Layout(self.settings["size"], metric, "graph" if is_graph else "scan")
        config = _config(layout, self.settings.get("datatype") or "float32")
        return QdrantEdgeStore._made(self.address.plain().called(name), config)

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Points numbered by a digest of their ids, so that the same ids are written anew."""
        rows = zip(
            ids, as_batch(vectors).tolist(), rows_of_metadata(metadata, len(ids)), strict=True
        )
        points = [
            self.edge.Point(
                _number(name),
                vector if self.vector is None else {self.vector: vector},
                {**about, ID: name},
            )
            for name, vector, about in rows
        ]
        with _saying(self.address):
            self.shard.update(self.edge.UpdateOperation.upsert_points(points))

    def finish(self) -> None:
        """Build the graph, and write everything down."""
        with _saying(self.address):
            self.shard.optimize()
            self.shard.flush()

    def close(self) -> None:
        """Let go of the folder."""
        with suppress(Exception):
            self.shard.close()


def _config(layout: Layout, datatype: str = "float32") -> Any:
    edge, is_graph = _library(), layout.index == "graph"
    parameters = {"m": M, "ef_construction": EF_CONSTRUCTION, **layout.parameters}
    graph = edge.HnswIndexConfig(
        m=parameters["m"],
        ef_construct=parameters["ef_construction"],
        full_scan_threshold=OURS if is_graph else NEVER,
    )
    vectors = edge.EdgeVectorParams(
        size=layout.dimension,
        distance=getattr(edge.Distance, QdrantEdgeStore.supported[layout.metric]),
        hnsw_config=graph,
        datatype=getattr(edge.VectorStorageDatatype, datatype.capitalize()),
    )
    sizes = edge.EdgeOptimizersConfig(
        indexing_threshold=1 if is_graph else NEVER, default_segment_number=1
    )
    return edge.EdgeConfig(vectors=vectors, optimizers=sizes)


def is_shard(folder: Path) -> bool:
    """Whether a folder is a shard of Qdrant Edge."""
    return (folder / CONFIG).is_file()


def _number(name: str) -> str:
    """What the point of an item is called in Qdrant."""
    return str(uuid5(NAMESPACE_URL, name))


def _payload(point: Any) -> dict[str, Any]:
    return point.payload or {}


def _id(point: Any) -> str:
    own = _payload(point).get(ID)
    return str(point.id if own is None else own)


def _library() -> Any:
    return library("qdrant_edge", "qdrant-edge", needed_by="store")


@contextmanager
def _saying(address: Address) -> Generator[None]:
    """Turn what the engine raises into one sentence."""
    try:
        with saying(address, "Qdrant Edge"):
            yield
    except AnglewiseError as error:
        if "WouldBlock" not in str(error):
            raise
        raise StoreError(
            f"{address}: another program has the folder open, and Qdrant Edge lets in one at a "
            "time: close it there"
        ) from error
