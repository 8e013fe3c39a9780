"""Whole numbers of JSON lines that no column of integers holds, kept as they are written."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from anglewise.io.files import Contents, arrow

BEYOND = 2.0**63
"""From where on a reader of columns takes whole numbers for floats."""


class _Whole(str):
    """The digits of a whole number."""

    __slots__ = ()


def with_whole_numbers(table: Any, data: Contents) -> Any:
    r"""A table of JSON lines in which large whole numbers are text, digit by digit.

    A column that was read as floats, since it holds whole numbers of 2^63 and more or below -2^63,
    is text where all of its numbers are written as whole ones; such as ids, of which floats of
    this size would make one. Any other column stays as it is.

    >>> lines = b'{"id": 9223372036854775809}\n\n{"id": 7}'
    >>> pa = arrow()
    >>> floats = pa.table({"id": [9223372036854775809.0, 7.0]})
    >>> with_whole_numbers(floats, lines)["id"].to_pylist()
    ['9223372036854775809', '7']
    """
    pa, pc = arrow(), arrow("compute")
    large = [
        name
        for name, kind in zip(table.column_names, table.schema.types, strict=True)
        if pa.types.is_floating(kind) and (pc.max(pc.abs(table[name])).as_py() or 0) >= BEYOND
    ]
    if not large:
        return table
    rows = list(_rows(data, large))
    for name, cells in zip(large, zip(*rows, strict=True), strict=True):
        if all(cell is None or isinstance(cell, _Whole) for cell in cells):
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.array(cells, pa.string()))
    return table


def _rows(data: Contents, names: Sequence[str]) -> Iterator[list[Any]]:
    """Some cells of each line that is not blank, whole numbers as their digits."""
    for line in bytes(data).split(b"\n"):
        if line.strip():
            row = cast("dict[str, Any]", json.loads(line, parse_int=_Whole))
            yield [row.get(name) for name in names]
