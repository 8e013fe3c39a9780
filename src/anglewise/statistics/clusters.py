"""What chance is over where queries come in groups: whole groups, never their queries."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.core.typing import Array, Float64, Int, Int64
from anglewise.statistics.resampling import ExactSums, Means, Statistic


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which columns stand and fall together: of each the number of its cluster, from 0.

    Where every column is a cluster of its own, everything here gives its values back, to the bit.

    >>> clusters = Clusters(np.array([0, 0, 1]))
    >>> len(clusters), clusters.sizes.tolist()
    (2, [2, 1])
    >>> clusters.scaled(np.array([[1.0, 2.0, 4.0]])).round(2).tolist()
    [[2.0, 2.67]]
    """

    of: Int64[Array, " q"]

    @classmethod
    def each(cls, columns: int) -> "Clusters":
        """Every column for itself.

        >>> Clusters.each(3).of.tolist()
        [0, 1, 2]
        """
        return cls(np.arange(columns, dtype=np.int64))

    @classmethod
    def named(cls, names: Array) -> "Clusters":
        """Columns of one name together, numbered as they first come.

        >>> Clusters.named(np.array(["b", "a", "b"])).of.tolist()
        [0, 1, 0]
        """
        _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
        place = np.empty(len(first), dtype=np.int64)
        place[np.argsort(first)] = np.arange(len(first))
        return cls(place[inverse.ravel()])

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def sizes(self) -> Int64[Array, " clusters"]:
        """How many columns each cluster has."""
        return np.bincount(self.of)

    def take(self, columns: Int64[Array, " some"]) -> "Clusters":
        """The clusters of some columns."""
        return Clusters.named(self.of[columns])

    def sums(self, values: Float64[Array, "m q"]) -> Float64[Array, "m clusters"]:
        """The sum of each cluster's values."""
        return np.array([np.bincount(self.of, weights=row, minlength=len(self)) for row in values])

    def scaled(self, values: Float64[Array, "m q"]) -> Float64[Array, "m clusters"]:
        """The sums, scaled so that their mean over clusters is the mean over columns.

        They are what sign flips turn: if two measures are interchangeable, so are the signs of
        their differences' sums, whatever goes on within a cluster.
        """
        return self.sums(values) * (len(self) / len(self.of))

    def influence(self, values: Float64[Array, "m q"]) -> Float64[Array, "m clusters"]:
        """What each cluster adds to the mean over columns, which is also their mean.

        The mean is a ratio, ``sum s_u / sum n_u`` of sums and sizes, and this is its linear part,
        ``(s_u - n_u R) U / n + R`` with ``R`` the mean and ``U`` clusters: large ones with an
        ordinary mean add nothing unusual (Cochran, Sampling Techniques, 1977, section 6.4).
        """
        more = self.sizes * (len(self) / len(self.of)) - 1
        return self.scaled(values) - values.mean(axis=1, keepdims=True) * more

    def means(self, values: Float64[Array, "m q"]) -> Statistic:
        """The means over columns, as a statistic of how often each cluster was drawn."""
        if len(self) == len(self.of):
            return Means(values)
        return _ClusterMeans(self.sums(values), self.sizes)


@dataclass(frozen=True, eq=False)
class _ClusterMeans:
    """Sums over the clusters of a resample, by the number of columns that these hold."""

    totals: Float64[Array, "m clusters"]
    sizes: Int64[Array, " clusters"]

    def __call__(self, counts: Int[Array, "draws clusters"]) -> Float64[Array, "draws m"]:
        columns = counts.astype(np.float64) @ self.sizes.astype(np.float64)
        return self.ready(counts) * (self.ready.unit / columns)[:, None]

    @cached_property
    def ready(self) -> ExactSums:
        """The sums, made ready."""
        return ExactSums.of(self.totals)
