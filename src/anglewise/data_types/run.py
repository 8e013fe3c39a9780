"""A run: the ranked lists that some system gave, whatever it is, known by ids alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, cast

import numpy as np

from anglewise.data_types.conversion import as_array, check_array, is_frame, is_kind, named_columns
from anglewise.data_types.numbers import EXACT, check_kind, described, shown
from anglewise.data_types.row_ids import as_ids
from anglewise.data_types.text import counted, first_repeated
from anglewise.data_types.typing import Array, Float64, Int64, Shaped
from anglewise.errors import (
    IdsError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
)

Location: TypeAlias = Callable[[int], str]
"""Where a row stands, in words."""
NUMBERS = int | float | np.integer | np.floating
RANK = "rank"
FORBIDDEN = "[]·:,<>="
"""What stands between the parts of a candidate or of a gate."""


@dataclass(frozen=True, eq=False)
class Run:
    """The lists of one system, best first: keyword search, a hybrid, a reranker, an endpoint.

    Attributes
    ----------
    name
        What it is called in tables and gates.
    queries
        The ids of the queries that were asked, each once.
    items
        The ids of all items that stand in some list, each once.
    starts
        Where the list of each query begins among the entries, and where the last one ends.
    entries
        The number of the item in each place, list after list, best first.
    scores
        The score of each entry; within a list they never rise.

    Runs are made by ``from_dict``, ``from_frame`` and ``read_run``. Made of arrays they are held to
    the above: ``WrongTypeError``, ``ShapeError``, ``IdsError`` or ``ValuesError`` is raised.

    Examples
    --------
    >>> run = Run.from_dict({"q": {"a": 1.5, "b": 2.0}}, "bm25")
    >>> run["q"]
    [('b', 2.0), ('a', 1.5)]
    """

    name: str
    queries: Shaped[Array, " q"]
    items: Shaped[Array, " n"]
    starts: Int64[Array, " q_and_one"]
    entries: Int64[Array, " entries"]
    scores: Float64[Array, " entries"]

    def __post_init__(self) -> None:
        check_run_name(self.name)
        _check_arrays(self)
        _check_lists(self)

    @classmethod
    def from_columns(
        cls,
        name: str,
        queries: Any,
        items: Any,
        scores: Any,
        ranks: Any = None,
        *,
        location: Location | None = None,
    ) -> "Run":
        """Lists from one row for each query and item.

        Lists are ordered by score, the highest first, and equal scores by rank where there is
        one, else by id, the last first, as trec_eval does: the order of rows says nothing.

        Parameters
        ----------
        name
            What the run is called.
        queries, items
            The ids of each row.
        scores
            Finite; larger is better.
        ranks
            The place of each row in its list, if it is known.
        location
            Says where a row stands, for errors.

        Raises
        ------
        ValuesError
            A pair that comes twice, a score that is no finite number, or a rank that says
            otherwise than the scores.
        IdsError
            An id that is empty or missing.
        TooFewError
            No row.
        """
        query_numbers, query_ids = _numbered(as_ids(queries, "query ids"))
        item_numbers, item_ids = _numbered(as_ids(items, "item ids"))
        values = _finite(scores, "score", len(query_numbers), location)
        places = None if ranks is None else _finite(ranks, "rank", len(query_numbers), location)
        if len(query_numbers) != len(item_numbers):
            raise ShapeError(
                f"{len(query_numbers)} query ids and {len(item_numbers)} item ids came"
            )
        return cls.of_numbers(
            name,
            (query_numbers, query_ids),
            (item_numbers, item_ids),
            values,
            places,
            location=location,
        )

    @classmethod
    def of_numbers(
        cls,
        name: str,
        queries: tuple[Int64[Array, " entries"], Shaped[Array, " q"]],
        items: tuple[Int64[Array, " entries"], Shaped[Array, " n"]],
        scores: Float64[Array, " entries"],
        ranks: Float64[Array, " entries"] | None = None,
        *,
        location: Location | None = None,
    ) -> "Run":
        """As ``from_columns``, of ids that are numbered already: numbers and what they number."""
        (query_of, query_ids), (item_of, item_ids) = queries, items
        where = _row if location is None else location
        if not len(query_of):
            raise TooFewError(f"the run {shown(name)!r} holds no list: give at least one")
        _check_once(query_of, item_of, query_ids, item_ids, where)
        order = _order(query_of, scores, item_of, item_ids, ranks)
        if ranks is not None:
            _check_ranks(query_of[order], scores[order], ranks[order], order, where)
        starts = np.searchsorted(query_of[order], np.arange(len(query_ids) + 1))
        return cls._of_checked(
            name=name,
            queries=query_ids,
            items=item_ids,
            starts=starts.astype(np.int64),
            entries=item_of[order],
            scores=scores[order],
        )

    @classmethod
    def _of_checked(cls, **parts: Any) -> "Run":
        """A run of parts that hold what the constructor checks, which takes as long as the rest."""
        check_run_name(parts["name"])
        run = object.__new__(cls)
        vars(run).update(parts)
        return run

    @classmethod
    def from_dict(cls, lists: Mapping[Any, Any], name: str) -> "Run":
        """Lists from ``{query: {item: score}}``, or ``{query: [item, …]}``, best first.

        A query with an empty list was asked and found nothing. Raises ``WrongTypeError`` for
        anything else, and what ``from_columns`` raises.

        >>> Run.from_dict({"q": ["b", "a"], "r": {}}, "endpoint")["q"]
        [('b', -1.0), ('a', -2.0)]
        """
        due = "a dict {query: {item: score}} is due, or {query: [item, ...]}, best first"
        if not is_kind(lists, Mapping):
            raise WrongTypeError(f"the lists of a run are {described(lists)}: {due}")
        asked: list[Any] = []
        items: list[Any] = []
        scores: list[Any] = []
        query_of: list[int] = []
        for number, (query, listed) in enumerate(lists.items()):
            asked.append(query)
            if is_kind(listed, Mapping):
                own, own_scores = list(listed), list(cast("Mapping[Any, Any]", listed).values())
            elif is_kind(listed, list | tuple):
                own = list(cast("Iterable[Any]", listed))
                own_scores = [-float(rank) for rank in range(1, len(own) + 1)]
            else:
                raise WrongTypeError(f"the list of {shown(query)!r} is {described(listed)}: {due}")
            items += own
            scores += own_scores
            query_of += [number] * len(own)
        query_ids = np.array(as_ids(asked, "query ids"), dtype=object)
        if len(set(query_ids)) != len(query_ids):
            raise ValuesError("two queries of the run have one id as text: name each once")
        item_of, item_ids = _numbered(as_ids(items, "item ids"))

        def location(row: int) -> str:
            return f"query {shown(query_ids[query_of[row]])!r}"

        for row, score in enumerate(scores):
            if not is_kind(score, NUMBERS) or is_kind(score, bool):
                raise ValuesError(
                    f"{location(row)}: the score of {shown(str(items[row]))!r} is "
                    f"{described(score)}: a number is due"
                )
        values = _finite(scores, "score", len(items), location)
        numbers = np.array(query_of, dtype=np.int64)
        return cls.of_numbers(
            name, (numbers, query_ids), (item_of, item_ids), values, location=location
        )

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        name: str,
        *,
        query_column: str = "query_id",
        item_column: str = "item_id",
        score_column: str = "score",
        rank_column: str | None = None,
    ) -> "Run":
        """Lists from the rows of a pandas or Polars frame, or of a dict of columns.

        A column called ``rank`` is taken for ranks, if no other is named. Raises ``ValuesError``
        for a column that is not there, and what ``from_columns`` raises.

        >>> frame = {"query_id": ["q", "q"], "item_id": ["a", "b"], "score": [1, 2]}
        >>> Run.from_frame(frame, "bm25")["q"]
        [('b', 2.0), ('a', 1.0)]
        """
        if not is_frame(frame) and not is_kind(frame, Mapping):
            raise WrongTypeError(f"{described(frame)} came where a pandas or Polars frame is due")
        keys = named_columns(frame)
        names, key_of = [column for column, _ in keys], dict(keys)
        if rank_column is None and names.count(RANK) == 1:
            rank_column = RANK
        needed = [query_column, item_column, score_column]
        needed += [] if rank_column is None else [rank_column]
        for column in needed:
            check_kind(column, str, "the name of a column", "a text")
            if names.count(column) != 1:
                raise ValuesError(
                    f"the frame has {names.count(column) or 'no'} columns {column!r}, but "
                    f"{', '.join(map(repr, names[:12]))}: name query_column=, item_column= and "
                    "score_column="
                )
        return cls.from_columns(name, *(frame[key_of[column]] for column in needed))

    def __len__(self) -> int:
        """How many queries were asked."""
        return len(self.queries)

    def __getitem__(self, query: str) -> list[tuple[str, float]]:
        """The list of one query: ids with scores, best first; ``KeyError`` if it was not asked."""
        row = self.row_of[query]
        some = slice(int(self.starts[row]), int(self.starts[row + 1]))
        return list(
            zip(self.items[self.entries[some]].tolist(), self.scores[some].tolist(), strict=True)
        )

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The number of each query."""
        return {query: row for row, query in enumerate(self.queries.tolist())}

    def called(self, name: str) -> "Run":
        """The same lists under another name."""
        return self._of_checked(**{**vars(self), "name": name})


