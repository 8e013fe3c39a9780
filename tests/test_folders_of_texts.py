"""A folder holds one collection of texts, or documents; what is left is named, nothing guessed."""

import json
import os

import pytest

import made_texts
from anglewise.encoders.document_files import read_documents
from anglewise.errors import FileError, IdsError
from cli_run import anglewise, refused
from made_texts import IDS, ROWS, TITLES

__all__ = ["anglewise"]

MINE = "python:test_cli_encode:vectors"
README = "# The collection\n\nWhat it is.\n"
TABLE = "id,title,text\n" + "".join(f'{i},{t},"{x}"\n' for i, t, x in ROWS)


@pytest.fixture(name="folder")
def _folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def put(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def encode(anglewise, folder, *more):
    return anglewise("encode", folder, "-o", folder.parent / "space", "--encoder", MINE, *more)


def test_a_readme_beside_a_collection_is_left_and_named(anglewise, folder):
    put(folder, README_md=README, doc_trec=made_texts.trec(), query_trec=made_texts.topics())
    run = encode(anglewise, folder, "--json", "-")
    assert run.code == 0, run
    content = json.loads(run.out)
    assert content["items"] == 3
    assert content["files"] == {
        "documents": {
            "taken": [{"path": "doc.trec", "kind": "TREC documents", "documents": 3}],
            "left_out": [
                {"path": "README.md", "reason": "Markdown, beside a collection"},
                {"path": "query.trec", "reason": "TREC topics, which ask: --queries FILE"},
            ],
        }
    }
    said = " ".join(encode(anglewise, folder).err.split())
    assert "left out 2: README.md (Markdown, beside a collection), query.trec (TREC top" in said
    assert "doc.trec: TREC documents, 3 documents" in said


def test_topics_ask_where_they_are_named(anglewise, folder):
    put(folder, doc_trec=made_texts.trec(), query_trec=made_texts.topics())
    run = encode(anglewise, folder, "--queries", folder / "query.trec", "--json", "-")
    content = json.loads(run.out)
    assert (content["items"], content["queries"]) == (3, 3)
    taken = [{"path": "query.trec", "kind": "TREC topics", "documents": 3}]
    assert content["files"]["queries"] == {"taken": taken, "left_out": []}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"cran_all": made_texts.smart(), "cran_qry": made_texts.smart()},
            ("cran.all (SMART), cran.qry (SMART)", "in/cran.all", "--queries FILE"),
        ),
        (
            {"cran_all": made_texts.smart(), "doc_trec": made_texts.trec()},
            ("more than one collection", "doc.trec (TREC documents)"),
        ),
        (
            {"a_csv": TABLE, "b_jsonl": made_texts.json_lines()},
            ("a.csv (table), b.jsonl (JSON lines)",),
        ),
        (
            {"cran_all": made_texts.smart(), "a_csv": TABLE},
            ("cran.all (SMART), a.csv (table)",),
        ),
        (
            {"a_csv": TABLE, "README_md": README},
            ("a table of texts (a.csv) and 1 file beside it that would be", "in/a.csv"),
        ),
        ({"query_trec": made_texts.topics()}, ("topics, which ask (query.trec)", "name a file")),
        ({"qrels_tsv": "query-id\tcorpus-id\tscore\nq\td\t1\n"}, ("name a file",)),
        (
            {"corpus_jsonl": made_texts.json_lines(), "corpus_jsonl_gz": b"x"},
            ("corpus.jsonl and corpus.jsonl.gz",),
        ),
        (
            {"a_trec": made_texts.trec(), "b_trec": made_texts.trec()},
            ("'7' comes in a.trec and again in b.trec",),
        ),
    ],
)
def test_what_is_not_certain_is_refused_with_names(anglewise, folder, files, says):
    put(folder, **files)
    refused(encode(anglewise, folder), *says)
    assert not (folder.parent / "space").exists()


def test_one_table_is_taken_and_others_without_texts_are_left(folder):
    put(folder, films_csv=TABLE, qrels_tsv="query-id\tcorpus-id\tscore\nq\td\t1\n")
    found = read_documents(folder)
    assert found.ids == IDS
    assert found.files.left_out == (("qrels.tsv", "no ids and texts"),)


ASKED = "id,text\nq,who\n"
NO_TEXTS = "name,doc,kind\n7,A heist.,film\n9,A voyage.,film\n"


