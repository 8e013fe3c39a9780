"""Simulate a machine and people who judge together: coverage, and what the machine saves.

    python benchmarks/assisted.py [--trials N] [--data ../shared/data] [SET ...]

prints the table of docs/background/statistics.md, and every row that it sums up. Each trial draws
queries from a set with replacement, lets a machine grade their pools, draws pairs for people by the
functions behind `judge sample --double`, and makes intervals by those behind `compare --assisted`.
The truth is the mean difference in discounted gain over all queries of the set. `labels` are
people's grades over those that whole queries, drawn at random, take for the same variance: their
variance over queries is known.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt
from pathlib import Path

import numpy as np

from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.evaluation_metrics.differing_pairs import SAME
from anglewise.labelling.double_draw import double_chances, draw_by_query
from anglewise.statistics.prediction_powered import (
    DoublyGraded,
    corrected,
    draw_variance,
    mean_interval,
    predictions,
    query_variance,
    random_folds,
    too_few,
)

ROOT = Path(__file__).parents[1]
SIZES = ((20, 0.25), (30, 0.1), (30, 0.25), (60, 0.1), (60, 0.25))
"""Queries, and the part of the pool that people grade."""
DEPTH = 10
OFTEN = 0.1
"""Coverage is told where at least this part of the trials gave an interval."""


@dataclass(frozen=True, eq=False)
class GradedSet:
    """Pools of queries under two measures, with the grades that people would give.

    Attributes
    ----------
    starts
        The number of each query's first pair, and at the end the number of all pairs.
    weights
        The discount of each pair under the second measure less that under the first.
    grades
        What people say.
    highest
        The highest grade of the set.
    """

    starts: Int64[Array, " queries_and_one"]
    weights: Float64[Array, " pairs"]
    grades: Float64[Array, " pairs"]
    highest: int

    @property
    def queries(self) -> int:
        """How many queries there are."""
        return len(self.starts) - 1

    @property
    def differences(self) -> Float64[Array, " queries"]:
        """The true difference in discounted gain of each query."""
        sums = np.concatenate([[0.0], np.cumsum(self.weights * self.grades)])
        return np.diff(sums[self.starts])

    def drawn(self, queries: int, rng: np.random.Generator) -> "GradedSet":
        """So many queries, drawn with replacement."""
        chosen = rng.integers(0, self.queries, queries)
        sizes = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        pairs = np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], sizes)
        return GradedSet(starts, self.weights[pairs], self.grades[pairs], self.highest)


Machine = Callable[[GradedSet, np.random.Generator], Array]


def right(accuracy: float, graded: GradedSet, rng: np.random.Generator) -> Array:
    """Right so often, and else any other grade, each as often."""
    top, grades = graded.highest, graded.grades
    other = (grades + rng.integers(1, top + 1, len(grades))) % (top + 1)
    return np.where(rng.random(len(grades)) < accuracy, grades, other)


def by_chance(graded: GradedSet, rng: np.random.Generator) -> Array:
    """Any grade, whatever the pair."""
    return rng.integers(0, graded.highest + 1, len(graded.grades)).astype(float)


def reversed_grades(graded: GradedSet, rng: np.random.Generator) -> Array:
    """The highest grade for what is not relevant, and the other way round."""
    del rng
    return graded.highest - graded.grades


def favouring(graded: GradedSet, rng: np.random.Generator) -> Array:
    """Right four times in five; then half the time a grade off, as pleases the second measure."""
    more = np.where(graded.weights > 0, 1, -1) * (rng.random(len(graded.grades)) < 0.5)
    return np.clip(right(0.8, graded, rng) + more, 0, graded.highest)


def none(graded: GradedSet, rng: np.random.Generator) -> Array:
    """No machine: people's pairs are drawn by the difference of the discounts alone."""
    del rng
    return np.zeros(len(graded.grades))


MACHINES: dict[str, Machine] = {
    "80% right": partial(right, 0.8),
    "90% right": partial(right, 0.9),
    "favouring one": favouring,
    "random": by_chance,
    "reversed": reversed_grades,
    "none": none,
}


# sets


