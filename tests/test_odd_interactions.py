"""Tables of interactions as people have them that would be read as something else in silence."""

import numpy as np
import pytest

from anglewise import read_interactions
from anglewise.errors import FileError

RNG = np.random.default_rng(0)


def _file(folder, name, rows, header=""):
    path = folder / name
    lines = "\n".join(",".join(map(str, row)) for row in rows)
    path.write_text(f"{header}\n{lines}\n" if header else f"{lines}\n", encoding="utf-8")
    return path


def _said(path, **options):
    said = []
    found = read_interactions(path, say=said.append, **options)
    return found, " | ".join(said)


RATINGS = [(f"u{k % 7}", f"i{k % 5}", 1 + k % 5, 10**6 + k) for k in range(35)]


@pytest.mark.parametrize("width", [2, 3, 4])
def test_ratings_in_a_column_an_item_are_no_users(tmp_path, width):
    """Jester's first columns, without a header, have the width of user, item, weight, time."""
    cells = RNG.choice([99, -4.27, 3.5, 0.25], (40, width), p=[0.1, 0.3, 0.3, 0.3])
    path = _file(tmp_path, "jester.csv", cells)
    with pytest.raises(FileError, match=r"would hold the users, holds decimals.*--format wide"):
        read_interactions(path)


def test_whole_numbers_with_a_point_are_ids(tmp_path):
    path = _file(tmp_path, "x.csv", [(f"{k % 7}.0", f"{k % 5}.0") for k in range(35)])
    assert read_interactions(path).shape == (7, 5)


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_of_rows_are_no_users(tmp_path, first):
    """As pandas writes with index=True, and header=False."""
    rows = [(k + first, k % 7, k % 5, 1 + k % 4) for k in range(35)]
    path = _file(tmp_path, "x.csv", rows)
    with pytest.raises(FileError, match=r"first column counts its rows, .*--format user,time,item"):
        read_interactions(path)
    found = read_interactions(path, format="-,user,item,weight")
    assert found.shape == (7, 5)


@pytest.mark.parametrize("items", [2, 3])
def test_a_user_with_as_many_items_as_others_is_no_rating(tmp_path, items):
    users = RNG.permutation(500)[:80]
    path = _file(
        tmp_path, "x.csv", [(1000 + u, *RNG.choice(40, items, replace=False)) for u in users]
    )
    with pytest.raises(FileError, match=rf"or a user and {items} items.*--format\s*adjacency"):
        read_interactions(path)
    assert len(read_interactions(path, format="adjacency").users) == 80 * items


def test_users_who_rate_once_are_no_lists(tmp_path):
    users = 1000 + RNG.permutation(80)
    path = _file(tmp_path, "x.csv", [(u, 100 + u % 30, 1 + u % 5) for u in users])
    assert read_interactions(path).shape == (80, 30)


def test_a_header_among_the_rows_is_refused(tmp_path):
    rows = [row[:2] for row in RATINGS]
    path = _file(
        tmp_path, "x.csv", [*rows, ("user_id", "item_id"), ("u1", "i9")], "user_id,item_id"
    )
    with pytest.raises(FileError, match="names its columns again"):
        read_interactions(path)


@pytest.mark.parametrize(
    ("one", "two", "says"),
    [
        ("7", "7.0", "the same number"),
        ("0439", "439", "the same number"),
        ("ann", "ann ", "blanks alone"),
        ("7", "8", None),
        ("a7", "a07", None),
    ],
)
def test_ids_spelled_in_two_ways_are_told_and_kept(tmp_path, one, two, says):
    path = _file(tmp_path, "x.csv", [(one, "x"), (two, "y")], "user_id,item_id")
    found, said = _said(path)
    assert set(found.user_ids) == {one, two}
    assert (says in said) if says else ("may be one" not in said and "alike" not in said)


@pytest.mark.parametrize("word", ["NA", "nan", "None"])
def test_ids_that_stand_for_none_are_told(tmp_path, word):
    path = _file(tmp_path, "x.csv", [("ann", "x"), ("bob", word)], "user_id,item_id")
    found, said = _said(path)
    assert f"{word!r} is among the items" in said
    assert word in found.item_ids


def test_true_and_false_are_numbers_in_text_as_in_parquet(tmp_path):
    rows = [(*row[:2], row[2] > 3) for row in RATINGS]
    found, _ = _said(_file(tmp_path, "x.csv", rows, "user_id,item_id,liked"))
    assert set(found.weights) == {0.0, 1.0}
    assert found.weights.sum() == sum(row[2] for row in rows)
    # what the refusal of an unread column of them recommends works
    path = _file(tmp_path, "y.csv", rows, "user_id,item_id,is_recommended")
    with pytest.raises(FileError, match="name it: weight="):
        read_interactions(path)
    assert np.array_equal(read_interactions(path, weight="is_recommended").weights, found.weights)


def test_true_among_numbers_is_refused(tmp_path):
    path = _file(tmp_path, "x.csv", [("ann", "x", "true"), ("bob", "y", 3)], "user,item,liked")
    with pytest.raises(ValueError, match="'true' in 'liked', where a finite number is due"):
        read_interactions(path)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (["2024-05-01T12:00:00", "2024-05-01T12:00:00Z"], "some times with a time zone"),
        (["2024-05-01", "May 2nd"], "such as 'May 2nd'"),
        (["2024-05-01", ""], "such as ''"),
    ],
)
def test_times_that_cannot_be_read_are_named_by_the_one_that_cannot(tmp_path, times, says):
    rows = [("ann", "x", times[0]), ("bob", "y", times[1])]
    found, said = _said(_file(tmp_path, "x.csv", rows, "user_id,item_id,time"))
    assert found.times is None
    assert says in said


def test_two_kinds_of_cells_in_few_rows_are_no_grades(tmp_path):
    rows = [(f"u{k}", f"i{k % 4}", k % 2) for k in range(19)]
    found, said = _said(_file(tmp_path, "x.csv", rows, "user_id,item_id,shelf"))
    assert "not read: 'shelf'" in said
    assert set(found.weights) == {1.0}
    path = _file(tmp_path, "y.csv", [*rows, ("u19", "i1", 1)], "user_id,item_id,shelf")
    with pytest.raises(FileError, match="'shelf' may be it"):
        read_interactions(path)
