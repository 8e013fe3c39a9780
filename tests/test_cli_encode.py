"""``anglewise encode``: files in, a folder out that the other commands take."""

import errno
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from anglewise import Encoder, encoder, read_space
from anglewise.encoders.document_files import read_documents
from anglewise.errors import FileError, IdsError, SpellingError
from cli_run import anglewise, refused
from embeddings_stub import Answer, stub, vector

__all__ = ["anglewise", "stub"]

FILMS = [
    {"_id": "7", "title": "Heat", "text": "A crew of thieves robs a bank."},
    {"_id": "9", "title": "Alien", "text": "A voyage in space ends badly."},
    {"_id": "12", "title": "", "text": ""},
]
QUESTIONS = [{"_id": "q1", "text": "monster on a ship", "metadata": {}}]


def vectors(texts):
    return np.array([[len(text), text.count(" "), 1.0] for text in texts])


MINE = "python:test_cli_encode:vectors"
KNOWN = Encoder(spec="known", documents=vectors, identity="known 1", similarity="dot")
KEPT = "python:test_cli_encode:KNOWN"


def lines(path, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.fixture
def beir(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    folder = tmp_path / "beir"
    folder.mkdir()
    lines(folder / "corpus.jsonl.gz", FILMS)
    lines(folder / "queries.jsonl", QUESTIONS)
    return folder


def test_a_beir_folder_becomes_a_space_with_its_texts(anglewise, beir, tmp_path):
    run = anglewise("encode", beir, "-o", tmp_path / "films", "--encoder", MINE)
    assert run.code == 0, run
    assert "2 items, 1 query: 3 dimensions, vectors of several lengths" in run.out
    assert f"wrote {tmp_path / 'films'}" in run.out.replace("\n", "")
    assert "one document is empty and left out: 12" in run.err
    space = read_space(tmp_path / "films")
    assert space.items.ids.tolist() == ["7", "9"]
    assert np.array_equal(
        space.items.vectors, vectors([f"{f['title']} {f['text']}" for f in FILMS[:2]])
    )
    assert space.items.metadata["title"].to_pylist() == ["Heat", "Alien"]
    assert space.queries.metadata["text"].to_pylist() == ["monster on a ship"]
    assert space.about["encoder"] == MINE


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([MINE], "nobody says what they were trained for"),
        ([MINE, "--trained-for", "cosine"], "declared as trained for cosine (by --trained-for)"),
        ([KEPT], "declared as trained for dot (by the encoder)"),
        ([KEPT, "--trained-for", "cosine"], "declared as trained for cosine (by --trained-for)"),
    ],
)
def test_what_vectors_were_trained_for_is_said_with_who_says_so(
    anglewise, beir, tmp_path, options, words
):
    run = anglewise("encode", beir, "-o", tmp_path / "films", "--encoder", *options)
    assert run.code == 0, run
    assert words in " ".join(run.out.split())
    assert "trained for: " not in run.out


def test_other_commands_take_what_encode_wrote(anglewise, beir, tmp_path):
    anglewise("encode", beir, "-o", tmp_path / "films", "--encoder", "use")
    run = anglewise("search", tmp_path / "films", "--query", "q1", "-k", "1", "--measures", "dot")
    assert run.code == 0
    assert "Alien" in run.out
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\nq1\t9\t1\n")
    run = anglewise("compare", tmp_path / "films", "--qrels", qrels, "--json", "-")
    assert run.code == 0, run
    assert json.loads(run.out)["measures"][0]["metrics"]["nDCG@10"]["mean"] == 1


def test_the_json_tells_what_was_done(anglewise, beir, tmp_path):
    words = ["encode", beir, "-o", tmp_path / "films", "--encoder", KEPT, "--json", "-"]
    run = anglewise(*words, "--chunk", "4", "--overlap", "0")
    told = json.loads(run.out)
    assert told["command"] == "encode"
    assert told["encoder"] == KEPT
    assert told["trained_for"] == "dot"
    assert told["unit_length"] is False
    assert told["dimensions"] == 3
    assert told["documents"] == 2 < told["items"]
    assert told["queries"] == 1
    assert told["left_out"] == {"documents": ["12"], "queries": []}


