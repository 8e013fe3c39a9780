"""No file takes more memory or time than it is worth: each attack is refused with one message."""

import gzip
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

from anglewise import (
    AnglewiseError,
    Embeddings,
    Judged,
    JudgementStore,
    Space,
    read_interactions,
    read_judgements,
    read_space,
    write_space,
)
from anglewise.errors import FileError, SpellingError
from anglewise.io import arrow_files, arrow_sizes, files, sizes
from anglewise.io.arrow_files import arrow_sheet, parquet_columns
from anglewise.io.arrow_sizes import pieces
from anglewise.io.delimited import delimited_sheet, open_sheet
from anglewise.io.judgement_formats import read_judged
from anglewise.io.runs import read_history
from anglewise.io.side_files import read_side
from anglewise.io.sizes import allowed, check_holds
from anglewise.io.space_folder import read_space_folder
from anglewise.io.tables import numbered
from anglewise.io.texts import read_texts, text_table
from anglewise.judgements.store_checks import bounded
from anglewise.rag.relevance import Relevance
from processor_time import at_most

SPACE = Space(items=Embeddings(np.eye(3), ["a", "b", "c"]))


@pytest.fixture
def little(monkeypatch):
    """A machine on which files may hold 1 MB."""
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")


@pytest.fixture
def seconds():
    """Break off what hangs, and fail what takes the square of the length of its file."""
    with at_most(10):
        yield


def refused(read, *words):
    with pytest.raises(AnglewiseError) as raised:
        read()
    text = str(raised.value)
    assert "\n" not in text
    assert all(word in text for word in words), text
    return text


# What is allowed


def test_the_environment_says_what_a_file_may_hold(monkeypatch):
    for said, size in {"8GB": 8 * 10**9, "1.5 gb": 1.5e9, "500": 500, "2k": 2000}.items():
        monkeypatch.setenv("ANGLEWISE_MEMORY", said)
        assert allowed(10**12) == size
    for said in ("much", "0", "-1GB", "1e400", "9" * 5000, "\N{ARABIC-INDIC DIGIT THREE}GB"):
        monkeypatch.setenv("ANGLEWISE_MEMORY", said)
        with pytest.raises(SpellingError, match="such as 8GB"):
            allowed(1)


def test_without_a_word_the_file_and_the_machine_decide(monkeypatch):
    monkeypatch.delenv("ANGLEWISE_MEMORY", raising=False)
    monkeypatch.setattr(sizes, "machine_memory", lambda: 16 * 10**9)
    assert allowed(70_000) == 1 << 30  # a small file holds no more than a GiB
    assert allowed(50_000_000) == 5 * 10**9  # a large one a hundred times its weight
    assert allowed(10**9) == 8 * 10**9  # but no more than half of the memory
    assert allowed(10**11) == 10**11  # and always its own weight


@pytest.mark.usefixtures("little")
def test_the_message_says_how_to_allow_more(tmp_path, monkeypatch):
    file = tmp_path / "much.csv"
    file.write_bytes(b"x")
    text = refused(lambda: check_holds(file, 5_000_000), "1 B", "5.0 MB", "1.0 MB are allowed")
    said = text.rsplit("ANGLEWISE_MEMORY=", 1)[1]
    monkeypatch.setenv("ANGLEWISE_MEMORY", said)
    check_holds(file, 5_000_000)


# Bombs


def lied_about(packed, size=5):
    """A gzip file whose end speaks of another size."""
    return packed[:-4] + size.to_bytes(4, "little")


@pytest.mark.parametrize("name", ["a.csv.gz", "a.npy.gz", "a.jsonl.gz", "a.npz.gz", "a.parquet.gz"])
@pytest.mark.parametrize("lie", [False, True])
@pytest.mark.usefixtures("little")
def test_a_gzip_file_unpacks_to_what_is_allowed(tmp_path, name, lie):
    packed = gzip.compress(b"id,x\n" + b"a,1\n" * 2_000_000)
    (tmp_path / name).write_bytes(lied_about(packed) if lie else packed)
    read = text_table if name == "a.csv.gz" else read_space
    refused(lambda: read(tmp_path / name), name, "ANGLEWISE_MEMORY")


@pytest.mark.usefixtures("little")
def test_many_gzip_parts_are_one_file(tmp_path):
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress(b"id,x\n") + gzip.compress(b"a,1\n" * 1000) * 500)
    refused(lambda: open_sheet(file), "ANGLEWISE_MEMORY")
    file.write_bytes(gzip.compress(b"id,x\n") + gzip.compress(b"a,1\n") * 3)
    assert len(open_sheet(file).columns([0])[0]) == 3


