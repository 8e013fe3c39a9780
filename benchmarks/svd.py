"""Truncated SVD of sparse interactions: ours and others', time and accuracy in one run.

    python benchmarks/svd.py [ratings.csv.gz ...] [--components 64 100]

Without files a simulated catalogue is taken. CPU seconds of the process (all its threads),
medians of runs in turn. Errors are against the whole decomposition by LAPACK (where the smaller
side is beyond 4,000, against scipy's ARPACK): the largest relative error of a singular value, and
the relative error of the objective at its closed-form optimum, |X - XAB'|^2 + 1000 |AB'|^2 with
A B' = V diag(s) V' from the vectors that were found. Threads of the BLAS spin while they wait:
with other work on the machine, set OPENBLAS_NUM_THREADS=1.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from goals import note
from scipy.sparse.linalg import svds
from sklearn.utils.extmath import randomized_svd

from anglewise.experiment.catalogue import simulate
from anglewise.io.read import read_interactions
from anglewise.recommender_models.svd import truncated_svd

PENALTY, TIMES, WHOLE_BELOW = 1000.0, 3, 4000
GOAL, NOTED = 1e-8, 100

Found = tuple[np.ndarray, np.ndarray]
"""Singular values, falling, and right singular vectors as columns."""


def main() -> None:
    """Print one table for each file and number of components."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--components", type=int, nargs="+", default=[64, 100])
    options = parser.parse_args()
    tables = {file: read_interactions(file) for file in options.files}
    if not tables:
        tables = {"simulated catalogue": simulate().interactions}
    for name, interactions in tables.items():
        X = interactions.rows().ones()
        truth = reference(X, max(options.components))
        print(f"\n{name}: {X.shape[0]:,} x {X.shape[1]:,}, {X.nnz:,} interactions")
        print(f"{'':36s} {'CPU s':>7s} {'ratio':>6s} {'values':>8s} {'objective':>9s}")
        for k in options.components:
            compare(X, k, truth)


def compare(X: Any, k: int, truth: Found) -> None:
    """One line a rival; the first is ours, and the ratios are to it."""
    start = np.random.default_rng(0).standard_normal(min(X.shape))
    ways: dict[str, Callable[[], Found]] = {
        "anglewise": lambda: ours(X, k),
        "scipy svds, ARPACK": lambda: theirs(*svds(X, k, v0=start)[1:]),
        "scipy svds, PROPACK": lambda: theirs(*svds(X, k, solver="propack", rng=0)[1:]),
        "scikit-learn randomized, auto": lambda: theirs(*randomized_svd(X, k, random_state=0)[1:]),
        "scikit-learn randomized, 20": lambda: theirs(
            *randomized_svd(X, k, n_iter=20, random_state=0)[1:]
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, Found] = {}
    for _ in range(TIMES):
        for name, way in ways.items():
            before = time.process_time()
            found[name] = way()
            seconds[name].append(time.process_time() - before)
    base = statistics.median(seconds["anglewise"])
    if k == NOTED:
        spent = {name: statistics.median(values) / base for name, values in seconds.items()}
        exact = min(spent[name] for name in ways if name.startswith("scipy"))
        note(
            {
                f"SVD, k {k}, times as fast as scikit-learn's automatic": spent[
                    "scikit-learn randomized, auto"
                ],
                f"SVD, k {k}, times as fast as ARPACK and PROPACK": exact,
            }
        )
    best = objective(X, truth[0][:k], truth[1][:, :k])
    for name, (values, right) in found.items():
        spent = statistics.median(seconds[name])
        off = np.abs(values / truth[0][:k] - 1).max()
        loss = abs(objective(X, values, right) / best - 1)
        ratio, goal = spent / base, "" if loss <= GOAL else f"  above {GOAL:g}"
        print(f"k={k:<4d} {name:29s} {spent:7.2f} {ratio:6.2f} {off:8.0e} {loss:9.0e}{goal}")


def ours(X: Any, k: int) -> Found:
    """What the models use."""
    spectrum = truncated_svd(X, k)
    return spectrum.values, spectrum.right


def theirs(values: np.ndarray, right: np.ndarray) -> Found:
    """Put in falling order."""
    order = np.argsort(-values)
    return values[order], right[order].T


def reference(X: Any, k: int) -> Found:
    """The truth, by way of the whole spectrum if the table is not too large."""
    if min(X.shape) > WHOLE_BELOW:
        return theirs(*svds(X, k)[1:])
    table = X.toarray()
    if X.shape[0] > X.shape[1]:
        table = np.linalg.qr(table, mode="r")
    return theirs(*np.linalg.svd(table, full_matrices=False)[1:])


def objective(X: Any, sigma: np.ndarray, V: np.ndarray) -> float:
    """The loss with ``A = V diag(s)``, ``B = V``, by traces: nothing as large as X is formed."""
    A = V * (1 / (1 + PENALTY / sigma**2))
    P, within = X @ A, V.T @ V
    cross = np.sum((X.T @ P) * V)
    fit = X.sum() - 2 * cross + np.sum((P.T @ P) * within)
    return float(fit + PENALTY * np.sum((A.T @ A) * within))


if __name__ == "__main__":
    main()
