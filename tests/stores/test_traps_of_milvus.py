"""What Milvus does that a user would not expect, and what is said of it."""

import numpy as np
import pymilvus
import pytest

import anglewise as aw
from anglewise.errors import NoCollectionError, SpellingError, StoreError
from anglewise.stores.milvus_connection import load_graph
from anglewise.stores.vector_store import open_store
from stores.test_every_store import space, written


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "films.db"


def made_by_hand(folder, name, vectors, **index):
    """A collection as a program of its own would make it."""
    from milvus_lite.server_manager import server_manager_instance
    from pymilvus import DataType, MilvusClient

    client = MilvusClient(str(folder))
    schema = client.create_schema()
    schema.add_field("number", DataType.INT64, is_primary=True)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
    schema.add_field("title", DataType.VARCHAR, max_length=20)
    client.create_collection(name, schema=schema)
    rows = [{"number": i, "embedding": v, "title": f"t{i}"} for i, v in enumerate(vectors)]
    client.insert(name, rows)
    client.flush(name)
    if index:
        parameters = client.prepare_index_params()
        parameters.add_index("embedding", **index)
        client.create_index(name, parameters)
    client.close()
    server_manager_instance.release_server(str(folder))
    return f"milvus://{folder}/{name}"


def test_l2_is_the_square_and_called_so(folder):
    address = written(f"milvus://{folder}/films", "squared-euclidean", space().items.vectors)
    found = aw.probe(address)
    assert (found.metric, found.shown_as, found.says) == (
        "squared-euclidean",
        "the squared distance",
        "L2",
    )


def test_a_collection_without_an_index_ranks_by_cosine_whatever_its_vectors_were_made_for(folder):
    made = space()
    address = made_by_hand(folder, "films", made.items.vectors)
    found = aw.probe(address)
    assert (found.metric, found.says, found.index) == ("cosine", "", "scan")
    assert "names no metric" in found.notes[0]
    numbered = aw.Space(
        queries=made.queries, items=aw.Embeddings(made.items.vectors, list(map(str, range(600))))
    )
    told = aw.verify(address, numbered, "dot")
    assert "ranks by cosine, where dot is due" in " ".join(told.reasons)
    with open_store(address) as store:
        rows = next(store.rows())
    assert rows.metadata[7] == {"title": "t7"}


def test_autoindex_is_told_as_such(folder):
    address = made_by_hand(
        folder, "films", space().items.vectors, index_type="AUTOINDEX", metric_type="IP"
    )
    with open_store(address) as store:
        assert store.described().index.startswith("AUTOINDEX")
        assert store.effort_names == ()
    assert aw.probe(address).metric == "dot"


def test_a_graph_is_told_only_where_one_was_built(folder):
    """Milvus Lite says HNSW of what it scans, and counts all rows as indexed."""
    from pymilvus import MilvusClient

    kind = {"index_type": "HNSW", "metric_type": "IP", "params": {"M": 8, "efConstruction": 40}}
    address = made_by_hand(folder, "films", space(items=5000).items.vectors, **kind)
    store = open_store(address)  # which loads it, and so builds the graph
    try:
        assert store.described().index == "HNSW"
        other = MilvusClient(str(folder))
        parameters = other.prepare_index_params()
        parameters.add_index("embedding", **kind)
        schema = other.create_schema()
        from pymilvus import DataType

        schema.add_field("number", DataType.INT64, is_primary=True)
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=16)
        other.create_collection("fresh", schema=schema, index_params=parameters)
        rows = [{"number": i, "embedding": v} for i, v in enumerate(np.eye(16))]
        other.insert("fresh", rows)
        with open_store(f"milvus://{folder}/fresh") as fresh:
            assert fresh.described().index == "scan"
        other.close()
    finally:
        store.close()


def test_an_id_that_is_written_twice_is_there_once(folder):
    """A server of Milvus keeps an id twice that is inserted twice."""
    address = written(f"milvus://{folder}/films", "dot", np.eye(4))
    with open_store(address) as store:
        store.add(["0", "1"], 2 * np.eye(4)[:2])
        assert store.described().count == 4
        assert store.vectors_of(["1"])["1"].tolist() == [0, 2, 0, 0]


