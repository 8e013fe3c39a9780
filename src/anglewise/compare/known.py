"""What is known about judged queries: the cells of one column, and moments in it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from math import isnan
from typing import Any

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.text import counted, listed
from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import SpellingError, ValuesError
from anglewise.io.texts import column, columns_of


def cells(name: str, asking: Embeddings, rows: Int64[Array, " q"]) -> list[Any]:
    """One column, at some rows.

    Raises ``SpellingError`` if there is none of that name, ``ValuesError`` for an empty cell.

    >>> cells("user", Embeddings(np.eye(2), metadata={"user": ["b", "a"]}), np.array([1]))
    ['a']
    """
    known = columns_of(asking)
    if name not in known:
        raise SpellingError(
            f"nothing is known about queries under {name!r}: there is "
            f"{', '.join(known) or 'no metadata'}; clusters(8) needs none"
        )
    every = column(asking, name)
    found = [every[row] for row in rows.tolist()]
    missing = [row for row, cell in zip(rows.tolist(), found, strict=True) if _is_empty(cell)]
    if missing:
        some = listed([repr(str(asking.ids[row])) for row in missing[:3]])
        raise ValuesError(
            f"column {name!r} is empty for {counted(len(missing), 'judged query')}, such as "
            f"{some}: fill it in"
        )
    return found


def moments(name: str, found: Sequence[Any]) -> Float64[Array, " q"]:
    """Numbers as they are, dates in seconds; one without a zone is taken as UTC.

    Raises ``ValuesError`` for what is neither.

    >>> moments("day", ["1970-01-02", "1970-01-01"]).tolist()
    [86400.0, 0.0]
    """
    try:
        times = np.array([_moment(cell) for cell in found])
    except (TypeError, ValueError):
        bad = next(cell for cell in found if not _is_moment(cell))
        raise ValuesError(
            f"column {name!r} holds {bad!r}, which is no time: give numbers, or dates such as "
            "2026-03-01 or 2026-03-01T12:30:00"
        ) from None
    return times


def _moment(cell: Any) -> float:
    if isinstance(cell, np.generic):
        return _moment(cell.item())
    if isinstance(cell, str) and not _is_number(cell):
        cell = datetime.fromisoformat(cell.strip())
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp()
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC).timestamp()
    moment = float(cell)
    if not np.isfinite(moment):
        raise ValueError(moment)
    return moment


def _is_moment(cell: Any) -> bool:
    try:
        _moment(cell)
    except (TypeError, ValueError):
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_empty(cell: Any) -> bool:
    return cell is None or str(cell).strip() == "" or (isinstance(cell, float) and isnan(cell))
