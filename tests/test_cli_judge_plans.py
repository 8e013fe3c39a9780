"""``judge sample``, ``next`` and ``power``: from a space to pairs, and what they can tell."""

import csv
import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import (
    Embeddings,
    Judgements,
    Space,
    compare,
    read_judgements,
    read_space,
    write_space,
)
from anglewise.data_types.sparse import SparseRows
from cli_run import anglewise, refused

__all__ = ["anglewise"]

QUERIES, ITEMS = 60, 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ITEMS, 6))
    q = rng.normal(size=(QUERIES, 6))
    near = q @ x.T / np.linalg.norm(x, axis=1) / np.linalg.norm(q, axis=1)[:, None]
    rows, items = np.nonzero(rng.random(near.shape) < 0.4)
    gains = (near[rows, items] > 0.6).astype(float)
    space = Space(
        queries=Embeddings(q, metadata={"text": [f"question {i}" for i in range(QUERIES)]}),
        items=Embeddings(x * rng.lognormal(0, 0.6, (ITEMS, 1))),
    )
    path = tmp_path_factory.mktemp("judge") / "space"
    judged = Judgements(SparseRows.from_pairs(rows, items, gains, shape=near.shape))
    write_space(space, path, judgements={"queries-items": judged})
    return path


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_sample_is_filled_in_and_imported(anglewise, folder, tmp_path):
    queue = tmp_path / "queue.csv"
    told = json.loads(
        anglewise(
            "judge", "sample", folder, "-o", queue, "--budget", 90, "--strata", "clusters(3)",
            "--json", "-",
        ).out
    )  # fmt: skip
    rows = rows_of(queue)
    assert len(rows) == told["pairs"] <= 90
    assert sum(told["strata"].values()) == told["queries"]
    assert rows[0]["query"].startswith("question")
    filled = tmp_path / "filled.csv"
    with filled.open("w") as file:
        sheet = csv.DictWriter(file, rows[0])
        sheet.writeheader()
        sheet.writerows({**row, "grade": i % 2} for i, row in enumerate(rows))
    store = tmp_path / "judged.sqlite"
    run = anglewise("judge", "import", store, filled, "--json", "-")
    assert run.code == 0, run
    assert json.loads(run.out)["recorded"] == len(rows)
    more = tmp_path / "more.csv"
    assert anglewise("judge", "sample", folder, "-o", more, "--qrels", store).code == 0
    pairs = {(row["query_id"], row["item_id"]) for row in rows}
    assert not pairs & {(row["query_id"], row["item_id"]) for row in rows_of(more)}


def filled_in(queue, grade):
    """Give every pair of a queue the grade that a function of its row says."""
    rows = rows_of(queue)
    with queue.open("w", newline="") as file:
        sheet = csv.DictWriter(file, rows[0])
        sheet.writeheader()
        sheet.writerows({**row, "grade": grade(row)} for row in rows)
    return rows


def test_compare_weighs_queries_that_were_drawn_by_traffic(anglewise, folder, tmp_path):
    held = read_space(folder)
    asked = np.random.default_rng(1).lognormal(0, 2, QUERIES)
    queries = Embeddings(held.queries.vectors, metadata={"asked": asked.tolist()})
    write_space(Space(queries=queries, items=held.items), tmp_path / "space")
    queue, store = tmp_path / "queue.csv", tmp_path / "judged.sqlite"
    words = ["judge", "sample", tmp_path / "space", "-o", queue, "--measures", "dot,cosine"]
    assert anglewise(*words, "--budget", 300, "--traffic", "asked").code == 0
    rows = filled_in(queue, lambda row: (int(row["query_id"]) + int(row["item_id"])) % 3)
    told = {row["query_id"]: json.loads(row["context"])["drawn"] for row in rows}
    assert {drawn["traffic"] for drawn in told.values()} <= set(asked.tolist())
    assert anglewise("judge", "import", store, queue).code == 0
    run = ["compare", tmp_path / "space", "--qrels", store, "--measures", "dot,cosine"]
    content = json.loads(anglewise(*run, "--per-query", tmp_path / "v.parquet", "--json", "-").out)
    [note] = [n for n in content["notes"] if "unequal" in n]
    judged = read_judgements(store, read_space(tmp_path / "space"))
    result = compare(read_space(tmp_path / "space"), judged, "dot,cosine")
    values, ids = result.evidence.values["nDCG@10"], result.evidence.rows.tolist()
    weights = np.array([told[str(row)]["traffic"] / told[str(row)]["chance"] for row in ids])
    table = {row["measure"]: row["metrics"]["nDCG@10"]["mean"] for row in content["measures"]}
    for measure, row in zip(("dot", "cosine"), values, strict=True):
        assert table[measure] == pytest.approx(float(row @ weights / weights.sum()))
    assert content["weights"]["highest_unseen_is_known"]
    assert told[str(ids[0])]["queries"] == len(ids)
    assert "weighed by traffic" in anglewise(*run).out
    written = pq.read_table(tmp_path / "v.parquet")["weight"].to_pylist()
    assert written == pytest.approx(list(weights / weights.mean()))
    assert refused(anglewise(*run, "--sequential"), "were drawn by traffic and weigh unequally")
    once = 1 / np.array([told[str(row)]["chance"] for row in ids])
    assert f"each once, nDCG@10 is {float(values[0] @ once / once.sum()):.3f} by dot" in note
    again = tmp_path / "more.csv"
    words[4] = again
    words += ["--qrels", store, "--traffic", "asked"]
    assert refused(anglewise(*words), "all that any measure finds for them is judged")
    assert anglewise(*words, "--budget", 600, "--seed", 5, "--depth", 15).code == 0
    filled_in(again, lambda _: 1)
    assert anglewise("judge", "import", store, again).code == 0
    [note] = [n for n in json.loads(anglewise(*run, "--json", "-").out)["notes"] if "unequal" in n]
    assert "is not known, as they come from several draws" in note


