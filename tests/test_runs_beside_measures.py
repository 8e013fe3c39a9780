"""Runs are judged as measures are: what no list may hold, ties, passages, floors, histories."""

from dataclasses import replace

import numpy as np
import pytest
import pytrec_eval

import anglewise as aw
from anglewise.comparison.gates import check
from anglewise.comparison.history import History, rows_of
from anglewise.data_types.drawn import LOT, QueryDraw
from anglewise.errors import IdsError, SpellingError, ValuesError
from anglewise.io.runs import append_history, read_history
from cli_run import anglewise, refused  # noqa: F401 a fixture

QUERIES, ITEMS = 40, 60


def made_space(items=ITEMS, seed=0, **metadata):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ITEMS, 6))
    asking = x[:QUERIES] + rng.normal(size=(QUERIES, 6))
    return aw.Space(
        queries=aw.Embeddings(asking, ids=[f"q{i}" for i in range(QUERIES)]),
        items=aw.Embeddings(
            x[:items], ids=[f"d{i}" for i in range(items)], metadata=metadata or None
        ),
    )


def mean_of(result, name):
    return next(row.metrics[result.metric].mean for row in result.measures if row.measure == name)


def nearest(space, direction, k):
    """The lists of an external index that leaves nothing out, by cosine."""
    asking, ranked = space.sides(direction)
    unit = [
        side.vectors / np.linalg.norm(side.vectors, axis=1)[:, None] for side in (asking, ranked)
    ]
    scores = unit[0] @ unit[1].T
    return {
        str(name): {str(ranked.ids[i]): float(row[i]) for i in np.argsort(-row)[:k]}
        for name, row in zip(asking.ids, scores, strict=True)
    }


def test_an_item_that_lists_itself_is_left_out_as_from_every_measure():
    space = aw.Space(items=made_space().items)
    rng = np.random.default_rng(1)
    gains = {
        f"d{i}": {f"d{j}": 1 for j in rng.permutation(ITEMS)[:6] if j != i} for i in range(ITEMS)
    }
    judged = aw.Judgements.from_dict(gains, space, direction="items-items")
    run = aw.Run.from_dict(nearest(space, "items-items", 30), "index")
    assert run["d3"][0][0] == "d3"
    result = aw.compare(space, judged, "cosine", runs=run)
    assert mean_of(result, "index") == mean_of(result, "cosine")
    assert any("the query itself: left out" in note for note in result.notes)


def lacking():
    """A space without half of what is relevant, and a run that lists all of it first."""
    space = made_space(items=50)
    gains = {f"q{q}": {f"d{q}": 1, f"new{q}": 1, f"d{(q + 7) % 50}": 0} for q in range(QUERIES)}
    run = aw.Run.from_dict(
        {f"q{q}": {f"new{q}": 3, f"d{q}": 2, f"d{(q + 20) % 50}": 1} for q in range(QUERIES)}, "big"
    )
    return space, aw.Judgements.from_dict(gains, space), run


def test_what_is_dropped_from_the_judgements_leaves_the_lists_of_runs_too():
    space, judged, run = lacking()
    dropped = aw.compare(space, judged, "dot", runs=run, missing="drop")
    assert mean_of(dropped, "big") == 1.0
    assert any("left out of its lists" in note and "'new0'" in note for note in dropped.notes)
    assert not any("none of which anybody judged" in note for note in dropped.notes)
    counted = aw.compare(space, judged, "dot", runs=run)
    assert mean_of(counted, "big") == 1.0
    assert mean_of(counted, "dot") < mean_of(dropped, "dot")


def test_a_run_changes_nothing_of_what_is_said_of_the_measures():
    space, judged, run = lacking()
    alone, beside = (aw.compare(space, judged, "dot", runs=runs) for runs in ((), run))
    assert beside.items == alone.items == 50
    note = next(note for note in alone.notes if "items that the space does not hold" in note)
    assert note in beside.notes
    assert "missing:40" in beside.signature
    rows = [next(row for row in r.measures if row.measure == "dot") for r in (alone, beside)]
    assert rows[0].coverage == rows[1].coverage