@pytest.mark.parametrize(
    "asked",
    [{"queries_csv": ASKED}, {"notes_csv": ASKED}, {"queries_txt": "who\n"}, {"ask_md": "# Who\n"}],
)
@pytest.mark.parametrize("name", ["corpus_csv", "Items_tsv", "passages_csv", "more__docs_csv"])
def test_what_is_called_like_the_items_is_never_left_for_another(anglewise, folder, name, asked):
    content = NO_TEXTS.replace(",", "\t") if name.endswith("tsv") else NO_TEXTS
    put(folder, **{name: content}, **asked, qrels_tsv="query-id\tcorpus-id\tscore\nq\td\t1\n")
    called = name.replace("__", "/").replace("_", ".")
    says = (f"{called} is called like the items", "--text-column", f"in/{called}")
    refused(encode(anglewise, folder), *says)
    assert not (folder.parent / "space").exists()
    if "queries_csv" in asked:
        run = encode(anglewise, folder, "--text-column", "doc", "--json", "-")
        assert json.loads(run.out)["items"] == 2, run
        assert "queries.csv (without the columns named)" in " ".join(run.err.split())


def test_items_that_are_no_texts_are_not_left_for_those_that_ask(folder):
    put(folder, corpus_xlsx=b"PK\x03\x04 a sheet", queries_csv=ASKED)
    with pytest.raises(FileError, match=r"corpus\.xlsx is called like the items"):
        read_documents(folder)
    (folder / "queries.csv").rename(folder / "films.csv")
    assert read_documents(folder).files.left_out == (
        ("corpus.xlsx", "no kind of texts that is read"),
    )


def test_a_table_called_like_the_items_is_read_in_a_folder_as_by_its_path(folder):
    put(folder, corpus_csv="name,doc\n7,A heist.\n9,A voyage.\n", queries_tsv="qid\tsaid\nq\twho\n")
    assert read_documents(folder).words == read_documents(folder / "corpus.csv").words
    put(folder, queries_tsv="id\ttext\nq\twho\n")
    with pytest.raises(
        FileError, match=r"corpus\.csv \(table\), queries\.tsv \(table\).*--queries"
    ):
        read_documents(folder)


def test_a_collection_of_trec_in_many_files_is_one(folder):
    put(folder, ft__a=made_texts.trec(ROWS[:1]), ft__b=made_texts.trec(ROWS[1:]), read_me="x y")
    found = read_documents(folder)
    assert (found.ids, found.titles) == (IDS, TITLES)
    assert [name for name, _, _ in found.files.taken] == ["ft/a", "ft/b"]
    assert found.files.left_out == (("read.me", "no kind of texts that is read"),)
    put(folder, ft__c=made_texts.trec(ROWS[:1]))
    with pytest.raises(IdsError, match=r"comes in ft/a and again in ft/c"):
        read_documents(folder)


def test_corpus_of_beir_is_taken_by_its_name(anglewise, folder):
    put(folder, corpus_jsonl=made_texts.json_lines(), README_md=README)
    put(folder, queries_jsonl='{"_id": "q", "text": "x"}\n', more__a_jsonl=made_texts.json_lines())
    content = json.loads(encode(anglewise, folder, "--json", "-").out)
    assert (content["items"], content["queries"]) == (3, 1)
    assert [file["path"] for file in content["files"]["documents"]["left_out"]] == [
        "README.md",
        "more/a.jsonl",
    ]


QRELS = "query-id\tcorpus-id\tscore\nq\t9\t1\nq\t7\t0\n"


def beir(folder, **files):
    put(folder, corpus_jsonl=made_texts.json_lines(), queries_jsonl='{"_id": "q", "text": "x"}\n')
    put(folder, **files)


@pytest.mark.parametrize("chunk", ["none", "3"])
def test_qrels_of_beir_travel_into_the_space(anglewise, folder, tmp_path, chunk):
    beir(folder, qrels__test_tsv=QRELS, qrels__train_tsv=QRELS)
    run = encode(anglewise, folder, "--chunk", chunk, "--json", "-")
    assert run.code == 0, run
    source = str(folder / "qrels" / "test.tsv")
    assert json.loads(run.out)["judgements"] == {"source": source, "entries": 2}
    said = encode(anglewise, folder, "--chunk", chunk).out
    assert "with 2 judgements of" in said
    assert "--qrels" not in said
    stored = anglewise("compare", tmp_path / "space", "--json", "-")
    given = anglewise("compare", tmp_path / "space", "--qrels", source, "--json", "-")
    assert stored.code == 0, stored
    assert json.loads(stored.out)["measures"] == json.loads(given.out)["measures"]
    assert anglewise("audit", tmp_path / "space", "-k", "1").code == 0


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"qrels__test_tsv": "query-id\tcorpus-id\tscore\nzz\t9\t1\n"}, "'zz'"),
        ({"qrels__test_tsv": "query-id\tcorpus-id\tscore\nq\t9\tx\n"}, "line 2"),
    ],
)
def test_qrels_that_do_not_fit_are_refused_before_the_work(anglewise, folder, files, says):
    beir(folder, **files)
    words = ["encode", folder, "-o", folder.parent / "space", "--encoder", "python:no:such"]
    refused(anglewise(*words), says)