def test_two_parquet_files_lead_to_a_verdict(anglewise, tmp_path):
    """Draw, judge, import, compare, until it is decided: with these commands alone."""
    rng = np.random.default_rng(5)
    x, q = rng.normal(size=(300, 6)), rng.normal(size=(150, 6))
    near = q @ x.T / np.linalg.norm(x, axis=1) / np.linalg.norm(q, axis=1)[:, None]
    for name, rows in (("q", q), ("d", x * rng.lognormal(0, 0.8, (300, 1)))):
        table = {"id": [f"{name}{i}" for i in range(len(rows))], "vector": list(rows)}
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    vectors = ("--queries", tmp_path / "q.parquet", "--items", tmp_path / "d.parquet")
    store = tmp_path / "mine.sqlite"
    known = ()
    for seed in range(8):
        queue = tmp_path / f"queue{seed}.csv"
        assert not anglewise(
            "judge", "sample", *vectors, "-o", queue, "--measures", "dot,cosine",
            "--budget", 250, "--seed", seed, *known,
        ).code  # fmt: skip
        rows = rows_of(queue)
        for row in rows:
            row["grade"] = int(near[int(row["query_id"][1:]), int(row["item_id"][1:])] > 0.8)
        with queue.open("w") as file:
            sheet = csv.DictWriter(file, rows[0])
            sheet.writeheader()
            sheet.writerows(rows)
        assert not anglewise("judge", "import", store, queue, "--judge", "anna").code
        known = ("--qrels", store)
        told = json.loads(
            anglewise(
                "compare", *vectors, *known, "--measures", "dot,cosine", "--sequential",
                "--json", "-",
            ).out
        )  # fmt: skip
        if told["sequential"]["decision"] == "decided":
            break
    assert told["sequential"]["measure"] == told["verdict"]["measure"] == "cosine"
    assert told["queries"] < 150


def test_next_names_open_pairs_and_bounds_the_lead(anglewise, folder, tmp_path):
    queue = tmp_path / "next.csv"
    told = json.loads(
        anglewise("judge", "next", folder, "--pairs", 7, "-o", queue, "--json", "-").out
    )
    assert len(told["to_judge"]) == len(rows_of(queue)) == 7
    assert all(one["low"] <= one["lead"] <= one["high"] for one in told["bounds"])
    shown = anglewise("judge", "next", folder, "--pairs", 7).out
    assert "to judge next:" in shown
    assert "question" in shown


def test_power_tells_the_curve_and_draws_it(anglewise, folder, tmp_path):
    plot = tmp_path / "power.svg"
    run = anglewise("judge", "power", folder, "--difference", 0.02, "--plot", plot, "--json", "-")
    told = json.loads(run.out)
    assert told["queries"] == QUERIES
    assert told["needed"] > 0
    assert "judged queries" in plot.read_text()
    assert "show a lead of" in anglewise("judge", "power", folder).out


def test_power_says_that_queries_which_are_answers_depend(anglewise, folder, tmp_path):
    labels = tmp_path / "labels.csv"
    names = [*map(str, range(ITEMS))]
    labels.write_text("id,label\n" + "".join(f"{name},{int(name) % 5}\n" for name in names))
    words = ("judge", "power", folder, "--qrels", labels)
    said = "100 of 100 queries are relevant to other queries too: intervals and tests take each"
    [note] = json.loads(anglewise(*words, "--json", "-").out)["notes"]
    assert note.startswith(said)
    assert said in " ".join(anglewise(*words).out.split())


