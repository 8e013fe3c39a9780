"""From the values of each query to intervals, tests and the verdict."""

from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from os import cpu_count

import numpy as np

from anglewise.comparison.candidates import Candidate
from anglewise.comparison.comparison_result import Difference, Estimate, MeasureResult, Verdict
from anglewise.comparison.split import ALONE, QuerySplit
from anglewise.core.neighbours import Neighbours
from anglewise.core.text import counted, listed, p_words, rounded_up
from anglewise.core.typing import Array, Float64, Int64
from anglewise.statistics.planning import Design, planning_critical, smallest_detectable
from anglewise.statistics.resampling import (
    Clusters,
    Differences,
    Statistic,
    bca,
    best_probability,
    bootstrap,
)
from anglewise.statistics.sign_flip import SignFlips, holm, sign_flips

RESAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class Scores:
    """One row a candidate, one column a judged query (or a graded pair, or a triplet).

    Attributes
    ----------
    measures
        The candidates in the order in which they were given: measures, or measures in spaces.
    values
        From metric to ``measures x columns``, the deciding metric first. The mean over columns
        is the metric.
    keys
        One for each measure; measures with the same key rank alike.
    rows
        The row of the asking side for each column; the number of the pair or triplet.
    judged
        How many judgements there are.
    noun
        What a column is.
    statistic
        From resample counts of the clusters to all metrics of all measures, metric after metric;
        the means over columns if None.
    found
        The lists of each measure, where there are lists.
    settings
        Of a tuned measure, what was chosen for each half of the columns; of one that was learnt,
        what was learnt in each fold.
    unjudged
        For each measure the share of places that nobody judged, where there are lists.
    split
        Which queries taught which, and which belong together.
    """

    measures: tuple[Candidate, ...]
    values: Mapping[str, Float64[Array, "m q"]]
    keys: tuple[Hashable, ...]
    rows: Int64[Array, " q"]
    judged: int
    noun: str = "query"
    statistic: Statistic | None = None
    resamples: int = RESAMPLES
    found: Mapping[str, Neighbours] = field(default_factory=dict[str, Neighbours])
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    unjudged: Float64[Array, " m"] | None = None
    split: QuerySplit = ALONE

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The spellings of the measures."""
        return tuple(map(str, self.measures))

    @cached_property
    def metric(self) -> str:
        """The metric that decides."""
        return next(iter(self.values))

    @property
    def deciding(self) -> Float64[Array, "m q"]:
        """The values of the metric that decides."""
        return self.values[self.metric]

    @cached_property
    def clusters(self) -> Clusters:
        """What chance is over: groups of columns, or each column for itself."""
        return self.split.clusters or Clusters.each(len(self.rows))

    @property
    def cluster_noun(self) -> str:
        """What a cluster is."""
        return self.noun if self.split.clusters is None else "group"

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Measures that rank alike, together, the simplest of each group first."""
        simplest = sorted(range(len(self.measures)), key=lambda i: self.measures[i].simplicity)
        groups: dict[Hashable, list[int]] = {}
        for i in simplest:
            groups.setdefault(self.keys[i], []).append(i)
        return tuple(map(tuple, groups.values()))


LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Inference:
    """Everything that chance has to say about some scores.

    Tests are between groups of measures that rank alike, each represented by its simplest one;
    ``flips``, ``adjusted`` and ``differences`` have one row a group.

    Attributes
    ----------
    estimate, drawn
        The metrics, ``metrics x measures``, the deciding one first, and the same over resamples.
    order
        The measures, best first; of equal ones the simplest.
    simplest
        The measure that stands for each group.
    group_of
        The group of each measure.
    adjusted
        The p-values of all pairs of groups after Holm.
    differences
        What the groups' differences over clusters look like.
    """

    scores: Scores
    estimate: Float64[Array, "metrics m"]
    drawn: Float64[Array, "draws metrics m"]
    order: list[int]
    simplest: list[int]
    group_of: Int64[Array, " m"]
    flips: SignFlips
    adjusted: Float64[Array, "g g"]
    differences: Differences

    @property
    def means(self) -> Float64[Array, " m"]:
        """The metric that decides."""
        return self.estimate[0]

    def interval(self, metric: int, measure: int) -> Estimate:
        """The mean of a measure with its 95% interval."""
        values = list(self.scores.values.values())[metric][measure]
        drawn = self.drawn[:, metric, measure]
        return self._estimate(drawn, self.estimate[metric, measure], values)

    def difference(self, measure: int, other: int) -> Difference:
        """By how much one measure is above another, with the test of their groups."""
        values, drawn = self.scores.deciding, self.drawn[:, 0]
        paired = self._estimate(
            drawn[:, measure] - drawn[:, other],
            self.means[measure] - self.means[other],
            values[measure] - values[other],
        )
        pair = self.group_of[measure], self.group_of[other]
        p, adjusted = float(self.flips.p[pair]), float(self.adjusted[pair])
        return Difference(paired.mean, paired.low, paired.high, p, adjusted)

    def beaten_by(self, measure: int) -> tuple[str, ...]:
        """The measures that this one beats, best first."""
        adjusted = self.adjusted[self.group_of[measure]]
        return tuple(
            self.scores.names[other]
            for other in self.order
            if self.means[measure] > self.means[other] and adjusted[self.group_of[other]] <= LEVEL
        )

    def rows(self, baseline: int | None) -> tuple[MeasureResult, ...]:
        """The table, best first."""
        chances = best_probability(self.drawn[:, 0])
        return tuple(self._row(i, baseline, float(chances[i])) for i in self.order)

    def _estimate(
        self, drawn: Float64[Array, " draws"], estimate: float, values: Float64[Array, " q"]
    ) -> Estimate:
        influence = self.scores.clusters.influence(values[None])
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


def infer(scores: Scores, *, seed: int, threads: int | None = 1) -> Inference:
    """Resample the clusters and flip the signs of their differences, once for everything.

    The same seed gives the same on any number of threads; None is one for each core.
    """
    shape = (len(scores.values), len(scores.measures))
    clusters, groups = scores.clusters, scores.groups
    statistic = scores.statistic or clusters.means(np.concatenate([*scores.values.values()]))
    simplest = [group[0] for group in groups]
    first = scores.deciding[simplest]
    with ThreadPoolExecutor(threads or cpu_count()) as pool:
        drawn = bootstrap(
            statistic, len(clusters), resamples=scores.resamples, seed=seed, map_=pool.map
        )
        flips = sign_flips(clusters.scaled(first), seed=seed, map_=pool.map)
    group_of = np.empty(shape[1], dtype=np.int64)
    for number, group in enumerate(groups):
        group_of[list(group)] = number
    # All pairs are the family: which measure is the best is seen only by looking.
    above = np.triu_indices(len(groups), k=1)
    adjusted = np.ones_like(flips.p)
    adjusted[above] = holm(flips.p[above])
    estimate = statistic(np.ones((1, len(clusters)), dtype=np.int8)).reshape(shape)
    measures = scores.measures
    return Inference(
        scores=scores,
        estimate=estimate,
        drawn=drawn.reshape(-1, *shape),
        order=sorted(range(len(measures)), key=lambda i: (-estimate[0, i], measures[i].simplicity)),
        simplest=simplest,
        group_of=group_of,
        flips=flips,
        adjusted=np.minimum(adjusted, adjusted.T),
        differences=Differences.of(clusters.influence(first)),
    )


def decide(inference: Inference, tolerance: float) -> Verdict:
    """Say what these data allow to say at 95%.

    ``use``: all groups of measures but one are ruled out as the best. ``tie``: several are left,
    and a true difference of ``tolerance`` between the best and any of them would have been seen
    with 80% power. ``cannot-tell``: several are left and it would not.
    """
    leader = int(np.argmax(inference.means[inference.simplest]))
    left = np.flatnonzero(inference.flips.may_be_best).tolist()
    others = [group for group in left if group != leader]
    if not others:
        return _use(inference, leader)
    members = [i for i in inference.order if inference.group_of[i] in left]
    detectable = _detectable(inference, leader, others)
    if detectable is not None and detectable <= tolerance:
        return _tie(inference, members, detectable, tolerance)
    return _cannot_tell(inference, leader, members, detectable, tolerance)


