"""Runs in files: ranked lists for trec_eval, and the history of comparisons that runs add to."""

import os
import re
import stat
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import as_path
from anglewise.data_types.typing import Array, Float, Float32, Shaped
from anglewise.errors import FileError, IdsError, ShapeError
from anglewise.io.arrow_files import parquet_columns
from anglewise.io.files import PathLike, arrow, existing_file, reading
from anglewise.io.outputs import check_new_file, new_file, writing
from anglewise.judgements.folder_lock import bears_name, hidden_name, try_lock


def write_run(
    path: PathLike,
    neighbours: Neighbours,
    query_ids: Sequence[str] | Shaped[Array, " q"],
    item_ids: Sequence[str] | Shaped[Array, " n"],
    tag: str | None = None,
) -> None:
    """Write ranked lists as a TREC run, or as parquet if the path ends so; whole or not at all.

    A line reads ``query Q0 item rank score tag``; ranks start at 1. trec_eval ignores the rank and
    orders equal scores by id, backwards, and reads float32: so scores that are equal, or not apart
    in float32, are lowered by single float32 steps, just so far that its order is the one written
    here, and scores far beyond it are first scaled by a power of two. Parquet
    (``query_id,item_id,rank,score``) keeps the scores as they are.

    Parameters
    ----------
    query_ids
        The id of each row of ``neighbours``.
    item_ids
        The ids of the ranked side.
    tag
        The name of the run; the measure unless given.

    Raises
    ------
    IdsError
        An id with blanks in it, which a TREC run cannot hold.
    FileError
        It could not be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> found = Neighbours("dot", np.array([[1, 0]]), np.array([[2, 2]], "f4"), np.array([0]))
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "dot.run"
    >>> write_run(file, found, ["q"], ["a", "b"])
    >>> print(file.read_text(), end="")
    q Q0 b 1 2.0 dot
    q Q0 a 2 1.9999999 dot
    """
    if len(query_ids) != len(neighbours.indices):
        raise ShapeError(
            f"{len(query_ids)} ids for {len(neighbours.indices)} lists: one each is due"
        )
    queries = np.array([str(i) for i in query_ids], dtype=object)
    items = np.array([str(i) for i in item_ids], dtype=object)
    if str(path).endswith(".parquet"):
        _write_parquet(path, neighbours, queries, items)
        return
    tag = re.sub(r"\s+", "", tag or neighbours.measure)
    for names in (queries, items):
        check_run_ids(path, names)
    scores = strictly_falling(neighbours.scores)
    with new_file(path) as file:
        for row, (query, indices) in enumerate(zip(queries, neighbours.indices, strict=True)):
            lines = [
                f"{query} Q0 {items[item]} {rank} {score} {tag}\n"
                for rank, (item, score) in enumerate(
                    zip(indices.tolist(), scores[row].astype(str).tolist(), strict=True), start=1
                )
                if item >= 0
            ]
            file.write("".join(lines).encode())


FAR_EXPONENT = 100
"""Scores are scaled if the largest lies beyond this power of two, or nearer to 0 than over it."""


def strictly_falling(scores: Float[Array, "q k"]) -> Float32[Array, "q k"]:
    """Float32 scores that fall strictly along each row, lowered by as few steps as that takes.

    >>> strictly_falling(np.array([[2.0, 2.0, 1.0]]))[0, 1] < 2
    np.True_
    """
    largest = np.abs(scores).max(initial=0.0, where=np.isfinite(scores))
    exponent = int(np.frexp(largest)[1])
    shift = -exponent if abs(exponent) > FAR_EXPONENT else 0
    lowered = np.ldexp(scores.astype(np.float64), shift).astype(np.float32)
    for rank in range(1, scores.shape[1]):
        limit = np.nextafter(lowered[:, rank - 1], np.float32(-np.inf))
        lowered[:, rank] = np.minimum(lowered[:, rank], limit)
    return lowered


