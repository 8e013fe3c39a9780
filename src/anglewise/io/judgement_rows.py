"""Rows of judgements from tables, and what their cells mean."""

import csv
import io
import time as clock
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from anglewise.data_types.numbers import cell_number, shown
from anglewise.data_types.text import Say
from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError, FileError, ValuesError
from anglewise.io.arrow_files import arrow_sheet
from anglewise.io.delimited import COMMENT, unguarded, without_separator_line
from anglewise.io.files import reading, suffix, text_contents
from anglewise.io.judged_spans import span_columns
from anglewise.io.judgement_cells import READ, check_exact, read_grade, read_text
from anglewise.io.tables import (
    DOCUMENT,
    EXACT_IN,
    GAIN,
    QUERY,
    Role,
    check_distinct_columns,
    find,
    listed,
    need,
)
from anglewise.judgements.records import Judged, check_judgements_fit, judged_from

REQUIRED = ("query_id", "item_id", "grade")
"""Cells that no row may lack."""

NUMBERS = frozenset({"grade", "time", "probability", "start", "end"})
"""Cells that are numbers, which may be rounded; all others are text, such as ids."""

ASSUMED = frozenset({"judge", "direction", "source"})
"""What is assumed where a row does not say it."""

LONGEST_CONTENT = 500
"""Letters of a refused row that are stored beside the reason."""


@dataclass(frozen=True)
class Assumed:
    """What is assumed where a file says nothing.

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
    """A refused row: where it stands, why it was refused, what to do, and its text.

    The last one may stand for more ``rows`` than itself, whose texts are not kept.
    """

    row: str
    reason: str
    remedy: str
    content: str
    rows: int = 1


MOST_REFUSED = 1 << 24
"""Letters of refused rows that are kept; of further ones the number alone."""


@dataclass
class _Refused:
    """Refused rows as they come, the first of them whole."""

    rejects: list[Reject] = field(default_factory=list[Reject])
    letters: int = 0
    further: int = 0

    def add(self, reject: Reject) -> None:
        """Keep a row, or count it."""
        parts = (reject.row, reject.reason, reject.remedy, reject.content)
        self.letters += sum(map(len, parts))
        if self.letters > MOST_REFUSED:
            self.further += 1
        else:
            self.rejects.append(reject)

    def all(self) -> tuple[Reject, ...]:
        """The rows that are kept, and one for all the others."""
        if not self.further:
            return tuple(self.rejects)
        words = "the rows after these", "they are too many to be kept", "mend the file, then again"
        return (*self.rejects, Reject(*words, "", self.further))


def count_refused(rejects: Iterable[Reject]) -> int:
    """How many rows were refused."""
    return sum(reject.rows for reject in rejects)


@dataclass(frozen=True)
class Row:
    """One row of a file: its cells by field of a judgement, or the fault that it has instead."""

    location: str
    content: str
    cells: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fault: ValuesError | None = None


@dataclass(frozen=True)
class JudgedFile:
    """What a file holds: judgements, refused rows, and how many rows only repeat another.

    ``skipped`` counts, by reason, what the judges set aside themselves, such as cancelled cards.
    ``lacking`` names what some row does not say of judge, direction and source, so that it was
    assumed, and ``words`` holds the words that some row has for a grade, in small letters.
    """

    form: str
    judged: tuple[Judged, ...]
    rejects: tuple[Reject, ...]
    repeated: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])
    lacking: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


def collected(form: str, rows: Iterable[Row], assumed: Assumed) -> JudgedFile:
    """Make judgements of rows; each row becomes a judgement, a repetition or a refusal.

    A judge who gives a pair two grades in one file, without uuids that tell the later row from
    the former, contradicts himself: the first row is kept, the other refused.

    >>> rows = [Row(f"line {n}", "", {"query_id": "q", "item_id": "d", "grade": n}) for n in (1, 2)]
    >>> found = collected("csv", rows, Assumed(now=0.0))
    >>> len(found.judged), found.rejects[0].reason
    (1, "'import' gave this pair grade 1 (line 1) and 2 here")
    """
    judgements: list[Judged] = []
    rejects = _Refused()
    firsts: dict[tuple[Any, ...], tuple[Judged, str]] = {}
    uuids: dict[str, str] = {}
    lacking, words = set[str](), set[str]()
    repeated = 0
    for row in rows:
        if row.fault is None:
            lacking |= {name for name in ASSUMED if row.cells.get(name) in (None, "")}
        if isinstance(grade := row.cells.get("grade"), str):
            words.add(grade.strip().lower())
        try:
            judged = judgement_of(row, assumed)
            first, location = firsts.setdefault(
                (*judged.pair, judged.judge), (judged, row.location)
            )
            if row.cells.get("uuid"):
                _check_uuid(judged, row.location, uuids)
            elif first is not judged and first.grade != judged.grade:
                raise _contradiction(judged, first, location)
            elif first is not judged:
                repeated += 1
                continue
        except AnglewiseError as error:
            reason, _, remedy = str(error).partition(": ")
            rejects.add(Reject(row.location, reason, remedy, row.content[:LONGEST_CONTENT]))
        else:
            judgements.append(judged)
            check_judgements_fit(len(judgements))
    return JudgedFile(
        form,
        tuple(judgements),
        rejects.all(),
        repeated,
        lacking=frozenset(lacking),
        words=frozenset(words),
    )


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
    for name, value in {**dict.fromkeys(REQUIRED, ""), **row.cells}.items():
        if name == "grade":
            cells[name] = read_grade(value, assumed.grades)
        elif name in REQUIRED or value not in (None, ""):
            cells[name] = READ.get(name, read_text)("" if value is None else value, name)
    return judged_from(cells)


def _check_uuid(judged: Judged, location: str, uuids: dict[str, str]) -> None:
    first = uuids.setdefault(judged.uuid, location)
    if first != location:
        raise ValuesError(
            f"uuid {judged.uuid} stands at {first} already: give every row one of its own"
        )


def _contradiction(judged: Judged, first: Judged, location: str) -> ValuesError:
    return ValuesError(
        f"{shown(judged.judge)!r} gave this pair grade {first.grade:g} ({location}) and "
        f"{judged.grade:g} here: keep one of them, or tell the judges apart in a column called "
        "judge"
    )


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
    text = bytes(text_contents(path)).decode("utf-8-sig", "surrogateescape")
    if not text.strip():
        raise FileError(f"{path} holds no lines: a table of judgements is due")
    return text


def trec_rows(text: str, skipped: Counter[str]) -> Iterator[Row]:
    """Lines of ``query round item grade``, parted by blanks, without those that begin with #."""
    for number, line in enumerate(text.split("\n"), start=1):
        cells = line.split()
        if line.startswith("#"):
            skipped["lines of comments"] += 1
            continue
        if not cells:
            continue
        location, content = f"line {number}", line.rstrip("\r")
        if len(cells) == 4:
            yield Row(location, content, dict(zip(REQUIRED, (cells[0], *cells[2:]), strict=True)))
        else:
            remedy = "write query, 0, item, grade, parted by blanks"
            fault = ValuesError(f"{len(cells)} columns instead of 4: {remedy}")
            yield Row(location, content, fault=fault)


