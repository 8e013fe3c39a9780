"""Rows of judgements from tables: TREC, BEIR and CSV line by line, parquet and its like."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from anglewise.errors import FileError, ValuesError
from anglewise.interop.arrow_file import arrow_sheet
from anglewise.interop.columns import DOCUMENT, GAIN, QUERY, Role, find, listed, need
from anglewise.interop.files import contents, reading
from anglewise.interop.guarded import unguarded
from anglewise.interop.judged_cells import Row

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


def _is_grade(cell: Any) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
