"""The audit of a large space beside the bare matrix products that its searches need.

    python benchmarks/audit.py [--items 1000000] [--users 100000] [--dimension 64] [--threads 2]

Two made-up sides with lognormal lengths and a falling spectrum; 10,000 of each side ask. The floor
is NumPy's float32 product of as many queries and items as the audit looks at, tile by tile, in
the same process before the audit. Prints seconds of the clock and of the processor, their ratios
to the floor, and the peak resident size. Goals: three minutes, 4 GB, 1.3 floors.

Then what the simulation of trainings adds to an audit of the linear model of MovieLens-1M (in
``--data``, left out where that is missing): at most half of the audit without it.
"""

import argparse
import resource
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from threadpoolctl import threadpool_limits

from anglewise.auditing.audit import audit
from anglewise.auditing.certified import CONDITIONS, DRAWS
from anglewise.auditing.gauge_overlap import STEPS
from anglewise.auditing.subject import GAUGES, SMALL_SAMPLE
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.io.read import read_interactions
from anglewise.recommender_models.fit import fit

SAMPLE, TILE, ASKED = 10_000, 4096, 1000
GOALS = {"seconds": 180.0, "GB": 4.0, "floors": 1.3, "simulation": 0.5}


def main() -> None:
    """Time the floor, then the audit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    space = made(options.users, options.items, options.dimension)
    with threadpool_limits(options.threads):
        rate, cpu_rate = products_per_second(space)
    pairs = products(options.users, options.items)
    floor, cpu_floor = pairs / rate, pairs / cpu_rate
    started, cpu = perf_counter(), process_time()
    result = audit(space, sample=SAMPLE, threads=options.threads)
    wall, cpu = perf_counter() - started, process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{options.users:,} users, {options.items:,} items, d = {options.dimension}: {result}")
    print(f"bare products {floor:.1f} s, {cpu_floor:.1f} s of processor time")
    print(f"audit {wall:.1f} s (goal {GOALS['seconds']:.0f}), {cpu:.1f} s of processor time")
    print(
        f"{wall / floor:.2f} floors by the clock, {cpu / cpu_floor:.2f} by processor time", end=""
    )
    print(f" (goal {GOALS['floors']}), {peak:.2f} GB (goal {GOALS['GB']})", flush=True)
    interactions = options.data / "ml-1m" / "interactions.csv.gz"
    if interactions.is_file():
        simulation(fit(read_interactions(interactions), components=64).space, options.threads)


def simulation(space: Space, threads: int) -> None:
    """What it adds to simulate where such trainings end."""
    times: list[float] = []
    for optimiser in (None, "gd", None, "gd"):
        started = process_time()
        audit(space, optimiser=optimiser, threads=threads)
        times.append(process_time() - started)
    without, more = min(times[::2]), min(times[1::2])
    print(
        f"ml-1m: audit {without:.1f} s of processor time, with simulated trainings {more:.1f}: "
        f"{more / without - 1:.2f} of it more (goal {GOALS['simulation']})"
    )


def made(users: int, items: int, dimension: int) -> Space:
    """Factors of a model with a falling spectrum, in a gauge of no name."""
    rng = np.random.default_rng(0)
    spectrum = (1 + np.arange(dimension)) ** -0.5
    sides: list[np.ndarray] = []
    for rows, power in ((users, 0.7), (items, 0.3)):
        x = rng.standard_normal((rows, dimension), dtype=np.float32)
        x *= np.exp(0.5 * rng.standard_normal((rows, 1), dtype=np.float32))
        sides.append(x * spectrum.astype(np.float32) ** power)
    return Space(queries=Embeddings(sides[0]), items=Embeddings(sides[1]), trained_for="dot")


def products(users: int, items: int) -> float:
    """How many pairs of a query and an item the searches of the audit score, once a frame."""
    frames = 1 + len(GAUGES["items-items"])
    again = 2 + len(CONDITIONS) * DRAWS + len(STEPS)  # given lists come twice more, for both
    most = {"items-items": items, "queries-queries": users, "queries-items": items}
    asked = {"items-items": items, "queries-queries": users, "queries-items": users}
    total = 0.0
    for way, ranked in most.items():
        total += frames * min(SAMPLE, asked[way]) * ranked
        if way != "queries-items":
            total += again * min(SMALL_SAMPLE, asked[way]) * ranked
    return total


def products_per_second(space: Space) -> tuple[float, float]:
    """Of the bare product of 1,000 queries with every item: of the clock, of the processor."""
    queries = space.queries.vectors[:ASKED]
    out = np.empty((len(queries), TILE), dtype=np.float32)
    for _ in range(2):  # the first pass warms up
        started, cpu = perf_counter(), process_time()
        for start in range(0, len(space.items), TILE):
            tile = space.items.vectors[start : start + TILE]
            np.matmul(queries, tile.T, out=out[:, : len(tile)])
        elapsed, cpu = perf_counter() - started, process_time() - cpu
    pairs = len(queries) * len(space.items)
    return pairs / elapsed, pairs / cpu


if __name__ == "__main__":
    main()
