"""The tables of a space folder that hold one side each: ids, vectors, and what is known of rows."""

from pathlib import Path
from typing import Any, cast

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.representation import Representation
from anglewise.errors import FileError, ShapeError, ValuesError
from anglewise.io.arrow_files import (
    Columns,
    arrow_sheet,
    check_kind,
    column_blocks,
    matrix_in_blocks,
)
from anglewise.io.files import arrow, naming
from anglewise.io.represented_files import (
    COLUMNS,
    TOKENS,
    WEIGHTS,
    represented_columns,
    represented_side,
)
from anglewise.io.space_files import GROUP_BYTES, TABLES, write_table
from anglewise.io.tables import check_names, names_of

NUMBERS = (("vector",), (TOKENS,), (COLUMNS, WEIGHTS))
"""The columns that hold the numbers of a side, by what they are."""


def write_side(path: Path, side: Embeddings) -> None:
    """Write ``id``, the numbers of each row, and what is known about the rows.

    The numbers are ``vector`` (fixed-size list of float32); ``tokens`` (a list of these) of lists
    of token vectors; ``columns`` and ``weights`` (lists of whole and of real numbers) of sparse
    vectors.
    """
    pa = arrow()
    numbers = _numbers(side)
    fields = [
        pa.field("id", pa.string(), nullable=False),
        *(pa.field(name, column.type, nullable=False) for name, column in numbers),
    ]
    columns = [pa.array(side.ids.tolist(), pa.string()), *(column for _, column in numbers)]
    for name in side.metadata_columns:
        column = _about(side, name, {"id", *(name for name, _ in numbers)})
        fields.append(pa.field(name, column.type))
        columns.append(column)
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    row_bytes = max(1, side.nbytes // len(side))
    write_table(path, table, rows=max(1, GROUP_BYTES // row_bytes))


def _numbers(side: Embeddings) -> list[tuple[str, Any]]:
    """The columns of the numbers, by name."""
    if isinstance(side, Representation):
        return represented_columns(side)
    pa = arrow()
    values = pa.array(side.vectors.reshape(-1))
    element = pa.field("element", pa.float32(), nullable=False)
    kind = pa.list_(element, side.dimension)
    return [("vector", pa.FixedSizeListArray.from_arrays(values, type=kind))]


def is_table_of_space(path: Path) -> bool:
    """Whether a parquet file has the columns of one that a space holds, and no others.

    Vectors may have any columns about their rows.
    """
    try:
        schema = arrow("parquet").read_schema(path.absolute())
    except (OSError, ValueError):  # Arrow's errors are of these kinds; a damaged file is no table
        return False
    if schema.names in TABLES:
        return True
    if schema.names[:2] == ["id", TOKENS] or schema.names[:3] == ["id", COLUMNS, WEIGHTS]:
        return bool(arrow("types").is_large_list(schema.field(1).type))
    is_fixed = arrow("types").is_fixed_size_list
    return schema.names[:2] == ["id", "vector"] and is_fixed(schema.field("vector").type)


def read_side(path: Path, width: int | None = None) -> Embeddings:
    """Read what ``write_side`` wrote; what is known about the rows is read when asked for.

    ``width`` is how many columns sparse vectors have, which their table does not say.
    """
    sheet = arrow_sheet(path)
    names = sheet.names or ()
    numbers = next((own for own in NUMBERS if {"id", *own} <= set(names)), None)
    if numbers is None:
        raise FileError(f"{path} lacks the columns id and vector: write the space again")
    check_names(names, path)
    dense = numbers == ("vector",)
    if dense:
        check_kind(sheet, sheet.kinds[names.index("vector")])  # before any of it is unpacked
    position = names.index("id")
    (ids,) = sheet.columns([position])
    metadata = Columns(
        path,
        tuple(name for name in names if name not in {"id", *numbers}),
        lambda name: sheet.columns([names.index(name)])[0],
    )
    with naming(path):
        row_ids = names_of(sheet, ids, position).to_pylist()
        if not dense:
            return represented_side(sheet, row_ids, metadata or None, width)
        vectors = matrix_in_blocks(sheet, column_blocks(path, "vector"), len(ids))
        return Embeddings(vectors, ids=row_ids, metadata=metadata or None)


def _about(side: Embeddings, name: str, own: set[str]) -> Any:
    """One column of metadata as an array that parquet can hold; ``own`` are a space's columns."""
    pa = arrow()
    if name in own:
        raise ValuesError(
            f"metadata has a column {name!r}, which a space keeps for itself: rename it"
        )
    values: Any = cast("Any", side.metadata)[name]
    try:
        column: Any = values if isinstance(values, pa.ChunkedArray) else pa.array(list(values))
    except UnicodeEncodeError as error:
        raise ValuesError(
            f"metadata column {name!r} holds half a character ({error.object[error.start]!r}), "
            "which no file can hold: mend the text"
        ) from error
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise ValuesError(
            f"metadata column {name!r} mixes kinds, or holds numbers beyond 64 bits ({error}): "
            "keep one kind, or write them as text"
        ) from error
    if _has_no_fields(column.type):
        raise ValuesError(
            f"metadata column {name!r} holds dicts without keys, which parquet cannot hold: leave "
            "them out"
        )
    if len(column) != len(side):
        raise ShapeError(f"metadata column {name!r} has {len(column)} values, {len(side)} are due")
    return column


def _has_no_fields(kind: Any) -> bool:
    """Whether a column holds structs of nothing, in lists too."""
    if arrow("types").is_struct(kind) and not kind.num_fields:
        return True
    return any(_has_no_fields(kind.field(i).type) for i in range(kind.num_fields))
