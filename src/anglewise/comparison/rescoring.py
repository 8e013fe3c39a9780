"""Lists of cheaper vectors, ranked anew by the scores of the vectors as they were given."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from anglewise.comparison.candidates import Source
from anglewise.data_types.embeddings import Space
from anglewise.data_types.neighbours import Neighbours, rounded
from anglewise.data_types.token_vectors import TokenVectors
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import ranking_metrics, score_pairs
from anglewise.evaluation_metrics.interface import Metric
from anglewise.nearest_neighbours.ranking import NOWHERE, IdOrder, TopK
from anglewise.nearest_neighbours.token_search import pair_scores
from anglewise.similarity_measures.formulas import Measure


def check_depth(source: Source, metrics: Sequence[Metric]) -> None:
    """Refuse lists that end before the metrics do, as fewer are ranked anew.

    Raises ``SpellingError``.
    """
    again = source.variant.rescore
    deepest = max(ranking_metrics(metrics), key=lambda metric: metric.depth)
    if again is not None and again.depth < deepest.depth:
        raise SpellingError(
            f"{source} lists {again.depth} items, and {deepest} reads {deepest.depth}: rescore as "
            "many at least"
        )


def rescored(
    lists: Mapping[str, Neighbours],
    measures: Sequence[Measure],
    space: Space,
    direction: Direction,
    *,
    rows: Int64[Array, " q"],
    k: int,
) -> dict[str, Neighbours]:
    """The same items in lists of ``k`` places, by their scores in a space of the same rows.

    Equal scores fall in the order of ids. Ties are counted among what the lists held.

    >>> from anglewise.similarity_measures.measure import measures
    >>> cheap = Neighbours("dot", np.array([[0, 2]]), np.array([[5.0, 4.0]]), np.array([0]))
    >>> space = Space(items=[[1.0], [3.0], [2.0]], queries=[[1.0]])
    >>> again = rescored({"dot": cheap}, measures("dot"), space, "queries-items",
    ...     rows=np.array([0]), k=1)
    >>> again["dot"].indices.tolist(), again["dot"].scores.tolist()
    ([[2]], [[2.0]])
    """
    ranked = space.sides(direction)[1]
    id_order = IdOrder.of(ranked)
    answer: dict[str, Neighbours] = {}
    for measure in measures:
        its = lists[str(measure)]
        query, place = np.nonzero(its.indices >= 0)
        items = its.indices[query, place]
        width = max(k, its.k)
        room = TopK.empty(len(its.indices), width)
        room.score[query, place] = rounded(_scores(space, measure, direction, rows[query], items))
        room.position[query, place] = id_order.positions(items)
        top = TopK.of(room.score, room.position, k)
        answer[str(measure)] = replace(
            its,
            indices=id_order.rows(np.where(top.position < NOWHERE, top.position, -1)),
            scores=top.score,
            tied_at_cut=top.tied,
        )
    return answer


def _scores(
    space: Space,
    measure: Measure,
    direction: Direction,
    queries: Int64[Array, " pairs"],
    items: Int64[Array, " pairs"],
) -> Float64[Array, " pairs"]:
    """The exact score of each pair, before rounding."""
    asking, ranked = space.sides(direction)
    if isinstance(ranked, TokenVectors) and isinstance(asking, TokenVectors):
        return pair_scores(ranked, asking, measure, queries, items)
    return score_pairs(space, [measure], queries, items, direction)[0]
