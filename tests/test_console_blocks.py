"""What the README and the guides show of the terminal is what the terminal shows.

Every ```console block is run, command by command, from top to bottom of its page, in a folder
that holds copies of real data under the names that the pages use. ``...`` on a line of its own
stands for any number of lines.
"""

import pytest

from console_blocks import (
    BESIDE_STORES,
    ROOT,
    copy_data,
    matches,
    page_steps,
    real_names,
    rewrite,
    run,
)
from real_data import real_data

QUICK = {"compare.md", "judging.md"}
"""Pages that every change is held to; the others come with `make check-slow`."""

PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if page.name not in BESIDE_STORES
]


def marks(page):
    slow = [] if page.name in QUICK else [pytest.mark.slow]
    return [*slow, pytest.mark.real] if real_names(page) else slow


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.name, marks=marks(page)) for page in PAGES if page_steps(page)],
)
def test_pages_show_what_the_commands_print(page, tmp_path):
    copy_data(page, tmp_path, real_data)
    for command, shown in page_steps(page):
        printed = run(command, tmp_path)
        assert matches(shown, printed), f"$ {command}\n{printed}"


def test_what_a_page_writes_under_the_name_of_data_leaves_the_data_alone(tmp_path):
    (tmp_path / "cranfield").mkdir()
    data = tmp_path / "cranfield" / "qrels.tsv"
    data.write_text("as it was")
    data.chmod(0o444)
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo over > qrels.tsv\n```\n")
    folder = tmp_path / "page"
    folder.mkdir()
    copy_data(page, folder, tmp_path.joinpath)
    run("echo over > qrels.tsv", folder)
    assert (folder / "qrels.tsv").read_text() == "over\n"
    assert data.read_text() == "as it was"


def test_a_wrong_line_is_noticed_and_dots_stand_for_lines():
    assert matches("a\n...\nd\n", "a\nb\nc\nd")
    assert matches("a\n...", "a\nb\nc")
    assert not matches("a\n...\nd\n", "a\nb\nc\ne")
    assert not matches("use dot", "use cosine")


def test_a_page_is_written_anew_with_what_its_commands_print(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n```console\n$ echo one\nnone\n$ echo two\n```\n")
    rewrite(page)
    assert page.read_text() == "Text.\n\n```console\n$ echo one\none\n$ echo two\ntwo\n```\n"
