"""The linear autoencoder of arXiv 2403.05440 in closed form: objectives, solution, gauges.

The optimum fixes only ``A B' = V diag(s) V'``. Here ``A = V diag(s / b)`` and ``B = V diag(b)``
for any positive ``b``, which a ``Split`` chooses. Users are the rows of ``XA``, so their Gram
matrix is ``diag(sigma s / b)^2`` and that of the items ``diag(b)^2``.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import TrainedFor
from anglewise.data_types.numbers import (
    COUNT,
    EXPONENT,
    NOT_NEGATIVE,
    SEED,
    check_kind,
    check_word,
    read_number,
)
from anglewise.data_types.typing import Array, Float64
from anglewise.errors import SpellingError, ValuesError
from anglewise.recommender_models.model import Model
from anglewise.recommender_models.normalisation import (
    AsIs,
    Learned,
    Normalisation,
    check_columns,
    normalisation,
)
from anglewise.recommender_models.svd import Spectrum, truncated_svd

Shrink = Callable[[Float64[Array, " k"], float], Float64[Array, " k"]]


@dataclass(frozen=True)
class Objective:
    """A loss on ``X ~ X A B'`` whose optimum is ``A B' = V diag(s) V'``.

    Attributes
    ----------
    name
        Its spelling in options.
    formula
        The loss that is minimised.
    shrink
        Computes ``s``, between 0 and 1, from the singular values of ``X`` and the penalty.
    pins_gauge
        Whether the loss also fixes how ``s`` is shared between ``A`` and ``B``.
    """

    name: str
    formula: str
    shrink: Shrink
    pins_gauge: bool


def _product(sigma: Float64[Array, " k"], penalty: float) -> Float64[Array, " k"]:
    return 1 / (1 + penalty / sigma**2)


def _factors(sigma: Float64[Array, " k"], penalty: float) -> Float64[Array, " k"]:
    return np.maximum(1 - penalty / sigma, 0)


OBJECTIVES = {
    each.name: each
    for each in (
        Objective("product", "|X - XAB'|^2 + penalty |AB'|^2", _product, pins_gauge=False),
        Objective("factors", "|X - XAB'|^2 + penalty (|XA|^2 + |B|^2)", _factors, pins_gauge=True),
    )
}


def find_objective(name: str) -> Objective:
    """Look an objective up by its name.

    >>> find_objective("product").shrink(np.array([10.0]), 100.0).tolist()
    [0.5]
    >>> find_objective("factors").shrink(np.array([10.0, 2.0]), 5.0).tolist()
    [0.5, 0.0]
    """
    check_word(name, OBJECTIVES, "objective")
    return OBJECTIVES[name]


class Split(ABC):
    """A rule for the items' share ``b``. An interface: the classes below are finished."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling."""

    @abstractmethod
    def items(
        self, sigma: Float64[Array, " k"], shares_kept: Float64[Array, " k"]
    ) -> Float64[Array, " k"]:
        """``b`` from the singular values ``sigma`` of ``X`` and ``shares_kept``, ``s``."""


@dataclass(frozen=True)
class PowerSplit(Split):
    """``b = (sigma s)^t``: all lengths on the users at 0, on the items at 1.

    ``sigma s`` is the spectrum of the predictions, so ``P'P`` is its ``2 (1 - t)``-th power and
    ``Q'Q`` its ``2 t``-th: ``t = 0`` gives orthonormal items (``B = V``), ``t = 1`` orthonormal
    users, ``t = 1/2`` the balanced factors ``P'P = Q'Q``, the ``D = diag(sigma^-1/2)`` of
    arXiv 2403.05440. ``t`` is a number from -8 to 8.

    >>> PowerSplit(0.5).items(np.array([8.0]), np.array([0.5])).tolist()
    [2.0]
    >>> str(PowerSplit(0.5)), str(PowerSplit(0.25))
    ('balanced', 'power(0.25)')
    """

    t: float

    def __post_init__(self) -> None:
        EXPONENT.check("the exponent of power(0.3)", self.t, SpellingError)

    def __str__(self) -> str:
        names = [name for name, find_split in NAMED.items() if find_split == self]
        return names[0] if names else f"power({self.t:g})"

    def items(
        self, sigma: Float64[Array, " k"], shares_kept: Float64[Array, " k"]
    ) -> Float64[Array, " k"]:
        """``(sigma s)^t``."""
        return (sigma * shares_kept) ** self.t


