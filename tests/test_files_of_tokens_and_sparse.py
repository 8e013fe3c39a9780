"""Lists of token vectors and sparse vectors as files, in folders, and in an index."""

import json
import re

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import sparse

import anglewise as aw
from anglewise.errors import AnglewiseError, FileError, IdsError, ShapeError, SpellingError
from anglewise.io.side_files import is_table_of_space
from cli_run import anglewise

__all__ = ["anglewise"]


NINE = "abcdefghi"


def rows(count=9, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((rng.integers(1, 5), d)).astype("f4") for _ in range(count)]


def tokens(count=9):
    about = {"title": [f"title {i}" for i in range(count)], "year": list(range(count))}
    return aw.TokenVectors(rows(count), ids=[f"d{i}" for i in range(count)], metadata=about)


def table(count=9, width=30):
    rng = np.random.default_rng(1)
    return sparse.csr_array((rng.random((count, width)) < 0.2) * rng.lognormal(size=(count, width)))


def same_tokens(a, b):
    return np.array_equal(a.tokens, b.tokens) and np.array_equal(a.offsets, b.offsets)


def test_a_folder_holds_token_vectors_with_ids_and_metadata(tmp_path):
    space = aw.Space(items=tokens(), queries=aw.TokenVectors(rows(3), ids=list("abc")))
    aw.write_space(space, tmp_path / "s")
    read = aw.read_space(tmp_path / "s")
    assert same_tokens(read.items, space.items)
    assert same_tokens(read.queries, space.queries)
    assert read.items.ids.tolist() == space.items.ids.tolist()
    assert list(read.items.metadata["title"].to_pylist()) == space.items.metadata["title"]
    assert json.loads((tmp_path / "s/space.json").read_text())["format"] == 3
    assert all(is_table_of_space(file) for file in (tmp_path / "s").glob("*.parquet"))
    first = [(file.name, file.read_bytes()) for file in sorted((tmp_path / "s").iterdir())]
    aw.write_space(space, tmp_path / "s")  # replaced, and the same bytes
    assert first == [(file.name, file.read_bytes()) for file in sorted((tmp_path / "s").iterdir())]


def test_a_folder_holds_sparse_vectors_and_the_size_of_their_vocabulary(tmp_path):
    items = aw.SparseVectors(
        table(), ids=[f"d{i}" for i in range(9)], metadata={"n": list("abcdefghi")}
    )
    aw.write_space(aw.Space(items=items), tmp_path / "s")
    read = aw.read_space(tmp_path / "s").items
    assert read.dimension == 30
    assert (read.matrix != items.matrix).nnz == 0
    assert read.ids.tolist() == items.ids.tolist()
    assert is_table_of_space(tmp_path / "s/items.parquet")
    description = json.loads((tmp_path / "s/space.json").read_text())
    del description["dimension"]
    (tmp_path / "s/space.json").write_text(json.dumps(description))
    with pytest.raises(FileError, match="how many columns there are"):
        aw.read_space(tmp_path / "s")


def test_dense_spaces_are_written_in_the_format_that_older_versions_read(tmp_path):
    aw.write_space(aw.Space(items=np.eye(3)), tmp_path / "s")
    assert json.loads((tmp_path / "s/space.json").read_text())["format"] == 1


def test_npz_files_hold_one_side_or_both_with_offsets_beside_the_tokens(tmp_path):
    items, queries = tokens(), aw.TokenVectors(rows(3, seed=2))
    ids = items.ids.astype(str)
    np.savez(tmp_path / "i.npz", vectors=items.tokens, offsets=items.offsets, ids=ids)
    np.savez(tmp_path / "q.npz", vectors=queries.tokens, offsets=queries.offsets)
    np.savez(
        tmp_path / "both.npz",
        item_tokens=items.tokens,
        item_offsets=items.offsets,
        item_ids=ids,
        query_tokens=queries.tokens,
        query_offsets=queries.offsets,
    )
    said = []
    apart = aw.read_space(items=tmp_path / "i.npz", queries=tmp_path / "q.npz", say=said.append)
    assert any("'offsets' of i.npz as the offsets" in sentence for sentence in said)
    for space in (apart, aw.read_space(tmp_path / "both.npz")):
        assert same_tokens(space.items, items)
        assert same_tokens(space.queries, queries)
        assert space.items.ids.tolist() == items.ids.tolist()


def test_offsets_that_could_belong_to_either_side_are_refused(tmp_path):
    items = tokens()
    np.savez(tmp_path / "x.npz", items=items.tokens, queries=items.tokens, offsets=items.offsets)
    with pytest.raises(FileError, match="call them item_offsets and query_offsets"):
        aw.read_space(tmp_path / "x.npz")


