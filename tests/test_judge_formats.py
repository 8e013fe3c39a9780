"""Judgements through files: what goes out comes back, and what is bad is named and kept."""

import csv
import gzip
import json

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from anglewise import AnglewiseError, Judged, JudgementStore
from anglewise.errors import FileError, IdsError, SpellingError, ValuesError
from anglewise.io.judgement_export import Texts, write_judged
from anglewise.io.judgement_formats import form_of, read_judged, write_rejects
from anglewise.io.judgement_rows import Assumed
from anglewise.judgements.records import new_uuid

ENDINGS = {
    "csv": "csv",
    "parquet": "parquet",
    "label-studio": "json",
    "argilla": "json",
    "trec": "txt",
    "beir": "tsv",
}
FULL = ["csv", "parquet", "label-studio", "argilla"]

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
names = words.filter(lambda text: text.strip())
numbers = st.floats(allow_nan=False, allow_infinity=False)
contexts = st.dictionaries(words, st.one_of(st.integers(0, 9), words), max_size=2)
judgements = st.builds(
    Judged,
    query_id=names,
    item_id=names,
    grade=st.one_of(st.integers(-2, 4).map(float), numbers),
    judge=names,
    direction=st.sampled_from(["queries-items", "items-items", "queries-queries"]),
    source=st.sampled_from(["human", "interaction", "label", "generated"]),
    time=st.one_of(st.floats(0, 4e9), numbers),
    context=contexts,
    probability=st.one_of(st.none(), st.floats(1e-9, 1)),
    note=words,
)


def one_row_each(rows):
    """One row of each judge and pair, and one generated row at most, as Argilla holds."""
    kept = {}
    for row in rows:
        who = "generated" if row.source == "generated" else row.judge
        kept.setdefault((*row.pair, who), row)
    judges = {}
    for row in kept.values():
        judges.setdefault((*row.pair, row.judge), row)
    return list(judges.values())


@pytest.mark.parametrize("form", FULL)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(judgements, min_size=1, max_size=5).map(one_row_each))
def test_every_row_comes_back_as_it_was(form, rows, tmp_path):
    path = tmp_path / f"out.{ENDINGS[form]}"
    assert write_judged(path, rows, form) == len(rows)
    assert form_of(path) == form
    found = read_judged(path, strict=True)
    assert sorted(found.judged, key=lambda row: row.uuid) == sorted(rows, key=lambda row: row.uuid)
    assert not found.rejects
    assert not found.repeated


plain = st.text("abcXYZ019-_.:ä", min_size=1, max_size=6)


