"""Columns of a table that nothing is read from, and which of them may say what rows are worth."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from anglewise.errors import FileError
from anglewise.io.files import arrow
from anglewise.io.tables import Role, Sheet, is_number, listed, plain

GRADE_WORDS = re.compile(
    "rating|rated|vote|thumb|grade|gain|score|label|relevan|judg|annotat|feedback|prefer|"
    "^(is|has)?_?(dis)?(like|click|purchase|thumb)|weight|confidence|target|^(y|rel|qrel|stars?)$"
)
"""What the names of columns hold that tell the good from the bad."""

FEWEST_ROWS = 20
"""In fewer rows chance alone may leave a column with two kinds of cells."""

SIGNS = ({"0", "1"}, {"-1", "1"}, {"-1", "0", "1"}, {"true", "false"})
"""The cells of a column that tells likes from dislikes."""

LOOKED_AT = 10_000
"""So many rows of an unread column are looked at."""


def unread(sheet: Sheet, positions: Collection[int], others: Collection[Role] = ()) -> list[int]:
    """Where columns stand that have no role, nor a name that one of ``others`` goes by."""
    known = {name for role in others for name in role.names.split()}
    return [
        i
        for i, name in enumerate(sheet.names or ())
        if i not in positions and name.strip() and plain(name) not in known
    ]


def check_no_grade(
    sheet: Sheet, role: Role, positions: Collection[int], others: Collection[Role] = ()
) -> None:
    """Raise ``FileError`` where no column has a role that grades rows, and an unread one may.

    That is one whose name says so, or that holds nothing but 0 and 1, -1 and 1, true and false in
    twenty rows or more.
    """
    for position in unread(sheet, positions, others):
        cells, rows = _cells(sheet, position)
        named = GRADE_WORDS.search(_in_small(sheet, position)) is not None and len(cells) > 1
        of_signs = any(cells <= signs and len(cells) > 1 for signs in SIGNS)
        if named or (of_signs and rows >= FEWEST_ROWS):
            option = role.option.replace("_", "-")
            words = not all(map(is_number, cells)) and not cells <= {"true", "false"}
            remedy = (
                "write its words as numbers, and " if words else ""
            ) + f"name it: {role.option}=... (--{option})"
            raise FileError(
                f"{sheet.path}: no column is known to hold the {role.meaning}, so that every row "
                f"would count as 1, and {sheet.name(position)} may be it (it holds "
                f"{listed(sorted(cells), 4)}); {remedy}, or leave the column out of the file"
            )


def _in_small(sheet: Sheet, position: int) -> str:
    names = sheet.names or ()
    return re.sub(r":(token|float)(_seq)?$", "", names[position].strip()).lower()


def _cells(sheet: Sheet, position: int) -> tuple[set[str], int]:
    """The different cells of a column as text, without empty ones, and how many rows there are."""
    pa, pc = arrow(), arrow("compute")
    if pa.types.is_nested(sheet.kinds[position]):
        return set(), 0
    column: Any = sheet.columns([position])[0].slice(0, LOOKED_AT)
    cells = {str(cell).strip() for cell in pc.unique(column).to_pylist() if cell is not None}
    return {_short(cell) for cell in cells if cell}, len(column)


def _short(cell: str) -> str:
    if is_number(cell) and float(cell).is_integer():
        return str(int(float(cell)))
    return cell.lower() if cell.lower() in {"true", "false"} else cell


def remark(sheet: Sheet, roles: Mapping[Role, int]) -> str:
    """What to say of columns that nothing is read from; empty where there are none."""
    names = [sheet.name(position) for position in unread(sheet, roles.values())]
    return f"; not read: {listed(names, 6)}" if names else ""
