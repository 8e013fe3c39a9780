"""The history of comparisons, gates that are held against it, and gates as JUnit's XML."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import Embeddings, Judgements, Pairs, Space, compare
from anglewise.comparison.gates import Last, check, gate
from anglewise.comparison.history import History, rows_of
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import FileError, IdsError, SpellingError
from anglewise.io import runs as history_file
from anglewise.io.runs import RUNS_WITH_VALUES, append_history, read_history
from anglewise.judgements.folder_lock import try_lock
from anglewise.statistics.decision import WeightedMeans
from rendered import junit, markdown

SIZE = 60


def compared(noise, *, queries=SIZE, first="q", gain=1.0, groups=None):
    """Queries near the item of their number, more or less; the same items every time."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SIZE, 8))
    q = x + noise * rng.standard_normal((SIZE, 8))
    space = Space(
        queries=Embeddings(
            q[:queries],
            ids=[f"{first}{i}" for i in range(queries)],
            metadata=None if groups is None else {"group": groups},
        ),
        items=Embeddings(x * rng.uniform(0.3, 3, (SIZE, 1)), ids=[f"d{i}" for i in range(SIZE)]),
    )
    rows = np.arange(queries)
    own = SparseRows.from_pairs(rows, rows, np.full(queries, gain), shape=(queries, SIZE))
    split = "queries" if groups is None else "group(group)"
    return compare(space, Judgements(own), "dot,cosine", metrics="R@5", split=split)


@pytest.fixture(scope="module")
def good():
    return compared(0.5)


@pytest.fixture(scope="module")
def worse():
    return compared(1.2)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "history.parquet"


def history(file):
    return History(read_history(file))


def mean(result, name="cosine"):
    return next(one.metrics["nDCG@10"].mean for one in result.measures if one.measure == name)


def test_a_run_is_one_row_for_each_measure_and_metric(good, file):
    assert append_history(file, rows_of(good, label="abc", gates_held=True)) == 1
    table = pq.read_table(file).to_pylist()
    assert [(row["measure"], row["metric"]) for row in table] == [
        (one.measure, metric) for one in good.measures for metric in ("nDCG@10", "R@5")
    ]
    first = table[0]
    assert (first["run"], first["label"], first["at"], first["gates_held"]) == (
        1,
        "abc",
        None,
        True,
    )
    assert (first["signature"], first["queries"], first["decision"]) == (
        good.signature,
        SIZE,
        good.verdict.decision,
    )
    assert np.mean(first["values"]) == pytest.approx(first["mean"])
    assert first["query_ids"][:2] == ["q0", "q1"]


def test_the_same_runs_give_the_same_bytes_unless_a_time_is_given(good, worse, tmp_path):
    files = [tmp_path / name for name in ("one", "two", "three")]
    for place, path in enumerate(files):
        append_history(path, rows_of(good))
        at = datetime(2026, 1, 31, tzinfo=UTC) if place == 2 else None
        append_history(path, rows_of(worse, at=at))
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()
    assert pq.read_table(files[2])["at"][-1].as_py() == datetime(2026, 1, 31, tzinfo=UTC)


def test_a_gate_against_the_last_run_has_the_interval_of_the_paired_difference(good, worse, file):
    append_history(file, rows_of(good, label="main"))
    checked = check(worse, "cosine>=last-0.01", history(file))
    assert not checked.passed
    assert checked.figure.mean == pytest.approx(mean(worse) - mean(good))
    pair = np.stack([one.evidence.values["nDCG@10"][1] for one in (worse, good)])
    pair = pair[:, np.argsort(worse.evidence.order)]  # chance goes by the ids
    interval = WeightedMeans.of(pair).difference(0, 1)
    assert (checked.figure.low, checked.figure.high) == interval
    lead = pair[0] - pair[1]
    spread = 2 * lead.std(ddof=1) / np.sqrt(SIZE)  # what a query not seen adds is a few of 60
    assert lead.mean() - spread - 0.08 < checked.figure.low < lead.mean() - spread
    assert lead.mean() + spread < checked.figure.high < lead.mean() + spread + 0.08
    assert "fails: nDCG@10 of cosine less that of run 1 (main) is -0." in checked.sentence


