"""The guides: their examples run, their links lead somewhere, no measure goes unexplained."""

import contextlib
import doctest
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from anglewise.cli import main
from anglewise.cli.judge import JUDGE_COMMANDS
from anglewise.cli.program import COMMANDS
from anglewise.similarity_measures.late_interaction import TOKEN_FORMULAS
from anglewise.similarity_measures.measure import FORMULAS, FRAMES

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS.parent / "examples"
README = DOCS.parent / "README.md"
PAGES = sorted(DOCS.rglob("*.md"))
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
[SOURCE] = re.findall(r"^  source: (\S+)$", (DOCS.parent / "mkdocs.yml").read_text(), re.MULTILINE)
"""Where the files of the repository are read in a browser."""


def code(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def prose(page):
    return re.sub(r"^```.*?^```\n", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {
        re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.lower())) for title in titles
    }  # as code hosts make them


@pytest.mark.parametrize(
    "page", [p for p in [README, *PAGES] if code(p, "python")], ids=lambda p: p.stem
)
def test_examples_show_what_they_print(page):
    text = "\n".join(code(page, "python"))
    example = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert example.examples
    report = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda p: p.stem)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", prose(page)):
        in_source = target.startswith((SOURCE, raw(SOURCE)))
        if target.startswith("https://") and not in_source:
            continue
        path, _, anchor = target.partition("#")
        folder = DOCS.parent if in_source else page.parent
        path = path.removeprefix(SOURCE).removeprefix(raw(SOURCE))
        there = folder / path if path else page
        assert there.is_file(), target
        assert not anchor or anchor in anchors(there), target


def raw(address):
    """Where a picture itself is, not the page about it."""
    return address.replace("/blob/", "/raw/")


def test_links_of_the_readme_work_on_a_package_index():
    for target in re.findall(r"\]\(([^)]+)\)", prose(README)):
        assert target.startswith("https://"), target
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_sections_have_titles_of_their_own(page):
    titles = re.findall(r"^## (.*)$", prose(page), re.MULTILINE)
    assert len(set(titles)) == len(titles) > 4


@pytest.mark.parametrize("word", [*FORMULAS, *TOKEN_FORMULAS, *FRAMES])
def test_every_measure_and_frame_is_explained(word):
    titles = re.findall(
        r"^## (.*)$", (DOCS / "reference" / "measures.md").read_text(), re.MULTILINE
    )
    assert any(word in title.partition(":")[0].split() for title in titles)


@pytest.fixture(scope="module")
def known_options():
    pages = [shown("--help"), *(shown(command, "--help") for command in COMMANDS)]
    pages += [shown("judge", command, "--help") for command in JUDGE_COMMANDS]
    return set(re.findall(r"--[a-z-]+", "".join(pages)))


def shown(*words):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(list(words)) == 0
    return out.getvalue()


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda p: p.stem)
def test_options_that_are_named_exist(page, known_options):
    ours = re.sub(r"`(?:docker|uvx) [^`]*`", "", page.read_text())  # options of other programs
    named = set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", ours))
    assert named <= known_options


def test_the_example_names_a_measure_for_each_direction():
    script = EXAMPLES / "catalogue_to_verdicts.py"
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    for direction in ("queries-items", "items-items"):
        said = rf"^{direction}: (Use|Keep|Tie|Cannot tell|\S+ is better)\b"
        assert re.search(said, run.stdout, re.MULTILINE)
    assert run.stdout.count("The ") > 10  # titles
