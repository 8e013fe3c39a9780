"""What the words of texts reach beneath the table: BM25, for one space and for several."""

import json
import math
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.dry_run import forecast
from anglewise.errors import MissingExtraError, TooFewError, ValuesError
from anglewise.evaluation_metrics.evaluate import read_metrics
from anglewise.nearest_neighbours.bm25 import BM25, Bm25Index, index_bytes
from anglewise.similarity_measures.measure import measures
from cli_run import anglewise  # noqa: F401 (a fixture)
from planted import table

DOCUMENTS = [
    "The quick brown fox jumps over the lazy dog.",
    "A dog, a lazy dog: the laziest of dogs!",
    "Foxes are quick; dogs are not.",
    "",
    "Überall läuft ein Fuchs, ein flinker Fuchs.",
    "Nothing of the kind_of thing 42.",
]


def by_hand(texts, query, k1=1.5, b=0.75):
    """BM25 as Lucene has it, from its formula."""
    words = [[w for w in re.split(r"\W+", text.lower()) if len(w) > 1] for text in texts]
    counts, mean = [Counter(each) for each in words], np.mean([len(each) for each in words])
    scores = []
    for count, own in zip(counts, words, strict=True):
        length = 1 - b + b * len(own) / mean
        score = 0.0
        for word in re.split(r"\W+", query.lower()):
            holding = sum(word in each for each in counts)
            if len(word) > 1 and holding:
                idf = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
                score += idf * count[word] / (count[word] + k1 * length)
        scores.append(score)
    return np.array(scores)


@pytest.mark.parametrize(
    "query", ["quick dogs", "the LAZY dog dog", "Fuchs?", "a b", "kind_of 42", "opera", ""]
)
def test_bm25_scores_are_those_of_its_formula(query):
    scores = Bm25Index.of(DOCUMENTS).scores(query)
    assert scores == pytest.approx(by_hand(DOCUMENTS, query), abs=1e-9)


def test_equal_texts_are_in_the_order_of_their_rows_and_ties_at_the_cut_are_counted():
    texts = Bm25Index.of(["red fish", "blue bird", "red fish", "red fish", "red bird"])
    found = texts.nearest(["fish", "bird", "cat"], k=2)
    assert found.indices.tolist() == [[0, 2], [1, 4], [-1, -1]]
    assert found.tied_at_cut.tolist() == [1, 0, 0]
    assert np.isneginf(found.scores[2]).all()
    hidden = [np.array([0, 3]), np.array([], dtype=np.int64), np.array([1])]
    assert texts.nearest(["fish", "bird", "cat"], 2, hidden).indices.tolist()[0] == [2, -1]


def test_texts_without_words_are_refused():
    with pytest.raises(TooFewError, match="none of 2 texts holds a word"):
        Bm25Index.of(["", "a b c"])


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingExtraError, match=r"anglewise\[bm25\]"):
        Bm25Index.of(["red fish"])


WORDS = [f"word{number:02}" for number in range(60)]
QUERIES, ITEMS = 40, 90


def library(seed=0, *, about=None, seen=None, ids=True):
    """Vectors by chance, and texts of which each query shares words with what is relevant to it."""
    rng = np.random.default_rng(seed)
    items = [" ".join(rng.choice(WORDS, 8)) for _ in range(ITEMS)]
    relevant = rng.integers(ITEMS, size=QUERIES)
    queries = [" ".join(rng.choice(items[item].split(), 3)) for item in relevant]
    names = [f"q{row:02}" for row in range(QUERIES)], [f"d{row:02}" for row in range(ITEMS)]
    space = aw.Space(
        queries=aw.Embeddings(
            rng.standard_normal((QUERIES, 6)),
            names[0] if ids else None,
            metadata={"text": queries},
        ),
        items=aw.Embeddings(
            rng.standard_normal((ITEMS, 6)),
            names[1] if ids else None,
            metadata={"text": items, **(about or {})},
        ),
        seen=seen,
    )
    gains = table(np.arange(QUERIES), relevant, shape=(QUERIES, ITEMS))
    return space, aw.Judgements(gains), queries, items, relevant


def ndcg_by_hand(queries, items, relevant, hidden=()):
    values = []
    for row, query in enumerate(queries):
        scores = by_hand(items, query).round(9)
        for at, item in hidden:
            if at == row:
                scores[item] = 0
        nearest = [i for i in np.argsort(-scores, kind="stable")[:10] if scores[i] > 0]
        place = nearest.index(relevant[row]) if relevant[row] in nearest else None
        values.append(0 if place is None else 1 / np.log2(2 + place))
    return np.mean(values)


