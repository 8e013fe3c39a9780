"""Rows of judgements from tables, and what their cells mean."""

import csv
import io
import json
import math
import re
import time as clock
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anglewise.core.numbers import cell_number
from anglewise.core.typing import Direction
from anglewise.errors import AnglewiseError, FileError, ValuesError
from anglewise.io.arrow_files import arrow_sheet
from anglewise.io.files import contents, reading
from anglewise.io.sizes import is_deep
from anglewise.io.tables import (
    DOCUMENT,
    GAIN,
    QUERY,
    Role,
    check_apart,
    find,
    listed,
    need,
    unguarded,
)
from anglewise.judgements.records import Judged, judged_from

WITH_WORDS = re.compile(r"^([-+]?[0-9.]+)(\s+[^\s0-9.]|\s*[:(]).*$", re.DOTALL)
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
    number = cell_number(value)
    if number is None:
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


OWN: dict[str, Role] = {
    "judge": Role("judges", "judge", "judge judgeid assessor annotator annotatorid rater workerid"),
    "direction": Role("directions", "direction", "direction"),
    "source": Role("sources", "source", "source"),
    "uuid": Role("uuids", "uuid", "uuid uniqueid"),
    "time": Role("times", "time", "time timestamp judgedat createdat updatedat"),
    "context": Role("contexts", "context", "context"),
    "probability": Role("probabilities", "probability", "probability inclusionprobability"),
    "note": Role("notes", "note", "note notes comment comments"),
}
"""Further columns of a table of judgements, and what they are usually called."""


def text_of(path: Path) -> str:
    """A file as text; bytes that are no UTF-8 become lone surrogates, to be refused by row."""
    text = bytes(contents(path)).decode("utf-8-sig", "surrogateescape")
    if not text.strip():
        raise FileError(f"{path} holds no lines: a table of judgements is due")
    return text


def trec_rows(text: str) -> Iterator[Row]:
    """Lines of ``query round item grade``, parted by blanks."""
    for number, line in enumerate(text.split("\n"), start=1):
        cells = line.split()
        if not cells:
            continue
        fault = None
        if len(cells) != 4:
            fault = ValuesError(
                f"{len(cells)} columns instead of 4: write query, 0, item, grade, parted by blanks"
            )
        names = ("query_id", "round", "item_id", "grade")
        found: dict[str, str] = dict(zip(names, cells, strict=False))
        found.pop("round", None)
        yield Row(f"line {number}", line.rstrip("\r"), found, fault)


def table_rows(
    path: Path, text: str, given: Mapping[Role, str | None], *, as_guarded: bool = False
) -> Iterator[Row]:
    """Rows of CSV, TSV and BEIR, whose first line names the columns.

    ``as_guarded`` gives cells that were kept from being formulas as they were before.
    """
    first = next(line for line in io.StringIO(text, newline="") if line.strip())
    delimiter = max("\t,;|", key=first.count)
    records = _records(text, delimiter)
    _, _, names, fault = next(records)
    if fault is not None:
        raise FileError(f"{path}, line 1: {fault}")
    names = [name.strip() for name in names]
    places = _places(path, names, given)
    for place, content, cells, wrong in records:
        fault = wrong
        if fault is None and len(cells) != len(names):
            fault = ValuesError(
                f"{len(cells)} columns where the first line has {len(names)}: mend the line, or "
                f"quote cells that hold {delimiter!r}"
            )
        clean = unguarded if as_guarded else str
        found = {} if fault else {name: clean(cells[at]) for name, at in places.items()}
        yield Row(place, content, found, fault)


def arrow_rows(path: Path, given: Mapping[Role, str | None]) -> Iterator[Row]:
    """Rows of parquet, feather and Arrow."""
    sheet = arrow_sheet(path)
    places = _places(path, sheet.names or (), given)
    with reading(path, "a table of judgements"):  # dates may lie past all that Python knows
        columns = [column.to_pylist() for column in sheet.columns(list(places.values()))]
    for row, values in enumerate(zip(*columns, strict=True)):
        cells = dict(zip(places, values, strict=True))
        yield Row(sheet.place(row), str(cells), cells)


def graded(rows: Iterable[Row], skipped: Counter[str]) -> Iterator[Row]:
    """Rows without those that wait for a grade, as in a table that is only half filled in.

    >>> rows = [Row("line 2", "", {"query_id": "q", "item_id": "d", "grade": ""})]
    >>> skipped = Counter()
    >>> list(graded(rows, skipped)), dict(skipped)
    ([], {'not graded yet': 1})
    """
    for row in rows:
        waits = row.fault is None and row.cells.get("query_id") and row.cells.get("item_id")
        if waits and row.cells.get("grade") in (None, ""):
            skipped["not graded yet"] += 1
        else:
            yield row


def _places(path: Path, names: Sequence[str], given: Mapping[Role, str | None]) -> dict[str, int]:
    """Where each of our columns stands; query, item and grade must."""
    found = {
        "query_id": need(names, QUERY, given.get(QUERY), path),
        "item_id": need(names, DOCUMENT, given.get(DOCUMENT), path),
    }
    grade = find(names, GAIN, given.get(GAIN), path)
    if grade is None:
        raise FileError(
            f"{path}: cannot tell which column holds the grades among {listed(names)}; name it: "
            "gain_column=... (--gain-column)"
        )
    found["grade"] = grade
    asked = {role for role, name in given.items() if name is not None}
    check_apart(names, dict(zip((QUERY, DOCUMENT, GAIN), found.values(), strict=True)), asked, path)
    for name, role in OWN.items():
        place = find(names, role, None, path)
        if place is not None and place not in found.values():
            found[name] = place
    return found


def _records(text: str, delimiter: str) -> Iterator[tuple[str, str, list[str], ValuesError | None]]:
    """Each record: its line, its text, its cells, or why it has none.

    A quote that is never closed would swallow the rest of the file: it costs its line alone.
    """
    lines = list(io.StringIO(text, newline=""))
    start = 0
    while start < len(lines):
        # no slice: where many lines are refused, copies would take the square of their number
        rest = map(lines.__getitem__, range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        before = start
        try:
            for cells in reader:
                after = start + reader.line_num
                if cells:
                    yield _place(before, after), "".join(lines[before:after]).rstrip(), cells, None
                before = after
        except csv.Error as error:
            fault = ValuesError(f"{error}: close the quote, or double those inside a cell")
            yield _place(before, before + 1), lines[before].rstrip(), [], fault
            start = before + 1
        else:
            return


def _place(before: int, after: int) -> str:
    lines = before + 1, after
    return f"line {after}" if lines[0] == after else f"lines {lines[0]} to {after}"


def is_trec(text: str) -> bool:
    """Whether the first line, or most of the first ones, is four columns, the last a number."""
    text = text.lstrip()  # however many empty lines come first
    lines = [line.split() for line in text.split("\n", 20)[:20] if line.strip()]
    fit = [len(cells) == 4 and _is_grade(cells[3]) for cells in lines]
    return "," not in text.split("\n", 1)[0] and (fit[0] or 2 * sum(fit) > len(fit))


def _is_grade(cell: str) -> bool:
    return cell_number(cell) is not None
