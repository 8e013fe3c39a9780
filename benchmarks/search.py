"""Exact top-k under five measures: the engine, faiss at its best and at its defaults, the floor.

    python benchmarks/search.py [--threads 1] [--times 5] [--dimensions 64 384] [--k 10 100]

1,000 queries, 100,000 items of lognormal lengths. The floor is the bare float32 product of one
measure (NumPy's sgemm, tile by tile). Everything runs in turn in one process; medians of CPU
seconds of the process, all threads counted; every figure is also given in floors. faiss gets its
items prepared beforehand and block sizes chosen by trial; its five searches are five `knn` calls.
The last column says whether the goal beside it was reached. Then one query at a time among 100,000
items of 384 dimensions, which an index keeps ready and faiss in a flat index; and the five measures
on the vectors of real encoders, if those are there: documents of Cranfield, each mixed with another
to make as many. Extra memory is the growth of the
peak resident size of a process of its own that searches 1,000,000 items.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import faiss
import numpy as np
from goals import note
from threadpoolctl import threadpool_limits

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.nearest_neighbours import scanners as machines
from anglewise.nearest_neighbours.index import Index
from anglewise.nearest_neighbours.search import engine_kind, search

QUERIES, ITEMS, TILE = 1_000, 100_000, 4_096
FIVE = ("dot", "cosine", "euclidean", "norm(0,0.5)", "norm(0,0.25)")
SIX = (*FIVE, "cosine@whitened")
GOALS = {(64, 10): 1.6, (64, 100): 2.0, (384, 10): 1.25, (384, 100): 1.25}
TUNED_GOAL, DEFAULT_GOAL, MEMORY_GOAL = 4.0, 25.0, 200.0
QUERY_BLOCKS, ITEM_BLOCKS = (256, 1024), (1024, 4096, 16384)
DEFAULTS = (
    faiss.cvar.distance_compute_blas_threshold,
    faiss.cvar.distance_compute_blas_query_bs,
    faiss.cvar.distance_compute_blas_database_bs,
)

REAL = Path(__file__).parents[2] / "shared" / "data" / "cranfield" / "vectors"
SINGLE = 100

Work = Callable[[], object]


def main() -> None:
    """Print a table for each dimension and k, then the extra memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[64, 384])
    parser.add_argument("--k", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--memory", action="store_true", help="only print this process's growth")
    options = parser.parse_args()
    if options.memory:
        print(f"{growth():.1f}")
        return
    print(f"engine: {engine_kind()}, faiss {faiss.__version__}, {options.threads} thread(s)")
    faiss.omp_set_num_threads(options.threads)
    with threadpool_limits(options.threads):
        for d, k in product(options.dimensions, options.k):
            table(d, k, options.threads, options.times)
        one_query(options.threads)
        real_encoders(options.threads, options.times)
    grown = float(
        subprocess.run(  # noqa: S603 this very script
            [sys.executable, __file__, "--memory"], capture_output=True, text=True, check=True
        ).stdout
    )
    print(f"\nextra memory at 1,000,000 x 64: {grown:.0f} MB, goal {MEMORY_GOAL:.0f}: ", end="")
    print("reached" if grown <= MEMORY_GOAL else "not reached")


def table(d: int, k: int, threads: int, times: int) -> None:
    """Run everything in turn and print medians, floors and goals."""
    queries, items = vectors(QUERIES, d, 1), vectors(ITEMS, d, 2)
    space = Space(queries=Embeddings(queries), items=Embeddings(items))
    calls = prepared(items)
    blocks = best_blocks(queries, items, k)
    contenders: dict[str, Work] = {
        "bare sgemm, one measure": lambda: sgemm(queries, items),
        "anglewise, five": lambda: search(space, FIVE, k=k, threads=threads),
        "anglewise, five and whitened": lambda: search(space, SIX, k=k, threads=threads),
        "anglewise in NumPy, five": lambda: in_numpy(space, k, threads),
        f"faiss, five, blocks {blocks}": lambda: five(calls, queries, k, (20, *blocks)),
        "faiss, five, defaults": lambda: five(calls, queries, k, DEFAULTS),
    }
    seconds = in_turn(contenders, times)
    floor = seconds["bare sgemm, one measure"]
    ours = seconds["anglewise, five"]
    print(f"\nd = {d}, k = {k}\n{'':32s} CPU s  floors  over ours")
    for name, taken in seconds.items():
        print(f"{name:32s} {taken:5.2f}  {taken / floor:6.2f}  {taken / ours:9.2f}")
    tuned, default = list(seconds.values())[-2:]
    further = (seconds["anglewise, five and whitened"] - ours) / floor
    if (d, k) in GOALS:
        note(
            {
                f"five measures, d {d}, k {k}, in products": ours / floor,
                f"five measures, d {d}, k {k}, times as fast as faiss tuned": tuned / ours,
                f"a further frame, d {d}, k {k}, in products": further,
            }
        )
    goal("a further frame, in floors", further, 1.3 if d == 64 else 1.6, at_most=True)
    goal("five measures, in floors", ours / floor, GOALS.get((d, k)), at_most=True)
    goal("times faster than tuned faiss", tuned / ours, TUNED_GOAL, at_most=False)
    if d == 64:
        goal("times faster than default faiss", default / ours, DEFAULT_GOAL, at_most=False)


def one_query(threads: int) -> None:
    """One query at a time: an index, a flat index of faiss, and NumPy's product alone."""
    items, asked = vectors(ITEMS, 384, 2), iter(vectors(4 * SINGLE, 384, 3))
    index, flat = Index(Embeddings(items), "dot"), faiss.IndexFlatIP(384)
    flat.add(items)
    index.nearest(items[0])
    seconds = in_turn(
        {
            "NumPy, the product": lambda: items @ next(asked),
            "anglewise": lambda: index.nearest(next(asked)),
            "faiss, flat": lambda: flat.search(next(asked)[None], 10),
        },
        SINGLE,
    )
    print(f"\none query, {ITEMS:,} x 384, k = 10, {threads} thread(s)")
    for name, taken in seconds.items():
        print(f"{name:32s} {1e3 * taken:5.2f} ms")
    ratio = seconds["anglewise"] / seconds["faiss, flat"]
    goal("over faiss", ratio, 1.3, at_most=True)
    note({"one query, 1e5 x 384, over faiss flat": ratio})


def real_encoders(threads: int, times: int) -> None:
    """Five measures on real vectors, each mixed with another until there are as many."""
    folders = sorted(REAL.glob("*")) if REAL.exists() else []
    floors = {folder.name: real_floors(folder, threads, times) for folder in folders}
    for name, value in floors.items():
        print(f"\nfive measures, {name}, {ITEMS:,} items, k = 10")
        goal("in floors", value, 0.7, at_most=True)
    if floors:
        note({"five measures, real encoders, in products": max(floors.values())})


def real_floors(folder: Path, threads: int, times: int) -> float:
    """What the five take on the vectors of one encoder, in bare products."""
    rng = np.random.default_rng(0)
    queries = Embeddings(mixed(np.load(folder / "queries.npy"), QUERIES, rng))
    items = Embeddings(mixed(np.load(folder / "items.npy"), ITEMS, rng))
    space = Space(queries=queries, items=items)
    seconds = in_turn(
        {
            "product": lambda: sgemm(queries.vectors, items.vectors),
            "five": lambda: search(space, FIVE, k=10, threads=threads),
        },
        times,
    )
    return seconds["five"] / seconds["product"]


def mixed(x: np.ndarray, rows: int, rng: np.random.Generator) -> np.ndarray:
    """So many rows, each between one of these and another, nearer to the first."""
    first, second = rng.integers(0, len(x), (2, rows))
    share = rng.uniform(0, 0.5, (rows, 1)).astype(np.float32)
    return (x[first] * (1 - share) + x[second] * share).astype(np.float32)


def goal(what: str, value: float, bound: float | None, *, at_most: bool) -> None:
    """Say whether a goal was reached."""
    if bound is None:
        return
    reached = value <= bound if at_most else value >= bound
    sign = "<=" if at_most else ">="
    print(f"  {what}: {value:.2f}, goal {sign} {bound:g}: {'' if reached else 'not '}reached")


def vectors(rows: int, d: int, seed: int) -> np.ndarray:
    """Normal directions, lognormal lengths."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, d), dtype=np.float32)
    x *= rng.lognormal(0, 0.3, (rows, 1)).astype(np.float32)  # in place: the peak is measured
    return x


def prepared(items: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """For each of the five measures, the items and the metric that faiss needs."""
    length = np.linalg.norm(items, axis=1, keepdims=True)
    inner, distance = faiss.METRIC_INNER_PRODUCT, faiss.METRIC_L2
    return [
        (items, inner),
        (items / length, inner),
        (items, distance),
        (items / np.sqrt(length), inner),
        (items / np.sqrt(np.sqrt(length)), inner),
    ]


def five(
    calls: list[tuple[np.ndarray, int]], queries: np.ndarray, k: int, settings: tuple[int, ...]
) -> None:
    """Five searches by faiss under some block sizes."""
    (
        faiss.cvar.distance_compute_blas_threshold,
        faiss.cvar.distance_compute_blas_query_bs,
        faiss.cvar.distance_compute_blas_database_bs,
    ) = settings
    for items, metric in calls:
        faiss.knn(queries, items, k, metric=metric)


def best_blocks(queries: np.ndarray, items: np.ndarray, k: int) -> tuple[int, int]:
    """The block sizes at which faiss is fastest on one measure."""
    call = [(items, faiss.METRIC_INNER_PRODUCT)]
    trials = {
        blocks: (lambda blocks=blocks: five(call, queries, k, (20, *blocks)))
        for blocks in product(QUERY_BLOCKS, ITEM_BLOCKS)
    }
    seconds = in_turn(trials, 2)
    return min(seconds, key=seconds.__getitem__)


def sgemm(queries: np.ndarray, items: np.ndarray) -> None:
    """The bare product, tile by tile."""
    out = np.empty((TILE, len(queries)), dtype=np.float32)
    for start in range(0, len(items), TILE):
        tile = items[start : start + TILE]
        np.matmul(tile, queries.T, out=out[: len(tile)])


def in_numpy(space: Space, k: int, threads: int) -> None:
    """The same search without the compiled part."""
    kernel, machines.KERNEL = machines.KERNEL, None
    try:
        search(space, FIVE, k=k, threads=threads)
    finally:
        machines.KERNEL = kernel


def in_turn(contenders: dict, times: int) -> dict:
    """Median CPU seconds of each, run after one another so that all share the machine's moods."""
    taken: dict = {name: [] for name in contenders}
    for _ in range(times):
        for name, work in contenders.items():
            start = time.process_time()
            work()
            taken[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in taken.items()}


def growth() -> float:
    """Megabytes by which the peak grows when 1,000,000 items are searched."""
    space = Space(
        queries=Embeddings(vectors(QUERIES, 64, 1)), items=Embeddings(vectors(1_000_000, 64, 2))
    )
    search(Space(items=Embeddings(np.eye(64))), FIVE, k=1)  # what imports cost is not the search's
    before = peak()
    search(space, FIVE, k=100)
    return peak() - before


def peak() -> float:
    """Megabytes that were resident at most, as Linux counts them for this process alone."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


if __name__ == "__main__":
    main()
