"""Whether trainings end where the audit says that trainings like them end.

    python benchmarks/reachable.py [--calibrate] [--data ../shared/data] [--seed 0]

Trains factor models again and again: gradient descent on the whole matrix and in batches, Adam,
ALS and BPR, from small and large starts, equal and unequal between the sides, with equal, unequal
and no weight decay. Of each recipe one training is audited and another one, of another seed, is
held out. It says how much of the audited lists the gauge of the held-out one keeps, beside the
band that the audit gives for it: the bands are of 90%, so at least 85 of 100 should lie inside.

With ``--calibrate`` other recipes are trained, on other data and in other widths, and the
constants of the bands are printed, as they stand in ``auditing/reachable.py``. With the library
implicit its ALS and BPR are held out too. The folder of data holds ``NAME/interactions.csv.gz``.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from anglewise.auditing.reachable import Reachable, reachable, recipe_of
from anglewise.auditing.subject import subject
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.io.read import read_interactions

LITTLE = 0.01
"""Of a smaller loss in simulation the ratio to the true one means nothing."""

Factors: TypeAlias = tuple[np.ndarray, np.ndarray]
Pair: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Trained:
    """A recipe: a function of the matrix and a seed, and what a user would say of it."""

    name: str
    optimiser: str
    scales: Pair | None
    train: Callable[[np.ndarray, int], Factors]


def main() -> None:
    """Print one line for each recipe, then the coverage, or the constants."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started, trainings = perf_counter(), 0
    lost: dict[str, list[Pair]] = defaultdict(list)
    covered: dict[str, list[bool]] = defaultdict(list)
    for name, recipe, found, kept in ends(options.data, options.seed, calibrate=options.calibrate):
        trainings += 1
        for report in found:
            if None in {report.law, report.kept, report.low, report.high}:
                raise AssertionError(recipe.name)
            lost[report.law].append((1 - kept, 1 - report.kept))
            covered[report.law].append(report.low <= kept <= report.high)
            inside = "in" if covered[report.law][-1] else "OUT"
            band = f"{report.low:.3f} to {report.high:.3f}  {inside}"
            if options.calibrate:
                times = (1 - kept) / max(1 - report.kept, 1e-9)
                band = f"simulated {report.kept:.3f}, lost {times:.2f} times as much"
            print(f"{name:24}{recipe.name:38}{report.law:22}kept {kept:.3f}  {band}", flush=True)
    if options.calibrate:
        pairs = [pair for values in lost.values() for pair in values]
        small = [abs(truly - simulated) for truly, simulated in pairs if simulated < LITTLE]
        print(f"SLACK = {np.quantile(small, 0.95, method='higher'):.3f}  # of {len(small)}")
        for law, values in sorted(lost.items()):
            times = [truly / simulated for truly, simulated in values if simulated >= LITTLE]
            low = np.quantile(times, 0.05, method="lower")
            high = np.quantile(times, 0.95, method="higher")
            print(f'    "{law}": ({low:.2f}, {high:.2f}),  # of {len(times)} trainings')
    else:
        for law, inside in sorted(covered.items()):
            print(f"{law:22}{sum(inside):4} of {len(inside)} in the band")
        inside = sum(sum(values) for values in covered.values())
        print(
            f"{inside} of {sum(map(len, covered.values()))} bands of 90% hold what was kept, "
            f"of {trainings} held-out trainings"
        )
    print(f"{perf_counter() - started:.0f} s")


def ends(
    data: Path, first: int, *, calibrate: bool
) -> Iterator[tuple[str, Trained, list[Reachable], float]]:
    """Each recipe with the audit's bands, by what is said of it, and what was kept in truth."""
    tables = (
        [("ml-100k", 500, 400, 8), ("movietweetings-100k", 600, 300, 12)]
        if calibrate
        else [("ml-1m", 600, 500, 10), ("ml-100k", 700, 600, 20)]
    )
    for number, (table, users, items, width) in enumerate(tables):
        matrix = densest(data / table / "interactions.csv.gz", users, items)
        for recipe in recipes(width, calibrate=calibrate):
            seed = 10_000 * first + 1000 * number + (500 if calibrate else 0)
            trained = [
                space_of(recipe.train(matrix, seed + i)) for i in range(3 if calibrate else 2)
            ]
            for one, other in zip(trained, trained[1:] + trained[:1], strict=True):
                found = reports(recipe, one, other)
                if found:
                    yield f"{table}, {width}", recipe, found, found[0].trainings["held out"]
                if not calibrate:
                    break


