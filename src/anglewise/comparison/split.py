"""Which judged queries may tune which, and what chance is over."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from anglewise.data_types.columns import filled_cells
from anglewise.data_types.drawn import QueryWeights, effective_number, means_over_queries
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import COUNT, check_kind, read_number, read_whole, shown
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Bool, Float64, Int64, Shaped
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.geometry.crowding import clusters as vector_clusters
from anglewise.statistics.resampling import Clusters


def as_words(some: Iterable[Any]) -> Shaped[Array, " rows"]:
    """Cells as texts; objects, for an array of texts takes as much for each as for the longest.

    >>> as_words([1, "a"]).tolist()
    ['1', 'a']
    """
    return np.array([str(cell) for cell in some], dtype=object)


def moments(name: str, cells: Sequence[Any], ids: Sequence[object]) -> Float64[Array, " q"]:
    """Numbers as they are, dates in seconds; one without a zone is taken as UTC.

    Raises ``ValuesError``, naming the query by its id, for what is neither, and for dates among
    numbers: ``20240101`` is a number, and would come long before the date ``2024-W01``.

    >>> moments("day", ["1970-01-02", "1970-01-01"], ["q1", "q2"]).tolist()
    [86400.0, 0.0]
    """
    times: list[float] = []
    first_of = dict[bool, str]()
    for cell, query in zip(cells, ids, strict=True):
        try:
            moment, is_date = _moment(cell)
        except (TypeError, ValueError, OverflowError):
            raise ValuesError(
                f"query {shown(query)!r}: column {name!r} holds {shown(cell)!r}, which is no time: "
                "give numbers, or dates such as 2026-03-01 or 2026-03-01T12:30:00"
            ) from None
        times.append(moment)
        first_of.setdefault(is_date, f"{shown(cell)!r} for query {shown(query)!r}")
    if len(first_of) == 2:
        raise ValuesError(
            f"column {name!r} holds the number {first_of[False]} and the date {first_of[True]}, "
            "and nothing says which came first: write all as numbers, or all as dates such as "
            "2026-03-01"
        )
    return np.array(times)


def _moment(cell: Any) -> tuple[float, bool]:
    """A time as a number, and whether it was a date."""
    if isinstance(cell, np.generic):
        return _moment(cell.item())
    if isinstance(cell, bool):
        raise TypeError(cell)
    if isinstance(cell, str):
        number = read_number(cell.strip())
        cell = datetime.fromisoformat(cell.strip()) if number is None else number
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp(), True
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC).timestamp(), True
    moment = float(cell)
    if not np.isfinite(moment):
        raise ValueError(moment)
    return moment, False


STREAM = 2
"""Resamples and signs draw from streams 0 and 1 of the same seed."""


def first_half(columns: int, seed: int, fewest: int = 2) -> Bool[Array, " q"]:
    """Draw a half of the columns, rounded down.

    Raises ``TooFewError`` below ``fewest`` columns.

    >>> int(first_half(11, seed=0).sum())
    5
    """
    if columns < fewest:
        raise TooFewError(
            f"{columns} judged, to tune on one half and report on the other: at least {fewest} "
            "are due; or say what would be tuned, such as the exponents of norm(0,0.5)"
        )
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))
    half = np.zeros(columns, dtype=bool)
    half[rng.permutation(columns)[: columns // 2]] = True
    return half


def folds(columns: int, parts: int, seed: int) -> list[Int64[Array, " part"]]:
    """Draw the columns into parts of nearly one size; each column is in one of them.

    >>> sorted(len(part) for part in folds(11, 3, seed=0))
    [3, 4, 4]
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))
    return [np.sort(part) for part in np.array_split(rng.permutation(columns), parts)]


def choices(
    quality: Callable[[Bool[Array, " q"]], Float64[Array, " settings"]], half: Bool[Array, " q"]
) -> tuple[int, int]:
    """Which setting to use inside the half, and which outside: each the best of the other part.

    ``quality`` gives each setting's metric on some columns. Of settings that do equally well the
    first is taken: the one that divides out the least of the length.

    >>> half = np.array([True, True, False, False])
    >>> values = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    >>> choices(lambda on: values[:, on].mean(axis=1), half)
    (1, 0)
    """
    return int(quality(~half).argmax()), int(quality(half).argmax())


