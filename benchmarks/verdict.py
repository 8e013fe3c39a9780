"""Simulate the decision rule: how often it claims what is not so, and what its caution costs.

    python benchmarks/verdict.py [--trials N] [TABLE ...]

prints the tables of docs/background/statistics.md. Each figure is a share of trials. Beside it
stands that of the rule of version 0.1 where there is one (``use`` for any difference that sign
flips show, ``tie`` by a calculation of power), on a quarter of the trials, as it is slow.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import sqrt
from zlib import crc32

import numpy as np
from scipy.special import betaincinv, ndtr, stdtr

from anglewise.comparison.scoring import Correlations, Layer
from anglewise.data_types.drawn import QueryDraw
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.evaluation_metrics.metrics import Spearman
from anglewise.statistics.calibration import error_intervals, proportion, proportion_in_clusters
from anglewise.statistics.decision import (
    RuleOutcome,
    Tolerance,
    WeightedMeans,
    decide,
    decide_by_resamples,
    winners_mean,
)
from anglewise.statistics.differences import Differences
from anglewise.statistics.planning import Lead, inclusion_chances, systematic
from anglewise.statistics.resampling import Clusters, bca, bootstrap
from anglewise.statistics.sign_flip import sign_flips

DRAWS = 2_000
"""Random weights a trial; 10,000 outside simulations."""
AT_ONCE = 40
"""Trials that share their weights, which is faster; the next ones have others."""
T = 0.01
SIZES = (15, 30, 50, 100, 225, 1000)

Draw = Callable[[np.random.Generator], Array]
"""Draws values, ``measures x queries``; the reference is the first measure."""


# metrics: from uniform numbers to values of a given mean


def ndcg(u: Array, mean: float) -> Array:
    """One query in five finds nothing; the rest spreads wide."""
    return np.where(u < 0.2, 0.0, _beta((u - 0.2) / 0.8, mean / 0.8, 2.5))


def hits(u: Array, mean: float) -> Array:
    """Something relevant was found, or not."""
    return (u > 1 - mean).astype(float)


def reciprocal_rank(u: Array, mean: float) -> Array:
    """1, 1/2 or 1/3, or nothing."""
    share = mean / (0.5 + 0.3 / 2 + 0.2 / 3)
    steps = 1 - share * np.array([0.5, 0.8, 1.0])
    return np.select([u > steps[0], u > steps[1], u > steps[2]], [1, 1 / 2, 1 / 3], 0.0)


def precision(u: Array, mean: float) -> Array:
    """Tenths."""
    return np.floor(_beta(u, mean, 3.0) * 10 + 0.5) / 10


def mostly_zero(u: Array, mean: float) -> Array:
    """Nineteen queries in twenty get zero."""
    return np.where(u < 0.95, 0.0, _beta((u - 0.95) / 0.05, min(mean / 0.05, 0.99), 3.0))


def _beta(u: Array, mean: float, size: float) -> Array:
    return betaincinv(mean * size, (1 - mean) * size, np.clip(u, 1e-9, 1 - 1e-9))


METRICS: dict[str, tuple[Callable[[Array, float], Array], float]] = {
    "nDCG": (ndcg, 0.45),
    "hits": (hits, 0.6),
    "reciprocal rank": (reciprocal_rank, 0.5),
    "precision": (precision, 0.3),
    "95% zeros": (mostly_zero, 0.02),
}
"""Each with the mean of the reference."""
_GRID = 20_000


@cache
def quantiles(metric: str, mean: float) -> Float64[Array, " grid"]:
    """A metric's values in a fine table, as the quantiles of a beta are slow; their mean is true.

    >>> round(float(quantiles("hits", 0.6).mean()), 3)
    0.6
    """
    return METRICS[metric][0]((np.arange(_GRID) + 0.5) / _GRID, mean)


def alike(metric: str, leads: Iterable[float], queries: int, rho: float) -> Draw:
    """Measures whose normal scores have the correlation ``rho``, with these leads."""
    tables = [quantiles(metric, METRICS[metric][1] + lead) for lead in leads]

    def draw(rng: np.random.Generator) -> Array:
        common = sqrt(rho) * rng.standard_normal(queries)
        own = sqrt(1 - rho) * rng.standard_normal((len(tables), queries))
        places = (ndtr(common + own) * _GRID).astype(int).clip(max=_GRID - 1)
        return np.stack([table[row] for table, row in zip(tables, places, strict=True)])

    return draw


def rare_winner(share: float, queries: int, lead: float = 0.0) -> Draw:
    """Measure 1 leads a little nearly everywhere and loses by .6 on a share of the queries."""
    small = (lead + 0.6 * share) / (1 - share)

    def draw(rng: np.random.Generator) -> Array:
        base = 0.6 + 0.2 * rng.random(queries)
        return np.stack([base, np.where(rng.random(queries) < share, base - 0.6, base + small)])

    return draw


def rare_gain(share: float, queries: int) -> Draw:
    """Measure 1 is the same but on a share of the queries, and better by ``T`` on average."""

    def draw(rng: np.random.Generator) -> Array:
        return np.stack([np.zeros(queries), (rng.random(queries) < share) * (T / share)])

    return draw


# what is counted


@dataclass(frozen=True)
class Share:
    """How many of some trials came out so.

    >>> str(Share(31, 1000))
    '.031'
    """

    count: int
    trials: int

    def __str__(self) -> str:
        return f"{self.value:.3f}".removeprefix("0") if self.trials else "-"

    @property
    def value(self) -> float:
        """The share."""
        return self.count / self.trials

    @classmethod
    def of(cls, came_out: Iterable[bool]) -> "Share":
        """Count them."""
        counted = list(came_out)
        return cls(sum(counted), len(counted))


@dataclass(frozen=True, eq=False)
class Sample:
    """The values of one trial, and their weighted means."""

    values: Float64[Array, "m q"]
    drawn: WeightedMeans
    weighed: Float64[Array, " m"] | None = None

    @cached_property
    def means(self) -> Float64[Array, " m"]:
        """The mean of each measure over queries, by their weights if these have any."""
        return self.values.mean(axis=1) if self.weighed is None else self.weighed

    def decide(self, tolerance: float | str = T, largest: float = 1.0) -> RuleOutcome:
        """Decide against the first measure."""
        return decide(self.drawn, self.means, 0, Tolerance.read(tolerance), largest=largest)

    def claims(self, tolerance: float | str = T, largest: float = 1.0) -> bool:
        """Whether another measure is said to be better than the reference."""
        return self.decide(tolerance, largest).decision in {"use", "better"}


def samples(draw: Draw, trials: int, name: str, draws: int = DRAWS) -> Iterator[Sample]:
    """Trials, each from a seed of its own; ``name`` makes those of other cells others."""
    for start in range(0, trials, AT_ONCE):
        values = [draw(rng) for rng in _generators(start, min(start + AT_ONCE, trials), name)]
        together = WeightedMeans.of(
            np.concatenate(values), draws=draws, seed=crc32(name.encode()) + start
        )
        columns = 0
        for one in values:
            own = np.ascontiguousarray(together.means[:, columns : columns + len(one)])
            columns += len(one)
            yield Sample(one, WeightedMeans(own, together.unseen))


def _generators(start: int, stop: int, name: str) -> Iterator[np.random.Generator]:
    return (np.random.default_rng([crc32(name.encode()), i]) for i in range(start, stop))


def shares(
    draw: Draw, trials: int, name: str, *asked: Callable[[Sample], bool], draws: int = DRAWS
) -> list[Share]:
    """In how many trials each question is answered by yes."""
    answers = [
        [bool(ask(sample)) for ask in asked] for sample in samples(draw, trials, name, draws)
    ]
    return [Share.of(column) for column in zip(*answers, strict=True)]


def older(draw: Draw, trials: int, name: str, ask: Callable[[str, int], bool]) -> Share:
    """In how many trials the rule of version 0.1 came out so: its decision, and its measure."""
    quarter = max(trials // 4, 1)
    return Share.of(ask(*_older(draw(rng))) for rng in _generators(0, quarter, name))


def _older(values: Float64[Array, "m q"]) -> tuple[str, int]:
    flips = sign_flips(values, flips=2_000)
    left = np.flatnonzero(flips.may_be_best)
    leader = int(values.mean(axis=1).argmax())
    others = [i for i in left if i != leader]
    if not others:
        return "use", leader
    spread = Differences.of(values).spread[leader, others]
    # what is seen with 80% power: c + .84 standard errors, with c the critical value
    seen = (flips.critical[others] + 0.84) * spread / sqrt(values.shape[1])
    return ("tie", int(left.min())) if seen.max() <= T else ("cannot-tell", leader)


def _uses(decision: str, _named: int) -> bool:
    return decision == "use"


# tables


def table(trials: int, *head: str) -> None:
    """Print a head, and how exact the figures below it are."""
    errors = [f"{sqrt(p * (1 - p) / trials):.3f}".removeprefix("0") for p in (0.05, 0.2, 0.5)]
    of = ", ".join(f"{e} of {p}" for e, p in zip(errors, (".05", ".20", ".50"), strict=True))
    print(f"{trials:,} trials a cell; standard error {of}\n")
    row(*head)
    row(*("---" for _ in head))


def row(*cells: object) -> None:
    """Print a row of a table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def equal_means(trials: int) -> None:
    """Any claim (``use`` or ``better``) where all means are equal: at most .05."""
    table(trials, "metric", "measures", "queries", "correlation", "version 0.1", "rule")
    for metric in METRICS:
        for m, n, rho in [
            (2, 30, 0.9), (2, 225, 0.97), (6, 50, 0.9),
            (6, 225, 0.97), (20, 100, 0.9), (20, 225, 0.97),
        ]:  # fmt: skip
            draw, name = alike(metric, [0.0] * m, n, rho), f"equal {metric} {m} {n}"
            (claims,) = shares(draw, trials, name, Sample.claims)
            row(metric, m, n, rho, older(draw, trials, name, _uses), claims)