ROWS = 200_000


def tables():
    one = pa.array(["a" * 1000], pa.string())
    index = pa.array(np.zeros(ROWS, np.int32))
    return {
        "runs": pa.table({"id": pa.array(np.zeros(ROWS, np.int64)), "vector": vectors(ROWS)}),
        "dictionary": pa.table({"id": pa.DictionaryArray.from_arrays(index, one)}),
        "texts": pa.table({"id": pa.DictionaryArray.from_arrays(index, one).cast(pa.string())}),
        "gaps": pa.table({"id": pa.nulls(ROWS, pa.float64())}),
    }


def vectors(rows):
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ones(rows * 4, np.float32)), 4)


@pytest.mark.parametrize("kind", ["runs", "dictionary", "texts", "gaps"])
@pytest.mark.usefixtures("little")
def test_parquet_holds_what_is_allowed_however_it_is_packed(tmp_path, kind, monkeypatch):
    file = tmp_path / "a.parquet"
    parquet.write_table(tables()[kind], file, compression="zstd")
    assert file.stat().st_size < 200_000
    refused(lambda: parquet_columns(file, ["id"]), "ANGLEWISE_MEMORY")
    refused(lambda: arrow_sheet(file).columns([0]), "ANGLEWISE_MEMORY")
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1GB")
    assert arrow_sheet(file).columns([0])[0].to_pylist() == tables()[kind]["id"].to_pylist()


@pytest.mark.parametrize("version", ["1.0", "2.6"])
def test_pieces_of_parquet_are_those_that_arrow_tells(tmp_path, version):
    lists = pa.array([[1.5, 2.0], [], None, [3.0]] * 50, pa.list_(pa.float32()))
    flags = pa.array([True, None, False, True] * 50)
    table = pa.table({"a.b": ["x"] * 200, "v": lists, "f": flags, "": np.arange(200)})
    for rows, names in ((200, True), (7, ["a.b"])):
        parquet.write_table(
            table,
            tmp_path / "x.parquet",
            row_group_size=rows,
            version=version,
            use_dictionary=names,
            sorting_columns=[parquet.SortingColumn(0)],
        )
        about = parquet.read_metadata(tmp_path / "x.parquet")
        told = [
            (("a.b", "v", "f", "")[place], place, part.num_rows, *_sizes(part.column(place)))
            for part in map(about.row_group, range(about.num_row_groups))
            for place in range(4)
        ]
        assert list(pieces((tmp_path / "x.parquet").read_bytes())) == told


def varint(number, width=0):
    """A whole number as Thrift writes it, with as many bytes as another one took."""
    number, digits = 2 * number, []
    while number or not digits or len(digits) < width:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits[:-1], digits[-1] & 127])


def lie_in_the_end(file, number, instead):
    """Write another number in the end of a parquet file wherever this one stands."""
    data = file.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    real = varint(number)
    assert real in data[start:-8]
    end = data[start:-8].replace(real, varint(instead, len(real)))
    file.write_bytes(data[:start] + end + data[-8:])


@pytest.fixture
def arrow_takes():
    """How much memory Arrow took at most while a block ran."""
    pool = pa.default_memory_pool()

    def most(run):
        before = pool.bytes_allocated()
        peak, over = [0], threading.Event()

        def watch():
            while not over.wait(0.0005):
                peak[0] = max(peak[0], pool.bytes_allocated() - before)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            run()
        finally:
            over.set()
            watcher.join()
        return peak[0]

    return most


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.usefixtures("little")
def test_a_parquet_file_that_lies_of_its_size_is_refused(version, tmp_path, arrow_takes):
    file = tmp_path / "a.parquet"
    texts = [str(i) + "a" * 20_000_000 for i in range(4)]
    options = {"use_dictionary": False, "write_statistics": False, "store_schema": False}
    parquet.write_table(
        pa.table({"id": texts}), file, compression="zstd", data_page_version=version, **options
    )
    size = parquet.read_metadata(file).row_group(0).column(0).total_uncompressed_size
    lie_in_the_end(file, size, 50)
    assert parquet.read_metadata(file).row_group(0).column(0).total_uncompressed_size == 50
    taken = arrow_takes(lambda: refused(lambda: parquet_columns(file), "ANGLEWISE_MEMORY"))
    assert taken < 10_000_000


