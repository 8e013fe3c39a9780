"""How far judges agree beyond chance, and the pairs on which they differ."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any, TypeAlias, cast

import numpy as np
from scipy.sparse import csr_array

from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.errors import TooFewError, ValuesError
from anglewise.judgements.records import ADJUDICATOR, Dispute, Judged, JudgedThing
from anglewise.statistics.kappa import (
    Level,
    Weights,
    cohen_kappa,
    coincidences,
    fleiss_kappa,
    krippendorff_alpha,
)
from anglewise.statistics.resampling import bca, bootstrap

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")
WEIGHTS: tuple[Weights, ...] = ("none", "linear", "quadratic")
FEWEST_RESAMPLED = 20
"""Resamples of fewer queries vary too little to be believed."""
FEWEST_OTHERWISE = 10
"""Nor do those where the rarer grades stand in fewer queries, as a coefficient lives by these."""
FEWEST_DISPUTED = 5
"""Nor where judges differ in fewer queries: what a coefficient falls short of 1 by is in these."""
MOST_LEFT_OUT = 1000
"""Blocks of queries that are left out in turn, to see how far each moves a coefficient."""
MOST_GRADES = 40
"""How many different grades a scale may have."""
MOST_JUDGE_PAIRS = 45
"""So many times two judges are compared, those who share most pairs: all of ten judges."""
CELLS = 1 << 20
"""Of a table that is held at once."""


@dataclass(frozen=True)
class Coefficient:
    """A coefficient with its bootstrap interval; NaN where all grades are the same.

    The interval aims at 95%: of made sets 90% and more held the truth (docs, statistics).

    The ends are NaN where resamples of whole ``queries`` cannot tell: of fewer than 20, where all
    give the same, where fewer than 10 of them, ``queries_otherwise``, have another grade than the
    commonest, and where judges differ in fewer than 5, ``queries_disputed``.
    """

    value: float
    low: float
    high: float
    queries: int = 0
    queries_otherwise: int = 0
    queries_disputed: int = 0

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
        Two judges who judged some pair both, each time; the 45 times that share most pairs.
    disputes
        The pairs on which judges differ, those that differ most first.
    more_judge_pairs
        Whether more judges share pairs, two by two, than were compared.
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
    more_judge_pairs: bool = False

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
            "cohen_kappa_of_more": self.more_judge_pairs,
            "disputes": [dispute.to_dict() for dispute in self.disputes],
        }


_JudgedPair: TypeAlias = tuple[Direction, str, JudgedThing]


@dataclass(frozen=True, eq=False)
class _GradeTable:
    """The grades of pairs by judges, one entry for each grade that was given.

    Attributes
    ----------
    pair, judge, grade
        Of each entry: places in ``pairs``, ``judges`` and ``values``; by judge, then by pair.
    values
        The different grades, ascending.
    query
        The number of each pair's query.
    latest
        The judgement of each pair that came last.
    """

    pairs: list[_JudgedPair]
    latest: Mapping[_JudgedPair, Judged]
    judges: list[str]
    pair: Int64[Array, " grades"]
    judge: Int64[Array, " grades"]
    grade: Int64[Array, " grades"]
    values: Float64[Array, " v"]
    query: Int64[Array, " pairs"]

    def counts(self) -> Float64[Array, "pairs v"]:
        """How many judges gave each grade to each pair."""
        shape = (len(self.pairs), len(self.values))
        cells = np.bincount(self.pair * shape[1] + self.grade, minlength=shape[0] * shape[1])
        return cells.reshape(shape).astype(np.float64)

    def of_judge(self, judge: int) -> slice:
        """The entries of one judge."""
        return slice(*np.searchsorted(self.judge, [judge, judge + 1]).tolist())


def agreement(rows: Iterable[Judged], *, resamples: int = 2_000, seed: int = 0) -> Agreement:
    """Say how far judges agree beyond chance, with intervals, and on which pairs they differ.

    The latest row of each judge and pair counts. The adjudicator does not count among the judges,
    but decides disputes. Intervals are BCa over resamples of whole queries, since the pairs of one
    query depend on each other; there are none of fewer than 20 queries, nor where another grade
    than the commonest stands in fewer than 10 of them, or judges differ in fewer than 5.

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
    judge_counts = np.bincount(table.pair, minlength=len(table.pairs))
    shared = judge_counts > 1
    if not shared.any():
        raise TooFewError(
            f"{counted(len(table.judges), 'judge')} ({', '.join(table.judges[:3]) or 'none'}) and "
            "no pair that two of them judged: let a second person judge a part of the same pairs"
        )
    judges, equally_judged = _most_shared(judge_counts)
    all_counts = table.counts()
    counts, equal_counts = all_counts[shared], all_counts[equally_judged]

    def alphas(times: Array) -> Array:
        pairings = coincidences(counts, times)
        return np.stack(
            [krippendorff_alpha(pairings, table.values, level) for level in LEVELS], axis=1
        )

    estimates = _estimates(alphas, table.query[shared], counts, resamples, seed)
    [fleiss] = _estimates(
        lambda times: fleiss_kappa(equal_counts, times)[:, None],
        table.query[equally_judged],
        equal_counts,
        resamples,
        seed,
    )
    sharing, more = _most_sharing(table)
    return Agreement(
        judges=Counter(row.judge for row in judgements),
        pairs=len(table.pairs),
        shared=int(shared.sum()),
        alpha=dict(zip(LEVELS, estimates, strict=True)),
        fleiss=fleiss,
        fleiss_judges=judges,
        fleiss_pairs=int(equally_judged.sum()),
        judge_pairs=tuple(_two_judges(table, *two, resamples, seed) for two in sharing),
        disputes=tuple(_disputes(table, decisions)),
        more_judge_pairs=more,
    )


