"""Which items each query may be shown: a filter applied to what is ranked and to who asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.filters import (
    ItemFilter,
    Joined,
    SameValue,
    Where,
    in_words,
    read_filter,
)
from anglewise.data_types.parts import Parts
from anglewise.data_types.passing import KnownColumns, cells_of, hashable, some_that_pass
from anglewise.data_types.text import listed
from anglewise.data_types.typing import Array, Bool, Int64
from anglewise.errors import TooFewError, WrongTypeError


class ShownItems(Protocol):
    """Says which items some rows are shown."""

    def groups(
        self, rows: Int64[Array, " q"]
    ) -> Iterator[tuple[Int64[Array, " some"], Int64[Array, " items"]]]:
        """Positions among some rows, and the items that these are shown."""
        ...


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
        The filter, which names itself in full as text.
    """

    group_of: Int64[Array, " asking"]
    pairs: Int64[Array, " allowed"]
    width: int
    where: ItemFilter

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
                f"no query has an item that passes the filter {in_words(read)}: nothing is left "
                "to list"
            )
    rows = np.flatnonzero(passing)
    if same:
        rows = rows[np.argsort(item_groups[rows], kind="stable")]
        pairs = item_groups[rows] * len(ranked) + rows
    else:
        pairs = rows
    return Allowed(group_of, pairs.astype(np.int64), len(ranked), read)


def _groups(
    same: Sequence[SameValue], items: KnownColumns, queries: KnownColumns
) -> tuple[Int64[Array, " asking"], Int64[Array, " items"]]:
    """A number for all values together, of each query and of each item; -1 where one is missing."""
    codes: list[Array] = []
    for condition in same:
        theirs, own = queries.cells(condition.asking_column), cells_of(condition, items)
        if not theirs.kinds & own.kinds:
            held = [listed(sorted(cells.kinds) or ["nothing"]) for cells in (own, theirs)]
            raise WrongTypeError(
                f"{in_words(condition)}: the items hold {held[0]} and the queries {held[1]}, of "
                "which none can be the same"
            )
        code_of = {hashable(value): code for code, value in enumerate(own.values)}
        asked = [code_of.get(hashable(value), -1) for value in theirs.values]
        codes.append(np.append(np.array([*asked, -1], dtype=np.int64)[theirs.codes], own.codes))
    groups = codes[0]
    if len(codes) > 1:
        every = np.stack(codes)
        groups = np.unique(every, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int64)
        groups[(every < 0).any(axis=0)] = -1
    return groups[: queries.count], groups[queries.count :]
