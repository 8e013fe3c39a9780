"""Which measure should I use? The conductor of the main job, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from anglewise.embeddings import Space
from anglewise.judgements.judgements import Judgements
from anglewise.neighbours import Neighbours
from anglewise.typing import Array, Direction, Float64

Decision: TypeAlias = Literal["use", "tie", "cannot-tell"]


@dataclass(frozen=True)
class Estimate:
    """A mean over queries with its 95% interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A mean paired difference with its 95% interval and p-values, raw and Holm-adjusted."""

    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float


@dataclass(frozen=True)
class MeasureResult:
    """One row of the table: a measure, its metrics, how it stands to the best."""

    measure: str
    metrics: Mapping[str, Estimate]
    vs_best: Difference | None
    best_probability: float
    may_be_best: bool
    vs_baseline: Difference | None = None
    beats: tuple[str, ...] = ()
    unjudged_share: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What to do, in one word and in one sentence."""

    decision: Decision
    measure: str
    tied_with: tuple[str, ...]
    needed_queries: int | None
    smallest_detectable: float | None
    reason: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """Measures ranked on a validation set, best first.

    ``notes`` are sentences to be read before the numbers (broken labels, unit vectors, zero
    rows). ``evidence`` holds what the numbers came from, for pages and run files.
    """

    direction: Direction | None
    metric: str
    k: int | None
    queries: int
    items: int
    judged: int
    seed: int
    measures: tuple[MeasureResult, ...]
    verdict: Verdict
    signature: str
    tolerance: float = 0.01
    baseline: str | None = None
    notes: tuple[str, ...] = ()
    evidence: "Evidence | None" = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Evidence:
    """The neighbours, judgements and per-query values behind a comparison.

    ``values[metric]`` is ``measures x judged queries``; ``rows`` are the judged rows of the
    asking side, in the order of the columns of ``values`` and of the rows of ``found``.
    """

    space: Space
    judgements: Judgements
    rows: Array
    found: Mapping[str, Neighbours]
    values: Mapping[str, Float64[Array, "m q"]]
