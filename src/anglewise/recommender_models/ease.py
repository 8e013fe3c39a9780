"""EASE (arXiv 1905.03375): item-item weights in closed form, with a validated penalty."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from math import floor, log10
from typing import Any, cast

import numpy as np

from anglewise.data_types.conversion import described
from anglewise.data_types.embeddings import Embeddings, Space, TrainedFor
from anglewise.data_types.numbers import POSITIVE, SEED
from anglewise.data_types.sparse import SparseRows, check_table
from anglewise.data_types.typing import Array, Bool, Float32, Float64, Int64
from anglewise.errors import ShapeError, TooFewError, ValuesError, WrongTypeError
from anglewise.recommender_models.model import Model
from anglewise.recommender_models.normalisation import Learned, Normalisation, normalisation
from anglewise.recommender_models.svd import as_rows, fill_upper, lower_gram, with_values

SHARE, MOST_USERS, FEWEST_USERS = 0.1, 1000, 20
"""A tenth of the users validate, at most a thousand, at least twenty."""

MOST_ON_PATH = 12_000
"""The most items for which a penalty is chosen: some three minutes of one core, and 3 GB."""

DEPTH = 10


@dataclass(frozen=True)
class PenaltyPath:
    """Penalties with their mean nDCG@10 for validation users, and the number of these users.

    >>> PenaltyPath((1.0, 10.0, 100.0), (0.1, 0.3, 0.2), 50).best
    10.0
    """

    penalties: tuple[float, ...]
    scores: tuple[float, ...]
    users: int

    @property
    def best(self) -> float:
        """The penalty with the highest score; of equal ones the largest."""
        return max(zip(self.scores, self.penalties, strict=True))[1]

    @property
    def at_the_end(self) -> bool:
        """Whether a penalty beyond those that were tried might do better."""
        return self.best in {self.penalties[0], self.penalties[-1]}

    def __str__(self) -> str:
        end = ", the end of the range" if self.at_the_end else ""
        return (
            f"penalty {self.best:g}{end}: the best of {len(self.penalties)} from "
            f"{self.penalties[0]:g} to {self.penalties[-1]:g} by nDCG@{DEPTH} "
            f"{max(self.scores):.3f} of {self.users} training users kept aside for it"
        )


def penalty_path(
    X: Any,
    rule: Normalisation,
    penalties: Iterable[float] | None = None,
    *,
    seed: int = 0,
) -> PenaltyPath:
    """Score penalties of ``fit_ease`` by how well validation users get back their hidden items.

    A tenth of the users with two items or more validate and are left out of the Gram matrix ``G``.
    The model sees a random half of what each of them used; the other half is relevant. With
    ``G = V diag(e) V'`` the inverse is ``V diag(1 / (e + penalty)) V'`` for every penalty, so one
    decomposition serves all of them. By default 1, 2, 5, 10, ... from a tenth of the mean of the
    diagonal of ``G`` to a thousand times it.

    Raises
    ------
    TooFewError
        Fewer than 20 users to keep aside.
    ShapeError
        More than 12,000 items.
    ValuesError
        A penalty that is not positive.

    Examples
    --------
    >>> from anglewise.recommender_models.normalisation import AsIs
    >>> X = (np.random.default_rng(0).random((300, 12)) < 0.4).astype(float)
    >>> penalty_path(X, AsIs(), [1.0, 100.0]).penalties
    (1.0, 100.0)
    """
    table = as_rows(X)
    _check_penalties(table.shape[1])
    visible, hidden, training = split_users(table, np.random.default_rng(seed))
    learned = rule.learn(table[training])
    gram = fill_upper(lower_gram(learned.apply(table[training])))
    grid = (
        _default_penalties(float(gram.diagonal().mean())) if penalties is None else tuple(penalties)
    )
    if not grid or not all(penalty > 0 for penalty in grid):
        raise ValuesError("penalties are none, zero or negative: positive numbers are due")
    values, vectors = _eigen(gram)
    rows = learned.apply(visible).toarray().astype(np.float32)
    balance = learned.balance
    if balance is not None:
        rows *= balance.astype(np.float32)
    rotated, squares = rows @ vectors, vectors**2
    visible_cells, hidden_cells = visible.toarray() > 0, hidden.toarray() > 0
    scores: list[float] = []
    for penalty in grid:
        inverse_values = 1 / (values + np.float32(penalty))
        predicted = rows - (rotated * inverse_values) @ vectors.T / (squares @ inverse_values)
        if balance is not None:
            predicted /= balance.astype(np.float32)
        scores.append(mean_ndcg(np.where(visible_cells, -np.inf, predicted), hidden_cells))
    return PenaltyPath(grid, tuple(scores), len(hidden_cells))


def _check_penalties(items: int) -> None:
    if items > MOST_ON_PATH:
        raise ShapeError(
            f"{items:,} items came, a penalty is chosen for up to {MOST_ON_PATH:,}: give a penalty"
        )


def _eigen(gram: Float32[Array, "p p"]) -> tuple[Float32[Array, " p"], Float32[Array, "p p"]]:
    from scipy import linalg

    solve: Any = cast("Any", linalg).eigh
    values, vectors = solve(gram, driver="evd", overwrite_a=True, check_finite=False)
    return np.maximum(values, 0), vectors


def _default_penalties(mean: float) -> tuple[float, ...]:
    """1, 2, 5, 10, ... between a tenth of a number and a thousand times it."""
    decade_of_mean = floor(log10(mean)) - 1 if mean > 0 else -1
    steps = [
        digit * 10.0 ** (decade_of_mean + decade) for decade in range(6) for digit in (1, 2, 5)
    ]
    return tuple(step for step in steps if mean / 10 <= step <= mean * 1000) or (1.0,)


def split_users(table: Any, rng: np.random.Generator) -> tuple[Any, Any, Int64[Array, " others"]]:
    """The visible and the hidden half of the validation users' rows, and the training rows."""
    counts = np.diff(table.indptr)
    eligible = np.flatnonzero(counts >= 2)
    number = min(round(SHARE * len(eligible)), MOST_USERS)
    if number < FEWEST_USERS:
        raise TooFewError(
            f"{len(eligible)} users used two items or more, and a tenth of them, {number}, are too "
            f"few to choose a penalty by ({FEWEST_USERS} are due): give a penalty"
        )
    chosen = np.sort(rng.choice(eligible, number, replace=False))
    validation = table[chosen]
    is_hidden = _random_half(validation, rng)
    visible, hidden = (
        with_values(validation, np.where(part, validation.data, 0))
        for part in (~is_hidden, is_hidden)
    )
    training = np.delete(np.arange(len(counts)), chosen)
    return visible, hidden, training


