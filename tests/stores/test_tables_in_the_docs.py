"""The tables of docs/how-to/stores.md are what benchmarks/stores.py writes, no cell guessed."""

import re
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from console_blocks import ROOT

PAGE = ROOT / "docs" / "how-to" / "stores.md"


@pytest.fixture(scope="module")
def stores():
    """The script, under another name than that of these tests' folder."""
    place = spec_from_file_location("table_of_stores", ROOT / "benchmarks" / "stores.py")
    script = module_from_spec(place)
    place.loader.exec_module(script)
    return script


def rows_of_page(store):
    """Index, names of vectors, cells."""
    block = PAGE.read_text().split(f"<!-- {store} -->\n")[1].split("<!-- end -->")[0]
    lines = [line.strip("| ").split(" | ") for line in block.splitlines() if line.startswith("| ")]
    assert re.match(r"\*\*.*\d+\.\d+.*\*\*, \d{4}-\d\d-\d\d\n", block)
    assert lines[0][2:] == [f"`{measure}`" for measure in lines_measures()]
    return [(index, of.split("; "), cells) for index, of, *cells in lines[1:]]


def lines_measures():
    return ["dot", "cosine", "euclidean", "manhattan", "norm(0,0.5)", "csls(10)", "cosine@whitened"]


def test_every_store_has_a_cell_for_all_that_is_measured(stores):
    assert [*stores.MEASURES] == lines_measures()
    every = [*stores.MADE, *stores.REAL]
    for store in stores.STORES:
        found = {"scan": [], "graph": []}
        for index, of, cells in rows_of_page(store):
            found[index] += every if of == ["all"] else of
            for cell in cells:
                assert re.match(r"exact\b|[01]\.\d{3}\b|no: \w", cell), (store, cell)
            assert len(cells) == len(stores.MEASURES)
        assert {index: sorted(names) for index, names in found.items()} == {
            index: sorted(every) for index in found
        }, store


@pytest.mark.parametrize("store", ["faiss", "sqlite-vec"])
def test_a_scan_is_measured_as_the_page_says(stores, store):
    measures = ("cosine", "manhattan", "csls(10)")
    spaces = iter([("unit", stores.made("unit"))])
    _, rows = stores.rows_of(store, spaces, measures)
    of = {index: cells for _, index, cells in rows}
    (shown,) = (
        cells
        for index, names, cells in rows_of_page(store)
        if index == "scan" and (names == ["all"] or "unit" in names)
    )
    assert of["scan"] == [shown[lines_measures().index(measure)] for measure in measures]


def test_a_table_is_put_between_its_own_marks_and_an_error_fills_no_cell(stores):
    page = "a\n<!-- zvec -->\nold\n<!-- end -->\nb\n<!-- faiss -->\n<!-- end -->\n"
    made = stores.written(page, "zvec", "new")
    assert made == page.replace("old", "new")
    with pytest.raises(SystemExit, match="no mark <!-- usearch -->"):
        stores.written(page, "usearch", "new")
    said = (
        "no way to dot in x reaches a recall@10 of 0.98 on 200 queries: the best, dot, is at 0.9;"
    )
    assert stores.why_not(said) == "dot reaches 0.9"
    with pytest.raises(SystemExit, match="but an error: PostgreSQL says: no space"):
        stores.why_not("PostgreSQL says: no space left")