@pytest.mark.usefixtures("little")
def test_a_parquet_file_that_lies_of_its_values_is_refused(tmp_path, arrow_takes):
    file = tmp_path / "a.parquet"
    numbers = np.zeros(10_000_000, np.int32)
    offsets = pa.array(np.array([0, len(numbers)], np.int32))
    parquet.write_table(
        pa.table({"id": pa.ListArray.from_arrays(offsets, pa.array(numbers))}),
        file,
        compression="zstd",
        write_statistics=False,
        data_page_size=1 << 30,
        max_rows_per_page=1 << 30,
    )
    lie_in_the_end(file, len(numbers), 50)
    taken = arrow_takes(lambda: refused(lambda: parquet_columns(file), "ANGLEWISE_MEMORY"))
    assert taken < 10_000_000


def continued(number, length):
    return pa.array(["a" * length + str(i) for i in range(number)])


def inner(column):
    """A column in lists, structs and maps."""
    pairs = pa.MapArray.from_arrays(np.arange(len(column) + 1, dtype=np.int32), column, column)
    lists = pa.ListArray.from_arrays(np.arange(len(column) + 1, dtype=np.int32), column)
    return {"list": lists, "struct": pa.StructArray.from_arrays([column], ["x"]), "map": pairs}


@pytest.mark.usefixtures("little")
def test_texts_that_are_continued_from_one_another_are_counted(tmp_path, monkeypatch, arrow_takes):
    """Each text says how much of the one before it begins with: a megabyte in two bytes."""
    file, column = tmp_path / "a.parquet", continued(200, 1_000_000)
    encoding = {"use_dictionary": False, "column_encoding": {"id": "DELTA_BYTE_ARRAY"}}
    parquet.write_table(pa.table({"id": column}), file, compression="zstd", **encoding)
    assert file.stat().st_size < 10_000
    taken = arrow_takes(lambda: refused(lambda: parquet_columns(file), "ANGLEWISE_MEMORY"))
    assert taken < 20_000_000
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1GB")
    assert parquet_columns(file)["id"].combine_chunks() == column


@pytest.mark.parametrize("kind", ["list", "struct", "map"])
@pytest.mark.usefixtures("little")
def test_texts_within_lists_are_counted(kind, tmp_path, monkeypatch, arrow_takes):
    file, long = tmp_path / "a.parquet", pa.array(["a" * 1_000_000])
    column = inner(pa.DictionaryArray.from_arrays(np.zeros(200, np.int32), long).cast("string"))
    table = pa.table({"id": column[kind]})
    parquet.write_table(table, file, compression="zstd")
    assert file.stat().st_size < 10_000
    taken = arrow_takes(lambda: refused(lambda: parquet_columns(file), "ANGLEWISE_MEMORY"))
    assert taken < 20_000_000
    monkeypatch.setenv("ANGLEWISE_MEMORY", "250MB" if kind != "map" else "500MB")
    assert parquet_columns(file)["id"].combine_chunks() == table["id"].combine_chunks()
    parquet.write_table(
        pa.table({"id": inner(continued(2000, 1000))[kind]}),
        file,
        use_dictionary=False,
        column_encoding={
            name: "DELTA_BYTE_ARRAY"
            for name in ("id.list.element", "id.x", "id.key_value.key", "id.key_value.value")
            if name.split(".")[1] == {"struct": "x", "map": "key_value"}.get(kind, kind)
        },
    )
    assert len(parquet_columns(file)) == 2000
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    refused(lambda: parquet_columns(file), "a.parquet", "with dictionaries or plainly")


@pytest.mark.usefixtures("little")
def test_vectors_that_are_texts_are_refused_before_they_are_unpacked(tmp_path, arrow_takes):
    file, rows = tmp_path / "items.parquet", 300
    texts = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array(["a" * 900_000]))
    vectors = pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32), texts.cast("string"))
    table = pa.table({"id": [str(i) for i in range(rows)], "vector": vectors})
    parquet.write_table(table, file, compression="zstd")
    taken = arrow_takes(lambda: refused(lambda: read_side(file), "numbers are due"))
    assert taken < 5_000_000


def _sizes(column):
    return column.num_values, column.total_uncompressed_size


@pytest.mark.usefixtures("little")
def test_vectors_that_are_read_by_blocks_are_counted_too(tmp_path):
    """They may lie on a disk, up to a hundred times what the file weighs."""
    numbers = pa.array(np.ones(8_000_000, np.float32))  # 32 MB, in some kilobytes
    wide = pa.FixedSizeListArray.from_arrays(numbers, 4_000)
    table = pa.table({"id": [str(i) for i in range(2_000)], "vector": wide})
    file = tmp_path / "items.parquet"
    parquet.write_table(table, file, compression="zstd")
    assert file.stat().st_size < 320_000
    refused(lambda: read_side(file), "items.parquet", "ANGLEWISE_MEMORY")


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.usefixtures("little")
def test_arrow_holds_what_is_allowed_however_it_is_packed(tmp_path, codec, stream):
    file, table = tmp_path / "a.arrow", tables()["runs"]
    options = ipc.IpcWriteOptions(compression=codec)
    writer = ipc.new_stream if stream else ipc.new_file
    with writer(file, table.schema, options=options) as out:
        out.write_table(table, max_chunksize=50_000)
    assert file.stat().st_size < 200_000
    refused(lambda: read_space(file), "a.arrow", "ANGLEWISE_MEMORY")


