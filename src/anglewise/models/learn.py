"""A model by the name of its objective: what ``anglewise fit`` and others learn by."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from anglewise.core.embeddings import Space
from anglewise.core.typing import Array
from anglewise.errors import SpellingError
from anglewise.models.closed_form import fit_linear
from anglewise.models.item_weights import fit_ease
from anglewise.models.objective import OBJECTIVES
from anglewise.models.raw_table import raw_table
from anglewise.normalisation.normalisation import Normalisation

EASE, RAW = "ease", "raw-data"
COMPONENTS, PENALTY, GAUGE = 64, 1000.0, "balanced"


@runtime_checkable
class Model(Protocol):
    """What was learned from a table of users and items, and makes a space of users and items."""

    @property
    def about(self) -> Mapping[str, Any]:
        """How it was made, for the space."""
        ...

    def fold_in(self, X: Any) -> Array:
        """The vectors of users, known or new, from what they used (users x items)."""
        ...

    def space(
        self,
        users: Any,
        *,
        user_ids: Iterable[Any] | None = None,
        item_ids: Iterable[Any] | None = None,
        user_metadata: Mapping[str, Any] | None = None,
        item_metadata: Mapping[str, Any] | None = None,
        seen: Any = None,
        about: Mapping[str, Any] | None = None,
    ) -> Space:
        """These users and all items as a space."""
        ...


def learn(
    X: Any,
    *,
    objective: str = "product",
    components: int | None = None,
    penalty: float | None = None,
    gauge: str | None = None,
    normalise: str | Normalisation = "none",
    seed: int = 0,
) -> Model:
    """Learn from training users (users x items, sparse or dense; a row each, none kept empty).

    Parameters
    ----------
    objective
        ``"product"`` or ``"factors"`` (``fit_linear``), ``"ease"`` (``fit_ease``), or
        ``"raw-data"`` (``raw_table``), which learns nothing.
    components, gauge
        Of the linear models; 64 and ``"balanced"`` if not given.
    penalty
        If not given, 1000 for linear models, and for ``"ease"`` the best one for users kept aside.
    normalise
        What is done to the table first: see ``anglewise.normalisation``.
    seed
        Of the start of an iteration, and of the users kept aside.

    Raises
    ------
    SpellingError
        An unknown objective, or an option that it does not have.
    ValuesError, ShapeError, TooFewError
        As these functions do.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 1, 1]])
    >>> type(learn(X, objective="ease", penalty=2.0, normalise="l2")).__name__
    'ItemWeights'
    """
    if objective in OBJECTIVES:
        return fit_linear(
            X,
            COMPONENTS if components is None else components,
            objective=objective,
            penalty=PENALTY if penalty is None else penalty,
            gauge=GAUGE if gauge is None else gauge,
            normalise=normalise,
            seed=seed,
        )
    if objective not in {EASE, RAW}:
        known = ", ".join([*OBJECTIVES, EASE, RAW])
        raise SpellingError(f"objective {objective!r} is unknown: take one of {known}")
    refuse(objective, components=components, gauge=gauge)
    if objective == EASE:
        return fit_ease(X, penalty, normalise=normalise, seed=seed)
    refuse(objective, penalty=penalty)
    return raw_table(X, normalise=normalise)


def refuse(objective: str, **options: object) -> None:
    """Say which options were given that an objective does not have; ``SpellingError``.

    >>> refuse("ease", gauge=None)
    >>> refuse("ease", gauge="balanced")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: objective 'ease' has no gauge: leave it out
    """
    given = [name for name, value in options.items() if value is not None]
    if given:
        what = " and no ".join(given)
        raise SpellingError(f"objective {objective!r} has no {what}: leave it out")
