"""Scores of random pairs: each is as likely as any other, nobody is paired with itself."""

from dataclasses import replace

import numpy as np
import pytest

from anglewise import Embeddings, Space, random_pairs, search
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.report.retrieval_documents import QueryNeighbours
from anglewise.similarity_measures.measure import measures


def a_space(items=60, users=40, seed=0):
    rng = np.random.default_rng(seed)
    return Space(
        queries=Embeddings(rng.standard_normal((users, 5)) + 1),
        items=Embeddings(rng.standard_normal((items, 5)) * rng.lognormal(0, 1, (items, 1)) + 1),
    )


@pytest.mark.parametrize("direction", ["queries-items", "items-items", "queries-queries"])
@pytest.mark.parametrize("name", ["dot", "cosine", "euclidean", "csls(5)", "cosine@centred"])
def test_where_few_pairs_are_all_are_scored_as_search_scores_them(direction, name):
    space = a_space()
    asking, ranked = space.sides(direction)
    k = len(ranked) - (asking is ranked)
    found = search(space, name, k=k, direction=direction)[name]
    pairs = random_pairs(space, name, direction=direction)
    assert pairs.every
    assert pairs.pairs == len(asking) * k
    due = np.sort(found.scores.ravel())
    if name == "csls(5)":  # fitted twice, by products whose last digit may differ
        assert np.allclose(pairs.scores[0], due, rtol=1e-10)
    else:
        assert np.array_equal(pairs.scores[0], due)


def test_a_share_of_many_pairs_is_that_of_all_but_for_chance():
    space = a_space(items=400, users=300)
    every = random_pairs(space, "dot,cosine", pairs=400 * 300)
    drawn = random_pairs(space, "dot,cosine", pairs=20_000, seed=3)
    assert (every.every, drawn.every) == (True, False)
    for name, row in zip(every.measures, every.scores, strict=True):
        for share in (0.01, 0.5, 0.9, 0.99):
            score = np.quantile(row, share)
            error = 5 * np.sqrt(share * (1 - share) / 20_000)
            assert abs(drawn.share_below(name, score) - share) < error


def test_nobody_is_paired_with_itself():
    space = Space(items=Embeddings(np.eye(200)))
    pairs = random_pairs(space, "cosine", direction="items-items", pairs=5_000)
    assert pairs.scores.max() == 0


def test_the_same_seed_draws_the_same_pairs():
    space = a_space(items=400, users=300)
    first, again, other = (random_pairs(space, "dot", pairs=500, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.scores, again.scores)
    assert not np.array_equal(first.scores, other.scores)


def test_what_cannot_be_drawn_is_refused():
    one = Space(items=Embeddings([[1.0, 2.0]]))
    with pytest.raises(TooFewError, match="cannot be paired"):
        random_pairs(one, "dot", direction="items-items")
    with pytest.raises(ValuesError, match="pairs"):
        random_pairs(a_space(), "dot", pairs=0)
    with pytest.raises(SpellingError, match="was not asked"):
        random_pairs(a_space(), "dot").share_below("cosine", 1.0)


@pytest.mark.parametrize(
    ("score", "words"),
    [(19_999.5, "; above all of 10,000 random pairs"), (0.5, "; above 0% of 10,000 random pairs")],
)
def test_no_share_is_rounded_up(score, words):
    x = np.arange(1.0, 20_001.0)[:, None]
    wanted = measures("dot")
    space = Space(queries=Embeddings([[1.0]]), items=Embeddings(x))
    found = search(space, wanted, k=1)
    found["dot"].scores[:] = score
    shown = QueryNeighbours(space, "queries-items", 0, wanted, found)
    assert shown.by_chance(shown.lists[0]) == words
    some = replace(shown, where="listed: 3 of 20,000 items")
    assert some.by_chance(some.lists[0]) == f"{words}, of all items, whichever pass the filter"


def test_a_list_of_an_item_alone_says_nothing_of_chance():
    space = Space(items=Embeddings([[1.0, 2.0]]))
    found = search(space, "dot", k=1, direction="items-items")
    shown = QueryNeighbours(space, "items-items", 0, measures("dot"), found)
    assert shown.lists[0]["random_pairs"] is None
    assert shown.by_chance(shown.lists[0]) == ""
