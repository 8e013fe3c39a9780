"""Filters by metadata: what they say, what they refuse, and what a missing cell meets."""

from datetime import date

import numpy as np
import pytest

from anglewise import Embeddings
from anglewise.data_types.allowed import allowed_items
from anglewise.data_types.filters import read_filter
from anglewise.data_types.passing import KnownColumns, items_that_pass
from anglewise.errors import SpellingError, TooFewError, ValuesError, WrongTypeError

TABLE = {
    "tenant": ["a", "b", None, "a", " ", "02139"],
    "year": [1995, 2020.5, None, float("nan"), 1940, 2**60],
    "is_open": [True, False, None, True, False, True],
    "day": [date(2024, 5, 1), None, date(2023, 1, 1), None, None, date(2025, 1, 1)],
    "tags": [["x"], ["x", "y"], None, [], ["x"], None],
    "mixed": ["7", 7, None, "b", 7.5, True],
    "when": ["2024-05-01", "2023-01-01", None, "", "2025-01-01", "2024-06-01"],
    "shelf mark, old": ["p q", "r", "s", "p q", "t, u", "v"],
    "empty": [None] * 6,
    "is in": [1, 2, 3, 4, 5, 6],
}
ABOUT = KnownColumns.of(Embeddings(np.eye(6), metadata=TABLE))


def passing(where):
    return np.flatnonzero(items_that_pass(read_filter(where), ABOUT)).tolist()


@pytest.mark.parametrize(
    ("typed", "mapping", "rows"),
    [
        ("tenant = a", {"tenant": "a"}, [0, 3]),
        ("tenant==a", {"tenant": {"==": "a"}}, [0, 3]),
        ("items.tenant = 'a'", {"tenant": {"$eq": "a"}}, [0, 3]),
        ("tenant != a", {"tenant": {"$ne": "a"}}, [1, 5]),
        ("tenant = 02139", {"tenant": "02139"}, [5]),
        ("tenant in a, b", {"tenant": ["a", "b"]}, [0, 1, 3]),
        ("tenant not in a, b", {"tenant": {"not in": {"a", "b"}}}, [5]),
        ("year >= 1995", {"year": {">=": 1995}}, [0, 1, 5]),
        ("year>1995", {"year": {"$gt": 1995}}, [1, 5]),
        ("year < 2e3", {"year": {"<": np.float64(2000)}}, [0, 4]),
        (["year <= 1995", "year > 1940"], {"year": {"$lte": 1995, "$gt": 1940}}, [0]),
        (f"year = {2**60}", {"year": 2**60}, [5]),
        ("year is missing", {"year": None}, [2, 3]),
        ("year is not missing", {"year": {"!=": None}}, [0, 1, 4, 5]),
        ("tenant is missing", {"tenant": None}, [2, 4]),
        ("is_open = true", {"is_open": True}, [0, 3, 5]),
        ("day >= 2024-01-01", {"day": {">=": date(2024, 1, 1)}}, [0, 5]),
        ("when >= 2024-05-01", {"when": {">=": "2024-05-01"}}, [0, 4, 5]),
        ("mixed = 7", {"or": [{"mixed": "7"}, {"mixed": 7}]}, [0, 1]),
        ('mixed = "7"', {"mixed": "7"}, [0]),
        ('"shelf mark, old" = p q', {"shelf mark, old": "p q"}, [0, 3]),
        ('shelf mark, old in "t, u", r', {"shelf mark, old": ["t, u", "r"]}, [1, 4]),
        ('"is in" in 2, 3', {"is in": [2, 3]}, [1, 2]),
        (["tenant = a", {"year": 1995}], {"and": [{"tenant": "a"}, {"year": 1995}]}, [0]),
    ],
)
def test_a_text_and_a_mapping_say_the_same(typed, mapping, rows):
    assert passing(typed) == passing(mapping) == rows


