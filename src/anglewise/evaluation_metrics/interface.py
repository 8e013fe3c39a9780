"""What a metric is, and what it reads: the ranks of judged items in the lists."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from anglewise.data_types.numbers import whole
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.errors import ShapeError, SpellingError

DEPTH = whole(1, 1_000_000)
"""Places that a metric reads: nobody looks further, and each takes a number."""

LISTS = 512
"""Lists looked up together; with 100 places each they and their filter stay in the cache."""

SPREAD = 1 << 20
ODD_STEP = 648_055  # about the golden ratio of SPREAD: keys of neighbouring rows lie far apart
TABLE_PER_KEY = 32
LARGEST_TABLE = 1 << 24


@dataclass(frozen=True, eq=False)
class Qrels:
    """The judged items of each query and their gains.

    ``judged_items``, where given, are judged for every query, stored or not. ``chances`` are the
    probabilities with which entries were drawn to be judged; None if all were judged. The last
    ``missing`` columns are of items that no list can hold.
    """

    gains: SparseRows
    judged_items: Bool[Array, " items"] | None = None
    chances: SparseRows | None = None
    missing: int = 0

    @property
    def items(self) -> int:
        """How many items a list could hold."""
        return self.gains.shape[1] - self.missing

    def binary(self, relevant_from: float) -> "Qrels":
        """The same where lower grades are not relevant; those below zero stay what they are."""
        gains = self.gains.values
        kept = np.where((gains > 0) & (gains < relevant_from), 0.0, gains)
        return replace(self, gains=replace(self.gains, values=kept))

    def __len__(self) -> int:
        return self.gains.shape[0]

    @cached_property
    def relevant(self) -> Int64[Array, " entries"]:
        """The entries with a gain above 0."""
        return np.flatnonzero(self.gains.values > 0)

    @cached_property
    def relevant_counts(self) -> Int64[Array, " q"]:
        """How many relevant items each query has."""
        return np.bincount(self.gains.rows[self.relevant], minlength=len(self)).astype(np.int64)

    @cached_property
    def best(self) -> list[tuple[Int64[Array, " some"], Float64[Array, "some length"]]]:
        """The best list of each query, its relevant items with the highest gain first.

        Queries with equally many come together: which, and the gains of their lists.
        """
        gains, counts = self.gains.values[self.relevant], self.relevant_counts
        starts = np.cumsum(counts) - counts
        tables: list[tuple[Array, Array]] = []
        for length in np.unique(counts):
            queries = np.flatnonzero(counts == length)
            table = gains[starts[queries][:, None] + np.arange(int(length))]
            table.sort(axis=1)
            tables.append((queries, table[:, ::-1]))
        return tables

    @cached_property
    def weights(self) -> Float64[Array, " entries"]:
        """How many pairs each entry stands for: one over its chance."""
        return np.ones(len(self.gains.values)) if self.chances is None else 1 / self.chances.values

    @cached_property
    def not_relevant_counts(self) -> Int64[Array, " q"]:
        """How many items each query has that were judged and are not relevant."""
        if self.judged_items is not None:
            return np.count_nonzero(self.judged_items) - self.relevant_counts
        zeros = self.gains.rows[self.gains.values == 0]
        return np.bincount(zeros, minlength=len(self)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class ListPositions:
    """Judged items in lists, ordered by list and then by rank; rank 0 is the top of a list.

    ``entries`` says which judgement each is.
    """

    lists: Int64[Array, " positions"]
    ranks: Int64[Array, " positions"]
    gains: Float64[Array, " positions"]
    entries: Int64[Array, " positions"]

    def where(self, keep: Bool[Array, " positions"]) -> "ListPositions":
        """Some of the positions."""
        if keep.all():
            return self
        positions = np.flatnonzero(keep)
        return ListPositions(
            self.lists[positions],
            self.ranks[positions],
            self.gains[positions],
            self.entries[positions],
        )


@dataclass(frozen=True, eq=False)
class Hits:
    """The lists of one measure, one a query, against what was judged."""

    indices: Int64[Array, "q k"]
    qrels: Qrels

    def __post_init__(self) -> None:
        lists, queries = len(self.indices), len(self.qrels)
        if lists != queries:
            raise ShapeError(f"{lists} lists for {queries} queries: one each is due, in one order")

    @cached_property
    def judged(self) -> ListPositions:
        """Where the lists hold judged items, looked up some lists at a time.

        Each row and column make one key; the keys of what was judged ascend.
        """
        gains, indices, lists = self.qrels.gains, self.indices, len(self.indices)
        columns, width = gains.shape[1], max(indices.shape[1], 1)
        stride = columns + 1 + (ODD_STEP - columns - 1) % SPREAD
        offsets = stride * np.arange(LISTS)[:, None]
        ends = gains.indptr[np.minimum(np.arange(0, lists + LISTS, LISTS), lists)]
        members = _Members(int(np.diff(ends, prepend=0).max()))
        parts: list[tuple[Array, ...]] = [
            (*(np.empty(0, np.int64),) * 2, np.empty(0), np.empty(0, np.int64))
        ]
        for start, first, last in zip(range(0, lists, LISTS), ends[:-1], ends[1:], strict=True):
            block = indices[start : start + LISTS]
            nearest = int(block[:, :1].max(initial=-1))
            if nearest >= self.qrels.items:
                raise ShapeError(
                    f"a list begins with row {nearest}, but only {self.qrels.items} items could be "
                    "judged: take neighbours and judgements in the same direction of the same space"
                )
            keys = (gains.rows[first:last] - start) * stride + gains.indices[first:last]
            at, entry = members.find((block + offsets[: len(block)]).ravel(), keys)
            own = at // width
            parts.append(
                (start + own, at - width * own, gains.values[first:last][entry], first + entry)
            )
        return ListPositions(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    @cached_property
    def _relevant(self) -> ListPositions:
        return self.judged.where(self.judged.gains > 0)

    def relevant(self, depth: int) -> ListPositions:
        """Where the first ``depth`` ranks hold relevant items."""
        return self._relevant.where(self._relevant.ranks < depth)

    def counts(self, positions: ListPositions) -> Int64[Array, " q"]:
        """How many of the positions lie in each list."""
        return np.bincount(positions.lists, minlength=len(self.qrels))

    def sums(
        self, positions: ListPositions, worth: Float64[Array, " positions"]
    ) -> Float64[Array, " q"]:
        """What the positions of each list are worth together."""
        summed = np.bincount(positions.lists, worth, minlength=len(self.qrels))
        return summed.astype(np.float64, copy=False)  # NumPy gives whole numbers if none is there

    @cached_property
    def lengths(self) -> Int64[Array, " q"]:
        """How many items each list holds."""
        return np.count_nonzero(self.indices >= 0, axis=1).astype(np.int64)

    def judged_ranks(self, depth: int) -> Bool[Array, "q depth"]:
        """Which of the first ``depth`` ranks hold a judged item."""
        listed = self.indices[:, :depth]
        if self.qrels.judged_items is not None:
            return (listed >= 0) & self.qrels.judged_items[listed]
        judged = np.zeros(listed.shape, dtype=bool)
        near = self.judged.where(self.judged.ranks < depth)
        judged[near.lists, near.ranks] = True
        return judged


class _Members:
    """Finds which of many numbers are among a few, at the cost of a look at small tables.

    The tables are addressed by the low bits of a number. A table of flags excludes most of what is
    not among the few; another says which of the few it would be. Only a number whose slot in the
    table was taken by another is searched for.
    """

    def __init__(self, few: int) -> None:
        size = min(LARGEST_TABLE, 1 << (TABLE_PER_KEY * few).bit_length())
        self.mask = size - 1
        self.possible = np.zeros(size, dtype=bool)
        self.holder = np.zeros(size, dtype=np.int32)

    def find(self, many: Array, few: Array) -> tuple[Array, Array]:
        """Positions in ``many`` of the ascending ``few``, and which of these it is."""
        slots, each = few & self.mask, np.arange(len(few))
        self.possible[slots] = True
        self.holder[slots] = each
        at = np.flatnonzero(self.possible[many & self.mask])
        self.possible[slots] = False
        sought = many[at]
        entry = self.holder[sought & self.mask].astype(np.int64)
        displaced = np.flatnonzero(self.holder[slots] != each)
        if len(displaced):
            others = np.flatnonzero(few[entry] != sought)
            nearest = np.searchsorted(few[displaced], sought[others])
            entry[others] = displaced[np.minimum(nearest, len(displaced) - 1)]
        equal = np.flatnonzero(few[entry] == sought)
        return at[equal], entry[equal]


@dataclass(frozen=True)
class Metric(ABC):
    """A number that says how well a measure agrees with judgements; a value, compared and hashed.

    ``depth`` is how far down a list it reads; None where it reads no list. ``bounded`` says
    whether it is a mean of values in [0, 1], one a query or triplet.
    """

    name: ClassVar[str]
    bounded: ClassVar[bool] = True
    bounded_if_all_judged: ClassVar[bool] = True
    """The same where no pair was drawn by lot to be judged."""
    depth: int | None

    def __str__(self) -> str:
        return self.name if self.depth is None else f"{self.name}@{self.depth}"


@dataclass(frozen=True)
class RankingMetric(Metric):
    """Reads ``Neighbours``, one value a query.

    Where it is not ``graded``, it asks of an item only whether it is relevant. ``unjudged`` says
    what an item counts as that nobody judged.
    """

    graded: ClassVar[bool] = False
    unjudged: ClassVar[Literal["not relevant", "passed over", "stood for", ""]] = "not relevant"
    depth: int

    def __post_init__(self) -> None:
        DEPTH.check(f"the depth of {self.name}@10", self.depth, SpellingError)

    @abstractmethod
    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """The value of each query's list."""