def test_compare_says_whether_judging_may_stop(anglewise, folder):
    told = json.loads(anglewise("compare", folder, "--sequential", "--json", "-").out)
    assert told["sequential"]["decision"] in {"decided", "keep-judging"}
    assert told["sequential"]["queries"] == 0  # of each some first places are not judged
    assert f"{QUERIES} of {QUERIES} queries are half judged" in told["sequential"]["notes"][0]
    assert "Sequentially, " in anglewise("compare", folder, "--sequential").out
    assert "sequential" not in json.loads(anglewise("compare", folder, "--json", "-").out)


def test_compare_bounds_what_nobody_judged_as_judge_next_does(anglewise, folder):
    told = json.loads(anglewise("compare", folder, "--unjudged", "--json", "-").out)["unjudged"]
    alone = json.loads(anglewise("judge", "next", folder, "--json", "-").out)
    assert told["bounds"] == alone["bounds"]
    assert told["to_judge"] == alone["to_judge"]
    assert len(told["to_judge"]) == 20
    assert "whatever the rest of them says" in anglewise("compare", folder, "--unjudged").out


def test_the_sample_is_the_same_for_the_same_seed(anglewise, folder, tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for file, seed in zip(files, (1, 1, 2), strict=True):
        anglewise("judge", "sample", folder, "-o", file, "--budget", 60, "--seed", seed)
    one, same, other = (file.read_bytes() for file in files)
    assert one == same != other


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("sample", "{space}", "-o", "x.txt"), (".csv or .parquet",)),
        (("sample", "{space}", "-o", "x.csv", "--strata", "colour"), ("'colour'", "clusters(8)")),
        (("sample", "nowhere", "-o", "x.csv"), ("nowhere",)),
        (("sample", "{space}"), ("--output",)),
        (("next", "{space}", "--metric", "RR@10"), ("nDCG",)),
        (("next", "{space}", "--measures", "cosin"), ("cosine",)),
        (("power", "{space}", "--difference", "0"), ("--difference", "positive")),
        (("power", "{space}", "--plot", "x.doc"), (".svg",)),
        (("power", "{space}", "--bugdet", "3"), ("--bugdet",)),
    ],
)
def test_bad_use_is_one_sentence(anglewise, folder, tmp_path, words, parts):
    places = {"x.csv": tmp_path / "x.csv", "{space}": folder}
    refused(anglewise("judge", *(places.get(word, word) for word in words)), *parts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [("sample", "--budget", "90"), ("next",)], ids=" ".join)
@pytest.mark.parametrize("how", ["csv", "parquet", "saved by a spreadsheet"])
def test_grades_that_were_filled_in_are_not_written_over(words, how, anglewise, folder, tmp_path):
    queue = tmp_path / f"queue.{'parquet' if how == 'parquet' else 'csv'}"
    command = ("judge", words[0], folder, *words[1:], "-o", queue)
    assert anglewise(*command).code == 0
    assert anglewise(*command).code == 0  # nothing was filled in
    if how == "parquet":
        table = pq.read_table(queue).to_pydict()
        table["grade"][3] = 2.0
        pq.write_table(pa.table(table), queue)
    else:
        head, *rows = csv.reader(queue.read_text().splitlines())
        rows[3][head.index("grade")] = "2"
        with queue.open("w", encoding="utf-8-sig" if "saved" in how else "utf-8") as file:
            csv.writer(file, delimiter=";" if "saved" in how else ",").writerows([head, *rows])
    before = queue.read_bytes()
    assert refused(anglewise(*command), str(queue), "1 grades that somebody filled in")
    assert queue.read_bytes() == before


def with_cell(column, content, row=3):
    """The text of a table with another cell, parted as it was."""

    def changed(text):
        head, *rows = csv.reader(io.StringIO(text, newline=""))
        rows[row][head.index(column)] = content
        table = io.StringIO(newline="")
        csv.writer(table, lineterminator="\n").writerows([head, *rows])
        return table.getvalue()

    return changed


NOTES = {
    "a note in the stratum": with_cell("stratum", "2 I think"),
    "a note beside the query": with_cell("query", "odd question", row=0),
    "a note beside the item": with_cell("item", "ask Ben", row=-1),
    "another item": with_cell("item_id", "zz"),
    "a grade under probability": with_cell("probability", "2"),
    "a grade behind all": with_cell("check", "2"),
}

