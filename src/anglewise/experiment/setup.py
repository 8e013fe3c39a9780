"""The subject of the experiment: both objectives solved, and numbers about their cosines.

Alternating least squares finds the optimum another way, for the study alone: no singular value is
computed, and each half step is exact. With ``C = X'X`` and one side fixed,

    (1)  A = (C + penalty)^-1 C B (B'B)^-1,      B = C A (A'(C + penalty) A)^-1,
    (2)  A = B (B'B + penalty)^-1,               B = C A (A'C A + penalty)^-1.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.equivalent_factorisations.gauge import random_pair
from anglewise.equivalent_factorisations.maps import MapPair
from anglewise.evaluation_metrics.metrics import Spearman
from anglewise.experiment.catalogue import Catalogue, simulate
from anglewise.recommender_models.closed_form import LinearModel, find_split, fit_spectrum
from anglewise.recommender_models.svd import Spectrum, truncated_svd


def unit_rows(x: Float64[Array, "rows d"]) -> Float64[Array, "rows d"]:
    """Rows of length one; zero rows stay zero.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(lengths > 0, lengths, 1.0)


def cosines(x: Float64[Array, "rows d"]) -> Float64[Array, "rows rows"]:
    """The cosine of every two rows.

    >>> cosines(np.array([[3.0, 0.0], [1.0, 1.0]])).round(3).tolist()
    [[1.0, 0.707], [0.707, 1.0]]
    """
    unit = unit_rows(x)
    return unit @ unit.T


def cosines_of_gram(gram: Float64[Array, "p p"]) -> Float64[Array, "p p"]:
    """The cosine of every two vectors from their inner products.

    >>> cosines_of_gram(np.array([[4.0, 1.0], [1.0, 1.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    lengths = np.sqrt(np.diag(gram))
    return gram / np.outer(lengths, lengths)


def pairs(square: Array) -> Array:
    """Every pair once: what stands above the diagonal.

    >>> pairs(np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]])).tolist()
    [1, 2, 3]
    """
    return np.asarray(square[np.triu(np.ones(square.shape, dtype=bool), 1)])


def auc(values: Float64[Array, " pairs"], positive: Bool[Array, " pairs"]) -> float:
    """The chance that a positive pair has the larger value than another one; half where equal.

    >>> auc(np.array([0.9, 0.5, 0.1]), np.array([True, True, False]))
    1.0
    """
    inside, outside = values[positive], np.sort(values[~positive])
    below = np.searchsorted(outside, inside, side="left")
    up_to = np.searchsorted(outside, inside, side="right")
    return float((below + up_to).sum() / (2 * len(inside) * len(outside)))


def spearman(first: Float64[Array, " pairs"], second: Float64[Array, " pairs"]) -> float:
    """The rank correlation of two lists of numbers.

    >>> round(spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0])), 9)
    1.0
    """
    return float(Spearman().of(first[None], second)[0])


def nearest(cosine: Float64[Array, "p p"], k: int = 10) -> Int64[Array, "p k"]:
    """For each row the ``k`` others with the largest cosine; equal ones by row.

    >>> nearest(np.array([[1.0, 0.2, 0.9], [0.2, 1.0, 0.3], [0.9, 0.3, 1.0]]), 1).tolist()
    [[2], [2], [0]]
    """
    similarity = cosine.copy()
    np.fill_diagonal(similarity, -np.inf)
    return np.argsort(-similarity, axis=1, kind="stable")[:, :k].astype(np.int64)


def overlap(first: Int64[Array, "p k"], second: Int64[Array, "p k"]) -> float:
    """The mean share of each list that the other one holds too.

    >>> overlap(np.array([[1, 2]]), np.array([[2, 3]]))
    0.5
    """
    return float((first[:, :, None] == second[:, None, :]).any(axis=2).mean())


GAUGES = {
    "item-orthonormal": "B = V",
    "tied-weights": "D = I",
    "raw-users": "A = V",
    "balanced": "balanced",
    "user-orthonormal": "P'P = I",
}
"""The named splits of the closed form, with the signs that the paper and the tables use."""

SCRAMBLED_BY = 65.0
"""Condition number of the random map that stands for any other factorisation."""

ROWS = 4096


@dataclass(frozen=True)
class Size:
    """How large the experiment is."""

    users: int
    items: int
    components: int
    product_penalty: float
    factors_penalty: float
    clusters: int = 5


FULL = Size(20_000, 1_000, 50, 10_000.0, 100.0)
"""The paper's."""

