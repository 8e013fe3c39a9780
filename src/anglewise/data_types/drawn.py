"""Queries and pairs that were drawn for judging, by which chances, and what each weighs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import isfinite, isnan
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np

from anglewise.data_types.any_order import mean
from anglewise.data_types.numbers import cell_number, shown
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import ShapeError, ValuesError

DRAWN = "drawn"
"""Where the context of a judgement says how its query was drawn."""
LOT = "lot"
"""Where it names the draw by lot that its pair came in."""
NO_NAME = "(no name)"
"""The draw of queries of which a store says no more than their chances: there may be several."""
ROUNDING = 1e-9
LEAST_TRAFFIC, MOST_TRAFFIC = 1e-12, 1e15
"""Chances and traffic lie between: of others sums, and what one weighs of them, are lost."""
CHANCE_DUE = f"at least {LEAST_TRAFFIC:g} and at most 1 is due"
WITHIN = f"{LEAST_TRAFFIC:g} to {MOST_TRAFFIC:g} is due"


def effective_number(weights: Array) -> float:
    """As how many of one weight these tell (Kish 1965): ``(sum w)^2 / sum w^2``.

    >>> effective_number(np.array([2, 1]))
    1.8
    """
    exact = weights.astype(np.float64)
    return float(exact.sum() ** 2 / (exact**2).sum())


@dataclass(frozen=True, eq=False)
class QueryWeights:
    """What each query counts in a mean.

    Attributes
    ----------
    values
        One weight a query; on average they are 1.
    heaviest
        The most that a query may weigh that is not among them.
    known
        Whether the draw tells ``heaviest``. Else it is the largest weight of those that were seen.
    """

    values: Float64[Array, " q"]
    heaviest: float
    known: bool = True

    @property
    def effective(self) -> float:
        """How many queries of equal weight tell as much (Kish 1965): ``(sum w)^2 / sum w^2``.

        >>> QueryWeights(np.array([0.5, 0.5, 2.0]), 2.0).effective
        2.0
        """
        return effective_number(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers; weights are those of a query over the mean one's."""
        return {
            "effective_queries": self.effective,
            "lowest": float(self.values.min()),
            "highest": float(self.values.max()),
            "highest_unseen": self.heaviest,
            "highest_unseen_is_known": self.known,
        }

    def take(self, columns: Int64[Array, " some"]) -> "QueryWeights":
        """Those of some queries; the others may be queries that were not seen."""
        left = np.delete(self.values, columns)
        heaviest = max(self.heaviest, float(left.max(initial=0.0)))
        return QueryWeights(self.values[columns], heaviest, self.known)


