"""A verdict says where what was judged came from the lists of one candidate and not of others."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.gates import check
from anglewise.comparison.stopping import sequential
from anglewise.data_types.sparse import SparseRows
from anglewise.report.comparison_document import comparison_document
from anglewise.report.plain_text import junit

QUERIES, ITEMS, DEPTH = 60, 400, 10


def pooled_from(lists, *, relevant=0.4, seed=1):
    """Judgements of these lists alone: a share of what they hold is relevant, by chance."""
    rows = np.repeat(np.arange(QUERIES), DEPTH)
    grades = (np.random.default_rng(seed).random(len(rows)) < relevant).astype(float)
    shape = (QUERIES, ITEMS)
    return aw.Judgements(SparseRows.from_pairs(rows, lists.ravel(), grades, shape=shape))


def made_space(**columns):
    rng = np.random.default_rng(0)
    items = rng.standard_normal((ITEMS, 16))
    queries = items[:QUERIES] + 0.5 * rng.standard_normal((QUERIES, 16))
    return aw.Space(
        queries=aw.Embeddings(queries, [f"q{q}" for q in range(QUERIES)], columns.get("queries")),
        items=aw.Embeddings(
            items * rng.uniform(0.2, 5, (ITEMS, 1)),
            [f"i{i}" for i in range(ITEMS)],
            columns.get("items"),
        ),
    )


@pytest.fixture
def lists():
    """Ten items for each query that have nothing to do with it."""
    rng = np.random.default_rng(3)
    return np.stack([rng.permutation(ITEMS)[:DEPTH] for _ in range(QUERIES)])


@pytest.fixture
def run(lists):
    return aw.Run.from_dict(
        {f"q{q}": [f"i{i}" for i in own] for q, own in enumerate(lists.tolist())}, "live"
    )


def test_a_run_that_alone_was_judged_is_used_only_if_the_rest_is_not_relevant(lists, run):
    result = aw.compare(made_space(), pooled_from(lists), "dot,cosine", runs=run)
    assert (result.verdict.decision, result.verdict.measure) == ("use", "live")
    assert "if what nobody judged is not relevant (of the first 10 places " in result.verdict.reason
    assert "for dot, against 0% for live)" in result.verdict.reason
    (note,) = [note for note in result.notes if "pool" in note]
    assert note.startswith("the pool may favour live: of the first 10 places nobody judged 9")
    assert "for dot and 9" in note
    assert "for cosine, but 0% for live; what nobody judged counts as not relevant" in note


def test_a_run_that_is_kept_is_no_better_than_what_nobody_judged_either(lists, run):
    result = aw.compare(made_space(), pooled_from(lists), "dot", runs=run, baseline="live")
    assert (result.verdict.decision, result.verdict.measure) == ("tie", "live")
    assert "if what nobody judged is not relevant" in result.verdict.reason


def test_several_spaces_and_runs_alone_say_it_too(lists, run):
    space, judged = made_space(), pooled_from(lists)
    several = aw.compare_spaces({"a": space}, judged, "dot", runs=run)
    assert "the pool may favour live" in " ".join(several.notes)
    other = aw.Run.from_dict({f"q{q}": [f"i{q}"] * 1 + ["i399"] for q in range(QUERIES)}, "new")
    gains = {
        f"q{q}": {f"i{i}": float(place % 3 == 0) for place, i in enumerate(own)}
        for q, own in enumerate(lists.tolist())
    }
    alone = aw.compare_runs([other, run], gains)
    assert "if what nobody judged is not relevant" in alone.verdict.reason
    assert "the pool may favour live" in " ".join(alone.notes)


def test_lists_that_were_judged_alike_or_where_only_the_relevant_were_recorded_say_nothing(lists):
    space = made_space()
    both = aw.search(space, "dot,cosine", k=DEPTH)
    near = [found.indices for found in both.values()]
    pairs = {(row, i) for own in near for row in range(QUERIES) for i in own[row].tolist()}
    rows, columns = np.array(sorted(pairs)).T
    shape = (QUERIES, ITEMS)
    grades = (rows == columns).astype(float)
    judged = aw.Judgements(SparseRows.from_pairs(rows, columns, grades, shape=shape))
    found = aw.Judgements(SparseRows.from_pairs(np.arange(QUERIES), lists[:, 0], shape=shape))
    for judgements in (judged, found):
        result = aw.compare(space, judgements, "dot,cosine")
        assert not any("pool" in note for note in result.notes)
        assert "nobody judged is" not in result.verdict.reason


def test_a_floor_that_alone_was_judged_is_not_said_to_be_better():
    pytest.importorskip("bm25s")
    rng = np.random.default_rng(1)
    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)]
    items = [" ".join(rng.choice(words, 6)) for _ in range(ITEMS)]
    queries = [" ".join(rng.choice(words, 3)) for _ in range(QUERIES)]
    space = made_space(queries={"text": queries}, items={"text": items})
    from anglewise.nearest_neighbours.bm25 import Bm25Index

    nothing = [np.empty(0, dtype=np.int64)] * QUERIES
    lists = Bm25Index.of(items, None).nearest(queries, DEPTH, nothing).indices
    lists = np.where(lists < 0, np.arange(DEPTH), lists)
    result = aw.compare(space, pooled_from(lists, relevant=0.5), "dot,cosine")
    (floor,) = [floor for floor in result.floors if floor.name == "bm25"]
    assert floor.mean > 0.4
    assert not floor.beats_all
    assert "is better than every measure" not in result.verdict.reason
    assert "nothing is shown to beat" in result.verdict.reason
    (remark,) = [note for note in result.floor_notes if note.startswith("bm25: ")]
    assert "judged, these might stand higher, so whether it is better" in remark


def test_a_deep_metric_is_held_against_the_places_that_pools_are_made_of(lists, run):
    """Of a hundred places nobody judged ninety: that the first ten were judged is seen in them."""
    result = aw.compare(made_space(), pooled_from(lists), "dot", "nDCG@100", runs=run)
    assert "of the first 10 places nobody judged" in " ".join(result.notes)
    assert "against 0% for live)" in result.verdict.reason


def test_lists_that_nobody_judged_decide_nothing_for_good(lists, run):
    result = aw.compare(made_space(), pooled_from(lists), "dot", runs=run)
    assert sequential(result).decision == "keep-judging"


def test_gates_suppose_of_places_that_nobody_judged_what_the_verdict_supposes(lists, run):
    result = aw.compare(made_space(), pooled_from(lists), "dot,cosine", runs=run)
    (note,) = [note for note in result.notes if "pool" in note]
    share = note.partition("nobody judged ")[2].partition(" for dot")[0]
    said = (
        f"if what nobody judged is not relevant (of the first 10 places {share} for dot, "
        "against 0% for live)"
    )
    for spelling, passed in (("live>=dot", True), ("dot>=live-0.01", False), ("dot<=live", True)):
        held = check(result, spelling)
        assert held.passed == passed
        assert held.sentence.endswith(said)
    alone = check(result, "dot<=0.9").sentence
    assert alone.endswith(
        f"if what nobody judged is not relevant (of the first 10 places {share} for dot)"
    )
    for spelling in ("live>=0.1", "dot>=cosine-0.5"):
        assert "nobody judged" not in check(result, spelling).sentence


def test_junit_holds_the_notes(lists, run):
    result = aw.compare(made_space(), pooled_from(lists), "dot,cosine", runs=run)
    document = comparison_document(result, [check(result, "dot>=0")])
    xml = ET.fromstring(junit(document))  # noqa: S314 our own words
    noted = [found.get("value") for found in xml.iterfind(".//property[@name='note']")]
    assert noted == list(result.notes)


def test_the_verdict_of_a_group_supposes_of_its_own_places_what_nobody_judged(lists, run):
    group = ["a" if q % 2 else "b" for q in range(QUERIES)]
    space = made_space(queries={"group": group})
    result = aw.compare(space, pooled_from(lists), "dot,cosine", runs=run, slices="group")
    assert len(result.slices) == 2
    for part in result.slices:
        assert (part.verdict.decision, part.verdict.measure) == ("use", "live")
        assert (
            "if what nobody judged is not relevant (of the first 10 places " in part.verdict.reason
        )
        assert "for dot, against 0% for live)" in part.verdict.reason
