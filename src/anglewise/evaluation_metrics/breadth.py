"""Beyond one number: coverage, strata of popularity, and how much rankings overlap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.any_order import mean
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.errors import ShapeError, TooFewError
from anglewise.evaluation_metrics.evaluate import Metric, evaluate
from anglewise.evaluation_metrics.evaluate import metric as read_metric


@dataclass(frozen=True)
class Coverage:
    """Which items stand in the lists of all queries together.

    ``share`` is the part of the items that stand in any list. ``gini`` says how unevenly items
    are listed: 0 where every item stands in as many lists, near 1 where a few items fill them all;
    NaN where the lists are empty.
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
    listed, n = counts.sum(), len(counts)
    if not listed:
        return Coverage(0.0, float("nan"))
    unevenness = 2 * (counts * np.arange(1, n + 1)).sum() / (n * listed) - (n + 1) / n
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
    """The stratum of each item by its use: 0 for the head, 1 for the middle, 2 for the tail.

    From the most used item to the least, the head goes on until a third of all use has fallen on
    it, the middle until two thirds have. Items used equally often stay together: all of them go
    where the first of them does. Items that nobody used are tail.

    Raises ``TooFewError`` where nothing was used.

    >>> strata_of(np.array([1.0, 6.0, 3.0, 3.0, 1.0, 1.0, 0.0])).tolist()
    [2, 0, 1, 1, 2, 2, 2]
    """
    uses = _scaled(uses)
    total = uses.sum()
    if not total > 0:
        raise TooFewError("nothing was used: head and tail need to know how often items were")
    levels, level = np.unique(-uses, return_inverse=True)
    share = np.bincount(level, uses, minlength=len(levels)) / total
    before = np.cumsum(share) - share
    strata = np.minimum((len(STRATA) * before + ROUNDING).astype(np.int64), len(STRATA) - 1)
    strata[levels == 0] = len(STRATA) - 1
    return strata[level]


def _scaled(uses: Float64[Array, " items"]) -> Float64[Array, " items"]:
    """The same by a power of two, so that the largest is below 1 and no sum is infinite."""
    return np.ldexp(uses, -np.frexp(uses.max(initial=0))[1])


def by_stratum(
    neighbours: Mapping[str, Neighbours],
    judgements: Judgements,
    rows: Int64[Array, " q"],
    metric: str | Metric,
    uses: Float64[Array, " items"],
    *,
    weights: Float64[Array, " q"] | None = None,
) -> tuple[Stratum, ...]:
    """Evaluate neighbours once for each stratum, as if its items alone were relevant.

    The lists stay as they are, so an item before a relevant one of the tail still counts against
    it. Where each query's relevant items lie in one stratum, the means weighted by
    ``queries`` make up the mean of all.

    Parameters
    ----------
    neighbours, judgements, rows, metric
        As in ``evaluate``, with one metric.
    uses
        How often each ranked item was used; the strata are thirds of that (``strata_of``).
    weights
        What each query counts in the means; 1 each if not given.

    Raises
    ------
    ShapeError
        Not one number an item.
    TooFewError
        Nothing was used.

    Examples
    --------
    >>> from anglewise.data_types.sparse import SparseRows
    >>> gains = SparseRows.from_pairs([0, 0], [0, 2], shape=(1, 3))
    >>> found = {"dot": Neighbours("dot", np.array([[0, 1]]), np.ones((1, 2), np.float32),
    ...                            np.array([0]))}
    >>> parts = by_stratum(found, Judgements(gains), np.array([0]), "R@2", np.array([3.0, 2, 1]))
    >>> [(part.name, part.items, part.means["dot"]) for part in parts if part.queries]
    [('head', 1, 1.0), ('tail', 1, 0.0)]
    """
    if len(uses) != judgements.gains.shape[1]:
        raise ShapeError(
            f"use is known of {len(uses)} items, judged are {judgements.gains.shape[1]}: one "
            "number an item is due"
        )
    uses = _scaled(uses)
    stratum_of, strata = strata_of(uses), list[Stratum]()
    for number, name in enumerate(STRATA):
        inside = stratum_of == number
        queries, means = _means(
            neighbours, judgements, rows, metric, inside=inside, weights=weights
        )
        share = float(uses[inside].sum() / uses.sum())
        strata.append(Stratum(name, int(inside.sum()), share, queries, means))
    return tuple(strata)


def _means(
    neighbours: Mapping[str, Neighbours],
    judgements: Judgements,
    rows: Int64[Array, " q"],
    metric: str | Metric,
    *,
    inside: Bool[Array, " items"],
    weights: Float64[Array, " q"] | None,
) -> tuple[int, dict[str, float]]:
    """How many queries have a relevant item inside, and the means of these queries."""
    only, queries = of_items(judgements.without_missing(), rows, metric, inside)
    if not len(queries):
        return 0, dict.fromkeys(neighbours, float("nan"))
    lists = {name: every_list.take(queries) for name, every_list in neighbours.items()}
    (values,) = evaluate(lists, only, rows[queries], [metric]).values()
    means = mean(values, None if weights is None else weights[queries])
    return len(queries), dict(zip(neighbours, means.tolist(), strict=True))


