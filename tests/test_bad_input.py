"""Bad input ends in one clear message: the file, the row where there is one, what to do."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import good_files
from anglewise import (
    AnglewiseError,
    Embeddings,
    Space,
    read_interactions,
    read_judgements,
    read_pairs,
    read_space,
    read_triplets,
    write_space,
)
from anglewise.data_types.conversion import check_held
from anglewise.io.ids import read_ids
from anglewise.io.judgement_formats import read_judged, write_rejects
from anglewise.io.judgement_rows import Reject
from anglewise.io.texts import text_ids

ITEMS = Space(items=Embeddings(np.eye(5), good_files.IDS))


def _says(message, read, *args, **options):
    """It raises our own error alone, whose message is one line that says this."""
    with pytest.raises(AnglewiseError, match=message) as raised:
        read(*args, **options)
    text = str(raised.value)
    assert "\n" not in text
    assert len(text) < 1000
    return text


def _file(folder, content, name):
    path = folder / name
    if isinstance(content, str):
        path.write_text(content)
    else:
        path.write_bytes(content)
    return path


def _parquet(folder, **columns):
    path = folder / "items.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


EMPTY = ["x.npy", "x.npz", "x.parquet", "x.feather", "x.arrow", "x.jsonl", "x.safetensors"]
EMPTY += ["x.vec", "x.bin", "x.txt"]


@pytest.mark.parametrize("name", EMPTY)
def test_empty_files_of_vectors(name, tmp_path):
    path = _file(tmp_path, b"", name)
    assert str(path) in _says("is empty", read_space, path)


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.inter", "x.npz", "x.parquet", "x.csv.gz"])
def test_empty_interactions(name, tmp_path):
    path = _file(tmp_path, b"", name.removesuffix(".gz"))
    if name.endswith(".gz"):
        path = good_files.packed(path)
    assert str(path) in _says("is empty", read_interactions, path)


@pytest.mark.parametrize("text", ["user_id,item_id\n", "\n\n\n", "user_id,item_id"])
def test_interactions_without_rows(text, tmp_path):
    _says("no rows|no lines", read_interactions, _file(tmp_path, text, "x.csv"))


@pytest.mark.parametrize("read", [read_judgements, read_pairs, read_triplets])
def test_empty_judgements(read, tmp_path):
    _says("is empty", read, _file(tmp_path, b"", "x.csv"), ITEMS)


def test_tables_without_rows(tmp_path):
    path = _parquet(
        tmp_path, id=pa.array([], pa.string()), vector=pa.array([], pa.list_(pa.float32()))
    )
    _says("no rows", read_space, path)
    np.save(tmp_path / "x.npy", np.zeros((0, 3)))
    _says("at least one row", read_space, tmp_path / "x.npy")


def test_one_vector_leaves_nothing_to_rank(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((1, 3)))
    _says(r"x\.npy: holds one vector of 3 numbers", read_space, tmp_path / "x.npy")


def test_one_question_may_be_asked(tmp_path):
    np.save(tmp_path / "q.npy", np.ones((1, 3)))
    path = good_files.npy(tmp_path)
    assert len(read_space(queries=tmp_path / "q.npy", items=path).queries) == 1


@pytest.mark.parametrize("name", ["itms.npy", "Items.npy", "items.np"])
def test_a_missing_file_names_those_like_it(name, tmp_path):
    good_files.npy(tmp_path)
    _says(r"does not exist: did you mean items\.npy", read_space, items=tmp_path / name)


def test_a_missing_folder_is_told_from_a_missing_file(tmp_path):
    _says("nor does the folder", read_space, items=tmp_path / "no" / "x.npy")
    good_files.npy(tmp_path)
    _says("is a file, not a folder", read_space, items=tmp_path / "items.npy" / "x.npy")
    _says("does not exist", read_space, tmp_path / "movies")
    _says("cannot be looked up", read_space, tmp_path / ("x" * 300))


def test_a_folder_where_a_file_is_due(tmp_path):
    (tmp_path / "x.npy").mkdir()
    _says("is a folder where a file is due", read_space, items=tmp_path / "x.npy")
    _says("is a folder where a file is due", read_interactions, tmp_path)
    _says("no qrels", read_judgements, tmp_path, ITEMS)
    _says("is a folder", read_space, items=good_files.npy(tmp_path), item_ids=tmp_path)


def test_a_folder_without_vectors_says_what_is_due(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1"}')
    _says(r"vectors such as items\.npy .* it holds corpus\.jsonl", read_space, tmp_path)


def test_a_wrong_ending(tmp_path):
    path = _file(tmp_path, "a,1,2\n", "items.csv")
    _says(r"items\.csv: no column holds lists of numbers", read_space, path)
    path = _file(tmp_path, "a,1,2\n", "items.doc")
    _says(r"not read from \.doc, but from \.arrow", read_space, path)
    path = _file(tmp_path, "a,1,2\n", "items.npy")
    _says("no npy file", read_space, path)
    path = _file(tmp_path, "a,1,2\n", "items.npz")
    _says("no npz file", read_space, path)
    path = good_files.npy(tmp_path).rename(tmp_path / "items.parquet")
    _says(r"items\.parquet cannot be read as parquet", read_space, path)
    path = good_files.npz(tmp_path).rename(tmp_path / "ratings.csv")
    _says(r"ratings\.csv", read_interactions, path)


def test_pickles_are_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    np.save(tmp_path / "x.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "x.npz", items=np.array([Trap()], dtype=object))
    _says("pickled Python objects, which are never read", read_space, tmp_path / "x.npy")
    _says("holds no matrix", read_space, tmp_path / "x.npz")
    ids = tmp_path / "x.npy"
    _says("pickled", read_space, items=good_files.npy(tmp_path), item_ids=ids)
    _says("pickled", read_space, good_files.packed(ids))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array([[1, np.nan], [1, 1]]), r"x\.npy: row 0 holds NaN"),
        (np.array([[1, 1], [np.inf, 1]]), r"x\.npy: row 1 holds NaN, infinity"),
        (np.array([[1, 1], [1e300, 1]]), "beyond float32"),
        (np.zeros((3, 2)), r"x\.npy: every number is zero"),
        (np.array([["a", "b"]]), "real numbers are due"),
        (np.array([[1j, 2]]), "complex"),
        (np.array([1.0, 2.0]), "rows x dimensions"),
        (np.array(1.0), "rows x dimensions"),
        (np.zeros((2, 2, 2)), "rows x dimensions"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "real numbers"),
    ],
)
def test_arrays_that_are_no_vectors(array, says, tmp_path):
    np.save(tmp_path / "x.npy", array)
    assert "x.npy" in _says(says, read_space, tmp_path / "x.npy")


def test_dimensions_that_differ_name_both_files(tmp_path):
    np.save(tmp_path / "q.npy", np.ones((2, 4)))
    path = good_files.npy(tmp_path)
    _says(
        r"q\.npy and .*items\.npy: queries have 4 columns, items 3: take both from one model",
        read_space,
        queries=tmp_path / "q.npy",
        items=path,
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"emb": [[1.0, 2.0], [3.0]]}, r"row 1 .*a vector of 1 numbers where the first one has 2"),
        ({"emb": [[1.0, 2.0], None]}, r"row 1 .*the vector is missing"),
        ({"emb": [[1.0, 2.0], [3.0, None]]}, r"row 1 .*a number is missing"),
        ({"emb": [[1.0, 2.0], [3.0, float("nan")]]}, "row 1 holds NaN"),
        ({"emb": [["1", "2"], ["3", "4"]]}, r"no column holds lists of numbers, but emb \(list"),
        ({"emb": ["1 2", "3 4"]}, r"no column holds lists of numbers, but emb \(string\)"),
        ({"emb": ["[1, 2]", "[3, x]"]}, r"row 1 .*'\[3, x\]' is no vector"),
        ({"emb": ["[1, 2]", "[3]"]}, r"row 1 .*a vector of 1 numbers where the first one has 2"),
        ({"emb": ["[1, 2]", None]}, r"row 1 .*the vector is missing"),
        ({"emb": [[[[1.0]]], [[[2.0]]]]}, "no column holds lists of numbers"),
        ({"emb": [[], []]}, "no column holds lists|at least one row"),
        ({"id": ["a", "a"], "emb": [[1.0], [2.0]]}, r"'a'\): make ids unique"),
        ({"id": ["a", None], "emb": [[1.0], [2.0]]}, r"row 1 .*the id in 'id' is empty"),
        ({"id": ["a", " "], "emb": [[1.0], [2.0]]}, r"row 1 .*the id in 'id' is empty"),
        ({"id": [1.0, float("nan")], "emb": [[1.0], [2.0]]}, r"row 1 .*the id in 'id' is empty"),
        ({"emb": [[0.0], [0.0]]}, "every number is zero"),
    ],
)
def test_tables_that_are_no_vectors(columns, says, tmp_path):
    assert "items.parquet" in _says(says, read_space, _parquet(tmp_path, **columns))


def test_a_column_of_text_named_as_vectors(tmp_path):
    path = _parquet(tmp_path, emb=[["1"], ["2"]])
    _says("numbers are due, not text", read_space, path, vector_column="emb")
    path = _parquet(tmp_path, emb=["1", "2"])
    _says("holds text that is no vector", read_space, path, vector_column="emb")


def test_ids_that_do_not_fit_the_vectors(tmp_path):
    path = good_files.npy(tmp_path)
    for content, says in [
        ("a\nb\n", r"ids\.txt holds 2 ids for 5 vectors"),
        ("a\nb\nc\nd\nd\n", "make ids unique"),
        ("a\n\nc\nd\ne\n", "line 2 is empty"),
    ]:
        ids = _file(tmp_path, content, "ids.txt")
        _says(says, read_space, items=path, item_ids=ids)
    for ids in (np.ones((5, 2), dtype=int), np.ones(5)):
        np.save(tmp_path / "ids.npy", ids)
        _says("one-dimensional", read_space, items=path, item_ids=tmp_path / "ids.npy")
    ids = _file(tmp_path, b"\xff\xfe\x00", "ids.txt")
    _says(r"ids\.txt", read_space, items=path, item_ids=ids)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("3 2\na 1 2\nb 3 x\nc 5 6\n", r"line 3: 'x' where a number is due"),
        ("3 2\na 1 2\nb 3\nc 5 6\n", "line 3: 1 numbers where 2 are due"),
        ("3 2\na 1 2\nb 3 4\n", "says that it holds 3 vectors and holds 2: it may be truncated"),
        ("a 1 2\nb 3 4\nb 5 6\n", "make ids unique"),
        ("a 1 nan\nb 3 4\n", "row 0 holds NaN"),
        ("a\t1e308\nb\t4\n", "row 0 holds .* a number beyond float32"),
        ("0 5\n", "says that it holds 0 vectors"),
        ("hello\nworld\n", "is no word2vec file"),
        ("a 0 0\nb 0 0\n", "every number is zero"),
    ],
)
def test_word2vec_text_that_breaks(content, says, tmp_path):
    path = _file(tmp_path, content, "words.vec")
    assert "words.vec" in _says(says, read_space, path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"9 300\nabc \x00\x01\x02", "too short .*truncated"),
        (b"99999999999 300\nabc \x00\x01\x02", "too short .*truncated"),
        (b"2 2\n" + b"\xffab \x01\x02\x03\x04\x05\x06\x07\x08" * 3, "word of vector 0"),
        (bytes(range(256)), "is no word2vec file"),
    ],
)
def test_word2vec_binary_that_breaks(content, says, tmp_path):
    path = _file(tmp_path, content, "words.bin")
    assert "words.bin" in _says(says, read_space, path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("user_id,item_id,rating\nu,i,4\nu,j,four\n", r"line 3: 'four' in 'rating'"),
        ("user_id,item_id,rating\nu,i,4\nu,j,\n", r"line 3: '' in 'rating'"),
        ("user_id,item_id,rating\nu,i,4\nu,j,nan\n", r"line 3: 'nan' in 'rating'"),
        ("user_id,item_id,rating\n\nu,i,4\n\nu,j,inf\n", r"line 5: 'inf' in 'rating'"),
        ("user_id,item_id,rating\nu,i,4\nu,j,\u0663\n", r"line 3: '\u0663' in 'rating'"),
        ("user_id,item_id,rating\nu,i,4\nu,j,\uff11\nu,k,x\n", r"line 3: '\uff11' in 'rating'"),
        ("user_id,item_id,rating\nu,i,4\n,j,5\n", r"line 3: the id in 'user_id' is empty"),
        ("user_id,item_id,rating\nu,i,4\nu,j\n", r"line 3: 2 columns where the first line has 3"),
        ("user_id,item_id,rating\nu,i,4\nu,j,5,6\n", r"line 3: 4 columns"),
        ('user_id,item_id,rating\n"u\nv",i,4\nu,j,x\n', r"line 4: 'x' in 'rating'"),
        ("a,b,c\nu,i,4\n", "which column holds the users among a, b, c; name it: user="),
        ("1,2,3,4,5\n", "no header and 5 columns"),
        ("just some words\nand more\n", "which column holds the users"),
        ("user_id,item_id,time\nu,i,noon\n", "nobody asked"),
    ],
)
def test_interactions_that_break(text, says, tmp_path):
    path = _file(tmp_path, text, "ratings.csv")
    if says == "nobody asked":
        said = []
        assert read_interactions(path, say=said.append).times is None
        assert says in said[-1]
        _says("like 2024-05-01", read_interactions, path, time="time")
    else:
        assert "ratings.csv" in _says(says, read_interactions, path)


def test_the_first_text_that_is_no_number_is_named_beside_holes(tmp_path):
    path = tmp_path / "ratings.parquet"
    columns = {"user": ["u"] * 4, "item": list("abcd"), "rating": ["1", None, "two", "three"]}
    parquet.write_table(pa.table(columns), path)
    _says(r"row 2 \(the first is 0\): 'two' in 'rating'", read_interactions, path)


def test_biases_and_counts_of_a_model_that_are_no_numbers(tmp_path):
    sides = {"user_embeddings": np.eye(3), "item_embeddings": np.eye(3)}
    days = np.zeros(3, "M8[D]")
    np.savez(tmp_path / "days.npz", **sides, user_biases=days, item_biases=days)
    _says(r"days\.npz: user biases are of kind datetime64", read_space, tmp_path / "days.npz")
    factors = {"user_factors": np.eye(3), "item_factors": np.eye(3), "factors": np.array(2 + 1j)}
    np.savez(tmp_path / "count.npz", **factors)
    assert "bias_columns" not in read_space(tmp_path / "count.npz").about


def test_headers_of_old_numpy_are_read_without_a_word(tmp_path):
    old = good_files.npy(tmp_path).read_bytes().replace(b"(5, 3)", b"(5L,3)")
    (tmp_path / "old.npy").write_bytes(old)
    assert len(read_space(tmp_path / "old.npy").items) == 5


def test_refused_rows_are_written_whatever_letters_they_hold(tmp_path):
    bad = Reject("card \udcff", "no grade \ud800", "write one", "{\udcff}")
    write_rejects(tmp_path / "bad.csv", (bad,))
    assert "card \\udcff,no grade \\ud800," in (tmp_path / "bad.csv").read_text(encoding="utf-8")


def test_empty_lines_before_qrels_change_nothing(tmp_path):
    path = _file(tmp_path, "\n" * 25 + "q1 0 a 2\n", "qrels.txt")
    assert [one.item_id for one in read_judged(path).judged] == ["a"]


def test_text_in_another_encoding_names_the_line(tmp_path):
    text = "user_id,item_id\nu,i\nu,café\n"
    path = _file(tmp_path, text.encode("latin-1"), "ratings.csv")
    _says("line 3: not UTF-8; convert it", read_interactions, path)
    path = _file(tmp_path, text.encode("utf-16-le"), "ratings.csv")
    _says(r"ratings\.csv", read_interactions, path)


def test_a_column_that_is_not_there(tmp_path):
    path = good_files.csv(tmp_path)
    _says(
        "no column 'reader' for the users: its columns are", read_interactions, path, user="reader"
    )
    path = good_files.csv_without_header(tmp_path)
    _says("has no header: add one", read_interactions, path, user="userId")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"x": np.eye(2)}, "no sparse matrix"),
        ({"format": b"dia", "shape": [2, 2], "data": [1.0]}, "dia form: save it as csr"),
        ({"format": b"csr", "shape": [2, 2], "data": [1.0]}, "cannot be read as a sparse matrix"),
        (
            {"format": b"csr", "shape": [2, 2], "data": [1.0], "indices": [5], "indptr": [0, 1, 1]},
            "do not fit a 2 x 2 matrix",
        ),
        (
            {"format": b"coo", "shape": [2, 2], "data": [1.0], "row": [1], "col": [2]},
            "do not fit a 2 x 2 matrix",
        ),
        (
            {"format": b"coo", "shape": [2, 2], "data": [1.0], "row": [2], "col": [1]},
            "do not fit a 2 x 2 matrix",
        ),
        (
            {"format": b"csr", "shape": [2, 2], "data": [1.0], "indices": [1], "indptr": [0, 1]},
            "2 row ends",
        ),
        (
            {"format": b"coo", "shape": [2, 2], "data": [np.nan], "row": [1], "col": [1]},
            "NaN or infinite",
        ),
        (
            {"format": b"coo", "shape": [2, 2], "data": [], "row": [], "col": []},
            "no interactions",
        ),
        (
            {"format": b"coo", "shape": [2, 2], "data": [1 + 2j], "row": [1], "col": [1]},
            "'data' holds complex128 of shape .* a list of real numbers is due",
        ),
        (
            {"format": b"coo", "shape": [2, 2j], "data": [1.0], "row": [1], "col": [1]},
            "'shape' holds complex128",
        ),
        (
            {"format": b"coo", "shape": [2, 2], "data": [1.0], "row": [[1]], "col": [1]},
            r"'row' holds int64 of shape \(1, 1\), where a list of whole numbers is due",
        ),
        (
            {"format": b"coo", "shape": [2, 2], "data": [1.0], "row": [0.5], "col": [1]},
            "'row' holds float64",
        ),
    ],
)
def test_sparse_matrices_that_break(parts, says, tmp_path):
    np.savez(tmp_path / "x.npz", **{k: np.array(v) for k, v in parts.items()})
    _says(says, read_interactions, tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"_id": "a"}\n{"_id": \n', "line 2: no JSON"),
        ('{"_id": "a"}\n[1]\n', 'line 2: an object with "_id" is due'),
        ('{"title": "a"}\n', 'line 1: an object with "_id" is due'),
        ('{"_id": "zz"}\n', "knows none of the ids: it has zz; wanted are a, b, c"),
        ("\n", "no rows"),
    ],
)
def test_texts_that_break(text, says, tmp_path):
    path = _file(tmp_path, text, "corpus.jsonl")
    items = good_files.word2vec_text(tmp_path)
    assert "corpus.jsonl" in _says(says, read_space, items=items, item_texts=path)


def test_options_that_contradict(tmp_path):
    path = good_files.npy(tmp_path)
    _says("no items", read_space)
    _says("not both", read_space, path, items=path)
    _says("no queries", read_space, items=path, query_ids=path)
    write_space(ITEMS, tmp_path / "s")
    _says("ids and texts of its own", read_space, tmp_path / "s", item_ids=path)
    _says("ids and texts of its own", read_space, tmp_path / "s", query_texts=path)


def test_an_unknown_training_loss(tmp_path):
    """In a process of its own: here the types are checked before the function is entered."""
    code = f"from anglewise.io.read import read_space; read_space('{tmp_path}', trained_for='l3')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "SpellingError: trained_for is 'l3': known are dot, cosine" in run.stderr


def test_saved_datasets_that_break(tmp_path):
    folder = good_files.saved_dataset(tmp_path)
    (folder / "data-1.arrow").unlink()
    _says(r"data-1\.arrow does not exist: did you mean data-0", read_space, folder)
    (folder / "state.json").write_text("{")
    _says(r"state\.json cannot be read", read_space, folder)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    _says("holds the splits train, test", read_space, folder)


def test_bad_descriptions_of_a_space(tmp_path):
    bad = ['{"format": "x"}', '{"format": 1, "trained_for": "l1"}', '{"format": 1, "about": 3}']
    for text in ("", "[]", "{", "null", '{"format": null}', *bad):
        (tmp_path / "space.json").write_text(text)
        _says(r"space\.json", read_space, tmp_path)
    (tmp_path / "space.json").write_text('{"format": 1}')
    _says(r"items\.parquet does not exist", read_space, tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("about", "bias_columns"), [3]),
        (("about", "bias_columns"), [-1]),
        (("about", "bias_columns"), ["1"]),
        (("about", "bias_columns"), 1),
        (("about", "bias_columns"), [True]),
        (("about", "penalty"), "much"),
        (("about", "penalty"), 10**400),
        (("about", "penalty"), [1]),
        (("judgements", "queries-items", "complaints", "duplicates"), {"a": 1}),
        (("judgements", "queries-items", "complaints", "dropped"), -1),
        (("judgements", "queries-items", "complaints", "dropped"), "2"),
        (("judgements", "queries-items", "complaints", "unknown_items"), "abc"),
        (("judgements", "queries-items", "complaints", "unknown_queries"), [1]),
        (("judgements", "queries-items", "complaints", "more"), 1),
        (("judgements", "queries-items", "complaints"), []),
        (("judgements", "queries-items"), 7),
    ],
)
def test_a_description_of_other_kinds_is_refused_where_it_is_read(tmp_path, place, value):
    asked, ranked = (Embeddings(np.eye(3), ids) for ids in (["q1", "q2", "q3"], ["a", "b", "c"]))
    space = Space(queries=asked, items=ranked, about={"objective": "factors"})
    judged = read_judgements(good_files.trec(tmp_path), space)
    write_space(space, tmp_path / "s", judgements={"queries-items": judged})
    file = tmp_path / "s" / "space.json"
    told = json.loads(file.read_text())
    inside = told
    for name in place[:-1]:
        inside = inside[name]
    inside[place[-1]] = value
    file.write_text(json.dumps(told))
    if place[0] == "about":
        _says(rf"space\.json .*{place[1]}|too long", read_space, tmp_path / "s")
    else:
        _says(r"space\.json", read_judgements, tmp_path / "s", space)


def test_the_chosen_library_is_missing(tmp_path, monkeypatch):
    path = good_files.safetensors(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    _says(r"pip install 'anglewise\[safetensors\]'", read_space, path)


def test_what_may_not_be_read_or_written(tmp_path):
    """In a process that gives up its rights: root may do anything."""
    good_files.npy(tmp_path).chmod(0)
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "x.npy").touch()
    (tmp_path / "closed").chmod(0)
    code = """
