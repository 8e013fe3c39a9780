"""Vectors stay those of the file that was read, whatever is written into it afterwards."""

import io
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from anglewise import read_space
from anglewise.cli.console import Talk
from anglewise.cli.inspect import _read
from anglewise.cli.options import NOTHING_SPECIAL, Vectors
from anglewise.data_types import memory
from anglewise.data_types.columns import column
from anglewise.errors import FileError
from anglewise.io import arrow_files, files
from anglewise.io.arrow_sizes import TextReading
from cli_run import anglewise, refused
from inspect_site import FROM_HERE, site

__all__ = ["anglewise"]

OLD = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
NEW = -OLD[::-1]


def table(vectors, title="Old"):
    rows = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    ids = [str(i) for i in range(len(vectors))]
    return pa.table({"id": ids, "vector": rows, "title": [f"{title} {i}" for i in ids]})


def write_npy(path, vectors):
    np.save(path, vectors)


def write_arrow(path, vectors):
    feather.write_feather(table(vectors), path, compression="uncompressed")


def write_stream(path, vectors):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table(vectors).schema) as out:
        out.write_table(table(vectors))


def write_dataset(path, vectors):
    path.mkdir(exist_ok=True)
    write_stream(path / "data-00000-of-00001.arrow", vectors)
    (path / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')


WRITERS = {
    "items.npy": write_npy,
    "items.arrow": write_arrow,
    "stream.arrow": write_stream,
    "dataset": write_dataset,
}


@pytest.fixture
def mapping(monkeypatch):
    """Files are mapped, as those are that are too large for the memory."""
    monkeypatch.setattr(files, "fits_memory", lambda _: False)


def opened(path, *, store=None):
    """The site of a page that was opened on a file of vectors."""
    talk = Talk(NOTHING_SPECIAL)
    client = site(_read(None, Vectors(items=path), 0, store, talk))
    client.app.app.state.app.fresh.every = 0.0
    return client


def titles(text):
    return re.findall(r"(?:Old|New) \d+", text)


@pytest.mark.parametrize("name", WRITERS)
def test_vectors_stay_when_their_file_is_overwritten(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path, OLD)
    vectors = read_space(items=path).items.vectors
    WRITERS[name](path, NEW)
    assert np.array_equal(vectors, OLD)
    WRITERS[name](path, NEW[:2])  # a mapped file that is cut short ends the process
    assert np.array_equal(vectors, OLD)


def test_a_file_beyond_a_quarter_of_the_memory_is_mapped(monkeypatch):
    monkeypatch.delenv("ANGLEWISE_MEMORY", raising=False)
    monkeypatch.setattr(memory, "machine_memory", lambda: 4000)
    assert memory.fits_memory(1000)
    assert not memory.fits_memory(1001)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "500")
    assert not memory.fits_memory(501)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "5000")
    assert not memory.fits_memory(1001)


def test_a_file_that_is_written_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "items.npy"
    np.save(path, OLD)

    class SlowFile(io.FileIO):
        def readall(self):
            half = self.read(400)
            np.save(path, NEW)
            return half + super().readall()

    monkeypatch.setattr(io, "FileIO", SlowFile)
    with pytest.raises(FileError, match=r"items\.npy was written anew while it was read"):
        read_space(items=path)


@pytest.mark.usefixtures("mapping")
@pytest.mark.parametrize("name", WRITERS)
def test_a_mapped_file_that_was_written_into_is_told(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path, OLD)
    vectors = read_space(items=path).items.vectors
    files.check_mapped()
    WRITERS[name](path, NEW)
    with pytest.raises(FileError, match="was written anew while it was read"):
        files.check_mapped()
    del vectors


@pytest.mark.usefixtures("mapping")
def test_a_mapped_file_that_was_replaced_is_still_the_old_one(tmp_path):
    path = tmp_path / "items.npy"
    np.save(path, OLD)
    vectors = read_space(items=path).items.vectors
    np.save(tmp_path / "new.npy", NEW)
    (tmp_path / "new.npy").replace(path)
    files.check_mapped()
    assert np.array_equal(vectors, OLD)
    path.unlink()
    files.check_mapped()


