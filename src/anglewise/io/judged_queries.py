"""The table of judged queries in the folder of a space: when they were judged, how drawn."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.conversion import is_kind
from anglewise.data_types.drawn import QueryDraw
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.judgements import Judgements
from anglewise.io.arrow_files import parquet_columns
from anglewise.io.files import arrow, naming, reading
from anglewise.io.space_files import QUERY_COLUMNS, known_rows, write_table


def write_queries(path: Path, asking: Embeddings, judged: Judgements) -> None:
    """Write what is known of each judged query; nothing where nothing is."""
    drawn, unknown = judged.drawn, np.full(len(asking), np.nan)
    columns = {
        "judged_at": unknown if judged.judged_at is None else judged.judged_at,
        "chance": unknown if drawn is None else drawn.chances,
        "traffic": unknown if drawn is None else drawn.traffic,
    }
    rows = np.flatnonzero(np.any([np.isfinite(column) for column in columns.values()], axis=0))
    if judged.judged_at is None and drawn is None:
        return
    pa = arrow()
    cells = {name: pa.array(column[rows], from_pandas=True) for name, column in columns.items()}
    ids = pa.array(asking.ids[rows].tolist(), pa.string())
    write_table(path, pa.table({"query_id": ids, **cells}), rows=1 << 20)


def with_queries(path: Path, asking: Embeddings, judged: Judgements, described: Any) -> Judgements:
    """Judgements with what ``write_queries`` wrote, and what the description says of the draw."""
    with naming(path), reading(path, "a table of judged queries"):
        table = parquet_columns(path, ["query_id", *QUERY_COLUMNS], "a table of judged queries")
        rows = known_rows(path, table["query_id"], asking)
        columns = {name: np.full(len(asking), np.nan) for name in QUERY_COLUMNS}
        for name, column in columns.items():
            cells = table[name].cast(arrow().float64())
            column[rows] = cells.to_numpy(zero_copy_only=False)
        judged_at = columns["judged_at"]
        judged = replace(judged, judged_at=None if np.isnan(judged_at).all() else judged_at)
        draw = described.get("drawn")
        if draw is None:
            return judged
        draws: Any = draw["draws"]
        if not is_kind(draws, list) or any(not is_kind(name, str) for name in draws):
            raise ValueError("draws whose names are no texts")
        heaviest, left = (_weight(draw[name]) for name in ("heaviest", "heaviest_left"))
        names = frozenset(map(str, draws))
        chances, traffic = columns["chance"], columns["traffic"]
        drawn = QueryDraw(chances, traffic, names, draw["queries"], heaviest, left)
        return replace(judged, drawn=drawn)


def _weight(weight: Any) -> float:
    if weight is None:
        return np.nan
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not is_number:
        raise ValueError("a weight that is no number")
    return weight
