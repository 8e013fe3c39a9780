"""What people hold in memory comes in: arrays, frames, tensors, sparse matrices, dicts.

Where a library is not installed, an object that offers what its objects offer stands in.
"""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

import anglewise as aw
from anglewise.data_types.conversion import as_array
from anglewise.data_types.sparse import SparseRows, as_sparse_rows
from anglewise.errors import (
    FileError,
    IdsError,
    MissingExtraError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
)

X = np.arange(1, 7, dtype=np.float32).reshape(3, 2)
NAMES = ["a", "b", "c"]


class Tensor:
    """Offers what a tensor of PyTorch does, on a graphics card, with a gradient, of bfloat16."""

    def __init__(self, array, device="cuda:0", dtype="torch.bfloat16", grad=True):
        self.array, self.device, self.dtype, self.grad = array, device, dtype, grad

    def detach(self):
        return Tensor(self.array, self.device, self.dtype, grad=False)

    def cpu(self):
        return Tensor(self.array, "cpu", self.dtype, self.grad)

    def float(self):
        return Tensor(self.array, self.device, "torch.float32", self.grad)

    def numpy(self):
        if self.grad or self.device != "cpu" or self.dtype == "torch.bfloat16":
            raise TypeError("cannot convert")
        return self.array

    def __len__(self):
        return len(self.array)

    def __iter__(self):
        return (Tensor(cell, self.device, self.dtype, self.grad) for cell in self.array)

    def __array__(self, dtype=None, copy=None):
        return self.numpy()


class PolarsLike:
    """Offers what a frame of Polars does."""

    def __init__(self, **columns):
        self.data = {name: np.array(values) for name, values in columns.items()}
        self.columns = list(columns)

    def __getitem__(self, name):
        return self.data[name]

    def to_numpy(self):
        return np.column_stack(list(self.data.values()))

    def to_arrow(self):
        return pa.table({name: pa.array(v.tolist()) for name, v in self.data.items()})


class OnlyDLPack:
    """An array that is handed over by DLPack alone."""

    def __dlpack__(self, **options):
        return X.__dlpack__(**options)

    def __dlpack_device__(self):
        return X.__dlpack_device__()


class OnTheCard:
    """An array of CuPy, or of another library with its interface."""

    __cuda_array_interface__ = None

    def get(self):
        return X


IN_MEMORY = {
    "NumPy": X,
    "lists": X.tolist(),
    "a tuple of arrays": tuple(X),
    "a generator": lambda: (row for row in X),
    "pandas": pd.DataFrame(X),
    "pandas, gaps possible": pd.DataFrame(X).astype("Float64"),
    "a column of lists": pd.Series(X.tolist()),
    "a column of arrays": pd.Series(list(X)),
    "a frame of one column of lists": pd.DataFrame({"embedding": X.tolist()}),
    "Arrow": pa.table({"x": X[:, 0], "y": X[:, 1]}),
    "a column of Arrow": pa.chunked_array([pa.array(X.tolist())]),
    "Polars-like": PolarsLike(x=X[:, 0], y=X[:, 1]),
    "tensor-like": Tensor(X),
    "a list of tensors": [Tensor(row) for row in X],
    "DLPack": OnlyDLPack(),
    "CuPy-like": OnTheCard(),
}


@pytest.mark.parametrize("kind", IN_MEMORY)
def test_every_kind_of_array_gives_the_same_vectors(kind):
    held = IN_MEMORY[kind]
    held = held() if callable(held) else held
    assert aw.Embeddings(held).vectors.tolist() == X.tolist()
    assert not aw.Embeddings(held() if callable(held) else X).named


def test_tensors_of_pytorch_come_as_they_are():
    torch = pytest.importorskip("torch")
    for tensor in (
        torch.tensor(X),
        torch.nn.Parameter(torch.tensor(X)),
        torch.tensor(X).bfloat16(),
        torch.tensor(X).T.contiguous().T,
    ):
        assert aw.Embeddings(tensor).vectors.tolist() == X.tolist()
    assert aw.Embeddings(X, ids=torch.tensor([7, 8, 9])).ids.tolist() == ["7", "8", "9"]
    tensor = torch.tensor(X)
    assert np.shares_memory(aw.Embeddings(tensor).vectors, tensor.numpy())
    assert len(aw.Index(tensor, "cosine").nearest(torch.tensor([1.0, 2.0]), 2)) == 2


