"""Pairs that wait for a judge, as a table that a spreadsheet fills in."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anglewise.errors import SpellingError
from anglewise.interop.arrow import arrow
from anglewise.interop.atomic import new_file, write_text

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
        sheet.writerows(rows)
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
