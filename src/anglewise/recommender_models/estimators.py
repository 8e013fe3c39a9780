"""scikit-learn estimators: the closed form, the training, and the weighting of tables.

Everything that needs scikit-learn is here.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import SEED, check_flag, check_kind
from anglewise.data_types.sparse import SparseRows, check_entries_inside, check_table
from anglewise.data_types.typing import Array, Float64, Rows
from anglewise.errors import MissingExtraError, SpellingError, ValuesError, reason
from anglewise.nearest_neighbours.search import search, search_vectors
from anglewise.recommender_models.closed_form import LinearModel, fit_linear
from anglewise.recommender_models.normalisation import Learned, normalisation
from anglewise.recommender_models.svd import ShiftedTable
from anglewise.recommender_models.training import Report, train, used_cells
from anglewise.recommender_models.training_state import Settings, TrainedFactors
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure as read_measure

try:
    from sklearn import utils
    from sklearn.base import (
        BaseEstimator,
        ClassNamePrefixFeaturesOutMixin,
        OneToOneFeatureMixin,
        TransformerMixin,
    )
except ImportError as missing:
    raise MissingExtraError(
        "LinearEmbedding, TrainedEmbedding and TableNormaliser are scikit-learn estimators and "
        "scikit-learn is not installed: pip install 'anglewise[sklearn]', or use "
        "anglewise.recommender_models.closed_form.fit_linear (with normalise=) and "
        "anglewise.recommender_models.training.train"
    ) from missing

sklearn_utils: Any = utils  # scikit-learn ships no types

E = TypeVar("E", bound="Embedding")


class TableTransformer(TransformerMixin, BaseEstimator):
    """An estimator that takes a users x items table, sparse or dense. An interface."""

    def _table(self, X: Any, *, reset: bool = False) -> Any:
        """Check a users x items table as scikit-learn does; ``reset`` sets the number of items."""
        check_entries_inside(X)
        table = sklearn_utils.validation.validate_data(
            self, X, accept_sparse="csr", dtype=np.float64, reset=reset
        )
        check_table(table)
        return table

    def __sklearn_tags__(self) -> Any:
        tags = cast("Any", super().__sklearn_tags__())
        tags.input_tags.sparse = True
        return tags


class Embedding(ClassNamePrefixFeaturesOutMixin, TableTransformer):
    """An estimator that learns a ``Model`` from a table and embeds users by it. An interface."""

    model_: Any  # a ``Model``, of another class in each estimator
    n_components_: int

    @abstractmethod
    def _fit(self, table: Any) -> None:
        """Learn ``model_`` and the attributes that describe it."""

    def fit(self: E, X: Any, y: Any = None) -> E:  # noqa: PYI019 beartype reads no Self
        """Learn from a users x items table, sparse or dense."""
        del y
        table = self._table(X, reset=True)
        self._fit(table)
        self.user_factors_: Array = self.model_.fold_in(table)
        self.item_factors_: Array = self.model_.item_vectors
        return self

    def transform(self, X: Any) -> Array:
        """Fold users in, known or new: users x d. Training users get their training vectors."""
        sklearn_utils.validation.check_is_fitted(self)
        return self.model_.fold_in(self._table(X))

    def space(
        self,
        *,
        user_ids: Iterable[Any] | None = None,
        item_ids: Iterable[Any] | None = None,
        user_metadata: Mapping[str, Any] | None = None,
        item_metadata: Mapping[str, Any] | None = None,
        seen: SparseRows | None = None,
    ) -> Space:
        """The training users and all items as a space.

        Ids default to row numbers. Cells of ``seen`` (users x items) are left out of
        recommendations.
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

    @property
    def _n_features_out(self) -> int:
        return self.n_components_