def test_frames_of_polars_come_as_they_are():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"x": X[:, 0], "y": X[:, 1]})
    lists = pl.DataFrame({"name": NAMES, "embedding": X.tolist()})
    for held in (frame, lists["embedding"], lists[["embedding"]]):
        assert aw.Embeddings(held).vectors.tolist() == X.tolist()
    embeddings = aw.Embeddings(frame, ids=lists["name"], metadata=lists)
    assert embeddings.row_of == {"a": 0, "b": 1, "c": 2}
    fixed = lists["embedding"].cast(pl.Array(pl.Float32, 2))
    assert aw.Embeddings(fixed).vectors.tolist() == X.tolist()
    used = pl.DataFrame({"user_id": ["u", "v"], "item_id": [1, 2], "rating": [5, 3]})
    assert aw.read_interactions(used).weights.tolist() == [5, 3]
    judged = pl.DataFrame({"query_id": ["a"], "item_id": ["b"], "gain": [2]})
    space = aw.Space(queries=aw.Embeddings(X, NAMES), items=aw.Embeddings(X, NAMES))
    assert aw.Judgements.from_frame(judged, space).gains.values.tolist() == [2]
    assert aw.read_judgements(judged, space).gains.values.tolist() == [2]


def test_a_copy_from_the_graphics_card_is_told():
    said = []
    aw.Embeddings(Tensor(X), say=said.append)
    aw.Embeddings(OnTheCard(), say=said.append)
    aw.Embeddings(Tensor(X, device="cpu"), say=said.append)
    assert said == ["vectors: copied from cuda:0", "vectors: copied from the graphics card"]


def test_a_frame_of_float32_is_not_copied():
    array = np.ascontiguousarray(np.random.default_rng(0).normal(size=(50, 8)), np.float32)
    frame = pd.DataFrame(array, copy=False)
    assert np.shares_memory(aw.Embeddings(frame).vectors, array)


def test_the_labels_of_an_index_are_the_ids_and_rows_that_pandas_counted_have_none():
    said = []
    frame = pd.DataFrame(X, index=pd.Index([7, 9, 8], name="film"))
    embeddings = aw.Embeddings(frame, say=said.append)
    assert embeddings.ids.tolist() == ["7", "9", "8"]
    assert said == ["ids are those of the frame's index 'film'"]
    assert aw.Embeddings(frame, ids=NAMES).ids.tolist() == NAMES
    assert aw.Embeddings(frame[frame[0] > 1]).ids.tolist() == ["9", "8"]
    assert aw.Embeddings(pd.Series(X.tolist(), index=NAMES)).ids.tolist() == NAMES
    assert not aw.Embeddings(pd.DataFrame(X)).named
    assert aw.Embeddings(pd.DataFrame(X)[1:]).ids.tolist() == ["1", "2"]


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ([1, 1, 2], "holds '1' more than once.*reset_index"),
        (pd.MultiIndex.from_product([["a"], [1, 2, 3]]), "2 levels"),
        ([1.0, np.nan, 2.0], "ids: the one of row 1 is missing"),
    ],
)
def test_an_index_that_names_no_row_is_refused(index, says):
    with pytest.raises(IdsError, match=says):
        aw.Embeddings(pd.DataFrame(X, index=index))


