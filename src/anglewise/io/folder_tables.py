"""The tables of a space's folder: sparse matrices, and some of the rows of a side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Int64
from anglewise.errors import FileError
from anglewise.io.arrow_files import (
    parquet_columns,
)
from anglewise.io.files import (
    arrow,
    reading,
)
from anglewise.io.ids import rows_of

GROUP_BYTES = 1 << 26
"""Vectors are written in groups of about 64 MB, so that no reader needs all at once."""


def write_sparse(
    path: Path, sides: tuple[Embeddings, Embeddings], tables: Mapping[str, SparseRows | None]
) -> None:
    """Write sparse tables of queries x items under one another, a column of values for each."""
    pa = arrow()
    queries, items = (pa.array(side.ids.tolist(), pa.string()) for side in sides)
    present = {name: table for name, table in tables.items() if table is not None}
    parts: list[Any] = []
    for name, table in present.items():
        cells = {
            "query_id": queries.take(pa.array(table.rows)),
            "item_id": items.take(pa.array(table.indices)),
        }
        empty = pa.nulls(len(table.indices), pa.float64())
        for column in tables:
            cells[column] = pa.array(table.values) if column == name else empty
        parts.append(pa.table(cells))
    write_table(path, pa.concat_tables(parts), rows=1 << 20)


def read_sparse(
    path: Path, sides: tuple[Embeddings, Embeddings], names: tuple[str, ...]
) -> dict[str, SparseRows]:
    """Read the tables that ``write_sparse`` wrote, one for each name; empty if it has no column."""
    pa, pc = arrow(), arrow("compute")
    with reading(path, "a table of query_id and item_id"):
        table = parquet_columns(path, kind="a table of query_id and item_id")
        rows = _known_rows(path, table["query_id"], sides[0])
        columns = _known_rows(path, table["item_id"], sides[1])
        shape = (len(sides[0]), len(sides[1]))
        tables: dict[str, SparseRows] = {}
        for name in names:
            values = table[name] if name in table.column_names else pa.nulls(len(rows))
            present = np.asarray(pc.is_valid(values))
            numbers = np.asarray(pc.drop_null(values).cast(pa.float64()))
            tables[name] = SparseRows.from_pairs(
                rows[present], columns[present], numbers, shape=shape
            )
    return tables


def write_some(path: Path, side: Embeddings, chosen: Bool[Array, " rows"]) -> None:
    """Write the ids of some rows of a side."""
    pa = arrow()
    ids = pa.array(side.ids[chosen].tolist(), pa.string())
    write_table(path, pa.table({"item_id": ids}), rows=1 << 20)


def read_some(path: Path, side: Embeddings) -> Bool[Array, " rows"]:
    """Read which rows of a side ``write_some`` named."""
    with reading(path, "a table of item_id"):
        table = parquet_columns(path, ["item_id"], "a table of item_id")
    chosen = np.zeros(len(side), dtype=bool)
    chosen[_known_rows(path, table["item_id"], side)] = True
    return chosen


def _known_rows(path: Path, names: Any, side: Embeddings) -> Int64[Array, " entries"]:
    rows = rows_of(names.cast(arrow().string()), side)
    if len(rows) and rows.min() < 0:
        raise FileError(f"{path} names ids that the space does not hold: write the space again")
    return rows


def write_table(path: Path, table: Any, rows: int) -> None:
    """Write a table as parquet, in groups of so many rows."""
    arrow("parquet").write_table(
        table,
        path,
        compression=_codecs(table.schema),
        row_group_size=rows,
        write_statistics=False,
        use_dictionary=[n for n in table.column_names if n != "vector"],
    )


def _codecs(schema: Any) -> dict[str, str]:
    """Floats hardly shrink, and zstd takes three times as long to read them as LZ4."""
    pa, parquet = arrow(), arrow("parquet")
    file = pa.BufferOutputStream()
    parquet.write_table(schema.empty_table(), file)
    stored = parquet.ParquetFile(pa.BufferReader(file.getvalue())).metadata
    paths = [stored.schema.column(i).path for i in range(stored.num_columns)]
    return {path: "lz4" if path.startswith("vector.") else "zstd" for path in paths}