def test_the_same_run_again_differs_by_nothing_as_far_as_its_queries_know(good, file):
    append_history(file, rows_of(good))
    checked = check(good, "cosine>=last", history(file))
    assert checked.passed
    assert checked.figure.mean == 0
    assert -0.08 < checked.figure.low < 0 < checked.figure.high < 0.08  # about 1 - 0.025^(1/61)


def test_the_interval_against_a_run_draws_groups_of_queries(file):
    groups = np.repeat([f"g{i}" for i in range(12)], 5)
    before, now = (compared(noise, groups=groups) for noise in (0.5, 0.7))
    append_history(file, rows_of(before))
    figure = check(now, "cosine>=last", history(file)).figure
    values = np.stack([one.evidence.values["nDCG@10"][1] for one in (now, before)])
    first = [int(now.evidence.order[5 * group : 5 * group + 5].min()) for group in range(12)]
    sums, sizes = values.reshape(2, 12, 5).sum(axis=2)[:, np.argsort(first)], np.full(12, 5)
    assert (figure.low, figure.high) == WeightedMeans.of(sums, sizes).difference(0, 1)


def test_runs_are_paired_by_the_ids_of_their_queries(good, file):
    append_history(file, rows_of(good))
    fewer = compared(0.5, queries=40)
    checked = check(fewer, "cosine>=last", history(file))
    assert "on the 40 queries that both runs judged" in checked.sentence
    assert "what is judged has changed since" in checked.sentence
    mine = fewer.evidence.values["nDCG@10"][1] - good.evidence.values["nDCG@10"][1][:40]
    assert checked.figure.mean == pytest.approx(mine.mean())


def test_other_judgements_of_the_same_queries_are_said(good, file):
    append_history(file, rows_of(good))
    assert "changed" not in check(good, "dot>=last", history(file)).sentence
    regraded = compared(0.5, gain=2.0)
    assert (
        "what is judged has changed since" in check(regraded, "dot>=last", history(file)).sentence
    )


def test_a_history_of_other_queries_is_refused_with_three_ids(good, file):
    append_history(file, rows_of(compared(0.5, first="other")))
    with pytest.raises(IdsError, match=r"'other0', 'other1' and 'other2'.*'q0', 'q1' and 'q2'"):
        check(good, "cosine>=last", history(file))


def test_a_run_whose_gates_failed_is_never_the_standard(good, worse, file):
    append_history(file, rows_of(good, gates_held=True))
    append_history(file, rows_of(worse, gates_held=False))
    assert not check(worse, "cosine>=last-0.01", history(file)).passed
    append_history(file, rows_of(worse))
    assert check(worse, "cosine>=last-0.01", history(file)).passed


def test_a_label_names_the_run(good, worse, file):
    append_history(file, rows_of(good, label="v1.0"))
    append_history(file, rows_of(worse, label="v1.1"))
    assert check(worse, "cosine>=last-0.01", history(file)).passed
    failed = check(worse, "cosine>=last(v1.0)-0.01", history(file))
    assert not failed.passed
    assert "run 1 (v1.0)" in failed.sentence


def test_the_first_run_is_unchecked_and_says_so(good, worse, file):
    checked = check(good, "cosine>=last")
    assert (checked.passed, checked.checked, checked.figure) == (True, False, None)
    assert checked.sentence == (
        "gate cosine>=last is unchecked: first run, nothing to hold it against"
    )
    append_history(file, rows_of(worse, gates_held=False))
    later = check(good, "cosine>=last", history(file))  # nothing held yet
    assert not later.checked
    assert later.sentence == (
        "gate cosine>=last is unchecked: no run before kept its gates, nothing to hold it against"
    )
    append_history(file, rows_of(worse))
    assert check(good, "cosine>=last", history(file)).checked


def test_a_label_in_an_empty_history_must_be_that_of_the_run(good):
    with pytest.raises(SpellingError, match="none labelled v9: begin with --label v9"):
        check(good, "cosine>=last(v9)", History())
    with pytest.raises(SpellingError, match="none labelled v9"):
        check(good, "cosine>=last(v9)", History(label="v8"))
    assert not check(good, "cosine>=last(v9)", History(label="v9")).checked


def test_a_label_that_no_run_has_is_refused_with_those_there_are(good, file):
    append_history(file, rows_of(good, label="v1"))
    append_history(file, rows_of(good, label="v2", gates_held=False))
    for label in ("v9", "v2"):
        with pytest.raises(SpellingError, match=rf"no run labelled {label} .*the labels v1, and"):
            check(good, f"cosine>=last({label})", history(file))
    held = History(read_history(file), label="v9")
    with pytest.raises(SpellingError, match="or add a run with --label v9 first"):
        check(good, "cosine>=last(v9)", held)


