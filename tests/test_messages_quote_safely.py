"""Messages quote words from anybody: on one line, without control characters, and shortened."""

import io
import json
import re
import subprocess
import sys
from copy import copy
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from rich.table import Table
from rich.text import Text

import anglewise as aw
from anglewise import AnglewiseError, encoder, errors, measure, read_space
from anglewise.cli.console import Talk, console
from anglewise.cli.options import Always
from anglewise.cli.program import main
from anglewise.comparison.gates import gate
from anglewise.comparison.variants import variant
from anglewise.errors import as_message, one_line
from anglewise.evaluation_metrics.evaluate import metric
from anglewise.io.texts import read_texts
from anglewise.io.vectors import read_vectors
from anglewise.recommender_models.normalisation import normalisation
from anglewise.remedies.candidate_list import read_candidates
from anglewise.similarity_measures.measure import measures_and_families
from cli_run import anglewise

__all__ = ["anglewise"]

FORGED = "x\nanglewise: all is well\r\x1b[2J\t\x85\u2028y"
LONG = "w" * 100_000
BROKEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
MOST = 2000


def holds(message):
    """A message on one line, without control characters, that is no book."""
    assert not BROKEN.search(message), message[:500]
    assert len(message) <= MOST, (len(message), message[:300])


# The one place


@pytest.mark.parametrize("name", [n for n in dir(errors) if n.endswith("Error")])
def test_every_error_brings_its_message_into_form(name):
    error = getattr(errors, name)(f"no column {FORGED} and {LONG} here")
    holds(str(error))
    assert r"x\nanglewise: all is well\x0d\x1b[2J\t\x85\u2028y" in str(error)
    assert "(99,600 characters)" in str(error)
    assert str(error).endswith(" here")
    assert str(copy(error)) == str(error)


def test_a_short_message_is_left_as_it_is():
    for text in ("naïve “日本語” has 3 columns: take 2", "w" * 400, "", "two  blanks"):
        assert as_message(text) == text
    assert one_line(as_message(FORGED)) == as_message(FORGED)


def test_long_texts_keep_their_beginning_and_their_end():
    said = as_message("no column is called so: known are " + "a, " * 50_000 + "mend it")
    holds(said)
    assert said.startswith("no column is called so")
    assert said.endswith("mend it")


def test_messages_of_long_words_take_time_by_their_length():
    as_message("w " * 200 + ("v" * 399 + " ") * 5000)  # a square would take minutes


# What is printed


@pytest.mark.parametrize("what", [FORGED, Text(FORGED), Text.assemble(("note: ", "bold"), FORGED)])
def test_no_name_begins_a_line_of_what_is_printed(what):
    stream = io.StringIO()
    table = Table()
    table.add_column(what)
    table.add_row(what)
    for printed in (what, table):
        console(stream).print(printed, soft_wrap=True)
    assert not any(line.startswith("anglewise:") for line in stream.getvalue().splitlines())
    assert r"x\nanglewise: all is well" in stream.getvalue()


def test_styles_stay_where_they_are_when_lines_are_joined():
    stream = io.StringIO()
    console(stream).print(Text.assemble("a\nb", ("c", "bold")))
    assert stream.getvalue() == "a\\nbc\n"


def test_remarks_are_brought_into_form(capsys):
    Talk(Always()).say(f"took column {FORGED} of {LONG}")
    told = capsys.readouterr().err
    holds(told.rstrip("\n"))


def test_a_fault_of_ours_is_told_on_its_own_line(monkeypatch, capsys):
    def broken(*_):
        raise RuntimeError(FORGED + LONG)

    monkeypatch.setattr("anglewise.cli.program.program", broken)
    assert main([]) == 70
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.startswith("anglewise:")] == told[-1:]
    assert max(map(len, told)) <= MOST


# Where words come from


def table(folder, word, ending):
    path = folder / f"t.{ending}"
    columns = {"query": ["a", "b"], word: ["c", word]}
    if ending == "parquet":
        parquet.write_table(pa.table(columns), path)
    elif ending == "jsonl":
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        cells = ['"' + cell.replace('"', '""') + '"' for cell in ("query", word, "a", word)]
        path.write_text(f"{','.join(cells[:2])}\n{','.join(cells[2:])}\n")
    return path


def space(names):
    return aw.Space(items=aw.Embeddings(np.eye(len(names)), ids=names))


def ask_nobody(folder, word):
    aw.write_space(space(["a", "b"]), folder / "space")
    aw.Index.load(folder / "space", "cosine").remove([word])


def read_npz(folder, word):
    name = word.encode("ascii", "replace").decode()[:60_000]
    np.savez(folder / "t.npz", **{name: np.eye(2), "other": np.eye(2)})
    read_space(folder / "t.npz")


def read_word2vec(folder, word):
    (folder / "t.vec").write_text(f"2 2\n{word} 1 0\nb 1 {word}\n")
    read_vectors(folder / "t.vec", side="items")


def read_space_json(folder, word):
    aw.write_space(space(["a", "b"]), folder / "space")
    file = folder / "space" / "space.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "trained_for": word, word: 1}))
    read_space(folder / "space")


def encode_with(_, word):
    encoder(f"python:{word}:f")


