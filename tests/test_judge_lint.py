"""Each fault of a set is found when it is there, and only then."""

import json
from dataclasses import replace

import numpy as np
import pytest

from anglewise import Embeddings, Judged, Judgements, JudgementStore, Space, search, write_space
from anglewise.data_types.complaints import Complaints
from anglewise.data_types.sparse import SparseRows
from anglewise.labelling.lint import ks_distance, lint
from cli_run import anglewise, refused

__all__ = ["anglewise"]

RNG = np.random.default_rng(0)
ITEMS, QUERIES, DEPTH = 300, 60, 10
VECTORS = RNG.normal(size=(ITEMS, 8)).astype(np.float32)
ASKING = RNG.normal(size=(QUERIES, 8)).astype(np.float32)


def made_space(items=VECTORS, texts=None, asked=None, popularity=None, seen=None):
    about = {}
    if texts is not None:
        about["text"] = texts
    if popularity is not None:
        about["popularity"] = popularity
    return Space(
        queries=Embeddings(
            ASKING, [f"q{i}" for i in range(QUERIES)], metadata=asked and {"text": asked}
        ),
        items=Embeddings(items, [f"d{i}" for i in range(len(items))], metadata=about or None),
        seen=seen,
    )


def pooled(space, measures="dot,cosine,euclidean", grade=lambda q, i: (q + i) % 3):
    """Everything that these measures find, judged."""
    found = search(space, measures, k=DEPTH)
    pairs = {
        (q, int(i)) for lists in found.values() for q, row in enumerate(lists.indices) for i in row
    }
    rows, columns = map(list, zip(*sorted(pairs), strict=True))
    gains = [float(grade(q, i)) for q, i in zip(rows, columns, strict=True)]
    return Judgements(SparseRows.from_pairs(rows, columns, gains, shape=(QUERIES, ITEMS)))


def checks(found):
    return {(one.severity, one.check) for one in found.findings}


SPACE = made_space()
SOUND = pooled(SPACE)


def test_a_sound_set_has_no_findings():
    assert checks(lint(SPACE, SOUND)) == set()


def test_unknown_ids_are_found():
    few = replace(SOUND, complaints=Complaints(unknown_items=("x",), dropped=3))
    [one] = lint(SPACE, few).findings
    assert (one.severity, one.check) == ("warning", "unknown ids")
    assert "'x'" in one.what
    many = replace(SOUND, complaints=Complaints(unknown_items=("x",), dropped=10_000))
    assert ("error", "unknown ids") in checks(lint(SPACE, many))


def test_repetitions_and_contradictions_are_found():
    twice = replace(SOUND, complaints=Complaints(duplicates=2))
    assert checks(lint(SPACE, twice)) == {("warning", "repetitions")}
    rows = [Judged("q1", "d1", grade, judge=judge) for grade, judge in [(1, "a"), (2, "b")]]
    [one] = lint(SPACE, SOUND, rows=rows).findings
    assert (one.check, one.numbers["differ"]) == ("contradictions", 1)
    assert checks(lint(SPACE, SOUND, rows=[replace(rows[0], grade=2), rows[1]])) == set()


def test_one_grade_sets_are_found():
    assert ("error", "grades") in checks(lint(SPACE, pooled(SPACE, grade=lambda *_: 0)))
    assert ("warning", "grades") in checks(lint(SPACE, pooled(SPACE, grade=lambda *_: 2)))


def test_queries_without_relevant_items_are_found():
    judged = pooled(SPACE, grade=lambda q, i: 0 if q < 5 else (q + i) % 3)
    [one] = lint(SPACE, judged).findings
    assert one.check == "queries without relevant items"
    assert one.numbers == {"queries": 5, "of": QUERIES}


def test_generated_judgements_are_told_apart():
    rows = [Judged("q1", "d1", 1, judge="m", source="generated")]
    assert checks(lint(SPACE, SOUND, rows=rows)) == {("warning", "generated judgements")}
    rows.append(Judged("q1", "d2", 1, judge="anna"))
    assert checks(lint(SPACE, SOUND, rows=rows)) == {("note", "generated judgements")}


def test_queries_in_the_words_of_their_answer_are_found():
    asked = [f"question {i}" for i in range(QUERIES)]
    texts = [f"text {i}" * (1 + i % 7) for i in range(ITEMS)]
    assert checks(lint(made_space(texts=texts, asked=asked), SOUND)) == set()
    relevant = SOUND.gains.row(3)[SOUND.gains.values[SOUND.gains.rows == 3] > 0][0]
    asked[3] = texts[relevant].upper() + " "
    [one] = lint(made_space(texts=texts, asked=asked), SOUND).findings
    assert (one.check, one.numbers["queries"]) == ("leaked words", 1)