def test_a_measure_that_no_run_has_is_refused_with_those_there_are(good, file):
    rows = rows_of(good, label="v1")
    append_history(file, [row for row in rows if row["measure"] == "dot"])
    message = r"no run of cosine by nDCG@10 \(queries-items\).*v1, and dot by nDCG@10 \(queries-"
    with pytest.raises(SpellingError, match=message):
        check(good, "cosine>=last", history(file))
    append_history(file, rows_of(good, label="v2"))
    with pytest.raises(SpellingError, match="no run labelled v1 of cosine"):
        check(good, "cosine>=last(v1)", history(file))


def test_another_metric_or_direction_is_no_earlier_run(good, file):
    rows = rows_of(good)
    append_history(file, [row | {"direction": "items-items"} for row in rows])
    append_history(file, [row for row in rows if row["metric"] == "R@5"])
    message = r"by nDCG@10 \(items-items\);.* by R@5 \(queries-items\)"
    with pytest.raises(SpellingError, match=message):
        check(good, "cosine>=last", history(file))


def test_of_many_labels_a_message_names_the_last_ten(good, file):
    rows = rows_of(good)
    append_history(file, [row | {"label": f"v{n}"} for n in range(50) for row in rows])
    with pytest.raises(SpellingError, match=r"labels v40, .* and v49 \(and 40 older\)") as told:
        check(good, "cosine>=last(w)", history(file))
    assert len(str(told.value)) < 600


def test_of_old_runs_the_means_alone_are_kept_and_the_gate_says_so(good, file):
    append_history(file, rows_of(good, label="anchor"))
    one = rows_of(good)
    for _ in range(RUNS_WITH_VALUES - 1):
        append_history(file, one)
    assert "interval" not in check(good, "cosine>=last(anchor)-1", history(file)).sentence
    append_history(file, one)
    checked = check(good, "cosine>=last(anchor)", history(file))
    assert checked.passed
    assert np.isnan(checked.figure.low)
    assert checked.sentence.endswith("the history has the mean alone, so there is no interval")
    table = pq.read_table(file)
    assert table["run"].to_pylist()[-1] == RUNS_WITH_VALUES + 1
    kept = {row["run"] for row in table.to_pylist() if row["values"] is not None}
    assert kept == set(range(2, RUNS_WITH_VALUES + 2))


def test_pairs_keep_their_means_alone(file):
    rng = np.random.default_rng(0)
    space = Space(items=Embeddings(rng.standard_normal((30, 4))))
    pairs = Pairs(np.arange(29), np.arange(1, 30), rng.random(29))
    result = compare(space, pairs, "dot,cosine")
    append_history(file, rows_of(result))
    checked = check(result, "cosine>=last-0.01", history(file))
    assert checked.passed
    assert "the mean alone" in checked.sentence


def test_runs_that_append_at_once_are_all_there(good, file):
    rows = rows_of(good)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: append_history(file, rows), range(12)))
    assert sorted(runs) == list(range(1, 13))
    assert sorted(set(pq.read_table(file)["run"].to_pylist())) == list(range(1, 13))
    assert [one.name for one in file.parent.iterdir()] == ["history.parquet"]


def test_programs_that_append_at_once_are_all_there(file):
    code = (
        "import sys; from anglewise.io.runs import append_history\n"
        "for i in range(5): append_history(sys.argv[1], [{'measure': sys.argv[2], 'metric': 'm'}])"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, file, name]) for name in "ab"]
    assert [one.wait() for one in running] == [0, 0]
    table = pq.read_table(file)
    assert sorted(table["run"].to_pylist()) == list(range(1, 11))
    assert sorted(table["measure"].to_pylist()) == ["a"] * 5 + ["b"] * 5


def test_a_run_that_dies_while_it_writes_leaves_the_file_as_it_was(good, file, monkeypatch):
    append_history(file, rows_of(good))
    before = file.read_bytes()

    class Dying:
        ParquetFile = pq.ParquetFile

        @staticmethod
        def write_table(_table, into, **_):
            into.write(b"PAR1 half")
            raise KeyboardInterrupt

    arrow = history_file.arrow
    monkeypatch.setattr(
        history_file, "arrow", lambda name=None: Dying if name == "parquet" else arrow(name)
    )
    with pytest.raises(KeyboardInterrupt):
        append_history(file, rows_of(good))
    assert file.read_bytes() == before
    assert [one.name for one in file.parent.iterdir()] == ["history.parquet"]


