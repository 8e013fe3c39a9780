"""Damage to tables of Arrow: columns gone, renamed, doubled, of other types, with holes."""

import io
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
from pyarrow import feather, ipc, parquet

from fuzz.strange import NAMES, number, word


def parquet_file(data: bytes, rng: Random) -> bytes:
    """Of parquet."""
    table = _changed(parquet.read_table(io.BytesIO(data)), rng)
    target = io.BytesIO()
    parquet.write_table(
        table,
        target,
        row_group_size=rng.choice((1, 2, 1000)),
        compression=rng.choice(("snappy", "zstd", "none", "gzip")),
        use_dictionary=rng.random() < 0.5,
        version=rng.choice(("1.0", "2.6")),
    )
    return target.getvalue()


def arrow_file(data: bytes, rng: Random) -> bytes:
    """Of Arrow's stream and file, and feather."""
    source = io.BytesIO(data)
    try:
        table = ipc.open_stream(source).read_all()
    except pa.ArrowInvalid:
        table = feather.read_table(source)
    table = _changed(table, rng)
    target = io.BytesIO()
    how = rng.random()
    if how < 0.3:
        feather.write_feather(table, target, compression="uncompressed")
    elif how < 0.6:
        with ipc.new_file(target, table.schema) as writer:
            writer.write_table(table, max_chunksize=rng.choice((1, 2, 100)))
    else:
        with ipc.new_stream(target, table.schema) as writer:
            writer.write_table(table, max_chunksize=rng.choice((1, 2, 100)))
    return target.getvalue()


def _changed(table: pa.Table, rng: Random) -> pa.Table:
    table.validate(full=True)  # Arrow ends the process that writes a broken one
    for _ in range(rng.choice((1, 1, 2, 3))):
        table = rng.choice(DEEDS)(table, rng)
    table.validate(full=True)
    return table


def _dropped(table: pa.Table, rng: Random) -> pa.Table:
    return table.remove_column(rng.randrange(table.num_columns)) if table.num_columns else table


def _renamed(table: pa.Table, rng: Random) -> pa.Table:
    names = list(table.column_names)
    if names:
        names[rng.randrange(len(names))] = rng.choice((*NAMES, rng.choice(names), _text(rng)))
    return table.rename_columns(names)


def _added(table: pa.Table, rng: Random) -> pa.Table:
    column = pa.array([_cell(rng)] * table.num_rows)
    return table.append_column(rng.choice(NAMES), column)


def _rows(table: pa.Table, rng: Random) -> pa.Table:
    deed = rng.randrange(5)
    if deed == 0:
        return table.slice(0, 0)
    if deed == 1:
        return pa.concat_tables([table, table])
    if deed == 2:
        return table.slice(0, 1)
    if deed == 3:
        return pa.concat_tables([table] * 20)
    return table.take(list(reversed(range(table.num_rows))))


def _other_type(table: pa.Table, rng: Random) -> pa.Table:
    return _with_column(table, rng, lambda column: rng.choice(TYPES)(column, rng))


