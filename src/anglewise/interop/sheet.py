"""A table as it comes, CSV or parquet alike: column names, then columns by position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.errors import FileError, ValuesError
from anglewise.interop.arrow import arrow
from anglewise.interop.files import reading


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table whose columns are read when asked for.

    Attributes
    ----------
    names
        The names of the columns; ``None`` where the file has no header.
    kinds
        The Arrow type of each column.
    columns
        Reads some columns by position into a list of pyarrow arrays, text as text.
    place
        Where a row stands in the file, in words.
    """

    path: Path
    names: tuple[str, ...] | None
    kinds: tuple[Any, ...]
    columns: Callable[[Sequence[int]], list[Any]]
    place: Callable[[int], str]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.kinds)

    def name(self, position: int) -> str:
        """What to call a column in a message."""
        return f"column {position + 1}" if self.names is None else repr(self.names[position])


def names_of(sheet: Sheet, column: Any, position: int) -> Any:
    """A column as ids: text, none missing.

    Whole numbers stored as floats (a table that once had gaps) are written as whole numbers.
    Raises ``ValuesError`` naming the row of an empty id.
    """
    pa = arrow()
    pc = arrow("compute")

    with reading(sheet.path, "ids"):
        if pa.types.is_dictionary(column.type):
            column = pc.cast(column, column.type.value_type)
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
            if pc.all(pc.equal(column, pc.floor(column))).as_py():
                column = pc.cast(column, pa.int64())
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            column = pc.cast(column, pa.string())
        text = pc.cast(column, pa.string()) if column.type != pa.string() else column
        # Arrow imports pandas, for half a second, to make one Python value its own: so none here.
        worded = pc.cast(pc.utf8_length(pc.utf8_trim_whitespace(text)), pa.bool_())
        if pc.all(worded, skip_nulls=False, min_count=0).as_py():
            return text
        first = pc.index(pc.fill_null(worded, False), False).as_py()
    raise ValuesError(
        f"{sheet.path}, {sheet.place(first)}: the id in {sheet.name(position)} is empty; "
        "give every row one, or drop the row"
    )


def numbers_of(sheet: Sheet, column: Any, position: int) -> Float64[Array, " rows"]:
    """A column as finite numbers; ``ValuesError`` naming the first row that holds none."""
    pa = arrow()
    pc = arrow("compute")

    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            column = pc.cast(pc.utf8_trim_whitespace(column), pa.float64())
        except pa.ArrowInvalid:
            bad = _first_refused(pc.utf8_trim_whitespace(column))
            raise _not_a_number(sheet, position, bad, column[bad].as_py()) from None
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    try:
        values = np.array(pc.cast(column, pa.float64(), safe=False), dtype=np.float64)
    except pa.ArrowException as error:
        raise FileError(
            f"{sheet.path}: {sheet.name(position)} holds {column.type}, numbers are due"
        ) from error
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise _not_a_number(sheet, position, int(bad[0]), column[int(bad[0])].as_py())
    return values


def times_of(sheet: Sheet, column: Any, position: int) -> Float64[Array, " rows"]:
    """A column as seconds since 1970 if it holds dates, else as the numbers that it holds.

    Dates as text are read where they follow ISO 8601 (``2024-05-01 12:30:00``).
    """
    pa = arrow()
    pc = arrow("compute")

    if pa.types.is_string(column.type):
        if _is_number(column[0].as_py() or "0"):
            return numbers_of(sheet, column, position)
        column = _moments(sheet, column, position)
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        with reading(sheet.path, "times"):  # what no longer fits would come out as another time
            if getattr(column.type, "unit", "s") == "s":
                moments = pc.cast(column, pa.timestamp("ms"))
            else:
                moments = pc.cast(column, pa.timestamp("ms"), safe=False)
        milliseconds = pc.cast(pc.cast(moments, pa.int64()), pa.float64(), safe=False)
        column = pc.divide(milliseconds, 1000.0)
    return numbers_of(sheet, column, position)


def _moments(sheet: Sheet, column: Any, position: int) -> Any:
    """Dates as text, with or without a time zone."""
    pa, pc = arrow(), arrow("compute")
    text = pc.utf8_trim_whitespace(column)
    for zone in (None, "UTC"):
        try:
            return pc.cast(text, pa.timestamp("ms", zone))
        except pa.ArrowInvalid:
            continue
    raise FileError(
        f"{sheet.path}: {sheet.name(position)} holds times that are neither numbers nor dates "
        f"like 2024-05-01 12:30:00, such as {column[0].as_py()!r}: write them so"
    )


def _first_refused(column: Any) -> int:
    """The row of the first text that Arrow reads no number from; Python reads more as numbers."""
    pa, pc = arrow(), arrow("compute")
    first, last = 0, len(column)
    while last - first > 1:
        middle = (first + last) // 2
        try:
            pc.cast(column[first:middle], pa.float64())
            first = middle
        except pa.ArrowInvalid:
            last = middle
    return first


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _not_a_number(sheet: Sheet, position: int, row: int, found: object) -> ValuesError:
    shown = "nothing" if found is None else repr(str(found)[:40])
    return ValuesError(
        f"{sheet.path}, {sheet.place(row)}: {shown} in {sheet.name(position)}, "
        "where a finite number is due; mend or drop the row"
    )
