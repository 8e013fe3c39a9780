"""How often the recall of a store is what ``export`` and ``verify`` say that it is at least.

Draws the recalls of queries whose mean is known: ten places that are each right by chance, by a
chance that differs from query to query, or all right and all wrong together. Once one collection is
measured; then up to twelve of equal recall, one after the other, until one reaches .98, as an
export does: of those that were taken the share whose bound lies above the truth, among all runs.

    python benchmarks/recall.py
"""

import argparse

import numpy as np

from anglewise.stores.exact_lists import at_least

PLACES, ATTEMPTS, ENOUGH = 10, 12, 0.98
KINDS = ("each by chance", "queries differ", "all or none")


def main() -> None:
    """Print one row for a number of queries and a true recall."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sets", type=int, default=200)
    given = options.parse_args()
    columns = [f"{kind}: {what}" for kind in KINDS for what in ("covered", "taken and too high")]
    print(f"| queries | recall | at least, mean | {' | '.join(columns)} |")
    print("|---" * (3 + len(columns)) + "|")
    for queries in (10, 30, 200):
        for recall in (0.9, 0.95, 0.98, 0.999, 1.0):
            cells, lows = list[str](), list[float]()
            for kind in KINDS:
                rng = np.random.default_rng([queries, round(1000 * recall), KINDS.index(kind)])
                bounds = [at_least(drawn(rng, queries, recall, kind)) for _ in range(given.sets)]
                lows += bounds
                cells.append(f"{np.mean(np.array(bounds) <= recall):.3f}")
                wrong = [_taken_wrongly(rng, queries, recall, kind) for _ in range(given.sets)]
                cells.append(f"{np.mean(wrong):.3f}")
            print(
                f"| {queries} | {recall} | {np.mean(lows):.3f} | {' | '.join(cells)} |", flush=True
            )


def _taken_wrongly(rng: np.random.Generator, queries: int, recall: float, kind: str) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        values = drawn(rng, queries, recall, kind)
        if values.mean() >= ENOUGH:
            return at_least(values, attempt=attempt) > recall
    return False


def drawn(rng: np.random.Generator, queries: int, recall: float, kind: str) -> np.ndarray:
    """The recalls of some queries, whose mean is known."""
    if kind == "all or none":
        return (rng.random(queries) < recall).astype(np.float64)
    chance = np.full(queries, recall)
    if kind == "queries differ" and recall < 1:
        chance = rng.beta(recall / 2, (1 - recall) / 2, queries)
    return rng.binomial(PLACES, chance) / PLACES


if __name__ == "__main__":
    main()
