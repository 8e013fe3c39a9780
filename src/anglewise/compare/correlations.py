"""Correlations of some measures with grades, over samples of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Bool, Float64, Int, Int64
from anglewise.metrics.interface import PairMetric


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
