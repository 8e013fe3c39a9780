"""From the cells of a row, whatever the format, to a judgement or to why there is none."""

import json
import math
import re
import time as clock
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from anglewise.core.typing import Direction
from anglewise.errors import AnglewiseError, ValuesError
from anglewise.interop.json_text import is_deep
from anglewise.judgements.records import Judged, judged_from

WITH_WORDS = re.compile(r"^([-+]?[\d.]+)(\s+\S|\s*[:(]).*$", re.DOTALL)
"""A choice that says what its number means: "2 - fully", "1: touches on it"."""

DUE = ("query_id", "item_id", "grade")
"""Cells that no row may lack."""

LONGEST_CONTENT = 500
"""Letters of a refused row that are kept beside the reason."""


@dataclass(frozen=True)
class Assumed:
    """What holds where a file is silent.

    ``grades`` says which number a word stands for, such as ``relevant``; ``now`` is the time of
    rows that bear none.
    """

    judge: str = "import"
    direction: Direction = "queries-items"
    source: str = "human"
    grades: Mapping[str, float] = field(default_factory=dict[str, float])
    now: float = field(default_factory=clock.time)


@dataclass(frozen=True)
class Reject:
    """A row that is no judgement: where it stands, why it was refused, what to do, what it is."""

    row: str
    reason: str
    remedy: str
    content: str


@dataclass(frozen=True)
class Row:
    """One row as it stands in a file: its cells by our names of them, or why it has none."""

    place: str
    content: str
    cells: Mapping[str, Any]
    fault: ValuesError | None = None


@dataclass(frozen=True)
class JudgedFile:
    """What a file holds: judgements, refused rows, and how many rows only repeat another.

    ``skipped`` counts by reason what its makers set aside themselves, such as cancelled cards.
    """

    form: str
    judged: tuple[Judged, ...]
    rejects: tuple[Reject, ...]
    repeated: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])


def collected(form: str, rows: Iterable[Row], assumed: Assumed) -> JudgedFile:
    """Make judgements of rows; each row becomes a judgement, a repetition or a refusal.

    A judge who gives a pair two grades in one file, without uuids that tell the later row from
    the former, contradicts himself: the first row is kept, the other refused.

    >>> rows = [Row(f"line {n}", "", {"query_id": "q", "item_id": "d", "grade": n}) for n in (1, 2)]
    >>> found = collected("csv", rows, Assumed(now=0.0))
    >>> len(found.judged), found.rejects[0].reason
    (1, "'import' gave this pair grade 1 (line 1) and 2 here")
    """
    judged: list[Judged] = []
    rejects: list[Reject] = []
    first: dict[tuple[str, ...], tuple[Judged, str]] = {}
    uuids: dict[str, str] = {}
    repeated = 0
    for row in rows:
        try:
            one = judgement_of(row, assumed)
            key = (*one.pair, one.judge)
            had, where = first.setdefault(key, (one, row.place))
            if row.cells.get("uuid"):
                _check_uuid(one, row.place, uuids)
            elif had is not one and had.grade != one.grade:
                raise _contradiction(one, had, where)
            elif had is not one:
                repeated += 1
                continue
        except AnglewiseError as error:
            reason, _, remedy = str(error).partition(": ")
            rejects.append(Reject(row.place, reason, remedy, row.content[:LONGEST_CONTENT]))
        else:
            judged.append(one)
    return JudgedFile(form, tuple(judged), tuple(rejects), repeated)


def judgement_of(row: Row, assumed: Assumed) -> Judged:
    """Make a judgement of one row; ``AnglewiseError`` with ``reason: remedy`` if it is none."""
    if row.fault is not None:
        raise row.fault
    cells: dict[str, Any] = {
        "judge": assumed.judge,
        "direction": assumed.direction,
        "source": assumed.source,
        "time": assumed.now,
    }
    for name, value in {**dict.fromkeys(DUE, ""), **row.cells}.items():
        if name in DUE or value not in (None, ""):
            found = "" if value is None else value
            cells[name] = READ.get(name, _text)(found, name, assumed)
    return judged_from(cells)


def _check_uuid(one: Judged, place: str, uuids: dict[str, str]) -> None:
    had = uuids.setdefault(one.uuid, place)
    if had != place:
        raise ValuesError(f"uuid {one.uuid} stands at {had} already: give every row one of its own")


def _contradiction(one: Judged, had: Judged, where: str) -> ValuesError:
    return ValuesError(
        f"{one.judge!r} gave this pair grade {had.grade:g} ({where}) and {one.grade:g} here: keep "
        "one of them, or tell the judges apart in a column called judge"
    )


def _text(value: Any, name: str, assumed: Assumed) -> str:
    del assumed
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # whole numbers that a table with gaps stores as floats
    if isinstance(value, float) and math.isnan(value):
        value = ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValuesError(f"{name} is {str(value)[:60]!r}: text is due")
    text = str(value)
    if not text.strip() and name in {"query_id", "item_id"}:
        raise ValuesError(f"{name} is empty: give every row one, or drop the row")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValuesError(f"{name} is not UTF-8: convert the file (iconv -f latin1 -t utf-8)")
    return text


def grade_of(value: Any, name: str, assumed: Assumed) -> float:
    """A grade as a number: a number, a text of one, a word that ``grades`` knows, "2 - fully"."""
    if not isinstance(value, str):
        return _number(value, name)
    word = value.strip().lower()
    if word in assumed.grades:
        return assumed.grades[word]
    return _number(WITH_WORDS.sub(r"\1", word), name)


def _number(value: Any, name: str, assumed: Assumed | None = None) -> float:
    del assumed
    shown = "empty" if value is None or value == "" else repr(str(value)[:40])
    wrong = ValuesError(
        f"{name} is {shown}, no finite number: mend or drop the row"
        + (", or say what words mean (--grades relevant=1,irrelevant=0)" * (name == "grade"))
    )
    if value is None or (isinstance(value, str) and ("_" in value or not value.isascii())):
        raise wrong
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    if not math.isfinite(number):
        raise wrong
    return number


def _time(value: Any, name: str, assumed: Assumed) -> float:
    del assumed
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return _number(value, name)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.timestamp()
    return _number(value, name)


def _context(value: Any, name: str, assumed: Assumed) -> Any:
    del assumed
    if isinstance(value, str):
        try:
            value = None if is_deep(value) else json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict):
        raise ValuesError(f"{name} is no JSON object: write one such as {{}}, or leave it empty")
    return value  # pyright: ignore[reportUnknownVariableType]


def _word(value: Any, name: str, assumed: Assumed) -> str:
    return _text(value, name, assumed).strip()


READ: dict[str, Callable[[Any, str, Assumed], Any]] = {
    "grade": grade_of,
    "time": _time,
    "probability": _number,
    "context": _context,
    "uuid": _word,
    "direction": _word,
    "source": _word,
}
