"""The items that may belong to the nearest of each query, found in float32."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float32, Int, Int64, Shaped
from anglewise.search.ranking import NOBODY, keys, places_of, scores_of


@dataclass(eq=False)
class Candidates:
    """For each query and measure a few items, and a cut that all other items do not exceed.

    ``entries`` are sortable numbers made of the float32 value and the row, the smaller the
    better, ``queries x measures x room``; the first ``counts`` of them hold. An item whose value
    exceeds ``cut`` is among them. When there is no more room the best ``keep`` stay and the cut
    rises to the last of them.
    """

    keep: int
    entries: Shaped[Array, "q m room"]
    counts: Int[Array, "q m"]
    cut: Float32[Array, "q m"]

    @classmethod
    def none(cls, queries: int, measures: int, keep: int) -> "Candidates":
        """Nobody yet, and nothing to exceed."""
        return cls(
            keep,
            np.full((queries, measures, 2 * keep), NOBODY),
            np.zeros((queries, measures), dtype=np.int32),
            np.full((queries, measures), -np.inf, dtype=np.float32),
        )

    @property
    def rows(self) -> Int64[Array, "q m keep"]:
        """The rows that are kept, in no order; -1 where there are fewer."""
        return places_of(self.entries[:, :, : self.keep])

    def raise_cut(self) -> None:
        """Let the cut rise to the last of those kept, where there are enough of them."""
        last = scores_of(self.entries[:, :, : self.keep].max(axis=2))
        risen = (self.counts == self.keep) & (last > self.cut) & (last < np.inf)
        self.cut[risen] = last[risen]

    def adopt(self, others: "Candidates") -> None:
        """Start from the candidates of some of the items, and from their cut."""
        self.entries[:, :, : others.keep] = others.entries[:, :, : others.keep]
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
        entries = keys(np.where(np.isnan(values), np.float32(np.inf), values), rows)
        order = np.argsort(queries.astype(np.uint16), kind="stable")
        queries, entries = queries[order], entries[order]
        many = np.bincount(queries, minlength=len(self.counts))
        if many.max(initial=0) > self.keep:
            queries, entries = self._foremost(measure, queries, entries)
            many = np.bincount(queries, minlength=len(self.counts))
        full = self.counts[:, measure] + many > self.entries.shape[2]
        self._compact(measure, np.flatnonzero(full))
        within = np.arange(len(queries)) - (np.cumsum(many) - many)[queries]
        self.entries[queries, measure, self.counts[queries, measure] + within] = entries
        self.counts[:, measure] += many.astype(np.int32)

    def finish(self) -> None:
        """Leave no more than ``keep`` with each query."""
        for measure in range(self.counts.shape[1]):
            self._compact(measure, np.flatnonzero(self.counts[:, measure] > self.keep))

    def _foremost(
        self, measure: int, queries: Int64[Array, " found"], entries: Shaped[Array, " found"]
    ) -> tuple[Int64[Array, " _"], Shaped[Array, " _"]]:
        """The best ``keep`` of each query; the cut rises to the best of the others."""
        order = np.lexsort((entries, queries))
        queries, entries = queries[order], entries[order]
        many = np.bincount(queries, minlength=len(self.counts))
        within = np.arange(len(queries)) - (np.cumsum(many) - many)[queries]
        first, stay = within == self.keep, within < self.keep
        self._raise(measure, queries[first], entries[first])
        return queries[stay], entries[stay]

    def _compact(self, measure: int, queries: Int64[Array, " full"]) -> None:
        best = np.partition(self.entries[queries, measure], self.keep - 1, axis=1)
        self.entries[queries, measure] = best
        self.counts[queries, measure] = self.keep
        self._raise(measure, queries, best[:, self.keep - 1])

    def _raise(
        self, measure: int, queries: Int64[Array, " some"], to: Shaped[Array, " some"]
    ) -> None:
        self.cut[queries, measure] = np.maximum(self.cut[queries, measure], scores_of(to))
