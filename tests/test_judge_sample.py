"""Which pairs to judge: fair to all queries, all measures and all judges."""

import numpy as np
import pytest

from anglewise import AnglewiseError, Embeddings, Judged, Judgements, JudgementStore, Space, search
from anglewise.data_types.drawn import drawn_context, query_draw, weighted_means
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.labelling.sample import sample

QUERIES, ITEMS = 120, 200


@pytest.fixture(scope="module")
def space():
    rng = np.random.default_rng(0)
    items = rng.normal(size=(ITEMS, 8)) * rng.lognormal(0, 0.5, (ITEMS, 1))
    about = {
        "text": ["word " * int(n) for n in rng.integers(1, 40, QUERIES)],
        "kind": rng.choice(["rare", "common"], QUERIES, p=[0.1, 0.9]).tolist(),
        "asked": rng.integers(1, 5, QUERIES).tolist(),
    }
    return Space(
        queries=Embeddings(rng.normal(size=(QUERIES, 8)), metadata=about), items=Embeddings(items)
    )


@pytest.fixture(scope="module")
def truth(space):
    """Relevant is what has a small angle, by chance."""
    rng = np.random.default_rng(1)
    x = space.items.vectors / space.items.norms[:, None]
    near = space.queries.vectors @ x.T / space.queries.norms[:, None]
    return (rng.random(near.shape) < 1 / (1 + np.exp(-8 * (near - 0.6)))).astype(float)


def difference(space, judgements, rows, metric):
    found = search(space, "dot,cosine", rows=rows)
    values = evaluate(found, judgements, rows, metric)[metric]
    return values[1] - values[0]


def judged_as(truth, drawn):
    shape = truth.shape
    gains = truth[drawn.rows, drawn.items]
    return Judgements(
        SparseRows.from_pairs(drawn.rows, drawn.items, gains, shape=shape),
        chances=SparseRows.from_pairs(drawn.rows, drawn.items, drawn.chances, shape=shape),
    )


def test_pools_are_whole_and_keep_the_budget(space):
    drawn = sample(space, "dot,cosine", budget=100)
    assert 80 <= len(drawn) <= 100
    found = search(space, "dot,cosine", rows=drawn.queries)
    due = {
        (int(row), int(item))
        for one in found.values()
        for row, items in zip(drawn.queries, one.indices, strict=True)
        for item in items
    }
    assert set(zip(drawn.rows.tolist(), drawn.items.tolist(), strict=True)) == due
    assert (drawn.chances == 1).all()


def test_ranks_are_those_of_the_search(space):
    drawn = sample(space, "dot,cosine", budget=100)
    found = search(space, "dot,cosine", rows=drawn.rows)
    for column, one in enumerate(found.values()):
        for pair, items in enumerate(one.indices):
            at = np.flatnonzero(items == drawn.items[pair])
            assert drawn.ranks[pair, column] == (at[0] + 1 if len(at) else 0)


def test_judges_go_query_by_query_and_see_no_ranking(space):
    drawn = sample(space, "dot,cosine", budget=200)
    changes = np.count_nonzero(np.diff(drawn.rows))
    assert changes == len(drawn.queries) - 1
    ranks = np.where(drawn.ranks[:, 0] > 0, drawn.ranks[:, 0], 11)
    assert abs(np.corrcoef(np.arange(len(drawn)), ranks)[0, 1]) < 0.2


def test_every_stratum_gets_its_share(space):
    kinds = np.array(space.queries.metadata["kind"])
    for seed in range(10):
        asked = sample(space, "dot,cosine", budget=400, strata=["kind"], seed=seed).queries
        expected = len(asked) * np.mean(kinds == "rare")
        assert abs(np.count_nonzero(kinds[asked] == "rare") - expected) < 2


@pytest.mark.slow
def test_queries_asked_more_often_are_drawn_more_often(space):
    asked = np.array(space.queries.metadata["asked"])
    held = np.zeros(5)
    for seed in range(60):
        drawn = sample(space, "dot,cosine", budget=120, traffic="asked", seed=seed)
        held += np.bincount(asked[drawn.queries], minlength=5)
    rate = held[1:] / np.bincount(asked)[1:]
    np.testing.assert_allclose(rate / rate[0], [1, 2, 3, 4], rtol=0.25)


