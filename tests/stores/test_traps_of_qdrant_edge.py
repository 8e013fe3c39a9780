"""What Qdrant's engine does that a user would not expect, and what is said of it."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import NoCollectionError, StoreError
from anglewise.stores.address import is_address
from anglewise.stores.vector_store import open_store
from stores.test_every_store import space, written


@pytest.fixture
def address(tmp_path):
    return f"qdrant-edge://{tmp_path}/films"


def made_by_hand(tmp_path, vectors, **settings):
    """A shard as a program of its own would make it, its vectors under a name."""
    import qdrant_edge as edge

    optimizers = settings.pop("optimizers", None)
    parameters = edge.EdgeVectorParams(
        size=vectors.shape[1], **{"distance": edge.Distance.Dot, **settings}
    )
    config = edge.EdgeConfig(vectors={"title": parameters}, optimizers=optimizers)
    shard = edge.EdgeShard.create(str(tmp_path / "films"), config)
    points = [edge.Point(i, {"title": v}, {"year": i}) for i, v in enumerate(vectors.tolist())]
    shard.update(edge.UpdateOperation.upsert_points(points))
    shard.optimize()
    indexed = shard.info().indexed_vectors_count
    shard.close()
    return f"qdrant-edge://{tmp_path}/films?vector=title", indexed


def test_what_counts_as_indexed_and_is_scanned_is_called_a_scan(tmp_path):
    """Under 10 MB Qdrant builds no graph of a segment, and counts its vectors as indexed."""
    import qdrant_edge as edge

    sizes = edge.EdgeOptimizersConfig(indexing_threshold=1)
    vectors = np.random.default_rng(0).normal(size=(3000, 16))
    address, indexed = made_by_hand(tmp_path, vectors, optimizers=sizes)
    assert indexed == 3000
    with open_store(address) as store:
        assert store.described().index == "scan"
        everything = store.search(vectors[:20], 10, {"ef": 1})
    exact = np.argsort(-(vectors[:20] @ vectors.T), axis=1)[:, :10]
    assert [[int(name) for name, _ in one] for one in everything] == exact.tolist()


def test_where_sizes_do_not_tell_it_is_unknown(tmp_path):
    import qdrant_edge as edge

    sizes = edge.EdgeOptimizersConfig(indexing_threshold=1)
    graph = edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=150)
    vectors = np.random.default_rng(0).normal(size=(3000, 16))
    address, _ = made_by_hand(tmp_path, vectors, optimizers=sizes, hnsw_config=graph)
    with open_store(address) as store:
        assert store.described().index == "unknown"


def test_what_is_exported_with_a_graph_has_one(address):
    made = space(items=3000)
    exported = aw.export(made, "dot", address)
    assert exported.index == "graph (m 16), 3,000 of 3,000 vectors in it"
    scanned = aw.export(made, "dot", address, index="scan", replace=True)
    assert (scanned.index, scanned.recall) == ("scan", 1)


def test_lengths_are_lost_under_cosine_and_this_is_said(address):
    written(address, "cosine", space().items.vectors)
    found = aw.probe(address, scratch=True)
    assert found.normalises.startswith("on write")
    assert found.zero_vector.endswith("with 0")


def test_half_precision_is_seen(tmp_path):
    import qdrant_edge as edge

    kind = edge.VectorStorageDatatype.Float16
    made = space()
    address, _ = made_by_hand(tmp_path, made.items.vectors, datatype=kind)
    assert aw.probe(address, scratch=True).precision.startswith("half")
    numbered = aw.Space(
        queries=made.queries, items=aw.Embeddings(made.items.vectors, list(map(str, range(600))))
    )
    assert "half precision" in " ".join(aw.verify(address, numbered, "dot").reasons)


def test_vectors_of_a_name_are_asked_by_it(tmp_path):
    address, _ = made_by_hand(tmp_path, space().items.vectors)
    with open_store(address) as store:
        assert next(store.rows()).metadata[3] == {"year": 3}
        assert set(store.vectors_of(["3", "599"])) == {"3", "599"}
    with pytest.raises(StoreError, match=r"have the vectors title: say which"):
        aw.probe(address.partition("?")[0])


def test_the_two_engines_of_one_name_are_told_apart(address):
    written(address, "dot", np.eye(4))
    with pytest.raises(StoreError, match="a shard of Qdrant Edge"):
        aw.probe(address.replace("qdrant-edge", "qdrant"))
    assert is_address(address)


def test_a_folder_that_is_open_elsewhere_is_said(address):
    written(address, "dot", np.eye(4))
    with (
        open_store(address),
        pytest.raises(StoreError, match="another program has the folder open"),
    ):
        open_store(address)
    with pytest.raises(NoCollectionError, match="there are films"):
        aw.probe(address.replace("films", "filmz"))


def test_an_export_that_was_killed_before_its_first_vector_is_gone_on_with(address, tmp_path):
    made = space()
    aw.export(made, "dot", address)
    from unittest.mock import patch

    with (
        patch("qdrant_edge.EdgeShard.create", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        aw.export(made, "euclidean", address, replace=True)
    (left,) = [path for path in tmp_path.iterdir() if "__" in path.name]
    assert list(left.iterdir()) == []
    assert aw.export(made, "euclidean", address, replace=True, resume=True).metric == "euclidean"
    assert [path.name for path in tmp_path.iterdir()] == ["films"]
