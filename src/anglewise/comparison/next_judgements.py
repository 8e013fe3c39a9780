"""What more judging could bring: what it would detect, what it could change, when to stop."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import comb, isfinite
from typing import Any, Literal

import numpy as np

from anglewise.comparison.comparison_result import (
    Comparison,
    GroupResults,
    MeasureResult,
    group_results,
)
from anglewise.core.numbers import POSITIVE
from anglewise.core.text import counted, listed, rounded_up
from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.errors import SpellingError, ValuesError
from anglewise.metrics.evaluate import metric
from anglewise.metrics.metrics import NDCG
from anglewise.statistics.confidence_sequences import LEVEL, Race, confidence_sequence
from anglewise.statistics.decision import LEVEL as DECISION_LEVEL
from anglewise.statistics.planning import Lead

FACTORS = (0.25, 0.5, 1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Planned:
    """What so many queries can do.

    ``detectable`` is the lead over the measure to keep that would be shown in four sets of five,
    infinite where none would; ``settles`` the chance that the lead of ``best`` would be shown, if
    it is as large as it looks (None for fewer queries than there are, or where it leads nothing).
    """

    queries: int
    detectable: float
    settles: float | None


@dataclass(frozen=True)
class Power:
    """What a validation set can tell by the decision rule, and what larger ones could.

    Attributes
    ----------
    queries, metric
        What there is.
    curve
        From a quarter of the queries to sixteen times as many.
    best, rival
        The measure whose lead is hardest to show, and the one to keep, over which it leads.
    wanted, needed
        A lead that should be shown, and how many queries in all that takes; None where no number
        of queries that anybody judges would do.
    noun
        What is counted: ``query``, or ``group`` where the split is by groups of queries.
    """

    metric: str
    queries: int
    best: str
    rival: str
    curve: tuple[Planned, ...]
    wanted: float
    needed: int | None
    noun: str = "query"

    def __str__(self) -> str:
        now = next(planned for planned in self.curve if planned.queries == self.queries)
        more = None if self.needed is None else max(self.needed - self.queries, 0)
        if more is None:
            plan = f"no number of them that anybody judges shows {self.wanted:g}"
        elif more:
            plan = f"to show {self.wanted:g} judge about {rounded_up(more):,} more"
        else:
            plan = f"{self.wanted:g} would be shown"
        shown = (
            f"can show a lead of {now.detectable:.3f}"
            if isfinite(now.detectable)
            else "can show no lead at all"
        )
        return (
            f"{counted(self.queries, self.noun)} {shown} in {self.metric} of {self.best} over "
            f"{self.rival}; {plan}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys."""
        return {**asdict(self), "curve": [asdict(planned) for planned in self.curve]}


