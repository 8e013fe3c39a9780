"""Vectors of every format come out as the same embeddings, and what was guessed is said."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import good_files
from anglewise import AnglewiseError, Embeddings, Space, read_space, write_space
from anglewise.data_types.columns import column, titles
from anglewise.io.delimited import open_sheet
from anglewise.io.files import contents
from anglewise.io.ids import read_ids
from anglewise.io.read import read_texts
from anglewise.io.side_files import read_side
from good_files import IDS, TITLES, X


def _name(maker):
    return maker.__name__


@pytest.mark.parametrize("maker", good_files.NAMED + good_files.NAMELESS, ids=_name)
def test_every_format_gives_the_same_vectors(maker, tmp_path):
    space = read_space(items=maker(tmp_path))
    assert space.items.vectors.dtype == np.float32
    assert np.array_equal(space.items.vectors, X)
    assert space.one_sided


@pytest.mark.parametrize("maker", good_files.NAMED, ids=_name)
def test_ids_come_along_where_the_format_has_them(maker, tmp_path):
    assert read_space(maker(tmp_path)).items.ids.tolist() == IDS


@pytest.mark.parametrize("maker", good_files.NAMELESS, ids=_name)
def test_rows_without_ids_are_numbered_and_that_is_said(maker, tmp_path):
    said = []
    space = read_space(maker(tmp_path), say=said.append)
    assert space.items.ids.tolist() == ["0", "1", "2", "3", "4"]
    assert any("names no ids" in sentence for sentence in said)


@pytest.mark.parametrize("maker", good_files.TITLED, ids=_name)
def test_other_columns_are_kept_as_metadata(maker, tmp_path):
    items = read_space(maker(tmp_path)).items
    assert items.metadata_columns == ["title"]
    assert column(items, "title") == TITLES
    assert titles(items) == TITLES


def test_texts_stand_in_for_missing_titles_and_are_unread_where_there_are_none():
    class Watched(dict):
        def __getitem__(self, name):
            asked.append(name)
            return super().__getitem__(name)

    asked = []
    about = Watched(text=["x" * 200, None], title=["Alien", None])
    items = Embeddings(np.eye(2), ids=["a", "b"], metadata=about)
    assert titles(items) == ["Alien", "b"]
    assert titles(Embeddings(np.eye(2), metadata={"text": ["x" * 200, "y"]}), 5) == ["xxxx…", "y"]
    asked.clear()
    about["title"] = ["Alien", "Brazil"]
    assert titles(items) == ["Alien", "Brazil"]
    assert asked == ["title"]
    assert titles(Embeddings(np.eye(2), metadata={"year": [1, 2]})) is None
    assert titles(Embeddings(np.eye(2))) is None


def test_metadata_is_read_only_when_asked_for(tmp_path):
    path = good_files.parquet_fixed(tmp_path)
    items = read_space(path).items
    path.unlink()
    assert items.metadata_columns == ["title"]
    with pytest.raises(AnglewiseError, match=r"items\.parquet"):
        column(items, "title")


def test_what_was_guessed_is_said(tmp_path):
    said = []
    read_space(good_files.parquet_fixed(tmp_path), say=said.append)
    assert "took 'emb' as the vectors of items.parquet" in said
    assert "took 'doc_id' as the ids of items.parquet" in said


@pytest.mark.parametrize("make", [good_files.npy, good_files.arrow_stream])
def test_vectors_are_not_copied_from_what_was_read(tmp_path, make):
    vectors = read_space(make(tmp_path)).items.vectors
    assert not vectors.flags.owndata
    assert not vectors.flags.writeable


def test_implicit_factors_are_users_and_items_trained_for_dot(tmp_path):
    path = tmp_path / "model.npz"
    users = np.arange(8.0).reshape(4, 2)
    options = {"regularization": np.array(0.1), "random_state": np.array(None, dtype=object)}
    np.savez(path, user_factors=users, item_factors=np.ones((3, 2)), **options)
    said = []
    space = read_space(path, say=said.append)
    assert np.array_equal(space.queries.vectors, users)
    assert len(space.items) == 3
    assert space.trained_for == "dot"
    assert any("trained for dot" in sentence for sentence in said)
    assert read_space(path, trained_for="cosine").trained_for == "cosine"


def test_one_side_of_a_factor_model_is_not_taken_for_a_two_sided_one(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, user_factors=np.eye(2), item_factors=np.ones((3, 2)))
    assert read_space(items=path).one_sided
    assert len(read_space(items=path, queries=path).queries) == 2


@pytest.mark.parametrize("ending", ["txt", "npy", "csv", "txt.gz"])
def test_ids_are_read_beside_the_vectors(ending, tmp_path):
    ids = tmp_path / f"ids.{ending.removesuffix('.gz')}"
    if ending == "npy":
        np.save(ids, np.array(IDS))
    else:
        ids.write_text("\n".join(IDS) + "\n")
    if ending.endswith(".gz"):
        ids = good_files.packed(ids)
    space = read_space(items=good_files.npy(tmp_path), item_ids=ids)
    assert space.items.ids.tolist() == IDS


@pytest.mark.parametrize(
    "text", ["id\na\nb\n", "a\nb\n", "n,id\n1,a\n2,b\n", "1,a\n", "\ufeffa\nb"]
)
def test_a_table_of_ids_may_have_a_header(text, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text(text)
    if text == "1,a\n":
        with pytest.raises(AnglewiseError, match="2 columns"):
            read_ids(path, 1)
    else:
        assert read_ids(path, 2) == ["a", "b"]


def test_numeric_ids_of_npy_are_text(tmp_path):
    np.save(tmp_path / "ids.npy", np.array([7, 8, 9]))
    assert read_ids(tmp_path / "ids.npy", 3) == ["7", "8", "9"]


def test_a_folder_of_vectors_ids_and_texts_is_a_space(tmp_path):
    good_files.npy(tmp_path)
    np.save(tmp_path / "queries.npy", X[:2])
    (tmp_path / "items.txt").write_text("\n".join(IDS))
    rows = [f'{{"_id": "{i}", "title": "{t}"}}' for i, t in zip(IDS, TITLES, strict=True)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(reversed(rows)))
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "T"}\n{"_id": "q2"}\n')
    good_files.packed(tmp_path / "corpus.jsonl")
    space = read_space(tmp_path)
    assert space.items.ids.tolist() == IDS
    assert titles(space.items) == TITLES
    assert space.queries.ids.tolist() == ["q1", "q2"]  # in the order of queries.jsonl
    assert titles(space.queries) == ["T", "q2"]


def test_texts_line_up_by_id_whatever_their_order(tmp_path):
    path = tmp_path / "movies.csv"
    path.write_text("item_id,title\nc,Cube\na,Alien\n")
    said = []
    assert read_texts(path, ["a", "b", "c"], say=said.append) == {"title": ["Alien", None, "Cube"]}
    assert said == ["movies.csv says nothing about 1 of 3 ids"]


def test_bfloat16_is_the_upper_half_of_float32(tmp_path):
    import json
    import struct

    header = json.dumps({"x": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    numbers = np.array([1.0, -2.0, 0.5, 3.0], dtype="<f4")
    upper = (numbers.view("<u4") >> 16).astype("<u2").tobytes()
    path = tmp_path / "items.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + upper)
    assert read_space(path).items.vectors.tolist() == [[1.0, -2.0], [0.5, 3.0]]


def test_words_may_hold_blanks_and_letters_of_any_script(tmp_path):
    path = tmp_path / "words.vec"
    path.write_text("2 2\nNew York 1 2\ndía 3 4\n", encoding="utf-8")
    assert read_space(path).items.ids.tolist() == ["New York", "día"]


def test_columns_are_named_where_they_are_not_conventional(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "odd.parquet"
    columns = {"first": [[1.0], [2.0]], "second": [[3.0], [4.0]], "code": ["x", "y"]}
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(AnglewiseError, match="first, second"):
        read_space(path)
    items = read_space(path, vector_column="second", id_column="code").items
    assert items.vectors.tolist() == [[3.0], [4.0]]
    assert items.ids.tolist() == ["x", "y"]
    with pytest.raises(AnglewiseError, match="no column 'third'"):
        read_space(path, vector_column="third")


def test_a_packed_file_is_known_by_its_bytes_and_not_by_its_name(tmp_path):
    path = good_files.npy(tmp_path)
    whole = path.read_bytes()
    renamed = good_files.packed(path).rename(tmp_path / "items.npy")
    assert contents(renamed) == whole
    assert np.array_equal(read_space(renamed).items.vectors, X)


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
@pytest.mark.parametrize("twice", ["title", "id", "vector"])
def test_two_columns_of_one_name_beside_vectors_are_refused(twice, ending, tmp_path):
    columns = {"id": ["a", "b"], "vector": [[1.0, 0.0], [0.0, 1.0]], "title": ["x", "y"]}
    names = [*columns, twice]
    cells = [pa.array(columns[name]) for name in columns] + [pa.array(["other", "words"])]
    table = pa.Table.from_arrays(cells, names=names)
    path = tmp_path / f"items.{ending}"
    if ending == "parquet":
        parquet.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table)
    with pytest.raises(AnglewiseError, match=rf"2 columns called '{twice}'"):
        read_space(path)


def test_two_columns_of_one_name_in_a_space_are_refused(tmp_path):
    items = Embeddings(np.eye(2), ["a", "b"], {"title": ["x", "y"]})
    write_space(Space(items=items), tmp_path / "space")
    path = tmp_path / "space" / "items.parquet"
    table = parquet.read_table(path)
    parquet.write_table(table.append_column("title", pa.array(["v", "w"])), path)
    with pytest.raises(AnglewiseError, match="2 columns called 'title'"):
        read_side(path)


@pytest.mark.parametrize("end", ["", "\n1,2\n"])
def test_a_first_line_that_does_not_end_is_refused(end, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("id," + ",".join(f"column{n}" for n in range(200_000)) + end)
    with pytest.raises(AnglewiseError, match="first line of more than 1,048,576 bytes"):
        read_texts(path, ["a"])


def test_a_first_line_ends_where_it_ends_and_long_tables_are_read(tmp_path):
    path = tmp_path / "items.csv"
    longest = "i" + ",c" * ((1 << 19) - 1)
    for first, width in (("id,title", 2), (longest, 1 << 19), ("\n" * 999 + "id,title", 2)):
        path.write_text(first + "\na,x\n" + "b,y\n" * 300_000)
        assert len(open_sheet(path).names) == width


@pytest.mark.parametrize(
    "name", ["../data-0.arrow", "/etc/passwd", "sub/x.arrow", "", ".", "..", "a\\b"]
)
def test_a_saved_data_set_names_files_of_its_folder_alone(name, tmp_path):
    folder = good_files.saved_dataset(tmp_path)
    (tmp_path / "data-0.arrow").write_bytes((folder / "data-0.arrow").read_bytes())
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(AnglewiseError, match="a part outside of itself"):
        read_space(items=folder)
