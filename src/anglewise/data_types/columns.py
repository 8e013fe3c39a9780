"""What is known about rows: the columns of their metadata, and the title of each."""

from collections.abc import Iterable
from datetime import date, datetime
from math import isnan
from numbers import Number
from typing import Any, cast

import numpy as np

from anglewise.data_types.conversion import check_length, is_missing, offers
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.numbers import described, shown
from anglewise.data_types.text import counted, listed
from anglewise.data_types.typing import Array, Bool, Int64
from anglewise.errors import SpellingError, ValuesError, WrongTypeError

TITLES = ("title", "name", "question", "text", "body", "content", "sentence", "label")
"""Columns that name a row to a person, best first."""


TRAIN = "train"
"""What the column ``split`` says of the queries that training saw."""


def trained_rows(embeddings: Embeddings) -> Bool[Array, " rows"] | None:
    """Which rows training saw, by the column ``split``; None where there is no such column.

    >>> trained_rows(Embeddings([[1.0], [1.0]], metadata={"split": ["train", "held-out"]}))
    array([ True, False])
    """
    if "split" not in embeddings.metadata_columns:
        return None
    return np.array([cell == TRAIN for cell in column(embeddings, "split")], dtype=bool)


def column(embeddings: Embeddings, name: str) -> list[Any]:
    """One column of some embeddings' metadata, as a list; a lazy column is read now."""
    values: Any = cast("Any", embeddings.metadata)[name]
    check_length(values, name, len(embeddings))
    try:
        return values.to_pylist() if offers(values, "to_pylist") else list(values)
    except (ValueError, OverflowError) as error:
        raise ValuesError(
            f"the column {name!r} of what is known about the vectors cannot be read ({error}): "
            "write its dates as text"
        ) from error


def is_empty(cell: object) -> bool:
    """Whether a cell says nothing: no value, not a number, or blank text.

    >>> [is_empty(cell) for cell in (None, float("nan"), " ", 0, "a")]
    [True, True, True, False, False]
    """
    return not cell.strip() if isinstance(cell, str | bytes) else is_missing(cell)


def filled_cells(
    name: str,
    side: Embeddings,
    rows: Int64[Array, " some"],
    noun: str,
    remedy: str = "fill it in",
) -> list[Any]:
    """One column of metadata, at some rows; ``noun`` says what these are.

    Raises ``SpellingError`` if there is none of that name, ``ValuesError`` for an empty cell, with
    what to do about it.

    >>> about = Embeddings(np.eye(2), metadata={"user": ["b", "a"]})
    >>> filled_cells("user", about, np.array([1]), "query")
    ['a']
    """
    names = side.metadata_columns
    if name not in names:
        whose = "items" if noun.endswith("item") else "queries"
        raise SpellingError(
            f"nothing is known about {whose} under {shown(name)!r}: there is "
            f"{', '.join(names) or 'no metadata'}"
        )
    every = column(side, name)
    missing = [row for row in rows.tolist() if is_empty(every[row])]
    if missing:
        some = listed([repr(str(side.ids[row])) for row in missing[:3]])
        raise ValuesError(
            f"column {name!r} is empty for {counted(len(missing), noun)}, such as {some}: {remedy}"
        )
    return [every[row] for row in rows.tolist()]


def first_difference(first: Iterable[object], second: Iterable[object]) -> int | None:
    """The first row in which two columns differ; None where none does. Gaps are alike.

    >>> first_difference(["a", None, 1], ["a", float("nan"), 2])
    2
    """
    for row, cells in enumerate(zip(first, second, strict=False)):
        if cells[0] != cells[1] and not all(map(is_missing, cells)):
            return row
    return None


def has_texts(embeddings: Embeddings) -> bool:
    """Whether there is a column ``text`` or ``title``; nothing is read."""
    return any(name.lower() in {"title", "text"} for name in embeddings.metadata_columns)


def titles(embeddings: Embeddings, longest: int = 120) -> list[str] | None:
    """The title of each row, else the start of its text, else its id.

    ``None`` where there is no column of titles or texts.

    >>> about = {"title": ["Alien", ""], "text": ["", "A heist"]}
    >>> titles(Embeddings([[1.0], [2.0]], metadata=about))
    ['Alien', 'A heist']
    """
    by_lower_name = {name.lower(): name for name in embeddings.metadata_columns}
    title_columns = [by_lower_name[name] for name in TITLES if name in by_lower_name]
    if not title_columns:
        return None
    best: list[str] = [""] * len(embeddings)
    for name in title_columns:
        if all(best):
            break  # texts may be large: they stay unread where titles suffice
        cells = column(embeddings, name)
        best = [
            previous or _short(cell, longest) for previous, cell in zip(best, cells, strict=True)
        ]
    return [text or str(name) for text, name in zip(best, embeddings.ids, strict=True)]


def _short(cell: object, longest: int) -> str:
    text = "" if cell is None else str(cell)
    return text if len(text) <= longest else text[: longest - 1] + "…"


NOTHING = "nothing"
"""The kind of a missing cell."""

CELL_KINDS: tuple[tuple[Any, str], ...] = (
    (bool | np.bool_, "true or false"),
    (Number, "numbers"),
    (str, "text"),
    (datetime, "times"),
    (date, "dates"),
)
"""Kinds of cells in a plural word, the narrower first."""


def cell_kind(cell: object) -> str:
    """What a cell holds, in a word; cells of different kinds are never taken for equal.

    >>> [cell_kind(cell) for cell in (True, 1, 0.5, "1", None, float("nan"), ["a"])]
    ['true or false', 'numbers', 'numbers', 'text', 'nothing', 'nothing', 'list']
    """
    if cell is None or (isinstance(cell, float) and isnan(cell)):
        return NOTHING
    named = (word for kinds, word in CELL_KINDS if isinstance(cell, kinds))
    return next(named, type(cell).__name__)


def cells_of_kinds(name: str, values: Iterable[object], kinds: set[str]) -> list[tuple[str, Any]]:
    """Values with their kinds, for a search in a column that holds cells of these kinds.

    Raises ``WrongTypeError`` for a value that none of its cells can equal; None is what is missing.

    >>> cells_of_kinds("year", [1995], {"text"})
    Traceback (most recent call last):
    ...
    anglewise.errors.WrongTypeError: the metadata 'year' hold text, and an int (1995) came: ...
    """
    pairs = [(cell_kind(value), value) for value in values]
    for kind, value in pairs:
        if value is not None and kind not in kinds - {NOTHING}:
            held = " and ".join(sorted(kinds - {NOTHING}))
            raise WrongTypeError(
                f"the metadata {name!r} hold {held}, and {described(value)} came: give a value of "
                "that kind, a list of values, or a function of an item's metadata"
            )
    return pairs
