"""Where judged items stand in the lists that a search returned: all that ranking metrics read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.errors import ShapeError
from anglewise.sparse import SparseRows
from anglewise.typing import Array, Float64, Int64

LISTS = 1024
"""Lists looked up together; with 100 places each they and their filter stay in the cache."""

SPREAD = 1 << 20
ODD_STEP = 648_055  # about the golden ratio of SPREAD: keys of neighbouring rows lie far apart
LARGEST_FILTER = 1 << 24


@dataclass(frozen=True, eq=False)
class Wanted:
    """What there is to be found for each query: its judged items and their gains."""

    gains: SparseRows

    def __len__(self) -> int:
        return self.gains.shape[0]

    @cached_property
    def relevant(self) -> Int64[Array, " q"]:
        """How many items each query has with a gain above 0."""
        return np.bincount(self.gains.rows[self.gains.values > 0], minlength=len(self))

    @cached_property
    def ideal(self) -> "Places":
        """The best list that could be: every judged item, highest gain first."""
        order = np.lexsort((-self.gains.values, self.gains.rows))
        ranks = np.arange(len(order)) - self.gains.indptr[self.gains.rows]
        return Places(self.gains.rows, ranks, self.gains.values[order])


@dataclass(frozen=True, eq=False)
class Places:
    """Judged items in lists, ordered by list and then by rank; rank 0 is the first place."""

    lists: Int64[Array, " places"]
    ranks: Int64[Array, " places"]
    gains: Float64[Array, " places"]

    def within(self, depth: int) -> "Places":
        """The places among the first ``depth``."""
        return self._where(self.ranks < depth)

    @property
    def relevant(self) -> "Places":
        """The places of items with a gain above 0."""
        return self._where(self.gains > 0)

    def _where(self, keep: Array) -> "Places":
        return Places(self.lists[keep], self.ranks[keep], self.gains[keep])


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
    def places(self) -> Places:
        """Where the lists hold judged items."""
        parts = list(_find(self.indices, self.wanted.gains))
        return Places(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    @cached_property
    def lengths(self) -> Int64[Array, " q"]:
        """How many items each list holds."""
        return np.count_nonzero(self.indices >= 0, axis=1).astype(np.int64)


def _find(indices: Array, gains: SparseRows) -> Iterator[tuple[Array, Array, Array]]:
    """List, rank and gain of every judged item in the lists, some lists at a time.

    Most listed items are not judged, so a table of bits, addressed by the low bits of a key
    unique to row and column, first sorts out what cannot be; what is left is looked up exactly.
    """
    columns = gains.shape[1]
    stride = columns + 1 + (ODD_STEP - columns - 1) % SPREAD
    width = indices.shape[1]
    for start in range(0, max(len(indices), 1), LISTS):
        block = indices[start : start + LISTS]
        if block.size and block.max() >= columns:
            raise ShapeError(
                f"a list holds row {int(block.max())}, but only {columns} items could be judged: "
                "take neighbours and judgements in the same direction of the same space"
            )
        judged = slice(gains.indptr[start], gains.indptr[start + len(block)])
        keys = (gains.rows[judged] - start) * stride + gains.indices[judged]
        listed = (block + (np.arange(len(block)) * stride)[:, None]).ravel()
        at, entry = _members(listed, keys)
        yield start + at // max(width, 1), at % max(width, 1), gains.values[judged][entry]


def _members(listed: Array, keys: Array) -> tuple[Array, Array]:
    """The places of ``listed`` that hold one of the ascending ``keys``, and which key it is."""
    mask = min(LARGEST_FILTER, 1 << max(16, (16 * len(keys)).bit_length())) - 1
    possible = np.zeros(mask + 1, dtype=bool)
    possible[keys & mask] = True
    at = np.flatnonzero(possible[listed & mask])
    entry = np.searchsorted(keys, listed[at])
    entry[entry == len(keys)] = 0
    found = keys[entry] == listed[at] if len(keys) else np.zeros(0, dtype=bool)
    return at[found], entry[found]
