"""``anglewise judge import`` and ``export``, as a person uses them."""

import json

import numpy as np
import pytest

from anglewise import Embeddings, Judged, JudgementStore, Space, write_space
from cli_run import anglewise, refused
from real_data import real_data

__all__ = ["anglewise"]


@pytest.fixture
def space(tmp_path):
    rng = np.random.default_rng(0)
    about = {"title": ["Wings", "Heat"], "text": ["On lift.", ""]}
    write_space(
        Space(
            queries=Embeddings(rng.normal(size=(2, 3)), ["q1", "q2"]),
            items=Embeddings(rng.normal(size=(2, 3)), ["d1", "d2"], metadata=about),
        ),
        tmp_path / "space",
    )
    return tmp_path / "space"


@pytest.fixture
def qrels(tmp_path):
    path = tmp_path / "qrels.txt"
    path.write_text("q1 0 d1 2\nq1 0 d2 0\nq2 0 d2 oops\nq2 0 d1 1\nq1 0 d1 2\n")
    return path


def rows(space):
    with JudgementStore.open(space / "judgements.sqlite", read_only=True) as store:
        return [(row.query_id, row.item_id, row.grade, row.judge) for row in store.rows()]


def test_good_rows_are_recorded_and_bad_ones_put_aside(space, qrels, anglewise):
    run = anglewise("judge", "import", space, qrels, "--judge", "anna")
    assert run.code == 0
    assert "3 recorded, 1 repeated in the file, 1 refused" in run.out
    assert "line 3: grade is 'oops'" in run.out
    assert rows(space) == [
        ("q1", "d1", 2, "anna"),
        ("q1", "d2", 0, "anna"),
        ("q2", "d1", 1, "anna"),
    ]
    table = qrels.with_name("qrels.txt.rejects.csv").read_text()
    assert "line 3,\"grade is 'oops', no finite number\"" in table
    assert table.strip().endswith("q2 0 d2 oops")


def test_a_file_may_come_twice(space, qrels, anglewise):
    for recorded, there in [(3, 0), (0, 3)]:
        run = anglewise("judge", "import", space, qrels, "--json", "-")
        told = json.loads(run.out)
        assert (told["recorded"], told["there_already"], told["standing"]) == (recorded, there, 3)
    assert rows(space)[0][3] == "qrels.txt"


def graded(path, *grades, judge=None):
    """A file of grades of q1 for d1, d2, and so on, with a column of judges or without."""
    lines = [f"q1,d{number},{grade}" for number, grade in enumerate(grades, 1)]
    head = "query_id,item_id,grade"
    if judge is not None:
        head, lines = f"{head},judge", [f"{line},{judge}" for line in lines]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def test_a_file_of_the_same_name_by_somebody_else_takes_no_grades_away(space, tmp_path, anglewise):
    annas, bens = (tmp_path / who / "queue.csv" for who in ("anna", "ben"))
    run = anglewise("judge", "import", space, graded(annas, 1, 2, 0, 1))
    assert "queue.csv does not say of every row who judged" in run.err
    graded(bens, 1, 0, 1, "high")
    before = rows(space)
    run = anglewise("judge", "import", space, bens)
    assert refused(run, "the place of 2 other grades", "under 'queue.csv'", "--judge NAME")
    assert rows(space) == before
    assert not bens.with_name("queue.csv.rejects.csv").exists()

    run = anglewise("judge", "import", space, bens, "--judge", "ben")
    assert (run.code, "3 recorded, 1 refused" in run.out) == (0, True)
    assert set(before) < set(rows(space))
    run = anglewise("judge", "import", space, bens, "--judge", "queue.csv")  # the same person
    assert "2 recorded, 2 in place of grades that stood (queue.csv 2)" in run.out


def test_the_same_grades_and_further_ones_come_under_the_name_of_a_file(space, tmp_path, anglewise):
    file = tmp_path / "queue.csv"
    for grades, recorded in [((1, 2), 2), ((1, 2), 0), ((1, 2, 0, 1), 2)]:
        run = anglewise("judge", "import", space, graded(file, *grades), "--json", "-")
        content = json.loads(run.out)
        assert (content["recorded"], content["replaced"]) == (recorded, {})


def test_it_is_said_whose_grades_a_file_takes_the_place_of(space, tmp_path, anglewise):
    graded(tmp_path / "own.csv", 2, 2, 1, judge="anna")
    assert "place" not in anglewise("judge", "import", space, tmp_path / "own.csv").out
    graded(tmp_path / "theirs.csv", 0, 0, 1, 1, judge="anna")
    words = ["judge", "import", space, tmp_path / "theirs.csv"]
    run = anglewise(*words)
    assert "3 recorded, 2 in place of grades that stood (anna 2), 1 there already" in run.out
    run = anglewise(*words, "--json", "-")
    assert json.loads(run.out)["replaced"] == {}
    graded(tmp_path / "theirs.csv", 2, 2, 1, 1, judge="anna")
    assert json.loads(anglewise(*words, "--json", "-").out)["replaced"] == {"anna": 2}


def test_constructed_judgements_say_so_too(space, tmp_path, anglewise):
    words = ["judge", "from-labels", space, tmp_path / "labels.csv", "--hierarchy", "kind"]
    (tmp_path / "labels.csv").write_text("id,kind,label\nd1,a,b\nd2,a,b\n")
    assert "place" not in anglewise(*words).out
    (tmp_path / "labels.csv").write_text("id,kind,label\nd1,a,b\nd2,a,c\n")
    assert "2 in place of grades that stood (" in anglewise(*words).out


