"""What is built of parts that do not fit each other is refused at once, with the part's name."""

from functools import partial

import numpy as np
import pytest
from scipy import sparse

import anglewise as aw
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ShapeError, SpellingError
from anglewise.labelling.lint import lint
from anglewise.labelling.sample import sample

ITEMS = aw.Embeddings(np.eye(4))
SPACE = aw.Space(items=ITEMS, queries=np.eye(4)[:3])
ONES = sparse.csr_array(np.eye(3, 4))
ROWS = np.arange(3)
REFUSED = (TypeError, ValueError)
"""Ours are both; the type checks of the tests raise the first."""


@pytest.mark.parametrize(
    "metadata", [5, "title", [1], {"title": 5}, {"title": "abcd"}, {"title": ["a"] * 3}]
)
def test_metadata_hold_one_value_for_each_row(metadata):
    with pytest.raises(REFUSED, match="metadata"):
        aw.Embeddings(np.eye(4), metadata=metadata)


@pytest.mark.parametrize("trained_for", ["Dot", "cos", "inner product", None, 5])
def test_a_space_is_trained_for_a_known_measure(trained_for):
    with pytest.raises(REFUSED, match="trained_for"):
        aw.Space(items=ITEMS, trained_for=trained_for)


@pytest.mark.parametrize("direction", ["queries_items", "items-item", "x", None, 3])
def test_no_other_direction_is_searched(direction):
    with pytest.raises(REFUSED, match="direction"):
        aw.search(SPACE, "dot", k=1, direction=direction)
    with pytest.raises(REFUSED, match="direction"):
        SPACE.sides(direction)


@pytest.mark.parametrize(
    "parts",
    [
        {"chances": sparse.csr_array(np.eye(3, 4) * 5)},
        {"chances": sparse.csr_array(np.eye(3))},
        {"chances": sparse.csr_array(np.ones((3, 4)))},
        {"judged_items": np.ones(3, dtype=bool)},
        {"judged_items": 5},
        {"judged_at": np.ones(4)},
        {"judged_at": np.full(3, np.inf)},
        {"judged_at": 5},
        {"seen": sparse.csr_array(np.eye(3))},
        {"drawn": 5},
        {"parts": 5},
        {"complaints": None},
        {"missing_ids": ("x",)},
        {"missing_ids": "x", "missing": sparse.csr_array(np.ones((3, 1)))},
        {"not_itself": "no"},
        {"source": None},
        {"gains": None},
    ],
)
def test_judgements_fit_their_gains(parts):
    name = next(iter(parts))
    with pytest.raises(REFUSED, match=name.removesuffix("s").removesuffix("_id")):
        aw.Judgements(**{"gains": ONES, **parts})


@pytest.mark.parametrize("scores", [[1, np.nan, 2], [1, np.inf, 2], [1, 2]])
def test_pairs_have_a_finite_score_each(scores):
    with pytest.raises(REFUSED, match="scores"):
        aw.Pairs(ROWS, ROWS, np.array(scores, dtype=float))


@pytest.mark.parametrize("rows", [-ROWS - 1, ROWS + 0.5, None, [0, 1, 2], ROWS[:2]])
def test_pairs_and_triplets_name_rows(rows):
    with pytest.raises(REFUSED, match="rows_b"):
        aw.Pairs(ROWS, rows, np.ones(3))
    with pytest.raises(REFUSED, match="far"):
        aw.Triplets(ROWS, ROWS, rows)


def test_lists_of_neighbours_have_one_shape():
    with pytest.raises(REFUSED, match="scores"):
        aw.Neighbours("dot", np.zeros((2, 3), int), np.zeros((2, 2)), np.zeros(2, int))


def test_maps_of_an_adapter_are_square_and_finite():
    for wrong in (np.ones((3, 2)), np.full((4, 4), np.nan)):
        with pytest.raises(REFUSED, match="dapter"):
            aw.Adapter(wrong, np.eye(4), {})


@pytest.mark.parametrize(
    "judged",
    [
        aw.Pairs(ROWS + 3, ROWS, np.arange(3.0)),
        aw.Triplets(ROWS, ROWS, ROWS + 9),
        aw.Judgements(SparseRows.from_pairs([0], [1], shape=(3, 9))),
    ],
)
def test_judgements_of_another_space_are_refused_by_compare(judged):
    with pytest.raises(ValueError, match="read them with that space"):
        aw.compare(SPACE, judged, "dot,cosine")


def test_judgements_of_another_space_are_refused_by_remedy_and_audit():
    judged = aw.Judgements(SparseRows.from_pairs([0], [1], shape=(3, 9)))
    with pytest.raises(ValueError, match="read them with that space"):
        aw.remedy(SPACE, judged)
    with pytest.raises(ValueError, match="read them with that space"):
        aw.audit(SPACE, judgements={"queries-items": judged}, k=1)


OTHERS = aw.Judgements(SparseRows.from_pairs([0], [1], shape=(3, 9)))
OWN = aw.Judgements(SparseRows.from_pairs([0], [1], shape=(3, 4)))


@pytest.mark.wrong_kinds
@pytest.mark.parametrize("by_direction", [aw.inspect, partial(aw.audit, k=1)])
def test_judgements_by_direction_are_of_that_space_and_direction(by_direction):
    due = r"are \(3, 9\) for queries-items, the space \(3, 4\): read them with that space"
    with pytest.raises(ShapeError, match=due):
        by_direction(SPACE, judgements={"queries-items": OTHERS})
    with pytest.raises(SpellingError, match="for items-items are of queries-items"):
        by_direction(SPACE, judgements={"items-items": OWN})
    with pytest.raises(REFUSED, match="no direction is called 'x'"):
        by_direction(SPACE, judgements={"x": OWN})


def test_what_plans_and_checks_judgements_takes_those_of_the_space_alone():
    with pytest.raises(ShapeError, match="read them with that space"):
        lint(SPACE, OTHERS, k=1)
    with pytest.raises(ShapeError, match="read them with that space"):
        sample(SPACE, "dot", judged=OTHERS, depth=1)
    with pytest.raises(SpellingError, match="for items-items are of queries-items"):
        sample(SPACE, "dot", judged=OWN, direction="items-items", depth=1)


def test_rows_that_are_not_there_are_not_taken():
    for rows in ([0.5], [-1], [4], np.array([True, False])):
        with pytest.raises(REFUSED):
            ITEMS.take(np.array(rows))