def test_qrels_of_several_splits_are_left_and_named(anglewise, folder, tmp_path):
    beir(folder, qrels__dev_tsv=QRELS, qrels__train_tsv=QRELS)
    run = encode(anglewise, folder, "--json", "-")
    assert run.code == 0, run
    assert json.loads(run.out)["judgements"] is None
    assert "holds dev.tsv, train.tsv: name one file" in " ".join(run.err.split())
    run = anglewise("compare", tmp_path / "space")
    assert run.code == 2


def test_qrels_are_left_where_others_ask(anglewise, folder, tmp_path):
    beir(folder, qrels__test_tsv=QRELS)
    (tmp_path / "mine.jsonl").write_text('{"_id": "m", "text": "x"}\n')
    run = encode(anglewise, folder, "--queries", tmp_path / "mine.jsonl", "--json", "-")
    assert json.loads(run.out)["judgements"] is None
    assert "its qrels are left: --queries is given" in " ".join(run.err.split())


def test_no_qrels_out_of_the_folder_are_followed(anglewise, folder, tmp_path):
    beir(folder)
    (tmp_path / "elsewhere.tsv").write_text(QRELS)
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").symlink_to(tmp_path / "elsewhere.tsv")
    refused(encode(anglewise, folder), "leads out of")


def test_documents_of_all_kinds_stand_side_by_side(anglewise, folder):
    pytest.importorskip("pypdf")
    put(folder, a_html=made_texts.html("A", "one"), b_md="---\ntitle: B\n---\ntwo", c_txt="three")
    put(folder, deep__d_pdf=made_texts.pdf(["four", "five"]), e_png=b"\x89PNG\r\n")
    said = []
    found = read_documents(folder, say=said.append)
    assert found.ids == ["a.html", "b.md", "c.txt", "deep/d.pdf#page=1", "deep/d.pdf#page=2"]
    assert found.words == ["A one", "B two", "three", "four", "five"]
    assert found.about["page"] == [None, None, None, 1, 2]
    assert found.about["document"] == ["a.html", "b.md", "c.txt", "deep/d.pdf", "deep/d.pdf"]
    assert found.files.left_out == (("e.png", "no kind of texts that is read"),)
    assert said[-1] == (
        "in: 1 file of HTML, 1 file of Markdown, 1 file of text, 1 file of PDF, 5 documents"
    )
    run = encode(anglewise, folder)
    assert run.code == 0, run


def test_pages_are_judged_by_their_file_or_by_themselves(anglewise, folder, tmp_path):
    pytest.importorskip("pypdf")
    put(folder, a_pdf=made_texts.pdf(["one", "two words"]), b_md="three words here")
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "q", "text": "two words"}\n')
    assert encode(anglewise, folder, "--queries", queries).code == 0
    for name in ("a.pdf", "a.pdf#page=2"):
        (tmp_path / "qrels.tsv").write_text(f"query-id\tcorpus-id\tscore\nq\t{name}\t1\n")
        words = ["compare", tmp_path / "space", "--qrels", tmp_path / "qrels.tsv", "--json", "-"]
        run = anglewise(*words)
        assert run.code == 0, run
        assert json.loads(run.out)["measures"][0]["metrics"]["nDCG@10"]["mean"] > 0


@pytest.mark.skipif(os.name == "nt", reason="makes links")
def test_links_are_not_followed_and_hidden_files_are_left(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    put(elsewhere, secret_trec=made_texts.trec(), key=made_texts.smart())
    put(folder, a_md="one", _trash__b_html="<p>x")
    (folder / "more").symlink_to(elsewhere)
    (folder / "key").symlink_to(elsewhere / "key")
    found = read_documents(folder)
    assert found.ids == ["a.md"]
    assert found.files.left_out == (
        (".trash/b.html", "hidden"),
        ("key", "a link that leads out of the folder"),
        ("more/", "a link"),
    )
    for name in ("x.html", "x.pdf", "x.json", "x.csv"):
        (folder / name).symlink_to(elsewhere / "secret.trec")
        with pytest.raises(FileError, match=rf"{name} is a link that leads out of"):
            read_documents(folder)
        (folder / name).unlink()


def test_a_broken_file_in_a_folder_ends_with_its_name(folder):
    put(folder, a_md="one", b_html=b"<p>\n\xff")
    with pytest.raises(FileError, match=r"b\.html, line 2: no text in utf-8"):
        read_documents(folder)
