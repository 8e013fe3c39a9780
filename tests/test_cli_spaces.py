"""Several spaces, gates over time and JUnit from the command line."""

import json
import re
import shlex
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from anglewise import Embeddings, Space, write_space
from cli_run import anglewise, refused

__all__ = ["anglewise"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two models as folders of files, a third as a folder of ours, and what is relevant."""
    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 8))
    ids = [f"q{i}" for i in range(60)], [f"d{i}" for i in range(60)]
    for name, noise in {"old": 1.4, "new": 0.4}.items():
        (folder / name).mkdir()
        for side, names, vectors in zip(
            ("queries", "items"), ids, (x + noise * rng.standard_normal(x.shape), x), strict=True
        ):
            np.save(folder / name / f"{side}.npy", vectors)
            (folder / name / f"{side}.txt").write_text("".join(f"{one}\n" for one in names))
    third = Space(queries=Embeddings(x, ids=ids[0]), items=Embeddings(x[:50], ids=ids[1][:50]))
    write_space(third, folder / "ours")
    (folder / "qrels.txt").write_text("".join(f"q{i} 0 d{i} 1\n" for i in range(60)))
    return folder


def between(models, *names):
    words = [f"{models / name}/" for name in names]
    return ["compare", "--spaces", *words, "--qrels", models / "qrels.txt", "--measures", "cosine"]


def test_several_spaces_are_one_table(anglewise, models):
    run = anglewise(*between(models, "old", "new", "ours"))
    assert run.code == 0
    assert run.out.startswith("queries-items · nDCG@10 · 3 spaces · 60 queries · 60 items")
    assert "note: ours lacks 10 of 60 items" in run.out
    assert "Use new: cosine" in run.out
    assert "old: qrels.txt" in run.err


def test_json_has_the_keys_of_compare_and_the_spaces(anglewise, models):
    told = json.loads(anglewise(*between(models, "old", "new"), "--json", "-").out)
    assert told["command"] == "compare"
    assert {row["measure"] for row in told["measures"]} == {"old: cosine", "new: cosine"}
    assert [one["space"] for one in told["spaces"]] == ["old", "new"]
    assert told["verdict"]["measure"] == "new: cosine"


def test_spaces_may_be_named_and_a_space_ties_with_itself(anglewise, models):
    words = [f"a={models / 'old'}", f"b={models / 'old'}", "--qrels", models / "qrels.txt"]
    told = json.loads(anglewise("compare", "--spaces", *words, "--json", "-").out)
    assert {row["measure"][:3] for row in told["measures"]} == {"a: ", "b: "}
    assert told["verdict"]["decision"] != "use"


def test_variants_need_no_second_space(anglewise, models):
    words = ["--qrels", models / "qrels.txt", "--measures", "cosine", "--json", "-"]
    told = json.loads(
        anglewise("compare", models / "new", *words, "--variants", ":4,int8,binary").out
    )
    assert [one["space"] for one in told["spaces"]] == ["new", "new[:4]", "new·int8", "new·binary"]
    assert [one["bytes_a_vector"] for one in told["spaces"]] == [32, 16, 12, 1]
    files = ["--queries", models / "new/queries.npy", "--items", models / "new/items.npy"]
    ids = ["--query-ids", models / "new/queries.txt", "--item-ids", models / "new/items.txt"]
    told = json.loads(anglewise("compare", *files, *ids, *words, "--variants", "int8").out)
    assert [one["space"] for one in told["spaces"]] == ["space", "space·int8"]


def test_a_sample_of_labels_asks_in_every_space(anglewise, models, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("id,label\n" + "".join(f"d{i},{i % 4}\n" for i in range(60)))
    words = ["compare", "--spaces", models / "old", models / "new", "--qrels", labels]
    words += ["--label-queries", 12, "--measures", "cosine", "--json", "-"]
    told = json.loads(anglewise(*words).out)
    assert (told["direction"], told["queries"], told["items"]) == ("items-items", 12, 60)


def test_lists_and_pages_of_several_spaces_are_written(anglewise, models, tmp_path):
    words = ["--run-out", tmp_path / "runs", "--html", tmp_path / "x.html"]
    assert anglewise(*between(models, "old", "new"), *words).code == 0
    assert {one.name for one in (tmp_path / "runs").iterdir()} == {
        "old_cosine.run",
        "new_cosine.run",
    }
    first = (tmp_path / "runs" / "new_cosine.run").read_text().split()
    assert (first[0], first[2]) == ("q0", "d0")
    assert "new: cosine" in (tmp_path / "x.html").read_text()


def test_lists_of_spaces_in_any_script_have_files_of_their_own(anglewise, models, tmp_path):
    words = [f"旧={models / 'old'}", f"新={models / 'new'}", "--qrels", models / "qrels.txt"]
    words += ["--measures", "cosine", "--run-out", tmp_path / "runs"]
    assert anglewise("compare", "--spaces", *words).code == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_what_cannot_be_compared_is_one_message(anglewise, models, tmp_path):
    words = between(models, "old", "new")
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("id_a,id_b,score\nq1,d2,3\nq1,d3,2\nq2,d3,1\n")
    both = ["--spaces", models / "old", models / "new"]
    items = ["--items", models / "new" / "items.npy"]
    assert refused(anglewise(*words, *items), "beside --spaces --items")
    assert refused(anglewise("compare", models / "old", *both), "beside --spaces")
    assert refused(anglewise(*between(models, "old", "old")), "called 'old'", "old=FOLDER")
    assert refused(anglewise("compare", *both, "--qrels", pairs), "pairs or triplets")
    assert refused(anglewise("compare", *both, "--quiet"), "qrels")
    assert refused(anglewise(*between(models, "old", "neu")), "did you mean new")
    assert refused(anglewise(*words, "--variants", "int4"), "'int4'")
    assert refused(anglewise(*words, "--baseline", "cosine"), "old: cosine")
    assert refused(anglewise(*words, "--gate", "cosine>=0.1"), "old: cosine")


def test_runs_over_time_are_kept_and_gated(anglewise, models, tmp_path):
    file, report = tmp_path / "history.parquet", tmp_path / "gates.xml"
    gates = ["--history", file, "--gate", "cosine>=last-0.01", "--junit", report]

    def run(name, *words):
        judged = ["--qrels", models / "qrels.txt", "--measures", "cosine"]
        return anglewise("compare", models / name, *judged, *gates, *words)

    first = run("new", "--label", "a1")
    assert first.code == 0
    assert "is unchecked: first run, nothing to hold it against" in first.out
    assert f"added run 1 to {file}" in first.err
    second = run("old", "--label", "a2", "--json", "-", "--markdown", tmp_path / "x.md")
    assert second.code == 1
    (told,) = json.loads(second.out)["gates"]
    assert told["passed"] is False
    assert told["low"] <= told["mean"] <= told["high"] < 0
    assert "less that of run 1 (a1)" in told["sentence"]
    assert (tmp_path / "x.md").read_text().startswith("**1 of 1 gate failed**")
    root = ET.parse(report).getroot()  # noqa: S314 our own words
    assert root.find(".//failure").text == told["sentence"]
    third = run("new", "--at", "2026-01-31T12:00:00+02:00")
    assert third.code == 0
    assert re.search(r"run 1 \(a1\) is 0.000 \[-0.0[2-9]\d, 0.0[2-9]\d\]", third.out)


def test_options_that_need_one_another_are_said_before_any_work(anglewise, tmp_path):
    history = ["--history", tmp_path / "h.parquet"]
    assert refused(anglewise("compare", "nowhere", "--gate", "dot>=last"), "--history FILE")
    assert refused(anglewise("compare", "nowhere", "--label", "x"), "--history FILE")
    assert refused(anglewise("compare", "nowhere", "--junit", "x.xml"), "--gate")
    assert refused(anglewise("compare", "nowhere", *history, "--at", "noon"), "'noon'")
    assert refused(anglewise("compare", "nowhere", "--history", tmp_path), "folder")
    (tmp_path / "h.parquet").write_bytes(b"no parquet")
    assert refused(anglewise("compare", "nowhere", *history), "h.parquet")


RECIPE = Path(__file__).parents[1] / "docs" / "how-to" / "gates.md"


def recipe():
    """The command of the guide's workflow, as words, without the name of the program."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", RECIPE.read_text(), re.MULTILINE | re.DOTALL)
    (command,) = re.findall(
        r"anglewise (compare .*?)\n(?!  +--)", block.replace("\\\n", ""), re.DOTALL
    )
    return [word.replace("$GITHUB_SHA", "c0ffee") for word in shlex.split(command)]


def test_the_recipe_of_the_guide_fails_a_worse_model_and_passes_the_same_one(
    anglewise, models, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quality").mkdir()
    shutil.copy(models / "qrels.txt", tmp_path / "quality" / "qrels.tsv")
    for model, code, summary in (
        ("new", 0, "1 of 2 gates held, 1 unchecked"),
        ("old", 1, "1 of 2 gates failed"),
        ("new", 0, "All gates held"),
    ):
        shutil.copytree(models / model, tmp_path / "space", dirs_exist_ok=True)
        assert anglewise(*recipe()).code == code
        gates = ET.parse("gates.xml").getroot()  # noqa: S314 our own words
        failed = [one.get("name") for one in gates.iter("testcase") if len(one.findall("failure"))]
        assert failed == (["space: cosine>=last-0.02"] if code else [])
        assert Path("gates.md").read_text().startswith(f"**{summary}**")


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (("a b", "a_b"), ()),
        (("Old", "old"), ()),
        (("a", "a_int8"), ("--variants", "int8")),
        (("x", "../x"), ()),
    ],
)
def test_two_runs_never_fall_onto_one_file(names, more, anglewise, models, tmp_path):
    spaces = [
        f"{name}={models / folder}" for name, folder in zip(names, ("old", "new"), strict=True)
    ]
    words = ["compare", "--spaces", *spaces, "--qrels", models / "qrels.txt", *more]
    run = anglewise(*words, "--measures", "cosine", "--run-out", tmp_path / "runs")
    assert refused(run, "would be written to one file", names[0], names[1])
    assert not (tmp_path / "runs").exists()


def test_no_run_is_a_hidden_file(anglewise, models, tmp_path):
    words = ["compare", "--spaces", f"..={models / 'old'}", f"b={models / 'new'}"]
    words += ["--qrels", models / "qrels.txt", "--measures", "cosine"]
    assert anglewise(*words, "--run-out", tmp_path / "runs").code == 0
    assert sorted(file.name for file in (tmp_path / "runs").iterdir()) == [
        "b_cosine.run",
        "cosine.run",
    ]
