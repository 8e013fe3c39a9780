"""The claims of the paper as acceptance figures: exactness, clusters, recovery, uniqueness."""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.data_types.typing import Array, Float64
from anglewise.equivalent_factorisations.canonical import PowerGauge
from anglewise.equivalent_factorisations.maps import root
from anglewise.experiment.catalogue import simulate
from anglewise.experiment.setup import (
    GAUGES,
    StudyFactors,
    StudySubject,
    auc,
    cosines,
    cosines_of_gram,
    in_gauge,
    minimise_factors,
    minimise_product,
    nearest,
    overlap,
    pairs,
    spearman,
)
from anglewise.recommender_models.closed_form import LinearModel, fit_spectrum

Relation: TypeAlias = Literal["<=", ">=", ">"]

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Check:
    """A figure of the study against its bound, which was set before it was looked at.

    Attributes
    ----------
    figure
        The number of the claim that it belongs to, 1 to 10.
    name
        What was measured.
    value, relation, bound
        It held if ``value relation bound``; a value that is not a number never holds.

    Examples
    --------
    >>> Check(1, "predictions moved", 3e-16, "<=", 1e-12).held
    True
    """

    figure: int
    name: str
    value: float
    relation: Relation
    bound: float

    @property
    def held(self) -> bool:
        """Whether the bound held."""
        return bool(_HOLDS[self.relation](self.value, self.bound))

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "figure": self.figure,
            "name": self.name,
            "value": self.value,
            "relation": self.relation,
            "bound": self.bound,
            "held": self.held,
        }


def exactness(subject: StudySubject) -> Iterator[Check]:
    """How far predictions, objective and gradient are from what they ought to be."""
    balanced = subject.named["balanced"]
    scrambled = balanced.through(subject.scramble)
    yield from _unmoved(subject, [*subject.named.values(), scrambled])
    penalty = subject.size.product_penalty
    steepest = max(
        product_gradient(subject.gram, factors, penalty) for factors in subject.named.values()
    )
    yield Check(2, "gradient of objective (1), every gauge, relative", steepest, "<=", 1e-12)
    slope = factors_gradient(
        subject.gram, factors_of(subject.factors), subject.size.factors_penalty
    )
    yield Check(2, "gradient of objective (2), relative", slope, "<=", 1e-12)


def factors_of(model: LinearModel) -> StudyFactors:
    """The factors of a model as it was fitted."""
    return StudyFactors(model.encoder, model.item_factors)


def _unmoved(subject: StudySubject, factorisations: Iterable[StudyFactors]) -> Iterator[Check]:
    # D = I stands for the rest: there A = B, and no side is larger than the other
    reference = subject.named["tied-weights"].weights
    reference_objective = product_objective(subject.gram, reference, subject.size.product_penalty)
    moved, changed = 0.0, 0.0
    for factors in factorisations:
        weights = factors.weights
        objective = product_objective(subject.gram, weights, subject.size.product_penalty)
        moved = max(moved, float(np.abs(weights - reference).max()))
        changed = max(changed, abs(objective - reference_objective) / reference_objective)
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


def product_gradient(
    gram: Float64[np.ndarray, "p p"], factors: StudyFactors, penalty: float
) -> float:
    """How far objective (1) is from level in ``A`` and ``B``, against its largest term.

    With ``M = (C + penalty) A B' - C`` and ``C = X'X`` the slopes are ``2 M B`` and ``2 M' A``.

    >>> product_gradient(np.diag([4.0]), StudyFactors(np.array([[0.5]]), np.array([[1.0]])), 4.0)
    0.0
    """
    A, B = factors.encoder, factors.items
    CA, CB = gram @ A, gram @ B
    by_encoder = (CA + penalty * A) @ (B.T @ B) - CB
    by_items = B @ (A.T @ CA + penalty * (A.T @ A)) - CA
    return max(_share(by_encoder, CB), _share(by_items, CA))


