"""Arrays, frames and tensors of any library, as NumPy arrays, and what is refused among them.

A foreign object is known by what it offers (``to_numpy``, ``detach``, ``__array__``,
``__dlpack__``), so none of these libraries is imported.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from numbers import Integral
from os import PathLike
from typing import Any, TypeAlias, cast

import numpy as np

from anglewise.data_types.mapped import as_float32, forget
from anglewise.data_types.numbers import cell_number, check_kind, described, quoted
from anglewise.data_types.text import Say, listed, quiet
from anglewise.data_types.typing import DIRECTIONS, Array, Float32, Int64
from anglewise.errors import (
    AnglewiseError,
    IdsError,
    ShapeError,
    SpellingError,
    ValuesError,
    WrongTypeError,
    reason,
)

Vectors: TypeAlias = Any
"""Rows of numbers: NumPy, pandas, Polars, PyTorch, Arrow, JAX, CuPy, or lists of lists."""

ID_COLUMN = re.compile(
    r"(^|[\W_])(id|key)$|[a-z]I[dD]$|^(user|item|movie|product|doc|corpus|query)id$", re.ASCII
)
"""A column of such a name holds the ids of rows: as a dimension it would spoil every score."""

DUE = (
    "a NumPy array, a pandas or Polars frame of numbers, a PyTorch tensor or a list of rows is due"
)


BLOCK = 8192
"""Rows checked together, so that a check of a memory-mapped file takes little memory."""


def as_array(value: Any, name: str, say: Say = quiet) -> Array:
    """The numbers of an array, frame, tensor or list, without a copy where NumPy reads them so.

    ``name`` is the plural noun for the messages. ``say`` is called with one sentence when an array
    is copied from another device, such as a graphics card.

    Raises ``WrongTypeError`` for what holds no array (a path, a dict, a sparse matrix),
    ``ShapeError`` for rows of uneven length, ``ValuesError`` for a frame with a column of ids or
    text.

    >>> as_array([[1, 2], [3, 4]], "vectors").shape
    (2, 2)
    >>> as_array("items.npy", "vectors")
    Traceback (most recent call last):
    ...
    anglewise.errors.WrongTypeError: vectors are a str ('items.npy'): ...
    """
    _refuse_what_holds_no_array(value, name)
    try:
        if is_frame(value):
            return _frame_numbers(value, name)
        array = exported(value, name, say)
        return _stacked(array) if array.dtype == object and array.ndim == 1 else array
    except AnglewiseError:
        raise
    except Exception as error:  # a foreign library may raise anything
        if is_kind(value, Sequence) or "inhomogeneous" in reason(error):
            raise ShapeError(
                f"{name} are rows of uneven length or depth: every row needs as many numbers"
            ) from error
        raise WrongTypeError(
            f"{name} are {described(value)}, which NumPy cannot read ({reason(error)}): {DUE}"
        ) from error


def offers(value: object, *names: str) -> bool:
    """Whether an object has attributes of these names, all of them, of its own or of its class.

    pandas gives columns and labels as attributes too: a column called ``detach`` makes no tensor.

    >>> offers([], "append", "pop"), offers([], "detach")
    (True, False)
    """
    own = getattr(value, "__dict__", ())
    return all(hasattr(type(value), name) or name in own for name in names)


def holds_masked(value: Any) -> bool:
    """Whether an array, or a row of a list, has a mask: NumPy takes what lies under it.

    >>> holds_masked(np.ma.array([1, 2], mask=[False, True])), holds_masked([[1, 2]])
    (True, False)
    """
    rows = value if is_kind(value, list | tuple) else [value]
    return any(is_kind(row, np.ma.MaskedArray) and np.ma.is_masked(row) for row in rows)


def is_kind(value: object, kinds: Any) -> bool:
    """``isinstance`` without narrowing: to type checkers the value stays of any type."""
    return isinstance(value, kinds)


def check_direction(direction: object) -> None:
    """Refuse what is no direction.

    >>> check_direction("items")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no direction is called 'items': queries-items, ...
    """
    if not isinstance(direction, str) or direction not in DIRECTIONS:
        name = quoted(direction) if isinstance(direction, str) else described(direction)
        raise SpellingError(f"no direction is called {name}: {listed(DIRECTIONS, 'or')} is due")


def check_array(value: object, name: str, shape: Sequence[int | None], *, kinds: str = "f") -> None:
    """Refuse what is no NumPy array of a shape (None: of any length), of these kinds of numbers.

    Its numbers are not read. ``kinds`` are those of ``dtype.kind``: ``f``, ``iu`` or ``b``.

    >>> check_array(np.zeros(3), "judged_at", [2])
    Traceback (most recent call last):
    ...
    anglewise.errors.ShapeError: judged_at has shape (3,): (2,) is due
    """
    due = {"f": "floats", "iu": "whole numbers", "b": "truth values"}[kinds]
    if not isinstance(value, np.ndarray):
        raise WrongTypeError(f"{name} is {described(value)}: a NumPy array of {due} is due")
    array = cast("Array", value)
    if array.dtype.kind not in kinds:
        raise WrongTypeError(f"{name} is an array of {array.dtype}: one of {due} is due")
    if len(array.shape) != len(shape) or any(
        wanted is not None and wanted != length
        for wanted, length in zip(shape, array.shape, strict=True)
    ):
        lengths = ", ".join("any" if wanted is None else str(wanted) for wanted in shape)
        raise ShapeError(
            f"{name} has shape {array.shape}: ({lengths}{',' * (len(shape) == 1)}) is due"
        )


def is_frame(value: Any) -> bool:
    """Whether a value is a table with named columns: pandas, Polars, Arrow."""
    return offers(value, "columns") and (offers(value, "to_numpy") or offers(value, "__array__"))


def _refuse_what_holds_no_array(value: Any, name: str) -> None:
    hint = DUE
    if is_kind(value, str | bytes | PathLike):
        hint = "files are read by anglewise.read_space"
    elif is_kind(value, Mapping):
        hint = f"{DUE}; of a dict from id to vector give list(d.values()) and ids=list(d)"
    elif offers(value, "tocsr"):
        hint = "a dense array is due: give matrix.toarray()"
    elif offers(value, "vectors"):
        hint = "an array is due: give its .vectors"
    elif not (value is None or is_kind(value, bool | int | float | complex | AbstractSet)):
        return
    raise WrongTypeError(f"{name} are {described(value)}: {hint}")


def exported(value: Any, name: str, say: Say) -> Array:
    """The array that an object exports, by the protocol that its library offers."""
    if holds_masked(value):
        raise ValuesError(
            f"{name} have a mask, which says that some are none: drop these, or fill them "
            "(.filled(value))"
        )
    if is_kind(value, np.ndarray):
        return value
    if offers(value, "detach"):
        return _tensor_numbers(value, name, say)
    if offers(value, "__cuda_array_interface__", "get"):
        say(f"{name}: copied from the graphics card")
        return np.asarray(value.get())
    if offers(value, "to_numpy"):
        arrow = type(value).__module__.startswith("pyarrow")
        return np.asarray(value.to_numpy(zero_copy_only=False) if arrow else value.to_numpy())
    if offers(value, "__dlpack__") and not offers(value, "__array__"):
        return np.from_dlpack(value)
    if is_kind(value, Iterable) and not offers(value, "__array__"):
        rows: list[Any] = list(value)
        foreign = bool(rows) and offers(rows[0], "detach")
        value = [exported(row, name, quiet) for row in rows] if foreign else rows
    elif not offers(value, "__array__"):
        raise WrongTypeError(f"{name} are {described(value)}: {DUE}")
    return np.asarray(value)


def _tensor_numbers(tensor: Any, name: str, say: Say) -> Array:
    tensor = tensor.detach()
    device = str(getattr(tensor, "device", "cpu"))
    if device != "cpu":
        say(f"{name}: copied from {device}")
        tensor = tensor.cpu()
    if str(getattr(tensor, "dtype", "")).endswith("bfloat16"):  # NumPy has no such numbers
        tensor = tensor.float()
    return np.asarray(tensor.numpy())


def _stacked(cells: Array) -> Array:
    """The vectors of a column of lists or arrays, one in each cell."""
    vectors = cells.tolist()
    if not vectors or any(is_kind(cell, str) or not hasattr(cell, "__len__") for cell in vectors):
        return cells
    lengths = np.array([len(cell) for cell in vectors])
    uneven = np.flatnonzero(lengths != lengths[0])
    if len(uneven):
        row = int(uneven[0])
        raise ShapeError(f"row {row} holds {lengths[row]} numbers, the first row {lengths[0]}")
    return np.stack([np.asarray(cell) for cell in vectors])


def _frame_numbers(frame: Any, name: str) -> Array:
    columns = [str(column) for column in column_names(frame)]
    if len(columns) == 1:
        only = frame.iloc[:, 0] if offers(frame, "iloc") else frame[columns[0]]
        cells = _stacked(exported(only, name, quiet))
        return cells if cells.ndim > 1 else _numbers(cells[:, None], columns, name)
    ids = next(filter(ID_COLUMN.search, columns), None)
    if ids is not None:
        raise ValuesError(
            f"the column {ids!r} of the frame reads as ids, not as a dimension: give the other "
            f"columns, and ids=frame[{ids!r}]"
        )
    cells = frame.to_numpy() if offers(frame, "to_numpy") else np.asarray(frame)
    return _numbers(cells, columns, name)


def column_names(frame: Any) -> list[Any]:
    """The names of the columns of a pandas, Polars or Arrow table."""
    return list(frame.column_names if offers(frame, "column_names") else frame.columns)


def named_columns(frame: Any) -> list[tuple[str, Any]]:
    """Each column of a table, or of a dict of columns: its name as text, and its key.

    >>> named_columns({3: [1.0], "score": [2.0]})
    [('3', 3), ('score', 'score')]
    """
    keys: list[Any] = list(frame) if is_kind(frame, Mapping) else column_names(frame)
    return [(str(key), key) for key in keys]


def _numbers(cells: Array, columns: Sequence[str], name: str) -> Array:
    """A frame's cells as numbers; columns that can hold gaps come as objects, gaps become NaN."""
    if cells.dtype != object:
        return cells
    gaps = np.array([[is_missing(cell) for cell in row] for row in cells])
    numbers = [[is_kind(cell, int | float | np.number) for cell in row] for row in cells]
    text = ~(np.array(numbers) | gaps).all(axis=0)
    if text.any():
        names = ", ".join(repr(columns[i]) for i in np.flatnonzero(text)[:3])
        raise ValuesError(
            f"{name} have columns without numbers ({names}): give the numeric columns, and the "
            "others as ids= or metadata="
        )
    return np.where(gaps, np.nan, cells).astype(np.float64)


