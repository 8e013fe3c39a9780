"""``verify-report``: a report holds, or is shown not to, or it is said why that cannot be told."""

import json

import numpy as np
import pytest

from anglewise import Embeddings, Space, write_space
from anglewise.report.same_report import differences
from cli_run import anglewise, refused

__all__ = ["anglewise"]


@pytest.fixture
def reports(anglewise, tmp_path, monkeypatch):
    """A comparison and an audit, and the folder in which they were made."""
    rng = np.random.default_rng(0)
    queries, items = rng.standard_normal((30, 6)), rng.standard_normal((40, 6))
    items *= rng.uniform(0.3, 3, (40, 1))
    names = [f"d{i}" for i in range(40)], [f"q{i}" for i in range(30)]
    space = Space(
        items=Embeddings(items, names[0]), queries=Embeddings(queries, names[1]), trained_for="dot"
    )
    monkeypatch.chdir(tmp_path)
    write_space(space, tmp_path / "space")
    best = np.argsort(-queries @ items.T, axis=1)[:, :3]
    rows = [f"q{q},d{i},1" for q, own in enumerate(best) for i in own]
    (tmp_path / "qrels.csv").write_text("query_id,item_id,gain\n" + "\n".join(rows))
    (tmp_path / "anglewise.toml").write_text('[compare]\nmetrics = "R@5"\n')
    words = ("space", "--qrels", "qrels.csv", "--gate", "dot>=cosine-0.5")
    assert not anglewise("compare", *words, "--json", "compare.json", "--html", "page.html").code
    assert not anglewise("audit", "space", "-k", 5, "--json", "audit.json").code
    return tmp_path


def _changed(path, change):
    content = json.loads(path.read_text())
    change(content)
    (path.parent / "changed.json").write_text(json.dumps(content))
    return path.parent / "changed.json"


@pytest.mark.usefixtures("reports")
@pytest.mark.parametrize("name", ["compare", "audit"])
def test_a_report_holds_with_its_inputs(anglewise, name):
    run = anglewise("verify-report", f"{name}.json")
    assert not run.code, run
    assert run.out.startswith(f"{name}.json holds: {name} of ")
    said = json.loads(anglewise("verify-report", f"{name}.json", "--json", "-").out)
    assert (said["holds"], said["differ"], said["differences"]) == (True, 0, [])


def test_a_report_names_its_words_settings_and_inputs(reports):
    call = json.loads((reports / "compare.json").read_text())["call"]
    assert call["words"][0] == "space"
    assert {"--metrics=R@5", "--qrels=qrels.csv", "--gate=dot>=cosine-0.5"} < set(call["words"])
    assert not any("html" in word or "json" in word for word in call["words"])
    assert {"qrels.csv", "space/items.parquet", "space/space.json"} <= set(call["inputs"])


def test_a_settings_file_that_is_gone_changes_nothing(anglewise, reports):
    (reports / "anglewise.toml").unlink()
    assert not anglewise("verify-report", "compare.json").code


def test_a_figure_that_was_changed_is_found(anglewise, reports):
    def better(content):
        content["measures"][1]["metrics"]["R@5"]["mean"] += 0.01

    path = _changed(reports / "compare.json", better)
    run = anglewise("verify-report", path)
    assert run.code == 1
    assert "does not hold: 1 entry differs" in run.out
    assert "measures[1].metrics.R@5.mean" in run.out


def test_a_verdict_that_was_changed_or_left_out_is_found(anglewise, reports):
    path = _changed(reports / "compare.json", lambda c: c["verdict"].update(decision="better"))
    assert anglewise("verify-report", path).code == 1
    path = _changed(reports / "compare.json", lambda c: c.pop("gates"))
    assert anglewise("verify-report", path).code == 1


def test_rounding_is_said_and_is_no_difference(anglewise, reports):
    def nearly(content):
        content["tolerance"] *= 1 + 1e-13

    run = anglewise("verify-report", _changed(reports / "compare.json", nearly))
    assert not run.code
    assert "1 figure differ beyond nine digits alone" in run.out


def test_inputs_that_are_gone_or_others_cannot_be_told_about(anglewise, reports):
    text = (reports / "qrels.csv").read_text()
    (reports / "qrels.csv").write_text(text + "\nq0,d1,1")
    refused(anglewise("verify-report", "compare.json"), "another qrels.csv than the one")
    (reports / "qrels.csv").unlink()
    refused(anglewise("verify-report", "compare.json"), "qrels.csv, which is not here")


