"""Small files that would take gigabytes or minutes once they are read, row by row, in Python."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import anglewise as aw
from anglewise import read_interactions, read_judgements
from anglewise.encoders.json_requests import key_of
from anglewise.errors import FileError, SpellingError
from anglewise.io.delimited import open_sheet
from anglewise.io.item_sets import read_item_sets
from anglewise.io.pairs_to_judge import read_queue
from cli_run import anglewise, refused

__all__ = ["anglewise"]

ROWS = 12_000_000
"""As a parquet they weigh some hundred kilobytes, and as objects of Python gigabytes."""


@pytest.fixture(scope="module")
def space():
    about = {"document": ["x", "x", "x"], "start": [0, 5, 9], "end": [5, 9, 12]}
    return aw.Space(
        queries=aw.Embeddings(np.eye(2), ["q1", "q2"]),
        items=aw.Embeddings(np.eye(3)[:, :2], ["d1", "d2", "d3"], about),
    )


def alike(value):
    """A column of one text, which parquet writes once."""
    indices = pa.array(np.zeros(ROWS, np.int8))
    return pa.DictionaryArray.from_arrays(indices, pa.array([value]))


def written(path, **columns):
    parquet.write_table(pa.table(columns), path)
    assert path.stat().st_size < 1 << 20
    return path


def test_labels_that_fill_the_memory_are_refused(tmp_path, space, monkeypatch):
    monkeypatch.delenv("ANGLEWISE_MEMORY", raising=False)
    path = written(tmp_path / "labels.parquet", id=alike("d1"), label=alike("a"))
    with pytest.raises(FileError, match="ANGLEWISE_MEMORY"):
        read_item_sets(path, space)


def test_labels_in_one_cell_count_too(tmp_path, space, monkeypatch):
    monkeypatch.delenv("ANGLEWISE_MEMORY", raising=False)
    cell = alike("|".join("abcdefghij" * 100)).slice(0, 10_000)
    ids = alike("d1").slice(0, 10_000)
    path = written(tmp_path / "labels.parquet", id=ids, label=cell)
    with pytest.raises(FileError, match="ANGLEWISE_MEMORY"):
        read_item_sets(path, space)


def test_judged_characters_that_fill_the_memory_are_refused(tmp_path, space, monkeypatch):
    monkeypatch.delenv("ANGLEWISE_MEMORY", raising=False)
    numbers = pa.array(np.zeros(ROWS, np.int64))
    path = written(
        tmp_path / "spans.parquet",
        query_id=alike("q1"),
        item_id=alike("d1"),
        gain=pa.array(np.ones(ROWS)),
        document=alike("x"),
        start=numbers,
        end=pa.array(np.full(ROWS, 5)),
    )
    with pytest.raises(FileError, match="ANGLEWISE_MEMORY"):
        read_judgements(path, space)


def test_pairs_to_judge_that_fill_the_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("ANGLEWISE_MEMORY", raising=False)
    path = written(tmp_path / "queue.parquet", query_id=alike("q1"), item_id=alike("d1"))
    with pytest.raises(FileError, match="ANGLEWISE_MEMORY"):
        read_queue(path)


def test_what_is_allowed_is_read(tmp_path, space):
    path = tmp_path / "labels.csv"
    path.write_text("id,label\nd1,a|b\nd2,b\nd3,c\n")
    assert read_item_sets(path, space, say=str).gains.values.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "truths", ["a.csv,./a.csv", "a.csv,a.csv:label", "a.csv:label,./a.csv:label"]
)
def test_one_table_is_no_two_truths(tmp_path, truths, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    ids = [f"d{i}" for i in range(30)]
    aw.write_space(aw.Space(items=aw.Embeddings(rng.normal(size=(30, 4)), ids)), tmp_path / "sp")
    rows = "".join(f"d{i},{'abc'[i % 3]}\n" for i in range(30))
    (tmp_path / "a.csv").write_text(f"id,label\n{rows}")
    words = ("compare", "sp", "--direction", "items-items", "--truths", truths)
    assert refused(anglewise(*words), "twice")


def test_a_grade_has_an_end(anglewise):
    """The counts of all grades are printed, so that a billion of them would fill the memory."""
    words = ("judge", "grade", "sp", "p.csv", "--model", "m", "--highest", "1000000000")
    assert refused(anglewise(*words), "from 1 to 100")


@pytest.mark.parametrize("name", ["sk_live_geheim", "geheim", "Geheim_77"])
def test_what_may_be_the_key_itself_is_not_repeated(name):
    with pytest.raises(SpellingError) as caught:
        key_of(name)
    assert name not in str(caught.value)


def test_the_name_of_a_variable_is_repeated(monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(SpellingError, match="key=MY_KEY"):
        key_of("MY_KEY")


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "null\n{}",
        ' null\n{"id": "a"}\n',
        '{"id": "a"}\nnull\n',
        "\ufeffnull",
        "\n\r\nnull 3",
    ],
)
def test_a_row_of_null_ends_no_program(tmp_path, text):
    path = tmp_path / "t.jsonl"
    path.write_text(text, encoding="utf-8")
    for read in (open_sheet, read_interactions, read_queue):
        with pytest.raises(FileError, match="null stands where an object is due"):
            read(path)
