"""Laws of every measure that can be spelled: each formula, in each frame.

A formula or frame entered in ``spelling.py`` is held to them without a further line here; one
that takes numbers needs an example of them in ``NUMBERS``.
"""

import itertools
from functools import cache

import numpy as np
import pytest

from anglewise import Embeddings, Measure, Space, measure, search
from anglewise.evaluation_metrics.evaluate import score_pairs
from anglewise.similarity_measures.formulas import BlockFormula, Dot, fitted
from anglewise.similarity_measures.frames import fit_frames
from anglewise.similarity_measures.measure import FORMULAS, FRAMES

NUMBERS = {
    "norm": "(0,0.5)",
    "csls": "(5)",
    "local-scaling": "(5)",
    "without-top": "(1)",
    "power": "(0.3)",
    "random": "(30,1)",
}
"""An example of the numbers of each word that takes some."""
SAME_KIND_ONLY = {"data-space"}
"""Frames in which a query and an item have no coordinates in common."""

FORMULA_SPELLINGS = [word + NUMBERS.get(word, "") for word in FORMULAS]
FRAME_SPELLINGS = [*(word + NUMBERS.get(word, "") for word in FRAMES), "whitened(0.1)"]
SPELLINGS = FORMULA_SPELLINGS + [
    "@".join(pair) for pair in itertools.product(FORMULA_SPELLINGS, FRAME_SPELLINGS)
]
WITH_TERMS = [one for one in FORMULA_SPELLINGS if measure(one).formula.terms(np.ones(1))]
BY_ANGLE = [one for one in FORMULA_SPELLINGS if measure(one).formula.product == "dot"]
every_measure = pytest.mark.parametrize("spelling", SPELLINGS)
every_formula = pytest.mark.parametrize("spelling", FORMULA_SPELLINGS)
every_frame = pytest.mark.parametrize("spelling", FRAME_SPELLINGS)


def directions(spelling):
    """The directions in which a measure may be asked."""
    alone = spelling.partition("@")[2] in SAME_KIND_ONLY
    return ("items-items",) if alone else ("queries-items", "items-items")


