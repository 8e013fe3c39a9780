"""Passes over the items: which measures share one, rows moved into its frame, error bounds.

A pass ranks items by ``a = g * weight + bias`` in float32 (``g`` the inner product) and drops what
is at most a cut. By Cauchy-Schwarz the true value of a dropped item exceeds the cut by little, and
never exceeds ``|q| |x| weight + bias``. Both are bounded for the items of one size at a time (norms
within a factor of two), so that one long vector does not spoil the bound of all others. If the
score at the bound lies below the k-th exact score, no dropped item can be better or tied.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeAlias

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.mapped import forget
from anglewise.data_types.typing import Array, Bool, Direction, Float32, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.nearest_neighbours import ranking
from anglewise.similarity_measures.affine import NearestCosines
from anglewise.similarity_measures.formulas import (
    LANES,
    BlockFormula,
    FittedFormula,
    Formula,
    Measure,
    fitted,
    frames_in,
)
from anglewise.similarity_measures.frames import Affine, Maps, fit_frames


@dataclass(frozen=True, eq=False)
class Move:
    """``(x - offset) @ matrix``, coordinate after coordinate of ``x``, each product rounded.

    Leading zeros of the columns cost nothing.
    """

    by: Affine

    def __call__(self, x: Float32[Array, "n d"]) -> Float64[Array, "n r"]:
        """Move some rows."""
        matrix = self.by.matrix
        if matrix is None:
            shifted = x - self.by.offset
            return shifted if self.by.scale is None else shifted * self.by.scale
        out = np.zeros((len(x), matrix.shape[1]))
        if ranking.kernel is not None:
            panels = self.panels, self.starts
            ranking.kernel.moved(x, x.shape[1], self.by.offset, *panels, matrix.shape[1], out)
            return out
        rows = x - self.by.offset
        for start in range(0, len(rows), 64):  # 64 rows of the result stay in the cache
            part = out[start : start + 64]
            for column, along in zip(rows[start : start + 64].T, matrix, strict=True):
                filled = np.flatnonzero(along)
                if len(filled):
                    some = slice(filled[0], filled[-1] + 1)
                    part[:, some] += column[:, None] * along[some]
        return out

    @cached_property
    def panels(self) -> Float64[Array, "panels d lanes"]:
        """Columns eight at a time, padded with zeros."""
        matrix = np.zeros((0, 0)) if self.by.matrix is None else self.by.matrix
        d, r = matrix.shape
        padded = np.zeros((d, -(-r // LANES) * LANES))
        padded[:, :r] = matrix
        return np.ascontiguousarray(padded.reshape(d, -1, LANES).transpose(1, 0, 2))

    @cached_property
    def starts(self) -> Int64[Array, " panels"]:
        """The first coordinate that a panel needs."""
        return (self.panels != 0).any(axis=2).argmax(axis=1).astype(np.int64)


def moved(x: Float32[Array, "n d"], move: Move | None) -> Float64[Array, "n r"]:
    """Rows in a frame, or as they are."""
    return x.astype(np.float64) if move is None else move(x)


def triangular(maps: Maps, rows: int) -> Maps:
    """The same frame turned so that the matrix of the ranked side is triangular.

    Inner products and lengths do not feel a rotation of both sides, and half the work of moving
    ``rows`` is saved. Where these are few, the turn itself would take more.
    """
    matrix = maps.ranked.matrix
    if matrix is None or matrix.shape[0] < matrix.shape[1] or rows < matrix.shape[1]:
        return maps
    turn, upper = np.linalg.qr(matrix.T)
    ranked = Affine(maps.ranked.offset, np.ascontiguousarray(upper.T))
    asking = turn if maps.asking.matrix is None else maps.asking.matrix @ turn
    return Maps(Affine(maps.asking.offset, asking), ranked)


FAR = 16.0
"""A common offset this many times the squared spread costs float32 its digits."""
SAMPLE = 2048


@dataclass(frozen=True, eq=False)
class Pass:
    """Measures that read the same sum over coordinates in the same frame.

    ``shift`` is taken off both sides before float32 is used: it changes no distance, and large
    numbers do not cancel. It has no part in the exact scores.
    """

    measures: tuple[Measure, ...]
    maps: Maps | None
    shift: Float64[Array, " r"] | None = None

    def of_rows(self, rows: Int64[Array, " some"]) -> "Pass":
        """The same pass, as it was fitted, over some of the items."""
        formulas = (measure.formula.of_rows(rows) for measure in self.measures)
        measures = map(Measure, formulas, (measure.frames for measure in self.measures))
        return Pass(tuple(measures), self.maps, self.shift)

    @cached_property
    def formulas(self) -> tuple[Formula, ...]:
        """The formulas of the measures."""
        return tuple(measure.formula for measure in self.measures)

    @cached_property
    def inner(self) -> bool:
        """Whether inner products rank as these measures do."""
        return self.formulas[0].inner

    @cached_property
    def ranked(self) -> Move | None:
        """What the frame does to the ranked side."""
        return None if self.maps is None else Move(self.maps.ranked)

    @cached_property
    def asking(self) -> Move | None:
        """What the frame does to the asking side."""
        return None if self.maps is None else Move(self.maps.asking)


def passes(
    measures: Sequence[Measure], space: Space, direction: Direction, *, new_vectors: bool = True
) -> Iterator[Pass]:
    """As few passes as measures in one frame allow; the frame and the formulas are fitted here."""
    frames = frames_in(measures[0], space, direction)
    maps = fit_frames(frames, space, direction, new_vectors=new_vectors) if frames else None
    rows = sum(map(len, space.sides(direction)))
    turned, shift = None if maps is None else triangular(maps, rows), None
    plain: list[Measure] = []
    unit_queries: list[Measure] = []
    others: list[Measure] = []
    nearest = _nearest_by_search() if any(map(_learns, measures)) else None
    fit = partial(
        fitted, space=space, direction=direction, new_vectors=new_vectors, nearest=nearest
    )
    for measure in map(fit, measures):
        if not measure.formula.inner:
            others.append(measure)
        else:
            (unit_queries if measure.formula.unit_queries else plain).append(measure)
    distances = [m for m in plain if m.formula.product == "squared-distance"]
    if distances:
        shift = _far_away(space.sides(direction)[1], turned)
    if shift is not None:
        yield Pass(tuple(distances), turned, shift)
        plain = [m for m in plain if m.formula.product != "squared-distance"]
    if plain:
        yield Pass(tuple(plain), turned)
    if unit_queries:
        yield Pass(tuple(unit_queries), turned)
    for measure in others:
        if measure.formula.product != "manhattan" and not isinstance(measure.formula, BlockFormula):
            raise SpellingError(
                f"{measure} neither ranks as an inner product nor scores a block: "
                "give its formula terms, or make it a BlockFormula"
            )
        along_axes = maps is not None and measure.formula.axes
        yield Pass((measure,), fit_frames(frames, space, direction) if along_axes else maps)


def _learns(measure: Measure) -> bool:
    return isinstance(measure.formula, FittedFormula)


def _nearest_by_search() -> NearestCosines:
    """What formulas against hubs learn from is found by a search, which has passes of its own."""
    from anglewise.nearest_neighbours.nearest_cosines import nearest_cosines

    return nearest_cosines


def _far_away(ranked: Embeddings, maps: Maps | None) -> Float64[Array, " r"] | None:
    """The middle of the ranked side, if it lies much further from zero than the rows from it."""
    step = max(1, len(ranked) // SAMPLE)
    move = None if maps is None else Move(maps.ranked)
    rows = moved(np.ascontiguousarray(ranked.vectors[::step][:SAMPLE]), move)
    forget(ranked.vectors)
    middle = rows.mean(axis=0)
    spread = np.square(rows - middle).sum(axis=1).mean()
    return middle if middle @ middle > FAR * spread else None


UNIT = 2.0**-24
SIZES = 512
"""Sizes of items: powers of two from 2^-256 on."""
Reach: TypeAlias = Float64[Array, "quantities sizes"]
"""The largest of each quantity among the items of each size; minus infinity if there are none."""
ROUNDING = 1e-11
"""Rounding to twelve significant digits moves a score by no more than half of this share."""
TOO_LARGE = 1e37
"""Beyond this, float32 sums may overflow: nothing is known about them."""


def reach_of(
    norm: Float64[Array, " blocks"],
    stray: float,
    *,
    lever: Float32[Array, "m blocks"],
    weight: Float32[Array, "m blocks"],
    bias: Float32[Array, "m blocks"],
    least_bias: Float32[Array, "m blocks"],
) -> Reach:
    """The reach of some blocks of items, from the largest of each quantity in each block.

    Quantities: the norm; ``stray``, how far the float32 row may lie from the exact one
    beyond rounding; then for each measure ``lever``, that is weight times norm, then for each its
    weight, bias, and absolute bias. The largest lever is less than the product of the largest
    weight and norm where a block holds items of many sizes, from rounding noise to the longest.
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
    return table


