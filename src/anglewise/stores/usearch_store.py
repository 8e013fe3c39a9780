"""``usearch:///path/index.usearch``: an index of usearch in a file, names and metadata beside it.

usearch numbers its rows (keys). What is written here has a file beside it with the id and the
metadata of each; an index without one is read by its own keys. An index is a graph, which a
question may pass by: ``?exact=yes`` asks so, and so does what was exported as a scan.

usearch keeps bf16 unless it is told otherwise: what is written here is float32.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import NoCollectionError, SpellingError, StoreError
from anglewise.io.files import reading
from anglewise.stores.address import Address
from anglewise.stores.graph_files import check_usearch
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
EXACT = "exact"
"""What stands beside an index that is asked past its graph."""


class UsearchStore(IndexFile):
    """An index of usearch, in a file."""

    supported: ClassVar[Mapping[Metric, str]] = {
        "dot": "ip",
        "cosine": "cos",
        "squared-euclidean": "l2sq",
    }
    options = frozenset({EXACT})
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ({"ef": 128}, {"ef": 512}, {"ef": 1024})
    build_parameters = GRAPH
    batch = 20_000

    def __init__(
        self, address: Address, index: Any = None, items: ItemsBeside | None = None
    ) -> None:
        super().__init__(address)
        self._in_file = index is None
        if index is None:
            if not address.folder.is_file():
                raise NoCollectionError(f"{address}: there is no such file")
            kind = _library().Index
            with reading(address.folder, "an index of usearch"):
                check_usearch(address.folder)
            with reading(address.folder, "an index of usearch"), _saying(address):
                index = kind.restore(str(address.folder))
            if index is None:
                raise StoreError(f"{address}: usearch cannot read this")
        self.index = index
        self.items = ItemsBeside.read(address) if items is None else items
        self.exact = bool(self.items.settings.get(EXACT, False))
        if EXACT in address.options:
            self.exact = _yes(address)
        self.effort_names = () if self.exact else ("ef",)

    @classmethod
    def create(cls, address: Address, layout: Layout) -> "UsearchStore":
        """An index in memory, which ``take_place`` writes."""
        if layout.metric not in cls.supported:
            raise StoreError(f"usearch has no metric {layout.metric!r}")
        with _saying(address):
            index = _library().Index(
                ndim=layout.dimension,
                metric=cls.supported[layout.metric],
                dtype="f32",
                connectivity=layout.parameters.get("m", M),
                expansion_add=layout.parameters.get("ef_construction", EF_CONSTRUCTION),
            )
        return cls(address, index, ItemsBeside([], settings={EXACT: layout.index == "scan"}))

    def described(self) -> Described:
        """Kind, metric and size, from the index itself."""
        index = self.index
        kind = (
            "scan"
            if self.exact
            else f"graph (m {index.connectivity}, ef {index.expansion_search}, "
            f"{index.dtype.name.lower()})"
        )
        return Described(
            f"usearch {_version()}",
            index.ndim,
            len(index),
            str(index.metric_kind.name),
            kind,
        )

    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """As ``Index.search`` gives it, in the order of its distances."""
        unknown = sorted(set(effort or {}) - {*self.effort_names})
        if unknown:
            raise StoreError(f"{self.address}: a search of it has no {', '.join(unknown)}")
        usual = self.index.expansion_search
        out: Listed = []
        with _saying(self.address):
            self.index.expansion_search = (effort or {}).get("ef", usual)
            try:
                for row in as_batch(queries):  # a batch of one comes back in another shape
                    found = self.index.search(row, k, exact=self.exact)
                    numbers, far = found.keys.tolist(), found.distances.tolist()
                    pairs = zip(map(self.items.name, numbers), far, strict=True)
                    out.append(list(pairs))
            finally:
                self.index.expansion_search = usual
        return out

    def _vectors(self, keys: Array) -> Float32[Array, "rows d"]:
        if self.index.multi:
            raise StoreError(f"{self.address}: a key of it may name several vectors")
        with _saying(self.address):
            found = self.index.get(keys, dtype="f32")
        return as_batch(list(found)).reshape(-1, self.index.ndim)

    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """The vectors as usearch gives them back, in the order of their keys."""
        keys = np.sort(np.array(self.index.keys[:], dtype=np.uint64))
        for start in range(0, len(keys), batch):
            part = keys[start : start + batch]
            numbers: list[int] = part.tolist()
            yield StoredRows(
                [self.items.name(number) for number in numbers],
                self._vectors(part),
                [self.items.about(number) for number in numbers],
            )

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """By their keys."""
        numbers = self.items.numbers()
        keys = np.array([numbers[i] if i in numbers else int(i) for i in ids], np.uint64)
        return dict(zip(ids, self._vectors(keys), strict=True)) if len(keys) else {}

    def twin(self, name: str) -> "UsearchStore":
        """An empty index of the same kind in memory: nothing is written for a test."""
        with _saying(self.address):
            index = self.index.copy()
            index.clear()
        items = ItemsBeside([], settings={EXACT: self.exact})
        return UsearchStore(self.address.called(name), index, items)

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
            self.index.add(np.arange(first, first + len(ids), dtype=np.uint64), as_batch(vectors))
        self.items.append(ids, metadata)

    def take_place(self, address: Address) -> None:
        """Write what stands beside it, then the index, then remove what was there."""
        with _saying(address):
            content = self.index.save()
        self.items.write(address.folder, content)
        self.address, self._in_file = address, True


def _yes(address: Address) -> bool:
    word = address.options[EXACT]
    if word not in {"yes", "no"}:
        raise SpellingError(f"{address}: {EXACT} is {word!r}: yes or no is due")
    return word == "yes"


def _library() -> Any:
    return library("usearch.index", "usearch", needed_by="store")


def _version() -> str:
    from importlib.metadata import version

    return version("usearch")


def _saying(address: Address) -> AbstractContextManager[None]:
    return saying(address, "usearch")
