"""Parquet, Feather and Arrow files, saved Hugging Face data sets, columns of lists."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.conversion import BLOCK, check_held, offers
from anglewise.data_types.mapped import forget, new_matrix
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import FileError, ShapeError, ValuesError
from anglewise.io.arrow_sizes import check_ipc, check_parquet, written_out
from anglewise.io.files import (
    Stamp,
    arrow,
    check_unchanged,
    contents,
    existing_file,
    file_text,
    is_packed,
    reading,
    stamp,
    suffix,
)
from anglewise.io.ownership import check_inside
from anglewise.io.sizes import check_holds, check_json_table, check_streamed, weight
from anglewise.io.tables import Sheet, listed
from anglewise.io.whole_numbers import with_whole_numbers


def is_list_of_numbers(kind: Any) -> bool:
    """Whether an Arrow type is a list of numbers, of fixed size or not.

    >>> pa = arrow()
    >>> is_list_of_numbers(pa.list_(pa.float16(), 3)), is_list_of_numbers(pa.list_(pa.string()))
    (True, False)
    """
    types = arrow("types")
    kind = getattr(kind, "storage_type", kind)
    inner = getattr(kind, "value_type", None)
    return _is_list(kind) and (types.is_floating(inner) or types.is_integer(inner))


def stored_kind(kind: Any) -> "np.dtype[Any]":
    """What NumPy calls the numbers in a column of lists, of lists of lists too.

    >>> pa = arrow()
    >>> stored_kind(pa.list_(pa.uint8()))
    dtype('uint8')
    """
    kind = getattr(kind, "storage_type", kind)
    while _is_list(kind):
        kind = kind.value_type
    return np.dtype(kind.to_pandas_dtype())


def matrix_of(sheet: Sheet, column: Any) -> Array:
    """The rows of a list column as a matrix; ``ShapeError`` or ``ValuesError`` names a bad row."""
    check_kind(sheet, column.type)
    with reading(sheet.path, "a column of vectors"):
        chunks = [getattr(chunk, "storage", chunk) for chunk in column.chunks if len(chunk)]
        dimension = _length(chunks[0], 0) if chunks else 0
    start, parts = 0, list[Array]()
    for chunk in chunks:
        parts.append(_rows(sheet, chunk, start, dimension))
        start += len(chunk)
    if len(parts) == 1:
        return parts[0]
    if not parts:
        raise ShapeError(f"{sheet.path} holds no vectors")
    matrix = np.empty((start, dimension), dtype=np.float32)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf and is refused later
        np.concatenate(parts, out=matrix, casting="unsafe")
    start = 0
    for part in parts:
        check_held(part, matrix[start : start + len(part)], start)
        start += len(part)
    return matrix


def matrix_in_blocks(sheet: Sheet, blocks: Iterable[Any], rows: int) -> Float32[Array, "rows d"]:
    """The rows of a list column that comes in blocks; only one of them is held beside the matrix.

    Errors are those of ``matrix_of``.
    """
    start, matrix = 0, np.empty((0, 0), dtype=np.float32)
    for block in blocks:
        lists = getattr(block, "storage", block)
        if not start:
            check_kind(sheet, block.type)
            dimension = _length(lists, 0)
            check_streamed(sheet.path, 4 * rows * dimension)
            matrix = new_matrix(rows, dimension)
        part = _rows(sheet, lists, start, matrix.shape[1])
        if start + len(part) > rows:
            break
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, refused later
            matrix[start : start + len(part)] = part
        check_held(part, matrix[start : start + len(part)], start)
        forget(matrix[start : start + len(part)])
        start += len(part)
    else:
        if start == rows:
            return matrix
    raise ShapeError(
        f"{sheet.path} is damaged: there are not as many vectors as the {rows:,} other cells of "
        "their table; write it again"
    )


def check_kind(sheet: Sheet, kind: Any) -> None:
    """Raise ``ValuesError`` for a column of another kind than lists of numbers."""
    if not _is_list(getattr(kind, "storage_type", kind)):
        raise ValuesError(f"{sheet.path}: vectors are {kind}: lists of numbers are due")
    if not is_list_of_numbers(kind):
        raise ValuesError(
            f"{sheet.path}: vectors hold {kind.value_type}: numbers are due, not text"
        )


def _is_list(kind: Any) -> bool:
    types = arrow("types")
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _length(chunk: Any, row: int) -> int:
    value = chunk[row]
    return len(value) if value.is_valid else 0


def _rows(sheet: Sheet, chunk: Any, start: int, dimension: int) -> Array:
    pc = arrow("compute")
    with reading(sheet.path, "a column of vectors"):
        gaps = np.asarray(chunk.is_null()) if chunk.null_count else np.zeros(0, dtype=bool)
        missing = np.flatnonzero(gaps)
    if len(missing):
        raise ValuesError(
            f"{sheet.path}, {sheet.location(start + int(missing[0]))}: the vector is missing "
            f"({len(missing)} such rows near it); drop these rows"
        )
    with reading(sheet.path, "a column of vectors"):
        lengths = np.from_dlpack(pc.list_value_length(chunk))
    ragged = np.flatnonzero(lengths != dimension)
    if len(ragged):
        row = int(ragged[0])
        raise ShapeError(
            f"{sheet.path}, {sheet.location(start + row)}: a vector of {lengths[row]} numbers "
            f"where the first one has {dimension}; all are due to be of one length"
        )
    with reading(sheet.path, "a column of vectors"):
        flat = chunk.flatten()
        if flat.null_count:
            gap = int(np.argmax(np.asarray(flat.is_null()))) // dimension
            raise ValuesError(
                f"{sheet.path}, {sheet.location(start + gap)}: a number is missing in the vector; "
                "drop the row"
            )
        # DLPack, since to_numpy imports pandas wherever that is installed, for half a second.
        return np.from_dlpack(flat).reshape(len(chunk), dimension)


ARROW_SUFFIXES = {".parquet", ".pq", ".feather", ".arrow", ".ipc", ".jsonl", ".ndjson"}


@dataclass(frozen=True, eq=False)
class Columns(Mapping[str, Any]):
    """Columns of a file, each read when it is first asked for, none kept.

    A table about vectors holds texts that may outweigh the vectors; most commands need no word.
    """

    path: Path
    names: tuple[str, ...]
    read: Callable[[str], Any]

    def __getitem__(self, name: str) -> Any:
        if name not in self.names:
            raise KeyError(name)
        with reading(self.path, "the table that it was before"):
            return self.read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __reduce__(self) -> tuple[Any, ...]:
        """Read all of them to be pickled: another process may not have the file."""
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Columns":
        """The same, for nothing in it changes."""
        return self


def arrow_sheet(path: Path) -> Sheet:
    """Open a table whose columns have types."""
    if suffix(path) in {".parquet", ".pq"}:
        return _parquet_sheet(path)
    table = _json_lines(path) if suffix(path) in {".jsonl", ".ndjson"} else _ipc(path)[0]
    return table_sheet(path, table)


def table_sheet(path: Path, table: Any) -> Sheet:
    """Wrap a table that is in memory."""
    if not table.num_rows or not table.num_columns:
        noun = "columns" if table.num_rows else "rows"
        raise FileError(f"{path} holds no {noun}: was it written to the end?")
    return Sheet(
        path,
        tuple(table.column_names),
        tuple(table.schema.types),
        columns=lambda positions: [written_out(path, table.column(i)) for i in positions],
        location=_row,
    )


FRAME = Path("the frame")
"""What a table that came from no file is called in messages."""


def frame_sheet(frame: Any) -> Sheet:
    """Wrap a frame of pandas or Polars, or an Arrow table; an index of pandas is no column.

    Raises ``FileError`` for columns that mix kinds, such as text and numbers.

    >>> frame_sheet(arrow().table({"user_id": ["ann"], "item_id": [7]})).names
    ('user_id', 'item_id')
    """
    pa = arrow()
    with reading(FRAME, "a table"):
        if isinstance(frame, pa.Table):
            table = frame
        elif offers(frame, "to_arrow"):
            table = frame.to_arrow()
        else:
            table = pa.Table.from_pandas(frame, preserve_index=False)
    return table_sheet(FRAME, table)


def saved_dataset(folder: Path) -> Sheet:
    """Open a data set that Hugging Face's ``save_to_disk`` wrote.

    Raises ``FileError`` for a folder of several splits: name the folder of one.
    """
    pa = arrow()

    splits = folder / "dataset_dict.json"
    if splits.is_file():
        with reading(splits, "a list of splits"):
            names = list(json.loads(file_text(splits))["splits"])
        if len(names) != 1:
            raise FileError(
                f"{folder} holds the splits {', '.join(names)}: name the folder of one, "
                f"such as {folder / (names or ['train'])[0]}"
            )
        folder = _inside(folder, str(names[0]))
    state = existing_file(folder / "state.json")
    with reading(state, "the state of a data set"):
        parts = [str(part["filename"]) for part in json.loads(file_text(state))["_data_files"]]
    files = [existing_file(_inside(folder, name)) for name in parts]
    _check_named_once(folder, files)
    together, unpacked, tables = sum(map(weight, files)), 0, list[Any]()
    for file in files:
        table, size = _ipc(file, together)
        unpacked += size
        check_holds(folder, unpacked, together)
        tables.append(table)
    with reading(folder, "a data set"):
        return table_sheet(folder, pa.concat_tables(tables))


def _inside(folder: Path, name: str) -> Path:
    """A part of a data set, which lies in its folder; ``FileError`` for one that leads out."""
    if name in {"", ".", ".."} or any(sign in name for sign in "/\\:"):
        raise FileError(
            f"{folder} names a part outside of itself ({name[:80]!r}): a data set as "
            "save_to_disk writes it holds its parts; copy them into it"
        )
    check_inside(folder / name, folder)
    return folder / name


def _check_named_once(folder: Path, files: Sequence[Path]) -> None:
    """Raise ``FileError`` for a part that is named again, be it by a link."""
    named: set[Stamp] = set()
    for file in files:
        if stamp(file)[:2] in named:
            raise FileError(
                f"{folder} names its part {file.name[:80]!r} more than once: a data set as "
                "save_to_disk writes it names each of its parts once; write it again"
            )
        named.add(stamp(file)[:2])


def is_saved_dataset(folder: Path) -> bool:
    """Whether ``save_to_disk`` wrote this folder."""
    return any((folder / name).is_file() for name in ("state.json", "dataset_dict.json"))


def _row(row: int) -> str:
    return f"row {row} (the first is 0)"


def column_blocks(path: Path, name: str) -> Iterator[Any]:
    """A column of a parquet file, some thousand rows at a time, so that memory stays small."""
    with reading(path, "parquet"), parquet_file(path, buffered=True) as file:
        check_parquet(path, file.metadata.schema, [name], streamed=True)
        for batch in file.iter_batches(BLOCK, columns=[name], use_threads=False):
            batch.validate(full=True)
            yield batch.column(0)


READ_AT_ONCE = 1 << 20
"""Bytes of a column that are read at once where no more of it is to be in memory."""


def parquet_file(path: Path, texts: Iterable[str] = (), *, buffered: bool = False) -> Any:
    """Open a parquet file; the columns of ``texts``, as paths, are read with dictionaries.

    ``buffered`` reads little of a column at once, else each group of rows whole. Arrow gets a whole
    path: of one that begins with a folder called ``~`` it would make another.
    """
    source = arrow().BufferReader(contents(path)) if is_packed(path) else path.absolute()
    return arrow("parquet").ParquetFile(
        source,
        read_dictionary=list(texts) or None,
        buffer_size=READ_AT_ONCE if buffered else 0,
        pre_buffer=False,
    )


def parquet_columns(path: Path, names: Sequence[str] | None = None, kind: str = "parquet") -> Any:
    """Some columns of a parquet file, or all, as a table.

    Raises ``FileError`` if they hold too much, or the file is replaced between the looks at it.
    """
    pa, before = arrow(), stamp(path)
    with reading(path, kind):
        with parquet_file(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            selected = list(schema.names if names is None else names)
            how = check_parquet(path, file.metadata.schema, selected)
        # a text may stand in a million rows and once in the file: known before it is written out
        texts = [n for n in selected if n not in how.at_once and _is_text(schema.field(n).type)]
        whole = [name for name in selected if name not in how.at_once]
        with parquet_file(path, {*texts, *how.dictionaries}) as file:
            check_unchanged(path, before)  # or else the sizes would be those of another file
            table = file.read(columns=whole)
            table.validate(full=True)  # text that is not UTF-8 would break later
        for name, rows_at_once in how.at_once.items():
            table = table.append_column(name, _in_portions(path, name, rows_at_once, before))
        check_unchanged(path, before)
        short = [n for n, c in zip(table.column_names, table.columns, strict=True) if len(c) < rows]
        if short:
            raise FileError(f"{path} is damaged: {listed(short)} is shorter than its {rows:,} rows")
        columns = [_as(schema.field(n).type, written_out(path, table[n])) for n in selected]
        return pa.Table.from_arrays(columns, names=selected)


def _in_portions(path: Path, name: str, rows: int, before: Stamp) -> Any:
    """A column of which no more than some rows are unpacked before its size is looked at."""
    pa = arrow()
    portions: list[Any] = []
    with parquet_file(path) as file:
        check_unchanged(path, before)
        kind = file.schema_arrow.field(name).type
        for batch in file.iter_batches(rows, columns=[name], use_threads=False):
            batch.validate(full=True)
            portions.append(batch.column(0))
            check_holds(path, sum(portion.nbytes for portion in portions))
    return pa.chunked_array(portions, kind)


def _is_text(kind: Any) -> bool:
    types = arrow("types")
    tests = types.is_string, types.is_large_string, types.is_binary, types.is_large_binary
    return any(test(kind) for test in tests)


def _as(kind: Any, column: Any) -> Any:
    if arrow("types").is_dictionary(kind):
        kind = kind.value_type
    return column if column.type == kind else arrow("compute").cast(column, kind)


def _parquet_sheet(path: Path) -> Sheet:
    before = stamp(path)

    def columns(positions: Sequence[int]) -> list[Any]:
        names = [schema.names[i] for i in positions]
        check_unchanged(path, before)  # a column may be wanted late
        table = parquet_columns(path, names)
        check_unchanged(path, before)
        return [table[name] for name in names]

    with reading(path, "parquet"), parquet_file(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    if not rows or not schema.names:
        noun = "columns" if rows else "rows"
        raise FileError(f"{path} holds no {noun}: was it written to the end?")
    names = tuple(schema.names)
    blocks = None if is_packed(path) else (rows, partial(column_blocks, path))
    return Sheet(path, names, tuple(schema.types), columns, _row, blocks=blocks)


def _ipc(path: Path, together: int = 0) -> tuple[Any, int]:
    """A table, and the bytes of it that were packed."""
    pa = arrow()
    feather, ipc = arrow("feather"), arrow("ipc")

    data = contents(path, together)
    size = check_ipc(path, data)
    with reading(path, "an Arrow table"):
        if data[:4] == b"FEA1":
            table = feather.read_table(pa.BufferReader(data))
        elif data[:6] == b"ARROW1":
            table = ipc.open_file(pa.py_buffer(data)).read_all()
        else:
            table = ipc.open_stream(pa.py_buffer(data)).read_all()
        table.validate(full=True)
    return table, size


def _json_lines(path: Path) -> Any:
    pa = arrow()
    arrow_json = arrow("json")

    data = contents(path)
    check_json_table(path, data)
    options = arrow_json.ReadOptions(block_size=min(max(len(data), 1 << 20), 1 << 30))
    with reading(path, "JSON lines"):
        table = arrow_json.read_json(pa.BufferReader(pa.py_buffer(data)), read_options=options)
        # JSON has no dates: text that looks like one is text, and may be an id
        guessed = [field for field in table.schema if pa.types.is_timestamp(field.type)]
        if guessed:
            written = pa.schema([(field.name, pa.string()) for field in guessed])
            table = arrow_json.read_json(
                pa.BufferReader(pa.py_buffer(data)),
                read_options=options,
                parse_options=arrow_json.ParseOptions(explicit_schema=written),
            ).select(table.column_names)
        table.validate(full=True)
        return with_whole_numbers(table, data)
