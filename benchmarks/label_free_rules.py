"""Whether findings predict the better of two measures: the rules and tests of the protocol.

Every rule is learnt on the other data sets and judged on the one that was left out. A data set
counts once, however many models it has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from scipy.stats import rankdata

TOGETHER = "all together"
LEARNT, HINDSIGHT = (
    "one for each direction, learnt elsewhere",
    "one for each direction, in hindsight",
)
TRAINED = "as trained"
FEWEST = 4
"""Models of one data set and direction whose ranks are compared at least."""
ALPHA = 0.05
Array: TypeAlias = np.ndarray


@dataclass(frozen=True)
class Case:
    """A model on a data set, in one direction: what each measure reached, and what was found."""

    data: str
    set: str
    model: str
    direction: str
    made: bool
    trained_for: str
    unit: bool
    queries: int
    reached: Mapping[str, float]
    findings: Mapping[str, float | None]


@dataclass(frozen=True)
class Cases:
    """The cases that are analysed, with two measures: whether the first is to be preferred."""

    of: Sequence[Case]
    pair: tuple[str, str]

    @property
    def data(self) -> Array:
        """The data set of each case."""
        return np.array([case.set for case in self.of])

    @property
    def directions(self) -> Array:
        """The direction of each case."""
        return np.array([case.direction for case in self.of])

    @property
    def leads(self) -> Array:
        """By how much the first measure is ahead in each case."""
        first, second = self.pair
        return np.array([case.reached[first] - case.reached[second] for case in self.of])

    def finding(self, name: str) -> Array:
        """One number a case, NaN where it is not known."""
        numbers = [case.findings[name] for case in self.of]
        return np.array([np.nan if n is None else n for n in numbers], dtype=float)


def lost(first: Array, leads: Array) -> Array:
    """What following a choice loses: ``first`` says in which cases the first measure is taken."""
    return np.where(first, np.maximum(-leads, 0), np.maximum(leads, 0))


def shares(data: Array) -> Array:
    """Weights by which every data set counts the same, one in all."""
    names, of, sizes = np.unique(data, return_inverse=True, return_counts=True)
    return 1 / (sizes[of] * max(len(names), 1))


def constant(leads: Array, data: Array) -> bool:
    """Whether always taking the first measure loses less; the second where nobody knows."""
    return len(leads) > 0 and float((shares(data) * leads).sum()) > 0


def threshold(numbers: Array, leads: Array, data: Array) -> tuple[float, bool]:
    """The cut that loses least, and whether the first measure is for what lies above it.

    Cuts lie half-way between two numbers; where none loses less than a constant, the constant is
    given as a cut below all numbers.
    """
    always = constant(leads, data)
    order = np.argsort(numbers, kind="stable")
    sorted_numbers, gains = numbers[order], (shares(data) * leads)[order]
    below = np.concatenate([[0.0], np.cumsum(gains)])
    # taking the first above a cut gains the leads there, below a cut the leads there
    best, cut, above = max(below[-1], 0.0), -np.inf, always
    for place in range(1, len(order)):
        if sorted_numbers[place] == sorted_numbers[place - 1]:
            continue
        for side, gain in ((True, below[-1] - below[place]), (False, below[place])):
            if gain > best + 1e-12:
                best, above = gain, side
                cut = (sorted_numbers[place] + sorted_numbers[place - 1]) / 2
    return float(cut), bool(above)


def left_out(cases: Cases, name: str | None) -> Array:
    """What a rule learnt on the other data sets takes; by direction; without a name a constant."""
    data, directions, leads = cases.data, cases.directions, cases.leads
    numbers = None if name is None else cases.finding(name)
    taken = np.zeros(len(data), dtype=bool)
    for one, direction in product(np.unique(data), np.unique(directions)):
        asked = (data == one) & (directions == direction)
        learn = (data != one) & (directions == direction)
        taken[asked] = constant(leads[learn], data[learn])
        if numbers is None:
            continue
        known = learn & np.isfinite(numbers)
        here = asked & np.isfinite(numbers)
        if known.any():
            cut, above = threshold(numbers[known], leads[known], data[known])
            taken[here] = (numbers[here] > cut) == above
    return taken


def in_hindsight(cases: Cases) -> Array:
    """The measure of each direction that loses less on these very data: no constant loses less."""
    data, directions, leads = cases.data, cases.directions, cases.leads
    # as a share of all cases of its data set, as losses are averaged
    weights = shares(data)
    best = {d: float((weights * leads)[directions == d].sum()) > 0 for d in np.unique(directions)}
    return np.array([best[direction] for direction in directions])


def together(cases: Cases, names: Sequence[str]) -> Array:
    """A ridge regression of the lead on the ranks of all findings and the direction, left out."""
    data, leads = cases.data, cases.leads
    table = np.column_stack([cases.finding(name) for name in names])
    asks = (cases.directions == "queries-items")[:, None] - 0.5
    taken = np.zeros(len(data), dtype=bool)
    for one in np.unique(data):
        learn, asked = data != one, data == one
        columns = []
        for numbers in table.T:
            known = np.sort(numbers[learn & np.isfinite(numbers)])
            middle = (
                np.searchsorted(known, numbers) + np.searchsorted(known, numbers, "right")
            ) / 2
            place = middle / max(len(known), 1) - 0.5
            columns.append(np.where(np.isfinite(numbers), place, 0.0))
        x = np.hstack([np.column_stack(columns), asks, asks * np.column_stack(columns)])
        weights = shares(data[learn])
        root = np.sqrt(weights)[:, None]
        mean = (weights * leads[learn]).sum()
        left = root * x[learn]
        right = root[:, 0] * (leads[learn] - mean)
        slope = np.linalg.solve(left.T @ left + 0.1 * np.eye(x.shape[1]), left.T @ right)
        taken[asked] = x[asked] @ slope + mean > 0
    return taken


def declared(cases: Cases) -> Array:
    """The rule without a finding: products for recommending where training took products."""
    if "dot" not in cases.pair:
        return np.array([cases.pair[0] == "cosine"] * len(cases.of))
    products = [c.direction == "queries-items" and c.trained_for == "dot" for c in cases.of]
    return np.array(products) == (cases.pair[0] == "dot")


def by_data(values: Array, data: Array) -> dict[str, float]:
    """The mean of each data set."""
    return {str(name): float(values[data == name].mean()) for name in np.unique(data)}


def flips(gains: Array) -> Array:
    """One-sided p of each column (data sets x rules), all signs of data sets, for the largest."""
    sets = len(gains)
    signs = np.array(list(product([1.0, -1.0], repeat=sets)))
    largest = (signs @ gains / sets).max(axis=1)
    return np.array([(largest >= seen - 1e-12).mean() for seen in gains.mean(axis=0)])


def ranks_within(cases: Cases, names: Sequence[str], draws: int, seed: int) -> list[dict[str, Any]]:
    """The mean rank correlation of findings with the lead, among models of one data and direction.

    Leads are permuted among the models; p is two-sided, for the largest over all findings.
    """
    blocks = np.array([f"{c.data} {c.direction}" for c in cases.of])
    rng, leads = np.random.default_rng(seed), cases.leads
    sums, counts = np.zeros((draws + 1, len(names))), np.zeros(len(names))
    for block in np.unique(blocks):
        rows = np.flatnonzero(blocks == block)
        orders = [np.arange(len(rows)), *(rng.permutation(len(rows)) for _ in range(draws))]
        drawn = leads[rows][np.array(orders)]
        for column, name in enumerate(names):
            numbers = cases.finding(name)[rows]
            known = np.isfinite(numbers)
            if known.sum() < FEWEST or np.ptp(numbers[known]) == 0:
                continue
            # a permuted lead may come to stand where the finding is not known
            a = rankdata(numbers[known])
            b = rankdata(drawn[:, known], axis=1)
            a, b = a - a.mean(), b - b.mean(axis=1, keepdims=True)
            size = np.linalg.norm(a) * np.linalg.norm(b, axis=1)
            sums[:, column] += np.divide(b @ a, size, out=np.zeros(len(size)), where=size > 0)
            counts[column] += 1
    means = sums / np.maximum(counts, 1)
    largest = np.abs(means).max(axis=1)
    return [
        {
            "blocks": int(counts[column]),
            "spearman": float(means[0, column]),
            "p": float((largest >= abs(means[0, column]) - 1e-12).mean()),
        }
        for column in range(len(names))
    ]


def analysed(
    cases: Cases, names: Sequence[str], tie: float, draws: int, seed: int
) -> dict[str, Any]:
    """Every rule beside the constants, the tests, and the answer in a word."""
    data, leads = cases.data, cases.leads
    decided = np.abs(leads) > tie
    first, second = cases.pair
    everywhere = np.ones(len(data), dtype=bool)
    plain = {
        f"always {first}": everywhere,
        f"always {second}": ~everywhere,
        HINDSIGHT: in_hindsight(cases),
        LEARNT: left_out(cases, None),
        TRAINED: declared(cases),
    }
    rules = {name: left_out(cases, name) for name in names} | {TOGETHER: together(cases, names)}
    told: dict[str, dict[str, Any]] = {}
    losses: dict[str, Array] = {}
    for name, taken in (plain | rules).items():
        per_set = by_data(lost(taken, leads), data)
        losses[name] = np.array(list(per_set.values()))
        right = by_data((taken == (leads > 0))[decided].astype(float), data[decided])
        told[name] = {
            "regret": float(losses[name].mean()),
            "right": float(np.mean(list(right.values()))),
            "regret_by_data": per_set,
        }
    table = np.column_stack([losses[name] for name in rules])
    tests = {}
    for against, key in ((LEARNT, "p_constant"), (TRAINED, "p_trained")):
        found = flips(losses[against][:, None] - table)
        for name, p in zip(rules, found, strict=True):
            tests.setdefault(name, {})[key] = float(p)
    within = dict(zip(names, ranks_within(cases, names, draws, seed), strict=True))
    for name in rules:
        known = len(data) if name == TOGETHER else int(np.isfinite(cases.finding(name)).sum())
        told[name] |= {"known": known, **tests[name], "within": within.get(name)}
    trained = flips((losses[LEARNT] - losses[TRAINED])[:, None])
    bound = min(told[name]["regret"] for name in plain if name != TRAINED)
    predicts = [
        name
        for name in rules
        if tests[name]["p_constant"] <= ALPHA and told[name]["regret"] < bound
    ]
    beyond = [name for name in predicts if tests[name]["p_trained"] <= ALPHA]
    return {
        "pair": list(cases.pair),
        "cases": len(data),
        "decided": int(decided.sum()),
        "first_ahead": int((decided & (leads > 0)).sum()),
        "data_sets": len(np.unique(data)),
        "answer": "yes" if beyond else "hardly" if predicts else "no",
        "predict": predicts,
        "predict_beyond_training": beyond,
        "p_of_as_trained": float(trained[0]),
        "rules": {name: told[name] for name in plain},
        "findings": {name: told[name] for name in rules},
    }
