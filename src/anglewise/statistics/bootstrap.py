"""Resamples of the queries, shared by every measure and metric."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from anglewise.core.typing import Array, Float64, Int, Map, serial
from anglewise.statistics.draws import blocks, resample_counts
from anglewise.statistics.exact import ExactSums

Statistic: TypeAlias = Callable[[Array], Array]
"""From resample counts, ``draws x queries``, to its values, ``draws x columns``."""


@dataclass(frozen=True, eq=False)
class Means:
    """The mean of each column over the queries of a resample.

    >>> Means(np.array([[1.0, 3.0]]))(np.array([[2, 0], [1, 1]])).tolist()
    [[1.0], [2.0]]
    """

    values: Float64[Array, "m q"]

    def __call__(self, counts: Int[Array, "draws q"]) -> Float64[Array, "draws m"]:
        """The same to the last bit, whatever the block."""
        return self.sums(counts) * (self.sums.unit / self.values.shape[1])

    @cached_property
    def sums(self) -> ExactSums:
        """The values, made ready."""
        return ExactSums.of(self.values)


def bootstrap(
    statistic: Statistic,
    queries: int,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    map_: Map = serial,
) -> Float64[Array, "draws m"]:
    """Give the values of a statistic over resamples of the queries (Efron 1979).

    Every column sees the same resamples, so differences of columns are paired. The same seed
    gives the same bytes whatever ``map_`` spreads the work.

    >>> values = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 1.0]])
    >>> drawn = bootstrap(Means(values), 4, resamples=1000)
    >>> drawn.shape, bool((drawn[:, 0] <= drawn[:, 1]).all())
    ((1000, 2), True)
    """

    def block(units: range) -> Array:
        return statistic(resample_counts(seed, units, queries))

    return np.concatenate(list(map_(block, blocks(resamples, queries))))[:resamples]