def many_measures(trials: int) -> None:
    """The same among a hundred measures."""
    table(trials, "metric", "measures", "queries", "correlation", "rule")
    for metric in ("nDCG", "hits"):
        for n in (50, 225, 1000):
            draw = alike(metric, [0.0] * 100, n, 0.9)
            row(metric, 100, n, 0.9, *shares(draw, trials, f"many {metric} {n}", Sample.claims))


def rare_wins(trials: int) -> None:
    """The reference wins rarely and by much, and loses a little elsewhere; means are equal."""
    table(trials, "wins on", "queries", "version 0.1", "rule", "rule, .3 declared and untrue")
    for share, sizes in {0.0002: (20_000,), 0.005: SIZES, 0.03: SIZES, 0.1: SIZES}.items():
        for n in sizes:
            draw, name = rare_winner(share, n), f"rare {share} {n}"
            found = shares(draw, trials, name, Sample.claims, lambda s: s.claims(largest=0.3))
            row(f"{share:.2%}", n, older(draw, trials, name, _uses), *found)


def false_ties(trials: int) -> None:
    """``tie`` where the reference is worse by exactly the tolerance: at most .06."""
    table(trials, "metric", "measures", "queries", "correlation", "version 0.1", "rule")

    def older_ties(draw: Draw, name: str) -> Share:
        return older(draw, trials, name, lambda decision, named: (decision, named) == ("tie", 0))

    for metric in ("nDCG", "hits", "precision"):
        for m, n, rho in [
            (2, 225, 0.9), (2, 1000, 0.9), (2, 1000, 0.97),
            (5, 1000, 0.97), (2, 3000, 0.97), (5, 3000, 0.97),
        ]:  # fmt: skip
            draw, name = alike(metric, [0.0] + [T] * (m - 1), n, rho), f"tie {metric} {m} {n} {rho}"
            (ties,) = shares(draw, trials, name, lambda s: s.decide().decision == "tie")
            row(metric, m, n, rho, older_ties(draw, name), ties)
    mean = METRICS["nDCG"][1]
    for n, rho in ((1000, 0.97), (3000, 0.97)):
        draw = alike("nDCG", [0.0, mean / 0.98 - mean], n, rho)
        found = shares(draw, trials, f"tie 2% {n}", lambda s: s.decide("2%").decision == "tie")
        row("nDCG, by 2%", 2, n, rho, "", *found)
    for share in (0.01, 0.02, 0.05):
        for n in (300, 450, 1000):
            draw, name = rare_gain(share, n), f"tie rare {share} {n}"
            (ties,) = shares(draw, trials, name, lambda s: s.decide().decision == "tie")
            row(f"other on {share:.0%}", 2, n, "", older_ties(draw, name), ties)


