"""Sparse rows, from SciPy too, and interactions between users and items, from frames too."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, SupportsIndex, TypeAlias

import numpy as np

from anglewise.data_types.conversion import check_array, is_kind, offers
from anglewise.data_types.numbers import described
from anglewise.data_types.typing import Array, Bool, Float64, Int64, Shaped
from anglewise.errors import ShapeError, TooFewError, ValuesError, WrongTypeError

Sparse: TypeAlias = Any
"""A sparse matrix of SciPy in any format, or ``SparseRows``."""


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A sparse matrix by rows: ascending columns with their values; stored zeros stay stored.

    ``indptr`` has one entry more than there are rows: row ``i`` holds
    ``indices[indptr[i]:indptr[i + 1]]``, as in scipy's CSR.

    >>> seen = SparseRows.from_pairs([0, 0, 2], [3, 1, 0], shape=(3, 4))
    >>> seen.row(0).tolist(), seen.row(1).tolist()
    ([1, 3], [])
    """

    indptr: Int64[Array, " rows_and_one"]
    indices: Int64[Array, " entries"]
    values: Float64[Array, " entries"]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        if len(self.indptr) != self.shape[0] + 1:
            raise ShapeError(
                f"{len(self.indptr)} row ends for {self.shape[0]} rows: one more is due"
            )
        entries = len(self.indices)
        if len(self.values) != entries or not _ascend(self.indptr, entries):
            raise ShapeError(
                f"row ends that do not ascend from 0 to {entries} entries, or {len(self.values)} "
                "values for these"
            )
        _check_inside(self.indices, self.shape[1], self.shape)

    @classmethod
    def from_pairs(
        cls,
        rows: Shaped[Array, " entries"] | list[int],
        columns: Shaped[Array, " entries"] | list[int],
        values: Shaped[Array, " entries"] | list[float] | None = None,
        *,
        shape: tuple[int, int],
    ) -> "SparseRows":
        """Build from (row, column, value) triples in any order; each pair may come once.

        Values default to 1. Raises ``ShapeError`` if a pair repeats or lies outside ``shape``.
        """
        r = np.asarray(rows, dtype=np.int64)
        c = np.asarray(columns, dtype=np.int64)
        v = np.ones(len(r)) if values is None else np.asarray(values, dtype=np.float64)
        if len(r) and (min(r.min(), c.min()) < 0 or r.max() >= shape[0] or c.max() >= shape[1]):
            raise ShapeError(f"an entry lies outside the {shape[0]} x {shape[1]} table")
        order = np.lexsort((c, r))
        r, c, v = r[order], c[order], v[order]
        if np.any((r[1:] == r[:-1]) & (c[1:] == c[:-1])):
            raise ShapeError("the same row and column came twice: merge them first")
        indptr = np.zeros(shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(r, minlength=shape[0]), out=indptr[1:])
        return cls(indptr, c, v, shape)

    @cached_property
    def rows(self) -> Int64[Array, " entries"]:
        """The row of every entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    @cached_property
    def counts(self) -> Int64[Array, " rows"]:
        """The number of entries of each row."""
        return np.diff(self.indptr)

    def row(self, i: SupportsIndex) -> Int64[Array, " columns"]:
        """The columns that row ``i`` holds, ascending."""
        number = operator.index(i)
        return self.indices[self.indptr[number] : self.indptr[number + 1]]

    def take(self, rows: Int64[Array, " some"]) -> "SparseRows":
        """Some rows, in the order given."""
        counts = self.counts[rows]
        ends = np.cumsum(counts)
        indptr = np.concatenate([[0], ends]).astype(np.int64)
        positions = np.arange(int(indptr[-1])) + np.repeat(self.indptr[rows] - indptr[:-1], counts)
        return SparseRows(
            indptr, self.indices[positions], self.values[positions], (len(rows), self.shape[1])
        )

    def where(self, chosen: Bool[Array, " entries"]) -> "SparseRows":
        """Some of the entries alone; the shape stays.

        >>> table = SparseRows.from_pairs([0, 0], [1, 2], shape=(2, 3))
        >>> table.where(np.array([False, True])).row(0).tolist()
        [2]
        """
        check_array(chosen, "the mask of entries", self.indices.shape, kinds="b")
        ends = np.concatenate([[0], np.cumsum(chosen)])[self.indptr].astype(np.int64)
        return SparseRows(ends, self.indices[chosen], self.values[chosen], self.shape)

    def columns(self, start: int, stop: int) -> "SparseRows":
        """Some columns that stand side by side, counted from 0 again."""
        inside = self.where((self.indices >= start) & (self.indices < stop))
        shape = (self.shape[0], stop - start)
        return SparseRows(inside.indptr, inside.indices - start, inside.values, shape)

    def beside(self, other: "SparseRows") -> "SparseRows":
        """Both tables as one, the columns of the other behind one's own.

        >>> left = SparseRows.from_pairs([0], [1], shape=(1, 2))
        >>> left.beside(left).row(0).tolist()
        [1, 3]
        """
        width = self.shape[1]
        return SparseRows.from_pairs(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.indices, other.indices + width]),
            np.concatenate([self.values, other.values]),
            shape=(self.shape[0], width + other.shape[1]),
        )

    def take_columns(self, columns: Int64[Array, " some"]) -> "SparseRows":
        """Some columns, in the order given.

        >>> SparseRows.from_pairs([0, 0], [2, 5], shape=(1, 6)).take_columns(np.array([5])).row(0)
        array([0])
        """
        position_of = np.full(self.shape[1], -1, dtype=np.int64)
        position_of[columns] = np.arange(len(columns))
        positions = position_of[self.indices]
        picked = positions >= 0
        return SparseRows.from_pairs(
            self.rows[picked],
            positions[picked],
            self.values[picked],
            shape=(self.shape[0], len(columns)),
        )

    def likes(self) -> "SparseRows":
        """The entries above 0 alone: ratings of 0 and below are no likes.

        >>> table = SparseRows.from_pairs([0, 0], [0, 1], [4.0, -1.0], shape=(1, 2))
        >>> table.likes().row(0).tolist()
        [0]
        """
        liked = self.values > 0
        return self if liked.all() else self.where(liked)

    def ones(self) -> Any:
        """The entries above 0 as scipy's CSR array, with 1 for every value.

        >>> SparseRows.from_pairs([0, 1], [1, 0], [5.0, 3.0], shape=(2, 2)).ones().toarray()
        array([[0., 1.],
               [1., 0.]])
        """
        from scipy.sparse import csr_array

        liked = self.likes()
        ones = np.ones(len(liked.indices))
        return csr_array((ones, liked.indices, liked.indptr), shape=self.shape)


def distinct_pairs(
    rows: Shaped[Array, " entries"], columns: Shaped[Array, " entries"], shape: tuple[int, int]
) -> SparseRows:
    """The pairs that came, each once, with value 1; ``ShapeError`` for one outside of ``shape``.

    >>> distinct_pairs(np.array([0, 0]), np.array([1, 1]), (1, 2)).row(0).tolist()
    [1]
    """
    pairs = np.unique(np.stack([rows, columns]).astype(np.int64), axis=1)
    return SparseRows.from_pairs(pairs[0], pairs[1], shape=shape)


def _ascend(ends: Shaped[Array, " rows_and_one"], entries: int) -> bool:
    return bool(ends[0] == 0 and ends[-1] == entries and (ends[1:] >= ends[:-1]).all())


def _check_inside(places: Shaped[Array, " entries"], most: int, shape: tuple[int, ...]) -> None:
    if len(places) and (places.min() < 0 or places.max() >= most):
        bad = places[(places < 0) | (places >= most)][0]
        raise ShapeError(f"an entry stands at {bad}, outside of a table of {shape}: mend its rows")


def check_entries_inside(table: Any) -> None:
    """Raise ``ShapeError`` for a sparse matrix of SciPy with an entry outside of its shape.

    SciPy looks at none of them, and then reads and writes memory that is not the matrix's. What is
    no such matrix passes.

    >>> from scipy.sparse import csr_array
    >>> check_entries_inside(csr_array(([1.0], [7], [0, 1]), shape=(1, 3)))
    Traceback (most recent call last):
    ...
    anglewise.errors.ShapeError: a sparse matrix of (1, 3) holds no such table (...): ...
    """
    kind = getattr(table, "format", None) if offers(table, "tocsr") else None
    if kind == "coo":
        for places, most in zip((table.row, table.col), table.shape, strict=True):
            _check_inside(places, most, table.shape)
    elif kind in {"csr", "csc", "bsr", "lil"}:
        try:
            (table.tocsr() if kind == "lil" else table).check_format(full_check=True)
        except ValueError as error:
            raise ShapeError(
                f"a sparse matrix of {table.shape} holds no such table ({error}): make it anew"
            ) from error


def check_table(table: Any) -> None:
    """Raise for what is no table of users x items, sparse or dense, that a model can learn from.

    ``ShapeError`` for entries outside of it (``check_entries_inside``), ``ValuesError`` for what is
    no finite number, and for numbers whose products do not fit float32.

    >>> check_table(np.eye(2))
    >>> check_table(np.array([[1.0, np.nan]]))
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: the table holds float64, or NaN or infinity: numbers are due, ...
    """
    if offers(table, "table", "left", "right"):  # a shifted one
        check_table(table.table)
        return
    check_entries_inside(table)
    if offers(table, "tocsr"):
        kept = table.format in {"csr", "csc", "coo", "bsr"}
        values = table.data if kept else table.tocsr().data
    else:
        values = np.asarray(table)
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise ValuesError(
            f"the table holds {values.dtype}, or NaN or infinity: numbers are due, 0 where nothing "
            "was used"
        )
    with np.errstate(over="ignore"):
        squares = np.linalg.norm(values.ravel().astype(np.float64, copy=False)) ** 2
    if squares > np.finfo(np.float32).max:
        largest = float(np.abs(values).max())
        raise ValuesError(
            f"the table holds numbers up to {largest:.3g}, whose products do not fit float32: "
            "divide it by a number"
        )


@dataclass(frozen=True, eq=False)
class Interactions:
    """Users x items, one entry for each pair, with its weight and, if known, its time.

    ``users[e]``, ``items[e]``, ``weights[e]``, ``times[e]`` describe entry ``e``. No pair repeats:
    readers keep the last of repeated pairs and say so. Where pairs repeated and times are known,
    ``other_uses`` holds what was not kept, by the same ids: a split in time needs it, for what was
    used before a moment was used then, whatever came later. Weights below ``least_weight`` count
    for nothing there.
    """

    users: Int64[Array, " entries"]
    items: Int64[Array, " entries"]
    weights: Float64[Array, " entries"]
    user_ids: Shaped[Array, " users"]
    item_ids: Shaped[Array, " items"]
    times: Float64[Array, " entries"] | None = None
    item_metadata: Mapping[str, Any] | None = None
    other_uses: "Interactions | None" = None
    least_weight: float | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.users), len(self.items), len(self.weights)}
        if self.times is not None:
            lengths.add(len(self.times))
        if len(lengths) > 1:
            raise ShapeError("users, items, weights and times differ in length")
        if not len(self.users):
            raise TooFewError("no interactions: at least one user who used one item is due")
        for name, numbers in (("weights", self.weights), ("times", self.times)):
            if numbers is not None and not np.isfinite(numbers).all():
                raise ValuesError(f"{name} hold NaN or infinity: finite numbers are due")
        for name, rows, ids in (
            ("users", self.users, self.user_ids),
            ("items", self.items, self.item_ids),
        ):
            if rows.min() < 0 or rows.max() >= len(ids):
                raise ShapeError(
                    f"{name} are the rows {rows.min()} to {rows.max()}, and there are {len(ids)} "
                    "ids: each entry is to be one of them"
                )

    @property
    def shape(self) -> tuple[int, int]:
        """Users, items."""
        return len(self.user_ids), len(self.item_ids)

    def every_use(self) -> "Interactions":
        """The uses that were not kept, then these entries: pairs repeat."""
        if self.other_uses is None:
            return self
        parts = (self.other_uses, self)
        return replace(
            self,
            users=np.concatenate([part.users for part in parts]),
            items=np.concatenate([part.items for part in parts]),
            weights=np.concatenate([part.weights for part in parts]),
            times=np.concatenate([np.asarray(part.times) for part in parts]),
            other_uses=None,
        )

    @property
    def liked(self) -> Bool[Array, " entries"]:
        """Which entries weigh more than 0: ratings of 0 and below are no likes."""
        return self.weights > 0

    @property
    def heavy_enough(self) -> Bool[Array, " entries"]:
        """Which entries weigh as much as was asked for when they were read."""
        return self.weights >= (-np.inf if self.least_weight is None else self.least_weight)

    def first_times(self) -> Float64[Array, " entries"] | None:
        """When the pair of each entry was used first; None without times.

        What was used before a moment and after it again was used before it. Uses that weigh less
        than was asked for count for nothing.

        >>> one = np.zeros(1, dtype=np.int64)
        >>> first = Interactions(one, one, one + 1.0, one, one, times=np.array([3.0]))
        >>> replace(first, times=np.array([9.0]), other_uses=first).first_times().tolist()
        [3.0]
        """
        if self.times is None or self.other_uses is None:
            return self.times
        uses = self.every_use()
        uses = uses.take(np.flatnonzero(uses.heavy_enough & uses.liked))
        keys, own = (part.users * len(self.item_ids) + part.items for part in (uses, self))
        order = np.lexsort((np.asarray(uses.times), keys))
        pairs, starts = np.unique(keys[order], return_index=True)
        first = np.asarray(uses.times)[order[starts]]
        place = np.minimum(np.searchsorted(pairs, own), len(pairs) - 1)
        return np.where(pairs[place] == own, first[place], self.times)

    def take(self, entries: Int64[Array, " some"]) -> "Interactions":
        """Some entries, in the order given, and the same ids."""
        return replace(
            self,
            users=self.users[entries],
            items=self.items[entries],
            weights=self.weights[entries],
            times=None if self.times is None else self.times[entries],
        )

    def last_of_each(self) -> tuple[Int64[Array, " last"], Int64[Array, " others"]]:
        """The entries that are the last of their pair, by user and item, and all other entries.

        The last is so by time where there are times, else by place.

        >>> pair, one = np.zeros(3, dtype=np.int64), np.ones(3)
        >>> used = Interactions(pair, pair, one, pair[:1], pair[:1], np.array([5.0, 9.0, 7.0]))
        >>> [part.tolist() for part in used.last_of_each()]
        [[1], [0, 2]]
        """
        key = self.users * len(self.item_ids) + self.items
        order = np.argsort(key, kind="stable")
        repeated = key[order[1:]] == key[order[:-1]]
        if self.times is not None and repeated.any():
            is_repeated = np.append(repeated, False) | np.append(False, repeated)
            repeats = order[is_repeated]
            order[is_repeated] = repeats[np.lexsort((self.times[repeats], key[repeats]))]
        last = np.append(~repeated, True)
        return order[last], order[~last]

    def rows_in(
        self, users: Mapping[str, int], items: Mapping[str, int]
    ) -> tuple[Int64[Array, " entries"], Int64[Array, " entries"]]:
        """The rows of each entry's user and item, given the row of each id; -1 for an unknown id.

        >>> one = Interactions(*map(np.array, ([0], [0], [1.0])), np.array(["u"]), np.array(["i"]))
        >>> one.rows_in({"v": 0, "u": 1}, {})
        (array([1]), array([-1]))
        """
        known_users = np.array([users.get(str(i), -1) for i in self.user_ids], dtype=np.int64)
        known_items = np.array([items.get(str(i), -1) for i in self.item_ids], dtype=np.int64)
        return known_users[self.users], known_items[self.items]

    def rows(self) -> SparseRows:
        """The weights as sparse rows, one row a user."""
        return SparseRows.from_pairs(self.users, self.items, self.weights, shape=self.shape)


def as_sparse_rows(value: Sparse, name: str, shape: tuple[int, int] | None = None) -> SparseRows:
    """A sparse matrix of SciPy, in any format, as sparse rows; cells that repeat are added up.

    Raises ``WrongTypeError`` for what is no sparse matrix, ``ShapeError`` unless it has ``shape``,
    ``ValuesError`` for values that are not finite numbers.

    >>> from scipy.sparse import csr_array
    >>> as_sparse_rows(csr_array([[0, 2, 1]]), "seen").row(0).tolist()
    [1, 2]
    """
    if is_kind(value, SparseRows):
        table = value
        if not np.isfinite(table.values).all():
            raise ValuesError(f"{name} holds NaN or infinity: numbers are due")
    elif offers(value, "tocsr") and len(value.shape) == 2:
        check_entries_inside(value)
        matrix = value.tocsr()
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        if matrix.dtype.kind not in "fiub" or not np.isfinite(matrix.data).all():
            raise ValuesError(f"{name} holds {matrix.dtype}, or NaN or infinity: numbers are due")
        table = SparseRows(
            matrix.indptr.astype(np.int64),
            matrix.indices.astype(np.int64),
            matrix.data.astype(np.float64),
            (int(matrix.shape[0]), int(matrix.shape[1])),
        )
    else:
        raise WrongTypeError(
            f"{name} is {described(value)}: a sparse matrix is due, such as "
            "scipy.sparse.csr_array(table)"
        )
    if shape is not None and table.shape != shape:
        raise ShapeError(f"{name} is {table.shape}: {shape} is due")
    return table