def _table(rows: Sequence[Judged]) -> _GradeTable:
    latest = {(row.pair, row.judge): row.grade for row in rows}
    last_rows = {row.pair: row for row in rows}
    pairs = sorted({pair for pair, _ in latest}, key=lambda pair: (*pair[:2], str(pair[2])))
    judges = sorted({judge for _, judge in latest})
    values = np.unique(np.array(list(latest.values()), dtype=np.float64))
    if len(values) > MOST_GRADES:
        raise ValuesError(
            f"grades take {len(values)} different values: a scale of at most {MOST_GRADES} is due; "
            "round them first"
        )
    pair_of = {pair: i for i, pair in enumerate(pairs)}
    judge_of = {judge: i for i, judge in enumerate(judges)}
    cells = np.array([(judge_of[judge], pair_of[pair]) for pair, judge in latest], dtype=np.int64)
    cells = cells.reshape(-1, 2)
    order = np.lexsort((cells[:, 1], cells[:, 0]))
    grade = np.searchsorted(values, np.array(list(latest.values()), dtype=np.float64)[order])
    queries = {query: i for i, query in enumerate(dict.fromkeys(pair[:2] for pair in pairs))}
    query = np.array([queries[pair[:2]] for pair in pairs], dtype=np.int64)
    judge, pair = cells[order].T
    return _GradeTable(
        [*pairs], last_rows, judges, pair, judge, grade.astype(np.int64), values, query
    )


def _most_shared(judge_counts: Array) -> tuple[int, Array]:
    """The number of judges, above one, that most pairs have (the larger of equals); those pairs."""
    sizes, times = np.unique(judge_counts[judge_counts > 1], return_counts=True)
    judges = int(sizes[np.lexsort((sizes, times))[-1]])
    return judges, judge_counts == judges


