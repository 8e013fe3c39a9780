"""Interactions in the shapes that people have: what is told, what is asked about, what is said."""

import gzip
import json

import numpy as np
import pytest
from scipy.io import mmwrite, savemat
from scipy.sparse import coo_array, csr_array, save_npz

from anglewise import read_interactions
from anglewise.errors import AnglewiseError, FileError, SpellingError, ValuesError
from cli_run import anglewise, refused

__all__ = ["anglewise"]

DENSE = np.array([[1, 0, 3], [0, 2, 0], [4, 0, 0], [0, 5, 6]], dtype=float)


def _file(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _pairs(found):
    return {
        (found.user_ids[u], found.item_ids[i]): float(w)
        for u, i, w in zip(found.users, found.items, found.weights, strict=True)
    }


MATRIX_PAIRS = {(str(u), str(i)): DENSE[u, i] for u, i in zip(*np.nonzero(DENSE), strict=True)}


@pytest.mark.parametrize("stored", [coo_array(DENSE), DENSE])
@pytest.mark.parametrize("packed", [False, True])
def test_matrix_market_is_read_as_scipy_has_it(tmp_path, stored, packed):
    mmwrite(tmp_path / "m.mtx", stored)
    path = tmp_path / "m.mtx"
    if packed:
        path = tmp_path / "m.mtx.gz"
        path.write_bytes(gzip.compress((tmp_path / "m.mtx").read_bytes()))
    said = []
    assert _pairs(read_interactions(path, say=said.append)) == MATRIX_PAIRS
    assert "4 rows are users and its 3 columns items" in said[0]


@pytest.mark.parametrize("stored", [csr_array(DENSE), DENSE])
@pytest.mark.parametrize("packed", [False, True])
def test_mat_files_are_read_as_scipy_has_them(tmp_path, stored, packed):
    savemat(tmp_path / "m.mat", {"X": stored, "n": 3.0, "title": "x"}, do_compression=packed)
    assert _pairs(read_interactions(tmp_path / "m.mat")) == MATRIX_PAIRS


def test_a_mat_file_of_several_matrices_is_asked_about(tmp_path):
    savemat(tmp_path / "m.mat", {"X": DENSE, "Y": DENSE})
    with pytest.raises(FileError, match=r"holds 2 matrices \(X, Y\)"):
        read_interactions(tmp_path / "m.mat")


def test_mat_of_version_7_3_is_named(tmp_path):
    (tmp_path / "m.mat").write_bytes(b"MATLAB 7.3 MAT-file" + b" " * 200)
    with pytest.raises(FileError, match=r"7\.3: save it with -v7"):
        read_interactions(tmp_path / "m.mat")


@pytest.mark.parametrize(
    "text",
    [
        "%%MatrixMarket matrix coordinate real general\n4 3 999999999\n1 1 2\n",
        "%%MatrixMarket matrix array real general\n400000000 300000000\n1\n",
        "%%MatrixMarket matrix coordinate real general\n4 3 1\n9 9 2\n",
        "%%MatrixMarket matrix coordinate complex general\n4 3 1\n1 1 2 3\n",
        "%%MatrixMarket nonsense\n",
    ],
)
def test_matrix_market_that_breaks_is_refused(tmp_path, text):
    with pytest.raises(AnglewiseError, match=r"m\.mtx"):
        read_interactions(_file(tmp_path, "m.mtx", text))


@pytest.mark.parametrize("end", ["1 1 1\x80", "1 1 1\0", "%\0\n1 1 1", "1 1 one", "1 1 nan"])
def test_matrix_market_with_what_is_no_number_ends_no_program(tmp_path, end):
    text = "%%MatrixMarket matrix coordinate real general\n% ünd\n4 3 8\n" + end
    with pytest.raises(ValuesError, match=r"m\.mtx, line 4: .*numbers of MatrixMarket are due"):
        read_interactions(_file(tmp_path, "m.mtx", text))


@pytest.mark.parametrize(("form", "text"), [("baskets", " \n"), ("wide", "user_id\nann\n")])
def test_what_holds_no_items_is_refused(tmp_path, form, text):
    with pytest.raises(FileError):
        read_interactions(_file(tmp_path, "x.csv", text), format=form)


def test_a_mat_file_on_which_scipy_breaks_ends_no_program(tmp_path, monkeypatch):
    savemat(tmp_path / "m.mat", {"X": DENSE})
    monkeypatch.setattr("anglewise.io.matlab_process.CODE", "import os; os.abort()")
    with pytest.raises(FileError, match=r"m\.mat cannot be read .*SciPy breaks on it"):
        read_interactions(tmp_path / "m.mat")


def test_mat_that_breaks_is_refused(tmp_path):
    savemat(tmp_path / "m.mat", {"X": DENSE}, do_compression=True)
    whole = (tmp_path / "m.mat").read_bytes()
    for length in (60, 130, len(whole) - 5):
        (tmp_path / "m.mat").write_bytes(whole[:length])
        with pytest.raises(AnglewiseError, match=r"m\.mat"):
            read_interactions(tmp_path / "m.mat")


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_a_sparse_matrix_has_no_zeros_and_sums_what_repeats(tmp_path, kind):
    table = coo_array(([2.0, 3.0, 0.0, 1.0, -1.0], ([0, 0, 0, 1, 2], [0, 0, 1, 1, 0])), (3, 2))
    if kind != "coo":
        table = table.asformat(kind)
    save_npz(tmp_path / "m.npz", table)
    due = {("0", "0"): 5.0, ("1", "1"): 1.0, ("2", "0"): -1.0}
    assert _pairs(read_interactions(tmp_path / "m.npz")) == due
    assert _pairs(read_interactions(table)) == due


LIBSVM = "0 1:1 18:2.5\n1 3:1 8:-1\n2 1:0 4:1\n"


def test_libsvm_rows_are_users_and_zeros_no_entries(tmp_path):
    said = []
    found = read_interactions(_file(tmp_path, "x.txt", LIBSVM), say=said.append)
    assert _pairs(found) == {
        ("0", "1"): 1,
        ("0", "18"): 2.5,
        ("1", "3"): 1,
        ("1", "8"): -1,
        ("2", "4"): 1,
    }
    assert "named by the first cell, which never repeats" in said[0]
    assert "1 zero left out" in said[0]


def test_libsvm_labels_that_repeat_name_no_users(tmp_path):
    said = []
    path = _file(tmp_path, "x.txt", "1 1:1\n0 1:1 2:1\n1 2:1\n")
    found = read_interactions(path, say=said.append)
    assert found.user_ids.tolist() == ["0", "1", "2"]
    assert "a label, repeats and is not read" in said[0]


def test_netflix_blocks_name_items_users_ratings_and_dates(tmp_path):
    text = "29:\n1000,4,2005-09-06\n1004,2,2005-09-07\n31:\n1000,1,2005-09-08\n"
    found = read_interactions(_file(tmp_path, "combined.txt", text))
    assert _pairs(found) == {("1000", "29"): 4, ("1000", "31"): 1, ("1004", "29"): 2}
    assert sorted(np.diff(np.sort(found.times))) == [86400, 86400]
    broken = _file(tmp_path, "b.txt", "29:\n1000,4,2005-09-06\n1004,x,2005-09-07\n")
    with pytest.raises(ValuesError, match="line 3"):
        read_interactions(broken)


BASKETS = "milk,brown bread\ntea\n\nmilk,tea,oil\n"


def test_baskets_name_their_items_as_written(tmp_path):
    said = []
    path = _file(tmp_path, "b.csv", BASKETS)
    found = read_interactions(path, format="baskets", say=said.append)
    assert found.item_ids.tolist() == ["brown bread", "milk", "oil", "tea"]
    assert set(_pairs(found)) == {
        ("0", "milk"),
        ("0", "brown bread"),
        ("1", "tea"),
        ("2", "milk"),
        ("2", "tea"),
        ("2", "oil"),
    }
    assert "3 baskets, one a line" in said[0]


@pytest.mark.parametrize(
    "text",
    ["u1 a b\nu2\nu3 b\n", "u1: a,b\nu2: c\nu3: b", "u1\ta b\nu2\tc\nu3\tb", "u1,a,b\nu3,b\n"],
)
def test_adjacency_begins_with_the_user(tmp_path, text):
    found = read_interactions(_file(tmp_path, "a.txt", text), format="adjacency")
    pairs = set(_pairs(found)) - {("u2", "c")}
    assert pairs == {("u1", "a"), ("u1", "b"), ("u3", "b")}


@pytest.mark.parametrize("width", [3, 4])
def test_baskets_of_one_length_do_not_become_user_item_weight_in_silence(tmp_path, width):
    rng = np.random.default_rng(0)
    rows = [rng.choice(40, width, replace=False) for _ in range(100)]
    path = _file(tmp_path, "b.txt", "\n".join(" ".join(map(str, row)) for row in rows))
    with pytest.raises(FileError, match=f"or baskets of {width} items") as raised:
        read_interactions(path)
    assert "--format baskets" in str(raised.value)
    assert len(read_interactions(path, format="baskets").user_ids) == 100
    order = "user,item,weight,time"[: None if width == 4 else -5]
    assert len(read_interactions(path, format=order).item_ids) <= 40


def test_baskets_of_many_lengths_are_asked_about(tmp_path):
    rng = np.random.default_rng(0)
    rows = [rng.choice(40, rng.integers(2, 8), replace=False) for _ in range(100)]
    path = _file(tmp_path, "b.csv", "\n".join(",".join(map(str, row)) for row in rows))
    with pytest.raises(FileError, match=r"2 to 7 cells, as no table does.*--format baskets"):
        read_interactions(path)


def test_ratings_without_a_header_are_no_baskets(tmp_path):
    rng = np.random.default_rng(0)
    rows = [(rng.integers(50), rng.integers(40), rng.integers(1, 6)) for _ in range(300)]
    path = _file(tmp_path, "r.csv", "\n".join(",".join(map(str, row)) for row in rows))
    said = []
    read_interactions(path, say=said.append)
    assert "weights from column 3 (no header: in this order)" in said[0]


WIDE = "user_id,up,heat,alien\nann,5,0,99\nbob,,3,4\n"


def test_a_wide_table_has_a_column_for_each_item(tmp_path):
    path = _file(tmp_path, "w.csv", WIDE)
    with pytest.raises(FileError, match="--format wide"):
        read_interactions(path)
    with pytest.raises(FileError, match=r"1 cells hold 99 .*--absent 99"):
        read_interactions(path, format="wide")
    due = {("ann", "up"): 5, ("bob", "heat"): 3, ("bob", "alien"): 4}
    assert _pairs(read_interactions(path, format="wide", absent="99")) == due
    assert _pairs(read_interactions(path, format="wide", absent=[99])) == due
    with_it = read_interactions(path, format="wide", absent="0")
    assert _pairs(with_it) == {**due, ("ann", "alien"): 99}


def test_a_wide_table_without_a_header_numbers_users_and_items(tmp_path):
    path = _file(tmp_path, "w.csv", "-5.5,99,1\n99,2,3\n")
    found = read_interactions(path, format="wide", absent="99")
    assert _pairs(found) == {("0", "0"): -5.5, ("0", "2"): 1, ("1", "1"): 2, ("1", "2"): 3}


CLICKS = (
    "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,0\n"
    "2,2014-04-07T13:56:37.614Z,214662742,0\n"
)


def test_clicks_in_another_order_are_asked_about_and_read_as_said(tmp_path):
    path = _file(tmp_path, "clicks.dat", CLICKS)
    with pytest.raises(FileError, match=r"column 2 .* holds dates .*user,time,item,-"):
        read_interactions(path)
    said = []
    found = read_interactions(path, format="user,time,item,-", say=said.append)
    assert found.item_ids.tolist() == ["214536500", "214536502", "214662742"]
    assert found.times is not None
    assert "users from column 1, times from column 2, items from column 3" in said[0]


def test_the_first_line_is_data_where_the_order_is_named(tmp_path):
    path = _file(tmp_path, "x.csv", "ann,up\nbob,heat\n")
    assert len(read_interactions(path, format="user,item").users) == 2
    named = _file(tmp_path, "y.csv", "user,item\nbob,heat\n")
    with pytest.raises(SpellingError, match="which names a column"):
        read_interactions(named, format="user,item")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("basket", "is unknown"),
        ("user,items", "is unknown"),
        ("user,user", "user twice"),
        ("user,time", "users and items are due"),
        ("user,item,weight", "names 3 columns, and .* has 2"),
    ],
)
def test_a_format_that_is_none_is_refused(tmp_path, wrong, says):
    with pytest.raises(SpellingError, match=says):
        read_interactions(_file(tmp_path, "x.csv", "1,2\n3,4\n"), format=wrong)


