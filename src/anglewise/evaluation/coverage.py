"""How much of a catalogue anybody is shown, and how evenly."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Bool, Int64


@dataclass(frozen=True)
class Coverage:
    """What stands in the lists of all queries together.

    ``share`` is the part of the items that stand in any list. ``gini`` says how unevenly the
    places are dealt out: 0 where every item stands in as many lists, near 1 where a few items hold
    all places; NaN where there are no places.
    """

    share: float
    gini: float


def coverage(
    lists: Int64[Array, "q k"], items: int, among: Bool[Array, " items"] | None = None
) -> Coverage:
    """Count in how many lists each item stands.

    With ``x`` the counts in ascending order, ``gini = 2 sum(i x_i) / (n sum(x)) - (n + 1) / n``,
    ``i`` from 1 to ``n`` (Gini 1912, as the mean difference of two draws over twice the mean).

    Parameters
    ----------
    lists
        Rows of items; -1 where a list has no more.
    items
        How many items there are.
    among
        Which of them count; all if not given.

    Examples
    --------
    >>> coverage(np.array([[0, 1], [0, 1]]), 4)
    Coverage(share=0.5, gini=0.5)
    """
    counts = np.bincount(lists[lists >= 0], minlength=items)
    counts = np.sort(counts if among is None else counts[among])
    places, n = counts.sum(), len(counts)
    if not places:
        return Coverage(0.0, float("nan"))
    unevenness = 2 * (counts * np.arange(1, n + 1)).sum() / (n * places) - (n + 1) / n
    return Coverage(float((counts > 0).mean()), float(unevenness))