def heavy_space():
    """Queries of which few are asked very often, and those have other values than the rest."""
    rng = np.random.default_rng(4)
    values = rng.random((1, QUERIES))
    traffic = np.exp(5 * values[0] + rng.normal(0, 0.5, QUERIES))
    items = Embeddings(rng.normal(size=(ITEMS, 8)))
    queries = Embeddings(rng.normal(size=(QUERIES, 8)), metadata={"asked": traffic.tolist()})
    return Space(queries=queries, items=items), values, traffic


@pytest.mark.slow
def test_means_weighed_by_the_chances_of_a_draw_by_traffic_are_unbiased():
    """Counted alike they are biased, for each kind of mean."""
    space, values, traffic = heavy_space()
    due = {"each_query": values.mean(), "as_asked": float((values @ traffic)[0] / traffic.sum())}
    plain, weighed = [], {name: [] for name in due}
    for seed in range(150):
        drawn = sample(space, "dot,cosine", budget=700, traffic="asked", seed=seed)
        told = query_draw(
            (
                (row, drawn_context(chance, asked, drawn.name))
                for row, chance, asked in zip(
                    drawn.rows.tolist(),
                    drawn.query_chances.tolist(),
                    drawn.traffic.tolist(),
                    strict=True,
                )
            ),
            QUERIES,
        )
        rows = np.unique(drawn.rows)
        assert told.known(rows)
        plain.append(values[0, rows].mean())
        for name in due:
            weights = told.each_query(rows) if name == "each_query" else told.as_asked(rows).values
            mean = weighted_means(values[:, rows], weights)
            weighed[name].append(float(mean[0]))
    for name, mean in due.items():
        error = np.std(weighed[name], ddof=1) / np.sqrt(150)
        assert abs(np.mean(weighed[name]) - mean) < 3.5 * error
        assert error < 0.01
        assert abs(np.mean(plain) - mean) > 0.03


def test_a_draw_with_equal_chances_has_none_to_weigh_by(space):
    drawn = sample(space, "dot,cosine", budget=100)
    assert drawn.query_chances is None
    assert drawn.traffic is None


def test_the_chances_of_several_draws_or_of_none_are_not_known():
    first, second = drawn_context(0.5, 2.0, "first"), drawn_context(0.25, 1.0, "second")
    rows = np.array([0, 1])
    assert query_draw([(0, {}), (1, {"rank": 2})], 3) is None
    assert query_draw([(0, first), (1, first)], 3).known(rows)
    assert not query_draw([(0, first), (1, second)], 3).known(rows)
    assert not query_draw([(0, first), (1, {})], 3).known(rows)
    for damaged in ({"chance": 0}, {"chance": "1"}, {"chance": 2.0}, {"traffic": None}):
        told = {"drawn": {**first["drawn"], **damaged}}
        assert not query_draw([(0, first), (1, told)], 3).known(rows)


def test_what_was_judged_is_not_asked_again(space):
    first = sample(space, "dot,cosine", budget=100, seed=3)
    known = Judgements(SparseRows.from_pairs(first.rows, first.items, shape=(QUERIES, ITEMS)))
    again = sample(space, "dot,cosine", budget=2000, judged=known, seed=4)
    pairs = set(zip(first.rows.tolist(), first.items.tolist(), strict=True))
    assert not pairs & set(zip(again.rows.tolist(), again.items.tolist(), strict=True))


def test_a_draw_of_what_is_all_judged_is_refused_and_not_a_fault(space):
    every = np.indices((QUERIES, ITEMS)).reshape(2, -1)
    known = Judgements(
        SparseRows.from_pairs(*every, np.ones(QUERIES * ITEMS), shape=(QUERIES, ITEMS))
    )
    with pytest.raises(TooFewError, match="all that any measure finds for them is judged"):
        sample(space, "dot,cosine", judged=known)


def test_the_same_seed_draws_the_same(space):
    one, same, other = (sample(space, "dot,cosine", budget=100, seed=s) for s in (1, 1, 2))
    assert one.rows.tolist() == same.rows.tolist()
    assert one.rows.tolist() != other.rows.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("by", ["pool", "disagreement"])
def test_differences_are_estimated_without_bias(space, truth, by):
    """Over many draws the mean difference over the drawn queries is that over all of them."""
    every = np.indices(truth.shape).reshape(2, -1)
    full = Judgements(SparseRows.from_pairs(*every, truth.ravel(), shape=truth.shape))
    metric = "DCG(sampled)@10"
    due = difference(space, full, np.arange(QUERIES), metric).mean()
    found = []
    for seed in range(150):
        drawn = sample(space, "dot,cosine", budget=150, by=by, seed=seed)
        found.append(difference(space, judged_as(truth, drawn), drawn.queries, metric).mean())
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - due) < 3.5 * error
    assert error < abs(due) / 5


