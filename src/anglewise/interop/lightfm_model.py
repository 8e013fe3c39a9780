"""LightFM: representations of users and items as sums over their features, with biases."""

from collections.abc import Mapping
from typing import Any

from anglewise.interop.factors import Factors, as_array


def recognised(model: Any) -> bool:
    """Whether an object gives LightFM's representations."""
    return hasattr(model, "get_user_representations") and hasattr(model, "get_item_representations")


def factors_of(model: Any, features: Mapping[str, Any]) -> Factors:
    """Users and items with their biases; ``user_features`` and ``item_features`` as in fitting."""
    user_biases, users = model.get_user_representations(features.get("user_features"))
    item_biases, items = model.get_item_representations(features.get("item_features"))
    return Factors(
        items=as_array(items, "item representations"),
        users=as_array(users, "user representations"),
        user_biases=as_array(user_biases, "user biases"),
        item_biases=as_array(item_biases, "item biases"),
        about={"library": "lightfm", "loss": str(getattr(model, "loss", "unknown"))},
    )