def false_use(trials: int) -> None:
    """``use`` where the reference is below the bests by exactly the tolerance: at most .05."""
    table(trials, "metric", "measures", "queries", "correlation", "version 0.1", "rule")

    def uses(draw: Draw, name: str) -> tuple[Share, Share]:
        (found,) = shares(draw, trials, name, lambda s: s.decide().decision == "use")
        return older(draw, trials, name, _uses), found

    for metric in ("nDCG", "hits", "precision"):
        for n, rho in ((100, 0.9), (1000, 0.9), (1000, 0.97), (3000, 0.97)):
            draw = alike(metric, [0.0] + [T] * 4, n, rho)
            row(metric, 5, n, rho, *uses(draw, f"use {metric} {n} {rho}"))
    for share in (0.005, 0.03):
        for n in (225, 1000):
            draw = rare_winner(share, n, lead=T)
            row(f"wins on {share:.1%}", 2, n, "", *uses(draw, f"use rare {share} {n}"))


def intervals(trials: int) -> None:
    """How often the interval of the highest of equal means holds the true one; its mean's bias."""
    table(
        trials, "metric", "measures", "queries", "winner's interval", "width to naive",
        "highest is too high by", "corrected", "standard error of both", "one named before",
    )  # fmt: skip
    for metric, m, n in [
        ("nDCG", 2, 50), ("nDCG", 20, 50), ("nDCG", 20, 225), ("nDCG", 100, 225), ("hits", 20, 100),
        ("precision", 20, 100), ("95% zeros", 2, 50), ("95% zeros", 6, 225),
    ]:  # fmt: skip
        row(metric, m, n, *winner(metric, m, n, trials))


def winner(metric: str, measures: int, queries: int, trials: int) -> tuple[object, ...]:
    """The winner's interval: coverage and width; its mean's bias; coverage of one named before."""
    truth = float(quantiles(metric, METRICS[metric][1]).mean())
    chosen, single, wider, high_by, corrected_by = [], [], [], [], []
    draw = alike(metric, [0.0] * measures, queries, 0.9)
    for sample in samples(draw, trials, f"winner {metric} {measures} {queries}"):
        drawn, best = sample.drawn, int(sample.means.argmax())
        low, high = drawn.winners_interval(best, range(measures))
        chosen.append(low <= truth <= high)
        naive = 2 * 1.96 * sample.values[best].std(ddof=1) / sqrt(queries)
        wider.append((high - low) / naive if naive else np.inf)
        low, high = drawn.interval(0)
        single.append(low <= truth <= high)
        means = drawn.means / (1 - drawn.unseen)[:, None]
        high_by.append(sample.means[best] - truth)
        corrected_by.append(winners_mean(means, sample.means, range(measures)) - truth)
    biases = [f"{np.mean(by):+.4f}" for by in (high_by, corrected_by)]
    error = f"{np.std(high_by) / sqrt(trials):.4f}"
    return Share.of(chosen), f"{np.median(wider):.2f}", *biases, error, Share.of(single)


def single_means(trials: int) -> None:
    """Coverage of one mean where samples are often all alike: at least .93."""
    table(trials, "values", "queries", "interval holds the mean")
    for n in (15, 50, 225, 1000):
        row("95% zeros", n, single("95% zeros", 0.02, n, trials))
    for mean in (0.01, 0.05, 0.5, 0.99):
        for n in (15, 50, 225):
            row(f"hits, mean {mean}", n, single("hits", mean, n, trials))
    for n in (15, 225):
        row("all of them .4", n, single("", 0.4, n, trials))


def single(metric: str, mean: float, queries: int, trials: int) -> Share:
    """How often the interval of one mean holds it; values that never vary without a metric."""
    values = quantiles(metric, mean) if metric else np.full(_GRID, mean)
    truth = float(values.mean())

    def draw(rng: np.random.Generator) -> Array:
        return values[rng.integers(0, _GRID, (1, queries))]

    def holds(sample: Sample) -> bool:
        low, high = sample.drawn.interval(0)
        return low <= truth <= high

    return shares(draw, trials, f"single {metric} {mean} {queries}", holds)[0]


def power(trials: int) -> None:
    """``use`` or ``better`` of two measures, where a t-test finds about four leads of five."""
    table(trials, "metric", "queries", "lead", "t-test", "version 0.1", "rule", "rule, .3 declared")
    for metric in ("nDCG", "hits"):
        for n in SIZES:
            lead = _lead_for_power(metric, n)
            draw, name = alike(metric, [0.0, lead], n, 0.9), f"power {metric} {n}"
            test, rule, declared = shares(
                draw, trials, name, _t_test, Sample.claims, lambda s: s.claims(largest=0.3)
            )
            row(metric, n, lead, test, older(draw, trials, name, _uses), rule, declared)