@dataclass(frozen=True)
class TiedWeights(Split):
    """``A = B``, one matrix for both layers: ``D = I``, equation (5) of arXiv 2403.05440.

    Gradient descent from a small start ends here.
    """

    def __str__(self) -> str:
        return "tied-weights"

    def items(
        self, sigma: Float64[Array, " k"], shares_kept: Float64[Array, " k"]
    ) -> Float64[Array, " k"]:
        """``s^1/2``."""
        del sigma
        return np.sqrt(shares_kept)


@dataclass(frozen=True)
class RawUsers(Split):
    """``A = V``: users keep the geometry of the data (at full rank, the cosine of raw rows)."""

    def __str__(self) -> str:
        return "raw-users"

    def items(
        self, sigma: Float64[Array, " k"], shares_kept: Float64[Array, " k"]
    ) -> Float64[Array, " k"]:
        """``s``."""
        del sigma
        return shares_kept


NAMED: dict[str, Split] = {
    "item-orthonormal": PowerSplit(0.0),
    "balanced": PowerSplit(0.5),
    "user-orthonormal": PowerSplit(1.0),
    "tied-weights": TiedWeights(),
    "raw-users": RawUsers(),
}


def find_split(spelling: str) -> Split:
    """Read the spelling of a gauge of the closed form.

    >>> find_split("balanced")
    PowerSplit(t=0.5)
    >>> find_split("power(0.25)")
    PowerSplit(t=0.25)
    """
    check_kind(spelling, str, "a gauge", "a spelling such as balanced or power(0.25)")
    if spelling in NAMED:
        return NAMED[spelling]
    match = re.fullmatch(r"power\(([^()]*)\)", spelling)
    number = read_number(match[1].strip()) if match else None
    if number is None:
        raise SpellingError(
            f"gauge {spelling!r} is unknown: take one of {', '.join(NAMED)} or power(t)"
        )
    return PowerSplit(number)


@dataclass(frozen=True, eq=False)
class LinearModel(Model):
    """``X ~ X A B'`` fitted: users are the rows of ``P = X A``, items the rows of ``Q = B``.

    Attributes
    ----------
    singular_values, components
        ``sigma`` and ``V`` of the directions that the penalty leaves; ``V`` is items x k.
    kept
        ``s``: the share of each direction that the penalty leaves; ``A B' = V diag(s) V'``.
    item_share
        ``b``: ``B = V diag(b)`` and ``A = V diag(s / b)``.
    about
        How it was made, for the space.
    before
        How tables are normalised before ``A``; None where the model learned from the raw table.
    """

    singular_values: Float64[Array, " k"]
    components: Float64[Array, "p k"]
    kept: Float64[Array, " k"]
    item_share: Float64[Array, " k"]
    about: Mapping[str, Any]
    before: Learned | None = None

    @property
    def trained_for(self) -> TrainedFor:
        """The loss compares inner products with the table."""
        return "dot"

    @property
    def encoder(self) -> Float64[Array, "p k"]:
        """``A``: maps a user's row of the (normalised) table to the vector of the user."""
        return self.components * (self.kept / self.item_share) * self._balance

    @property
    def item_factors(self) -> Float64[Array, "p k"]:
        """``B``."""
        return self.components * self.item_share / self._balance

    @property
    def item_vectors(self) -> Float64[Array, "p k"]:
        """``B``."""
        return self.item_factors

    @property
    def _balance(self) -> Float64[Array, "p_or_1 1"]:
        balance = None if self.before is None else self.before.balance
        return np.ones((1, 1)) if balance is None else balance[:, None]

    def fold_in(self, X: Any) -> Float64[Array, "users k"]:
        """``X A``: the vectors of users, known or new, from what they used (users x items).

        ``X`` is unscaled, as in training; it is normalised here.

        Raises ``ShapeError`` when the columns of ``X`` are not the items of the training table.
        """
        items = len(self.components)
        check_columns(X, items, f"the model knows {items} items")
        table = X if self.before is None else self.before.apply(X)
        return np.asarray(table @ self.encoder)