@dataclass(frozen=True, eq=False)
class Bound:
    """Bounds on the scores of the items that one measure dropped, for some queries.

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
        """The bounds of some of the queries."""
        return replace(self, query_norms=self.query_norms[queries])

    def below(self, cut: Float32[Array, " q"], score: Float64[Array, " q"]) -> Bool[Array, " q"]:
        """Whether every item whose float32 value is at most the cut scores less than this."""
        q = self.query_norms[:, None]
        with np.errstate(invalid="ignore", over="ignore"):
            if self.formula.product == "manhattan":
                ceiling = np.where(q > self.norm, self.norm - q, 0.0) * (1 - 2.0**-20)
            else:
                largest = q * self.lever
                ceiling = largest + self.bias + 2.0**-20 * np.abs(largest)
                ceiling += 2.0**-20 * self.bias_size
            highest = np.minimum(ceiling, cut[:, None] + self._error(cut)).max(axis=1)
            exact = self.query_norms**2 * (self.formula.product == "squared-distance")
            highest += (self.dimension + 16) * 2.0**-50 * (np.abs(highest) + exact)
            reached = self.formula.from_ranking(highest, self.query_norms)
            return reached + ROUNDING * np.abs(reached) < score

    def cut(self, near: Float32[Array, " q"], score: Float64[Array, " q"]) -> Float32[Array, " q"]:
        """A value, near the one given, at or below which no item reaches the score; or -inf."""
        cut = np.full(len(near), -np.inf, dtype=np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            error = self._error(near)
            widest = np.where(np.isfinite(error), error, 0.0).max(axis=1)
            # items of no length have hardly an error, and would start the search at nothing
            step = np.abs(near) * 2.0**-22 + 2 * error.min(axis=1) + widest * 2.0**-30
            for _ in range(48):
                trial = (near - step).astype(np.float32)
                good = np.isneginf(cut) & self.below(trial, score)
                cut = np.where(good, trial, cut)
                if not np.isneginf(cut).any():
                    break
                step = step * 2
        return cut

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
    occurring = reach[:, reach[0] >= 0]
    norm, stray = occurring[:2]
    each = occurring[2:].reshape(4, len(formulas), -1)
    return [
        Bound(formula, query_norms, dimension, exact_input, norm, stray, *each[:, j])
        for j, formula in enumerate(formulas)
    ]
