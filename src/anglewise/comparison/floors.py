"""Floors: lists that need no model, to hold a comparison against.

They stand outside of the family of measures: nobody chooses between them. A model that is not
shown to beat the most used items, or the words of the texts, has not been shown to have learnt
anything.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.inference import Scores
from anglewise.comparison.scoring import unjudged_in_pool
from anglewise.comparison.without_vectors import HiddenRows, WithoutVectors
from anglewise.data_types.any_order import mean
from anglewise.data_types.neighbours import Neighbours, rounded
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import (
    counted,
    listed,
    percent,
    share_at_least,
    share_at_most,
)
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import TooFewError, ValuesError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.evaluation_metrics.pools import POOL_DEPTH, POOL_GAP
from anglewise.statistics.decision import Tolerance, WeightedMeans, decide

if TYPE_CHECKING:
    from anglewise.comparison.within_strata import QueryStrata

RANDOM, MOST_USED, LEAST_USED = "random", "most used items", "least used items"
ITEM_KNN = "item-kNN"
DRAWS = 2_000
CELLS = 1 << 24
"""Scores of items that are held at once."""
MOST_PRODUCTS = 1 << 32
"""Of more products of two numbers item-kNN would take longer than the comparison."""
MOST_CHARACTERS = 1 << 25
MOST_SCORES = 1 << 33
"""Of longer texts, or more queries times texts, BM25 would take longer than the comparison."""

CHARACTERS, SCORES = 2e6, 5e7
"""Characters indexed by BM25 and scores computed in a second, on one core, from below."""


@dataclass(frozen=True)
class Floor:
    """What lists without a model reach by the metric that decides.

    ``beaten`` says whether any measure is shown to be better, at 95% for all of them together;
    ``beats_all`` whether it is shown to be better than every one of them. ``unjudged_share`` is
    what nobody judged of the places that the metric reads.
    """

    name: str
    mean: float
    low: float
    high: float
    beaten: bool
    beats_all: bool = False
    unjudged_share: float | None = None


def with_floors(
    result: Comparison,
    context: WithoutVectors,
    scores: Scores,
    *,
    seed: int,
    asked: "QueryStrata | None" = None,
) -> Comparison:
    """The result with what random lists, those of use and those of words reach.

    ``asked`` says which query was asked in which stratum, where lists were taken within strata.
    The verdict says of which floors nothing is shown to be better. There are none for a metric
    whose values need not lie in [0, 1].
    """
    metric = read_metric(scores.metric)
    if not metric.bounded or metric.depth is None:
        return result
    if asked is not None:
        from anglewise.comparison.floors_in_strata import floors_in_strata

        reached = floors_in_strata(context, asked, metric, scores.rows, seed)
        return _with(result, reached, scores, seed)
    judged = scores.rows
    hidden = HiddenRows(context.judgements, judged, context.items)
    depth = min(metric.depth, context.items)
    order = scores.split.reported_order
    lists = dict(_lists(context, depth, judged, hidden, seed=seed, query_order=order))
    remarks = context.use_remarks() if MOST_USED in lists else []
    if MOST_USED in lists and context.seen is not None:
        by_use, notes = _item_knn(context, context.seen, judged, hidden, depth)
        lists, remarks = lists | by_use, remarks + notes
    if context.texts is not None:
        by_words, notes = _text_lists(context.texts, judged, hidden, depth, context.order)
        lists, remarks = lists | by_words, remarks + notes
    lists = {
        f"{name} without a model" if name in scores.names else name: neighbours
        for name, neighbours in lists.items()
    }
    share = read_metric(f"Judged@{metric.depth}")
    every = evaluate(lists, context.judgements, judged, [metric, share])
    weights = None if scores.weights is None else scores.weights.values
    unjudged = 1 - mean(every[str(share)], weights)
    outside = _outside_pool(lists, context, scores, metric.depth)
    values = every[scores.metric]
    reached = FloorValues(tuple(lists), values, tuple(remarks), unjudged, outside, lists)
    return _with(result, reached, scores, seed)


@dataclass(frozen=True, eq=False)
class FloorValues:
    """Values of the metric that decides for lists without a model, and what is to be said of them.

    ``values`` are ``lists x queries``. Of lists over all items: ``unjudged``, what nobody
    judged of them; ``outside``, that of their first places; and ``lists`` themselves.
    """

    names: tuple[str, ...]
    values: Float64[Array, "lists q"]
    remarks: tuple[str, ...] = ()
    unjudged: Float64[Array, " lists"] | None = None
    outside: Float64[Array, " lists"] | None = None
    lists: Mapping[str, Neighbours] = field(default_factory=dict[str, Neighbours])


def _with(result: Comparison, floors: FloorValues, scores: Scores, seed: int) -> Comparison:
    """The result with floors, and whether its measures are shown to beat them."""
    lists, remarks = floors.names, [*floors.remarks]
    depth = read_metric(scores.metric).depth
    values = np.concatenate([floors.values, scores.deciding])
    clusters = scores.clusters
    drawn = WeightedMeans.of(
        clusters.sums(values), clusters.sizes, largest=clusters.largest, draws=DRAWS, seed=seed
    )
    if scores.trainings is not None:  # which move measures, and no floor
        moved = scores.trainings.offsets(DRAWS, seed=seed)[:, 0]
        still = np.zeros((DRAWS, len(lists)))
        drawn = WeightedMeans(drawn.means + np.hstack([still, moved]), drawn.unseen)
    means = clusters.mean(values)
    measures = list(range(len(lists), len(values)))
    reached: list[Floor] = []
    chosen, by_others = result.verdict.measure, dict[str, list[str]]()
    named = 1 + scores.names.index(chosen)
    for row, name in enumerate(lists):
        compared = [row, *measures]
        only = WeightedMeans(drawn.means[:, compared], drawn.unseen)
        outcome = decide(only, means[compared], 0, Tolerance(0.0, 0.0))
        above, low, high = outcome.above, *drawn.interval(row)
        is_beaten, beats_all = bool((above[1:] > 0).any()), bool((outcome.most[1:] < 0).all())
        unseen = None if floors.unjudged is None else float(floors.unjudged[row])
        outside = None if floors.outside is None else float(floors.outside[row])
        beats_all &= outside is None or not _is_favoured(outside, scores)
        reached.append(Floor(name, float(means[row]), low, high, is_beaten, beats_all, unseen))
        if name in floors.lists:
            remarks += _remarks(reached[-1], floors.lists[name], scores)
        if outside is not None and depth is not None:
            remarks += _favoured_remark(name, outside, depth, scores)
        if reached[-1].beaten and not above[named] > 0 and not _is_unknown(reached[-1], scores):
            best = max(np.flatnonzero(above[1:] > 0), key=lambda j: means[measures[j]])
            floor = f"{name} ({scores.metric} {means[row]:.3f})"
            by_others.setdefault(scores.names[best], []).append(floor)
    words = [result.verdict.reason, unbeaten(reached, scores.metric)]
    words += [
        f"at 95% {other} is shown to beat {listed(names, 'and')}{_each(names)}, and {chosen} is not"
        for other, names in by_others.items()
    ]
    return replace(
        result,
        verdict=replace(result.verdict, reason="; ".join(filter(None, words))),
        floors=tuple(reached),
        floor_notes=tuple(remarks),
    )


MORE_UNJUDGED = 0.1
"""Beyond this, what was judged favours the measures over a floor that had no part in it."""


def _remarks(floor: Floor, lists: Neighbours, scores: Scores) -> Iterator[str]:
    """What the figure of a floor cannot show: empty lists, and what nobody judged."""
    if floor.name.startswith(RANDOM):
        return
    empty = int((lists.indices < 0).all(axis=1).sum())
    if empty:
        yield (
            f"{floor.name} has no list for {empty:,} of "
            f"{counted(len(lists.indices), 'judged query')}: they count as lists without any item"
        )
    if scores.unjudged is not None and _is_unknown(floor, scores):
        share, most = floor.unjudged_share or 0.0, share_at_most(float(scores.unjudged.max()))
        yield (
            f"{floor.name}: {percent(share)} of what it lists was never judged, of the measures' "
            f"at most {most}; judged, it might stand higher, so whether anything here beats it is "
            "not known"
        )


def _outside_pool(
    lists: Mapping[str, Neighbours], context: WithoutVectors, scores: Scores, depth: int
) -> Float64[Array, " floors"]:
    """The share of first places of each floor that nobody judged; 1 where that tells nothing."""
    if scores.outside_pool is None:
        return np.ones(len(lists))
    weights = None if scores.weights is None else scores.weights.values
    return unjudged_in_pool(lists, context.judgements, scores.rows, depth, weights)


def _favoured_remark(name: str, outside: float, depth: int, scores: Scores) -> Iterator[str]:
    """That lists of a floor were judged and those of the measures were not."""
    if scores.outside_pool is None or not _is_favoured(outside, scores) or name.startswith(RANDOM):
        return
    places = f"of its first {min(depth, POOL_DEPTH)} places"
    yield (
        f"{name}: {percent(outside)} {places} was never judged, of the measures' at least "
        f"{share_at_least(float(scores.outside_pool.min()))}; judged, these might stand higher, so "
        "whether it is better than they are is not known"
    )


def _is_favoured(outside: float, scores: Scores) -> bool:
    """Whether what a floor lists was judged, and what the measures list was not."""
    shares = scores.outside_pool
    return shares is not None and outside < float(shares.min()) - POOL_GAP


def _is_unknown(floor: Floor, scores: Scores) -> bool:
    """Whether a floor that is no chance had so little part in what was judged."""
    if scores.unjudged is None or floor.name.startswith(RANDOM):
        return False
    return (floor.unjudged_share or 0.0) > float(scores.unjudged.max()) + MORE_UNJUDGED


def unbeaten(reached: Sequence[Floor], metric: str) -> str:
    """The sentence about floors that no measure is shown to beat; empty where there are none.

    >>> unbeaten([Floor("random", 0.1, 0.0, 0.2, False), Floor("x", 0, 0, 1, True)], "nDCG@10")
    'at 95% nothing is shown to beat random (nDCG@10 0.100)'
    >>> unbeaten([Floor("bm25", 0.3, 0.2, 0.4, False, beats_all=True)], "nDCG@10")
    'at 95% bm25 (nDCG@10 0.300) is better than every measure here'
    """
    better, others = list[str](), list[str]()
    for floor in reached:
        if not floor.beaten:
            names = better if floor.beats_all else others
            names.append(f"{floor.name} ({metric} {floor.mean:.3f})")
    is_or_are = "is" if len(better) == 1 else "are"
    parts: list[str] = []
    if better:
        parts.append(f"{listed(better)} {is_or_are} better than every measure here{_each(better)}")
    parts += [f"nothing is shown to beat {listed(others, 'or')}"] if others else []
    return f"at 95% {'; '.join(parts)}" if parts else ""


def _each(floors: Sequence[str]) -> str:
    """That a level is of each floor: of several together it is not."""
    return ", each by itself" if len(floors) > 1 else ""


def _lists(
    context: WithoutVectors,
    depth: int,
    rows: Int64[Array, " q"],
    hidden: HiddenRows,
    *,
    seed: int,
    query_order: Int64[Array, " q"] | None,
) -> Iterator[tuple[str, Neighbours]]:
    """The lists by chance and by use, for the queries that are judged."""
    judgements, items = context.judgements, context.items
    rng = np.random.default_rng([seed, 4])
    by_id = np.argsort(context.position)
    order = by_id[rng.permutation(items)]
    starts = rng.integers(items, size=len(rows))
    if query_order is not None:
        starts = starts[query_order]
    yield RANDOM, _in_order(RANDOM, order, starts, hidden, depth)
    if context.uses is None or judgements.direction == "queries-queries":
        return
    most = np.lexsort((context.position, -context.uses))
    start = np.zeros(len(rows), np.int64)
    yield MOST_USED, _in_order(MOST_USED, most, start, hidden, depth)
    if judgements.direction == "items-items":
        least = np.lexsort((context.position, context.uses))
        yield LEAST_USED, _in_order(LEAST_USED, least, start, hidden, depth)


def _in_order(
    name: str,
    order: Int64[Array, " items"],
    starts: Int64[Array, " q"],
    hidden: HiddenRows,
    depth: int,
) -> Neighbours:
    """Lists along one order of the items, each from its own start, without what is hidden."""
    indices = np.full((len(starts), depth), -1, dtype=np.int64)
    places_of: dict[int, Int64[Array, " some"]] = {}
    for row, start in enumerate(starts.tolist()):
        group, out = hidden.group(row), hidden.seen(row)
        if group not in places_of:
            places_of[group] = hidden.passing(row, order)
        places = places_of[group]
        due = min(depth + len(out), len(places))
        first = bisect_left(places, start)
        items = order[places[np.arange(first, first + due) % max(1, len(places))]]
        items = items[~np.isin(items, out)][:depth]
        indices[row, : len(items)] = items
    return _neighbours(name, indices)


def _item_knn(
    context: WithoutVectors,
    seen: SparseRows,
    rows: Int64[Array, " q"],
    hidden: HiddenRows,
    depth: int,
) -> tuple[dict[str, Neighbours], list[str]]:
    """Items used by the same users: cosine of the columns of use, summed over what a user used.

    There is no list where it would take longer than the comparison.
    """
    from scipy import sparse

    make_rows: Any = sparse.csr_array
    used = make_rows((np.ones(len(seen.indices)), seen.indices, seen.indptr), shape=seen.shape)
    lengths = np.sqrt(np.asarray(used.sum(axis=0)).ravel())
    inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    scaled = make_rows((inverse[seen.indices], seen.indices, seen.indptr), shape=seen.shape)
    users, items = seen.shape
    alone = make_rows(sparse.identity(items, format="csr"))
    asking = (alone if context.judgements.direction == "items-items" else used)[rows]
    wanted = np.unique(asking.indices)
    products = int((used.T @ np.diff(seen.indptr))[wanted].sum())
    nearness: Any = None
    if products <= MOST_PRODUCTS and min(products, len(wanted) * items) <= 2 * CELLS:
        nearness = scaled.T.tocsr()[wanted] @ scaled
        asking = asking[:, wanted]
    elif 2 * len(rows) * len(seen.indices) > MOST_PRODUCTS:
        return _not_shown(
            ITEM_KNN,
            f"{len(rows):,} queries by {len(seen.indices):,} uses take longer than a comparison",
        )
    indices = np.full((len(rows), depth), -1, dtype=np.int64)
    at_once = max(1, CELLS // max(users, items, 1))
    for start in range(0, len(rows), at_once):
        some = asking[start : start + at_once]
        if nearness is not None:
            every: Float64[Array, "q items"] = (some @ nearness).toarray()
        else:
            every = (scaled.T @ (scaled @ some.T.toarray())).T
        for offset, row in enumerate(rounded(np.ascontiguousarray(every))):
            row[hidden[start + offset]] = -1.0
            best = np.lexsort((context.position, -row))[:depth]
            best = best[row[best] > 0]
            indices[start + offset, : len(best)] = best
    return {ITEM_KNN: _neighbours(ITEM_KNN, indices)}, []


def _text_lists(
    read: Callable[[], tuple[list[str], list[str]]],
    rows: Int64[Array, " q"],
    hidden: Sequence[Int64[Array, " rows"]],
    depth: int,
    order: Int64[Array, " items"] | None,
) -> tuple[dict[str, Neighbours], list[str]]:
    """The lists by BM25 for some rows of those who ask, and what is to be said of them.

    ``read`` gives the texts of those who ask and of what is ranked. There are no lists where the
    library is missing, where no item holds a word, or where the texts are too long.
    """
    from anglewise.nearest_neighbours.bm25 import BM25, NOT_INSTALLED, Bm25Index, has_bm25

    if not has_bm25():
        return _not_shown(BM25, NOT_INSTALLED)
    every_query, items = read()
    too_much = _too_much(len(rows), items)
    if too_much:
        return _not_shown(BM25, too_much)
    queries: list[str] = [every_query[int(row)] for row in rows]
    if not any(map(str.strip, queries)):
        return _not_shown(BM25, "no judged query has a text")
    try:
        index = Bm25Index.of(items, order)
    except (TooFewError, ValuesError) as error:
        no_word = "no item has a text with a word of two letters"
        return _not_shown(BM25, no_word if isinstance(error, TooFewError) else str(error))
    work = index.work(queries)
    if work > MOST_PRODUCTS:
        return _not_shown(
            BM25,
            f"words of the queries stand in {work:,} places, and {MOST_PRODUCTS:,} are the most "
            "that are looked up",
        )
    remarks = [
        f"{BM25} knows no text of {counted(empty, noun)}"
        for noun, texts in (("judged query", queries), ("item", items))
        if (empty := sum(not text.strip() for text in texts))
    ]
    return {BM25: index.nearest(queries, depth, hidden)}, remarks


def forecast_of_texts(context: WithoutVectors, queries: int) -> tuple[float, int]:
    """About how many seconds and bytes the lists by BM25 take; 0 where there are none."""
    from anglewise.nearest_neighbours.bm25 import check_fits, has_bm25, index_bytes

    if context.texts is None or not has_bm25():
        return 0.0, 0
    items = context.texts()[1]
    if _too_much(queries, items):
        return 0.0, 0
    try:
        check_fits(items)
    except ValuesError:
        return 0.0, 0
    seconds = sum(map(len, items)) / CHARACTERS + queries * len(items) / SCORES
    return seconds, index_bytes(items)


def _too_much(queries: int, items: Sequence[str]) -> str:
    """Why so many texts are not indexed; empty where they are."""
    characters = sum(map(len, items))
    if characters > MOST_CHARACTERS:
        return (
            f"the texts hold {characters:,} characters, and {MOST_CHARACTERS:,} are the most that "
            "are indexed"
        )
    if queries * len(items) > MOST_SCORES:
        return (
            f"{queries:,} queries by {len(items):,} texts are more scores than {MOST_SCORES:,}, "
            "the most that are computed"
        )
    return ""


def _not_shown(name: str, reason: str) -> tuple[dict[str, Neighbours], list[str]]:
    return {}, [f"{name} not shown: {reason}"]


def _neighbours(name: str, indices: Int64[Array, "q k"]) -> Neighbours:
    scores = np.where(indices >= 0, -np.arange(indices.shape[1], dtype=np.float32), -np.inf)
    return Neighbours(name, indices, scores, np.zeros(len(indices), dtype=np.int64))