def test_ids_come_in_any_column_and_whole_numbers_are_written_as_such():
    for ids in (
        [7, 8, 9],
        np.array([7, 8, 9]),
        pd.Series([7.0, 8.0, 9.0]),
        pd.DataFrame({"id": [7, 8, 9]}),
        Tensor(np.array([7, 8, 9]), device="cpu", dtype="torch.int64"),
        [b"7", "8", 9],
        pa.array([7, 8, 9]),
    ):
        assert aw.Embeddings(X, ids=ids).ids.tolist() == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("ids", "error", "says"),
    [
        ("abc", WrongTypeError, "a str .'abc'.: a list of them is due"),
        ({"a": 1, "b": 2, "c": 3}, WrongTypeError, "a dict"),
        ({"a", "b", "c"}, WrongTypeError, "a set"),
        (3, WrongTypeError, "an int"),
        (["a", None, "c"], IdsError, "row 1 is missing"),
        ([1.0, float("nan"), 2.0], IdsError, "row 1 is missing"),
        (pd.Series([1, None, 2], dtype="Int64"), IdsError, "row 1 is missing"),
        (np.zeros((3, 2)), ShapeError, "one column is due"),
        ([2.0**53, 1.0, 2.0], IdsError, "9007199254740992 as a float64.*may be another's"),
        ([*pd.Series([9007199254740993, 1, None])[:2].tolist(), 2], IdsError, "as whole numbers"),
        (np.array([16777217, 1, 2], dtype=np.float32), IdsError, "16777216 as a float32"),
        ([np.float32(16777217), 1, 2], IdsError, "16777216 as a float32"),
        ([float("inf"), 1, 2], IdsError, "names nothing"),
        (np.array([1, 2, 3], dtype="M8[ns]"), IdsError, r"written in several ways.*astype\(str\)"),
        (pd.Series(pd.to_datetime(["2020", "2021", "2022"])), IdsError, "several ways"),
        (np.ma.array([1, 2, 3], mask=[True, False, False]), ValuesError, "have a mask"),
        ([np.ma.masked, 2, 3], IdsError, "row 0 is missing"),
        ([b"\xff", b"a", b"b"], IdsError, "no text in UTF-8"),
        ([10**5000, 2, 3], IdsError, "cannot be written as text"),
        ([True, False, 2], IdsError, "row 0 is a bool"),
        ([Decimal("NaN"), 2, 3], IdsError, "row 0 is decimal.Decimal"),
        ([Decimal("sNaN"), 2, 3], IdsError, "row 0 is decimal.Decimal"),
        ([Decimal("-Infinity"), 2, 3], IdsError, "row 0 is decimal.Decimal"),
        ([1j, 2, 3], IdsError, "row 0 is a complex"),
        ([[1], [2], [3]], IdsError, "row 0 is a list"),
        ([(1, 2), (2,), (3,)], IdsError, "row 0 is a tuple"),
    ],
)
def test_ids_that_name_no_row_are_refused(ids, error, says):
    with pytest.raises(error, match=says):
        aw.Embeddings(X, ids=ids)


def test_large_whole_numbers_and_floats_below_the_largest_sure_one_stay_ids():
    whole = [2**53 + 1, 2**63 - 1, 2**64]
    assert aw.Embeddings(X, ids=whole).ids.tolist() == [str(number) for number in whole]
    floats = aw.Embeddings(X, ids=[2.0**53 - 1, 0.5, -3.0])
    assert floats.ids.tolist() == ["9007199254740991", "0.5", "-3"]


class Fails:
    """An object of a library whose way out fails."""

    def __init__(self, error):
        self.error = error

    def __array__(self, *_, **__):
        raise self.error

    def __iter__(self):
        return iter([1])


@pytest.mark.parametrize(
    "error", [KeyError(1), AttributeError("a"), OSError("b"), ImportError("c"), MemoryError()]
)
def test_an_object_that_cannot_be_read_is_one_message(error):
    for take in (
        aw.Embeddings,
        lambda it: aw.Embeddings(X, ids=it),
        lambda it: aw.search(X, "dot", k=1, rows=it),
    ):
        with pytest.raises(WrongTypeError, match=r"NumPy cannot read|whole numbers are due"):
            take(Fails(error))


def test_rows_are_asked_for_by_ids_that_can_be_written():
    taken = aw.Embeddings(X)
    for ids, error in ((np.array(1), WrongTypeError), (10**5000, IdsError)):
        with pytest.raises(error):
            taken.rows_of(ids)
    assert taken.rows_of(iter([1, 2])).tolist() == [1, 2]


def test_of_an_unknown_id_of_millions_of_letters_the_first_are_looked_at(monkeypatch):
    looked_at = []
    monkeypatch.setattr(
        "anglewise.data_types.row_ids.get_close_matches",
        lambda name, *_, **__: looked_at.append(name),
    )
    with pytest.raises(IdsError, match="no row has the id"):
        aw.Embeddings(X).rows_of("x" * 3_000_000)
    assert looked_at == ["x" * 200]