Scores: TypeAlias = Float64[Array, "m pairs"]
"""Of pairs, under each measure."""
Grades: TypeAlias = Float64[Array, " pairs"]
Counts: TypeAlias = Float64[Array, "b pairs"]
"""How many times each sample holds each pair."""


@dataclass(frozen=True)
class PairMetric(Metric):
    """Reads the scores of graded pairs and correlates them with the grades."""

    bounded = bounded_if_all_judged = False
    depth: None = field(default=None, init=False)

    @abstractmethod
    def varies(self, scores: Scores) -> Bool[Array, " m"]:
        """Which scores differ at all, as the metric reads them: else it is not defined."""

    def of(self, scores: Scores, gold: Grades) -> Float64[Array, " m"]:
        """The value of each measure."""
        return self.resampled(scores, gold, np.ones((1, len(gold))))[0]

    @abstractmethod
    def resampled(self, scores: Scores, gold: Grades, counts: Counts) -> Float64[Array, "b m"]:
        """The value of each measure on samples that hold pair ``i`` ``counts[b, i]`` times."""

    @abstractmethod
    def per_pair(self, scores: Scores, gold: Grades) -> Scores:
        """What each pair contributes: the value plus the pair's influence on it.

        The mean over pairs is the value, the variance over pairs divided by their number is its
        sampling variance to first order (the infinitesimal jackknife: Efron 1982), so that
        what holds for means of queries holds for these.
        """


@dataclass(frozen=True)
class TripletMetric(Metric):
    """Reads the scores of a near and of a far pair, one value a triplet."""

    depth: None = field(default=None, init=False)

    @abstractmethod
    def per_triplet(
        self, near: Float64[Array, "m triplets"], far: Float64[Array, "m triplets"]
    ) -> Float64[Array, "m triplets"]:
        """The value of each triplet under each measure."""
