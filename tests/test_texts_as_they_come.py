"""Readers of texts: SMART, TREC, JSON, HTML, Markdown and PDF, whole and broken."""

import gzip
import json
import subprocess
import sys
import time

import pytest

import made_texts
from anglewise.encoders.document_files import read_documents
from anglewise.errors import FileError, IdsError, MissingExtraError
from anglewise.io.html_texts import page_of
from anglewise.io.page_texts import markdown_page
from anglewise.io.text_kinds import text_kind
from anglewise.io.texts import read_texts
from made_texts import IDS, TEXTS, TITLES

COLLECTIONS = {
    "cran.all.1400": (made_texts.smart, "SMART"),
    "doc-text.trec": (made_texts.trec, "TREC documents"),
    "films.jsonl": (made_texts.json_lines, "JSON lines"),
    "films.json": (made_texts.json_array, "JSON array"),
}


@pytest.fixture(name="written", params=COLLECTIONS)
def _written(tmp_path, request):
    make, kind = COLLECTIONS[request.param]
    path = tmp_path / request.param
    path.write_text(make(), encoding="utf-8")
    return path, make, kind


@pytest.mark.parametrize("packed", [False, True])
def test_ids_titles_and_texts_come_back_as_they_were(written, packed):
    path, _, kind = written
    if packed:
        data = path.read_bytes()
        path = path.with_name(path.name + ".gz")
        path.write_bytes(gzip.compress(data))
    found = read_documents(path)
    assert text_kind(path) == kind
    assert (found.ids, found.titles, found.texts) == (IDS, TITLES, TEXTS)
    assert found.files.taken == ((path.name, kind, 3),)


def test_texts_by_id_are_read_from_every_collection(written):
    path, *_ = written
    assert read_texts(path, ["9"])["title"] == ["Alien"]


def test_an_id_that_comes_twice_is_refused(written):
    path, make, kind = written
    path.write_text(make([*made_texts.ROWS, made_texts.ROWS[0]]))
    with pytest.raises(IdsError, match="'7' comes") as refused:
        read_documents(path)
    if kind in {"SMART", "TREC documents"}:
        assert "on line 1 and again on line" in str(refused.value)


def test_bytes_of_another_encoding_are_named_with_their_line(written):
    path, make, kind = written
    text = make([*made_texts.ROWS[:2], ("13", "Été", "x")])
    if kind.startswith("JSON"):
        text = text.replace("\\u00c9t\\u00e9", "Été")
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileError) as refused:
        read_documents(path)
    assert str(path) in str(refused.value)
    if not kind.startswith("JSON"):
        line = text[: text.index("Été")].count("\n") + 1
        assert f"line {line}: not UTF-8" in str(refused.value)