def test_what_joins_filters_follows_logic_and_a_missing_cell_meets_nothing():
    year, tenant = {"year": {">=": 1995}}, {"tenant": "a"}
    assert passing({"or": [year, tenant]}) == [0, 1, 3, 5]
    assert passing({"not": year}) == [4]
    assert passing({"not": {"or": [year, tenant]}}) == []
    assert passing({"$not": {"$and": [year, tenant]}}) == [1, 4, 5]
    assert passing({"not": lambda about: about["tenant"] == "a"}) == [1, 2, 4, 5]
    assert passing({"tags": [["x"]]}) == [0, 4]
    assert passing({"tenant": ["a", None]}) == [0, 2, 3, 4]
    assert passing({"tenant": {"not in": ["a", None]}}) == [1, 5]
    assert passing({"tenant": []}) == []


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ({"tenan": "a"}, SpellingError, "no metadata is called 'tenan': did you mean 'tenant'?"),
        ("yaer > 3", SpellingError, "no metadata is called 'yaer'"),
        ({"year": "1995"}, WrongTypeError, "hold numbers, and"),
        ("year = abc", WrongTypeError, "hold numbers, and 'abc'"),
        ('year = "1995"', WrongTypeError, "hold numbers, and"),
        ({"tenant": 1}, WrongTypeError, "hold text, and"),
        ("tenant >= 2020", WrongTypeError, "text, which is compared letter by letter"),
        ("is_open > true", WrongTypeError, "have no order"),
        ("is_open = yes", WrongTypeError, "hold true or false, and 'yes'"),
        ("tags = x", WrongTypeError, "hold list, and 'x'"),
        ("mixed > 3", WrongTypeError, "have no order together"),
        ("empty = 3", ValuesError, "'empty' hold no value"),
        ({"year": {"$between": [1, 2]}}, SpellingError, "knows no operator '\\$between'"),
        ({"year": {}}, SpellingError, "names no operator"),
        ({"year": {">": [1]}}, SpellingError, "one value"),
        ({"year": {"in": 3}}, SpellingError, "a list of values"),
        ({"year": {">": None}}, SpellingError, "no order"),
        ({"tenant": ""}, SpellingError, "a blank text"),
        ({}, SpellingError, "empty dict"),
        ([], SpellingError, "empty list"),
        pytest.param({3: 4}, WrongTypeError, "a text is due", marks=pytest.mark.wrong_kinds),
        ({"and": {"a": 1}}, SpellingError, "a list of filters is due"),
        pytest.param(3, WrongTypeError, "a filter is an int", marks=pytest.mark.wrong_kinds),
        ("tenant", SpellingError, "has no comparison"),
        ("tenant ~ a", SpellingError, "has no comparison"),
        ("= a", SpellingError, "no comparison|names no column"),
        ("tenant =", SpellingError, "lacks a value"),
        ("tenant = = a", SpellingError, "cannot be read"),
        ("tenant => a", SpellingError, "cannot be read"),
        ("tenant = 'a", SpellingError, "cannot be read"),
        ("tenant in a,,b", SpellingError, "lacks a value"),
        ("items.tenant > queries.tenant", SpellingError, "which = alone does"),
        ({"not": "items.a = queries.a"}, SpellingError, "compared alone"),
        ({"or": ["items.a = queries.a", {"b": 1}]}, SpellingError, "compared alone"),
        ("items.tenant = queries.tenant", SpellingError, "these vectors have no metadata"),
    ],
)
def test_what_says_nothing_is_refused(where, error, words):
    with pytest.raises(error, match=words):
        items_that_pass(read_filter(where), ABOUT)


def test_a_column_whose_name_begins_with_items_is_put_between_quotes():
    about = KnownColumns.of(Embeddings(np.eye(2), metadata={"items.x": [1, 2], "x": [2, 1]}))
    with pytest.raises(SpellingError, match="between quotes"):
        items_that_pass(read_filter("items.x = 1"), about)
    for text, row in (('"items.x" = 1', 0), ('items."x" = 1', 1), ("x = 1", 1)):
        assert np.flatnonzero(items_that_pass(read_filter(text), about)).tolist() == [row]


def test_a_text_between_quotes_is_no_column_of_queries():
    about = KnownColumns.of(Embeddings(np.eye(2), metadata={"x": ["queries.x", "a"]}))
    assert items_that_pass(read_filter('x = "queries.x"'), about).tolist() == [True, False]


def test_dates_and_times_that_cannot_be_compared_are_refused():
    times = {"at": [np.datetime64("2024-01-01T00:00:00").item()]}
    about = KnownColumns.of(Embeddings([[1.0]], metadata=times))
    assert items_that_pass(read_filter("at < 2024-01-02"), about).tolist() == [True]
    with pytest.raises(WrongTypeError, match="cannot be compared"):
        items_that_pass(read_filter("at < 2024-01-02T00:00:00+01:00"), about)


def test_a_filter_that_no_item_passes_is_refused_and_says_so():
    items, queries = (
        Embeddings(np.eye(2), metadata={"t": t, "u": [1, 1]}) for t in (["a", "b"], ["c", None])
    )
    with pytest.raises(TooFewError, match="none of 2 items passes the filter t = z"):
        allowed_items({"t": "z"}, items, queries)
    with pytest.raises(TooFewError, match="no query has an item"):
        allowed_items("items.t = queries.t", items, queries)
    with pytest.raises(WrongTypeError, match="the items hold text and the queries numbers"):
        allowed_items("items.t = queries.u", items, queries)
    with pytest.raises(SpellingError, match="no metadata is called 'v'"):
        allowed_items("items.t = queries.v", items, queries)


def test_two_columns_of_queries_hold_together():
    rng = np.random.default_rng(0)
    draw = lambda n: {c: rng.choice([None, "a", "b"], n).tolist() for c in ("s", "t")}  # noqa: E731
    items = Embeddings(rng.normal(size=(60, 2)), metadata=draw(60))
    queries = Embeddings(rng.normal(size=(20, 2)), metadata=draw(20))
    allowed = allowed_items(
        ["items.s = queries.t", "items.t = queries.s", {"s": "a"}], items, queries
    )
    x, q = items.metadata, queries.metadata
    for row in range(20):
        due = [
            i
            for i in range(60)
            if x["s"][i] == q["t"][row] == "a"
            and x["t"][i] is not None
            and x["t"][i] == q["s"][row]
        ]
        assert np.flatnonzero(allowed.mask(row)).tolist() == due
        every = np.full(60, row), np.arange(60)
        assert np.flatnonzero(allowed.allows(*every)).tolist() == due
        assert allowed.counts(np.array([row])).tolist() == [len(due)]