def check_held(given: Array, held: Float32[Array, "rows d"], first_row: int = 0) -> None:
    """Refuse rows of so small numbers that float32 holds fewer of their digits than of others.

    ``held`` are the given rows in float32, the first of which is named ``first_row``. Small numbers
    beside a larger one lose nothing that counts.

    >>> given = np.array([[1.0, 1e-50], [0.0, 3e-42]])
    >>> check_held(given, given.astype(np.float32), 7)
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: row 8 holds no number above 3e-42, ...
    """
    if given.dtype.kind != "f" or given.dtype.itemsize <= held.dtype.itemsize or not given.size:
        return
    for start in range(0, len(given), BLOCK):
        block = given[start : start + BLOCK]
        largest = np.abs(block).max(axis=1)
        small = np.flatnonzero(largest < np.finfo(np.float32).tiny)
        lost = small[(block[small] != held[start + small]).any(axis=1)]
        forget(block)
        if len(lost):
            raise ValuesError(
                f"row {first_row + start + lost[0]} holds no number above {largest[lost[0]]:.3g}, "
                f"below what float32 holds ({len(lost)} such rows near it): multiply all vectors "
                "by one number, or set such rows to 0"
            )


def checked_vectors(x: Array) -> Float32[Array, "rows d"]:
    """Vectors as a read-only matrix of finite float32; the first row that is none is named."""
    if x.dtype.kind not in "fiub":
        raise ValuesError(f"vectors are of kind {x.dtype}: real numbers are due")
    if x.ndim != 2:
        raise ShapeError(f"vectors have shape {x.shape}: a table of rows x dimensions is due")
    if 0 in x.shape:
        raise ShapeError(f"vectors have shape {x.shape}: at least one row and one column are due")
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is named below
        y = as_float32(x)
    for start in range(0, len(y), BLOCK):
        block = y[start : start + BLOCK]
        bad = ~np.isfinite(block).all(axis=1)
        forget(block)
        if bad.any():
            row = start + int(np.argmax(bad))
            raise ValuesError(
                f"row {row} holds NaN, infinity or a number beyond float32 "
                f"({int(bad.sum())} such rows near it): drop or mend them before comparing"
            )
    check_held(x, y)
    y = y.view()
    y.flags.writeable = False
    return y


