"""What stores do by default and nobody is told: each is avoided or reported."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import SpellingError, StoreError
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
