"""How far lists, cosines and vectors agree between equally good gauges, and between trainings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from anglewise.auditing.certified import CONDITIONS
from anglewise.auditing.subject import GAUGES, SMALL_SAMPLE, AuditSubject, NamedRow
from anglewise.data_types.embeddings import BIAS_COLUMNS, Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Bool, Direction, Float64, Int64, Progress
from anglewise.equivalent_factorisations.certificates import cosine_interval
from anglewise.equivalent_factorisations.gap import SideAlignment, align, shift_is_free
from anglewise.equivalent_factorisations.gauge import moved_cosines, row_cosines
from anglewise.errors import ShapeError
from anglewise.evaluation_metrics.breadth import agreements, overlap
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.nearest_neighbours.search import search

Table: TypeAlias = dict[str, dict[str, float]]

SHOWN = 10
"""The number of lists that change most and are kept as examples."""


@dataclass(frozen=True)
class Moved:
    """A row, and how its list changes from cosine to the cosine of an equally good geometry."""

    asked: NamedRow
    overlap: float
    before: tuple[NamedRow, ...]
    after: tuple[NamedRow, ...]


@dataclass(frozen=True)
class GaugeAgreement:
    """How far the lists of one direction agree between pairs of measures.

    Attributes
    ----------
    direction, queries, k
        Which side asked which, the number of lists, and their length.
    overlap, rank_biased
        By measure and measure, the mean over the lists.
    against
        The equally good geometry whose cosine lists differ most from the given ones; for spaces
        without a gauge, the centred one.
    moved
        The lists that change most between the two.
    undecided
        By cosine in a gauge, the number of lists that rounding alone would order, since their
        items stand at right angles. They are left out of the means.
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
        """The mean overlap of the cosine lists with those of each equally good geometry."""
        frames = (*GAUGES[self.direction], "centred")
        row = self.overlap["cosine"]
        return {name: row[name] for name in (f"cosine@{frame}" for frame in frames) if name in row}

    @property
    def least(self) -> float:
        """The smallest of these overlaps."""
        return self.overlap["cosine"][self.against]


def agree(
    subject: AuditSubject, direction: Direction, neighbours: Mapping[str, Neighbours]
) -> GaugeAgreement:
    """Compare the lists of ``subject.rows(direction)``, measure by measure.

    Lists that rounding alone orders are left out, and so is a measure that has no others.
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
            asked=asking.name(int(rows[position])),
            overlap=float(shared[position]),
            before=ranked.all(neighbours["cosine"].indices[position, depth]),
            after=ranked.all(neighbours[against].indices[position, depth]),
        )
        for position in order
        if decided[against][position]
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
    """Mean overlap and rank-biased overlap, as symmetric tables without their diagonals."""
    names = [name for name, lists in decided.items() if lists.any()]
    tables: tuple[Table, Table] = ({name: {} for name in names}, {name: {} for name in names})
    for first_name, second_name in combinations(names, 2):
        in_both = decided[first_name] & decided[second_name]
        if not in_both.any():
            continue
        agreed = agreements(neighbours[first_name], neighbours[second_name], k)
        for table, values in zip(tables, agreed, strict=True):
            table[first_name][second_name] = table[second_name][first_name] = float(
                values[in_both].mean()
            )
    first, second = (
        {
            first_name: {name: row[name] for name in names if name in row}
            for first_name, row in table.items()
        }
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
        ``t`` of the gauges ``power(t)``; an end is missing where rounding alone would order all
        lists.
    overlap
        The mean overlap with the given lists at each ``t``.
    metric, score, given_score
        nDCG@k at each ``t`` and of the given lists, weighed as the judgements are, if there are.
    queries
        The number of lists.
    by_use
        Whether items were judged similar by their users: how much they are used decides much then.
    """

    direction: Direction
    powers: tuple[float, ...]
    overlap: tuple[float, ...]
    metric: str
    score: tuple[float, ...] | None
    given_score: float | None
    queries: int
    by_use: bool = False