def _use(inference: Inference, leader: int) -> Verdict:
    """One group is left: its simplest measure, and its lead over the next best group."""
    scores, simplest = inference.scores, inference.simplest
    name, *alike = (scores.names[i] for i in scores.groups[leader])
    reasons = [_interval_words(inference, simplest[leader])]
    detectable = None
    if len(simplest) > 1:
        rivals = np.delete(np.arange(len(simplest)), leader)
        rival = int(rivals[np.argmax(np.delete(inference.means[simplest], leader))])
        detectable = _detectable(inference, leader, [rival])
        reasons.append(_lead_words(inference, leader, rival))
    if alike:
        reasons.append(f"{listed([name, *alike])} rank alike")
    elif len(simplest) == 1:
        reasons.append("there is no other to compare with")
    return Verdict("use", name, tuple(alike), None, detectable, ", ".join(reasons))


def _tie(inference: Inference, members: list[int], detectable: float, tolerance: float) -> Verdict:
    scores = inference.scores
    simplest = min(members, key=lambda i: scores.measures[i].simplicity)
    tied = tuple(scores.names[i] for i in members if i != simplest)
    reason = (
        f"{_interval_words(inference, simplest)}, {listed(tied)} may be as good or better, "
        f"but a difference of {tolerance:g} would have been seen"
    )
    return Verdict("tie", scores.names[simplest], tied, None, detectable, reason)


def _cannot_tell(
    inference: Inference,
    leader: int,
    members: list[int],
    detectable: float | None,
    tolerance: float,
) -> Verdict:
    scores, first = inference.scores, inference.order[0]
    best = scores.names[first if first in members else inference.simplest[leader]]
    names = [scores.names[i] for i in members]
    needed = _needed(inference, tolerance)
    nouns = counted(2, scores.cluster_noun).split()[1]
    limit = (
        f"{counted(len(scores.clusters), scores.cluster_noun)} cannot tell any two measures apart"
        if detectable is None
        else f"only a difference of {detectable:.3f} would have been seen"
    )
    judge = f"judge more {nouns}" if needed is None else f"judge about {needed:,} more {nouns}"
    reason = f"{judge}; {listed(names, 'or')} may be the best, and {limit}"
    tied = tuple(name for name in names if name != best)
    return Verdict("cannot-tell", best, tied, needed, detectable, reason)


def _interval_words(inference: Inference, measure: int) -> str:
    estimate = inference.interval(0, measure)
    interval = f"[{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{inference.scores.metric} {estimate.mean:.3f} {interval}"


def _lead_words(inference: Inference, leader: int, rival: int) -> str:
    measure, other = inference.simplest[leader], inference.simplest[rival]
    lead = inference.difference(measure, other)
    ahead = f"{lead.difference:.3f} better than {inference.scores.names[other]}"
    if lead.p_adjusted <= LEVEL:
        return f"{ahead} ({p_words(lead.p_adjusted)})"
    own = p_words(float(inference.flips.p_best[rival]))
    return f"{ahead} ({own} for that one being the best)"


def _detectable(inference: Inference, leader: int, rivals: list[int]) -> float | None:
    """The smallest difference to the leader seen with 80% power, for the hardest of some rivals."""
    smallest = smallest_detectable(
        inference.differences.spread[leader, rivals],
        inference.flips.critical[rivals],
        len(inference.scores.clusters),
    )
    hardest = float(np.max(smallest))
    return hardest if isfinite(hardest) else None


def _needed(inference: Inference, tolerance: float) -> int | None:
    """How many more queries, or groups of them, would settle the question."""
    simplest = inference.simplest
    design = Design(
        means=inference.means[simplest],
        drawn=inference.drawn[:, 0][:, simplest],
        differences=inference.differences,
        critical=planning_critical(inference.flips.critical),
    )
    total = design.needed(tolerance)
    return None if total is None else rounded_up(total - inference.differences.queries)
