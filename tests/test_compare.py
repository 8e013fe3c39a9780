"""The conductor: from a space and judgements to a comparison."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from anglewise import (
    Comparison,
    Embeddings,
    Judgements,
    Pairs,
    Space,
    Triplets,
    compare,
    compare_spaces,
)
from anglewise.data_types.complaints import Complaints
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import (
    MissingExtraError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
)


def space_of(queries=40, items=80, seed=0, lengths=3.0, d=8):
    """Queries near some items, whose lengths say nothing about what is near."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((items, d))
    q = x[np.arange(queries) % items] + 0.4 * rng.standard_normal((queries, d))
    stretched = x * rng.uniform(1 / lengths, lengths, (items, 1))
    return Space(queries=Embeddings(q), items=Embeddings(stretched))


def own(space, gains=2.0):
    """Each query was made from one item: that one is relevant; another was judged and is not."""
    rows = np.arange(len(space.queries))
    right, wrong = rows % len(space.items), (rows + 1) % len(space.items)
    values = np.r_[np.full(len(rows), gains), np.zeros(len(rows))]
    return Judgements(
        SparseRows.from_pairs(
            np.r_[rows, rows], np.r_[right, wrong], values, shape=(len(rows), len(space.items))
        )
    )


@pytest.fixture(scope="module")
def compared():
    space = space_of()
    return compare(
        space, own(space), "dot,cosine,euclidean", metrics="R@20", baseline="dot", threads=1
    )


def test_the_angle_is_found_to_matter(compared):
    assert (compared.verdict.decision, compared.verdict.measure) == ("use", "cosine")
    assert str(compared).startswith("Use cosine: nDCG@10 0.")


def test_the_json_is_as_promised(compared):
    told = json.loads(json.dumps(compared.to_dict(), allow_nan=False))
    assert told["command"] == "compare"
    assert set(told) >= {
        "version", "signature", "direction", "metric", "k", "queries", "items", "judged", "seed",
        "measures", "verdict",
    }  # fmt: skip
    assert (told["direction"], told["metric"], told["k"]) == ("queries-items", "nDCG@10", 10)
    assert (told["queries"], told["items"], told["judged"]) == (40, 80, 80)
    best, *others = told["measures"]
    assert set(best) >= {"measure", "metrics", "vs_best", "best_probability", "may_be_best"}
    assert best["vs_best"] is None
    assert set(best["metrics"]) == {"nDCG@10", "R@20"}
    assert set(best["metrics"]["R@20"]) == {"mean", "low", "high"}
    for one in others:
        assert set(one["vs_best"]) == {"difference", "low", "high", "p", "p_adjusted"}
    assert set(told["verdict"]) == {
        "decision", "measure", "tied_with", "needed_queries", "smallest_detectable", "reason",
        "keep", "plans", "leans_to", "undone_by", "estimate", "at_least", "largest_difference",
    }  # fmt: skip


def test_numbers_are_those_of_an_evaluation_by_hand(compared):
    space = compared.evidence.space
    q, x = (side.vectors.astype(float) for side in (space.queries, space.items))
    scores = q @ x.T / np.linalg.norm(x, axis=1)
    rank = (scores > scores[np.arange(40), np.arange(40)][:, None]).sum(axis=1)
    mean = np.where(rank < 10, 1 / np.log2(rank + 2), 0).mean()
    cosine = next(one for one in compared.measures if one.measure == "cosine")
    assert cosine.metrics["nDCG@10"].mean == pytest.approx(mean, abs=1e-9)
    assert cosine.metrics["R@20"].mean == pytest.approx((rank < 20).mean(), abs=1e-9)