def _lead_for_power(metric: str, queries: int) -> float:
    values = alike(metric, [0.0, 0.0], 100_000, 0.9)(np.random.default_rng(0))
    lead = 2.8 * float((values[1] - values[0]).std()) / sqrt(queries)
    return round(min(lead, 0.9 - METRICS[metric][1]), 3)


def _t_test(sample: Sample) -> bool:
    """Whether the second is better by a two-sided paired t-test at 5%."""
    lead = sample.values[1] - sample.values[0]
    n, spread = len(lead), float(lead.std(ddof=1))
    return bool(lead.mean() > 0 and stdtr(n - 1, -lead.mean() * sqrt(n) / (spread or 1e-9)) < 0.025)


def plans(trials: int) -> None:
    """How often a set as large as planned settles what it was planned for, of open ones."""
    trials = max(trials // 2, 1)
    table(trials, "lead", "measures", "queries", "correlation", "more, middle", "open", "settled")
    for lead, m, n, rho in [
        (0.03, 2, 50, 0.9), (0.03, 6, 100, 0.9), (0.03, 6, 100, 0.97),
        (0.0, 2, 50, 0.9), (0.0, 6, 100, 0.9), (0.0, 6, 100, 0.97),
    ]:  # fmt: skip
        more, settled = planned(lead, m, n, rho, trials)
        row(lead, m, n, rho, f"{np.median(more):,.0f}" if more else "-", settled.trials, settled)


def planned(
    lead: float, measures: int, queries: int, rho: float, trials: int
) -> tuple[list[int], Share]:
    """Plan from open samples as the verdict does, draw sets as large, and look."""
    name, leads = f"plan {lead} {measures} {rho}", [0.0] * (measures - 1) + [lead]
    wanted = {"use", "better"} if lead else {"tie"}
    more: list[int] = []
    settled: list[bool] = []
    for i, sample in enumerate(samples(alike("nDCG", leads, queries, rho), trials, name)):
        outcome = sample.decide()
        if outcome.decision != "cannot-tell":
            continue
        number = _plan_lead(sample, outcome) if lead else _plan_tie(sample)
        if number is None:
            continue
        draw = alike("nDCG", leads, min(queries + number, 30_000), rho)
        again = next(samples(draw, 1, f"{name} again {i}"))
        more.append(number)
        settled.append(again.decide().decision in wanted)
    return more, Share.of(settled)


def _plan_lead(sample: Sample, outcome: RuleOutcome) -> int | None:
    leader = int(sample.means.argmax())
    known = Lead.of(sample.values[leader] - sample.values[0])
    return known.to_show(max(known.shrunk, T), level=outcome.level) if leader else None


def _plan_tie(sample: Sample) -> int | None:
    rivals = sample.values[1:]
    numbers = [Lead.of(rival - sample.values[0]).to_show_tie(T, len(rivals)) for rival in rivals]
    return None if None in numbers else max(number for number in numbers if number is not None)


def better(trials: int) -> None:
    """How often a set as large as planned after ``better`` shows that the lead matters."""
    trials = max(trials // 2, 1)
    table(trials, "lead", "measures", "queries", "correlation", "more, middle", "better", "settled")
    for lead, m, n, rho in [(0.03, 2, 400, 0.9), (0.03, 6, 200, 0.97), (0.05, 2, 150, 0.9)]:
        more, settled = after_better(lead, m, n, rho, trials)
        row(lead, m, n, rho, f"{np.median(more):,.0f}" if more else "-", settled.trials, settled)


def after_better(
    lead: float, measures: int, queries: int, rho: float, trials: int
) -> tuple[list[int], Share]:
    """Plan from samples that are ``better``, as the verdict does, draw sets as large, and look."""
    name, leads = f"better {lead} {measures} {rho}", [0.0] * (measures - 1) + [lead]
    more: list[int] = []
    settled: list[bool] = []
    for i, sample in enumerate(samples(alike("nDCG", leads, queries, rho), trials, name)):
        outcome = sample.decide()
        if outcome.decision != "better":
            continue
        known = Lead.of(sample.values[int(sample.means.argmax())] - sample.values[0])
        if known.shrunk <= T:
            continue
        number = known.to_show(known.shrunk - T, level=outcome.level)
        if number is None:
            continue
        draw = alike("nDCG", leads, min(queries + number, 30_000), rho)
        again = next(samples(draw, 1, f"{name} again {i}"))
        more.append(number)
        settled.append(again.decide().decision == "use")
    return more, Share.of(settled)


def more_draws(trials: int) -> None:
    """The cells nearest to their bounds with 10,000 random weights a set, as in earnest."""
    table(trials, "wrong", "metric", "measures", "queries", "2,000 draws", "10,000 draws")
    cells: list[tuple[str, str, int, int, Draw, Callable[[Sample], bool]]] = [
        ("claim", "hits", 20, 100, alike("hits", [0.0] * 20, 100, 0.9), Sample.claims),
        ("claim", "hits", 6, 50, alike("hits", [0.0] * 6, 50, 0.9), Sample.claims),
        ("claim", "wins on 3%", 2, 1000, rare_winner(0.03, 1000), Sample.claims),
        (
            "use", "hits", 5, 1000, alike("hits", [0.0] + [T] * 4, 1000, 0.9),
            lambda s: s.decide().decision == "use",
        ),
        (
            "tie", "hits", 2, 3000, alike("hits", [0.0, T], 3000, 0.97),
            lambda s: s.decide().decision == "tie",
        ),
    ]  # fmt: skip
    for wrong, metric, m, n, draw, ask in cells:
        found = [
            shares(draw, trials, f"draws {wrong} {metric} {m} {n}", ask, draws=draws)[0]
            for draws in (DRAWS, 10_000)
        ]
        row(wrong, metric, m, n, *found)


# correlations of graded pairs


T_OF_PAIRS = 0.05
SPEARMAN = Spearman()


def pairs(trials: int) -> None:
    """Claims between equals, ties and use at the tolerance, where correlations are compared."""
    trials = max(trials // 2, 1)
    table(trials, "grades", "measures", "pairs", "claims", "ties", "use", "interval of one")
    for grades, m, n in [
        ("any", 2, 20), ("any", 2, 50), ("any", 2, 200), ("any", 6, 50), ("any", 6, 200),
        ("five", 2, 50), ("five", 6, 200), ("one in twenty", 2, 50), ("one in twenty", 2, 200),
        ("one in twenty", 2, 400), ("one in twenty", 2, 800),
    ]:  # fmt: skip
        row(grades, m, n, *correlated(grades, m, n, trials))


def correlated(grades: str, measures: int, count: int, trials: int) -> list[Share]:
    """One cell; scores and grades are normal, with a Spearman correlation that is known.

    Grades are ``five`` fifths of that, or 1 for ``one in twenty`` pairs; then the truth is that of
    a million pairs.
    """
    found: list[tuple[bool, ...]] = []
    truth = _true_correlation(grades, 0.6)
    more = _score_with(grades, truth + T_OF_PAIRS)
    for i, rng in enumerate(_generators(0, trials, f"pairs {grades} {measures} {count}")):
        gold, noise = rng.standard_normal(count), rng.standard_normal((measures + 1, count))
        noise = sqrt(0.5) * noise[:-1] + sqrt(0.5) * noise[-1]
        cut = _graded(grades, gold)
        equal, better = (
            r[:, None] * gold + np.sqrt(1 - r[:, None] ** 2) * noise
            for r in (np.full(measures, 0.6), np.array([0.6] + [more] * (measures - 1)))
        )
        everywhere = np.ones(count, dtype=bool)
        layers = [
            Layer(np.arange(measures) + k * measures, everywhere, scores)
            for k, scores in enumerate((equal, better))
        ]
        drawn = bootstrap(Correlations([SPEARMAN], layers, cut), count, resamples=1000, seed=i)
        means = np.concatenate([SPEARMAN.of(layer.scores, cut) for layer in layers])
        said = [
            decide_by_resamples(drawn[:, part], means[part], 0, Tolerance(0.0, T_OF_PAIRS))
            for part in (slice(0, measures), slice(measures, None))
        ]
        influence = SPEARMAN.per_pair(equal[:1], cut)
        low, high = bca(drawn[:, :1], means[:1], influence)[0]
        found.append(
            (
                said[0].decision in {"use", "better"},
                said[1].decision == "tie",
                said[1].decision == "use",
                bool(low <= truth <= high),
            )
        )
    return [*map(Share.of, zip(*found, strict=True))]


def _graded(grades: str, gold: Float64[Array, " pairs"]) -> Float64[Array, " pairs"]:
    if grades == "five":
        return np.floor(5 * ndtr(gold))
    return (ndtr(gold) > 0.95).astype(float) if grades == "one in twenty" else gold


@cache
def _true_correlation(grades: str, r: float) -> float:
    rng = np.random.default_rng(0)
    gold, noise = rng.standard_normal((2, 1_000_000))
    scores = r * gold + sqrt(1 - r * r) * noise
    return float(SPEARMAN.of(scores[None], _graded(grades, gold))[0])


@cache
def _score_with(grades: str, correlation: float) -> float:
    """The correlation of normal scores that gives this one of ranks."""
    low, high = 0.0, 0.999
    for _ in range(12):
        middle = (low + high) / 2
        below = _true_correlation(grades, middle) < correlation
        low, high = (middle, high) if below else (low, middle)
    return high


def least(_trials: int) -> None:
    """What nobody can do better without an assumption, and what the rule does (no trials)."""
    row("queries", "no lead claimed below", "the rule claims one of")
    row("---", "---", "---")
    for n in SIZES:
        unseen = 1 - 0.05 ** (1 / n)
        row(n, f"{unseen / (1 - unseen):.4f}", f"{_least_lead(n):.4f}")
    print()
    row("tolerance", "3 / tolerance", "the rule ties measures that never differ from")
    row("---", "---", "---")
    for tolerance in (0.005, 0.01, 0.02, 0.05):
        row(tolerance, f"{3 / tolerance:.0f}", f"{_least_queries(tolerance)} queries")


def _least_lead(queries: int) -> float:
    """The least lead that the rule claims where it is the same on every query."""
    low, high = 0.0, 1.0
    for _ in range(14):
        middle = (low + high) / 2
        values = np.stack([np.zeros(queries), np.full(queries, middle)])
        claimed = Sample(values, WeightedMeans.of(values)).claims(0.0)
        low, high = (low, middle) if claimed else (middle, high)
    return high


def _least_queries(tolerance: float) -> int:
    low, high = 1, 2000
    while high - low > 1:
        middle = (low + high) // 2
        values = np.zeros((2, middle))
        tied = Sample(values, WeightedMeans.of(values)).decide(tolerance).decision == "tie"
        low, high = (low, middle) if tied else (middle, high)
    return high


# groups of queries


SIZES_OF_GROUPS: dict[str, tuple[Int64[Array, " sizes"], Float64[Array, " sizes"]]] = {
    "8 each": (np.array([8]), np.array([1.0])),
    "1 to 30": (np.arange(1, 31), np.full(30, 1 / 30)),
    "1 to 3, one in ten 100": (np.array([1, 2, 3, 100]), np.array([0.3, 0.3, 0.3, 0.1])),
    "1 to 3, one in fifty 100": (np.array([1, 2, 3, 100]), np.array([0.3, 0.4, 0.28, 0.02])),
}
"""Sizes, and how often each occurs."""
EFFECTS = {
    "8 each": ("by chance", "one in thirty loses"),
    "1 to 30": ("by chance", "one in thirty loses", "large ones lose"),
    "1 to 3, one in ten 100": ("by chance", "large ones lose"),
    "1 to 3, one in fifty 100": ("by chance", "large ones lose"),
}
LARGE = 25
"""Groups above this are large, where large ones differ."""
T_OF_GROUPS = 0.05


def groups(
    sizes: str, effect: str, count: int, rng: np.random.Generator
) -> tuple[Float64[Array, "2 q"], Int64[Array, " groups"]]:
    """The values of two measures on queries in groups, equal over queries, and the groups' sizes.

    By ``effect``, groups differ by chance; or one in thirty of them loses much; or the large ones
    lose what the others win.
    """
    size, chance = SIZES_OF_GROUPS[sizes]
    drawn = rng.choice(size, count, p=chance)
    if effect == "by chance":
        gain = 0.08 * rng.standard_normal(count)
    elif effect == "one in thirty loses":
        gain = np.where(rng.random(count) < 1 / 30, -0.29, 0.01)
    else:
        small = float((size * chance)[size <= LARGE].sum())
        loss = small / (size @ chance - small)  # of large groups, for a gain of 1
        most = min(0.25, 0.29 / loss)
        gain = np.where(drawn > LARGE, -loss * most, most)
    queries = int(drawn.sum())
    base = rng.uniform(0.3, 0.7, count).repeat(drawn)
    return np.stack([base, base + gain.repeat(drawn) + 0.02 * rng.standard_normal(queries)]), drawn


def grouped(trials: int) -> None:
    """Claims between equals, ties of one that is worse, coverage, where queries come in groups."""
    table(
        trials, "sizes", "differences", "groups", "claims, queries alone", "claims, groups",
        "ties, groups", "interval, groups",
    )  # fmt: skip
    for sizes, effects in EFFECTS.items():
        for effect in effects:
            for count in (20, 60, 200):
                row(sizes, effect, count, *in_groups(sizes, effect, count, trials))


def in_groups(sizes: str, effect: str, count: int, trials: int) -> tuple[Share, ...]:
    """Claims of queries alone and of groups, ties of groups, coverage of the second mean."""
    alone: list[bool] = []
    found: list[tuple[bool, ...]] = []
    for i, rng in enumerate(_generators(0, trials, f"groups {sizes} {effect} {count}")):
        values, drawn = groups(sizes, effect, count, rng)
        equal = of_groups(values, drawn, i)
        # one that is better by the tolerance on every query, for ties
        worse = of_groups(values + np.array([[0.0], [T_OF_GROUPS]]), drawn, i)
        low, high = equal.drawn.interval(1)
        ties = worse.decide(T_OF_GROUPS).decision == "tie"
        found.append((equal.claims(), ties, low <= 0.5 <= high))
        if i % 4 == 0:
            single = Sample(values, WeightedMeans.of(values, draws=DRAWS, seed=i))
            alone.append(single.claims())
    return Share.of(alone), *map(Share.of, zip(*found, strict=True))


SHOWN = 0.3
"""A lead on every query, to be shown."""


def declared(trials: int) -> None:
    """The same where large groups are rare and lose, with the largest group declared, 100."""
    table(
        trials, "sizes", "groups", "claims, as large as seen", "claims, declared",
        "ties, declared", "use, declared", "interval, declared", "a lead of .3 shown, as seen",
        "declared",
    )  # fmt: skip
    for sizes in ("1 to 3, one in ten 100", "1 to 3, one in fifty 100"):
        for count in (20, 60, 200, 1000):
            row(sizes, count, *with_largest(sizes, count, trials))


def with_largest(sizes: str, count: int, trials: int) -> list[Share]:
    """Claims, ties, use, coverage and power of one cell."""
    found: list[tuple[bool, ...]] = []
    for i, rng in enumerate(_generators(0, trials, f"declared {sizes} {count}")):
        values, drawn = groups(sizes, "large ones lose", count, rng)
        better = values + np.array([[0.0], [T_OF_GROUPS]])
        ahead = np.stack([values[0], values[0] + SHOWN])
        seen, ahead_seen = (of_groups(each, drawn, i) for each in (values, ahead))
        equal, worse, shown = (
            of_groups(each, drawn, i, largest=100.0) for each in (values, better, ahead)
        )
        low, high = equal.drawn.interval(1)
        decision = worse.decide(T_OF_GROUPS).decision
        found.append(
            (
                seen.claims(), equal.claims(), decision == "tie", decision == "use",
                bool(low <= 0.5 <= high), ahead_seen.claims(), shown.claims(),
            )
        )  # fmt: skip
    return [*map(Share.of, zip(*found, strict=True))]


def of_groups(
    values: Float64[Array, "m q"],
    sizes: Int64[Array, " groups"],
    seed: int,
    largest: float | None = None,
) -> Sample:
    """A trial whose chance is over groups; ``largest`` is the size of one that was not seen."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    sums = np.add.reduceat(values, starts, axis=1)
    drawn = WeightedMeans.of(sums, sizes, largest=largest, draws=DRAWS, seed=seed)
    return Sample(values, drawn)


# queries drawn by traffic


POPULATION = 3_000
TRAFFIC: dict[str, Callable[[np.random.Generator], Float64[Array, " queries"]]] = {
    "log-normal": lambda rng: rng.lognormal(0.0, 1.5, POPULATION),
    "one over the rank": lambda rng: 1 / (1 + rng.permutation(POPULATION)),
}
"""How often each query is asked."""
TRAFFIC_EFFECTS = ("hits by chance", "one in thirty loses", "often asked lose", "seldom asked lose")
T_OF_TRAFFIC = 0.05
REAL = 0.1
"""A lead on every query, to be shown."""


@dataclass(frozen=True, eq=False)
class Asked:
    """All queries there are: the values of two measures, equal as asked, and the traffic."""

    values: Float64[Array, "2 queries"]
    traffic: Float64[Array, " queries"]

    @classmethod
    def of(cls, traffic: str, effect: str) -> "Asked":
        """Make them; measure 1 differs by chance, or loses much on some and wins on the others."""
        rng = np.random.default_rng(crc32(f"{traffic} {effect}".encode()))
        often = TRAFFIC[traffic](rng)
        place = often.argsort().argsort() / POPULATION
        base = 0.45 + 0.2 * place  # what is asked often is easier
        if effect == "hits by chance":
            return cls(_equal_hits(base, often, rng), often)
        loses = {
            "one in thirty loses": rng.random(POPULATION) < 1 / 30,
            "often asked lose": place > 0.95,
            "seldom asked lose": place < 0.5,
        }[effect]
        share = float(often[loses].sum() / often.sum())
        most = min(0.45, 0.3 * (1 - share) / share)
        return cls(
            np.stack([base, base + np.where(loses, -most, most * share / (1 - share))]), often
        )

    @cached_property
    def means(self) -> Float64[Array, " 2"]:
        """As asked."""
        return self.values @ self.traffic / self.traffic.sum()

    def drawn(
        self, count: int, rng: np.random.Generator
    ) -> tuple[Int64[Array, " rows"], QueryDraw]:
        """Draw queries as ``judge sample --traffic`` does."""
        order = rng.permutation(POPULATION)
        chances = np.empty(POPULATION)
        chances[order] = inclusion_chances(self.traffic[order], count, least=0.0)
        rows = order[systematic(chances[order], rng)]
        weights = self.traffic / chances
        left = float(np.delete(weights, rows).max(initial=0.0))
        heaviest = float(weights.max())
        return rows, QueryDraw(chances, self.traffic, frozenset({""}), len(rows), heaviest, left)


def _equal_hits(
    chance: Float64[Array, " queries"],
    often: Float64[Array, " queries"],
    rng: np.random.Generator,
) -> Float64[Array, "2 queries"]:
    """Hits of two measures on the same queries, drawn until they are equally good as asked."""
    hits = (rng.random((2, POPULATION)) < chance).astype(float)
    for query in np.argsort(often)[::-1]:  # turn what brings the means nearer, the heaviest first
        lead = float((hits[1] - hits[0]) @ often)
        turned = often[query] * (1 - 2 * hits[1, query])
        if abs(lead + turned) < abs(lead):
            hits[1, query] = 1 - hits[1, query]
    return hits


def traffic(trials: int) -> None:
    """Claims between equals, ties, use, coverage, where queries are drawn by traffic."""
    table(
        trials, "traffic", "differences", "queries", "as so many alike", "claims, unweighed",
        "claims", "ties", "use", "interval", "half judged: claims", "heaviest not told: claims",
        "a lead of .1 shown",
    )  # fmt: skip
    for kind in TRAFFIC:
        for effect in TRAFFIC_EFFECTS:
            for count in (15, 30, 60, 250):
                row(kind, effect, count, *by_traffic(kind, effect, count, trials))


def by_traffic(kind: str, effect: str, count: int, trials: int) -> tuple[object, ...]:
    """One cell: how many queries of one weight they are worth, then the shares."""
    asked = Asked.of(kind, effect)
    effective: list[float] = []
    plain: list[bool] = []
    found: list[tuple[bool, ...]] = []
    for i, rng in enumerate(_generators(0, trials, f"traffic {kind} {effect} {count}")):
        rows, draw = asked.drawn(count, rng)
        equal, worse, ahead, effect_of = _weighed(asked, rows, draw, i)
        half = _weighed(asked, rng.permutation(rows)[: -(-len(rows) // 2)], draw, i)[0]
        untold = _weighed(asked, rows, replace(draw, heaviest=np.nan), i)[0]
        low, high = equal.drawn.interval(1)
        decision = worse.decide(T_OF_TRAFFIC).decision
        effective.append(effect_of)
        found.append(
            (
                equal.claims(),
                decision == "tie",
                decision == "use",
                bool(low <= asked.means[1] <= high),
                half.claims(),
                untold.claims(),
                ahead.claims(),
            )
        )
        if i % 4 == 0:
            values = asked.values[:, rows]
            plain.append(Sample(values, WeightedMeans.of(values, draws=DRAWS, seed=i)).claims())
    columns = map(Share.of, zip(*found, strict=True))
    return f"{np.mean(effective):.0f}", Share.of(plain), *columns


def _weighed(
    asked: Asked, rows: Int64[Array, " rows"], draw: QueryDraw, seed: int
) -> tuple[Sample, Sample, Sample, float]:
    """Samples of equal measures, of one better by the tolerance, of one better by what is real."""
    weights = draw.as_asked(rows)
    clusters = Clusters(np.arange(len(rows)), weights.values, weights.heaviest)
    base, other = asked.values[:, rows]
    values = np.stack([base, other, other + T_OF_TRAFFIC, base + REAL])
    together = WeightedMeans.of(
        clusters.sums(values), clusters.sizes, largest=clusters.largest, draws=DRAWS, seed=seed
    )
    means = clusters.mean(values)
    return *(
        Sample(
            values[[0, j]], WeightedMeans(together.means[:, [0, j]], together.unseen), means[[0, j]]
        )
        for j in (1, 2, 3)
    ), weights.effective


# shares among the passages of questions


def passages(trials: int) -> None:
    """How often the interval of a share among passages holds it, which questions have in common."""
    table(trials, "questions", "share", "sum of the beta", "passages", "taken alone", "by question")
    for uneven in (False, True):
        for questions, share, size in [
            (10, 0.3, 1), (30, 0.05, 1), (100, 0.03, 1), (100, 0.1, 0.2), (100, 0.1, 50),
            (300, 0.05, 5),
        ]:  # fmt: skip
            cells = among_passages(questions, share, size, trials, uneven=uneven)
            row(questions, share, size, "1 to 50, uneven" if uneven else "1 to 19", *cells)


def among_passages(
    questions: int, share: float, size: float, trials: int, *, uneven: bool
) -> list[str]:
    """Coverage and median width of intervals of passages alone, and by question."""
    held, widths = np.zeros((2, trials)), np.zeros((2, trials))
    name = f"passages {questions} {share} {size} {uneven}"
    for i, rng in enumerate(_generators(0, trials, name)):
        of = _passages(questions, rng, uneven=uneven)
        relevant = rng.random(len(of)) < rng.beta(size * share, size * (1 - share), questions)[of]
        both = (
            proportion(int(relevant.sum()), len(of)),
            proportion_in_clusters(relevant, of),
        )
        held[:, i] = [one.low <= share <= one.high for one in both]
        widths[:, i] = [one.high - one.low for one in both]
    return [
        f"{Share.of(inside > 0)} ({np.median(width):.3f})"
        for inside, width in zip(held, widths, strict=True)
    ]


PREDICTED = np.array([0.02, 0.1, 0.3, 0.6, 0.9])
"""Probabilities, each foretold as often as the others."""
OFF: dict[str, Float64[Array, " predicted"]] = {
    "nothing": np.zeros(5),
    "all too low by .08": np.full(5, 0.08),
    "up and down by .05": np.array([0.05, -0.05, 0.05, -0.05, 0.05]),
}
"""By how much more often it comes true than was foretold."""


def calibration_errors(trials: int) -> None:
    """How often the intervals of the expected calibration error and the Brier score hold them."""
    table(trials, "questions", "off by", "shared", "passages", "calibration error", "Brier score")
    for uneven in (False, True):
        for questions, off, shared in [
            (10, "nothing", 0.5), (30, "nothing", 0.0), (30, "up and down by .05", 0.5),
            (100, "nothing", 0.5), (100, "all too low by .08", 0.5),
            (300, "up and down by .05", 0.0), (300, "up and down by .05", 0.5),
        ]:  # fmt: skip
            cells = of_errors(questions, off, shared, trials, uneven=uneven)
            row(questions, off, shared, "1 to 50, uneven" if uneven else "1 to 19", *cells)


def of_errors(questions: int, off: str, shared: float, trials: int, *, uneven: bool) -> list[str]:
    """Coverage and median width; ``shared`` is how far a question's passages are alike.

    Whether a passage is relevant is drawn by a normal number, of which this share of the variance
    is the question's.
    """
    truth = np.clip(PREDICTED + OFF[off], 0.0, 1.0)
    error = float(np.abs(truth - PREDICTED).mean())
    brier = float((truth * (1 - PREDICTED) ** 2 + (1 - truth) * PREDICTED**2).mean())
    held, widths = np.zeros((2, trials)), np.zeros((2, trials))
    name = f"errors {questions} {off} {shared} {uneven}"
    for i, rng in enumerate(_generators(0, trials, name)):
        of = _passages(questions, rng, uneven=uneven)
        foretold = rng.integers(0, len(PREDICTED), len(of))
        own, common = rng.standard_normal(len(of)), rng.standard_normal(questions)[of]
        level = ndtr(sqrt(shared) * common + sqrt(1 - shared) * own)
        both = error_intervals(PREDICTED[foretold], level < truth[foretold], foretold, of)
        held[:, i] = [
            low <= true <= high for (low, high), true in zip(both, (error, brier), strict=True)
        ]
        widths[:, i] = [high - low for low, high in both]
    return [
        f"{Share.of(inside > 0)} ({np.median(width):.3f})"
        for inside, width in zip(held, widths, strict=True)
    ]


def _passages(questions: int, rng: np.random.Generator, *, uneven: bool) -> Int64[Array, " n"]:
    """The question of each passage."""
    many = rng.geometric(0.1, questions) * (1 + 9 * (rng.random(questions) < 0.1))
    counts = np.minimum(many, 50) if uneven else rng.integers(1, 20, questions)
    return np.repeat(np.arange(questions), counts)


TABLES: dict[str, Callable[[int], None]] = {
    "equal": equal_means,
    "many": many_measures,
    "rare": rare_wins,
    "ties": false_ties,
    "use": false_use,
    "intervals": intervals,
    "single": single_means,
    "power": power,
    "plans": plans,
    "better": better,
    "draws": more_draws,
    "pairs": pairs,
    "least": least,
    "groups": grouped,
    "declared": declared,
    "traffic": traffic,
    "passages": passages,
    "calibration": calibration_errors,
}


TRIALS = {
    "better": 600, "declared": 500, "draws": 400, "pairs": 3000, "traffic": 400, "passages": 400,
    "calibration": 800,
}  # fmt: skip
"""How many trials the tables of the page on statistics are of, where not 1,000; some halve them."""


def main() -> None:
    """Print the tables asked for, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--trials", type=int, help="those of docs/background/statistics.md unless given"
    )
    parser.add_argument(
        "table", nargs="*", metavar="TABLE", help=f"all unless named: {', '.join(TABLES)}"
    )
    asked = parser.parse_args()
    unknown = [name for name in asked.table if name not in TABLES]
    if unknown:
        parser.error(f"there is no table {unknown[0]!r}; there are {', '.join(TABLES)}")
    for name in asked.table or TABLES:
        print(f"\n{name}: {' '.join((TABLES[name].__doc__ or '').split())}\n")
        TABLES[name](TRIALS.get(name, 1000) if asked.trials is None else asked.trials)


if __name__ == "__main__":
    main()
