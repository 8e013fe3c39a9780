"""How far the judges of a set agree, and the pairs on which they do not."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, cast

import numpy as np

from anglewise.core.typing import Array, Float64, Int64
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
MOST_GRADES = 40
"""Different grades that a scale may have."""


@dataclass(frozen=True)
class Agreed:
    """A coefficient with its 95% bootstrap interval; NaN where everybody gave one grade."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """As JSON has it."""
        return {name: None if value != value else value for name, value in vars(self).items()}  # noqa: PLR0124 NaN


@dataclass(frozen=True)
class TwoJudges:
    """Cohen's kappa of two judges on the pairs that both judged, unweighted and weighted."""

    first: str
    second: str
    pairs: int
    alike: float
    kappa: Mapping[str, Agreed]


@dataclass(frozen=True)
class Agreement:
    """How far judges agree.

    Attributes
    ----------
    judges
        How many pairs each judged.
    pairs, shared
        How many pairs were judged, and how many of them by several.
    alpha
        Krippendorff's by level: ``nominal``, ``ordinal``, ``interval``.
    fleiss
        Fleiss' kappa on the ``fleiss_pairs`` that exactly ``fleiss_judges`` judged.
    two
        Each two judges who share a pair.
    disputes
        The widest first.
    """

    judges: Mapping[str, int]
    pairs: int
    shared: int
    alpha: Mapping[str, Agreed]
    fleiss: Agreed
    fleiss_judges: int
    fleiss_pairs: int
    two: tuple[TwoJudges, ...]
    disputes: tuple[Dispute, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "command": "judge agreement",
            "judges": dict(self.judges),
            "pairs": self.pairs,
            "judged_by_several": self.shared,
            "alpha": {level: one.to_dict() for level, one in self.alpha.items()},
            "fleiss_kappa": {
                **self.fleiss.to_dict(),
                "judges": self.fleiss_judges,
                "pairs": self.fleiss_pairs,
            },
            "cohen_kappa": [
                {
                    "judges": [one.first, one.second],
                    "pairs": one.pairs,
                    "alike": one.alike,
                    **{name: agreed.to_dict() for name, agreed in one.kappa.items()},
                }
                for one in self.two
            ],
            "disputes": [{**vars(one), "grades": dict(one.grades)} for one in self.disputes],
        }


@dataclass(frozen=True, eq=False)
class _GradeTable:
    """Pairs x judges: the number of the grade, -1 where there is none, and whose pairs they are."""

    pairs: list[tuple[str, str, str]]
    judges: list[str]
    grades: Int64[Array, "pairs judges"]
    values: Float64[Array, " v"]
    query: Int64[Array, " pairs"]

    def some(self, chosen: Array) -> Float64[Array, "some v"]:
        """How many judges gave each grade to each of some pairs."""
        grades = self.grades[chosen]
        return np.stack([(grades == g).sum(axis=1) for g in range(len(self.values))], axis=1) * 1.0


def agreement(rows: Iterable[Judged], *, resamples: int = 2_000, seed: int = 0) -> Agreement:
    """Say how far judges agree beyond chance, with intervals, and on which pairs they differ.

    The latest row of each judge and pair counts. What the adjudicator says is no opinion among
    others: it decides disputes. Intervals are percentiles over resamples of the queries, for the
    pairs of one query stand and fall together.

    Raises
    ------
    TooFewError
        Fewer than two judges, or none of the pairs was judged by two.
    ValuesError
        More than 40 different grades, which are no scale.

    Examples
    --------
    >>> rows = [Judged(f"q{i}", "d", i % 2, judge=judge) for i in range(9) for judge in "ab"]
    >>> found = agreement(rows, resamples=50)
    >>> found.alpha["ordinal"].value, found.two[0].kappa["none"].value, found.disputes
    (1.0, 1.0, ())
    """
    everything = list(rows)
    decided = {row.pair: row.grade for row in everything if row.judge == ADJUDICATOR}
    table = _table([row for row in everything if row.judge != ADJUDICATOR])
    judges_of = (table.grades >= 0).sum(axis=1)
    several = judges_of > 1
    if not several.any():
        raise TooFewError(
            f"{len(table.judges)} judge(s) ({', '.join(table.judges[:3]) or 'none'}) and no pair "
            "that two of them judged: let a second person judge a part of the same pairs"
        )
    judges, chosen = _most_shared(judges_of)
    counts, alike = table.some(several), table.some(chosen)

    def alphas(times: Array) -> Array:
        met = coincidences(counts, times)
        return np.stack([krippendorff_alpha(met, table.values, level) for level in LEVELS], axis=1)

    estimates = _estimates(alphas, table.query[several], resamples, seed)
    [fleiss] = _estimates(
        lambda times: fleiss_kappa(alike, times)[:, None], table.query[chosen], resamples, seed
    )
    return Agreement(
        judges=Counter(row.judge for row in everything),
        pairs=len(table.pairs),
        shared=int(several.sum()),
        alpha=dict(zip(LEVELS, estimates, strict=True)),
        fleiss=fleiss,
        fleiss_judges=judges,
        fleiss_pairs=int(chosen.sum()),
        two=tuple(_two(table, resamples, seed)),
        disputes=tuple(_disputes(table, decided)),
    )