def check_length(values: Any, name: str, rows: int) -> None:
    """Refuse a column of metadata that does not hold one value for each row.

    >>> check_length(["Alien"], "title", 2)
    Traceback (most recent call last):
    ...
    anglewise.errors.ShapeError: metadata column 'title' has 1 values, 2 are due
    """
    if isinstance(values, str | bytes | AbstractSet | Mapping) or not hasattr(values, "__len__"):
        came = described(cast("Any", values))
        raise WrongTypeError(f"metadata column {name!r} is {came}: a list is due, one value a row")
    if len(values) != rows:
        raise ShapeError(f"metadata column {name!r} has {len(values)} values, {rows} are due")


def check_metadata(table: Any, rows: int) -> None:
    """Refuse metadata that is no table, or not of so many rows."""
    if isinstance(table, dict):
        for name, values in cast("dict[Any, Any]", table).items():
            check_length(values, str(name), rows)
    elif is_frame(table) or offers(table, "num_rows"):
        count = table.num_rows if offers(table, "num_rows") else len(table)
        if count != rows:
            raise ShapeError(f"metadata has {count} rows, {rows} are due")
    elif table is not None:
        check_kind(table, Mapping, "metadata", "a dict of lists, a frame or a pyarrow table")


BIAS_COLUMNS = "bias_columns"
"""Where ``about`` names the columns of a space that hold biases."""
ABOUT = {
    BIAS_COLUMNS: "a list of the numbers of columns is due, each once, counted from 0",
    "penalty": "a finite number of at least 0 is due",
    "gauge": "the name of one is due",
}
"""What is due in those entries of ``about`` that are computed with."""


