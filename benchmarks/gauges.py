"""Time to move a space to the balanced gauge, beside the matrix products that it cannot avoid.

    python benchmarks/gauges.py [--rows 1000000] [--width 128]

Rows are those of each side. The floor is one pass of each of the products of the way, in the
same blocks of float64: two Gram matrices and one map to find the maps, and one to move, on both
sides. Seconds on the clock, and of all processors.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.equivalent_factorisations.canonical import gauge
from anglewise.equivalent_factorisations.certificates import witness
from anglewise.equivalent_factorisations.gap import gauge_gap
from anglewise.equivalent_factorisations.maps import ROWS

GOAL = 10.0


def main() -> None:
    """Print one line a task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=128)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = (options.rows, options.width)
    P, Q = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
    space = Space(queries=Embeddings(P), items=Embeddings(Q), trained_for="dot")
    print(f"{options.rows:,} queries and items, {options.width} columns (goal: {GOAL:g} s)")

    floor = timed("the bare products", lambda: [products(side) for side in (P, Q)])
    whole = timed("balanced, from nothing", lambda: gauge("balanced").apply(space))
    print(f"{'':28}{whole / floor:.2f} of the bare products, by processor time")
    timed("another gauge of the same", lambda: gauge("power(0.3)").apply(space))
    timed("gauge gap, roots known", lambda: gauge_gap(space))
    timed("witness of one item", lambda: witness(Q, 0, condition=1.5))


def products(x: np.ndarray) -> None:
    """What two Gram matrices, one of them after a map, and one more map cost."""
    through = np.eye(x.shape[1])
    for i in range(0, len(x), ROWS):
        block = x[i : i + ROWS].astype(np.float64)
        block.T @ block
        moved = block @ through
        moved.T @ moved
        block @ through


def timed(name: str, work: Callable[[], Any]) -> float:
    """Processor seconds of one run, both clocks printed."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    print(f"{name:28}{clock:8.2f} s clock {processor:8.2f} s processor", flush=True)
    return processor


if __name__ == "__main__":
    main()
