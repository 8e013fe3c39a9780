"""Score candidates, query by query: by ranked lists, by graded pairs or by triplets."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product

import numpy as np

from anglewise.comparison.candidates import Candidate, SearchCost
from anglewise.comparison.dependence import suppositions, suppositions_of_rows
from anglewise.comparison.inference import Scores
from anglewise.comparison.lists import EvaluationSettings, SearchedSpace, candidate_lists, of_places
from anglewise.comparison.ranked_runs import RankedRuns
from anglewise.comparison.split import choices, first_half, tuned
from anglewise.comparison.variants import AS_IT_IS
from anglewise.data_types.any_order import mean
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.text import counted, listed
from anglewise.data_types.typing import Array, Bool, Float64, Int, Int64
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.evaluate import evaluate, evaluate_triplets, score_pairs
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.evaluation_metrics.interface import Metric, PairMetric, RankingMetric
from anglewise.evaluation_metrics.pools import POOL_DEPTH, tells_bad
from anglewise.nearest_neighbours.search import share_of
from anglewise.similarity_measures.adapter import Adapted
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import Family, MeasureSpec
from anglewise.statistics.decision import DRAWS


def score_spaces(
    spaces: Iterable[SearchedSpace],
    measures: Sequence[Sequence[MeasureSpec]],
    candidates: Sequence[Candidate],
    judgements: Judgements,
    settings: EvaluationSettings,
    *,
    runs: RankedRuns | None = None,
) -> Scores:
    """Search every space for its measures, one space after the other, and evaluate the lists.

    ``candidates`` are the measures of the first space, then those of the next, and so on;
    ``judgements`` are what all lists are judged by, of several spaces in their common order.
    Behind them stand the ``runs``, which are judged by the same, and the others by theirs.

    Raises what ``candidate_lists`` raises.
    """
    count = len(measures)
    names = iter([str(candidate) for candidate in candidates])
    lists: dict[str, Neighbours] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    costs: dict[str, SearchCost] = {}
    keys: list[Hashable] = []
    for number, (space, its_measures) in enumerate(zip(spaces, measures, strict=False)):
        settings_here = settings
        if settings.progress is not None and count > 1:
            settings_here = replace(settings, progress=share_of(settings.progress, number, count))
        nearest, words = candidate_lists(space, its_measures, judgements, settings_here)
        if runs is not None:  # which may name more items than a space holds
            nearest = {name: of_places(its, runs.depth) for name, its in nearest.items()}
        own = dict(zip(nearest, names, strict=False))
        lists |= {own[name]: replace(its, measure=own[name]) for name, its in nearest.items()}
        chosen |= {own[name]: words_chosen for name, words_chosen in words.items()}
        costs |= {own[str(measure)]: _cost(space, measure, nearest) for measure in its_measures}
        keys += [(number, list_key(neighbours)) for neighbours in nearest.values()]
    if runs is not None:
        lists |= runs.lists
        chosen |= runs.chosen
        # of one space, one that is a run of a measure ranks like it
        keys += [(0, list_key(neighbours)) for neighbours in runs.lists.values()]
        candidates = [*candidates, *runs.candidates]
        judgements = runs.judgements
    scores = score_lists(candidates, lists, judgements, settings, keys=keys, chosen=chosen)
    return replace(scores, costs=costs, reranking={} if runs is None else runs.reranking)


def _cost(
    space: SearchedSpace, measure: MeasureSpec, nearest: Mapping[str, Neighbours]
) -> SearchCost:
    """What it took to search one space for one measure; of a tuned one for all its settings."""
    tried = measure.settings(lists=True) if isinstance(measure, Family) else [measure]
    # what is learnt is searched for the reported queries alone
    learns = isinstance(measure, Adapted)
    queries = len(nearest[str(measure)].indices) if learns else len(space.queries)
    size = space.bytes_a_vector or AS_IT_IS.bytes_of(space.ranked)
    names = {*map(str, tried)}
    own = [(measures, seconds) for measures, seconds in space.passes if names & {*measures}]
    seconds = sum(seconds for _, seconds in own)
    return SearchCost(
        bytes_a_vector=size,
        queries=queries,
        together=max(len(measures) for measures, _ in own),
        seconds={"pass": seconds, "a_query": seconds / queries},
    )


def score_lists(
    candidates: Sequence[Candidate],
    lists: Mapping[str, Neighbours],
    judgements: Judgements,
    settings: EvaluationSettings,
    *,
    keys: Sequence[Hashable],
    chosen: Mapping[str, tuple[str, ...]],
) -> Scores:
    """Evaluate the lists of some candidates on the queries that are reported.

    ``keys`` are the same for candidates that rank alike; ``chosen`` says what was tuned or learnt.
    """
    split, rows = settings.split, judgements.judged_rows
    rows = rows[split.reported(len(rows))]
    share = read_metric(f"Judged@{settings.metrics[0].depth}")
    values = evaluate(lists, judgements, rows, [*settings.metrics, share])
    alike = np.array([_tells_nothing(its, judgements, rows) for its in lists.values()], dtype=bool)
    weights = judgements.weights(rows)
    each = None if weights is None else weights.values
    scores = Scores(
        measures=tuple(candidates),
        # ids alone order what all scores the same: no figure of it is the measure's
        values={
            str(metric): np.where(alike[:, None], np.nan, values[str(metric)])
            for metric in settings.metrics
        },
        keys=tuple(keys),
        rows=rows,
        judged=int(judgements.graded.counts[rows].sum()),
        found=lists,
        settings=chosen,
        unjudged=1 - mean(values[str(share)], each),
        outside_pool=_outside_pool(settings.metrics[0], lists, judgements, rows, each),
        split=split,
        drawn_by_lot=judgements.by_lot,
        by_machine=judgements.complaints.by_machine > 0,
        weights=weights,
        largest_group=settings.largest_group,
    )
    return replace(scores, supposed=suppositions(judgements, scores))


def _tells_nothing(lists: Neighbours, judgements: Judgements, rows: Int64[Array, " q"]) -> bool:
    """Whether everything that may stand in the lists scores the same, whoever asks."""
    items = judgements.gains.shape[1]
    hidden = np.zeros(len(rows), dtype=np.int64)
    if judgements.seen is not None:
        hidden += judgements.seen.counts[rows]
    if judgements.direction != "queries-items":
        hidden += 1  # oneself
    alike = (lists.indices >= 0).sum(axis=1) + lists.tied_at_cut
    told = len(rows) > 0 and items > 1 and bool((alike > 1).all())
    return told and lists.all_alike and bool((alike + hidden >= items).all())


def _outside_pool(
    deciding: Metric,
    lists: Mapping[str, Neighbours],
    judgements: Judgements,
    rows: Int64[Array, " q"],
    weights: Float64[Array, " q"] | None,
) -> Float64[Array, " m"] | None:
    """The shares of first places that nobody judged; None where these tell nothing."""
    counts = isinstance(deciding, RankingMetric) and deciding.unjudged == "not relevant"
    if not counts or judgements.by_lot or not tells_bad(judgements.graded, rows):
        return None
    return unjudged_in_pool(lists, judgements, rows, deciding.depth or POOL_DEPTH, weights)


def unjudged_in_pool(
    lists: Mapping[str, Neighbours],
    judgements: Judgements,
    rows: Int64[Array, " q"],
    depth: int,
    weights: Float64[Array, " q"] | None,
) -> Float64[Array, " m"]:
    """The share of the first places of each list, ten at most, that nobody judged."""
    share = read_metric(f"Judged@{min(depth, POOL_DEPTH)}")
    values = evaluate(lists, judgements, rows, [share])[str(share)]
    return 1 - mean(values, weights)


def list_key(neighbours: Neighbours) -> bytes:
    """The same for measures that rank alike, which are those with the same lists; a few bytes."""
    return sha256(np.ascontiguousarray(neighbours.indices).data).digest()


@dataclass(frozen=True, eq=False)
class Layer:
    """Scores of the measures at some rows of the table, on a part of the pairs."""

    rows: Int64[Array, " s"]
    on: Bool[Array, " pairs"]
    scores: Float64[Array, "s pairs"]


@dataclass(frozen=True, eq=False)
class Correlations:
    """A statistic of resampled pairs: every metric of every measure, metric after metric.

    Measures are correlated on each layer by itself, and these values averaged. Scores of two
    settings are not of one scale, so a measure tuned on halves has a layer for each half; fixed
    measures have one layer that holds all pairs.
    """

    metrics: Sequence[PairMetric]
    layers: Sequence[Layer]
    gold: Float64[Array, " pairs"]

    def per_pair(self, metric: PairMetric) -> Float64[Array, "m pairs"]:
        """What each pair contributes to each measure; the mean is the value."""
        values = np.empty((self._measures, len(self.gold)))
        for layer in self.layers:
            on = layer.on
            parts = metric.per_pair(layer.scores[:, on], self.gold[on])
            values[np.ix_(layer.rows, on)] = parts
        return values

    def check_defined(self, measures: Sequence[str]) -> None:
        """Raise ``ValuesError`` for a correlation with scores that are all equal."""
        for metric, layer in product(self.metrics, self.layers):
            part = "" if layer.on.all() else " of one half, on which a measure is tuned"
            pairs = f"{counted(int(layer.on.sum()), 'pair')}{part}"
            gold = self.gold[layer.on]
            if not metric.varies(gold[None])[0]:
                raise ValuesError(
                    f"{pairs}: all scores that people gave are equal ({gold[0]:g}), so {metric} is "
                    "not defined: judge pairs that differ"
                )
            equal = layer.rows[~metric.varies(layer.scores[:, layer.on])]
            if len(equal):
                names = listed(measures[int(row)] for row in equal)
                raise ValuesError(
                    f"{pairs}: all scores by {names} are equal, so {metric} is not defined: leave "
                    f"{names} out of the measures"
                )

    def __call__(self, counts: Int[Array, "draws pairs"]) -> Float64[Array, "draws columns"]:
        """The values on samples that hold each pair so many times."""
        weights = counts.astype(np.float64)
        columns: list[Array] = []
        for metric in self.metrics:
            values = np.zeros((len(weights), self._measures))
            for layer in self.layers:
                on, own = layer.on, weights[:, layer.on]
                share = own.sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
                parts = metric.resampled(layer.scores[:, on], self.gold[on], own)
                values[:, layer.rows] += share * parts
            columns.append(values)
        return np.concatenate(columns, axis=1)

    @property
    def _measures(self) -> int:
        return 1 + max(int(layer.rows.max()) for layer in self.layers)


PAIR_RESAMPLES = 2_000
"""Fewer than of queries: ranks are taken anew in each."""
FEWEST_TO_TUNE = 40
"""So that no resample misses a whole half."""


def score_named_rows(
    space: Space,
    judgements: Pairs | Triplets,
    measures: Sequence[MeasureSpec],
    settings: EvaluationSettings,
) -> Scores:
    """Correlate the scores of graded pairs with their grades; or say which triplets are right.

    Raises ``TooFewError`` below three pairs or without a triplet, ``SpellingError`` for a metric
    of another kind or a measure that learns, ``ValuesError`` for a correlation that is not defined.
    """
    judgements, order = _in_order(space, judgements)
    graded = isinstance(judgements, Pairs)
    count = len(judgements.scores) if graded else len(judgements.anchors)
    if graded and count < 3:
        raise TooFewError(f"{count} graded pairs: a correlation needs three")
    if not count:
        raise TooFewError("no triplets: at least one is due")
    fixed: list[Measure | Family] = []
    for measure in measures:
        if isinstance(measure, Adapted):
            raise SpellingError(
                f"{measure} learns from judgements of queries and items: pairs and triplets will "
                "not do"
            )
        fixed.append(measure)
    chosen: dict[str, tuple[str, ...]] = {}
    if graded:
        statistic = _correlations(space, judgements, fixed, settings, chosen)
        statistic.check_defined([str(measure) for measure in fixed])
        values = {str(metric): statistic.per_pair(metric) for metric in statistic.metrics}
    else:
        statistic = None
        values = _ordered(space, judgements, fixed, settings, chosen)
    return Scores(
        measures=tuple(measures),
        values=values,
        keys=tuple(range(len(measures))),  # that some pairs rank alike proves nothing
        rows=order,
        judged=count,
        noun="pair" if graded else "triplet",
        statistic=statistic,
        resamples=PAIR_RESAMPLES if graded else DRAWS,
        other_grades=_other_grades(judgements.scores) if graded else None,
        settings=chosen,
        supposed=suppositions_of_rows(space, judgements),
    )


def _in_order(
    space: Space, judgements: Pairs | Triplets
) -> tuple[Pairs | Triplets, Int64[Array, " count"]]:
    """Pairs or triplets in the order of their ids, so that none of a file's order is left."""
    queries, items = space.queries.id_position, space.items.id_position
    if isinstance(judgements, Pairs):
        a, b, scores = judgements.rows_a, judgements.rows_b, judgements.scores
        order = np.lexsort((scores, items[b], queries[a]))
        return replace(judgements, rows_a=a[order], rows_b=b[order], scores=scores[order]), order
    anchors, near, far = judgements.anchors, judgements.near, judgements.far
    order = np.lexsort((items[far], items[near], queries[anchors]))
    return replace(judgements, anchors=anchors[order], near=near[order], far=far[order]), order


