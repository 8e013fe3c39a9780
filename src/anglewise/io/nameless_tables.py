"""Tables of who used what without a line of names: what their columns cannot be."""

import re
from collections.abc import Sequence
from itertools import permutations
from typing import Any

from anglewise.errors import FileError
from anglewise.io.files import arrow
from anglewise.io.interaction_formats import OTHERWISE
from anglewise.io.tables import Sheet, is_number

LOOKED_AT = 10_000
"""So many rows are looked at."""

FEWEST_ROWS = 10
"""In fewer rows chance alone may put the same numbers into all columns."""

REPEATS = 0.2
"""Of baskets no larger share holds an item twice."""

DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:?\d\d)?.*)?|\d{1,4}[./]\d\d?[./]\d{1,4}")
"""What a cell is that holds a date, with or without a time of day."""

DECIMAL = re.compile(r"[+-]?[0-9]*\.[0-9]*[1-9][0-9]*")
"""What a cell is that holds a number which is not whole, and no id."""

NAMES = (
    "name the columns in a first line, as in user_id,item_id,rating,timestamp, or in their order "
    "(--format user,time,item,- and the like)"
)


def check_plain_table(sheet: Sheet) -> None:
    """Refuse a table that cannot be, or may well not be, user, item, weight and time in this order.

    Raises ``FileError`` for dates where users, items or weights are due, for decimals where users
    or items are, for a fourth column that holds neither numbers nor dates, for a first column that
    counts the rows, and for rows that look like baskets: the same ids in all columns, or in all
    behind the first, and hardly ever twice in a row.
    """
    columns = [_cells(column) for column in sheet.columns(range(sheet.width))]
    for position, meaning in zip(
        range(min(sheet.width, 3)), ("users", "items", "weights"), strict=False
    ):
        if _mostly(DATE.fullmatch, columns[position]):
            raise FileError(
                f"{sheet.path} has no header, so its columns are user, item, weight and time, and "
                f"column {position + 1} of it, which would hold the {meaning}, holds dates such as "
                f"{columns[position][0][:40]!r}: {NAMES}"
            )
    _check_no_decimals(sheet, columns)
    if sheet.width < 3:
        return
    for position in range(2, sheet.width):
        is_due = is_number if position == 2 else _is_moment
        wrong = next((cell for cell in columns[position] if not is_due(cell)), None)
        if wrong is not None:
            meaning = "weights are due" if position == 2 else "times are due"
            raise FileError(
                f"{sheet.path} has no header, so its columns are user, item, weight and time, and "
                f"column {position + 1} holds {wrong[:40]!r}, where {meaning}: {NAMES}"
            )
    _check_no_lists(sheet, columns)


def doubt_about(sheet: Sheet) -> str:
    """What to add where two columns without names hold the same ids: lines may be baskets of two.

    Empty for others. Users and items that are both numbered from 1 on look alike, so these are
    read, and it is said.
    """
    if sheet.names is not None or sheet.width != 2:
        return ""
    if not _may_be_baskets([_cells(column) for column in sheet.columns(range(2))]):
        return ""
    return (
        "; both columns hold the same ids, so lines may be baskets of 2 items (--format baskets), "
        "or name the columns (--format user,item)"
    )


def _check_no_decimals(sheet: Sheet, columns: Sequence[Sequence[str]]) -> None:
    """Refuse decimals in place of ids, as a table of ratings with a column an item holds."""
    for position, meaning in ((0, "users"), (1, "items")):
        if _mostly(DECIMAL.fullmatch, columns[position]):
            decimal = next(filter(DECIMAL.fullmatch, columns[position]))
            raise FileError(
                f"{sheet.path} has no header, so its columns are user, item, weight and time, and "
                f"column {position + 1} of it, which would hold the {meaning}, holds decimals such "
                f"as {decimal[:40]!r}: {NAMES}, or say what the lines are: {OTHERWISE}"
            )


def _check_no_lists(sheet: Sheet, columns: Sequence[Sequence[str]]) -> None:
    """Refuse rows that may be lists of items, with or without a user or a number before them."""
    if _counts_rows(columns[0]):
        raise FileError(
            f"{sheet.path} has no header, and its first column counts its rows, "
            f"{', '.join(columns[0][:3])}, and so on: users of one item each, numbers that some "
            f"programs write before each row, or users with {sheet.width - 1} items each; {NAMES}, "
            f"or say what the lines are: {OTHERWISE}"
        )
    if _may_be_baskets(columns):
        first = " ".join(column[0] for column in columns)
        raise FileError(
            f"{sheet.path} has no header, and rows such as {first[:60]!r} may be user, item and "
            f"weight, or baskets of {sheet.width} items: the same ids stand in all "
            f"columns; {NAMES}, or say what they are: {OTHERWISE}"
        )
    behind = columns[1:]
    never_repeats = len(set(columns[0])) == len(columns[0])
    if (len(behind) > 2 or never_repeats) and _may_be_baskets(behind):
        first = " ".join(column[0] for column in columns)
        raise FileError(
            f"{sheet.path} has no header, and rows such as {first[:60]!r} may be user, item and "
            f"weight, or a user and {len(behind)} items: the same ids stand in all columns behind "
            f"the first; {NAMES}, or say what they are: {OTHERWISE}"
        )


def _cells(column: Any) -> list[str]:
    pc = arrow("compute")
    return pc.utf8_trim_whitespace(column.slice(0, LOOKED_AT)).to_pylist()


def _mostly(test: Any, cells: Sequence[str]) -> bool:
    return 2 * sum(bool(test(cell)) for cell in cells) > len(cells)


def _is_moment(cell: str) -> bool:
    return is_number(cell) or DATE.fullmatch(cell) is not None


def _counts_rows(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, 2, … or 1, 2, 3, …, in rows enough."""
    starts = {"0": 0, "1": 1}
    if len(cells) < FEWEST_ROWS or cells[0] not in starts:
        return False
    return all(cell == str(number) for number, cell in enumerate(cells, starts[cells[0]]))


def _may_be_baskets(columns: Sequence[Sequence[str]]) -> bool:
    """Whether the columns hold the ids of each other, and hardly any row holds one twice."""
    rows = len(columns[0])
    repeats = sum(len(set(row)) < len(row) for row in zip(*columns, strict=True))
    if rows < FEWEST_ROWS or repeats > REPEATS * rows:
        return False
    kinds = [set(column) for column in columns]
    return all(2 * len(one & other) > len(one) for one, other in permutations(kinds, 2))
