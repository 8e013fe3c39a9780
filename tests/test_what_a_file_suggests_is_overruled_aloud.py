"""Where something given contradicts what a file suggests, it is taken, and that is said."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import read_space

X = np.random.default_rng(0).standard_normal((4, 3))
FACTORS = {"user_factors": X, "item_factors": X}
BIASED = {
    "user_embeddings": X,
    "item_embeddings": X,
    "user_biases": np.arange(4.0),
    "item_biases": np.arange(4.0),
}


def spoken(*args, **options):
    said = []
    return read_space(*args, **options, say=said.append), " | ".join(said)


@pytest.mark.parametrize(
    ("arrays", "names"),
    [(FACTORS, "user_factors and item_factors"), (BIASED, "user_biases and item_biases")],
)
@pytest.mark.parametrize("given", [None, "dot", "cosine", "euclidean", "unknown"])
def test_a_training_that_names_of_arrays_suggest(arrays, names, given, tmp_path):
    np.savez(tmp_path / "model.npz", **arrays)
    space, said = spoken(tmp_path / "model.npz", trained_for=given)
    assert space.trained_for == (given or "dot")
    overruled = f"{names} are named as of a model that was trained for dot: {given} is taken"
    assert (overruled in said) is (given not in {None, "dot"})
    assert (f"{names}: taken as trained for dot" in said) is (given is None)


def test_arrays_of_other_names_suggest_nothing(tmp_path):
    np.savez(tmp_path / "plain.npz", queries=X, items=X)
    space, said = spoken(tmp_path / "plain.npz", trained_for="cosine")
    assert space.trained_for == "cosine"
    assert "trained" not in said


def test_ids_that_a_file_of_vectors_has_of_its_own(tmp_path):
    np.savez(tmp_path / "own.npz", items=X, ids=np.array(["a", "b", "c", "d"]))
    (tmp_path / "same.txt").write_text("a\nb\nc\nd\n")
    (tmp_path / "other.txt").write_text("a\nb\ny\nz\n")
    space, said = spoken(tmp_path / "own.npz", item_ids=tmp_path / "same.txt")
    assert "of its own" not in said
    space, said = spoken(tmp_path / "own.npz", item_ids=tmp_path / "other.txt")
    assert space.items.ids.tolist() == ["a", "b", "y", "z"]
    assert "own.npz has other ids of its own, such as 'c' in row 2" in said
    assert "those of other.txt are taken, there 'y'" in said


def test_ids_and_texts_that_lie_beside_the_vectors(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    np.save(folder / "items.npy", X)
    (folder / "items.txt").write_text("a\nb\nc\nd\n")
    (folder / "items.jsonl").write_text("".join(f'{{"_id": "{i}"}}\n' for i in "abcd"))
    (tmp_path / "other.txt").write_text("a\nb\nc\nz\n")
    texts = "".join(json.dumps({"_id": i, "title": i}) + "\n" for i in "abcz")
    (tmp_path / "other.jsonl").write_text(texts)
    given = {"item_ids": tmp_path / "other.txt", "item_texts": tmp_path / "other.jsonl"}
    space, said = spoken(folder, **given)
    assert space.items.metadata["title"] == list("abcz")
    for name in ("txt", "jsonl"):
        lies, taken = folder / f"items.{name}", tmp_path / f"other.{name}"
        assert f"{lies}: not used, for {taken} is given for the items" in said
    same = {"item_ids": folder / "items.txt", "item_texts": folder / "items.jsonl"}
    assert "not used" not in spoken(folder, **same)[1]


@pytest.mark.parametrize("same", [True, False])
def test_titles_that_stand_in_two_files(same, tmp_path):
    titles = list("ABCD")
    table = {"id": list("abcd"), "vector": X.tolist(), "title": titles}
    pq.write_table(pa.table(table), tmp_path / "items.parquet")
    others = titles if same else list("ABCZ")
    lines = (json.dumps({"_id": i, "title": t}) for i, t in zip("abcd", others, strict=True))
    (tmp_path / "items.jsonl").write_text("\n".join(lines))
    space, said = spoken(tmp_path)
    assert space.items.metadata["title"] == others
    remark = "title of items.parquet: not used, for items.jsonl holds it too"
    assert (remark in said) is not same