@cache
def a_space(queries=25, items=60, d=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((items, d)) * rng.lognormal(0, 0.7, (items, 1)) + 0.5
    x[3], x[4], x[7] = 0, 0, x[8]  # two zero vectors, two that are the same
    q = rng.standard_normal((queries, d))
    q[2] = 0
    return Space(queries=Embeddings(q), items=Embeddings(x), trained_for="dot")


def all_scores(space, spelling, direction):
    """Every score of a direction, by the way that judges pairs and not by the search."""
    one = measure(spelling)
    if direction == "queries-items":
        shape = len(space.queries), len(space.items)
        rows = (side.ravel() for side in np.indices(shape))
        return score_pairs(space, [one], *rows).reshape(shape)
    maps = fit_frames(one.frames, space, direction)
    formula = fitted(one, space, direction).formula
    x = space.items.vectors.astype(np.float64)
    return formula_scores(formula, *((x, x) if maps is None else (maps.asking(x), maps.ranked(x))))


@cache
def scores_of_a_space(spelling, direction):
    scores = all_scores(a_space(), spelling, direction)
    scores.flags.writeable = False
    return scores


def formula_scores(formula, queries, items):
    """The scores of a formula from its own definition."""
    if isinstance(formula, BlockFormula):
        return formula.block(queries, items)
    differences = queries[:, None] - items[None]
    product = {
        "dot": lambda: queries @ items.T,
        "squared-distance": lambda: np.square(differences).sum(axis=2),
        "manhattan": lambda: np.abs(differences).sum(axis=2),
    }[formula.product]()
    norms = np.linalg.norm(queries, axis=1), np.linalg.norm(items, axis=1)
    wide = np.broadcast_arrays(norms[0][:, None], norms[1][None])
    if formula.unit_queries:
        product /= np.where(norms[0] > 0, norms[0], 1.0)[:, None]
    rows = np.broadcast_to(np.arange(len(items)), product.shape).copy()
    return formula.score_at(rows, product, *(side.copy() for side in wide))


@every_measure
def test_spellings_are_read_back_as_they_are_written(spelling):
    assert str(measure(spelling)) == spelling
    assert measure(str(measure(spelling))) == measure(spelling)
    assert hash(measure(spelling)) == hash(measure(spelling))
    assert str(measure(spelling.upper().replace("@", " @ "))) == spelling


@every_measure
def test_no_score_is_nan_even_of_zero_vectors(spelling):
    for direction in directions(spelling):
        found = search(a_space(), spelling, k=50, direction=direction)[spelling]
        assert not np.isnan(found.scores).any()
        assert np.isfinite(found.scores[found.indices >= 0]).all()
        assert np.isfinite(scores_of_a_space(spelling, direction)).all()


@every_measure
def test_the_search_ranks_by_the_scores_that_pairs_get(spelling):
    space = a_space()
    for direction in directions(spelling):
        found = search(space, spelling, k=20, direction=direction)[spelling]
        truth = scores_of_a_space(spelling, direction).copy()
        if direction == "items-items":
            np.fill_diagonal(truth, -np.inf)
        best = -np.sort(-truth, axis=1)[:, :20]
        size = np.abs(best[np.isfinite(best)]).max()
        assert np.allclose(found.scores, best, rtol=1e-5, atol=1e-6 * size)
        assert np.allclose(
            np.take_along_axis(truth, found.indices, axis=1), best, rtol=1e-5, atol=1e-6 * size
        )


@every_measure
def test_equal_vectors_score_alike(spelling):
    for direction in directions(spelling):
        truth = scores_of_a_space(spelling, direction)
        assert np.allclose(truth[:, 7], truth[:, 8], rtol=1e-9)


@every_measure
def test_the_order_of_the_items_changes_no_score(spelling):
    space = a_space()
    order = np.random.default_rng(1).permutation(len(space.items))
    moved = Space(queries=space.queries, items=space.items.take(order), trained_for="dot")
    for direction in directions(spelling):
        before = scores_of_a_space(spelling, direction)
        after = all_scores(moved, spelling, direction)
        rows = order if direction == "items-items" else slice(None)
        size = np.abs(before).max()
        assert np.allclose(after, before[rows][:, order], rtol=1e-7, atol=1e-9 * size)


@every_measure
def test_a_query_alone_is_answered_as_among_others(spelling):
    space = a_space()
    for direction in directions(spelling):
        whole = search(space, spelling, k=9, direction=direction)[spelling]
        alone = search(space, spelling, k=9, direction=direction, rows=np.array([11]))[spelling]
        assert np.array_equal(alone.indices[0], whole.indices[11])
        assert np.array_equal(alone.scores[0], whole.scores[11])


@pytest.mark.parametrize("spelling", WITH_TERMS)
def test_terms_rank_as_the_score_and_give_it_back(spelling):
    formula = measure(spelling).formula
    rng = np.random.default_rng(2)
    q, x = rng.standard_normal((6, 5)), rng.standard_normal((40, 5)) * rng.lognormal(0, 1, (40, 1))
    x[5] = 0
    norms = np.linalg.norm(x, axis=1)
    terms = formula.terms(norms)
    weight = np.ones(40) if terms.weight is None else terms.weight
    bias = np.zeros(40) if terms.bias is None else terms.bias
    assert (weight >= 0).all()
    ranking = (q @ x.T) * weight + bias
    score = formula_scores(formula, q, x)
    asked = np.broadcast_to(np.linalg.norm(q, axis=1)[:, None], ranking.shape).copy()
    assert np.allclose(formula.from_ranking(ranking, asked), score, rtol=1e-9, atol=1e-9)
    assert np.array_equal(np.argsort(-ranking, axis=1), np.argsort(-score, axis=1))


@pytest.mark.parametrize("spelling", BY_ANGLE)
def test_a_longer_query_is_answered_alike_where_inner_products_are_read(spelling):
    space = a_space()
    longer = Space(queries=Embeddings(4 * space.queries.vectors), items=space.items)
    before, after = (search(one, spelling, k=10)[spelling] for one in (space, longer))
    assert np.array_equal(before.indices, after.indices)


@every_formula
def test_formulas_say_what_their_scores_are(spelling):
    formula = measure(spelling).formula
    assert len(formula.meaning) > 10
    assert formula.product in {"dot", "squared-distance", "manhattan", "block"}
    assert Measure(formula).at(measure("dot@centred").frames[0]).formula == formula


@every_frame
def test_a_frame_is_the_same_map_whatever_the_formula(spelling):
    space = a_space()
    direction = directions(f"dot@{spelling}")[0]
    maps = fit_frames(measure(f"dot@{spelling}").frames, space, direction)
    assert maps is fit_frames(measure(f"cosine@{spelling}").frames, space, direction)
    asking, ranked = space.sides(direction)
    moved = Space(
        queries=Embeddings(maps.asking(asking.vectors)),
        items=Embeddings(maps.ranked(ranked.vectors)),
    )
    inner = all_scores(moved, str(Dot()), "queries-items")
    outer = all_scores(space, f"dot@{spelling}", direction)
    assert np.allclose(inner, outer, rtol=1e-4, atol=1e-5 * np.abs(outer).max())


@every_frame
def test_a_frame_does_not_bend_what_is_straight(spelling):
    space = a_space()
    for direction in directions(f"dot@{spelling}"):
        maps = fit_frames(measure(f"dot@{spelling}").frames, space, direction)
        for side in (maps.asking, maps.ranked):
            x = np.random.default_rng(3).standard_normal((2, 5))
            middle = side(0.25 * x[:1] + 0.75 * x[1:])
            assert np.allclose(middle, 0.25 * side(x[:1]) + 0.75 * side(x[1:]), rtol=1e-9)
