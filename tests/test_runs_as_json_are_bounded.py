"""A run as JSON costs time and memory by what stands in it, not by what it is made to do."""

import gzip
import json
import time

import pytest

import anglewise as aw
from anglewise.cli.context import read_relevance
from anglewise.data_types.memory import VARIABLE
from anglewise.encoders.tokenizer_files import check_tokenizer
from anglewise.errors import FileError, ValuesError


def packed(path, text):
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_a_key_that_stands_twice_at_the_end_of_a_long_list_is_refused_at_once(tmp_path):
    entries = ",".join(f'"i{i}": 1' for i in [*range(60_000), 59_999])
    path = packed(tmp_path / "run.json.gz", '{"q": {' + entries + "}}")
    start = time.monotonic()
    with pytest.raises(ValuesError, match="'i59999' stands twice"):
        aw.read_run(path)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"q": {"x": [[]] * 40_000}}),
        json.dumps({"q": {"x": [{}] * 40_000}}),
        json.dumps({"q": {"x": 1.5}} | {f"q{i}": {} for i in range(20_000)}),
        json.dumps({"q": {f"x{i}": 1.5 for i in range(20_000)}}),
        json.dumps({"q": {"x" * 600_000 + "\U0001f600": 1.5}}, ensure_ascii=False),
        json.dumps({"q": {"x" * 600_000 + "\U0001f600": 1.5}}),
    ],
    ids=["lists", "objects", "empty lists", "one list", "wide letters", "escaped letters"],
)
def test_a_run_is_held_to_what_its_text_becomes(text, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "1MB")
    assert len(text) < 1_000_000
    with pytest.raises(FileError, match=r"1\.0 MB are allowed"):
        aw.read_run(packed(tmp_path / "run.json.gz", text))


def test_commas_and_brackets_in_ids_are_no_values(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "1MB")
    item = 'a "quoted" \\\\' + "[{,}]" * 20_000
    path = packed(tmp_path / "run.json.gz", json.dumps({"q": {item: 1.5}}))
    assert aw.read_run(path)["q"] == [(item, 1.5)]


@pytest.mark.parametrize("read", [read_relevance, check_tokenizer])
def test_other_documents_of_json_are_held_to_it_too(read, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "1MB")
    path = tmp_path / "written.json"
    path.write_text(json.dumps({"normalizer": {"x": [[]] * 40_000}}))
    with pytest.raises(FileError, match=r"1\.0 MB are allowed"):
        read(path)
