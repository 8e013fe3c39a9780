"""Compare ranked lists with their tests: ours and ranx's, in one run.

    python benchmarks/runs.py [--runs 20] [--queries 10000] [--depth 100] [--times 3]

Both get objects that are in memory: ours the runs and a dict of judgements, ranx its Run and Qrels.
Ours evaluates nDCG@10, draws the weights of the rule, and tests all pairs by sign flips; ranx
evaluates the same metric and tests all pairs by Student's t. CPU seconds of the process, all
threads counted, medians of calls in turn; ranx is compiled before, and what it takes to make its
objects is shown apart. The floor is ours: the evaluation of the lists alone.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

import anglewise as aw
from anglewise.evaluation_metrics.evaluate import evaluate

GOAL = 10.0


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    gains, lists = made(options.runs, options.queries, options.depth)
    took, runs = timed(lambda: [aw.Run.from_dict(one, f"run {i}") for i, one in enumerate(lists)])
    import ranx

    other, (qrels, theirs) = timed(
        lambda: (
            ranx.Qrels(gains),
            [ranx.Run(one, name=f"run {i}") for i, one in enumerate(lists)],
        )
    )
    print(f"{options.runs} runs x {options.queries:,} queries x {options.depth} results")
    print(f"making objects from dicts: anglewise {took:.1f} s, ranx {other:.1f} s")
    result = aw.compare_runs(runs, gains)
    kept = result.evidence
    jobs: dict[str, Callable[[], object]] = {
        "evaluating alone": lambda: evaluate(kept.found, kept.judgements, kept.rows, "nDCG@10"),
        "anglewise": lambda: aw.compare_runs(runs, gains),
        "ranx": lambda: ranx.compare(qrels, theirs, ["ndcg@10"], stat_test="student"),
    }
    for job in jobs.values():
        job()
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(options.times):
        for name, job in jobs.items():
            seconds[name].append(timed(job)[0])
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ours = medians["anglewise"]
    print(f"{'':20s} CPU s  over ours")
    for name, value in medians.items():
        print(f"{name:20s} {value:5.2f}  {value / ours:9.2f}")
    reached = medians["ranx"] / ours
    word = "reached" if reached >= GOAL else "not reached"
    print(f"times faster than ranx: {reached:.1f}, goal >= {GOAL:g}: {word}")


def made(
    runs: int, queries: int, depth: int
) -> tuple[dict[str, dict[str, int]], list[dict[str, dict[str, float]]]]:
    """Judgements, ten a query, and lists that find them more or less often."""
    rng = np.random.default_rng(0)
    names = [f"d{i}" for i in range(100_000)]
    gains: dict[str, dict[str, int]] = {}
    lists: list[dict[str, dict[str, float]]] = [{} for _ in range(runs)]
    scores = (depth - np.arange(depth)).astype(float).tolist()
    for query in range(queries):
        pool = rng.choice(len(names), 2 * depth, replace=False)
        gains[f"q{query}"] = {
            names[i]: int(grade) for i, grade in zip(pool[:10], rng.integers(0, 4, 10), strict=True)
        }
        for run in lists:
            listed = rng.permutation(pool)[:depth].tolist()
            run[f"q{query}"] = {names[i]: s for i, s in zip(listed, scores, strict=True)}
    return gains, lists


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


if __name__ == "__main__":
    main()