def _random_half(rows: Any, rng: np.random.Generator) -> Bool[Array, " entries"]:
    """Marks a random half of the entries of each row, rounded down, so that one is left."""
    counts = np.diff(rows.indptr)
    row_of = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((rng.random(len(row_of)), row_of))
    rank = np.arange(len(row_of)) - np.repeat(rows.indptr[:-1], counts)
    is_hidden = np.zeros(len(row_of), dtype=bool)
    is_hidden[order] = rank < np.repeat(counts // 2, counts)
    return is_hidden


def mean_ndcg(scores: Float32[Array, "users items"], relevant: Bool[Array, "users items"]) -> float:
    """The mean nDCG@10 with gain 1."""
    depth = min(DEPTH, scores.shape[1])
    discounts: Float64[Array, " depth"] = 1 / np.log2(np.arange(depth) + 2)
    top = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    top_scores = np.take_along_axis(scores, top, axis=1)
    order = np.lexsort((top, -top_scores), axis=1)
    hits = np.take_along_axis(relevant, np.take_along_axis(top, order, axis=1), axis=1)
    ideal = np.cumsum(discounts)[np.minimum(relevant.sum(axis=1), depth) - 1]
    return float((hits @ discounts / ideal).mean())


MOST_ITEMS = 30_000
"""The weights of that many items take 3.6 GB."""


@dataclass(frozen=True, eq=False)
class ItemWeights(Model):
    """``X ~ X B`` with zeros on the diagonal of ``B``: items predict each other.

    In its space users are their rows of the table and items the columns of ``B``: the dot product
    is the prediction, and there are as many dimensions as items. Two items are near each other if
    the same items predict both; see ``item_to_item`` for the weights themselves.

    Attributes
    ----------
    weights
        ``B``, items x items, float32: having used ``i`` adds ``B[i, j]`` to the prediction of
        ``j``.
    penalty
        The weight of ``|B|^2``.
    about
        How it was made, for the space.
    before
        How tables are normalised first.
    path
        How the penalty was chosen; None where it was given.
    """

    weights: Float32[Array, "items items"]
    penalty: float
    about: Mapping[str, Any]
    before: Learned
    path: PenaltyPath | None = None

    @property
    def trained_for(self) -> TrainedFor:
        """Inner products are the predictions."""
        return "dot"

    @property
    def item_vectors(self) -> Float32[Array, "items items"]:
        """The columns of ``B``: for each item, the weights of the items that predict it."""
        return self.weights.T

    def fold_in(self, X: Any) -> Float32[Array, "users items"]:
        """Users as queries: their rows of the (normalised) table, dense, 4 bytes a cell.

        Raises ``ShapeError`` when the columns of ``X`` are not the items of the training table.
        """
        return self.before.apply(X).toarray().astype(np.float32)

    def predict(self, X: Any) -> Float32[Array, "users items"]:
        """``X B``, dense: the prediction of each item for users, known or new."""
        return self.fold_in(X) @ self.weights

    def item_to_item(self, item_ids: Iterable[Any] | None = None) -> Space:
        """Each item as the query of a user who used only it: the dot product is ``B[i, j]``.

        An item is left out of its own list.
        """
        size = len(self.weights)
        ids = None if item_ids is None else list(item_ids)
        return Space(
            queries=Embeddings(np.eye(size, dtype=np.float32), ids=ids),
            items=Embeddings(self.weights.T, ids=ids),
            trained_for="dot",
            seen=SparseRows.from_pairs(np.arange(size), np.arange(size), shape=(size, size)),
            about=self.about,
        )


def fit_ease(
    X: Any,
    penalty: float | None = None,
    *,
    normalise: str | Normalisation = "none",
    seed: int = 0,
) -> ItemWeights:
    """Minimise ``|X - XB|^2 + penalty |B|^2`` over all ``B`` with a diagonal of zeros.

    With ``P = (X'X + penalty I)^-1`` the optimum is ``B_ij = -P_ij / P_jj`` off the diagonal:
    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", arXiv 1905.03375, equation (8).
    ``X`` is users x items, sparse or dense; ``normalise`` as in ``fit_linear``. Without a penalty
    the best one for validation users is taken (see ``penalty_path``).

    Memory: ``4 p^2`` bytes for ``p`` items, in place (55 MB for 3,700), and about five times as
    much while a penalty is chosen. Time: ``p^3`` multiplications, and some ten times as many to
    choose.

    Raises
    ------
    ValuesError
        A penalty that is not positive, or too small for float32; a table with NaN, infinity or
        other than real numbers, or whose products do not fit float32.
    TooFewError
        One item, no users, or too few users to choose a penalty by.
    ShapeError
        More items than ``MOST_ITEMS``.

    Examples
    --------
    >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 1, 1]])
    >>> fit_ease(X, 1.0).weights.astype(np.float64).round(2).tolist()
    [[0.0, 0.67, -0.25], [0.57, 0.0, 0.37], [-0.29, 0.5, 0.0]]
    """
    _check(X, penalty)
    SEED.check("seed", seed)
    rule = normalisation(normalise)
    path = None if penalty is not None else penalty_path(X, rule, seed=seed)
    chosen = path.best if path is not None else float(penalty or 0)
    learned = rule.learn(X)
    weights = _weights_from_gram(lower_gram(learned.apply(X)), chosen)
    if learned.balance is not None:
        weights *= learned.balance[:, None].astype(np.float32)
        weights /= learned.balance.astype(np.float32)
    about = {
        "model": "item-item weights",
        "objective": "ease",
        "penalty": chosen,
        "normalise": str(rule),
        "anglewise": version("anglewise"),
    }
    return ItemWeights(weights, chosen, about, learned, path)


def _weights_from_gram(gram: Float32[Array, "p p"], penalty: float) -> Float32[Array, "p p"]:
    """``B``, written over the Gram matrix, by a Cholesky factor and its inverse."""
    from scipy.linalg import lapack

    routines = cast("Any", lapack)
    size = len(gram)
    gram[np.diag_indices(size)] += np.float32(penalty)
    factor, failed = routines.spotrf(gram, lower=1, overwrite_a=1, clean=0)
    inverse, singular = routines.spotri(factor, lower=1, overwrite_c=1)
    if failed or singular:
        raise ValuesError(
            f"penalty {penalty:g} is too small to invert the Gram matrix in single precision: "
            "take a larger one"
        )
    diagonal = np.diag(inverse).copy()
    weights = fill_upper(inverse)
    weights /= -diagonal
    weights[np.diag_indices(size)] = 0
    return weights


def _check(X: Any, penalty: float | None) -> None:
    if len(getattr(X, "shape", ())) != 2:
        raise WrongTypeError(
            f"the table is {described(X)}: users x items are due, an array or a sparse matrix"
        )
    rows, items = X.shape
    if items < 2 or not rows:
        raise TooFewError(
            f"{rows} users and {items} items came: a user and two items are due for weights"
        )
    if items > MOST_ITEMS:
        raise ShapeError(
            f"{items:,} items need weights of {4 * items**2 / 1e9:.1f} GB, the most is "
            f"{MOST_ITEMS:,} items: leave out items that few used, or take LinearEmbedding"
        )
    check_table(X)
    if penalty is not None:
        POSITIVE.check("penalty", penalty)
