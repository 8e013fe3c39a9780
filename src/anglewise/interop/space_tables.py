"""The parquet files of a space folder: a side of the space, a sparse table by ids."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Int64
from anglewise.errors import FileError, ShapeError, ValuesError
from anglewise.interop.arrow import arrow
from anglewise.interop.arrow_file import Columns, arrow_sheet, column_blocks, parquet_columns
from anglewise.interop.files import naming, reading
from anglewise.interop.ids import rows_of
from anglewise.interop.list_column import matrix_in_blocks
from anglewise.interop.sheet import names_of
from anglewise.interop.texts import columns_of

GROUP_BYTES = 1 << 26
"""Vectors are written in groups of about 64 MB, so that no reader needs all at once."""


def write_side(path: Path, side: Embeddings) -> None:
    """Write ``id``, ``vector`` (fixed-size list of float32) and what is known about the rows."""
    pa = arrow()
    values = pa.array(side.vectors.reshape(-1))
    element = pa.field("element", pa.float32(), nullable=False)
    vectors = pa.FixedSizeListArray.from_arrays(values, type=pa.list_(element, side.dimension))
    fields = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("vector", vectors.type, nullable=False),
    ]
    columns = [pa.array(side.ids.tolist(), pa.string()), vectors]
    for name in columns_of(side):
        column = _about(side, name)
        fields.append(pa.field(name, column.type))
        columns.append(column)
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    _write(path, table, rows=max(1, GROUP_BYTES // (4 * side.dimension)))


def read_side(path: Path) -> Embeddings:
    """Read what ``write_side`` wrote; what is known about the rows is read when asked for."""
    sheet = arrow_sheet(path)
    names = sheet.names or ()
    if not {"id", "vector"} <= set(names):
        raise FileError(f"{path} lacks the columns id and vector: write the space again")
    place = names.index("id")
    (ids,) = sheet.columns([place])
    about = Columns(
        path,
        tuple(name for name in names if name not in {"id", "vector"}),
        lambda name: sheet.columns([names.index(name)])[0],
    )
    with naming(path):
        return Embeddings(
            matrix_in_blocks(sheet, column_blocks(path, "vector"), len(ids)),
            ids=names_of(sheet, ids, place).to_pylist(),
            metadata=about or None,
        )


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
        for other in tables:
            cells[other] = pa.array(table.values) if other == name else empty
        parts.append(pa.table(cells))
    _write(path, pa.concat_tables(parts), rows=1 << 20)


def read_sparse(
    path: Path, sides: tuple[Embeddings, Embeddings], names: tuple[str, ...]
) -> dict[str, SparseRows]:
    """Read the tables that ``write_sparse`` wrote, one for each name; empty if it has no column."""
    pa, pc = arrow(), arrow("compute")
    with reading(path, "a table of query_id and item_id"):
        table = parquet_columns(path, due="a table of query_id and item_id")
        rows = _known(path, table["query_id"], sides[0])
        columns = _known(path, table["item_id"], sides[1])
        shape = (len(sides[0]), len(sides[1]))
        found: dict[str, SparseRows] = {}
        for name in names:
            values = table[name] if name in table.column_names else pa.nulls(len(rows))
            here = np.asarray(pc.is_valid(values))
            numbers = np.asarray(pc.drop_null(values).cast(pa.float64()))
            found[name] = SparseRows.from_pairs(rows[here], columns[here], numbers, shape=shape)
    return found


def write_some(path: Path, side: Embeddings, chosen: Bool[Array, " rows"]) -> None:
    """Write the ids of some rows of a side."""
    pa = arrow()
    ids = pa.array(side.ids[chosen].tolist(), pa.string())
    _write(path, pa.table({"item_id": ids}), rows=1 << 20)


def read_some(path: Path, side: Embeddings) -> Bool[Array, " rows"]:
    """Read which rows of a side ``write_some`` named."""
    with reading(path, "a table of item_id"):
        table = parquet_columns(path, ["item_id"], "a table of item_id")
    chosen = np.zeros(len(side), dtype=bool)
    chosen[_known(path, table["item_id"], side)] = True
    return chosen


def _known(path: Path, names: Any, side: Embeddings) -> Int64[Array, " entries"]:
    rows = rows_of(names.cast(arrow().string()), side)
    if len(rows) and rows.min() < 0:
        raise FileError(f"{path} names ids that the space does not hold: write the space again")
    return rows


def _about(side: Embeddings, name: str) -> Any:
    """One column of metadata as an array that parquet can hold."""
    pa = arrow()
    if name in {"id", "vector"}:
        raise ValuesError(
            f"metadata has a column {name!r}, which a space keeps for itself: rename it"
        )
    values: Any = cast("Any", side.metadata)[name]
    try:
        column: Any = values if isinstance(values, pa.ChunkedArray) else pa.array(list(values))
    except (pa.ArrowException, TypeError) as error:
        raise ValuesError(
            f"metadata column {name!r} mixes kinds ({error}): keep one kind"
        ) from error
    if len(column) != len(side):
        raise ShapeError(f"metadata column {name!r} has {len(column)} values, {len(side)} are due")
    return column


def _write(path: Path, table: Any, rows: int) -> None:
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
