"""Queries that were drawn by traffic weigh alike in what is chosen and in what is reported."""

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, compare, compare_spaces, remedy
from anglewise.data_types.drawn import QueryDraw
from anglewise.data_types.sparse import SparseRows
from anglewise.remedies.remedy import _tuned
from anglewise.remedies.result_cache import content_of
from anglewise.similarity_measures.measure import measures_and_families

SIZE = 60
ROWS = np.arange(SIZE)
OFTEN = ROWS % 3 == 0
"""A third of the queries, each asked ten times as often as another."""


def space():
    """To each query one item by angle and one that is three times as long, farther by angle."""
    rng = np.random.default_rng(0)
    own, other = np.eye(SIZE, 2 * SIZE), np.eye(SIZE, 2 * SIZE, SIZE)
    items = np.vstack([own, 3 * (0.8 * own + 0.6 * other)])
    items += 0.01 * rng.standard_normal(items.shape)
    days = {"day": ROWS.tolist()}
    return Space(queries=Embeddings(own, metadata=days), items=Embeddings(items))


def judged(traffic):
    """The near one is right for those asked often, the long one for the others."""
    right = np.where(OFTEN, ROWS, SIZE + ROWS)
    gains = SparseRows.from_pairs(ROWS, right, shape=(SIZE, 2 * SIZE))
    chances = np.full(SIZE, 0.5)
    most = float((traffic / chances).max())
    drawn = QueryDraw(chances, traffic, frozenset({"one"}), SIZE, most, most)
    return Judgements(gains, drawn=drawn)


ALIKE, WEIGHED = judged(np.ones(SIZE)), judged(np.where(OFTEN, 10.0, 1.0))
PLAIN = Judgements(ALIKE.gains)


def exponents(words):
    return [float(word.removesuffix(")").split(",")[-1]) for word in words]


@pytest.mark.parametrize("split", ["queries", "time(day)"])
def test_what_is_tuned_is_chosen_by_the_weights_that_it_is_reported_by(split):
    """Of all queries alike the long items win, and of all questions as they come the near ones."""
    plain, alike, weighed = (
        compare(space(), each, "norm(0,*),cosine", split=split).measures
        for each in (PLAIN, ALIKE, WEIGHED)
    )
    (before, same, after) = (
        exponents(next(row.settings for row in rows if row.measure == "norm(0,*)"))
        for rows in (plain, alike, weighed)
    )
    assert max(before) < 0.7
    assert same == before
    assert min(after) >= 0.8
    spaces = compare_spaces({"one": space()}, WEIGHED, "norm(0,*)", split=split)
    assert exponents(spaces.measures[0].settings) == after


def test_who_gets_through_the_screening_goes_by_weights_too():
    few = "norm(0,0.4), norm(0,0.9)"
    plain, alike, weighed = (
        remedy(space(), each, few, finalists=1) for each in (PLAIN, ALIKE, WEIGHED)
    )
    names = [[row.measure for row in each.comparison.measures] for each in (plain, alike, weighed)]
    assert "norm(0,0.4)" in names[0]
    assert sorted(names[1]) == sorted(names[0])
    assert "norm(0,0.9)" in names[2]
    assert "norm(0,0.4)" not in names[2]
    assert weighed.screened[0].candidate == "norm(0,0.9)"


def test_the_winner_is_made_with_the_setting_that_weights_choose():
    (family,) = measures_and_families("norm(0,*)")
    settings = [str(_tuned(space(), each, family, "nDCG@10")) for each in (PLAIN, WEIGHED)]
    assert exponents(settings)[0] < 0.7
    assert exponents(settings)[1] >= 0.8


def test_what_was_found_by_other_weights_is_not_taken_from_the_cache():
    assert len({content_of(space(), each) for each in (PLAIN, ALIKE, WEIGHED)}) == 3
