"""A run that is made in Python holds lists, or is refused when it is made."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import anglewise as aw
from anglewise.errors import (
    AnglewiseError,
    FileError,
    IdsError,
    ShapeError,
    ValuesError,
    WrongTypeError,
)

GAINS = {str(q): {"a": 1} for q in range(40)}
LARGE = 2**53


def made(**others):
    parts = {
        "queries": np.array(["q", "r"], dtype=object),
        "items": np.array(["a", "b"], dtype=object),
        "starts": np.array([0, 2, 3]),
        "entries": np.array([1, 0, 1]),
        "scores": np.array([2.0, 1.0, 3.0]),
    }
    return aw.Run("made", **{**parts, **others})


def test_one_run_is_compared_as_a_list_of_one():
    run = aw.Run.from_dict({q: {"a": 2, "b": 1} for q in GAINS}, "made")
    alone, listed = (aw.compare_runs(runs, GAINS) for runs in (run, [run]))
    assert alone.to_dict() == listed.to_dict()


def test_a_run_of_arrays_is_the_one_that_is_read_from_a_dict():
    run = aw.Run.from_dict({"q": {"b": 2.0, "a": 1.0}, "r": {"b": 3.0}}, "made")
    assert [made()[q] for q in "qr"] == [run[q] for q in "qr"]
    assert made(
        starts=np.array([0, 0, 3]), entries=np.array([1, 0, 2]), scores=np.array([3.0, 2.0, 1.0]),
        items=np.array(["a", "b", "c"])
    )["q"] == []  # fmt: skip
    assert made(starts=np.array([0, 0, 0]), entries=np.zeros(0, int), scores=np.zeros(0))["r"] == []
    assert run.called("other")["q"] == run["q"]


@pytest.mark.parametrize(
    ("others", "error", "words"),
    [
        ({"starts": np.array([0, 2])}, ShapeError, "starts"),
        ({"starts": np.array([1, 2, 3])}, ValuesError, "rise from 0 to 3"),
        ({"starts": np.array([0, 2, 2])}, ValuesError, "rise from 0 to 3"),
        ({"starts": np.array([0, 4, 3])}, ValuesError, "rise from 0 to 3"),
        pytest.param(
            *({"starts": np.array([0.0, 2.0, 3.0])}, WrongTypeError, "starts"),
            marks=pytest.mark.wrong_kinds,
        ),
        ({"entries": np.array([1, 0, 7])}, ValuesError, "entries go from 0 to 7"),
        ({"entries": np.array([1, 0, -1])}, ValuesError, "entries go from -1"),
        ({"entries": np.array([1, 1, 0])}, ValuesError, "'b' stands in the list of query 'q'"),
        pytest.param(
            *({"scores": np.array([2.0, 1.0])}, ShapeError, "scores"),
            marks=pytest.mark.wrong_kinds,
        ),
        ({"scores": np.array([2.0, np.nan, 1.0])}, ValuesError, "no finite number"),
        ({"scores": np.array([1.0, 2.0, 3.0])}, ValuesError, "rise within a list"),
        ({"queries": np.array(["q", "q"], dtype=object)}, IdsError, "'q' comes more than once"),
        ({"items": np.array(["a", ""], dtype=object)}, IdsError, "empty"),
        ({"items": np.array([1, 2])}, WrongTypeError, "text is due"),
        pytest.param(
            *({"items": ["a", "b"]}, WrongTypeError, "NumPy array"), marks=pytest.mark.wrong_kinds
        ),
    ],
)
def test_arrays_that_are_no_lists_are_refused(others, error, words):
    with pytest.raises(error, match=words):
        made(**others)


@pytest.mark.parametrize("as_frame", [pd.DataFrame, dict])
def test_columns_may_be_called_by_numbers(as_frame):
    cells = {1: ["q", "q"], "item_id": ["a", "b"], 3: [1.0, 2.0]}
    run = aw.Run.from_frame(as_frame(cells), "made", query_column="1", score_column="3")
    assert run["q"] == [("b", 2.0), ("a", 1.0)]
    space = aw.Space(queries=aw.Embeddings([[1.0]], ["q"]), items=aw.Embeddings([[1.0]], ["a"]))
    judged = aw.Judgements.from_frame(
        as_frame({1: ["q"], "item_id": ["a"], 3: [2.0]}), space, query_column="1", gain_column="3"
    )
    assert judged.gains.values.tolist() == [2.0]


def files_of(scores, folder):
    """Readers of one list with two scores, of each way in which a run comes."""
    cells = {"query_id": ["q", "q"], "item_id": ["a", "b"], "score": list(scores)}
    table = folder / "run.parquet"
    pq.write_table(pa.table(cells), table)
    text = folder / "run.csv"
    text.write_text("query_id,item_id,score\nq,a,{}\nq,b,{}\n".format(*scores))
    trec = folder / "run.trec"
    trec.write_text("q Q0 a 2 {} x\nq Q0 b 1 {} x\n".format(*scores))
    document = folder / "run.json"
    document.write_text('{{"q": {{"a": {}, "b": {}}}}}'.format(*scores))
    return {
        "dict": lambda: aw.Run.from_dict({"q": dict(zip("ab", scores, strict=True))}, "made"),
        "columns": lambda: aw.Run.from_frame(cells, "made"),
        "pandas": lambda: aw.Run.from_frame(pd.DataFrame(cells), "made"),
        "arrow": lambda: aw.Run.from_frame(pa.table(cells), "made"),
        **{f.suffix: lambda f=f: aw.read_run(f) for f in (table, text, trec, document)},
    }


@pytest.mark.parametrize("scores", [(LARGE, LARGE + 1), (-LARGE, -LARGE - 1), (2**62, 2**62 + 1)])
def test_whole_numbers_that_would_lose_their_order_are_refused(scores, tmp_path):
    for way, read in files_of(scores, tmp_path).items():
        with pytest.raises(ValuesError, match=f"score is {scores[1]}, and whole numbers"):
            assert read() is None, way


@pytest.mark.parametrize("scores", [(LARGE, LARGE + 2), (1, 2), (1e300, 1.5e300), (2**60, 2**61)])
def test_other_numbers_are_taken_however_large(scores, tmp_path):
    for way, read in files_of(scores, tmp_path).items():
        assert read()["q"] == [("b", scores[1]), ("a", scores[0])], way


def test_a_whole_number_beside_a_fraction_is_held_to_it_too():
    for read in (
        lambda scores: aw.Run.from_dict({"q": dict(zip("ab", scores, strict=True))}, "made"),
        lambda scores: aw.Run.from_columns("made", ["q", "q"], ["a", "b"], scores),
    ):
        with pytest.raises(ValuesError, match="whole numbers"):
            read([0.5, LARGE + 1])


def test_truth_values_are_no_scores(tmp_path):
    for way, read in files_of((True, False), tmp_path).items():
        if way != ".json":  # which writes them otherwise
            with pytest.raises(AnglewiseError, match=r"number|bool"):
                assert read() is None, way
    table = pa.table({"query_id": ["q"], "item_id": ["a"], "score": [1.0], "rank": [True]})
    pq.write_table(table, tmp_path / "ranks.parquet")
    with pytest.raises(ValuesError, match="'rank' holds true and false"):
        aw.read_run(tmp_path / "ranks.parquet")


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.list_(pa.string(), 1),
        pa.list_(pa.bool_()),
        pa.struct([("a", pa.string())]),
    ],
)
def test_scores_that_are_lists_or_structures_are_refused(tmp_path, kind):
    one = {"a": "1"} if pa.types.is_struct(kind) else [True if "bool" in str(kind) else "1"]
    table = {"query_id": ["q"], "item_id": ["a"], "score": pa.array([one], kind)}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    with pytest.raises(FileError, match="numbers are due"):
        aw.read_run(tmp_path / "a.parquet")


def test_truth_values_as_text_are_no_scores_in_a_dictionary_either(tmp_path):
    column = pa.array(["True", "false"]).dictionary_encode()
    table = {"query_id": ["q", "q"], "item_id": ["a", "b"], "score": column}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    with pytest.raises(ValuesError, match="true and false"):
        aw.read_run(tmp_path / "a.parquet")