def test_the_same_texts_give_the_same_bytes_from_the_cache_or_not(anglewise, beir, tmp_path):
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder, more in zip(folders, [[], [], ["--no-cache"]], strict=True):
        assert anglewise("encode", beir, "-o", folder, "--encoder", KEPT, *more).code == 0
    first, *others = [(f / "items.parquet").read_bytes() for f in folders]
    assert others == [first, first]
    assert len(list((tmp_path / "caches").rglob("*.vectors"))) == 1


def test_the_cache_may_lie_elsewhere(anglewise, beir, tmp_path):
    words = ["encode", beir, "-o", tmp_path / "films", "--encoder", KEPT]
    assert anglewise(*words, "--cache", tmp_path / "here").code == 0
    assert len(list((tmp_path / "here").rglob("*.vectors"))) == 1
    assert not (tmp_path / "caches").exists()
    refused(anglewise(*words, "--cache", tmp_path / "no" / "where"), "does not exist")


def test_an_endpoint_that_fails_leaves_the_old_space_alone(anglewise, beir, tmp_path, stub):
    there = tmp_path / "films"
    words = ["encode", beir, "-o", there, "--encoder", f"openai:tiny?url={stub.url}&batch=1"]
    run = anglewise(*words, "--quiet")
    assert run.code == 0
    assert not run.err
    before = {f.name: f.read_bytes() for f in there.iterdir()}
    stub.script = [Answer(b"<html>", headers={"Content-Type": "text/html"})]
    refused(anglewise(*words, "--no-cache"), "text/html", "no JSON")
    assert {f.name: f.read_bytes() for f in there.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir() if "part" in p.name] == []


def test_a_failed_run_goes_on_where_it_was(anglewise, beir, tmp_path, stub):
    words = ["encode", beir, "-o", tmp_path / "films", "--encoder"]
    words.append(f"openai:tiny?url={stub.url}&batch=1")
    stub.script = [lambda texts: {"data": [{"embedding": vector(texts[0])}]}, Answer({}, 400)]
    refused(anglewise(*words), "400")
    asked = len(stub.asked)
    assert anglewise(*words).code == 0
    assert len(stub.asked) == asked + 2  # one document and the question


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--encoder", "us"], "did you mean use?"),
        (["--encoder", "use?fast=yes"], "no option 'fast'"),
        (["--encoder", "use", "--chunk", "0"], "auto, none or a whole number"),
        (["--encoder", "use", "--chunk", "many"], "many"),
        (["--encoder", "use", "--text-column", "body"], "no column 'body'"),
        (["--encoder", "words:nowhere.txt"], "nowhere.txt does not exist"),
        ([], "--encoder"),
    ],
)
def test_bad_use_is_one_sentence(anglewise, beir, tmp_path, more, says):
    refused(anglewise("encode", beir, "-o", tmp_path / "films", *more), says)
    assert not (tmp_path / "films").exists()