def factors_gradient(
    gram: Float64[np.ndarray, "p p"], factors: StudyFactors, penalty: float
) -> float:
    """The same for objective (2): ``2 (C A B'B + penalty C A - C B)`` and its twin.

    >>> root = 2.0**0.5
    >>> fitted = StudyFactors(np.array([[root / 4]]), np.array([[root]]))  # sigma 4, penalty 2
    >>> factors_gradient(np.diag([16.0]), fitted, 2.0) < 1e-15
    True
    """
    A, B = factors.encoder, factors.items
    CA, CB = gram @ A, gram @ B
    by_encoder = CA @ (B.T @ B) + penalty * CA - CB
    by_items = B @ (A.T @ CA) + penalty * B - CA
    return max(_share(by_encoder, CB), _share(by_items, CA))


def _share(part: Float64[np.ndarray, "p k"], total: Float64[np.ndarray, "p k"]) -> float:
    return float(np.linalg.norm(part) / np.linalg.norm(total))


def full_rank(subject: StudySubject) -> Iterator[Check]:
    """``B = V``: every item is like itself alone. ``A = V``: users are as alike as their rows."""
    model = fit_spectrum(subject.spectrum, penalty=subject.size.product_penalty)
    items = cosines(in_gauge(model, "item-orthonormal").items)
    deviation = float(np.abs(items - np.eye(len(items))).max())
    yield Check(3, "full rank, B = V: item cosines minus the identity", deviation, "<=", 1e-10)
    rows = subject.dense(subject.some_users)
    users = cosines(rows @ in_gauge(model, "raw-users").encoder)
    difference = float(np.abs(users - cosines(rows)).max())
    yield Check(3, "full rank, A = V: user cosines minus raw ones", difference, "<=", 1e-10)


RAW, DATA_SPACE, SECOND = "raw data", "data-space", "objective (2)"


@dataclass(frozen=True)
class Similarity:
    """What one item-item cosine says of the true clusters.

    Attributes
    ----------
    name
        The gauge, or what else was compared.
    auc
        The chance that two items of one cluster are more alike than two of different ones.
    within, between
        The mean cosine of two items of one cluster, and of two of different ones.
    overlap
        The share of the ten nearest items that stands in the balanced list too.
    """

    name: str
    auc: float
    within: float
    between: float
    overlap: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "auc": self.auc,
            "within": self.within,
            "between": self.between,
            "overlap@10": self.overlap,
        }


def item_cosines(subject: StudySubject) -> dict[str, Float64[Array, "p p"]]:
    """The item-item cosine after objective (1) under each gauge, after (2), and of the data."""
    return {
        RAW: cosines_of_gram(subject.gram),
        **{name: cosines(factors.items) for name, factors in subject.named.items()},
        DATA_SPACE: subject.data_space,
        SECOND: cosines(subject.factors.item_factors),
    }


def similarities(
    subject: StudySubject, by_name: Mapping[str, Float64[Array, "p p"]]
) -> tuple[Similarity, ...]:
    """How each cosine stands to the clusters, and to the balanced one."""
    same = pairs(subject.clusters[:, None] == subject.clusters)
    balanced = nearest(by_name["balanced"])

    def similarity_of(name: str) -> Similarity:
        values = pairs(by_name[name])
        return Similarity(
            name=name,
            auc=auc(values, same),
            within=float(values[same].mean()),
            between=float(values[~same].mean()),
            overlap=overlap(nearest(by_name[name]), balanced),
        )

    return tuple(similarity_of(name) for name in by_name)


def cluster_checks(
    by_name: Mapping[str, Float64[Array, "p p"]], measured: tuple[Similarity, ...]
) -> Iterator[Check]:
    """The bounds on the cluster AUC, on the lists and on the order of all pairs."""
    area = {similarity.name: similarity.auc for similarity in measured}
    by = {sign: area[name] for name, sign in GAUGES.items()}
    yield Check(4, "cluster AUC, D = I minus B = V", by["D = I"] - by["B = V"], ">=", 0.05)
    yield Check(4, "cluster AUC, A = V minus D = I", by["A = V"] - by["D = I"], ">", 0.0)
    for name in ("raw-users", "balanced", DATA_SPACE, SECOND):
        yield Check(4, f"cluster AUC, {GAUGES.get(name, name)}", area[name], ">=", 0.97)
    lists = next(
        similarity.overlap for similarity in measured if similarity.name == "item-orthonormal"
    )
    yield Check(5, "overlap@10 of B = V and balanced", lists, "<=", 0.75)
    order = spearman(pairs(by_name["item-orthonormal"]), pairs(by_name["balanced"]))
    yield Check(5, "Spearman of all pairs, B = V and balanced", order, "<=", 0.75)