MADE_BY = "make runs by Run.from_dict, Run.from_frame or read_run"


def _check_arrays(run: Run) -> None:
    """Refuse ids that name nothing or come twice, and arrays of other kinds or lengths."""
    for ids, name in ((run.queries, "query ids"), (run.items, "item ids")):
        if not is_kind(ids, np.ndarray):
            raise WrongTypeError(f"{name} are {described(ids)}: a NumPy array is due; {MADE_BY}")
        names = as_ids(ids, name)
        if names != ids.tolist():
            raise WrongTypeError(f"{name} are of kind {ids.dtype}: text is due; {MADE_BY}")
        twice = first_repeated(names)
        if twice is not None:
            raise IdsError(f"{name}: {shown(twice)!r} comes more than once; {MADE_BY}")
    check_array(run.starts, "starts", [len(run.queries) + 1], kinds="iu")
    check_array(run.entries, "entries", [None], kinds="iu")
    check_array(run.scores, "scores", [len(run.entries)])


def _check_lists(run: Run) -> None:
    """Refuse lists that do not lie one behind another, and entries or scores that are none."""
    starts, entries, scores = run.starts, run.entries, run.scores
    if starts[0] != 0 or starts[-1] != len(entries) or (starts[1:] < starts[:-1]).any():
        raise ValuesError(
            f"starts are to rise from 0 to {len(entries)}, how many entries there are: {MADE_BY}"
        )
    if len(entries) and not 0 <= entries.min() <= entries.max() < len(run.items):
        raise ValuesError(
            f"entries go from {entries.min()} to {entries.max()}, and there are "
            f"{counted(len(run.items), 'item')}: {MADE_BY}"
        )
    if not np.isfinite(scores).all():
        raise ValuesError(f"a score is no finite number: {MADE_BY}")
    rises = scores[1:] > scores[:-1]
    rises[starts[1:-1][(starts[1:-1] > 0) & (starts[1:-1] < len(scores))] - 1] = False
    if rises.any():
        raise ValuesError(f"scores rise within a list: {MADE_BY}")
    lists = np.repeat(np.arange(len(run)), np.diff(starts))
    _check_once(lists, entries, run.queries, run.items, lambda entry: f"entry {entry}")