def table_rows(
    path: Path, text: str, named_columns: Mapping[Role, str | None], *, as_guarded: bool = False
) -> Iterator[Row]:
    """Rows of CSV, TSV and BEIR, whose first line names the columns.

    ``as_guarded`` gives cells that were kept from being formulas as they were before.
    """
    text, delimiter = without_separator_line(path, text)
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), None)
    if first is None:
        raise FileError(f"{path} holds no lines but the one that says at what to cut")
    delimiter = delimiter or max("\t,;|", key=first.count)
    records = _records(text, delimiter)
    _, _, names, fault = next(records)
    if fault is not None:
        raise FileError(f"{path}, line 1: {fault}")
    fields = _columns(path, [name.strip() for name in names], named_columns)
    clean = unguarded if as_guarded else str
    for location, content, cells, record_fault in records:
        fault = record_fault
        if fault is None and len(cells) != len(names):
            fault = ValuesError(
                f"{len(cells)} columns where the first line has {len(names)}: mend the line, or "
                f"quote cells that hold {delimiter!r}"
            )
        values = (
            {} if fault else {name: clean(cells[position]) for name, position in fields.items()}
        )
        yield Row(location, content, values, fault)


def arrow_rows(path: Path, named_columns: Mapping[Role, str | None]) -> Iterator[Row]:
    """Rows of parquet, feather and Arrow."""
    sheet = arrow_sheet(path)
    fields = _columns(path, sheet.names or (), named_columns)
    with reading(path, "a table of judgements"):  # dates may lie past all that Python knows
        columns = [column.to_pylist() for column in sheet.columns(list(fields.values()))]
    # Python's floats are wider than those of a column may be, and do not tell what these lost
    kinds = {name: sheet.kinds[position] for name, position in fields.items()}
    kinds = {name: str(getattr(kind, "value_type", kind)) for name, kind in kinds.items()}
    narrow = {
        name: EXACT_IN[kind]
        for name, kind in kinds.items()
        if kind in EXACT_IN and name not in NUMBERS
    }
    for number, values in enumerate(zip(*columns, strict=True)):
        cells = dict(zip(fields, values, strict=True))
        fault = _lost_digits(cells, narrow)
        yield Row(sheet.location(number), str(cells), {} if fault else cells, fault)


