"""Refused rows, and what lies beside a file, take no more than a known amount."""

import gzip
import json
import resource
import tracemalloc

import pytest

from anglewise.io import judgement_rows
from anglewise.io.judgement_export import write_judged
from anglewise.io.judgement_formats import read_judged, rejects_table
from anglewise.io.judgement_rows import count_refused
from cli_run import anglewise

__all__ = ["anglewise"]


def test_all_refused_rows_are_counted_and_the_first_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(judgement_rows, "MOST_REFUSED", 2000)
    file = tmp_path / "in.csv"
    file.write_text("query_id,item_id,grade\nq,d,1\n" + "x,\n" * 1000)
    read = read_judged(file)
    assert len(read.judged) == 1
    assert count_refused(read.rejects) == 1000
    assert 5 < len(read.rejects) < 100
    lines = rejects_table(read.rejects).splitlines()
    assert lines[-1].startswith(f'"the rows after these: {1001 - len(read.rejects):,}"') or (
        lines[-1].startswith(f"the rows after these: {1001 - len(read.rejects):,}")
    )


def test_a_few_bytes_of_bad_rows_take_bounded_memory(anglewise, tmp_path):
    file = tmp_path / "bad.csv.gz"
    with gzip.open(file, "wt") as text:
        text.write("query_id,item_id,grade\nq,d,1\n" + "x,\n" * 300_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = anglewise("judge", "import", tmp_path / "s.sqlite", file, "--json", "-")
    assert done.code == 0, done.err
    content = json.loads(done.out)
    assert content["refused"] == 300_000
    assert (tmp_path / "bad.csv.gz.rejects.csv").stat().st_size < 40_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000


def test_a_large_file_of_the_name_of_refused_rows_is_not_read(anglewise, tmp_path):
    file = tmp_path / "in.csv"
    file.write_text("query_id,item_id,grade\nq,d,1\nx,\n")
    beside = tmp_path / "in.csv.rejects.csv"
    with beside.open("wb") as sparse:
        sparse.truncate(3 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert anglewise("judge", "import", tmp_path / "s.sqlite", file).code == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000
    assert (tmp_path / "in.csv.rejects-2.csv").exists()


def test_what_is_proposed_to_be_typed_runs_nothing(anglewise, tmp_path):
    name = "q;touch PWN.csv"
    file = tmp_path / name
    file.write_text("query_id,item_id,grade\nq,d,1\n")
    assert anglewise("judge", "import", tmp_path / "s.sqlite", file).code == 0
    file.write_text("query_id,item_id,grade\nq,d,2\n")
    again = anglewise("judge", "import", tmp_path / "s.sqlite", file)
    assert again.code == 2
    assert f"(--judge '{name}')" in again.err


HEAD = "query_id,item_id,grade,probability,stratum,query,item,check"


@pytest.mark.parametrize(
    "text",
    [
        f"sep=;\n{HEAD.replace(',', ';')}\nq;d;2;;;;;x\n",
        f"\n{HEAD}\nq,d,2,,,,,x\n",
        f"sep=|\n{HEAD.replace(',', '|')}\nq|d|2|||||x\n",
        "query_id,item_id,grade,query\nq,d,2,what\n",
        f"{HEAD.upper()}\nq,d,2,,,,,x\n",
        "query_id , item_id , grade , item\nq,d,2,what\n",
        "Query ID,Item ID,Grade,probability,stratum,query,item,check\nq,d,2,,,,,x\n",
        "query-id,corpus-id,score,text\nq,d,2,what\n",
        "qid;docno;relevance;title\nq;d;2;what\n",
        "query_id,item_id,grade,judge\nq,d,2,what\n",
        "query_id,item_id,grade,check,rank\nq,d,2,x,1\n",
        "\n" * 5_000 + f"{HEAD}\nq,d,2,,,,,x\n",
    ],
)
def test_a_table_in_which_grades_were_filled_in_is_known_however_its_head_reads(
    text, anglewise, tmp_path
):
    file = tmp_path / "in.csv"
    file.write_text("query_id,item_id,grade\nq,d,1\n")
    assert anglewise("judge", "import", tmp_path / "s.sqlite", file).code == 0
    filled = tmp_path / "filled.csv"
    filled.write_text(text)
    assert anglewise("judge", "export", tmp_path / "s.sqlite", filled).code == 2
    assert filled.read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "query-id\tcorpus-id\tscore\nq\td\t1\n",
        "query_id,item_id,grade\nq,d,1\n",
        "query_id,item_id,rank,score\nq,d,1,0.5\n",
        "query_id,metric,value\nq,nDCG@10,1\n",
        '{"query": 1, "item": 2, "grade": 3}\n',
        "some words\n",
    ],
)
def test_lists_exports_and_plain_tables_are_replaced(text, anglewise, tmp_path):
    file = tmp_path / "in.csv"
    file.write_text("query_id,item_id,grade\nq,d,1\n")
    assert anglewise("judge", "import", tmp_path / "s.sqlite", file).code == 0
    older = tmp_path / "older.csv"
    older.write_text(text)
    assert anglewise("judge", "export", tmp_path / "s.sqlite", older).code == 0
    assert older.read_text() != text


def test_what_was_exported_may_be_exported_again(anglewise, tmp_path):
    file = tmp_path / "in.csv"
    file.write_text("query_id,item_id,grade\nq,d,1\n")
    assert anglewise("judge", "import", tmp_path / "s.sqlite", file).code == 0
    for _ in range(2):
        assert anglewise("judge", "export", tmp_path / "s.sqlite", tmp_path / "o.csv").code == 0


def test_judgements_that_fill_the_memory_are_refused_before_any_is_recorded(
    anglewise, tmp_path, monkeypatch
):
    file, store = tmp_path / "in.csv", tmp_path / "s.sqlite"
    file.write_text("query_id,item_id,grade\n" + "".join(f"q{i},d,1\n" for i in range(9000)))
    monkeypatch.setenv("ANGLEWISE_MEMORY", "6MB")
    done = anglewise("judge", "import", store, file)
    assert done.code == 2
    assert "reading 8,192 judgements and more takes 11 MB, 6.0 MB are allowed" in done.err
    assert not store.exists()
    monkeypatch.undo()
    assert anglewise("judge", "import", store, file).code == 0
    monkeypatch.setenv("ANGLEWISE_MEMORY", "6MB")
    for form in ("label-studio", "csv", "trec"):
        done = anglewise("judge", "export", store, tmp_path / "o.txt", "--format", form)
        assert done.code == 2
        assert "judgements and more takes" in done.err
        assert not (tmp_path / "o.txt").exists()


@pytest.mark.parametrize("form", ["label-studio", "argilla"])
def test_tasks_are_written_one_by_one(form, tmp_path):
    """And yet as one list, just as a whole list would be written."""
    file = tmp_path / "in.csv"
    lines = [f"q{i},d{i % 7}," + ("1\n" if i else "2\n") for i in range(1_000)]
    file.write_text("query_id,item_id,grade\n" + "".join(lines))
    rows = read_judged(file).judged
    tracemalloc.start()
    write_judged(tmp_path / "o.json", rows, form)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000
    text = (tmp_path / "o.json").read_text("utf-8")
    assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=1) + "\n"
    write_judged(tmp_path / "none.json", [], form)
    assert (tmp_path / "none.json").read_text("utf-8") == "[]\n"
