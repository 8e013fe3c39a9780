"""The items that may belong to the nearest of each query, found in float32."""

from dataclasses import dataclass

import numpy as np

from anglewise.typing import Array, Float32, Int, Int64


@dataclass(eq=False)
class Candidates:
    """For each query and measure a few items, and a cut that all other items do not exceed.

    ``values`` and ``rows`` are ``queries x measures x room``; the first ``counts`` of them hold.
    An item whose float32 value exceeds ``cut`` is among them. When there is no more room the
    best ``keep`` stay and the cut rises to the least of them.
    """

    keep: int
    values: Float32[Array, "q m room"]
    rows: Int[Array, "q m room"]
    counts: Int[Array, "q m"]
    cut: Float32[Array, "q m"]

    @classmethod
    def none(cls, queries: int, measures: int, keep: int) -> "Candidates":
        """Nobody yet, and nothing to exceed."""
        room = 2 * keep
        return cls(
            keep,
            np.full((queries, measures, room), -np.inf, dtype=np.float32),
            np.full((queries, measures, room), -1, dtype=np.int32),
            np.zeros((queries, measures), dtype=np.int32),
            np.full((queries, measures), -np.inf, dtype=np.float32),
        )

    def adopt(self, others: "Candidates") -> None:
        """Start from the candidates of some of the items, and from their cut."""
        self.values[:, :, : others.keep] = others.values[:, :, : others.keep]
        self.rows[:, :, : others.keep] = others.rows[:, :, : others.keep]
        self.counts[:] = others.counts
        self.cut[:] = others.cut

    def add(
        self,
        measure: int,
        queries: Int64[Array, " found"],
        values: Float32[Array, " found"],
        rows: Int64[Array, " found"],
    ) -> None:
        """Take in items that exceed the cut, in any order; none may come twice."""
        values = np.where(np.isnan(values), np.float32(np.inf), values)
        order = np.argsort(queries.astype(np.uint16), kind="stable")
        queries, values, rows = queries[order], values[order], rows[order]
        many = np.bincount(queries, minlength=len(self.counts))
        if many.max(initial=0) > self.keep:
            queries, values, rows = self._foremost(measure, queries, values, rows)
            many = np.bincount(queries, minlength=len(self.counts))
        full = self.counts[:, measure] + many > self.values.shape[2]
        self._compact(measure, np.flatnonzero(full))
        within = np.arange(len(queries)) - (np.cumsum(many) - many)[queries]
        at = self.counts[queries, measure] + within
        self.values[queries, measure, at] = values
        self.rows[queries, measure, at] = rows
        self.counts[:, measure] += many.astype(np.int32)

    def _foremost(
        self,
        measure: int,
        queries: Int64[Array, " found"],
        values: Float32[Array, " found"],
        rows: Int64[Array, " found"],
    ) -> tuple[Int64[Array, " _"], Float32[Array, " _"], Int64[Array, " _"]]:
        """The best ``keep`` of each query; the cut rises to the best of the others."""
        order = np.lexsort((-values, queries))
        queries, values, rows = queries[order], values[order], rows[order]
        many = np.bincount(queries, minlength=len(self.counts))
        within = np.arange(len(queries)) - (np.cumsum(many) - many)[queries]
        first, stay = within == self.keep, within < self.keep
        cut = self.cut[:, measure]
        cut[queries[first]] = np.maximum(cut[queries[first]], values[first])
        return queries[stay], values[stay], rows[stay]

    def finish(self) -> None:
        """Leave no more than ``keep`` with each query."""
        for measure in range(self.counts.shape[1]):
            full = np.flatnonzero(self.counts[:, measure] > self.keep)
            self._compact(measure, full.astype(np.int64))

    def _compact(self, measure: int, queries: Int64[Array, " full"]) -> None:
        if not len(queries):
            return
        values = self.values[queries, measure]
        order = np.argpartition(-values, self.keep - 1, axis=1)[:, : self.keep]
        values = np.take_along_axis(values, order, axis=1)
        rows = np.take_along_axis(self.rows[queries, measure], order, axis=1)
        self.values[queries, measure] = -np.inf
        self.rows[queries, measure] = -1
        self.values[queries, measure, : self.keep] = values
        self.rows[queries, measure, : self.keep] = rows
        self.counts[queries, measure] = self.keep
        least = np.maximum(self.cut[queries, measure], values.min(axis=1))
        self.cut[queries, measure] = least
