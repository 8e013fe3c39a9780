"""A block of queries and all that one pass needs to know to answer it."""

from dataclasses import dataclass, replace

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Float32, Float64, Int, Int64, Shaped
from anglewise.search.exact import KINDS, Lists, norms, products, scores
from anglewise.search.kept import Kept
from anglewise.search.left_out import LeftOut
from anglewise.search.move import moved
from anglewise.search.plan import Pass
from anglewise.search.ranking import NOBODY, Places, keys

MOVED_BYTES = 1 << 23
"""Rows of the ranked side are moved again, exactly, in pieces of this size."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Queries in the frame of a pass, exact and in float32, and whom they may be shown.

    ``norms`` are the exact norms, ``reduced`` and ``reduced_norms`` what the float32 pass works
    with, after the shift. ``kept`` holds or makes the tiles.
    """

    shared: Pass
    ranked: Embeddings
    places: Places
    left_out: LeftOut
    k: int
    kept: Kept
    exact: Float64[Array, "q r"]
    norms: Float64[Array, " q"]
    reduced: Float32[Array, "q r"]
    reduced_norms: Float64[Array, " q"]

    def __len__(self) -> int:
        return len(self.exact)

    def part(self, which: range) -> "Asked":
        """Some neighbouring queries."""
        left_out = self.left_out.block(which.start, which.stop)
        return self._some(slice(which.start, which.stop), left_out)

    def take(self, which: Int64[Array, " some"]) -> "Asked":
        """Some queries, in the order asked for."""
        return self._some(which, self.left_out.take(which))

    def _some(self, which: Int64[Array, " some"] | slice, left_out: LeftOut) -> "Asked":
        return replace(
            self,
            left_out=left_out,
            exact=self.exact[which],
            norms=self.norms[which],
            reduced=self.reduced[which],
            reduced_norms=self.reduced_norms[which],
        )

    def keys(self, rows: Int[Array, "q m listed"]) -> Shaped[Array, "q m listed"]:
        """The exact sortable numbers of rows listed for each query and measure; -1 is nobody."""
        q, m, listed = rows.shape
        kinds = np.array([KINDS.index(formula.product) for formula in self.shared.formulas])
        asking = np.repeat(np.arange(q, dtype=np.int64), m)
        lists = Lists(asking, np.tile(kinds, q), rows.reshape(q * m, listed))
        product, lengths = self.products(lists)
        out = np.full(rows.shape, NOBODY)
        for j, formula in enumerate(self.shared.formulas):
            shape = (q, listed)
            score = scores(
                formula,
                rows[:, j],
                product.reshape(rows.shape)[:, j],
                np.broadcast_to(self.norms[:, None], shape),
                lengths.reshape(rows.shape)[:, j],
            )
            out[:, j] = np.where(
                rows[:, j] < 0, NOBODY, keys(score, self.places.places(rows[:, j]))
            )
        return out

    def pair_keys(
        self, measure: int, asking: Int64[Array, " pairs"], rows: Int64[Array, " pairs"]
    ) -> Shaped[Array, " pairs"]:
        """The exact sortable numbers of pairs of a query and a row."""
        formula = self.shared.formulas[measure]
        kinds = np.full(len(rows), KINDS.index(formula.product))
        product, lengths = self.products(Lists(np.ascontiguousarray(asking), kinds, rows[:, None]))
        score = scores(formula, rows, product[:, 0], self.norms[asking], lengths[:, 0])
        return keys(score, self.places.places(rows))

    def products(
        self, lists: Lists
    ) -> tuple[Float64[Array, "lists listed"], Float64[Array, "lists listed"]]:
        """The products of lists of rows, and the norms of the rows; each row is moved once."""
        rows = lists.rows
        product, squares = np.zeros(rows.shape), np.zeros(rows.shape)
        if self.shared.ranked is None:
            products(lists, self.exact, self.ranked.vectors, product, squares)
            return product, np.sqrt(squares)
        due, at = np.unique(rows, return_inverse=True)
        place = np.where(rows < 0, -1, at.reshape(rows.shape))
        length = max(64, MOVED_BYTES // (8 * self.exact.shape[1]))
        for start in range(0, len(due), length):
            x = moved(self.ranked.vectors[due[start : start + length]], self.shared.ranked)
            here = (place >= start) & (place < start + length)
            local = replace(lists, rows=np.where(here, place - start, -1))
            products(local, self.exact, x, product, squares)
        return product, np.sqrt(squares)


def asked(
    shared: Pass,
    ranked: Embeddings,
    *,
    places: Places,
    left_out: LeftOut,
    k: int,
    kept: Kept,
    vectors: Float32[Array, "q d"],
) -> Asked:
    """Take queries into the frame of a pass."""
    exact = moved(vectors, shared.asking)
    if shared.unit_queries:
        lengths = norms(exact)
        exact = exact / np.where(lengths > 0, lengths, 1.0)[:, None]
    shifted = exact if shared.shift is None else exact - shared.shift
    with np.errstate(over="ignore"):
        reduced = shifted.astype(np.float32)
    return Asked(
        shared, ranked, places, left_out, k, kept, exact, norms(exact), reduced, norms(shifted)
    )
