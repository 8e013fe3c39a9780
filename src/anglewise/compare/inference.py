"""From scores to the rows of the table: intervals, tests, and who may be the best."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.compare.result import Difference, Estimate, MeasureResult
from anglewise.compare.scores import Scores
from anglewise.core.typing import Array, Float64, Int64, Map
from anglewise.statistics.resampling import Differences, bca, best_probability, bootstrap
from anglewise.statistics.sign_flip import SignFlips, holm, sign_flips

LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Inference:
    """Everything that chance has to say about some scores.

    Tests are between groups of measures that rank alike, each represented by its simplest one;
    ``flips``, ``adjusted`` and ``differences`` have one row a group.

    Attributes
    ----------
    estimate, drawn
        The metrics, ``metrics x measures``, and the same over resamples.
    group_of
        The group of each measure.
    adjusted
        The p-values of all pairs of groups after Holm.
    differences
        What the groups' differences over units look like.
    """

    scores: Scores
    estimate: Float64[Array, "metrics m"]
    drawn: Float64[Array, "draws metrics m"]
    group_of: Int64[Array, " m"]
    flips: SignFlips
    adjusted: Float64[Array, "g g"]
    differences: Differences

    @cached_property
    def means(self) -> Float64[Array, " m"]:
        """The metric that decides."""
        return self.estimate[0]

    @cached_property
    def order(self) -> list[int]:
        """The measures, best first; of equal ones the simplest."""
        measures = self.scores.measures
        return sorted(range(len(measures)), key=lambda i: (-self.means[i], measures[i].simplicity))

    @cached_property
    def simplest(self) -> list[int]:
        """The measure that stands for each group."""
        return [group[0] for group in self.scores.groups]

    def interval(self, metric: int, measure: int) -> Estimate:
        """The mean of a measure with its 95% interval."""
        values = list(self.scores.values.values())[metric][measure]
        return self._estimate(
            self.drawn[:, metric, measure], self.estimate[metric, measure], values
        )

    def difference(self, one: int, other: int) -> Difference:
        """By how much one measure is above another, with the test of their groups."""
        apart = self._estimate(
            self.drawn[:, 0, one] - self.drawn[:, 0, other],
            self.means[one] - self.means[other],
            self.scores.main[one] - self.scores.main[other],
        )
        pair = self.group_of[one], self.group_of[other]
        return Difference(
            apart.mean,
            apart.low,
            apart.high,
            float(self.flips.p[pair]),
            float(self.adjusted[pair]),
        )

    def beaten_by(self, one: int) -> tuple[str, ...]:
        """The measures that this one beats, best first."""
        mine = self.group_of[one]
        return tuple(
            self.scores.names[other]
            for other in self.order
            if self.means[one] > self.means[other]
            and self.adjusted[mine, self.group_of[other]] <= LEVEL
        )

    def rows(self, baseline: int | None) -> tuple[MeasureResult, ...]:
        """The table, best first."""
        chances = best_probability(self.drawn[:, 0])
        return tuple(self._row(i, baseline, float(chances[i])) for i in self.order)

    def _estimate(
        self, drawn: Float64[Array, " draws"], estimate: float, values: Float64[Array, " q"]
    ) -> Estimate:
        influence = self.scores.units.influence(values[None])
        low, high = bca(drawn[:, None], np.array([estimate]), influence)[0]
        return Estimate(float(estimate), float(min(low, estimate)), float(max(high, estimate)))

    def _row(self, i: int, baseline: int | None, chance: float) -> MeasureResult:
        scores, best = self.scores, self.order[0]
        name, group = scores.names[i], int(self.group_of[i])
        return MeasureResult(
            measure=name,
            metrics={metric: self.interval(j, i) for j, metric in enumerate(scores.values)},
            vs_best=None if i == best else self.difference(i, best),
            best_probability=chance,
            may_be_best=bool(self.flips.may_be_best[group]),
            vs_baseline=None if baseline is None or baseline == i else self.difference(i, baseline),
            beats=self.beaten_by(i),
            unjudged_share=None if scores.unjudged is None else float(scores.unjudged[i]),
            p_best=float(self.flips.p_best[group]),
            alike=tuple(scores.names[j] for j in scores.groups[group] if j != i),
            settings=scores.settings.get(name, ()),
        )


def infer(scores: Scores, *, seed: int, map_: Map) -> Inference:
    """Resample the units and flip the signs of their differences, once for everything."""
    shape = (len(scores.values), len(scores.measures))
    units = scores.units
    columns = len(units)
    once = scores.statistic(np.ones((1, columns), dtype=np.int8))[0]
    drawn = bootstrap(scores.statistic, columns, resamples=scores.resamples, seed=seed, map_=map_)
    standing = scores.main[[group[0] for group in scores.groups]]
    flips = sign_flips(units.scaled(standing), seed=seed, map_=map_)
    return Inference(
        scores=scores,
        estimate=once.reshape(shape),
        drawn=drawn.reshape(-1, *shape),
        group_of=_group_of(scores),
        flips=flips,
        adjusted=_adjusted(flips.p),
        differences=Differences.of(units.influence(standing)),
    )


def _group_of(scores: Scores) -> Int64[Array, " m"]:
    group_of = np.empty(len(scores.measures), dtype=np.int64)
    for number, group in enumerate(scores.groups):
        group_of[list(group)] = number
    return group_of


def _adjusted(p: Float64[Array, "g g"]) -> Float64[Array, "g g"]:
    """All pairs are the family: which measure is the best is seen only by looking."""
    above = np.triu_indices(len(p), k=1)
    adjusted = np.ones_like(p)
    adjusted[above] = holm(p[above])
    return np.minimum(adjusted, adjusted.T)
