"""Runs stand in fusions and rerankings by their names; ties at the end of lists are counted."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.fusion import CONSTANT, by_rank, by_score, fused
from anglewise.comparison.split import first_half
from anglewise.errors import SpellingError
from cli_run import anglewise, refused
from test_rankers import ITEMS, QUERIES, by_hand, judged, lists_of, made_space

__all__ = ["anglewise"]


def made_run(name, seed, *, length=ITEMS, strangers=()):
    rng = np.random.default_rng(seed)
    items = [f"d{i}" for i in range(ITEMS)] + list(strangers)
    lists = {}
    for i in range(QUERIES):
        scores = dict(zip(items, rng.standard_normal(len(items)).tolist(), strict=True))
        scores[f"d{i}"] = 2.0
        best = sorted(scores, key=lambda item, own=scores: -own[item])[:length]
        lists[f"q{i}"] = {item: scores[item] for item in best}
    return aw.Run.from_dict(lists, name)


def ids_of(lists, space):
    return [[str(space.items.ids[i]) for i in row if i >= 0] for row in lists.indices.tolist()]


def test_a_run_is_fused_with_a_measure_as_by_hand():
    space, run = made_space(), made_run("Shop", 1, length=30)
    result = aw.compare(
        space, judged(space), "dot,fusion(Shop,dot),weighted(Shop,dot)", runs=run, metrics="R@40"
    )
    dot = aw.search(space, "dot", k=ITEMS)["dot"].indices.tolist()
    own = [[int(item[1:]) for item, _ in run[f"q{i}"]] for i in range(QUERIES)]
    expected = by_hand([own, dot], lambda _number, _row, rank: 1 / (CONSTANT + 1 + rank))
    found = lists_of(result, "fusion(Shop,dot)").indices.tolist()
    assert found == [row[:40] for row in expected]
    row = next(row for row in result.measures if row.measure == "weighted(Shop,dot)")
    assert all("Shop + " in words for words in row.settings)


def test_weighted_scores_are_those_of_a_plain_sum():
    space, run = made_space(), made_run("shop", 2, length=50)
    name = "weighted(shop,dot)"
    result = aw.compare(space, judged(space), name, runs=run)
    search = aw.search(space, "dot", k=ITEMS)["dot"]
    inside, outside = (
        [float(word.split()[0]) for word in words.split(" + ")]
        for words in result.measures[0].settings
    )
    half = first_half(QUERIES, seed=0)[space.queries.id_position]
    for row in range(QUERIES):
        weights = inside if half[row] else outside
        worth = np.zeros(ITEMS)
        own = run[f"q{row}"]
        scores = np.array([score for _, score in own])
        scaled = (scores - scores.min()) / (scores.max() - scores.min())
        for (item, _), value in zip(own, scaled, strict=True):
            worth[int(item[1:])] += weights[0] * value
        dot = search.scores[row].astype(float)
        worth[search.indices[row]] += weights[1] * (dot - dot.min()) / (dot.max() - dot.min())
        expected = np.lexsort((np.argsort(space.items.id_order), -worth.round(9)))[:10].tolist()
        assert lists_of(result, name).indices[row].tolist() == expected


def test_items_that_only_a_run_names_keep_their_places_in_fusions():
    space, run = made_space(), made_run("shop", 3, strangers=["elsewhere"])
    result = aw.compare(space, judged(space), "fusion(shop,dot)", runs=run, metrics=f"R@{ITEMS}")
    lists = lists_of(result, "fusion(shop,dot)").indices
    assert (lists == ITEMS).any()
    assert any("elsewhere" in note for note in result.notes)


def test_a_run_is_reranked_and_what_has_no_text_stands_behind():
    space, run = made_space(), made_run("shop", 4, length=20, strangers=["elsewhere"])

    def by_words(query, texts):
        words = set(query.split())
        return [len(words & set(text.split())) for text in texts]

    result = aw.compare(
        space, judged(space), "rerank(shop,15)", "R@20", runs=run, reranker=by_words
    )
    asked, texts = (side.metadata["text"] for side in (space.queries, space.items))
    for row, found in enumerate(lists_of(result, "rerank(shop,15)").indices.tolist()):
        first = [ITEMS if item == "elsewhere" else int(item[1:]) for item, _ in run[f"q{row}"]]
        known = [item for item in first[:15] if item < ITEMS]
        scores = by_words(asked[row], [texts[item] for item in known])
        order = sorted(range(len(known)), key=lambda place, s=scores: -s[place])
        expected = [known[place] for place in order]
        expected += [item for item in first[:15] if item == ITEMS] + first[15:]
        assert found == expected


def test_equal_ones_stand_by_id():
    x = np.eye(4, 3)
    names = ["d9", "d10", "d1"]
    space = aw.Space(
        queries=aw.Embeddings(x, ids=list("wxyz")), items=aw.Embeddings(x[:3], ids=names)
    )
    runs = [aw.Run.from_dict({q: [item] for q in "wxyz"}, item) for item in ("d9", "d10")]
    judgements = aw.Judgements.from_dict({q: {"d1": 1} for q in "wxyz"}, space)
    lists = lists_of(aw.compare(space, judgements, "fusion(d9,d10)", runs=runs), "fusion(d9,d10)")
    alike = aw.search(aw.Space(items=aw.Embeddings(np.ones((3, 2)), ids=names)), "dot", k=3)
    by_id = [i for i in alike["dot"].indices[0].tolist() if i != 2]  # as measures order ties
    assert [names[i] for i in by_id] == ["d10", "d9"]
    assert [row[:2] for row in lists.indices.tolist()] == [by_id] * 4


def test_runs_alone_are_fused():
    runs = [made_run("a", 5, length=25), made_run("b", 6)]
    gains = {f"q{i}": {f"d{i}": 1} for i in range(QUERIES)}
    result = aw.compare_runs(
        runs, gains, measures="fusion(a,b),weighted(a,b)", baseline="fusion(a,b)"
    )
    assert {row.measure for row in result.measures} == {"a", "b", "fusion(a,b)", "weighted(a,b)"}
    assert result.baseline == "fusion(a,b)"
    space = made_space()
    beside = aw.compare(space, judged(space), "fusion(a,b),weighted(a,b)", runs=runs)
    means = [
        {row.measure: row.metrics["nDCG@10"].mean for row in each.measures}
        for each in (result, beside)
    ]
    assert means[0] == pytest.approx(means[1])
    assert not any("zero vectors" in note or "unit length" in note for note in result.notes)
    assert not any("zero vectors" in note for note in beside.notes)


@pytest.mark.parametrize(
    ("measures", "words"),
    [
        ("fusion(a,dot)", "dot ranks what a space holds, and runs alone are compared"),
        ("fusion(a,bm25)", "bm25 ranks what a space holds"),
        ("fusion(a,c)", "no measure is called 'c'.*the runs are called 'a' and 'b'"),
        ("dot", "'dot' is of a space, and runs alone are compared"),
        ("rerank(a,10)", r"rerank\(a,10\) needs a reranker"),
    ],
)
def test_of_runs_alone_nothing_else_is_made(measures, words):
    runs = [made_run("a", 5), made_run("b", 6)]
    with pytest.raises(SpellingError, match=words):
        aw.compare_runs(runs, {"q1": {"d1": 1}}, measures=measures)


@pytest.mark.parametrize(
    ("name", "measures"),
    [
        ("bm25", "fusion(bm25,dot)"),
        ("BM25", "rerank(bm25,10)"),
        ("Cosine", "weighted(cosine,dot)"),
        ("csls(10)", "fusion(CSLS( 10 ),dot)"),
    ],
)
def test_a_name_that_may_be_two_things_is_refused(name, measures):
    space = made_space()
    run = made_run("x", 1).called(name)
    with pytest.raises(SpellingError, match="may be the run of this name or what anglewise ranks"):
        aw.compare(space, judged(space), measures, runs=run)
    renamed = aw.compare(
        space, judged(space), measures, runs=run.called("other"), reranker=by_length(measures)
    )
    assert len(renamed.measures) == 2


def by_length(measures):
    return (lambda _query, texts: [len(text) for text in texts]) if "rerank" in measures else None


@pytest.mark.parametrize("name", ["my run", "run-2.1", "mein Lauf", "(x)", "a*", "ß"])
def test_names_of_runs_may_be_odd(name):
    space, run = made_space(), made_run(name, 1)
    result = aw.compare(space, judged(space), ["dot", f"fusion({name}, dot)"], runs=run)
    assert f"fusion({name},dot)" in [row.measure for row in result.measures]


def test_a_name_whose_brackets_are_open_is_refused():
    space, run = made_space(), made_run("a(b", 1)
    with pytest.raises(SpellingError, match="brackets come in pairs"):
        aw.compare(space, judged(space), ["dot", "fusion(a(b,dot)"], runs=run)


def test_the_command_fuses_runs(anglewise, tmp_path):
    aw.write_space(made_space(), tmp_path / "space")
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("".join(f"q{i} 0 d{i} 1\n" for i in range(QUERIES)))
    for name, seed in (("a", 1), ("b", 2)):
        run = made_run(name, seed)
        lines = [
            f"{query} Q0 {item} {rank} {score!r} {name}\n"
            for query in run.queries
            for rank, (item, score) in enumerate(run[query], start=1)
        ]
        (tmp_path / f"{name}.run").write_text("".join(lines))
    runs = ["--qrels", qrels, "--runs", tmp_path / "a.run", tmp_path / "b.run"]
    done = anglewise("compare", *runs, "--measures", "fusion(a,b)", "--gate", "fusion(a, b)>=a",
                     "--run-out", tmp_path / "lists")  # fmt: skip
    assert done.code == 0, done.err
    assert {file.name for file in (tmp_path / "lists").iterdir()} == {
        "a.run", "b.run", "fusion_a_b.run",
    }  # fmt: skip
    beside = anglewise("compare", tmp_path / "space", *runs, "--measures", "dot,fusion(a,dot)",
                       "--baseline", "fusion(a,dot)")  # fmt: skip
    assert beside.code == 0, beside.err
    assert refused(
        anglewise("compare", *runs, "--measures", "fusion(a,b),dot"), "--measures is of a space"
    )
    assert refused(anglewise("compare", *runs, "--measures", "fusion(a,c)"), "'a' and 'b'")


# --- ties at the end of what is fused


def lists(name, items, scores, tied):
    return aw.Neighbours(name, np.array([items]), np.array([scores], float), np.array([tied]))


@pytest.mark.parametrize("worth", [by_rank, by_score])
def test_a_fusion_of_one_list_has_the_ties_of_the_list(worth):
    own = lists("a", [4, 2, 7], [3.0, 2.0, 1.0], 6)
    other = lists("b", [5, 6, 1], [3.0, 2.0, 1.0], 0)
    alone = fused("a", [own, other], worth, [1.0, 0.0], 3)
    assert alone.indices.tolist() == own.indices.tolist()
    assert alone.tied_at_cut.tolist() == [6]
    assert fused("a", [own, other], worth, [1.0, 0.0], 2).tied_at_cut.tolist() == [0]


@pytest.mark.parametrize("worth", [by_rank, by_score])
def test_a_fusion_of_a_list_with_itself_has_its_ties(worth):
    own = lists("a", [4, 2, 7], [3.0, 2.0, 1.0], 6)
    twice = fused("both", [own, own], worth, [1.0, 1.0], 3)
    assert twice.indices.tolist() == own.indices.tolist()
    assert twice.tied_at_cut.tolist() == [6]


def test_what_ties_among_what_is_fused_and_beyond_counts_together():
    left = lists("a", [0, 1], [2.0, 1.0], 3)
    right = lists("b", [5, 6], [2.0, 1.0], 0)
    both = fused("both", [left, right], by_rank, [1.0, 1.0], 3)
    assert both.indices.tolist() == [[0, 5, 1]]
    assert both.tied_at_cut.tolist() == [1 + 3]  # item 6, and three that stand behind item 1
    assert fused("both", [left, right], by_rank, [1.0, 1.0], 4).tied_at_cut.tolist() == [3]
    assert fused("both", [left, right], by_rank, [1.0, 1.0], 2).tied_at_cut.tolist() == [0]
    wide = fused("both", [left, right], by_rank, [1.0, 1.0], 6)
    assert wide.indices.tolist() == [[0, 5, 1, 6, -1, -1]]
    assert wide.tied_at_cut.tolist() == [0]


def test_scores_are_scaled_list_by_list():
    own = aw.Neighbours(
        "a",
        np.array([[0, 1, 2], [3, -1, -1], [-1, -1, -1], [5, 6, -1]]),
        np.array([[5.0, 4.0, 1.0], [2.0, -np.inf, -np.inf], [-np.inf] * 3, [1.0, 1.0, -np.inf]]),
        np.zeros(4, np.int64),
    )
    worth = by_score(own)
    assert worth[0].tolist() == [1.0, 0.75, 0.0]
    assert worth[1, 0] == 1.0
    assert worth[3, :2].tolist() == [1.0, 1.0]
    assert np.isfinite(worth).all()


def test_ties_of_a_measure_show_in_its_fusion():
    space = made_space()
    items = aw.Embeddings(
        np.repeat(space.items.vectors[:1], ITEMS, axis=0),
        ids=space.items.ids,
        metadata=space.items.metadata,
    )
    space = aw.Space(queries=space.queries, items=items)
    result = aw.compare(
        space, judged(space), "dot,cosine,fusion(dot,cosine),rerank(dot,5)", "R@10",
        reranker=lambda _query, texts: [len(text) for text in texts],
    )  # fmt: skip
    tied = {name: lists_of(result, name).tied_at_cut for name in ("dot", "rerank(dot,5)")}
    assert (tied["dot"] == ITEMS - 10).all()
    assert (tied["rerank(dot,5)"] == ITEMS - 10).all()


def test_the_runs_are_kept_before_what_is_made_of_them():
    """A fusion of runs is no simpler than the runs: these have to be kept running for it."""
    runs = [
        aw.Run.from_dict({f"q{q}": ["d1", f"d{q}"] for q in range(2, 40)}, "live"),
        aw.Run.from_dict({f"q{q}": ["d0", f"d{q}"] for q in range(2, 40)}, "new"),
    ]
    gains = {f"q{q}": {f"d{q}": 1} for q in range(2, 40)}
    verdict = aw.compare_runs(runs, gains, measures="fusion(live,new),weighted(live,new)").verdict
    assert verdict.keep == "live"
    alone = aw.compare_runs(runs, gains)
    assert alone.verdict.keep == "live"