def floor(result, name="bm25"):
    return next(each for each in result.floors if each.name == name)


def test_texts_have_a_floor_of_their_words_outside_of_the_family():
    space, judged, queries, items, relevant = library()
    result = aw.compare(space, judged, "dot,cosine")
    assert [each.name for each in result.floors] == ["random", "bm25"]
    words = floor(result)
    assert words.mean == pytest.approx(ndcg_by_hand(queries, items, relevant))
    assert words.low < words.mean < words.high
    assert not words.beaten
    assert f"bm25 (nDCG@10 {words.mean:.3f})" in result.verdict.reason
    assert result.floor_notes == ()

    bare = aw.Space(
        queries=aw.Embeddings(space.queries.vectors, space.queries.ids),
        items=aw.Embeddings(space.items.vectors, space.items.ids),
    )
    without = aw.compare(bare, judged, "dot,cosine")
    assert without.to_dict()["measures"] == result.to_dict()["measures"]
    assert floor(without, "random") == floor(result, "random")


def test_measures_that_know_more_than_words_beat_them():
    space, judged, *_ = library()
    vectors = space.items.vectors[judged.gains.indices]
    rng = np.random.default_rng(1)
    words = {"text": [" ".join(rng.choice(WORDS, 3)) for _ in range(QUERIES)]}
    good = aw.Space(queries=aw.Embeddings(vectors, metadata=words), items=space.items)
    result = aw.compare(good, judged, "cosine,euclidean")
    assert floor(result).beaten
    assert "nothing is shown to beat" not in result.verdict.reason


def test_the_title_stands_before_the_text_and_alone_where_there_is_none():
    space, judged, queries, items, relevant = library()
    heads = [text.split(" ", 1) for text in items]
    for about in (
        {"Title": [head for head, _ in heads], "Text": [rest for _, rest in heads]},
        {"title": items},
        {"text": items, "title": [None] * ITEMS},
    ):
        split = aw.Space(
            queries=space.queries, items=aw.Embeddings(space.items.vectors, metadata=about)
        )
        result = aw.compare(split, judged, "dot")
        assert floor(result).mean == pytest.approx(ndcg_by_hand(queries, items, relevant))


def test_what_is_hidden_from_the_measures_is_hidden_from_the_floor_of_words():
    space, judged, queries, items, relevant = library()
    first = [(row, int(np.argmax(by_hand(items, query)))) for row, query in enumerate(queries)]
    hidden = [pair for pair in first if pair[1] != relevant[pair[0]]]
    assert len(hidden) > 3
    seen = table(*np.transpose(hidden), shape=(QUERIES, ITEMS))
    due = ndcg_by_hand(queries, items, relevant, hidden)
    assert due > ndcg_by_hand(queries, items, relevant)
    by_labels = aw.compare(space, aw.Judgements(judged.gains, seen=seen), "dot")
    assert floor(by_labels).mean == pytest.approx(due)
    by_space, *_ = library(seen=seen)
    assert floor(aw.compare(by_space, judged, "dot")).mean == pytest.approx(due)


def test_what_a_space_has_seen_is_in_no_list_of_the_most_used():
    """The judgements need not repeat it, as those of a file do not."""
    space, judged, *_ = library()
    seen = table(
        np.repeat(np.arange(QUERIES), 12), np.tile(np.arange(12), QUERIES), shape=(QUERIES, ITEMS)
    )
    known = aw.Space(queries=space.queries, items=space.items, seen=seen)
    alone = aw.compare(known, judged, "dot")
    beside = aw.compare(known, aw.Judgements(judged.gains, seen=seen), "dot")
    assert [each.name for each in alone.floors] == ["random", "most used items", "item-kNN", "bm25"]
    assert alone.floors == beside.floors


def test_a_query_that_is_a_document_does_not_find_itself():
    space, judged, _queries, items, relevant = library()
    twins = aw.Embeddings(
        space.queries.vectors,
        [f"d{row:02}" for row in range(QUERIES)],
        metadata={"text": [items[row] for row in range(QUERIES)]},
    )
    result = aw.compare(aw.Space(queries=twins, items=space.items), judged, "dot", not_itself=True)
    own = [(row, row) for row in range(QUERIES)]
    kept = [row for row in range(QUERIES) if relevant[row] != row]
    due = ndcg_by_hand([items[row] for row in range(QUERIES)], items, relevant, own)
    assert floor(result).mean == pytest.approx(due * QUERIES / len(kept))


