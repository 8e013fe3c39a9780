"""Which items pass a filter: conditions held against the distinct values of a column."""

import operator as comparisons
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np

from anglewise.data_types.columns import cell_kind, cells_of_kinds, column, is_empty
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.filters import (
    Condition,
    FunctionFilter,
    ItemFilter,
    Joined,
    SameValue,
    Typed,
    Where,
    in_words,
    no_column,
    read_filter,
)
from anglewise.data_types.numbers import quoted, read_number
from anglewise.data_types.text import listed
from anglewise.data_types.typing import Array, Bool, Int64
from anglewise.errors import SpellingError, TooFewError, ValuesError, WrongTypeError

ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": comparisons.lt,
    "<=": comparisons.le,
    ">": comparisons.gt,
    ">=": comparisons.ge,
}
ORDERED = {"numbers", "text", "times", "dates"}
"""Kinds of cells that have an order."""


@dataclass(frozen=True, eq=False)
class Cells:
    """One column: its distinct values with their kinds, and which of these each row has.

    ``codes`` is -1 where a row has no value: None, NaN or blank text.
    """

    codes: Int64[Array, " rows"]
    values: list[tuple[str, Any]]

    @classmethod
    def of(cls, cells: Sequence[Any]) -> "Cells":
        """The distinct values of a column.

        >>> Cells.of(["b", None, "a", "b", " "]).codes.tolist()
        [0, -1, 1, 0, -1]
        """
        kind_of_type: dict[type, str] = {}
        code_of: dict[Any, int] = {}
        values: list[tuple[str, Any]] = []
        codes = np.empty(len(cells), dtype=np.int64)
        for row, cell in enumerate(cells):
            if is_empty(cell):
                codes[row] = -1
                continue
            kind = kind_of_type.get(cell.__class__)
            if kind is None:
                kind = kind_of_type[cell.__class__] = cell_kind(cell)
            key = kind, cell
            try:
                code = code_of.setdefault(key, len(values))
            except TypeError:  # a list, for instance
                code = code_of.setdefault((kind, repr(cell)), len(values))
            if code == len(values):
                values.append(key)
            codes[row] = code
        return cls(codes, values)

    @property
    def kinds(self) -> set[str]:
        """The kinds of cells, without missing ones."""
        return {kind for kind, _ in self.values}


@dataclass(frozen=True, eq=False)
class KnownColumns:
    """The columns of some rows, read when they are asked for, each once."""

    names: Sequence[str]
    read: Callable[[str], Sequence[Any]]
    count: int
    read_cells: dict[str, Cells] = field(default_factory=dict[str, Cells])

    @classmethod
    def of(cls, side: Embeddings) -> "KnownColumns":
        """The columns of some embeddings."""
        return cls(side.metadata_columns, lambda name: column(side, name), len(side))

    def cells(self, name: str) -> Cells:
        """One column; ``SpellingError`` where there is none of that name."""
        if name not in self.names:
            raise no_column(name, self.names)
        if name not in self.read_cells:
            self.read_cells[name] = Cells.of(self.read(name))
        return self.read_cells[name]

    def passing(self, where: Where) -> Bool[Array, " rows"]:
        """Which rows pass a filter of any form: see :func:`items_that_pass`."""
        return items_that_pass(read_filter(where), self)

    def rows(self) -> Iterator[dict[str, Any]]:
        """What is known about each row."""
        columns = [self.read(name) for name in self.names]
        return (
            dict(zip(self.names, cells, strict=True))
            for cells in (zip(*columns, strict=True) if columns else ((),) * self.count)
        )


def items_that_pass(where: ItemFilter, about: KnownColumns) -> Bool[Array, " rows"]:
    """Which rows pass a filter that asks for no column of queries.

    Raises ``SpellingError`` for a column that is not there, ``WrongTypeError`` for a value of
    another kind than its cells, ``ValuesError`` for a column without any value.

    >>> films = Embeddings([[1.0], [2.0]], metadata={"year": [1995, None]})
    >>> items_that_pass(read_filter("year != 1940"), KnownColumns.of(films)).tolist()
    [True, False]
    """
    if isinstance(where, Joined):
        masks = [items_that_pass(part, about) for part in where.parts]
        return np.all(masks, axis=0) if where.all else np.any(masks, axis=0)
    if isinstance(where, SameValue):
        raise SpellingError(
            f"{in_words(where)} compares with what is known about a query, and these vectors have "
            "no metadata: give the value itself"
        )
    if isinstance(where, FunctionFilter):
        answers = (bool(where.function(known)) != where.is_negated for known in about.rows())
        return np.fromiter(answers, dtype=bool, count=about.count)
    cells = cells_of(where, about)
    return _meeting(where, cells)[cells.codes]


