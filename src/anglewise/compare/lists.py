"""Measures judged by ranked lists: searched once, all of them in one pass, then evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from anglewise.compare.by_document import search_judged
from anglewise.compare.crossfit import joined, tuned
from anglewise.compare.learnt import learnt_lists
from anglewise.compare.scores import Asked, Scores, kinds
from anglewise.compare.split import ALONE, Parting
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Progress
from anglewise.errors import SpellingError, TooFewError
from anglewise.measures.adapter import Adapted
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import Family
from anglewise.metrics.evaluate import Metric, RankingMetric, evaluate, metric

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
    parting: Parting = ALONE,
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
    parting: Parting,
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
