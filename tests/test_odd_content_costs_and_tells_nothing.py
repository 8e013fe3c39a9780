"""What files, caches and clients bring: read in time and room, refused in one message, or held."""

import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_array

import anglewise as aw
from anglewise.cli.path_checks import options_of
from anglewise.data_types.filters import read_filter
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import visible_json
from anglewise.encoders.reranker import Reranker
from anglewise.encoders.scored_pairs import scored_pairs
from anglewise.errors import AnglewiseError, FileError, SpellingError, ValuesError, WrongTypeError
from anglewise.integrations.agent_tools import answer
from anglewise.integrations.bounded_output import bounded
from anglewise.integrations.haystack_filters import read_filters
from anglewise.integrations.readable_folder import ReadableFolder
from anglewise.io import page_texts
from anglewise.io.collection_texts import topic_table, trec_table
from anglewise.io.html_texts import page_of
from anglewise.io.page_texts import markdown_page, pdf_pages
from anglewise.remedies.remedy import _recalled
from cli_run import anglewise, refused
from test_outputs_take_no_ones_place import LEAVES, function, typed

__all__ = ["anglewise"]

HUGE = "1" + "0" * 400
DIGITS = "9" * 5000


def entity_in_html(_tmp_path, entity):
    return page_of(f"<title>a{entity}</title><p>b{entity}")


def entity_in_a_document(tmp_path, entity):
    file = tmp_path / "a.trec"
    file.write_text(f"<DOC><DOCNO>1</DOCNO>b{entity}</DOC>")
    return trec_table(file)[1]["text"]


def entity_in_a_topic(tmp_path, entity):
    file = tmp_path / "a.topics"
    file.write_text(f"<top><num> Number: 1 <title> b{entity} </top>")
    return topic_table(file)[1]["text"]


@pytest.mark.parametrize("read", [entity_in_html, entity_in_a_document, entity_in_a_topic])
def test_an_entity_of_any_length_is_a_character(read, tmp_path):
    assert read(tmp_path, f"&#{DIGITS};")[-1] == "b\ufffd"
    assert read(tmp_path, f"&#{'0' * 5000}65;")[-1] == "bA"
    assert read(tmp_path, "&#0000065;")[-1] == "bA"


def test_blanks_in_a_title_take_time_by_their_number():
    start = time.process_time()
    title, text = markdown_page(f"---\ntitle:  x{' ' * 200_000}y \nb: c\n---\nbody")
    assert time.process_time() - start < 2
    assert (title[0], title[-1], text) == ("x", "y", "body")
    assert markdown_page("---\ntitle: \n---\nbody") == ("", "body")


FONT = "/Resources << /Font << /F1 4 0 R >> >>"


def pdf(path, content, pages):
    kids = " ".join(["3 0 R"] * pages)
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 5 0 R {FONT} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
    ]
    text, places = "%PDF-1.5\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(text))
        text += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 6\n0000000000 65535 f \n{table}trailer\n<< /Size 6 /Root 1 0 R >>\n"
    path.write_text(f"{text}{end}startxref\n{len(text)}\n%%EOF\n")
    return path


@pytest.mark.parametrize(("letters", "pages"), [(1, 3000), (200_000, 1)])
def test_a_small_pdf_takes_no_long_time(letters, pages, tmp_path, monkeypatch):
    monkeypatch.setattr(page_texts, "SECONDS", 0.2)
    monkeypatch.setattr(page_texts, "SECONDS_A_MEGABYTE", 0.0)
    file = pdf(tmp_path / "a.pdf", "BT /F1 9 Tf " + "(a) Tj " * letters + "ET", pages)
    with pytest.raises(FileError, match="took more than 0 seconds to read, which none of its size"):
        pdf_pages(file)


def test_a_pdf_is_read_as_before(tmp_path):
    file = pdf(tmp_path / "a.pdf", "BT /F1 9 Tf (heist) Tj ET", 2)
    assert [text for _, _, text, _ in pdf_pages(file)] == ["heist", "heist"]


def kept(tmp_path, seconds, score):
    log = tmp_path / "scores.jsonl"
    line = f'{{"key": "{"a" * 32}", "seconds": {seconds}, "scores": {{"b": {score}}}}}\n'
    log.write_text(line)
    return scored_pairs(Reranker(spec="r", scores=len, identity="r"), log, ["q"])