def tuned(
    values: Float64[Array, "settings q"],
    half: Bool[Array, " q"],
    weights: QueryWeights | None = None,
) -> tuple[int, int]:
    """Make the choices by the mean of the values over columns, by their weights where they weigh.

    >>> half = np.array([True, True, False, False])
    >>> values = np.array([[1.0, 0.0, 1.0, 0.0], [0.6, 0.6, 0.6, 0.6]])
    >>> weights = QueryWeights(np.array([1.5, 0.5, 1.5, 0.5]), 1.5)
    >>> tuned(values, half), tuned(values, half, weights)
    ((1, 1), (0, 0))
    """

    def quality(on: Bool[Array, " q"]) -> Float64[Array, " settings"]:
        own = None if weights is None else weights.take(np.flatnonzero(on))
        return means_over_queries(values[:, on], own)

    return choices(quality, half)


def joined(
    name: str, inside: Neighbours, outside: Neighbours, half: Bool[Array, " q"]
) -> Neighbours:
    """Lists of one measure inside the half, of another outside."""
    wide = half[:, None]
    return Neighbours(
        name,
        np.where(wide, inside.indices, outside.indices),
        np.where(wide, inside.scores, outside.scores),
        np.where(half, inside.tied_at_cut, outside.tied_at_cut),
    )


QUERIES = "queries"
LINKED = "linked"
_BY = {LINKED: "what is relevant to them (linked)"}
_SPLIT = re.compile(r"(group|time)\(\s*(\S|\S.*\S)\s*\)|clusters\(\s*([^()\s]+)\s*\)|linked")


@dataclass(frozen=True, eq=False)
class QuerySplit:
    """How judged queries are split, in the order in which they are judged.

    Attributes
    ----------
    split
        As it was asked for: ``queries``, ``group(topic)``, ``clusters(50)``, ``time(asked)``.
    clusters
        Of a group: queries of one stand on one side, and chance is over groups. Without it every
        query stands for itself.
    later
        Of a time: the queries that are reported. The others came before all of these, and teach.
    order
        The place of each query in the order of the ids: what is drawn goes by it, so that it is the
        same in whatever order the rows stand. Where rows stand, if not given.
    """

    split: str = QUERIES
    clusters: Clusters | None = None
    later: Bool[Array, " q"] | None = None
    order: Int64[Array, " q"] | None = None

    def units(self, queries: int) -> Clusters:
        """What is drawn as a whole: groups, or each query, numbered in the order of the ids.

        >>> QuerySplit(order=np.array([1, 0])).units(2).of.tolist()
        [1, 0]
        """
        return self.clusters or Clusters.each(queries, self.order)

    def half(self, queries: int, seed: int) -> Bool[Array, " q"]:
        """Draw a half of the queries; of groups a half of these.

        >>> QuerySplit(clusters=Clusters(np.array([0, 0, 1, 2, 2, 3]))).half(6, seed=0).tolist()
        [True, True, False, False, False, True]
        """
        clusters = self.units(queries)
        return first_half(len(clusters), seed)[clusters.of]

    def folds(self, queries: int, parts: int, seed: int) -> list[Int64[Array, " part"]]:
        """Draw parts of the queries, each reported on by what the others taught.

        Of groups whole ones; of a time there is one part, the later queries. Raises
        ``TooFewError`` for fewer groups than parts.
        """
        if self.later is not None:
            return [np.flatnonzero(self.later)]
        clusters = self.units(queries)
        if len(clusters) < parts:
            raise TooFewError(
                f"{len(clusters)} groups by {self.split}: what is learnt on some and graded on "
                f"others needs {parts} at least"
            )
        drawn = folds(len(clusters), parts, seed)
        return [np.flatnonzero(np.isin(clusters.of, part)) for part in drawn]

    def reported(self, queries: int) -> Int64[Array, " reported"]:
        """The queries whose values are shown and tested: all, or of a time the later ones."""
        return np.arange(queries) if self.later is None else np.flatnonzero(self.later)

    @property
    def reported_order(self) -> Int64[Array, " reported"] | None:
        """The place of each reported query in the order of the ids, if that is known."""
        if self.order is None or self.later is None:
            return self.order
        return places(self.order[self.later])

    def of_reported(self, neighbours: Neighbours) -> Neighbours:
        """What was found for the queries that are reported."""
        if self.later is None:
            return neighbours
        return neighbours.take(self.later)

    def take(self, queries: Int64[Array, " some"]) -> "QuerySplit":
        """The same for some of the queries: groups stay what they are."""
        return QuerySplit(
            self.split,
            None if self.clusters is None else self.clusters.take(queries),
            None if self.later is None else self.later[queries],
            None if self.order is None else places(self.order[queries]),
        )

    def notes(self) -> Iterator[str]:
        """What a reader should know."""
        if self.clusters is not None:
            own, by = self.clusters.sizes, _BY.get(self.split, self.split)
            sizes, effective = np.unique(own), effective_number(own)
            fewest = f"{sizes[0]:,} to " if len(sizes) > 1 else ""
            each = f"{fewest}{counted(int(sizes[-1]), 'query')}"
            yield (
                f"chance is over {counted(len(self.clusters), 'group')} by {by}, of "
                f"{each}: queries of one group are on one side, and drawn together"
            )
            if effective < len(own) / 2:
                yield (
                    f"these groups are of very unequal size, and count as about {effective:.0f} of "
                    "one size"
                )
        if self.later is not None:
            after = int(self.later.sum())
            yield (
                f"by {self.split}, the earlier {len(self.later) - after:,} queries are for tuning "
                f"and learning alone; reported are the later {after:,}"
            )


