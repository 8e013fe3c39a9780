"""How often intervals over queries and trainings cover the truth, and those over queries alone.

    python benchmarks/trainings.py --sets 300

Two measures that are equally good: values of queries in [0, 1], moved by each training. The truth
is a difference of 0 over all queries and all trainings. `claims` is how often the rule says that
one is better, which at 95% it may in one set of twenty. Trainings move both measures (normal), or
one of them by a skewed draw (skewed), or one of them is spoilt in one training of ten (spoilt):
that is no draw of a normal distribution, and what was not seen in two or three is not known.
"""

import argparse
from itertools import product

import numpy as np

from anglewise.statistics.decision import Tolerance, WeightedMeans, decide
from anglewise.statistics.trainings import TrainingMeans

DRAWS = 1000


def moves(kind: str, count: int, sd: float, rng: np.random.Generator) -> np.ndarray:
    """What each training adds to both measures, 0 on average."""
    moved = np.zeros((count, 2))
    if kind == "normal":
        moved = rng.normal(0, sd, (count, 2))
    elif kind == "skewed":
        moved[:, 0] = sd * (rng.exponential(1, count) - 1)
    else:  # 10% lose 3 sd each, which averages to -0.3 sd
        moved[:, 0] = sd * np.where(rng.random(count) < 0.1, -2.7, 0.3)
    return moved


def tried(kind: str, count: int, queries: int, sd: float, sets: int) -> tuple[float, ...]:
    """Coverage and claims over queries and trainings, the same over queries alone, and a width."""
    rng = np.random.default_rng(0)
    both = alone = claimed = claimed_alone = 0
    widths: list[float] = []
    for number in range(sets):
        base = 0.3 + 0.4 * rng.beta(2, 3, queries)
        values = (
            base + rng.normal(0, 0.1, (1, 2, queries)) + rng.normal(0, 0.06, (count, 2, queries))
        )
        values = np.clip(values + moves(kind, count, sd, rng)[:, :, None], 0, 1)
        means = TrainingMeans(tuple(map(str, range(count))), values.mean(axis=2)[:, None])
        mean = values.mean(axis=0)
        drawn = WeightedMeans.of(mean, draws=DRAWS, seed=number)
        moved = drawn.means + means.offsets(DRAWS, seed=number)[:, 0]
        wide = WeightedMeans(moved, drawn.unseen)
        low, high = wide.difference(0, 1)
        both += low <= 0 <= high
        widths.append(high - low)
        low, high = drawn.difference(0, 1)
        alone += low <= 0 <= high
        wins = {"use", "better"}
        claimed += decide(wide, mean.mean(axis=1), 0, Tolerance(0.0, 0.0)).decision in wins
        claimed_alone += decide(drawn, mean.mean(axis=1), 0, Tolerance(0.0, 0.0)).decision in wins
    counts = (both, claimed, alone, claimed_alone)
    return (*(number / sets for number in counts), float(np.mean(widths)))


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=300)
    options = parser.parse_args()
    print("| trainings move by | sd | queries | trainings | covered | claims | width | covered, "
          "queries alone | claims, queries alone |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for kind, sd, queries, count in product(
        ("normal", "skewed", "spoilt"), (0.01, 0.05), (300,), (2, 3, 5)
    ):
        covered, claims, alone, more, width = tried(kind, count, queries, sd, options.sets)
        print(
            f"| {kind} | {sd} | {queries:,} | {count} | {covered:.3f} | {claims:.3f} | {width:.3f} "
            f"| {alone:.3f} | {more:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
