"""Recommendations for every user of MovieLens-1M: ours and implicit's, in one run.

    python benchmarks/recommend.py [--threads 1] [--times 9] [--factors 64] [--k 10] [--data FILE]

An ALS model of implicit is trained once; both recommend the ten best items that each user has
not used, from the same factors. In turn in one process, medians of CPU seconds of the process
(all threads counted) and of wall seconds. implicit gets its CSR matrix, ours its space, ready
made. Both lists are compared, score by score.
"""

import argparse
import statistics
import time
from pathlib import Path

import implicit
import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from anglewise.io.model_readers import from_model
from anglewise.io.read import read_interactions
from anglewise.recommendation.recommender import Recommender

DATA = Path(__file__).parents[2] / "shared" / "data" / "ml-1m" / "interactions.csv.gz"


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    table = read_interactions(options.data)
    used = table.rows()
    shape = (used.values.astype(np.float32), used.indices.astype(np.int32), used.indptr)
    user_items = csr_matrix(shape, shape=used.shape)
    with threadpool_limits(1, "blas"):
        model = implicit.als.AlternatingLeastSquares(
            factors=options.factors, iterations=3, random_state=0, num_threads=options.threads
        )
        model.fit(user_items, show_progress=False)
        recommender = Recommender(from_model(model, seen=used), threads=options.threads)
        users = np.arange(used.shape[0])
        taken = in_turn(
            {
                "implicit": lambda: model.recommend(users, user_items, N=options.k),
                "anglewise": lambda: recommender.recommend(k=options.k),
            },
            options.times,
        )
        theirs = model.recommend(users, user_items, N=options.k)[1]
        ours = recommender.recommend(k=options.k).scores
    print(
        f"{used.shape[0]:,} users x {used.shape[1]:,} items, {options.factors} factors, "
        f"k = {options.k}, {options.threads} thread(s), implicit {implicit.__version__}"
    )
    print(f"{'seconds':12s} {'CPU':>8s} {'wall':>8s}")
    for name, (cpu, wall) in taken.items():
        print(f"{name:12s} {cpu:8.3f} {wall:8.3f}")
    (cpu, wall), (their_cpu, their_wall) = taken["anglewise"], taken["implicit"]
    reached = "reached" if cpu <= their_cpu and wall <= their_wall else "not reached"
    print(
        f"times as fast: {their_cpu / cpu:.2f} in CPU, {their_wall / wall:.2f} in wall, "
        f"goal 1: {reached}; largest difference of scores {np.abs(theirs - ours).max():.1e}"
    )


def in_turn(contenders: dict, times: int) -> dict:
    """Median CPU and wall seconds of each, run after one another; the first run warms up."""
    taken: dict = {name: [] for name in contenders}
    for _ in range(times + 1):
        for name, work in contenders.items():
            cpu, wall = time.process_time(), time.perf_counter()
            work()
            taken[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    return {
        name: tuple(statistics.median(column) for column in zip(*values[1:], strict=True))
        for name, values in taken.items()
    }


if __name__ == "__main__":
    main()