SMALL = Size(5_000, 500, 40, 2_500.0, 50.0)
"""For a look in seconds; penalties follow the noise, whose sigma goes as the root of the users."""


@dataclass(frozen=True, eq=False)
class StudyFactors:
    """One factorisation of the predictions: ``A`` takes users in, ``B`` is the items."""

    encoder: Float64[Array, "p k"]
    items: Float64[Array, "p k"]

    @property
    def weights(self) -> Float64[Array, "p p"]:
        """``A B'``, by which ``X`` is multiplied to predict."""
        return self.encoder @ self.items.T

    def through(self, pair: MapPair) -> "StudyFactors":
        """``A -> A G``, ``B -> B G^-T``."""
        return StudyFactors(self.encoder @ pair.queries, self.items @ pair.items)


@dataclass(frozen=True, eq=False)
class StudySubject:
    """The interactions, the spectrum, and the optima of both objectives.

    Attributes
    ----------
    size, seed
        What was asked for.
    catalogue
        What was simulated, with the true clusters.
    X
        Users x items, ones. Items that nobody took are left out.
    item_numbers
        The items that are left, by their number in the catalogue.
    spectrum
        All singular values of ``X`` and its right singular vectors.
    product, factors
        The optimum of objective (1), in the balanced gauge, and of objective (2).
    """

    size: Size
    seed: int
    catalogue: Catalogue
    X: SparseRows
    item_numbers: Int64[Array, " p"]
    spectrum: Spectrum
    product: LinearModel
    factors: LinearModel

    @cached_property
    def gram(self) -> Float64[Array, "p p"]:
        """``X'X``, counted: whole numbers below 2^24, exact in float32 and thereafter."""
        total = np.zeros((self.X.shape[1], self.X.shape[1]))
        for start in range(0, self.X.shape[0], ROWS):
            block = self.dense(np.arange(start, min(start + ROWS, self.X.shape[0])))
            single = block.astype(np.float32)
            total += single.T @ single
        return total

    @cached_property
    def clusters(self) -> Int64[Array, " p"]:
        """The true cluster of each item."""
        return self.catalogue.clusters[self.item_numbers]

    @cached_property
    def named(self) -> dict[str, StudyFactors]:
        """Objective (1) in each named gauge."""
        return {name: in_gauge(self.product, name) for name in GAUGES}

    @cached_property
    def scramble(self) -> MapPair:
        """A random invertible map of a condition number of 65."""
        return random_pair(len(self.product.kept), SCRAMBLED_BY, self.rng(0))

    @cached_property
    def some_users(self) -> Int64[Array, " some"]:
        """A sample of the users, for what would be too much with all."""
        count = min(500, self.X.shape[0])
        return np.sort(self.rng(1).choice(self.X.shape[0], count, replace=False)).astype(np.int64)

    @cached_property
    def data_space(self) -> Float64[Array, "p p"]:
        """The cosine of every two columns of the predictions of objective (1)."""
        weights = self.named["balanced"].weights
        return cosines_of_gram(weights.T @ self.gram @ weights)

    def dense(self, rows: Int64[Array, " some"]) -> Float64[Array, "some p"]:
        """Some rows of ``X`` as a plain array."""
        selection = self.X.take(rows)
        table = np.zeros(selection.shape)
        table[selection.rows, selection.indices] = 1.0
        return table

    def users(self, factors: StudyFactors) -> Float64[Array, "users k"]:
        """``P = X A``."""
        return np.asarray(self.X.ones() @ factors.encoder)

    def rng(self, stream: int) -> np.random.Generator:
        """Draws of their own for each use, whatever the others draw."""
        return np.random.default_rng([self.seed, stream])