@pytest.mark.parametrize("codec", ["zstd", "lz4", "uncompressed"])
def test_packed_arrow_is_read_where_it_is_allowed(tmp_path, codec):
    table = pa.table({"id": [str(i) for i in range(100)], "vector": vectors(100)})
    feather.write_feather(table, tmp_path / "a.feather", compression=codec)
    assert read_space(tmp_path / "a.feather").items.vectors.shape == (100, 4)


@pytest.mark.usefixtures("little")
def test_a_dictionary_is_written_out_where_that_is_allowed(tmp_path):
    feather.write_feather(tables()["dictionary"], tmp_path / "a.feather")
    refused(lambda: open_sheet(tmp_path / "a.feather").columns([0]), "ANGLEWISE_MEMORY")


def header(shape, kind="<f4"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((10**10,), "<f4"), ((2**32, 2**32), "<f4"), ((10**10, 0), "<f4"), ((10**10,), "<U0")],
)
@pytest.mark.parametrize("name", ["a.npy", "a.npy.gz", "a.npz"])
def test_numpy_files_hold_what_they_say(tmp_path, shape, kind, name):
    data, file = header(shape, kind) + bytes(400), tmp_path / name
    if name == "a.npz":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("items.npy", data)
    else:
        file.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    refused(lambda: read_space(file), name, "too few")


@pytest.mark.usefixtures("little")
def test_a_zip_holds_what_is_allowed(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", items=np.ones((1000, 1000)))
    refused(lambda: read_space(tmp_path / "a.npz"), "a.npz", "ANGLEWISE_MEMORY")


def sparse(file, **changed):
    parts = {
        "format": np.array(b"csr"),
        "shape": np.array([2, 2]),
        "data": np.ones(2),
        "indices": np.array([0, 1]),
        "indptr": np.array([0, 1, 2]),
    }
    np.savez(file, **{**parts, **changed})
    return file


def test_a_sparse_matrix_names_no_more_rows_than_is_allowed(tmp_path):
    file = sparse(
        tmp_path / "m.npz",
        format=np.array(b"coo"),
        shape=np.array([10**10, 10**10]),
        row=np.array([0, 1]),
        col=np.array([0, 1]),
    )
    refused(lambda: read_interactions(file), "m.npz", "ANGLEWISE_MEMORY")


@pytest.mark.parametrize("ends", [[0, 10**11, 2], [0, 1, 10**10], [1, 1, 2]])
def test_the_row_ends_of_a_sparse_matrix_fit_its_entries(tmp_path, ends):
    file = sparse(tmp_path / "m.npz", indptr=np.array(ends))
    refused(lambda: read_interactions(file), "m.npz", "damaged")
    assert len(read_interactions(sparse(tmp_path / "good.npz")).weights) == 2


@pytest.mark.parametrize("first", ["1 1000000000", "3 " + "9" * 15, "9" * 5000 + " 3"])
@pytest.mark.usefixtures("seconds")
def test_word2vec_says_no_more_than_the_file_has_room_for(tmp_path, first):
    (tmp_path / "a.vec").write_text(f"{first}\na 1 2 3\n")
    refused(lambda: read_space(tmp_path / "a.vec"), "a.vec")


def saved_parts(folder, names, options=None):
    table = pa.table({"id": [str(i) for i in range(1000)], "vector": vectors(1000)})
    folder.mkdir()
    for name in names:
        if not (folder / name).exists():
            with ipc.new_stream(folder / name, table.schema, options=options) as out:
                out.write_table(table)
    (folder / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": n} for n in names]})
    )
    return folder


def test_a_data_set_names_each_part_once(tmp_path):
    refused(lambda: read_space(saved_parts(tmp_path / "a", ["x.arrow"] * 2)), "more than once")
    linked = saved_parts(tmp_path / "b", ["x.arrow", "y.arrow"])
    (linked / "y.arrow").unlink()
    (linked / "y.arrow").symlink_to("x.arrow")
    refused(lambda: read_space(linked), "y.arrow", "more than once")


def test_the_parts_of_a_data_set_are_counted_together(tmp_path, monkeypatch):
    options = ipc.IpcWriteOptions(compression="zstd")
    folder = saved_parts(tmp_path / "a", [f"{i}.arrow" for i in range(20)], options)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "100kB")  # one part has 23 kB
    refused(lambda: arrow_files.saved_dataset(folder), str(folder), "ANGLEWISE_MEMORY")
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    assert len(arrow_files.saved_dataset(folder).columns([0])[0]) == 20_000