def test_a_file_that_was_cut_is_refused_or_read_without_its_end(written):
    """What no reader can tell is a cut inside of the last text of SMART."""
    path, make, kind = written
    data = make().rstrip("\n").encode()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            found = read_documents(path)
        except FileError:
            continue
        given = list(zip(found.ids, found.texts, strict=True))
        whole = list(zip(IDS, TEXTS, strict=True))
        certain = len(given) - (kind == "SMART")
        assert given[:certain] == whole[:certain]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("cran.all", ".I 1\n.W\na\n.I 2\n", "line 4: nothing follows .I 2"),
        ("cran.all", ".I 1\n.W\na\n.I 1\n.W\nb\n", "line 1 and again on line 4"),
        ("a.trec", "<DOC>\n<DOCNO>1</DOCNO>\na", "line 1: <DOC> is not closed"),
        ("a.trec", "<DOC><DOCNO>1</DOCNO>a</DOC>\n<DOC>\nb</DOC>", "line 2: a <DOC> without"),
        ("a.trec", "<DOC><DOCNO>1</DOCNO>\n<TEXT>a\n</DOC>", "line 2: <TEXT> is not closed"),
        ("a.trec", "<DOC><DOCNO>1</DOCNO>a</DOC>\nb\n<DOC></DOC>", "stands in no document"),
        ("a.trec", "<DOC><DOCNO>1</DOCNO>a<DOC>", "a second one begins"),
        ("a.trec", "<DOC><DOCNO>1</DOCNO>a</DOC></DOC>", "no <DOC> is open"),
        ("a.topics", "<top>\n<title> x\n</top>", "line 1: a <top> without <num>"),
        ("a.topics", "<top>\n51\n</top>", "line 1: a <top> without <num>"),
        ("a.topics", "<top>\n<num> 1\n", "line 1: <top> is not closed"),
        ("a.json", "[]", "holds no rows"),
        ("a.json", '[{"text": "a"}]', 'entry 1: an object with "_id"'),
        ("a.json", '[{"_id": 1.5, "text": "a"}]', "entry 1: the id is 1.5"),
        ("a.json", '[{"_id": "1", "text"', "truncated"),
        ("a.json", "[" * 100 + "]" * 100, "deep"),
        ("a.json", '"text"', "holds no list"),
        ("a.html", "<meta charset=utf-7><p>x", "its encoding is 'utf-7'"),
        ("a.html", "<meta charset=unicode_escape><p>x", "not read in"),
        ("a.html", b"<p>\n\xe9", "line 2: no text in utf-8, since it names none"),
        ("a.md", b"\n\n\xe9", "line 3: not UTF-8"),
        ("a.md", "", "empty"),
    ],
)
def test_broken_files_are_named_with_the_place(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((FileError, IdsError)) as refused:
        read_documents(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)


def test_smart_keeps_its_other_fields_as_columns(tmp_path):
    path = tmp_path / "cisi.all"
    path.write_text(
        ".I 1\n.T\n18 Editions of the\nDewey\n.A\nComaromi, J.P.\n.W\n18 Editions of the\nDewey, "
        "since 1876.\n.X\n1\t5\t1\n.I 2\n.W\nB\n"
    )
    found = read_documents(path)
    assert found.titles == ["18 Editions of the Dewey", ""]
    assert found.words[0] == "18 Editions of the\nDewey, since 1876."
    assert found.about == {"author": ["Comaromi, J.P.", None], "X": ["1\t5\t1", None]}


def test_trec_without_text_elements_and_around_them(tmp_path):
    path = tmp_path / "doc-text.trec"
    path.write_text(
        "<?xml version='1.0'?>\n<ROOT>\n<doc>\n<docno>1</docno>\ncompact <b>memories</b> &lt; 2\n"
        "</doc>\n<DOC><DOCNO>FT 2</DOCNO><PROFILE><A>x</A>y</PROFILE><HEADLINE>Head\nline"
        "</HEADLINE><TEXT>one</TEXT><TEXT>two</TEXT></DOC>\n</ROOT>\n"
    )
    said = []
    found = read_documents(path, say=said.append)
    assert found.ids == ["1", "FT 2"]
    assert found.texts == ["compact  memories  < 2", "one\ntwo"]
    assert found.titles == ["", "Head line"]
    assert said[0] == "doc-text.trec: elements that hold others are left out: <PROFILE>"
    assert said[1] == "doc-text.trec: TREC documents, 2 documents"


def test_topics_are_called_by_their_numbers_and_ask_by_their_titles(tmp_path):
    path = tmp_path / "topics.51-53"
    path.write_text(made_texts.topics())
    said = []
    found = read_documents(path, say=said.append)
    assert (found.ids, found.texts) == (IDS, TITLES)
    assert found.about["description"][2] == TEXTS[2]
    assert said == ["topics.51-53: TREC topics, 3 topics"]
    described = read_documents(path, text_column="description")
    assert described.texts[2] == TEXTS[2]


def test_topics_of_one_line_each(tmp_path):
    path = tmp_path / "query-text.trec"
    path.write_text("<top>\n<num>1</num><title>\nMEASUREMENT OF DIELECTRIC\n</title>\n</top>\n")
    assert read_documents(path).words == ["MEASUREMENT OF DIELECTRIC"]


def test_metadata_of_beir_become_columns(tmp_path):
    rows = [
        {"_id": "1", "text": "a", "metadata": {"year": 1995, "text": "inner", "tags": ["x"]}},
        {"_id": "2", "text": "b", "metadata": {}},
        {"_id": "3", "text": "c"},
    ]
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = []
    found = read_documents(path, say=said.append)
    assert found.texts == ["a", "b", "c"]
    assert found.about == {"year": [1995, None, None], "metadata.text": ["inner", None, None]}
    assert said == ["corpus.jsonl: lists and objects are left out, which no column holds: tags"]


@pytest.mark.parametrize(
    ("markup", "title", "text"),
    [
        (made_texts.html(TITLES[1], TEXTS[1]), TITLES[1], TEXTS[1]),
        ("a<b>b</b>c<p>d<br>e</p>f", "", "abc\nd\ne\nf"),
        ("<title>a<b>&amp;c</title>d", "a<b>&c", "d"),
        ("x<!-- <p>no --> y<!--> z<!-- never closed", "", "x y z"),
        ("1 < 2 <3 </ b>c<p title='a>b'>d", "", "1 < 2 <3 c\nd"),
        ("<SCRIPT>if (a</p>b) '</scripty>'</Script >e", "", "e"),
        ("<svg><title>icon</title></svg><template><p>no</template>f", "", "f"),
        ("<textarea><p>x</textarea>", "", "<p>x"),
        ("a<p b", "", "a"),
        ("<pre>one\ntwo</pre>& b &#65;", "", "one two\n& b A"),
    ],
)
def test_a_page_is_its_title_and_its_text(markup, title, text):
    assert page_of(markup) == (title, text)


@pytest.mark.parametrize(
    "piece",
    [
        *("<", "<a ", "<!--", "<!", "<?", "</", "<a b='", '<a b="x ', "&", "<script>", "<title>"),
        *("<a/", "<div>", "<svg>", "<a =", "<style></style", "<a b=' c=\""),
    ],
)
def test_no_page_takes_more_than_its_length(piece):
    """Trees are the square of it: 200,000 nested elements took two parsers minutes."""
    start = time.process_time()
    page_of(piece * 50_000)
    assert time.process_time() - start < 5


def test_a_page_is_read_in_the_encoding_that_it_names(tmp_path):
    path = tmp_path / "a.html"
    for encoding, head in [
        ("latin-1", "<meta charset=iso-8859-1>"),
        ("shift_jis", '<meta http-equiv=content-type content="text/html; charset=Shift_JIS">'),
        ("utf-16", ""),
        ("utf-8-sig", ""),
        ("koi8-r", '<?xml version="1.0" encoding="KOI8-R"?>'),
    ]:
        word = {"shift_jis": "映画", "koi8-r": "фильм"}.get(encoding, "Été")
        path.write_bytes(f"{head}<p>{word}".encode(encoding))
        assert read_documents(path).words == [word]


def test_front_matter_stands_aside(tmp_path):
    path = tmp_path / "a.md"
    path.write_text('---\ntags: [a]\ntitle: "Heat: a film"\n---\n# Heist\n\n---\n\ntext\n')
    found = read_documents(path)
    assert found.titles == ["Heat: a film"]
    assert found.texts == ["# Heist\n\n---\n\ntext\n"]
    assert markdown_page("--- no front matter\n---\n")[1] == "--- no front matter\n---\n"
    assert markdown_page("---\nnever closed\n") == ("", "---\nnever closed\n")


def test_pages_of_a_pdf_are_documents_with_their_number(tmp_path):
    pytest.importorskip("pypdf")
    path = tmp_path / "film.pdf"
    path.write_bytes(made_texts.pdf(["A heist.", None, "A voyage."]))
    said = []
    found = read_documents(path, say=said.append)
    assert found.ids == ["film.pdf#page=1", "film.pdf#page=2", "film.pdf#page=3"]
    assert [text.strip() for text in found.texts] == ["A heist.", "", "A voyage."]
    assert found.about == {"document": ["film.pdf"] * 3, "page": [1, 2, 3]}
    assert said[0] == "film.pdf: no text on 1 of 3 pages (2)"


def test_a_pdf_without_text_or_with_a_password_is_refused_by_name(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    path = tmp_path / "scan.pdf"
    path.write_bytes(made_texts.pdf([None, None]))
    with pytest.raises(FileError, match=r"scan\.pdf holds no text on any of its 2 pages.*OCR"):
        read_documents(path)
    path.write_bytes(made_texts.pdf(["A heist."]))
    for password, opens in [("secret", False), ("", True)]:
        writer = pypdf.PdfWriter(clone_from=path)
        writer.encrypt(password, "owner", algorithm="RC4-128")
        writer.write(tmp_path / "locked.pdf")
        if opens:
            assert read_documents(tmp_path / "locked.pdf").words == ["A heist."]
        else:
            with pytest.raises(FileError, match=r"locked\.pdf needs a password"):
                read_documents(tmp_path / "locked.pdf")


def test_a_pdf_opens_no_other_file(tmp_path, recwarn):
    pytest.importorskip("pypdf")
    key = tmp_path / "key"
    key.write_text("BT /F1 12 Tf 72 700 Td (PRIVATE KEY) Tj ET")
    path = tmp_path / "a.pdf"
    path.write_bytes(made_texts.pdf(["A heist."], b"/F (%s) " % str(key).encode()))
    opened = []
    sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
    assert read_documents(path).words == ["A heist."]
    assert str(key) not in opened
    assert not recwarn.list


@pytest.mark.parametrize("kind", ["cut", "pages without end", "packed", "no pdf"])
def test_a_pdf_that_is_broken_or_a_trap_is_one_message(tmp_path, kind, monkeypatch):
    pytest.importorskip("pypdf")
    import zlib

    path = tmp_path / "a.pdf"
    good = made_texts.pdf(["A heist."])
    packed = zlib.compress(b"BT (" + b"x" * (80 << 20) + b") Tj ET")
    tree = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    tree += [
        b"<< /Type /Pages /Count 1 /Kids [%s] >>" % (b"%d 0 R " % (n + 3) * 10) for n in range(12)
    ]
    tree.append(b"<< /Type /Page /MediaBox [0 0 9 9] >>")
    path.write_bytes(
        {
            "cut": good[: len(good) // 2],
            "pages without end": made_texts.pdf_of(tree),
            "packed": made_texts.pdf_of(
                [
                    b"<< /Type /Catalog /Pages 2 0 R >>",
                    b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
                    b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>",
                    b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream"
                    % (len(packed), packed),
                ]
            ),
            "no pdf": b"%PDF-1.4\n" + b"x" * 100,
        }[kind]
    )
    monkeypatch.setenv("ANGLEWISE_MEMORY", "50MB")
    start = time.process_time()
    with pytest.raises(FileError, match=r"a\.pdf"):
        read_documents(path)
    assert time.process_time() - start < 30


def test_a_pdf_without_its_library_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "a.pdf"
    path.write_bytes(made_texts.pdf(["A heist."]))
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(MissingExtraError, match=r"anglewise\[pdf\]"):
        read_documents(path)


def test_pdfs_print_nothing_of_their_own(tmp_path):
    pytest.importorskip("pypdf")
    path = tmp_path / "a.pdf"
    path.write_bytes(made_texts.pdf(["A heist."]).replace(b"startxref\n", b"startxref\n9"))
    code = (
        "import sys; from anglewise.encoders.document_files import read_documents as r;"
        "s = []; print(r(sys.argv[1], say=s.append).words, s)"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    assert b"['A heist.']" in run.stdout
    assert b"damaged, and read as far as pypdf could" in run.stdout
    assert not run.stderr


def test_a_packed_collection_that_would_fill_the_memory_is_refused(written, monkeypatch):
    path, make, _ = written
    data = make([("7", "x", "y" * 3_000_000)]).encode()
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(data))
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    with pytest.raises(FileError, match=r"1\.0 MB are allowed"):
        read_documents(packed)
