"""From the values of each query to intervals, tests and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import TypeAlias

import numpy as np

from anglewise.comparison.candidates import Candidate
from anglewise.comparison.comparison_result import Difference, Estimate, MeasureResult, Verdict
from anglewise.comparison.split import ALONE, QuerySplit
from anglewise.core.neighbours import Neighbours
from anglewise.core.text import counted, listed, p_words, rounded_up
from anglewise.core.typing import Array, Float64, Int64, Map
from anglewise.measures.adapter import Adapted
from anglewise.measures.measure import Family, MeasureSpec
from anglewise.statistics.clusters import Units
from anglewise.statistics.planning import Design, planning_critical, smallest_detectable
from anglewise.statistics.resampling import Differences, Statistic, bca, best_probability, bootstrap
from anglewise.statistics.sign_flip import SignFlips, holm, sign_flips

Asked: TypeAlias = MeasureSpec


@dataclass(frozen=True, eq=False)
class Scores:
    """One row a measure, one column a judged query (or a graded pair, or a triplet).

    Attributes
    ----------
    measures
        What was asked for, in that order: measures, or measures in several spaces.
    values
        From metric to ``measures x columns``, the deciding metric first. The mean over columns
        is the metric.
    statistic
        From resample counts of the units to all metrics of all measures, metric after metric.
    kinds
        For each measure a number; measures with the same number rank alike on this space.
    noun
        What a column is.
    judged
        How many judgements there are.
    settings
        Of a tuned measure, what was chosen for each half of the columns; of one that was learnt,
        what was learnt in each fold.
    unjudged
        For each measure the share of places that nobody judged, where there are lists.
    parting
        Which queries taught which, and which belong together.
    """

    measures: tuple[Candidate, ...]
    values: Mapping[str, Float64[Array, "m q"]]
    statistic: Statistic
    resamples: int
    kinds: Int64[Array, " m"]
    noun: str
    rows: Int64[Array, " q"]
    judged: int
    found: Mapping[str, Neighbours] = field(default_factory=dict[str, Neighbours])
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    unjudged: Float64[Array, " m"] | None = None
    parting: QuerySplit = ALONE

    @property
    def names(self) -> tuple[str, ...]:
        """The spellings of the measures."""
        return tuple(map(str, self.measures))

    @property
    def metric(self) -> str:
        """The metric that decides."""
        return next(iter(self.values))

    @property
    def main(self) -> Float64[Array, "m q"]:
        """The values of the metric that decides."""
        return self.values[self.metric]

    @cached_property
    def units(self) -> Units:
        """What chance is over: groups of columns, or each column for itself."""
        return self.parting.units or Units.each(self.main.shape[1])

    @property
    def unit_noun(self) -> str:
        """What a unit is."""
        return self.noun if self.parting.units is None else "group"

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Measures that rank alike, together, the simplest of each group first."""
        simplest = sorted(range(len(self.measures)), key=lambda i: self.measures[i].simplicity)
        kinds = dict.fromkeys(self.kinds[simplest].tolist())
        return tuple(tuple(i for i in simplest if self.kinds[i] == kind) for kind in kinds)


def kinds(measures: Sequence[Asked], evidence: Sequence[bytes], unit: bool) -> Int64[Array, " m"]:
    """Number measures so that those which rank alike share a number.

    They do if the evidence (all lists, or all values) is the same; and, where all that is ranked
    has length one (``unit``), if they rank as an inner product in the given coordinates. Stored
    lengths are one up to rounding only, so the lists of these may differ where scores all but tie.
    """
    keys = list(evidence)
    if unit:
        plain = {keys[i] for i, measure in enumerate(measures) if _inner_product(measure)}
        keys = [b"inner product" if key in plain else key for key in keys]
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _inner_product(measure: Asked) -> bool:
    if measure.frames or isinstance(measure, Adapted):
        return False
    return isinstance(measure, Family) or measure.formula.terms(np.ones(1)) is not None


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


