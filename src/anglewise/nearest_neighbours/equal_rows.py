"""Rows that no query can tell apart: of many equal ones, one is scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.mapped import forget
from anglewise.data_types.typing import Array, Float64, Int64, Shaped
from anglewise.nearest_neighbours.ranking import Exclusions, IdOrder
from anglewise.nearest_neighbours.row_spans import spans, vectors_at

HASHED_ROWS = 1 << 12
"""Rows that are hashed or compared at once."""


@dataclass(frozen=True, eq=False)
class EqualRows:
    """Ranked rows in groups: those of a group have one vector, and so one score for any query.

    ``first`` holds the first row of each group. The rows of group ``g`` stand at ``starts[g]`` to
    ``starts[g + 1]`` of ``members``, in the order of ids. So do the groups, by their first rows,
    unless each row is a group.
    """

    first: Int64[Array, " groups"]
    group_of: Int64[Array, " n"]
    members: Int64[Array, " n"]
    starts: Int64[Array, " groups_and_one"]

    @classmethod
    def alone(cls, count: int) -> "EqualRows":
        """Each row is a group, in the order of rows."""
        rows = np.arange(count + 1, dtype=np.int64)
        return cls(rows[:-1], rows[:-1], rows[:-1], rows)

    @classmethod
    def of(
        cls, ranked: Embeddings, columns: Sequence[Float64[Array, " n"]], id_order: IdOrder
    ) -> "EqualRows":
        """Rows that agree in their vector and in these columns.

        To the bit, but for the sign of zeros. Rows of one hash are compared, and those that
        differ stand alone, which costs time and changes no result.
        """
        hashes = _hashes(ranked, columns)
        _, first, group_of = np.unique(hashes, return_index=True, return_inverse=True)
        alone = _different(ranked, columns, first[group_of])
        group_of[alone] = len(first) + np.arange(len(alone))
        positions = id_order.positions(np.arange(len(group_of), dtype=np.int64))
        lowest = np.full(int(group_of.max()) + 1, len(positions))
        np.minimum.at(lowest, group_of, positions)
        _, group_of = np.unique(lowest[group_of], return_inverse=True)
        members = np.lexsort((positions, group_of))
        starts = np.concatenate([[0], np.cumsum(np.bincount(group_of))]).astype(np.int64)
        return cls(members[starts[:-1]], group_of.astype(np.int64), members, starts)

    def rows(self, groups: range) -> range | Int64[Array, " some"]:
        """The first row of some groups; a range where they are neighbours, to save a copy."""
        first = self.first[groups.start : groups.stop]
        adjacent = bool((np.diff(first) == 1).all())
        return range(int(first[0]), int(first[0]) + len(first)) if adjacent else first

    def hidden(
        self, exclusions: Exclusions
    ) -> tuple[Int64[Array, " pairs"], Int64[Array, " pairs"]]:
        """How many rows of a group a query is not shown: (query, group) ascending, the number."""
        queries = np.repeat(np.arange(len(exclusions.counts)), exclusions.counts)
        pairs = queries * len(self.first) + self.group_of[exclusions.indices]
        return np.unique(pairs, return_counts=True)

    def shown(
        self,
        queries: Int64[Array, " pairs"],
        rows: Int64[Array, " pairs"],
        exclusions: Exclusions,
        hidden: tuple[Int64[Array, " some"], Int64[Array, " some"]],
        k: int,
    ) -> tuple[Int64[Array, " shown"], Int64[Array, " shown"], Int64[Array, " pairs"]]:
        """The first ``k`` or more rows that each query may be shown of the group that a row begins.

        Returned are the pair that each row belongs to, the row, and how many more there are of
        each pair.
        """
        if len(self.first) == len(self.group_of):
            pair = np.flatnonzero(exclusions.allows(queries, rows))
            return pair, rows[pair], np.zeros(len(rows), dtype=np.int64)
        groups = self.group_of[rows]
        hidden_pairs, hidden_counts = hidden
        less = np.zeros(len(rows), dtype=np.int64)
        if len(hidden_pairs):
            sought = queries * len(self.first) + groups
            at = np.minimum(np.searchsorted(hidden_pairs, sought), len(hidden_pairs) - 1)
            less = np.where(hidden_pairs[at] == sought, hidden_counts[at], 0)
        size = self.starts[groups + 1] - self.starts[groups]
        many = np.minimum(size, k + less)
        pair = np.repeat(np.arange(len(rows)), many)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(many) - many, many)
        row = self.members[self.starts[groups][pair] + within]
        allowed = exclusions.allows(queries[pair], row)
        pair, row = pair[allowed], row[allowed]
        return pair, row, size - less - np.bincount(pair, minlength=len(rows))


def _hashes(ranked: Embeddings, columns: Sequence[Float64[Array, " n"]]) -> Shaped[Array, " n"]:
    """One number for each row, the same for rows that agree."""
    rng = np.random.default_rng(0)
    factors = rng.integers(2**63, size=ranked.dimension + len(columns), dtype=np.uint64) * 2 + 1
    out = np.zeros(len(ranked), dtype=np.uint64)
    for span in spans(len(ranked), HASHED_ROWS):
        words = _words(ranked, columns, span)
        out[span.start : span.stop] = (words * factors).sum(axis=1, dtype=np.uint64)
        forget(ranked.vectors[span.start : span.stop])
    return out


def _words(
    ranked: Embeddings,
    columns: Sequence[Float64[Array, " n"]],
    rows: range | Int64[Array, " some"],
) -> Shaped[Array, "some words"]:
    """The bits of the vectors and columns of these rows, all zeros of one sign."""
    vectors = np.ascontiguousarray(vectors_at(ranked, rows), dtype=np.float32) + np.float32(0)
    at = slice(rows.start, rows.stop) if isinstance(rows, range) else rows
    beside = [np.ascontiguousarray(column[at]).view(np.uint64)[:, None] for column in columns]
    return np.concatenate([vectors.view(np.uint32).astype(np.uint64), *beside], axis=1)


def _different(
    ranked: Embeddings,
    columns: Sequence[Float64[Array, " n"]],
    first: Int64[Array, " n"],
) -> Int64[Array, " some"]:
    """Rows that differ from the first of their hash."""
    others = np.flatnonzero(first != np.arange(len(first)))
    parts = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(others), HASHED_ROWS):
        some = others[start : start + HASHED_ROWS]
        differs = _words(ranked, columns, some) != _words(ranked, columns, first[some])
        parts.append(some[differs.any(axis=1)])
    return np.concatenate(parts)