def test_lengths_are_kept_under_cosine_and_a_zero_vector_has_the_number_0(folder):
    address = written(f"milvus://{folder}/films", "cosine", space().items.vectors, index="graph")
    found = aw.probe(address, scratch=True)
    assert found.normalises.startswith("no: lengths came back as they were")
    assert found.zero_vector.startswith("kept, listed at place")
    assert found.zero_vector.endswith("with 0")


def test_a_server_is_asked_and_filled_like_a_file(folder, monkeypatch):
    """Milvus Lite as a server of its own: over the network, with a token in the environment."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, database, port = start_server_in_thread(str(folder), host="127.0.0.1", port=0)
    monkeypatch.setenv("MILVUS_TOKEN", "root:secret")
    address = f"milvus://127.0.0.1:{port}/films"
    made = space()
    try:
        assert aw.export(made, "cosine", address, index="scan").recall == 1
        assert aw.probe(address, scratch=True).metric == "cosine"
        assert aw.verify(address, made).drifted is False
        with pytest.raises(StoreError, match="--replace"):
            aw.export(made, "dot", address)
        assert aw.export(made, "dot", address, index="scan", replace=True).metric == "dot"
        with open_store(address) as store:
            assert len(store.collections()) == 1
            store.client.milvus.release_collection(store._own_name())
        with pytest.raises(StoreError, match="not loaded"):
            aw.probe(address)
    finally:
        server.stop(grace=0)
        database.close()


def test_a_file_is_let_go_of_and_one_that_is_in_use_is_said(folder, tmp_path):
    import fcntl

    address = written(f"milvus://{folder}/films", "dot", np.eye(4))
    aw.probe(address)
    with (folder / "LOCK").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(StoreError, match="another program has it open"):
            aw.probe(address)
    assert aw.probe(address).metric == "dot"
    with pytest.raises(NoCollectionError, match=r"'filmz'; there are films$"):
        aw.probe(f"milvus://{folder}/filmz")
    with pytest.raises(NoCollectionError, match="nothing of Milvus Lite"):
        aw.probe(f"milvus://{tmp_path}/none.db/films")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(SpellingError, match=r"FILE\.db"):
        aw.probe(f"milvus://{tmp_path}/none/films")
    (tmp_path / "old.db").write_bytes(b"SQLite format 3\0")
    with pytest.raises(StoreError, match="before its version 3"):
        aw.probe(f"milvus://{tmp_path}/old.db/films")


def test_a_collection_that_an_alias_cannot_replace_is_refused(folder):
    """As in Qdrant: the name must be an alias, so that it can be moved at once."""
    made = space()
    made_by_hand(folder, "films", made.items.vectors)
    with pytest.raises(StoreError, match="is a collection and no alias"):
        aw.export(made, "dot", f"milvus://{folder}/films", index="scan", replace=True)
    with open_store(f"milvus://{folder}/films") as store:
        assert store.collections() == ["films"]
        assert store.described().count == 600


class HalfWritten:
    """A client whose graph is not whole yet for some attempts."""

    def __init__(self, failures):
        self.failures = list(failures)

    def load_collection(self, name):
        assert name == "films"
        if self.failures:
            raise pymilvus.MilvusException(message=self.failures.pop(0))


def test_a_graph_that_is_still_being_written_is_waited_for(monkeypatch):
    monkeypatch.setattr("anglewise.stores.milvus_connection.WAITS", (0, 0))
    client = HalfWritten(["read error in a.idx: 0 != 8", "read error in a.idx: 4 != 8"])
    load_graph(client, "films")
    assert not client.failures
    with pytest.raises(pymilvus.MilvusException, match="read error"):
        load_graph(HalfWritten(["read error"] * 3), "films")
    with pytest.raises(pymilvus.MilvusException, match="no such collection"):
        load_graph(HalfWritten(["no such collection"]), "films")
