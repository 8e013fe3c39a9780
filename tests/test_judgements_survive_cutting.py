"""Judgements of passages belong to characters of documents, and survive a cutting anew."""

import json
import sqlite3
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import numpy as np
import pytest

import anglewise as aw
from anglewise import Embeddings, Judged, JudgementStore, Space
from anglewise.data_types.spans import PassageSpans, Span, text_digest
from anglewise.errors import IdsError, SpellingError, ValuesError
from anglewise.io.judgement_export import write_judged
from anglewise.io.judgement_formats import read_judged
from anglewise.judgements.combine import combined, placed_pairs
from anglewise.judgements.placed import JudgedSpan, by_overlap, place_rows, with_spans
from anglewise.labelling.agreement import agreement
from anglewise.web_page.open_space import Inspected
from cli_run import anglewise
from inspect_site import FROM_HERE, site
from made_cuts import made_corpus, passages
from test_judgement_store import VERSION_1

__all__ = ["anglewise"]

DIRECTION = "queries-items"


@pytest.fixture(scope="module")
def corpus():
    return made_corpus(0, documents=25, sentences=40, queries=30)


@pytest.fixture(scope="module")
def large(corpus):
    return corpus.cut(60)


@pytest.fixture(scope="module")
def small(corpus):
    return corpus.cut(30)


@pytest.fixture(scope="module")
def rows(corpus, large):
    return judge_all(corpus, large)


def judge_all(corpus, space, judge="anna"):
    """Every passage judged for every question, by the characters that answer it."""
    rows = [
        Judged(query, name, corpus.grade(query, *place), judge=judge)
        for query in corpus.queries
        for name, *place in passages(space)
    ]
    return with_spans(rows, space.items)


def by_id_alone(rows):
    return [replace(row, document=None, start=None, end=None, digest=None) for row in rows]


def grades(judged):
    table = judged.graded
    return dict(
        zip(
            zip(table.rows.tolist(), table.indices.tolist(), strict=True),
            table.values.tolist(),
            strict=True,
        )
    )


def means(result, metric="nDCG@10"):
    return {row.measure: row.metrics[metric].mean for row in result.measures}


def documents(**texts):
    """A space of documents, each cut at the places given: d=("text", [3, 9])."""
    ids, about = [], {"document": [], "start": [], "end": [], "text": []}
    for name, (text, cuts) in texts.items():
        ends = [0, *cuts, len(text)]
        for number, (start, end) in enumerate(pairwise(ends)):
            ids.append(f"{name}#{number}")
            piece = text[start:end].rstrip()
            for column, cell in zip(about, (name, start, start + len(piece), piece), strict=True):
                about[column].append(cell)
    items = Embeddings(np.eye(len(ids)) + 1, ids=ids, metadata=about)
    return Space(queries=Embeddings(np.ones((2, len(ids))), ids=["q", "r"]), items=items)


TEXT = "one two three four five six seven eight"


def said(space, name, grade=1, query="q", judge="anna", **about):
    return with_spans([Judged(query, name, grade, judge=judge, **about)], space.items)[0]


def placed(rows, space):
    return {(one.query_id, one.item_id): one.grade for one in placed_pairs(rows, space.items).pairs}


# what is the same text is judged the same


def test_cutting_anew_with_the_same_windows_changes_nothing(corpus):
    for overlap in (0, 45):
        space, again = corpus.cut(60, overlap), corpus.cut(60, overlap)
        rows = judge_all(corpus, space)[::3]
        by_span, by_id = (combined(some, again, DIRECTION) for some in (rows, by_id_alone(rows)))
        assert grades(by_span) == grades(by_id)
        assert vars(by_span.complaints) == vars(by_id.complaints)


def test_passages_are_known_by_their_characters_whatever_their_ids(rows, large):
    named = [f"p{row}" for row in range(len(large.items))]
    items = Embeddings(large.items.vectors, ids=named, metadata=large.items.metadata)
    renamed = Space(queries=large.queries, items=items)
    assert grades(combined(rows, renamed, DIRECTION)) == grades(combined(rows, large, DIRECTION))