class LinearEmbedding(Embedding):
    """Embeds users and items so that their inner products predict what each user uses.

    A linear autoencoder ``X ~ X A B'`` with low-rank weights, solved exactly from one truncated
    SVD (arXiv 2403.05440, equations 1 and 2; formulas in ``recommender_models.closed_form``).

    Parameters
    ----------
    n_components
        Dimensions; there are fewer if the rank of the table is lower or the penalty removes some.
    objective
        ``"product"`` penalises ``|AB'|^2``, and cosines then depend on the gauge; ``"factors"``
        penalises ``|XA|^2 + |B|^2``, which fixes them where no two singular values tie at the last
        dimension.
    penalty
        The weight of the penalty, in squared units of ``X`` for ``"product"`` and in units of
        its singular values for ``"factors"``.
    gauge
        One of the equally good factorisations of ``"product"``: ``"balanced"``,
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
        The number of dimensions.
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

    def _fit(self, table: Any) -> None:
        self.model_: LinearModel = fit_linear(
            table,
            self.n_components,
            objective=self.objective,
            penalty=self.penalty,
            gauge=self.gauge,
            seed=_seed(self.random_state),
        )
        self.singular_values_ = self.model_.singular_values
        self.components_: Float64[Array, "k items"] = self.model_.components.T
        self.n_components_ = len(self.singular_values_)

    def inverse_transform(self, X: Any) -> Float64[Array, "users items"]:
        """``P B'``, dense: the prediction of each item for users embedded by ``transform``.

        The same in every gauge. For the best items only see ``recommend``.
        """
        sklearn_utils.validation.check_is_fitted(self)
        return sklearn_utils.validation.check_array(X, dtype=np.float64) @ self.item_factors_.T

    def recommend(self, X: Any, k: int = 10, *, include_seen: bool = False) -> Neighbours:
        """The ``k`` items with the largest predictions for each user, known or new.

        ``X`` is users x items as in ``transform``; the items that a user has there are left out of
        the list unless ``include_seen``. Ranked by ``P B'``, the same in every gauge; ties by row.

        >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
        >>> embedding = LinearEmbedding(n_components=2, penalty=1.0).fit(X)
        >>> embedding.recommend([[1, 0, 0]], k=1).indices.tolist()
        [[1]]
        """
        sklearn_utils.validation.check_is_fitted(self)
        check_flag(include_seen, "include_seen")
        table = self._table(X)
        return search_vectors(
            Space(items=Embeddings(self.item_factors_)),
            Embeddings(self.model_.fold_in(table)),
            "dot",
            k=k,
            exclude=None if include_seen else used_cells(table),
        )["dot"]

    def similar_items(
        self, rows: Rows, k: int = 10, measure: str | Measure = "cosine@data-space"
    ) -> Neighbours:
        """The ``k`` nearest items of each item in ``rows``, without the item itself.

        Under ``objective="product"`` plain ``"cosine"`` depends on the gauge; the default measure
        does not: it compares the items' columns of ``P B'``.

        >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
        >>> embedding = LinearEmbedding(n_components=2, penalty=1.0).fit(X)
        >>> embedding.similar_items([0, 1], k=1).indices.tolist()
        [[1], [0]]
        """
        check_kind(measure, str | Measure, "a measure", "a spelling such as cosine or dot")
        measures = [read_measure(measure)]
        neighbours = search(self.space(), measures, k=k, direction="items-items", rows=rows)
        return next(iter(neighbours.values()))

    def _table(self, X: Any, *, reset: bool = False) -> Any:
        if isinstance(X, ShiftedTable):  # from TableNormaliser, which has checked it
            if reset:
                self.n_features_in_ = X.shape[1]
            return X
        return super()._table(X, reset=reset)


class TrainedEmbedding(Embedding):
    """Embeds users and items so that a chosen measure may predict what a user will use.

    Items are trained by sampled softmax with the cosine, the inner product or the distance inside
    the loss; the vectors of users follow from what they used (``recommender_models.training``).
    Needs PyTorch, the extra ``[train]``.

    Parameters
    ----------
    measure, temperature, learn_temperature, epochs, batch, learning_rate, shown, negatives, \
