"""Faults that are planted in every store are named by a check that does not know which it was."""

from contextlib import suppress

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import StoreError
from anglewise.stores.address import read_address
from anglewise.stores.vector_store import Layout, open_store, store_class
from stores.conftest import NO_SCAN
from stores.test_every_store import space, written


def bf16(x):
    return (np.asarray(x, np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def shuffled(x, rows):
    other = np.random.default_rng(1).normal(size=x.shape) * np.abs(x).mean()
    out = x.copy()
    out[rows] = other[rows]
    return out


HALF = slice(0, 300)
FAULTS = {
    "normalised": lambda ids, x: (ids, unit(x)),
    "bf16": lambda ids, x: (ids, bf16(x)),
    "half precision": lambda ids, x: (ids, x.astype(np.float16).astype(np.float32)),
    "two models": lambda ids, x: (ids, shuffled(x, HALF)),
    "another model": lambda ids, x: (ids, shuffled(x, slice(None))),
    "other ids": lambda ids, x: (ids[1:] + ids[:1], x),
    "another order": lambda ids, x: (ids, x[:, ::-1]),
    "are missing": lambda ids, x: (ids[30:], x[30:]),
    "the space does not have": lambda ids, x: ([*ids, "z1", "z2"], np.concatenate([x, x[:2]])),
    "none": lambda ids, x: (ids, x),
}
"""What is done to ids and vectors on the way into the store."""


def named_as_numbers():
    """A space whose ids are what stores without ids call their rows."""
    made = space(ids=[str(i) for i in range(600)])
    return aw.Space(queries=made.queries, items=made.items, trained_for="dot")


def operator(address, kind, metric):
    """What names the metric where the question does."""
    words = {
        "postgresql": {"dot": "operator=%3C%23%3E", "euclidean": "operator=%3C-%3E"},
        "duckdb": {"dot": "metric=ip", "euclidean": "metric=l2sq"},
        "lancedb": {"dot": "metric=dot", "squared-euclidean": "metric=l2"},
    }
    option = words.get(kind, {}).get(metric, "")
    return f"{address}{'&' if '?' in address else '?'}{option}" if option else address


def filled(place, metric, ids, vectors, index=None):
    """A collection without a manifest, with names where the store has them."""
    if not place.in_memory:
        return operator(written(place("films"), metric, vectors, ids, index), place.kind, metric)
    read = read_address(place("films"))
    layout = Layout(vectors.shape[1], metric, index or place.scan)
    store = store_class(place.kind).create(read, layout)
    store.add(ids, np.asarray(vectors, np.float32))
    store.take_place(read)
    store.close()
    return place("films")


def distance(place):
    """The store's metric that ranks as euclidean."""
    supported = store_class(place.kind).supported
    return next(m for m in ("euclidean", "squared-euclidean") if m in supported)


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_named_in_every_store(place, fault):
    made = named_as_numbers()
    ids, x = FAULTS[fault]([str(i) for i in range(600)], made.items.vectors.astype(np.float32))
    address = filled(place, distance(place), ids, x)
    told = aw.verify(address, made, "euclidean")
    if fault == "none":
        least = {"hnswlib": 0.8, "chroma": 0.97}  # by their own effort, which is 10 and 100
        assert told.recall >= least.get(place.kind, 1)
        of_the_index = ("the index looks at too little", "vectors and metric are right")
        assert told.reasons == () or (
            place.kind in NO_SCAN and told.reasons[0].startswith(of_the_index)
        )
        return
    assert fault in " ".join(told.reasons)
    assert len(told.reasons) == 1, told.reasons


def test_another_metric_is_named_in_every_store(place):
    made = named_as_numbers()
    ids = [str(i) for i in range(600)]
    address = filled(place, distance(place), ids, made.items.vectors)
    told = aw.verify(address, made, "cosine")
    assert told.recall < 0.98
    assert f"ranks by {distance(place)}, where cosine is due" in " ".join(told.reasons)


def test_vectors_that_were_not_prepared_are_named_in_every_store(place):
    made = named_as_numbers()
    address = filled(place, distance(place), [*map(str, range(600))], made.items.vectors)
    told = aw.verify(address, made, "euclidean@standardised")
    assert "are those of the space as they are, not prepared" in " ".join(told.reasons)


def test_zero_vectors_that_are_missing_are_named_in_every_store(place):
    made = named_as_numbers()
    x = made.items.vectors.copy()
    x[:5] = 0
    made = aw.Space(queries=made.queries, items=aw.Embeddings(x, made.items.ids))
    ids = [str(i) for i in range(5, 600)]
    address = filled(place, distance(place), ids, x[5:])
    told = aw.verify(address, made, "euclidean")
    assert told.reasons == ("5 items of 600 are missing, all of them zero vectors",)


def test_an_index_that_looks_at_too_little_is_named_in_every_store(place):
    """A graph with few edges, asked with little effort."""
    if place.kind in {"qdrant", "sqlite-vec", "lancedb"}:
        pytest.skip("scans, or has an index of its own parameters")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3_000, 32)).astype(np.float32)
    made = aw.Space(
        queries=aw.Embeddings(rng.normal(size=(60, 32))),
        items=aw.Embeddings(x, [str(i) for i in range(3_000)]),
    )
    read = read_address(place("films"))
    layout = Layout(32, distance(place), "graph", {"m": 4, "ef_construction": 16})
    beside = read.called(f"{read.name}_new") if read.name else read
    store = store_class(place.kind).create(beside, layout)
    store.add([str(i) for i in range(3_000)], x)
    store.finish()
    store.take_place(read)
    store.close()
    told = aw.verify(operator(place("films"), place.kind, distance(place)), made, "euclidean")
    assert told.recall < (0.99 if place.kind == "milvus" else 0.98)
    words = {"chroma": "more effort was not tried", "postgresql": "looks at too little"}
    assert words.get(place.kind, "looks at too little") in " ".join(told.reasons)


def test_an_id_that_comes_twice_is_refused_written_anew_or_named(place):
    made = named_as_numbers()
    ids, x = [str(i) for i in range(600)], made.items.vectors.astype(np.float32)
    if place.in_memory:
        address = filled(place, distance(place), [*ids, "3"], np.concatenate([x, x[3:4]]))
    else:
        address = filled(place, distance(place), ids, x)
        with open_store(address) as store, suppress(StoreError):
            store.add(["3"], x[3:4])
    told = aw.verify(address, made, "euclidean")
    keeps_both = place.in_memory or place.kind == "lancedb"
    assert any("repeat an id" in why for why in told.reasons) == keeps_both
