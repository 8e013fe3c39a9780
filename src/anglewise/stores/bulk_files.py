"""``elasticsearch:///folder/index``, ``opensearch:///folder/index``: files that a server loads.

``mapping.json`` makes the index, each ``bulk-*.ndjson`` is one request to its ``_bulk``. No server
is asked: what is written is read back and ranked by the formula that the server's documentation
gives for the similarity, so that the files are known to hold what is due; what an index of the
server makes of it is not proven.

Documented (elastic.co/docs, dense_vector; docs.opensearch.org, k-NN spaces), ``_score`` is

* ``max_inner_product``, ``innerproduct``: 1 + ip for ip >= 0, else 1 / (1 - ip);
* ``cosine``, ``cosinesimil``: (1 + cosine) / 2; a zero vector is refused;
* ``dot_product``: (1 + ip) / 2; vectors of another length than 1 are refused;
* ``l2_norm``, ``l2``: 1 / (1 + squared distance); ``l1``: 1 / (1 + sum of absolute differences).

Elasticsearch quantises unless it is told not to (int8, from 384 dimensions on one bit a number), so
the mapping names the kind of index; its ``cosine`` normalises what it indexes. In OpenSearch l1 has
no graph but in an engine that is gone, so that it is a scan.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from anglewise.data_types.text import listed
from anglewise.data_types.typing import Array, Float32, Float64
from anglewise.errors import CollectionExistsError, NoCollectionError, StoreError
from anglewise.io.files import opened, reading
from anglewise.io.outputs import new_file
from anglewise.stores.address import Address
from anglewise.stores.folders import take_folder
from anglewise.stores.vector_store import (
    BATCH,
    Described,
    Layout,
    Listed,
    Metric,
    RefusedVectorsError,
    StoredRows,
    VectorStore,
    as_batch,
    rows_of_metadata,
)

MAPPING, BULK = "mapping.json", "bulk-{number:06d}.ndjson"
VECTOR, METADATA, MANIFEST = "vector", "metadata", "anglewise"
LONGEST_ID, LONGEST_NAME = 512, 255
"""In bytes, in either server."""
M, EF_CONSTRUCTION = 16, 100
NAME = re.compile(r"(?![-_+.])[^\\/*?\"<>| ,#:A-Z]+")
"""What an index may be called."""


class BulkFiles(VectorStore):
    """The files of one index; what is particular to a server is said by its own class."""

    server: ClassVar[str]
    largest: ClassVar[int]
    """Numbers that a vector may have."""
    batch = 500
    unasked = (
        "these are files for a server, and none is asked from here: load them, then probe a "
        "function that searches there"
    )

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.folder = self._place(address)
        if not (self.folder / MAPPING).is_file():
            raise NoCollectionError(f"{address}: there is no {self.folder / MAPPING}")
        with reading(self.folder / MAPPING, "the mapping of an index"):
            with opened(self.folder / MAPPING) as file:
                self.mapping: dict[str, Any] = json.loads(file.read())
            named = self._read()
        self.metric: Metric = named[0]
        self.dimension = named[1]
        self.count = sum(_lines(path) // 2 for path in self._files())

    @classmethod
    def _place(cls, address: Address) -> Path:
        if not address.is_local:
            raise StoreError(
                f"{address}: a server of {cls.server} is not asked from here: files for it are "
                f"written, {address.kind}:///folder/index"
            )
        return address.folder / address.name

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "BulkFiles":
        """A folder with the mapping."""
        folder = cls._place(address)
        if layout.metric not in cls.supported:
            raise StoreError(f"{cls.server} has no metric {layout.metric!r}")
        if not NAME.fullmatch(address.name) or len(address.name.encode()) > LONGEST_NAME:
            raise StoreError(
                f"{address}: {cls.server} takes no index of this name: small letters, digits, - "
                "and _ are due"
            )
        if layout.dimension > cls.largest:
            raise StoreError(
                f"{address}: {cls.server} takes vectors of {cls.largest:,} numbers at most, and "
                f"these have {layout.dimension:,}"
            )
        mapping = cls.made_mapping(layout)
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            raise CollectionExistsError(f"{address}: {folder} is there") from error
        _write_json(folder / MAPPING, mapping)
        return cls(address)

    @classmethod
    def reopen(cls, address: Address, layout: Layout) -> "BulkFiles":
        """One that was made before; where it was ended before its mapping, made anew."""
        folder = cls._place(address)
        if folder.is_dir() and not (folder / MAPPING).is_file():
            shutil.rmtree(folder)
            return cls.create(address, layout)
        return cls(address)

    @classmethod
    def made_mapping(cls, layout: Layout) -> dict[str, Any]:
        """What makes the index."""
        raise NotImplementedError

    def _read(self) -> tuple[Metric, int]:
        """The metric and the dimension that the mapping names."""
        raise NotImplementedError

    def described(self) -> Described:
        """What the mapping says, and that nothing was asked."""
        word = self.supported[self.metric]
        return Described(self.server, self.dimension, self.count, word, "not proven: files")

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """A scan of the files by the documented formula; lists run from the largest score."""
        if effort:
            raise StoreError(f"{self.address}: a scan of files has no {', '.join(effort)}")
        best: Listed = [[] for _ in queries]
        for rows in self.rows():
            scores = _scores(self.metric, queries.astype(float), rows.vectors.astype(float))
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            first = np.take_along_axis(scores, order, axis=1).tolist()
            for place, (own, shown) in enumerate(zip(order.tolist(), first, strict=True)):
                names: list[str] = [rows.ids[i] for i in own]
                best[place] += zip(names, shown, strict=True)
                best[place] = sorted(best[place], key=itemgetter(1), reverse=True)[:k]
        return best

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """File by file."""
        del batch
        yield from self._parts()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("bulk-*.ndjson"))

    def _parts(self) -> Iterator[StoredRows]:
        for path in self._files():
            with reading(path, "documents of an index"):
                with opened(path) as file:
                    lines = [json.loads(line) for line in file.read().splitlines()]
                ids = [str(line["index"]["_id"]) for line in lines[::2]]
                vectors = as_batch([line[VECTOR] for line in lines[1::2]])
                about = [line.get(METADATA, {}) for line in lines[1::2]]
                part = StoredRows(ids, vectors.reshape(len(ids), self.dimension), about)
            yield part

    def twin(self, name: str) -> VectorStore:
        """None: there is nothing to be tested in files."""
        raise StoreError(f"{self.address.called(name)}: {self.unasked}")

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """One file, which is there as a whole or not at all; a last one that was short is anew."""
        batch = as_batch(vectors)
        if self.metric == "cosine" and not batch.any(axis=1).all():
            raise RefusedVectorsError(
                f"{self.server} refuses a vector of length 0 under {self.supported['cosine']}"
            )
        lines = list[str]()
        for name, vector, about in zip(
            ids, batch.tolist(), rows_of_metadata(metadata, len(ids)), strict=True
        ):
            if not name or len(name.encode("utf-8", "surrogatepass")) > LONGEST_ID:
                raise StoreError(
                    f"{self.address}: {self.server} takes ids of 1 to {LONGEST_ID} bytes, and one "
                    f"is {name[:40]!r}{'...' if len(name) > 40 else ''}"
                )
            document = {VECTOR: vector, METADATA: dict(about)}
            lines += [json.dumps({"index": {"_id": name}}), json.dumps(document, default=str)]
        number = self.count // self.batch
        with new_file(self.folder / BULK.format(number=number)) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
        self.count = number * self.batch + len(ids)

    def finish(self) -> None:
        """Nothing to do: every file is whole."""

    def check_replaceable(self) -> None:
        """Refuse to remove what somebody keeps in the folder of the files."""
        ours = {MAPPING, *(path.name for path in self._files())}
        others = sorted(path.name for path in self.folder.iterdir() if path.name not in ours)
        if others:
            raise StoreError(
                f"{self.address}: {self.folder} holds other files too ({listed(others)}), which "
                "would be lost: move them elsewhere, or choose another name"
            )

    def take_place(self, address: Address) -> None:
        """The folder is exchanged with the one that has the name, at once."""
        take_folder(self.folder, self._place(address))
        self.__init__(address)

    def drop(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)

    def scratches(self) -> list[str]:
        """None: nothing is tested in files."""
        return []

    def manifest(self) -> str | None:
        """From the mapping, whose ``_meta`` the server keeps with the index."""
        text = self.mapping["mappings"].get("_meta", {}).get(MANIFEST)
        return text if isinstance(text, str) else None

    def write_manifest(self, text: str) -> None:
        """Into the mapping."""
        self.mapping["mappings"].setdefault("_meta", {})[MANIFEST] = text
        _write_json(self.folder / MAPPING, self.mapping)

    def _field(self) -> dict[str, Any]:
        return self.mapping["mappings"]["properties"][VECTOR]


class ElasticsearchFiles(BulkFiles):
    """An index of Elasticsearch, not quantised."""

    server, largest = "Elasticsearch", 4096
    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "max_inner_product",
        "cosine": "cosine",
        "squared-euclidean": "l2_norm",
    }

    @classmethod
    def made_mapping(cls, layout: Layout) -> dict[str, Any]:
        """A ``dense_vector`` with its similarity and the kind of its index."""
        index: dict[str, Any] = {"type": "flat"}
        if layout.index == "graph":
            index = {"type": "hnsw", "m": M, "ef_construction": EF_CONSTRUCTION}
            index |= layout.parameters
        field = {
            "type": "dense_vector",
            "dims": layout.dimension,
            "index": True,
            "similarity": cls.supported[layout.metric],
            "index_options": index,
        }
        return {"mappings": _mappings(field)}

    def _read(self) -> tuple[Metric, int]:
        words: dict[str, Metric] = {word: metric for metric, word in self.supported.items()}
        return words[self._field()["similarity"]], int(self._field()["dims"])


class OpenSearchFiles(BulkFiles):
    """An index of OpenSearch, its graph by faiss; a scan names the space in each question."""

    server, largest = "OpenSearch", 16_000
    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "innerproduct",
        "cosine": "cosinesimil",
        "squared-euclidean": "l2",
        "manhattan": "l1",
    }

    @classmethod
    def made_mapping(cls, layout: Layout) -> dict[str, Any]:
        """A ``knn_vector`` with its space, in an index with a graph or without."""
        field: dict[str, Any] = {"type": "knn_vector", "dimension": layout.dimension}
        space = cls.supported[layout.metric]
        is_graph = layout.index == "graph"
        if is_graph and layout.metric == "manhattan":
            raise StoreError("OpenSearch has l1 in a scan alone: take index scan (--index scan)")
        if is_graph:
            parameters = {"m": M, "ef_construction": EF_CONSTRUCTION, **layout.parameters}
            field["method"] = {
                "name": "hnsw",
                "engine": "faiss",
                "space_type": space,
                "parameters": parameters,
            }
        mappings = _mappings(field)
        mappings["_meta"] = {"space_type": space}
        return {"settings": {"index": {"knn": is_graph}}, "mappings": mappings}

    def _read(self) -> tuple[Metric, int]:
        words: dict[str, Metric] = {word: metric for metric, word in self.supported.items()}
        space = self._field().get("method", {}).get("space_type")
        return words[space or self.mapping["mappings"]["_meta"]["space_type"]], int(
            self._field()["dimension"]
        )


def _mappings(field: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing but the vector is indexed: what else is known of items is kept as it is."""
    about = {"type": "object", "enabled": False}
    return {"dynamic": False, "properties": {VECTOR: dict(field), METADATA: about}}


def _scores(
    metric: Metric, queries: Float64[Array, "q d"], vectors: Float64[Array, "rows d"]
) -> Float64[Array, "q rows"]:
    """``_score`` as it is documented."""
    if metric == "manhattan":
        return np.stack([1 / (1 + np.abs(vectors - query).sum(axis=1)) for query in queries])
    inner = queries @ vectors.T
    if metric == "dot":
        return np.where(inner < 0, 1 / (1 - np.minimum(inner, 0)), inner + 1)
    squares = [np.square(side).sum(axis=1) for side in (queries, vectors)]
    if metric == "cosine":
        lengths = np.sqrt(np.multiply.outer(*squares))
        return (1 + inner / np.where(lengths > 0, lengths, 1)) / 2
    return 1 / (1 + np.maximum(np.add.outer(*squares) - 2 * inner, 0))


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with new_file(path) as file:
        file.write(json.dumps(content, indent=1).encode() + b"\n")


def _lines(path: Path) -> int:
    with opened(path) as file:
        return sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))
