"""Who used what as matrices: MatrixMarket, MATLAB's ``.mat``, wide tables of a column an item."""

import io
import re
import zlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.numbers import read_number, shown
from anglewise.data_types.sparse import Interactions, as_sparse_rows
from anglewise.data_types.text import Say, counted
from anglewise.data_types.typing import Array
from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.io.delimited import open_sheet
from anglewise.io.files import arrow, contents, naming, reading
from anglewise.io.matlab_process import matrices_in
from anglewise.io.sizes import Contents, check_holds
from anglewise.io.sparse_files import NAME_BYTES, interactions_of
from anglewise.io.tables import USER, Sheet, find, is_number, listed, names_of, numbers_of

MATRIX_MARKET = b"%%MatrixMarket"
MATLAB, HDF5 = b"MATLAB 5.0", b"\x89HDF"


def read_matrix_market(path: Path, say: Say) -> Interactions:
    """A matrix of users x items as SciPy's ``mmread`` reads it; rows are named by their numbers.

    Raises ``FileError`` for what is no such matrix, or says that it is larger than its file.
    """
    matrix_files: Any = import_module("scipy.io")
    data = bytes(contents(path))
    _check_numbers(path, data)
    with reading(path, "MatrixMarket"):
        rows, columns, entries, form, field, _ = matrix_files.mminfo(io.BytesIO(data))
        if field == "complex":
            raise FileError(f"{path} holds complex numbers: real ones are due")
        check_holds(path, NAME_BYTES * (rows + columns))  # before room is made for them
        stored = rows * columns if form == "array" else entries
        if stored > len(data):  # each takes two bytes at least, or one where it is symmetric
            raise FileError(
                f"{path} says that it holds {stored:,} entries, for which {len(data):,} bytes are "
                "too few: it is truncated or damaged"
            )
        matrix = matrix_files.mmread(io.BytesIO(data))
    return _of_matrix(path, matrix, "MatrixMarket", say)


ODD = re.compile(rb"^(?![ \t]*%)[^\n]*?[^0-9eE+\-. \t\r\n][^\n]*|^[ \t]*%[^\n]*\0", re.MULTILINE)
"""A line with what stands in no number, or a comment that is no text."""


def _check_numbers(path: Path, data: bytes) -> None:
    """Refuse lines of what is no number, on some of which SciPy's reader ends the program."""
    line = ODD.search(data, data.find(b"\n") + 1)
    if line is not None:
        number = data.count(b"\n", 0, line.start()) + 1
        raise ValuesError(
            f"{path}, line {number}: {line[0][:40].decode(errors='replace')!r}, where numbers of "
            "MatrixMarket are due, as in 1 1 3.5"
        )


def read_mat(path: Path, say: Say) -> Interactions:
    """The one matrix of a ``.mat`` file, users x items, as SciPy's ``loadmat`` reads it.

    Raises ``FileError`` for several matrices, for none, and for files of version 7.3 (HDF5).
    """
    data = bytes(contents(path))
    if data[:4] == HDF5 or b"MATLAB 7.3" in data[:128]:
        raise FileError(f"{path} is of MATLAB 7.3: save it with -v7, which SciPy reads")
    check_holds(path, _unpacked_size(data))
    with reading(path, "a .mat file of MATLAB"):
        names, matrix = matrices_in(data)
    if matrix is None:
        raise FileError(
            f"{path} holds {len(names) or 'no'} matrices"
            + (f" ({listed(names)})" if names else "")
            + ": save the one of users x items alone"
        )
    return _of_matrix(path, matrix, f"matrix {names[0]!r}", say)


def _unpacked_size(data: Contents) -> int:
    """What the parts of a file hold once they are unpacked, counted without keeping them."""
    order = "<" if data[126:128] == b"IM" else ">"
    size, position = len(data), 128
    while position + 8 <= len(data):
        kind, length = np.frombuffer(data[position : position + 8], f"{order}u4").tolist()
        if kind == COMPRESSED:
            unpacker = zlib.decompressobj()
            rest = bytes(data[position + 8 : position + 8 + length])
            while rest:
                try:
                    size += len(unpacker.decompress(rest, PIECE))
                except zlib.error:  # what reads it will say so
                    break
                rest = unpacker.unconsumed_tail
        position += 8 + length
    return size


