"""Measures judged by graded pairs and by triplets: only what these name is scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.comparison.inference import Asked, Scores, kinds
from anglewise.comparison.learnt import learning_nothing
from anglewise.comparison.split import choices, first_half, tuned
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Pairs, Triplets
from anglewise.core.typing import Array, Bool, Float64, Int, Int64
from anglewise.errors import SpellingError, TooFewError
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import Family
from anglewise.metrics.evaluate import evaluate_triplets, score_pairs
from anglewise.metrics.interface import Metric, PairMetric
from anglewise.metrics.metrics import Pearson
from anglewise.statistics.resampling import Means


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


def score_graded_pairs(
    space: Space, pairs: Pairs, asked: Sequence[Asked], metrics: Sequence[Metric], *, seed: int
) -> Scores:
    """Correlate the scores of the pairs with the grades that people gave.

    Raises ``TooFewError`` below three pairs, ``SpellingError`` for a metric of another kind.
    """
    count = len(pairs.scores)
    if count < 3:
        raise TooFewError(f"{count} graded pairs: a correlation needs three")
    reading = [_reading_pairs(one) for one in metrics]
    asked = learning_nothing(asked)
    fixed = [row for row, one in enumerate(asked) if isinstance(one, Measure)]
    parts = [_fixed(space, pairs, asked, fixed)] if fixed else []
    settings: dict[str, tuple[str, ...]] = {}
    for row, one in enumerate(asked):
        if isinstance(one, Family):
            layers, settings[str(one)] = _tuned(space, pairs, one, reading[0], seed)
            parts.append(Part(np.array([row]), layers))
    statistic = Correlations(reading, parts, pairs.scores)
    values = {str(one): statistic.per_pair(one) for one in reading}
    # Measures that rank alike correlate alike, but not in Pearson's sense.
    ranks_only = not any(isinstance(one, Pearson) for one in reading)
    return Scores(
        measures=tuple(asked),
        values=values,
        statistic=statistic,
        resamples=PAIR_RESAMPLES,
        kinds=kinds(
            asked,
            [np.stack(rows).tobytes() for rows in zip(*values.values(), strict=True)],
            ranks_only and space.items.is_unit() and space.queries.is_unit(),
        ),
        noun="pair",
        rows=np.arange(count),
        judged=count,
        settings=settings,
    )


def _fixed(space: Space, pairs: Pairs, asked: Sequence[Asked], rows: Sequence[int]) -> Part:
    measures = [one for one in asked if isinstance(one, Measure)]
    scores = score_pairs(space, measures, pairs.rows_a, pairs.rows_b)
    everywhere = np.ones(len(pairs.scores), dtype=bool)
    return Part(np.array(rows), (Layer(everywhere, scores),))


def _tuned(
    space: Space, pairs: Pairs, family: Family, by: PairMetric, seed: int
) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    half = first_half(len(pairs.scores), seed, FEWEST_TO_TUNE)
    tried = family.settings()
    scores = score_pairs(space, tried, pairs.rows_a, pairs.rows_b)
    chosen = choices(lambda on: by.of(scores[:, on], pairs.scores[on]), half)
    layers = tuple(Layer(on, scores[[row]]) for on, row in zip((half, ~half), chosen, strict=True))
    return layers, tuple(str(tried[row]) for row in chosen)


def _reading_pairs(metric: Metric) -> PairMetric:
    if not isinstance(metric, PairMetric):
        raise SpellingError(f"{metric} does not read graded pairs: ask for spearman or pearson")
    return metric


TRIPLET_RESAMPLES = 10_000


def score_triplets(
    space: Space,
    triplets: Triplets,
    asked: Sequence[Asked],
    metrics: Sequence[Metric],
    *,
    seed: int,
) -> Scores:
    """Say which triplets each measure orders as the person did.

    Raises ``TooFewError`` without triplets, ``SpellingError`` for a metric of another kind.
    """
    count = len(triplets.anchors)
    if not count:
        raise TooFewError("no triplets: at least one is due")
    rows: list[Array] = []
    settings: dict[str, tuple[str, ...]] = {}
    for one in learning_nothing(asked):
        tried = one.settings() if isinstance(one, Family) else [one]
        values = evaluate_triplets(space, tried, triplets, metrics)[str(metrics[0])]
        if isinstance(one, Family):
            half = first_half(count, seed)
            inside, outside = tuned(values, half)
            rows.append(values[inside] * half + values[outside] * ~half)
            settings[str(one)] = (str(tried[inside]), str(tried[outside]))
        else:
            rows.append(values[0])
    table = np.stack(rows)
    return Scores(
        measures=tuple(asked),
        values={str(metrics[0]): table},
        statistic=Means(table),
        resamples=TRIPLET_RESAMPLES,
        kinds=kinds(asked, [row.tobytes() for row in rows], space.items.is_unit()),
        noun="triplet",
        rows=np.arange(count),
        judged=count,
        settings=settings,
    )
