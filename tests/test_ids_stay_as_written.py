"""Ids that stand in a file are used as they are written, or refused; rows never stand in."""

import datetime as dt
import json
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import Embeddings, read_interactions, read_space
from anglewise.errors import AnglewiseError, FileError, ValuesError

X = np.eye(4, dtype=np.float32)
NAMES = ["d", "c", "b", "a"]


def _ids(source, **options):
    said = []
    space = read_space(source, say=said.append, **options)
    return space.items.ids.tolist(), "\n".join(said)


def _parquet(folder, ids, name="id"):
    path = folder / "items.parquet"
    vectors = pa.array(X.tolist(), pa.list_(pa.float32()))
    pq.write_table(pa.table({name: ids, "vector": vectors}), path)
    return path


UUIDS = [uuid.UUID(int=i) for i in (0x01020304, 7, 0xFFFF << 100, 1 << 64)]


def test_uuids_are_written_as_uuids_whatever_their_bytes(tmp_path):
    path = _parquet(tmp_path, pa.array([u.bytes for u in UUIDS], pa.uuid()))
    assert _ids(path)[0] == list(map(str, UUIDS))


@pytest.mark.parametrize("kind", [pa.binary(16), pa.binary(), pa.large_binary()])
def test_bytes_that_are_no_text_are_refused(tmp_path, kind):
    path = _parquet(tmp_path, pa.array([u.bytes for u in UUIDS], kind))
    with pytest.raises(ValuesError, match="'id' holds bytes that are no text"):
        read_space(path)
    readable = _parquet(tmp_path, pa.array([name.encode() * 16 for name in NAMES], kind))
    assert _ids(readable)[0] == [name * 16 for name in NAMES]


def test_bytes_in_arrays_that_are_no_text_are_refused(tmp_path):
    raw = np.array([u.bytes for u in UUIDS], dtype="S16")
    np.savez(tmp_path / "x.npz", items=X, item_ids=raw)
    with pytest.raises(AnglewiseError, match="no text"):
        read_space(tmp_path / "x.npz")
    np.save(tmp_path / "v.npy", X)
    np.save(tmp_path / "ids.npy", raw)
    with pytest.raises(AnglewiseError, match="no text"):
        read_space(items=tmp_path / "v.npy", item_ids=tmp_path / "ids.npy")


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([dt.datetime(2024, 1, day, tzinfo=dt.UTC) for day in range(1, 5)]),
        pa.array([dt.date(2024, 1, day) for day in range(1, 5)]),
        pa.array(range(4), pa.time32("s")),
        pa.array(range(4), pa.duration("s")),
    ],
)
def test_times_as_ids_are_refused(tmp_path, ids):
    with pytest.raises(ValuesError, match="holds times"):
        read_space(_parquet(tmp_path, ids))
    with pytest.raises(AnglewiseError, match="written in several ways"):
        Embeddings(X, ids=[dt.date(2024, 1, day) for day in range(1, 5)])


DATES = ["2024-01-05", "2024-01-05 10:00:00", "2024-01-05T10:00:00Z", "2024-01-06"]


@pytest.mark.parametrize("ids", [["2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08"], DATES])
def test_text_that_looks_like_a_date_stays_text_in_json_lines(tmp_path, ids):
    path = tmp_path / "items.jsonl"
    rows = ({"id": name, "vector": x} for name, x in zip(ids, X.tolist(), strict=True))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert _ids(path)[0] == ids