def power(result: Comparison, wanted: float | None = None) -> Power:
    """Say what lead over the measure to keep the queries of a comparison can show.

    By the decision rule of ``compare``, from how much the differences vary; of all measures the
    one whose lead is hardest to show.

    Parameters
    ----------
    result
        Of ``compare``, of queries, by a metric whose values lie in [0, 1] and with two measures
        or more that do not rank alike.
    wanted
        A lead that should be shown; without it the comparison's tolerance.

    Raises
    ------
    ValuesError
        ``wanted`` is not above 0, or no two measures differ.
    SpellingError
        A metric whose values have no upper end.

    Examples
    --------
    >>> from anglewise.comparison.compare import compare
    >>> from anglewise.core.embeddings import Embeddings, Space
    >>> from anglewise.core.judgements import Judgements
    >>> from anglewise.core.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = Embeddings(x * rng.uniform(0.2, 5, (60, 1)))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = compare(Space(queries=Embeddings(x + 1.5), items=items), Judgements(own))
    >>> plan = power(result, wanted=0.05)
    >>> plan.needed > 60, plan.curve[2].detectable > 0.05 > plan.curve[-1].detectable
    (True, True)
    """
    wanted = result.tolerance if wanted is None else wanted
    groups = group_results(result)
    measures, clusters = groups.measures, groups.clusters
    POSITIVE.check("the difference to be seen", wanted)
    if len(measures) < 2:
        raise ValuesError("all measures rank alike here: there is no difference to detect")
    if not metric(result.metric).bounded:
        raise SpellingError(
            f"values of {result.metric} have no upper end, so that nothing can be planned: compare "
            "by nDCG@10"
        )
    keep = next(
        number
        for number, row in enumerate(measures)
        if result.verdict.keep in {row.measure, *row.alike}
    )
    largest = result.verdict.largest_difference * float(clusters.sizes.max())
    largest *= len(clusters) / len(clusters.of)
    rows = clusters.influence(groups.values)
    rivals = [number for number in range(len(measures)) if number != keep]
    leads = {number: Lead.of(rows[number] - rows[keep], largest=largest) for number in rivals}
    level = joint_level_of(len(rivals))
    hardest = max(rivals, key=lambda number: leads[number].detectable(BIG, level=level))
    lead, curve, queries = leads[hardest], list[Planned](), len(clusters)
    for factor in FACTORS:
        planned = max(round(queries * factor), 1)
        settles = (
            lead.chance(planned, lead.mean, level=level) if factor > 1 and lead.mean > 0 else None
        )
        curve.append(Planned(planned, lead.detectable(planned, level=level), settles))
    more = lead.to_show(wanted, level=level)
    return Power(
        metric=result.metric,
        queries=queries,
        best=measures[hardest].measure,
        rival=measures[keep].measure,
        curve=tuple(curve),
        wanted=wanted,
        needed=None if more is None else _fewest(lead, wanted, queries + more, level),
        noun="query" if result.groups is None else "group",
    )


BIG = 1_000_000
"""The number of queries at which the spread of differences alone decides what is shown."""


def joint_level_of(rivals: int) -> float:
    """The level of each of several leads, at most (Bonferroni)."""
    return DECISION_LEVEL / rivals


def _fewest(lead: Lead, wanted: float, enough: int, level: float) -> int:
    """The fewest queries that show a lead, where ``enough`` do."""
    low, high = 0, enough
    while high - low > 1:
        middle = (low + high) // 2
        if lead.detectable(middle, level=level) <= wanted:
            high = middle
        else:
            low = middle
    return high


PAIRS = 20


@dataclass(frozen=True)
class LeadBounds:
    """How much the best measure is ahead of a rival on these queries, whatever the rest says."""

    measure: str
    lead: float
    low: float
    high: float


@dataclass(frozen=True)
class ToJudge:
    """A pair that nobody judged, and what the measures make of it.

    ``worth`` is the share of the doubt about who is the best that its judgement would take away.
    """

    query_id: str
    item_id: str
    ranks: dict[str, int]
    worth: float


@dataclass(frozen=True)
class Unjudged:
    """What is not judged among the first places of the measures.

    Attributes
    ----------
    pairs, judged
        Pairs among the first places of any measure, and how many of them were judged.
    best
        The measure that is ahead.
    bounds
        Its lead over each other one, in the worst and in the best case.
    chance_best
        How likely each measure is the best on these queries once all is judged.
    to_judge
        The pairs whose judgement would do most for the decision, first the most telling.
    highest_gain
        The highest gain that was given: bounds hold for any from 0 to it, of the pairs of the pool.
    """

    pairs: int
    judged: int
    best: str
    bounds: tuple[LeadBounds, ...]
    chance_best: dict[str, float]
    to_judge: tuple[ToJudge, ...]
    highest_gain: float = 1.0

    @property
    def safe(self) -> bool:
        """Whether no judgement of the rest, up to the highest gain, can take the lead away."""
        return all(bound.low > 0 for bound in self.bounds)

    def __str__(self) -> str:
        if self.judged == self.pairs:
            ahead = "is ahead of all others" if self.safe else "is not ahead of all others"
            return f"all {self.pairs:,} pairs are judged; {self.best} {ahead} on these queries"
        rest = "the rest could turn the order round, and"
        chance = f" with a chance of {self.chance_best[self.best]:.0%}"
        if self.safe:
            rest, chance = f"whatever the rest says in grades up to {self.highest_gain:g},", ""
        pairs = f"{self.judged:,} of {self.pairs:,} pairs are judged"
        return f"{pairs}; {rest} {self.best} stays ahead on these queries{chance}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys."""
        return {
            "pairs": self.pairs,
            "judged": self.judged,
            "best": self.best,
            "safe": self.safe,
            "bounds": [asdict(bound) for bound in self.bounds],
            "chance_best": self.chance_best,
            "to_judge": [asdict(pair) for pair in self.to_judge],
            "highest_gain": self.highest_gain,
        }