def _other_cell(table: pa.Table, rng: Random) -> pa.Table:
    """A hole, or another value, perhaps of another kind."""

    def change(column: Any) -> Any:
        cells = column.to_pylist()
        if not cells:
            return column
        kind, like = column.type, next((one for one in cells if one is not None), None)
        new = None if rng.random() < 0.3 else _like(like, rng)
        if rng.random() < 0.15:
            cells = [new] * len(cells)
        else:
            cells[rng.randrange(len(cells))] = new
        try:
            return pa.array(cells, kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return pa.array([None if one is None else str(one)[:50] for one in cells])

    return _with_column(table, rng, change)


def _with_column(table: pa.Table, rng: Random, change: Callable[[Any], Any]) -> pa.Table:
    if not table.num_columns:
        return table
    at = rng.randrange(table.num_columns)
    return table.set_column(at, table.column_names[at], change(table.column(at)))


def _like(one: Any, rng: Random) -> Any:
    strange = rng.choice((0.0, float("nan"), float("inf"), -1.0, 1e38, 1e300, 1e-45))
    if isinstance(one, list):
        lists = ([], one[:-1], [*one, *one], [None] * len(one), [strange, *one[1:]])
        return rng.choice(lists)
    if isinstance(one, str):
        return _text(rng) if rng.random() < 0.6 else number(rng)
    if isinstance(one, float):
        return strange
    if isinstance(one, int):
        return rng.choice((0, -1, 2**31 - 1, 2**31, 2**63 - 1, -(2**63)))
    return None


def _cell(rng: Random) -> Any:
    return rng.choice((None, 0, 1.5, True, _text(rng), [1.0, 2.0], [], {"a": 1}, b"\xff", [["x"]]))


def _text(rng: Random) -> str:
    return word(rng).encode("utf-8", "replace").decode()


def _texts(column: Any, rng: Random) -> Any:
    return pa.array([_text(rng) if one is None else str(one)[:50] for one in column.to_pylist()])


def _bytes(column: Any, rng: Random) -> Any:
    kind = rng.choice((pa.binary(), pa.large_binary()))
    return pa.array([b"\xff\xfe" + str(one).encode()[:20] for one in column.to_pylist()], kind)


def _fixed(column: Any, rng: Random) -> Any:
    size = rng.choice((1, 3))  # Arrow ends a process that writes pieces of lists of none
    kind = rng.choice((pa.float32(), pa.int8(), pa.bool_(), pa.float16(), pa.string()))
    return pa.array([[None] * size for _ in range(len(column))], pa.list_(kind, size))


def _dictionary(column: Any, rng: Random) -> Any:
    del rng
    return _texts(column, Random(0)).dictionary_encode()  # noqa: S311 no secret


def _nulls(column: Any, rng: Random) -> Any:
    kinds = (
        pa.null(),
        pa.string(),
        pa.float64(),
        pa.list_(pa.float32()),
        pa.list_(pa.float32(), 3),
    )
    return pa.nulls(len(column), rng.choice(kinds))


def _structs(column: Any, rng: Random) -> Any:
    del rng
    return pa.array([{"bytes": None, "path": str(one)[:20]} for one in column.to_pylist()])


def _lists(column: Any, rng: Random) -> Any:
    inner = rng.choice((pa.string(), pa.float64(), pa.list_(pa.float32()), pa.null(), pa.int64()))
    kind = rng.choice((pa.list_, pa.large_list))(inner)
    return pa.array([[] if rng.random() < 0.5 else [None] for _ in range(len(column))], kind)


def _moments(column: Any, rng: Random) -> Any:
    kinds = (pa.date32(), pa.timestamp("ns"), pa.timestamp("s", "UTC"), pa.time64("us"))
    kinds += (pa.duration("s"), pa.month_day_nano_interval())
    kind = rng.choice(kinds)
    big = rng.choice((0, 1, 2**31 - 1, -(2**31)))
    return (
        pa.array([None if one % 3 else 0 for one in range(len(column))], kind)
        if big < 2
        else (pa.array([big] * len(column), pa.int32()).cast(pa.date32()))
    )


def _decimals(column: Any, rng: Random) -> Any:
    del rng
    return pa.array([Decimal(f"{at}.25") for at in range(len(column))])


def _whole(column: Any, rng: Random) -> Any:
    kind = rng.choice((pa.int8(), pa.uint64(), pa.int64(), pa.bool_(), pa.float16(), pa.float64()))
    return pa.array([at % 2 for at in range(len(column))], pa.int8()).cast(kind)


def _views(column: Any, rng: Random) -> Any:
    return _texts(column, rng).cast(rng.choice((pa.large_string(), pa.string_view())))


TYPES = (_texts, _bytes, _fixed, _dictionary, _nulls, _structs, _lists, _moments, _decimals, _whole)
TYPES += (_views,)
DEEDS = (_dropped, _renamed, _renamed, _added, _rows, _other_type, _other_type, _other_type)
DEEDS += (_other_cell, _other_cell, _other_cell)
