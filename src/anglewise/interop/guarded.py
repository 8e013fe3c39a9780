"""Cells of a CSV that a spreadsheet would run as a formula, kept from it and given back."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from anglewise.interop.arrow import arrow
from anglewise.interop.sheet import Sheet

FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001 the wide signs are run, too
"""How a formula begins, or what was kept from being one."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
"""What is a number to a spreadsheet and to everybody else."""


def guarded(cell: Any) -> Any:
    """A cell that no spreadsheet runs: an apostrophe stands before text that begins as a formula.

    Numbers, and text that reads as one, stay as they are. ``unguarded`` is the way back.

    >>> [guarded(cell) for cell in ("=1+1", "'=x", "'tis", "-1", -1, "film")]
    ["'=1+1", "''=x", "'tis", '-1', -1, 'film']
    """
    if isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def unguarded(cell: str) -> str:
    """The text that was guarded; what ``guarded`` cannot have made stays as it is.

    >>> [unguarded(cell) for cell in ("'=1+1", "''=x", "'tis", "'-1", "=1")]
    ['=1+1', "'=x", "'tis", "'-1", '=1']
    """
    return cell[1:] if cell.startswith("'") and guarded(cell[1:]) == cell else cell


def unguarded_sheet(sheet: Sheet) -> Sheet:
    """A table with the cells of a CSV as they were before they were guarded."""
    if sheet.names is None or not sheet.path.name.lower().endswith((".csv", ".csv.gz")):
        return sheet

    def columns(positions: Sequence[int]) -> list[Any]:
        return [_unguarded(column) for column in sheet.columns(positions)]

    return replace(sheet, columns=columns)


def _unguarded(column: Any) -> Any:
    pa, pc = arrow(), arrow("compute")
    if not pc.any(pc.starts_with(column, "'")).as_py():
        return column
    cells = column.to_pylist()
    return pa.chunked_array([pa.array([unguarded(cell) for cell in cells], pa.string())])
