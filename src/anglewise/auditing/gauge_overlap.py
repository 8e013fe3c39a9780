"""How far lists, scores and vectors agree: between equally good gauges, and between trainings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from anglewise.auditing.certified import CONDITIONS
from anglewise.auditing.subject import GAUGES, SMALL_SAMPLE, AuditSubject, NamedRow
from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Bool, Direction, Float64, Int64, Progress
from anglewise.engine.search import search
from anglewise.errors import ShapeError
from anglewise.gauges.certificates import cosine_interval
from anglewise.gauges.gap import SideAlignment, align
from anglewise.gauges.gauge import moved_cosines, row_cosines
from anglewise.gauges.maps import moved
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
    undecided
        By cosine in some gauge, how many of its lists rounding alone would order: all in them
        stand at right angles. They take no part in the means.
    """

    direction: Direction
    queries: int
    k: int
    overlap: Mapping[str, Mapping[str, float]]
    rank_biased: Mapping[str, Mapping[str, float]]
    against: str
    moved: tuple[Moved, ...]
    undecided: Mapping[str, int]

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


def agree(
    subject: AuditSubject, direction: Direction, neighbours: Mapping[str, Neighbours]
) -> GaugeAgreement:
    """Compare the lists of ``subject.rows(direction)``, measure by measure.

    Lists that rounding decides are left out, and with them a measure that has no others.
    """
    rows = subject.rows(direction)
    decided = {name: subject.decided(direction, lists, rows) for name, lists in neighbours.items()}
    means, biased = _means(neighbours, decided, subject.k)
    rivals = [name for name in means["cosine"] if name.startswith("cosine@")]
    against = min(rivals, key=lambda name: means["cosine"][name])
    shared = overlap(neighbours["cosine"], neighbours[against], subject.k)
    order = np.argsort(np.where(decided[against], shared, np.inf), kind="stable")[:SHOWN]
    asking, ranked = subject.names(direction)
    depth = slice(0, subject.k)
    moved = tuple(
        Moved(
            asked=asking.of(int(rows[place])),
            overlap=float(shared[place]),
            before=ranked.all(neighbours["cosine"].indices[place, depth]),
            after=ranked.all(neighbours[against].indices[place, depth]),
        )
        for place in order
        if decided[against][place]
    )
    return GaugeAgreement(
        direction=direction,
        queries=len(rows),
        k=subject.k,
        overlap=means,
        rank_biased=biased,
        against=against,
        moved=moved,
        undecided={
            name: int((~lists).sum())
            for name, lists in decided.items()
            if name.startswith("cosine@") and not lists.all()
        },
    )


