"""The history of comparisons: one parquet file, to which every run adds its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anglewise.errors import FileError
from anglewise.interop.arrow import arrow
from anglewise.interop.arrow_file import parquet_columns
from anglewise.interop.atomic import check_new_file, new_file
from anglewise.interop.files import existing_file, reading
from anglewise.interop.locked import locked
from anglewise.interop.say import PathLike

LAST_RUN = 2**63 - 1
KEPT = 20
"""Of so many runs the values of every query are kept; of older ones the means alone."""


@dataclass(frozen=True, eq=False)
class HistoryTable:
    """Rows of earlier runs, in the order in which they were added.

    ``table`` is a pyarrow table with one row for each run, measure and metric: ``run`` counts the
    runs from 1, ``at`` is when it was where somebody said so, ``values`` and ``query_ids`` are the
    values of each query where they are kept.
    """

    table: Any

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return arrow("compute").max(self.table["run"]).as_py() or 0

    def last(self, wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The newest row that holds these words, of a run whose gates held or that had none."""
        pc = arrow("compute")
        held = pc.fill_null(self.table["gates_held"], True)
        for column, word in wanted.items():
            held = pc.and_(held, pc.equal(self.table[column], word))
        rows = self.table.filter(held)
        return rows.slice(rows.num_rows - 1).to_pylist()[0] if rows.num_rows else None


def read_history(path: PathLike) -> HistoryTable:
    """Read a history.

    Raises ``FileError`` for what is missing, damaged or no history.
    """
    path = existing_file(path)
    table = parquet_columns(path, due="a history")
    schema = _schema()
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise FileError(
            f"{path} is no history of comparisons (it has no {', '.join(missing[:3])}): name "
            "another file, or one that does not exist yet"
        )
    with reading(path, "a history"):
        return HistoryTable(table.select(schema.names).cast(schema))


def append_history(path: PathLike, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add the rows of one run and give its number; the file is replaced as a whole or not at all.

    Runs that append at the same time wait for each other, and none is lost.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "history.parquet"
    >>> row = {"label": "first", "measure": "dot", "metric": "R@10", "mean": 0.5}
    >>> append_history(file, [row]), append_history(file, [row])
    (1, 2)
    >>> read_history(file).last({"measure": "dot"})["run"]
    2
    """
    pa, parquet = arrow(), arrow("parquet")
    check_new_file(path)
    target = Path(path).resolve()
    with locked(target):
        before = read_history(target).table if target.exists() else None
        run = 1 if before is None else HistoryTable(before).runs + 1
        if not 0 < run < LAST_RUN:
            raise FileError(
                f"{target} is damaged: its last run has the number {run - 1}, and runs are counted "
                "from 1; name another file"
            )
        table = pa.Table.from_pylist([{**row, "run": run} for row in rows], schema=_schema())
        if before is not None:
            table = pa.concat_tables([_means_alone(before, run - KEPT), table])
        with new_file(target) as file:
            parquet.write_table(table.combine_chunks(), file, compression="zstd")
    return run


def _means_alone(table: Any, up_to: int) -> Any:
    """Let go of the values of old runs."""
    pc = arrow("compute")
    kept = pc.greater(table["run"], up_to)
    for name in ("query_ids", "values"):
        place = table.column_names.index(name)
        column = table[name].combine_chunks()
        held = pc.if_else(kept.combine_chunks(), column, None)
        table = table.set_column(place, name, held)
    return table


def _schema() -> Any:
    pa = arrow()
    text, number, count = pa.string(), pa.float64(), pa.int64()
    return pa.schema(
        {
            "run": count,
            "at": pa.timestamp("us", tz="UTC"),
            "label": text,
            "version": text,
            "signature": text,
            "direction": text,
            "metric": text,
            "measure": text,
            "mean": number,
            "low": number,
            "high": number,
            "queries": count,
            "judged": count,
            "judgements": text,
            "decision": text,
            "gates_held": pa.bool_(),
            "query_ids": pa.list_(text),
            "values": pa.list_(number),
        }
    )