@pytest.mark.usefixtures("mapping")
def test_a_command_gives_no_result_about_a_file_that_changed(tmp_path, monkeypatch, anglewise):
    path, out = tmp_path / "items.npy", tmp_path / "out.json"
    np.save(path, OLD)
    run = files.check_mapped

    def changing():
        np.save(path, NEW)
        run()

    monkeypatch.setattr(files, "check_mapped", changing)
    words = ("search", path, "--query", "3", "--json", out)
    assert refused(anglewise(*words), "items.npy was written anew while it was read")
    assert not out.exists()


def test_a_page_of_a_file_keeps_its_vectors_and_says_that_the_file_changed(tmp_path):
    path = tmp_path / "items.npy"
    np.save(path, OLD)
    client = opened(path)
    address = "/?direction=items-items&query=5&measure=dot"
    before = client.get(address).text
    assert "has been written anew" not in before
    np.save(path, NEW[:2])
    after = client.get(address).text
    assert "has been written anew" in after

    def rows(text):
        return re.findall(r'data-row="(\d+)"', text)

    assert rows(before) == rows(after) != []


@pytest.mark.usefixtures("mapping")
def test_a_page_of_a_mapped_file_answers_nothing_about_another_one(tmp_path):
    path = tmp_path / "items.npy"
    np.save(path, OLD)
    client = opened(path)
    address = "/?direction=items-items&query=5&measure=dot"
    assert client.get(address).status_code == 200
    np.save(path, NEW)
    refused = client.get(address)
    assert refused.status_code == 400
    assert "was written anew while it was read" in refused.text
    client.app.app.state.app.read = lambda: _read(
        None, Vectors(items=path), 0, None, Talk(NOTHING_SPECIAL)
    )
    assert client.post("/reload", headers=FROM_HERE).status_code == 303
    assert client.get(address).status_code == 200


def test_titles_of_a_parquet_file_that_was_written_anew_are_refused(tmp_path):
    path = tmp_path / "items.parquet"
    pq.write_table(table(OLD), path)
    items = read_space(items=path).items
    pq.write_table(table(NEW, "New"), path)
    with pytest.raises(FileError, match=r"items\.parquet was written anew while it was read"):
        column(items, "title")


@pytest.mark.parametrize("opening", [1, 2])
def test_a_parquet_file_that_is_replaced_between_two_looks_is_refused(
    opening, tmp_path, monkeypatch
):
    """Its size is looked at in one opening, and it is read in another."""
    path = tmp_path / "items.parquet"
    pq.write_table(table(OLD), path)
    pq.write_table(table(NEW, "New"), tmp_path / "new.parquet")
    usual, openings = arrow_files.parquet_file, []

    def replaced(*words):
        openings.append(words)
        if len(openings) == opening + 1:
            (tmp_path / "new.parquet").replace(path)
        return usual(*words)

    monkeypatch.setattr(arrow_files, "parquet_file", replaced)
    if opening == 2:  # a third one, for a column that is read in portions
        monkeypatch.setattr(
            arrow_files,
            "check_parquet",
            lambda *_: TextReading(at_once={"title": 2}, dictionaries=()),
        )
    with pytest.raises(FileError, match=r"items\.parquet was written anew while it was read"):
        arrow_files.parquet_columns(path, ["title"])


def test_a_page_shows_no_titles_that_were_written_into_an_open_file(tmp_path):
    path = tmp_path / "items.parquet"
    pq.write_table(table(OLD), path)
    client = opened(path)
    pq.write_table(table(NEW, "New"), path)
    answer = client.get("/?direction=items-items&query=5")
    assert "New" not in "".join(titles(answer.text))
    assert answer.status_code == 400
    assert "written anew since the page was opened" in answer.text