def test_training_among_the_judged_is_found():
    row = SOUND.gains.row(0)
    seen = SparseRows.from_pairs([0, 0], [int(row[0]), int(row[1])], shape=(QUERIES, ITEMS))
    found = lint(made_space(seen=seen), SOUND)
    [one] = [f for f in found.findings if f.check == "training among the judged"]
    assert one.numbers["pairs"] == 2
    elsewhere = replace(SOUND, seen=SparseRows.from_pairs([], [], shape=(QUERIES, ITEMS)))
    assert checks(lint(SPACE, elsewhere)) == set()


def test_popularity_skew_is_found():
    relevant = np.bincount(SOUND.gains.indices[SOUND.gains.values > 0], minlength=ITEMS)
    popular = [float(count) for count in relevant * 10 + RNG.random(ITEMS)]
    [one] = lint(made_space(popularity=popular), SOUND).findings
    assert one.check == "popularity"
    assert one.numbers["distance"] > 0.2
    assert len(one.numbers["curve"]["at"]) == len(one.numbers["curve"]["judged"])
    assert checks(lint(made_space(popularity=RNG.random(ITEMS).tolist()), SOUND)) == set()


def test_the_distance_is_that_of_scipy():
    from scipy.stats import ks_2samp

    for size in (5, 40):
        a, b = RNG.integers(0, 9, size).astype(float), RNG.integers(2, 9, 30).astype(float)
        assert ks_distance(a, b)[0] == pytest.approx(ks_2samp(a, b).statistic)


def test_corners_that_nobody_judged_are_found():
    far = VECTORS.copy()
    far[:, 0] = -1 - np.abs(far[:, 0])
    far[200:] = 5 * np.eye(8)[0] + 0.01 * RNG.normal(size=(100, 8))
    space = made_space(items=far)
    near = pooled(space)
    inside = near.gains.indices < 200
    kept = SparseRows.from_pairs(
        near.gains.rows[inside],
        near.gains.indices[inside],
        near.gains.values[inside],
        shape=near.gains.shape,
    )
    found = lint(space, replace(near, gains=kept))
    [one] = [f for f in found.findings if f.check == "clusters of items"]
    assert one.severity == "warning"
    assert one.numbers["share"] >= 0.3


def test_a_measure_outside_the_pool_is_named():
    found = lint(SPACE, pooled(SPACE, "cosine"))
    [one] = [f for f in found.findings if f.check == "pool"]
    assert one.numbers["favoured"] == "cosine"
    assert "dot" in one.numbers["outside"]
    assert one.numbers["unjudged"]["cosine"] == 0
    rows = [Judged("q1", "d1", 1, judge="a", context={"dot": {"rank": 1}, "cosine": {"rank": 2}})]
    [one] = lint(SPACE, SOUND, rows=rows).findings
    assert one.numbers["outside"] == ["euclidean"]


def test_without_zeros_a_good_measure_is_not_called_favoured():
    found = lint(SPACE, pooled(SPACE, "cosine", grade=lambda *_: 1))
    assert not [f for f in found.findings if f.check == "pool"]
    [one] = [f for f in found.findings if f.check == "unjudged"]
    assert "without zeros" in one.what


def test_where_whole_items_were_judged_no_list_is_unjudged():
    few = pooled(SPACE, "cosine", grade=lambda *_: 1)
    every = replace(few, judged_items=np.ones(ITEMS, dtype=bool))
    assert "unjudged" in {check for _, check in checks(lint(SPACE, few))}
    assert "unjudged" not in {check for _, check in checks(lint(SPACE, every))}


def test_twins_with_two_grades_are_found():
    twin = VECTORS.copy()
    item = int(SOUND.gains.indices[SOUND.gains.values > 0][0])
    twin[(item + 1) % ITEMS] = 2 * twin[item]
    space = made_space(items=twin)
    found = lint(space, pooled(space))
    [one] = [f for f in found.findings if f.check == "twins"]
    assert one.severity == "warning"
    assert one.numbers["disputed"] > 0
    assert "2 of 255 relevant items stand more than once" in one.what


def test_the_worst_comes_first():
    judged = replace(
        pooled(SPACE, "cosine", grade=lambda *_: 0),
        complaints=Complaints(unknown_items=("x",), dropped=3),
    )
    severities = [one.severity for one in lint(SPACE, judged).findings]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert severities[0] == "error"


@pytest.fixture
def folder(tmp_path):
    write_space(made_space(popularity=RNG.random(ITEMS).tolist()), tmp_path / "space")
    return tmp_path / "space"


