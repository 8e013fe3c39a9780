"""How far the float32 pass can be wrong, and what follows from it.

The pass ranks items by ``a = g * weight + bias`` in float32 and drops what is at most a cut. By
Cauchy-Schwarz the true value of a dropped item exceeds the cut by little, and never exceeds
``|q| |x| weight + bias``. Both are bounded for the items of one size at a time (norms within a
factor of two), so that one long vector does not spoil the bound of all others. If the score that
belongs to the bound lies below the k-th exact score found, nothing outside can be better or tied.
"""

from dataclasses import dataclass, replace

import numpy as np

from anglewise.core.typing import Array, Bool, Float32, Float64, Int64
from anglewise.measures.formulas import Formula

UNIT = 2.0**-24
SIZES = 512
"""Sizes of items: powers of two from 2^-256 on."""
TOO_LARGE = 1e37
"""Beyond this, float32 sums may overflow: nothing is known about them."""


@dataclass(frozen=True, eq=False)
class Reach:
    """The largest of each quantity among the items of each size; minus infinity if there are none.

    Rows: the norm; how far the float32 row may lie from the exact one beyond rounding; then for
    each measure weight times norm, weight, bias, and the absolute value of the bias.
    """

    table: Float64[Array, "quantities sizes"]

    @classmethod
    def of(
        cls,
        norm: Float64[Array, " blocks"],
        stray: float,
        *,
        lever: Float32[Array, "m blocks"],
        weight: Float32[Array, "m blocks"],
        bias: Float32[Array, "m blocks"],
        least_bias: Float32[Array, "m blocks"],
    ) -> "Reach":
        """From the largest of each quantity, and the range of the bias, in blocks of items.

        The largest weight times norm is less than the product of both where a block holds items
        of many sizes, as the one does that spans from rounding noise to the others.
        """
        extent = np.maximum(np.abs(bias), np.abs(least_bias))
        quantities = np.concatenate(
            [norm[None], np.full((1, len(norm)), stray), lever, weight, bias, extent]
        )
        exponent = np.frexp(norm)[1] + SIZES // 2
        size = np.where(norm > 0, exponent, 0)
        order = np.argsort(size)
        size, quantities = size[order], quantities[:, order]
        first = np.flatnonzero(np.diff(size, prepend=-1))
        table = np.full((len(quantities), SIZES), -np.inf)
        table[:, size[first]] = np.maximum.reduceat(quantities, first, axis=1)
        return cls(table)

    @classmethod
    def of_nothing(cls, measures: int) -> "Reach":
        """Of no items."""
        return cls(np.full((2 + 4 * measures, SIZES), -np.inf))

    def join(self, other: "Reach") -> "Reach":
        """The reach of both sets of items."""
        return Reach(np.maximum(self.table, other.table))


@dataclass(frozen=True, eq=False)
class Bound:
    """What is known about the items that one measure dropped, for some queries.

    ``below`` says for which queries no item at or below a cut can reach a score.
    """

    formula: Formula
    query_norms: Float64[Array, " q"]
    dimension: int
    exact_input: bool
    norm: Float64[Array, " sizes"]
    stray: Float64[Array, " sizes"]
    lever: Float64[Array, " sizes"]
    weight: Float64[Array, " sizes"]
    bias: Float64[Array, " sizes"]
    bias_size: Float64[Array, " sizes"]

    def take(self, queries: Int64[Array, " some"]) -> "Bound":
        """The same for some of the queries."""
        return replace(self, query_norms=self.query_norms[queries])

    def below(self, cut: Float32[Array, " q"], score: Float32[Array, " q"]) -> Bool[Array, " q"]:
        """Whether every item whose float32 value is at most the cut scores less than this."""
        with np.errstate(invalid="ignore", over="ignore"):
            highest = np.minimum(self._ceiling, cut[:, None] + self._error(cut)).max(axis=1)
            exact = self.query_norms**2 * (self.formula.product == "squared-distance")
            highest += (self.dimension + 16) * 2.0**-50 * (np.abs(highest) + exact)
            return self.formula.from_ranking(highest, self.query_norms).astype(np.float32) < score

    def cut(self, near: Float32[Array, " q"], score: Float32[Array, " q"]) -> Float32[Array, " q"]:
        """A value, near the one given, at or below which no item reaches the score; or -inf."""
        found = np.full(len(near), -np.inf, dtype=np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            error = self._error(near)
            widest = np.where(np.isfinite(error), error, 0.0).max(axis=1)
            # items of no length have hardly an error, and would start the search at nothing
            step = np.abs(near) * 2.0**-22 + 2 * error.min(axis=1) + widest * 2.0**-30
            for _ in range(48):
                trial = (near - step).astype(np.float32)
                good = np.isneginf(found) & self.below(trial, score)
                found = np.where(good, trial, found)
                if not np.isneginf(found).any():
                    break
                step = step * 2
        return found

    @property
    def _ceiling(self) -> Float64[Array, "q sizes"]:
        """What no item of this size can exceed."""
        q = self.query_norms[:, None]
        if self.formula.product == "manhattan":
            return np.where(q > self.norm, self.norm - q, 0.0) * (1 - 2.0**-20)
        return (
            (q * self.lever + self.bias)
            + 2.0**-20 * np.abs(q * self.lever)
            + (2.0**-20 * self.bias_size)
        )

    def _error(self, cut: Float32[Array, " q"]) -> Float64[Array, "q sizes"]:
        """By how much an item of this size can exceed a cut that it did not pass."""
        q, size = self.query_norms[:, None], np.abs(cut.astype(np.float64))[:, None]
        terms = self.dimension + 16
        if self.formula.product == "manhattan":
            rounded = 0.0 if self.exact_input else np.sqrt(self.dimension) * (q + self.norm)
            error = UNIT * (terms * size + 4 * rounded)
            large = q + self.norm
        else:
            error = UNIT * (terms * q * self.lever + 8 * (self.bias_size + size))
            large = np.maximum(q * np.maximum(self.lever, self.norm), self.bias_size)
            large = np.maximum(large, self.weight)
        leak = 8 * self.stray * (self.weight * q + self.norm)
        tiny = self.dimension * 2.0**-126 * (1 + self.weight)
        return np.where(large > TOO_LARGE, np.inf, 1.01 * error + leak + tiny)


def bounds(
    reach: Reach,
    formulas: tuple[Formula, ...],
    query_norms: Float64[Array, " q"],
    dimension: int,
    exact_input: bool,
) -> list[Bound]:
    """One bound for each measure, over the sizes that occur."""
    there = reach.table[:, reach.table[0] >= 0]
    of_measure = there[2:].reshape(4, len(formulas), -1)
    return [
        Bound(formula, query_norms, dimension, exact_input, there[0], there[1], *of_measure[:, j])
        for j, formula in enumerate(formulas)
    ]