def test_the_evidence_is_kept(compared):
    evidence = compared.evidence
    assert evidence.measures == ("dot", "cosine", "euclidean")
    assert evidence.values["nDCG@10"].shape == (3, 40)
    assert evidence.found["dot"].indices.shape == (40, 20)
    assert evidence.rows.tolist() == list(range(40))


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_no_byte(compared, threads):
    space = space_of()
    again = compare(
        space, own(space), "dot,cosine,euclidean", metrics="R@20", baseline="dot", threads=threads
    )
    assert json.dumps(again.to_dict()) == json.dumps(compared.to_dict())


def test_the_order_of_the_measures_changes_no_number(compared):
    space = space_of()
    again = compare(space, own(space), "euclidean,cosine,dot", metrics="R@20", baseline="dot")
    assert again.to_dict()["measures"] == compared.to_dict()["measures"]
    assert again.verdict == compared.verdict


def test_every_setting_is_signed(compared):
    space = space_of()
    judgements = own(space)
    others = [
        compare(space, judgements, "dot,cosine,euclidean", seed=1),
        compare(space, judgements, "dot,cosine,euclidean", tolerance=0.02),
        compare(space, judgements, "dot,cosine"),
        compare(space, judgements, "dot,cosine,euclidean", "RR@10"),
    ]
    assert len({one.signature for one in (*others, compared)}) == 5
    assert "metric:nDCG@10" in compared.signature
    assert " " not in compared.signature


def test_unit_vectors_rank_alike_and_it_is_said_at_once():
    space = space_of()
    unit = Space(
        queries=space.queries,
        items=Embeddings(space.items.vectors / space.items.norms[:, None]),
    )
    result = compare(unit, own(space), "euclidean,cosine,dot,cosine@centred,manhattan")
    assert result.notes[0] == (
        "all vectors have unit length, to within 0.001: all lists of dot, cosine and euclidean are "
        "the same"
    )
    alike = {one.measure: set(one.alike) for one in result.measures}
    assert alike["dot"] == {"cosine", "euclidean"}
    assert alike["cosine@centred"] == alike["manhattan"] == set()
    verdict = compare(unit, own(space), "euclidean,cosine,dot").verdict
    assert (verdict.decision, verdict.measure) == ("tie", "dot")
    assert set(verdict.tied_with) == {"cosine", "euclidean"}


def test_broken_labels_are_said_before_anything_else():
    space = space_of()
    judgements = own(space)
    wrong = Complaints(
        unknown_queries=("q7",), unknown_items=("x", "y", "z"), dropped=9, duplicates=1
    )
    empty = SparseRows.from_pairs(
        np.r_[judgements.gains.rows], judgements.gains.indices,
        np.where(judgements.gains.rows == 3, 0, judgements.gains.values), shape=(40, 80),
    )  # fmt: skip
    notes = compare(space, Judgements(empty, complaints=wrong)).notes
    assert notes[0] == "judgements name query ids that the space does not hold, such as 'q7'"
    assert notes[1].endswith("such as 'x', 'y' and 'z'")
    assert notes[2] == "9 judgements could not be used"
    assert notes[3] == "1 judgement came more than once"
    assert notes[4].startswith("1 judged query without any relevant item")


def test_equal_gains_are_said_of_labels_that_came_so():
    space = space_of()
    rows = np.arange(40)
    gains = SparseRows.from_pairs(rows, rows, np.ones(40), shape=(40, 80))
    given = Judgements(gains, complaints=Complaints(gains_all_equal=True))
    assert any("all gains are 1" in note for note in compare(space, given).notes)
    assert not compare(space, Judgements(gains)).notes


def test_zero_rows_are_counted():
    space = space_of()
    x = space.items.vectors.copy()
    x[[60, 70]] = 0
    result = compare(Space(queries=space.queries, items=Embeddings(x)), own(space))
    assert "2 of 80 items are zero vectors: cosine scores them 0" in result.notes


@pytest.mark.parametrize("queries", [1, 2, 3])
def test_a_few_queries_give_plain_numbers(queries):
    space = space_of(queries)
    result = compare(space, own(space))
    json.dumps(result.to_dict(), allow_nan=False)
    assert result.verdict.decision == "cannot-tell"
    assert any("only" in note for note in result.notes)


