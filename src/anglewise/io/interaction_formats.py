"""Which format a file of interactions has: said by its reader, named by the user, or asked for."""

import codecs
import csv
import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anglewise.data_types.numbers import shown
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.text import Say
from anglewise.errors import FileError, SpellingError
from anglewise.io.arrow_files import ARROW_SUFFIXES
from anglewise.io.delimited import MARK, MOVIELENS
from anglewise.io.files import GZIP, PathLike, opened, reading, suffix
from anglewise.io.interaction_lists import (
    cut,
    is_libsvm,
    is_netflix,
    read_adjacency,
    read_baskets,
    read_libsvm,
    read_netflix,
)
from anglewise.io.interaction_matrices import (
    HDF5,
    MATLAB,
    MATRIX_MARKET,
    read_mat,
    read_matrix_market,
)
from anglewise.io.tables import EVENT, ITEM, TIME, USER, WEIGHT, Role, is_number
from anglewise.io.visits import is_msweb, read_msweb

READERS: dict[str, Callable[[Path, Say], Interactions]] = {
    "baskets": read_baskets,
    "adjacency": read_adjacency,
    "libsvm": read_libsvm,
    "netflix": read_netflix,
    "matrix-market": read_matrix_market,
    "mat": read_mat,
    "msweb": read_msweb,
}
WIDE = "wide"
FORMATS = (*READERS, WIDE)

COLUMNS: dict[str, Role] = {
    "user": USER,
    "item": ITEM,
    "weight": WEIGHT,
    "time": TIME,
    "event": EVENT,
}
UNREAD = "-"
"""What stands in an order of columns for one that is not read."""

OTHERWISE = (
    "where a line is a basket of items --format baskets, where a user stands before them "
    "--format adjacency, where each column is an item --format wide, and for columns in another "
    "order than user, item, weight, time --format user,time,item,- and the like"
)

START = 1 << 16
"""So many bytes of a file are looked at to tell its format."""


def column_order(path: PathLike, named: str | None) -> list[Role | None] | None:
    """The roles of the columns that ``format`` names in their order; None for other formats.

    Raises ``SpellingError`` for a format that there is none of, a role that comes twice, and an
    order without users or items.

    >>> [role and role.meaning for role in column_order(Path("a.csv"), "user,-,item")]
    ['users', None, 'items']
    """
    if named is None or named in FORMATS:
        return None
    words = [word.strip() for word in named.split(",")]
    unknown = [word for word in words if word not in COLUMNS and word != UNREAD]
    if unknown or len(words) == 1:
        raise SpellingError(
            f"format={shown(named)!r} (--format) is unknown: take one of {', '.join(FORMATS)}, or "
            f"name the columns of a table without a header in their order, such as user,item,"
            f"weight,time ({', '.join(COLUMNS)}, or {UNREAD} for one that is not read)"
        )
    roles = [COLUMNS.get(word) for word in words]
    twice = [word for word in COLUMNS if words.count(word) > 1]
    if twice or USER not in roles or ITEM not in roles:
        wrong = f"{twice[0]} twice" if twice else "users and items are due"
        raise SpellingError(f"format={shown(named)!r} (--format) of {path}: {wrong}")
    return roles


def format_of(path: Path) -> str | None:
    """The format that a file bears on its face; None for a table.

    Raises ``FileError`` for lines of many lengths, which are no table and may be two other things.
    """
    if suffix(path) in ARROW_SUFFIXES or path.name.lower().removesuffix(".gz") in MOVIELENS:
        return None
    with reading(path, "a file"), opened(path) as file:
        packed = file.read(2) == GZIP
        file.seek(0)
        start: bytes = gzip.GzipFile(fileobj=file).read(START) if packed else file.read(START)
    start = start.removeprefix(MARK)
    if start.startswith(MATRIX_MARKET) or suffix(path) == ".mtx":
        return "matrix-market"
    if start.startswith((MATLAB, HDF5)) or suffix(path) == ".mat":
        return "mat"
    return _format_of_text(path, start)


def _format_of_text(path: Path, start: bytes) -> str | None:
    if start[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        text = start[: len(start) // 2 * 2].decode("utf-16", "replace")
    else:
        text = start.decode("utf-8", "replace")
    if "\x00" in text:  # no text, as its reader will say
        return None
    if len(start) == START:  # the last line may be cut
        text = text[: text.rfind("\n") + 1]
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    if is_netflix(lines):
        return "netflix"
    if is_libsvm(lines):
        return "libsvm"
    if is_msweb(lines):
        return "msweb"
    _check_even(path, lines)
    return None


UNEVEN = 0.1
"""Of a table with a slip or two no larger share of the lines has another length."""


def _check_even(path: Path, lines: Sequence[str]) -> None:
    """Refuse lines of many lengths without a header."""
    if "::" in "".join(lines[:1]) or not lines:
        return
    try:
        cells = [cut(lines)(line) for line in lines]
    except csv.Error:  # as its reader will say
        return
    lengths = [len(row) for row in cells]
    others = sum(length != lengths[0] for length in lengths)
    is_data = any(map(is_number, cells[0])) or lengths[0] == 1
    if len(set(lengths)) > 2 and others > UNEVEN * len(lengths) and is_data:
        raise FileError(
            f"{path}: its lines hold {min(lengths)} to {max(lengths)} cells, as no table does; "
            f"say what they are: {OTHERWISE}"
        )


def check_no_roles(path: Any, what: str, named: Mapping[str, object]) -> None:
    """Raise ``SpellingError`` where columns are named, and a format has none.

    >>> check_no_roles("m.npz", "a sparse matrix", {"user": None})
    """
    given = [name for name, value in named.items() if value is not None]
    if given:
        raise SpellingError(
            f"{path} is {what}, it has no columns to name: leave out {', '.join(given)}"
        )