def test_what_is_no_history_is_refused_and_left_alone(good, tmp_path):
    other = tmp_path / "items.parquet"
    pq.write_table(pa.table({"id": ["a"]}), other)
    before = other.read_bytes()
    with pytest.raises(FileError, match="is no history"):
        append_history(other, rows_of(good))
    assert other.read_bytes() == before
    (tmp_path / "torn.parquet").write_bytes(before[:40])
    with pytest.raises(FileError, match="cannot be read as a history"):
        read_history(tmp_path / "torn.parquet")
    with pytest.raises(FileError, match="does not exist"):
        append_history(tmp_path / "nowhere" / "h.parquet", rows_of(good))


@pytest.mark.parametrize("last", [2**63 - 1, -7])
def test_a_history_whose_runs_cannot_be_counted_on_is_refused(good, file, last):
    append_history(file, rows_of(good))
    table = pq.read_table(file)
    pq.write_table(table.set_column(0, "run", pa.array([last] * len(table), pa.int64())), file)
    with pytest.raises(FileError, match=f"its last run has the number {last}"):
        append_history(file, rows_of(good))


@pytest.mark.parametrize(
    "spelling",
    [
        *("cosine>=last-0.01", "dot>=last", "dot<=last(v1.0)+0.2", "new: dot>=old: dot-0.01"),
        *("dot>=0.123456789", "dot>=cosine-0.0000001", "dot<=1234567.5", "dot<=cosine+12345678"),
    ],
)
def test_gates_of_runs_and_spaces_are_written_as_they_are_read(spelling):
    assert str(gate(spelling)) == spelling
    assert gate(str(gate(spelling))) == gate(spelling)


def test_blanks_and_capitals_of_a_gate_do_not_matter_but_those_of_names_do():
    assert gate("Cosine >= LAST( Main ) - .01").right == Last("Main")
    assert gate("My Model[:8] : Dot >= 0.5").left == "My Model[:8]: dot"
    assert gate("all-mini-6: dot>=e5-2: dot-0.5").right == "e5-2: dot"


@pytest.mark.parametrize("spelling", ["last>=dot", "dot>=last()", "dot>=last-", "dot>=last(a"])
def test_what_is_no_gate_of_runs_is_refused(spelling):
    with pytest.raises(SpellingError):
        gate(spelling)


def _cases(good, worse, file):
    append_history(file, rows_of(good))
    checked = [
        check(worse, one, history(file)) for one in ("cosine>=dot-0.01", "cosine>=last-0.01")
    ]
    return [*checked, check(worse, "cosine>=last")]