def cut(seed, noise):
    """Forty documents of three passages each."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(40, 6)), 3, axis=0) + 0.5 * rng.normal(size=(120, 6))
    asking = x[::3] + noise * np.random.default_rng(seed).normal(size=(40, 6))
    return aw.Space(
        queries=aw.Embeddings(asking, ids=[f"q{i}" for i in range(40)]),
        items=aw.Embeddings(
            x,
            ids=[f"doc{i // 3}#{i % 3}" for i in range(120)],
            metadata={"document": [f"doc{i // 3}" for i in range(120)]},
        ),
    )


def test_a_run_of_passages_counts_alike_beside_one_space_and_several():
    spaces = {"a": cut(1, 0.5), "b": cut(2, 0.6)}
    judged = aw.Judgements.from_dict({f"q{i}": {f"doc{i}": 1} for i in range(40)}, spaces["a"])
    run = aw.Run.from_dict(nearest(spaces["a"], "queries-items", 60), "passages")
    one = aw.compare(spaces["a"], judged, "dot", runs=run)
    several = aw.compare_spaces(spaces, judged, "dot", runs=run)
    assert mean_of(several, "passages") == mean_of(one, "passages") > 0.5


def test_a_passage_of_two_documents_is_refused():
    other = cut(2, 0.6)
    documents = [f"doc{(i // 3 + 1) % 40}" for i in range(120)]
    items = aw.Embeddings(other.items.vectors, other.items.ids, {"document": documents})
    spaces = {"a": cut(1, 0.5), "b": aw.Space(queries=other.queries, items=items)}
    judged = aw.Judgements.from_dict({f"q{i}": {f"doc{i}": 1} for i in range(40)}, spaces["a"])
    run = aw.Run.from_dict({f"q{i}": {f"doc{i}#1": 1} for i in range(40)}, "passages")
    with pytest.raises(IdsError, match=r"doc0#1'.* is of 'doc0' in one space and of 'doc1'"):
        aw.compare_spaces(spaces, judged, "dot", runs=run)


def tied(order):
    """Scores of three levels only, their items in some order."""
    rng = np.random.default_rng(3)
    levels = {f"d{i}": float(rng.integers(3)) for i in range(ITEMS)}
    return {f"q{q}": {item: levels[item] for item in order(q)} for q in range(QUERIES)}


@pytest.mark.parametrize("metric", ["nDCG@10", "AP@60", "RR@10"])
def test_equal_scores_stand_in_the_order_of_trec_eval_whatever_the_order_of_the_file(metric):
    items = [f"d{i}" for i in range(ITEMS)]
    gains = {f"q{q}": {f"d{(7 * q + i) % ITEMS}": 1 for i in range(5)} for q in range(QUERIES)}
    names = {"nDCG@10": "ndcg_cut_10", "AP@60": "map_cut_60", "RR@10": "recip_rank"}
    orders = [
        lambda q: sorted(items, key=lambda item: item not in gains[f"q{q}"]),
        lambda q: sorted(items, key=lambda item: item in gains[f"q{q}"]),
        lambda _: items,
    ]
    if metric == "RR@10":
        names["RR@10"] = "recip_rank"
        orders = orders[:1]
    means = {
        mean_of(aw.compare_runs([aw.Run.from_dict(tied(order), "r")], gains, metric), "r")
        for order in orders
    }
    assert len(means) == 1
    lists = {q: dict(sorted(row.items())) for q, row in tied(orders[0]).items()}
    values = pytrec_eval.RelevanceEvaluator(gains, {names[metric]}).evaluate(lists).values()
    theirs = np.mean([value[names[metric]] for value in values])
    if metric != "RR@10":  # which trec_eval does not cut
        assert means.pop() == pytest.approx(theirs, abs=1e-12)


def test_ranks_order_equal_scores_where_a_run_gives_them():
    run = aw.Run.from_columns("r", ["q", "q", "q"], ["a", "c", "b"], [1, 1, 1], [2, 1, 3])
    assert [item for item, _ in run["q"]] == ["c", "a", "b"]
    same = aw.Run.from_columns("r", ["q", "q", "q"], ["a", "c", "b"], [1, 1, 1], [1, 1, 1])
    assert [item for item, _ in same["q"]] == ["c", "b", "a"]


def remembered(tmp_path, *results):
    tmp_path.mkdir(exist_ok=True)
    for result in results:
        append_history(tmp_path / "h.parquet", rows_of(result))
    return History(read_history(tmp_path / "h.parquet"))


def test_several_spaces_and_a_run_are_remembered(tmp_path):
    space = made_space()
    judged = aw.Judgements.from_dict({f"q{q}": {f"d{q}": 1} for q in range(QUERIES)}, space)
    run = aw.Run.from_dict(nearest(space, "queries-items", 30), "index")
    result = aw.compare_spaces({"a": space, "b": made_space(seed=0)}, judged, "dot", runs=run)
    history = remembered(tmp_path, result)
    assert history.last(result, "index").mean == mean_of(result, "index")
    assert check(result, "index>=last-0.01", history).passed


def test_a_run_is_not_known_again_as_a_measure_that_is_called_alike(tmp_path):
    space = made_space()
    judged = aw.Judgements.from_dict({f"q{q}": {f"d{q}": 1} for q in range(QUERIES)}, space)
    run = aw.Run.from_dict(nearest(space, "queries-items", 30), "dot")
    before = aw.compare_spaces({"a": space}, judged, "dot")
    plain = aw.compare(space, judged, "dot")
    external = aw.compare(space, judged, "cosine", runs=run)
    for earlier in (before, plain):
        history = remembered(tmp_path / earlier.measures[0].measure.replace(": ", "-"), earlier)
        with pytest.raises(SpellingError, match="of dot by"):
            history.last(external, "dot")


def test_a_run_that_is_called_like_a_floor_takes_no_floor_away():
    rng = np.random.default_rng(4)
    words = rng.permutation([f"word{i}" for i in range(ITEMS)])
    space = made_space(text=words.tolist())
    asking = aw.Embeddings(
        space.queries.vectors, space.queries.ids, {"text": words[:QUERIES].tolist()}
    )
    space = aw.Space(queries=asking, items=space.items)
    judged = aw.Judgements.from_dict({f"q{q}": {f"d{q}": 1} for q in range(QUERIES)}, space)
    bad = {f"q{q}": {f"d{(q + 1) % ITEMS}": 1} for q in range(QUERIES)}
    floors = {}
    for name in ("other", "bm25", "random"):
        result = aw.compare(space, judged, "dot", runs=aw.Run.from_dict(bad, name))
        floors[name] = {floor.name: floor.mean for floor in result.floors}
        assert "is better than every measure here" in result.verdict.reason
    assert floors["other"] == {"random": pytest.approx(0, abs=0.3), "bm25": 1.0}
    assert floors["bm25"]["bm25 without a model"] == 1.0
    assert set(floors["random"]) == {"random without a model", "bm25"}


def test_fusions_are_the_same_whatever_the_order_of_rows():
    """Vectors and words each find what is relevant of some queries; else their first places tie."""
    rng = np.random.default_rng(2)
    x, found = rng.normal(size=(ITEMS, 8)), rng.random((2, QUERIES)) < 0.6
    other = rng.integers(QUERIES, ITEMS, size=QUERIES)
    asked = np.where(found[0], np.arange(QUERIES), other)
    words = np.where(found[1], np.arange(QUERIES), other[::-1])
    means = set()
    for rows in (np.arange(ITEMS), np.arange(ITEMS)[::-1], rng.permutation(ITEMS)):
        about = {"text": [f"word{i}" for i in rows]}
        items = aw.Embeddings(x[rows], [f"d{i}" for i in rows], about)
        queries = aw.Embeddings(
            x[asked], [f"q{q}" for q in range(QUERIES)], {"text": [f"word{i}" for i in words]}
        )
        space = aw.Space(queries=queries, items=items)
        judged = aw.Judgements.from_dict({f"q{q}": {f"d{q}": 1} for q in range(QUERIES)}, space)
        fused = "fusion(bm25,cosine),weighted(bm25,cosine)"
        result = aw.compare(space, judged, f"cosine,bm25,{fused}")
        means.add(tuple(sorted((r.measure, r.metrics["nDCG@10"].mean) for r in result.measures)))
    assert len(means) == 1


@pytest.mark.parametrize("order", [lambda x: x, lambda x: x[::-1]])
def test_words_that_tie_stand_in_the_order_of_ids_whatever_the_order_of_rows(order):
    rows = order(list(range(ITEMS)))
    x = np.random.default_rng(0).normal(size=(ITEMS, 6))
    about = [f"kind{i % 4}" for i in range(ITEMS)]
    items = aw.Embeddings(
        x[rows], ids=[f"d{i:02}" for i in rows], metadata={"text": [about[i] for i in rows]}
    )
    queries = aw.Embeddings(
        x[:QUERIES],
        ids=[f"q{i}" for i in range(QUERIES)],
        metadata={"text": [about[i] for i in range(QUERIES)]},
    )
    space = aw.Space(queries=queries, items=items)
    judged = aw.Judgements.from_dict({f"q{q}": {f"d{q:02}": 1} for q in range(QUERIES)}, space)
    result = aw.compare(space, judged, "dot,bm25", "RR@10")
    lists = result.evidence.found["bm25"].indices
    assert [str(items.ids[i]) for i in lists[1]] == [f"d{i:02}" for i in range(1, 41, 4)]
    [bm25] = [f.mean for f in aw.compare(space, judged, "dot", "RR@10").floors if f.name == "bm25"]
    assert bm25 == pytest.approx(mean_of(result, "bm25"))


def drawn_by_lot(pool, share=0.4, seed=0):
    """Judgements of some of the pairs that the lists of a pool show, with their chances."""
    from anglewise.judgements.combine import combined

    space, rng = made_space(kind=["a", "b"] * (ITEMS // 2)), np.random.default_rng(seed)
    lists = [aw.search(space, name, k=10)[name].indices for name in pool]
    rows = [
        aw.Judged(
            f"q{q}", f"d{item}", int(item == q) * 2, "anna", probability=share, context={LOT: "a"}
        )
        for q in range(QUERIES)
        for item in sorted({int(i) for its in lists for i in its[q]})
        if rng.random() < share
    ]
    return space, combined(rows, space, "queries-items")


def test_a_list_that_had_no_part_in_the_draw_is_refused():
    space, judged = drawn_by_lot(["dot", "cosine"])
    aw.compare(space, judged, "dot,cosine", "DCG(sampled)@10")
    reversed_lists = {
        f"q{q}": {f"d{(q + 30 + i) % ITEMS}": 10.0 - i for i in range(10)} for q in range(QUERIES)
    }
    run = aw.Run.from_dict(reversed_lists, "other")
    for compared in (
        lambda: aw.compare(space, judged, "dot", "DCG(sampled)@10", runs=run),
        lambda: aw.compare_spaces({"a": space}, judged, "dot", "DCG(sampled)@10", runs=run),
    ):
        with pytest.raises(ValuesError, match="other had no full part in the draw by lot"):
            compared()
    aw.compare(space, judged, "dot", "nDCG@10", runs=run)
    with pytest.raises(ValuesError, match="other had no full part"):
        aw.compare(space, judged, "dot", "nDCG@10", metrics="DCG(sampled)@10", runs=run)


@pytest.mark.parametrize("seed", range(20))
def test_lists_that_were_pooled_are_not_refused(seed):
    space, judged = drawn_by_lot(["dot", "cosine"], seed=seed)
    aw.compare(space, judged, "dot,cosine", "DCG(sampled)@10")


def test_groups_of_items_are_refused_where_pairs_came_by_lot():
    space, judged = drawn_by_lot(["dot"])
    with pytest.raises(SpellingError, match="drawn by lot"):
        aw.compare(space, judged, "dot", "DCG(sampled)@10", slices=["kind"])


def test_empty_lists_are_told_of_whatever_made_them():
    space = made_space(text=["one word"] * ITEMS)
    asking = aw.Embeddings(
        space.queries.vectors, space.queries.ids, {"text": ["one", "none"] * (QUERIES // 2)}
    )
    space = aw.Space(queries=asking, items=space.items)
    judged = aw.Judgements.from_dict({f"q{q}": {f"d{q}": 1} for q in range(QUERIES)}, space)
    run = aw.Run.from_dict({f"q{q}": {} if q % 4 else {"d1": 1} for q in range(QUERIES)}, "shop")
    notes = aw.compare(space, judged, "dot,bm25", runs=run).notes
    assert any(
        note.startswith("bm25 has no list for 20 of 40 judged queries, such as 'q1'")
        for note in notes
    )
    assert any(note.startswith("shop has no list for 30 of 40 judged queries") for note in notes)
    floors = aw.compare(space, judged, "dot").floor_notes
    assert any(note.startswith("bm25 has no list for 20 of 40 judged queries") for note in floors)


def test_a_floor_that_had_no_part_in_what_was_judged_is_not_said_to_be_beaten():
    rng = np.random.default_rng(4)
    words = rng.permutation([f"word{i}" for i in range(ITEMS)]).tolist()
    space = made_space(text=words)
    texts = {"text": [words[(q + 30) % ITEMS] for q in range(QUERIES)]}
    asking = aw.Embeddings(space.queries.vectors, space.queries.ids, texts)
    space = aw.Space(queries=asking, items=space.items)
    pool = aw.search(space, "dot", k=10)["dot"].indices
    gains = {f"q{q}": {f"d{i}": int(i == q) for i in pool[q]} for q in range(QUERIES)}
    result = aw.compare(space, aw.Judgements.from_dict(gains, space), "dot", "R@10")
    bm25 = next(floor for floor in result.floors if floor.name == "bm25")
    assert bm25.unjudged_share > 0.7
    assert any("whether anything here beats it is not known" in note for note in result.floor_notes)
    lists = {f"q{q}": {f"d{i}": 1 for i in pool[q] if i != q} for q in range(QUERIES)}
    wrong = aw.Run.from_dict(lists, "wrong")
    kept = aw.compare(
        space,
        aw.Judgements.from_dict(gains, space),
        "dot",
        "R@10",
        runs=wrong,
        baseline="wrong",
        tolerance=0.95,
    )
    assert kept.verdict.measure == "wrong"
    assert "dot is shown to beat random (R@10 0.100), and wrong is not" in kept.verdict.reason
    assert any("whether anything here beats it is not known" in note for note in kept.floor_notes)


def test_use_is_not_known_of_what_only_runs_name():
    space, judged, run = lacking()
    used = aw.Embeddings(
        space.items.vectors, space.items.ids, {"popularity": list(range(50, 0, -1))}
    )
    space = aw.Space(queries=space.queries, items=used)
    alone, beside = (aw.compare(space, judged, "dot", runs=runs) for runs in ((), run))
    rows = [next(row for row in r.measures if row.measure == "dot") for r in (alone, beside)]
    assert rows[0].strata == rows[1].strata != {}


@pytest.mark.parametrize(("heavy", "decided"), [(1.0, True), (40.0, False)])
def test_resampling_needs_enough_queries_by_what_they_tell(heavy, decided):
    """One query of forty that weighs as much as all others leaves few to resample."""
    space = made_space()
    traffic = np.array([heavy, *np.ones(QUERIES - 1)])
    drawn = QueryDraw(np.ones(QUERIES), traffic)
    gains = {f"q{q}": {f"d{q}": 1} for q in range(QUERIES)}
    judged = replace(aw.Judgements.from_dict(gains, space), drawn=drawn)
    run = aw.Run.from_dict({f"q{q}": {f"d{q}": 1} for q in range(QUERIES)}, "right")
    result = aw.compare(space, judged, "dot", "DCG(sampled)@10", runs=run)
    assert (result.verdict.decision != "cannot-tell") == decided
    assert ("tell as much as" in result.verdict.reason) != decided


def test_lists_that_would_fill_the_memory_are_refused(monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    run = aw.Run.from_dict({f"q{q}": {f"d{i}": -i for i in range(2_000)} for q in range(40)}, "r")
    with pytest.raises(ValuesError, match="take a metric of fewer places"):
        aw.compare_runs([run], {f"q{q}": {"d1": 1} for q in range(40)}, "R@2000")


def test_the_ranks_of_a_frame_order_equal_scores():
    frame = {"query_id": ["q", "q"], "item_id": ["a", "b"], "score": [1, 1], "rank": [1, 2]}
    assert [item for item, _ in aw.Run.from_frame(frame, "r")["q"]] == ["a", "b"]
