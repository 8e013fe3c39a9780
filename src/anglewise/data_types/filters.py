"""Filters: which items may be listed, by conditions on the columns of their metadata.

A filter is a mapping, ``{"tenant": "a", "year": {">=": 2020}, "language": ["en", "de"]}``; a text,
``"year >= 2020"``; a function of an item's metadata; or a list of these. All of it must hold.

* A value must be equal, of a list of values one; ``{">=": 2020, "<": 2024}`` compares. Operators:
  ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in``, ``not in``, also spelt ``==`` and ``$eq``,
  ``$ne``, ``$lt``, ``$lte``, ``$gt``, ``$gte``, ``$in``, ``$nin``.
* ``{"or": [...]}``, ``{"and": [...]}`` and ``{"not": {...}}`` (``$or``, ``$and``, ``$not``) join
  filters.
* A missing cell (no value, NaN, blank text) meets no condition, ``!=`` and ``not`` included. It is
  asked for by None, or in a text by ``year is missing``.
* ``"items.tenant = queries.tenant"`` compares each item with the query that asks: each query is
  shown the items with its own value, and none where it has no value.

In a text a value is read as what the column holds; quotes make it text. Text is compared letter by
letter, as dates like 2024-05-01 need it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from anglewise.data_types.columns import is_empty
from anglewise.data_types.filter_limits import check_depth, check_value
from anglewise.data_types.numbers import described, quoted, shown, written
from anglewise.data_types.text import shortened
from anglewise.errors import SpellingError, WrongTypeError

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not in"]
OPPOSITE: dict[Operator, Operator] = {
    "=": "!=",
    "!=": "=",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
}
ALIASES: dict[str, Operator] = {
    **{operator: operator for operator in OPPOSITE},
    "==": "=",
    "$eq": "=",
    "$ne": "!=",
    "$lt": "<",
    "$lte": "<=",
    "$gt": ">",
    "$gte": ">=",
    "$in": "in",
    "$nin": "not in",
}
JOINTS = {"and": "and", "$and": "and", "or": "or", "$or": "or", "not": "not", "$not": "not"}
DUE = (
    "a dict of columns and values, a text such as 'year >= 2020', a function of an item's "
    "metadata, or a list of these"
)
_PLAIN = re.compile(r"[^\W\d][\w-]*")
"""Words that are written without quotes."""


@dataclass(frozen=True)
class Typed:
    """A value as it stands in a text: what it is depends on the column."""

    text: str


@dataclass(frozen=True)
class Condition:
    """What the cell of an item in one column must be.

    Attributes
    ----------
    values
        One value, or those of ``in`` and ``not in``; None asks for a missing cell.
    or_missing
        Whether a missing cell meets it too.
    prefixed
        Whether the column was written with ``items.`` before it.

    Examples
    --------
    >>> str(Condition("year", ">=", (2020,))), str(Condition("tenant", "!=", (None,)))
    ('year >= 2020', 'tenant is not missing')
    """

    column: str
    operator: Operator
    values: tuple[Any, ...]
    or_missing: bool = False
    prefixed: bool = False

    def __str__(self) -> str:
        name = _written_name(self.column)
        if self.values == (None,) and self.operator in {"=", "!="}:
            return f"{name} is {'not ' * (self.operator == '!=')}missing"
        values = ", ".join(map(_written_value, self.values))
        words = f"{name} {self.operator} {values}".rstrip()
        return f"({words} or {name} is missing)" if self.or_missing else words

    def negated(self) -> "Condition":
        """What other items meet; those with a missing cell meet neither."""
        return replace(self, operator=OPPOSITE[self.operator])


@dataclass(frozen=True)
class SameValue:
    """An item must have, in a column, the value that the query has in one of its own."""

    column: str
    asking_column: str
    prefixed: bool = False

    def __str__(self) -> str:
        return f"items.{_written_name(self.column)} = queries.{_written_name(self.asking_column)}"


@dataclass(frozen=True)
class FunctionFilter:
    """A function of an item's metadata says whether it may be listed."""

    function: Callable[[Mapping[str, Any]], bool]
    is_negated: bool = False

    def __str__(self) -> str:
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return f"{'not ' * self.is_negated}the function {name}"

    def negated(self) -> "FunctionFilter":
        """The same function with the other answer."""
        return replace(self, is_negated=not self.is_negated)