@dataclass(frozen=True, eq=False)
class QueryDraw:
    """How likely each judged query was to be drawn, and how often it is asked.

    Attributes
    ----------
    chances, traffic
        Of each row of the asking side, chances up to a common factor; NaN where nothing is known.
    draws
        The draws that the queries come from. Only those of a single one have known chances: how
        likely a query was to come in another draw is not known of it.
    queries
        How many queries the draw has; 0 where it does not say.
    heaviest, heaviest_left
        The largest ``traffic / chance`` of all queries that might have been drawn, and of those
        that were not; NaN where the draw does not say.

    Raises ``ValuesError`` for a chance, a traffic or a weight beyond ``LEAST_TRAFFIC`` and
    ``MOST_TRAFFIC``, for a chance above 1, and for a number of queries that is none.
    """

    chances: Float64[Array, " rows"]
    traffic: Float64[Array, " rows"]
    draws: frozenset[str] = frozenset({""})
    queries: int = 0
    heaviest: float = np.nan
    heaviest_left: float = np.nan

    def __post_init__(self) -> None:
        self._check_arrays()
        if not _is_whole(self.queries) or not 0 <= self.queries <= MOST_TRAFFIC:
            raise ValuesError(
                f"the draw has {shown(self.queries)} queries: a whole number is due, 0 where it is "
                "not known"
            )
        for name, weight in (("heaviest", self.heaviest), ("heaviest_left", self.heaviest_left)):
            none_left = name == "heaviest_left" and weight == 0
            if not (none_left or LEAST_TRAFFIC <= weight <= MOST_TRAFFIC or _is_nan(weight)):
                raise ValuesError(
                    f"{name} is {shown(weight)}: {WITHIN}, or NaN where it is not known"
                )

        if self.heaviest_left > self.heaviest:
            raise ValuesError(
                f"heaviest_left is {self.heaviest_left:g} and heaviest {self.heaviest:g}: what was "
                "not drawn is among all that there is, and weighs no more"
            )

    def _check_arrays(self) -> None:
        """Refuse chances and traffic of which sums, and what queries weigh, would be lost."""
        for name, column, most in (
            ("chances", self.chances, 1.0),
            ("traffic", self.traffic, MOST_TRAFFIC),
        ):
            if column.ndim != 1 or len(column) != len(self.chances):
                raise ShapeError(f"{name} have shape {column.shape}: one for each query is due")
            bad = column[~((column >= LEAST_TRAFFIC) & (column <= most) | np.isnan(column))]
            if len(bad):
                due = CHANCE_DUE if most == 1 else WITHIN
                raise ValuesError(f"{name} hold {bad[0]:g}: {due}, or NaN where it is not known")
        if (np.isnan(self.traffic) & ~np.isnan(self.chances)).any():
            raise ValuesError("a query has a chance and no traffic: both are due, or neither")

    def known(self, rows: Int64[Array, " q"]) -> bool:
        """Whether the chances of all these queries are known."""
        return not self.unknown(rows)

    def unknown(self, rows: Int64[Array, " q"]) -> str:
        """Why the chances of some of these queries are not known; empty where all are."""
        if len(self.draws) > 1:
            return "they come from several draws"
        if NO_NAME in self.draws:
            return UNNAMED
        known = np.isfinite(self.chances[rows]).all()
        return "" if known else "some were not drawn by lot"

    def each_query(self, rows: Int64[Array, " q"]) -> Float64[Array, " q"]:
        """Weights with which means hold for all queries that may be drawn, each once."""
        return 1 / self.chances[rows]

    def as_asked(self, rows: Int64[Array, " q"]) -> QueryWeights:
        """Weights with which means hold for questions as they come: each query by its traffic.

        The inverse of a query's chance, times its traffic. Where all queries of the draw are here,
        no other one can weigh more than those that were not drawn. A draw of all that there are
        leaves none: further ones are then taken to weigh as much as any.
        """
        weights: Float64[Array, " q"] = self.traffic[rows] / self.chances[rows]
        usual, largest = float(mean(weights)), float(weights.max())
        complete = self.queries == len(rows) and self.heaviest_left > 0
        heaviest = self.heaviest_left if complete else self.heaviest
        holds = bool(self.heaviest >= largest * (1 - ROUNDING))  # not where it is NaN
        return QueryWeights(weights / usual, (heaviest if holds else largest) / usual, holds)

    def weights(self, rows: Int64[Array, " q"]) -> QueryWeights | None:
        """The same, or None where the chances of some of them are not known."""
        return self.as_asked(rows) if self.known(rows) else None

    def moved(self, rows: Int64[Array, " rows"], size: int) -> "QueryDraw":
        """The same with its rows at other ones, of so many."""
        chances, traffic = np.full((2, size), np.nan)
        chances[rows], traffic[rows] = self.chances, self.traffic
        return QueryDraw(
            chances, traffic, self.draws, self.queries, self.heaviest, self.heaviest_left
        )

    def beside(self, other: "QueryDraw") -> "QueryDraw":
        """Both together, of the same rows."""
        chances = np.where(np.isfinite(self.chances), self.chances, other.chances)
        traffic = np.where(np.isfinite(self.traffic), self.traffic, other.traffic)
        return QueryDraw(
            chances,
            traffic,
            self.draws | other.draws,
            self.queries,
            self.heaviest,
            self.heaviest_left,
        )


def draw_words(drawn: QueryDraw | None, rows: Int64[Array, " q"]) -> str:
    """What a draw of some queries makes of their figures; empty where they were not drawn by lot.

    >>> rows = np.arange(2)
    >>> draw = QueryDraw(np.array([0.5, 0.5]), np.array([1.0, 3.0]))
    >>> draw_words(draw, rows)  # doctest: +ELLIPSIS
    'queries were drawn with unequal chances or are asked unequally often: figures are weighed ...'
    >>> draw_words(None, rows)
    ''
    """
    if drawn is None:
        return ""
    unequal = "queries were drawn with unequal chances or are asked unequally often"
    weights = drawn.weights(rows)
    if weights is None:
        why = drawn.unknown(rows)
        return f"{unequal}, and by which chances is not known, as {why}: each query counts alike"
    return (
        f"{unequal}: figures are weighed by traffic, for questions as they are asked, and tell as "
        f"much as {weights.effective:.0f} of one weight"
    )