def unjudged(result: Comparison, pairs: int = PAIRS) -> Unjudged:
    """Say how far documents that nobody judged could move a comparison, and which to judge next.

    Parameters
    ----------
    result
        Of ``compare``, with nDCG as its metric.
    pairs
        How many pairs to name.

    Raises
    ------
    SpellingError
        Another metric, or graded pairs or triplets.

    Examples
    --------
    >>> from anglewise.comparison.compare import compare
    >>> from anglewise.core.embeddings import Embeddings, Space
    >>> from anglewise.core.judgements import Judgements
    >>> from anglewise.core.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = Embeddings(x * rng.uniform(0.2, 5, (60, 1)))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = compare(Space(queries=Embeddings(x + 0.3), items=items), Judgements(own))
    >>> rest = unjudged(result)
    >>> rest.safe, len(rest.to_judge)
    (False, 20)
    """
    from anglewise.metrics.pools import Pool, PoolState, highest_gain, lead_bounds

    ndcg = metric(result.metric)
    if type(ndcg) is not NDCG or result.spaces:
        raise SpellingError(
            f"how far the rest could move a verdict is known for nDCG in one space, not for "
            f"{result.metric}{' of several' if result.spaces else ''}: compare by nDCG@10"
        )
    groups = group_results(result)
    judgements, queries, leader = groups.judgements, groups.rows, groups.leader
    pool = Pool.of(groups.found, judgements, queries, ndcg.depth)
    state = PoolState.of(pool, judgements, queries, ndcg.depth)
    bounds = lead_bounds(pool, judgements, queries, ndcg.depth)[leader]
    means = [row.metrics[result.metric].mean for row in groups.measures]
    asking, ranked = groups.space.sides(judgements.direction)
    return Unjudged(
        pairs=len(pool.items),
        judged=int(np.count_nonzero(pool.judged)),
        best=groups.measures[leader].measure,
        bounds=tuple(
            LeadBounds(row.measure, means[leader] - means[i], *map(float, bounds[i]))
            for i, row in enumerate(groups.measures)
            if i != leader
        ),
        chance_best=dict(zip(pool.measures, state.chance_best.tolist(), strict=True)),
        to_judge=tuple(
            ToJudge(
                str(asking.ids[queries[pool.lists[pair]]]),
                str(ranked.ids[pool.items[pair]]),
                pool.ranks(pair),
                float(state.worth[pair]),
            )
            for pair in state.most_informative(pairs).tolist()
        ),
        highest_gain=highest_gain(judgements),
    )


FUTURES = 100
HORIZON = 8
"""How many times as many queries as there are the forecast looks at."""


ASSUMES_SYMMETRY = (
    "The sequential sign-flip test, an e-process, takes the differences of equally good measures "
    "to be symmetric about 0: one that wins rarely, but then by much, is easily ruled out "
    "although it is as good"
)
ASSUMES_BOUNDS = (
    "How far those left may differ is told by confidence sequences, which assume no symmetry"
)