SOURCES = {
    "interactions": lambda folder, word: [
        aw.read_interactions(table(folder, word, ending)) for ending in ("csv", "parquet", "jsonl")
    ],
    "a parquet header": lambda folder, word: aw.read_interactions(table(folder, word, "parquet")),
    "a JSON key": lambda folder, word: aw.read_interactions(table(folder, word, "jsonl")),
    "vectors": lambda folder, word: read_vectors(table(folder, word, "parquet"), side="items"),
    "texts": lambda folder, word: read_texts(table(folder, word, "csv"), ["a"]),
    "judgements": lambda folder, word: aw.read_judgements(
        table(folder, word, "csv"), space(["a", "b"])
    ),
    "a missing file": lambda folder, word: read_space(folder / word),
    "ids that repeat": lambda _, word: aw.Embeddings(np.eye(2), ids=[word, word]),
    "an id that nobody has": ask_nobody,
    "npz": read_npz,
    "word2vec": read_word2vec,
    "space.json": read_space_json,
    "a measure": lambda _, word: measure(word),
    "a frame": lambda _, word: measure(f"cosine@{word}"),
    "a number": lambda _, word: measure(f"norm({word},1)"),
    "measures": lambda _, word: measures_and_families(f"dot,{word}*"),
    "a metric": lambda _, word: metric(word),
    "a variant": lambda _, word: variant(word),
    "a gate": lambda _, word: gate(word),
    "a candidate": lambda _, word: read_candidates(word, "queries-items"),
    "a normalisation": lambda _, word: normalisation(word),
    "an encoder": lambda _, word: encoder(word),
    "a function of Python": encode_with,
    "a split": lambda _, word: aw.compare(
        space(["a", "b"]), aw.Pairs(np.array([0]), np.array([1]), np.array([1.0])), split=word
    ),
}


@pytest.mark.parametrize("word", [FORGED, LONG, "a " * 50_000], ids=["forged", "long", "blanks"])
@pytest.mark.parametrize("source", SOURCES)
def test_words_from_anywhere_stay_short_and_on_their_line(source, word, tmp_path):
    try:
        SOURCES[source](tmp_path, word)
    except AnglewiseError as error:
        holds(str(error))
    else:
        pytest.skip("this reads the word as it is")


OPTIONS = [
    ["search", "{space}", "--query", "{word}"],
    ["search", "{space}", "--query", "a", "--measures", "{word}"],
    ["search", "{space}", "--query", "a", "--direction", "{word}"],
    ["search", "{space}", "--query", "a", "-k", "{word}"],
    ["search", "{space}", "--query", "a", "--{word}", "1"],
    ["search", "{word}", "--query", "a"],
    ["compare", "{space}", "--metric", "{word}"],
    ["compare", "{space}", "--gate", "{word}"],
    ["compare", "{space}", "--qrels", "{word}"],
    ["compare", "{space}", "--label", "{word}"],
    ["compare", "--spaces", "{word}={space}"],
    ["audit", "{space}", "--witness", "{word}"],
    ["encode", "{word}", "--encoder", "{word}", "--output", "{space}x"],
    ["recommend", "{space}", "--user", "{word}"],
    ["judge", "{word}"],
    ["{word}"],
]


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("word", [FORGED, LONG], ids=["forged", "long"])
def test_options_stay_short_and_on_their_line(words, word, tmp_path, anglewise):
    aw.write_space(space(["a", "b", "c"]), tmp_path / "space")
    run = anglewise(*(one.format(space=tmp_path / "space", word=word) for one in words))
    assert run.code == 2
    lines = run.err.rstrip("\n").split("\n")
    for line in lines:
        holds(line)
    assert [line for line in lines if line.startswith("anglewise:")] == lines[-1:]


@pytest.mark.parametrize(
    "said",
    [
        '["search\\nanglewise: fine"]\nk = 1\n',
        '[search]\n"k\\nanglewise: fine" = 1\n',
        '[search]\nmeasures = "x\\nanglewise: fine"\n',
        '[search]\nk = "1\\nanglewise: fine"\n',
        f'[search]\nmeasures = "{"w" * 15_000}"\n',
        f"[search]\n{'w' * 15_000} = 1\n",
    ],
)
def test_settings_stay_short_and_on_their_line(said, tmp_path, monkeypatch, anglewise):
    aw.write_space(space(["a", "b", "c"]), tmp_path / "space")
    monkeypatch.chdir(tmp_path)
    Path("anglewise.toml").write_text(said)
    run = anglewise("search", "space", "--query", "a")
    assert run.code == 2
    lines = run.err.rstrip("\n").split("\n")
    for line in lines:
        holds(line)
    assert [line for line in lines if line.startswith("anglewise:")] == lines[-1:]


@pytest.mark.skipif(sys.platform == "win32", reason="no such name there")
def test_a_file_name_stays_on_its_line(tmp_path):
    name = tmp_path / "a\nanglewise: all is well.npy"
    np.save(name, np.eye(3))
    command = [
        Path(sys.executable).with_name("anglewise"),
        "search",
        "--items",
        str(name),
        "--query",
        "9",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    told = run.stderr.splitlines()
    assert run.returncode == 2
    assert [line for line in told if line.startswith("anglewise:")] == told[-1:]
