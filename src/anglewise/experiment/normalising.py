"""Claim 10: bringing vectors to length one after training frees nothing; inside the loss it does.

A target that both models can meet exactly: the user-item cosines of a small balanced model. One
model multiplies free vectors, and its items are brought to length one afterwards; the other has
both sides at length one inside its loss. Both are trained on the same squared error until they
predict the target, from several starts. (arXiv 2602.19393, withdrawn in June 2026, held that the
first way would remove the freedom.)
"""

from collections.abc import Iterator
from importlib import import_module
from itertools import combinations
from typing import Any

import numpy as np

from anglewise.data_types.typing import Array, Float64
from anglewise.experiment.catalogue import simulate
from anglewise.experiment.claims import ITEMS, STARTS, USERS, Check, widest_gap
from anglewise.experiment.setup import StudySubject, cosines, unit_rows

SOME = 200
"""Users of the target."""
TRIED = 12
"""Starts of the model of unit vectors, of which the first three that meet the target count."""
MET = 1e-9
"""A target is met when no prediction is farther from it."""


def normalising(subject: StudySubject) -> Iterator[Check]:
    """Train both ways, and compare predictions and item cosines between the starts."""
    target, width = cosine_target(subject.seed)
    rngs = (subject.rng(40 + start) for start in range(TRIED))
    after = [train_freely(target, width, next(rngs)) for _ in range(STARTS)]
    yield from _checks("after", target, after)
    during: list[tuple[Array, Array]] = []
    for rng in rngs:
        sides = train_at_length_one(target, width, rng)
        if np.abs(sides[0] @ sides[1].T - target).max() <= MET:
            during.append(sides)
        if len(during) == STARTS:
            break
    yield from _checks("during", target, during)


def _checks(when: str, target: Array, trainings: list[tuple[Array, Array]]) -> Iterator[Check]:
    """What the trainings predict, and how far their item cosines are from each other."""
    name = f"normalised {when} training, {STARTS} starts"
    enough = len(trainings) == STARTS
    off = [float(np.abs(users @ items.T - target).max()) for users, items in trainings]
    yield Check(10, f"{name}: prediction errors", max(off) if enough else np.nan, "<=", 1e-8)
    by_start = [cosines(items) for _, items in trainings]
    apart = [float(np.abs(one - other).max()) for one, other in combinations(by_start, 2)]
    if when == "after":
        yield Check(10, f"{name}: cosines differ", min(apart), ">=", 0.1)
    else:
        yield Check(10, f"{name}: cosines differ", max(apart) if enough else np.nan, "<=", 1e-6)


def cosine_target(seed: int) -> tuple[Float64[Array, "users p"], int]:
    """User-item cosines of a balanced model of a small catalogue, and its width.

    >>> target, width = cosine_target(0)
    >>> target.shape, width, float(np.abs(target).max()) <= 1 + 1e-12
    ((200, 100), 5, True)
    """
    X = np.asarray(simulate(USERS, ITEMS, seed=seed).interactions.rows().ones().toarray())
    gram = X.T @ X
    width = widest_gap(gram)
    values, vectors = np.linalg.eigh(gram)
    roots = values[::-1][:width] ** 0.25
    leading = vectors[:, ::-1][:, :width]
    return unit_rows(X[:SOME] @ leading / roots) @ unit_rows(leading * roots).T, width


def train_freely(
    target: Float64[Array, "users p"], width: int, rng: np.random.Generator
) -> tuple[Float64[Array, "users k"], Float64[Array, "p k"]]:
    """Free vectors by alternating least squares, each half step exact.

    >>> target, width = cosine_target(0)
    >>> users, items = train_freely(target, width, np.random.default_rng(0))
    >>> bool(np.abs(users @ items.T - target).max() < 1e-9)
    True
    """
    users = rng.normal(size=(len(target), width))
    items = np.zeros((target.shape[1], width))
    for _ in range(3):
        items = np.linalg.lstsq(users, target, rcond=None)[0].T
        users = np.linalg.lstsq(items, target.T, rcond=None)[0].T
    return users, items


def train_at_length_one(
    target: Float64[Array, "users p"], width: int, rng: np.random.Generator
) -> tuple[Float64[Array, "users k"], Float64[Array, "p k"]]:
    """Vectors that are brought to length one inside the loss, by L-BFGS on their directions.

    >>> target, width = cosine_target(0)
    >>> users, items = train_at_length_one(target, width, np.random.default_rng(0))
    >>> bool(np.abs(np.linalg.norm(items, axis=1) - 1).max() < 1e-12)
    True
    """
    optimize: Any = import_module("scipy.optimize")  # slow to import, and untyped
    rows = len(target)

    def loss(flat: Array) -> tuple[float, Array]:
        raw = flat.reshape(-1, width)
        lengths = np.linalg.norm(raw, axis=1, keepdims=True)
        unit = raw / lengths
        wrong = unit[:rows] @ unit[rows:].T - target
        slope = np.concatenate([wrong @ unit[rows:], wrong.T @ unit[:rows]])
        along = (slope * unit).sum(axis=1, keepdims=True)
        return float((wrong**2).sum() / 2), ((slope - along * unit) / lengths).ravel()

    options = {"maxiter": 5000, "maxfun": 8000, "ftol": 0, "gtol": 1e-13, "maxcor": 20}
    start = rng.normal(size=(rows + len(target.T)) * width)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    sides = unit_rows(np.asarray(found.x, dtype=np.float64).reshape(-1, width))
    return sides[:rows], sides[rows:]