@dataclass(frozen=True)
class Sequential:
    """Whether judging may stop, by statistics that hold however often one looks.

    Attributes
    ----------
    decision
        ``decided``: one measure is left, or those left are within the tolerance of each other.
        ``keep-judging``: neither.
    measure
        The one to use: of several within the tolerance the one that the comparison keeps, if it
        is among them; while undecided the best so far.
    left
        The measures that may still be the best; measures that rank alike come as one.
    decided_after
        The number of queries after which one was left, if one is.
    about_left
        How many more queries are likely to leave one; None if more than seven times as many.
    queries
        How many there are.
    reason
        The same in a sentence.
    notes
        What this assumes, and where it differs from the verdict of the comparison.
    """

    decision: Literal["decided", "keep-judging"]
    measure: str
    left: tuple[str, ...]
    decided_after: int | None
    about_left: int | None
    queries: int
    reason: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.decision.replace('-', ' ')}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys."""
        return {**asdict(self), "left": list(self.left), "notes": list(self.notes)}


def sequential(result: Comparison, *, seed: int = 0) -> Sequential:
    """Say whether judging may stop; honest to ask after every judged query.

    Measures are ruled out by a sequential sign-flip test, an e-process. The chance that one is
    left although another is as good is at most 5%, at all looks together. As the sign-flip test
    does, this takes the differences of equally good measures to be symmetric about 0: one that
    wins rarely, but then by much, is easily ruled out although it is as good. That several are
    within the tolerance of each other is told by confidence sequences, which assume no symmetry,
    and is wrong in at most 5% too.

    Queries must be judged in an order that has nothing to do with how the measures do on them, as
    those that ``judge sample`` drew are, and each one's first places under all measures before
    the next look. The order is that in which a store says they were judged; where nothing is
    known of it, one by chance, which is honest for a single look.

    The verdict of ``compare`` follows the rule for a number of queries fixed beforehand. Where it
    says another thing, ``notes`` say so.

    Parameters
    ----------
    result
        Of ``compare``, by a metric of ranked lists with values from 0 to 1.
    seed
        Puts queries in order where the times of their judgements are not known.

    Raises
    ------
    SpellingError
        A comparison by graded pairs or triplets, or of groups of queries.
    ValuesError
        A value of the metric outside of 0 to 1.

    Examples
    --------
    >>> from anglewise.comparison.compare import compare
    >>> from anglewise.core.embeddings import Embeddings, Space
    >>> from anglewise.core.judgements import Judgements
    >>> from anglewise.core.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = Embeddings(x * rng.uniform(0.2, 5, (60, 1)))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = compare(Space(queries=Embeddings(x + 0.3), items=items), Judgements(own))
    >>> now = sequential(result)
    >>> now.decision, now.measure, now.decided_after < 60
    ('decided', 'cosine', True)
    """
    groups = group_results(result)
    if result.groups is not None:
        raise SpellingError(
            f"judging until decided goes query by query, each by itself, and these come in groups "
            f"by {result.split}: judge one query of each group, or leave the split out"
        )
    values = groups.values[:, _judging_order(groups, seed)]
    race = Race.of(values)
    left = [row for row, may in zip(groups.measures, race.may_be_best, strict=True) if may]
    best = max(left, key=lambda row: row.metrics[result.metric].mean)
    names, queries = tuple(row.measure for row in left), values.shape[1]
    notes = (ASSUMES_SYMMETRY,) if len(left) < len(values) else ()
    if len(values) == 1:
        alike = listed([best.measure, *best.alike])
        reason = f"use {best.measure}; {alike} rank alike" if best.alike else f"use {best.measure}"
        return Sequential("decided", best.measure, names, 0, 0, queries, reason)
    if len(left) == 1:
        reason = (
            f"use {best.measure} by the sequential sign-flip test; "
            f"{counted(race.decided_after or 0, 'query')} of {queries:,} would have done"
        )
        notes += _beside_verdict(result, {"use", "tie"}, left)
        return Sequential(
            "decided", best.measure, names, race.decided_after, 0, queries, reason, notes
        )
    widest = _widest_difference(values, race.may_be_best)
    if widest <= result.tolerance:
        reason = (
            f"{listed(names)} differ by at most {widest:.3f}, and {result.tolerance:g} would matter"
        )
        notes += (ASSUMES_BOUNDS, *_beside_verdict(result, {"tie"}, left))
        kept = next(
            (row for row in left if result.verdict.keep in (row.measure, *row.alike)), left[0]
        )
        return Sequential("decided", kept.measure, names, None, 0, queries, reason, notes)
    more = forecast(values)
    plan = f"more than {(HORIZON - 1) * queries:,}" if more is None else f"about {more:,}"
    reason = f"{plan} left; {listed(names, 'or')} may be the best, {best.measure} is ahead"
    notes += _beside_verdict(result, {"cannot-tell"}, groups.measures)
    return Sequential("keep-judging", best.measure, names, None, more, queries, reason, notes)


def _beside_verdict(
    result: Comparison, agrees: Collection[str], left: Sequence[MeasureResult]
) -> tuple[str, ...]:
    """Say where the verdict of the comparison is another; nothing where it is the same.

    That is, one of the decisions that agree, and not on a measure that was ruled out.
    """
    verdict = result.verdict
    names = {name for row in left for name in (row.measure, *row.alike)}
    if verdict.decision in agrees and verdict.measure in names:
        return ()
    note = (
        f'The verdict of the comparison is another, "{verdict.headline}": it asks by how much '
        f"others are better than {verdict.keep}, assumes no symmetry and holds for a number of "
        "queries fixed beforehand; this one asks which is the best, and holds however often one "
        "looks"
    )
    return (note,)


def forecast(values: Float64[Array, "m q"], seed: int = 0) -> int | None:
    """How many more queries leave one measure, in the middle one of a hundred futures.

    Each future takes its truth from a resample of the queries and its queries from that, and the
    test goes on where it stands. None if it is further off than the horizon.

    >>> rng = np.random.default_rng(0)
    >>> good = np.clip(rng.random((1, 80)) + rng.normal([[0.03], [0]], 0.2, (2, 80)), 0, 1)
    >>> 10 < forecast(good) < 560
    True
    """
    rng = np.random.default_rng(seed)
    queries = values.shape[1]
    after = np.empty(FUTURES)
    for i in range(FUTURES):
        truth = values[:, rng.integers(queries, size=queries)]
        future = truth[:, rng.integers(queries, size=(HORIZON - 1) * queries)]
        decided = Race.of(np.hstack([values, future])).decided_after
        after[i] = np.inf if decided is None else max(decided - queries, 1)
    middle = float(np.median(after))
    return rounded_up(round(middle)) if np.isfinite(middle) else None


def _judging_order(groups: GroupResults, seed: int) -> Int64[Array, " q"]:
    """Queries by the time of their judgement; of one time by chance, the same at every look."""
    judgements, rows = groups.judgements, groups.rows
    by_chance = np.random.default_rng(seed).permutation(judgements.gains.shape[0])[rows]
    judged_at = judgements.judged_at
    times = np.zeros(len(rows)) if judged_at is None else judged_at[rows]
    return np.lexsort((by_chance, times))


def _widest_difference(values: Float64[Array, "m q"], left: Bool[Array, " m"]) -> float:
    """How far apart the means of two that are left may be, at most.

    All pairs share the level, those too that are not left: which are was found by looking.
    """
    differences = np.stack(
        [values[i] - values[j] for i, j in combinations(np.flatnonzero(left), 2)]
    )
    bounds = confidence_sequence(differences, level=LEVEL / comb(len(values), 2))
    return float(np.abs(bounds).max())