def test_options_that_a_format_has_not_are_refused(tmp_path):
    path = _file(tmp_path, "b.csv", BASKETS)
    with pytest.raises(SpellingError, match="it has no columns to name: leave out weight"):
        read_interactions(path, format="baskets", weight="x")
    with pytest.raises(SpellingError, match="absent"):
        read_interactions(path, format="baskets", absent="99")
    with pytest.raises(SpellingError, match="absent='x'"):
        read_interactions(path, format="wide", absent="x")


EVENTS = (
    "user_id,item_id,event_type,timestamp\nann,up,view,1\nann,up,purchase,2\nann,up,view,3\n"
    "bob,up,view,1\nbob,it,cart,2\neve,it,view,1\neve,it,return,5\n"
)
WORTH = {"view": 1, "cart": 3, "purchase": 5, "return": -1}


def test_events_of_several_kinds_are_asked_about(tmp_path):
    path = _file(tmp_path, "e.csv", EVENTS)
    with pytest.raises(FileError, match=r"events of 4 kinds: cart \(1\), .*--event"):
        read_interactions(path)


@pytest.mark.parametrize("as_text", [False, True])
def test_the_event_that_weighs_most_counts(tmp_path, as_text):
    worth = ",".join(f"{kind}={w}" for kind, w in WORTH.items()) if as_text else WORTH
    said = []
    found = read_interactions(_file(tmp_path, "e.csv", EVENTS), event=worth, say=said.append)
    assert _pairs(found) == {
        ("ann", "up"): 5,
        ("bob", "up"): 1,
        ("bob", "it"): 3,
        ("eve", "it"): -1,
    }
    assert "weights by 'event_type': cart 3 (1 rows)" in said[0]