def test_ids_of_another_cutting_made_a_gap_that_is_none(corpus, rows, large, small):
    """The same encoder, whose smaller windows are better in truth: by ids they seem much worse."""
    wrong = [combined(by_id_alone(rows), space, DIRECTION) for space in (large, small)]
    by_id = [means(aw.compare(s, j, "cosine")) for s, j in zip((large, small), wrong, strict=True)]
    assert by_id[0]["cosine"] > by_id[1]["cosine"] + 0.25  # what was told before
    spaces = {"large": large, "small": small}
    truth = {
        query: {name: 1.0 for name, _, _ in places} for query, places in corpus.answers.items()
    }
    due = aw.compare_spaces(
        spaces, {n: aw.Judgements.from_dict(truth, s) for n, s in spaces.items()}, "cosine"
    )
    judged = {name: combined(rows, space, DIRECTION) for name, space in spaces.items()}
    found = aw.compare_spaces(spaces, judged, "cosine")
    assert means(found) == pytest.approx(means(due))
    assert means(due)["small: cosine"] > means(due)["large: cosine"] + 0.1
    assert found.verdict.measure == due.verdict.measure == "small: cosine"
    assert "large and small cut the same documents otherwise" in found.notes[0]


@pytest.mark.parametrize("given", ["both", "first"])
def test_ids_alone_are_taken_for_their_documents(rows, large, small, given):
    spaces = {"large": large, "small": small}
    names = ["large", "small"] if given == "both" else ["large"]
    judged = {name: combined(by_id_alone(rows), spaces[name], DIRECTION) for name in names}
    due = {name: combined(rows, space, DIRECTION) for name, space in spaces.items()}
    found, expected = (aw.compare_spaces(spaces, one, "cosine") for one in (judged, due))
    assert means(found) == pytest.approx(means(expected))


