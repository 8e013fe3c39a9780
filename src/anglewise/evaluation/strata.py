"""Quality for what is popular and for what is not: head, middle and tail."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.errors import ShapeError, TooFewError
from anglewise.evaluation.evaluate import evaluate
from anglewise.evaluation.metric import Metric

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
