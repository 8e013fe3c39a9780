"""What the cells of a table of judgements mean: ids, grades, times, contexts."""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from anglewise.data_types.numbers import EXACT, cell_number, shown
from anglewise.errors import ValuesError
from anglewise.io.sizes import is_deep

WITH_WORDS = re.compile(
    r"^([-+]?[0-9.]+)(?!\s*[^\w\s]+\s*[0-9.])(\s+[^\s0-9.]|\s*[:(]).*$", re.DOTALL
)
"""A choice that says what its number means: "2 - fully", "1: touches on it".

A number behind the mark makes it a time, a ratio or a range: "12:00", "2 : 3", "2 - 3".
"""


def read_text(value: Any, name: str) -> str:
    """A cell as text; whole numbers that a table with gaps stores as floats become whole again.

    Raises ``ValuesError`` for an empty id, for what is no text, for what is not UTF-8, and for a
    float to which other whole numbers were rounded.

    >>> read_text(7.0, "item_id"), read_text(b"d7", "item_id")
    ('7', 'd7')
    """
    if isinstance(value, float) and value.is_integer():
        check_exact(value, name)
        value = int(value)
    if isinstance(value, float) and math.isnan(value):
        value = ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValuesError(f"{name} is {shown(value)!r}: text is due")
    text = str(value)
    if not text.strip() and name in {"query_id", "item_id"}:
        raise ValuesError(f"{name} is empty: give every row one, or drop the row")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValuesError(f"{name} is not UTF-8: convert the file (iconv -f latin1 -t utf-8)")
    return text


def check_exact(value: Any, name: str, limit: float = EXACT) -> None:
    """Refuse a float from ``limit`` on, where its kind leaves whole numbers out, as an id.

    >>> check_exact(16777216.0, "item_id", 2.0**24)
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: item_id is 16777216, and ids as floats of this size have lost ...
    """
    if isinstance(value, float) and abs(value) >= limit:
        raise ValuesError(
            f"{name} is {value:.16g}, and ids as floats of this size have lost their last digits: "
            "write them as text or whole numbers"
        )


def read_grade(value: Any, words: Mapping[str, float]) -> float:
    """A grade: a number, a text of one, a word whose meaning was given, or "2 - fully".

    >>> read_grade("2 - fully", {}), read_grade("Relevant", {"relevant": 1.0})
    (2.0, 1.0)
    """
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, str):
        word = words.get(word, WITH_WORDS.sub(r"\1", word))
    hint = ", or say what words mean (--grades relevant=1,irrelevant=0)"
    return read_cell_number(word, "grade", hint)


def read_cell_number(value: Any, name: str, hint: str = "") -> float:
    """A cell as a finite number; ``ValuesError`` if it holds none."""
    number = cell_number(value)
    if number is None:
        shown_value = "empty" if value is None or value == "" else repr(shown(value))
        raise ValuesError(f"{name} is {shown_value}, no finite number: mend or drop the row{hint}")
    return number


def _time(value: Any, name: str) -> float:
    """Seconds since 1970, from a number or from a time as ISO 8601 writes it, UTC by default."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return read_cell_number(value, name)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return read_cell_number(value, name)


def read_context(value: Any, name: str) -> Any:
    """An object, or one written as JSON; ``ValuesError`` with the name for anything else."""
    if isinstance(value, str):
        try:
            value = None if is_deep(value) else json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict):
        raise ValuesError(f"{name} is no JSON object: write one such as {{}}, or leave it empty")
    return value  # pyright: ignore[reportUnknownVariableType]


def _word(value: Any, name: str) -> str:
    return read_text(value, name).strip()


READ: dict[str, Callable[[Any, str], Any]] = {
    "time": _time,
    "probability": read_cell_number,
    "start": read_cell_number,
    "end": read_cell_number,
    "context": read_context,
    "uuid": _word,
    "direction": _word,
    "source": _word,
}
"""How the cells of a column are read; those of others are text."""