def test_the_parts_of_a_data_set_that_have_no_room_together_are_mapped(tmp_path, monkeypatch):
    folder = saved_parts(tmp_path / "a", [f"{i}.arrow" for i in range(20)])
    for memory, mapped in (("100kB", 20), ("2MB", 0)):
        monkeypatch.setenv("ANGLEWISE_MEMORY", memory)
        sheet = arrow_files.saved_dataset(folder)
        assert len(files._mapped) == mapped
        del sheet


# Depth and width


@pytest.mark.parametrize("bracket", ["[]", '{"a":}'])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "relevance.json"])
def test_deep_json_is_refused(tmp_path, name, bracket):
    """A table of this depth ended the program."""
    file, half = tmp_path / name, len(bracket) - 1
    deep = bracket[:half] * 300_000 + "1" * (half > 1) + bracket[half:] * 300_000
    file.write_text(f'{{"_id": "a", "vector": [1, 2], "x": {deep}}}\n')
    for read in (read_space, read_judged, text_table if name == "a.jsonl" else read_judged):
        refused(lambda read=read: read(file))
    if name == "a.jsonl":
        refused(lambda: arrow_sheet(file), "line 1", "deep")
        refused(lambda: read_texts(file, ["a"]), "line 1")


def test_brackets_in_texts_are_no_depth(tmp_path):
    rows = [{"_id": str(i), "vector": [1, i], "text": '"' + "[{" * 300 + "\\"} for i in range(3)]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    assert len(arrow_sheet(file).columns([0])[0]) == 3
    assert text_table(file)[0] == ["0", "1", "2"]


@pytest.mark.usefixtures("little")
def test_a_key_a_line_is_no_table(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(json.dumps({"id": str(i), f"k{i}": 1}) for i in range(2000)))
    for read in (arrow_sheet, text_table):
        refused(lambda read=read: read(file), "a.jsonl", "ANGLEWISE_MEMORY")


def test_a_deep_description_is_refused(tmp_path):
    write_space(SPACE, tmp_path / "s")
    said = json.loads((tmp_path / "s" / "space.json").read_text())
    said["about"] = {"x": json.loads("[" * 500 + "]" * 500)}
    (tmp_path / "s" / "space.json").write_text(json.dumps(said, indent=1))
    refused(lambda: read_space_folder(tmp_path / "s"), "space.json", "deep")


LONG = "9" * 5000


def test_numbers_of_any_length_are_ids():
    _, ids = numbered(pa.array([LONG, "10", "9", "٣", "010"]))
    assert ids.tolist() == ["٣", "9", "010", "10", LONG]


def test_numbers_too_long_are_refused_wherever_they_stand(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(f'[{{"data": {{"query_id": {LONG}}}, "annotations": []}}]')
    refused(lambda: read_judged(file), "a.json")
    (tmp_path / "a.jsonl").write_text(f'{{"_id": {LONG}, "text": "x"}}\n')
    refused(lambda: text_table(tmp_path / "a.jsonl"), "line 1")
    (tmp_path / "r.csv").write_text(f"user_id,item_id,rating,time\na,x,{LONG},1\n")
    refused(lambda: read_interactions(tmp_path / "r.csv"), "line 2")
    (tmp_path / "r.csv").write_text(f"user_id,item_id,rating,time\na,x,1,{LONG}\n")
    refused(lambda: read_interactions(tmp_path / "r.csv", time="time"), "line 2")
    with pytest.raises(AnglewiseError, match="grade"):
        Judged("q", "d", 10**400, judge="a")
    write_space(SPACE, tmp_path / "s")
    (tmp_path / "s" / "space.json").write_text(f'{{"format": {LONG}}}')
    refused(lambda: read_space_folder(tmp_path / "s"), "space.json")


# Time


BLANKS = " " * 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        f"q1 0 a{BLANKS}1\nq2 0 b 1\n",
        f"q1 0 a 1{BLANKS}\nq2 0 b 1{BLANKS}\r\n",
        f"{BLANKS}q1 0 a 1\nq2 0 b 1\n",
        "q1 0 a 1\nq2 0 b 1" + "\t" * 1_000_000 + "\x0b\n",
        "q1 0 a 1\n" + BLANKS + "x\n",
    ],
)
@pytest.mark.usefixtures("seconds")
def test_blanks_in_qrels_take_time_by_their_number(tmp_path, text):
    file = tmp_path / "qrels.txt"
    file.write_text(text, newline="")
    for read in (lambda: delimited_sheet(file).columns([0]), lambda: read_judged(file)):
        try:
            read()
        except AnglewiseError as error:
            assert "qrels.txt" in str(error)  # noqa: PT017 either is right, waiting is not


