"""Ids of a file looked up in a space, and what is said when they do not match."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.judgements import Complaints
from anglewise.core.typing import Array, Bool, Int64
from anglewise.errors import IdsError
from anglewise.interop.arrow import arrow
from anglewise.interop.ids import rows_of
from anglewise.interop.sheet import Sheet, names_of


@dataclass(frozen=True, eq=False)
class Aligned:
    """The entries whose ids the space knows: their places in the file, and a row for each id."""

    kept: Int64[Array, " kept"]
    rows: tuple[Int64[Array, " kept"], ...]
    complaints: Complaints


def align(sheet: Sheet, places: Sequence[int], sides: Sequence[Embeddings]) -> Aligned:
    """Look up some columns of ids, each on its side of the space; the first column asks.

    Raises ``IdsError`` if not one entry is known in all of them, or if the file counts from 1 the
    rows that the space, for want of ids, counts from 0: then all would fall on the wrong row.
    """
    columns = sheet.columns(places)
    names = [names_of(sheet, c, place) for c, place in zip(columns, places, strict=True)]
    for column, place, side in zip(names, places, sides, strict=True):
        if _counted_from_one(column, side):
            raise IdsError(_off_by_one(sheet, place, len(side)))
    rows = [rows_of(column, side) for column, side in zip(names, sides, strict=True)]
    known = reduce(np.logical_and, [r >= 0 for r in rows])
    if not known.any():
        raise IdsError(_nothing_matches(sheet, places, names, rows, sides))
    kept = np.flatnonzero(known)
    unknown = [_first_three(column, r < 0) for column, r in zip(names, rows, strict=True)]
    items = tuple(name for one in unknown[1:] for name in one)[:3]
    complaints = Complaints(
        unknown_queries=unknown[0], unknown_items=items, dropped=int(len(known) - len(kept))
    )
    return Aligned(kept, tuple(r[kept] for r in rows), complaints)


def _counted_from_one(names: Any, side: Embeddings) -> bool:
    if side.named:
        return False
    index = arrow("compute").index
    return index(names, str(len(side))).as_py() >= 0 > index(names, "0").as_py()


def _off_by_one(sheet: Sheet, place: int, rows: int) -> str:
    return (
        f"{sheet.path}: {sheet.name(place)} holds '{rows}' and no '0', and the vectors, which have "
        f"no ids, are called 0 to {rows - 1} by their rows: counted from 1, every entry would fall "
        "on the wrong row; give the ids of the vectors (--query-ids, --item-ids)"
    )


def _first_three(names: Any, chosen: Bool[Array, " entries"]) -> tuple[str, ...]:
    """Different ids among those chosen, in the order of the file."""
    where = np.flatnonzero(chosen)[:1000]
    return tuple(dict.fromkeys(names.take(where).to_pylist()))[:3]


def _nothing_matches(
    sheet: Sheet,
    places: Sequence[int],
    names: Sequence[Any],
    rows: Sequence[Int64[Array, " entries"]],
    sides: Sequence[Embeddings],
) -> str:
    words = [
        f"{sheet.name(place)} holds {_quoted(_first_three(column, np.ones(len(r), dtype=bool)))}"
        f" ({_matching(r)}), the space {_quoted(side.ids[:3].tolist())}"
        for place, column, r, side in zip(places, names, rows, sides, strict=True)
    ]
    swapped = [rows_of(names[0], sides[1]), rows_of(names[1], sides[0])]
    if len(places) == 2 and all((r >= 0).any() for r in swapped):
        remedy = (
            f"the other way round they match: query_column={sheet.name(places[1])}, "
            f"item_column={sheet.name(places[0])}"
        )
    else:
        remedy = (
            "name the columns of the ids (--query-column, --item-column), or take the file that "
            "belongs to this space"
        )
        if not all(side.named for side in sides):
            remedy = "give the ids of the vectors, which have none (--query-ids, --item-ids)"
    return (
        f"{sheet.path}: not one of {len(rows[0]):,} entries matches: {'; '.join(words)}; {remedy}"
    )


def _matching(rows: Int64[Array, " entries"]) -> str:
    count = int((rows >= 0).sum())
    return f"{count:,} known" if count else "none known"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(repr(str(name)[:40]) for name in names)