@pytest.mark.parametrize("sizes", [(60, 30), (30, 60), (60, 45), (45, 60), (30, 200)])
def test_no_gap_appears_between_two_cuttings_beyond_the_truth(sizes):
    corpus = made_corpus(sizes[0] - sizes[1] % 7, documents=15, sentences=30, queries=20)
    spaces = {"judged": corpus.cut(sizes[0]), "other": corpus.cut(sizes[1], sizes[1] // 8)}
    rows = judge_all(corpus, spaces["judged"])
    truth = {
        query: {name: 1.0 for name, _, _ in places} for query, places in corpus.answers.items()
    }
    own = {name: combined(rows, space, DIRECTION) for name, space in spaces.items()}
    due = {name: aw.Judgements.from_dict(truth, space) for name, space in spaces.items()}
    found, expected = (aw.compare_spaces(spaces, one, "cosine") for one in (own, due))
    assert means(found) == pytest.approx(means(expected))


def test_whole_documents_are_judged_by_their_passages(corpus, rows, large):
    whole = corpus.cut("none")
    relevant = {
        (f"{query}", name) for query, places in corpus.answers.items() for name, _, _ in places
    }
    found = placed(rows, whole)
    assert {pair for pair, grade in found.items() if grade > 0} == relevant
    spaces = {"whole": whole, "large": large}
    judged = {name: combined(rows, space, DIRECTION) for name, space in spaces.items()}
    alone = aw.compare(whole, judged["whole"], "cosine")
    both = aw.compare_spaces(spaces, judged, "cosine")
    assert means(both)["whole: cosine"] == pytest.approx(means(alone)["cosine"])


def test_spaces_that_cut_alike_are_compared_by_passages(rows, large):
    other = Space(
        queries=large.queries,
        items=Embeddings(
            large.items.vectors + 0.1, ids=large.items.ids, metadata=large.items.metadata
        ),
    )
    spaces = {"large": large, "other": other}
    judged = {name: combined(rows, space, DIRECTION) for name, space in spaces.items()}
    found = aw.compare_spaces(spaces, judged, "cosine")
    assert not any("otherwise" in note or "documents" in note for note in found.notes)
    alone = aw.compare(large, judged["large"], "cosine")
    assert means(found)["large: cosine"] == means(alone)["cosine"]


def test_passages_that_ask_cannot_be_compared_across_cuttings(large, small):
    rows = [Judged("d0#0", "d1#0", 1, judge="anna", direction="items-items")]
    judged = {n: combined(rows, s, "items-items") for n, s in (("a", large), ("b", small))}
    with pytest.raises(SpellingError, match=r"a and b cut the same documents otherwise"):
        aw.compare_spaces({"a": large, "b": small}, judged, "cosine")


# the rule by which passages find their grades


def test_a_passage_has_the_highest_grade_of_those_that_share_half_of_the_shorter():
    space = documents(d=(TEXT, [20]))
    index = PassageSpans.of(space.items)
    for span, rows in {
        (0, 20): [0],
        (0, 9): [0],
        (14, 25): [0],
        (16, 28): [1],
        (9, 30): [0, 1],
        (0, 39): [0, 1],
    }.items():
        assert index.alike(Span("d", *span)).tolist() == rows
    judged = [JudgedSpan(Span("d", 0, 9), 1.0, 0), JudgedSpan(Span("d", 2, 12), 3.0, 0)]
    assert [(one.row, one.grade) for one in by_overlap(judged, index)] == [(0, 3.0)]


@pytest.mark.parametrize("seed", range(20))
def test_every_relevant_span_is_found_by_some_passage(seed):
    """Whatever the windows, so that a judgement never gets lost where its text still stands."""
    rng = np.random.default_rng(seed)
    text = "".join(rng.choice(list("ab  "), 200)).strip() + "."
    cuts = np.unique(rng.integers(1, len(text), rng.integers(1, 25))).tolist()
    pieces = [
        (a, a + len(text[a:b].rstrip()))
        for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)
    ]
    pieces = [(a, b) for a, b in pieces if b > a]
    about = {
        "document": ["d"] * len(pieces),
        "start": [a for a, _ in pieces],
        "end": [b for _, b in pieces],
    }
    index = PassageSpans.of(Embeddings(np.ones((len(pieces), 2)), metadata=about))
    for _ in range(50):
        start = int(rng.integers(len(text) - 1))
        end = int(rng.integers(start + 1, len(text) + 1))
        if text[start:end].strip():
            assert len(index.alike(Span("d", start, end)))


def test_passages_that_irrelevant_ones_cover_are_irrelevant_and_others_unjudged():
    judged, other = documents(d=(TEXT, [8, 14, 24])), documents(d=(TEXT, [14, 33]))
    rows = [said(judged, "d#0", 0), said(judged, "d#1", 0), said(judged, "d#2", 0)]
    assert placed(rows, other) == {("q", "d#0"): 0.0}  # blanks between passages count as covered
    assert placed([*rows[:2], said(judged, "d#1", 2, "r")], other) == {
        ("q", "d#0"): 0.0,
        ("r", "d#0"): 2.0,
    }
    assert placed(rows[1:], other) == {}


def test_a_passage_that_touches_a_relevant_one_is_not_called_irrelevant():
    judged, other = documents(d=(TEXT, [20])), documents(d=(TEXT, [13, 23]))
    rows = [said(judged, "d#0", 1), said(judged, "d#1", 0)]
    assert placed(rows, other) == {("q", "d#0"): 1.0, ("q", "d#1"): 1.0, ("q", "d#2"): 0.0}
    other = documents(d=(TEXT, [16]))
    assert placed(rows, other) == {("q", "d#0"): 1.0}  # a fifth of the rest was judged relevant


def test_a_passage_that_was_judged_itself_keeps_its_grade():
    large, small = documents(d=(TEXT, [20])), documents(d=(TEXT, [8, 20, 30]))
    rows = [said(large, "d#0", 2), said(small, "d#1", 0)]
    assert placed(rows, small) == {("q", "d#0"): 2.0, ("q", "d#1"): 0.0}


def test_people_are_not_outvoted_by_machines_across_cuttings():
    large, small = documents(d=(TEXT, [20])), documents(d=(TEXT, [8, 20, 30]))
    machine = replace(said(small, "d#1", 3, judge="model"), source="generated")
    assert placed([machine, said(large, "d#0", 0)], small) == {("q", "d#0"): 0.0, ("q", "d#1"): 0.0}
    machine = replace(said(large, "d#0", 3, judge="model"), source="generated")
    assert placed([machine, said(small, "d#1", 0)], small) == {("q", "d#0"): 3.0, ("q", "d#1"): 0.0}


def test_the_later_word_of_a_judge_counts_by_id_or_by_characters():
    space = documents(d=(TEXT, [20]))
    with_place, by_id = said(space, "d#0", 2), Judged("q", "d#0", 0, judge="anna")
    assert placed([with_place, by_id], space) == {("q", "d#0"): 0.0}
    assert placed([by_id, with_place], space) == {("q", "d#0"): 2.0}


def test_pages_of_one_file_are_told_apart():
    about = {"document": ["f.pdf"] * 2, "start": [0, 0], "end": [5, 5], "text": ["same "] * 2}
    items = Embeddings(np.eye(2), ids=["f.pdf#page=1#0", "f.pdf#page=2#0"], metadata=about)
    row = with_spans([Judged("q", "f.pdf#page=2#0", 1, judge="anna")], items)[0]
    assert row.span == Span("f.pdf#page=2", 0, 5)
    assert [one.item_id for one in place_rows([row], items).direct] == ["f.pdf#page=2#0"]


# what cannot be known is said


def test_judgements_of_a_text_that_changed_do_not_count_and_are_counted():
    before = documents(d=(TEXT, [20]), e=(TEXT, []))
    after = documents(d=(TEXT.replace("three", "other"), [8, 20]), e=(TEXT, []))
    rows = [said(before, "d#0", 2), said(before, "d#1", 1), said(before, "e#0", 1)]
    judged = combined(rows, after, DIRECTION)
    assert grades(judged) == {(0, 2): 1.0, (0, 3): 1.0}
    assert judged.complaints.stale == 1
    assert judged.complaints.stale_pairs == (("q", "d#0"), ("q", "d#1"))
    [note] = [n for n in aw.compare(after, judged, "dot,cosine").notes if "another by now" in n]
    assert note == "1 judgement of passages whose text is another by now: not counted"
    with pytest.raises(IdsError, match="the texts of all 1 judged passages have changed"):
        combined(rows[:1], after, DIRECTION)


@pytest.mark.parametrize("cuts", [[20], [8, 20]], ids=["alike", "otherwise"])
def test_what_changed_in_one_space_counts_in_none(cuts):
    before = documents(d=(TEXT, [20]), e=(TEXT, [20]))
    after = documents(d=(TEXT.replace("three", "other"), cuts), e=(TEXT, cuts))
    rows = [said(before, "d#0", 2), said(before, "e#0", 1)]
    spaces = {"before": before, "after": after}
    judged = {name: combined(rows, space, DIRECTION) for name, space in spaces.items()}
    result = aw.compare_spaces(spaces, judged, "dot,cosine")
    assert result.judged == 1


def test_texts_that_are_not_known_are_said_to_be_unchecked():
    space = documents(d=(TEXT, [20]))
    known = {name: space.items.metadata[name] for name in ("document", "start", "end")}
    bare = Embeddings(space.items.vectors, ids=space.items.ids, metadata=known)
    row = said(space, "d#0", 2)
    judged = combined([row], Space(queries=space.queries, items=bare), DIRECTION)
    assert judged.complaints.unchecked == 1
    assert combined([row], space, DIRECTION).complaints.unchecked == 0
    nowhere = Embeddings(space.items.vectors, ids=space.items.ids)
    judged = combined([row], Space(queries=space.queries, items=nowhere), DIRECTION)
    assert (grades(judged), judged.complaints.unchecked) == ({(0, 0): 2.0}, 1)


def test_an_id_of_another_document_is_no_place():
    space = documents(d=(TEXT, [20]))
    row = Judged("q", "d#0", 2, judge="anna", document="gone", start=0, end=9)
    judged = combined([row, said(space, "d#1", 1)], space, DIRECTION)
    assert grades(judged) == {(0, 1): 1.0, (0, 2): 2.0}
    assert judged.missing_ids == ("gone[0:9]",)


def test_passages_graded_by_longer_ones_are_said_to_be():
    large, small = documents(d=(TEXT, [20])), documents(d=(TEXT, [8, 20, 30]))
    judged = combined([said(large, "d#0", 2), said(large, "d#1", 0)], small, DIRECTION)
    assert (judged.complaints.by_overlap, judged.complaints.of_longer) == (4, 2)
    notes = aw.compare(small, judged, "dot,cosine").notes
    assert any("2 of them relevant by longer passages" in note for note in notes)


def test_chances_of_other_passages_are_not_those_of_these():
    large, small = documents(d=(TEXT, [20])), documents(d=(TEXT, [8, 20, 30]))
    row = said(large, "d#0", 2, probability=0.5, context={"lot": "b1"})
    assert combined([row], large, DIRECTION).chances is not None
    judged = combined([row], small, DIRECTION)
    assert judged.chances is None
    assert "cut otherwise" in judged.chances_unknown


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"start": 3}, "start came without document and end"),
        ({"document": "d", "start": 3, "end": 3}, "an end behind the start"),
        ({"document": "d", "start": -1, "end": 3}, "start is -1: a count of characters"),
        pytest.param(
            {"document": "d", "start": 0.5, "end": 3},
            "start is 0.5: a count of characters",
            marks=pytest.mark.wrong_kinds,
        ),
        ({"document": "", "start": 0, "end": 3}, "document is ''"),
        ({"digest": "x"}, "digest came without document"),
        ({"document": "d", "start": 0, "end": 3, "direction": "items-items"}, "leave them out"),
    ],
)
def test_spans_that_are_none_are_refused(fields, words):
    with pytest.raises(ValuesError, match=words):
        Judged("q", "d#0", 1, judge="anna", **fields)