WORKED_IN = {
    **NOTES,
    "pairs that were thrown out": lambda text: "".join(text.splitlines(keepends=True)[:-1]),
    "the grades are called relevance": lambda text: text.replace(",grade,", ",relevance,", 1),
    "a column of notes": lambda text: "".join(f"{x},seen\n" for x in text.splitlines()),
    "parted by |": lambda text: text.replace(",", "|"),
    "sep= as a spreadsheet writes": lambda text: "sep=,\n" + text,
    "a title above": lambda text: "My queue\n" + text,
    "a blank line above": lambda text: "\n" + text,
    "a judge wrote none": lambda text: text.replace(",,", ",none,", 1),
    "a second column of grades": lambda text: "".join(f"{x},grade\n" for x in text.splitlines()),
    "UTF-16": lambda text: text.encode("utf-16"),
    "compressed": lambda text: gzip.compress(text.encode()),
    "a short row": lambda text: text + "q,a\n",
}


@pytest.mark.parametrize("words", [("sample", "--budget", "90"), ("next",)], ids=" ".join)
@pytest.mark.parametrize("how", WORKED_IN)
def test_a_queue_that_is_not_as_it_was_written_is_kept(words, how, anglewise, folder, tmp_path):
    queue = tmp_path / "queue.csv"
    command = ("judge", words[0], folder, *words[1:], "-o", queue)
    assert anglewise(*command).code == 0
    content = WORKED_IN[how](queue.read_text())
    queue.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = queue.read_bytes()
    refused(anglewise(*command), str(queue), "anglewise judge import")
    assert queue.read_bytes() == before


def test_an_empty_file_is_no_queue_that_could_be_lost(anglewise, folder, tmp_path):
    (tmp_path / "queue.csv").touch()
    command = ("judge", "sample", folder, "--budget", "90", "-o", tmp_path / "queue.csv")
    assert anglewise(*command).code == 0


def test_grades_of_disputes_are_not_written_over(anglewise, tmp_path):
    judged = tmp_path / "judged.csv"
    judged.write_text("query_id,item_id,grade,judge\nq,a,1,ann\nq,a,0,bob\nq,b,1,ann\nq,b,1,bob\n")
    command = ("judge", "agreement", judged, "--disputes", tmp_path / "disputes.csv")
    assert anglewise(*command).code == 0
    table = (tmp_path / "disputes.csv").read_text().replace("queries-items,,", "queries-items,1,")
    (tmp_path / "disputes.csv").write_text(table)
    assert refused(anglewise(*command), "grades that somebody filled in")
    assert (tmp_path / "disputes.csv").read_text() == table


@pytest.mark.parametrize("column", ["query_id", "probability", "stratum", "query", "check"])
def test_notes_in_a_queue_of_parquet_are_kept(column, anglewise, folder, tmp_path):
    queue = tmp_path / "queue.parquet"
    command = ("judge", "sample", folder, "--budget", "90", "-o", queue)
    assert anglewise(*command).code == 0
    table = pq.read_table(queue)
    cells = table[column].to_pylist()
    cells[3] = 0.125 if column == "probability" else "a note"
    position = table.column_names.index(column)
    pq.write_table(table.set_column(position, table.schema.field(column), [cells]), queue)
    before = queue.read_bytes()
    assert refused(anglewise(*command), "row 4 is not as it was written", "judge import")
    assert queue.read_bytes() == before


@pytest.mark.parametrize("column", ["said", "asks", "answers", "direction"])
def test_notes_in_a_table_of_disputes_are_kept(column, anglewise, tmp_path):
    (tmp_path / "judged.csv").write_text(
        "query_id,item_id,grade,judge\nq,a,1,ann\nq,a,0,bob\nq,b,1,ann\nq,b,1,bob\n"
    )
    table = tmp_path / "disputes.csv"
    command = ("judge", "agreement", tmp_path / "judged.csv", "--disputes", table)
    assert anglewise(*command).code == 0
    assert anglewise(*command).code == 0
    table.write_text(with_cell(column, "ask Ben", row=0)(table.read_text()))
    before = table.read_bytes()
    assert refused(anglewise(*command), "row 1 is not as it was written")
    assert table.read_bytes() == before


def test_a_queue_that_a_spreadsheet_saved_as_it_was_may_be_replaced(anglewise, folder, tmp_path):
    queue = tmp_path / "queue.csv"
    command = ("judge", "sample", folder, "--budget", "90", "-o", queue)
    assert anglewise(*command).code == 0
    rows = list(csv.reader(queue.read_text().splitlines()))
    with queue.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    assert anglewise(*command).code == 0


def test_a_queue_that_holds_too_much_is_not_unpacked(anglewise, folder, tmp_path, monkeypatch):
    names = ("query_id", "item_id", "grade", "probability", "stratum", "query", "item", "check")
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), ["x" * 1_000_000])
    queue = tmp_path / "queue.parquet"
    pq.write_table(pa.table(dict.fromkeys(names, cells)), queue)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "50MB")
    run = anglewise("judge", "sample", folder, "--budget", "90", "-o", queue)
    assert refused(run, "queue.parquet", "50 MB are allowed")
