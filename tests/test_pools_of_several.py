"""Pools over several spaces and runs, and what they say of all queries."""

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Run, Space, search
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import IdsError, SpellingError, ValuesError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.labelling.sample import sample
from anglewise.nearest_neighbours.competing import Competing

QUERIES, ITEMS, DEPTH = 120, 150, 10
QUERY_IDS = [f"q{row}" for row in range(QUERIES)]
ITEM_IDS = [f"d{row}" for row in range(ITEMS)]


def noisy(rng, vectors, noise):
    return vectors + noise[:, None] * rng.normal(size=vectors.shape)


@pytest.fixture(scope="module")
def agree():
    """On these queries all candidates find the same, so that their pools are small."""
    return np.arange(QUERIES) < QUERIES // 2


@pytest.fixture(scope="module")
def spaces(agree):
    rng = np.random.default_rng(0)
    items = rng.normal(size=(ITEMS, 8)) * rng.lognormal(0, 0.4, (ITEMS, 1))
    queries = rng.normal(size=(QUERIES, 8))
    noise = np.where(agree, 0.02, 2.0)
    order = rng.permutation(ITEMS)
    old = Space(queries=Embeddings(queries, QUERY_IDS), items=Embeddings(items, ITEM_IDS))
    new = Space(
        queries=Embeddings(noisy(rng, queries, noise), QUERY_IDS),
        items=Embeddings(items[order], [ITEM_IDS[row] for row in order]),
    )
    return {"old": old, "new": new}


@pytest.fixture(scope="module")
def run(spaces, agree):
    rng = np.random.default_rng(1)
    old = spaces["old"]
    queries = noisy(rng, old.queries.vectors, np.where(agree, 0.02, 2.0))
    scores = queries @ old.items.vectors.T
    lists = {
        QUERY_IDS[row]: {ITEM_IDS[item]: float(scores[row, item]) for item in best}
        for row, best in enumerate(np.argsort(-scores, axis=1)[:, : 2 * DEPTH])
    }
    return Run.from_dict(lists, "other")


@pytest.fixture(scope="module")
def competing(spaces, run):
    return Competing.of(spaces, "dot,cosine", "queries-items", [run])


def firsts(lists):
    return [{int(item) for item in row if item >= 0} for row in lists.indices]


def test_a_pool_holds_what_any_space_measure_or_run_ranks_near(spaces, run):
    drawn = sample(spaces, "dot,cosine", runs=[run], budget=300)
    due: dict[str, set[str]] = {QUERY_IDS[row]: set() for row in drawn.queries}
    for space in spaces.values():
        rows = [space.queries.row_of[query] for query in due]
        for lists in search(space, "dot,cosine", k=DEPTH, rows=rows).values():
            for query, items in zip(due, lists.indices, strict=True):
                due[query] |= set(space.items.ids[items].tolist())
    for query in due:
        due[query] |= {item for item, _ in run[query][:DEPTH]}
    found: dict[str, set[str]] = {query: set() for query in due}
    for row, item in zip(drawn.rows, drawn.items, strict=True):
        found[QUERY_IDS[row]].add(drawn.item_ids[item])
    assert found == due
    assert drawn.measures == ("old: dot", "old: cosine", "new: dot", "new: cosine", "other")
    assert len(drawn) <= 300


def test_one_space_in_a_dict_is_drawn_as_it_is_alone(spaces):
    alone, named = (
        sample(given, "dot,cosine", budget=100, seed=2)
        for given in (spaces["old"], {"old": spaces["old"]})
    )
    assert alone.rows.tolist() == named.rows.tolist()
    assert alone.items.tolist() == named.items.tolist()
    assert alone.measures == named.measures == ("dot", "cosine")


def test_items_that_only_a_space_or_a_run_holds_are_judged_too(spaces):
    old = spaces["old"]
    fresh = Embeddings(
        np.concatenate([old.items.vectors, 9 * old.queries.vectors[:5]]),
        [*ITEM_IDS, *(f"new{row}" for row in range(5))],
    )
    alone = Run.from_dict({query: ["unheard", "d1"] for query in QUERY_IDS}, "other")
    spaces = {"old": old, "new": Space(queries=old.queries, items=fresh)}
    drawn = sample(spaces, "dot", runs=[alone], budget=2000)
    names = set(drawn.item_ids[drawn.items].tolist())
    assert "unheard" in names
    assert names & {f"new{row}" for row in range(5)}


def test_only_queries_of_every_space_are_drawn_and_the_rest_is_said(spaces):
    old, new = spaces.values()
    vectors = new.queries.vectors.copy()
    vectors[50] = 0
    fewer = Space(queries=Embeddings(vectors[40:], QUERY_IDS[40:]), items=new.items)
    drawn = sample({"old": old, "new": fewer}, "dot", budget=500)
    assert drawn.queries.min() >= 40
    assert 50 not in drawn.queries
    assert "41 of 120 queries of old are not in every space" in drawn.notes[0]


def test_a_run_without_a_list_or_with_a_short_one_is_said(spaces):
    short = Run.from_dict({query: ["d1", "d2"] for query in QUERY_IDS[:100]}, "short")
    drawn = sample(spaces["old"], "dot", runs=[short], budget=2000)
    assert "short has no list for 20 queries of 120 drawn" in drawn.notes[0]
    assert "short ends before 10 places for 100 queries of 120 drawn" in drawn.notes[1]