def test_events_that_weigh_0_are_left_out(tmp_path):
    worth = {**WORTH, "view": 0, "return": 0}
    found = read_interactions(_file(tmp_path, "e.csv", EVENTS), event=worth)
    assert _pairs(found) == {("ann", "up"): 5, ("bob", "it"): 3}
    assert found.user_ids.tolist() == ["ann", "bob"]


@pytest.mark.parametrize(
    ("worth", "says"),
    [
        ("view=1", "says nothing of cart, purchase, return"),
        ("view=1,cart=1,purchase=1,return=1,like=2", "names like, which the file does not hold"),
        ("view", "kinds of events and their weights are due"),
        ("view=1,view=2", "view"),
    ],
)
def test_kinds_of_events_are_named_rightly(tmp_path, worth, says):
    with pytest.raises(AnglewiseError, match=says):
        read_interactions(_file(tmp_path, "e.csv", EVENTS), event=worth)


def test_events_of_one_kind_are_said(tmp_path):
    said = []
    path = _file(tmp_path, "e.csv", "user_id,item_id,event\nann,up,view\nbob,up,view\n")
    assert read_interactions(path, say=said.append).weights.tolist() == [1, 1]
    assert "every row counts 1; every row is 'view'" in said[0]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("is_click", "01"),
        ("vote", ("-1", "1")),
        ("thumbs_up", ("true", "false")),
        ("my_score", "35"),
    ],
)
def test_a_column_that_may_hold_grades_and_is_not_read_is_asked_about(tmp_path, name, cells):
    text = f"user_id,item_id,{name}\nann,up,{cells[0]}\nbob,it,{cells[1]}\n"
    path = _file(tmp_path, "x.csv", text)
    with pytest.raises(FileError, match=f"'{name}' may be it"):
        read_interactions(path)