@pytest.mark.parametrize(
    ("seconds", "score"),
    [
        *((odd, "1") for odd in (HUGE, "NaN", "-1", "1e999", "true", '"1"', "1e200", "null")),
        *(("1", odd) for odd in (HUGE, "NaN", "Infinity", "true", '"1"', "1e200", "null", "[1]")),
    ],
)
def test_kept_scores_are_held_to_what_an_answer_is(seconds, score, tmp_path):
    with pytest.raises(FileError, match="line 1, is no answer of a reranker"):
        kept(tmp_path, seconds, score)


def test_kept_scores_are_read_where_they_are_numbers(tmp_path):
    assert kept(tmp_path, "0.25", "-3").kept == {}


@pytest.mark.wrong_kinds
@pytest.mark.parametrize("seconds", [float("inf"), 10**400])
def test_a_kept_remedy_of_no_number_is_as_if_it_were_not_there(seconds):
    about = {"found": [], "screening_queries": 3, "screened": [], "seconds": 10**400}
    about |= {"left_out": [], "stopped": None, "screening_queries": seconds}

    class Runner:
        class cache:  # noqa: N801
            get = staticmethod(lambda _key: (about, {"rows": np.array([0])}))

    assert _recalled(Runner, "key", []) is None


def adding():
    """Every two options of a command that each add to a file."""
    for words in LEAVES:
        names = [
            one for one in options_of(function(words)) if one.role and one.role.does == "adds to"
        ]
        for first in names:
            for second in names[names.index(first) + 1 :]:
                yield pytest.param(words, first, second, id=f"{words[-1]} {first.name}")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("words", "first", "second"), list(adding()))
def test_two_options_never_add_to_one_file(words, first, second, here, anglewise):
    name = "there.sqlite"
    run = anglewise(*words, *typed(words, {first.parameter: name, second.parameter: name}))
    assert refused(run, "choose another name")
    assert not (here / name).exists()


# --- agents


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((20, 4))
    items = aw.Embeddings(vectors, [f"d{i}" for i in range(20)])
    queries = aw.Embeddings(vectors + 0.1, [f"q{i}" for i in range(20)])
    folder.mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "passwords.txt").write_text("hunter2 1 2 3 4\n")
    aw.write_space(aw.Space(queries=queries, items=items), folder / "space")
    (folder / "qrels.txt").write_text("".join(f"q{i} 0 d{i} 1\n" for i in range(20)))
    return folder


def told(root, encoder):
    space = aw.read_space(root / "space")
    named = aw.Space(queries=space.queries, items=space.items, about={"encoder": encoder})
    aw.write_space(named, root / "named")
    with pytest.raises(AnglewiseError) as raised:
        answer("search", {"space": "named", "text": "a heist"}, ReadableFolder.at(root))
    return str(raised.value)


@pytest.mark.parametrize("kind", ["words:", "onnx:", "model2vec:", "words:a.npy?words="])
def test_an_agent_does_not_learn_what_lies_outside(kind, root):
    (root / "a.npy").write_bytes(b"")
    kind = kind.replace("a.npy", str(root / "a.npy"))
    secret = root.parent / "secret" / "passwords.txt"
    there = told(root, f"{kind}{secret}").replace("passwords.txt", "x")
    missing = told(root, f"{kind}{secret}x").replace("passwords.txtx", "x")
    assert there == missing
    assert "outside of the folder that may be read" in there


@pytest.mark.parametrize("word", ["~root/x", "~nobody-by-that-name/x"])
def test_an_agent_does_not_learn_which_users_there_are(word, root):
    assert "outside of the folder that may be read" in told(root, f"words:{word}")


def test_a_model_at_the_top_of_a_disk_is_one_message(root):
    assert "outside of the folder that may be read" in told(root, "onnx:/")


def test_an_agent_checks_so_many_gates_and_runs_and_no_more(root):
    folder = ReadableFolder.at(root)
    given = {"space": "space", "judgements": "qrels.txt", "measures": "dot,cosine"}
    many = [f"cosine>=dot-0.{n}" for n in range(1, 200)]
    with pytest.raises(SpellingError, match="199 gates are named"):
        answer("compare", {**given, "gates": many}, folder)
    with pytest.raises(SpellingError, match="101 runs are named"):
        answer("compare", {**given, "runs": ["a.run"] * 101}, folder)
    once = answer("compare", {**given, "gates": ["cosine>=dot-0.5"] * 3000}, folder)
    assert len(once["gates"]) == 1