@pytest.mark.parametrize(
    ("vectors", "error", "says"),
    [
        (np.ma.array(X, mask=X > 0), ValuesError, "have a mask"),
        ([np.ma.array([1.0, 2.0], mask=[0, 1])], ValuesError, "have a mask"),
        ("items.npy", WrongTypeError, "a str .'items.npy'.: files are read by .*read_space"),
        (Path("items.npy"), WrongTypeError, "files are read by"),
        ({"a": [1.0]}, WrongTypeError, "a dict: .*ids=list"),
        (None, WrongTypeError, "a NoneType"),
        (3.0, WrongTypeError, "a float"),
        (sparse.csr_array(X), WrongTypeError, "scipy.csr_array: .*toarray"),
        (aw.Embeddings(X), WrongTypeError, "anglewise.Embeddings: .*vectors"),
        (object(), WrongTypeError, "an object: a NumPy array"),
        ([[1.0], [2.0, 3.0]], ShapeError, "uneven"),
        (pd.Series([[1.0], [2.0, 3.0]]), ShapeError, "row 1 holds 2 numbers, the first row 1"),
        (pd.DataFrame({"x": [1.0], "title": ["t"]}), ValuesError, "without numbers .'title'"),
        (pd.DataFrame({"movieId": [1], "x": [1.0]}), ValuesError, "'movieId' .*reads as ids"),
        (pd.DataFrame({"x": [1.0, None]}, dtype="Float64"), ValuesError, "row 1 holds NaN"),
        (pd.DataFrame({"x": [Decimal(1)], "y": [2.0]}), ValuesError, "without numbers .'x'"),
        (np.array([[object()]]), ValuesError, "kind object"),
    ],
)
def test_what_holds_no_vectors_is_refused_at_once(vectors, error, says):
    with pytest.raises(error, match=says):
        aw.Embeddings(vectors)


WORDS = [
    "vectors", "tocsr", "detach", "columns", "to_numpy", "to_arrow", "column_names", "index",
    "iloc", "__array__", "__dlpack__", "get", "device", "format",
]  # fmt: skip


def test_names_of_columns_and_labels_do_not_say_what_an_object_is():
    numbers = np.arange(2.0 * len(WORDS), dtype=np.float32).reshape(2, -1)
    frame = pd.DataFrame(numbers, columns=WORDS)
    assert np.array_equal(aw.Embeddings(frame).vectors, numbers)
    recarray = np.rec.fromarrays([np.ones(2)], names=["columns"])
    with pytest.raises(ValuesError):
        aw.Embeddings(recarray)
    labelled = aw.Embeddings(pd.Series(list(numbers.T), index=WORDS))
    assert labelled.ids.tolist() == WORDS
    assert np.array_equal(labelled.vectors, numbers.T)
    named = aw.Embeddings(numbers.T, ids=pd.Series(WORDS, index=WORDS))
    assert named.ids.tolist() == WORDS
    space = aw.Space(items=labelled)
    entries = {"query_id": WORDS[:2], "item_id": WORDS[2:4], "gain": [1, 2]}
    more = {word: [0, 1] for word in WORDS}
    judged = aw.Judgements.from_frame(pd.DataFrame(entries | more), space, direction="items-items")
    assert judged.gains.values.tolist() == [1.0, 2.0]
    used = pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"]} | more)
    assert aw.read_interactions(used).shape == (2, 2)


def test_no_foreign_library_is_imported():
    code = "import numpy, sys, anglewise as aw; aw.Embeddings(numpy.eye(2)); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(run.stdout.split()) & {"pandas", "polars", "torch", "scipy", "pyarrow"}


def test_arrays_are_taken_wherever_a_space_is_due(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20, 4)), index=[f"i{i}" for i in range(20)])
    space = aw.Space(items=aw.Embeddings(frame.to_numpy(), ids=list(frame.index)))
    own = {f"i{i}": {f"i{(i + 1) % 20}": 1} for i in range(20)}
    judged = aw.Judgements.from_dict(own, space, direction="items-items")
    ours = aw.search(frame, "cosine", k=3, direction="items-items")["cosine"]
    theirs = aw.search(space, "cosine", k=3, direction="items-items")["cosine"]
    assert np.array_equal(ours.indices, theirs.indices)
    assert aw.Index(frame, "dot").ids == tuple(frame.index)
    assert aw.Recommender(frame, "cosine").similar_items("i3", 2).ids.shape == (1, 2)
    one, other = (aw.compare(held, judged, "dot,cosine") for held in (frame, space))
    assert one.to_dict() == other.to_dict()
    assert aw.audit(frame, k=3).to_dict() == aw.audit(space, k=3).to_dict()
    aw.write_space(frame, tmp_path / "space")
    assert aw.read_space(tmp_path / "space").items.ids.tolist() == list(frame.index)
    assert aw.Space(items=frame, queries=frame).one_sided
    assert not aw.Space(items=frame, queries=frame.copy()).one_sided


