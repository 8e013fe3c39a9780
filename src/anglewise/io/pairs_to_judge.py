"""Tables of pairs that people fill in with a spreadsheet: queues, and the grades in them."""

import codecs
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from anglewise.data_types.numbers import cell_number, shown
from anglewise.data_types.text import as_path
from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.io.arrow_files import parquet_columns
from anglewise.io.delimited import guarded, open_sheet, unguarded, unguarded_sheet
from anglewise.io.destinations import first_bytes
from anglewise.io.files import PathLike, arrow, noting_no_reads, opened, reading
from anglewise.io.judgement_cells import read_context
from anglewise.io.outputs import check_new_file, new_file, write_text
from anglewise.io.sizes import check_holds
from anglewise.io.tables import DOCUMENT, GAIN, QUERY, check_names, names_of, plain
from anglewise.judgements.records import as_text


def write_csv(
    path: PathLike, head: Sequence[str], rows: Iterable[Sequence[Any]], *, end: str = "\r\n"
) -> None:
    """Write a table as CSV, whole or not at all; no cell is a formula (``guarded``)."""
    write_text(path, csv_text(head, rows, end=end))


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]], *, end: str = "\r\n") -> str:
    """A table as CSV; no cell is a formula."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator=end)
    lines.writerow(head)
    lines.writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


def write_columns(path: PathLike, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write a table as parquet, whole or not at all: grades, times, chances, places, else text."""
    pa = arrow()
    kinds: dict[str, Any] = dict.fromkeys(("grade", "time", "probability"), pa.float64())
    kinds |= dict.fromkeys(("start", "end"), pa.int64())
    table = pa.table(
        {name: pa.array(cells, kinds.get(name, pa.string())) for name, cells in columns.items()}
    )
    with new_file(path) as file:
        arrow("parquet").write_table(table, file, compression="zstd")


QUEUE_COLUMNS: tuple[str, ...] = (
    "query_id",
    "item_id",
    "grade",
    "probability",
    "stratum",
    "query",
    "item",
)


CONTEXT = "context"
"""A further column, as JSON, where pairs have one: ``judge import`` keeps it."""

DISPUTE_COLUMNS = ("query_id", "item_id", "direction", "grade", "said", "asks", "answers")
SPAN_DISPUTES = (*DISPUTE_COLUMNS, "document", "start", "end", "digest")
"""The same of passages of which it is known which characters were judged."""

GRADE = "grade"
CHECK = "check"
"""The last column of a table whose grades people fill in: for each row what ``checks`` makes of it.
So it shows where somebody wrote something into another column."""

LEFT_FOR_JUDGES = {
    (*names, CHECK)
    for names in (QUEUE_COLUMNS, (*QUEUE_COLUMNS, CONTEXT), DISPUTE_COLUMNS, SPAN_DISPUTES)
}
"""The columns of the tables whose grades people fill in."""


