"""``ir-datasets:NAME``: asked for by that spelling alone, said before, read by a stand-in."""

import json
import sys
from collections import namedtuple
from types import SimpleNamespace

import pytest

from anglewise.encoders.ir_datasets import read_dataset
from anglewise.errors import FileError, MissingExtraError, ValuesError
from cli_run import anglewise, refused

__all__ = ["anglewise"]

MINE = "python:test_cli_encode:vectors"
Doc = namedtuple("Doc", "doc_id title text year")  # noqa: PYI024 as the package makes them
Query = namedtuple("Query", "query_id text")  # noqa: PYI024
Qrel = namedtuple("Qrel", "query_id doc_id relevance iteration")  # noqa: PYI024


class Fields(namedtuple("Fields", "doc_id body")):  # noqa: PYI024
    __slots__ = ()

    def default_text(self):
        return f"all of {self.body}"


class Films:
    docs = (Doc("7", "Heat", "A heist.", 1995), Doc("9", "Alien", "A voyage.", 1979))
    queries = (Query("q", "theft"),)
    qrels = (Qrel("q", "7", 2, "0"), Qrel("q", "9", 0, "0"))

    def __getattr__(self, name):
        what, _, verb = name.partition("_")
        if name.startswith("has_"):
            return lambda: bool(getattr(self, name[4:]))
        assert verb == "iter"
        return lambda: iter(getattr(self, what))


@pytest.fixture(name="package")
def _package(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    known = {"films/test": Films()}
    loaded = []

    def load(name):
        loaded.append(name)
        return known[name]

    monkeypatch.setitem(sys.modules, "ir_datasets", SimpleNamespace(load=load))
    return SimpleNamespace(known=known, loaded=loaded)


def encode(anglewise, tmp_path, name="ir-datasets:films/test", *more):
    words = ["encode", name, "-o", tmp_path / "space", "--encoder", MINE]
    return anglewise(*words, "--json", "-", *more)


@pytest.mark.usefixtures("package")
def test_a_data_set_brings_documents_queries_and_judgements(anglewise, tmp_path):
    run = encode(anglewise, tmp_path)
    assert run.code == 0, run
    content = json.loads(run.out)
    assert (content["items"], content["queries"]) == (2, 1)
    assert content["judgements"] == {"source": "ir-datasets:films/test", "entries": 2}
    assert content["files"]["documents"]["taken"][0]["kind"] == "ir_datasets"
    said = " ".join(run.err.split())
    assert "ir_datasets reads films/test, and fetches over the network what this machine" in said
    compared = anglewise("compare", tmp_path / "space", "--json", "-")
    assert json.loads(compared.out)["measures"][0]["metrics"]["nDCG@10"]["mean"] > 0
    documents = read_dataset("films/test").documents
    assert documents.words == ["Heat A heist.", "Alien A voyage."]
    assert documents.about == {"year": [1995, 1979]}


def test_a_document_of_other_fields_is_the_text_that_the_package_takes(package):
    films = Films()
    films.docs, films.queries, films.qrels = (Fields("7", "it"),), (), ()
    package.known["films"] = films
    dataset = read_dataset("films")
    assert dataset.documents.words == ["all of it"]
    assert (dataset.queries, dataset.gains) == (None, None)


def test_what_cannot_be_read_is_one_message(anglewise, package, tmp_path, monkeypatch):
    refused(encode(anglewise, tmp_path, "ir-datasets:nothing"), "cannot be read by ir_datasets")
    refused(encode(anglewise, tmp_path, "ir-datasets:films/test", "--id-column", "x"), "tables")
    package.known["empty"] = Films()
    package.known["empty"].docs = ()
    with pytest.raises(FileError, match="holds no texts"):
        read_dataset("empty")
    package.known["large"] = Films()
    package.known["large"].docs = [Doc(str(n), "", "x" * 10_000, 1) for n in range(200)]
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    with pytest.raises(ValuesError, match=r"more than 1\.0 MB"):
        read_dataset("large")
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(MissingExtraError, match="pip install ir-datasets"):
        read_dataset("films/test")


def test_nothing_but_the_first_argument_asks_for_a_data_set(
    anglewise, package, tmp_path, monkeypatch
):
    (tmp_path / "docs.jsonl").write_text('{"_id": "1", "text": "a"}\n')
    words = ["encode", tmp_path / "docs.jsonl", "-o", tmp_path / "space", "--encoder", MINE]
    refused(anglewise(*words, "--queries", "ir-datasets:films/test"), "as the first argument")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "anglewise.toml").write_text('[encode]\nqueries = "ir-datasets:films/test"\n')
    refused(anglewise(*words), "as the first argument")
    (tmp_path / "anglewise.toml").write_text('[encode]\ndocuments = "ir-datasets:films/test"\n')
    assert anglewise(*words).code == 2
    assert not package.loaded


def test_other_queries_leave_those_of_the_data_set(anglewise, package, tmp_path):
    (tmp_path / "mine.jsonl").write_text('{"_id": "m", "text": "a"}\n')
    run = encode(
        anglewise, tmp_path, "ir-datasets:films/test", "--queries", tmp_path / "mine.jsonl"
    )
    assert json.loads(run.out)["judgements"] is None
    assert package.loaded
    assert "are left: --queries is given" in " ".join(run.err.split())
