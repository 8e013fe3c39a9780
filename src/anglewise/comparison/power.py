"""What difference a validation set can detect, and how many queries a smaller one would take."""

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np

from anglewise.comparison.comparison_result import Comparison, standing
from anglewise.core.numbers import POSITIVE
from anglewise.core.text import counted, rounded_up
from anglewise.core.typing import Float64
from anglewise.errors import ValuesError
from anglewise.statistics.planning import Design, planning_critical, smallest_detectable
from anglewise.statistics.resampling import Differences, bootstrap
from anglewise.statistics.sign_flip import sign_flips

FACTORS = (0.25, 0.5, 1, 2, 4, 8, 16)
RESAMPLES = 4_000


@dataclass(frozen=True)
class Planned:
    """What so many queries can do.

    ``detectable`` is the difference of the metric between the best measure and the one that is
    hardest to tell from it that would be seen in four sets of five; ``settles`` the chance that
    the verdict would be use or tie (None for fewer queries than there are).
    """

    queries: int
    detectable: float
    settles: float | None


@dataclass(frozen=True)
class Power:
    """What a validation set can tell, and what larger ones could.

    Attributes
    ----------
    queries, metric
        What there is.
    curve
        From a quarter of the queries to sixteen times as many.
    rival
        The measure that is hardest to tell from the best one.
    wanted, needed
        A difference that should be seen, and how many queries in all that takes.
    noun
        What is counted: ``query``, or ``group`` where the split is by groups of queries.
    """

    metric: str
    queries: int
    best: str
    rival: str
    curve: tuple[Planned, ...]
    wanted: float
    needed: int
    noun: str = "query"

    def __str__(self) -> str:
        now = next(one for one in self.curve if one.queries == self.queries)
        more = max(self.needed - self.queries, 0)
        plan = (
            f"to see {self.wanted:g} judge about {rounded_up(more):,} more"
            if more
            else f"{self.wanted:g} would be seen"
        )
        return (
            f"{counted(self.queries, self.noun)} can tell {self.metric} of {self.best} and "
            f"{self.rival} apart by {now.detectable:.3f}; {plan}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys."""
        return {**asdict(self), "curve": [asdict(one) for one in self.curve]}


def power(result: Comparison, wanted: float | None = None) -> Power:
    """Say what difference the queries of a comparison can detect, from how much they vary.

    ``(c + z) s / sqrt(n)``, where ``s`` is the standard deviation of the differences between the
    best measure and a rival over queries, ``c`` the critical value of the tests and ``z`` 0.84 for
    a power of 80%; of all rivals the one with the largest.

    Parameters
    ----------
    result
        Of ``compare``, of queries and with two measures or more that do not rank alike.
    wanted
        A difference that should be seen; without it the comparison's tolerance.

    Raises
    ------
    ValuesError
        ``wanted`` is not above 0, or no two measures differ.

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
    of = standing(result)
    values, rows = of.values, of.measures
    POSITIVE.check("the difference to be seen", wanted)
    if len(rows) < 2:
        raise ValuesError("all measures rank alike here: there is no difference to detect")
    units = of.units
    queries = len(units)
    flips = sign_flips(units.scaled(values))
    differences = Differences.of(units.influence(values))
    design = Design(
        means=values.mean(axis=1),
        drawn=bootstrap(units.means(values), queries, resamples=RESAMPLES),
        differences=differences,
        critical=planning_critical(flips.critical),
    )
    leader = int(design.means.argmax())
    others = np.flatnonzero(np.arange(len(rows)) != leader)
    reach = smallest_detectable(differences.spread[leader, others], design.critical[others], 1)
    hardest = int(np.argmax(reach))
    return Power(
        metric=result.metric,
        queries=queries,
        best=rows[leader].measure,
        rival=rows[int(others[hardest])].measure,
        curve=tuple(_planned(design, reach, queries, at, result.tolerance) for at in FACTORS),
        wanted=wanted,
        needed=ceil((float(reach[hardest]) / wanted) ** 2),
        noun="query" if result.groups is None else "group",
    )


def _planned(
    design: Design,
    reach: Float64[np.ndarray, " rivals"],
    held: int,
    factor: float,
    tolerance: float,
) -> Planned:
    queries = max(round(held * factor), 1)
    chance = float(design.settles(queries, tolerance).mean()) if factor > 1 else None
    return Planned(queries, float(reach.max() / np.sqrt(queries)), chance)