def test_qrels_are_parted_by_any_blanks(tmp_path):
    file = tmp_path / "qrels.txt"
    file.write_text("  q1\t 0   a  1 \nq2 Q0 b -1.5\t\r\n\t q3 0 c\t2", newline="")
    columns = delimited_sheet(file).columns([0, 2, 3])
    assert [c.to_pylist() for c in columns] == [
        ["q1", "q2", "q3"],
        ["a", "b", "c"],
        ["1", "-1.5", "2"],
    ]


REFUSED = """
import sys
sys.path.append(sys.argv[2])
from pathlib import Path
from anglewise.io.judgement_formats import read_judged
from processor_time import growth

def read(rows):
    Path(sys.argv[1]).write_text("query_id,item_id,grade\\nq,d,1\\n" + 'q,"d"x,1\\n' * rows)
    assert len(read_judged(sys.argv[1]).rejects) == rows

print(growth(read, 12_500, times=4))
"""


def test_refused_rows_take_time_by_their_number(tmp_path):
    """In a process that checks no types: their checks take most of the time here."""
    words = ["-c", REFUSED, tmp_path / "a.csv", Path(__file__).parent]
    run = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    assert float(run.stdout) < 8


# Stores


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "judgements.sqlite"
    with JudgementStore.open(path) as made:
        made.add(Judged("q", "a", 1, judge="anna"))
    return path


ENDLESS = """
    CREATE VIEW judgements AS WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1
    FROM n) SELECT number, '' AS uuid, NULL AS takes_back, 'items-items' AS direction,
    '' AS query_id, '' AS item_id, 1.0 AS grade, '' AS judge, 1.0 AS time, 'human' AS source,
    '{}' AS context, NULL AS probability, '' AS note FROM n"""