def test_an_index_takes_frames_and_single_vectors_of_any_kind():
    index = aw.Index(pd.DataFrame(X, index=NAMES), "dot")
    for vector in ([1.0, 0.0], np.array([1.0, 0.0]), pd.Series([1.0, 0.0]), Tensor(X[0] * 0 + 1)):
        assert index.nearest(vector, 1)[0].id == "c"
    index.add(pd.DataFrame(X[:1] * 9, index=[7]))
    assert 7 in index
    assert "7" in index
    assert index.nearest([1.0, 0.0], 1)[0].id == "7"
    assert index.vectors(7).tolist() == index.vectors(["7"]).tolist() == [[9, 18]]
    index.remove(7)
    assert 7 not in index
    assert True not in index
    index.add(aw.Embeddings(X[:1], ids=["ab"]))
    index.remove("ab")  # one id, not the items a and b
    assert index.ids == ("a", "b", "c")
    with pytest.raises(IdsError, match="no item has the id 2"):
        index.remove([2])


def test_sparse_matrices_of_any_format_are_taken_wherever_one_is_meant():
    table = np.array([[0, 1.0, 0], [1, 0, 0]])
    space = {"queries": X[:2], "items": X}
    rows = SparseRows.from_pairs([0, 1], [1, 0], shape=(2, 3))
    expected = aw.search(aw.Space(**space, seen=rows), "dot", k=2)["dot"].indices.tolist()
    for make in (
        sparse.csr_array,
        sparse.csr_matrix,
        sparse.csc_array,
        sparse.coo_array,
        sparse.lil_array,
        sparse.dok_array,
    ):
        matrix = make(table)
        seen = aw.Space(**space, seen=matrix)
        assert aw.search(seen, "dot", k=2)["dot"].indices.tolist() == expected
        excluded = aw.search(aw.Space(**space), "dot", k=2, exclude=matrix)["dot"]
        assert excluded.indices.tolist() == expected
        assert aw.Judgements(matrix).gains.values.tolist() == [1, 1]
        used = aw.read_interactions(matrix)
        assert (list(used.user_ids), list(used.item_ids)) == (["0", "1"], ["0", "1", "2"])
        assert (used.users.tolist(), used.items.tolist()) == ([0, 1], [1, 0])


def test_a_sparse_matrix_with_repeated_cells_and_stored_zeros_is_read_as_scipy_means_it():
    matrix = sparse.coo_array(([1.0, 2.0, 0.0], ([0, 0, 1], [2, 2, 0])), shape=(2, 3))
    rows = as_sparse_rows(matrix, "gains")
    assert rows.row(0).tolist() == [2]
    assert rows.values.tolist() == [3, 0]
    assert matrix.nnz == 3


@pytest.mark.parametrize(
    ("seen", "error", "says"),
    [
        (np.ones((2, 3)), WrongTypeError, "seen is numpy.ndarray: a sparse matrix is due"),
        ([[1]], WrongTypeError, "seen is a list"),
        (sparse.csr_array((3, 2)), ShapeError, r"seen is \(3, 2\), the space \(2, 3\)"),
        (sparse.csr_array(np.array([[np.nan, 1, 1], [1, 1, 1]])), ValuesError, "NaN"),
        (sparse.csr_array(np.ones((2, 3)) * 1j), ValuesError, "complex"),
    ],
)
def test_what_is_no_sparse_matrix_is_refused_at_once(seen, error, says):
    with pytest.raises(error, match=says):
        aw.Space(queries=X[:2], items=X, seen=seen)


def test_history_given_to_a_model_of_another_library_may_be_sparse():
    class Als:
        user_factors, item_factors, factors = X[:2], X, 2

    history = sparse.csr_matrix(np.array([[0, 1, 0], [1, 0, 0]]))
    space = aw.from_model(Als(), seen=history)
    assert 1 not in aw.Recommender(space).recommend(0, 2).found.indices
    with pytest.raises(WrongTypeError, match="seen is numpy"):
        aw.from_model(Als(), seen=history.toarray())


