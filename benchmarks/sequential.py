"""How many queries judging until decided takes, and how often it decides between equals.

Draws differences between two measures query by query, looks after every query, and prints: the
median number of queries until one measure is left, by the sequential sign-flip test and by bets
against a bounded mean, which assume no symmetry; the same for other weights of the tilts; how
often one is left of measures that are equally good; whether forecasts are right.

    python benchmarks/sequential.py [--worlds 2000]
"""

import argparse

import numpy as np

from anglewise.comparison.stopping import HORIZON, forecast
from anglewise.statistics.confidence_sequences import (
    LEVEL,
    TILT_WEIGHTS,
    TILTS,
    Race,
    sign_flip_evidence,
    wealth,
)

GOALS = {(0.05, 0.01): 227, (0.05, 0.02): 48, (0.02, 0.005): 140}
"""For a standard deviation of the differences and their mean, the queries that are hoped for."""
ALLOWED = 1.2
"""The largest multiple of the goals that is good enough."""
OTHERS = ((0.2, 0.02), (0.2, 0.05), (0.3, 0.1), (0.1, 0.03), (0.01, 0.002))
"""Further cases that the weights of the tilts were chosen on."""
WEIGHTS = {
    "chosen": TILT_WEIGHTS,
    "even": np.full(7, 1 / 7),
    "2 to 32": np.array([0, 0, 1, 1, 1, 1, 1]) / 5,
    "1/2 to 8": np.array([1, 1, 1, 1, 1, 0, 0]) / 5,
}
EQUAL = 2000
"""Queries up to which equal measures are looked at."""


def two(rng: np.random.Generator, sd: float, mean: float, queries: int) -> np.ndarray:
    """The values of two measures that differ by normal differences, cut off at 1."""
    halves = np.clip(rng.normal(mean, sd, queries), -1, 1) / 2
    return np.stack([0.5 + halves, 0.5 - halves])


def stopping(sd: float, mean: float, worlds: int, seed: int = 0) -> float:
    """The median number of queries after which one of two measures is left."""
    rng = np.random.default_rng(seed)
    queries = _enough(sd, mean)
    decided = [Race.of(two(rng, sd, mean, queries)).decided_after for _ in range(worlds)]
    return float(np.median([np.inf if after is None else after for after in decided]))


def stopping_by_bets(sd: float, mean: float, worlds: int, seed: int = 0) -> float:
    """The same by bets that the better one's lead is above 0, at the whole level."""
    rng = np.random.default_rng(seed)
    queries = 5 * _enough(sd, mean)
    decided: list[float] = []
    for _ in range(worlds):
        first, second = two(rng, sd, mean, queries)
        won = wealth((first - second + 1) / 2, 0.5) >= -np.log(LEVEL)
        decided.append(float(won.argmax()) + 1 if won.any() else np.inf)
    return float(np.median(decided))


def stopping_weighed(sd: float, mean: float, weights: np.ndarray, worlds: int) -> float:
    """The median number of queries until the better one is left, by these weights of the tilts."""
    differences = np.random.default_rng(0).normal(mean, sd, (worlds, _enough(sd, mean)))
    differences = np.clip(differences, -1, 1)
    evidence = np.full(differences.shape, -np.inf)
    for tilt, weight in zip(TILTS, weights, strict=True):
        if weight:
            steps = np.log(2) - np.logaddexp(0, -2 * tilt * differences)
            evidence = np.logaddexp(evidence, np.cumsum(steps, axis=1) + np.log(weight))
    left = evidence >= np.log(2 / LEVEL)
    return float(np.median(np.where(left.any(axis=1), left.argmax(axis=1) + 1.0, np.inf)))


def decided_between_equals(
    measures: int, worlds: int, queries: int = EQUAL, seed: int = 0
) -> float:
    """The share of worlds in which one of some equal measures is left at any of the looks."""
    rng = np.random.default_rng(seed)
    wrong = 0
    for _ in range(worlds):
        values = rng.beta(1, 1.5, queries) + rng.normal(0, 0.15, (measures, queries))
        wrong += Race.of(np.clip(values, 0, 1)).decided_after is not None
    return wrong / worlds


def decided_against_rare_wins(share: float, worlds: int, queries: int = EQUAL) -> float:
    """The share of worlds that rule out a measure that is as good, but wins on few queries."""
    rng = np.random.default_rng(0)
    wins = rng.random((worlds, queries)) < share
    lost = share / (1 - share) * 0.5  # on each other query, so that the mean is 0
    evidence = sign_flip_evidence(np.where(wins, -0.5, lost))
    return float((evidence >= np.log(2 / LEVEL)).any(axis=1).mean())


def forecasts(sd: float, mean: float, queries: int, worlds: int) -> tuple[float, float, float]:
    """The median forecast, the median of what it took, the share that took no more than forecast.

    Of worlds that are undecided after so many queries; what is beyond the horizon is infinite.
    """
    rng = np.random.default_rng(0)
    told: list[float] = []
    took: list[float] = []
    while len(told) < worlds:
        values = two(rng, sd, mean, HORIZON * queries)
        if Race.of(values[:, :queries]).decided_after is None:
            told.append(forecast(values[:, :queries]) or np.inf)
            took.append((Race.of(values).decided_after or np.inf) - queries)
    right = np.mean(np.array(took) <= np.array(told))
    return float(np.median(told)), float(np.median(took)), float(right)


def _enough(sd: float, mean: float) -> int:
    return int(16 * (sd / mean) ** 2) + 60


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--worlds", type=int, default=2000)
    worlds = options.parse_args().worlds
    print("| sd | difference | goal | queries | by bets | a test of fixed size, power 80% |")
    print("|---|---|---|---|---|---|")
    for (sd, mean), goal in GOALS.items():
        fixed = np.ceil((2.80 * sd / mean) ** 2)
        bets = stopping_by_bets(sd, mean, worlds // 10)
        ours = stopping(sd, mean, worlds)
        print(f"| {sd:g} | {mean:g} | {goal} | {ours:.0f} | {bets:.0f} | {fixed:.0f} |")
    print("\n| sd | difference | " + " | ".join(WEIGHTS) + " |")
    print("|---" * (2 + len(WEIGHTS)) + "|")
    for sd, mean in (*GOALS, *OTHERS):
        medians = [stopping_weighed(sd, mean, each, worlds // 4) for each in WEIGHTS.values()]
        print(f"| {sd:g} | {mean:g} | " + " | ".join(f"{each:.0f}" for each in medians) + " |")
    print("\n| equally good | one is left at some look |")
    print("|---|---|")
    for measures in (2, 4):
        print(f"| {measures} measures | {decided_between_equals(measures, worlds):.3f} |")
    for share in (0.1, 0.03, 0.01):
        wrong = decided_against_rare_wins(share, worlds // 4)
        print(f"| one wins on {share:.0%} of the queries, not symmetric | {wrong:.3f} |")
    print("\n| sd | difference | after | more, forecast | more, in fact | no more than forecast |")
    print("|---|---|---|---|---|---|")
    for sd, mean, queries in ((0.2, 0.05, 60), (0.05, 0.01, 60), (0.05, 0.02, 20)):
        told, took, right = forecasts(sd, mean, queries, worlds // 20)
        print(f"| {sd:g} | {mean:g} | {queries} | {told:.0f} | {took:.0f} | {right:.2f} |")


if __name__ == "__main__":
    main()