@dataclass(frozen=True)
class Joined:
    """Several filters of which ``all`` must hold, or else any.

    >>> year = Condition("year", ">=", (2020,)), Condition("year", "=", (1999,))
    >>> str(Joined(year, all=False))
    '(year >= 2020 or year = 1999)'
    """

    parts: "tuple[ItemFilter, ...]"
    all: bool

    def __str__(self) -> str:
        words = (" and " if self.all else " or ").join(map(str, self.parts))
        return words if self.all or len(self.parts) == 1 else f"({words})"

    def negated(self) -> "Joined":
        """What holds where this does not."""
        return Joined(tuple(map(negated, self.parts)), not self.all)


ItemFilter: TypeAlias = Condition | SameValue | FunctionFilter | Joined
Where: TypeAlias = (
    Mapping[str, Any] | str | Callable[[Mapping[str, Any]], bool] | ItemFilter | Sequence[Any]
)
"""Which items may be listed: see :mod:`anglewise.data_types.filters`."""


def negated(part: ItemFilter) -> ItemFilter:
    """The opposite of a filter, which a missing cell does not meet either."""
    if isinstance(part, SameValue):
        raise SpellingError(
            f"{in_words(part)} stands within not: a column of queries is compared alone"
        )
    return part.negated()


def read_filter(where: Where) -> ItemFilter:
    """A filter from any of its forms.

    Raises ``SpellingError`` for an operator, a text or a list that says nothing, ``WrongTypeError``
    for what is no filter.

    >>> str(read_filter({"tenant": "a", "year": {">=": 2020, "<": 2024}, "language": ["en", "de"]}))
    'tenant = a and year >= 2020 and year < 2024 and language in en, de'
    >>> str(read_filter(["year>=2020", 'title = "Heat"', "items.tenant = queries.tenant"]))
    'year >= 2020 and title = Heat and items.tenant = queries.tenant'
    >>> str(read_filter({"or": [{"year": {"$lt": 1950}}, {"not": {"year": None}}]}))
    '(year < 1950 or year is not missing)'
    """
    check_depth(where)
    return _read(where)


def _read(where: Where) -> ItemFilter:
    """The same, once it is known not to be too deep."""
    if isinstance(where, Condition | SameValue | FunctionFilter | Joined):
        return where
    if isinstance(where, str):
        return read_condition(where)
    if isinstance(where, Mapping):
        return _of_mapping(cast("Mapping[Any, Any]", where))
    if isinstance(where, list | tuple):
        parts = cast("list[Any]", where)
        if not parts:
            raise SpellingError(f"a filter is an empty list: {DUE} is due, or None for all items")
        return _together([_read(part) for part in parts])
    if not callable(where):
        raise WrongTypeError(f"a filter is {described(where)}: {DUE} is due")
    return FunctionFilter(where)


def all_of(*filters: Where | None) -> ItemFilter | None:
    """What passes every filter that is given; None where none is.

    >>> str(all_of({"tenant": "a"}, None, "year > 2020"))
    'tenant = a and year > 2020'
    """
    given = [read_filter(where) for where in filters if where is not None]
    return _together(given) if given else None


def _together(parts: list[ItemFilter]) -> ItemFilter:
    """All of some filters, without a level that holds one alone."""
    flat = [
        inner
        for part in parts
        for inner in (part.parts if isinstance(part, Joined) and part.all else (part,))
    ]
    return flat[0] if len(flat) == 1 else Joined(tuple(flat), all=True)


