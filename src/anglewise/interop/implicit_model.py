"""Models of implicit: ALS, BPR and logistic factorisation, as objects or as their ``.npz``."""

from collections.abc import Mapping
from typing import Any

from anglewise.core.typing import Array
from anglewise.interop.factors import Factors, as_array

FEWEST_ROWS = 3
"""With fewer rows than this a column is constant by chance."""


def recognised(model: Any) -> bool:
    """Whether an object has the factors of implicit's models."""
    return hasattr(model, "user_factors") and hasattr(model, "item_factors")


def factors_of(model: Any, _features: Mapping[str, Any]) -> Factors:
    """Users and items, with the columns named that the training keeps for biases."""
    users = as_array(model.user_factors, "user_factors")
    items = as_array(model.item_factors, "item_factors")
    return Factors(
        items=items,
        users=users,
        bias_columns=bias_columns(users, items, getattr(model, "factors", None)),
        about={"library": "implicit", "model": type(model).__name__},
    )


def bias_columns(users: Array, items: Array, factors: Any) -> tuple[int, ...]:
    """The columns beyond the number of factors that was asked for, if one side is constant there.

    BPR adds one column (1 for users, a bias for items), logistic factorisation two (one of each);
    ALS none. Where the number is not known (``None``), constant columns alone tell.
    """
    if users.ndim != 2 or users.shape[1:] != items.shape[1:]:
        return ()
    first = 0 if factors is None else int(factors)
    return tuple(
        column
        for column in range(first, users.shape[1])
        if any(_constant(side[:, column]) for side in (users, items))
    )


def _constant(column: Array) -> bool:
    return bool(len(column) >= FEWEST_ROWS and column[0] != 0 and (column == column[0]).all())