def test_where_nothing_is_relevant_nothing_is_compared():
    space = space_of()
    nothing = SparseRows.from_pairs(
        np.arange(40), (np.arange(40) + 40) % 80, np.zeros(40), shape=(40, 80)
    )
    with pytest.raises(TooFewError, match="no judged query has a relevant item"):
        compare(space, Judgements(nothing))
    with pytest.raises(TooFewError, match="no judged query has a relevant item"):
        compare_spaces({"a": space}, Judgements(nothing))
    assert compare(space, Judgements(nothing), metric="Judged@10").verdict.decision


def test_fewer_items_than_the_metric_reads():
    space = space_of(queries=20, items=7)
    result = compare(space, own(space), "dot,cosine", metrics="R@100")
    assert result.evidence.found["dot"].k == 7


def test_what_the_judgements_hide_is_not_found():
    space = space_of()
    judgements = own(space)
    rows = np.arange(40)
    hidden = SparseRows.from_pairs(rows, rows, shape=(40, 80))
    result = compare(space, Judgements(judgements.gains, seen=hidden))
    assert all(one.metrics["nDCG@10"].mean == 0 for one in result.measures)


def test_items_are_judged_against_items():
    space = space_of()
    rows = np.arange(79)
    near = SparseRows.from_pairs(rows, rows + 1, shape=(80, 80))
    result = compare(space, Judgements(near, direction="items-items"), direction="items-items")
    assert (result.direction, result.queries, result.items) == ("items-items", 79, 80)


