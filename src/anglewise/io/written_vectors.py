"""Vectors that stand in a table as text: ``[0.1,0.2]``, ``{0.1,0.2}``, ``{1:0.5}/3``."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from anglewise.data_types.conversion import BLOCK
from anglewise.data_types.numbers import shown
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import ValuesError
from anglewise.io.arrow_files import matrix_in_blocks
from anglewise.io.files import arrow
from anglewise.io.sizes import check_holds
from anglewise.io.tables import Sheet

DENSE = re.compile(r"\s*[\[{]\s*[-+]?(\d|\.\d|nan|inf)[^\[{:]*[\]}]\s*", re.IGNORECASE)
"""A vector of pgvector (``vector``, ``halfvec``), an array of PostgreSQL, Python or NumPy."""
SPARSE = re.compile(r"\s*\{\s*(\d+\s*:[^{}]*)?\}\s*/\s*\d+\s*")
"""A ``sparsevec`` of pgvector: the number of each column from 1 on, and how many there are."""
COLUMN_BYTES = 16
"""What a column of sparse vectors weighs once they are searched, whether it has entries or not."""
BETWEEN = r"\s*,\s*|\s+"
"""What parts the numbers of a vector."""
PEEKED = 100
"""A column that begins with more gaps holds no written vectors."""


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text."""
    types = arrow("types")
    return bool(types.is_string(kind) or types.is_large_string(kind))


def is_written(cell: object) -> bool:
    """Whether a cell is a vector as text.

    >>> [is_written(cell) for cell in ("[0.1, 2]", "{1:0.5,3:2}/5", "[a]", "0.1", None)]
    [True, True, False, False, False]
    """
    return isinstance(cell, str) and bool(DENSE.fullmatch(cell) or SPARSE.fullmatch(cell))


def holds_written(sheet: Sheet, position: int) -> bool:
    """Whether the first filled cell of a column is a vector as text."""
    return is_written(_first(sheet, position))


def _first(sheet: Sheet, position: int) -> str | None:
    if not is_text(sheet.kinds[position]):
        return None
    (cells,) = sheet.columns([position])
    return next((cell for cell in cells.slice(0, PEEKED).to_pylist() if cell), None)


def written_vectors(sheet: Sheet, position: int) -> Array | SparseRows:
    """The vectors of a column of text, dense or sparse; errors name the row, as of lists."""
    first = _first(sheet, position)
    if first is None or not is_written(first):
        came = "nothing" if first is None else shown(first)
        raise ValuesError(
            f"{sheet.path}: {sheet.name(position)} holds text that is no vector ({came!r}): "
            "[0.1,0.2], {0.1,0.2} or {1:0.5}/3 is due"
        )
    (cells,) = sheet.columns([position])
    if SPARSE.fullmatch(first):
        return _sparse(sheet, cells)
    return _dense(sheet, cells)


def _dense(sheet: Sheet, cells: Any) -> Float32[Array, "rows d"]:
    return matrix_in_blocks(sheet, _lists(sheet, cells), len(cells))


def _lists(sheet: Sheet, cells: Any) -> Iterator[Any]:
    """Text as lists of numbers, some rows at a time."""
    pa, pc = arrow(), arrow("compute")
    for start in range(0, len(cells), BLOCK // 8):
        block = cells.slice(start, BLOCK // 8).cast(pa.large_string())
        block = block.combine_chunks() if isinstance(block, pa.ChunkedArray) else block
        text = pc.utf8_trim_whitespace(block)
        text = pc.if_else(pc.equal(text, ""), None, text)
        fits = pc.match_substring_regex(text, r"^[\[{][^\[\]{}:]*[\]}]$")
        _need(sheet, block, fits, start)
        inner = pc.utf8_trim(text, characters="[]{} \t\r\n")
        blanks = pc.any(pc.match_substring_regex(inner, r"\s")).as_py()
        # the plain cut takes a quarter of the time
        cut, at = (pc.split_pattern_regex, BETWEEN) if blanks else (pc.split_pattern, ",")
        parts = cut(inner, at)
        try:
            values = pc.cast(parts.values, pa.float64())
        except pa.ArrowInvalid:
            wrong = (i for i, part in enumerate(parts.to_pylist()) if not _are_numbers(part))
            row = next(wrong, 0)
            raise _no_vector(sheet, block, start, row) from None
        yield pa.LargeListArray.from_arrays(parts.offsets, values, mask=pc.is_null(text))


def _need(sheet: Sheet, block: Any, fits: Any, start: int) -> None:
    pc = arrow("compute")
    wrong = np.flatnonzero(~np.asarray(pc.fill_null(fits, True), dtype=bool))
    if len(wrong):
        raise _no_vector(sheet, block, start, int(wrong[0]))


def _are_numbers(parts: list[str] | None) -> bool:
    try:
        _ = [float(part) for part in parts or ()]
    except ValueError:
        return False
    text = "".join(parts or ())
    return text.isascii() and "_" not in text


def _no_vector(sheet: Sheet, block: Any, start: int, row: int) -> ValuesError:
    cell: str = block[row].as_py()
    cut = "NumPy has cut it short; " if "..." in cell else ""
    null = "; if \\N stands for a gap, say copy (--vector-format)" if cell == "\\N" else ""
    return ValuesError(
        f"{sheet.path}, {sheet.location(start + row)}: {shown(cell)!r} is no vector: {cut}"
        f"[0.1,0.2] is due, all numbers of it{null}"
    )


def _sparse(sheet: Sheet, cells: Any) -> SparseRows:
    """Columns are numbered from 1 in text, and from 0 here."""
    ends, columns, values, width = [0], list[int](), list[float](), -1
    for row, cell in enumerate(cells.to_pylist()):
        match = SPARSE.fullmatch(cell) if isinstance(cell, str) else None
        if match is None:
            if cell is None or not cell.strip():
                raise ValuesError(f"{sheet.path}, {sheet.location(row)}: the vector is missing")
            raise ValuesError(
                f"{sheet.path}, {sheet.location(row)}: {shown(cell)!r} is no sparse vector: "
                "{1:0.5}/3 is due"
            )
        inside, _, size = cell.strip().rpartition("/")
        size = int(size) if len(size.strip()) < 12 else 1 << 62
        width = size if width < 0 else width
        check_holds(sheet.path, COLUMN_BYTES * width)
        if size != width:
            raise ValuesError(
                f"{sheet.path}, {sheet.location(row)}: a vector of {size} columns where the first "
                f"has {width}; all are due to have as many"
            )
        entries = dict[int, float]()
        for part in filter(None, inside.strip()[1:-1].split(",")):
            number, _, value = part.partition(":")
            try:
                column, weight = int(number) - 1, float(value)
            except ValueError:
                column, weight = -1, np.nan
            if not 0 <= column < width or column in entries or not np.isfinite(weight):
                raise ValuesError(
                    f"{sheet.path}, {sheet.location(row)}: {shown(part)!r} is no entry of a sparse "
                    f"vector of {width} columns, named once from 1 on"
                )
            entries[column] = weight
        for column in sorted(entries):
            columns.append(column)
            values.append(entries[column])
        ends.append(len(columns))
    return SparseRows(
        np.array(ends, np.int64),
        np.array(columns, np.int64),
        np.array(values, np.float64),
        (len(ends) - 1, width),
    )
