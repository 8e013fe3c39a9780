"""Vector models of RecTools, through the arrays that ``get_vectors`` gives."""

import inspect
from collections.abc import Mapping
from typing import Any

from anglewise.errors import SpellingError
from anglewise.interop.factors import Factors, as_array
from anglewise.interop.implicit_model import bias_columns


def recognised(model: Any) -> bool:
    """Whether an object gives vectors as RecTools' models do."""
    return callable(getattr(model, "get_vectors", None))


def factors_of(model: Any, features: Mapping[str, Any]) -> Factors:
    """Users and items; ids where ``dataset=`` brings RecTools' data set.

    Models with features (LightFM's) need the data set to make their vectors.
    """
    dataset = features.get("dataset")
    wants = "dataset" in inspect.signature(model.get_vectors).parameters
    if wants and dataset is None:
        raise SpellingError(
            f"{type(model).__name__} makes its vectors from the data set: from_model(model, "
            "dataset=...)"
        )
    users, items = model.get_vectors(dataset) if wants else model.get_vectors()
    users, items = as_array(users, "user vectors"), as_array(items, "item vectors")
    return Factors(
        items=items,
        users=users,
        bias_columns=bias_columns(users, items, None),
        user_ids=None if dataset is None else dataset.user_id_map.external_ids,
        item_ids=None if dataset is None else dataset.item_id_map.external_ids,
        about={"library": "rectools", "model": type(model).__name__},
    )
