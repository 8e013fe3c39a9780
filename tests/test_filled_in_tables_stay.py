"""No output takes the place of a table of pairs in which somebody has filled in grades."""

import csv
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from anglewise import Embeddings, Judged, Judgements, JudgementStore, Space, write_space
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import FileError
from anglewise.io.judgement_export import write_disputes
from anglewise.io.outputs import check_new_file, write_text
from anglewise.io.pairs_to_judge import is_left_for_judges, write_queue
from cli_run import anglewise, refused

__all__ = ["anglewise"]

PAIRS = [{"query_id": f"q{row}", "item_id": f"i{row}", "probability": 1.0} for row in range(6)]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vectors = np.random.default_rng(0).normal(size=(6, 3))
    judged = Judgements(SparseRows.from_pairs(np.arange(6), np.arange(6), shape=(6, 6)))
    sides = [Embeddings(vectors, ids=[f"{side}{row}" for row in range(6)]) for side in "qi"]
    space = Space(queries=sides[0], items=sides[1])
    write_space(space, tmp_path / "space", judgements={"queries-items": judged})
    with JudgementStore.open(tmp_path / "store.sqlite") as store:
        store.add_new([Judged(f"q{row}", f"i{row}", 1, judge="ben") for row in range(6)])


def filled(name, *, delimiter=",", encoding="utf-8", more=None):
    """A queue as somebody saves it from a spreadsheet, with a grade of the last pair."""
    write_queue(Path("empty.csv"), PAIRS)
    with Path("empty.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[-1]["grade"] = "2"
    rows = [{**row, **(more or {})} for row in rows]
    with Path(name).open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    if name.endswith(".parquet"):
        pyarrow.parquet.write_table(pyarrow.csv.read_csv(name), name)
    return Path(name)


OUTPUTS = [
    "judge export store.sqlite x.csv",
    "judge export store.sqlite x.parquet",
    "judge export store.sqlite x.txt --format trec",
    "judge import store.sqlite in.csv --rejects x.csv",
    "judge import store.sqlite in.csv --rejects x.txt",
    "compare space --per-query x.parquet",
    "compare space --json x.txt",
    "compare space --markdown x.txt",
    "calibrate space -o x.txt",
    "judge sample space -o x.csv",
    "judge agreement store.sqlite --disputes x.csv",
]


@pytest.mark.parametrize("words", OUTPUTS)
def test_no_output_takes_the_place_of_grades_that_were_filled_in(words, anglewise):
    name = next(word for word in words.split() if word.startswith("x."))
    file = filled(name)
    before = file.read_bytes()
    Path("in.csv").write_text("query_id,item_id,grade\nq1,i1,high\nq2,i2,1\n")
    run = anglewise(*words.split(), "--quiet")
    assert refused(run, name, "judge import")
    assert file.read_bytes() == before


SAVED = {
    "with semicolons": {"delimiter": ";"},
    "with tabs": {"delimiter": "\t"},
    "as UTF-16": {"delimiter": "\t", "encoding": "utf-16"},
    "with a mark of its bytes": {"encoding": "utf-8-sig"},
    "with another column": {"more": {"my own": "words"}},
}


@pytest.mark.parametrize("how", SAVED)
def test_it_is_known_again_however_a_spreadsheet_saved_it(how, anglewise):
    file = filled("x.csv", **SAVED[how])
    before = file.read_bytes()
    assert refused(anglewise("judge", "export", "store.sqlite", "x.csv"), "judge import")
    assert file.read_bytes() == before
    with pytest.raises(FileError, match="judge import"):
        check_new_file(file)
    with pytest.raises(FileError, match="judge import"):  # whoever writes, and whatever
        write_text(file, "query_id\n")


def test_disputes_that_were_decided_stay_too(anglewise):
    write_disputes("open.csv", [])
    words = Path("open.csv").read_text()
    Path("open.csv").write_text(words + "q1,i1,queries-items,2,anna 1,,,c0\n")
    assert refused(anglewise("judge", "export", "store.sqlite", "open.csv"), "1 grades")


def test_what_nobody_filled_in_and_every_other_table_is_replaced(anglewise):
    write_queue(Path("x.csv"), PAIRS)
    assert is_left_for_judges(Path("x.csv"))
    for _ in range(2):  # the second time in place of the judgements
        assert anglewise("judge", "export", "store.sqlite", "x.csv", "--quiet").code == 0
        assert not is_left_for_judges(Path("x.csv"))
    Path("x.parquet").write_bytes(b"PAR1 and no more")
    assert anglewise("compare", "space", "--per-query", "x.parquet", "--quiet").code == 0
    for words in (b"", b"\xff\xfe", b"query_id", b'query_id,"item', b"\n"):
        Path("y.csv").write_bytes(words)
        assert not is_left_for_judges(Path("y.csv"))
