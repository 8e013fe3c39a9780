"""What trainings like this one leave of the lists: less than all gauges, more than one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from anglewise.auditing.subject import SMALL_SAMPLE, AuditSubject
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import (
    NOT_NEGATIVE,
    POSITIVE,
    Bounds,
    check_kind,
    check_word,
)
from anglewise.data_types.rows_by_id import space_by_ids
from anglewise.data_types.text import percent
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.equivalent_factorisations.gauge import bias_columns, columns_left, two_roots
from anglewise.equivalent_factorisations.maps import moved
from anglewise.equivalent_factorisations.trained_gauges import (
    Start,
    TrainedGauge,
    carried,
    redrawn,
    trained_gauge,
)
from anglewise.errors import ShapeError, SpellingError, ValuesError
from anglewise.evaluation_metrics.breadth import overlap
from anglewise.nearest_neighbours.search import search

Optimiser: TypeAlias = Literal["gd", "sgd", "adam", "als", "bpr"]
OPTIMISERS: tuple[Optimiser, ...] = get_args(Optimiser)

TOLD_BY_LIBRARIES: dict[tuple[str, str], Optimiser] = {
    ("implicit", "AlternatingLeastSquares"): "als",
    ("implicit", "BayesianPersonalizedRanking"): "bpr",
}
"""What the model's own object tells, of those whose trainings the benchmark runs."""

SIDES = ("queries", "items")
DRAWS = 5
"""Simulated ends; their mean overlaps differ little."""

FARTHEST = 16.0
"""The largest logarithm of a stretch that is looked at: as many digits as float32 carries. Where
some directions carry next to nothing, as after ALS with much decay, the draws are steps so long
that they are no longer those of a training."""

LEVEL = 0.9
SLACK = 0.011
"""Beyond the ends of a band: where less than a hundredth was lost in simulation, 95% of the
trainings of the calibration lost at most so much more or less."""

BANDS: dict[str, tuple[float, float]] = {
    "adam": (0.19, 1.25),
    "adam, large start": (0.44, 1.28),
    "adam, small start": (0.17, 0.60),
    "als": (0.77, 1.13),
    "bpr": (0.18, 1.42),
    "bpr, large start": (0.31, 1.42),
    "bpr, small start": (0.17, 0.47),
    "gd": (0.85, 1.30),
    "gd, from its start": (0.80, 1.16),
    "sgd": (0.08, 0.95),
    "sgd, large start": (0.08, 1.09),
    "sgd, small start": (0.05, 0.45),
}
"""How many times the simulated loss trainings lost: the middle 90% of those that
``benchmarks/reachable.py --calibrate`` ran and printed, where the simulation lost a hundredth or
more. The same program tests the bands on trainings of other data, widths and starts."""

SMALL_START = 0.2
"""A start that explains less than this share of the measured spread counts as small."""
EXPLAINED = (0.5, 2.0)
"""Between these shares what was measured is what gradient flow keeps of the start."""


@dataclass(frozen=True)
class Recipe:
    """How a space was trained, as far as somebody says.

    Attributes
    ----------
    optimiser
        ``gd`` (gradient descent on all data at once), ``sgd`` (in batches), ``adam``, ``als``, or
        ``bpr`` (pairs drawn for its loss, by sgd).
    told_by
        ``you``, or the library and the class of the model.
    init_scale, weight_decay
        Of queries and items: the standard deviation of the numbers at the start, and the weight of
        the squared length in the loss.
    """

    optimiser: Optimiser | None
    told_by: str
    init_scale: tuple[float, float] | None
    weight_decay: tuple[float, float] | None

    @property
    def decays(self) -> bool | None:
        """Whether both sides have weight decay; None where nobody says."""
        return None if self.weight_decay is None else min(self.weight_decay) > 0


def recipe_of(
    space: Space,
    optimiser: str | None,
    init_scale: float | tuple[float, float] | None,
    weight_decay: float | tuple[float, float] | None,
    initial: Space | None,
) -> Recipe:
    """How a space was trained: what is said, else what the object of a library told.

    Raises ``SpellingError`` for an unknown optimiser or a start that has no effect, ``ValuesError``
    for numbers that are none, ``ShapeError`` for initial factors of another shape.

    >>> space = Space(queries=Embeddings([[1.0]]), items=Embeddings([[1.0]]))
    >>> recipe_of(space, "sgd", 0.1, None, None).init_scale
    (0.1, 0.1)
    """
    told_by = "you"
    if optimiser is None:
        source = str(space.about.get("library")), str(space.about.get("model"))
        optimiser = TOLD_BY_LIBRARIES.get(source)
        told_by = ".".join(source) if optimiser else "nobody"
    else:
        check_word(optimiser, OPTIMISERS, "optimiser")
    if initial is not None:
        check_kind(initial, Space, "initial", "a Space of the initial factors")
    if init_scale is not None and initial is not None:
        raise SpellingError("both an initial scale and initial factors are given: give one")
    scales = _two("init_scale", init_scale, POSITIVE)
    if initial is not None:
        scales = _scales(space, initial)
    if scales is not None and optimiser in {None, "als"}:
        why = (
            "als forgets the scale of its start at the first step"
            if optimiser == "als"
            else f"what a start leaves depends on the optimiser, one of {', '.join(OPTIMISERS)}"
        )
        raise SpellingError(f"a start is given, but {why}: say another optimiser or no start")
    return Recipe(
        cast("Optimiser | None", optimiser),
        told_by,
        scales,
        _two("weight_decay", weight_decay, NOT_NEGATIVE),
    )


