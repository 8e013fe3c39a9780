"""100 exponents of the items' length beside one search, and beside 100 separate searches.

    python benchmarks/norm_sweep.py [--times 5] [--dimensions 64 384] [--k 10]

1,000 queries, 100,000 items of lognormal lengths, one thread; medians of CPU seconds of the
process, everything in turn in the same run. ``norm(0,0)`` to ``norm(0,1)``; the goal is at most
four times one search. Lists, scores and ties of ten of them are compared with separate searches.
"""

import argparse
import statistics
import time

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.engine import exponents
from anglewise.engine.search import engine_kind, search

QUERIES, ITEMS, SETTINGS, GOAL = 1_000, 100_000, 100, 4.0
NAMES = [f"norm(0,{b:.4g})" for b in np.linspace(0, 1, SETTINGS)]


def main() -> None:
    """Print a line for each dimension."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[64, 384])
    parser.add_argument("--k", type=int, default=10)
    options = parser.parse_args()
    print(f"engine: {engine_kind()}, 1 thread, {SETTINGS} exponents, k = {options.k}")
    for d in options.dimensions:
        line(d, options.k, options.times)


def line(d: int, k: int, times: int) -> None:
    """Measure, compare, print."""
    space = Space(
        queries=Embeddings(vectors(QUERIES, d, 1)), items=Embeddings(vectors(ITEMS, d, 2))
    )
    taken: dict[str, list[float]] = {"one": [], "swept": [], "in one pass": []}
    for _ in range(times):
        taken["one"].append(timed(space, ["norm(0,0.5)"], k))
        taken["swept"].append(timed(space, NAMES, k))
        taken["in one pass"].append(plainly(space, k))
    one, swept, plain = (statistics.median(values) for values in taken.values())
    print(
        f"d = {d}: one {one:.2f} s, swept {swept:.2f} s ({swept / one:.2f} of one), "
        f"in one pass without the sweep {plain:.2f} s ({plain / one:.2f}), "
        f"lists as by separate searches: {alike(space, k)}; "
        f"goal at most {GOAL:g}: {'' if swept <= GOAL * one else 'not '}reached"
    )


def timed(space: Space, names: list[str], k: int) -> float:
    """CPU seconds of one search."""
    start = time.process_time()
    search(space, names, k=k, threads=1)
    return time.process_time() - start


def plainly(space: Space, k: int) -> float:
    """The same with every exponent searched in the shared pass."""
    many, exponents.MANY = exponents.MANY, SETTINGS + 1
    try:
        return timed(space, NAMES, k)
    finally:
        exponents.MANY = many


def alike(space: Space, k: int) -> str:
    """In how many of some exponents all lists, scores and ties are those of a separate search."""
    found, some = search(space, NAMES, k=k, threads=1), NAMES[::11]
    equal = 0
    for name in some:
        alone = search(space, name, k=k, threads=1)[name]
        equal += all(
            np.array_equal(getattr(alone, part), getattr(found[name], part))
            for part in ("indices", "scores", "tied_at_cut")
        )
    return f"{equal} of {len(some)}"


def vectors(rows: int, d: int, seed: int) -> np.ndarray:
    """Normal directions, lognormal lengths."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, d), dtype=np.float32)
    return x * rng.lognormal(0, 0.3, (rows, 1)).astype(np.float32)


if __name__ == "__main__":
    main()
