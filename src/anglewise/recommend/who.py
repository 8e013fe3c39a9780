"""Who is meant: ids or row numbers of one side of a space."""

import operator
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, SupportsIndex, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Int64
from anglewise.errors import IdsError

One: TypeAlias = str | SupportsIndex
Who: TypeAlias = One | Iterable[One]
"""Ids (text) or row numbers (whole numbers), one or several."""

LOOKED_THROUGH = 100_000
"""So many ids are searched for one like the unknown one."""


def rows_of(who: Who, side: Embeddings, kind: str) -> Int64[Array, " some"]:
    """The rows of some ids or row numbers; ``IdsError`` with what comes near for unknown ones.

    >>> films = Embeddings([[1.0], [2.0]], ids=["heat", "dune"])
    >>> rows_of(["dune", 0], films, "item").tolist()
    [1, 0]
    """
    given: Any = who
    if isinstance(given, np.ndarray) and given.dtype.kind in "iu":
        rows = np.asarray(given, dtype=np.int64).reshape(-1)
        _check_rows(rows, side, kind)
        return rows
    several: list[One] = [given]
    if isinstance(who, Iterable) and not isinstance(who, str):
        several = list(who)
    return np.array([_row(one, side, kind) for one in several], dtype=np.int64)


def _row(one: One, side: Embeddings, kind: str) -> int:
    if isinstance(one, str):
        row = side.row_of.get(str(one))
        if row is None:
            raise IdsError(f"no {kind} has the id {one!r}; {_hint(one, side)}")
        return row
    row = operator.index(one)
    _check_rows(np.array([row]), side, kind)
    return row


def _check_rows(rows: Int64[Array, " some"], side: Embeddings, kind: str) -> None:
    wrong = rows[(rows < 0) | (rows >= len(side))]
    if len(wrong):
        raise IdsError(
            f"{kind} row {wrong[0]} is none of 0 to {len(side) - 1}: whole numbers are rows; "
            f"write ids as text, such as {str(side.ids[0])!r}"
        )


def _hint(name: str, side: Embeddings) -> str:
    known: list[Any] = side.ids[:LOOKED_THROUGH].tolist()
    near = get_close_matches(name, [str(i) for i in known], n=3)
    if near:
        return f"did you mean {', '.join(map(repr, near))}?"
    return f"ids are such as {', '.join(repr(str(i)) for i in known[:3])}"