def test_items_with_texts_that_ask_each_other_have_it_too():
    space, *_ = library()
    pairs = table([0, 1, 2], [1, 2, 0], shape=(ITEMS, ITEMS))
    one_sided = aw.Space(items=space.items)
    result = aw.compare(one_sided, aw.Judgements(pairs, direction="items-items"), "dot")
    assert [each.name for each in result.floors] == ["random", "bm25"]


def test_a_document_is_the_text_of_its_passages():
    space, _judged, queries, items, relevant = library()
    halves = [part for text in items for part in (text[:27], text[28:])]
    names = [name for name in space.items.ids for _ in range(2)]
    passages = aw.Embeddings(
        np.repeat(space.items.vectors, 2, axis=0),
        [f"{name}#{row}" for row, name in enumerate(names)],
        metadata={"text": halves, "document": names},
    )
    cut = aw.Space(queries=space.queries, items=passages)
    labels = {f"q{row:02}": {f"d{item:02}": 1} for row, item in enumerate(relevant.tolist())}
    by_document = aw.Judgements.from_dict(labels, cut)
    assert by_document.parts is not None
    result = aw.compare(cut, by_document, "dot,cosine")
    assert [each.name for each in result.floors] == ["random", "bm25"]
    assert floor(result).mean == pytest.approx(ndcg_by_hand(queries, items, relevant))
    assert all(row.coverage.share > 0 for row in result.measures)

    # a document is hidden once all its passages are
    first = [(row, int(np.argmax(by_hand(items, query)))) for row, query in enumerate(queries)]
    hidden = [pair for pair in first if pair[1] != relevant[pair[0]]]
    rows, documents = np.transpose(hidden)
    for both, due in ((1, ndcg_by_hand(queries, items, relevant, hidden)), (0, floor(result).mean)):
        columns = np.concatenate([2 * documents, 2 * documents + both])
        out = table(*np.unique([np.tile(rows, 2), columns], axis=1), shape=(QUERIES, 2 * ITEMS))
        seen = aw.Space(queries=space.queries, items=passages, seen=out)
        assert floor(aw.compare(seen, by_document, "dot")).mean == pytest.approx(due)


def test_where_the_library_is_missing_that_is_said(monkeypatch):
    monkeypatch.setattr("anglewise.nearest_neighbours.bm25.has_bm25", lambda: False)
    space, judged, *_ = library()
    result = aw.compare(space, judged, "dot,cosine")
    assert [each.name for each in result.floors] == ["random"]
    assert result.floor_notes == ("bm25 not shown: install anglewise[bm25]",)
    assert result.to_dict()["floor_notes"] == ["bm25 not shown: install anglewise[bm25]"]
    bare = aw.Space(queries=aw.Embeddings(space.queries.vectors), items=space.items)
    assert aw.compare(bare, judged, "dot,cosine").floor_notes == ()


def test_rows_without_a_text_are_counted_and_found_by_nothing():
    space, judged, queries, items, relevant = library()
    half = [text if row % 4 else None for row, text in enumerate(queries)]
    some = aw.Space(
        queries=aw.Embeddings(space.queries.vectors, metadata={"text": half}),
        items=aw.Embeddings(space.items.vectors, metadata={"text": [*items[:-1], "  "]}),
    )
    result = aw.compare(some, judged, "dot")
    assert result.floor_notes == (
        "bm25 knows no text of 10 judged queries",
        "bm25 knows no text of 1 item",
        "bm25 has no list for 10 of 40 judged queries: they count as lists without any item",
    )
    assert 0 < floor(result).mean < ndcg_by_hand(queries, items, relevant)


@pytest.mark.parametrize(
    ("asked", "ranked", "limits", "said"),
    [
        ("", "red fish", {}, "no judged query has a text"),
        ("red", "a b", {}, "no item has a text with a word of two letters"),
        ("red", "red fish", {"MOST_CHARACTERS": 10}, "the texts hold 720 characters, and 10 are"),
        ("red", "red fish", {"MOST_SCORES": 3599}, "40 queries by 90 texts are more scores than"),
        ("red", "red fish", {"MOST_PRODUCTS": 99}, "words of the queries stand in 3,600 places"),
    ],
)
def test_texts_that_give_no_floor_say_why(monkeypatch, asked, ranked, limits, said):
    for name, limit in limits.items():
        monkeypatch.setattr(f"anglewise.comparison.floors.{name}", limit)
    space, judged, *_ = library()
    plain = aw.Space(
        queries=aw.Embeddings(space.queries.vectors, metadata={"text": [asked] * QUERIES}),
        items=aw.Embeddings(space.items.vectors, metadata={"text": [ranked] * ITEMS}),
    )
    result = aw.compare(plain, judged, "dot")
    assert [each.name for each in result.floors] == ["random"]
    (note,) = result.floor_notes
    assert note.startswith(f"bm25 not shown: {said}")