def _lost_digits(cells: Mapping[str, Any], narrow: Mapping[str, float]) -> ValuesError | None:
    """The fault of a row with an id that its column could not hold."""
    try:
        for name, limit in narrow.items():
            check_exact(cells[name], name, limit)
    except ValuesError as fault:
        return fault
    return None


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


def graded_columns(
    path: Path, names: Sequence[str], named_columns: Mapping[Role, str | None]
) -> dict[Role, int]:
    """Where queries, items and, if there are any, grades stand among the columns.

    ``named_columns`` are those that options name. Raises ``FileError`` where no column can be told
    as that of queries or items, ``SpellingError`` where an option names what is no column, or a
    column of something else.
    """
    try:
        positions = {
            role: need(names, role, named_columns.get(role), path) for role in (QUERY, DOCUMENT)
        }
    except FileError as error:
        if not names[0].startswith("#"):
            raise
        raise FileError(f"{error}; or {COMMENT}") from error
    grades = find(names, GAIN, named_columns.get(GAIN), path)
    if grades is not None:
        positions[GAIN] = grades
    named_roles = {role for role, name in named_columns.items() if name is not None}
    check_distinct_columns(names, positions, named_roles, path)
    return positions


def _columns(
    path: Path, names: Sequence[str], named_columns: Mapping[Role, str | None]
) -> dict[str, int]:
    """Where each field of a judgement stands; query, item and grade must."""
    required = graded_columns(path, names, named_columns)
    if GAIN not in required:
        raise FileError(
            f"{path}: cannot tell which column holds the grades among {listed(names)}; name it: "
            "gain_column=... (--gain-column)"
        )
    fields: dict[str, int] = dict(zip(REQUIRED, required.values(), strict=True))
    for name, role in OWN.items():
        position = find(names, role, None, path)
        if position is not None and position not in fields.values():
            fields[name] = position
    return fields | span_columns(path, names)


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
        first = start
        try:
            for cells in reader:
                end = start + reader.line_num
                if cells:
                    yield _location(first, end), "".join(lines[first:end]).rstrip(), cells, None
                first = end
        except csv.Error as error:
            fault = ValuesError(f"{error}: close the quote, or double those inside a cell")
            yield _location(first, first + 1), lines[first].rstrip(), [], fault
            start = first + 1
        else:
            return


def _location(first: int, end: int) -> str:
    return f"lines {first + 1} to {end}" if end > first + 1 else f"line {end}"


def is_trec(text: str) -> bool:
    """Whether the first line, or most of the first ones, is four columns, the last a number."""
    rows = (line for line in text.split("\n") if line.strip() and not line.startswith("#"))
    first_rows = list(islice(rows, 20))
    if not first_rows or "," in first_rows[0]:
        return False
    lines = [line.split() for line in first_rows]
    fit = [len(cells) == 4 and cell_number(cells[3]) is not None for cells in lines]
    return fit[0] or 2 * sum(fit) > len(fit)


def qrels_in(folder: Path, say: Say) -> Path:
    """The judgements of a BEIR folder: those of the test split, or the only ones."""
    files = [
        file
        for directory in (folder / "qrels", folder)
        for file in (sorted(directory.iterdir()) if directory.is_dir() else [])
        if suffix(file) == ".tsv"
        and (directory.name == "qrels" or file.name.split(".")[0] in {"qrels", "test"})
    ]
    test = [file for file in files if file.name.split(".")[0] == "test"]
    chosen = test or files
    if len(chosen) != 1:
        raise FileError(
            f"{folder} holds {listed([f.name for f in files]) or 'no qrels/*.tsv'}: name one file"
        )
    say(f"took {chosen[0]} as the judgements")
    return chosen[0]
