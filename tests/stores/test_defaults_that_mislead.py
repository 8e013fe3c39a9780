"""What stores do by default and nobody is told: each is avoided or reported."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import FileError, SpellingError, StoreError, ValuesError
from anglewise.stores.vector_store import open_store


def space(items=600, dimension=16, seed=0, zeros=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(items, dimension)) * rng.lognormal(0, 0.8, (items, 1))
    x[:zeros] = 0
    q = rng.normal(size=(60, dimension))
    return aw.Space(
        queries=aw.Embeddings(q, [f"q{i}" for i in range(60)]),
        items=aw.Embeddings(x, [str(i) for i in range(items)]),
        trained_for="dot",
    )


def by_usearch(path, vectors, **settings):
    """As a program writes it that says nothing of names."""
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], **settings)
    index.add(np.arange(len(vectors)), vectors)
    index.save(str(path))
    return f"usearch://{path}"


def test_usearch_keeps_bf16_by_default_and_is_told(tmp_path):
    made = space()
    address = by_usearch(tmp_path / "i.usearch", made.items.vectors, metric="ip")
    found = aw.probe(address, scratch=True)
    assert (found.metric, found.says) == ("dot", "IP")
    assert found.precision.startswith("bf16")
    assert "bf16" in found.index
    told = aw.verify(address, made, "dot")
    assert "bf16" in " ".join(told.reasons)
    exact = aw.verify(f"{address}?exact=yes", made, "dot")
    assert exact.recall < 1  # "exact" is a scan of rounded vectors
    assert "bf16" in " ".join(exact.reasons)


def test_usearch_as_exported_keeps_float32(tmp_path):
    made = space()
    aw.export(made, "dot", f"usearch://{tmp_path}/i.usearch", index="scan")
    found = aw.probe(f"usearch://{tmp_path}/i.usearch", scratch=True)
    assert found.precision.startswith("float32")
    assert found.index == "scan"
    assert aw.verify(f"usearch://{tmp_path}/i.usearch", made).recall == 1


@pytest.mark.parametrize(("dtype", "word"), [("f16", "half"), ("i8", "coarse"), ("f32", "float32")])
def test_the_precision_of_usearch_is_named(tmp_path, dtype, word):
    address = by_usearch(tmp_path / "i.usearch", space().items.vectors, metric="ip", dtype=dtype)
    assert aw.probe(address, scratch=True).precision.startswith(word)


def test_usearch_ranks_by_cosine_unless_told_otherwise(tmp_path):
    made = space()
    address = by_usearch(tmp_path / "i.usearch", made.items.vectors, dtype="f32")
    assert aw.probe(address).metric == "cosine"
    told = aw.verify(address, made, "dot")
    assert told.recall < 0.9
    assert told.reasons == ("the store ranks by cosine, where dot is due (dot)",)


def test_a_key_of_usearch_that_names_several_vectors_is_told(tmp_path):
    from usearch.index import Index

    index = Index(ndim=4, multi=True, dtype="f32")
    index.add(np.array([1, 1, 2]), np.eye(4, dtype=np.float32)[:3])
    index.save(str(tmp_path / "i.usearch"))
    with pytest.raises(StoreError, match="several vectors"):
        aw.probe(f"usearch://{tmp_path}/i.usearch")


def test_an_option_of_usearch_is_yes_or_no(tmp_path):
    address = by_usearch(tmp_path / "i.usearch", space().items.vectors)
    with pytest.raises(SpellingError, match="yes or no"):
        open_store(f"{address}?exact=ja")


def test_a_file_that_is_no_index_of_usearch_is_refused(tmp_path):
    (tmp_path / "i.usearch").write_bytes(b"no index" * 50)
    with pytest.raises(Exception, match="usearch") as refused:
        aw.probe(f"usearch://{tmp_path}/i.usearch")
    assert "Traceback" not in str(refused.value)


def by_chroma(folder, vectors, **settings):
    """As a program writes it, in batches."""
    import chromadb

    client = chromadb.PersistentClient(str(folder))
    films = client.create_collection("films", **settings)
    for start in range(0, len(vectors), 300):
        part = range(start, min(start + 300, len(vectors)))
        films.add(ids=[str(i) for i in part], embeddings=vectors[part.start : part.stop])
    client.close()
    return f"chroma://{folder}/films"


def test_chroma_ranks_by_squared_distance_unless_told_otherwise(tmp_path):
    made = space()
    address = by_chroma(tmp_path, made.items.vectors)  # with its default embedding function
    found = aw.probe(address)
    assert (found.metric, found.says) == ("squared-euclidean", "l2")
    told = aw.verify(address, made, "cosine")
    assert told.recall < 0.9
    assert "ranks by squared-euclidean, where cosine is due" in " ".join(told.reasons)


def test_the_metric_of_chroma_is_that_of_the_making(tmp_path):
    """A later word in the metadata changes nothing: the numbers tell."""
    import chromadb

    address = by_chroma(tmp_path, space().items.vectors)
    client = chromadb.PersistentClient(str(tmp_path))
    client.get_collection("films").modify(metadata={"space": "cosine"})
    client.close()
    assert aw.probe(address).metric == "squared-euclidean"


def test_effort_of_chroma_is_that_of_the_collection_and_never_changed_by_verify(tmp_path):
    made = space(items=3_000)
    low = {"hnsw": {"space": "ip", "ef_search": 1, "max_neighbors": 2, "ef_construction": 5}}
    address = by_chroma(tmp_path, made.items.vectors, configuration=low)
    told = aw.verify(address, made, "dot")
    assert told.recall < 0.9
    assert "its ef_search is 1, and 64 is asked for" in " ".join(told.reasons)
    assert "ef 1)" in aw.probe(address).index


def test_export_lets_a_collection_of_chroma_have_the_effort_that_was_proven(tmp_path):
    made = space(items=3_000)
    result = aw.export(made, "csls(5)", f"chroma://{tmp_path}/films", min_recall=0.999)
    with open_store(f"chroma://{tmp_path}/films") as store:
        proven = result.effort.get("ef", 100)
        assert store._settings["ef_search"] == proven
    assert aw.verify(f"chroma://{tmp_path}/films", made).recall >= 0.999


def test_an_id_that_chroma_has_is_written_anew(tmp_path):
    """Its own ``add`` leaves what is there, without a word."""
    from anglewise.stores.address import read_address
    from anglewise.stores.chroma_store import ChromaStore
    from anglewise.stores.vector_store import Layout

    store = ChromaStore.create(read_address(f"chroma://{tmp_path}/films"), Layout(2, "dot"))
    store.add(["a"], np.array([[1.0, 0.0]], np.float32))
    store.add(["a"], np.array([[0.0, 2.0]], np.float32))
    assert store.vectors_of(["a"])["a"].tolist() == [0, 2]
    assert store.described().count == 1
    store.close()


def test_no_folder_of_a_deleted_index_is_left_in_the_folder_of_chroma(tmp_path):
    """Chroma itself removes none."""
    address = f"chroma://{tmp_path}/films"
    aw.export(space(), "dot", address)
    aw.export(space(seed=1), "dot", address, replace=True)
    aw.probe(address, scratch=True)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    assert aw.verify(address, space(seed=1)).recall >= 0.98


def test_chroma_has_no_scan_and_export_says_so(tmp_path):
    with pytest.raises(StoreError, match="no scan: its only index is a graph"):
        aw.export(space(), "dot", f"chroma://{tmp_path}/films", index="scan")


def test_looking_for_a_collection_makes_no_files(tmp_path):
    for place in ("chroma://{}/c", "sqlite-vec://{}/f.sqlite/c", "duckdb://{}/f.duckdb/c"):
        with pytest.raises(StoreError):
            aw.probe(place.format(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_this_program_has_open_with_chroma_is_asked_all_the_same(tmp_path):
    import chromadb

    address = by_chroma(tmp_path, space().items.vectors)
    own = chromadb.PersistentClient(str(tmp_path))
    assert aw.probe(address).metric == "squared-euclidean"
    assert own.get_collection("films").count() == 600
    own.close()


def test_an_exchange_that_was_killed_in_between_is_told_and_gone_on_with(tmp_path):
    """Chroma renames one collection at a time."""
    import chromadb

    made = space()
    address = f"chroma://{tmp_path}/films"
    aw.export(made, "dot", address)
    client = chromadb.PersistentClient(str(tmp_path))
    client.get_collection("films").modify(name="films__replaced_by_anglewise")
    client.close()
    with pytest.raises(StoreError, match="films__replaced_by_anglewise is what films was before"):
        aw.probe(address)
    aw.export(made, "dot", address)
    with open_store(address) as store:
        assert store._names() == ["films"]


def test_a_server_of_chroma_is_asked_by_its_address(tmp_path):
    import socket
    import subprocess
    import sys
    import time
    from pathlib import Path

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chroma = Path(sys.executable).with_name("chroma")
    command = [str(chroma), "run", "--path", str(tmp_path), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.2)
            made, address = space(), f"chroma://127.0.0.1:{port}/films"
            aw.export(made, "cosine", address)
            assert aw.verify(address, made).recall >= 0.98
            assert aw.probe(address, scratch=True).metric == "cosine"
        finally:
            server.terminate()
    with pytest.raises(StoreError, match="Chroma says"):
        aw.probe(address)


def by_hnswlib(path, vectors, space="l2", **settings):
    """As a program writes it."""
    from hnswlib import Index

    index = Index(space=space, dim=vectors.shape[1])
    index.init_index(max_elements=len(vectors), **settings)
    index.add_items(vectors, np.arange(len(vectors)))
    index.save_index(str(path))
    return f"hnswlib://{path}"


def test_the_metric_of_a_file_of_hnswlib_is_named_and_not_guessed(tmp_path):
    address = by_hnswlib(tmp_path / "i.bin", space().items.vectors, "ip")
    with pytest.raises(StoreError, match="does not say its metric"):
        aw.probe(address)
    found = aw.probe(f"{address}?metric=ip")
    assert (found.metric, found.shown_as) == ("dot", "1 - the inner product")
    assert found.dimension == 16  # from the head of the file
    with pytest.raises(SpellingError, match="metrics are ip, cosine, l2"):
        aw.probe(f"{address}?metric=dot")


def test_hnswlib_loses_lengths_by_cosine_and_is_told(tmp_path):
    made = space()
    address = by_hnswlib(tmp_path / "i.bin", made.items.vectors, "cosine") + "?metric=cosine"
    assert aw.probe(address, scratch=True).normalises.startswith("on write")
    told = " ".join(aw.verify(address, made, "dot").reasons)
    assert "normalised to length 1: their lengths are lost" in told


def test_the_effort_of_hnswlib_by_default_is_too_little_and_is_told(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4_000, 32))
    made = aw.Space(
        queries=aw.Embeddings(rng.normal(size=(60, 32))),
        items=aw.Embeddings(x, [str(i) for i in range(4_000)]),
    )
    address = by_hnswlib(tmp_path / "i.bin", x) + "?metric=l2"
    assert "ef 10" in aw.probe(address).index
    told = aw.verify(address, made, "euclidean")
    assert told.recall < 0.8
    assert "looks at too little at the store's own ef: with ef " in " ".join(told.reasons)
    result = aw.export(made, "euclidean", f"hnswlib://{tmp_path}/good.bin")
    assert result.recall >= 0.98
    assert result.effort["ef"] >= 64
    assert aw.verify(f"hnswlib://{tmp_path}/good.bin", made).recall >= 0.98


def test_rows_that_hnswlib_has_marked_as_deleted_are_no_rows(tmp_path):
    from hnswlib import Index

    made = space()
    by_hnswlib(tmp_path / "i.bin", made.items.vectors)
    index = Index(space="l2", dim=16)
    index.load_index(str(tmp_path / "i.bin"))
    for label in (0, 7, 599):
        index.mark_deleted(label)
    index.save_index(str(tmp_path / "i.bin"))
    told = aw.verify(f"hnswlib://{tmp_path}/i.bin?metric=l2", made, "euclidean")
    assert "3 items of 600 are missing, such as '0', '7', '599'" in " ".join(told.reasons)


def test_other_files_are_no_index_of_hnswlib(tmp_path):
    from hnswlib import BFIndex

    index = BFIndex(space="l2", dim=16)
    index.init_index(max_elements=600)
    index.add_items(space().items.vectors)
    index.save_index(str(tmp_path / "b.bin"))
    (tmp_path / "no.bin").write_bytes(bytes(8) + b"\x01" * 100)
    for name in ("b.bin", "no.bin"):
        with pytest.raises(FileError, match="is no index of hnswlib"):
            aw.probe(f"hnswlib://{tmp_path}/{name}?metric=l2")
    with pytest.raises(StoreError, match="BFIndex"):
        aw.export(space(), "dot", f"hnswlib://{tmp_path}/new.bin", index="scan")


def test_numbers_that_are_none_are_taken_by_no_store():
    """hnswlib lists them first by cosine, usearch too: they never come so far."""
    x = space().items.vectors.copy()
    x[3, 3] = np.nan
    with pytest.raises(ValuesError):
        aw.Embeddings(x)
