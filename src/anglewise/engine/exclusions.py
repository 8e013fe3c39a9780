"""Who is left out of whose ranking: itself, what was used in training, whatever is asked."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Direction, Int64
from anglewise.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Exclusions:
    """For each query the rows that it must not be shown, ascending.

    Query ``i`` is not shown ``indices[indptr[i]:indptr[i + 1]]`` of the ``width`` items.
    """

    indptr: Int64[Array, " queries_and_one"]
    indices: Int64[Array, " entries"]
    width: int

    def block(self, start: int, stop: int) -> "Exclusions":
        """The same for some neighbouring queries."""
        low, high = self.indptr[start], self.indptr[stop]
        return Exclusions(self.indptr[start : stop + 1] - low, self.indices[low:high], self.width)

    def take(self, queries: Int64[Array, " some"]) -> "Exclusions":
        """The same for some queries, in the order asked for."""
        keys = [self.indices[self.indptr[i] : self.indptr[i + 1]] for i in queries]
        indptr = np.concatenate([[0], np.cumsum([len(key) for key in keys])]).astype(np.int64)
        indices = np.concatenate([*keys, np.zeros(0, dtype=np.int64)])
        return Exclusions(indptr, indices, self.width)

    @cached_property
    def counts(self) -> Int64[Array, " queries"]:
        """How many each query is not shown."""
        return np.diff(self.indptr)

    @cached_property
    def pairs(self) -> Int64[Array, " entries"]:
        """One ascending number for each (query, row)."""
        queries = np.repeat(np.arange(len(self.counts), dtype=np.int64), self.counts)
        return queries * self.width + self.indices

    def allows(
        self, queries: Int64[Array, " pairs"], rows: Int64[Array, " pairs"]
    ) -> Bool[Array, " pairs"]:
        """Whether each query may be shown each row."""
        if not len(self.pairs):
            return np.ones(len(rows), dtype=bool)
        sought = queries * self.width + rows
        at = np.minimum(np.searchsorted(self.pairs, sought), len(self.pairs) - 1)
        return self.pairs[at] != sought


def left_out(
    space: Space,
    direction: Direction,
    rows: Int64[Array, " asked"],
    exclude: SparseRows | None,
    use_seen: bool,
) -> Exclusions:
    """Gather everything that these rows of the asking side must not be shown."""
    asking, ranked = space.sides(direction)
    due = (len(asking), len(ranked))
    if exclude is not None and exclude.shape != due:
        raise ShapeError(
            f"exclude is {exclude.shape}, the space asks for {due} in direction {direction}: "
            "one row for each of those who ask, one column for each that is ranked"
        )
    tables = [exclude, space.seen if use_seen and direction == "queries-items" else None]
    itself = None if direction == "queries-items" else rows
    return gathered([t.take(rows) for t in tables if t is not None], itself, len(rows), due[1])


def gathered(
    tables: list[SparseRows], itself: Int64[Array, " asked"] | None, queries: int, width: int
) -> Exclusions:
    """Several tables as one, each entry once."""
    parts = [table.rows * width + table.indices for table in tables]
    if itself is not None:
        parts.append(np.arange(queries, dtype=np.int64) * width + itself)
    pairs = _ascending(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)
    indptr = np.searchsorted(pairs, np.arange(queries + 1, dtype=np.int64) * width)
    return Exclusions(indptr.astype(np.int64), pairs % width, width)


def _ascending(pairs: Int64[Array, " entries"]) -> Int64[Array, " fewer"]:
    """Each number once, in order; a table that stands alone is in order already.

    Not ``np.unique``, whose hashing takes several times as long as the whole search of a million
    entries.
    """
    if (pairs[1:] > pairs[:-1]).all():
        return pairs
    pairs = np.sort(pairs)
    return pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])]
