"""Seconds that each diagnostic takes for a million vectors of 64 dimensions."""

import resource
import time

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.neighbours import Neighbours
from anglewise.equivalent_factorisations.maps import root_of
from anglewise.geometry.crowding import exact_duplicates, hubness, near_duplicates
from anglewise.geometry.dimensions import dimensions, rank_condition
from anglewise.geometry.isotropy import conditioning, isotropy
from anglewise.geometry.norms import norms, spearman

ROWS, DIMENSION, ASKED, K = 1_000_000, 64, 10_000, 10


def main() -> None:
    """Print one line a diagnostic."""
    rng = np.random.default_rng(0)
    side = Embeddings(rng.standard_normal((ROWS, DIMENSION), dtype=np.float32))
    lists = Neighbours(
        "cosine",
        rng.integers(ROWS, size=(ASKED, K)),
        rng.random((ASKED, K), dtype=np.float32),
        np.zeros(ASKED, dtype=np.int64),
    )
    popularity = rng.pareto(1.0, size=ROWS).round(2)
    work = {
        "norms": lambda: norms(side),
        "spearman": lambda: spearman(side.norms, popularity),
        "isotropy": lambda: isotropy(side, rng),
        "exact_duplicates": lambda: exact_duplicates(side),
        "dimensions": lambda: dimensions(side),
        "rank_condition": lambda: rank_condition(side, rng),
        "conditioning of a root": lambda: conditioning(root_of(side).matrix),
        f"hubness of {ASKED:,} lists": lambda: hubness(lists, ROWS, queries=ROWS),
        f"near_duplicates in {ASKED:,} lists": lambda: near_duplicates(lists),
    }
    for name, run in work.items():
        start = time.perf_counter()
        run()
        print(f"{name:<36} {time.perf_counter() - start:6.2f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'peak memory':<36} {peak:6.2f} GB")


if __name__ == "__main__":
    main()