def _means(
    neighbours: Mapping[str, Neighbours], decided: Mapping[str, Bool[Array, " q"]], k: int
) -> tuple[Table, Table]:
    """Overlap and rank-biased overlap: both halves of a symmetric table, without its diagonal."""
    names = [name for name, lists in decided.items() if lists.any()]
    tables: tuple[Table, Table] = ({name: {} for name in names}, {name: {} for name in names})
    for one, other in combinations(names, 2):
        both = decided[one] & decided[other]
        if not both.any():
            continue
        agreed = agreements(neighbours[one], neighbours[other], k)
        for table, values in zip(tables, agreed, strict=True):
            table[one][other] = table[other][one] = float(values[both].mean())
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
        ``t`` of the gauges ``power(t)``; an end is missing where all lists there would be ordered
        by rounding alone.
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
    direction: Direction,
    judgements: Judgements | None,
    progress: Progress | None = None,
) -> GaugePath:
    """Search again at each step, for judged queries where there are any."""
    rows = (
        subject.rows(direction, SMALL_SAMPLE)
        if judgements is None
        else _judged(subject, judgements)
    )
    names = [f"cosine@power({t:g})" for t in STEPS]
    found = subject.nearest(direction, ["cosine", *names], rows, progress, judgements)
    # power(0), power(0.5) and power(1) have names of their own; the order is the one asked for.
    given, *moved = found.values()
    decided = [subject.decided(direction, lists, rows) for lists in moved]
    steps = [step for step, lists in enumerate(decided) if lists.any()]
    kept = [overlap(given, moved[step], subject.k)[decided[step]].mean() for step in steps]
    score, given_score, metric = None, None, f"nDCG@{subject.k}"
    if judgements is not None:
        values = evaluate(found, judgements, rows, metric)[metric]
        given_score = float(values[0].mean())
        score = tuple(float(values[1 + step][decided[step]].mean()) for step in steps)
    return GaugePath(
        direction=direction,
        powers=tuple(STEPS[step] for step in steps),
        overlap=tuple(float(share) for share in kept),
        metric=metric,
        score=score,
        given_score=given_score,
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


@dataclass(frozen=True)
class SideRun:
    """One side of two runs.

    ``rotation``, ``gauge`` and ``real`` are shares of the squared difference of the vectors and
    sum to 1 (all 0 without any difference): what the best rotation takes away, what the best
    linear map takes away beyond it, and what stays. ``difference`` is that difference relative to
    the vectors, ``condition`` that of the best linear map.
    """

    difference: float
    rotation: float
    gauge: float
    real: float
    condition: float | None
    shared: int


@dataclass(frozen=True)
class RunReport:
    """Another run beside the audited one.

    Attributes
    ----------
    name
        Of the other run.
    queries, items
        The vectors.
    predictions
        ``|P1 Q1' - P2 Q2'| / |P2 Q2'|``: what no map explains.
    overlap
        How much of the cosine lists between items the runs share: as ``given``, which no rotation
        changes; after the best ``linear`` map of the other one's items; in the ``balanced`` gauge
        of each. And how much of the lists that ``dot`` recommends.
    asked
        Over how many lists.
    """

    name: str
    queries: SideRun
    items: SideRun
    predictions: float
    overlap: Mapping[str, float]
    asked: int


def beside(subject: AuditSubject, name: str, other: Space) -> RunReport:
    """Put another run beside the audited one, over the ids that both know.

    Raises ``ShapeError`` for spaces of one side, ``TooFewError`` for too few shared ids.
    """
    if subject.space.one_sided or other.one_sided:
        raise ShapeError(
            f"{name}: runs are compared by their predictions, which takes queries and items"
        )
    found = align(other, subject.space)
    mine, theirs = _shared(subject.space, other)
    linear = moved(theirs.items.vectors, found.items.linear.map)
    pairs = {
        "given": _lists(subject, mine, theirs, "cosine"),
        "linear": _lists(subject, mine, Space(items=theirs.items.with_vectors(linear)), "cosine"),
        "balanced": _lists(subject, mine, theirs, "cosine@balanced"),
        "dot": _recommended(subject, mine, theirs),
    }
    return RunReport(
        name=name,
        queries=_side(found.queries),
        items=_side(found.items),
        predictions=found.predictions,
        overlap={key: float(value.mean()) for key, value in pairs.items()},
        asked=len(pairs["given"]),
    )


def _side(side: SideAlignment) -> SideRun:
    condition = side.linear.condition
    return SideRun(
        difference=side.given,
        **side.shares,
        condition=condition if np.isfinite(condition) else None,
        shared=side.shared,
    )


def _shared(one: Space, other: Space) -> tuple[Space, Space]:
    """Both runs on the rows that both know, in the order of the first."""
    sides: dict[str, list[Embeddings]] = {}
    for name in ("queries", "items"):
        mine: Embeddings = getattr(one, name)
        theirs: Embeddings = getattr(other, name)
        ids = [i for i in mine.ids if i in theirs.row_of]
        sides[name] = [
            side.take(np.array([side.row_of[i] for i in ids], dtype=np.int64))
            for side in (mine, theirs)
        ]
    pairs = zip(sides["queries"], sides["items"], strict=True)
    first, second = (Space(queries=q, items=i) for q, i in pairs)
    return first, second


def _lists(subject: AuditSubject, mine: Space, theirs: Space, measure: str) -> Array:
    rows = _asked(subject, mine.items)
    one, other = (_nearest(subject, space, measure, rows) for space in (mine, theirs))
    return overlap(one, other, subject.k)


def _recommended(subject: AuditSubject, mine: Space, theirs: Space) -> Array:
    rows = _asked(subject, mine.queries)
    one, other = (
        search(space, "dot", k=subject.k, rows=rows, threads=subject.threads)["dot"]
        for space in (mine, theirs)
    )
    return overlap(one, other, subject.k)


def _nearest(
    subject: AuditSubject, space: Space, measure: str, rows: Int64[Array, " asked"]
) -> Neighbours:
    found = search(
        space, measure, k=subject.k, direction="items-items", rows=rows, threads=subject.threads
    )
    return found[measure]


def _asked(subject: AuditSubject, side: Embeddings) -> Int64[Array, " asked"]:
    awake = np.flatnonzero(side.norms > 0)
    rng = np.random.default_rng(subject.seed)
    return np.sort(rng.permutation(awake)[: 4 * SMALL_SAMPLE]).astype(np.int64)
