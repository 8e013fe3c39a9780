"""Columns of a table as moments: dates and times of several kinds, as seconds or as they count."""

from typing import Any

from anglewise.data_types.typing import Array, Float64
from anglewise.errors import FileError
from anglewise.io.files import arrow, reading
from anglewise.io.tables import Sheet, is_number, numbers_of


def times_of(sheet: Sheet, column: Any, position: int) -> Float64[Array, " rows"]:
    """A column as seconds since 1970 if it holds dates, else as the numbers that it holds.

    Dates as text are read where they follow ISO 8601 (``2024-05-01 12:30:00``).
    """
    pa = arrow()
    pc = arrow("compute")

    if pa.types.is_string(column.type):
        if is_number(column[0].as_py() or "0"):
            return numbers_of(sheet, column, position)
        column = _moments(sheet, column, position)
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        with reading(sheet.path, "times"):  # what no longer fits would come out as another time
            if getattr(column.type, "unit", "s") in {"s", "ms"}:
                moments = pc.cast(column, pa.timestamp("ms"))
            else:
                moments = column
        units = {"ms": 1e3, "us": 1e6, "ns": 1e9}[moments.type.unit]
        column = pc.divide(pc.cast(pc.cast(moments, pa.int64()), pa.float64(), safe=False), units)
    return numbers_of(sheet, column, position)


def _moments(sheet: Sheet, column: Any, position: int) -> Any:
    """Dates as text, with or without a time zone."""
    pa, pc = arrow(), arrow("compute")
    text = pc.utf8_trim_whitespace(column)
    # from the coarsest on, which reaches furthest; Arrow refuses more digits than a unit holds
    for unit in ("ms", "us", "ns"):
        for zone in (None, "UTC"):
            try:
                return pc.cast(text, pa.timestamp(unit, zone))
            except pa.ArrowInvalid:
                continue
    wrong = next((cell for cell in text.to_pylist() if not _is_moment(cell)), None)
    if wrong is None:
        raise FileError(
            f"{sheet.path}: {sheet.name(position)} holds some times with a time zone and some "
            "without: write all of them in one way"
        )
    raise FileError(
        f"{sheet.path}: {sheet.name(position)} holds times that are neither numbers nor dates "
        f"like 2024-05-01 12:30:00, such as {wrong[:40]!r}: write them so"
    )


def _is_moment(cell: str | None) -> bool:
    """Whether one cell is a date, with or without a time zone."""
    pa, pc = arrow(), arrow("compute")
    for zone in (None, "UTC"):
        try:
            pc.cast(pa.scalar(cell or "", pa.string()), pa.timestamp("ns", zone))
        except pa.ArrowInvalid:
            continue
        return True
    return False