def some_that_pass(where: Where, about: KnownColumns) -> Bool[Array, " rows"]:
    """The same for any form of a filter; ``TooFewError`` where no row passes.

    >>> films = Embeddings([[1.0], [2.0]], metadata={"year": [1995, 1940]})
    >>> some_that_pass("year > 1950", KnownColumns.of(films)).tolist()
    [True, False]
    """
    read = read_filter(where)
    passing = items_that_pass(read, about)
    if not passing.any():
        raise TooFewError(
            f"none of {about.count:,} items passes the filter {in_words(read)}: nothing is left to "
            "list"
        )
    return passing


def cells_of(condition: Condition | SameValue, about: KnownColumns) -> Cells:
    """The column that a condition is of; refuse one that may be either of two."""
    if condition.prefixed and f"items.{condition.column}" in about.names:
        raise SpellingError(
            f'a column is called "items.{condition.column}": put this name, or '
            f'"{condition.column}", between quotes'
        )
    return about.cells(condition.column)


def _meeting(condition: Condition, cells: Cells) -> Bool[Array, " values_and_one"]:
    """Which of the values of a column meet a condition, and behind them whether a gap does."""
    name, operator = condition.column, condition.operator
    if condition.values == (None,):
        return np.array([operator == "!="] * len(cells.values) + [operator == "="], dtype=bool)
    if not cells.values:
        raise ValuesError(f"the metadata {name!r} hold no value: nothing can be compared with them")
    wanted = [value for typed in condition.values for value in _read(typed, condition, cells)]
    pairs = cells_of_kinds(name, wanted, cells.kinds)
    if operator in ORDER:
        met = [_is_ordered(cell, operator, pairs[0], name) for cell in cells.values]
    else:
        equal = set(map(hashable, pairs))
        met = [hashable(cell) in equal for cell in cells.values]
        if operator in {"!=", "not in"}:
            met = [not is_met for is_met in met]
    takes_missing = condition.or_missing
    if operator in {"in", "not in"} and None in condition.values:
        takes_missing = operator == "in"
    return np.array([*met, takes_missing], dtype=bool)


def _is_ordered(cell: tuple[str, Any], operator: str, wanted: tuple[str, Any], name: str) -> bool:
    """Whether a cell lies before or behind a value; one of another kind does neither."""
    if wanted[0] not in ORDERED:
        raise WrongTypeError(
            f"the metadata {name!r} are compared by {operator}, and {wanted[0]} have no order: "
            "take =, != or in"
        )
    try:
        return cell[0] == wanted[0] and ORDER[operator](cell[1], wanted[1])
    except TypeError as error:
        raise WrongTypeError(
            f"the metadata {name!r} hold {quoted(cell[1])}, which cannot be compared with "
            f"{quoted(wanted[1])} ({error})"
        ) from error


def _read(value: Any, condition: Condition, cells: Cells) -> list[Any]:
    """A value in the kinds of a column, if it came as text.

    What is text in one row and a number in another is looked for as both.
    """
    if not isinstance(value, Typed):
        return [value]
    readings = [
        reading
        for kind, read in READINGS.items()
        if kind in cells.kinds and (reading := read(value.text)) is not None
    ]
    name, operator = condition.column, condition.operator
    if not readings:
        held = listed(sorted(cells.kinds))
        raise WrongTypeError(
            f"the metadata {name!r} hold {held}, and {value.text!r} came: give a value of that kind"
        )
    if operator in ORDER and len(cells.kinds) > 1:
        raise WrongTypeError(
            f"the metadata {name!r} hold {listed(sorted(cells.kinds))}, which have no order "
            "together: make the column one kind"
        )
    if operator in ORDER and cells.kinds == {"text"} and read_number(value.text) is not None:
        raise WrongTypeError(
            f"the metadata {name!r} hold text, which is compared letter by letter, and the number "
            f'{value.text} came: write {name} {operator} "{value.text}" if letters are meant, or '
            "make the column one of numbers"
        )
    return readings


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _moment(kind: type[date]) -> Callable[[str], date | None]:
    def read(text: str) -> date | None:
        try:
            return kind.fromisoformat(text)
        except ValueError:
            return None

    return read


READINGS: Mapping[str, Callable[[str], Any]] = {
    "numbers": read_number,
    "text": str,
    "true or false": _truth,
    "dates": _moment(date),
    "times": _moment(datetime),
}
"""What a text is in a column of each kind."""


def hashable(value: tuple[str, Any]) -> tuple[str, Any]:
    """A value with its kind, to be looked up; a list, for instance, by what it is written as."""
    try:
        hash(value)
    except TypeError:
        return value[0], repr(value[1])
    return value