def fit_linear(
    X: Any,
    n_components: int = 64,
    *,
    objective: str = "product",
    penalty: float = 1000.0,
    gauge: str = "balanced",
    normalise: str | Normalisation = "none",
    seed: int = 0,
) -> LinearModel:
    """Minimise the objective over all ``A``, ``B`` of ``n_components`` columns by one SVD of ``X``.

    With ``X = U diag(sigma) V'`` both optima are ``A B' = V diag(s) V'``:

    * ``"product"``, ``|X - XAB'|^2 + penalty |AB'|^2``: ``s = 1 / (1 + penalty / sigma^2)``. Any
      invertible map between ``A`` and ``B`` costs nothing; ``gauge`` chooses one (see
      ``anglewise.recommender_models.closed_form``).
    * ``"factors"``, ``|X - XAB'|^2 + penalty (|XA|^2 + |B|^2)``: ``s = 1 - penalty / sigma``, and
      directions with ``sigma <= penalty`` are cut off. Only rotations are free: the factors are
      balanced, and another gauge is refused.

    Source: equations (1) and (2) of arXiv 2403.05440 with their solutions. ``X`` is users x items,
    sparse or dense, unscaled; ``normalise`` names the normalisation that is learned from it and
    applied first (see ``anglewise.recommender_models.normalisation``). The model has fewer than
    ``n_components`` directions if the rank of ``X`` is lower or the penalty removes some.

    Raises
    ------
    SpellingError
        An unknown objective, gauge or normalisation, or a gauge that the objective does not
        leave open.
    ValuesError
        A negative penalty, no components, a table of zeros, or a penalty that leaves no direction.

    Examples
    --------
    >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    >>> model = fit_linear(X, 2, penalty=1.0)
    >>> np.round(model.fold_in(X) @ model.item_factors.T, 3).tolist()
    [[0.8, 0.8, 0.0], [0.8, 0.8, 0.0], [0.0, 0.0, 0.5]]
    """
    COUNT.check("n_components", n_components)
    SEED.check("seed", seed)
    _check(objective, penalty, gauge)
    rule = normalisation(normalise)
    if isinstance(rule, AsIs):
        spectrum = truncated_svd(X, n_components, seed=seed)
        return fit_spectrum(spectrum, objective=objective, penalty=penalty, gauge=gauge)
    learned = rule.learn(X)
    spectrum = truncated_svd(learned.apply(X), n_components, seed=seed)
    model = fit_spectrum(spectrum, objective=objective, penalty=penalty, gauge=gauge)
    return replace(model, before=learned, about={**model.about, "normalise": str(rule)})


def fit_spectrum(
    spectrum: Spectrum,
    *,
    objective: str = "product",
    penalty: float = 1000.0,
    gauge: str = "balanced",
) -> LinearModel:
    """The optimum of ``fit_linear`` from given singular values and vectors of ``X``.

    One decomposition serves both objectives and every penalty. Raises as ``fit_linear`` does.

    >>> spectrum = truncated_svd(np.diag([3.0, 2.0]), 2)
    >>> fit_spectrum(spectrum, penalty=9.0).kept.round(3).tolist()
    [0.5, 0.308]
    >>> fit_spectrum(spectrum, objective="factors", penalty=2.5).kept.round(3).tolist()
    [0.167]
    """
    _check(objective, penalty, gauge)
    share = find_split(gauge)
    shares_kept = find_objective(objective).shrink(spectrum.values, penalty)
    positive = shares_kept > 0
    if not positive.any():
        raise ValuesError(
            f"penalty {penalty:g} leaves nothing: the largest singular value of the table is "
            f"{spectrum.values[0]:.4g}; take a smaller penalty"
        )
    sigma, shares_kept = spectrum.values[positive], shares_kept[positive]
    return LinearModel(
        singular_values=sigma,
        components=spectrum.right[:, positive],
        kept=shares_kept,
        item_share=share.items(sigma, shares_kept),
        about={
            "model": "linear autoencoder",
            "objective": objective,
            "penalty": float(penalty),
            "gauge": str(share),
            "components": int(positive.sum()),
            "anglewise": version("anglewise"),
        },
    )


def _check(objective: str, penalty: float, gauge: str) -> None:
    loss, share = find_objective(objective), find_split(gauge)
    if loss.pins_gauge and str(share) != "balanced":
        raise SpellingError(
            f"objective {objective!r} leaves the gauge no choice, its factors are balanced: "
            f'drop gauge={gauge!r}, or take objective="product"'
        )
    NOT_NEGATIVE.check("penalty", penalty)
