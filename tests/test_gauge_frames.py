"""Gauges as frames of a measure: the direction decides the map, and they come first."""

import numpy as np
import pytest

from anglewise import Embeddings, Space, gauge, measure
from anglewise.errors import ShapeError, SpellingError
from anglewise.similarity_measures.frames import fit_frames
from anglewise.similarity_measures.measure import FRAMES
from gauge_laws import factors, geometry

GAUGES = [
    "item-orthonormal",
    "power(0.3)",
    "balanced",
    "user-orthonormal",
    "random(30,1)",
]


def a_space(bias=False):
    P, Q = factors(1, rows=(40, 30), width=5)
    if bias:
        P, Q = np.insert(P, 5, 1.0, axis=1), np.insert(Q, 5, np.arange(30) / 10, axis=1)
    return Space(queries=Embeddings(P), items=Embeddings(Q), trained_for="dot")


def fitted(spelling, space, direction):
    maps = fit_frames(measure(f"cosine@{spelling}").frames, space, direction)
    asking, ranked = space.sides(direction)
    return maps.asking(asking.vectors), maps.ranked(ranked.vectors)


def exact(space):
    return space.queries.vectors.astype(float), space.items.vectors.astype(float)


@pytest.mark.parametrize("spelling", GAUGES)
def test_between_queries_and_items_every_product_stays(spelling):
    space = a_space()
    P, Q = exact(space)
    asking, ranked = fitted(spelling, space, "queries-items")
    assert np.abs(asking @ ranked.T - P @ Q.T).max() <= 1e-12 * np.abs(P @ Q.T).max()


@pytest.mark.parametrize("spelling", GAUGES)
@pytest.mark.parametrize("direction", ["items-items", "queries-queries"])
def test_a_frame_shows_what_the_moved_space_shows(spelling, direction):
    space = a_space()
    moved = gauge(spelling).apply(space)
    asking, ranked = fitted(spelling, space, direction)
    assert np.array_equal(asking, ranked)
    side = moved.items if direction == "items-items" else moved.queries
    assert np.abs(geometry(asking) - geometry(side.vectors.astype(float))).max() <= 1e-5


@pytest.mark.parametrize("direction", ["items-items", "queries-queries"])
def test_data_space_compares_columns_or_rows_of_the_predictions(direction):
    space = a_space(bias=True)
    P, Q = exact(space)
    wide = (P @ Q.T).T if direction == "items-items" else P @ Q.T
    asking, ranked = fitted("data-space", space, direction)
    assert np.array_equal(asking, ranked)
    size = np.abs(wide @ wide.T).max()
    assert np.abs(asking @ asking.T - wide @ wide.T).max() <= 1e-12 * size
    assert np.abs(geometry(asking) - geometry(wide)).max() <= 1e-12


@pytest.mark.parametrize(
    ("direction", "name"),
    [("items-items", "user-orthonormal"), ("queries-queries", "item-orthonormal")],
)
def test_data_space_is_the_geometry_of_the_other_sides_orthonormal_gauge(direction, name):
    space = a_space()
    one, _ = fitted("data-space", space, direction)
    two, _ = fitted(name, space, direction)
    assert np.abs(geometry(one) - geometry(two)).max() <= 1e-12


def test_data_space_has_no_place_for_a_query_beside_an_item():
    with pytest.raises(SpellingError, match="no coordinates in common"):
        fitted("data-space", a_space(), "queries-items")


@pytest.mark.parametrize("spelling", [*GAUGES, "data-space"])
def test_a_gauge_stands_before_every_other_frame(spelling):
    space = a_space()
    asking, _ = fitted(f"{spelling}@centred", space, "items-items")
    assert np.abs(asking.mean(axis=0)).max() <= 1e-12 * np.abs(asking).max()
    for first in ("centred", "balanced"):
        with pytest.raises(SpellingError, match="must be the first frame"):
            fitted(f"{first}@{spelling}", space, "items-items")


@pytest.mark.parametrize("spelling", [*GAUGES, "data-space"])
def test_one_sided_spaces_have_no_gauge(spelling):
    with pytest.raises(ShapeError, match="one side"):
        fitted(spelling, Space(items=Embeddings(np.eye(4))), "items-items")


def test_a_bias_column_is_left_as_it_is():
    space = a_space(bias=True)
    asking, ranked = fitted("balanced", space, "queries-items")
    plain, items = fitted("balanced", a_space(), "queries-items")
    assert np.array_equal(asking[:, 5], np.ones(40))
    assert np.allclose(asking[:, :5], plain, atol=1e-10)
    assert np.allclose(ranked[:, :5], items, atol=1e-10)
    P, Q = exact(space)
    assert np.abs(asking @ ranked.T - P @ Q.T).max() <= 1e-12 * np.abs(P @ Q.T).max()


@pytest.mark.parametrize("spelling", [*GAUGES, "data-space", "balanced@centred"])
def test_frames_are_written_and_read_back(spelling):
    assert str(measure(f"cosine@{spelling}")) == f"cosine@{spelling}"
    assert measure(f"cosine@{spelling}") == measure(str(measure(f"cosine@{spelling}")))


def test_numbers_where_none_are_due_are_refused():
    for wrong in ("cosine@balanced(3)", "cosine@data-space(1)", "cosine@power(1.5)"):
        with pytest.raises(SpellingError):
            measure(wrong)


def test_every_canonical_gauge_is_a_frame():
    assert {"balanced", "item-orthonormal", "user-orthonormal", "power", "data-space"} <= set(
        FRAMES
    )
