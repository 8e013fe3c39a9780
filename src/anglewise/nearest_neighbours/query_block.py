"""A block of queries in the frame of a pass, and the exact scores of pairs of it."""

from dataclasses import dataclass, replace

import numpy as np

from anglewise.data_types.typing import Array, Float32, Float64, Int, Int64
from anglewise.nearest_neighbours.passes import Pass, moved
from anglewise.nearest_neighbours.ranking import (
    KINDS,
    NOWHERE,
    Exclusions,
    TopK,
    norms,
    products,
    scores,
)
from anglewise.nearest_neighbours.tiles import PreparedItems

MOVED_BYTES = 1 << 23
"""Rows of the ranked side are moved again, exactly, in pieces of this size."""


@dataclass(frozen=True, eq=False)
class QueryBlock:
    """Queries in the frame of a pass, exact and in float32, and what they must not be shown.

    ``norms`` are the exact norms, ``reduced`` and ``reduced_norms`` what the float32 pass works
    with, after the shift.
    """

    items: PreparedItems
    shared: Pass
    exclusions: Exclusions
    k: int
    exact: Float64[Array, "q r"]
    norms: Float64[Array, " q"]
    reduced: Float32[Array, "q r"]
    reduced_norms: Float64[Array, " q"]

    @classmethod
    def of(
        cls,
        items: PreparedItems,
        shared: Pass,
        vectors: Float32[Array, "q d"],
        exclusions: Exclusions,
        k: int,
    ) -> "QueryBlock":
        """Take queries into the frame of a pass."""
        exact = moved(vectors, shared.asking)
        if shared.formulas[0].unit_queries:
            lengths = norms(exact)
            exact = exact / np.where(lengths > 0, lengths, 1.0)[:, None]
        shifted = exact if shared.shift is None else exact - shared.shift
        with np.errstate(over="ignore"):
            reduced = shifted.astype(np.float32)
        return cls(items, shared, exclusions, k, exact, norms(exact), reduced, norms(shifted))

    def __len__(self) -> int:
        return len(self.exact)

    def take(self, which: Int64[Array, " some"] | range) -> "QueryBlock":
        """Some queries, in the order given."""
        adjacent = isinstance(which, range)
        at = slice(which.start, which.stop) if adjacent else which
        return replace(
            self,
            exclusions=self.exclusions.block(which) if adjacent else self.exclusions.take(which),
            exact=self.exact[at],
            norms=self.norms[at],
            reduced=self.reduced[at],
            reduced_norms=self.reduced_norms[at],
        )

    def top(self, rows: Int[Array, "q m listed"]) -> list[TopK]:
        """The best of the rows listed for each query and measure by exact scores; -1 is no item."""
        q, m, listed = rows.shape
        kinds = np.array([KINDS.index(formula.product) for formula in self.shared.formulas])
        numbers = np.repeat(np.arange(q, dtype=np.int64), m)
        product, lengths = self.products(numbers, np.tile(kinds, q), rows.reshape(q * m, listed))
        product, lengths = product.reshape(rows.shape), lengths.reshape(rows.shape)
        query_norms = np.broadcast_to(self.norms[:, None], (q, listed))
        answers: list[TopK] = []
        for j, formula in enumerate(self.shared.formulas):
            of_measure = rows[:, j]
            score = scores(formula, of_measure, product[:, j], query_norms, lengths[:, j])
            position = self.items.id_order.positions(of_measure)
            none = of_measure < 0
            if none.any():
                score, position = np.where(none, -np.inf, score), np.where(none, NOWHERE, position)
            answers.append(TopK.of(score, position, self.k))
        return answers

    def pair_scores(
        self, measure: int, queries: Int64[Array, " pairs"], rows: Int64[Array, " pairs"]
    ) -> Float64[Array, " pairs"]:
        """The exact scores of pairs of a query and a row."""
        formula = self.shared.formulas[measure]
        kinds = np.full(len(rows), KINDS.index(formula.product))
        product, lengths = self.products(np.ascontiguousarray(queries), kinds, rows[:, None])
        return scores(formula, rows, product[:, 0], self.norms[queries], lengths[:, 0])

    def products(
        self,
        queries: Int64[Array, " lists"],
        kinds: Int[Array, " lists"],
        rows: Int[Array, "lists listed"],
    ) -> tuple[Float64[Array, "lists listed"], Float64[Array, "lists listed"]]:
        """The products of lists of rows, and the norms of the rows; each row is moved once."""
        ranked, move = self.items.ranked.vectors, self.shared.ranked
        product, squares = np.zeros(rows.shape), np.zeros(rows.shape)
        if move is None:
            products(self.exact, ranked, queries, kinds, rows, product=product, squares=squares)
            return product, np.sqrt(squares)
        distinct, at = np.unique(rows, return_inverse=True)
        at = np.where(rows < 0, -1, at.reshape(rows.shape))
        length = max(64, MOVED_BYTES // (8 * self.exact.shape[1]))
        for start in range(0, len(distinct), length):
            x = moved(ranked[distinct[start : start + length]], move)
            here = (at >= start) & (at < start + length)
            local = np.where(here, at - start, -1)
            products(self.exact, x, queries, kinds, local, product=product, squares=squares)
        return product, np.sqrt(squares)
