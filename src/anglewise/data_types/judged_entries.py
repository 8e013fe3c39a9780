"""Entries of judgements, named by ids, lined up with the rows of a space."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.data_types.complaints import Complaints
from anglewise.data_types.conversion import as_array, check_direction
from anglewise.data_types.embeddings import Space, check_counted_from_zero
from anglewise.data_types.numbers import check_kind
from anglewise.data_types.parts import Parts, judged_parts
from anglewise.data_types.row_ids import as_ids
from anglewise.data_types.text import other_form
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.errors import IdsError, ShapeError, TooFewError, ValuesError


@dataclass(frozen=True, eq=False)
class JudgedEntries:
    """Entries whose query the space holds: their place in what was given, rows, columns, gains.

    Columns from ``shape[1]`` on are those of ``missing_ids``, which the space lacks.
    """

    places: Int64[Array, " entries"]
    rows: Int64[Array, " entries"]
    columns: Int64[Array, " entries"]
    gains: Float64[Array, " entries"]
    shape: tuple[int, int]
    missing_ids: tuple[str, ...]
    parts: Parts | None
    complaints: Complaints


def entries_by_ids(
    columns: Sequence[Any], space: Space, direction: Direction, source: str
) -> JudgedEntries:
    """Line up columns of query ids, item ids and, unless each counts as 1, gains.

    Raises ``IdsError`` if not one entry matches, ``ValuesError`` for a gain that is no number.
    """
    check_kind(space, Space, "the space of judgements", "a Space")
    check_direction(direction)
    if not columns:
        raise TooFewError(f"{source} holds no entry: judge a query")
    queries, items = as_ids(columns[0], "query ids"), as_ids(columns[1], "item ids")
    gains = _gains(columns[2] if len(columns) > 2 else np.ones(len(items)), queries, items)
    asking, ranked = space.sides(direction)
    parts = None
    if direction == "queries-items" and asking is not ranked:
        parts = judged_parts(items, ranked, source)
    row_of = ranked.row_of if parts is None else {n: i for i, n in enumerate(parts.documents)}
    for names, side in ((queries, asking), (items, ranked)):
        check_counted_from_zero(names, side, source)
    rows = np.array([asking.row_of.get(name, -1) for name in queries], dtype=np.int64)
    item_columns = np.array([row_of.get(name, -1) for name in items], dtype=np.int64)
    in_other_form = other_form(queries, asking.row_of) + other_form(items, row_of)
    if not ((rows >= 0) & (item_columns >= 0)).any():
        raise IdsError(
            f"{source}: not one of {len(queries):,} entries matches: queries are such as "
            f"{queries[:1]}, in the space {asking.ids[:1].tolist()}; items such as {items[:1]}, in "
            f"the space {list(row_of)[:1]}: give the vectors their ids, Embeddings(x, ids=...)"
            + in_other_form
        )
    unknown_items = _unknown(items, item_columns)
    lacking = np.flatnonzero((rows >= 0) & (item_columns < 0))
    missing = {
        name: len(row_of) + i for i, name in enumerate(dict.fromkeys(items[i] for i in lacking))
    }
    item_columns[lacking] = [missing[items[i]] for i in lacking]
    matched = np.flatnonzero(rows >= 0)
    return JudgedEntries(
        places=matched,
        rows=rows[matched],
        columns=item_columns[matched],
        gains=gains[matched],
        shape=(len(asking), len(row_of)),
        missing_ids=tuple(missing),
        parts=parts,
        complaints=Complaints(
            unknown_queries=_unknown(queries, rows),
            unknown_items=unknown_items,
            other_form=in_other_form,
            dropped=len(queries) - len(matched),
        ),
    )


def _gains(column: Any, queries: list[str], items: list[str]) -> Float64[Array, " entries"]:
    gains = as_array(column, "gains")
    if len(gains) and (gains.ndim != 1 or gains.dtype.kind not in "fiub"):
        raise ValuesError(f"gains are of kind {gains.dtype}: numbers are due")
    if not len(gains) == len(queries) == len(items):
        raise ShapeError(f"{len(queries)} queries, {len(items)} items, {len(gains)} gains came")
    bad = np.flatnonzero(~np.isfinite(gains))
    if len(bad):
        row = int(bad[0])
        raise ValuesError(
            f"the gain of query {queries[row]!r} and item {items[row]!r} is {gains[row]}: a "
            "finite number is due"
        )
    return gains.astype(np.float64)


def _unknown(names: list[str], rows: Int64[Array, " entries"]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names[row] for row in np.flatnonzero(rows < 0)))[:3]