def made(
    thresholds: Sequence[float], strengths: tuple[float, float], common: float, seed: int
) -> GradedSet:
    """400 queries of 200 items whose relevance two measures see through noise, partly the same."""
    rng = np.random.default_rng(seed)
    weights: list[Array] = []
    grades: list[Array] = []
    for _ in range(400):
        relevance = rng.normal(size=200) + 0.5 * rng.normal()
        same = rng.normal(size=200)
        discounts = np.zeros((2, 200))
        for row, strength in enumerate(strengths):
            noise = common * same + sqrt(1 - common**2) * rng.normal(size=200)
            score = strength * relevance + sqrt(1 - strength**2) * noise
            first = np.argsort(-score)[:DEPTH]
            discounts[row, first] = 1 / np.log2(np.arange(DEPTH) + 2)
        pool = np.flatnonzero(discounts.any(axis=0))
        weights.append(discounts[1, pool] - discounts[0, pool])
        grades.append(np.searchsorted(thresholds, relevance[pool]).astype(float))
    return _set(weights, grades)


def _set(weights: Sequence[Array], grades: Sequence[Array]) -> GradedSet:
    starts = np.concatenate([[0], np.cumsum([len(part) for part in weights])])
    every = np.concatenate(grades)
    return GradedSet(starts, np.concatenate(weights), every, int(every.max()))


def real(data: Path, name: str, vectors: str) -> GradedSet:
    """The first ten of dot and of cosine on a real set; what nobody judged is not relevant."""
    import anglewise as aw
    from anglewise.evaluation_metrics.pools import Pool
    from anglewise.nearest_neighbours.search import search

    folder = data / name / "vectors" / vectors
    space = aw.read_space(
        items=folder / "items.npy",
        item_ids=folder / "items.txt",
        queries=folder / "queries.npy",
        query_ids=folder / "queries.txt",
    )
    judged = aw.read_judgements(data / name / "qrels.tsv", space)
    rows = judged.judged_rows
    pool = Pool.of(search(space, "dot,cosine", k=DEPTH, rows=rows), judged, rows, DEPTH)
    cuts = np.searchsorted(pool.lists, np.arange(1, pool.queries))
    weights = pool.discounts[:, 1] - pool.discounts[:, 0]
    return _set(np.split(weights, cuts), np.split(np.maximum(pool.gains, 0), cuts))


def graded_sets(data: Path) -> dict[str, Callable[[], GradedSet]]:
    """What makes each set."""
    return {
        "Cranfield": lambda: real(data, "cranfield", "paraphrase-L3"),
        "SciFact": lambda: real(data, "scifact", "glove50-sum"),
        "made, many relevant": lambda: made((0.8, 1.5, 2.2), (0.5, 0.62), 0.8, 1),
        "made, few relevant": lambda: made((2.6,), (0.45, 0.55), 0.7, 2),
    }


# trials


@dataclass(frozen=True)
class Trial:
    """One estimate, with the machine and without, and its interval if it has one."""

    estimate: float
    without: float
    labels: int
    pairs: int
    low: float
    high: float
    told: bool
    ratio: float
    """Labels over those of whole queries, as the interval's own data estimate it."""


def trial(
    graded: GradedSet, machine: Machine, queries: int, part: float, rng: np.random.Generator
) -> Trial:
    """Draw queries, let the machine grade, draw pairs, and estimate."""
    here = graded.drawn(queries, rng)
    lists = np.repeat(np.arange(queries), np.diff(here.starts))
    spread = np.where(np.abs(here.weights) > SAME, np.abs(here.weights), 0.0)
    grades = machine(here, rng)
    chances = double_chances(spread, grades, round(part * len(lists)))
    drawn = np.zeros(len(lists), dtype=bool)
    drawn[draw_by_query(lists, chances, rng)] = True
    people = np.where(drawn, here.grades, 0.0)
    pairs = DoublyGraded(lists, here.weights, grades, people, drawn, chances, queries)
    folds = random_folds(queries, rng)
    predicted = predictions(pairs, folds)
    values = corrected(pairs, predicted)
    alone = pairs.without_machine()
    without = corrected(alone, predictions(alone, folds))
    interval = mean_interval(values)
    spread_of_queries = query_variance(pairs, values, predicted)
    as_good = spread_of_queries + draw_variance(pairs, predicted)
    as_good = queries * spread_of_queries / as_good if as_good > 0 else 0.0
    whole = as_good * len(lists) / queries
    return Trial(
        float(values.mean()),
        float(without.mean()),
        int(drawn.sum()),
        len(lists),
        interval.low,
        interval.high,
        not too_few(pairs) and bool(np.isfinite(interval.low)),
        float(drawn.sum() / whole) if whole > 0 else np.inf,
    )


