"""What is judged means what it means to trec_eval: below zero, missing, relevant from, oneself."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import pytrec_eval

import anglewise as aw
from anglewise.comparison.compare_spaces import compare_spaces
from anglewise.comparison.dry_run import check_options
from anglewise.comparison.gates import identity
from anglewise.data_types.evaluation_rules import evaluated_with
from anglewise.errors import FileError, IdsError, SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.breadth import by_stratum
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.pools import Pool, PoolState, lead_bounds
from anglewise.io.judgement_formats import read_judged
from anglewise.judgements.combine import combined
from anglewise.labelling.lint import lint
from anglewise.rag.relevance import gather
from anglewise.remedies.result_cache import content_of
from anglewise.similarity_measures.measure import measures as read_measures
from cli_run import anglewise, refused  # noqa: F401 a fixture

QUERIES, ITEMS, LACKING = 12, 30, 9
THEIRS = {
    "nDCG@5": "ndcg_cut_5",
    "R@5": "recall_5",
    "P@5": "P_5",
    "AP@5": "map_cut_5",
    f"RR@{ITEMS}": "recip_rank",
    f"bpref@{ITEMS}": "bpref",
    f"infAP@{ITEMS}": "infAP",
}
METRIC, *FURTHER = THEIRS


def made(seed=0, *, overlap=0):
    """A space whose first ``overlap`` queries are documents, and grades from -2 to 3 with gaps."""
    rng = np.random.default_rng(seed)
    items = aw.Embeddings(rng.standard_normal((ITEMS, 6)), [f"d{i}" for i in range(ITEMS)])
    asking = rng.standard_normal((QUERIES, 6))
    asking[:overlap] = items.vectors[:overlap]
    ids = [f"d{i}" if i < overlap else f"q{i}" for i in range(QUERIES)]
    space = aw.Space(queries=aw.Embeddings(asking, ids), items=items)
    every = [f"d{i}" for i in range(ITEMS + LACKING)]  # the last ones are not in the space
    judged = {
        query: {
            item: int(grade)
            for item, grade in zip(every, rng.integers(-2, 4, len(every)), strict=True)
            if rng.random() < 0.5 and item != query
        }
        | {f"d{ITEMS - 1}": 0, f"d{ITEMS}": 3}  # trec_eval needs a grade that is not below zero
        for query in ids
    }
    return space, judged


def by_trec_eval(judged, lists, *, level=1):
    """From metric to the values of each query, of lists of ids."""
    score = {
        query: {item: -float(rank) for rank, item in enumerate(lists[query])} for query in lists
    }
    names = {name.replace("_5", ".5") for name in THEIRS.values()}
    judge = pytrec_eval.RelevanceEvaluator(judged, names, relevance_level=level)
    found = judge.evaluate(score)
    return {
        ours: np.array([found[query][theirs] for query in lists]) for ours, theirs in THEIRS.items()
    }


def lists_of(space, measure="cosine", *, without_itself=False):
    """The whole ranking of every query, by id."""
    found = aw.search(space, measure, k=ITEMS)[measure].indices
    ranked = {
        str(query): space.items.ids[rows].tolist()
        for query, rows in zip(space.queries.ids, found, strict=True)
    }
    if without_itself:
        ranked = {
            query: [item for item in items if item != query] for query, items in ranked.items()
        }
    return ranked


def values_of(result, measure="cosine"):
    """From metric to the values of each query, by the number in its id."""
    evidence = result.evidence
    at, ids = evidence.measures.index(measure), evidence.space.queries.ids[evidence.rows]
    order = np.argsort([int(name[1:]) for name in ids])
    return {name: values[at][order] for name, values in evidence.values.items()}


def assert_equal(ours, due):
    for name in THEIRS:
        np.testing.assert_allclose(ours[name], due[name], rtol=0, atol=1e-12, err_msg=name)


def as_file(judged, path):
    lines = [f"{q} 0 {d} {grade}" for q, items in judged.items() for d, grade in items.items()]
    middle = len(lines) // 2
    lines = ["# judged in spring", *lines[:middle], "#q0 0 d1 3", "# a b 1", *lines[middle:], "#"]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("level", [None, 2, 3])
def test_figures_from_a_file_are_those_of_trec_eval(seed, level, tmp_path):
    space, judged = made(seed)
    read = aw.read_judgements(as_file(judged, tmp_path / "qrels.txt"), space, relevant_from=level)
    result = aw.compare(space, read, "cosine,dot", METRIC, metrics=FURTHER)
    assert_equal(values_of(result), by_trec_eval(judged, lists_of(space), level=level or 1))
    assert result.judged == sum(map(len, judged.values()))


@pytest.mark.parametrize("level", [None, 2])
def test_figures_from_memory_are_those_of_trec_eval(level):
    space, judged = made()
    due = by_trec_eval(judged, lists_of(space), level=level or 1)
    triples = [(q, d, grade) for q, items in judged.items() for d, grade in items.items()]
    columns = dict(
        zip(("query_id", "item_id", "gain"), map(list, zip(*triples, strict=True)), strict=True)
    )
    for read in (
        aw.Judgements.from_dict(judged, space),
        aw.Judgements.from_pairs(triples, space),
        aw.Judgements.from_frame(columns, space),
    ):
        result = aw.compare(space, read, "cosine", METRIC, metrics=FURTHER, relevant_from=level)
        assert_equal(values_of(result), due)


def test_figures_from_a_store_are_those_of_trec_eval():
    space, judged = made()
    rows = [
        aw.Judged(query, item, grade, judge="anna", time=0.0)
        for query, items in judged.items()
        for item, grade in items.items()
    ]
    result = aw.compare(
        space, combined(rows, space, "queries-items"), "cosine", METRIC, metrics=FURTHER
    )
    assert_equal(values_of(result), by_trec_eval(judged, lists_of(space)))


@pytest.mark.parametrize("level", [None, 2])
def test_figures_of_several_spaces_are_those_of_trec_eval(level):
    space, judged = made()
    fewer = aw.Space(queries=space.queries, items=space.items.take(np.arange(4, ITEMS)))
    read = {
        "all": aw.Judgements.from_dict(judged, space),
        "few": aw.Judgements.from_dict(judged, fewer),
    }
    result = compare_spaces(
        {"all": space, "few": fewer}, read, "cosine", METRIC, metrics=FURTHER, relevant_from=level
    )
    due = by_trec_eval(judged, lists_of(space), level=level or 1)
    assert_equal(values_of(result, "all: cosine"), due)
    ranked = aw.search(fewer, "cosine", k=ITEMS - 4)["cosine"].indices
    lists = {
        str(query): fewer.items.ids[rows].tolist()
        for query, rows in zip(fewer.queries.ids, ranked, strict=True)
    }
    assert_equal(values_of(result, "few: cosine"), by_trec_eval(judged, lists, level=level or 1))
    assert sum("counted as missed" in note for note in result.notes) == 1


def test_a_space_that_alone_is_judged_counts_what_only_another_space_holds():
    space, judged = made()
    fewer = aw.Space(queries=space.queries, items=space.items.take(np.arange(4, ITEMS)))
    alone = compare_spaces(
        {"few": fewer, "all": space}, aw.Judgements.from_dict(judged, fewer), "cosine", METRIC
    )
    due = by_trec_eval(judged, lists_of(space))[METRIC]
    np.testing.assert_allclose(values_of(alone, "all: cosine")[METRIC], due, atol=1e-12)


def test_without_the_query_itself_figures_are_those_of_trec_eval_on_lists_without_it():
    space, judged = made(overlap=7)
    due = by_trec_eval(judged, lists_of(space, without_itself=True))
    plain = aw.Judgements.from_dict(judged, space)
    result = aw.compare(space, plain, "cosine", METRIC, metrics=FURTHER, not_itself=True)
    assert_equal(values_of(result), due)
    assert "7 queries without the document of the same id" in result.notes
    assert "not-itself:yes" in result.signature
    both = compare_spaces(
        {"old": space, "new": space}, plain, "cosine", METRIC, metrics=FURTHER, not_itself=True
    )
    for name in ("old: cosine", "new: cosine"):
        assert_equal(values_of(both, name), due)
    found = result.evidence.found["cosine"].indices
    assert not (found == np.arange(QUERIES)[:, None])[:7].any()


def test_who_finds_itself_first_is_said_and_who_is_relevant_to_itself_is_not():
    space, judged = made(overlap=7)
    said = "with the item of the same id in first place"
    read = aw.Judgements.from_dict(judged, space)
    notes = aw.compare(space, read, "cosine").notes
    assert [note for note in notes if note.startswith(f"7 queries {said}")]
    own = {query: {**items, query: 1} for query, items in judged.items()}
    notes = aw.compare(space, aw.Judgements.from_dict(own, space), "cosine").notes
    assert not [note for note in notes if said in note]
    space, judged = made()
    notes = aw.compare(space, aw.Judgements.from_dict(judged, space), "cosine").notes
    assert not [note for note in notes if said in note]


def test_what_is_judged_of_a_query_itself_is_dropped_with_it():
    space, judged = made(overlap=7)
    own = {query: {**items, query: 3} for query, items in judged.items()}
    read = aw.Judgements.from_dict(own, space)
    due = evaluated_with(aw.Judgements.from_dict(judged, space), space, not_itself=True)
    left = evaluated_with(read, space, not_itself=True)
    assert left.complaints.dropped == due.complaints.dropped + QUERIES
    np.testing.assert_array_equal(left.gains.values, due.gains.values)
    alone = aw.Judgements.from_dict({"d0": {"d0": 1}}, space)
    with pytest.raises(TooFewError, match="only against itself"):
        evaluated_with(alone, space, not_itself=True)


def test_no_query_is_an_item_or_no_ids_at_all():
    space, judged = made()
    read = aw.Judgements.from_dict(judged, space)
    with pytest.raises(IdsError, match="not one query has the id of an item"):
        aw.compare(space, read, not_itself=True)
    nameless = aw.Space(queries=aw.Embeddings(np.eye(3)), items=aw.Embeddings(np.eye(3)))
    with pytest.raises(IdsError, match="without ids"):
        evaluated_with(aw.Judgements.from_dict({0: {1: 1}}, nameless), nameless, not_itself=True)


def test_all_passages_of_a_query_that_is_a_document_are_left_out():
    rng = np.random.default_rng(0)
    passages = [f"{document}#{part}" for document in "abc" for part in range(3)]
    metadata = {"document": [name[0] for name in passages]}
    vectors = rng.standard_normal((9, 4))
    space = aw.Space(
        queries=aw.Embeddings(vectors[[0, 3]], ["a", "b"]),
        items=aw.Embeddings(vectors, passages, metadata),
    )
    read = aw.Judgements.from_dict({"a": {"b": 1, "c": 0}, "b": {"c": 1}}, space)
    result = aw.compare(space, read, "cosine", "RR@2", not_itself=True)
    assert result.evidence.found["cosine"].indices[:, 0].tolist() != [0, 1]
    assert not (result.evidence.found["cosine"].indices == np.array([[0], [1]])).any()
    assert result.evidence.judgements.seen.counts.tolist() == [3, 3]
    aw.compare(space, read, "cosine,dot", not_itself=True)._repr_html_()


@pytest.mark.parametrize("direction", ["items-items", "queries-queries"])
def test_among_items_or_queries_nobody_finds_itself_anyhow(direction):
    space, _ = made(overlap=7)
    read = aw.Judgements.from_dict({"d0": {"d1": 1}, "d2": {"d3": 1}}, space, direction=direction)
    found = aw.compare(space, read, "cosine").evidence.found["cosine"].indices
    assert not (found == np.array([[0], [2]])).any()
    with pytest.raises(SpellingError, match=f"in {direction} nothing is in its own list"):
        aw.compare(space, read, "cosine", not_itself=True)


def test_missing_items_are_dropped_where_that_is_wanted():
    space, judged = made()
    known = {
        q: {d: g for d, g in items.items() if int(d[1:]) < ITEMS} for q, items in judged.items()
    }
    due = values_of(
        aw.compare(space, aw.Judgements.from_dict(known, space), "cosine", METRIC, metrics=FURTHER)
    )
    lost = sum(map(len, judged.values())) - sum(map(len, known.values()))
    dropped = aw.Judgements.from_dict(judged, space, missing="drop")
    assert (dropped.missing, dropped.complaints.dropped) == (None, lost)
    assert dropped.complaints.unknown_items
    assert_equal(values_of(aw.compare(space, dropped, "cosine", METRIC, metrics=FURTHER)), due)
    counted = aw.Judgements.from_dict(judged, space)
    result = aw.compare(space, counted, "cosine", METRIC, metrics=FURTHER, missing="drop")
    assert_equal(values_of(result), due)
    assert f"{lost:,} judgements could not be used" in result.notes


def test_a_query_all_of_whose_items_are_missing_counts_and_gets_zero():
    space, judged = made()
    judged["q3"] = {"gone": 1, "gone too": 0}
    result = aw.compare(space, aw.Judgements.from_dict(judged, space), "cosine", METRIC)
    assert result.queries == QUERIES
    assert values_of(result)[METRIC][3] == 0
    assert not any("without any relevant item" in note for note in result.notes)
    dropped = aw.Judgements.from_dict(judged, space, missing="drop")
    assert aw.compare(space, dropped, "cosine", METRIC).queries == QUERIES - 1


def test_how_many_are_missing_is_said():
    space, judged = made()
    gone = [g for items in judged.values() for d, g in items.items() if int(d[1:]) >= ITEMS]
    note = (
        f"{len(gone)} judgements of items that the space does not hold; relevant, and so counted "
        f"as missed as in trec_eval: {sum(g > 0 for g in gone)} (--missing drop leaves them out)"
    )
    result = aw.compare(space, aw.Judgements.from_dict(judged, space))
    assert note in result.notes
    assert f"missing:{len(gone)}" in result.signature
    found = lint(space, aw.Judgements.from_dict(judged, space)).to_dict()["findings"]
    unknown = next(one for one in found if one["check"] == "unknown ids")
    assert unknown["numbers"]["dropped"] == len(gone)


def test_of_a_missing_pair_that_repeats_the_highest_grade_counts():
    space, _ = made()
    pairs = [("q0", "gone", 1), ("q0", "gone", 3), ("q0", "d1", 1)]
    read = aw.Judgements.from_pairs(pairs, space)
    assert (read.missing.values.tolist(), read.complaints.duplicates) == ([3.0], 1)


def test_strata_of_items_know_nothing_of_missing_ones():
    space, judged = made()
    read = aw.Judgements.from_dict(judged, space)
    found = aw.search(space, "cosine", k=ITEMS)
    rows, uses = np.arange(QUERIES), np.ones(ITEMS)
    (with_missing, *_), (without, *_) = (
        [part for part in by_stratum(found, labels, rows, f"R@{ITEMS}", uses) if part.queries]
        for labels in (read, read.without_missing())
    )
    assert vars(with_missing) == vars(without)
    assert with_missing.means["cosine"] == 1.0


def test_bounds_and_expectations_of_the_unjudged_divide_by_the_missing_too():
    space, judged = made()
    read = aw.Judgements.from_dict(judged, space)
    found = aw.search(space, "cosine,dot", k=5)
    rows = np.arange(QUERIES)
    means = evaluate(found, read, rows, "nDCG@5")["nDCG@5"].mean(axis=1)
    whole = aw.Judgements.from_dict(
        {
            q: {d: items.get(d, 0) for d in {*space.items.ids, *items}}
            for q, items in judged.items()
        },
        space,
    )
    pool = Pool.of(found, whole, rows, 5)
    low, high = lead_bounds(pool, whole, rows, 5)[0, 1]
    assert low == pytest.approx(means[0] - means[1]) == high
    assert PoolState.of(pool, whole, rows, 5).means == pytest.approx(means)


def test_what_a_run_is_known_again_by_holds_missing_items_and_the_level():
    space, judged = made()
    read = aw.Judgements.from_dict(judged, space)
    variants = [
        read,
        read.without_missing(),
        replace(read, relevant_from=2),
    ]
    digests = [identity(aw.compare(space, labels, "cosine")).judgements for labels in variants]
    assert len(set(digests)) == 3
    assert len({content_of(space, labels) for labels in variants}) == 3
    every = aw.Space(
        queries=space.queries,
        items=aw.Embeddings(
            np.ones((ITEMS + LACKING, 6)), [f"d{i}" for i in range(ITEMS + LACKING)]
        ),
    )
    again = identity(aw.compare(every, aw.Judgements.from_dict(judged, every), "cosine"))
    assert again.judgements == digests[0]  # the judgements are the same, whatever an index lost


def test_a_space_folder_keeps_missing_items_and_how_they_are_read(tmp_path):
    space, judged = made(overlap=7)
    read = evaluated_with(
        aw.Judgements.from_dict(judged, space), space, relevant_from=2, not_itself=True
    )
    for _ in range(2):  # the second replaces the first
        aw.write_space(space, tmp_path / "space", judgements={"queries-items": read})
    again = aw.read_judgements(tmp_path / "space", aw.read_space(tmp_path / "space"))
    assert (again.relevant_from, again.not_itself) == (2, True)
    first, second = (
        values_of(aw.compare(space, one, "cosine", METRIC, metrics=FURTHER))
        for one in (read, again)
    )
    assert_equal(first, second)
    assert np.diff(again.gains.indptr).tolist() == np.diff(read.gains.indptr).tolist()


def test_remedies_are_judged_by_the_same_rules():
    space, judged = made(overlap=7)
    read = evaluated_with(
        aw.Judgements.from_dict(judged, space), space, relevant_from=2, not_itself=True
    )
    result = aw.remedy(space, read, "cosine@centred", METRIC).comparison
    due = by_trec_eval(judged, lists_of(space, without_itself=True), level=2)[METRIC]
    at = result.evidence.measures.index("cosine")
    np.testing.assert_allclose(
        result.evidence.values[METRIC][at], due[result.evidence.rows], atol=1e-12
    )


def test_calibration_reads_the_level_and_leaves_the_query_itself_out():
    space, judged = made(overlap=7)
    read = evaluated_with(
        aw.Judgements.from_dict(judged, space), space, relevant_from=2, not_itself=True
    )
    scored = gather(aw.Index(space, "cosine"), space, read, 5)
    lists = lists_of(space, without_itself=True)
    due = [judged[query].get(item, 0) >= 2 for query in lists for item in lists[query][:5]]
    assert scored.relevant.tolist() == due


@pytest.mark.parametrize("grade", [0.0, -1.0, float("nan"), float("inf")])
def test_a_level_is_a_positive_number(grade):
    space, judged = made()
    with pytest.raises(ValuesError, match="relevant_from is"):
        aw.compare(space, aw.Judgements.from_dict(judged, space), relevant_from=grade)


def test_a_level_between_grades_is_the_next_grade():
    space, judged = made()
    read = aw.Judgements.from_dict(judged, space)
    values = [
        values_of(aw.compare(space, read, "cosine", METRIC, metrics=FURTHER, relevant_from=level))
        for level in (1.5, 2)
    ]
    assert_equal(*values)


def test_queries_without_an_item_of_that_grade_are_counted():
    space, judged = made()
    judged["q1"] = {"d1": 1, "d2": 0}
    judged["q2"] = {"d1": 0, "d2": 0}
    read = aw.Judgements.from_dict(judged, space)
    notes = aw.compare(space, read, relevant_from=2).notes
    assert "1 judged query without any relevant item: every measure gets 0" in notes
    [note] = [note for note in notes if note.startswith("relevant to R, P, RR")]
    assert "grades from 2 on" in note
    assert "2 judged queries without any of them" in note


def test_on_the_command_line_figures_are_those_of_trec_eval(anglewise, tmp_path):  # noqa: F811
    space, judged = made(overlap=7)
    np.save(tmp_path / "q.npy", space.queries.vectors)
    np.save(tmp_path / "d.npy", space.items.vectors)
    (tmp_path / "q.txt").write_text("\n".join(space.queries.ids) + "\n")
    (tmp_path / "d.txt").write_text("\n".join(space.items.ids) + "\n")
    as_file(judged, tmp_path / "qrels.txt")
    files = [
        *("--queries", tmp_path / "q.npy", "--query-ids", tmp_path / "q.txt"),
        *("--items", tmp_path / "d.npy", "--item-ids", tmp_path / "d.txt"),
        *("--qrels", tmp_path / "qrels.txt", "--measures", "cosine", "--json", "-"),
        *("--metric", METRIC, "--metrics", ",".join(FURTHER)),
    ]
    cases = {
        (): (lists_of(space), 1),
        ("--relevant-from", "2"): (lists_of(space), 2),
        ("--not-itself",): (lists_of(space, without_itself=True), 1),
    }
    for options, (lists, level) in cases.items():
        done = anglewise("compare", *files, *options)
        assert done.code == 0, done.err
        [row] = json.loads(done.out)["measures"]
        due = by_trec_eval(judged, lists, level=level)
        for name in THEIRS:
            assert row["metrics"][name]["mean"] == pytest.approx(due[name].mean(), abs=1e-12)
        assert "qrels.txt: 4 lines of comments, which begin with #" in done.err
    dropped = json.loads(anglewise("compare", *files, "--missing", "drop").out)
    assert any("could not be used" in note for note in dropped["notes"])


@pytest.mark.parametrize(
    "options", [["--not-itself"], ["--missing", "drop"], ["--relevant-from", "2"]]
)
def test_pairs_and_triplets_have_no_such_rules(anglewise, options, tmp_path):  # noqa: F811
    np.save(tmp_path / "v.npy", np.eye(4, dtype=np.float32))
    (tmp_path / "pairs.csv").write_text("id_a,id_b,score\n0,1,3\n0,2,1\n1,3,2\n")
    done = anglewise("compare", tmp_path / "pairs.csv", "--items", tmp_path / "v.npy", *options)
    assert refused(done, "are of graded relevance")


@pytest.mark.parametrize("metric", ["R@5", "AP@5", "bpref@9", "P@3"])
def test_nothing_is_decided_where_no_grade_reaches_the_level(metric):
    """Every measure gets 0 then: a tie of nothing would be a verdict, a plan, a gate that holds."""
    space, judged = made()
    read = aw.Judgements.from_dict(judged, space)
    highest = read.gains.values.max()
    due = f"no grade reaches 9, .* relevant to {metric}.* the highest is {highest:g}"
    rules = replace(read, relevant_from=9)
    for refuses in (
        lambda: aw.compare(space, read, "dot,cosine", metric=metric, relevant_from=9),
        lambda: compare_spaces({"a": space}, read, "dot", metric, relevant_from=9),
        lambda: aw.remedy(space, rules, metric=metric),
        lambda: check_options(
            space,
            rules,
            read_measures("dot"),
            metric=metric,
            metrics=(),
            tolerance=None,
            largest_difference=1.0,
            baseline=None,
            split="queries",
            largest_group=None,
            slices=(),
            seed=0,
        ),
    ):
        with pytest.raises(TooFewError, match=due):
            refuses()
    aw.compare(space, read, "dot,cosine", metric=metric, relevant_from=highest)
    aw.compare(space, read, "dot,cosine", metric="nDCG@5", relevant_from=9)  # it takes grades


COMMENTS = [
    "# made by hand\nq0 0 d1 2\nq1 0 d2 0\n",
    "\n#\n\n# q0 0 d1 9\nq0 0 d1 2\nq1 0 d2 0\n",
    "q0 0 d1 2\n# a comment\nq1 0 d2 0\n",
    "q0 0 d1 2\nq1 0 d2 0\n# the end",
    "\ufeff# with a mark\r\nq0 0 d1 2\r\n#\r\nq1 0 d2 0\r\n",
    "#1 0 d1 2\nq0\t0\td1\t2\nq1\t0\td2\t0\n",
    '# "quoted\nq0 0 d1 2\nq1 0 d2 0\n',
]


@pytest.mark.parametrize("text", COMMENTS)
def test_lines_that_begin_with_a_hash_are_comments_in_qrels(text, tmp_path):
    space, _ = made()
    path = tmp_path / "qrels.txt"
    path.write_bytes(text.encode())
    said = []
    read = aw.read_judgements(path, space, say=said.append)
    assert read.gains.values.tolist() == [2, 0]
    assert any("comments, which begin with #" in sentence for sentence in said)
    (tmp_path / "bad.txt").write_text("# one\nq0 0 d1 2\n# two\nq1 0 d2 high\n")
    with pytest.raises(ValuesError, match="line 4"):
        aw.read_judgements(tmp_path / "bad.txt", space)


@pytest.mark.parametrize("text", COMMENTS)
def test_comments_are_no_judgements_to_import(text, tmp_path):
    path = tmp_path / "qrels.txt"
    path.write_bytes(text.encode())
    file = read_judged(path)
    assert [(row.query_id, row.item_id, row.grade) for row in file.judged] == [
        ("q0", "d1", 2),
        ("q1", "d2", 0),
    ]
    assert (file.form, list(file.skipped), file.rejects) == ("trec", ["lines of comments"], ())


@pytest.mark.parametrize(
    "text",
    [
        "# made by hand\nquery_id,item_id,gain\nq0,d1,2\n",
        "query_id,item_id,gain\nq0,d1,2\n# the end\n",
        "# three columns\nq0 d1 1\n",
    ],
)
def test_in_other_tables_comments_are_refused_by_that_name(text, tmp_path):
    space, _ = made()
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(FileError, match="comment"):
        aw.read_judgements(tmp_path / "labels.csv", space)


def test_an_id_may_begin_with_a_hash_in_a_table(tmp_path):
    space = aw.Space(
        queries=aw.Embeddings(np.eye(2), ["#a", "#b"]), items=aw.Embeddings(np.eye(2), ["x", "y"])
    )
    (tmp_path / "tags.csv").write_text("query_id,item_id,gain\n#a,x,2\n#b,y,1\n")
    assert aw.read_judgements(tmp_path / "tags.csv", space).gains.values.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("metric", "fits", "too_high"),
    [("nDCG(exp)@10", 1000, 1001), ("nDCG(exp)@10", 900, 2000), ("nDCG@10", 1e100, 1e101)],
)
def test_grades_whose_gains_cannot_be_added_up_are_refused(metric, fits, too_high):
    space, judged = made()
    judged["q0"]["d0"] = fits
    result = aw.compare(space, aw.Judgements.from_dict(judged, space), "cosine,dot", metric)
    assert all(np.isfinite(row.metrics[metric].mean) for row in result.measures)
    for place in ("d0", "gone"):
        judged["q0"][place] = too_high
        with pytest.raises(ValuesError, match="adds up gains of grades up to"):
            aw.compare(space, aw.Judgements.from_dict(judged, space), "cosine", metric)
        judged["q0"][place] = fits
    judged["q0"]["d0"] = too_high
    read = aw.Judgements.from_dict(judged, space)
    assert np.isfinite(values_of(aw.compare(space, read, "cosine", "AP@10"))["AP@10"]).all()


def graded_pairs(scores):
    """A line of points, all of one direction, and pairs of neighbours with scores."""
    space = aw.Space(items=aw.Embeddings(np.arange(1.0, len(scores) + 2)[:, None] ** 2))
    rows = np.array(list(pairwise(range(len(scores) + 1))))
    return space, aw.Pairs(rows[:, 0], rows[:, 1], np.array(scores, dtype=float))


@pytest.mark.parametrize("metric", ["spearman", "pearson"])
def test_a_correlation_with_a_constant_is_not_defined_and_refused(metric):
    space, pairs = graded_pairs([3, 3, 3, 3, 3])
    with pytest.raises(ValuesError, match=rf"people gave are equal \(3\), so {metric} is not"):
        aw.compare(space, pairs, "dot", metric)
    space, pairs = graded_pairs([1, 2, 4, 3, 5])
    with pytest.raises(ValuesError, match=rf"by cosine are equal, so {metric} is not defined"):
        aw.compare(space, pairs, "dot,cosine", metric)
    with pytest.raises(ValuesError, match="pearson is not defined"):
        aw.compare(space, pairs, "dot,cosine", "pearson", metrics="spearman")
    assert aw.compare(space, pairs, "dot,euclidean", metric).measures[0].metrics[metric].mean > 0


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1, 1e150, 1e300])
def test_pearson_knows_no_scale(scale):
    from anglewise.evaluation_metrics.metrics import Pearson

    x, y = np.array([[1.0, 4, 2, 8], [3, 1, 4, 1]]), np.array([1.0, 2, 2, 5])
    due = [np.corrcoef(row, y)[0, 1] for row in x]
    np.testing.assert_allclose(Pearson().of(x * scale, y), due, atol=1e-12)
    np.testing.assert_allclose(Pearson().of(x, y * scale), due, atol=1e-12)
    np.testing.assert_allclose(Pearson().per_pair(x * scale, y).mean(axis=1), due, atol=1e-12)


def test_one_judged_case_worked_by_hand():
    """Two relevant items, at ranks 2 and 5; one judged wrong above both, one not drawn between."""
    space = aw.Space(
        queries=aw.Embeddings([[1.0]], ["q"]),
        items=aw.Embeddings(np.arange(5.0, 0, -1)[:, None], list("abcde")),
    )
    judged = {"q": {"a": 0, "b": 1, "c": -1, "e": 1, "gone": 1}}
    result = aw.compare(
        space, aw.Judgements.from_dict(judged, space), "dot", "infAP@5", metrics="bpref@5,R@5"
    )
    due = by_trec_eval({"q": judged["q"]}, {"q": list("abcde")})
    row = {name: estimate.mean for name, estimate in result.measures[0].metrics.items()}
    assert row["bpref@5"] == pytest.approx(due[f"bpref@{ITEMS}"][0]) == 0.0
    assert row["R@5"] == pytest.approx(2 / 3)
    precision = [
        (1 + 1 * 1e-5 / (1 + 2e-5)) / 2,
        (1 + 3 * (1 + 1e-5) / (2 + 2e-5)) / 5,
    ]
    assert row["infAP@5"] == pytest.approx(sum(precision) / 3) == due[f"infAP@{ITEMS}"][0]
