"""A block of queries and all that one pass needs to know to answer it."""

from dataclasses import dataclass, replace

import numpy as np

from anglewise.embeddings import Embeddings
from anglewise.measures.formula import Formula
from anglewise.search.exact import moved, norms, products, scores
from anglewise.search.left_out import LeftOut
from anglewise.search.plan import Pass
from anglewise.search.ranking import Places, keys
from anglewise.typing import Array, Float32, Float64, Int64, Shaped

MOVED_BYTES = 1 << 23
"""Rows of the ranked side are moved again, exactly, in pieces of this size."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """Pairs of a query and a row of the ranked side, to be scored by a formula."""

    formula: Formula
    asking: Int64[Array, " pairs"]
    rows: Int64[Array, " pairs"]


@dataclass(frozen=True, eq=False)
class Asked:
    """Queries in the frame of a pass, exact and in float32, and whom they may be shown.

    ``norms`` are the exact norms, ``reduced`` and ``reduced_norms`` what the float32 pass works
    with, after the shift.
    """

    shared: Pass
    ranked: Embeddings
    places: Places
    left_out: LeftOut
    k: int
    exact: Float64[Array, "q r"]
    norms: Float64[Array, " q"]
    reduced: Float32[Array, "q r"]
    reduced_norms: Float64[Array, " q"]

    def __len__(self) -> int:
        return len(self.exact)

    def part(self, which: slice) -> "Asked":
        """Some neighbouring queries."""
        return self._some(which, self.left_out.block(which.start, which.stop))

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

    def keys(self, wanted: list[Wanted]) -> list[Shaped[Array, " _"]]:
        """The exact sortable numbers of pairs."""
        if self.shared.ranked is None:
            x = self.ranked.vectors
            found = [products(w.formula.product, self.exact, x, w.asking, w.rows) for w in wanted]
        else:
            found = self._moved_products(wanted)
        return [
            keys(
                scores(w.formula, product, self.norms[w.asking], lengths),
                self.places.places(w.rows),
            )
            for w, (product, lengths) in zip(wanted, found, strict=True)
        ]

    def _moved_products(
        self, wanted: list[Wanted]
    ) -> list[tuple[Float64[Array, " _"], Float64[Array, " _"]]]:
        """Each row is moved once, however many pairs it stands in."""
        out = [(np.empty(len(w.rows)), np.empty(len(w.rows))) for w in wanted]
        due, at = np.unique(np.concatenate([w.rows for w in wanted]), return_inverse=True)
        place = np.split(at, np.cumsum([len(w.rows) for w in wanted])[:-1])
        length = max(64, MOVED_BYTES // (8 * self.exact.shape[1]))
        for start in range(0, len(due), length):
            x = moved(self.ranked.vectors[due[start : start + length]], self.shared.ranked)
            for w, inside, (product, lengths) in zip(wanted, place, out, strict=True):
                here = np.flatnonzero((inside >= start) & (inside < start + length))
                product[here], lengths[here] = products(
                    w.formula.product, self.exact, x, w.asking[here], inside[here] - start
                )
        return out


def asked(
    shared: Pass,
    ranked: Embeddings,
    *,
    places: Places,
    left_out: LeftOut,
    k: int,
    vectors: Float32[Array, "q d"],
) -> Asked:
    """Take queries into the frame of a pass."""
    exact = moved(vectors, shared.asking)
    shifted = exact if shared.shift is None else exact - shared.shift
    with np.errstate(over="ignore"):
        reduced = shifted.astype(np.float32)
    return Asked(shared, ranked, places, left_out, k, exact, norms(exact), reduced, norms(shifted))
