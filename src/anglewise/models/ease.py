"""EASE (arXiv 1905.03375): item-item weights in closed form, and their penalty by validation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from math import floor, log10
from typing import Any, cast

import numpy as np

from anglewise.core.conversion import described
from anglewise.core.embeddings import Embeddings, Space, TrainedFor
from anglewise.core.numbers import POSITIVE
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float32, Float64, Int64
from anglewise.errors import ShapeError, TooFewError, ValuesError, WrongTypeError
from anglewise.models.model import Model
from anglewise.models.normalisation import Learned, Normalisation, normalisation
from anglewise.models.svd import as_rows, fill_upper, lower_gram, with_values

SHARE, MOST_USERS, FEWEST_USERS = 0.1, 1000, 20
"""A tenth of the users validate, no more than a thousand, no fewer than twenty."""

MOST_ON_PATH = 12_000
"""Some three minutes of one core, and 3 GB."""

DEPTH = 10


@dataclass(frozen=True)
class PenaltyPath:
    """Penalties, rising, with the mean nDCG@10 of what validation users hid, and how many users.

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
    """Score penalties of ``fit_ease`` by how well users kept aside get back what they hid.

    A tenth of the users with two items or more are kept out of the Gram matrix ``G`` of the
    others; a random half of what each used is shown, the rest is to be found. With
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
    >>> from anglewise.models.normalisation import AsIs
    >>> X = (np.random.default_rng(0).random((300, 12)) < 0.4).astype(float)
    >>> penalty_path(X, AsIs(), [1.0, 100.0]).penalties
    (1.0, 100.0)
    """
    table = as_rows(X)
    _check_penalties(table.shape[1])
    shown, hidden, others = kept_aside(table, np.random.default_rng(seed))
    learned = rule.learn(table[others])
    gram = fill_upper(lower_gram(learned.apply(table[others])))
    grid = _usual(float(gram.diagonal().mean())) if penalties is None else tuple(penalties)
    if not grid or not all(penalty > 0 for penalty in grid):
        raise ValuesError("penalties are none, zero or negative: positive numbers are due")
    values, vectors = _eigen(gram)
    rows = learned.apply(shown).toarray().astype(np.float32)
    balance = learned.balance
    if balance is not None:
        rows *= balance.astype(np.float32)
    turned, squares = rows @ vectors, vectors**2
    seen, due = shown.toarray() > 0, hidden.toarray() > 0
    scores: list[float] = []
    for penalty in grid:
        shrunk = 1 / (values + np.float32(penalty))
        predicted = rows - (turned * shrunk) @ vectors.T / (squares @ shrunk)
        if balance is not None:
            predicted /= balance.astype(np.float32)
        scores.append(mean_ndcg(np.where(seen, -np.inf, predicted), due))
    return PenaltyPath(grid, tuple(scores), len(due))


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


def _usual(mean: float) -> tuple[float, ...]:
    """1, 2, 5, 10, ... between a tenth of a number and a thousand times it."""
    first = floor(log10(mean)) - 1 if mean > 0 else -1
    steps = [digit * 10.0 ** (first + decade) for decade in range(6) for digit in (1, 2, 5)]
    return tuple(step for step in steps if mean / 10 <= step <= mean * 1000) or (1.0,)


def kept_aside(table: Any, rng: np.random.Generator) -> tuple[Any, Any, Int64[Array, " others"]]:
    """What validation users show and what they hide, and the rows of the others."""
    counts = np.diff(table.indptr)
    able = np.flatnonzero(counts >= 2)
    number = min(round(SHARE * len(able)), MOST_USERS)
    if number < FEWEST_USERS:
        raise TooFewError(
            f"{len(able)} users used two items or more, and a tenth of them, {number}, are too few "
            f"to choose a penalty by ({FEWEST_USERS} are due): give a penalty"
        )
    chosen = np.sort(rng.choice(able, number, replace=False))
    theirs = table[chosen]
    hide = _half(theirs, rng)
    shown, hidden = (with_values(theirs, np.where(part, theirs.data, 0)) for part in (~hide, hide))
    others = np.delete(np.arange(len(counts)), chosen)
    return shown, hidden, others