def in_gauge(model: LinearModel, name: str) -> StudyFactors:
    """The factors of a model of objective (1) in a named gauge."""
    share = find_split(name).items(model.singular_values, model.kept)
    moved = replace(model, item_share=share)
    return StudyFactors(moved.encoder, moved.item_factors)


def subject(size: Size, seed: int) -> StudySubject:
    """Simulate, decompose once, and solve both objectives."""
    catalogue = simulate(size.users, size.items, size.clusters, seed)
    interactions = catalogue.interactions
    item_numbers = np.unique(interactions.items)
    X = SparseRows.from_pairs(
        interactions.users,
        np.searchsorted(item_numbers, interactions.items),
        shape=(size.users, len(item_numbers)),
    )
    spectrum = truncated_svd(X.ones(), len(item_numbers))
    first = Spectrum(spectrum.values[: size.components], spectrum.right[:, : size.components])
    return StudySubject(
        size=size,
        seed=seed,
        catalogue=catalogue,
        X=X,
        item_numbers=item_numbers,
        spectrum=spectrum,
        product=fit_spectrum(first, objective="product", penalty=size.product_penalty),
        factors=fit_spectrum(first, objective="factors", penalty=size.factors_penalty),
    )


Step: TypeAlias = Callable[[Float64[Array, "p k"]], StudyFactors]

STILL = 1e-12
"""Relative change of ``B`` in one round at which the iteration ends."""


def minimise_product(
    gram: Float64[Array, "p p"],
    k: int,
    penalty: float,
    rng: np.random.Generator,
    max_rounds: int = 2000,
) -> StudyFactors:
    """Objective (1), ``|X - XAB'|^2 + penalty |AB'|^2``, from a normal start.

    >>> found = minimise_product(np.diag([9.0, 4.0]), 1, 9.0, np.random.default_rng(0))
    >>> np.abs(found.weights).round(9).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    damped = gram + penalty * np.eye(len(gram))
    shrunk = np.linalg.solve(damped, gram)

    def step(B: Float64[Array, "p k"]) -> StudyFactors:
        A = shrunk @ _over(B, B.T @ B)
        return StudyFactors(A, _over(gram @ A, A.T @ damped @ A))

    return _descend(step, _start(gram, k, rng), max_rounds)


def minimise_factors(
    gram: Float64[Array, "p p"],
    k: int,
    penalty: float,
    rng: np.random.Generator,
    max_rounds: int = 2000,
) -> StudyFactors:
    """Objective (2), ``|X - XAB'|^2 + penalty (|XA|^2 + |B|^2)``, from a normal start.

    >>> found = minimise_factors(np.diag([9.0, 4.0]), 1, 2.0, np.random.default_rng(0))
    >>> np.abs(found.items).round(9).tolist()
    [[1.0], [0.0]]
    """
    ridge = penalty * np.eye(k)

    def step(B: Float64[Array, "p k"]) -> StudyFactors:
        A = _over(B, B.T @ B + ridge)
        CA = gram @ A
        return StudyFactors(A, _over(CA, A.T @ CA + ridge))

    return _descend(step, _start(gram, k, rng), max_rounds)


def _start(gram: Float64[Array, "p p"], k: int, rng: np.random.Generator) -> Float64[Array, "p k"]:
    return rng.standard_normal((len(gram), k))


def _over(x: Float64[Array, "p k"], square: Float64[Array, "k k"]) -> Float64[Array, "p k"]:
    """``x square^-1``."""
    return x @ np.linalg.inv(square)


def _descend(step: Step, B: Float64[Array, "p k"], max_rounds: int) -> StudyFactors:
    """Rounds with momentum, which starts anew when it points uphill (O'Donoghue and Candes 2015).

    Without it a singular value next to the penalty, or to its successor, takes thousands.
    """
    factors = step(B)
    ahead, run = factors.items, 0
    for _ in range(max_rounds):
        previous, factors = factors.items, step(ahead)
        moved = factors.items - previous
        uphill = float(np.vdot(ahead - factors.items, moved)) > 0
        run = 0 if uphill else run + 1
        ahead = factors.items + run / (run + 3) * moved
        if not uphill and np.linalg.norm(moved) <= STILL * np.linalg.norm(factors.items):
            break
    return factors