# stores and files


def test_a_store_keeps_the_characters_and_tells_cuttings_apart(tmp_path):
    large, small = documents(d=(TEXT, [20])), documents(d=(TEXT, [8, 20, 30]))
    rows = [said(large, "d#0", 2), said(small, "d#0", 0), said(large, "d#0", 1)]
    with JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        for row in rows:
            store.add(row)
        assert list(store.rows()) == [rows[1], rows[2]]
        assert store.add_new(rows[1:]) == 0
        assert store.counts().replaced == 1


def old_store(path, rows):
    """A store as version 1 wrote it, which has a judgement of an item d."""
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.executemany(
        "INSERT INTO judgements (uuid, direction, query_id, item_id, grade, judge, time, source) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (r.uuid, r.direction, r.query_id, r.item_id, r.grade, r.judge, r.time, r.source)
            for r in rows
        ],
    )
    connection.commit()
    connection.close()


def test_old_stores_are_read_as_they_are(tmp_path):
    space = documents(d=(TEXT, [20]))
    rows = [Judged("q", "d#0", 2, judge="anna"), Judged("r", "d#1", 0, judge="anna")]
    path = tmp_path / "old.sqlite"
    old_store(path, rows)
    before = path.read_bytes()
    with JudgementStore.open(path, read_only=True) as store:
        assert [row for row in store.rows() if row.item_id != "d"] == rows
        assert grades(store.judgements(space)) == {(0, 0): 2.0, (1, 1): 0.0, (0, 2): 1.0}
    assert path.read_bytes() == before


