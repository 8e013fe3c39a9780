"""Neighbours against judgements: every metric of every measure, one value a query."""

from collections.abc import Iterable, Mapping

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import SpellingError, TooFewError
from anglewise.evaluation.hits import Hits, Wanted
from anglewise.evaluation.metric import Metric, RankingMetric
from anglewise.evaluation.metric import metrics as read_metrics


def evaluate(
    found: Mapping[str, Neighbours],
    judgements: Judgements,
    rows: Int64[Array, " q"],
    metrics: Iterable[str | Metric] | str,
) -> dict[str, Float64[Array, "m q"]]:
    """Say how well each measure's neighbours agree with the judgements, query by query.

    Parameters
    ----------
    found
        Under each measure the neighbours of ``rows``, in that order.
    judgements
        What was judged; items without a judgement count as not relevant.
    rows
        Rows of the asking side. One without any relevant item gets 0.
    metrics
        Metrics of ranked lists, or their spellings.

    Returns
    -------
    dict
        From the spelling of a metric to its values, ``measures x queries``, the measures in the
        order of ``found``.

    Raises
    ------
    SpellingError
        A metric that is unknown, or that does not read lists.
    TooFewError
        Lists shorter than a metric reads, though more items could have been ranked.

    Examples
    --------
    >>> gains = SparseRows.from_pairs([0, 0], [1, 2], [1.0, 3.0], shape=(1, 4))
    >>> lists = np.array([[2, 3]])
    >>> found = {"dot": Neighbours("dot", lists, np.array([[2, 1]], np.float32), np.array([0]))}
    >>> evaluate(found, Judgements(gains), np.array([0]), "R@2,RR@2")
    {'R@2': array([[0.5]]), 'RR@2': array([[1.]])}
    """
    asked = [_ranking(metric) for metric in read_metrics(metrics)]
    chances = None if judgements.chances is None else _rows(judgements.chances, rows)
    wanted = Wanted(_rows(judgements.gains, rows), judgements.judged_items, chances)
    values: dict[str, list[Array]] = {str(metric): [] for metric in asked}
    deepest = max(asked, key=lambda metric: metric.depth)
    for neighbours in found.values():
        _check_depth(neighbours, deepest, judgements.gains.shape[1])
        hits = Hits(neighbours.indices[:, : deepest.depth], wanted)
        for metric in asked:
            values[str(metric)].append(metric.per_query(hits))
    return {name: np.stack(per_measure) for name, per_measure in values.items()}


def _rows(gains: SparseRows, rows: Array) -> SparseRows:
    every = np.array_equal(rows, np.arange(gains.shape[0]))
    return gains if every else gains.take(rows)


def _ranking(metric: Metric) -> RankingMetric:
    if not isinstance(metric, RankingMetric):
        raise SpellingError(
            f"{metric} does not read ranked lists: with queries and relevant items ask for "
            "one that does, such as nDCG@10"
        )
    return metric


def _check_depth(neighbours: Neighbours, deepest: RankingMetric, items: int) -> None:
    if neighbours.k < min(deepest.depth, items - 1):  # an item is never its own neighbour
        raise TooFewError(
            f"{deepest} reads {deepest.depth} places, the lists of {neighbours.measure} have "
            f"{neighbours.k}: search with k = {deepest.depth}"
        )
