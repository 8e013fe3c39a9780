"""Measures judged by ranked lists, of items or of documents by their best passage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from anglewise.comparison.inference import Asked, Scores, kinds
from anglewise.comparison.learnt import learnt_lists
from anglewise.comparison.split import ALONE, QuerySplit, joined, tuned
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements, Parts
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Direction, Int64, Progress
from anglewise.engine.search import search
from anglewise.errors import SpellingError, TooFewError
from anglewise.io.texts import documents_of
from anglewise.measures.adapter import Adapted
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import Family
from anglewise.metrics.evaluate import Metric, RankingMetric, evaluate, metric

PLACES = 1 << 23
"""Deep lists are searched for as many queries at once as have this many places together."""

NOBODY = -1


def judged_space(space: Space, parts: Parts | None) -> Space:
    """Who asks and what is ranked and judged, where these are documents without their vectors."""
    if parts is None:
        return space
    asking = space.queries.with_vectors(np.zeros((len(space.queries), 1), np.float32))
    return Space(queries=asking, items=documents_of(space.items, parts))


def search_judged(
    space: Space,
    measures: Sequence[Measure],
    rows: Int64[Array, " q"],
    *,
    direction: Direction,
    parts: Parts | None,
    k: int,
    exclude: SparseRows | None,
    threads: int | None,
    progress: Progress | None,
) -> dict[str, Neighbours]:
    """Find the nearest of what was judged: items, or documents by the best of their passages."""

    def nearest(
        some: Int64[Array, " some"], depth: int, progress: Progress | None = None
    ) -> dict[str, Neighbours]:
        return search(
            space,
            measures,
            k=depth,
            direction=direction,
            rows=some,
            exclude=exclude,
            threads=threads,
            progress=progress,
        )

    ranked = len(space.sides(direction)[1])
    if parts is None:
        return nearest(rows, min(k, ranked), progress)
    depth = min(ranked, k * -(-ranked // len(parts)))
    first = nearest(rows, depth, progress)
    return deepened(nearest, first, parts, rows, min(k, len(parts)))


def deepened(
    nearest: Callable[[Int64[Array, " some"], int], Mapping[str, Neighbours]],
    found: Mapping[str, Neighbours],
    parts: Parts,
    rows: Int64[Array, " q"],
    k: int,
) -> dict[str, Neighbours]:
    """Roll passages up to documents, and look twice as deep where these do not settle ``k``.

    ``nearest`` finds the passages of some rows to some depth, ``found`` is what it found first.
    A list is settled when it holds ``k`` documents and went on to a lower score than the last of
    them has, or when no passage is left: then no deeper list changes it.
    """
    lists = {name: rolled_up(one, parts, k) for name, one in found.items()}
    answer = {name: documents for name, (documents, _) in lists.items()}
    depth = next(iter(found.values())).k
    todo = np.flatnonzero(~np.all([settled for _, settled in lists.values()], axis=0))
    while len(todo) and depth < len(parts.of):
        depth = min(2 * depth, len(parts.of))
        left = [np.zeros(0, dtype=np.int64)]
        for start in range(0, len(todo), max(1, PLACES // depth)):
            some = todo[start : start + max(1, PLACES // depth)]
            unsettled = np.zeros(len(some), dtype=bool)
            for name, one in nearest(rows[some], depth).items():
                documents, settled = rolled_up(one, parts, k)
                _put(answer[name], some, documents)
                unsettled |= ~settled
            left.append(some[unsettled])
        todo = np.concatenate(left)
    return answer


def rolled_up(found: Neighbours, parts: Parts, k: int) -> tuple[Neighbours, Bool[Array, " q"]]:
    """The first ``k`` documents, each where its first passage stands, and which lists are settled.

    >>> passages = np.array([[0, 2, 1, 3]])
    >>> found = Neighbours("dot", passages, np.array([[4, 3, 2, 1]], np.float32), np.array([0]))
    >>> documents, settled = rolled_up(found, Parts.named(["a", "b", "a", "c"]), 2)
    >>> documents.indices.tolist(), documents.scores.tolist(), settled.tolist()
    ([[0, 1]], [[4.0, 2.0]], [True])
    """
    there = found.indices != NOBODY
    of = np.where(there, parts.of[found.indices], NOBODY)
    new = _first_of_each(of) & there
    place = np.cumsum(new, axis=1) - 1
    q = len(of)
    indices = np.full((q, k), NOBODY, dtype=np.int64)
    scores = np.full((q, k), -np.inf, dtype=np.float32)
    row, column = np.nonzero(new & (place < k))
    indices[row, place[row, column]] = of[row, column]
    scores[row, place[row, column]] = found.scores[row, column]
    last = scores[:, -1]
    tied = new & (place >= k) & (found.scores == last[:, None])
    beyond = (indices[:, -1] != NOBODY) & (found.scores[:, -1] < last)
    settled = beyond | ~there[:, -1] | (found.k == len(parts.of))
    return replace(
        found, indices=indices, scores=scores, tied_at_cut=tied.sum(axis=1).astype(np.int64)
    ), settled


def _first_of_each(of: Int64[Array, "q m"]) -> Bool[Array, "q m"]:
    """Where a number stands for the first time in its row."""
    order = np.argsort(of, axis=1, kind="stable")
    along = np.take_along_axis(of, order, axis=1)
    first = np.ones(of.shape, dtype=bool)
    first[:, 1:] = along[:, 1:] != along[:, :-1]
    new = np.zeros(of.shape, dtype=bool)
    np.put_along_axis(new, order, first, axis=1)
    return new


def _put(answer: Neighbours, rows: Int64[Array, " some"], found: Neighbours) -> None:
    answer.indices[rows] = found.indices
    answer.scores[rows] = found.scores
    answer.tied_at_cut[rows] = found.tied_at_cut


RESAMPLES = 10_000


def score_lists(
    space: Space,
    judgements: Judgements,
    asked: Sequence[Asked],
    metrics: Sequence[Metric],
    *,
    seed: int,
    threads: int | None,
    progress: Progress | None,
    parting: QuerySplit = ALONE,
) -> Scores:
    """Search for every judged query and evaluate what is found.

    Raises ``TooFewError`` if nothing is judged, ``SpellingError`` for a metric that reads no lists.
    """
    rows = judgements.judged_rows
    if not len(rows):
        raise TooFewError("no query is judged: give judgements of ids that the space holds")
    ranked = space.sides(judgements.direction)[1]
    judged_at = judged_metric(metrics)
    k = min(depth(metrics), len(ranked))
    found = search_judged(
        space,
        to_search(asked),
        rows,
        direction=judgements.direction,
        parts=judgements.parts,
        k=k,
        exclude=judgements.seen,
        threads=threads,
        progress=progress,
    )
    learnt = learnt_lists(
        space,
        asked,
        judgements,
        rows,
        k=k,
        exclude=judgements.seen,
        seed=seed,
        threads=threads,
        parting=parting,
    )
    found |= {name: one.lists for name, one in learnt.items()}
    lists, settings = chosen_lists(asked, found, judgements, metrics[0], seed=seed, parting=parting)
    settings |= {name: one.settings for name, one in learnt.items()}
    reported = rows[parting.reported(len(rows))]
    values = evaluate(lists, judgements, reported, [*metrics, judged_at])
    wanted = {str(one): values[str(one)] for one in metrics}
    return Scores(
        measures=tuple(asked),
        values=wanted,
        statistic=parting.means(np.concatenate(list(wanted.values()))),
        resamples=RESAMPLES,
        kinds=kinds(asked, [one.indices.tobytes() for one in lists.values()], ranked.is_unit()),
        noun="query",
        rows=reported,
        judged=int(judgements.gains.counts[reported].sum()),
        found=lists,
        settings=settings,
        unjudged=1 - values[str(judged_at)].mean(axis=1),
        parting=parting,
    )


def to_search(asked: Sequence[Asked]) -> list[Measure]:
    """The measures to search for, each once; of those left open all settings."""
    return list(dict.fromkeys(measure for one in asked for measure in _settings(one)))


def depth(metrics: Sequence[Metric]) -> int:
    """How many neighbours the deepest metric reads.

    Raises ``SpellingError`` for a metric that reads no lists.
    """
    return max(map(_depth, metrics))


def judged_metric(metrics: Sequence[Metric]) -> Metric:
    """Tells how much of what the deciding metric reads was judged."""
    return metric(f"Judged@{_depth(metrics[0])}")


def chosen_lists(
    asked: Sequence[Asked],
    found: Mapping[str, Neighbours],
    judgements: Judgements,
    by: Metric,
    *,
    seed: int,
    parting: QuerySplit,
) -> tuple[dict[str, Neighbours], dict[str, tuple[str, ...]]]:
    """The lists of each measure asked for, and what was chosen for those left open.

    They are of the queries that are reported; those of measures that were learnt come so.
    """
    rows = judgements.judged_rows
    lists: dict[str, Neighbours] = {}
    settings: dict[str, tuple[str, ...]] = {}
    for one in asked:
        if isinstance(one, Adapted):
            lists[str(one)] = found[str(one)]
            continue
        if isinstance(one, Measure):
            lists[str(one)] = parting.of_reported(found[str(one)])
            continue
        tried = {str(measure): found[str(measure)] for measure in _settings(one)}
        values = evaluate(tried, judgements, rows, [by])[str(by)]
        later = parting.later
        if later is not None:
            best = tried[list(tried)[int(values[:, ~later].mean(axis=1).argmax())]]
            lists[str(one)] = replace(parting.of_reported(best), measure=str(one))
            settings[str(one)] = (best.measure,)
            continue
        half = parting.half(len(rows), seed)
        inside, outside = (list(tried.values())[i] for i in tuned(values, half))
        lists[str(one)] = joined(str(one), inside, outside, half)
        settings[str(one)] = (inside.measure, outside.measure)
    return lists, settings


def _settings(one: Asked) -> list[Measure]:
    if isinstance(one, Adapted):
        return []
    return one.settings(lists=True) if isinstance(one, Family) else [one]


def _depth(one: Metric) -> int:
    if not isinstance(one, RankingMetric):
        raise SpellingError(
            f"{one} does not read ranked lists: with queries and relevant items ask for one that "
            "does, such as nDCG@10"
        )
    return one.depth