def test_words_that_nobody_sees_are_shown_to_agents():
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    assert bounded({"title": hidden}, 9, 999)["title"].startswith("\\U000e006f\\U000e0062")
    assert json.loads(visible_json(json.dumps(hidden, ensure_ascii=False))) == hidden


# --- sparse vectors


@pytest.fixture
def sparse(tmp_path):
    vectors = aw.SparseVectors(csr_array(np.eye(4, 6) + np.eye(4, 6, 1)))
    aw.write_space(aw.Space(items=vectors), tmp_path / "space")
    file = tmp_path / "space" / "space.json"
    description = json.loads(file.read_text())
    description["sha256"] = {}
    file.write_text(json.dumps(description))
    return tmp_path / "space"


@pytest.mark.parametrize("dimension", [2**31, 2**62, 10**30])
def test_a_vocabulary_is_no_larger_than_there_is_room_for(dimension, sparse):
    file = sparse / "space.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"dimension": dimension}))
    with pytest.raises(FileError, match="are allowed: it is damaged or made to fill the memory"):
        aw.read_space(sparse)


def test_a_vocabulary_is_a_number(sparse):
    file = sparse / "space.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"dimension": True}))
    with pytest.raises(FileError, match="to say how many columns"):
        aw.read_space(sparse)


LISTS, REALS = pa.large_list(pa.int64()), pa.large_list(pa.float64())


@pytest.mark.parametrize(
    ("columns", "weights", "words"),
    [
        ([[0, 1]] * 4, [[1.0, float("nan")]] * 4, "NaN or infinity"),
        ([[0, 1]] * 4, [[1.0, None]] * 4, "row 0 .*: a number is missing in weights"),
        ([[0, 1], [0, None], [1], [2]], [[1.0, 2.0], [1.0, 2.0], [1.0], [1.0]], "row 1 .*missing"),
        ([[1, 1]] * 4, [[1.0, 2.0]] * 4, "row 0 of the sparse vectors goes on behind column 1"),
        ([[3, 1]] * 4, [[1.0, 2.0]] * 4, "row 0 of the sparse vectors goes on behind column 3"),
        ([[0.5, 1.5]] * 4, [[1.0, 2.0]] * 4, "columns hold double, where whole numbers are due"),
        ([["0", "1"]] * 4, [[1.0, 2.0]] * 4, "columns hold string, where whole numbers are due"),
        ([[0, 1]] * 4, [["1", "2"]] * 4, "weights hold string, where numbers are due"),
    ],
)
def test_sparse_vectors_are_numbers_in_their_order(columns, weights, words, sparse):
    table = pq.read_table(sparse / "items.parquet")
    pq.write_table(
        pa.table({"id": table["id"], "columns": pa.array(columns), "weights": pa.array(weights)}),
        sparse / "items.parquet",
    )
    with pytest.raises(AnglewiseError, match=words):
        aw.read_space(sparse)


@pytest.mark.parametrize(
    ("indices", "values", "words"),
    [
        ([0, 1], [1.0, np.nan], "NaN"),
        ([1, 1], [1.0, 2.0], "once"),
        ([1, 0], [1.0, 2.0], "order"),
    ],
)
def test_rows_from_memory_are_looked_at_too(indices, values, words):
    rows = SparseRows(np.array([0, 2]), np.array(indices), np.array(values), (1, 3))
    with pytest.raises(AnglewiseError, match=words):
        aw.SparseVectors(rows)


@pytest.mark.parametrize("gain", [np.nan, np.inf])
def test_a_judgement_is_a_number(gain):
    rows = SparseRows(np.array([0, 1]), np.array([0]), np.array([gain]), (1, 3))
    with pytest.raises(ValuesError, match="gains holds NaN or infinity"):
        aw.Judgements(rows, "queries-items")


def test_offsets_that_are_pickled_make_no_dense_vectors(tmp_path):
    file = tmp_path / "tokens.npz"
    offsets = np.array([0, 2, "4"], dtype=object)
    np.savez(file, vectors=np.ones((4, 2), np.float32), offsets=offsets)
    with pytest.raises(FileError, match="'offsets' are pickled Python objects"):
        aw.read_space(file)


