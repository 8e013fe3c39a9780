"""A vector store in memory, with the faults that real ones have, for tests."""

from typing import ClassVar

import numpy as np

from anglewise.errors import StoreError
from anglewise.stores.address import Address
from anglewise.stores.vector_store import Described, StoredRows, VectorStore

HOME = Address("faiss", path="/in/memory")


def unit(x):
    lengths = np.sqrt(np.square(x).sum(axis=1))[:, None]
    return x / np.where(lengths > 0, lengths, 1)


def bf16(x):
    return (x.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


class MemoryStore(VectorStore):
    """Scans what it holds; ``looks_at`` makes it an index that looks at too little."""

    supported: ClassVar = {"dot": "dot", "cosine": "cosine", "euclidean": "l2"}
    effort_names = ("ef",)

    def __init__(self, metric="dot", *, written=lambda x: x, looks_at=None, zeros="kept"):
        super().__init__(HOME)
        self.metric, self.written, self.looks_at, self.zeros = metric, written, looks_at, zeros
        self.ids, self.x, self.text, self.twins = [], None, None, []

    def filled(self, ids, vectors):
        self.add(ids, vectors)
        return self

    @classmethod
    def create(cls, address, layout):
        del address
        return cls(layout.metric)

    def described(self):
        size = 0 if self.x is None else self.x.shape[1]
        return Described("memory 1", size, len(self.ids), "as said", "scan")

    def add(self, ids, vectors, metadata=None):
        del metadata
        vectors = np.asarray(vectors, np.float32)
        if self.zeros == "refused" and not vectors.any(axis=1).all():
            raise StoreError("no zero vectors here")
        there = vectors.any(axis=1) if self.zeros == "dropped" else np.ones(len(vectors), bool)
        self.ids += [name for name, keep in zip(ids, there, strict=True) if keep]
        rows = np.asarray(self.written(vectors[there]), np.float32)
        self.x = rows if self.x is None else np.concatenate([self.x, rows])

    def numbers(self, query):
        x, q = self.x.astype(float), query.astype(float)
        if self.metric == "dot":
            return -(x @ q)
        if self.metric == "cosine":
            return -(unit(x) @ unit(q[None])[0])
        if self.metric == "manhattan":
            return np.abs(x - q).sum(axis=1)
        return np.square(x - q).sum(axis=1)

    def search(self, queries, k, effort=None):
        out = []
        for place, query in enumerate(queries):
            far = self.numbers(query)
            order = np.argsort(far, kind="stable")
            if self.looks_at is not None:
                seen = int(self.looks_at * (effort or {}).get("ef", 32) / 32)
                rng = np.random.default_rng(place)
                some = rng.permutation(len(far))[: max(seen, k)]
                order = order[np.isin(order, some)]
            out.append([(self.ids[i], float(far[i])) for i in order[:k]])
        return out

    def rows(self, batch=2000):
        for start in range(0, len(self.ids), batch):
            part = slice(start, start + batch)
            yield StoredRows(self.ids[part], self.x[part])

    def twin(self, name):
        twin = MemoryStore(self.metric, written=self.written, zeros=self.zeros)
        twin.address = HOME.called(name)
        self.twins.append(twin)
        return twin

    def finish(self):
        pass

    def take_place(self, address):
        pass

    def drop(self):
        self.ids, self.x = [], None

    def scratches(self):
        return []

    def manifest(self):
        return self.text

    def write_manifest(self, text):
        self.text = text