def _two(
    name: str, value: float | tuple[float, float] | None, bounds: Bounds
) -> tuple[float, float] | None:
    """One number for both sides, or one for each."""
    if value is None:
        return None
    if not isinstance(value, tuple | list):
        both = bounds.check(name, value)
        return float(both), float(both)
    if len(value) != len(SIDES):
        raise ValuesError(
            f"{name} has {len(value)} numbers: one is due, or two, for queries and for items"
        )
    queries, items = (
        float(bounds.check(f"{name} of {side}", number))
        for side, number in zip(SIDES, value, strict=True)
    )
    return queries, items


def _scales(space: Space, initial: Space) -> tuple[float, float]:
    """The standard deviations of initial factors about 0, one for each side."""
    initial = space_by_ids(initial)
    for side in SIDES:
        given: Embeddings = getattr(space, side)
        start: Embeddings = getattr(initial, side)
        if initial.one_sided or start.vectors.shape != given.vectors.shape:
            raise ShapeError(
                f"the initial factors have {start.vectors.shape[0]:,} {side} of "
                f"{start.vectors.shape[1]} columns, the space {given.vectors.shape[0]:,} of "
                f"{given.vectors.shape[1]}: give those that this training began with"
            )
    deviations = [
        float(np.sqrt(np.mean(side.vectors.astype(np.float64) ** 2)))
        for side in (initial.queries, initial.items)
    ]
    if not all(deviations):
        raise ValuesError("a side of the initial factors is all zeros: nothing was drawn there")
    return deviations[0], deviations[1]


@dataclass(frozen=True)
class StartReport:
    """``P'P - Q'Q`` as the start leaves it under gradient flow, and as measured at the end.

    Attributes
    ----------
    expected_mean, expected_spread, mean, spread
        Mean on the diagonal and root mean square off it, expected and measured.
    share
        The expected spread over the measured one; 1 where all of it is the start's.
    """

    expected_mean: float
    expected_spread: float
    mean: float
    spread: float
    share: float | None


@dataclass(frozen=True)
class Reachable:
    """The share of the cosine lists that the gauges of trainings like this one keep.

    Predictions are held: what other trainings would change of them is not in it.

    Attributes
    ----------
    recipe
        How the space was trained, as far as somebody says.
    kept
        The mean share that simulated ends keep; None where none could be simulated.
    low, high
        The band of a training, of ``level``; None without an optimiser that is known.
    law
        The name of the entry of ``BANDS``.
    start
        What the start explains, where it is known.
    extremes
        The least share that the two orthonormal ends keep.
    trainings
        By other training, the share that the gauge in which it ended keeps of these lists.
    asked
        The number of lists.
    """

    recipe: Recipe
    kept: float | None
    low: float | None
    high: float | None
    level: float
    law: str | None
    start: StartReport | None
    extremes: float | None
    trainings: Mapping[str, float]
    asked: int

    def __str__(self) -> str:
        """What is kept, in words; empty where nothing of it is known."""
        ends = "" if self.extremes is None else f"; the extremes keep {percent(self.extremes)}"
        if self.low is not None and self.high is not None:
            return (
                f"trainings like this one ({self.recipe.optimiser}) end in gauges that keep "
                f"{percent(self.low)} to {percent(self.high)} of the lists between items{ends}"
            )
        if self.trainings:
            shares = [*self.trainings.values()]
            low, high = percent(min(shares)), percent(max(shares))
            kept = low if low == high else f"{low} to {high}"
            return f"the other trainings ended in gauges that keep {kept} of the lists{ends}"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {"direction": "items-items", **asdict(self), "trainings": dict(self.trainings)}