def test_an_old_store_is_read_by_the_space_beside_it(rows, large, small, tmp_path):
    aw.write_space(large, tmp_path / "large")
    old_store(tmp_path / "large" / "judgements.sqlite", by_id_alone(rows))
    due = grades(combined(rows, small, DIRECTION))
    for path in (tmp_path / "large", tmp_path / "large" / "judgements.sqlite"):
        assert grades(aw.read_judgements(path, small)) == due
        assert grades(aw.read_judgements(path, large)) == grades(combined(rows, large, DIRECTION))


@pytest.mark.parametrize("name", ["said.csv", "said.parquet", "said.json"])
def test_characters_go_out_and_come_back(tmp_path, name):
    large, small = documents(d=(TEXT, [20])), documents(d=(TEXT, [8, 20, 30]))
    rows = [said(large, "d#0", 2), said(small, "d#0", 0), Judged("r", "d#0", 1, judge="anna")]
    form = {"said.csv": "csv", "said.parquet": "parquet", "said.json": "label-studio"}[name]
    write_judged(tmp_path / name, rows, form)
    assert sorted(read_judged(tmp_path / name).judged, key=lambda row: row.uuid) == sorted(
        rows, key=lambda row: row.uuid
    )


def test_a_format_of_ids_alone_refuses_two_cuttings(tmp_path):
    large, small = documents(d=(TEXT, [20])), documents(d=(TEXT, [8, 20, 30]))
    rows = [said(large, "d#0", 2), said(small, "d#0", 0)]
    with pytest.raises(IdsError, match=r"'d#0' is d\[0:7\] and d\[0:20\]"):
        write_judged(tmp_path / "qrels.txt", rows, "trec")
    assert write_judged(tmp_path / "qrels.txt", rows[:1], "trec") == 1


