"""Claim 6: objective (2) leaves one cosine to every start, objective (1) another to each."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.simulation.catalogue import simulate
from anglewise.study.alternating import minimise_factors, minimise_product
from anglewise.study.check import Check
from anglewise.study.geometry import cosines
from anglewise.study.subject import Subject

STARTS = 3
USERS, ITEMS, FEWEST, PENALTY = 1_000, 100, 3, 100.0
"""The small instance of objective (1)."""


def uniqueness(subject: Subject) -> Iterator[Check]:
    """Both objectives by alternating least squares from three starts each."""
    yield from _second(subject)
    yield from _first(subject)


def _second(subject: Subject) -> Iterator[Check]:
    """The same instance, the same width as the closed form was asked for."""
    solved = cosines(subject.factors.item_factors)
    apart, size = 0.0, subject.size
    for start in range(STARTS):
        found = minimise_factors(
            subject.gram, size.components, size.factors_penalty, subject.rng(10 + start)
        )
        apart = max(apart, float(np.abs(cosines(found.items) - solved).max()))
    yield Check(6, f"objective (2), {STARTS} starts: cosines minus closed form", apart, "<=", 1e-8)


def _first(subject: Subject) -> Iterator[Check]:
    gram = _small_gram(subject.seed)
    k = _widest_gap(gram)
    found = [minimise_product(gram, k, PENALTY, subject.rng(20 + start)) for start in range(STARTS)]
    both = list(combinations(found, 2))
    weights = max(float(np.abs(a.weights - b.weights).max()) for a, b in both)
    angles = min(float(np.abs(cosines(a.items) - cosines(b.items)).max()) for a, b in both)
    yield Check(6, f"objective (1), {STARTS} starts: predictions differ", weights, "<=", 1e-8)
    yield Check(6, f"objective (1), {STARTS} starts: cosines differ", angles, ">=", 0.1)


def _small_gram(seed: int) -> Float64[Array, "p p"]:
    X = simulate(USERS, ITEMS, seed=seed).interactions.rows().ones()
    return np.asarray((X.T @ X).toarray())


def _widest_gap(gram: Float64[Array, "p p"]) -> int:
    """Where to cut: the predictions are unique only if ``sigma_k > sigma_(k+1)``."""
    squared = np.linalg.eigvalsh(gram)[::-1][: 2 * FEWEST + 4]
    return int(np.argmax(squared[FEWEST - 1 : -1] / squared[FEWEST:])) + FEWEST