def weighted_means(
    values: Float64[Array, "m q"], weights: Float64[Array, " q"]
) -> Float64[Array, " m"]:
    """Means weighed by the inverse of the chance with which each query was drawn (Hájek 1971).

    ``sum w v / sum w``: Horvitz and Thompson's estimate (1952) of a sum, over that of how many
    there are. Where queries were drawn with unequal chances the plain mean is biased towards those
    that were more likely to be drawn.

    >>> weighted_means(np.array([[1.0, 0.0]]), np.array([1.0, 3.0])).tolist()
    [0.25]
    """
    return mean(values, weights)


def means_over_queries(
    values: Float64[Array, "m q"], weights: QueryWeights | None
) -> Float64[Array, " m"]:
    """Means by which settings and candidates are chosen: weighed as what is reported of them is.

    Weights that are all 1 change no bit, and equal rows have equal means.

    >>> values = np.array([[1.0, 0.0]])
    >>> weights = QueryWeights(np.array([1.5, 0.5]), 1.5)
    >>> [means_over_queries(values, known).tolist() for known in (None, weights)]
    [[0.5], [0.75]]
    """
    return mean(values, None if weights is None else weights.values)


def drawn_context(
    chance: float,
    traffic: float,
    draw: str,
    *,
    queries: int | None = None,
    heaviest: float | None = None,
    heaviest_left: float | None = None,
) -> dict[str, Any]:
    """How a query was drawn, for the context of its judgements; ``draw`` names the draw.

    The others say of the draw how many queries it has, and the largest weight, ``traffic /
    chance``, of all that there were and of those that were not drawn.

    >>> drawn_context(0.5, 12.0, "asked, seed 0, 40 queries")[DRAWN]["chance"]
    0.5
    """
    drawn = {"chance": chance, "traffic": traffic, "draw": draw}
    more = {"queries": queries, "heaviest": heaviest, "heaviest_left": heaviest_left}
    return {DRAWN: drawn | {name: value for name, value in more.items() if value is not None}}


def query_draw(contexts: Iterable[tuple[int, Mapping[str, Any]]], rows: int) -> QueryDraw | None:
    """The draw that the contexts of judgements tell of, each with the row of its query.

    None where none tells of any; what is damaged counts as not known.
    """
    chances, traffic = np.full(rows, np.nan), np.full(rows, np.nan)
    draws: set[str] = set()
    of_draw: set[tuple[float, float, float]] = set()
    for row, context in contexts:
        entry = context.get(DRAWN)
        if not isinstance(entry, Mapping):
            continue
        content = cast("Mapping[str, Any]", entry)
        draws.add(str(content.get("draw") or NO_NAME))
        chance, times_asked = (_positive(content.get(name)) for name in ("chance", "traffic"))
        if chance <= 1 and isfinite(times_asked):
            chances[row], traffic[row] = chance, times_asked
        queries, heaviest = (_positive(content.get(name)) for name in ("queries", "heaviest"))
        left = content.get("heaviest_left")
        of_draw.add((queries, heaviest, 0.0 if left == 0 else _positive(left)))
    if not draws:
        return None
    queries, heaviest, left = of_draw.pop()
    if of_draw or not (isfinite(queries) and left <= heaviest):
        return QueryDraw(chances, traffic, frozenset(draws))
    return QueryDraw(chances, traffic, frozenset(draws), int(queries), heaviest, left)


Origin: TypeAlias = tuple[float | None, Mapping[str, Any]]
"""Of one judgement of a pair: the chance with which it was drawn, if it was, and its context."""
CHANCE, CONTEXT = "probability", "context"
"""Columns of tables of judgements that say how each pair was drawn, and how its query was."""


def origins_in(
    chances: Iterable[Any] | None, contexts: Iterable[Any] | None, location: Callable[[int], str]
) -> list[Origin]:
    """What the cells of the columns ``CHANCE`` and ``CONTEXT`` say, of which one may be None.

    A context that is no JSON object is some other text, which says nothing of a draw. Raises
    ``ValuesError`` with the location of a probability that is none.

    >>> origins_in(["0.5", ""], ['{"lot": "b1"}', "a note"], lambda row: f"row {row}")
    [(0.5, {'lot': 'b1'}), (None, {})]
    """
    cells = repeat(None) if chances is None else chances
    texts = repeat(None) if contexts is None else contexts
    return [
        (_chance_in(cell, row, location), _context_in(text))
        for row, (cell, text) in enumerate(zip(cells, texts, strict=False))
    ]


