"""Measures against hubs: an item that is near to every query has to be nearer still.

All look at directions, that is at vectors of length one, and learn how near each ranked row is to
the asking side: the queries of the space, or the other rows where one side asks about itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.neighbours import rounded
from anglewise.data_types.numbers import COUNT
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.similarity_measures.formulas import (
    BlockFormula,
    FittedFormula,
    Formula,
    PerPair,
    Terms,
    unit,
)
from anglewise.similarity_measures.frames import Sides, View

CLOSEST = 1e-6
"""Scales of distances are at least this; those of exact copies would be 0."""
NARROWEST = 1e-12
"""Deviations of cosines are at least this."""
COSINES_BYTES = 1 << 25
"""What the cosines of one block of rows may weigh, whatever the number of neighbours."""
SEARCHED = 256
"""So many nearest neighbours, at most, are found by a search; of more, all pairs are as good."""
WIDTH = 4096
"""So many rows of the asking side are looked at together, or ``k`` if that is more."""


@dataclass(frozen=True, eq=False)
class PerItem(Formula):
    """``(q . x / |q|) * weight_x + bias_x``: two numbers for each ranked row, learnt from a space.

    An inner product of ``[q / |q|, 1]`` and ``[weight_x x, bias_x]``, one coordinate more than
    there were. Weights are at least 0.
    """

    name: str
    meaning: str  # type: ignore[misc]  # said by the formula that was fitted
    weight: Float64[Array, " n"]
    bias: Float64[Array, " n"]

    product = "dot"
    unit_queries = True

    def __str__(self) -> str:
        return self.name

    @property
    def inner(self) -> bool:
        """Always."""
        return True

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """Not without knowing which rows."""
        del product, query_norms, item_norms
        raise SpellingError(f"{self} has numbers for each row: say which, score_at(rows, …)")

    def score_at(
        self,
        rows: Int64[Array, "*#pairs"],
        product: PerPair,
        query_norms: PerPair,
        item_norms: PerPair,
    ) -> PerPair:
        """``product * weight + bias``, the product taken with a query of length one."""
        del query_norms, item_norms
        return product * self.weight[rows] + self.bias[rows]

    def terms_at(self, rows: Int64[Array, " n"], item_norms: Float64[Array, " n"]) -> Terms:
        """The numbers of these rows."""
        del item_norms
        return Terms(self.weight[rows], self.bias[rows])

    def of_rows(self, rows: Int64[Array, " some"]) -> "PerItem":
        """The numbers of these rows alone."""
        return PerItem(self.name, self.meaning, self.weight[rows], self.bias[rows])


@dataclass(frozen=True)
class Csls(FittedFormula):
    """``2 cos(q, x) - r(x)``: cross-domain similarity local scaling (arXiv 1710.04087).

    ``r(x)`` is the mean cosine of the item with its ``k`` nearest queries (with all of them where
    there are fewer; without itself where the items ask). The published measure also subtracts the
    query's own ``r(q)``, which is the same for all items and changes no ranking; it is left out, so
    that the score is an inner product with one added coordinate and a new query needs no search.

    >>> str(Csls(10))
    'csls(10)'
    """

    k: int

    meaning = "twice the cosine less the mean cosine of the item's nearest queries"
    angle = True

    def __post_init__(self) -> None:
        _check(self, self.k)

    def __str__(self) -> str:
        return f"csls({self.k})"

    def fit(self, sides: Sides) -> Formula:
        """``r`` of every ranked row."""
        r = over_nearest(sides, self.k, lambda cosines: cosines.mean(axis=1))
        return PerItem(str(self), self.meaning, 2 * _inverse_norms(sides.ranked), -r)


@dataclass(frozen=True)
class LocalScaling(FittedFormula):
    """``-|q - x|^2 / s(x)`` of unit vectors: a distance in the unit of its neighbourhood.

    ``s(x)`` is the mean distance ``|q - x|`` of the item from its ``k`` nearest queries. Local
    scaling divides the squared distance by the scales of both (Zelnik-Manor and Perona, 2004, who
    take the distance from the ``k``-th; with means: NICDM, Jegou et al., 2007); the query's own is
    the same for all items and changes no ranking, and is left out.

    >>> str(LocalScaling(10))
    'local-scaling(10)'
    """

    k: int

    meaning = "negated squared chord over the item's distance from its nearest queries, at most 0"
    angle = True

    def __post_init__(self) -> None:
        _check(self, self.k)

    def __str__(self) -> str:
        return f"local-scaling({self.k})"

    def fit(self, sides: Sides) -> Formula:
        """``s`` of every ranked row: ``-|q - x|^2 = 2 cos(q, x) - 2``."""
        scale = over_nearest(
            sides, self.k, lambda cosines: np.sqrt(np.maximum(2 - 2 * cosines, 0)).mean(axis=1)
        )
        share = 2 / np.maximum(scale, CLOSEST)
        return PerItem(str(self), self.meaning, share * _inverse_norms(sides.ranked), -share)


@dataclass(frozen=True)
class MutualProximity(FittedFormula):
    """``log P(c < cos(q, x)) + log P(c' < cos(q, x))``: near from both sides (JMLR 13, 2012).

    ``c`` is the cosine of the item with a random query, ``c'`` that of the query with a random
    item, both taken as normal and as independent (Schnitzer et al.). Their means and deviations
    are exact, ``x . m`` and ``sqrt(x C x)`` with the mean and the covariance of the other side's
    unit vectors, so no search is needed to fit it, nor for a new query. The logarithm keeps apart
    what is all but certain. No inner product ranks alike. A library sums the products in an order
    that depends on the block, so the score is rounded to float32, which leaves seven digits.

    >>> str(MutualProximity())
    'mutual-proximity'
    """

    meaning = "logarithm of a probability that both are nearer than by chance, at most 0"
    angle = True
    product = "block"

    def __str__(self) -> str:
        return "mutual-proximity"

    def fit(self, sides: Sides) -> Formula:
        """The moments of both sides."""
        return _Proximity(_Moments.of(sides.asking), _Moments.of(sides.ranked))


@dataclass(frozen=True, eq=False)
class _Moments:
    """The mean and the covariance ``C`` of the unit vectors of one side.

    Of fewer rows than columns ``C`` is not formed, but ``about_mean`` with ``R'R = C``.
    """

    mean: Float64[Array, " d"]
    covariance: Float64[Array, "d d"] | None = None
    about_mean: Float64[Array, "rows d"] | None = None

    @classmethod
    def of(cls, side: View) -> "_Moments":
        if len(side.embeddings) < side.columns:
            x = np.concatenate([unit(block) for block in side.blocks()])
            mean = x.mean(axis=0)
            return cls(mean, about_mean=(x - mean) / np.sqrt(len(x)))
        count, total, squares = 0, 0.0, 0.0
        for block in side.blocks():
            x = unit(block)
            count, total, squares = count + len(x), total + x.sum(axis=0), squares + x.T @ x
        mean = np.asarray(total) / count
        return cls(mean, np.asarray(squares) / count - np.outer(mean, mean))

    def seen_from(self, x: Float64[Array, "n d"]) -> tuple[Array, Array]:
        """Mean and deviation of the cosine of each row with this side."""
        if self.about_mean is not None:
            variance = np.square(x @ self.about_mean.T).sum(axis=1)
        else:
            variance = np.einsum("ij,ij->i", x @ self.covariance, x)
        return x @ self.mean, np.sqrt(np.maximum(variance, NARROWEST**2))


@dataclass(frozen=True, eq=False)
class _Proximity(BlockFormula):
    """Mutual proximity, once both sides are known."""

    asking: _Moments
    ranked: _Moments

    axes = False
    meaning = MutualProximity.meaning

    def __str__(self) -> str:
        return str(MutualProximity())

    def block(
        self, queries: Float64[Array, "q d"], items: Float64[Array, "n d"]
    ) -> Float64[Array, "q n"]:
        """Both logarithms, added."""
        from scipy.special import log_ndtr

        q, x = unit(queries), unit(items)
        cosine = q @ x.T
        (of_query, query_spread), (of_item, item_spread) = (
            self.ranked.seen_from(q),
            self.asking.seen_from(x),
        )
        by_query = log_ndtr((cosine - of_query[:, None]) / query_spread[:, None])
        by_item = log_ndtr((cosine - of_item) / item_spread)
        return (by_query + by_item).astype(np.float32).astype(np.float64)


def over_nearest(
    sides: Sides, k: int, summary: Callable[[Float64[Array, "n k"]], Float64[Array, " n"]]
) -> Float64[Array, " n"]:
    """A summary of the cosines of each ranked row with its nearest ``k`` of the asking side.

    By a search, where ``sides`` can; else in float64, every pair, in blocks of ``COSINES_BYTES``.
    What a search might find is rounded as scores are, and so is the result: it hardly depends on
    which way was taken, and on the order in which a library sums. Itself does not count.
    """
    asking, ranked = sides.asking.embeddings.vectors, sides.ranked.embeddings.vectors
    itself = sides.asking.embeddings is sides.ranked.embeddings
    k = min(k, len(asking) - itself)
    if k == 0:
        return np.zeros(len(ranked))
    found = None if sides.nearest is None or k > SEARCHED else sides.nearest(sides, k)
    if found is not None:
        return rounded(summary(found))
    width = min(len(asking), max(WIDTH, k))
    length = min(len(ranked), max(1, COSINES_BYTES // (8 * (k + width))))
    both = np.empty((length, k + width))  # the best so far, then the next cosines
    out = np.empty(len(ranked))
    for start in range(0, len(ranked), length):
        x = unit(sides.ranked.through(ranked[start : start + length]))
        here = both[: len(x)]
        here[:, :k] = -np.inf
        for first in range(0, len(asking), width):
            y = unit(sides.asking.through(asking[first : first + width]))
            np.matmul(x, y.T, out=here[:, k : k + len(y)])
            if itself:
                _leave_out_itself(here[:, k : k + len(y)], start - first)
            cosines = here[:, : k + len(y)]
            cosines.partition(len(y), axis=1)
            cosines[:, :k] = cosines[:, len(y) :]
        out[start : start + length] = summary(
            rounded(here[:, :k]) if k <= SEARCHED else here[:, :k]
        )
    return rounded(out)


def _leave_out_itself(cosines: Float64[Array, "n m"], offset: int) -> None:
    """Ranked row ``i`` is column ``i + offset`` of the asking side, if that lies in this block."""
    rows = np.arange(max(0, -offset), min(len(cosines), cosines.shape[1] - offset))
    cosines[rows, rows + offset] = -np.inf


def _inverse_norms(side: View) -> Float64[Array, " n"]:
    """One over the length of every row; 0 for a zero row, whose cosine is 0."""
    length = np.concatenate([np.sqrt(np.square(block).sum(axis=1)) for block in side.blocks()])
    return np.where(length > 0, 1 / np.where(length > 0, length, 1.0), 0.0)


def _check(formula: Formula, k: int) -> None:
    name = str(formula).partition("(")[0]
    COUNT.check(f"the number of neighbours of {name}", k, SpellingError)
