"""Every store can be read as a space, with ids, vectors and metadata as they were written."""

import json

import numpy as np
import pytest

import anglewise as aw
from anglewise.data_types.stored_lengths import LENGTH
from anglewise.errors import AnglewiseError, NoCollectionError
from anglewise.stores.address import read_address
from anglewise.stores.vector_store import Layout, store_class
from cli_run import anglewise

__all__ = ["anglewise"]

RNG = np.random.default_rng(0)
ITEMS = 120
X = (RNG.normal(size=(ITEMS, 8)) * RNG.lognormal(0, 0.5, (ITEMS, 1))).astype(np.float32)
IDS = [f"d\u00e9{row}" for row in range(ITEMS)]
ABOUT = {"title": [f"T{row} \u4e2d" for row in range(ITEMS)], "year": list(range(ITEMS))}
Q = RNG.normal(size=(20, 8)).astype(np.float32)


def made():
    queries = aw.Embeddings(Q, [f"q{row}" for row in range(20)])
    return aw.Space(items=aw.Embeddings(X, IDS, ABOUT), queries=queries, trained_for="dot")


def by_id(items):
    return dict(zip(items.ids.tolist(), items.vectors, strict=True))


def test_what_was_exported_comes_back_as_a_space(place, tmp_path):
    address = place("films")
    aw.export(made(), "euclidean", address, min_recall=0.5)
    np.save(tmp_path / "q.npy", Q)
    space = aw.read_space(address, queries=tmp_path / "q.npy")
    vectors = by_id(space.items)
    assert sorted(vectors) == sorted(IDS)
    for name, vector in zip(IDS, X, strict=True):
        np.testing.assert_allclose(vectors[name], vector, rtol=1e-5, atol=1e-6)
    titles = dict(zip(space.items.ids.tolist(), space.items.metadata["title"], strict=True))
    assert titles[IDS[3]] == "T3 \u4e2d"
    assert set(space.items.metadata_columns) == {"title", "year", LENGTH}
    told = space.about["store"]
    assert told["address"] == str(read_address(address))
    assert told["ranks_by"] in {"euclidean", "squared-euclidean"}
    exact = aw.search(made(), "dot", k=5)["dot"]
    found = aw.search(space, "dot", k=5)["dot"]
    names = [space.items.ids[rows].tolist() for rows in found.indices]
    assert names == [[IDS[row] for row in rows] for rows in exact.indices]


def test_an_audit_of_a_store_says_by_what_it_ranks(place, anglewise):
    address = place("audited")
    aw.export(made(), "cosine", address, min_recall=0.5)
    run = anglewise("audit", address, "--json", "-", "-k", "3")
    assert run.code == 0
    assert "by its own word" in " ".join(json.loads(run.out)["notes"])
    run = anglewise("search", address, "--query", IDS[3], "-k", "2")
    assert (run.code, "T3" in run.out) == (0, True)


def test_a_collection_that_is_not_there_is_said(place):
    with pytest.raises(NoCollectionError):
        aw.read_space(place("nowhere"))


def test_an_empty_collection_is_said(place):
    address = read_address(place("empty"))
    kind = store_class(address.kind)
    store = kind.create(address, Layout(8, next(iter(kind.supported)), "graph"))
    if place.kind in {"faiss", "usearch", "hnswlib"}:  # which are in memory until then
        store.take_place(address)
    store.close()
    with pytest.raises(AnglewiseError, match="is empty"):
        aw.read_space(address)


def test_files_and_folders_of_stores_are_known_without_an_address(place, monkeypatch):
    if place.kind not in {"faiss", "usearch", "lancedb", "chroma"}:
        pytest.skip("is no file that a person would name")
    aw.export(made(), "dot", place("films"), min_recall=0.5)
    [path] = read_address(place("films")).places
    path = path.parent if place.kind == "chroma" else path
    said = []
    assert sorted(aw.read_space(path, say=said.append).items.ids) == sorted(IDS)
    assert any("read as" in sentence for sentence in said)
    monkeypatch.chdir(path.parent)
    assert len(aw.read_space(path.name).items) == ITEMS
    if place.kind == "lancedb":
        assert len(aw.read_space(path, vector_column="vector", id_column="id").items) == ITEMS
        with pytest.raises(AnglewiseError, match="no column 'nope'"):
            aw.read_space(path, vector_column="nope")
