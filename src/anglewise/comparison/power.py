"""What lead a validation set can show by the decision rule, and what larger ones could."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.dependence import MACHINE_RIGHT
from anglewise.comparison.evidence import group_results
from anglewise.comparison.split import assumed_sizes
from anglewise.comparison.verdict import FEWEST_TO_PLAN
from anglewise.data_types.numbers import PART
from anglewise.data_types.text import counted, listed, rounded_up
from anglewise.errors import SpellingError, ValuesError
from anglewise.evaluation_metrics.evaluate import metric
from anglewise.statistics.decision import LEVEL as DECISION_LEVEL
from anglewise.statistics.planning import Lead

FACTORS = (0.25, 0.5, 1, 2, 4, 8, 16)
PLANNED = "in about four sets of five, where others vary as these do"


@dataclass(frozen=True)
class Planned:
    """What so many queries can do.

    ``detectable`` is the lead over the measure to keep that would be shown in about four sets of
    five, infinite where none would; ``settles`` the chance that the lead of ``best`` would be
    shown, if it is as large as it looks (None for fewer queries than there are, or where it leads
    nothing).
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
    assumed
        What is taken for granted of the size of groups and the weight of queries not seen.
    largest_group
        How many queries such a group may have, where that was declared.
    """

    metric: str
    queries: int
    best: str
    rival: str
    curve: tuple[Planned, ...]
    wanted: float
    needed: int | None
    noun: str = "query"
    assumed: tuple[str, ...] = ()
    largest_group: int | None = None

    def __str__(self) -> str:
        now = next(planned for planned in self.curve if planned.queries == self.queries)
        more = None if self.needed is None else max(self.needed - self.queries, 0)
        if more is None:
            plan = f"no number of them that anybody judges shows {self.wanted:.3g}"
        elif more:
            plan = f"to show {self.wanted:.3g} judge about {rounded_up(more):,} more"
        else:
            plan = f"{self.wanted:.3g} would be shown"
        lead = f"in {self.metric} of {self.best} over {self.rival}"
        shown = (
            f"would show a lead of {now.detectable:.3f} {lead}"
            if isfinite(now.detectable)
            else f"would show no lead at all {lead}"
        )
        supposed = f", if {listed(self.assumed)}" if self.assumed else ""
        return f"{counted(self.queries, self.noun)} {shown}; {plan} ({PLANNED}{supposed})"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys."""
        plain = {**asdict(self), "curve": [asdict(planned) for planned in self.curve]}
        return plain | {"assumed": [*self.assumed]}


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
        ``wanted`` is not above 0, no two measures differ, or there is one query alone, from which
        nobody knows how much differences vary.
    SpellingError
        A metric whose values have no upper end.

    Examples
    --------
    >>> from anglewise.comparison.compare import compare
    >>> from anglewise.data_types.embeddings import Embeddings, Space
    >>> from anglewise.data_types.judgements import Judgements
    >>> from anglewise.data_types.sparse import SparseRows
    >>> import numpy as np
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
    PART.check("the difference to be seen", wanted)
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
    if len(clusters) < FEWEST_TO_PLAN:
        known = counted(len(clusters), "group" if result.groups is not None else "query")
        raise ValuesError(
            f"how much differences vary is not known from {known}: judge {FEWEST_TO_PLAN} or more"
        )
    largest = result.verdict.largest_difference * clusters.relative_largest
    rows = clusters.influence(groups.values)
    rivals = [number for number in range(len(measures)) if number != keep]
    leads = {number: Lead.of(rows[number] - rows[keep], largest=largest) for number in rivals}
    level = DECISION_LEVEL / len(rivals)  # of each, at least (Bonferroni)
    hardest = max(rivals, key=lambda number: leads[number].detectable(BIG, level=level))
    lead, curve, queries = leads[hardest], list[Planned](), len(clusters)
    for planned in dict.fromkeys(max(round(queries * factor), 1) for factor in FACTORS):
        ahead = planned > queries and lead.mean > 0
        settles = lead.chance(planned, lead.mean, level=level) if ahead else None
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
        assumed=tuple(_assumed(result)),
        largest_group=None if result.evidence is None else result.evidence.largest_group,
    )


def _assumed(result: Comparison) -> Iterator[str]:
    evidence = result.evidence
    if evidence is not None:
        yield from assumed_sizes(
            evidence.clusters, evidence.chance_over, evidence.weights, evidence.largest_group
        )
        yield from evidence.supposed
        if evidence.by_machine:
            yield MACHINE_RIGHT


BIG = 1_000_000
"""The number of queries at which the spread of differences alone decides what is shown."""


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