def checks(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """A checksum of each row: of its cells but for the grade, of its place, and of how many rows.

    >>> checks(["query_id", "grade"], [["q", None]]) == checks(["query_id", "grade"], [["q", 1]])
    True
    >>> checks(["query_id", "grade"], [["q", None]]) == checks(["query_id", "grade"], [["p", None]])
    False
    """
    grade = names.index(GRADE)
    sums: list[str] = []
    for number, row in enumerate(rows):
        cells = ["" if cell is None else str(cell) for cell in (*row[:grade], *row[grade + 1 :])]
        content = json.dumps([number, len(rows), *cells]).encode()
        # a letter before the digits, or else a spreadsheet may take them for a number
        sums.append(f"c{hashlib.blake2b(content, digest_size=6).hexdigest()}")
    return sums


def check_queue(path: Path) -> None:
    """Raise now, before any work, what ``write_queue`` would raise later."""
    if path.suffix not in {".csv", ".parquet"}:
        raise SpellingError(f"{path}: pairs to judge are written as .csv or .parquet")
    check_new_file(path)
    check_no_grades(path)


def is_left_for_judges(path: Path) -> bool:
    """Whether people may have filled in a table: it has queries, items, grades and more.

    It is known again in whatever format and encoding a spreadsheet wrote it, whatever columns were
    deleted, and under whatever names ``judge import`` knows them by. What ``judge export`` wrote
    has uuids, lists have ranks, and neither is such a table.
    """
    start = first_bytes(path, LONGEST_HEAD)
    try:
        if start[:4] == b"PAR1":
            with opened(path, noted=False) as file:
                names = list[str](arrow("parquet").ParquetFile(file).schema_arrow.names)
        else:
            is_wide = start[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
            lines = start.decode("utf-16" if is_wide else "utf-8-sig", "replace").splitlines()
            head = next(line for line in lines if line.strip() and not SEPARATOR.match(line))
            names = next(csv.reader([head], delimiter=_delimiter(head, ",;\t|")), list[str]())
    except (ValueError, OSError, csv.Error, StopIteration):  # no table
        return False
    columns = list(map(plain, names))
    needed = [
        next((name for name in role.names.split() if name in columns), "")
        for role in (QUERY, DOCUMENT, GAIN)
    ]
    further = {*columns} - {*needed, "", "direction", "probability"}
    if "" in needed or "uuid" in columns:
        return False
    return bool(further & OWN_COLUMNS) or (bool(further) and not further & {*RANKS})


OWN_COLUMNS = {*map(plain, (*QUEUE_COLUMNS, CONTEXT, *DISPUTE_COLUMNS, CHECK))}
RANKS = ("rank", "position", "place")
SEPARATOR = re.compile(r"\s*\"?sep=", re.IGNORECASE)
"""The first line by which spreadsheets say at what to cut."""
PAIR_BYTES = 500
"""What a pair to be judged takes, its place in the file and a short context with it."""
LONGEST_HEAD = 1 << 20
"""Bytes in which the names of the columns stand, with the empty lines before them."""


def _delimiter(line: str, among: str = ",;\t") -> str:
    """The commas, or whatever else a spreadsheet puts between cells."""
    return max(among, key=line.count)


def check_no_grades(path: PathLike) -> None:
    """Raise ``FileError`` where a table that somebody has worked in would be replaced.

    It may be replaced where it is empty, or is as anglewise wrote it: the columns of
    ``LEFT_FOR_JUDGES``, UTF-8 with commas or parquet, every grade empty, and every other cell
    as its row's checksum has it.
    """
    path = as_path(path)
    if not path.is_file() or path.stat().st_size == 0:
        return
    try:
        names, rows = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
        filled = sum(row[names.index(GRADE)] is not None for row in rows)
        if not filled:
            _check_unchanged(names, rows)
    except (ValueError, csv.Error) as error:
        raise FileError(
            f"{path} is not a table of pairs to judge as anglewise writes it "
            f"({' '.join(str(error).split())[:200]}), and grades or notes in it would be lost: "
            "record them (anglewise judge import), or choose another name"
        ) from error
    if filled:
        raise FileError(
            f"{path} holds {filled:,} grades that somebody filled in, which writing there would "
            "delete: record them (anglewise judge import) and move the file, or name another"
        )


def _parquet_rows(path: Path) -> tuple[list[str], list[list[Any]]]:
    """Names and rows, ``None`` for an empty grade; ``ValueError`` for another table."""
    with path.open("rb") as file:
        names = list[str](arrow("parquet").ParquetFile(file).schema_arrow.names)
    _check_columns(names)
    with noting_no_reads():
        table = parquet_columns(path, names)
    columns = {name: table[name].to_pylist() for name in names}
    columns[GRADE] = [
        None if isinstance(cell, float) and isnan(cell) else cell for cell in columns[GRADE]
    ]
    return names, [list(row) for row in zip(*columns.values(), strict=True)]


def _csv_rows(path: Path) -> tuple[list[str], list[list[Any]]]:
    """Names and rows, ``None`` for an empty grade; ``ValueError`` for another table.

    Parted by commas, or by the semicolons or tabs that a spreadsheet may put between cells.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        lines = csv.reader(file, delimiter=_delimiter(first), strict=True)
        names = next(lines, list[str]())
        _check_columns(names)
        rows: list[list[Any]] = [[unguarded(cell) for cell in row] for row in lines if row]
    if any(len(row) != len(names) for row in rows):
        raise ValueError("its rows are not all as long as its first")
    for row in rows:
        row[names.index(GRADE)] = row[names.index(GRADE)].strip() or None
    return names, rows


def _check_unchanged(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Raise ``ValueError`` for the first row whose checksum does not fit what stands in it."""
    expected = checks(names[:-1], [row[:-1] for row in rows])
    for number, (row, checksum) in enumerate(zip(rows, expected, strict=True), start=1):
        if row[-1] != checksum:
            raise ValueError(f"row {number} is not as it was written")


def with_checks(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows with their checksums as a last cell, for the column ``CHECK``."""
    return [[*row, checksum] for row, checksum in zip(rows, checks(names, rows), strict=True)]


def _check_columns(names: Sequence[str]) -> None:
    if tuple(names) not in LEFT_FOR_JUDGES:
        raise ValueError(f"its columns are {shown(', '.join(names))}")


def write_queue(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    r"""Write pairs to judge as CSV or parquet, the column of grades left empty.

    A column ``context`` follows where a pair has one, and checksums of the rows (``CHECK``).
    In CSV no cell is a formula (``guarded``).
    Raises ``SpellingError`` for another suffix, ``FileError`` where it cannot be written, or
    grades were filled in that would be lost.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> write_queue(file, [{"query_id": "1", "item_id": "7", "probability": 1.0}])
    >>> file.read_text()
    'query_id,item_id,grade,probability,stratum,query,item,check\n1,7,,1.0,,,,c395efcbf6400\n'
    """
    check_queue(path)
    names = QUEUE_COLUMNS
    if any(row.get(CONTEXT) for row in rows):
        names = (*QUEUE_COLUMNS, CONTEXT)
        rows = [{**row, CONTEXT: as_text(row.get(CONTEXT) or {})} for row in rows]
    table = with_checks(names, [[row.get(name) for name in names] for row in rows])
    names = (*names, CHECK)
    if path.suffix == ".csv":
        write_csv(path, names, table, end="\n")
    else:
        write_columns(path, {name: [row[at] for row in table] for at, name in enumerate(names)})


@dataclass(frozen=True)
class Queued:
    """A pair that waits for a judge.

    Attributes
    ----------
    probability
        How likely it was to be drawn, in (0, 1]; ``None`` where it was not drawn.
    location
        Where it stands in the file, in words.
    context
        How its query was drawn, and anything else that the file says about why it is judged.
    """

    query_id: str
    item_id: str
    probability: float | None
    location: str
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_queue(path: PathLike) -> list[Queued]:
    r"""Read pairs to judge, in the order of the file; grades that stand in it are not read.

    Raises ``FileError`` for a table without ``query_id`` and ``item_id``, ``ValuesError`` naming
    the first bad row: an empty id, a pair that comes twice, a probability that is none.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> write_queue(file, [{"query_id": "1", "item_id": "7", "probability": 0.5}])
    >>> read_queue(file)
    [Queued(query_id='1', item_id='7', probability=0.5, location='line 2', context={})]
    """
    sheet = unguarded_sheet(open_sheet(path))
    names = sheet.names or ()
    missing = [name for name in QUEUE_COLUMNS[:2] if name not in names]
    if missing:
        raise FileError(
            f"{sheet.path} has no column {' or '.join(missing)}: pairs to judge are written by "
            "anglewise judge sample"
        )
    check_names(names, sheet.path)
    queries, items = (
        names_of(sheet, sheet.columns([position])[0], position)
        for position in map(names.index, QUEUE_COLUMNS[:2])
    )
    check_holds(sheet.path, PAIR_BYTES * len(queries))
    queries, items = queries.to_pylist(), items.to_pylist()
    chances: list[Any] = [None] * len(queries)
    if "probability" in names:
        with reading(sheet.path, "a queue"):
            chances = sheet.columns([names.index("probability")])[0].to_pylist()
    contexts: list[Any] = [None] * len(queries)
    if CONTEXT in names:
        contexts = sheet.columns([names.index(CONTEXT)])[0].to_pylist()
    pairs: dict[tuple[str, str], Queued] = {}
    for row, (query, item, cell) in enumerate(zip(queries, items, chances, strict=True)):
        location = sheet.location(row)
        first = pairs.get((query, item))
        if first is not None:
            raise ValuesError(
                f"{sheet.path}, {location}: {shown(query)!r} and {shown(item)!r} stand at "
                f"{first.location} already; keep one"
            )
        pairs[query, item] = Queued(
            query,
            item,
            _chance(cell, f"{sheet.path}, {location}"),
            location,
            _context(contexts[row], f"{sheet.path}, {location}"),
        )
    return list(pairs.values())


def _context(cell: Any, location: str) -> dict[str, Any]:
    if cell is None or not str(cell).strip():
        return {}
    try:
        return read_context(cell, "the context")
    except ValuesError as error:
        raise ValuesError(f"{location}: {error}") from error


def _chance(cell: Any, location: str) -> float | None:
    if cell is None or not str(cell).strip():
        return None
    chance = cell_number(cell)
    if chance is None or not 0 < chance <= 1:
        raise ValuesError(
            f"{location}: the probability is {shown(cell)!r}; a number above 0 and at most 1 is "
            "due, or none"
        )
    return chance
