"""Beyond one number: floors without a model, verdicts of groups of queries, breadth."""

import json
import tracemalloc

import numpy as np
import pyarrow.parquet as pq
import pytest

import anglewise as aw
from anglewise.comparison import floors
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError, TooFewError, ValuesError
from cli_run import anglewise, refused  # noqa: F401 (a fixture)

USERS, ITEMS = 160, 120


def recommender(*, learnt, seed=0):
    """Users, items, what they used; what is relevant follows the model, or is used by most."""
    rng = np.random.default_rng(seed)
    users, items = rng.standard_normal((USERS, 6)), rng.standard_normal((ITEMS, 6))
    popular = np.sort(rng.zipf(1.5, ITEMS).clip(max=200))[::-1] / 200
    used = rng.random((USERS, ITEMS)) < 0.02 + 0.4 * popular
    worth = users @ items.T + 0.3 * rng.standard_normal((USERS, ITEMS))
    if not learnt:
        worth = 8 * popular + rng.standard_normal((USERS, ITEMS))
    worth[used] = -np.inf
    nearest = np.argsort(-worth, axis=1)[:, :5]
    rows = np.repeat(np.arange(USERS), 5)
    seen_rows, seen_items = np.nonzero(used)
    seen = SparseRows.from_pairs(seen_rows, seen_items, shape=used.shape)
    gains = SparseRows.from_pairs(rows, nearest.ravel(), shape=used.shape)
    languages = ["de" if row % 4 else "en" for row in range(USERS)]
    space = aw.Space(
        queries=aw.Embeddings(users, metadata={"language": languages, "same": ["x"] * USERS}),
        items=aw.Embeddings(items),
        seen=seen,
    )
    return space, aw.Judgements(gains, seen=seen), used


def test_floors_are_what_lists_without_a_model_reach():
    space, judged, used = recommender(learnt=True)
    result = aw.compare(space, judged, "dot,cosine")
    assert [floor.name for floor in result.floors] == ["random", "most used items", "item-kNN"]
    assert all(floor.low < floor.mean < floor.high for floor in result.floors)
    assert all(floor.beaten for floor in result.floors)
    assert "nothing is shown to beat" not in result.verdict.reason

    # each by its definition, query by query
    relevant = [set(judged.gains.row(user).tolist()) for user in range(USERS)]

    def ndcg(order):
        values = []
        for user, nearest in enumerate(order):
            listed = [item for item in nearest if not used[user, item]][:10]
            found = [1 / np.log2(2 + rank) for rank, i in enumerate(listed) if i in relevant[user]]
            values.append(sum(found) / (1 / np.log2(2 + np.arange(5))).sum())
        return np.mean(values)

    by_use = np.lexsort((np.arange(ITEMS), -used.sum(axis=0)))
    assert result.floors[1].mean == pytest.approx(ndcg([by_use] * USERS))
    scaled = used / np.maximum(np.sqrt(used.sum(axis=0)), 1e-12)
    near = used.astype(float) @ (scaled.T @ scaled)
    knn = [np.lexsort((np.arange(ITEMS), -row.round(10))) for row in near]
    assert result.floors[2].mean == pytest.approx(ndcg(knn), abs=1e-12)


@pytest.mark.parametrize("direction", ["queries-items", "items-items"])
def test_item_knn_takes_either_way_alike_or_says_that_it_is_not_shown(direction, monkeypatch):
    space, judged, used = recommender(learnt=True)
    if direction == "items-items":
        gains = SparseRows.from_pairs(np.arange(99), np.arange(1, 100), shape=(ITEMS, ITEMS))
        judged = aw.Judgements(gains, direction="items-items")
    result = aw.compare(space, judged, "dot,cosine")
    assert [floor.name for floor in result.floors][-1:] == ["item-kNN"]
    monkeypatch.setattr(floors, "CELLS", ITEMS * 7)  # items by items are too many to be held
    assert aw.compare(space, judged, "dot,cosine").floors == result.floors
    monkeypatch.setattr(floors, "MOST_PRODUCTS", 100)
    without = aw.compare(space, judged, "dot,cosine")
    assert without.floors == result.floors[:-1]
    (said,) = [note for note in without.floor_notes if "item-kNN" in note]
    assert said.startswith("item-kNN not shown: ")
    assert f"{int(used.sum()):,} uses" in said


