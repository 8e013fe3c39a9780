"""Bootstrap means of many columns over the same resamples of the queries.

    python benchmarks/resampling.py [--resamples 10000] [--queries 100000] [--columns 20]

Ours draws multinomial counts and multiplies them by all columns at once; rivals gather the
drawn queries (NumPy) or resample each column by itself (scipy.stats.bootstrap). Rivals do a part
of the resamples, scaled up. CPU seconds, medians of the repeats, all in one process.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import stats

from anglewise.statistics.resampling import Means, bootstrap
from anglewise.statistics.sign_flip import sign_flips


def seconds(work: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
    """The median time of some runs."""
    taken: list[float] = []
    for _ in range(repeats):
        start = clock()
        work()
        taken.append(clock() - start)
    return float(np.median(taken))


def gathered(values: np.ndarray, resamples: int) -> np.ndarray:
    """The plain way: take the drawn queries of every column, average."""
    rng = np.random.default_rng(0)
    size = values.shape[1]
    return np.stack(
        [values[:, rng.integers(size, size=size)].mean(axis=1) for _ in range(resamples)]
    )


def by_scipy(values: np.ndarray, resamples: int) -> None:
    """Each column by itself, BCa left out."""
    for column in values:
        stats.bootstrap(
            (column,),
            np.mean,
            n_resamples=resamples,
            method="percentile",
            batch=max(1, 10_000_000 // len(column)),
            rng=np.random.default_rng(0),
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    values = np.random.default_rng(0).random((given.columns, given.queries))
    share = max(1, given.resamples // 200)
    scale = given.resamples / share

    def ours(map_: Callable[..., object] = map) -> object:
        return bootstrap(Means(values), given.queries, resamples=given.resamples, map_=map_)  # pyright: ignore[reportArgumentType]

    own = seconds(ours, given.repeats, time.process_time)
    with ThreadPoolExecutor(2) as pool:
        wall = seconds(lambda: ours(pool.map), given.repeats, time.perf_counter)
    flips = seconds(
        lambda: sign_flips(values[:3], flips=given.resamples), given.repeats, time.process_time
    )
    gathers = scale * seconds(lambda: gathered(values, share), given.repeats, time.process_time)
    scipys = scale * seconds(lambda: by_scipy(values, share), 1, time.process_time)
    print(
        f"{given.resamples:,} resamples x {given.queries:,} queries x {given.columns} columns, "
        "CPU seconds"
    )
    print(f"{'way':32} {'seconds':>9} {'over ours':>10}")
    rows = {
        "counts x columns (ours)": own,
        "the same, 2 threads, wall": wall,
        "sign flips of 3 columns (ours)": flips,
        f"NumPy gathers (of {share})": gathers,
        f"scipy.stats.bootstrap (of {share})": scipys,
    }
    for way, taken in rows.items():
        print(f"{way:32} {taken:9.1f} {taken / own:10.1f}")


if __name__ == "__main__":
    main()
