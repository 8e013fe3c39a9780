"""What a metric is, and what it reads: where judged items stand in the lists."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from anglewise.core.numbers import COUNT
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.errors import ShapeError, SpellingError

LISTS = 512
"""Lists looked up together; with 100 places each they and their filter stay in the cache."""

SPREAD = 1 << 20
ODD_STEP = 648_055  # about the golden ratio of SPREAD: keys of neighbouring rows lie far apart
TABLE_PER_KEY = 32
LARGEST_TABLE = 1 << 24


@dataclass(frozen=True, eq=False)
class Wanted:
    """What there is to be found for each query: its judged items and their gains.

    ``judged_items``, where known, are judged for every query, stored or not. ``chances`` are those
    with which entries were drawn to be judged; without them nothing was left to chance.
    """

    gains: SparseRows
    judged_items: Bool[Array, " items"] | None = None
    chances: SparseRows | None = None

    def __len__(self) -> int:
        return self.gains.shape[0]

    @cached_property
    def relevant(self) -> Int64[Array, " q"]:
        """How many items each query has with a gain above 0."""
        return np.bincount(self.gains.rows[self._relevant], minlength=len(self)).astype(np.int64)

    @cached_property
    def best(self) -> list[tuple[Int64[Array, " some"], Float64[Array, "some length"]]]:
        """The best list of each query, its relevant items with the highest gain first.

        Queries with equally many come together: which, and the gains of their lists.
        """
        gains, counts = self.gains.values[self._relevant], self.relevant
        starts = np.cumsum(counts) - counts
        together: list[tuple[Array, Array]] = []
        for length in np.unique(counts):
            queries = np.flatnonzero(counts == length)
            table = gains[starts[queries][:, None] + np.arange(int(length))]
            table.sort(axis=1)
            together.append((queries, table[:, ::-1]))
        return together

    @cached_property
    def weights(self) -> Float64[Array, " entries"]:
        """How many pairs each entry stands for: one over its chance."""
        if self.chances is None:
            return np.ones(len(self.gains.values))
        return 1 / self.chances.values

    @cached_property
    def not_relevant(self) -> Int64[Array, " q"]:
        """How many items each query has that were judged and found not relevant."""
        if self.judged_items is not None:
            return np.count_nonzero(self.judged_items) - self.relevant
        zeros = self.gains.rows[self.gains.values == 0]
        return np.bincount(zeros, minlength=len(self)).astype(np.int64)

    @cached_property
    def _relevant(self) -> Int64[Array, " entries"]:
        return np.flatnonzero(self.gains.values > 0)


@dataclass(frozen=True, eq=False)
class ListPositions:
    """Judged items in lists, ordered by list and then by rank; rank 0 is the first place.

    ``entries`` says which judgement each is.
    """

    lists: Int64[Array, " places"]
    ranks: Int64[Array, " places"]
    gains: Float64[Array, " places"]
    entries: Int64[Array, " places"]

    def within(self, depth: int) -> "ListPositions":
        """The places among the first ``depth``."""
        return self.where(self.ranks < depth)

    @cached_property
    def relevant(self) -> "ListPositions":
        """The places of items with a gain above 0."""
        return self.where(self.gains > 0)

    def where(self, keep: Bool[Array, " places"]) -> "ListPositions":
        """Some of the places."""
        if keep.all():
            return self
        kept = np.flatnonzero(keep)
        return ListPositions(
            self.lists[kept], self.ranks[kept], self.gains[kept], self.entries[kept]
        )


@dataclass(frozen=True, eq=False)
class Hits:
    """The lists of one measure, one a query, against what was wanted."""

    indices: Int64[Array, "q k"]
    wanted: Wanted

    def __post_init__(self) -> None:
        lists, queries = len(self.indices), len(self.wanted)
        if lists != queries:
            raise ShapeError(f"{lists} lists for {queries} queries: one each is due, in one order")

    @cached_property
    def places(self) -> ListPositions:
        """Where the lists hold judged items."""
        none = (*(np.empty(0, np.int64),) * 2, np.empty(0), np.empty(0, np.int64))
        parts = [none, *_find(self.indices, self.wanted.gains)]
        return ListPositions(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    @cached_property
    def lengths(self) -> Int64[Array, " q"]:
        """How many items each list holds."""
        return np.count_nonzero(self.indices >= 0, axis=1).astype(np.int64)

    def judged_places(self, depth: int) -> Bool[Array, "q depth"]:
        """Which of the first places hold a judged item."""
        listed = self.indices[:, :depth]
        if self.wanted.judged_items is not None:
            return (listed >= 0) & self.wanted.judged_items[listed]
        judged = np.zeros(listed.shape, dtype=bool)
        near = self.places.within(depth)
        judged[near.lists, near.ranks] = True
        return judged

    def judged(self, depth: int) -> Int64[Array, " q"]:
        """How many judged items stand in the first places of each list."""
        judged, listed = self.wanted.judged_items, self.indices[:, :depth]
        if judged is None:
            return np.bincount(self.places.within(depth).lists, minlength=len(listed))
        return np.count_nonzero((listed >= 0) & judged[listed], axis=1).astype(np.int64)


def _find(indices: Array, gains: SparseRows) -> Iterator[tuple[Array, ...]]:
    """List, rank, gain and entry of every judged item in the lists, some lists at a time.

    Each row and column make one key; the keys of what was judged ascend.
    """
    columns, width = gains.shape[1], max(indices.shape[1], 1)
    stride = columns + 1 + (ODD_STEP - columns - 1) % SPREAD
    offsets = stride * np.arange(LISTS)[:, None]
    ends = gains.indptr[np.minimum(np.arange(0, len(indices) + LISTS, LISTS), len(indices))]
    members = _Members(int(np.diff(ends, prepend=0).max()))
    for start, first, last in zip(range(0, len(indices), LISTS), ends[:-1], ends[1:], strict=True):
        block = indices[start : start + LISTS]
        nearest = int(block[:, :1].max(initial=-1))
        if nearest >= columns:
            raise ShapeError(
                f"a list begins with row {nearest}, but only {columns} items could be judged: "
                "take neighbours and judgements in the same direction of the same space"
            )
        keys = (gains.rows[first:last] - start) * stride + gains.indices[first:last]
        at, entry = members.find((block + offsets[: len(block)]).ravel(), keys)
        lists = at // width
        yield start + lists, at - width * lists, gains.values[first:last][entry], first + entry


class _Members:
    """Finds which of many numbers are among a few, at the cost of a look at small tables.

    The tables are addressed by the low bits of a number. A table of bits sorts out what cannot
    be among the few, most of all; another says which of them it would be. Only what comes to
    the place of a number that another one has displaced is searched for.
    """

    def __init__(self, few: int) -> None:
        size = min(LARGEST_TABLE, 1 << (TABLE_PER_KEY * few).bit_length())
        self.mask = size - 1
        self.possible = np.zeros(size, dtype=bool)
        self.holder = np.zeros(size, dtype=np.int32)

    def find(self, many: Array, few: Array) -> tuple[Array, Array]:
        """Places in ``many`` that hold one of the ascending ``few``, and which one it is."""
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
            place = np.searchsorted(few[displaced], sought[others])
            entry[others] = displaced[np.minimum(place, len(displaced) - 1)]
        found = np.flatnonzero(few[entry] == sought)
        return at[found], entry[found]


@dataclass(frozen=True)
class Metric(ABC):
    """A number that says how well a measure agrees with judgements; a value, compared and hashed.

    ``depth`` is how far down a list it reads; None where it reads no list.
    """

    name: ClassVar[str]
    depth: int | None

    def __str__(self) -> str:
        return self.name if self.depth is None else f"{self.name}@{self.depth}"


@dataclass(frozen=True)
class RankingMetric(Metric):
    """Reads ``Neighbours``, one value a query."""

    depth: int

    def __post_init__(self) -> None:
        COUNT.check(f"the depth of {self.name}@10", self.depth, SpellingError)

    @abstractmethod
    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """The value of each query's list."""


@dataclass(frozen=True)
class PairMetric(Metric):
    """Reads the scores of graded pairs and correlates them with the grades."""

    depth: None = field(default=None, init=False)

    def of(
        self, scores: Float64[Array, "m pairs"], gold: Float64[Array, " pairs"]
    ) -> Float64[Array, " m"]:
        """The value of each measure."""
        return self.resampled(scores, gold, np.ones((1, len(gold))))[0]

    @abstractmethod
    def resampled(
        self,
        scores: Float64[Array, "m pairs"],
        gold: Float64[Array, " pairs"],
        counts: Float64[Array, "b pairs"],
    ) -> Float64[Array, "b m"]:
        """The value of each measure on samples that hold pair ``i`` ``counts[b, i]`` times."""

    @abstractmethod
    def per_pair(
        self, scores: Float64[Array, "m pairs"], gold: Float64[Array, " pairs"]
    ) -> Float64[Array, "m pairs"]:
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
