"""The site holds every page, every public name, every option; its check sees what is wrong."""

import re
import sys
from importlib import import_module

import pytest

import anglewise
from anglewise import rag
from anglewise.cli.judge import JUDGE_COMMANDS
from anglewise.cli.program import COMMANDS, program
from console_blocks import ROOT

DOCS = ROOT / "docs"
NAV = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
PARTS = {"start", "how-to", "reference", "background"}
ALL_COMMANDS = [*COMMANDS, *(f"judge {name}" for name in JUDGE_COMMANDS)]


@pytest.fixture(scope="module", autouse=True)
def website():
    sys.path.insert(0, str(ROOT / "website"))
    yield
    sys.path.remove(str(ROOT / "website"))


@pytest.fixture(scope="module")
def commands():
    return import_module("reference").commands_page()


@pytest.fixture(scope="module")
def python():
    return import_module("reference").python_page()


def test_every_page_stands_in_one_part_and_in_the_navigation():
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    made = {"reference/commands.md", "reference/python.md"}
    named = re.findall(r"- (\S+\.md)$", NAV, re.MULTILINE)
    assert sorted(named) == sorted(pages | made)
    assert {page.partition("/")[0] for page in pages - {"index.md", "trust.md"}} == PARTS


def test_every_public_name_is_in_the_reference_once(python):
    subjects = import_module("reference").SUBJECTS
    names = [name for group in subjects.values() for name in group.split()]
    assert sorted(names) == sorted(set(anglewise.__all__) - {"__version__"})
    for name in [*names, *rag.__all__]:
        assert python.count(f'<span id="{name}"></span>\n\n::: anglewise.') == 1


def test_every_path_of_the_reference_is_the_public_thing_itself(python):
    for path in re.findall(r"^::: (\S+)$", python, re.MULTILINE):
        room, _, name = path.rpartition(".")
        face = anglewise if name in anglewise.__all__ else rag
        assert getattr(import_module(room), name) is getattr(face, name)


@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_every_command_stands_in_the_reference_with_all_of_its_options(command, commands):
    section = section_of(command, commands)
    app = program()
    for word in command.split():
        app = app[word]
    if command == "judge":
        return
    options = {
        name
        for argument in app.assemble_argument_collection(parse_docstring=True)
        if argument.show
        for name in argument.names
        if name.startswith("--")
    }
    assert {"--json", "--quiet"} <= options or command in {"mcp", "inspect"}
    assert [name for name in sorted(options) if not re.search(rf"{name}\b", section)] == []


def section_of(command, commands):
    """The section of one command, commands of its own left out."""
    after = re.split(rf"^#+ anglewise {re.escape(command)}$", commands, flags=re.MULTILINE)
    assert len(after) == 2, command
    return re.split(r"^#+ ", after[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_help_is_shown_as_words_not_as_marks():
    plain = import_module("reference").plain
    line = "* `--sort STR`: By `a_b`, <b>, [x] or *y*. **[required]** *[default: 1]*"
    shown = "* `--sort STR`: By `a\\_b`, \\<b\\>, \\[x\\] or \\*y\\*. **[required]** *[default: 1]*"
    assert plain(line) == shown + "\n"
    assert plain("```console\n<a>\n```") == "```console\n<a>\n```\n"


GOOD = '<h1 id="top">A</h1><a href="b.html#there">b</a><a href="https://example.org">x</a>'


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (GOOD, None),
        ('<a href="c.html">c</a>', "c.html leads nowhere"),
        ('<a href="b.html#gone">b</a>', "names no place"),
        ('<a href="#gone">b</a>', "names no place"),
        ('<img src="picture.png">', "leads nowhere"),
        ('<script src="https://example.org/x.js"></script>', "fetches https://example.org"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "fetches //example.org"),
        ('<link rel="preconnect" href="https://fonts.example">', "fetches https://fonts"),
    ],
)
def test_the_check_finds_dead_links_and_other_hosts(tmp_path, page, said):
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "b.html").write_text('<p id="there">')
    found = import_module("check").faults(tmp_path)
    assert not found if said is None else said in " ".join(found)


def test_the_check_reads_style_sheets_and_refuses_an_empty_folder(tmp_path):
    check = import_module("check")
    assert check.faults(tmp_path)
    (tmp_path / "a.html").write_text(GOOD.replace("b.html#there", "a.html#top"))
    (tmp_path / "a.css").write_text("p { background: url('//example.org/x.png') }")
    assert check.faults(tmp_path) == ["a.css: fetches from another host"]
