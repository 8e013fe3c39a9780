"""What zvec does that a user would not expect, and what is said of it."""

import subprocess
import sys

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import NoCollectionError, StoreError
from anglewise.stores.vector_store import open_store
from stores.test_every_store import space, written


@pytest.fixture
def address(tmp_path):
    return f"zvec://{tmp_path}/films"


def made_by_hand(tmp_path, vectors, *, optimised=True, kind=None, **index):
    """A collection as a program of its own would make it."""
    import zvec

    schema = zvec.CollectionSchema(
        name="films",
        fields=[zvec.FieldSchema("title", zvec.DataType.STRING, nullable=True)],
        vectors=zvec.VectorSchema(
            "embedding",
            kind or zvec.DataType.VECTOR_FP32,
            dimension=vectors.shape[1],
            index_param=zvec.HnswIndexParam(m=8, ef_construction=40, **index),
        ),
    )
    collection = zvec.create_and_open(str(tmp_path / "films"), schema)
    docs = [
        zvec.Doc(id=str(i), vectors={"embedding": v}, fields={"title": f"t{i}"})
        for i, v in enumerate(vectors.tolist())
    ]
    for start in range(0, len(docs), 1000):
        assert all(status.ok() for status in collection.insert(docs[start : start + 1000]))
    if optimised:
        collection.optimize()
    collection.flush()
    collection.close()
    return f"zvec://{tmp_path}/films"


def numbered(made):
    names = list(map(str, range(len(made.items))))
    return aw.Space(queries=made.queries, items=aw.Embeddings(made.items.vectors, names))


def contents(folder):
    """All files but those of graphs, which the engine stamps with the time of opening."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path: b"" if path.suffix == ".proxima" else path.read_bytes() for path in files}


def test_a_quantised_index_is_told_since_its_vectors_come_back_whole(tmp_path):
    """Nothing that zvec gives back shows it but the lists, and what it says of itself."""
    import zvec

    made = numbered(space(items=3000, dimension=16))
    address = made_by_hand(tmp_path, made.items.vectors, quantize_type=zvec.QuantizeType.INT4)
    found = aw.probe(address)
    assert (found.metric, found.index) == (
        "dot",
        "HNSW (m 8), 3,000 of 3,000 vectors in it, quantised (INT4)",
    )
    told = aw.verify(address, made, "dot")
    assert told.recall < 0.98
    assert "what answers loses" in " ".join(told.reasons)


def test_half_precision_is_seen(tmp_path):
    import zvec

    made = numbered(space())
    address = made_by_hand(tmp_path, made.items.vectors, kind=zvec.DataType.VECTOR_FP16)
    assert aw.probe(address, scratch=True).precision.startswith("half")
    assert "half precision" in " ".join(aw.verify(address, made, "dot").reasons)


def test_what_was_not_optimised_is_scanned_and_so_it_is_said(tmp_path):
    address = made_by_hand(tmp_path, space().items.vectors, optimised=False)
    with open_store(address) as store:
        assert store.described().index == "scan"
        store.finish()
        assert store.described().index == "HNSW (m 8), 600 of 600 vectors in it"
        store.add([], np.zeros((0, 16)))


def test_l2_is_the_square_and_cosine_a_distance_that_keeps_lengths(address):
    written(address, "squared-euclidean", space().items.vectors)
    assert aw.probe(address).shown_as == "the squared distance"
    other = written(f"{address}2", "cosine", space().items.vectors)
    found = aw.probe(other, scratch=True)
    assert (found.metric, found.shown_as) == ("cosine", "1 - the cosine")
    assert found.normalises.startswith("no: lengths came back as they were")
    assert found.zero_vector.endswith("with 1")


def test_a_probe_and_a_verification_seal_nothing_and_write_nothing(address, tmp_path):
    """On a writable collection even reading all rows would seal a segment."""
    made = space()
    aw.export(made, "dot", address)
    before = contents(tmp_path)
    aw.probe(address)
    aw.verify(address, made)
    assert contents(tmp_path) == before


def test_ids_that_zvec_does_not_take_come_back(address):
    made = space(items=4, ids=["a\tb", "a\nb", "a", "\u00a0"])
    aw.export(made, "dot", address, index="scan")
    with open_store(address) as store:
        assert next(store.rows()).ids != []
        assert set(next(store.rows()).ids) == {"a\tb", "a\nb", "a", "\u00a0"}
        assert store.vectors_of(["a\tb"])["a\tb"].tolist() == made.items.vectors[0].tolist()


def test_own_fields_come_back_and_ids_are_those_of_the_documents(tmp_path):
    address = made_by_hand(tmp_path, space().items.vectors)
    with open_store(address) as store:
        rows = next(store.rows())
    assert dict(zip(rows.ids, rows.metadata, strict=True))["7"] == {"title": "t7"}
    with pytest.raises(StoreError, match=r"there are embedding \(VECTOR_FP32\): say which"):
        aw.probe(f"{address}?vector=title")


def test_a_collection_that_another_program_writes_is_said(address):
    written(address, "dot", np.eye(4))
    folder = address.removeprefix("zvec://")
    hold = f"import zvec; c = zvec.open({folder!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StoreError, match="another program has it open"):
            aw.probe(address)
        other.communicate(b"\n")
    assert aw.probe(address).metric == "dot"
    with pytest.raises(NoCollectionError, match="there are films"):
        aw.probe(f"{address}2")


def test_an_export_that_was_killed_before_it_was_whole_is_gone_on_with(address, tmp_path):
    made = space()
    first = aw.export(made, "dot", address)
    from unittest.mock import patch

    def killed(path, schema):
        del schema
        tmp_path.joinpath(path).mkdir()
        raise KeyboardInterrupt

    with patch("zvec.create_and_open", killed), pytest.raises(KeyboardInterrupt):
        aw.export(made, "euclidean", address, replace=True)
    assert len([path for path in tmp_path.iterdir() if "__" in path.name]) == 1
    assert aw.verify(address, made).recall == first.recall
    aw.export(made, "euclidean", address, replace=True, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["films"]