def test_sparse_matrices_of_scipy_are_sides_in_any_form(tmp_path):
    for form in ("csr", "csc", "coo"):
        sparse.save_npz(tmp_path / "i.npz", table().asformat(form))
        sparse.save_npz(tmp_path / "q.npz", table(2).asformat(form))
        (tmp_path / "ids.txt").write_text("\n".join(f"d{i}" for i in range(9)))
        space = aw.read_space(
            items=tmp_path / "i.npz", queries=tmp_path / "q.npz", item_ids=tmp_path / "ids.txt"
        )
        assert (space.items.matrix != table()).nnz == 0
        assert space.items.ids[0] == "d0"


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.list_(pa.float64())),
        pa.list_(pa.list_(pa.float32(), 6)),
        pa.large_list(pa.list_(pa.float16())),
    ],
)
def test_columns_of_lists_of_lists_are_token_vectors(tmp_path, kind):
    cells = [row.astype("f2").tolist() for row in rows()]
    frame = pa.table(
        {
            "id": [f"d{i}" for i in range(9)],
            "tokens": pa.array(cells, kind),
            "title": list("abcdefghi"),
        }
    )
    parquet.write_table(frame, tmp_path / "i.parquet", row_group_size=4)
    items = aw.read_space(items=tmp_path / "i.parquet").items
    assert same_tokens(items, aw.TokenVectors(cells))
    assert items.metadata_columns == ["title"]
    assert items.ids[3] == "d3"


def test_jsonl_lines_hold_lists_of_tokens_too(tmp_path):
    lines = [json.dumps({"id": f"d{i}", "vectors": row.tolist()}) for i, row in enumerate(rows())]
    (tmp_path / "i.jsonl").write_text("\n".join(lines))
    assert same_tokens(aw.read_space(items=tmp_path / "i.jsonl").items, aw.TokenVectors(rows()))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda cells: cells[2][0].__setitem__(1, float("nan")), r"token 0 of '2'"),
        (lambda cells: cells.__setitem__(3, None), r"row 3 .*the list is missing"),
        (lambda cells: cells.__setitem__(3, []), r"row 3 .*there is no token"),
        (lambda cells: cells[4][0].append(1.0), r"row 4 .*token 0: a vector of 7 numbers"),
        (lambda cells: cells[4].__setitem__(0, None), r"row 4 .*token 0: the vector is missing"),
        (lambda cells: cells[4][0].__setitem__(2, None), r"row 4 .*token 0: a number is missing"),
    ],
)
def test_a_column_that_is_damaged_is_refused_by_its_row(tmp_path, damage, words):
    cells = [row.tolist() for row in rows()]
    damage(cells)
    kind = pa.list_(pa.list_(pa.float64()))
    parquet.write_table(pa.table({"tokens": pa.array(cells, kind)}), tmp_path / "i.parquet")
    with pytest.raises(AnglewiseError, match=words) as error:
        aw.read_space(items=tmp_path / "i.parquet")
    assert "i.parquet" in str(error.value)


@pytest.mark.parametrize(
    ("offsets", "words"),
    [
        ([0, 3, 2, 9], "offsets go down after row 1"),
        ([0, 3], "from 0 to 3, and there are"),
        (np.zeros((2, 2)), "2 matrices"),
        ([0.5, 2.0], "whole numbers are due"),
    ],
)
def test_offsets_that_do_not_fit_are_refused_with_their_file(tmp_path, offsets, words):
    np.savez(tmp_path / "i.npz", vectors=np.ones((9, 2)), offsets=np.array(offsets))
    with pytest.raises(AnglewiseError, match=words) as error:
        aw.read_space(items=tmp_path / "i.npz")
    assert "i.npz" in str(error.value)


@pytest.mark.parametrize("kind", ["tokens", "sparse"])
def test_a_file_that_was_cut_off_anywhere_gives_one_message(tmp_path, kind):
    items = tokens() if kind == "tokens" else aw.SparseVectors(table())
    aw.write_space(aw.Space(items=items), tmp_path / "s")
    path = tmp_path / "s/items.parquet"
    whole = path.read_bytes()
    for part in np.linspace(0, len(whole) - 1, 12).astype(int):
        path.write_bytes(whole[:part])
        with pytest.raises(AnglewiseError):
            aw.read_space(tmp_path / "s")