def decide(of: Inference, tolerance: float) -> Verdict:
    """Say what these data allow to say at 95%.

    ``use``: all groups of measures but one are ruled out as the best. ``tie``: several are left,
    and a true difference of ``tolerance`` between the best and any of them would have been seen
    with 80% power. ``cannot-tell``: several are left and it would not.
    """
    leader = int(np.argmax(of.means[of.simplest]))
    left = [g for g in range(len(of.simplest)) if of.flips.may_be_best[g]]
    others = [g for g in left if g != leader]
    if not others:
        return _use(of, leader)
    seen = _detectable(of, leader, others)
    if seen is not None and seen <= tolerance:
        return _tie(of, left, seen, tolerance)
    return _cannot_tell(of, leader, left, seen, tolerance)


def _use(of: Inference, leader: int) -> Verdict:
    group = of.scores.groups[leader]
    name, *alike = (of.scores.names[i] for i in group)
    said = [_figure(of, group[0])]
    rivals = [g for g in range(len(of.simplest)) if g != leader]
    seen = None
    if rivals:
        rival = max(rivals, key=lambda g: of.means[of.simplest[g]])
        seen = _detectable(of, leader, [rival])
        said.append(_lead(of, leader, rival))
    if alike:
        said.append(f"{listed([name, *alike])} rank alike")
    elif not rivals:
        said.append("there is no other to compare with")
    return Verdict("use", name, tuple(alike), None, seen, ", ".join(said))


def _tie(of: Inference, left: list[int], seen: float, tolerance: float) -> Verdict:
    members = [i for i in of.order if of.group_of[i] in left]
    simplest = min(members, key=lambda i: of.scores.measures[i].simplicity)
    tied = tuple(of.scores.names[i] for i in members if i != simplest)
    reason = (
        f"{_figure(of, simplest)}, {listed(tied)} may be as good or better, "
        f"but a difference of {tolerance:g} would have been seen"
    )
    return Verdict("tie", of.scores.names[simplest], tied, None, seen, reason)


def _cannot_tell(
    of: Inference, leader: int, left: list[int], seen: float | None, tolerance: float
) -> Verdict:
    members = [i for i in of.order if of.group_of[i] in left]
    best = of.order[0] if of.order[0] in members else of.simplest[leader]
    names = [of.scores.names[i] for i in members]
    needed = _needed(of, tolerance)
    noun = of.scores.unit_noun
    units = len(of.scores.units)
    if needed is None:
        judge = f"judge more {counted(2, noun).split()[1]}"
    else:
        judge = f"judge about {needed:,} more {counted(2, noun).split()[1]}"
    limit = (
        f"{counted(units, noun)} cannot tell any two measures apart"
        if seen is None
        else f"only a difference of {seen:.3f} would have been seen"
    )
    reason = f"{judge}; {listed(names, 'or')} may be the best, and {limit}"
    tied = tuple(name for name in names if name != of.scores.names[best])
    return Verdict("cannot-tell", of.scores.names[best], tied, needed, seen, reason)


def _figure(of: Inference, measure: int) -> str:
    estimate = of.interval(0, measure)
    return f"{of.scores.metric} {estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _lead(of: Inference, leader: int, rival: int) -> str:
    one, other = of.simplest[leader], of.simplest[rival]
    versus = of.difference(one, other)
    ahead = f"{versus.difference:.3f} better than {of.scores.names[other]}"
    if versus.p_adjusted <= LEVEL:
        return f"{ahead} ({p_words(versus.p_adjusted)})"
    return f"{ahead} ({p_words(float(of.flips.p_best[rival]))} for that one being the best)"


def _detectable(of: Inference, leader: int, rivals: list[int]) -> float | None:
    """The smallest difference to the leader seen with 80% power, for the hardest of some rivals."""
    units = len(of.scores.units)
    apart = smallest_detectable(
        of.differences.spread[leader, rivals], of.flips.critical[rivals], units
    )
    hardest = float(np.max(apart))
    return hardest if isfinite(hardest) else None


def _needed(of: Inference, tolerance: float) -> int | None:
    design = Design(
        means=of.means[of.simplest],
        drawn=of.drawn[:, 0][:, of.simplest],
        differences=of.differences,
        critical=planning_critical(of.flips.critical),
    )
    total = design.needed(tolerance)
    return None if total is None else rounded_up(total - of.differences.queries)