def test_columns_that_are_not_read_are_named(tmp_path):
    said = []
    path = _file(tmp_path, "x.csv", "user_id,item_id,city,split\nann,up,Rome,a\nbob,it,Bonn,b\n")
    read_interactions(path, say=said.append)
    assert said[0].endswith("every row counts 1; not read: 'city', 'split'")


def test_ids_that_look_alike_are_named(tmp_path):
    said = []
    path = _file(tmp_path, "x.csv", "user_id,item_id\nann,caf\u00e9\nbob,cafe\u0301\n")
    assert len(read_interactions(path, say=said.append).item_ids) == 2
    assert any("NFC and NFD" in line for line in said)


@pytest.mark.parametrize(
    "moment",
    [
        "2024-01-05T10:29:28.880786",
        "2024-01-05 10:29:28.880786123",
        "2024-01-05T10:29:28.880786Z",
        "2024-01-05T12:29:28.880786+02:00",
    ],
)
def test_times_may_have_parts_of_a_second(tmp_path, moment):
    text = f"user_id,item_id,timestamp\nann,up,{moment}\nbob,up,{moment}\n"
    times = read_interactions(_file(tmp_path, "x.csv", text), time="timestamp").times
    assert times == pytest.approx([1704450568.880786] * 2, abs=1e-6)


