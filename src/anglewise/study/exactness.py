"""Claims 1 and 2: every gauge predicts the same, and the closed forms are stationary points."""

from collections.abc import Iterable, Iterator

import numpy as np

from anglewise.core.typing import Float64
from anglewise.models.closed_form import LinearModel
from anglewise.study.check import Check
from anglewise.study.subject import Factors, Subject


def exactness(subject: Subject) -> Iterator[Check]:
    """How far predictions, objective and gradient are from what they ought to be."""
    balanced = subject.named["balanced"]
    scrambled = balanced.through(subject.scramble)
    yield from _unmoved(subject, [*subject.named.values(), scrambled])
    penalty = subject.size.product_penalty
    steepest = max(product_gradient(subject.gram, each, penalty) for each in subject.named.values())
    yield Check(2, "gradient of objective (1), every gauge, relative", steepest, "<=", 1e-12)
    slope = factors_gradient(subject.gram, of(subject.factors), subject.size.factors_penalty)
    yield Check(2, "gradient of objective (2), relative", slope, "<=", 1e-12)


def of(model: LinearModel) -> Factors:
    """The factors of a model as it was fitted."""
    return Factors(model.encoder, model.item_factors)


def _unmoved(subject: Subject, others: Iterable[Factors]) -> Iterator[Check]:
    # D = I stands for the rest: there A = B, and no side is larger than the other
    given = subject.named["tied-weights"].weights
    before = product_objective(subject.gram, given, subject.size.product_penalty)
    moved, changed = 0.0, 0.0
    for each in others:
        weights = each.weights
        after = product_objective(subject.gram, weights, subject.size.product_penalty)
        moved = max(moved, float(np.abs(weights - given).max()))
        changed = max(changed, abs(after - before) / before)
    yield Check(1, "max |change of AB'|, every gauge and a random map", moved, "<=", 1e-12)
    yield Check(1, "change of objective (1), likewise, relative", changed, "<=", 1e-12)


def product_objective(
    gram: Float64[np.ndarray, "p p"], weights: Float64[np.ndarray, "p p"], penalty: float
) -> float:
    """``|X - X W|^2 + penalty |W|^2`` from ``X'X`` and ``W = A B'``.

    >>> product_objective(np.diag([4.0]), np.array([[0.5]]), 4.0)
    2.0
    """
    left = np.eye(len(gram)) - weights
    return float(np.sum(left * (gram @ left)) + penalty * np.sum(weights**2))


def product_gradient(gram: Float64[np.ndarray, "p p"], factors: Factors, penalty: float) -> float:
    """How far objective (1) is from level in ``A`` and ``B``, against its largest term.

    With ``M = (C + penalty) A B' - C`` and ``C = X'X`` the slopes are ``2 M B`` and ``2 M' A``.

    >>> product_gradient(np.diag([4.0]), Factors(np.array([[0.5]]), np.array([[1.0]])), 4.0)
    0.0
    """
    A, B = factors.encoder, factors.items
    CA, CB = gram @ A, gram @ B
    by_encoder = (CA + penalty * A) @ (B.T @ B) - CB
    by_items = B @ (A.T @ CA + penalty * (A.T @ A)) - CA
    return max(_share(by_encoder, CB), _share(by_items, CA))


def factors_gradient(gram: Float64[np.ndarray, "p p"], factors: Factors, penalty: float) -> float:
    """The same for objective (2): ``2 (C A B'B + penalty C A - C B)`` and its twin.

    >>> root = 2.0**0.5
    >>> fitted = Factors(np.array([[root / 4]]), np.array([[root]]))  # sigma 4, penalty 2
    >>> factors_gradient(np.diag([16.0]), fitted, 2.0) < 1e-15
    True
    """
    A, B = factors.encoder, factors.items
    CA, CB = gram @ A, gram @ B
    by_encoder = CA @ (B.T @ B) + penalty * CA - CB
    by_items = B @ (A.T @ CA) + penalty * B - CA
    return max(_share(by_encoder, CB), _share(by_items, CA))


def _share(part: Float64[np.ndarray, "p k"], whole: Float64[np.ndarray, "p k"]) -> float:
    return float(np.linalg.norm(part) / np.linalg.norm(whole))
