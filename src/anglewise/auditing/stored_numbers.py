"""How finely the numbers of vectors are stored, and rows that were cut off."""

from dataclasses import dataclass

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.typing import Array, Bool, Float32, Float64, Int64

SAMPLE = 1_000
LEVELS = 256
"""Of a grid with no more steps than a byte has, no more than 8 bits are left."""
TAIL, FEWEST_CUT = 0.1, 3
"""A row may be cut where at least this share of its columns, and so many, is 0 from some column to
the end."""
BY_CHANCE = 1e-3
"""Where zeros at the end come by chance more often than this, the row is sparse and not cut."""


@dataclass(frozen=True)
class StoredNumbers:
    """How finely numbers are stored.

    Attributes
    ----------
    bits
        Binary digits after the first, as far as any number has some: 23 for float32, 10 for
        float16, 7 for bfloat16, 3 and 2 for the eight-bit floats.
    levels
        The median over rows of the steps of an even grid on which all numbers of a row lie, as
        whole numbers of bytes leave them; None where most rows lie on no grid of 256 steps.
    distinct
        The different numbers of all rows of the sample, signs aside; with a scale for each row, the
        median of a row where that is less than half of its numbers.
    cut
        The share of the rows that end with zeros in more than a tenth of the columns, where not
        all rows do; columns that are 0 in all rows do not count.
    kept
        The median over these rows of the columns before the zeros; None without any.
    """

    bits: int
    levels: int | None
    distinct: int
    cut: float
    kept: int | None

    @property
    def coarse(self) -> bool:
        """Whether numbers are stored in a byte each, or less."""
        return self.bits <= 3 or self.levels is not None or self.distinct <= LEVELS

    @property
    def steps(self) -> int:
        """How many different sizes the numbers have, at most."""
        return self.distinct if self.levels is None else self.levels


def stored_numbers(side: Embeddings, rng: np.random.Generator) -> StoredNumbers:
    """Look at the bits of a sample of rows.

    >>> x = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    >>> rng = np.random.default_rng(0)
    >>> stored_numbers(Embeddings(x), rng).bits, stored_numbers(
    ...     Embeddings(x.astype(np.float16).astype(np.float32)), rng
    ... ).bits
    (23, 10)
    >>> steps = np.round(x / np.abs(x).max(axis=1, keepdims=True) * 127) / 127
    >>> stored_numbers(Embeddings(steps), rng).levels
    127
    """
    rows = np.flatnonzero(side.norms > 0)
    chosen = np.sort(rng.permutation(rows)[:SAMPLE])
    x = np.ascontiguousarray(side.vectors[chosen], dtype=np.float32)
    if not x.size:
        return StoredNumbers(23, None, LEVELS + 1, 0.0, None)
    live = np.flatnonzero(x.any(axis=0))
    x = x[:, : live[-1] + 1]  # columns that are 0 everywhere at the end are dead, not cut
    last = x.shape[1] - 1 - (x[:, ::-1] != 0).argmax(axis=1)
    is_cut = _cut(x, last)
    levels = [_levels(row) for row in x[: SAMPLE // 5]]
    on_grid = [level for level in levels if level is not None]
    return StoredNumbers(
        bits=_bits(x),
        levels=int(np.median(on_grid)) if len(on_grid) > len(levels) / 2 else None,
        distinct=_distinct(x),
        cut=float(is_cut.mean()),
        kept=int(np.median(last[is_cut] + 1)) if is_cut.any() else None,
    )


def _cut(x: Float32[Array, "n d"], last: Int64[Array, " n"]) -> Bool[Array, " n"]:
    """Which rows end in more zeros than the zeros before them, and those of other rows, explain.

    Factors of NMF, topic shares and hashed words are 0 in most places, and so at the end of many
    rows. The chance of a row's zeros is the product over the columns behind its last number, each
    as often 0 as in the rows that reach the end or as the row is before it, whichever is more.
    """
    width = int(x.shape[1])
    ends = last + 1 <= width - max(TAIL * width, FEWEST_CUT)
    zero: Bool[Array, "n d"] = x == 0
    by_column = np.zeros(width)
    if not ends.all():
        by_column = (1 + zero[~ends].sum(axis=0)) / (2 + len(x) - ends.sum())
    behind = np.arange(width)[None, :] > last[:, None]
    zeros_before: Int64[Array, " n"] = np.count_nonzero(zero & ~behind, axis=1)
    before = (1 + zeros_before) / (3 + last)
    chances = np.maximum(by_column, before[:, None])
    chance = np.where(behind, np.log(chances), 0.0).sum(axis=1)
    return ends & (chance < np.log(BY_CHANCE))


def _bits(x: Float32[Array, "n d"]) -> int:
    """The digits that 99.9% of the numbers do with, by the zeros at the end of their mantissas."""
    mantissas = (x.view(np.uint32).ravel() & np.uint32((1 << 23) - 1)).astype(np.int64)
    lowest = mantissas & -mantissas  # the last digit that is 1
    places = np.where(mantissas > 0, 23 - np.log2(np.maximum(lowest, 1)).astype(np.int64), 0)
    used = np.bincount(places, minlength=24)
    more = used[::-1].cumsum()[::-1]  # how many have a digit at this place or after
    return int(np.flatnonzero(more > 0.001 * mantissas.size).max(initial=0))


ENOUGH = 8
"""So many numbers for each step are looked at, lest few numbers look like a coarse grid."""


def _distinct(x: Float32[Array, "n d"]) -> int:
    """How many sizes there are among all numbers, or typically in a row of which few differ."""
    sizes = np.abs(x)
    numbers = sizes[sizes > 0]
    if len(numbers) < ENOUGH * LEVELS:
        return LEVELS + 1
    of_all = len(np.unique(numbers))
    shares = [(len(np.unique(row[row > 0])), int((row > 0).sum())) for row in sizes[: SAMPLE // 5]]
    few = [different for different, count in shares if count > 32 and different < count / 2]
    return min(of_all, int(np.median(few))) if len(few) > len(shares) / 2 else of_all


def _levels(row: Float32[Array, " d"]) -> int | None:
    """The steps from 0 to the largest number of a row, where all of them lie on an even grid."""
    sizes = np.unique(np.abs(row[row != 0]).astype(np.float64))
    if len(sizes) < 4 or len(row) < 16:
        return None
    step = np.diff(np.concatenate([[0.0], sizes]))
    step = step[step > 1e-6 * sizes[-1]].min()
    levels = sizes[-1] / step
    if levels > LEVELS:
        return None
    steps: Float64[Array, " sizes"] = sizes / step
    off = np.abs(steps - np.round(steps))
    return round(float(levels)) if off.max() < 0.02 else None
