"""The rules as a scikit-learn transformer. Everything that needs scikit-learn is here."""

from typing import Any, cast

import numpy as np

from anglewise.errors import MissingExtraError, SpellingError
from anglewise.normalisation.normalisation import Learned
from anglewise.normalisation.spelling import normalisation

try:
    from sklearn import utils
    from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
except ImportError as missing:
    raise MissingExtraError(
        "TableNormaliser is a scikit-learn transformer and scikit-learn is not installed: "
        "pip install 'anglewise[sklearn]', or use anglewise.models.closed_form.fit_linear with "
        "normalise="
    ) from missing

sklearn_utils: Any = utils  # scikit-learn ships no types
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
    >>> from anglewise.models.linear import LinearEmbedding
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
