"""MaxSim of lists of token vectors against the bare matrix product and a NumPy tile.

    python benchmarks/maxsim.py [--items 10000] [--tokens 128] [--queries 100] [--query-tokens 32]
        [--dimension 128] [-k 10] [--runs 5] [--threads 1]

The bare product is sgemm of the same shapes, in tiles whose result fits the cache, the fastest of
several tile sizes; its results are thrown away. ``NumPy tile`` takes the largest and the sum of
each tile, in float32, and orders nothing. Ours is ``anglewise.search`` with exact scores. Medians
of interleaved runs, CPU seconds of the process.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402 # after the number of threads is set

import anglewise as aw  # noqa: E402
from anglewise.nearest_neighbours.search import engine_kind  # noqa: E402

TILES = (1, 2, 4, 8, 16)
"""Items a tile."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="MaxSim against the bare matrix product")
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--query-tokens", type=int, default=32)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    rng = np.random.default_rng(0)
    items = unit(rng.standard_normal((a.items * a.tokens, a.dimension), dtype=np.float32))
    queries = unit(rng.standard_normal((a.queries * a.query_tokens, a.dimension), dtype=np.float32))
    space = aw.Space(
        items=aw.TokenVectors(items, np.arange(a.items + 1) * a.tokens),
        queries=aw.TokenVectors(queries, np.arange(a.queries + 1) * a.query_tokens),
    )
    few = items[: min(a.items, 320) * a.tokens]
    tile = min(TILES, key=lambda size: seconds(lambda: bare(few, queries, size * a.tokens)))
    ways: dict[str, Callable[[], object]] = {
        "bare sgemm": lambda: bare(items, queries, tile * a.tokens),
        "NumPy tile": lambda: numpy_tile(items, queries, a.tokens, a.query_tokens, tile),
        "anglewise": lambda: aw.search(space, "maxsim", k=a.k, threads=a.threads),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(a.runs):
        for name, way in ways.items():
            taken[name].append(seconds(way))
    check(space, a.tokens, a.query_tokens, tile, a.k)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    print(
        f"{a.queries} queries of {a.query_tokens} tokens, {a.items:,} items of {a.tokens}, "
        f"d {a.dimension}, k {a.k}, {engine_kind()}, tiles of {tile} items"
    )
    work = 2 * len(queries) * len(items) * a.dimension
    for name, median in medians.items():
        each = taken[name]
        print(
            f"{name:12} {median:7.2f} s  ({min(each):.2f} to {max(each):.2f})  "
            f"{work / median / 1e9:6.0f} GFLOP/s  {median / medians['bare sgemm']:5.2f} x sgemm"
        )


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of length one."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def bare(items: np.ndarray, queries: np.ndarray, rows: int) -> None:
    """The products alone."""
    room = np.empty((rows, len(queries)), dtype=np.float32)
    for start in range(0, len(items), rows):
        part = items[start : start + rows]
        np.dot(part, queries.T, out=room[: len(part)])


def numpy_tile(
    items: np.ndarray, queries: np.ndarray, tokens: int, query_tokens: int, together: int
) -> np.ndarray:
    """Float32 scores, queries x items."""
    count, asked = len(items) // tokens, len(queries) // query_tokens
    scores = np.empty((asked, count), dtype=np.float32)
    room = np.empty((together * tokens, len(queries)), dtype=np.float32)
    for first in range(0, count, together):
        part = items[first * tokens : (first + together) * tokens]
        table = np.dot(part, queries.T, out=room[: len(part)])
        most = table.reshape(-1, tokens, len(queries)).max(axis=1)
        scores[:, first : first + together] = most.reshape(-1, asked, query_tokens).sum(axis=2).T
    return scores


def check(space: aw.Space, tokens: int, query_tokens: int, tile: int, k: int) -> None:
    """Stop unless the lists are those of the float32 scores, as far as these can tell."""
    found = aw.search(space, "maxsim", k=k)["maxsim"]
    items, queries = space.items, space.queries
    if not isinstance(items, aw.TokenVectors) or not isinstance(queries, aw.TokenVectors):
        raise SystemExit("no token vectors")
    scores = numpy_tile(items.tokens, queries.tokens, tokens, query_tokens, tile)
    best = -np.sort(-scores, axis=1)[:, :k]
    if not np.allclose(best, found.scores, rtol=1e-4, atol=1e-4):
        raise SystemExit("the lists are not those of the float32 scores")


if __name__ == "__main__":
    main()