def check_run_ids(path: PathLike, names: Shaped[Array, " n"]) -> None:
    """Raise ``IdsError`` for an id that a TREC run cannot hold."""
    refused = [name for name in names if not name or re.search(r"\s", name)]
    if refused:
        raise IdsError(
            f"{path}: a TREC run parts its columns by blanks and cannot hold the id "
            f"{shown(refused[0])!r}; write the run as .parquet, or use ids without blanks"
        )


def _write_parquet(
    path: PathLike,
    neighbours: Neighbours,
    queries: Shaped[Array, " q"],
    items: Shaped[Array, " n"],
) -> None:
    pa, parquet = arrow(), arrow("parquet")
    row, rank = np.nonzero(neighbours.indices >= 0)
    columns: dict[str, Any] = {
        "query_id": pa.array(queries.tolist()).take(pa.array(row)),
        "item_id": pa.array(items.tolist()).take(pa.array(neighbours.indices[row, rank])),
        "rank": pa.array(rank + 1, pa.int32()),
        "score": pa.array(neighbours.scores[row, rank]),
    }
    with new_file(path) as file:
        parquet.write_table(pa.table(columns), file, compression="zstd")


@contextmanager
def locked(path: PathLike) -> Generator[None, None, None]:
    """Hold the lock of a file, as long as the block runs; wait a minute for whoever holds it.

    The lock is an empty file beside it, gone afterwards; the system frees it when its holder dies.
    Raises ``FileError`` where it is held for longer, or something else lies in its place.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "history.parquet"
    >>> with locked(target):
    ...     [file.name for file in target.parent.iterdir()]
    ['.history.parquet.lock']
    >>> list(target.parent.iterdir())
    []
    """
    with writing(path) as target:
        lock = target.with_name(f"{hidden_name(target)}.lock")
        handle = _open_locked(lock)
    try:
        yield
    finally:
        if os.name != "nt":  # there an open file cannot be removed
            lock.unlink(missing_ok=True)
        os.close(handle)


PATIENCE = 60.0
"""Seconds to wait for other runs; each holds the lock for a moment."""
PAUSE = 0.02


def _open_locked(lock: Path) -> int:
    """Open and lock the file; again if its holder removed it meanwhile."""
    end = time.monotonic() + PATIENCE
    while True:
        if lock.is_symlink() or (lock.exists() and not _is_lock(lock)):
            raise FileError(f"{lock} is in the way of a lock: move it elsewhere")
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if _try(handle) and (os.name == "nt" or bears_name(lock, handle)):
            return handle
        os.close(handle)
        if time.monotonic() > end:
            raise FileError(
                f"{lock} has been held for {PATIENCE:.0f} s by another run: end that run (it may "
                "have been stopped by Ctrl-Z), or name another file"
            )
        time.sleep(PAUSE)


def _is_lock(path: Path) -> bool:
    status = path.stat()
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