def test_floors_are_no_longer_than_there_are_items():
    space, judged, _ = recommender(learnt=True)
    tracemalloc.start()
    deep = aw.compare(space, judged, "dot,cosine", metric="nDCG@1000000")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6  # a list of that length for each query: 1.3 GB
    every = aw.compare(space, judged, "dot,cosine", metric=f"nDCG@{ITEMS}")
    assert [floor.mean for floor in deep.floors] == [floor.mean for floor in every.floors]


def test_the_verdict_says_where_nothing_beats_what_needs_no_model():
    space, judged, _ = recommender(learnt=False)
    result = aw.compare(space, judged, "dot,cosine")
    most = result.floors[1]
    assert not most.beaten
    assert most.mean > max(row.metrics["nDCG@10"].mean for row in result.measures)
    assert f"most used items (nDCG@10 {most.mean:.3f})" in result.verdict.reason
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert [floor["name"] for floor in told["floors"]] == [f.name for f in result.floors]


def test_where_use_is_not_known_lists_by_chance_are_the_floor():
    space, judged, _ = recommender(learnt=True)
    bare = aw.Space(queries=space.queries, items=space.items)
    (floor,) = aw.compare(bare, aw.Judgements(judged.gains), "dot,cosine").floors
    assert floor.name == "random"
    assert floor.mean < 0.1


def test_every_group_of_queries_has_a_verdict_of_its_own():
    space, judged, _ = recommender(learnt=True)
    result = aw.compare(space, judged, "dot,cosine", slices="language")
    assert [(part.value, part.queries) for part in result.slices] == [("de", 120), ("en", 40)]
    whole = {row.measure: row.metrics["nDCG@10"].mean for row in result.measures}
    for name, mean in whole.items():
        weighted = sum(part.queries * part.means[name] for part in result.slices) / USERS
        assert weighted == pytest.approx(mean)
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))["slices"]
    assert told[0]["verdict"]["decision"] in {"use", "tie", "better", "cannot-tell"}


def test_a_group_is_decided_more_carefully_than_the_same_queries_alone():
    """All groups of a column share the 5%."""
    space, judged, _ = recommender(learnt=True)
    part = aw.compare(space, judged, "cosine,dot", baseline="cosine", slices="language").slices[0]
    kept = np.array([row for row in range(USERS) if row % 4])
    gains = judged.gains
    inside = np.isin(gains.rows, kept)
    alone = SparseRows.from_pairs(
        gains.rows[inside], gains.indices[inside], gains.values[inside], shape=gains.shape
    )
    only = aw.compare(
        space, aw.Judgements(alone, seen=judged.seen), "cosine,dot", baseline="cosine"
    ).verdict
    assert part.verdict.decision == only.decision == "use"
    assert part.verdict.at_least < only.at_least


def test_what_cannot_be_sliced_is_refused():
    space, judged, _ = recommender(learnt=True)
    with pytest.raises(SpellingError, match="'langauge'"):
        aw.compare(space, judged, "dot,cosine", slices="langauge")
    with pytest.raises(TooFewError, match="'same' has 1 value"):
        aw.compare(space, judged, "dot,cosine", slices=["same"])
    holes = aw.Space(
        queries=aw.Embeddings(
            space.queries.vectors, metadata={"language": [None, *["de"] * (USERS - 1)]}
        ),
        items=space.items,
    )
    with pytest.raises(ValuesError, match="empty for 1 judged query"):
        aw.compare(holes, aw.Judgements(judged.gains), "dot,cosine", slices="language")
    pairs = aw.Pairs(np.arange(9), np.arange(9)[::-1].copy(), np.arange(9.0))
    with pytest.raises(SpellingError, match="leave slices out"):
        aw.compare(aw.Space(items=space.items), pairs, "dot,cosine", slices="language")