# --- filters


def nested(wrap, depth):
    where = {"year": 1995}
    for _ in range(depth):
        where = wrap(where)
    return where


def circle():
    where = []
    where.append(where)
    return where


@pytest.mark.parametrize(
    "where",
    [
        nested(lambda inner: {"not": inner}, 3000),
        nested(lambda inner: [inner], 3000),
        nested(lambda inner: {"or": [inner, {"year": 1}]}, 3000),
        nested(lambda inner: {"and": [inner, inner]}, 40),
        circle(),
    ],
    ids=["not", "list", "or", "twice", "circle"],
)
def test_filters_that_nest_too_deep_are_refused_at_once(where):
    with pytest.raises(SpellingError, match="more than 20 deep"):
        read_filter(where)


def test_filters_of_haystack_that_nest_too_deep_are_refused():
    field = {"field": "meta.year", "operator": "==", "value": 1}
    for _ in range(3000):
        field = {"operator": "AND", "conditions": [field]}
    with pytest.raises(SpellingError, match="more than 20 deep"):
        read_filters(field)


def test_filters_as_people_write_them_are_not_deep():
    assert str(read_filter(nested(lambda inner: {"not": inner}, 8))) == "year = 1995"


@pytest.mark.parametrize("mark", ["", '"'])
def test_values_of_a_filter_take_time_by_their_length(mark):
    start = time.process_time()
    where = read_filter(f"a in b, {mark}{'x' * 1_000_000}{mark} ,c")
    assert time.process_time() - start < 3
    assert [str(value)[:1] for value in map(_text_of, where.values)] == ["b", "x", "c"]


def _text_of(value):
    return getattr(value, "text", value)


@pytest.mark.parametrize("value", [10**400, {">=": -(10**400)}, [1, 10**400]])
def test_a_filter_compares_with_no_number_beyond_all_others(value):
    with pytest.raises(SpellingError, match="a number of at most 1e\\+100 is due"):
        read_filter({"year": value})


@pytest.mark.parametrize("value", [np.array([1, 2]), {">=": np.array([1, 2])}])
def test_a_filter_compares_with_no_array(value):
    with pytest.raises(WrongTypeError, match=r"numpy.ndarray: one value is due, or a list"):
        read_filter({"year": value})


# --- halves of characters


@pytest.fixture
def halves(tmp_path):
    rows = [
        {
            "_id": f"d{i}",
            "title": f"T\ud800{i}",
            "text": f"x\udfff {i}",
            "metadata": {"y": "\ud800"},
        }
        for i in range(5)
    ]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    np.save(tmp_path / "items.npy", np.random.default_rng(0).standard_normal((5, 3)))
    (tmp_path / "ids.txt").write_text("".join(f"d{i}\n" for i in range(5)))
    return tmp_path


def test_halves_of_characters_in_json_are_said_and_can_be_written(halves):
    said = []
    texts = aw.read_space(items=halves / "items.npy", item_ids=halves / "ids.txt",
                          item_texts=halves / "items.jsonl", say=said.append)  # fmt: skip
    assert next(iter(texts.items.metadata["title"])) == "T\ufffd0"
    assert next(iter(texts.items.metadata["y"])) == "\ufffd"
    assert any("halves of characters" in line and "15 texts" in line for line in said)
    aw.write_space(texts, halves / "space")


def test_a_page_of_texts_with_halves_of_characters_is_written(halves, anglewise):
    run = anglewise(
        "audit", "--items", halves / "items.npy", "--item-ids", halves / "ids.txt",
        "--item-texts", halves / "items.jsonl", "--k", 2, "--html", halves / "page.html",
    )  # fmt: skip
    assert run.code == 0, run.err
    assert (halves / "page.html").read_text("utf-8")


def test_metadata_with_half_a_character_are_refused_in_one_message(tmp_path):
    items = aw.Embeddings([[1.0, 0.0], [0.0, 1.0]], metadata={"title": ["a", "b\ud800"]})
    with pytest.raises(ValuesError, match="metadata column 'title' holds half a character"):
        aw.write_space(aw.Space(items=items), tmp_path / "space")
