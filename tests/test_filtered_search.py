"""A filtered search is the search among what passes, in the frame of all; nothing else changes."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.nearest_neighbours.search import search_vectors
from anglewise.similarity_measures.formulas import Dot, Measure

MEASURES = "dot,cosine,euclidean,manhattan,norm(0,0.5),cosine@centred,csls(5),mutual-proximity"
ITEMS, QUERIES = 300, 25


def space(seen=None, seed=0):
    """Rounded coordinates, so that many scores are equal, and ids in another order than rows."""
    rng = np.random.default_rng(seed)
    draw = lambda n: rng.normal(size=(n, 4)).round(1)  # noqa: E731
    items = aw.Embeddings(
        draw(ITEMS),
        ids=[f"i{7 * row % ITEMS}" for row in range(ITEMS)],
        metadata={
            "tenant": rng.choice(["a", "b", "c", "alone", None], ITEMS).tolist(),
            "year": [None if row % 9 == 0 else 1950 + row % 60 for row in range(ITEMS)],
        },
    )
    queries = aw.Embeddings(
        draw(QUERIES),
        ids=[f"q{row}" for row in range(QUERIES)],
        metadata={"tenant": rng.choice(["a", "b", "c", "other", None], QUERIES).tolist()},
    )
    return aw.Space(items=items, queries=queries, seen=seen)


def of_tenant(space, query, item):
    tenant = space.items.metadata["tenant"][item]
    return tenant is not None and tenant == space.queries.metadata["tenant"][query]


def item(space, name, row):
    return space.items.metadata[name][row]


FILTERS = {
    "a value": ({"tenant": "b"}, lambda s, _, i: item(s, "tenant", i) == "b"),
    "a comparison": ("year >= 1990", lambda s, _, i: (item(s, "year", i) or 0) >= 1990),
    "the query's own": ("items.tenant = queries.tenant", of_tenant),
    "both": (
        ["items.tenant = queries.tenant", {"year": {"<": 1970}}],
        lambda s, q, i: of_tenant(s, q, i) and (item(s, "year", i) or 9999) < 1970,
    ),
    "all": ({"not": {"year": 0}}, lambda s, _, i: item(s, "year", i) is not None),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("k", [1, 12, ITEMS])
def test_a_filtered_search_is_the_whole_ranking_without_what_fails(name, k):
    where, passes = FILTERS[name]
    seen = np.random.default_rng(1).random((QUERIES, ITEMS)) < 0.1
    from scipy.sparse import csr_array

    made = space(csr_array(seen.astype(float)))
    whole = aw.search(made, MEASURES, k=ITEMS)
    filtered = aw.search(made, MEASURES, k=k, where=where)
    for measure, lists in whole.items():
        for query in range(QUERIES):
            scores = dict(zip(lists.indices[query], lists.scores[query], strict=True))
            allowed = [i for i in lists.indices[query] if i >= 0 and passes(made, query, i)]
            found = filtered[measure].indices[query]
            best = allowed[:k]
            assert found.tolist() == best + [-1] * (k - len(best))
            assert filtered[measure].scores[query, : len(best)].tolist() == [
                scores[i] for i in best
            ]
            cut = [i for i in allowed[k:] if scores[i] == scores[best[-1]]]
            assert filtered[measure].tied_at_cut[query] == len(cut)


def test_a_filtered_search_is_the_search_of_the_part_where_nothing_is_fitted():
    made = space()
    rows = np.flatnonzero([cell == "c" for cell in made.items.metadata["tenant"]])
    part = aw.Space(items=made.items.take(rows), queries=made.queries)
    alone = aw.search(part, "dot,cosine,euclidean", k=20)
    filtered = aw.search(made, "dot,cosine,euclidean", k=20, where={"tenant": "c"})
    for measure, lists in alone.items():
        assert np.array_equal(rows[lists.indices], filtered[measure].indices)
        assert np.array_equal(lists.scores, filtered[measure].scores)


@pytest.mark.parametrize("direction", ["items-items", "queries-queries"])
def test_a_filter_is_of_what_is_ranked_and_nothing_lists_itself(direction):
    made = space()
    ranked = made.sides(direction)[1]
    found = aw.search(made, "cosine", k=5, direction=direction, where={"tenant": "a"})["cosine"]
    tenants = ranked.metadata["tenant"]
    for row, places in enumerate(found.indices):
        listed = [i for i in places.tolist() if i >= 0]
        assert listed
        assert row not in listed
        assert {tenants[i] for i in listed} == {"a"}


def test_threads_and_the_order_of_queries_change_nothing():
    made, where = space(), "items.tenant = queries.tenant"
    rows = np.array([5, 3, 3, 20, 0])
    some = aw.search(made, MEASURES, k=7, where=where, rows=rows, threads=1)
    every = aw.search(made, MEASURES, k=7, where=where, threads=2)
    for measure, lists in some.items():
        assert np.array_equal(lists.indices, every[measure].indices[rows])
        assert np.array_equal(lists.scores, every[measure].scores[rows])


def test_the_index_and_vectors_of_elsewhere_are_filtered_alike():
    made = space()
    index = aw.Index(made, "csls(5)")
    vectors = aw.Embeddings(np.random.default_rng(3).normal(size=(4, 4)))
    few, most = {"tenant": ["a", "b"], "year": {">": 1980}}, {"year": {">": 1952}}
    for where in (few, most):
        lists = search_vectors(made, vectors, "csls(5)", k=9, where=where)["csls(5)"]
        for row, hits in enumerate(index.search(vectors.vectors, 9, where=where)):
            assert [hit.id for hit in hits] == made.items.ids[lists.indices[row]].tolist()
            assert [hit.score for hit in hits] == lists.scores[row].tolist()


def test_progress_is_told_to_the_end():
    steps = []
    made = space()
    aw.search(
        made,
        "dot,manhattan",
        where="items.tenant = queries.tenant",
        progress=lambda done, total: steps.append(done / total),
    )
    assert steps == sorted(steps)
    assert steps[-1] == 1


def test_a_filter_that_cannot_be_applied_is_refused():
    made = space()
    with pytest.raises(TooFewError, match="none of 300 items passes"):
        aw.search(made, "dot", where={"tenant": "z"})
    with pytest.raises(SpellingError, match="these vectors have no metadata"):
        aw.Index(made, "dot").nearest(np.ones(4), where="items.tenant = queries.tenant")
    with pytest.raises(SpellingError, match="no metadata is called 'tenant'"):
        search_vectors(
            made, aw.Embeddings([[1.0] * 4]), "dot", where="items.tenant = queries.tenant"
        )


class ByRow(Dot):
    """A formula that reads the numbers of rows."""

    def __str__(self):
        return "by-row"

    def score_at(self, rows, product, query_norms, item_norms):
        return self.score(product + 0.0 * rows, query_norms, item_norms)


def test_a_formula_that_reads_rows_and_does_not_say_how_is_not_filtered():
    with pytest.raises(SpellingError, match="of_rows"):
        aw.search(space(), [Measure(ByRow())], where={"tenant": "a"})


def test_a_copy_that_would_fill_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr("anglewise.nearest_neighbours.some_items.ALWAYS_FITS", 0)
    rng = np.random.default_rng(0)
    items = aw.Embeddings(rng.normal(size=(3000, 16)), metadata={"odd": [0, 1] * 1500})
    made = aw.Space(queries=aw.Embeddings(rng.normal(size=(2, 16))), items=items)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "90kB")
    with pytest.raises(ValuesError, match="1,500 items that pass takes 96 kB"):
        aw.search(made, "dot", k=1, where={"odd": 1})