def test_the_command_shows_findings_and_keeps_the_gate(folder, tmp_path, anglewise):
    path = tmp_path / "qrels.txt"
    lines = [f"q{q} 0 d{i} {(q + i) % 3}" for q in range(QUERIES) for i in range(q, q + 4)]
    path.write_text("\n".join([*lines, "q1 0 d1", "q1 0 nothere 1", ""]))
    run = anglewise("judge", "lint", folder, "--qrels", path, "--html", tmp_path / "x.html")
    assert run.code == 0, run.err
    assert "error: 1 row is no judgement, the first at line 241: 3 columns" in run.out
    assert "'nothere'" in run.out
    assert "11 looks:" in run.out
    assert "What is wrong with these judgements?" in (tmp_path / "x.html").read_text()
    run = anglewise("judge", "lint", folder, "--qrels", path, "--gate", "error", "--json", "-")
    assert run.code == 1
    told = json.loads(run.out)
    assert told["counts"]["error"] == 1
    again = anglewise("judge", "lint", folder, "--qrels", path, "--json", "-")
    assert (again.code, json.loads(again.out)) == (0, told)


def test_the_store_of_a_space_is_looked_at(folder, anglewise):
    with JudgementStore.open(folder / "judgements.sqlite") as store:
        store.add_many(
            Judged(f"q{q}", f"d{i}", (q + i) % 2, judge=judge)
            for judge in ("anna", "ben")
            for q in range(3)
            for i in range(4)
        )
        store.add(Judged("q1", "d1", 3, judge="ben"))
    run = anglewise("judge", "lint", folder, "--quiet")
    assert run.code == 0
    assert "judges differ on 1 of 12 pairs" in run.out


def test_bad_use_is_refused(folder, tmp_path, anglewise):
    assert refused(anglewise("judge", "lint", folder, "--gate", "errors"), "errors", "error")
    assert refused(anglewise("judge", "lint", folder, "--qrels", "none.tsv"), "none.tsv")
    assert refused(anglewise("judge", "lint", folder), "no judgements")
    assert refused(anglewise("judge", "lint"), "no judgements")
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("id_a,id_b,score\nq1,d1,2\n")
    assert refused(anglewise("judge", "lint", folder, "--qrels", pairs), "pairs")


def test_of_a_file_that_names_no_judge_it_is_not_said_that_people_judged(
    folder, tmp_path, anglewise
):
    path = tmp_path / "qrels.txt"
    pairs = [(q, i) for q in range(QUERIES) for i in range(q, q + 4)]
    path.write_text("".join(f"q{q} 0 d{i} {(q + i) % 3}\n" for q, i in pairs))
    shown = anglewise("judge", "lint", folder, "--qrels", path, "--quiet").out
    assert "qrels.txt: nothing says who judged" in shown
    assert "people" not in shown
    named = tmp_path / "named.csv"
    rows = [f"q{q},d{i},{(q + i) % 3},anna" for q, i in pairs]
    named.write_text("\n".join(["query_id,item_id,grade,judge", *rows]))
    shown = anglewise("judge", "lint", folder, "--qrels", named, "--quiet").out
    assert "240 pairs judged, 240 by people, as far as is said (anna)" in shown
    rows = [f"{row},human" for row in rows]
    named.write_text("\n".join(["query_id,item_id,grade,judge,source", *rows]))
    shown = anglewise("judge", "lint", folder, "--qrels", named, "--quiet").out
    assert "by people (anna)" in shown


def test_rows_that_say_no_source_are_not_counted_as_by_people(folder, tmp_path, anglewise):
    path = tmp_path / "half.csv"
    rows = [f"q{q},d{q},{q % 3},m{q % 2},{'generated' if q % 2 else ''}" for q in range(QUERIES)]
    path.write_text("\n".join(["query_id,item_id,grade,judge,source", *rows]))
    shown = " ".join(anglewise("judge", "lint", folder, "--qrels", path, "--quiet").out.split())
    half = QUERIES // 2
    said = f"{half} of {QUERIES} judgements were generated; {half} of the others by people, or"
    assert f"{said} nothing says by whom" in shown


def test_findings_of_one_row_are_said_of_one(folder, tmp_path, anglewise):
    path = tmp_path / "one.txt"
    path.write_text("q0 0 d0 0\nq1 0 d1 1\nq0 0 d0 0\nq9 0 nowhere 1\n")
    shown = " ".join(anglewise("judge", "lint", folder, "--qrels", path, "--quiet").out.split())
    assert "1 of 3 queries has no relevant item" in shown
    assert "1 of 3 judgements is of what no list can hold" in shown, shown
    assert not any(f" 1 {n}" in shown for n in ("rows", "queries", "pairs", "judgements are"))