PATH = (0.0, 0.3, 0.5, 1.0)
"""From orthonormal items through the balanced gauge to orthonormal users."""

BOUND = 1e-9


def recovery(subject: StudySubject) -> Iterator[Check]:
    """Scramble the factors, bring them back without a look at ``X``, compare the cosines.

    What they are compared with comes from the closed form: its splits for the gauges, the
    predictions themselves for data-space.
    """
    scrambled = subject.named["balanced"].through(subject.scramble)
    P, Q = subject.users(scrambled), scrambled.items
    roots = root(P), root(Q)
    sample = P[subject.some_users]
    items, users = 0.0, 0.0
    for t in PATH:
        pair, expected = PowerGauge(t).pair(*roots), in_gauge(subject.product, f"power({t})")
        items = max(items, _largest_difference(Q @ pair.items, expected.items))
        users = max(
            users,
            _largest_difference(sample @ pair.queries, subject.users(expected)[subject.some_users]),
        )
    yield Check(7, "item cosines of scrambled factors, canonical gauges", items, "<=", BOUND)
    yield Check(7, "user cosines of scrambled factors, canonical gauges", users, "<=", BOUND)
    columns = cosines(Q @ roots[0].matrix.T) - subject.data_space
    predicted = subject.dense(subject.some_users) @ subject.named["balanced"].weights
    rows = _largest_difference(sample @ roots[1].matrix.T, predicted)
    deviation = max(float(np.abs(columns).max()), rows)
    yield Check(7, "data-space cosines of scrambled factors", deviation, "<=", BOUND)


def _largest_difference(first: Float64[Array, "rows a"], second: Float64[Array, "rows b"]) -> float:
    return float(np.abs(cosines(first) - cosines(second)).max())


STARTS = 3
USERS, ITEMS, FEWEST, PENALTY = 1_000, 100, 3, 100.0
"""The small instance of objective (1)."""


def uniqueness(subject: StudySubject) -> Iterator[Check]:
    """Both objectives by alternating least squares from three starts each."""
    yield from _second(subject)
    yield from _first(subject)


def _second(subject: StudySubject) -> Iterator[Check]:
    """The same instance, the same width as the closed form was asked for."""
    solved = cosines(subject.factors.item_factors)
    difference, size = 0.0, subject.size
    for start in range(STARTS):
        solution = minimise_factors(
            subject.gram, size.components, size.factors_penalty, subject.rng(10 + start)
        )
        difference = max(difference, float(np.abs(cosines(solution.items) - solved).max()))
    yield Check(
        6, f"objective (2), {STARTS} starts: cosines minus closed form", difference, "<=", 1e-8
    )


def _first(subject: StudySubject) -> Iterator[Check]:
    gram = _small_gram(subject.seed)
    k = widest_gap(gram)
    solutions = [
        minimise_product(gram, k, PENALTY, subject.rng(20 + start)) for start in range(STARTS)
    ]
    solution_pairs = list(combinations(solutions, 2))
    weights = max(float(np.abs(a.weights - b.weights).max()) for a, b in solution_pairs)
    angles = min(
        float(np.abs(cosines(a.items) - cosines(b.items)).max()) for a, b in solution_pairs
    )
    yield Check(6, f"objective (1), {STARTS} starts: predictions differ", weights, "<=", 1e-8)
    yield Check(6, f"objective (1), {STARTS} starts: cosines differ", angles, ">=", 0.1)


def _small_gram(seed: int) -> Float64[Array, "p p"]:
    X = simulate(USERS, ITEMS, seed=seed).interactions.rows().ones()
    return np.asarray((X.T @ X).toarray())


def widest_gap(gram: Float64[Array, "p p"]) -> int:
    """Where to cut: the predictions are unique only if ``sigma_k > sigma_(k+1)``."""
    squared = np.linalg.eigvalsh(gram)[::-1][: 2 * FEWEST + 4]
    return int(np.argmax(squared[FEWEST - 1 : -1] / squared[FEWEST:])) + FEWEST