def test_a_place_where_nothing_can_be_written_is_said_before_the_work(anglewise, beir, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    refused(
        anglewise("encode", beir, "-o", tmp_path / "mine", "--encoder", "python:no:such"),
        "no space",
    )


def test_tables_and_folders_of_texts_are_read(tmp_path):
    heard = []
    rows = {"id": ["7", "9"], "name": ["a", "b"], "body": ["A heist.", None], "year": [1995, 1979]}
    parquet.write_table(pa.table(rows), tmp_path / "films.parquet")
    found = read_documents(tmp_path / "films.parquet", say=heard.append)
    assert found.ids == ["7", "9"]
    assert found.texts == ["A heist.", ""]
    assert heard == ["films.parquet: texts from 'body'"]
    assert found.about == {"name": ["a", "b"], "year": [1995, 1979]}
    (tmp_path / "films.csv").write_text("sku,blurb\n7,A heist\n")
    assert read_documents(tmp_path / "films.csv").texts == ["A heist"]
    named = read_documents(tmp_path / "films.csv", id_column="blurb", text_column="sku")
    assert (named.ids, named.texts) == (["A heist"], ["7"])
    (tmp_path / "notes" / "old").mkdir(parents=True)
    (tmp_path / "notes" / "old" / "b.md").write_text("# B", encoding="utf-8-sig")
    (tmp_path / "notes" / "a.txt").write_text("A")
    (tmp_path / "notes" / "empty.txt").write_text("")
    found = read_documents(tmp_path / "notes")
    assert found.ids == ["a.txt", "empty.txt", "old/b.md"]
    assert found.texts == ["A", "", "# B"]


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("x.csv", "id,a,b\n1,2,3\n", FileError, "which column holds the texts"),
        ("x.csv", "a,b\n2,3\n", FileError, "which column holds the ids"),
        ("x.jsonl", '{"_id": "1", "text": "a"}\n{"_id": "1", "text": "b"}\n', IdsError, "'1'"),
        ("x.jsonl", '{"_id": "1", "te', FileError, "no JSON"),
        ("x.jsonl", '{"text": "a"}', FileError, "_id"),
        ("x.jsonl", "", FileError, "empty"),
        ("x.txt", b"\xff\xfe\x00bad", FileError, "UTF-8"),
    ],
)
def test_files_that_make_no_sense_are_refused(tmp_path, name, content, error, says):
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error, match=says):
        read_documents(path.parent if name == "x.txt" else path)


def test_a_folder_without_texts_is_refused(tmp_path):
    with pytest.raises(FileError, match=r"neither corpus\.jsonl nor"):
        read_documents(tmp_path)
    lines(tmp_path / "x.jsonl", FILMS)
    with pytest.raises(SpellingError, match="no column 'body': it has"):
        read_documents(tmp_path / "x.jsonl", text_column="body")


def test_columns_that_cannot_be_stored_stay_behind(tmp_path):
    mixed = [{"_id": "1", "text": "a", "x": 1, "start": 3}, {"_id": "2", "text": "b", "x": "two"}]
    assert dict(read_documents(lines(tmp_path / "x.jsonl", mixed)).about) == {}


def test_a_recorded_endpoint_is_found_again(anglewise, beir, tmp_path, stub):
    spec = f"openai:tiny?url={stub.url}&price=1"
    anglewise("encode", beir, "-o", tmp_path / "films", "--encoder", spec)
    said = read_space(tmp_path / "films").about["encoder"]
    assert said == f"openai:tiny?url={stub.url}"
    assert encoder(said)(["again"]) == [vector("again")]


@pytest.mark.parametrize("when", ["the folder is made", "a batch is kept", "the home is made"])
def test_vectors_that_cannot_be_kept_are_done_without(when, anglewise, beir, tmp_path, monkeypatch):
    refuse = OSError(errno.EROFS, "Read-only file system")
    make, begin = Path.mkdir, Path.open

    def mkdir(path, *words, **more):
        home = path.name == "anglewise"
        if (path.name == "vectors" and when[4] == "f") or (home and when[4] == "h"):
            raise refuse
        return make(path, *words, **more)

    def opening(path, *words, **more):
        if path.suffix == ".vectors":
            raise refuse
        return begin(path, *words, **more)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "open", opening)
    run = anglewise("encode", beir, "-o", tmp_path / "space", "--encoder", KEPT)
    assert run.code == 0, run.err
    said = [line for line in run.err.splitlines() if "not kept for another time" in line]
    assert len(said) == 1
    assert read_space(tmp_path / "space").items.vectors.size