def _chance_in(cell: Any, row: int, location: Callable[[int], str]) -> float | None:
    if cell is None or (isinstance(cell, float) and isnan(cell)) or not str(cell).strip():
        return None
    chance = cell_number(cell)
    if chance is None or not LEAST_TRAFFIC <= chance <= 1:
        raise ValuesError(
            f"{location(row)}: the column {CHANCE} says with which chance a pair was drawn to be "
            f"judged, and is {shown(cell)!r}: {CHANCE_DUE}, or nothing; a "
            "column of something else is to be called otherwise"
        )
    return chance


def _context_in(cell: Any) -> Mapping[str, Any]:
    if isinstance(cell, str) and cell.lstrip().startswith("{"):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return {}
    return cast("Mapping[str, Any]", cell) if isinstance(cell, Mapping) else {}


def lot_of(context: Mapping[str, Any]) -> str:
    """The name of the draw that a pair came in; empty where nothing says it.

    >>> lot_of({LOT: "b1"}), lot_of(drawn_context(0.5, 1, "a7")), lot_of({})
    ('b1', 'a7', '')
    """
    entry = context.get(DRAWN)
    draw = cast("Mapping[str, Any]", entry).get("draw") if isinstance(entry, Mapping) else None
    return str(context.get(LOT) or draw or "")


class PairChances(NamedTuple):
    """The chance of each pair, by lot, or why these are not known."""

    values: Float64[Array, " pairs"] | None
    unknown: str = ""


def pair_chances(pairs: Sequence[Iterable[Origin]]) -> PairChances:
    """The chance with which each pair was drawn, from everything that was said of it.

    None where no pair was drawn by lot, and where the chances of some are not known. Who judges a
    pair once more, without a chance, leaves that which it has.

    >>> second_judge = [(0.5, {LOT: "b1"}), (None, {})]
    >>> pair_chances([second_judge, [(1.0, {})]]).values.tolist()
    [0.5, 1.0]
    >>> pair_chances([second_judge, [(None, {})]]).unknown
    '1 of 2 judged pairs came without one'
    >>> pair_chances([[(0.5, {})], [(0.25, {})]]).unknown
    'nothing says whether they come from one draw or from several'
    """
    origins = [list(origin) for origin in pairs]
    chances = [{chance for chance, _ in origin if chance is not None} for origin in origins]
    by_lot = [1 not in each and bool(each) for each in chances]
    if not any(by_lot):
        return PairChances(None)
    lots = {
        lot_of(context)
        for origin, lot in zip(origins, by_lot, strict=True)
        for chance, context in origin
        if lot and chance is not None
    }
    if len(lots) > 1 or any(
        len(each) > 1 for each, lot in zip(chances, by_lot, strict=True) if lot
    ):
        return PairChances(None, SEVERAL_LOTS)
    if "" in lots:
        return PairChances(None, UNNAMED)
    unknown = sum(not each for each in chances)
    if unknown:
        return PairChances(None, chances_lacking(unknown, len(pairs)))
    return PairChances(np.array([max(each) for each in chances]))


def chances_lacking(unknown: int, pairs: int) -> str:
    """That some of the judged pairs came without a chance, where others were drawn by lot."""
    return f"{unknown:,} of {pairs:,} judged pairs came without one"


SEVERAL_LOTS = (
    "they come from several draws, and how likely a pair was to come in another one than its own "
    "is not known"
)


UNNAMED = "nothing says whether they come from one draw or from several"
"""Of draws without a name, as tables may have them whose column of contexts is gone."""


def check_chances(chances: SparseRows, graded: SparseRows) -> None:
    """Refuse chances of other entries than those that are graded, and what is no chance."""
    if chances.shape != graded.shape:
        raise ShapeError(f"chances are {chances.shape}: {graded.shape} is due, as for the gains")
    if not (
        np.array_equal(chances.indptr, graded.indptr)
        and np.array_equal(chances.indices, graded.indices)
    ):
        raise ShapeError("chances are of other entries than the gains: one for each is due")
    bad = chances.values[~((chances.values >= LEAST_TRAFFIC) & (chances.values <= 1))]
    if len(bad):
        raise ValuesError(f"chances hold {bad[0]:g}: {CHANCE_DUE}")


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and isnan(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _positive(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and LEAST_TRAFFIC <= value <= MOST_TRAFFIC else np.nan
