"""Lists without a model within strata of similar use: by chance, by use, and by who used what."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from anglewise.comparison.floors import ITEM_KNN, LEAST_USED, MOST_USED, RANDOM, FloorValues
from anglewise.comparison.within_strata import QueryStrata, lists_in_order, values_in_strata
from anglewise.comparison.without_vectors import HiddenRows, WithoutVectors
from anglewise.data_types.neighbours import Neighbours, rounded
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.evaluation_metrics.interface import Metric

MOST_PRODUCTS = 1 << 32
"""Of more products of two numbers item-kNN would take longer than the comparison."""


def floors_in_strata(
    context: WithoutVectors,
    asked: QueryStrata,
    metric: Metric,
    rows: Int64[Array, " q"],
    seed: int,
) -> FloorValues:
    """What lists without a model reach within the strata, for some rows that ask.

    By chance; the most and the least used items of the stratum, as the space knows their use, else
    those who made the judgements; and where it is known who used what in training, item-kNN. BM25
    has no floor here.
    """
    uses = asked.uses if context.uses is None else context.uses
    rng = np.random.default_rng([seed, 4])
    depth = min(metric.depth or 1, context.items)
    orders: dict[str, Int64[Array, " items"]] = {
        RANDOM: np.argsort(context.position)[rng.permutation(context.items)],
        MOST_USED: np.lexsort((context.position, -uses)),
        LEAST_USED: np.lexsort((context.position, uses)),
    }
    hidden = HiddenRows(context.judgements, np.arange(context.items), context.items)
    nearness, remarks = _nearness(context)
    if context.texts is not None:
        remarks.append("BM25 not shown: it has no lists within strata of similar use")

    def lists_of(part: QueryStrata) -> Mapping[str, Neighbours]:
        lists = {
            name: lists_in_order(name, order, part, depth, hidden.__getitem__)
            for name, order in orders.items()
        }
        if nearness is not None:
            lists[ITEM_KNN] = _item_knn(nearness, context, part, depth, hidden.__getitem__)
        return lists

    names = [*orders, *([ITEM_KNN] if nearness is not None else [])]
    ((values, _),) = values_in_strata(
        asked, context.judgements, lists_of, [metric], lists=len(names)
    )
    return FloorValues(tuple(names), values[str(metric)][:, rows], tuple(remarks))


def _nearness(context: WithoutVectors) -> tuple[Any, list[str]]:
    """Columns of use of unit length, items x users; None where it is not known who used what."""
    from scipy import sparse

    seen: SparseRows | None = context.seen
    if seen is None:
        return None, []
    counts = seen.counts
    if int((counts.astype(np.float64) ** 2).sum()) > MOST_PRODUCTS:
        return None, [f"{ITEM_KNN} not shown: so many uses take longer than the comparison"]
    lengths = np.sqrt(np.bincount(seen.indices, minlength=seen.shape[1]))
    make_rows: Any = sparse.csr_array
    scaled = make_rows((1 / lengths[seen.indices], seen.indices, seen.indptr), shape=seen.shape)
    return scaled.T.tocsr(), []


def _item_knn(
    by_item: Any,
    context: WithoutVectors,
    asked: QueryStrata,
    depth: int,
    hidden: Callable[[int], Array],
) -> Neighbours:
    """Items used by the same users: the cosine of the columns of use, within each stratum."""
    indices = np.full((len(asked), depth), -1, dtype=np.int64)
    starts = np.flatnonzero(np.append(True, np.diff(asked.rows) > 0))
    ends = np.append(starts[1:], len(asked.rows))
    at_once = max(1, (1 << 22) // max(1, context.items))
    rows = asked.rows[starts]
    for first in range(0, len(rows), at_once):
        some = rows[first : first + at_once]
        every: Float64[Array, "q items"] = (by_item[some] @ by_item.T).toarray()
        for row, nearness, start, end in zip(
            some.tolist(),
            rounded(np.ascontiguousarray(every)),
            starts[first : first + at_once],
            ends[first : first + at_once],
            strict=True,
        ):
            nearness[hidden(row)] = -1.0
            for place in range(start, end):
                items = asked.items_of[int(asked.stratum[place])]
                items = items[nearness[items] > 0]
                order = np.lexsort((context.position[items], -nearness[items]))[:depth]
                indices[place, : len(order)] = items[order]
    ranks = np.arange(depth, dtype=np.float32)
    scores = np.where(indices >= 0, -ranks, np.float32(-np.inf))
    return Neighbours(ITEM_KNN, indices, scores, np.zeros(len(indices), dtype=np.int64))