COMPRESSED = 15
"""The kind of a part that zlib packed."""
PIECE = 1 << 24


def _of_matrix(path: Path, matrix: Any, name: str, say: Say) -> Interactions:
    from scipy.sparse import coo_array

    sparse: Any = matrix if hasattr(matrix, "tocsr") else coo_array(np.asarray(matrix))
    check_holds(path, NAME_BYTES * sum(sparse.shape))  # it may say so with no entry there
    with naming(path):
        found = interactions_of(as_sparse_rows(sparse, name))
    users, items = found.shape
    say(
        f"{path.name}: {name}: its {users:,} rows are users and its {items:,} columns items, named "
        "0, 1, 2, …; what is not 0 is an interaction, and its value the weight"
    )
    return found


def read_wide(
    path: Any, user: str | None, absent: Sequence[float] | None, say: Say
) -> Interactions:
    """A table with a row for each user and a column for each item, whose cells are the weights.

    Cells that are empty, 0 or one of ``absent`` are no interactions. Without a header rows are
    users and columns items, named by their numbers. A first column that has no name, as that of a
    frame's labels, or holds text, names the users; one that counts the ratings of each row, as
    Jester's does, is left out.

    Raises ``FileError`` where 99 or -99 stand far off all other cells, as marks of what is absent
    do, and ``absent`` does not say what they are; ``ValuesError`` for a cell that is no number.
    """
    sheet = open_sheet(path)
    position = None
    if sheet.names is not None:
        position = find(sheet.names, USER, user, sheet.path)
    if position is None and _names_rows(sheet):
        position = 0
    columns = [i for i in range(sheet.width) if i != position]
    if not columns:
        raise FileError(f"{sheet.path}: a wide table has a column for each item, and this has none")
    cells = sheet.columns(columns)
    values = np.stack(
        [_numbers(sheet, cell, i) for cell, i in zip(cells, columns, strict=True)], axis=1
    )
    remarks = ""
    if _counts_others(values, absent):
        remarks = f"; {sheet.name(columns[0])} counts the others of its row: left out"
        values, columns = values[:, 1:], columns[1:]
    if position is None and sheet.names is not None and _never_repeats(values[:, 0]):
        remarks += (
            f"; {sheet.name(columns[0])} holds whole numbers that never repeat: if it names the "
            f"users, user={sheet.names[columns[0]]} (--user)"
        )
    rows, items = np.nonzero(~np.isnan(values) & (values != 0) & ~np.isin(values, absent or ()))
    weights = values[rows, items]
    if absent is None:
        _check_marks(sheet, weights)
    user_ids = np.array([str(i) for i in range(len(values))], dtype=object)
    if position is not None:
        names = names_of(sheet, sheet.columns([position])[0], position).to_pylist()
        if len(set(names)) < len(names):
            raise FileError(
                f"{sheet.path}: {sheet.name(position)} names a user twice, and in a wide table "
                "each row is one"
            )
        user_ids = np.array(names, dtype=object)
    named = [str(i) for i in range(len(columns))]
    if sheet.names is not None:
        named = [sheet.names[i] for i in columns]
    whose = f"from {_named(sheet, position)}" if position is not None else "named 0, 1, 2, …"
    which = "the columns" if sheet.names is not None else "the columns, named 0, 1, 2, …"
    gone = ", ".join(["empty", "0", *(f"{number:g}" for number in absent or ())])
    say(
        f"{sheet.path.name}: wide: users {whose}, items {which} ({counted(len(columns), 'item')}); "
        f"cells that are not {gone} are interactions with that weight{remarks}"
    )
    return Interactions(rows, items, weights, user_ids, np.array(named, dtype=object))


def _named(sheet: Sheet, position: int) -> str:
    """What a column is called, also one without a name."""
    nameless = sheet.names is not None and not sheet.names[position].strip()
    return "the first column, which has no name" if nameless else sheet.name(position)


