"""Faults of preparation, metric and effort, and drift, named by a check that is not told which.

Those of ids, digits and models are in ``test_planted_faults.py``.
What is asked is always the same, ``aw.verify(address, space, measure)``: no manifest, nothing of
how the collection was filled.
"""

import numpy as np
import pytest

import anglewise as aw
from anglewise.similarity_measures.measure import measure
from anglewise.stores.address import read_address
from anglewise.stores.reductions import reductions
from anglewise.stores.vector_store import Layout, open_store, store_class
from memory_store import unit

FOUR = pytest.mark.parametrize("place", ["faiss", "qdrant", "lancedb", "postgresql"], indirect=True)
ITEMS, DIMENSION = 300, 16
NAMED = {
    "another metric": "where dot is due",
    "normalised": "normalised to length 1",
    "dropped zeros": "all of them zero vectors",
    "effort too low": "looks at too little",
    "not prepared": "not prepared",
    "another way": "where euclidean is due",  # for which these vectors are prepared
    "strange items": "ids are there that the space does not have",
}
"""What a check has to say of each fault, and of no other one."""


def space():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ITEMS, DIMENSION)) * rng.lognormal(0, 0.5, (ITEMS, 1)) + 0.3
    x[7] = 0
    return aw.Space(
        queries=aw.Embeddings(rng.normal(size=(40, DIMENSION)), [f"q{i}" for i in range(40)]),
        items=aw.Embeddings(x, [f"d{i}" for i in range(ITEMS)]),
        trained_for="dot",
    )


def planted(fault, place, made, spelling):
    """The address of a collection with one fault; how it is asked is part of it."""
    rng, ids = np.random.default_rng(1), [str(name) for name in made.items.ids]
    ways = reductions(measure(spelling), made, "queries-items")
    rows = np.arange(ITEMS, dtype=np.int64)
    x = ways[0].items(rows)
    other = rng.normal(size=x.shape).astype(np.float32)
    vectors = {
        "normalised": unit(x),
        "not prepared": made.items.vectors,
        "another way": ways[-1].items(rows),
    }.get(fault, x)
    if fault == "strange items":
        ids, vectors = [*ids, "z1", "z2"], np.concatenate([vectors, other[:2]])
    kept = np.ones(len(ids), dtype=bool)
    kept[7] &= fault != "dropped zeros"
    names = [name for name, keep in zip(ids, kept, strict=True) if keep]
    supported = store_class(place.kind).supported
    metric = "dot"
    if fault == "another metric":
        metric = "euclidean" if "euclidean" in supported else "squared-euclidean"
    return filled(place, names, vectors[kept], metric, "graph" if "low" in fault else "scan")


def filled(place, ids, vectors, metric, index):
    address = read_address(place("films"))
    beside = address.called(f"{address.name}_new") if address.name else address
    layout = Layout(vectors.shape[1], metric, index)
    with store_class(place.kind).create(beside, layout) as store:
        store.add(ids, np.asarray(vectors, np.float32))
        store.finish()
        store.take_place(address)
    word = {"dot": "dot", "squared-euclidean": "l2", "euclidean": "l2"}[metric]
    operator = {"dot": "%3C%23%3E", "euclidean": "%3C-%3E"}.get(metric, "")
    options = {"lancedb": f"?metric={word}", "postgresql": f"&operator={operator}"}
    return place("films") + options.get(place.kind, "")


def lossy(place, made):
    """A collection whose index looks at too little."""
    if place.kind == "qdrant":
        pytest.skip("the local mode of Qdrant's client scans")
    address = planted("effort too low", place, made, "dot")
    if place.kind == "faiss":
        import faiss

        index = faiss.read_index(str(read_address(address).folder))
        index.hnsw.efSearch = 1
        faiss.write_index(index, str(read_address(address).folder))
        for beside in read_address(address).folder.parent.glob("*.items.jsonl"):
            beside.unlink()
    elif place.kind == "postgresql":
        address += "&options=-c%20hnsw.ef_search%3D1"
    else:
        from lancedb.index import IvfPq

        with open_store(address) as store:
            store.table.create_index(
                "vector", config=IvfPq(distance_type="dot", num_sub_vectors=2, num_bits=4)
            )
    return address


@FOUR
@pytest.mark.parametrize("fault", [*NAMED, "none"])
def test_a_planted_fault_is_named_without_knowing_which(place, fault):
    made, spelling = space(), "dot@standardised" if fault == "not prepared" else "dot"
    if fault == "effort too low":
        address = lossy(place, made)
        if place.kind == "faiss":  # names of rows are lost with the index: numbers are read
            items = aw.Embeddings(made.items.vectors, [str(i) for i in range(ITEMS)])
            made = aw.Space(queries=made.queries, items=items, trained_for="dot")
    else:
        address = planted(fault, place, made, spelling)
    result = aw.verify(address, made, spelling)
    said = " ".join(result.reasons)
    assert [name for name, words in NAMED.items() if words in said] == (
        [] if fault == "none" else [fault]
    ), said
    assert len(result.reasons) == (fault != "none"), said
    if fault == "none":
        assert result.recall == 1


@FOUR
def test_a_row_that_changes_after_the_proof_is_named_and_called_drift(place):
    made = space()
    aw.export(made, "dot", place("films"), index="scan")
    other = np.ones((1, DIMENSION), np.float32)
    address = read_address(place("films"))
    if place.kind == "faiss":
        import faiss

        index = faiss.read_index(str(address.folder))
        vectors = index.reconstruct_n(0, ITEMS)
        vectors[5] = other
        index.reset()
        index.add(vectors)
        faiss.write_index(index, str(address.folder))
        with pytest.raises(aw.AnglewiseError, match="those of another index"):
            aw.verify(place("films"), made)
        return
    with open_store(place("films")) as store:
        if place.kind == "lancedb":
            store.table.update(where="id = 'd5'", values={"vector": other[0].tolist()})
        elif place.kind == "qdrant":
            store.add(["d5"], other)
        else:
            text = str(other[0].tolist())
            store._execute(store._format("UPDATE {table} SET vector = %s WHERE id = 'd5'"), [text])
    result = aw.verify(place("films"), made)
    assert result.drifted is True
    assert "1 of 300 vectors are not those of the space" in " ".join(result.reasons)
