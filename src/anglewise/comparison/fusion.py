"""The lists of reference rankers: of BM25 over the texts, and of fusions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from anglewise.comparison.lists import (
    NOBODY,
    EvaluationSettings,
    SearchedSpace,
    nearest_documents,
    of_places,
    tuned_lists,
)
from anglewise.comparison.ranked_runs import RankedRuns
from anglewise.comparison.rankers import BM25, Ranker
from anglewise.comparison.without_vectors import WithoutVectors, hidden_rows
from anglewise.data_types.embeddings import Space
from anglewise.data_types.neighbours import Neighbours, rounded
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import ranking_metrics
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure

CONSTANT = 60
"""Of reciprocal rank fusion: how little first places count for more than later ones."""
FUSED = 100
"""How deep the lists are that are fused."""
STEPS = 10
"""Weights are tried in tenths."""


def with_rankers(
    rankers: Sequence[Ranker],
    searched: SearchedSpace,
    context: WithoutVectors,
    settings: EvaluationSettings,
    *,
    names: Space,
    runs: RankedRuns | None = None,
) -> RankedRuns:
    """The lists of rankers, before those of the runs, if there are any.

    Raises ``SpellingError`` where BM25 has no texts, ``MissingExtraError`` without its library.
    """
    judgements, rows = context.judgements, context.judgements.judged_rows
    depth = max(metric.depth for metric in ranking_metrics(settings.metrics))
    deep = max(depth, FUSED) if any(ranker.parts for ranker in rankers) else depth
    deep = min(deep, context.items)
    wanted = {part for ranker in rankers for part in (ranker.parts or (str(ranker),))}
    lists = _parts(sorted(wanted), searched, context, deep, settings)
    notes = _text_notes(context, rows) if BM25 in wanted else []
    found: dict[str, Neighbours] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    depth = min(depth, context.items if runs is None else runs.depth)
    for ranker in rankers:
        name, own = str(ranker), [lists[part] for part in ranker.parts]
        if ranker.kind == BM25:
            every = cut(lists[BM25], depth)
        elif ranker.kind == "fusion":
            every = cut(fused_by_rank(name, own), depth)
        else:
            tried = {
                setting: cut(fused(setting, own, _by_score, weights), depth)
                for setting, weights in _weightings(ranker.parts)
            }
            found[name], chosen[name] = tuned_lists(name, tried, judgements, settings)
            continue
        found[name] = settings.split.of_reported(every)
    if runs is None:
        return RankedRuns(found, judgements, names, tuple(notes), tuple(rankers), chosen)
    return replace(
        runs,
        lists=found | dict(runs.lists),
        notes=(*notes, *runs.notes),
        candidates=(*rankers, *runs.candidates),
        chosen=chosen,
    )


def _parts(
    wanted: Sequence[str],
    searched: SearchedSpace,
    context: WithoutVectors,
    depth: int,
    settings: EvaluationSettings,
) -> dict[str, Neighbours]:
    """The lists of measures and of BM25, for all judged queries."""
    rows = context.judgements.judged_rows
    fixed: list[Measure] = [measure(word) for word in wanted if word != BM25]
    lists: dict[str, Neighbours] = {}
    parts = searched.judgements.parts
    if fixed and parts is None:
        lists = searched.nearest(fixed, depth, settings)
    elif fixed and parts is not None:
        lists = nearest_documents(searched, parts, fixed, depth, settings)
    if BM25 in wanted:
        from anglewise.nearest_neighbours.bm25 import Bm25Index

        queries, texts = _texts(context)
        index = Bm25Index.of(texts, context.order)
        hidden = hidden_rows(context.judgements, rows, context.items)
        lists[BM25] = index.nearest([queries[int(row)] for row in rows], depth, hidden)
    return lists


def _texts(context: WithoutVectors) -> tuple[list[str], list[str]]:
    if context.texts is None:
        raise SpellingError(
            "bm25 ranks texts, and queries or items have none: give them (--query-texts, "
            "--item-texts), or leave bm25 out"
        )
    return context.texts()


def _text_notes(context: WithoutVectors, rows: Int64[Array, " q"]) -> list[str]:
    """Which queries and items BM25 cannot know."""
    queries, items = _texts(context)
    judged = [queries[int(row)] for row in rows]
    return [
        f"{BM25} knows no text of {counted(empty, noun)}"
        for noun, texts in (("judged query", judged), ("item", items))
        if (empty := sum(not text.strip() for text in texts))
    ]


def _weightings(parts: Sequence[str]) -> Iterable[tuple[str, list[float]]]:
    """Weights in tenths that add up to 1, with their spelling."""
    for tenths in product(range(STEPS + 1), repeat=len(parts)):
        if sum(tenths) == STEPS:
            weights = [tenth / STEPS for tenth in tenths]
            words = (f"{weight:g} {part}" for weight, part in zip(weights, parts, strict=True))
            yield " + ".join(words), weights


Worth = Callable[[Neighbours], Float64[Array, "q k"]]


def _by_rank(lists: Neighbours) -> Float64[Array, "q k"]:
    """What each place is worth in reciprocal rank fusion."""
    return np.broadcast_to(1 / (CONSTANT + 1 + np.arange(lists.k)), lists.indices.shape)


def _by_score(lists: Neighbours) -> Float64[Array, "q k"]:
    """Scores from 0, the last of the list, to 1, the first; 1 where all are equal."""
    there = lists.indices != NOBODY
    scores = np.where(there, lists.scores, np.nan).astype(np.float64)
    with np.errstate(invalid="ignore"):
        low = np.where(there, scores, np.inf).min(axis=1, keepdims=True)
        high = np.where(there, scores, -np.inf).max(axis=1, keepdims=True)
        width = high - low
        return np.where(width > 0, (scores - low) / np.where(width > 0, width, 1.0), 1.0)


def fused(
    name: str, lists: Sequence[Neighbours], worth: Worth, weights: Sequence[float]
) -> Neighbours:
    """One list of several: each item worth the sum of what its places are worth, by weights.

    Items that stand in no list with a weight are left out; of equal ones the first row comes first.

    >>> left = Neighbours("a", np.array([[0, 1]]), np.array([[2.0, 1.0]]), np.array([0]))
    >>> right = Neighbours("b", np.array([[1, 2]]), np.array([[5.0, 4.0]]), np.array([0]))
    >>> fused("both", [left, right], _by_rank, [1, 1]).indices.tolist()
    [[1, 0, 2, -1]]
    """
    queries, places = len(lists[0].indices), sum(its.k for its in lists)
    items = np.concatenate([its.indices for its in lists], axis=1)
    sums = np.concatenate(
        [weight * worth(its) for its, weight in zip(lists, weights, strict=True)], axis=1
    )
    counts = np.repeat(np.asarray(weights) > 0, [its.k for its in lists])
    row, place = np.nonzero((items != NOBODY) & counts)
    width = int(items.max(initial=0)) + 1
    keys, back = np.unique(row * width + items[row, place], return_inverse=True)
    totals = rounded(np.bincount(back, sums[row, place], minlength=len(keys)))
    of = keys // width
    order = np.lexsort((keys, -totals, of))
    of, keys, totals = of[order], keys[order], totals[order]
    rank = np.arange(len(of)) - np.searchsorted(of, np.arange(queries))[of]
    indices = np.full((queries, places), NOBODY, dtype=np.int64)
    scores = np.full((queries, places), -np.inf)
    indices[of, rank] = keys % width
    scores[of, rank] = totals
    return Neighbours(name, indices, scores, np.zeros(queries, dtype=np.int64))


def fused_by_rank(name: str, lists: Sequence[Neighbours]) -> Neighbours:
    """Reciprocal rank fusion of some lists, each counting alike."""
    return fused(name, lists, _by_rank, [1.0] * len(lists))


def cut(lists: Neighbours, depth: int) -> Neighbours:
    """The first places of lists, and how many of the others tie with the last of them."""
    if lists.k <= depth:
        return of_places(lists, depth)
    last = lists.scores[:, depth - 1 : depth]
    there = lists.indices[:, depth:] != NOBODY
    tied = (there & (lists.scores[:, depth:] == last)).sum(axis=1).astype(np.int64)
    all_tie = lists.scores[:, -1] == last[:, 0]
    return replace(
        lists,
        indices=lists.indices[:, :depth],
        scores=lists.scores[:, :depth],
        tied_at_cut=tied + np.where(all_tie, lists.tied_at_cut, 0),
    )