def test_an_index_finds_what_a_search_finds_as_items_come_and_go():
    items = tokens()
    index = aw.Index(items, "maxsim")
    question = rows(1, seed=5)[0]
    nearest = aw.search(aw.Space(items=items, queries=aw.TokenVectors([question])), "maxsim", k=3)
    hits = index.nearest(question, 3)
    assert [hit.id for hit in hits] == items.ids[nearest["maxsim"].indices[0]].tolist()
    assert [hit.score for hit in hits] == nearest["maxsim"].scores[0].tolist()
    assert hits[0].metadata["title"] == f"title {hits[0].id[1:]}"
    index.remove([hits[0].id])
    assert [hit.id for hit in index.nearest(question, 2)] == [hit.id for hit in hits[1:]]
    index.add(aw.TokenVectors([question * 9], ids=["new"], metadata={"title": ["New"]}))
    assert index.nearest(question, 1)[0].id == "new"
    assert len(index.search([question, question[:1]], 2)) == 2
    assert [hit.id for hit in index.nearest(question, 9, where={"year": [1, 2]})].count("d1") == 1
    with pytest.raises(ShapeError):
        index.nearest(np.ones((2, 7)))
    with pytest.raises(IdsError):
        index.add(aw.TokenVectors([question], ids=["new"]))
    with pytest.raises(SpellingError):
        aw.Index(items, "cosine")


def test_an_index_of_sparse_vectors_is_saved_and_read(tmp_path):
    index = aw.Index(aw.SparseVectors(table(), ids=[f"d{i}" for i in range(9)]), "dot")
    index.save(tmp_path / "s")
    again = aw.Index.load(tmp_path / "s")
    assert again.search(table(3), 4) == index.search(table(3), 4)
    again.add(aw.SparseVectors(table(1) * 5, ids=["more"]))
    assert again.nearest(table(1), 1)[0].id == "more"


def test_an_index_of_token_vectors_is_saved_and_read(tmp_path):
    index = aw.Index(tokens(), "maxsim-cosine")
    index.save(tmp_path / "s")
    again = aw.Index.load(tmp_path / "s")
    assert again.measure == "maxsim-cosine"
    assert again.search(rows(2, seed=3), 4) == index.search(rows(2, seed=3), 4)


@pytest.fixture
def folders(tmp_path):
    """A space of token vectors, one of their means and one of words, and who is relevant."""
    count = 40
    items = rows(count, 16)
    rng = np.random.default_rng(3)
    asks = [row + 0.3 * rng.standard_normal(row.shape).astype("f4") for row in items]
    ids, names = [f"d{i:02}" for i in range(count)], [f"q{i:02}" for i in range(count)]
    about = {"title": [f"Title {i}" for i in range(count)]}
    means = [np.stack([row.mean(axis=0) for row in side]) for side in (asks, items)]
    spaces = {
        "colbert": aw.Space(
            items=aw.TokenVectors(items, ids=ids, metadata=about),
            queries=aw.TokenVectors(asks, ids=names),
        ),
        "dense": aw.Space(
            items=aw.Embeddings(means[1], ids), queries=aw.Embeddings(means[0], names)
        ),
        "splade": aw.Space(
            items=aw.SparseVectors(table(count), ids),
            queries=aw.SparseVectors(table(count), names),
        ),
    }
    for name, space in spaces.items():
        aw.write_space(space, tmp_path / name)
    lines = [f"q{i:02} 0 d{i:02} 1" for i in range(count)]
    (tmp_path / "qrels.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_the_commands_search_and_compare_read_such_folders(folders, anglewise):
    found = anglewise(
        "search", folders / "colbert", "--query", "q03", "--measures", "maxsim", "-k", "2"
    )
    assert found.code == 0
    assert "Title 3" in found.out
    usual = anglewise("search", folders / "colbert", "--query", "q03", "--json", "-")
    assert [one["measure"] for one in json.loads(usual.out)["measures"]] == ["maxsim"]
    one = anglewise("compare", folders / "colbert", "--qrels", folders / "qrels.txt", "--json", "-")
    assert [row["measure"] for row in json.loads(one.out)["measures"]] == ["maxsim"]
    several = anglewise(
        "compare",
        "--spaces",
        folders / "dense",
        folders / "colbert",
        folders / "splade",
        "--qrels",
        folders / "qrels.txt",
        "--measures",
        "cosine,maxsim",
        "--json",
        "-",
        "--run-out",
        folders / "runs",
    )
    assert {row["measure"] for row in json.loads(several.out)["measures"]} == {
        "dense: cosine",
        "colbert: maxsim",
        "splade: cosine",
    }
    assert len(list((folders / "runs").iterdir())) == 3


def test_commands_of_dense_vectors_say_what_takes_such_folders(folders, anglewise):
    for words in (
        ["audit", folders / "colbert"],
        ["compare", folders / "colbert", "--qrels", folders / "qrels.txt", "--measures", "dot"],
        ["search", folders / "splade", "--query", "q01", "--measures", "euclidean"],
    ):
        result = anglewise(*words)
        assert result.code == 2
        assert re.search(r"maxsim|ranked by dot and cosine", result.err)
        assert "Traceback" not in result.err
