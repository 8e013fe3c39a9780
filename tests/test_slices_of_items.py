"""The verdict for each group of items: its own items alone count as judged."""

import json
import tracemalloc

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.comparison_result import Verdict
from anglewise.comparison.slices import Slice, agreement
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.breadth import by_stratum, strata_of
from cli_run import anglewise, refused  # noqa: F401 (a fixture)
from planted import table

QUERIES, ITEMS = 150, 80


def catalogue(about=None, *, seed=0, **more):
    """Items in German, English and French; cosine finds what is relevant, and long ones mislead."""
    rng = np.random.default_rng(seed)
    items = rng.standard_normal((ITEMS, 8))
    relevant = rng.integers(ITEMS - 10, size=QUERIES)
    queries = items[relevant] + 0.5 * rng.standard_normal((QUERIES, 8))
    second = rng.integers(ITEMS - 10, size=QUERIES)
    rows = np.concatenate([np.arange(QUERIES)] * 2)
    columns = np.concatenate([relevant, second])
    grades = np.concatenate([np.full(QUERIES, 2.0), np.ones(QUERIES)])
    pairs, first = np.unique(rows * ITEMS + columns, return_index=True)
    gains = table(pairs // ITEMS, pairs % ITEMS, grades[first], shape=(QUERIES, ITEMS))
    lengths = np.where(np.arange(ITEMS) % 2, 1, rng.uniform(0.1, 8, ITEMS))[:, None]
    if about is None:
        about = {"language": ["de" if row % 2 else "en" for row in range(ITEMS - 10)] + ["fr"] * 10}
    space = aw.Space(
        queries=aw.Embeddings(queries, metadata={"day": ["x"] * 50 + ["y"] * 100}),
        items=aw.Embeddings(items * lengths, metadata=about),
        **more,
    )
    return space, aw.Judgements(gains)


def ndcg_of_group(result, judged, measure, inside):
    """nDCG@10 with the gains inside a group alone, over the queries that have one."""
    values = []
    lists = result.evidence.found[measure].indices
    for query, nearest in enumerate(lists[:, :10]):
        items, gains = judged.gains.row(query), judged.gains.values[judged.gains.rows == query]
        gain = {i: g for i, g in zip(items.tolist(), gains.tolist(), strict=True) if inside[i]}
        if gain:
            own = sum(gain.get(i, 0) / np.log2(2 + place) for place, i in enumerate(nearest))
            ideal = sorted(gain.values(), reverse=True)
            values.append(own / sum(g / np.log2(2 + place) for place, g in enumerate(ideal)))
    return len(values), np.mean(values)


def test_each_group_of_items_counts_its_own_judgements_while_all_items_are_ranked():
    space, judged = catalogue()
    result = aw.compare(space, judged, "dot,cosine", slices="language")
    assert [(part.side, part.value, part.items) for part in result.slices] == [
        ("items", "de", 35),
        ("items", "en", 35),
    ]
    languages = np.array(space.items.metadata["language"])
    for part in result.slices:
        for measure, mean in part.means.items():
            queries, due = ndcg_of_group(result, judged, measure, languages == part.value)
            assert part.queries == queries < QUERIES
            assert mean == pytest.approx(due)
    assert result.slices[0].means["cosine"] > result.slices[0].means["dot"]


def test_a_group_of_items_that_nobody_asks_for_is_named():
    space, judged = catalogue()
    result = aw.compare(space, judged, "dot,cosine", slices="language")
    assert result.notes[-1] == (
        "items whose language is 'fr': no judged query has a relevant one, so nothing is said of "
        "them"
    )
    many = [f"l{row}" if row >= ITEMS - 10 else ["de", "en"][row % 2] for row in range(ITEMS)]
    space, judged = catalogue({"language": many})
    notes = aw.compare(space, judged, "dot,cosine", slices="language").notes
    assert "items whose language is 'l70', 'l71', 'l72' or 7 more: no judged" in notes[-1]


def test_groups_by_use_are_those_that_breadth_shows():
    """Head, middle and tail as a column say what the strata of use say."""
    rng = np.random.default_rng(5)
    uses = rng.zipf(1.6, ITEMS).clip(max=400).astype(float)
    strata = np.array(["head", "middle", "tail"])[strata_of(uses)].tolist()
    space, judged = catalogue({"popularity": uses.tolist(), "stratum": strata})
    for metric in ("nDCG@10", "R@5"):
        result = aw.compare(space, judged, "dot,cosine", metric, slices="items:stratum")
        shown = {part.value: part.means for part in result.slices}
        for row in result.measures:
            for stratum, means in shown.items():
                assert means[row.measure] == pytest.approx(row.strata[stratum], abs=1e-12)
    parts = by_stratum(result.evidence.found, judged, np.arange(QUERIES), "R@5", uses)
    assert {p.name: p.queries for p in parts if p.queries} == {
        part.value: part.queries for part in result.slices
    }


def test_binary_metrics_count_what_is_relevant_from_a_grade_on():
    space, judged = catalogue()
    every = aw.compare(space, judged, "dot,cosine", "R@5", slices="language")
    high = aw.compare(space, judged, "dot,cosine", "R@5", slices="language", relevant_from=2)
    for part, strict in zip(every.slices, high.slices, strict=True):
        assert strict.queries < part.queries
    assert sum(part.queries for part in high.slices) == QUERIES


def test_a_group_of_items_is_decided_at_its_share_of_the_five_percent():
    """As groups of queries are: the same judgements alone give the same verdict, less carefully."""
    space, judged = catalogue()
    part = aw.compare(space, judged, "cosine,dot", baseline="dot", slices="language").slices[1]
    inside = np.array(space.items.metadata["language"]) == "en"
    kept = inside[judged.gains.indices]
    alone = aw.Judgements(judged.gains.where(kept))
    only = aw.compare(space, alone, "cosine,dot", baseline="dot")
    assert part.verdict.decision == only.verdict.decision == "use"
    assert part.queries == only.queries
    assert part.means["cosine"] == pytest.approx(only.measures[0].metrics["nDCG@10"].mean)
    assert part.verdict.at_least < only.verdict.at_least


def test_a_column_that_both_sides_have_is_asked_for_by_its_side():
    space, judged = catalogue()
    languages = ["de"] * 75 + ["en"] * 75
    both = aw.Space(
        queries=aw.Embeddings(space.queries.vectors, metadata={"language": languages}),
        items=space.items,
    )
    with pytest.raises(SpellingError, match="queries:language or items:language"):
        aw.compare(both, judged, "dot,cosine", slices="language")
    words = ["queries:language", "items:language"]
    parts = aw.compare(both, judged, "dot,cosine", slices=words).slices
    assert [(part.side, part.value) for part in parts] == [
        ("queries", "de"), ("queries", "en"), ("items", "de"), ("items", "en"),
    ]  # fmt: skip
    assert [part.items is None for part in parts] == [True, True, False, False]


def test_a_column_may_itself_be_called_after_a_side():
    space, judged = catalogue({"items:language": ["de", "en"] * (ITEMS // 2)})
    result = aw.compare(space, judged, "dot,cosine", slices="items:language")
    assert [part.column for part in result.slices] == ["items:language"] * 2


def test_of_items_that_ask_each_other_the_prefix_says_who():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5))
    space = aw.Space(items=aw.Embeddings(x, metadata={"kind": ["a", "b", "b"] * 20}))
    rows = np.repeat(np.arange(30), 2)
    gains = table(rows, (rows + np.tile([1, 5], 30)) % 60, shape=(60, 60))
    judged = aw.Judgements(gains, direction="items-items")
    asks = aw.compare(space, judged, "dot,cosine", slices="kind").slices
    ranks = aw.compare(space, judged, "dot,cosine", slices="items:kind").slices
    assert [(part.side, part.queries) for part in asks] == [("queries", 10), ("queries", 20)]
    assert {part.side for part in ranks} == {"items"}
    assert [part.items for part in ranks] == [20, 40]


def test_what_cannot_be_sliced_is_refused():
    space, judged = catalogue()
    with pytest.raises(SpellingError, match="of queries day and of items language"):
        aw.compare(space, judged, "dot,cosine", slices="langauge")
    with pytest.raises(SpellingError, match="about items under 'day': there is language"):
        aw.compare(space, judged, "dot,cosine", slices="items:day")
    with pytest.raises(SpellingError, match="about queries under 'language': there is day"):
        aw.compare(space, judged, "dot,cosine", slices="queries:language")
    titles = {"title": [f"t{row}" for row in range(ITEMS)]}
    with pytest.raises(TooFewError, match=r"'title' has 6\d values among the relevant items"):
        aw.compare(*catalogue(titles), "dot,cosine", slices="title")
    with pytest.raises(TooFewError, match="'same' has 1 value among the relevant items"):
        aw.compare(*catalogue({"same": ["x"] * ITEMS}), "dot,cosine", slices="same")
    holes = {"language": [None if row < 3 else ["de", "en"][row % 2] for row in range(ITEMS)]}
    with pytest.raises(ValuesError, match="'language' is empty for 3 relevant items"):
        aw.compare(*catalogue(holes), "dot,cosine", slices="language")


def test_empty_cells_of_items_that_nobody_judged_do_no_harm():
    some = [["de", "en"][row % 2] if row < ITEMS - 10 else None for row in range(ITEMS)]
    result = aw.compare(*catalogue({"language": some}), "dot,cosine", slices="language")
    assert [part.items for part in result.slices] == [35, 35]
    assert not any("nothing is said" in note for note in result.notes)


def test_documents_are_grouped_by_what_their_passages_agree_on():
    space, judged = catalogue()
    languages = space.items.metadata["language"]
    names = [f"d{row // 2}" for row in range(2 * ITEMS)]
    about = {
        "document": names,
        "language": [languages[row // 2] for row in range(2 * ITEMS)],
        "page": [row % 2 for row in range(2 * ITEMS)],
    }
    passages = aw.Embeddings(
        np.repeat(space.items.vectors, 2, axis=0),
        [f"{name}#{row}" for row, name in enumerate(names)],
        metadata=about,
    )
    cut = aw.Space(queries=space.queries, items=passages)
    labels = {
        str(row): {f"d{item}": 1 for item in judged.gains.row(row).tolist()}
        for row in range(QUERIES)
    }
    by_document = aw.Judgements.from_dict(labels, cut)
    ours = aw.compare(cut, by_document, "dot,cosine", "R@10", slices="language").slices
    whole = aw.compare(space, judged, "dot,cosine", "R@10", slices="language").slices
    assert [(part.value, part.items, part.queries) for part in ours] == [
        (part.value, part.items, part.queries) for part in whole
    ]
    with pytest.raises(ValuesError, match="'page' has several values among the passages"):
        aw.compare(cut, by_document, "dot,cosine", slices="page")


def test_chance_is_over_the_groups_that_the_queries_belong_to():
    space, judged = catalogue()
    topics = [f"t{row // 10}" for row in range(QUERIES)]
    grouped = aw.Space(
        queries=aw.Embeddings(space.queries.vectors, metadata={"topic": topics}), items=space.items
    )
    result = aw.compare(grouped, judged, "dot,cosine", slices="language", split="group(topic)")
    single = aw.compare(grouped, judged, "dot,cosine", slices="language")
    for own, alone in zip(result.slices, single.slices, strict=True):
        assert own.means == pytest.approx(alone.means, abs=1e-9)
        assert own.verdict.estimate.high - own.verdict.estimate.low > (
            alone.verdict.estimate.high - alone.verdict.estimate.low
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    space, judged = catalogue()
    path = tmp_path_factory.mktemp("items") / "space"
    aw.write_space(space, path, judgements={"queries-items": judged})
    return path


def test_the_command_shows_the_verdict_for_items_on_every_surface(anglewise, folder, tmp_path):  # noqa: F811
    page, text = tmp_path / "page.html", tmp_path / "page.md"
    words = ("compare", folder, "--slice", "items:language", "--slice", "day")
    run = anglewise(*words, "--html", page, "--markdown", text)
    assert run.code == 0, run.err
    for shown in (run.out, page.read_text(), text.read_text()):
        told = " ".join(shown.split())
        assert "items whose language is" in told
        assert "By language of the items, " in told
        assert "its own items alone count as judged" in told
        assert "By day, " in told
        assert "no judged query has a relevant one" in told
    parts = json.loads(anglewise(*words, "--json", "-").out)["slices"]
    assert [(part["side"], part["value"], part["items"]) for part in parts] == [
        ("items", "de", 35), ("items", "en", 35), ("queries", "x", None), ("queries", "y", None),
    ]  # fmt: skip
    assert refused(anglewise("compare", folder, "--slice", "items:day"), "'day'", "language")


def test_groups_disagree_where_what_one_keeps_is_beaten_in_another():
    def part(value, decision, measure, at_least=None):
        verdict = Verdict(decision, measure, (), None, None, "", at_least=at_least)
        return Slice("topic", value, 9, {}, verdict)

    kept, beaten = part("a", "tie", "dot", 0.02), part("b", "use", "cosine", 0.01)
    assert agreement([kept, beaten]) == "the groups disagree: a says dot, b says cosine"
    assert "not tested" in agreement([beaten, part("c", "better", "norm(0,1)", 0.01)])
    for level in (part("a", "tie", "dot"), part("a", "cannot-tell", "dot")):
        assert agreement([level, beaten]) == "no two groups are shown to disagree"


@pytest.mark.parametrize("words", [{"slices": "queries:brand"}, {"split": "group(brand)"}])
def test_one_long_cell_of_a_column_takes_what_it_takes_and_no_more(words):
    rng = np.random.default_rng(0)
    brands = ["x" * 500_000 if row == 3 else "abcd\0"[row % 5 :] for row in range(2000)]
    space = aw.Space(
        queries=aw.Embeddings(rng.standard_normal((2000, 4)), metadata={"brand": brands}),
        items=aw.Embeddings(rng.standard_normal((50, 4))),
    )
    gains = SparseRows.from_pairs(np.arange(2000), np.arange(2000) % 50, shape=(2000, 50))
    tracemalloc.start()
    result = aw.compare(space, aw.Judgements(gains), "dot,cosine", **words)
    assert tracemalloc.get_traced_memory()[1] < 400e6  # 2,000 times the longest: 4 GB
    tracemalloc.stop()
    if "slices" in words:
        assert sorted(part.queries for part in result.slices) == [1, 399, 400, 400, 400, 400]
