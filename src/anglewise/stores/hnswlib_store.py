"""``hnswlib:///path/index.bin``: an index of hnswlib in a file, names and metadata beside it.

hnswlib numbers its rows (labels). What is written here has a file beside it with the id and the
metadata of each, and the metric: the file of hnswlib does not say it, so of another one's it is
``?metric=`` (``ip``, ``cosine``, ``l2``). How long its vectors are stands in its head; with any
other length hnswlib reads it as well, and answers at random.

``ef`` is 10 whenever a file is opened, whatever it was before.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import NoCollectionError, SpellingError, StoreError
from anglewise.io.files import opened
from anglewise.stores.address import Address
from anglewise.stores.graph_files import check_hnswlib
from anglewise.stores.index_file import IndexFile
from anglewise.stores.items_beside import ItemsBeside
from anglewise.stores.vector_store import (
    BATCH,
    GRAPH,
    Described,
    Layout,
    Listed,
    Metric,
    StoredRows,
    as_batch,
    saying,
)

M, EF_CONSTRUCTION = 32, 200
ROOM = 1_024
"""For so many rows there is room at first."""
METRIC = "metric"


class HnswlibStore(IndexFile):
    """An index of hnswlib, in a file."""

    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "ip",
        "cosine": "cosine",
        "squared-euclidean": "l2",
    }
    options = frozenset({METRIC})
    effort_names = ("ef",)
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 64}, {"ef": 256}, {"ef": 1024})
    build_parameters = GRAPH
    batch = 20_000

    def __init__(
        self, address: Address, index: Any = None, items: ItemsBeside | None = None
    ) -> None:
        super().__init__(address)
        self._in_file = index is None
        if index is None and not address.folder.is_file():
            raise NoCollectionError(f"{address}: there is no such file")
        self.items = ItemsBeside.read(address) if items is None else items
        self.index = self._loaded() if index is None else index

    def _loaded(self) -> Any:
        path, address = self.address.folder, self.address
        due = self.supported.values()
        metric = address.option(METRIC, self.items.settings.get(METRIC, ""))
        if not metric:
            raise StoreError(
                f"{address}: the file of hnswlib does not say its metric: say with which space it "
                f"was made (?metric={', ?metric='.join(due)})"
            )
        if metric not in due:
            raise SpellingError(f"{address}: hnswlib's metrics are {', '.join(due)}")
        dimension = check_hnswlib(path)
        with _saying(address):
            index = _library().Index(space=metric, dim=dimension)
            index.load_index(str(path))
        return index

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "HnswlibStore":
        """An index in memory, which ``take_place`` writes."""
        if layout.metric not in cls.supported:
            raise StoreError(f"hnswlib has no metric {layout.metric!r}")
        if layout.index == "scan":
            raise StoreError(
                "hnswlib's scan (BFIndex) is of a fixed size and gives no vectors back: take "
                "index graph, or faiss for a scan"
            )
        word = cls.supported[layout.metric]
        with _saying(address):
            index = _library().Index(space=word, dim=layout.dimension)
            index.init_index(
                max_elements=ROOM,
                M=layout.parameters.get("m", M),
                ef_construction=layout.parameters.get("ef_construction", EF_CONSTRUCTION),
            )
        return cls(address, index, ItemsBeside([], settings={METRIC: word}))

    def described(self) -> Described:
        """Kind and size from the index itself; the metric as it was named."""
        index = self.index
        return Described(
            f"hnswlib {_version()}",
            index.dim,
            index.element_count,
            index.space,
            f"graph (m {index.M}, ef {index.ef})",
        )

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """In hnswlib's order; fewer items where it finds fewer than ``k``, which it refuses."""
        unknown = sorted(set(effort or {}) - {*self.effort_names})
        if unknown:
            raise StoreError(f"{self.address}: a search of it has no {', '.join(unknown)}")
        usual = self.index.ef
        with _saying(self.address):
            self.index.set_ef((effort or {}).get("ef", usual))
            try:
                return [self._listed(row, k) for row in as_batch(queries)]
            finally:
                self.index.set_ef(usual)

    def _listed(self, query: Float32[Array, " d"], k: int) -> list[tuple[str, float]]:
        k = min(k, self.index.element_count)
        while k:
            try:
                labels, far = self.index.knn_query(query, k)
            except RuntimeError as error:
                if "contiguous" not in str(error):
                    raise
                k //= 2
            else:
                names = map(self.items.name, labels[0].tolist())
                return list(zip(names, far[0].tolist(), strict=True))
        return []

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """The vectors as hnswlib gives them back, in the order of their labels."""
        labels: list[int] = sorted(self.index.get_ids_list())
        for start in range(0, len(labels), batch):
            part = labels[start : start + batch]
            there = self._vectors(part)
            yield StoredRows(
                [self.items.name(label) for label in there],
                as_batch(list(there.values())).reshape(-1, self.index.dim),
                [self.items.about(label) for label in there],
            )

    def _vectors(self, labels: Sequence[int]) -> dict[int, Float32[Array, " d"]]:
        """The vectors of labels; without those that are marked as deleted."""
        get = self.index.get_items
        with _saying(self.address):
            try:
                return dict(zip(labels, get(labels, return_type="numpy"), strict=True))
            except RuntimeError as error:
                if "not found" not in str(error):
                    raise
                if len(labels) == 1:
                    return {}
        half = len(labels) // 2
        return {**self._vectors(labels[:half]), **self._vectors(labels[half:])}

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By their labels."""
        numbers = self.items.numbers()
        found = self._vectors([numbers[i] if i in numbers else int(i) for i in ids]) if ids else {}
        return {self.items.name(label): vector for label, vector in found.items()}

    def twin(self, name: str) -> "HnswlibStore":
        """An empty index of the same kind in memory: nothing is written for a test."""
        index = self.index
        with _saying(self.address):
            empty = _library().Index(space=index.space, dim=index.dim)
            empty.init_index(max_elements=ROOM, M=index.M, ef_construction=index.ef_construction)
            empty.set_ef(index.ef)
        items = ItemsBeside([], settings={METRIC: index.space})
        return HnswlibStore(self.address.called(name), empty, items)

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Append rows, numbered in their order."""
        self.items.check_ours(self.address)
        first = len(self.items.names or [])
        with _saying(self.address):
            if first + len(ids) > self.index.max_elements:
                self.index.resize_index(max(first + len(ids), 2 * self.index.max_elements))
            labels = np.arange(first, first + len(ids), dtype=np.uint64)
            self.index.add_items(as_batch(vectors), labels)
        self.items.append(ids, metadata)

    def take_place(self, address: Address) -> None:
        """Write what stands beside it, then the index, then remove what was there."""
        with tempfile.TemporaryDirectory() as folder:  # hnswlib writes to a path alone
            path = Path(folder) / "index"
            with _saying(address):
                self.index.save_index(str(path))
            with opened(path, noted=False) as file:
                content = file.read()
        self.items.write(address.folder, content)
        self.address, self._in_file = address, True


def _library() -> Any:
    return library("hnswlib", "hnswlib", needed_by="store")


def _version() -> str:
    from importlib.metadata import version

    return version("hnswlib")


def _saying(address: Address) -> AbstractContextManager[None]:
    return saying(address, "hnswlib")