def test_junit_has_one_case_a_gate_with_its_figures(good, worse, file):
    checked = _cases(good, worse, file)
    text = junit(worse, checked)
    root = ET.fromstring(text)  # noqa: S314 our own words
    assert root.tag == "testsuites"
    (suite,) = root
    counts = {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    assert suite.attrib == {"name": "compare by nDCG@10", "time": "0"} | counts
    del counts["skipped"]  # the schema of Jenkins does not know it so high up
    assert root.attrib == {"name": "anglewise", "time": "0"} | counts
    assert [child.tag for child in suite] == ["properties", "testcase", "testcase", "testcase"]
    cases = suite.findall("testcase")
    assert [one.get("name") for one in cases] == [str(one.gate) for one in checked]
    assert all({"name", "classname", "time"} == set(one.attrib) for one in cases)
    assert [[child.tag for child in one] for one in cases] == [
        ["system-out"],
        ["failure"],
        ["skipped"],
    ]
    failure = cases[1].find("failure")
    assert failure.text == failure.get("message") == checked[1].sentence
    assert failure.get("type") == "gate"
    assert text == junit(worse, checked)


def test_junit_escapes_names(good):
    checked = check(good, "cosine>=dot-1")
    odd = replace(checked, sentence='a < b & "c" \x00 ]]>')
    root = ET.fromstring(junit(good, [odd]))  # noqa: S314 our own words
    assert root.find(".//system-out").text == 'a < b & "c"   ]]>'


def test_markdown_says_first_which_gates_failed(good, worse, file):
    checked = _cases(good, worse, file)
    lines = markdown(worse, checked).splitlines()
    assert lines[0] == "**1 of 3 gates failed, 1 unchecked**"
    assert lines[2].startswith("- ❌ gate cosine>=last-0.01 fails")
    assert [line[:3] for line in lines[3:5]] == ["- ❔", "- ✅"]
    assert markdown(worse, [checked[0], checked[2]]).startswith("**1 of 2 gates held, 1 unchecked")
    assert markdown(worse, checked[:1]).startswith("**All gates held**")
    ungated = markdown(worse)
    assert ungated.startswith(("**Use", "**Tie", "**Cannot"))


def test_columns_of_others_stay_in_a_history(file, good, worse):
    append_history(file, rows_of(good))
    table = pq.read_table(file)
    pq.write_table(table.append_column("mine", pa.array(range(table.num_rows))), file)
    append_history(file, rows_of(worse))
    kept = pq.read_table(file)["mine"].to_pylist()
    assert kept == [*range(table.num_rows), *[None] * table.num_rows]


def with_column(file, name, cell):
    """The same history, but for one column, which holds the same in every row."""
    table = pq.read_table(file)
    place = table.column_names.index(name)
    column = pa.array([cell] * table.num_rows, table.schema.field(name).type)
    pq.write_table(table.set_column(place, name, column), file)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("values", [1.0]),
        ("values", [None] * SIZE),
        ("values", [float("nan")] * SIZE),
        ("values", [float("-inf")] * SIZE),
        ("values", [-1e300] * SIZE),
        ("query_ids", ["q1"] * SIZE),
        ("query_ids", [None] * SIZE),
        ("query_ids", None),
        ("run", None),
        ("run", -3),
    ],
)
def test_a_gate_is_held_against_no_damaged_run(file, good, name, cell):
    append_history(file, rows_of(good))
    with_column(file, name, cell)
    with pytest.raises(FileError, match=r"history\.parquet is damaged: run "):
        check(good, "cosine>=last-0.1", history(file))


@pytest.mark.parametrize("mean", [float("-inf"), float("inf"), float("nan")])
@pytest.mark.parametrize("relation", [">=", "<="])
def test_a_gate_holds_against_no_mean_that_is_no_number(file, good, mean, relation):
    append_history(file, rows_of(good))
    with_column(file, "values", None)
    with_column(file, "mean", mean)
    assert not check(good, f"cosine{relation}last", history(file)).passed


def test_a_gate_holds_against_no_run_without_mean_and_values(file, good):
    append_history(file, rows_of(good))
    with_column(file, "values", None)
    with_column(file, "mean", None)
    checked = check(good, "cosine>=last-0.1", history(file))
    assert not checked.passed
    assert "is undefined; it was undefined in that run" in checked.sentence


def test_a_row_that_does_not_say_how_many_queries_it_had_is_held_by_its_mean(file, good):
    append_history(file, rows_of(good))
    with_column(file, "values", None)
    with_column(file, "queries", None)
    assert check(good, "cosine>=last", history(file)).passed


ROW = {"label": "first", "measure": "dot", "metric": "R@10", "mean": 0.5}


@pytest.mark.skipif(os.name == "nt", reason="other locks there")
def test_a_history_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(history_file, "PATIENCE", 0.3)
    other = os.open(tmp_path / ".h.parquet.lock", os.O_RDWR | os.O_CREAT)
    assert try_lock(other, alone=True)
    with pytest.raises(FileError, match="held for 0 s by another run"):
        append_history(tmp_path / "h.parquet", [ROW])
    os.close(other)
    assert append_history(tmp_path / "h.parquet", [ROW]) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["h.parquet"]


@pytest.mark.skipif(os.name == "nt", reason="links are others there")
@pytest.mark.parametrize("link", [True, False])
def test_what_lies_where_a_lock_belongs_is_left_alone(link, tmp_path):
    lock, target = tmp_path / ".h.parquet.lock", tmp_path / "elsewhere"
    if link:
        lock.symlink_to(target)
    else:
        lock.write_text("mine")
    with pytest.raises(FileError, match="in the way of a lock"):
        append_history(tmp_path / "h.parquet", [ROW])
    assert lock.is_symlink() == link
    assert not target.exists()
    assert link or lock.read_text() == "mine"