def _other_grades(grades: Float64[Array, " pairs"]) -> int | None:
    """How many pairs do not have the commonest grade; None where half of them or more do not.

    >>> _other_grades(np.array([0.0, 0.0, 0.0, 1.0])), _other_grades(np.arange(4.0))
    (1, None)
    """
    others = len(grades) - int(np.unique(grades, return_counts=True)[1].max())
    return others if 2 * others < len(grades) else None


def _correlations(
    space: Space,
    pairs: Pairs,
    measures: Sequence[Measure | Family],
    settings: EvaluationSettings,
    chosen: dict[str, tuple[str, ...]],
) -> Correlations:
    """The correlations of every measure; what is tuned goes into ``chosen``."""
    metrics: list[PairMetric] = []
    for metric in settings.metrics:
        if not isinstance(metric, PairMetric):
            raise SpellingError(f"{metric} does not read graded pairs: ask for spearman or pearson")
        metrics.append(metric)
    fixed = {row: measure for row, measure in enumerate(measures) if isinstance(measure, Measure)}
    layers: list[Layer] = []
    if fixed:
        scores = score_pairs(space, list(fixed.values()), pairs.rows_a, pairs.rows_b)
        everywhere = np.ones(len(pairs.scores), dtype=bool)
        layers.append(Layer(np.array(list(fixed)), everywhere, scores))
    for row, family in enumerate(measures):
        if not isinstance(family, Family):
            continue
        half = first_half(len(pairs.scores), settings.seed, FEWEST_TO_TUNE)
        tried = family.settings()
        scores = score_pairs(space, tried, pairs.rows_a, pairs.rows_b)
        inside, outside = choices(
            lambda on, scores=scores: metrics[0].of(scores[:, on], pairs.scores[on]), half
        )
        own = np.array([row])
        layers += [Layer(own, half, scores[[inside]]), Layer(own, ~half, scores[[outside]])]
        chosen[str(family)] = (str(tried[inside]), str(tried[outside]))
    return Correlations(metrics, layers, pairs.scores)


def _ordered(
    space: Space,
    triplets: Triplets,
    measures: Sequence[Measure | Family],
    settings: EvaluationSettings,
    chosen: dict[str, tuple[str, ...]],
) -> dict[str, Float64[Array, "m triplets"]]:
    """Which triplets each measure orders as the person did; what is tuned goes into ``chosen``."""
    metric = str(settings.metrics[0])
    rows: list[Array] = []
    for measure in measures:
        tried = measure.settings() if isinstance(measure, Family) else [measure]
        values = evaluate_triplets(space, tried, triplets, settings.metrics)[metric]
        if isinstance(measure, Family):
            half = first_half(len(triplets.anchors), settings.seed)
            inside, outside = tuned(values, half)
            rows.append(values[inside] * half + values[outside] * ~half)
            chosen[str(measure)] = (str(tried[inside]), str(tried[outside]))
        else:
            rows.append(values[0])
    return {metric: np.stack(rows)}
