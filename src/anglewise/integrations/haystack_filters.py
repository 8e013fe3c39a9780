"""The filters of Haystack as filters of ours."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from anglewise.data_types.filters import (
    OPPOSITE,
    Condition,
    ItemFilter,
    Joined,
    check_depth,
    condition_values,
)
from anglewise.data_types.numbers import described, shown
from anglewise.errors import SpellingError, WrongTypeError

META = "meta."
NO_METADATA = {"id", "content", "blob", "score", "embedding", "sparse_embedding", "meta"}
"""Fields of a document of Haystack that no column of metadata is meant by."""
COMPARISONS = ("==", "!=", ">", ">=", "<", "<=", "in", "not in")


def read_filters(filters: Any) -> ItemFilter:
    """The filter that filters of Haystack stand for.

    As there, an item whose cell is missing meets ``!=`` and ``not in``, and whatever ``NOT`` makes
    of a comparison that it does not meet. Text is compared with ``>`` and ``<`` where it is a date
    in ISO form, letter by letter.

    Raises ``SpellingError`` for an operator, a field or a value that has no meaning here,
    ``WrongTypeError`` for what is no filter.

    >>> str(read_filters({"field": "meta.year", "operator": ">=", "value": 2020}))
    'year >= 2020'
    """
    check_depth(filters)
    return _read(filters, is_negated=False)


def _read(filters: Any, *, is_negated: bool) -> ItemFilter:
    if not isinstance(filters, Mapping):
        raise WrongTypeError(f"filters are {described(filters)}: a dict is due")
    given = cast("Mapping[str, Any]", filters)
    due = ("field", "operator", "value") if "field" in given else ("operator", "conditions")
    if set(given) != set(due):
        raise SpellingError(
            f"a filter of Haystack has the keys {', '.join(map(repr, given)) or 'none'}: "
            f"{', '.join(map(repr, due))} are due"
        )
    return (_compared if "field" in given else _joined)(given, is_negated)


def _joined(filters: Mapping[str, Any], is_negated: bool) -> ItemFilter:
    """Several conditions; of ``NOT`` not all hold, which is the opposite of one at least."""
    operator, conditions = filters["operator"], filters["conditions"]
    if operator not in {"AND", "OR", "NOT"}:
        raise SpellingError(f"Haystack joins filters by AND, OR or NOT, not by {shown(operator)!r}")
    given: list[Any] = cast("list[Any]", conditions) if isinstance(conditions, list) else []
    if not given:
        raise SpellingError(f"{operator} joins no list of conditions: one at least is due")
    negates = is_negated != (operator == "NOT")
    parts = tuple(_read(part, is_negated=negates) for part in given)
    return Joined(parts, all=(operator != "OR") != negates)


def _compared(filters: Mapping[str, Any], is_negated: bool) -> ItemFilter:
    """One comparison, or its opposite, which a missing cell meets where the comparison does not."""
    column, value = _column(filters["field"]), filters["value"]
    operator: Any = filters["operator"]
    if operator not in COMPARISONS:
        raise SpellingError(
            f"Haystack compares by {', '.join(COMPARISONS)}, not by {shown(operator)!r}"
        )
    operator = "=" if operator == "==" else operator
    several = operator in {"in", "not in"}
    if several != isinstance(value, list | tuple | set):
        due = "a list of values" if several else "one value"
        raise SpellingError(f"{shown(column)!r} {operator} {described(value)}: {due} is due")
    values = condition_values(column, value if several else [value])
    if operator not in {"=", "!=", "in", "not in"}:
        _check_order(column, operator, value)
    meets_missing = (None in values) == (operator in {"=", "in"})
    if operator in {"<", "<=", ">", ">="}:
        meets_missing = False
    if is_negated:
        operator, meets_missing = OPPOSITE[operator], not meets_missing
    return Condition(column, operator, values, meets_missing)


def _column(field: Any) -> str:
    """The column of metadata that a field names, with ``meta.`` before it or not."""
    if not isinstance(field, str):
        raise WrongTypeError(f"the field of a filter is {described(field)}: a text is due")
    column = field.removeprefix(META)
    if not column or (column == field and field in NO_METADATA):
        raise SpellingError(
            f"{shown(field)!r} is no metadata: write meta.NAME for the column NAME of the items"
        )
    return column


def _check_order(column: str, operator: str, value: Any) -> None:
    """Refuse an order of what has none, and of text that is no date."""
    is_date = True
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            is_date = False
    if value is None or not is_date:
        raise SpellingError(
            f"{shown(column)!r} {operator} {described(value)}: Haystack orders numbers and dates "
            "in ISO form alone"
        )