def test_an_unknown_stratum_names_what_there_is(space):
    with pytest.raises(SpellingError, match="there is text, kind, asked"):
        sample(space, "dot,cosine", strata=["colour"])


@pytest.mark.parametrize("strata", [["kind", "kind"], ["clusters(4)", "kind", "clusters(4)"]])
def test_a_stratum_that_is_named_twice_is_refused(space, strata):
    with pytest.raises(SpellingError, match="more than once"):
        sample(space, "dot,cosine", strata=strata)


def test_more_clusters_than_queries_are_refused_and_not_cut(space):
    with pytest.raises(AnglewiseError, match="1000000000 clusters of"):
        sample(space, "dot,cosine", strata=["clusters(1000000000)"])


def test_traffic_in_words_is_refused(space):
    with pytest.raises(ValuesError, match="'kind' is to hold numbers"):
        sample(space, "dot,cosine", traffic="kind")


def test_a_budget_below_one_query_is_refused(space):
    with pytest.raises(TooFewError, match="does not do for one query"):
        sample(space, "dot,cosine", budget=3)


def test_chances_and_times_come_back_from_the_store(space, tmp_path):
    drawn = sample(space, "dot,cosine", budget=100, by="disagreement")
    pairs = list(zip(drawn.rows.tolist(), drawn.items.tolist(), strict=True))
    with JudgementStore.open(tmp_path / "judged.sqlite") as store:
        store.add_many(
            Judged(
                str(row),
                str(item),
                1,
                judge="anna",
                time=float(at),
                probability=chance,
                context=drawn.context(at),
            )
            for at, ((row, item), chance) in enumerate(
                zip(pairs, drawn.chances.tolist(), strict=True)
            )
        )
        known = store.judgements(space, "queries-items")
    entry = dict(
        zip(
            zip(known.gains.rows, known.gains.indices, strict=True),
            known.chances.values,
            strict=True,
        )
    )
    assert [entry[pair] for pair in pairs] == drawn.chances.tolist()
    in_order = np.argsort(known.judged_at[drawn.queries])
    assert in_order.tolist() == list(range(len(drawn.queries)))


@pytest.mark.parametrize("by", ["pool", "disagreement"])
def test_nothing_is_drawn_where_everything_was_seen(by):
    rng = np.random.default_rng(0)
    every = SparseRows.from_pairs(*np.nonzero(np.ones((12, 25))), shape=(12, 25))
    users, items = (Embeddings(rng.standard_normal((size, 4))) for size in (12, 25))
    with pytest.raises(TooFewError, match="all of it was seen already"):
        sample(Space(queries=users, items=items, seen=every), "dot,cosine", budget=40, by=by)


def about_queries(cells):
    rng = np.random.default_rng(0)
    queries = Embeddings(rng.normal(size=(len(cells), 4)), metadata={"g": cells})
    return Space(queries=queries, items=Embeddings(rng.normal(size=(30, 4))))


@pytest.mark.parametrize("gap", [None, float("nan"), np.float32("nan"), "", " "])
def test_a_column_of_strata_with_gaps_is_refused(gap):
    """A NaN would put every query in one stratum, a None each number in one of its own."""
    cells = [gap if row % 2 else float(row % 3) for row in range(24)]
    with pytest.raises(
        ValuesError, match=r"column 'g' is empty for 12 queries, such as .*fill it in"
    ):
        sample(about_queries(cells), "dot", strata=["g"])


def test_a_column_of_strata_with_an_infinite_number_is_refused():
    cells = [float("inf") if row == 5 else float(row) for row in range(24)]
    with pytest.raises(ValuesError, match=r"'g' holds inf for query '5': finite numbers are due"):
        sample(about_queries(cells), "dot", strata=["g"])


@pytest.mark.parametrize("kind", ["int64", "int32", "float32", "float64"])
def test_numbers_of_an_array_are_cut_into_quarters_too(kind):
    drawn = sample(about_queries(np.arange(24).astype(kind)), "dot", budget=240, strata=["g"])
    assert set(drawn.strata) == {"g lowest", "g low", "g high", "g highest"}