USED = {"user_id": ["u", "u", "v"], "item_id": [2, 1, 2], "rating": [5.0, 3.0, 4.0]}


@pytest.mark.parametrize("make", [pd.DataFrame, pa.table, lambda data: PolarsLike(**data)])
def test_interactions_in_a_frame_are_those_of_the_file(make, tmp_path):
    frame = make(USED)
    pd.DataFrame(USED).to_csv(tmp_path / "used.csv", index=False)
    said = []
    ours = aw.read_interactions(frame, say=said.append)
    theirs = aw.read_interactions(tmp_path / "used.csv")
    assert said == ["the frame: users from 'user_id', items from 'item_id', weights from 'rating'"]
    for name in ("users", "items", "weights", "user_ids", "item_ids"):
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist()
    assert aw.read_interactions(frame, min_weight=4).user_ids.tolist() == ["u", "v"]


def test_times_categories_and_odd_columns_of_frames_are_read():
    frame = pd.DataFrame(USED).rename(columns={"user_id": "who"})
    frame["who"] = frame["who"].astype("category")
    frame["timestamp"] = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    used = aw.read_interactions(frame, user="who", weight="rating")
    assert used.user_ids.tolist() == ["u", "v"]
    assert np.diff(used.times).tolist() == [-86400.0, 172800.0]


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"user_id": ["u", None, "v"]}, ValuesError, "the frame, row 1 .*'user_id' is empty"),
        ({"rating": [1.0, np.nan, 2.0]}, ValuesError, "row 1 .* where a finite number is due"),
        ({"item_id": ["a", 1, "b"]}, FileError, "the frame cannot be read"),
    ],
)
def test_gaps_in_frames_are_named_by_their_row(change, error, says):
    with pytest.raises(error, match=says):
        aw.read_interactions(pd.DataFrame(USED | change))


@pytest.mark.wrong_kinds
def test_a_path_that_is_none_is_refused():
    for given in (3, None, [1, 2]):
        with pytest.raises(WrongTypeError, match="where the path of a file is due"):
            aw.read_interactions(given)


@pytest.fixture
def space():
    return aw.Space(queries=aw.Embeddings(X, ["p", "q", "r"]), items=aw.Embeddings(X, [1, 2, 3]))


GAINS = {"p": {1: 2, 3: 0}, "q": {"2": 1.5, "zz": 1}, "nobody": {1: 1}}


def test_judgements_from_a_dict_pairs_a_frame_and_a_file_are_the_same(space, tmp_path):
    triples = [(q, i, g) for q, items in GAINS.items() for i, g in items.items()]
    frame = pd.DataFrame(triples, columns=["query_id", "item_id", "gain"])
    frame["item_id"] = frame["item_id"].astype(str)
    frame.to_csv(tmp_path / "qrels.csv", index=False)
    expected = aw.read_judgements(tmp_path / "qrels.csv", space)
    for judged in (
        aw.Judgements.from_dict(GAINS, space),
        aw.Judgements.from_pairs(triples, space),
        aw.Judgements.from_frame(frame, space),
        aw.Judgements.from_frame(dict(frame), space),
        aw.read_judgements(frame, space),
        aw.read_judgements(pa.table(dict(frame)), space),
    ):
        assert judged.gains.indptr.tolist() == expected.gains.indptr.tolist()
        assert judged.gains.indices.tolist() == expected.gains.indices.tolist()
        assert judged.gains.values.tolist() == expected.gains.values.tolist() == [2, 0, 1.5]
        assert vars(judged.complaints) == vars(expected.complaints)
        assert (judged.complaints.dropped, judged.missing_ids) == (1, ("zz",))
        assert judged.missing.values.tolist() == [1]
        assert judged.complaints.unknown_queries == ("nobody",)


def test_pairs_without_gains_count_one_and_of_repeated_ones_the_highest_gain_is_kept(space):
    assert aw.Judgements.from_pairs([("p", 1), ("q", 2)], space).gains.values.tolist() == [1, 1]
    judged = aw.Judgements.from_pairs([("p", 1, 1), ("p", "1", 3), ("p", 2, -1)], space)
    assert judged.gains.values.tolist() == [3, -1]
    assert judged.complaints.duplicates == 1
    frame = {"query_id": ["p"], "item_id": [1]}
    assert aw.Judgements.from_frame(frame, space, gain_column=None).gains.values.tolist() == [1]


