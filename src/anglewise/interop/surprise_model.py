"""Surprise's SVD (and biased NMF): ``mu + b_u + b_i + q_i . p_u``."""

from collections.abc import Mapping
from typing import Any

from anglewise.errors import ValuesError
from anglewise.interop.factors import Factors, as_array


def recognised(model: Any) -> bool:
    """Whether an object has the factors of Surprise's matrix factorisations."""
    return hasattr(model, "pu") and hasattr(model, "qi")


def factors_of(model: Any, _features: Mapping[str, Any]) -> Factors:
    """Users and items with the ids of the ratings; biases if the model is biased.

    Raises ``ValuesError`` for SVD++, whose users also depend on what they rated.
    """
    if hasattr(model, "yj"):
        raise ValuesError(
            "SVD++ moves each user by what was rated, so pu alone is not where users stand: add "
            "sum(yj[rated]) / sqrt(len(rated)) to it and give the arrays as .npy"
        )
    biased = bool(getattr(model, "biased", False))
    trainset = getattr(model, "trainset", None)
    about: dict[str, Any] = {"library": "surprise", "model": type(model).__name__}
    users, items = as_array(model.pu, "pu"), as_array(model.qi, "qi")
    user_ids = item_ids = None
    if trainset is not None:
        user_ids = [trainset.to_raw_uid(row) for row in range(len(users))]
        item_ids = [trainset.to_raw_iid(row) for row in range(len(items))]
        if biased:
            about["global_mean"] = float(trainset.global_mean)
    return Factors(
        items=items,
        users=users,
        user_biases=as_array(model.bu, "bu") if biased else None,
        item_biases=as_array(model.bi, "bi") if biased else None,
        user_ids=user_ids,
        item_ids=item_ids,
        about=about,
    )