def _names_rows(sheet: Sheet) -> bool:
    """Whether the first column has no name where others have one, or holds text."""
    if sheet.width < 2:
        return False
    if sheet.names is not None and not sheet.names[0].strip():
        return True
    if not arrow("types").is_string(sheet.kinds[0]):
        return False
    start: list[str | None] = sheet.columns([0])[0].slice(0, 100).to_pylist()
    return not any(is_number(cell) for cell in start if cell)


FEWEST_COUNTED = 10
"""In fewer rows chance alone may make one rating the number of the others."""


def _counts_others(values: Array, absent: Sequence[float] | None) -> bool:
    """Whether the first number of each row says how many others the row holds."""
    if len(values) < FEWEST_COUNTED or absent is None:
        return False
    others = values[:, 1:]
    there = ~np.isnan(others) & ~np.isin(others, absent)
    return bool((values[:, 0] == there.sum(axis=1)).all())


def _never_repeats(values: Array) -> bool:
    """Whether whole numbers stand in all rows, each another one."""
    whole = np.isfinite(values).all() and (values == np.floor(values)).all()
    return len(values) >= FEWEST_COUNTED and bool(whole) and len(np.unique(values)) == len(values)


def parse_absent(text: str) -> list[float]:
    """The numbers that stand for nothing, from ``99,-1``.

    >>> parse_absent("99, -1")
    [99.0, -1.0]
    """
    numbers = [read_number(part.strip()) for part in text.split(",")]
    known = [float(number) for number in numbers if number is not None]
    if len(known) < len(numbers):
        raise SpellingError(
            f"absent={shown(text)!r} (--absent): numbers that say that nothing was rated are due, "
            "as in 99 or 99,-1"
        )
    return known


def _numbers(sheet: Sheet, cell: Any, position: int) -> Array:
    """A column as numbers, NaN where a cell is empty."""
    pa, pc = arrow(), arrow("compute")
    if pa.types.is_string(cell.type):
        cell = pc.utf8_trim_whitespace(cell)
        empty = pc.or_kleene(pc.is_null(cell), pc.equal(cell, ""))
        numbers = numbers_of(sheet, pc.if_else(empty, "0", cell), position)
    else:
        try:
            cell = pc.cast(cell, pa.float64(), safe=False)
        except pa.ArrowException as error:
            raise ValuesError(
                f"{sheet.path}: {sheet.name(position)} holds {cell.type}, where numbers are due"
            ) from error
        empty = pc.is_null(cell, nan_is_null=True)
        numbers = numbers_of(sheet, pc.if_else(empty, 0.0, cell), position)
    return np.where(np.array(pc.fill_null(empty, True).to_pylist(), dtype=bool), np.nan, numbers)


MARKS = (99.0, -99.0, 999.0, -999.0, 9999.0, -9999.0)
"""What tables write where nothing was measured."""


def _check_marks(sheet: Sheet, weights: Array) -> None:
    marks = [mark for mark in MARKS if (weights == mark).any()]
    others = weights[~np.isin(weights, marks)]
    if marks and len(others) and np.abs(others).max() < abs(marks[0]) / 2:
        mark = f"{marks[0]:g}"
        raise FileError(
            f"{sheet.path}: {int((weights == marks[0]).sum()):,} cells hold {mark} and no other "
            f"is beyond {np.abs(others).max():g}: if {mark} says that nothing was rated, absent="
            f"{mark} (--absent {mark}) leaves these out; if it is a rating, absent=0 (--absent 0)"
        )


def looks_wide(sheet: Sheet) -> bool:
    """Whether a table without a column of items has three columns of numbers or more."""
    if sheet.names is None or sheet.width < 4:
        return False
    kinds = arrow("types")
    numeric = 0
    for i, cell in enumerate(sheet.columns(range(sheet.width))):
        if kinds.is_string(sheet.kinds[i]):
            start = [text or "0" for text in cell.slice(0, 100).to_pylist()]
            numeric += all(map(is_number, start))
        else:
            numeric += kinds.is_floating(sheet.kinds[i]) or kinds.is_integer(sheet.kinds[i])
    return numeric >= 3