def test_documents_may_be_judged_where_the_items_are_passages():
    about = {"document": ["d", "d", "e"]}
    items = aw.Embeddings(X, ids=["d#0", "d#1", "e"], metadata=about)
    space = aw.Space(queries=aw.Embeddings(X[:1], ["p"]), items=items)
    judged = aw.Judgements.from_dict({"p": {"d": 1}}, space)
    assert judged.gains.shape == (1, 2)
    assert judged.parts.documents == ("d", "e")


def test_an_item_judged_against_itself_is_dropped(space):
    judged = aw.Judgements.from_dict({1: {1: 1, 2: 1}}, space, direction="items-items")
    assert judged.gains.row(0).tolist() == [1]
    assert judged.complaints.dropped == 1


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda s: aw.Judgements.from_dict([("p", 1)], s), WrongTypeError, "gains are a list"),
        (lambda s: aw.Judgements.from_dict({"p": [1]}, s), WrongTypeError, "'p' are a list"),
        (lambda s: aw.Judgements.from_dict({}, s), TooFewError, "no entry"),
        (lambda s: aw.Judgements.from_dict({"x": {1: 1}}, s), IdsError, r"such as \['x'\]"),
        (lambda s: aw.Judgements.from_dict({"p": {1: "high"}}, s), ValuesError, "kind"),
        (lambda s: aw.Judgements.from_dict({"p": {1: np.nan}}, s), ValuesError, "'p' and item '1'"),
        (lambda s: aw.Judgements.from_pairs([("p", 1), ("p", 2, 1)], s), ShapeError, "2 and 3"),
        (lambda s: aw.Judgements.from_pairs([], s), ShapeError, "no parts"),
        (lambda s: aw.Judgements.from_frame([("p", 1)], s), WrongTypeError, "a list came"),
        (
            lambda s: aw.Judgements.from_frame(pd.DataFrame({"q": ["p"], "item_id": [1]}), s),
            ValuesError,
            "no columns 'query_id', but 'q', 'item_id': name query_column",
        ),
    ],
)
def test_judgements_that_cannot_be_lined_up_are_refused(make, error, says, space):
    with pytest.raises(error, match=says):
        make(space)


WRONG = """
import numpy as np, anglewise as aw
space = aw.Space(items=np.eye(2))
for call in (
    lambda: aw.Judgements.from_pairs([("0", "1")], space, direction="x"),
    lambda: aw.Judgements(aw.Judgements.from_dict({0: {1: 1}}, space).gains, "x"),
    lambda: aw.Judgements.from_pairs([("0", "1")], None),
    lambda: aw.Judgements.from_pairs(None, space),
    lambda: aw.Judgements.from_pairs([1, 2], space),
):
    try:
        call()
    except aw.AnglewiseError as error:
        print(error)
"""


def test_a_direction_and_a_space_of_judgements_are_checked():
    run = subprocess.run([sys.executable, "-c", WRONG], capture_output=True, text=True, check=True)
    due = (
        "no direction is called 'x'",
        "no direction is called 'x'",
        "the space of judgements is a NoneType",
        "pairs are a NoneType",
        "pairs are a list",
    )
    for line, start in zip(run.stdout.splitlines(), due, strict=True):
        assert line.startswith(start)


def test_rows_counted_from_one_are_refused_for_vectors_without_ids():
    space = aw.Space(queries=aw.Embeddings(X, ["p", "q", "r"]), items=X)
    with pytest.raises(IdsError, match="counted from 1"):
        aw.Judgements.from_dict({"p": {1: 1, 3: 1}}, space)
    assert aw.Judgements.from_dict({"p": {0: 1, 2: 1}}, space).gains.row(0).tolist() == [0, 2]


