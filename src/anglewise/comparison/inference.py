"""From the values of each query to means, intervals and tests, and why these may say nothing."""

from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import cpu_count

import numpy as np

from anglewise.comparison.candidates import Candidate, RerankingCost, SearchCost
from anglewise.comparison.comparison_result import (
    Difference,
    Estimate,
    MeasureResult,
)
from anglewise.comparison.split import ALONE, QuerySplit, chance_over
from anglewise.data_types.drawn import QueryWeights, effective_number
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.evaluation_metrics.evaluate import metric
from anglewise.statistics.decision import DRAWS, WeightedMeans
from anglewise.statistics.resampling import (
    Clusters,
    Statistic,
    bca,
    best_probability,
    bootstrap,
)
from anglewise.statistics.sign_flip import SignFlips, holm, sign_flips
from anglewise.statistics.trainings import TrainingMeans, TrainingSpread


@dataclass(frozen=True, eq=False)
class Scores:
    """One row a candidate, one column a judged query (or a graded pair, or a triplet).

    Attributes
    ----------
    measures
        The candidates in the order in which they were given: measures, or measures in spaces.
    values
        From metric to ``measures x columns``, the deciding metric first. The mean over columns,
        by their weights, is the metric.
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
    outside_pool
        For each measure the share of its first places, ten at most, that nobody judged; None where
        a list that nobody judged cannot be told from a bad one, as too little was judged and found
        not to be relevant, or does not count as one.
    split
        Which queries taught which, and which belong together.
    drawn_by_lot
        Whether pairs were drawn with known chances to be judged.
    weights
        What each query weighs, where they were drawn with unequal chances that are known.
    largest_group
        How many queries a group that was not seen may have, where that was declared.
    other_grades
        Where most graded pairs have one grade, how many have another.
    costs
        What it took to search for each measure, where they were searched for here.
    reranking
        What it took to rerank, for those that are reranked.
    by_machine
        Whether a machine alone graded some of what is judged.
    trainings
        Of several trainings of one model, the figures of each; ``values`` are their means then.
    supposed
        What is taken for granted against what is seen: that queries are independent, and the like.
    """

    measures: tuple[Candidate, ...]
    values: Mapping[str, Float64[Array, "m q"]]
    keys: tuple[Hashable, ...]
    rows: Int64[Array, " q"]
    judged: int
    noun: str = "query"
    statistic: Statistic | None = None
    resamples: int = DRAWS
    found: Mapping[str, Neighbours] = field(default_factory=dict[str, Neighbours])
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    unjudged: Float64[Array, " m"] | None = None
    outside_pool: Float64[Array, " m"] | None = None
    split: QuerySplit = ALONE
    drawn_by_lot: bool = False
    by_machine: bool = False
    weights: QueryWeights | None = None
    largest_group: int | None = None
    other_grades: int | None = None
    costs: Mapping[str, SearchCost] = field(default_factory=dict[str, SearchCost])
    reranking: Mapping[str, RerankingCost] = field(default_factory=dict[str, RerankingCost])
    trainings: TrainingMeans | None = None
    supposed: tuple[str, ...] = ()

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
        """What chance is over: groups of columns, or each column for itself, and their weights."""
        split = self.split
        return chance_over(
            split.clusters,
            len(self.rows),
            self.weights,
            self.largest_group,
            split.reported_order,
        )

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
    ``flips`` and ``adjusted`` have one row a group.

    Attributes
    ----------
    estimate, drawn
        The metrics, ``metrics x measures``, the deciding one first, and the same over draws:
        weighted means where the values of a metric lie in [0, 1], else bootstrap resamples.
    unseen
        The weight of the query that was not seen, for each draw; None without any metric in [0, 1].
    bounded
        Which metrics are means of values in [0, 1].
    order
        The measures, best first; of equal ones the simplest.
    simplest
        The measure that stands for each group.
    group_of
        The group of each measure.
    adjusted
        The p-values of all pairs of groups after Holm.
    """

    scores: Scores
    estimate: Float64[Array, "metrics m"]
    drawn: Float64[Array, "draws metrics m"]
    unseen: Float64[Array, " draws"] | None
    bounded: tuple[bool, ...]
    order: list[int]
    simplest: list[int]
    group_of: Int64[Array, " m"]
    flips: SignFlips
    adjusted: Float64[Array, "g g"]

    @property
    def means(self) -> Float64[Array, " m"]:
        """The metric that decides."""
        return self.estimate[0]

    def weighted(self, metric: int = 0) -> WeightedMeans | None:
        """The weighted means of a metric; None where its values need not lie in [0, 1]."""
        if self.unseen is None or not self.bounded[metric]:
            return None
        return WeightedMeans(self.drawn[:, metric], self.unseen)

    def interval(self, metric: int, measure: int) -> Estimate:
        """The mean of a measure with its 95% interval, as of one that was named before looking."""
        mean, weighted = float(self.estimate[metric, measure]), self.weighted(metric)
        if weighted is not None:
            return self._of_mean(mean, weighted.interval(measure))
        values = list(self.scores.values.values())[metric][measure]
        return self._resampled(self.drawn[:, metric, measure], mean, values)

    def difference(self, measure: int, other: int) -> Difference:
        """By how much one measure is above another, with the test of their groups."""
        mean, weighted = float(self.means[measure] - self.means[other]), self.weighted()
        if self.group_of[measure] == self.group_of[other]:  # whatever is asked, they rank alike
            return Difference(mean, mean, mean, 1.0, 1.0)
        if weighted is not None:
            paired = _around(mean, weighted.difference(measure, other))
        else:
            values, drawn = self.scores.deciding, self.drawn[:, 0]
            paired = self._resampled(
                drawn[:, measure] - drawn[:, other], mean, values[measure] - values[other]
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

    def _of_mean(self, mean: float, ends: tuple[float, float]) -> Estimate:
        """A mean of values in [0, 1]: what trainings add to its interval may leave them."""
        low, high = ends
        if self.scores.trainings is not None:
            low, high = max(low, 0.0), min(high, 1.0)
        return _around(mean, (low, high))

    def _spread(self, measure: int) -> dict[str, TrainingSpread] | None:
        trainings = self.scores.trainings
        if trainings is None:
            return None
        figures = {
            name: trainings.spread(number, measure)
            for number, name in enumerate(self.scores.values)
        }
        return {
            name: TrainingSpread(
                tuple(own.tolist()), float(own.std(ddof=1)), float(own.min()), float(own.max())
            )
            for name, own in figures.items()
        }

    def _resampled(
        self, drawn: Float64[Array, " draws"], mean: float, values: Float64[Array, " q"]
    ) -> Estimate:
        influence = self.scores.clusters.influence(values[None])
        low, high = bca(drawn[:, None], np.array([mean]), influence)[0]
        return _around(mean, (float(low), float(high)))

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
            search=scores.costs.get(name),
            reranking=scores.reranking.get(name),
            trainings=self._spread(i),
        )


def _around(mean: float, interval: tuple[float, float]) -> Estimate:
    low, high = interval
    return Estimate(mean, min(low, mean), max(high, mean))


def infer(scores: Scores, *, seed: int, threads: int | None = 1) -> Inference:
    """Draw weights for the clusters and flip the signs of their differences, once for everything.

    The same seed gives the same on any number of threads; None is one for each core.
    """
    shape = (len(scores.values), len(scores.measures))
    clusters, groups = scores.clusters, scores.groups
    values = np.concatenate([*scores.values.values()])
    statistic = scores.statistic or clusters.means(values)
    bounded = tuple(
        scores.statistic is None
        and (kind.bounded or (kind.bounded_if_all_judged and not scores.drawn_by_lot))
        for kind in map(metric, scores.values)
    )
    simplest = [group[0] for group in groups]
    first = scores.deciding[simplest]
    weighted = None
    with ThreadPoolExecutor(threads or cpu_count()) as pool:
        drawn = np.empty((scores.resamples, *shape))
        if not all(bounded):
            resampled = bootstrap(
                statistic, len(clusters), resamples=scores.resamples, seed=seed, map_=pool.map
            )
            drawn[:] = resampled.reshape(drawn.shape)
        if any(bounded):
            inside = np.repeat(bounded, shape[1])
            sums = clusters.sums(values[inside])
            weighted = WeightedMeans.of(
                sums,
                clusters.sizes,
                largest=clusters.largest,
                draws=scores.resamples,
                seed=seed,
                map_=pool.map,
            )
            drawn.reshape(len(drawn), -1)[:, inside] = weighted.means
        flips = sign_flips(clusters.scaled(first), seed=seed, map_=pool.map)
    if scores.trainings is not None:
        drawn += scores.trainings.offsets(len(drawn), seed=seed)
        flips = _over_trainings(flips, clusters.scaled(first), scores.trainings, simplest)
    group_of = np.empty(shape[1], dtype=np.int64)
    for number, group in enumerate(groups):
        group_of[list(group)] = number
    # All pairs are the family: which measure is the best is seen only by looking.
    above = np.triu_indices(len(groups), k=1)
    adjusted = np.ones_like(flips.p)
    adjusted[above] = holm(flips.p[above])
    estimate = statistic(np.ones((1, len(clusters)), dtype=np.int8)).reshape(shape)
    measures = scores.measures
    ranked = np.nan_to_num(estimate[0], nan=-np.inf)  # what is undefined comes last
    return Inference(
        scores=scores,
        estimate=estimate,
        drawn=drawn,
        unseen=None if weighted is None else weighted.unseen,
        bounded=bounded,
        order=sorted(range(len(measures)), key=lambda i: (-ranked[i], measures[i].simplicity)),
        simplest=simplest,
        group_of=group_of,
        flips=flips,
        adjusted=np.minimum(adjusted, adjusted.T),
    )


def _over_trainings(
    flips: SignFlips,
    values: Float64[Array, "g q"],
    trainings: TrainingMeans,
    simplest: list[int],
) -> SignFlips:
    """The tests with trainings as a second source of chance: the larger p-value of each pair.

    Sign flips know the queries alone, t allows for both. Whether one may be the best is judged by
    the smallest p-value of those above it, times their number (Bonferroni).
    """
    means, queries = values.mean(axis=1), values.shape[1]
    leads = means[:, None] - means
    spread = np.stack([(row - values).std(axis=1, ddof=min(1, queries - 1)) for row in values])
    by_t = trainings.p_values(simplest, leads, spread / np.sqrt(queries), queries)
    p = np.fmax(flips.p, by_t)
    above = np.where(leads < 0, p, 1.0)
    p_best = np.fmax(flips.p_best, np.minimum((len(means) - 1) * above.min(axis=1), 1.0))
    return replace(flips, p=p, p_best=p_best)


FEWEST_RESAMPLED, SAME = 20, 1e-6
"""Resamples of fewer pairs or queries vary too little to be believed."""
FEWEST_OTHER_GRADES = 40
"""Where most pairs have one grade, the others are what varies: of fewer too many ties are false."""
NAMED = 3
"""The number of measures that a sentence names."""


def why_no_verdict(inference: Inference, keep: int) -> str:
    """Why nothing can be said but to keep a measure for now; empty where something can."""
    few = _too_few(inference)
    until = f"{few}; until then keep {inference.scores.names[keep]}" if few else ""
    return _undefined(inference) or until or _backwards(inference)


def _too_few(inference: Inference) -> str:
    """Why the bootstrap says nothing, where it decides."""
    scores = inference.scores
    if inference.weighted() is not None:
        return ""
    clusters, others = len(scores.clusters), scores.other_grades
    decided = f"{scores.metric} is decided by the bootstrap, which says"
    nouns = counted(clusters, scores.cluster_noun)
    effective = effective_number(scores.clusters.sizes)
    if clusters < FEWEST_RESAMPLED:
        return f"{decided} nothing of {nouns}: {FEWEST_RESAMPLED} are due"
    if effective < FEWEST_RESAMPLED - SAME:
        return (
            f"{decided} nothing of {nouns} that tell as much as {effective:.0f} of one weight: "
            f"{FEWEST_RESAMPLED} are due"
        )
    if others is not None and others < FEWEST_OTHER_GRADES:
        return (
            f"{decided} too little where all but {counted(others, scores.noun)} have one grade: "
            f"{FEWEST_OTHER_GRADES} with others are due"
        )
    return ""


def _undefined(inference: Inference) -> str:
    """Why nothing can be said, where figures are undefined."""
    scores = inference.scores
    undefined = [scores.names[i] for i in inference.order if not np.isfinite(inference.means[i])]
    if not undefined:
        return ""
    more = "" if len(undefined) <= NAMED else f" and {len(undefined) - NAMED} more"
    alike = all(name in scores.found and scores.found[name].all_alike for name in undefined)
    other = "vectors" if alike else "judgements"
    return (
        f"{scores.metric} of {', '.join(undefined[:NAMED])}{more} is undefined on these data"
        f"{', as every item scores the same for every query' if alike else ''}: "
        f"leave {'it' if len(undefined) == 1 else 'them'} out, or give other {other}"
    )


def _backwards(inference: Inference) -> str:
    """Why nothing is to be used where each correlation is shown to be below 0."""
    scores = inference.scores
    intervals = (inference.interval(0, measure) for measure in inference.order)
    if scores.statistic is None or not all(interval.high < 0 for interval in intervals):
        return ""
    best = inference.interval(0, first := inference.order[0])
    return (
        f"every measure runs against the grades, {scores.names[first]} the least "
        f"({scores.metric} {best.mean:.3f} [{best.low:.3f}, {best.high:.3f}] at 95%): are these "
        "distances? Then give them with the other sign"
    )
