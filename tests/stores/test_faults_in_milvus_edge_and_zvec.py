"""Faults planted in stores as they run, named by a check that does not know which."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.similarity_measures.measure import measure
from anglewise.stores.reductions import reductions
from anglewise.stores.vector_store import store_class
from stores.test_every_store import space, written

STORES = ["milvus", "qdrant-edge", "zvec"]


def bf16(x):
    return (x.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


def other(x):
    drawn = np.random.default_rng(1).normal(size=x.shape)
    return (drawn * np.abs(x).mean()).astype(np.float32)


def mixed(x):
    half = np.random.default_rng(2).permutation(len(x))[: len(x) // 2]
    out = x.copy()
    out[half] = other(x)[half]
    return out


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


FAULTS = {
    "none": lambda x, ids: (x, ids),
    "normalised": lambda x, ids: (unit(x), ids),
    "half precision": lambda x, ids: (x.astype(np.float16), ids),
    "bf16": lambda x, ids: (bf16(x), ids),
    "two models": lambda x, ids: (mixed(x), ids),
    "another model": lambda x, ids: (other(x), ids),
    "other ids": lambda x, ids: (x, ids[1:] + ids[:1]),
    "another order": lambda x, ids: (x[:, ::-1], ids),
    "20 items of 600 are missing": lambda x, ids: (x[20:], ids[20:]),
    "2 ids are there that the space": lambda x, ids: (
        np.concatenate([x, x[:2]]),
        [*ids, "y", "z"],
    ),
}


@pytest.mark.parametrize("place", STORES, indirect=True)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(place, fault):
    made = space()
    x, ids = FAULTS[fault](made.items.vectors.astype(np.float32), [*map(str, made.items.ids)])
    address = written(place("films"), "dot", x, ids)
    told = aw.verify(address, made, "dot")
    if fault == "none":
        assert (told.recall, told.reasons) == (1, ())
    else:
        assert fault in " ".join(told.reasons), told.reasons


@pytest.mark.parametrize("place", STORES, indirect=True)
def test_vectors_that_were_not_prepared_are_named(place):
    made = space()
    x = made.items.vectors.astype(np.float32)
    address = written(place("films"), "dot", x, [*map(str, made.items.ids)])
    told = aw.verify(address, made, "dot@standardised")
    assert "as they are, not prepared" in " ".join(told.reasons)


@pytest.mark.parametrize("place", STORES, indirect=True)
def test_another_metric_is_named(place):
    made = space()
    way = reductions(measure("dot"), made, "queries-items")[0]
    metric = next(m for m in store_class(place.kind).supported if m.endswith("euclidean"))
    x, ids = way.items(np.arange(600)), [*map(str, made.items.ids)]
    address = written(place("films"), metric, x, ids)
    told = aw.verify(address, made, "dot")
    assert "euclidean, where dot is due" in " ".join(told.reasons)