popularity, log_q, validation, patience, device, weighted
        See ``anglewise.recommender_models.training_state.Settings``.
    n_components
        Dimensions.
    checkpoint
        A file to write after each epoch, and to continue from if it exists.
    report
        Called after each epoch with its results and the greatest number of epochs.
    random_state
        Seed of every draw: an int, a numpy ``RandomState``, or None.

    Attributes
    ----------
    user_factors_, item_factors_
        Users x d and items x d, float32; of length one under cosine.
    history_
        The loss and the nDCG@10 of every epoch.
    n_components_
        The number of dimensions.
    model_
        The ``TrainedFactors``, for work without scikit-learn.

    Examples
    --------
    ``TrainedEmbedding("cosine", epochs=20).fit(X).space()`` is a space to compare, audit or write.
    """

    def __init__(
        self,
        measure: str = "cosine",
        n_components: int = 64,
        *,
        temperature: float | None = None,
        learn_temperature: bool = False,
        epochs: int = 50,
        batch: int | None = None,
        learning_rate: float = 0.01,
        shown: float = 0.5,
        negatives: int = 5000,
        popularity: float = 0.75,
        log_q: bool = True,
        validation: float = 0.1,
        patience: int = 5,
        device: str = "cpu",
        weighted: bool = False,
        checkpoint: str | Path | None = None,
        report: Report | None = None,
        random_state: Any = 0,
    ) -> None:
        self.measure = measure
        self.n_components = n_components
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.shown = shown
        self.negatives = negatives
        self.popularity = popularity
        self.log_q = log_q
        self.validation = validation
        self.patience = patience
        self.device = device
        self.weighted = weighted
        self.checkpoint = checkpoint
        self.report = report
        self.random_state = random_state

    def _fit(self, table: Any) -> None:
        self.model_: TrainedFactors = train(
            table, self._settings(), checkpoint=self.checkpoint, report=self.report
        )
        self.history_ = self.model_.history
        self.n_components_ = self.n_components

    def _settings(self) -> Settings:
        separate = {"n_components", "checkpoint", "report", "random_state"}
        parameters: dict[str, Any] = cast("Any", self).get_params(deep=False)
        shared = {name: value for name, value in parameters.items() if name not in separate}
        return Settings(**shared, components=self.n_components, seed=_seed(self.random_state))


def _seed(random_state: Any) -> int:
    if isinstance(random_state, Integral):
        return int(SEED.check("random_state", random_state))
    try:
        draws: Any = sklearn_utils.check_random_state(random_state)
    except ValueError as error:
        raise ValuesError(f"random_state: {reason(error)}") from error
    return int(draws.randint(2**31 - 1))


COUNTS = {"tf-idf", "bm25", "propensity", "exponents"}


class TableNormaliser(OneToOneFeatureMixin, TableTransformer):
    """Weighs a users x items table before a model learns from it.

    Numbers about items, such as means and how many users they have, are learned from the users in
    ``fit``; new users are weighed by the same numbers. Put it before ``LinearEmbedding`` in a
    ``Pipeline``.

    Parameters
    ----------
    rule
        ``"standardised"``, ``"l2"``, ``"tf-idf"``, ``"bm25"``, ``"propensity"``,
        ``"exponents(0,b)"`` or ``"none"``; formulas in ``recommender_models.normalisation``.

    Attributes
    ----------
    learned_
        The normalisation as learned from the training users, for work without scikit-learn.

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
        table = self._table(X, reset=True)
        learned: Learned = normalisation(self.rule).learn(table)
        if learned.balances:
            raise SpellingError(
                f"{self.rule} also changes what the model gives, which a step before it cannot: "
                "take exponents(0,b), or fit_linear(..., normalise=...) for both exponents"
            )
        self.learned_: Learned = learned
        return self

    def transform(self, X: Any) -> Any:
        """The table normalised as learned in ``fit``: dense if it came dense, else sparse."""
        sklearn_utils.validation.check_is_fitted(self)
        table = self._table(X)
        normalised = self.learned_.apply(table)
        return normalised.toarray() if isinstance(table, np.ndarray) else normalised

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = str(self.rule).partition("(")[0] in COUNTS
        return tags
