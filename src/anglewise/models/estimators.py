"""scikit-learn estimators: the closed form, and the weighting of tables."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Float64
from anglewise.engine.search import search, search_vectors
from anglewise.errors import MissingExtraError, SpellingError
from anglewise.models.closed_form import LinearModel, fit_linear
from anglewise.models.standardising import normalisation
from anglewise.models.weighting import Learned, ShiftedTable

try:
    from sklearn import utils
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
except ImportError as missing:
    raise MissingExtraError(
        "LinearEmbedding is a scikit-learn estimator and scikit-learn is not installed: "
        "pip install 'anglewise[sklearn]', or use anglewise.models.closed_form.fit_linear"
    ) from missing

sklearn_utils: Any = utils  # scikit-learn ships no types


class LinearEmbedding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embeds users and items so that their inner products predict who uses what.

    A linear autoencoder ``X ~ X A B'`` with low-rank weights, solved exactly from one truncated
    SVD (arXiv 2403.05440, equations 1 and 2; formulas in ``anglewise.models.closed_form``).

    Parameters
    ----------
    n_components
        Dimensions asked for; there are fewer if the table has a lower rank or the penalty cuts.
    objective
        ``"product"`` penalises ``|AB'|^2`` and leaves cosines to the gauge;
        ``"factors"`` penalises ``|XA|^2 + |B|^2`` and fixes them.
    penalty
        The weight of the penalty, in squared units of ``X`` for ``"product"`` and in units of
        its singular values for ``"factors"``.
    gauge
        Which of the equally good factorisations of ``"product"``: ``"balanced"``,
        ``"item-orthonormal"``, ``"user-orthonormal"``, ``"tied-weights"``, ``"raw-users"`` or
        ``"power(t)"``. Predictions are the same in all.
    random_state
        Seed of the start of the iteration that large tables need: an int, a numpy
        ``RandomState``, or None.

    Attributes
    ----------
    user_factors_, item_factors_
        ``P = X A`` (users x k) and ``Q = B`` (items x k), float64.
    singular_values_, components_
        ``sigma`` (k) of ``X`` and its right singular vectors, k x items as in scikit-learn.
    n_components_
        How many dimensions there are.
    model_
        The fitted ``LinearModel``, for work without scikit-learn.

    Examples
    --------
    >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    >>> embedding = LinearEmbedding(n_components=2, penalty=1.0).fit(X)
    >>> embedding.inverse_transform(embedding.transform([[1, 0, 0]])).round(3).tolist()
    [[0.4, 0.4, 0.0]]
    """

    def __init__(
        self,
        n_components: int = 64,
        objective: str = "product",
        penalty: float = 1000.0,
        gauge: str = "balanced",
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.objective = objective
        self.penalty = penalty
        self.gauge = gauge
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "LinearEmbedding":
        """Learn from a users x items table, sparse or dense."""
        del y
        table = self._table(X, first=True)
        self.model_: LinearModel = fit_linear(
            table,
            self.n_components,
            objective=self.objective,
            penalty=self.penalty,
            gauge=self.gauge,
            seed=_seed(self.random_state),
        )
        self.user_factors_: Float64[Array, "users k"] = self.model_.fold_in(table)
        self.item_factors_: Float64[Array, "items k"] = self.model_.item_factors
        self.singular_values_ = self.model_.singular_values
        self.components_: Float64[Array, "k items"] = self.model_.components.T
        self.n_components_ = len(self.singular_values_)
        return self

    def transform(self, X: Any) -> Float64[Array, "users k"]:
        """Fold users in: ``X A``, users x k. Those of the training table land where they stood."""
        sklearn_utils.validation.check_is_fitted(self)
        return self.model_.fold_in(self._table(X))

    def inverse_transform(self, X: Any) -> Float64[Array, "users items"]:
        """``P B'``: how strongly each item is predicted for users embedded by ``transform``, dense.

        The same in every gauge. For the best items alone see ``recommend``.
        """
        sklearn_utils.validation.check_is_fitted(self)
        return sklearn_utils.validation.check_array(X, dtype=np.float64) @ self.item_factors_.T

    def recommend(self, X: Any, k: int = 10, *, include_seen: bool = False) -> Neighbours:
        """The ``k`` items with the largest predictions for each user, known or new.

        ``X`` is users x items as in ``transform``; what a user has there is left out of the list
        unless ``include_seen``. Ranked by ``P B'``, the same in every gauge; ties by row.

        >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
        >>> embedding = LinearEmbedding(n_components=2, penalty=1.0).fit(X)
        >>> embedding.recommend([[1, 0, 0]], k=1).indices.tolist()
        [[1]]
        """
        sklearn_utils.validation.check_is_fitted(self)
        table = self._table(X)
        return search_vectors(
            Space(items=Embeddings(self.item_factors_)),
            Embeddings(self.model_.fold_in(table)),
            "dot",
            k=k,
            exclude=None if include_seen else _nonzero(table),
        )["dot"]

    def similar_items(
        self, rows: Iterable[int], k: int = 10, measure: str = "cosine@data-space"
    ) -> Neighbours:
        """The ``k`` items most like those in ``rows``, themselves left out.

        Under ``objective="product"`` the plain ``"cosine"`` depends on the gauge alone; the
        default does not: it compares the items' columns of ``P B'``.

        >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
        >>> embedding = LinearEmbedding(n_components=2, penalty=1.0).fit(X)
        >>> embedding.similar_items([0, 1], k=1).indices.tolist()
        [[1], [0]]
        """
        found = search(
            self.space(),
            measure,
            k=k,
            direction="items-items",
            rows=np.fromiter(rows, dtype=np.int64),
        )
        return next(iter(found.values()))

    def space(
        self,
        *,
        user_ids: Iterable[Any] | None = None,
        item_ids: Iterable[Any] | None = None,
        user_metadata: Mapping[str, Any] | None = None,
        item_metadata: Mapping[str, Any] | None = None,
        seen: SparseRows | None = None,
    ) -> Space:
        """The training users and all items, to be compared, audited or written.

        Ids default to row numbers. ``seen`` (users x items) is left out of recommendations.
        """
        sklearn_utils.validation.check_is_fitted(self)
        return self.model_.space(
            self.user_factors_,
            user_ids=user_ids,
            item_ids=item_ids,
            user_metadata=user_metadata,
            item_metadata=item_metadata,
            seen=seen,
        )

    def _table(self, X: Any, *, first: bool = False) -> Any:
        """Check a users x items table as scikit-learn does; the first one sets the width."""
        if isinstance(X, ShiftedTable):  # from TableNormaliser, which has checked it
            if first:
                self.n_features_in_ = X.shape[1]
            return X
        return sklearn_utils.validation.validate_data(
            self, X, accept_sparse="csr", dtype=np.float64, reset=first
        )

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = cast("Any", super().__sklearn_tags__())
        tags.input_tags.sparse = True
        return tags


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int):
        return random_state
    draws: Any = sklearn_utils.check_random_state(random_state)
    return int(draws.randint(2**31 - 1))


