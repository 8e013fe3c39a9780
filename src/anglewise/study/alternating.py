"""Both objectives minimised another way: alternating least squares, from any start.

An independent road to the optimum, for the study alone: no singular value is computed. Each half
step is exact. With ``C = X'X`` and one side fixed,

    (1)  A = (C + penalty)^-1 C B (B'B)^-1,      B = C A (A'(C + penalty) A)^-1,
    (2)  A = B (B'B + penalty)^-1,               B = C A (A'C A + penalty)^-1.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.study.subject import Factors

Step: TypeAlias = Callable[[Float64[Array, "p k"]], Factors]

STILL = 1e-12
"""Relative change of ``B`` in one round at which the iteration ends."""


def minimise_product(
    gram: Float64[Array, "p p"],
    k: int,
    penalty: float,
    rng: np.random.Generator,
    most: int = 2000,
) -> Factors:
    """Objective (1), ``|X - XAB'|^2 + penalty |AB'|^2``, from a normal start.

    >>> found = minimise_product(np.diag([9.0, 4.0]), 1, 9.0, np.random.default_rng(0))
    >>> np.abs(found.weights).round(9).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    damped = gram + penalty * np.eye(len(gram))
    shrunk = np.linalg.solve(damped, gram)

    def step(B: Float64[Array, "p k"]) -> Factors:
        A = shrunk @ _over(B, B.T @ B)
        return Factors(A, _over(gram @ A, A.T @ damped @ A))

    return _descend(step, _start(gram, k, rng), most)


def minimise_factors(
    gram: Float64[Array, "p p"],
    k: int,
    penalty: float,
    rng: np.random.Generator,
    most: int = 2000,
) -> Factors:
    """Objective (2), ``|X - XAB'|^2 + penalty (|XA|^2 + |B|^2)``, from a normal start.

    >>> found = minimise_factors(np.diag([9.0, 4.0]), 1, 2.0, np.random.default_rng(0))
    >>> np.abs(found.items).round(9).tolist()
    [[1.0], [0.0]]
    """
    ridge = penalty * np.eye(k)

    def step(B: Float64[Array, "p k"]) -> Factors:
        A = _over(B, B.T @ B + ridge)
        CA = gram @ A
        return Factors(A, _over(CA, A.T @ CA + ridge))

    return _descend(step, _start(gram, k, rng), most)


def _start(gram: Float64[Array, "p p"], k: int, rng: np.random.Generator) -> Float64[Array, "p k"]:
    return rng.standard_normal((len(gram), k))


def _over(x: Float64[Array, "p k"], square: Float64[Array, "k k"]) -> Float64[Array, "p k"]:
    """``x square^-1``."""
    return x @ np.linalg.inv(square)


def _descend(step: Step, B: Float64[Array, "p k"], most: int) -> Factors:
    """Rounds with momentum, which starts anew when it points uphill (O'Donoghue and Candes 2015).

    Without it a singular value next to the penalty, or to its successor, takes thousands.
    """
    factors = step(B)
    ahead, run = factors.items, 0
    for _ in range(most):
        before, factors = factors.items, step(ahead)
        moved = factors.items - before
        uphill = float(np.vdot(ahead - factors.items, moved)) > 0
        run = 0 if uphill else run + 1
        ahead = factors.items + run / (run + 3) * moved
        if not uphill and np.linalg.norm(moved) <= STILL * np.linalg.norm(factors.items):
            break
    return factors
