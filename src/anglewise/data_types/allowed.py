"""Which items each query may be shown: filters applied to columns of metadata."""

import operator as comparisons
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
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
    no_column,
    read_filter,
)
from anglewise.data_types.numbers import quoted, read_number
from anglewise.data_types.parts import Parts
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
            f"{where} compares with what is known about a query, and these vectors have no "
            "metadata: give the value itself"
        )
    if isinstance(where, FunctionFilter):
        answers = (bool(where.function(known)) != where.is_negated for known in about.rows())
        return np.fromiter(answers, dtype=bool, count=about.count)
    cells = _cells(where, about)
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
            f"none of {about.count:,} items passes the filter {read}: nothing is left to list"
        )
    return passing


def _cells(condition: Condition | SameValue, about: KnownColumns) -> Cells:
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
        equal = set(map(_hashable, pairs))
        met = [_hashable(cell) in equal for cell in cells.values]
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


@dataclass(frozen=True, eq=False)
class Allowed:
    """Which items each query may be shown.

    Attributes
    ----------
    group_of
        The group of each row of the asking side; -1 for a query that may be shown nothing.
    pairs
        ``group * width + item`` for each item that a group may be shown, ascending.
    width
        How many items there are.
    where
        The filter, in words.
    """

    group_of: Int64[Array, " asking"]
    pairs: Int64[Array, " allowed"]
    width: int
    where: str

    @cached_property
    def starts(self) -> Int64[Array, " groups_and_one"]:
        """Where the items of each group begin among the pairs."""
        groups = int(max(self.group_of.max(initial=-1), self.pairs.max(initial=-1) // self.width))
        return np.searchsorted(self.pairs, np.arange(groups + 2) * self.width)

    @property
    def is_the_same_for_all(self) -> bool:
        """Whether every query may be shown the same items."""
        return not self.group_of.any()

    def items(self, group: int) -> Int64[Array, " some"]:
        """What a group may be shown, ascending."""
        if group < 0:
            return self.pairs[:0]
        return self.pairs[self.starts[group] : self.starts[group + 1]] % self.width

    def counts(self, rows: Int64[Array, " q"]) -> Int64[Array, " q"]:
        """How many items each of some rows of the asking side may be shown."""
        sizes = np.append(np.diff(self.starts), 0)  # the last, at -1, is that of nothing
        return sizes[self.group_of[rows]]

    def mask(self, row: int) -> Bool[Array, " items"]:
        """Which items a row of the asking side may be shown."""
        mask = np.zeros(self.width, dtype=bool)
        mask[self.items(int(self.group_of[row]))] = True
        return mask

    def groups(
        self, rows: Int64[Array, " q"]
    ) -> Iterator[tuple[Int64[Array, " some"], Int64[Array, " items"]]]:
        """Positions among some rows, and what these may be shown; rows without items are not in."""
        groups = self.group_of[rows]
        order = np.argsort(groups, kind="stable")
        for positions in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
            items = self.items(int(groups[positions[0]])) if len(positions) else self.pairs[:0]
            if len(items):
                yield positions, items

    def allows(
        self, rows: Int64[Array, " pairs"], items: Int64[Array, " pairs"]
    ) -> Bool[Array, " pairs"]:
        """Whether a row of the asking side may be shown an item, pair by pair.

        An item that is none of the ranked ones passes no filter.
        """
        if not len(self.pairs):
            return np.zeros(len(rows), dtype=bool)
        groups = self.group_of[rows]
        sought = groups * self.width + items
        at = np.minimum(np.searchsorted(self.pairs, sought), len(self.pairs) - 1)
        return (self.pairs[at] == sought) & (groups >= 0) & (items < self.width)

    @cached_property
    def any_group(self) -> Int64[Array, " some"]:
        """The items that any query may be shown."""
        return np.unique(self.pairs % self.width)

    def of_documents(self, parts: Parts | None) -> "Allowed":
        """The same of documents, of which one passage at least may be shown."""
        if parts is None:
            return self
        groups, items = np.divmod(self.pairs, self.width)
        pairs = np.unique(groups * len(parts) + parts.of[items])
        return Allowed(self.group_of, pairs, len(parts), self.where)


def allowed_items(where: Where, ranked: Embeddings, asking: Embeddings) -> Allowed:
    """Apply a filter to what is ranked, for each row that asks.

    Raises what :func:`items_that_pass` raises, and ``TooFewError`` where no query may be shown
    any item.

    >>> items = Embeddings([[1.0], [2.0]], metadata={"tenant": ["a", "b"]})
    >>> queries = Embeddings([[1.0], [2.0]], metadata={"tenant": ["b", "c"]})
    >>> allowed = allowed_items("items.tenant = queries.tenant", items, queries)
    >>> allowed.counts(np.arange(2)).tolist()
    [1, 0]
    """
    read = read_filter(where)
    parts = read.parts if isinstance(read, Joined) and read.all else (read,)
    same = [part for part in parts if isinstance(part, SameValue)]
    fixed = tuple(part for part in parts if not isinstance(part, SameValue))
    about = KnownColumns.of(ranked)
    passing = np.ones(len(ranked), dtype=bool)
    if fixed:
        passing = some_that_pass(Joined(fixed, all=True), about)
    group_of, item_groups = np.zeros(len(asking), dtype=np.int64), np.zeros(0, dtype=np.int64)
    if same:
        group_of, item_groups = _groups(same, about, KnownColumns.of(asking))
        passing &= item_groups >= 0
        if not np.isin(group_of, item_groups[passing]).any():
            raise TooFewError(
                f"no query has an item that passes the filter {read}: nothing is left to list"
            )
    rows = np.flatnonzero(passing)
    if same:
        rows = rows[np.argsort(item_groups[rows], kind="stable")]
        pairs = item_groups[rows] * len(ranked) + rows
    else:
        pairs = rows
    return Allowed(group_of, pairs.astype(np.int64), len(ranked), str(read))


def _groups(
    same: Sequence[SameValue], items: KnownColumns, queries: KnownColumns
) -> tuple[Int64[Array, " asking"], Int64[Array, " items"]]:
    """A number for all values together, of each query and of each item; -1 where one is missing."""
    codes: list[Array] = []
    for condition in same:
        theirs, own = queries.cells(condition.asking_column), _cells(condition, items)
        if not theirs.kinds & own.kinds:
            held = [listed(sorted(cells.kinds) or ["nothing"]) for cells in (own, theirs)]
            raise WrongTypeError(
                f"{condition}: the items hold {held[0]} and the queries {held[1]}, of which none "
                "can be the same"
            )
        code_of = {_hashable(value): code for code, value in enumerate(own.values)}
        asked = [code_of.get(_hashable(value), -1) for value in theirs.values]
        codes.append(np.append(np.array([*asked, -1], dtype=np.int64)[theirs.codes], own.codes))
    groups = codes[0]
    if len(codes) > 1:
        every = np.stack(codes)
        groups = np.unique(every, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int64)
        groups[(every < 0).any(axis=0)] = -1
    return groups[: queries.count], groups[queries.count :]


def _hashable(value: tuple[str, Any]) -> tuple[str, Any]:
    try:
        hash(value)
    except TypeError:
        return value[0], repr(value[1])
    return value
