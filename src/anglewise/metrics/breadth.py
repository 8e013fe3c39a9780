"""Beyond one number: coverage, strata of popularity, and how much rankings overlap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.errors import ShapeError, TooFewError
from anglewise.metrics.evaluate import Metric, evaluate


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


STRATA = ("head", "middle", "tail")
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Stratum:
    """One third of all use, and how well its items are found.

    Attributes
    ----------
    name
        ``head``, ``middle`` or ``tail``.
    items
        How many items it holds.
    use
        The share of all use that falls on them.
    queries
        How many queries have a relevant item in it.
    means
        Under each measure the metric over these queries, if what lies in the stratum alone were
        relevant; NaN where there is no such query.
    """

    name: str
    items: int
    use: float
    queries: int
    means: Mapping[str, float]


def strata_of(uses: Float64[Array, " items"]) -> Int64[Array, " items"]:
    """Part items by use: 0 for the head, 1 for the middle, 2 for the tail.

    From the most used item to the least, the head goes on until a third of all use has fallen on
    it, the middle until two thirds have. Items used equally often stay together: all of them go
    where the first of them does. What nobody used is tail.

    Raises ``TooFewError`` where nothing was used.

    >>> strata_of(np.array([1.0, 6.0, 3.0, 3.0, 1.0, 1.0, 0.0])).tolist()
    [2, 0, 1, 1, 2, 2, 2]
    """
    total = uses.sum()
    if not total > 0:
        raise TooFewError("nothing was used: head and tail need to know how often items were")
    levels, of = np.unique(-uses, return_inverse=True)
    share = np.bincount(of, uses, minlength=len(levels)) / total
    before = np.cumsum(share) - share
    parts = np.minimum((len(STRATA) * before + ROUNDING).astype(np.int64), len(STRATA) - 1)
    parts[levels == 0] = len(STRATA) - 1
    return parts[of]


def by_stratum(
    found: Mapping[str, Neighbours],
    judgements: Judgements,
    rows: Int64[Array, " q"],
    metric: str | Metric,
    uses: Float64[Array, " items"],
) -> tuple[Stratum, ...]:
    """Evaluate what is found once for each stratum, as if its items alone were relevant.

    The lists stay as they are, so whatever stands before a relevant item of the tail still counts
    against it. Where each query's relevant items lie in one stratum, the means weighted by
    ``queries`` make up the mean of all.

    Parameters
    ----------
    found, judgements, rows, metric
        As in ``evaluate``, with one metric.
    uses
        How often each ranked item was used; the strata are thirds of that (``strata_of``).

    Raises
    ------
    ShapeError
        Not one number an item.
    TooFewError
        Nothing was used.

    Examples
    --------
    >>> gains = SparseRows.from_pairs([0, 0], [0, 2], shape=(1, 3))
    >>> found = {"dot": Neighbours("dot", np.array([[0, 1]]), np.ones((1, 2), np.float32),
    ...                            np.array([0]))}
    >>> parts = by_stratum(found, Judgements(gains), np.array([0]), "R@2", np.array([3.0, 2, 1]))
    >>> [(one.name, one.items, one.means["dot"]) for one in parts if one.queries]
    [('head', 1, 1.0), ('tail', 1, 0.0)]
    """
    if len(uses) != judgements.gains.shape[1]:
        raise ShapeError(
            f"use is known of {len(uses)} items, judged are {judgements.gains.shape[1]}: one "
            "number an item is due"
        )
    parts = strata_of(uses)
    strata: list[Stratum] = []
    for place, name in enumerate(STRATA):
        inside = parts == place
        queries, means = _means(found, judgements, rows, metric, inside=inside)
        share = float(uses[inside].sum() / uses.sum())
        strata.append(Stratum(name, int(inside.sum()), share, queries, means))
    return tuple(strata)


def _means(
    found: Mapping[str, Neighbours],
    judgements: Judgements,
    rows: Int64[Array, " q"],
    metric: str | Metric,
    *,
    inside: Bool[Array, " items"],
) -> tuple[int, dict[str, float]]:
    only = replace(judgements, gains=_inside(judgements.gains, inside))
    gains = only.gains
    relevant = np.bincount(gains.rows[gains.values > 0], minlength=gains.shape[0])
    asking = np.flatnonzero(relevant[rows] > 0)
    if not len(asking):
        return 0, dict.fromkeys(found, float("nan"))
    lists = {name: _some(one, asking) for name, one in found.items()}
    (values,) = evaluate(lists, only, rows[asking], [metric]).values()
    return len(asking), dict(zip(found, values.mean(axis=1).tolist(), strict=True))


def _inside(gains: SparseRows, items: Array) -> SparseRows:
    kept = items[gains.indices]
    ends = np.concatenate([[0], np.cumsum(kept)])[gains.indptr].astype(np.int64)
    return SparseRows(ends, gains.indices[kept], gains.values[kept], gains.shape)


def _some(found: Neighbours, queries: Int64[Array, " some"]) -> Neighbours:
    return replace(
        found,
        indices=found.indices[queries],
        scores=found.scores[queries],
        tied_at_cut=found.tied_at_cut[queries],
    )


PERSISTENCE = 0.9
"""Chance of looking one place further: a reader who looks at ten places on average."""

BLOCK = 4096
"""Queries taken together, so that their k x k comparisons stay small."""


def overlap(first: Neighbours, second: Neighbours, k: int) -> Float64[Array, " q"]:
    """The share of the nearest ``k`` that both lists hold, in whatever order.

    Where fewer than ``k`` items were allowed, the share of those; 1 where there are none.

    >>> def listed(*items):
    ...     return Neighbours("dot", np.array([items]), np.zeros((1, 2), np.float32), np.array([0]))
    >>> overlap(listed(1, 2), listed(2, 3), k=2).tolist()
    [0.5]
    """
    return agreements(first, second, k)[0]


def agreements(
    first: Neighbours, second: Neighbours, k: int, persistence: float = PERSISTENCE
) -> tuple[Float64[Array, " q"], Float64[Array, " q"]]:
    """The overlap of each two lists, and their rank-biased overlap: the front counts more.

    With ``X_d`` items in common among the first ``d`` and persistence ``p`` the latter is

        X_k / k p^k + (1 - p) / p sum_{d=1}^k X_d / d p^d,

    the extrapolated form, which takes the agreement at depth ``k`` to go on (Webber, Moffat and
    Zobel, ACM TOIS 28(4), 2010, equation 32 for lists of one length). Both lie in [0, 1].

    >>> lists = [Neighbours("dot", np.array([[1, 2]]), np.zeros((1, 2), np.float32), np.array([0]))]
    >>> [one.tolist() for one in agreements(*lists, *lists, k=2)]
    [[1.0], [1.0]]
    """
    shared, places = _shared(first, second, k)
    overlaps = np.divide(shared[:, -1], places, out=np.ones(len(places)), where=places > 0)
    depths = np.arange(1, shared.shape[1] + 1, dtype=np.float64)
    weights = persistence**depths
    agreed = shared / np.minimum(depths, np.maximum(places, 1)[:, None])
    ahead = (agreed * weights).sum(axis=1) * (1 - persistence) / persistence
    biased = agreed[:, -1] * weights[-1] + ahead
    return overlaps, np.where(places > 0, biased, 1.0)


def _shared(
    first: Neighbours, second: Neighbours, k: int
) -> tuple[Int64[Array, "q k"], Int64[Array, " q"]]:
    """For each depth the items that both hold so far; and how many places are filled."""
    if len(first.indices) != len(second.indices):
        raise ShapeError(
            f"lists of {len(first.indices)} queries came beside lists of {len(second.indices)}: "
            "search both for the same queries"
        )
    k = min(k, first.k, second.k)
    one, other = first.indices[:, :k], second.indices[:, :k]
    shared = np.empty(one.shape, dtype=np.int64)
    for start in range(0, len(one), BLOCK):
        block = slice(start, start + BLOCK)
        shared[block] = _up_to(one[block], other[block])
    return shared, np.maximum((one >= 0).sum(axis=1), (other >= 0).sum(axis=1))


def _up_to(one: Int64[Array, "q k"], other: Int64[Array, "q k"]) -> Int64[Array, "q k"]:
    """An item at place i of one and j of the other is shared from depth ``max(i, j)`` on."""
    equal: Bool[Array, "q k k"] = (one[:, :, None] == other[:, None, :]) & (one >= 0)[:, :, None]
    shared = np.empty(one.shape, dtype=np.int64)
    for depth in range(one.shape[1]):
        in_row = np.count_nonzero(equal[:, depth, : depth + 1], axis=1)
        shared[:, depth] = in_row + np.count_nonzero(equal[:, :depth, depth], axis=1)
    return np.cumsum(shared, axis=1)


def disagreement(found: Sequence[Neighbours], k: int) -> Float64[Array, " q"]:
    """For each query, the share of the nearest ``k`` that two measures do not have in common.

    The mean over all pairs of measures of ``1 - |A & B| / k``: 0 when every list holds the same
    items, in whatever order, 1 when no two lists share one. Raises ``TooFewError`` below two
    measures.

    >>> def listed(*items):
    ...     return Neighbours("dot", np.array([items]), np.zeros((1, 2), np.float32), np.array([0]))
    >>> disagreement([listed(1, 2), listed(2, 3), listed(2, 1)], k=2).round(3)
    array([0.333])
    """
    if len(found) < 2:
        raise TooFewError("one measure cannot disagree: give two or more")
    k = min([k, *(one.k for one in found)])
    lists: Array = np.concatenate([one.indices[:, :k] for one in found], axis=1)
    empty = -1 - np.arange(k * len(found))  # empty places are items of nobody
    lists = np.sort(np.where(lists < 0, empty, lists), axis=1)
    # An item stands at most once in each list, so equal entries lie less than len(found) apart.
    shared = sum(
        np.count_nonzero(lists[:, apart:] == lists[:, :-apart], axis=1)
        for apart in range(1, len(found))
    )
    pairs = len(found) * (len(found) - 1) / 2
    return np.asarray(1 - shared / (pairs * k), dtype=np.float64)
