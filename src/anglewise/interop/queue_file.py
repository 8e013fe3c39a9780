"""Pairs that wait for a judge, as a table that a spreadsheet fills in."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.interop.arrow import arrow
from anglewise.interop.atomic import new_file, write_text
from anglewise.interop.files import reading
from anglewise.interop.guarded import guarded, unguarded_sheet
from anglewise.interop.open_sheet import open_sheet
from anglewise.interop.say import PathLike
from anglewise.interop.sheet import Sheet, names_of

COLUMNS: tuple[str, ...] = (
    "query_id",
    "item_id",
    "grade",
    "probability",
    "stratum",
    "query",
    "item",
)


def write_queue(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    r"""Write pairs to judge as CSV or parquet, the column of grades left empty.

    In CSV no cell is a formula (``guarded``).
    Raises ``SpellingError`` for another suffix, ``FileError`` where it cannot be written.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> write_queue(file, [{"query_id": "1", "item_id": "7", "probability": 1.0}])
    >>> file.read_text()
    'query_id,item_id,grade,probability,stratum,query,item\n1,7,,1.0,,,\n'
    """
    if path.suffix == ".csv":
        text = io.StringIO()
        sheet = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        sheet.writeheader()
        sheet.writerows({name: guarded(row[name]) for name in row} for row in rows)
        write_text(path, text.getvalue())
    elif path.suffix == ".parquet":
        pa = arrow()
        kinds = {"grade": pa.float64(), "probability": pa.float64()}
        columns = {
            name: pa.array([row.get(name) for row in rows], kinds.get(name, pa.string()))
            for name in COLUMNS
        }
        with new_file(path) as file:
            arrow("parquet").write_table(pa.table(columns), file)
    else:
        raise SpellingError(f"{path}: pairs to judge are written as .csv or .parquet")


@dataclass(frozen=True)
class Queued:
    """A pair that waits for a judge.

    Attributes
    ----------
    probability
        How likely it was to be drawn, in (0, 1]; ``None`` where it was not drawn.
    place
        Where it stands in the file, in words.
    """

    query_id: str
    item_id: str
    probability: float | None
    place: str


def read_queue(path: PathLike) -> list[Queued]:
    r"""Read pairs to judge, in the order of the file; grades that stand in it are not read.

    Raises ``FileError`` for a table without ``query_id`` and ``item_id``, ``ValuesError`` naming
    the first bad row: an empty id, a pair that comes twice, a probability that is none.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> write_queue(file, [{"query_id": "1", "item_id": "7", "probability": 0.5}])
    >>> read_queue(file)
    [Queued(query_id='1', item_id='7', probability=0.5, place='line 2')]
    """
    sheet = unguarded_sheet(open_sheet(path))
    names = sheet.names or ()
    missing = [name for name in COLUMNS[:2] if name not in names]
    if missing:
        raise FileError(
            f"{sheet.path} has no column {' or '.join(missing)}: pairs to judge are written by "
            "anglewise judge sample"
        )
    queries, items = (_ids(sheet, names.index(name)) for name in COLUMNS[:2])
    chances: list[Any] = [None] * len(queries)
    if "probability" in names:
        with reading(sheet.path, "a queue"):
            chances = sheet.columns([names.index("probability")])[0].to_pylist()
    found: dict[tuple[str, str], Queued] = {}
    for row, (query, item, cell) in enumerate(zip(queries, items, chances, strict=True)):
        place = sheet.place(row)
        if (query, item) in found:
            raise ValuesError(
                f"{sheet.path}, {place}: {query!r} and {item!r} stand at "
                f"{found[query, item].place} already; keep one"
            )
        chance = _chance(cell, f"{sheet.path}, {place}")
        found[query, item] = Queued(query, item, chance, place)
    return list(found.values())


def _ids(sheet: Sheet, position: int) -> list[str]:
    return names_of(sheet, sheet.columns([position])[0], position).to_pylist()


def _chance(cell: Any, where: str) -> float | None:
    if cell is None or not str(cell).strip():
        return None
    try:
        chance = float(cell)
    except (TypeError, ValueError):
        chance = math.nan
    if not 0 < chance <= 1:
        raise ValuesError(
            f"{where}: the probability is {str(cell)[:20]!r}; a number above 0 and at most 1 is "
            "due, or none"
        )
    return chance