def _of_mapping(conditions: Mapping[Any, Any]) -> ItemFilter:
    if not conditions:
        raise SpellingError(f"a filter is an empty dict: {DUE} is due, or None for all items")
    parts: list[ItemFilter] = []
    for name, value in conditions.items():
        if not isinstance(name, str):
            raise WrongTypeError(f"a filter names a column by {described(name)}: a text is due")
        if name in JOINTS:
            parts.append(_joined(name, value))
        elif isinstance(value, Mapping):
            parts += _compared(name, cast("Mapping[Any, Any]", value))
        elif _is_several(value):
            parts.append(Condition(name, "in", condition_values(name, value)))
        else:
            parts.append(Condition(name, "=", condition_values(name, [value])))
    return _together(parts)


def _joined(name: str, value: Any) -> ItemFilter:
    """The filters behind ``and``, ``or`` or ``not``."""
    joint = JOINTS[name]
    if joint == "not":
        part = _read(value)
        return negated(part)
    if isinstance(value, str) or not isinstance(value, Sequence) or not len(cast("Any", value)):
        raise SpellingError(
            f"{name!r} joins {described(cast('Any', value))}: a list of filters is due"
        )
    parts = [_read(part) for part in cast("Sequence[Any]", value)]
    if joint == "and":
        return _together(parts)
    if any(isinstance(part, SameValue) for part in _leaves(parts)):
        raise SpellingError(f"a column of queries stands within {name!r}: it is compared alone")
    return Joined(tuple(parts), all=False)


def _leaves(parts: Iterable[ItemFilter]) -> Iterable[ItemFilter]:
    for part in parts:
        if isinstance(part, Joined):
            yield from _leaves(part.parts)
        else:
            yield part


def _compared(name: str, comparisons: Mapping[Any, Any]) -> list[ItemFilter]:
    """The conditions on one column that a mapping of operators makes."""
    if not comparisons:
        raise SpellingError(f"the filter of {name!r} is an empty dict: it names no operator")
    parts: list[ItemFilter] = []
    for word, value in comparisons.items():
        operator = ALIASES.get(word) if isinstance(word, str) else None
        if operator is None:
            raise SpellingError(
                f"a filter knows no operator {quoted(word)} (of {name!r}): it knows "
                f"{', '.join(OPPOSITE)}"
            )
        several = operator in {"in", "not in"}
        if several != _is_several(value):
            due = "a list of values" if several else "one value; of a list take in or not in"
            raise SpellingError(f"{name!r} {operator} {described(value)}: {due} is due")
        parts.append(
            Condition(name, operator, condition_values(name, value if several else [value]))
        )
        if value is None and operator not in {"=", "!="}:
            raise SpellingError(f"{name!r} {operator} None: what is missing has no order")
    return parts