def _estimates(
    statistic: Callable[[Array], Array],
    query: Array,
    counts: Float64[Array, "pairs v"],
    resamples: int,
    seed: int,
) -> list[Coefficient]:
    """The statistic of the pairs, with its BCa interval over resamples of their queries."""
    _, query_of = np.unique(query, return_inverse=True)

    at_once = max(CELLS // len(query_of), 1)

    def by_queries(times: Array) -> Array:
        parts = (times[start : start + at_once] for start in range(0, len(times), at_once))
        return np.concatenate([statistic(part[:, query_of].astype(np.float64)) for part in parts])

    queries = int(query_of.max()) + 1
    observed = by_queries(np.ones((1, queries), dtype=np.int64))[0]
    commonest = int(counts.sum(axis=0).argmax())
    otherwise = len(np.unique(query_of[np.delete(counts, commonest, axis=1).any(axis=1)]))
    ends = np.full((len(observed), 2), nan)
    disputed = len(np.unique(query_of[(counts > 0).sum(axis=1) > 1]))
    enough = otherwise >= FEWEST_OTHERWISE and disputed >= FEWEST_DISPUTED
    if queries >= FEWEST_RESAMPLED and enough:
        resampled = bootstrap(by_queries, queries, resamples=resamples, seed=seed)
        blocks = np.arange(queries) * min(queries, MOST_LEFT_OUT) // queries
        without = by_queries(1 - (blocks == np.unique(blocks)[:, None]))
        influence = observed[:, None] - without.T
        for i, column in enumerate(resampled.T):
            defined = column[np.isfinite(column), None]
            if len(defined) and np.isfinite(influence[i]).all():
                [ends[i]] = bca(defined, observed[i : i + 1], influence[i : i + 1])
    return [
        Coefficient(value, *_known(low, high), queries, otherwise, disputed)
        for value, (low, high) in zip(observed.tolist(), ends.tolist(), strict=True)
    ]


def _known(low: float, high: float) -> tuple[float, float]:
    """Both ends, or the one NaN that equals itself in comparisons of results."""
    return (nan, nan) if isnan(low) or isnan(high) else (low, high)


def _most_sharing(table: _GradeTable) -> tuple[list[tuple[int, int]], bool]:
    """The two judges, each time, who share most pairs, by name; and whether there are more such.

    Of equals, those whose first judge judged more. No two judges share more pairs than the one who
    judged fewer: so the search ends early, and a crowd of judges is not met two by two.
    """
    judged = np.bincount(table.judge, minlength=len(table.judges))
    order = np.argsort(-judged, kind="stable")
    cells = (np.ones(len(table.pair), dtype=np.int32), (table.judge, table.pair))
    rows = cast("Any", csr_array(cells, shape=(len(judged), len(table.pairs))))[order]
    best, count, step = np.zeros((3, 0), dtype=np.int64), 0, max(CELLS // len(order), 1)
    for start in range(0, len(order), step):
        if count > MOST_JUDGE_PAIRS and judged[order[start]] <= best[0, -1]:
            break
        met = (rows[start : start + step] @ rows[start:].T).tocoo()
        later: Array = met.col > met.row
        new: Array = np.stack([met.data[later], met.row[later] + start, met.col[later] + start])
        count += new.shape[1]
        best = np.concatenate([best, new.astype(np.int64)], axis=1)
        best = best[:, np.lexsort((best[2], best[1], -best[0]))[:MOST_JUDGE_PAIRS]]
    two = np.sort(order[best[1:]], axis=0).T.tolist()
    return sorted((first, second) for first, second in two), count > MOST_JUDGE_PAIRS


def _two_judges(
    table: _GradeTable, first: int, second: int, resamples: int, seed: int
) -> TwoJudges:
    ours, theirs = table.of_judge(first), table.of_judge(second)
    both, *where = np.intersect1d(
        table.pair[ours], table.pair[theirs], assume_unique=True, return_indices=True
    )
    grades = np.stack([table.grade[ours][where[0]], table.grade[theirs][where[1]]], axis=1)
    values = np.unique(grades)
    size = len(values)
    cells = np.eye(size * size)[np.searchsorted(values, grades) @ [size, 1]]

    def kappas(times: Array) -> Array:
        confusion = (times @ cells).reshape(len(times), size, size)
        return np.stack([cohen_kappa(confusion, weight) for weight in WEIGHTS], axis=1)

    counts = np.eye(size)[np.searchsorted(values, grades)].sum(axis=1)
    estimates = _estimates(kappas, table.query[both], counts, resamples, seed)
    return TwoJudges(
        table.judges[first],
        table.judges[second],
        len(both),
        float((grades[:, 0] == grades[:, 1]).mean()),
        dict(zip(cast("Sequence[str]", WEIGHTS), estimates, strict=True)),
    )


def _disputes(table: _GradeTable, decisions: Mapping[_JudgedPair, float]) -> list[Dispute]:
    given: list[dict[str, float]] = [{} for _ in table.pairs]
    grades = table.values[table.grade].tolist()
    for pair, judge, grade in zip(table.pair.tolist(), table.judge.tolist(), grades, strict=True):
        given[pair][table.judges[judge]] = grade
    disputes = [
        _dispute(pair, table.latest[pair], by_judge, decisions.get(pair))
        for pair, by_judge in zip(table.pairs, given, strict=True)
        if len(set(by_judge.values())) > 1
    ]
    return sorted(disputes, key=lambda d: (-d.spread, d.direction, d.query_id, d.item_id))


def _dispute(
    pair: _JudgedPair, last: Judged, grades: Mapping[str, float], decided: float | None
) -> Dispute:
    return Dispute(*pair[:2], last.item_id, grades, decided, last.span, last.digest)
