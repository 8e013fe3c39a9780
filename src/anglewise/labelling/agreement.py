"""How far judges agree beyond chance, and the pairs on which they differ."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan, nan
from typing import Any, cast

import numpy as np

from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import TooFewError, ValuesError
from anglewise.judgements.records import ADJUDICATOR, Dispute, Judged
from anglewise.statistics.kappa import (
    Level,
    Weights,
    cohen_kappa,
    coincidences,
    fleiss_kappa,
    krippendorff_alpha,
)
from anglewise.statistics.resampling import bootstrap

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")
WEIGHTS: tuple[Weights, ...] = ("none", "linear", "quadratic")
FEWEST_RESAMPLED = 20
"""Resamples of fewer queries vary too little to be believed."""
ROUNDING = 1e-12
MOST_GRADES = 40
"""How many different grades a scale may have."""


@dataclass(frozen=True)
class Coefficient:
    """A coefficient with its 95% bootstrap interval; NaN where all grades are the same.

    The ends are NaN where resamples of whole ``queries`` cannot tell: of fewer than 20, and where
    all give the same.
    """

    value: float
    low: float
    high: float
    queries: int = 0

    def to_dict(self) -> dict[str, float | None]:
        """As JSON has it."""
        return {name: None if isnan(value) else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class TwoJudges:
    """Cohen's kappa of two judges on the pairs that both judged, unweighted and weighted."""

    first: str
    second: str
    pairs: int
    alike: float
    kappa: Mapping[str, Coefficient]


@dataclass(frozen=True)
class Agreement:
    """How far judges agree.

    Attributes
    ----------
    judges
        How many pairs each judge judged.
    pairs, shared
        How many pairs were judged, and how many of them by several judges.
    alpha
        Krippendorff's alpha by level: ``nominal``, ``ordinal``, ``interval``.
    fleiss
        Fleiss' kappa on the ``fleiss_pairs`` that exactly ``fleiss_judges`` judged.
    judge_pairs
        Any two judges who judged some pair both.
    disputes
        The pairs on which judges differ, those that differ most first.
    """

    judges: Mapping[str, int]
    pairs: int
    shared: int
    alpha: Mapping[str, Coefficient]
    fleiss: Coefficient
    fleiss_judges: int
    fleiss_pairs: int
    judge_pairs: tuple[TwoJudges, ...]
    disputes: tuple[Dispute, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "command": "judge agreement",
            "judges": dict(self.judges),
            "pairs": self.pairs,
            "judged_by_several": self.shared,
            "alpha": {level: alpha.to_dict() for level, alpha in self.alpha.items()},
            "fleiss_kappa": {
                **self.fleiss.to_dict(),
                "judges": self.fleiss_judges,
                "pairs": self.fleiss_pairs,
            },
            "cohen_kappa": [
                {
                    "judges": [pair.first, pair.second],
                    "pairs": pair.pairs,
                    "alike": pair.alike,
                    **{name: coefficient.to_dict() for name, coefficient in pair.kappa.items()},
                }
                for pair in self.judge_pairs
            ],
            "disputes": [
                {**vars(dispute), "grades": dict(dispute.grades)} for dispute in self.disputes
            ],
        }


@dataclass(frozen=True, eq=False)
class _GradeTable:
    """The grades of pairs by judges.

    Attributes
    ----------
    grades
        Places of the grades in ``values``; -1 where a judge gave none.
    values
        The different grades, ascending.
    query
        The number of each pair's query.
    """

    pairs: list[tuple[str, str, str]]
    judges: list[str]
    grades: Int64[Array, "pairs judges"]
    values: Float64[Array, " v"]
    query: Int64[Array, " pairs"]

    def some(self, chosen: Array) -> Float64[Array, "some v"]:
        """How many judges gave each grade to each of the chosen pairs."""
        grades = self.grades[chosen]
        return np.stack([(grades == g).sum(axis=1) for g in range(len(self.values))], axis=1) * 1.0


def agreement(rows: Iterable[Judged], *, resamples: int = 2_000, seed: int = 0) -> Agreement:
    """Say how far judges agree beyond chance, with intervals, and on which pairs they differ.

    The latest row of each judge and pair counts. The adjudicator does not count among the judges,
    but decides disputes. Intervals are percentiles over resamples of whole queries, since the
    pairs of one query depend on each other; of fewer than 20 queries there are none.

    Raises
    ------
    TooFewError
        Fewer than two judges, or no pair that two of them judged.
    ValuesError
        More than 40 different grades.

    Examples
    --------
    >>> rows = [Judged(f"q{i}", "d", i % 2, judge=judge) for i in range(9) for judge in "ab"]
    >>> result = agreement(rows, resamples=50)
    >>> result.alpha["ordinal"].value, result.judge_pairs[0].kappa["none"].value, result.disputes
    (1.0, 1.0, ())
    """
    judgements = list(rows)
    decisions = {row.pair: row.grade for row in judgements if row.judge == ADJUDICATOR}
    table = _table([row for row in judgements if row.judge != ADJUDICATOR])
    judge_counts = (table.grades >= 0).sum(axis=1)
    shared = judge_counts > 1
    if not shared.any():
        raise TooFewError(
            f"{len(table.judges)} judge(s) ({', '.join(table.judges[:3]) or 'none'}) and no pair "
            "that two of them judged: let a second person judge a part of the same pairs"
        )
    judges, equally_judged = _most_shared(judge_counts)
    counts, equal_counts = table.some(shared), table.some(equally_judged)

    def alphas(times: Array) -> Array:
        pairings = coincidences(counts, times)
        return np.stack(
            [krippendorff_alpha(pairings, table.values, level) for level in LEVELS], axis=1
        )

    estimates = _estimates(alphas, table.query[shared], resamples, seed)
    [fleiss] = _estimates(
        lambda times: fleiss_kappa(equal_counts, times)[:, None],
        table.query[equally_judged],
        resamples,
        seed,
    )
    return Agreement(
        judges=Counter(row.judge for row in judgements),
        pairs=len(table.pairs),
        shared=int(shared.sum()),
        alpha=dict(zip(LEVELS, estimates, strict=True)),
        fleiss=fleiss,
        fleiss_judges=judges,
        fleiss_pairs=int(equally_judged.sum()),
        judge_pairs=tuple(_judge_pairs(table, resamples, seed)),
        disputes=tuple(_disputes(table, decisions)),
    )


