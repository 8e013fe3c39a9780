"""Floors: lists that need no model, to hold a comparison against.

They stand outside of the family of measures: nobody chooses between them. A model that is not
shown to beat the most used items has not been shown to have learnt anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.comparison.inference import Scores
from anglewise.comparison.lists import SearchedSpace
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import listed
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.geometry.norms import known_uses
from anglewise.statistics.decision import Tolerance, WeightedMeans, decide

RANDOM, MOST_USED, ITEM_KNN = "random", "most used items", "item-kNN"
DRAWS = 2_000
CELLS = 1 << 24
"""Scores of items that are held at once."""


@dataclass(frozen=True)
class Floor:
    """What lists without a model reach by the metric that decides.

    ``beaten`` says whether any measure is shown to be better, at 95% for all of them together.
    """

    name: str
    mean: float
    low: float
    high: float
    beaten: bool


def floors(searched: SearchedSpace, scores: Scores, *, seed: int) -> tuple[Floor, ...]:
    """Evaluate random lists; where use is known, the most used items and item-kNN.

    None for a metric whose values need not lie in [0, 1], or where passages stand for documents.
    """
    metric = read_metric(scores.metric)
    if not metric.bounded or metric.depth is None or searched.judgements.parts is not None:
        return ()
    lists = dict(_lists(searched, metric.depth, scores.rows, seed))
    judged = scores.rows
    found = evaluate(lists, searched.judgements, judged, [metric])[scores.metric]
    values = np.concatenate([found, scores.deciding])
    clusters = scores.clusters
    drawn = WeightedMeans.of(clusters.sums(values), clusters.sizes, draws=DRAWS, seed=seed)
    means = values.mean(axis=1)
    measures = list(range(len(lists), len(values)))
    result: list[Floor] = []
    for row, name in enumerate(lists):
        some = [row, *measures]
        only = WeightedMeans(drawn.means[:, some], drawn.unseen)
        above = decide(only, means[some], 0, Tolerance(0.0, 0.0)).above
        low, high = drawn.interval(row)
        result.append(Floor(name, float(means[row]), low, high, bool((above[1:] > 0).any())))
    return tuple(result)


def unbeaten(result: tuple[Floor, ...], metric: str) -> str:
    """The sentence about floors that no measure is shown to beat; empty where there are none.

    >>> unbeaten((Floor("random", 0.1, 0.0, 0.2, False), Floor("x", 0, 0, 1, True)), "nDCG@10")
    'nothing is shown to beat random (nDCG@10 0.100)'
    """
    names = [f"{floor.name} ({metric} {floor.mean:.3f})" for floor in result if not floor.beaten]
    return f"nothing is shown to beat {listed(names, 'or')}" if names else ""


def _lists(
    searched: SearchedSpace, depth: int, rows: Int64[Array, " q"], seed: int
) -> Iterator[tuple[str, Neighbours]]:
    """The lists of each floor, for the queries that are judged."""
    judgements, items = searched.judgements, len(searched.ranked)
    hidden = _hidden(judgements, rows, items)
    rng = np.random.default_rng([seed, 4])
    order = rng.permutation(items)
    starts = rng.integers(items, size=len(rows))
    yield RANDOM, _in_order(RANDOM, order, starts, hidden, depth)
    if judgements.direction == "queries-queries":
        return
    uses = known_uses(searched.space, judgements.direction)
    if uses is None:
        return
    most = np.lexsort((np.arange(items), -uses))
    yield MOST_USED, _in_order(MOST_USED, most, np.zeros(len(rows), np.int64), hidden, depth)
    seen = searched.space.seen
    if seen is not None:
        yield ITEM_KNN, _item_knn(seen, judgements, rows, hidden, depth)


def _hidden(judgements: Judgements, rows: Int64[Array, " q"], items: int) -> list[Array]:
    """The items that stand in no list, query by query: those seen, and oneself among items."""
    one_sided = judgements.direction != "queries-items"
    seen = judgements.seen
    parts: list[Array] = []
    for row in rows.tolist():
        out = np.empty(0, np.int64) if seen is None else seen.row(row).astype(np.int64)
        parts.append(np.append(out, row) if one_sided and row < items else out)
    return parts


def _in_order(
    name: str,
    order: Int64[Array, " items"],
    starts: Int64[Array, " q"],
    hidden: list[Array],
    depth: int,
) -> Neighbours:
    """Lists along one order of the items, each from its own start, without what is hidden."""
    indices = np.full((len(starts), depth), -1, dtype=np.int64)
    for row, (start, out) in enumerate(zip(starts.tolist(), hidden, strict=True)):
        due = min(depth + len(out), len(order))
        some = order[np.arange(start, start + due) % len(order)]
        some = some[~np.isin(some, out)][:depth]
        indices[row, : len(some)] = some
    return _neighbours(name, indices)


def _item_knn(
    seen: SparseRows,
    judgements: Judgements,
    rows: Int64[Array, " q"],
    hidden: list[Array],
    depth: int,
) -> Neighbours:
    """Items used by the same users: cosine of the columns of use, summed over what a user used."""
    from scipy import sparse

    make_rows: Any = sparse.csr_array
    used = make_rows((np.ones(len(seen.indices)), seen.indices, seen.indptr), shape=seen.shape)
    lengths = np.sqrt(np.asarray(used.sum(axis=0)).ravel())
    inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    scaled = make_rows((inverse[seen.indices], seen.indices, seen.indptr), shape=seen.shape)
    indices = np.full((len(rows), depth), -1, dtype=np.int64)
    at_once = max(1, CELLS // max(seen.shape[1], 1))
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        if judgements.direction == "items-items":
            nearness = scaled.T[some] @ scaled
        else:
            nearness = (used[some] @ scaled.T) @ scaled
        every: Float64[Array, "q items"] = nearness.toarray()
        for offset, row in enumerate(every):
            row[hidden[start + offset]] = -1.0
            best = np.lexsort((np.arange(len(row)), -row))[:depth]
            best = best[row[best] > 0]
            indices[start + offset, : len(best)] = best
    return _neighbours(ITEM_KNN, indices)


def _neighbours(name: str, indices: Int64[Array, "q k"]) -> Neighbours:
    ranks = np.arange(indices.shape[1], dtype=np.float32)
    scores = np.where(indices >= 0, -ranks, np.float32(-np.inf))
    return Neighbours(name, indices, scores, np.zeros(len(indices), dtype=np.int64))
