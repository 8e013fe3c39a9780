"""The page of real results shows what its script finds: made anew here for the smallest set."""

import sys

import pytest

from console_blocks import ROOT

PAGE = ROOT / "docs" / "how-to" / "remedies.md"


@pytest.fixture(scope="module")
def real_spaces():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import real_spaces
    finally:
        sys.path.pop(0)
    return real_spaces


def block(page, name):
    return page.split(f"<!-- {name} -->\n")[1].split("\n<!-- end -->")[0]


def test_the_table_of_the_digits_is_what_the_script_finds(real_spaces, tmp_path):
    found = real_spaces.section(real_spaces.data_sets(tmp_path, tmp_path, tmp_path)["digits"]())
    assert found == block(PAGE.read_text(), "digits")


def test_every_data_set_has_a_table_and_every_table_a_data_set(real_spaces, tmp_path):
    page = PAGE.read_text().partition("\n## Which measure, on real data\n")[2]
    names = list(real_spaces.data_sets(tmp_path, tmp_path, tmp_path))
    assert page.count("<!-- end -->") == page.count("| verdict |") == len(names)
    for name in names:
        assert block(page, name).count("\n| ") == 10  # two of heading, seven measures, the verdict


def test_a_table_is_put_between_its_own_marks(real_spaces):
    page = "a\n<!-- one -->\n<!-- end -->\nb\n<!-- two -->\nold\n<!-- end -->\n"
    made = real_spaces.written(real_spaces.written(page, "two", "new"), "one", "x")
    assert made == "a\n<!-- one -->\nx\n<!-- end -->\nb\n<!-- two -->\nnew\n<!-- end -->\n"
    with pytest.raises(SystemExit, match="no mark <!-- three -->"):
        real_spaces.written(page, "three", "new")