def test_without_texts_nothing_of_it_is_loaded():
    code = """
import sys, numpy as np, anglewise as aw
x = np.random.default_rng(0).standard_normal((30, 4))
space = aw.Space(queries=aw.Embeddings(x), items=aw.Embeddings(x))
labels = aw.Judgements.from_pairs([(str(i), str(i)) for i in range(30)], space)
assert aw.compare(space, labels, "dot,cosine").floors
print([name for name in sys.modules if "bm25" in name])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_several_spaces_have_the_floors_of_one():
    seen = table([0, 0, 1, 2], [3, 4, 3, 5], shape=(QUERIES, ITEMS))
    space, judged, *_ = library(seen=seen)
    alone = aw.compare(space, judged, "dot,cosine")
    names = ["random", "most used items", "item-kNN", "bm25"]
    assert [each.name for each in alone.floors] == names
    both = aw.compare_spaces({"old": space, "new": space}, judged, "dot,cosine", variants="int8")
    assert both.floors == alone.floors
    assert f"bm25 (nDCG@10 {floor(both).mean:.3f})" in both.verdict.reason
    for row in both.measures:
        assert row.coverage is not None
        assert set(row.strata) == {"head", "middle", "tail"}


def test_floors_of_several_spaces_do_not_hang_on_the_order_of_rows_or_on_who_has_the_texts():
    space, judged, *_ = library()
    rng = np.random.default_rng(3)
    asks, ranks = rng.permutation(QUERIES), rng.permutation(ITEMS)
    moved = aw.Space(queries=space.queries.take(asks), items=space.items.take(ranks))
    bare = aw.Space(
        queries=aw.Embeddings(moved.queries.vectors, moved.queries.ids),
        items=aw.Embeddings(moved.items.vectors, moved.items.ids),
    )
    expected = aw.compare(space, judged, "dot").floors
    for other in (moved, bare):
        for spaces in ({"a": space, "b": other}, {"b": other, "a": space}):
            result = aw.compare_spaces(spaces, {"a": judged}, "dot")
            assert floor(result) == floor(aw.compare_spaces({"a": space}, judged, "dot"))
            assert result.floors == expected


def test_use_that_only_the_second_space_knows_gives_its_floors():
    space, judged, _, _, relevant = library()
    rng = np.random.default_rng(3)
    used = rng.random((QUERIES, ITEMS)) < np.linspace(0.3, 0, ITEMS)
    used[np.arange(QUERIES), relevant] = False
    seen = table(*np.nonzero(used), shape=(QUERIES, ITEMS))
    asks, ranks = rng.permutation(QUERIES), rng.permutation(ITEMS)
    known = aw.Space(
        queries=space.queries.take(asks), items=space.items.take(ranks), seen=seen[asks][:, ranks]
    )
    result = aw.compare_spaces({"a": space, "b": known}, {"a": judged}, "dot")
    whole = aw.Space(queries=space.queries, items=space.items, seen=seen)
    assert result.floors == aw.compare(whole, judged, "dot").floors
    assert min(each.mean for each in result.floors) > 0

    # items that ask each other: the users who used them need not be in the common order
    pairs = table(np.arange(30), (np.arange(30) + 7) % 90, shape=(ITEMS, ITEMS))
    alike = aw.Judgements(pairs, direction="items-items")
    bare = aw.Space(queries=space.queries, items=space.items)
    result = aw.compare_spaces({"a": bare, "b": known}, {"a": alike}, "dot")
    assert result.floors == aw.compare(whole, alike, "dot").floors
    names = [each.name for each in result.floors]
    assert names[1:4] == ["most used items", "least used items", "item-kNN"]


def test_the_command_shows_it_on_every_surface(anglewise, tmp_path, monkeypatch):  # noqa: F811
    space, judged, *_ = library()
    folder, other = tmp_path / "space", tmp_path / "other"
    aw.write_space(space, folder, judgements={"queries-items": judged})
    aw.write_space(space, other, judgements={"queries-items": judged})
    page, text = tmp_path / "page.html", tmp_path / "page.md"
    for words in ((folder,), ("--spaces", folder, other)):
        run = anglewise("compare", *words, "--html", page, "--markdown", text)
        assert run.code == 0, run.err
        told = json.loads(anglewise("compare", *words, "--json", "-").out)
        mean = told["floors"][-1]["mean"]
        assert told["floors"][-1]["name"] == "bm25"
        assert f"bm25 (nDCG@10 {mean:.3f})" in told["verdict"]["reason"]
        for shown in (run.out, page.read_text(), text.read_text()):
            assert f"bm25 {mean:.3f} [" in " ".join(shown.split())
    monkeypatch.setattr("anglewise.nearest_neighbours.bm25.has_bm25", lambda: False)
    run = anglewise("compare", folder, "--html", page, "--markdown", text)
    for shown in (run.out, page.read_text(), text.read_text().replace("\\", "")):
        assert "bm25 not shown: install anglewise[bm25]." in " ".join(shown.split())


def test_an_index_that_takes_more_than_is_allowed_is_not_made(monkeypatch):
    space, judged, *_ = library()
    ranked = [f"word{row} {'of many others ' * 200}" for row in range(ITEMS)]
    large = aw.Space(
        queries=aw.Embeddings(space.queries.vectors, metadata={"text": ["word1"] * QUERIES}),
        items=aw.Embeddings(space.items.vectors, metadata={"text": ranked}),
    )
    assert BM25 in {each.name for each in aw.compare(large, judged, "dot").floors}
    monkeypatch.setenv("ANGLEWISE_MEMORY", "2MB")
    result = aw.compare(large, judged, "dot")
    assert BM25 not in {each.name for each in result.floors}
    (note,) = result.floor_notes
    assert re.fullmatch(
        r"bm25 not shown: an index of texts of [\d,]+ characters may take more than the 2.0 MB "
        r"that are allowed: allow more: ANGLEWISE_MEMORY=\S+",
        note,
    )
    monkeypatch.setenv("ANGLEWISE_MEMORY", note.rpartition("=")[2])
    assert not aw.compare(large, judged, "dot").floor_notes
    monkeypatch.setenv("ANGLEWISE_MEMORY", "2MB")
    with pytest.raises(ValuesError, match="may take more than"):
        Bm25Index.of(ranked)


def test_a_dry_run_forecasts_the_floor_of_texts(monkeypatch):
    space, judged, *_ = library()
    texts = [f"word{row} {'of many others ' * 2000}" for row in range(ITEMS)]
    without = forecast(
        aw.Space(queries=space.queries, items=aw.Embeddings(space.items.vectors)),
        judged,
        measures("dot"),
        read_metrics("nDCG@10"),
    )
    large = aw.Space(
        queries=aw.Embeddings(space.queries.vectors, metadata={"text": ["word1"] * QUERIES}),
        items=aw.Embeddings(space.items.vectors, metadata={"text": texts}),
    )
    with_texts = forecast(large, judged, measures("dot"), read_metrics("nDCG@10"))
    assert (without.floor_seconds, without.floor_bytes) == (0, 0)
    assert with_texts.floor_bytes == index_bytes(texts) > 75 * 3 * 2000 * ITEMS
    assert with_texts.floor_seconds > 1
    assert with_texts.bytes == without.bytes + with_texts.floor_bytes
    monkeypatch.setenv("ANGLEWISE_MEMORY", "2MB")
    assert forecast(large, judged, measures("dot"), read_metrics("nDCG@10")).floor_bytes == 0


def test_a_floor_that_is_better_than_all_is_said_to_be():
    """That nothing is shown to beat it would be too little."""
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(150)]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(120)]
    vectors = rng.standard_normal((120, 4))
    space = aw.Space(
        queries=aw.Embeddings(vectors[::-1][:80], metadata={"text": texts[:80]}),
        items=aw.Embeddings(vectors, metadata={"text": texts}),
    )
    judged = aw.Judgements.from_dict({str(i): {str(i): 1} for i in range(80)}, space)
    result = aw.compare(space, judged, "dot,cosine")
    assert "bm25 (nDCG@10 1.000) is better than every measure here" in result.verdict.reason
    assert next(floor for floor in result.floors if floor.name == "bm25").beats_all