def about_fault(about: Mapping[str, Any]) -> str | None:
    """The first entry of what is known about a space that cannot be computed with, if any.

    >>> about_fault({"bias_columns": [0, 0]}), about_fault({"bias_columns": [0, 1], "by": "us"})
    ('bias_columns', None)
    """
    biases, penalty, gauge = (about.get(name) for name in ABOUT)
    columns: list[Any] = [None]
    if isinstance(biases, list | tuple):
        columns = list(cast("Sequence[Any]", biases))
    whole = all(is_kind(c, Integral) and not is_kind(c, bool) and c >= 0 for c in columns)
    is_penalty = not is_kind(penalty, str | bytes | bool) and (cell_number(penalty) or 0.0) >= 0
    right = {
        BIAS_COLUMNS: BIAS_COLUMNS not in about or (whole and len(set(columns)) == len(columns)),
        "penalty": about.get("objective") != "factors"
        or penalty is None
        or (is_penalty and cell_number(penalty) is not None),
        "gauge": gauge is None or isinstance(gauge, str),
    }
    return next((name for name, holds in right.items() if not holds), None)


def frame_ids(value: Any, say: Say = quiet) -> list[Any] | None:
    """The ids that the index of a pandas frame or series gives to its rows.

    ``None`` for an index that pandas made itself (0, 1, 2, …), which equals the row numbers, and
    for Polars frames, arrays and lists, which have no index.

    Raises ``IdsError`` for an index of several levels or with repeated labels, which names no row.
    """
    index = value.index if offers(value, "index", "to_numpy") else None
    if index is None or callable(index):
        return None
    if type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1):
        return None
    remedy = "give ids=..., or frame.reset_index(drop=True) to call rows by their numbers"
    if getattr(index, "nlevels", 1) > 1:
        raise IdsError(f"the index of the frame has {index.nlevels} levels: {remedy}")
    if not index.is_unique:
        twice = str(index[index.duplicated()][0])
        raise IdsError(f"the index of the frame holds {twice!r} more than once: {remedy}")
    say("ids are those of the frame's index" + (f" {index.name!r}" if index.name else ""))
    return list(index)


def is_missing(cell: Any) -> bool:
    """Whether a cell is a gap: None, NaN, and what pandas writes for them."""
    if is_kind(cell, float | np.floating):
        return bool(np.isnan(cell))
    return cell is None or type(cell).__name__ in {"NAType", "NaTType", "MaskedConstant"}


FEW = 16
"""So few rows are looked at one by one, without asking which library they are of."""


def as_rows(rows: Any, count: int, name: str) -> Int64[Array, " some"]:
    """Row numbers from 0 to ``count - 1``, one or several, as they came.

    Raises ``WrongTypeError`` for what is no whole number, ``ShapeError`` for one out of bounds.

    >>> as_rows([2, 0], 3, "user").tolist(), as_rows(1, 3, "user").tolist()
    ([2, 0], [1])
    """
    few: list[Any] = rows if is_kind(rows, list) else [rows]
    if len(few) <= FEW and all(type(row) is int and 0 <= row < count for row in few):
        return np.array(few, dtype=np.int64)
    try:
        row_numbers = exported([rows] if is_kind(rows, int) else rows, name, quiet).reshape(-1)
    except AnglewiseError:
        raise
    except Exception as error:  # a foreign library may raise anything
        raise WrongTypeError(f"{name} rows are {described(rows)}: whole numbers are due") from error
    if len(row_numbers) and row_numbers.dtype.kind not in "iu":
        raise WrongTypeError(
            f"{name} rows are of kind {row_numbers.dtype}: whole numbers are due; what is named by "
            "ids is not given as rows"
        )
    row_numbers = row_numbers.astype(np.int64)
    outside = row_numbers[(row_numbers < 0) | (row_numbers >= count)]
    if len(outside):
        raise ShapeError(f"{name} row {outside[0]} is none of 0 to {count - 1}")
    return row_numbers