COUNTED = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i < 0) FROM n"""


@pytest.mark.parametrize(
    "script",
    [
        f"DROP TABLE judgements; {ENDLESS}",
        "CREATE VIEW other AS SELECT 1",
        "CREATE TRIGGER more AFTER INSERT ON judgements BEGIN SELECT 1; END",
        "DROP TRIGGER never_removed",
        "ALTER TABLE judgements ADD COLUMN more TEXT AS (hex(zeroblob(1000000)))",
        "CREATE INDEX more ON judgements (hex(zeroblob(7000000)))",
        "CREATE INDEX more ON judgements (judge) WHERE hex(zeroblob(7000000)) > judge",
        "CREATE UNIQUE INDEX more ON judgements (uuid)",
        "CREATE VIRTUAL TABLE more USING fts5(a)",
    ],
    ids=[
        "endless view",
        "view",
        "trigger",
        "fewer triggers",
        "computed column",
        "computed index",
        "index with a condition",
        "unique index",
        "virtual table",
    ],
)
@pytest.mark.usefixtures("seconds")
def test_a_store_holds_our_table_and_nothing_that_computes(store, script):
    with sqlite3.connect(store) as connection:
        connection.executescript(script)
    connection.close()
    refused(lambda: JudgementStore.open(store, read_only=True), "is no store of judgements")
    refused(lambda: JudgementStore.open(store), "is no store of judgements")
    refused(lambda: read_judgements(store, SPACE, direction="items-items"), "is no store")


SQLITES_NAMES = {
    "trigger": """INSERT INTO sqlite_master VALUES ('trigger', 'sqlite_more', 'judgements', 0,
        'CREATE TRIGGER sqlite_more AFTER INSERT ON judgements BEGIN SELECT 1; END')""",
    "index": """INSERT INTO sqlite_master SELECT 'index', 'sqlite_more', 'judgements', rootpage,
        'CREATE INDEX sqlite_more ON judgements (hex(zeroblob(7000000)))' FROM sqlite_master
        WHERE name = 'more'; DELETE FROM sqlite_master WHERE name = 'more'""",
    "view": """INSERT INTO sqlite_master VALUES ('view', 'sqlite_stat1', 'sqlite_stat1', 0,
        'CREATE VIEW sqlite_stat1 AS SELECT 1')""",
}


@pytest.mark.parametrize("kind", SQLITES_NAMES)
def test_a_name_as_those_of_sqlite_hides_nothing(store, kind):
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE INDEX more ON judgements (judge)")
    connection.close()
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.executescript(SQLITES_NAMES[kind])
    connection.close()
    refused(lambda: JudgementStore.open(store), "is no store of judgements")


def test_other_plain_tables_and_indexes_do_no_harm(store):
    with sqlite3.connect(store) as connection:
        connection.executescript(
            "CREATE TABLE other (a); CREATE INDEX by_judge ON judgements (judge); ANALYZE"
        )
    connection.close()
    with JudgementStore.open(store, read_only=True) as opened:
        assert len(list(opened.rows())) == 1


@pytest.mark.usefixtures("seconds")
def test_a_question_that_does_not_end_is_broken_off(store):
    with JudgementStore.open(store) as opened:
        connection = opened._connection
        with pytest.raises(FileError, match="damaged"), bounded(store, connection):
            connection.execute(COUNTED).fetchall()
        assert len(list(opened.rows())) == 1


def test_a_row_larger_than_any_judgement_is_refused(store):
    with sqlite3.connect(store) as connection:
        connection.execute(
            "INSERT INTO judgements (uuid, direction, query_id, item_id, grade, judge, time,"
            " source, note) VALUES ('x', 'items-items', 'a', 'b', 1, 'anna', 1, 'human',"
            " hex(zeroblob(10000000)))"
        )
    connection.close()
    with JudgementStore.open(store, read_only=True) as opened:
        refused(lambda: list(opened.rows()), "too big")


def test_a_deep_context_in_a_store_is_damage(store):
    with sqlite3.connect(store) as connection:
        connection.execute(
            "INSERT INTO judgements (uuid, direction, query_id, item_id, grade, judge, time,"
            " source, context) VALUES ('x', 'items-items', 'a', 'b', 1, 'anna', 1, 'human', ?)",
            ["[" * 100_000],
        )
    connection.close()
    with JudgementStore.open(store, read_only=True) as opened:
        refused(lambda: list(opened.rows()), "damaged")


# What is no file


READERS = {
    "space": read_space,
    "interactions": read_interactions,
    "judgements": lambda path: read_judgements(path, SPACE),
    "judged": read_judged,
    "texts": lambda path: read_texts(path, ["a"]),
    "history": read_history,
    "store": lambda path: JudgementStore.open(path, read_only=True),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("ending", ["csv", "npy", "npz", "parquet", "jsonl", "txt", "sqlite"])
@pytest.mark.parametrize("name", READERS)
@pytest.mark.usefixtures("seconds")
def test_a_pipe_is_refused_at_once(tmp_path, name, ending):
    os.mkfifo(tmp_path / f"a.{ending}")
    refused(lambda: READERS[name](tmp_path / f"a.{ending}"), "a pipe")


@pytest.mark.usefixtures("seconds")
def test_a_pipe_is_refused_even_while_somebody_writes():
    reading, writing = os.pipe()
    os.write(writing, b"id,x\na,1\n")
    try:
        refused(lambda: open_sheet(f"/dev/fd/{reading}"), "a pipe")
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.usefixtures("seconds")
def test_devices_sockets_and_folders_are_refused(tmp_path, name, monkeypatch):
    refused(lambda: READERS[name]("/dev/zero"), "/dev/zero")
    monkeypatch.chdir(tmp_path)  # the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.csv")
        refused(lambda: READERS[name](tmp_path / "s.csv"), "s.csv")
    (tmp_path / "f.csv").mkdir()
    refused(lambda: READERS[name](tmp_path / "f.csv"), "f.csv")


@pytest.mark.usefixtures("seconds")
def test_a_pipe_in_the_place_of_a_part_of_a_space_is_refused(tmp_path):
    write_space(SPACE, tmp_path / "s")
    (tmp_path / "s" / "items.parquet").unlink()
    os.mkfifo(tmp_path / "s" / "items.parquet")
    refused(lambda: read_space_folder(tmp_path / "s"), "a pipe")


# Damage


def test_vectors_and_ids_of_a_space_are_as_many(tmp_path, monkeypatch):
    from anglewise.io import side_files as space_tables

    write_space(SPACE, tmp_path / "s")
    whole = space_tables.column_blocks

    for changed in (lambda block: block.slice(1), lambda block: pa.concat_arrays([block, block])):
        monkeypatch.setattr(
            space_tables,
            "column_blocks",
            lambda path, name, changed=changed: map(changed, whole(path, name)),
        )
        refused(lambda: read_space_folder(tmp_path / "s"), "items.parquet", "damaged")


def learned(**changed):
    curve = {"scores": [0.0, 1.0], "probabilities": [0.1, 0.5], **changed.pop("curve", {})}
    share = {"value": 0.9, "low": 0.8, "high": 1.0}
    said = {"kind": "isotonic", "curve": curve, "measure": "dot", "threshold": 0.2, "recall": 0.95}
    return {**said, "held_out_recall": share, **changed}


@pytest.mark.parametrize(
    "curve",
    [
        {"scores": [0.0, 1.0, 2.0]},
        {"scores": [1.0, 0.0]},
        {"scores": [], "probabilities": []},
        {"scores": [[0.0, 1.0]], "probabilities": [[0.0, 1.0]]},
        {"probabilities": [0.5, 0.1]},
        {"probabilities": [0.5, 1.1]},
        {"probabilities": [0.5, float("nan")]},
    ],
)
def test_a_curve_of_relevance_rises_and_is_even(curve):
    from anglewise.rag.relevance import _curve

    assert _curve("isotonic", learned()["curve"]) is not None
    with pytest.raises(ValueError, match=r"one each|do not rise"):
        _curve("isotonic", learned(curve=curve)["curve"])
    refused(lambda: Relevance.from_dict(learned(curve=curve)), "no learned relevance")


FAR = 253402300800 * 10_000


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_dates_past_all_years_are_numbers_or_refused(tmp_path, unit):
    pairs = {"user_id": ["a", "b"], "item_id": ["x", "y"]}
    for far in (FAR, 2**62):
        table = pa.table({**pairs, "time": pa.array([far, 5], pa.timestamp(unit))})
        feather.write_feather(table, tmp_path / "a.feather")
        scale = {"s": 1, "ms": 10**3, "us": 10**6}[unit]
        if far / scale * 1000 < 2**63:
            times = read_interactions(tmp_path / "a.feather", time="time").times
            assert times[0] == pytest.approx(far / scale)
        else:
            refused(lambda: read_interactions(tmp_path / "a.feather", time="time"), "times")


def test_dates_that_python_does_not_know_are_refused_as_texts_and_judgements(tmp_path):
    columns = {"query_id": ["q"], "item_id": ["d"], "grade": [1], "id": ["a"]}
    table = pa.table({**columns, "time": pa.array([FAR], pa.timestamp("s"))})
    parquet.write_table(table.cast(table.schema), tmp_path / "a.parquet")
    refused(lambda: read_judged(tmp_path / "a.parquet"), "a.parquet")
    refused(lambda: text_table(tmp_path / "a.parquet"), "a.parquet")


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("key", ["k{}", 'k{}"x', "k{}\\", "{}é"])
def test_keys_are_told_apart_however_they_are_escaped(tmp_path, key):
    file = tmp_path / "a.jsonl"
    rows = [json.dumps({"id": str(i), key.format(i): 1}).replace('":', '" :') for i in range(2000)]
    file.write_text("\n".join(rows))
    refused(lambda: arrow_sheet(file), "ANGLEWISE_MEMORY")


@pytest.mark.usefixtures("little")
def test_quotes_in_texts_are_no_keys(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(
        "\n".join(json.dumps({"id": str(i), "text": f'{{"k{i}": 1}}'}) for i in range(2000))
    )
    assert arrow_sheet(file).names == ("id", "text")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no such limit here")
@pytest.mark.parametrize("name", ["v.npy", "v.parquet"])
def test_too_many_open_files_are_not_called_a_damaged_file(tmp_path, name):
    import resource

    np.save(tmp_path / "v.npy", np.eye(3))
    vectors = pa.array(np.eye(3).tolist())
    parquet.write_table(pa.table({"vector": vectors}), tmp_path / "v.parquet")
    read_space(tmp_path / name)  # whatever is imported is imported now
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        refused(lambda: read_space(tmp_path / name), name, "too many files are open", "ulimit -n")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_description_of_parquet_that_nests_deeply_is_refused():
    nested = b"\x1c" * 1_000_000 + bytes(1_000_001)  # a struct in a struct, each as field 1
    with pytest.raises(ValueError, match="too deep"):
        list(pieces(nested + len(nested).to_bytes(4, "little") + b"PAR1"))


@pytest.mark.parametrize("kind", [7, 8], ids=["doubles", "texts"])
def test_a_list_that_says_it_is_long_is_not_made_of_no_bytes(kind):
    count, said = 1 << 40, bytearray()
    while count:
        said.append(count & 127 | (128 if count > 127 else 0))
        count >>= 7
    a_list_in_a_struct = bytes([0x19, 0xF0 | kind, *said, 0x01])
    with pytest.raises((StopIteration, RuntimeError)):
        arrow_sizes._thrift_struct(iter(a_list_in_a_struct))