def places(order: Int64[Array, " some"]) -> Int64[Array, " some"]:
    """The place of each among some, from their places among more.

    >>> places(np.array([7, 2, 5])).tolist()
    [2, 0, 1]
    """
    return np.argsort(np.argsort(order))


ALONE = QuerySplit()
"""Every query for itself."""


def query_split(
    split: str,
    asking: Embeddings,
    rows: Int64[Array, " q"],
    *,
    seed: int = 0,
    linked: Callable[[], Int64[Array, " q"]] | None = None,
) -> QuerySplit:
    """Split the judged rows of those who ask.

    ``queries``: each for itself. ``group(COLUMN)``: those with the same value in a column of
    what is known about them belong together. ``clusters(8)``: those whose vectors crowd do
    (k-means of directions, drawn by the seed). ``linked``: those that ``linked`` gives one number,
    as what is relevant links them. ``time(COLUMN)``: the later half is reported, and the earlier
    teaches; queries of one moment are on one side.

    Raises ``SpellingError`` for another split or a column that is not there, ``ValuesError`` for
    cells that are empty or no times, ``TooFewError`` where all are one group or of one moment.

    >>> asked = Embeddings(np.eye(4), metadata={"user": ["b", "a", "b", "c"], "day": [3, 1, 2, 4]})
    >>> query_split("group(user)", asked, np.arange(4)).clusters.of.tolist()
    [0, 1, 0, 2]
    >>> query_split("time(day)", asked, np.arange(4)).later.tolist()
    [True, False, False, True]
    """
    check_kind(split, str, "a split", "a text such as queries or group(COLUMN)")
    order = places(asking.id_position[rows])
    if split.strip() == QUERIES:
        return QuerySplit(order=order)
    match = _SPLIT.fullmatch(split.strip())
    if match is None:
        raise SpellingError(
            f"{split!r} is no split: write queries, group(COLUMN), clusters(8), linked or "
            "time(COLUMN)"
        )
    kind, name, count = match.groups()
    if kind == "time":
        return QuerySplit(f"time({name})", later=_later(name, asking, rows), order=order)
    if kind == "group":
        spelled, names = (
            f"group({name})",
            as_words(filled_cells(name, asking, rows, "judged query")),
        )
    elif count is None and linked is not None:
        spelled, names = LINKED, linked()
    else:
        groups = read_whole(count or "")
        if groups is None or groups < 1:
            raise SpellingError(
                f"clusters({shown(count)}): a whole number of groups is due, as in clusters(8)"
            )
        spelled = f"clusters({groups})"
        by_id = np.argsort(order)
        names = vector_clusters(asking.vectors[rows[by_id]], groups, seed=seed)[order]
    clusters = Clusters(Clusters.named(names[np.argsort(order)]).of[order])
    if len(clusters) < 2:
        by = _BY.get(spelled, spelled)
        raise TooFewError(
            f"all {counted(len(rows), 'judged query')} are one group by {by}: at least two "
            "are due, and six for any test at 95%"
        )
    return QuerySplit(spelled, clusters, order=order)