def of_items(
    judgements: Judgements,
    rows: Int64[Array, " q"],
    metric: str | Metric,
    inside: Bool[Array, " items"],
) -> tuple[Judgements, Int64[Array, " some"]]:
    """What is judged of some items alone, and the numbers of the rows with a relevant one.

    The judgements are of items that the space holds, as ``without_missing`` leaves them.
    """
    only = judgements.where(inside[judgements.gains.indices])
    good = only.gains.rows[relevant_entries(only, metric)]
    relevant = np.bincount(good, minlength=only.gains.shape[0])
    return only, np.flatnonzero(relevant[rows] > 0)


def relevant_entries(judgements: Judgements, metric: str | Metric) -> Bool[Array, " entries"]:
    """Which entries a metric takes for relevant: graded ones all gains above 0."""
    graded = getattr(read_metric(metric), "graded", False)
    return judgements.graded.values > 0 if graded else judgements.relevant


PERSISTENCE = 0.9
"""Chance of looking one place further: a reader who looks at ten places on average."""

CELLS = 1 << 20
"""Places of lists that are sorted together."""


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
    """The overlap and the rank-biased overlap of two rankings, both in [0, 1].

    In rank-biased overlap the front counts more. With ``X_d`` items in common among the first
    ``d`` and persistence ``p`` it is

        X_k / k p^k + (1 - p) / p sum_{d=1}^k X_d / d p^d,

    the extrapolated form, which takes the agreement at depth ``k`` to go on (Webber, Moffat and
    Zobel, ACM TOIS 28(4), 2010, equation 32 for lists of one length).

    >>> def listed(*items):
    ...     return Neighbours("dot", np.array([items]), np.zeros((1, 2), np.float32), np.array([0]))
    >>> agreements(listed(1, 2), listed(2, 1), k=2, persistence=0.5)
    (array([1.]), array([0.5]))
    """
    if len(first.indices) != len(second.indices):
        raise ShapeError(
            f"lists of {len(first.indices)} queries came beside lists of {len(second.indices)}: "
            "search both for the same queries"
        )
    k = min(k, first.k, second.k)
    a, b = first.indices[:, :k], second.indices[:, :k]
    block = max(1, CELLS // max(k, 1))
    shared = np.concatenate(
        [_shared(a[at : at + block], b[at : at + block]) for at in range(0, max(len(a), 1), block)]
    )
    filled = np.maximum((a >= 0).sum(axis=1), (b >= 0).sum(axis=1))
    overlaps = np.divide(shared[:, -1], filled, out=np.ones(len(filled)), where=filled > 0)
    depths = np.arange(1, shared.shape[1] + 1, dtype=np.float64)
    weights = persistence**depths
    agreed = shared / np.minimum(depths, np.maximum(filled, 1)[:, None])
    ahead = (agreed * weights).sum(axis=1) * (1 - persistence) / persistence
    biased = agreed[:, -1] * weights[-1] + ahead
    return overlaps, np.where(filled > 0, biased, 1.0)


def _shared(a: Int64[Array, "q k"], b: Int64[Array, "q k"]) -> Int64[Array, "q k"]:
    """How many items both lists hold down to each depth; a list holds an item once at most.

    An item at rank ``i`` of one and ``j`` of the other is shared from depth ``max(i, j)`` on.
    Sorted side by side, an item that both hold stands in two places that follow one another.
    """
    queries, k = len(a), int(a.shape[1])
    empty = -1 - np.arange(2 * k)
    items: Array = np.concatenate([a, b], axis=1)
    items = np.asarray(np.where(items < 0, empty, items))  # empty ranks are items of no other list
    order = np.argsort(items, axis=1)
    items, ranks = np.take_along_axis(items, order, axis=1), order % max(k, 1)
    rows, at = np.nonzero(items[:, 1:] == items[:, :-1])
    depths = np.maximum(ranks[rows, at], ranks[rows, at + 1])
    counts = np.bincount(rows * k + depths, minlength=queries * k)
    return np.cumsum(counts.reshape(queries, k), axis=1)


def disagreement(neighbours: Sequence[Neighbours], k: int) -> Float64[Array, " q"]:
    """For each query, the share of the nearest ``k`` that two measures do not have in common.

    The mean over all pairs of measures of ``1 - |A & B| / k``: 0 when every list holds the same
    items, in whatever order, 1 when no two lists share one. Raises ``TooFewError`` below two
    measures.

    >>> def listed(*items):
    ...     return Neighbours("dot", np.array([items]), np.zeros((1, 2), np.float32), np.array([0]))
    >>> disagreement([listed(1, 2), listed(2, 3), listed(2, 1)], k=2).round(3)
    array([0.333])
    """
    if len(neighbours) < 2:
        raise TooFewError("one measure cannot disagree: give two or more")
    k = min([k, *(lists.k for lists in neighbours)])
    items: Array = np.concatenate([lists.indices[:, :k] for lists in neighbours], axis=1)
    empty = -1 - np.arange(k * len(neighbours))  # empty ranks are items of no other list
    items = np.sort(np.where(items < 0, empty, items), axis=1)
    # An item stands once in a list at most: equal entries lie less than len(neighbours) apart.
    shared = sum(
        np.count_nonzero(items[:, distance:] == items[:, :-distance], axis=1)
        for distance in range(1, len(neighbours))
    )
    pairs = len(neighbours) * (len(neighbours) - 1) / 2
    return np.asarray(1 - shared / (pairs * k), dtype=np.float64)