def gauge_path(
    subject: AuditSubject,
    direction: Direction,
    judgements: Judgements | None,
    progress: Progress | None = None,
) -> GaugePath:
    """Search again at each step, for the judged queries if there are judgements."""
    rows = (
        subject.rows(direction, SMALL_SAMPLE)
        if judgements is None
        else _judged(subject, judgements)
    )
    names = [f"cosine@power({t:g})" for t in STEPS]
    neighbours = subject.nearest(direction, ["cosine", *names], rows, progress, judgements)
    # power(0), power(0.5) and power(1) come back under names of their own, in the same order
    given_lists, *moved_lists = neighbours.values()
    decided = [subject.decided(direction, lists, rows) for lists in moved_lists]
    steps = [step for step, lists in enumerate(decided) if lists.any()]
    overlaps = [overlap(given_lists, moved_lists[s], subject.k)[decided[s]].mean() for s in steps]
    score, given_score, by_use, metric = None, None, False, f"nDCG@{subject.k}"
    if judgements is not None:
        values = evaluate(neighbours, judgements, rows, metric)[metric]
        by_use = judgements.of_users or judgements.made_of is not None
        weights = judgements.weights(rows)
        each = np.ones(len(rows)) if weights is None else weights.values
        given_score = float(np.average(values[0], weights=each))
        means = (np.average(values[1 + s][decided[s]], weights=each[decided[s]]) for s in steps)
        score = tuple(map(float, means))
    return GaugePath(
        direction=direction,
        powers=tuple(STEPS[step] for step in steps),
        overlap=tuple(float(share) for share in overlaps),
        metric=metric,
        score=score,
        given_score=given_score,
        queries=len(rows),
        by_use=by_use and direction == "items-items",
    )


def _judged(subject: AuditSubject, judgements: Judgements) -> Int64[Array, " some"]:
    rows = judgements.judged_rows
    return np.sort(np.random.default_rng(subject.seed).permutation(rows)[: 2 * SMALL_SAMPLE])


DRAWS = 200
BAND = (0.05, 0.95)

Ends: TypeAlias = tuple[Array, Array]
"""The lower and the upper ends of several intervals."""


@dataclass(frozen=True)
class Interval:
    """An interval of cosines."""

    low: float
    high: float


@dataclass(frozen=True)
class PairReport:
    """The cosine of two items in the geometries that keep every prediction.

    Attributes
    ----------
    cosine
        That of the given vectors.
    gauges
        The cosine in each equally good geometry with a name.
    conditions, certified, random
        For each condition ``s`` the interval of the cosines that maps can reach, and the middle
        90% of random maps.
    """

    one: NamedRow
    other: NamedRow
    cosine: float
    gauges: Mapping[str, float]
    conditions: tuple[float, ...]
    certified: tuple[Interval, ...]
    random: tuple[Interval, ...]


def explore(subject: AuditSubject, pairs: Iterable[tuple[str, str]]) -> tuple[PairReport, ...]:
    """Report on pairs of items, by id. Raises ``IdsError`` for an unknown id.

    Bias columns that are named are left out, as in every cosine between items; others stay. The
    random maps are the same for all pairs.
    """
    items, names = subject.within.items, subject.names("items-items")[1]
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
            one=names.name(int(row)),
            other=names.name(int(other)),
            cosine=float(cosines[position]),
            gauges={name: float(values[position]) for name, values in gauges.items()},
            conditions=CONDITIONS,
            certified=_intervals(certified, position),
            random=_intervals(random, position),
        )
        for position, (row, other) in enumerate(rows)
    )


def _intervals(ends: Sequence[Ends], position: int) -> tuple[Interval, ...]:
    return tuple(Interval(float(low[position]), float(high[position])) for low, high in ends)


def _band(x: Float64[Array, "p d"], y: Float64[Array, "p d"], s: float, seed: int) -> Ends:
    cosines = moved_cosines(x, y, s, np.random.default_rng(seed), draws=DRAWS)
    low, high = np.quantile(cosines, BAND, axis=0)
    return low, high


@dataclass(frozen=True)
class SideRun:
    """One side of two runs.

    ``rotation``, ``gauge`` and ``real`` are shares of the squared ``difference`` relative to the
    vectors and sum to 1 (all 0 without any): what the best rotation removes, what the best linear
    map, of this ``condition``, removes beyond it, and the rest.
    """

    difference: float
    rotation: float
    gauge: float
    real: float
    condition: float | None
    shared: int


@dataclass(frozen=True)
class RunReport:
    """Another run compared with the audited one.

    Attributes
    ----------
    name, queries, items
        The name of the other run, and how far the vectors of each side agree.
    predictions
        ``|P1 Q1' - P2 Q2'| / |P2 Q2'|``: the difference that no map explains.
    overlap
        The mean overlap of the runs' cosine lists between items: as ``given``, which no rotation
        changes; after the best ``linear`` map of the other run's items; in the ``balanced`` gauge
        of each. ``dot`` is that of the items recommended to users by inner product.
    asked
        The number of lists between items.
    shifted
        Whether items were compared about their means, as the declared loss sees no shift of all.
    """

    name: str
    queries: SideRun
    items: SideRun
    predictions: float
    overlap: Mapping[str, float]
    asked: int
    shifted: bool