def _table(rows: Sequence[Judged]) -> _GradeTable:
    latest = {(row.pair, row.judge): row.grade for row in rows}
    pairs = sorted({pair for pair, _ in latest})
    judges = sorted({judge for _, judge in latest})
    values = np.unique(np.array(list(latest.values()), dtype=np.float64))
    if len(values) > MOST_GRADES:
        raise ValuesError(
            f"grades take {len(values)} different values: a scale of at most {MOST_GRADES} is due; "
            "round them first"
        )
    row_of = {pair: i for i, pair in enumerate(pairs)}
    column_of = {judge: i for i, judge in enumerate(judges)}
    grades = np.full((len(pairs), len(judges)), -1, dtype=np.int64)
    for (pair, judge), grade in latest.items():
        grades[row_of[pair], column_of[judge]] = int(np.searchsorted(values, grade))
    queries = {query: i for i, query in enumerate(dict.fromkeys(pair[:2] for pair in pairs))}
    query = np.array([queries[pair[:2]] for pair in pairs], dtype=np.int64)
    return _GradeTable([*pairs], judges, grades, values, query)


def _most_shared(judge_counts: Array) -> tuple[int, Array]:
    """The number of judges, above one, that most pairs have (the larger of equals); those pairs."""
    sizes, times = np.unique(judge_counts[judge_counts > 1], return_counts=True)
    judges = int(sizes[np.lexsort((sizes, times))[-1]])
    return judges, judge_counts == judges


def _estimates(
    statistic: Callable[[Array], Array], query: Array, resamples: int, seed: int
) -> list[Coefficient]:
    """The statistic of the pairs, with its percentiles over resamples of their queries."""
    _, query_of = np.unique(query, return_inverse=True)

    def by_queries(times: Array) -> Array:
        return statistic(times[:, query_of].astype(np.float64))

    queries = int(query_of.max()) + 1
    observed = by_queries(np.ones((1, queries), dtype=np.int64))[0]
    resampled = bootstrap(by_queries, queries, resamples=resamples, seed=seed)
    return [
        Coefficient(float(value), *_percentiles(column[np.isfinite(column)], queries), queries)
        for value, column in zip(observed, resampled.T, strict=True)
    ]


def _percentiles(values: Array, queries: int) -> tuple[float, float]:
    """The ends of the interval; NaN where so few queries, or resamples all alike, tell nothing."""
    if queries < FEWEST_RESAMPLED or not len(values) or np.ptp(values) < ROUNDING:
        return nan, nan
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _judge_pairs(table: _GradeTable, resamples: int, seed: int) -> Iterable[TwoJudges]:
    for first, second in combinations(range(len(table.judges)), 2):
        both = (table.grades[:, first] >= 0) & (table.grades[:, second] >= 0)
        if not both.any():
            continue
        grades = table.grades[both][:, [first, second]]
        values = np.unique(grades)
        size = len(values)
        cells = np.eye(size * size)[np.searchsorted(values, grades) @ [size, 1]]

        def kappas(times: Array, cells: Array = cells, size: int = size) -> Array:
            confusion = (times @ cells).reshape(len(times), size, size)
            return np.stack([cohen_kappa(confusion, weight) for weight in WEIGHTS], axis=1)

        estimates = _estimates(kappas, table.query[both], resamples, seed)
        yield TwoJudges(
            table.judges[first],
            table.judges[second],
            int(both.sum()),
            float((grades[:, 0] == grades[:, 1]).mean()),
            dict(zip(cast("Sequence[str]", WEIGHTS), estimates, strict=True)),
        )


def _disputes(table: _GradeTable, decisions: Mapping[tuple[str, ...], float]) -> list[Dispute]:
    disputes: list[Dispute] = []
    for pair, grade_row in zip(table.pairs, table.grades.tolist(), strict=True):
        grades = {
            judge: float(table.values[grade])
            for judge, grade in zip(table.judges, grade_row, strict=True)
            if grade >= 0
        }
        if len(set(grades.values())) > 1:
            disputes.append(Dispute(*pair, grades, decisions.get(pair)))
    return sorted(disputes, key=lambda d: (-d.spread, d.direction, d.query_id, d.item_id))