if sys.platform == "win32":
    import msvcrt

    def _try(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:

    def _try(handle: int) -> bool:
        return try_lock(handle, alone=True) is not False


LAST_RUN = 2**63 - 1
RUNS_WITH_VALUES = 20
"""Of so many runs the values of every query are kept; of older ones the means alone."""


@dataclass(frozen=True, eq=False)
class HistoryTable:
    """Rows of earlier runs, in the order in which they were added.

    ``table`` is a pyarrow table with one row for each run, measure and metric: ``run`` counts the
    runs from 1, ``at`` is when it was where somebody said so, ``values`` and ``query_ids`` are the
    values of each query where they are kept. A ``mean`` that is null is undefined. Columns of
    others stand behind.
    """

    table: Any
    path: Path

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return arrow("compute").max(self.table["run"]).as_py() or 0

    def rows(
        self, values: Mapping[str, str | int], columns: Sequence[str], *, failed: bool = False
    ) -> list[dict[str, Any]]:
        """Some columns of the rows that hold these values, oldest first.

        They are of runs whose gates held or that had none; with ``failed`` of all runs.
        """
        return self._having(values, failed=failed).select(list(columns)).to_pylist()

    def last(self, values: Mapping[str, str | int]) -> Mapping[str, Any] | None:
        """The newest row that holds these values, of a run whose gates held or that had none.

        Raises ``FileError`` for a row that is damaged.
        """
        rows = self._having(values, failed=False)
        if not rows.num_rows:
            return None
        row = rows.slice(rows.num_rows - 1).to_pylist()[0]
        damage = _damage(row)
        if damage:
            raise FileError(
                f"{self.path} is damaged: run {row['run']} {damage} for {row['measure']} by "
                f"{row['metric']}; take the row out, or name another file"
            )
        return row

    def _having(self, values: Mapping[str, str | int], *, failed: bool) -> Any:
        pc = arrow("compute")
        selected = pc.or_(pc.fill_null(self.table["gates_held"], True), failed)
        for column, value in values.items():
            selected = pc.and_(selected, pc.equal(self.table[column], value))
        return self.table.filter(selected)


LATER = ("rule", "place", "named", "kept")
"""Columns that histories of older versions lack; their cells are then null."""

LARGEST_VALUE = 1e9
"""No metric gives a query more; squares of larger numbers leave what a float can hold."""


def _damage(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row that a gate is to be held against; None for a sound one."""
    queries, values = row["query_ids"], row["values"]
    if row["run"] is None or row["run"] < 1:
        return "has no number of its own"
    if values is None:
        return None
    if queries is None or len(queries) != len(values):
        return f"names {len(queries or ()):,} queries and {len(values):,} values"
    if None in queries or len(set(queries)) < len(queries):
        return "names a query twice, or none"
    if any(value is None or not abs(value) <= LARGEST_VALUE for value in values):
        return "holds a value that no metric gives"
    return None


def read_history(path: PathLike) -> HistoryTable:
    """Read a history.

    Raises ``FileError`` for what is missing, damaged or no history.
    """
    path = existing_file(path)
    table = parquet_columns(path, kind="a history")
    schema = _schema()
    missing = [
        name for name in schema.names if name not in table.column_names and name not in LATER
    ]
    if missing:
        raise FileError(
            f"{path} is no history of comparisons (it has no {', '.join(missing[:3])}): name "
            "another file, or one that does not exist yet"
        )
    with reading(path, "a history"):
        for name in LATER:
            if name not in table.column_names:  # of an older version
                column = arrow().nulls(table.num_rows, schema.field(name).type)
                table = table.append_column(name, column)
        history = table.select(schema.names).cast(schema)
        for name in table.column_names:
            if name not in schema.names:  # somebody's own, or of a newer version
                history = history.append_column(name, table[name])
        return HistoryTable(history, path)


def append_history(path: PathLike, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add the rows of one run and give its number; the file is replaced as a whole or not at all.

    Columns of others stay, empty in the new rows. Runs that append at the same time wait for each
    other, and none is lost.

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
    target = as_path(path).resolve()
    with locked(target):
        history = read_history(target) if target.exists() else None
        run = 1 if history is None else history.runs + 1
        if not 0 < run < LAST_RUN:
            raise FileError(
                f"{target} is damaged: its last run has the number {run - 1}, and runs are counted "
                "from 1; name another file"
            )
        table = pa.Table.from_pylist([{**row, "run": run} for row in rows], schema=_schema())
        if history is not None:
            earlier = _means_alone(history.table, run - RUNS_WITH_VALUES)
            table = pa.concat_tables([earlier, table], promote_options="default")
        with new_file(target) as file:
            parquet.write_table(table.combine_chunks(), file, compression="zstd")
    return run


def _means_alone(table: Any, up_to: int) -> Any:
    """Drop the values by query of old runs; their means stay."""
    pc = arrow("compute")
    recent = pc.greater(table["run"], up_to)
    for name in ("query_ids", "values"):
        position = table.column_names.index(name)
        column = table[name].combine_chunks()
        values = pc.if_else(recent.combine_chunks(), column, None)
        table = table.set_column(position, name, values)
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
            "rule": count,
            "place": count,
            "named": pa.bool_(),
            "kept": pa.bool_(),
        }
    )
