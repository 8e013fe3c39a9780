"""The door: what may come in, and what is said about the rest."""

import numpy as np
import pytest

from anglewise import Embeddings, Space
from anglewise.errors import IdsError, ShapeError, ValuesError


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4", ">f8", "i4", "u1"])
def test_every_numeric_kind_becomes_the_same_float32(kind):
    x = np.arange(6).reshape(3, 2).astype(kind)
    assert Embeddings(x).vectors.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert Embeddings(x).vectors.dtype == np.float32


def test_strided_arrays_are_read_right_and_plain_ones_not_copied():
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert np.array_equal(Embeddings(x[::2, ::3]).vectors, x[::2, ::3])
    assert np.shares_memory(Embeddings(x).vectors, x)


def test_what_came_in_cannot_be_changed_and_the_caller_keeps_writing():
    x = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match="read-only"):
        Embeddings(x).vectors[0, 0] = 5
    x[0, 0] = 5


@pytest.mark.parametrize(
    ("vectors", "error", "says"),
    [
        ([[1, np.nan]], ValuesError, "row 0"),
        ([[1.0], [np.inf]], ValuesError, "row 1"),
        ([[1e300]], ValuesError, "beyond float32"),
        ([[1j]], ValuesError, "complex"),
        ([["a"]], ValuesError, "real numbers"),
        ([1.0, 2.0], ShapeError, "rows x dimensions"),
        (np.zeros((0, 3)), ShapeError, "at least one row"),
        (np.zeros((3, 0)), ShapeError, "at least one row"),
    ],
)
def test_what_cannot_be_used_is_named(vectors, error, says):
    with pytest.raises(error, match=says):
        Embeddings(vectors)


def test_ids_are_unique_one_a_row_and_kept_as_text():
    assert Embeddings([[1.0], [2.0]], ids=[7, "x"]).row_of == {"7": 0, "x": 1}
    with pytest.raises(IdsError, match="'a'"):
        Embeddings([[1.0], [2.0]], ids=["a", "a"])
    with pytest.raises(ShapeError, match="1 ids for 2"):
        Embeddings([[1.0], [2.0]], ids=["a"])


def test_numeric_ids_are_ordered_as_numbers_and_others_as_text():
    x = np.eye(3)
    assert Embeddings(x, ids=["10", "9", "1"]).id_order.tolist() == [2, 1, 0]
    assert Embeddings(x, ids=["10", "9", "a"]).id_order.tolist() == [0, 1, 2]


def test_ids_of_thousands_of_digits_are_ordered_by_their_size():
    ids = ["9" * 5000, "10", "1" + "0" * 5000, "010"]
    assert Embeddings(np.eye(4), ids=ids).id_order.tolist() == [3, 1, 0, 2]


def test_zero_rows_are_counted_and_unit_rows_recognised():
    assert Embeddings([[0.0, 0.0], [3.0, 4.0]]).zero_rows.tolist() == [0]
    assert Embeddings([[0.6, 0.8]]).is_unit()
    assert not Embeddings([[3.0, 4.0]]).is_unit()


def test_a_space_needs_one_dimension_and_without_queries_its_items_ask():
    x = Embeddings(np.eye(3))
    assert Space(items=x).one_sided
    with pytest.raises(ShapeError, match="queries have 2 columns, items 3"):
        Space(queries=Embeddings(np.eye(2)), items=x)


@pytest.mark.parametrize(
    ("trained_for", "two_sided", "freedom"),
    [
        ("dot", True, "gauge"),
        ("dot", False, "rotation"),
        ("cosine", True, "rotation"),
        ("unknown", True, "unknown"),
    ],
)
def test_the_loss_tells_what_freedom_is_left(trained_for, two_sided, freedom):
    x = Embeddings(np.eye(2))
    queries = Embeddings(np.eye(2)) if two_sided else None
    assert Space(items=x, queries=queries, trained_for=trained_for).freedom == freedom
