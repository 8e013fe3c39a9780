"""Measures judged by graded pairs and by triplets: only what these name is scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.comparison.evaluation import rank_keys
from anglewise.comparison.inference import RESAMPLES, Scores
from anglewise.comparison.lists import EvaluationSettings
from anglewise.comparison.split import choices, first_half, tuned
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Pairs, Triplets
from anglewise.core.typing import Array, Bool, Float64, Int, Int64
from anglewise.errors import SpellingError, TooFewError
from anglewise.measures.adapter import Adapted
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import Family, Open
from anglewise.metrics.evaluate import evaluate_triplets, score_pairs
from anglewise.metrics.interface import PairMetric
from anglewise.metrics.metrics import Pearson


@dataclass(frozen=True, eq=False)
class Layer:
    """Scores of some measures on a part of the pairs."""

    on: Bool[Array, " pairs"]
    scores: Float64[Array, "s pairs"]


@dataclass(frozen=True, eq=False)
class Part:
    """Measures at some rows of the table, correlated on each layer by itself, then averaged.

    Scores of two settings are not of one scale, so a measure tuned on halves has a layer for
    each half; a fixed measure has one layer that holds all pairs.
    """

    rows: Int64[Array, " s"]
    layers: tuple[Layer, ...]

    def per_pair(
        self, metric: PairMetric, gold: Float64[Array, " pairs"]
    ) -> Float64[Array, "s pairs"]:
        """What each pair contributes; the mean is the value."""
        values = np.empty((len(self.rows), len(gold)))
        for layer in self.layers:
            on = layer.on
            values[:, on] = metric.per_pair(layer.scores[:, on], gold[on])
        return values

    def resampled(
        self,
        metric: PairMetric,
        gold: Float64[Array, " pairs"],
        counts: Float64[Array, "draws pairs"],
    ) -> Float64[Array, "draws s"]:
        """The value on each sample."""
        value = np.zeros((len(counts), len(self.rows)))
        for layer in self.layers:
            on, held = layer.on, counts[:, layer.on]
            share = held.sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True)
            value += share * metric.resampled(layer.scores[:, on], gold[on], held)
        return value


@dataclass(frozen=True, eq=False)
class Correlations:
    """A statistic of resampled pairs: every metric of every measure, metric after metric."""

    metrics: Sequence[PairMetric]
    parts: Sequence[Part]
    gold: Float64[Array, " pairs"]

    def per_pair(self, metric: PairMetric) -> Float64[Array, "m pairs"]:
        """What each pair contributes to each measure."""
        return np.concatenate([part.per_pair(metric, self.gold) for part in self.parts])[self.order]

    def __call__(self, counts: Int[Array, "draws pairs"]) -> Float64[Array, "draws columns"]:
        """The values on samples that hold each pair so many times."""
        held = counts.astype(np.float64)
        return np.concatenate([self._resampled(metric, held) for metric in self.metrics], axis=1)

    @property
    def order(self) -> Int64[Array, " m"]:
        """From the order of the parts to that of the table."""
        return np.argsort(np.concatenate([part.rows for part in self.parts]))

    def _resampled(self, metric: PairMetric, held: Array) -> Array:
        parts = [part.resampled(metric, self.gold, held) for part in self.parts]
        return np.concatenate(parts, axis=1)[:, self.order]


PAIR_RESAMPLES = 2_000
"""Fewer than of queries: ranks are taken anew in each."""
FEWEST_TO_TUNE = 40
"""So that no resample misses a whole half."""


def score_named_rows(
    space: Space,
    judgements: Pairs | Triplets,
    measures: Sequence[Open],
    settings: EvaluationSettings,
) -> Scores:
    """Correlate the scores of graded pairs with their grades; or say which triplets are right.

    Raises ``TooFewError`` below three pairs or without a triplet, ``SpellingError`` for a metric
    of another kind or a measure that learns.
    """
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
        values = {str(metric): statistic.per_pair(metric) for metric in statistic.metrics}
    else:
        statistic = None
        values = _ordered(space, judgements, fixed, settings, chosen)
    rows = [np.stack(each).tobytes() for each in zip(*values.values(), strict=True)]
    unit = space.items.is_unit() and (not graded or space.queries.is_unit())
    # Measures that rank alike correlate alike, but not in Pearson's sense.
    ranks_only = not any(isinstance(metric, Pearson) for metric in settings.metrics)
    return Scores(
        measures=tuple(measures),
        values=values,
        keys=tuple(rank_keys(measures, rows, unit=unit and ranks_only)),
        rows=np.arange(count),
        judged=count,
        noun="pair" if graded else "triplet",
        statistic=statistic,
        resamples=PAIR_RESAMPLES if graded else RESAMPLES,
        settings=chosen,
    )


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
    fixed = {row: one for row, one in enumerate(measures) if isinstance(one, Measure)}
    parts: list[Part] = []
    if fixed:
        scores = score_pairs(space, list(fixed.values()), pairs.rows_a, pairs.rows_b)
        everywhere = np.ones(len(pairs.scores), dtype=bool)
        parts.append(Part(np.array(list(fixed)), (Layer(everywhere, scores),)))
    for row, family in enumerate(measures):
        if not isinstance(family, Family):
            continue
        half = first_half(len(pairs.scores), settings.seed, FEWEST_TO_TUNE)
        tried = family.settings()
        scores = score_pairs(space, tried, pairs.rows_a, pairs.rows_b)
        inside, outside = choices(
            lambda on, scores=scores: metrics[0].of(scores[:, on], pairs.scores[on]), half
        )
        layers = (Layer(half, scores[[inside]]), Layer(~half, scores[[outside]]))
        parts.append(Part(np.array([row]), layers))
        chosen[str(family)] = (str(tried[inside]), str(tried[outside]))
    return Correlations(metrics, parts, pairs.scores)


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
