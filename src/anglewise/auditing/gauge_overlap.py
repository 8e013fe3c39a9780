"""How far lists and scores agree between equally good gauges."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from anglewise.auditing.certified import CONDITIONS
from anglewise.auditing.subject import GAUGES, SMALL_SAMPLE, AuditSubject, NamedRow
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Direction, Float64, Int64, Progress
from anglewise.gauges.certificates import cosine_interval
from anglewise.gauges.gauge import moved_cosines, row_cosines
from anglewise.metrics.breadth import agreements, overlap
from anglewise.metrics.evaluate import evaluate

Table: TypeAlias = dict[str, dict[str, float]]

SHOWN = 10
"""How many of those that move most are kept as examples."""


@dataclass(frozen=True)
class Moved:
    """One who asked, and how its list changes from cosine to an equally good cosine."""

    asked: NamedRow
    overlap: float
    before: tuple[NamedRow, ...]
    after: tuple[NamedRow, ...]


@dataclass(frozen=True)
class GaugeAgreement:
    """Lists of one direction, compared two by two.

    Attributes
    ----------
    direction, queries, k
        Who asked whom, how many, and how long the lists are.
    overlap, rank_biased
        From measure to measure the mean over queries.
    against
        The equally good geometry whose cosine lists differ most from those of the given one; for
        spaces without a gauge, the centred one.
    moved
        Those whose lists move most between the two.
    """

    direction: Direction
    queries: int
    k: int
    overlap: Mapping[str, Mapping[str, float]]
    rank_biased: Mapping[str, Mapping[str, float]]
    against: str
    moved: tuple[Moved, ...]

    @property
    def gauges(self) -> dict[str, float]:
        """How much of the cosine lists is left in each equally good geometry."""
        frames = (*GAUGES[self.direction], "centred")
        row = self.overlap["cosine"]
        return {name: row[name] for name in (f"cosine@{frame}" for frame in frames) if name in row}

    @property
    def least(self) -> float:
        """The smallest of them."""
        return self.overlap["cosine"][self.against]


def agree(subject: AuditSubject, way: Direction, found: Mapping[str, Neighbours]) -> GaugeAgreement:
    """Compare the lists that were found, which are those of ``subject.rows(way)``."""
    means, biased = _means(found, subject.k)
    rivals = [name for name in found if name.startswith("cosine@")]
    against = min(rivals, key=lambda name: means["cosine"][name])
    shared = overlap(found["cosine"], found[against], subject.k)
    order = np.argsort(shared, kind="stable")[:SHOWN]
    asking, ranked = subject.names(way)
    rows, depth = subject.rows(way), slice(0, subject.k)
    moved = tuple(
        Moved(
            asked=asking.of(int(rows[place])),
            overlap=float(shared[place]),
            before=ranked.all(found["cosine"].indices[place, depth]),
            after=ranked.all(found[against].indices[place, depth]),
        )
        for place in order
    )
    return GaugeAgreement(
        direction=way,
        queries=len(rows),
        k=subject.k,
        overlap=means,
        rank_biased=biased,
        against=against,
        moved=moved,
    )


def _means(found: Mapping[str, Neighbours], k: int) -> tuple[Table, Table]:
    """Overlap and rank-biased overlap: both halves of a symmetric table, without its diagonal."""
    names = list(found)
    tables: tuple[Table, Table] = ({name: {} for name in names}, {name: {} for name in names})
    for one, other in combinations(names, 2):
        for table, values in zip(tables, agreements(found[one], found[other], k), strict=True):
            table[one][other] = table[other][one] = float(values.mean())
    first, second = (
        {one: {name: row[name] for name in names if name in row} for one, row in table.items()}
        for table in tables
    )
    return first, second


STEPS = tuple(round(0.1 * step, 1) for step in range(11))


@dataclass(frozen=True)
class GaugePath:
    """Cosine lists along the path of equally good factorisations.

    Attributes
    ----------
    powers
        ``t`` of the gauges ``power(t)``.
    overlap
        What is left of the given lists at each ``t``.
    metric, score
        nDCG@k at each ``t``, where judgements were given; and that of the given lists.
    queries
        How many asked.
    """

    direction: Direction
    powers: tuple[float, ...]
    overlap: tuple[float, ...]
    metric: str
    score: tuple[float, ...] | None
    given_score: float | None
    queries: int


def gauge_path(
    subject: AuditSubject,
    way: Direction,
    judgements: Judgements | None,
    progress: Progress | None = None,
) -> GaugePath:
    """Search again at each step, for judged queries where there are any."""
    rows = subject.rows(way, SMALL_SAMPLE) if judgements is None else _judged(subject, judgements)
    names = [f"cosine@power({t:g})" for t in STEPS]
    found = subject.nearest(way, ["cosine", *names], rows, progress, judgements)
    # power(0), power(0.5) and power(1) have names of their own; the order is the one asked for.
    given, *moved = found.values()
    kept = tuple(float(overlap(given, one, subject.k).mean()) for one in moved)
    scores, metric = None, f"nDCG@{subject.k}"
    if judgements is not None:
        values = evaluate(found, judgements, rows, metric)[metric].mean(axis=1)
        scores = tuple(float(value) for value in values)
    return GaugePath(
        direction=way,
        powers=STEPS,
        overlap=kept,
        metric=metric,
        score=None if scores is None else scores[1:],
        given_score=None if scores is None else scores[0],
        queries=len(rows),
    )


def _judged(subject: AuditSubject, judgements: Judgements) -> Int64[Array, " some"]:
    rows = judgements.judged_rows
    rng = np.random.default_rng(subject.seed)
    return np.sort(rng.permutation(rows)[: 2 * SMALL_SAMPLE])


DRAWS = 200
BAND = (0.05, 0.95)

Ends: TypeAlias = tuple[Array, Array]
"""Of the intervals of several pairs."""


@dataclass(frozen=True)
class Interval:
    """From the least to the greatest."""

    low: float
    high: float


@dataclass(frozen=True)
class PairReport:
    """Two items, and what can be made of their cosine while every prediction stays.

    Attributes
    ----------
    cosine
        As given.
    gauges
        In each equally good geometry with a name.
    conditions, certified, random
        For each ratio ``s`` the ends that no map passes and some map reaches, and the middle 90%
        of random maps.
    """

    one: NamedRow
    other: NamedRow
    cosine: float
    gauges: Mapping[str, float]
    conditions: tuple[float, ...]
    certified: tuple[Interval, ...]
    random: tuple[Interval, ...]


def explore(subject: AuditSubject, pairs: Iterable[tuple[str, str]]) -> tuple[PairReport, ...]:
    """Look at named pairs of items. Raises ``IdsError`` for a name that is not known.

    Bias columns stay in the vectors, as they do in a cosine that somebody takes of them. The
    random maps are the same for all pairs.
    """
    items, names = subject.space.items, subject.names("items-items")[1]
    rows = np.array([[names.row(name) for name in pair] for pair in pairs], dtype=np.int64)
    if not len(rows):
        return ()
    x, y = (items.vectors[side].astype(np.float64) for side in rows.T)
    cosines = row_cosines(x, y)
    gauges = {
        name: row_cosines(subject.items_at(name, rows[:, 0]), subject.items_at(name, rows[:, 1]))
        for name in (f"cosine@{frame}" for frame in GAUGES["items-items"])
    }
    certified = [cosine_interval(cosines, s) for s in CONDITIONS]
    random = [_band(x, y, s, subject.seed) for s in CONDITIONS]
    return tuple(
        PairReport(
            one=names.of(int(one)),
            other=names.of(int(other)),
            cosine=float(cosines[place]),
            gauges={name: float(values[place]) for name, values in gauges.items()},
            conditions=CONDITIONS,
            certified=_intervals(certified, place),
            random=_intervals(random, place),
        )
        for place, (one, other) in enumerate(rows)
    )


def _intervals(ends: Sequence[Ends], place: int) -> tuple[Interval, ...]:
    return tuple(Interval(float(low[place]), float(high[place])) for low, high in ends)


def _band(x: Float64[Array, "p d"], y: Float64[Array, "p d"], s: float, seed: int) -> Ends:
    drawn = moved_cosines(x, y, s, np.random.default_rng(seed), draws=DRAWS)
    low, high = np.quantile(drawn, BAND, axis=0)
    return low, high
