"""Drawing by lot with known chances, some larger than others, as many as were asked for."""

import numpy as np

from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import TooFewError

LEAST = 0.02
"""No chance is smaller: a rare pair that is drawn would stand for too many."""


def inclusion_chances(
    size: Float64[Array, " n"], count: int, *, least: float = LEAST
) -> Float64[Array, " n"]:
    """Give chances proportional to size that sum to ``count``, none above 1, none below ``least``.

    Sizes in proportion to what each adds to a sum make the estimate of that sum steady (Hansen
    and Hurwitz 1943). What would exceed 1 is certain, and the rest share what is left.

    Raises ``TooFewError`` if there are fewer than ``count``, or ``count`` cannot hold the least
    chances.

    >>> inclusion_chances(np.array([8.0, 1.0, 1.0, 0.0]), 2).round(2).tolist()
    [1.0, 0.49, 0.49, 0.02]
    """
    n = len(size)
    if not least * n <= count <= n:
        raise TooFewError(
            f"{count} of {n} cannot be drawn with a chance of at least {least:g} each: ask for "
            f"{int(np.ceil(least * n))} to {n}"
        )
    chances = np.full(n, least)
    free = np.ones(n, dtype=bool)
    size = np.where(size.any(), size, 1.0)
    while True:
        left = count - np.where(free, 0.0, chances).sum()
        total = size[free].sum()
        share = size[free] * left / total if total > 0 else np.full(free.sum(), left / free.sum())
        off = (share > 1) | (share < least)
        chances[free] = np.clip(share, least, 1)
        if not off.any():
            return chances
        # Settle the side that is further off first, so that the other may still move.
        too_large = np.maximum(share - 1, 0).sum() >= np.maximum(least - share, 0).sum()
        settled = np.flatnonzero(free)[(share > 1) if too_large else (share < least)]
        chances[settled] = 1.0 if too_large else least
        free[settled] = False
        if not free.any():
            return chances


def systematic(chances: Float64[Array, " n"], rng: np.random.Generator) -> Int64[Array, " drawn"]:
    """Draw with exactly these chances, and one more or less than their sum at most.

    Along a line on which each takes as much room as its chance, every whole step from a random
    start draws what it falls on (Madow 1949). Neighbours on the line keep each other out, so that
    every stretch of it gets its share: put what is alike side by side, and what has no order in a
    random one.

    >>> systematic(np.array([1.0, 0.5, 0.5]), np.random.default_rng(0)).tolist()
    [0, 2]
    """
    ends = np.cumsum(chances)
    total = round(float(ends[-1]), 9) if len(ends) else 0.0
    steps = np.arange(rng.random(), total, 1.0)
    return np.searchsorted(ends, steps, side="right").clip(max=len(ends) - 1).astype(np.int64)