def test_strict_records_nothing(space, qrels, anglewise, tmp_path):
    run = anglewise("judge", "import", space, qrels, "--strict")
    assert refused(run, "qrels.txt, line 3: grade is 'oops'", "mend or drop")
    assert not (space / "judgements.sqlite").exists()
    run = anglewise("judge", "import", space, qrels, "--rejects", tmp_path / "bad.csv", "--quiet")
    assert run.code == 0
    assert (tmp_path / "bad.csv").exists()
    assert not qrels.with_name("qrels.txt.rejects.csv").exists()


def test_words_of_a_file_are_given_a_meaning(space, tmp_path, anglewise):
    path = tmp_path / "table.csv"
    path.write_text("frage,dokument,urteil\nq1,d1,Relevant\nq1,d2,spam\n")
    options = ["--query-column", "frage", "--item-column", "dokument", "--gain-column", "urteil"]
    options += ["--grades", "relevant=2,spam=-1", "--source", "generated", "--judge", "a model"]
    run = anglewise("judge", "import", space, path, *options)
    assert run.code == 0, run.err
    assert rows(space) == [("q1", "d1", 2, "a model"), ("q1", "d2", -1, "a model")]


@pytest.mark.parametrize(
    ("file", "form", "first"),
    [
        ("out.txt", "trec", "q1 0 d1 2\n"),
        ("out.tsv", "beir", "query-id\tcorpus-id\tscore\n"),
        ("out.csv", "csv", "query_id,item_id,grade,judge"),
        ("out.parquet", "parquet", None),
        ("out.json", "label-studio", None),
    ],
)
def test_what_was_imported_is_exported(space, qrels, file, form, first, anglewise):  # noqa: PLR0917
    anglewise("judge", "import", space, qrels)
    out = space.parent / file
    run = anglewise("judge", "export", space, out, *(["--format", form] if first is None else []))
    assert run.code == 0, run.err
    assert first is None or out.read_text().startswith(first)
    run = anglewise("judge", "import", space.parent / "other.sqlite", out, "--json", "-")
    assert json.loads(run.out)["recorded"] == 3
    assert json.loads(run.out)["format"] == form


def test_cards_show_the_words_of_the_space(space, qrels, anglewise, tmp_path):
    anglewise("judge", "import", space, qrels)
    anglewise("judge", "export", space, tmp_path / "x.json", "--format", "argilla", "--quiet")
    first = json.loads((tmp_path / "x.json").read_text())[0]
    assert first["fields"] == {"query": "q1", "item": "Wings. On lift."}


def test_some_judges_and_sources_are_exported(space, tmp_path, anglewise):
    with JudgementStore.open(space / "judgements.sqlite") as store:
        store.add(Judged("q1", "d1", 1, judge="anna"))
        store.add(Judged("q1", "d1", 2, judge="m", source="generated"))
    run = anglewise("judge", "export", space, tmp_path / "x.csv", "--sources", "human")
    assert "1 rows of 1 judgements" in run.out
    run = anglewise("judge", "export", space, tmp_path / "x.csv", "--judges", "m, ben")
    assert "1 rows of 1 judgements" in run.out
    run = anglewise("judge", "export", space, tmp_path / "x.csv", "--judges", "ben")
    assert refused(run, "no such judgements")
    run = anglewise("judge", "export", space, tmp_path / "x.csv", "--sources", "rumour")
    assert refused(run, "rumour")


@pytest.mark.real
@pytest.mark.parametrize("collection", ["cranfield/qrels.tsv", "scifact/qrels.tsv"])
def test_real_judgements_come_back_line_by_line(collection, tmp_path, anglewise):
    path = real_data(collection)
    run = anglewise("judge", "import", tmp_path / "x.sqlite", path, "--strict")
    assert run.code == 0, run.err
    anglewise("judge", "export", tmp_path / "x.sqlite", tmp_path / "back.tsv")
    assert sorted((tmp_path / "back.tsv").read_text().split("\n")) == sorted(
        path.read_text().split("\n")
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["import", "SPACE", "none.txt"], ["none.txt does not exist"]),
        (["import", "QRELS", "QRELS"], ["neither the folder of a space nor a store"]),
        (["import", "SPACE", "QRELS", "--fromat", "trec"], ["--fromat", "--format"]),
        (["import", "SPACE", "QRELS", "--grades", "oops"], ["relevant=1"]),
        (["import", "SPACE", "QRELS", "--grades", "yes=1,no=0,Yes=2"], ["'yes' more than once"]),
        (["import", "SPACE", "QRELS", "--format", "label-studio"], ["all of", "refused"]),
        (["export", "SPACE", "x.csv"], ["judgements.sqlite does not exist"]),
        (["export", "SPACE", "x.xls"], ["does not tell a format"]),
        (["imprt", "SPACE", "QRELS"], ["imprt", "import"]),
    ],
)
def test_bad_use_is_refused(words, says, space, qrels, anglewise):
    places = {"SPACE": space, "QRELS": qrels}
    assert refused(anglewise("judge", *(places.get(word, word) for word in words)), *says)