import os
from anglewise import Embeddings, Space
from anglewise.errors import FileError
from anglewise.io.outputs import write_text
from anglewise import read_space
from anglewise import write_space

space = Space(items=Embeddings([[1.0], [2.0]]))
write_space(space, "open/s")
os.chmod("open", 0o555)
if os.getuid() == 0:
    os.setuid(65534)
for act in (
    lambda: read_space("items.npy"),
    lambda: read_space("closed/x.npy"),
    lambda: write_space(space, "open/s"),
    lambda: write_space(space, "open/t"),
    lambda: write_text("open/out.json", "x"),
):
    try:
        act()
    except FileError as error:
        print(error)
"""
    (tmp_path / "open").mkdir()
    tmp_path.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    (tmp_path / "closed").chmod(0o700)
    (tmp_path / "open").chmod(0o700)
    lines = run.stdout.splitlines()
    assert len(lines) == 5, run.stderr
    assert lines[0] == "items.npy may not be read: mend its permissions"
    assert lines[1].startswith("closed/x.npy cannot be looked up")
    for line in lines[2:]:
        assert "could not be written: no permission to write there" in line
    assert sorted(p.name for p in (tmp_path / "open").iterdir()) == ["s"]


@pytest.mark.parametrize(
    "written",
    ["null", "true", '["a"]', "{}", "1.5", "9007199254740993.0", "12345678901234567890.0", "1e400"],
)
def test_what_is_no_id_in_json_lines_is_refused(tmp_path, written):
    path = _file(tmp_path, '{"_id": "x", "text": "a"}\n{"_id": %s}\n' % written, "corpus.jsonl")  # noqa: UP031
    _says("line 2: the id is .* text or whole numbers", text_ids, path)


def test_whole_numbers_in_json_lines_keep_all_digits(tmp_path):
    text = '{"_id": 12345678901234567890123}\n{"_id": "007"}\n{"_id": 7}\n{"_id": 2.0}\n'
    path = _file(tmp_path, text, "corpus.jsonl")
    assert text_ids(path) == ["12345678901234567890123", "007", "7", "2"]


@pytest.mark.parametrize(
    ("ids", "says"), [([True, False], "true and false"), ([1.0, 2.0**53], "last digits")]
)
def test_what_is_no_id_in_a_table_is_refused(tmp_path, ids, says):
    path = tmp_path / "ids.parquet"
    parquet.write_table(pa.table({"id": ids}), path)
    _says(says, read_ids, path, 2)


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.list_(pa.float64(), 0)])
def test_vectors_of_no_number_are_refused(tmp_path, kind):
    table = {"id": ["a", "b"], "vector": pa.array([[], []], kind)}
    for name in ("items", "queries"):
        parquet.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    _says("at least one row and one column|size=0", read_space, tmp_path / "items.parquet")
    held = np.zeros((2, 0), np.float32)
    check_held(held.astype(np.float64), held)
