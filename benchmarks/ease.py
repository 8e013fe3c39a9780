"""Item-item weights (EASE): ours and the usual recipes, CPU seconds and accuracy in one run.

    python benchmarks/ease.py [ratings.csv.gz ...] [--penalty 500] [--times 3]

Without files a simulated catalogue is taken. Gram matrix and inverse are timed apart, in turn,
medians of CPU seconds of the process (all threads counted; set OPENBLAS_NUM_THREADS=1 for
ratios). The error is the largest difference of a weight from float64, over the largest weight.
Then a path of penalties: one decomposition for all against one inverse each.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from goals import note

from anglewise.experiment.catalogue import simulate
from anglewise.io.read import read_interactions
from anglewise.recommender_models.ease import fit_ease, penalty_path
from anglewise.recommender_models.normalisation import AsIs
from anglewise.recommender_models.svd import lower_gram


def main() -> None:
    """Print one table a file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--penalty", type=float, default=500.0)
    parser.add_argument("--times", type=int, default=1)
    options = parser.parse_args()
    tables = {file: read_interactions(file) for file in options.files}
    if not tables:
        tables = {"simulated catalogue": simulate().interactions}
    for name, interactions in tables.items():
        X = interactions.rows().ones()
        print(f"\n{name}: {X.shape[0]:,} x {X.shape[1]:,}, {X.nnz:,} interactions")
        grams(X, options.times)
        whole(X, options.penalty, options.times)
        path(X)


def grams(X: Any, times: int) -> None:
    """The Gram matrix, dense at last."""
    ways = {"ours": lambda: lower_gram(X), "scipy": lambda: np.asarray((X.T @ X).toarray())}
    table("Gram matrix", times, ways)


def whole(X: Any, penalty: float, times: int) -> None:
    """The weights from the table."""
    found = table(
        "weights",
        times,
        {
            "ours": lambda: fit_ease(X, penalty).weights,
            "scipy, numpy.linalg.inv": lambda: recipe(X, penalty, np.float64),
            "the same in float32": lambda: recipe(X, penalty, np.float32),
        },
    )
    exact = found["scipy, numpy.linalg.inv"]
    for name in ("ours", "the same in float32"):
        print(f"  error of {name}: {np.abs(found[name] - exact).max() / np.abs(exact).max():.0e}")


def recipe(X: Any, penalty: float, kind: Any) -> Any:
    """As it stands in most libraries: a sparse Gram matrix made dense, and a general inverse."""
    gram = (X.T @ X).toarray().astype(kind)
    gram[np.diag_indices(len(gram))] += penalty
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    weights[np.diag_indices(len(weights))] = 0
    return weights


def path(X: Any) -> None:
    """Penalties by validation."""
    started = time.process_time()
    tried = penalty_path(X, AsIs())
    spent = time.process_time() - started
    each = statistics.median(seconds(lambda: fit_ease(X, tried.best)) for _ in range(3))
    note({"EASE, a path of penalties, in fits": spent / each})
    print(f"  {len(tried.penalties)} penalties: {spent:.2f} s, one fit {each:.2f} s ({tried})")


def table(title: str, times: int, ways: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """One line a rival, the first is ours; what each found."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, Any] = {}
    for _ in range(times):
        for name, way in ways.items():
            started = time.process_time()
            found[name] = way()
            spent[name].append(time.process_time() - started)
    ours = statistics.median(next(iter(spent.values())))
    if title == "weights":
        usual = statistics.median(spent["scipy, numpy.linalg.inv"])
        note({"EASE, times as fast as the usual recipe": usual / ours})
    for name, all_times in spent.items():
        median = statistics.median(all_times)
        print(f"  {title:12s} {name:26s} {median:7.2f} s {median / ours:6.2f}", flush=True)
    return found


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