@dataclass(frozen=True)
class Outcome:
    """What many trials of one kind come to.

    ``coverage`` is among the trials that gave an interval, ``told`` the part that did; ``labels``
    and ``without`` are people's grades over those of whole queries of the same variance, with the
    machine and by the same draw without it; ``estimated`` is the median of what a trial says;
    ``bias`` is in standard errors of the simulation.
    """

    coverage: float
    told: float
    labels: float
    without: float
    estimated: float
    bias: float

    @property
    def wrong(self) -> float:
        """The part of all trials that gave an interval which does not hold the truth."""
        return 0.0 if np.isnan(self.coverage) else self.told * (1 - self.coverage)


def outcome(
    graded: GradedSet, machine: Machine, queries: int, part: float, *, trials: int, seed: int = 0
) -> Outcome:
    """Run them, all from one seed."""
    rng = np.random.default_rng(seed)
    runs = [trial(graded, machine, queries, part, rng) for _ in range(trials)]
    truth, spread = float(graded.differences.mean()), float(graded.differences.var())
    told = [run for run in runs if run.told]
    held = [run.low <= truth <= run.high for run in told]
    pool = len(graded.weights) / graded.queries
    labels = float(np.mean([run.labels for run in runs]))
    estimates, without = (
        np.array([getattr(run, name) for run in runs]) for name in ("estimate", "without")
    )
    per_variance = labels / (spread * pool)
    return Outcome(
        float(np.mean(held)) if held else np.nan,
        len(told) / trials,
        per_variance * float(estimates.var()),
        per_variance * float(without.var()),
        float(np.median([run.ratio for run in told])) if told else np.nan,
        float((estimates.mean() - truth) / max(estimates.std() / sqrt(trials), 1e-12)),
    )


Found = dict[tuple[int, float, str], Outcome]
"""By queries, part and machine."""


def outcomes(graded: GradedSet, trials: int) -> Found:
    """What each number of queries, part and machine comes to."""
    return {
        (queries, part, machine): outcome(graded, grade, queries, part, trials=trials, seed=number)
        for queries, part in SIZES
        for number, (machine, grade) in enumerate(MACHINES.items())
    }


def summary(name: str, found: Found) -> Iterator[str]:
    """One line for each machine: the worst over numbers of queries and parts, and the ranges."""
    for machine in MACHINES:
        of_machine = [value for key, value in found.items() if key[2] == machine]
        often = [one.coverage for one in of_machine if one.told >= OFTEN]
        wrong = max(one.wrong for one in of_machine)
        labels = [one.labels for one in of_machine]
        coverage = f"{min(often):.3f}" if often else "none"
        told = [one.told for one in of_machine]
        yield (
            f"| {name} | {machine} | {coverage} | {wrong:.3f} | {min(told):.2f}-{max(told):.2f} | "
            f"{min(labels):.2f}-{max(labels):.2f} |"
        )


def rows(name: str, found: Found) -> Iterator[str]:
    """One line for each."""
    for (queries, part, machine), one in found.items():
        coverage = "none" if np.isnan(one.coverage) else f"{one.coverage:.3f}"
        yield (
            f"| {name} | {queries} | {part:.0%} | {machine} | {coverage} | {one.told:.2f} | "
            f"{one.labels:.2f} | {one.without:.2f} | {one.estimated:.2f} | {one.bias:+.1f} |"
        )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="A machine and people who judge together.")
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    options = parser.parse_args()
    known = graded_sets(options.data)
    if unknown := set(options.sets) - set(known):
        parser.error(f"no set is called {min(unknown)}: there are {', '.join(known)}")
    every: list[str] = []
    print("| set | machine | coverage | wrong | told | labels |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in options.sets or known:
        try:
            graded = known[name]()
        except OSError as missing:
            if options.sets:
                raise
            print(f"{name}: left out ({missing})")
            continue
        found = outcomes(graded, options.trials)
        print(*summary(name, found), sep="\n", flush=True)
        every += rows(name, found)
    print(
        "\n| set | queries | judged | machine | coverage | told | labels | without | said | bias |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    print(*every, sep="\n")


if __name__ == "__main__":
    main()