def check_run_name(name: object) -> None:
    """Raise ``SpellingError`` for what cannot name a row of a table and a side of a gate.

    >>> check_run_name("bm25")
    >>> check_run_name("a>=b")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: a run may not be called 'a>=b': '>' parts candidates in gates...
    """
    check_kind(name, str, "the name of a run", "a text")
    text = cast("str", name)
    wrong = [c for c in text if c in FORBIDDEN or not c.isprintable()]
    last = text.strip().lower()
    if wrong or not last or text != text.strip() or last == "last" or last.startswith("last("):
        reason = (
            f"{wrong[0]!r} parts candidates in gates and tables" if wrong else "as a gate reads"
        )
        reason = reason if last else "it has no letter"
        raise SpellingError(
            f"a run may not be called {shown(text)!r}: {reason}; call it otherwise, as in bm25=FILE"
        )


def _order(
    query_of: Int64[Array, " entries"],
    scores: Float64[Array, " entries"],
    item_of: Int64[Array, " entries"],
    item_ids: Shaped[Array, " n"],
    ranks: Float64[Array, " entries"] | None,
) -> Int64[Array, " entries"]:
    """Entries list by list, best first; equal scores by rank, else by id, the last first."""
    keys = [] if ranks is None else [ranks]
    order = np.lexsort((*keys, -scores, query_of))
    same = query_of[order][1:] == query_of[order][:-1]
    for key in (scores, *keys):
        same &= key[order][1:] == key[order][:-1]
    if not same.any():
        return order
    last_first = sorted(range(len(item_ids)), key=item_ids.__getitem__, reverse=True)
    position = np.empty(len(item_ids), dtype=np.int64)
    position[last_first] = np.arange(len(item_ids))
    return np.lexsort((position[item_of], *keys, -scores, query_of))