def _half(rows: Any, rng: np.random.Generator) -> Bool[Array, " entries"]:
    """A random half of each row, rounded down: at least one entry stays."""
    counts = np.diff(rows.indptr)
    of = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((rng.random(len(of)), of))
    place = np.arange(len(of)) - np.repeat(rows.indptr[:-1], counts)
    hide = np.zeros(len(of), dtype=bool)
    hide[order] = place < np.repeat(counts // 2, counts)
    return hide


def mean_ndcg(scores: Float32[Array, "users items"], due: Bool[Array, "users items"]) -> float:
    """The mean nDCG@10 with gain 1."""
    depth = min(DEPTH, scores.shape[1])
    discounts: Float64[Array, " depth"] = 1 / np.log2(np.arange(depth) + 2)
    top = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    found = np.take_along_axis(scores, top, axis=1)
    order = np.lexsort((top, -found), axis=1)
    hits = np.take_along_axis(due, np.take_along_axis(top, order, axis=1), axis=1)
    ideal = np.cumsum(discounts)[np.minimum(due.sum(axis=1), depth) - 1]
    return float((hits @ discounts / ideal).mean())


MOST_ITEMS = 30_000
"""The weights of so many items fill 3.6 GB."""


@dataclass(frozen=True, eq=False)
class ItemWeights(Model):
    """``X ~ X B`` with nothing on the diagonal of ``B``: what was used speaks for what was not.

    As a space, users are their rows and items columns of ``B``: the dot product is the prediction.
    It has as many dimensions as there are items. Two items are near each other where the same
    items speak for both; see ``item_to_item`` for the weights themselves.

    Attributes
    ----------
    weights
        ``B``, items x items, float32: ``B[i, j]`` is what having used ``i`` says for ``j``.
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
        """The columns of ``B``: what speaks for each item."""
        return self.weights.T

    def fold_in(self, X: Any) -> Float32[Array, "users items"]:
        """Users as queries: their own rows of the (normalised) table, dense: 4 bytes a cell.

        Raises ``ShapeError`` when the columns of ``X`` are not the items of the training table.
        """
        return self.before.apply(X).toarray().astype(np.float32)

    def predict(self, X: Any) -> Float32[Array, "users items"]:
        """``X B``, dense: how strongly each item is predicted for users, known or new."""
        return self.fold_in(X) @ self.weights

    def item_to_item(self, item_ids: Iterable[Any] | None = None) -> Space:
        """Items that ask as users who used them alone: the dot product is ``B[i, j]`` itself.

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
    the best one for users kept aside is taken (see ``penalty_path``).

    Memory: ``4 p^2`` bytes for ``p`` items, in place (55 MB for 3,700), and about five times as
    much while a penalty is chosen. Time: ``p^3`` multiplications, and some ten times as many to
    choose.

    Raises
    ------
    ValuesError
        A penalty that is not positive, or too small for float32.
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
    rule = normalisation(normalise)
    path = None if penalty is not None else penalty_path(X, rule, seed=seed)
    chosen = path.best if path is not None else float(penalty or 0)
    before = rule.learn(X)
    weights = _solved(lower_gram(before.apply(X)), chosen)
    if before.balance is not None:
        weights *= before.balance[:, None].astype(np.float32)
        weights /= before.balance.astype(np.float32)
    about = {
        "model": "item-item weights",
        "objective": "ease",
        "penalty": chosen,
        "normalise": str(rule),
        "anglewise": version("anglewise"),
    }
    return ItemWeights(weights, chosen, about, before, path)


def _solved(gram: Float32[Array, "p p"], penalty: float) -> Float32[Array, "p p"]:
    """``B`` in the place of the Gram matrix, by Cholesky and the inverse of its factor."""
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
    own = np.diag(inverse).copy()
    weights = fill_upper(inverse)
    weights /= -own
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
    if penalty is not None:
        POSITIVE.check("penalty", penalty)
