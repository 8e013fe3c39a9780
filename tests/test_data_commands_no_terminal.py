"""Titles, ids and names come from anybody: a terminal shows them and obeys none."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from rich.table import Table
from rich.text import Text

from anglewise import Embeddings, Judgements, Space, compare_spaces, write_space
from anglewise.cli.console import console
from anglewise.cli.program import main
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import visible
from anglewise.report.plain_text import as_json, code, code_block, escaped
from cli_run import anglewise, refused
from rendered import markdown, page

__all__ = ["anglewise"]

CLEAR, TITLE, C1, BIDI, BACK = "\x1b[2J", "\x1b]0;x\x07", "\x9b31m", "\u202e", "x\x08\x08\ry"
WILD = f"[link=http://evil]{CLEAR}{TITLE}{C1}{BIDI}{BACK}[/link] :smile:"
SELF = ["--direction", "items-items"]
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def strange(tmp_path):
    """A space whose ids and titles hold commands."""
    rng = np.random.default_rng(0)
    ids = [f"{n}{WILD}" for n in range(12)]
    items = Embeddings(
        rng.normal(size=(12, 4)), ids=ids, metadata={"title": [f"t{n} {WILD}" for n in range(12)]}
    )
    queries = Embeddings(rng.normal(size=(9, 4)), ids=[f"u{n}{WILD}" for n in range(9)])
    write_space(Space(items=items, queries=queries), tmp_path / "strange")
    return tmp_path / "strange", ids


@pytest.mark.parametrize("terminal", [True, False])
def test_every_way_to_print_shows_commands(terminal):
    stream = Terminal() if terminal else io.StringIO()
    out = console(stream)
    table = Table(WILD, title=WILD, caption=WILD)
    table.add_row(WILD)
    table.add_row(Text(WILD))
    for what in (WILD, Text(WILD), table):
        out.print(what, soft_wrap=True)
        out.print(what, style="dim")
    out.rule(WILD)
    own = re.compile(r"\x1b\[[0-9;]*m")  # colours are this program's
    assert not OBEYED.search(own.sub("", stream.getvalue()))
    assert "\x1b[31m" not in stream.getvalue()
    assert "\\x1b[2J" in stream.getvalue()
    assert "[link=http://evil]" in stream.getvalue()
    assert ":smile:" in stream.getvalue()


@pytest.mark.parametrize(
    "words",
    [["search", "--direction", "items-items", "--query"], ["recommend", "--user"], ["audit"]],
)
def test_titles_and_ids_command_no_terminal(words, strange, anglewise):
    folder, ids = strange
    command, *option = words
    name = f"u3{WILD}" if command == "recommend" else ids[3]
    asked = [*option, name] if option else ["--witness", name, "--pair", *ids[:2]]
    run = anglewise(command, folder, "-k", "3", *asked)
    assert run.code == 0
    assert "\\x1b[2J" in run.out
    assert not OBEYED.search(run.out + run.err)


def test_an_error_commands_no_terminal(strange, anglewise, monkeypatch, tmp_path):
    folder, _ = strange
    run = anglewise("search", folder, "--query", f"nobody{CLEAR}{C1}")
    assert refused(run, "\\x1b[2J" if "\\x1b" in run.err else "nobody")
    assert not OBEYED.search(run.err)
    assert not OBEYED.search(anglewise("search", tmp_path / f"no{CLEAR}{BIDI}", "--query", "x").err)
    assert not OBEYED.search(anglewise(f"serch{CLEAR}").err)
    assert not OBEYED.search(anglewise("doctor", f"--seed={C1}").err)
    monkeypatch.chdir(tmp_path)
    Path("anglewise.toml").write_text('["doctor\\u001b[2J\\u202e"]\nseed = 1\n')
    assert refused(anglewise("doctor"), "doctor\\x1b[2J")


def test_a_fault_of_ours_commands_no_terminal(monkeypatch, capsys):
    def broken(*_):
        raise RuntimeError(WILD)

    monkeypatch.setattr("anglewise.cli.program.program", broken)
    assert main([]) == 70
    assert not OBEYED.search(capsys.readouterr().err)


def test_json_stays_json_and_commands_no_terminal(strange, anglewise):
    folder, ids = strange
    run = anglewise("search", folder, "--query", ids[3], "--json", "-", "-k", 3, *SELF)
    assert json.loads(run.out)["query"] == {"id": ids[3], "title": f"t3 {WILD}"}
    assert not OBEYED.search(run.out)
    told = {"title": WILD + "\udc80", "é": "日本"}
    assert json.loads(as_json(told)) == told
    assert "é" in as_json(told)
    as_json(told).encode()


def test_a_passage_is_pasted_as_it_is_and_commands_no_terminal():
    for stream, due in ((Terminal(), visible(WILD)), (io.StringIO(), WILD)):
        console(stream).write_words(WILD)
        assert stream.getvalue() == due


def test_text_of_any_language_is_shown_as_it_is():
    for text in ("naïve “日本語”", "\u05e9\u05dc\u200f\u05dd", "a\tb\nc", "👩\u200d🚀"):
        assert visible(text) == text


NAMES = ["a|b", "`x`", "$\\frac$", "![i](x)", "&lt;"]


@pytest.fixture(scope="module")
def compared():
    """Spaces and titles whose names are markup."""
    rng = np.random.default_rng(1)
    titles = {"title": ["<img src=x onerror=alert(1)>" + WILD] * 30}
    ids = [f"<script>{n}" for n in range(30)]
    spaces = {
        name: Space(items=Embeddings(rng.normal(size=(30, 4)), ids=ids, metadata=titles))
        for name in NAMES
        if not set(name) & set("[]·+:,<>=")
    }
    rows = np.repeat(np.arange(30), 2)
    gains = SparseRows.from_pairs(
        rows, (rows + 1 + np.arange(60) % 2) % 30, np.ones(60), shape=(30, 30)
    )
    judged = Judgements(gains, "items-items", "<b>|`made`")
    return compare_spaces(spaces, dict.fromkeys(spaces, judged), measures="dot,cosine")


def test_names_in_markdown_are_no_markup(compared):
    told = markdown(compared)
    table = [line for line in told.splitlines() if line.startswith("| ")]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
    assert len(cells) == 1, table
    assert any("`` [`x`] dot ``" in line or "`` `x`" in line for line in table), table


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("a|b*c_d`e~f\\g", "a\\|b\\*c\\_d\\`e\\~f\\\\g"),
        ("<img src=x>", "&lt;img src=x>"),
        ("&lt;", "&amp;lt;"),
        ("![x](http://evil)", "![x\\](http://evil)"),
        ("[x]: http://evil", "[x\\]: http://evil"),
        ("0.5 [0.4, 0.6]", "0.5 [0.4, 0.6]"),
        ("a\n# b", "a # b"),
        (CLEAR, "\\\\x1b[2J"),
    ],
)
def test_text_in_markdown_is_no_markup(text, due):
    assert escaped(text) == due


def test_code_in_markdown_ends_where_it_ends():
    assert code("a``b") == "``` a``b ```"
    assert code("a\nb|c") == "`a b\\|c`"
    assert code_block("echo ```\n") == "````sh\necho ```\n\n````"


def test_names_and_titles_in_html_are_no_markup(compared):
    told = page(compared)
    assert "<img" not in told
    assert "<script" not in told
    assert "<b>|" not in told
    assert "\\frac" in told
