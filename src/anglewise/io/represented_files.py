"""Lists of token vectors and sparse vectors as columns of tables."""

from dataclasses import replace
from typing import Any

import numpy as np

from anglewise.data_types.representation import Representation
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.sparse_vectors import SparseVectors
from anglewise.data_types.token_vectors import TokenVectors
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import FileError, ShapeError, ValuesError
from anglewise.io.arrow_files import is_list_of_numbers, matrix_of
from anglewise.io.files import arrow, reading
from anglewise.io.sizes import check_holds
from anglewise.io.tables import Sheet

TOKENS, COLUMNS, WEIGHTS = "tokens", "columns", "weights"
"""The columns of a space folder's tables that hold lists of token vectors, or sparse vectors."""


def is_list_of_lists(kind: Any) -> bool:
    """Whether an Arrow type is a list of lists of numbers.

    >>> pa = arrow()
    >>> is_list_of_lists(pa.list_(pa.list_(pa.float32()))), is_list_of_lists(pa.list_(pa.int8()))
    (True, False)
    """
    types = arrow("types")
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(is_list) and is_list_of_numbers(kind.value_type)


def token_lists(sheet: Sheet, column: Any) -> tuple[Array, Int64[Array, " rows_and_one"]]:
    """The tokens of a column of lists of lists as one matrix, and where those of each row begin.

    Raises ``ValuesError`` for a row that is missing or has no token, ``ShapeError`` for tokens of
    differing length; each names the row.
    """
    pa = arrow()
    offsets, inner = _ends(sheet, column, "lists of token vectors")
    empty = np.flatnonzero(np.diff(offsets) == 0)
    if len(empty):
        raise ValuesError(
            f"{sheet.path}, {sheet.location(int(empty[0]))}: there is no token, one at least is "
            "due; leave the row out"
        )

    def location(token: int) -> str:
        row = int(np.searchsorted(offsets, token, side="right")) - 1
        return f"{sheet.location(row)}, token {token - int(offsets[row])}"

    return matrix_of(replace(sheet, location=location), pa.chunked_array(inner)), offsets


def _ends(sheet: Sheet, column: Any, kind: str) -> tuple[Int64[Array, " rows_and_one"], list[Any]]:
    """Where the elements of each list begin, and these, chunk after chunk."""
    pc = arrow("compute")
    with reading(sheet.path, f"a column of {kind}"):
        gaps = np.asarray(column.is_null()) if column.null_count else np.zeros(0, dtype=bool)
        missing = np.flatnonzero(gaps)
    if len(missing):
        raise ValuesError(
            f"{sheet.path}, {sheet.location(int(missing[0]))}: the list is missing; drop the row"
        )
    with reading(sheet.path, f"a column of {kind}"):
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        lengths = [np.asarray(pc.list_value_length(chunk)) for chunk in chunks]
        inner = [chunk.flatten() for chunk in chunks]
    if not chunks:
        raise ShapeError(f"{sheet.path} holds no vectors")
    ends = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return ends.astype(np.int64), inner


COLUMN_BYTES = 16
"""What a column of sparse vectors weighs once they are searched, whether it has entries or not."""


def _check_numbers(
    sheet: Sheet,
    name: str,
    chunks: list[Any],
    ends: Int64[Array, " rows_and_one"],
    kinds: tuple[str, ...],
) -> None:
    """Raise ``ValuesError`` for elements of lists that are no numbers of some kinds, or missing."""
    types = arrow("types")
    passed = 0
    for chunk in chunks:
        if not any(getattr(types, kind)(chunk.type) for kind in kinds):
            due = "whole numbers" if len(kinds) == 1 else "numbers"
            raise ValuesError(f"{sheet.path}: {name} hold {chunk.type}, where {due} are due")
        if chunk.null_count:
            place = passed + int(np.argmax(np.asarray(chunk.is_null())))
            row = int(np.searchsorted(ends, place, side="right")) - 1
            raise ValuesError(
                f"{sheet.path}, {sheet.location(row)}: a number is missing in {name}; drop the row"
            )
        passed += len(chunk)


def represented_columns(side: Representation) -> list[tuple[str, Any]]:
    """The columns of a table that hold a side, by name."""
    pa = arrow()
    if isinstance(side, TokenVectors):
        element = pa.field("element", pa.float32(), nullable=False)
        inner = pa.FixedSizeListArray.from_arrays(
            pa.array(side.tokens.reshape(-1)), type=pa.list_(element, side.dimension)
        )
        token = pa.field("element", inner.type, nullable=False)
        return [(TOKENS, _lists(side.offsets, inner, token))]
    if isinstance(side, SparseVectors):
        rows = side.rows
        place = pa.field("element", pa.int64(), nullable=False)
        weight = pa.field("element", pa.float64(), nullable=False)
        return [
            (COLUMNS, _lists(rows.indptr, pa.array(rows.indices), place)),
            (WEIGHTS, _lists(rows.indptr, pa.array(rows.values), weight)),
        ]
    raise NotImplementedError(type(side))


def _lists(offsets: Int64[Array, " rows_and_one"], inner: Any, element: Any) -> Any:
    pa = arrow()
    return pa.LargeListArray.from_arrays(pa.array(offsets), inner, type=pa.large_list(element))


def represented_side(
    sheet: Sheet, ids: list[str], metadata: Any, width: int | None
) -> Representation:
    """What ``represented_columns`` wrote; ``width`` is how many columns sparse vectors have.

    Raises ``FileError`` where the parts do not fit each other.
    """
    names = sheet.names or ()
    if TOKENS in names:
        tokens, offsets = token_lists(sheet, sheet.columns([names.index(TOKENS)])[0])
        return TokenVectors(tokens, offsets, ids, metadata)
    if width is not None:
        check_holds(sheet.path, COLUMN_BYTES * width)
    columns, weights = sheet.columns([names.index(COLUMNS), names.index(WEIGHTS)])
    ends, places = _ends(sheet, columns, "columns of sparse vectors")
    other_ends, values = _ends(sheet, weights, "weights of sparse vectors")
    _check_numbers(sheet, COLUMNS, places, ends, ("is_integer",))
    _check_numbers(sheet, WEIGHTS, values, ends, ("is_integer", "is_floating"))
    if width is None or not np.array_equal(ends, other_ends):
        raise FileError(
            f"{sheet.path} is damaged: each column is to have one weight, and space.json to say "
            "how many columns there are (dimension); write the space again"
        )
    with reading(sheet.path, "sparse vectors"):
        rows = SparseRows(
            ends,
            np.concatenate([np.asarray(part, dtype=np.int64) for part in places]),
            np.concatenate([np.asarray(part, dtype=np.float64) for part in values]),
            (len(ends) - 1, width),
        )
        return SparseVectors(rows, ids, metadata)
