"""``judge sample --spaces --runs``: one table for everything that competes, judged blind."""

import csv
import json

import numpy as np
import pytest

from anglewise import Embeddings, Space, write_space
from cli_run import anglewise, refused

__all__ = ["anglewise"]

ITEMS, QUERIES = 60, 20


@pytest.fixture(scope="module")
def spaces(tmp_path_factory):
    """Two models of the same texts; the newer one holds five items more."""
    folder = tmp_path_factory.mktemp("spaces")
    rng = np.random.default_rng(0)
    questions = {"text": [f"question {row}" for row in range(QUERIES)]}
    for name, count in (("old", ITEMS), ("new", ITEMS + 5)):
        texts = {"text": [f"document {row}" for row in range(count)]}
        ids = [f"d{row}" for row in range(count)]
        space = Space(
            queries=Embeddings(rng.normal(size=(QUERIES, 6)), metadata=questions),
            items=Embeddings(rng.normal(size=(count, 6)), ids, texts),
        )
        write_space(space, folder / name)
    lines = [
        f"{query} Q0 {item} {rank} {-rank} other"
        for query in range(QUERIES)
        for rank, item in enumerate(["d1", f"d{query}", "d64", "unheard"], start=1)
        if not (query == 1 and rank == 2)
    ]
    (folder / "keyword.run").write_text("\n".join(lines) + "\n")
    return folder


def drawn(spaces):
    return "--spaces", spaces / "old", spaces / "new", "--runs", f"bm25={spaces / 'keyword.run'}"


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_one_table_holds_the_finds_of_all_and_names_none_of_them(anglewise, spaces, tmp_path):
    queue = tmp_path / "queue.csv"
    run = anglewise(
        "judge", "sample", *drawn(spaces), "-o", queue, "--budget", 400, "--measures", "dot",
        "--json", "-",
    )  # fmt: skip
    told = json.loads(run.out)
    assert told["measures"] == ["old: dot", "new: dot", "bm25"]
    assert told["spaces"] == ["old", "new"]
    assert told["runs"] == ["bm25"]
    rows = rows_of(queue)
    assert len(rows) == told["pairs"] <= 400
    by_item = {row["item_id"]: row for row in rows}
    assert by_item["unheard"]["item"] == ""
    assert by_item["d64"]["item"].startswith("document 64")
    assert "have no text in any space" in run.err
    text = queue.read_text()
    assert not any(word in text for word in ("old", "new", "bm25", "dot"))


def test_grades_of_all_come_back_for_the_comparison_of_all(anglewise, spaces, tmp_path):
    queue, filled, store = (tmp_path / n for n in ("q.csv", "filled.csv", "judged.sqlite"))
    anglewise("judge", "sample", *drawn(spaces), "-o", queue, "--budget", 600)
    rows = rows_of(queue)
    with filled.open("w", newline="") as file:
        sheet = csv.DictWriter(file, rows[0])
        sheet.writeheader()
        sheet.writerows({**row, "grade": i % 2} for i, row in enumerate(rows))
    assert anglewise("judge", "import", store, filled).code == 0
    told = json.loads(
        anglewise(
            "compare", *drawn(spaces), "--qrels", store, "--measures", "dot,cosine", "--json", "-"
        ).out
    )
    assert told["judged"] == len(rows)
    again = tmp_path / "again.csv"
    refused_run = anglewise(
        "judge", "sample", *drawn(spaces), "-o", again, "--budget", 600, "--qrels", store
    )
    pairs = {(row["query_id"], row["item_id"]) for row in rows}
    if refused_run.code == 0:
        assert not pairs & {(row["query_id"], row["item_id"]) for row in rows_of(again)}
    else:
        assert "all that any measure finds for them is judged" in refused_run.err


def test_one_space_beside_runs(anglewise, spaces, tmp_path):
    queue = tmp_path / "queue.csv"
    run = anglewise(
        "judge", "sample", spaces / "old", "--runs", spaces / "keyword.run", "-o", queue,
        "--measures", "dot", "--json", "-",
    )  # fmt: skip
    assert json.loads(run.out)["measures"] == ["dot", "keyword"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--spaces", "old", "old"], "two of the spaces are called"),
        (["old", "--spaces", "new"], "beside --spaces"),
        (["--spaces", "old", "nowhere"], "nowhere"),
        (["old", "--runs", "nowhere.run"], "nowhere.run"),
        (["old", "--runs", "dot=keyword.run"], "two candidates are called 'dot'"),
        (["--spaces", "a:b=old", "new"], "may not be called 'a:b'"),
        (["old", "--measures", "doof"], "doof"),
    ],
)
def test_what_cannot_be_pooled_is_refused(anglewise, spaces, monkeypatch, given, message):
    monkeypatch.chdir(spaces)
    refused(anglewise("judge", "sample", *given, "-o", "queue.csv"), message)
    assert not (spaces / "queue.csv").exists()


def test_the_table_takes_the_place_of_no_run(anglewise, spaces, monkeypatch):
    monkeypatch.chdir(spaces)
    (spaces / "run.csv").write_text("query_id,item_id,score\n1,d1,2\n")
    refused(anglewise("judge", "sample", "old", "--runs", "run.csv", "-o", "run.csv"), "run.csv")
    assert (spaces / "run.csv").read_text().startswith("query_id,item_id,score")