def test_breadth_stands_beside_every_measure():
    space, judged, _ = recommender(learnt=True)
    result = aw.compare(space, judged, "dot,cosine")
    for row in result.measures:
        lists = result.evidence.found[row.measure].indices
        assert row.coverage.share == len(np.unique(lists[lists >= 0])) / ITEMS
        assert 0 < row.coverage.gini < 1
        assert set(row.strata) == {"head", "middle", "tail"}
    bare = aw.Space(queries=space.queries, items=space.items)
    (row, _) = aw.compare(bare, aw.Judgements(judged.gains), "dot,cosine").measures
    assert row.coverage is not None
    assert row.strata == {}


def test_groups_of_very_unequal_size_are_named_by_their_effective_number():
    space, judged, _ = recommender(learnt=True)
    names = ["large"] * 120 + [f"g{row}" for row in range(40)]
    sized = aw.Space(
        queries=aw.Embeddings(space.queries.vectors, metadata={"tenant": names}),
        items=space.items,
    )
    result = aw.compare(sized, aw.Judgements(judged.gains), "dot,cosine", split="group(tenant)")
    assert any("count as about 2 of one size" in note for note in result.notes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    space, judged, _ = recommender(learnt=True)
    path = tmp_path_factory.mktemp("beyond") / "space"
    aw.write_space(space, path, judgements={"queries-items": judged})
    return path


def test_the_command_shows_floors_groups_and_breadth(anglewise, folder, tmp_path):  # noqa: F811
    values = tmp_path / "values.parquet"
    run = anglewise("compare", folder, "--slice", "language", "--breadth", "--per-query", values)
    assert run.code == 0, run.err
    for part in ("Without a model: random 0.0", "item-kNN 0.", "coverage", "tail", "By language, "):
        assert part in run.out
    told = json.loads(anglewise("compare", folder, "--json", "-").out)
    table = pq.read_table(values)
    assert table.column_names == ["query_id", *(row["measure"] for row in told["measures"])]
    best = told["measures"][0]
    assert np.mean(table[best["measure"]]) == pytest.approx(best["metrics"]["nDCG@10"]["mean"])


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(anglewise, folder, tmp_path):  # noqa: F811
    page = tmp_path / "page.html"
    run = anglewise("compare", folder, "--dry-run", "--html", page, "--breadth", "--unjudged")
    assert run.code == 0, run.err
    assert "does not write or show --html, --breadth, --unjudged" in run.err
    assert "3 figures of 160 queries over 120 items: about" in run.out
    assert not page.exists()
    told = json.loads(anglewise("compare", folder, "--dry-run", "--json", "-").out)
    assert (told["dry_run"], told["queries"], told["tried"]) == (True, 160, 64)


@pytest.mark.parametrize(
    "words", [("--gate", "dot>=0.99"), ("--history", "h.parquet"), ("--junit", "x.xml")]
)
def test_a_dry_run_passes_no_gate(words, anglewise, folder, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    assert refused(anglewise("compare", folder, "--dry-run", *words), words[0], "no gate can be")
    (tmp_path / "anglewise.toml").write_text("[compare]\ndry-run = true\n")
    assert refused(anglewise("compare", folder, "--gate", "dot>=0.99"), "sets dry-run")
    assert {path.name for path in tmp_path.iterdir()} == {"anglewise.toml"}


@pytest.mark.parametrize(
    "words",
    [
        ("--slice", "nosuch"),
        ("--baseline", "manhattan"),
        ("--split", "group(nosuch)"),
        ("--largest-group", "9"),
        ("--measures", "cosin"),
        ("--metrics", ",".join(f"nDCG@{depth}" for depth in range(1, 401))),
    ],
)
def test_a_dry_run_refuses_what_the_comparison_would_refuse(words, anglewise, folder):  # noqa: F811
    dry, run = (anglewise("compare", folder, *words, *more) for more in (["--dry-run"], []))
    assert refused(dry)
    assert dry.err.splitlines()[-1] == run.err.splitlines()[-1]


def test_what_is_for_one_space_is_refused_for_several(anglewise, folder):  # noqa: F811
    for words in (("--slice", "language"), ("--dry-run",)):
        assert refused(anglewise("compare", "--spaces", folder, folder, *words), words[0])
    assert refused(anglewise("compare", folder, "--slice", "langauge"), "'langauge'", "language")