def _nonzero(table: Any) -> SparseRows:
    rows, columns = table.nonzero()
    cells = np.unique(rows.astype(np.int64) * table.shape[1] + columns)  # a CSR may repeat cells
    return SparseRows.from_pairs(*np.divmod(cells, table.shape[1]), shape=table.shape)


try:
    from sklearn import utils
    from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
except ImportError as missing:
    raise MissingExtraError(
        "TableNormaliser is a scikit-learn transformer and scikit-learn is not installed: "
        "pip install 'anglewise[sklearn]', or use anglewise.models.closed_form.fit_linear with "
        "normalise="
    ) from missing

COUNTS = {"tf-idf", "bm25", "propensity", "exponents"}


class TableNormaliser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Weighs a users x items table before a model learns from it.

    What it learns about items, such as means and how many use them, it takes from the users it is
    fitted on; new users are weighed by the same numbers. Put before ``LinearEmbedding`` in a
    ``Pipeline``.

    Parameters
    ----------
    rule
        ``"standardised"``, ``"l2"``, ``"tf-idf"``, ``"bm25"``, ``"propensity"``,
        ``"exponents(0,b)"`` or ``"none"``; formulas in ``anglewise.normalisation``.

    Attributes
    ----------
    learned_
        What was learned from the training users, for work without scikit-learn.

    Notes
    -----
    A sparse table stays sparse: ``"standardised"`` gives a ``ShiftedTable``, the sparse entries
    and one correction of rank one, which ``LinearEmbedding`` takes and other estimators do not. A
    dense table stays dense.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    >>> steps = make_pipeline(TableNormaliser("l2"), LinearEmbedding(2, penalty=1.0)).fit(X)
    >>> steps.transform([[1, 1, 0]]).shape
    (1, 2)
    """

    def __init__(self, rule: str = "standardised") -> None:
        self.rule = rule

    def fit(self, X: Any, y: Any = None) -> "TableNormaliser":
        """Learn from a users x items table, sparse or dense."""
        del y
        table = self._table(X, first=True)
        learned: Learned = normalisation(self.rule).learn(table)
        if learned.balance is not None and np.ptp(learned.balance) > 0:
            raise SpellingError(
                f"{self.rule} also changes what the model gives, which a step before it cannot: "
                "take exponents(0,b), or fit_linear(..., normalise=...) for both exponents"
            )
        self.learned_: Learned = learned
        return self

    def transform(self, X: Any) -> Any:
        """The table normalised by what training taught: dense if it came dense, else sparse."""
        sklearn_utils.validation.check_is_fitted(self)
        table = self._table(X)
        found = self.learned_.apply(table)
        return found.toarray() if isinstance(table, np.ndarray) else found

    def _table(self, X: Any, *, first: bool = False) -> Any:
        return sklearn_utils.validation.validate_data(
            self, X, accept_sparse="csr", dtype=np.float64, reset=first
        )

    def __sklearn_tags__(self) -> Any:
        tags = cast("Any", super().__sklearn_tags__())
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = self.rule.partition("(")[0] in COUNTS
        return tags
