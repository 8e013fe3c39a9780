"""Full-rank weights from item to item in closed form: EASE (arXiv 1905.03375)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, cast

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.numbers import POSITIVE
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Float32
from anglewise.errors import ShapeError, TooFewError, ValuesError
from anglewise.models.gram import fill_upper, lower_gram
from anglewise.models.penalty_path import PenaltyPath, penalty_path
from anglewise.normalisation.normalisation import Learned, Normalisation
from anglewise.normalisation.spelling import normalisation

MOST_ITEMS = 30_000
"""The weights of so many items fill 3.6 GB."""


@dataclass(frozen=True, eq=False)
class ItemWeights:
    """``X ~ X B`` with nothing on the diagonal of ``B``: what was used speaks for what was not.

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

    def fold_in(self, X: Any) -> Float32[Array, "users items"]:
        """Users as queries: their own rows of the (normalised) table, dense: 4 bytes a cell.

        Raises ``ShapeError`` when the columns of ``X`` are not the items of the training table.
        """
        return self.before.apply(X).toarray().astype(np.float32)

    def predict(self, X: Any) -> Float32[Array, "users items"]:
        """``X B``, dense: how strongly each item is predicted for users, known or new."""
        return self.fold_in(X) @ self.weights

    def space(
        self,
        users: Float32[Array, "users items"],
        *,
        user_ids: Iterable[Any] | None = None,
        item_ids: Iterable[Any] | None = None,
        user_metadata: Mapping[str, Any] | None = None,
        item_metadata: Mapping[str, Any] | None = None,
        seen: SparseRows | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> Space:
        """Users as their rows, items as columns of ``B``: the dot product is EASE's prediction.

        It has as many dimensions as there are items. Two items are near each other where the
        same items speak for both. See ``item_to_item`` for the weights themselves.
        """
        return Space(
            queries=Embeddings(users, ids=user_ids, metadata=user_metadata),
            items=Embeddings(self.weights.T, ids=item_ids, metadata=item_metadata),
            trained_for="dot",
            seen=seen,
            about={**self.about, **(about or {})},
        )

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
