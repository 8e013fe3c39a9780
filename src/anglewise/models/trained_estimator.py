"""The training as a scikit-learn estimator. Everything that needs scikit-learn is here."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Float32
from anglewise.errors import MissingExtraError
from anglewise.models.training import Report, train
from anglewise.models.training_state import Settings, TrainedFactors

try:
    from sklearn import utils
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
except ImportError as missing:
    raise MissingExtraError(
        "TrainedEmbedding is a scikit-learn estimator and scikit-learn is not installed: "
        "pip install 'anglewise[sklearn]', or use anglewise.models.training.train"
    ) from missing

sklearn_utils: Any = utils  # scikit-learn ships no types


class TrainedEmbedding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embeds users and items so that a chosen measure tells what a user will use.

    Items are trained by sampled softmax with cosine, the inner product or the distance inside the
    loss; users are placed by what they used (``anglewise.models.training``). Needs PyTorch, the
    extra ``[train]``.

    Parameters
    ----------
    measure, temperature, learn_temperature, epochs, batch, learning_rate, shown, negatives, \
popularity, log_q, validation, patience, device
        See ``anglewise.models.training_state.Settings``.
    n_components
        Dimensions.
    checkpoint
        A file to write after each epoch, and to go on from where it is there.
    report
        Called after each epoch with what it gave and how many there are at most.
    random_state
        Seed of every draw: an int, a numpy ``RandomState``, or None.

    Attributes
    ----------
    user_factors_, item_factors_
        Users x d and items x d, float32; of length one under cosine.
    history_
        The loss and the nDCG@10 of every epoch.
    n_components_
        How many dimensions there are.
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
        self.checkpoint = checkpoint
        self.report = report
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "TrainedEmbedding":
        """Learn from a users x items table, sparse or dense; what is not zero counts 1."""
        del y
        table = self._table(X, first=True)
        self.model_: TrainedFactors = train(
            table, self._settings(), checkpoint=self.checkpoint, report=self.report
        )
        self.user_factors_ = self.model_.fold_in(table)
        self.item_factors_ = self.model_.item_factors
        self.history_ = self.model_.history
        self.n_components_ = self.n_components
        return self

    def transform(self, X: Any) -> Float32[Array, "users d"]:
        """Place users, known or new, by what they used."""
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
        """The users of the table and all items, to be compared, audited or written.

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

    def _settings(self) -> Settings:
        own = {"n_components", "checkpoint", "report", "random_state"}
        given: dict[str, Any] = cast("Any", self).get_params(deep=False)
        told = {name: value for name, value in given.items() if name not in own}
        return Settings(**told, components=self.n_components, seed=_seed(self.random_state))

    def _table(self, X: Any, *, first: bool = False) -> Any:
        """Check a users x items table as scikit-learn does; the first one sets the width."""
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
