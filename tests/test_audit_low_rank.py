"""An audit of few or dependent vectors says the same in whatever order sums are taken."""

from functools import cache

import numpy as np
import pytest

from anglewise import Embeddings, Space, audit
from anglewise.equivalent_factorisations.maps import root
from rendered import page

COLUMNS, FEW = 24, 18
ORDERS = (np.arange(COLUMNS), np.random.default_rng(1).permutation(COLUMNS))
OF_COLUMNS = ("monte_carlo", "permuted", "dimensions")
"""Figures of single columns, and of maps drawn for them."""


def dependent(rows, rank, seed):
    """Whole numbers, so that float32 holds exactly this rank."""
    rng = np.random.default_rng(seed)
    return rng.integers(-3, 4, (rows, rank)) @ rng.integers(-3, 4, (rank, COLUMNS))


def independent(rows, seed):
    return np.random.default_rng(seed).normal(size=(rows, COLUMNS))


SIDES = {
    "few queries": (independent(FEW, 0), independent(50, 1)),
    "few items": (independent(50, 0), independent(FEW, 1)),
    "dependent queries": (dependent(50, 6, 0), independent(50, 1)),
    "dependent items": (independent(50, 0), dependent(50, 6, 1)),
}


def space_of(queries, items):
    return Space(queries=Embeddings(queries), items=Embeddings(items), trained_for="dot")


@cache
def reports(name):
    """The same audit twice: only the order of the columns, and so of all sums, differs."""
    queries, items = SIDES[name]
    return [
        audit(
            space_of(queries[:, order], items[:, order]),
            runs={} if "few" in name else other_runs(queries, items, order),
            k=4,
            threads=1,
        )
        for order in ORDERS
    ]


def other_runs(queries, items, order):
    turn = np.linalg.qr(independent(COLUMNS, 2))[0]
    return {
        "doubled": space_of(queries[:, order] * 2, items[:, order]),
        "turned": space_of((queries @ turn)[:, order], (items @ turn)[:, order]),
    }


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}/{key}")
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{path}/{place}")
    else:
        yield path, value


@pytest.mark.parametrize("name", SIDES)
def test_no_figure_hangs_on_the_order_of_sums(name):
    first, second = (dict(leaves(report.to_dict())) for report in reports(name))
    assert first.keys() == second.keys()
    for path, value in first.items():
        if not any(word in path for word in OF_COLUMNS):
            wanted = pytest.approx(value, rel=1e-9, abs=1e-9) if type(value) is float else value
            assert second[path] == wanted, path


@pytest.mark.parametrize("name", SIDES)
def test_no_picture_hangs_on_the_order_of_sums(name):
    first, second = (report.panels for report in reports(name))
    assert first.items == second.items
    for one, other in zip(first.panels, second.panels, strict=True):
        assert one.spearman == pytest.approx(other.spearman, abs=1e-9)
        np.testing.assert_allclose(one.cosines, other.cosines, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "direction", "gauge", "end"),
    [
        ("few queries", "queries-queries", "user-orthonormal", 1.0),
        ("few items", "items-items", "item-orthonormal", 0.0),
    ],
)
def test_where_all_stand_at_right_angles_no_list_is_compared(name, direction, gauge, end):
    report = reports(name)[0]
    assert f"cosine@{gauge}" not in report.agreement[direction].overlap["cosine"]
    assert report.agreement[direction].undecided == {f"cosine@{gauge}": FEW}
    assert end not in report.path[direction].powers
    assert len(report.path[direction].overlap) == 10
    assert any("no list is compared" in note and direction in note for note in report.notes)
    elsewhere = "items-items" if direction == "queries-queries" else "queries-queries"
    assert not report.agreement[elsewhere].undecided
    assert len(report.path[elsewhere].overlap) == 11
    assert "no list is compared" in page(report)


def test_a_single_vector_with_a_direction_of_its_own_has_no_list_there():
    rng = np.random.default_rng(0)
    items = np.zeros((30, 6))
    items[:, :5] = rng.normal(size=(30, 5))
    items[7, 5] = 1.0
    queries = rng.normal(size=(50, 6))
    queries[:, 5] /= 10  # so that no other gauge moves lists more than the one in question
    report = audit(space_of(queries, items), k=5, threads=1)
    lists = report.agreement["items-items"]
    assert lists.undecided == {"cosine@item-orthonormal": 1}
    assert "cosine@item-orthonormal" in lists.gauges
    assert any(note.startswith("items-items: 1 list is not compared") for note in report.notes)
    if lists.against == "cosine@item-orthonormal":
        assert "7" not in {moved.asked.id for moved in lists.moved}


@pytest.mark.parametrize("rank", [1, 2, 5, 12])
@pytest.mark.parametrize("columns", [3, 13, 24])
def test_a_root_has_as_many_rows_as_there_is_rank(columns, rank):
    for seed in range(20):
        x, scale = dependent(60, rank, seed)[:, :columns], 2.0 ** np.arange(columns)
        matrix = root((x * scale).astype(np.float32)).matrix
        assert len(matrix) == np.linalg.matrix_rank(x)
        np.testing.assert_allclose(
            (matrix / scale).T @ (matrix / scale), x.T @ x, rtol=1e-9, atol=1e-6
        )


def test_zeros_have_a_root_without_rows():
    assert root(np.zeros((5, 3))).matrix.shape == (0, 3)
    assert root(np.zeros((5, 3))).size == 0


def test_a_map_that_loses_a_direction_has_no_condition():
    doubled, turned = reports("dependent items")[0].runs
    assert doubled.items.condition is turned.items.condition is None
    assert doubled.queries.condition == pytest.approx(1)
    assert turned.queries.condition == pytest.approx(1, abs=1e-5)  # stored as float32


def test_runs_that_differ_by_a_factor_alone_have_no_shares():
    doubled, turned = reports("dependent items")[0].runs
    for side in (doubled.queries, doubled.items):
        assert (side.rotation, side.gauge, side.real) == (0, 0, 0)
    assert turned.queries.rotation == pytest.approx(1, abs=1e-5)
