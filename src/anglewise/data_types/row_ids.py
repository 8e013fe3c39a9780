"""Ids of rows: as text, one for each row, and what resembles an id that is not there."""

import re
from collections.abc import Hashable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from itertools import islice
from numbers import Integral
from typing import Any

import numpy as np

from anglewise.data_types.conversion import Vectors, exported, is_kind, is_missing, offers
from anglewise.data_types.numbers import described
from anglewise.data_types.text import check_utf8, other_form, quiet
from anglewise.data_types.typing import Array, Shaped
from anglewise.errors import AnglewiseError, IdsError, ShapeError, WrongTypeError, reason

LOOKED_THROUGH = 100_000
"""The number of ids that are searched for one that resembles an unknown id."""
LETTERS = 200
"""The letters of an unknown id that are compared; millions would take memory for each."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What bytes hold that are no text, though they may be valid UTF-8."""
ENDLESS = (float("inf"), float("-inf"))


def as_ids(ids: Any, name: str = "ids") -> list[str]:
    """Ids as text, from a list, array, column or tensor.

    Whole numbers that came as floats, as in a column with gaps, are written as whole numbers;
    bytes are read as UTF-8.

    Raises ``WrongTypeError`` for one text, a dict or a set (which has no order), ``IdsError`` with
    the row for a gap, an empty text, a truth value, infinity, a list or an object without a text,
    and for numbers that are not sure to be the ones that were meant, and arrays of dates;
    ``ShapeError`` for an array of several columns.

    >>> as_ids(np.array([7.0, 9.0])), as_ids(["a", 2])
    (['7', '9'], ['a', '2'])
    """
    if is_kind(ids, str | bytes | Mapping | AbstractSet) or not is_kind(ids, Iterable | np.ndarray):
        raise WrongTypeError(f"{name} are {described(ids)}: a list of them is due, in their order")
    values: Any = ids
    if any(offers(values, attribute) for attribute in ("detach", "to_numpy", "__array__")):
        values = _id_cells(values, name)
    cells = list(values)
    kinds = set(map(type, cells))
    try:
        if kinds == {str}:
            names = cells
        elif kinds <= {str, int, np.str_, np.int64}:
            names = list(map(str, cells))
        else:
            names = [_id_text(cell, row, name) for row, cell in enumerate(cells)]
    except ValueError as error:
        if isinstance(error, AnglewiseError):
            raise
        raise IdsError(f"{name} cannot be written as text ({reason(error)})") from error
    if "" in names:
        raise IdsError(f"{name}: the one of row {names.index('')} is empty; give every row one")
    check_utf8(names, "id")
    return names


def _id_cells(ids: Any, name: str) -> list[Any]:
    """The cells of an array or column of ids."""
    try:
        cells = exported(ids, name, quiet)
    except AnglewiseError:
        raise
    except Exception as error:  # a foreign library may raise anything
        raise WrongTypeError(
            f"{name} are {described(ids)}, which NumPy cannot read ({reason(error)})"
        ) from error
    if cells.ndim == 2 and cells.shape[1] == 1:
        cells = cells[:, 0]
    if cells.ndim != 1:
        raise ShapeError(f"{name} have shape {cells.shape}: one column is due")
    if cells.dtype.kind in "mM":
        raise IdsError(
            f"{name} are of kind {cells.dtype}, which is written in several ways: give them as "
            "text, as in .astype(str)"
        )
    if cells.dtype.kind == "V":
        raise IdsError(f"{name} are of kind {cells.dtype}, which is no text: give them as text")
    if cells.dtype.kind == "f":  # Python's floats, to which cells turn, are wider
        _check_exact(cells, cells.dtype, name)
    return cells.tolist()


def _check_exact(numbers: Any, kind: "np.dtype[Any]", name: str) -> None:
    """Refuse floats so large that other whole numbers were rounded to them."""
    most = 2.0 ** (np.finfo(kind).nmant + 1)
    with np.errstate(invalid="ignore"):
        large = np.abs(numbers) >= most
    if large.any():
        came = np.asarray(numbers).reshape(-1)[np.flatnonzero(large)[0]]
        raise IdsError(
            f"{name} hold {came:.17g} as a {kind}, to which whole numbers from {most:.0f} on are "
            "rounded, so that it may be another's: give them as whole numbers or text"
        )


def _has_no_text(cell: object) -> bool:
    """Whether a thing is written as where it lies in memory, which is elsewhere in each run."""
    kind = type(cell)
    return kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__


def _id_text(cell: Any, row: int, name: str) -> str:
    if is_missing(cell):
        raise IdsError(f"{name}: the one of row {row} is missing; give every row one, or drop it")
    if is_kind(cell, bytes):
        try:
            text = cell.decode()
        except UnicodeDecodeError as error:
            raise IdsError(
                f"{name}: the one of row {row} is {described(cell)}, which is no text in UTF-8: "
                "give it as text"
            ) from error
        if CONTROL.search(text):
            raise IdsError(
                f"{name}: the one of row {row} is {described(cell)}, which is no text (a UUID or a "
                "hash?): give it as text"
            )
        return text
    if is_kind(cell, date | time | timedelta):
        raise IdsError(
            f"{name}: the one of row {row} is {described(cell)}, which is written in several ways: "
            "give it as text"
        )
    names_nothing = is_kind(cell, bool | np.bool_ | complex | tuple) or not is_kind(cell, Hashable)
    names_nothing = names_nothing or _has_no_text(cell)
    names_nothing = names_nothing or (is_kind(cell, Decimal) and not cell.is_finite())
    if names_nothing or cell in ENDLESS:
        raise IdsError(
            f"{name}: the one of row {row} is {described(cell)}, which names nothing: text or a "
            "whole number is due"
        )
    if is_kind(cell, float | np.floating):
        _check_exact(cell, np.asarray(cell).dtype, name)
        return str(int(cell)) if float(cell).is_integer() else str(cell)
    return str(cell)


def unique_ids(ids: Vectors, rows: int) -> Shaped[Array, " rows"]:
    """Ids as text, one for each row; refuse other numbers of them, and ids that come twice."""
    names = np.array(as_ids(ids), dtype=object)
    if len(names) != rows:
        raise ShapeError(f"{len(names)} ids for {rows} vectors: one each is due")
    if len(set(names)) != len(names):
        kinds, counts = np.unique(names.astype(str), return_counts=True)
        twice = ", ".join(repr(str(k)) for k in kinds[counts > 1][:3])
        raise IdsError(
            f"{int((counts > 1).sum())} ids come more than once ({twice}): make ids unique"
        )
    return names


def id_of_number(number: Integral, kind: str) -> str:
    """The id that a whole number names."""
    try:
        return str(number)
    except ValueError as error:  # Python writes none of thousands of digits
        raise IdsError(f"no {kind} is named by a number so long: {reason(error)}") from error


def hint_at_id(name: str, row_of: Mapping[str, int]) -> str:
    """What to say of an unknown id: the ids that resemble it, or some that are known."""
    hint = other_form([name], row_of)
    if hint:
        return hint.removeprefix("; ")
    candidates = list(islice(row_of, LOOKED_THROUGH))
    near = get_close_matches(name[:LETTERS], candidates, n=3)
    if near:
        return f"did you mean {', '.join(map(repr, near))}?"
    return f"ids are such as {', '.join(map(repr, candidates[:3]))}"
