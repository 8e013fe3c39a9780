"""Tables of pairs that people fill in with a spreadsheet: queues, and the grades in them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from anglewise.data_types.numbers import cell_number, shown
from anglewise.data_types.text import as_path
from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.io.arrow_files import parquet_columns
from anglewise.io.delimited import guarded, open_sheet, unguarded_sheet
from anglewise.io.files import PathLike, arrow, noting_no_reads, reading
from anglewise.io.judgement_cells import read_context
from anglewise.io.outputs import check_new_file, new_file, write_text
from anglewise.io.tables import check_names, names_of
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
    """Write a table as parquet, whole or not at all: grades, times and chances, else text."""
    pa, numbers = arrow(), {"grade", "time", "probability"}
    table = pa.table(
        {
            name: pa.array(cells, pa.float64() if name in numbers else pa.string())
            for name, cells in columns.items()
        }
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

LEFT_FOR_JUDGES = {QUEUE_COLUMNS, (*QUEUE_COLUMNS, CONTEXT), DISPUTE_COLUMNS}
"""The columns of the tables whose grades people fill in."""


def check_queue(path: Path) -> None:
    """Raise now, before any work, what ``write_queue`` would raise later."""
    if path.suffix not in {".csv", ".parquet"}:
        raise SpellingError(f"{path}: pairs to judge are written as .csv or .parquet")
    check_new_file(path)
    check_no_grades(path)


def check_no_grades(path: PathLike) -> None:
    """Raise ``FileError`` where a table that somebody has worked in would be replaced.

    It may be replaced where it is empty, or is as anglewise wrote it: the columns of
    ``LEFT_FOR_JUDGES``, UTF-8 with commas or parquet, and every grade empty.
    """
    path = as_path(path)
    if not path.is_file() or path.stat().st_size == 0:
        return
    try:
        grades = _parquet_grades(path) if path.suffix == ".parquet" else _csv_grades(path)
    except (ValueError, csv.Error) as error:
        raise FileError(
            f"{path} is not a table of pairs to judge as anglewise writes it "
            f"({' '.join(str(error).split())[:200]}), and grades or notes in it would be lost: "
            "record them (anglewise judge import), or choose another name"
        ) from error
    filled = sum(grade is not None for grade in grades)
    if filled:
        raise FileError(
            f"{path} holds {filled:,} grades that somebody filled in, which writing there would "
            "delete: record them (anglewise judge import) and move the file, or name another"
        )


def _parquet_grades(path: Path) -> list[Any]:
    """The grades, ``None`` for an empty one; ``ValueError`` for another table."""
    with path.open("rb") as file:
        _check_columns(arrow("parquet").ParquetFile(file).schema_arrow.names)
    with noting_no_reads():
        cells = parquet_columns(path, ["grade"])["grade"].to_pylist()
    return [None if isinstance(cell, float) and isnan(cell) else cell for cell in cells]


def _csv_grades(path: Path) -> list[str | None]:
    """The grades, ``None`` for an empty one; ``ValueError`` for another table.

    Parted by commas, or by the semicolons or tabs that a spreadsheet may put between cells.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        rows = csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True)
        names = next(rows, list[str]())
        _check_columns(names)
        cells = [row for row in rows if row]
    if any(len(row) != len(names) for row in cells):
        raise ValueError("its rows are not all as long as its first")
    return [row[names.index("grade")].strip() or None for row in cells]


def _check_columns(names: Sequence[str]) -> None:
    if tuple(names) not in LEFT_FOR_JUDGES:
        raise ValueError(f"its columns are {shown(', '.join(names))}")


def write_queue(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    r"""Write pairs to judge as CSV or parquet, the column of grades left empty.

    A column ``context`` follows where a pair has one.
    In CSV no cell is a formula (``guarded``).
    Raises ``SpellingError`` for another suffix, ``FileError`` where it cannot be written, or
    grades were filled in that would be lost.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> write_queue(file, [{"query_id": "1", "item_id": "7", "probability": 1.0}])
    >>> file.read_text()
    'query_id,item_id,grade,probability,stratum,query,item\n1,7,,1.0,,,\n'
    """
    check_queue(path)
    names = QUEUE_COLUMNS
    if any(row.get(CONTEXT) for row in rows):
        names = (*QUEUE_COLUMNS, CONTEXT)
        rows = [{**row, CONTEXT: as_text(row.get(CONTEXT) or {})} for row in rows]
    if path.suffix == ".csv":
        cells = ([row.get(name) for name in names] for row in rows)
        write_csv(path, names, cells, end="\n")
    else:
        write_columns(path, {name: [row.get(name) for row in rows] for name in names})


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
        names_of(sheet, sheet.columns([position])[0], position).to_pylist()
        for position in map(names.index, QUEUE_COLUMNS[:2])
    )
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
