"""Ids read from a file, and entries of a table aligned with the rows of a space."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.complaints import Complaints
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.row_ids import as_ids
from anglewise.data_types.text import Say, other_form, quiet
from anglewise.data_types.typing import Array, Bool, Int64
from anglewise.errors import FileError, IdsError, ShapeError
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, arrow, existing_file, reading, suffix, text_contents
from anglewise.io.tables import ID, Sheet, find, names_of, rows_of


def read_ids(path: PathLike, rows: int, say: Say = quiet) -> list[str]:
    r"""Read one id for each of ``rows`` vectors: a text file of one a line, ``.npy``, or a table.

    Raises ``ShapeError`` when the numbers differ.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "items.txt"
    >>> _ = file.write_text("a\nb\n")
    >>> read_ids(file, 2)
    ['a', 'b']
    """
    path = existing_file(path)
    if suffix(path) == ".npy":
        ids = _npy(path)
    elif suffix(path) in {".txt", ".ids", ""}:
        ids = _lines(path)
    else:
        ids = _table(path, rows, say)
    if len(ids) != rows:
        raise ShapeError(
            f"{path} holds {len(ids):,} ids for {rows:,} vectors: one each is due, in their order"
        )
    return ids


PADDING = " \t\r"
"""What may stand around an id in a text of one a line, and is no part of it."""


def _lines(path: Path) -> list[str]:
    with reading(path, "a text of one id a line"):
        text = bytes(text_contents(path)).decode("utf-8-sig")
    # not splitlines: ids may hold what it cuts at, such as U+2028 or U+0085, and blanks that are
    # more than padding, such as a no-break space
    ids = [line.strip(PADDING) for line in text.split("\n" if "\n" in text else "\r")]
    while ids and not ids[-1]:
        ids.pop()
    if "" in ids:
        raise FileError(f"{path}, line {ids.index('') + 1} is empty: one id a line is due")
    return ids


def _npy(path: Path) -> list[str]:
    from anglewise.io.arrays import load_npy

    array = load_npy(path)
    if array.ndim != 1 or array.dtype.kind not in "iuUS":
        raise FileError(
            f"{path} holds {array.dtype} of shape {array.shape}: "
            "ids are a one-dimensional array of text or whole numbers"
        )
    return as_ids(array, f"{path}: ids")


def _table(path: Path, rows: int, say: Say) -> list[str]:
    sheet = open_sheet(path)
    position = None if sheet.names is None else find(sheet.names, ID, None, path)
    if position is None and sheet.width > 1:
        raise FileError(f"{path} has {sheet.width} columns and none is called id: one is due")
    column = position or 0
    ids: list[str] = names_of(sheet, sheet.columns([column])[0], column).to_pylist()
    if sheet.names is not None and len(ids) + 1 == rows:
        say(f"took the first line of {path.name} as an id: it has no header")
        return [sheet.names[column], *ids]
    return ids


@dataclass(frozen=True, eq=False)
class Aligned:
    """Entries whose ids the space holds: positions in the file, and the rows of each column.

    ``missing_ids`` are those of the last column that it does not hold, where these were asked for:
    their rows are counted on from the last one of their side.
    """

    entries: Int64[Array, " entries"]
    rows: tuple[Int64[Array, " entries"], ...]
    complaints: Complaints
    missing_ids: tuple[str, ...] = ()


def align(
    sheet: Sheet,
    positions: Sequence[int],
    sides: Sequence[Embeddings],
    *,
    with_missing: bool = False,
) -> Aligned:
    """Look up columns of ids, each on its side of the space; the first one holds the queries.

    ``with_missing`` keeps entries of which the space lacks nothing but the last id.

    Raises ``IdsError`` if not one entry is known in all of them, or if the file counts from 1 the
    rows that the space, for want of ids, counts from 0: then all would fall on the wrong row.
    """
    columns = sheet.columns(positions)
    names = [names_of(sheet, c, position) for c, position in zip(columns, positions, strict=True)]
    for column, position, side in zip(names, positions, sides, strict=True):
        if _counted_from_one(column, side):
            raise IdsError(_off_by_one(sheet, position, len(side)))
    rows = [rows_of(column, side) for column, side in zip(names, sides, strict=True)]
    is_known = reduce(np.logical_and, [r >= 0 for r in rows])
    if not is_known.any():
        raise IdsError(_nothing_matches(sheet, positions, names, rows, sides))
    unknown = [_first(column, r < 0)[:3] for column, r in zip(names, rows, strict=True)]
    in_other_form = _in_other_form(names, rows, sides)
    items = tuple(name for ids in unknown[1:] for name in ids)[:3]
    missing: dict[str, int] = {}
    if with_missing:
        others_known = reduce(np.logical_and, [r >= 0 for r in rows[:-1]])
        lacking = np.flatnonzero(others_known & ~is_known)
        ids = names[-1].take(lacking).to_pylist()
        missing = {name: len(sides[-1]) + i for i, name in enumerate(dict.fromkeys(ids))}
        rows[-1] = rows[-1].copy()
        rows[-1][lacking] = [missing[name] for name in ids]
        is_known = others_known
    entries = np.flatnonzero(is_known)
    complaints = Complaints(
        unknown_queries=unknown[0],
        unknown_items=items,
        other_form=in_other_form,
        dropped=int(len(is_known) - len(entries)),
    )
    return Aligned(entries, tuple(r[entries] for r in rows), complaints, tuple(missing))


def _counted_from_one(names: Any, side: Embeddings) -> bool:
    if side.named:
        return False
    index = arrow("compute").index
    return index(names, str(len(side))).as_py() >= 0 > index(names, "0").as_py()


def _off_by_one(sheet: Sheet, position: int, rows: int) -> str:
    return (
        f"{sheet.path}: {sheet.name(position)} holds '{rows}' and no '0', and the vectors, which "
        f"have no ids, are called 0 to {rows - 1} by their rows: counted from 1, every entry would "
        "fall on the wrong row; give the ids of the vectors (--query-ids, --item-ids)"
    )


def _first(names: Any, chosen: Bool[Array, " entries"]) -> tuple[str, ...]:
    """Different ids among the first thousand of those chosen, in the order of the file."""
    entries = np.flatnonzero(chosen)[:1000]
    return tuple(dict.fromkeys(names.take(entries).to_pylist()))


def _in_other_form(
    names: Sequence[Any], rows: Sequence[Int64[Array, " entries"]], sides: Sequence[Embeddings]
) -> str:
    return "".join(
        other_form(_first(column, r < 0), side.row_of)
        for column, r, side in zip(names, rows, sides, strict=True)
    )


def _nothing_matches(
    sheet: Sheet,
    positions: Sequence[int],
    names: Sequence[Any],
    rows: Sequence[Int64[Array, " entries"]],
    sides: Sequence[Embeddings],
) -> str:
    words = [
        f"{sheet.name(position)} holds {_quoted(_first(column, np.ones(len(r), dtype=bool))[:3])}"
        f" ({_matching(r)}), the space {_quoted(side.ids[:3].tolist())}"
        for position, column, r, side in zip(positions, names, rows, sides, strict=True)
    ]
    swapped = [rows_of(names[0], sides[1]), rows_of(names[1], sides[0])]
    if len(positions) == 2 and all((r >= 0).any() for r in swapped):
        remedy = (
            f"the other way round they match: query_column={sheet.name(positions[1])}, "
            f"item_column={sheet.name(positions[0])}"
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
        + _in_other_form(names, rows, sides)
    )


def _matching(rows: Int64[Array, " entries"]) -> str:
    count = int((rows >= 0).sum())
    return f"{count:,} known" if count else "none known"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(repr(str(name)[:40]) for name in names)