def _later(name: str, asking: Embeddings, rows: Int64[Array, " q"]) -> Bool[Array, " q"]:
    """At most half of the queries are earlier, and all of these came before all others."""
    times = moments(
        name, filled_cells(name, asking, rows, "judged query"), asking.ids[rows].tolist()
    )
    different = np.unique(times)
    if len(different) < 2:
        raise TooFewError(
            f"all {counted(len(rows), 'judged query')} have one {name}: a split by time needs "
            "earlier and later ones"
        )
    return times >= max(np.sort(times)[len(times) // 2], different[1])


def chance_over(
    groups: Clusters | None,
    queries: int,
    weights: QueryWeights | None,
    largest_group: int | None = None,
    order: Int64[Array, " q"] | None = None,
) -> Clusters:
    """Groups of queries, or each for itself, with their weights and what is not seen of them.

    A group that was not seen has as many queries as declared, each of the most that one may weigh;
    if nothing is declared, it is as large as the largest that was seen, or is known otherwise.
    Without groups the queries are numbered by their ``order``, see ``QuerySplit``.

    >>> weights = QueryWeights(np.array([0.5, 0.5, 2.0]), heaviest=2.5)
    >>> chance_over(None, 3, weights).largest
    2.5
    >>> [chance_over(Clusters(np.array([0, 0, 1])), 3, None, n).largest for n in (None, 4)]
    [2.0, 4.0]
    """
    clusters = groups or Clusters.each(queries, order)
    values = None if weights is None else weights.values
    heaviest = 1.0 if weights is None else weights.heaviest
    if groups is None:
        return replace(clusters, weights=values, unseen=heaviest)
    if largest_group is None:
        seen = float(replace(clusters, weights=values).sizes.max())
        if clusters.largest > clusters.sizes.max():  # one that is known and not among these
            seen = max(seen, clusters.largest * heaviest)
        return replace(clusters, weights=values, unseen=max(seen, heaviest))
    return replace(clusters, weights=values, unseen=largest_group * heaviest)


def assumed_sizes(
    groups: Clusters | None,
    chance: Clusters,
    weights: QueryWeights | None = None,
    declared: int | None = None,
) -> Iterator[str]:
    """What is taken for granted of the size of groups and the weight of queries not seen.

    ``chance`` are the groups with their weights, see ``chance_over``.

    >>> groups = Clusters(np.array([0, 0, 1]))
    >>> chances = {n: chance_over(groups, 3, None, n) for n in (None, 4)}
    >>> [list(assumed_sizes(groups, chance, declared=n)) for n, chance in chances.items()]
    [['no group has more than 2 queries'], ['no group has more than 4 queries (declared)']]
    """
    if weights is not None and not weights.known:
        yield f"no query weighs more than {weights.heaviest:.3g} times as much as the mean one"
    if groups is None:
        return
    if declared is not None:
        yield f"no group has more than {counted(declared, 'query')} (declared)"
    elif weights is not None:
        yield f"no group weighs more than {chance.largest:.3g} queries do on average"
    elif groups.largest > 1:
        yield f"no group has more than {counted(int(groups.largest), 'query')}"


def check_largest_group(declared: int | None, split: QuerySplit) -> int | None:
    """Check what was declared of the size of groups that were not seen.

    Raises ``SpellingError`` where queries come in no groups, ``ValuesError`` where a group that was
    seen has more.

    >>> check_largest_group(2, QuerySplit("group(user)", Clusters(np.array([0, 0, 1]))))
    2
    """
    if declared is None:
        return None
    COUNT.check("the largest group", declared)
    if split.clusters is None:
        raise SpellingError(
            "largest_group (--largest-group) is of queries in groups, and each stands for itself: "
            "name the groups by split (--split), as in group(COLUMN), or leave it out"
        )
    largest = int(split.clusters.sizes.max())
    if declared < largest:
        raise ValuesError(
            f"the largest group is declared to have {counted(declared, 'query')}, and one by "
            f"{split.split} has {largest:,}: declare that many at least"
        )
    return declared
