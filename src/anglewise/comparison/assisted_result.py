"""What a machine's grades and people's together say of measures: differences, errors, savings."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from anglewise.data_types.typing import Direction
from anglewise.statistics.prediction_powered import MeanInterval

NOTHING_SAVED = 0.95
"""A part of the labels, or of the squared width, above which nothing counts as saved."""
NO_NDCG = (
    "nDCG is not linear in the grades, for the best list moves with them: of machine's and "
    "people's grades together it is biased, whatever the chances"
)


@dataclass(frozen=True)
class Savings:
    """What people's grades tell with a machine beside them.

    Attributes
    ----------
    as_good_as
        How many queries, drawn at random and judged in whole by people alone, give as narrow an
        interval.
    pool_size
        The number of pairs of a query's pool, on average.
    grades
        How many pairs people graded.
    without_machine
        The same as ``as_good_as`` for the same draw without the machine's grades.
    """

    as_good_as: float
    pool_size: float
    grades: int
    without_machine: float

    @property
    def whole_grades(self) -> float:
        """The grades that so many queries judged in whole take."""
        return self.as_good_as * self.pool_size

    @property
    def labels_ratio(self) -> float:
        """People's grades over those of whole queries for the same width; below 1 is saved."""
        return self.grades / self.whole_grades if self.whole_grades > 0 else np.inf

    @property
    def machine_helped(self) -> bool:
        """Whether the machine's grades made the interval narrower by more than nothing."""
        return self.without_machine < NOTHING_SAVED * self.as_good_as

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "as_good_as_queries": self.as_good_as,
            "their_grades": self.whole_grades,
            "grades_by_people": self.grades,
            "labels_ratio": self.labels_ratio,
            "without_machine_as_good_as_queries": self.without_machine,
            "machine_helped": self.machine_helped,
        }


@dataclass(frozen=True)
class AssistedDifference:
    """How far one measure is ahead of the baseline by one metric.

    Attributes
    ----------
    corrected
        The difference that people's grades would give, with its interval; without ends where there
        are too few of what it rests on.
    by_machine
        The difference by the machine's grades alone.
    bias
        The machine's difference less people's: above 0 it favours the measure.
    savings
        None without an interval, and where the queries do not differ from each other.
    too_few
        Why there is no interval; empty where there is one.
    """

    metric: str
    measure: str
    baseline: str
    corrected: MeanInterval
    by_machine: float
    bias: MeanInterval
    savings: Savings | None
    too_few: str = ""

    @property
    def leads(self) -> int:
        """1 where the measure is shown to be ahead, -1 where it is behind, else 0."""
        return int(self.corrected.low > 0) - int(self.corrected.high < 0)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: null for ends that are not there."""
        return {
            "metric": self.metric,
            "measure": self.measure,
            "baseline": self.baseline,
            "difference": _content(self.corrected),
            "by_machine_alone": self.by_machine,
            "bias_of_machine": _content(self.bias),
            "savings": None if self.savings is None else self.savings.to_dict(),
            "too_few": self.too_few or None,
        }


def _content(estimate: MeanInterval) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else value for name, value in vars(estimate).items()}


@dataclass(frozen=True)
class MachineAgreement:
    """How far machine and people agree on the pairs that both graded, each by its chance.

    NaN where all grades are alike.
    """

    pairs: int
    alike: float
    kappa: float
    quadratic: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {name: None if np.isnan(value) else value for name, value in vars(self).items()}


@dataclass(frozen=True, eq=False)
class AssistedComparison:
    """What people's and a machine's grades together say of some measures.

    Attributes
    ----------
    differences
        Of every measure from the baseline, by ``DCG(sampled)`` and by precision.
    level
        Of each interval: all by one metric hold together in 95% of the cases.
    agreement
        None where the draw holds no pair that both graded.
    ndcg, ndcg_queries
        The mean nDCG of each measure over the queries whose whole pool people graded.
    unused
        People's grades of pairs that the draw did not name.
    """

    direction: Direction
    measures: tuple[str, ...]
    baseline: str
    depth: int
    machine: str
    queries: int
    pool: int
    differing: int
    not_graded: int
    people: int
    differences: tuple[AssistedDifference, ...]
    level: float
    agreement: MachineAgreement | None
    ndcg: Mapping[str, float]
    ndcg_queries: int
    unused: int
    seed: int

    @cached_property
    def deciding(self) -> tuple[AssistedDifference, ...]:
        """The differences by discounted gain."""
        return tuple(one for one in self.differences if one.metric.startswith("DCG"))

    @property
    def decision(self) -> tuple[str, str | None]:
        """``better`` with the measure that is, or ``cannot-tell``; no tie is ever claimed.

        Of several that are ahead of the baseline the one that is so by most.
        """
        ahead = [one for one in self.deciding if one.leads > 0]
        if ahead:
            return "better", max(ahead, key=lambda one: one.corrected.mean).measure
        if self.deciding and all(one.leads < 0 for one in self.deciding):
            return "better", self.baseline
        return "cannot-tell", None

    @property
    def behind(self) -> tuple[str, ...]:
        """What the measure of the decision was shown to be ahead of; empty where none is better.

        Measures are compared with the baseline, and not with each other.
        """
        decision, measure = self.decision
        if decision != "better":
            return ()
        if measure == self.baseline:
            return tuple(one.measure for one in self.deciding)
        return (self.baseline,)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        decision, measure = self.decision
        return {
            "command": "compare",
            "assisted": True,
            "direction": self.direction,
            "measures": list(self.measures),
            "baseline": self.baseline,
            "depth": self.depth,
            "machine": self.machine,
            "queries": self.queries,
            "pool": self.pool,
            "differing": self.differing,
            "not_graded_by_machine": self.not_graded,
            "graded_by_people": self.people,
            "grades_not_used": self.unused,
            "level": self.level,
            "differences": [one.to_dict() for one in self.differences],
            "agreement": None if self.agreement is None else self.agreement.to_dict(),
            "ndcg": {"queries": self.ndcg_queries, "means": dict(self.ndcg)},
            "verdict": {"decision": decision, "measure": measure, "better_than": [*self.behind]},
            "seed": self.seed,
        }
