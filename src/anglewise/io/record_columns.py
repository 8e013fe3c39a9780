"""Records of names and values as columns of one kind each; what is no such column is named."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from anglewise.data_types.numbers import shown
from anglewise.data_types.text import Say
from anglewise.io.sizes import CELL
from anglewise.io.tables import listed

KINDS: tuple[type, ...] = (str, bool, int, float)
LARGEST = 1 << 63
"""Whole numbers from here on fit into no column."""


def record_columns(
    records: Sequence[Mapping[str, Any]],
    whose: str,
    check: Callable[[int], None],
    say: Say,
) -> dict[str, list[Any]]:
    """One list for each name, None where a record lacks it.

    Lists and objects, and columns that mix text with numbers, are left out, which is said; numbers
    of both kinds become floats. ``check`` is told the bytes of the cells before they are made.

    >>> records = [{"year": 1979, "cast": ["Weaver"]}, {"year": 1986.5}]
    >>> record_columns(records, "films", lambda size: None, print)
    the metadata of films under cast is not read: it is lists, objects, or kinds in one column
    {'year': [1979.0, 1986.5]}
    """
    names = dict.fromkeys(name for record in records for name in record)
    check(CELL * len(records) * len(names))
    out: dict[str, list[Any]] = {}
    left_out: list[str] = []
    for name in names:
        cells: list[Any] = [record.get(name) for record in records]
        kinds: set[type] = {type(cell) for cell in cells if cell is not None}
        if kinds == {int, float}:
            cells, kinds = [None if cell is None else float(cell) for cell in cells], {float}
        is_odd = kinds == {int} and any(abs(cell or 0) >= LARGEST for cell in cells)
        if is_odd or len(kinds) > 1 or not kinds <= set(KINDS):
            left_out.append(shown(str(name)))
        elif kinds:
            out[str(name)] = cells
    if left_out:
        say(
            f"the metadata of {whose} under {listed(left_out)} is not read: it is lists, objects, "
            "or kinds in one column"
        )
    return out


def as_object(value: Any) -> dict[str, Any]:
    """An object of JSON as such; anything else is an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