def _row(row: int) -> str:
    return f"row {row}"


def _numbered(names: list[str]) -> tuple[Int64[Array, " entries"], Shaped[Array, " kinds"]]:
    """Number ids in the order in which they first came."""
    number_of: dict[str, int] = {}
    numbers = [number_of.setdefault(name, len(number_of)) for name in names]
    return np.array(numbers, dtype=np.int64), np.array(list(number_of), dtype=object)


def _finite(
    column: Any, noun: str, rows: int, location: Location | None
) -> Float64[Array, " entries"]:
    """A column as finite numbers, one for each row."""
    values = np.atleast_1d(as_array(column, f"{noun}s"))
    if len(values) and (values.ndim != 1 or values.dtype.kind not in "fiu"):
        raise ValuesError(f"{noun}s are of kind {values.dtype}: numbers are due")
    if len(values) != rows:
        raise ShapeError(f"{counted(len(values), noun)} for {rows:,} ids: one each is due")
    where = _row if location is None else location
    numbers = values.astype(np.float64)
    refused = np.flatnonzero(~np.isfinite(numbers))
    if len(refused):
        row = int(refused[0])
        raise ValuesError(
            f"{where(row)}: the {noun} is {values[row]}: a finite number is due; leave out what "
            "was not ranked"
        )
    cells = cast("Any", column if is_kind(column, list | tuple) else values)
    check_exact(numbers, lambda row: cells[row], noun, where)
    return numbers


def check_exact(
    numbers: Float64[Array, " rows"], cell: Callable[[int], Any], noun: str, where: Location
) -> None:
    """Refuse whole numbers so large that float64 took them for others, and so lost their order.

    ``cell`` gives what stood in a row: a number, or text.
    """
    for row in np.flatnonzero(np.abs(numbers) >= EXACT).tolist():
        given = cell(row)
        is_whole = is_kind(given, int | np.integer) or (
            is_kind(given, str) and given.strip().lstrip("+-").isdecimal()
        )
        if is_whole and int(given) != int(numbers[row]):
            raise ValuesError(
                f"{where(row)}: the {noun} is {given}, and whole numbers from 2^53 on lose their "
                "last digits, and with these the order: give smaller ones"
            )


def _check_once(
    query_of: Int64[Array, " entries"],
    item_of: Int64[Array, " entries"],
    query_ids: Shaped[Array, " q"],
    item_ids: Shaped[Array, " n"],
    where: Location,
) -> None:
    """Refuse a pair of a query and an item that comes twice: it would hold two places."""
    keys = query_of * len(item_ids) + item_of
    order = np.argsort(keys, kind="stable")
    again = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    if len(again):
        first, second = int(order[again[0]]), int(order[again[0] + 1])
        raise ValuesError(
            f"{where(second)}: item {shown(item_ids[item_of[second]])!r} stands in the list of "
            f"query {shown(query_ids[query_of[second]])!r} a second time (first: {where(first)}): "
            "a list holds an item once, with one score"
        )


def _check_ranks(
    query_of: Int64[Array, " entries"],
    scores: Float64[Array, " entries"],
    ranks: Float64[Array, " entries"],
    rows: Int64[Array, " entries"],
    where: Location,
) -> None:
    """Refuse ranks that put a lower score before a higher one; entries come ordered by score."""
    same = query_of[1:] == query_of[:-1]
    against = np.flatnonzero(same & (scores[1:] < scores[:-1]) & (ranks[1:] < ranks[:-1]))
    if len(against):
        better, worse = int(against[0]), int(against[0]) + 1
        raise ValuesError(
            f"{where(int(rows[worse]))} has rank {ranks[worse]:g} and score {scores[worse]:g}, "
            f"{where(int(rows[better]))} rank {ranks[better]:g} and score {scores[better]:g}: "
            "larger scores are due for better ranks; distances are to be negated"
        )