def _table(rows: Sequence[Judged]) -> _GradeTable:
    last = {(row.pair, row.judge): row.grade for row in rows}
    pairs = sorted({pair for pair, _ in last})
    judges = sorted({judge for _, judge in last})
    values = np.unique(np.array(list(last.values()), dtype=np.float64))
    if len(values) > MOST_GRADES:
        raise ValuesError(
            f"grades take {len(values)} different values: a scale of at most {MOST_GRADES} is due; "
            "round them first"
        )
    row_of = {pair: i for i, pair in enumerate(pairs)}
    column_of = {judge: i for i, judge in enumerate(judges)}
    grades = np.full((len(pairs), len(judges)), -1, dtype=np.int64)
    for (pair, judge), grade in last.items():
        grades[row_of[pair], column_of[judge]] = int(np.searchsorted(values, grade))
    queries = {query: i for i, query in enumerate(dict.fromkeys(pair[:2] for pair in pairs))}
    query = np.array([queries[pair[:2]] for pair in pairs], dtype=np.int64)
    return _GradeTable([*pairs], judges, grades, values, query)


def _most_shared(held: Array) -> tuple[int, Array]:
    """The number of judges that most pairs have, of several; of equally many the larger."""
    sizes, times = np.unique(held[held > 1], return_counts=True)
    judges = int(sizes[np.lexsort((sizes, times))[-1]])
    return judges, held == judges


def _estimates(
    statistic: Callable[[Array], Array], query: Array, resamples: int, seed: int
) -> list[Agreed]:
    """The statistic on the units as they are, and its percentiles over resamples of queries."""
    _, query_of = np.unique(query, return_inverse=True)

    def of_queries(times: Array) -> Array:
        return statistic(times[:, query_of].astype(np.float64))

    queries = int(query_of.max()) + 1
    value = of_queries(np.ones((1, queries), dtype=np.int64))[0]
    drawn = bootstrap(of_queries, queries, resamples=resamples, seed=seed)
    return [
        Agreed(float(one), *_percentiles(column[np.isfinite(column)]))
        for one, column in zip(value, drawn.T, strict=True)
    ]


def _percentiles(values: Array) -> tuple[float, float]:
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _two(table: _GradeTable, resamples: int, seed: int) -> Iterable[TwoJudges]:
    for first, second in combinations(range(len(table.judges)), 2):
        both = (table.grades[:, first] >= 0) & (table.grades[:, second] >= 0)
        if not both.any():
            continue
        grades = table.grades[both][:, [first, second]]
        kinds = np.unique(grades)
        v = len(kinds)
        cell = np.searchsorted(kinds, grades) @ [v, 1]
        met = np.eye(v * v)[cell]

        def kappas(times: Array, met: Array = met, v: int = v) -> Array:
            confusion = (times @ met).reshape(len(times), v, v)
            return np.stack([cohen_kappa(confusion, weight) for weight in WEIGHTS], axis=1)

        estimates = _estimates(kappas, table.query[both], resamples, seed)
        yield TwoJudges(
            table.judges[first],
            table.judges[second],
            int(both.sum()),
            float((grades[:, 0] == grades[:, 1]).mean()),
            dict(zip(cast("Sequence[str]", WEIGHTS), estimates, strict=True)),
        )


def _disputes(table: _GradeTable, decided: Mapping[tuple[str, ...], float]) -> list[Dispute]:
    disputes: list[Dispute] = []
    for pair, grades in zip(table.pairs, table.grades.tolist(), strict=True):
        given = {
            judge: float(table.values[grade])
            for judge, grade in zip(table.judges, grades, strict=True)
            if grade >= 0
        }
        if len(set(given.values())) > 1:
            disputes.append(Dispute(*pair, given, decided.get(pair)))
    return sorted(disputes, key=lambda d: (-d.spread, d.direction, d.query_id, d.item_id))