def _is_several(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


def condition_values(name: str, values: Any) -> tuple[Any, ...]:
    """The values of a condition, without NumPy's numbers; ``SpellingError`` for a blank text."""
    is_set = isinstance(values, set | frozenset)
    ordered: list[Any] = sorted(cast("set[Any]", values), key=str) if is_set else list(values)
    plain: tuple[Any, ...] = tuple(
        cast("Any", value).item() if isinstance(value, np.generic) else value for value in ordered
    )
    for value in plain:
        check_value(name, value)
    if any(isinstance(value, str) and is_empty(value) for value in plain):
        raise SpellingError(
            f"the filter of {name!r} asks for a blank text, which is a missing cell: ask for None"
        )
    return plain


_OPERATOR = re.compile(
    r"==|!=|<=|>=|=|<|>|(?<=\s)(?:not\s+in|in)(?=\s)|(?<=\s)is\s+(?P<not>not\s+)?missing\s*\Z"
)
_MARKS = "\"'"
EXAMPLES = "write tenant = a, year >= 2020, language in en, de, or year is missing"


def read_condition(text: str) -> Condition | SameValue:
    """One condition from its text; ``SpellingError`` says what is due.

    >>> str(read_condition("items.year>= 2020")), str(read_condition('"my year" not in 1, 2'))
    ('year >= 2020', '"my year" not in 1, 2')
    """
    column, prefixed, match = _column_and_operator(text)
    if match is None:
        raise SpellingError(f"the filter {shown(text)!r} has no comparison: {EXAMPLES}")
    word, values = " ".join(match[0].split()), match.string[match.end() :].strip()
    if word.endswith("missing"):
        return Condition(column, "!=" if match["not"] else "=", (None,), prefixed=prefixed)
    operator = ALIASES[word]
    if values.startswith("queries."):
        if operator != "=":
            raise SpellingError(
                f"the filter {shown(text)!r} compares with a column of queries, which = alone does"
            )
        asked = _without_quotes(values.removeprefix("queries."))
        return SameValue(column, _checked(asked, values, text), prefixed)
    words = _words(values) if operator in {"in", "not in"} else [values]
    return Condition(
        column, operator, tuple(_value(word, text) for word in words), prefixed=prefixed
    )


def _column_and_operator(text: str) -> tuple[str, bool, re.Match[str] | None]:
    """The column, whether ``items.`` without quotes stands before it, and the operator behind it.

    The first operator is taken, between quotes none.
    """
    typed = text.strip()
    begin = len("items.") if typed.startswith("items.") else 0
    mark = typed[begin : begin + 1]
    if mark and mark in _MARKS:
        column, _, rest = typed[begin + 1 :].partition(mark)
        operator = _OPERATOR.match(typed, len(typed) - len(rest.lstrip()))
        return _checked(column, mark, text), False, operator
    operator = _OPERATOR.search(typed, begin)
    column = typed[begin : len(typed) if operator is None else operator.start()].strip()
    return _checked(column, column, text), begin > 0, operator


def _checked(column: str, typed: str, text: str) -> str:
    """The name of a column; ``SpellingError`` where it is none, or holds quotes of its own."""
    is_quoted = typed.startswith(tuple(_MARKS))
    if not column.strip() or (not is_quoted and any(mark in column for mark in _MARKS)):
        raise SpellingError(f"the filter {shown(text)!r} names no column: {EXAMPLES}")
    return column


def _without_quotes(word: str) -> str:
    is_quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return word[1:-1] if is_quoted else word


def _words(values: str) -> list[str]:
    """Values parted by commas, of which those between quotes part nothing."""
    words, begin, mark, is_blank = list[str](), 0, "", True
    for position, letter in enumerate(values):
        if letter == "," and not mark:
            words.append(values[begin:position].strip())
            begin, is_blank = position + 1, True
            continue
        if letter == mark:
            mark = ""
        elif not mark and letter in _MARKS and is_blank:
            mark = letter
        is_blank = is_blank and letter.isspace()
    return [*words, values[begin:].strip()]


def _value(word: str, text: str) -> Any:
    """A value of a text: between quotes it is text, else what the column holds."""
    plain = _without_quotes(word)
    if is_empty(plain):
        raise SpellingError(f"the filter {shown(text)!r} lacks a value: {EXAMPLES}")
    if plain != word:
        return plain
    if word[0] in "\"'=<>":
        raise SpellingError(f"the filter {shown(text)!r} cannot be read: {EXAMPLES}")
    return Typed(word)


def _written_name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else _between_quotes(name)


def _between_quotes(text: str) -> str:
    mark = "'" if '"' in text else '"'
    return f"{mark}{text}{mark}"


def _written_value(value: Any) -> str:
    if isinstance(value, Typed):
        return value.text
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return written(value)
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value.lower() not in {"true", "false"}
        return value if is_plain else _between_quotes(value)
    return "missing" if value is None else str(value)


LONGEST = 200
"""The letters of a filter that stand in a sentence."""


def in_words(where: ItemFilter) -> str:
    """A filter for a sentence, cut where it is long.

    >>> len(in_words(read_filter({"year": list(range(1000))}))) <= LONGEST
    True
    """
    return shortened(str(where), LONGEST)


def no_column(name: str, names: Iterable[str]) -> SpellingError:
    """The error about a column that is not there."""
    known = list(names)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known[:12]) or 'none'}"
    return SpellingError(f"no metadata is called {shown(name)!r}: {hint}")