def reports(recipe: Trained, one: Space, other: Space) -> list[Reachable]:
    """The audit's bands for one training, by what is said of it, beside another training."""
    audited = subject(one, 10, 10_000, 0, 1)
    found: dict[str | None, Reachable] = {}
    for scales in dict.fromkeys((None, recipe.scales)):
        said = recipe_of(one, recipe.optimiser, scales, None, None)
        report = reachable(audited, said, {"held out": other}, {})
        if report is not None and report.kept is not None:
            found.setdefault(report.law, report)
    return [*found.values()]


def recipes(width: int, *, calibrate: bool) -> Iterator[Trained]:
    """Starts small and large, equal and not; weight decay of none, one and both sides."""
    starts = (
        [(0.02, 0.02), (0.1, 0.1), (0.25, 0.25), (0.4, 0.4), (0.3, 0.075), (0.05, 0.2)]
        if calibrate
        else [(0.05, 0.05), (0.15, 0.15), (0.3, 0.3), (0.2, 0.1), (0.08, 0.24)]
    )
    decays = (
        [(0.0, 0.0), (0.02, 0.02), (0.3, 0.1)]
        if calibrate
        else [(0.0, 0.0), (0.05, 0.05), (0.1, 0.02)]
    )
    ways: list[tuple[str, str, Any]] = [
        ("gradient descent", "gd", partial(gradient_descent, steps=1200)),
        ("descent in batches", "sgd", partial(in_batches, epochs=30)),
        ("adam", "adam", partial(adam, steps=600)),
        ("als", "als", partial(als, steps=15)),
        ("bpr", "bpr", partial(bpr, epochs=12)),
    ]
    for name, optimiser, train in ways:
        for place, scales in enumerate(starts):
            decay = decays[place % len(decays)]
            scale = 20 if optimiser == "als" else 0.02 if optimiser == "bpr" else 1.0
            decay = scale * decay[0], scale * decay[1]
            label = f"{name} {scales[0]:g}:{scales[1]:g}, {decay[0]:g}:{decay[1]:g}"
            said = None if optimiser == "als" else scales
            yield Trained(label, optimiser, said, partial(_run, train, width, (scales, decay)))
    if not calibrate:
        yield from by_implicit(width)


@dataclass(frozen=True, eq=False)
class Start:
    """Where a training begins, and what it needs on its way."""

    matrix: np.ndarray
    users: np.ndarray
    items: np.ndarray
    decay: Pair
    rng: np.random.Generator


def _run(
    train: Callable[[Start], Factors],
    width: int,
    numbers: tuple[Pair, Pair],
    matrix: np.ndarray,
    seed: int,
) -> Factors:
    scales, decay = numbers
    rng = np.random.default_rng(seed)
    users, items = (
        (scale * rng.standard_normal((rows, width))).astype(np.float32)
        for scale, rows in zip(scales, matrix.shape, strict=True)
    )
    return train(Start(matrix, users, items, decay, rng))


def gradient_descent(start: Start, *, steps: int) -> Factors:
    """Of the squared error of every cell."""
    X, P, Q, decay = start.matrix, start.users, start.items, start.decay
    top = float(np.linalg.norm(X, 2))
    for step in range(steps):
        if step % 50 == 0:
            sizes = (np.linalg.norm(P, 2), np.linalg.norm(Q, 2))
            rate = np.float32(0.4 / max(*sizes, np.sqrt(top)) ** 2)
        wrong = P @ Q.T - X
        P, Q = P - rate * (wrong @ Q + decay[0] * P), Q - rate * (wrong.T @ P + decay[1] * Q)
    return P, Q


def in_batches(start: Start, *, epochs: int, rate: float = 0.05, batch: int = 512) -> Factors:
    """Of the squared error of used cells and as many others, drawn anew."""
    X, P, Q, rng = start.matrix, start.users, start.items, start.rng
    decay = 0.1 * start.decay[0], 0.1 * start.decay[1]
    users, items = np.nonzero(X)
    for _ in range(epochs):
        order = rng.permutation(len(users))
        for first in range(0, len(order), batch):
            used = order[first : first + batch]
            u = np.concatenate([users[used], rng.integers(0, len(P), len(used))])
            i = np.concatenate([items[used], rng.integers(0, len(Q), len(used))])
            p, q = P[u], Q[i]
            wrong = (np.einsum("ij,ij->i", p, q) - X[u, i])[:, None]
            np.add.at(P, u, -rate * (wrong * q + decay[0] * p))
            np.add.at(Q, i, -rate * (wrong * p + decay[1] * q))
    return P, Q