def compare_run(subject: AuditSubject, name: str, run: Space) -> RunReport:
    """Compare another run with the audited one, over the ids that both have.

    Raises ``ShapeError`` for spaces of one side, ``TooFewError`` for too few shared ids.
    """
    if subject.space.one_sided or run.one_sided:
        raise ShapeError(
            f"{name}: runs are compared by their predictions, which takes queries and items"
        )
    alignment = align(run, subject.space)
    audited_shared, run_shared = _shared(subject.space, run)
    linear = alignment.items.carried(run_shared.items.vectors)
    pairs = {
        "given": _list_overlap(subject, audited_shared, run_shared, "cosine"),
        "linear": _list_overlap(
            subject,
            audited_shared,
            Space(items=run_shared.items.with_vectors(linear), about=audited_shared.about),
            "cosine",
        ),
        "balanced": _list_overlap(subject, audited_shared, run_shared, "cosine@balanced"),
        "dot": _recommendation_overlap(subject, audited_shared, run_shared),
    }
    return RunReport(
        name=name,
        queries=_side(alignment.queries),
        items=_side(alignment.items),
        predictions=alignment.predictions,
        overlap={key: float(value.mean()) for key, value in pairs.items()},
        asked=len(pairs["given"]),
        shifted=shift_is_free(subject.space),
    )


def _side(side: SideAlignment) -> SideRun:
    condition = side.linear.condition
    return SideRun(
        difference=side.given,
        **side.shares,
        condition=condition if np.isfinite(condition) else None,
        shared=side.shared,
    )


def _shared(audited: Space, run: Space) -> tuple[Space, Space]:
    """Both runs restricted to the ids that both have, in the order of the first."""
    sides: dict[str, list[Embeddings]] = {}
    rows: dict[str, Int64[Array, " shared"]] = {}
    for name in ("queries", "items"):
        audited_side: Embeddings = getattr(audited, name)
        run_side: Embeddings = getattr(run, name)
        ids = [i for i in audited_side.ids if i in run_side.row_of]
        rows[name] = audited_side.rows_of(ids)
        sides[name] = [audited_side.take(rows[name]), run_side.take(run_side.rows_of(ids))]
    seen = audited.seen
    if seen is not None:
        seen = seen.take(rows["queries"]).take_columns(rows["items"])
    pairs = zip(sides["queries"], sides["items"], strict=True)
    first, second = (
        Space(queries=q, items=i, seen=seen, about=_named_biases(space))
        for (q, i), space in zip(pairs, (audited, run), strict=True)
    )
    return first, second


def _named_biases(space: Space) -> dict[str, object]:
    """What a space says about bias columns, where it does."""
    return {key: value for key, value in space.about.items() if key == BIAS_COLUMNS}


def _list_overlap(subject: AuditSubject, audited: Space, run: Space, measure: str) -> Array:
    rows = _sample_rows(subject, audited.items)
    audited_lists, run_lists = (_nearest(subject, space, measure, rows) for space in (audited, run))
    return overlap(audited_lists, run_lists, subject.k)


def _recommendation_overlap(subject: AuditSubject, audited: Space, run: Space) -> Array:
    rows = _sample_rows(subject, audited.queries)
    audited_lists, run_lists = (
        search(space, "dot", k=subject.k, rows=rows, threads=subject.threads)["dot"]
        for space in (audited, run)
    )
    return overlap(audited_lists, run_lists, subject.k)


def _nearest(
    subject: AuditSubject, space: Space, measure: str, rows: Int64[Array, " asked"]
) -> Neighbours:
    neighbours = search(
        space, measure, k=subject.k, direction="items-items", rows=rows, threads=subject.threads
    )
    return neighbours[measure]


def _sample_rows(subject: AuditSubject, side: Embeddings) -> Int64[Array, " asked"]:
    nonzero = np.flatnonzero(side.norms > 0)
    rng = np.random.default_rng(subject.seed)
    return np.sort(rng.permutation(nonzero)[: 4 * SMALL_SAMPLE]).astype(np.int64)