@pytest.mark.parametrize(
    "words",
    [
        ["space", "--html=stolen.html"],
        ["space", "--json=stolen.json"],
        ["space", "--history=h.parquet"],
        ["space", "--reranker=python:os:system"],
        ["lancedb:///tmp/x"],
        ["space", "--items=pgvector://host/db"],
        ["//host/share/space"],
        ["space", "-o", "x"],
    ],
)
def test_a_report_makes_nobody_write_run_or_ask(anglewise, reports, words):
    path = _changed(reports / "compare.json", lambda c: c["call"].update(words=words))
    before = sorted(path.parent.iterdir())
    run = anglewise("verify-report", path)
    refused(run, "because a file says so")
    assert sorted(path.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.pop("call"), "does not say by which call"),
        (lambda c: c["call"].update(words="space"), "does not say by which call"),
        (lambda c: c["call"].update(words=[1]), "does not say by which call"),
        (lambda c: c.update(command="search"), "no report of compare or audit"),
        (lambda c: c["call"]["inputs"].pop("qrels.csv"), "names other inputs than its call reads"),
        (lambda c: c["call"]["inputs"].update({"qrels.csv": None}), "which is not here"),
    ],
)
def test_what_is_no_report_is_refused(anglewise, reports, change, says):
    refused(anglewise("verify-report", _changed(reports / "compare.json", change)), says)


def test_what_is_no_json_is_refused(anglewise, reports):
    refused(anglewise("verify-report", "page.html"), "page.html")
    refused(anglewise("verify-report", "nothing.json"), "nothing.json")
    (reports / "deep.json").write_text("[" * 1000)
    refused(anglewise("verify-report", "deep.json"), "deep.json")


def test_differences_know_kinds_and_what_is_missing():
    old, new = {"a": 1, "b": [1], "c": None, "v": "x"}, {"a": 1.0, "b": [1, 2], "d": 0, "v": "x"}
    assert [one.place for one in differences(old, new)] == ["a", "b", "c", "d"]
    versions = (
        {"version": "1", "signature": "a|version:1"},
        {
            "version": "2",
            "signature": "a|version:2",
        },
    )
    assert differences(*versions) == []


@pytest.mark.parametrize(
    "words",
    [
        ["space", "--qrels=qrels.csv", "--run_out=stolen"],
        ["space", "--qrels=qrels.csv", "--per_query=stolen.csv"],
        ["space", "--qrels=qrels.csv", "--reranker_cache=stolen.db"],
        ["space", "--qrels=qrels.csv", "--dry_run"],
        ["--help"],
        ["--version"],
    ],
)
def test_a_name_that_is_written_otherwise_is_refused_too(anglewise, reports, words):
    path = _changed(reports / "compare.json", lambda c: c["call"].update(words=words))
    before = sorted(path.parent.iterdir())
    refused(anglewise("verify-report", path), "because a file says so")
    assert sorted(path.parent.iterdir()) == before


def test_nothing_is_read_beside_the_inputs_that_are_named(anglewise, reports):
    (reports / "secret.csv").write_text("what nobody is to see,is here\n1,2\n")
    words = ["space", "--qrels=secret.csv"]
    path = _changed(reports / "compare.json", lambda c: c["call"].update(words=words))
    run = anglewise("verify-report", path)
    refused(run, "secret.csv is not among them")
    assert "nobody is to see" not in run.err


@pytest.mark.usefixtures("reports")
def test_settings_of_the_folder_have_no_part_in_it(anglewise, reports):
    (reports / "anglewise.toml").write_text('[compare]\nrun-out = "runs"\nseed = 7\n')
    assert not anglewise("verify-report", "compare.json").code
    assert not (reports / "runs").exists()


def test_an_entry_that_comes_twice_is_refused(anglewise, reports):
    text = (reports / "compare.json").read_text()
    (reports / "twice.json").write_text('{"verdict": {"decision": "use"},' + text.lstrip()[1:])
    refused(anglewise("verify-report", "twice.json"), "verdict comes twice")


def test_a_report_that_fills_the_memory_is_refused(anglewise, reports):
    with (reports / "compare.json").open("r+b") as file:
        file.truncate(1 << 27)
    refused(anglewise("verify-report", "compare.json"), "at most 67,108,864 are read")
