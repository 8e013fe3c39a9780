"""A column of lists becomes a matrix, without a copy where the bytes lie ready."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Float32
from anglewise.errors import ShapeError, ValuesError
from anglewise.interop.arrow import arrow
from anglewise.interop.files import reading
from anglewise.interop.limits import check_holds
from anglewise.interop.sheet import Sheet


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


def matrix_of(sheet: Sheet, column: Any) -> Array:
    """The rows of a list column as a matrix; ``ShapeError`` or ``ValuesError`` names a bad row."""
    _check_kind(sheet, column.type)
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
    whole = np.empty((start, dimension), dtype=np.float32)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf and is refused later
        np.concatenate(parts, out=whole, casting="unsafe")
    return whole


def matrix_in_blocks(sheet: Sheet, blocks: Iterable[Any], rows: int) -> Float32[Array, "rows d"]:
    """The rows of a list column that comes in blocks; only one of them is held beside the matrix.

    Errors are those of ``matrix_of``.
    """
    start, whole = 0, np.empty((0, 0), dtype=np.float32)
    for block in blocks:
        lists = getattr(block, "storage", block)
        if not start:
            _check_kind(sheet, block.type)
            dimension = _length(lists, 0)
            check_holds(sheet.path, 4 * rows * dimension)
            whole = np.empty((rows, dimension), dtype=np.float32)
        part = _rows(sheet, lists, start, whole.shape[1])
        if start + len(part) > rows:
            break
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, refused later
            whole[start : start + len(part)] = part
        start += len(part)
    else:
        if start == rows:
            return whole
    raise ShapeError(
        f"{sheet.path} is damaged: there are not as many vectors as the {rows:,} other cells of "
        "their table; write it again"
    )


def _check_kind(sheet: Sheet, kind: Any) -> None:
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
            f"{sheet.path}, {sheet.place(start + int(missing[0]))}: the vector is missing "
            f"({len(missing)} such rows near it); drop these rows"
        )
    with reading(sheet.path, "a column of vectors"):
        lengths = np.from_dlpack(pc.list_value_length(chunk))
    ragged = np.flatnonzero(lengths != dimension)
    if len(ragged):
        row = int(ragged[0])
        raise ShapeError(
            f"{sheet.path}, {sheet.place(start + row)}: a vector of {lengths[row]} numbers where "
            f"the first one has {dimension}; all are due to be of one length"
        )
    with reading(sheet.path, "a column of vectors"):
        flat = chunk.flatten()
        if flat.null_count:
            gap = int(np.argmax(np.asarray(flat.is_null()))) // dimension
            raise ValuesError(
                f"{sheet.path}, {sheet.place(start + gap)}: a number is missing in the vector; "
                "drop the row"
            )
        # DLPack, since to_numpy imports pandas wherever that is installed, for half a second.
        return np.from_dlpack(flat).reshape(len(chunk), dimension)
