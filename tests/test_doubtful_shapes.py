"""Tables that may be two things: what is said, and what no reader takes for users or items."""

import numpy as np
import pytest

from anglewise import read_interactions


@pytest.fixture
def table(tmp_path):
    def read(text, **options):
        path, said = tmp_path / "x.csv", []
        path.write_text(text, encoding="utf-8")
        return read_interactions(path, say=said.append, **options), said

    return read


def _lines(rows, sign=","):
    return "\n".join(sign.join(map(str, row)) for row in rows) + "\n"


RNG = np.random.default_rng(0)
WIDE = [[int(n) for n in RNG.integers(0, 6, 4)] for _ in range(20)]


def test_labels_of_a_frame_are_users_and_no_item(table):
    rows = [[i, *row] for i, row in enumerate(WIDE)]
    found, said = table(",a,b,c,d\n" + _lines(rows), format="wide")
    assert found.item_ids.tolist() == ["a", "b", "c", "d"]
    assert "users from the first column, which has no name" in said[0]


@pytest.mark.parametrize("header", ["name,a,b,c,d\n", ""])
def test_a_first_column_of_text_names_the_users(table, header):
    found, said = table(header + _lines([f"u{i}", *r] for i, r in enumerate(WIDE)), format="wide")
    assert found.user_ids[:2].tolist() == ["u0", "u1"]
    assert len(found.item_ids) == 4
    assert "users from" in said[0]


def test_whole_numbers_that_never_repeat_may_be_users_and_it_is_said(table):
    text = "respondent,a,b,c,d\n" + _lines([100 + i, *r] for i, r in enumerate(WIDE))
    _, said = table(text, format="wide")
    assert "if it names the users, user=respondent (--user)" in said[0]
    found, said = table(text, format="wide", user="respondent")
    assert found.user_ids[:2].tolist() == ["100", "101"]
    assert "never repeat" not in said[0]


def test_a_column_that_counts_the_ratings_is_no_item(table):
    ratings = np.where(RNG.random((30, 8)) < 0.4, 99, RNG.uniform(-10, 10, (30, 8)).round(2))
    rows = np.c_[(ratings != 99).sum(axis=1), ratings]
    found, said = table(_lines(rows), format="wide", absent="99")
    assert len(found.item_ids) == 8
    assert "column 1 counts the others of its row: left out" in said[0]
    rows[0, 0] += 1
    found, said = table(_lines(rows), format="wide", absent="99")
    assert len(found.item_ids) == 9
    assert "left out" not in said[0]


def test_the_largest_numbers_are_no_marks_of_what_is_absent(table):
    found, _ = table("user_id,a,b\nann,1e308,99\nbob,1,2\n", format="wide")
    assert found.weights.max() == 1e308


BASKETS = [[2, "milk", "bread"], [1, "tea"], [3, "milk", "tea", "oil"]] * 5


@pytest.mark.parametrize("header", ["Item(s),Item 1,Item 2,Item 3\n", ""])
def test_a_cell_that_counts_its_basket_is_no_item(table, header):
    found, said = table(header + _lines(BASKETS), format="baskets")
    assert found.item_ids.tolist() == ["bread", "milk", "oil", "tea"]
    assert len(found.user_ids) == 15
    assert "of the first milk, bread" in said[0]
    assert "counts the others, and is left out" in said[0]
    assert ("names the columns" in said[0]) == bool(header)


def test_numbers_that_count_no_basket_are_items(table):
    found, said = table(_lines([*BASKETS, [7, "milk"]]), format="baskets")
    assert "7" in found.item_ids
    assert "left out" not in said[0]


def test_the_first_basket_and_the_first_user_are_shown(table):
    _, said = table("Item 1,Item 2\nmilk,bread\n", format="baskets")
    assert "its cells the items, of the first Item 1, Item 2;" in said[0]
    _, said = table("u1: a b\nu2: c\n", format="adjacency")
    assert "its other cells the items, of u1 a, b;" in said[0]


def test_two_columns_of_the_same_ids_may_be_baskets_and_it_is_said(table):
    pairs = [RNG.choice(40, 2, replace=False) for _ in range(200)]
    _, said = table(_lines(pairs))
    assert "lines may be baskets of 2 items (--format baskets)" in said[0]
    _, said = table(_lines(pairs), format="user,item")
    assert "baskets" not in said[0]
    _, said = table(_lines([u, f"9{i}"] for u, i in pairs))
    assert "baskets" not in said[0]


def test_items_that_may_be_lists_are_said(table):
    lists = ['"' + ",".join(map(str, RNG.choice(9, 3, replace=False))) + '"' for _ in range(40)]
    _, said = table("user_id,item_id\n" + _lines(enumerate(lists)))
    assert any("may be lists, and count as one each" in line for line in said)
    titles = [f'"Film {i}, The"' for i in range(40)]
    _, said = table("user_id,item_id\n" + _lines(enumerate(titles)))
    assert not any("may be lists" in line for line in said)