def reachable(
    subject: AuditSubject,
    recipe: Recipe,
    trainings: Mapping[str, Space],
    extremes: Mapping[str, float],
) -> Reachable | None:
    """Simulate other ends of this training, and take those that were really reached.

    ``extremes`` has the shares of the lists that equally good geometries keep. None where nobody
    says anything of the training; without shares where some directions carry no prediction.
    """
    if not (recipe.optimiser or recipe.weight_decay or trainings):
        return None
    gauge = gauge_of(subject.space, subject.biases)
    if gauge is None:
        return Reachable(recipe, None, None, None, LEVEL, None, None, None, {}, 0)
    lists = Lists(subject)
    law, start = None, None
    if recipe.init_scale is not None:
        start = Start.of((len(subject.space.queries), len(subject.space.items)), recipe.init_scale)
    if recipe.optimiser is not None:
        law = law_of(recipe.optimiser, gauge, start)
    kept = None if law is None else simulated(lists, gauge, law, start, subject.seed)
    low, high = (None, None) if kept is None or law is None else band(kept, law)
    ends = [
        share
        for name, share in extremes.items()
        if name in {"cosine@item-orthonormal", "cosine@data-space"}
    ]
    return Reachable(
        recipe=recipe,
        kept=kept,
        low=low,
        high=high,
        level=LEVEL,
        law=law,
        start=None if start is None else _started(gauge, start),
        extremes=min(ends, default=None),
        trainings={
            name: share
            for name, run in trainings.items()
            if (share := _kept_by(lists, gauge, run)) is not None
        },
        asked=len(lists.rows),
    )


def gauge_of(space: Space, biases: tuple[int, ...]) -> TrainedGauge | None:
    """Where the columns that are no biases stand among the equally good factorisations."""
    queries, items = two_roots(space)
    if biases:
        free = columns_left(biases, queries.dimension)
        queries, items = queries.columns(free), items.columns(free)
    return trained_gauge(queries, items)


def law_of(optimiser: Optimiser, gauge: TrainedGauge, start: Start | None) -> str:
    """The name of the band: by optimiser, and by how much of the spread the start explains."""
    if start is None or optimiser == "als":
        return optimiser
    share = start.spread / gauge.spread if gauge.spread else np.inf
    if optimiser == "gd":
        return "gd, from its start" if EXPLAINED[0] <= share <= EXPLAINED[1] else "gd"
    return f"{optimiser}, {'small' if share < SMALL_START else 'large'} start"


def band(kept: float, law: str) -> tuple[float, float]:
    """The band of the share that one training keeps, from the simulated mean.

    >>> band(1.0, "als")[1] <= 1
    True
    """
    least, most = BANDS[law]
    return max(1 - most * (1 - kept) - SLACK, 0.0), min(1 - least * (1 - kept) + SLACK, 1.0)


class Lists:
    """The cosine lists of some items, as given and after a map of the items."""

    def __init__(self, subject: AuditSubject) -> None:
        self.subject = subject
        self.rows: Int64[Array, " asked"] = subject.rows("items-items", SMALL_SAMPLE)
        self.left_out = subject.space.named_biases
        self.given = self._search(subject.within.items)

    def kept(self, gauge: TrainedGauge, stretch: Float64[Array, "r r"]) -> float | None:
        """The mean share of the lists that another ``S`` keeps; None where it is too far away."""
        if np.abs(np.linalg.eigvalsh(stretch)).max() > FARTHEST:
            return None
        pair = gauge.pair(stretch)
        items = self.subject.within.items
        if not self.left_out:
            pair = pair.extended(self.subject.biases, items.dimension)
        after = self._search(items.with_vectors(moved(items.vectors, pair.items)))
        return float(overlap(self.given, after, self.subject.k).mean())

    def _search(self, items: Embeddings) -> Neighbours:
        found = search(
            Space(items=items),
            "cosine",
            k=self.subject.k,
            direction="items-items",
            rows=self.rows,
            threads=self.subject.threads,
        )
        return found["cosine"]


def simulated(
    lists: Lists, gauge: TrainedGauge, law: str, start: Start | None, seed: int
) -> float | None:
    """The mean share of the lists that simulated ends keep; None where an end is beyond float32."""
    rng = np.random.default_rng([seed, 19])
    from_start = start is not None and law == "gd, from its start"
    draws = [
        start.end(gauge.spectrum, rng) if start is not None and from_start else redrawn(gauge, rng)
        for _ in range(DRAWS)
    ]
    shares = [lists.kept(gauge, stretch) for stretch in draws]
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if len(known) == len(shares) else None


def _kept_by(lists: Lists, gauge: TrainedGauge, run: Space) -> float | None:
    """The share of the lists that the gauge of another training keeps, at these predictions."""
    subject = lists.subject
    other = None if run.one_sided else gauge_of(run, bias_columns(run))
    if other is None or len(other.spectrum) != len(gauge.spectrum):
        return None
    ids = [name for name in subject.space.items.ids if name in run.items.row_of]
    own, others = (
        side.vectors[side.rows_of(ids)].astype(np.float64)[:, free] @ place.balanced_items()
        for side, free, place in (
            (subject.space.items, _free(subject.space, subject.biases), gauge),
            (run.items, _free(run, bias_columns(run)), other),
        )
    )
    return lists.kept(gauge, carried(other, others.T @ own))


def _free(space: Space, biases: tuple[int, ...]) -> list[int]:
    return columns_left(biases, space.items.dimension)


def _started(gauge: TrainedGauge, start: Start) -> StartReport:
    return StartReport(
        expected_mean=start.mean,
        expected_spread=start.spread,
        mean=gauge.mean_imbalance,
        spread=gauge.spread,
        share=start.spread / gauge.spread if gauge.spread else None,
    )