@pytest.fixture
def ratings(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        f"u{u},i{i},{rng.integers(-1, 6)}"
        for u in range(60)
        for i in rng.choice(20, 8, replace=False)
    ]
    return _file(tmp_path, "ratings.csv", "user_id,item_id,rating\n" + "\n".join(rows) + "\n")


def _fitted(anglewise, *words):
    run = anglewise("fit", *words, "--components", 4, "--penalty", 1, "--json", "-", "--quiet")
    assert not run.code, run
    return json.loads(run.out)


def test_fit_says_that_weights_are_not_learned_from(anglewise, ratings, tmp_path):
    notes = _fitted(anglewise, ratings, "-o", tmp_path / "a")["notes"]
    assert any(n.startswith("weights from 1 to 5 are not learned from") for n in notes)
    assert any("interactions weigh 0 or less: no likes" in n for n in notes)
    notes = _fitted(anglewise, ratings, "-o", tmp_path / "b", "--confidence", 1)["notes"]
    assert not any("not learned from:" in n and n.startswith("weights") for n in notes)


def test_confidences_move_what_is_learned(anglewise, ratings, tmp_path):
    from anglewise import read_space

    spaces = []
    for name, words in {"a": (), "b": ("--confidence", 1), "c": ("--confidence", 2)}.items():
        _fitted(anglewise, ratings, "-o", tmp_path / name, *words)
        spaces.append(read_space(tmp_path / name))
    a, b, c = (space.queries.vectors @ space.items.vectors.T for space in spaces)
    assert not np.allclose(a, b)
    assert not np.allclose(b, c)
    assert spaces[1].about["confidence"] == 1.0


def test_a_confidence_without_meaning_is_refused(anglewise, ratings):
    run = anglewise("fit", ratings, "-o", "x", "--objective", "cosine", "--confidence", 2)
    refused(run, "a confidence of 2 is one of 1")


def test_ratings_become_gains_on_request(anglewise, ratings, tmp_path):
    import pyarrow.parquet as pq

    grades = {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
    for name, words, due in (("a", (), {0.0, 1.0}), ("b", ("--graded",), grades)):
        _fitted(anglewise, ratings, "-o", tmp_path / name, *words)
        table = pq.read_table(tmp_path / name / "judgements" / "queries-items.parquet")
        assert set(table["gain"].to_pylist()) == due
    refused(anglewise("fit", ratings, "-o", "x", "--graded", "--holdout", 0), "--graded")


@pytest.mark.parametrize("shape", [(2**31 - 1, 3), (3, 2**31 - 1)])
def test_a_small_matlab_file_that_says_it_is_wide_takes_no_memory(tmp_path, shape):
    """Of version 4 a sparse matrix is a table of row, column, value; its last row is the shape."""
    table = np.array([[1, 1, 1.0], [2, 2, 1.0], [*shape, 0.0]])
    header = np.array([2, len(table), 3, 0, 2], dtype="<i4").tobytes()
    (tmp_path / "m.mat").write_bytes(header + b"A\0" + table.T.tobytes())
    with pytest.raises(FileError, match="made to fill the memory"):
        read_interactions(tmp_path / "m.mat")