def test_tables_name_characters_of_documents(tmp_path, corpus, large, small):
    """Made by others, of no cutting: question, document, from where to where."""
    lines = [f"{q},{name},{a},{b},1\n" for q, some in corpus.answers.items() for name, a, b in some]
    (tmp_path / "spans.csv").write_text("query_id,document,start,end,gain\n" + "".join(lines))
    for space in (large, small):
        judged = aw.read_judgements(tmp_path / "spans.csv", space)
        due = {
            (query, name)
            for query in corpus.queries
            for name, *place in passages(space)
            if corpus.grade(query, *place) > 0
        }
        found = {
            (str(space.queries.ids[row]), str(space.items.ids[column]))
            for row, column in grades(judged)
        }
        assert due <= found
        assert len(found) <= len(due) + 3  # a sentence cut in the very middle is in both


def test_disputes_about_passages_say_where_they_stand():
    large, small = documents(d=(TEXT, [20])), documents(d=(TEXT, [8, 20, 30]))
    rows = [
        said(large, "d#0", 2),
        said(small, "d#0", 0, judge="ben"),
        said(large, "d#0", 1, judge="ben"),
    ]
    [dispute] = agreement(rows, resamples=10).disputes
    assert (dispute.item_id, dispute.span, dispute.digest) == (
        "d#0",
        Span("d", 0, 20),
        rows[0].digest,
    )
    assert dispute.to_dict()["end"] == 20


def page(space, tmp_path):
    """The page of a space, whose store lies in a folder for itself, entered by anna."""
    store = tmp_path / "judgements.sqlite"
    client = site(Inspected(space, name="made", store=store))
    client.post("/judge/name", headers=FROM_HERE, content=b"name=anna")
    return client


TO_JUDGE = {"direction": DIRECTION, "judge": "anna"}


def test_the_page_records_which_characters_were_judged(large, tmp_path):
    client = page(large, tmp_path)
    card = client.get("/judge/cards", params=TO_JUDGE).json()["cards"][0]
    sent = {name: card[name] for name in ("direction", "query", "item", "shown", "context", "mark")}
    sent |= {"uuid": str(uuid4()), "grade": 2, "note": ""}
    assert client.post("/judge/answers", headers=FROM_HERE, json=sent).status_code == 200
    with JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        [row] = store.rows()
    due = said(large, card["item"], 2, card["query"])
    assert (row.span, row.digest) == (due.span, due.digest)


def test_nothing_is_judged_again_when_the_text_is_cut_anew(rows, large, small, tmp_path):
    for space in (large, small):
        fresh = page(space, tmp_path / "fresh")
        assert fresh.get("/judge/cards", params=TO_JUDGE).json()["cards"]
    with JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        store.add_many(rows)
    for space in (large, small):
        answered = page(space, tmp_path).get("/judge/cards", params=TO_JUDGE).json()
        assert answered["cards"] == []
        assert answered["done"] == answered["size"]


def test_imported_passages_say_where_they_stand(anglewise, rows, large, small, tmp_path):
    aw.write_space(large, tmp_path / "large")
    aw.write_space(small, tmp_path / "small")
    lines = [f"{row.query_id} 0 {row.item_id} {row.grade:.0f}\n" for row in rows]
    (tmp_path / "qrels.txt").write_text("".join(lines))
    run = anglewise(
        "judge", "import", tmp_path / "large", tmp_path / "qrels.txt", "--judge", "anna"
    )
    assert f"{len(rows):,} judgements name passages by id alone" in run.err.replace("\n", " ")
    with JudgementStore.open(tmp_path / "large" / "judgements.sqlite") as store:
        assert {row.pair: row.digest for row in store.rows()} == {
            row.pair: row.digest for row in rows
        }
    old_store(tmp_path / "small" / "judgements.sqlite", [])
    old = tmp_path / "old"
    aw.write_space(large, old)
    old_store(old / "judgements.sqlite", by_id_alone(rows))
    store = old / "judgements.sqlite"
    run = anglewise("judge", "import", tmp_path / "small", store, "--json", "-")
    assert json.loads(run.out)["located"] == len(rows)
    found = aw.read_judgements(tmp_path / "small", small)
    truth = {key for key, grade in grades(combined(rows, small, DIRECTION)).items() if grade > 0}
    assert {key for key, grade in grades(found).items() if grade > 0} == truth


def test_blanks_of_every_kind_are_alike_and_letters_are_not():
    assert text_digest("a\n b") == text_digest("a\t b")
    assert text_digest("a b") != text_digest("a  b") != text_digest("A  b")