def test_what_one_space_hides_no_list_shows(spaces, run):
    old, new = spaces.values()
    best = search(new, "dot", k=3)["dot"].indices
    rows = np.repeat(np.arange(QUERIES), 3)
    seen = SparseRows.from_pairs(rows, best.ravel(), shape=(QUERIES, ITEMS))
    hiding = {"old": old, "new": Space(queries=new.queries, items=new.items, seen=seen)}
    competing = Competing.of(hiding, "dot,cosine", "queries-items", [run])
    hidden = [{competing.number_of[new.items.ids[item]] for item in row} for row in best]
    for lists in competing.lists(np.arange(QUERIES), DEPTH, None).values():
        assert all(
            len(row) == DEPTH and not row & gone
            for row, gone in zip(firsts(lists), hidden, strict=True)
        )


def test_items_that_ask_each_other_are_in_no_list_of_their_own(spaces):
    old, new = spaces.values()
    among = Run.from_dict(
        {name: [*dict.fromkeys([name, "d0", "d1"])] for name in ITEM_IDS}, "other"
    )
    competing = Competing.of({"old": old, "new": new}, "dot", "items-items", [among])
    rows = np.arange(20)
    for lists in competing.lists(rows, 5, None).values():
        assert all(row not in found for row, found in zip(rows, firsts(lists), strict=True))


def test_earlier_judgements_in_the_names_of_all_are_left_out(spaces, run, competing):
    first = sample(spaces, "dot,cosine", runs=[run], budget=200, seed=3)
    known = Judgements(SparseRows.from_pairs(first.rows, first.items, shape=competing.shape))
    again = sample(spaces, "dot,cosine", runs=[run], budget=9000, judged=known, seed=4)
    pairs = set(zip(first.rows.tolist(), first.items.tolist(), strict=True))
    assert not pairs & set(zip(again.rows.tolist(), again.items.tolist(), strict=True))


def test_no_order_tells_which_candidate_brought_an_item(spaces, run):
    """Judges go query by query, and within one the place says nothing about any candidate."""
    drawn = sample(spaces, "dot,cosine", runs=[run], budget=3000)
    assert np.count_nonzero(np.diff(drawn.rows)) == len(drawn.queries) - 1
    place = np.concatenate(
        [np.linspace(0, 1, np.count_nonzero(drawn.rows == row)) for row in drawn.queries]
    )
    for column in range(len(drawn.measures)):
        brought = drawn.ranks[:, column] > 0
        assert abs(np.corrcoef(place, brought)[0, 1]) < 3.5 / np.sqrt(len(drawn))


def texts(space, words):
    items = Embeddings(space.items.vectors, space.items.ids.tolist(), {"text": words})
    return Space(queries=space.queries, items=items)


def test_spaces_that_share_ids_but_not_texts_are_refused(spaces):
    old, new = spaces.values()
    words = {name: f"the text of {name}" for name in ITEM_IDS}
    told = texts(old, [words[name] for name in old.items.ids])
    same = texts(new, [f" {words[name]}\n" for name in new.items.ids])
    assert len(sample({"old": told, "new": same}, "dot", budget=50))
    other = texts(new, ["changed" if n == "d7" else words[n] for n in new.items.ids])
    with pytest.raises(ValuesError, match=r"1 of 150 items .* 'd7': 'the text of d7' in old, 'cha"):
        sample({"old": told, "new": other}, "dot", budget=50)


def test_that_texts_could_not_be_compared_is_said(spaces):
    drawn = sample(spaces, "dot", budget=50)
    assert any("is taken as given" in note for note in drawn.notes)


def test_strangers_are_refused(spaces):
    old = spaces["old"]
    others = Space(queries=old.queries, items=Embeddings(old.items.vectors))
    with pytest.raises(IdsError, match="none of their items in common"):
        sample({"old": old, "new": others}, "dot")
    with pytest.raises(IdsError, match="name the items alike"):
        sample(old, "dot", runs=[Run.from_dict({"q1": ["x"]}, "other")])
    with pytest.raises(IdsError, match="name the queries alike"):
        sample(old, "dot", runs=[Run.from_dict({"x": ["d1"]}, "other")])
    with pytest.raises(SpellingError, match="two candidates are called 'dot'"):
        sample(old, "dot", runs=[Run.from_dict({"q1": ["d1"]}, "dot")])


@pytest.mark.slow
@pytest.mark.parametrize("by", ["pool", "disagreement"])
def test_estimates_from_pools_of_several_are_unbiased(spaces, run, competing, agree, by):
    """Means of every space, measure and run, over draws, are those over all queries judged whole.

    Relevance is more frequent where candidates agree: a draw that prefers either kind is off.
    """
    rng = np.random.default_rng(2)
    likely = np.where(agree, 0.7, 0.2)[:, None]
    truth = (rng.random((QUERIES, ITEMS)) < likely).astype(float)
    metric = "DCG(sampled)@10"

    def means(judgements, rows):
        lists = competing.lists(rows, DEPTH, None)
        return evaluate(lists, judgements, rows, metric)[metric].mean(axis=1)

    every = np.indices(truth.shape).reshape(2, -1)
    whole = Judgements(SparseRows.from_pairs(*every, truth.ravel(), shape=truth.shape))
    due = means(whole, np.arange(QUERIES))
    found = []
    for seed in range(150):
        drawn = sample(spaces, "dot,cosine", runs=[run], budget=250, by=by, seed=seed)
        gains = truth[drawn.rows, drawn.items]
        graded, chances = (
            SparseRows.from_pairs(drawn.rows, drawn.items, values, shape=truth.shape)
            for values in (gains, drawn.chances)
        )
        found.append(means(Judgements(graded, chances=chances), drawn.queries))
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - due) < 3.5 * error).all()
    assert (error < due / 10).all()