def test_what_is_no_judgement_is_refused_by_compare_with_the_way_to_make_one():
    code = """
import numpy as np, anglewise as aw
try:
    aw.compare(aw.Space(items=np.eye(3)), {"0": {"1": 1}})
except TypeError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("judgements are a dict: Judgements.from_dict(..., space)")


def test_neighbours_become_a_frame_with_the_names_of_those_who_asked(space):
    hits = aw.search(space, "dot,euclidean", k=2, rows=[2, 0])
    frame = hits["dot"].to_frame(space)
    assert list(frame.columns) == ["measure", "query", "rank", "item", "score"]
    assert frame["query"].tolist() == ["r", "r", "p", "p"]
    assert frame["rank"].tolist() == [1, 2, 1, 2]
    assert frame["item"].tolist() == ["3", "2", "3", "2"]
    assert frame["score"].tolist() == hits["dot"].scores.reshape(-1).tolist()
    both = pd.concat(each.to_frame(space) for each in hits.values())
    assert both["measure"].unique().tolist() == ["dot", "euclidean"]
    alike = aw.search(space, "dot", k=1, direction="items-items")["dot"].to_frame(space)
    assert alike["query"].tolist() == ["1", "2", "3"]


def test_places_that_nothing_fills_are_no_rows_of_the_frame():
    seen = sparse.csr_array(np.array([[1, 1, 0]]))
    space = aw.Space(queries=X[:1], items=X, seen=seen)
    assert len(aw.search(space, "dot", k=3)["dot"].to_frame(space)) == 1


def test_a_frame_of_lists_that_are_of_another_space_or_do_not_say_who_asked_is_refused(space):
    hits = aw.search(space, "dot", k=3)["dot"]
    with pytest.raises(ShapeError, match="another space"):
        hits.to_frame(aw.Space(queries=X, items=X[:2]))
    bare = aw.Neighbours("dot", hits.indices, hits.scores, hits.tied_at_cut)
    with pytest.raises(SpellingError, match="direction"):
        bare.to_frame(space)
    assert bare.to_frame(space, direction="queries-items")["query"].tolist()[:3] == ["0"] * 3


def test_without_pandas_the_message_says_what_to_install(space, monkeypatch):
    hits = aw.search(space, "dot", k=1)["dot"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"anglewise\[pandas\]"):
        hits.to_frame(space)


@pytest.mark.parametrize("rows", [["a"], [1.0], [True], "1", {"a": 1}])
def test_rows_are_whole_numbers(rows):
    with pytest.raises(WrongTypeError, match="whole numbers are due"):
        aw.search(aw.Space(items=X), "dot", k=1, rows=rows)


def test_a_large_array_passes_the_door_without_a_copy():
    array = np.ones((1000, 16), np.float32)
    assert as_array(array, "vectors") is array


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (None, "missing"),
        (float("nan"), "missing"),
        ("", "empty"),
        (b"", "empty"),
        (b"\xff", "no text in UTF-8"),
        (True, "names nothing"),
        (np.bool_(False), "names nothing"),
        (float("inf"), "names nothing"),
        (["a"], "names nothing"),
        ({}, "names nothing"),
    ],
)
def test_what_names_no_row_is_refused_with_its_row(cell, words):
    with pytest.raises(IdsError, match=rf"ids: the one of row 1 is .*{words}"):
        aw.Embeddings(np.eye(3), ids=["a", cell, "b"])


def test_ids_are_the_same_as_text_bytes_and_numbers():
    texts = aw.Embeddings(np.eye(3), ids=["1", "2", "é"]).ids.tolist()
    assert aw.Embeddings(np.eye(3), ids=[1.0, np.int32(2), "é".encode()]).ids.tolist() == texts


def test_ids_that_no_file_can_hold_are_refused_before_any_work(tmp_path):
    from anglewise.encoders.documents import Documents
    from anglewise.encoders.images import read_images

    calls = []

    def encode(given):
        calls.append(given)
        return [[1.0, 2.0] for _ in given]

    with pytest.raises(IdsError, match="is no text in UTF-8"):
        aw.Embeddings(X, ids=["a", "\ud800", "b"])
    with pytest.raises(IdsError, match="is no text in UTF-8"):
        aw.encode(Documents(["a", "b\udcff"], ["heist", "flow"]), encode)
    with pytest.raises(IdsError, match="column"):
        aw.encode(Documents(["a"], ["heist"], about={"k\ud800": [1]}), encode)
    try:
        (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"")
    except OSError:  # file systems that take UTF-8 alone
        return
    with pytest.raises(IdsError, match="is no text in UTF-8"):
        read_images(tmp_path)
    assert not calls