def graded_pairs(space, noise=0.05, pairs=200, seed=0):
    """Grades that follow the angle."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(len(space.queries), size=pairs), rng.integers(len(space.items), size=pairs)
    q, x = space.queries.vectors[a].astype(float), space.items.vectors[b].astype(float)
    cosine = (q * x).sum(axis=1) / np.linalg.norm(q, axis=1) / np.linalg.norm(x, axis=1)
    return Pairs(a, b, cosine + noise * rng.standard_normal(pairs))


def test_graded_pairs_are_correlated():
    space = space_of()
    result = compare(space, graded_pairs(space), metrics="pearson")
    assert (result.verdict.decision, result.verdict.measure) == ("use", "cosine")
    assert (result.direction, result.k, result.metric, result.queries) == (
        None, None, "spearman", 200,
    )  # fmt: skip
    best = result.measures[0].metrics["spearman"]
    assert 0.9 < best.low < best.mean < best.high <= 1


def test_pairs_are_resampled_each_measure_in_its_place():
    space = space_of()
    fixed = compare(space, graded_pairs(space), "manhattan,dot,cosine", metrics="pearson")
    mixed = compare(space, graded_pairs(space), "norm(0,*),manhattan,dot,cosine", metrics="pearson")
    for one in fixed.measures:
        same = next(other for other in mixed.measures if other.measure == one.measure)
        assert same.metrics == one.metrics
        for estimate in one.metrics.values():
            assert estimate.low < estimate.mean < estimate.high


def test_pairs_have_the_correlation_of_scipy():
    from scipy import stats

    space = space_of()
    pairs = graded_pairs(space)
    dot = (space.queries.vectors[pairs.rows_a] * space.items.vectors[pairs.rows_b]).sum(axis=1)
    result = compare(space, pairs, "cosine,dot", metrics="pearson")
    told = next(one for one in result.measures if one.measure == "dot").metrics
    assert told["spearman"].mean == pytest.approx(stats.spearmanr(dot, pairs.scores)[0], abs=1e-6)
    assert told["pearson"].mean == pytest.approx(stats.pearsonr(dot, pairs.scores)[0], abs=1e-6)


def test_triplets_are_ordered():
    space = space_of()
    anchors = np.arange(40)
    result = compare(space, Triplets(anchors, anchors, (anchors + 7) % 80), "dot,cosine")
    assert result.metric == "triplet-accuracy"
    assert result.measures[0].measure == "cosine"
    assert result.evidence.values["triplet-accuracy"].shape == (2, 40)


def test_one_row_a_measure_in_the_frame(compared):
    frame = compared.to_frame()
    assert frame["measure"].tolist() == [one.measure for one in compared.measures]
    assert frame["R@20"].iloc[0] == compared.measures[0].metrics["R@20"].mean


def test_without_pandas_the_extra_is_named(compared, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"anglewise\[pandas\]"):
        compared.to_frame()
    with pytest.raises(MissingExtraError, match=r"anglewise\[pandas\].*evidence\.values"):
        compared.per_query()


@pytest.mark.parametrize("metric", [None, "r@20"])
def test_the_values_of_the_queries_come_with_their_ids_and_average_to_the_table(compared, metric):
    frame = compared.per_query(metric)
    name = "R@20" if metric else compared.metric
    assert frame.index.tolist() == compared.evidence.space.queries.ids.tolist()
    assert frame.columns.tolist() == [row.measure for row in compared.measures]
    for row in compared.measures:
        own = compared.evidence.measures.index(row.measure)
        assert frame[row.measure].tolist() == compared.evidence.values[name][own].tolist()
        assert frame[row.measure].mean() == pytest.approx(row.metrics[name].mean)


def test_a_metric_that_was_not_evaluated_has_no_values_of_queries(compared):
    with pytest.raises(SpellingError, match=r"RR@5 was not evaluated, but nDCG@10.*metrics='RR@5'"):
        compared.per_query("rr@5")
    with pytest.raises(SpellingError, match="did you mean"):
        compared.per_query("ndgc@10")
    with pytest.raises(ValuesError, match="no evidence"):
        replace(compared, evidence=None).per_query()


def test_of_triplets_and_pairs_a_row_is_one_of_these():
    space, anchors = space_of(), np.arange(40)
    triplets = compare(space, Triplets(anchors, anchors, (anchors + 7) % 80), "dot,cosine")
    frame = triplets.per_query()
    assert frame.index.tolist() == list(range(40))
    assert frame.mean().tolist() == [row.metrics[triplets.metric].mean for row in triplets.measures]


def test_a_notebook_shows_a_table_and_no_markup_of_strangers(compared):
    html = replace(compared, notes=("<script>",))._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert html.count("<tr>") == 4


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"direction": "items-items"}, SpellingError, "judgements are queries-items"),
        ({"baseline": "manhattan"}, SpellingError, "not among the measures"),
        ({"metric": "spearman"}, SpellingError, "spearman"),
        ({"measures": []}, TooFewError, "no measure"),
        ({"measures": "cosin"}, SpellingError, "did you mean"),
    ],
)
def test_what_does_not_fit_is_said(settings, error, words):
    space = space_of()
    with pytest.raises(error, match=words):
        compare(space, own(space), **settings)


def test_no_judgements_are_too_few():
    space = space_of()
    nothing = SparseRows.from_pairs([], [], shape=(40, 80))
    with pytest.raises(TooFewError, match="no query is judged"):
        compare(space, Judgements(nothing))
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(TooFewError):
        compare(space, Pairs(none, none, np.zeros(0)))
    with pytest.raises(TooFewError):
        compare(space, Triplets(none, none, none))


def test_the_face_of_the_room_exports_what_it_returns(compared):
    assert isinstance(compared, Comparison)


@pytest.mark.parametrize("shape", [(80, 80), (20, 80), (40, 50), (40, 90)])
def test_judgements_of_another_space_are_refused(shape):
    rows = np.arange(min(shape))
    judged = Judgements(SparseRows.from_pairs(rows, rows, shape=shape))
    with pytest.raises(ShapeError, match=r"the space \(40, 80\): read them with that space"):
        compare(space_of(), judged, "dot,cosine")
