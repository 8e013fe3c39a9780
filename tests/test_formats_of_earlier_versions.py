"""What earlier versions wrote is read, and what they promised is still there.

The files in ``formats`` were written by ``write_formats.py`` under the code of each version.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import anglewise as aw
from anglewise.cli.context import read_relevance, unsaid
from cli_run import anglewise, refused  # noqa: F401
from write_formats import VECTORS, face, write

FORMATS = Path(__file__).parent / "formats"
VERSIONS = sorted(folder.name for folder in FORMATS.iterdir())
UPGRADING = (Path(__file__).parents[1] / "UPGRADING.md").read_text()
READ = {
    "space": "test_a_space_is_read_with_what_was_kept_beside_it",
    "one-sided": "test_a_space_is_read_with_what_was_kept_beside_it",
    "tokens": "test_lists_of_token_vectors_are_read",
    "store.sqlite": "test_a_store_of_judgements_is_read_whole",
    "vectors": "test_a_store_of_judgements_is_read_whole",
    "judged.csv": "test_what_was_exported_is_imported",
    "history.parquet": "test_a_history_is_gone_on_with",
    "relevance.json": "test_what_was_learned_of_relevance_is_used",
    "dot.run": "test_lists_are_compared",
    "study": "test_a_folder_of_ours_is_known_as_ours",
    "pairs.csv": "test_pairs_that_were_to_be_judged_are_taken_once_they_are",
    "holdout": "test_a_split_is_read",
    "transform.json": "test_a_transform_is_read",
    "index": "is written for others",
    "per-query.parquet": "is written for others",
}
"""From what a version writes to the test that reads it."""
INPUTS = {"ratings.csv", "films.csv", "qrels.txt", "judges.csv"}
INPUTS |= {f"{side}.{end}" for side in ("queries", "items") for end in ("npy", "txt")}
OURS = {"face.json", "written.json"}


@pytest.fixture(params=VERSIONS)
def written(request, tmp_path, monkeypatch):
    """A copy of what a version wrote, in which the test stands."""
    shutil.copytree(FORMATS / request.param, tmp_path / "written")
    monkeypatch.chdir(tmp_path / "written")
    return request.param


def there(name):
    if not Path(name).exists():
        pytest.skip(f"this version wrote no {name}")


def reports(folder):
    """The results that lie in a folder, by their names."""
    texts = {file: file.read_text() for file in sorted(folder.rglob("*.json"))}
    return {
        file.relative_to(folder).as_posix(): content
        for file, text in texts.items()
        if isinstance(content := json.loads(text), dict) and "command" in content
    }


@pytest.mark.usefixtures("written")
def test_each_file_is_there_and_read_by_a_test():
    kept = json.loads(Path("written.json").read_text())["files"]
    assert all(Path(name).exists() for name in kept if name not in OURS)
    words = {Path(name).parts[0] for name in kept}
    assert words - {*INPUTS, *OURS, *reports(Path())} == words & set(READ)
    tests = {test for test in READ.values() if test.startswith("test_")}
    assert tests <= set(globals())


@pytest.mark.usefixtures("written")
def test_a_space_is_read_with_what_was_kept_beside_it(anglewise):  # noqa: F811
    space = aw.read_space("space")
    assert (len(space.queries), len(space.items), space.items.dimension) == (60, 30, 4)
    assert space.trained_for == "dot"
    assert space.seen is not None
    assert str(space.items.metadata["title"][0]) == "Film number 0"
    assert space.about["gauge"] == "balanced"
    run = anglewise("compare", "space", "--direction", "queries-items", "--json", "-")
    assert json.loads(run.out)["queries"] == 12
    one = aw.read_space("one-sided")
    assert one.one_sided
    assert one.trained_for == "cosine"
    assert np.array_equal(one.items.vectors * 16, np.round(one.items.vectors * 16))


@pytest.mark.usefixtures("written")
def test_lists_of_token_vectors_are_read():
    there("tokens")
    assert list(aw.read_space("tokens").items.ids) == ["a", "b"]


@pytest.mark.usefixtures("written")
def test_a_store_of_judgements_is_read_whole():
    with aw.JudgementStore.open("store.sqlite") as store:
        rows = {row.uuid[-2:]: row for row in store.rows()}
        assert store.counts().standing == 4
    assert set(rows) == {"01", "02", "03", "aa"}
    row = rows["02"]
    assert (row.query_id, row.item_id, row.grade, row.judge) == ("q2", "d2", 1.0, "judge 2")
    assert (row.source, row.time, row.probability) == ("label", 1_769_817_602.0, 0.5)
    assert (dict(row.context), row.note) == ({"rank": 2}, "a note, in Übersee")
    assert rows["aa"].grade == 3.0
    with aw.JudgementStore.open("vectors/judgements.sqlite") as store:
        assert store.counts().standing == 24
        store.add(aw.Judged("q30", "d30", 1, "cem"))
        assert store.counts().standing == 25


@pytest.mark.usefixtures("written")
def test_what_was_exported_is_imported(anglewise):  # noqa: F811
    aw.write_space(aw.read_space("vectors"), "again")
    run = anglewise("judge", "import", "again", "judged.csv", "--json", "-")
    content = json.loads(run.out)
    assert (content["recorded"], content["refused"]) == (24, 0)


@pytest.mark.usefixtures("written")
def test_a_history_is_gone_on_with(anglewise):  # noqa: F811
    words = ["compare", *VECTORS, "--qrels", "qrels.txt", "--history", "history.parquet"]
    run = anglewise(*words, "--label", "third", "--gate", "cosine>=last(second)-0.5", "--json", "-")
    content = json.loads(run.out)
    assert run.code == 0, run
    assert "run 3" in run.err
    assert content["looks"] == 3
    before = json.loads(Path("compare.json").read_text())
    means = [
        {row["measure"]: row["metrics"]["nDCG@10"]["mean"] for row in each["measures"]}
        for each in (before, content)
    ]
    assert means[0] == pytest.approx(means[1])


def test_what_was_learned_of_relevance_is_used(written):
    learned = read_relevance(Path("relevance.json"))
    assert learned.measure == "dot"
    assert 0 < learned.threshold < 1
    assert learned.recall == 0.95
    said = " ".join(unsaid(learned))
    assert ("learned" in said) == (written == "0.1"), said


@pytest.mark.usefixtures("written")
def test_lists_are_compared(anglewise):  # noqa: F811
    words = ["compare", "--runs", "old=dot.run", "--qrels", "qrels.txt", "--json", "-"]
    mean = json.loads(anglewise(*words).out)["measures"][0]["metrics"]["nDCG@10"]["mean"]
    before = json.loads(Path("compare.json").read_text())["measures"]
    dot = next(row["metrics"]["nDCG@10"]["mean"] for row in before if row["measure"] == "dot")
    assert mean == pytest.approx(dot)


@pytest.mark.usefixtures("written")
def test_a_folder_of_ours_is_known_as_ours(anglewise):  # noqa: F811
    words = ["--on", "ratings.csv", "--components", 4, "--penalty", 5, "-o", "study", "--quiet"]
    assert anglewise("study", *words).code == 0


@pytest.mark.usefixtures("written")
def test_pairs_that_were_to_be_judged_are_taken_once_they_are(anglewise):  # noqa: F811
    lines = Path("pairs.csv").read_text().splitlines()
    names = lines[0].split(",")
    graded = [f"{lines[0]},grade" if "grade" not in names else lines[0]]
    place = names.index("grade") if "grade" in names else None
    for line in lines[1:4]:
        cells = line.split(",")
        graded.append(
            ",".join([*cells[:place], "1", *cells[place + 1 :]] if place else [*cells, "1"])
        )
    Path("graded.csv").write_text("\n".join(graded) + "\n")
    run = anglewise("judge", "import", "vectors", "graded.csv", "--judge", "ann", "--json", "-")
    assert json.loads(run.out)["recorded"] == 3


@pytest.mark.usefixtures("written")
def test_a_split_is_read():
    there("holdout")
    split = aw.read_protocol("holdout")
    assert len(split.test_items) == 60
    assert split.train.shape == (60, 29)


@pytest.mark.usefixtures("written")
def test_a_transform_is_read():
    there("transform.json")
    from anglewise.stores.query_transform import QueryTransform

    prepared = QueryTransform.load("transform.json")(np.ones((1, 4)))
    assert prepared.tolist() == [[1, 1, 1, 1]]


def test_a_report_that_does_not_say_its_call_is_not_verified_and_that_is_said(
    written,
    anglewise,  # noqa: F811
):
    run = anglewise("verify-report", "compare.json", "--json", "-")
    if written == "0.1":
        assert refused(run, "compare.json", "before 0.2", "make it again")
    else:
        assert run.code == 0, run


@pytest.fixture(scope="module")
def today(tmp_path_factory):
    """What today's code writes."""
    folder, here = tmp_path_factory.mktemp("today"), Path.cwd()
    try:
        write(folder)
    finally:
        os.chdir(here)
    return reports(folder)


def paths(value, path=""):
    """The paths of all keys, whatever the places in lists."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield f"{path}.{key}"
            yield from paths(each, f"{path}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from paths(each, f"{path}[]")


def test_no_key_of_a_report_is_gone(written, today):
    for name, content in reports(FORMATS / written).items():
        gone = set(paths(content)) - set(paths(today[name]))
        assert {key for key in gone if f"`{key.rpartition('.')[2]}`" not in UPGRADING} == set(), (
            name
        )


@pytest.mark.parametrize("version", VERSIONS)
def test_no_name_parameter_command_or_option_is_gone_unless_upgrading_says_so(version):
    before = json.loads((FORMATS / version / "face.json").read_text())
    now = face()
    gone = set(before["names"]) - set(now["names"])
    for name, parts in before["names"].items():
        for kind, words in parts.items():
            gone |= {f"{name}.{word}" for word in words if word not in part(now, name, kind)}
    for command, options in before["options"].items():
        left = set(options) - set(now["options"].get(command, []))
        gone |= {f"{command} {option}" for option in left}
    assert sorted(name for name in gone if f"`{name}`" not in UPGRADING) == []


def part(now, name, kind):
    return now["names"].get(name, {}).get(kind, ())
