"""``faiss:///path/index.faiss``: an index of faiss in a file, names and metadata beside it.

faiss numbers its rows. What is written here has a file beside it with the id and the metadata of
each number; an index without one is read by its own numbers.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import NoCollectionError, StoreError, reason
from anglewise.stores.address import Address
from anglewise.stores.faiss_files import read_index
from anglewise.stores.index_file import IndexFile
from anglewise.stores.items_beside import ItemsBeside
from anglewise.stores.vector_store import (
    BATCH,
    Described,
    Layout,
    Listed,
    Metric,
    StoredRows,
    as_batch,
)

M, EF_CONSTRUCTION = 32, 200


class FaissStore(IndexFile):
    """An index of faiss, in a file."""

    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "METRIC_INNER_PRODUCT",
        "squared-euclidean": "METRIC_L2",
        "manhattan": "METRIC_L1",
    }
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 64}, {"ef": 256}, {"ef": 1024})
    build_parameters: Mapping[str, Sequence[int]] = {
        "m": (16, 32, 64),
        "ef_construction": (100, 400),
        "bits": (32, 8),
    }
    batch = 20_000

    def __init__(self, address: Address, index: Any = None) -> None:
        super().__init__(address)
        self.faiss = _faiss()
        self.items = ItemsBeside([])
        self._in_file = index is None
        if index is None:
            if not address.folder.is_file():
                raise NoCollectionError(f"{address}: there is no such file")
            index = read_index(self.faiss, address.folder)
            self.items = ItemsBeside.read(address, index.ntotal)
        self.index = index
        inner = self.faiss.downcast_index(index)
        kinds = {"hnsw": "ef", "nprobe": "nprobe"}
        self.effort_names = [name for part, name in kinds.items() if hasattr(inner, part)]

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "FaissStore":
        """An index in memory, which ``finish`` writes."""
        faiss = _faiss()
        if layout.metric not in cls.supported:
            raise StoreError(f"faiss has no metric {layout.metric!r}: take another, or none")
        metric = getattr(faiss, cls.supported[layout.metric])
        if layout.index == "scan":
            index = faiss.IndexFlat(layout.dimension, metric)
        else:
            index = _graph(faiss, layout, metric)
            index.hnsw.efConstruction = layout.parameters.get("ef_construction", EF_CONSTRUCTION)
        return cls(address, index)

    def described(self) -> Described:
        """Kind, metric and size, from the index itself."""
        kinds = {
            getattr(self.faiss, name): name
            for name in ("METRIC_INNER_PRODUCT", "METRIC_L2", "METRIC_L1", "METRIC_Linf")
        }
        metric = kinds.get(self.index.metric_type, f"metric {self.index.metric_type}")
        return Described(
            f"faiss {self.faiss.__version__}",
            self.index.d,
            self.index.ntotal,
            metric,
            self._kind(self.index),
        )

    def _kind(self, index: Any) -> str:
        inner = self.faiss.downcast_index(index)
        name = type(inner).__name__
        if name in {"IndexIDMap", "IndexIDMap2", "IndexPreTransform"}:
            rest = self._kind(inner.index)
            return rest if name != "IndexPreTransform" else f"{rest} after {self._steps(inner)}"
        if name.startswith("IndexRefine"):
            return f"{self._kind(inner.base_index)}, re-ranked by {self._kind(inner.refine_index)}"
        if name.startswith("IndexFlat"):
            return "scan"
        if hasattr(inner, "hnsw"):
            return f"graph ({name}, ef {inner.hnsw.efSearch})"
        if hasattr(inner, "nprobe"):
            return f"{name} ({inner.nlist} lists, {inner.nprobe} looked at)"
        return name

    def _steps(self, index: Any) -> str:
        chain = [index.chain.at(i) for i in range(index.chain.size())]
        return ", ".join(type(self.faiss.downcast_VectorTransform(step)).__name__ for step in chain)

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """As ``index.search`` gives it; places that faiss leaves empty are left out."""
        batch = as_batch(queries)
        with _saying(self.address):
            shown, rows = self.index.search(batch, k, **self._parameters(effort))
        return [
            [
                (self.items.name(row), number)
                for row, number in zip(places, numbers, strict=True)
                if row >= 0
            ]
            for places, numbers in zip(rows.tolist(), shown.tolist(), strict=True)
        ]

    def _parameters(self, effort: Mapping[str, int] | None) -> dict[str, Any]:
        if not effort:
            return {}
        if set(effort) != {*self.effort_names}:
            kind = self._kind(self.index)
            raise StoreError(f"{self.address}: a search of {kind} has no {', '.join(effort)}")
        if "ef" in effort:
            return {"params": self.faiss.SearchParametersHNSW(efSearch=effort["ef"])}
        return {"params": self.faiss.SearchParametersIVF(nprobe=effort["nprobe"])}

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By their numbers, where faiss reconstructs single rows so; else of all rows."""
        outer = self.faiss.downcast_index(self.index)
        if hasattr(outer, "id_map") or hasattr(outer, "nprobe"):
            return super().vectors_of(ids)
        numbers = self.items.numbers()
        with _saying(self.address):
            return {
                name: self.index.reconstruct(numbers[name] if numbers else int(name))
                for name in ids
            }

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """The vectors as faiss reconstructs them; exact where the index keeps them whole."""
        inner = self.faiss.downcast_index(self.index)
        if type(inner).__name__ in {"IndexIDMap", "IndexIDMap2"}:
            inner = self.faiss.downcast_index(inner.index)
        if hasattr(inner, "make_direct_map"):
            with _saying(self.address):
                inner.make_direct_map()
        for start in range(0, inner.ntotal, batch):
            count = min(batch, inner.ntotal - start)
            with _saying(self.address):
                vectors = inner.reconstruct_n(start, count)
            if vectors.shape[1] != self.index.d:
                raise StoreError(f"{self.address} is damaged: its parts are of several dimensions")
            numbers = self._numbers(start, count)
            yield StoredRows(
                [self.items.name(number) for number in numbers],
                vectors,
                [self.items.about(number) for number in numbers],
            )

    def _numbers(self, start: int, count: int) -> list[int]:
        outer = self.faiss.downcast_index(self.index)
        if not hasattr(outer, "id_map"):
            return list(range(start, start + count))
        own = self.faiss.vector_to_array(outer.id_map)[start : start + count]
        return [int(number) for number in own]

    def twin(self, name: str) -> "FaissStore":
        """A copy of the empty index in memory: nothing is written for a test."""
        with _saying(self.address):
            index = self.faiss.clone_index(self.index)
            index.reset()
        return FaissStore(self.address.called(name), index)

    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Append rows; the index in memory knows nothing of ids, which are kept beside it."""
        self.items.check_ours(self.address)
        with _saying(self.address):
            if not self.index.is_trained:
                self.index.train(as_batch(vectors))
            outer = self.faiss.downcast_index(self.index)
            if hasattr(outer, "id_map"):
                first = self.index.ntotal
                numbers = np.arange(first, first + len(ids), dtype=np.int64)
                self.index.add_with_ids(as_batch(vectors), numbers)
            else:
                self.index.add(as_batch(vectors))
        self.items.append(ids, metadata)

    def take_place(self, address: Address) -> None:
        """Write what stands beside it, then the index under its name, then remove what was there.

        An index that nobody named the rows of stays as it is until the new one has its place.
        """

        def index(write: Callable[[bytes], int]) -> None:
            with _saying(address):
                self.faiss.write_index(self.index, self.faiss.PyCallbackIOWriter(write))

        self.items.write(address.folder, index)
        self.address, self._in_file = address, True

    def stored_bytes(self) -> int:
        """The size of the file, or of what would be written."""
        if self._in_file:
            return self.address.folder.stat().st_size
        return len(self.faiss.serialize_index(self.index))


def _graph(faiss: Any, layout: Layout, metric: int) -> Any:
    """A graph of whole vectors, or of numbers of eight bits each."""
    m = layout.parameters.get("m", M)
    if layout.parameters.get("bits", 32) == 8:
        eight = faiss.ScalarQuantizer.QT_8bit
        return faiss.IndexHNSWSQ(layout.dimension, eight, m, metric)
    return faiss.IndexHNSWFlat(layout.dimension, m, metric)


def _faiss() -> Any:
    return library("faiss", "faiss", needed_by="store")


@contextmanager
def _saying(address: Address) -> Generator[None]:
    """Turn what faiss raises, among it assertions of its own code, into one sentence."""
    try:
        yield
    except MemoryError as error:
        raise StoreError(
            f"{address}: faiss asks for more memory than there is: it is damaged, or too large"
        ) from error
    except (RuntimeError, AssertionError, ValueError) as error:
        raise StoreError(f"{address}: faiss refuses this ({reason(error)})") from error