def adam(start: Start, *, steps: int, rate: float = 0.01) -> Factors:
    """Of the squared error of every cell, with a smaller rate for the last third."""
    X, decay = start.matrix, start.decay
    sides = [start.users, start.items]
    moments = [(np.zeros_like(side), np.zeros_like(side)) for side in sides]
    for step in range(1, steps + 1):
        P, Q = sides
        wrong = P @ Q.T - X
        slopes = wrong @ Q + decay[0] * P, wrong.T @ P + decay[1] * Q
        now = rate if 3 * step < 2 * steps else rate / 10
        for place, (slope, (mean, square)) in enumerate(zip(slopes, moments, strict=True)):
            np.add(mean, np.float32(0.1) * (slope - mean), out=mean)
            np.add(square, np.float32(0.001) * (slope**2 - square), out=square)
            change = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
            sides[place] = (sides[place] - now * change).astype(np.float32)
    return sides[0], sides[1]


def als(start: Start, *, steps: int) -> Factors:
    """Users and items in turn, each exactly."""
    X, P, Q, decay = start.matrix, start.users, start.items, start.decay
    width = np.eye(P.shape[1])
    for _ in range(steps):
        P = X @ Q @ np.linalg.inv(Q.T @ Q + (decay[0] + 1e-6) * width)
        Q = X.T @ P @ np.linalg.inv(P.T @ P + (decay[1] + 1e-6) * width)
    return P, Q


def bpr(start: Start, *, epochs: int, rate: float = 0.05, batch: int = 256) -> Factors:
    """Used items before others, in pairs drawn anew (Rendle and others, UAI 2009)."""
    X, P, Q, rng, decay = start.matrix, start.users, start.items, start.rng, start.decay
    users, items = np.nonzero(X)
    for _ in range(epochs):
        order = rng.permutation(len(users))
        for first in range(0, len(order), batch):
            used = order[first : first + batch]
            others = rng.integers(0, X.shape[1], len(used))
            free = X[users[used], others] == 0
            used, others = used[free], others[free]
            u, i = users[used], items[used]
            p, better, worse = P[u], Q[i], Q[others]
            push = 1 / (1 + np.exp(np.einsum("ij,ij->i", p, better - worse)))[:, None]
            np.add.at(P, u, rate * (push * (better - worse) - decay[0] * p))
            np.add.at(Q, i, rate * (push * p - decay[1] * better))
            np.add.at(Q, others, rate * (-push * p - decay[1] * worse))
    return P, Q


def by_implicit(width: int) -> Iterator[Trained]:
    """ALS and BPR of the library, where it is there."""
    try:
        from implicit.als import AlternatingLeastSquares
        from implicit.bpr import BayesianPersonalizedRanking
    except ImportError:
        return
    from scipy.sparse import csr_matrix

    def train(build: Callable[[int], Any], matrix: np.ndarray, seed: int) -> Factors:
        model = build(seed)
        model.fit(csr_matrix(matrix), show_progress=False)
        return np.array(model.user_factors), np.array(model.item_factors)

    for decay in (0.0, 0.01, 1.0):
        yield Trained(
            f"implicit als, {decay:g}",
            "als",
            None,
            partial(
                train,
                lambda seed, decay=decay: AlternatingLeastSquares(
                    width, regularization=decay, random_state=seed, num_threads=1
                ),
            ),
        )
    for decay in (0.0, 0.01):
        yield Trained(
            f"implicit bpr, {decay:g}",
            "bpr",
            None,
            partial(
                train,
                lambda seed, decay=decay: BayesianPersonalizedRanking(
                    width, regularization=decay, iterations=30, random_state=seed, num_threads=1
                ),
            ),
        )


def densest(path: Path, users: int, items: int) -> np.ndarray:
    """The most used items of a table and the users that used most of them, as zeros and ones."""
    table = read_interactions(path)
    matrix = np.zeros(table.shape, dtype=np.float32)
    matrix[table.users, table.items] = 1
    chosen = np.sort(np.argsort(-matrix.sum(axis=0), kind="stable")[:items])
    matrix = matrix[:, chosen]
    return matrix[np.sort(np.argsort(-matrix.sum(axis=1), kind="stable")[:users])]


def space_of(factors: Factors) -> Space:
    """Factors as a space."""
    return Space(queries=Embeddings(factors[0]), items=Embeddings(factors[1]), trained_for="dot")


if __name__ == "__main__":
    main()