@pytest.mark.parametrize("form", ["trec", "beir"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.dictionaries(st.tuples(plain, plain), st.integers(-2, 4), min_size=1))
def test_grades_come_back_from_qrels(form, pairs, tmp_path):
    path = tmp_path / f"out.{ENDINGS[form]}"
    rows = [Judged(query, item, grade, judge="anna") for (query, item), grade in pairs.items()]
    write_judged(path, rows, form)
    found = read_judged(path, form=form, strict=True)
    assert {(row.query_id, row.item_id): row.grade for row in found.judged} == pairs


def test_exporting_twice_gives_the_same_bytes(tmp_path):
    rows = [Judged("q", f"d{i}", i % 3, judge="anna", context={"b": 1, "a": 2}) for i in range(9)]
    for form, ending in ENDINGS.items():
        for name in "ab":
            write_judged(tmp_path / f"{name}.{ending}", rows, form)
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


BAD = {
    "trec": (
        "q1 0 d1 2\nq1 0 d2\n\nq1 0 d3 high\nq1 0 d4 nan\nq1 0 d1 1\nq1 0 d1 2\nq2 0 d5 0\n",
        {
            "line 2": "3 columns",
            "line 4": "no finite",
            "line 5": "no finite",
            "line 6": "gave this pair grade 2 (line 1) and 1 here",
        },
    ),
    "beir": (
        "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\t\t1\nq1\td3\nq1\td4\t1_0\nq2\td5\t0\nq1\td1\t2\n",
        {"line 3": "item_id is empty", "line 4": "2 columns", "line 5": "no finite"},
    ),
    "csv": (
        """query_id,item_id,grade,judge,direction,source,uuid,time,context,probability
q1,d1,2,anna,,,,,,
q1,d2,?,anna,,,,,,
q1,d3,1,anna,sideways,,,,,
q1,d4,1,anna,,rumour,,,,
q1,d5,1,anna,,,seven,,,
q1,d6,1,anna,,,,yesterday,,
q1,d7,1,anna,,,,,"[1]",
q1,d8,1,anna,,,,,,0
q1,d9,1,anna,,,,,
q1,"d10,1,anna,,,,,,
q2,d5,0,ben,,,,2024-05-01T12:30:00Z,,0.5
q1,d1,2.0,anna,,,,,,
""",
        {
            "line 3": "grade is '?'",
            "line 4": "direction is 'sideways'",
            "line 5": "source is 'rumour'",
            "line 6": "uuid is 'seven'",
            "line 7": "time is 'yesterday'",
            "line 8": "context is no JSON object",
            "line 9": "probability is 0.0",
            "line 10": "9 columns where the first line has 10",
            "line 11": "unexpected end of data",
        },
    ),
}


def test_rows_that_wait_for_a_grade_are_counted_and_not_refused(tmp_path):
    path = tmp_path / "half.csv"
    path.write_text("query_id,item_id,grade,probability\nq1,d1,2,1\nq1,d2,,1\nq1,d3,,0.5\n")
    found = read_judged(path, strict=True)
    assert [row.item_id for row in found.judged] == ["d1"]
    assert found.skipped == {"not graded yet": 2}
    assert not found.rejects


@pytest.mark.parametrize("form", BAD)
def test_bad_rows_are_named_and_the_good_ones_kept(form, tmp_path):
    text, faults = BAD[form]
    path = tmp_path / f"in.{ENDINGS[form]}"
    path.write_text(text)
    found = read_judged(path)
    assert found.form == form
    assert [(row.query_id, row.item_id, row.grade) for row in found.judged] == [
        ("q1", "d1", 2.0),
        ("q2", "d5", 0.0),
    ]
    assert found.repeated == 1
    assert {bad.row for bad in found.rejects} == set(faults)
    for bad in found.rejects:
        assert faults[bad.row] in bad.reason
        assert bad.remedy
        assert bad.content
    first = found.rejects[0]
    with pytest.raises(ValuesError, match=f"in.{ENDINGS[form]}, {first.row}: "):
        read_judged(path, strict=True)
    write_rejects(tmp_path / "rejects.csv", found.rejects)
    with (tmp_path / "rejects.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(found.rejects)


def test_bytes_that_are_no_text_cost_their_row_alone(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes("query_id,item_id,grade\nq1,d\xfc,1\nq1,dü,2\n".encode("latin-1"))
    with pytest.raises(FileError, match=r"all of 2 rows.*UTF-8.*iconv"):
        read_judged(path)
    path.write_bytes(b"query_id,item_id,grade\nq1,d\xfc,1\nq1,d2,2\n")
    found = read_judged(path)
    assert (len(found.judged), found.rejects[0].row) == (1, "line 2")
    write_rejects(tmp_path / "rejects.csv", found.rejects)


def test_bad_rows_of_parquet_are_named(tmp_path):
    path = tmp_path / "in.parquet"
    table = {"query_id": [1.0, 2.0, None], "item_id": [7, 8, 9], "score": [2.0, float("nan"), 1.0]}
    parquet.write_table(pa.table(table), path)
    found = read_judged(path)
    assert [(row.query_id, row.item_id, row.grade) for row in found.judged] == [("1", "7", 2.0)]
    assert [bad.reason.split(":")[0] for bad in found.rejects] == [
        "grade is 'nan', no finite number",
        "query_id is empty",
    ]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileError, match=r"in.parquet"):
        read_judged(path)


def label_studio(*annotations, **data):
    return {
        "id": 1,
        "data": {"query_id": "q1", "item_id": "d1", **data},
        "annotations": annotations,
    }


def annotation(value, by=3, **more):
    result = [{"from_name": "rel", "to_name": "item", "type": "x", "value": value}]
    return {"result": result, "completed_by": by, **more}


def test_label_studio_is_read_with_its_faults(tmp_path):
    path = tmp_path / "export.json"
    uuid = new_uuid()
    tasks = [
        label_studio(
            annotation({"rating": 2}, unique_id=uuid, created_at="2024-05-01T12:30:00.5Z"),
            annotation({"choices": ["1 - touches on it"]}, by={"id": 4, "email": "ben@x.org"}),
            annotation({"number": 3}, was_cancelled=True),
            annotation({"choices": ["relevant", "spam"]}, by=5),
            annotation({"choices": ["relevant"]}, by=6),
        ),
        label_studio(item_id="d2"),
        {"id": 3, "annotations": []},
        label_studio(annotation({"rating": 1}), query_id=None),
        7,
    ]
    path.write_text(json.dumps(tasks, indent=1))
    found = read_judged(path, assumed=Assumed(grades={"relevant": 2}))
    assert [(row.judge, row.grade) for row in found.judged] == [
        ("3", 2.0),
        ("ben@x.org", 1.0),
        ("6", 2.0),
    ]
    assert (found.judged[0].uuid, found.judged[0].time) == (uuid, 1714566600.5)
    assert [bad.row.split(" (")[0] for bad in found.rejects] == [
        f"record {n}" for n in (1, 3, 4, 5)
    ]
    assert "annotation 4" in found.rejects[0].row
    assert found.skipped == {"cancelled by the judge": 1, "cards without any judgement": 1}


def test_argilla_is_read_with_its_faults(tmp_path):
    path = tmp_path / "records.json"
    record = {
        "id": "r1",
        "fields": {"query": "Who pays?", "item": "A text"},
        "metadata": {"query_id": "q1", "item_id": "d1"},
        "suggestions": {"relevance": {"value": 1, "score": 0.5, "agent": "a model"}},
        "responses": {
            "relevance": [
                {"value": "2", "user_id": "u1"},
                {"value": "bad", "user_id": "u2"},
                {"value": "0", "user_id": "u3", "status": "discarded"},
            ],
            "comment": [{"value": "hm", "user_id": "u1"}],
        },
        "vectors": {},
        "_server_id": None,
    }
    path.write_text(
        json.dumps([record, {"id": "r2"}, record | {"responses": {}, "suggestions": {}}])
    )
    found = read_judged(path)
    assert [(row.judge, row.grade, row.source) for row in found.judged] == [
        ("u1", 2.0, "human"),
        ("a model", 1.0, "generated"),
    ]
    assert [bad.row.split(" (")[0] for bad in found.rejects] == ["record 1", "record 2"]
    assert sum(found.skipped.values()) == 2


def test_a_truncated_export_keeps_what_came_whole(tmp_path):
    rows = [Judged("q", f"d{i}", i % 3, judge="anna") for i in range(5)]
    for form in ("label-studio", "argilla"):
        path = tmp_path / f"{form}.json"
        write_judged(path, rows, form)
        text = path.read_text()
        path.write_text(text[: int(len(text) * 0.9)])
        found = read_judged(path)
        assert len(found.judged) == 4
        assert "breaks off" in found.rejects[0].reason


def test_json_lines_lose_the_bad_line_alone(tmp_path):
    path = tmp_path / "export.jsonl"
    good = json.dumps(label_studio(annotation({"rating": 2})))
    path.write_text(f"{good}\n{good[:-5]}\n{good.replace('d1', 'd2')}\n")
    found = read_judged(path)
    assert len(found.judged) == 2
    assert found.rejects[0].row == "line 2"


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("x.json", "[]", "neither of Label Studio nor of Argilla"),
        ("x.json", '{"a": 1}', "neither of Label Studio nor of Argilla"),
        ("x.json", "[1, 2", "neither of Label Studio nor of Argilla"),
        ("x.csv", "query_id,item_id\nq,d\n", "which column holds the grades"),
        ("x.csv", "a,b,c\n1,2,3\n", "cannot tell which column"),
        ("x.csv", "query_id,item_id,grade\n", "no rows"),
        ("x.csv", "", "is empty"),
        ("x.csv", "\n\n", "no lines"),
        ("x.tsv", "query-id\tcorpus-id\tscore\n", "no rows"),
        ("x.json", '[{"data": {}, "annotations": []}]', "before anybody judged"),
        ("x.txt", "q 0 d high\nq 0 e 1 2\n", "cannot tell which column"),
    ],
)
def test_files_without_any_judgement_are_refused(name, text, part, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(AnglewiseError, match=part):
        read_judged(path)


def test_packed_files_and_other_stores_are_read(tmp_path):
    path = tmp_path / "qrels.txt.gz"
    path.write_bytes(gzip.compress(b"q1 0 d1 2\n"))
    assert read_judged(path).form == "trec"
    row = Judged("q", "d", 1, judge="anna")
    with JudgementStore.open(tmp_path / "other.sqlite") as store:
        store.add(row)
    assert read_judged(tmp_path / "other.sqlite").judged == (row,)


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    path = tmp_path / "out"
    anna, ben = (Judged("q", "d", grade, judge=judge) for grade, judge in [(1, "a"), (2, "b")])
    with pytest.raises(ValuesError, match="whole grades"):
        write_judged(path, [anna, ben], "trec", combine="mean")
    with pytest.raises(IdsError, match="cannot hold the id 'q 1'"):
        write_judged(path, [Judged("q 1", "d", 1, judge="a")], "trec")
    with pytest.raises(IdsError, match="cannot hold the id"):
        write_judged(path, [Judged("q\t1", "d", 1, judge="a")], "beir")
    with pytest.raises(ValuesError, match="one direction"):
        write_judged(path, [anna, Judged("q", "d", 1, judge="a", direction="items-items")], "beir")
    models = [Judged("q", "d", 1, judge=j, source="generated") for j in "ab"]
    with pytest.raises(ValuesError, match="one suggestion"):
        write_judged(path, models, "argilla")
    with pytest.raises(SpellingError, match="unknown"):
        write_judged(path, [anna], "excel")
    assert not path.exists()


def test_cards_show_texts(tmp_path):
    row = Judged("q", "d", 1, judge="anna")
    write_judged(
        tmp_path / "x.json", [row], "label-studio", texts=Texts({"q": "Who?"}, {"d": "Me."})
    )
    [task] = json.loads((tmp_path / "x.json").read_text())
    assert (task["data"]["query"], task["data"]["item"]) == ("Who?", "Me.")
