"""What the jobs put out is what was recorded: ``tests/golden``, renewed by ``make record`` alone.

Numbers are held to 1e-9, keys and their order exactly, sentences and terminals to the letter. The
jobs on real data are compared where they were recorded before (``make record-real``).
"""

import json
from functools import cache

import pytest

import record
import record_jobs
from recorded import differences, keep, sections

RENEW = "If this is meant: make record, and look at the difference that git shows"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Do a job once on the made data."""
    folder = tmp_path_factory.mktemp("made")
    record_jobs.make(folder)
    return cache(lambda name: record.made(folder, name))


def recorded(name):
    return (record.GOLDEN / name).read_text("utf-8")


def lines(text):
    return text.splitlines()


@pytest.mark.parametrize("name", record_jobs.JOBS)
def test_values_are_those_that_were_recorded(job, name):
    now = json.loads(json.dumps(job(name).values))
    found = list(differences(json.loads(recorded(f"{name}.json")), now))
    assert found[:20] == [], f"{len(found)} differences. {RENEW}"


@pytest.mark.parametrize("name", record_jobs.JOBS)
def test_sentences_are_those_that_were_recorded(job, name):
    assert lines(job(name).prose) == lines(sections(recorded("prose.txt"))[name]), RENEW


@pytest.mark.parametrize("name", record_jobs.JOBS)
def test_terminals_and_pages_show_what_was_recorded(job, name):
    assert lines(job(name).texts) == lines(sections(recorded("terminal.txt"))[name]), RENEW


def test_every_job_has_its_file_and_all_but_one_succeed():
    codes = {
        path.stem: json.loads(path.read_text())["exit"] for path in record.GOLDEN.glob("*.json")
    }
    assert codes == {name: 2 if name == "fit-refused" else 0 for name in record_jobs.JOBS}


@pytest.mark.slow
def test_real_data_give_what_was_recorded():
    if not record.REAL.exists():
        pytest.skip(f"{record.REAL} is not there: make record-real writes it")
    assert record.compare(json.loads(record.REAL.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("now", "line"),
    [
        ({"a": 1.0 + 2e-9, "b": [1]}, ".a: recorded 1.0, now 1.000000002"),
        ({"a": 1, "b": [1]}, ".a: recorded 1.0, now 1"),
        ({"a": 1.0, "b": [2]}, ".b[0]: recorded 1, now 2"),
        ({"a": 1.0, "b": [1, 1]}, ".b: recorded 1 entries, now 2"),
        ({"b": [1], "a": 1.0}, ": recorded the keys ['a', 'b'], now ['b', 'a']"),
    ],
)
def test_a_difference_is_named(now, line):
    before = {"a": 1.0, "b": [1]}
    assert list(differences(before, now)) == [line]
    assert list(differences(before, {"a": 1.0 + 5e-10, "b": [1]})) == []


def test_clocks_and_versions_are_masked_and_sentences_kept_apart():
    content = {"version": "0.1.0", "seconds": 3.5, "reason": "so", "notes": ["a", "b"], "n": 1}
    output = record_jobs.Output(0, "took 12 s\n", {"out.json": json.dumps(content)}, ())
    of = keep(output, ["fit"])
    assert of.values["json"] == {
        "version": "masked",
        "seconds": "masked",
        "reason": "in prose.txt",
        "notes": "in prose.txt",
        "n": 1,
    }
    assert lines(of.prose) == ["reason: so", "notes: a", "notes: b"]
    assert of.texts == "$ anglewise fit\ntook TIME\n"


@pytest.mark.parametrize("time", ["<1 s", "9 s", "42 s", "1.67 min", "1.5 h"])
def test_times_of_any_length_are_masked_alike(time):
    padded = f"dot {time:>12}  320\n"
    page = f"dot {time.replace('<', '&lt;')} of {time}\n"
    output = record_jobs.Output(0, f"{time} in all\n", {"a.md": padded + page}, ())
    kept = keep(output, ["fit"]).texts.splitlines()
    assert kept[1:] == ["TIME in all", "--- a.md", "dot TIME  320", "dot TIME of TIME"]


def test_long_lists_are_kept_in_short_and_a_swap_is_seen():
    def kept(values):
        output = record_jobs.Output(0, "", {"out.json": json.dumps({"x": values})}, ())
        return keep(output, []).values["json"]["x"]

    numbers = [row / 7 for row in range(300)]
    swapped = [*numbers[:9], numbers[10], numbers[9], *numbers[11:]]
    assert kept(numbers)["entries"] == 300
    assert list(differences(kept(numbers), kept(swapped))) != []
    assert kept(["a"] * 300) != kept(["a"] * 299 + ["b"])
