"""Recommendations for every user of MovieLens-1M, and for one: ours and implicit's, in one run.

    python benchmarks/recommend.py [--threads 1] [--times 9] [--factors 64] [--k 10] [--data FILE]

An ALS model of implicit is trained once; both recommend the ten best items that each user has
not used, from the same factors. In turn in one process, medians of CPU seconds of the process
(all threads counted) and of wall seconds. implicit gets its CSR matrix, ours its space, ready
made. Both lists are compared, score by score. Then single lists, of users and of items, one call
each: medians of as many calls, in turn, beside the product of the items with one vector by NumPy.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import implicit
import numpy as np
from goals import note
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.io.models_in_memory import from_model
from anglewise.io.read import read_interactions
from anglewise.recommendation.recommender import Recommender

SINGLE, ITEMS = 400, 17_617
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
        one_user, one_item = single_lists(model, recommender, user_items, options.k)
        made_user, made_item = single_lists(*made(options.factors), options.k)
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
    note({"lists of all users, MovieLens-1M, times as fast as implicit": their_cpu / cpu})
    heads = f"{'product':>8s} {'implicit':>9s} {'anglewise':>10s} {'ratio':>6s}"
    print(f"\n{'one list, CPU ms':33s} {heads}")
    for name, taken in (
        ("list of one user, MovieLens-1M", one_user),
        ("list like one item, MovieLens-1M", one_item),
        ("list of one user, 17,617 x 64", made_user),
        ("list like one item, 17,617 x 64", made_item),
    ):
        floor, its, own = (1e3 * taken[who][0] for who in ("product", "implicit", "anglewise"))
        words = "goal 2: reached" if own <= 2 * its else "goal 2: not reached"
        print(f"{name:33s} {floor:8.3f} {its:9.3f} {own:10.3f} {own / its:6.2f}  {words}")
        note({f"{name}, over implicit": own / its})


def made(factors: int) -> tuple[Any, Recommender, csr_matrix]:
    """A model of implicit and a recommender of the same made vectors, and what users used."""
    rng = np.random.default_rng(0)
    users, items = (rng.standard_normal((n, factors), dtype=np.float32) for n in (5_000, ITEMS))
    items *= rng.lognormal(0, 0.3, (ITEMS, 1)).astype(np.float32)
    pairs = np.unique(rng.integers(0, len(users) * ITEMS, 100 * len(users)))
    ones = np.ones(len(pairs), dtype=np.float32)
    used = csr_matrix((ones, np.divmod(pairs, ITEMS)), shape=(len(users), ITEMS))
    model = implicit.als.AlternatingLeastSquares(factors=factors, num_threads=1)
    model.user_factors, model.item_factors = users, items
    space = Space(queries=Embeddings(users), items=Embeddings(items), seen=used)
    return model, Recommender(space, threads=1), used


def single_lists(
    model: Any, recommender: Recommender, user_items: csr_matrix, k: int
) -> tuple[dict, dict]:
    """What one list takes: of a user, and of an item, each time of another."""
    users, items = user_items.shape
    factors = np.ascontiguousarray(model.item_factors[:, : recommender.space.items.dimension])
    number = iter(np.random.default_rng(0).integers(0, min(users, items), 1 << 20))
    each = [user_items[row] for row in range(min(users, items))]

    def product() -> None:
        factors @ factors[next(number)]

    def their_user() -> None:
        row = next(number)
        model.recommend(row, each[row], N=k)

    of_user = {
        "product": product,
        "implicit": their_user,
        "anglewise": lambda: recommender.recommend(rows=[next(number)], k=k),
    }
    of_item = {
        "product": product,
        "implicit": lambda: model.similar_items(next(number), N=k + 1),
        "anglewise": lambda: recommender.similar_items(rows=[next(number)], k=k),
    }
    return in_turn(of_user, SINGLE), in_turn(of_item, SINGLE)


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