def test_dates_in_json_lines_are_still_times(tmp_path):
    path = tmp_path / "used.jsonl"
    rows = [{"user_id": "u", "item_id": str(i), "time": f"2024-01-0{i}T00:00:00"} for i in (1, 2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert np.diff(read_interactions(path).times).tolist() == [86400.0]


def test_whole_numbers_keep_every_digit_or_are_refused(tmp_path):
    big = [2**63 + 1, 2**63 + 3, 2**64 - 1, 17]
    assert _ids(_parquet(tmp_path, pa.array(big, pa.uint64())))[0] == list(map(str, big))
    path = tmp_path / "items.jsonl"
    rows = ({"id": name, "vector": x} for name, x in zip(big, X.tolist(), strict=True))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert _ids(path)[0] == list(map(str, big))


@pytest.mark.parametrize("first", [2**63, 2**64 + 1, 2**200, -(2**63) - 1])
def test_whole_numbers_in_json_lines_have_any_number_of_digits(tmp_path, first):
    path = tmp_path / "used.jsonl"
    rows = [{"user_id": first + i % 2, "item_id": i, "rating": 1.5} for i in range(4)]
    path.write_text("\n".join(json.dumps(row) + "\n" for row in rows))  # with blank lines
    used = read_interactions(path)
    assert set(used.user_ids) == {str(first), str(first + 1)}
    assert used.weights.tolist() == [1.5] * 4


def test_floats_in_json_lines_are_no_ids_and_large_weights_are_numbers(tmp_path):
    path = tmp_path / "used.jsonl"
    path.write_text('{"user_id": 9.3e18, "item_id": 1}\n{"user_id": 1, "item_id": 2}\n')
    with pytest.raises(ValuesError, match="have lost their last digits"):
        read_interactions(path)
    rows = [{"user_id": "u", "item_id": str(i), "rating": 2**70 + i} for i in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_interactions(path).weights.tolist() == [float(2**70)] * 3


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_ids_in_lines_hold_all_but_line_ends_and_padding(tmp_path, end, mark):
    ids = ["we\u2028ek", "a\u0085b", "\u00a0", "New\u00a0York ".strip(" ") + "\u00a0"]
    np.save(tmp_path / "v.npy", X)
    (tmp_path / "ids.txt").write_bytes((mark + end.join(f" {i}\t" for i in ids) + end).encode())
    assert _ids(None, items=tmp_path / "v.npy", item_ids=tmp_path / "ids.txt")[0] == ids


@pytest.mark.parametrize("name", ["docnos", "item_names", "movie_keys", "asin", "words", "X_ids"])
def test_ids_of_an_unusual_name_are_used_and_said(tmp_path, name):
    np.savez(tmp_path / "x.npz", items=X, **{name: np.array(NAMES)})
    ids, said = _ids(tmp_path / "x.npz")
    assert ids == NAMES
    assert f"took {name!r} of x.npz as the ids of the items" in said


@pytest.mark.parametrize("name", ["docnos", "item_names", "X_ids"])
def test_pickled_ids_of_an_unusual_name_are_refused(tmp_path, name):
    np.savez(tmp_path / "x.npz", items=X, **{name: np.array(NAMES, dtype=object)})
    with pytest.raises(FileError, match=f"{name!r} may hold the ids, and holds pickled"):
        read_space(tmp_path / "x.npz")


def test_two_arrays_that_may_be_the_ids_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", items=X, docnos=np.array(NAMES), urls=np.array(NAMES))
    with pytest.raises(FileError, match="docnos, urls may each hold the ids"):
        read_space(tmp_path / "x.npz")


def test_what_names_no_rows_is_not_taken_for_ids(tmp_path):
    np.savez(
        tmp_path / "x.npz",
        items=X,
        titles=np.array(NAMES),
        cluster_id=np.arange(4),
        norms=np.ones(4),
        names=np.array(["a", "a", "b", "c"]),
    )
    ids, said = _ids(tmp_path / "x.npz")
    assert ids == ["0", "1", "2", "3"]
    assert "names no ids: its rows are called 0, 1, 2" in said


@pytest.mark.parametrize("name", ["docno", "product_name", "item_key"])
def test_a_column_of_ids_of_an_unusual_name_is_used_and_said(tmp_path, name):
    ids, said = _ids(_parquet(tmp_path, pa.array(NAMES), name))
    assert ids == NAMES
    assert f"took {name!r} as the ids" in said
